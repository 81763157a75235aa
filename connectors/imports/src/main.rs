//! The imports connector as a program: the protocol over standard input and output.

use std::process::ExitCode;

use record::Milliseconds;

fn main() -> ExitCode {
    match imports::run(std::io::stdin(), &mut std::io::stdout(), now) {
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
