//! A new vault key and new holders: what a former holder keeps opens nothing that is written from
//! now on (RING-7).

use super::unlocked::UnlockedKeyring;
use super::wrap::{Wrapped, opening_key_aad, opening_key_wrap};
use super::{AddHoldersError, PassphraseCost};
use crate::randomness::Randomness;
use crate::share::{Share, Threshold};
use wire::EpochId;

/// Why the vault key did not turn over. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TurnOverError {
    /// An opening key does not unwrap.
    #[error("the wrapped key of epoch {epoch} does not open")]
    Damaged {
        /// The epoch.
        epoch: EpochId,
    },
    /// The new holder could not be added.
    #[error("adding the new holder")]
    Holder(#[source] AddHoldersError),
    /// An implementation of a cipher refused.
    #[error("the opening keys could not be wrapped anew")]
    Cipher,
}

impl UnlockedKeyring {
    /// The same keys under a new vault key that k of n new holders have; no former holder unlocks
    /// it. One generation more. The root's signing key must be wrapped anew too (RING-5).
    ///
    /// # Errors
    ///
    /// When an opening key is damaged, or an implementation refuses.
    pub fn turn_over_to_shares(
        &self,
        threshold: Threshold,
        randomness: &mut dyn Randomness,
    ) -> Result<(Self, Vec<Share>), TurnOverError> {
        let mut turned = self.turned_over(randomness)?;
        let shares = turned
            .add_shares(threshold, randomness)
            .map_err(TurnOverError::Holder)?;
        Ok((turned, shares))
    }

    /// The same keys under a new vault key that one passphrase has; no former holder unlocks it.
    /// One generation more. The root's signing key must be wrapped anew too (RING-5).
    ///
    /// # Errors
    ///
    /// When an opening key is damaged, or the passphrase's key can not be derived.
    pub fn turn_over_to_passphrase(
        &self,
        passphrase: &str,
        cost: PassphraseCost,
        randomness: &mut dyn Randomness,
    ) -> Result<Self, TurnOverError> {
        let mut turned = self.turned_over(randomness)?;
        turned
            .add_passphrase(passphrase, cost, randomness)
            .map_err(TurnOverError::Holder)?;
        Ok(turned)
    }

    /// Without holders: never leaves this file before it has one.
    fn turned_over(&self, randomness: &mut dyn Randomness) -> Result<Self, TurnOverError> {
        let former = &self.keyring.content;
        let mut turned = Self::empty(former.archive, randomness);
        turned.keyring.content.generation = former.generation;
        for ring in &former.epochs {
            let mut ring = ring.clone();
            if let Some(wrapped) = &ring.wrapped {
                let epoch = ring.id;
                let aad = opening_key_aad(&former.archive, &epoch);
                let from = opening_key_wrap(&self.vault, &epoch);
                let seed = wrapped
                    .unwrap(&*from.map_err(|_| TurnOverError::Cipher)?, &aad)
                    .map_err(|_| TurnOverError::Damaged { epoch })?;
                let to = opening_key_wrap(&turned.vault, &epoch);
                let wrapped = Wrapped::wrap(
                    &*to.map_err(|_| TurnOverError::Cipher)?,
                    &aad,
                    &seed,
                    randomness,
                );
                ring.wrapped = Some(wrapped.map_err(|_| TurnOverError::Cipher)?);
            }
            turned.keyring.content.epochs.push(ring);
        }
        Ok(turned)
    }
}
