//! What a spool holds that no relay has admitted, read from outside: of an agent whose chain is
//! continued by another (CLONE-3).

use std::path::Path;

use canonical::Milliseconds;
use wire::Entry;

use super::{SpoolError, damaged, schema, unsigned};

/// Entries that were sealed and never admitted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Undelivered {
    /// How many.
    pub entries: u64,
    /// Records in them.
    pub records: u64,
    /// When the first was sealed, by the old agent's clock.
    pub first: Option<Milliseconds>,
    /// When the last was.
    pub last: Option<Milliseconds>,
}

/// Counts them in the database of another agent's spool, which is not changed.
///
/// # Errors
///
/// When it can not be read.
pub fn undelivered(database: &Path) -> Result<Undelivered, SpoolError> {
    let db = schema::reader(database)?;
    let mut question =
        db.prepare("SELECT bytes, records FROM entry WHERE log_index IS NULL ORDER BY number")?;
    let mut rows = question.query([])?;
    let mut found = Undelivered::default();
    while let Some(row) = rows.next()? {
        let bytes: Vec<u8> = row.get(0)?;
        let entry = Entry::parse(&bytes).map_err(|_| damaged("entry"))?;
        found.entries += 1;
        found.records += unsigned(row.get(1)?)?;
        found.first = found.first.or(Some(entry.time()));
        found.last = Some(entry.time());
    }
    Ok(found)
}
