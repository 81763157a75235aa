//! Who may say what at which index of the log (authority.md): one state machine, used by the relay
//! to admit and by every verifier to judge what was admitted.
//!
//! It sees every entry in the log's order. [`Authority::check`] changes nothing;
//! [`Authority::apply`] takes what `check` gave and moves on by one index.

mod admit;
mod permit;
mod recent;
mod shown;
mod state;

pub use admit::{Admissible, Admitted, Applied, ApplyError, Outcome, Past};
pub use state::{ArchivePolicy, Delegation, EpochState, RestoreError, SignerState};

use std::collections::{BTreeMap, HashMap};

use tlog::TreeSize;

use crate::body::ControlHead;
use crate::genesis::Genesis;
use crate::id::{AdmittedAt, ArchiveId, ControlNumber, EpochId, SignerId};
use crate::key::PublicKey;
use recent::Recent;

/// The authority in force after the entries seen so far.
#[derive(Debug, Clone)]
pub struct Authority {
    genesis: Genesis,
    archive: ArchiveId,
    root: SignerId,
    size: TreeSize,
    admitted_at: Option<AdmittedAt>,
    head: ControlHead,
    policy: ArchivePolicy,
    delegations: Vec<Delegation>,
    epochs: BTreeMap<EpochId, EpochState>,
    signers: HashMap<SignerId, SignerState>,
    recent: Recent,
}

impl Authority {
    /// Before the first entry: only the root is known, and only the genesis may come (GENESIS-2).
    #[must_use]
    pub fn new(genesis: Genesis) -> Self {
        let root = genesis.root().signer_id();
        let head = ControlHead {
            number: ControlNumber::new(0),
            id: genesis.control_id(),
        };
        Self {
            archive: genesis.archive_id(),
            root,
            size: TreeSize::ZERO,
            admitted_at: None,
            head,
            policy: ArchivePolicy::of(&genesis),
            delegations: Vec::new(),
            epochs: BTreeMap::new(),
            signers: HashMap::from([(root, SignerState::new(*genesis.root(), None))]),
            recent: Recent::default(),
            genesis,
        }
    }

    /// The genesis.
    #[must_use]
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// The archive's id.
    #[must_use]
    pub fn archive(&self) -> ArchiveId {
        self.archive
    }

    /// Entries applied so far: the index of the next one.
    #[must_use]
    pub fn size(&self) -> TreeSize {
        self.size
    }

    /// When the newest entry was admitted.
    #[must_use]
    pub fn admitted_at(&self) -> Option<AdmittedAt> {
        self.admitted_at
    }

    /// The time at which a sequencer whose clock says `now` admits the next entry: never before the
    /// newest one (LEAF-1).
    #[must_use]
    pub fn admission_time(&self, now: AdmittedAt) -> AdmittedAt {
        self.admitted_at.map_or(now, |last| last.max(now))
    }

    /// The newest act of the control chain.
    #[must_use]
    pub fn head(&self) -> ControlHead {
        self.head
    }

    /// The policy in force.
    #[must_use]
    pub fn policy(&self) -> &ArchivePolicy {
        &self.policy
    }

    /// The delegations that were not ended by an act; their time may have passed.
    #[must_use]
    pub fn delegations(&self) -> &[Delegation] {
        &self.delegations
    }

    /// All published epochs.
    pub fn epochs(&self) -> impl Iterator<Item = (EpochId, &EpochState)> {
        self.epochs.iter().map(|(id, epoch)| (*id, epoch))
    }

    /// One published epoch.
    #[must_use]
    pub fn epoch(&self, id: &EpochId) -> Option<&EpochState> {
        self.epochs.get(id)
    }

    /// What is known of a signer: enrolled, delegated to, or the root.
    #[must_use]
    pub fn signer(&self, id: &SignerId) -> Option<&SignerState> {
        self.signers.get(id)
    }

    /// All signers, in no order.
    pub fn signers(&self) -> impl Iterator<Item = (SignerId, &SignerState)> {
        self.signers.iter().map(|(id, signer)| (*id, signer))
    }

    /// The public key of a known signer, for [`Entry::verify_signatures`](crate::Entry::verify_signatures).
    #[must_use]
    pub fn key(&self, id: &SignerId) -> Option<PublicKey> {
        self.signers.get(id).map(SignerState::key)
    }

    /// Whether `id` is the root's.
    #[must_use]
    pub fn is_root(&self, id: &SignerId) -> bool {
        self.root == *id
    }
}
