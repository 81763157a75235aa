//! SHA-256, labelled.

use aws_lc_rs::digest::{Context, SHA256, digest};

/// A SHA-256 that began with a label (HASH-1); made by [`Label::hash`](crate::Label::hash).
#[derive(Clone)]
pub struct Hasher {
    context: Context,
}

impl Hasher {
    pub(crate) fn new() -> Self {
        Self {
            context: Context::new(&SHA256),
        }
    }

    /// Takes bytes whose length is fixed by the format.
    pub fn update(&mut self, bytes: &[u8]) {
        self.context.update(bytes);
    }

    /// Takes a string of variable length, preceded by its length as uint32 big-endian (HASH-2).
    ///
    /// Every string of the formats has a limit far below 4 GiB, where the length would no longer
    /// tell two strings apart.
    pub fn update_sized(&mut self, bytes: &[u8]) {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.context.update(&length.to_be_bytes());
        self.context.update(bytes);
    }

    /// The hash, 32 bytes.
    #[must_use]
    pub fn finish(self) -> [u8; 32] {
        array(self.context.finish().as_ref())
    }
}

impl std::fmt::Debug for Hasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hasher")
    }
}

/// Plain SHA-256 of `bytes`, where the format names it without a label.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    array(digest(&SHA256, bytes).as_ref())
}

fn array(digest: &[u8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Label, hex};

    const LABEL: Label = Label::new("greffe/example/v1");

    #[test]
    fn hash_1_frames_the_label() {
        let mut hasher = LABEL.hash();
        hasher.update(b"abc");
        assert_eq!(hasher.finish(), sha256(b"\x11greffe/example/v1abc"));
    }

    #[test]
    fn hash_2_tells_neighbours_apart() {
        let of = |parts: [&[u8]; 2]| {
            let mut hasher = LABEL.hash();
            for part in parts {
                hasher.update_sized(part);
            }
            hasher.finish()
        };
        assert_ne!(of([b"ab", b"c"]), of([b"a", b"bc"]));
        assert_eq!(
            of([b"ab", b"c"]),
            sha256(b"\x11greffe/example/v1\x00\x00\x00\x02ab\x00\x00\x00\x01c")
        );
    }

    #[test]
    fn sha_256_of_the_standard() {
        assert_eq!(
            hex(&sha256(b"abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
