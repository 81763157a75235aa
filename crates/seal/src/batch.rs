//! From records to a sealed batch: gather, commit, seal.

use minicbor::{Decode, Encode};
use record::{Attachment, EncodedRecord, Record};
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
use crate::wiped::Wiped;

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
    /// Where one record after the other is encoded.
    encoding: Wiped,
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
    /// A compressed batch is not sealed as one that was captured as it happened.
    #[error("the batch is compressed, which only imports are")]
    Form,
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
            encoding: Wiped::new(),
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
        let mut encoding = std::mem::replace(&mut self.encoding, Wiped::new());
        encoding.truncate(0);
        let lengths = encoding.append(|bytes| record.append_parts(bytes));
        let pushed = self.push_parts(parted(&encoding, lengths), record.attachments(), streams);
        self.encoding = encoding;
        pushed
    }

    /// The same for a record that is encoded already.
    ///
    /// # Errors
    ///
    /// As [`push`](Self::push).
    pub fn push_encoded(
        &mut self,
        record: &EncodedRecord<'_>,
        streams: &[Option<Stream>],
    ) -> Result<(), PushError> {
        self.push_parts(record.slices(), record.record().attachments(), streams)
    }

    fn push_parts(
        &mut self,
        first: [&[u8]; 4],
        attachments: &[Attachment],
        streams: &[Option<Stream>],
    ) -> Result<(), PushError> {
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
        if sealed.is_empty() {
            self.fits(&first)?;
            self.building.push(&first);
            return Ok(());
        }
        let parts: Vec<&[u8]> = first
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
        let committed = self.building.commit(seed);
        Some(CommittedBatch {
            root: committed.root(),
            count: RecordCount::new(committed.count()),
            content: Contents::Plain(committed),
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

/// Four parts that stand one directly behind the other.
fn parted(bytes: &[u8], lengths: [usize; 4]) -> [&[u8]; 4] {
    let mut rest = bytes;
    lengths.map(|length| {
        let (part, behind) = rest.split_at_checked(length).unwrap_or_default();
        rest = behind;
        part
    })
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
    root: CommitmentRoot,
    count: RecordCount,
    content: Contents,
    streams: Vec<Object>,
}

enum Contents {
    Plain(Committed),
    Compressed(Compressed),
}

/// One zstd frame and what it inflates to.
struct Compressed {
    inflated: u32,
    frame: Wiped,
}

impl CommittedBatch {
    /// The root over the salted parts.
    #[must_use]
    pub fn root(&self) -> CommitmentRoot {
        self.root
    }

    /// Records in it.
    #[must_use]
    pub fn count(&self) -> RecordCount {
        self.count
    }

    /// Compresses the records of an import before they are sealed ([`Form::Import`] and no other):
    /// a batch that waits takes a fraction of the memory, and this work, which is most of what
    /// sealing costs, needs no place in the chain.
    ///
    /// # Errors
    ///
    /// When zstd fails, or without memory.
    pub fn compressed(self) -> Result<Self, SealError> {
        let content = match self.content {
            Contents::Plain(committed) => Contents::Compressed(compress(&committed)?),
            compressed @ Contents::Compressed(_) => compressed,
        };
        Ok(Self { content, ..self })
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
    let object = match (form, batch.content) {
        (Form::Live, Contents::Plain(content)) => {
            seal_plain(recipient, &draft, content.length(), randomness, |object| {
                content.write(object);
            })
        }
        // BATCH-4: what is captured as it happens is never compressed.
        (Form::Live, Contents::Compressed(_)) => Err(SealError::Form),
        (Form::Import, Contents::Plain(content)) => {
            seal_compressed(&compress(&content)?, recipient, &draft, randomness)
        }
        (Form::Import, Contents::Compressed(content)) => {
            seal_compressed(&content, recipient, &draft, randomness)
        }
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

/// BATCH-4.
fn compress(content: &Committed) -> Result<Compressed, SealError> {
    let plain = content.content();
    let inflated = u32::try_from(plain.len()).map_err(|_| SealError::Draft)?;
    let mut whole = Wiped::with_capacity(zstd::zstd_safe::compress_bound(plain.len()));
    whole
        .append(|whole| zstd::bulk::Compressor::new(LEVEL)?.compress_to_buffer(plain, whole))
        .map_err(SealError::Compress)?;
    // Without the room that was left over, which would be kept for as long as the batch waits.
    let mut frame = Wiped::with_capacity(whole.len());
    frame.extend(&whole);
    Ok(Compressed { inflated, frame })
}

fn seal_compressed(
    content: &Compressed,
    recipient: &RecipientKey<ForRecords>,
    draft: &EntryDraft,
    randomness: &mut dyn Randomness,
) -> Result<SealedObject, SealError> {
    let Compressed { inflated, frame } = content;
    let length = 4 + frame.len();
    let padded = padding::padded(Padding::Compressed, length);
    let mut object = Vec::with_capacity(BODY + padded + TAG);
    object.resize(BODY + HEADER, 0);
    object.extend_from_slice(&inflated.to_be_bytes());
    object.extend_from_slice(frame);
    object.resize(BODY + padded, 0);
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
