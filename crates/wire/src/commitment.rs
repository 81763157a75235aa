//! Salted commitments to the parts of records, so that one record, even redacted, can be proved
//! alone (commitment.md). Handles bytes only; what a part says is not known here.
//!
//! ```
//! use wire::commitment::{BatchSeed, PartLeaf, RecordLeaf, batch_path, batch_root};
//! use wire::{PartPosition, RecordCount, RecordPosition};
//!
//! let seed = BatchSeed::from_bytes([1; 32]);
//! let position = RecordPosition::new(0);
//! let parts: [&[u8]; 4] = [b"envelope", b"participants", b"body", b""];
//! let leaves: Vec<PartLeaf> = (0..)
//!     .map(PartPosition::new)
//!     .zip(parts)
//!     .map(|(part, bytes)| PartLeaf::of(position, part, &seed.salt(position, part), bytes))
//!     .collect();
//! let records = [RecordLeaf::of(position, &leaves)];
//! let path = batch_path(&records, position).unwrap();
//! assert_eq!(path.root(records[0], position, RecordCount::new(1)).ok(), Some(batch_root(&records)));
//! ```

use canonical::define_id;
use tlog::{Hash, InclusionProof, LogIndex, ProofError, TreeSize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::id::{CommitmentRoot, PartPosition, RecordCount, RecordPosition};
use crate::label;

define_id!(
    PartLeaf,
    32,
    "Commitment to one salted part of a record (COMMIT-2)."
);
define_id!(
    RecordLeaf,
    32,
    "Commitment to all parts of a record (COMMIT-3)."
);

/// The 32 random bytes from which a batch's salts are made. Secret: whoever has it can test
/// guesses of every part of the batch.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct BatchSeed([u8; 32]);

/// The salt of one part. Secret until the part is shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Salt([u8; 32]);

impl Drop for Salt {
    fn drop(&mut self) {
        // As a slice, which is wiped as a whole; an array is wiped byte by byte.
        self.0.as_mut_slice().zeroize();
    }
}

impl ZeroizeOnDrop for Salt {}

/// Inclusion path of a record leaf in its batch tree (COMMIT-6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchPath(InclusionProof);

impl BatchSeed {
    /// From 32 random bytes, new for each batch.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes, to be sealed.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// COMMIT-1: the salt of part `part` of the record at `position`. For many, keep [`salts`](Self::salts).
    #[must_use]
    pub fn salt(&self, position: RecordPosition, part: PartPosition) -> Salt {
        self.salts().salt(position, part)
    }

    /// Makes all salts of the batch.
    #[must_use]
    pub fn salts(&self) -> Salts {
        let mut inner = [0x36; INNER];
        let mut outer = [0x5c; OUTER];
        for (at, byte) in self.0.iter().enumerate() {
            inner[at] ^= byte;
            outer[at] ^= byte;
        }
        inner[BLOCK..BLOCK + SALT_LABEL.len()].copy_from_slice(SALT_LABEL);
        let salts = Salts {
            inner: Zeroizing::new(inner),
            outer: Zeroizing::new(outer),
        };
        inner.zeroize();
        outer.zeroize();
        salts
    }
}

/// A block of SHA-256.
const BLOCK: usize = 64;
const SALT_LABEL: &[u8] = label::SALT.as_str().as_bytes();
/// Key block, label, position, part.
const INNER: usize = BLOCK + SALT_LABEL.len() + 8;
/// Key block, inner hash.
const OUTER: usize = BLOCK + 32;

/// Makes the salts of one batch: HMAC by its definition (RFC 2104). With so short a message, two
/// hashes of two blocks cost a fifth of setting up an HMAC for each salt.
pub struct Salts {
    inner: Zeroizing<[u8; INNER]>,
    outer: Zeroizing<[u8; OUTER]>,
}

impl Salts {
    /// COMMIT-1: the salt of part `part` of the record at `position`.
    #[must_use]
    pub fn salt(&mut self, position: RecordPosition, part: PartPosition) -> Salt {
        self.inner[INNER - 8..INNER - 4].copy_from_slice(&position.get().to_be_bytes());
        self.inner[INNER - 4..].copy_from_slice(&part.get().to_be_bytes());
        self.outer[BLOCK..].copy_from_slice(&canonical::sha256(self.inner.as_ref()));
        Salt(canonical::sha256(self.outer.as_ref()))
    }
}

impl std::fmt::Debug for Salts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Salts(secret)")
    }
}

impl Salt {
    /// From the bytes in a proof or a carried record.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes, to be shown with the part or sealed.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for BatchSeed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BatchSeed(secret)")
    }
}

impl std::fmt::Debug for Salt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Salt(secret)")
    }
}

impl PartLeaf {
    /// COMMIT-2: commits to `bytes` as part `part` of the record at `position`.
    #[must_use]
    pub fn of(position: RecordPosition, part: PartPosition, salt: &Salt, bytes: &[u8]) -> Self {
        let mut short = [0; SHORT];
        let mut head = [0; PART_HEAD];
        head[0] = PART_LABEL.len() as u8;
        head[1..=PART_LABEL.len()].copy_from_slice(PART_LABEL);
        head[PART_HEAD - 40..PART_HEAD - 36].copy_from_slice(&position.get().to_be_bytes());
        head[PART_HEAD - 36..PART_HEAD - 32].copy_from_slice(&part.get().to_be_bytes());
        head[PART_HEAD - 32..].copy_from_slice(&salt.0);
        let end = PART_HEAD + bytes.len();
        if let Some(text) = short.get_mut(..end) {
            // Most parts are short: one call over one buffer is twice as fast as a context.
            text[..PART_HEAD].copy_from_slice(&head);
            text[PART_HEAD..].copy_from_slice(bytes);
            return Self::from_bytes(canonical::sha256(text));
        }
        let mut hasher = label::PART.hash();
        hasher.update(&head[1 + PART_LABEL.len()..]);
        hasher.update(bytes);
        Self::from_bytes(hasher.finish())
    }
}

const PART_LABEL: &[u8] = label::PART.as_str().as_bytes();
/// Framed label, position, part, salt.
const PART_HEAD: usize = 1 + PART_LABEL.len() + 4 + 4 + 32;
/// Parts with their head up to so many bytes are hashed in one call.
const SHORT: usize = 512;

impl RecordLeaf {
    /// COMMIT-3: commits to all parts of the record at `position`, in order.
    #[must_use]
    pub fn of(position: RecordPosition, parts: &[PartLeaf]) -> Self {
        let count = u32::try_from(parts.len()).unwrap_or(u32::MAX);
        if let [a, b, c, d] = parts {
            // Most records have no attachments: their text has a length that is known beforehand.
            let mut text = [0; RECORD_HEAD + 4 * 32];
            let (head, leaves) = text.split_at_mut(RECORD_HEAD);
            let (label, numbers) = head.split_at_mut(1 + RECORD_LABEL.len());
            if let Some((length, label)) = label.split_first_mut() {
                *length = RECORD_LABEL.len() as u8;
                label.copy_from_slice(RECORD_LABEL);
            }
            let (place, number) = numbers.split_at_mut(4);
            place.copy_from_slice(&position.get().to_be_bytes());
            number.copy_from_slice(&count.to_be_bytes());
            for (to, part) in leaves.chunks_exact_mut(32).zip([a, b, c, d]) {
                to.copy_from_slice(part.as_bytes());
            }
            return Self::from_bytes(canonical::sha256(&text));
        }
        let mut text = Vec::with_capacity(RECORD_HEAD + 32 * parts.len());
        text.extend_from_slice(&label::RECORD.framed());
        text.extend_from_slice(&position.get().to_be_bytes());
        text.extend_from_slice(&count.to_be_bytes());
        for part in parts {
            text.extend_from_slice(part.as_bytes());
        }
        Self::from_bytes(canonical::sha256(&text))
    }
}

const RECORD_LABEL: &[u8] = label::RECORD.as_str().as_bytes();
/// Framed label, position, number of parts.
const RECORD_HEAD: usize = 1 + RECORD_LABEL.len() + 4 + 4;

/// COMMIT-4: the root over the record leaves of a batch, in order.
#[must_use]
pub fn batch_root(records: &[RecordLeaf]) -> CommitmentRoot {
    CommitmentRoot::from_bytes(*subtree(&hashed(records)).as_bytes())
}

/// COMMIT-6: the inclusion path of the record at `position`; `None` if there is none.
#[must_use]
pub fn batch_path(records: &[RecordLeaf], position: RecordPosition) -> Option<BatchPath> {
    let leaves = hashed(records);
    let mut at = usize::try_from(position.get())
        .ok()
        .filter(|at| *at < leaves.len())?;
    let mut rest = leaves.as_slice();
    let mut root_first = Vec::new();
    while rest.len() > 1 {
        let (left, right) = rest.split_at(left_leaves(rest.len()));
        if at < left.len() {
            root_first.push(subtree(right));
            rest = left;
        } else {
            root_first.push(subtree(left));
            at -= left.len();
            rest = right;
        }
    }
    root_first.reverse();
    InclusionProof::from_hashes(root_first).map(BatchPath)
}

impl BatchPath {
    /// Takes hashes from a proof file or a carried record, the leaf's sibling first. `None` above 63.
    #[must_use]
    pub fn from_hashes(hashes: Vec<Hash>) -> Option<Self> {
        InclusionProof::from_hashes(hashes).map(Self)
    }

    /// The hashes, the leaf's sibling first.
    #[must_use]
    pub fn hashes(&self) -> &[Hash] {
        self.0.hashes()
    }

    /// The batch root to which the path leads from `leaf` at `position` of a batch of `count` records.
    ///
    /// # Errors
    /// When the batch has no such position or the path has too few or too many hashes.
    pub fn root(
        &self,
        leaf: RecordLeaf,
        position: RecordPosition,
        count: RecordCount,
    ) -> Result<CommitmentRoot, ProofError> {
        let index = LogIndex::new(position.get().into());
        let size = TreeSize::new(count.get().into());
        let root = self.0.root(Hash::leaf(leaf.as_bytes()), index, size)?;
        Ok(CommitmentRoot::from_bytes(*root.as_bytes()))
    }
}

/// COMMIT-4: record leaves are data entries of the tree, so each is hashed again.
fn hashed(records: &[RecordLeaf]) -> Vec<Hash> {
    records
        .iter()
        .map(|record| Hash::leaf(record.as_bytes()))
        .collect()
}

/// RFC 9162 §2.1.1 over leaf hashes; at most 10 deep for a batch.
fn subtree(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::empty_root(),
        [only] => *only,
        _ => {
            let (left, right) = leaves.split_at(left_leaves(leaves.len()));
            Hash::node(&subtree(left), &subtree(right))
        }
    }
}

/// The largest power of two below `leaves`, which is at least 2.
fn left_leaves(leaves: usize) -> usize {
    1 << (leaves - 1).ilog2()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(byte: u8) -> RecordLeaf {
        RecordLeaf::from_bytes([byte; 32])
    }

    #[test]
    fn commit_1_salts_differ_by_position_and_part() {
        let seed = BatchSeed::from_bytes([9; 32]);
        let salt = |i, j| {
            *seed
                .salt(RecordPosition::new(i), PartPosition::new(j))
                .expose()
        };
        assert_ne!(salt(0, 1), salt(1, 0));
        assert_ne!(
            salt(0, 0),
            *BatchSeed::from_bytes([8; 32])
                .salt(RecordPosition::new(0), PartPosition::new(0))
                .expose()
        );
        assert_eq!(salt(3, 4), salt(3, 4));
    }

    #[test]
    fn commit_1_is_hmac_sha_256() {
        use aws_lc_rs::hmac;
        let seed = BatchSeed::from_bytes([9; 32]);
        let mut salts = seed.salts();
        for (i, j) in [(0, 0), (3, 4), (1023, 4099)] {
            let text = [
                &b"greffe/salt/v1"[..],
                &u32::to_be_bytes(i),
                &u32::to_be_bytes(j),
            ]
            .concat();
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, seed.expose()), &text);
            let salt = salts.salt(RecordPosition::new(i), PartPosition::new(j));
            assert_eq!(salt.expose()[..], *tag.as_ref());
        }
        assert_eq!(format!("{salts:?}"), "Salts(secret)");
    }

    #[test]
    fn commit_2_long_and_short_parts_are_hashed_alike() {
        let salt = Salt::from_bytes([1; 32]);
        for length in [0, 1, 455, 456, 457, 458, 459, 512, 5000] {
            let bytes = vec![7; length];
            let leaf = PartLeaf::of(RecordPosition::new(5), PartPosition::new(6), &salt, &bytes);
            let text = [
                &b"\x0egreffe/part/v1"[..],
                &[0, 0, 0, 5, 0, 0, 0, 6],
                &[1; 32],
                &bytes,
            ]
            .concat();
            assert_eq!(leaf.as_bytes(), &canonical::sha256(&text), "{length}");
        }
    }

    /// COMMIT-2, COMMIT-3.
    #[test]
    fn commit_2_and_3_bind_position_count_and_bytes() {
        let salt = Salt::from_bytes([1; 32]);
        let leaf = |i, j, bytes: &[u8]| {
            PartLeaf::of(RecordPosition::new(i), PartPosition::new(j), &salt, bytes)
        };
        let base = leaf(0, 0, b"x");
        for other in [
            leaf(1, 0, b"x"),
            leaf(0, 1, b"x"),
            leaf(0, 0, b"y"),
            leaf(0, 0, b""),
        ] {
            assert_ne!(other, base);
        }
        let position = RecordPosition::new(0);
        assert_ne!(
            RecordLeaf::of(position, &[base, base]),
            RecordLeaf::of(position, &[base])
        );
        assert_ne!(
            RecordLeaf::of(RecordPosition::new(1), &[base]),
            RecordLeaf::of(position, &[base])
        );
    }

    #[test]
    fn commit_3_few_and_many_parts_are_hashed_alike() {
        for count in [0_usize, 1, 3, 4, 5, 40] {
            let parts: Vec<PartLeaf> = (0..count)
                .map(|n| PartLeaf::from_bytes([n as u8; 32]))
                .collect();
            let text = [
                &b"\x10greffe/record/v1"[..],
                &[0, 0, 0, 9, 0, 0, 0, count as u8],
                &parts
                    .iter()
                    .flat_map(|part| *part.as_bytes())
                    .collect::<Vec<u8>>(),
            ]
            .concat();
            let leaf = RecordLeaf::of(RecordPosition::new(9), &parts);
            assert_eq!(leaf.as_bytes(), &canonical::sha256(&text), "{count}");
        }
    }

    #[test]
    fn commit_4_and_6_every_path_leads_to_the_root() {
        for count in 1..=70_u32 {
            let records: Vec<RecordLeaf> = (0..count)
                .map(|at| record(u8::try_from(at).unwrap()))
                .collect();
            let root = batch_root(&records);
            for at in 0..count {
                let position = RecordPosition::new(at);
                let path = batch_path(&records, position).unwrap();
                let leaf = records[at as usize];
                assert_eq!(
                    path.root(leaf, position, RecordCount::new(count)).unwrap(),
                    root
                );
                assert_ne!(
                    path.root(record(200), position, RecordCount::new(count))
                        .unwrap(),
                    root
                );
            }
            assert!(batch_path(&records, RecordPosition::new(count)).is_none());
        }
    }

    #[test]
    fn commit_4_agrees_with_the_log_tree() {
        let records: Vec<RecordLeaf> = (0..13).map(record).collect();
        let mut frontier = tlog::Frontier::empty();
        for leaf in &records {
            frontier.append(Hash::leaf(leaf.as_bytes()));
        }
        assert_eq!(batch_root(&records).as_bytes(), frontier.root().as_bytes());
    }

    #[test]
    fn shows_no_secret() {
        assert_eq!(
            format!("{:?}", BatchSeed::from_bytes([7; 32])),
            "BatchSeed(secret)"
        );
        assert_eq!(format!("{:?}", Salt::from_bytes([7; 32])), "Salt(secret)");
    }
}
