//! Reading which records are known.

use rusqlite::Connection;

use super::{SpoolError, damaged};
use crate::known::ShardId;

/// Reads marks of known records beside the spool's own connection.
pub struct MarkReader(pub(super) Connection);

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
