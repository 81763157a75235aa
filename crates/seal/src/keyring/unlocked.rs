//! A keyring whose vault key is at hand.

use canonical::Milliseconds;
use wire::{ArchiveId, EpochId, EpochUse};

use super::wrap::{
    Kind, Salt, VaultKey, Wrapped, opening_key_aad, opening_key_wrap, vault_key_aad,
};
use super::{
    Content, CostError, DestroyError, Generation, Keyring, MAX_WRAPS, PassphraseCost,
    PassphraseWrap, RingEpoch, SharesWrap, TokenKey, TokenName, TokenWrap, WrappedVaultKey,
};
use crate::epoch::NewEpoch;
use crate::key::{ForGovernance, ForRecords, OpeningKey, Purpose};
use crate::randomness::{Randomness, draw, fresh};
use crate::share::{CombineError, Share, Threshold, combine, new_set};

/// An unlocked keyring: gives opening keys. Holds the vault key, which is wiped when it is dropped.
pub struct UnlockedKeyring {
    pub(super) keyring: Keyring,
    pub(super) vault: VaultKey,
}

/// Why a keyring does not unlock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnlockError {
    /// The keyring knows no holder of this kind or set.
    #[error("this keyring has no holder of that kind")]
    NoHolder,
    /// A wrong passphrase, or shares with a wrong value.
    #[error("the passphrase or the shares are wrong")]
    Wrong,
    /// The passphrase's key could not be derived.
    #[error("the passphrase's key could not be derived")]
    Cost(#[source] CostError),
    /// The shares do not fit together.
    #[error("the shares do not fit together")]
    Shares(#[source] CombineError),
    /// The file is not what was written under this vault key (RING-6).
    #[error("the keyring was altered: take it from another of its stores")]
    Altered,
}

/// Why no holder was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddHoldersError {
    /// The keyring has as many as it can.
    #[error("the keyring has {MAX_WRAPS} ways to unlock it already")]
    Full,
    /// The passphrase's key could not be derived.
    #[error("the passphrase's key could not be derived")]
    Cost(#[source] CostError),
    /// An implementation of a cipher or of the sharing scheme refused.
    #[error("the vault key could not be wrapped")]
    Cipher,
}

/// Why epochs were not added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddEpochError {
    /// An epoch that stands in the keyring already.
    #[error("epoch {epoch} stands in the keyring already")]
    Twice {
        /// The epoch.
        epoch: EpochId,
    },
    /// The implementation of the cipher refused.
    #[error("the opening key could not be wrapped")]
    Cipher,
}

/// Why there is no opening key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyUnavailable {
    /// Not in this keyring.
    #[error("epoch {epoch} is not in this keyring")]
    Unknown {
        /// The epoch.
        epoch: EpochId,
    },
    /// Destroyed.
    #[error("the key of epoch {epoch} was destroyed")]
    Destroyed {
        /// The epoch.
        epoch: EpochId,
    },
    /// The epoch is for records where one for governance is asked for, or the other way round.
    #[error("epoch {epoch} is used for something else")]
    Use {
        /// The epoch.
        epoch: EpochId,
    },
    /// What is wrapped is not the epoch's key: the file was altered.
    #[error("the wrapped key of epoch {epoch} does not open or is another epoch's")]
    Damaged {
        /// The epoch.
        epoch: EpochId,
    },
}

impl UnlockedKeyring {
    /// A new keyring for a new archive, held by a passphrase. Generation 1, no epochs.
    ///
    /// # Errors
    ///
    /// When the passphrase's key can not be derived.
    pub fn with_passphrase(
        archive: ArchiveId,
        passphrase: &str,
        cost: PassphraseCost,
        randomness: &mut dyn Randomness,
    ) -> Result<Self, AddHoldersError> {
        let mut ring = Self::empty(archive, randomness);
        ring.add_passphrase(passphrase, cost, randomness)?;
        Ok(ring)
    }

    /// A new keyring for a new archive, held by k of n holders of shares. Generation 1, no epochs.
    ///
    /// # Errors
    ///
    /// Only if an implementation refuses.
    pub fn with_shares(
        archive: ArchiveId,
        threshold: Threshold,
        randomness: &mut dyn Randomness,
    ) -> Result<(Self, Vec<Share>), AddHoldersError> {
        let mut ring = Self::empty(archive, randomness);
        let shares = ring.add_shares(threshold, randomness)?;
        Ok((ring, shares))
    }

    /// The keyring as it is to be written.
    #[must_use]
    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    pub(super) fn vault_key(&self) -> &VaultKey {
        &self.vault
    }

    /// The same keyring, without the vault key.
    #[must_use]
    pub fn lock(self) -> Keyring {
        self.keyring
    }

    /// Lets a passphrase unlock it too. A new generation.
    ///
    /// # Errors
    ///
    /// When the passphrase's key can not be derived, or there are too many holders.
    pub fn add_passphrase(
        &mut self,
        passphrase: &str,
        cost: PassphraseCost,
        randomness: &mut dyn Randomness,
    ) -> Result<(), AddHoldersError> {
        let salt = Salt::from_bytes(draw(randomness));
        let key = cost
            .derive(passphrase, &salt)
            .map_err(AddHoldersError::Cost)?;
        let wrapped = self.wrap_vault_key(&key, Kind::Passphrase, randomness)?;
        self.add(WrappedVaultKey::Passphrase(PassphraseWrap {
            salt,
            memory_kib: cost.memory_kib(),
            passes: cost.passes(),
            lanes: cost.lanes(),
            wrapped,
        }))
    }

    /// Lets k of n holders of shares unlock it too. A new generation.
    ///
    /// # Errors
    ///
    /// When there are too many holders.
    pub fn add_shares(
        &mut self,
        threshold: Threshold,
        randomness: &mut dyn Randomness,
    ) -> Result<Vec<Share>, AddHoldersError> {
        let generation = self.keyring.content.generation.next();
        let set = new_set(threshold, generation.get(), randomness)
            .map_err(|_| AddHoldersError::Cipher)?;
        let wrapped = self.wrap_vault_key(set.secret.expose(), Kind::Shares, randomness)?;
        self.add(WrappedVaultKey::Shares(SharesWrap {
            set: set.id,
            needed: threshold.needed(),
            holders: threshold.holders(),
            wrapped,
        }))?;
        Ok(set.shares)
    }

    /// Lets a token unlock it too, by a key that only the token gives. A new generation.
    ///
    /// # Errors
    ///
    /// When there are too many holders.
    pub fn add_token(
        &mut self,
        token: TokenName,
        key: &TokenKey,
        randomness: &mut dyn Randomness,
    ) -> Result<(), AddHoldersError> {
        let wrapped = self.wrap_vault_key(key.expose(), Kind::Token, randomness)?;
        self.add(WrappedVaultKey::Token(TokenWrap {
            label: token.label,
            key: token.key,
            wrapped,
        }))
    }

    /// Adds new epochs. A new generation.
    ///
    /// # Errors
    ///
    /// When one of them stands in the keyring already; nothing is added then.
    pub fn add_epochs(
        &mut self,
        epochs: &[NewEpoch],
        randomness: &mut dyn Randomness,
    ) -> Result<(), AddEpochError> {
        let mut added = Vec::with_capacity(epochs.len());
        for new in epochs {
            let published = new.published();
            let epoch = published.id;
            let known = self.keyring.content.epochs.iter().chain(&added);
            if known.into_iter().any(|ring| ring.id == epoch) {
                return Err(AddEpochError::Twice { epoch });
            }
            let key = opening_key_wrap(&self.vault, &epoch).map_err(|_| AddEpochError::Cipher)?;
            let aad = opening_key_aad(&self.keyring.content.archive, &epoch);
            let wrapped = Wrapped::wrap(&key, &aad, new.seed(), randomness)
                .map_err(|_| AddEpochError::Cipher)?;
            added.push(RingEpoch {
                id: epoch,
                key: published.key.clone(),
                class: published.class,
                usage: published.usage,
                from: published.from,
                until: published.until,
                keep_until: published.keep_until,
                wrapped: Some(wrapped),
                destroyed: None,
                destroyed_in: None,
            });
        }
        self.keyring.content.epochs.append(&mut added);
        self.next_generation().ok_or(AddEpochError::Cipher)
    }

    /// Destroys an epoch's opening key: what was sealed to it can not be opened any more, once
    /// every keyring store holds this generation and the vault key has turned over (RING-4). A new
    /// generation.
    ///
    /// # Errors
    ///
    /// When the epoch is not known, is destroyed already, or `at` lies before the time that was
    /// published for it.
    pub fn destroy(&mut self, epoch: EpochId, at: Milliseconds) -> Result<(), DestroyError> {
        let generation = self.keyring.content.generation.next();
        let ring = self
            .keyring
            .content
            .epochs
            .iter_mut()
            .find(|ring| ring.id == epoch)
            .ok_or(DestroyError::Unknown { epoch })?;
        if let Some(at) = ring.destroyed {
            return Err(DestroyError::Already { epoch, at });
        }
        if at < ring.keep_until {
            return Err(DestroyError::TooEarly {
                epoch,
                not_before: ring.keep_until,
            });
        }
        ring.wrapped = None;
        ring.destroyed = Some(at);
        ring.destroyed_in = Some(generation);
        self.next_generation().ok_or(DestroyError::Cipher)
    }

    /// The opening key of an epoch of records.
    ///
    /// # Errors
    ///
    /// When the epoch is not known, is destroyed, or is for governance.
    pub fn records(&self, epoch: EpochId) -> Result<OpeningKey<ForRecords>, KeyUnavailable> {
        self.opening_key(epoch, |usage| {
            matches!(usage, EpochUse::Period | EpochUse::Reserve)
        })
    }

    /// The opening key of a governance epoch.
    ///
    /// # Errors
    ///
    /// When the epoch is not known, is destroyed, or is for records.
    pub fn governance(&self, epoch: EpochId) -> Result<OpeningKey<ForGovernance>, KeyUnavailable> {
        self.opening_key(epoch, |usage| matches!(usage, EpochUse::Governance))
    }

    fn opening_key<P: Purpose>(
        &self,
        epoch: EpochId,
        allowed: impl Fn(EpochUse) -> bool,
    ) -> Result<OpeningKey<P>, KeyUnavailable> {
        let content = &self.keyring.content;
        let ring = content
            .epochs
            .iter()
            .find(|ring| ring.id == epoch)
            .ok_or(KeyUnavailable::Unknown { epoch })?;
        if !allowed(ring.usage) {
            return Err(KeyUnavailable::Use { epoch });
        }
        let wrapped = ring
            .wrapped
            .as_ref()
            .ok_or(KeyUnavailable::Destroyed { epoch })?;
        let damaged = KeyUnavailable::Damaged { epoch };
        let key = opening_key_wrap(&self.vault, &epoch).map_err(|_| damaged)?;
        let seed = wrapped
            .unwrap(&key, &opening_key_aad(&content.archive, &epoch))
            .map_err(|_| damaged)?;
        let key = OpeningKey::from_seed(&seed);
        if key.epoch() != epoch {
            return Err(damaged);
        }
        Ok(key)
    }

    /// Generation 0, without holders: never leaves this file.
    pub(super) fn empty(archive: ArchiveId, randomness: &mut dyn Randomness) -> Self {
        Self {
            keyring: Keyring {
                content: Content {
                    version: 1,
                    archive,
                    generation: Generation::new(0),
                    wraps: Vec::new(),
                    epochs: Vec::new(),
                    mac: None,
                },
            },
            vault: VaultKey::from_bytes(&fresh(randomness)),
        }
    }

    fn wrap_vault_key(
        &self,
        key: &[u8; 32],
        kind: Kind,
        randomness: &mut dyn Randomness,
    ) -> Result<Wrapped, AddHoldersError> {
        let aad = vault_key_aad(&self.keyring.content.archive, kind);
        Wrapped::wrap(key, &aad, self.vault.expose(), randomness)
            .map_err(|_| AddHoldersError::Cipher)
    }

    fn add(&mut self, wrap: WrappedVaultKey) -> Result<(), AddHoldersError> {
        let content = &mut self.keyring.content;
        if content.wraps.len() >= MAX_WRAPS {
            return Err(AddHoldersError::Full);
        }
        content.wraps.push(wrap);
        self.next_generation().ok_or(AddHoldersError::Cipher)
    }

    /// Every change ends here: one generation more, authenticated as a whole (RING-6). `None` only
    /// if an implementation refuses.
    fn next_generation(&mut self) -> Option<()> {
        let content = &mut self.keyring.content;
        content.generation = content.generation.next();
        content.authenticate(&self.vault)
    }
}

impl Keyring {
    /// Unlocks with a passphrase; tries every passphrase holder in turn.
    ///
    /// # Errors
    ///
    /// When no holder has this passphrase.
    pub fn unlock_with_passphrase(self, passphrase: &str) -> Result<UnlockedKeyring, UnlockError> {
        let mut error = UnlockError::NoHolder;
        let mut found = None;
        for wrap in &self.content.wraps {
            let WrappedVaultKey::Passphrase(wrap) = wrap else {
                continue;
            };
            let cost = wrap.cost().map_err(UnlockError::Cost)?;
            let key = cost
                .derive(passphrase, &wrap.salt)
                .map_err(UnlockError::Cost)?;
            match wrap.wrapped.unwrap(
                &key,
                &vault_key_aad(&self.content.archive, Kind::Passphrase),
            ) {
                Ok(vault) => {
                    found = Some(vault);
                    break;
                }
                Err(_) => error = UnlockError::Wrong,
            }
        }
        self.unlocked(&*found.ok_or(error)?)
    }

    /// Unlocks with shares of one set.
    ///
    /// # Errors
    ///
    /// When they are too few, do not belong together or to this keyring, or one is wrong.
    pub fn unlock_with_shares(self, shares: &[Share]) -> Result<UnlockedKeyring, UnlockError> {
        let secret = combine(shares).map_err(UnlockError::Shares)?;
        let set = shares.first().map(Share::set);
        let wrap = self
            .content
            .wraps
            .iter()
            .find_map(|wrap| match wrap {
                WrappedVaultKey::Shares(wrap) if Some(wrap.set) == set => Some(wrap),
                _ => None,
            })
            .ok_or(UnlockError::NoHolder)?;
        let vault = wrap
            .wrapped
            .unwrap(
                secret.expose(),
                &vault_key_aad(&self.content.archive, Kind::Shares),
            )
            .map_err(|_| UnlockError::Wrong)?;
        self.unlocked(&vault)
    }

    /// Unlocks with a key that a token gave.
    ///
    /// # Errors
    ///
    /// When no holder is this token, or the key is another.
    pub fn unlock_with_token(
        self,
        token: &TokenName,
        key: &TokenKey,
    ) -> Result<UnlockedKeyring, UnlockError> {
        let wrap = self
            .content
            .wraps
            .iter()
            .find_map(|wrap| match wrap {
                WrappedVaultKey::Token(wrap)
                    if wrap.label == token.label && wrap.key == token.key =>
                {
                    Some(wrap)
                }
                _ => None,
            })
            .ok_or(UnlockError::NoHolder)?;
        let vault = wrap
            .wrapped
            .unwrap(
                key.expose(),
                &vault_key_aad(&self.content.archive, Kind::Token),
            )
            .map_err(|_| UnlockError::Wrong)?;
        self.unlocked(&vault)
    }

    /// RING-6: nothing of the file is believed before all of it is known to be what was written.
    fn unlocked(self, vault: &[u8; 32]) -> Result<UnlockedKeyring, UnlockError> {
        let vault = VaultKey::from_bytes(vault);
        if !self.content.is_authentic(&vault) {
            return Err(UnlockError::Altered);
        }
        Ok(UnlockedKeyring {
            keyring: self,
            vault,
        })
    }
}

impl std::fmt::Debug for UnlockedKeyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "UnlockedKeyring(secret, generation {})",
            self.keyring.content.generation
        )
    }
}
