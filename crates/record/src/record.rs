//! The record and its encoded parts.

use canonical::{CanonicalError, encoded_len, to_bytes, to_bytes_into};
use minicbor::encode::Encode;

use crate::limits::{check, check_sizes};
use crate::{
    Attachment, Body, Envelope, EnvelopeBuilder, Kind, Original, Participants, RecordError,
    RecordId,
};

/// One network event in normal form, whose parts keep every check of the format.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    envelope: Envelope,
    participants: Participants,
    body: Body,
    original: Option<Original>,
    attachments: Vec<Attachment>,
}

impl Record {
    /// Puts a record together. Kind and id follow from what is given (RECORD-1, RECORD-3).
    ///
    /// # Errors
    ///
    /// When the parts break one of RECORD-2 and RECORD-5 to RECORD-9.
    pub fn new(
        envelope: EnvelopeBuilder,
        participants: Participants,
        body: impl Into<Body>,
        original: Option<Original>,
        attachments: Vec<Attachment>,
    ) -> Result<Self, RecordError> {
        let record = Self::put_together(envelope, participants, body.into(), original, attachments);
        record.check(record.sizes())?;
        Ok(record)
    }

    /// What [`Record::new`] is before its checks.
    pub(crate) fn put_together(
        envelope: EnvelopeBuilder,
        participants: Participants,
        body: Body,
        original: Option<Original>,
        attachments: Vec<Attachment>,
    ) -> Self {
        Self {
            envelope: envelope.build(body.content.kind()),
            participants,
            body,
            original,
            attachments,
        }
    }

    /// Reads a record from its encoded parts (envelope, participants, body, original or nothing)
    /// and the attachments, which the caller has read from the sealed ones.
    ///
    /// # Errors
    ///
    /// When a part is not canonical, when the envelope contradicts itself or the body (RECORD-1,
    /// RECORD-3), or when the parts break one of RECORD-2 and RECORD-5 to RECORD-9.
    pub fn from_parts(parts: [&[u8]; 4], attachments: Vec<Attachment>) -> Result<Self, PartsError> {
        let [envelope, participants, body, original] = parts;
        // Before anything is built from them (RECORD-8).
        let bytes = parts.iter().map(|part| part.len()).sum();
        if bytes > crate::MAX_PARTS {
            return Err(PartsError::Record(RecordError::TooLarge { bytes }));
        }
        let record = Self {
            envelope: read(RecordPart::Envelope, envelope)?,
            participants: read(RecordPart::Participants, participants)?,
            body: read(RecordPart::Body, body)?,
            original: match original {
                [] => None,
                original => Some(read(RecordPart::Original, original)?),
            },
            attachments,
        };
        let (stated, found) = (record.envelope.kind(), record.body.content.kind());
        if stated != found {
            return Err(PartsError::Kind { stated, found });
        }
        if record.envelope.id() != record.envelope.computed_id() {
            return Err(PartsError::Id {
                stated: record.envelope.id(),
            });
        }
        record.check(parts.map(<[u8]>::len))?;
        Ok(record)
    }

    /// The encoded parts, in the order in which they are committed to. The attachments' parts
    /// come behind them and are made where the attachments are sealed.
    #[must_use]
    pub fn parts(&self) -> Parts {
        Parts {
            envelope: to_bytes(&self.envelope),
            participants: to_bytes(&self.participants),
            body: to_bytes(&self.body),
            original: self.original.as_ref().map(to_bytes).unwrap_or_default(),
        }
    }

    /// Appends the encoded parts to `bytes`, one directly behind the other, and gives the length
    /// of each.
    pub fn append_parts(&self, bytes: &mut Vec<u8>) -> [usize; 4] {
        let start = bytes.len();
        to_bytes_into(&self.envelope, bytes);
        let envelope = bytes.len();
        to_bytes_into(&self.participants, bytes);
        let participants = bytes.len();
        to_bytes_into(&self.body, bytes);
        let body = bytes.len();
        if let Some(original) = &self.original {
            to_bytes_into(original, bytes);
        }
        [
            envelope - start,
            participants - envelope,
            body - participants,
            bytes.len() - body,
        ]
    }

    /// The record's id (RECORD-1).
    #[must_use]
    pub fn id(&self) -> RecordId {
        self.envelope.id()
    }

    /// What the body is (RECORD-3).
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.envelope.kind()
    }

    /// Which event of which account it is, and when.
    #[must_use]
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// Who takes part.
    #[must_use]
    pub fn participants(&self) -> &Participants {
        &self.participants
    }

    /// What it says.
    #[must_use]
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// The network's original bytes.
    #[must_use]
    pub fn original(&self) -> Option<&Original> {
        self.original.as_ref()
    }

    /// The files that belong to it.
    #[must_use]
    pub fn attachments(&self) -> &[Attachment] {
        &self.attachments
    }

    /// Bytes of the encoded envelope, participants, body and original.
    fn sizes(&self) -> [usize; 4] {
        [
            encoded_len(&self.envelope),
            encoded_len(&self.participants),
            encoded_len(&self.body),
            self.original.as_ref().map_or(0, encoded_len),
        ]
    }

    pub(crate) fn check(&self, sizes: [usize; 4]) -> Result<(), RecordError> {
        check(&self.body, self.original.as_ref(), &self.attachments)?;
        let [envelope, participants, body, original] = sizes;
        let sizes = [
            (RecordPart::Envelope, envelope),
            (RecordPart::Participants, participants),
            (RecordPart::Body, body),
            (RecordPart::Original, original),
            (
                RecordPart::Attachments,
                self.attachments.iter().map(encoded_len).sum(),
            ),
        ];
        check_sizes(&sizes, |part| match part {
            RecordPart::Envelope => longest_text(&self.envelope),
            RecordPart::Participants => longest_text(&self.participants),
            RecordPart::Body => longest_text(&self.body),
            RecordPart::Original => self.original.as_ref().map_or(0, longest_text),
            RecordPart::Attachments => self.attachments.iter().map(longest_text).max().unwrap_or(0),
        })
    }
}

/// The encoded parts of a record, without attachments.
#[derive(Clone, PartialEq, Eq)]
pub struct Parts {
    envelope: Vec<u8>,
    participants: Vec<u8>,
    body: Vec<u8>,
    original: Vec<u8>,
}

impl Parts {
    /// The encoded envelope.
    #[must_use]
    pub fn envelope(&self) -> &[u8] {
        &self.envelope
    }

    /// The encoded participants.
    #[must_use]
    pub fn participants(&self) -> &[u8] {
        &self.participants
    }

    /// The encoded body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The encoded original; nothing if there is none.
    #[must_use]
    pub fn original(&self) -> &[u8] {
        &self.original
    }

    /// All four in their order, as [`Record::from_parts`] takes them.
    #[must_use]
    pub fn slices(&self) -> [&[u8]; 4] {
        [
            &self.envelope,
            &self.participants,
            &self.body,
            &self.original,
        ]
    }

    /// All four in their order, without copying.
    #[must_use]
    pub fn into_vecs(self) -> [Vec<u8>; 4] {
        [self.envelope, self.participants, self.body, self.original]
    }
}

/// A part of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordPart {
    /// Which event of which account, and when.
    Envelope,
    /// Who takes part.
    Participants,
    /// What it says.
    Body,
    /// The network's original bytes.
    Original,
    /// What is known of the files.
    Attachments,
}

impl std::fmt::Display for RecordPart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Envelope => "envelope",
            Self::Participants => "participants",
            Self::Body => "body",
            Self::Original => "original",
            Self::Attachments => "attachments",
        })
    }
}

/// Why encoded parts do not make a record. Says nothing of their content.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PartsError {
    /// A part is not canonical, or not of the structure that it should have.
    #[error("reading the {part}")]
    Encoding {
        /// Which part.
        part: RecordPart,
        /// What is wrong with it.
        source: CanonicalError,
    },
    /// The envelope states another kind than the body has (RECORD-3).
    #[error("the envelope states kind {stated}, the body is {found}")]
    Kind {
        /// The envelope's.
        stated: Kind,
        /// The body's.
        found: Kind,
    },
    /// The envelope states another id than its fields give (RECORD-1).
    #[error("the envelope's fields do not give its record id {stated}")]
    Id {
        /// The envelope's.
        stated: RecordId,
    },
    /// The parts break a check.
    #[error(transparent)]
    Record(#[from] RecordError),
}

fn read<'b, T>(part: RecordPart, bytes: &'b [u8]) -> Result<T, PartsError>
where
    T: minicbor::Decode<'b, ()> + Encode<()>,
{
    canonical::from_bytes(bytes).map_err(|source| PartsError::Encoding { part, source })
}

/// Bytes of the longest text in a part. Every text of a record stands in its encoding as one
/// text string, so that no walk over the types can forget one.
fn longest_text<T: Encode<()>>(part: &T) -> usize {
    canonical::check(&to_bytes(part)).map_or(usize::MAX, |shape| shape.longest_text)
}

impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Record({}, {})", self.kind(), self.id())
    }
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [envelope, participants, body, original] = self.slices().map(<[u8]>::len);
        write!(
            f,
            "Parts(‹{envelope}, {participants}, {body}, {original} bytes›)"
        )
    }
}
