//! Writing to the catalogue: one transaction from commit to commit.

use std::collections::{HashMap, HashSet};

use record::{Kind, Milliseconds, RecordId};
use rusqlite::params;
use tlog::LogIndex;

use super::catalogue::{Catalogue, CatalogueError, Space, State};
use super::chunk;
use super::directory::Generation;
use super::filing::{Filed, Filing, Somebody};
use super::index::Numbers;

/// Kinds of things ([`Space`]).
const SPACES: usize = 6;

/// The catalogue with a transaction open, and what it has read once.
pub(crate) struct Writing {
    catalogue: Catalogue,
    /// By space, then by value.
    things: [HashMap<String, u64>; SPACES],
    rosters: HashMap<RecordId, u64>,
    /// Names that the catalogue has, by thing, so that each is written once.
    names: HashMap<u64, HashSet<String>>,
    /// Where the name of a record's conversation is put together.
    key: String,
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
            things: Default::default(),
            rosters: HashMap::new(),
            names: HashMap::new(),
            key: String::new(),
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
        self.pending.clear();
        let work = || {
            self.catalogue.db.query_row(
                "SELECT coalesce(max(chunk), 0) + 1 FROM chunks",
                [],
                |row| row.get(0),
            )
        };
        self.next_chunk = work().map_err(|source| self.catalogue.database(source))?;
        self.things.iter_mut().for_each(HashMap::clear);
        self.rosters.clear();
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
            if !thing.names.is_empty() {
                self.names.entry(id).or_default().extend(thing.names);
            }
            if let Some(things) = self.things.get_mut(space as usize) {
                things.insert(thing.value, id);
            }
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
        let conversation = self.conversation(filed)?;
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
        // Nearly every record names one, and nearly always one that was named before.
        if let (Some(roster), true) = (self.rosters.get(&id), filed.members.is_empty()) {
            return Ok(Some(*roster));
        }
        let value = id.to_string();
        let known = self.known(Space::Roster, &value).is_some();
        let roster = self.thing(Space::Roster, &value, &[])?;
        self.rosters.insert(id, roster);
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
        self.members(roster, &members)?;
        Ok(Some(roster))
    }

    /// Takes over what a roster of another partition says: members, and the conversation's title.
    /// PARTITION-13
    pub(crate) fn learn(&mut self, roster: &Filed) -> Result<(), CatalogueError> {
        self.begin()?;
        let number = self.thing(Space::Roster, &roster.id.to_string(), &[])?;
        let members = self.people(&roster.members)?;
        self.members(number, &members)?;
        self.conversation(roster)?;
        Ok(())
    }

    /// Notes that the records which this entry carried are filed here. PARTITION-14
    pub(crate) fn carried(&mut self, entry: LogIndex) -> Result<(), CatalogueError> {
        self.begin()?;
        self.catalogue
            .db
            .prepare_cached("INSERT OR IGNORE INTO carried VALUES (?1)")
            .and_then(|mut statement| statement.execute([entry.get().cast_signed()]))
            .map(drop)
            .map_err(|source| self.catalogue.database(source))
    }

    fn members(&self, roster: u64, members: &[u64]) -> Result<(), CatalogueError> {
        for member in members {
            self.catalogue
                .db
                .prepare_cached("INSERT OR IGNORE INTO members VALUES (?1, ?2)")
                .and_then(|mut statement| {
                    statement.execute([roster.cast_signed(), member.cast_signed()])
                })
                .map_err(|source| self.catalogue.database(source))?;
        }
        Ok(())
    }

    fn people(&mut self, people: &[Somebody]) -> Result<Vec<u64>, CatalogueError> {
        people
            .iter()
            .map(|one| self.thing(Space::Participant, &one.id, &one.names))
            .collect()
    }

    fn conversation(&mut self, filed: &Filed) -> Result<u64, CatalogueError> {
        let mut key = std::mem::take(&mut self.key);
        key.clear();
        for (at, part) in [&filed.network, &filed.account, &filed.conversation]
            .into_iter()
            .enumerate()
        {
            if at > 0 {
                key.push('\0');
            }
            key.push_str(part);
        }
        let number = self.thing(Space::Conversation, &key, &filed.titles);
        self.key = key;
        number
    }

    fn known(&self, space: Space, value: &str) -> Option<u64> {
        self.things.get(space as usize)?.get(value).copied()
    }

    /// The number of a thing; new names are noted.
    fn thing(
        &mut self,
        space: Space,
        value: &str,
        names: &[String],
    ) -> Result<u64, CatalogueError> {
        let id = match self.known(space, value) {
            Some(id) => id,
            None => {
                let db = &self.catalogue.db;
                db.prepare_cached("INSERT INTO things (space, value) VALUES (?1, ?2)")
                    .and_then(|mut statement| statement.execute(params![space as u8, value]))
                    .map_err(|source| self.catalogue.database(source))?;
                let id = db.last_insert_rowid().cast_unsigned();
                if let Some(things) = self.things.get_mut(space as usize) {
                    things.insert(value.to_owned(), id);
                }
                id
            }
        };
        for name in names {
            let known = self.names.entry(id).or_default();
            if known.contains(name) {
                continue;
            }
            known.insert(name.clone());
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
