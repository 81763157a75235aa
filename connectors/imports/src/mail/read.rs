//! From a message to what a record says of it.

use std::collections::HashSet;

use connector::normal::{event_hash, participant_id, stable_id};
use mail_parser::decoders::html::html_to_text;
use mail_parser::{Address, HeaderForm, HeaderValue};
use record::{
    AliasKind, AttachmentIndex, Body, Field, Media, Message, Milliseconds, Nested, NestedMessage,
    NetworkName, OffsetMinutes, Part, Participant, Target, Text, TextId, Time,
};

use super::journal::{Journal, journal};
use super::marks::{Marks, marks};
use super::mime::{Head, Leaf, Note, Structure, structure};
use crate::emit::clipped;

/// Addresses of a message that are read.
const MAX_ADDRESSES: usize = 10_000;
/// Fields that become fields, and bytes of each.
const MAX_FIELDS: usize = 128;
const MAX_VALUE: usize = 4 << 10;
/// Texts of a message above which the rest stays in the original.
const MAX_TEXT: usize = 512 << 10;

/// Fields beside `X-…` that are kept as fields.
const KEPT: [&str; 16] = [
    "sender",
    "reply-to",
    "return-path",
    "delivered-to",
    "importance",
    "priority",
    "sensitivity",
    "auto-submitted",
    "list-id",
    "organization",
    "comments",
    "keywords",
    "content-class",
    "resent-from",
    "resent-to",
    "resent-date",
];

/// What a message says, before its files are written.
pub(crate) struct Read<'m> {
    pub(crate) network: NetworkName,
    pub(crate) conversation: TextId,
    pub(crate) title: String,
    pub(crate) id: TextId,
    pub(crate) sent: Option<Time>,
    pub(crate) received: Option<Time>,
    pub(crate) sender: Option<Participant>,
    pub(crate) recipients: Vec<Participant>,
    pub(crate) body: Body,
    /// The parts that are files, in the order of the body's indexes.
    pub(crate) files: Vec<FilePart<'m>>,
    pub(crate) notes: Vec<Note>,
}

/// A part that is a file.
pub(crate) struct FilePart<'m> {
    pub(crate) leaf: Leaf<'m>,
    pub(crate) name: Option<String>,
}

/// Reads a message. `whole` is what is hashed where it has no id.
pub(crate) fn read<'m>(message: &'m [u8], whole: &[u8], mail: &NetworkName) -> Read<'m> {
    let outer = structure(message);
    let Some(envelope) = journal(&outer) else {
        return of(outer, None, whole, mail);
    };
    let around = leftover(&outer);
    let mut read = of(structure(envelope.message), Some(envelope), whole, mail);
    read.body.fields.extend(around);
    read.notes.extend(outer.notes);
    read
}

/// What the report around a message says of itself.
fn leftover(outer: &Structure<'_>) -> Vec<Field> {
    let names = [
        ("From", "journal.from"),
        ("Message-ID", "journal.message-id"),
        ("Date", "journal.date"),
    ];
    names
        .iter()
        .filter_map(|(name, field)| {
            Some(Field::new(
                *field,
                clipped(&outer.head.text(name)?, MAX_VALUE),
            ))
        })
        .collect()
}

fn of<'m>(
    found: Structure<'m>,
    envelope: Option<Journal<'_>>,
    whole: &[u8],
    mail: &NetworkName,
) -> Read<'m> {
    let Structure {
        head,
        leaves,
        mut notes,
    } = found;
    let Marks {
        network,
        conversation,
    } = marks(&head);
    let message_id = ids(&head, "Message-ID").into_iter().next();
    let before = thread(&head);
    let id = match &message_id {
        Some(id) => stable_id(id),
        None => stable_id(&format!("sha256-{}", event_hash(whole))),
    };
    let root = before.first().or(message_id.as_ref());
    let conversation = match (conversation, root) {
        (Some(id), _) => stable_id(&id),
        (None, Some(root)) => stable_id(&format!("thread:{root}")),
        (None, None) => stable_id(&format!("thread:{}", id.as_str())),
    };
    let subject = head.text("Subject").unwrap_or_default();
    let mut fields = Vec::new();
    let mut field = |name: &str, value: &str| {
        if !value.is_empty() {
            fields.push(Field::new(name, clipped(value, MAX_VALUE)));
        }
    };
    field("subject", &subject);
    let mut people = People::default();
    let sender = addresses(&head, "From")
        .next()
        .map(|(id, name)| person(id, name));
    if sender.is_none() {
        field("from", &head.text("From").unwrap_or_default());
    }
    for (name, role) in [("To", "to"), ("Cc", "cc"), ("Bcc", "bcc")] {
        for (address, display) in addresses(&head, name) {
            people.add(address, display, role);
        }
    }
    if let Some(envelope) = envelope {
        field("journal", "yes");
        field(
            "journal.sender",
            envelope.sender.as_deref().unwrap_or_default(),
        );
        field(
            "journal.on-behalf-of",
            envelope.on_behalf_of.as_deref().unwrap_or_default(),
        );
        for (address, role) in envelope.recipients {
            people.add(address, None, role);
        }
        for (name, value) in envelope.further {
            field(&format!("journal.{name}"), &value);
        }
        if envelope.over {
            notes.push(Note {
                limit: true,
                text: "more addresses of the envelope than are read".to_owned(),
            });
        }
    }
    if people.over {
        notes.push(Note {
            limit: true,
            text: format!("more than {MAX_ADDRESSES} addresses"),
        });
    }
    let sent = date(&head, "Date");
    if sent.is_none() {
        field("date", &head.text("Date").unwrap_or_default());
    }
    let mut message = Message {
        in_reply_to: ids(&head, "In-Reply-To")
            .pop()
            .or_else(|| before.last().cloned())
            .map(|id| Target::new(stable_id(&id))),
        ..Message::default()
    };
    let files = parts(leaves, &mut message, &mut notes, &mut field);
    let mut kept = 0;
    let mut met = HashSet::new();
    for name in head.names() {
        let small = name.to_ascii_lowercase();
        if !(small.starts_with("x-") || KEPT.contains(&small.as_str()))
            || !met.insert(small.clone())
        {
            continue;
        }
        kept += 1;
        if kept > MAX_FIELDS {
            break;
        }
        field(
            &format!("header.{small}"),
            &head.text(&name).unwrap_or_default(),
        );
    }
    Read {
        network: network.unwrap_or_else(|| mail.clone()),
        conversation,
        title: clipped(topic(&subject), 500).to_owned(),
        id,
        sent,
        received: received(&head),
        sender,
        recipients: people.found,
        body: Body {
            content: message.into(),
            fields,
        },
        files,
        notes,
    }
}

/// Puts texts into the message and gives back the files, whose indexes stand in it already.
fn parts<'m>(
    leaves: Vec<Leaf<'m>>,
    message: &mut Message,
    notes: &mut Vec<Note>,
    field: &mut impl FnMut(&str, &str),
) -> Vec<FilePart<'m>> {
    let plain: HashSet<usize> = leaves
        .iter()
        .filter(|leaf| leaf.media_type == "text/plain" && !leaf.is_file())
        .filter_map(|leaf| leaf.alternative)
        .collect();
    let mut files = Vec::new();
    let mut bytes = 0;
    for leaf in leaves {
        let written = !leaf.is_file() && leaf.name().is_none();
        let is_text = matches!(leaf.media_type.as_str(), "text/plain" | "text/html");
        if written && is_text && bytes <= MAX_TEXT {
            let html = leaf.media_type == "text/html";
            // The same in another form; it stands in the original.
            if html && leaf.alternative.is_some_and(|group| plain.contains(&group)) {
                continue;
            }
            let (text, note) = leaf.text();
            if html {
                field("text.from", "html");
            }
            notes.extend(note.map(|text| Note { limit: false, text }));
            let text = if html { html_to_text(&text) } else { text };
            let text = text.trim_end_matches(['\r', '\n']);
            let shown = clipped(text, MAX_TEXT);
            if shown.len() < text.len() {
                notes.push(Note {
                    limit: true,
                    text: format!(
                        "the text of part {} is taken up to {MAX_TEXT} bytes",
                        leaf.path
                    ),
                });
            }
            bytes += shown.len();
            if !shown.is_empty() {
                message
                    .parts
                    .push(Text::plain(shown.replace("\r\n", "\n")).into());
            }
            continue;
        }
        if leaf.raw.is_empty() && written {
            continue;
        }
        if leaf.media_type == "message/rfc822" {
            message.parts.push(nested(leaf.raw));
        }
        let index = AttachmentIndex::new(u32::try_from(files.len()).unwrap_or(u32::MAX));
        message.parts.push(
            Media {
                attachment: index,
                form: form(&leaf.media_type).to_owned(),
            }
            .into(),
        );
        let name = leaf.name().map(|name| {
            let last = name.rsplit(['/', '\\']).next().unwrap_or(name);
            clipped(last, record::MAX_NAME).to_owned()
        });
        files.push(FilePart { leaf, name });
    }
    files
}

/// A message within a message: who wrote what and when. Its bytes are an attachment.
fn nested(bytes: &[u8]) -> Part {
    let found = structure(bytes);
    let text = found
        .leaves
        .iter()
        .find(|leaf| leaf.media_type.starts_with("text/") && !leaf.is_file())
        .map(|leaf| match leaf.media_type.as_str() {
            "text/html" => html_to_text(&leaf.text().0),
            _ => leaf.text().0,
        })
        .unwrap_or_default();
    let text = clipped(text.trim_end(), 64 << 10).replace("\r\n", "\n");
    Nested {
        title: found
            .head
            .text("Subject")
            .map(|subject| clipped(&subject, 500).to_owned()),
        messages: vec![NestedMessage {
            sender: addresses(&found.head, "From")
                .next()
                .map(|(id, name)| person(id, name)),
            sent: date(&found.head, "Date"),
            parts: vec![Text::plain(text).into()],
        }],
    }
    .into()
}

fn form(media_type: &str) -> &'static str {
    match media_type.split('/').next().unwrap_or_default() {
        "image" => "image",
        "video" => "video",
        "audio" => "audio",
        _ => "file",
    }
}

/// The ids in a field, without their brackets.
fn ids(head: &Head<'_>, name: &str) -> Vec<String> {
    let Some(message) = &head.0 else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for value in message.header_as(name.to_owned(), HeaderForm::MessageIds) {
        match value {
            HeaderValue::Text(id) => found.push(id.into_owned()),
            HeaderValue::TextList(ids) => {
                found.extend(ids.into_iter().map(std::borrow::Cow::into_owned));
            }
            _ => {}
        }
    }
    found.retain(|id| !id.trim().is_empty());
    found
}

/// The messages that this one follows, the first of the thread first.
fn thread(head: &Head<'_>) -> Vec<String> {
    let mut before = ids(head, "References");
    if before.is_empty() {
        before = ids(head, "In-Reply-To");
    }
    before
}

/// A subject without the marks of replies and forwards.
fn topic(subject: &str) -> &str {
    mail_parser::parsers::fields::thread::thread_name(subject)
}

fn date(head: &Head<'_>, name: &str) -> Option<Time> {
    let message = head.0.as_ref()?;
    let values = message.header_as(name.to_owned(), HeaderForm::Date);
    let found = values.iter().find_map(HeaderValue::as_datetime)?;
    time(found)
}

fn time(found: &mail_parser::DateTime) -> Option<Time> {
    if !found.is_valid() {
        return None;
    }
    let at = Milliseconds::new(found.to_timestamp().checked_mul(1_000)?);
    let minutes = i16::from(found.tz_hour) * 60 + i16::from(found.tz_minute);
    let minutes = if found.tz_before_gmt {
        -minutes
    } else {
        minutes
    };
    Some(OffsetMinutes::new(minutes).map_or(Time::utc(at), |offset| Time::with_offset(at, offset)))
}

/// When the last server took it: the first field of its kind.
fn received(head: &Head<'_>) -> Option<Time> {
    let received = head.0.as_ref()?.received()?;
    time(received.date.as_ref()?)
}

/// Addresses of a field, with the names beside them.
fn addresses(head: &Head<'_>, name: &str) -> impl Iterator<Item = (String, Option<String>)> {
    let mut found = Vec::new();
    if let Some(message) = &head.0 {
        for value in message.header_as(name.to_owned(), HeaderForm::Addresses) {
            if let HeaderValue::Address(address) = &value {
                collect(address, &mut found);
            }
        }
    }
    found.into_iter()
}

fn collect(address: &Address<'_>, found: &mut Vec<(String, Option<String>)>) {
    for each in address.iter().take(MAX_ADDRESSES + 1) {
        let name = each
            .name
            .as_deref()
            .map(str::trim)
            .filter(|name| !name.is_empty());
        let address = each.address.as_deref().map(str::trim).unwrap_or_default();
        match (address, name) {
            ("", None) => {}
            ("", Some(name)) => found.push((name.to_owned(), None)),
            (address, name) => found.push((address.to_owned(), name.map(str::to_owned))),
        }
    }
}

/// The participant of an address: `email:` in small letters; what is no address is a name. A
/// number before the at sign, as archives of telephones write it, is an alias.
pub(crate) fn person(address: String, name: Option<String>) -> Participant {
    let address = address.trim_start_matches('<').trim_end_matches('>').trim();
    let small = clipped(address, 480).to_lowercase();
    let (scheme, value) = match small.contains('@') {
        true => ("email", small.as_str()),
        false => ("name", clipped(address, 480)),
    };
    let id = participant_id(scheme, value).or_else(|| participant_id("name", "unknown"));
    let number = small.split('@').next().unwrap_or_default();
    let digits = number.strip_prefix('+').unwrap_or_default();
    let is_number = digits.len() >= 7 && digits.bytes().all(|byte| byte.is_ascii_digit());
    match id {
        Some(id) => Participant::new(id)
            .alias(AliasKind::Display, clipped(&name.unwrap_or_default(), 500))
            .alias(AliasKind::Phone, if is_number { number } else { "" }),
        // Not reached: a plain word is an id.
        None => Participant::new(fallback()),
    }
}

#[expect(clippy::expect_used, reason = "a plain word is an id")]
fn fallback() -> record::ParticipantId {
    record::ParticipantId::new("name", "unknown").expect("a plain word")
}

/// Recipients, each once, as what the first field that names them says.
#[derive(Default)]
struct People {
    found: Vec<Participant>,
    met: HashSet<String>,
    over: bool,
}

impl People {
    fn add(&mut self, address: String, name: Option<String>, role: &str) {
        let mut one = person(address, name);
        if self.met.contains(one.id.as_str()) {
            return;
        }
        if self.found.len() >= MAX_ADDRESSES {
            self.over = true;
            return;
        }
        self.met.insert(one.id.as_str().to_owned());
        one.role = Some(role.to_owned());
        self.found.push(one);
    }
}
