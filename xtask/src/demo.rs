//! `cargo xtask demo`: builds only what is needed, then runs `greffe demo`.

use crate::run::{self, Failure};

/// Says what it will cost, builds the one program and runs the demo with the given flags.
pub(crate) fn demo(args: &[String]) -> Result<(), Failure> {
    let built = run::root().join("target/debug/greffe").is_file();
    if built {
        println!("Building what changed since last time, then the demo (under a minute).");
    } else {
        println!(
            "The first build takes about ten minutes on two cores and 1.5 GB of disk\n\
             (folder target/; `cargo clean` gives it back). The demo itself takes under a minute\n\
             and 50 MB in a new folder."
        );
    }
    run::cargo(&["build", "--package", "greffe", "--bin", "greffe"]).done("build")?;
    run::cargo(&[
        "run",
        "--quiet",
        "--package",
        "greffe",
        "--bin",
        "greffe",
        "--",
        "demo",
    ])
    .args(args)
    .with_terminal()
    .done("demo")
}
