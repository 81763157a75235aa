//! The control chain as this agent has read it: who has authority, and which epochs to seal to.

use canonical::Milliseconds;
use seal::{ForGovernance, ForRecords, Purpose, RecipientKey};
use tlog::LogIndex;
use wire::authority::Authority;
use wire::verify::{ControlReadError, ControlReader, StandingEntry};
use wire::{Act, Control, EpochUse, Genesis, Leaf, LeafError, PublishedEpoch, RetentionClass};

use crate::spool::{Spool, SpoolError};

/// All acts read so far, in order.
#[derive(Debug)]
pub struct ControlChain {
    reader: ControlReader,
    epochs: Vec<PublishedEpoch>,
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
        };
        for (index, leaf) in spool.control()? {
            let leaf = Leaf::parse(&leaf).map_err(ControlError::Kept)?;
            let act = chain.reader.take_kept(&leaf, LogIndex::new(index))?;
            chain.published(&act);
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
        self.published(&act);
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

    fn published(&mut self, act: &Control) {
        if let Act::Recipients(recipients) = &act.act {
            self.epochs.extend(recipients.epochs.iter().cloned());
        }
    }
}

fn within(epoch: &PublishedEpoch, now: Milliseconds) -> bool {
    (epoch.from..epoch.until).contains(&now)
}
