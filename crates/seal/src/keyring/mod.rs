//! The keyring: an archive's opening keys, wrapped (RING-1 to RING-4), authenticated as a whole
//! under the vault key (RING-6).
//!
//! A pure type: reading and writing the file, and the rule that a generation once seen is never
//! followed by an older one (RING-3), are the program's.

mod authentic;
mod cost;
mod signing;
mod turnover;
mod unlocked;
mod wrap;

use canonical::{CanonicalError, Milliseconds};
use minicbor::{Decode, Encode};
use wire::{ArchiveId, EpochId, EpochUse, RetentionClass, XWingKey};

use crate::key::define_secret;
use crate::share::{ShareSetId, Threshold};
use authentic::RingMac;

pub use cost::{CostError, PassphraseCost};
pub use signing::{SigningKeyError, WrappedSigningKey};
pub use turnover::TurnOverError;
pub use unlocked::{AddEpochError, AddHoldersError, KeyUnavailable, UnlockError, UnlockedKeyring};
pub(crate) use wrap::derive;
use wrap::{Salt, Wrapped};

/// Most bytes of a keyring file that are read.
pub const MAX_KEYRING_BYTES: usize = 64 << 20;
/// Most ways to unwrap the vault key.
const MAX_WRAPS: usize = 64;
/// Longest label or key id of a token, in bytes.
const MAX_TOKEN_BYTES: usize = 255;

/// A keyring's generation: 1 at first, one more with each change (RING-4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(transparent)]
pub struct Generation(#[n(0)] u32);

impl Generation {
    /// From the bare number.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The bare number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl std::fmt::Display for Generation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A keyring, locked: its keys are wrapped, everything else lies open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyring {
    content: Content,
}

define_secret!(
    pub TokenKey,
    "Wraps the vault key for one token; a PKCS#11 token keeps it or gives it."
);

/// Which key of which PKCS#11 token is meant. At most 255 bytes each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenName {
    label: String,
    key: Vec<u8>,
}

/// A token's label or key id above 255 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a token's label and key id have at most {MAX_TOKEN_BYTES} bytes")]
pub struct TokenNameError;

impl TokenName {
    /// The token's label and the key's id on it.
    ///
    /// # Errors
    ///
    /// When one of them is too long.
    pub fn new(label: impl Into<String>, key: impl Into<Vec<u8>>) -> Result<Self, TokenNameError> {
        let name = Self {
            label: label.into(),
            key: key.into(),
        };
        if name.label.len() > MAX_TOKEN_BYTES || name.key.len() > MAX_TOKEN_BYTES {
            return Err(TokenNameError);
        }
        Ok(name)
    }
}

/// Why bytes are not a keyring.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyringError {
    /// Larger than [`MAX_KEYRING_BYTES`].
    #[error("a keyring of {length} bytes is too large")]
    TooLarge {
        /// Bytes found.
        length: usize,
    },
    /// Not a keyring in canonical encoding.
    #[error("not a keyring")]
    Encoding(#[source] CanonicalError),
    /// A version that this program does not know.
    #[error("keyring version {version} is not known")]
    Version {
        /// The version found.
        version: u64,
    },
    /// A value outside its bounds.
    #[error("the keyring's {what} is out of bounds")]
    Bounds {
        /// Which one.
        what: &'static str,
    },
    /// An Argon2id cost below the least or above what this program is ready to spend (RING-1).
    #[error("a passphrase's cost is not accepted")]
    Cost(#[source] CostError),
    /// An epoch's id that is not that of its key (EPOCH-1), or an epoch that stands twice.
    #[error("epoch {epoch} does not have the id of its key, or stands twice")]
    Epoch {
        /// The epoch.
        epoch: EpochId,
    },
    /// An older generation than one that was seen before (RING-3).
    #[error("generation {found} of the keyring is older than {seen}, which was seen before")]
    Older {
        /// The generation read.
        found: Generation,
        /// The highest one seen.
        seen: Generation,
    },
}

/// Why an epoch's key is not destroyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DestroyError {
    /// Not in this keyring.
    #[error("epoch {epoch} is not in this keyring")]
    Unknown {
        /// The epoch.
        epoch: EpochId,
    },
    /// Destroyed already.
    #[error("the key of epoch {epoch} was destroyed at {at}")]
    Already {
        /// The epoch.
        epoch: EpochId,
        /// When.
        at: Milliseconds,
    },
    /// Its records must be kept longer.
    #[error("the key of epoch {epoch} must not be destroyed before {not_before}")]
    TooEarly {
        /// The epoch.
        epoch: EpochId,
        /// From when on.
        not_before: Milliseconds,
    },
    /// The implementation of the authentication refused.
    #[error("the keyring could not be authenticated")]
    Cipher,
}

impl Keyring {
    /// The canonical bytes of the file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        canonical::to_bytes(&self.content)
    }

    /// From the bytes of the file. `seen` is the highest generation that the caller has seen of
    /// this archive's keyring, if any (RING-3).
    ///
    /// # Errors
    ///
    /// When they are not a sound keyring of this version, or an older one.
    pub fn from_bytes(bytes: &[u8], seen: Option<Generation>) -> Result<Self, KeyringError> {
        if bytes.len() > MAX_KEYRING_BYTES {
            return Err(KeyringError::TooLarge {
                length: bytes.len(),
            });
        }
        let content: Content = canonical::from_bytes(bytes).map_err(KeyringError::Encoding)?;
        content.validate()?;
        if let Some(seen) = seen.filter(|seen| *seen > content.generation) {
            return Err(KeyringError::Older {
                found: content.generation,
                seen,
            });
        }
        Ok(Self { content })
    }

    /// The archive that it belongs to.
    #[must_use]
    pub fn archive(&self) -> ArchiveId {
        self.content.archive
    }

    /// Its generation.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.content.generation
    }

    /// Its epochs, in the order in which they were made.
    #[must_use]
    pub fn epochs(&self) -> &[RingEpoch] {
        &self.content.epochs
    }

    /// Who can unwrap the vault key.
    #[must_use]
    pub fn holders(&self) -> Vec<Holder> {
        self.content
            .wraps
            .iter()
            .map(WrappedVaultKey::holder)
            .collect()
    }
}

/// One epoch in a keyring. Its opening key is wrapped here until it is destroyed.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct RingEpoch {
    #[n(0)]
    id: EpochId,
    #[n(1)]
    key: XWingKey,
    #[n(2)]
    class: RetentionClass,
    #[n(3)]
    usage: EpochUse,
    #[n(4)]
    from: Milliseconds,
    #[n(5)]
    until: Milliseconds,
    #[n(6)]
    keep_until: Milliseconds,
    #[n(7)]
    wrapped: Option<Wrapped>,
    #[n(8)]
    destroyed: Option<Milliseconds>,
    #[n(9)]
    destroyed_in: Option<Generation>,
}

impl RingEpoch {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> EpochId {
        self.id
    }

    /// Its public key.
    #[must_use]
    pub fn key(&self) -> &XWingKey {
        &self.key
    }

    /// The retention class of its records.
    #[must_use]
    pub fn class(&self) -> RetentionClass {
        self.class
    }

    /// What it is used for.
    #[must_use]
    pub fn usage(&self) -> EpochUse {
        self.usage
    }

    /// Sealing to it begins.
    #[must_use]
    pub fn from(&self) -> Milliseconds {
        self.from
    }

    /// Sealing to it ends.
    #[must_use]
    pub fn until(&self) -> Milliseconds {
        self.until
    }

    /// Its key is not destroyed before.
    #[must_use]
    pub fn keep_until(&self) -> Milliseconds {
        self.keep_until
    }

    /// When its key was destroyed.
    #[must_use]
    pub fn destroyed(&self) -> Option<Milliseconds> {
        self.destroyed
    }

    /// The first generation of the keyring without its key. A store that has confirmed this
    /// generation or a later one has the key no more (RING-8).
    #[must_use]
    pub fn destroyed_in(&self) -> Option<Generation> {
        self.destroyed_in
    }
}

/// Who can unwrap the vault key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Holder {
    /// Whoever knows a passphrase.
    Passphrase(PassphraseCost),
    /// The holders of a set of shares.
    Shares {
        /// The set.
        set: ShareSetId,
        /// How many of them.
        threshold: Threshold,
    },
    /// A key of a PKCS#11 token.
    Token(TokenName),
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
struct Content {
    #[n(0)]
    version: u64,
    #[n(1)]
    archive: ArchiveId,
    #[n(2)]
    generation: Generation,
    #[n(3)]
    wraps: Vec<WrappedVaultKey>,
    #[n(4)]
    epochs: Vec<RingEpoch>,
    /// Absent only while it is computed: over everything else (RING-6).
    #[n(5)]
    mac: Option<RingMac>,
}

impl Content {
    fn validate(&self) -> Result<(), KeyringError> {
        if self.version != 1 {
            return Err(KeyringError::Version {
                version: self.version,
            });
        }
        let bounds = |what| KeyringError::Bounds { what };
        if self.generation.get() == 0 {
            return Err(bounds("generation"));
        }
        if self.wraps.is_empty() || self.wraps.len() > MAX_WRAPS {
            return Err(bounds("number of wrapped vault keys"));
        }
        if self.mac.is_none() {
            return Err(bounds("authentication"));
        }
        for wrap in &self.wraps {
            match wrap {
                WrappedVaultKey::Passphrase(wrap) => {
                    wrap.cost().map_err(KeyringError::Cost)?;
                }
                WrappedVaultKey::Shares(wrap) => {
                    Threshold::new(wrap.needed, wrap.holders).map_err(|_| bounds("threshold"))?;
                }
                WrappedVaultKey::Token(wrap) => {
                    if wrap.label.len() > MAX_TOKEN_BYTES || wrap.key.len() > MAX_TOKEN_BYTES {
                        return Err(bounds("token"));
                    }
                }
            }
        }
        let mut ids = std::collections::BTreeSet::new();
        for ring in &self.epochs {
            if ring.key.epoch_id() != ring.id || !ids.insert(ring.id) {
                return Err(KeyringError::Epoch { epoch: ring.id });
            }
            if ring.wrapped.is_some() == ring.destroyed.is_some()
                || ring.destroyed.is_some() != ring.destroyed_in.is_some()
            {
                return Err(bounds("opening key"));
            }
            if ring
                .destroyed_in
                .is_some_and(|generation| generation > self.generation)
            {
                return Err(bounds("generation of a destruction"));
            }
            if ring.from > ring.until {
                return Err(bounds("period"));
            }
        }
        Ok(())
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(flat)]
enum WrappedVaultKey {
    #[n(0)]
    Passphrase(#[n(0)] PassphraseWrap),
    #[n(1)]
    Shares(#[n(0)] SharesWrap),
    #[n(2)]
    Token(#[n(0)] TokenWrap),
}

impl WrappedVaultKey {
    fn holder(&self) -> Holder {
        match self {
            Self::Passphrase(wrap) => {
                // Checked when the keyring was read or the wrap was made.
                Holder::Passphrase(wrap.cost().unwrap_or(PassphraseCost::LEAST))
            }
            Self::Shares(wrap) => Holder::Shares {
                set: wrap.set,
                threshold: wrap.threshold(),
            },
            Self::Token(wrap) => Holder::Token(TokenName {
                label: wrap.label.clone(),
                key: wrap.key.clone(),
            }),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
struct PassphraseWrap {
    #[n(0)]
    salt: Salt,
    #[n(1)]
    memory_kib: u32,
    #[n(2)]
    passes: u32,
    #[n(3)]
    lanes: u32,
    #[n(4)]
    wrapped: Wrapped,
}

impl PassphraseWrap {
    fn cost(&self) -> Result<PassphraseCost, CostError> {
        PassphraseCost::new(self.memory_kib, self.passes, self.lanes)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
struct SharesWrap {
    #[n(0)]
    set: ShareSetId,
    #[n(1)]
    needed: u8,
    #[n(2)]
    holders: u8,
    #[n(3)]
    wrapped: Wrapped,
}

impl SharesWrap {
    fn threshold(&self) -> Threshold {
        // Checked when the keyring was read or the wrap was made.
        Threshold::new(self.needed, self.holders).unwrap_or(Threshold::GREATEST)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
struct TokenWrap {
    #[n(0)]
    label: String,
    #[cbor(n(1), with = "minicbor::bytes")]
    key: Vec<u8>,
    #[n(2)]
    wrapped: Wrapped,
}
