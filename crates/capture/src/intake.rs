//! From what a connector says to records that keep every check, or to losses that say so (CONN-2).

use canonical::{Milliseconds, from_bytes, sha256, to_bytes};
use connector::{AttachedFile, Hello, Incoming, Start};
use minicbor::bytes::ByteVec;
use record::{
    Assurance, Attachment, Conversation, ConversationKind, Envelope, IdError, Loss, LossWhy,
    MAX_INLINE_ORIGINAL, Mode, NetworkName, Original, Participants, PartsError, Record,
    RecordError, Source, TextId, Time,
};

/// What all records of one conversation with a connector must name.
#[derive(Clone)]
pub struct Intake {
    source: Source,
}

/// A record that keeps every check, and the connector's files that hold its attachments' bytes.
pub struct Taken {
    pub(crate) record: Record,
    pub(crate) files: Vec<AttachedFile>,
}

/// What a connector said is impossible as a whole: it is ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IntakeError {
    /// Account, custodian, network or connector name is no id.
    #[error("the {what} is no id")]
    Id {
        /// Which one.
        what: &'static str,
        /// Why.
        source: IdError,
    },
    /// A loss could not be written down.
    #[error("recording a loss")]
    Loss(#[source] RecordError),
}

/// The network of an import whose records name theirs themselves.
const MIXED: &str = "mixed";

/// Why a connector's record becomes a loss. Says nothing of its content.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("{0}")]
    Parts(#[from] PartsError),
    #[error("attachment {0} is described in another encoding")]
    Attachment(usize),
    #[error("the bytes of attachment {0} are missing or are not those that the record describes")]
    Bytes(usize),
    #[error("the record has the id of another and is too large to be kept beside it")]
    Id,
    #[error("the record names another {0} than this conversation")]
    Other(&'static str),
}

impl Intake {
    /// For records of a connector that answered `hello` to `start`.
    ///
    /// # Errors
    ///
    /// When one of the two names something that is no id.
    pub fn new(start: &Start, hello: &Hello, mode: Mode) -> Result<Self, IntakeError> {
        let id = |what, text: String| {
            TextId::new(text).map_err(|source| IntakeError::Id { what, source })
        };
        Ok(Self {
            source: Source {
                network: NetworkName::new(&hello.network).map_err(|source| IntakeError::Id {
                    what: "network",
                    source,
                })?,
                account: id("account", start.account.clone())?,
                custodian: id("custodian", start.custodian.clone())?,
                connector: id("connector", format!("{} {}", hello.connector, hello.way))?,
                assurance: match mode {
                    Mode::Import => Assurance::Export,
                    _ => Assurance::Device,
                },
                mode,
            },
        })
    }

    /// What all records of this conversation share.
    pub(crate) fn source(&self) -> &Source {
        &self.source
    }

    /// Takes one record. One that breaks a check becomes a loss that carries its bytes, where they
    /// are not too many; the same broken record gives the same loss (CONN-2).
    ///
    /// # Errors
    ///
    /// When not even the loss can be written down.
    pub fn take(&self, incoming: Incoming, captured: Milliseconds) -> Result<Taken, IntakeError> {
        match self.read(&incoming) {
            Ok(record) => {
                let (_, files) = incoming.into_parts();
                Ok(Taken { record, files })
            }
            Err(broken) => Ok(Taken {
                record: self.broken(&incoming, &broken, captured)?,
                files: Vec::new(),
            }),
        }
    }

    /// A loss of this account, in a conversation of its own.
    ///
    /// # Errors
    ///
    /// When `loss` is over a limit of the format.
    pub fn loss(
        &self,
        source_id: &str,
        loss: Loss,
        original: Option<Original>,
        captured: Milliseconds,
    ) -> Result<Record, IntakeError> {
        loss_of(&self.source, source_id, loss, original, captured)
    }

    /// The loss of a record whose attachment's bytes the connector did not bring. The record
    /// itself stands in it, where it is not too large.
    pub(crate) fn incomplete(
        &self,
        record: &Record,
        index: usize,
        captured: Milliseconds,
    ) -> Result<Record, IntakeError> {
        let broken = Broken::Bytes(index);
        self.broken(&Incoming::of(record), &broken, captured)
    }

    /// A record whose id another one has, under an id of its own (SPOOL-6); true where it could
    /// not be made and stands in a loss.
    pub(crate) fn apart(
        &self,
        record: &Record,
        captured: Milliseconds,
    ) -> Result<(Record, bool), IntakeError> {
        match crate::said::apart(record) {
            Ok(record) => Ok((record, false)),
            Err(_) => Ok((
                self.broken(&Incoming::of(record), &Broken::Id, captured)?,
                true,
            )),
        }
    }

    fn read(&self, incoming: &Incoming) -> Result<Record, Broken> {
        let [envelope, participants, body, original, rest @ ..] = incoming.parts() else {
            // Fewer than four parts were refused with the frame.
            return Err(Broken::Attachment(0));
        };
        let attachments = rest
            .iter()
            .enumerate()
            .map(|(index, part)| {
                from_bytes::<Attachment>(part).map_err(|_| Broken::Attachment(index))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let record = Record::from_parts([envelope, participants, body, original], attachments)?;
        let envelope = record.envelope();
        // CONN-2: an archive that others have filled names a network in each record.
        let mixed = self.source.mode == Mode::Import && self.source.network.as_str() == MIXED;
        if *envelope.network() != self.source.network && !mixed {
            return Err(Broken::Other("network"));
        }
        if *envelope.account() != self.source.account {
            return Err(Broken::Other("account"));
        }
        if *envelope.custodian() != self.source.custodian {
            return Err(Broken::Other("custodian"));
        }
        Ok(record)
    }

    fn broken(
        &self,
        incoming: &Incoming,
        broken: &Broken,
        captured: Milliseconds,
    ) -> Result<Record, IntakeError> {
        let parts: Vec<ByteVec> = incoming
            .parts()
            .iter()
            .map(|part| ByteVec::from(part.clone()))
            .collect();
        let bytes = to_bytes(&parts);
        let id = format!("broken:{}", canonical::hex(&sha256(&bytes)));
        let original = (bytes.len() <= MAX_INLINE_ORIGINAL)
            .then(|| Original::inline("application/cbor", bytes));
        let loss = Loss {
            count: Some(1),
            detail: Some(broken.to_string()),
            ..Loss::new(LossWhy::Damaged)
        };
        self.loss(&id, loss, original, captured)
    }
}

impl Taken {
    /// The record.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// A record without files.
    pub fn of(record: Record) -> Self {
        Self {
            record,
            files: Vec::new(),
        }
    }
}

/// A loss in the conversation `losses` of its source.
pub(crate) fn loss_of(
    source: &Source,
    source_id: &str,
    loss: Loss,
    original: Option<Original>,
    captured: Milliseconds,
) -> Result<Record, IntakeError> {
    let id =
        |what, text: &str| TextId::new(text).map_err(|source| IntakeError::Id { what, source });
    Record::new(
        Envelope::builder(
            source,
            id("conversation", "losses")?,
            id("source id", source_id)?,
            Time::utc(captured),
        ),
        Participants::of(Conversation::new(ConversationKind::Unknown)),
        loss,
        original,
        Vec::new(),
    )
    .map_err(IntakeError::Loss)
}

impl std::fmt::Debug for Intake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Intake({:?})", self.source)
    }
}

impl std::fmt::Debug for Taken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Taken({:?}, {} files)", self.record, self.files.len())
    }
}
