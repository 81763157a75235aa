//! The proof file of one message: its container, and all checks that need no knowledge of what a
//! record says (proof.md). That the shown parts are a record is for who knows records.

use canonical::CanonicalError;
use minicbor::bytes::ByteVec;
use minicbor::decode::{Decoder, Error as DecodeError};
use minicbor::encode::{Encoder, Error as EncodeError, Write};
use minicbor::{Decode, Encode};
use tlog::{Hash, ProofError};

use crate::body::{BatchHead, Body};
use crate::commitment::{BatchPath, PartLeaf, RecordLeaf, Salt};
use crate::genesis::{Genesis, GenesisError};
use crate::id::{ArchiveId, PartPosition, RecordPosition};
use crate::limit;
use crate::verify::{ProvenEntry, SingleError, single};

/// File name's ending.
pub const EXTENSION: &str = "greffe-proof";

/// A proof file. Holds content: the parts that are shown.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ProofFile {
    #[n(0)]
    version: u8,
    #[cbor(n(1), with = "minicbor::bytes")]
    genesis: Vec<u8>,
    #[cbor(n(2), with = "minicbor::bytes")]
    leaf: Vec<u8>,
    #[n(3)]
    proof: String,
    #[n(4)]
    record: ShownRecord,
    #[n(5)]
    control: Vec<ControlProof>,
    #[cbor(n(6), skip_if = "Vec::is_empty")]
    attachments: Vec<ByteVec>,
}

/// The record's place in its batch, and its parts.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ShownRecord {
    /// Position in the batch.
    #[n(0)]
    pub position: RecordPosition,
    /// All parts in order, at least four, shown or withheld.
    #[n(1)]
    pub parts: Vec<Shown>,
    /// Inclusion path in the batch tree, the leaf's sibling first.
    #[n(2)]
    path: Vec<PathHash>,
}

/// One part of the record.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(flat)]
pub enum Shown {
    /// Shown, with what opens its commitment.
    #[n(0)]
    Part(
        #[n(0)] Salt,
        #[cbor(n(1), with = "minicbor::bytes")] Vec<u8>,
    ),
    /// Withheld.
    #[n(1)]
    Withheld(#[n(0)] PartLeaf),
}

/// A control entry: its leaf and tlog-proof.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct ControlProof {
    /// The leaf's bytes.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub leaf: Vec<u8>,
    /// Its tlog-proof.
    #[n(1)]
    pub proof: String,
}

/// What a proof file proves about bytes.
#[derive(Debug)]
pub struct ProvenRecord {
    entry: ProvenEntry,
    archive: ArchiveId,
    archive_expected: bool,
    batch: BatchHead,
    file: ProofFile,
}

/// Why bytes are no proof file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProofFileError {
    /// More than 1 GiB.
    #[error("the proof file has {0} bytes, more than is read")]
    TooLarge(usize),
    /// Not canonical, or not this structure.
    #[error("the proof file is not canonical")]
    Encoding(#[source] CanonicalError),
    /// Another version.
    #[error("version {0} of proof files is not known")]
    Version(u8),
    /// Too few or too many parts, hashes or control entries, or one is too large.
    #[error("the proof file has too few or too many parts, hashes or control entries")]
    Count,
}

/// Which check of PROOF-1 failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProofFault {
    /// The genesis can not be read.
    #[error("reading the genesis")]
    Genesis(#[source] GenesisError),
    /// The genesis is another archive's.
    #[error("the proof is of archive {found}, not of {expected}")]
    Archive {
        /// The archive asked for.
        expected: ArchiveId,
        /// The archive of the proof.
        found: ArchiveId,
    },
    /// The log does not prove the entry.
    #[error("verifying the entry")]
    Entry(#[source] SingleError),
    /// The entry is no batch.
    #[error("the entry holds no records")]
    Kind,
    /// The path does not fit position and count.
    #[error("the record's path does not fit its batch")]
    Path(#[source] ProofError),
    /// The parts lead to another root than the entry's.
    #[error("the record's parts are not those that the entry commits to")]
    Root,
}

impl ProofFault {
    /// Name of the failed check, as vectors and the command line tell it.
    #[must_use]
    pub fn check(&self) -> &'static str {
        match self {
            Self::Genesis(_) => "genesis",
            Self::Archive { .. } => "archive",
            Self::Entry(error) => error.check(),
            Self::Kind => "kind",
            Self::Path(_) => "path",
            Self::Root => "commitment",
        }
    }
}

impl ShownRecord {
    /// A record of a batch: its position, its parts in order, and the path of its leaf.
    #[must_use]
    pub fn new(position: RecordPosition, parts: Vec<Shown>, path: &BatchPath) -> Self {
        Self {
            position,
            parts,
            path: path.hashes().iter().copied().map(PathHash).collect(),
        }
    }

    /// COMMIT-6: the record's leaf, from shown and withheld parts.
    #[must_use]
    pub fn leaf(&self) -> RecordLeaf {
        let leaves: Vec<PartLeaf> = (0..)
            .map(PartPosition::new)
            .zip(&self.parts)
            .map(|(at, part)| match part {
                Shown::Part(salt, bytes) => PartLeaf::of(self.position, at, salt, bytes),
                Shown::Withheld(leaf) => *leaf,
            })
            .collect();
        RecordLeaf::of(self.position, &leaves)
    }
}

impl ProofFile {
    /// Puts a proof together. `proof` is the entry's tlog-proof with the time of admission
    /// (RECEIPT-1); `control` are control entries in order, proved under the same checkpoint;
    /// `attachments` are sealed streams whose keys stand in shown parts.
    ///
    /// # Errors
    /// When there are too few or too many parts, hashes or control entries.
    pub fn new(
        genesis: &Genesis,
        leaf: Vec<u8>,
        proof: String,
        record: ShownRecord,
        control: Vec<ControlProof>,
        attachments: Vec<Vec<u8>>,
    ) -> Result<Self, ProofFileError> {
        let attachments = attachments.into_iter().map(ByteVec::from).collect();
        let file = Self {
            version: 1,
            genesis: genesis.to_bytes(),
            leaf,
            proof,
            record,
            control,
            attachments,
        };
        file.validate()?;
        Ok(file)
    }

    /// Canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        canonical::to_bytes(self)
    }

    /// Reads a proof file of at most 1 GiB.
    ///
    /// # Errors
    /// When it is too large, not canonical, of another version, or over a limit.
    pub fn parse(bytes: &[u8]) -> Result<Self, ProofFileError> {
        if bytes.len() > limit::PROOF_FILE_BYTES {
            return Err(ProofFileError::TooLarge(bytes.len()));
        }
        let file: Self = canonical::from_bytes(bytes).map_err(ProofFileError::Encoding)?;
        file.validate()?;
        Ok(file)
    }

    /// PROOF-1, all but the meaning of parts; PROOF-2: from this file alone. `expected` is the
    /// archive's fingerprint, if the reader was given one.
    ///
    /// # Errors
    /// Names the first check that failed.
    pub fn verify(self, expected: Option<ArchiveId>) -> Result<ProvenRecord, ProofFault> {
        let genesis = Genesis::parse(&self.genesis).map_err(ProofFault::Genesis)?;
        let archive = genesis.archive_id();
        if let Some(expected) = expected.filter(|expected| *expected != archive) {
            return Err(ProofFault::Archive {
                expected,
                found: archive,
            });
        }
        let control = self
            .control
            .iter()
            .map(|entry| (entry.leaf.as_slice(), entry.proof.as_bytes()));
        let entry = single(&genesis, &self.leaf, self.proof.as_bytes(), control)
            .map_err(ProofFault::Entry)?;
        let Body::Batch(batch) = *entry.entry().body() else {
            return Err(ProofFault::Kind);
        };
        let hashes = self.record.path.iter().map(|hash| hash.0).collect();
        let path = BatchPath::from_hashes(hashes).ok_or(ProofFault::Root)?;
        let root = path
            .root(self.record.leaf(), self.record.position, batch.count)
            .map_err(ProofFault::Path)?;
        if root != batch.root {
            return Err(ProofFault::Root);
        }
        Ok(ProvenRecord {
            entry,
            archive,
            archive_expected: expected.is_some(),
            batch,
            file: self,
        })
    }

    fn validate(&self) -> Result<(), ProofFileError> {
        if self.version != 1 {
            return Err(ProofFileError::Version(self.version));
        }
        let sized = self.record.parts.iter().all(|part| match part {
            Shown::Part(_, bytes) => bytes.len() <= limit::SHOWN_PART_BYTES,
            Shown::Withheld(_) => true,
        });
        let fits = sized
            && (4..=limit::RECORD_PARTS).contains(&self.record.parts.len())
            && self.record.path.len() <= tlog::MAX_PROOF_HASHES
            && self.control.len() <= limit::PROOF_CONTROL_ENTRIES
            && self.attachments.len() <= limit::RECORD_PARTS;
        if fits {
            Ok(())
        } else {
            Err(ProofFileError::Count)
        }
    }
}

impl ProvenRecord {
    /// The entry that commits to the record.
    #[must_use]
    pub fn entry(&self) -> &ProvenEntry {
        &self.entry
    }

    /// The archive.
    #[must_use]
    pub fn archive(&self) -> ArchiveId {
        self.archive
    }

    /// Whether the archive was compared with a given fingerprint.
    #[must_use]
    pub fn archive_expected(&self) -> bool {
        self.archive_expected
    }

    /// Head of the batch.
    #[must_use]
    pub fn batch(&self) -> &BatchHead {
        &self.batch
    }

    /// The record's position in the batch.
    #[must_use]
    pub fn position(&self) -> RecordPosition {
        self.file.record.position
    }

    /// The parts in order: bytes where shown, `None` where withheld (PROOF-3).
    pub fn parts(&self) -> impl Iterator<Item = Option<&[u8]>> {
        self.file.record.parts.iter().map(|part| match part {
            Shown::Part(_, bytes) => Some(bytes.as_slice()),
            Shown::Withheld(_) => None,
        })
    }

    /// Sealed streams of attachments that the file brings; shown parts name them by hash.
    pub fn attachments(&self) -> impl Iterator<Item = &[u8]> {
        self.file.attachments.iter().map(|bytes| bytes.as_slice())
    }
}

/// A hash of the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct PathHash(Hash);

impl<C> Encode<C> for PathHash {
    fn encode<W: Write>(
        &self,
        e: &mut Encoder<W>,
        ctx: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        crate::log_codec::log_hash::encode(&self.0, e, ctx)
    }
}

impl<'b, C> Decode<'b, C> for PathHash {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, DecodeError> {
        crate::log_codec::log_hash::decode(d, ctx).map(Self)
    }
}

impl<C> Encode<C> for Salt {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.bytes(self.expose())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Salt {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        let at = d.position();
        let bytes = d
            .bytes()?
            .try_into()
            .map_err(|_| DecodeError::message("salt of another length").at(at))?;
        Ok(Self::from_bytes(bytes))
    }
}

/// Says how much there is; the bytes are content.
impl std::fmt::Debug for ProofFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProofFile")
            .field("record", &self.record)
            .field("control entries", &self.control.len())
            .field("attachments", &self.attachments.len())
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for ShownRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "ShownRecord(position {}, {:?})",
            self.position, self.parts
        )
    }
}

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Part(_, bytes) => write!(f, "Part({} bytes)", bytes.len()),
            Self::Withheld(leaf) => write!(f, "Withheld({leaf:?})"),
        }
    }
}
