//! Something secret in a file of its own, under a passphrase (FILE-1): a holder's share, a plan that is
//! proposed to those who are to sign it.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use canonical::CanonicalError;
use minicbor::{Decode, Encode};
use zeroize::Zeroizing;

use crate::keyring::{CostError, PassphraseCost};
use crate::label;
use crate::randomness::{Randomness, draw};

/// Most bytes of a sealed file.
const MOST: usize = 1 << 20;
const TAG: usize = 16;

/// What a sealed file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum SealedFileKind {
    /// A holder's share (SHARE-6).
    #[n(0)]
    Share,
    /// A plan that is proposed (PLAN-12).
    #[n(1)]
    Proposal,
}

/// A secret under a passphrase.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SealedFile {
    #[n(0)]
    version: u64,
    #[n(1)]
    kind: SealedFileKind,
    #[cbor(n(2), with = "minicbor::bytes")]
    salt: [u8; 16],
    #[n(3)]
    memory_kib: u32,
    #[n(4)]
    passes: u32,
    #[n(5)]
    lanes: u32,
    #[cbor(n(6), with = "minicbor::bytes")]
    nonce: [u8; 12],
    #[cbor(n(7), with = "minicbor::bytes")]
    sealed: Vec<u8>,
}

/// Why a file can not be sealed or opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealedFileError {
    /// Not the format, or too long.
    #[error("not a sealed file")]
    Encoding(#[source] Option<CanonicalError>),
    /// A version that this program does not know.
    #[error("sealed file version {0} is not known")]
    Version(u64),
    /// It holds something else.
    #[error("the file holds something else than a {0:?}")]
    Kind(SealedFileKind),
    /// The cost of guessing is out of bounds.
    #[error("the cost of guessing")]
    Cost(#[from] CostError),
    /// Another passphrase, or altered.
    #[error("the passphrase does not open it")]
    Open,
}

impl SealedFile {
    /// Seals a secret.
    ///
    /// # Errors
    ///
    /// When there is no memory for the derivation, or the secret is too long.
    pub fn seal(
        kind: SealedFileKind,
        secret: &[u8],
        passphrase: &str,
        cost: PassphraseCost,
        randomness: &mut dyn Randomness,
    ) -> Result<Self, SealedFileError> {
        let (salt, nonce) = (draw(randomness), draw(randomness));
        let mut file = Self {
            version: 1,
            kind,
            salt,
            memory_kib: cost.memory_kib(),
            passes: cost.passes(),
            lanes: cost.lanes(),
            nonce,
            sealed: Vec::new(),
        };
        let mut sealed = Zeroizing::new(Vec::with_capacity(secret.len() + TAG));
        sealed.extend_from_slice(secret);
        file.key(passphrase)?
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(file.aad()),
                &mut *sealed,
            )
            .map_err(|_| SealedFileError::Open)?;
        // Ciphertext from here on.
        file.sealed.clone_from(&sealed);
        if file.to_bytes().len() > MOST {
            return Err(SealedFileError::Encoding(None));
        }
        Ok(file)
    }

    /// Opens it.
    ///
    /// # Errors
    ///
    /// When it holds something else, or the passphrase is another.
    pub fn open(
        &self,
        kind: SealedFileKind,
        passphrase: &str,
    ) -> Result<Zeroizing<Vec<u8>>, SealedFileError> {
        if self.kind != kind {
            return Err(SealedFileError::Kind(kind));
        }
        let mut bytes = Zeroizing::new(self.sealed.clone());
        let length = self
            .key(passphrase)?
            .open_in_place(
                Nonce::assume_unique_for_key(self.nonce),
                Aad::from(self.aad()),
                &mut bytes,
            )
            .map_err(|_| SealedFileError::Open)?
            .len();
        bytes.truncate(length);
        Ok(bytes)
    }

    /// What it holds.
    #[must_use]
    pub fn kind(&self) -> SealedFileKind {
        self.kind
    }

    /// Canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        canonical::to_bytes(self)
    }

    /// From canonical bytes. The cost is judged before anything is derived.
    ///
    /// # Errors
    ///
    /// When they are none.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SealedFileError> {
        if bytes.len() > MOST {
            return Err(SealedFileError::Encoding(None));
        }
        let file: Self =
            canonical::from_bytes(bytes).map_err(|error| SealedFileError::Encoding(Some(error)))?;
        if file.version != 1 {
            return Err(SealedFileError::Version(file.version));
        }
        file.cost()?;
        Ok(file)
    }

    fn cost(&self) -> Result<PassphraseCost, CostError> {
        PassphraseCost::new(self.memory_kib, self.passes, self.lanes)
    }

    fn key(&self, passphrase: &str) -> Result<LessSafeKey, SealedFileError> {
        let key = self.cost()?.derive_key(passphrase, self.salt)?;
        UnboundKey::new(&AES_256_GCM, key.as_ref())
            .map(LessSafeKey::new)
            .map_err(|_| SealedFileError::Open)
    }

    fn aad(&self) -> Vec<u8> {
        let mut aad = label::SEALED_FILE.framed();
        aad.push(self.kind as u8);
        aad
    }
}

impl std::fmt::Debug for SealedFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "SealedFile({:?}, ‹{} bytes›)",
            self.kind,
            self.sealed.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::randomness::seeded::Seeded;

    #[test]
    fn file_1_opens_under_its_passphrase_as_what_it_is() {
        let seal = |kind| {
            let cost = PassphraseCost::LEAST;
            SealedFile::seal(kind, b"marker", "correct horse", cost, &mut Seeded::new(1)).unwrap()
        };
        let made = seal(SealedFileKind::Share);
        let read = SealedFile::from_bytes(&made.to_bytes()).unwrap();
        let opened = read.open(SealedFileKind::Share, "correct horse").unwrap();
        assert_eq!(&**opened, b"marker");
        assert!(matches!(
            read.open(SealedFileKind::Share, "correct horst"),
            Err(SealedFileError::Open)
        ));
        assert!(matches!(
            read.open(SealedFileKind::Proposal, "correct horse"),
            Err(SealedFileError::Kind(_))
        ));
        // One that says it is something else does not open: the kind is bound.
        let mut other = seal(SealedFileKind::Proposal);
        other.kind = SealedFileKind::Share;
        assert!(matches!(
            other.open(SealedFileKind::Share, "correct horse"),
            Err(SealedFileError::Open)
        ));
        assert!(!made.to_bytes().windows(6).any(|part| part == b"marker"));
    }

    #[test]
    fn file_1_a_cost_out_of_bounds_is_refused_before_it_is_paid() {
        let made = SealedFile::seal(
            SealedFileKind::Share,
            b"x",
            "correct horse",
            PassphraseCost::LEAST,
            &mut Seeded::new(1),
        )
        .unwrap();
        for (memory_kib, passes) in [(1_024, 3), (u32::MAX, 3), (65_536, 1), (65_536, 65)] {
            let file = SealedFile {
                memory_kib,
                passes,
                ..made.clone()
            };
            assert!(matches!(
                SealedFile::from_bytes(&file.to_bytes()),
                Err(SealedFileError::Cost(_))
            ));
        }
        for bytes in [&[][..], &[0xa0], &[0xff; 64]] {
            assert!(SealedFile::from_bytes(bytes).is_err());
        }
    }
}
