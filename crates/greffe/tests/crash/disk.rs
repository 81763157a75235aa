//! A disk that fails once, at one system call of a real process; see `faults.c`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What becomes of the write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It did not happen.
    Failed,
    /// It happened, and nobody was told.
    Persisted,
    /// Half of it happened.
    Torn,
}

/// What becomes of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// It is told, goes on or says so; the command is given again.
    AskAgain,
    /// It is killed on the spot; the command is given again.
    Kill,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: Kind,
    pub(crate) then: Then,
}

/// The failing disk of one folder.
pub(crate) struct Disk {
    root: PathBuf,
    aside: tempfile::TempDir,
}

impl Disk {
    pub(crate) fn of(root: &Path) -> Self {
        Self {
            root: root.canonicalize().unwrap(),
            aside: tempfile::tempdir().unwrap(),
        }
    }

    /// Everything that the command writes is noted.
    pub(crate) fn noted(&self, command: &mut Command) {
        command
            .env("LD_PRELOAD", library())
            .env("FAULTS_ROOT", &self.root)
            .env("FAULTS_LOG", self.aside.path().join("log"));
    }

    /// The `nth` meeting of a write point fails.
    pub(crate) fn failing(&self, command: &mut Command, at: &str, nth: usize, fault: Fault) {
        self.noted(command);
        command
            .env("FAULTS_AT", at)
            .env("FAULTS_NTH", nth.to_string())
            .env(
                "FAULTS_KIND",
                match fault.kind {
                    Kind::Failed => "failed",
                    Kind::Persisted => "persisted",
                    Kind::Torn => "torn",
                },
            )
            .env(
                "FAULTS_THEN",
                match fault.then {
                    Then::AskAgain => "retry",
                    Then::Kill => "kill",
                },
            )
            .env("FAULTS_DONE", self.aside.path().join("done"));
    }

    /// Whether the fault has come.
    pub(crate) fn has_failed(&self) -> bool {
        self.aside.path().join("done").exists()
    }

    /// What was written, in order.
    pub(crate) fn log(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.aside.path().join("log")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

/// The library that stands between: made once by the C compiler that the build needs anyway.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/crash/faults.c");
        // Each test process its own: two may be started at once.
        let made = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("faults-{}.so", std::process::id()));
        let status = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(&made)
            .arg(&source)
            .arg("-ldl")
            .status()
            .unwrap();
        assert!(status.success());
        made
    })
}
