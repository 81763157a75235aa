//! Writes `vectors/entry`, `authority`, `commitment`, `proof`, `relay`. Run by hand when a case is
//! added; a change of bytes of an existing case is a change of the format, and a test refuses it.

#![allow(clippy::unwrap_used, clippy::panic, unreachable_pub, missing_docs)]

#[path = "../tests/world/mod.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod world;

use std::fs;

fn main() {
    let folder = world::files::folder();
    for (path, text) in world::files::files() {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}
