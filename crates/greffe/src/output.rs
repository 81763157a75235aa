//! What commands print: sentences for people, or JSON lines for programs; progress on the terminal.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this module is where the program speaks"
)]

use std::io::{IsTerminal, Write};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use crate::failure::Failure;
use crate::text::say;

/// Where a command speaks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
    quiet: bool,
}

impl Output {
    pub(crate) fn new(json: bool, quiet: bool) -> Self {
        Self { json, quiet }
    }

    /// Whether the caller wants JSON.
    pub(crate) fn json(self) -> bool {
        self.json
    }

    /// The result: a JSON value for programs, or what `human` writes for people.
    pub(crate) fn result(self, value: &Value, human: impl FnOnce() -> String) {
        let text = if self.json {
            value.to_string()
        } else {
            human()
        };
        let mut out = std::io::stdout().lock();
        // A reader that has gone away (a pager, `head`) is no failure.
        let _ = writeln!(out, "{}", text.trim_end());
    }

    /// One of many results, as a line of JSON.
    pub(crate) fn line(self, value: &impl serde::Serialize) {
        if let Ok(text) = serde_json::to_string(value) {
            let _ = writeln!(std::io::stdout().lock(), "{text}");
        }
    }

    /// A remark on the way; not in JSON and not when quiet.
    pub(crate) fn note(self, text: &str) {
        if !self.json && !self.quiet {
            eprintln!("{text}");
        }
    }

    /// What a person has to see on the way, also when quiet: on standard error, as a line of JSON for
    /// programs.
    pub(crate) fn aside(self, value: &Value, human: impl FnOnce() -> String) {
        if self.json {
            eprintln!("{value}");
        } else {
            eprintln!("{}", human());
        }
    }

    /// A failure, on standard error.
    pub(crate) fn failure(self, failure: &Failure) {
        if self.json {
            let value = serde_json::json!({
                "error": failure.key(), "text": failure.to_string(),
                "next": failure.next(), "exit": failure.code(),
            });
            eprintln!("{value}");
            return;
        }
        eprintln!("{}", say!("failure", text = failure.to_string()));
        if let Some(next) = failure.next() {
            eprintln!("{next}");
        }
    }

    /// A bar for long work, hidden where nobody looks at a terminal.
    pub(crate) fn progress(self, total: u64, message: &str) -> ProgressBar {
        if self.json || self.quiet || !std::io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::new(total);
        let style = ProgressStyle::with_template("{msg} {wide_bar} {percent:>3} %  {eta}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style);
        bar.set_message(message.to_owned());
        bar
    }

    /// Emphasis on a terminal, nothing elsewhere.
    pub(crate) fn bold(self, text: &str) -> String {
        if std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
            format!("\u{1b}[1m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}
