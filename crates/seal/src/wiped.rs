//! Bytes of content that leave no copy behind.

use std::ops::{Deref, DerefMut};

use zeroize::Zeroize;

/// Bytes that are wiped before their memory is given back, also when they grow.
///
/// `Zeroizing<Vec<u8>>` does the same byte by byte, which for a batch costs as much as sealing it,
/// and leaves copies where a vector grows.
pub(crate) struct Wiped(Vec<u8>);

impl Wiped {
    pub(crate) fn new() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    /// So many zeros, to be written over.
    pub(crate) fn zeroed(length: usize) -> Self {
        Self(vec![0; length])
    }

    /// Appends bytes.
    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        self.make_room(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    /// Cuts the end off.
    pub(crate) fn truncate(&mut self, length: usize) {
        if let Some(cut) = self.0.get_mut(length..) {
            cut.zeroize();
        }
        self.0.truncate(length);
    }

    /// Lets `write` append bytes to the vector within. It grows as vectors do: give it room first
    /// where what it holds shall leave no copy.
    pub(crate) fn append<T>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        write(&mut self.0)
    }

    /// Makes room for so many more bytes; what has to move is wiped where it was.
    pub(crate) fn make_room(&mut self, more: usize) {
        let wanted = self.0.len().saturating_add(more);
        if wanted <= self.0.capacity() {
            return;
        }
        // What is not written to takes no memory; moving does. What outgrows a record becomes a batch.
        let least = if self.0.capacity() == 0 { LEAST } else { MANY };
        let capacity = wanted.max(self.0.capacity().saturating_mul(4)).max(least);
        let mut larger = Vec::with_capacity(capacity);
        larger.extend_from_slice(&self.0);
        self.0.as_mut_slice().zeroize();
        self.0 = larger;
    }
}

/// Room for a usual record.
const LEAST: usize = 2_048;
/// Room for many.
const MANY: usize = 64 << 10;

impl Drop for Wiped {
    fn drop(&mut self) {
        // Beyond the length nothing was written, or it was wiped when it was cut off.
        self.0.as_mut_slice().zeroize();
    }
}

impl Deref for Wiped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl DerefMut for Wiped {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl std::fmt::Debug for Wiped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Wiped(‹{} bytes›)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_what_was_appended_and_cut() {
        let mut wiped = Wiped::new();
        let mut expected = Vec::new();
        for n in 0..2_000_u32 {
            wiped.extend(&n.to_be_bytes());
            expected.extend_from_slice(&n.to_be_bytes());
        }
        wiped.append(|bytes| bytes.push(7));
        expected.push(7);
        assert_eq!(*wiped, expected[..]);
        wiped.truncate(5_000);
        wiped.truncate(6_000);
        assert_eq!(*wiped, expected[..5_000]);
        assert_eq!(format!("{wiped:?}"), "Wiped(‹5000 bytes›)");
        assert!(Wiped::zeroed(3).iter().all(|byte| *byte == 0));
    }
}
