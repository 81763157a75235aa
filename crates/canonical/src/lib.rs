//! Canonical encoding: the one way in which Greffe writes and hashes anything.
//!
//! Every structure of the formats is deterministic CBOR (`docs/spec/canonical.md`): two
//! programs that mean the same thing write the same bytes, so hashes, signatures and
//! comparisons are taken over bytes and never over meanings.
//!
//! In scope: encoding and strict decoding, labelled hashes, ids, times.
//! Out of scope: what the structures say, clocks, randomness, files.
//!
//! ```
//! use canonical::{Label, from_bytes, to_bytes};
//!
//! const EXAMPLE: Label = Label::new("greffe/example/v1");
//!
//! let bytes = to_bytes(&vec![1_u32, 2, 500]);
//! assert_eq!(from_bytes::<Vec<u32>>(&bytes).ok(), Some(vec![1, 2, 500]));
//!
//! let mut hasher = EXAMPLE.hash();
//! hasher.update(&bytes);
//! assert_eq!(hasher.finish().len(), 32);
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod check;
mod codec;
mod hash;
mod hex;
mod id;
mod label;
mod time;

pub use check::{MAX_DEPTH, Shape, check};
pub use codec::{CanonicalError, encoded_len, from_bytes, to_bytes, to_bytes_into};
pub use hash::{Hasher, sha256};
pub use hex::{HexError, hex, hex_into};
pub use label::Label;
pub use time::Milliseconds;

/// What the code made by [`define_id!`] refers to; not for use by hand.
#[doc(hidden)]
pub mod private {
    pub use minicbor;
}
