//! Making a group durable.

use rusqlite::{Transaction, TransactionBehavior, params};
use wire::ChainPosition;

use super::points::WritePoint;
use super::{Group, SealedEntry, SealedObject, Spool, SpoolError, damaged, int, read_tip};
use crate::known::Mark;

impl Spool {
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
        if let Some(account) = &group.account {
            super::plan::write(&tx, account, &group.left_out, group.told.as_ref())?;
            super::notices::write(&tx, account, &group.notices)?;
        }
        for name in &group.consumed {
            tx.execute("INSERT OR IGNORE INTO consumed VALUES (?1)", [name])?;
        }
        self.points.reach(WritePoint::GroupWritten)?;
        tx.commit()?;
        self.points.reach(WritePoint::GroupCommitted)?;
        Ok(())
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
    let mut block_row = tx.prepare_cached(
        "INSERT INTO known (shard, number, prints, contents) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for shard in marks.chunk_by(|a, b| a.shard == b.shard) {
        let Some(first) = shard.first() else { continue };
        let block: Vec<u8> = shard
            .iter()
            .flat_map(|mark| mark.print.to_be_bytes())
            .collect();
        let contents: Vec<u8> = shard
            .iter()
            .flat_map(|mark| *mark.content.as_bytes())
            .collect();
        block_row.execute(params![first.shard.as_bytes(), number, block, contents])?;
    }
    Ok(())
}
