//! Skeleton.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod chain;
mod database;
mod durable;
pub mod audit;
pub mod follow;
pub mod mirror;
pub mod outbox;
pub mod partition;
pub mod people;
pub mod prove;
mod relay;
pub mod room;
pub mod search;
pub mod state;
pub mod system;
pub mod verify;
pub mod watch;
pub mod wiping_alloc;
