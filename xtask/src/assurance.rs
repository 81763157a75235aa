//! Attacks and long tests: ignored by the everyday check, run here in slices.

use crate::planted;
use crate::run::{self, Failure};

/// Runs every long test, or the I-th of N slices of them, and the same slice of the planted bugs. Of
/// the crash matrix each part is a test of its own, which compares only its own rows of the table.
pub(crate) fn assurance(args: &[String]) -> Result<(), Failure> {
    let slice = run::slice(args)?;
    let mut nextest = vec![
        "--workspace".to_owned(),
        "--run-ignored".to_owned(),
        "ignored-only".to_owned(),
        // Ignored for another reason: it wants the S3 server that `cargo xtask rig s3` starts.
        "-E".to_owned(),
        "not (package(relay) & binary(s3))".to_owned(),
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
