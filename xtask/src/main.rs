//! The project's own commands: `cargo xtask COMMAND`.
//!
//! In scope: what a developer and CI run. Out of scope: anything a user of Greffe runs.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool talks on the terminal"
)]

mod assurance;
mod bench;
mod demo;
mod layers;
mod planted;
mod rig;
mod run;
mod setup;
mod spec;
mod vectors;

use std::process::ExitCode;

use run::{Failure, Step};

const HELP: &str = "\
cargo xtask COMMAND

  setup               install what tests and rigs need, from the public registries
  check               everyday checks: format, layers, lints, tests, doc tests, vectors, docs
  layers              who may use whom; the relay's blindness; spec numbers; words
  demo [--keep|--clean]  build only what is needed and run `greffe demo`
  rig NAME|all|list [OPTIONS]  tests against real foreign software
  assurance [--slice I/N]  attacks and long tests
  replay FILE         run a failing run of the simulation again
  planted [--slice I/N]    plant each bug of the list; some test must find it
  vectors [--write]   replay the golden vectors; --write makes them anew
  bench NAME|all [--json] [--quick]  benchmarks beside their ceilings
";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let command = args.next().unwrap_or_default();
    let rest: Vec<String> = args.collect();
    let outcome = match command.as_str() {
        "setup" => setup::setup(),
        "check" => check(),
        "layers" => layers::layers(),
        "demo" => demo::demo(&rest),
        "rig" => rig::rig(
            rest.first().map(String::as_str),
            rest.get(1..).unwrap_or_default(),
        ),
        "assurance" => assurance::assurance(&rest),
        "replay" => run::cargo(&["run", "--quiet", "-p", "scenarios", "--bin", "replay", "--"])
            .args(&rest)
            .done("replay"),
        "planted" => planted::planted(&rest),
        "vectors" => vectors::vectors(&rest),
        "bench" => bench::bench(&rest),
        "" | "help" | "-h" | "--help" => {
            println!("{HELP}");
            Ok(())
        }
        other => Err(Failure::usage(format!(
            "no command '{other}'; `cargo xtask help` lists them"
        ))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask {command}: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// The README's test command: at most 20 minutes from a clean clone, no foreign services.
fn check() -> Result<(), Failure> {
    let steps: &[Step] = &[
        ("format", || {
            run::cargo(&["fmt", "--all", "--check"]).done("format")
        }),
        ("layers", layers::layers),
        ("lints", || {
            run::cargo(&[
                "clippy",
                "--workspace",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ])
            .done("clippy")
        }),
        ("tests and vectors", || run::tests(&["--workspace"])),
        ("doc tests", || {
            run::cargo(&["test", "--workspace", "--doc", "--quiet"]).done("doc tests")
        }),
        ("docs", || {
            run::cargo(&["doc", "--workspace", "--no-deps", "--quiet"])
                .env("RUSTDOCFLAGS", "-D warnings")
                .done("docs")
        }),
    ];
    run::steps(steps)
}
