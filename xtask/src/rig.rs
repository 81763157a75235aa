//! Rigs: tests against real foreign software. Each is a folder `rigs/NAME` with a `run.sh`.

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::run::{self, Failure};

/// The longest that one rig may take.
const LIMIT: Duration = Duration::from_secs(600);

/// Runs one rig, all of them, or lists them.
pub(crate) fn rig(name: Option<&str>, options: &[String]) -> Result<(), Failure> {
    let all = names();
    match name {
        Some("list") | None => {
            println!("{}", all.join("\n"));
            Ok(())
        }
        Some("all") => all.iter().try_for_each(|name| one(name, &[])),
        Some(name) if all.iter().any(|known| known == name) => one(name, options),
        Some(name) => Err(Failure::usage(format!(
            "no rig '{name}'; there are: {}",
            all.join(", ")
        ))),
    }
}

fn names() -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(run::root().join("rigs"))
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.path().join("run.sh").is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn one(name: &str, options: &[String]) -> Result<(), Failure> {
    println!("rig {name}");
    let status = Command::new("timeout")
        .arg("--kill-after=10")
        .arg(LIMIT.as_secs().to_string())
        .arg("bash")
        .arg(format!("rigs/{name}/run.sh"))
        .args(options)
        .current_dir(run::root())
        .env("GREFFE_RIG_CACHE", run::cache().join("rigs").join(name))
        .stdin(Stdio::null())
        .status()
        .map_err(|error| Failure::new(format!("rig {name}: can not start: {error}")))?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::new(match status.code() {
        Some(124 | 137) => format!("rig {name}: took longer than {} s", LIMIT.as_secs()),
        _ => format!("rig {name}: {status}"),
    }))
}
