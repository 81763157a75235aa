//! Attacks on a whole system: parts are killed, dumped, altered, lied to. The long ones are run by
//! `cargo xtask assurance`; each has a short version here.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr
)]

mod altered;
mod foreign;
mod hosted;
mod hostile;
mod killed;
mod leaked;
mod synced;

use std::path::PathBuf;

use scenarios::office::Office;
use scenarios::process::Parts;

/// An office in a new folder, and how its parts are started.
struct Scene {
    office: Office,
    parts: Parts,
    folder: tempfile::TempDir,
}

impl Scene {
    fn new(seed: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let office = Office::found(folder.path(), seed);
        let program = PathBuf::from(env!("CARGO_BIN_EXE_part"));
        let parts = Parts {
            program,
            office: folder.path().to_owned(),
        };
        Self {
            office,
            parts,
            folder,
        }
    }

    fn relay_folder(&self) -> PathBuf {
        self.folder.path().join("relay")
    }
}
