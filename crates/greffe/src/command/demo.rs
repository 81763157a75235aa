//! `greffe demo`: a new archive in a new folder, filled with sample conversations, and a walk
//! through it. It runs the commands that a user would, and shows what they print.

mod samples;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output as Ended};

use seal::Randomness;
use serde_json::{Value, json};

use super::Context;
use crate::cli::Demo;
use crate::failure::Failure;
use crate::home;
use crate::system::OsRandomness;
use crate::text::{say, word};

/// Where a demo that is kept lies, below the current folder.
const KEPT: &str = "greffe-demo";

pub(crate) fn run(context: &Context, arguments: &Demo) -> Result<(), Failure> {
    let folder = arguments.folder.clone().unwrap_or_else(|| {
        if arguments.keep || arguments.clean {
            PathBuf::from(KEPT)
        } else {
            std::env::temp_dir().join(unique())
        }
    });
    if arguments.clean {
        return clean(context, &folder);
    }
    home::private_folder(&folder)?;
    let folder = std::fs::canonicalize(&folder).map_err(|error| {
        Failure::new("can-not-read")
            .with("path", folder.as_path())
            .because(&error)
    })?;
    let walk = Walk {
        context,
        folder: folder.clone(),
        program: program()?,
    };
    let told = walk.all(arguments.keep);
    if !arguments.keep {
        let _ = std::fs::remove_dir_all(&folder);
    }
    let told = told?;
    context.output.result(&told, || {
        if arguments.keep {
            say!("demo-kept", folder = folder.as_path())
        } else {
            word("demo-next")
        }
    });
    if arguments.keep {
        walk.stay()?;
    }
    Ok(())
}

/// One walk through a new archive.
struct Walk<'a> {
    context: &'a Context,
    folder: PathBuf,
    program: PathBuf,
}

impl Walk<'_> {
    fn all(&self, keep: bool) -> Result<Value, Failure> {
        if self.archive().exists() {
            return Err(Failure::new("archive-exists").with("folder", self.archive().as_path()));
        }
        self.say(&say!("demo-begin", folder = self.folder.as_path()));
        self.passphrase()?;
        self.greffe(&["init", "--name", "Demo"])?;

        self.say(&word("demo-import"));
        let samples = samples::write(&self.folder.join("exports"))?;
        let mut imported = 0;
        for sample in &samples {
            let path = sample.path.to_string_lossy().into_owned();
            let told = self.greffe_json(&[
                "import",
                &path,
                "--me",
                sample.me,
                "--zone",
                sample.zone,
                "--dates",
                sample.dates,
            ])?;
            let new = told["imported"]["new"].as_u64().unwrap_or_default();
            imported += new;
            self.say(&say!(
                "demo-imported",
                file = sample.name,
                language = sample.language,
                count = new
            ));
        }

        self.say(&word("demo-unlock"));
        self.greffe(&["unlock", "--idle", "30"])?;
        self.say(&word("demo-search"));
        self.greffe(&["search", "budget", "--facets", "-n", "3"])?;
        for query in [
            "Vertrag",
            "\"accès aux soins\"",
            "合同",
            "ميزانية",
            "from:tom kind:message has:image",
        ] {
            self.greffe(&["search", query, "-n", "1"])?;
        }

        let found = self.greffe_json(&["search", "halden pension limit", "-n", "1"])?;
        let record = found["hits"][0]["record"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let text = found["hits"][0]["text"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        self.greffe(&["show", &record, "-C", "1"])?;
        let hits = self.beside(&text)?;
        let (index, fingerprint) = self.proof(&record)?;
        self.alter()?;
        if !keep {
            self.greffe(&["lock"])?;
        }
        Ok(json!({
            "folder": self.folder, "fingerprint": fingerprint, "imported": imported,
            "record": record, "log_index": index, "relay_hits": hits, "kept": keep,
        }))
    }

    /// What the relay holds, set beside what the reading room opened.
    fn beside(&self, text: &str) -> Result<u64, Failure> {
        self.say(&word("demo-beside"));
        let relay = self.archive().join("relay");
        let needle = text.get(..text.len().min(24)).unwrap_or(text).as_bytes();
        let (mut hits, mut bytes, mut sealed) = (0_u64, 0_u64, Vec::new());
        for path in files(&relay) {
            let content = home::read(&path)?;
            bytes += content.len() as u64;
            hits += content
                .windows(needle.len().max(1))
                .filter(|window| *window == needle)
                .count() as u64;
            if path.to_string_lossy().contains("objects") && content.len() > sealed.len() {
                sealed = content;
            }
        }
        let hex: Vec<String> = sealed
            .get(1200..1248)
            .unwrap_or_default()
            .chunks(16)
            .map(|row| row.iter().map(|byte| format!("{byte:02x} ")).collect())
            .collect();
        self.say(&say!(
            "demo-room-holds",
            text = crate::text::printable(text)
        ));
        self.say(&say!("demo-relay-holds", rows = hex.join("\n           ")));
        self.say(&say!("demo-relay-searched", bytes = bytes, hits = hits));
        Ok(hits)
    }

    /// One message proved, and the proof verified in an empty folder; then one byte altered.
    fn proof(&self, record: &str) -> Result<(u64, String), Failure> {
        self.say(&word("demo-prove"));
        let court = self.folder.join("court");
        home::private_folder(&court)?;
        let file = court.join("message.greffe-proof");
        self.greffe(&[
            "prove",
            record,
            "--output",
            &file.to_string_lossy(),
            "--withhold",
            "original",
        ])?;
        let status = self.greffe_json(&["status"])?;
        let fingerprint = status["fingerprint"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        self.in_folder(
            &court,
            &["verify", "message.greffe-proof", "--archive", &fingerprint],
        )?;
        let mut bytes = home::read(&file)?;
        let middle = bytes.len() / 2;
        if let Some(byte) = bytes.get_mut(middle) {
            *byte ^= 1;
        }
        home::write_durably(&court.join("altered.greffe-proof"), &bytes)?;
        self.say(&say!("demo-altered-proof", place = middle));
        self.must_fail(
            &court,
            &["verify", "altered.greffe-proof", "--archive", &fingerprint],
        )?;
        let verified = self.in_folder_json(&court, &["verify", "message.greffe-proof"])?;
        Ok((verified["index"].as_u64().unwrap_or_default(), fingerprint))
    }

    /// One byte of the archive altered, found, and put right again.
    fn alter(&self) -> Result<(), Failure> {
        let mirror = self.archive().join("vault").join("mirror");
        let Some(path) = files(&mirror)
            .into_iter()
            .find(|path| path.to_string_lossy().contains("objects"))
        else {
            return Err(Failure::new("demo-failed").with("what", "mirror"));
        };
        let whole = home::read(&path)?;
        let mut altered = whole.clone();
        let middle = altered.len() / 2;
        if let Some(byte) = altered.get_mut(middle) {
            *byte ^= 1;
        }
        home::write_durably(&path, &altered)?;
        self.say(&say!("demo-altered-archive", place = middle));
        let found = self.must_fail(&self.folder, &["verify"]);
        home::write_durably(&path, &whole)?;
        found?;
        self.greffe(&["verify"])
    }

    /// Keeps the archive running until it is stopped.
    fn stay(&self) -> Result<(), Failure> {
        let status = self
            .command(&self.folder, &["up"])
            .status()
            .map_err(|error| {
                Failure::new("demo-failed")
                    .with("what", "up")
                    .because(&error)
            })?;
        if status.success() {
            return Ok(());
        }
        Err(Failure::new("demo-failed").with("what", "up"))
    }

    fn archive(&self) -> PathBuf {
        self.folder.join("greffe")
    }

    fn passphrase(&self) -> Result<(), Failure> {
        let mut bytes = [0; 12];
        OsRandomness::new().fill(&mut bytes);
        let text = data_encoding::BASE32_NOPAD.encode(&bytes).to_lowercase();
        home::write_durably(&self.folder.join("passphrase"), text.as_bytes())
    }

    /// Runs a command of this program over the demo's archive; shows it and what it prints.
    fn greffe(&self, arguments: &[&str]) -> Result<(), Failure> {
        self.in_folder(&self.folder, arguments)
    }

    fn in_folder(&self, folder: &Path, arguments: &[&str]) -> Result<(), Failure> {
        let ended = self.run(folder, arguments, false)?;
        self.show(arguments, &ended);
        if ended.status.success() {
            return Ok(());
        }
        Err(Failure::new("demo-failed")
            .with("what", arguments.join(" "))
            .with("why", String::from_utf8_lossy(&ended.stderr).into_owned()))
    }

    /// A command that must find what was altered.
    fn must_fail(&self, folder: &Path, arguments: &[&str]) -> Result<(), Failure> {
        let ended = self.run(folder, arguments, false)?;
        self.show(arguments, &ended);
        if ended.status.success() {
            return Err(Failure::new("demo-not-found").with("what", arguments.join(" ")));
        }
        Ok(())
    }

    fn greffe_json(&self, arguments: &[&str]) -> Result<Value, Failure> {
        self.in_folder_json(&self.folder, arguments)
    }

    fn in_folder_json(&self, folder: &Path, arguments: &[&str]) -> Result<Value, Failure> {
        let ended = self.run(folder, arguments, true)?;
        if !ended.status.success() {
            return Err(Failure::new("demo-failed")
                .with("what", arguments.join(" "))
                .with("why", String::from_utf8_lossy(&ended.stderr).into_owned()));
        }
        serde_json::from_slice(&ended.stdout).map_err(|error| {
            Failure::new("demo-failed")
                .with("what", arguments.join(" "))
                .because(&error)
        })
    }

    fn run(&self, folder: &Path, arguments: &[&str], json: bool) -> Result<Ended, Failure> {
        let mut command = self.command(folder, arguments);
        command.arg(if json { "--json" } else { "--quiet" });
        command.output().map_err(|error| {
            Failure::new("demo-failed")
                .with("what", arguments.join(" "))
                .because(&error)
        })
    }

    fn command(&self, folder: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .current_dir(folder)
            .env("GREFFE_PASSPHRASE_FILE", self.folder.join("passphrase"))
            .env("GREFFE_LANG", crate::text::language())
            .env("NO_COLOR", "1")
            .stdin(std::process::Stdio::null());
        // A proof needs no archive: in the court's folder none is named.
        if folder == self.folder {
            command.env("GREFFE_HOME", self.archive());
        } else {
            command
                .env("GREFFE_HOME", self.archive())
                .env_remove("GREFFE_PASSPHRASE_FILE");
        }
        command
    }

    fn show(&self, arguments: &[&str], ended: &Ended) {
        let quoted: Vec<String> = arguments
            .iter()
            .map(|argument| {
                if argument.contains(' ') {
                    format!("'{argument}'")
                } else {
                    (*argument).to_owned()
                }
            })
            .collect();
        self.say(&format!("\n$ greffe {}", quoted.join(" ")));
        for stream in [&ended.stdout, &ended.stderr] {
            for line in String::from_utf8_lossy(stream).lines() {
                self.say(&format!("    {line}"));
            }
        }
    }

    /// The walk is told on standard error with `--json`, so that standard output holds the result alone.
    #[expect(
        clippy::print_stdout,
        clippy::print_stderr,
        reason = "the demo's own telling"
    )]
    fn say(&self, text: &str) {
        if self.context.output.json() {
            eprintln!("{text}");
        } else {
            println!("{text}");
            let _ = std::io::stdout().flush();
        }
    }
}

fn clean(context: &Context, folder: &Path) -> Result<(), Failure> {
    // Only what a demo has made is removed: its folder holds the passphrase beside the archive.
    let ours =
        folder.join("passphrase").is_file() && folder.join("greffe").join("greffe.toml").is_file();
    if !ours {
        return Err(Failure::new("demo-no-folder").with("folder", folder));
    }
    std::fs::remove_dir_all(folder).map_err(|error| {
        Failure::new("can-not-write")
            .with("path", folder)
            .because(&error)
    })?;
    context.output.result(&json!({ "removed": folder }), || {
        say!("demo-removed", folder = folder)
    });
    Ok(())
}

fn program() -> Result<PathBuf, Failure> {
    std::env::current_exe().map_err(|error| {
        Failure::new("demo-failed")
            .with("what", "greffe")
            .because(&error)
    })
}

fn unique() -> String {
    let mut bytes = [0; 6];
    OsRandomness::new().fill(&mut bytes);
    format!("greffe-demo-{}", canonical::hex(&bytes))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_path_buf()];
    while let Some(next) = waiting.pop() {
        for entry in std::fs::read_dir(&next).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                waiting.push(path)
            } else {
                found.push(path)
            }
        }
    }
    found.sort();
    found
}
