//! How many instructions a record costs, held within bounds. Counted by valgrind, which gives the
//! same number on a loaded machine as on a quiet one; a ratio of times would not.
//!
//! This program runs itself under valgrind with more and with fewer records: what each of the
//! records between costs is the difference. The bounds are those of the tests' build, a quarter
//! above what was counted when they were set: whoever exceeds one has made something slower, and
//! either finds a way not to or raises it with a reason in the commit.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a test"
)]

#[path = "../benches/house/mod.rs"]
mod house;

use std::process::Command;

use canonical::Milliseconds;
use house::{Chain, Log, Owner, records};
use imports::whatsapp::{Blocks, survey};
use record::Record;
use seal::{Form, OpenedBatch, open_batch};
use testkit::Seeded;
use testkit::chats::{FORMS, TrueChat, whatsapp_export};
use tlog::LogIndex;
use vault::partition::{
    Filing, Nobody, PageCache, Partition, PartitionId, PartitionKey, PartitionKeys,
};

/// Says to the program that it is the one that is counted: what it does, and with how many records.
const WORK: &str = "GREFFE_COUNT";
const BATCH: u32 = 128;
const FEWER: u32 = 2 * BATCH;
const MORE: u32 = 8 * BATCH;

/// Steps that follow each other, and the instructions that a record may cost in each beyond the one
/// before.
const STEPS: [(&str, Option<u64>); 4] = [
    ("made", None),
    ("sealed", Some(SEALING)),
    ("opened", Some(OPENING)),
    ("filed", Some(FILING)),
];
const SEALING: u64 = 165_000;
const OPENING: u64 = 231_000;
const FILING: u64 = 135_000;
const PARSING: u64 = 5_200;

#[test]
fn a_record_costs_no_more_instructions_than_it_did() {
    if let Ok(work) = std::env::var(WORK) {
        let (step, count) = work.split_once(' ').unwrap();
        return run(step, count.parse().unwrap());
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("valgrind is not installed: nothing is counted here, CI does");
        return;
    }
    let each = |step: &str| {
        let (fewer, more) = (count(step, FEWER), count(step, MORE));
        assert!(more > fewer, "{step}: {fewer} and {more}");
        (more - fewer) / u64::from(MORE - FEWER)
    };
    let mut before = 0;
    let mut over = Vec::new();
    let mut judge = |step: &str, counted: u64, most: u64| {
        println!("{step}: {counted} instructions a record, at most {most}");
        if counted > most {
            over.push(format!("{step}: {counted} > {most}"));
        }
    };
    for (step, most) in STEPS {
        let all = each(step);
        if let Some(most) = most {
            judge(step, all.saturating_sub(before), most);
        }
        before = all;
    }
    judge("parsed", each("parsed") - each("written"), PARSING);
    assert!(over.is_empty(), "{over:?}");
}

/// Instructions of this program doing it.
fn count(step: &str, records: u32) -> u64 {
    let output = Command::new("valgrind")
        .args(["--tool=cachegrind", "--cache-sim=no"])
        .arg("--cachegrind-out-file=/dev/null")
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "a_record_costs_no_more_instructions_than_it_did"])
        .env(WORK, format!("{step} {records}"))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{step}: {told}");
    // `==1== I refs: 1,234`, by some versions with more spaces.
    let line = told
        .lines()
        .find(|line| line.contains("== I ") && line.contains("refs:"));
    let digits = line.unwrap_or_else(|| panic!("no count in {told}"));
    let digits = digits.rsplit(':').next().unwrap().replace(',', "");
    digits.trim().parse().unwrap()
}

fn run(step: &str, count: u32) {
    match step {
        "written" => drop(export(count)),
        "parsed" => parse(&export(count)),
        _ => steps(step, count),
    }
}

fn export(events: u32) -> Vec<u8> {
    let form = FORMS.iter().find(|form| form.name == "android-en-gb");
    let mut file = Vec::new();
    whatsapp_export(
        TrueChat::new(form.unwrap(), 11, u64::from(events)),
        &mut file,
    )
    .unwrap();
    file
}

fn parse(file: &[u8]) {
    let now = Milliseconds::new(1_795_600_000_000);
    let form = survey(file, now).unwrap().unwrap().form;
    let mut blocks = Blocks::new(file, Some(form));
    let mut bytes = 0;
    while let Some(block) = blocks.next_block().unwrap() {
        let (author, text) = block.author_and_text();
        bytes += author.map_or(0, <[u8]>::len) + text.len();
    }
    assert!(bytes > 0);
}

fn steps(step: &str, count: u32) {
    let made: Vec<Vec<Record>> = (0..count / BATCH)
        .map(|batch| records(batch * BATCH, BATCH))
        .collect();
    let mut owner = Owner::new();
    let mut agent = Chain::agent(1, owner.archive());
    let mut randomness = Seeded::new(3);
    if step == "made" {
        return;
    }
    let mut entries = owner.begin(std::slice::from_ref(&agent));
    let begun = entries.len();
    let mut objects = Vec::new();
    for batch in &made {
        let (entry, sealed) = agent.seal(batch, &owner.key, Form::Import, &mut randomness);
        entries.push(entry);
        objects.push(sealed.object.into_bytes());
    }
    if step == "sealed" {
        return;
    }
    let leaves = Log::leaves(entries);
    let note = Log::new(&owner).note(&leaves);
    let verified = Log::verify(&owner, &note, &leaves);
    let opened = verified[begun..]
        .iter()
        .zip(&objects)
        .map(|(entry, object)| open_batch(&owner.key, entry, object).unwrap());
    let opened: Vec<OpenedBatch> = opened.collect();
    let read = opened.iter().flat_map(OpenedBatch::records);
    let read: Vec<_> = read.map(Result::unwrap).collect();
    assert_eq!(read.len() as u32, count);
    if step == "opened" {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let keys = PartitionKeys {
        catalogue: PartitionKey::from_bytes([1; 32]),
        index: PartitionKey::from_bytes([2; 32]),
        derived: PartitionKey::from_bytes([3; 32]),
    };
    let id = PartitionId::from_bytes([1; 32]);
    let partition = Partition::create(folder.path(), id, keys, &PageCache::new(1_024)).unwrap();
    let filings = read.iter().map(|record| Filing {
        index: record.provenance().index,
        position: record.position().get(),
        admitted_at: record.provenance().admitted_at.time(),
        record: record.record(),
        parts: record.parts(),
        objects: &[],
        members: &[],
    });
    let counts = partition.file(filings, &Nobody).unwrap();
    assert_eq!(counts.filed, u64::from(count));
    partition.commit(LogIndex::new(u64::from(count))).unwrap();
}
