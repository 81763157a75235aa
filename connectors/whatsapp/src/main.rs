//! The WhatsApp connector as a program: the protocol over standard input and output.

use std::process::ExitCode;

fn main() -> ExitCode {
    match whatsapp::run(std::io::stdin(), &mut std::io::stdout(), business::now) {
        Ok(()) => ExitCode::SUCCESS,
        // The agent was told why.
        Err(_) => ExitCode::FAILURE,
    }
}
