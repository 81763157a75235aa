//! Through the whole document: its sections, chats and messages, and what is broken in it.

use std::collections::HashMap;

use connector::Fields;
use connector::kit::{KitError, failed};
use record::{
    Account, Body, Content, Conversation, ConversationKind, Direction, Edit, Envelope, LossWhy,
    Message, MissingWhy, Part, Participant, Participants, RecordId, Roster, Source, Target, TextId,
    Time, Topic, Unknown,
};
use serde_json::Value;

use super::message::{Said, Wanted, missing, read};
use super::scan::{Broken, Place};
use super::service::Members;
use super::{Input, people};
use crate::media::{Files, NotCopied};
use crate::outbox::{Draft, DraftError, Lost, Outbox, folder};
use crate::whatsapp::{SourceIds, Zone};

/// Media type of originals: the message's object, byte for byte.
const ORIGINAL: &str = "application/vnd.telegram.export+json";
/// Topics whose titles are remembered.
const MAX_TOPICS: usize = 100_000;
/// Members up to which rosters are kept.
const MAX_MEMBERS: usize = 10_000;

/// What is the same for the whole document.
pub(crate) struct Setting {
    pub(crate) me: Option<String>,
    /// For a document that names none.
    pub(crate) title: String,
    pub(crate) zone: Zone,
    pub(crate) files: Files,
    pub(crate) ids: SourceIds,
    pub(crate) source: Source,
    pub(crate) captured: Time,
}

/// The walk through one document.
pub(crate) struct Walk {
    setting: Setting,
    /// The account's owner, where the document or the settings say who it is.
    owner: Option<String>,
    chat: Chat,
    number: u64,
}

/// The chat whose messages are read.
#[derive(Default)]
struct Chat {
    id: Option<String>,
    name: Option<String>,
    kind: Option<String>,
    topics: HashMap<String, String>,
    roster: Option<Vec<Participant>>,
    roster_id: Option<RecordId>,
}

/// Why a part of the document was not read to its end.
enum Stop {
    Kit(KitError),
    Broken,
}

impl From<KitError> for Stop {
    fn from(error: KitError) -> Self {
        Self::Kit(error)
    }
}

impl From<Broken> for Stop {
    fn from(_: Broken) -> Self {
        Self::Broken
    }
}

impl Walk {
    pub(crate) fn new(setting: Setting) -> Self {
        let account = people::conversation(&setting.source.account.as_str().replace(':', ""));
        Self {
            owner: account.map(|account| account.as_str().to_owned()),
            setting,
            chat: Chat::default(),
            number: 0,
        }
    }

    /// Reads the document to its end, or to where it can not be followed any more.
    pub(crate) fn document(
        &mut self,
        mut input: Input<'_>,
        outbox: &mut Outbox<'_, '_>,
    ) -> Result<(), KitError> {
        match self.sections(&mut input, outbox) {
            Ok(()) => {}
            Err(Stop::Kit(error)) => return Err(error),
            Err(Stop::Broken) => self.rest_is_lost(&mut input, outbox)?,
        }
        let place = input.place();
        match input.take_error() {
            Some(error) => {
                let detail = error.to_string();
                self.lose(LossWhy::Damaged, place.to_string(), &detail, None, outbox)
            }
            None => Ok(()),
        }
    }

    fn sections(&mut self, input: &mut Input<'_>, outbox: &mut Outbox<'_, '_>) -> Result<(), Stop> {
        self.object(input, outbox, |walk, key, input, outbox| match key {
            "name" | "type" | "id" => walk.head(key, input),
            "messages" => walk.messages(input, outbox),
            "chats" | "left_chats" => walk.chats(input, outbox),
            "contacts" | "frequent_contacts" | "sessions" | "web_sessions" | "profile_pictures"
            | "stories" => walk.section(key, input, outbox),
            "about" => Ok(input.value().map(|_| ())?),
            other => walk.element(other, input, outbox),
        })
    }

    /// The members of an object.
    fn object<'i>(
        &mut self,
        input: &mut Input<'i>,
        outbox: &mut Outbox<'_, '_>,
        mut member: impl FnMut(&mut Self, &str, &mut Input<'i>, &mut Outbox<'_, '_>) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        if !input.take(b'{') {
            return Err(Stop::Broken);
        }
        while !input.take(b'}') {
            let key = input.key()?;
            member(self, &key, input, outbox)?;
            if !input.take(b',') && input.peek() != Some(b'}') {
                return Err(Stop::Broken);
            }
        }
        Ok(())
    }

    /// The elements of a list, each of which `element` takes.
    fn list<'i>(
        &mut self,
        input: &mut Input<'i>,
        outbox: &mut Outbox<'_, '_>,
        mut element: impl FnMut(&mut Self, &mut Input<'i>, &mut Outbox<'_, '_>) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        if !input.take(b'[') {
            return Err(Stop::Broken);
        }
        while !input.take(b']') {
            element(self, input, outbox)?;
            if !input.take(b',') && input.peek() != Some(b']') {
                return Err(Stop::Broken);
            }
        }
        Ok(())
    }

    fn chats(&mut self, input: &mut Input<'_>, outbox: &mut Outbox<'_, '_>) -> Result<(), Stop> {
        self.object(input, outbox, |walk, key, input, outbox| {
            if key != "list" {
                return Ok(input.value().map(|_| ())?);
            }
            walk.list(input, outbox, |walk, input, outbox| {
                walk.chat = Chat::default();
                walk.object(input, outbox, |walk, key, input, outbox| match key {
                    "name" | "type" | "id" => walk.head(key, input),
                    "messages" => walk.messages(input, outbox),
                    other => walk.element(other, input, outbox),
                })
            })
        })
    }

    fn head(&mut self, key: &str, input: &mut Input<'_>) -> Result<(), Stop> {
        let value: Value = serde_json::from_slice(input.value()?.bytes).map_err(|_| Broken)?;
        let text = match value {
            Value::String(text) => Some(text),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        match key {
            "name" => self.chat.name = text,
            "type" => self.chat.kind = text,
            _ => self.chat.id = text,
        }
        Ok(())
    }

    /// A section that is a list, or an object with a list.
    fn section(
        &mut self,
        section: &str,
        input: &mut Input<'_>,
        outbox: &mut Outbox<'_, '_>,
    ) -> Result<(), Stop> {
        if input.peek() == Some(b'[') {
            return self.list(input, outbox, |walk, input, outbox| {
                walk.element(section, input, outbox)
            });
        }
        self.object(input, outbox, |walk, key, input, outbox| match key {
            "list" => walk.list(input, outbox, |walk, input, outbox| {
                walk.element(section, input, outbox)
            }),
            _ => Ok(input.value().map(|_| ())?),
        })
    }

    /// One value outside of chats: a contact, a session, a story.
    fn element(
        &mut self,
        section: &str,
        input: &mut Input<'_>,
        outbox: &mut Outbox<'_, '_>,
    ) -> Result<(), Stop> {
        let slice = input.value()?;
        let place = slice.place;
        let bytes = slice.bytes.to_vec();
        let end = place.offset + bytes.len() as u64;
        self.number += 1;
        let (value, sound) = parse(&bytes);
        let Some(value) = value else {
            let detail = "no JSON";
            self.lose(
                LossWhy::Damaged,
                place.to_string(),
                detail,
                Some(&bytes),
                outbox,
            )?;
            return Ok(());
        };
        let fields = Fields::new(&value);
        if section == "personal_information"
            && let Some(id) = value.get("user_id").and_then(Value::as_u64)
        {
            self.owner = Some(format!("user:{id}"));
        }
        let what = match section {
            "contacts" => "contact",
            "frequent_contacts" => "frequent-contact",
            "sessions" | "web_sessions" => "session",
            "profile_pictures" => "profile-picture",
            "personal_information" => "personal-information",
            other => other,
        };
        let story = section == "stories";
        let name = ["first_name", "last_name", "name"]
            .iter()
            .filter_map(|name| value.get(name)?.as_str())
            .filter(|name| !name.is_empty())
            .collect::<Vec<_>>()
            .join(" ");
        let id = self
            .setting
            .ids
            .id(None, Some(section), &bytes, place.offset)
            .map_err(|_| Broken)?;
        let mut said = read(&fields, &mut |date| zoned(&mut self.setting.zone, date));
        if !story {
            said.body.content = Account {
                what: what.to_owned(),
                value: Some(name).filter(|name| !name.is_empty()),
            }
            .into();
        }
        let conversation = if story { "stories" } else { "account" };
        let conversation = TextId::new(conversation).map_err(|_| Broken)?;
        let participants = Participants {
            sender: said.sender.take(),
            ..Participants::of(Conversation::default())
        };
        let envelope = self.envelope(conversation, id, said.sent);
        if !outbox.is_durable(end) {
            self.emit(envelope, participants, said, &bytes, place, outbox)?;
            if !sound {
                self.not_sound(place, outbox)?;
            }
        }
        outbox.settle(end)?;
        Ok(())
    }

    /// The messages of a chat. What is broken is stepped over to the next message.
    fn messages(&mut self, input: &mut Input<'_>, outbox: &mut Outbox<'_, '_>) -> Result<(), Stop> {
        if !input.take(b'[') {
            return Err(Stop::Broken);
        }
        loop {
            match input.peek() {
                Some(b']') => {
                    input.take(b']');
                    return Ok(());
                }
                Some(b',') => {
                    input.take(b',');
                    continue;
                }
                None => return Err(Stop::Broken),
                Some(_) => {}
            }
            let broken = match input.value() {
                Err(Broken) => true,
                Ok(slice) => {
                    let length = slice.bytes.len();
                    let end = slice.place.offset + length as u64;
                    let taken = self.message(slice.bytes, slice.place, outbox)?;
                    if taken {
                        outbox.settle(end)?;
                    } else {
                        input.back(length);
                    }
                    !taken
                }
            };
            if broken {
                self.step_over(input, outbox)?;
            }
        }
    }

    fn step_over(
        &mut self,
        input: &mut Input<'_>,
        outbox: &mut Outbox<'_, '_>,
    ) -> Result<(), KitError> {
        let mut outcome = Ok(());
        input.skip_broken(&mut |slice| {
            if outcome.is_ok() && !slice.bytes.iter().all(u8::is_ascii_whitespace) {
                let (place, detail) = (slice.place.to_string(), "no JSON");
                let bytes = Some(slice.bytes);
                outcome = self.lose(LossWhy::Damaged, place, detail, bytes, outbox);
            }
        });
        outcome
    }

    /// From here on the document can not be followed: all of it is a loss, in pieces.
    fn rest_is_lost(
        &mut self,
        input: &mut Input<'_>,
        outbox: &mut Outbox<'_, '_>,
    ) -> Result<(), KitError> {
        let place = input.place();
        let ended = input.peek().is_none();
        if ended {
            let detail = "the file ends before its end";
            return self.lose(LossWhy::Damaged, place.to_string(), detail, None, outbox);
        }
        while input.peek().is_some() {
            self.step_over(input, outbox)?;
        }
        Ok(())
    }

    /// Makes records of one message; `false` if it is none.
    fn message(
        &mut self,
        bytes: &[u8],
        place: Place,
        outbox: &mut Outbox<'_, '_>,
    ) -> Result<bool, KitError> {
        let (value, sound) = parse(bytes);
        let Some(value) = value.filter(Value::is_object) else {
            return Ok(false);
        };
        self.number += 1;
        let fields = Fields::new(&value);
        let id = fields.any("id").and_then(|id| TextId::new(id).ok());
        let id = match id {
            Some(id) => id,
            None => {
                let id = self.setting.ids.id(None, None, bytes, place.offset);
                id.map_err(|_| failed("import-id", &[]))?
            }
        };
        let mut said = read(&fields, &mut |date| zoned(&mut self.setting.zone, date));
        let durable = outbox.is_durable(place.offset + bytes.len() as u64);
        let conversation = self.conversation_id();
        let topic = self.topic(&id, &said);
        let mut participants = Participants {
            sender: said.sender.take(),
            on_behalf_of: said.on_behalf_of.take(),
            ..Participants::of(Conversation {
                topic,
                ..self.conversation()
            })
        };
        let envelope = self
            .envelope(conversation, id.clone(), said.sent)
            .direction(self.direction(participants.sender.as_ref()))
            .roster(self.chat.roster_id);
        let edit = said
            .edited
            .and_then(|at| self.edit(&id, &said, at, &participants));
        let members = std::mem::replace(&mut said.members, Members::Unchanged);
        if !durable {
            let shared = participants.clone();
            let direction = self.direction(shared.sender.as_ref());
            self.emit(envelope, shared, said, bytes, place, outbox)?;
            if let Some((edit, edit_id, at)) = edit {
                let conversation = self.conversation_id();
                let envelope = self
                    .envelope(conversation, edit_id, Some(at))
                    .direction(direction)
                    .roster(self.chat.roster_id);
                self.push(
                    envelope,
                    participants.clone(),
                    edit.into(),
                    bytes,
                    place,
                    outbox,
                )?;
            }
            if !sound {
                self.not_sound(place, outbox)?;
            }
        }
        participants.sender = None;
        self.roster(members, &id, participants, durable, outbox)?;
        Ok(true)
    }

    fn not_sound(&mut self, place: Place, outbox: &mut Outbox<'_, '_>) -> Result<(), KitError> {
        let detail = "bytes that are no text were replaced";
        self.lose(LossWhy::Damaged, place.to_string(), detail, None, outbox)
    }

    /// The edit that a message shows, with all of it that needs no file.
    fn edit(
        &self,
        id: &TextId,
        said: &Said,
        at: Time,
        participants: &Participants,
    ) -> Option<(Edit, TextId, Time)> {
        let Content::Message(message) = &said.body.content else {
            return None;
        };
        let has_file = |part: &Part| matches!(part, Part::Media(_) | Part::Sticker(_));
        let parts: Vec<Part> = message
            .parts
            .iter()
            .filter(|part| !has_file(part))
            .cloned()
            .collect();
        let edit = Edit {
            target: Target {
                author: participants.sender.as_ref().map(|sender| sender.id.clone()),
                sent: said.sent.map(|sent| sent.at),
                ..Target::new(id.clone())
            },
            message: Message {
                parts,
                in_reply_to: message.in_reply_to.clone(),
                ..Message::default()
            },
            former: None,
        };
        let edit_id = TextId::new(format!("{}@{}", id.as_str(), at.at.get() / 1_000)).ok()?;
        Some((edit, edit_id, at))
    }

    /// The topic that a message begins, or that it answers.
    fn topic(&mut self, id: &TextId, said: &Said) -> Option<Topic> {
        if let Content::Change(change) = &said.body.content
            && let [changed] = change.changes.as_slice()
            && changed.what == "topic"
            && self.chat.topics.len() < MAX_TOPICS
        {
            // A change of a topic answers the message that began it.
            let root = said.reply.as_ref().unwrap_or(id).as_str().to_owned();
            if let Some(title) = &changed.after {
                self.chat.topics.insert(root, title.clone());
            }
        }
        let root = said.reply.as_ref().unwrap_or(id);
        let title = self.chat.topics.get(root.as_str())?;
        Some(Topic {
            id: root.clone(),
            title: Some(title.clone()).filter(|title| !title.is_empty()),
        })
    }

    fn roster(
        &mut self,
        members: Members,
        id: &TextId,
        participants: Participants,
        durable: bool,
        outbox: &mut Outbox<'_, '_>,
    ) -> Result<(), KitError> {
        let known = self.chat.roster.take();
        let next = match (members, known) {
            (Members::Unchanged, known) => {
                self.chat.roster = known;
                return Ok(());
            }
            (Members::All(all), _) => Some(all),
            (Members::Added(added), Some(mut known)) => {
                for member in added {
                    if !known.contains(&member) {
                        known.push(member);
                    }
                }
                Some(known)
            }
            (Members::Removed(removed), Some(mut known)) => {
                let before = known.len();
                known.retain(|member| !removed.contains(member));
                // Somebody went who was not known: from here on nobody knows who is left.
                (before - known.len() == removed.len()).then_some(known)
            }
            (_, None) => None,
        };
        let Some(members) = next.filter(|members| members.len() <= MAX_MEMBERS) else {
            self.chat.roster_id = None;
            return Ok(());
        };
        let Ok(id) = TextId::new(format!("roster-{}", id.as_str())) else {
            return Ok(());
        };
        let envelope = self.envelope(self.conversation_id(), id, None);
        let draft = Draft {
            envelope,
            participants,
            body: Roster {
                members: members.clone(),
                former: self.chat.roster_id,
            }
            .into(),
            original: None,
            attachments: Vec::new(),
        };
        self.chat.roster = Some(members);
        match outbox.build(draft) {
            Ok((id, incoming)) => {
                self.chat.roster_id = Some(id);
                if !durable {
                    outbox.push(incoming);
                }
                Ok(())
            }
            Err(DraftError::Folder(error)) => Err(folder(&error)),
            Err(DraftError::Record(_)) => Ok(()),
        }
    }

    /// Finds a message's files and emits it.
    fn emit(
        &mut self,
        envelope: record::EnvelopeBuilder,
        participants: Participants,
        said: Said,
        bytes: &[u8],
        place: Place,
        outbox: &mut Outbox<'_, '_>,
    ) -> Result<(), KitError> {
        let mut body = said.body;
        let mut attachments = Vec::new();
        let mut absent: Vec<(usize, Wanted, MissingWhy)> = Vec::new();
        let mut moved: Vec<Option<u32>> = Vec::new();
        let mut damaged = Vec::new();
        for (index, wanted) in said.files.into_iter().enumerate() {
            let target = outbox.file_name();
            match self
                .setting
                .files
                .copy(&wanted.path, outbox.ctx.folder(), &target)
            {
                Ok(copied) => {
                    let mut attachment = copied.attachment;
                    attachment.name = wanted.name.or(attachment.name);
                    attachment.declared_type = wanted.declared_type;
                    attachment.width = wanted.width;
                    attachment.height = wanted.height;
                    attachment.duration_ms = wanted.duration_ms;
                    moved.push(u32::try_from(attachments.len()).ok());
                    attachments.push((attachment, copied.file));
                }
                Err(NotCopied::Folder(error)) => return Err(folder(&error)),
                Err(error) => {
                    let why = match &error {
                        NotCopied::TooLarge => MissingWhy::TooLarge,
                        NotCopied::Damaged(error) => {
                            damaged.push(format!("file {}: {error}", wanted.path));
                            MissingWhy::Failed
                        }
                        _ => MissingWhy::NotIncluded,
                    };
                    moved.push(None);
                    absent.push((index, wanted, why));
                }
            }
        }
        if let Content::Message(message) = &mut body.content {
            for part in &mut message.parts {
                resolve(part, &moved, &absent);
            }
        } else {
            for (_, wanted, _) in &absent {
                body.fields
                    .push(record::Field::new("photo", wanted.path.as_str()));
            }
        }
        self.push_with(
            envelope,
            participants,
            body,
            bytes,
            attachments,
            place,
            outbox,
        )?;
        for detail in damaged {
            self.lose(LossWhy::Damaged, place.to_string(), &detail, None, outbox)?;
        }
        Ok(())
    }

    fn push(
        &mut self,
        envelope: record::EnvelopeBuilder,
        participants: Participants,
        body: Body,
        bytes: &[u8],
        place: Place,
        outbox: &mut Outbox<'_, '_>,
    ) -> Result<(), KitError> {
        self.push_with(
            envelope,
            participants,
            body,
            bytes,
            Vec::new(),
            place,
            outbox,
        )
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one record, and its place"
    )]
    fn push_with(
        &mut self,
        envelope: record::EnvelopeBuilder,
        participants: Participants,
        body: Body,
        bytes: &[u8],
        attachments: Vec<(record::Attachment, String)>,
        place: Place,
        outbox: &mut Outbox<'_, '_>,
    ) -> Result<(), KitError> {
        let draft = Draft {
            envelope: envelope.clone(),
            participants: participants.clone(),
            body,
            original: Some((ORIGINAL, bytes)),
            attachments,
        };
        let error = match outbox.build(draft) {
            Ok((_, incoming)) => {
                outbox.push(incoming);
                return Ok(());
            }
            Err(DraftError::Folder(error)) => return Err(folder(&error)),
            Err(DraftError::Record(error)) => error,
        };
        // RECORD-8: the event stays, its original as a whole; what it says is to be read there.
        let draft = Draft {
            envelope,
            participants,
            body: Unknown {
                type_name: "message".into(),
                text: None,
            }
            .into(),
            original: Some((ORIGINAL, bytes)),
            attachments: Vec::new(),
        };
        match outbox.build(draft) {
            Ok((_, incoming)) => outbox.push(incoming),
            Err(DraftError::Folder(error)) => return Err(folder(&error)),
            Err(DraftError::Record(error)) => {
                let detail = error.to_string();
                let bytes = Some(bytes);
                return self.lose(LossWhy::Limit, place.to_string(), &detail, bytes, outbox);
            }
        }
        self.lose(
            LossWhy::Limit,
            place.to_string(),
            &error.to_string(),
            None,
            outbox,
        )
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
        let participants = Participants::of(self.conversation());
        outbox.lose(lost, participants, |id| {
            self.envelope(self.conversation_id(), id, None)
        })
    }

    fn envelope(
        &self,
        conversation: TextId,
        id: TextId,
        sent: Option<Time>,
    ) -> record::EnvelopeBuilder {
        Envelope::builder(
            &self.setting.source,
            conversation,
            id,
            self.setting.captured,
        )
        .sent(sent)
        .position(self.number)
    }

    fn conversation(&self) -> Conversation {
        let kind = match self.chat.kind.as_deref() {
            Some("personal_chat" | "bot_chat") => ConversationKind::Direct,
            Some("saved_messages") => ConversationKind::SelfNotes,
            Some("private_group" | "private_supergroup" | "public_supergroup") => {
                ConversationKind::Group
            }
            Some("private_channel" | "public_channel") => ConversationKind::Channel,
            _ => ConversationKind::Unknown,
        };
        let title = self.chat.name.as_deref().unwrap_or_default();
        Conversation::new(kind).title(title)
    }

    fn conversation_id(&self) -> TextId {
        let scheme = match self.chat.kind.as_deref() {
            Some("personal_chat" | "bot_chat" | "saved_messages") => "user",
            Some("private_group") => "chat",
            Some(_) => "channel",
            None => "export",
        };
        let id = match (&self.chat.id, scheme) {
            (Some(id), scheme) => format!("{scheme}:{id}"),
            (None, _) => format!("title:{}", self.setting.title),
        };
        let plain: String = id.chars().filter(|c| !c.is_control()).take(120).collect();
        TextId::new(plain).unwrap_or_else(|_| self.setting.source.account.clone())
    }

    fn direction(&self, sender: Option<&Participant>) -> Direction {
        let Some(sender) = sender else {
            return Direction::None;
        };
        let id = sender.id.as_str();
        let mut known = false;
        if let Some(me) = &self.setting.me {
            let named = sender.aliases.iter().any(|alias| alias.name == *me);
            let meant = people::peer(me).is_some_and(|me| me.as_str() == id);
            if named || meant || me == id {
                return Direction::Outgoing;
            }
            known = true;
        }
        if let Some(owner) = &self.owner {
            if owner == id {
                return Direction::Outgoing;
            }
            known = true;
        }
        if known {
            Direction::Incoming
        } else {
            Direction::None
        }
    }
}

/// Puts the place of a file's attachment into its part, or says that it is missing.
fn resolve(part: &mut Part, moved: &[Option<u32>], absent: &[(usize, Wanted, MissingWhy)]) {
    let index = match part {
        Part::Media(media) => media.attachment,
        Part::Sticker(sticker) => match sticker.attachment {
            Some(index) => index,
            None => return,
        },
        _ => return,
    };
    let place = index.get() as usize;
    match moved.get(place) {
        Some(Some(now)) => {
            let now = record::AttachmentIndex::new(*now);
            match part {
                Part::Media(media) => media.attachment = now,
                Part::Sticker(sticker) => sticker.attachment = Some(now),
                _ => {}
            }
        }
        _ => {
            if let Some((_, wanted, why)) = absent.iter().find(|(at, _, _)| *at == place) {
                *part = missing(wanted, *why).into();
            }
        }
    }
}

/// The value, and whether all of it was text; bytes that are none are replaced.
fn parse(bytes: &[u8]) -> (Option<Value>, bool) {
    match serde_json::from_slice(bytes) {
        Ok(value) => (Some(value), true),
        Err(_) => match String::from_utf8_lossy(bytes) {
            std::borrow::Cow::Owned(text) => (serde_json::from_str(&text).ok(), false),
            std::borrow::Cow::Borrowed(_) => (None, true),
        },
    }
}

/// A date without Unix time, as old exports have it, in the zone of the settings.
fn zoned(zone: &mut Zone, date: &str) -> Option<Time> {
    zone.time(date.parse().ok()?)
}
