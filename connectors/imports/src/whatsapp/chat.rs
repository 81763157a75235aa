//! One chat: from blocks to records.

use std::io::{self, Read};

use connector::kit::KitError;
use record::{
    AttachmentIndex, Body, Change, Changed, Content, Conversation, ConversationKind, Direction,
    Envelope, Field, LossWhy, Media, MemberAct, MemberChange, Membership, Missing, MissingWhy,
    Part, Participant, Participants, Source, Sticker, TextId, Time, Unknown,
};

use super::blocks::{Block, Blocks};
use super::dates::{DateOrder, Zone};
use super::header::Form;
use super::meaning::{NamedFile, is_content, meaning, trim_marks};
use super::names::{Names, SourceIds};
use super::notices::{Notice, What, is_owner_word, notice};
use crate::media::{Files, NotCopied};
use crate::outbox::{Draft, DraftError, Lost, Outbox, folder};
use crate::{sniff, vcard};

/// Media type of originals: the block of the chat file, byte for byte.
const ORIGINAL: &str = "text/x-whatsapp-export";
/// Longest text that is kept as text; the original has all of it.
const MAX_TEXT: usize = record::MAX_TEXT - 4;

/// What is the same for all messages of one chat.
pub(crate) struct Chat {
    pub(crate) source: Source,
    pub(crate) conversation: TextId,
    pub(crate) title: String,
    pub(crate) kind: ConversationKind,
    pub(crate) order: DateOrder,
    pub(crate) form: Form,
    pub(crate) zone: Zone,
    pub(crate) names: Names,
    pub(crate) ids: SourceIds,
    pub(crate) files: Files,
    pub(crate) captured: Time,
    pub(crate) number: u64,
}

/// A block's content as text, with what had to be left out of it.
struct Reading {
    text: String,
    /// Places of lines or bytes that are no text.
    damaged: Vec<String>,
}

impl Chat {
    /// Reads the chat to its end, or to where it is damaged.
    pub(crate) fn import(
        &mut self,
        input: impl Read,
        outbox: &mut Outbox<'_, '_>,
    ) -> Result<(), KitError> {
        let mut blocks = Blocks::new(input, Some(self.form));
        let mut end;
        loop {
            let block = match blocks.next_block() {
                Ok(Some(block)) => block,
                Ok(None) => break,
                Err(error) => return self.broken(blocks, &error, outbox),
            };
            end = block.offset + block.bytes.len() as u64;
            self.take(&block, outbox)?;
            outbox.settle(end)?;
        }
        Ok(())
    }

    /// The file ends in damage: what was read counts, and where it broke is told.
    fn broken<R: Read>(
        &mut self,
        mut blocks: Blocks<R>,
        error: &io::Error,
        outbox: &mut Outbox<'_, '_>,
    ) -> Result<(), KitError> {
        let mut place = "beginning of the chat".to_owned();
        if let Some(block) = blocks.rest() {
            self.take(&block, outbox)?;
            let end = block.offset + block.bytes.len() as u64;
            place = format!("byte {end}, in the message at {}", block.place());
        }
        self.lose(LossWhy::Damaged, place, &error.to_string(), None, outbox)
    }

    /// Makes records of one block.
    fn take(&mut self, block: &Block<'_>, outbox: &mut Outbox<'_, '_>) -> Result<(), KitError> {
        self.number += 1;
        let Some(stamp) = block.stamp else {
            if block.bytes.is_empty() {
                return Ok(());
            }
            let detail = "bytes that belong to no message";
            let bytes = Some(block.bytes);
            return self.lose(LossWhy::Damaged, block.place(), detail, bytes, outbox);
        };
        let civil = self.order.civil(&stamp);
        let sent = civil.and_then(|civil| self.zone.time(civil));
        let (author, rest) = block.author_and_text();
        let reading = read_text(rest, block);
        let text = reading.text.as_str();

        let by_app = text.starts_with(['\u{200e}', '\u{200f}']);
        let (sender, told) = match author {
            // Where the app's own lines stand under a name, a mark begins them.
            Some(author) if by_app && !is_content(text) => (Some(author), notice(text)),
            // A name that wrote before is no part of a notice.
            Some(author) if self.names.knows(author) => (Some(author), None),
            // A title in a notice may have a colon, a name hardly.
            Some(author) => {
                let line = block.bytes.get(stamp.rest..).unwrap_or_default();
                let told = notice(&String::from_utf8_lossy(line)).filter(|told| {
                    told.what != What::Encryption
                        && told
                            .actor
                            .as_ref()
                            .is_some_and(|actor| !actor.contains(": "))
                });
                (told.is_none().then_some(author), told)
            }
            None => (None, notice(text)),
        };
        let author_text = sender.map(super::names::clean);
        let id = if told.is_some() && sender.is_none() && author.is_some() {
            let whole = block.bytes.get(stamp.rest..).unwrap_or_default();
            self.ids
                .id(civil, None, without_line_end(whole), block.offset)
        } else {
            let rest = without_line_end(rest);
            self.ids
                .id(civil, author_text.as_deref(), rest, block.offset)
        };
        let end = block.offset + block.bytes.len() as u64;
        let durable = outbox.is_durable(end);
        let Ok(id) = id else {
            let bytes = Some(block.bytes);
            return self.lose(LossWhy::Other, block.place(), "no id", bytes, outbox);
        };
        let sender = match sender.map(|name| self.names.participant(name)) {
            Some(Ok(sender)) => Some(sender),
            // A name of marks only: the message stays, its author is not invented.
            Some(Err(_)) | None => None,
        };
        if durable {
            return Ok(());
        }
        let direction = match author.filter(|_| sender.is_some()) {
            Some(author) if told.is_none() => match self.names.is_me(author) {
                Some(true) => Direction::Outgoing,
                Some(false) => Direction::Incoming,
                None => Direction::None,
            },
            _ => Direction::None,
        };
        let envelope =
            Envelope::builder(&self.source, self.conversation.clone(), id, self.captured)
                .direction(direction)
                .sent(sent)
                .position(self.number);
        let mut participants = Participants {
            sender,
            ..Participants::of(Conversation::new(self.kind).title(self.title.as_str()))
        };
        let mut attachments = Vec::new();
        let mut troubles: Vec<(LossWhy, String)> = Vec::new();
        let body: Body = match told {
            Some(told) => {
                let encryption = told.what == What::Encryption;
                let body = self.notice_body(told, text, &mut participants);
                if encryption {
                    // The app's word, whatever name it stands under.
                    participants.sender = None;
                }
                body
            }
            None if author.is_none() => Unknown {
                type_name: "notice".into(),
                text: Some(trim_marks(text).to_owned()).filter(|text| !text.is_empty()),
            }
            .into(),
            None => {
                let found = meaning(text);
                let mut content = found.content;
                if let Some(file) = found.file {
                    self.attach(&mut content, file, outbox, &mut attachments, &mut troubles)?;
                }
                content.into()
            }
        };
        if civil.is_none() {
            troubles.push((LossWhy::Damaged, "time can not be read".into()));
        }
        if !reading.damaged.is_empty() {
            let places = reading.damaged.join("; ");
            troubles.push((LossWhy::Damaged, format!("no text: {places}")));
        }
        if rest.len() > MAX_TEXT {
            troubles.push((
                LossWhy::TooLarge,
                "the text is cut, the original is whole".into(),
            ));
        }
        let draft = Draft {
            envelope: envelope.clone(),
            participants: participants.clone(),
            body,
            original: Some((ORIGINAL, block.bytes)),
            attachments,
        };
        match outbox.build(draft) {
            Ok((_, incoming)) => outbox.push(incoming),
            Err(DraftError::Folder(error)) => return Err(folder(&error)),
            // RECORD-8: the event stays, its original as a whole, what it says is to be read there.
            Err(DraftError::Record(error)) => {
                troubles.push((LossWhy::Limit, error.to_string()));
                let draft = Draft {
                    envelope,
                    participants,
                    body: Unknown {
                        type_name: "message".into(),
                        text: None,
                    }
                    .into(),
                    original: Some((ORIGINAL, block.bytes)),
                    attachments: Vec::new(),
                };
                match outbox.build(draft) {
                    Ok((_, incoming)) => outbox.push(incoming),
                    Err(DraftError::Folder(error)) => return Err(folder(&error)),
                    Err(DraftError::Record(_)) => {
                        let bytes = Some(block.bytes);
                        let place = block.place();
                        return self.lose(LossWhy::Limit, place, "a limit", bytes, outbox);
                    }
                }
            }
        }
        for (why, detail) in troubles {
            self.lose(why, block.place(), &detail, None, outbox)?;
        }
        Ok(())
    }

    /// Finds the file that a message names, and puts it into the message.
    fn attach(
        &mut self,
        content: &mut Content,
        file: NamedFile,
        outbox: &mut Outbox<'_, '_>,
        attachments: &mut Vec<(record::Attachment, String)>,
        troubles: &mut Vec<(LossWhy, String)>,
    ) -> Result<(), KitError> {
        let Content::Message(message) = content else {
            return Ok(());
        };
        let form = sniff::form_of(&file.name);
        let target = outbox.file_name();
        let copied = self.files.copy(&file.name, outbox.ctx.folder(), &target);
        let missing = |why| {
            Part::from(Missing {
                name: Some(file.name.clone()),
                ..Missing::new(form, why)
            })
        };
        let part = match copied {
            Ok(copied) => {
                let index = AttachmentIndex::new(0);
                let path = outbox.ctx.folder().join(&copied.file);
                attachments.push((copied.attachment, copied.file));
                match form {
                    "sticker" => Sticker {
                        attachment: Some(index),
                        ..Sticker::default()
                    }
                    .into(),
                    "card" => {
                        let cards = vcard::cards_in(&path).map_err(|error| folder(&error))?;
                        for card in cards {
                            message.parts.push(card.into());
                        }
                        media(index, "file")
                    }
                    form => media(index, form),
                }
            }
            Err(NotCopied::Absent) => missing(MissingWhy::NotIncluded),
            Err(NotCopied::Damaged(error)) => {
                troubles.push((LossWhy::Damaged, format!("file {}: {error}", file.name)));
                missing(MissingWhy::Failed)
            }
            Err(NotCopied::TooLarge) => {
                troubles.push((LossWhy::TooLarge, format!("file {}", file.name)));
                missing(MissingWhy::TooLarge)
            }
            Err(NotCopied::Folder(error)) => return Err(folder(&error)),
        };
        message.parts.insert(0, part);
        Ok(())
    }

    /// What a notice of the app is in the model.
    fn notice_body(&mut self, told: Notice, text: &str, participants: &mut Participants) -> Body {
        let actor = told.actor.as_deref().and_then(|name| self.person(name));
        if participants.sender.is_none() && told.what != What::Encryption {
            participants.sender = actor.clone();
        }
        let act = |act| (act, told.members.as_deref());
        let (act, members) = match told.what {
            What::Added => act(MemberAct::Added),
            What::Removed => act(MemberAct::Removed),
            What::Promoted => act(MemberAct::Promoted),
            What::Demoted => act(MemberAct::Demoted),
            What::AddedOwner => (MemberAct::Added, Some("you")),
            What::RemovedOwner => (MemberAct::Removed, Some("you")),
            What::Left => (MemberAct::Left, told.actor.as_deref()),
            What::JoinedByLink => (MemberAct::Joined, told.actor.as_deref()),
            _ => return change_body(told, text),
        };
        let by = match act {
            MemberAct::Left | MemberAct::Joined => None,
            _ => actor.clone(),
        };
        let detail = (told.what == What::JoinedByLink).then(|| "link".to_owned());
        let changes: Vec<MemberChange> = self
            .people(members)
            .into_iter()
            .map(|member| MemberChange {
                member,
                act,
                by: by.clone(),
                detail: detail.clone(),
            })
            .collect();
        if changes.is_empty() {
            return unknown(text);
        }
        Body {
            content: Membership { changes }.into(),
            fields: vec![Field::new("text", trim_marks(text))],
        }
    }

    /// Those in a list, as the app writes lists: commas, and a word before the last. A word is
    /// taken as such only where it stands alone between two names.
    fn people(&mut self, list: Option<&str>) -> Vec<Participant> {
        let Some(list) = list else { return Vec::new() };
        let mut names: Vec<&str> = list.split([',', '、', '،']).map(str::trim).collect();
        if let Some(last) = names.pop() {
            let parted = AND.iter().find_map(|and| last.split_once(and));
            match parted {
                Some((one, two)) => names.extend([one.trim(), two.trim()]),
                None => names.push(last),
            }
        }
        names
            .into_iter()
            .filter(|name| !name.is_empty())
            .filter_map(|name| self.person(name))
            .collect()
    }

    fn person(&mut self, name: &str) -> Option<Participant> {
        if is_owner_word(name) {
            self.names.owner().ok()
        } else {
            super::names::named(name).ok()
        }
    }

    /// Records what could not be taken, and where.
    pub(crate) fn lose(
        &mut self,
        why: LossWhy,
        place: String,
        detail: &str,
        bytes: Option<&[u8]>,
        outbox: &mut Outbox<'_, '_>,
    ) -> Result<(), KitError> {
        let lost = Lost {
            why,
            place,
            detail,
            original: bytes.map(|bytes| (ORIGINAL, bytes)),
        };
        let conversation = Conversation::new(self.kind).title(self.title.as_str());
        outbox.lose(lost, Participants::of(conversation), |id| {
            Envelope::builder(&self.source, self.conversation.clone(), id, self.captured)
                .position(self.number)
        })
    }
}

/// Words between the last two names of a list.
const AND: &[&str] = &[
    " and ", " und ", " et ", " y ", " e ", " en ", " и ", " ve ", " ja ", " och ", " og ", " i ",
    " و", " ו-", "和", " dan ", " और ",
];

fn media(index: AttachmentIndex, form: &str) -> Part {
    Media {
        attachment: index,
        form: form.to_owned(),
    }
    .into()
}

fn unknown(text: &str) -> Body {
    Unknown {
        type_name: "notice".into(),
        text: Some(trim_marks(text).to_owned()).filter(|text| !text.is_empty()),
    }
    .into()
}

/// Changes of the conversation; the line itself stays beside them as a field, to be searched.
fn change_body(told: Notice, text: &str) -> Body {
    let what = match told.what {
        What::Encryption => "encryption",
        What::Created => "created",
        What::Title => "title",
        What::Description => "description",
        What::Avatar => "avatar",
        What::Timer => "timer",
        What::Settings => "settings",
        What::NumberChanged => "number",
        What::SecurityCode => "security-code",
        What::Pinned => "pin",
        _ => return unknown(text),
    };
    Body {
        content: Change {
            changes: vec![Changed {
                what: what.into(),
                before: told.before,
                after: told.after,
                target: None,
            }],
        }
        .into(),
        fields: vec![Field::new("text", trim_marks(text))],
    }
}

/// Text of a block's rest: line ends made plain, lines that are no text left out and named.
fn read_text(rest: &[u8], block: &Block<'_>) -> Reading {
    let before = block.bytes.len() - block.bytes.len().min(rest.len());
    let rest = without_line_end(rest);
    let kept = rest.get(..rest.len().min(MAX_TEXT)).unwrap_or_default();
    match std::str::from_utf8(kept) {
        Ok(text) if memchr::memchr2(0, b'\r', kept).is_none() => {
            return Reading {
                text: text.to_owned(),
                damaged: Vec::new(),
            };
        }
        _ => {}
    }
    let cut = kept.len() < rest.len();
    let mut reading = Reading {
        text: String::with_capacity(kept.len()),
        damaged: Vec::new(),
    };
    let mut at = 0;
    let lines = kept.split(|byte| *byte == b'\n');
    for (number, line) in lines.enumerate() {
        let last = at + line.len() == kept.len();
        let line_bytes = line.strip_suffix(b"\r").unwrap_or(line);
        let text = match std::str::from_utf8(line_bytes) {
            Ok(text) if !line_bytes.contains(&0) => Some(std::borrow::Cow::Borrowed(text)),
            // The cut may have gone through a character.
            Err(error) if cut && last && error.error_len().is_none() => {
                let sound = line_bytes.get(..error.valid_up_to()).unwrap_or_default();
                Some(String::from_utf8_lossy(sound))
            }
            other => {
                let sound = other.err().map_or(line.len(), |error| error.valid_up_to());
                let within = memchr::memchr(0, line).map_or(sound, |zero| zero.min(sound));
                if reading.damaged.len() < MAX_PLACES {
                    let offset = block.offset + (before + at + within) as u64;
                    let line = block.line + number as u64;
                    reading.damaged.push(format!("line {line}, byte {offset}"));
                }
                // The line with the header keeps its text as far as it is one.
                (number == 0).then(|| String::from_utf8_lossy(line_bytes))
            }
        };
        if let Some(text) = text {
            if number > 0 {
                reading.text.push('\n');
            }
            reading.text.push_str(&text);
        }
        at += line.len() + 1;
    }
    // Replacement characters are longer than what they replace.
    while reading.text.len() > MAX_TEXT {
        reading.text.pop();
    }
    reading
}

/// Places of damage named in one loss.
const MAX_PLACES: usize = 16;

fn without_line_end(bytes: &[u8]) -> &[u8] {
    let mut bytes = bytes;
    while let [rest @ .., b'\n' | b'\r'] = bytes {
        bytes = rest;
    }
    bytes
}
