//! The agent's local key: keeps marks of records and positions of sources from whoever has the
//! spool's database without it. It opens nothing that was sealed for the archive.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hmac;
use canonical::Label;
use zeroize::Zeroizing;

use crate::label;

/// A random key of 32 bytes that never leaves the agent's folder.
pub struct LocalKey {
    shard: hmac::Key,
    print: hmac::Key,
    content: hmac::Key,
    name: hmac::Key,
    handle: hmac::Key,
    position: RandomizedNonceKey,
}

/// Stored bytes that this key did not seal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored position does not open under the agent's local key")]
pub struct PositionError;

impl LocalKey {
    /// From its 32 bytes, which the caller wipes.
    ///
    /// # Errors
    ///
    /// When the AES-GCM implementation takes no key of 32 bytes, which it always does.
    pub fn new(bytes: &[u8; 32]) -> Result<Self, PositionError> {
        let derived = |label: Label| {
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, bytes), &label.framed());
            Zeroizing::new(tag.as_ref().to_vec())
        };
        let mac = |label| hmac::Key::new(hmac::HMAC_SHA256, &derived(label));
        Ok(Self {
            shard: mac(label::SHARD),
            print: mac(label::MARK),
            content: mac(label::CONTENT),
            name: mac(label::NAME),
            handle: mac(label::HANDLE),
            position: RandomizedNonceKey::new(&AES_256_GCM, &derived(label::POSITION))
                .map_err(|_| PositionError)?,
        })
    }

    /// The keyed name of a conversation's stretch of time.
    pub(crate) fn shard(&self, conversation: [&[u8]; 3], stretch: i64) -> [u8; 8] {
        let mut context = hmac::Context::with_key(&self.shard);
        for part in conversation {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        context.update(&stretch.to_be_bytes());
        first(&context.sign())
    }

    /// The keyed name of a conversation as a whole: that of a stretch which no event is in.
    pub(crate) fn conversation(&self, conversation: [&[u8]; 3]) -> [u8; 8] {
        self.shard(conversation, i64::MIN)
    }

    /// The opaque handle of an account.
    pub(crate) fn handle(&self, network: &str, account: &str) -> [u8; 16] {
        let mut context = hmac::Context::with_key(&self.handle);
        context.update(&(network.len() as u64).to_be_bytes());
        context.update(network.as_bytes());
        context.update(account.as_bytes());
        first(&context.sign())
    }

    /// The keyed mark of a record id.
    pub(crate) fn print(&self, id: &[u8; 32]) -> [u8; 8] {
        first(&hmac::sign(&self.print, id))
    }

    /// The keyed mark of what a record says. By its hash: the context of a keyed hash is moved about
    /// on the stack, and the last bytes that went into it stay there.
    pub(crate) fn content(&self, said: &[u8]) -> [u8; 4] {
        first(&hmac::sign(&self.content, &canonical::sha256(said)))
    }

    /// The keyed name of a file in a connector's folder.
    pub fn file_name(&self, name: &str) -> [u8; 16] {
        first(&hmac::sign(&self.name, name.as_bytes()))
    }

    /// Seals a source's position for the spool.
    ///
    /// # Errors
    ///
    /// When the AES-GCM implementation can not seal.
    pub(crate) fn seal_position(&self, position: &[u8]) -> Result<Vec<u8>, PositionError> {
        let mut sealed = position.to_vec();
        let nonce = self
            .position
            .seal_in_place_append_tag(Aad::empty(), &mut sealed)
            .map_err(|_| PositionError)?;
        Ok([nonce.as_ref().as_slice(), &sealed].concat())
    }

    /// Opens a source's position.
    ///
    /// # Errors
    ///
    /// When the bytes are not what this key sealed.
    pub(crate) fn open_position(&self, sealed: &[u8]) -> Result<Vec<u8>, PositionError> {
        let (nonce, sealed) = sealed
            .split_first_chunk::<NONCE_LEN>()
            .ok_or(PositionError)?;
        let mut bytes = sealed.to_vec();
        let length = self
            .position
            .open_in_place(
                Nonce::assume_unique_for_key(*nonce),
                Aad::empty(),
                &mut bytes,
            )
            .map_err(|_| PositionError)?
            .len();
        bytes.truncate(length);
        Ok(bytes)
    }
}

impl std::fmt::Debug for LocalKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LocalKey(secret)")
    }
}

fn first<const N: usize>(tag: &hmac::Tag) -> [u8; N] {
    let mut bytes = [0; N];
    for (to, from) in bytes.iter_mut().zip(tag.as_ref()) {
        *to = *from;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_open_under_their_key_only() {
        let key = LocalKey::new(&[1; 32]).unwrap();
        let sealed = key.seal_position(b"line 9").unwrap();
        assert!(!sealed.windows(4).any(|bytes| bytes == b"line"));
        assert_eq!(key.open_position(&sealed).unwrap(), b"line 9");
        let other = LocalKey::new(&[2; 32]).unwrap();
        assert_eq!(other.open_position(&sealed), Err(PositionError));
        assert_eq!(key.open_position(b"short"), Err(PositionError));
    }

    #[test]
    fn marks_depend_on_the_key() {
        let (a, b) = (
            LocalKey::new(&[1; 32]).unwrap(),
            LocalKey::new(&[2; 32]).unwrap(),
        );
        assert_ne!(a.print(&[0; 32]), b.print(&[0; 32]));
        assert_ne!(
            a.shard([b"a", b"b", b"c"], 1),
            a.shard([b"a", b"b", b"c"], 2)
        );
        assert_ne!(
            a.shard([b"a", b"bc", b""], 1),
            a.shard([b"ab", b"c", b""], 1)
        );
        assert_eq!(format!("{a:?}"), "LocalKey(secret)");
    }
}
