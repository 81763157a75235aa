//! The catalogue: rows of records, names of things, references, the records' own parts.
//!
//! Crash argument: everything that one commit of the partition takes over stands in one transaction,
//! the last filed log index and the index's generation included (PARTITION-6).

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use record::{Kind, Milliseconds, RecordId};
use rusqlite::{Connection, OptionalExtension, params};
use tlog::LogIndex;
use zeroize::Zeroizing;

use super::directory::Generation;
use super::filing::Somebody;
use super::pages::FileSalt;
use super::{PartitionKey, chunk};

const VERSION: i64 = 1;

const SCHEMA: &str = "
CREATE TABLE state (
  one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL, last_filed INTEGER,
  generation INTEGER, generation_salt BLOB, earliest INTEGER, latest INTEGER, records INTEGER NOT NULL
);
INSERT INTO state VALUES (1, 1, NULL, NULL, NULL, NULL, NULL, 0);
CREATE TABLE things (id INTEGER PRIMARY KEY, space INTEGER NOT NULL, value TEXT NOT NULL, UNIQUE (space, value));
CREATE TABLE names (thing INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY (thing, name)) WITHOUT ROWID;
CREATE TABLE members (roster INTEGER NOT NULL, participant INTEGER NOT NULL, PRIMARY KEY (roster, participant)) WITHOUT ROWID;
CREATE TABLE records (
  row INTEGER PRIMARY KEY, record_id BLOB NOT NULL UNIQUE, log_index INTEGER NOT NULL, position INTEGER NOT NULL,
  admitted_at INTEGER NOT NULL, at INTEGER NOT NULL, captured INTEGER NOT NULL, conversation INTEGER NOT NULL,
  custodian INTEGER NOT NULL, sender INTEGER NOT NULL, kind INTEGER NOT NULL, direction INTEGER NOT NULL,
  features INTEGER NOT NULL, alone INTEGER NOT NULL, chunk INTEGER NOT NULL, place INTEGER NOT NULL, source_id TEXT NOT NULL, text TEXT NOT NULL
);
CREATE INDEX reading ON records (conversation, at, row) WHERE alone;
CREATE TABLE links (
  conversation INTEGER NOT NULL, target TEXT NOT NULL, row INTEGER NOT NULL, reply INTEGER NOT NULL,
  PRIMARY KEY (conversation, target, row)
) WITHOUT ROWID;
CREATE TABLE attachments (
  row INTEGER NOT NULL, number INTEGER NOT NULL, name TEXT, media_type TEXT, size INTEGER NOT NULL, object BLOB,
  PRIMARY KEY (row, number)
) WITHOUT ROWID;
CREATE TABLE losses (row INTEGER PRIMARY KEY, why INTEGER NOT NULL, since INTEGER, until INTEGER, count INTEGER);
CREATE TABLE chunks (chunk INTEGER PRIMARY KEY, records BLOB NOT NULL);
CREATE TABLE carried (log_index INTEGER PRIMARY KEY);
";

/// What the numbers of the dictionary stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Space {
    Network = 0,
    Account = 1,
    Custodian = 2,
    /// Network, account and conversation id, parted by U+0000, which none of them contains.
    Conversation = 3,
    Participant = 4,
    /// A roster's record id in hexadecimal.
    Roster = 5,
}

/// Why the catalogue can not be opened or used.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// The database refused: wrong key, altered page, full disk.
    #[error(
        "the catalogue {path} can not be read or written; if its key is right and its disk is not full, make the partition again from the mirror"
    )]
    Database {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// A version that this program does not know.
    #[error("the catalogue {path} has version {version}, which this program does not know")]
    Version {
        /// The database file.
        path: PathBuf,
        /// Its version.
        version: i64,
    },
    /// The stored parts of a record can not be read back.
    #[error(
        "the parts of record {record} in the catalogue are damaged; make the partition again from the mirror"
    )]
    Parts {
        /// The record.
        record: RecordId,
    },
}

/// What one commit established.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Everything of this epoch up to this entry is filed.
    pub last_filed: Option<LogIndex>,
    /// The list of segments that belongs to it.
    pub generation: Option<Generation>,
    /// Moments of the earliest and the latest record.
    pub range: Option<(Milliseconds, Milliseconds)>,
    /// Number of records.
    pub records: u64,
}

/// One record's row.
#[derive(Clone, PartialEq, Eq)]
pub struct Row {
    /// Number of the row in this partition, from 1.
    pub row: u64,
    /// The record.
    pub id: RecordId,
    /// The entry that carries it.
    pub index: LogIndex,
    /// Its position in the batch.
    pub position: u32,
    /// Moment (PARTITION-12).
    pub at: Milliseconds,
    /// Kind of event.
    pub kind: Kind,
    /// Number of the conversation in the dictionary.
    pub(crate) conversation: u64,
    /// Number of the sender in the dictionary; 0 for none.
    pub(crate) sender: u64,
    /// The network's id of the event.
    pub source_id: String,
    /// Its texts, parted by [`crate::search::words::BREAK`].
    pub text: String,
}

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Row({}, {})", self.row, self.id)
    }
}

/// One connection to a partition's catalogue.
pub(crate) struct Catalogue {
    pub(super) db: Connection,
    path: PathBuf,
}

impl Catalogue {
    /// Opens the database at `path`, which is made if it is not there. PARTITION-9
    pub(crate) fn open(
        path: &Path,
        key: &PartitionKey,
        pages: usize,
    ) -> Result<Self, CatalogueError> {
        let failed = |source| CatalogueError::Database {
            path: path.to_owned(),
            source,
        };
        let db = Connection::open(path).map_err(failed)?;
        // What went wrong is an error of ours; the library's own lines belong to nobody's output.
        db.execute_batch("PRAGMA cipher_log_level = NONE;")
            .map_err(failed)?;
        let hex = Zeroizing::new(canonical::hex(key.bytes()));
        let pragma = Zeroizing::new(format!("PRAGMA key = \"x'{}'\";", hex.as_str()));
        db.execute_batch(&pragma).map_err(failed)?;
        // SQLCipher's memory security locks and wipes every allocation by system calls: reading a page of
        // a conversation took ten times as long. Keys and pages it wipes anyway; the rest of freed memory
        // is the business of the process, which ends when the archive is locked.
        // Pages that many records share are written back once in some commits, not with each.
        db.execute_batch(&format!(
            "PRAGMA cipher_memory_security = OFF; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -{};
             PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = OFF; PRAGMA busy_timeout = 10000;
             PRAGMA wal_autocheckpoint = 4000;",
            pages * 4
        ))
        .map_err(failed)?;
        db.set_prepared_statement_cache_capacity(64);
        let made: i64 = db
            .query_row(
                "SELECT count(*) FROM sqlite_master WHERE name = 'state'",
                [],
                |row| row.get(0),
            )
            .map_err(failed)?;
        if made == 0 {
            db.execute_batch(&format!("BEGIN IMMEDIATE; {SCHEMA} COMMIT;"))
                .map_err(failed)?;
        }
        let version: i64 = db
            .query_row("SELECT version FROM state", [], |row| row.get(0))
            .map_err(failed)?;
        if version != VERSION {
            return Err(CatalogueError::Version {
                path: path.to_owned(),
                version,
            });
        }
        Ok(Self {
            db,
            path: path.to_owned(),
        })
    }

    pub(crate) fn database(&self, source: rusqlite::Error) -> CatalogueError {
        CatalogueError::Database {
            path: self.path.clone(),
            source,
        }
    }

    pub(crate) fn state(&self) -> Result<State, CatalogueError> {
        let sql =
            "SELECT last_filed, generation, generation_salt, earliest, latest, records FROM state";
        self.db
            .query_row(sql, [], |row| {
                let number: Option<i64> = row.get(1)?;
                let salt: Option<[u8; 32]> = row.get(2)?;
                let range: (Option<i64>, Option<i64>) = (row.get(3)?, row.get(4)?);
                Ok(State {
                    last_filed: row
                        .get::<_, Option<i64>>(0)?
                        .map(|n| LogIndex::new(n.cast_unsigned())),
                    generation: number.zip(salt).map(|(n, salt)| Generation {
                        number: n.cast_unsigned(),
                        salt: FileSalt(salt),
                    }),
                    range: range
                        .0
                        .zip(range.1)
                        .map(|(a, b)| (Milliseconds::new(a), Milliseconds::new(b))),
                    records: row.get::<_, i64>(5)?.cast_unsigned(),
                })
            })
            .map_err(|source| self.database(source))
    }

    /// Writes the state; inside a transaction of [`super::writing::Writing`].
    pub(super) fn set_state(&self, state: &State) -> Result<(), CatalogueError> {
        let sql = "UPDATE state SET last_filed = ?1, generation = ?2, generation_salt = ?3, earliest = ?4, latest = ?5, records = ?6";
        let (number, salt) = match state.generation {
            Some(generation) => (
                Some(generation.number.cast_signed()),
                Some(generation.salt.0.to_vec()),
            ),
            None => (None, None),
        };
        self.db
            .execute(
                sql,
                params![
                    state.last_filed.map(|index| index.get().cast_signed()),
                    number,
                    salt,
                    state.range.map(|(a, _)| a.get()),
                    state.range.map(|(_, b)| b.get()),
                    state.records.cast_signed(),
                ],
            )
            .map(drop)
            .map_err(|source| self.database(source))
    }

    /// The rows with these numbers, in the order asked for; one that is not there is left out.
    pub(crate) fn rows(&self, numbers: &[u64]) -> Result<Vec<Row>, CatalogueError> {
        let work = || -> rusqlite::Result<Vec<Row>> {
            let mut statement = self
                .db
                .prepare_cached(&format!("{SELECT_ROW} WHERE row = ?1"))?;
            let mut rows = Vec::with_capacity(numbers.len());
            for number in numbers {
                rows.extend(
                    statement
                        .query_row([number.cast_signed()], read_row)
                        .optional()?,
                );
            }
            Ok(rows)
        };
        work().map_err(|source| self.database(source))
    }

    /// The row of a record.
    pub(crate) fn find(&self, id: &RecordId) -> Result<Option<Row>, CatalogueError> {
        let work = || -> rusqlite::Result<Option<Row>> {
            let mut statement = self
                .db
                .prepare_cached(&format!("{SELECT_ROW} WHERE record_id = ?1"))?;
            statement
                .query_row([id.as_bytes().as_slice()], read_row)
                .optional()
        };
        work().map_err(|source| self.database(source))
    }

    /// Record ids from `first` to `last`, at most `limit` of them.
    pub(crate) fn between(
        &self,
        first: &RecordId,
        last: &RecordId,
        limit: usize,
    ) -> Result<Vec<RecordId>, CatalogueError> {
        let work = || -> rusqlite::Result<Vec<[u8; 32]>> {
            let mut statement = self.db.prepare_cached(
                "SELECT record_id FROM records WHERE record_id BETWEEN ?1 AND ?2 LIMIT ?3",
            )?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let (first, last) = (first.as_bytes().as_slice(), last.as_bytes().as_slice());
            statement
                .query_map(rusqlite::params![first, last, limit], |row| row.get(0))?
                .collect()
        };
        let ids = work().map_err(|source| self.database(source))?;
        Ok(ids.into_iter().map(RecordId::from_bytes).collect())
    }

    /// Up to `limit` items of a conversation, beyond (`at`, `row`) in the direction asked for.
    pub(crate) fn reading(
        &self,
        conversation: u64,
        beyond: (Milliseconds, u64),
        newer: bool,
        limit: usize,
    ) -> Result<Vec<Row>, CatalogueError> {
        let (sign, order) = if newer { (">", "ASC") } else { ("<", "DESC") };
        let sql = format!(
            "{SELECT_ROW} WHERE conversation = ?1 AND alone AND (at, row) {sign} (?2, ?3) ORDER BY at {order}, row {order} LIMIT ?4"
        );
        let work = || -> rusqlite::Result<Vec<Row>> {
            let mut statement = self.db.prepare_cached(&sql)?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let (at, row) = (beyond.0.get(), i64::try_from(beyond.1).unwrap_or(i64::MAX));
            statement
                .query_map(
                    params![conversation.cast_signed(), at, row, limit],
                    read_row,
                )?
                .collect()
        };
        work().map_err(|source| self.database(source))
    }

    /// What refers to events of a conversation, each with the event's number in `targets`; replies are
    /// not among it.
    pub(crate) fn referring(
        &self,
        conversation: u64,
        targets: &[&str],
    ) -> Result<Vec<(usize, Row)>, CatalogueError> {
        // The order of the joins is fixed: without statistics SQLite would begin with all records.
        let sql = "SELECT records.row, record_id, log_index, position, at, kind, \
                   records.conversation, sender, source_id, text, meant.key \
             FROM json_each(?2) AS meant \
             CROSS JOIN links ON links.conversation = ?1 AND links.target = meant.value \
             CROSS JOIN records ON records.row = links.row WHERE NOT links.reply";
        let targets = serde_json::to_string(targets).unwrap_or_default();
        let work = || -> rusqlite::Result<Vec<(usize, Row)>> {
            let mut statement = self.db.prepare_cached(sql)?;
            statement
                .query_map(params![conversation.cast_signed(), targets], |row| {
                    let target: i64 = row.get(10)?;
                    Ok((
                        usize::try_from(target).unwrap_or(usize::MAX),
                        read_row(row)?,
                    ))
                })?
                .collect()
        };
        work().map_err(|source| self.database(source))
    }

    /// The committed parts of the record in `row`, as they were opened. PARTITION-10
    pub(crate) fn parts(&self, row: &Row) -> Result<Vec<Vec<u8>>, CatalogueError> {
        let sql = "SELECT chunks.records, records.place FROM records JOIN chunks USING (chunk) WHERE row = ?1";
        let work = || -> rusqlite::Result<(Vec<u8>, u32)> {
            let mut statement = self.db.prepare_cached(sql)?;
            statement.query_row([row.row.cast_signed()], |found| {
                Ok((found.get(0)?, found.get(1)?))
            })
        };
        let (chunk, place) = work().map_err(|source| self.database(source))?;
        chunk::open(&chunk, place).ok_or(CatalogueError::Parts { record: row.id })
    }

    /// The number of a thing, without reading the dictionary.
    pub(crate) fn number(&self, space: Space, value: &str) -> Result<Option<u64>, CatalogueError> {
        let sql = "SELECT id FROM things WHERE space = ?1 AND value = ?2";
        let work = || -> rusqlite::Result<Option<i64>> {
            let mut statement = self.db.prepare_cached(sql)?;
            statement
                .query_row(params![space as u8, value], |row| row.get(0))
                .optional()
        };
        let found = work().map_err(|source| self.database(source))?;
        Ok(found.map(i64::cast_unsigned))
    }

    /// Calls `each` with the parts of every record, in order of filing.
    pub(crate) fn every(
        &self,
        each: &mut dyn FnMut(Row, Vec<Vec<u8>>),
    ) -> Result<(), CatalogueError> {
        let sql = format!("{SELECT_ROW} ORDER BY row");
        let rows: Vec<Row> = {
            let work = || -> rusqlite::Result<Vec<Row>> {
                self.db.prepare(&sql)?.query_map([], read_row)?.collect()
            };
            work().map_err(|source| self.database(source))?
        };
        for row in rows {
            let parts = self.parts(&row)?;
            each(row, parts);
        }
        Ok(())
    }

    /// All things with their names, for a search by names.
    pub(crate) fn things(&self) -> Result<Vec<Thing>, CatalogueError> {
        let work = || -> rusqlite::Result<Vec<Thing>> {
            let mut things: HashMap<i64, Thing> = self
                .db
                .prepare("SELECT id, space, value FROM things")?
                .query_map([], |row| {
                    let id: i64 = row.get(0)?;
                    Ok((
                        id,
                        Thing {
                            id: id.cast_unsigned(),
                            space: row.get(1)?,
                            value: row.get(2)?,
                            names: Vec::new(),
                        },
                    ))
                })?
                .collect::<rusqlite::Result<_>>()?;
            let mut names = self
                .db
                .prepare("SELECT thing, name FROM names ORDER BY thing, name")?;
            let mut rows = names.query([])?;
            while let Some(row) = rows.next()? {
                if let Some(thing) = things.get_mut(&row.get::<_, i64>(0)?) {
                    thing.names.push(row.get(1)?);
                }
            }
            let mut things: Vec<Thing> = things.into_values().collect();
            things.sort_by_key(|thing| thing.id);
            Ok(things)
        };
        work().map_err(|source| self.database(source))
    }

    /// Rosters that have a participant as member.
    pub(crate) fn rosters(&self) -> Result<HashMap<u64, Vec<u64>>, CatalogueError> {
        let work = || -> rusqlite::Result<HashMap<u64, Vec<u64>>> {
            let mut of: HashMap<u64, Vec<u64>> = HashMap::new();
            let mut statement = self.db.prepare("SELECT participant, roster FROM members")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let (participant, roster): (i64, i64) = (row.get(0)?, row.get(1)?);
                of.entry(participant.cast_unsigned())
                    .or_default()
                    .push(roster.cast_unsigned());
            }
            Ok(of)
        };
        work().map_err(|source| self.database(source))
    }

    /// Rosters that records here name and whose members are not known here. PARTITION-13
    pub(crate) fn unknown_rosters(&self) -> Result<Vec<RecordId>, CatalogueError> {
        let sql = "SELECT value FROM things WHERE space = ?1 \
             AND NOT EXISTS (SELECT 1 FROM members WHERE roster = things.id)";
        let work = || -> rusqlite::Result<Vec<String>> {
            self.db
                .prepare(sql)?
                .query_map([Space::Roster as u8], |row| row.get(0))?
                .collect()
        };
        let ids = work().map_err(|source| self.database(source))?;
        Ok(ids.iter().filter_map(|id| id.parse().ok()).collect())
    }

    /// Members of a roster with their names, as far as they are known here.
    pub(crate) fn members(&self, roster: &RecordId) -> Result<Vec<Somebody>, CatalogueError> {
        let sql = "SELECT member.id, member.value FROM things AS roster \
             JOIN members ON members.roster = roster.id \
             JOIN things AS member ON member.id = members.participant \
             WHERE roster.space = ?1 AND roster.value = ?2 ORDER BY member.value";
        let work = || -> rusqlite::Result<Vec<Somebody>> {
            let mut members = self.db.prepare_cached(sql)?;
            let mut names = self
                .db
                .prepare_cached("SELECT name FROM names WHERE thing = ?1 ORDER BY name")?;
            let mut rows = members.query(params![Space::Roster as u8, roster.to_string()])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                let id: i64 = row.get(0)?;
                found.push(Somebody {
                    id: row.get(1)?,
                    names: names
                        .query_map([id], |row| row.get(0))?
                        .collect::<rusqlite::Result<_>>()?,
                });
            }
            Ok(found)
        };
        work().map_err(|source| self.database(source))
    }

    /// Whether the records that this entry carried are filed here.
    pub(crate) fn has_carried(&self, entry: LogIndex) -> Result<bool, CatalogueError> {
        let sql = "SELECT count(*) FROM carried WHERE log_index = ?1";
        let work = || -> rusqlite::Result<i64> {
            self.db
                .prepare_cached(sql)?
                .query_row([entry.get().cast_signed()], |row| row.get(0))
        };
        let found = work().map_err(|source| self.database(source))?;
        Ok(found > 0)
    }

    /// Recorded losses: the row of each with its interval.
    pub(crate) fn losses(&self) -> Result<Vec<Row>, CatalogueError> {
        let sql = format!("{SELECT_ROW} WHERE row IN (SELECT row FROM losses) ORDER BY at, row");
        let work = || -> rusqlite::Result<Vec<Row>> {
            self.db.prepare(&sql)?.query_map([], read_row)?.collect()
        };
        work().map_err(|source| self.database(source))
    }
}

/// A thing of the dictionary.
pub(crate) struct Thing {
    pub(crate) id: u64,
    pub(crate) space: u8,
    pub(crate) value: String,
    pub(crate) names: Vec<String>,
}

const SELECT_ROW: &str = "SELECT row, record_id, log_index, position, at, kind, conversation, sender, source_id, text FROM records";

fn read_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    let code: u8 = row.get(5)?;
    Ok(Row {
        row: row.get::<_, i64>(0)?.cast_unsigned(),
        id: RecordId::from_bytes(row.get(1)?),
        index: LogIndex::new(row.get::<_, i64>(2)?.cast_unsigned()),
        position: row.get(3)?,
        at: Milliseconds::new(row.get(4)?),
        kind: Kind::all()
            .get(usize::from(code))
            .copied()
            .unwrap_or(Kind::Unknown),
        conversation: row.get::<_, i64>(6)?.cast_unsigned(),
        sender: row.get::<_, i64>(7)?.cast_unsigned(),
        source_id: row.get(8)?,
        text: row.get(9)?,
    })
}
