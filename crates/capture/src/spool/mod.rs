//! The spool: sealed objects and signed entries, from the moment at which they are durable to the
//! moment at which the vault has confirmed that it holds them. Ciphertext only (SPOOL-3).
//!
//! One SQLite database (write-ahead log, every commit synced) and one file for each attachment's
//! stream. Crash arguments:
//!
//! * Numbers (SPOOL-2): an entry is numbered and signed under the spool's lock and becomes visible to
//!   submission only by the commit that also moves the chain's end. Before the commit nobody
//!   outside has seen it, so its number may be given again; after it the number is taken for ever.
//! * Streams (SPOOL-1): a stream is synced under its final name before the commit that refers to it. A
//!   crash between leaves a file that nothing refers to; opening removes it, and the connector,
//!   which has not heard `durable`, brings the attachment again.
//! * Marks of uploads and receipts may be lost in a crash: uploading and posting again is
//!   idempotent (CHAIN-3).
//! * `stored` (SPOOL-4): rows go first, files second; a crash between leaves files without rows, as above.

mod account;
mod append;
mod log;
mod marks;
mod notices;
mod plan;
mod points;
mod queue;
mod schema;
mod stream;
mod undelivered;

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, params};
use wire::{AccountHandle, ArchiveId, ChainPosition, Entry, EntryId, SequenceNumber, SignerId};

use crate::known::Mark;

pub use marks::MarkReader;
pub use notices::{ConversationMark, NoticeChanges};
pub use plan::{Day, LeftOut, plan_beside};
pub use points::{Unhindered, WritePoint, WritePoints};
pub use queue::{ObjectPlace, RefusedEntry, SpoolCounts, WaitingEntry, WaitingObject};
pub use stream::{SpooledStream, StreamFileError, StreamFolder};
pub use undelivered::{Undelivered, undelivered};

/// The agent's spool. One process at a time; see [`Spool::open`].
pub struct Spool {
    db: Connection,
    streams: StreamFolder,
    points: Arc<dyn WritePoints>,
    // Held as long as the spool is open; the system lets go of it when the process ends.
    _lock: File,
}

/// An entry with its objects, sealed and signed, ready to become durable.
pub struct SealedEntry {
    /// The signed entry.
    pub entry: Entry,
    /// Its objects, in the entry's order.
    pub objects: Vec<SealedObject>,
    /// Records in it, for the account's count.
    pub records: u64,
    /// Losses among them.
    pub losses: u64,
    /// Marks of its records, so that they are known when they come again.
    pub marks: Vec<Mark>,
}

/// Where a sealed object is.
pub enum SealedObject {
    /// In memory: a batch, at most some 4 MiB.
    Bytes(Vec<u8>),
    /// In a file of the spool: an attachment's stream.
    Stream(SpooledStream),
}

/// What becomes durable in one transaction.
#[derive(Default)]
pub struct Group {
    /// Entries, in the order of their numbers.
    pub entries: Vec<SealedEntry>,
    /// The account whose counts grow.
    pub account: Option<AccountHandle>,
    /// Where the account's source stands, sealed by the caller under the agent's local key.
    pub position: Option<Vec<u8>>,
    /// Keyed names of files of the connector that are to be deleted now.
    pub consumed: Vec<[u8; 16]>,
    /// What the plan left out of the account's events (PLAN-5).
    pub left_out: Vec<LeftOut>,
    /// Counts of what was left out that a record of this group tells: they are forgotten with it.
    pub told: Option<LeftOut>,
    /// What changes about the account's notices (PLAN-9).
    pub notices: NoticeChanges,
}

/// Why the spool can not be opened, read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpoolError {
    /// Another process has it open.
    #[error("the spool is in use by another process")]
    InUse,
    /// It belongs to another archive or signer.
    #[error("the spool belongs to another archive or agent")]
    Foreign,
    /// It was written by a later version.
    #[error(
        "the spool has format {found}, this program reads format {}",
        schema::VERSION
    )]
    Version {
        /// The format found.
        found: i64,
    },
    /// The database failed. Nothing of the step is durable.
    #[error("the spool's database")]
    Database(#[from] rusqlite::Error),
    /// A file failed.
    #[error("the spool's folder")]
    Io(#[from] io::Error),
    /// An entry that does not follow the chain's end: a bug of the caller.
    #[error("entry {found} was to be spooled where {expected} is next")]
    Chain {
        /// Its number.
        found: SequenceNumber,
        /// The next number.
        expected: SequenceNumber,
    },
    /// What stands in the database can not be read.
    #[error("the spool's {what} is damaged")]
    Damaged {
        /// What.
        what: &'static str,
    },
}

impl SpoolError {
    /// Whether the disk is full, which passes; capture pauses meanwhile.
    pub fn is_full(&self) -> bool {
        match self {
            Self::Database(error) => {
                error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
            }
            Self::Io(error) => error.kind() == io::ErrorKind::StorageFull,
            _ => false,
        }
    }
}

/// Where capture and submission stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tip {
    /// Where the next entry will stand.
    pub next: ChainPosition,
    /// The number after the last admitted entry, and that entry's id.
    pub admitted: ChainPosition,
}

/// Counts of one account, for heartbeats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountCounts {
    /// Events captured, losses included.
    pub captured: u64,
    /// Losses recorded.
    pub losses: u64,
}

impl Spool {
    /// Opens or makes the spool in `folder`, for one archive and signer. Removes what a crash
    /// left half made.
    ///
    /// # Errors
    ///
    /// When another process has it open, when it belongs to another agent, or when the disk fails.
    pub fn open(
        folder: &Path,
        archive: ArchiveId,
        signer: SignerId,
        points: Arc<dyn WritePoints>,
    ) -> Result<Self, SpoolError> {
        fs::create_dir_all(folder)?;
        let lock = locked(&folder.join("spool.lock"))?;
        let db = schema::open(&folder.join("spool.db"))?;
        own(&db, archive, signer)?;
        let streams = StreamFolder::open(&folder.join("streams"), Arc::clone(&points))?;
        let spool = Self {
            db,
            streams,
            points,
            _lock: lock,
        };
        spool.sweep()?;
        Ok(spool)
    }

    /// The folder of streams, which may be written to without the spool's lock.
    pub fn streams(&self) -> StreamFolder {
        self.streams.clone()
    }

    /// A second connection that reads marks, for [`Known`](crate::known::Known).
    ///
    /// # Errors
    ///
    /// When the database can not be opened.
    pub fn marks(&self) -> Result<MarkReader, SpoolError> {
        let path = self.db.path().unwrap_or_default().to_owned();
        Ok(MarkReader(schema::reader(Path::new(&path))?))
    }

    /// Where capture and submission stand.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn tip(&self) -> Result<Tip, SpoolError> {
        read_tip(&self.db)
    }

    /// Keeps the database below so many pages of 16 KiB; beyond, it answers as a full disk does.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn limit_pages(&mut self, pages: u32) -> Result<(), SpoolError> {
        self.db.pragma_update(None, "max_page_count", pages)?;
        Ok(())
    }

    /// Files without rows are left over from a crash.
    fn sweep(&self) -> Result<(), SpoolError> {
        let mut held = self
            .db
            .prepare("SELECT 1 FROM object WHERE hash = ?1 LIMIT 1")?;
        self.streams
            .sweep(|hash| held.exists([hash.as_bytes()]).map_err(SpoolError::from))
    }
}

impl std::fmt::Debug for Spool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Spool({})", self.streams.path().display())
    }
}

fn read_tip(db: &Connection) -> Result<Tip, SpoolError> {
    let row = db.query_row(
        "SELECT next, previous, admitted_next, admitted_id FROM chain",
        [],
        |row| {
            Ok((
                (row.get::<_, i64>(0)?, row.get::<_, [u8; 32]>(1)?),
                (row.get::<_, i64>(2)?, row.get::<_, [u8; 32]>(3)?),
            ))
        },
    )?;
    let position = |(number, id): (i64, [u8; 32])| {
        Ok::<_, SpoolError>(ChainPosition {
            number: SequenceNumber::new(unsigned(number)?),
            previous: EntryId::from_bytes(id),
        })
    };
    Ok(Tip {
        next: position(row.0)?,
        admitted: position(row.1)?,
    })
}

fn own(db: &Connection, archive: ArchiveId, signer: SignerId) -> Result<(), SpoolError> {
    db.execute(
        "INSERT OR IGNORE INTO owner VALUES (1, ?1, ?2)",
        params![archive.as_bytes(), signer.as_bytes()],
    )?;
    let owner = db.query_row("SELECT archive, signer FROM owner", [], |row| {
        Ok((row.get::<_, [u8; 32]>(0)?, row.get::<_, [u8; 32]>(1)?))
    })?;
    if owner == (*archive.as_bytes(), *signer.as_bytes()) {
        Ok(())
    } else {
        Err(SpoolError::Foreign)
    }
}

fn locked(path: &Path) -> Result<File, SpoolError> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)?;
    match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(SpoolError::InUse),
        Err(error) => Err(SpoolError::Io(error.into())),
    }
}

fn damaged(what: &'static str) -> SpoolError {
    SpoolError::Damaged { what }
}

fn int(value: u64) -> Result<i64, SpoolError> {
    i64::try_from(value).map_err(|_| damaged("number"))
}

fn unsigned(value: i64) -> Result<u64, SpoolError> {
    u64::try_from(value).map_err(|_| damaged("number"))
}
