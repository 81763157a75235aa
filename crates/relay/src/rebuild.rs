//! A lost relay made again from a vault's mirror: the same log, from its last mirrored checkpoint on.
//!
//! The mirror is a folder of files as C2SP tlog-tiles names them (`genesis`, `checkpoint`, `tile/…`,
//! `objects/<xx>/<hash>`). Nothing in it is believed: every leaf is judged again by the authority, and
//! the tree must be the one that the log's own key signed.
//!
//! Order, and what a crash leaves (REBUILD-2):
//! 1. the mirror's checkpoint: from here on a relay on this folder refuses to start (SEQ-2: the
//!    database is behind a signed checkpoint) until the rebuilding was repeated to its end;
//! 2. objects, tiles and bundles, which nothing refers to yet;
//! 3. the head with the signers' state, in one transaction: now the relay is whole.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use tlog::{
    Bundle, Hash, ProveError, Prover, SignedCheckpoint, Tile, TileData, TileEdge, TileReader,
    TreeSize,
};
use wire::authority::{Admitted, Past};
use wire::verify::{Accepted, FollowError, Follower, ReadLeaf, Settled};
use wire::{ArchiveId, Genesis, GenesisError, Object, Seen, SequenceNumber, SignerId, limit};

use crate::Stores;
use crate::config::{ArchiveConfig, RelayConfig};
use crate::sequencer::kind_of;
use crate::state::{Change, Head, Place, Sequenced, StateError};
use crate::store::{LogFile, StoreError};
use crate::tiles::Tiles;

/// Bundles that are judged together: 4,096 leaves.
const TOGETHER: usize = 16;

/// What was made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rebuilt {
    /// Entries of the log, up to the mirror's checkpoint.
    pub size: TreeSize,
    /// Objects that the relay has again.
    pub objects: u64,
    /// Objects that the mirror does not have, or whose bytes are damaged there. Agents that still hold
    /// them deliver them again.
    pub objects_missing: u64,
}

/// Why a relay was not made again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RebuildError {
    /// The archive is not in the relay's configuration.
    #[error("the relay is not configured for the archive {0}")]
    Archive(ArchiveId),
    /// The relay has a log of its own.
    #[error("the relay has a log of {0} entries already")]
    Standing(TreeSize),
    /// What the relay has published goes beyond the mirror; its files are not overwritten.
    #[error("the relay has published {published} entries, the mirror has {mirrored}")]
    Behind {
        /// By the relay's checkpoint.
        published: TreeSize,
        /// By the mirror's.
        mirrored: TreeSize,
    },
    /// The genesis does not name the configured log key: the log can not go on under it.
    #[error("the genesis does not name this relay's log key")]
    LogKey,
    /// A file of the mirror can not be read.
    #[error("reading {file} of the mirror")]
    File {
        /// Its path below the mirror.
        file: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The mirror's genesis can not be read.
    #[error("reading the mirror's genesis")]
    Genesis(#[source] GenesisError),
    /// The mirror's checkpoint can not be read.
    #[error("reading the mirror's checkpoint")]
    Checkpoint(#[source] tlog::CheckpointError),
    /// A bundle of the mirror is damaged.
    #[error("{file} of the mirror is no bundle of its width")]
    Bundle {
        /// Its path below the mirror.
        file: String,
    },
    /// The mirror's log is not as the log's key signed it.
    #[error("the mirror's log does not verify")]
    Follow(#[from] FollowError),
    /// A tile of the mirror is missing or damaged.
    #[error("a tile of the mirror is missing or damaged")]
    Tile(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A store of the relay failed.
    #[error("a store of the relay failed")]
    Store(#[from] StoreError),
    /// The relay's database failed.
    #[error("the relay's database failed")]
    State(#[from] StateError),
    /// The relay's folder can not be used.
    #[error("the relay can not be opened")]
    Open(#[source] Box<crate::StartError>),
    /// The work was stopped.
    #[error("the work was stopped")]
    Stopped,
}

/// Makes the log of one archive again in empty stores. See [`crate::Relay::rebuild`].
pub(crate) async fn rebuild(
    config: &RelayConfig,
    stores: Stores,
    archive: ArchiveId,
    mirror: &Path,
) -> Result<Rebuilt, RebuildError> {
    let own = config
        .archives
        .iter()
        .find(|one| one.archive == archive)
        .ok_or(RebuildError::Archive(archive))?;
    if let Some(head) = stores.state.head().await? {
        return Err(RebuildError::Standing(head.size));
    }
    let mirror = Source(Arc::new(mirror.to_owned()));
    let genesis = mirror.genesis()?;
    if genesis.archive_id() != archive {
        return Err(RebuildError::Archive(genesis.archive_id()));
    }
    names_key(&genesis, own)?;
    let note = mirror.file("checkpoint", tlog::MAX_NOTE_LEN as u64)?;
    let claimed = SignedCheckpoint::parse(&note)
        .map_err(RebuildError::Checkpoint)?
        .claimed()
        .size();
    // REBUILD-3: what was published may be more than what was mirrored.
    if let Some(bytes) = stores.log.get(&LogFile::checkpoint()).await?
        && let Ok(shown) = SignedCheckpoint::parse(&bytes)
        && shown.claimed().size() > claimed
    {
        return Err(RebuildError::Behind {
            published: shown.claimed().size(),
            mirrored: claimed,
        });
    }

    let mut made = Made {
        follower: Follower::new(genesis),
        edge: TileEdge::empty(),
        change: Change::default(),
        rebuilt: Rebuilt {
            size: claimed,
            objects: 0,
            objects_missing: 0,
        },
    };
    // Judged before anything is written.
    let accepted = made
        .follower
        .accept(&note, &tlog::ConsistencyProof::default())?;
    stores
        .log
        .put(&LogFile::checkpoint(), note.clone().into())
        .await?;
    let tiles = Tiles::new(stores.log.clone());
    let all = tlog::bundles_of_growth(TreeSize::ZERO, claimed);
    for some in all.chunks(TOGETHER) {
        made = made
            .take(&mirror, &accepted, some.to_vec(), &stores, &tiles)
            .await?;
    }
    tiles.write(made.edge.tiles(), Vec::new()).await?;
    made.finish(&stores).await
}

/// Whether nothing was ever sequenced or published in these stores.
pub(crate) async fn is_empty(stores: &Stores) -> Result<bool, RebuildError> {
    Ok(stores.state.head().await?.is_none())
}

/// REBUILD-1.
fn names_key(genesis: &Genesis, config: &ArchiveConfig) -> Result<(), RebuildError> {
    let origin = tlog::KeyName::new(&genesis.origin()).map_err(|_| RebuildError::LogKey)?;
    let signer =
        tlog::LogSigner::new(origin, &config.log_seed).map_err(|_| RebuildError::LogKey)?;
    let public = signer.verifier().public();
    let named = genesis
        .log_keys()
        .iter()
        .any(|key| key.as_bytes() == public);
    named.then_some(()).ok_or(RebuildError::LogKey)
}

/// How far the making is.
struct Made {
    follower: Follower,
    edge: TileEdge,
    change: Change,
    rebuilt: Rebuilt,
}

impl Made {
    async fn take(
        mut self,
        mirror: &Source,
        accepted: &Accepted,
        some: Vec<Bundle>,
        stores: &Stores,
        tiles: &Tiles,
    ) -> Result<Self, RebuildError> {
        let (source, follower, accepted) = (mirror.clone(), self.follower, accepted.clone());
        let total = accepted.checkpoint().size();
        let work = move || judge(&source, follower, accepted, &some, total);
        let (settled, bundles) = tokio::task::spawn_blocking(work)
            .await
            .map_err(|_| RebuildError::Stopped)??;
        self.follower = settled.follower;
        let hashes: Vec<Hash> = settled.entries.iter().map(|one| one.leaf_hash()).collect();
        let full = self.edge.grow(&hashes).into_iter();
        let full: Vec<TileData> = full.filter(|data| data.tile().is_full()).collect();
        tiles.write(full, bundles).await?;
        for one in settled.entries {
            let entry = one.entry();
            for object in entry.objects() {
                match keep(mirror, *object, stores).await? {
                    true => self.rebuilt.objects += 1,
                    false => self.rebuilt.objects_missing += 1,
                }
            }
            self.change.entries.push(Sequenced {
                signer: entry.signer(),
                number: entry.number(),
                place: Place {
                    entry: entry.id(),
                    index: one.index(),
                },
                objects: entry.objects().iter().map(|object| object.hash).collect(),
                kind: kind_of(entry),
            });
        }
        Ok(self)
    }

    async fn finish(mut self, stores: &Stores) -> Result<Rebuilt, RebuildError> {
        let authority = self.follower.authority();
        let settled = self.follower.settled();
        let signers: Vec<SignerId> = authority.signers().map(|(id, _)| id).collect();
        self.change.cursor = authority.cursor_row();
        self.change.standing = Some(authority.standing_row());
        self.change.signers = signers
            .iter()
            .filter_map(|id| Some((*id, authority.signer_row(id)?)))
            .collect();
        let head = Head {
            size: settled.size,
            root: settled.root,
            admitted_at: authority.admitted_at().unwrap_or_default(),
        };
        stores.state.advance(None, head, &self.change).await?;
        Ok(self.rebuilt)
    }
}

type Judged = (Settled, Vec<(Bundle, Bytes)>);

/// Reads and judges some bundles; what they make must be continued by the checkpoint.
fn judge(
    mirror: &Source,
    follower: Follower,
    accepted: Accepted,
    some: &[Bundle],
    total: TreeSize,
) -> Result<Judged, RebuildError> {
    let mut run = follower.follow(accepted);
    let mut bundles = Vec::with_capacity(some.len());
    for bundle in some {
        let bytes = mirror.bundle(*bundle)?;
        let damaged = || RebuildError::Bundle {
            file: bundle.path(),
        };
        let leaves = tlog::decode_bundle(&bytes).map_err(|_| damaged())?;
        let leaves = leaves
            .get(..usize::from(bundle.width()))
            .ok_or_else(damaged)?;
        for leaf in leaves {
            let index = run.next();
            let read =
                ReadLeaf::parse(leaf).map_err(|source| FollowError::Leaf { index, source })?;
            run = run.leaf(read, mirror)?;
        }
        let own = tlog::encode_bundle(leaves).map_err(|_| damaged())?;
        bundles.push((*bundle, own.into()));
    }
    let size = TreeSize::new(run.next().get());
    let proof = Prover::new(mirror, total)
        .consistency(size)
        .map_err(|error| RebuildError::Tile(Box::new(error)))?;
    Ok((run.settle(&proof)?, bundles))
}

/// Copies an object, checking its hash on the way. `false` if the mirror does not have it whole.
async fn keep(mirror: &Source, object: Object, stores: &Stores) -> Result<bool, RebuildError> {
    if stores.objects.length(object.hash).await? == Some(object.length.get()) {
        return Ok(true);
    }
    let from = mirror.object(object);
    let to = stores.uploads.join("rebuild").join(object.hash.to_string());
    let copy = to.clone();
    let whole = tokio::task::spawn_blocking(move || copied(&from, &copy, object))
        .await
        .map_err(|_| RebuildError::Stopped)?
        .map_err(StoreError::io("copy an object of the mirror"))?;
    if whole {
        stores.objects.keep(object.hash, &to).await?;
    }
    let _ = fs::remove_file(&to);
    Ok(whole)
}

fn copied(from: &Path, to: &Path, object: Object) -> io::Result<bool> {
    let mut source = match File::open(from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        other => other?,
    };
    if source.metadata()?.len() != object.length.get() {
        return Ok(false);
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut target = File::create(to)?;
    let mut context = Context::new(&SHA256);
    let mut piece = vec![0; 64 << 10];
    loop {
        let read = source.read(&mut piece)?;
        let Some(piece) = piece.get(..read).filter(|piece| !piece.is_empty()) else {
            break;
        };
        context.update(piece);
        target.write_all(piece)?;
    }
    target.sync_all()?;
    Ok(context.finish().as_ref() == object.hash.as_bytes())
}

/// The vault's mirror.
#[derive(Debug, Clone)]
struct Source(Arc<PathBuf>);

impl Source {
    fn file(&self, name: &str, most: u64) -> Result<Vec<u8>, RebuildError> {
        let failed = |source| RebuildError::File {
            file: name.to_owned(),
            source,
        };
        let file = File::open(self.0.join(name)).map_err(failed)?;
        let mut bytes = Vec::new();
        file.take(most + 1)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        if bytes.len() as u64 > most {
            return Err(failed(io::ErrorKind::InvalidData.into()));
        }
        Ok(bytes)
    }

    fn genesis(&self) -> Result<Genesis, RebuildError> {
        let bytes = self.file("genesis", limit::ENTRY_BYTES as u64)?;
        Genesis::parse(&bytes).map_err(RebuildError::Genesis)
    }

    /// A bundle, or a wider one of the same place.
    fn bundle(&self, bundle: Bundle) -> Result<Vec<u8>, RebuildError> {
        let widths = bundle.width()..=tlog::TILE_WIDTH;
        let candidates = widths.filter_map(|width| Bundle::new(bundle.index(), width));
        let path = candidates
            .map(|candidate| candidate.path())
            .find(|path| self.0.join(path).exists());
        let most = u64::from(tlog::TILE_WIDTH) * (limit::LEAF_BYTES as u64 + 2);
        self.file(&path.unwrap_or_else(|| bundle.path()), most)
    }

    fn object(&self, object: Object) -> PathBuf {
        let name = object.hash.to_string();
        let shelf = name.get(..2).unwrap_or_default();
        self.0.join("objects").join(shelf).join(&name)
    }
}

impl TileReader for &Source {
    type Error = io::Error;

    fn tile(&self, tile: Tile) -> Result<Vec<u8>, io::Error> {
        let widths = tile.width()..=tlog::TILE_WIDTH;
        let candidates = widths.filter_map(|width| Tile::new(tile.level(), tile.index(), width));
        let path = candidates
            .map(|candidate| self.0.join(candidate.path()))
            .find(|path| path.exists());
        fs::read(path.unwrap_or_else(|| self.0.join(tile.path())))
    }
}

impl Past for Source {
    type Error = ProveError<io::Error>;

    /// A number is never asked for again in a log that is followed from its first leaf.
    fn admitted(&self, _: &SignerId, _: SequenceNumber) -> Result<Option<Admitted>, Self::Error> {
        Ok(None)
    }

    fn agrees(&self, seen: &Seen) -> Result<bool, Self::Error> {
        Ok(Prover::new(self, seen.size).root()? == seen.root)
    }
}
