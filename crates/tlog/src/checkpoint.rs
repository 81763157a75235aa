//! Checkpoints: a log's signed size and root (C2SP tlog-checkpoint).

use std::fmt;

use crate::cosignature::CosignedAt;
use crate::hash::{Hash, TreeSize};
use crate::key::{BadKeyName, KeyKind, KeyName, VerifierKey};
use crate::note::{NoteError, SignatureLine, SignedNote};

/// The most extension lines that are read. (TLOG-16)
pub const MAX_EXTENSIONS: usize = 16;
/// The longest extension line, in bytes. (TLOG-16)
pub const MAX_EXTENSION_LEN: usize = 4096;

/// Which log: the first line of its checkpoints, and the name of its key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(KeyName);

impl Origin {
    /// Checks an origin: the rules of key names hold, since the log's key bears it. (TLOG-15)
    ///
    /// # Errors
    /// When it is no key name.
    pub fn new(origin: &str) -> Result<Self, BadKeyName> {
        KeyName::new(origin).map(Self)
    }

    /// The origin.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The name that the log's key has.
    pub fn key_name(&self) -> &KeyName {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why bytes are no checkpoint, or not one of the log in question.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Not a signed note.
    #[error("reading the checkpoint's note")]
    Note(#[from] NoteError),
    /// The note's text is not origin, size, root, extension lines.
    #[error("the note's text is no checkpoint")]
    Malformed,
    /// A tree without leaves has another root than SHA-256 of nothing.
    #[error("an empty tree has another root")]
    EmptyRoot,
    /// The origin is another log's.
    #[error("the checkpoint is of the log {origin}")]
    OtherOrigin {
        /// The origin it has.
        origin: Origin,
    },
    /// None of the log's keys signed it.
    #[error("the log's key did not sign the checkpoint")]
    Unsigned,
    /// Two lines claim to be by one key of the log.
    #[error("the log's key signed the checkpoint twice")]
    SignedTwice,
    /// A signature that claims to be by the log's key is false.
    #[error("the log's signature is false")]
    FalseSignature,
}

/// What a log says: that its tree of this size has this root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    origin: Origin,
    size: TreeSize,
    root: Hash,
    extensions: Vec<String>,
}

impl Checkpoint {
    /// A checkpoint without extension lines.
    pub fn new(origin: Origin, size: TreeSize, root: Hash) -> Self {
        Self {
            origin,
            size,
            root,
            extensions: Vec::new(),
        }
    }

    /// Which log.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// How many leaves.
    pub fn size(&self) -> TreeSize {
        self.size
    }

    /// The root over them.
    pub fn root(&self) -> Hash {
        self.root
    }

    /// Lines of another's making, kept because the signature covers them.
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }

    /// The note's text: origin, size, root, extension lines, each with its newline.
    pub fn text(&self) -> String {
        let mut text = format!(
            "{}\n{}\n{}\n",
            self.origin,
            self.size,
            self.root.to_base64()
        );
        for line in &self.extensions {
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    /// Reads a note's text. (TLOG-16)
    ///
    /// # Errors
    /// When a line is missing, empty or malformed, there are too many or too long extension
    /// lines, or an empty tree has another root than SHA-256 of nothing.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let malformed = || CheckpointError::Malformed;
        let mut lines = text.strip_suffix('\n').ok_or_else(malformed)?.split('\n');
        let origin = lines
            .next()
            .and_then(|line| Origin::new(line).ok())
            .ok_or_else(malformed)?;
        let size = lines
            .next()
            .and_then(TreeSize::parse)
            .ok_or_else(malformed)?;
        let root = lines
            .next()
            .and_then(Hash::from_base64)
            .ok_or_else(malformed)?;
        let mut extensions = Vec::new();
        for line in lines {
            let sound = !line.is_empty()
                && line.len() <= MAX_EXTENSION_LEN
                && !line.bytes().any(|b| b < 0x20);
            if !sound || extensions.len() == MAX_EXTENSIONS {
                return Err(malformed());
            }
            extensions.push(line.to_owned());
        }
        if size == TreeSize::ZERO && root != Hash::empty_root() {
            return Err(CheckpointError::EmptyRoot);
        }
        Ok(Self {
            origin,
            size,
            root,
            extensions,
        })
    }
}

/// A checkpoint with the signatures that came with it, none of them verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    note: SignedNote,
}

impl SignedCheckpoint {
    pub(crate) fn from_parts(checkpoint: Checkpoint, note: SignedNote) -> Self {
        Self { checkpoint, note }
    }

    /// Reads a checkpoint; verifies nothing.
    ///
    /// # Errors
    /// When it is no signed note, or its text no checkpoint.
    pub fn parse(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let note = SignedNote::parse(bytes)?;
        let checkpoint = Checkpoint::parse(note.text())?;
        Ok(Self { checkpoint, note })
    }

    /// What it claims, unverified.
    pub fn claimed(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The note: text and signature lines.
    pub fn note(&self) -> &SignedNote {
        &self.note
    }

    /// Adds a signature line, in place of one with the same key name and id.
    ///
    /// # Errors
    /// When the note would be larger than is read.
    pub fn add_signature(&mut self, line: SignatureLine) -> Result<(), NoteError> {
        self.note.add(line)
    }

    /// Verifies that it is of this log: the origin, and a signature of one of `log_keys` (the
    /// keys of kind 0x01 that bear the origin as name; others in the list are passed over).
    /// (TLOG-12, TLOG-15)
    ///
    /// # Errors
    /// When the origin is another, no such key signed it, or one that claims to have is false.
    pub fn verify(
        self,
        origin: &Origin,
        log_keys: &[VerifierKey],
    ) -> Result<VerifiedCheckpoint, CheckpointError> {
        if self.checkpoint.origin != *origin {
            return Err(CheckpointError::OtherOrigin {
                origin: self.checkpoint.origin,
            });
        }
        let keys: Vec<&VerifierKey> = log_keys
            .iter()
            .filter(|key| key.kind() == KeyKind::Note && key.name() == origin.key_name())
            .collect();
        let mut signed = false;
        for key in keys {
            let mut lines = self
                .note
                .signatures()
                .iter()
                .filter(|line| line.claims(key));
            let Some(line) = lines.next() else { continue };
            if lines.next().is_some() {
                return Err(CheckpointError::SignedTwice);
            }
            key.verify(self.note.text(), line.signature())
                .map_err(|_| CheckpointError::FalseSignature)?;
            signed = true;
        }
        if signed {
            Ok(VerifiedCheckpoint(self))
        } else {
            Err(CheckpointError::Unsigned)
        }
    }
}

/// The checkpoint as it is stored and sent.
impl fmt::Display for SignedCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.note.fmt(f)
    }
}

/// A checkpoint that the log in question has signed. Whether others saw the same is
/// [`VerifiedCheckpoint::cosigned_by`] and [`crate::Policy`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedCheckpoint(SignedCheckpoint);

impl VerifiedCheckpoint {
    /// Which log.
    pub fn origin(&self) -> &Origin {
        &self.0.checkpoint.origin
    }

    /// How many leaves.
    pub fn size(&self) -> TreeSize {
        self.0.checkpoint.size
    }

    /// The root over them.
    pub fn root(&self) -> Hash {
        self.0.checkpoint.root
    }

    /// The whole checkpoint.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.0.checkpoint
    }

    /// With its signatures, to store or pass on.
    pub fn signed(&self) -> &SignedCheckpoint {
        &self.0
    }

    /// When `witness` cosigned it. Nothing when it did not, when its line is false, or when
    /// more than one line claims to be by it. (TLOG-12)
    pub fn cosigned_by(&self, witness: &VerifierKey) -> Option<CosignedAt> {
        let note = &self.0.note;
        let mut lines = note.signatures().iter().filter(|line| line.claims(witness));
        let (line, second) = (lines.next()?, lines.next());
        if second.is_some() {
            return None;
        }
        witness.verify(note.text(), line.signature()).ok()?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Log;

    fn doubled(signed: &SignedCheckpoint) -> SignedCheckpoint {
        let line = signed.note().signatures()[0].clone();
        SignedCheckpoint::parse(format!("{signed}{line}\n").as_bytes()).unwrap()
    }

    /// TLOG-12: a key of the log signs once.
    #[test]
    fn tlog_12_two_lines_by_one_key() {
        let log = Log::new(3, "log.example/a", 1);
        let signed = log.checkpoint(3);
        let keys = [log.key()];
        assert_eq!(
            doubled(&signed).verify(&log.origin(), &keys),
            Err(CheckpointError::SignedTwice)
        );
        assert!(signed.verify(&log.origin(), &keys).is_ok());
    }

    /// TLOG-15: a key of the log bears its origin as name, and signs no other origin.
    #[test]
    fn tlog_15_key_and_origin() {
        let (log, other) = (
            Log::new(3, "log.example/a", 1),
            Log::new(3, "log.example/b", 1),
        );
        let text = log.checkpoint(3).claimed().text();
        // The same key under another name signed the same text.
        let note = other.sign_note(&text);
        let foreign = SignedCheckpoint::parse(note.to_string().as_bytes()).unwrap();
        assert_eq!(
            foreign.verify(&log.origin(), &[log.key(), other.key()]),
            Err(CheckpointError::Unsigned)
        );
        assert_eq!(
            other.sign(log.checkpoint(3).claimed().clone()),
            Err(crate::SignError::OtherOrigin)
        );
    }

    /// TLOG-16: the limits of extension lines.
    #[test]
    fn tlog_16_extension_lines() {
        let head = Log::new(3, "log.example/a", 1)
            .checkpoint(3)
            .claimed()
            .text();
        let with = |lines: &[String]| Checkpoint::parse(&format!("{head}{}", lines.concat()));
        let long = "x".repeat(MAX_EXTENSION_LEN);
        assert_eq!(
            with(&vec!["x\n".into(); MAX_EXTENSIONS])
                .unwrap()
                .extensions()
                .len(),
            MAX_EXTENSIONS
        );
        assert_eq!(
            with(&vec!["x\n".into(); MAX_EXTENSIONS + 1]),
            Err(CheckpointError::Malformed)
        );
        assert_eq!(
            with(&[format!("{long}\n")]).unwrap().extensions(),
            [long.as_str()]
        );
        assert_eq!(
            with(&[format!("{long}x\n")]),
            Err(CheckpointError::Malformed)
        );
        assert_eq!(with(&["\n".into()]), Err(CheckpointError::Malformed));
    }
}
