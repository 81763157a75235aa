//! From records to a sealed batch: gather, commit, seal.

use minicbor::{Decode, Encode};
use record::{Attachment, Record};
use wire::commitment::BatchSeed;
use wire::{
    BatchHead, Body, CommitmentRoot, EntryDraft, EntryError, EpochId, Object, ObjectHash,
    ObjectLength, RecordCount, UnsignedEntry, limit,
};
use zeroize::Zeroizing;

use crate::content::{Building, Committed, MAX_CONTENT, MAX_SINGLE};
use crate::key::{ForRecords, Purpose, RecipientKey};
use crate::padding::{self, Form as Padding, HEADER};
use crate::randomness::{Randomness, draw};
use crate::stream::Stream;
use crate::suite::{self, BODY, SuiteError, TAG};

/// zstd's level for imports.
const LEVEL: i32 = 3;

/// How records came to be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As they arrive: never compressed, padded to at least 1 KiB.
    Live,
    /// From an export: compressed.
    Import,
}

/// An attachment as the record's part says it: what is known of it, and the stream that holds
/// its bytes. Absent stream: an attachment without bytes.
#[derive(Clone, Debug, Encode, Decode)]
#[cbor(map)]
pub struct SealedAttachment {
    /// What is known of the file.
    #[n(0)]
    pub attachment: Attachment,
    /// Where its bytes are and what opens them.
    #[n(1)]
    pub stream: Option<Stream>,
}

/// Gathers the records of one batch (BATCH-1).
pub struct BatchBuilder {
    building: Building,
    streams: Vec<Object>,
}

/// Why a record was not taken into a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PushError {
    /// The batch is full: commit it and push this record to a new one.
    #[error("the batch is full")]
    Full,
    /// The record alone is larger than a batch may be.
    #[error("a record of {length} bytes is too large for any batch")]
    TooLarge {
        /// Bytes that it would take.
        length: usize,
    },
    /// Not one stream for each attachment.
    #[error("{found} streams for {expected} attachments")]
    Streams {
        /// Attachments of the record.
        expected: usize,
        /// Streams given.
        found: usize,
    },
    /// An attachment with bytes has no stream.
    #[error("attachment {index} has bytes, but no stream")]
    NoStream {
        /// Which one, from 0.
        index: usize,
    },
}

/// Sealing a batch failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The draft's body is not the head of what is sealed, or names another epoch.
    #[error("the entry's draft does not describe what is sealed")]
    Draft,
    /// The HPKE implementation failed.
    #[error("sealing the object")]
    Suite(#[source] SuiteError),
    /// zstd failed.
    #[error("compressing the content")]
    Compress(#[source] std::io::Error),
    /// Draft and objects do not make an entry.
    #[error("making the entry")]
    Entry(#[source] EntryError),
}

impl BatchBuilder {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self {
            building: Building::new(),
            streams: Vec::new(),
        }
    }

    /// Takes a record, with the sealed stream of each of its attachments in order (`None` where
    /// an attachment has no bytes).
    ///
    /// # Errors
    ///
    /// [`PushError::Full`] when it belongs into the next batch; otherwise when it can not be
    /// sealed at all.
    pub fn push(&mut self, record: &Record, streams: &[Option<Stream>]) -> Result<(), PushError> {
        let attachments = record.attachments();
        if attachments.len() != streams.len() {
            return Err(PushError::Streams {
                expected: attachments.len(),
                found: streams.len(),
            });
        }
        let mut sealed = Vec::with_capacity(streams.len());
        for (index, (attachment, stream)) in attachments.iter().zip(streams).enumerate() {
            if stream.is_none() && attachment.size != 0 {
                return Err(PushError::NoStream { index });
            }
            // It holds the stream's key.
            sealed.push(Zeroizing::new(canonical::to_bytes(&SealedAttachment {
                attachment: attachment.clone(),
                stream: stream.clone(),
            })));
        }
        let first = record.parts();
        let parts: Vec<&[u8]> = first
            .slices()
            .into_iter()
            .chain(sealed.iter().map(|part| part.as_slice()))
            .collect();
        self.fits(&parts)?;
        self.building.push(&parts);
        self.streams
            .extend(streams.iter().flatten().map(|stream| Object {
                hash: stream.object,
                length: stream.length,
            }));
        Ok(())
    }

    /// Whether nothing was pushed yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.building.records() == 0
    }

    /// Records so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.building.records()
    }

    /// Bytes of the encoded batch so far.
    #[must_use]
    pub fn content_length(&self) -> usize {
        self.building.content_length()
    }

    /// Commits to the records under a new seed (COMMIT-1 to COMMIT-4). `None` if there are none.
    #[must_use]
    pub fn commit(self, randomness: &mut dyn Randomness) -> Option<CommittedBatch> {
        if self.is_empty() {
            return None;
        }
        let seed = BatchSeed::from_bytes(draw(randomness));
        Some(CommittedBatch {
            committed: self.building.commit(seed),
            streams: self.streams,
        })
    }

    fn fits(&self, parts: &[&[u8]]) -> Result<(), PushError> {
        let length = Building::record_length(parts);
        let alone = crate::content::FRAME + length;
        if alone > MAX_SINGLE {
            return Err(PushError::TooLarge { length: alone });
        }
        if self.is_empty() {
            return Ok(());
        }
        if self.len() >= limit::BATCH_RECORDS as usize
            || self.building.content_length() + length > MAX_CONTENT
        {
            return Err(PushError::Full);
        }
        Ok(())
    }
}

impl Default for BatchBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for BatchBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BatchBuilder({} records)", self.len())
    }
}

/// Records and the commitment to them: what their entry says is known, and can not change.
pub struct CommittedBatch {
    committed: Committed,
    streams: Vec<Object>,
}

impl CommittedBatch {
    /// The root over the salted parts.
    #[must_use]
    pub fn root(&self) -> CommitmentRoot {
        self.committed.root()
    }

    /// Records in it.
    #[must_use]
    pub fn count(&self) -> RecordCount {
        RecordCount::new(self.committed.count())
    }

    /// What the entry says of it; the body of the draft that [`seal_batch`] takes.
    #[must_use]
    pub fn head(&self, epoch: EpochId, form: Form) -> BatchHead {
        BatchHead {
            epoch,
            count: self.count(),
            root: self.root(),
            import: form == Form::Import,
        }
    }
}

impl std::fmt::Debug for CommittedBatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CommittedBatch({} records)", self.count())
    }
}

/// A sealed batch and the entry that logs it, which waits for its signature.
#[derive(Debug)]
pub struct SealedBatch {
    /// The sealed object.
    pub object: SealedObject,
    /// The entry. Its first object is the batch; then come streams, as many as one entry takes.
    pub entry: UnsignedEntry,
    /// Streams that did not fit: they follow in `continuation` entries (ENTRY-5).
    pub continued: Vec<Object>,
}

/// A sealed object: ciphertext, which may be stored and shown to anybody.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedObject {
    bytes: Vec<u8>,
    hash: ObjectHash,
}

impl SealedObject {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self {
            hash: ObjectHash::from_bytes(canonical::sha256(&bytes)),
            bytes,
        }
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Its bytes, without copying.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Their SHA-256.
    #[must_use]
    pub fn hash(&self) -> ObjectHash {
        self.hash
    }

    /// As an entry lists it.
    #[must_use]
    pub fn object(&self) -> Object {
        Object {
            hash: self.hash,
            length: ObjectLength::new(self.bytes.len() as u64),
        }
    }
}

impl std::fmt::Debug for SealedObject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SealedObject({:?})", self.hash)
    }
}

/// Seals a committed batch to an epoch (BATCH-2 to BATCH-5).
///
/// The draft's body is [`CommittedBatch::head`] of this batch, this recipient's epoch and this
/// form; all of the draft is bound into the object.
///
/// # Errors
///
/// When the draft says something else, or an implementation fails.
pub fn seal_batch(
    batch: CommittedBatch,
    recipient: &RecipientKey<ForRecords>,
    draft: EntryDraft,
    form: Form,
    randomness: &mut dyn Randomness,
) -> Result<SealedBatch, SealError> {
    if *draft.body() != Body::Batch(batch.head(recipient.epoch(), form)) {
        return Err(SealError::Draft);
    }
    let content = &batch.committed;
    let object = match form {
        Form::Live => seal_plain(recipient, &draft, content.length(), randomness, |object| {
            content.write(object);
        }),
        Form::Import => seal_compressed(content, recipient, &draft, randomness),
    }?;
    let room = limit::ENTRY_OBJECTS - 1;
    let mut streams = batch.streams;
    let continued = streams.split_off(streams.len().min(room));
    let objects = [vec![object.object()], streams].concat();
    let entry = draft.with_objects(objects).map_err(SealError::Entry)?;
    Ok(SealedBatch {
        object,
        entry,
        continued,
    })
}

/// Seals `length` bytes of content that `write` appends, uncompressed and padded.
pub(crate) fn seal_plain<P: Purpose>(
    recipient: &RecipientKey<P>,
    draft: &EntryDraft,
    length: usize,
    randomness: &mut dyn Randomness,
    write: impl FnOnce(&mut Vec<u8>),
) -> Result<SealedObject, SealError> {
    let padded = padding::padded(Padding::Plain, length);
    // Of its last size from the start: growing would leave unwiped copies behind.
    let mut object = Vec::with_capacity(BODY + padded + TAG);
    object.resize(BODY + HEADER, 0);
    write(&mut object);
    object.resize(BODY + padded, 0);
    finish(recipient, draft, Padding::Plain, length, object, randomness)
}

fn seal_compressed(
    content: &Committed,
    recipient: &RecipientKey<ForRecords>,
    draft: &EntryDraft,
    randomness: &mut dyn Randomness,
) -> Result<SealedObject, SealError> {
    let mut plain = Zeroizing::new(Vec::with_capacity(content.length()));
    content.write(&mut plain);
    let inflated = u32::try_from(plain.len()).map_err(|_| SealError::Draft)?;
    let start = BODY + HEADER + 4;
    let bound = zstd::zstd_safe::compress_bound(plain.len());
    let mut object =
        Vec::with_capacity(start + padding::padded(Padding::Compressed, bound + 4) + TAG);
    object.resize(start + bound, 0);
    let frame = object.get_mut(start..).unwrap_or_default();
    let compressed =
        zstd::bulk::compress_to_buffer(&plain, frame, LEVEL).map_err(SealError::Compress)?;
    if let Some(size) = object.get_mut(BODY + HEADER..start) {
        size.copy_from_slice(&inflated.to_be_bytes());
    }
    let length = 4 + compressed;
    object.truncate(start + compressed);
    object.resize(BODY + padding::padded(Padding::Compressed, length), 0);
    finish(
        recipient,
        draft,
        Padding::Compressed,
        length,
        object,
        randomness,
    )
}

/// `object` holds its head's room, then the whole plaintext but for form and length.
fn finish<P: Purpose>(
    recipient: &RecipientKey<P>,
    draft: &EntryDraft,
    form: Padding,
    length: usize,
    mut object: Vec<u8>,
    randomness: &mut dyn Randomness,
) -> Result<SealedObject, SealError> {
    if let Some(plaintext) = object.get_mut(BODY..) {
        padding::write_head(plaintext, form, length);
    }
    suite::seal(
        recipient,
        &draft.archive(),
        &draft.aad(),
        &mut object,
        randomness,
    )
    .map_err(SealError::Suite)?;
    Ok(SealedObject::new(object))
}
