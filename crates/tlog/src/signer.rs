//! Keys that sign: a log's for its checkpoints, a witness's for cosignatures.

use std::fmt;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::checkpoint::{Checkpoint, SignedCheckpoint};
use crate::cosignature::{self, CosignedAt};
use crate::key::{KeyKind, KeyName, VerifierKey};
use crate::note::{NoteError, SignatureLine, SignedNote};

/// The 32 secret bytes of an Ed25519 key. Wiped when dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct SigningSeed([u8; 32]);

impl SigningSeed {
    /// Takes the bytes; whoever made them wipes their own copy.
    pub const fn from_bytes(seed: [u8; 32]) -> Self {
        Self(seed)
    }
}

impl fmt::Debug for SigningSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSeed(secret)")
    }
}

/// Why no signer or signature was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The seed makes no key.
    #[error("making an Ed25519 key from its seed")]
    Seed,
    /// The checkpoint is of another log than the key.
    #[error("a log signs checkpoints of its own origin only")]
    OtherOrigin,
    /// The signature could not be made.
    #[error("signing")]
    Sign,
    /// The note could not be put together.
    #[error("putting the signature under the text")]
    Note(#[from] NoteError),
}

/// A log's signing key (Ed25519, note signatures of kind 0x01). Its name is the log's origin.
pub struct LogSigner(Signer);

impl LogSigner {
    /// Makes the key from its seed.
    ///
    /// # Errors
    /// When the seed makes no key.
    pub fn new(name: KeyName, seed: &SigningSeed) -> Result<Self, SignError> {
        Signer::new(name, KeyKind::Note, seed).map(Self)
    }

    /// The key by which others verify.
    pub fn verifier(&self) -> &VerifierKey {
        &self.0.verifier
    }

    /// Signs any text as a note; the text ends in a newline.
    ///
    /// # Errors
    /// When the text is no note's.
    pub fn sign_note(&self, text: &str) -> Result<SignedNote, SignError> {
        let signature = self.0.sign(text.as_bytes())?;
        Ok(SignedNote::new(
            text.to_owned(),
            vec![self.0.line(signature)],
        )?)
    }

    /// Signs a checkpoint of this log. Whether it continues what was signed before is the
    /// caller's to know. (TLOG-15)
    ///
    /// # Errors
    /// When the checkpoint's origin is not the key's name.
    pub fn sign(&self, checkpoint: Checkpoint) -> Result<SignedCheckpoint, SignError> {
        if checkpoint.origin().as_str() != self.0.verifier.name().as_str() {
            return Err(SignError::OtherOrigin);
        }
        let note = self.sign_note(&checkpoint.text())?;
        Ok(SignedCheckpoint::from_parts(checkpoint, note))
    }
}

/// The name and id; never the key.
impl fmt::Debug for LogSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "LogSigner({}+{})",
            self.0.verifier.name(),
            self.0.verifier.id()
        )
    }
}

/// A witness's key (Ed25519, `cosignature/v1`, kind 0x04). Not to be used for anything else.
pub struct CosignerKey(Signer);

impl CosignerKey {
    /// Makes the key from its seed.
    ///
    /// # Errors
    /// When the seed makes no key.
    pub fn new(name: KeyName, seed: &SigningSeed) -> Result<Self, SignError> {
        Signer::new(name, KeyKind::Cosignature, seed).map(Self)
    }

    /// The key by which others verify.
    pub fn verifier(&self) -> &VerifierKey {
        &self.0.verifier
    }

    /// Cosigns a checkpoint: says that at that time it was the largest one seen of its log.
    /// Only [`crate::Witness`] knows whether that is so. (TLOG-17)
    ///
    /// # Errors
    /// When the signature could not be made.
    pub(crate) fn cosign(
        &self,
        at: CosignedAt,
        checkpoint: &Checkpoint,
    ) -> Result<SignatureLine, SignError> {
        let signature = self
            .0
            .sign(cosignature::message(at, checkpoint).as_bytes())?;
        Ok(self.0.line(cosignature::join(at, &signature)))
    }
}

/// The name and id; never the key.
impl fmt::Debug for CosignerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "CosignerKey({}+{})",
            self.0.verifier.name(),
            self.0.verifier.id()
        )
    }
}

struct Signer {
    verifier: VerifierKey,
    /// AWS-LC wipes the key's memory when it frees it.
    pair: Ed25519KeyPair,
}

impl Signer {
    fn new(name: KeyName, kind: KeyKind, seed: &SigningSeed) -> Result<Self, SignError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed.0).map_err(|_| SignError::Seed)?;
        let verifier = VerifierKey::new(name, kind, pair.public_key().as_ref())
            .map_err(|_| SignError::Seed)?;
        Ok(Self { verifier, pair })
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        Ok(self
            .pair
            .try_sign(message)
            .map_err(|_| SignError::Sign)?
            .as_ref()
            .to_vec())
    }

    fn line(&self, signature: Vec<u8>) -> SignatureLine {
        SignatureLine::new(self.verifier.name().clone(), self.verifier.id(), signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secret() {
        let seed = SigningSeed::from_bytes([0xab; 32]);
        let name = KeyName::new("log.example/a").unwrap();
        let log = LogSigner::new(name.clone(), &seed).unwrap();
        let cosigner = CosignerKey::new(name, &seed).unwrap();
        assert_eq!(format!("{seed:?}"), "SigningSeed(secret)");
        assert_eq!(format!("{log:?}"), "LogSigner(log.example/a+d0d094b9)");
        assert_eq!(
            format!("{cosigner:?}"),
            "CosignerKey(log.example/a+241249ec)"
        );
    }
}
