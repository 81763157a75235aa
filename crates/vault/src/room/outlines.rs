//! What stands where in the verified log, as far as a room looks for it (ROOM-9): four bytes a leaf in
//! memory, two on disk, so that an unlock reads no entry to know which batches there are.

use std::collections::HashMap;

use canonical::Hasher;
use wire::{Body, Entry, EpochId};

use crate::label;

/// Leaves of one row, as many as a bundle has.
const ROW: usize = tlog::TILE_WIDTH as usize;
/// The code of a batch of a row's first epoch.
const BATCH: u32 = 5;
/// Bytes of an epoch's id.
const EPOCH: usize = 32;

/// A kind of entry that a room looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outline {
    Control,
    Carry,
    Audit,
    Governance,
    /// Of this epoch.
    Batch(EpochId),
}

/// The outline of every verified leaf, in the log's order.
#[derive(Clone, Debug)]
pub(crate) struct Outlines {
    codes: Vec<u32>,
    epochs: Vec<EpochId>,
    places: HashMap<EpochId, u32>,
    /// Over the rows that are full.
    full: Hasher,
}

/// The outlines of one bundle's leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OutlineRow {
    /// Place of the bundle.
    pub(crate) bundle: u64,
    /// Ids of the epochs of its batches, 32 bytes each, in the order of their first batch.
    pub(crate) epochs: Vec<u8>,
    /// One uint16, big-endian, a leaf: 0 nothing that a room looks for, 1 control, 2 carry, 3 audit,
    /// 4 governance, 5 + n a batch of the row's nth epoch.
    pub(crate) codes: Vec<u8>,
}

/// A row is not of its form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the outlines of bundle {bundle} are damaged")]
pub(crate) struct OutlineError {
    bundle: u64,
}

impl Default for Outlines {
    fn default() -> Self {
        Self {
            codes: Vec::new(),
            epochs: Vec::new(),
            places: HashMap::new(),
            full: label::ROOM_OUTLINES.hash(),
        }
    }
}

impl Outline {
    /// `None` for kinds that no room looks for.
    pub(crate) fn of(entry: &Entry) -> Option<Self> {
        match entry.body() {
            Body::Control(_) => Some(Self::Control),
            Body::Carry(_) => Some(Self::Carry),
            Body::Audit(_) => Some(Self::Audit),
            Body::Governance(_) => Some(Self::Governance),
            Body::Batch(head) => Some(Self::Batch(head.epoch)),
            _ => None,
        }
    }
}

impl Outlines {
    /// Reads rows, all of one moment. Whether they are the room's own is for its mark to say.
    pub(crate) fn of_rows(rows: &[OutlineRow]) -> Result<Self, OutlineError> {
        let mut all = Self::default();
        for (place, row) in rows.iter().enumerate() {
            let damaged = OutlineError { bundle: row.bundle };
            let in_order = u64::try_from(place) == Ok(row.bundle) && all.codes.len() == place * ROW;
            let pairs = row.codes.chunks_exact(2);
            let whole = pairs.remainder().is_empty() && row.epochs.len() % EPOCH == 0;
            if !in_order || !whole || pairs.len() == 0 || pairs.len() > ROW {
                return Err(damaged);
            }
            let epochs: Vec<u32> = row
                .epochs
                .chunks_exact(EPOCH)
                .filter_map(|id| <[u8; EPOCH]>::try_from(id).ok())
                .map(|id| all.place(EpochId::from_bytes(id)))
                .collect();
            for pair in pairs {
                let code = pair
                    .iter()
                    .fold(0, |code, byte| code << 8 | u32::from(*byte));
                let code = match code.checked_sub(BATCH) {
                    None => code,
                    Some(of) => {
                        let of = usize::try_from(of).ok().and_then(|of| epochs.get(of));
                        BATCH + of.ok_or(damaged)?
                    }
                };
                all.push_code(code);
            }
        }
        Ok(all)
    }

    /// The next leaf's.
    pub(crate) fn push(&mut self, outline: Option<Outline>) {
        let code = match outline {
            None => 0,
            Some(Outline::Control) => 1,
            Some(Outline::Carry) => 2,
            Some(Outline::Audit) => 3,
            Some(Outline::Governance) => 4,
            Some(Outline::Batch(epoch)) => BATCH + self.place(epoch),
        };
        self.push_code(code);
    }

    /// Number of leaves.
    pub(crate) fn len(&self) -> u64 {
        self.codes.len() as u64
    }

    /// What stands at an index.
    pub(crate) fn at(&self, index: u64) -> Option<Outline> {
        let code = self.codes.get(usize::try_from(index).ok()?)?;
        self.outline(*code)
    }

    /// Everything that a room looks for, from an index on.
    pub(crate) fn from(
        &self,
        index: u64,
    ) -> impl DoubleEndedIterator<Item = (u64, Outline)> + use<'_> {
        let from = usize::try_from(index)
            .unwrap_or(usize::MAX)
            .min(self.codes.len());
        let codes = self.codes.get(from..).unwrap_or_default();
        let places = from as u64..self.len();
        let both = codes
            .iter()
            .enumerate()
            .map(move |(at, code)| (places.start + at as u64, code));
        both.filter_map(|(index, code)| Some((index, self.outline(*code)?)))
    }

    /// Indexes of one kind.
    pub(crate) fn of(&self, outline: Outline) -> impl DoubleEndedIterator<Item = u64> + use<'_> {
        let all = self.from(0).filter(move |(_, of)| *of == outline);
        all.map(|(index, _)| index)
    }

    /// The rows from that bundle on.
    pub(crate) fn rows(&self, bundle: u64) -> Vec<OutlineRow> {
        let skipped = usize::try_from(bundle).unwrap_or(usize::MAX);
        let chunks = self.codes.chunks(ROW).enumerate().skip(skipped);
        chunks
            .map(|(place, codes)| self.row(place as u64, codes))
            .collect()
    }

    /// Over all rows, in order.
    pub(crate) fn digest(&self) -> [u8; 32] {
        let mut hasher = self.full.clone();
        let last = self.codes.chunks_exact(ROW).remainder();
        if !last.is_empty() {
            self.row((self.codes.len() / ROW) as u64, last)
                .hash_into(&mut hasher);
        }
        hasher.finish()
    }

    fn outline(&self, code: u32) -> Option<Outline> {
        Some(match code {
            1 => Outline::Control,
            2 => Outline::Carry,
            3 => Outline::Audit,
            4 => Outline::Governance,
            code => {
                let place = usize::try_from(code.checked_sub(BATCH)?).ok()?;
                Outline::Batch(*self.epochs.get(place)?)
            }
        })
    }

    fn push_code(&mut self, code: u32) {
        self.codes.push(code);
        let filled = self.codes.len() / ROW;
        if self.codes.len() == filled * ROW {
            let codes = self.codes.get((filled - 1) * ROW..).unwrap_or_default();
            let row = self.row((filled - 1) as u64, codes);
            row.hash_into(&mut self.full);
        }
    }

    fn place(&mut self, epoch: EpochId) -> u32 {
        *self.places.entry(epoch).or_insert_with(|| {
            self.epochs.push(epoch);
            // Fewer epochs than leaves, and those are counted in memory.
            u32::try_from(self.epochs.len() - 1).unwrap_or(u32::MAX - BATCH)
        })
    }

    fn row(&self, bundle: u64, codes: &[u32]) -> OutlineRow {
        let mut of_row: Vec<u32> = Vec::new();
        let mut row = OutlineRow {
            bundle,
            epochs: Vec::new(),
            codes: Vec::with_capacity(codes.len() * 2),
        };
        for code in codes {
            let own = match code.checked_sub(BATCH) {
                None => *code,
                Some(place) => {
                    let known = of_row.iter().position(|of| *of == place);
                    let at = known.unwrap_or_else(|| {
                        of_row.push(place);
                        let id = usize::try_from(place)
                            .ok()
                            .and_then(|at| self.epochs.get(at));
                        row.epochs
                            .extend(id.map(|id| *id.as_bytes()).unwrap_or_default());
                        of_row.len() - 1
                    });
                    BATCH + u32::try_from(at).unwrap_or_default()
                }
            };
            // At most 256 epochs in a row.
            let own = u16::try_from(own).unwrap_or_default();
            row.codes.extend(own.to_be_bytes());
        }
        row
    }
}

impl OutlineRow {
    fn hash_into(&self, hasher: &mut Hasher) {
        hasher.update(&self.bundle.to_be_bytes());
        hasher.update_sized(&self.epochs);
        hasher.update_sized(&self.codes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(number: u16) -> EpochId {
        let mut id = [7; 32];
        id[..2].copy_from_slice(&number.to_be_bytes());
        EpochId::from_bytes(id)
    }

    fn some(count: u16) -> Outlines {
        let mut all = Outlines::default();
        for at in 0..count {
            all.push(match at % 7 {
                0 => Some(Outline::Control),
                1 => Some(Outline::Carry),
                2 => None,
                3 => Some(Outline::Audit),
                4 => Some(Outline::Governance),
                // More epochs than a byte could number.
                _ => Some(Outline::Batch(epoch(at % 600))),
            });
        }
        all
    }

    #[test]
    fn rows_give_the_same_outlines_again() {
        for count in [0, 1, 255, 256, 257, 1_000, 1_024] {
            let all = some(count);
            let rows = all.rows(0);
            assert_eq!(rows.len(), usize::from(count).div_ceil(256));
            let again = Outlines::of_rows(&rows).unwrap();
            assert_eq!(again.len(), u64::from(count));
            assert_eq!(again.digest(), all.digest());
            assert!((0..u64::from(count)).all(|index| again.at(index) == all.at(index)));
            assert_eq!(again.rows(1), rows.get(1..).unwrap_or_default());
            assert_eq!(again.at(u64::from(count)), None);
        }
        let all = some(1_000);
        assert_eq!(all.of(Outline::Carry).next_back(), Some(995));
        assert_eq!(all.from(997).next(), Some((997, Outline::Audit)));
        assert_eq!(all.at(12), Some(Outline::Batch(epoch(12))));
    }

    #[test]
    fn every_change_of_a_row_is_another_digest_or_no_row() {
        let all = some(600);
        let rows = all.rows(0);
        let mut changes = 0;
        for (at, row) in rows.iter().enumerate() {
            for field in 0..2 {
                let length = if field == 0 {
                    row.epochs.len()
                } else {
                    row.codes.len()
                };
                for byte in 0..length {
                    let mut other = rows.clone();
                    let bytes = match field {
                        0 => &mut other[at].epochs,
                        _ => &mut other[at].codes,
                    };
                    bytes[byte] ^= 1;
                    let read = Outlines::of_rows(&other);
                    assert!(read.is_err() || read.unwrap().digest() != all.digest());
                    changes += 1;
                }
            }
        }
        assert!(changes > 1_000);
        // A row is missing, doubled, out of its place, shorter or longer.
        let mut short = rows.clone();
        short[2].codes.truncate(2);
        assert_ne!(Outlines::of_rows(&short).unwrap().digest(), all.digest());
        let mut odd = rows.clone();
        odd[2].codes.pop();
        assert!(Outlines::of_rows(&odd).is_err());
        assert!(Outlines::of_rows(&rows[1..]).is_err());
        assert!(Outlines::of_rows(&[&rows[..1], &rows[..1]].concat()).is_err());
        let mut narrow = rows.clone();
        narrow[0].codes.truncate(10);
        assert!(Outlines::of_rows(&narrow).is_err());
        assert_ne!(
            Outlines::of_rows(&rows[..2]).unwrap().digest(),
            all.digest()
        );
    }
}
