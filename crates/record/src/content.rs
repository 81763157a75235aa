//! The body: what kind of event it is, and what it says.

use minicbor::{Decode, Encode};

use crate::{
    CallMedia, CallState, ConsentAct, DeleteScope, Kind, LossWhy, MemberAct, Message, Milliseconds,
    Participant, PollAct, ReceiptState, RecordId, Target, redact::redacted,
};

/// The third part of a record.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Body {
    /// What the event says.
    #[n(0)]
    pub content: Content,
    /// What the network gives beyond the model, by documented name.
    #[n(1)]
    #[cbor(skip_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
}

impl<C: Into<Content>> From<C> for Body {
    fn from(content: C) -> Self {
        Self {
            content: content.into(),
            fields: Vec::new(),
        }
    }
}

/// A name and a value.
#[derive(Clone, PartialEq, Eq, Default, Encode, Decode)]
pub struct Field {
    /// The documented name.
    #[n(0)]
    pub name: String,
    /// The value as text.
    #[n(1)]
    pub value: String,
}

impl Field {
    /// A field of that name and value.
    #[must_use]
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
        }
    }
}

/// What an event says; the number of the choice is the envelope's kind (RECORD-3).
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(flat)]
pub enum Content {
    /// Something was said or sent.
    #[n(0)]
    Message(#[n(0)] Message),
    /// An earlier message was changed.
    #[n(1)]
    Edit(#[n(0)] Box<Edit>),
    /// Earlier messages were taken back, removed or ran out.
    #[n(2)]
    Delete(#[n(0)] Box<Delete>),
    /// A reaction, or one taken back.
    #[n(3)]
    Reaction(#[n(0)] Reaction),
    /// What became of messages.
    #[n(4)]
    Receipt(#[n(0)] Receipt),
    /// A call.
    #[n(5)]
    Call(#[n(0)] Call),
    /// People came, went, or changed their role.
    #[n(6)]
    Membership(#[n(0)] Membership),
    /// The conversation itself changed.
    #[n(7)]
    Change(#[n(0)] Change),
    /// A poll, a vote, a poll's end.
    #[n(8)]
    Poll(#[n(0)] Box<Poll>),
    /// A consent or a notice.
    #[n(9)]
    Consent(#[n(0)] Consent),
    /// Something that could not be captured.
    #[n(10)]
    Loss(#[n(0)] Loss),
    /// Who belongs to the conversation.
    #[n(11)]
    Roster(#[n(0)] Roster),
    /// What somebody is doing.
    #[n(12)]
    Activity(#[n(0)] Activity),
    /// Something happened to the account itself.
    #[n(13)]
    Account(#[n(0)] Account),
    /// An event that the model does not know.
    #[n(14)]
    Unknown(#[n(0)] Unknown),
}

impl Content {
    /// The choice's number (RECORD-3).
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Message(_) => Kind::Message,
            Self::Edit(_) => Kind::Edit,
            Self::Delete(_) => Kind::Delete,
            Self::Reaction(_) => Kind::Reaction,
            Self::Receipt(_) => Kind::Receipt,
            Self::Call(_) => Kind::Call,
            Self::Membership(_) => Kind::Membership,
            Self::Change(_) => Kind::Change,
            Self::Poll(_) => Kind::Poll,
            Self::Consent(_) => Kind::Consent,
            Self::Loss(_) => Kind::Loss,
            Self::Roster(_) => Kind::Roster,
            Self::Activity(_) => Kind::Activity,
            Self::Account(_) => Kind::Account,
            Self::Unknown(_) => Kind::Unknown,
        }
    }
}

macro_rules! from_contents {
    ($($name:ident),+) => {$(
        impl From<$name> for Content {
            fn from(content: $name) -> Self {
                Self::$name(content.into())
            }
        }
    )+};
}
from_contents!(
    Message, Edit, Delete, Reaction, Receipt, Call, Membership, Change, Poll, Consent, Loss,
    Roster, Activity, Account, Unknown
);

/// An earlier message was changed.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Edit {
    /// The message that was changed.
    #[n(0)]
    pub target: Target,
    /// What it says now.
    #[n(1)]
    pub message: Message,
    /// What it said before, where that is known.
    #[n(2)]
    pub former: Option<Message>,
}

/// Earlier messages were taken back, removed or ran out.
#[derive(Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Delete {
    /// The messages, at least one.
    #[n(0)]
    pub targets: Vec<Target>,
    /// For whom, or by what.
    #[n(1)]
    pub scope: DeleteScope,
    /// By whom.
    #[n(2)]
    pub by: Option<Participant>,
    /// What was deleted, where that is known.
    #[n(3)]
    pub former: Option<Message>,
}

/// A reaction, or one taken back.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Reaction {
    /// The message reacted to.
    #[n(0)]
    pub target: Target,
    /// The reaction: an emoji, or a custom one's reference.
    #[n(1)]
    pub value: String,
    /// Whether it was taken back.
    #[n(2)]
    pub removed: bool,
}

/// What became of messages.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Receipt {
    /// The messages, at least one.
    #[n(0)]
    pub targets: Vec<Target>,
    /// What became of them.
    #[n(1)]
    pub state: ReceiptState,
    /// When.
    #[n(2)]
    pub at: Option<Milliseconds>,
    /// The network's error.
    #[n(3)]
    pub error: Option<String>,
}

/// A call and what happened to it.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Call {
    /// The network's id of the call.
    #[n(0)]
    pub id: Option<String>,
    /// What it carried.
    #[n(1)]
    pub media: CallMedia,
    /// What happened.
    #[n(2)]
    pub state: CallState,
    /// Duration in seconds.
    #[n(3)]
    pub duration_seconds: Option<u64>,
    /// The reason that the network gives.
    #[n(4)]
    pub reason: Option<String>,
    /// Whether it is a call of a group.
    #[n(5)]
    pub group: bool,
}

impl Call {
    /// Between two, nothing else known.
    #[must_use]
    pub fn new(media: CallMedia, state: CallState) -> Self {
        Self {
            id: None,
            media,
            state,
            duration_seconds: None,
            reason: None,
            group: false,
        }
    }
}

/// People came, went, or changed their role.
#[derive(Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Membership {
    /// The changes, at least one.
    #[n(0)]
    pub changes: Vec<MemberChange>,
}

/// What happened to one member.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct MemberChange {
    /// Who.
    #[n(0)]
    pub member: Participant,
    /// What.
    #[n(1)]
    pub act: MemberAct,
    /// By whom.
    #[n(2)]
    pub by: Option<Participant>,
    /// The role, or the reason.
    #[n(3)]
    pub detail: Option<String>,
}

/// The conversation itself changed.
#[derive(Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Change {
    /// The changes, at least one.
    #[n(0)]
    pub changes: Vec<Changed>,
}

/// One change of a conversation.
#[derive(Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Changed {
    /// `created`, `title`, `description`, `avatar`, `timer`, `pin`, `unpin`, `topic`, …
    #[n(0)]
    pub what: String,
    /// The value before.
    #[n(1)]
    pub before: Option<String>,
    /// The value after.
    #[n(2)]
    pub after: Option<String>,
    /// The message that it is about.
    #[n(3)]
    pub target: Option<Target>,
}

/// A poll, a vote, a poll's end.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Poll {
    /// What happened.
    #[n(0)]
    pub act: PollAct,
    /// The poll, where this is a vote or its end.
    #[n(1)]
    pub target: Option<Target>,
    /// The question.
    #[n(2)]
    pub question: Option<String>,
    /// What can be chosen.
    #[n(3)]
    #[cbor(skip_if = "Vec::is_empty")]
    pub options: Vec<PollOption>,
    /// What was chosen.
    #[n(4)]
    #[cbor(skip_if = "Vec::is_empty")]
    pub choices: Vec<String>,
    /// Whether several options may be chosen.
    #[n(5)]
    pub several: Option<bool>,
    /// Whether the votes are secret.
    #[n(6)]
    pub anonymous: Option<bool>,
    /// Voters in all.
    #[n(7)]
    pub voters: Option<u64>,
}

impl Poll {
    /// Nothing known but what happened.
    #[must_use]
    pub fn new(act: PollAct) -> Self {
        Self {
            act,
            target: None,
            question: None,
            options: Vec::new(),
            choices: Vec::new(),
            several: None,
            anonymous: None,
            voters: None,
        }
    }
}

/// What can be chosen in a poll.
#[derive(Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct PollOption {
    /// Its text.
    #[n(0)]
    pub text: String,
    /// Its id.
    #[n(1)]
    pub id: Option<String>,
    /// Votes for it.
    #[n(2)]
    pub votes: Option<u64>,
    /// Whether the captured account chose it.
    #[n(3)]
    pub chosen: Option<bool>,
}

/// A consent or a notice.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Consent {
    /// What it says.
    #[n(0)]
    pub act: ConsentAct,
    /// Whose it is.
    #[n(1)]
    pub participant: Option<Participant>,
    /// The text that was shown.
    #[n(2)]
    pub text: Option<String>,
    /// When.
    #[n(3)]
    pub at: Option<Milliseconds>,
}

/// Something that could not be captured.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Loss {
    /// Why.
    #[n(0)]
    pub why: LossWhy,
    /// Begin of the interval.
    #[n(1)]
    pub from: Option<Milliseconds>,
    /// End of the interval.
    #[n(2)]
    pub to: Option<Milliseconds>,
    /// How many events, where that is known.
    #[n(3)]
    pub count: Option<u64>,
    /// The place in the source, such as a line.
    #[n(4)]
    pub place: Option<String>,
    /// What is known of it.
    #[n(5)]
    pub detail: Option<String>,
}

impl Loss {
    /// Nothing known but why.
    #[must_use]
    pub fn new(why: LossWhy) -> Self {
        Self {
            why,
            from: None,
            to: None,
            count: None,
            place: None,
            detail: None,
        }
    }
}

/// Who belongs to a conversation, from here on.
#[derive(Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Roster {
    /// The members.
    #[n(0)]
    pub members: Vec<Participant>,
    /// The roster that this one replaces.
    #[n(1)]
    pub former: Option<RecordId>,
}

/// What somebody is doing.
#[derive(Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Activity {
    /// `typing`, `recording`, `story-viewed`, …
    #[n(0)]
    pub what: String,
    /// The state, such as `started`.
    #[n(1)]
    pub state: Option<String>,
}

/// Something happened to the account itself.
#[derive(Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Account {
    /// `linked`, `unlinked`, `banned`, `quality`, `template`, `number`, `settings`, …
    #[n(0)]
    pub what: String,
    /// The value.
    #[n(1)]
    pub value: Option<String>,
}

/// An event that the model does not know: kept whole in the original, its text searchable.
#[derive(Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Unknown {
    /// The type as the network names it.
    #[n(0)]
    pub type_name: String,
    /// Readable text in it.
    #[n(1)]
    pub text: Option<String>,
}

redacted!(
    Body,
    Field,
    Content,
    Edit,
    Delete,
    Reaction,
    Receipt,
    Call,
    Membership,
    MemberChange,
    Change,
    Changed,
    Poll,
    PollOption,
    Consent,
    Loss,
    Roster,
    Activity,
    Account,
    Unknown,
);
