//! What the two sides say to each other.

use std::fmt;

use canonical::{CanonicalError, from_bytes, to_bytes};
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use crate::limit;

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

/// One record in normal form, as encoded parts.
#[derive(Clone, PartialEq, Eq)]
pub struct Incoming {
    parts: Vec<Vec<u8>>,
    files: Vec<AttachedFile>,
}

/// A file in the connector's folder that holds an attachment's bytes.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct AttachedFile {
    /// Index of the attachment in its record, from 0.
    #[n(0)]
    pub attachment: u32,
    /// A single name inside the connector's folder (CONN-4). The agent deletes the file when its
    /// sealed copy is durable.
    #[n(1)]
    pub name: String,
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

/// Why a frame's content is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// Not canonical, or an unknown choice or key (CONN-6).
    #[error("not a message of the connector protocol")]
    Encoding(#[from] CanonicalError),
    /// Another version (CONN-1).
    #[error("protocol version {found} is not spoken here")]
    Version {
        /// The version named.
        found: u8,
    },
    /// Something is over its limit or under it.
    #[error("{what} has {found} where {least} to {most} are allowed")]
    Limit {
        /// What was counted or measured.
        what: &'static str,
        /// Its count or length.
        found: usize,
        /// Least allowed.
        least: usize,
        /// Most allowed.
        most: usize,
    },
    /// A file name that is not a single plain name (CONN-4).
    #[error("a file name that is not a single name inside the connector's folder")]
    FileName,
    /// A network name outside `[a-z0-9-]{1,32}`.
    #[error("a network's name has other characters than a-z, 0-9 and -")]
    Network,
    /// A kind beyond those of record.md.
    #[error("kind {found} is not known")]
    Kind {
        /// The number given.
        found: u8,
    },
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

    /// Checks all limits.
    ///
    /// # Errors
    ///
    /// The first limit that is broken.
    pub fn check(&self) -> Result<(), MessageError> {
        match self {
            Self::Hello(hello) => hello.check(),
            Self::Event(event) => event.check(),
            Self::State(report) => optional_text("detail", report.detail.as_deref()),
            Self::Progress(_) => Ok(()),
            Self::RequestLink(request) => {
                text("form", &request.form)?;
                text("content", &request.content)
            }
            Self::Sent(sent) => optional_text("id", sent.id.as_deref()),
            Self::Done(done) => optional_text("summary", done.summary.as_deref()),
            Self::Trouble(trouble) => {
                text("key", &trouble.key)?;
                fields("facts", &trouble.facts)
            }
        }
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

    /// Checks all limits.
    ///
    /// # Errors
    ///
    /// The first limit that is broken.
    pub fn check(&self) -> Result<(), MessageError> {
        match self {
            Self::Start(start) => {
                version(start.version)?;
                text("account", &start.account)?;
                text("custodian", &start.custodian)?;
                text("folder", &start.folder)?;
                fields("settings", &start.settings)?;
                start.position.as_ref().map_or(Ok(()), Position::check)
            }
            Self::Link(link) => fields("link", &link.fields),
            Self::Fetch(fetch) => {
                text("conversation", &fetch.conversation)?;
                text("reference", &fetch.reference)
            }
            // A send is bounded by its frame.
            Self::Durable(_) | Self::Send(_) | Self::Stop(_) => Ok(()),
        }
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

    fn check(&self) -> Result<(), MessageError> {
        within("position", self.0.len(), 0, limit::POSITION_BYTES)
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

impl Hello {
    fn check(&self) -> Result<(), MessageError> {
        version(self.version)?;
        text("connector", &self.connector)?;
        text("way in", &self.way)?;
        let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        if !(1..=32).contains(&self.network.len()) || !self.network.bytes().all(plain) {
            return Err(MessageError::Network);
        }
        within("coverage", self.coverage.len(), 0, limit::COVERAGE_ROWS)?;
        for row in &self.coverage {
            if row.kind > 14 {
                return Err(MessageError::Kind { found: row.kind });
            }
            optional_text("remark", row.remark.as_deref())?;
        }
        Ok(())
    }
}

impl Event {
    fn check(&self) -> Result<(), MessageError> {
        within("event", self.records.len(), 1, limit::EVENT_RECORDS)?;
        for record in &self.records {
            record.check()?;
        }
        self.position.as_ref().map_or(Ok(()), Position::check)
    }
}

impl Incoming {
    /// A record from its encoded parts: envelope, participants, body, original (empty bytes if
    /// there is none), then one description for each attachment.
    pub fn new(parts: Vec<Vec<u8>>) -> Self {
        Self {
            parts,
            files: Vec::new(),
        }
    }

    /// A record with its attachments' descriptions; the files are to be added.
    pub fn of(record: &record::Record) -> Self {
        let mut parts: Vec<Vec<u8>> = record.parts().into_vecs().into();
        parts.extend(record.attachments().iter().map(to_bytes));
        Self::new(parts)
    }

    /// The same with a file in the connector's folder that holds the attachment's bytes.
    #[must_use]
    pub fn with_file(mut self, attachment: u32, name: impl Into<String>) -> Self {
        self.files.push(AttachedFile {
            attachment,
            name: name.into(),
        });
        self
    }

    /// The encoded parts.
    pub fn parts(&self) -> &[Vec<u8>] {
        &self.parts
    }

    /// Files with attachments' bytes.
    pub fn files(&self) -> &[AttachedFile] {
        &self.files
    }

    /// Parts and files, to build further types of.
    pub fn into_parts(self) -> (Vec<Vec<u8>>, Vec<AttachedFile>) {
        (self.parts, self.files)
    }

    /// Bytes that it takes in a frame, or a few more.
    pub(crate) fn weight(&self) -> usize {
        let parts: usize = self.parts.iter().map(|part| part.len() + 5).sum();
        let files: usize = self.files.iter().map(|file| file.name.len() + 16).sum();
        parts + files + 16
    }

    fn check(&self) -> Result<(), MessageError> {
        within(
            "parts",
            self.parts.len(),
            limit::MIN_PARTS,
            limit::MAX_PARTS,
        )?;
        let attachments = self.parts.len() - limit::MIN_PARTS;
        within("files", self.files.len(), 0, attachments)?;
        for file in &self.files {
            within(
                "attachment index",
                file.attachment as usize,
                0,
                attachments.saturating_sub(1),
            )?;
            if !is_single_name(&file.name) {
                return Err(MessageError::FileName);
            }
        }
        Ok(())
    }
}

/// CONN-4: a name that can only mean an entry of the folder itself.
fn is_single_name(name: &str) -> bool {
    (1..=limit::FILE_NAME_BYTES).contains(&name.len())
        && name != "."
        && name != ".."
        && !name.contains(['/', '\\', '\0', ':'])
}

fn version(found: u8) -> Result<(), MessageError> {
    if found == VERSION {
        Ok(())
    } else {
        Err(MessageError::Version { found })
    }
}

fn within(what: &'static str, found: usize, least: usize, most: usize) -> Result<(), MessageError> {
    if (least..=most).contains(&found) {
        return Ok(());
    }
    Err(MessageError::Limit {
        what,
        found,
        least,
        most,
    })
}

fn text(what: &'static str, text: &str) -> Result<(), MessageError> {
    within(what, text.len(), 0, limit::TEXT_BYTES)
}

fn optional_text(what: &'static str, value: Option<&str>) -> Result<(), MessageError> {
    value.map_or(Ok(()), |value| text(what, value))
}

fn fields(what: &'static str, fields: &[Field]) -> Result<(), MessageError> {
    within(what, fields.len(), 0, limit::FIELDS)?;
    for Field(name, value) in fields {
        text(what, name)?;
        text(what, value)?;
    }
    Ok(())
}

impl<C> Encode<C> for Incoming {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.map(if self.files.is_empty() { 1 } else { 2 })?;
        e.u8(0)?.array(self.parts.len() as u64)?;
        for part in &self.parts {
            e.bytes(part)?;
        }
        if !self.files.is_empty() {
            e.u8(1)?.encode(&self.files)?;
        }
        Ok(())
    }
}

impl<'b, C> Decode<'b, C> for Incoming {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        let at = d.position();
        let wrong = |message| Err(minicbor::decode::Error::message(message).at(at));
        let mut incoming = Self::new(Vec::new());
        let Some(entries @ 1..=2) = d.map()? else {
            return wrong("a record as a map of one or two entries");
        };
        if d.u8()? != 0 {
            return wrong("parts first");
        }
        let Some(count) = d.array()?.and_then(|count| usize::try_from(count).ok()) else {
            return wrong("a list of parts");
        };
        // The encoding was checked before: the count is not above the bytes that follow.
        incoming.parts.reserve_exact(count.min(limit::MAX_PARTS));
        for _ in 0..count {
            incoming.parts.push(d.bytes()?.to_vec());
        }
        if entries == 2 {
            if d.u8()? != 1 {
                return wrong("files second");
            }
            incoming.files = d.decode()?;
        }
        Ok(incoming)
    }
}

// Content, secrets and what may hold either show their sizes only.

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes: usize = self.parts.iter().map(Vec::len).sum();
        write!(
            f,
            "Incoming({} parts, {bytes} bytes, {} files)",
            self.parts.len(),
            self.files.len()
        )
    }
}

impl fmt::Debug for AttachedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AttachedFile({})", self.attachment)
    }
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Position({} bytes)", self.0.len())
    }
}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Field({}, {} bytes)", self.0, self.1.len())
    }
}

impl fmt::Debug for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Start")
            .field("version", &self.version)
            .field("settings", &self.settings)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for StateReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StateReport({:?})", self.state)
    }
}

impl fmt::Debug for LinkRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkRequest")
    }
}

impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sent({})", self.number)
    }
}

impl fmt::Debug for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trouble")
            .field("key", &self.key)
            .field("facts", &self.facts)
            .field("fatal", &self.fatal)
            .finish()
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Link")
    }
}

impl fmt::Debug for Send {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Send({}, {} bytes)", self.number, self.content.len())
    }
}

impl fmt::Debug for Fetch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fetch")
    }
}
