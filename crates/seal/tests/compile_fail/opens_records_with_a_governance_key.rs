//! The key of a governance epoch does not open records.

use seal::{ForGovernance, OpeningKey, open_batch};
use wire::verify::VerifiedEntry;

fn open(key: &OpeningKey<ForGovernance>, entry: &VerifiedEntry, object: &[u8]) {
    let _ = open_batch(key, entry, object);
}

fn main() {}
