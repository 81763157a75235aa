//! Judging with a part of the log: what a proof file shows.

use tlog::LogIndex;

use super::Authority;
use super::admit::{Applied, check_revocation};
use crate::body::Body;
use crate::entry::Entry;
use crate::id::AdmittedAt;
use crate::leaf::Leaf;
use crate::refusal::{Refusal, RefusalCode};

impl Authority {
    /// Takes a control entry of the log with index `index`; acts between may not have been shown.
    /// Gives whether the act follows the newest one directly. `whole`: it did for all before.
    pub(crate) fn take_shown(
        &mut self,
        leaf: &Leaf,
        index: LogIndex,
        whole: bool,
    ) -> Result<bool, Refusal> {
        let entry = leaf.entry().clone();
        let Body::Control(control) = entry.body().clone() else {
            return Err(Refusal::new(
                RefusalCode::ControlChain,
                "this is no act of the control chain",
            ));
        };
        let signed = entry.verify_signatures(|id| self.key(id))?;
        self.judge_alone(signed.entry(), leaf.admitted_at())?;
        // CONTROL-1: a gap can not be checked, a link can.
        let next = control.number == self.head.number.next();
        if control.number <= self.head.number || (next && control.previous != self.head.id) {
            return Err(Refusal::new(
                RefusalCode::ControlChain,
                "the act does not follow the one shown before",
            ));
        }
        if whole && next {
            self.check_act(&control.act)?;
        }
        let mut applied = Applied {
            index,
            signers: Vec::new(),
            standing: false,
            flagged: None,
        };
        self.apply_act(&control, index, &mut applied);
        Ok(next)
    }

    /// Archive, standing, role and signatures of an entry whose chain is not shown.
    pub(crate) fn judge_alone(&self, entry: &Entry, at: AdmittedAt) -> Result<(), Refusal> {
        if entry.archive() != self.archive {
            return Err(Refusal::new(
                RefusalCode::ForeignArchive,
                "the entry names another archive",
            ));
        }
        let Some(signer) = self.signer(&entry.signer()) else {
            return Err(Refusal::new(
                RefusalCode::UnknownSigner,
                "the signer is neither enrolled nor delegated to",
            ));
        };
        check_revocation(entry, signer, at)?;
        self.permit(entry, at)
    }
}
