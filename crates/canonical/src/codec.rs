//! Writing and strict reading.

use std::convert::Infallible;

use minicbor::decode::Decode;
use minicbor::encode::{Encode, Write};

use crate::check;

/// Why bytes are not the canonical encoding of what was expected.
///
/// Names the place in the bytes, never the content.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CanonicalError {
    /// The bytes end inside an item, or a length goes beyond them.
    #[error("item at byte {at} goes beyond the end")]
    Short {
        /// Offset of the item.
        at: usize,
    },
    /// Bytes follow the item.
    #[error("bytes follow the item, from byte {at}")]
    Trailing {
        /// Offset of the first byte that is too many.
        at: usize,
    },
    /// Arrays and maps nest deeper than [`MAX_DEPTH`](crate::MAX_DEPTH).
    #[error("nested too deep at byte {at}")]
    TooDeep {
        /// Offset of the array or map.
        at: usize,
    },
    /// An indefinite length.
    #[error("indefinite length at byte {at}")]
    Indefinite {
        /// Offset of the item.
        at: usize,
    },
    /// An integer or length in more bytes than it needs.
    #[error("integer or length at byte {at} is not in its shortest form")]
    NotShortest {
        /// Offset of the item.
        at: usize,
    },
    /// A map key that is not greater than the one before it.
    #[error("map key at byte {at} is out of order or doubled")]
    KeyOrder {
        /// Offset of the key.
        at: usize,
    },
    /// Floating point, a tag, `null`, `undefined` or another simple value.
    #[error("item at byte {at} is of a kind that the formats do not use")]
    Forbidden {
        /// Offset of the item.
        at: usize,
    },
    /// A text string that is not UTF-8.
    #[error("text at byte {at} is not UTF-8")]
    NotUtf8 {
        /// Offset of the item.
        at: usize,
    },
    /// Sound CBOR, but not of the expected structure.
    #[error("not the expected structure")]
    Structure(#[source] minicbor::decode::Error),
    /// The structure encodes to other bytes than those read: an unknown key, or a field that
    /// should have been left out.
    #[error("what was read encodes differently from byte {at}")]
    Differs {
        /// Offset of the first difference.
        at: usize,
    },
}

/// The canonical encoding of `value`.
#[must_use]
pub fn to_bytes<T: Encode<()>>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256);
    to_bytes_into(value, &mut bytes);
    bytes
}

/// Appends the canonical encoding of `value` to `bytes`.
#[expect(
    clippy::expect_used,
    reason = "a vector takes any bytes, and no Encode of the formats refuses a value"
)]
pub fn to_bytes_into<T: Encode<()>>(value: &T, bytes: &mut Vec<u8>) {
    minicbor::encode(value, bytes).expect("encoding into memory");
}

/// Bytes that the canonical encoding of `value` takes, without writing it.
#[must_use]
#[expect(
    clippy::expect_used,
    reason = "counting takes any bytes, and no Encode of the formats refuses a value"
)]
pub fn encoded_len<T: Encode<()>>(value: &T) -> usize {
    let mut count = Count(0);
    minicbor::encode(value, &mut count).expect("counting");
    count.0
}

/// Reads one value from `bytes`, which must be its canonical encoding and nothing else.
///
/// The caller limits the size by what it passes. The bytes are checked before anything is built
/// (CBOR-1, CBOR-2, CBOR-3); the value is encoded again and compared, so that unknown keys and
/// numbers, nulls and empty optional lists are refused (CBOR-4).
///
/// # Errors
///
/// Says at which byte the encoding deviates.
pub fn from_bytes<'b, T>(bytes: &'b [u8]) -> Result<T, CanonicalError>
where
    T: Decode<'b, ()> + Encode<()>,
{
    check(bytes)?;
    let value: T = minicbor::decode(bytes).map_err(CanonicalError::Structure)?;
    let mut comparison = Comparison {
        expected: bytes,
        at: 0,
    };
    match minicbor::encode(&value, &mut comparison) {
        Ok(()) if comparison.at == bytes.len() => Ok(value),
        _ => Err(CanonicalError::Differs { at: comparison.at }),
    }
}

struct Count(usize);

impl Write for Count {
    type Error = Infallible;

    fn write_all(&mut self, bytes: &[u8]) -> Result<(), Infallible> {
        self.0 += bytes.len();
        Ok(())
    }
}

/// Takes the bytes of a second encoding and compares them with the first, without keeping them.
struct Comparison<'a> {
    expected: &'a [u8],
    at: usize,
}

struct Different;

impl Write for Comparison<'_> {
    type Error = Different;

    fn write_all(&mut self, bytes: &[u8]) -> Result<(), Different> {
        match self.expected.get(self.at..self.at + bytes.len()) {
            Some(expected) if expected == bytes => {
                self.at += bytes.len();
                Ok(())
            }
            _ => Err(Different),
        }
    }
}
