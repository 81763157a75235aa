//! Attacks and long tests: ignored by the everyday check, run here in slices.

use crate::planted;
use crate::run::{self, Failure};

/// Runs every long test, or the I-th of N slices of them without the crash matrix, and the same
/// slice of the planted bugs.
pub(crate) fn assurance(args: &[String]) -> Result<(), Failure> {
    let slice = run::slice(args)?;
    let filter = match slice {
        None => "not (package(relay) & binary(s3))",
        // The crash matrix is an hour of its own, in which all parts write one table: whole or not.
        Some(_) => "not (package(relay) & binary(s3)) - (package(greffe) & binary(crash))",
    };
    let mut nextest = vec![
        "--workspace".to_owned(),
        "--run-ignored".to_owned(),
        "ignored-only".to_owned(),
        // Ignored for another reason: it wants the S3 server that `cargo xtask rig s3` starts.
        "-E".to_owned(),
        filter.to_owned(),
        "--test-threads".to_owned(),
        "1".to_owned(),
    ];
    if let Some((i, n)) = slice {
        nextest.extend(["--partition".to_owned(), format!("count:{i}/{n}")]);
    }
    run::cargo(&["nextest", "run", "--no-fail-fast", "--no-tests=pass"])
        .args(&nextest)
        .done("assurance")?;
    planted::planted(args)
}
