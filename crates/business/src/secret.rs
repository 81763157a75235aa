//! Secrets of a network: tokens, passwords, keys of signatures.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};

/// A secret text. It has no `Display`, and its `Debug` tells nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// From its text; none of an empty one.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    /// The text, to be handed to the network or to a key.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// `detail` with the secret struck out, wherever a library has put it.
    #[must_use]
    pub fn struck_from(&self, detail: &str) -> String {
        detail.replace(&self.0, "…")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Whether both are the same, in a time that tells neither where they differ nor how long ours is.
#[must_use]
pub fn is_same(ours: &[u8], given: &[u8]) -> bool {
    let (ours, given) = (digest(&SHA256, ours), digest(&SHA256, given));
    verify_slices_are_equal(ours.as_ref(), given.as_ref()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown() {
        let secret = Secret::new(" 123:abc\n").unwrap();
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        assert_eq!(secret.reveal(), "123:abc");
        let told = secret.struck_from("no answer from https://x/bot123:abc/getMe");
        assert_eq!(told, "no answer from https://x/bot…/getMe");
        assert_eq!(Secret::new("  "), None);
        assert!(is_same(b"a", b"a"));
        assert!(!is_same(b"a", b"ab") && !is_same(b"", b"a"));
    }
}
