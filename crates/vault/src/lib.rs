//! The owner's side: follows the log and verifies it, holds every object, and, while it is
//! unlocked, opens, files, finds, shows and proves.
//!
//! Two processes. The *locked part* ([`follow`]) needs no opening key and runs day and night; the
//! *reading room* ([`room`]) is its child, exists only while the vault is unlocked, and takes every
//! key and cache with it when it ends. They share files: the [`mirror`] (ciphertext and log), the
//! locked part's [`state`], and the vault's own chain ([`outbox`]). Neither believes what the other
//! has found: each verifies the mirror's log itself, and takes up what it has verified before.
//!
//! * while locked: [`follow`], [`mirror`], [`state`], [`outbox`], [`watch`] (gaps), [`verify`]
//! * while unlocked: [`room`], [`partition`] (what is derived, encrypted), [`search`], [`people`],
//!   [`audit`] (looks, durable before they are shown), [`prove`]
//! * for every program of the vault: [`wiping_alloc`], [`system`] (clock and randomness)
//!
//! In scope: all that the owner's machines do with an archive. Out of scope: capture, the relay,
//! formats (`record`, `seal`, `wire`, `tlog`), pages and command line.
//!
//! ```no_run
//! # async fn example(genesis: wire::Genesis, relay: client::RelayClient) -> Result<(), Box<dyn std::error::Error>> {
//! use vault::follow::{Locked, VaultFolder};
//!
//! let folder = VaultFolder::at("archive/vault");
//! let key = folder.read_signer_key()?;
//! let mut vault = Locked::open(&folder, genesis, key, relay, vault::system::now)?;
//! while vault.step().await?.more {}
//! for gap in vault::watch::gaps(vault.state(), vault::system::now())? {
//!     // Silent agents, missing objects, forks: seen without any key.
//!     let _ = gap;
//! }
//! # Ok(())
//! # }
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod audit;
mod chain;
mod database;
mod disk;
mod durable;
pub mod events;
pub mod follow;
mod label;
pub mod mirror;
pub mod outbox;
pub mod partition;
pub mod people;
pub mod prove;
mod relay;
pub mod room;
pub mod search;
pub mod state;
pub mod stores;
pub mod system;
pub mod verify;
pub mod watch;
pub mod wiping_alloc;

pub use chain::{ChainError, ResumeError};
pub use disk::WritePoints;
