//! The seeded simulation: short forms for every day, and the long one of `cargo xtask assurance`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::PathBuf;

use scenarios::simulation::{Plan, Summary, run};

/// Steps of one world. More would only make its log longer.
const STEPS: u64 = 1_000;

/// Where failing runs are written.
fn failures() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target")),
        PathBuf::from,
    );
    target.join("simulation")
}

fn holds(seed: u64, steps: u64) -> Summary {
    match run(&Plan::new(seed, steps)) {
        Ok(summary) => summary,
        Err(failure) => {
            // The whole run first: it may be that making it shorter takes long.
            let file = failure.write(&failures());
            let failure = failure.minimised();
            let _ = failure.write(&failures());
            panic!(
                "{} does not hold: {}\nreplay it with: cargo xtask replay {}",
                failure.violation.invariant,
                failure.violation.detail,
                file.display()
            );
        }
    }
}

/// Worlds `from..to`; gives all steps.
fn worlds(from: u64, to: u64) -> u64 {
    (from..to).map(|seed| holds(seed, STEPS).steps).sum()
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let (once, again, another) = (holds(1, 300), holds(1, 300), holds(2, 300));
    assert_eq!(once, again);
    assert_ne!(once.trace, another.trace);
    assert!(once.entries > 20, "{once:?}");
}

#[test]
fn every_invariant_holds_for_five_thousand_steps() {
    assert_eq!(worlds(1, 6), 5 * STEPS);
}

/// Made short, as `cargo xtask replay` reads them. What a number means changes with the list of
/// actions; then the long form has to find such a run again.
#[test]
fn runs_that_once_did_not_hold_do() {
    // A relay that was interrupted while it cleared away, and again while it wrote the same files.
    let interrupted_twice = "seed: 117\nsteps: 50,52,57-58,77,86,104\n";
    let plan = Plan::parse(interrupted_twice).unwrap();
    let held = run(&plan);
    assert!(
        held.is_ok(),
        "{interrupted_twice}: {:?}",
        held.unwrap_err().violation
    );
}

/// A run of its own for each part of the long form, so that slices share it.
macro_rules! long {
    ($($name:ident: $from:literal..$to:literal,)*) => {$(
        #[test]
        #[ignore = "long: run by `cargo xtask assurance`"]
        fn $name() {
            assert_eq!(worlds($from, $to), ($to - $from) * STEPS);
        }
    )*};
}

long! {
    every_invariant_holds_for_a_hundred_thousand_steps_1: 100..125,
    every_invariant_holds_for_a_hundred_thousand_steps_2: 125..150,
    every_invariant_holds_for_a_hundred_thousand_steps_3: 150..175,
    every_invariant_holds_for_a_hundred_thousand_steps_4: 175..200,
}
