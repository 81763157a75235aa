//! Whom to believe: a log's keys, its witnesses, and how many of them are enough.

use std::num::NonZeroU8;

use crate::checkpoint::{CheckpointError, Origin, SignedCheckpoint, VerifiedCheckpoint};
use crate::cosignature::CosignedAt;
use crate::key::{KeyKind, KeyName, VerifierKey};

/// The most witnesses in one policy: what a note has lines for, beside the log's own.
pub const MAX_WITNESSES: usize = 32;

/// A witness in a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyWitness {
    key: VerifierKey,
    independent: bool,
}

impl PolicyWitness {
    /// A witness by its cosignature key. `independent`: run by somebody other than whoever runs
    /// the log or owns the archive; only such a witness can show a fork that both agree on.
    ///
    /// Nothing for a key that signs notes, not cosignatures.
    pub fn new(key: VerifierKey, independent: bool) -> Option<Self> {
        (key.kind() != KeyKind::Note).then_some(Self { key, independent })
    }

    /// The cosignature key.
    pub fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// Whether it counts.
    pub fn independent(&self) -> bool {
        self.independent
    }
}

/// A log's keys, its witnesses, and how many independent ones make a checkpoint witnessed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    origin: Origin,
    log_keys: Vec<VerifierKey>,
    witnesses: Vec<PolicyWitness>,
    threshold: NonZeroU8,
}

/// Why there is no such policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// No key is of kind 0x01 and bears the origin as name.
    #[error("no key of the log bears its origin as name")]
    NoLogKey,
    /// Two witnesses have the same public key.
    #[error("two witnesses have the same key")]
    SameKey,
    /// More than [`MAX_WITNESSES`].
    #[error("more than {MAX_WITNESSES} witnesses")]
    TooMany,
}

/// Whether others than the log saw the same tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As many independent witnesses as the policy asks for have cosigned.
    Witnessed {
        /// All who have, independent or not.
        by: Vec<Cosigned>,
    },
    /// Too few, or none that is independent: log and owner together could show another tree
    /// to somebody else.
    Unwitnessed {
        /// All who have, independent or not.
        by: Vec<Cosigned>,
    },
}

impl Verdict {
    /// Whether enough independent witnesses have cosigned.
    pub fn is_witnessed(&self) -> bool {
        matches!(self, Self::Witnessed { .. })
    }

    /// All who have cosigned, independent or not.
    pub fn by(&self) -> &[Cosigned] {
        match self {
            Self::Witnessed { by } | Self::Unwitnessed { by } => by,
        }
    }
}

/// A witness's verified cosignature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosigned {
    /// Who.
    pub name: KeyName,
    /// When, by the witness's clock.
    pub at: CosignedAt,
    /// Whether the policy calls it independent.
    pub independent: bool,
}

impl Policy {
    /// A policy for the log of `origin`. A threshold above the number of independent witnesses
    /// is never reached: that is the policy of a log that nobody independent watches yet.
    ///
    /// # Errors
    /// When no key can have signed the log's checkpoints, one public key stands for two
    /// witnesses, or there are more than [`MAX_WITNESSES`].
    pub fn new(
        origin: Origin,
        log_keys: Vec<VerifierKey>,
        witnesses: Vec<PolicyWitness>,
        threshold: NonZeroU8,
    ) -> Result<Self, PolicyError> {
        if !log_keys
            .iter()
            .any(|key| key.kind() == KeyKind::Note && key.name() == origin.key_name())
        {
            return Err(PolicyError::NoLogKey);
        }
        if witnesses.len() > MAX_WITNESSES {
            return Err(PolicyError::TooMany);
        }
        // One holder under two names must not count twice. (TLOG-22)
        for (n, witness) in witnesses.iter().enumerate() {
            if witnesses
                .iter()
                .take(n)
                .any(|earlier| earlier.key.public() == witness.key.public())
            {
                return Err(PolicyError::SameKey);
            }
        }
        Ok(Self {
            origin,
            log_keys,
            witnesses,
            threshold,
        })
    }

    /// Which log.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The log's keys.
    pub fn log_keys(&self) -> &[VerifierKey] {
        &self.log_keys
    }

    /// Its witnesses.
    pub fn witnesses(&self) -> &[PolicyWitness] {
        &self.witnesses
    }

    /// How many independent ones are enough.
    pub fn threshold(&self) -> NonZeroU8 {
        self.threshold
    }

    /// Verifies the log's signature and counts the witnesses'. (TLOG-22)
    ///
    /// # Errors
    /// When the checkpoint is not one of this log, signed by its key.
    pub fn judge(
        &self,
        signed: SignedCheckpoint,
    ) -> Result<(VerifiedCheckpoint, Verdict), CheckpointError> {
        let checkpoint = signed.verify(&self.origin, &self.log_keys)?;
        let verdict = self.count(&checkpoint);
        Ok((checkpoint, verdict))
    }

    /// Counts the witnesses of a checkpoint whose log signature is verified. (TLOG-22)
    pub fn count(&self, checkpoint: &VerifiedCheckpoint) -> Verdict {
        let by: Vec<Cosigned> = self
            .witnesses
            .iter()
            .filter_map(|witness| {
                let at = checkpoint.cosigned_by(&witness.key)?;
                Some(Cosigned {
                    name: witness.key.name().clone(),
                    at,
                    independent: witness.independent,
                })
            })
            .collect();
        let independent = by.iter().filter(|cosigned| cosigned.independent).count();
        if checkpoint.origin() == &self.origin && independent >= usize::from(self.threshold.get()) {
            Verdict::Witnessed { by }
        } else {
            Verdict::Unwitnessed { by }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::add_checkpoint::AddCheckpoint;
    use crate::hash::TreeSize;
    use crate::testing::{Log, cosigner, seconds};
    use crate::witness::{Decision, SeenHead, Witness};

    fn cosign(log: &Log, name: &str, seed: u8, signed: &mut SignedCheckpoint) -> VerifierKey {
        let mut witness = Witness::new(cosigner(name, seed));
        witness.follow(log.origin(), vec![log.key()]);
        let request = AddCheckpoint::new(TreeSize::ZERO, log.consistency(0, 5), log.checkpoint(5));
        let Decision::Cosign { line, .. } =
            witness.decide(SeenHead::nothing(), &request, seconds(100))
        else {
            panic!("refused")
        };
        signed.add_signature(line).unwrap();
        witness.verifier().clone()
    }

    /// TLOG-22: only independent witnesses count, each once.
    #[test]
    fn tlog_22_counts_independent_witnesses() {
        let log = Log::new(5, "log.example/a", 1);
        let mut signed = log.checkpoint(5);
        let a = cosign(&log, "w.example/a", 11, &mut signed);
        let b = cosign(&log, "w.example/b", 12, &mut signed);
        let policy = |witnesses: &[(&VerifierKey, bool)], threshold| {
            let witnesses = witnesses
                .iter()
                .map(|(key, own)| PolicyWitness::new((*key).clone(), *own).unwrap());
            let threshold = NonZeroU8::new(threshold).unwrap();
            Policy::new(
                log.origin(),
                vec![log.key()],
                witnesses.collect(),
                threshold,
            )
        };
        let witnessed = |witnesses: &[(&VerifierKey, bool)], threshold| {
            policy(witnesses, threshold)
                .unwrap()
                .judge(signed.clone())
                .unwrap()
                .1
        };
        assert!(witnessed(&[(&a, true), (&b, true)], 2).is_witnessed());
        assert!(witnessed(&[(&a, true), (&b, false)], 1).is_witnessed());
        assert!(!witnessed(&[(&a, true), (&b, false)], 2).is_witnessed());
        assert!(!witnessed(&[(&a, false), (&b, false)], 1).is_witnessed());
        assert!(!witnessed(&[], 1).is_witnessed());
        assert_eq!(witnessed(&[(&a, false), (&b, false)], 1).by().len(), 2);
        assert_eq!(witnessed(&[(&a, true)], 1).by()[0].at, seconds(100));
        let twin = VerifierKey::new(
            KeyName::new("w.example/twin").unwrap(),
            KeyKind::Cosignature,
            a.public(),
        )
        .unwrap();
        assert_eq!(
            policy(&[(&a, true), (&twin, true)], 2),
            Err(PolicyError::SameKey)
        );
        assert!(PolicyWitness::new(log.key(), true).is_none());
    }

    /// TLOG-22: the log's own signature comes first.
    #[test]
    fn tlog_22_needs_the_log() {
        let log = Log::new(5, "log.example/a", 1);
        let threshold = NonZeroU8::new(1).unwrap();
        let policy = Policy::new(log.origin(), vec![log.key()], vec![], threshold).unwrap();
        let impostor = Log::new(5, "log.example/a", 2);
        assert_eq!(
            policy.judge(impostor.checkpoint(5)),
            Err(CheckpointError::Unsigned)
        );
        let other = Log::new(5, "log.example/b", 1);
        assert_eq!(
            policy.judge(other.checkpoint(5)),
            Err(CheckpointError::OtherOrigin {
                origin: other.origin()
            })
        );
        assert_eq!(
            Policy::new(log.origin(), vec![other.key()], vec![], threshold),
            Err(PolicyError::NoLogKey)
        );
    }
}
