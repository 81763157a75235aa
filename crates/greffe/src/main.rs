//! Greffe's one program. It plays each part (relay, witness, vault, agent), all of them at once, or
//! a single command over an archive's folder.
//!
//! In scope: the command line, starting parts, words for people. Out of scope: what the parts do;
//! see the crates `capture`, `relay` and `vault`.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod alarms;
mod cli;
mod command;
mod engine;
mod failure;
mod founding;
mod home;
mod letter;
mod logging;
mod output;
mod room;
mod secret;
mod shares;
mod system;
mod text;

use std::process::ExitCode;

use clap::FromArgMatches;

use crate::cli::Cli;
use crate::command::Context;
use crate::failure::{Exit, Failure};
use crate::output::Output;

/// Freed memory is wiped, in the reading room above all: a dump finds no secret of the past.
#[global_allocator]
static ALLOCATOR: vault::wiping_alloc::WipingAlloc = vault::wiping_alloc::WipingAlloc;

fn main() -> ExitCode {
    text::choose(language_argument().as_deref());
    let matches = match cli::localized().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return usage(&error),
    };
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let output = Output::new(cli.global.json, cli.global.quiet);
    logging::begin(cli.global.log, cli.command.is_part(), cli.global.json);
    let outcome =
        Context::new(cli.global, output).and_then(|context| command::run(&context, cli.command));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output.failure(&failure);
            ExitCode::from(failure.code())
        }
    }
}

/// Help and version are answers; everything else is a failure of the command line.
fn usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let json = std::env::args_os().any(|argument| argument == "--json");
    let failure = Failure::new("usage-wrong")
        .with("why", command::usage_text(error))
        .exit(Exit::Usage);
    Output::new(json, false).failure(&failure);
    ExitCode::from(Exit::Usage as u8)
}

/// The language must be known before the help can be made.
fn language_argument() -> Option<String> {
    let mut arguments = std::env::args();
    while let Some(argument) = arguments.next() {
        if argument == "--lang" {
            return arguments.next();
        }
        if let Some(language) = argument.strip_prefix("--lang=") {
            return Some(language.to_owned());
        }
    }
    std::env::var("GREFFE_LANG").ok()
}
