//! What a room keeps of the log that it has verified, for the next one (ROOM-9): rows that are under
//! a key which only an open room has. Nothing of it is content.
//!
//! Crash argument: all of it is written in one transaction, under one mark. What a crash takes away
//! are the rows of a smaller log, behind which the next room goes on.

use std::path::{Path, PathBuf};

use aws_lc_rs::hmac;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use seal::PartitionUse;
use wire::verify::Follower;
use wire::{EpochId, SignerId};

use crate::chain::Rows;
use crate::database::{self, int};
use crate::label;

use super::keys::LiveKeys;
use super::outlines::OutlineRow;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS log (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    follower BLOB NOT NULL,
    cursor BLOB NOT NULL,
    standing BLOB NOT NULL,
    epoch BLOB NOT NULL,
    mark BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS signers (
    id BLOB PRIMARY KEY,
    row BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outlines (
    bundle INTEGER PRIMARY KEY,
    epochs BLOB NOT NULL,
    codes BLOB NOT NULL
);
";

/// The file of the rows.
pub(crate) struct KeptLog {
    connection: Connection,
}

/// Everything that a room kept, not yet known to be its own.
pub(crate) struct Kept {
    pub(crate) rows: Rows,
    /// The governance epoch whose key made the mark.
    pub(crate) epoch: EpochId,
    pub(crate) mark: Vec<u8>,
    pub(crate) outlines: Vec<OutlineRow>,
}

/// What is written in one step.
pub(crate) struct Keeping<'a> {
    pub(crate) rows: &'a Rows,
    /// Whether these are all rows and not only those that changed.
    pub(crate) all: bool,
    pub(crate) epoch: EpochId,
    pub(crate) mark: Vec<u8>,
    pub(crate) outlines: &'a [OutlineRow],
}

/// The key of a room's rows: K4 of a governance epoch (PART-1).
pub(crate) struct RowKey(hmac::Key);

impl RowKey {
    /// `None` if this room does not have the epoch's key.
    pub(crate) fn of(keys: &LiveKeys, epoch: EpochId) -> Option<Self> {
        let key = keys.governance(epoch)?.partition_key(PartitionUse::Room);
        Some(Self(hmac::Key::new(hmac::HMAC_SHA256, key.expose())))
    }

    /// ROOM-9: over everything that is kept, so that rows of two moments do not go together.
    pub(crate) fn mark(&self, follower: &Follower, outlines: [u8; 32]) -> Vec<u8> {
        hmac::sign(&self.0, &marked(follower, outlines))
            .as_ref()
            .to_vec()
    }

    pub(crate) fn has_marked(&self, follower: &Follower, outlines: [u8; 32], mark: &[u8]) -> bool {
        hmac::verify(&self.0, &marked(follower, outlines), mark).is_ok()
    }
}

fn marked(follower: &Follower, outlines: [u8; 32]) -> Vec<u8> {
    let mut message = label::ROOM_ROWS.framed();
    message.extend(outlines);
    message.extend(follower.to_be_marked());
    message
}

impl KeptLog {
    /// Opens the rows. A file that is no database is made anew, which the second value tells: all of
    /// it can be made again.
    pub(crate) fn open(path: &Path) -> rusqlite::Result<(Self, Option<rusqlite::Error>)> {
        let connection = database::open(path, SCHEMA);
        match connection {
            Ok(connection) => Ok((Self { connection }, None)),
            Err(why) => {
                for ending in ["", "-wal", "-shm"] {
                    let mut name = path.as_os_str().to_owned();
                    name.push(ending);
                    let _ = std::fs::remove_file(PathBuf::from(name));
                }
                let connection = database::open(path, SCHEMA)?;
                Ok((Self { connection }, Some(why)))
            }
        }
    }

    /// What is kept; `None` before the first time.
    pub(crate) fn read(&self) -> rusqlite::Result<Option<Kept>> {
        // One transaction: the rows are of one moment.
        let transaction = self.connection.unchecked_transaction()?;
        let one = transaction
            .query_row(
                "SELECT follower, cursor, standing, epoch, mark FROM log",
                [],
                |row| {
                    Ok(Kept {
                        rows: Rows {
                            follower: row.get(0)?,
                            cursor: row.get(1)?,
                            standing: row.get(2)?,
                            signers: Vec::new(),
                        },
                        epoch: EpochId::from_bytes(database::id(row, 3)?),
                        mark: row.get(4)?,
                        outlines: Vec::new(),
                    })
                },
            )
            .optional()?;
        let Some(mut kept) = one else { return Ok(None) };
        kept.rows.signers = transaction
            .prepare("SELECT id, row FROM signers")?
            .query_map([], |row| {
                Ok((SignerId::from_bytes(database::id(row, 0)?), row.get(1)?))
            })?
            .collect::<rusqlite::Result<_>>()?;
        kept.outlines = transaction
            .prepare("SELECT bundle, epochs, codes FROM outlines ORDER BY bundle")?
            .query_map([], |row| {
                Ok(OutlineRow {
                    bundle: database::number(row, 0)?,
                    epochs: row.get(1)?,
                    codes: row.get(2)?,
                })
            })?
            .collect::<rusqlite::Result<_>>()?;
        Ok(Some(kept))
    }

    /// Keeps it, durably.
    pub(crate) fn write(&mut self, keeping: &Keeping<'_>) -> rusqlite::Result<()> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        if keeping.all {
            transaction.execute_batch("DELETE FROM signers; DELETE FROM outlines;")?;
        }
        transaction.execute(
            "INSERT OR REPLACE INTO log VALUES (1, ?1, ?2, ?3, ?4, ?5)",
            params![
                keeping.rows.follower,
                keeping.rows.cursor,
                keeping.rows.standing,
                keeping.epoch.as_bytes().as_slice(),
                keeping.mark
            ],
        )?;
        for (id, row) in &keeping.rows.signers {
            transaction
                .prepare_cached("INSERT OR REPLACE INTO signers VALUES (?1, ?2)")?
                .execute(params![id.as_bytes().as_slice(), row])?;
        }
        for row in keeping.outlines {
            transaction
                .prepare_cached("INSERT OR REPLACE INTO outlines VALUES (?1, ?2, ?3)")?
                .execute(params![int(row.bundle), row.epochs, row.codes])?;
        }
        transaction.commit()
    }
}
