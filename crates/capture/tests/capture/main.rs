//! The agent against a log in memory and connectors in threads.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub
)]

mod crashing;
mod delivery;
mod denied;
mod importing;
mod living;
mod planned;
mod source;
mod world;
