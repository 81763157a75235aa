//! What crosses to the relay: entries, receipts, requests. No content.
//!
//! A signer drafts an [`Entry`], the relay admits it by its signatures and the [`authority`] in force,
//! the log holds it as a [`Leaf`], and everyone else believes it only after [`verify`] has checked it.
//! This crate can not name a record or an opening key, so neither can a relay built on it.
//!
//! In scope: ids, entries and control acts, who may say what, following a log, receipts, signed
//! requests, the relay's messages, commitments to parts, the container of proof files.
//! Out of scope: what a part of a record says (`record`), sealing (`seal`), trees and notes (`tlog`),
//! storage, networks, clocks and randomness. Pages: entry, authority, relay, commitment, proof.
//!
//! ```
//! use canonical::Milliseconds;
//! use wire::{Body, ChainPosition, Entry, EntryDraft, Genesis, GenesisNonce, SignerKey, WitnessPolicy};
//!
//! let root = SignerKey::from_seed(&[1; 32])?;
//! let log = SignerKey::from_seed(&[2; 32])?;
//! let now = Milliseconds::new(1_800_000_000_000);
//! let nonce = GenesisNonce::from_bytes([3; 16]);
//! let genesis = Genesis::new(root.public(), vec![log.public()], WitnessPolicy::default(), now, nonce)?;
//!
//! let body = Body::Genesis(genesis.clone());
//! let entry = EntryDraft::new(genesis.archive_id(), root.id(), ChainPosition::FIRST, body, now)
//!     .with_objects(Vec::new())?
//!     .sign(&[&root])?;
//! let id = entry.id();
//! let signed = Entry::parse(&entry.to_bytes())?.verify_signatures(|_| Some(root.public()))?;
//! assert_eq!(signed.entry().id(), id);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod api;
pub mod authority;
mod body;
pub mod commitment;
mod control;
mod entry;
mod genesis;
mod id;
mod key;
mod label;
mod leaf;
pub mod limit;
mod log_codec;
pub mod proof_file;
mod refusal;
pub mod request;
pub mod verify;
pub mod waiting;

pub use body::{
    AccountState, AuditHead, BatchHead, Body, BodyError, CaptureState, Carry, Continuation,
    ControlHead, GovernanceHead, Heartbeat, Kind, Mail, Stored, Withdrawn,
};
pub use control::{
    Act, Control, Delegate, Enrol, EpochUse, Policy, PublishedEpoch, Purpose, Recipients,
    Revocation, Revoke, Role, Undelegate, XWingKey,
};
pub use entry::{
    ChainPosition, Entry, EntryDraft, EntryError, Object, Seen, Signature, SignedEntry,
    UnsignedEntry,
};
pub use genesis::{Genesis, GenesisError, WitnessKey, WitnessPolicy};
pub use id::{
    AccountHandle, AdmittedAt, ArchiveId, CommitmentRoot, ControlId, ControlNumber, EntryId,
    EpochId, GenesisNonce, MailboxKeyHash, ObjectHash, ObjectLength, PartPosition, RecordCount,
    RecordPosition, RetentionClass, Seconds, SequenceNumber, SignerId, TlsIdentity,
};
pub use key::{PublicKey, SignatureBytes, SignerKey, SignerKeyError};
pub use leaf::{Leaf, LeafError};
pub use refusal::{PROBLEM_TYPE, Problem, ProblemError, Refusal, RefusalCode};
