//! What the locked part knows, in one SQLite file: the verified head, every entry's outline, which
//! objects are held, who has been heard of when. Nothing in it is content: it can all be made again
//! from the mirror.
//!
//! The head moves in the same transaction in which the outlines of the entries below it are
//! written, after the mirror's files are durable. A crash before the commit leaves the former head;
//! the files beyond it are read again, never fetched again.

use std::path::Path;

use canonical::Milliseconds;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use tlog::{Hash, LogIndex, TreeSize};
use wire::authority::Admitted;
use wire::{
    AdmittedAt, Entry, EntryId, Kind, Object, ObjectHash, ObjectLength, Seen, SequenceNumber,
    SignatureBytes, SignerId,
};

use crate::chain::Rows;
use crate::database::{self, int};
use crate::disk::Disk;
use crate::watch;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS head (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    size INTEGER NOT NULL,
    root BLOB NOT NULL,
    seen_at INTEGER NOT NULL,
    witnessed INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS entries (
    log_index INTEGER PRIMARY KEY,
    id BLOB NOT NULL,
    signer BLOB NOT NULL,
    number INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    admitted_at INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS entries_by_signer ON entries (signer, number);
CREATE TABLE IF NOT EXISTS objects (
    hash BLOB PRIMARY KEY,
    length INTEGER NOT NULL,
    log_index INTEGER NOT NULL,
    state INTEGER NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    since INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS objects_open ON objects (log_index) WHERE state <> 1;
CREATE TABLE IF NOT EXISTS alarms (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    what TEXT NOT NULL UNIQUE
);
CREATE TABLE IF NOT EXISTS problems (
    log_index INTEGER NOT NULL,
    what TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (log_index, what)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS follower (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    follower BLOB NOT NULL,
    cursor BLOB NOT NULL,
    standing BLOB NOT NULL,
    mark BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS follower_signers (
    id BLOB PRIMARY KEY,
    row BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS facts (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;
";

/// The locked part's database. One connection; each process opens its own.
#[derive(Debug)]
pub struct State {
    connection: Connection,
    disk: Disk,
}

/// The highest checkpoint that was verified, whose log is mirrored whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Size and root.
    pub seen: Seen,
    /// When it was verified here.
    pub at: Milliseconds,
    /// Whether the cosignatures that the witness policy asks for were there.
    pub witnessed: bool,
}

/// How it stands with one object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holding {
    /// Named by an entry, not yet here.
    Wanted,
    /// Here, its hash checked, durable.
    Held,
    /// The relay does not have it.
    Missing,
    /// What the relay gives has another hash or length; or the copy here was found damaged.
    Damaged,
}

/// An object that is not held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenObject {
    /// Hash and length.
    pub object: Object,
    /// Index of the entry that names it.
    pub index: LogIndex,
    /// Wanted, missing or damaged.
    pub holding: Holding,
    /// Attempts so far.
    pub tries: u64,
    /// When its entry was admitted.
    pub since: Milliseconds,
}

/// A fact that does not stop the vault and must be looked at.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Problem {
    /// Log index of the entry.
    pub index: u64,
    /// What is wrong, without content.
    pub what: String,
    /// When it was noticed, milliseconds since 1970.
    pub at: i64,
}

/// The vault's database can not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("the vault's state can not be read or written")]
pub struct StateError(#[from] rusqlite::Error);

impl State {
    /// Opens the state, or makes it.
    ///
    /// # Errors
    ///
    /// When the file can not be opened or is no database.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        let connection = database::open(path, SCHEMA)?;
        connection.execute_batch(watch::SCHEMA)?;
        Ok(Self {
            connection,
            disk: Disk::default(),
        })
    }

    /// The same on that disk.
    pub(crate) fn on(self, disk: Disk) -> Self {
        Self { disk, ..self }
    }

    /// The highest verified checkpoint; `None` before the first.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn head(&self) -> Result<Option<Head>, StateError> {
        Ok(self
            .connection
            .query_row(
                "SELECT size, root, seen_at, witnessed FROM head",
                [],
                |row| {
                    Ok(Head {
                        seen: Seen {
                            size: TreeSize::new(database::number(row, 0)?),
                            root: Hash::from_bytes(database::id(row, 1)?),
                        },
                        at: Milliseconds::new(row.get(2)?),
                        witnessed: row.get(3)?,
                    })
                },
            )
            .optional()?)
    }

    /// Begins the transaction that takes verified entries and moves the head.
    ///
    /// # Errors
    ///
    /// When the database fails, or another process writes for longer than ten seconds.
    pub fn advance(&mut self) -> Result<Advance<'_>, StateError> {
        Ok(Advance {
            disk: self.disk.clone(),
            transaction: self
                .connection
                .transaction_with_behavior(TransactionBehavior::Immediate)?,
        })
    }

    /// The rows of what was verified up to the head, with their mark; `None` before the first.
    pub(crate) fn follower(&self) -> Result<Option<(Rows, SignatureBytes)>, StateError> {
        // One transaction: the rows are of one moment.
        let transaction = self.connection.unchecked_transaction()?;
        let one = transaction
            .query_row(
                "SELECT follower, cursor, standing, mark FROM follower",
                [],
                |row| {
                    let mark: Vec<u8> = row.get(3)?;
                    // A mark of another length is no mark.
                    let mark = SignatureBytes::try_from(mark.as_slice());
                    let rows = Rows {
                        follower: row.get(0)?,
                        cursor: row.get(1)?,
                        standing: row.get(2)?,
                        signers: Vec::new(),
                    };
                    Ok((rows, mark.unwrap_or(SignatureBytes::from_bytes([0; 64]))))
                },
            )
            .optional()?;
        let Some((mut rows, mark)) = one else {
            return Ok(None);
        };
        let mut statement = transaction.prepare("SELECT id, row FROM follower_signers")?;
        rows.signers = statement
            .query_map([], |row| {
                Ok((SignerId::from_bytes(database::id(row, 0)?), row.get(1)?))
            })?
            .collect::<Result<_, _>>()?;
        Ok(Some((rows, mark)))
    }

    /// Notes that the checkpoint of the head was seen again, and how it is witnessed now.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn seen_again(&self, at: Milliseconds, witnessed: bool) -> Result<(), StateError> {
        self.disk.commit()?;
        self.connection.execute(
            "UPDATE head SET seen_at = ?1, witnessed = ?2",
            params![at.get(), witnessed],
        )?;
        Ok(())
    }

    /// Objects that are not held, in the log's order, at most `limit`, with fewer than `tries`
    /// attempts.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn open_objects(&self, limit: usize, tries: u64) -> Result<Vec<OpenObject>, StateError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT hash, length, log_index, state, tries, since FROM objects
             WHERE state <> 1 AND tries < ?2 ORDER BY log_index LIMIT ?1",
        )?;
        let rows = statement.query_map(
            params![i64::try_from(limit).unwrap_or(i64::MAX), int(tries)],
            |row| {
                Ok(OpenObject {
                    object: Object {
                        hash: ObjectHash::from_bytes(database::id(row, 0)?),
                        length: ObjectLength::new(database::number(row, 1)?),
                    },
                    index: LogIndex::new(database::number(row, 2)?),
                    holding: Holding::of(row.get(3)?),
                    tries: database::number(row, 4)?,
                    since: Milliseconds::new(row.get(5)?),
                })
            },
        )?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Notes how objects stand now, all in one durable step. An object is noted as held only after
    /// its bytes and its name are durable in the mirror.
    ///
    /// # Errors
    ///
    /// When the database fails; nothing was noted then.
    pub fn note_objects(&mut self, holdings: &[(ObjectHash, Holding)]) -> Result<(), StateError> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        for (hash, holding) in holdings {
            transaction
                .prepare_cached("UPDATE objects SET state = ?2, tries = tries + 1 WHERE hash = ?1")?
                .execute(params![hash.as_bytes().as_slice(), holding.number()])?;
        }
        self.disk.commit()?;
        transaction.commit()?;
        Ok(())
    }

    /// Lets objects that could not be had be asked for again.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn try_again(&self) -> Result<(), StateError> {
        self.disk.commit()?;
        self.connection
            .execute("UPDATE objects SET tries = 0 WHERE state <> 1", [])?;
        Ok(())
    }

    /// The tree size below which every object of every entry is held.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn stored_through(&self) -> Result<TreeSize, StateError> {
        let first_open: Option<i64> = self.connection.query_row(
            "SELECT min(log_index) FROM objects WHERE state <> 1",
            [],
            |row| row.get(0),
        )?;
        let size = self.head()?.map_or(0, |head| head.seen.size.get());
        let open = first_open.and_then(|index| u64::try_from(index).ok());
        Ok(TreeSize::new(open.map_or(size, |index| index.min(size))))
    }

    /// Whether entries that somebody waits to see stored lie in `from..to`: all kinds but the
    /// vault's own `stored` and `audit`, which would otherwise call forth each other without end.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn has_deliveries(&self, from: TreeSize, to: TreeSize) -> Result<bool, StateError> {
        Ok(self.connection.query_row(
            "SELECT EXISTS (SELECT 1 FROM entries
             WHERE log_index >= ?1 AND log_index < ?2 AND kind NOT IN (?3, ?4))",
            params![
                int(from.get()),
                int(to.get()),
                kind_number(Kind::Stored),
                kind_number(Kind::Audit)
            ],
            |row| row.get(0),
        )?)
    }

    /// Remembers an alarm for good; the same words are remembered once.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn alarm(&self, at: Milliseconds, what: &str) -> Result<(), StateError> {
        self.disk.commit()?;
        self.connection.execute(
            "INSERT OR IGNORE INTO alarms (at, what) VALUES (?1, ?2)",
            params![at.get(), what],
        )?;
        Ok(())
    }

    /// Every alarm, oldest first.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn alarms(&self) -> Result<Vec<(Milliseconds, String)>, StateError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT at, what FROM alarms ORDER BY id")?;
        let rows =
            statement.query_map([], |row| Ok((Milliseconds::new(row.get(0)?), row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Notes what is wrong with one entry's objects; the same words are noted once.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn problem(&self, index: LogIndex, what: &str, at: Milliseconds) -> Result<(), StateError> {
        self.connection.execute(
            "INSERT OR IGNORE INTO problems VALUES (?1, ?2, ?3)",
            params![int(index.get()), what, at.get()],
        )?;
        Ok(())
    }

    /// Every problem, in the log's order.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn problems(&self) -> Result<Vec<Problem>, StateError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT log_index, what, at FROM problems ORDER BY log_index, what")?;
        let rows = statement.query_map([], |row| {
            Ok(Problem {
                index: database::number(row, 0)?,
                what: row.get(1)?,
                at: row.get(2)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// A number that only grows: raises it to `value` and returns what stands now. Used for the
    /// keyring's highest generation (RING-3) and the last `stored` that was said.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn raise(&self, name: &str, value: u64) -> Result<u64, StateError> {
        self.disk.commit()?;
        Ok(self.connection.query_row(
            "INSERT INTO facts VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)
             RETURNING value",
            params![name, int(value)],
            |row| database::number(row, 0),
        )?)
    }

    /// How many entries and objects there are, and how many objects are held.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn counts(&self) -> Result<Counts, StateError> {
        Ok(self.connection.query_row(
            "SELECT (SELECT count(*) FROM entries), (SELECT count(*) FROM objects),
                    (SELECT count(*) FROM objects WHERE state = 1)",
            [],
            |row| {
                Ok(Counts {
                    entries: database::number(row, 0)?,
                    objects: database::number(row, 1)?,
                    held: database::number(row, 2)?,
                })
            },
        )?)
    }

    /// Where a signer's entry of that number stands; `None` if it does not.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn entry_of(
        &self,
        signer: &SignerId,
        number: SequenceNumber,
    ) -> Result<Option<Admitted>, StateError> {
        Ok(self
            .connection
            .prepare_cached("SELECT id, log_index FROM entries WHERE signer = ?1 AND number = ?2")?
            .query_row(
                params![signer.as_bytes().as_slice(), int(number.get())],
                |row| {
                    Ok(Admitted {
                        id: EntryId::from_bytes(database::id(row, 0)?),
                        index: LogIndex::new(database::number(row, 1)?),
                    })
                },
            )
            .optional()?)
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }
}

/// How much the vault has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Counts {
    /// Verified entries.
    pub entries: u64,
    /// Objects that they name.
    pub objects: u64,
    /// Objects that are held.
    pub held: u64,
}

/// The transaction that takes verified entries. Dropped without [`Advance::finish`], nothing of it
/// remains.
#[derive(Debug)]
pub struct Advance<'a> {
    transaction: Transaction<'a>,
    disk: Disk,
}

impl Advance<'_> {
    /// Takes one verified entry. `admitted_at` and `index` are the log's.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn take(
        &self,
        index: LogIndex,
        admitted_at: AdmittedAt,
        entry: &Entry,
    ) -> Result<(), StateError> {
        let at = admitted_at.time();
        self.transaction
            .prepare_cached("INSERT OR REPLACE INTO entries VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
            .execute(params![
                int(index.get()),
                entry.id().as_bytes().as_slice(),
                entry.signer().as_bytes().as_slice(),
                int(entry.number().get()),
                kind_number(entry.kind()),
                at.get()
            ])?;
        for object in entry.objects() {
            self.transaction
                .prepare_cached(
                    "INSERT OR IGNORE INTO objects (hash, length, log_index, state, since)
                     VALUES (?1, ?2, ?3, 0, ?4)",
                )?
                .execute(params![
                    object.hash.as_bytes().as_slice(),
                    int(object.length.get()),
                    int(index.get()),
                    at.get()
                ])?;
        }
        watch::take(&self.transaction, index, at, entry)?;
        Ok(())
    }

    /// Keeps the follower's rows, all of them or those that changed, with the mark over all.
    pub(crate) fn keep_follower(
        &self,
        rows: &Rows,
        all: bool,
        mark: &SignatureBytes,
    ) -> Result<(), StateError> {
        if all {
            self.transaction
                .execute("DELETE FROM follower_signers", [])?;
        }
        self.transaction
            .prepare_cached("INSERT OR REPLACE INTO follower VALUES (1, ?1, ?2, ?3, ?4)")?
            .execute(params![
                rows.follower,
                rows.cursor,
                rows.standing,
                mark.as_bytes().as_slice()
            ])?;
        let mut signer = self
            .transaction
            .prepare_cached("INSERT OR REPLACE INTO follower_signers VALUES (?1, ?2)")?;
        for (id, row) in &rows.signers {
            signer.execute(params![id.as_bytes().as_slice(), row])?;
        }
        Ok(())
    }

    /// Makes everything durable and leaves the head where it is.
    pub(crate) fn finish_below(self) -> Result<(), StateError> {
        self.disk.commit()?;
        self.transaction.commit()?;
        Ok(())
    }

    /// Moves the head and makes everything durable.
    ///
    /// # Errors
    ///
    /// When the database fails; nothing was taken then.
    pub fn finish(self, head: Head) -> Result<(), StateError> {
        self.transaction.execute(
            "INSERT OR REPLACE INTO head VALUES (1, ?1, ?2, ?3, ?4)",
            params![
                int(head.seen.size.get()),
                head.seen.root.as_bytes().as_slice(),
                head.at.get(),
                head.witnessed
            ],
        )?;
        self.disk.commit()?;
        self.transaction.commit()?;
        Ok(())
    }
}

impl Holding {
    fn number(self) -> i64 {
        match self {
            Self::Wanted => 0,
            Self::Held => 1,
            Self::Missing => 2,
            Self::Damaged => 3,
        }
    }

    fn of(number: i64) -> Self {
        match number {
            1 => Self::Held,
            2 => Self::Missing,
            3 => Self::Damaged,
            _ => Self::Wanted,
        }
    }
}

/// The number of the body's choice, as entry.md gives it.
pub(crate) fn kind_number(kind: Kind) -> i64 {
    match kind {
        Kind::Genesis => 0,
        Kind::Control => 1,
        Kind::Batch => 2,
        Kind::Continuation => 3,
        Kind::Heartbeat => 4,
        Kind::Withdrawn => 5,
        Kind::Stored => 6,
        Kind::Carry => 7,
        Kind::Audit => 8,
        Kind::Governance => 9,
        Kind::Mail => 10,
        Kind::Head => 11,
    }
}
