//! Element's export of a room: `export.json`, alone, in a folder with its files, or in a zip.
//!
//! The events are the network's own, as the client decrypted them; `matrix` makes records of
//! them, so that they have the ids of a live capture. What stands around them (who exported
//! what, when) is a record of the account.

mod files;

use std::collections::HashMap;

use connector::Incoming;
use connector::kit::{Context, KitError, failed};
use connector::normal::{self, Capture};
use matrix::Seen;
use record::{
    Account, Conversation, LossWhy, MissingWhy, NetworkName, OriginalContent, Participants, Record,
    Source, TextId, Time,
};
use serde_json::Value;

use self::files::Found;
use crate::emit::{Emitter, Entry, Where, clipped};
use crate::list::{Piece, in_object};
use crate::media::{Copied, Files, NotCopied};
use crate::open::Export;
use crate::outbox::{Outbox, folder, resume_at};
use crate::run::Settings;
use crate::telegram::scan::{Scanner, Slice};

/// Media type of originals: the event's object, byte for byte.
const ORIGINAL: &str = "application/json";
/// The member that holds the events.
const LIST: &str = "messages";
/// Bytes of files after which records are sent on.
const FILE_BYTES: u64 = 64 << 20;
/// Events with files that are remembered.
const MAX_WANTED: usize = 1 << 20;

/// The walk through one export.
struct Walk<'f> {
    emitter: Emitter,
    files: Files,
    bound: &'f HashMap<u64, Found>,
    /// Members of the document before the messages, as they stand there.
    about: Vec<(String, Vec<u8>)>,
    title: String,
    /// Whether an event said that the room is encrypted.
    encrypted: bool,
    file_bytes: u64,
}

/// Reads an export and emits its records.
pub(crate) fn import(
    ctx: &mut Context<'_>,
    source: Source,
    export: &Export,
    settings: &Settings,
) -> Result<(), KitError> {
    let captured = Time::utc(ctx.now());
    let total = export.content.size();
    let resume = resume_at(ctx.position());
    let names = files::names(&export.content);
    let mut wanted = Vec::new();
    if !names.is_empty() {
        // What can not be read is said by the second pass.
        let _ = export.content.read(|input| {
            in_object(&mut Scanner::new(input), LIST, event_start, &mut |part| {
                if let Piece::Element(slice) = part
                    && wanted.len() < MAX_WANTED
                    && let Ok(event) = serde_json::from_slice::<Value>(slice.bytes)
                {
                    wanted.extend(files::wanted(&event, slice.place.offset));
                }
                Ok(())
            })
        });
    }
    let bound = files::bind(&wanted, &names, settings.zone.as_ref());
    let mut outbox = Outbox::new(ctx, resume, total);
    let mut walk = Walk {
        emitter: Emitter {
            source,
            captured,
            original: ORIGINAL,
        },
        files: export.content.files(),
        bound: &bound,
        about: Vec::new(),
        title: settings.title.clone().unwrap_or_default(),
        encrypted: false,
        file_bytes: 0,
    };
    let named = settings.title.is_some();
    let read = export.content.read(|input| {
        let mut input = Scanner::new(input);
        let outcome = in_object(&mut input, LIST, event_start, &mut |piece| {
            walk.take(piece, named, &mut outbox)
        });
        let place = input.place();
        (outcome, place, input.take_error())
    });
    match read {
        Ok((outcome, place, error)) => {
            outcome?;
            if let Some(error) = error {
                walk.lose(
                    LossWhy::Damaged,
                    &place.to_string(),
                    &error.to_string(),
                    None,
                    &mut outbox,
                )?;
            }
        }
        Err(error) => {
            walk.lose(
                LossWhy::Damaged,
                "the export",
                &error.to_string(),
                None,
                &mut outbox,
            )?;
        }
    }
    for (place, detail) in export.content.damage() {
        walk.lose(LossWhy::Damaged, place, detail, None, &mut outbox)?;
    }
    outbox.flush(total.unwrap_or(u64::MAX))
}

/// Any bytes as an export.
pub(crate) fn fuzz(bytes: &[u8]) {
    let mut wanted = Vec::new();
    let _ = in_object(&mut Scanner::new(bytes), LIST, event_start, &mut |piece| {
        if let Piece::Element(slice) = piece
            && let Ok(event) = serde_json::from_slice::<Value>(slice.bytes)
        {
            wanted.extend(files::wanted(&event, slice.place.offset));
        }
        Ok(())
    });
    let names = [String::from_utf8_lossy(bytes).into_owned()].into();
    let _ = files::bind(&wanted, &names, None);
}

/// Where an element of the list of messages begins, as the export indents it.
fn event_start(bytes: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, b"\n    {").map(|at| at + 5)
}

impl Walk<'_> {
    fn take(
        &mut self,
        piece: Piece<'_>,
        named: bool,
        outbox: &mut Outbox<'_, '_>,
    ) -> Result<(), KitError> {
        match piece {
            Piece::Member(key, slice) => {
                if key == "room_name" && !named {
                    let title = serde_json::from_slice::<String>(slice.bytes);
                    self.title = clipped(&title.unwrap_or_default(), 500).to_owned();
                }
                if self.about.len() < 64 && slice.bytes.len() <= 64 << 10 {
                    self.about.push((key.to_owned(), slice.bytes.to_vec()));
                }
                Ok(())
            }
            Piece::Broken(slice) => {
                let place = slice.place.to_string();
                self.lose(
                    LossWhy::Damaged,
                    &place,
                    "no JSON",
                    Some(slice.bytes),
                    outbox,
                )
            }
            Piece::EndsEarly(place) => {
                let detail = "the file ends before its end";
                self.lose(LossWhy::Damaged, &place.to_string(), detail, None, outbox)
            }
            Piece::Element(slice) => {
                self.about(outbox)?;
                let end = slice.place.offset + slice.bytes.len() as u64;
                self.event(&slice, outbox.is_durable(end), outbox)?;
                if self.file_bytes >= FILE_BYTES {
                    self.file_bytes = 0;
                    return outbox.flush(end);
                }
                outbox.settle(end)
            }
        }
    }

    /// What the export says of itself, once.
    fn about(&mut self, outbox: &mut Outbox<'_, '_>) -> Result<(), KitError> {
        if self.about.is_empty() {
            return Ok(());
        }
        let mut original = Vec::new();
        let mut fields = Vec::new();
        for (key, value) in self.about.drain(..) {
            original.extend_from_slice(if original.is_empty() { b"{" } else { b"," });
            original.extend_from_slice(Value::String(key.clone()).to_string().as_bytes());
            original.push(b':');
            original.extend_from_slice(&value);
            if let Ok(Value::String(text)) = serde_json::from_slice(&value)
                && !text.is_empty()
            {
                fields.push(record::Field::new(key, text));
            }
        }
        original.push(b'}');
        if outbox.is_durable(1) {
            return Ok(());
        }
        let id = format!(
            "export-{}",
            canonical::hex(&canonical::sha256(&original)[..8])
        );
        let id = TextId::new(id).map_err(|_| failed("import-id", &[]))?;
        let content = Account {
            what: "export".to_owned(),
            value: Some(self.title.clone()).filter(|title| !title.is_empty()),
        };
        let at = self.at();
        let entry = Entry {
            envelope: self.emitter.envelope(&at, id),
            participants: Participants::of(at.about.clone()),
            body: record::Body {
                content: content.into(),
                fields,
            },
            original: &original,
            attachments: Vec::new(),
            place: "the export's head",
        };
        self.emitter.put(entry, &at, outbox)
    }

    fn event(
        &mut self,
        slice: &Slice<'_>,
        durable: bool,
        outbox: &mut Outbox<'_, '_>,
    ) -> Result<(), KitError> {
        let place = slice.place.to_string();
        let Ok(event) = serde_json::from_slice::<Value>(slice.bytes) else {
            return self.lose(
                LossWhy::Damaged,
                &place,
                "no JSON",
                Some(slice.bytes),
                outbox,
            );
        };
        let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str);
        if text("/type") == Some("m.room.encryption") {
            self.encrypted = true;
        }
        if durable {
            return Ok(());
        }
        if text("/content/msgtype") == Some("m.bad.encrypted") {
            let detail = "the client that exported it had no key for it";
            return self.lose(
                LossWhy::Undecryptable,
                &place,
                detail,
                Some(slice.bytes),
                outbox,
            );
        }
        let room = text("/room_id").map_or_else(|| format!("title:{}", self.title), str::to_owned);
        let title = self.title.clone();
        let seen = Seen {
            room: Some(&room),
            title: Some(&title),
            direct: None,
            decrypted: self.encrypted && event.get("state_key").is_none(),
        };
        let mut fetched = normal::Files::default();
        let first = self.normalize(&seen, &fetched, slice.bytes);
        let mut normalized = match first {
            Ok(normalized) => normalized,
            Err(error) => {
                let detail = error.to_string();
                return self.lose(LossWhy::Damaged, &place, &detail, Some(slice.bytes), outbox);
            }
        };
        let mut copied = None;
        let mut trouble = None;
        if let [reference, ..] = normalized.wanted.as_slice() {
            copied = self.fetch(
                slice.place.offset,
                reference,
                &mut fetched,
                &mut trouble,
                outbox,
            )?;
            if let Ok(again) = self.normalize(&seen, &fetched, slice.bytes) {
                normalized = again;
            }
        }
        let mut given = false;
        for record in &normalized.records {
            given |= self.push(record, copied.as_ref(), slice.bytes, outbox)?;
        }
        if let Some(copied) = copied {
            self.file_bytes += copied.attachment.size;
            if !given {
                let _ = std::fs::remove_file(outbox.ctx.folder().join(copied.file));
            }
        }
        match trouble {
            Some((why, detail)) => self.lose(why, &place, &detail, None, outbox),
            None => Ok(()),
        }
    }

    fn normalize(
        &self,
        seen: &Seen<'_>,
        files: &normal::Files,
        bytes: &[u8],
    ) -> Result<normal::Normalized, normal::NormalizeError> {
        let capture = Capture {
            source: &self.emitter.source,
            captured: self.emitter.captured,
            files,
        };
        matrix::normalize(&capture, seen, bytes)
    }

    /// Copies the event's file, if it is told which one it is.
    fn fetch(
        &mut self,
        offset: u64,
        reference: &str,
        fetched: &mut normal::Files,
        trouble: &mut Option<(LossWhy, String)>,
        outbox: &mut Outbox<'_, '_>,
    ) -> Result<Option<Copied>, KitError> {
        let name = match self.bound.get(&offset) {
            None => return Ok(None),
            Some(Found::Ambiguous(count)) => {
                let detail = format!(
                    "{count} files of the export could be meant, or others mean the same; none was taken"
                );
                fetched.never(reference, MissingWhy::Failed, detail.as_str());
                *trouble = Some((LossWhy::Other, detail));
                return Ok(None);
            }
            Some(Found::File(name)) => name,
        };
        let target = outbox.file_name();
        match self.files.copy(name, outbox.ctx.folder(), &target) {
            Ok(mut copied) => {
                // The event says its name; the export's has the time in it.
                copied.attachment.name = None;
                fetched.insert(reference, copied.attachment.clone());
                Ok(Some(copied))
            }
            Err(NotCopied::Folder(error)) => Err(folder(&error)),
            Err(error) => {
                let (why, missing, detail) = match error {
                    NotCopied::TooLarge => (
                        LossWhy::TooLarge,
                        MissingWhy::TooLarge,
                        "too large".to_owned(),
                    ),
                    NotCopied::Damaged(error) => {
                        (LossWhy::Damaged, MissingWhy::Failed, error.to_string())
                    }
                    _ => (
                        LossWhy::Damaged,
                        MissingWhy::NotIncluded,
                        "not there".to_owned(),
                    ),
                };
                fetched.never(reference, missing, detail.as_str());
                *trouble = Some((why, format!("file {name}: {detail}")));
                Ok(None)
            }
        }
    }

    /// Sends one record; says whether the file went with it.
    fn push(
        &self,
        record: &Record,
        copied: Option<&Copied>,
        bytes: &[u8],
        outbox: &mut Outbox<'_, '_>,
    ) -> Result<bool, KitError> {
        let mut incoming = Incoming::of(record);
        let mut given = false;
        let original = match record.original().map(|original| &original.content) {
            Some(OriginalContent::Attached(index)) => Some(index.get()),
            _ => None,
        };
        for (index, attachment) in record.attachments().iter().enumerate() {
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            if original == Some(index) {
                let name = outbox.file_name();
                let path = outbox.ctx.folder().join(&name);
                std::fs::write(path, bytes).map_err(|error| folder(&error))?;
                incoming = incoming.with_file(index, name);
            } else if let Some(copied) = copied
                && copied.attachment.sha256 == attachment.sha256
                && !given
            {
                incoming = incoming.with_file(index, copied.file.clone());
                given = true;
            }
        }
        outbox.push(incoming);
        Ok(given)
    }

    fn at(&self) -> Where {
        let title: String = self
            .title
            .chars()
            .filter(|c| !c.is_control())
            .take(120)
            .collect();
        let id = TextId::new(format!("title:{title}"));
        Where {
            network: NetworkName::MATRIX,
            conversation: id.unwrap_or_else(|_| self.emitter.source.account.clone()),
            about: Conversation::default().title(self.title.as_str()),
        }
    }

    fn lose(
        &self,
        why: LossWhy,
        place: &str,
        detail: &str,
        bytes: Option<&[u8]>,
        outbox: &mut Outbox<'_, '_>,
    ) -> Result<(), KitError> {
        self.emitter
            .lose(why, place, detail, bytes, &self.at(), outbox)
    }
}
