//! `verify`: the whole archive again, from the mirror's files alone, naming the place of whatever is
//! not as it was.
//!
//! Everything hangs from the fingerprint: it fixes the genesis, which fixes the log's keys, which
//! sign the checkpoint, whose root fixes every hash tile from the top level down, whose leaves fix
//! every entry, which fix every object. A file is therefore judged by what is above it and has been
//! found sound; a damaged tile does not make the entries below it look damaged, since the tile's
//! content is computed again from the level below.

use std::io;

use canonical::Milliseconds;
use tlog::{Bundle, Hash, SignedCheckpoint, TILE_WIDTH, Tile, TileEdge, TreeSize, Verdict};
use wire::verify::VerifiedEntry;
use wire::{ArchiveId, Genesis, Leaf, ObjectHash, limit};

use crate::chain::{Chain, ChainError, read_bundle};
use crate::follow::{hash_of, report};
use crate::mirror::Mirror;

/// What `verify` found.
#[derive(Clone, Debug)]
pub struct ArchiveReport {
    /// The archive; `None` if its genesis can not be read.
    pub archive: Option<ArchiveId>,
    /// Whether a fingerprint was given and is this archive's.
    pub archive_expected: bool,
    /// Size of the log by its checkpoint.
    pub size: u64,
    /// Entries whose signatures, chain and authority were verified.
    pub entries: u64,
    /// Objects named by entries, and how many of them are held and sound.
    pub objects: u64,
    /// Objects that are held and sound.
    pub objects_sound: u64,
    /// Objects that have not arrived; no damage, but not held either.
    pub objects_missing: Vec<(u64, ObjectHash)>,
    /// Who cosigned the checkpoint, and whether that suffices; `None` without a sound checkpoint.
    pub verdict: Option<Verdict>,
    /// When the newest entry was admitted.
    pub newest: Option<Milliseconds>,
    /// Everything that is not as it should be, in the order of the checks.
    pub damage: Vec<Damage>,
}

/// One damaged place.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Damage {
    /// The file, below the mirror.
    pub file: String,
    /// First byte of the damaged piece within the file, where it can be told.
    pub offset: Option<u64>,
    /// Log index of the entry concerned.
    pub index: Option<u64>,
    /// Which check failed: `genesis`, `checkpoint`, `tile`, `entry`, `log`, `object`.
    pub check: String,
    /// What is wrong.
    pub what: String,
}

impl ArchiveReport {
    /// Whether nothing is damaged and no object is missing.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.damage.is_empty() && self.objects_missing.is_empty()
    }
}

/// Why a mirror's log is not followed to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EntriesError {
    /// The genesis or the checkpoint can not be read.
    #[error("reading the mirror's {0}")]
    File(&'static str, #[source] io::Error),
    /// The genesis is damaged.
    #[error("the mirror's genesis is damaged")]
    Genesis(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The log does not verify.
    #[error("following the mirror's log")]
    Chain(#[from] ChainError),
}

/// Every entry of a mirror's log from the first on: signatures, chains, authority and the tree are
/// verified up to the mirror's checkpoint. For readers of a whole archive; a vault that follows
/// takes each entry once.
///
/// # Errors
///
/// When a file is missing, or the log is not as its checkpoint says.
pub fn verified_entries(mirror: &Mirror) -> Result<Vec<VerifiedEntry>, EntriesError> {
    let read = |path: &std::path::Path, most: u64, what| {
        let bytes = mirror
            .read(path, most)
            .map_err(|error| EntriesError::File(what, error))?;
        bytes.ok_or_else(|| EntriesError::File(what, io::ErrorKind::NotFound.into()))
    };
    let genesis = read(&mirror.genesis_path(), limit::ENTRY_BYTES as u64, "genesis")?;
    let genesis = Genesis::parse(&genesis).map_err(|error| EntriesError::Genesis(error.into()))?;
    let note = read(
        &mirror.checkpoint_path(),
        tlog::MAX_NOTE_LEN as u64,
        "checkpoint",
    )?;
    let advanced = Chain::new(genesis, mirror.clone()).advance(&note, &|_, _| None)?;
    Ok(advanced.settled.entries)
}

/// Verifies a mirror. `fingerprint` is the archive's, if the reader was given one; `progress` is told
/// what was done of how much, in files and objects.
///
/// # Errors
///
/// Only when files can not be read for reasons of the system; damage is a finding, not an error.
pub fn verify_archive(
    mirror: &Mirror,
    fingerprint: Option<ArchiveId>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<ArchiveReport, io::Error> {
    let mut report_so_far = ArchiveReport {
        archive: None,
        archive_expected: false,
        size: 0,
        entries: 0,
        objects: 0,
        objects_sound: 0,
        objects_missing: Vec::new(),
        verdict: None,
        newest: None,
        damage: Vec::new(),
    };
    let found = &mut report_so_far;
    let Some(genesis) = genesis(mirror, fingerprint, found)? else {
        return Ok(report_so_far);
    };
    let Some((note, root)) = checkpoint(mirror, &genesis, found)? else {
        return Ok(report_so_far);
    };
    let size = TreeSize::new(found.size);
    let tiles = Tiles::read(mirror, size, root, found)?;
    let total = tlog::bundles_of_growth(TreeSize::ZERO, size).len() as u64;
    bundles(mirror, size, &tiles, found, &mut |done| {
        progress(done, total)
    })?;
    if found.damage.iter().any(|damage| damage.check == "entry") {
        // The chain can not be followed over a damaged entry; its objects can still be judged.
        objects_of_readable(mirror, size, found, progress)?;
    } else {
        let entries = log(mirror, genesis, &note, found);
        let total = entries
            .iter()
            .map(|entry| entry.entry().objects().len() as u64)
            .sum();
        for entry in &entries {
            for object in entry.entry().objects() {
                one_object(mirror, entry.index().get(), object, found)?;
                progress(found.objects, total);
            }
        }
    }
    Ok(report_so_far)
}

fn genesis(
    mirror: &Mirror,
    fingerprint: Option<ArchiveId>,
    found: &mut ArchiveReport,
) -> io::Result<Option<Genesis>> {
    let mut damaged = |what: String| {
        found.damage.push(Damage {
            file: "genesis".to_owned(),
            offset: None,
            index: Some(0),
            check: "genesis".to_owned(),
            what,
        });
        Ok(None)
    };
    let Some(bytes) = mirror.read(&mirror.genesis_path(), limit::ENTRY_BYTES as u64)? else {
        return damaged("the file is missing".to_owned());
    };
    let genesis = match Genesis::parse(&bytes) {
        Ok(genesis) => genesis,
        Err(error) => return damaged(report(&error)),
    };
    let archive = genesis.archive_id();
    if let Some(expected) = fingerprint
        && expected != archive
    {
        return damaged(format!("it is the genesis of {archive}, not of {expected}"));
    }
    found.archive = Some(archive);
    found.archive_expected = fingerprint.is_some();
    Ok(Some(genesis))
}

fn checkpoint(
    mirror: &Mirror,
    genesis: &Genesis,
    found: &mut ArchiveReport,
) -> io::Result<Option<(Vec<u8>, Hash)>> {
    let mut damaged = |what: String| {
        found.damage.push(Damage {
            file: "checkpoint".to_owned(),
            offset: None,
            index: None,
            check: "checkpoint".to_owned(),
            what,
        });
        Ok(None)
    };
    let Some(note) = mirror.read(&mirror.checkpoint_path(), tlog::MAX_NOTE_LEN as u64)? else {
        return damaged("the file is missing".to_owned());
    };
    let policy = match genesis.log_policy(genesis.witnesses()) {
        Ok(policy) => policy,
        Err(error) => return damaged(report(&error)),
    };
    let judged = SignedCheckpoint::parse(&note).and_then(|signed| policy.judge(signed));
    match judged {
        Ok((checkpoint, verdict)) => {
            found.size = checkpoint.size().get();
            found.verdict = Some(verdict);
            Ok(Some((note, checkpoint.root())))
        }
        Err(error) => damaged(report(&error)),
    }
}

/// Leaf hashes that the root vouches for; `None` where a tile is damaged or missing.
struct Tiles {
    leaves: Vec<Option<Hash>>,
}

impl Tiles {
    /// Reads the tiles from the top level down. A tile whose hashes do not make the hash that stands
    /// above it is damaged at the first hash that differs from what the level below makes.
    fn read(
        mirror: &Mirror,
        size: TreeSize,
        root: Hash,
        found: &mut ArchiveReport,
    ) -> io::Result<Self> {
        // What the entries themselves make of the tree.
        let mut computed = TileEdge::empty();
        let mut made = std::collections::BTreeMap::new();
        let mut leaves = Vec::new();
        for bundle in tlog::bundles_of_growth(TreeSize::ZERO, size) {
            let bytes = read_bundle(mirror, bundle).unwrap_or_default();
            let stored = read_tile(mirror, bundle.tile())?.unwrap_or_default();
            let own: Vec<Option<Hash>> = hashes_of(&bytes, bundle);
            for place in 0..usize::from(bundle.width()) {
                let stored = stored
                    .get(place * 32..place * 32 + 32)
                    .and_then(Hash::from_slice);
                leaves.push((own.get(place).copied().flatten(), stored));
            }
        }
        // A tree of entries alone, and one of stored leaf hashes alone: whichever makes the root is
        // the sound one. If neither does, both have damage in different places; leaf by leaf, the
        // mixture that the stored upper tiles vouch for is taken.
        let of_entries: Option<Vec<Hash>> = leaves.iter().map(|(own, _)| *own).collect();
        let of_tiles: Option<Vec<Hash>> = leaves.iter().map(|(_, stored)| *stored).collect();
        let makes_root = |hashes: &Vec<Hash>| {
            let mut edge = TileEdge::empty();
            edge.grow(hashes);
            edge.root() == root
        };
        let sound = match (of_entries, of_tiles) {
            (Some(hashes), _) if makes_root(&hashes) => Some(hashes),
            (_, Some(hashes)) if makes_root(&hashes) => Some(hashes),
            _ => mixture(mirror, size, &leaves, root)?,
        };
        let Some(sound) = sound else {
            found.damage.push(Damage {
                file: "tile".to_owned(),
                offset: None,
                index: None,
                check: "tile".to_owned(),
                what: "neither entries nor tiles make the tree that the log signed".to_owned(),
            });
            return Ok(Self {
                leaves: vec![None; leaves.len()],
            });
        };
        for tile in computed.grow(&sound) {
            made.insert(tile.tile(), tile.into_bytes());
        }
        for (tile, expected) in &made {
            judge_tile(mirror, *tile, expected, found)?;
        }
        Ok(Self {
            leaves: sound.into_iter().map(Some).collect(),
        })
    }
}

/// Takes each group of 256 leaves from its entries or from its tile, whichever makes the hash that
/// the level above holds.
fn mixture(
    mirror: &Mirror,
    size: TreeSize,
    leaves: &[(Option<Hash>, Option<Hash>)],
    root: Hash,
) -> io::Result<Option<Vec<Hash>>> {
    let mut mixed = Vec::with_capacity(leaves.len());
    for (group, places) in (0_u64..).zip(leaves.chunks(usize::from(TILE_WIDTH))) {
        let above = Tile::in_tree(1, group / u64::from(TILE_WIDTH), size);
        let at = usize::try_from(group % u64::from(TILE_WIDTH)).unwrap_or(0) * 32;
        let vouched = match above {
            Some(tile) => read_tile(mirror, tile)?
                .and_then(|bytes| bytes.get(at..at + 32).and_then(Hash::from_slice)),
            None => None,
        };
        let whole = |hashes: &Vec<Hash>| {
            let mut edge = TileEdge::empty();
            edge.grow(hashes);
            Some(edge.root()) == vouched
        };
        let own: Option<Vec<Hash>> = places.iter().map(|(own, _)| *own).collect();
        let stored: Option<Vec<Hash>> = places.iter().map(|(_, stored)| *stored).collect();
        let chosen = match (own, stored) {
            (Some(own), _) if whole(&own) => own,
            (_, Some(stored)) if whole(&stored) => stored,
            // The right edge has no hash above it, or that is damaged too: what exists is tried.
            (_, Some(stored)) => stored,
            (Some(own), None) => own,
            (None, None) => return Ok(None),
        };
        mixed.extend(chosen);
    }
    let mut edge = TileEdge::empty();
    edge.grow(&mixed);
    Ok((edge.root() == root).then_some(mixed))
}

fn judge_tile(
    mirror: &Mirror,
    tile: Tile,
    expected: &[u8],
    found: &mut ArchiveReport,
) -> io::Result<()> {
    let stored = read_tile(mirror, tile)?;
    let Some(stored) = stored else {
        found.damage.push(Damage {
            file: tile.path(),
            offset: None,
            index: None,
            check: "tile".to_owned(),
            what: "the tile is missing".to_owned(),
        });
        return Ok(());
    };
    let differs = (0..expected.len() / 32).find(|place| {
        stored.get(place * 32..place * 32 + 32) != expected.get(place * 32..place * 32 + 32)
    });
    if let Some(place) = differs {
        found.damage.push(Damage {
            file: tile.path(),
            offset: Some(place as u64 * 32),
            index: (tile.level() == 0).then(|| tile.index() * u64::from(TILE_WIDTH) + place as u64),
            check: "tile".to_owned(),
            what: format!("hash {place} of the tile is not the one that the log signed"),
        });
    }
    Ok(())
}

/// Each entry against its leaf hash. The offset is that of the entry's length field.
fn bundles(
    mirror: &Mirror,
    size: TreeSize,
    tiles: &Tiles,
    found: &mut ArchiveReport,
    progress: &mut dyn FnMut(u64),
) -> io::Result<()> {
    for (done, bundle) in (1_u64..).zip(tlog::bundles_of_growth(TreeSize::ZERO, size)) {
        let first = bundle.index() * u64::from(TILE_WIDTH);
        let bytes = match read_bundle(mirror, bundle) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let mut at = 0_usize;
        for place in 0..u64::from(bundle.width()) {
            let expected = usize::try_from(first + place)
                .ok()
                .and_then(|index| tiles.leaves.get(index))
                .copied()
                .flatten();
            let entry = entry_at(&bytes, at);
            let sound = matches!((entry, expected), (Some(entry), Some(expected)) if Hash::leaf(entry) == expected);
            if !sound && expected.is_some() {
                found.damage.push(Damage {
                    file: bundle.path(),
                    offset: Some(at as u64),
                    index: Some(first + place),
                    check: "entry".to_owned(),
                    what: match entry {
                        Some(_) => "the entry is not the one that the log signed".to_owned(),
                        None => "the bundle ends before or within this entry".to_owned(),
                    },
                });
            }
            match entry {
                Some(entry) => at += 2 + entry.len(),
                // With a wrong length, nothing behind it in this bundle can be found.
                None => break,
            }
        }
        progress(done);
    }
    Ok(())
}

/// Signatures, chains and authority of every entry.
fn log(
    mirror: &Mirror,
    genesis: Genesis,
    note: &[u8],
    found: &mut ArchiveReport,
) -> Vec<VerifiedEntry> {
    let chain = Chain::new(genesis, mirror.clone());
    match chain.advance(note, &|_, _| None) {
        Ok(advanced) => {
            found.entries = advanced.settled.entries.len() as u64;
            found.verdict = Some(advanced.verdict.clone());
            found.newest = advanced
                .settled
                .entries
                .last()
                .map(|entry| entry.admitted_at().time());
            advanced.settled.entries
        }
        Err(error) => {
            let index = match &error {
                ChainError::Follow(
                    wire::verify::FollowError::Leaf { index, .. }
                    | wire::verify::FollowError::Refused { index, .. }
                    | wire::verify::FollowError::Twice { index, .. },
                ) => Some(index.get()),
                _ => None,
            };
            let file = index
                .and_then(|index| {
                    Bundle::in_tree(index / u64::from(TILE_WIDTH), TreeSize::new(found.size))
                })
                .map_or_else(|| "checkpoint".to_owned(), |bundle| bundle.path());
            found.damage.push(Damage {
                file,
                offset: None,
                index,
                check: "log".to_owned(),
                what: report(&error),
            });
            Vec::new()
        }
    }
}

fn objects_of_readable(
    mirror: &Mirror,
    size: TreeSize,
    found: &mut ArchiveReport,
    progress: &mut dyn FnMut(u64, u64),
) -> io::Result<()> {
    let broken: Vec<u64> = found
        .damage
        .iter()
        .filter_map(|damage| damage.index)
        .collect();
    for bundle in tlog::bundles_of_growth(TreeSize::ZERO, size) {
        let first = bundle.index() * u64::from(TILE_WIDTH);
        let Ok(bytes) = read_bundle(mirror, bundle) else {
            continue;
        };
        let mut at = 0;
        for index in first.. {
            let Some(entry) = entry_at(&bytes, at) else {
                break;
            };
            at += 2 + entry.len();
            if broken.contains(&index) {
                continue;
            }
            let Ok(leaf) = Leaf::parse(entry) else {
                continue;
            };
            for object in leaf.entry().objects() {
                one_object(mirror, index, object, found)?;
                progress(found.objects, found.objects);
            }
        }
    }
    Ok(())
}

fn one_object(
    mirror: &Mirror,
    index: u64,
    object: &wire::Object,
    found: &mut ArchiveReport,
) -> io::Result<()> {
    found.objects += 1;
    let Some(file) = mirror.open_object(object.hash)? else {
        found.objects_missing.push((index, object.hash));
        return Ok(());
    };
    let length = file.metadata()?.len();
    if hash_of(file, object.length.get())? == Some(object.hash) {
        found.objects_sound += 1;
        return Ok(());
    }
    let path = mirror.object_path(object.hash);
    let path = path.strip_prefix(mirror.root()).unwrap_or(&path);
    found.damage.push(Damage {
        file: path.to_string_lossy().into_owned(),
        offset: None,
        index: Some(index),
        check: "object".to_owned(),
        what: if length == object.length.get() {
            "the object's bytes have another hash than its entry names".to_owned()
        } else {
            format!(
                "the object has {length} bytes, its entry names {}",
                object.length
            )
        },
    });
    Ok(())
}

fn read_tile(mirror: &Mirror, tile: Tile) -> io::Result<Option<Vec<u8>>> {
    for width in tile.width()..=TILE_WIDTH {
        if let Some(candidate) = Tile::new(tile.level(), tile.index(), width)
            && let Some(bytes) = mirror.read(&mirror.tile_path(candidate), 256 * 32)?
        {
            return Ok(Some(bytes));
        }
    }
    Ok(None)
}

fn hashes_of(bytes: &[u8], bundle: Bundle) -> Vec<Option<Hash>> {
    let mut at = 0;
    let mut hashes = Vec::with_capacity(usize::from(bundle.width()));
    for _ in 0..bundle.width() {
        let entry = entry_at(bytes, at);
        hashes.push(entry.map(Hash::leaf));
        match entry {
            Some(entry) => at += 2 + entry.len(),
            None => break,
        }
    }
    hashes.resize(usize::from(bundle.width()), None);
    hashes
}

/// The entry whose length stands at an offset of a bundle.
fn entry_at(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let (length, rest) = bytes.get(at..)?.split_first_chunk::<2>()?;
    rest.get(..usize::from(u16::from_be_bytes(*length)))
}
