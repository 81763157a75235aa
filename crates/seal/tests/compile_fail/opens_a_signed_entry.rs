//! An entry whose signatures verify, but which stands in no log, does not open.

use seal::{OpeningKey, open_batch};
use wire::SignedEntry;

fn open(key: &OpeningKey, entry: &SignedEntry, object: &[u8]) {
    let _ = open_batch(key, entry, object);
}

fn main() {}
