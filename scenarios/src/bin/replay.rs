//! Runs a failing run of the simulation again: `replay FILE`, or `replay SEED STEPS [trace]`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a tool of the tests"
)]

use std::path::Path;
use std::process::ExitCode;

use scenarios::simulation::{Plan, replay, run, traced};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let done = match args.as_slice() {
        [file] => replay(Path::new(file)),
        [seed, steps] => run(&Plan::new(seed.parse().unwrap(), steps.parse().unwrap())),
        [seed, steps, _] => {
            let plan = Plan::new(seed.parse().unwrap(), steps.parse().unwrap());
            let (done, trace) = traced(&plan);
            println!("{}", trace.join("\n"));
            done
        }
        _ => {
            println!("replay FILE | replay SEED STEPS [trace]");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(summary) => {
            println!("every invariant holds: {summary:?}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            print!("{}", failure.to_text());
            ExitCode::FAILURE
        }
    }
}
