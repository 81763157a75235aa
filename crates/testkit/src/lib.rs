//! What tests of several crates need: repeatable randomness. Never part of a program.
//!
//! ```
//! use seal::{ForRecords, OpeningKey};
//! use testkit::Seeded;
//!
//! let key = OpeningKey::<ForRecords>::generate(&mut Seeded::new(7));
//! let same = OpeningKey::<ForRecords>::generate(&mut Seeded::new(7));
//! assert_eq!(key.epoch(), same.epoch());
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod chats;
mod randomness;

pub use randomness::Seeded;
