//! Writes `vectors/record/`. Run by hand when a case is added; a change of bytes of an existing
//! case is a change of the format and is refused by the stability test.

#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../tests/samples/mod.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod samples;

use std::fs;

fn main() {
    let folder = samples::files::folder();
    fs::create_dir_all(&folder).unwrap();
    for (name, text) in samples::files::files() {
        fs::write(folder.join(name), text).unwrap();
    }
}
