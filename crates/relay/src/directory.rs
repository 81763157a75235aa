//! Who is known to an archive, for readers and for the checks before an entry's turn.
//!
//! It follows the authority once a group is sequenced, so nobody is let in by an entry that a crash
//! could still take back, and whoever learns of its enrolment from the log is known already.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use canonical::Milliseconds;
use wire::authority::{Authority, SignerState};
use wire::{PublicKey, Role, SignerId};

/// A shared view of the signers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Directory {
    signers: Arc<RwLock<HashMap<SignerId, SignerState>>>,
}

impl Directory {
    /// Takes over the states of some signers, or of all of them.
    pub(crate) fn update(&self, signers: impl IntoIterator<Item = (SignerId, SignerState)>) {
        self.signers
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(signers);
    }

    /// Forgets what it knew and follows this authority.
    pub(crate) fn replace(&self, authority: &Authority) {
        let all = authority
            .signers()
            .map(|(id, state)| (id, state.clone()))
            .collect();
        *self.signers.write().unwrap_or_else(PoisonError::into_inner) = all;
    }

    pub(crate) fn signer(&self, id: &SignerId) -> Option<SignerState> {
        self.signers
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(id)
            .cloned()
    }

    /// The role of a signer that may read at this time. The root and keys that are only delegated
    /// to read as persons do.
    pub(crate) fn reader(&self, id: &SignerId, now: Milliseconds) -> Option<(PublicKey, Role)> {
        let signers = self.signers.read().unwrap_or_else(PoisonError::into_inner);
        let state = signers
            .get(id)
            .filter(|state| state.in_good_standing(now))?;
        Some((state.key(), state.role().unwrap_or(Role::Person)))
    }

    /// The same of a signer that may learn how it stands: a revoked one does as persons do (READ-2).
    pub(crate) fn learner(&self, id: &SignerId, now: Milliseconds) -> Option<(PublicKey, Role)> {
        self.reader(id, now)
            .or_else(|| Some((self.signer(id)?.key(), Role::Person)))
    }

    /// Whether nobody is known: the log has not begun.
    pub(crate) fn is_empty(&self) -> bool {
        self.signers
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .is_empty()
    }

    /// The keys of those of these signers that are known.
    pub(crate) fn keys_of(
        &self,
        ids: impl Iterator<Item = SignerId>,
    ) -> HashMap<SignerId, PublicKey> {
        let signers = self.signers.read().unwrap_or_else(PoisonError::into_inner);
        ids.filter_map(|id| Some((id, signers.get(&id)?.key())))
            .collect()
    }
}
