//! Tiles: how the tree lies in storage (C2SP tlog-tiles, height 8).

use std::collections::BTreeMap;
use std::fmt;

use crate::hash::{Hash, TreeSize};

/// Hashes in a full tile, entries in a full bundle.
pub const TILE_WIDTH: u16 = 256;
/// log₂ of [`TILE_WIDTH`].
pub const TILE_HEIGHT: u32 = 8;
/// The highest level that a path may name. (TLOG-7)
pub const MAX_TILE_LEVEL: u8 = 63;

/// Which tile: level, index within the level, and width (1 to 256 hashes).
///
/// Level 0 holds leaf hashes; a hash at level L+1 is the root of a *full* tile at level L.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    level: u8,
    index: u64,
    width: u16,
}

impl Tile {
    /// A tile at `level` (0 to 63) and `index` with `width` hashes (1 to 256); nothing outside.
    pub fn new(level: u8, index: u64, width: u16) -> Option<Self> {
        let sound = level <= MAX_TILE_LEVEL
            && index <= TreeSize::MAX.get() / u64::from(TILE_WIDTH)
            && (1..=TILE_WIDTH).contains(&width);
        sound.then_some(Self {
            level,
            index,
            width,
        })
    }

    /// The tile at `level` and `index` as wide as a tree of `size` fills it; nothing if the
    /// tree does not reach it.
    pub fn in_tree(level: u8, index: u64, size: TreeSize) -> Option<Self> {
        let hashes = hashes_at(level, size);
        let first = index.checked_mul(u64::from(TILE_WIDTH))?;
        let width = hashes.saturating_sub(first).min(u64::from(TILE_WIDTH));
        Self::new(level, index, u16::try_from(width).ok()?)
    }

    /// The level; 0 holds the leaf hashes.
    pub fn level(&self) -> u8 {
        self.level
    }

    /// The place within the level; the first is 0.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// How many hashes the tile holds, 1 to 256.
    pub fn width(&self) -> u16 {
        self.width
    }

    /// Whether it holds all 256 hashes and will never change.
    pub fn is_full(&self) -> bool {
        self.width == TILE_WIDTH
    }

    /// The full tile at the same place: where a partial one may be read once it is gone.
    pub fn full(&self) -> Self {
        Self {
            width: TILE_WIDTH,
            ..*self
        }
    }

    /// The length of the tile's content, in bytes: 32 for each hash.
    pub fn byte_len(&self) -> usize {
        usize::from(self.width) * Hash::LEN
    }

    /// The path below the log's prefix: `tile/<L>/<N>[.p/<W>]`. (TLOG-7)
    pub fn path(&self) -> String {
        format!("tile/{}/{}", self.level, place(self.index, self.width))
    }

    /// Reads a path made by [`Tile::path`]; refuses every other spelling. (TLOG-7)
    pub fn parse_path(path: &str) -> Option<Self> {
        let (level, rest) = path.strip_prefix("tile/")?.split_once('/')?;
        let level = u8::try_from(crate::hash::decimal(level)?).ok()?;
        let (index, width) = parse_place(rest)?;
        Self::new(level, index, width)
    }
}

/// The path of the tile.
impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path())
    }
}

/// A tile with its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TileData {
    tile: Tile,
    bytes: Vec<u8>,
}

impl TileData {
    pub(crate) fn from_hashes(level: u8, index: u64, hashes: &[Hash]) -> Option<Self> {
        let tile = Tile::new(level, index, u16::try_from(hashes.len()).ok()?)?;
        let mut bytes = Vec::with_capacity(tile.byte_len());
        hashes
            .iter()
            .for_each(|hash| bytes.extend_from_slice(hash.as_bytes()));
        Some(Self { tile, bytes })
    }

    /// Which tile.
    pub fn tile(&self) -> Tile {
        self.tile
    }

    /// The content: the hashes one after the other, [`Tile::byte_len`] bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Gives the content away.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// The tiles to write when a tree grows from `from` to `to`: all that became full, and the
/// partial ones of the new size. Lower levels first. (TLOG-8)
pub fn tiles_of_growth(from: TreeSize, to: TreeSize) -> Vec<Tile> {
    let width = u64::from(TILE_WIDTH);
    let mut tiles = Vec::new();
    for level in 0..=MAX_TILE_LEVEL {
        let (before, after) = (hashes_at(level, from), hashes_at(level, to));
        if before >= after {
            break;
        }
        tiles.extend(
            (before / width..after.div_ceil(width))
                .filter_map(|index| Tile::in_tree(level, index, to)),
        );
    }
    tiles
}

/// The right edge's tiles of a tree of `size`: the partial tile of each level that has one.
/// They are all that [`crate::TileEdge::resume`] reads.
pub fn partial_tiles(size: TreeSize) -> Vec<Tile> {
    (0..=MAX_TILE_LEVEL)
        .map_while(|level| {
            let hashes = hashes_at(level, size);
            (hashes > 0).then(|| Tile::in_tree(level, hashes / u64::from(TILE_WIDTH), size))
        })
        .flatten()
        .collect()
}

/// Where tiles come from: a map in memory, a folder, an object store's cache.
pub trait TileReader {
    /// Why a tile could not be read.
    type Error: std::error::Error + 'static;

    /// Returns the content of `tile`: at least [`Tile::byte_len`] bytes, of which the reader of
    /// the tile uses that many. A source that no longer has a partial tile returns the full one.
    ///
    /// The content need not be true: what is computed from it is compared with a root.
    ///
    /// # Errors
    /// When the tile is missing or unreadable.
    fn tile(&self, tile: Tile) -> Result<Vec<u8>, Self::Error>;
}

impl<R: TileReader + ?Sized> TileReader for &R {
    type Error = R::Error;

    fn tile(&self, tile: Tile) -> Result<Vec<u8>, Self::Error> {
        (**self).tile(tile)
    }
}

/// Tiles held in memory: what an asynchronous caller fetched before it asks for a proof.
#[derive(Clone, Debug, Default)]
pub struct TileSet(BTreeMap<Tile, Vec<u8>>);

impl TileSet {
    /// No tiles.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds or replaces a tile's content.
    pub fn insert(&mut self, tile: Tile, bytes: Vec<u8>) {
        self.0.insert(tile, bytes);
    }

    /// Adds or replaces a tile.
    pub fn insert_data(&mut self, data: TileData) {
        self.insert(data.tile, data.bytes);
    }

    /// How many tiles it holds.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The set does not hold that tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{tile} is not in the set")]
pub struct TileMissing {
    /// The tile asked for.
    pub tile: Tile,
}

impl TileReader for TileSet {
    type Error = TileMissing;

    /// The tile itself, or any wider one at its place.
    fn tile(&self, tile: Tile) -> Result<Vec<u8>, TileMissing> {
        self.0
            .range(tile..=tile.full())
            .next()
            .map(|(_, bytes)| bytes.clone())
            .ok_or(TileMissing { tile })
    }
}

/// How many hashes stand at `level` in a tree of `size`.
pub(crate) fn hashes_at(level: u8, size: TreeSize) -> u64 {
    size.get()
        .checked_shr(u32::from(level) * TILE_HEIGHT)
        .unwrap_or(0)
}

/// `x001/x234/067`, with `.p/<W>` for less than 256.
pub(crate) fn place(index: u64, width: u16) -> String {
    let mut groups = format!("{:03}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        groups = format!("x{:03}/{groups}", rest % 1000);
        rest /= 1000;
    }
    if width < TILE_WIDTH {
        groups.push_str(&format!(".p/{width}"));
    }
    groups
}

pub(crate) fn parse_place(text: &str) -> Option<(u64, u16)> {
    // 7 groups hold any 64-bit index; longer text is no path of ours.
    if text.len() > 7 * 5 + 8 {
        return None;
    }
    let (groups, width) = match text.split_once(".p/") {
        Some((groups, width)) => (groups, u16::try_from(crate::hash::decimal(width)?).ok()?),
        None => (text, TILE_WIDTH),
    };
    let mut index = 0u64;
    for group in groups.split('/') {
        let digits = group.strip_prefix('x').unwrap_or(group);
        if digits.len() != 3 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        index = index.checked_mul(1000)?.checked_add(digits.parse().ok()?)?;
    }
    // One spelling only: leading zero groups and misplaced x are caught by writing it again.
    (place(index, width) == text).then_some((index, width))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TLOG-7: the paths of the C2SP page, and no second spelling.
    #[test]
    fn tlog_7_paths() {
        let tile = |level, index, width| Tile::new(level, index, width).unwrap();
        assert_eq!(tile(0, 1_234_067, 256).path(), "tile/0/x001/x234/067");
        assert_eq!(tile(2, 0, 1).path(), "tile/2/000.p/1");
        assert_eq!(tile(0, 273, 112).path(), "tile/0/273.p/112");
        for good in [
            "tile/0/000",
            "tile/63/x999/999",
            "tile/0/x001/x234/067.p/255",
            "tile/1/001.p/9",
        ] {
            assert_eq!(Tile::parse_path(good).unwrap().path(), good);
        }
        for bad in [
            "tile/0/0",
            "tile/00/000",
            "tile/64/000",
            "tile/0/x000/001",
            "tile/0/001/000",
            "tile/0/x001/x000",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/8/0/000",
            "tile/-1/000",
            "tile/0/",
            "tile/0/000/",
            "/tile/0/000",
            "tile/0/../000",
            "tile/0/x999/x999/x999/x999/x999/x999/999",
            "tile/entries/000",
        ] {
            assert_eq!(Tile::parse_path(bad), None, "{bad}");
        }
    }

    /// TLOG-8: the example of the C2SP page, a tree of 70,000.
    #[test]
    fn tlog_8_tiles_of_a_tree() {
        let tiles = tiles_of_growth(TreeSize::ZERO, TreeSize::new(70_000));
        let count = |level, full| {
            tiles
                .iter()
                .filter(|t| t.level() == level && t.is_full() == full)
                .count()
        };
        assert_eq!((count(0, true), count(0, false)), (273, 1));
        assert_eq!((count(1, true), count(1, false)), (1, 1));
        assert_eq!((count(2, true), count(2, false)), (0, 1));
        assert_eq!(tiles.len(), 277);
        let partial = partial_tiles(TreeSize::new(70_000));
        assert_eq!(
            partial.iter().map(Tile::path).collect::<Vec<_>>(),
            ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]
        );
        assert_eq!(
            tiles_of_growth(TreeSize::ZERO, TreeSize::new(256))
                .iter()
                .map(Tile::path)
                .collect::<Vec<_>>(),
            ["tile/0/000", "tile/1/000.p/1"]
        );
        assert!(tiles_of_growth(TreeSize::new(9), TreeSize::new(9)).is_empty());
    }
}
