//! Signs of life, in the clear: opaque handles, states, counts.

use wire::{AccountHandle, AccountState, Body, CaptureState, EntryDraft, Heartbeat, limit};

use crate::agent::{Agent, KeepError};
use crate::spool::Group;

impl Agent {
    /// Puts a heartbeat into the spool: for every account its state and counts, and how many
    /// entries wait. More accounts than one takes go into further ones.
    ///
    /// It names the last verified checkpoint (LEAF-2): if the log is ever replaced by another, a
    /// heartbeat shows it.
    ///
    /// # Errors
    ///
    /// When it could not be made durable.
    pub fn heartbeat(&self, accounts: &[(AccountHandle, CaptureState)]) -> Result<u64, KeepError> {
        let now = self.environment().now();
        let mut spool = self.spool();
        let waiting = spool.counts()?.waiting;
        let seen = spool.seen()?;
        let mut at = spool.tip()?.next;
        let mut group = Group::default();
        // Also without an account an agent says that it lives.
        let one_empty = accounts.is_empty().then_some(&[][..]);
        for some in accounts.chunks(limit::HEARTBEAT_ACCOUNTS).chain(one_empty) {
            let accounts = some
                .iter()
                .map(|(account, state)| {
                    let counts = spool.account_counts(account)?;
                    Ok(AccountState {
                        account: *account,
                        state: *state,
                        captured: counts.captured,
                        losses: counts.losses,
                    })
                })
                .collect::<Result<Vec<_>, KeepError>>()?;
            let body = Body::Heartbeat(Heartbeat {
                accounts,
                waiting,
                details: None,
            });
            let sealer = self.sealer();
            let draft = EntryDraft::new(sealer.archive(), sealer.signer().id(), at, body, now)
                .with_seen(seen);
            group.entries.push(sealer.bare(draft, &mut at)?);
        }
        spool.append(&group)?;
        Ok(group.entries.len() as u64)
    }
}

/// The entry's state for what a connector reports.
pub fn capture_state(state: connector::State) -> CaptureState {
    match state {
        connector::State::Connected => CaptureState::Connected,
        connector::State::Lagging => CaptureState::Lagging,
        connector::State::Silent => CaptureState::Silent,
        connector::State::Unlinked => CaptureState::Unlinked,
        connector::State::Expired => CaptureState::Expired,
        connector::State::Stopped => CaptureState::Stopped,
        connector::State::Importing => CaptureState::Importing,
    }
}
