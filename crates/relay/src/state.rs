//! The state that must move in one step with the log's tree head: compare-and-swap in a database.
//!
//! SQLite now ([`SqliteState`]); every method is one transaction on plain columns, so that a
//! server database fits behind the same trait.

mod sqlite;

use std::fmt;

use futures_util::future::BoxFuture;
use tlog::LogIndex;
use wire::{AdmittedAt, ControlNumber, EntryId, ObjectHash, SequenceNumber, SignerId};

pub use sqlite::SqliteState;

/// The tree head that the database holds: everything below its size is sequenced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Leaves of the tree.
    pub size: tlog::TreeSize,
    /// Its root.
    pub root: tlog::Hash,
    /// When its newest leaf was admitted.
    pub admitted_at: AdmittedAt,
}

/// Where an admitted entry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Its id.
    pub entry: EntryId,
    /// Its index in the log.
    pub index: LogIndex,
}

/// An entry that is sequenced with a new head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sequenced {
    /// Whose chain it stands in.
    pub signer: SignerId,
    /// Its number there.
    pub number: SequenceNumber,
    /// Its id and index.
    pub place: Place,
    /// Objects that belong to it from now on.
    pub objects: Vec<ObjectHash>,
    /// What else it is.
    pub kind: SequencedKind,
}

/// What the relay finds again by its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SequencedKind {
    /// An act of the control chain, or the genesis as number 0.
    Control(ControlNumber),
    /// The vault says what it holds.
    Stored,
    /// Mail to this signer (MAIL-1).
    Mail(SignerId),
    /// Somebody signs the control chain's head.
    Head,
    /// Any other.
    Other,
}

/// Everything that moves together with the head.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    /// The authority's cursor row, new with every group.
    pub cursor: Vec<u8>,
    /// The authority's standing row, where the control chain moved.
    pub standing: Option<Vec<u8>>,
    /// Rows of the signers that changed, each once.
    pub signers: Vec<(SignerId, Vec<u8>)>,
    /// The entries of the group, in the log's order.
    pub entries: Vec<Sequenced>,
}

/// The rows of the authority as they were stored last, all of one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorityRows {
    /// The cursor row.
    pub cursor: Vec<u8>,
    /// The standing row.
    pub standing: Vec<u8>,
    /// The row of every signer, in no order.
    pub signers: Vec<Vec<u8>>,
}

/// Why the state could not be read or moved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// Another process has moved the head, or the caller's is not the newest.
    #[error("the head in the database is another")]
    Moved,
    /// The database refused.
    #[error("the database could not {doing}")]
    Database {
        /// What was being done.
        doing: &'static str,
        /// The database's answer.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A row holds what this program never writes.
    #[error("the database holds an impossible {0}")]
    Damaged(&'static str),
    /// A fault that a test planted.
    #[error("a fault was planted here")]
    Planted,
}

/// Keeps one archive's tree head and what must agree with it.
pub trait CheckpointStore: Send + Sync + fmt::Debug + 'static {
    /// The head; `None` before the genesis.
    fn head(&self) -> BoxFuture<'_, Result<Option<Head>, StateError>>;

    /// Moves the head from `from` to `to` together with the change, or changes nothing at all.
    ///
    /// Returns `Ok` only once the change is durable. [`StateError::Moved`] says that the head was
    /// not `from` and that nothing changed. After any other error the change may have happened
    /// or not: the caller reads the head again before it does anything else.
    fn advance<'a>(
        &'a self,
        from: Option<Head>,
        to: Head,
        change: &'a Change,
    ) -> BoxFuture<'a, Result<(), StateError>>;

    /// The authority's rows; `None` before the genesis.
    fn authority(&self) -> BoxFuture<'_, Result<Option<AuthorityRows>, StateError>>;

    /// Where the entries with these numbers stand, in the order of the question.
    fn places<'a>(
        &'a self,
        of: &'a [(SignerId, SequenceNumber)],
    ) -> BoxFuture<'a, Result<Vec<Option<Place>>, StateError>>;

    /// To which entry each object belongs, by log index, in the order of the question.
    fn owners<'a>(
        &'a self,
        of: &'a [ObjectHash],
    ) -> BoxFuture<'a, Result<Vec<Option<LogIndex>>, StateError>>;

    /// Log indexes of control entries from `first` on, in order, at most `most`.
    fn control(
        &self,
        first: ControlNumber,
        most: usize,
    ) -> BoxFuture<'_, Result<Vec<LogIndex>, StateError>>;

    /// Log indexes of mail to this signer from `first` on, in order, at most `most` (MAIL-1).
    fn mail(
        &self,
        to: SignerId,
        first: LogIndex,
        most: usize,
    ) -> BoxFuture<'_, Result<Vec<LogIndex>, StateError>>;

    /// Whether a mail entry to this signer names the object (MAIL-1).
    fn is_mail_to(
        &self,
        to: SignerId,
        object: ObjectHash,
    ) -> BoxFuture<'_, Result<bool, StateError>>;

    /// Log index of the newest `stored` entry.
    fn stored(&self) -> BoxFuture<'_, Result<Option<LogIndex>, StateError>>;

    /// Log index of the newest `head` entry.
    fn signed_head(&self) -> BoxFuture<'_, Result<Option<LogIndex>, StateError>>;
}
