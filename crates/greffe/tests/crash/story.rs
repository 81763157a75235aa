//! What the program does while its disk fails: an export with files is imported, searched, and keys
//! are made ahead; and what must be true in the end, whatever failed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::CHAPTERS;
use crate::disk::{Disk, Fault, Then};
use crate::point::{Part, Point, Write, chosen};

/// Messages of the export, and how many of them have a file.
const MESSAGES: u64 = 35;
const FILES: u64 = 5;
/// Times that a command is given again before it counts as broken.
const TRIES: usize = 4;

/// One command of the story.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Chapter {
    /// Connector, agent, relay, witness, vault: all in one.
    Import,
    /// The reading room opens, files and looks.
    Search,
    /// The keyring gets keys, which are then published.
    Keys,
}

impl Chapter {
    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Import => &["import", EXPORT, "--me", "Anna Keller", "--zone", "UTC"],
            Self::Search => &["search", "second"],
            Self::Keys => &["keys", "make-ahead", "--periods", "14"],
        }
    }
}

const EXPORT: &str = "WhatsApp Chat - Second";

/// An archive before each chapter, to be copied for each cell.
pub(crate) struct Story {
    chapters: Vec<(Chapter, tempfile::TempDir)>,
    /// Kinds of file that a story without fault leaves.
    left: BTreeSet<String>,
}

impl Story {
    /// Founds the archive, with something in it already, and tells the story once without a fault.
    pub(crate) fn prepare() -> Self {
        let first = tempfile::tempdir().unwrap();
        let archive = Archive(first.path());
        std::fs::write(first.path().join("passphrase"), "correct horse battery\n").unwrap();
        archive.good(&["init", "--name", "Test"]);
        std::fs::write(
            first.path().join("WhatsApp Chat - First.txt"),
            "[13/11/2026, 08:02:40] Anna Keller: Morning. The budget numbers come out at 10:30.\r\n",
        )
        .unwrap();
        archive.good(&[
            "import",
            "WhatsApp Chat - First.txt",
            "--me",
            "Anna Keller",
            "--zone",
            "UTC",
        ]);
        archive.good(&["search", "budget"]);
        drop(archive);
        write_export(&first.path().join(EXPORT));
        let mut story = Self {
            chapters: Vec::new(),
            left: BTreeSet::new(),
        };
        let mut before = first;
        for chapter in CHAPTERS {
            let copy = copied(before.path());
            Archive(copy.path()).good(chapter.arguments());
            Archive(copy.path()).good(&["lock"]);
            story.chapters.push((chapter, before));
            before = copy;
        }
        assert_eq!(Archive(before.path()).whole(Chapter::Keys), Ok(()));
        story.left = classes(before.path());
        story
    }

    fn before(&self, chapter: Chapter) -> &Path {
        let found = self.chapters.iter().find(|(of, _)| *of == chapter);
        found.unwrap().1.path()
    }

    /// Every write point, each kind in the first chapter that has it.
    pub(crate) fn points(&self) -> Vec<Point> {
        let mut meetings: BTreeMap<(Write, Chapter), Vec<usize>> = BTreeMap::new();
        let mut known: BTreeSet<(String, String)> = BTreeSet::new();
        for chapter in CHAPTERS {
            let folder = copied(self.before(chapter));
            let archive = Archive(folder.path());
            let disk = Disk::of(&archive.home());
            let mut command = archive.command(chapter.arguments());
            disk.noted(&mut command);
            assert!(command.output().unwrap().status.success());
            archive.good(&["lock"]);
            let (mut submitting, mut counts) = (false, BTreeMap::<String, usize>::new());
            let mut new = BTreeSet::new();
            for line in disk.log() {
                let nth = counts.entry(line.clone()).or_default();
                *nth += 1;
                submitting |= line.contains("/uploads/");
                let (operation, class) = line.split_once(' ').unwrap();
                let part = Part::of(chapter, class, submitting);
                let focus = matches!(
                    (chapter, part),
                    (Chapter::Import, _)
                        | (Chapter::Search, Part::Filing | Part::Audit)
                        | (Chapter::Keys, Part::Keyring)
                );
                let key = (operation.to_owned(), class.to_owned());
                if !focus && known.contains(&key) {
                    continue;
                }
                new.insert(key);
                let write = Write {
                    part,
                    class: class.to_owned(),
                    operation: operation.to_owned(),
                };
                meetings.entry((write, chapter)).or_default().push(*nth);
            }
            known.extend(new);
        }
        meetings
            .into_iter()
            .flat_map(|((write, chapter), all)| {
                let chosen = chosen(&write.class, &all);
                chosen.into_iter().map(move |nth| Point {
                    write: write.clone(),
                    chapter,
                    nth,
                })
            })
            .collect()
    }

    /// One cell: the command with the fault, the command again, the rest of the story, and the whole
    /// archive verified.
    pub(crate) fn run(&self, point: &Point, fault: Fault) -> Result<(), String> {
        let folder = copied(self.before(point.chapter));
        let archive = Archive(folder.path());
        let disk = Disk::of(&archive.home());
        let mut command = archive.command(point.chapter.arguments());
        disk.failing(&mut command, &point.at(), point.nth, fault);
        let output = command.output().unwrap();
        if !disk.has_failed() {
            // How entries group depends on the moment: a late meeting may not come. The first does.
            return match point.nth {
                1 => Err("the fault never came".to_owned()),
                _ => Ok(()),
            };
        }
        if fault.then == Then::AskAgain && output.status.code().is_none() {
            return Err(format!("it crashed: {output:?}"));
        }
        let arguments = point.chapter.arguments();
        match point.chapter {
            // Of what is sent again, all is there; how much of it was new is the crash's to say.
            Chapter::Import => {
                let again = archive.until_good(arguments)?;
                let count = |name: &str| again["imported"][name].as_u64().unwrap_or_default();
                if count("new") + count("known") != MESSAGES {
                    return Err(format!("imported again: {again}"));
                }
            }
            Chapter::Search | Chapter::Keys => {
                archive.until_good(arguments)?;
            }
        }
        archive.whole(point.chapter)?;
        archive.until_good(&["lock"])?;
        let litter: Vec<String> = classes(folder.path())
            .difference(&self.left)
            .cloned()
            .collect();
        if litter.is_empty() {
            Ok(())
        } else {
            Err(format!("left behind: {litter:?}"))
        }
    }

    /// As many changes are seen by the failing disk as the kernel was asked for.
    pub(crate) fn census_is_whole(&self) {
        for chapter in CHAPTERS {
            let folder = copied(self.before(chapter));
            let archive = Archive(folder.path());
            let disk = Disk::of(&archive.home());
            let calls = folder.path().join("calls");
            let mut plain = archive.command(chapter.arguments());
            disk.noted(&mut plain);
            let mut traced = Command::new("strace");
            traced.args(["-f", "-qq", "-y", "-o"]).arg(&calls).args([
                "-e",
                "trace=write,pwrite64,writev,pwritev,pwritev2,sendfile,copy_file_range,splice,\
                 rename,renameat,renameat2,link,linkat,symlink,symlinkat,ftruncate,truncate,\
                 fallocate,fsync,fdatasync,sync_file_range,io_uring_setup",
            ]);
            // The library is for the program, not for strace.
            for (name, value) in plain.get_envs() {
                if let (Some(name), Some(value)) = (name.to_str(), value) {
                    traced
                        .arg("-E")
                        .arg(format!("{name}={}", value.to_str().unwrap()));
                }
            }
            traced
                .arg(plain.get_program())
                .args(plain.get_args())
                .current_dir(folder.path())
                .stdin(Stdio::null());
            let output = traced
                .output()
                .expect("strace; `cargo xtask setup` installs it");
            assert!(output.status.success(), "{output:?}");
            archive.good(&["lock"]);
            let home = archive.home().canonicalize().unwrap();
            let mut kernel: BTreeMap<&str, usize> = BTreeMap::new();
            for line in std::fs::read_to_string(&calls).unwrap().lines() {
                if let Some(operation) = changes(line, home.to_str().unwrap()) {
                    *kernel.entry(operation).or_default() += 1;
                }
            }
            let mut noted: BTreeMap<&str, usize> = BTreeMap::new();
            let log = disk.log();
            for line in &log {
                let operation = line.split_once(' ').unwrap().0;
                if ["write", "rename", "link", "truncate", "sync"].contains(&operation) {
                    *noted.entry(operation).or_default() += 1;
                }
            }
            // `truncate` is also a way of opening, which strace is not asked about.
            for table in [&mut kernel, &mut noted] {
                table.remove("truncate");
            }
            assert!(kernel["write"] > 20, "{kernel:?}");
            assert_eq!(kernel, noted, "{chapter:?}");
        }
    }
}

/// What a line of strace changes below the folder.
fn changes(line: &str, home: &str) -> Option<&'static str> {
    let call = line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
    let (name, rest) = call.split_once('(')?;
    let operation = match name {
        "write" | "pwrite64" | "writev" | "pwritev" | "pwritev2" => "write",
        "sendfile" | "copy_file_range" | "splice" => "write",
        "rename" | "renameat" | "renameat2" => "rename",
        "link" | "linkat" | "symlink" | "symlinkat" => "link",
        "ftruncate" | "truncate" | "fallocate" => "truncate",
        "fsync" | "fdatasync" | "sync_file_range" => "sync",
        _ => return None,
    };
    let target = match name {
        // The second path or descriptor is the one that changes.
        "copy_file_range" => rest.splitn(3, '<').nth(2)?,
        _ if operation == "rename" || operation == "link" => rest.rsplit('"').nth(1)?,
        _ if operation == "write" || operation == "sync" || name != "truncate" => {
            rest.split_once('<')?.1
        }
        _ => rest,
    };
    let below = target.strip_prefix(home)?.starts_with('/');
    let gone = target
        .split('>')
        .next()
        .is_some_and(|path| path.ends_with("(deleted)"));
    (below && !gone).then_some(operation)
}

/// An archive in the folder `greffe` of this folder.
struct Archive<'a>(&'a Path);

impl Archive<'_> {
    fn home(&self) -> PathBuf {
        self.0.join("greffe")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_greffe"));
        command
            .args(arguments)
            .arg("--json")
            .current_dir(self.0)
            .env_remove("GREFFE_HOME")
            .env("GREFFE_LANG", "en")
            .env("GREFFE_PASSPHRASE_FILE", self.0.join("passphrase"))
            .stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    #[track_caller]
    fn good(&self, arguments: &[&str]) {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    }

    /// The command, again until it succeeds, a few times at most.
    fn until_good(&self, arguments: &[&str]) -> Result<Value, String> {
        let mut last = None;
        for _ in 0..TRIES {
            let output = self.run(arguments);
            if output.status.success() {
                return Ok(serde_json::from_slice(&output.stdout).unwrap_or_default());
            }
            last = Some(output);
        }
        Err(format!("{arguments:?} fails for good: {last:?}"))
    }

    fn json(&self, arguments: &[&str]) -> Result<Value, String> {
        let output = self.run(arguments);
        if !output.status.success() {
            return Err(format!("{arguments:?}: {output:?}"));
        }
        serde_json::from_slice(&output.stdout).map_err(|error| format!("{arguments:?}: {error}"))
    }

    /// The whole archive: every byte verifies, everything sent is there once, nothing waits, nothing
    /// alarms; behind the last chapter, the keys too.
    fn whole(&self, behind: Chapter) -> Result<(), String> {
        let status = self.json(&["status"])?;
        let fingerprint = status["fingerprint"].as_str().unwrap_or_default();
        let verified = self.json(&["verify", "--archive", fingerprint])?;
        let is = |what: &str, found: &Value, wanted: Value| {
            if *found == wanted {
                Ok(())
            } else {
                Err(format!("{what} is {found}, not {wanted}"))
            }
        };
        is("verified", &verified["verified"], true.into())?;
        let status = &status["status"];
        let delivered = &status["delivered"];
        is("waiting", &delivered["waiting"], 0.into())?;
        is(
            "stored",
            &delivered["stored"],
            delivered["log_size"].clone(),
        )?;
        is("alarms", &status["alarms"], Value::Array(Vec::new()))?;
        // One of the first export, texts and files of the second; none twice.
        let all = self.json(&["search", "budget OR second OR has:attachment"])?;
        is("hits", &all["total"], (1 + MESSAGES).into())?;
        if behind == Chapter::Keys {
            let keys = self.json(&["keys", "list"])?;
            let count = keys["epochs"].as_array().map(Vec::len);
            is("keys", &count.into(), 16.into())?;
            // None that the log does not name.
            let made = self.json(&["keys", "make-ahead", "--periods", "14"])?;
            is("keys made", &made["made"], 0.into())?;
        }
        Ok(())
    }
}

impl Drop for Archive<'_> {
    /// A reading room outlives the command that opened it, and the folder must go.
    fn drop(&mut self) {
        let _ = self.run(&["lock"]);
    }
}

/// A chat of thirty messages and five pictures.
fn write_export(folder: &Path) {
    std::fs::create_dir(folder).unwrap();
    let mut chat = String::new();
    for minute in 0..MESSAGES - FILES {
        chat += &format!("[14/11/2026, 09:{minute:02}:40] Anna Keller: second {minute} words\r\n");
        if minute % 6 == 0 {
            let name = format!("{minute:08}-PHOTO-2026-11-14-09-{minute:02}-40.jpg");
            chat += &format!(
                "[14/11/2026, 09:{minute:02}:41] Anna Keller: \u{200e}<attached: {name}>\r\n"
            );
            let bytes = vec![minute as u8; 3_000 + minute as usize];
            std::fs::write(folder.join(name), bytes).unwrap();
        }
    }
    std::fs::write(folder.join("_chat.txt"), chat).unwrap();
}

fn copied(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    copy(from, to.path());
    to
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        let about = entry.file_type().unwrap();
        if about.is_dir() {
            copy(&entry.path(), &target);
        } else if about.is_file() {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Kinds of file below the archive's folder, as endings of names that only unfinished work has, and
/// the folders that they are in.
fn classes(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut waiting = vec![folder.join("greffe")];
    while let Some(next) = waiting.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let relative = path
                .strip_prefix(folder)
                .unwrap()
                .to_string_lossy()
                .into_owned();
            if path.is_dir() {
                waiting.push(path);
            } else if relative.ends_with(".new")
                || relative.contains(".draft-")
                || relative.contains("/partial/")
                || relative.contains("/staged/")
                || relative.contains("/tmp/")
                || relative.contains("/uploads/")
                || relative.contains("/imports/")
                || relative.contains("/streams/")
            {
                found.insert(relative);
            }
        }
    }
    found
}
