//! Chat exports (DESIGN §8): parsing beside foreign parsers on the same file and core, each in a
//! process of its own, by turns; every form of export; the whole connector; an import to records
//! that are sealed and durable in the spool; and all the way until they can be searched.
//!
//! `cargo xtask bench imports` installs the foreign parsers and says where they are:
//! `GREFFE_BENCH_NODE` is a folder with npm's `whatsapp-chat-parser`, `GREFFE_BENCH_PYTHON` an
//! interpreter with PyPI's `whatstk`, `GREFFE_BENCH_PROGRAM` a `greffe`. What is not there is left
//! out, and said.
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
use std::hint::black_box;
use std::io::{BufWriter, pipe};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;

use benches::{Bench, Clock, Cost, Goal, Row, Turns, median, peak_memory};
use canonical::Milliseconds;
use capture::{Agent, ConnectorCommand, Courier, Identity, ImportJob, Line, Stop};
use client::RelayClient;
use connector::frame::{read_frame, write_frame};
use connector::{AgentSide, Field, Start, Up};
use imports::whatsapp::{Blocks, survey};
use relay::Relay;
use scenarios::office::{Office, address, environment};
use serde_json::{Value, json};
use testkit::chats::{FORMS, TrueChat, telegram_export, whatsapp_export};
use wire::RetentionClass;

const NOW: Milliseconds = Milliseconds::new(1_795_600_000_000);
const MIB: f64 = 1_048_576.0;
/// The form that all three parsers read.
const COMMON: &str = "android-en-gb";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let arguments: Vec<&str> = arguments.iter().skip(1).map(String::as_str).collect();
    match arguments.as_slice() {
        ["--parse", file] => told(|| parse(Path::new(file))),
        ["--records", file] => told(|| records(Path::new(file))),
        ["--spool", file, folder] => spool(Path::new(file), Path::new(folder)),
        _ => {
            return benches::run("imports", |bench| {
                parsing(bench)?;
                forms(bench)?;
                connector(bench)?;
                spooled(bench)?;
                searchable(bench)
            });
        }
    }
    ExitCode::SUCCESS
}

/// Does it, and prints what it took.
fn told(work: impl FnOnce() -> u64) {
    let mut messages = 0;
    let cost = Clock::Process.cost(|| messages = work());
    tell(messages, cost);
}

fn tell(messages: u64, cost: Cost) {
    let (cpu, wall) = (cost.cpu.as_secs_f64(), cost.wall.as_secs_f64());
    let peak = peak_memory();
    println!(
        "{}",
        json!({ "messages": messages, "cpu": cpu, "wall": wall, "peak": peak })
    );
}

/// A generated export; made once and kept.
fn generated(form: &str, events: u64, telegram: bool) -> Result<PathBuf, Box<dyn Error>> {
    let ending = if telegram { "json" } else { "txt" };
    let path = cache()?.join(format!("{form}-{events}.{ending}"));
    if path.exists() {
        return Ok(path);
    }
    let form = FORMS
        .iter()
        .find(|known| known.name == form)
        .ok_or("no such form")?;
    let partial = path.with_extension("part");
    let mut output = BufWriter::new(File::create(&partial)?);
    let chat = TrueChat::new(form, 11, events);
    if telegram {
        telegram_export(chat, &mut output)?;
    } else {
        whatsapp_export(chat, &mut output)?;
    }
    drop(output);
    std::fs::rename(&partial, &path)?;
    Ok(path)
}

fn cache() -> std::io::Result<PathBuf> {
    let folder = match std::env::var_os("GREFFE_BENCH_CACHE") {
        Some(folder) => PathBuf::from(folder),
        None => std::env::temp_dir().join("greffe-bench"),
    }
    .join("imports");
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// One contender: a command that prints what it took.
struct Contender {
    name: &'static str,
    command: Box<dyn Fn() -> Command>,
}

struct Took {
    messages: u64,
    cost: Cost,
    peak: f64,
}

fn run(command: &mut Command) -> Result<Took, Box<dyn Error>> {
    let output = command.output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let line = text.lines().last().ok_or("no answer")?;
    let value: Value = serde_json::from_str(line)?;
    let seconds =
        |name: &str| std::time::Duration::from_secs_f64(value[name].as_f64().unwrap_or_default());
    Ok(Took {
        messages: value["messages"].as_u64().ok_or("no messages")?,
        cost: Cost {
            wall: seconds("wall"),
            cpu: seconds("cpu"),
        },
        peak: value["peak"].as_f64().unwrap_or_default() / MIB,
    })
}

/// Ours in a process of its own, all of it on one core where the system can do that.
fn ours(mode: &str, file: &Path) -> Command {
    let mut command = on_one_core(&std::env::current_exe().unwrap());
    command.arg(mode).arg(file);
    command
}

fn on_one_core(program: &Path) -> Command {
    let pinned = Command::new("taskset").arg("--version").output().is_ok();
    if !pinned {
        return Command::new(program);
    }
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", "0"]).arg(program);
    command
}

fn parsing(bench: &mut Bench) -> Result<(), Box<dyn Error>> {
    let events = bench.either(1_000_000, 100_000);
    let rounds = bench.either(5, 2);
    let file = generated(COMMON, events, false)?;
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("foreign");
    let mut contenders = vec![Contender {
        name: "ours",
        command: Box::new({
            let file = file.clone();
            move || ours("--parse", &file)
        }),
    }];
    match std::env::var_os("GREFFE_BENCH_NODE") {
        Some(folder) => contenders.push(Contender {
            name: "npm whatsapp-chat-parser",
            command: Box::new({
                let (file, script) = (file.clone(), scripts.join("parse.mjs"));
                move || {
                    let mut command = on_one_core(Path::new("node"));
                    command.arg(&script).arg(&folder).arg(&file);
                    command
                }
            }),
        }),
        None => bench.row(Row::figure(
            "npm whatsapp-chat-parser",
            "not installed, left out",
        )),
    }
    match std::env::var_os("GREFFE_BENCH_PYTHON") {
        Some(python) => contenders.push(Contender {
            name: "PyPI whatstk",
            command: Box::new({
                let (file, script) = (file.clone(), scripts.join("parse.py"));
                move || {
                    let mut command = on_one_core(Path::new(&python));
                    command.arg(&script).arg(&file);
                    command
                }
            }),
        }),
        None => bench.row(Row::figure("PyPI whatstk", "not installed, left out")),
    }
    let mut costs = vec![Vec::new(); contenders.len()];
    let mut seen = vec![(0, 0.0); contenders.len()];
    for _ in 0..rounds {
        for (who, contender) in contenders.iter().enumerate() {
            let took = run(&mut (contender.command)())?;
            costs[who].push(took.cost);
            seen[who] = (took.messages, took.peak);
        }
    }
    let turns = Turns::of(costs);
    let rate = |who: usize| seen[who].0 as f64 / turns.cost(who).cpu.as_secs_f64();
    let megabytes = std::fs::metadata(&file)?.len() / 1_000_000;
    bench.row(
        Row::figure(
            format!("memory to parse {megabytes} MB"),
            format!("{:.0} MiB", seen[0].1),
        )
        .goal(Goal::AtMost(100.0, seen[0].1)),
    );
    for (who, contender) in contenders.iter().enumerate().skip(1) {
        // Per message that each of them found: they disagree about some.
        let fair = (seen[who].0 as f64 / seen[0].0 as f64).recip();
        let (cpu, wall) = turns.ratio(0, who);
        let row = Row::beside(
            format!("parsing, beside {}", contender.name),
            format!("{:.2} M messages a second of CPU", rate(0) / 1e6),
            format!(
                "{:.2} M, {:.0} MiB, {} of {} messages",
                rate(who) / 1e6,
                seen[who].1,
                seen[who].0,
                seen[0].0
            ),
            (cpu * fair, wall * fair),
        );
        bench.row(row.goal(Goal::Ratio(4.0)));
    }
    Ok(())
}

/// From bytes to author and text of each message.
fn parse(file: &Path) -> u64 {
    let open = || File::open(file).unwrap();
    let form = survey(open(), NOW).unwrap().unwrap().form;
    let mut blocks = Blocks::new(open(), Some(form));
    let (mut messages, mut bytes) = (0, 0);
    while let Some(block) = blocks.next_block().unwrap() {
        let (author, text) = block.author_and_text();
        messages += u64::from(block.stamp.is_some());
        bytes += author.map_or(0, <[u8]>::len) + text.len();
    }
    black_box(bytes);
    messages
}

/// Every form, in this process.
fn forms(bench: &mut Bench) -> Result<(), Box<dyn Error>> {
    let events = bench.either(50_000, 10_000);
    let mut rates = Vec::new();
    for form in FORMS {
        let mut file = Vec::new();
        whatsapp_export(TrueChat::new(form, 11, events), &mut file)?;
        let messages = survey(file.as_slice(), NOW)?.ok_or("no chat")?.messages;
        let turns = Turns::take(
            bench.either(5, 2),
            Clock::Thread,
            &mut [&mut || {
                let form = survey(file.as_slice(), NOW).unwrap().unwrap().form;
                let mut blocks = Blocks::new(file.as_slice(), Some(form));
                let mut bytes = 0;
                while let Some(block) = blocks.next_block().unwrap() {
                    let (author, text) = block.author_and_text();
                    bytes += author.map_or(0, <[u8]>::len) + text.len();
                }
                black_box(bytes);
            }],
        );
        rates.push((
            messages as f64 / turns.cost(0).cpu.as_secs_f64() / 1e6,
            form.name,
        ));
    }
    rates.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (slowest, fastest) = (rates[0], rates[rates.len() - 1]);
    let middle = median(rates.iter().map(|rate| rate.0).collect());
    bench.row(
        Row::figure(
            format!("parsing {} forms, M messages a second of CPU", rates.len()),
            format!(
                "slowest {:.2} ({}), middle {middle:.2}, fastest {:.2} ({})",
                slowest.0, slowest.1, fastest.0, fastest.1
            ),
        )
        .goal(Goal::AtLeast(2.0, slowest.0)),
    );
    Ok(())
}

fn connector(bench: &mut Bench) -> Result<(), Box<dyn Error>> {
    for (telegram, name, events) in [
        (false, "WhatsApp", bench.either(1_000_000, 100_000)),
        (true, "Telegram", bench.either(300_000, 50_000)),
    ] {
        let file = generated(COMMON, events, telegram)?;
        let took = run(&mut ours("--records", &file))?;
        bench.row(Row::figure(
            format!("the whole connector, {name}, one core"),
            format!(
                "{:.0} thousand records a second of CPU, {:.0} MiB",
                took.messages as f64 / took.cost.cpu.as_secs_f64() / 1e3,
                took.peak
            ),
        ));
    }
    Ok(())
}

/// Runs the whole connector against an agent that forgets everything.
fn records(file: &Path) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let start = Start {
        version: 1,
        account: "tel:+41790000001".into(),
        custodian: "c-1".into(),
        folder: folder.path().to_string_lossy().into_owned(),
        settings: settings(file)
            .into_iter()
            .map(|(name, value)| Field(name, value))
            .collect(),
        position: None,
    };
    let (input, mut to) = pipe().unwrap();
    let (mut from, mut output) = pipe().unwrap();
    let (mut side, first) = AgentSide::new(start, NOW).unwrap();
    let child = std::thread::spawn(move || imports::run(input, &mut output, || NOW));
    write_frame(&mut to, &first.to_frame()).unwrap();
    let (mut content, mut records) = (Vec::new(), 0);
    while read_frame(&mut from, &mut content).unwrap() {
        match side.receive(Up::from_frame(&content).unwrap()).unwrap() {
            Up::Event(event) => {
                let durable = side.durable(event.number).unwrap();
                write_frame(&mut to, &durable.to_frame()).unwrap();
            }
            Up::Done(done) => records = done.records,
            _ => {}
        }
    }
    drop(to);
    child.join().unwrap().unwrap();
    records
}

fn settings(file: &Path) -> Vec<(String, String)> {
    vec![
        ("path".to_owned(), file.to_string_lossy().into_owned()),
        ("zone".to_owned(), "Europe/Zurich".to_owned()),
    ]
}

fn spooled(bench: &mut Bench) -> Result<(), Box<dyn Error>> {
    let file = generated(COMMON, bench.either(1_000_000, 100_000), false)?;
    let mut rates = Vec::new();
    let (mut each, mut peak) = (Vec::new(), 0.0);
    for _ in 0..bench.either(3, 1) {
        let folder = tempfile::tempdir_in(cache()?)?;
        let mut command = Command::new(std::env::current_exe()?);
        let took = run(command.arg("--spool").arg(&file).arg(folder.path()))?;
        rates.push(took.messages as f64 / took.cost.wall.as_secs_f64() / 1e3);
        each.push(took.cost.cpu.as_secs_f64() * 1e6 / took.messages as f64);
        peak = took.peak;
    }
    let rate = median(rates);
    bench.row(
        Row::figure(
            "parsed, sealed, durable in the spool, two cores",
            format!(
                "{rate:.0} thousand a second, {:.1} µs of CPU each, connector and agent together",
                median(each)
            ),
        )
        .goal(Goal::AtLeast(200.0, rate)),
    );
    bench.row(
        Row::figure(
            "memory of connector and agent together",
            format!("{peak:.0} MiB"),
        )
        .goal(Goal::AtMost(100.0, peak)),
    );
    Ok(())
}

/// An agent that imports, with its connector in a thread.
fn spool(file: &Path, folder: &Path) {
    let office = Office::found(folder, 1);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let agent = runtime.block_on(async {
        let config = office.relay_config(&folder.join("relay"));
        let relay = Relay::start(config).await.unwrap();
        office.begin_log(&address(&relay)).await;
        let identity = Identity::open(&office.agent()).unwrap();
        let line = RelayClient::new(
            &address(&relay),
            identity.archive(),
            Arc::clone(identity.signer()),
        );
        let agent = Arc::new(Agent::open(identity, environment()).unwrap());
        let mut courier = Courier::new(Arc::clone(&agent), line.unwrap());
        courier.read_control().await.unwrap();
        drop(courier);
        relay.shutdown().await;
        agent
    });
    let job = ImportJob {
        connector: ConnectorCommand::new("/is/not/run"),
        account: "tel:+41790000001".to_owned(),
        custodian: "c-1".to_owned(),
        settings: settings(file),
        class: RetentionClass::new(0),
    };
    let connect = |_: &Path| {
        let (input, to) = pipe().unwrap();
        let (from, mut output) = pipe().unwrap();
        std::thread::spawn(move || imports::run(input, &mut output, || NOW));
        Ok(Line::new(from, to))
    };
    benches::reset_peak_memory();
    let mut kept = 0;
    let cost = Clock::Process.cost(|| {
        let summary = agent.import_over(&job, connect, &Stop::default(), |_| {});
        kept = summary.unwrap().kept.new;
    });
    tell(kept, cost);
}

/// `greffe import` in a fresh folder, to the point where a search finds what was imported.
fn searchable(bench: &mut Bench) -> Result<(), Box<dyn Error>> {
    let Some(program) = std::env::var_os("GREFFE_BENCH_PROGRAM") else {
        bench.row(Row::figure(
            "searchable, all parts in one process",
            "no greffe given, left out",
        ));
        return Ok(());
    };
    let file = generated(COMMON, bench.either(300_000, 50_000), false)?;
    let folder = tempfile::tempdir_in(cache()?)?;
    let home = folder.path().join("home");
    let passphrase = folder.path().join("passphrase");
    std::fs::write(&passphrase, "correct horse battery staple\n")?;
    let greffe = |arguments: &[&str]| -> Result<String, Box<dyn Error>> {
        let mut command = Command::new(&program);
        command.arg("--home").arg(&home).args(arguments);
        command.arg("--json");
        command.arg("--passphrase-file").arg(&passphrase);
        let output = command.output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr);
            return Err(format!("greffe {}: {why}{text}", arguments.join(" ")).into());
        }
        Ok(text)
    };
    greffe(&["init"])?;
    let path = file.to_string_lossy();
    let mut outcome = Ok(String::new());
    let mut found = Ok(String::new());
    let cost = Clock::Process.cost(|| {
        outcome = greffe(&["import", &path, "--zone", "Europe/Zurich"]);
        found = greffe(&["search", "kind:message"]);
    });
    let imported: Value = serde_json::from_str(outcome?.lines().last().unwrap_or_default())?;
    let new = imported["imported"]["new"]
        .as_f64()
        .ok_or("nothing imported")?;
    let found: Value = serde_json::from_str(found?.lines().last().unwrap_or_default())?;
    let rate = new / cost.wall.as_secs_f64() / 1e3;
    bench.row(
        Row::figure(
            format!(
                "searchable: import and first search, {} hits, all parts on two cores",
                found["total"]
            ),
            format!("{rate:.0} thousand a second"),
        )
        .goal(Goal::AtLeast(80.0, rate)),
    );
    Ok(())
}
