//! The places at which a crash or a full disk can meet the spool.

use std::io;

/// A place in the spool's writing, named for what has been done when it is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WritePoint {
    /// A stream's temporary file is about to be made.
    StreamBegins,
    /// All of a stream is written, nothing is synced.
    StreamWritten,
    /// The stream's file is synced under its temporary name.
    StreamSynced,
    /// The stream has its name, the folder is not synced.
    StreamNamed,
    /// A group's transaction is open.
    GroupBegins,
    /// All of a group is written into the transaction.
    GroupWritten,
    /// The group is committed and synced; nobody has been told.
    GroupCommitted,
    /// Marks of uploads, receipts, refusals or `stored` are written, not committed.
    MarksWritten,
    /// Marks are committed.
    MarksCommitted,
    /// Entries that the vault holds are gone from the database, their streams' files not yet.
    StoredCommitted,
}

impl WritePoint {
    /// All of them, for the crash matrix.
    pub const ALL: [Self; 10] = [
        Self::StreamBegins,
        Self::StreamWritten,
        Self::StreamSynced,
        Self::StreamNamed,
        Self::GroupBegins,
        Self::GroupWritten,
        Self::GroupCommitted,
        Self::MarksWritten,
        Self::MarksCommitted,
        Self::StoredCommitted,
    ];
}

/// Stands at every write point. Programs use [`Unhindered`]; tests end the world here.
pub trait WritePoints: Send + Sync {
    /// Called when `point` is reached. An error is handled as a failing disk: the step is not
    /// continued.
    ///
    /// # Errors
    ///
    /// Whatever the disk is to answer.
    fn reach(&self, point: WritePoint) -> io::Result<()>;
}

/// Lets everything pass.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unhindered;

impl WritePoints for Unhindered {
    fn reach(&self, _: WritePoint) -> io::Result<()> {
        Ok(())
    }
}
