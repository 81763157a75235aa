//! What an entry says: one type for each kind of entry (entry.md).

use minicbor::{Decode, Encode};
use tlog::{LogIndex, TreeSize};

use crate::control::{Control, Purpose};
use crate::genesis::Genesis;
use crate::id::{
    AccountHandle, CommitmentRoot, ControlId, ControlNumber, EntryId, EpochId, MailboxKeyHash,
    RecordCount, RecordPosition, SequenceNumber, SignerId,
};
use crate::limit;
use crate::log_codec::{log_index, tree_size};
use crate::refusal::RefusalCode;

/// The content of an entry, by kind. Encoded as `[kind, content]`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(flat)]
pub enum Body {
    /// The archive's beginning, at index 0 only (GENESIS-2).
    #[n(0)]
    Genesis(#[n(0)] Genesis),
    /// An act of the control chain (CONTROL-1).
    #[n(1)]
    Control(#[n(0)] Control),
    /// Records of one agent, sealed.
    #[n(2)]
    Batch(#[n(0)] BatchHead),
    /// Further objects of a batch (ENTRY-5).
    #[n(3)]
    Continuation(#[n(0)] Continuation),
    /// An agent's sign of life.
    #[n(4)]
    Heartbeat(#[n(0)] Heartbeat),
    /// Takes the place of a refused entry (CHAIN-2).
    #[n(5)]
    Withdrawn(#[n(0)] Withdrawn),
    /// What the vault holds.
    #[n(6)]
    Stored(#[n(0)] Stored),
    /// Records sealed anew to a later epoch.
    #[n(7)]
    Carry(#[n(0)] Carry),
    /// Sealed events of the audit trail.
    #[n(8)]
    Audit(#[n(0)] AuditHead),
    /// Sealed acts of governance.
    #[n(9)]
    Governance(#[n(0)] GovernanceHead),
    /// An object sealed to one signer's mailbox key.
    #[n(10)]
    Mail(#[n(0)] Mail),
    /// The newest act of the control chain, as a delegate saw it.
    #[n(11)]
    Head(#[n(0)] ControlHead),
}

/// The kind of an entry: the number of the body's choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(
    missing_docs,
    reason = "each is documented at the variant of `Body` of the same name"
)]
pub enum Kind {
    Genesis,
    Control,
    Batch,
    Continuation,
    Heartbeat,
    Withdrawn,
    Stored,
    Carry,
    Audit,
    Governance,
    Mail,
    Head,
}

/// Head of a sealed batch. The entry's first object is the batch, further ones are attachment streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct BatchHead {
    /// Epoch that the batch is sealed to.
    #[n(0)]
    pub epoch: EpochId,
    /// Records in the batch, 1 to 1,024.
    #[n(1)]
    pub count: RecordCount,
    /// Root over the batch's salted parts (COMMIT-4).
    #[n(2)]
    pub root: CommitmentRoot,
    /// The batch comes from an import.
    #[cbor(n(3), skip_if = "is_false")]
    pub import: bool,
}

/// Further objects of this signer's batch with that number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Continuation {
    /// Number of the batch entry that is continued.
    #[n(0)]
    pub batch: SequenceNumber,
    /// Objects that stood in it and in earlier continuations.
    #[n(1)]
    pub earlier: u64,
}

/// An agent's sign of life, in the clear. Silence is judged by `admitted_at`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Heartbeat {
    /// The agent's accounts, by opaque handle.
    #[n(0)]
    pub accounts: Vec<AccountState>,
    /// Entries that wait in the agent's spool.
    #[n(1)]
    pub waiting: u64,
    /// Governance epoch of the one object with details.
    #[n(2)]
    pub details: Option<EpochId>,
}

/// State of one account in a heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct AccountState {
    /// Opaque handle; tells no name.
    #[n(0)]
    pub account: AccountHandle,
    /// How the account's capture stands.
    #[n(1)]
    pub state: CaptureState,
    /// Events captured so far.
    #[n(2)]
    pub captured: u64,
    /// Losses recorded so far.
    #[n(3)]
    pub losses: u64,
}

/// How the capture of an account stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum CaptureState {
    /// Linked and receiving.
    #[n(0)]
    Connected,
    /// Linked, behind the source.
    #[n(1)]
    Lagging,
    /// Linked, nothing heard for longer than usual.
    #[n(2)]
    Silent,
    /// The device was unlinked.
    #[n(3)]
    Unlinked,
    /// The session or consent ended.
    #[n(4)]
    Expired,
    /// Stopped by its custodian or operator.
    #[n(5)]
    Stopped,
    /// An import is running.
    #[n(6)]
    Importing,
}

/// Takes the number of a refused entry (CHAIN-2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Withdrawn {
    /// The entry that was refused under this number.
    #[n(0)]
    pub refused: EntryId,
    /// Why; never `TooBusy`.
    #[n(1)]
    pub code: RefusalCode,
}

/// The vault holds every object of all entries below this tree size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Stored {
    /// Tree size; entries with a smaller index are held.
    #[cbor(n(0), with = "tree_size")]
    pub through: TreeSize,
}

/// Records of an earlier entry, sealed anew to a later epoch. One object (CARRY-1).
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Carry {
    /// Log index of the entry that the records stood in first.
    #[cbor(n(0), with = "log_index")]
    pub original: LogIndex,
    /// Epoch that they are sealed to now.
    #[n(1)]
    pub epoch: EpochId,
    /// Their positions in the original batch, ascending, each once.
    #[n(2)]
    pub positions: Vec<RecordPosition>,
    /// Entry id of the disposition that the carry belongs to.
    #[n(3)]
    pub disposition: Option<EntryId>,
}

/// Head of a sealed audit object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct AuditHead {
    /// Governance epoch that it is sealed to.
    #[n(0)]
    pub epoch: EpochId,
    /// Events in it, 1 to 1,024.
    #[n(1)]
    pub count: RecordCount,
    /// Root over its salted parts (GOV-1).
    #[n(2)]
    pub root: CommitmentRoot,
}

/// Head of a sealed governance object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct GovernanceHead {
    /// Governance epoch that it is sealed to.
    #[n(0)]
    pub epoch: EpochId,
    /// Acts in it, 1 to 1,024.
    #[n(1)]
    pub count: RecordCount,
    /// Root over its salted parts (GOV-1).
    #[n(2)]
    pub root: CommitmentRoot,
    /// The purpose whose threshold signs it (CONTROL-4).
    #[n(3)]
    pub purpose: Purpose,
}

/// An object sealed to one signer's mailbox key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Mail {
    /// Whom it is for.
    #[n(0)]
    pub addressee: SignerId,
    /// SHA-256 of the mailbox key that it is sealed to.
    #[n(1)]
    pub mailbox: MailboxKeyHash,
}

/// Number and id of the newest act of the control chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ControlHead {
    /// Number of the act; 0 is the genesis.
    #[n(0)]
    pub number: ControlNumber,
    /// Its control id (CONTROL-1).
    #[n(1)]
    pub id: ControlId,
}

/// What is wrong with a body that decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// A count of records is 0 or above 1,024.
    #[error("a batch has 1 to 1,024 records")]
    Count,
    /// The list of objects does not fit the kind.
    #[error("the number of objects does not fit the kind of entry")]
    Objects,
    /// A list is empty, too long, or not in ascending order.
    #[error("the {0} list is empty, too long or out of order")]
    List(&'static str),
    /// A code that can not stand in a `withdrawn`.
    #[error("this refusal code is never withdrawn")]
    Code,
    /// An act of the control chain or genesis has an impossible value.
    #[error("the {0} is impossible")]
    Value(&'static str),
}

impl Body {
    /// The kind of entry that this body makes.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Genesis(_) => Kind::Genesis,
            Self::Control(_) => Kind::Control,
            Self::Batch(_) => Kind::Batch,
            Self::Continuation(_) => Kind::Continuation,
            Self::Heartbeat(_) => Kind::Heartbeat,
            Self::Withdrawn(_) => Kind::Withdrawn,
            Self::Stored(_) => Kind::Stored,
            Self::Carry(_) => Kind::Carry,
            Self::Audit(_) => Kind::Audit,
            Self::Governance(_) => Kind::Governance,
            Self::Mail(_) => Kind::Mail,
            Self::Head(_) => Kind::Head,
        }
    }

    /// Checks bounds and the number of `objects` that go with this kind (ENTRY-5).
    pub(crate) fn validate(&self, objects: usize) -> Result<(), BodyError> {
        let fits = match self {
            Self::Batch(_) | Self::Continuation(_) => (1..=limit::ENTRY_OBJECTS).contains(&objects),
            Self::Heartbeat(beat) => objects == usize::from(beat.details.is_some()),
            Self::Carry(_) | Self::Audit(_) | Self::Governance(_) | Self::Mail(_) => objects == 1,
            Self::Genesis(_)
            | Self::Control(_)
            | Self::Withdrawn(_)
            | Self::Stored(_)
            | Self::Head(_) => objects == 0,
        };
        if !fits {
            return Err(BodyError::Objects);
        }
        match self {
            Self::Genesis(genesis) => genesis.validate(),
            Self::Control(control) => control.validate(),
            Self::Batch(BatchHead { count, .. })
            | Self::Audit(AuditHead { count, .. })
            | Self::Governance(GovernanceHead { count, .. }) => count.validate(),
            Self::Heartbeat(beat) => beat.validate(),
            Self::Withdrawn(withdrawn) if withdrawn.code == RefusalCode::TooBusy => {
                Err(BodyError::Code)
            }
            Self::Carry(carry) => carry.validate(),
            Self::Continuation(_)
            | Self::Withdrawn(_)
            | Self::Stored(_)
            | Self::Mail(_)
            | Self::Head(_) => Ok(()),
        }
    }
}

impl Heartbeat {
    fn validate(&self) -> Result<(), BodyError> {
        if self.accounts.len() > limit::HEARTBEAT_ACCOUNTS {
            return Err(BodyError::List("accounts"));
        }
        Ok(())
    }
}

impl Carry {
    fn validate(&self) -> Result<(), BodyError> {
        let ascending = self.positions.windows(2).all(|pair| pair[0] < pair[1]);
        let bounded = self
            .positions
            .last()
            .is_some_and(|last| last.get() < limit::BATCH_RECORDS);
        if ascending && bounded {
            Ok(())
        } else {
            Err(BodyError::List("positions"))
        }
    }
}

impl RecordCount {
    fn validate(self) -> Result<(), BodyError> {
        if (1..=limit::BATCH_RECORDS).contains(&self.get()) {
            Ok(())
        } else {
            Err(BodyError::Count)
        }
    }
}

/// For fields that are `true` or absent.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that the derive asks for"
)]
fn is_false(value: &bool) -> bool {
    !value
}
