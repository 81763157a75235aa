//! Proof files (C2SP tlog-proof): a leaf's place in a log, to be verified offline.

use std::fmt;

use data_encoding::BASE64;

use crate::add_checkpoint::parse_hashes;
use crate::base64;
use crate::checkpoint::{CheckpointError, SignedCheckpoint, VerifiedCheckpoint};
use crate::hash::{Hash, LogIndex};
use crate::note::MAX_NOTE_LEN;
use crate::policy::{Policy, Verdict};
use crate::proof::{InclusionProof, MAX_PROOF_HASHES, ProofError};

/// The most extra bytes that a proof file may carry. (TLOG-21)
pub const MAX_EXTRA_LEN: usize = 64 * 1024;
/// The longest proof file that is read, in bytes. (TLOG-21)
pub const MAX_LOG_PROOF_LEN: usize =
    MAX_NOTE_LEN + MAX_EXTRA_LEN.div_ceil(3) * 4 + MAX_PROOF_HASHES * 45 + 128;

const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// A leaf's index, its inclusion proof, and the checkpoint to which it leads. Unverified.
#[derive(Clone, PartialEq, Eq)]
pub struct LogProof {
    extra: Option<Vec<u8>>,
    index: LogIndex,
    inclusion: InclusionProof,
    checkpoint: SignedCheckpoint,
}

/// Why bytes are no proof file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogProofError {
    /// Longer than [`MAX_LOG_PROOF_LEN`], or extra bytes beyond [`MAX_EXTRA_LEN`].
    #[error("the proof file is longer than is read")]
    TooLarge,
    /// The first line is not that of a version that is known.
    #[error("the first line is not {HEADER}")]
    Header,
    /// Not extra, index, hashes, an empty line and a checkpoint.
    #[error("the proof file is malformed")]
    Malformed,
    /// The checkpoint can not be read.
    #[error("reading the proof's checkpoint")]
    Checkpoint(#[from] CheckpointError),
}

/// Why a proof file proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogProofRefused {
    /// The checkpoint is not the log's.
    #[error("verifying the proof's checkpoint")]
    Checkpoint(#[from] CheckpointError),
    /// The leaf does not stand there.
    #[error("verifying the inclusion of the leaf")]
    Inclusion(#[from] ProofError),
}

/// A leaf that stands in the log, by a verified checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenLeaf {
    leaf: Hash,
    index: LogIndex,
    checkpoint: VerifiedCheckpoint,
    verdict: Verdict,
}

impl ProvenLeaf {
    /// The leaf's hash.
    pub fn leaf(&self) -> Hash {
        self.leaf
    }

    /// Where it stands.
    pub fn index(&self) -> LogIndex {
        self.index
    }

    /// The checkpoint by which it stands there.
    pub fn checkpoint(&self) -> &VerifiedCheckpoint {
        &self.checkpoint
    }

    /// Whether independent witnesses saw that checkpoint.
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }
}

impl LogProof {
    /// Puts a proof together.
    pub fn new(index: LogIndex, inclusion: InclusionProof, checkpoint: SignedCheckpoint) -> Self {
        Self {
            extra: None,
            index,
            inclusion,
            checkpoint,
        }
    }

    /// Adds bytes that travel with the proof; nothing vouches for them. `None` above
    /// [`MAX_EXTRA_LEN`].
    pub fn with_extra(mut self, extra: Vec<u8>) -> Option<Self> {
        if extra.len() > MAX_EXTRA_LEN {
            return None;
        }
        self.extra = Some(extra);
        Some(self)
    }

    /// The bytes that travel with the proof, if any; nothing vouches for them.
    pub fn extra(&self) -> Option<&[u8]> {
        self.extra.as_deref()
    }

    /// Where the leaf is said to stand.
    pub fn index(&self) -> LogIndex {
        self.index
    }

    /// The path to the root.
    pub fn inclusion(&self) -> &InclusionProof {
        &self.inclusion
    }

    /// The checkpoint, unverified.
    pub fn checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }

    /// Reads a proof file. (TLOG-21)
    ///
    /// # Errors
    /// When it is too long, of another version, or malformed.
    pub fn parse(bytes: &[u8]) -> Result<Self, LogProofError> {
        if bytes.len() > MAX_LOG_PROOF_LEN {
            return Err(LogProofError::TooLarge);
        }
        let malformed = LogProofError::Malformed;
        let text = std::str::from_utf8(bytes).map_err(|_| malformed.clone())?;
        let text = text
            .strip_prefix(HEADER)
            .and_then(|rest| rest.strip_prefix('\n'))
            .ok_or(LogProofError::Header)?;
        let (head, checkpoint) = text.split_once("\n\n").ok_or(malformed.clone())?;
        let mut lines = head.split('\n').peekable();
        let mut extra = None;
        if let Some(encoded) = lines
            .next_if(|line| line.starts_with("extra "))
            .and_then(|l| l.strip_prefix("extra "))
        {
            let bytes = base64::decode(encoded).ok_or(malformed.clone())?;
            if bytes.len() > MAX_EXTRA_LEN {
                return Err(LogProofError::TooLarge);
            }
            extra = Some(bytes);
        }
        let index = lines
            .next()
            .and_then(|line| LogIndex::parse(line.strip_prefix("index ")?));
        let index = index.ok_or(malformed.clone())?;
        let hashes = parse_hashes(lines).map_err(|_| malformed.clone())?;
        let inclusion = InclusionProof::from_hashes(hashes).ok_or(malformed)?;
        let checkpoint = SignedCheckpoint::parse(checkpoint.as_bytes())?;
        Ok(Self {
            extra,
            index,
            inclusion,
            checkpoint,
        })
    }

    /// Verifies that the leaf of hash `leaf` stands in the policy's log. Whether it is witnessed
    /// is in the answer, and for the caller to judge. (TLOG-21)
    ///
    /// # Errors
    /// When the checkpoint is not the log's, or the leaf does not stand there.
    pub fn verify(self, leaf: Hash, policy: &Policy) -> Result<ProvenLeaf, LogProofRefused> {
        let (checkpoint, verdict) = policy.judge(self.checkpoint)?;
        self.inclusion
            .verify(leaf, self.index, checkpoint.size(), checkpoint.root())?;
        Ok(ProvenLeaf {
            leaf,
            index: self.index,
            checkpoint,
            verdict,
        })
    }
}

/// The proof file as it is stored (`.tlog-proof`).
impl fmt::Display for LogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", BASE64.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        self.inclusion
            .hashes()
            .iter()
            .try_for_each(|hash| writeln!(f, "{}", hash.to_base64()))?;
        write!(f, "\n{}", self.checkpoint)
    }
}

/// Without the extra bytes, which may be content.
impl fmt::Debug for LogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let extra = self.extra.as_ref().map(Vec::len);
        write!(
            f,
            "LogProof(index {}, extra {extra:?} bytes, {:?})",
            self.index,
            self.checkpoint.claimed()
        )
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU8;

    use super::*;
    use crate::testing::Log;

    fn policy(log: &Log) -> Policy {
        Policy::new(log.origin(), vec![log.key()], vec![], NonZeroU8::MIN).unwrap()
    }

    /// TLOG-21: what is written is read and verifies, with and without extra bytes.
    #[test]
    fn tlog_21_proof_files() {
        let log = Log::new(100, "log.example/a", 1);
        for (index, size) in [(0, 1), (0, 100), (63, 64), (64, 65), (99, 100)] {
            let bare = log.proof(index, size);
            for proof in [bare.clone(), bare.with_extra(b"more".to_vec()).unwrap()] {
                let read = LogProof::parse(proof.to_string().as_bytes()).unwrap();
                assert_eq!(read, proof);
                let leaf = log.leaf(index);
                let proven = read.clone().verify(leaf, &policy(&log)).unwrap();
                assert_eq!(
                    (proven.leaf(), proven.index()),
                    (leaf, LogIndex::new(index))
                );
                assert!(!proven.verdict().is_witnessed());
                assert_ne!(
                    read.verify(Hash::leaf(b"another"), &policy(&log)).err(),
                    None
                );
            }
        }
    }

    /// TLOG-21: every flipped bit of a proof file is found: it is not read, not verified, or a
    /// change that no check covers (the extra bytes).
    #[test]
    fn tlog_21_flipped_bits_are_found() {
        let log = Log::new(37, "log.example/a", 1);
        let proof = log.proof(20, 37);
        let bytes = proof.to_string().into_bytes();
        for place in 0..bytes.len() {
            for bit in 0..8 {
                let mut bad = bytes.clone();
                bad[place] ^= 1 << bit;
                let accepted = LogProof::parse(&bad)
                    .is_ok_and(|read| read.verify(log.leaf(20), &policy(&log)).is_ok());
                assert!(!accepted, "byte {place} bit {bit}");
            }
            let cut = LogProof::parse(&bytes[..place])
                .is_ok_and(|read| read.verify(log.leaf(20), &policy(&log)).is_ok());
            assert!(!cut, "cut at {place}");
        }
    }

    #[test]
    fn tlog_21_malformed() {
        let log = Log::new(9, "log.example/a", 1);
        let good = log.proof(3, 9).to_string();
        for bad in [
            good.replacen("@v1", "@v2", 1),
            good.replacen("index 3", "index 03", 1),
            good.replacen("index 3\n", "", 1),
            good.replacen("index 3\n", "index 3\nindex 3\n", 1),
            good.replacen("index", "extra !\nindex", 1),
            good.replacen("index", "extra AAAA\nextra AAAA\nindex", 1),
            good.replacen("\n\n", "\n\n\n", 1),
            good.replacen("\n\n", "\n", 1),
            format!("{good}\n"),
        ] {
            assert!(LogProof::parse(bad.as_bytes()).is_err(), "{bad}");
        }
        assert_eq!(
            LogProof::parse(&vec![b'c'; MAX_LOG_PROOF_LEN + 1]),
            Err(LogProofError::TooLarge)
        );
        assert!(
            log.proof(3, 9)
                .with_extra(vec![0; MAX_EXTRA_LEN + 1])
                .is_none()
        );
    }
}
