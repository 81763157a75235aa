//! What several tests of this crate need.

use crate::hash::Hash;

/// `n` different leaf hashes.
pub(crate) fn leaves(n: usize) -> Vec<Hash> {
    (0..n as u64)
        .map(|i| Hash::leaf(&i.to_be_bytes()))
        .collect()
}

/// The root as RFC 6962 §2.1 defines it, by recursion.
pub(crate) fn plain_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::empty_root(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            Hash::node(&plain_root(left), &plain_root(right))
        }
    }
}
