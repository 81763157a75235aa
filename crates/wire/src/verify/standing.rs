//! A follower between two runs of a program: its rows under its owner's signature, and the entries
//! that it has settled before.

use tlog::{Hash, InclusionProof, LogIndex, ProofError};

use super::follower::{Accepted, Follower};
use super::verified::VerifiedEntry;
use crate::id::SignerId;
use crate::key::{PublicKey, SignatureBytes, SignerKey};
use crate::label;
use crate::leaf::{Leaf, LeafError};

/// Why an entry that was settled before is not believed again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AgainError {
    /// The checkpoint is not the one over exactly the settled leaves.
    #[error("the checkpoint is not that of the settled leaves")]
    Unsettled,
    /// The bytes are no leaf.
    #[error("reading the leaf at index {index}")]
    Leaf {
        /// Where.
        index: LogIndex,
        /// Why.
        #[source]
        source: LeafError,
    },
    /// Another leaf was settled there, or none.
    #[error("this is not the leaf that was settled at index {index}")]
    Other {
        /// Where.
        index: LogIndex,
        /// What the proof lacks.
        #[source]
        source: ProofError,
    },
    /// The settled state does not know the signer: its rows are of another log.
    #[error("the signer of the entry at index {index} is not known")]
    Signer {
        /// Where.
        index: LogIndex,
    },
}

impl Follower {
    /// Believes an entry again that was settled before: every leaf below the settled size was judged
    /// by this follower, or by the one whose rows it was restored from, and this leaf is one of them.
    /// `accepted` is the checkpoint over exactly the settled leaves.
    ///
    /// # Errors
    /// When the leaf does not stand there in the settled tree.
    pub fn again(
        &self,
        accepted: &Accepted,
        index: LogIndex,
        leaf: &[u8],
        inclusion: &InclusionProof,
    ) -> Result<VerifiedEntry, AgainError> {
        let settled = self.settled();
        let checkpoint = accepted.checkpoint();
        if checkpoint.size() != settled.size || checkpoint.root() != settled.root {
            return Err(AgainError::Unsettled);
        }
        let hash = Hash::leaf(leaf);
        inclusion
            .verify(hash, index, settled.size, settled.root)
            .map_err(|source| AgainError::Other { index, source })?;
        let parsed = Leaf::parse(leaf).map_err(|source| AgainError::Leaf { index, source })?;
        let admitted_at = parsed.admitted_at();
        let entry = parsed.into_entry();
        let signer = self
            .authority()
            .signer(&entry.signer())
            .ok_or(AgainError::Signer { index })?;
        Ok(VerifiedEntry {
            index,
            admitted_at,
            leaf: hash,
            key: signer.key(),
            role: signer.role_at(index),
            compromised: signer.suspected_at(index),
            verdict: accepted.shared_verdict(),
            entry,
        })
    }

    /// Signs everything that this follower is restored from, so that its owner takes up rows that it
    /// has written itself and no others.
    #[must_use]
    pub fn mark(&self, key: &SignerKey) -> SignatureBytes {
        key.sign(&self.to_be_marked())
    }

    /// Whether `mark` over this follower is that key's.
    #[must_use]
    pub fn is_marked(&self, key: &PublicKey, mark: &SignatureBytes) -> bool {
        key.verifies(&self.to_be_marked(), mark)
    }

    /// What a mark is over, for an owner that marks with something else than a signing key: the
    /// label's frame, the archive, and a hash over all rows, each behind its length.
    #[must_use]
    pub fn to_be_marked(&self) -> Vec<u8> {
        let authority = self.authority();
        let mut hasher = label::FOLLOWER.hash();
        let mut take = |row: &[u8]| hasher.update_sized(row);
        take(&self.row());
        take(&authority.cursor_row());
        take(&authority.standing_row());
        let mut signers: Vec<SignerId> = authority.signers().map(|(id, _)| id).collect();
        signers.sort_unstable();
        for id in signers {
            take(&authority.signer_row(&id).unwrap_or_default());
        }
        let mut message = label::FOLLOWER.framed();
        message.extend_from_slice(authority.archive().as_bytes());
        message.extend_from_slice(&hasher.finish());
        message
    }
}
