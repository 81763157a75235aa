//! What a record takes on disk (DESIGN §8). `tests/size.rs` holds these figures every day.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a benchmark"
)]

mod house;

use std::process::ExitCode;

use benches::{Goal, Row};
use house::size::{Imported, Live};

fn main() -> ExitCode {
    benches::run("size", |bench| {
        let live = Live::of(500);
        let kibibytes = live.all() as f64 / 1024.0;
        let seen = format!(
            "{} bytes: object {}, log {}",
            live.all(),
            live.object,
            live.logged
        );
        let row = Row::figure(
            "a live message of one record, the longest of 500, KiB",
            seen,
        );
        bench.row(row.goal(Goal::AtMost(3.0, kibibytes)));
        let imported = Imported::of(bench.either(40, 8));
        let row = Row::figure(
            "imports, batches of 1000, against zstd of their plain records in one piece",
            format!(
                "{:.3} ({} bytes for {} compressed, {} plain)",
                imported.ratio(),
                imported.stored,
                imported.compressed,
                imported.plain
            ),
        );
        bench.row(row.goal(Goal::AtMost(1.15, imported.ratio())));
        Ok(())
    })
}
