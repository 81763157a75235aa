//! Ed25519 keys and signatures of signers.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use canonical::define_id;

use crate::id::{SignerId, labelled};
use crate::label;

define_id!(PublicKey, 32, "An Ed25519 public key.");
define_id!(SignatureBytes, 64, "An Ed25519 signature.");

/// A signer's Ed25519 key. The library wipes it when it is dropped.
pub struct SignerKey {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

/// The key pair could not be made from the seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the Ed25519 key can not be made from its seed")]
pub struct SignerKeyError;

impl SignerKey {
    /// From a 32-byte seed, which the caller wipes.
    ///
    /// # Errors
    /// When the cryptographic library refuses the seed.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, SignerKeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| SignerKeyError)?;
        let public = PublicKey::try_from(pair.public_key().as_ref()).map_err(|_| SignerKeyError)?;
        Ok(Self { pair, public })
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// The signer's id (ENTRY-3).
    #[must_use]
    pub fn id(&self) -> SignerId {
        self.public.signer_id()
    }

    /// Signs bytes that begin with a label's frame.
    pub(crate) fn sign(&self, message: &[u8]) -> SignatureBytes {
        let signature = self.pair.sign(message);
        let mut bytes = [0; 64];
        bytes.copy_from_slice(signature.as_ref());
        SignatureBytes::from_bytes(bytes)
    }
}

impl std::fmt::Debug for SignerKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SignerKey({:?}, secret)", self.id())
    }
}

impl PublicKey {
    /// ENTRY-3: the id of the signer that has this key.
    #[must_use]
    pub fn signer_id(&self) -> SignerId {
        SignerId::from_bytes(labelled(label::SIGNER, self.as_bytes()))
    }

    /// Whether `signature` over `message` is this key's.
    #[must_use]
    pub(crate) fn verifies(&self, message: &[u8], signature: &SignatureBytes) -> bool {
        UnparsedPublicKey::new(&ED25519, self.as_bytes())
            .verify(message, signature.as_bytes())
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ENTRY-3.
    #[test]
    fn entry_3_signer_id_is_the_labelled_hash_of_the_key() {
        let key = SignerKey::from_seed(&[7; 32]).unwrap();
        let expected = canonical::sha256(
            &[b"\x10greffe/signer/v1".as_slice(), key.public().as_bytes()].concat(),
        );
        assert_eq!(key.id().as_bytes(), &expected);
    }

    #[test]
    fn shows_no_secret() {
        let key = SignerKey::from_seed(&[7; 32]).unwrap();
        let shown = format!("{key:?}");
        assert_eq!(shown, format!("SignerKey({:?}, secret)", key.id()));
        assert!(!shown.contains("0707"));
    }

    #[test]
    fn signs_as_rfc_8032_says() {
        // RFC 8032 §7.1, test 1.
        let seed: [u8; 32] = {
            let mut seed = [0; 32];
            canonical::hex_into(
                "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
                &mut seed,
            )
            .unwrap();
            seed
        };
        let key = SignerKey::from_seed(&seed).unwrap();
        assert_eq!(
            key.public().to_string(),
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
        );
        assert!(key.public().verifies(b"", &key.sign(b"")));
        assert!(!key.public().verifies(b"x", &key.sign(b"")));
    }
}
