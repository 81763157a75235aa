//! What was said: one network event in normal form, with the network's own bytes beside it.
//!
//! Source of the format: `docs/spec/record.md`. A [`Record`] consists of parts that are encoded,
//! committed to and shown separately: envelope, participants, body, original, attachments.
//!
//! In scope: the model, its checks, record ids, the encoded parts, the texts to search.
//! Out of scope: files, clocks, keys, how a network's events become records (connectors).
//!
//! Types that carry content have no `Display`, and their `Debug` shows nothing but their size.
//! A test compares single fields, or encoded parts.
//!
//! ```
//! use record::{
//!     Assurance, Conversation, ConversationKind, Direction, Envelope, Message, Milliseconds, Mode,
//!     NetworkName, Participant, ParticipantId, Participants, Record, Source, TextId, Time,
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let source = Source {
//!     network: NetworkName::SIGNAL,
//!     account: TextId::new("aci:8c78cd2a-16ff-427d-83dc-1a5e36ce713d")?,
//!     custodian: TextId::new("c-17")?,
//!     connector: TextId::new("signal/0.1.0 signal-cli")?,
//!     assurance: Assurance::Device,
//!     mode: Mode::Live,
//! };
//! let envelope = Envelope::builder(
//!     &source,
//!     TextId::new("group:7Zk=")?,
//!     TextId::new("1716210001000")?,
//!     Time::utc(Milliseconds::new(1_716_210_003_000)),
//! )
//! .direction(Direction::Incoming)
//! .sent(Time::utc(Milliseconds::new(1_716_210_001_000)));
//! let participants = Participants {
//!     sender: Some(Participant::new(ParticipantId::new("tel", "+491700000001")?)),
//!     ..Participants::of(Conversation::new(ConversationKind::Group))
//! };
//! let record = Record::new(envelope, participants, Message::plain("Lunch?"), None, Vec::new())?;
//!
//! let parts = record.parts();
//! let again = Record::from_parts(parts.slices(), record.attachments().to_vec())?;
//! assert_eq!(again, record);
//! assert_eq!(record.searchable_text(), ["Lunch?"]);
//! # Ok(())
//! # }
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod attachment;
mod code;
mod content;
mod encoded;
mod envelope;
mod ids;
mod label;
mod limits;
mod message;
mod participants;
mod record;
mod redact;
mod texts;

pub use attachment::{Attachment, AttachmentIndex, FileHash, Original, OriginalContent};
pub use canonical::Milliseconds;
pub use code::{
    AliasKind, Assurance, CallMedia, CallState, ConsentAct, ConversationKind, DeleteScope,
    Direction, ExpiryStart, Kind, LossWhy, MemberAct, MissingWhy, Mode, PollAct, ReceiptState,
};
pub use content::{
    Account, Activity, Body, Call, Change, Changed, Consent, Content, Delete, Edit, Field, Loss,
    MemberChange, Membership, Poll, PollOption, Reaction, Receipt, Roster, Unknown,
};
pub use encoded::EncodedRecord;
pub use envelope::{Envelope, EnvelopeBuilder, OffsetMinutes, Source, Time, Times};
pub use ids::{IdError, NetworkName, ParticipantId, RecordId, TextId};
pub use limits::{
    MAX_ATTACHMENTS, MAX_INLINE_ORIGINAL, MAX_NAME, MAX_NESTING, MAX_PARTS, MAX_TEXT, MAX_TEXT_ID,
    RecordError,
};
pub use message::{
    Card, Expiry, Forward, Location, Media, Message, Missing, Nested, NestedMessage, Part, Preview,
    Span, Sticker, Structured, Tally, TallyVoter, Target, Text,
};
pub use participants::{Alias, Conversation, Participant, Participants, Topic};
pub use record::{Parts, PartsError, Record, RecordPart};
pub use texts::TextPlace;
