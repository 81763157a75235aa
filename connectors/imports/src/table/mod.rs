//! Tables: CSV and JSON lines, whose columns a mapping explains.
//!
//! Each row is a message. What is not mapped becomes a field `column.<name>`; the row, byte for
//! byte, is the original. A row without an id is named by its time, its sender and its bytes.

mod map;
pub(crate) mod rows;

use std::collections::HashMap;

use connector::kit::{Context, KitError, failed};
use connector::normal::{participant_id, stable_id};
use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use record::{
    AliasKind, Attachment, AttachmentIndex, Body, Conversation, Direction, Field, LossWhy, Media,
    Message, Milliseconds, Missing, MissingWhy, NetworkName, OffsetMinutes, Participant,
    Participants, Source, Target, Text, Time,
};
use serde_json::Value;

use self::map::{Form, Mapping, Times};
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
/// Fields of a row, and bytes of one that becomes a field.
const MAX_COLUMNS: usize = 4_096;
const MAX_VALUE: usize = 64 << 10;
/// People and files of a row.
const MAX_LIST: usize = 1_000;

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

/// The cells of a row by their names, in order.
struct Cells(Vec<(String, String)>);

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
                let civil = sent.and_then(|sent| civil(sent));
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

impl Cells {
    /// The cell of that name, unless it is empty.
    fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name)?;
        Some(found.1.trim()).filter(|value| !value.is_empty())
    }
}

/// The cells of one row.
fn csv_cells(bytes: &[u8], delimiter: u8) -> Option<Vec<Vec<u8>>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .buffer_capacity(bytes.len().clamp(64, 64 << 10))
        .from_reader(bytes);
    let mut record = csv::ByteRecord::new();
    let found = reader.read_byte_record(&mut record).ok()?;
    (found && record.len() <= MAX_COLUMNS).then(|| record.iter().map(<[u8]>::to_vec).collect())
}

/// The members of an object, and what the mapping's pointers find deeper in it.
fn json_cells(value: &Value, mapping: &Mapping) -> Result<Cells, String> {
    let Value::Object(object) = value else {
        return Err("column 1: no object".to_owned());
    };
    if object.len() > MAX_COLUMNS {
        return Err(format!("more than {MAX_COLUMNS} members"));
    }
    let mut cells: Vec<(String, String)> = Vec::with_capacity(object.len());
    let mut pointed = HashMap::new();
    for name in mapping.columns.all().filter(|name| name.starts_with('/')) {
        if let Some(found) = value.pointer(name) {
            let member = name.get(1..).and_then(|rest| rest.split('/').next());
            pointed.insert(member.unwrap_or_default().to_owned(), ());
            cells.push((name.to_owned(), plain(found, mapping)));
        }
    }
    for (name, value) in object {
        // A member that was taken apart is told whole as well: what is not mapped stays.
        let whole = pointed.contains_key(name) && value.is_object();
        let text = if whole {
            value.to_string()
        } else {
            plain(value, mapping)
        };
        cells.push((name.clone(), text));
    }
    Ok(Cells(cells))
}

/// A value as a cell; a list of texts as people separate them.
fn plain(value: &Value, mapping: &Mapping) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(list) if list.iter().all(Value::is_string) => {
            let texts: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
            texts.join(&mapping.people_separator)
        }
        other => other.to_string(),
    }
}

fn list<'v>(value: &'v str, separator: &str) -> impl Iterator<Item = &'v str> {
    let separator = if separator.is_empty() { ";" } else { separator };
    value
        .split(separator.to_owned().as_str())
        .map(str::trim)
        .filter(|value| !value.is_empty())
        .take(MAX_LIST)
        .collect::<Vec<_>>()
        .into_iter()
}

/// The participant that a cell means. Without a scheme the value shows it: an address, a number,
/// a name; `Name <address>` is both.
fn person(value: &str, scheme: Option<&str>) -> Option<Participant> {
    let value = value.trim();
    if value.is_empty() {
        return None;
    }
    let (name, id) = match value.rsplit_once('<') {
        Some((name, id)) if id.ends_with('>') && !name.trim().is_empty() => (
            Some(name.trim().trim_matches('"')),
            id.trim_end_matches('>'),
        ),
        _ => (None, value),
    };
    let digits: String = id
        .chars()
        .filter(|c| !matches!(c, ' ' | '-' | '(' | ')' | '.' | '/'))
        .collect();
    let is_number = digits.len() >= 6
        && digits
            .strip_prefix('+')
            .unwrap_or(&digits)
            .bytes()
            .all(|byte| byte.is_ascii_digit());
    let id = match scheme {
        Some("tel") => participant_id("tel", if is_number { &digits } else { id }),
        Some("email") => participant_id("email", &id.to_lowercase()),
        Some(scheme) => participant_id(scheme, id),
        None if id.contains('@') => participant_id("email", &id.to_lowercase()),
        None if is_number => participant_id("tel", &digits),
        None => participant_id("name", id),
    }?;
    Some(Participant::new(id).alias(AliasKind::Display, clipped(name.unwrap_or_default(), 500)))
}

/// The point in time that a cell means.
fn time(value: &str, times: &Times, zone: &mut Zone) -> Option<Time> {
    let value = value.trim();
    match &times.form {
        Form::Unix(microseconds) => {
            let (whole, part) = value.split_once('.').unwrap_or((value, ""));
            let whole: i64 = whole.parse().ok()?;
            let mut micros = whole.checked_mul(*microseconds)?;
            if *microseconds == 1_000_000 && !part.is_empty() {
                let digits: String = part.chars().chain("000000".chars()).take(6).collect();
                let part: i64 = digits.parse().ok()?;
                micros += if whole < 0 { -part } else { part };
            }
            Some(Time::utc(Milliseconds::new(micros.div_euclid(1_000))))
        }
        Form::Iso => {
            // A time with an offset, else one in the zone; never a day alone.
            if let Ok(found) =
                strtime::parse("%Y-%m-%dT%H:%M:%S%.f%:z", &value.replacen(' ', "T", 1))
            {
                return with_offset(&found);
            }
            if let Ok(at) = value.parse::<jiff::Timestamp>() {
                return Some(Time::utc(Milliseconds::new(at.as_millisecond())));
            }
            zone.time(value.parse::<DateTime>().ok()?)
        }
        Form::Pattern(pattern) => {
            let found = strtime::parse(pattern, value).ok()?;
            if found.offset().is_some() {
                return with_offset(&found);
            }
            if let Ok(at) = found.to_timestamp() {
                return Some(Time::utc(Milliseconds::new(at.as_millisecond())));
            }
            zone.time(found.to_datetime().ok()?)
        }
    }
}

fn with_offset(found: &strtime::BrokenDownTime) -> Option<Time> {
    let at = Milliseconds::new(found.to_timestamp().ok()?.as_millisecond());
    let minutes = found.offset().map(|offset| offset.seconds() / 60);
    let offset = minutes
        .and_then(|minutes| i16::try_from(minutes).ok())
        .and_then(OffsetMinutes::new);
    Some(offset.map_or(Time::utc(at), |offset| Time::with_offset(at, offset)))
}

/// The time in UTC, for an id that is the same whatever the zone of the settings.
fn civil(time: Time) -> Option<DateTime> {
    let at = jiff::Timestamp::from_millisecond(time.at.get()).ok()?;
    Some(TimeZone::UTC.to_datetime(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(value: &str, form: Form) -> Option<(i64, Option<i16>)> {
        let zone = TimeZone::get("Europe/Zurich").ok();
        let times = Times {
            form,
            zone: zone.clone(),
        };
        let time = time(value, &times, &mut Zone::new(zone))?;
        Some((time.at.get(), time.offset.map(OffsetMinutes::get)))
    }

    #[test]
    fn times_are_read_as_the_mapping_says() {
        const AT: i64 = 1_793_692_918_000;
        let iso = |value| at(value, Form::Iso);
        assert_eq!(iso("2026-11-03T08:01:58Z"), Some((AT, None)));
        assert_eq!(iso("2026-11-03 03:01:58-05:00"), Some((AT, Some(-300))));
        assert_eq!(iso("2026-11-03T09:01:58"), Some((AT, Some(60))));
        assert_eq!(iso("3.11.2026"), None);
        assert_eq!(
            at("1793692918.5", Form::Unix(1_000_000)),
            Some((AT + 500, None))
        );
        assert_eq!(at("1793692918000", Form::Unix(1_000)), Some((AT, None)));
        let pattern = |text: &str| Form::Pattern(text.to_owned());
        assert_eq!(
            at("3.11.2026 9:01:58", pattern("%d.%m.%Y %H:%M:%S")),
            Some((AT, Some(60)))
        );
        assert_eq!(
            at(
                "11/03/26 08:01:58 AM +0000",
                pattern("%m/%d/%y %I:%M:%S %p %z")
            ),
            Some((AT, Some(0)))
        );
        assert_eq!(at("31.31.2026 9:01:58", pattern("%d.%m.%Y %H:%M:%S")), None);
    }

    #[test]
    fn people_are_named_by_what_a_cell_shows() {
        let id = |value: &str, scheme| person(value, scheme).unwrap().id.as_str().to_owned();
        assert_eq!(id("+41 79 000-00-01", None), "tel:+41790000001");
        assert_eq!(id("Ben@Bank.example", None), "email:ben@bank.example");
        assert_eq!(id("Ben Okafor", None), "name:Ben Okafor");
        assert_eq!(id("u7", Some("user")), "user:u7");
        let both = person("Ben Okafor <+41790000001>", None).unwrap();
        assert_eq!(both.id.as_str(), "tel:+41790000001");
        assert_eq!(both.aliases[0].name, "Ben Okafor");
    }
}
