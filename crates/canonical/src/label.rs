//! Labels keep one use of a hash or key apart from every other.

use crate::Hasher;

/// A domain-separation label: ASCII, begins with `greffe/`, ends with `/v1` (HASH-1).
///
/// Made in constants, so that a wrong label does not compile. All labels of a crate stand in its
/// `label.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label(&'static str);

impl Label {
    /// For use in constants.
    ///
    /// # Panics
    ///
    /// When the label breaks HASH-1; in a constant this is an error of compilation.
    #[must_use]
    pub const fn new(label: &'static str) -> Self {
        let bytes = label.as_bytes();
        assert!(label.is_ascii(), "a label is ASCII");
        assert!(bytes.len() < 256, "a label has at most 255 bytes");
        assert!(
            matches!(
                bytes,
                [
                    b'g',
                    b'r',
                    b'e',
                    b'f',
                    b'f',
                    b'e',
                    b'/',
                    ..,
                    b'/',
                    b'v',
                    b'1'
                ]
            ),
            "a label begins with greffe/ and ends with /v1"
        );
        Self(label)
    }

    /// The label itself, without framing.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        self.0
    }

    /// Begins a hash: SHA-256 over `uint8 length ‖ label ‖ …` (HASH-1).
    #[must_use]
    pub fn hash(&self) -> Hasher {
        let mut hasher = Hasher::new();
        hasher.update(&[self.length()]);
        hasher.update(self.0.as_bytes());
        hasher
    }

    /// `uint8 length ‖ label`, the start of what is signed or bound (HASH-1).
    #[must_use]
    pub fn framed(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.len() + 1);
        bytes.push(self.length());
        bytes.extend_from_slice(self.0.as_bytes());
        bytes
    }

    /// The constructor keeps it below 256.
    const fn length(&self) -> u8 {
        self.0.len() as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_1_framing() {
        assert_eq!(Label::new("greffe/a/v1").framed(), b"\x0bgreffe/a/v1");
        assert_eq!(Label::new("greffe/a/v1").as_str(), "greffe/a/v1");
    }

    #[test]
    fn hash_1_refuses_other_labels() {
        for label in ["", "greffe/a", "other/a/v1", "greffe/v1é/v1", "greffe/v2"] {
            assert!(
                std::panic::catch_unwind(|| Label::new(label)).is_err(),
                "{label}"
            );
        }
    }
}
