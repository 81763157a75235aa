//! From taken records to entries in the spool: attachments become streams, records become
//! batches, batches become signed entries, and a group of entries becomes durable at once.
//!
//! The work on records (checks, streams, commitments) runs on several threads. Sealing itself is
//! one after the other, because an object is bound to its entry and an entry to the one before it
//! (ENTRY-7, CHAIN-1).

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use canonical::Milliseconds;
use record::Kind;
use seal::{
    BatchBuilder, CommittedBatch, ForRecords, Form, PushError, Randomness, RecipientKey, SealError,
    Stream, StreamError, StreamPlace, StreamSealer, seal_batch,
};
use wire::{
    ArchiveId, Body, ChainPosition, Continuation, EntryDraft, EntryError, Object, SequenceNumber,
    SignerKey, limit,
};
use zeroize::Zeroizing;

use crate::intake::Taken;
use crate::known::Mark;
use crate::spool::{SealedEntry, SealedObject, SpooledStream, StreamFileError, StreamFolder};

/// Records with their streams durable and their commitment made: nothing is left but to be bound
/// to the chain.
pub struct PreparedBatch {
    batch: CommittedBatch,
    streams: Vec<SpooledStream>,
    marks: Vec<Mark>,
    records: u64,
    losses: u64,
}

/// Why records could not be prepared or sealed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealingError {
    /// A connector's file could not be read.
    #[error("reading an attachment that the connector left")]
    Attachment(#[source] io::Error),
    /// A stream could not be sealed.
    #[error("sealing an attachment")]
    Stream(#[from] StreamError),
    /// A stream could not be written.
    #[error("keeping a sealed attachment")]
    Keep(#[from] StreamFileError),
    /// A record can not be sealed.
    #[error("gathering a batch")]
    Batch(#[from] PushError),
    /// A batch could not be sealed.
    #[error("sealing a batch")]
    Seal(#[from] SealError),
    /// The entry is impossible.
    #[error("signing an entry")]
    Entry(#[from] EntryError),
}

impl SealingError {
    /// Whether the disk is full.
    pub fn is_full(&self) -> bool {
        match self {
            Self::Keep(error) => error.is_full(),
            _ => false,
        }
    }
}

/// What became of an attachment's file.
pub(crate) enum SealedFile {
    Sealed(Stream, SpooledStream),
    /// The bytes are not those that the record describes, or there is no such plain file.
    Another,
}

/// Seals one attachment from a connector's file, in constant memory (STREAM-3). A link, a folder
/// or a missing file is not followed (CONN-4).
///
/// # Errors
///
/// When the disk or an implementation fails.
pub(crate) fn seal_file(
    path: &Path,
    described: (u64, record::FileHash),
    place: &StreamPlace,
    streams: &StreamFolder,
    randomness: &mut dyn Randomness,
) -> Result<SealedFile, SealingError> {
    let mut file = match open_plain(path) {
        Ok(Some(file)) => file,
        Ok(None) => return Ok(SealedFile::Another),
        Err(error) => return Err(SealingError::Attachment(error)),
    };
    let mut sealer = StreamSealer::new(place, randomness)?;
    let mut out = streams.begin()?;
    let mut buffer = Zeroizing::new(vec![0; seal::CHUNK]);
    loop {
        let read = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(SealingError::Attachment(error)),
        };
        let mut plain = buffer.get(..read).unwrap_or_default();
        while !plain.is_empty() {
            let step = sealer.push(plain)?;
            plain = plain.get(step.taken..).unwrap_or_default();
            out.write(step.ready)?;
        }
    }
    let (last, sealed) = sealer.finish()?;
    out.write(&last)?;
    if (sealed.size, sealed.hash) != described {
        return Ok(SealedFile::Another);
    }
    let spooled = out.finish(sealed.stream.object, sealed.stream.length)?;
    Ok(SealedFile::Sealed(sealed.stream, spooled))
}

/// Gathers taken records, whose streams are durable, into batches. `Full` begins the next batch.
pub(crate) struct Gathering {
    full: Vec<PreparedBatch>,
    building: BatchBuilder,
    streams: Vec<SpooledStream>,
    marks: Vec<Mark>,
    losses: u64,
}

impl Gathering {
    pub(crate) fn new() -> Self {
        Self {
            full: Vec::new(),
            building: BatchBuilder::new(),
            streams: Vec::new(),
            marks: Vec::new(),
            losses: 0,
        }
    }

    /// Adds a record with its streams.
    ///
    /// # Errors
    ///
    /// When the record can not be sealed at all.
    pub(crate) fn push(
        &mut self,
        taken: &Taken,
        mark: Option<Mark>,
        streams: Vec<Option<(Stream, SpooledStream)>>,
        randomness: &mut dyn Randomness,
    ) -> Result<(), SealingError> {
        let (named, spooled): (Vec<_>, Vec<_>) = streams
            .into_iter()
            .map(|stream| stream.map_or((None, None), |(named, kept)| (Some(named), Some(kept))))
            .unzip();
        match self.building.push(&taken.record, &named) {
            Err(PushError::Full) => {
                self.close(randomness);
                self.building.push(&taken.record, &named)?;
            }
            other => other?,
        }
        self.streams.extend(spooled.into_iter().flatten());
        self.marks.extend(mark);
        if taken.record.kind() == Kind::Loss {
            self.losses += 1;
        }
        Ok(())
    }

    /// The batches, each committed to.
    pub(crate) fn finish(mut self, randomness: &mut dyn Randomness) -> Vec<PreparedBatch> {
        self.close(randomness);
        self.full
    }

    fn close(&mut self, randomness: &mut dyn Randomness) {
        let building = std::mem::take(&mut self.building);
        let records = building.len() as u64;
        if let Some(batch) = building.commit(randomness) {
            self.full.push(PreparedBatch {
                batch,
                streams: std::mem::take(&mut self.streams),
                marks: std::mem::take(&mut self.marks),
                records,
                losses: std::mem::take(&mut self.losses),
            });
        }
    }
}

impl PreparedBatch {
    /// Records in it.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Losses among them.
    pub fn losses(&self) -> u64 {
        self.losses
    }

    /// Marks of its records.
    pub fn marks(&self) -> &[Mark] {
        &self.marks
    }
}

impl std::fmt::Debug for PreparedBatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PreparedBatch({} records)", self.records)
    }
}

/// Who seals, for which archive.
#[derive(Clone)]
pub struct Sealer {
    archive: ArchiveId,
    signer: Arc<SignerKey>,
}

impl Sealer {
    /// For an agent of an archive.
    pub fn new(archive: ArchiveId, signer: Arc<SignerKey>) -> Self {
        Self { archive, signer }
    }

    /// The archive.
    pub fn archive(&self) -> ArchiveId {
        self.archive
    }

    /// The signer.
    pub fn signer(&self) -> &SignerKey {
        &self.signer
    }

    /// Seals a batch to an epoch, as the entry at `at` and, where it has many attachments, further
    /// ones behind it (ENTRY-5). Moves `at` behind them.
    ///
    /// # Errors
    ///
    /// When an implementation fails. `at` is of no use then.
    pub fn seal(
        &self,
        prepared: PreparedBatch,
        recipient: &RecipientKey<ForRecords>,
        form: Form,
        at: &mut ChainPosition,
        now: Milliseconds,
        randomness: &mut dyn Randomness,
    ) -> Result<Vec<SealedEntry>, SealingError> {
        let PreparedBatch {
            batch,
            streams,
            marks,
            records,
            losses,
        } = prepared;
        let head = Body::Batch(batch.head(recipient.epoch(), form));
        // No `seen`: a batch can be delivered again to a log that was rebuilt (LEAF-2).
        let draft = EntryDraft::new(self.archive, self.signer.id(), *at, head, now);
        let sealed = seal_batch(batch, recipient, draft, form, randomness)?;
        let entry = sealed.entry.sign(&[&self.signer])?;
        let number = entry.number();
        let mut streams = streams.into_iter().map(SealedObject::Stream);
        let in_entry = entry.objects().len().saturating_sub(1);
        let mut objects = vec![SealedObject::Bytes(sealed.object.into_bytes())];
        objects.extend(streams.by_ref().take(in_entry));
        let mut earlier = entry.objects().len() as u64;
        advance(at, &entry);
        let mut entries = vec![SealedEntry {
            entry,
            objects,
            records,
            losses,
            marks,
        }];
        for further in sealed.continued.chunks(limit::ENTRY_OBJECTS) {
            let entry = self.continuation(number, earlier, further, *at, now)?;
            earlier += further.len() as u64;
            advance(at, &entry);
            entries.push(SealedEntry {
                entry,
                objects: streams.by_ref().take(further.len()).collect(),
                records: 0,
                losses: 0,
                marks: Vec::new(),
            });
        }
        Ok(entries)
    }

    /// Signs an entry without objects.
    ///
    /// # Errors
    ///
    /// When the body is impossible.
    pub fn bare(
        &self,
        draft: EntryDraft,
        at: &mut ChainPosition,
    ) -> Result<SealedEntry, SealingError> {
        let entry = draft.with_objects(Vec::new())?.sign(&[&self.signer])?;
        advance(at, &entry);
        Ok(SealedEntry {
            entry,
            objects: Vec::new(),
            records: 0,
            losses: 0,
            marks: Vec::new(),
        })
    }

    fn continuation(
        &self,
        batch: SequenceNumber,
        earlier: u64,
        objects: &[Object],
        at: ChainPosition,
        now: Milliseconds,
    ) -> Result<wire::Entry, SealingError> {
        let body = Body::Continuation(Continuation { batch, earlier });
        let draft = EntryDraft::new(self.archive, self.signer.id(), at, body, now);
        Ok(draft
            .with_objects(objects.to_vec())?
            .sign(&[&self.signer])?)
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealer({:?})", self.signer.id())
    }
}

fn advance(at: &mut ChainPosition, entry: &wire::Entry) {
    *at = ChainPosition {
        number: entry.number().next(),
        previous: entry.id(),
    };
}

/// CONN-4: the file itself, never what a link points to.
fn open_plain(path: &Path) -> Result<Option<File>, io::Error> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(fd) => {
            let file = File::from(fd);
            Ok(file.metadata()?.is_file().then_some(file))
        }
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::LOOP) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
