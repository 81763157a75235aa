//! What a record takes on disk; the same in every run.

use seal::Form;
use testkit::Seeded;

use super::{Chain, Owner, records};

/// Bytes of a live message of one record, in the relay and again in the vault's mirror.
pub struct Live {
    /// The sealed object.
    pub object: usize,
    /// The leaf in its bundle, and its hash in its tile.
    pub logged: usize,
}

impl Live {
    /// Of the longest of so many messages.
    pub fn of(messages: u32) -> Self {
        let owner = Owner::new();
        let mut agent = Chain::agent(1, owner.archive());
        let mut randomness = Seeded::new(3);
        let each = records(0, messages).into_iter().map(|record| {
            let (entry, sealed) = agent.seal(&[record], &owner.key, Form::Live, &mut randomness);
            Self {
                object: sealed.object.bytes().len(),
                // Two bytes of length and eight of time before the entry.
                logged: 2 + 8 + entry.as_bytes().len() + 32,
            }
        });
        each.max_by_key(Self::all).unwrap()
    }

    pub fn all(&self) -> usize {
        self.object + self.logged
    }
}

/// Bytes of imported records, sealed and logged, and of the same records compressed as they are.
pub struct Imported {
    pub stored: usize,
    pub plain: usize,
    pub compressed: usize,
}

impl Imported {
    pub fn of(batches: u32) -> Self {
        let owner = Owner::new();
        let mut agent = Chain::agent(1, owner.archive());
        let mut randomness = Seeded::new(3);
        let (mut stored, mut plain) = (0, Vec::new());
        for batch in 0..batches {
            let all = records(batch * 1_000, 1_000);
            let (entry, sealed) = agent.seal(&all, &owner.key, Form::Import, &mut randomness);
            stored += sealed.object.bytes().len() + 2 + 8 + entry.as_bytes().len() + 32;
            for record in &all {
                plain.extend(record.parts().slices().concat());
            }
        }
        let compressed = zstd::bulk::compress(&plain, 3).unwrap().len();
        Self {
            stored,
            plain: plain.len(),
            compressed,
        }
    }

    pub fn ratio(&self) -> f64 {
        self.stored as f64 / self.compressed as f64
    }
}
