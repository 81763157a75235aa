//! Carrying: records whose epoch ends before they do are sealed anew, with all that shows that
//! they are the old ones (CARRY-1, CARRY-2).

use canonical::CanonicalError;
use minicbor::{Decode, Encode};
use tlog::{Hash, LogIndex};
use wire::commitment::{BatchPath, PartLeaf, RecordLeaf, Salt, batch_path};
use wire::verify::VerifiedEntry;
use wire::{Body, Carry, EntryDraft, EntryId, PartPosition, RecordPosition, UnsignedEntry, limit};
use zeroize::Zeroizing;

use crate::batch::{SealError, SealedObject, seal_plain};
use crate::key::{ForRecords, OpeningKey, RecipientKey};
use crate::open::{
    OpenError, OpenedBatch, OpenedRecord, Proofs, Provenance, RecordUnreadable, leaves,
    open_object, provenance,
};
use crate::randomness::Randomness;

/// Most bytes of a carry's content: a batch, and salts and paths beside it.
const MAX_CARRY: usize = 8 << 20;

/// Records taken out of an opened batch, with their salts and paths.
pub struct CarriedRecords {
    original: LogIndex,
    content: CarryContent,
}

/// Why records are not carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CarryError {
    /// No positions, or not ascending.
    #[error("positions are missing or not in ascending order")]
    Positions,
    /// A position beyond the batch.
    #[error("the batch has no record {position}")]
    Beyond {
        /// The position.
        position: RecordPosition,
    },
    /// Too many records for one object: carry them in several.
    #[error("the carry has {length} bytes, too many for one object")]
    TooLarge {
        /// Bytes that it would have.
        length: usize,
    },
}

/// Why a carry does not open.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenCarryError {
    /// Key, entry and object do not belong together.
    #[error("opening the object")]
    Open(#[source] OpenError),
    /// The entry given as the original is not the one that the carry names, or no batch.
    #[error("not the original entry that the carry names")]
    Original,
    /// The content is no carry.
    #[error("reading the carry")]
    Encoding(#[source] CanonicalError),
    /// The content is not what the entry says, or has gaps.
    #[error("the carry's content is not what its entry says")]
    Structure,
    /// A carried record is not the original one (CARRY-2).
    #[error("record {position} is not the one that was committed to")]
    Root {
        /// Its position in the original batch.
        position: RecordPosition,
    },
}

/// Takes records out of an opened batch, to carry them.
///
/// # Errors
///
/// When the positions are not in ascending order or beyond the batch, or it is too much for one
/// object.
pub fn carry(
    batch: &OpenedBatch,
    positions: &[RecordPosition],
) -> Result<CarriedRecords, CarryError> {
    if positions.is_empty() || !positions.is_sorted_by(|one, next| one < next) {
        return Err(CarryError::Positions);
    }
    let content = batch.content();
    let mut records = Vec::with_capacity(positions.len());
    for position in positions {
        let beyond = CarryError::Beyond {
            position: *position,
        };
        let parts = batch.parts(*position).ok_or(beyond)?;
        let path = batch_path(leaves(content), *position).ok_or(beyond)?;
        records.push(CarriedRecord {
            position: *position,
            parts: parts.len() as u64,
            shown: (0..)
                .map(PartPosition::new)
                .zip(parts)
                .map(|(part, bytes)| CarriedPart {
                    part,
                    salt: SaltBytes(content.seed.salt(*position, part)),
                    bytes: bytes.to_vec(),
                })
                .collect(),
            path: PathBytes(path),
        });
    }
    let carried = CarriedRecords {
        original: batch.provenance().index,
        content: CarryContent {
            version: 1,
            records,
        },
    };
    let length = canonical::encoded_len(&carried.content);
    if length > MAX_CARRY {
        return Err(CarryError::TooLarge { length });
    }
    Ok(carried)
}

impl CarriedRecords {
    /// What the `carry` entry says; the body of the draft that [`seal_carry`] takes.
    #[must_use]
    pub fn head(
        &self,
        recipient: &RecipientKey<ForRecords>,
        disposition: Option<EntryId>,
    ) -> Carry {
        Carry {
            original: self.original,
            epoch: recipient.epoch(),
            positions: self.content.positions(),
            disposition,
        }
    }
}

impl std::fmt::Debug for CarriedRecords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "CarriedRecords({} of index {:?})",
            self.content.records.len(),
            self.original
        )
    }
}

/// Seals carried records to a later epoch.
///
/// # Errors
///
/// When the draft's body is not their head, or an implementation fails.
pub fn seal_carry(
    carried: &CarriedRecords,
    recipient: &RecipientKey<ForRecords>,
    draft: EntryDraft,
    randomness: &mut dyn Randomness,
) -> Result<(SealedObject, UnsignedEntry), SealError> {
    match draft.body() {
        Body::Carry(head) if *head == carried.head(recipient, head.disposition) => {}
        _ => return Err(SealError::Draft),
    }
    let content = Zeroizing::new(canonical::to_bytes(&carried.content));
    let object = seal_plain(recipient, &draft, content.len(), randomness, |object| {
        object.extend_from_slice(&content);
    })?;
    let entry = draft
        .with_objects(vec![object.object()])
        .map_err(SealError::Entry)?;
    Ok((object, entry))
}

/// Opened carried records, each shown to be the original one.
pub struct OpenedCarry {
    records: Vec<(CarriedRecord, Vec<Salt>)>,
    original: Provenance,
    carried: Provenance,
}

impl OpenedCarry {
    /// The entry that carried them.
    #[must_use]
    pub fn provenance(&self) -> &Provenance {
        &self.carried
    }

    /// Reads all of them. Positions and provenance are those of the original entry.
    pub fn records(&self) -> impl Iterator<Item = Result<OpenedRecord<'_>, RecordUnreadable>> {
        self.records
            .iter()
            .map(|(record, salts)| self.read(record, salts))
    }

    /// Reads the one that had this position in the original batch. `None` if it is not among them.
    #[must_use]
    pub fn record(
        &self,
        position: RecordPosition,
    ) -> Option<Result<OpenedRecord<'_>, RecordUnreadable>> {
        self.records
            .iter()
            .find(|(record, _)| record.position == position)
            .map(|(record, salts)| self.read(record, salts))
    }

    fn read<'a>(
        &self,
        record: &'a CarriedRecord,
        salts: &'a [Salt],
    ) -> Result<OpenedRecord<'a>, RecordUnreadable> {
        OpenedRecord::read(
            record.position,
            record
                .shown
                .iter()
                .map(|part| part.bytes.as_slice())
                .collect(),
            Proofs::Carried {
                salts,
                path: &record.path.0,
            },
            self.original,
        )
    }
}

impl std::fmt::Debug for OpenedCarry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "OpenedCarry({} of {:?})",
            self.records.len(),
            self.original.entry
        )
    }
}

/// Opens carried records. `original` is the verified entry that they stood in first: its
/// commitment is what each record must lead to (CARRY-2).
///
/// # Errors
///
/// When key, entries and bytes do not belong together, or a record is not the original one.
pub fn open_carry(
    key: &OpeningKey<ForRecords>,
    entry: &VerifiedEntry,
    original: &VerifiedEntry,
    object: &[u8],
) -> Result<OpenedCarry, OpenCarryError> {
    let Body::Carry(head) = entry.entry().body() else {
        return Err(OpenCarryError::Open(OpenError::Kind));
    };
    let Body::Batch(batch) = original.entry().body() else {
        return Err(OpenCarryError::Original);
    };
    if original.index() != head.original || original.entry().archive() != entry.entry().archive() {
        return Err(OpenCarryError::Original);
    }
    let (_, opened) =
        open_object(key, head.epoch, entry.entry(), object, false).map_err(OpenCarryError::Open)?;
    let bytes = opened.content();
    if bytes.len() > MAX_CARRY {
        return Err(OpenCarryError::Structure);
    }
    let content: CarryContent = canonical::from_bytes(bytes).map_err(OpenCarryError::Encoding)?;
    if content.version != 1 || content.positions() != head.positions {
        return Err(OpenCarryError::Structure);
    }
    let mut records = Vec::with_capacity(content.records.len());
    for record in content.records {
        let position = record.position;
        let leaf = record.leaf().ok_or(OpenCarryError::Structure)?;
        let root = record.path.0.root(leaf, position, batch.count);
        if root.ok() != Some(batch.root) {
            return Err(OpenCarryError::Root { position });
        }
        let salts = record
            .shown
            .iter()
            .map(|part| part.salt.0.clone())
            .collect();
        records.push((record, salts));
    }
    Ok(OpenedCarry {
        records,
        original: provenance(original, batch.epoch, batch.import),
        carried: provenance(entry, head.epoch, false),
    })
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct CarryContent {
    #[n(0)]
    version: u64,
    #[n(1)]
    records: Vec<CarriedRecord>,
}

impl CarryContent {
    fn positions(&self) -> Vec<RecordPosition> {
        self.records.iter().map(|record| record.position).collect()
    }
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct CarriedRecord {
    #[n(0)]
    position: RecordPosition,
    #[n(1)]
    parts: u64,
    #[n(2)]
    shown: Vec<CarriedPart>,
    #[n(3)]
    path: PathBytes,
}

impl CarriedRecord {
    /// The record's leaf, from its own salts and bytes. `None` if parts are missing or too few.
    fn leaf(&self) -> Option<RecordLeaf> {
        if self.shown.len() as u64 != self.parts
            || !(4..=limit::RECORD_PARTS).contains(&self.shown.len())
        {
            return None;
        }
        let mut leaves = Vec::with_capacity(self.shown.len());
        for (place, part) in (0..).zip(&self.shown) {
            if part.part.get() != place {
                return None;
            }
            leaves.push(PartLeaf::of(
                self.position,
                part.part,
                &part.salt.0,
                &part.bytes,
            ));
        }
        Some(RecordLeaf::of(self.position, &leaves))
    }
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct CarriedPart {
    #[n(0)]
    part: PartPosition,
    #[n(1)]
    salt: SaltBytes,
    #[cbor(n(2), with = "minicbor::bytes")]
    bytes: Vec<u8>,
}

impl Drop for CarriedPart {
    fn drop(&mut self) {
        crate::key::wipe(&mut self.bytes);
    }
}

struct SaltBytes(Salt);

impl<C> Encode<C> for SaltBytes {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.bytes(self.0.expose())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for SaltBytes {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        let at = d.position();
        let bytes = <[u8; 32]>::try_from(d.bytes()?)
            .map_err(|_| minicbor::decode::Error::message("salt of another length").at(at))?;
        Ok(Self(Salt::from_bytes(bytes)))
    }
}

struct PathBytes(BatchPath);

impl<C> Encode<C> for PathBytes {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.array(self.0.hashes().len() as u64)?;
        for hash in self.0.hashes() {
            e.bytes(hash.as_bytes())?;
        }
        Ok(())
    }
}

impl<'b, C> Decode<'b, C> for PathBytes {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        let at = d.position();
        let wrong = || minicbor::decode::Error::message("no path of a batch").at(at);
        let length = d.array()?.ok_or_else(wrong)?;
        // A tree of 1,024 leaves is ten deep.
        if length > 10 {
            return Err(wrong());
        }
        let mut hashes = Vec::new();
        for _ in 0..length {
            let bytes = <[u8; 32]>::try_from(d.bytes()?).map_err(|_| wrong())?;
            hashes.push(Hash::from_bytes(bytes));
        }
        BatchPath::from_hashes(hashes).map(Self).ok_or_else(wrong)
    }
}
