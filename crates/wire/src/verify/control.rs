//! Reading the control chain whole, without the rest of the log: what an agent does.

use tlog::{Hash, LogIndex, LogProof, LogProofError, LogProofRefused, Verdict, VerifiedCheckpoint};

use super::LogPolicyError;
use crate::authority::Authority;
use crate::body::Body;
use crate::control::Control;
use crate::entry::{Entry, Seen};
use crate::genesis::Genesis;
use crate::id::AdmittedAt;
use crate::leaf::{Leaf, LeafError};
use crate::refusal::{Refusal, RefusalCode};

/// The authority in force after the acts read so far.
#[derive(Debug, Clone)]
pub struct ControlReader {
    authority: Authority,
    policy: tlog::Policy,
}

/// A leaf that stands in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandingEntry {
    leaf: Leaf,
    index: LogIndex,
    checkpoint: VerifiedCheckpoint,
    verdict: Verdict,
}

/// An entry that stands in the log and that its signers were allowed to make, by the acts read.
/// Only [`ControlReader::judged`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JudgedEntry {
    standing: StandingEntry,
}

/// Why an act or entry is not believed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ControlReadError {
    /// The keys make no policy.
    #[error("judging the log's checkpoints")]
    Policy(#[source] LogPolicyError),
    /// Not a leaf.
    #[error("reading the leaf")]
    Leaf(#[source] LeafError),
    /// Not a tlog-proof.
    #[error("reading the leaf's proof")]
    Proof(#[source] LogProofError),
    /// It does not stand in the log.
    #[error("verifying the leaf's inclusion")]
    Inclusion(#[source] LogProofRefused),
    /// It has no authority, or does not follow the act before.
    #[error("the entry has no authority")]
    Refused(#[source] Refusal),
}

impl ControlReader {
    /// Before the first act.
    ///
    /// # Errors
    /// When the genesis's keys make no policy, which a parsed genesis excludes.
    pub fn new(genesis: Genesis) -> Result<Self, ControlReadError> {
        let policy = genesis
            .log_policy(genesis.witnesses())
            .map_err(ControlReadError::Policy)?;
        Ok(Self {
            authority: Authority::new(genesis),
            policy,
        })
    }

    /// The authority. Its chains, size and time are of no use: only acts were read.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// How checkpoints are judged under the newest policy read.
    #[must_use]
    pub fn policy(&self) -> &tlog::Policy {
        &self.policy
    }

    /// Verifies that a leaf stands in the log; judges nothing else.
    ///
    /// # Errors
    /// When leaf or proof can not be read, or the proof does not show it.
    pub fn stands(&self, leaf: &[u8], proof: &[u8]) -> Result<StandingEntry, ControlReadError> {
        let proven = LogProof::parse(proof)
            .map_err(ControlReadError::Proof)?
            .verify(Hash::leaf(leaf), &self.policy)
            .map_err(ControlReadError::Inclusion)?;
        Ok(StandingEntry {
            leaf: Leaf::parse(leaf).map_err(ControlReadError::Leaf)?,
            index: proven.index(),
            checkpoint: proven.checkpoint().clone(),
            verdict: proven.verdict().clone(),
        })
    }

    /// Takes the next act of the control chain (CONTROL-1, CONTROL-2, CONTROL-5).
    ///
    /// # Errors
    /// When it is not the next one, or not allowed; nothing changes then.
    pub fn take(&mut self, standing: &StandingEntry) -> Result<Control, ControlReadError> {
        self.take_kept(&standing.leaf, standing.index)
    }

    /// Takes an act whose inclusion was verified before it was kept.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub fn take_kept(&mut self, leaf: &Leaf, index: LogIndex) -> Result<Control, ControlReadError> {
        let chain =
            |detail| ControlReadError::Refused(Refusal::new(RefusalCode::ControlChain, detail));
        let Body::Control(control) = leaf.entry().body().clone() else {
            return Err(chain("this is no act of the control chain"));
        };
        if control.number != self.authority.head().number.next() {
            return Err(chain("an act before this one was not shown"));
        }
        // Takes the act whole or not at all.
        self.authority
            .take_shown(leaf, index, true)
            .map_err(ControlReadError::Refused)?;
        self.policy = self
            .authority
            .genesis()
            .log_policy(&self.authority.policy().witnesses)
            .map_err(ControlReadError::Policy)?;
        Ok(control)
    }

    /// Judges an entry that stands in the log by the acts read so far: signatures, standing, role.
    /// Not its chain.
    ///
    /// # Errors
    /// When it has no authority.
    pub fn judge(&self, standing: &StandingEntry) -> Result<(), ControlReadError> {
        let signed = standing
            .entry()
            .clone()
            .verify_signatures(|id| self.authority.key(id))
            .map_err(ControlReadError::Refused)?;
        self.authority
            .judge_alone(signed.entry(), standing.admitted_at())
            .map_err(ControlReadError::Refused)
    }
}

impl ControlReader {
    /// The same as [`judge`](Self::judge), as a type of its own for what opens the entry's object.
    ///
    /// # Errors
    /// When it has no authority.
    pub fn judged(&self, standing: StandingEntry) -> Result<JudgedEntry, ControlReadError> {
        self.judge(&standing)?;
        Ok(JudgedEntry { standing })
    }
}

impl JudgedEntry {
    /// The entry, and where it stands.
    #[must_use]
    pub fn standing(&self) -> &StandingEntry {
        &self.standing
    }

    /// The entry.
    #[must_use]
    pub fn entry(&self) -> &Entry {
        self.standing.entry()
    }
}

impl StandingEntry {
    /// The entry.
    #[must_use]
    pub fn entry(&self) -> &Entry {
        self.leaf.entry()
    }

    /// Where it stands.
    #[must_use]
    pub fn index(&self) -> LogIndex {
        self.index
    }

    /// When it was admitted.
    #[must_use]
    pub fn admitted_at(&self) -> AdmittedAt {
        self.leaf.admitted_at()
    }

    /// Size and root of the checkpoint that it stands under.
    #[must_use]
    pub fn seen(&self) -> Seen {
        Seen {
            size: self.checkpoint.size(),
            root: self.checkpoint.root(),
        }
    }

    /// Whether independent witnesses have cosigned that checkpoint.
    #[must_use]
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }
}
