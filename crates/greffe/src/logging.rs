//! What operators see on standard error: events of our own crates, without content. Other crates
//! are not heard: nobody has looked through what they might say.

use std::io::IsTerminal;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

/// Our own crates that say something.
const HEARD: [&str; 5] = ["greffe", "capture", "relay", "vault", "client"];

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Level {
    Off,
    Error,
    Warn,
    Info,
    Debug,
}

/// Begins; once in a process. `level`: what the user asked for, else errors and warnings, and for a
/// part that runs on also what it does.
pub(crate) fn begin(level: Option<Level>, is_part: bool, json: bool) {
    let level = level.unwrap_or(if is_part { Level::Info } else { Level::Error });
    let filter = EnvFilter::new(directives(level));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none());
    // Somebody else has begun already: nothing to do.
    let _ = if json {
        subscriber.json().try_init()
    } else {
        subscriber.try_init()
    };
}

fn directives(level: Level) -> String {
    let level = match level {
        Level::Off => "off",
        Level::Error => "error",
        Level::Warn => "warn",
        Level::Info => "info",
        Level::Debug => "debug",
    };
    let ours = HEARD.map(|name| format!("{name}={level}"));
    format!("off,{}", ours.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_crates_are_heard() {
        assert_eq!(
            directives(Level::Warn),
            "off,greffe=warn,capture=warn,relay=warn,vault=warn,client=warn"
        );
        assert!(EnvFilter::try_new(directives(Level::Debug)).is_ok());
    }
}
