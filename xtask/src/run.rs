//! Running programs and saying how it went.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A named part of a longer command.
pub(crate) type Step = (&'static str, fn() -> Result<(), Failure>);

/// Why a command of xtask failed, in words for a developer.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A program to run, with its output on the terminal.
pub(crate) struct Run(Command);

/// `cargo` with these arguments, in the root of the checkout.
pub(crate) fn cargo(args: &[&str]) -> Run {
    program(env!("CARGO"), args)
}

/// A program by name or path, in the root of the checkout.
pub(crate) fn program(name: impl AsRef<std::ffi::OsStr>, args: &[&str]) -> Run {
    let mut command = Command::new(name);
    command.args(args).current_dir(root()).stdin(Stdio::null());
    Run(command)
}

impl Run {
    pub(crate) fn args(mut self, args: &[String]) -> Self {
        self.0.args(args);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.0.env(name, value);
        self
    }

    pub(crate) fn with_terminal(mut self) -> Self {
        self.0.stdin(Stdio::inherit());
        self
    }

    /// Runs it; fails with its name unless it ended with 0.
    pub(crate) fn done(mut self, what: &str) -> Result<(), Failure> {
        match self.0.status() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(Failure::new(format!("{what}: {status}"))),
            Err(error) => Err(Failure::new(format!("{what}: can not start: {error}"))),
        }
    }

    /// Runs it and gives what it printed on standard output; fails unless it ended with 0.
    pub(crate) fn output(mut self, what: &str) -> Result<String, Failure> {
        let output = self
            .0
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| Failure::new(format!("{what}: can not start: {error}")))?;
        if !output.status.success() {
            return Err(Failure::new(format!("{what}: {}", output.status)));
        }
        String::from_utf8(output.stdout).map_err(|_| Failure::new(format!("{what}: not UTF-8")))
    }
}

/// Runs the steps one after the other; stops at the first failure.
pub(crate) fn steps(steps: &[Step]) -> Result<(), Failure> {
    for (at, (name, step)) in steps.iter().enumerate() {
        println!("[{}/{}] {name}", at + 1, steps.len());
        step()?;
    }
    println!("all {} steps passed", steps.len());
    Ok(())
}

/// The workspace's tests, by nextest where it is installed, else by cargo's own runner.
pub(crate) fn tests(args: &[&str]) -> Result<(), Failure> {
    let has_nextest = Command::new(env!("CARGO"))
        .args(["nextest", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    let all: Vec<String> = args.iter().map(|&a| a.to_owned()).collect();
    if has_nextest {
        cargo(&["nextest", "run", "--no-fail-fast"])
            .args(&all)
            .done("tests")
    } else {
        cargo(&["test", "--all-targets"]).args(&all).done("tests")
    }
}

/// The root of the checkout that cargo runs this for: of several that share a build folder, the one
/// that was compiled first is not always the one that is meant.
pub(crate) fn root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    package
        .parent()
        .map_or_else(PathBuf::new, Path::to_path_buf)
}

/// Where downloads and foreign software are kept between runs.
pub(crate) fn cache() -> PathBuf {
    std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")))
        .unwrap_or_else(std::env::temp_dir)
        .join("greffe")
}

/// `--slice I/N` among the arguments: run only the I-th of N slices (I from 1).
pub(crate) fn slice(args: &[String]) -> Result<Option<(usize, usize)>, Failure> {
    let Some(at) = args.iter().position(|a| a == "--slice") else {
        return Ok(None);
    };
    let parsed = args
        .get(at + 1)
        .and_then(|text| text.split_once('/'))
        .and_then(|(i, n)| Some((i.parse::<usize>().ok()?, n.parse::<usize>().ok()?)))
        .filter(|&(i, n)| i >= 1 && i <= n);
    parsed
        .map(Some)
        .ok_or_else(|| Failure::usage("--slice takes I/N, for example --slice 1/6"))
}

/// Every file below `folder` whose name ends in `ending`, sorted.
pub(crate) fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_path_buf()];
    while let Some(next) = waiting.pop() {
        let Ok(entries) = std::fs::read_dir(&next) else {
            continue;
        };
        for entry in entries.flatten() {
            let path = entry.path();
            let name = entry.file_name();
            let hidden = name.to_string_lossy().starts_with('.');
            if path.is_dir() && !hidden && name != "target" && name != "node_modules" {
                waiting.push(path);
            } else if path.is_file() && name.to_string_lossy().ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
