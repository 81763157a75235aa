//! A secret that the system gives to the agent's process alone, as systemd's
//! `LoadCredentialEncrypted=` does: bound to the machine, and to its TPM where there is one. The
//! agent's own secrets are wrapped under it (AGENT-7).

use std::io;
use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hmac;
use canonical::sha256;
use zeroize::Zeroizing;

use crate::label;

/// Name of the credential.
const NAME: &str = "greffe-agent";
/// Least bytes of it.
const LEAST: usize = 32;
/// First byte of what is wrapped.
const VERSION: u8 = 1;

/// The system's credential, ready to wrap.
pub struct Credential(RandomizedNonceKey);

/// Why there is no credential, or something does not open under it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// It can not be read.
    #[error("reading the credential {NAME}")]
    Io(#[from] io::Error),
    /// It is too short to keep a secret.
    #[error("the credential {NAME} has fewer than {LEAST} bytes")]
    Short,
    /// What was wrapped is not of this credential, or of another name.
    #[error("it does not open under the credential {NAME}")]
    Other,
}

impl Credential {
    /// Bytes of a wrapped secret: version, nonce, 32 bytes, tag.
    pub const WRAPPED: usize = 1 + NONCE_LEN + 32 + 16;

    /// From its bytes, which the caller wipes.
    ///
    /// # Errors
    ///
    /// When they are fewer than 32.
    pub fn new(bytes: &[u8]) -> Result<Self, CredentialError> {
        if bytes.len() < LEAST {
            return Err(CredentialError::Short);
        }
        let key = hmac::Key::new(hmac::HMAC_SHA256, &sha256(bytes));
        let key = Zeroizing::new(hmac::sign(&key, &label::WRAP.framed()).as_ref().to_vec());
        RandomizedNonceKey::new(&AES_256_GCM, &key)
            .map(Self)
            .map_err(|_| CredentialError::Other)
    }

    /// The one in the system's folder of credentials (`$CREDENTIALS_DIRECTORY`), if it is there.
    ///
    /// # Errors
    ///
    /// When it is there and can not be used.
    pub fn read(folder: &Path) -> Result<Option<Self>, CredentialError> {
        match std::fs::read(folder.join(NAME)).map(Zeroizing::new) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
            Ok(bytes) => Self::new(&bytes).map(Some),
        }
    }

    /// Wraps any bytes under a name.
    pub(crate) fn wrap_bytes(&self, name: &[u8], bytes: &[u8]) -> Result<Vec<u8>, CredentialError> {
        let mut sealed = bytes.to_vec();
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from(name), &mut sealed)
            .map_err(|_| CredentialError::Other)?;
        Ok([&[VERSION], nonce.as_ref().as_slice(), &sealed].concat())
    }

    /// Unwraps bytes of that name.
    pub(crate) fn unwrap_bytes(
        &self,
        name: &[u8],
        wrapped: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, CredentialError> {
        let (&[VERSION], rest) = wrapped.split_first_chunk().ok_or(CredentialError::Other)? else {
            return Err(CredentialError::Other);
        };
        let (nonce, sealed) = rest
            .split_first_chunk::<NONCE_LEN>()
            .ok_or(CredentialError::Other)?;
        let mut bytes = Zeroizing::new(sealed.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = self
            .0
            .open_in_place(nonce, Aad::from(name), &mut bytes)
            .map_err(|_| CredentialError::Other)?
            .len();
        bytes.truncate(length);
        Ok(bytes)
    }

    /// Wraps a secret under its name.
    pub(crate) fn wrap(&self, name: &[u8], secret: &[u8; 32]) -> Result<Vec<u8>, CredentialError> {
        self.wrap_bytes(name, secret)
    }

    /// Unwraps a secret of that name.
    pub(crate) fn unwrap(
        &self,
        name: &[u8],
        wrapped: &[u8],
    ) -> Result<Zeroizing<[u8; 32]>, CredentialError> {
        let bytes = self.unwrap_bytes(name, wrapped)?;
        <[u8; 32]>::try_from(bytes.as_slice())
            .map(Zeroizing::new)
            .map_err(|_| CredentialError::Other)
    }
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credential(secret)")
    }
}
