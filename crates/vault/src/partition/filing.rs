//! What goes into a partition from one record, and what is derived from it.

use record::{
    AliasKind, Content, Direction, Kind, Message, Milliseconds, Part, Participant, Record,
    RecordId, Target,
};
use tlog::LogIndex;

use crate::search::query::Feature;
use crate::search::words::BREAK;

/// One opened record with its place in the log, ready to be filed.
#[derive(Clone, Copy)]
pub struct Filing<'a> {
    /// The entry that carries it.
    pub index: LogIndex,
    /// Its position in the entry's batch, from 0.
    pub position: u32,
    /// When the relay admitted the entry.
    pub admitted_at: Milliseconds,
    /// The record.
    pub record: &'a Record,
    /// Its committed parts, as they were opened: envelope, participants, body, original, sealed attachments.
    pub parts: &'a [&'a [u8]],
    /// For each attachment the hash of its sealed object; `None` for one without bytes.
    pub objects: &'a [Option<[u8; 32]>],
    /// Members of the roster that the envelope names, where the caller has it from another partition.
    pub members: &'a [Participant],
}

impl std::fmt::Debug for Filing<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Filing")
            .field("index", &self.index)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

/// Who people are: the vault's directory, or nothing yet ([`Nobody`]).
pub trait People: Sync {
    /// Names by which the owner knows the holder of a participant id, at the time of filing.
    fn names(&self, participant: &str) -> Vec<String>;

    /// Participant ids of everybody whose name in the directory has all of `words`, which are folded.
    /// Lets a search find people by names that were learnt after filing.
    fn holders(&self, words: &[String]) -> Vec<String>;
}

/// A directory without anybody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nobody;

impl People for Nobody {
    fn names(&self, _: &str) -> Vec<String> {
        Vec::new()
    }

    fn holders(&self, _: &[String]) -> Vec<String> {
        Vec::new()
    }
}

/// Somebody as a record names them.
#[derive(Clone, PartialEq, Eq)]
pub struct Somebody {
    /// The participant id.
    pub id: String,
    /// Aliases and resolved names; never the id itself.
    pub names: Vec<String>,
}

/// An event that another event refers to.
#[derive(Clone, PartialEq, Eq)]
pub struct Link {
    /// The network's id of the event meant, in the same conversation.
    pub target: String,
    /// Whether the record replies to it (else edits, deletes, reacts, acknowledges, by its kind).
    pub reply: bool,
}

/// All that the catalogue and the index take from one record. It depends on the record and the
/// directory alone (PARTITION-11).
#[derive(Clone, PartialEq, Eq)]
pub struct Filed {
    /// The record.
    pub id: RecordId,
    /// The moment by which it is ordered and found (PARTITION-12).
    pub at: Milliseconds,
    /// When it was captured.
    pub captured: Milliseconds,
    /// Kind of event.
    pub kind: Kind,
    /// Direction.
    pub direction: Direction,
    /// Network.
    pub network: String,
    /// Captured account.
    pub account: String,
    /// Custodian.
    pub custodian: String,
    /// Conversation id on its network.
    pub conversation: String,
    /// The network's id of the event.
    pub source_id: String,
    /// Sender, and whom they wrote for.
    pub authors: Vec<Somebody>,
    /// Recipients that the event names.
    pub recipients: Vec<Somebody>,
    /// Roster in force.
    pub roster: Option<RecordId>,
    /// Members, if the record is a roster.
    pub members: Vec<Somebody>,
    /// Title of the conversation and of the topic, as the event gives them.
    pub titles: Vec<String>,
    /// All texts that people read, parted by [`BREAK`].
    pub text: String,
    /// Bits of [`Feature`].
    pub features: u32,
    /// What it refers to.
    pub links: Vec<Link>,
}

impl Filed {
    /// Derives it.
    pub fn of(record: &Record, people: &dyn People) -> Self {
        let envelope = record.envelope();
        let participants = record.participants();
        let somebody = |participant: &Participant| somebody(participant, people);
        let content = &record.body().content;
        let members = match content {
            Content::Roster(roster) => roster.members.iter().map(somebody).collect(),
            _ => Vec::new(),
        };
        let text = text(record);
        let conversation = &participants.conversation;
        let topic = conversation
            .topic
            .as_ref()
            .and_then(|topic| topic.title.as_ref());
        Self {
            id: record.id(),
            at: envelope.times().best().at,
            captured: envelope.times().captured.at,
            kind: record.kind(),
            direction: envelope.direction(),
            network: envelope.network().as_str().to_owned(),
            account: envelope.account().as_str().to_owned(),
            custodian: envelope.custodian().as_str().to_owned(),
            conversation: envelope.conversation().as_str().to_owned(),
            source_id: envelope.source_id().as_str().to_owned(),
            authors: participants
                .sender
                .iter()
                .chain(&participants.on_behalf_of)
                .map(somebody)
                .collect(),
            recipients: participants.recipients.iter().map(somebody).collect(),
            roster: envelope.roster(),
            members,
            titles: conversation.title.iter().chain(topic).cloned().collect(),
            features: features(record, &text),
            text,
            links: links(content),
        }
    }

    /// Whether a conversation shows it as an item of its own, and not with the event it refers to.
    pub fn stands_alone(&self) -> bool {
        !matches!(
            self.kind,
            Kind::Edit
                | Kind::Delete
                | Kind::Reaction
                | Kind::Receipt
                | Kind::Roster
                | Kind::Activity
        )
    }
}

impl std::fmt::Debug for Filed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Filed({}, {})", self.kind, self.id)
    }
}

impl std::fmt::Debug for Somebody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Somebody(‹{} names›)", self.names.len())
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Link(reply: {})", self.reply)
    }
}

fn somebody(participant: &Participant, people: &dyn People) -> Somebody {
    let id = participant.id.as_str().to_owned();
    let mut names: Vec<String> = participant
        .aliases
        .iter()
        .map(|alias| match alias.kind {
            AliasKind::Username if !alias.name.starts_with('@') => format!("@{}", alias.name),
            _ => alias.name.clone(),
        })
        .collect();
    names.extend(people.names(&id));
    names.retain(|name| !name.is_empty() && *name != id);
    names.sort();
    names.dedup();
    Somebody { id, names }
}

fn text(record: &Record) -> String {
    let mut text = String::new();
    // A roster's names are people, found with `to:` and `with:`; as text they would find every roster.
    if record.kind() == Kind::Roster {
        return text;
    }
    record.visit_texts(&mut |_, one| {
        if !text.is_empty() {
            text.push(BREAK);
        }
        text.push_str(one);
    });
    text
}

/// `text` is all that the record says (nothing for a roster).
fn features(record: &Record, text: &str) -> u32 {
    let mut bits = 0;
    let mut has = |feature: Feature| bits |= feature.bit();
    for attachment in record.attachments() {
        has(Feature::Attachment);
        let media = attachment
            .sniffed_type
            .as_deref()
            .or(attachment.declared_type.as_deref())
            .unwrap_or_default();
        has(match media.split('/').next().unwrap_or_default() {
            "image" => Feature::Image,
            "audio" => Feature::Audio,
            "video" => Feature::Video,
            _ => Feature::File,
        });
    }
    match &record.body().content {
        Content::Message(message) => message_features(message, &mut has),
        Content::Edit(edit) => {
            has(Feature::Edit);
            message_features(&edit.message, &mut has);
        }
        Content::Delete(_) => has(Feature::Deletion),
        Content::Reaction(_) => has(Feature::Reaction),
        _ => {}
    }
    let has_link = |text: &str| text.contains("://") || text.contains("www.");
    let mut link = has_link(text);
    if record.kind() == Kind::Roster {
        record.visit_texts(&mut |_, text| link |= has_link(text));
    }
    if link {
        bits |= Feature::Link.bit();
    }
    bits
}

fn message_features(message: &Message, has: &mut impl FnMut(Feature)) {
    if !message.reactions.is_empty() {
        has(Feature::Reaction);
    }
    for mark in &message.marks {
        match mark.as_str() {
            "edited" => has(Feature::Edit),
            "deleted" => has(Feature::Deletion),
            _ => {}
        }
    }
    part_features(&message.parts, has);
}

// The recursion ends where RECORD-5 does.
fn part_features(parts: &[Part], has: &mut impl FnMut(Feature)) {
    for part in parts {
        match part {
            Part::Text(text) if text.spans.iter().any(|span| span.style == "link") => {
                has(Feature::Link)
            }
            Part::Media(media) => match media.form.as_str() {
                "image" | "avatar" | "animation" => has(Feature::Image),
                "video" | "video-note" => has(Feature::Video),
                "audio" | "voice" => has(Feature::Audio),
                _ => {}
            },
            Part::Missing(missing) => {
                has(Feature::Attachment);
                match missing.what.as_str() {
                    "image" => has(Feature::Image),
                    "video" | "video-note" => has(Feature::Video),
                    "audio" | "voice" => has(Feature::Audio),
                    _ => has(Feature::File),
                }
            }
            Part::Location(_) => has(Feature::Location),
            Part::Card(_) => has(Feature::Contact),
            Part::Preview(_) => has(Feature::Link),
            Part::Structured(structured) => part_features(&structured.parts, has),
            Part::Nested(nested) => nested
                .messages
                .iter()
                .for_each(|message| part_features(&message.parts, has)),
            _ => {}
        }
    }
}

fn links(content: &Content) -> Vec<Link> {
    let mut links = Vec::new();
    let mut add = |target: &Target, reply: bool| {
        // A target in another conversation has no place among this one's.
        if target.conversation.is_none() {
            let target = target.source_id.as_str().to_owned();
            if !links.iter().any(|link: &Link| link.target == target) {
                links.push(Link { target, reply });
            }
        }
    };
    match content {
        Content::Message(message) => message
            .in_reply_to
            .iter()
            .for_each(|target| add(target, true)),
        Content::Edit(edit) => add(&edit.target, false),
        Content::Delete(delete) => delete.targets.iter().for_each(|target| add(target, false)),
        Content::Reaction(reaction) => add(&reaction.target, false),
        Content::Receipt(receipt) => receipt.targets.iter().for_each(|target| add(target, false)),
        Content::Poll(poll) => poll.target.iter().for_each(|target| add(target, false)),
        _ => {}
    }
    links
}
