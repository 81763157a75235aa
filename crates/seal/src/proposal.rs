//! A plan that several people sign, each on a machine of their own (PLAN-12). Whoever signs makes the
//! entry and the sealed object again from the plan that they read: what is signed is what was shown.

use aws_lc_rs::hmac;
use canonical::{CanonicalError, Milliseconds};
use minicbor::{Decode, Encode};
use wire::{
    ArchiveId, Body, ChainPosition, Entry, EntryDraft, EntryError, EntryId, SequenceNumber,
    Signature, SignatureBytes, SignerId, SignerKey, UnsignedEntry, XWingKey,
};
use zeroize::Zeroizing;

use crate::batch::{SealError, SealedObject};
use crate::key::{ForMail, RecipientKey, RecipientKeyError};
use crate::label;
use crate::mail::seal_mail;
use crate::plan::{Plan, PlanError};
use crate::randomness::{Randomness, draw};

/// Most signatures of a proposal (ENTRY-4).
const MAX_SIGNATURES: usize = 33;

/// A plan, everything that its entry is made of, and the signatures so far.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct PlanProposal {
    #[n(0)]
    version: u64,
    #[n(1)]
    archive: ArchiveId,
    #[n(2)]
    signer: SignerId,
    #[n(3)]
    number: SequenceNumber,
    #[n(4)]
    previous: EntryId,
    #[n(5)]
    at: Milliseconds,
    #[cbor(n(6), with = "minicbor::bytes")]
    plan: Vec<u8>,
    #[n(7)]
    mailbox: XWingKey,
    #[cbor(n(8), with = "minicbor::bytes")]
    seed: [u8; 32],
    #[n(9)]
    signatures: Vec<Given>,
}

/// A signature, as entries carry it.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
struct Given {
    #[n(0)]
    signer: SignerId,
    #[n(1)]
    bytes: SignatureBytes,
}

/// Why a proposal is none, or can not be made whole.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProposalError {
    /// Not the format, or too many signatures.
    #[error("not a proposal")]
    Encoding(#[source] Option<CanonicalError>),
    /// A version that this program does not know.
    #[error("proposal version {0} is not known")]
    Version(u64),
    /// The plan.
    #[error("the plan that is proposed")]
    Plan(#[from] PlanError),
    /// The mailbox key.
    #[error("the agent's mailbox key")]
    Mailbox(#[from] RecipientKeyError),
    /// Sealing it.
    #[error("sealing the plan")]
    Seal(#[from] SealError),
    /// The entry.
    #[error("the plan's entry")]
    Entry(#[from] EntryError),
}

impl PlanProposal {
    /// Proposes a plan as the next entry of `signer`, who has not signed yet.
    #[must_use]
    pub fn new(
        archive: ArchiveId,
        signer: SignerId,
        at: ChainPosition,
        plan: &Plan,
        mailbox: &XWingKey,
        now: Milliseconds,
        randomness: &mut dyn Randomness,
    ) -> Self {
        Self {
            version: 1,
            archive,
            signer,
            number: at.number,
            previous: at.previous,
            at: now,
            plan: plan.to_bytes(),
            mailbox: mailbox.clone(),
            seed: draw(randomness),
            signatures: Vec::new(),
        }
    }

    /// The archive.
    #[must_use]
    pub fn archive(&self) -> ArchiveId {
        self.archive
    }

    /// Whose entry it is to be, and where in that chain.
    #[must_use]
    pub fn place(&self) -> (SignerId, ChainPosition) {
        let at = ChainPosition {
            number: self.number,
            previous: self.previous,
        };
        (self.signer, at)
    }

    /// The plan.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub fn plan(&self) -> Result<Plan, PlanError> {
        Plan::from_bytes(&self.plan)
    }

    /// SHA-256 of the agent's mailbox key, which the control chain must name.
    #[must_use]
    pub fn mailbox(&self) -> wire::MailboxKeyHash {
        self.mailbox.mailbox_hash()
    }

    /// Who has signed so far.
    pub fn signers(&self) -> impl Iterator<Item = SignerId> {
        self.signatures.iter().map(|given| given.signer)
    }

    /// Signs what this plan makes. Signing twice changes nothing.
    ///
    /// # Errors
    ///
    /// When it makes no entry.
    pub fn sign(&mut self, key: &SignerKey) -> Result<(), ProposalError> {
        let (_, entry) = self.made()?;
        let Signature { signer, bytes } = entry.signature_by(key);
        self.signatures.retain(|given| given.signer != signer);
        self.signatures.push(Given { signer, bytes });
        self.signatures.sort_by_key(|given| given.signer);
        Ok(())
    }

    /// The sealed object and the entry with the signatures so far, `signer`'s among them.
    ///
    /// # Errors
    ///
    /// When it makes no entry, or `signer` has not signed.
    pub fn finish(&self) -> Result<(SealedObject, Entry), ProposalError> {
        let (object, entry) = self.made()?;
        let signatures = self
            .signatures
            .iter()
            .map(|given| Signature {
                signer: given.signer,
                bytes: given.bytes,
            })
            .collect();
        Ok((object, entry.with_signatures(signatures)?))
    }

    /// Canonical bytes: content, to be sealed wherever they are kept.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(canonical::to_bytes(self))
    }

    /// From canonical bytes. Signatures are judged when the entry is.
    ///
    /// # Errors
    ///
    /// When they are none.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ProposalError> {
        let proposal: Self =
            canonical::from_bytes(bytes).map_err(|error| ProposalError::Encoding(Some(error)))?;
        if proposal.version != 1 {
            return Err(ProposalError::Version(proposal.version));
        }
        let ascending = proposal
            .signatures
            .windows(2)
            .all(|pair| pair[0].signer < pair[1].signer);
        if proposal.signatures.len() > MAX_SIGNATURES || !ascending {
            return Err(ProposalError::Encoding(None));
        }
        proposal.plan()?;
        Ok(proposal)
    }

    fn made(&self) -> Result<(SealedObject, UnsignedEntry), ProposalError> {
        let plan = self.plan()?;
        let recipient = RecipientKey::<ForMail>::new(&self.mailbox)?;
        let (_, at) = self.place();
        let body = Body::Mail(wire::Mail {
            addressee: plan.agent(),
            mailbox: self.mailbox(),
        });
        let draft = EntryDraft::new(self.archive, self.signer, at, body, self.at);
        let mut drawn = Drawn::of(&self.seed);
        Ok(seal_mail(&plan.to_mail()?, &recipient, draft, &mut drawn)?)
    }
}

impl std::fmt::Debug for PlanProposal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "PlanProposal({}, {} signatures)",
            self.number,
            self.signatures.len()
        )
    }
}

/// PLAN-12: `HMAC-SHA256(seed, label ‖ uint64 n)` for n from 0, one after the other.
struct Drawn {
    key: hmac::Key,
    next: u64,
}

impl Drawn {
    fn of(seed: &[u8; 32]) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, seed),
            next: 0,
        }
    }
}

impl Randomness for Drawn {
    fn fill(&mut self, bytes: &mut [u8]) {
        for piece in bytes.chunks_mut(32) {
            let mut counted = label::PROPOSAL.framed();
            counted.extend_from_slice(&self.next.to_be_bytes());
            self.next += 1;
            let block = hmac::sign(&self.key, &counted);
            piece.copy_from_slice(&block.as_ref()[..piece.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::OpeningKey;
    use crate::randomness::seeded::Seeded;
    use crate::{Decision, Rule};
    use wire::RetentionClass;

    fn proposal() -> (SignerKey, SignerKey, PlanProposal) {
        let key = |seed| SignerKey::from_seed(&[seed; 32]).unwrap();
        let mailbox = OpeningKey::<ForMail>::from_seed(&[9; 32]);
        let plan = Plan::new(
            key(3).id(),
            1,
            Decision::Capture,
            vec![Rule::new(Decision::Private)],
            RetentionClass::new(0),
            vec![],
            None,
        )
        .unwrap();
        let made = PlanProposal::new(
            ArchiveId::from_bytes([7; 32]),
            key(1).id(),
            ChainPosition::FIRST,
            &plan,
            mailbox.recipient().key(),
            Milliseconds::new(5),
            &mut Seeded::new(1),
        );
        (key(1), key(2), made)
    }

    #[test]
    fn plan_12_signatures_from_two_machines_make_one_entry() {
        let (office, second, mut here) = proposal();
        here.sign(&office).unwrap();
        let mut there = PlanProposal::from_bytes(&here.to_bytes()).unwrap();
        there.sign(&second).unwrap();
        there.sign(&second).unwrap();
        let (object, entry) = PlanProposal::from_bytes(&there.to_bytes())
            .unwrap()
            .finish()
            .unwrap();
        assert_eq!(entry.signatures().len(), 2);
        assert_eq!(entry.objects(), [object.object()]);
        let keys = [office.public(), second.public()];
        let key_of = |id: &SignerId| keys.into_iter().find(|key| key.signer_id() == *id);
        assert!(entry.verify_signatures(key_of).is_ok());
    }

    #[test]
    fn plan_12_another_plan_is_another_entry() {
        let (office, _, mut made) = proposal();
        made.sign(&office).unwrap();
        let mut altered = made.clone();
        let plan = made.plan().unwrap();
        altered.plan = Plan::new(
            plan.agent(),
            1,
            Decision::Exclude,
            vec![],
            plan.class(),
            vec![],
            None,
        )
        .unwrap()
        .to_bytes();
        let (_, entry) = altered.finish().unwrap();
        let key_of = |id: &SignerId| (*id == office.id()).then(|| office.public());
        assert!(entry.verify_signatures(key_of).is_err());
    }

    #[test]
    fn plan_12_the_proposer_signs_too() {
        let (_, second, mut made) = proposal();
        made.sign(&second).unwrap();
        assert!(matches!(made.finish(), Err(ProposalError::Entry(_))));
        for bytes in [&[][..], &[0xa0], &[0xff; 64]] {
            assert!(PlanProposal::from_bytes(bytes).is_err());
        }
    }
}
