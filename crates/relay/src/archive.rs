//! One archive of a relay: what requests ask of it. Its sequencer is a task of its own.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tlog::{Hash, LogIndex, SignedCheckpoint, TreeSize};
use tokio::sync::{mpsc, oneshot, watch};
use wire::{ArchiveId, Refusal};

use crate::Alarm;
use crate::clock::Clock;
use crate::config::{ArchiveConfig, Sequencing};
use crate::cosign::WitnessTargetError;
use crate::directory::Directory;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::prepare::{PrepareError, Prepared};
use crate::sequencer::{Sequencer, Submission};
use crate::state::{CheckpointStore, StateError};
use crate::store::{LogStore, ObjectStore, StoreError, Uploads};
use crate::tiles::{Tiles, TilesError, time_of};
use crate::waiting::WaitingRoom;

/// Tree sizes whose roots are remembered: those that were published lately or asked for.
const ROOTS: usize = 1_024;

/// A sequenced entry is published after this long, or a store fails.
const PUBLISHED_SOON: Duration = Duration::from_secs(5);

/// Where one archive keeps what it has.
#[derive(Debug, Clone)]
pub struct Stores {
    /// The files of its log.
    pub log: Arc<dyn LogStore>,
    /// Its sealed objects.
    pub objects: Arc<dyn ObjectStore>,
    /// Its tree head and what moves with it.
    pub state: Arc<dyn CheckpointStore>,
    /// Local folder of its unfinished uploads. Beside it, in `waiting.db`, lies what waits outside
    /// the log.
    pub uploads: PathBuf,
}

/// What all archives of a relay share.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) clock: Clock,
    pub(crate) sequencing: Sequencing,
    pub(crate) limits: Limits,
}

/// A published checkpoint.
#[derive(Debug, Clone)]
pub(crate) struct Published {
    pub(crate) size: TreeSize,
    pub(crate) root: Hash,
    pub(crate) checkpoint: SignedCheckpoint,
}

/// The answer to a submitted bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submitted {
    /// A receipt for each admitted entry, in order (RECEIPT-1).
    pub receipts: Vec<String>,
    /// Why the entry behind them was refused; entries after it were not looked at.
    pub refused: Option<Refusal>,
}

/// Why a bundle got no answer. It may be submitted again, and what was admitted stays admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// Too many entries wait already.
    #[error("too many entries wait to be sequenced")]
    Busy,
    /// A store failed; the archive heals itself before the next group.
    #[error("the log can not be written now")]
    Unavailable,
    /// The archive has stopped with an alarm and sequences no more.
    #[error("the archive has stopped with an alarm")]
    Stopped,
}

/// Why an archive could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The log key can not be made.
    #[error("the archive's log key can not be made")]
    Key(#[source] tlog::SignError),
    /// A store failed.
    #[error("a store of the archive failed")]
    Store(#[from] StoreError),
    /// The state can not be read.
    #[error("the archive's state can not be read")]
    State(#[from] StateError),
    /// A file of the log can not be read.
    #[error("the archive's log can not be read")]
    Tiles(#[from] TilesError),
    /// Starting would break a promise about what was signed before (SEQ-2).
    #[error("the archive must not be served")]
    Alarm(#[from] Alarm),
    /// The archive's origin is no name of a log.
    #[error("the archive has no origin")]
    Origin,
    /// A witness can not be asked.
    #[error("a witness can not be asked")]
    Witness(#[from] WitnessTargetError),
}

/// A served archive.
#[derive(Debug)]
pub struct Archive {
    id: ArchiveId,
    stores: Stores,
    tiles: Tiles,
    uploads: Uploads,
    waiting: WaitingRoom,
    directory: Directory,
    published: watch::Receiver<Option<Arc<Published>>>,
    queue: mpsc::UnboundedSender<Submission>,
    queued: Arc<AtomicUsize>,
    queued_most: usize,
    stopped: Arc<OnceLock<Alarm>>,
    closing: watch::Sender<bool>,
    roots: Mutex<BTreeMap<u64, Hash>>,
}

impl Archive {
    /// Opens the archive, heals what a crash left, and starts its sequencer, which ends when the
    /// archive is dropped.
    ///
    /// # Errors
    ///
    /// When a store fails, or what it holds contradicts what was signed before.
    pub(crate) async fn open(
        config: ArchiveConfig,
        stores: Stores,
        shared: Shared,
    ) -> Result<(Arc<Self>, tokio::task::JoinHandle<()>), OpenError> {
        let id = config.archive;
        let uploads = Uploads::open(
            &stores.uploads,
            stores.objects.clone(),
            shared.limits.uploads_per_signer,
            shared.limits.upload_bytes,
        )?;
        let waiting = WaitingRoom::open(
            &stores.uploads.with_file_name("waiting.db"),
            shared.limits.invitations,
        )?;
        let tiles = Tiles::new(stores.log.clone());
        let directory = Directory::default();
        let stopped = Arc::new(OnceLock::new());
        let queued = Arc::new(AtomicUsize::new(0));
        let queued_most = shared.limits.queued_entries;
        let (publish, published) = watch::channel(None);
        let (closing, closed) = watch::channel(false);
        let (queue, submissions) = mpsc::unbounded_channel();
        let genesis = config.genesis.clone();
        let sequencer = Sequencer::open(
            config,
            stores.clone(),
            tiles.clone(),
            directory.clone(),
            shared,
            publish,
            stopped.clone(),
            closed,
        )
        .await?;
        let task = tokio::spawn(sequencer.run(submissions));
        let archive = Arc::new(Self {
            id,
            stores,
            tiles,
            uploads,
            waiting,
            directory,
            published,
            queue,
            queued,
            queued_most,
            stopped,
            closing,
            roots: Mutex::default(),
        });
        if let Some(genesis) = genesis.filter(|_| archive.published().is_none()) {
            archive.begin(&genesis).await;
        }
        Ok((archive, task))
    }

    /// The archive's id.
    #[must_use]
    pub fn id(&self) -> ArchiveId {
        self.id
    }

    /// Submits a bundle of 1 to 64 entries of one signer (RELAY-1) and waits until those that are
    /// admitted stand in a published checkpoint. Submitting again gives the same places.
    ///
    /// # Errors
    ///
    /// When the bundle could not be judged now; nothing of it is lost by that, and it can be
    /// submitted again.
    pub async fn submit(&self, bundle: &[u8]) -> Result<Submitted, SubmitError> {
        self.submit_prepared(Prepared::parse(bundle, self.id)).await
    }

    pub(crate) async fn submit_prepared(
        &self,
        prepared: Prepared,
    ) -> Result<Submitted, SubmitError> {
        if self.stopped().is_some() {
            return Err(SubmitError::Stopped);
        }
        let unavailable = |error: PrepareError| {
            tracing::warn!(%error, "a bundle could not be looked at");
            SubmitError::Unavailable
        };
        let prepared = prepared
            .verify(self)
            .await
            .map_err(unavailable)?
            .look(self)
            .await
            .map_err(unavailable)?;
        if prepared.entries.is_empty() {
            return Ok(Submitted {
                receipts: Vec::new(),
                refused: prepared.refused,
            });
        }
        let place = self.queue_place(prepared.entries.len())?;
        let (reply, answer) = oneshot::channel();
        self.queue
            .send(Submission {
                prepared,
                reply,
                place,
            })
            .map_err(|_| SubmitError::Stopped)?;
        answer.await.unwrap_or(Err(SubmitError::Unavailable))
    }

    /// Ends the sequencer behind the group that it works on; nothing can be submitted any more.
    pub(crate) fn close(&self) {
        self.closing.send_replace(true);
    }

    /// The alarm with which the archive has stopped.
    #[must_use]
    pub fn stopped(&self) -> Option<&Alarm> {
        self.stopped.get()
    }

    /// Leaves of the published log.
    #[must_use]
    pub fn published_size(&self) -> TreeSize {
        self.published()
            .map_or(TreeSize::ZERO, |published| published.size)
    }

    /// The published checkpoint with its cosignatures; `None` before the genesis.
    #[must_use]
    pub fn checkpoint(&self) -> Option<String> {
        self.published()
            .map(|published| published.checkpoint.to_string())
    }

    pub(crate) fn published(&self) -> Option<Arc<Published>> {
        self.published.borrow().clone()
    }

    pub(crate) fn directory(&self) -> Directory {
        self.directory.clone()
    }

    pub(crate) fn objects(&self) -> &Arc<dyn ObjectStore> {
        &self.stores.objects
    }

    pub(crate) fn state(&self) -> &Arc<dyn CheckpointStore> {
        &self.stores.state
    }

    pub(crate) fn uploads(&self) -> &Uploads {
        &self.uploads
    }

    pub(crate) fn waiting(&self) -> &WaitingRoom {
        &self.waiting
    }

    pub(crate) fn tiles(&self) -> &Tiles {
        &self.tiles
    }

    /// The root that the published log had at this size; `None` when it is smaller (LEAF-2).
    pub(crate) async fn root_at(&self, size: TreeSize) -> Result<Option<Hash>, TilesError> {
        if size == TreeSize::ZERO {
            return Ok(Some(Hash::empty_root()));
        }
        let Some(published) = self.published().filter(|published| published.size >= size) else {
            return Ok(None);
        };
        if size == published.size {
            return Ok(Some(published.root));
        }
        if let Some(root) = self
            .roots
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&size.get())
        {
            return Ok(Some(*root));
        }
        let root = self.tiles.root_at(size, published.size).await?;
        let mut roots = self.roots.lock().unwrap_or_else(PoisonError::into_inner);
        if roots.len() >= ROOTS {
            roots.pop_first();
        }
        roots.insert(size.get(), root);
        Ok(Some(root))
    }

    /// Waits until the leaf at this place, which is sequenced, is published too; gives up after a
    /// while, because a store may fail in between.
    pub(crate) async fn published_past(&self, index: LogIndex) {
        let mut published = self.published.clone();
        let there =
            published.wait_for(|now| now.as_ref().is_some_and(|now| now.size.contains(index)));
        let _ = tokio::time::timeout(PUBLISHED_SOON, there).await;
    }

    /// The leaves at these places with a proof for each, under the published checkpoint.
    pub(crate) async fn proved(
        &self,
        indexes: Vec<LogIndex>,
    ) -> Result<Vec<(LogIndex, bytes::Bytes, String)>, TilesError> {
        let Some(published) = self.published() else {
            return Ok(Vec::new());
        };
        let mut leaves = Vec::with_capacity(indexes.len());
        for index in indexes
            .into_iter()
            .filter(|index| published.size.contains(*index))
        {
            leaves.push((index, self.tiles.leaf(index, published.size).await?));
        }
        let places = leaves
            .iter()
            .map(|(index, leaf)| (*index, time_of(leaf).unwrap_or_default()))
            .collect();
        let receipts = self.tiles.receipts(published, places).await?;
        Ok(leaves
            .into_iter()
            .zip(receipts)
            .map(|((index, leaf), proof)| (index, leaf, proof))
            .collect())
    }

    /// Starts the log from a genesis that the owner has handed over.
    async fn begin(&self, genesis: &[u8]) {
        let Ok(bundle) = tlog::encode_bundle(&[genesis]) else {
            return;
        };
        match self.submit(&bundle).await {
            Ok(Submitted {
                refused: Some(refusal),
                ..
            }) => {
                tracing::error!(
                    code = refusal.code().number(),
                    "the configured genesis was refused"
                );
            }
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "the configured genesis could not be logged"),
        }
    }

    fn queue_place(&self, entries: usize) -> Result<QueuePlace, SubmitError> {
        let before = self.queued.fetch_add(entries, Ordering::SeqCst);
        let place = QueuePlace {
            queued: self.queued.clone(),
            entries,
        };
        if before.saturating_add(entries) > self.queued_most && before > 0 {
            return Err(SubmitError::Busy);
        }
        Ok(place)
    }
}

/// Room in the queue, held by the submission itself: whoever hangs up makes no room.
#[derive(Debug)]
pub(crate) struct QueuePlace {
    queued: Arc<AtomicUsize>,
    entries: usize,
}

impl Drop for QueuePlace {
    fn drop(&mut self) {
        self.queued.fetch_sub(self.entries, Ordering::SeqCst);
    }
}
