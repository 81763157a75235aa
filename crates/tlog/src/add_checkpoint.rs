//! The messages of `add-checkpoint` (C2SP tlog-witness): request, cosignatures, conflict.

use std::fmt;

use crate::checkpoint::{CheckpointError, SignedCheckpoint};
use crate::hash::{Hash, TreeSize};
use crate::note::{self, MAX_NOTE_LEN, SignatureLine};
use crate::proof::{ConsistencyProof, MAX_PROOF_HASHES};

/// The longest request that is read, in bytes. (TLOG-19)
pub const MAX_ADD_CHECKPOINT_LEN: usize = MAX_NOTE_LEN + MAX_PROOF_HASHES * 45 + 64;
/// The content type of the answer that names the size a witness has.
pub const CONFLICT_CONTENT_TYPE: &str = "text/x.tlog.size";

/// The body of an `add-checkpoint` request. Nothing in it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    old: TreeSize,
    proof: ConsistencyProof,
    checkpoint: SignedCheckpoint,
}

/// Why bytes are no `add-checkpoint` request: answered with 400.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddCheckpointError {
    /// Longer than [`MAX_ADD_CHECKPOINT_LEN`].
    #[error("the request is longer than is read")]
    TooLarge,
    /// Not an old size, hashes, an empty line and a checkpoint.
    #[error("the request is no old size, hashes, empty line, checkpoint")]
    Malformed,
    /// More than 63 hashes.
    #[error("the request has more than 63 hashes")]
    TooManyHashes,
    /// The checkpoint can not be read.
    #[error("reading the request's checkpoint")]
    Checkpoint(#[from] CheckpointError),
}

impl AddCheckpoint {
    /// Asks for a cosignature on `checkpoint` from a witness that has seen `old` leaves, by a
    /// proof from there (empty from zero).
    pub fn new(old: TreeSize, proof: ConsistencyProof, checkpoint: SignedCheckpoint) -> Self {
        Self {
            old,
            proof,
            checkpoint,
        }
    }

    /// The size that the witness is believed to have.
    pub fn old(&self) -> TreeSize {
        self.old
    }

    /// The proof from there.
    pub fn proof(&self) -> &ConsistencyProof {
        &self.proof
    }

    /// The checkpoint, unverified.
    pub fn checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }

    /// Reads a request body. (TLOG-19)
    ///
    /// # Errors
    /// When it is too long, malformed, or carries more than 63 hashes.
    pub fn parse(body: &[u8]) -> Result<Self, AddCheckpointError> {
        if body.len() > MAX_ADD_CHECKPOINT_LEN {
            return Err(AddCheckpointError::TooLarge);
        }
        let malformed = AddCheckpointError::Malformed;
        let text = std::str::from_utf8(body).map_err(|_| malformed.clone())?;
        let (head, checkpoint) = text.split_once("\n\n").ok_or(malformed.clone())?;
        let mut lines = head.split('\n');
        let old = lines
            .next()
            .and_then(|line| TreeSize::parse(line.strip_prefix("old ")?));
        let hashes = parse_hashes(lines).map_err(|many| {
            if many {
                AddCheckpointError::TooManyHashes
            } else {
                malformed.clone()
            }
        })?;
        Ok(Self {
            old: old.ok_or(malformed.clone())?,
            proof: ConsistencyProof::from_hashes(hashes).ok_or(malformed)?,
            checkpoint: SignedCheckpoint::parse(checkpoint.as_bytes())?,
        })
    }
}

/// The request body as it is sent.
impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        self.proof
            .hashes()
            .iter()
            .try_for_each(|hash| writeln!(f, "{}", hash.to_base64()))?;
        write!(f, "\n{}", self.checkpoint)
    }
}

/// The body of the answer 200: cosignature lines.
pub fn encode_cosignatures(lines: &[SignatureLine]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// Reads the body of an answer 200. The lines are unverified: add them to the checkpoint and
/// ask [`crate::VerifiedCheckpoint::cosigned_by`]. (TLOG-19)
///
/// # Errors
/// When it is no sequence of 1 to [`crate::MAX_SIGNATURES`] signature lines.
pub fn parse_cosignatures(body: &[u8]) -> Result<Vec<SignatureLine>, note::NoteError> {
    if body.len() > MAX_NOTE_LEN {
        return Err(note::NoteError::TooLarge);
    }
    let text = std::str::from_utf8(body).map_err(|_| note::NoteError::BadText)?;
    note::parse_lines(
        text.strip_suffix('\n')
            .ok_or(note::NoteError::NoSignatures)?,
    )
}

/// The body of the answer 409: the size that the witness has cosigned.
pub fn encode_conflict(size: TreeSize) -> String {
    format!("{size}\n")
}

/// Reads the body of an answer 409. (TLOG-19)
pub fn parse_conflict(body: &[u8]) -> Option<TreeSize> {
    // The largest size has 19 digits.
    if body.len() > 20 {
        return None;
    }
    TreeSize::parse(std::str::from_utf8(body).ok()?.strip_suffix('\n')?)
}

/// Reads one base64 hash a line, at most 63; says whether there were too many.
pub(crate) fn parse_hashes<'a>(lines: impl Iterator<Item = &'a str>) -> Result<Vec<Hash>, bool> {
    let mut hashes = Vec::new();
    for line in lines {
        if hashes.len() == MAX_PROOF_HASHES {
            return Err(true);
        }
        hashes.push(Hash::from_base64(line).ok_or(false)?);
    }
    Ok(hashes)
}
