//! A global allocator that wipes memory before it gives it back.
//!
//! A freed buffer keeps its bytes until somebody else writes over them: queries, opened records
//! and keys would lie in the heap of an open reading room long after their values were dropped.
//! The `greffe` binary sets [`WipingAlloc`] as its allocator, so that nothing freed by Rust code
//! can be read again, whatever type held it.
//!
//! Out of scope: what C libraries free by themselves (aws-lc cleanses its own memory, SQLCipher its
//! keys and pages; its other blocks go with the process, when the archive is locked), the stack, and
//! live values.
//!
//! ```no_run
//! #[global_allocator]
//! static ALLOCATOR: vault::wiping_alloc::WipingAlloc = vault::wiping_alloc::WipingAlloc;
//! ```

use std::alloc::{GlobalAlloc, Layout, System};

/// The system's allocator; memory is overwritten with zeros before it is freed or moved.
#[derive(Clone, Copy, Debug, Default)]
pub struct WipingAlloc;

#[expect(
    unsafe_code,
    reason = "an allocator can not be written otherwise; each call is handed on to the system's with the caller's own guarantees"
)]
// SAFETY: allocation and freeing are the system allocator's, with unchanged layouts. `realloc` is
// the trait's own: a new block, a copy, and `dealloc` of the old one, so the old one is wiped too.
unsafe impl GlobalAlloc for WipingAlloc {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's guarantees are those that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller owns `layout.size()` bytes at `pointer`, allocated by `alloc` above
        // and not freed yet. `zeroize` writes them volatile, so the writes are not left out.
        unsafe {
            zeroize::Zeroize::zeroize(std::slice::from_raw_parts_mut(pointer, layout.size()));
            System.dealloc(pointer, layout);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The block is looked at after it was freed by going through an allocator that keeps it.
    #[test]
    #[expect(unsafe_code, reason = "the test is the allocator's caller")]
    fn a_moved_block_keeps_its_content_and_a_freed_one_is_zero() {
        let layout = Layout::from_size_align(4096, 4096).unwrap();
        // SAFETY: the layout has a size; the pointers are used within it and freed once.
        unsafe {
            let block = WipingAlloc.alloc(layout);
            assert!(!block.is_null());
            std::slice::from_raw_parts_mut(block, 4096).fill(0x5a);
            let larger = WipingAlloc.realloc(block, layout, 1 << 20);
            assert!(!larger.is_null());
            assert!(
                std::slice::from_raw_parts(larger, 4096)
                    .iter()
                    .all(|byte| *byte == 0x5a)
            );
            WipingAlloc.dealloc(larger, Layout::from_size_align(1 << 20, 4096).unwrap());
        }
    }
}
