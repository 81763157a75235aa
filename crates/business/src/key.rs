//! The key of a connector's own files.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hmac;

use crate::system::fresh;

const FILE: &str = "inbox.key";
const NAMES: &[u8] = b"greffe/inbox-name/v1";

/// Seals what a connector keeps until the agent has it, and names it.
#[derive(Clone)]
pub struct FolderKey {
    seal: Arc<LessSafeKey>,
    names: Arc<hmac::Key>,
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The key that was given is not 64 hexadecimal digits.
    #[error("the setting folder-key is not 64 hexadecimal digits")]
    Given,
    /// The folder's key file.
    #[error("{}", .0.display())]
    Io(PathBuf, #[source] io::Error),
    /// The cryptography refuses, or the system has no randomness.
    #[error("the seal of the connector's files")]
    Seal,
}

impl FolderKey {
    /// The key that the agent gave, in hexadecimal digits; else the folder's own, made when it is
    /// asked for first.
    ///
    /// # Errors
    ///
    /// When the given one is none, or the folder's can not be read or made.
    pub fn of(folder: &Path, given: Option<&str>) -> Result<Self, KeyError> {
        let mut bytes = [0; 32];
        if let Some(text) = given {
            canonical::hex_into(text, &mut bytes).map_err(|_| KeyError::Given)?;
            return Self::from_bytes(&bytes);
        }
        let path = folder.join(FILE);
        let io = |error| KeyError::Io(path.clone(), error);
        match fs::read(&path) {
            Ok(found) => bytes = found.try_into().map_err(|_| KeyError::Seal)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                bytes = fresh().ok_or(KeyError::Seal)?;
                write_whole(&path, &bytes).map_err(io)?;
            }
            Err(error) => return Err(io(error)),
        }
        Self::from_bytes(&bytes)
    }

    fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        let seal = UnboundKey::new(&AES_256_GCM, bytes).map_err(|_| KeyError::Seal)?;
        let named = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, bytes), NAMES);
        Ok(Self {
            seal: Arc::new(LessSafeKey::new(seal)),
            names: Arc::new(hmac::Key::new(hmac::HMAC_SHA256, named.as_ref())),
        })
    }

    /// `nonce ‖ ciphertext` under a fresh nonce.
    pub(crate) fn seal(&self, about: &[u8], plain: &[u8]) -> Result<Vec<u8>, KeyError> {
        let nonce = fresh::<NONCE_LEN>().ok_or(KeyError::Seal)?;
        let mut sealed = plain.to_vec();
        let given = Nonce::assume_unique_for_key(nonce);
        self.seal
            .seal_in_place_append_tag(given, Aad::from(about), &mut sealed)
            .map_err(|_| KeyError::Seal)?;
        Ok([&nonce[..], &sealed].concat())
    }

    /// What [`seal`](Self::seal) sealed; `None` for anything else.
    pub(crate) fn open(&self, about: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut bytes = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = self
            .seal
            .open_in_place(nonce, Aad::from(about), &mut bytes)
            .ok()?
            .len();
        bytes.truncate(length);
        Some(bytes)
    }

    /// A name for what the parts say that tells nobody without the key what they say.
    pub(crate) fn name(&self, parts: &[&[u8]]) -> [u8; 16] {
        let mut context = hmac::Context::with_key(&self.names);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let mut name = [0; 16];
        for (to, from) in name.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        name
    }
}

impl std::fmt::Debug for FolderKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FolderKey")
    }
}

/// Writes a file as a whole: a crash leaves the old one, the new one, or `….new` beside it.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let fresh = path.with_extension("new");
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    match path.parent() {
        // The name must survive a crash as the bytes do.
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}
