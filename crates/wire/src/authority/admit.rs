//! Checking an entry against the state, and moving the state on.

use std::collections::hash_map::Entry as MapEntry;

use tlog::{Hash, LogIndex, TreeSize};

use super::state::OpenBatch;
use super::{Authority, Delegation, EpochState, SignerState};
use crate::body::{Body, ControlHead, Kind};
use crate::control::{Act, Control, Revocation};
use crate::entry::{Entry, Seen, SignedEntry};
use crate::id::{AdmittedAt, EntryId, SequenceNumber, SignerId};
use crate::refusal::{Refusal, RefusalCode};

/// What the log holds beyond the state in memory. The relay and the vault each have their own.
pub trait Past {
    /// Why the store can not answer.
    type Error;

    /// Where the signer's entry with that number stands in the log; `None` if it does not.
    ///
    /// # Errors
    /// When the store can not answer.
    fn admitted(
        &self,
        signer: &SignerId,
        number: SequenceNumber,
    ) -> Result<Option<Admitted>, Self::Error>;

    /// Whether the log had this root at this size, which is 1 to the size of the state's log.
    ///
    /// # Errors
    /// When the store can not answer.
    fn agrees(&self, seen: &Seen) -> Result<bool, Self::Error>;
}

/// An entry that stands in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admitted {
    /// Its id.
    pub id: EntryId,
    /// Where it stands.
    pub index: LogIndex,
}

/// The judgement on an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It may be appended next.
    Admissible(Admissible),
    /// It stands in the log already (CHAIN-3).
    Same {
        /// Where.
        index: LogIndex,
    },
    /// It may not be appended.
    Refused(Refusal),
}

/// An entry that may be appended next; made by [`Authority::check`] only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admissible {
    size: TreeSize,
    admitted_at: AdmittedAt,
    signer: SignerId,
    number: SequenceNumber,
    id: EntryId,
    effect: Effect,
}

/// What applying an entry changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// Where the entry stands.
    pub index: LogIndex,
    /// Signers whose row changed.
    pub signers: Vec<SignerId>,
    /// Whether the standing row changed.
    pub standing: bool,
    /// A signer whose admitted entries from that number on are flagged from now on (CHAIN-4).
    pub flagged: Option<(SignerId, SequenceNumber)>,
}

/// The state has moved on since the check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the entry was checked at tree size {checked}, the state stands at {now}")]
pub struct ApplyError {
    /// Size of the log when the entry was checked.
    pub checked: TreeSize,
    /// Size of the log now.
    pub now: TreeSize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Effect {
    /// Nothing but the signer's chain, which goes on behind the refused entry too (CHAIN-2); the batch
    /// that may be continued stays.
    Withdrawn(EntryId),
    /// The signer's chain, and the batch that may be continued.
    Chain(Option<OpenBatch>),
    Control(Box<Control>),
}

impl Authority {
    /// Judges an entry that would be appended next, admitted at `at`. Changes nothing.
    ///
    /// The checks come in this order, and the first that fails names the refusal: archive, signer,
    /// number and previous entry, revocation, role and signatures, epochs, control chain, batch that is
    /// continued, `seen`. Objects are the caller's to check (`object-missing`, `object-taken`).
    ///
    /// # Errors
    /// When `past` can not answer.
    pub fn check<P: Past>(
        &self,
        signed: &SignedEntry,
        at: AdmittedAt,
        past: &P,
    ) -> Result<Outcome, P::Error> {
        let entry = signed.entry();
        if entry.archive() != self.archive {
            return Ok(refused(
                RefusalCode::ForeignArchive,
                "the entry names another archive",
            ));
        }
        let Some(signer) = self.signer(&entry.signer()) else {
            return Ok(refused(
                RefusalCode::UnknownSigner,
                "the signer is neither enrolled nor delegated to",
            ));
        };
        if entry.number() < signer.next() {
            return self.repeated(entry, past);
        }
        let judged = self
            .check_chain(entry, signer)
            .and_then(|()| check_revocation(entry, signer, at))
            .and_then(|()| self.check_beginning(entry))
            .and_then(|()| self.permit(entry, at))
            .and_then(|()| self.check_epochs(entry, at))
            .and_then(|()| self.check_body(entry, signer));
        if let Err(refusal) = judged {
            return Ok(Outcome::Refused(refusal));
        }
        // LEAF-1.
        if self.admitted_at.is_some_and(|last| at < last) {
            return Ok(refused(
                RefusalCode::Fork,
                "the time of admission goes back",
            ));
        }
        if let Some(seen) = entry.seen()
            && !self.agrees(seen, past)?
        {
            return Ok(refused(
                RefusalCode::Fork,
                "the signer has seen another log",
            ));
        }
        Ok(Outcome::Admissible(Admissible {
            size: self.size,
            admitted_at: at,
            signer: entry.signer(),
            number: entry.number(),
            id: entry.id(),
            effect: Effect::of(entry),
        }))
    }

    /// Appends what [`check`](Self::check) found admissible.
    ///
    /// # Errors
    /// When another entry was appended since; the state is unchanged then.
    pub fn apply(&mut self, admissible: Admissible) -> Result<Applied, ApplyError> {
        if admissible.size != self.size {
            return Err(ApplyError {
                checked: admissible.size,
                now: self.size,
            });
        }
        let index = LogIndex::new(self.size.get());
        let Admissible {
            admitted_at,
            signer,
            number,
            id,
            effect,
            ..
        } = admissible;
        self.size = TreeSize::new(self.size.get().saturating_add(1));
        self.admitted_at = Some(admitted_at);
        self.recent.keep(signer, number, Admitted { id, index });
        if let Some(state) = self.signers.get_mut(&signer) {
            state.next = number.next();
            state.last = id;
            state.withdrew = None;
            match &effect {
                Effect::Withdrawn(refused) => state.withdrew = Some(*refused),
                Effect::Chain(batch) => state.batch = *batch,
                Effect::Control(_) => state.batch = None,
            }
        }
        let mut applied = Applied {
            index,
            signers: vec![signer],
            standing: false,
            flagged: None,
        };
        if let Effect::Control(control) = effect {
            self.apply_act(&control, index, &mut applied);
        }
        Ok(applied)
    }

    /// CHAIN-3.
    fn repeated<P: Past>(&self, entry: &Entry, past: &P) -> Result<Outcome, P::Error> {
        let (signer, number) = (entry.signer(), entry.number());
        let admitted = match self.recent.find(signer, number) {
            Some(admitted) => Some(admitted),
            None => past.admitted(&signer, number)?,
        };
        Ok(match admitted {
            Some(admitted) if admitted.id == entry.id() => Outcome::Same {
                index: admitted.index,
            },
            _ => refused(
                RefusalCode::Clone,
                "another entry was admitted under this number",
            ),
        })
    }

    /// GENESIS-2.
    fn check_beginning(&self, entry: &Entry) -> Result<(), Refusal> {
        if self.size == TreeSize::ZERO && entry.kind() != Kind::Genesis {
            return Err(Refusal::new(
                RefusalCode::NotAllowed,
                "the genesis comes first",
            ));
        }
        Ok(())
    }

    /// CHAIN-1.
    fn check_chain(&self, entry: &Entry, signer: &SignerState) -> Result<(), Refusal> {
        if entry.number() > signer.next() {
            let detail = format!("the next number is {}", signer.next());
            return Err(Refusal::new(RefusalCode::OutOfSequence, detail).with_next(signer.next()));
        }
        // CHAIN-2: what was sealed behind an entry that was refused afterwards names that one.
        // CHAIN-2: a `withdrawn` itself names the newest admitted entry.
        let stands_for =
            entry.kind() != Kind::Withdrawn && signer.withdrew == Some(entry.previous());
        if entry.previous() != signer.last && !stands_for {
            return Err(Refusal::new(
                RefusalCode::Clone,
                "the entry follows another one than the newest admitted",
            ));
        }
        Ok(())
    }

    fn check_body(&self, entry: &Entry, signer: &SignerState) -> Result<(), Refusal> {
        match entry.body() {
            Body::Control(control) => self
                .check_link(control)
                .and_then(|()| self.check_act(&control.act)),
            Body::Head(head) if *head != self.head => {
                Err(control_chain("the head is not the newest act"))
            }
            // ENTRY-5. Objects of refused continuations count as earlier ones too.
            Body::Continuation(next) => {
                let continues =
                    |open: OpenBatch| open.number == next.batch && open.objects <= next.earlier;
                if signer.batch.is_some_and(continues) {
                    Ok(())
                } else {
                    Err(Refusal::new(
                        RefusalCode::Malformed,
                        "the continuation does not continue the batch before",
                    ))
                }
            }
            _ => Ok(()),
        }
    }

    /// CONTROL-1.
    fn check_link(&self, control: &Control) -> Result<(), Refusal> {
        if control.number == self.head.number.next() && control.previous == self.head.id {
            Ok(())
        } else {
            Err(control_chain("the act does not follow the newest one"))
        }
    }

    /// CONTROL-5, and that an act names what there is.
    pub(crate) fn check_act(&self, act: &Act) -> Result<(), Refusal> {
        match act {
            Act::Enrol(enrol) => {
                let id = enrol.key.signer_id();
                let enrolled = self.signer(&id).filter(|signer| signer.role().is_some());
                if self.is_root(&id)
                    || enrolled.is_some_and(|signer| !signer.lacks_mailbox_only(enrol))
                {
                    return Err(control_chain("the signer is enrolled already"));
                }
                if enrol.follows.is_some_and(|old| self.signer(&old).is_none()) {
                    return Err(control_chain("the signer that is followed is not known"));
                }
            }
            Act::Revoke(revoke) => {
                if self.is_root(&revoke.signer) || self.signer(&revoke.signer).is_none() {
                    return Err(control_chain("there is no such signer to revoke"));
                }
            }
            Act::Undelegate(end) => {
                let ends = |delegation: &Delegation| {
                    delegation.number() == end.delegation && delegation.purpose() == end.purpose
                };
                if !self.delegations.iter().any(ends) {
                    return Err(control_chain("there is no such delegation to end"));
                }
            }
            Act::Recipients(recipients) => {
                let mut ids = std::collections::HashSet::new();
                for epoch in &recipients.epochs {
                    let known = self.epoch(&epoch.id).is_some() || !ids.insert(epoch.id);
                    if known || epoch.key.epoch_id() != epoch.id {
                        return Err(control_chain(
                            "an epoch is published already, or its id is not its key's",
                        ));
                    }
                }
            }
            Act::Delegate(_) | Act::Policy(_) => {}
        }
        Ok(())
    }

    /// LEAF-2.
    fn agrees<P: Past>(&self, seen: &Seen, past: &P) -> Result<bool, P::Error> {
        if seen.size > self.size {
            Ok(false)
        } else if seen.size == TreeSize::ZERO {
            Ok(seen.root == Hash::empty_root())
        } else {
            past.agrees(seen)
        }
    }

    /// Takes an act whose link and content were checked.
    pub(crate) fn apply_act(&mut self, control: &Control, index: LogIndex, applied: &mut Applied) {
        self.head = ControlHead {
            number: control.number,
            id: control.id(),
        };
        applied.standing = true;
        match &control.act {
            Act::Enrol(enrol) => {
                let id = enrol.key.signer_id();
                self.signers
                    .entry(id)
                    .or_insert_with(|| SignerState::new(enrol.key, None))
                    .enrol(enrol, index);
                applied.signers.push(id);
            }
            Act::Revoke(revoke) => {
                if let Some(signer) = self.signers.get_mut(&revoke.signer) {
                    match revoke.how {
                        Revocation::Retired(date) => signer.retired = Some(date),
                        Revocation::Compromised(from) => {
                            let from = signer.distrust(from, index);
                            applied.flagged = Some((revoke.signer, from));
                        }
                    }
                    applied.signers.push(revoke.signer);
                }
            }
            Act::Delegate(delegate) => {
                for key in &delegate.keys {
                    let id = key.signer_id();
                    if let MapEntry::Vacant(place) = self.signers.entry(id) {
                        place.insert(SignerState::new(*key, None));
                        applied.signers.push(id);
                    }
                }
                self.delegations
                    .push(Delegation::new(control.number, delegate));
            }
            Act::Undelegate(end) => self
                .delegations
                .retain(|delegation| delegation.number() != end.delegation),
            Act::Recipients(recipients) => {
                for epoch in &recipients.epochs {
                    self.epochs.insert(epoch.id, EpochState::new(index, epoch));
                }
            }
            Act::Policy(policy) => self.policy.change(policy),
        }
    }
}

impl Admissible {
    /// Where the entry will stand.
    #[must_use]
    pub fn index(&self) -> LogIndex {
        LogIndex::new(self.size.get())
    }

    /// When it is admitted.
    #[must_use]
    pub fn admitted_at(&self) -> AdmittedAt {
        self.admitted_at
    }
}

impl Effect {
    fn of(entry: &Entry) -> Self {
        let objects = u64::try_from(entry.objects().len()).unwrap_or(u64::MAX);
        match entry.body() {
            Body::Control(control) => Self::Control(Box::new(control.clone())),
            Body::Withdrawn(withdrawn) => Self::Withdrawn(withdrawn.refused),
            Body::Batch(_) => Self::Chain(Some(OpenBatch {
                number: entry.number(),
                objects,
            })),
            Body::Continuation(next) => Self::Chain(Some(OpenBatch {
                number: next.batch,
                objects: next.earlier.saturating_add(objects),
            })),
            _ => Self::Chain(None),
        }
    }
}

/// CHAIN-4.
pub(super) fn check_revocation(
    entry: &Entry,
    signer: &SignerState,
    at: AdmittedAt,
) -> Result<(), Refusal> {
    if signer
        .compromised()
        .is_some_and(|from| entry.number() >= from)
    {
        return Err(Refusal::new(
            RefusalCode::Revoked,
            "the signer is compromised from an earlier number",
        ));
    }
    if signer.retired().is_some_and(|date| at.time() >= date) {
        return Err(Refusal::new(
            RefusalCode::Revoked,
            "the signer is retired and its time has passed",
        ));
    }
    Ok(())
}

fn refused(code: RefusalCode, detail: &'static str) -> Outcome {
    Outcome::Refused(Refusal::new(code, detail))
}

fn control_chain(detail: &'static str) -> Refusal {
    Refusal::new(RefusalCode::ControlChain, detail)
}
