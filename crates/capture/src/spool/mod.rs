//! The spool: sealed objects and signed entries, from the moment at which they are durable to the
//! moment at which the vault has confirmed that it holds them. Ciphertext only.
//!
//! One SQLite database (write-ahead log, every commit synced) and one file for each attachment's
//! stream. Crash arguments:
//!
//! * Numbers: an entry is numbered and signed under the spool's lock and becomes visible to
//!   submission only by the commit that also moves the chain's end. Before the commit nobody
//!   outside has seen it, so its number may be given again; after it the number is taken for ever.
//! * Streams: a stream is synced under its final name before the commit that refers to it. A
//!   crash between leaves a file that nothing refers to; opening removes it, and the connector,
//!   which has not heard `durable`, brings the attachment again.
//! * Marks of uploads and receipts may be lost in a crash: uploading and posting again is
//!   idempotent (CHAIN-3).
//! * `stored`: rows go first, files second; a crash between leaves files without rows, as above.

mod points;
mod queue;
mod schema;
mod stream;

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use tlog::{Hash, TreeSize};
use wire::{
    AccountHandle, ArchiveId, ChainPosition, Entry, EntryId, Seen, SequenceNumber, SignerId,
};

use crate::known::{Mark, ShardId};

pub use points::{Unhindered, WritePoint, WritePoints};
pub use queue::{ObjectPlace, RefusedEntry, SpoolCounts, WaitingEntry, WaitingObject};
pub use stream::{SpooledStream, StreamFileError, StreamFolder};

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

    /// Makes a group durable: returns only once everything of it is synced, or nothing of it is.
    ///
    /// # Errors
    ///
    /// When an entry does not follow the chain's end, or the disk fails. After an error of
    /// [`WritePoint::GroupCommitted`] the group may be durable: open the spool again to know.
    pub fn append(&mut self, group: &Group) -> Result<(), SpoolError> {
        let tx = self
            .db
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        self.points.reach(WritePoint::GroupBegins)?;
        let mut tip = read_tip(&tx)?.next;
        for sealed in &group.entries {
            let entry = &sealed.entry;
            let position = ChainPosition {
                number: entry.number(),
                previous: entry.previous(),
            };
            if position != tip {
                return Err(SpoolError::Chain {
                    found: position.number,
                    expected: tip.number,
                });
            }
            insert(&tx, sealed)?;
            tip = ChainPosition {
                number: entry.number().next(),
                previous: entry.id(),
            };
        }
        tx.execute(
            "UPDATE chain SET next = ?1, previous = ?2",
            params![int(tip.number.get())?, tip.previous.as_bytes()],
        )?;
        if let Some(account) = &group.account {
            let records: u64 = group.entries.iter().map(|sealed| sealed.records).sum();
            let losses: u64 = group.entries.iter().map(|sealed| sealed.losses).sum();
            tx.execute(
                "INSERT INTO account (handle, captured, losses) VALUES (?1, ?2, ?3)
                 ON CONFLICT (handle) DO UPDATE
                 SET captured = captured + ?2, losses = losses + ?3",
                params![account.as_bytes(), int(records)?, int(losses)?],
            )?;
            if let Some(position) = &group.position {
                tx.execute(
                    "UPDATE account SET position = ?2 WHERE handle = ?1",
                    params![account.as_bytes(), position],
                )?;
            }
        }
        for name in &group.consumed {
            tx.execute("INSERT OR IGNORE INTO consumed VALUES (?1)", [name])?;
        }
        self.points.reach(WritePoint::GroupWritten)?;
        tx.commit()?;
        self.points.reach(WritePoint::GroupCommitted)?;
        Ok(())
    }

    /// Where an account's source stands, as the last durable group said.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn position(&self, account: &AccountHandle) -> Result<Option<Vec<u8>>, SpoolError> {
        let position = self
            .db
            .query_row(
                "SELECT position FROM account WHERE handle = ?1",
                [account.as_bytes()],
                |row| row.get(0),
            )
            .optional()?;
        Ok(position.flatten())
    }

    /// Forgets where an account's source stands, when the source begins anew.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn forget_position(&mut self, account: &AccountHandle) -> Result<(), SpoolError> {
        self.db.execute(
            "UPDATE account SET position = NULL WHERE handle = ?1",
            [account.as_bytes()],
        )?;
        Ok(())
    }

    /// Counts of one account; zeros if nothing of it was captured.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn account_counts(&self, account: &AccountHandle) -> Result<AccountCounts, SpoolError> {
        let counts = self
            .db
            .query_row(
                "SELECT captured, losses FROM account WHERE handle = ?1",
                [account.as_bytes()],
                |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)),
            )
            .optional()?;
        let (captured, losses) = counts.unwrap_or_default();
        Ok(AccountCounts {
            captured: unsigned(captured)?,
            losses: unsigned(losses)?,
        })
    }

    /// Keyed names of files that are durable and were perhaps not deleted.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn consumed(&self) -> Result<Vec<[u8; 16]>, SpoolError> {
        let mut rows = self.db.prepare_cached("SELECT name FROM consumed")?;
        let names = rows
            .query_map([], |row| row.get::<_, [u8; 16]>(0))?
            .collect::<Result<_, _>>()?;
        Ok(names)
    }

    /// Forgets keyed names whose files are deleted.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn forget_consumed(&mut self, names: &[[u8; 16]]) -> Result<(), SpoolError> {
        let tx = self.db.transaction()?;
        for name in names {
            tx.execute("DELETE FROM consumed WHERE name = ?1", [name])?;
        }
        tx.commit()?;
        Ok(())
    }

    /// The last checkpoint that this agent has verified.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn seen(&self) -> Result<Option<Seen>, SpoolError> {
        let row = self
            .db
            .query_row("SELECT seen_size, seen_root FROM chain", [], |row| {
                Ok((
                    row.get::<_, Option<i64>>(0)?,
                    row.get::<_, Option<Vec<u8>>>(1)?,
                ))
            })?;
        let (Some(size), Some(root)) = row else {
            return Ok(None);
        };
        Ok(Some(Seen {
            size: TreeSize::new(unsigned(size)?),
            root: Hash::from_slice(&root).ok_or(damaged("checkpoint"))?,
        }))
    }

    /// Keeps a checkpoint that was verified as an extension of the last one.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn set_seen(&mut self, seen: &Seen) -> Result<(), SpoolError> {
        self.db.execute(
            "UPDATE chain SET seen_size = ?1, seen_root = ?2",
            params![int(seen.size.get())?, seen.root.as_bytes()],
        )?;
        Ok(())
    }

    /// Control entries that were verified, as `(log index, leaf, proof)` in order.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn control(&self) -> Result<Vec<(u64, Vec<u8>)>, SpoolError> {
        let mut rows = self
            .db
            .prepare_cached("SELECT log_index, leaf FROM control ORDER BY number")?;
        let pairs = rows
            .query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)))?
            .collect::<Result<Vec<(i64, Vec<u8>)>, _>>()?;
        pairs
            .into_iter()
            .map(|(index, leaf)| Ok((unsigned(index)?, leaf)))
            .collect()
    }

    /// Keeps a verified control entry.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn keep_control(&mut self, number: u64, index: u64, leaf: &[u8]) -> Result<(), SpoolError> {
        self.db.execute(
            "INSERT OR REPLACE INTO control VALUES (?1, ?2, ?3)",
            params![int(number)?, int(index)?, leaf],
        )?;
        Ok(())
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

/// Reads marks of known records beside the spool's own connection.
pub struct MarkReader(Connection);

impl MarkReader {
    /// All marks of a shard.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn marks(&self, shard: ShardId) -> Result<Vec<u64>, SpoolError> {
        let mut rows = self
            .0
            .prepare_cached("SELECT prints FROM known WHERE shard = ?1")?;
        let mut blocks = rows.query([shard.as_bytes()])?;
        let mut marks = Vec::new();
        while let Some(row) = blocks.next()? {
            let block = row.get_ref(0)?.as_blob().map_err(|_| damaged("marks"))?;
            let (prints, rest) = block.as_chunks::<8>();
            if !rest.is_empty() {
                return Err(damaged("marks"));
            }
            marks.extend(prints.iter().map(|print| u64::from_be_bytes(*print)));
        }
        Ok(marks)
    }
}

impl std::fmt::Debug for MarkReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MarkReader")
    }
}

fn insert(tx: &Transaction<'_>, sealed: &SealedEntry) -> Result<(), SpoolError> {
    let entry = &sealed.entry;
    let number = int(entry.number().get())?;
    let id = entry.id();
    tx.prepare_cached("INSERT INTO entry (number, id, bytes, records) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![
            number,
            id.as_bytes(),
            entry.as_bytes(),
            int(sealed.records)?
        ])?;
    let named = entry.objects();
    if named.len() != sealed.objects.len() {
        return Err(damaged("list of objects"));
    }
    let mut row = tx.prepare_cached(
        "INSERT INTO object (entry, place, hash, length, bytes) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for (place, (object, sealed)) in named.iter().zip(&sealed.objects).enumerate() {
        let bytes = match sealed {
            SealedObject::Bytes(bytes) => Some(bytes.as_slice()),
            SealedObject::Stream(_) => None,
        };
        row.execute(params![
            id.as_bytes(),
            int(place as u64)?,
            object.hash.as_bytes(),
            int(object.length.get())?,
            bytes
        ])?;
    }
    // One block for each shard and entry, so that the marks of a refused entry can be forgotten.
    let mut marks: Vec<Mark> = sealed.marks.clone();
    marks.sort_unstable();
    let mut block_row =
        tx.prepare_cached("INSERT INTO known (shard, number, prints) VALUES (?1, ?2, ?3)")?;
    for shard in marks.chunk_by(|a, b| a.shard == b.shard) {
        let Some(first) = shard.first() else { continue };
        let block: Vec<u8> = shard
            .iter()
            .flat_map(|mark| mark.print.to_be_bytes())
            .collect();
        block_row.execute(params![first.shard.as_bytes(), number, block])?;
    }
    Ok(())
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
