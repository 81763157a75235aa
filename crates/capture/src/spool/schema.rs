//! The spool's database. No column holds content or names: entries and objects are what the relay
//! sees, marks and names of files are keyed hashes, positions are sealed under the local key.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::SpoolError;

pub(super) const VERSION: i64 = 4;

const SCHEMA: &str = "
CREATE TABLE owner (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    archive BLOB NOT NULL,
    signer BLOB NOT NULL
);
CREATE TABLE chain (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    next INTEGER NOT NULL,
    previous BLOB NOT NULL,
    admitted_next INTEGER NOT NULL,
    admitted_id BLOB NOT NULL,
    seen_size INTEGER,
    seen_root BLOB,
    head_at INTEGER,
    stale_below INTEGER NOT NULL DEFAULT 0
);
INSERT INTO chain (one, next, previous, admitted_next, admitted_id)
VALUES (1, 0, zeroblob(32), 0, zeroblob(32));
CREATE TABLE entry (
    number INTEGER PRIMARY KEY,
    id BLOB NOT NULL,
    bytes BLOB NOT NULL,
    records INTEGER NOT NULL,
    log_index INTEGER,
    admitted_at INTEGER
);
CREATE INDEX entry_log_index ON entry (log_index);
CREATE TABLE refused (
    id BLOB PRIMARY KEY,
    number INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    records INTEGER NOT NULL,
    code INTEGER NOT NULL,
    told INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE object (
    entry BLOB NOT NULL,
    place INTEGER NOT NULL,
    hash BLOB NOT NULL,
    length INTEGER NOT NULL,
    uploaded INTEGER NOT NULL DEFAULT 0,
    bytes BLOB
);
CREATE UNIQUE INDEX object_place ON object (entry, place);
CREATE INDEX object_hash ON object (hash);
CREATE TABLE known (
    shard BLOB NOT NULL,
    number INTEGER NOT NULL,
    prints BLOB NOT NULL,
    contents BLOB,
    PRIMARY KEY (shard, number)
) WITHOUT ROWID;
CREATE INDEX known_number ON known (number);
CREATE TABLE account (
    handle BLOB PRIMARY KEY,
    captured INTEGER NOT NULL,
    losses INTEGER NOT NULL,
    position BLOB
);
CREATE TABLE consumed (name BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE control (
    number INTEGER PRIMARY KEY,
    log_index INTEGER NOT NULL,
    leaf BLOB NOT NULL
);
";

pub(super) fn open(path: &Path) -> Result<Connection, SpoolError> {
    let mut db = Connection::open(path)?;
    db.pragma_update(None, "page_size", 16_384)?;
    db.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    // Every commit is synced: `durable` and receipts are promises.
    db.pragma_update(None, "synchronous", "FULL")?;
    // What is deleted is ciphertext; it need not be overwritten.
    db.pragma_update(None, "secure_delete", false)?;
    db.busy_timeout(std::time::Duration::from_secs(10))?;
    let tx = db.transaction()?;
    let version = tx.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))?;
    match version {
        0 => {
            tx.execute_batch(SCHEMA)?;
            tx.execute_batch(super::plan::TABLES)?;
            tx.execute_batch(super::notices::TABLES)?;
        }
        1..=VERSION => {
            // Version 2 has plans and what they leave out.
            if version < 2 {
                tx.execute_batch(super::plan::TABLES)?;
            }
            // Version 3 has marks of what records say, those of before stay without (SPOOL-7),
            // and the newest signed head (AGENT-10).
            if version < 3 {
                tx.execute_batch(
                    "ALTER TABLE known ADD COLUMN contents BLOB;
                     ALTER TABLE chain ADD COLUMN head_at INTEGER;",
                )?;
            }
            // Version 4 has notices.
            if version < 4 {
                tx.execute_batch(super::notices::TABLES)?;
            }
        }
        found => return Err(SpoolError::Version { found }),
    }
    if version != VERSION {
        tx.pragma_update(None, "user_version", VERSION)?;
    }
    tx.commit()?;
    Ok(db)
}

pub(super) fn reader(path: &Path) -> Result<Connection, SpoolError> {
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    db.busy_timeout(std::time::Duration::from_secs(10))?;
    Ok(db)
}
