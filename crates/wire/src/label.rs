//! All domain-separation labels of this crate (HASH-1). Nothing else may spell one.

use canonical::Label;

/// Hash of an entry without its signatures (ENTRY-2).
pub(crate) const ENTRY: Label = Label::new("greffe/entry/v1");
/// Frame of the bytes that an entry's signatures cover (ENTRY-1).
pub(crate) const ENTRY_SIGNATURE: Label = Label::new("greffe/entry-signature/v1");
/// Hash of an Ed25519 public key that names a signer (ENTRY-3).
pub(crate) const SIGNER: Label = Label::new("greffe/signer/v1");
/// Hash of a genesis that names an archive (GENESIS-1).
pub(crate) const ARCHIVE: Label = Label::new("greffe/archive/v1");
/// Hash of an act of the control chain, and of the genesis as the act before the first (CONTROL-1).
pub(crate) const CONTROL: Label = Label::new("greffe/control/v1");
/// Frame of the bytes that a signed request's signature covers (READ-1).
pub(crate) const REQUEST: Label = Label::new("greffe/request/v1");
/// Key derivation of a part's salt (COMMIT-1).
pub(crate) const SALT: Label = Label::new("greffe/salt/v1");
/// Leaf of one salted part (COMMIT-2).
pub(crate) const PART: Label = Label::new("greffe/part/v1");
/// Leaf of one record over its parts (COMMIT-3).
pub(crate) const RECORD: Label = Label::new("greffe/record/v1");
/// Hash of a sealing suite and a public key that names an epoch (EPOCH-1).
pub(crate) const EPOCH: Label = Label::new("greffe/epoch/v1");
/// Hash of a sealed enrolment request (ENROL-2).
pub(crate) const ENROLMENT_REQUEST: Label = Label::new("greffe/enrolment-request/v1");
/// Frame of what an agent's key signs of its enrolment request (ENROL-3).
pub(crate) const ENROLMENT_POSSESSION: Label = Label::new("greffe/enrolment-possession/v1");
/// Frame of what an old key signs for the one that continues its chain (ENROL-3).
pub(crate) const ENROLMENT_FOLLOWS: Label = Label::new("greffe/enrolment-follows/v1");
/// Frame of what a vault's key signs of its own stored follower.
pub(crate) const FOLLOWER: Label = Label::new("greffe/follower/v1");
