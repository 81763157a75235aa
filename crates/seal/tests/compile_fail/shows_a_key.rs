//! Secrets have no `Display`.

use seal::{OpeningKey, StreamKey};

fn show(key: &OpeningKey, stream: &StreamKey) {
    println!("{key} {stream}");
}

fn main() {}
