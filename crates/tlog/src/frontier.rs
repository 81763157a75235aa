//! The right edge of a tree: what a log needs in order to go on growing.

use crate::hash::{Hash, LogIndex, TreeSize};

/// The right edge of a tree as the roots of its complete subtrees, the largest first.
///
/// At most 64 hashes, whatever the size. Good for whoever only needs to know the root while
/// leaves go by; a sequencer that also writes tiles uses [`crate::TileEdge`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: TreeSize,
    edge: Vec<Hash>,
}

impl Frontier {
    /// The edge of the empty tree.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Takes up a stored edge: `edge` holds one hash for each bit set in `size`, the largest
    /// subtree first. Nothing if the number of hashes is another. The caller compares
    /// [`Frontier::root`] with a checkpoint it trusts.
    pub fn resume(size: TreeSize, edge: Vec<Hash>) -> Option<Self> {
        (edge.len() == size.get().count_ones() as usize).then_some(Self { size, edge })
    }

    /// How many leaves stand in the tree.
    pub fn size(&self) -> TreeSize {
        self.size
    }

    /// The hashes to store, for [`Frontier::resume`].
    pub fn edge(&self) -> &[Hash] {
        &self.edge
    }

    /// Appends one leaf and says where it stands.
    pub fn append(&mut self, leaf: Hash) -> LogIndex {
        let index = self.size.get();
        let mut hash = leaf;
        // Each low bit that is set is a complete subtree which the new leaf completes further.
        for _ in 0..index.trailing_ones() {
            if let Some(left) = self.edge.pop() {
                hash = Hash::node(&left, &hash);
            }
        }
        self.edge.push(hash);
        self.size = TreeSize::new(index + 1);
        LogIndex::new(index)
    }

    /// Appends many leaves.
    pub fn extend(&mut self, leaves: &[Hash]) {
        for leaf in leaves {
            self.append(*leaf);
        }
    }

    /// The root of the tree as it stands (RFC 6962 §2.1).
    pub fn root(&self) -> Hash {
        let mut smaller_first = self.edge.iter().rev();
        let Some(smallest) = smaller_first.next() else {
            return Hash::empty_root();
        };
        smaller_first.fold(*smallest, |right, left| Hash::node(left, &right))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{leaves, plain_root};

    #[test]
    fn root_agrees_with_the_definition() {
        let leaves = leaves(300);
        let mut frontier = Frontier::empty();
        assert_eq!(frontier.root(), plain_root(&[]));
        for n in 0..leaves.len() {
            assert_eq!(frontier.append(leaves[n]), LogIndex::new(n as u64));
            assert_eq!(frontier.root(), plain_root(&leaves[..=n]));
        }
    }

    #[test]
    fn resumes_where_it_stopped() {
        let leaves = leaves(100);
        let mut whole = Frontier::empty();
        whole.extend(&leaves);
        for cut in 0..=leaves.len() {
            let mut first = Frontier::empty();
            first.extend(&leaves[..cut]);
            let mut second = Frontier::resume(first.size(), first.edge().to_vec()).unwrap();
            second.extend(&leaves[cut..]);
            assert_eq!(second, whole);
        }
        assert_eq!(Frontier::resume(TreeSize::new(3), vec![leaves[0]]), None);
    }
}
