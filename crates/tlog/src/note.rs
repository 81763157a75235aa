//! Signed notes: text with signature lines (C2SP signed-note).

use std::fmt;

use data_encoding::BASE64;

use crate::base64;
use crate::key::{KeyId, KeyName, VerifierKey};

/// The longest note that is read, in bytes. Sixteen ML-DSA-44 signatures fit four times. (TLOG-11)
pub const MAX_NOTE_LEN: usize = 256 * 1024;
/// The most signature lines in one note. (TLOG-11)
pub const MAX_SIGNATURES: usize = 64;
/// The longest signature in a line, in bytes, without the key id. (TLOG-11)
pub const MAX_SIGNATURE_LEN: usize = 8 * 1024;

/// Before the key name in a signature line: em dash, space.
const LINE_START: &str = "\u{2014} ";

/// Why bytes are not a signed note.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Longer than [`MAX_NOTE_LEN`], or more lines than [`MAX_SIGNATURES`].
    #[error("the note is larger than is read")]
    TooLarge,
    /// Not UTF-8, or a control character other than newline.
    #[error("the note has bytes that no note may have")]
    BadText,
    /// No empty line before the signatures, or no newline at the end.
    #[error("the note has no signatures behind an empty line")]
    NoSignatures,
    /// A signature line that is none.
    #[error("signature line {line} of the note is malformed")]
    BadLine {
        /// Which signature line; the first is 0.
        line: usize,
    },
}

/// Why a note's signatures were not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteRefused {
    /// No line is from a key in question.
    #[error("no signature is from a known key")]
    NoKnownKey,
    /// A line bears a known key's name and id, and its signature is false.
    #[error("the signature of {name} is false")]
    False {
        /// The key's name.
        name: KeyName,
    },
}

/// One signature line: who, and the bytes, not verified.
#[derive(Clone, PartialEq, Eq)]
pub struct SignatureLine {
    name: KeyName,
    id: KeyId,
    signature: Vec<u8>,
}

impl SignatureLine {
    pub(crate) fn new(name: KeyName, id: KeyId, signature: Vec<u8>) -> Self {
        Self {
            name,
            id,
            signature,
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

    /// The signature without the key id, as long as its kind makes it.
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// Whether it claims to be by that key.
    pub fn claims(&self, key: &VerifierKey) -> bool {
        self.id == key.id() && self.name == *key.name()
    }

    /// Reads one line without its newline.
    pub fn parse(line: &str) -> Option<Self> {
        let (name, encoded) = line.strip_prefix(LINE_START)?.split_once(' ')?;
        if encoded.len() > (4 + MAX_SIGNATURE_LEN).div_ceil(3) * 4 {
            return None;
        }
        let name = KeyName::new(name).ok()?;
        let bytes = base64::decode(encoded)?;
        let (id, signature) = bytes.split_first_chunk::<4>()?;
        if signature.is_empty() || signature.len() > MAX_SIGNATURE_LEN {
            return None;
        }
        Some(Self {
            name,
            id: KeyId::new(u32::from_be_bytes(*id)),
            signature: signature.to_vec(),
        })
    }
}

/// The line without its newline: `— <name> base64(id ‖ signature)`.
impl fmt::Display for SignatureLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.id.get().to_be_bytes().to_vec();
        bytes.extend_from_slice(&self.signature);
        write!(f, "{LINE_START}{} {}", self.name, BASE64.encode(&bytes))
    }
}

impl fmt::Debug for SignatureLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "SignatureLine({} {}, {} bytes)",
            self.name,
            self.id,
            self.signature.len()
        )
    }
}

/// A text and its signature lines. Nothing is verified: see [`SignedNote::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedNote {
    text: String,
    signatures: Vec<SignatureLine>,
}

impl SignedNote {
    /// Puts signature lines under a text. The text must end in a newline and hold no other
    /// control character; there must be at least one line and at most [`MAX_SIGNATURES`].
    ///
    /// # Errors
    /// When the text or the number of lines is not so.
    pub fn new(text: String, signatures: Vec<SignatureLine>) -> Result<Self, NoteError> {
        if !text.ends_with('\n') || !clean(&text) {
            return Err(NoteError::BadText);
        }
        if signatures.is_empty() {
            return Err(NoteError::NoSignatures);
        }
        let note = Self { text, signatures };
        if note.signatures.len() > MAX_SIGNATURES || note.to_string().len() > MAX_NOTE_LEN {
            return Err(NoteError::TooLarge);
        }
        Ok(note)
    }

    /// Reads a note. (TLOG-10, TLOG-11)
    ///
    /// # Errors
    /// When it is too large, not clean UTF-8, or not of the form text, empty line, signatures.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > MAX_NOTE_LEN {
            return Err(NoteError::TooLarge);
        }
        let whole = std::str::from_utf8(bytes).map_err(|_| NoteError::BadText)?;
        if !clean(whole) {
            return Err(NoteError::BadText);
        }
        // The text may have empty lines; the last one parts it from the signatures.
        let at = whole.rfind("\n\n").ok_or(NoteError::NoSignatures)?;
        let (text, lines) = (whole.get(..=at), whole.get(at + 2..));
        let (Some(text), Some(lines)) = (text, lines.and_then(|lines| lines.strip_suffix('\n')))
        else {
            return Err(NoteError::NoSignatures);
        };
        let signatures = parse_lines(lines)?;
        Ok(Self {
            text: text.to_owned(),
            signatures,
        })
    }

    /// The signed text, its last newline included.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signature lines, in order.
    pub fn signatures(&self) -> &[SignatureLine] {
        &self.signatures
    }

    /// Adds a line, in place of one with the same key name and id.
    ///
    /// # Errors
    /// When the note would be larger than is read.
    pub fn add(&mut self, line: SignatureLine) -> Result<(), NoteError> {
        let mut signatures = self.signatures.clone();
        signatures.retain(|old| old.id != line.id || old.name != line.name);
        signatures.push(line);
        *self = Self::new(std::mem::take(&mut self.text), signatures)?;
        Ok(())
    }

    /// Verifies the lines that are by one of `keys` and says by which; lines by others are
    /// passed over. (TLOG-12)
    ///
    /// # Errors
    /// When no line is by one of them, or one that claims to be is false: then nothing of the
    /// note counts.
    pub fn verify<'k>(&self, keys: &'k [VerifierKey]) -> Result<Vec<&'k VerifierKey>, NoteRefused> {
        let mut by: Vec<&VerifierKey> = Vec::new();
        for line in &self.signatures {
            let Some(key) = keys.iter().find(|key| line.claims(key)) else {
                continue;
            };
            if key.verify(&self.text, line.signature()).is_err() {
                return Err(NoteRefused::False {
                    name: key.name().clone(),
                });
            }
            if !by.contains(&key) {
                by.push(key);
            }
        }
        if by.is_empty() {
            Err(NoteRefused::NoKnownKey)
        } else {
            Ok(by)
        }
    }
}

/// The note as it is stored and sent.
impl fmt::Display for SignedNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures
            .iter()
            .try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// Reads signature lines without the last newline.
pub(crate) fn parse_lines(lines: &str) -> Result<Vec<SignatureLine>, NoteError> {
    let mut signatures = Vec::new();
    for (number, line) in lines.split('\n').enumerate() {
        if number == MAX_SIGNATURES {
            return Err(NoteError::TooLarge);
        }
        signatures.push(SignatureLine::parse(line).ok_or(NoteError::BadLine { line: number })?);
    }
    Ok(signatures)
}

/// No ASCII control character but newline.
fn clean(text: &str) -> bool {
    text.bytes().all(|byte| byte >= 0x20 || byte == b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Log;

    /// TLOG-11: the limits are where the page says, not one less.
    #[test]
    fn tlog_11_limits() {
        let line = Log::new(1, "log.example/a", 1)
            .sign_note("text\n")
            .signatures()[0]
            .clone();
        let note = |lines: usize| format!("text\n\n{}", format!("{line}\n").repeat(lines));
        assert_eq!(
            SignedNote::parse(note(MAX_SIGNATURES).as_bytes())
                .unwrap()
                .signatures()
                .len(),
            MAX_SIGNATURES
        );
        assert_eq!(
            SignedNote::parse(note(MAX_SIGNATURES + 1).as_bytes()),
            Err(NoteError::TooLarge)
        );

        let long = |n: usize| SignatureLine::new(line.name().clone(), line.id(), vec![7; n]);
        let one = |n: usize| SignedNote::parse(format!("text\n\n{}\n", long(n)).as_bytes());
        assert_eq!(
            one(MAX_SIGNATURE_LEN).unwrap().signatures(),
            [long(MAX_SIGNATURE_LEN)]
        );
        assert_eq!(
            one(MAX_SIGNATURE_LEN + 1),
            Err(NoteError::BadLine { line: 0 })
        );
        assert_eq!(one(0), Err(NoteError::BadLine { line: 0 }));

        let rest = note(1).len() - "text".len();
        let whole = |n: usize| format!("{}{}", "x".repeat(n - rest), &note(1)["text".len()..]);
        assert!(SignedNote::parse(whole(MAX_NOTE_LEN).as_bytes()).is_ok());
        assert_eq!(
            SignedNote::parse(whole(MAX_NOTE_LEN + 1).as_bytes()),
            Err(NoteError::TooLarge)
        );
        assert_eq!(
            SignedNote::new("no newline".into(), vec![line]),
            Err(NoteError::BadText)
        );
    }

    /// TLOG-12: a second line by the same key takes the place of the first.
    #[test]
    fn tlog_12_adding_replaces() {
        let log = Log::new(1, "log.example/a", 1);
        let mut note = log.sign_note("text\n");
        let line = note.signatures()[0].clone();
        let other = SignatureLine::new(line.name().clone(), KeyId::new(7), vec![1]);
        note.add(other.clone()).unwrap();
        note.add(line.clone()).unwrap();
        assert_eq!(note.signatures(), [other, line]);
        assert_eq!(note.verify(&[log.key()]).unwrap().len(), 1);
    }
}
