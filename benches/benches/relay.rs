//! The relay beside a bare server (DESIGN §8): durable, receipted entries a second, of one record
//! each, against axum over the same TLS that takes the same body, verifies one Ed25519 signature
//! and syncs in groups. Both run as processes of their own and take turns; the clients' processor
//! time counts for both. Then the time to a receipt at half load, memory, and the time to start
//! again on a long log.
//!
//! The sealed objects that the entries name lie in the relay's store already: their way there is
//! measured apart. Long logs lie in the cache folder and are taken up again by the next run.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark"
)]

mod house;

use std::error::Error;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use benches::{Bench, Clock, Cost, Goal, Row, Turns, peak_memory, quantile};
use client::{RelayAddress, RelayClient, pinned_tls};
use house::{Chain, LOG_SEED, Owner, records};
use relay::{ArchiveConfig, Relay, RelayConfig, RunningRelay};
use seal::Form;
use testkit::Seeded;
use tlog::SigningSeed;
use tokio::sync::{mpsc, oneshot};
use wire::api::{Route, write_bundle};
use wire::{Body, Entry, TlsIdentity};

/// Agents, each with one request under way.
const AGENTS: u32 = 512;
const CONNECTIONS: usize = 4;
const SIGNATURE: &str = "x-signature";
const BARE_KEY: [u8; 32] = [5; 32];
/// The relay's interval between groups under load, in milliseconds.
const INTERVAL: f64 = 200.0;
const MIB: f64 = 1_048_576.0;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--serve") {
        serve(&arguments[at + 1], Path::new(&arguments[at + 2]));
        return ExitCode::SUCCESS;
    }
    benches::run("relay", |bench| {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        entries(bench, &runtime)?;
        objects(bench, &runtime)?;
        for size in bench.either(&[100_000, 1_000_000][..], &[100_000]) {
            restart(bench, *size)?;
        }
        Ok(())
    })
}

/// A signed entry as it goes over the wire.
struct Posted {
    body: Bytes,
    /// For the bare server, in hexadecimal digits.
    signature: String,
}

fn entries(bench: &mut Bench, runtime: &tokio::runtime::Runtime) -> Result<(), Box<dyn Error>> {
    let rounds = bench.either(15, 5);
    let each = 8;
    let paced = 20;
    bench.progress("sealing and signing entries");
    let owner = Owner::new();
    let folder = tempfile::tempdir_in(cache()?)?;
    let (ours_folder, bare_folder) = (folder.path().join("ours"), folder.path().join("bare"));
    std::fs::create_dir_all(&bare_folder)?;
    let objects = archive_folder(&ours_folder, &owner).join("objects");
    let bare_key = Ed25519KeyPair::from_seed_unchecked(&BARE_KEY)?;
    let mut randomness = Seeded::new(9);
    let mut posts: Vec<Vec<Posted>> = Vec::new();
    let mut object_bytes = 0;
    for number in 0..AGENTS {
        let mut agent = Chain::agent(number, owner.archive());
        let mut own = Vec::new();
        for at in 0..(each * (rounds + 1) + paced) {
            let one = records(number * 10_000 + at as u32, 1);
            let (entry, sealed) = agent.seal(&one, &owner.key, Form::Live, &mut randomness);
            let name = sealed.object.hash().to_string();
            let path = objects.join(&name[..2]).join(&name);
            std::fs::create_dir_all(path.parent().unwrap())?;
            std::fs::write(path, sealed.object.bytes())?;
            object_bytes = sealed.object.bytes().len();
            let body = write_bundle(&[entry])?;
            let signature = canonical::hex(bare_key.sign(&body).as_ref());
            own.push(Posted {
                body: body.into(),
                signature,
            });
        }
        own.reverse();
        posts.push(own);
    }
    let entry_bytes = posts[0][0].body.len();
    let mut ours = Server::start("ours", &ours_folder)?;
    let mut bare = Server::start("bare", &bare_folder)?;
    let mut costs = vec![Vec::new(), Vec::new()];
    let mut served = vec![Vec::new(), Vec::new()];
    let count = AGENTS * each as u32;
    for round in 0..=rounds {
        let some: Vec<Vec<Posted>> = posts
            .iter_mut()
            .map(|own| own.split_off(own.len() - each))
            .collect();
        let some = Arc::new(some);
        for turn in 0..2 {
            let who = (round + turn) % 2;
            let server = if who == 0 { &mut ours } else { &mut bare };
            let before = server.state()?;
            let cost = Clock::Process.cost(|| runtime.block_on(load(server, some.clone())));
            let after = server.state()?;
            let own = (after.0 - before.0) / count;
            // The first round warms up.
            if round > 0 {
                costs[who].push(Cost {
                    wall: cost.wall / count,
                    cpu: cost.cpu / count + own,
                });
                served[who].push(Cost {
                    wall: cost.wall / count,
                    cpu: own,
                });
            }
        }
    }
    let turns = Turns::of(costs);
    let rate = |who| 1.0 / turns.cost(who).wall.as_secs_f64();
    let what = format!("entries of {entry_bytes} bytes, receipted, {AGENTS} agents");
    let row = Row::beside(
        what,
        format!("{:.0} a second", rate(0)),
        format!("{:.0}", rate(1)),
        turns.ratio(0, 1),
    );
    bench.row(row.goal(Goal::Ratio(0.6)));
    let full = rate(0);
    let turns = Turns::of(served);
    bench.row(Row::beside(
        "the server's processor time for an entry",
        format!("{} µs", turns.cost(0).cpu.as_micros()),
        format!("{} µs", turns.cost(1).cpu.as_micros()),
        turns.ratio(0, 1),
    ));
    let memory = ours.state()?.1 as f64 / MIB;
    bench.row(
        Row::figure(
            "the relay's memory at full load",
            format!("{memory:.0} MiB"),
        )
        .goal(Goal::AtMost(150.0, memory)),
    );
    bench.row(Row::figure(
        "a live message of one record: object and entry",
        format!("{object_bytes} + {} bytes", entry_bytes + 8),
    ));
    bare.stop()?;

    let rest: Vec<Posted> = (0..paced)
        .flat_map(|_| posts.iter_mut().filter_map(Vec::pop).collect::<Vec<_>>())
        .collect();
    let times = runtime.block_on(pace(&ours, rest, full / 2.0));
    let (p50, p99) = (quantile(times.clone(), 0.5), quantile(times, 0.99));
    bench.row(
        Row::figure(
            format!(
                "time to a receipt at half load ({:.0} a second), p99",
                full / 2.0
            ),
            format!("{p99:.0} ms, median {p50:.0} ms"),
        )
        .goal(Goal::AtMost(1.5 * INTERVAL, p99)),
    );
    ours.stop()
}

/// Each agent posts its entries one after the other.
async fn load(server: &Server, posts: Arc<Vec<Vec<Posted>>>) {
    let agents = (0..posts.len()).map(|number| {
        let client = server.clients[number % CONNECTIONS].clone();
        let (url, posts) = (server.url.clone(), posts.clone());
        tokio::spawn(async move {
            for posted in posts[number].iter().rev() {
                send(&client, &url, posted.body.clone(), &posted.signature).await;
            }
        })
    });
    for agent in agents.collect::<Vec<_>>() {
        agent.await.unwrap();
    }
}

async fn send(client: &reqwest::Client, url: &str, body: Bytes, signature: &str) {
    let request = client.post(url).header(SIGNATURE, signature).body(body);
    let response = request.send().await.unwrap();
    let status = response.status();
    let answer = response.bytes().await.unwrap();
    assert!(status.is_success(), "{status} {answer:?}");
    assert!(!answer.is_empty());
}

/// Posts at this rate, whatever the answers take; milliseconds to each answer.
async fn pace(server: &Server, posts: Vec<Posted>, rate: f64) -> Vec<f64> {
    let began = tokio::time::Instant::now();
    let mut waiting = Vec::new();
    for (at, posted) in posts.into_iter().enumerate() {
        let due = began + Duration::from_secs_f64(at as f64 / rate);
        tokio::time::sleep_until(due).await;
        let client = server.clients[at % CONNECTIONS].clone();
        let url = server.url.clone();
        waiting.push(tokio::spawn(async move {
            send(&client, &url, posted.body, &posted.signature).await;
            due.elapsed().as_secs_f64() * 1e3
        }));
    }
    let mut times = Vec::new();
    for one in waiting {
        times.push(one.await.unwrap());
    }
    times
}

/// A whole message: its object is uploaded by a signed request and synced, then its entry.
fn objects(bench: &mut Bench, runtime: &tokio::runtime::Runtime) -> Result<(), Box<dyn Error>> {
    let each = bench.either(20, 5);
    let folder = tempfile::tempdir_in(cache()?)?;
    let mut server = Server::start("ours", folder.path())?;
    let owner = Owner::new();
    let address = RelayAddress {
        url: server.base.clone(),
        pin: server.pin,
    };
    let mut sealing = Seeded::new(21);
    let mut agents = Vec::new();
    for number in 0..64 {
        let mut agent = Chain::agent(number, owner.archive());
        let sealed: Vec<(Entry, Bytes)> = (0..each)
            .map(|at| {
                let one = records(number * 10_000 + at, 1);
                let (entry, sealed) = agent.seal(&one, &owner.key, Form::Live, &mut sealing);
                (entry, sealed.object.into_bytes().into())
            })
            .collect();
        let client = RelayClient::new(&address, owner.archive(), agent.key)?;
        agents.push((client, sealed));
    }
    let before = server.state()?.0;
    let cost = Clock::Process.cost(|| {
        runtime.block_on(async {
            let tasks = agents.into_iter().map(|(client, sealed)| {
                tokio::spawn(async move {
                    for (entry, bytes) in sealed {
                        let object = entry.objects()[0];
                        client.upload_object(object.hash, bytes).await.unwrap();
                        assert_eq!(
                            client
                                .post_entries(&[entry])
                                .await
                                .unwrap()
                                .receipts()
                                .len(),
                            1
                        );
                    }
                })
            });
            for task in tasks.collect::<Vec<_>>() {
                task.await.unwrap();
            }
        });
    });
    let count = 64 * each;
    let served = (server.state()?.0 - before) / count;
    bench.row(Row::figure(
        "whole messages: object uploaded and synced, then the entry, 64 agents",
        format!(
            "{:.0} a second, {} µs of the relay",
            f64::from(count) / cost.wall.as_secs_f64(),
            served.as_micros()
        ),
    ));
    server.stop()
}

/// How long a relay takes to serve a log of so many entries, after it was stopped.
fn restart(bench: &mut Bench, size: u64) -> Result<(), Box<dyn Error>> {
    let folder = cache()?.join(format!("log-{size}"));
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let running = start(&folder).await;
        grow(bench, &running, size).await;
        running.shutdown().await;
        let mut times = Vec::new();
        for _ in 0..5 {
            let began = Instant::now();
            let running = start(&folder).await;
            times.push(began.elapsed().as_secs_f64());
            let archive = running.archive(Owner::new().archive()).unwrap();
            assert!(archive.published_size().get() >= size);
            running.shutdown().await;
        }
        let seconds = quantile(times, 0.5);
        let row = Row::figure(
            format!("start on a log of {size} entries"),
            format!("{seconds:.3} s"),
        );
        bench.row(row.goal(Goal::AtMost(2.0, seconds)));
    });
    Ok(())
}

/// Heartbeats of two agents until the log has the size.
async fn grow(bench: &Bench, running: &RunningRelay, size: u64) {
    let owner = Owner::new();
    let archive = running.archive(owner.archive()).unwrap();
    let missing = size.saturating_sub(archive.published_size().get());
    if missing == 0 {
        bench.progress(&format!("the log of {size} entries lies there already"));
        return;
    }
    bench.progress(&format!("growing a log by {missing} entries"));
    // Fresh agents, so that a log that another run left half grown goes on.
    let fresh = u32::try_from(archive.published_size().get()).unwrap();
    let mut acting = Owner::new();
    acting.begin(
        &(0..AGENTS)
            .map(|number| Chain::agent(number, owner.archive()))
            .collect::<Vec<_>>(),
    );
    assert!(
        fresh <= AGENTS + 2,
        "{size}: remove the folder and run again"
    );
    let mut tasks = Vec::new();
    for number in 0..8 {
        let archive = archive.clone();
        tasks.push(tokio::spawn(async move {
            let mut agent = Chain::agent(number, archive.id());
            for _ in 0..missing / 8 / 64 + 1 {
                let entries: Vec<Entry> = (0..64)
                    .map(|_| agent.say(heartbeat(), Vec::new()))
                    .collect();
                let bundle = write_bundle(&entries).unwrap();
                let submitted = archive.submit(&bundle).await.unwrap();
                assert_eq!(submitted.receipts.len(), 64);
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
}

fn heartbeat() -> Body {
    Body::Heartbeat(wire::Heartbeat {
        accounts: Vec::new(),
        waiting: 0,
        details: None,
    })
}

/// A relay on the folder whose log has begun.
async fn start(folder: &Path) -> RunningRelay {
    let mut owner = Owner::new();
    let mut config = RelayConfig::in_folder(folder.to_owned());
    // One machine stands for many: nobody is held back by address.
    config.limits.address_requests.per_second = 10_000_000;
    config.limits.address_requests.burst = 10_000_000;
    let archive = ArchiveConfig::new(owner.archive(), SigningSeed::from_bytes(LOG_SEED));
    config.archives.push(archive);
    let running = Relay::start(config).await.unwrap();
    let archive = running.archive(owner.archive()).unwrap();
    if archive.published_size().get() == 0 {
        let agents: Vec<Chain> = (0..AGENTS)
            .map(|number| Chain::agent(number, owner.archive()))
            .collect();
        for some in owner.begin(&agents).chunks(64) {
            let bundle = write_bundle(some).unwrap();
            let submitted = archive.submit(&bundle).await.unwrap();
            assert!(submitted.refused.is_none(), "{:?}", submitted.refused);
        }
    }
    running
}

fn archive_folder(folder: &Path, owner: &Owner) -> PathBuf {
    folder.join("archives").join(owner.archive().to_string())
}

fn cache() -> std::io::Result<PathBuf> {
    let folder = match std::env::var_os("GREFFE_BENCH_CACHE") {
        Some(folder) => PathBuf::from(folder),
        None => std::env::temp_dir().join("greffe-bench"),
    }
    .join("relay");
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// A server in a process of its own.
struct Server {
    child: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
    base: String,
    url: String,
    pin: TlsIdentity,
    clients: Vec<reqwest::Client>,
}

impl Server {
    fn start(kind: &str, folder: &Path) -> Result<Self, Box<dyn Error>> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["--serve", kind])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let ask = child.stdin.take().ok_or("no way to ask")?;
        let mut answers = BufReader::new(child.stdout.take().ok_or("no answers")?);
        let mut line = String::new();
        answers.read_line(&mut line)?;
        let (address, pin) = line.trim().split_once(' ').ok_or("no address")?;
        let mut bytes = [0; 32];
        canonical::hex_into(pin, &mut bytes)?;
        let pin = TlsIdentity::from_bytes(bytes);
        let base = format!("https://{address}");
        let url = format!("{base}{}", Route::Entries.target(&Owner::new().archive()));
        let clients = (0..CONNECTIONS)
            .map(|_| {
                let tls = pinned_tls(pin).unwrap();
                reqwest::Client::builder()
                    .tls_backend_preconfigured(tls)
                    .no_proxy()
                    .build()
                    .unwrap()
            })
            .collect();
        Ok(Self {
            child,
            ask,
            answers,
            base,
            url,
            pin,
            clients,
        })
    }

    /// Processor time so far, and the most memory in bytes.
    fn state(&mut self) -> Result<(Duration, u64), Box<dyn Error>> {
        writeln!(self.ask, "state")?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        let (time, memory) = line.trim().split_once(' ').ok_or("no state")?;
        Ok((Duration::from_nanos(time.parse()?), memory.parse()?))
    }

    fn stop(self) -> Result<(), Box<dyn Error>> {
        let Self {
            mut child,
            ask,
            clients,
            ..
        } = self;
        drop((ask, clients));
        child.wait()?;
        Ok(())
    }
}

/// The other process: serves until nobody asks any more.
fn serve(kind: &str, folder: &Path) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let running = match kind {
            "ours" => {
                let running = start(folder).await;
                println!(
                    "{} {}",
                    running.address(),
                    canonical::hex(running.pin().as_bytes())
                );
                Some(running)
            }
            _ => {
                bare(folder).await;
                None
            }
        };
        tokio::task::spawn_blocking(|| {
            for line in std::io::stdin().lock().lines() {
                if line.is_err() {
                    break;
                }
                let memory = peak_memory().unwrap_or_default();
                println!("{} {memory}", Clock::Process.cpu().as_nanos());
            }
        })
        .await
        .unwrap();
        if let Some(running) = running {
            running.shutdown().await;
        }
        std::process::exit(0);
    });
}

/// What waits for its sync.
type Written = (Bytes, oneshot::Sender<()>);

#[derive(Clone)]
struct Bare {
    key: Arc<UnparsedPublicKey<Vec<u8>>>,
    queue: mpsc::UnboundedSender<Written>,
}

async fn bare(folder: &Path) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let parsed = rustls::server::ParsedCertificate::try_from(&certificate).unwrap();
    let pin = canonical::sha256(&parsed.subject_public_key_info());
    let private =
        rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], private)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];

    let (queue, waiting) = mpsc::unbounded_channel();
    let file = std::fs::File::create(folder.join("entries")).unwrap();
    std::thread::spawn(move || write(waiting, file));
    let key = Ed25519KeyPair::from_seed_unchecked(&BARE_KEY).unwrap();
    let state = Bare {
        key: Arc::new(UnparsedPublicKey::new(
            &ED25519,
            key.public_key().as_ref().to_vec(),
        )),
        queue,
    };
    let router = Router::new().fallback(post(take)).with_state(state);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    println!(
        "{} {}",
        listener.local_addr().unwrap(),
        canonical::hex(&pin)
    );
    let acceptor = axum_server::tls_rustls::RustlsAcceptor::new(
        axum_server::tls_rustls::RustlsConfig::from_config(Arc::new(config)),
    )
    .acceptor(axum_server::accept::NoDelayAcceptor::new());
    let mut server = axum_server::from_tcp(listener).unwrap().acceptor(acceptor);
    server.http_builder().http2().max_concurrent_streams(128);
    tokio::spawn(async move { server.serve(router.into_make_service()).await });
}

async fn take(State(bare): State<Bare>, headers: HeaderMap, body: Bytes) -> (StatusCode, Vec<u8>) {
    let mut signature = [0; 64];
    let text = headers.get(SIGNATURE).and_then(|value| value.to_str().ok());
    let read = text.is_some_and(|text| canonical::hex_into(text, &mut signature).is_ok());
    if !read || bare.key.verify(&body, &signature).is_err() {
        return (StatusCode::FORBIDDEN, Vec::new());
    }
    let (done, answer) = oneshot::channel();
    bare.queue.send((body.clone(), done)).unwrap();
    answer.await.unwrap();
    (StatusCode::OK, canonical::sha256(&body).to_vec())
}

/// Writes what waits, syncs once, answers all.
fn write(mut waiting: mpsc::UnboundedReceiver<Written>, mut file: std::fs::File) {
    while let Some(first) = waiting.blocking_recv() {
        let mut group = vec![first];
        while let Ok(next) = waiting.try_recv() {
            group.push(next);
        }
        let bytes: Vec<u8> = group.iter().flat_map(|(body, _)| body.to_vec()).collect();
        file.write_all(&bytes).unwrap();
        file.sync_data().unwrap();
        for (_, done) in group {
            let _ = done.send(());
        }
    }
}
