//! The state in SQLite: write-ahead log, one writer, every commit synced.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use canonical::Milliseconds;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use rusqlite::{
    CachedStatement, Connection, OptionalExtension as _, Transaction, TransactionBehavior, params,
};
use tlog::LogIndex;
use wire::{AdmittedAt, ControlNumber, EntryId, ObjectHash, SequenceNumber, SignerId};

use super::{
    AuthorityRows, Change, CheckpointStore, Head, Place, Sequenced, SequencedKind, StateError,
};

/// A newer program that changes the tables raises it and migrates.
const VERSION: i64 = 3;

/// Version 2 finds mail again. Before it nobody could fetch mail, and none was logged.
const MAIL_TABLE: &str = "
    CREATE TABLE mail (
        addressee BLOB NOT NULL, at INTEGER NOT NULL, object BLOB NOT NULL,
        PRIMARY KEY (addressee, at)
    ) WITHOUT ROWID;
    CREATE INDEX mail_objects ON mail (addressee, object);
";

/// Version 3 finds the newest signed head again.
const SIGNED_HEAD_TABLE: &str = "
    CREATE TABLE signed_head (one INTEGER PRIMARY KEY CHECK (one = 1), at INTEGER NOT NULL);
";

const TABLES: &str = "
    CREATE TABLE head (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        size INTEGER NOT NULL, root BLOB NOT NULL, admitted_at INTEGER NOT NULL,
        cursor BLOB NOT NULL, standing BLOB NOT NULL, stored INTEGER
    );
    CREATE TABLE signers (no INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, row BLOB NOT NULL);
    CREATE TABLE entries (
        signer INTEGER NOT NULL, number INTEGER NOT NULL, entry BLOB NOT NULL, at INTEGER NOT NULL,
        PRIMARY KEY (signer, number)
    ) WITHOUT ROWID;
    CREATE TABLE objects (hash BLOB PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE control (number INTEGER PRIMARY KEY, at INTEGER NOT NULL);
";

/// One archive's state in a SQLite file.
#[derive(Debug, Clone)]
pub struct SqliteState {
    writer: Arc<Mutex<Connection>>,
    reader: Arc<Mutex<Connection>>,
}

impl SqliteState {
    /// Opens the database, making it if it is missing. One process may have it open.
    ///
    /// # Errors
    ///
    /// When it can not be opened, another process has it, or it was written by a newer program.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        let doing = database("be opened");
        let open = || -> rusqlite::Result<_> {
            let mut writer = Connection::open(path)?;
            writer.pragma_update(None, "journal_mode", "WAL")?;
            // FULL: a commit returns only once the write-ahead log is synced.
            writer.pragma_update(None, "synchronous", "FULL")?;
            writer.pragma_update(None, "wal_autocheckpoint", 4_000)?;
            writer.busy_timeout(std::time::Duration::from_secs(5))?;
            let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let version: i64 =
                transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
            if version == 0 {
                transaction.execute_batch(TABLES)?;
            }
            if version < 2 {
                transaction.execute_batch(MAIL_TABLE)?;
            }
            if version < VERSION {
                transaction.execute_batch(SIGNED_HEAD_TABLE)?;
                transaction.pragma_update(None, "user_version", VERSION)?;
            }
            transaction.commit()?;
            let reader = Connection::open(path)?;
            reader.pragma_update(None, "query_only", true)?;
            reader.busy_timeout(std::time::Duration::from_secs(5))?;
            Ok((writer, reader, version))
        };
        let (writer, reader, version) = open().map_err(doing)?;
        if version > VERSION {
            return Err(StateError::Damaged("version: a newer program wrote it"));
        }
        Ok(Self {
            writer: Arc::new(Mutex::new(writer)),
            reader: Arc::new(Mutex::new(reader)),
        })
    }

    /// Reads apart from the writer, so that a question never waits for a sync.
    fn read<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, StateError>> {
        let reader = self.reader.clone();
        off_thread(doing, move || {
            work(&reader.lock().unwrap_or_else(PoisonError::into_inner))
        })
        .boxed()
    }
}

impl CheckpointStore for SqliteState {
    fn head(&self) -> BoxFuture<'_, Result<Option<Head>, StateError>> {
        self.read("read the head", read_head)
    }

    fn advance<'a>(
        &'a self,
        from: Option<Head>,
        to: Head,
        change: &'a Change,
    ) -> BoxFuture<'a, Result<(), StateError>> {
        let (writer, change) = (self.writer.clone(), change.clone());
        off_thread("move the head", move || {
            let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
            let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
            if read_head(&transaction)? != from {
                return Err(Failure::State(StateError::Moved));
            }
            write_signers(&transaction, &change.signers)?;
            write_entries(&transaction, &change.entries)?;
            write_head(&transaction, to, &change)?;
            Ok(transaction.commit()?)
        })
        .boxed()
    }

    fn authority(&self) -> BoxFuture<'_, Result<Option<AuthorityRows>, StateError>> {
        self.read("read the authority", |db| {
            // One transaction: the rows are of one moment.
            let transaction = db.unchecked_transaction()?;
            let head = transaction
                .query_row("SELECT cursor, standing FROM head", [], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })
                .optional()?;
            let Some((cursor, standing)) = head else {
                return Ok(None);
            };
            let mut question = transaction.prepare("SELECT row FROM signers")?;
            let signers = question
                .query_map([], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            Ok(Some(AuthorityRows {
                cursor,
                standing,
                signers,
            }))
        })
    }

    fn places<'a>(
        &'a self,
        of: &'a [(SignerId, SequenceNumber)],
    ) -> BoxFuture<'a, Result<Vec<Option<Place>>, StateError>> {
        let of = of.to_vec();
        self.read("look for entries", move |db| {
            let mut question = db.prepare_cached(
                "SELECT e.entry, e.at FROM entries e JOIN signers s ON s.no = e.signer
                 WHERE s.id = ?1 AND e.number = ?2",
            )?;
            let mut found = Vec::with_capacity(of.len());
            for (signer, wanted) in of {
                let mut rows = question.query(params![signer.as_bytes(), number(wanted.get())?])?;
                found.push(match rows.next()? {
                    Some(row) => Some(place(
                        row.get_ref(0)?.as_blob().map_err(damaged("entry"))?,
                        row.get(1)?,
                    )?),
                    None => None,
                });
            }
            Ok(found)
        })
    }

    fn owners<'a>(
        &'a self,
        of: &'a [ObjectHash],
    ) -> BoxFuture<'a, Result<Vec<Option<LogIndex>>, StateError>> {
        let of = of.to_vec();
        self.read("look for objects", move |db| {
            let mut question = db.prepare_cached("SELECT at FROM objects WHERE hash = ?1")?;
            of.iter()
                .map(|hash| {
                    let at: Option<i64> = question
                        .query_row([hash.as_bytes()], |row| row.get(0))
                        .optional()?;
                    at.map(|at| unsigned(at).map(LogIndex::new)).transpose()
                })
                .collect()
        })
    }

    fn control(
        &self,
        first: ControlNumber,
        most: usize,
    ) -> BoxFuture<'_, Result<Vec<LogIndex>, StateError>> {
        self.read("look for control entries", move |db| {
            let mut question = db.prepare_cached(
                "SELECT at FROM control WHERE number >= ?1 ORDER BY number LIMIT ?2",
            )?;
            let Ok(first) = i64::try_from(first.get()) else {
                return Ok(Vec::new());
            };
            let most = i64::try_from(most).unwrap_or(i64::MAX);
            let rows = question.query_map([first, most], |row| row.get::<_, i64>(0))?;
            rows.map(|at| unsigned(at?).map(LogIndex::new)).collect()
        })
    }

    fn mail(
        &self,
        to: SignerId,
        first: LogIndex,
        most: usize,
    ) -> BoxFuture<'_, Result<Vec<LogIndex>, StateError>> {
        self.read("look for mail", move |db| {
            let mut question = db.prepare_cached(
                "SELECT at FROM mail WHERE addressee = ?1 AND at >= ?2 ORDER BY at LIMIT ?3",
            )?;
            let Ok(first) = i64::try_from(first.get()) else {
                return Ok(Vec::new());
            };
            let most = i64::try_from(most).unwrap_or(i64::MAX);
            let rows = question.query_map(params![to.as_bytes(), first, most], |row| {
                row.get::<_, i64>(0)
            })?;
            rows.map(|at| unsigned(at?).map(LogIndex::new)).collect()
        })
    }

    fn is_mail_to(
        &self,
        to: SignerId,
        object: ObjectHash,
    ) -> BoxFuture<'_, Result<bool, StateError>> {
        self.read("look for mail", move |db| {
            Ok(db
                .prepare_cached("SELECT 1 FROM mail WHERE addressee = ?1 AND object = ?2")?
                .exists(params![to.as_bytes(), object.as_bytes()])?)
        })
    }

    fn stored(&self) -> BoxFuture<'_, Result<Option<LogIndex>, StateError>> {
        self.read("look for the stored entry", |db| {
            let at: Option<Option<i64>> = db
                .query_row("SELECT stored FROM head", [], |row| row.get(0))
                .optional()?;
            at.flatten()
                .map(|at| unsigned(at).map(LogIndex::new))
                .transpose()
        })
    }

    fn signed_head(&self) -> BoxFuture<'_, Result<Option<LogIndex>, StateError>> {
        self.read("look for the signed head", |db| {
            let at: Option<i64> = db
                .query_row("SELECT at FROM signed_head", [], |row| row.get(0))
                .optional()?;
            at.map(|at| unsigned(at).map(LogIndex::new)).transpose()
        })
    }
}

fn read_head(db: &Connection) -> Result<Option<Head>, Failure> {
    let row = db
        .prepare_cached("SELECT size, root, admitted_at FROM head")?
        .query_row([], |row| {
            Ok((
                row.get::<_, i64>(0)?,
                row.get::<_, Vec<u8>>(1)?,
                row.get::<_, i64>(2)?,
            ))
        })
        .optional()?;
    let Some((size, root, at)) = row else {
        return Ok(None);
    };
    Ok(Some(Head {
        size: tlog::TreeSize::new(unsigned(size)?),
        root: tlog::Hash::from_slice(&root).ok_or(Failure::State(StateError::Damaged("root")))?,
        admitted_at: AdmittedAt::new(Milliseconds::new(at))
            .ok_or(Failure::State(StateError::Damaged("time")))?,
    }))
}

fn write_head(transaction: &Transaction<'_>, to: Head, change: &Change) -> Result<(), Failure> {
    let stored = change
        .entries
        .iter()
        .rev()
        .find(|entry| entry.kind == SequencedKind::Stored);
    let stored = stored
        .map(|entry| number(entry.place.index.get()))
        .transpose()?;
    let (size, root, at) = (
        number(to.size.get())?,
        to.root.as_bytes(),
        to.admitted_at.time().get(),
    );
    let cursor = &change.cursor;
    let changed = match &change.standing {
        Some(standing) => transaction
            .prepare_cached(
                "INSERT INTO head (one, size, root, admitted_at, stored, cursor, standing)
                 VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (one) DO UPDATE SET size = excluded.size, root = excluded.root,
                 admitted_at = excluded.admitted_at, stored = coalesce(excluded.stored, stored),
                 cursor = excluded.cursor, standing = excluded.standing",
            )?
            .execute(params![size, root, at, stored, cursor, standing])?,
        None => transaction
            .prepare_cached(
                "UPDATE head SET size = ?1, root = ?2, admitted_at = ?3, stored = coalesce(?4, stored), cursor = ?5",
            )?
            .execute(params![size, root, at, stored, cursor])?,
    };
    // The first change brings every row.
    if changed == 1 {
        Ok(())
    } else {
        Err(Failure::State(StateError::Damaged("head")))
    }
}

fn write_signers(
    transaction: &Transaction<'_>,
    signers: &[(SignerId, Vec<u8>)],
) -> Result<(), Failure> {
    let mut signer = transaction.prepare_cached(
        "INSERT INTO signers (id, row) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET row = excluded.row",
    )?;
    for (id, row) in signers {
        signer.execute(params![id.as_bytes(), row])?;
    }
    Ok(())
}

fn write_entries(transaction: &Transaction<'_>, entries: &[Sequenced]) -> Result<(), Failure> {
    let mut signer = transaction.prepare_cached("SELECT no FROM signers WHERE id = ?1")?;
    let mut entry = transaction.prepare_cached(
        "INSERT INTO entries (signer, number, entry, at) VALUES (?1, ?2, ?3, ?4)",
    )?;
    let mut object =
        transaction.prepare_cached("INSERT INTO objects (hash, at) VALUES (?1, ?2)")?;
    let mut control =
        transaction.prepare_cached("INSERT INTO control (number, at) VALUES (?1, ?2)")?;
    let mut mail = transaction
        .prepare_cached("INSERT INTO mail (addressee, at, object) VALUES (?1, ?2, ?3)")?;
    for one in entries {
        let at = number(one.place.index.get())?;
        let no: i64 = signer.query_row([one.signer.as_bytes()], |row| row.get(0))?;
        entry.execute(params![
            no,
            number(one.number.get())?,
            one.place.entry.as_bytes(),
            at
        ])?;
        write_objects(&mut object, &one.objects, at)?;
        match one.kind {
            SequencedKind::Control(act) => {
                control.execute(params![number(act.get())?, at])?;
            }
            // ENTRY-5: mail has exactly one object.
            SequencedKind::Mail(to) => {
                for object in &one.objects {
                    mail.execute(params![to.as_bytes(), at, object.as_bytes()])?;
                }
            }
            SequencedKind::Head => {
                transaction.execute("INSERT OR REPLACE INTO signed_head VALUES (1, ?1)", [at])?;
            }
            SequencedKind::Stored | SequencedKind::Other => {}
        }
    }
    Ok(())
}

fn write_objects(
    object: &mut CachedStatement<'_>,
    hashes: &[ObjectHash],
    at: i64,
) -> Result<(), Failure> {
    for hash in hashes {
        object.execute(params![hash.as_bytes(), at])?;
    }
    Ok(())
}

enum Failure {
    Sql(rusqlite::Error),
    State(StateError),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

fn database(doing: &'static str) -> impl FnOnce(rusqlite::Error) -> StateError {
    move |source| StateError::Database {
        doing,
        source: Box::new(source),
    }
}

fn damaged<E>(what: &'static str) -> impl FnOnce(E) -> Failure {
    move |_| Failure::State(StateError::Damaged(what))
}

fn place(entry: &[u8], at: i64) -> Result<Place, Failure> {
    Ok(Place {
        entry: EntryId::try_from(entry).map_err(damaged("entry id"))?,
        index: LogIndex::new(unsigned(at)?),
    })
}

/// SQLite has signed integers; sizes of the log stay below 2⁶³ (TLOG-6).
fn number(value: u64) -> Result<i64, Failure> {
    i64::try_from(value).map_err(damaged("number"))
}

fn unsigned(value: i64) -> Result<u64, Failure> {
    u64::try_from(value).map_err(damaged("number"))
}

async fn off_thread<T: Send + 'static>(
    doing: &'static str,
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, StateError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(Failure::State(error))) => Err(error),
        Ok(Err(Failure::Sql(error))) => Err(database(doing)(error)),
        Err(stopped) => Err(StateError::Database {
            doing,
            source: Box::new(stopped),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(size: u64) -> Head {
        Head {
            size: tlog::TreeSize::new(size),
            root: tlog::Hash::leaf(&size.to_be_bytes()),
            admitted_at: AdmittedAt::new(Milliseconds::new(1_000)).unwrap(),
        }
    }

    fn sequenced(signer: u8, number: u64, index: u64, kind: SequencedKind) -> Sequenced {
        Sequenced {
            signer: SignerId::from_bytes([signer; 32]),
            number: SequenceNumber::new(number),
            place: Place {
                entry: EntryId::from_bytes([index as u8; 32]),
                index: LogIndex::new(index),
            },
            objects: vec![ObjectHash::from_bytes([100 + index as u8; 32])],
            kind,
        }
    }

    fn change(entries: &[Sequenced], standing: Option<&[u8]>) -> Change {
        let signers = entries
            .iter()
            .map(|entry| (entry.signer, vec![entry.number.get() as u8]))
            .collect();
        Change {
            cursor: vec![9],
            standing: standing.map(<[u8]>::to_vec),
            signers,
            entries: entries.to_vec(),
        }
    }

    /// SEQ-1 leans on it: a commit returns only once it is synced.
    #[test]
    fn every_commit_is_synced() {
        let folder = tempfile::tempdir().unwrap();
        let state = SqliteState::open(&folder.path().join("state.db")).unwrap();
        let writer = state.writer.lock().unwrap();
        let synchronous: i64 = writer
            .pragma_query_value(None, "synchronous", |row| row.get(0))
            .unwrap();
        let journal: String = writer
            .pragma_query_value(None, "journal_mode", |row| row.get(0))
            .unwrap();
        assert_eq!((synchronous, journal.as_str()), (2, "wal"));
    }

    #[tokio::test]
    async fn seq_1_the_head_moves_by_compare_and_swap_with_everything_or_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let state = SqliteState::open(&folder.path().join("state.db")).unwrap();
        assert_eq!(state.head().await.unwrap(), None);
        assert_eq!(state.authority().await.unwrap(), None);
        let first = [sequenced(
            1,
            0,
            0,
            SequencedKind::Control(ControlNumber::new(0)),
        )];
        state
            .advance(None, head(1), &change(&first, Some(b"s")))
            .await
            .unwrap();
        let more = [
            sequenced(2, 0, 1, SequencedKind::Stored),
            sequenced(2, 1, 2, SequencedKind::Mail(SignerId::from_bytes([1; 32]))),
            sequenced(2, 2, 3, SequencedKind::Head),
        ];
        assert_eq!(state.signed_head().await.unwrap(), None);
        for wrong in [None, Some(head(2))] {
            let refused = state.advance(wrong, head(4), &change(&more, None)).await;
            assert!(matches!(refused, Err(StateError::Moved)));
        }
        // The same object twice: the whole change is undone.
        let twice = [more[0].clone(), sequenced(1, 1, 1, SequencedKind::Other)];
        let refused = state
            .advance(Some(head(1)), head(3), &change(&twice, None))
            .await;
        assert!(matches!(refused, Err(StateError::Database { .. })));
        assert_eq!(state.head().await.unwrap(), Some(head(1)));
        assert_eq!(state.authority().await.unwrap().unwrap().signers, [[0]]);
        state
            .advance(Some(head(1)), head(4), &change(&more, None))
            .await
            .unwrap();

        drop(state);
        let state = SqliteState::open(&folder.path().join("state.db")).unwrap();
        assert_eq!(state.head().await.unwrap(), Some(head(4)));
        assert_eq!(state.signed_head().await.unwrap(), Some(LogIndex::new(3)));
        let (one, two) = (SignerId::from_bytes([1; 32]), SignerId::from_bytes([2; 32]));
        let asked = [
            (two, SequenceNumber::new(1)),
            (one, SequenceNumber::new(1)),
            (one, SequenceNumber::new(0)),
        ];
        assert_eq!(
            state.places(&asked).await.unwrap(),
            [Some(more[1].place), None, Some(first[0].place)]
        );
        let objects = [
            ObjectHash::from_bytes([102; 32]),
            ObjectHash::from_bytes([99; 32]),
        ];
        assert_eq!(
            state.owners(&objects).await.unwrap(),
            [Some(LogIndex::new(2)), None]
        );
        assert_eq!(
            state.control(ControlNumber::new(0), 256).await.unwrap(),
            [LogIndex::new(0)]
        );
        assert_eq!(state.control(ControlNumber::new(1), 256).await.unwrap(), []);
        assert_eq!(state.stored().await.unwrap(), Some(LogIndex::new(1)));
        // MAIL-1.
        let mail = |to, from| state.mail(to, LogIndex::new(from), 64);
        assert_eq!(mail(one, 0).await.unwrap(), [LogIndex::new(2)]);
        assert_eq!(mail(one, 3).await.unwrap(), []);
        assert_eq!(mail(two, 0).await.unwrap(), []);
        assert!(state.is_mail_to(one, objects[0]).await.unwrap());
        assert!(!state.is_mail_to(two, objects[0]).await.unwrap());
        assert!(!state.is_mail_to(one, objects[1]).await.unwrap());
        let rows = state.authority().await.unwrap().unwrap();
        assert_eq!(
            (rows.cursor.as_slice(), rows.standing.as_slice()),
            (&[9][..], &b"s"[..])
        );
        assert_eq!(rows.signers, [[0], [2]]);
    }
}
