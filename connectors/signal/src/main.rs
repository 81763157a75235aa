//! The Signal connector as a program: the protocol over standard input and output.

use std::process::ExitCode;

use record::Milliseconds;
use signal::GuardCommand;

/// First argument of the program when it is to become a guarded signal-cli.
const GUARD: &str = "guard";

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == GUARD) {
        let _ = signal::become_guarded(arguments);
        return ExitCode::FAILURE;
    }
    let Ok(program) = std::env::current_exe() else {
        return ExitCode::FAILURE;
    };
    let guard = GuardCommand {
        program,
        arguments: vec![GUARD.into()],
    };
    match signal::run(std::io::stdin(), &mut std::io::stdout(), now, guard) {
        Ok(()) => ExitCode::SUCCESS,
        // The agent was told why.
        Err(_) => ExitCode::FAILURE,
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a program reads the clock in one place"
)]
fn now() -> Milliseconds {
    Milliseconds::new(jiff::Timestamp::now().as_millisecond())
}
