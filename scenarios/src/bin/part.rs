//! One part of an office as a process, for tests that kill, dump and search it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "all of this is test code; what it prints is what tests wait for"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use capture::{
    Agent, BeliefError, ConnectorCommand, Courier, Delivery, Duty, Happening, Identity, LiveJob,
    Pace, RunningAgent, Step, Stop,
};
use client::{RelayAddress, RelayClient};
use relay::Relay;
use scenarios::markers::Family;
use scenarios::office::{Office, environment};
use scenarios::process::{address_of, run};
use scenarios::source::Messages;
use vault::follow::Locked;
use vault::system::now;
use wire::RetentionClass;

/// As the program does: nothing freed can be read again in the reading room.
#[global_allocator]
static ALLOCATOR: vault::wiping_alloc::WipingAlloc = vault::wiping_alloc::WipingAlloc;

/// How often a part looks for more when nothing tells it.
const EVERY: Duration = Duration::from_millis(20);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["room"] => vault::room::serve::serve(std::io::stdin(), &mut std::io::stdout()).unwrap(),
        ["relay", office, folder, port, canary] => with_canaries(canary, || {
            run(relay(
                Office::open(Path::new(office)),
                folder,
                port.parse().unwrap(),
            ));
        }),
        ["vault", office, url, pin] => {
            run(vault(Office::open(Path::new(office)), address_of(url, pin)))
        }
        [
            "agent",
            office,
            url,
            pin,
            word,
            count,
            file_bytes,
            ref new_log @ ..,
        ] => {
            let messages = Messages {
                family: Family::of(word),
                count: count.parse().unwrap(),
                file_bytes: file_bytes.parse().unwrap(),
            };
            let office = Office::open(Path::new(office));
            run(agent(
                office,
                address_of(url, pin),
                messages,
                !new_log.is_empty(),
            ));
        }
        ["host", office, url, pin, synthetic, count, every, dying] => {
            let numbers = [count, every, dying].map(|text| text.parse().unwrap());
            let office = Office::open(Path::new(office));
            run(host(&office, &address_of(url, pin), synthetic, numbers));
        }
        _ => panic!("part relay|vault|agent|room …"),
    }
}

async fn relay(office: Office, folder: &str, port: u16) {
    let mut config = office.relay_config(Path::new(folder));
    config.listen.set_port(port);
    config.operations = Some((std::net::Ipv4Addr::LOCALHOST, 0).into());
    // All that it has to say, to standard error.
    tracing_subscriber::fmt()
        .with_env_filter("debug,relay=trace")
        .with_writer(std::io::stderr)
        .init();
    let relay = Relay::start(config).await.unwrap();
    println!(
        "at {} {} {}",
        relay.url(),
        relay.pin(),
        relay.operations().unwrap()
    );
    std::future::pending::<()>().await;
}

async fn vault(office: Office, relay: RelayAddress) {
    let client =
        RelayClient::new(&relay, office.genesis().archive_id(), office.vault_key()).unwrap();
    let (folder, key) = (office.vault(), office.vault_key());
    let mut locked = Locked::open(&folder, office.genesis().clone(), key, client, now).unwrap();
    println!("open");
    let mut held = 0;
    locked
        .run(EVERY, std::future::pending(), |step| match step {
            Ok(step) if step.stored > held => {
                held = step.stored;
                println!("held {held}");
            }
            Ok(_) | Err(vault::follow::StepError::Relay(_)) => {}
            Err(error) => panic!("{error:?}"),
        })
        .await;
}

async fn agent(office: Office, relay: RelayAddress, messages: Messages, new_log: bool) {
    let mut identity = Identity::open(&office.agent()).unwrap();
    identity.move_relay(relay.url.clone(), relay.pin).unwrap();
    let client =
        RelayClient::new(&relay, identity.archive(), Arc::clone(identity.signer())).unwrap();
    let agent = Arc::new(Agent::open(identity, environment()).unwrap());
    let mut courier = Courier::new(Arc::clone(&agent), client);
    if new_log {
        courier.accept_new_log().await.unwrap();
    }
    // Without the control chain there is nothing to seal to.
    while let Err(error) = courier.read_control().await {
        away(&error);
        tokio::time::sleep(EVERY).await;
    }
    println!("open");
    let import = tokio::task::spawn_blocking({
        let agent = Arc::clone(&agent);
        move || {
            let job = messages.job();
            let mut kept = 0;
            let tell = |happening: &Happening| {
                if let Happening::Durable(more) = happening {
                    kept += more.new + more.known;
                    println!("kept {kept}");
                }
            };
            agent.import_over(&job, messages.connector(), &Stop::default(), tell)
        }
    });
    let mut told = (u64::MAX, u64::MAX);
    loop {
        let imported = import.is_finished();
        let step = courier.deliver().await.unwrap();
        if let Err(error) = courier.collect_stored().await {
            away(&error);
        }
        let counts = agent.spool().counts().unwrap();
        if told != (counts.waiting, counts.receipted) {
            told = (counts.waiting, counts.receipted);
            println!("spool {} {}", told.0, told.1);
        }
        if imported && counts.waiting == 0 {
            println!("delivered");
            if counts.receipted == 0 {
                break;
            }
        }
        let pause = match step {
            Step::Paused(until) => Duration::from_millis(until.since(now()).max(0).unsigned_abs()),
            _ => EVERY,
        };
        tokio::time::sleep(pause).await;
    }
    let summary = import.await.unwrap().unwrap();
    assert_eq!(summary.kept.losses, 0, "{:?}", summary.kept.notes);
    println!("done");
}

async fn host(office: &Office, relay: &RelayAddress, synthetic: &str, numbers: [u64; 3]) {
    let [count, every, dying] = numbers;
    let pace = Pace {
        change: Duration::from_secs(2),
        control: Duration::from_secs(5),
        stored: Duration::from_secs(1),
        idle: Duration::from_secs(1),
        ..Pace::default()
    };
    let mut folders: Vec<_> = std::fs::read_dir(office.host())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    folders.sort();
    let mut seats = Vec::new();
    for (number, folder) in (1..).zip(folders) {
        let mut identity = Identity::open(&folder).unwrap();
        identity.move_relay(relay.url.clone(), relay.pin).unwrap();
        let client =
            RelayClient::new(relay, identity.archive(), Arc::clone(identity.signer())).unwrap();
        let agent = Arc::new(Agent::open(identity, environment()).unwrap());
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let mut settings = vec![
            ("count".to_owned(), count.to_string()),
            ("every-ms".to_owned(), every.to_string()),
        ];
        if dying > 0 && number % dying == 0 {
            settings.push(("dies-at".to_owned(), (count / 2).to_string()));
        }
        let duty = Duty {
            job: LiveJob {
                connector: ConnectorCommand::new(synthetic).confined_to(Vec::new()),
                network: scenarios::source::NETWORK.to_owned(),
                account: name.clone(),
                custodian: name,
                settings,
                class: RetentionClass::new(0),
            },
            silence: Some(Duration::from_secs(120)),
            paused: false,
        };
        let running = RunningAgent::start(Arc::clone(&agent), vec![duty], &BTreeMap::new());
        let board = Arc::clone(running.board());
        let mut delivery = Delivery::new(Courier::new(Arc::clone(&agent), client), board, pace);
        tokio::spawn(async move { delivery.run(std::future::pending(), |_| ()).await });
        seats.push((agent, running));
    }
    println!("open");
    let mut look = tokio::time::interval(Duration::from_millis(500));
    loop {
        look.tick().await;
        let mut all = [0; 4];
        for (agent, running) in &seats {
            let spool = agent.spool();
            for (handle, _) in running.board().states() {
                let counts = spool.account_counts(&handle).unwrap();
                all[0] += counts.captured;
                all[1] += counts.losses;
            }
            let counts = spool.counts().unwrap();
            all[2] += counts.waiting;
            all[3] += counts.receipted;
        }
        let [captured, losses, waiting, receipted] = all;
        let resident = resident_kb("self");
        println!("all {captured} {losses} {waiting} {receipted} {resident}");
    }
}

/// Resident memory of a process, in KiB.
fn resident_kb(process: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// The relay may be away for a while; whatever else is wrong ends this process.
fn away(error: &BeliefError) {
    assert!(matches!(error, BeliefError::Relay(_)), "{error:?}");
}

/// Puts a word into each kind of mapping of this process, says where, and keeps it there while
/// `work` runs: whoever searches this process's memory must find it at each of these places.
fn with_canaries(word: &str, work: impl FnOnce()) {
    if word.is_empty() {
        return work();
    }
    let say = |kind: &str, place: *const u8| println!("canary {kind} {:x}", place as usize);
    let length = word.len();
    let mut stack = [0_u8; 64];
    stack[..length].copy_from_slice(word.as_bytes());
    say("stack", std::hint::black_box(&stack).as_ptr());
    let heap = word.to_owned().into_bytes();
    say("heap", std::hint::black_box(&heap).as_ptr());
    let mut large = vec![0_u8; 4 << 20];
    large[3 << 20..][..length].copy_from_slice(word.as_bytes());
    say(
        "large-block",
        std::hint::black_box(&large[3 << 20..]).as_ptr(),
    );
    let mut data = DATA.lock().unwrap();
    data[..length].copy_from_slice(word.as_bytes());
    say("data", data.as_ptr());
    drop(data);
    for kind in [
        "private-file",
        "shared-file",
        "anonymous",
        "shared-anonymous",
        "left-out-of-dumps",
    ] {
        say(kind, mapped(kind, word.as_bytes()));
    }
    let (word, (tell, told)) = (word.to_owned(), std::sync::mpsc::channel());
    std::thread::spawn(move || {
        let mut stack = [0_u8; 64];
        stack[..word.len()].copy_from_slice(word.as_bytes());
        tell.send(std::hint::black_box(&stack).as_ptr() as usize)
            .unwrap();
        std::thread::park();
        std::hint::black_box(&stack);
    });
    say("thread-stack", told.recv().unwrap() as *const u8);
    work();
    std::hint::black_box((&stack, &heap, &large));
}

static DATA: std::sync::Mutex<[u8; 64]> = std::sync::Mutex::new([1; 64]);

#[expect(
    unsafe_code,
    reason = "a mapping of each kind can not be made otherwise; they are never unmapped"
)]
fn mapped(kind: &str, word: &[u8]) -> *const u8 {
    use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap, mmap_anonymous};
    let (length, rights) = (1 << 16, ProtFlags::READ | ProtFlags::WRITE);
    let sharing = if kind.starts_with("shared") {
        MapFlags::SHARED
    } else {
        MapFlags::PRIVATE
    };
    // SAFETY: a new mapping that nobody else knows, as long as it is asked for; written within it.
    unsafe {
        let place = if kind.ends_with("file") {
            let file = tempfile::tempfile().unwrap();
            file.set_len(length as u64).unwrap();
            mmap(std::ptr::null_mut(), length, rights, sharing, &file, 0).unwrap()
        } else {
            mmap_anonymous(std::ptr::null_mut(), length, rights, sharing).unwrap()
        };
        if kind == "left-out-of-dumps" {
            madvise(place, length, Advice::LinuxDontDump).unwrap();
        }
        let place = place.cast::<u8>().add(5_000);
        std::ptr::copy_nonoverlapping(word.as_ptr(), place, word.len());
        place
    }
}
