//! The spool as submission sees it: what waits, what was receipted, refused, stored.

use std::path::PathBuf;

use canonical::Milliseconds;
use rusqlite::{OptionalExtension, params};
use tlog::TreeSize;
use wire::{AdmittedAt, Entry, EntryId, ObjectHash, ObjectLength, RefusalCode, SequenceNumber};

use super::points::WritePoint;
use super::{Spool, SpoolError, damaged, int, unsigned};

/// An entry that is not in the log, as far as this agent knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingEntry {
    /// The signed entry.
    pub entry: Entry,
    /// Objects of it that have not been uploaded.
    pub objects: Vec<WaitingObject>,
}

/// An object that has not been uploaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitingObject {
    /// Entry that it belongs to.
    pub entry: EntryId,
    /// Its place among the entry's objects.
    pub place: u32,
    /// SHA-256 of its bytes.
    pub hash: ObjectHash,
    /// Their length.
    pub length: ObjectLength,
}

/// Where an object's bytes are to be read from.
#[derive(Debug)]
pub enum ObjectPlace {
    /// All of them.
    Bytes(Vec<u8>),
    /// A file that holds them and nothing else.
    File(PathBuf),
}

/// An entry that the relay refused. Its sealed copy is kept until the owner has decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedEntry {
    /// Its id.
    pub id: EntryId,
    /// Its number.
    pub number: SequenceNumber,
    /// Why it was refused.
    pub code: RefusalCode,
    /// Records in it.
    pub records: u64,
    /// The signed entry.
    pub bytes: Vec<u8>,
}

/// How full the spool is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpoolCounts {
    /// Entries without a receipt.
    pub waiting: u64,
    /// Entries in the log that the vault has not confirmed.
    pub receipted: u64,
    /// Entries that were refused and are kept.
    pub refused: u64,
    /// Bytes of all sealed objects held.
    pub bytes: u64,
}

impl Spool {
    /// The oldest entries without a receipt, at most `most`, in the order of their numbers.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn waiting(&self, most: usize) -> Result<Vec<WaitingEntry>, SpoolError> {
        let mut rows = self.db.prepare_cached(
            "SELECT bytes FROM entry WHERE log_index IS NULL ORDER BY number LIMIT ?1",
        )?;
        let entries = rows
            .query_map([most as i64], |row| row.get::<_, Vec<u8>>(0))?
            .collect::<Result<Vec<_>, _>>()?;
        entries
            .into_iter()
            .map(|bytes| {
                let entry = Entry::parse(&bytes).map_err(|_| damaged("entry"))?;
                let objects = self.waiting_objects(entry.id())?;
                Ok(WaitingEntry { entry, objects })
            })
            .collect()
    }

    /// Where an object's bytes are to be read from.
    ///
    /// # Errors
    ///
    /// When it is not in the spool, or the disk fails.
    pub fn object(&self, object: &WaitingObject) -> Result<ObjectPlace, SpoolError> {
        let bytes = self
            .db
            .query_row(
                "SELECT bytes FROM object WHERE entry = ?1 AND place = ?2",
                params![object.entry.as_bytes(), object.place],
                |row| row.get::<_, Option<Vec<u8>>>(0),
            )
            .optional()?
            .ok_or(damaged("list of objects"))?;
        Ok(match bytes {
            Some(bytes) => ObjectPlace::Bytes(bytes),
            None => ObjectPlace::File(self.streams.file(&object.hash)),
        })
    }

    /// Notes that the relay holds an object.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn mark_uploaded(&mut self, object: &WaitingObject) -> Result<(), SpoolError> {
        self.db.execute(
            "UPDATE object SET uploaded = 1 WHERE entry = ?1 AND place = ?2",
            params![object.entry.as_bytes(), object.place],
        )?;
        Ok(())
    }

    /// Notes that the relay may have lost objects, because it misses one: what it still holds is
    /// not sent again when it is asked first.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn mark_missing(&mut self) -> Result<(), SpoolError> {
        self.db.execute(
            "UPDATE object SET uploaded = 0
             WHERE entry IN (SELECT id FROM entry WHERE log_index IS NULL)",
            [],
        )?;
        Ok(())
    }

    /// Notes verified receipts: consecutive numbers, from the oldest waiting one.
    ///
    /// # Errors
    ///
    /// When an entry is not in the spool, or the database fails.
    pub fn mark_receipted(
        &mut self,
        receipts: &[(SequenceNumber, tlog::LogIndex, AdmittedAt)],
    ) -> Result<(), SpoolError> {
        let tx = self.db.transaction()?;
        for (number, index, admitted_at) in receipts {
            let id = tx
                .query_row(
                    "UPDATE entry SET log_index = ?2, admitted_at = ?3 WHERE number = ?1
                     RETURNING id",
                    params![
                        int(number.get())?,
                        int(index.get())?,
                        admitted_at.time().get()
                    ],
                    |row| row.get::<_, [u8; 32]>(0),
                )
                .optional()?
                .ok_or(damaged("list of entries"))?;
            tx.execute(
                "UPDATE chain SET admitted_next = ?1, admitted_id = ?2",
                params![int(number.next().get())?, id],
            )?;
        }
        self.points.reach(WritePoint::MarksWritten)?;
        tx.commit()?;
        self.points.reach(WritePoint::MarksCommitted)?;
        Ok(())
    }

    /// Puts `withdrawn` in the place of the refused entry with the same number (CHAIN-2). The
    /// refused entry and its objects are kept apart; its records are no longer known, so that
    /// they are taken when they come again.
    ///
    /// # Errors
    ///
    /// When there is no waiting entry with that number, or the database fails.
    pub fn withdraw(&mut self, withdrawn: &Entry, code: RefusalCode) -> Result<(), SpoolError> {
        let number = int(withdrawn.number().get())?;
        let tx = self.db.transaction()?;
        let moved = tx.execute(
            "INSERT INTO refused (id, number, bytes, records, code)
             SELECT id, number, bytes, records, ?2 FROM entry
             WHERE number = ?1 AND log_index IS NULL",
            params![number, code.number()],
        )?;
        if moved != 1 {
            return Err(damaged("list of entries"));
        }
        tx.execute(
            "UPDATE entry SET id = ?2, bytes = ?3, records = 0 WHERE number = ?1",
            params![number, withdrawn.id().as_bytes(), withdrawn.as_bytes()],
        )?;
        tx.execute("DELETE FROM known WHERE number = ?1", [number])?;
        // An entry that was made behind the refused one is bound to it and stays so; one that is
        // still to be made follows the withdrawn.
        tx.execute(
            "UPDATE chain SET previous = ?2 WHERE next = ?1 + 1",
            params![number, withdrawn.id().as_bytes()],
        )?;
        self.points.reach(WritePoint::MarksWritten)?;
        tx.commit()?;
        self.points.reach(WritePoint::MarksCommitted)?;
        Ok(())
    }

    /// Refused entries whose loss has not been recorded yet.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn untold_refusals(&self) -> Result<Vec<RefusedEntry>, SpoolError> {
        self.refused_where("told = 0")
    }

    /// All refused entries that are kept.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn refused(&self) -> Result<Vec<RefusedEntry>, SpoolError> {
        self.refused_where("1")
    }

    /// Notes that a refusal's loss is recorded.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn mark_told(&mut self, id: EntryId) -> Result<(), SpoolError> {
        self.db
            .execute("UPDATE refused SET told = 1 WHERE id = ?1", [id.as_bytes()])?;
        Ok(())
    }

    /// Lets go of everything that a verified `stored` entry says the vault holds: all entries of
    /// this agent below that tree size. Returns how many.
    ///
    /// # Errors
    ///
    /// When the disk fails; what was not let go then, is the next time.
    pub fn drop_stored(&mut self, through: TreeSize) -> Result<u64, SpoolError> {
        let through = int(through.get())?;
        let tx = self.db.transaction()?;
        let streams = {
            let mut rows = tx.prepare_cached(
                "DELETE FROM object WHERE entry IN (SELECT id FROM entry WHERE log_index < ?1)
                 RETURNING CASE WHEN bytes IS NULL THEN hash END",
            )?;
            rows.query_map([through], |row| row.get::<_, Option<[u8; 32]>>(0))?
                .collect::<Result<Vec<_>, _>>()?
        };
        let dropped = tx.execute("DELETE FROM entry WHERE log_index < ?1", [through])?;
        self.points.reach(WritePoint::MarksWritten)?;
        tx.commit()?;
        self.points.reach(WritePoint::StoredCommitted)?;
        let streams: Vec<ObjectHash> = streams
            .into_iter()
            .flatten()
            .map(ObjectHash::from_bytes)
            .collect();
        self.streams.remove(&streams)?;
        if dropped > 0 {
            self.db.execute_batch("PRAGMA incremental_vacuum(1024)")?;
        }
        Ok(dropped as u64)
    }

    /// Takes back every receipt that `stored` has not covered, and the last checkpoint: the log
    /// was rebuilt without them, and the owner has said so. Everything is delivered again.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn deliver_again(
        &mut self,
        next: SequenceNumber,
        last: Option<EntryId>,
    ) -> Result<(), SpoolError> {
        let tx = self.db.transaction()?;
        tx.execute("UPDATE entry SET log_index = NULL, admitted_at = NULL", [])?;
        tx.execute("UPDATE object SET uploaded = 0", [])?;
        tx.execute(
            "UPDATE chain SET seen_size = NULL, seen_root = NULL, stale_below = next,
             admitted_next = ?1, admitted_id = ?2",
            params![
                int(next.get())?,
                last.unwrap_or(EntryId::from_bytes([0; 32])).as_bytes()
            ],
        )?;
        self.points.reach(WritePoint::MarksWritten)?;
        tx.commit()?;
        self.points.reach(WritePoint::MarksCommitted)?;
        Ok(())
    }

    /// Since when the oldest entry that the log holds, and the vault has not confirmed, stands
    /// there: as the log says, but not before it was made and not after `now`.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn unconfirmed_since(&self, now: Milliseconds) -> Result<Option<Milliseconds>, SpoolError> {
        let oldest = self
            .db
            .prepare_cached(
                "SELECT bytes, admitted_at FROM entry WHERE log_index IS NOT NULL
                 ORDER BY log_index LIMIT 1",
            )?
            .query_row([], |row| {
                Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Option<i64>>(1)?))
            })
            .optional()?;
        let Some((bytes, admitted_at)) = oldest else {
            return Ok(None);
        };
        let made = Entry::parse(&bytes).map_err(|_| damaged("entry"))?.time();
        let admitted = admitted_at.map(Milliseconds::new);
        Ok(Some(
            admitted
                .filter(|at| *at <= now)
                .map_or(made, |at| at.max(made)),
        ))
    }

    /// Entries below this number may name checkpoints of a log that was given up.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn stale_below(&self) -> Result<SequenceNumber, SpoolError> {
        let number = self
            .db
            .query_row("SELECT stale_below FROM chain", [], |row| row.get(0))?;
        Ok(SequenceNumber::new(unsigned(number)?))
    }

    /// How full the spool is.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn counts(&self) -> Result<SpoolCounts, SpoolError> {
        let count = |sql: &str| -> Result<u64, SpoolError> {
            unsigned(self.db.query_row(sql, [], |row| row.get(0))?)
        };
        Ok(SpoolCounts {
            waiting: count("SELECT count(*) FROM entry WHERE log_index IS NULL")?,
            receipted: count("SELECT count(*) FROM entry WHERE log_index IS NOT NULL")?,
            refused: count("SELECT count(*) FROM refused")?,
            bytes: count("SELECT coalesce(sum(length), 0) FROM object")?,
        })
    }

    /// Records in the entries that are held: of those without a receipt, and of those with one.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn held_records(&self) -> Result<(u64, u64), SpoolError> {
        let (waiting, receipted) = self.db.query_row(
            "SELECT coalesce(sum(records) FILTER (WHERE log_index IS NULL), 0),
                    coalesce(sum(records) FILTER (WHERE log_index IS NOT NULL), 0) FROM entry",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        Ok((unsigned(waiting)?, unsigned(receipted)?))
    }

    fn waiting_objects(&self, entry: EntryId) -> Result<Vec<WaitingObject>, SpoolError> {
        let mut rows = self.db.prepare_cached(
            "SELECT place, hash, length FROM object
             WHERE entry = ?1 AND uploaded = 0 ORDER BY place",
        )?;
        let objects = rows
            .query_map([entry.as_bytes()], |row| {
                Ok((
                    row.get::<_, u32>(0)?,
                    row.get::<_, [u8; 32]>(1)?,
                    row.get::<_, i64>(2)?,
                ))
            })?
            .collect::<Result<Vec<_>, _>>()?;
        objects
            .into_iter()
            .map(|(place, hash, length)| {
                Ok(WaitingObject {
                    entry,
                    place,
                    hash: ObjectHash::from_bytes(hash),
                    length: ObjectLength::new(unsigned(length)?),
                })
            })
            .collect()
    }

    fn refused_where(&self, condition: &str) -> Result<Vec<RefusedEntry>, SpoolError> {
        let mut rows = self.db.prepare_cached(&format!(
            "SELECT id, number, code, records, bytes FROM refused WHERE {condition} ORDER BY number"
        ))?;
        let refused = rows
            .query_map([], |row| {
                Ok((
                    row.get::<_, [u8; 32]>(0)?,
                    row.get::<_, i64>(1)?,
                    row.get::<_, u8>(2)?,
                    row.get::<_, i64>(3)?,
                    row.get::<_, Vec<u8>>(4)?,
                ))
            })?
            .collect::<Result<Vec<_>, _>>()?;
        refused
            .into_iter()
            .map(|(id, number, code, records, bytes)| {
                Ok(RefusedEntry {
                    id: EntryId::from_bytes(id),
                    number: SequenceNumber::new(unsigned(number)?),
                    code: RefusalCode::from_number(code).ok_or(damaged("refusal"))?,
                    records: unsigned(records)?,
                    bytes,
                })
            })
            .collect()
    }
}
