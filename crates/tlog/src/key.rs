//! Keys of notes: names, ids, verifier keys, and the three kinds of signature that are known.

use std::fmt;

use aws_lc_rs::signature::{ED25519, ML_DSA_44, UnparsedPublicKey};
use data_encoding::BASE64;

use crate::base64;
use crate::checkpoint::Checkpoint;
use crate::cosignature::{self, CosignedAt};
use crate::hash::Hash;

/// The longest key name, and the longest origin, in bytes: what an ML-DSA-44 cosignature can
/// carry. (TLOG-13)
pub const MAX_NAME_LEN: usize = 255;

/// The name of a key: not empty, at most 255 bytes, no space, no `+`, no control character.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(String);

/// Text that is no key name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key name is 1 to 255 bytes without spaces, plus or control characters")]
pub struct BadKeyName;

impl KeyName {
    /// Checks a name. (TLOG-13)
    ///
    /// # Errors
    /// When it is empty, longer than 255 bytes, or has a character that no name may have.
    pub fn new(name: &str) -> Result<Self, BadKeyName> {
        let bad = |c: char| c.is_whitespace() || c.is_control() || c == '+';
        if name.is_empty() || name.len() > MAX_NAME_LEN || name.contains(bad) {
            return Err(BadKeyName);
        }
        Ok(Self(name.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The 32-bit id of a key. Names a key among honest ones; anybody can make a second key with
/// the same id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(u32);

impl KeyId {
    /// Takes an id from elsewhere.
    pub const fn new(id: u32) -> Self {
        Self(id)
    }

    /// The id as a number; big-endian on the wire.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// SHA-256(name ‖ newline ‖ kind ‖ public key), its first four bytes. (TLOG-14)
    fn of(name: &KeyName, kind: KeyKind, public: &[u8]) -> Self {
        let mut preimage = name.0.as_bytes().to_vec();
        preimage.extend_from_slice(&[b'\n', kind.byte()]);
        preimage.extend_from_slice(public);
        let [a, b, c, d, ..] = *Hash::plain(&preimage).as_bytes();
        Self(u32::from_be_bytes([a, b, c, d]))
    }
}

/// Eight hexadecimal digits.
impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// What a key signs, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyKind {
    /// 0x01: Ed25519 over the note's text. Logs sign their checkpoints so.
    Note,
    /// 0x04: Ed25519 over time and checkpoint (tlog-cosignature `cosignature/v1`).
    Cosignature,
    /// 0x06: ML-DSA-44 over time, cosigner, origin, size and root (tlog-cosignature
    /// `subtree/v1`). Verified; nothing of ours signs so yet.
    MlDsaCosignature,
}

impl KeyKind {
    /// The byte that names the kind in key ids and verifier keys.
    pub const fn byte(self) -> u8 {
        match self {
            Self::Note => 0x01,
            Self::Cosignature => 0x04,
            Self::MlDsaCosignature => 0x06,
        }
    }

    /// The length of a public key of this kind, in bytes.
    pub const fn public_key_len(self) -> usize {
        match self {
            Self::Note | Self::Cosignature => 32,
            Self::MlDsaCosignature => 1312,
        }
    }

    fn from_byte(byte: u8) -> Option<Self> {
        [Self::Note, Self::Cosignature, Self::MlDsaCosignature]
            .into_iter()
            .find(|kind| kind.byte() == byte)
    }
}

/// Why text is no verifier key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadVerifierKey {
    /// Not `<name>+<id>+<base64>`.
    #[error("a verifier key is name+id+base64")]
    Malformed,
    /// A kind of signature that is not known here.
    #[error("kind {kind:#04x} of signature is not known")]
    UnknownKind {
        /// The byte that names it.
        kind: u8,
    },
    /// The key has another length than its kind.
    #[error("the public key is {got} bytes long, its kind needs {want}")]
    WrongLength {
        /// Bytes that came.
        got: usize,
        /// Bytes that the kind needs.
        want: usize,
    },
    /// The id is not that of the key.
    #[error("the id does not belong to the key")]
    WrongId,
}

/// A signature is false, or malformed for its key's kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signature is false")]
pub struct FalseSignature;

/// A public key with its name: whom to believe.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VerifierKey {
    name: KeyName,
    id: KeyId,
    kind: KeyKind,
    public: Vec<u8>,
}

impl VerifierKey {
    /// A key of `kind` from its public bytes (32 for Ed25519, 1312 for ML-DSA-44).
    ///
    /// # Errors
    /// When the length is another.
    pub fn new(name: KeyName, kind: KeyKind, public: &[u8]) -> Result<Self, BadVerifierKey> {
        if public.len() != kind.public_key_len() {
            return Err(BadVerifierKey::WrongLength {
                got: public.len(),
                want: kind.public_key_len(),
            });
        }
        Ok(Self {
            id: KeyId::of(&name, kind, public),
            name,
            kind,
            public: public.to_vec(),
        })
    }

    /// Reads `<name>+<8 hex digits>+<base64 of kind and key>`; the id must be the key's. (TLOG-14)
    ///
    /// # Errors
    /// When it is malformed, of an unknown kind, or the id is another's.
    pub fn parse(text: &str) -> Result<Self, BadVerifierKey> {
        let malformed = BadVerifierKey::Malformed;
        if text.len() > MAX_NAME_LEN + 2048 {
            return Err(malformed);
        }
        let (name, rest) = text.split_once('+').ok_or(malformed)?;
        let (id, encoded) = rest.split_once('+').ok_or(malformed)?;
        let name = KeyName::new(name).map_err(|BadKeyName| malformed)?;
        let bytes = base64::decode(encoded).ok_or(malformed)?;
        let (&kind, public) = bytes.split_first().ok_or(malformed)?;
        let kind = KeyKind::from_byte(kind).ok_or(BadVerifierKey::UnknownKind { kind })?;
        let key = Self::new(name, kind, public)?;
        if key.id.to_string() == id {
            Ok(key)
        } else {
            Err(BadVerifierKey::WrongId)
        }
    }

    /// The key's name.
    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// The key's id.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// What it signs.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The public bytes: 32 for Ed25519, 1312 for ML-DSA-44.
    pub fn public(&self) -> &[u8] {
        &self.public
    }

    /// Verifies a signature (without key id) over a note's text; for cosignatures, which sign
    /// a checkpoint only, says when they were made. (TLOG-12, TLOG-17, TLOG-18)
    ///
    /// # Errors
    /// When the signature is false or malformed, or a cosignature stands under another text
    /// than a checkpoint.
    pub fn verify(
        &self,
        text: &str,
        signature: &[u8],
    ) -> Result<Option<CosignedAt>, FalseSignature> {
        match self.kind {
            KeyKind::Note => {
                self.verify_bytes(text.as_bytes(), signature)?;
                Ok(None)
            }
            KeyKind::Cosignature => {
                let checkpoint = Checkpoint::parse(text).map_err(|_| FalseSignature)?;
                let (at, signature) = cosignature::split(signature)?;
                self.verify_bytes(cosignature::message(at, &checkpoint).as_bytes(), signature)?;
                Ok(Some(at))
            }
            KeyKind::MlDsaCosignature => {
                let checkpoint = Checkpoint::parse(text).map_err(|_| FalseSignature)?;
                let (at, signature) = cosignature::split(signature)?;
                let message = cosignature::ml_dsa_message(at, &self.name, &checkpoint)
                    .ok_or(FalseSignature)?;
                self.verify_bytes(&message, signature)?;
                Ok(Some(at))
            }
        }
    }

    fn verify_bytes(&self, message: &[u8], signature: &[u8]) -> Result<(), FalseSignature> {
        let sound = match self.kind {
            KeyKind::Note | KeyKind::Cosignature => {
                UnparsedPublicKey::new(&ED25519, &self.public).verify(message, signature)
            }
            KeyKind::MlDsaCosignature => {
                UnparsedPublicKey::new(&ML_DSA_44, &self.public).verify(message, signature)
            }
        };
        sound.map_err(|_| FalseSignature)
    }
}

/// `<name>+<8 hex digits>+<base64 of kind and key>`. (TLOG-14)
impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![self.kind.byte()];
        bytes.extend_from_slice(&self.public);
        write!(f, "{}+{}+{}", self.name, self.id, BASE64.encode(&bytes))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({}+{}, {:?})", self.name, self.id, self.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TLOG-13: what a key name may be.
    #[test]
    fn tlog_13_key_names() {
        for good in ["a", "example.com/log42", "Grüße", &"x".repeat(255)] {
            assert_eq!(KeyName::new(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            " ",
            "a b",
            "a+b",
            "a\u{a0}b",
            "a\u{2028}b",
            "a\nb",
            "a\0b",
            "a\u{7f}",
            &"x".repeat(256),
        ] {
            assert_eq!(KeyName::new(bad), Err(BadKeyName), "{bad:?}");
        }
    }

    #[test]
    fn lengths_belong_to_kinds() {
        let name = KeyName::new("a").unwrap();
        assert!(VerifierKey::new(name.clone(), KeyKind::Note, &[0; 31]).is_err());
        assert!(VerifierKey::new(name.clone(), KeyKind::MlDsaCosignature, &[0; 32]).is_err());
        let key = VerifierKey::new(name, KeyKind::Cosignature, &[7; 32]).unwrap();
        assert_eq!(
            format!("{key:?}"),
            format!("VerifierKey(a+{}, Cosignature)", key.id())
        );
    }
}
