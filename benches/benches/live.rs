//! The whole live path (DESIGN §8, hosted capture): messages come from connectors over sockets, are
//! sealed and spooled by a host of many custodians' agents, logged by a relay, held and confirmed
//! by a vault, and let go by the host. Connectors, host, relay and vault are processes of their own.
//!
//! Two runs for each number of accounts: *flood*, in which every connector sends as fast as it is
//! let, gives the rate; *calm*, in which all of them together send so many a second, gives the times
//! from the connector's send to the receipt and to the agent's knowledge that the vault holds it.
//! An agent asks for the latter every five seconds, as it is shipped.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark"
)]

use std::collections::{BTreeMap, VecDeque};
use std::error::Error;
use std::io::{BufRead, BufReader};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use benches::{Bench, Row, quantile};
use capture::{
    Agent, Board, ConnectorCommand, Courier, Delivery, Identity, Line, LiveJob, Pace, Stop,
};
use client::{RelayAddress, RelayClient};
use connector::kit;
use connector::{Incoming, Position, State};
use relay::Relay;
use scenarios::office::{Office, address, environment};
use scenarios::source::{NETWORK, hello, live_message};
use vault::follow::Locked;
use vault::system::now;
use wire::RetentionClass;

/// Messages a second of all accounts together in the calm run.
const CALM: u64 = 20;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["--relay", folder] => run(relay(Office::open(Path::new(folder)))),
        ["--vault", folder, url, pin] => run(vault(Office::open(Path::new(folder)), at(url, pin))),
        ["--connectors", socket, count, every] => {
            connectors(Path::new(socket), number(count), number(every));
        }
        ["--host", folder, url, pin, socket, accounts] => {
            let (office, relay) = (Office::open(Path::new(folder)), at(url, pin));
            run(host(office, relay, PathBuf::from(socket), number(accounts)));
        }
        _ => {
            return benches::run("live", |bench| {
                let mut memory: Vec<(u64, f64)> = Vec::new();
                for accounts in [1, 100, 1_000] {
                    let total = bench.either(20_000, 2_000).max(accounts * 2);
                    let flood = one(bench, accounts, total / accounts, 0)?;
                    let calm = bench.either(60, 15) * CALM;
                    let calm = one(
                        bench,
                        accounts,
                        (calm / accounts).max(1),
                        accounts * 1_000 / CALM,
                    )?;
                    rows(bench, accounts, &flood, &calm);
                    memory.push((accounts, flood.memory.max(calm.memory)));
                }
                growth(bench, &memory);
                Ok(())
            });
        }
    }
    ExitCode::SUCCESS
}

fn number(text: &str) -> u64 {
    text.parse().unwrap()
}

fn at(url: &str, pin: &str) -> RelayAddress {
    RelayAddress {
        url: url.to_owned(),
        pin: pin.parse().unwrap(),
    }
}

fn run(part: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(part);
}

/// What one run showed.
struct Seen {
    /// Messages a second, from the first that was sent to the last that was let go.
    rate: f64,
    /// Milliseconds to the receipt, and to the vault's confirmation, of each message.
    receipted: Vec<f64>,
    stored: Vec<f64>,
    /// Entries for a message.
    entries: f64,
    /// The host's peak, in MiB.
    memory: f64,
}

fn rows(bench: &mut Bench, accounts: u64, flood: &Seen, calm: &Seen) {
    let name = format!("{accounts} accounts");
    bench.row(Row::figure(
        format!("{name}, flood: messages a second, connector to `stored`"),
        format!("{:.0}, {:.2} entries a message", flood.rate, flood.entries),
    ));
    for (what, times) in [("receipt", &calm.receipted), ("`stored`", &calm.stored)] {
        let quantiles = [0.5, 0.99].map(|share| quantile(times.clone(), share));
        bench.row(Row::figure(
            format!("{name}, {CALM} a second: ms to {what}, p50 and p99"),
            format!("{:.0}, {:.0}", quantiles[0], quantiles[1]),
        ));
    }
    bench.row(Row::figure(
        format!("{name}: the host's memory, peak"),
        format!("{:.0} MiB", flood.memory.max(calm.memory)),
    ));
}

/// What each further account takes of the host.
fn growth(bench: &mut Bench, memory: &[(u64, f64)]) {
    for pair in memory.windows(2) {
        let [(few, less), (many, more)] = pair else {
            continue;
        };
        let each = (more - less) / (many - few) as f64;
        bench.row(Row::figure(
            format!("memory of an account, from {few} to {many}"),
            format!("{each:.2} MiB"),
        ));
    }
}

/// A process that is ended when it is dropped.
struct Part(Child);

impl Drop for Part {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Part {
    fn start(arguments: &[&str]) -> Result<(Self, impl BufRead + use<>), Box<dyn Error>> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let lines = BufReader::new(child.stdout.take().ok_or("no output")?);
        Ok((Self(child), lines))
    }
}

/// So many accounts send `count` messages each, one every so many milliseconds or as fast as can be.
fn one(bench: &Bench, accounts: u64, count: u64, every: u64) -> Result<Seen, Box<dyn Error>> {
    bench.progress(&format!("{accounts} accounts, {count} messages each"));
    let folder = tempfile::tempdir()?;
    Office::found_host(folder.path(), 1, usize::try_from(accounts)?);
    let path = folder.path().to_string_lossy().into_owned();
    let (_relay, mut lines) = Part::start(&["--relay", &path])?;
    let mut line = String::new();
    lines.read_line(&mut line)?;
    let (url, pin) = line.trim().split_once(' ').ok_or("no address")?;
    let (_vault, _) = Part::start(&["--vault", &path, url, pin])?;
    let socket = folder.path().join("s").to_string_lossy().into_owned();
    let each = [count, every].map(|number| number.to_string());
    let (_connectors, mut sends) = Part::start(&["--connectors", &socket, &each[0], &each[1]])?;
    sends.read_line(&mut String::new())?;
    let accounts_text = accounts.to_string();
    let (host, hears) = Part::start(&["--host", &path, url, pin, &socket, &accounts_text])?;

    // Account, number, and when it was sent.
    let sent: Arc<Mutex<BTreeMap<String, VecDeque<f64>>>> = Arc::default();
    let (all, filled) = (Arc::clone(&sent), accounts * count);
    let reader = std::thread::spawn(move || {
        for line in sends.lines().map_while(Result::ok).take(filled as usize) {
            let (account, time) = line.split_once(' ').unwrap();
            let mut all = all.lock().unwrap();
            let times = all.entry(account.to_owned()).or_default();
            times.push_back(time.parse().unwrap());
        }
    });
    let mut progress = Progress::default();
    let mut memory = 0.0_f64;
    let mut entries = 0;
    for line in hears.lines().map_while(Result::ok) {
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["memory", bytes] => memory = memory.max(bytes.parse::<f64>()? / 1_048_576.0),
            ["entries", more] => entries += number(more),
            [account, time, receipted, stored] => {
                let steps = (number(receipted), number(stored));
                progress.note(account, time.parse()?, steps);
            }
            _ => return Err(format!("the host said {line}").into()),
        }
        if progress.stored() >= filled {
            break;
        }
    }
    reader.join().map_err(|_| "reading what was sent")?;
    drop(host);
    let sent = sent.lock().unwrap();
    let first = sent.values().flatten().copied().fold(f64::MAX, f64::min);
    let (receipted, stored) = progress.times(&sent);
    if stored.len() as u64 != filled {
        return Err(format!("{} of {filled} messages were confirmed", stored.len()).into());
    }
    Ok(Seen {
        rate: filled as f64 / ((progress.last - first) / 1_000.0),
        receipted,
        stored,
        entries: entries as f64 / filled as f64,
        memory,
    })
}

/// How far each account was, and when.
#[derive(Default)]
struct Progress {
    accounts: BTreeMap<String, Vec<(f64, u64, u64)>>,
    last: f64,
}

impl Progress {
    fn note(&mut self, account: &str, time: f64, (receipted, stored): (u64, u64)) {
        let steps = self.accounts.entry(account.to_owned()).or_default();
        steps.push((time, receipted, stored));
        self.last = self.last.max(time);
    }

    fn stored(&self) -> u64 {
        let newest = self.accounts.values().filter_map(|steps| steps.last());
        newest.map(|(_, _, stored)| stored).sum()
    }

    /// Milliseconds of each message, which go through in their order.
    fn times(&self, sent: &BTreeMap<String, VecDeque<f64>>) -> (Vec<f64>, Vec<f64>) {
        let (mut receipted, mut stored) = (Vec::new(), Vec::new());
        for (account, steps) in &self.accounts {
            for (number, at) in (1..).zip(sent.get(account).into_iter().flatten()) {
                let when = |reached: fn(&(f64, u64, u64)) -> u64| {
                    let step = steps.iter().find(|step| reached(step) >= number);
                    step.map(|(time, _, _)| time - at)
                };
                receipted.extend(when(|step| step.1));
                stored.extend(when(|step| step.2));
            }
        }
        (receipted, stored)
    }
}

/// Milliseconds since 1970, with fractions, for all processes of this machine.
fn clock() -> f64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap().as_secs_f64() * 1_000.0
}

async fn relay(office: Office) {
    let running = Relay::start(office.relay_config(&office.folder().join("relay")))
        .await
        .unwrap();
    office.begin_log(&address(&running)).await;
    println!("{} {}", running.url(), running.pin());
    std::future::pending::<()>().await;
}

async fn vault(office: Office, relay: RelayAddress) {
    let client =
        RelayClient::new(&relay, office.genesis().archive_id(), office.vault_key()).unwrap();
    let (folder, genesis) = (office.vault(), office.genesis().clone());
    let mut locked = Locked::open(&folder, genesis, office.vault_key(), client, now).unwrap();
    loop {
        while locked.step().await.is_ok_and(|step| step.more) {}
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Serves a connector over each connection to the socket; says when it has sent what.
fn connectors(socket: &Path, count: u64, every: u64) {
    let listener = UnixListener::bind(socket).unwrap();
    println!("open");
    for stream in listener.incoming().map_while(Result::ok) {
        std::thread::Builder::new()
            .stack_size(256 << 10)
            .spawn(move || connector(&stream, count, every))
            .unwrap();
    }
}

fn connector(stream: &UnixStream, count: u64, every: u64) {
    let from = stream.try_clone().unwrap();
    let mut to = stream.try_clone().unwrap();
    let _ = kit::run(from, &mut to, now, |context| {
        context.hello(hello())?;
        context.state(State::Connected, None)?;
        let start = context.start();
        let (account, custodian) = (start.account.clone(), start.custodian.clone());
        // They begin at different times, so that calm is calm.
        let turn: u64 = account.bytes().map(u64::from).sum::<u64>() * 7_919 % every.max(1);
        context.next_request(Duration::from_millis(turn))?;
        for number in 0..count {
            let record = live_message(&account, &custodian, number);
            println!("{account} {}", clock());
            let position = Position::new((number + 1).to_be_bytes());
            context.emit(vec![Incoming::of(&record)], Some(position))?;
            if every > 0 {
                context.next_request(Duration::from_millis(every))?;
            }
        }
        loop {
            context.next_request(Duration::from_secs(20))?;
            context.state(State::Connected, None)?;
        }
    });
}

async fn host(office: Office, relay: RelayAddress, socket: PathBuf, accounts: u64) {
    for number in 0..accounts {
        let name = format!("c-{number:04}");
        let mut identity = Identity::open(&office.host().join(&name)).unwrap();
        identity.move_relay(relay.url.clone(), relay.pin).unwrap();
        let archive = identity.archive();
        let client = RelayClient::new(&relay, archive, Arc::clone(identity.signer())).unwrap();
        let agent = Arc::new(Agent::open(identity, environment()).unwrap());
        let mut courier = Courier::new(Arc::clone(&agent), client);
        // A relay that many begin to ask at once may ask to wait.
        while courier.read_control().await.is_err() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let board = Arc::new(Board::default());
        let mut delivery = Delivery::new(courier, Arc::clone(&board), Pace::default());
        let (told, account) = (Arc::clone(&agent), name.clone());
        let mut before = (0, 0);
        tokio::spawn(async move {
            let look = |_: &capture::Delivering| {
                let spool = told.spool();
                let handle = told.handle(NETWORK, &account);
                let captured = spool.account_counts(&handle).unwrap().captured;
                let (waiting, receipted) = spool.held_records().unwrap();
                let steps = (captured - waiting, captured - waiting - receipted);
                if steps != before {
                    before = steps;
                    println!("{account} {} {} {}", clock(), steps.0, steps.1);
                }
            };
            delivery.run(std::future::pending(), look).await;
        });
        let job = LiveJob {
            connector: ConnectorCommand::new("/is/not/run"),
            network: NETWORK.to_owned(),
            account: name.clone(),
            custodian: name,
            settings: Vec::new(),
            class: RetentionClass::new(0),
        };
        let socket = socket.clone();
        std::thread::Builder::new()
            .stack_size(512 << 10)
            .spawn(move || {
                let connect = |_: &Path| {
                    let stream = UnixStream::connect(&socket).unwrap();
                    Ok(Line::new(stream.try_clone().unwrap(), stream))
                };
                let tell = |happening: &capture::Happening| {
                    if let capture::Happening::Durable(kept) = happening {
                        println!("entries {}", kept.entries);
                        board.tell();
                    }
                };
                agent.capture_over(&job, connect, &Stop::default(), None, tell)
            })
            .unwrap();
    }
    let began = Instant::now();
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        println!("memory {}", benches::peak_memory().unwrap_or_default());
        assert!(
            began.elapsed() < Duration::from_secs(1_800),
            "it takes too long"
        );
    }
}
