//! Planted bugs: each small change of `scenarios/planted/*.patch` must be found by a test.
//!
//! A patch names in its first lines what it breaks and the tests that must fail:
//! `# package: relay`, `# test: <nextest filter>`.

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
        run_in(
            &copy,
            env!("CARGO"),
            &["nextest", "run", "--no-run", "-p", &package],
            false,
        )
        .map_err(|_| Failure::new(format!("{name}: does not build any more; write it anew")))?;
        let green = run_in(
            &copy,
            env!("CARGO"),
            &["nextest", "run", "-p", &package, "-E", &filter],
            true,
        );
        if green.is_ok() {
            survived.push(name);
        } else {
            println!("found: {name}");
            found += 1;
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

fn header(text: &str, key: &str) -> Result<String, Failure> {
    text.lines()
        .find_map(|line| line.strip_prefix(&format!("# {key}: ")))
        .map(str::to_owned)
        .ok_or_else(|| Failure::new(format!("a planted bug lacks its line '# {key}: …'")))
}

/// A copy of the tracked files, with a build folder of its own that is kept between bugs.
fn mirror(copy: &Path) -> Result<(), Failure> {
    let script = format!(
        "mkdir -p '{0}' && git ls-files -z | rsync --archive --checksum --delete --exclude=/target --from0 --files-from=- . '{0}' 2>/dev/null \
         || (git ls-files -z | tar --null -T - -cf - | tar -xf - -C '{0}')",
        copy.display()
    );
    run::program("sh", &["-c", &script]).done("copy of the checkout")
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
