//! Sealing: records become batches that only the archive's owner can open, and are opened again.
//!
//! Sources of the formats: `docs/spec/batch.md`, `commitment.md`, `keyring.md`.
//!
//! ```text
//! Record ─▶ BatchBuilder ─▶ CommittedBatch ─▶ SealedBatch + UnsignedEntry ─▶ (wire, the log)
//! VerifiedEntry + object + OpeningKey ─▶ OpenedBatch ─▶ OpenedRecord
//! ```
//!
//! | to | see |
//! |---|---|
//! | seal and open records | [`BatchBuilder`], [`seal_batch`], [`open_batch`] |
//! | seal and open attachments | [`StreamSealer`], [`StreamOpener`], [`ChunkOpener`] |
//! | make epochs and keep their keys | [`make_epoch`], [`keyring`] |
//! | let k of n people unlock | [`keyring::UnlockedKeyring::add_shares`], [`Share`] |
//! | keys of what is derived from records | [`OpeningKey::partition_key`] |
//! | audit trail, governance, mail | [`seal_acts`], [`open_acts`], [`seal_mail`], [`open_mail`] |
//! | records that outlive their epoch | [`carry`], [`seal_carry`], [`open_carry`] |
//!
//! In scope: the sealed formats, their keys, the keyring as bytes.
//! Out of scope: files, clocks, the source of randomness ([`Randomness`] is an argument), the log,
//! tokens' drivers.
//!
//! Keys carry their purpose in their type: an [`OpeningKey`] for records does not open governance.
//! Only a [`VerifiedEntry`](wire::verify::VerifiedEntry) can be opened.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod batch;
mod carry;
mod content;
mod enrolment;
mod epoch;
mod governance;
#[cfg(doctest)]
mod impossible;
mod key;
pub mod keyring;
mod label;
mod mail;
mod office;
mod open;
mod padding;
mod partition;
mod plan;
mod proposal;
mod randomness;
mod sealed_file;
mod share;
mod stream;
mod suite;
mod wiped;

pub use batch::{
    BatchBuilder, CommittedBatch, Form, PushError, SealError, SealedAttachment, SealedBatch,
    SealedObject, seal_batch,
};
pub use carry::{
    CarriedRecords, CarryError, OpenCarryError, OpenedCarry, carry, open_carry, seal_carry,
};
pub use content::ContentError;
pub use enrolment::{
    Consent, EnrolmentError, EnrolmentRequest, Follows, INVITATION_PREFIX, Invitation,
    InvitationCode, InvitationError, check_words,
};
pub use epoch::{CalendarError, NewEpoch, Period, PeriodLength, make_epoch, periods_from};
pub use governance::{
    ActError, AuditEvent, AuditEventError, CommittedActs, GovernanceBuilder, OpenedActs, open_acts,
    seal_acts,
};
pub use key::{
    ForGovernance, ForMail, ForRecords, ForShareTravel, OpeningKey, Purpose, RecipientKey,
    RecipientKeyError,
};
pub use mail::{Mail, MailError, MailTooLong, open_judged_mail, open_mail, seal_mail};
pub use office::{Binding, OfficeAct, OfficeActError, PlanSent};
pub use open::{OpenError, OpenedBatch, OpenedRecord, Provenance, RecordUnreadable, open_batch};
pub use padding::PaddingError;
pub use partition::{PartitionKey, PartitionUse};
pub use plan::{Decision, Notice, PLAN_SUBJECT, Plan, PlanError, Rule};
pub use proposal::{PlanProposal, ProposalError};
pub use randomness::Randomness;
pub use sealed_file::{SealedFile, SealedFileError, SealedFileKind};
pub use share::{
    AnswerError, CombineError, MAX_HOLDERS, NewSet, SHARE_BYTES, SHARE_WORDS, SealedShare,
    SetSecret, Share, ShareError, ShareRequest, ShareSetId, ShareTextError, SplitError, Threshold,
    ThresholdError, TravelError, UnlockId, WaitingUnlock, combine, new_set,
};
pub use stream::{
    CHUNK, ChunkOpener, SealedStream, Step, Stream, StreamError, StreamKey, StreamOpener,
    StreamPlace, StreamSealer, sealed_length,
};
pub use suite::{ObjectError, SuiteError};
