//! Keys of partitions: what is derived from an epoch's records ends with the epoch's key (PART-1).

use crate::key::{OpeningKey, Purpose, define_secret};
use crate::keyring::derive;
use crate::label;

define_secret!(
    pub PartitionKey,
    "Encrypts one kind of what is derived from the records of one epoch."
);

/// What a partition's key encrypts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartitionUse {
    /// The catalogue.
    Catalogue,
    /// The index of words.
    Index,
    /// Thumbnails, extracted text and other derived files.
    Files,
    /// The directory of people, under a governance epoch's key.
    People,
    /// What a reading room keeps of the log it has verified, under a governance epoch's key.
    Room,
}

impl PartitionUse {
    fn number(self) -> u8 {
        match self {
            Self::Catalogue => 0,
            Self::Index => 1,
            Self::Files => 2,
            Self::People => 3,
            Self::Room => 4,
        }
    }
}

impl<P: Purpose> OpeningKey<P> {
    /// The key of this epoch's partition for one use (PART-1).
    #[must_use]
    #[expect(
        clippy::expect_used,
        reason = "HKDF-SHA256 gives 32 bytes whatever it is given"
    )]
    pub fn partition_key(&self, usage: PartitionUse) -> PartitionKey {
        let key = derive(
            self.epoch().as_bytes(),
            self.expose_seed().as_ref(),
            &[label::PARTITION.as_str().as_bytes(), &[usage.number()]],
        )
        .expect("32 bytes");
        PartitionKey::from_bytes(&key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::ForRecords;
    use aws_lc_rs::hmac;

    /// PART-1, written out by RFC 5869.
    #[test]
    fn part_1_is_hkdf() {
        let seed = [5; 32];
        let key = OpeningKey::<ForRecords>::from_seed(&seed);
        let hmac = |key: &[u8], text: &[u8]| {
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text)
                .as_ref()
                .to_vec()
        };
        let extracted = hmac(key.epoch().as_bytes(), &seed);
        for (usage, number) in [
            (PartitionUse::Catalogue, 0),
            (PartitionUse::Index, 1),
            (PartitionUse::Files, 2),
            (PartitionUse::People, 3),
            (PartitionUse::Room, 4),
        ] {
            let info = [&b"greffe/partition/v1"[..], &[number, 1]].concat();
            assert_eq!(
                key.partition_key(usage).expose()[..],
                hmac(&extracted, &info)
            );
        }
        assert_eq!(
            format!("{:?}", key.partition_key(PartitionUse::Index)),
            "PartitionKey(secret)"
        );
    }
}
