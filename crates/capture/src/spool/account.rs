//! What is kept of each account: where its source stands, its counts, files to be deleted.

use rusqlite::OptionalExtension;
use wire::AccountHandle;

use super::{AccountCounts, Spool, SpoolError, unsigned};

impl Spool {
    /// Where an account's source stands, as the last durable group said.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn position(&self, account: &AccountHandle) -> Result<Option<Vec<u8>>, SpoolError> {
        let position = self
            .db
            .query_row(
                "SELECT position FROM account WHERE handle = ?1",
                [account.as_bytes()],
                |row| row.get(0),
            )
            .optional()?;
        Ok(position.flatten())
    }

    /// Forgets where an account's source stands, when the source begins anew.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn forget_position(&mut self, account: &AccountHandle) -> Result<(), SpoolError> {
        self.db.execute(
            "UPDATE account SET position = NULL WHERE handle = ?1",
            [account.as_bytes()],
        )?;
        Ok(())
    }

    /// Counts of one account; zeros if nothing of it was captured.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn account_counts(&self, account: &AccountHandle) -> Result<AccountCounts, SpoolError> {
        let counts = self
            .db
            .query_row(
                "SELECT captured, losses FROM account WHERE handle = ?1",
                [account.as_bytes()],
                |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)),
            )
            .optional()?;
        let (captured, losses) = counts.unwrap_or_default();
        Ok(AccountCounts {
            captured: unsigned(captured)?,
            losses: unsigned(losses)?,
        })
    }

    /// Keyed names of files that are durable and were perhaps not deleted.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn consumed(&self) -> Result<Vec<[u8; 16]>, SpoolError> {
        let mut rows = self.db.prepare_cached("SELECT name FROM consumed")?;
        let names = rows
            .query_map([], |row| row.get::<_, [u8; 16]>(0))?
            .collect::<Result<_, _>>()?;
        Ok(names)
    }

    /// Forgets keyed names whose files are deleted.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn forget_consumed(&mut self, names: &[[u8; 16]]) -> Result<(), SpoolError> {
        let tx = self.db.transaction()?;
        for name in names {
            tx.execute("DELETE FROM consumed WHERE name = ?1", [name])?;
        }
        tx.commit()?;
        Ok(())
    }
}
