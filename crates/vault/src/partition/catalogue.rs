//! The catalogue: rows of records, names of things, references, the records' own parts.
//!
//! Crash argument: everything that one commit of the partition takes over stands in one transaction,
//! the last filed log index and the index's generation included (PARTITION-6).

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use record::{Kind, Milliseconds, RecordId};
use rusqlite::{Connection, OptionalExtension, params};
use tlog::LogIndex;
use zeroize::Zeroizing;

use super::directory::Generation;
use super::filing::{Filed, Filing, Somebody};
use super::index::Numbers;
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
    db: Connection,
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
        db.execute_batch(&format!(
            "PRAGMA cipher_memory_security = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -{};
             PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = OFF; PRAGMA busy_timeout = 10000;",
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

    /// Writes the state; inside a transaction of [`Writing`].
    fn set_state(&self, state: &State) -> Result<(), CatalogueError> {
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
        let sql = "SELECT records.row, record_id, log_index, position, at, kind, records.conversation, sender, source_id, text, meant.key \
             FROM json_each(?2) AS meant \
             JOIN links ON links.conversation = ?1 AND links.target = meant.value AND NOT links.reply \
             JOIN records ON records.row = links.row";
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

/// The catalogue with a transaction open, and what it has read once.
pub(crate) struct Writing {
    catalogue: Catalogue,
    things: HashMap<(Space, String), u64>,
    /// Names that the catalogue has, so that each is written once.
    names: HashSet<(u64, String)>,
    state: State,
    next_row: u64,
    next_chunk: i64,
    pending: chunk::Pending,
    open: bool,
}

impl Writing {
    pub(crate) fn new(catalogue: Catalogue) -> Result<Self, CatalogueError> {
        let mut writing = Self {
            catalogue,
            things: HashMap::new(),
            names: HashSet::new(),
            state: State::default(),
            next_row: 1,
            next_chunk: 1,
            pending: chunk::Pending::default(),
            open: false,
        };
        writing.read()?;
        Ok(writing)
    }

    fn read(&mut self) -> Result<(), CatalogueError> {
        self.state = self.catalogue.state()?;
        self.next_row = self.state.records + 1;
        self.pending = chunk::Pending::default();
        let work = || {
            self.catalogue.db.query_row(
                "SELECT coalesce(max(chunk), 0) + 1 FROM chunks",
                [],
                |row| row.get(0),
            )
        };
        self.next_chunk = work().map_err(|source| self.catalogue.database(source))?;
        self.things.clear();
        self.names.clear();
        for thing in self.catalogue.things()? {
            let space = match thing.space {
                0 => Space::Network,
                1 => Space::Account,
                2 => Space::Custodian,
                3 => Space::Conversation,
                4 => Space::Participant,
                _ => Space::Roster,
            };
            let id = thing.id;
            self.names
                .extend(thing.names.into_iter().map(|name| (id, name)));
            self.things.insert((space, thing.value), id);
        }
        Ok(())
    }

    fn begin(&mut self) -> Result<(), CatalogueError> {
        if !self.open {
            self.run("BEGIN IMMEDIATE")?;
            self.open = true;
        }
        Ok(())
    }

    fn run(&self, sql: &str) -> Result<(), CatalogueError> {
        self.catalogue
            .db
            .execute_batch(sql)
            .map_err(|source| self.catalogue.database(source))
    }

    /// Inserts one record; `None` if it is there already. PARTITION-8
    pub(crate) fn insert(
        &mut self,
        filing: &Filing<'_>,
        filed: &Filed,
    ) -> Result<Option<Numbers>, CatalogueError> {
        self.begin()?;
        let network = self.thing(Space::Network, &filed.network, &[])?;
        let account = self.thing(Space::Account, &filed.account, &[])?;
        let custodian = self.thing(Space::Custodian, &filed.custodian, &[])?;
        let key = format!(
            "{}\0{}\0{}",
            filed.network, filed.account, filed.conversation
        );
        let conversation = self.thing(Space::Conversation, &key, &filed.titles)?;
        let authors = self.people(&filed.authors)?;
        let recipients = self.people(&filed.recipients)?;
        let sender = authors.first().copied().unwrap_or(0);
        let sql = "INSERT OR IGNORE INTO records VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)";
        let inserted = self
            .catalogue
            .db
            .prepare_cached(sql)
            .and_then(|mut statement| {
                statement.execute(params![
                    self.next_row.cast_signed(),
                    filed.id.as_bytes().as_slice(),
                    filing.index.get().cast_signed(),
                    filing.position,
                    filing.admitted_at.get(),
                    filed.at.get(),
                    filed.captured.get(),
                    conversation.cast_signed(),
                    custodian.cast_signed(),
                    sender.cast_signed(),
                    filed.kind.code(),
                    filed.direction.code(),
                    filed.features,
                    filed.stands_alone(),
                    self.next_chunk,
                    self.pending.len(),
                    filed.source_id,
                    filed.text,
                ])
            })
            .map_err(|source| self.catalogue.database(source))?;
        if inserted == 0 {
            return Ok(None);
        }
        let row = self.next_row;
        self.next_row += 1;
        self.state.records += 1;
        let (earliest, latest) = self.state.range.unwrap_or((filed.at, filed.at));
        self.state.range = Some((earliest.min(filed.at), latest.max(filed.at)));
        self.pending.push(filing.parts);
        if self.pending.is_full() {
            self.flush()?;
        }
        self.details(row, conversation, filing, filed)?;
        let roster = self.roster(filing, filed)?;
        Ok(Some(Numbers {
            row,
            network,
            account,
            custodian,
            conversation,
            authors,
            recipients,
            roster,
        }))
    }

    fn details(
        &self,
        row: u64,
        conversation: u64,
        filing: &Filing<'_>,
        filed: &Filed,
    ) -> Result<(), CatalogueError> {
        let work = || -> rusqlite::Result<()> {
            let db = &self.catalogue.db;
            for link in &filed.links {
                db.prepare_cached("INSERT OR IGNORE INTO links VALUES (?1, ?2, ?3, ?4)")?
                    .execute(params![
                        conversation.cast_signed(),
                        link.target,
                        row.cast_signed(),
                        link.reply
                    ])?;
            }
            for (number, attachment) in filing.record.attachments().iter().enumerate() {
                let object = filing.objects.get(number).copied().flatten();
                let media_type = attachment
                    .sniffed_type
                    .as_ref()
                    .or(attachment.declared_type.as_ref());
                db.prepare_cached("INSERT INTO attachments VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
                    .execute(params![
                        row.cast_signed(),
                        i64::try_from(number).unwrap_or(i64::MAX),
                        attachment.name,
                        media_type,
                        attachment.size.cast_signed(),
                        object.map(|hash| hash.to_vec()),
                    ])?;
            }
            if let record::Content::Loss(loss) = &filing.record.body().content {
                db.prepare_cached("INSERT INTO losses VALUES (?1, ?2, ?3, ?4, ?5)")?
                    .execute(params![
                        row.cast_signed(),
                        loss.why.code(),
                        loss.from.map(Milliseconds::get),
                        loss.to.map(Milliseconds::get),
                        loss.count.map(u64::cast_signed),
                    ])?;
            }
            Ok(())
        };
        work().map_err(|source| self.catalogue.database(source))
    }

    /// The roster in force, or the one that the record itself is; its members are noted once.
    fn roster(
        &mut self,
        filing: &Filing<'_>,
        filed: &Filed,
    ) -> Result<Option<u64>, CatalogueError> {
        let own = (filed.kind == Kind::Roster).then_some(filed.id);
        let Some(id) = own.or(filed.roster) else {
            return Ok(None);
        };
        let value = id.to_string();
        let known = self.things.contains_key(&(Space::Roster, value.clone()));
        let roster = self.thing(Space::Roster, &value, &[])?;
        let mut members = self.people(&filed.members)?;
        if !known {
            for member in filing.members {
                let names = member
                    .aliases
                    .iter()
                    .map(|alias| alias.name.clone())
                    .collect();
                members.extend(self.people(&[Somebody {
                    id: member.id.as_str().to_owned(),
                    names,
                }])?);
            }
        }
        for member in members {
            self.catalogue
                .db
                .prepare_cached("INSERT OR IGNORE INTO members VALUES (?1, ?2)")
                .and_then(|mut statement| {
                    statement.execute([roster.cast_signed(), member.cast_signed()])
                })
                .map_err(|source| self.catalogue.database(source))?;
        }
        Ok(Some(roster))
    }

    fn people(&mut self, people: &[Somebody]) -> Result<Vec<u64>, CatalogueError> {
        people
            .iter()
            .map(|one| self.thing(Space::Participant, &one.id, &one.names))
            .collect()
    }

    /// The number of a thing; new names are noted.
    fn thing(
        &mut self,
        space: Space,
        value: &str,
        names: &[String],
    ) -> Result<u64, CatalogueError> {
        let key = (space, value.to_owned());
        let id = match self.things.get(&key) {
            Some(id) => *id,
            None => {
                let db = &self.catalogue.db;
                db.prepare_cached("INSERT INTO things (space, value) VALUES (?1, ?2)")
                    .and_then(|mut statement| statement.execute(params![space as u8, value]))
                    .map_err(|source| self.catalogue.database(source))?;
                let id = db.last_insert_rowid().cast_unsigned();
                self.things.insert(key, id);
                id
            }
        };
        for name in names {
            if !self.names.insert((id, name.clone())) {
                continue;
            }
            self.catalogue
                .db
                .prepare_cached("INSERT OR IGNORE INTO names VALUES (?1, ?2)")
                .and_then(|mut statement| statement.execute(params![id.cast_signed(), name]))
                .map_err(|source| self.catalogue.database(source))?;
        }
        Ok(id)
    }

    /// Writes the parts that wait for their chunk.
    pub(crate) fn flush(&mut self) -> Result<(), CatalogueError> {
        let Some(bytes) = self.pending.seal() else {
            return Ok(());
        };
        let sql = "INSERT INTO chunks VALUES (?1, ?2)";
        self.catalogue
            .db
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(params![self.next_chunk, bytes]))
            .map_err(|source| self.catalogue.database(source))?;
        self.next_chunk += 1;
        Ok(())
    }

    /// Makes rows, last filed index and generation durable together. PARTITION-6 (3)
    pub(crate) fn commit(
        &mut self,
        through: LogIndex,
        generation: Option<Generation>,
    ) -> Result<State, CatalogueError> {
        self.begin()?;
        self.flush()?;
        self.state.last_filed = self.state.last_filed.max(Some(through));
        self.state.generation = generation;
        self.catalogue.set_state(&self.state)?;
        self.run("COMMIT")?;
        self.open = false;
        Ok(self.state)
    }

    /// Writes another list of segments for the same records.
    pub(crate) fn settle(&mut self, generation: Generation) -> Result<State, CatalogueError> {
        self.begin()?;
        self.state.generation = Some(generation);
        self.catalogue.set_state(&self.state)?;
        self.run("COMMIT")?;
        self.open = false;
        Ok(self.state)
    }

    /// Forgets what was inserted since the last commit.
    pub(crate) fn abort(&mut self) -> Result<(), CatalogueError> {
        if self.open {
            self.run("ROLLBACK")?;
            self.open = false;
        }
        self.read()
    }
}
