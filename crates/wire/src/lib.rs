//! What crosses to the relay: entries, receipts, requests. No content.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

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
mod refusal;

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
