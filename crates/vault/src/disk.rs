//! The disk under the locked part's files, asked before each change, so that a simulation can let it
//! be full or fail (`scenarios::simulation`). No disk is asked unless one is given.

use std::fmt::Debug;
use std::io;
use std::sync::Arc;

use rusqlite::ffi;

/// Is asked before each change of the mirror and each commit of state and outbox. Objects are
/// fetched side by side: they ask when they begin, so that a simulation's order is always the same.
pub trait WritePoints: Debug + Send + Sync {
    /// Lets the change through.
    ///
    /// # Errors
    ///
    /// What the disk would have said. Then the change does not happen.
    fn reach(&self) -> io::Result<()>;
}

/// The disk of a vault's folder.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk(Option<Arc<dyn WritePoints>>);

impl Disk {
    pub(crate) fn asking(points: Arc<dyn WritePoints>) -> Self {
        Self(Some(points))
    }

    /// Before a file is changed.
    pub(crate) fn write(&self) -> io::Result<()> {
        self.0.as_ref().map_or(Ok(()), |points| points.reach())
    }

    /// Before a transaction is committed, which is undone if that is refused.
    pub(crate) fn commit(&self) -> rusqlite::Result<()> {
        self.write().map_err(|error| {
            let full = ffi::Error::new(ffi::SQLITE_FULL);
            rusqlite::Error::SqliteFailure(full, Some(error.to_string()))
        })
    }
}
