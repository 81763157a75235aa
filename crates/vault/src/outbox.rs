//! The vault's own chain: entries that it has signed and that are not yet in the log.
//!
//! Two processes append here: the locked part (`stored`) and the reading room (`audit`). Each
//! append is one immediate SQLite transaction that reads the chain's end, lets the caller sign the
//! next entry upon it, and commits the entry, its sealed object and the new end together, synced.
//! Numbers are thereby without gap and never used twice, whichever process crashes:
//!
//! * before the commit: nothing was appended; the number is given to the next append;
//! * after the commit, before submission: the entry is submitted at the next start, byte by byte
//!   the same (the relay answers a repeated one with its old receipt, CHAIN-3);
//! * after the relay admitted it, before the receipt was noted here: the same.
//!
//! The entry's object stands in the database until the log holds the entry.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use tlog::LogIndex;
use wire::{ChainPosition, EntryId, ObjectHash, SequenceNumber};

use crate::database::{self, int};
use crate::disk::Disk;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS chain (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    next INTEGER NOT NULL,
    previous BLOB NOT NULL
);
INSERT OR IGNORE INTO chain VALUES (1, 0, zeroblob(32));
CREATE TABLE IF NOT EXISTS pending (
    number INTEGER PRIMARY KEY,
    id BLOB NOT NULL,
    entry BLOB NOT NULL,
    object_hash BLOB,
    object BLOB
);
CREATE TABLE IF NOT EXISTS logged (
    number INTEGER PRIMARY KEY,
    id BLOB NOT NULL,
    log_index INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS receipted (
    number INTEGER PRIMARY KEY,
    id BLOB NOT NULL,
    entry BLOB NOT NULL,
    object_hash BLOB,
    object BLOB,
    log_index INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS refused (
    id BLOB PRIMARY KEY,
    number INTEGER NOT NULL,
    code INTEGER NOT NULL,
    entry BLOB NOT NULL,
    object BLOB
);
";

/// The vault's durable outbox. One connection; each process opens its own.
#[derive(Debug)]
pub struct Outbox {
    connection: Connection,
    disk: Disk,
}

/// A signed entry with its sealed object, as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The entry's id.
    pub id: EntryId,
    /// The canonical entry.
    pub entry: Vec<u8>,
    /// The one object of an `audit` entry.
    pub object: Option<(ObjectHash, Vec<u8>)>,
}

/// An entry that waits for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Its number.
    pub number: SequenceNumber,
    /// What was signed.
    pub signed: Signed,
}

/// Why the outbox did not do something.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutboxError {
    /// The database failed: disk full, damaged, or locked by another process for long.
    #[error("the vault's outbox can not be read or written")]
    Database(#[from] rusqlite::Error),
    /// A row has another shape than this program writes.
    #[error("the vault's outbox is damaged at number {number}")]
    Damaged {
        /// Number of the entry.
        number: u64,
    },
    /// The entry to be signed could not be made.
    #[error("the entry can not be signed")]
    Sign(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The log has another entry of this vault under a number that this outbox gave out: the
    /// folder was restored from a copy (CHAIN-3).
    #[error(
        "the log has another entry under this vault's number: this folder was restored from a copy; enrol the vault anew"
    )]
    Clone,
    /// The relay knows more entries of this vault than this outbox has ever made: the folder was
    /// restored from a copy. The vault must be enrolled anew (CHAIN-3).
    #[error(
        "the log has {theirs} entries of this vault, but its outbox made only {ours}: this folder was restored from a copy; enrol the vault anew"
    )]
    Behind {
        /// Entries that this outbox has made.
        ours: u64,
        /// The number that the relay expects next.
        theirs: u64,
    },
}

impl Outbox {
    /// Opens the outbox, or makes it.
    ///
    /// # Errors
    ///
    /// When the file can not be opened or is no database.
    pub fn open(path: &Path) -> Result<Self, OutboxError> {
        Ok(Self {
            connection: database::open(path, SCHEMA)?,
            disk: Disk::default(),
        })
    }

    /// The same on that disk.
    pub(crate) fn on(self, disk: Disk) -> Self {
        Self { disk, ..self }
    }

    /// Appends one entry: `sign` makes it for the place that it is given. Returns only once the
    /// entry and its object are durable.
    ///
    /// # Errors
    ///
    /// When `sign` fails or the database does; nothing was appended then.
    pub fn append<E>(
        &mut self,
        sign: impl FnOnce(ChainPosition) -> Result<Signed, E>,
    ) -> Result<SequenceNumber, OutboxError>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let place = end(&transaction)?;
        let signed = sign(place).map_err(|error| OutboxError::Sign(error.into()))?;
        push(&transaction, place.number, &signed)?;
        self.disk.commit()?;
        transaction.commit()?;
        Ok(place.number)
    }

    /// Entries that wait, in order, at most `limit`.
    ///
    /// # Errors
    ///
    /// When the database fails or is damaged.
    pub fn pending(&self, limit: usize) -> Result<Vec<Pending>, OutboxError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT number, id, entry, object_hash, object FROM pending ORDER BY number LIMIT ?1",
        )?;
        let rows = statement.query_map([i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
            Ok((
                database::number(row, 0)?,
                row.get::<_, Vec<u8>>(1)?,
                row.get::<_, Vec<u8>>(2)?,
                row.get::<_, Option<Vec<u8>>>(3)?,
                row.get::<_, Option<Vec<u8>>>(4)?,
            ))
        })?;
        let mut pending = Vec::new();
        for row in rows {
            let (number, id, entry, hash, object) = row?;
            let damaged = |_| OutboxError::Damaged { number };
            let id = EntryId::try_from(id.as_slice()).map_err(damaged)?;
            let object = match (hash, object) {
                (Some(hash), Some(object)) => Some((
                    ObjectHash::try_from(hash.as_slice()).map_err(damaged)?,
                    object,
                )),
                _ => None,
            };
            pending.push(Pending {
                number: SequenceNumber::new(number),
                signed: Signed { id, entry, object },
            });
        }
        Ok(pending)
    }

    /// Notes that the log holds the entry. Its bytes and object stay until the vault's own mirror
    /// holds it ([`Outbox::mirrored`]): a relay may be lost with what nobody has mirrored.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn logged(&mut self, number: SequenceNumber, index: LogIndex) -> Result<(), OutboxError> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute(
            "INSERT OR IGNORE INTO logged SELECT number, id, ?2 FROM pending WHERE number = ?1",
            params![int(number.get()), int(index.get())],
        )?;
        transaction.execute(
            "INSERT OR REPLACE INTO receipted
             SELECT number, id, entry, object_hash, object, ?2 FROM pending WHERE number = ?1",
            params![int(number.get()), int(index.get())],
        )?;
        transaction.execute("DELETE FROM pending WHERE number = ?1", [int(number.get())])?;
        self.disk.commit()?;
        transaction.commit()?;
        Ok(())
    }

    /// Lets go of the entries below `next`, which stand in the vault's own mirror. An index would not
    /// do: after the relay was rebuilt, another entry may stand there.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn mirrored(&self, next: SequenceNumber) -> Result<(), OutboxError> {
        self.disk.commit()?;
        self.connection
            .prepare_cached("DELETE FROM receipted WHERE number < ?1")?
            .execute([int(next.get())])?;
        Ok(())
    }

    /// Puts a `withdrawn` entry in the place of a refused one (CHAIN-2), in one transaction.
    ///
    /// Entries behind it name the refused entry and stay as they are: the log takes them after the
    /// `withdrawn` that stands for it. The refused entry and its object are kept beside: an
    /// audit event is never dropped, even where the log does not take it.
    ///
    /// # Errors
    ///
    /// When `sign` fails or the database does; nothing has changed then.
    pub fn withdraw<E>(
        &mut self,
        number: SequenceNumber,
        code: u64,
        sign: impl FnOnce(ChainPosition, EntryId) -> Result<Signed, E>,
    ) -> Result<(), OutboxError>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let of = |table: &str, number: u64| -> Result<Option<EntryId>, OutboxError> {
            let id = transaction
                .query_row(
                    &format!("SELECT id FROM {table} WHERE number = ?1"),
                    [int(number)],
                    |row| database::id(row, 0),
                )
                .optional()?;
            Ok(id.map(EntryId::from_bytes))
        };
        let damaged = OutboxError::Damaged {
            number: number.get(),
        };
        let Some(refused) = of("pending", number.get())? else {
            return Err(damaged);
        };
        let previous = match number.get().checked_sub(1) {
            None => Some(ChainPosition::FIRST.previous),
            Some(before) => of("logged", before)?,
        };
        let Some(previous) = previous else {
            return Err(damaged);
        };
        let position = ChainPosition { number, previous };
        let signed = sign(position, refused).map_err(|error| OutboxError::Sign(error.into()))?;
        transaction.execute(
            "INSERT OR IGNORE INTO refused (id, number, code, entry, object)
             SELECT id, number, ?2, entry, object FROM pending WHERE number = ?1",
            params![int(number.get()), int(code)],
        )?;
        transaction.execute(
            "UPDATE pending SET id = ?2, entry = ?3, object_hash = NULL, object = NULL
             WHERE number = ?1",
            params![int(number.get()), signed.id.as_bytes(), signed.entry],
        )?;
        transaction.execute(
            "UPDATE chain SET previous = ?2 WHERE next = ?1",
            params![int(number.next().get()), signed.id.as_bytes()],
        )?;
        self.disk.commit()?;
        transaction.commit()?;
        Ok(())
    }

    /// How many refused entries are kept.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn refused(&self) -> Result<u64, OutboxError> {
        Ok(self
            .connection
            .query_row("SELECT count(*) FROM refused", [], |row| {
                database::number(row, 0)
            })?)
    }

    /// Compares the relay's idea of this chain before a submission. What it had given receipts for
    /// and has no more (it was rebuilt from the vault's mirror) waits again, under its old number.
    ///
    /// # Errors
    ///
    /// [`OutboxError::Behind`] when the relay expects a number that was never made here.
    pub fn check_next(&mut self, theirs: SequenceNumber) -> Result<(), OutboxError> {
        let ours: u64 = self
            .connection
            .query_row("SELECT next FROM chain", [], |row| database::number(row, 0))?;
        if theirs.get() > ours {
            return Err(OutboxError::Behind {
                ours,
                theirs: theirs.get(),
            });
        }
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let from = int(theirs.get());
        let again = transaction.execute(
            "INSERT OR IGNORE INTO pending
             SELECT number, id, entry, object_hash, object FROM receipted WHERE number >= ?1",
            [from],
        )?;
        if again > 0 {
            transaction.execute("DELETE FROM receipted WHERE number >= ?1", [from])?;
            transaction.execute("DELETE FROM logged WHERE number >= ?1", [from])?;
        }
        self.disk.commit()?;
        transaction.commit()?;
        Ok(())
    }

    /// How many entries wait.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn waiting(&self) -> Result<u64, OutboxError> {
        Ok(self
            .connection
            .query_row("SELECT count(*) FROM pending", [], |row| {
                database::number(row, 0)
            })?)
    }
}

fn end(transaction: &Transaction<'_>) -> Result<ChainPosition, OutboxError> {
    let (number, previous): (u64, Vec<u8>) =
        transaction.query_row("SELECT next, previous FROM chain", [], |row| {
            Ok((database::number(row, 0)?, row.get(1)?))
        })?;
    Ok(ChainPosition {
        number: SequenceNumber::new(number),
        previous: EntryId::try_from(previous.as_slice())
            .map_err(|_| OutboxError::Damaged { number })?,
    })
}

fn push(
    transaction: &Transaction<'_>,
    number: SequenceNumber,
    signed: &Signed,
) -> Result<(), OutboxError> {
    let (hash, object) = match &signed.object {
        Some((hash, object)) => (Some(hash.as_bytes().as_slice()), Some(object.as_slice())),
        None => (None, None),
    };
    transaction.execute(
        "INSERT INTO pending VALUES (?1, ?2, ?3, ?4, ?5)",
        params![
            int(number.get()),
            signed.id.as_bytes().as_slice(),
            signed.entry,
            hash,
            object
        ],
    )?;
    transaction.execute(
        "UPDATE chain SET next = ?1, previous = ?2",
        params![int(number.next().get()), signed.id.as_bytes().as_slice()],
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn signed(place: ChainPosition, tag: u8) -> Result<Signed, Infallible> {
        let mut id = [tag; 32];
        id[0] = u8::try_from(place.number.get()).unwrap();
        id[1] = place.previous.as_bytes()[0];
        Ok(Signed {
            id: EntryId::from_bytes(id),
            entry: vec![tag],
            object: (tag >= 100).then(|| (ObjectHash::from_bytes([tag; 32]), vec![tag; 3])),
        })
    }

    fn tags(outbox: &Outbox) -> Vec<(u64, u8)> {
        outbox
            .pending(100)
            .unwrap()
            .iter()
            .map(|pending| (pending.number.get(), pending.signed.entry[0]))
            .collect()
    }

    /// CHAIN-1.
    #[test]
    fn chain_1_two_processes_share_one_chain_without_gap() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("outbox.db");
        Outbox::open(&path).unwrap();
        let threads: Vec<_> = (0..2)
            .map(|tag| {
                let path = path.clone();
                std::thread::spawn(move || {
                    let mut outbox = Outbox::open(&path).unwrap();
                    for _ in 0..20 {
                        outbox.append(|place| signed(place, tag)).unwrap();
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        let pending = Outbox::open(&path).unwrap().pending(100).unwrap();
        assert_eq!(pending.len(), 40);
        let mut previous = [0; 32];
        for (number, pending) in pending.iter().enumerate() {
            assert_eq!(pending.number.get(), number as u64);
            let id = *pending.signed.id.as_bytes();
            assert_eq!((id[0], id[1]), (number as u8, previous[0]));
            previous = id;
        }
    }

    #[test]
    fn a_failed_signature_or_a_crash_uses_no_number() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("outbox.db");
        let mut outbox = Outbox::open(&path).unwrap();
        let failed = outbox.append(|_| Err::<Signed, _>("no key"));
        assert!(matches!(failed, Err(OutboxError::Sign(_))));
        // Dropped in the middle of a transaction, as a crash would leave it.
        {
            let transaction = outbox.connection.transaction().unwrap();
            let place = end(&transaction).unwrap();
            push(&transaction, place.number, &signed(place, 1).unwrap()).unwrap();
        }
        drop(outbox);
        let mut outbox = Outbox::open(&path).unwrap();
        outbox.append(|place| signed(place, 2)).unwrap();
        assert_eq!(tags(&outbox), [(0, 2)]);
    }

    /// CHAIN-2.
    #[test]
    fn chain_2_a_refused_number_is_used_again_and_no_audit_event_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let mut outbox = Outbox::open(&folder.path().join("outbox.db")).unwrap();
        for tag in [1, 100, 2] {
            outbox.append(|place| signed(place, tag)).unwrap();
        }
        outbox
            .logged(SequenceNumber::new(0), LogIndex::new(7))
            .unwrap();
        outbox
            .withdraw(SequenceNumber::new(1), 9, |place, refused| {
                assert_eq!(place.number.get(), 1);
                assert_eq!(place.previous.as_bytes()[31], 1);
                assert_eq!(refused.as_bytes()[31], 100);
                signed(place, 9)
            })
            .unwrap();
        // What was signed behind the refused entry is still the same, and so is the chain's end.
        assert_eq!(tags(&outbox), [(1, 9), (2, 2)]);
        outbox
            .append(|place| {
                assert_eq!(place.previous.as_bytes()[31], 2);
                signed(place, 3)
            })
            .unwrap();
        assert_eq!(outbox.refused().unwrap(), 1);
        let kept: Vec<u8> = outbox
            .connection
            .query_row("SELECT object FROM refused", [], |row| row.get(0))
            .unwrap();
        assert_eq!(kept, [100; 3]);
    }

    /// CHAIN-3.
    #[test]
    fn chain_3_a_restored_copy_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let mut outbox = Outbox::open(&folder.path().join("outbox.db")).unwrap();
        outbox.append(|place| signed(place, 1)).unwrap();
        outbox.check_next(SequenceNumber::new(1)).unwrap();
        assert!(matches!(
            outbox.check_next(SequenceNumber::new(2)),
            Err(OutboxError::Behind { ours: 1, theirs: 2 })
        ));
    }
}
