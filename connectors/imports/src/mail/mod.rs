//! Messages as files: what other archives give when one leaves them. One message (`.eml`), a
//! mailbox of many, a folder or an archive of both; journal reports included.
//!
//! A message's network is `email`, unless the archive's fields say from which network it was
//! taken (`marks`). Its id is its Message-ID, a conversation the first message of its thread
//! (`thread:<Message-ID>`), or what the archive's fields name. Addresses are `email:…`.

mod journal;
mod marks;
mod mime;
mod read;
mod source;

use std::collections::HashSet;

use connector::kit::{Context, KitError};
use record::{
    Attachment, Conversation, ConversationKind, Direction, LossWhy, MissingWhy, NetworkName, Part,
    Participants, Source, Time,
};

use self::read::{FilePart, Read, read};
use self::source::{Found, Item};
use crate::emit::{Emitter, Entry, Where};
use crate::media::{self, NotCopied};
use crate::open::Export;
use crate::outbox::{Outbox, folder, resume_at};
use crate::run::Settings;

pub(crate) use self::marks::network;
pub(crate) use self::source::{is_mail, looks_like_mail};

/// Media type of originals.
const ORIGINAL: &str = "message/rfc822";
/// Bytes of a message above the limit that are kept with its loss.
const KEPT_OF_TOO_LARGE: usize = 4 << 20;

/// The walk through one source.
struct Mail {
    emitter: Emitter,
    /// Ids of the account's owner.
    own: Vec<String>,
    /// The network of what no archive's field says otherwise of.
    mail: NetworkName,
    /// Where losses stand.
    source: Where,
    other: u64,
}

/// Files that were written, and where each part's file stands among them, or why it is missing.
struct Written {
    attachments: Vec<(Attachment, String)>,
    places: Vec<Result<u32, record::Missing>>,
}

/// Reads a source and emits its records.
pub(crate) fn import(
    ctx: &mut Context<'_>,
    source: Source,
    export: &Export,
    settings: &Settings,
    mail: NetworkName,
) -> Result<(), KitError> {
    let captured = Time::utc(ctx.now());
    let resume = resume_at(ctx.position());
    let total = source::total(&export.content);
    let mut outbox = Outbox::new(ctx, resume, total);
    let account = source.account.as_str().to_lowercase();
    let me = settings.me.as_deref().unwrap_or_default().to_lowercase();
    let mut walk = Mail {
        own: vec![
            account.clone(),
            format!("email:{account}"),
            format!("email:{me}"),
        ],
        source: Where {
            network: mail.clone(),
            conversation: source.account.clone(),
            about: Conversation::default(),
        },
        emitter: Emitter {
            source,
            captured,
            original: ORIGINAL,
        },
        mail,
        other: 0,
    };
    let mut last = 0;
    let listed = source::each(&export.content, &mut |found| {
        last = found.end;
        walk.take(found, &mut outbox)
    })?;
    if let Err(error) = listed {
        walk.lose(
            LossWhy::Damaged,
            "the export",
            &error.to_string(),
            None,
            &mut outbox,
        )?;
    }
    for (place, detail) in export.content.damage() {
        walk.lose(LossWhy::Damaged, place, detail, None, &mut outbox)?;
    }
    if walk.other > 0 {
        let files = walk.other.to_string();
        outbox
            .ctx
            .trouble("import-files-left", &[("files", &files)])?;
    }
    outbox.flush(last)
}

/// Any bytes as a message.
pub(crate) fn fuzz(bytes: &[u8]) {
    let read = read(bytes, bytes, &NetworkName::MATRIX);
    for file in &read.files {
        let _ = file.leaf.decoded();
    }
    let _ = source::unmarked(bytes);
    let _ = looks_like_mail(bytes);
}

impl Mail {
    fn take(&mut self, found: Found<'_>, outbox: &mut Outbox<'_, '_>) -> Result<(), KitError> {
        let Found { item, place, end } = found;
        if outbox.is_durable(end) {
            return Ok(());
        }
        match item {
            Item::Other => self.other += 1,
            Item::Message(bytes) => self.message(bytes, place, outbox)?,
            Item::TooLarge(bytes) => {
                let detail = "a message above 128 MiB; its beginning is kept";
                let kept = bytes.get(..KEPT_OF_TOO_LARGE.min(bytes.len()));
                self.lose(LossWhy::TooLarge, place, detail, kept, outbox)?;
            }
            Item::Unreadable(bytes, error) => {
                if !bytes.is_empty() {
                    self.message(bytes, place, outbox)?;
                }
                self.lose(LossWhy::Damaged, place, &error, None, outbox)?;
            }
        }
        outbox.settle(end)
    }

    fn message(
        &mut self,
        bytes: &[u8],
        place: &str,
        outbox: &mut Outbox<'_, '_>,
    ) -> Result<(), KitError> {
        let (line, text) = source::unmarked(bytes);
        let message = text.as_deref().unwrap_or(bytes);
        if message.iter().all(u8::is_ascii_whitespace) {
            return self.lose(
                LossWhy::Damaged,
                place,
                "an empty message",
                Some(bytes),
                outbox,
            );
        }
        let mut read = read(message, message, &self.mail);
        if let Some(line) = line {
            let line = String::from_utf8_lossy(line).into_owned();
            read.body.fields.push(record::Field::new("mbox.from", line));
        }
        let mut notes = std::mem::take(&mut read.notes);
        let at = self.at(&read);
        let files = std::mem::take(&mut read.files);
        let Written {
            attachments,
            places,
        } = self.write(files, &mut notes, outbox)?;
        if let record::Content::Message(said) = &mut read.body.content {
            put(&mut said.parts, &places);
        }
        let sender = read.sender;
        let direction = self.direction(sender.as_ref().map(|sender| sender.id.as_str()));
        let envelope = self
            .emitter
            .envelope(&at, read.id)
            .sent(read.sent)
            .received(read.received)
            .direction(direction);
        let participants = Participants {
            sender,
            recipients: read.recipients,
            ..Participants::of(at.about.clone())
        };
        let entry = Entry {
            envelope,
            participants,
            body: read.body,
            original: bytes,
            attachments,
            place,
        };
        self.emitter.put(entry, &at, outbox)?;
        let mut said = HashSet::new();
        notes.retain(|note| said.insert(note.text.clone()));
        for note in notes {
            let why = if note.limit {
                LossWhy::Limit
            } else {
                LossWhy::Damaged
            };
            self.emitter
                .lose(why, place, &note.text, None, &at, outbox)?;
        }
        Ok(())
    }

    fn at(&self, read: &Read<'_>) -> Where {
        let kind = match read.recipients.len() {
            1 => ConversationKind::Direct,
            0 => ConversationKind::Unknown,
            _ => ConversationKind::Group,
        };
        Where {
            network: read.network.clone(),
            conversation: read.conversation.clone(),
            about: Conversation::new(kind).title(read.title.as_str()),
        }
    }

    fn direction(&self, sender: Option<&str>) -> Direction {
        match sender {
            None => Direction::None,
            Some(id) if self.own.iter().any(|own| own == id) => Direction::Outgoing,
            // Whose the archive is says the account; where it is no address, nobody can tell.
            Some(_) if self.own.iter().any(|own| own.contains('@')) => Direction::Incoming,
            Some(_) => Direction::None,
        }
    }

    /// Writes files whole into the connector's folder. Gives where each now stands among the
    /// attachments, or why it is missing.
    fn write(
        &self,
        files: Vec<FilePart<'_>>,
        notes: &mut Vec<mime::Note>,
        outbox: &mut Outbox<'_, '_>,
    ) -> Result<Written, KitError> {
        let mut attachments = Vec::new();
        let mut places = Vec::new();
        for file in files {
            let (bytes, note) = file.leaf.decoded();
            notes.extend(note.map(|text| mime::Note { limit: false, text }));
            let target = outbox.file_name();
            match media::copy(&bytes[..], media::MAX_FILE, outbox.ctx.folder(), &target) {
                Ok(copied) => {
                    let mut attachment = copied.attachment;
                    attachment.name = file.name;
                    attachment.declared_type = Some(file.leaf.media_type.clone());
                    places.push(Ok(u32::try_from(attachments.len()).unwrap_or(u32::MAX)));
                    attachments.push((attachment, target));
                }
                Err(NotCopied::Folder(error)) => return Err(folder(&error)),
                Err(_) => places.push(Err(record::Missing {
                    name: file.name,
                    media_type: Some(file.leaf.media_type.clone()),
                    ..record::Missing::new("file", MissingWhy::Failed)
                })),
            }
        }
        Ok(Written {
            attachments,
            places,
        })
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
            .lose(why, place, detail, bytes, &self.source, outbox)
    }
}

/// Puts the places of attachments into the parts that mean them.
fn put(parts: &mut [Part], places: &[Result<u32, record::Missing>]) {
    for part in parts {
        let Part::Media(media) = part else { continue };
        match places.get(media.attachment.get() as usize) {
            Some(Ok(index)) => media.attachment = record::AttachmentIndex::new(*index),
            Some(Err(missing)) => *part = missing.clone().into(),
            None => {}
        }
    }
}
