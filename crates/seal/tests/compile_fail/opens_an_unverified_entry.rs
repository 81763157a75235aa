//! An entry that nobody verified does not open.

use seal::{OpeningKey, open_batch};
use wire::Entry;

fn open(key: &OpeningKey, entry: &Entry, object: &[u8]) {
    let _ = open_batch(key, entry, object);
}

fn main() {}
