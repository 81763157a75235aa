//! NOTHING-LOST, against a power cut: whoever promises to have something has synced it first. A kill
//! can not show this, since the kernel keeps what was written; the system calls can.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;

use scenarios::markers::{Family, files};
use scenarios::process::{Part, relay_at};
use scenarios::source::Messages;
use testkit::Seeded;

use crate::Scene;

const RELAY: usize = 0;
const AGENT: usize = 1;
const VAULT: usize = 2;

#[test]
fn every_promise_is_synced_before_it_is_given() {
    let scene = Scene::new(71);
    let messages = Messages {
        family: Family::draw(&mut Seeded::new(71)),
        count: 120,
        file_bytes: 2_000,
    };
    let calls = |part: &str| scene.folder.path().join(format!("{part}.calls"));
    let (to, from) = channel();

    let mut command = traced(
        &scene.parts.relay(&scene.relay_folder(), 0, None),
        &calls("relay"),
    );
    command.stderr(Stdio::null());
    let relay = Part::start(command, RELAY, &to);
    let (address, _) = from
        .recv()
        .unwrap()
        .line
        .as_deref()
        .and_then(relay_at)
        .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(scene.office.begin_log(&address));
    let vault = Part::start(
        traced(&scene.parts.vault(&address), &calls("vault")),
        VAULT,
        &to,
    );
    let agent = Part::start(
        traced(&scene.parts.agent(&address, &messages), &calls("agent")),
        AGENT,
        &to,
    );
    let mut told_durable = 0;
    loop {
        let said = from.recv().unwrap();
        match said.line.as_deref() {
            Some("done") => break,
            Some(line) if line.starts_with("kept ") => told_durable += 1,
            Some(_) => {}
            None => panic!("part {} ended", said.part),
        }
    }
    drop((agent, vault, relay));

    let agent = synced(&calls("agent"));
    let with_files = (0..messages.count)
        .filter(|number| Messages::has_file(*number))
        .count();
    assert!(told_durable > 0);
    assert!(
        count(&agent, "-wal") >= told_durable,
        "each `durable` is behind a sync of the spool's database"
    );
    assert!(
        count(&agent, "/streams/") >= with_files,
        "each sealed file is synced"
    );

    let relay = synced(&calls("relay"));
    let objects: Vec<_> = files(&scene.office.vault().mirror().root().join("objects"));
    assert!(objects.len() > with_files, "batches and files");
    for object in &objects {
        let name = object.file_name().unwrap().to_string_lossy().into_owned();
        assert!(
            count(&relay, &name) >= 1,
            "the relay has synced object {name}"
        );
    }
    assert!(
        count(&relay, "/log/tmp/") >= 4,
        "staged groups, tiles, bundles and checkpoints are synced before they are named"
    );
    assert!(count(&relay, "-wal") >= 2, "the head is synced");

    let vault = synced(&calls("vault"));
    for object in &objects {
        let name = object.file_name().unwrap().to_string_lossy().into_owned();
        assert!(
            count(&vault, &name) >= 1,
            "the vault has synced object {name}"
        );
    }
    assert!(count(&vault, "vault.db-wal") >= 1 && count(&vault, "outbox.db-wal") >= 1);
}

/// The same command under `strace`, which writes all syncs with their files to `calls`.
fn traced(command: &Command, calls: &Path) -> Command {
    let mut traced = Command::new("strace");
    traced
        .args(["-D", "-f", "-qq", "-y", "-e", "trace=fsync,fdatasync", "-o"])
        .arg(calls);
    traced.arg(command.get_program()).args(command.get_args());
    traced
}

/// Files that were synced, once for each sync.
fn synced(calls: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(calls).expect("strace; `cargo xtask setup` installs it");
    let file = |line: &str| {
        Some(
            line.split_once("sync(")?
                .1
                .split_once('<')?
                .1
                .split_once('>')?
                .0
                .to_owned(),
        )
    };
    text.lines().filter_map(file).collect()
}

fn count(synced: &[String], part_of_path: &str) -> usize {
    synced
        .iter()
        .filter(|path| path.contains(part_of_path))
        .count()
}
