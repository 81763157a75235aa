//! Tables: CSV and JSON lines, whose columns a mapping explains.
//!
//! Each row is a message. What is not mapped becomes a field `column.<name>`; the row, byte for
//! byte, is the original. A row without an id is named by its time, its sender and its bytes.

mod cells;
mod map;
pub(crate) mod rows;

use connector::kit::{Context, KitError, failed};
use connector::normal::stable_id;
use record::{
    AliasKind, Attachment, AttachmentIndex, Body, Conversation, Direction, Field, LossWhy, Media,
    Message, Missing, MissingWhy, NetworkName, Participant, Participants, Source, Target, Text,
    Time,
};
use serde_json::Value;

use self::cells::{Cells, civil, csv_cells, json_cells, list, person, time};
use self::map::Mapping;
use self::rows::{Row, Rows};
use crate::emit::{Emitter, Entry, Where, clipped};
use crate::mail;
use crate::media::{Files, NotCopied};
use crate::open::Export;
use crate::outbox::{Outbox, folder, resume_at};
use crate::run::Settings;
use crate::sniff;
use crate::whatsapp::{SourceIds, Zone};

/// Media types of originals.
const CSV: &str = "text/csv";
const LINES: &str = "application/x-ndjson";
/// Bytes of a cell that becomes a field.
const MAX_VALUE: usize = 64 << 10;

/// The walk through one table.
struct Table {
    emitter: Emitter,
    mapping: Mapping,
    zone: Zone,
    ids: SourceIds,
    files: Files,
    me: Option<String>,
    title: String,
    /// Names of the columns, where the file has them.
    header: Option<Vec<String>>,
}

/// Reads a table and emits its records.
pub(crate) fn import(
    ctx: &mut Context<'_>,
    source: Source,
    export: &Export,
    settings: &Settings,
    mapping: &str,
) -> Result<(), KitError> {
    let mapping = Mapping::read(mapping, settings.zone.clone())
        .map_err(|error| failed("import-mapping", &[("detail", &error.to_string())]))?;
    let captured = Time::utc(ctx.now());
    let total = export.content.size();
    let resume = resume_at(ctx.position());
    let lines = export
        .content
        .read(|input| {
            let mut head = [0; 64];
            let read = input.read(&mut head).unwrap_or(0);
            let text = head.get(..read).unwrap_or_default();
            let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
            text.trim_ascii_start().starts_with(b"{")
        })
        .map_err(|error| failed("import-unreadable", &[("detail", &error.to_string())]))?;
    let title = settings.title.clone().or_else(|| mapping.title.clone());
    let mut table = Table {
        zone: Zone::new(mapping.times.zone.clone()),
        ids: SourceIds::new(),
        files: export.content.files(),
        me: settings.me.clone(),
        title: title.unwrap_or_else(|| export.name.clone()),
        header: None,
        emitter: Emitter {
            source,
            captured,
            original: if lines { LINES } else { CSV },
        },
        mapping,
    };
    let mut outbox = Outbox::new(ctx, resume, total);
    let delimiter = (!lines).then_some(table.mapping.delimiter);
    let read = export.content.read(|input| {
        let mut rows = Rows::new(input, delimiter);
        while let Some(row) = rows.next() {
            table.row(&row, &mut outbox)?;
            outbox.settle(row.end)?;
        }
        Ok::<_, KitError>(rows.take_error())
    });
    let error = match read {
        Ok(outcome) => outcome?,
        Err(error) => Some(error),
    };
    if let Some(error) = error {
        table.lose(
            LossWhy::Damaged,
            "the table",
            &error.to_string(),
            None,
            &mut outbox,
        )?;
    }
    outbox.flush(total.unwrap_or(u64::MAX))
}

/// Any bytes as a mapping and a table behind it.
pub(crate) fn fuzz(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (written, table) = text.split_once("\n---\n").unwrap_or(("", &text));
    let mapping = Mapping::read(written, None);
    for delimiter in [None, Some(b',')] {
        let mut rows = Rows::new(table.as_bytes(), delimiter);
        while let Some(row) = rows.next() {
            let cells = match delimiter {
                Some(delimiter) => csv_cells(row.bytes, delimiter).unwrap_or_default(),
                None => Vec::new(),
            };
            if let Ok(mapping) = &mapping {
                let mut zone = Zone::new(None);
                for cell in &cells {
                    let cell = String::from_utf8_lossy(cell);
                    let _ = time(&cell, &mapping.times, &mut zone);
                    let _ = person(&cell, mapping.scheme.as_deref());
                }
            }
        }
    }
}

impl Table {
    fn row(&mut self, row: &Row<'_>, outbox: &mut Outbox<'_, '_>) -> Result<(), KitError> {
        let place = format!("line {}", row.line);
        if let Some(broken) = row.broken {
            if outbox.is_durable(row.end) {
                return Ok(());
            }
            return self.lose(LossWhy::Damaged, &place, broken, Some(row.bytes), outbox);
        }
        let bytes = match row.start {
            0 => row.bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(row.bytes),
            _ => row.bytes,
        };
        if bytes.trim_ascii().is_empty() {
            return Ok(());
        }
        let (cells, note) = match self.cells(bytes) {
            Ok(Some(found)) => found,
            Ok(None) => return self.check_header(row.line),
            Err(detail) => {
                if outbox.is_durable(row.end) {
                    return Ok(());
                }
                return self.lose(LossWhy::Damaged, &place, &detail, Some(row.bytes), outbox);
            }
        };
        self.message(&cells, note, row, &place, outbox)
    }

    /// The cells of a row and what is wrong with them; none where it is the header.
    fn cells(&mut self, bytes: &[u8]) -> Result<Option<(Cells, Option<String>)>, String> {
        if self.emitter.original == LINES {
            let value: Value = serde_json::from_slice(bytes)
                .map_err(|error| format!("column {}: no JSON", error.column()))?;
            return json_cells(&value, &self.mapping).map(|cells| Some((cells, None)));
        }
        let raw = csv_cells(bytes, self.mapping.delimiter).ok_or("no row of a table")?;
        let mut note = None;
        let mut values = Vec::with_capacity(raw.len());
        for (number, cell) in raw.into_iter().enumerate() {
            let text = match self.mapping.encoding {
                Some(decode) => decode(&cell),
                None => match String::from_utf8(cell) {
                    Ok(text) => text,
                    Err(error) => {
                        note = Some(format!("column {}: bytes that are no UTF-8", number + 1));
                        String::from_utf8_lossy(error.as_bytes()).into_owned()
                    }
                },
            };
            values.push(text);
        }
        let Some(header) = &self.header else {
            self.header = Some(values.iter().map(|name| name.trim().to_owned()).collect());
            return Ok(None);
        };
        if values.len() > header.len() {
            note = note.or(Some(format!(
                "{} cells where the header names {}",
                values.len(),
                header.len()
            )));
        }
        let named = values.into_iter().enumerate().map(|(at, value)| {
            let name = header.get(at).filter(|name| !name.is_empty());
            (name.cloned().unwrap_or_else(|| (at + 1).to_string()), value)
        });
        Ok(Some((Cells(named.collect()), note)))
    }

    /// A mapping that names a column which is not there is refused before anything is taken.
    fn check_header(&self, line: u64) -> Result<(), KitError> {
        let header = self.header.as_deref().unwrap_or_default();
        let missing = self
            .mapping
            .columns
            .all()
            .find(|name| !header.iter().any(|known| known == name));
        match missing {
            None => Ok(()),
            Some(column) => {
                let known = clipped(&header.join(", "), 1_000).to_owned();
                Err(failed(
                    "import-mapping-column",
                    &[
                        ("column", column),
                        ("line", &line.to_string()),
                        ("columns", &known),
                    ],
                ))
            }
        }
    }

    fn message(
        &mut self,
        cells: &Cells,
        note: Option<String>,
        row: &Row<'_>,
        place: &str,
        outbox: &mut Outbox<'_, '_>,
    ) -> Result<(), KitError> {
        let columns = self.mapping.columns.clone();
        let get = |name: &Option<String>| name.as_deref().and_then(|name| cells.get(name));
        let mut notes: Vec<String> = note.into_iter().collect();
        let written = cells.get(&columns.time).unwrap_or_default();
        let sent = time(written, &self.mapping.times, &mut self.zone);
        if sent.is_none() {
            let shown = clipped(written, 60);
            notes.push(format!(
                "column {}: {shown:?} is no time of the form that the mapping gives",
                columns.time
            ));
        }
        let sender =
            get(&columns.sender).and_then(|value| person(value, self.mapping.scheme.as_deref()));
        let sender = sender.map(|sender| match get(&columns.sender_name) {
            Some(name) if sender.id.value() != name => {
                sender.alias(AliasKind::Display, clipped(name, 500))
            }
            _ => sender,
        });
        let sender = sender
            .or_else(|| get(&columns.sender_name).and_then(|name| person(name, Some("name"))));
        let author = sender.as_ref().map(|sender| sender.id.as_str().to_owned());
        let id = match get(&columns.id) {
            Some(id) => stable_id(id),
            None => {
                let civil = sent.and_then(civil);
                let bytes = row.bytes.trim_ascii_end();
                let id = self.ids.id(civil, author.as_deref(), bytes, row.start);
                id.map_err(|_| failed("import-id", &[]))?
            }
        };
        if outbox.is_durable(row.end) {
            return Ok(());
        }
        let at = self.at(
            get(&columns.network),
            get(&columns.conversation),
            get(&columns.conversation_title),
        );
        let mut message = Message::default();
        if let Some(text) = get(&columns.text) {
            message.parts.push(Text::plain(text).into());
        }
        message.in_reply_to = get(&columns.reply_to).map(|id| Target::new(stable_id(id)));
        let attachments = match get(&columns.attachments) {
            Some(list) => self.attach(list, &mut message, outbox)?,
            None => Vec::new(),
        };
        let recipients = get(&columns.recipients).unwrap_or_default();
        let recipients = list(recipients, &self.mapping.people_separator)
            .filter_map(|value| person(value, self.mapping.scheme.as_deref()))
            .collect();
        let direction = self.direction(get(&columns.direction), sender.as_ref());
        let mut fields = Vec::new();
        let mut field = |name: String, value: &str| {
            if !value.is_empty() {
                fields.push(Field::new(name, clipped(value, MAX_VALUE)));
            }
        };
        field(
            "subject".to_owned(),
            get(&columns.subject).unwrap_or_default(),
        );
        field("kind".to_owned(), get(&columns.kind).unwrap_or_default());
        if sent.is_none() {
            field("time".to_owned(), written);
        }
        let mapped: Vec<&str> = columns.all().collect();
        for (name, value) in &cells.0 {
            if !mapped.contains(&name.as_str()) {
                field(format!("column.{}", clipped(name, 200)), value);
            }
        }
        // A network that is not one stays to be read.
        if at.network == self.mapping.network {
            field(
                "network".to_owned(),
                get(&columns.network).unwrap_or_default(),
            );
        }
        let entry = Entry {
            envelope: self
                .emitter
                .envelope(&at, id)
                .sent(sent)
                .direction(direction)
                .position(row.line),
            participants: Participants {
                sender,
                recipients,
                ..Participants::of(at.about.clone())
            },
            body: Body {
                content: message.into(),
                fields,
            },
            original: row.bytes,
            attachments,
            place,
        };
        self.emitter.put(entry, &at, outbox)?;
        for note in notes {
            self.emitter
                .lose(LossWhy::Damaged, place, &note, None, &at, outbox)?;
        }
        Ok(())
    }

    fn at(&self, network: Option<&str>, conversation: Option<&str>, title: Option<&str>) -> Where {
        let named = network.and_then(|value| {
            mail::network(value).or_else(|| NetworkName::new(&value.trim().to_lowercase()).ok())
        });
        let shown = title.or(conversation).unwrap_or(&self.title);
        let id = match conversation {
            Some(id) => stable_id(id),
            None => stable_id(&format!("title:{}", title.unwrap_or(&self.title))),
        };
        Where {
            network: named.unwrap_or_else(|| self.mapping.network.clone()),
            conversation: id,
            about: Conversation::default().title(clipped(shown, 500)),
        }
    }

    fn direction(&self, written: Option<&str>, sender: Option<&Participant>) -> Direction {
        let is = |values: &[String]| {
            written.is_some_and(|written| {
                values
                    .iter()
                    .any(|value| value.eq_ignore_ascii_case(written))
            })
        };
        if is(&self.mapping.outgoing) {
            return Direction::Outgoing;
        }
        if is(&self.mapping.incoming) {
            return Direction::Incoming;
        }
        let Some(sender) = sender else {
            return Direction::None;
        };
        let account = self.emitter.source.account.as_str();
        let named = |me: &str| {
            sender.id.as_str() == me
                || sender.id.value() == me
                || sender.aliases.iter().any(|alias| alias.name == me)
        };
        match &self.me {
            Some(me) if named(me) => Direction::Outgoing,
            Some(_) => Direction::Incoming,
            None if named(account) => Direction::Outgoing,
            None => Direction::None,
        }
    }

    /// Copies the files that a row names from beside the table.
    fn attach(
        &mut self,
        names: &str,
        message: &mut Message,
        outbox: &mut Outbox<'_, '_>,
    ) -> Result<Vec<(Attachment, String)>, KitError> {
        let separator = self.mapping.files_separator.clone();
        let mut attachments = Vec::new();
        for name in list(names, &separator) {
            let name = name.replace('\\', "/");
            let form = sniff::form_of(name.rsplit('/').next().unwrap_or(&name));
            let target = outbox.file_name();
            match self.files.copy(&name, outbox.ctx.folder(), &target) {
                Ok(copied) => {
                    let index = u32::try_from(attachments.len()).unwrap_or(u32::MAX);
                    message.parts.push(
                        Media {
                            attachment: AttachmentIndex::new(index),
                            form: form.to_owned(),
                        }
                        .into(),
                    );
                    attachments.push((copied.attachment, copied.file));
                }
                Err(NotCopied::Folder(error)) => return Err(folder(&error)),
                Err(error) => {
                    let why = match error {
                        NotCopied::TooLarge => MissingWhy::TooLarge,
                        NotCopied::Damaged(_) => MissingWhy::Failed,
                        _ => MissingWhy::NotIncluded,
                    };
                    message.parts.push(
                        Missing {
                            name: Some(clipped(&name, record::MAX_NAME).to_owned()),
                            ..Missing::new(form, why)
                        }
                        .into(),
                    );
                }
            }
        }
        Ok(attachments)
    }

    fn lose(
        &self,
        why: LossWhy,
        place: &str,
        detail: &str,
        bytes: Option<&[u8]>,
        outbox: &mut Outbox<'_, '_>,
    ) -> Result<(), KitError> {
        let at = self.at(None, None, None);
        self.emitter.lose(why, place, detail, bytes, &at, outbox)
    }
}
