//! Golden vectors: replayed by each crate's tests; written anew only on purpose.

use crate::run::{self, Failure};

/// Crates that have an example `write_vectors`.
const WRITERS: &[&str] = &["canonical", "record", "tlog", "wire", "seal", "connector"];

/// `--write` runs the writers; otherwise the tests that replay `vectors/` run.
pub(crate) fn vectors(args: &[String]) -> Result<(), Failure> {
    if args.iter().any(|a| a == "--write") {
        for package in WRITERS {
            let example = run::root()
                .join("crates")
                .join(package)
                .join("examples/write_vectors.rs");
            if example.is_file() {
                run::cargo(&["run", "-q", "-p", package, "--example", "write_vectors"])
                    .done(&format!("vectors of {package}"))?;
            }
        }
        return run::program("git", &["status", "--short", "vectors"]).done("git status");
    }
    run::tests(&["--workspace", "vectors"])
}
