//! Stored sizes that the design promises. They are the same in every run, so they are tests.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

#[path = "../benches/house/mod.rs"]
mod house;

use house::size::{Imported, Live};

/// DESIGN §8: a live message takes at most 3 KiB in all.
#[test]
fn a_live_message_takes_at_most_three_kibibytes() {
    let live = Live::of(200);
    assert!(live.all() <= 3 << 10, "{} + {}", live.object, live.logged);
    assert!(live.object > 2 << 10, "it is padded and encapsulated");
}

/// DESIGN §8: imports take at most 1.15 times their compressed plain records.
#[test]
fn imports_take_little_more_than_their_compressed_records() {
    let imported = Imported::of(8);
    assert!(imported.ratio() <= 1.15, "{:.3}", imported.ratio());
    assert!(imported.ratio() > 0.9, "{:.3}", imported.ratio());
}
