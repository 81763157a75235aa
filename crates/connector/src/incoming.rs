//! One record on its way up: encoded parts, and files with its attachments' bytes.

use canonical::to_bytes;
use minicbor::{Decode, Encode};

use crate::limit;

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

    /// The same of a record that is encoded already.
    pub fn of_encoded(encoded: record::EncodedRecord<'_>) -> Self {
        let described = encoded.record().attachments().iter().map(to_bytes);
        let described: Vec<Vec<u8>> = described.collect();
        let mut parts: Vec<Vec<u8>> = Vec::with_capacity(4 + described.len());
        parts.extend(encoded.into_vecs());
        parts.extend(described);
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
