//! `cargo xtask setup`: installs what tests and rigs need, from the public registries, by name.

use std::process::{Command, Stdio};

use crate::run::{self, Failure};

/// A program that must be on the PATH, the Debian package that brings it, and what wants it.
const PROGRAMS: &[(&str, &str, &str)] = &[
    ("cc", "build-essential", "the build"),
    ("perl", "perl", "the build (SQLCipher's OpenSSL)"),
    ("make", "make", "the build (SQLCipher's OpenSSL)"),
    (
        "python3",
        "python3",
        "the second reader; the rigs s3, smtp, telegram, whatsapp",
    ),
    (
        "gcore",
        "gdb",
        "the marker test (memory of a running relay)",
    ),
    ("strace", "strace", "the crash tests"),
    ("openssl", "openssl", "certificates of the rig smtp"),
    (
        "node",
        "nodejs",
        "the rig signal; the import benchmark's foreign parser",
    ),
    (
        "npm",
        "npm",
        "the rig signal; the import benchmark's foreign parser",
    ),
];

/// What the second reader imports, from PyPI, in a virtual environment of the cache.
const READER: &[&str] = &["cbor2", "cryptography", "kyber-py"];

/// Installs what is missing and says so; a second run does nothing.
pub(crate) fn setup() -> Result<(), Failure> {
    let missing: Vec<_> = PROGRAMS
        .iter()
        .filter(|(program, _, _)| !on_path(program))
        .collect();
    if !missing.is_empty() {
        for (program, package, wanted_by) in &missing {
            println!("missing: {program} (package {package}), for {wanted_by}");
        }
        let mut packages: Vec<&str> = missing.iter().map(|(_, package, _)| *package).collect();
        packages.dedup();
        if !on_path("apt-get") {
            return Err(Failure::new(
                "install the programs above with your system's packages, then run setup again",
            ));
        }
        apt(&["update", "-qq"])?;
        apt(&[
            &["install", "-y", "-qq", "--no-install-recommends"][..],
            &packages,
        ]
        .concat())?;
    }
    if !on_path("cargo-nextest") {
        println!(
            "cargo-nextest is not installed: `cargo xtask check` uses cargo's own runner; `assurance` needs it (cargo install --locked cargo-nextest)"
        );
    }
    python()?;
    println!("ready: `cargo xtask demo` shows the main job, `cargo xtask check` runs the tests");
    Ok(())
}

fn python() -> Result<(), Failure> {
    let folder = run::cache().join("python");
    let interpreter = folder.join("bin/python");
    if !interpreter.is_file() {
        let made = run::program("python3", &["-m", "venv"])
            .args(&[folder.to_string_lossy().into_owned()])
            .done("python3 -m venv");
        if made.is_err() && on_path("apt-get") {
            apt(&["update", "-qq"])?;
            apt(&["install", "-y", "-qq", "python3-venv"])?;
            run::program("python3", &["-m", "venv"])
                .args(&[folder.to_string_lossy().into_owned()])
                .done("python3 -m venv")?;
        } else {
            made?;
        }
    }
    let have = run::program(
        &interpreter,
        &["-c", "import cbor2, cryptography, kyber_py"],
    )
    .done("");
    if have.is_err() {
        let mut args = vec![
            "-m".to_owned(),
            "pip".to_owned(),
            "install".to_owned(),
            "--quiet".to_owned(),
        ];
        args.extend(READER.iter().map(|&name| name.to_owned()));
        run::program(&interpreter, &[])
            .args(&args)
            .done("pip install")?;
    }
    Ok(())
}

fn apt(args: &[&str]) -> Result<(), Failure> {
    run::program("apt-get", args)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .done("apt-get")
}

fn on_path(program: &str) -> bool {
    Command::new("sh")
        .args(["-c", "command -v \"$0\"", program])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
