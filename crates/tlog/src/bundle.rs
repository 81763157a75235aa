//! Entry bundles: the leaves' bytes, 256 to a file (C2SP tlog-tiles, "Log entries").

use std::fmt;

use crate::hash::{Hash, TreeSize};
use crate::tile::{self, TILE_WIDTH, Tile};

/// The longest entry that a bundle can carry, in bytes.
pub const MAX_ENTRY_LEN: usize = u16::MAX as usize;
/// The longest bundle, in bytes: 256 of the longest entries with their lengths.
pub const MAX_BUNDLE_LEN: usize = TILE_WIDTH as usize * (2 + MAX_ENTRY_LEN);

/// Which bundle: its entries are the leaves of the level-0 tile of the same index and width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bundle(Tile);

impl Bundle {
    /// The bundle at `index` with `width` entries (1 to 256); nothing outside.
    pub fn new(index: u64, width: u16) -> Option<Self> {
        Tile::new(0, index, width).map(Self)
    }

    /// The bundle at `index` as wide as a tree of `size` fills it.
    pub fn in_tree(index: u64, size: TreeSize) -> Option<Self> {
        Tile::in_tree(0, index, size).map(Self)
    }

    /// The place; the first is 0, and begins at log index 256 × place.
    pub fn index(&self) -> u64 {
        self.0.index()
    }

    /// How many entries the bundle holds, 1 to 256.
    pub fn width(&self) -> u16 {
        self.0.width()
    }

    /// Whether it holds all 256 entries and will never change.
    pub fn is_full(&self) -> bool {
        self.0.is_full()
    }

    /// The full bundle at the same place.
    pub fn full(&self) -> Self {
        Self(self.0.full())
    }

    /// The tile with the leaf hashes of these entries.
    pub fn tile(&self) -> Tile {
        self.0
    }

    /// The path below the log's prefix: `tile/entries/<N>[.p/<W>]`. (TLOG-7)
    pub fn path(&self) -> String {
        format!(
            "tile/entries/{}",
            tile::place(self.0.index(), self.0.width())
        )
    }

    /// Reads a path made by [`Bundle::path`]; refuses every other spelling. (TLOG-7)
    pub fn parse_path(path: &str) -> Option<Self> {
        let (index, width) = tile::parse_place(path.strip_prefix("tile/entries/")?)?;
        Self::new(index, width)
    }
}

/// The path of the bundle.
impl fmt::Display for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path())
    }
}

/// The bundles to write when a log grows from `from` to `to` entries.
pub fn bundles_of_growth(from: TreeSize, to: TreeSize) -> Vec<Bundle> {
    let width = u64::from(TILE_WIDTH);
    if from >= to {
        return Vec::new();
    }
    (from.get() / width..to.get().div_ceil(width))
        .filter_map(|index| Bundle::in_tree(index, to))
        .collect()
}

/// Why a bundle could not be written or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// No entry at all.
    #[error("a bundle holds at least one entry")]
    Empty,
    /// More than 256 entries.
    #[error("a bundle holds at most 256 entries")]
    TooMany,
    /// An entry is longer than 65,535 bytes.
    #[error("entry {place} has {len} bytes, more than a bundle can carry")]
    EntryTooLong {
        /// Its place in the bundle.
        place: usize,
        /// Its length in bytes.
        len: usize,
    },
    /// The bytes end inside an entry or its length.
    #[error("the bundle ends inside entry {place}")]
    Truncated {
        /// The place of the entry that is cut.
        place: usize,
    },
    /// A bundle has another number of entries than its path says.
    #[error("the bundle has {got} entries of {want}")]
    WrongCount {
        /// Entries that came.
        got: usize,
        /// Entries that the path promises.
        want: usize,
    },
    /// The entries do not hash to their tile.
    #[error("entry {place} does not hash to its tile")]
    LeafDiffers {
        /// Its place in the bundle.
        place: usize,
    },
}

/// Writes entries one after the other, each behind its length as 16-bit big-endian. (TLOG-9)
///
/// # Errors
/// When there is none or more than 256, or one is longer than 65,535 bytes.
pub fn encode_bundle<E: AsRef<[u8]>>(entries: &[E]) -> Result<Vec<u8>, BundleError> {
    if entries.is_empty() {
        return Err(BundleError::Empty);
    }
    if entries.len() > usize::from(TILE_WIDTH) {
        return Err(BundleError::TooMany);
    }
    let mut bytes = Vec::with_capacity(entries.iter().map(|entry| 2 + entry.as_ref().len()).sum());
    for (place, entry) in entries.iter().enumerate() {
        let entry = entry.as_ref();
        let len = u16::try_from(entry.len()).map_err(|_| BundleError::EntryTooLong {
            place,
            len: entry.len(),
        })?;
        bytes.extend_from_slice(&len.to_be_bytes());
        bytes.extend_from_slice(entry);
    }
    Ok(bytes)
}

/// Reads a bundle's entries, 1 to 256; nothing may follow the last. (TLOG-9)
///
/// # Errors
/// When the bytes end too early, or hold no entry or more than 256.
pub fn decode_bundle(bytes: &[u8]) -> Result<Vec<&[u8]>, BundleError> {
    if bytes.is_empty() {
        return Err(BundleError::Empty);
    }
    let mut entries = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let place = entries.len();
        if place == usize::from(TILE_WIDTH) {
            return Err(BundleError::TooMany);
        }
        let cut = BundleError::Truncated { place };
        let (len, after) = rest.split_first_chunk::<2>().ok_or(cut)?;
        let len = usize::from(u16::from_be_bytes(*len));
        let (entry, after) = after.split_at_checked(len).ok_or(cut)?;
        entries.push(entry);
        rest = after;
    }
    Ok(entries)
}

/// Reads the entries of `bundle` and checks each against its leaf hash in the level-0 tile of
/// the same place (`tile_bytes`, which may be wider). Whether the tile belongs to the tree is
/// another question. (TLOG-9)
///
/// # Errors
/// When the bundle is malformed, has fewer entries than its width, or one hashes to another leaf.
pub fn decode_checked_bundle<'a>(
    bundle: Bundle,
    bytes: &'a [u8],
    tile_bytes: &[u8],
) -> Result<Vec<&'a [u8]>, BundleError> {
    let mut entries = decode_bundle(bytes)?;
    let want = usize::from(bundle.width());
    let hashes = tile_bytes.as_chunks::<{ Hash::LEN }>().0;
    let got = entries.len().min(hashes.len());
    if got < want {
        return Err(BundleError::WrongCount { got, want });
    }
    entries.truncate(want);
    for (place, (entry, hash)) in entries.iter().zip(hashes).enumerate() {
        if Hash::leaf(entry).as_bytes() != hash {
            return Err(BundleError::LeafDiffers { place });
        }
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TLOG-9: what is written is read, and nothing else is.
    #[test]
    fn tlog_9_bundles() {
        let long = vec![7; MAX_ENTRY_LEN];
        let entries: [&[u8]; 3] = [b"one", b"", &long];
        let bytes = encode_bundle(&entries).unwrap();
        assert_eq!(&bytes[..7], b"\x00\x03one\x00\x00");
        assert_eq!(decode_bundle(&bytes).unwrap(), entries);
        assert_eq!(decode_bundle(&[]), Err(BundleError::Empty));
        assert_eq!(encode_bundle::<&[u8]>(&[]), Err(BundleError::Empty));
        assert_eq!(
            decode_bundle(&bytes[..1]),
            Err(BundleError::Truncated { place: 0 })
        );
        assert_eq!(
            decode_bundle(&bytes[..bytes.len() - 1]),
            Err(BundleError::Truncated { place: 2 })
        );
        assert_eq!(encode_bundle(&vec![b""; 257]), Err(BundleError::TooMany));
        assert_eq!(decode_bundle(&[0; 514]), Err(BundleError::TooMany));
        assert_eq!(decode_bundle(&[0; 512]).unwrap().len(), 256);
        assert_eq!(
            encode_bundle(&[vec![0; 65_536]]),
            Err(BundleError::EntryTooLong {
                place: 0,
                len: 65_536
            })
        );
    }

    /// TLOG-9: entries must hash to their tile.
    #[test]
    fn tlog_9_bundle_against_tile() {
        let entries = [b"a", b"b"];
        let bytes = encode_bundle(&entries).unwrap();
        let mut tile: Vec<u8> = entries
            .iter()
            .flat_map(|e| *Hash::leaf(*e).as_bytes())
            .collect();
        let bundle = Bundle::new(0, 2).unwrap();
        assert_eq!(
            decode_checked_bundle(bundle, &bytes, &tile).unwrap(),
            entries
        );
        assert_eq!(
            decode_checked_bundle(Bundle::new(0, 1).unwrap(), &bytes, &tile).unwrap(),
            [b"a"]
        );
        assert_eq!(
            decode_checked_bundle(Bundle::new(0, 3).unwrap(), &bytes, &tile),
            Err(BundleError::WrongCount { got: 2, want: 3 })
        );
        tile[40] ^= 1;
        assert_eq!(
            decode_checked_bundle(bundle, &bytes, &tile),
            Err(BundleError::LeafDiffers { place: 1 })
        );
    }

    /// TLOG-7: bundles lie under `tile/entries/`.
    #[test]
    fn tlog_7_bundle_paths() {
        assert_eq!(
            Bundle::new(1_234_067, 255).unwrap().path(),
            "tile/entries/x001/x234/067.p/255"
        );
        assert_eq!(Bundle::parse_path("tile/entries/000"), Bundle::new(0, 256));
        assert_eq!(Bundle::parse_path("tile/0/000"), None);
        let grown = bundles_of_growth(TreeSize::new(255), TreeSize::new(513));
        assert_eq!(
            grown.iter().map(Bundle::path).collect::<Vec<_>>(),
            [
                "tile/entries/000",
                "tile/entries/001",
                "tile/entries/002.p/1"
            ]
        );
    }
}
