//! The acts of the control chain (authority.md): who may sign what, and which keys seal.

use canonical::Milliseconds;
use minicbor::decode::{Decoder, Error as DecodeError};
use minicbor::encode::{Encoder, Error as EncodeError, Write};
use minicbor::{Decode, Encode};

use crate::body::BodyError;
use crate::genesis::{WitnessPolicy, has_twin};
use crate::id::{
    ControlId, ControlNumber, EpochId, MailboxKeyHash, RetentionClass, Seconds, SequenceNumber,
    SignerId, TlsIdentity, labelled,
};
use crate::key::PublicKey;
use crate::{label, limit};

/// The sealing suite of this version: X-Wing, HKDF-SHA256, AES-256-GCM (batch.md).
const SUITE: u8 = 1;

/// One act of the control chain.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Control {
    /// Number in the control chain, from 1.
    #[n(0)]
    pub number: ControlNumber,
    /// Control id of the act before.
    #[n(1)]
    pub previous: ControlId,
    /// What is done.
    #[n(2)]
    pub act: Act,
}

/// What an act does. Encoded as `[number, content]`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(flat)]
pub enum Act {
    /// A signer may act from now on.
    #[n(0)]
    Enrol(#[n(0)] Enrol),
    /// A signer may no longer act (CHAIN-4).
    #[n(1)]
    Revoke(#[n(0)] Revoke),
    /// Keys may act for a purpose until an end.
    #[n(2)]
    Delegate(#[n(0)] Delegate),
    /// A delegation ends now.
    #[n(3)]
    Undelegate(#[n(0)] Undelegate),
    /// Epochs that agents may seal to.
    #[n(4)]
    Recipients(#[n(0)] Recipients),
    /// Witnesses and times.
    #[n(5)]
    Policy(#[n(0)] Policy),
}

/// Enrols a signer.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Enrol {
    /// Its Ed25519 public key.
    #[n(0)]
    pub key: PublicKey,
    /// What it is.
    #[n(1)]
    pub role: Role,
    /// Key that mail to it is sealed to.
    #[n(2)]
    pub mailbox: Option<XWingKey>,
    /// The signer that this one follows, after it was restored from a copy.
    #[n(3)]
    pub follows: Option<SignerId>,
    /// The number up to which the old chain counts.
    #[n(4)]
    pub follows_until: Option<SequenceNumber>,
    /// Its TLS identity.
    #[n(5)]
    pub tls: Option<TlsIdentity>,
}

/// What a signer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum Role {
    /// Seals and submits records.
    #[n(0)]
    Agent,
    /// Follows, holds, audits, carries.
    #[n(1)]
    Vault,
    /// Reads the log.
    #[n(2)]
    Auditor,
    /// Cosigns checkpoints.
    #[n(3)]
    Witness,
    /// A named person, who may be delegated to.
    #[n(4)]
    Person,
}

/// Ends a signer's authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Revoke {
    /// Whose.
    #[n(0)]
    pub signer: SignerId,
    /// How.
    #[n(1)]
    pub how: Revocation,
}

/// How a signer was revoked (CHAIN-4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(flat)]
pub enum Revocation {
    /// Its backlog is accepted while `admitted_at` is before this time.
    #[n(0)]
    Retired(#[n(0)] Milliseconds),
    /// Numbers from this one on are refused; those already admitted are flagged.
    #[n(1)]
    Compromised(#[n(0)] SequenceNumber),
}

/// Lets keys act for a purpose.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Delegate {
    /// What for.
    #[n(0)]
    pub purpose: Purpose,
    /// The Ed25519 public keys, 1 to 32, none twice.
    #[n(1)]
    pub keys: Vec<PublicKey>,
    /// Signatures of distinct ones of the keys that an entry needs.
    #[n(2)]
    pub threshold: u8,
    /// The delegation is in force while `admitted_at` is before this time.
    #[n(3)]
    pub until: Milliseconds,
}

/// What a delegation is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum Purpose {
    /// Enrolments and revocations; mail.
    #[n(0)]
    Enrol,
    /// Publishing epochs.
    #[n(1)]
    Recipients,
    /// Witness policy and times.
    #[n(2)]
    Policy,
    /// Signing the control chain's head daily.
    #[n(3)]
    Head,
    /// Opening for review.
    #[n(4)]
    Review,
    /// Producing.
    #[n(5)]
    Produce,
    /// Disposing.
    #[n(6)]
    Dispose,
    /// Legal holds and their release.
    #[n(7)]
    Hold,
    /// Granting scopes of opening.
    #[n(8)]
    Grant,
    /// Plans and notices to agents; mail.
    #[n(9)]
    Plan,
}

/// Ends a delegation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Undelegate {
    /// The purpose of the delegation.
    #[n(0)]
    pub purpose: Purpose,
    /// The control number of the delegation that ends.
    #[n(1)]
    pub delegation: ControlNumber,
}

/// Publishes epochs.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Recipients {
    /// The epochs, at least one.
    #[n(0)]
    pub epochs: Vec<PublishedEpoch>,
}

/// A published epoch: what may be sealed to it, and when.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct PublishedEpoch {
    /// Its id; matches the key (EPOCH-1).
    #[n(0)]
    pub id: EpochId,
    /// Its public key.
    #[n(1)]
    pub key: XWingKey,
    /// The retention class of its records.
    #[n(2)]
    pub class: RetentionClass,
    /// What it is used for.
    #[n(3)]
    pub usage: EpochUse,
    /// Sealing begins.
    #[n(4)]
    pub from: Milliseconds,
    /// Sealing ends.
    #[n(5)]
    pub until: Milliseconds,
    /// Its opening key is not destroyed before this time.
    #[n(6)]
    pub keep_until: Milliseconds,
}

/// What an epoch is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum EpochUse {
    /// Records of a period.
    #[n(0)]
    Period,
    /// Records when the period's own is missing.
    #[n(1)]
    Reserve,
    /// Audit, governance and heartbeat details.
    #[n(2)]
    Governance,
}

/// Changes the archive's policy; what is absent stays as it was.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Policy {
    /// Witnesses, whole.
    #[n(0)]
    pub witnesses: Option<WitnessPolicy>,
    /// A heartbeat is due every so many seconds.
    #[n(1)]
    pub heartbeat: Option<Seconds>,
    /// The control chain's head is stale after so many seconds.
    #[n(2)]
    pub head_stale: Option<Seconds>,
    /// Looks may wait so many seconds for the log while it is out of reach.
    #[n(3)]
    pub audit_offline: Option<Seconds>,
}

/// An X-Wing public key, 1,216 bytes. Public; this crate can not seal to it.
#[derive(Clone, PartialEq, Eq)]
pub struct XWingKey(Box<[u8; XWingKey::SIZE]>);

impl XWingKey {
    /// Size in bytes.
    pub const SIZE: usize = 1_216;

    /// From its bytes; `None` if they are not 1,216.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self(Box::new(bytes.try_into().ok()?)))
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; Self::SIZE] {
        &self.0
    }

    /// EPOCH-1: the id of the epoch that has this public key.
    #[must_use]
    pub fn epoch_id(&self) -> EpochId {
        let mut hasher = label::EPOCH.hash();
        hasher.update(&[SUITE]);
        hasher.update(self.as_bytes());
        EpochId::from_bytes(hasher.finish())
    }

    /// SHA-256 of the key, as mail names it.
    #[must_use]
    pub fn mailbox_hash(&self) -> MailboxKeyHash {
        MailboxKeyHash::from_bytes(canonical::sha256(self.as_bytes()))
    }
}

impl std::fmt::Debug for XWingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "XWingKey({:?})", self.epoch_id())
    }
}

impl<C> Encode<C> for XWingKey {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.bytes(self.as_bytes())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for XWingKey {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        let at = d.position();
        Self::from_bytes(d.bytes()?)
            .ok_or_else(|| DecodeError::message("XWingKey of another length").at(at))
    }
}

impl Control {
    /// CONTROL-1: the id of this act.
    #[must_use]
    pub fn id(&self) -> ControlId {
        ControlId::from_bytes(labelled(label::CONTROL, &canonical::to_bytes(self)))
    }

    pub(crate) fn validate(&self) -> Result<(), BodyError> {
        if self.number.get() == 0 {
            return Err(BodyError::Value("control number"));
        }
        match &self.act {
            Act::Enrol(enrol) => enrol.validate(),
            Act::Delegate(delegate) => delegate.validate(),
            Act::Recipients(recipients) => recipients.validate(),
            Act::Policy(policy) => policy
                .witnesses
                .as_ref()
                .map_or(Ok(()), WitnessPolicy::validate),
            Act::Revoke(_) | Act::Undelegate(_) => Ok(()),
        }
    }
}

impl Enrol {
    fn validate(&self) -> Result<(), BodyError> {
        // The number of the old chain says nothing without the chain.
        if self.follows.is_some() == self.follows_until.is_some() {
            Ok(())
        } else {
            Err(BodyError::Value("old chain"))
        }
    }
}

impl Delegate {
    fn validate(&self) -> Result<(), BodyError> {
        if self.keys.is_empty() || self.keys.len() > limit::DELEGATES || has_twin(&self.keys) {
            return Err(BodyError::List("delegate"));
        }
        let possible = (1..=self.keys.len()).contains(&usize::from(self.threshold));
        // CONTROL-4: a head carries one signature.
        if possible && (self.purpose != Purpose::Head || self.threshold == 1) {
            Ok(())
        } else {
            Err(BodyError::Value("threshold"))
        }
    }
}

impl Recipients {
    fn validate(&self) -> Result<(), BodyError> {
        if self.epochs.is_empty() {
            return Err(BodyError::List("epoch"));
        }
        if self.epochs.iter().any(|epoch| epoch.from > epoch.until) {
            return Err(BodyError::Value("period"));
        }
        Ok(())
    }
}
