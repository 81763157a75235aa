//! Times as the formats write them.

use minicbor::{Decode, Encode};

/// Milliseconds since 1970-01-01T00:00:00Z, leap seconds ignored (TIME-1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Milliseconds(#[n(0)] i64);

impl Milliseconds {
    /// From milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn new(milliseconds: i64) -> Self {
        Self(milliseconds)
    }

    /// From whole seconds since 1970-01-01T00:00:00Z; times beyond the range stop at its ends.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// So many milliseconds later (earlier, if negative); stops at the ends of the range.
    #[must_use]
    pub const fn plus(self, milliseconds: i64) -> Self {
        Self(self.0.saturating_add(milliseconds))
    }

    /// Milliseconds from `earlier` to this time; stops at the ends of the range.
    #[must_use]
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl std::fmt::Display for Milliseconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{from_bytes, to_bytes};

    #[test]
    fn time_1_is_a_bare_integer() {
        for (time, bytes) in [
            (Milliseconds::new(-1), &b"\x20"[..]),
            (Milliseconds::from_seconds(1), b"\x19\x03\xe8"),
            (
                Milliseconds::new(i64::MIN),
                b"\x3b\x7f\xff\xff\xff\xff\xff\xff\xff",
            ),
        ] {
            assert_eq!(to_bytes(&time), bytes);
            assert_eq!(from_bytes::<Milliseconds>(bytes).unwrap(), time);
        }
    }
}
