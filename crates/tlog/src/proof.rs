//! Inclusion and consistency proofs, and how to verify them (RFC 6962 §2.1, RFC 9162 §2.1.3–4).

use crate::hash::{Hash, LogIndex, TreeSize};

/// The most hashes that any proof may carry. (TLOG-3)
pub const MAX_PROOF_HASHES: usize = 63;

/// Why a proof was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The tree has no leaf at that index.
    #[error("a tree of {size} leaves has none at index {index}")]
    IndexOutside {
        /// The index asked for.
        index: LogIndex,
        /// The tree's size.
        size: TreeSize,
    },
    /// The older tree is larger than the newer one.
    #[error("a tree of {to} leaves can not continue one of {from}")]
    Shrinks {
        /// The older tree's size.
        from: TreeSize,
        /// The newer tree's size.
        to: TreeSize,
    },
    /// The proof has too few or too many hashes for these sizes.
    #[error("the proof has {got} hashes, these sizes need another number")]
    WrongLength {
        /// How many hashes the proof has.
        got: usize,
    },
    /// The proof leads to another root.
    #[error("the proof leads to another root")]
    RootDiffers,
}

/// The path from one leaf to the root: sibling hashes, the leaf's own sibling first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InclusionProof(Vec<Hash>);

impl InclusionProof {
    /// Takes hashes from elsewhere, the leaf's sibling first. Nothing above 63 hashes.
    pub fn from_hashes(hashes: Vec<Hash>) -> Option<Self> {
        (hashes.len() <= MAX_PROOF_HASHES).then_some(Self(hashes))
    }

    /// The sibling hashes, the leaf's first.
    pub fn hashes(&self) -> &[Hash] {
        &self.0
    }

    /// Verifies that `leaf` (a leaf *hash*) stands at `index` in the tree of `size` and `root`.
    /// (TLOG-2)
    ///
    /// # Errors
    /// When the index is outside, the number of hashes is wrong, or another root comes out.
    pub fn verify(
        &self,
        leaf: Hash,
        index: LogIndex,
        size: TreeSize,
        root: Hash,
    ) -> Result<(), ProofError> {
        if self.root(leaf, index, size)? == root {
            Ok(())
        } else {
            Err(ProofError::RootDiffers)
        }
    }

    /// The root to which this proof leads from `leaf` at `index` in a tree of `size`.
    ///
    /// # Errors
    /// When the index is outside, or the number of hashes is wrong.
    pub fn root(&self, leaf: Hash, index: LogIndex, size: TreeSize) -> Result<Hash, ProofError> {
        if !size.contains(index) {
            return Err(ProofError::IndexOutside { index, size });
        }
        let (mut place, mut last) = (index.get(), size.get() - 1);
        let mut hash = leaf;
        for sibling in &self.0 {
            if last == 0 {
                return Err(ProofError::WrongLength { got: self.0.len() });
            }
            if place & 1 == 1 || place == last {
                hash = Hash::node(sibling, &hash);
                // A rightmost node without a sibling moves up unchanged.
                while place & 1 == 0 && place != 0 {
                    place >>= 1;
                    last >>= 1;
                }
            } else {
                hash = Hash::node(&hash, sibling);
            }
            place >>= 1;
            last >>= 1;
        }
        if last == 0 {
            Ok(hash)
        } else {
            Err(ProofError::WrongLength { got: self.0.len() })
        }
    }
}

/// What shows that a tree continues an older one without changing it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConsistencyProof(Vec<Hash>);

impl ConsistencyProof {
    /// Takes hashes from elsewhere, in the order of RFC 6962 §2.1.2. Nothing above 63 hashes.
    pub fn from_hashes(hashes: Vec<Hash>) -> Option<Self> {
        (hashes.len() <= MAX_PROOF_HASHES).then_some(Self(hashes))
    }

    /// The hashes, in the order of RFC 6962 §2.1.2.
    pub fn hashes(&self) -> &[Hash] {
        &self.0
    }

    /// Verifies that the tree (`to`, `new_root`) continues the tree (`from`, `old_root`).
    ///
    /// From the empty tree, whose root must be SHA-256 of nothing, every tree continues by an
    /// empty proof; trees of equal size need equal roots and an empty proof. (TLOG-4)
    ///
    /// # Errors
    /// When the new tree is smaller, the number of hashes is wrong, or a root differs.
    pub fn verify(
        &self,
        from: TreeSize,
        old_root: Hash,
        to: TreeSize,
        new_root: Hash,
    ) -> Result<(), ProofError> {
        if from > to {
            return Err(ProofError::Shrinks { from, to });
        }
        let wrong_length = ProofError::WrongLength { got: self.0.len() };
        let same = |a: Hash, b: Hash| {
            if a == b {
                Ok(())
            } else {
                Err(ProofError::RootDiffers)
            }
        };
        if from == TreeSize::ZERO || from == to {
            if !self.0.is_empty() {
                return Err(wrong_length);
            }
            if from == TreeSize::ZERO {
                same(old_root, Hash::empty_root())?;
            }
            return if from == to {
                same(old_root, new_root)
            } else {
                Ok(())
            };
        }

        let mut rest = self.0.iter();
        let (mut place, mut last) = (from.get() - 1, to.get() - 1);
        while place & 1 == 1 {
            place >>= 1;
            last >>= 1;
        }
        // An older tree that is one complete subtree is its own first hash.
        let seed = if from.get().is_power_of_two() {
            old_root
        } else {
            *rest.next().ok_or(wrong_length)?
        };
        let (mut old, mut new) = (seed, seed);
        for hash in rest {
            if last == 0 {
                return Err(wrong_length);
            }
            if place & 1 == 1 || place == last {
                old = Hash::node(hash, &old);
                new = Hash::node(hash, &new);
                while place & 1 == 0 && place != 0 {
                    place >>= 1;
                    last >>= 1;
                }
            } else {
                new = Hash::node(&new, hash);
            }
            place >>= 1;
            last >>= 1;
        }
        if last != 0 {
            return Err(wrong_length);
        }
        same(old, old_root)?;
        same(new, new_root)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TLOG-3: no proof is longer than 63 hashes.
    #[test]
    fn tlog_3_at_most_63_hashes() {
        let hashes = vec![Hash::empty_root(); MAX_PROOF_HASHES + 1];
        assert_eq!(InclusionProof::from_hashes(hashes.clone()), None);
        assert_eq!(ConsistencyProof::from_hashes(hashes.clone()), None);
        assert!(InclusionProof::from_hashes(hashes[1..].to_vec()).is_some());
        assert!(ConsistencyProof::from_hashes(hashes[1..].to_vec()).is_some());
    }
}
