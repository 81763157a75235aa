//! How agents and vaults speak to a relay: pinned TLS, signed requests, bundles of entries,
//! resumable uploads, objects, and the files of the log.
//!
//! What comes back is bounded and read, not believed: receipts, checkpoints, tiles and control
//! entries are verified by `wire` and `tlog`, whoever sent them.
//!
//! In scope: one relay, one archive, one signer. Out of scope: when to try again, what to do with
//! a refusal, anything about records.
//!
//! ```no_run
//! use client::{RelayAddress, RelayClient};
//! # async fn example(pin: wire::TlsIdentity, archive: wire::ArchiveId, key: wire::SignerKey, entry: wire::Entry) -> Result<(), client::CallError> {
//! let address = RelayAddress { url: "https://relay.example:7443".to_owned(), pin };
//! let client = RelayClient::new(&address, archive, key)?;
//! let answer = client.post_entries(&[entry]).await?;
//! assert_eq!(answer.receipts().len(), 1);
//! # Ok(())
//! # }
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod call;
mod error;
mod log;
mod objects;
mod pinned;
mod waiting;

pub use call::{RelayAddress, RelayClient};
pub use error::CallError;
pub use objects::{ObjectBytes, UploadProgress};
pub use pinned::pinned_tls;
