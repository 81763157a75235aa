//! From the mirror's bundles to verified entries: the one way in which the locked part, the reading
//! room and `verify` read the log. Each has its own; none believes what another has found.

use std::fs;
use std::io;

use tlog::{
    Bundle, Hash, ProveError, Prover, SignedCheckpoint, Tile, TileEdge, TileReader, TileSet,
    Verdict, bundles_of_growth, decode_bundle,
};
use wire::authority::{Admitted, Past};
use wire::verify::{FollowError, Follower, ReadLeaf, Settled};
use wire::{Genesis, Seen, SequenceNumber, SignerId, limit};

use crate::mirror::Mirror;

/// Follows the mirror's bundles from the first leaf on.
#[derive(Debug)]
pub(crate) struct Chain {
    mirror: Mirror,
    follower: Follower,
    edge: TileEdge,
}

/// What one step over the mirror gave; not yet taken over by the chain.
pub(crate) struct Advanced {
    pub(crate) settled: Settled,
    pub(crate) verdict: Verdict,
    tiles: Vec<tlog::TileData>,
    edge: TileEdge,
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
        }
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
        for tile in &tiles {
            fresh.insert_data(tile.clone());
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
            tlog::ConsistencyProof::default()
        };
        let accepted = self.follower.accept(note, &consistency)?;
        let verdict = accepted.verdict().clone();
        let past = MirrorPast {
            mirror: &self.mirror,
            admitted,
        };
        let mut run = self.follower.clone().follow(accepted);
        for leaf in &leaves {
            let index = run.next();
            let read =
                ReadLeaf::parse(leaf).map_err(|source| FollowError::Leaf { index, source })?;
            run = run.leaf(read, &past)?;
        }
        let settled = run.settle(&tlog::ConsistencyProof::default())?;
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
        advanced.settled
    }

    fn bundle(&self, bundle: Bundle) -> Result<Vec<u8>, ChainError> {
        read_bundle(&self.mirror, bundle).map_err(|source| ChainError::Bundle {
            bundle: bundle.path(),
            source,
        })
    }
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
