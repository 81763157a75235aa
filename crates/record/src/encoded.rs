//! A record beside its encoded parts, where both are needed.

use std::borrow::Cow;

use crate::{
    Attachment, Body, EnvelopeBuilder, Original, Participants, PartsError, Record, RecordError,
};

/// A record and its encoded parts, which are those that [`Record::parts`] gives.
///
/// Encoding is a good part of what a record costs: who reads a record from its parts, or makes one
/// to pass its parts on, does not encode it again.
#[derive(Clone, PartialEq, Eq)]
pub struct EncodedRecord<'b> {
    record: Record,
    parts: [Cow<'b, [u8]>; 4],
}

impl<'b> EncodedRecord<'b> {
    /// Puts a record together, as [`Record::new`] does.
    ///
    /// # Errors
    ///
    /// Those of [`Record::new`].
    pub fn new(
        envelope: EnvelopeBuilder,
        participants: Participants,
        body: impl Into<Body>,
        original: Option<Original>,
        attachments: Vec<Attachment>,
    ) -> Result<Self, RecordError> {
        let record =
            Record::put_together(envelope, participants, body.into(), original, attachments);
        let encoded = Self::from(record);
        let sizes = encoded.slices().map(<[u8]>::len);
        encoded.record.check(sizes)?;
        Ok(encoded)
    }

    /// Reads a record from its encoded parts, as [`Record::from_parts`] does.
    ///
    /// # Errors
    ///
    /// Those of [`Record::from_parts`].
    pub fn from_parts(
        parts: [&'b [u8]; 4],
        attachments: Vec<Attachment>,
    ) -> Result<Self, PartsError> {
        // CBOR-1: what was read encodes to the same bytes, so these are the record's parts.
        let record = Record::from_parts(parts, attachments)?;
        Ok(Self {
            record,
            parts: parts.map(Cow::Borrowed),
        })
    }

    /// The record.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Its encoded envelope, participants, body and original (nothing if there is none).
    #[must_use]
    pub fn slices(&self) -> [&[u8]; 4] {
        let [envelope, participants, body, original] = &self.parts;
        [envelope, participants, body, original]
    }

    /// The encoded parts, copied only where they were borrowed.
    #[must_use]
    pub fn into_vecs(self) -> [Vec<u8>; 4] {
        self.parts.map(Cow::into_owned)
    }
}

impl From<Record> for EncodedRecord<'_> {
    fn from(record: Record) -> Self {
        let parts = record.parts().into_vecs().map(Cow::Owned);
        Self { record, parts }
    }
}

impl std::fmt::Debug for EncodedRecord<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Encoded{:?}", self.record)
    }
}
