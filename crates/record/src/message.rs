//! Messages and what they consist of.

use minicbor::{Decode, Encode};

use crate::{
    AttachmentIndex, ExpiryStart, Field, Milliseconds, MissingWhy, Participant, ParticipantId,
    TextId, Time, redact::redacted,
};

/// Something that was said or sent.
#[derive(Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Message {
    /// What it consists of, in order.
    #[n(0)]
    #[cbor(skip_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    /// What it answers.
    #[n(1)]
    pub in_reply_to: Option<Target>,
    /// When it disappears.
    #[n(2)]
    pub expiry: Option<Expiry>,
    /// Whether it can be viewed only once.
    #[n(3)]
    #[cbor(skip_if = "core::ops::Not::not")]
    pub view_once: bool,
    /// Where it was forwarded from.
    #[n(4)]
    pub forward: Option<Forward>,
    /// Reactions as an export sums them up.
    #[n(5)]
    #[cbor(skip_if = "Vec::is_empty")]
    pub reactions: Vec<Tally>,
    /// `pinned`, `silent`, `edited`, `deleted`, `frequently-forwarded`, …
    #[n(6)]
    #[cbor(skip_if = "Vec::is_empty")]
    pub marks: Vec<String>,
}

impl Message {
    /// Of one plain text.
    #[must_use]
    pub fn plain(text: impl Into<String>) -> Self {
        Self::of(Text::plain(text))
    }

    /// Of one part.
    #[must_use]
    pub fn of(part: impl Into<Part>) -> Self {
        Self {
            parts: vec![part.into()],
            ..Self::default()
        }
    }
}

/// A piece of a message.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(flat)]
pub enum Part {
    /// Text.
    #[n(0)]
    Text(#[n(0)] Text),
    /// A file to look at, listen to or open.
    #[n(1)]
    Media(#[n(0)] Media),
    /// A place.
    #[n(2)]
    Location(#[n(0)] Location),
    /// A contact.
    #[n(3)]
    Card(#[n(0)] Card),
    /// A sticker.
    #[n(4)]
    Sticker(#[n(0)] Sticker),
    /// The preview of a link.
    #[n(5)]
    Preview(#[n(0)] Preview),
    /// What the network lays out in fields.
    #[n(6)]
    Structured(#[n(0)] Structured),
    /// A bundle of messages.
    #[n(7)]
    Nested(#[n(0)] Nested),
    /// Content that is not there.
    #[n(8)]
    Missing(#[n(0)] Missing),
}

macro_rules! from_parts {
    ($($name:ident),+) => {$(
        impl From<$name> for Part {
            fn from(part: $name) -> Self {
                Self::$name(part)
            }
        }
    )+};
}
from_parts!(
    Text, Media, Location, Card, Sticker, Preview, Structured, Nested, Missing
);

/// Text with its styles.
#[derive(Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Text {
    /// The text.
    #[n(0)]
    pub text: String,
    /// Styled stretches.
    #[n(1)]
    #[cbor(skip_if = "Vec::is_empty")]
    pub spans: Vec<Span>,
}

impl Text {
    /// Without styles.
    #[must_use]
    pub fn plain(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            spans: Vec::new(),
        }
    }
}

/// A styled stretch of a text.
#[derive(Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Span {
    /// Where it begins, in Unicode scalar values.
    #[n(0)]
    pub start: u32,
    /// Its length in Unicode scalar values.
    #[n(1)]
    pub length: u32,
    /// `bold`, `italic`, `strikethrough`, `spoiler`, `monospace`, `code`, `link`, `mention`, …
    #[n(2)]
    pub style: String,
    /// The link's target, the mentioned participant's id, or the code's language.
    #[n(3)]
    pub target: Option<String>,
}

/// A file to look at, listen to or open.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Media {
    /// Which attachment it is.
    #[n(0)]
    pub attachment: AttachmentIndex,
    /// `image`, `video`, `audio`, `voice`, `file`, `animation`, `video-note`, `avatar`, …
    #[n(1)]
    pub form: String,
}

/// A place.
#[derive(Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Location {
    /// Latitude in units of 1e-7 degrees.
    #[n(0)]
    pub latitude_e7: i32,
    /// Longitude in units of 1e-7 degrees.
    #[n(1)]
    pub longitude_e7: i32,
    /// The place's name.
    #[n(2)]
    pub name: Option<String>,
    /// The place's address.
    #[n(3)]
    pub address: Option<String>,
    /// Shared live for so many seconds.
    #[n(4)]
    pub live_seconds: Option<u64>,
}

/// A contact.
#[derive(Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Card {
    /// The contact's display name.
    #[n(0)]
    pub name: String,
    /// Numbers, addresses and other fields.
    #[n(1)]
    #[cbor(skip_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
}

/// A sticker.
#[derive(Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Sticker {
    /// The pack that it is from.
    #[n(0)]
    pub pack: Option<String>,
    /// Its id in the pack.
    #[n(1)]
    pub id: Option<String>,
    /// The emoji that it stands for.
    #[n(2)]
    pub emoji: Option<String>,
    /// Its picture.
    #[n(3)]
    pub attachment: Option<AttachmentIndex>,
}

/// The preview of a link.
#[derive(Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Preview {
    /// The link.
    #[n(0)]
    pub address: String,
    /// The page's title.
    #[n(1)]
    pub title: Option<String>,
    /// The page's description.
    #[n(2)]
    pub description: Option<String>,
    /// The page's picture.
    #[n(3)]
    pub attachment: Option<AttachmentIndex>,
}

/// What the network lays out in fields: an invoice, a form, a list to choose from.
#[derive(Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Structured {
    /// The type as the network names it.
    #[n(0)]
    pub type_name: String,
    /// Its title.
    #[n(1)]
    pub title: Option<String>,
    /// Its fields.
    #[n(2)]
    #[cbor(skip_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
    /// Its parts (RECORD-5).
    #[n(3)]
    #[cbor(skip_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
}

/// A bundle of messages, sent as one (RECORD-5).
#[derive(Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Nested {
    /// The bundle's title.
    #[n(0)]
    pub title: Option<String>,
    /// The messages.
    #[n(1)]
    pub messages: Vec<NestedMessage>,
}

/// A message of a bundle.
#[derive(Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct NestedMessage {
    /// Its author.
    #[n(0)]
    pub sender: Option<Participant>,
    /// When it was sent.
    #[n(1)]
    pub sent: Option<Time>,
    /// What it consists of.
    #[n(2)]
    pub parts: Vec<Part>,
}

/// Content that is known to have been there and is not.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Missing {
    /// `image`, `video`, `file`, …
    #[n(0)]
    pub what: String,
    /// Why it is missing.
    #[n(1)]
    pub why: MissingWhy,
    /// Its file name.
    #[n(2)]
    pub name: Option<String>,
    /// Its media type.
    #[n(3)]
    pub media_type: Option<String>,
    /// Its size in bytes.
    #[n(4)]
    pub size: Option<u64>,
    /// The network's reference to it.
    #[n(5)]
    pub reference: Option<String>,
}

impl Missing {
    /// Nothing known but what it was and why it is missing.
    #[must_use]
    pub fn new(what: impl Into<String>, why: MissingWhy) -> Self {
        let what = what.into();
        Self {
            what,
            why,
            name: None,
            media_type: None,
            size: None,
            reference: None,
        }
    }
}

/// The event that is meant, by reference.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Target {
    /// Its source id.
    #[n(0)]
    pub source_id: TextId,
    /// Its author.
    #[n(1)]
    pub author: Option<ParticipantId>,
    /// When it was sent.
    #[n(2)]
    pub sent: Option<Milliseconds>,
    /// What the event that refers to it quotes of it.
    #[n(3)]
    pub excerpt: Option<String>,
    /// Its conversation, if another.
    #[n(4)]
    pub conversation: Option<TextId>,
}

impl Target {
    /// Known by its source id alone.
    #[must_use]
    pub fn new(source_id: TextId) -> Self {
        Self {
            source_id,
            author: None,
            sent: None,
            excerpt: None,
            conversation: None,
        }
    }
}

/// When a message disappears.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Expiry {
    /// After so many seconds.
    #[n(0)]
    pub seconds: u64,
    /// From when they count.
    #[n(1)]
    pub from: ExpiryStart,
    /// The time, where it is known.
    #[n(2)]
    pub at: Option<Milliseconds>,
}

/// Where a message was forwarded from.
#[derive(Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Forward {
    /// Its first author.
    #[n(0)]
    pub author: Option<Participant>,
    /// When it was first sent.
    #[n(1)]
    pub sent: Option<Milliseconds>,
    /// Its first conversation, by title.
    #[n(2)]
    pub conversation: Option<String>,
}

/// How often one reaction was given.
#[derive(Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Tally {
    /// The reaction: an emoji, or a custom one's reference.
    #[n(0)]
    pub value: String,
    /// How often.
    #[n(1)]
    pub count: u64,
    /// By whom and when, as far as it is known.
    #[n(2)]
    #[cbor(skip_if = "Vec::is_empty")]
    pub by: Vec<TallyVoter>,
}

/// One of those who gave a reaction.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct TallyVoter {
    /// Who.
    #[n(0)]
    pub participant: Participant,
    /// When.
    #[n(1)]
    pub at: Option<Milliseconds>,
}

redacted!(
    Message,
    Part,
    Text,
    Span,
    Media,
    Location,
    Card,
    Sticker,
    Preview,
    Structured,
    Nested,
    NestedMessage,
    Missing,
    Target,
    Expiry,
    Forward,
    Tally,
    TallyVoter,
);
