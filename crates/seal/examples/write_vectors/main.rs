//! Writes the vectors of the sealed formats: `cargo run -p seal --example write_vectors`.
//!
//! Formats are for ever: a vector that was published is never written anew with other bytes. This
//! program shows how they were made, and refuses to change one.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]
#![allow(dead_code, reason = "shared with the tests, which use more of it")]

#[path = "../../tests/seal/archive.rs"]
mod archive;
mod batches;
mod others;
mod raw;
mod rings;
#[path = "../../tests/seal/samples.rs"]
mod samples;
mod streams;

use std::path::PathBuf;

use serde_json::Value;

fn main() {
    batches::write();
    streams::write();
    others::write();
    rings::write();
}

/// Writes one vector, unless the same stands there; another one is an error.
fn vector(folder: &str, name: &str, value: &Value) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../vectors")
        .join(folder);
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(format!("{name}.json"));
    let text = serde_json::to_string_pretty(value).unwrap() + "\n";
    match std::fs::read_to_string(&path) {
        Ok(found) => assert_eq!(found, text, "{} is published", path.display()),
        Err(_) => std::fs::write(&path, text).unwrap(),
    }
    println!("{}", path.display());
}

fn hex(bytes: &[u8]) -> Value {
    Value::String(canonical::hex(bytes))
}
