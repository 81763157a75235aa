//! Step 1 of the order: the entries of a group against the state that the group before left.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;

use tlog::{LogIndex, TreeSize};
use wire::authority::{Admitted, Authority, Outcome, Past};
use wire::{
    AdmittedAt, Body, ControlNumber, Entry, ObjectHash, Refusal, RefusalCode, Seen, SequenceNumber,
    SignedEntry, SignerId,
};

use super::{Failed, Judged, Sequencer, Submission};
use crate::prepare::{PreparedEntry, Signatures};
use crate::state::{CheckpointStore, Place, Sequenced, SequencedKind};

/// The judgement on a whole group.
#[derive(Debug)]
pub(super) struct Judgement {
    pub(super) submissions: Vec<Judged>,
    /// New leaves, in order; each is `admitted_at ‖ entry`.
    pub(super) leaves: Vec<bytes::Bytes>,
    pub(super) sequenced: Vec<Sequenced>,
    /// Signers whose row changed.
    pub(super) signers: HashSet<SignerId>,
    pub(super) standing: bool,
}

/// Looks up everything that the judgement will need, so that it runs without waiting.
#[derive(Debug, Default)]
pub(super) struct Known {
    places: HashMap<(SignerId, SequenceNumber), Place>,
    owners: HashMap<ObjectHash, LogIndex>,
}

/// What [`Authority::check`] asks about one entry.
struct Answers<'a> {
    known: &'a Known,
    agrees: bool,
}

impl Past for Answers<'_> {
    type Error = Infallible;

    fn admitted(
        &self,
        signer: &SignerId,
        number: SequenceNumber,
    ) -> Result<Option<Admitted>, Infallible> {
        let place = self.known.places.get(&(*signer, number));
        Ok(place.map(|place| Admitted {
            id: place.entry,
            index: place.index,
        }))
    }

    /// Compared before the entry's turn with the published log; a size beyond that was not
    /// published when the entry was made, so nobody can have seen it.
    fn agrees(&self, _: &Seen) -> Result<bool, Infallible> {
        Ok(self.agrees)
    }
}

impl Known {
    pub(super) async fn of(
        group: &[Submission],
        authority: Option<&Authority>,
        state: &dyn CheckpointStore,
    ) -> Result<Self, Failed> {
        let entries = || {
            group
                .iter()
                .flat_map(|submission| &submission.prepared.entries)
                .map(|one| one.entry.entry())
        };
        let old = |entry: &&Entry| {
            authority
                .and_then(|authority| authority.signer(&entry.signer()))
                .is_some_and(|signer| entry.number() < signer.next())
        };
        let mut known = Self::default();
        let numbers: Vec<_> = entries()
            .filter(old)
            .map(|entry| (entry.signer(), entry.number()))
            .collect();
        if !numbers.is_empty() {
            let places = state.places(&numbers).await?;
            known.places = numbers
                .into_iter()
                .zip(places)
                .filter_map(|(of, place)| Some((of, place?)))
                .collect();
        }
        let objects: Vec<_> = entries()
            .flat_map(Entry::objects)
            .map(|object| object.hash)
            .collect();
        if !objects.is_empty() {
            let owners = state.owners(&objects).await?;
            known.owners = objects
                .into_iter()
                .zip(owners)
                .filter_map(|(of, owner)| Some((of, owner?)))
                .collect();
        }
        Ok(known)
    }
}

impl Sequencer {
    /// Judges a group and moves the authority on. The authority given is of no use after an error.
    pub(super) fn judge(
        &self,
        group: Vec<Submission>,
        authority: &mut Option<Authority>,
        mut known: Known,
        now: AdmittedAt,
    ) -> Judgement {
        let mut judgement = Judgement {
            submissions: Vec::with_capacity(group.len()),
            leaves: Vec::new(),
            sequenced: Vec::new(),
            signers: HashSet::new(),
            standing: false,
        };
        for Submission {
            prepared,
            reply,
            place,
        } in group
        {
            let mut admitted = Vec::with_capacity(prepared.entries.len());
            let mut refused = prepared.refused;
            for one in prepared.entries {
                match self.judge_entry(one, authority, &mut known, now, &mut judgement) {
                    Ok(place) => admitted.push(place),
                    Err(refusal) => {
                        refused = Some(refusal);
                        break;
                    }
                }
            }
            judgement.submissions.push(Judged {
                admitted,
                refused,
                reply,
                _place: place,
            });
        }
        judgement
    }

    fn judge_entry(
        &self,
        one: PreparedEntry,
        authority: &mut Option<Authority>,
        known: &mut Known,
        now: AdmittedAt,
        judgement: &mut Judgement,
    ) -> Result<(LogIndex, Option<AdmittedAt>), Refusal> {
        let PreparedEntry {
            entry,
            missing,
            agrees,
        } = one;
        let mut moved = match authority.take() {
            Some(authority) => authority,
            None => self.begin(entry.entry())?,
        };
        let judged = Self::admit(entry, missing, agrees, &mut moved, known, now, judgement);
        // Only an admitted genesis makes an authority.
        *authority = Some(moved).filter(|authority| authority.size() > TreeSize::ZERO);
        judged
    }

    fn admit(
        entry: Signatures,
        missing: Option<wire::Object>,
        agrees: bool,
        authority: &mut Authority,
        known: &mut Known,
        now: AdmittedAt,
        judgement: &mut Judgement,
    ) -> Result<(LogIndex, Option<AdmittedAt>), Refusal> {
        let signed = verified(entry, authority)?;
        let at = authority.admission_time(now);
        let Ok(verdict) = authority.check(&signed, at, &Answers { known, agrees });
        let admissible = match verdict {
            Outcome::Same { index } => return Ok((index, None)),
            Outcome::Refused(refusal) => return Err(refusal),
            Outcome::Admissible(admissible) => admissible,
        };
        let entry = signed.entry();
        if let Some(object) = missing {
            let detail = format!(
                "object {} is not here with {} bytes",
                object.hash, object.length
            );
            return Err(Refusal::new(RefusalCode::ObjectMissing, detail));
        }
        // ENTRY-5.
        if let Some(taken) = entry
            .objects()
            .iter()
            .find(|object| known.owners.contains_key(&object.hash))
        {
            let detail = format!("object {} belongs to another entry", taken.hash);
            return Err(Refusal::new(RefusalCode::ObjectTaken, detail));
        }
        let applied = authority
            .apply(admissible)
            .map_err(|error| Refusal::new(RefusalCode::TooBusy, error.to_string()))?;
        let place = Place {
            entry: entry.id(),
            index: applied.index,
        };
        known.places.insert((entry.signer(), entry.number()), place);
        known.owners.extend(
            entry
                .objects()
                .iter()
                .map(|object| (object.hash, applied.index)),
        );
        judgement.signers.extend(applied.signers);
        judgement.standing |= applied.standing;
        judgement.leaves.push(leaf(at, entry));
        judgement.sequenced.push(Sequenced {
            signer: entry.signer(),
            number: entry.number(),
            place,
            objects: entry.objects().iter().map(|object| object.hash).collect(),
            kind: kind_of(entry),
        });
        Ok((applied.index, Some(at)))
    }

    /// BEGIN-1, GENESIS-1, GENESIS-2: the log begins with the genesis that hashes to this archive's id and
    /// names this relay's log key.
    fn begin(&self, entry: &Entry) -> Result<Authority, Refusal> {
        let Body::Genesis(genesis) = entry.body() else {
            return Err(Refusal::new(
                RefusalCode::UnknownSigner,
                "the archive has no genesis yet",
            ));
        };
        if genesis.archive_id() != self.id {
            return Err(Refusal::new(
                RefusalCode::ForeignArchive,
                "the genesis is of another archive",
            ));
        }
        let own = self.signer.verifier().public();
        if !genesis.log_keys().iter().any(|key| key.as_bytes() == own) {
            return Err(Refusal::new(
                RefusalCode::NotAllowed,
                "the genesis does not name this relay's log key",
            ));
        }
        Ok(Authority::new(genesis.clone()))
    }
}

/// Verifies now what could not be verified before, because a signer was not known yet.
fn verified(entry: Signatures, authority: &Authority) -> Result<SignedEntry, Refusal> {
    match entry {
        Signatures::Verified(signed) => Ok(*signed),
        Signatures::Open(entry) => entry.verify_signatures(|id| authority.key(id)),
    }
}

fn leaf(at: AdmittedAt, entry: &Entry) -> bytes::Bytes {
    let mut leaf = Vec::with_capacity(8 + entry.as_bytes().len());
    leaf.extend_from_slice(&at.to_be_bytes());
    leaf.extend_from_slice(entry.as_bytes());
    leaf.into()
}

/// What the relay finds again by its kind.
pub(crate) fn kind_of(entry: &Entry) -> SequencedKind {
    match entry.body() {
        Body::Genesis(_) => SequencedKind::Control(ControlNumber::new(0)),
        Body::Control(control) => SequencedKind::Control(control.number),
        Body::Stored(_) => SequencedKind::Stored,
        Body::Head(_) => SequencedKind::Head,
        Body::Mail(mail) => SequencedKind::Mail(mail.addressee),
        _ => SequencedKind::Other,
    }
}
