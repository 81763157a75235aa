//! What the two sides say to each other.

use canonical::{from_bytes, to_bytes};
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use crate::check::MessageError;
use crate::incoming::Incoming;

/// The version of the protocol that this crate speaks.
pub const VERSION: u8 = 1;

/// From the connector to the agent.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(flat)]
pub enum Up {
    /// The answer to `start`, before anything else (CONN-1).
    #[n(0)]
    Hello(#[n(0)] Hello),
    /// Records, to be sealed.
    #[n(1)]
    Event(#[n(0)] Event),
    /// How the capture stands.
    #[n(2)]
    State(#[n(0)] StateReport),
    /// How far a long piece of work is.
    #[n(3)]
    Progress(#[n(0)] Progress),
    /// The custodian is to link the device.
    #[n(4)]
    RequestLink(#[n(0)] LinkRequest),
    /// A `send` was done.
    #[n(5)]
    Sent(#[n(0)] Sent),
    /// The source is at its end; nothing will follow.
    #[n(6)]
    Done(#[n(0)] Done),
    /// Something is wrong.
    #[n(7)]
    Trouble(#[n(0)] Trouble),
}

/// From the agent to the connector.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(flat)]
pub enum Down {
    /// The first frame (CONN-1).
    #[n(0)]
    Start(#[n(0)] Start),
    /// Everything up to an event is durable (CONN-3).
    #[n(1)]
    Durable(#[n(0)] Durable),
    /// What the custodian gave to a link request.
    #[n(2)]
    Link(#[n(0)] Link),
    /// Something to send.
    #[n(3)]
    Send(#[n(0)] Send),
    /// A conversation or attachment to fetch again.
    #[n(4)]
    Fetch(#[n(0)] Fetch),
    /// End within five seconds (CONN-5).
    #[n(5)]
    Stop(#[n(0)] Stop),
    /// Something to be said in a conversation, once (CONN-10).
    #[n(6)]
    Notice(#[n(0)] Notice),
}

/// A name and a value.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct Field(
    /// Its name.
    #[n(0)]
    pub String,
    /// Its value.
    #[n(1)]
    pub String,
);

/// Number of an event, from 1, without gap (CONN-2); 0 stands for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct EventNumber(#[n(0)] u64);

/// Where a source stands, opaque to the agent; at most 4 KiB.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct Position(#[n(0)] ByteVec);

/// What a connector is to do.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Start {
    /// Protocol version, 1.
    #[n(0)]
    pub version: u8,
    /// Stable id of the account that records are to name.
    #[n(1)]
    pub account: String,
    /// Opaque id of the custodian that records are to name.
    #[n(2)]
    pub custodian: String,
    /// The connector's own folder.
    #[n(3)]
    pub folder: String,
    /// Settings by name.
    #[n(4)]
    pub settings: Vec<Field>,
    /// Position of the last durable event; a connector continues behind it (CONN-7).
    #[n(5)]
    pub position: Option<Position>,
}

/// Who answers.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Hello {
    /// Protocol version, 1.
    #[n(0)]
    pub version: u8,
    /// Connector and its version, `imports/0.1.0`.
    #[n(1)]
    pub connector: String,
    /// Way in, `whatsapp-export`.
    #[n(2)]
    pub way: String,
    /// Network of all its records: 1 to 32 of `a-z0-9-`.
    #[n(3)]
    pub network: String,
    /// Which kinds it sees.
    #[n(4)]
    pub coverage: Vec<Coverage>,
    /// It gives notices (CONN-10).
    #[cbor(n(5), skip_if = "is_false")]
    pub notices: bool,
}

/// What a connector sees of one kind of event.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Coverage {
    /// The kind's number in record.md, 0 to 14.
    #[n(0)]
    pub kind: u8,
    /// How much of it is seen.
    #[n(1)]
    pub extent: Extent,
    /// In words.
    #[n(2)]
    pub remark: Option<String>,
}

/// How much of a kind of event a connector sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Extent {
    /// As it happens.
    #[n(0)]
    Captured,
    /// Later.
    #[n(1)]
    Late,
    /// The network keeps it back from this way in.
    #[n(2)]
    Withheld,
    /// It can not be seen this way.
    #[n(3)]
    Impossible,
}

/// Records of one step of the source.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Event {
    /// From 1, without gap (CONN-2).
    #[n(0)]
    pub number: EventNumber,
    /// 1 to 1,024 records.
    #[n(1)]
    pub records: Vec<Incoming>,
    /// Where the source stands behind them.
    #[n(2)]
    pub position: Option<Position>,
}

/// Everything up to this event is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Durable {
    /// The newest durable event.
    #[n(0)]
    pub through: EventNumber,
}

/// How the capture of the account stands; entry.md's `state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum State {
    /// Linked and receiving.
    #[n(0)]
    Connected,
    /// Linked, behind the source.
    #[n(1)]
    Lagging,
    /// Linked, nothing heard for longer than usual.
    #[n(2)]
    Silent,
    /// The device was unlinked.
    #[n(3)]
    Unlinked,
    /// The session or consent ended.
    #[n(4)]
    Expired,
    /// Stopped by its custodian or operator.
    #[n(5)]
    Stopped,
    /// An import is running.
    #[n(6)]
    Importing,
}

/// A change of state.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct StateReport {
    /// The state.
    #[n(0)]
    pub state: State,
    /// Detail for the custodian.
    #[n(1)]
    pub detail: Option<String>,
}

/// How far a long piece of work is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Progress {
    /// Bytes read.
    #[n(0)]
    pub read: u64,
    /// Bytes in all, where known.
    #[n(1)]
    pub of: Option<u64>,
    /// Records so far.
    #[n(2)]
    pub records: Option<u64>,
}

/// A link that the custodian is to make.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct LinkRequest {
    /// `qr` or `code`.
    #[n(0)]
    pub form: String,
    /// What to show.
    #[n(1)]
    pub content: String,
}

/// A `send` was done.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Sent {
    /// The number given in [`Send`].
    #[n(0)]
    pub number: u64,
    /// The network's id of what was sent.
    #[n(1)]
    pub id: Option<String>,
}

/// The source is at its end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Done {
    /// Records emitted.
    #[n(0)]
    pub records: u64,
    /// Losses among them.
    #[n(1)]
    pub losses: u64,
    /// Key of a summary in the catalogue of texts.
    #[n(2)]
    pub summary: Option<String>,
}

/// Something is wrong, in words of the catalogue.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Trouble {
    /// Key in the catalogue of texts.
    #[n(0)]
    pub key: String,
    /// Facts that the text names.
    #[n(1)]
    pub facts: Vec<Field>,
    /// The connector ends because of it.
    #[n(2)]
    pub fatal: bool,
}

/// What the custodian gave to a link request.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Link {
    /// By name.
    #[n(0)]
    pub fields: Vec<Field>,
}

/// Something to send.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Send {
    /// Repeated in [`Sent`].
    #[n(0)]
    pub number: u64,
    /// In the connector's own form.
    #[n(1)]
    pub content: ByteVec,
}

/// Something to fetch again.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Fetch {
    /// Conversation.
    #[n(0)]
    pub conversation: String,
    /// The network's reference.
    #[n(1)]
    pub reference: String,
}

/// End within five seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Stop {}

/// What is to be said in a conversation that is captured: once, however often it is asked (CONN-10).
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Notice {
    /// The conversation's stable id, as records name it.
    #[n(0)]
    pub conversation: String,
    /// 1 to 32 texts: one of them or all are said, in order.
    #[n(1)]
    pub texts: Vec<NoticeText>,
}

/// A notice in one language.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct NoticeText {
    /// BCP 47, at most 35 bytes.
    #[n(0)]
    pub language: String,
    /// 1 to 2,000 bytes.
    #[n(1)]
    pub text: String,
}

impl Up {
    /// Reads the content of a frame and checks all limits.
    ///
    /// # Errors
    ///
    /// When it is no message of this version.
    pub fn from_frame(content: &[u8]) -> Result<Self, MessageError> {
        let message: Self = from_bytes(content)?;
        message.check()?;
        Ok(message)
    }

    /// The content of its frame.
    pub fn to_frame(&self) -> Vec<u8> {
        to_bytes(self)
    }
}

impl Down {
    /// Reads the content of a frame and checks all limits.
    ///
    /// # Errors
    ///
    /// When it is no message of this version.
    pub fn from_frame(content: &[u8]) -> Result<Self, MessageError> {
        let message: Self = from_bytes(content)?;
        message.check()?;
        Ok(message)
    }

    /// The content of its frame.
    pub fn to_frame(&self) -> Vec<u8> {
        to_bytes(self)
    }
}

impl EventNumber {
    /// Before the first event.
    pub const NONE: Self = Self(0);

    /// From its number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The number after this one.
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl Position {
    /// From a source's own bytes; at most 4 KiB, checked when it is sent.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(ByteVec::from(bytes.into()))
    }

    /// The source's own bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Start {
    /// The value of the setting with that name.
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.settings
            .iter()
            .find(|field| field.0 == name)
            .map(|field| field.1.as_str())
    }
}

/// For fields that are `true` or absent.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that the derive asks for"
)]
fn is_false(value: &bool) -> bool {
    !value
}
