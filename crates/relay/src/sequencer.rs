//! The order of sequencing (SEQ-1): a group is checked, staged, sequenced, published, cosigned and
//! receipted, one group after the other. While one is on its way, the next one forms.

mod admission;
mod heal;
mod publish;

pub(crate) use admission::kind_of;

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use tlog::{LogIndex, LogSigner, Origin, TileEdge};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout_at};
use wire::authority::Authority;
use wire::{AdmittedAt, ArchiveId, Refusal};

use crate::Alarm;
use crate::archive::{OpenError, Published, QueuePlace, Shared, Stores, SubmitError, Submitted};
use crate::config::ArchiveConfig;
use crate::cosign::{Cosigners, Heard};
use crate::directory::Directory;
use crate::metrics::Metrics;
use crate::prepare::Prepared;
use crate::state::{Head, StateError};
use crate::store::StoreError;
use crate::tiles::{Tiles, TilesError};

/// A bundle that waits for its turn.
#[derive(Debug)]
pub(crate) struct Submission {
    pub(crate) prepared: Prepared,
    pub(crate) reply: oneshot::Sender<Result<Submitted, SubmitError>>,
    pub(crate) place: QueuePlace,
}

/// The sequencer of one archive. It alone moves the head.
#[derive(Debug)]
pub(crate) struct Sequencer {
    id: ArchiveId,
    origin: Origin,
    signer: LogSigner,
    stores: Stores,
    tiles: Tiles,
    directory: Directory,
    shared: Shared,
    cosigners: Cosigners,
    late: mpsc::UnboundedReceiver<Heard>,
    publish: watch::Sender<Option<Arc<Published>>>,
    stopped: Arc<OnceLock<Alarm>>,
    closing: watch::Receiver<bool>,
    /// `None` when what is in memory may differ from what is stored: nothing is sequenced then
    /// until it was read anew.
    position: Option<Position>,
}

/// Where the log stands, as it is stored.
#[derive(Debug)]
struct Position {
    head: Option<Head>,
    authority: Option<Authority>,
    edge: TileEdge,
    /// Leaves of the last bundle, which is not full.
    open: Vec<Bytes>,
}

/// What became of a submission's entries, while the receipts are not made yet.
#[derive(Debug)]
struct Judged {
    /// Places of the admitted entries, and when they were admitted, where that is known.
    admitted: Vec<(LogIndex, Option<AdmittedAt>)>,
    refused: Option<Refusal>,
    reply: oneshot::Sender<Result<Submitted, SubmitError>>,
    _place: QueuePlace,
}

/// Why a group did not get through.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("a store failed")]
    Store(#[from] StoreError),
    #[error("the state failed")]
    State(#[from] StateError),
    #[error("the log could not be read")]
    Tiles(#[from] TilesError),
    #[error("the checkpoint could not be signed")]
    Sign(#[from] tlog::SignError),
    #[error(transparent)]
    Alarm(#[from] Alarm),
}

impl Sequencer {
    #[expect(
        clippy::too_many_arguments,
        reason = "the archive hands over what the two share"
    )]
    pub(crate) async fn open(
        config: ArchiveConfig,
        stores: Stores,
        tiles: Tiles,
        directory: Directory,
        shared: Shared,
        publish: watch::Sender<Option<Arc<Published>>>,
        stopped: Arc<OnceLock<Alarm>>,
        closing: watch::Receiver<bool>,
    ) -> Result<Self, OpenError> {
        let origin = Origin::new(&config.archive.origin()).map_err(|_| OpenError::Origin)?;
        let signer =
            LogSigner::new(origin.key_name().clone(), &config.log_seed).map_err(OpenError::Key)?;
        let wait = shared.sequencing.witness_wait;
        let (cosigners, late) =
            Cosigners::new(config.witnesses, config.lines, wait, shared.metrics.clone())?;
        let mut sequencer = Self {
            id: config.archive,
            origin,
            signer,
            stores,
            tiles,
            directory,
            shared,
            cosigners,
            late,
            publish,
            stopped,
            closing,
            position: None,
        };
        sequencer.heal().await.map_err(|failed| match failed {
            Failed::Store(error) => OpenError::Store(error),
            Failed::State(error) => OpenError::State(error),
            Failed::Tiles(error) => OpenError::Tiles(error),
            Failed::Sign(error) => OpenError::Key(error),
            Failed::Alarm(alarm) => OpenError::Alarm(alarm),
        })?;
        Ok(sequencer)
    }

    /// Sequences until the archive is closed or nobody can submit any more. A group that has begun
    /// is brought to its end.
    pub(crate) async fn run(mut self, mut submissions: mpsc::UnboundedReceiver<Submission>) {
        let mut closing = self.closing.clone();
        let mut began = Instant::now();
        let rules = self.shared.sequencing.clone();
        let mut again = Instant::now() + rules.cosign_again;
        loop {
            let first = tokio::select! {
                biased;
                () = closed(&mut closing) => return,
                Some(heard) = self.late.recv() => {
                    self.cosigned_late(heard).await;
                    continue;
                }
                submission = submissions.recv() => match submission {
                    Some(submission) => submission,
                    None => return,
                },
                () = sleep_until(again) => {
                    self.again().await;
                    let pause = if self.position.is_none() { rules.heal_again } else { rules.cosign_again };
                    again = Instant::now() + pause;
                    continue;
                }
            };
            let group = self.form(first, &mut submissions, began).await;
            began = Instant::now();
            self.take_turn(group).await;
            if self.position.is_none() {
                again = Instant::now() + rules.heal_again;
            }
        }
    }

    /// Collects a group (SEQ-3). An idle sequencer begins at once; under load a group that has room waits
    /// for more until its interval is over or nothing comes any more.
    async fn form(
        &self,
        first: Submission,
        submissions: &mut mpsc::UnboundedReceiver<Submission>,
        began: Instant,
    ) -> Vec<Submission> {
        let rules = &self.shared.sequencing;
        let until = began + rules.interval;
        let (mut entries, mut bytes) = size_of(&first);
        let mut group = vec![first];
        while entries < rules.group_entries && bytes < rules.group_bytes {
            let next = match submissions.try_recv() {
                Ok(submission) => submission,
                Err(_) => {
                    let quiet = Instant::now() + rules.quiet;
                    if Instant::now() >= until {
                        break;
                    }
                    match timeout_at(quiet.min(until), submissions.recv()).await {
                        Ok(Some(submission)) => submission,
                        Ok(None) | Err(_) => break,
                    }
                }
            };
            let (more_entries, more_bytes) = size_of(&next);
            entries += more_entries;
            bytes += more_bytes;
            group.push(next);
        }
        group
    }

    /// Takes a group through, or answers everybody that it could not be done.
    async fn take_turn(&mut self, group: Vec<Submission>) {
        if self.stopped.get().is_some() {
            return refuse(group, SubmitError::Stopped);
        }
        if self.position.is_none() && !self.healed().await {
            let error = if self.stopped.get().is_some() {
                SubmitError::Stopped
            } else {
                SubmitError::Unavailable
            };
            return refuse(group, error);
        }
        let Some(position) = self.position.take() else {
            return refuse(group, SubmitError::Unavailable);
        };
        // The position is put back only by a group that got through. Every other way out of here
        // leaves `None`, and the next turn reads anew what is stored: after an error nobody knows
        // whether the head has moved.
        if let Err(failed) = self.sequence(position, group).await {
            Metrics::count(&self.shared.metrics.group_failures, 1);
            tracing::warn!(error = %chain(&failed), "a group did not get through");
            if let Failed::Alarm(alarm) = failed {
                self.stop(alarm);
            }
        }
    }

    /// Reads anew what is stored; says whether that worked.
    async fn healed(&mut self) -> bool {
        match self.heal().await {
            Ok(()) => true,
            Err(Failed::Alarm(alarm)) => {
                self.stop(alarm);
                false
            }
            Err(failed) => {
                tracing::warn!(error = %chain(&failed), "the log could not be healed yet");
                false
            }
        }
    }

    /// What is tried again from time to time while nobody submits.
    async fn again(&mut self) {
        if self.stopped.get().is_some() {
            return;
        }
        if self.position.is_none() {
            self.healed().await;
            return;
        }
        let published = self.publish.borrow().clone();
        if let Some(published) = published
            && self.cosigners.lacking(&published.checkpoint)
        {
            let heard = self.cosigners.ask(&self.tiles, &published.checkpoint).await;
            for heard in heard {
                self.cosigned_late(heard).await;
            }
        }
    }

    /// SEQ-2: nothing is signed any more; an operator must look.
    fn stop(&self, alarm: Alarm) {
        tracing::error!(%alarm, "the archive stops");
        if self.stopped.set(alarm).is_ok() {
            Metrics::count(&self.shared.metrics.stopped, 1);
        }
    }
}

async fn closed(closing: &mut watch::Receiver<bool>) {
    let _ = closing.wait_for(|closing| *closing).await;
}

fn size_of(submission: &Submission) -> (usize, usize) {
    let entries = &submission.prepared.entries;
    (
        entries.len(),
        entries
            .iter()
            .map(|prepared| prepared.entry.entry().as_bytes().len())
            .sum(),
    )
}

fn refuse(group: Vec<Submission>, error: SubmitError) {
    for submission in group {
        let _ = submission.reply.send(Err(error));
    }
}

/// An error with its causes, for the log.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
