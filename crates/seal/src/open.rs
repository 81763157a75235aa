//! Opening a batch: only of a verified entry, and nothing of it before its commitment was
//! recomputed (COMMIT-5).

use canonical::CanonicalError;
use record::{PartsError, Record};
use tlog::LogIndex;
use wire::commitment::{BatchPath, RecordLeaf, Salt, batch_path};
use wire::verify::VerifiedEntry;
use wire::{
    AdmittedAt, ArchiveId, Body, Entry, EntryId, EpochId, PartPosition, RecordPosition,
    SequenceNumber, SignerId,
};

use crate::batch::SealedAttachment;
use crate::content::{Content, ContentError, MAX_SINGLE};
use crate::key::{ForRecords, OpeningKey, Purpose};
use crate::padding::{self, Form, PaddingError};
use crate::stream::{StreamError, StreamOpener, StreamPlace};
use crate::suite::{self, ObjectError};
use crate::wiped::Wiped;

/// Why a batch does not open.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The entry is not of the kind that is opened here.
    #[error("the entry is of another kind")]
    Kind,
    /// The entry names another epoch than the key's.
    #[error("sealed to epoch {sealed}, the key is of epoch {key}")]
    Epoch {
        /// What the entry names.
        sealed: EpochId,
        /// The key's.
        key: EpochId,
    },
    /// The bytes are not the object that the entry names.
    #[error("the bytes are not the object that the entry names")]
    OtherObject,
    /// The object does not open.
    #[error("opening the object")]
    Object(#[source] ObjectError),
    /// Form, length or padding are wrong.
    #[error("reading the plaintext")]
    Padding(#[source] PaddingError),
    /// A compressed form where the entry does not say that it is an import.
    #[error("compressed, but not an import")]
    Compressed,
    /// The compressed content is not one frame that inflates to the stated length.
    #[error("the content does not inflate to the {stated} bytes that it states")]
    Inflate {
        /// Bytes stated.
        stated: usize,
    },
    /// The content is no batch.
    #[error("reading the content")]
    Content(#[source] ContentError),
    /// The entry states another number of records.
    #[error("{found} records where the entry states {stated}")]
    Count {
        /// What the entry states.
        stated: u32,
        /// Records found.
        found: usize,
    },
    /// The recomputed commitment is not the entry's: nothing of the batch may be used (COMMIT-5).
    #[error("the commitment of what was opened is not the entry's")]
    Root,
}

/// Why one record of an opened batch can not be read. The others can.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordUnreadable {
    /// Its parts are no record.
    #[error("the parts are no record")]
    Parts(#[source] PartsError),
    /// The part of an attachment is no sealed attachment.
    #[error("attachment {index} is not readable")]
    Attachment {
        /// Which one, from 0.
        index: usize,
        /// What is wrong with it.
        source: CanonicalError,
    },
    /// An attachment with bytes names no stream.
    #[error("attachment {index} has bytes, but no stream")]
    NoStream {
        /// Which one, from 0.
        index: usize,
    },
}

/// Where an opened record comes from, as the verified log says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// The archive.
    pub archive: ArchiveId,
    /// Log index of the entry.
    pub index: LogIndex,
    /// When the log admitted it.
    pub admitted_at: AdmittedAt,
    /// The entry's id.
    pub entry: EntryId,
    /// Who sealed and signed it.
    pub signer: SignerId,
    /// Its number in the signer's chain.
    pub number: SequenceNumber,
    /// The epoch that it is sealed to.
    pub epoch: EpochId,
    /// It comes from an import.
    pub import: bool,
}

/// An opened batch whose commitment is the entry's. Its bytes are wiped when it is dropped.
pub struct OpenedBatch {
    content: Content,
    provenance: Provenance,
}

impl OpenedBatch {
    /// Where its records come from.
    #[must_use]
    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// Records in it; at least one.
    #[expect(
        clippy::len_without_is_empty,
        reason = "a batch is never empty (BATCH-1)"
    )]
    #[must_use]
    pub fn len(&self) -> usize {
        self.content.layout.len()
    }

    /// The parts of the record at a position, in the order in which they are committed to.
    #[must_use]
    pub fn parts(&self, position: RecordPosition) -> Option<Vec<&[u8]>> {
        self.content.parts(usize::try_from(position.get()).ok()?)
    }

    /// Reads one record. `None` beyond the end.
    #[must_use]
    pub fn record(
        &self,
        position: RecordPosition,
    ) -> Option<Result<OpenedRecord<'_>, RecordUnreadable>> {
        let parts = self.parts(position)?;
        let proofs = Proofs::Batch(&self.content);
        Some(OpenedRecord::read(position, parts, proofs, self.provenance))
    }

    /// Reads all records in order. One that is unreadable does not hinder the others.
    pub fn records(&self) -> impl Iterator<Item = Result<OpenedRecord<'_>, RecordUnreadable>> {
        (0..).map_while(|position| self.record(RecordPosition::new(position)))
    }

    pub(crate) fn content(&self) -> &Content {
        &self.content
    }
}

impl std::fmt::Debug for OpenedBatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "OpenedBatch({} records of {:?})",
            self.len(),
            self.provenance.entry
        )
    }
}

/// Where salts and paths of an opened record come from.
#[derive(Clone, Copy)]
pub(crate) enum Proofs<'a> {
    /// From the batch's seed and leaves.
    Batch(&'a Content),
    /// From the carry that brought it.
    Carried {
        salts: &'a [Salt],
        path: &'a BatchPath,
    },
}

/// An opened record, with all that is needed to show it and to prove it.
pub struct OpenedRecord<'a> {
    position: RecordPosition,
    parts: Vec<&'a [u8]>,
    proofs: Proofs<'a>,
    provenance: Provenance,
    record: Record,
    attachments: Vec<SealedAttachment>,
}

impl<'a> OpenedRecord<'a> {
    pub(crate) fn read(
        position: RecordPosition,
        parts: Vec<&'a [u8]>,
        proofs: Proofs<'a>,
        provenance: Provenance,
    ) -> Result<Self, RecordUnreadable> {
        let (first, rest) = match parts.split_first_chunk::<4>() {
            Some((first, rest)) => (*first, rest),
            None => ([&[][..]; 4], &[][..]),
        };
        let mut attachments = Vec::with_capacity(rest.len());
        for (index, part) in rest.iter().enumerate() {
            let sealed: SealedAttachment = canonical::from_bytes(part)
                .map_err(|source| RecordUnreadable::Attachment { index, source })?;
            if sealed.stream.is_none() && sealed.attachment.size != 0 {
                return Err(RecordUnreadable::NoStream { index });
            }
            attachments.push(sealed);
        }
        let described = attachments
            .iter()
            .map(|sealed| sealed.attachment.clone())
            .collect();
        let record = Record::from_parts(first, described).map_err(RecordUnreadable::Parts)?;
        Ok(Self {
            position,
            parts,
            proofs,
            provenance,
            record,
            attachments,
        })
    }

    /// Its position in its batch.
    #[must_use]
    pub fn position(&self) -> RecordPosition {
        self.position
    }

    /// What was said.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// What was said, without copying.
    #[must_use]
    pub fn into_record(self) -> Record {
        self.record
    }

    /// Its parts, in the order in which they are committed to: envelope, participants, body,
    /// original, then one for each attachment.
    #[must_use]
    pub fn parts(&self) -> &[&'a [u8]] {
        &self.parts
    }

    /// Its attachments, with the keys of their streams.
    #[must_use]
    pub fn attachments(&self) -> &[SealedAttachment] {
        &self.attachments
    }

    /// Where it comes from.
    #[must_use]
    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// The salt of one of its parts, to prove that part. `None` beyond the end.
    #[must_use]
    pub fn salt(&self, part: PartPosition) -> Option<Salt> {
        let place = usize::try_from(part.get()).ok()?;
        match self.proofs {
            Proofs::Batch(content) => {
                (place < self.parts.len()).then(|| content.seed.salt(self.position, part))
            }
            Proofs::Carried { salts, .. } => salts.get(place).cloned(),
        }
    }

    /// Its inclusion path in the batch's tree (COMMIT-6).
    #[must_use]
    pub fn path(&self) -> Option<BatchPath> {
        match self.proofs {
            Proofs::Batch(content) => batch_path(&content.leaves, self.position),
            Proofs::Carried { path, .. } => Some(path.clone()),
        }
    }

    /// Where the stream of one of its attachments belongs.
    #[must_use]
    pub fn stream_place(&self, index: u32) -> StreamPlace {
        StreamPlace {
            archive: self.provenance.archive,
            record: self.record.id(),
            index,
        }
    }

    /// Opens the bytes of one of its attachments. `None` where there are none.
    ///
    /// # Errors
    ///
    /// Only if the AES-GCM implementation refuses a key of 32 bytes.
    pub fn open_attachment(&self, index: u32) -> Option<Result<StreamOpener, StreamError>> {
        let sealed = self.attachments.get(usize::try_from(index).ok()?)?;
        let stream = sealed.stream.as_ref()?;
        let expected = (sealed.attachment.size, sealed.attachment.sha256);
        Some(StreamOpener::new(
            &self.stream_place(index),
            stream,
            Some(expected),
        ))
    }
}

impl std::fmt::Debug for OpenedRecord<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "OpenedRecord({} of {:?})",
            self.position, self.provenance.entry
        )
    }
}

/// Opens the batch of a verified entry.
///
/// The commitment is recomputed from the opened bytes and compared with the entry's before
/// anything of it is given out (COMMIT-5).
///
/// # Errors
///
/// When key, entry and bytes do not belong together, or the batch is not one.
pub fn open_batch(
    key: &OpeningKey<ForRecords>,
    entry: &VerifiedEntry,
    object: &[u8],
) -> Result<OpenedBatch, OpenError> {
    let Body::Batch(head) = entry.entry().body() else {
        return Err(OpenError::Kind);
    };
    let (form, plaintext) = open_object(key, head.epoch, entry.entry(), object, head.import)?;
    let (bytes, start) = match form {
        Form::Plain => plaintext.into_parts(),
        Form::Compressed => (inflate(plaintext.content())?, 0),
    };
    // Envelope, participants, body, original.
    let content = Content::read(bytes, start, 4).map_err(OpenError::Content)?;
    check_head(&content, head.count.get(), head.root)?;
    Ok(OpenedBatch {
        content,
        provenance: provenance(entry, head.epoch, head.import),
    })
}

/// An opened plaintext, its padding cut off. The content stays where it was opened.
pub(crate) struct Plaintext(Wiped);

impl Plaintext {
    pub(crate) fn content(&self) -> &[u8] {
        self.0.get(padding::HEADER..).unwrap_or_default()
    }

    /// The bytes, and where the content begins in them.
    pub(crate) fn into_parts(self) -> (Wiped, usize) {
        (self.0, padding::HEADER)
    }
}

/// Opens the first object of an entry and gives its content.
pub(crate) fn open_object<P: Purpose>(
    key: &OpeningKey<P>,
    epoch: EpochId,
    entry: &Entry,
    object: &[u8],
    compressed: bool,
) -> Result<(Form, Plaintext), OpenError> {
    if key.epoch() != epoch {
        return Err(OpenError::Epoch {
            sealed: epoch,
            key: key.epoch(),
        });
    }
    let named = entry.objects().first().ok_or(OpenError::OtherObject)?;
    if named.length.get() != object.len() as u64
        || *named.hash.as_bytes() != canonical::sha256(object)
    {
        return Err(OpenError::OtherObject);
    }
    let mut plaintext =
        suite::open(key, &entry.archive(), &entry.aad(), object).map_err(OpenError::Object)?;
    let (form, content) = padding::content(&plaintext).map_err(OpenError::Padding)?;
    if form == Form::Compressed && !compressed {
        return Err(OpenError::Compressed);
    }
    let end = padding::HEADER + content.len();
    plaintext.truncate(end);
    Ok((form, Plaintext(plaintext)))
}

/// COMMIT-5.
pub(crate) fn check_head(
    content: &Content,
    stated: u32,
    root: wire::CommitmentRoot,
) -> Result<(), OpenError> {
    let found = content.layout.len();
    if usize::try_from(stated) != Ok(found) {
        return Err(OpenError::Count { stated, found });
    }
    if content.root() != root {
        return Err(OpenError::Root);
    }
    Ok(())
}

pub(crate) fn provenance(entry: &VerifiedEntry, epoch: EpochId, import: bool) -> Provenance {
    let inner = entry.entry();
    Provenance {
        archive: inner.archive(),
        index: entry.index(),
        admitted_at: entry.admitted_at(),
        entry: inner.id(),
        signer: inner.signer(),
        number: inner.number(),
        epoch,
        import,
    }
}

/// BATCH-4: one frame that inflates to exactly the stated length, which was checked before.
fn inflate(content: &[u8]) -> Result<Wiped, OpenError> {
    let (stated, frame) = content
        .split_first_chunk::<4>()
        .ok_or(OpenError::Inflate { stated: 0 })?;
    let stated = usize::try_from(u32::from_be_bytes(*stated)).unwrap_or(usize::MAX);
    if stated > MAX_SINGLE {
        return Err(OpenError::Content(ContentError::TooLarge {
            length: stated,
        }));
    }
    let wrong = OpenError::Inflate { stated };
    if zstd::zstd_safe::find_frame_compressed_size(frame) != Ok(frame.len()) {
        return Err(wrong);
    }
    let mut inflated = Wiped::zeroed(stated);
    match zstd::bulk::decompress_to_buffer(frame, &mut inflated) {
        Ok(length) if length == stated => Ok(inflated),
        _ => Err(wrong),
    }
}

/// The leaf of every record, for whoever proves or carries.
pub(crate) fn leaves(content: &Content) -> &[RecordLeaf] {
    &content.leaves
}
