//! The crash matrix of the whole program: each write point × {failed, failed but persisted, torn} ×
//! {go on and ask again, kill -9 and start again}, and then the whole archive is verified.
//!
//! The real `greffe` runs on a disk that fails once ([`disk`]). Nothing in the program names a write
//! point: every system call that changes a file is one, so that none can be left out. What there is
//! stands in the table of `docs/assurance.md`; a new kind of write fails the comparison until the
//! matrix has been run over it and the table is written anew:
//!
//! ```text
//! GREFFE_WRITE_MATRIX=1 cargo nextest run -p greffe --test crash --run-ignored only
//! ```
//!
//! `GREFFE_WRITE_MATRIX=new` runs only what the table does not name yet.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests"
)]

mod disk;
mod point;
mod story;
mod table;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use disk::{Fault, Kind, Then};
use point::{Part, Point, Write};
use story::{Chapter, Story};
use table::{Row, Table};

/// The table names every kind of write that there is, and no other; and a few cells of the matrix.
#[test]
#[ignore = "long: cargo xtask assurance"]
fn every_kind_of_write_stands_in_the_table_and_some_of_them_fail() {
    let story = Story::prepare();
    let points = story.points();
    let known: BTreeSet<Write> = Table::read()
        .rows()
        .iter()
        .map(|row| row.write.clone())
        .collect();
    let met: BTreeSet<Write> = points.iter().map(|point| point.write.clone()).collect();
    let new: Vec<_> = met.difference(&known).collect();
    let gone: Vec<_> = known.difference(&met).collect();
    assert!(
        new.is_empty() && gone.is_empty(),
        "kinds of write that docs/assurance.md does not know: {new:#?}\n\
         and that are no more: {gone:#?}\n\
         Run the matrix over them and write the table anew (see the head of this file)."
    );
    // Every part once, another of its points and another fault with each change of the list.
    let cells: Vec<(Point, Fault)> = Part::ALL
        .iter()
        .enumerate()
        .filter_map(|(turn, part)| {
            let of_part: Vec<&Point> = points.iter().filter(|p| p.write.part == *part).collect();
            let point = *of_part.get((turn * 7 + points.len()) % of_part.len().max(1))?;
            let faults = point.faults();
            let fault = faults[(turn + points.len()) % faults.len()];
            Some((point.clone(), fault))
        })
        .collect();
    assert_eq!(cells.len(), Part::ALL.len(), "each part writes");
    let failed = heal(&story, &cells);
    assert!(failed.is_empty(), "{failed:#?}");
}

/// Nothing is written past the disk that fails: the kernel is asked what was called.
#[test]
fn no_write_passes_by_the_failing_disk() {
    Story::prepare().census_is_whole();
}

macro_rules! parts {
    ($($name:ident $part:ident,)*) => {$(
        #[test]
        #[ignore = "long: cargo xtask assurance"]
        fn $name() {
            whole_matrix(Part::$part);
        }
    )*};
}

parts! {
    matrix_of_the_connector Connector,
    matrix_of_the_spool Spool,
    matrix_of_the_submission Submission,
    matrix_of_the_store Store,
    matrix_of_the_sequencer Sequencer,
    matrix_of_the_publisher Publisher,
    matrix_of_the_witness Witness,
    matrix_of_the_follower Follower,
    matrix_of_the_filing Filing,
    matrix_of_the_audit Audit,
    matrix_of_the_keyring Keyring,
}

/// All points of a part with all faults; what was seen is what the table says.
fn whole_matrix(part: Part) {
    let story = Story::prepare();
    let points: Vec<Point> = story
        .points()
        .into_iter()
        .filter(|point| point.write.part == part)
        .collect();
    let only_new = std::env::var("GREFFE_WRITE_MATRIX").is_ok_and(|how| how == "new");
    let table = Table::read();
    let is_due =
        |point: &&Point| !only_new || table.rows().iter().all(|row| row.write != point.write);
    let cells: Vec<(Point, Fault)> = points
        .iter()
        .filter(is_due)
        .flat_map(|point| {
            point
                .faults()
                .into_iter()
                .map(|fault| (point.clone(), fault))
        })
        .collect();
    let failed = heal(&story, &cells);
    assert!(
        failed.is_empty(),
        "{} of {} cells: {failed:#?}",
        failed.len(),
        cells.len()
    );
    let mut rows: Vec<Row> = Vec::new();
    for point in &points {
        if rows.iter().all(|row| row.write != point.write) {
            rows.push(Row::healed(&point.write));
        }
    }
    Table::compare(part, rows);
}

/// Runs cells side by side; what did not heal is told.
fn heal(story: &Story, cells: &[(Point, Fault)]) -> Vec<String> {
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((point, fault)) = cells.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(why) = story.run(point, *fault) {
                        let line = format!("{point:?} {fault:?}: {why}");
                        eprintln!("{line}");
                        failed.lock().unwrap().push(line);
                    }
                }
            });
        }
    });
    failed.into_inner().unwrap()
}

/// The chapters in which a kind of write is looked for.
const CHAPTERS: [Chapter; 3] = [Chapter::Import, Chapter::Search, Chapter::Keys];

/// Every fault that a write can have.
fn faults_of(operation: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    for kind in [Kind::Failed, Kind::Persisted, Kind::Torn] {
        for then in [Then::AskAgain, Then::Kill] {
            // Bytes can be torn; a sync is torn by a power cut only; what has a name has it whole.
            let can = match (kind, operation) {
                (Kind::Torn, "write") => true,
                (Kind::Torn, "sync") => then == Then::Kill,
                (Kind::Torn, _) => false,
                _ => true,
            };
            if can {
                faults.push(Fault { kind, then });
            }
        }
    }
    faults
}
