//! Planted bugs: each small change of `scenarios/planted/*.patch` must be found by a test.
//!
//! A patch names in its first lines what it breaks and the tests that must fail:
//! `# package: relay` (several are separated by commas), `# test: <nextest filter>`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::run::{self, Failure};

/// Plants each bug in a copy of the checkout and runs its tests there; a bug that no test finds fails.
pub(crate) fn planted(args: &[String]) -> Result<(), Failure> {
    let patches = run::files(&run::root().join("scenarios/planted"), ".patch");
    let chosen: Vec<&PathBuf> = match run::slice(args)? {
        Some((i, n)) => patches.iter().skip(i - 1).step_by(n).collect(),
        None => patches.iter().collect(),
    };
    stand_in_the_table(&patches)?;
    let copy = run::cache().join("planted");
    let (mut found, mut survived) = (0, Vec::new());
    for patch in chosen {
        let name = patch
            .file_stem()
            .map(|s| s.to_string_lossy().into_owned())
            .unwrap_or_default();
        mirror(&copy)?;
        let text = std::fs::read_to_string(patch)
            .map_err(|error| Failure::new(format!("{name}: {error}")))?;
        let (package, filter) = (header(&text, "package")?, header(&text, "test")?);
        run_in(
            &copy,
            "patch",
            &["-p1", "--quiet", "-i", &patch.to_string_lossy()],
            true,
        )
        .map_err(|_| Failure::new(format!("{name}: does not apply any more; write it anew")))?;
        let mut build = vec!["nextest", "run", "--no-run"];
        build.extend(packages(&package));
        run_in(&copy, env!("CARGO"), &build, false)
            .map_err(|_| Failure::new(format!("{name}: does not build any more; write it anew")))?;
        match tests(&copy, &package, &filter)? {
            Outcome::Green => survived.push(name),
            Outcome::Red => {
                println!("found: {name}");
                found += 1;
            }
            Outcome::None => {
                return Err(Failure::new(format!("{name}: no such test: {filter}")));
            }
        }
    }
    println!("{found} passed, {} failed", survived.len());
    if survived.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "no test finds: {}",
        survived.join(", ")
    )))
}

/// Each bug stands in the table of `docs/assurance.md`, with its packages and its tests.
fn stand_in_the_table(patches: &[PathBuf]) -> Result<(), Failure> {
    let read = |path: &Path| {
        std::fs::read_to_string(path)
            .map_err(|error| Failure::new(format!("{}: {error}", path.display())))
    };
    let page = read(&run::root().join("docs/assurance.md"))?;
    for patch in patches {
        let text = read(patch)?;
        let what = text.lines().next().and_then(|line| line.strip_prefix("# "));
        let packages: Vec<String> = header(&text, "package")?
            .split(',')
            .map(|package| format!("`{}`", package.trim()))
            .collect();
        let row = format!(
            "| {} | {}: `{}` |",
            what.unwrap_or_default(),
            packages.join(", "),
            header(&text, "test")?.replace('|', "\\|")
        );
        if !page.lines().any(|line| line == row) {
            return Err(Failure::new(format!(
                "docs/assurance.md lacks the row of a planted bug:\n{row}"
            )));
        }
    }
    Ok(())
}

/// What the tests said.
enum Outcome {
    Green,
    Red,
    None,
}

/// Runs the tests in the copy. That they can not be run at all is no finding.
fn tests(copy: &Path, package: &str, filter: &str) -> Result<Outcome, Failure> {
    /// Exit codes of nextest: a test failed; nothing matched.
    const FAILED: i32 = 100;
    const NOTHING: i32 = 4;
    let mut command = Command::new(env!("CARGO"));
    command
        .args([
            "nextest",
            "run",
            "--profile",
            "planted",
            "--no-tests=fail",
            "-E",
            filter,
        ])
        .args(packages(package))
        .current_dir(copy)
        .env("CARGO_TARGET_DIR", copy.join("target"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let status = command
        .status()
        .map_err(|error| Failure::new(format!("nextest: can not start: {error}")))?;
    match status.code() {
        Some(0) => Ok(Outcome::Green),
        Some(FAILED) => Ok(Outcome::Red),
        Some(NOTHING) => Ok(Outcome::None),
        _ => Err(Failure::new(format!("nextest: {status}"))),
    }
}

/// The packages of a bug's tests, as cargo's arguments.
fn packages(named: &str) -> impl Iterator<Item = &str> {
    named.split(',').flat_map(|package| ["-p", package.trim()])
}

fn header(text: &str, key: &str) -> Result<String, Failure> {
    text.lines()
        .find_map(|line| line.strip_prefix(&format!("# {key}: ")))
        .map(str::to_owned)
        .ok_or_else(|| Failure::new(format!("a planted bug lacks its line '# {key}: …'")))
}

/// A copy of the tracked files, with a build folder of its own that is kept between bugs. Only files
/// whose content differs are written, and they get a new time: what the bug before has changed is
/// built again, and nothing else is.
fn mirror(copy: &Path) -> Result<(), Failure> {
    let listed = run::program("git", &["ls-files", "-z"]).output("list of tracked files")?;
    let tracked: Vec<&str> = listed.split_terminator('\0').collect();
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |error| Failure::new(format!("{path}: {error}"))
    };
    for name in &tracked {
        let (from, to) = (run::root().join(name), copy.join(name));
        // Deleted in the checkout, not yet in the index.
        let Ok(wanted) = std::fs::read(&from) else {
            continue;
        };
        if std::fs::read(&to).is_ok_and(|there| there == wanted) {
            continue;
        }
        let parent = to.parent().unwrap_or(copy);
        std::fs::create_dir_all(parent).map_err(failed(parent))?;
        std::fs::write(&to, wanted).map_err(failed(&to))?;
    }
    let target = copy.join("target");
    for path in run::files(copy, "") {
        let name = path.strip_prefix(copy).unwrap_or(&path).to_string_lossy();
        if !path.starts_with(&target) && !tracked.contains(&&*name) {
            std::fs::remove_file(&path).map_err(failed(&path))?;
        }
    }
    Ok(())
}

fn run_in(folder: &Path, program: &str, args: &[&str], quiet: bool) -> Result<(), Failure> {
    let mut command = Command::new(program);
    command.args(args).current_dir(folder).stdin(Stdio::null());
    command.env("CARGO_TARGET_DIR", folder.join("target"));
    if quiet {
        command.stdout(Stdio::null()).stderr(Stdio::null());
    }
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::new(format!("{program}: {status}"))),
        Err(error) => Err(Failure::new(format!("{program}: can not start: {error}"))),
    }
}
