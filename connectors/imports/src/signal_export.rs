//! What PyPI's signal-export writes: a folder for each chat, with `data.json` of one object a
//! line and the files in `media`.
//!
//! It has names of people and no ids, local times and no zone. A message is named by its time,
//! its sender and what it says; reactions may come later and name nothing. A conversation's id
//! is `title:` and its folder's name.

use std::fs::File;
use std::path::Path;

use connector::Fields;
use connector::kit::{Context, KitError, failed};
use connector::normal::participant_id;
use jiff::civil::DateTime;
use record::{
    Attachment, AttachmentIndex, Body, Call, CallMedia, CallState, Content, Conversation,
    Direction, Field, LossWhy, Media, Message, Missing, MissingWhy, NetworkName, Participant,
    Participants, Source, Sticker, Structured, Tally, TallyVoter, Text, TextId, Time,
};
use serde_json::Value;

use crate::emit::{Emitter, Entry, Where, clipped};
use crate::folders::{ChatFile, chat_files};
use crate::media::{Files, NotCopied};
use crate::open::Export;
use crate::outbox::{Outbox, folder, resume_at};
use crate::run::Settings;
use crate::sniff;
use crate::table::rows::{Row, Rows};
use crate::whatsapp::{SourceIds, Zone};

/// Media type of originals: one line.
const ORIGINAL: &str = "application/json";
/// How the export calls its owner, and somebody it does not know.
const ME: &str = "Me";
const NOBODY: &str = "No-Sender";

/// The walk through one chat.
struct Walk<'e> {
    emitter: &'e Emitter,
    file: &'e ChatFile,
    at: Where,
    files: Files,
    ids: SourceIds,
    zone: Zone,
    me: Option<Participant>,
}

/// Reads an export and emits its records.
pub(crate) fn import(
    ctx: &mut Context<'_>,
    source: Source,
    export: &Export,
    settings: &Settings,
) -> Result<(), KitError> {
    let emitter = Emitter {
        captured: Time::utc(ctx.now()),
        source,
        original: ORIGINAL,
    };
    let files = chat_files(&export.content, |name| name == "data.json");
    let me = owner(emitter.source.account.as_str(), settings.me.as_deref());
    let resume = resume_at(ctx.position());
    let total = export.content.size().filter(|_| files.len() == 1);
    let mut outbox = Outbox::new(ctx, resume, total);
    let mut last = 0;
    for file in &files {
        let root = file.path.parent().unwrap_or(Path::new("."));
        let absolute = std::path::absolute(root);
        let named = absolute
            .as_deref()
            .unwrap_or(root)
            .file_name()
            .unwrap_or_default();
        let title = settings.title.clone().filter(|_| files.len() == 1);
        let title = title.unwrap_or_else(|| named.to_string_lossy().into_owned());
        let plain: String = title
            .chars()
            .filter(|c| !c.is_control())
            .take(120)
            .collect();
        let mut walk = Walk {
            at: Where {
                network: NetworkName::SIGNAL,
                conversation: TextId::new(format!("title:{plain}"))
                    .map_err(|_| failed("import-title-missing", &[]))?,
                about: Conversation::default().title(clipped(&title, 500)),
            },
            files: Files::Folder(root.to_path_buf()),
            ids: SourceIds::new(),
            zone: Zone::new(settings.zone.clone()),
            emitter: &emitter,
            file,
            me: me.clone(),
        };
        last = walk.file(&mut outbox)?;
    }
    outbox.flush(last)
}

/// Any bytes as the lines of a chat.
pub(crate) fn fuzz(bytes: &[u8]) {
    let mut rows = Rows::new(bytes, None);
    while let Some(row) = rows.next() {
        if let Ok(value) = serde_json::from_slice::<Value>(row.bytes) {
            let fields = Fields::new(&value);
            let _ = said(&fields, None);
        }
    }
}

/// The owner: whom the account names, else the name in the settings.
fn owner(account: &str, me: Option<&str>) -> Option<Participant> {
    let known = record::ParticipantId::parse(account).ok();
    let id = known.or_else(|| participant_id("name", me.unwrap_or(ME)))?;
    Some(Participant::new(id))
}

impl Walk<'_> {
    fn file(&mut self, outbox: &mut Outbox<'_, '_>) -> Result<u64, KitError> {
        let size = std::fs::metadata(&self.file.path).map_or(1, |meta| meta.len().max(1));
        let end = self.file.base + size;
        let input = match File::open(&self.file.path) {
            Ok(input) => input,
            Err(error) => {
                self.lose(
                    LossWhy::Damaged,
                    "its beginning",
                    &error.to_string(),
                    None,
                    outbox,
                )?;
                return Ok(end);
            }
        };
        let mut rows = Rows::new(input, None);
        while let Some(row) = rows.next() {
            let behind = self.file.base + row.end;
            self.row(&row, outbox.is_durable(behind), outbox)?;
            outbox.settle(behind)?;
        }
        if let Some(error) = rows.take_error() {
            self.lose(
                LossWhy::Damaged,
                "its end",
                &error.to_string(),
                None,
                outbox,
            )?;
        }
        outbox.settle(end)?;
        Ok(end)
    }

    fn row(
        &mut self,
        row: &Row<'_>,
        durable: bool,
        outbox: &mut Outbox<'_, '_>,
    ) -> Result<(), KitError> {
        if row.bytes.trim_ascii().is_empty() {
            return Ok(());
        }
        let place = format!("line {}", row.line);
        let value = match row.broken {
            Some(broken) => Err(broken.to_owned()),
            None => serde_json::from_slice::<Value>(row.bytes)
                .map_err(|error| format!("column {}: no JSON", error.column())),
        };
        let value = match value {
            Ok(value) if value.is_object() => value,
            Ok(_) => return self.broken(row, durable, &place, "no object", outbox),
            Err(detail) => return self.broken(row, durable, &place, &detail, outbox),
        };
        let fields = Fields::new(&value);
        let written = fields.any("date").unwrap_or_default();
        let civil: Option<DateTime> = written.parse().ok();
        let sent = civil.and_then(|civil| self.zone.time(civil));
        let name = fields.any("sender").unwrap_or_default();
        let id = self
            .ids
            .id(civil, Some(&name), &hashed(&value), row.start)
            .map_err(|_| failed("import-id", &[]))?;
        if durable {
            return Ok(());
        }
        let outgoing = name == ME;
        let sender = match name.as_str() {
            ME => self.me.clone(),
            "" | NOBODY => None,
            name => participant_id("name", clipped(name, 480)).map(Participant::new),
        };
        let (mut content, wanted) = said(&fields, self.me.as_ref());
        let attachments = match &mut content {
            Content::Message(message) => self.attach(wanted, message, outbox)?,
            _ => Vec::new(),
        };
        let mut further = Vec::new();
        if sent.is_none() {
            further.push(Field::new("date", clipped(&written, 200)));
        }
        connector::normal::take_nothing(&fields);
        for (path, value) in fields.take_leftover().into_iter().take(64) {
            further.push(Field::new(format!("more.{path}"), value));
        }
        let envelope = self
            .emitter
            .envelope(&self.at, id)
            .sent(sent)
            .position(row.line)
            .direction(match (&sender, outgoing) {
                (None, _) => Direction::None,
                (_, true) => Direction::Outgoing,
                _ => Direction::Incoming,
            });
        let shown = format!("{}, {place}", self.file.shown);
        let entry = Entry {
            envelope,
            participants: Participants {
                sender,
                ..Participants::of(self.at.about.clone())
            },
            body: Body {
                content,
                fields: further,
            },
            original: row.bytes,
            attachments,
            place: &shown,
        };
        self.emitter.put(entry, &self.at, outbox)?;
        if sent.is_none() {
            let detail = format!("date: {:?} is no time", clipped(&written, 60));
            self.lose(LossWhy::Damaged, &place, &detail, None, outbox)?;
        }
        Ok(())
    }

    fn attach(
        &mut self,
        wanted: Vec<Wanted>,
        message: &mut Message,
        outbox: &mut Outbox<'_, '_>,
    ) -> Result<Vec<(Attachment, String)>, KitError> {
        let mut attachments = Vec::new();
        for file in wanted {
            let form = sniff::form_of(&file.name);
            let missing = |why| Missing {
                name: Some(clipped(&file.name, record::MAX_NAME).to_owned()),
                ..Missing::new(file.missing.as_deref().unwrap_or(form), why)
            };
            if file.missing.is_some() {
                message.parts.push(missing(MissingWhy::NotIncluded).into());
                continue;
            }
            let target = outbox.file_name();
            // White space is written as %20, whatever it was; a name may have that itself.
            let mut outcome = Err(NotCopied::Absent);
            for path in [file.path.clone(), file.path.replace("%20", " ")] {
                outcome = self.files.copy(&path, outbox.ctx.folder(), &target);
                if !matches!(outcome, Err(NotCopied::Absent)) {
                    break;
                }
            }
            match outcome {
                Ok(mut copied) => {
                    copied.attachment.name = Some(clipped(&file.name, record::MAX_NAME).to_owned());
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
                Err(NotCopied::TooLarge) => {
                    message.parts.push(missing(MissingWhy::TooLarge).into())
                }
                Err(NotCopied::Damaged(_)) => {
                    message.parts.push(missing(MissingWhy::Failed).into())
                }
                Err(NotCopied::Absent) => {
                    message.parts.push(missing(MissingWhy::NotIncluded).into())
                }
            }
        }
        Ok(attachments)
    }

    fn broken(
        &self,
        row: &Row<'_>,
        durable: bool,
        place: &str,
        detail: &str,
        outbox: &mut Outbox<'_, '_>,
    ) -> Result<(), KitError> {
        if durable {
            return Ok(());
        }
        self.lose(LossWhy::Damaged, place, detail, Some(row.bytes), outbox)
    }

    fn lose(
        &self,
        why: LossWhy,
        place: &str,
        detail: &str,
        bytes: Option<&[u8]>,
        outbox: &mut Outbox<'_, '_>,
    ) -> Result<(), KitError> {
        let place = format!("{}, {place}", self.file.shown);
        self.emitter
            .lose(why, &place, detail, bytes, &self.at, outbox)
    }
}

/// A file that a message names.
struct Wanted {
    name: String,
    path: String,
    /// What it was, where it was not exported.
    missing: Option<String>,
}

/// What a line says, and the files that it names.
fn said(fields: &Fields<'_>, me: Option<&Participant>) -> (Content, Vec<Wanted>) {
    let body = fields.any("body").unwrap_or_default();
    let body = body.trim_end();
    let missed = fields.flag("missed") == Some(true);
    if fields.flag("call") == Some(true) {
        let media = match body.to_lowercase() {
            line if line.contains("video") => CallMedia::Video,
            line if line.contains("voice") => CallMedia::Audio,
            _ => CallMedia::Unknown,
        };
        let state = if missed {
            CallState::Missed
        } else {
            CallState::Other
        };
        let call = Call {
            reason: Some(body.to_owned()).filter(|body| !body.is_empty()),
            ..Call::new(media, state)
        };
        for name in ["quote", "deleted", "sticker"] {
            fields.known(name);
        }
        return (call.into(), Vec::new());
    }
    let mut message = Message::default();
    // Which message it answers is not exported; its words are.
    let quote = fields.any("quote").unwrap_or_default();
    let quote = quote.trim().trim_start_matches('>').trim();
    if !quote.is_empty() {
        message.parts.push(
            Structured {
                type_name: "quote".to_owned(),
                parts: vec![Text::plain(quote).into()],
                ..Structured::default()
            }
            .into(),
        );
    }
    if !body.is_empty() {
        message.parts.push(Text::plain(body).into());
    }
    if let Some(sticker) = fields.obj("sticker") {
        message.parts.push(
            Sticker {
                pack: sticker.any("packId").filter(|id| !id.is_empty()),
                id: sticker.any("id").filter(|id| !id.is_empty()),
                emoji: sticker.any("emoji"),
                attachment: None,
            }
            .into(),
        );
        sticker.known("packKey");
        sticker.known("extension");
    }
    if fields.flag("deleted") == Some(true) {
        message.marks.push("deleted".to_owned());
    }
    for reaction in fields.list("reactions") {
        // A pair, or an object, as the version writes it.
        let value = reaction.any("[1]").or_else(|| reaction.any("emoji"));
        let name = reaction
            .any("[0]")
            .or_else(|| reaction.any("name"))
            .unwrap_or_default();
        let by = match name.as_str() {
            ME => me.cloned(),
            name => participant_id("name", clipped(name, 480)).map(Participant::new),
        };
        let Some(value) = value else { continue };
        let voter = by.map(|participant| TallyVoter {
            participant,
            at: None,
        });
        match message
            .reactions
            .iter_mut()
            .find(|tally| tally.value == value)
        {
            Some(tally) => {
                tally.count += 1;
                tally.by.extend(voter);
            }
            None => message.reactions.push(Tally {
                value,
                count: 1,
                by: voter.into_iter().collect(),
            }),
        }
    }
    let wanted = fields
        .list("attachments")
        .iter()
        .map(|file| Wanted {
            name: file.any("name").unwrap_or_default(),
            path: file.any("path").unwrap_or_default(),
            missing: file.any("missing_kind"),
        })
        .collect();
    (message.into(), wanted)
}

/// What names a message beside its time and sender: what does not come later.
fn hashed(value: &Value) -> Vec<u8> {
    let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut hashed = Vec::new();
    for part in [text("body"), text("quote")] {
        hashed.extend_from_slice(&(part.len() as u64).to_be_bytes());
        hashed.extend_from_slice(part.as_bytes());
    }
    let files = value.get("attachments").and_then(Value::as_array);
    for file in files.into_iter().flatten() {
        if let Some(path) = file.get("path").and_then(Value::as_str) {
            hashed.extend_from_slice(path.as_bytes());
            hashed.push(0);
        }
    }
    hashed
}
