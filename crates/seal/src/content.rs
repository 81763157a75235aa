//! What a batch or governance object says: version, seed, lists of parts (batch.md).

use std::ops::Range;

use canonical::CanonicalError;
use minicbor::{Decoder, Encoder};
use wire::commitment::{BatchSeed, PartLeaf, RecordLeaf, batch_root};
use wire::{CommitmentRoot, PartPosition, RecordPosition, limit};
use zeroize::Zeroizing;

use crate::wiped::Wiped;

/// Most bytes of an encoded batch (BATCH-1).
pub(crate) const MAX_CONTENT: usize = 4 << 20;
/// Most bytes if it holds one record only (BATCH-1).
pub(crate) const MAX_SINGLE: usize = MAX_CONTENT + (64 << 10);
/// Bytes before the first record, at most: map, version, seed, list.
pub(crate) const FRAME: usize = 1 + 2 + 3 + 32 + 1 + 3;

/// Why the content of an opened object is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContentError {
    /// Above the limit (BATCH-1).
    #[error("the content has {length} bytes, too many")]
    TooLarge {
        /// Bytes found or claimed.
        length: usize,
    },
    /// Not in canonical encoding.
    #[error("the content is not canonical")]
    Encoding(#[source] CanonicalError),
    /// Canonical, but not of the expected structure or version.
    #[error("the content is not of the expected structure")]
    Structure,
    /// No records or more than 1,024, or a record with an impossible number of parts.
    #[error("{records} records, or a record with too few or too many parts")]
    Count {
        /// Records claimed.
        records: u64,
    },
}

/// Records as lists of parts, being encoded one after the other.
pub(crate) struct Building {
    /// Room for the frame, then the encoded records, each an array of byte strings.
    bytes: Wiped,
    layout: Layout,
}

/// Where the parts of the records stand in the encoded bytes.
#[derive(Default)]
pub(crate) struct Layout {
    parts: Vec<Range<usize>>,
    /// For each record, the end of its parts in `parts`.
    records: Vec<usize>,
}

impl Layout {
    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// The parts of the record at a position.
    pub(crate) fn record(&self, position: usize) -> Option<&[Range<usize>]> {
        let end = *self.records.get(position)?;
        let start = match position.checked_sub(1) {
            Some(before) => *self.records.get(before)?,
            None => 0,
        };
        self.parts.get(start..end)
    }

    /// COMMIT-1..3 over every record.
    fn leaves(&self, bytes: &[u8], seed: &BatchSeed) -> Vec<RecordLeaf> {
        let mut leaves = Vec::with_capacity(self.len());
        let mut parts = Vec::new();
        let mut salts = seed.salts();
        for (position, place) in (0..self.len()).zip(0_u32..) {
            let place = RecordPosition::new(place);
            parts.clear();
            let ranges = self.record(position).unwrap_or_default();
            for (range, part) in ranges.iter().zip(0_u32..) {
                let part = PartPosition::new(part);
                let part_bytes = bytes.get(range.clone()).unwrap_or_default();
                let salt = salts.salt(place, part);
                parts.push(PartLeaf::of(place, part, &salt, part_bytes));
            }
            leaves.push(RecordLeaf::of(place, &parts));
        }
        leaves
    }
}

impl Building {
    pub(crate) fn new() -> Self {
        let mut bytes = Wiped::new();
        bytes.extend(&[0; FRAME]);
        Self {
            bytes,
            layout: Layout::default(),
        }
    }

    pub(crate) fn records(&self) -> usize {
        self.layout.len()
    }

    /// Bytes that the content has with the records so far.
    pub(crate) fn content_length(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes that a record of these parts adds.
    pub(crate) fn record_length(parts: &[&[u8]]) -> usize {
        let head = |value: usize| match value {
            0..=23 => 1,
            24..=0xff => 2,
            0x100..=0xffff => 3,
            _ => 5,
        };
        let parts_length: usize = parts.iter().map(|part| head(part.len()) + part.len()).sum();
        head(parts.len()) + parts_length
    }

    pub(crate) fn push(&mut self, parts: &[&[u8]]) {
        self.bytes.make_room(Self::record_length(parts));
        let layout = &mut self.layout;
        self.bytes.append(|bytes| {
            write_head(bytes, 4, parts.len());
            for part in parts {
                write_head(bytes, 2, part.len());
                let start = bytes.len();
                bytes.extend_from_slice(part);
                layout.parts.push(start..bytes.len());
            }
        });
        layout.records.push(layout.parts.len());
    }

    /// Ends building: from here on the content is fixed.
    pub(crate) fn commit(mut self, seed: BatchSeed) -> Committed {
        let leaves = self.layout.leaves(&self.bytes, &seed);
        let frame = frame(&seed, leaves.len());
        let start = FRAME - frame.len();
        if let Some(room) = self.bytes.get_mut(start..FRAME) {
            room.copy_from_slice(&frame);
        }
        Committed {
            root: batch_root(&leaves),
            bytes: self.bytes,
            start,
            count: leaves.len(),
        }
    }
}

/// Records with their commitment, ready to be sealed.
pub(crate) struct Committed {
    bytes: Wiped,
    /// Where the content begins in `bytes`: its frame is a byte or two shorter than its room.
    start: usize,
    count: usize,
    root: CommitmentRoot,
}

impl Committed {
    pub(crate) fn root(&self) -> CommitmentRoot {
        self.root
    }

    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.count).unwrap_or(u32::MAX)
    }

    /// The content.
    pub(crate) fn content(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    /// Bytes of the content.
    pub(crate) fn length(&self) -> usize {
        self.content().len()
    }

    /// Appends the content.
    pub(crate) fn write(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(self.content());
    }
}

/// What stands before the first record.
fn frame(seed: &BatchSeed, count: usize) -> Zeroizing<Vec<u8>> {
    let mut frame = Zeroizing::new(Vec::with_capacity(FRAME));
    frame.extend_from_slice(&[0xa3, 0, 1, 1, 0x58, 32]);
    frame.extend_from_slice(seed.expose());
    frame.push(2);
    write_head(&mut frame, 4, count);
    frame
}

/// Read content whose commitment was recomputed (COMMIT-5).
pub(crate) struct Content {
    pub(crate) bytes: Wiped,
    pub(crate) layout: Layout,
    pub(crate) seed: BatchSeed,
    pub(crate) leaves: Vec<RecordLeaf>,
}

impl Content {
    /// Reads the content that begins at `start` of `bytes`; `least` is the least number of parts of
    /// a record.
    pub(crate) fn read(bytes: Wiped, start: usize, least: usize) -> Result<Self, ContentError> {
        let content = bytes.get(start..).unwrap_or_default();
        let length = content.len();
        if length > MAX_SINGLE {
            return Err(ContentError::TooLarge { length });
        }
        canonical::check(content).map_err(ContentError::Encoding)?;
        let (seed, layout) = parse(&bytes, start, least)?;
        if length > MAX_CONTENT && layout.len() > 1 {
            return Err(ContentError::TooLarge { length });
        }
        let leaves = layout.leaves(&bytes, &seed);
        Ok(Self {
            bytes,
            layout,
            seed,
            leaves,
        })
    }

    pub(crate) fn root(&self) -> CommitmentRoot {
        batch_root(&self.leaves)
    }

    pub(crate) fn parts(&self, position: usize) -> Option<Vec<&[u8]>> {
        let ranges = self.layout.record(position)?;
        ranges
            .iter()
            .map(|range| self.bytes.get(range.clone()))
            .collect()
    }
}

/// The bytes were checked to be canonical: only the structure is left to be checked.
fn parse(bytes: &[u8], start: usize, least: usize) -> Result<(BatchSeed, Layout), ContentError> {
    let mut decoder = Decoder::new(bytes);
    decoder.set_position(start);
    let structure = |_| ContentError::Structure;
    let head = (
        decoder.map().map_err(structure)?,
        decoder.u64().map_err(structure)?,
        decoder.u64().map_err(structure)?,
        decoder.u64().map_err(structure)?,
    );
    if head != (Some(3), 0, 1, 1) {
        return Err(ContentError::Structure);
    }
    let seed = decoder.bytes().map_err(structure)?;
    let seed = Zeroizing::new(<[u8; 32]>::try_from(seed).map_err(|_| ContentError::Structure)?);
    if decoder.u64().map_err(structure)? != 2 {
        return Err(ContentError::Structure);
    }
    let records = decoder
        .array()
        .map_err(structure)?
        .ok_or(ContentError::Structure)?;
    let count = ContentError::Count { records };
    if records == 0 || records > u64::from(limit::BATCH_RECORDS) {
        return Err(count);
    }
    let mut layout = Layout::default();
    for _ in 0..records {
        let parts = decoder
            .array()
            .map_err(structure)?
            .ok_or(ContentError::Structure)?;
        if parts < least as u64 || parts > limit::RECORD_PARTS as u64 {
            return Err(count);
        }
        for _ in 0..parts {
            let part = decoder.bytes().map_err(structure)?;
            let end = decoder.position();
            layout.parts.push(end - part.len()..end);
        }
        layout.records.push(layout.parts.len());
    }
    Ok((BatchSeed::from_bytes(*seed), layout))
}

/// Writes the head of an array (major type 4) or byte string (2), in its shortest form.
fn write_head(to: &mut Vec<u8>, major: u8, value: usize) {
    let value = value as u64;
    // Writing to a vector can not fail.
    let _ = match major {
        4 => Encoder::new(to).array(value).map(|_| ()),
        _ => Encoder::new(to).bytes_len(value).map(|_| ()),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn content(records: &[Vec<Vec<u8>>]) -> (Vec<u8>, CommitmentRoot) {
        let mut building = Building::new();
        for record in records {
            let parts: Vec<&[u8]> = record.iter().map(Vec::as_slice).collect();
            let before = building.content_length();
            building.push(&parts);
            assert_eq!(
                building.content_length() - before,
                Building::record_length(&parts)
            );
        }
        let committed = building.commit(BatchSeed::from_bytes([5; 32]));
        let mut bytes = Vec::new();
        committed.write(&mut bytes);
        assert_eq!(bytes.len(), committed.length());
        (bytes, committed.root())
    }

    fn read(bytes: &[u8], least: usize) -> Result<Content, ContentError> {
        // As it stands in a plaintext: behind a head.
        let mut behind = Wiped::zeroed(5);
        behind.extend(bytes);
        Content::read(behind, 5, least)
    }

    /// BATCH-1: one record may be a little larger than a batch, several may not.
    #[test]
    fn batch_1_sizes() {
        let part = vec![0; MAX_CONTENT];
        let one = vec![part.clone(), vec![], vec![], vec![]];
        assert!(read(&content(std::slice::from_ref(&one)).0, 4).is_ok());
        let two = content(&[one.clone(), vec![vec![]; 4]]).0;
        assert!(matches!(read(&two, 4), Err(ContentError::TooLarge { .. })));
        let larger = vec![vec![0; MAX_SINGLE], vec![], vec![], vec![]];
        let larger = content(&[larger]).0;
        assert!(matches!(
            read(&larger, 4),
            Err(ContentError::TooLarge { .. })
        ));
    }

    proptest! {
        #[test]
        fn commit_5_reads_what_was_written(
            records in prop::collection::vec(
                prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 4..8),
                1..30,
            ),
        ) {
            let (bytes, root) = content(&records);
            let read = read(&bytes, 4).unwrap();
            prop_assert_eq!(read.root(), root);
            for (position, record) in records.iter().enumerate() {
                prop_assert_eq!(&read.parts(position).unwrap(), record);
            }
            prop_assert!(read.parts(records.len()).is_none());
        }

        /// COMMIT-5: whatever is altered in content, it does not lead to the same root.
        #[test]
        fn commit_5_any_altered_byte_changes_the_root(
            at in any::<prop::sample::Index>(),
            flip in 1..=255_u8,
        ) {
            let (mut bytes, root) = content(&[vec![vec![1; 40]; 4], vec![vec![2; 30]; 5]]);
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
            if let Ok(content) = read(&bytes, 4) {
                prop_assert_ne!(content.root(), root);
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes, 1);
            let mut begun = vec![0xa3, 0, 1, 1, 0x58, 32];
            begun.extend_from_slice(&[0; 32]);
            begun.extend_from_slice(&bytes);
            let _ = read(&begun, 1);
        }
    }
}
