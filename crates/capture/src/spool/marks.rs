//! Reading which records are known.

use rusqlite::Connection;

use super::{SpoolError, damaged};
use crate::known::{ContentMark, ShardId};

/// Reads marks of known records beside the spool's own connection.
pub struct MarkReader(pub(super) Connection);

impl MarkReader {
    /// All marks of a shard.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn marks(&self, shard: ShardId) -> Result<Vec<(u64, ContentMark)>, SpoolError> {
        let mut rows = self
            .0
            .prepare_cached("SELECT prints, contents FROM known WHERE shard = ?1")?;
        let mut blocks = rows.query([shard.as_bytes()])?;
        let mut marks = Vec::new();
        while let Some(row) = blocks.next()? {
            let block = row.get_ref(0)?.as_blob().map_err(|_| damaged("marks"))?;
            let contents = row.get_ref(1)?;
            let contents = contents.as_blob_or_null().map_err(|_| damaged("marks"))?;
            let (prints, rest) = block.as_chunks::<8>();
            // Blocks of before content was marked have none.
            let (contents, more) = contents.unwrap_or_default().as_chunks::<4>();
            let whole = contents.is_empty() || contents.len() == prints.len();
            if !rest.is_empty() || !more.is_empty() || !whole {
                return Err(damaged("marks"));
            }
            let contents = contents
                .iter()
                .map(|content| ContentMark::from_bytes(*content))
                .chain(std::iter::repeat(ContentMark::UNMARKED));
            let prints = prints.iter().map(|print| u64::from_be_bytes(*print));
            marks.extend(prints.zip(contents));
        }
        Ok(marks)
    }
}

impl std::fmt::Debug for MarkReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MarkReader")
    }
}
