//! The log's leaf: when the sequencer admitted an entry, and the entry (LEAF-1).

use crate::entry::{Entry, EntryError};
use crate::id::AdmittedAt;
use crate::limit;

/// A leaf of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    admitted_at: AdmittedAt,
    entry: Entry,
}

/// Why bytes are no leaf.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LeafError {
    /// Shorter than its time, or longer than a leaf may be.
    #[error("the leaf has {0} bytes")]
    Length(usize),
    /// The time is beyond the range of times.
    #[error("the leaf's time is beyond the range")]
    Time,
    /// The rest is no entry.
    #[error("the leaf holds no entry")]
    Entry(#[source] EntryError),
}

impl Leaf {
    /// A leaf for an entry that is admitted now.
    #[must_use]
    pub fn new(admitted_at: AdmittedAt, entry: Entry) -> Self {
        Self { admitted_at, entry }
    }

    /// Reads `uint64 admitted_at ‖ entry` (LEAF-1).
    ///
    /// # Errors
    /// When the length, the time or the entry is impossible.
    pub fn parse(bytes: &[u8]) -> Result<Self, LeafError> {
        if bytes.len() > limit::LEAF_BYTES {
            return Err(LeafError::Length(bytes.len()));
        }
        let (time, entry) = bytes
            .split_first_chunk::<8>()
            .ok_or(LeafError::Length(bytes.len()))?;
        let admitted_at = AdmittedAt::from_be_bytes(*time).ok_or(LeafError::Time)?;
        let entry = Entry::parse(entry).map_err(LeafError::Entry)?;
        Ok(Self { admitted_at, entry })
    }

    /// The leaf's bytes, which the log hashes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(8 + self.entry.as_bytes().len());
        bytes.extend_from_slice(&self.admitted_at.to_be_bytes());
        bytes.extend_from_slice(self.entry.as_bytes());
        bytes
    }

    /// When the sequencer admitted the entry.
    #[must_use]
    pub fn admitted_at(&self) -> AdmittedAt {
        self.admitted_at
    }

    /// The entry.
    #[must_use]
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// The entry alone.
    #[must_use]
    pub fn into_entry(self) -> Entry {
        self.entry
    }
}
