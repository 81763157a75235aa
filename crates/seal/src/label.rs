//! Every domain-separation label of this crate (HASH-1). Those of commitments and ids are `wire`'s.

use canonical::Label;

/// Batches and carries, sealed to an epoch of records (BATCH-2).
pub(crate) const BATCH: Label = Label::new("greffe/batch/v1");
/// Audit and governance objects, sealed to a governance epoch (BATCH-2, GOV-1).
pub(crate) const GOVERNANCE: Label = Label::new("greffe/governance/v1");
/// Objects sealed to one agent's mailbox key (BATCH-2).
pub(crate) const MAIL: Label = Label::new("greffe/mail/v1");
/// A share on its way to an unlock (SHARE-4).
pub(crate) const SHARE_TRAVEL: Label = Label::new("greffe/share-travel/v1");
/// Attachment streams (STREAM-1).
pub(crate) const STREAM: Label = Label::new("greffe/stream/v1");
/// Keys of what is derived from an epoch's records (PART-1).
pub(crate) const PARTITION: Label = Label::new("greffe/partition/v1");
/// Binds a wrapped vault key to its archive and kind (RING-1).
pub(crate) const WRAP_VAULT_KEY: Label = Label::new("greffe/wrap-vault-key/v1");
/// Keys that wrap opening keys (RING-2).
pub(crate) const WRAP_OPENING_KEY: Label = Label::new("greffe/wrap-opening-key/v1");
/// The key that wraps the root's signing seed (RING-5).
pub(crate) const WRAP_SIGNING_KEY: Label = Label::new("greffe/wrap-signing-key/v1");
/// The key that authenticates a keyring as a whole (RING-6).
pub(crate) const AUTHENTICATE_KEYRING: Label = Label::new("greffe/authenticate-keyring/v1");
/// Checksum of the text that asks holders for their shares (SHARE-5).
pub(crate) const SHARE_REQUEST: Label = Label::new("greffe/share-request/v1");
/// Checksum of the text in which a share travels (SHARE-5).
pub(crate) const SEALED_SHARE: Label = Label::new("greffe/sealed-share/v1");
/// Checksum of a share (SHARE-2).
pub(crate) const SHARE: Label = Label::new("greffe/share/v1");
/// Checksum of an invitation's text (INVITE-1).
pub(crate) const INVITATION_TEXT: Label = Label::new("greffe/invitation-text/v1");
/// The key that names an invitation at the relay, derived from its code (INVITE-2).
pub(crate) const INVITATION_KEY: Label = Label::new("greffe/invitation-key/v1");
/// The key that enrolment requests are sealed under, derived from the code (ENROL-1).
pub(crate) const INVITATION_SEAL: Label = Label::new("greffe/invitation-seal/v1");
/// Binds a sealed file to what it holds (FILE-1).
pub(crate) const SEALED_FILE: Label = Label::new("greffe/sealed-file/v1");
/// What sealing a proposed plan draws, from the proposal's seed (PLAN-12).
pub(crate) const PROPOSAL: Label = Label::new("greffe/plan-proposal/v1");
