//! Keys of epochs, mailboxes and unlocks; their purpose is part of their type.

use std::marker::PhantomData;

use canonical::Label;
use hpke::kem::{Kem, XWing};
use hpke::{Deserializable, Serializable};
use wire::{EpochId, XWingKey};
use zeroize::{Zeroize, Zeroizing};

use crate::label;
use crate::randomness::{Randomness, fresh};
use crate::suite::{PrivateKey, PublicKey};

/// What a key is used for. What was sealed for one purpose does not open for another (BATCH-2).
pub trait Purpose: sealed::Sealed {
    /// The label that stands in the key schedule.
    const LABEL: Label;
}

/// Batches and carries: the epochs of a period and the reserves.
#[derive(Clone, Copy, Debug)]
pub enum ForRecords {}

/// Audit trail, governance and details of heartbeats: the governance epochs.
#[derive(Clone, Copy, Debug)]
pub enum ForGovernance {}

/// One agent's mailbox.
#[derive(Clone, Copy, Debug)]
pub enum ForMail {}

/// One unlock, to which holders send their shares.
#[derive(Clone, Copy, Debug)]
pub enum ForShareTravel {}

impl Purpose for ForRecords {
    const LABEL: Label = label::BATCH;
}

impl Purpose for ForGovernance {
    const LABEL: Label = label::GOVERNANCE;
}

impl Purpose for ForMail {
    const LABEL: Label = label::MAIL;
}

impl Purpose for ForShareTravel {
    const LABEL: Label = label::SHARE_TRAVEL;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::ForRecords {}
    impl Sealed for super::ForGovernance {}
    impl Sealed for super::ForMail {}
    impl Sealed for super::ForShareTravel {}
}

/// Bytes that are not an X-Wing public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an X-Wing public key")]
pub struct RecipientKeyError;

/// An X-Wing public key, ready to be sealed to. 1,216 bytes (EPOCH-1).
#[derive(Clone)]
pub struct RecipientKey<P = ForRecords> {
    public: PublicKey,
    bytes: XWingKey,
    hash: [u8; 32],
    epoch: EpochId,
    purpose: PhantomData<P>,
}

impl<P: Purpose> RecipientKey<P> {
    /// From the public key as entries publish it.
    ///
    /// # Errors
    ///
    /// When the bytes are not a valid ML-KEM-768 key beside an X25519 key.
    pub fn new(key: &XWingKey) -> Result<Self, RecipientKeyError> {
        let public = PublicKey::from_bytes(key.as_bytes()).map_err(|_| RecipientKeyError)?;
        Ok(Self::of(public, key.clone()))
    }

    /// The public key as entries publish it.
    #[must_use]
    pub fn key(&self) -> &XWingKey {
        &self.bytes
    }

    /// The id of the epoch that has this key (EPOCH-1).
    #[must_use]
    pub fn epoch(&self) -> EpochId {
        self.epoch
    }

    pub(crate) fn public(&self) -> &PublicKey {
        &self.public
    }

    /// SHA-256 of the public key.
    pub(crate) fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    fn of(public: PublicKey, bytes: XWingKey) -> Self {
        Self {
            public,
            hash: canonical::sha256(bytes.as_bytes()),
            epoch: bytes.epoch_id(),
            bytes,
            purpose: PhantomData,
        }
    }
}

impl RecipientKey<ForShareTravel> {
    /// What the holders of shares compare before they send one: the first ten bytes of the key's
    /// id in groups of four digits (SHARE-4).
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let digits = self.epoch.to_string();
        let groups: Vec<&str> = (0..5)
            .filter_map(|group| digits.get(group * 4..group * 4 + 4))
            .collect();
        groups.join(" ")
    }
}

impl<P> PartialEq for RecipientKey<P> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl<P> Eq for RecipientKey<P> {}

impl<P> std::fmt::Debug for RecipientKey<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RecipientKey({:?})", self.epoch)
    }
}

/// An X-Wing private key: a seed of 32 bytes. Opens everything that was sealed to it; wiped when
/// dropped.
pub struct OpeningKey<P = ForRecords> {
    private: Box<PrivateKey>,
    recipient: RecipientKey<P>,
}

impl<P: Purpose> OpeningKey<P> {
    /// Size in bytes.
    pub const SIZE: usize = 32;

    /// A new key.
    #[must_use]
    pub fn generate(randomness: &mut dyn Randomness) -> Self {
        Self::from_seed(&fresh(randomness))
    }

    /// From its 32 bytes, which the caller wipes.
    #[must_use]
    #[expect(
        clippy::expect_used,
        reason = "every 32 bytes are a seed, and every seed gives a public key of 1,216 bytes"
    )]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let private = Box::new(PrivateKey::from_bytes(seed).expect("32 bytes"));
        let public = XWing::sk_to_pk(&private);
        let bytes = XWingKey::from_bytes(&public.to_bytes()).expect("1,216 bytes");
        Self {
            private,
            recipient: RecipientKey::of(public, bytes),
        }
    }

    /// The 32 bytes, for wrapping and for a mailbox key's own keeping; wiped when dropped.
    #[must_use]
    pub fn expose_seed(&self) -> Zeroizing<[u8; 32]> {
        let mut seed = Zeroizing::new([0; 32]);
        self.private.write_exact(seed.as_mut());
        seed
    }

    /// The public key that belongs to it.
    #[must_use]
    pub fn recipient(&self) -> &RecipientKey<P> {
        &self.recipient
    }

    /// The id of its epoch.
    #[must_use]
    pub fn epoch(&self) -> EpochId {
        self.recipient.epoch
    }

    pub(crate) fn private(&self) -> &PrivateKey {
        &self.private
    }
}

impl<P> std::fmt::Debug for OpeningKey<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OpeningKey(secret of {:?})", self.recipient.epoch)
    }
}

/// Defines a secret of 32 bytes: no `Display`, a silent `Debug`, wiped when dropped.
macro_rules! define_secret {
    ($vis:vis $name:ident, $doc:literal) => {
        #[doc = $doc]
        #[derive(Clone, zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
        $vis struct $name(Box<[u8; 32]>);

        impl $name {
            /// From its 32 bytes, which the caller wipes.
            #[must_use]
            $vis fn from_bytes(bytes: &[u8; 32]) -> Self {
                Self(Box::new(*bytes))
            }

            /// The bytes, for the one use that the type is made for.
            #[must_use]
            $vis fn expose(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(secret)"))
            }
        }
    };
}
pub(crate) use define_secret;

/// Wipes a buffer that held a secret on its way through a foreign interface.
pub(crate) fn wipe(bytes: &mut [u8]) {
    bytes.zeroize();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::randomness::seeded::Seeded;

    #[test]
    fn debug_of_keys_tells_no_secret() {
        let key = OpeningKey::<ForRecords>::from_seed(&[0xab; 32]);
        let epoch = key.epoch().to_string();
        assert_eq!(
            format!("{key:?}"),
            format!("OpeningKey(secret of EpochId({}…))", &epoch[..8])
        );
        assert_eq!(
            format!("{:?}", key.recipient()),
            format!("RecipientKey(EpochId({}…))", &epoch[..8])
        );
        assert!(!format!("{key:?}").contains("abab"));
    }

    #[test]
    fn epoch_1_id_and_sizes() {
        let key = OpeningKey::<ForRecords>::generate(&mut Seeded::new(1));
        assert_eq!(key.recipient().key().as_bytes().len(), 1216);
        let mut expected = b"\x0fgreffe/epoch/v1\x01".to_vec();
        expected.extend_from_slice(key.recipient().key().as_bytes());
        assert_eq!(key.epoch().as_bytes(), &canonical::sha256(&expected));
        let again = OpeningKey::<ForRecords>::from_seed(&key.expose_seed());
        assert_eq!(again.recipient(), key.recipient());
    }

    #[test]
    fn epoch_1_refuses_what_is_no_key() {
        let key = XWingKey::from_bytes(&[0xff; 1216]).unwrap();
        assert_eq!(
            RecipientKey::<ForMail>::new(&key).err(),
            Some(RecipientKeyError)
        );
    }

    #[test]
    fn share_4_fingerprint() {
        let key = OpeningKey::<ForShareTravel>::generate(&mut Seeded::new(2));
        let id = key.epoch().to_string();
        let fingerprint = key.recipient().fingerprint();
        assert_eq!(fingerprint.len(), 24);
        assert_eq!(fingerprint.replace(' ', ""), id[..20]);
    }
}
