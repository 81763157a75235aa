//! What a witness remembers: of each log the largest tree that it has cosigned.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};
use tlog::{AddCheckpoint, Decision, Hash, SeenHead, TreeSize};

/// Why a witness can not remember.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MemoryError {
    /// The database refused.
    #[error("the witness's database failed")]
    Database(#[from] rusqlite::Error),
    /// A row holds what this program never writes.
    #[error("the witness's database is damaged")]
    Damaged,
    /// The clock stands before the last cosignature: what it would sign now is not true.
    #[error("the witness's clock stands before its last cosignature")]
    Clock,
    /// The work was stopped.
    #[error("the work was stopped")]
    Stopped,
}

/// A SQLite file with one row a log.
#[derive(Debug, Clone)]
pub(super) struct Memory {
    database: Arc<Mutex<Connection>>,
}

impl Memory {
    pub(super) fn open(path: &Path) -> Result<Self, MemoryError> {
        let database = Connection::open(path)?;
        database.pragma_update(None, "journal_mode", "WAL")?;
        database.pragma_update(None, "synchronous", "FULL")?;
        database.execute_batch(
            "CREATE TABLE IF NOT EXISTS heads (origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL) WITHOUT ROWID;
             CREATE TABLE IF NOT EXISTS last (one INTEGER PRIMARY KEY CHECK (one = 1), cosigned_at INTEGER NOT NULL)",
        )?;
        Ok(Self {
            database: Arc::new(Mutex::new(database)),
        })
    }

    /// Decides on a request at `now`, in seconds, and remembers head and time of a cosignature, in one
    /// transaction. A clock that was set back does not cosign (TLOG-20).
    ///
    /// Crash argument: the cosignature leaves only after the commit, which is synced. Remembered
    /// and not answered is harmless: the log is told the size and asks again from there.
    pub(super) async fn decide(
        &self,
        request: AddCheckpoint,
        now: u64,
        decide: impl FnOnce(SeenHead, &AddCheckpoint) -> Decision + Send + 'static,
    ) -> Result<Decision, MemoryError> {
        let database = self.database.clone();
        let work = move || {
            let mut database = database.lock().unwrap_or_else(PoisonError::into_inner);
            let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let origin = request.checkpoint().claimed().origin().as_str().to_owned();
            let row: Option<(i64, Vec<u8>)> = transaction
                .query_row(
                    "SELECT size, root FROM heads WHERE origin = ?1",
                    [&origin],
                    |row| Ok((row.get(0)?, row.get(1)?)),
                )
                .optional()?;
            let seen = match row {
                Some((size, root)) => {
                    let size = u64::try_from(size).map_err(|_| MemoryError::Damaged)?;
                    SeenHead::new(
                        TreeSize::new(size),
                        Hash::from_slice(&root).ok_or(MemoryError::Damaged)?,
                    )
                }
                None => SeenHead::nothing(),
            };
            let decision = decide(seen, &request);
            if let Decision::Cosign { head, .. } = &decision {
                let now = i64::try_from(now).map_err(|_| MemoryError::Clock)?;
                let last: Option<i64> = transaction
                    .query_row("SELECT cosigned_at FROM last", [], |row| row.get(0))
                    .optional()?;
                if last.is_some_and(|last| now < last) {
                    return Err(MemoryError::Clock);
                }
                transaction.execute("INSERT OR REPLACE INTO last VALUES (1, ?1)", [now])?;
                let size = i64::try_from(head.size().get()).map_err(|_| MemoryError::Damaged)?;
                transaction.execute(
                    "INSERT INTO heads (origin, size, root) VALUES (?1, ?2, ?3)
                     ON CONFLICT (origin) DO UPDATE SET size = excluded.size, root = excluded.root",
                    params![origin, size, head.root().as_bytes()],
                )?;
                transaction.commit()?;
            }
            Ok(decision)
        };
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|_| MemoryError::Stopped)?
    }
}
