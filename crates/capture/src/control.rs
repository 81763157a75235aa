//! The control chain as this agent has read it: who has authority, and which epochs to seal to.

use canonical::Milliseconds;
use seal::{ForGovernance, ForRecords, Purpose, RecipientKey};
use tlog::LogIndex;
use wire::authority::Authority;
use wire::verify::{ControlReadError, ControlReader, StandingEntry};
use wire::{
    Act, Control, EpochUse, Genesis, Leaf, LeafError, PublishedEpoch, RetentionClass,
    SequenceNumber, SignerId,
};

use crate::spool::{Spool, SpoolError};
use crate::submission::Halt;

/// All acts read so far, in order.
#[derive(Debug)]
pub struct ControlChain {
    reader: ControlReader,
    epochs: Vec<PublishedEpoch>,
    /// When the newest delegation of heads was admitted: from then on they are expected.
    heads_from: Option<Milliseconds>,
}

/// Why the control chain can not be taken up or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// An act is not believed.
    #[error("reading an act of the control chain")]
    Act(#[from] ControlReadError),
    /// A kept leaf can not be read.
    #[error("reading a kept act of the control chain")]
    Kept(#[source] LeafError),
    /// The spool failed.
    #[error("keeping the control chain")]
    Spool(#[from] SpoolError),
}

/// There is nothing to seal to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the archive has published no epoch to seal to: neither of this period nor a reserve")]
pub struct NoEpoch;

impl ControlChain {
    /// The acts that were kept.
    ///
    /// # Errors
    ///
    /// When a kept act is not what it was when it was verified.
    pub fn open(genesis: Genesis, spool: &Spool) -> Result<Self, ControlError> {
        let mut chain = Self {
            reader: ControlReader::new(genesis)?,
            epochs: Vec::new(),
            heads_from: None,
        };
        for (index, leaf) in spool.control()? {
            let leaf = Leaf::parse(&leaf).map_err(ControlError::Kept)?;
            let act = chain.reader.take_kept(&leaf, LogIndex::new(index))?;
            chain.took(&act, leaf.admitted_at().time());
        }
        Ok(chain)
    }

    /// The authority in force after the acts read.
    pub fn authority(&self) -> &Authority {
        self.reader.authority()
    }

    /// What verifies leaves, receipts and acts.
    pub fn reader(&self) -> &ControlReader {
        &self.reader
    }

    /// Takes and keeps the next act, which stands in the log.
    ///
    /// # Errors
    ///
    /// When it has no authority or the spool fails; the chain is as before then.
    pub fn take(
        &mut self,
        standing: &StandingEntry,
        leaf: &[u8],
        spool: &mut Spool,
    ) -> Result<(), ControlError> {
        let mut reader = self.reader.clone();
        let act = reader.take(standing)?;
        spool.keep_control(act.number.get(), standing.index().get(), leaf)?;
        self.reader = reader;
        self.took(&act, standing.admitted_at().time());
        Ok(())
    }

    /// The epoch that records of a class are sealed to now: the period's, or the class's reserve.
    ///
    /// # Errors
    ///
    /// When neither was published.
    pub fn seal_to(
        &self,
        class: RetentionClass,
        now: Milliseconds,
    ) -> Result<RecipientKey<ForRecords>, NoEpoch> {
        self.epoch(EpochUse::Period, class, now)
            .or_else(|| self.epoch(EpochUse::Reserve, class, now))
            .ok_or(NoEpoch)
    }

    /// What the chain says of a signer that submits `next`; `denied`: the relay does not take it.
    /// Nothing where it may submit, and is.
    pub fn halts(
        &self,
        signer: &SignerId,
        next: SequenceNumber,
        denied: bool,
        now: Milliseconds,
    ) -> Option<Halt> {
        let enrolled = self.authority().signer(signer);
        let Some(state) = enrolled.filter(|state| state.role().is_some()) else {
            return denied.then_some(Halt::NotEnrolled);
        };
        // A relay takes no object of a compromised signer, also for numbers that still count. And
        // when a date has come is the relay's clock to say, unless this one contradicts it.
        let compromised = state
            .compromised()
            .is_some_and(|from| denied || next >= from);
        let retired = denied && state.retired().is_some_and(|date| date <= now);
        if compromised || retired {
            return Some(Halt::Revoked);
        }
        denied.then_some(Halt::Denied)
    }

    /// Since when no signed head of the chain was shown, if that is longer than the policy says.
    /// `shown`: when the newest was admitted. Heads are only expected where somebody has been
    /// delegated to sign them.
    pub fn stale_since(
        &self,
        shown: Option<Milliseconds>,
        now: Milliseconds,
    ) -> Option<Milliseconds> {
        let authority = self.authority();
        let expected = authority.delegations().iter().any(|delegation| {
            delegation.purpose() == wire::Purpose::Head && now < delegation.until()
        });
        let from = self.heads_from.filter(|_| expected)?;
        // A relay that dates a head into the future gains nothing.
        let last = shown.map_or(from, |shown| from.max(shown.min(now)));
        (now.since(last) > milliseconds(authority.policy().head_stale)).then_some(last)
    }

    /// The governance epoch that details are sealed to now.
    ///
    /// # Errors
    ///
    /// When none was published.
    pub fn governance(&self, now: Milliseconds) -> Result<RecipientKey<ForGovernance>, NoEpoch> {
        self.epochs
            .iter()
            .rev()
            .filter(|epoch| epoch.usage == EpochUse::Governance && within(epoch, now))
            .find_map(|epoch| RecipientKey::new(&epoch.key).ok())
            .ok_or(NoEpoch)
    }

    /// The newest that fits. A reserve fits always.
    fn epoch<P: Purpose>(
        &self,
        usage: EpochUse,
        class: RetentionClass,
        now: Milliseconds,
    ) -> Option<RecipientKey<P>> {
        self.epochs
            .iter()
            .rev()
            .filter(|epoch| epoch.usage == usage && epoch.class == class)
            .filter(|epoch| usage == EpochUse::Reserve || within(epoch, now))
            .find_map(|epoch| RecipientKey::new(&epoch.key).ok())
    }

    fn took(&mut self, act: &Control, at: Milliseconds) {
        match &act.act {
            Act::Recipients(recipients) => {
                self.epochs.extend(recipients.epochs.iter().cloned());
            }
            Act::Delegate(delegate) if delegate.purpose == wire::Purpose::Head => {
                self.heads_from = Some(at);
            }
            _ => {}
        }
    }
}

/// A time of the policy.
pub(crate) fn milliseconds(seconds: wire::Seconds) -> i64 {
    i64::try_from(seconds.get())
        .unwrap_or(i64::MAX)
        .saturating_mul(1_000)
}

fn within(epoch: &PublishedEpoch, now: Milliseconds) -> bool {
    (epoch.from..epoch.until).contains(&now)
}
