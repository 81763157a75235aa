//! Memory (DESIGN §8): an agent during a big import, a large attachment on its way through agent,
//! relay and vault, a large export in its connector. Each part is a process of its own; what is
//! told is the most memory that it ever had (`VmHWM`). The relay at full load is measured by the
//! benchmark `relay`.
//!
//! `GREFFE_BENCH_ATTACHMENT` and `GREFFE_BENCH_EXPORT` change the sizes, in MB.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark"
)]

use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

use benches::{Bench, Clock, Goal, Row, peak_memory, peak_memory_of};
use capture::{Agent, ConnectorCommand, Courier, Identity, ImportJob, Stop};
use client::{RelayAddress, RelayClient};
use connector::Incoming;
use record::{
    Assurance, Attachment, Conversation, ConversationKind, Envelope, FileHash, Message, Mode,
    NetworkName, Original, Participants, Record, Source, TextId, Time,
};
use relay::Relay;
use scenarios::office::{Office, address, environment};
use scenarios::source::{connect, hello};
use testkit::chats::{FORMS, TrueChat, whatsapp_export};
use vault::follow::Locked;
use vault::system::now;
use wire::RetentionClass;

const MIB: f64 = 1_048_576.0;
const MEGABYTE: u64 = 1_000_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        // What the agent starts as its connector.
        ["--connector"] | [] => {
            let _ = imports::run(std::io::stdin(), &mut std::io::stdout(), now);
        }
        ["--relay", folder] => run(relay(Office::open(Path::new(folder)))),
        ["--vault", folder, url, pin] => run(vault(Office::open(Path::new(folder)), at(url, pin))),
        ["--import", folder, url, pin, file] => {
            run(import(
                Office::open(Path::new(folder)),
                at(url, pin),
                PathBuf::from(file),
            ));
        }
        ["--attach", folder, url, pin, bytes] => {
            let bytes = bytes.parse().unwrap();
            run(attach(Office::open(Path::new(folder)), at(url, pin), bytes));
        }
        _ => {
            return benches::run("memory", |bench| {
                import_row(bench)?;
                attachment_row(bench)?;
                export_row(bench)
            });
        }
    }
    ExitCode::SUCCESS
}

fn run(part: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(part);
}

fn at(url: &str, pin: &str) -> RelayAddress {
    RelayAddress {
        url: url.to_owned(),
        pin: pin.parse().unwrap(),
    }
}

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|value| value.parse().ok())
        .unwrap_or(otherwise)
}

/// An office with a relay in a process of its own.
struct Running {
    folder: tempfile::TempDir,
    relay: Part,
    at: [String; 2],
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

    /// The most memory that it had, in MiB.
    fn peak(&self) -> f64 {
        peak_memory_of(self.0.id()).unwrap_or_default() as f64 / MIB
    }
}

impl Running {
    fn start() -> Result<Self, Box<dyn Error>> {
        let folder = tempfile::tempdir_in(cache()?)?;
        Office::found(folder.path(), 1);
        let path = folder.path().to_string_lossy().into_owned();
        let (relay, mut lines) = Part::start(&["--relay", &path])?;
        let mut line = String::new();
        lines.read_line(&mut line)?;
        let (url, pin) = line.trim().split_once(' ').ok_or("no address")?;
        Ok(Self {
            folder,
            relay,
            at: [url.to_owned(), pin.to_owned()],
        })
    }

    /// Runs a part to its end; the last line that it printed.
    fn part(&self, mode: &str, more: &str) -> Result<String, Box<dyn Error>> {
        let folder = self.folder.path().to_string_lossy();
        let (part, lines) = Part::start(&[mode, &folder, &self.at[0], &self.at[1], more])?;
        let last = lines.lines().map_while(Result::ok).last();
        drop(part);
        Ok(last.ok_or("it said nothing")?)
    }
}

fn cache() -> std::io::Result<PathBuf> {
    let folder = match std::env::var_os("GREFFE_BENCH_CACHE") {
        Some(folder) => PathBuf::from(folder),
        None => std::env::temp_dir().join("greffe-bench"),
    }
    .join("memory");
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// A generated export of about so many bytes; made once and kept.
fn export(megabytes: u64) -> Result<PathBuf, Box<dyn Error>> {
    let path = cache()?.join(format!("export-{megabytes}.txt"));
    if path.exists() {
        return Ok(path);
    }
    let partial = path.with_extension("part");
    let mut output = Limited {
        output: BufWriter::new(File::create(&partial)?),
        left: megabytes * MEGABYTE,
    };
    let form = FORMS
        .iter()
        .find(|form| form.name == "android-en-gb")
        .ok_or("no form")?;
    // It ends when the file is long enough.
    let _ = whatsapp_export(TrueChat::new(form, 5, u64::MAX), &mut output);
    output.output.flush()?;
    std::fs::rename(&partial, &path)?;
    Ok(path)
}

struct Limited {
    output: BufWriter<File>,
    left: u64,
}

impl std::io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.left = self
            .left
            .checked_sub(bytes.len() as u64)
            .ok_or(std::io::ErrorKind::StorageFull)?;
        self.output.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.output.flush()
    }
}

fn import_row(bench: &mut Bench) -> Result<(), Box<dyn Error>> {
    let megabytes = bench.either(55, 10);
    let file = export(megabytes)?;
    let running = Running::start()?;
    let said = running.part("--import", &file.to_string_lossy())?;
    let (records, peak) = said.split_once(' ').ok_or("no figures")?;
    let peak = peak.parse::<f64>()? / MIB;
    let row = Row::figure(
        format!("agent: import of {megabytes} MB, {records} records, connector apart"),
        format!("{peak:.0} MiB"),
    );
    bench.row(row.goal(Goal::AtMost(60.0, peak)));
    Ok(())
}

fn attachment_row(bench: &mut Bench) -> Result<(), Box<dyn Error>> {
    let megabytes = setting("GREFFE_BENCH_ATTACHMENT", bench.either(2_000, 200));
    let running = Running::start()?;
    let mut said = Ok(String::new());
    let cost = Clock::Process.cost(|| {
        said = running.part("--attach", &(megabytes * MEGABYTE).to_string());
    });
    let agent = said?.parse::<f64>()? / MIB;
    let relay = running.relay.peak();
    let before = std::time::Duration::from_secs_f64(cost.wall.as_secs_f64());
    let mut said = Ok(String::new());
    let cost = Clock::Process.cost(|| said = running.vault());
    let vault = said?.parse::<f64>()? / MIB;
    let relay = relay.max(running.relay.peak());
    for (part, peak, took) in [
        ("agent", agent, Some(before)),
        ("relay", relay, None),
        ("vault", vault, Some(cost.wall)),
    ] {
        let took = took.map_or(String::new(), |took| {
            format!(", {:.0} s", took.as_secs_f64())
        });
        let row = Row::figure(
            format!("{part}: an attachment of {megabytes} MB"),
            format!("{peak:.0} MiB{took}"),
        );
        bench.row(row.goal(Goal::AtMost(64.0, peak)));
    }
    Ok(())
}

impl Running {
    fn vault(&self) -> Result<String, Box<dyn Error>> {
        let folder = self.folder.path().to_string_lossy();
        let (part, lines) = Part::start(&["--vault", &folder, &self.at[0], &self.at[1]])?;
        let last = lines.lines().map_while(Result::ok).last();
        drop(part);
        Ok(last.ok_or("the vault said nothing")?)
    }
}

/// The connector alone, as the agent speaks to it, on a large export.
fn export_row(bench: &mut Bench) -> Result<(), Box<dyn Error>> {
    let megabytes = setting("GREFFE_BENCH_EXPORT", bench.either(1_000, 50));
    bench.progress(&format!(
        "writing an export of {megabytes} MB, unless it is there"
    ));
    let file = export(megabytes)?;
    let folder = tempfile::tempdir()?;
    let start = connector::Start {
        version: 1,
        account: "tel:+41790000001".into(),
        custodian: "c-1".into(),
        folder: folder.path().to_string_lossy().into_owned(),
        settings: settings(&file)
            .into_iter()
            .map(|(name, value)| connector::Field(name, value))
            .collect(),
        position: None,
    };
    let mut child = Command::new(std::env::current_exe()?)
        .arg("--connector")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut to = child.stdin.take().ok_or("no input")?;
    let mut from = BufReader::new(child.stdout.take().ok_or("no output")?);
    let part = Part(child);
    let (mut side, first) = connector::AgentSide::new(start, now())?;
    connector::frame::write_frame(&mut to, &first.to_frame())?;
    let (mut content, mut records, mut peak) = (Vec::new(), 0, 0.0_f64);
    while records == 0 && connector::frame::read_frame(&mut from, &mut content)? {
        match side.receive(connector::Up::from_frame(&content)?)? {
            connector::Up::Event(event) => {
                let durable = side.durable(event.number)?.to_frame();
                connector::frame::write_frame(&mut to, &durable)?;
            }
            connector::Up::Done(done) => {
                records = done.records;
                peak = part.peak();
            }
            _ => {}
        }
    }
    let row = Row::figure(
        format!("connector: an export of {megabytes} MB, {records} records"),
        format!("{peak:.0} MiB"),
    );
    bench.row(row.goal(Goal::AtMost(100.0, peak)));
    Ok(())
}

async fn relay(office: Office) {
    let running = Relay::start(office.relay_config(&office.folder().join("relay")))
        .await
        .unwrap();
    office.begin_log(&address(&running)).await;
    println!("{} {}", running.url(), running.pin());
    std::future::pending::<()>().await;
}

/// Follows until it holds everything; prints its peak.
async fn vault(office: Office, relay: RelayAddress) {
    let client =
        RelayClient::new(&relay, office.genesis().archive_id(), office.vault_key()).unwrap();
    let (folder, genesis) = (office.vault(), office.genesis().clone());
    let mut locked = Locked::open(&folder, genesis, office.vault_key(), client, now).unwrap();
    while locked.step().await.unwrap().more {}
    println!("{}", peak_memory().unwrap_or_default());
}

async fn agent(office: &Office, relay: &RelayAddress) -> (Arc<Agent>, Courier<RelayClient>) {
    let identity = Identity::open(&office.agent()).unwrap();
    let key = Arc::clone(identity.signer());
    let client = RelayClient::new(relay, identity.archive(), key).unwrap();
    let agent = Arc::new(Agent::open(identity, environment()).unwrap());
    let mut courier = Courier::new(Arc::clone(&agent), client);
    courier.read_control().await.unwrap();
    (agent, courier)
}

fn settings(file: &Path) -> Vec<(String, String)> {
    vec![
        ("path".to_owned(), file.to_string_lossy().into_owned()),
        ("zone".to_owned(), "Europe/Zurich".to_owned()),
    ]
}

fn job(settings: Vec<(String, String)>) -> ImportJob {
    ImportJob {
        connector: ConnectorCommand::new(std::env::current_exe().unwrap()),
        account: "tel:+41790000001".to_owned(),
        custodian: "c-1".to_owned(),
        settings,
        class: RetentionClass::new(0),
    }
}

/// Imports and delivers side by side, as the program does; prints records and its peak.
async fn import(office: Office, relay: RelayAddress, file: PathBuf) {
    let (agent, mut courier) = agent(&office, &relay).await;
    let importing = tokio::task::spawn_blocking({
        let agent = Arc::clone(&agent);
        move || agent.import(&job(settings(&file)), &Stop::default(), |_| {})
    });
    loop {
        let over = importing.is_finished();
        courier.deliver().await.unwrap();
        if over && agent.spool().counts().unwrap().waiting == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let summary = importing.await.unwrap().unwrap();
    println!("{} {}", summary.kept.new, peak_memory().unwrap_or_default());
}

/// Captures one message with a file of zeros, which takes no disk before it is sealed, and
/// delivers it; prints the agent's peak. The connector's thread hashes the file in pieces.
async fn attach(office: Office, relay: RelayAddress, bytes: u64) {
    let (agent, mut courier) = agent(&office, &relay).await;
    let connector = connect(move |context| {
        context.hello(hello())?;
        let path = context.folder().join("large");
        let file = File::create(&path).unwrap();
        file.set_len(bytes).unwrap();
        let record = with_file(bytes, hash_of(&path));
        context.emit(vec![Incoming::of(&record).with_file(0, "large")], None)
    });
    let importing = tokio::task::spawn_blocking({
        let agent = Arc::clone(&agent);
        move || agent.import_over(&job(Vec::new()), connector, &Stop::default(), |_| {})
    });
    let summary = importing.await.unwrap().unwrap();
    assert_eq!((summary.kept.new, summary.kept.losses), (1, 0));
    while agent.spool().counts().unwrap().waiting > 0 {
        courier.deliver().await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    println!("{}", peak_memory().unwrap_or_default());
}

fn hash_of(path: &Path) -> FileHash {
    use aws_lc_rs::digest::{Context, SHA256};
    let mut context = Context::new(&SHA256);
    let mut file = File::open(path).unwrap();
    let mut piece = vec![0; 1 << 20];
    loop {
        let length = file.read(&mut piece).unwrap();
        if length == 0 {
            break;
        }
        context.update(&piece[..length]);
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    FileHash::from_bytes(hash)
}

fn with_file(bytes: u64, hash: FileHash) -> Record {
    let id = |text: &str| TextId::new(text).unwrap();
    let source = Source {
        network: NetworkName::new("test").unwrap(),
        account: id("tel:+41790000001"),
        custodian: id("c-1"),
        connector: id("scenarios/1 generated"),
        assurance: Assurance::Export,
        mode: Mode::Import,
    };
    let envelope = Envelope::builder(&source, id("chat-1"), id("message-1"), Time::utc(now()));
    let participants = Participants::of(Conversation::new(ConversationKind::Group).title("Desk"));
    let mut file = Attachment::new(bytes, hash);
    file.name = Some("large.bin".to_owned());
    let original = Original::inline("text/plain", "large.bin (file attached)");
    let body = Message::plain("the recording");
    Record::new(envelope, participants, body, Some(original), vec![file]).unwrap()
}
