//! Proofs made from tiles, which are their only source. (TLOG-5)

use std::cell::RefCell;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use crate::edge::pair_up;
use crate::frontier::Frontier;
use crate::hash::{Hash, LogIndex, TreeSize};
use crate::proof::{ConsistencyProof, InclusionProof};
use crate::tile::{TILE_HEIGHT, TILE_WIDTH, Tile, TileReader};

/// Why a proof or a root could not be made from tiles.
#[derive(Debug, thiserror::Error)]
pub enum ProveError<E: std::error::Error + 'static> {
    /// A tile could not be read.
    #[error("reading {tile}")]
    Read {
        /// The tile.
        tile: Tile,
        /// Why.
        #[source]
        source: E,
    },
    /// A tile's content is shorter than the tile.
    #[error("{tile} has {got} bytes of {want}")]
    Short {
        /// The tile.
        tile: Tile,
        /// Bytes that came.
        got: usize,
        /// Bytes that were asked for.
        want: usize,
    },
    /// The tree has no leaf at that index.
    #[error("a tree of {size} leaves has none at index {index}")]
    IndexOutside {
        /// The index asked for.
        index: LogIndex,
        /// The tree's size.
        size: TreeSize,
    },
    /// The older size is larger than the tree.
    #[error("no proof from {from} leaves to a smaller tree of {to}")]
    Shrinks {
        /// The older size.
        from: TreeSize,
        /// The tree's size.
        to: TreeSize,
    },
}

/// Makes proofs in one tree of a fixed size. Keeps each tile that it has read, with its inner
/// nodes (16 KiB a tile), so that many proofs at one checkpoint cost little each; drop it to
/// free them.
///
/// Tiles are taken on trust: a proof from false tiles does not verify, so a caller that did not
/// write them verifies what it made.
#[derive(Debug)]
pub struct Prover<R> {
    reader: R,
    size: TreeSize,
    /// Rows of each tile: its hashes, then one row for each height above, within the tile.
    tiles: BTreeMap<(u8, u64), Vec<Vec<Hash>>>,
    /// Roots of the incomplete subtrees that end at the tree's edge, by their first leaf.
    ragged: BTreeMap<u64, Hash>,
}

impl<R: TileReader> Prover<R> {
    /// A prover in the tree of `size` whose tiles `reader` has.
    pub fn new(reader: R, size: TreeSize) -> Self {
        Self {
            reader,
            size,
            tiles: BTreeMap::new(),
            ragged: BTreeMap::new(),
        }
    }

    /// The tree's size.
    pub fn size(&self) -> TreeSize {
        self.size
    }

    /// The tree's root.
    ///
    /// # Errors
    /// When a tile is missing or short.
    pub fn root(&mut self) -> Result<Hash, ProveError<R::Error>> {
        self.range(0, self.size.get())
    }

    /// The leaf hash at `index`.
    ///
    /// # Errors
    /// When the index is outside, or a tile is missing or short.
    pub fn leaf(&mut self, index: LogIndex) -> Result<Hash, ProveError<R::Error>> {
        self.inside(index)?;
        self.node(0, index.get())
    }

    /// The proof that the leaf at `index` stands in this tree. (TLOG-2)
    ///
    /// # Errors
    /// When the index is outside, or a tile is missing or short.
    pub fn inclusion(&mut self, index: LogIndex) -> Result<InclusionProof, ProveError<R::Error>> {
        self.inside(index)?;
        let (mut start, mut end) = (0, self.size.get());
        let mut root_first = Vec::new();
        while end - start > 1 {
            let middle = start + split(end - start);
            if index.get() < middle {
                root_first.push(self.range(middle, end)?);
                end = middle;
            } else {
                root_first.push(self.range(start, middle)?);
                start = middle;
            }
        }
        root_first.reverse();
        Ok(InclusionProof::from_hashes(root_first).unwrap_or_default())
    }

    /// The proof that this tree continues its own first `from` leaves. Empty from the empty
    /// tree and from the same size. (TLOG-4)
    ///
    /// # Errors
    /// When `from` is larger than the tree, or a tile is missing or short.
    pub fn consistency(
        &mut self,
        from: TreeSize,
    ) -> Result<ConsistencyProof, ProveError<R::Error>> {
        if from > self.size {
            return Err(ProveError::Shrinks {
                from,
                to: self.size,
            });
        }
        if from == TreeSize::ZERO || from == self.size {
            return Ok(ConsistencyProof::default());
        }
        let (mut start, mut end) = (0, self.size.get());
        let mut root_first = Vec::new();
        // Down to the subtree whose right end is the older tree's right end.
        while end != from.get() {
            let middle = start + split(end - start);
            if from.get() <= middle {
                root_first.push(self.range(middle, end)?);
                end = middle;
            } else {
                root_first.push(self.range(start, middle)?);
                start = middle;
            }
        }
        // An older tree that is one complete subtree is known to the verifier.
        if start != 0 {
            root_first.push(self.range(start, end)?);
        }
        root_first.reverse();
        Ok(ConsistencyProof::from_hashes(root_first).unwrap_or_default())
    }

    /// The compact right edge of this tree.
    ///
    /// # Errors
    /// When a tile is missing or short.
    pub fn frontier(&mut self) -> Result<Frontier, ProveError<R::Error>> {
        let (mut start, mut edge) = (0, Vec::new());
        for height in (0..u64::BITS).rev() {
            let leaves = 1u64 << height;
            if self.size.get() & leaves != 0 {
                edge.push(self.node(height, start >> height)?);
                start += leaves;
            }
        }
        Ok(Frontier::resume(self.size, edge).unwrap_or_default())
    }

    fn inside(&self, index: LogIndex) -> Result<(), ProveError<R::Error>> {
        if self.size.contains(index) {
            Ok(())
        } else {
            Err(ProveError::IndexOutside {
                index,
                size: self.size,
            })
        }
    }

    /// The root over the leaves from `start` to before `end`: a subtree of this tree, so either
    /// complete or ending at the tree's edge.
    fn range(&mut self, start: u64, end: u64) -> Result<Hash, ProveError<R::Error>> {
        let leaves = end - start;
        if leaves == 0 {
            return Ok(Hash::empty_root());
        }
        if leaves.is_power_of_two() {
            let height = leaves.ilog2();
            return self.node(height, start >> height);
        }
        if let Some(known) = self.ragged.get(&start) {
            return Ok(*known);
        }
        let middle = start + split(leaves);
        let left = self.range(start, middle)?;
        let right = self.range(middle, end)?;
        let root = Hash::node(&left, &right);
        self.ragged.insert(start, root);
        Ok(root)
    }

    /// The root of the complete subtree of 2^`height` leaves at `place` in its row.
    fn node(&mut self, height: u32, place: u64) -> Result<Hash, ProveError<R::Error>> {
        // A row that is a multiple of 8 high lies in the tile that has it as its bottom row.
        let level = u8::try_from(height / TILE_HEIGHT).unwrap_or(u8::MAX);
        let row = height % TILE_HEIGHT;
        let first = place << row;
        let index = first / u64::from(TILE_WIDTH);
        let column = (first % u64::from(TILE_WIDTH)) >> row;
        let rows = self.rows(level, index)?;
        let found = rows
            .get(row as usize)
            .and_then(|hashes| hashes.get(usize::try_from(column).ok()?))
            .copied();
        found.ok_or(ProveError::IndexOutside {
            index: LogIndex::new(place << height),
            size: self.size,
        })
    }

    fn rows(&mut self, level: u8, index: u64) -> Result<&[Vec<Hash>], ProveError<R::Error>> {
        let slot = match self.tiles.entry((level, index)) {
            Entry::Occupied(known) => return Ok(known.into_mut()),
            Entry::Vacant(slot) => slot,
        };
        let outside = ProveError::IndexOutside {
            index: LogIndex::new(index),
            size: self.size,
        };
        let tile = Tile::in_tree(level, index, self.size).ok_or(outside)?;
        let mut rows = vec![read_hashes(&self.reader, tile)?];
        while let Some(row) = rows.last().filter(|row| row.len() > 1) {
            rows.push(pair_up(row));
        }
        Ok(slot.insert(rows))
    }
}

/// The inclusion proof of one leaf. For many, keep a [`Prover`].
///
/// # Errors
/// When the index is outside, or a tile is missing or short.
pub fn prove_inclusion<R: TileReader>(
    reader: &R,
    index: LogIndex,
    size: TreeSize,
) -> Result<InclusionProof, ProveError<R::Error>> {
    Prover::new(reader, size).inclusion(index)
}

/// The consistency proof between two sizes of one log.
///
/// # Errors
/// When `from` is larger than `to`, or a tile is missing or short.
pub fn prove_consistency<R: TileReader>(
    reader: &R,
    from: TreeSize,
    to: TreeSize,
) -> Result<ConsistencyProof, ProveError<R::Error>> {
    Prover::new(reader, to).consistency(from)
}

/// The tiles that [`prove_inclusion`] will read: for callers that must fetch them first.
pub fn tiles_for_inclusion(index: LogIndex, size: TreeSize) -> Vec<Tile> {
    tiles_read(size, |prover| prover.inclusion(index).is_ok())
}

/// The tiles that [`prove_consistency`] will read: for callers that must fetch them first.
pub fn tiles_for_consistency(from: TreeSize, to: TreeSize) -> Vec<Tile> {
    tiles_read(to, |prover| prover.consistency(from).is_ok())
}

pub(crate) fn read_hashes<R: TileReader>(
    reader: &R,
    tile: Tile,
) -> Result<Vec<Hash>, ProveError<R::Error>> {
    let bytes = reader
        .tile(tile)
        .map_err(|source| ProveError::Read { tile, source })?;
    let short = ProveError::Short {
        tile,
        got: bytes.len(),
        want: tile.byte_len(),
    };
    let wanted = bytes.get(..tile.byte_len()).ok_or(short)?;
    Ok(wanted
        .as_chunks::<{ Hash::LEN }>()
        .0
        .iter()
        .map(|hash| Hash::from_bytes(*hash))
        .collect())
}

/// Runs a proof over blank tiles and notes which were asked for.
fn tiles_read(size: TreeSize, prove: impl FnOnce(&mut Prover<&Noting>) -> bool) -> Vec<Tile> {
    let noting = Noting::default();
    if !prove(&mut Prover::new(&noting, size)) {
        return Vec::new();
    }
    noting.0.into_inner().into_iter().collect()
}

#[derive(Default)]
struct Noting(RefCell<BTreeSet<Tile>>);

impl TileReader for Noting {
    type Error = Infallible;

    fn tile(&self, tile: Tile) -> Result<Vec<u8>, Infallible> {
        self.0.borrow_mut().insert(tile);
        Ok(vec![0; tile.byte_len()])
    }
}

/// The largest power of two that is smaller than `leaves` (RFC 6962's k); `leaves` is above 1.
fn split(leaves: u64) -> u64 {
    1 << (leaves - 1).ilog2()
}
