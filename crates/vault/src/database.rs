//! SQLite files of the locked part: plain, for they hold nothing but what the log says in the clear.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Row};

/// Opens (or makes) a database whose commits are durable when they return.
pub(crate) fn open(path: &Path, schema: &str) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(Duration::from_secs(10))?;
    // With FULL, every commit of the write-ahead log is synced before it returns.
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY;",
    )?;
    connection.execute_batch(schema)?;
    Ok(connection)
}

/// A number of the formats as SQLite keeps it. None of them comes near 2⁶³.
pub(crate) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number that [`int`] has written.
pub(crate) fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let value: i64 = row.get(column)?;
    u64::try_from(value).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, value))
}

/// Sixteen or thirty-two bytes that name something.
pub(crate) fn id<const N: usize>(row: &Row<'_>, column: usize) -> rusqlite::Result<[u8; N]> {
    row.get(column)
}
