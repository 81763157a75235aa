//! What the agent knows of the log: the last checkpoint and the control chain.

use canonical::Milliseconds;
use rusqlite::params;
use tlog::{Hash, TreeSize};
use wire::Seen;

use super::{Spool, SpoolError, damaged, int, unsigned};

impl Spool {
    /// The last checkpoint that this agent has verified.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn seen(&self) -> Result<Option<Seen>, SpoolError> {
        let row = self
            .db
            .query_row("SELECT seen_size, seen_root FROM chain", [], |row| {
                Ok((
                    row.get::<_, Option<i64>>(0)?,
                    row.get::<_, Option<Vec<u8>>>(1)?,
                ))
            })?;
        let (Some(size), Some(root)) = row else {
            return Ok(None);
        };
        Ok(Some(Seen {
            size: TreeSize::new(unsigned(size)?),
            root: Hash::from_slice(&root).ok_or(damaged("checkpoint"))?,
        }))
    }

    /// Keeps a checkpoint that was verified as an extension of the last one.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn set_seen(&mut self, seen: &Seen) -> Result<(), SpoolError> {
        self.db.execute(
            "UPDATE chain SET seen_size = ?1, seen_root = ?2",
            params![int(seen.size.get())?, seen.root.as_bytes()],
        )?;
        Ok(())
    }

    /// When the newest signed head of the control chain that was shown was admitted.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn head_at(&self) -> Result<Option<Milliseconds>, SpoolError> {
        let at: Option<i64> = self
            .db
            .query_row("SELECT head_at FROM chain", [], |row| row.get(0))?;
        Ok(at.map(Milliseconds::new))
    }

    /// Keeps when a verified signed head was admitted, if it is newer.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn keep_head(&mut self, at: Milliseconds) -> Result<(), SpoolError> {
        self.db.execute(
            "UPDATE chain SET head_at = max(coalesce(head_at, ?1), ?1)",
            [at.get()],
        )?;
        Ok(())
    }

    /// Control entries that were verified, as `(log index, leaf, proof)` in order.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn control(&self) -> Result<Vec<(u64, Vec<u8>)>, SpoolError> {
        let mut rows = self
            .db
            .prepare_cached("SELECT log_index, leaf FROM control ORDER BY number")?;
        let pairs = rows
            .query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)))?
            .collect::<Result<Vec<(i64, Vec<u8>)>, _>>()?;
        pairs
            .into_iter()
            .map(|(index, leaf)| Ok((unsigned(index)?, leaf)))
            .collect()
    }

    /// Keeps a verified control entry.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn keep_control(&mut self, number: u64, index: u64, leaf: &[u8]) -> Result<(), SpoolError> {
        self.db.execute(
            "INSERT OR REPLACE INTO control VALUES (?1, ?2, ?3)",
            params![int(number)?, int(index)?, leaf],
        )?;
        Ok(())
    }
}
