//! The participants: who takes part in the event, and where.

use minicbor::{Decode, Encode};

use crate::{AliasKind, ConversationKind, ParticipantId, TextId, redact::redacted};

/// The second part of a record.
#[derive(Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Participants {
    /// Who the event comes from.
    #[n(0)]
    pub sender: Option<Participant>,
    /// Recipients as the event names them; a group's members stand in its roster.
    #[n(1)]
    #[cbor(skip_if = "Vec::is_empty")]
    pub recipients: Vec<Participant>,
    /// Where it happened.
    #[n(2)]
    pub conversation: Conversation,
    /// On whose behalf the sender speaks: a channel, a business, a signing author.
    #[n(3)]
    pub on_behalf_of: Option<Participant>,
}

impl Participants {
    /// Of a conversation, with nobody named yet.
    #[must_use]
    pub fn of(conversation: Conversation) -> Self {
        Self {
            conversation,
            ..Self::default()
        }
    }
}

/// Somebody, by id and known names.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Participant {
    /// The stable id (RECORD-4).
    #[n(0)]
    pub id: ParticipantId,
    /// Further names.
    #[n(1)]
    #[cbor(skip_if = "Vec::is_empty")]
    pub aliases: Vec<Alias>,
    /// The role in the conversation, as the network names it.
    #[n(2)]
    pub role: Option<String>,
    /// The number of the device.
    #[n(3)]
    pub device: Option<u64>,
}

impl Participant {
    /// Known by id alone.
    #[must_use]
    pub fn new(id: ParticipantId) -> Self {
        Self {
            id,
            aliases: Vec::new(),
            role: None,
            device: None,
        }
    }

    /// Adds a further name; an empty one is left out.
    #[must_use]
    pub fn alias(mut self, kind: AliasKind, name: impl Into<String>) -> Self {
        let name = name.into();
        if !name.is_empty() {
            self.aliases.push(Alias { kind, name });
        }
        self
    }
}

/// A further name of a participant.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct Alias {
    /// What the name is.
    #[n(0)]
    pub kind: AliasKind,
    /// The name.
    #[n(1)]
    pub name: String,
}

/// A conversation, as the event shows it. Its id stands in the envelope.
#[derive(Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Conversation {
    /// What it is.
    #[n(0)]
    pub kind: ConversationKind,
    /// Its title.
    #[n(1)]
    pub title: Option<String>,
    /// The topic or thread within it.
    #[n(2)]
    pub topic: Option<Topic>,
}

impl Conversation {
    /// Without title or topic.
    #[must_use]
    pub fn new(kind: ConversationKind) -> Self {
        Self {
            kind,
            title: None,
            topic: None,
        }
    }

    /// With a title; an empty one is left out.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into()).filter(|title| !title.is_empty());
        self
    }
}

/// A topic or thread within a conversation.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Topic {
    /// Its stable id on the network.
    #[n(0)]
    pub id: TextId,
    /// Its title.
    #[n(1)]
    pub title: Option<String>,
}

redacted!(Participants, Participant, Alias, Conversation, Topic);
