//! Attacks and long tests: ignored by the everyday check, run here in slices.

use crate::planted;
use crate::run::{self, Failure};

/// Runs every long test, or the I-th of N slices of them, and the same slice of the planted bugs. The
/// crash matrix writes one table, some of whose parts were not run to their end yet: no slice has it.
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
        let filter = "not (package(relay) & binary(s3)) and not (package(greffe) & binary(crash))";
        if let Some(place) = nextest
            .iter_mut()
            .find(|argument| argument.starts_with("not ("))
        {
            filter.clone_into(place);
        }
        nextest.extend(["--partition".to_owned(), format!("count:{i}/{n}")]);
    }
    run::cargo(&["nextest", "run", "--no-fail-fast", "--no-tests=pass"])
        .args(&nextest)
        .done("assurance")?;
    planted::planted(args)
}
