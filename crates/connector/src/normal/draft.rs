//! A record of a network's event before its content is known, and its files.

use std::collections::HashMap;
use std::sync::Arc;

use record::{
    Attachment, AttachmentIndex, Body, Content, Conversation, Direction, Envelope, Field, FileHash,
    Loss, LossWhy, MAX_INLINE_ORIGINAL, MAX_NAME, Media, Milliseconds, Missing, MissingWhy, Mode,
    Original, Part, Participant, Participants, Record, RecordError, Source, TextId, Time, Times,
};

use super::{Capture, NormalizeError, stable_id};

const JSON: &str = "application/json";

/// What became of files before the event is normalized, by the network's reference.
#[derive(Clone, Default)]
pub struct Files(Arc<HashMap<String, Fetched>>);

#[derive(Clone)]
enum Fetched {
    Here(Attachment),
    Never(MissingWhy, String),
}

impl Files {
    /// One more file: `attachment` tells its size and hash.
    pub fn insert(&mut self, reference: impl Into<String>, attachment: Attachment) {
        Arc::make_mut(&mut self.0).insert(reference.into(), Fetched::Here(attachment));
    }

    /// One more file that can not be had any more, and why: it is not wanted again.
    pub fn never(
        &mut self,
        reference: impl Into<String>,
        why: MissingWhy,
        detail: impl Into<String>,
    ) {
        Arc::make_mut(&mut self.0).insert(reference.into(), Fetched::Never(why, detail.into()));
    }

    /// The file with that reference.
    #[must_use]
    pub fn get(&self, reference: &str) -> Option<&Attachment> {
        match self.0.get(reference)? {
            Fetched::Here(attachment) => Some(attachment),
            Fetched::Never(..) => None,
        }
    }

    fn given_up(&self, reference: Option<&str>) -> Option<(MissingWhy, &str)> {
        match self.0.get(reference?)? {
            Fetched::Never(why, detail) => Some((*why, detail)),
            Fetched::Here(_) => None,
        }
    }
}

impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Files({})", self.0.len())
    }
}

/// What an event tells of one file.
#[derive(Clone, Default)]
pub struct MediaReference {
    /// The network's id or address of it, by which it is fetched.
    pub reference: Option<String>,
    /// File name as given.
    pub name: Option<String>,
    /// Media type as declared.
    pub media_type: Option<String>,
    /// Size in bytes as declared.
    pub size: Option<u64>,
    /// Width in pixels.
    pub width: Option<u64>,
    /// Height in pixels.
    pub height: Option<u64>,
    /// Duration in milliseconds.
    pub duration_ms: Option<u64>,
}

impl std::fmt::Debug for MediaReference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MediaReference")
    }
}

/// A record of an event, all but its content.
#[derive(Clone)]
pub struct Draft {
    source: Source,
    conversation: TextId,
    source_id: TextId,
    direction: Direction,
    times: Times,
    position: Option<u64>,
    files: Files,
    attachments: Vec<Attachment>,
    references: usize,
    wanted: Vec<String>,
    /// Who takes part, and where.
    pub participants: Participants,
    /// What the network gives beyond the model.
    pub fields: Vec<Field>,
}

impl Draft {
    /// Of the event that its network calls `source_id` in `conversation`.
    #[must_use]
    pub fn new(
        capture: &Capture<'_>,
        conversation: TextId,
        source_id: TextId,
        about: Conversation,
    ) -> Self {
        Self {
            source: capture.source.clone(),
            conversation,
            source_id,
            direction: Direction::None,
            times: Times {
                sent: None,
                server: None,
                received: None,
                captured: capture.captured,
            },
            position: None,
            files: capture.files.clone(),
            attachments: Vec::new(),
            references: 0,
            wanted: Vec::new(),
            participants: Participants::of(about),
            fields: Vec::new(),
        }
    }

    /// Comes from the network's history, not as it happened.
    #[must_use]
    pub fn backfilled(mut self) -> Self {
        self.source.mode = Mode::Backfill;
        self
    }

    /// Which way it went.
    #[must_use]
    pub fn direction(mut self, direction: Direction) -> Self {
        self.direction = direction;
        self
    }

    /// When its author's device sent it, in milliseconds.
    #[must_use]
    pub fn sent(mut self, ms: Option<i64>) -> Self {
        self.times.sent = ms.map(time);
        self
    }

    /// When the network accepted it, in milliseconds.
    #[must_use]
    pub fn server(mut self, ms: Option<i64>) -> Self {
        self.times.server = ms.map(time);
        self
    }

    /// When the account's device received it, in milliseconds.
    #[must_use]
    pub fn received(mut self, ms: Option<i64>) -> Self {
        self.times.received = ms.map(time);
        self
    }

    /// The source's own order within the conversation.
    #[must_use]
    pub fn position(mut self, position: Option<u64>) -> Self {
        self.position = position;
        self
    }

    /// Who it comes from.
    #[must_use]
    pub fn sender(mut self, sender: Option<Participant>) -> Self {
        self.participants.sender = sender;
        self
    }

    /// One more recipient.
    #[must_use]
    pub fn recipient(mut self, recipient: Option<Participant>) -> Self {
        self.participants.recipients.extend(recipient);
        self
    }

    /// One more field; an empty value is left out.
    pub fn field(&mut self, name: &str, value: impl Into<String>) {
        let value = value.into();
        if !value.is_empty() {
            self.fields.push(Field::new(name, value));
        }
    }

    /// The part that stands for a file: the file itself where it was fetched, else what is known
    /// of it, with the reference to fetch it by.
    pub fn media(&mut self, form: &str, file: MediaReference) -> Part {
        match self.attach(&file) {
            Some(attachment) => Part::Media(Media {
                attachment,
                form: form.to_owned(),
            }),
            None => {
                let number = self.references;
                self.references += 1;
                let measures = [
                    ("width", file.width),
                    ("height", file.height),
                    ("duration-ms", file.duration_ms),
                ];
                for (name, value) in measures {
                    if let Some(value) = value {
                        self.field(&format!("media[{number}].{name}"), value.to_string());
                    }
                }
                let (why, detail) = self
                    .files
                    .given_up(file.reference.as_deref())
                    .map_or((MissingWhy::NotIncluded, String::new()), |(why, detail)| {
                        (why, detail.to_owned())
                    });
                self.field(&format!("media[{number}].missing"), detail);
                Part::Missing(Missing {
                    name: file.name,
                    media_type: file.media_type,
                    size: file.size,
                    reference: file.reference,
                    ..Missing::new(form, why)
                })
            }
        }
    }

    /// The attachment of a file that was fetched; one that was not is named as wanted.
    pub fn attach(&mut self, file: &MediaReference) -> Option<AttachmentIndex> {
        let reference = file.reference.as_deref().filter(|text| !text.is_empty())?;
        let Some(fetched) = self.files.get(reference).cloned() else {
            let given_up = self.files.given_up(Some(reference)).is_some();
            if !given_up && !self.wanted.iter().any(|known| known == reference) {
                self.wanted.push(reference.to_owned());
            }
            return None;
        };
        let index = u32::try_from(self.attachments.len()).ok()?;
        self.attachments.push(Attachment {
            name: fetched
                .name
                .or_else(|| file.name.clone())
                .filter(|name| name.len() <= MAX_NAME),
            declared_type: fetched.declared_type.or_else(|| file.media_type.clone()),
            reference: fetched.reference.or_else(|| file.reference.clone()),
            width: fetched.width.or_else(|| small(file.width)),
            height: fetched.height.or_else(|| small(file.height)),
            duration_ms: fetched.duration_ms.or(file.duration_ms),
            ..fetched
        });
        Some(AttachmentIndex::new(index))
    }

    /// Which event its record will be: conversation, source id.
    pub(super) fn names(&self) -> (&TextId, &TextId) {
        (&self.conversation, &self.source_id)
    }

    /// References of files that were not fetched.
    pub(super) fn wanted(&self) -> &[String] {
        &self.wanted
    }

    /// Names the record apart from the others of the same event.
    pub(super) fn number(&mut self, number: usize) {
        self.source_id = stable_id(&format!("{}#{number}", self.source_id.as_str()));
    }

    // RECORD-6, RECORD-8: what does not fit stands as a loss, with the original beside it.
    pub(super) fn finish(
        self,
        content: Content,
        part: Option<&[u8]>,
        event: &[u8],
    ) -> Result<Record, NormalizeError> {
        let bytes = part.unwrap_or(event);
        let Self {
            source,
            conversation,
            source_id,
            direction,
            times,
            position,
            mut attachments,
            participants,
            fields,
            ..
        } = self;
        let envelope = Envelope::builder(&source, conversation, source_id, times.captured)
            .direction(direction)
            .sent(times.sent)
            .server(times.server)
            .received(times.received)
            .position(position);
        let original = original(bytes, event, &mut attachments);
        let body = Body { content, fields };
        let first = Record::new(
            envelope.clone(),
            participants.clone(),
            body,
            Some(original),
            attachments,
        );
        let error = match first {
            Ok(record) => return Ok(record),
            Err(error) => error,
        };
        let loss = Loss {
            count: Some(1),
            detail: Some(error.to_string()),
            ..Loss::new(match error {
                RecordError::TextTooLong { .. } | RecordError::TooLarge { .. } => LossWhy::TooLarge,
                RecordError::AboutNothing => LossWhy::Damaged,
                _ => LossWhy::Limit,
            })
        };
        let mut only = Vec::new();
        let original = self::original(bytes, event, &mut only);
        let named = Record::new(
            envelope.clone(),
            participants,
            loss.clone(),
            Some(original.clone()),
            only.clone(),
        );
        named
            .or_else(|_| {
                let nobody = Participants::of(Conversation::default());
                Record::new(envelope, nobody, loss, Some(original), only)
            })
            .map_err(NormalizeError::Record)
    }
}

impl std::fmt::Debug for Draft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Draft({} attachments)", self.attachments.len())
    }
}

fn original(bytes: &[u8], event: &[u8], attachments: &mut Vec<Attachment>) -> Original {
    if bytes.len() <= MAX_INLINE_ORIGINAL {
        return Original::inline(JSON, bytes);
    }
    let index = AttachmentIndex::new(u32::try_from(attachments.len()).unwrap_or(u32::MAX));
    let size = u64::try_from(event.len()).unwrap_or(u64::MAX);
    attachments.push(Attachment {
        declared_type: Some(JSON.to_owned()),
        ..Attachment::new(size, FileHash::from_bytes(canonical::sha256(event)))
    });
    Original::attached(JSON, index)
}

fn time(ms: i64) -> Time {
    Time::utc(Milliseconds::new(ms))
}

fn small(value: Option<u64>) -> Option<u32> {
    value.and_then(|value| u32::try_from(value).ok())
}
