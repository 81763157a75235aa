//! Receipts: what an agent gets for an admitted entry (RECEIPT-1).

use tlog::{
    ConsistencyProof, Hash, InclusionProof, LogIndex, LogProof, LogProofError, LogProofRefused,
    Policy, ProofError, SignedCheckpoint, Verdict, VerifiedCheckpoint,
};

use crate::entry::{Entry, Seen};
use crate::id::AdmittedAt;
use crate::leaf::Leaf;

/// A verified receipt: the entry stands in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    index: LogIndex,
    admitted_at: AdmittedAt,
    checkpoint: VerifiedCheckpoint,
    verdict: Verdict,
}

/// Why a receipt proves nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiptError {
    /// Not a tlog-proof.
    #[error("reading the receipt")]
    Read(#[source] LogProofError),
    /// Its extra bytes are not the time of admission.
    #[error("the receipt tells no time of admission")]
    AdmittedAt,
    /// The checkpoint is not the log's, or the entry does not stand there.
    #[error("verifying the receipt")]
    Proof(#[source] LogProofRefused),
    /// The log shows another tree of the same size than before.
    #[error("the log shows another tree of {size} leaves than before", size = .0.size)]
    Fork(Seen),
    /// The log does not continue what it showed before.
    #[error("the log does not continue the tree of {size} leaves that it showed before", size = .last.size)]
    Inconsistent {
        /// What it showed before.
        last: Seen,
        /// What the proof lacks.
        #[source]
        source: ProofError,
    },
}

/// RECEIPT-1: puts a receipt together; the relay sends its text.
#[must_use]
pub fn receipt(
    admitted_at: AdmittedAt,
    index: LogIndex,
    inclusion: InclusionProof,
    checkpoint: SignedCheckpoint,
) -> Option<LogProof> {
    LogProof::new(index, inclusion, checkpoint).with_extra(admitted_at.to_be_bytes().to_vec())
}

/// Verifies that `entry` stands in the log of `policy`, and that the log is the one seen before as
/// far as sizes tell; [`Receipt::continues`] tells the rest.
///
/// # Errors
/// When the receipt is malformed, its checkpoint is not the log's, the entry does not stand there,
/// or a tree of the same size as `last` has another root.
pub fn verify_receipt(
    entry: &Entry,
    receipt: &[u8],
    policy: &Policy,
    last: Option<&Seen>,
) -> Result<Receipt, ReceiptError> {
    let proof = LogProof::parse(receipt).map_err(ReceiptError::Read)?;
    let time: Option<[u8; 8]> = proof.extra().and_then(|extra| extra.try_into().ok());
    let admitted_at = time
        .and_then(AdmittedAt::from_be_bytes)
        .ok_or(ReceiptError::AdmittedAt)?;
    let leaf = Hash::leaf(&Leaf::new(admitted_at, entry.clone()).to_bytes());
    let proven = proof.verify(leaf, policy).map_err(ReceiptError::Proof)?;
    let receipt = Receipt {
        index: proven.index(),
        admitted_at,
        checkpoint: proven.checkpoint().clone(),
        verdict: proven.verdict().clone(),
    };
    match last {
        Some(last) if last.size == receipt.seen().size && last.root != receipt.seen().root => {
            Err(ReceiptError::Fork(*last))
        }
        _ => Ok(receipt),
    }
}

impl Receipt {
    /// Where the entry stands.
    #[must_use]
    pub fn index(&self) -> LogIndex {
        self.index
    }

    /// When it was admitted.
    #[must_use]
    pub fn admitted_at(&self) -> AdmittedAt {
        self.admitted_at
    }

    /// The checkpoint that it stands under.
    #[must_use]
    pub fn checkpoint(&self) -> &VerifiedCheckpoint {
        &self.checkpoint
    }

    /// Whether independent witnesses have cosigned that checkpoint.
    #[must_use]
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// Size and root of the checkpoint, for the next entry's `seen`.
    #[must_use]
    pub fn seen(&self) -> Seen {
        Seen {
            size: self.checkpoint.size(),
            root: self.checkpoint.root(),
        }
    }

    /// Whether the receipt's tree and the tree seen `last` are one log; `proof` leads from the
    /// smaller to the larger. Gives the larger of the two.
    ///
    /// # Errors
    /// When the proof does not show it.
    pub fn continues(&self, last: &Seen, proof: &ConsistencyProof) -> Result<Seen, ReceiptError> {
        let new = self.seen();
        let (older, newer) = if last.size <= new.size {
            (*last, new)
        } else {
            (new, *last)
        };
        proof
            .verify(older.size, older.root, newer.size, newer.root)
            .map_err(|source| ReceiptError::Inconsistent {
                last: *last,
                source,
            })?;
        Ok(newer)
    }
}
