//! AES-256-GCM under a wrapping key: one nonce, one ciphertext (RING-1, RING-2).

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt as HkdfSalt};
use canonical::define_id;
use minicbor::{Decode, Encode};
use wire::{ArchiveId, EpochId};
use zeroize::{Zeroize, Zeroizing};

use crate::key::define_secret;
use crate::label;
use crate::randomness::{Randomness, draw};

define_id!(Salt, 16, "Salt of a passphrase.");
define_id!(NonceBytes, 12, "Nonce of a wrap.");

define_secret!(
    pub(super) VaultKey,
    "Wraps every opening key of an archive (RING-1); itself wrapped for the holders."
);

/// The kinds of wrapped vault key, as they stand in the aad.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Passphrase = 0,
    Shares = 1,
    Token = 2,
}

/// A wrapped secret of 32 bytes.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(super) struct Wrapped {
    #[n(0)]
    nonce: NonceBytes,
    #[cbor(n(1), with = "minicbor::bytes")]
    sealed: Vec<u8>,
}

/// The key does not unwrap this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WrapError;

impl Wrapped {
    pub(super) fn wrap(
        key: &[u8; 32],
        aad: &[u8],
        secret: &[u8; 32],
        randomness: &mut dyn Randomness,
    ) -> Result<Self, WrapError> {
        let nonce = draw(randomness);
        let mut sealed = secret.to_vec();
        let done = cipher(key)?.seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(aad),
            &mut sealed,
        );
        if done.is_err() {
            sealed.zeroize();
            return Err(WrapError);
        }
        Ok(Self {
            nonce: NonceBytes::from_bytes(nonce),
            sealed,
        })
    }

    pub(super) fn unwrap(
        &self,
        key: &[u8; 32],
        aad: &[u8],
    ) -> Result<Zeroizing<[u8; 32]>, WrapError> {
        let mut opened = Zeroizing::new(self.sealed.clone());
        let plain = cipher(key)?
            .open_in_place(
                Nonce::assume_unique_for_key(*self.nonce.as_bytes()),
                Aad::from(aad),
                &mut opened,
            )
            .map_err(|_| WrapError)?;
        let plain: &[u8; 32] = (&*plain).try_into().map_err(|_| WrapError)?;
        Ok(Zeroizing::new(*plain))
    }
}

impl std::fmt::Debug for Wrapped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wrapped")
    }
}

/// RING-1: what a wrapped vault key is bound to.
pub(super) fn vault_key_aad(archive: &ArchiveId, kind: Kind) -> Vec<u8> {
    let mut aad = label::WRAP_VAULT_KEY.framed();
    aad.extend_from_slice(archive.as_bytes());
    aad.push(kind as u8);
    aad
}

/// RING-2: what a wrapped opening key is bound to.
pub(super) fn opening_key_aad(archive: &ArchiveId, epoch: &EpochId) -> Vec<u8> {
    [&epoch.as_bytes()[..], archive.as_bytes()].concat()
}

/// RING-2: the key that wraps one epoch's opening key.
pub(super) fn opening_key_wrap(
    vault: &VaultKey,
    epoch: &EpochId,
) -> Result<Zeroizing<[u8; 32]>, WrapError> {
    derive(
        epoch.as_bytes(),
        vault.expose(),
        &[label::WRAP_OPENING_KEY.as_str().as_bytes()],
    )
    .ok_or(WrapError)
}

/// HKDF-SHA256 to 32 bytes. `None` only if the implementation refuses.
pub(crate) fn derive(salt: &[u8], secret: &[u8], info: &[&[u8]]) -> Option<Zeroizing<[u8; 32]>> {
    let mut key = Zeroizing::new([0; 32]);
    HkdfSalt::new(HKDF_SHA256, salt)
        .extract(secret)
        .expand(info, HKDF_SHA256)
        .ok()?
        .fill(key.as_mut())
        .ok()?;
    Some(key)
}

fn cipher(key: &[u8; 32]) -> Result<LessSafeKey, WrapError> {
    UnboundKey::new(&AES_256_GCM, key)
        .map(LessSafeKey::new)
        .map_err(|_| WrapError)
}
