//! From a question to its answer. Whoever answers with content has recorded the look before (ROOM-4).

use std::io::Read;

use canonical::hex;
use jiff::tz::TimeZone;
use record::{Participant, RecordId, Time};
use seal::{OpenedRecord, open_acts};
use wire::verify::VerifiedEntry;
use wire::{Entry, Kind, RecordPosition};
use zeroize::Zeroizing;

use crate::audit::AuditError;
use crate::follow::report;
use crate::partition::{Filed, Nobody, Row};
use crate::prove::{Choice, prove};
use crate::search::conversation::{self, ConversationKey, Place};
use crate::search::{Ask as SearchAsk, Cursor, Facet, Order, Query, SearchError};
use crate::system::now;
use crate::watch;

use super::carried::Opened;
use super::desk::Desk;
use super::directory::Directory;
use super::filing::{MAX_BATCH, object_of};
use super::protocol::{
    Answer, Ask, CarriedBy, File, Found, Hit, Item, Looked, Page, Provenance, Request, Shown,
    Somebody,
};

/// Fewest digits of a record id that may stand for the whole.
const LEAST_DIGITS: usize = 8;
/// Most hits of one answer.
const MAX_HITS: u32 = 1_000;
/// Most items of one page.
const MAX_ITEMS: u32 = 200;

/// What goes back to the client.
pub(crate) enum Reply {
    /// One message.
    Answer(Answer),
    /// A message and the bytes behind it.
    Bytes(Answer, Bytes),
    /// One message, then the room ends.
    End(Answer),
}

/// Bytes that follow a message.
pub(crate) enum Bytes {
    /// All of them.
    Whole(Zeroizing<Vec<u8>>),
    /// An attachment's sealed stream, opened on the way.
    Stream(Box<seal::StreamOpener>, std::fs::File),
}

/// Where a record stands.
struct Located {
    /// The epoch in whose partition it is filed.
    epoch: wire::EpochId,
    row: Row,
    /// The entry in which it was sealed first.
    entry: VerifiedEntry,
    /// The entry that carried it into this partition.
    carry: Option<VerifiedEntry>,
}

/// What a partition knows of a record's conversation.
struct KnownHere {
    members: Vec<crate::partition::Somebody>,
    title: Option<String>,
}

/// Why a question is not answered.
pub(crate) struct Trouble {
    code: &'static str,
    why: String,
    span: Option<(usize, usize)>,
}

impl Desk {
    /// Answers one request.
    pub(crate) fn answer(&self, request: Request) -> Reply {
        self.touch();
        let who = request.who.as_str();
        let answered = match request.ask {
            Ask::Search {
                query,
                limit,
                after,
                order,
                facets,
                zone,
            } => self.search(who, &query, limit, after.as_deref(), &order, facets, &zone),
            Ask::Show {
                record,
                before,
                after,
            } => self.show(who, &record, before, after),
            Ask::Conversation {
                network,
                account,
                conversation,
                before,
                limit,
            } => {
                let key = ConversationKey {
                    network,
                    account,
                    conversation,
                };
                self.page(who, &key, before.as_deref(), limit)
            }
            Ask::People => self.list_people(who),
            Ask::ImportPeople { csv } => self.import_people(who, &csv),
            Ask::PutPerson { id, name } => self.change_people(who, "put-person", |desk| {
                desk.people().put(&id, &name).map(drop)
            }),
            Ask::BindAccount { id, account } => self.change_people(who, "bind-account", |desk| {
                desk.people().bind(&id, &account).map(drop)
            }),
            Ask::Gaps => self.gaps(who),
            Ask::Prove {
                record,
                show,
                attachments,
            } => {
                return self
                    .prove(who, &record, &show, &attachments)
                    .unwrap_or_else(problem);
            }
            Ask::Original { record } => {
                return self.original(who, &record).unwrap_or_else(problem);
            }
            Ask::Attachment { record, index } => {
                return self.attachment(who, &record, index).unwrap_or_else(problem);
            }
            Ask::Audit { limit } => self.looks(who, limit),
            Ask::Office => self.office(who),
            Ask::Filed { through } => {
                self.wait_filed(through);
                Ok(Answer::Status(self.status()))
            }
            Ask::Status => Ok(Answer::Status(self.status())),
            Ask::Rebuild => {
                self.rebuild();
                Ok(Answer::Status(self.status()))
            }
            Ask::Lock => return Reply::End(Answer::Done),
        };
        answered.map_or_else(problem, Reply::Answer)
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of one request")]
    fn search(
        &self,
        who: &str,
        text: &str,
        limit: u32,
        after: Option<&str>,
        order: &str,
        facets: bool,
        zone: &str,
    ) -> Result<Answer, Trouble> {
        let zone = match zone {
            "" => TimeZone::UTC,
            name => TimeZone::get(name).map_err(|_| {
                Trouble::request(format!(
                    "{name} is no time zone; use a name as in Europe/Paris"
                ))
            })?,
        };
        let query = Query::parse(text, &zone).map_err(|error| Trouble {
            code: "query",
            why: error.to_string(),
            span: Some((error.span.start, error.span.end)),
        })?;
        let after = match after {
            None => None,
            Some(cursor) => Some(Cursor::from_text(cursor).ok_or_else(|| {
                Trouble::request("this is no cursor of an earlier answer".to_owned())
            })?),
        };
        let ask = SearchAsk {
            order: match order {
                "oldest" => Order::Oldest,
                "relevance" => Order::Relevance,
                _ => Order::Newest,
            },
            limit: usize::try_from(limit.min(MAX_HITS)).unwrap_or(0),
            after,
            facets,
            zone,
            ..SearchAsk::default()
        };
        // The searcher is given back before a damaged partition is taken out of it.
        let found = {
            self.searcher()
                .search(&query, &ask, self.directory().as_ref())
        };
        let found = found.map_err(|error| self.damaged(&error))?;
        let records = found.hits.iter().map(|hit| hit.record).collect();
        let facts = vec![
            ("query".to_owned(), cut(text, 4_000)),
            ("hits".to_owned(), found.total.to_string()),
        ];
        self.look(who, "search", facts, records)?;
        let counts = |name: &str, facets: &[Facet]| {
            let rows = facets
                .iter()
                .map(|facet| (facet.value.clone(), facet.name.clone(), facet.count));
            (name.to_owned(), rows.collect::<Vec<_>>())
        };
        let facets = found.facets.as_ref().map_or_else(Vec::new, |facets| {
            vec![
                counts("network", &facets.networks),
                counts("conversation", &facets.conversations),
                counts("sender", &facets.senders),
                counts("kind", &facets.kinds),
                counts("month", &facets.months),
            ]
        });
        Ok(Answer::Found(Found {
            total: found.total,
            hits: found
                .hits
                .into_iter()
                .map(|hit| Hit {
                    record: hit.record.to_string(),
                    at: hit.at.get(),
                    kind: hit.kind.name().to_owned(),
                    conversation: (
                        hit.conversation.network,
                        hit.conversation.account,
                        hit.conversation.conversation,
                    ),
                    title: hit.title,
                    sender: hit.sender,
                    sender_name: hit.sender_name,
                    text: hit.excerpt.text,
                    highlights: hit
                        .excerpt
                        .highlights
                        .into_iter()
                        .map(|range| (range.start, range.end))
                        .collect(),
                    place: (hit.index.get(), hit.position),
                })
                .collect(),
            next: found.next.map(|cursor| cursor.to_text()),
            facets,
        }))
    }

    fn show(&self, who: &str, record: &str, before: u32, after: u32) -> Result<Answer, Trouble> {
        let id = self.record_id(record)?;
        let located = self.locate(&id)?;
        let opened = self.opened(&located)?;
        let shown = read(&opened, &located.row)?;
        let span = |items: u32| usize::try_from(items.min(MAX_ITEMS)).unwrap_or(0);
        let around = { conversation::around(&self.searcher(), &id, span(before), span(after)) };
        let around = around.map_err(|error| self.damaged(&error))?;
        let around = page(around);
        let mut looked = ids(&around.items);
        looked.push(id);
        self.look(who, "show", Vec::new(), looked)?;
        let shown = self.shown(&located, &shown, around)?;
        Ok(Answer::Shown(Box::new(shown)))
    }

    fn shown(
        &self,
        located: &Located,
        opened: &OpenedRecord<'_>,
        around: Page,
    ) -> Result<Shown, Trouble> {
        let record = opened.record();
        let (envelope, participants) = (record.envelope(), record.participants());
        let directory = self.directory();
        let at = envelope.times().best().at.get();
        let network = envelope.network().as_str();
        let somebody = |participant: &Participant| named(participant, &directory, network, at);
        let filed = Filed::of(record, &Nobody);
        let times = envelope.times();
        let provenance = opened.provenance();
        let mut list = Vec::new();
        for (name, time) in [
            ("sent", times.sent),
            ("server", times.server),
            ("received", times.received),
            ("captured", Some(times.captured)),
        ] {
            if let Some(Time { at, offset }) = time {
                list.push((name.to_owned(), at.get(), offset.map(|offset| offset.get())));
            }
        }
        let known = self.known(located, record)?;
        let members = known.members.into_iter().map(|member| {
            let found = directory.at(network, &member.id, &member.names, at);
            with_persons(member.id, member.names, found)
        });
        Ok(Shown {
            record: record.id().to_string(),
            conversation: (
                filed.network.clone(),
                filed.account.clone(),
                filed.conversation.clone(),
            ),
            title: participants.conversation.title.clone().or(known.title),
            kind: record.kind().name().to_owned(),
            direction: envelope.direction().name().to_owned(),
            assurance: envelope.assurance().name().to_owned(),
            mode: envelope.mode().name().to_owned(),
            source: envelope.connector().as_str().to_owned(),
            times: list,
            authors: participants
                .sender
                .iter()
                .chain(&participants.on_behalf_of)
                .map(somebody)
                .collect(),
            recipients: participants.recipients.iter().map(somebody).collect(),
            members: members.collect(),
            text: filed.text.replace(crate::search::words::BREAK, "\n"),
            fields: record
                .body()
                .fields
                .iter()
                .map(|field| (field.name.clone(), field.value.clone()))
                .collect(),
            attachments: opened
                .attachments()
                .iter()
                .map(|sealed| File {
                    name: sealed.attachment.name.clone(),
                    media_type: sealed
                        .attachment
                        .declared_type
                        .clone()
                        .or_else(|| sealed.attachment.sniffed_type.clone()),
                    size: sealed.attachment.size,
                    sha256: hex(sealed.attachment.sha256.as_bytes()),
                    has_bytes: sealed
                        .stream
                        .as_ref()
                        .is_some_and(|stream| self.mirror().object_path(stream.object).exists()),
                })
                .collect(),
            original: record.original().map(|original| {
                let length = match &original.content {
                    record::OriginalContent::Inline(bytes) => bytes.len() as u64,
                    record::OriginalContent::Attached(index) => usize::try_from(index.get())
                        .ok()
                        .and_then(|at| record.attachments().get(at))
                        .map_or(0, |attachment| attachment.size),
                };
                (original.media_type.clone(), length)
            }),
            provenance: Provenance {
                index: provenance.index.get(),
                position: opened.position().get(),
                admitted_at: provenance.admitted_at.time().get(),
                entry: provenance.entry.to_string(),
                signer: provenance.signer.to_string(),
                epoch: provenance.epoch.to_string(),
                witnessed: located.entry.witnessed(),
                carried: self.carried_by(located, opened.position()),
            },
            around,
        })
    }

    /// What the record's partition knows of its conversation.
    fn known(&self, located: &Located, record: &record::Record) -> Result<KnownHere, Trouble> {
        let failed = |error: crate::partition::CatalogueError| Trouble::failed(&error);
        let partition = self.partition(located.epoch).ok_or_else(|| {
            Trouble::not_found("the partition of this record is being made again")
        })?;
        let roster = match record.kind() {
            record::Kind::Roster => Some(record.id()),
            _ => record.envelope().roster(),
        };
        let members = match roster {
            Some(roster) => partition.members(&roster).map_err(failed)?,
            None => Vec::new(),
        };
        let names = partition.names().map_err(failed)?;
        let title = names.shown(located.row.conversation).map(str::to_owned);
        let id = record.envelope().conversation().as_str();
        Ok(KnownHere {
            members,
            title: title.filter(|title| title != id),
        })
    }

    fn carried_by(&self, located: &Located, position: RecordPosition) -> Option<CarriedBy> {
        let entry = located
            .carry
            .clone()
            .or_else(|| self.last_carry(located.row.index.get(), position))?;
        let wire::Body::Carry(head) = entry.entry().body() else {
            return None;
        };
        Some(CarriedBy {
            index: entry.index().get(),
            admitted_at: entry.admitted_at().time().get(),
            entry: entry.entry().id().to_string(),
            epoch: head.epoch.to_string(),
            opened_from: located.carry.is_some(),
        })
    }

    fn page(
        &self,
        who: &str,
        key: &ConversationKey,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Answer, Trouble> {
        let from = match before {
            None => conversation::From::Newest,
            Some(record) => {
                let id = self.record_id(record)?;
                let (partition, row) = self.row(&id)?;
                conversation::From::Before(Place {
                    at: row.at,
                    partition,
                    row: row.row,
                })
            }
        };
        let limit = usize::try_from(limit.min(MAX_ITEMS)).unwrap_or(0);
        let found = { conversation::page(&self.searcher(), key, from, limit) };
        let found = found.map_err(|error| self.damaged(&error))?;
        let found = page(found);
        self.look(who, "conversation", Vec::new(), ids(&found.items))?;
        Ok(Answer::Page(found))
    }

    fn list_people(&self, who: &str) -> Result<Answer, Trouble> {
        let persons = self
            .people()
            .list()
            .map_err(|error| Trouble::failed(&error))?;
        self.look(who, "people", Vec::new(), Vec::new())?;
        Ok(Answer::People(persons))
    }

    fn import_people(&self, who: &str, csv: &str) -> Result<Answer, Trouble> {
        self.look(who, "import-people", Vec::new(), Vec::new())?;
        let imported = self
            .people()
            .import(csv.as_bytes())
            .map_err(|error| Trouble::failed(&error))?;
        self.people_changed()
            .map_err(|error| Trouble::failed(&error))?;
        Ok(Answer::Imported(imported))
    }

    fn change_people(
        &self,
        who: &str,
        what: &'static str,
        change: impl FnOnce(&Self) -> Result<(), crate::people::PeopleError>,
    ) -> Result<Answer, Trouble> {
        self.look(who, what, Vec::new(), Vec::new())?;
        change(self).map_err(|error| Trouble::failed(&error))?;
        self.people_changed()
            .map_err(|error| Trouble::failed(&error))?;
        Ok(Answer::Done)
    }

    fn gaps(&self, who: &str) -> Result<Answer, Trouble> {
        let (gaps, problems) = {
            let state = self.state();
            let gaps = watch::gaps(&state, now()).map_err(|error| Trouble::failed(&error))?;
            (
                gaps,
                state.problems().map_err(|error| Trouble::failed(&error))?,
            )
        };
        let mut losses = Vec::new();
        for shelf in self.searcher().shelves() {
            let partition = shelf.partition().map_err(|error| Trouble::failed(&error))?;
            for row in partition
                .losses()
                .map_err(|error| Trouble::failed(&error))?
            {
                losses.push(Item {
                    record: row.id.to_string(),
                    at: row.at.get(),
                    kind: row.kind.name().to_owned(),
                    sender: None,
                    sender_name: None,
                    text: row.text.replace(crate::search::words::BREAK, "\n"),
                    referring: Vec::new(),
                });
            }
        }
        losses.sort_by_key(|loss| loss.at);
        self.look(who, "gaps", Vec::new(), ids(&losses))?;
        Ok(Answer::Gaps {
            gaps,
            losses,
            problems,
        })
    }

    fn prove(
        &self,
        who: &str,
        record: &str,
        show: &[String],
        attachments: &[u32],
    ) -> Result<Reply, Trouble> {
        let id = self.record_id(record)?;
        let choice =
            Choice::parse(show, attachments).map_err(|error| Trouble::request(report(&error)))?;
        let located = self.locate(&id)?;
        let opened = self.opened(&located)?;
        let opened = read(&opened, &located.row)?;
        let checkpoint = self
            .checkpoint()
            .ok_or_else(|| Trouble::not_found("there is no checkpoint yet"))?;
        let control = self.control();
        let control: Vec<&VerifiedEntry> = control.iter().collect();
        let proof = prove(
            self.genesis(),
            self.mirror(),
            &checkpoint,
            &located.entry,
            &opened,
            &control,
            &choice,
        )
        .map_err(|error| Trouble::failed(&error))?;
        let facts = vec![("shown".to_owned(), cut(&show.join(" "), 4_000))];
        self.look(who, "prove", facts, vec![id])?;
        let answer = Answer::Bytes {
            name: Some(format!(
                "{}.{}",
                record.get(..16).unwrap_or(record),
                wire::proof_file::EXTENSION
            )),
            media_type: Some("application/cbor".to_owned()),
            length: proof.len() as u64,
        };
        Ok(Reply::Bytes(answer, Bytes::Whole(Zeroizing::new(proof))))
    }

    fn original(&self, who: &str, record: &str) -> Result<Reply, Trouble> {
        let id = self.record_id(record)?;
        let located = self.locate(&id)?;
        let opened = self.opened(&located)?;
        let opened = read(&opened, &located.row)?;
        let Some(original) = opened.record().original() else {
            return Err(Trouble::not_found("the record has no original bytes"));
        };
        match &original.content {
            record::OriginalContent::Inline(bytes) => {
                let answer = Answer::Bytes {
                    name: None,
                    media_type: Some(original.media_type.clone()),
                    length: bytes.len() as u64,
                };
                let bytes = Zeroizing::new(bytes.clone());
                self.look(who, "original", Vec::new(), vec![id])?;
                Ok(Reply::Bytes(answer, Bytes::Whole(bytes)))
            }
            record::OriginalContent::Attached(index) => {
                self.stream(who, "original", &opened, index.get())
            }
        }
    }

    fn attachment(&self, who: &str, record: &str, index: u32) -> Result<Reply, Trouble> {
        let id = self.record_id(record)?;
        let located = self.locate(&id)?;
        let opened = self.opened(&located)?;
        let opened = read(&opened, &located.row)?;
        self.stream(who, "attachment", &opened, index)
    }

    /// The bytes of one of a record's attachments, opened on the way.
    fn stream(
        &self,
        who: &str,
        what: &'static str,
        opened: &OpenedRecord<'_>,
        index: u32,
    ) -> Result<Reply, Trouble> {
        let id = opened.record().id();
        let sealed = usize::try_from(index)
            .ok()
            .and_then(|at| opened.attachments().get(at))
            .ok_or_else(|| Trouble::not_found("the record has no such attachment"))?;
        let answer = Answer::Bytes {
            name: sealed.attachment.name.clone(),
            media_type: sealed
                .attachment
                .declared_type
                .clone()
                .or_else(|| sealed.attachment.sniffed_type.clone()),
            length: sealed.attachment.size,
        };
        let facts = vec![("attachment".to_owned(), index.to_string())];
        let (Some(stream), Some(opener)) = (&sealed.stream, opened.open_attachment(index)) else {
            self.look(who, what, facts, vec![id])?;
            return Ok(Reply::Bytes(answer, Bytes::Whole(Zeroizing::default())));
        };
        let opener = opener.map_err(|error| Trouble::failed(&error))?;
        let file = self
            .mirror()
            .open_object(stream.object)
            .map_err(|error| Trouble::failed(&error))?
            .ok_or_else(|| Trouble::not_found("the attachment's bytes have not arrived"))?;
        self.look(who, what, facts, vec![id])?;
        Ok(Reply::Bytes(answer, Bytes::Stream(Box::new(opener), file)))
    }

    fn looks(&self, who: &str, limit: u32) -> Result<Answer, Trouble> {
        let mut looks = Vec::new();
        let limit = usize::try_from(limit.min(1_000)).unwrap_or(0);
        for entry in self.newest_looks(limit) {
            let epoch = match entry.entry().body() {
                wire::Body::Audit(head) => head.epoch,
                _ => continue,
            };
            let object = object_of(self.mirror(), &entry, MAX_BATCH).ok().flatten();
            let (Some(key), Some(object)) = (self.keys().governance(epoch), object) else {
                continue;
            };
            let acts = open_acts(&key, &entry, &object).map_err(|error| Trouble::failed(&error))?;
            for event in acts.events().filter_map(Result::ok) {
                looks.push(Looked {
                    at: event.at().get(),
                    who: event.who().to_owned(),
                    what: event.what().to_owned(),
                    facts: event.facts().to_vec(),
                    records: event.records().iter().map(ToString::to_string).collect(),
                    index: Some(entry.index().get()),
                });
            }
        }
        // What waits can not be opened before the log has it: its time and place in the chain show.
        for pending in self
            .outbox()
            .and_then(|outbox| outbox.pending(limit).ok())
            .into_iter()
            .flatten()
        {
            if let Ok(entry) = Entry::parse(&pending.signed.entry)
                && entry.kind() == Kind::Audit
            {
                looks.push(Looked {
                    at: entry.time().get(),
                    who: String::new(),
                    what: "waits for the log".to_owned(),
                    facts: Vec::new(),
                    records: Vec::new(),
                    index: None,
                });
            }
        }
        looks.sort_by_key(|look| std::cmp::Reverse(look.at));
        self.look(who, "audit", Vec::new(), Vec::new())?;
        Ok(Answer::Audit(looks))
    }

    /// Where a record is filed, and the verified entries that it stands in.
    fn locate(&self, id: &RecordId) -> Result<Located, Trouble> {
        let (partition, row) = self.row(id)?;
        let epoch = wire::EpochId::from_bytes(*partition.as_bytes());
        let entry = self
            .entry(row.index.get())
            .ok_or_else(|| Trouble::not_found("the entry of this record is not verified"))?;
        let position = RecordPosition::new(row.position);
        let carry = self.carry_of(row.index.get(), position, epoch);
        Ok(Located {
            epoch,
            row,
            entry,
            carry,
        })
    }

    /// The record that `text` names: all 64 digits of its id, or enough of the first.
    fn record_id(&self, text: &str) -> Result<RecordId, Trouble> {
        if let Ok(id) = text.parse() {
            return Ok(id);
        }
        if text.len() < LEAST_DIGITS || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(Trouble::request(format!(
                "a record id has 64 hexadecimal digits; its first {LEAST_DIGITS} or more are enough"
            )));
        }
        let digits = text.to_ascii_lowercase();
        let mut found = Vec::new();
        for shelf in self.searcher().shelves() {
            let partition = shelf.partition().map_err(|error| Trouble::failed(&error))?;
            let some = partition.beginning(&digits, 2);
            found.extend(some.map_err(|error| Trouble::failed(&error))?);
        }
        found.dedup();
        match found.as_slice() {
            [id] => Ok(*id),
            [] => Err(Trouble::not_found("no record with this id is filed")),
            _ => Err(Trouble::request(
                "several records begin with these digits: give more of them".to_owned(),
            )),
        }
    }

    fn row(&self, id: &RecordId) -> Result<(crate::partition::PartitionId, Row), Trouble> {
        for shelf in self.searcher().shelves() {
            let partition = shelf.partition().map_err(|error| Trouble::failed(&error))?;
            if let Some(row) = partition
                .find(id)
                .map_err(|error| Trouble::failed(&error))?
            {
                return Ok((partition.id(), row));
            }
        }
        Err(Trouble::not_found("no record with this id is filed"))
    }

    fn opened(&self, located: &Located) -> Result<Opened, Trouble> {
        let damaged = |why| Trouble {
            code: "damaged",
            why,
            span: None,
        };
        let opened = match &located.carry {
            Some(carry) => self
                .open_carried(carry)
                .map_err(damaged)?
                .map(|(_, opened)| Opened::Carry(Box::new(opened))),
            None => self
                .open_batch(&located.entry)
                .map_err(damaged)?
                .map(|batch| Opened::Batch(Box::new(batch))),
        };
        opened.ok_or_else(|| Trouble::not_found("the sealed object of this record is not held"))
    }

    /// A partition that does not read is made again; the answer says so.
    fn damaged(&self, error: &SearchError) -> Trouble {
        let (SearchError::Open { partition, .. }
        | SearchError::Catalogue { partition, .. }
        | SearchError::Index { partition, .. }) = error;
        self.make_again(wire::EpochId::from_bytes(*partition.as_bytes()));
        Trouble {
            code: "damaged",
            why: format!(
                "{}; the partition is made again from the mirror: ask again in a while",
                report(error)
            ),
            span: None,
        }
    }
}

fn read<'a>(opened: &'a Opened, row: &Row) -> Result<OpenedRecord<'a>, Trouble> {
    opened
        .record(RecordPosition::new(row.position))
        .ok_or_else(|| Trouble::not_found("the batch has no such record"))?
        .map_err(|error| Trouble::failed(&error))
}

fn named(participant: &Participant, directory: &Directory, network: &str, at: i64) -> Somebody {
    let names: Vec<String> = participant
        .aliases
        .iter()
        .map(|alias| alias.name.clone())
        .collect();
    let id = participant.id.as_str().to_owned();
    let found = directory.at(network, &id, &names, at);
    with_persons(id, names, found)
}

fn with_persons(id: String, mut names: Vec<String>, found: Vec<(&str, &str)>) -> Somebody {
    let persons = found
        .iter()
        .map(|(person, _)| (*person).to_owned())
        .collect();
    for (_, name) in found {
        if !names.iter().any(|known| known == name) {
            names.insert(0, name.to_owned());
        }
    }
    Somebody { id, names, persons }
}

fn page(found: conversation::Page) -> Page {
    Page {
        items: found.items.into_iter().map(item).collect(),
        older: found.older,
        newer: found.newer,
    }
}

fn item(item_found: conversation::Item) -> Item {
    Item {
        record: item_found.record.to_string(),
        at: item_found.place.at.get(),
        kind: item_found.kind.name().to_owned(),
        sender: item_found.sender,
        sender_name: item_found.sender_name,
        text: item_found.text,
        referring: item_found.referring.into_iter().map(item).collect(),
    }
}

fn ids(items: &[Item]) -> Vec<RecordId> {
    items
        .iter()
        .filter_map(|item| item.record.parse().ok())
        .take(16_000)
        .collect()
}

fn cut(text: &str, most: usize) -> String {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().to_owned()
}

fn problem(trouble: Trouble) -> Reply {
    Reply::Answer(Answer::Problem {
        why: trouble.why,
        code: trouble.code.to_owned(),
        span: trouble.span,
    })
}

impl Trouble {
    fn request(why: String) -> Self {
        Self {
            code: "request",
            why,
            span: None,
        }
    }

    fn not_found(why: &str) -> Self {
        Self {
            code: "not-found",
            why: why.to_owned(),
            span: None,
        }
    }

    pub(super) fn failed(error: &dyn std::error::Error) -> Self {
        Self {
            code: "failed",
            why: report(error),
            span: None,
        }
    }
}

impl From<AuditError> for Trouble {
    fn from(error: AuditError) -> Self {
        Self {
            code: "audit",
            why: format!(
                "nothing is shown, because the look could not be recorded: {}",
                report(&error)
            ),
            span: None,
        }
    }
}

impl Bytes {
    /// Gives the bytes out piece by piece. What is given was checked; an error says that the rest is
    /// not to be had (STREAM-2).
    pub(crate) fn each(
        self,
        give: &mut dyn FnMut(&[u8]) -> Result<(), super::frame::FrameError>,
    ) -> Result<(), BytesError> {
        match self {
            Self::Whole(bytes) => {
                for piece in bytes.chunks(super::frame::PIECE) {
                    give(piece)?;
                }
                Ok(())
            }
            Self::Stream(mut opener, mut file) => {
                let mut buffer = vec![0; super::frame::PIECE];
                loop {
                    let read = file.read(&mut buffer).map_err(BytesError::Read)?;
                    let mut rest = buffer.get(..read).unwrap_or_default();
                    if rest.is_empty() {
                        break;
                    }
                    while !rest.is_empty() {
                        let step = opener.push(rest).map_err(BytesError::Stream)?;
                        if !step.ready.is_empty() {
                            give(step.ready)?;
                        }
                        rest = rest.get(step.taken..).unwrap_or_default();
                    }
                }
                let last = opener.finish().map_err(BytesError::Stream)?;
                if !last.is_empty() {
                    give(&last)?;
                }
                Ok(())
            }
        }
    }
}

/// Why bytes stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BytesError {
    /// The client has gone.
    #[error("writing to the client")]
    Frame(#[from] super::frame::FrameError),
    /// The mirror can not be read.
    #[error("reading the mirror")]
    Read(#[source] std::io::Error),
    /// The sealed stream is damaged.
    #[error("the attachment is damaged")]
    Stream(#[source] seal::StreamError),
}
