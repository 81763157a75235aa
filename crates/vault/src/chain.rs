//! From the mirror's bundles to verified entries: the one way in which the locked part, the reading
//! room and `verify` read the log. Each has its own; none believes what another has found.
//!
//! Locked part and room each keep the rows of what they have verified, so that a start takes up
//! there and verifies what came since. Rows are taken up only if whoever keeps them can tell that
//! they are its own ([`Rows`]), and if the mirror still has the tree that they speak of, under a
//! checkpoint that the log signed; otherwise everything is verified again from the first leaf.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::num::NonZeroUsize;

use tlog::{
    Bundle, ConsistencyProof, Hash, LogIndex, ProveError, Prover, SignedCheckpoint, Tile, TileEdge,
    TileReader, TileSet, TreeSize, Verdict, bundles_of_growth, decode_bundle,
};
use wire::authority::{Admitted, Authority, Past, RestoreError};
use wire::verify::{Accepted, AgainError, FollowError, Follower, ReadLeaf, Settled, VerifiedEntry};
use wire::{Act, Body, Genesis, PublicKey, Seen, SequenceNumber, SignerId, limit};

use crate::mirror::Mirror;

/// Leaves whose signatures are worth a second thread.
const WORTH_A_THREAD: usize = 256;

/// Follows the mirror's bundles, from the first leaf or from where its rows stand.
#[derive(Debug)]
pub(crate) struct Chain {
    mirror: Mirror,
    follower: Follower,
    edge: TileEdge,
    /// Leaves that were verified since this chain was made.
    verified: u64,
}

/// Everything that a follower is restored from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rows {
    pub(crate) follower: Vec<u8>,
    pub(crate) cursor: Vec<u8>,
    pub(crate) standing: Vec<u8>,
    /// By signer.
    pub(crate) signers: Vec<(SignerId, Vec<u8>)>,
}

/// What one step over the mirror gave; not yet taken over by the chain.
pub(crate) struct Advanced {
    pub(crate) settled: Settled,
    pub(crate) verdict: Verdict,
    tiles: Vec<tlog::TileData>,
    edge: TileEdge,
}

/// Why stored rows are not taken up. Nothing is lost by that: everything is verified again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResumeError {
    /// A row is damaged.
    #[error("what was verified before can not be read")]
    Rows(#[from] RestoreError),
    /// Whoever keeps the rows has not written them.
    #[error("what was verified before is not as it was written")]
    Mark,
    /// The mirror's checkpoint is older than the rows, or missing.
    #[error("the mirror's checkpoint is older than what was verified before")]
    Older,
    /// The mirror's tiles can not be read at the edge of the tree.
    #[error("the mirror's tiles can not be read")]
    Tiles(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The mirror has another tree than the rows.
    #[error("the mirror's tiles make another tree than the one verified before")]
    Tree,
}

/// Why the mirror's log is not followed further.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// A bundle is not in the mirror, or can not be read.
    #[error("reading {bundle} of the mirror")]
    Bundle {
        /// Its path below the mirror.
        bundle: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A bundle is malformed or has too few entries.
    #[error("{bundle} of the mirror is no bundle of its width")]
    Malformed {
        /// Its path below the mirror.
        bundle: String,
    },
    /// The checkpoint can not be read.
    #[error("reading the checkpoint")]
    Checkpoint(#[source] tlog::CheckpointError),
    /// The tiles over the leaves can not be computed.
    #[error("computing the tree over the mirror's leaves")]
    Tree(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The log is not as it should be.
    #[error("following the log")]
    Follow(#[from] FollowError),
    /// An entry that was verified before does not stand in its place any more.
    #[error("reading an entry again that was verified before")]
    Again(#[from] AgainError),
}

impl Rows {
    /// All rows of what is settled.
    pub(crate) fn of(follower: &Follower) -> Self {
        Self::changed(follower, follower.authority().signers().map(|(id, _)| id))
    }

    /// The rows of what is settled, of signers only these.
    pub(crate) fn changed(
        follower: &Follower,
        signers: impl IntoIterator<Item = impl std::borrow::Borrow<SignerId>>,
    ) -> Self {
        let authority = follower.authority();
        let row = |id: &SignerId| Some((*id, authority.signer_row(id)?));
        Self {
            follower: follower.row(),
            cursor: authority.cursor_row(),
            standing: authority.standing_row(),
            signers: signers
                .into_iter()
                .filter_map(|id| row(id.borrow()))
                .collect(),
        }
    }
}

impl Advanced {
    /// The root that the tree had at `size`, as far as the tiles of this step tell.
    pub(crate) fn root_at(&self, size: TreeSize) -> Option<Hash> {
        let mut tiles = TileSet::new();
        for tile in &self.tiles {
            tiles.insert_data(tile.clone());
        }
        Prover::new(&tiles, size).root().ok()
    }
}

impl ChainError {
    /// Whether the log itself shows two histories, or one that it should not have: for an alarm.
    #[must_use]
    pub fn is_alarm(&self) -> bool {
        matches!(
            self,
            Self::Follow(
                FollowError::Fork { .. }
                    | FollowError::Refused { .. }
                    | FollowError::Twice { .. }
                    | FollowError::OtherTree { .. }
            )
        )
    }
}

impl Chain {
    pub(crate) fn new(genesis: Genesis, mirror: Mirror) -> Self {
        Self {
            mirror,
            follower: Follower::new(genesis),
            edge: TileEdge::empty(),
            verified: 0,
        }
    }

    /// Takes up what was verified before. `own` says whether the rows are the keeper's own; the
    /// mirror must still have their tree, and a checkpoint at least as large.
    pub(crate) fn resume(
        genesis: Genesis,
        mirror: Mirror,
        rows: &Rows,
        note: &[u8],
        own: impl FnOnce(&Follower) -> bool,
    ) -> Result<Self, ResumeError> {
        let signers = rows.signers.iter().map(|(_, row)| row.as_slice());
        let authority = Authority::restore(genesis, &rows.cursor, &rows.standing, signers)?;
        let follower = Follower::restore(authority, &rows.follower)?;
        if !own(&follower) {
            return Err(ResumeError::Mark);
        }
        let settled = follower.settled();
        let claimed = SignedCheckpoint::parse(note)
            .map(|signed| signed.claimed().size())
            .map_err(|_| ResumeError::Older)?;
        if claimed < settled.size {
            return Err(ResumeError::Older);
        }
        let edge = TileEdge::resume(settled.size, &MirrorTiles(&mirror))
            .map_err(|error| ResumeError::Tiles(Box::new(error)))?;
        if edge.root() != settled.root {
            return Err(ResumeError::Tree);
        }
        Ok(Self {
            mirror,
            follower,
            edge,
            verified: 0,
        })
    }

    /// Leaves that were verified since this chain was made.
    pub(crate) fn verified(&self) -> u64 {
        self.verified
    }

    pub(crate) fn follower(&self) -> &Follower {
        &self.follower
    }

    /// Reads and verifies the leaves up to the checkpoint `note`, whose bundles are in the mirror.
    /// Changes nothing; [`Chain::take`] does.
    pub(crate) fn advance(
        &self,
        note: &[u8],
        admitted: &dyn Fn(&SignerId, SequenceNumber) -> Option<Admitted>,
    ) -> Result<Advanced, ChainError> {
        let claimed = SignedCheckpoint::parse(note)
            .map_err(ChainError::Checkpoint)?
            .claimed()
            .size();
        let from = self.edge.size();
        let mut leaves = Vec::new();
        for bundle in bundles_of_growth(from, claimed) {
            let first = bundle.index() * u64::from(tlog::TILE_WIDTH);
            let known = from.get().saturating_sub(first);
            let bytes = self.bundle(bundle)?;
            let entries = decode_bundle(&bytes)
                .ok()
                .filter(|entries| entries.len() >= usize::from(bundle.width()))
                .ok_or_else(|| ChainError::Malformed {
                    bundle: bundle.path(),
                })?;
            let wanted = usize::from(bundle.width()) - usize::try_from(known).unwrap_or(0);
            let skipped = usize::try_from(known).unwrap_or(usize::MAX);
            for entry in entries.into_iter().skip(skipped).take(wanted) {
                leaves.push(entry.to_vec());
            }
        }
        let hashes: Vec<Hash> = leaves.iter().map(|leaf| Hash::leaf(leaf)).collect();
        let mut edge = self.edge.clone();
        let tiles = edge.grow(&hashes);
        let mut fresh = TileSet::new();
        // The edge was compared with the settled root: a tile that was damaged since then must not
        // look like a fork.
        for tile in self.edge.tiles().into_iter().chain(tiles.iter().cloned()) {
            fresh.insert_data(tile);
        }
        let overlay = Overlay {
            fresh,
            mirror: &self.mirror,
        };
        let latest = self.follower.latest();
        let consistency = if latest.size <= claimed {
            Prover::new(&overlay, claimed)
                .consistency(latest.size)
                .map_err(tree)?
        } else {
            ConsistencyProof::default()
        };
        let accepted = self.follower.accept(note, &consistency)?;
        let verdict = accepted.verdict().clone();
        let past = MirrorPast {
            mirror: &self.mirror,
            admitted,
        };
        let mut run = self.follower.clone().follow(accepted);
        for read in self.read(leaves) {
            let index = run.next();
            let read = read.map_err(|source| FollowError::Leaf { index, source })?;
            run = run.leaf(read, &past)?;
        }
        let settled = run.settle(&ConsistencyProof::default())?;
        Ok(Advanced {
            settled,
            verdict,
            tiles,
            edge,
        })
    }

    /// Writes the hash tiles of what was verified into the mirror.
    pub(crate) fn write_tiles(&self, advanced: &Advanced) -> io::Result<()> {
        for tile in &advanced.tiles {
            self.mirror.put_tile(tile.tile(), tile.bytes())?;
        }
        Ok(())
    }

    /// Takes over what [`Chain::advance`] gave.
    pub(crate) fn take(&mut self, advanced: Advanced) -> Settled {
        self.follower = advanced.settled.follower.clone();
        self.edge = advanced.edge;
        self.verified += advanced.settled.entries.len() as u64;
        advanced.settled
    }

    /// The checkpoint `note` over exactly what is settled, for [`Chain::again`].
    pub(crate) fn accept_settled(&self, note: &[u8]) -> Result<Accepted, ChainError> {
        Ok(self.follower.accept(note, &ConsistencyProof::default())?)
    }

    /// Reads an entry again that was settled before, and believes it by its place in the settled
    /// tree, whoever kept the tree's edge.
    pub(crate) fn again(
        &self,
        accepted: &Accepted,
        index: LogIndex,
    ) -> Result<VerifiedEntry, ChainError> {
        let settled = self.follower.settled().size;
        let width = u64::from(tlog::TILE_WIDTH);
        let beyond = || FollowError::Beyond { index };
        let bundle = Bundle::in_tree(index.get() / width, settled).ok_or_else(beyond)?;
        let bytes = self.bundle(bundle)?;
        let at = usize::try_from(index.get() % width).unwrap_or(usize::MAX);
        let leaves = decode_bundle(&bytes).ok();
        let leaf = leaves
            .as_ref()
            .and_then(|leaves| leaves.get(at))
            .ok_or_else(|| ChainError::Malformed {
                bundle: bundle.path(),
            })?;
        let inclusion = Prover::new(MirrorTiles(&self.mirror), settled)
            .inclusion(index)
            .map_err(tree)?;
        Ok(self.follower.again(accepted, index, leaf, &inclusion)?)
    }

    /// Reads leaves and verifies their signatures on as many threads as are worth it. What can not
    /// be verified yet is left to the run, which judges in order.
    fn read(&self, leaves: Vec<Vec<u8>>) -> Vec<Result<ReadLeaf, wire::LeafError>> {
        let parse = |leaf: &Vec<u8>| ReadLeaf::parse(leaf);
        let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let threads = threads.min(leaves.len() / WORTH_A_THREAD);
        if threads < 2 {
            return leaves.iter().map(parse).collect();
        }
        let read: Vec<_> = leaves.iter().map(parse).collect();
        let keys = keys_named(read.iter().flatten());
        let authority = self.follower.authority();
        let key_of = |id: &SignerId| authority.key(id).or_else(|| keys.get(id).copied());
        let share = read.len().div_ceil(threads);
        let mut shares = Vec::with_capacity(threads);
        let mut rest = read;
        while !rest.is_empty() {
            let behind = rest.split_off(share.min(rest.len()));
            shares.push(std::mem::replace(&mut rest, behind));
        }
        let verify = |share: Vec<Result<ReadLeaf, wire::LeafError>>| -> Vec<_> {
            let early = |leaf: ReadLeaf| leaf.verify_early(key_of);
            share.into_iter().map(|leaf| leaf.map(early)).collect()
        };
        std::thread::scope(|scope| {
            let running: Vec<_> = shares
                .into_iter()
                .map(|share| scope.spawn(|| verify(share)))
                .collect();
            let done = running.into_iter().map(|thread| match thread.join() {
                Ok(share) => share,
                Err(panic) => std::panic::resume_unwind(panic),
            });
            done.flatten().collect()
        })
    }

    fn bundle(&self, bundle: Bundle) -> Result<Vec<u8>, ChainError> {
        read_bundle(&self.mirror, bundle).map_err(|source| ChainError::Bundle {
            bundle: bundle.path(),
            source,
        })
    }
}

/// Keys that acts among the leaves name. A signer's id is the hash of its key, so a key that fits an
/// id is that signer's, whether or not the signer is known yet.
fn keys_named<'a>(leaves: impl Iterator<Item = &'a ReadLeaf>) -> HashMap<SignerId, PublicKey> {
    let mut keys = HashMap::new();
    let mut take = |key: PublicKey| keys.insert(key.signer_id(), key);
    for leaf in leaves {
        let Body::Control(control) = leaf.entry().body() else {
            continue;
        };
        match &control.act {
            Act::Enrol(enrol) => {
                take(enrol.key);
            }
            Act::Delegate(delegate) => {
                for key in &delegate.keys {
                    take(*key);
                }
            }
            _ => {}
        }
    }
    keys
}

/// Reads a bundle, or a wider one of the same place.
pub(crate) fn read_bundle(mirror: &Mirror, bundle: Bundle) -> io::Result<Vec<u8>> {
    let limit = u64::from(tlog::TILE_WIDTH) * (limit::LEAF_BYTES as u64 + 2);
    let widths =
        (bundle.width()..=tlog::TILE_WIDTH).filter_map(|width| Bundle::new(bundle.index(), width));
    for candidate in widths {
        if let Some(bytes) = mirror.read(&mirror.bundle_path(candidate), limit)? {
            return Ok(bytes);
        }
    }
    Err(io::ErrorKind::NotFound.into())
}

/// The mirror's hash tiles.
pub(crate) struct MirrorTiles<'a>(pub(crate) &'a Mirror);

impl TileReader for MirrorTiles<'_> {
    type Error = io::Error;

    fn tile(&self, tile: Tile) -> Result<Vec<u8>, io::Error> {
        for width in tile.width()..=tlog::TILE_WIDTH {
            let candidate = Tile::new(tile.level(), tile.index(), width);
            match candidate.map(|candidate| fs::read(self.0.tile_path(candidate))) {
                Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Some(Ok(bytes)) => return Ok(bytes),
                _ => {}
            }
        }
        Err(io::ErrorKind::NotFound.into())
    }
}

struct Overlay<'a> {
    fresh: TileSet,
    mirror: &'a Mirror,
}

impl TileReader for Overlay<'_> {
    type Error = io::Error;

    fn tile(&self, tile: Tile) -> Result<Vec<u8>, io::Error> {
        self.fresh
            .tile(tile)
            .or_else(|_| MirrorTiles(self.mirror).tile(tile))
    }
}

struct MirrorPast<'a> {
    mirror: &'a Mirror,
    admitted: &'a dyn Fn(&SignerId, SequenceNumber) -> Option<Admitted>,
}

impl Past for MirrorPast<'_> {
    type Error = ProveError<io::Error>;

    fn admitted(
        &self,
        signer: &SignerId,
        number: SequenceNumber,
    ) -> Result<Option<Admitted>, Self::Error> {
        Ok((self.admitted)(signer, number))
    }

    fn agrees(&self, seen: &Seen) -> Result<bool, Self::Error> {
        Ok(Prover::new(MirrorTiles(self.mirror), seen.size).root()? == seen.root)
    }
}

fn tree(error: ProveError<io::Error>) -> ChainError {
    ChainError::Tree(Box::new(error))
}
