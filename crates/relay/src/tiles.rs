//! The log's tiles and bundles: reading them with a small cache, writing what a group changes.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tlog::{
    Bundle, ConsistencyProof, Hash, LogIndex, ProveError, Prover, Tile, TileData, TileEdge,
    TileReader, TreeSize,
};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use wire::AdmittedAt;

use crate::archive::Published;
use crate::store::{LogFile, LogStore, StoreError};

/// Tiles that are kept in memory: at most 8 KiB each, 16 MiB in all.
const CACHED: usize = 2_048;

/// Proofs that are made at once. Each holds a thread that may wait for another one, which reads the
/// store: without a bound, all threads could come to wait for each other.
const PROVING: usize = 16;

/// Why a tile or a leaf could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TilesError {
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file of the log is missing or short.
    #[error("the log's file {path} is missing or damaged")]
    Damaged {
        /// Its path.
        path: String,
    },
    /// The work was stopped.
    #[error("the work was stopped")]
    Stopped,
}

/// Reads and writes the tiles of one log.
#[derive(Debug, Clone)]
pub(crate) struct Tiles {
    store: Arc<dyn LogStore>,
    cache: Arc<Mutex<Cache>>,
    proving: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct Cache {
    tiles: HashMap<(u8, u64), (Tile, Bytes)>,
    order: VecDeque<(u8, u64)>,
}

impl Tiles {
    pub(crate) fn new(store: Arc<dyn LogStore>) -> Self {
        Self {
            store,
            cache: Arc::default(),
            proving: Arc::new(Semaphore::new(PROVING)),
        }
    }

    /// The bytes of a tile in the tree of `size`, which must reach it.
    ///
    /// Of a place at the tree's edge the store keeps only the newest width, so the width asked for
    /// is cut from that: tiles only ever grow at their end.
    pub(crate) async fn tile(&self, tile: Tile, size: TreeSize) -> Result<Bytes, TilesError> {
        let cached = self
            .cache
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(tile);
        let bytes = match cached {
            Some(bytes) => bytes,
            None => {
                let newest = Tile::in_tree(tile.level(), tile.index(), size).unwrap_or(tile);
                let bytes = self
                    .widest(tile.path(), newest.path(), tile.full().path())
                    .await?;
                self.cache
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(newest, bytes.clone());
                bytes
            }
        };
        if bytes.len() < tile.byte_len() {
            return Err(TilesError::Damaged { path: tile.path() });
        }
        Ok(bytes.slice(..tile.byte_len()))
    }

    /// The root that the tree of `tree` leaves had at `size`.
    pub(crate) async fn root_at(&self, size: TreeSize, tree: TreeSize) -> Result<Hash, TilesError> {
        self.proving(tree, move |reader| Prover::new(reader, size).root())
            .await
    }

    /// The right edge of the tree at `size`, read from the tiles of the tree of `tree` leaves.
    pub(crate) async fn edge_at(
        &self,
        size: TreeSize,
        tree: TreeSize,
    ) -> Result<TileEdge, TilesError> {
        self.proving(tree, move |reader| TileEdge::resume(size, &reader))
            .await
    }

    /// What shows that the tree of `to` leaves continues that of `from`.
    pub(crate) async fn consistency(
        &self,
        from: TreeSize,
        to: TreeSize,
    ) -> Result<ConsistencyProof, TilesError> {
        self.proving(to, move |reader| Prover::new(reader, to).consistency(from))
            .await
    }

    /// A receipt for each place and time of admission (RECEIPT-1). One prover for all, which
    /// reads each tile once.
    pub(crate) async fn receipts(
        &self,
        published: Arc<Published>,
        places: Vec<(LogIndex, AdmittedAt)>,
    ) -> Result<Vec<String>, TilesError> {
        let tree = published.size;
        self.proving(tree, move |reader| {
            let mut prover = Prover::new(reader, tree);
            let mut receipts = Vec::with_capacity(places.len());
            for (index, at) in places {
                let inclusion = prover.inclusion(index)?;
                let proof =
                    wire::verify::receipt(at, index, inclusion, published.checkpoint.clone());
                // Eight bytes of time are always few enough.
                receipts.push(proof.map(|proof| proof.to_string()).unwrap_or_default());
            }
            Ok(receipts)
        })
        .await
    }

    /// Runs a proof away from the threads that serve requests; its reader may wait for the store.
    async fn proving<T: Send + 'static>(
        &self,
        tree: TreeSize,
        prove: impl FnOnce(WaitingReader) -> Result<T, ProveError<TilesError>> + Send + 'static,
    ) -> Result<T, TilesError> {
        let _turn = self
            .proving
            .acquire()
            .await
            .map_err(|_| TilesError::Stopped)?;
        let reader = WaitingReader {
            tiles: self.clone(),
            tree,
            runtime: Handle::current(),
        };
        match tokio::task::spawn_blocking(move || prove(reader)).await {
            Ok(Ok(proof)) => Ok(proof),
            Ok(Err(ProveError::Read { source, .. })) => Err(source),
            Ok(Err(other)) => Err(TilesError::Damaged {
                path: other.to_string(),
            }),
            Err(_) => Err(TilesError::Stopped),
        }
    }

    /// The bytes of a bundle in the tree of `size`, which must reach it.
    pub(crate) async fn bundle(&self, bundle: Bundle, size: TreeSize) -> Result<Bytes, TilesError> {
        let newest = Bundle::in_tree(bundle.index(), size).unwrap_or(bundle);
        let bytes = self
            .widest(bundle.path(), newest.path(), bundle.full().path())
            .await?;
        let damaged = || TilesError::Damaged {
            path: bundle.path(),
        };
        let entries = tlog::decode_bundle(&bytes).map_err(|_| damaged())?;
        let wanted = entries
            .get(..usize::from(bundle.width()))
            .ok_or_else(damaged)?;
        let length: usize = wanted.iter().map(|entry| entry.len() + 2).sum();
        Ok(bytes.slice(..length))
    }

    /// When the leaf at this place was admitted (LEAF-1).
    pub(crate) async fn admitted_at(
        &self,
        index: LogIndex,
        size: TreeSize,
    ) -> Result<AdmittedAt, TilesError> {
        time_of(&self.leaf(index, size).await?).ok_or_else(|| TilesError::Damaged {
            path: format!("leaf {index}"),
        })
    }

    /// The bytes of one leaf.
    pub(crate) async fn leaf(&self, index: LogIndex, size: TreeSize) -> Result<Bytes, TilesError> {
        let width = u64::from(tlog::TILE_WIDTH);
        let damaged = || TilesError::Damaged {
            path: format!("leaf {index}"),
        };
        let bundle = Bundle::in_tree(index.get() / width, size).ok_or_else(damaged)?;
        let bytes = self.bundle(bundle, size).await?;
        let entries = tlog::decode_bundle(&bytes).map_err(|_| damaged())?;
        let place = usize::try_from(index.get() % width).map_err(|_| damaged())?;
        let leaf = entries.get(place).copied().ok_or_else(damaged)?;
        Ok(bytes.slice_ref(leaf))
    }

    /// Writes tiles and the bundles of the same growth; returns only once all are durable.
    pub(crate) async fn write(
        &self,
        tiles: Vec<TileData>,
        bundles: Vec<(Bundle, Bytes)>,
    ) -> Result<(), StoreError> {
        let tiles: Vec<(Tile, Bytes)> = tiles
            .into_iter()
            .map(|data| (data.tile(), data.into_bytes().into()))
            .collect();
        let files = tiles
            .iter()
            .map(|(tile, bytes)| (LogFile::tile(tile.path()), bytes.clone()))
            .chain(
                bundles
                    .into_iter()
                    .map(|(bundle, bytes)| (LogFile::tile(bundle.path()), bytes)),
            );
        // Nothing is still being written after an error: it would meet the healing.
        self.store.put_all(files.collect()).await?;
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        for (tile, bytes) in tiles {
            cache.insert(tile, bytes);
        }
        Ok(())
    }

    /// The partial tiles and bundles of `old` that the tree of `new` has outgrown. To be removed
    /// only once the checkpoint of `new` is published: until then they are what readers come for.
    pub(crate) fn outgrown(old: TreeSize, new: TreeSize) -> Vec<LogFile> {
        let tiles = tlog::partial_tiles(old)
            .into_iter()
            .filter(|tile| Tile::in_tree(tile.level(), tile.index(), new) != Some(*tile));
        let mut files: Vec<LogFile> = tiles.map(|tile| LogFile::tile(tile.path())).collect();
        let last = old.get() / u64::from(tlog::TILE_WIDTH);
        if let Some(bundle) =
            Bundle::in_tree(last, old).filter(|bundle| Bundle::in_tree(last, new) != Some(*bundle))
        {
            files.push(LogFile::tile(bundle.path()));
        }
        files
    }

    async fn widest(
        &self,
        exact: String,
        newest: String,
        full: String,
    ) -> Result<Bytes, TilesError> {
        let mut last = String::new();
        // The exact file first: a wider one may have been torn by a crash in the middle of a
        // growth that is still to be healed.
        for path in [exact.clone(), newest, full] {
            if path == last {
                continue;
            }
            if let Some(bytes) = self.store.get(&LogFile::tile(path.clone())).await? {
                return Ok(bytes);
            }
            last = path;
        }
        Err(TilesError::Damaged { path: exact })
    }
}

/// The time at the beginning of a leaf (LEAF-1).
pub(crate) fn time_of(leaf: &[u8]) -> Option<AdmittedAt> {
    AdmittedAt::from_be_bytes(*leaf.first_chunk::<8>()?)
}

/// Reads tiles of the tree of `tree` leaves for a proof on a thread that may wait.
struct WaitingReader {
    tiles: Tiles,
    tree: TreeSize,
    runtime: Handle,
}

impl TileReader for WaitingReader {
    type Error = TilesError;

    fn tile(&self, tile: Tile) -> Result<Vec<u8>, TilesError> {
        self.runtime
            .block_on(self.tiles.tile(tile, self.tree))
            .map(|bytes| bytes.to_vec())
    }
}

impl Cache {
    fn get(&self, tile: Tile) -> Option<Bytes> {
        let (held, bytes) = self.tiles.get(&(tile.level(), tile.index()))?;
        (held.width() >= tile.width()).then(|| bytes.clone())
    }

    fn insert(&mut self, tile: Tile, bytes: Bytes) {
        let key = (tile.level(), tile.index());
        if self.tiles.insert(key, (tile, bytes)).is_none() {
            self.order.push_back(key);
        }
        while self.order.len() > CACHED {
            if let Some(oldest) = self.order.pop_front() {
                self.tiles.remove(&oldest);
            }
        }
    }
}
