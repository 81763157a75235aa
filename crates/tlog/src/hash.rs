//! Hashes, sizes and indexes, and the two hash functions of RFC 6962 §2.1.

use std::fmt;

use aws_lc_rs::digest;
use data_encoding::{BASE64, HEXLOWER};

use crate::base64;

/// A SHA-256 hash: of a leaf, of an inner node, or the root of a tree (32 bytes).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; Hash::LEN]);

impl Hash {
    /// The length of a hash, in bytes.
    pub const LEN: usize = 32;

    /// Takes 32 bytes that are already a hash.
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// Takes a slice that must be exactly 32 bytes long.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// Standard base64 with padding (44 characters), as all C2SP text forms want it.
    pub fn to_base64(&self) -> String {
        BASE64.encode(&self.0)
    }

    /// Reads canonical standard base64 of exactly 32 bytes.
    pub fn from_base64(text: &str) -> Option<Self> {
        // 44 characters decode to 32 bytes; anything longer is not worth decoding.
        if text.len() != 44 {
            return None;
        }
        Self::from_slice(&base64::decode(text)?)
    }

    /// The hash of a leaf: SHA-256(0x00 ‖ data). (TLOG-1)
    pub fn leaf(data: &[u8]) -> Self {
        // Record leaves of a batch are hashes: one call is twice as fast as a context.
        let mut short = [0; 1 + Self::LEN];
        if data.len() == Self::LEN {
            short[1..].copy_from_slice(data);
            return Self::taken(&digest::digest(&digest::SHA256, &short));
        }
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(&[0]);
        context.update(data);
        Self::taken(&context.finish())
    }

    /// The hash of an inner node: SHA-256(0x01 ‖ left ‖ right). (TLOG-1)
    pub fn node(left: &Self, right: &Self) -> Self {
        let mut preimage = [1u8; 1 + 2 * Self::LEN];
        preimage[1..1 + Self::LEN].copy_from_slice(&left.0);
        preimage[1 + Self::LEN..].copy_from_slice(&right.0);
        Self::taken(&digest::digest(&digest::SHA256, &preimage))
    }

    /// The root of the empty tree: SHA-256 of nothing. (TLOG-1)
    pub fn empty_root() -> Self {
        Self::taken(&digest::digest(&digest::SHA256, &[]))
    }

    /// Plain SHA-256, without a prefix: for key ids only.
    pub(crate) fn plain(data: &[u8]) -> Self {
        Self::taken(&digest::digest(&digest::SHA256, data))
    }

    fn taken(digest: &digest::Digest) -> Self {
        let mut bytes = [0; Self::LEN];
        bytes.copy_from_slice(digest.as_ref());
        Self(bytes)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

/// Lower-case hexadecimal, 64 characters.
impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

/// How many leaves a tree has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreeSize(u64);

impl TreeSize {
    /// The empty tree.
    pub const ZERO: Self = Self(0);
    /// The largest size that any text form may carry: 2⁶³−1. (TLOG-6)
    pub const MAX: Self = Self((1 << 63) - 1);

    /// A size of `leaves` leaves. Sizes above [`TreeSize::MAX`] are refused by every parser.
    pub const fn new(leaves: u64) -> Self {
        Self(leaves)
    }

    /// The number of leaves.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Whether a tree of this size has a leaf at `index`.
    pub const fn contains(self, index: LogIndex) -> bool {
        index.0 < self.0
    }

    /// Reads an ASCII decimal without leading zeroes, at most 2⁶³−1. (TLOG-6)
    pub fn parse(text: &str) -> Option<Self> {
        decimal(text).map(Self)
    }
}

impl fmt::Display for TreeSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The place of a leaf in the log; the first is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogIndex(u64);

impl LogIndex {
    /// The place after `before` leaves.
    pub const fn new(before: u64) -> Self {
        Self(before)
    }

    /// How many leaves stand before this one.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The next place, or nothing at the end of all numbers.
    pub const fn next(self) -> Option<Self> {
        match self.0.checked_add(1) {
            Some(n) => Some(Self(n)),
            None => None,
        }
    }

    /// Reads an ASCII decimal without leading zeroes, at most 2⁶³−1. (TLOG-6)
    pub fn parse(text: &str) -> Option<Self> {
        decimal(text).map(Self)
    }
}

impl fmt::Display for LogIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// ASCII decimal, no sign, no leading zeroes, at most 2⁶³−1.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let digits = text.as_bytes();
    let canonical = match digits {
        [] => false,
        [b'0'] => true,
        [first, ..] => *first != b'0' && digits.iter().all(u8::is_ascii_digit),
    };
    if !canonical {
        return None;
    }
    text.parse().ok().filter(|n| *n <= TreeSize::MAX.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TLOG-6: one spelling for each number.
    #[test]
    fn tlog_6_decimals_have_one_spelling() {
        for good in ["0", "1", "10", "9223372036854775807"] {
            assert_eq!(TreeSize::parse(good).unwrap().to_string(), good);
        }
        for bad in [
            "",
            "00",
            "01",
            "+1",
            "-1",
            " 1",
            "1 ",
            "1_0",
            "0x1",
            "9223372036854775808",
            "18446744073709551616",
            "١",
        ] {
            assert_eq!(TreeSize::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn base64_is_canonical() {
        let hash = Hash::leaf(b"x");
        assert_eq!(Hash::from_base64(&hash.to_base64()), Some(hash));
        // The last character carries two unused bits; a second spelling must not pass.
        let mut text = Hash::from_bytes([0; 32]).to_base64();
        assert!(text.ends_with("AA="));
        text.replace_range(42..43, "B");
        assert_eq!(Hash::from_base64(&text), None);
    }

    #[test]
    fn debug_is_hex() {
        assert_eq!(
            format!("{:?}", Hash::from_bytes([0xab; 32])),
            format!("Hash({})", "ab".repeat(32))
        );
    }
}
