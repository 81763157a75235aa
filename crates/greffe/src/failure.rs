//! What a user sees when something did not work: what happened, to what, and what to do next.

use std::fmt;

use crate::text::{Fact, say_with};

/// How the program ends. The numbers are documented in the README and the man page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It did not work.
    Failed = 1,
    /// The command line was not understood.
    Usage = 2,
    /// What was asked for is not there.
    NotFound = 3,
    /// The archive is locked, or the passphrase or shares were wrong.
    Locked = 4,
    /// Something does not verify.
    NotVerified = 5,
    /// Somebody else uses the archive or the port.
    Busy = 6,
    /// An import took what was sound and recorded losses.
    WithLosses = 7,
}

/// A failure in a user's words.
#[derive(Debug)]
pub(crate) struct Failure {
    key: &'static str,
    facts: Vec<(&'static str, Fact)>,
    exit: Exit,
}

impl Failure {
    /// A failure whose sentence is the catalogue's `key`; `key-next` says what to do.
    pub(crate) fn new(key: &'static str) -> Self {
        Self {
            key,
            facts: Vec::new(),
            exit: Exit::Failed,
        }
    }

    /// Puts a fact into the sentence.
    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, fact: impl Into<Fact>) -> Self {
        self.facts.push((name, fact.into()));
        self
    }

    /// Puts in an error and all its sources.
    #[must_use]
    pub(crate) fn because(self, error: &dyn std::error::Error) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(next) = source {
            text = format!("{text}: {next}");
            source = next.source();
        }
        self.with("why", text)
    }

    /// Ends the program with this code.
    #[must_use]
    pub(crate) fn exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// The code to end with.
    pub(crate) fn code(&self) -> u8 {
        self.exit as u8
    }

    /// The catalogue key, as `--json` shows it.
    pub(crate) fn key(&self) -> &'static str {
        self.key
    }

    /// The facts, as text, for another process that tells the user.
    pub(crate) fn facts(&self) -> Vec<(String, String)> {
        self.facts
            .iter()
            .map(|(name, fact)| ((*name).to_owned(), fact.to_string()))
            .collect()
    }

    /// What to do next, where the catalogue says it.
    pub(crate) fn next(&self) -> Option<String> {
        let key = format!("{}-next", self.key);
        let text = say_with(&key, &self.facts);
        (text != key).then_some(text)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&say_with(self.key, &self.facts))
    }
}
