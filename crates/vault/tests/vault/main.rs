//! The vault against an archive in memory.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod archive;
mod carrying;
mod following;
mod networked;
mod reading;
mod restarting;
mod rosters;
mod stores;
mod unlocking;
mod verifying;
