//! `cargo xtask bench NAME|all`: benchmarks beside their ceilings, in one run.

use std::path::PathBuf;

use crate::run::{self, Failure};

/// The benchmarks, and what each measures.
const ALL: &[(&str, &str)] = &[
    (
        "sealing",
        "sealing and opening beside bare HPKE, zstd, SHA-256",
    ),
    (
        "relay",
        "receipted entries beside a bare TLS server; receipts, memory, start",
    ),
    (
        "filing",
        "verify, open and file beside tantivy and SQLCipher",
    ),
    (
        "search",
        "many queries over a million records in 24 partitions",
    ),
    (
        "imports",
        "chat exports beside foreign parsers; to the spool; searchable",
    ),
    ("memory", "a big import, a large attachment, a large export"),
    ("size", "what a record takes on disk"),
    (
        "live",
        "connector to `stored`: rate, times, memory at 1, 100, 1000 accounts",
    ),
];

/// The foreign parsers, by name and version.
const NPM: &str = "whatsapp-chat-parser@4.0.2";
const PYPI: &str = "whatstk==0.9.1";

/// Runs one benchmark or all; `--json` and `--quick` are for the benchmark.
pub(crate) fn bench(args: &[String]) -> Result<(), Failure> {
    let (options, names): (Vec<String>, Vec<String>) = args
        .iter()
        .cloned()
        .partition(|argument| argument.starts_with("--"));
    if let Some(unknown) = options
        .iter()
        .find(|option| !["--json", "--quick"].contains(&option.as_str()))
    {
        return Err(Failure::usage(format!(
            "no option '{unknown}'; there are --json and --quick"
        )));
    }
    let [name] = names.as_slice() else {
        for (name, what) in ALL {
            println!("{name:8}  {what}");
        }
        println!("\ncargo xtask bench NAME|all [--json] [--quick]");
        return Ok(());
    };
    let chosen: Vec<&str> = ALL
        .iter()
        .map(|(known, _)| *known)
        .filter(|known| name == "all" || name == known)
        .collect();
    if chosen.is_empty() {
        let known: Vec<&str> = ALL.iter().map(|(known, _)| *known).collect();
        return Err(Failure::usage(format!(
            "no benchmark '{name}'; there are: all, {}",
            known.join(", ")
        )));
    }
    // One that fails does not keep the others from running.
    let failed: Vec<&str> = chosen
        .into_iter()
        .filter(|name| {
            let outcome = one(name, &options);
            if let Err(failure) = &outcome {
                eprintln!("xtask bench: {failure}");
            }
            outcome.is_err()
        })
        .collect();
    match failed.is_empty() {
        true => Ok(()),
        false => Err(Failure::new(format!("failed: {}", failed.join(", ")))),
    }
}

fn one(name: &str, options: &[String]) -> Result<(), Failure> {
    let mut cargo = run::cargo(&["bench", "--quiet", "-p", "benches", "--bench", name, "--"])
        .args(options)
        .env("GREFFE_BENCH_CACHE", cache());
    if name == "imports" {
        // What can not be installed is left out, and the benchmark says so.
        for (variable, place) in [
            ("GREFFE_BENCH_NODE", npm()),
            ("GREFFE_BENCH_PYTHON", python()),
            ("GREFFE_BENCH_PROGRAM", program()),
        ] {
            match place {
                Ok(place) => cargo = cargo.env(variable, place),
                Err(failure) => eprintln!("xtask bench imports: {failure}"),
            }
        }
    }
    cargo.done(name)
}

fn cache() -> PathBuf {
    run::cache().join("bench")
}

/// A folder with npm's parser; installed once.
fn npm() -> Result<PathBuf, Failure> {
    let folder = cache().join("npm");
    if !folder.join("node_modules/whatsapp-chat-parser").is_dir() {
        let made = std::fs::create_dir_all(&folder);
        made.map_err(|error| Failure::new(format!("{}: {error}", folder.display())))?;
        run::program("npm", &["install", "--silent", "--prefix"])
            .args(&[folder.to_string_lossy().into_owned(), NPM.to_owned()])
            .done("npm install")?;
    }
    Ok(folder)
}

/// An interpreter with PyPI's parser; installed once.
fn python() -> Result<PathBuf, Failure> {
    let folder = cache().join("python");
    let interpreter = folder.join("bin/python");
    if run::program(&interpreter, &["-c", "import whatstk"])
        .output("whatstk")
        .is_err()
    {
        run::program("python3", &["-m", "venv"])
            .args(&[folder.to_string_lossy().into_owned()])
            .done("python3 -m venv")?;
        run::program(&interpreter, &["-m", "pip", "install", "--quiet", PYPI])
            .done("pip install")?;
    }
    Ok(interpreter)
}

/// A `greffe` as fast as the benchmarks are built.
fn program() -> Result<PathBuf, Failure> {
    run::cargo(&["build", "--quiet", "--profile", "bench", "-p", "greffe"])
        .done("building greffe")?;
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| run::root().join("target"), PathBuf::from);
    Ok(target.join("release/greffe"))
}
