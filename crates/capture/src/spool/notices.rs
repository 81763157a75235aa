//! In which conversations a notice is due, and in which one was given (PLAN-9).

use rusqlite::{Transaction, params};
use wire::AccountHandle;

use super::{Spool, SpoolError};

pub(super) const TABLES: &str = "
CREATE TABLE notice (
    account BLOB NOT NULL,
    conversation BLOB NOT NULL,
    sealed BLOB,
    given INTEGER NOT NULL,
    PRIMARY KEY (account, conversation)
) WITHOUT ROWID;
";

/// Keyed name of a conversation of an account.
pub type ConversationMark = [u8; 8];

/// What a group changes about notices, in the commit of the records that say so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoticeChanges {
    /// Something was said there; its id is sealed under the agent's local key. A notice is due, if
    /// none was due or given before.
    pub due: Vec<(ConversationMark, Vec<u8>)>,
    /// A notice was given there.
    pub given: Vec<ConversationMark>,
}

impl NoticeChanges {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.due.is_empty() && self.given.is_empty()
    }
}

impl Spool {
    /// The conversations of an account in which a notice is due: keyed name and sealed id.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn notices_due(
        &self,
        account: &AccountHandle,
    ) -> Result<Vec<(ConversationMark, Vec<u8>)>, SpoolError> {
        let mut rows = self.db.prepare_cached(
            "SELECT conversation, sealed FROM notice
             WHERE account = ?1 AND given = 0 AND sealed IS NOT NULL ORDER BY conversation",
        )?;
        let due = rows.query_map(params![account.as_bytes()], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
        Ok(due.collect::<Result<_, _>>()?)
    }
}

/// In a group's transaction.
pub(super) fn write(
    tx: &Transaction<'_>,
    account: &AccountHandle,
    changes: &NoticeChanges,
) -> Result<(), SpoolError> {
    let mut due = tx.prepare_cached(
        "INSERT OR IGNORE INTO notice (account, conversation, sealed, given) VALUES (?1, ?2, ?3, 0)",
    )?;
    for (conversation, sealed) in &changes.due {
        due.execute(params![account.as_bytes(), conversation, sealed])?;
    }
    let mut given = tx.prepare_cached(
        "INSERT INTO notice (account, conversation, sealed, given) VALUES (?1, ?2, NULL, 1)
         ON CONFLICT (account, conversation) DO UPDATE SET sealed = NULL, given = 1",
    )?;
    for conversation in &changes.given {
        given.execute(params![account.as_bytes(), conversation])?;
    }
    Ok(())
}
