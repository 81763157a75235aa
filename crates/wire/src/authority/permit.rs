//! Which signatures an entry of each kind needs (ENTRY-4, CONTROL-2 to CONTROL-4), whose mailbox a
//! `mail` may name (CONTROL-7), and which epochs an entry may name (CONTROL-6). Needs no chain: proof files use it with single entries.

use canonical::Milliseconds;

use super::{Authority, Delegation, SignerState};
use crate::body::{Body, Mail};
use crate::control::{Act, EpochUse, Purpose, Role};
use crate::entry::Entry;
use crate::id::{AdmittedAt, EpochId, SignerId};
use crate::limit;
use crate::refusal::{Refusal, RefusalCode};

impl Authority {
    /// Judges signatures and roles as they stand now, for an entry admitted at `at`.
    pub(crate) fn permit(&self, entry: &Entry, at: AdmittedAt) -> Result<(), Refusal> {
        let signer = entry.signer();
        match entry.body() {
            Body::Genesis(genesis) => {
                let first = self.size == tlog::TreeSize::ZERO && entry.number().get() == 0;
                if self.is_root(&signer) && first && *genesis == self.genesis {
                    alone(entry)
                } else {
                    Err(not_allowed(
                        "only the archive's own genesis, and only at index 0",
                    ))
                }
            }
            Body::Control(control) => self.permit_act(entry, &control.act, at),
            Body::Batch(_) | Body::Continuation(_) | Body::Heartbeat(_) => {
                self.permit_role(entry, Role::Agent)
            }
            Body::Stored(_) | Body::Audit(_) | Body::Carry(_) => {
                self.permit_role(entry, Role::Vault)
            }
            Body::Withdrawn(_) => alone(entry),
            Body::Governance(head) => {
                let carrier = self.has_role(&signer, Role::Vault);
                self.permit_threshold(entry, &[head.purpose], at, carrier)
            }
            Body::Mail(mail) => self
                .permit_threshold(entry, &[Purpose::Plan, Purpose::Enrol], at, false)
                .and_then(|()| self.permit_mailbox(mail)),
            Body::Head(_) if self.is_root(&signer) => alone(entry),
            Body::Head(_) => {
                alone(entry)?;
                self.permit_threshold(entry, &[Purpose::Head], at, false)
            }
        }
    }

    /// CONTROL-6: whether the epochs that the entry names are published and fit.
    pub(super) fn check_epochs(&self, entry: &Entry, at: AdmittedAt) -> Result<(), Refusal> {
        match entry.body() {
            Body::Batch(head) => self.check_epoch(&head.epoch, false, at),
            Body::Carry(carry) => self.check_epoch(&carry.epoch, false, at),
            Body::Audit(head) => self.check_epoch(&head.epoch, true, at),
            Body::Governance(head) => self.check_epoch(&head.epoch, true, at),
            Body::Heartbeat(beat) => beat
                .details
                .map_or(Ok(()), |epoch| self.check_epoch(&epoch, true, at)),
            _ => Ok(()),
        }
    }

    fn check_epoch(&self, id: &EpochId, governance: bool, at: AdmittedAt) -> Result<(), Refusal> {
        let refused = |detail| Err(Refusal::new(RefusalCode::UnknownEpoch, detail));
        let Some(epoch) = self.epochs.get(id) else {
            return refused("the epoch is not published");
        };
        if (epoch.usage == EpochUse::Governance) != governance {
            return refused("the epoch is published for another use");
        }
        // No late bound: what an agent sealed before it was cut off can not be sealed again.
        let begins = epoch.from.plus(-limit::EPOCH_GRACE_MS);
        if epoch.usage != EpochUse::Reserve && at.time() < begins {
            return refused("the epoch's period has not begun");
        }
        Ok(())
    }

    /// CONTROL-2.
    fn permit_act(&self, entry: &Entry, act: &Act, at: AdmittedAt) -> Result<(), Refusal> {
        if self.is_root(&entry.signer()) {
            return alone(entry);
        }
        let purpose = match act {
            Act::Enrol(_) | Act::Revoke(_) => Purpose::Enrol,
            Act::Recipients(_) => Purpose::Recipients,
            Act::Policy(_) => Purpose::Policy,
            Act::Delegate(_) | Act::Undelegate(_) => {
                return Err(not_allowed("only the root delegates"));
            }
        };
        self.permit_threshold(entry, &[purpose], at, false)
    }

    fn permit_role(&self, entry: &Entry, role: Role) -> Result<(), Refusal> {
        if !self.has_role(&entry.signer(), role) {
            return Err(not_allowed(
                "the signer's role does not cover this kind of entry",
            ));
        }
        alone(entry)
    }

    /// ENTRY-4: one delegation in force must count enough of the signatures, and nobody may sign who
    /// is not of it. A vault may carry the entry (`carrier`); its own signature then counts for nothing.
    fn permit_threshold(
        &self,
        entry: &Entry,
        purposes: &[Purpose],
        at: AdmittedAt,
        carrier: bool,
    ) -> Result<(), Refusal> {
        let signer = entry.signer();
        let mut covered = false;
        for delegation in self
            .delegations
            .iter()
            .filter(|delegation| purposes.contains(&delegation.purpose()))
        {
            if delegation.until() <= at.time() || !(carrier || delegation.keys().contains(&signer))
            {
                continue;
            }
            covered = true;
            if self.signed_by(delegation, entry, at.time(), carrier) {
                return Ok(());
            }
        }
        if covered {
            Err(Refusal::new(
                RefusalCode::BadSignature,
                "the delegation asks for other signatures",
            ))
        } else {
            Err(not_allowed("no delegation in force covers this entry"))
        }
    }

    fn signed_by(
        &self,
        delegation: &Delegation,
        entry: &Entry,
        at: Milliseconds,
        carrier: bool,
    ) -> bool {
        let mut counted = 0_u8;
        for signature in entry.signatures() {
            let own = signature.signer == entry.signer();
            let known = delegation.keys().contains(&signature.signer);
            // The signer itself was judged by its number (CHAIN-4); the others have none here.
            let standing = own
                || self
                    .signer(&signature.signer)
                    .is_some_and(|other| other.in_good_standing(at));
            if known && standing {
                counted = counted.saturating_add(1);
            } else if !(own && carrier) {
                return false;
            }
        }
        counted >= delegation.threshold()
    }

    /// CONTROL-7.
    fn permit_mailbox(&self, mail: &Mail) -> Result<(), Refusal> {
        let known = self
            .signer(&mail.addressee)
            .filter(|addressee| addressee.role().is_some())
            .and_then(SignerState::mailbox);
        if known == Some(mail.mailbox) {
            Ok(())
        } else {
            Err(not_allowed(
                "the addressee is not enrolled with this mailbox key",
            ))
        }
    }

    fn has_role(&self, id: &SignerId, role: Role) -> bool {
        self.signer(id)
            .is_some_and(|signer| signer.role() == Some(role))
    }
}

/// ENTRY-4: exactly the signer's own signature, which parsing has found.
fn alone(entry: &Entry) -> Result<(), Refusal> {
    if entry.signatures().len() == 1 {
        Ok(())
    } else {
        Err(Refusal::new(
            RefusalCode::BadSignature,
            "this kind of entry carries one signature",
        ))
    }
}

fn not_allowed(detail: &'static str) -> Refusal {
    Refusal::new(RefusalCode::NotAllowed, detail)
}
