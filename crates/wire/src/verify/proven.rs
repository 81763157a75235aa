//! One entry, believed from a proof file alone: genesis, control entries, inclusion (PROOF-1).

use tlog::{Hash, LogProof, LogProofError, LogProofRefused, Verdict, VerifiedCheckpoint};

use super::LogPolicyError;
use crate::authority::Authority;
use crate::entry::{Entry, Seen};
use crate::genesis::Genesis;
use crate::id::{AdmittedAt, ControlNumber};
use crate::leaf::{Leaf, LeafError};
use crate::refusal::Refusal;

/// An entry that stands in the log and was allowed to, as far as the shown control entries tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvenEntry {
    leaf: Leaf,
    index: tlog::LogIndex,
    checkpoint: VerifiedCheckpoint,
    verdict: Verdict,
    shown: ShownControl,
    compromised_later: bool,
}

/// How much of the control chain was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShownControl {
    /// The newest act shown; 0 if none was.
    pub newest: ControlNumber,
    /// Every act from 1 to the newest was shown.
    pub whole: bool,
}

/// Which check failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SingleError {
    /// The genesis's keys make no policy.
    #[error("judging the log's checkpoints")]
    Policy(#[source] LogPolicyError),
    /// A control entry can not be read.
    #[error("reading control entry {position}")]
    ControlLeaf {
        /// Its place in the file, from 0.
        position: usize,
        /// Why.
        #[source]
        source: LeafError,
    },
    /// A control entry's proof can not be read.
    #[error("reading the proof of control entry {position}")]
    ControlProof {
        /// Its place in the file, from 0.
        position: usize,
        /// Why.
        #[source]
        source: LogProofError,
    },
    /// A control entry does not stand in the log.
    #[error("verifying the inclusion of control entry {position}")]
    ControlInclusion {
        /// Its place in the file, from 0.
        position: usize,
        /// Why.
        #[source]
        source: LogProofRefused,
    },
    /// A control entry's proof tells another time of admission than its leaf.
    #[error("the proof of control entry {position} tells another time of admission than its leaf")]
    ControlAdmittedAt {
        /// Its place in the file, from 0.
        position: usize,
    },
    /// A control entry stands under another checkpoint than the entry, or out of order.
    #[error("control entry {position} is out of order or under another checkpoint")]
    ControlOrder {
        /// Its place in the file, from 0.
        position: usize,
    },
    /// A control entry was not allowed.
    #[error("control entry {position} has no authority")]
    ControlRefused {
        /// Its place in the file, from 0.
        position: usize,
        /// Why.
        #[source]
        refusal: Refusal,
    },
    /// The entry can not be read.
    #[error("reading the entry")]
    Leaf(#[source] LeafError),
    /// The entry's proof can not be read.
    #[error("reading the entry's proof")]
    Proof(#[source] LogProofError),
    /// The proof's extra bytes are not the leaf's time of admission.
    #[error("the proof tells another time of admission than the leaf")]
    AdmittedAt,
    /// The entry does not stand in the log.
    #[error("verifying the entry's inclusion")]
    Inclusion(#[source] LogProofRefused),
    /// The entry was not allowed: signature, enrolment, revocation.
    #[error("the entry has no authority")]
    Refused(#[source] Refusal),
}

impl SingleError {
    /// Name of the failed check, as vectors and the command line tell it.
    #[must_use]
    pub fn check(&self) -> &'static str {
        match self {
            Self::Policy(_) => "genesis",
            Self::ControlLeaf { .. }
            | Self::ControlProof { .. }
            | Self::ControlAdmittedAt { .. } => "control-form",
            Self::ControlInclusion { .. } => "control-inclusion",
            Self::ControlOrder { .. } => "control-order",
            Self::ControlRefused { .. } => "control-authority",
            Self::Leaf(_) | Self::Proof(_) => "entry-form",
            Self::AdmittedAt => "admitted-at",
            Self::Inclusion(_) => "inclusion",
            Self::Refused(_) => "authority",
        }
    }
}

/// Verifies one entry of the archive of `genesis` by its leaf, its tlog-proof, and control entries in
/// order, each with its own tlog-proof under the same checkpoint.
///
/// Acts before the entry give authority; acts after it can only flag the signer as compromised. Acts
/// that are not shown may say otherwise: [`ProvenEntry::control`] tells whether any is missing.
///
/// # Errors
/// Names the first check that failed.
pub fn single<'a>(
    genesis: &Genesis,
    leaf_bytes: &[u8],
    proof: &[u8],
    control: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
) -> Result<ProvenEntry, SingleError> {
    let policy = genesis
        .log_policy(genesis.witnesses())
        .map_err(SingleError::Policy)?;
    let leaf = Leaf::parse(leaf_bytes).map_err(SingleError::Leaf)?;
    let proof = LogProof::parse(proof).map_err(SingleError::Proof)?;
    if proof.extra() != Some(leaf.admitted_at().to_be_bytes().as_slice()) {
        return Err(SingleError::AdmittedAt);
    }
    let proven = proof
        .verify(Hash::leaf(leaf_bytes), &policy)
        .map_err(SingleError::Inclusion)?;
    let seen = Seen {
        size: proven.checkpoint().size(),
        root: proven.checkpoint().root(),
    };

    let mut authority = Authority::new(genesis.clone());
    let mut whole = true;
    let mut judged = None;
    let mut before = None;
    for (position, (control_leaf, control_proof)) in control.into_iter().enumerate() {
        let source = |source| SingleError::ControlLeaf { position, source };
        let act = Leaf::parse(control_leaf).map_err(source)?;
        let control_proof = LogProof::parse(control_proof)
            .map_err(|source| SingleError::ControlProof { position, source })?;
        // PROOF-1: an extra line is vouched for by nothing but the leaf. It may be missing.
        let admitted_at = act.admitted_at().to_be_bytes();
        if control_proof
            .extra()
            .is_some_and(|extra| extra != admitted_at)
        {
            return Err(SingleError::ControlAdmittedAt { position });
        }
        let stands = control_proof
            .verify(Hash::leaf(control_leaf), &policy)
            .map_err(|source| SingleError::ControlInclusion { position, source })?;
        let same =
            (stands.checkpoint().size(), stands.checkpoint().root()) == (seen.size, seen.root);
        if !same || before.is_some_and(|before| before >= stands.index()) {
            return Err(SingleError::ControlOrder { position });
        }
        before = Some(stands.index());
        // The entry is judged by the acts before it and by no later one.
        if judged.is_none() && stands.index() >= proven.index() {
            judged = Some(judge(&authority, &leaf)?);
        }
        let refused = |refusal| SingleError::ControlRefused { position, refusal };
        whole &= authority
            .take_shown(&act, stands.index(), whole)
            .map_err(refused)?;
    }
    if judged.is_none() {
        judge(&authority, &leaf)?;
    }
    // The witnesses of the newest policy shown.
    let policy = genesis
        .log_policy(&authority.policy().witnesses)
        .map_err(SingleError::Policy)?;
    let entry = leaf.entry();
    let compromised_later = authority
        .signer(&entry.signer())
        .and_then(|signer| signer.compromised())
        .is_some_and(|from| entry.number() >= from);
    Ok(ProvenEntry {
        index: proven.index(),
        verdict: policy.count(proven.checkpoint()),
        checkpoint: proven.checkpoint().clone(),
        shown: ShownControl {
            newest: authority.head().number,
            whole,
        },
        compromised_later,
        leaf,
    })
}

/// The entry's signatures, its signer's role and standing, at its index.
fn judge(authority: &Authority, leaf: &Leaf) -> Result<(), SingleError> {
    let entry = leaf.entry().clone();
    let signed = entry
        .verify_signatures(|id| authority.key(id))
        .map_err(SingleError::Refused)?;
    let judged = authority.judge_alone(signed.entry(), leaf.admitted_at());
    judged.map_err(SingleError::Refused)
}

impl ProvenEntry {
    /// The entry.
    #[must_use]
    pub fn entry(&self) -> &Entry {
        self.leaf.entry()
    }

    /// Where it stands.
    #[must_use]
    pub fn index(&self) -> tlog::LogIndex {
        self.index
    }

    /// When it was admitted.
    #[must_use]
    pub fn admitted_at(&self) -> AdmittedAt {
        self.leaf.admitted_at()
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

    /// How much of the control chain was shown.
    #[must_use]
    pub fn control(&self) -> ShownControl {
        self.shown
    }

    /// A later act shown says that the signer was compromised from this entry's number or before.
    #[must_use]
    pub fn compromised_later(&self) -> bool {
        self.compromised_later
    }
}
