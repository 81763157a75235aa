//! The relay: admits entries, sequences them into a log, publishes it, keeps sealed objects. And
//! the witness, which cosigns what others publish.
//!
//! The relay is blind by construction: this crate can not name a record or an opening key. What
//! it holds is the log's signing key, whose misuse witnesses find, and ciphertext.
//!
//! In scope: the HTTP interface of `docs/spec/relay.md`; storage with its guarantees; the order of
//! sequencing and what a crash leaves; limits; witnesses.
//! Out of scope: what entries mean beyond authority and chains (`wire`), Merkle arithmetic
//! (`tlog`), how to speak to a relay (`client`).
//!
//! ```no_run
//! use relay::{ArchiveConfig, Relay, RelayConfig};
//! use tlog::SigningSeed;
//!
//! # async fn example(archive: wire::ArchiveId) -> Result<(), relay::StartError> {
//! let mut config = RelayConfig::in_folder("relay".into());
//! config.archives.push(ArchiveConfig::new(archive, SigningSeed::from_bytes([7; 32])));
//! let running = Relay::start(config).await?;
//! tracing::info!(address = %running.address(), "agents pin {}", running.pin());
//! running.shutdown().await;
//! # Ok(())
//! # }
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod alarm;
mod archive;
mod clock;
mod config;
mod connections;
mod cosign;
mod directory;
mod http;
mod limits;
mod metrics;
mod operations;
mod pinned;
mod prepare;
mod rebuild;
mod sequencer;
mod server;
mod staged;
pub mod state;
pub mod store;
mod tiles;
mod tls;
mod waiting;
pub mod witness;

pub use alarm::Alarm;
pub use archive::{Archive, OpenError, Stores, SubmitError, Submitted};
pub use clock::Clock;
pub use config::{ArchiveConfig, RelayConfig, Sequencing, Storage, WitnessTarget};
pub use cosign::{WitnessLine, WitnessTargetError};
pub use limits::{Limits, Rate};
pub use operations::OperationsError;
pub use rebuild::{RebuildError, Rebuilt};
pub use server::{OpenRelay, Relay, RunningRelay, StartError, StoreFactory};
pub use tiles::TilesError;
pub use tls::{TlsError, TlsSource};
