//! What the state machine remembers, and its stored form: one row a signer, so that a relay with
//! many signers writes only what an entry changed.

use std::collections::{BTreeMap, HashMap};

use canonical::{CanonicalError, Milliseconds};
use minicbor::{Decode, Encode};
use tlog::{LogIndex, TreeSize};

use super::Authority;
use super::recent::Recent;
use crate::body::ControlHead;
use crate::control::{Delegate, Enrol, EpochUse, Policy, PublishedEpoch, Purpose, Role, XWingKey};
use crate::genesis::{Genesis, WitnessPolicy};
use crate::id::{
    AdmittedAt, ControlNumber, EntryId, EpochId, MailboxKeyHash, RetentionClass, Seconds,
    SequenceNumber, SignerId, TlsIdentity,
};
use crate::key::PublicKey;
use crate::log_codec::{log_index, tree_size};

/// What is known of one signer.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SignerState {
    #[n(0)]
    key: PublicKey,
    #[n(1)]
    pub(super) role: Option<Role>,
    #[n(2)]
    pub(super) next: SequenceNumber,
    #[n(3)]
    pub(super) last: EntryId,
    #[n(4)]
    pub(super) retired: Option<Milliseconds>,
    #[n(5)]
    pub(super) compromised: Option<SequenceNumber>,
    #[n(6)]
    pub(super) batch: Option<OpenBatch>,
    #[n(7)]
    mailbox: Option<MailboxKeyHash>,
    #[n(8)]
    tls: Option<TlsIdentity>,
    #[n(9)]
    follows: Option<SignerId>,
    #[n(10)]
    follows_until: Option<SequenceNumber>,
    /// The refused entry that the newest admitted one stands for (CHAIN-2).
    #[n(11)]
    pub(super) withdrew: Option<EntryId>,
    /// Index of the act that enrolled it.
    #[n(12)]
    enrolled: Option<u64>,
    /// Index of the first act that called it compromised.
    #[n(13)]
    suspected: Option<u64>,
}

/// The batch that a `continuation` may continue (ENTRY-5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(super) struct OpenBatch {
    #[n(0)]
    pub(super) number: SequenceNumber,
    #[n(1)]
    pub(super) objects: u64,
}

/// A delegation that no act has ended.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Delegation {
    #[n(0)]
    number: ControlNumber,
    #[n(1)]
    purpose: Purpose,
    #[n(2)]
    keys: Vec<SignerId>,
    #[n(3)]
    threshold: u8,
    #[n(4)]
    until: Milliseconds,
}

/// A published epoch without its public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct EpochState {
    /// Index of the entry that published it.
    #[cbor(n(0), with = "log_index")]
    pub published: LogIndex,
    /// The retention class of its records.
    #[n(1)]
    pub class: RetentionClass,
    /// What it is used for.
    #[n(2)]
    pub usage: EpochUse,
    /// Sealing begins.
    #[n(3)]
    pub from: Milliseconds,
    /// Sealing ends.
    #[n(4)]
    pub until: Milliseconds,
    /// Its opening key is not destroyed before this time.
    #[n(5)]
    pub keep_until: Milliseconds,
}

/// The policy in force.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ArchivePolicy {
    /// Witnesses.
    #[n(0)]
    pub witnesses: WitnessPolicy,
    /// A heartbeat is due every so many seconds; an hour at first.
    #[n(1)]
    pub heartbeat: Seconds,
    /// The control chain's head is stale after so many seconds; two days at first.
    #[n(2)]
    pub head_stale: Seconds,
    /// Looks may wait so many seconds for the log while it is out of reach; a day at first.
    #[n(3)]
    pub audit_offline: Seconds,
}

/// Why stored state can not be taken up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// A stored row is damaged.
    #[error("the stored {what} is damaged")]
    Damaged {
        /// Which row.
        what: &'static str,
        /// How.
        #[source]
        source: CanonicalError,
    },
    /// The rows belong to another archive or are incomplete.
    #[error("the stored rows do not hold this archive's root")]
    Foreign,
}

/// Changes with every entry.
#[derive(Encode, Decode)]
#[cbor(map)]
struct Cursor {
    #[cbor(n(0), with = "tree_size")]
    size: TreeSize,
    #[n(1)]
    admitted_at: Option<Milliseconds>,
}

/// Changes with acts of the control chain only.
#[derive(Encode, Decode)]
#[cbor(map)]
struct Standing {
    #[n(0)]
    head: ControlHead,
    #[n(1)]
    policy: ArchivePolicy,
    #[n(2)]
    delegations: Vec<Delegation>,
    #[n(3)]
    epochs: Vec<EpochRow>,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct EpochRow {
    #[n(0)]
    id: EpochId,
    #[n(1)]
    state: EpochState,
}

impl Authority {
    /// The row that changes with every entry; some twenty bytes.
    #[must_use]
    pub fn cursor_row(&self) -> Vec<u8> {
        canonical::to_bytes(&Cursor {
            size: self.size,
            admitted_at: self.admitted_at.map(AdmittedAt::time),
        })
    }

    /// The row that changes with the control chain: head, policy, delegations, epochs.
    #[must_use]
    pub fn standing_row(&self) -> Vec<u8> {
        canonical::to_bytes(&Standing {
            head: self.head,
            policy: self.policy.clone(),
            delegations: self.delegations.clone(),
            epochs: self
                .epochs
                .iter()
                .map(|(id, state)| EpochRow {
                    id: *id,
                    state: *state,
                })
                .collect(),
        })
    }

    /// The row of one signer; about 150 bytes.
    #[must_use]
    pub fn signer_row(&self, id: &SignerId) -> Option<Vec<u8>> {
        self.signers.get(id).map(canonical::to_bytes)
    }

    /// Takes up stored rows: the newest cursor and standing, and the newest row of every signer. All
    /// must have been stored together; entries admitted before are asked of [`Past`](super::Past).
    ///
    /// # Errors
    /// When a row is damaged, or the root's is missing.
    pub fn restore<'a>(
        genesis: Genesis,
        cursor: &[u8],
        standing: &[u8],
        signers: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Self, RestoreError> {
        let damaged = |what| move |source| RestoreError::Damaged { what, source };
        let cursor: Cursor = canonical::from_bytes(cursor).map_err(damaged("cursor"))?;
        let standing: Standing = canonical::from_bytes(standing).map_err(damaged("standing"))?;
        let signers = signers
            .into_iter()
            .map(|row| {
                canonical::from_bytes::<SignerState>(row)
                    .map(|signer| (signer.key.signer_id(), signer))
            })
            .collect::<Result<HashMap<_, _>, _>>()
            .map_err(damaged("signer"))?;
        let root = genesis.root().signer_id();
        if !signers.contains_key(&root) {
            return Err(RestoreError::Foreign);
        }
        Ok(Self {
            archive: genesis.archive_id(),
            root,
            size: cursor.size,
            admitted_at: cursor.admitted_at.and_then(AdmittedAt::new),
            head: standing.head,
            policy: standing.policy,
            delegations: standing.delegations,
            epochs: standing
                .epochs
                .into_iter()
                .map(|row| (row.id, row.state))
                .collect::<BTreeMap<_, _>>(),
            signers,
            recent: Recent::default(),
            genesis,
        })
    }
}

impl SignerState {
    pub(super) fn new(key: PublicKey, role: Option<Role>) -> Self {
        Self {
            key,
            role,
            next: SequenceNumber::new(0),
            last: EntryId::from_bytes([0; 32]),
            retired: None,
            compromised: None,
            batch: None,
            mailbox: None,
            tls: None,
            follows: None,
            follows_until: None,
            withdrew: None,
            enrolled: None,
            suspected: None,
        }
    }

    /// CONTROL-5: whether enrolling it once more does nothing but give it the mailbox key it lacks.
    pub(super) fn lacks_mailbox_only(&self, enrol: &Enrol) -> bool {
        self.role == Some(enrol.role)
            && self.mailbox.is_none()
            && enrol.mailbox.is_some()
            && enrol.follows.is_none()
            && enrol.tls.is_none()
    }

    pub(super) fn enrol(&mut self, enrol: &Enrol, index: LogIndex) {
        if self.role.is_some() {
            self.mailbox = enrol.mailbox.as_ref().map(XWingKey::mailbox_hash);
            return;
        }
        self.role = Some(enrol.role);
        self.enrolled = Some(index.get());
        self.mailbox = enrol.mailbox.as_ref().map(XWingKey::mailbox_hash);
        self.tls = enrol.tls;
        self.follows = enrol.follows;
        self.follows_until = enrol.follows_until;
    }

    /// CHAIN-4: a later act can only widen what is distrusted.
    pub(super) fn distrust(&mut self, from: SequenceNumber, index: LogIndex) -> SequenceNumber {
        let from = self.compromised.map_or(from, |before| before.min(from));
        self.compromised = Some(from);
        self.suspected.get_or_insert(index.get());
        from
    }

    /// Its role when the entry at `index` was admitted.
    pub(crate) fn role_at(&self, index: LogIndex) -> Option<Role> {
        self.role
            .filter(|_| self.enrolled.is_none_or(|at| at < index.get()))
    }

    /// Whether it was known to be compromised when the entry at `index` was admitted.
    pub(crate) fn suspected_at(&self, index: LogIndex) -> bool {
        self.suspected.is_some_and(|at| at < index.get())
    }

    /// Its Ed25519 public key.
    #[must_use]
    pub fn key(&self) -> PublicKey {
        self.key
    }

    /// Its role; `None` for the root and for keys that are only delegated to.
    #[must_use]
    pub fn role(&self) -> Option<Role> {
        self.role
    }

    /// The number of its next entry.
    #[must_use]
    pub fn next(&self) -> SequenceNumber {
        self.next
    }

    /// The id of its newest admitted entry; `None` before the first.
    #[must_use]
    pub fn last(&self) -> Option<EntryId> {
        (self.next.get() > 0).then_some(self.last)
    }

    /// Its backlog is accepted until then.
    #[must_use]
    pub fn retired(&self) -> Option<Milliseconds> {
        self.retired
    }

    /// Numbers from this one on are refused; those already admitted are flagged.
    #[must_use]
    pub fn compromised(&self) -> Option<SequenceNumber> {
        self.compromised
    }

    /// SHA-256 of its mailbox key.
    #[must_use]
    pub fn mailbox(&self) -> Option<MailboxKeyHash> {
        self.mailbox
    }

    /// Its TLS identity.
    #[must_use]
    pub fn tls(&self) -> Option<TlsIdentity> {
        self.tls
    }

    /// The signer that it follows, and the number up to which the old chain counts.
    #[must_use]
    pub fn follows(&self) -> Option<(SignerId, SequenceNumber)> {
        self.follows.zip(self.follows_until)
    }

    /// Whether it may still sign at that time, as a further signer or a reader.
    #[must_use]
    pub fn in_good_standing(&self, at: Milliseconds) -> bool {
        self.compromised.is_none() && self.retired.is_none_or(|date| at < date)
    }
}

impl Delegation {
    pub(super) fn new(number: ControlNumber, act: &Delegate) -> Self {
        Self {
            number,
            purpose: act.purpose,
            keys: act.keys.iter().map(PublicKey::signer_id).collect(),
            threshold: act.threshold,
            until: act.until,
        }
    }

    /// Number of the act that made it.
    #[must_use]
    pub fn number(&self) -> ControlNumber {
        self.number
    }

    /// What it is for.
    #[must_use]
    pub fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// Signer ids of its keys.
    #[must_use]
    pub fn keys(&self) -> &[SignerId] {
        &self.keys
    }

    /// Signatures of distinct keys that it asks for.
    #[must_use]
    pub fn threshold(&self) -> u8 {
        self.threshold
    }

    /// It is in force before this time (CONTROL-3).
    #[must_use]
    pub fn until(&self) -> Milliseconds {
        self.until
    }
}

impl EpochState {
    pub(super) fn new(published: LogIndex, epoch: &PublishedEpoch) -> Self {
        Self {
            published,
            class: epoch.class,
            usage: epoch.usage,
            from: epoch.from,
            until: epoch.until,
            keep_until: epoch.keep_until,
        }
    }
}

impl ArchivePolicy {
    pub(super) fn of(genesis: &Genesis) -> Self {
        Self {
            witnesses: genesis.witnesses().clone(),
            heartbeat: Seconds::new(3_600),
            head_stale: Seconds::new(2 * 86_400),
            audit_offline: Seconds::new(86_400),
        }
    }

    pub(super) fn change(&mut self, act: &Policy) {
        if let Some(witnesses) = &act.witnesses {
            self.witnesses = witnesses.clone();
        }
        self.heartbeat = act.heartbeat.unwrap_or(self.heartbeat);
        self.head_stale = act.head_stale.unwrap_or(self.head_stale);
        self.audit_offline = act.audit_offline.unwrap_or(self.audit_offline);
    }
}
