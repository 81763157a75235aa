//! Whole-system stories and attacks: what their tests share. Never part of a program that is shipped.
//!
//! In scope: an office (an archive with its owner, an agent, a vault and a relay in one folder),
//! the parts as processes that can be killed and dumped, a source of messages with a marker in
//! every field, and the search for markers in bytes.
//! Out of scope: the steps of a message. A story takes each of them itself.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::result_large_err,
    reason = "all of this is test code"
)]

pub mod markers;
pub mod memory;
pub mod office;
pub mod process;
pub mod simulation;
pub mod source;
