//! The root's signing seed, wrapped under the vault key and kept in a file apart (RING-5).

use canonical::CanonicalError;
use minicbor::{Decode, Encode};
use wire::ArchiveId;
use zeroize::Zeroizing;

use super::unlocked::UnlockedKeyring;
use super::wrap::{VaultKey, WrapError, Wrapped, derive};
use crate::label;
use crate::randomness::Randomness;

/// Most bytes of the file that are read.
const MAX_BYTES: usize = 1024;

/// A root's signing seed, wrapped.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct WrappedSigningKey {
    #[n(0)]
    version: u8,
    #[n(1)]
    archive: ArchiveId,
    #[n(2)]
    wrapped: Wrapped,
}

/// Why a signing seed could not be wrapped or unwrapped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SigningKeyError {
    /// Not canonical, or too long.
    #[error("wrapped signing key is not canonical")]
    Encoding(#[from] CanonicalError),
    /// A version that this program does not know.
    #[error("wrapped signing key has version {0}")]
    Version(u8),
    /// More bytes than such a file has.
    #[error("wrapped signing key has {0} bytes")]
    TooLong(usize),
    /// Of another archive than the keyring.
    #[error("wrapped signing key is archive {found}'s")]
    Archive {
        /// The archive that the file names.
        found: ArchiveId,
    },
    /// The keyring's vault key does not unwrap it: the file was altered.
    #[error("wrapped signing key does not open with this keyring")]
    Damaged,
}

impl WrappedSigningKey {
    /// The canonical bytes of the file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        canonical::to_bytes(self)
    }

    /// Reads the file.
    ///
    /// # Errors
    ///
    /// When the bytes are too many, not canonical, or of another version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SigningKeyError> {
        if bytes.len() > MAX_BYTES {
            return Err(SigningKeyError::TooLong(bytes.len()));
        }
        let key: Self = canonical::from_bytes(bytes)?;
        if key.version != 1 {
            return Err(SigningKeyError::Version(key.version));
        }
        Ok(key)
    }
}

impl std::fmt::Debug for WrappedSigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WrappedSigningKey({:?})", self.archive)
    }
}

impl UnlockedKeyring {
    /// Wraps the root's signing seed (RING-5).
    ///
    /// # Errors
    ///
    /// Only if an implementation refuses.
    pub fn wrap_signing_key(
        &self,
        seed: &[u8; 32],
        randomness: &mut dyn Randomness,
    ) -> Result<WrappedSigningKey, SigningKeyError> {
        let archive = self.keyring().archive();
        let key = wrapping_key(self.vault_key(), &archive)?;
        let wrapped = Wrapped::wrap(&key, archive.as_bytes(), seed, randomness)
            .map_err(|WrapError| SigningKeyError::Damaged)?;
        Ok(WrappedSigningKey {
            version: 1,
            archive,
            wrapped,
        })
    }

    /// Unwraps the root's signing seed (RING-5).
    ///
    /// # Errors
    ///
    /// When it is another archive's, or was altered.
    pub fn unwrap_signing_key(
        &self,
        wrapped: &WrappedSigningKey,
    ) -> Result<Zeroizing<[u8; 32]>, SigningKeyError> {
        let archive = self.keyring().archive();
        if wrapped.archive != archive {
            return Err(SigningKeyError::Archive {
                found: wrapped.archive,
            });
        }
        let key = wrapping_key(self.vault_key(), &archive)?;
        wrapped
            .wrapped
            .unwrap(&key, archive.as_bytes())
            .map_err(|WrapError| SigningKeyError::Damaged)
    }
}

fn wrapping_key(
    vault: &VaultKey,
    archive: &ArchiveId,
) -> Result<Zeroizing<[u8; 32]>, SigningKeyError> {
    let info = [label::WRAP_SIGNING_KEY.as_str().as_bytes()];
    derive(archive.as_bytes(), vault.expose(), &info).ok_or(SigningKeyError::Damaged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Threshold;
    use crate::keyring::PassphraseCost;
    use crate::randomness::seeded::Seeded;

    /// RING-5: neither another vault key nor another archive's keyring opens it.
    #[test]
    fn ring_5_opens_with_its_own_keyring_alone() {
        let mut randomness = Seeded::new(5);
        let archive = ArchiveId::from_bytes([1; 32]);
        let threshold = Threshold::new(2, 3).unwrap();
        let (ring, _) = UnlockedKeyring::with_shares(archive, threshold, &mut randomness).unwrap();
        let wrapped = ring.wrap_signing_key(&[7; 32], &mut randomness).unwrap();
        let read = WrappedSigningKey::from_bytes(&wrapped.to_bytes()).unwrap();
        assert_eq!(*ring.unwrap_signing_key(&read).unwrap(), [7; 32]);
        assert!(!format!("{read:?}").contains("0707"));

        let (other, _) = UnlockedKeyring::with_shares(archive, threshold, &mut randomness).unwrap();
        assert!(matches!(
            other.unwrap_signing_key(&read),
            Err(SigningKeyError::Damaged)
        ));
        let foreign = ArchiveId::from_bytes([2; 32]);
        let cost = PassphraseCost::new(64 * 1024, 3, 1).unwrap();
        let foreign = UnlockedKeyring::with_passphrase(
            foreign,
            "four plain words here",
            cost,
            &mut randomness,
        )
        .unwrap();
        assert!(matches!(
            foreign.unwrap_signing_key(&read),
            Err(SigningKeyError::Archive { .. })
        ));
    }

    #[test]
    fn ring_5_any_flipped_byte_is_refused() {
        let mut randomness = Seeded::new(6);
        let archive = ArchiveId::from_bytes([1; 32]);
        let threshold = Threshold::new(2, 2).unwrap();
        let (ring, _) = UnlockedKeyring::with_shares(archive, threshold, &mut randomness).unwrap();
        let bytes = ring
            .wrap_signing_key(&[7; 32], &mut randomness)
            .unwrap()
            .to_bytes();
        for at in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[at] ^= 1;
            let refused = WrappedSigningKey::from_bytes(&altered)
                .and_then(|wrapped| ring.unwrap_signing_key(&wrapped));
            assert!(refused.is_err(), "byte {at}");
        }
    }
}
