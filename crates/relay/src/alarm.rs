//! Why an archive stops: going on would break a promise about what was signed before.

use tlog::TreeSize;

/// An archive stops with an alarm instead of signing what contradicts the past (SEQ-2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Alarm {
    /// The database is behind a checkpoint that was signed: it was restored from a copy, or lost.
    #[error(
        "a checkpoint of {signed} leaves was signed, and the database holds {now}: it is not the newest one"
    )]
    Smaller {
        /// Leaves of the signed checkpoint.
        signed: TreeSize,
        /// Leaves by the database.
        now: TreeSize,
    },
    /// The log's files lead to another root than was signed or than the database holds.
    #[error("the files of the log lead to another root at {size} leaves")]
    Root {
        /// Leaves of the tree in question.
        size: TreeSize,
    },
    /// A witness has cosigned a larger checkpoint of this log.
    #[error("a witness has cosigned {witness} leaves of this log, and it has {now}")]
    Witness {
        /// Leaves that the witness has seen.
        witness: TreeSize,
        /// Leaves of the log.
        now: TreeSize,
    },
    /// The database's authority rows do not fit its head or the genesis.
    #[error("the database's rows do not fit each other")]
    Authority,
}
