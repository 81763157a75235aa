//! The keyring's authentication as a whole (RING-6): everything that is not wrapped, the list of
//! epochs, their dates, the holders and the generation, is what somebody with the vault key wrote.

use aws_lc_rs::hmac;
use canonical::define_id;

use super::Content;
use super::wrap::{VaultKey, derive};
use crate::label;

define_id!(RingMac, 32, "Authenticates a keyring under its vault key.");

impl Content {
    /// Computes the authentication anew. `None` only if the implementation refuses.
    pub(super) fn authenticate(&mut self, vault: &VaultKey) -> Option<()> {
        let key = self.key(vault)?;
        let tag = hmac::sign(&key, &self.covered());
        self.mac = Some(RingMac::from_bytes(tag.as_ref().try_into().ok()?));
        Some(())
    }

    /// RING-6: whether it is what was written under this vault key.
    pub(super) fn is_authentic(&self, vault: &VaultKey) -> bool {
        match (self.key(vault), &self.mac) {
            (Some(key), Some(mac)) => hmac::verify(&key, &self.covered(), mac.as_bytes()).is_ok(),
            _ => false,
        }
    }

    fn key(&self, vault: &VaultKey) -> Option<hmac::Key> {
        let info = [label::AUTHENTICATE_KEYRING.as_str().as_bytes()];
        let key = derive(self.archive.as_bytes(), vault.expose(), &info)?;
        Some(hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()))
    }

    /// The canonical bytes of all the rest.
    fn covered(&self) -> Vec<u8> {
        canonical::to_bytes(&Self {
            mac: None,
            ..self.clone()
        })
    }
}
