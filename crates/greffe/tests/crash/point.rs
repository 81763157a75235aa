//! A write point: which part writes what, in which chapter of the story.

use crate::disk::Fault;
use crate::story::Chapter;

/// Who writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    Connector,
    Spool,
    Submission,
    Store,
    Sequencer,
    Publisher,
    Witness,
    Follower,
    Filing,
    Audit,
    Keyring,
}

impl Part {
    pub(crate) const ALL: [Self; 11] = [
        Self::Connector,
        Self::Spool,
        Self::Submission,
        Self::Store,
        Self::Sequencer,
        Self::Publisher,
        Self::Witness,
        Self::Follower,
        Self::Filing,
        Self::Audit,
        Self::Keyring,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Connector => "connector",
            Self::Spool => "spool",
            Self::Submission => "submission",
            Self::Store => "store",
            Self::Sequencer => "sequencer",
            Self::Publisher => "publisher",
            Self::Witness => "witness",
            Self::Follower => "follower",
            Self::Filing => "filing",
            Self::Audit => "audit",
            Self::Keyring => "keyring",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.name() == name)
    }

    /// Whose file that is. `submitting`: something has been uploaded already.
    pub(crate) fn of(chapter: Chapter, class: &str, submitting: bool) -> Self {
        let starts = |with: &str| class.starts_with(with);
        if starts("agent/imports") || starts("agent/connectors") {
            Self::Connector
        } else if starts("agent/spool") && !submitting && chapter == Chapter::Import {
            Self::Spool
        } else if starts("agent") {
            Self::Submission
        } else if starts("relay/archives/*/objects") || starts("relay/archives/*/uploads") {
            Self::Store
        } else if starts("relay/archives/*/state.db") || starts("relay/archives/*/log/staged") {
            Self::Sequencer
        } else if starts("relay") {
            Self::Publisher
        } else if starts("witness") {
            Self::Witness
        } else if starts("vault/outbox") && chapter == Chapter::Search {
            Self::Audit
        } else if starts("vault/partitions") || starts("vault/people") || starts("vault/room") {
            Self::Filing
        } else if starts("vault") {
            Self::Follower
        } else {
            // `owner/`, and whatever is new until it has a part.
            Self::Keyring
        }
    }
}

/// A kind of write.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Write {
    pub(crate) part: Part,
    /// Class of the file: its path without ids and numbers.
    pub(crate) class: String,
    /// `make`, `write`, `sync`, `truncate`, `rename`, `link`, `remove`.
    pub(crate) operation: String,
}

/// A kind of write at one of its meetings.
#[derive(Clone, Debug)]
pub(crate) struct Point {
    pub(crate) write: Write,
    pub(crate) chapter: Chapter,
    /// The meeting, from 1 on, within the chapter.
    pub(crate) nth: usize,
}

impl Point {
    pub(crate) fn faults(&self) -> Vec<Fault> {
        crate::faults_of(&self.write.operation)
    }

    /// As the disk names it.
    pub(crate) fn at(&self) -> String {
        format!("{} {}", self.write.operation, self.write.class)
    }
}

/// First, middle and last of the meetings from `first` on; of what does not outlive its process
/// (SQLite's shared memory), the first.
pub(crate) fn chosen(class: &str, meetings: &[usize]) -> Vec<usize> {
    let (Some(first), Some(last)) = (meetings.first(), meetings.last()) else {
        return Vec::new();
    };
    if class.ends_with("-shm") {
        return vec![*first];
    }
    let mut chosen = vec![*first, meetings[meetings.len() / 2], *last];
    chosen.dedup();
    chosen
}
