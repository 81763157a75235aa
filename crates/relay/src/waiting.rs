//! The waiting room: invitations, and sealed enrolment requests under them, outside the log
//! (WAIT-1 to WAIT-5). A database of its own: if it is lost, what waited can be asked again.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use canonical::Milliseconds;
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};
use wire::waiting::{InvitationTerms, RequestId, RequestStanding, RequestState, WaitingRequest};
use wire::{PublicKey, limit};

use crate::state::StateError;

/// Requests that wait in one archive, at most (WAIT-2): some 20 MB.
const WAITING: i64 = 4_096;

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS invitations (
        key BLOB PRIMARY KEY, ends INTEGER NOT NULL, agents INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS requests (
        no INTEGER PRIMARY KEY, invitation BLOB NOT NULL, id BLOB NOT NULL,
        received INTEGER NOT NULL, state INTEGER NOT NULL, sealed BLOB,
        UNIQUE (invitation, id)
    );
";

/// One archive's waiting room.
#[derive(Debug, Clone)]
pub(crate) struct WaitingRoom {
    db: Arc<Mutex<Connection>>,
    most: usize,
}

/// An invitation that stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Invited {
    pub(crate) terms: InvitationTerms,
}

/// Why something can not wait here.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WaitingError {
    /// The invitation stands with other terms.
    #[error("the invitation stands with other terms")]
    Stands,
    /// A limit of WAIT-2.
    #[error("too much waits already")]
    Full,
    /// The database failed.
    #[error("the waiting room's database")]
    State(#[from] StateError),
}

impl From<rusqlite::Error> for WaitingError {
    fn from(source: rusqlite::Error) -> Self {
        Self::State(StateError::Database {
            doing: "keep what waits",
            source: Box::new(source),
        })
    }
}

impl WaitingRoom {
    /// Opens the database, making it if it is missing.
    pub(crate) fn open(path: &Path, most: usize) -> Result<Self, StateError> {
        let open = || -> rusqlite::Result<_> {
            let db = Connection::open(path)?;
            db.pragma_update(None, "journal_mode", "WAL")?;
            // WAIT-4: a commit returns only once it is synced.
            db.pragma_update(None, "synchronous", "FULL")?;
            db.pragma_update(None, "secure_delete", true)?;
            db.execute_batch(TABLES)?;
            Ok(db)
        };
        let db = open().map_err(|source| StateError::Database {
            doing: "open what waits",
            source: Box::new(source),
        })?;
        Ok(Self {
            db: Arc::new(Mutex::new(db)),
            most,
        })
    }

    /// The invitation with this key, if it stands.
    pub(crate) async fn invitation(
        &self,
        key: PublicKey,
        now: Milliseconds,
    ) -> Result<Option<Invited>, WaitingError> {
        self.work(now, move |db| find(db, key)).await
    }

    /// Opens an invitation; one that stands on the same terms stays as it is.
    pub(crate) async fn open_invitation(
        &self,
        key: PublicKey,
        terms: InvitationTerms,
        now: Milliseconds,
    ) -> Result<(), WaitingError> {
        let most = i64::try_from(self.most).unwrap_or(i64::MAX);
        self.work(now, move |db| match find(db, key)? {
            Some(stands) if stands.terms == terms => Ok(()),
            Some(_) => Err(WaitingError::Stands),
            None => {
                if count(db, "SELECT count(*) FROM invitations")? >= most {
                    return Err(WaitingError::Full);
                }
                db.execute(
                    "INSERT INTO invitations (key, ends, agents) VALUES (?1, ?2, ?3)",
                    params![key.as_bytes(), terms.until.get(), terms.agents],
                )?;
                Ok(())
            }
        })
        .await
    }

    /// Forgets an invitation and all under it; false if it does not stand.
    pub(crate) async fn close_invitation(
        &self,
        key: PublicKey,
        now: Milliseconds,
    ) -> Result<bool, WaitingError> {
        self.work(now, move |db| {
            db.execute(
                "DELETE FROM requests WHERE invitation = ?1",
                [key.as_bytes()],
            )?;
            Ok(db.execute("DELETE FROM invitations WHERE key = ?1", [key.as_bytes()])? > 0)
        })
        .await
    }

    /// Takes a request; false if it is here already. Returns once it is durable.
    pub(crate) async fn ask(
        &self,
        key: PublicKey,
        invited: Invited,
        sealed: Vec<u8>,
        now: Milliseconds,
    ) -> Result<bool, WaitingError> {
        self.work(now, move |db| {
            let id = RequestId::of(&sealed);
            let known = db
                .prepare_cached("SELECT 1 FROM requests WHERE invitation = ?1 AND id = ?2")?
                .exists(params![key.as_bytes(), id.as_bytes()])?;
            if known {
                return Ok(false);
            }
            let under: i64 = db
                .prepare_cached("SELECT count(*) FROM requests WHERE invitation = ?1")?
                .query_row([key.as_bytes()], |row| row.get(0))?;
            let most = usize::from(invited.terms.agents) * limit::REQUESTS_OF_AGENT;
            if under >= i64::try_from(most).unwrap_or(i64::MAX)
                || count(db, "SELECT count(*) FROM requests WHERE state = 0")? >= WAITING
            {
                return Err(WaitingError::Full);
            }
            db.execute(
                "INSERT INTO requests (invitation, id, received, state, sealed)
                 VALUES (?1, ?2, ?3, 0, ?4)",
                params![key.as_bytes(), id.as_bytes(), now.get(), sealed],
            )?;
            Ok(true)
        })
        .await
    }

    /// How the requests under an invitation stand.
    pub(crate) async fn standings(
        &self,
        key: PublicKey,
    ) -> Result<Vec<RequestStanding>, WaitingError> {
        self.work(Milliseconds::new(i64::MIN), move |db| {
            let mut question = db.prepare_cached(
                "SELECT id, state FROM requests WHERE invitation = ?1 ORDER BY no",
            )?;
            let rows = question.query_map([key.as_bytes()], |row| {
                Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, u8>(1)?))
            })?;
            rows.map(|row| {
                let (id, state) = row?;
                Ok(RequestStanding {
                    id: RequestId::try_from(id.as_slice()).map_err(|_| damaged())?,
                    state: state_of(state)?,
                })
            })
            .collect()
        })
        .await
    }

    /// What waits, oldest first.
    pub(crate) async fn waiting(
        &self,
        now: Milliseconds,
    ) -> Result<Vec<WaitingRequest>, WaitingError> {
        self.work(now, |db| {
            let mut question = db.prepare_cached(
                "SELECT invitation, received, sealed FROM requests WHERE state = 0
                 ORDER BY no LIMIT ?1",
            )?;
            let rows = question.query_map(
                [i64::try_from(limit::REQUESTS_IN_ANSWER).unwrap_or(i64::MAX)],
                |row| {
                    Ok((
                        row.get::<_, Vec<u8>>(0)?,
                        row.get::<_, i64>(1)?,
                        row.get::<_, Vec<u8>>(2)?,
                    ))
                },
            )?;
            rows.map(|row| {
                let (invitation, received, sealed) = row?;
                Ok(WaitingRequest {
                    invitation: PublicKey::try_from(invitation.as_slice())
                        .map_err(|_| damaged())?,
                    received: Milliseconds::new(received),
                    sealed,
                })
            })
            .collect()
        })
        .await
    }

    /// WAIT-5: answers a request that waits, and deletes its bytes; false if none does.
    pub(crate) async fn answer(
        &self,
        key: PublicKey,
        request: RequestId,
        state: RequestState,
        now: Milliseconds,
    ) -> Result<bool, WaitingError> {
        self.work(now, move |db| {
            let changed = db.execute(
                "UPDATE requests SET state = ?3, sealed = NULL
                 WHERE invitation = ?1 AND id = ?2 AND state = 0",
                params![key.as_bytes(), request.as_bytes(), number_of(state)],
            )?;
            Ok(changed > 0)
        })
        .await
    }

    /// WAIT-3: what has ended at `now` is gone before `work` sees anything. One transaction.
    async fn work<T: Send + 'static>(
        &self,
        now: Milliseconds,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, WaitingError> + Send + 'static,
    ) -> Result<T, WaitingError> {
        let db = self.db.clone();
        let done = tokio::task::spawn_blocking(move || {
            let mut db = db.lock().unwrap_or_else(PoisonError::into_inner);
            let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            forget_ended(&transaction, now)?;
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok(done)
        });
        done.await.unwrap_or_else(|stopped| {
            Err(WaitingError::State(StateError::Database {
                doing: "keep what waits",
                source: Box::new(stopped),
            }))
        })
    }
}

fn forget_ended(db: &Transaction<'_>, now: Milliseconds) -> Result<(), WaitingError> {
    let ended = db
        .prepare_cached("SELECT 1 FROM invitations WHERE ends <= ?1")?
        .exists([now.get()])?;
    if ended {
        db.execute(
            "DELETE FROM requests WHERE invitation IN (SELECT key FROM invitations WHERE ends <= ?1)",
            [now.get()],
        )?;
        db.execute("DELETE FROM invitations WHERE ends <= ?1", [now.get()])?;
    }
    Ok(())
}

fn find(db: &Transaction<'_>, key: PublicKey) -> Result<Option<Invited>, WaitingError> {
    let row = db
        .prepare_cached("SELECT ends, agents FROM invitations WHERE key = ?1")?
        .query_row([key.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(row.map(|(until, agents)| Invited {
        terms: InvitationTerms {
            until: Milliseconds::new(until),
            agents,
        },
    }))
}

fn count(db: &Transaction<'_>, question: &str) -> Result<i64, WaitingError> {
    Ok(db
        .prepare_cached(question)?
        .query_row([], |row| row.get(0))?)
}

fn number_of(state: RequestState) -> u8 {
    match state {
        RequestState::Waiting => 0,
        RequestState::Approved => 1,
        RequestState::Refused => 2,
    }
}

fn state_of(number: u8) -> Result<RequestState, WaitingError> {
    [
        RequestState::Waiting,
        RequestState::Approved,
        RequestState::Refused,
    ]
    .get(usize::from(number))
    .copied()
    .ok_or_else(damaged)
}

fn damaged() -> WaitingError {
    WaitingError::State(StateError::Damaged("waiting request"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Milliseconds = Milliseconds::new(1_000_000);

    fn terms(until: i64, agents: u8) -> InvitationTerms {
        InvitationTerms {
            until: Milliseconds::new(until),
            agents,
        }
    }

    fn key(number: u8) -> PublicKey {
        PublicKey::from_bytes([number; 32])
    }

    /// WAIT-2, WAIT-3, WAIT-4, INVITE-3.
    #[tokio::test]
    async fn wait_2_and_3_bounded_and_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("waiting.db");
        let room = WaitingRoom::open(&path, 2).unwrap();
        let ends = terms(2_000_000, 1);
        room.open_invitation(key(1), ends, NOW).await.unwrap();
        room.open_invitation(key(1), ends, NOW).await.unwrap();
        assert!(matches!(
            room.open_invitation(key(1), terms(2_000_001, 1), NOW).await,
            Err(WaitingError::Stands)
        ));
        room.open_invitation(key(2), terms(3_000_000, 1), NOW)
            .await
            .unwrap();
        assert!(matches!(
            room.open_invitation(key(3), ends, NOW).await,
            Err(WaitingError::Full)
        ));

        let invited = room.invitation(key(1), NOW).await.unwrap().unwrap();
        for number in 0..4 {
            assert!(room.ask(key(1), invited, vec![number], NOW).await.unwrap());
            assert!(!room.ask(key(1), invited, vec![number], NOW).await.unwrap());
        }
        assert!(matches!(
            room.ask(key(1), invited, vec![9], NOW).await,
            Err(WaitingError::Full)
        ));
        assert!(room.ask(key(2), invited, vec![0], NOW).await.unwrap());
        assert_eq!(room.waiting(NOW).await.unwrap().len(), 5);

        // WAIT-4: what was taken is there after a restart.
        drop(room);
        let room = WaitingRoom::open(&path, 2).unwrap();
        let request = RequestId::of(&[2]);
        assert!(
            room.answer(key(1), request, RequestState::Refused, NOW)
                .await
                .unwrap()
        );
        assert!(
            !room
                .answer(key(1), request, RequestState::Approved, NOW)
                .await
                .unwrap()
        );
        let standings = room.standings(key(1)).await.unwrap();
        assert_eq!(standings.len(), 4);
        assert_eq!(standings[2].state, RequestState::Refused);
        assert_eq!(standings[0].state, RequestState::Waiting);
        assert_eq!(room.waiting(NOW).await.unwrap().len(), 4);

        let later = ends.until;
        assert_eq!(room.waiting(later).await.unwrap().len(), 1);
        assert_eq!(room.invitation(key(1), later).await.unwrap(), None);
        assert!(room.close_invitation(key(2), later).await.unwrap());
        assert_eq!(room.waiting(later).await.unwrap().len(), 0);
    }

    /// WAIT-5: an answered request's bytes are in no page of the database any more.
    #[tokio::test]
    async fn wait_5_answered_bytes_are_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("waiting.db");
        let room = WaitingRoom::open(&path, 8).unwrap();
        room.open_invitation(key(1), terms(2_000_000, 1), NOW)
            .await
            .unwrap();
        let invited = room.invitation(key(1), NOW).await.unwrap().unwrap();
        let marker = b"MARKER-OF-A-SEALED-REQUEST".repeat(100);
        room.ask(key(1), invited, marker.clone(), NOW)
            .await
            .unwrap();
        let id = RequestId::of(&marker);
        room.answer(key(1), id, RequestState::Approved, NOW)
            .await
            .unwrap();
        drop(room);
        // The last connection's end moves the write-ahead log into the file.
        let bytes = std::fs::read(&path).unwrap();
        assert!(!bytes.windows(26).any(|window| window == &marker[..26]));
    }
}
