//! The right edge of a tree as tiles: what a sequencer keeps, and what it writes.

use crate::hash::{Hash, TreeSize};
use crate::prove::{ProveError, read_hashes};
use crate::tile::{self, TILE_WIDTH, TileData, TileReader};

/// The partial tile of each level, in memory: at most 255 hashes a level.
///
/// The order that survives a crash (write tiles, then sign the checkpoint) is the caller's;
/// tiles are a function of the leaves, so writing one again writes the same bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TileEdge {
    size: TreeSize,
    levels: Vec<Vec<Hash>>,
}

impl TileEdge {
    /// The edge of the empty tree.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Takes up a tree of `size` from its stored partial tiles ([`crate::partial_tiles`]).
    /// The caller compares [`TileEdge::root`] with the checkpoint it signed last.
    ///
    /// # Errors
    /// When a tile can not be read or is too short.
    pub fn resume<R: TileReader>(size: TreeSize, reader: &R) -> Result<Self, ProveError<R::Error>> {
        let mut edge = Self {
            size,
            levels: Vec::new(),
        };
        for tile in tile::partial_tiles(size) {
            edge.levels.resize_with(usize::from(tile.level()), Vec::new);
            edge.levels.push(read_hashes(reader, tile)?);
        }
        Ok(edge)
    }

    /// How many leaves stand in the tree.
    pub fn size(&self) -> TreeSize {
        self.size
    }

    /// The partial tiles that are held here.
    pub fn tiles(&self) -> Vec<TileData> {
        let partial = tile::partial_tiles(self.size).into_iter();
        partial
            .filter_map(|tile| {
                let hashes = self.levels.get(usize::from(tile.level()))?;
                TileData::from_hashes(tile.level(), tile.index(), hashes)
            })
            .collect()
    }

    /// Appends leaf hashes; returns the tiles to write, which are exactly
    /// [`crate::tiles_of_growth`] from the former size to the new one: every tile that became
    /// full, and the partial ones that changed. (TLOG-8)
    pub fn grow(&mut self, leaves: &[Hash]) -> Vec<TileData> {
        let from = self.size;
        let mut written = Vec::new();
        self.push(0, leaves, from, &mut written);
        self.size = TreeSize::new(from.get() + leaves.len() as u64);
        for tile in tile::tiles_of_growth(from, self.size) {
            let hashes = self.levels.get(usize::from(tile.level()));
            if let (false, Some(hashes)) = (tile.is_full(), hashes) {
                written.extend(TileData::from_hashes(tile.level(), tile.index(), hashes));
            }
        }
        written
    }

    /// The root of the tree as it stands.
    pub fn root(&self) -> Hash {
        // From the top level down, so that each lower level's remainder joins at the right.
        let mut larger_first: Vec<Hash> = Vec::new();
        for level in self.levels.iter().rev() {
            let mut rest = level.as_slice();
            while !rest.is_empty() {
                let (complete, others) = rest.split_at(1 << rest.len().ilog2());
                larger_first.push(complete_root(complete));
                rest = others;
            }
        }
        larger_first
            .into_iter()
            .rev()
            .reduce(|right, left| Hash::node(&left, &right))
            .unwrap_or_else(Hash::empty_root)
    }

    fn push(&mut self, level: u8, hashes: &[Hash], from: TreeSize, written: &mut Vec<TileData>) {
        let depth = usize::from(level);
        if self.levels.len() <= depth {
            self.levels.resize_with(depth + 1, Vec::new);
        }
        let mut index = tile::hashes_at(level, from) / u64::from(TILE_WIDTH);
        let mut rest = hashes;
        let mut roots = Vec::new();
        let Some(open) = self.levels.get_mut(depth) else {
            return;
        };
        while !rest.is_empty() {
            let room = usize::from(TILE_WIDTH) - open.len();
            let (now, later) = rest.split_at(room.min(rest.len()));
            open.extend_from_slice(now);
            rest = later;
            if open.len() == usize::from(TILE_WIDTH) {
                written.extend(TileData::from_hashes(level, index, open));
                roots.push(complete_root(open));
                open.clear();
                index += 1;
            }
        }
        if !roots.is_empty() {
            self.push(level + 1, &roots, from, written);
        }
    }
}

/// The root over a power of two of hashes.
fn complete_root(hashes: &[Hash]) -> Hash {
    let mut row = pair_up(hashes);
    if row.is_empty() {
        return hashes.first().copied().unwrap_or_else(Hash::empty_root);
    }
    while row.len() > 1 {
        row = pair_up(&row);
    }
    row.first().copied().unwrap_or_else(Hash::empty_root)
}

/// The row above: one node for each two hashes; an odd last one is left out.
pub(crate) fn pair_up(row: &[Hash]) -> Vec<Hash> {
    row.as_chunks::<2>()
        .0
        .iter()
        .map(|[left, right]| Hash::node(left, right))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frontier::Frontier;
    use crate::testing::{leaves, plain_root};
    use crate::tile::{TileSet, tiles_of_growth};

    /// TLOG-8: whatever the batches, the same tiles, and the root of the definition.
    #[test]
    fn tlog_8_growth_writes_the_tiles_of_the_new_size() {
        let leaves = leaves(70_000);
        for batch in [1, 7, 255, 256, 257, 1000, 70_000] {
            let leaves = if batch < 255 {
                &leaves[..1500]
            } else {
                &leaves[..]
            };
            let (mut edge, mut frontier) = (TileEdge::empty(), Frontier::empty());
            for chunk in leaves.chunks(batch) {
                let from = edge.size();
                let mut written: Vec<_> = edge.grow(chunk).iter().map(TileData::tile).collect();
                frontier.extend(chunk);
                written.sort();
                let mut wanted = tiles_of_growth(from, edge.size());
                wanted.sort();
                assert_eq!(written, wanted);
                assert_eq!(edge.root(), frontier.root());
            }
            assert_eq!(edge.root(), plain_root(leaves));
        }
    }

    #[test]
    fn resumes_from_partial_tiles() {
        let leaves = leaves(66_000);
        for size in [
            0usize, 1, 2, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 65_999,
        ] {
            let mut edge = TileEdge::empty();
            let mut set = TileSet::new();
            edge.grow(&leaves[..size])
                .into_iter()
                .for_each(|tile| set.insert_data(tile));
            let mut again = TileEdge::resume(edge.size(), &set).unwrap();
            assert_eq!(again.root(), edge.root());
            again.grow(&leaves[size..]);
            assert_eq!(again.root(), plain_root(&leaves));
        }
        assert!(TileEdge::resume(TreeSize::new(5), &TileSet::new()).is_err());
    }
}
