//! Believing what a log shows: following it whole, checking one receipt, checking one entry.
//!
//! ```text
//! checkpoint note ──accept──▶ Accepted ──follow──▶ Run ──leaf…──▶ Run ──settle──▶ Settled { VerifiedEntry… }
//! ```

mod control;
mod follower;
mod proven;
mod receipt;
mod standing;
mod verified;

pub use control::{ControlReadError, ControlReader, JudgedEntry, StandingEntry};
pub use follower::{Accepted, FollowError, Follower, ReadLeaf, Run, Settled};
pub use proven::{ProvenEntry, ShownControl, SingleError, single};
pub use receipt::{Receipt, ReceiptError, receipt, verify_receipt};
pub use standing::AgainError;
pub use verified::VerifiedEntry;

use std::num::NonZeroU8;

use tlog::{KeyKind, KeyName, Origin, Policy, PolicyError, PolicyWitness, VerifierKey};

use crate::genesis::{Genesis, WitnessPolicy};

/// Why a genesis and a witness policy make no policy of a log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogPolicyError {
    /// The origin or a witness's name is no key name.
    #[error("a key name of the log or of a witness is impossible")]
    Name(#[source] tlog::BadKeyName),
    /// A key is no verifier key.
    #[error("a key of the log or of a witness is impossible")]
    Key(#[source] tlog::BadVerifierKey),
    /// The keys make no policy.
    #[error("the keys make no policy")]
    Policy(#[source] PolicyError),
}

impl Genesis {
    /// GENESIS-1: the log's keys and the given witnesses, as `tlog` judges checkpoints by them. A
    /// quorum of 0 asks for none; a checkpoint is still called witnessed only if one independent
    /// witness has cosigned it.
    ///
    /// # Errors
    /// When a name or key is impossible, which a parsed genesis or policy act excludes.
    pub fn log_policy(&self, witnesses: &WitnessPolicy) -> Result<Policy, LogPolicyError> {
        let origin = Origin::new(&self.origin()).map_err(LogPolicyError::Name)?;
        let log_keys = self
            .log_keys()
            .iter()
            .map(|key| VerifierKey::new(origin.key_name().clone(), KeyKind::Note, key.as_bytes()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(LogPolicyError::Key)?;
        let mut known = Vec::with_capacity(witnesses.witnesses.len());
        for witness in &witnesses.witnesses {
            let name = KeyName::new(&witness.name).map_err(LogPolicyError::Name)?;
            let key = VerifierKey::new(name, KeyKind::Cosignature, witness.key.as_bytes())
                .map_err(LogPolicyError::Key)?;
            known.extend(PolicyWitness::new(key, witness.independent));
        }
        let quorum = u8::try_from(witnesses.quorum).unwrap_or(u8::MAX);
        let threshold = NonZeroU8::new(quorum).unwrap_or(NonZeroU8::MIN);
        Policy::new(origin, log_keys, known, threshold).map_err(LogPolicyError::Policy)
    }
}
