//! A connector's process: started in its own folder, limited, heard, and ended.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use connector::limit::EVIDENCE_LINE_BYTES;
use rustix::process::{Pid, Resource, Rlimit};

use crate::confine::confined;

/// Most bytes of evidence in one file; the file before it is kept.
const EVIDENCE_BYTES: u64 = 1 << 20;
const EVIDENCE: &str = "evidence.log";
const EVIDENCE_BEFORE: &str = "evidence.log.1";

/// How to run a connector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectorCommand {
    /// The program: a name to be searched for, or an absolute path.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<std::ffi::OsString>,
    /// Most bytes of address space; none where the system's own limit is to hold.
    pub memory: Option<u64>,
    /// Most open files.
    pub files: Option<u64>,
    /// What it may read beside its own folder, its program and the system's; none where it is to
    /// run with all rights of this user. See [`Confinement`](crate::Confinement).
    pub confined: Option<Vec<PathBuf>>,
}

/// Why a connector could not be started or ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChildError {
    /// The program can not be started.
    #[error("starting {}", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Its folder can not be made.
    #[error("making the connector's folder {}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Its limits can not be set.
    #[error("limiting the connector")]
    Limit(#[source] io::Error),
}

/// A running connector. Dropped, it is killed and waited for.
pub struct ConnectorChild {
    child: Arc<Mutex<Child>>,
    evidence: Option<JoinHandle<()>>,
}

/// Ends a connector from another thread.
#[derive(Clone)]
pub struct Killer(Arc<Mutex<Child>>);

impl ConnectorCommand {
    /// A program without arguments, with limits that suit every connector of the house: 4 GiB of
    /// address space, 256 files.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            memory: Some(4 << 30),
            files: Some(256),
            confined: None,
        }
    }

    /// The same, kept to its own folder and the system's programs, where the kernel can (AGENT-5).
    /// `read` is what it may read beside them.
    #[must_use]
    pub fn confined_to(mut self, read: Vec<PathBuf>) -> Self {
        self.confined = Some(read);
        self
    }

    /// Starts it in its folder, with an environment of its own: path, language and zone only.
    /// Standard error goes to evidence files in the folder, at most 4 KiB a line.
    ///
    /// # Errors
    ///
    /// When it can not be started or limited; nothing runs then.
    pub fn start(
        &self,
        folder: &Path,
    ) -> Result<(ConnectorChild, ChildStdout, ChildStdin), ChildError> {
        fs::create_dir_all(folder).map_err(|source| ChildError::Folder {
            folder: folder.to_owned(),
            source,
        })?;
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .current_dir(folder)
            .env_clear()
            .envs(
                ["PATH", "LANG", "LC_ALL", "TZ"]
                    .into_iter()
                    .filter_map(|name| Some((name, std::env::var_os(name)?))),
            )
            .env("HOME", folder)
            .env("TMPDIR", folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let spawned = match &self.confined {
            None => command.spawn(),
            Some(read) => {
                let mut read = read.clone();
                read.push(self.program.clone());
                confined(folder, &read, || command.spawn())
            }
        };
        let mut child = spawned.map_err(|source| ChildError::Start {
            program: self.program.clone(),
            source,
        })?;
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        // From here on the child is killed when something fails.
        let mut running = ConnectorChild {
            child: Arc::new(Mutex::new(child)),
            evidence: None,
        };
        // It has not been told to start yet, so nothing of the outside has reached it.
        self.limit(&running)?;
        let (Some(stdin), Some(stdout), Some(stderr)) = (stdin, stdout, stderr) else {
            return Err(ChildError::Limit(io::ErrorKind::BrokenPipe.into()));
        };
        running.evidence = Some(keep_evidence(stderr, folder.to_owned()));
        Ok((running, stdout, stdin))
    }

    fn limit(&self, child: &ConnectorChild) -> Result<(), ChildError> {
        let pid = child
            .pid()
            .ok_or_else(|| ChildError::Limit(io::Error::from(io::ErrorKind::InvalidInput)))?;
        // A core file would hold content.
        let limits = [
            (Resource::As, self.memory),
            (Resource::Nofile, self.files),
            (Resource::Core, Some(0)),
        ];
        for (resource, most) in limits {
            let Some(most) = most else { continue };
            let limit = Rlimit {
                current: Some(most),
                maximum: Some(most),
            };
            rustix::process::prlimit(Some(pid), resource, limit)
                .map_err(|error| ChildError::Limit(error.into()))?;
        }
        Ok(())
    }
}

impl ConnectorChild {
    /// Ends it from another thread.
    pub fn killer(&self) -> Killer {
        Killer(Arc::clone(&self.child))
    }

    /// Waits for its end, killing it first where it has not ended by itself.
    pub fn end(mut self) -> Option<ExitStatus> {
        let status = self.killer().kill();
        if let Some(evidence) = self.evidence.take() {
            // A grandchild may hold the pipe open: the thread is left to its end then.
            if status.is_some() && evidence.is_finished() {
                let _ = evidence.join();
            }
        }
        status
    }

    fn pid(&self) -> Option<Pid> {
        let child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        Pid::from_raw(i32::try_from(child.id()).ok()?)
    }
}

impl Drop for ConnectorChild {
    fn drop(&mut self) {
        self.killer().kill();
    }
}

impl Killer {
    /// Kills the connector if it still runs, and waits for its end.
    pub fn kill(&self) -> Option<ExitStatus> {
        let mut child = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        let _ = child.kill();
        child.wait().ok()
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&self) -> bool {
        let mut child = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        !matches!(child.try_wait(), Ok(None))
    }
}

impl std::fmt::Debug for ConnectorChild {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ConnectorChild({:?})", self.pid())
    }
}

impl std::fmt::Debug for Killer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Killer")
    }
}

fn keep_evidence(stderr: ChildStderr, folder: PathBuf) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut lines = BufReader::new(stderr);
        // A disk that takes no evidence must not stop the connector: reading goes on.
        let mut kept = Evidence::open(&folder).ok();
        let mut line = Vec::new();
        while let Ok(true) = next_line(&mut lines, &mut line) {
            if let Some(evidence) = &mut kept
                && evidence.keep(&line).is_err()
            {
                kept = None;
            }
        }
    })
}

/// Reads one line, keeping at most 4 KiB of it. False at the end.
fn next_line(from: &mut impl BufRead, line: &mut Vec<u8>) -> Result<bool, io::Error> {
    line.clear();
    let read = from
        .by_ref()
        .take(EVIDENCE_LINE_BYTES as u64)
        .read_until(b'\n', line)?;
    if read == 0 {
        return Ok(false);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    } else {
        // The rest of the line is let go.
        loop {
            let buffer = from.fill_buf()?;
            match buffer.iter().position(|byte| *byte == b'\n') {
                Some(end) => {
                    from.consume(end + 1);
                    break;
                }
                None if buffer.is_empty() => break,
                None => {
                    let all = buffer.len();
                    from.consume(all);
                }
            }
        }
    }
    Ok(true)
}

struct Evidence {
    folder: PathBuf,
    file: File,
    bytes: u64,
}

impl Evidence {
    fn open(folder: &Path) -> Result<Self, io::Error> {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(folder.join(EVIDENCE))?;
        Ok(Self {
            folder: folder.to_owned(),
            bytes: file.metadata()?.len(),
            file,
        })
    }

    fn keep(&mut self, line: &[u8]) -> Result<(), io::Error> {
        if self.bytes >= EVIDENCE_BYTES {
            fs::rename(
                self.folder.join(EVIDENCE),
                self.folder.join(EVIDENCE_BEFORE),
            )?;
            *self = Self::open(&self.folder)?;
        }
        self.file.write_all(line)?;
        self.file.write_all(b"\n")?;
        self.bytes += line.len() as u64 + 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> ConnectorCommand {
        ConnectorCommand {
            arguments: vec!["-c".into(), script.into()],
            ..ConnectorCommand::new("/bin/sh")
        }
    }

    #[test]
    fn a_connector_that_does_not_end_is_killed() {
        let folder = tempfile::tempdir().unwrap();
        let (child, mut stdout, _stdin) = shell("echo up; exec sleep 600")
            .start(folder.path())
            .unwrap();
        let mut up = [0; 3];
        stdout.read_exact(&mut up).unwrap();
        assert!(!child.killer().has_ended());
        let status = child.end().unwrap();
        assert!(!status.success());
        assert_eq!(stdout.read(&mut up).unwrap(), 0, "the pipe is closed");
    }

    #[test]
    fn limits_hold_and_the_environment_is_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let command = ConnectorCommand {
            memory: Some(512 << 20),
            files: Some(32),
            // Waits for a line: the limits are set before it is told to start.
            ..shell(
                "read go; ulimit -v; ulimit -n; ulimit -c; pwd; env | cut -d= -f1 | sort | tr '\\n' ' '",
            )
        };
        let (child, mut stdout, mut stdin) = command.start(folder.path()).unwrap();
        stdin.write_all(b"go\n").unwrap();
        let mut text = String::new();
        stdout.read_to_string(&mut text).unwrap();
        child.end();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[..3], ["524288", "32", "0"]);
        assert_eq!(
            Path::new(lines[3]).canonicalize().unwrap(),
            folder.path().canonicalize().unwrap()
        );
        for name in lines[4].split(' ').filter(|name| !name.is_empty()) {
            assert!(
                [
                    "HOME", "TMPDIR", "PATH", "LANG", "LC_ALL", "TZ", "PWD", "OLDPWD", "SHLVL", "_"
                ]
                .contains(&name),
                "{name}"
            );
        }
    }

    /// AGENT-5: a shell tries what a connector must not.
    #[test]
    fn agent_5_a_connector_reaches_its_own_folder_only() {
        if crate::Confinement::here() == crate::Confinement::None {
            return;
        }
        let agent = tempfile::tempdir().unwrap();
        let (own, given) = (agent.path().join("own"), agent.path().join("given"));
        fs::create_dir_all(&given).unwrap();
        fs::write(given.join("read"), "given\n").unwrap();
        fs::write(agent.path().join("signer.seed"), "secret\n").unwrap();
        let script = "echo mine > file && cat file; cat ../given/read; \
            cat ../signer.seed || echo no seed; echo x > ../given/read || echo no write; \
            echo x > ../new || echo no file; ls .. || echo no list; \
            kill -0 $PPID || echo no signal; (: < /proc/$PPID/mem) || echo no trace; \
            (echo x > /tmp/greffe-connector-was-here) || echo no tmp";
        let (child, mut stdout, stdin) =
            shell(script).confined_to(vec![given]).start(&own).unwrap();
        drop(stdin);
        let mut text = String::new();
        stdout.read_to_string(&mut text).unwrap();
        child.end();
        let mut expected = vec!["mine", "given", "no seed", "no write", "no file", "no list"];
        if crate::Confinement::here() == crate::Confinement::Full {
            expected.push("no signal");
        }
        expected.extend(["no trace", "no tmp"]);
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn evidence_lines_are_cut_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut line = Vec::new();
        let long = "x".repeat(10_000) + "\nshort\nlast";
        let mut from = BufReader::with_capacity(100, long.as_bytes());
        let mut evidence = Evidence::open(folder.path()).unwrap();
        while next_line(&mut from, &mut line).unwrap() {
            evidence.keep(&line).unwrap();
        }
        let kept = fs::read_to_string(folder.path().join(EVIDENCE)).unwrap();
        let lengths: Vec<usize> = kept.lines().map(str::len).collect();
        assert_eq!(lengths, [EVIDENCE_LINE_BYTES, 5, 4]);
    }

    #[test]
    fn evidence_takes_two_files_at_most() {
        let folder = tempfile::tempdir().unwrap();
        let mut evidence = Evidence::open(folder.path()).unwrap();
        for _ in 0..800 {
            evidence.keep(&[b'x'; EVIDENCE_LINE_BYTES]).unwrap();
        }
        let files: Vec<u64> = fs::read_dir(folder.path())
            .unwrap()
            .map(|file| file.unwrap().metadata().unwrap().len())
            .collect();
        assert_eq!(files.len(), 2);
        assert!(files.iter().all(|bytes| *bytes <= EVIDENCE_BYTES + 4_097));
    }
}
