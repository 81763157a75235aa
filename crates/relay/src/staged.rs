//! A staged group: the leaves that lead from one tree head to the next, in one file.
//!
//! `uint64 first index ‖ (uint32 length ‖ leaf)…`, all big-endian. The file is named after the
//! root that it leads to; whoever reads it grows the tree and compares.

use bytes::Bytes;
use tlog::TreeSize;

/// The leaves of a group and the size of the tree before them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StagedGroup {
    pub(crate) first: TreeSize,
    pub(crate) leaves: Vec<Bytes>,
}

impl StagedGroup {
    pub(crate) fn to_bytes(&self) -> Bytes {
        let length = 8 + self.leaves.iter().map(|leaf| leaf.len() + 4).sum::<usize>();
        let mut bytes = Vec::with_capacity(length);
        bytes.extend_from_slice(&self.first.get().to_be_bytes());
        for leaf in &self.leaves {
            // A leaf is at most 16 KiB and 8 bytes.
            bytes.extend_from_slice(&u32::try_from(leaf.len()).unwrap_or(u32::MAX).to_be_bytes());
            bytes.extend_from_slice(leaf);
        }
        bytes.into()
    }

    /// `None` when the bytes are cut short: then the file was never completed.
    pub(crate) fn parse(bytes: &Bytes) -> Option<Self> {
        let (first, mut rest) = bytes.split_first_chunk::<8>()?;
        let mut leaves = Vec::new();
        while !rest.is_empty() {
            let (length, after) = rest.split_first_chunk::<4>()?;
            let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
            let (leaf, after) = after.split_at_checked(length)?;
            leaves.push(bytes.slice_ref(leaf));
            rest = after;
        }
        Some(Self {
            first: TreeSize::new(u64::from_be_bytes(*first)),
            leaves,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seq_1_a_staged_group_is_whole_or_nothing() {
        let leaves = vec![
            Bytes::from_static(b"one"),
            Bytes::new(),
            Bytes::from_static(b"three"),
        ];
        let group = StagedGroup {
            first: TreeSize::new(300),
            leaves,
        };
        let bytes = group.to_bytes();
        assert_eq!(StagedGroup::parse(&bytes), Some(group.clone()));
        for cut in 0..bytes.len() {
            // A cut between leaves reads as a shorter group, whose root is another.
            assert_ne!(StagedGroup::parse(&bytes.slice(..cut)), Some(group.clone()));
        }
        assert_eq!(
            StagedGroup::parse(&Bytes::from_static(b"\0\0\0\0\0\0\0\0\xff\xff\xff\xff")),
            None
        );
    }
}
