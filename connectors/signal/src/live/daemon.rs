//! The signal-cli process: started under guard, heard on standard error, ended.

use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;
use std::time::Duration;

use connector::kit::Waker;
use connector::limit::EVIDENCE_LINE_BYTES;
use record::Milliseconds;

use super::Heard;
use super::settings::Settings;
use crate::guard::GuardCommand;

/// Name of the folder, in the connector's own, that holds the socket.
const RUN: &str = "run";
const SOCKET: &str = "run/signal";
/// Where the Java runtime unpacks its native libraries.
const TEMPORARY: &str = "tmp";
/// How signal-cli's receiving threads are called.
const RECEIVER: &str = "receive";
/// What signal-cli has to end by itself.
const PATIENCE: Duration = Duration::from_millis(2_500);

/// Where signal-cli listens.
#[derive(Clone, Debug)]
pub(crate) enum Endpoint {
    /// In the connector's folder, opened once: its own path can be longer than a socket's may be.
    Own(PathBuf),
    /// Given by a setting: a daemon that serves several connectors.
    Shared(PathBuf),
}

/// A running signal-cli.
pub(crate) struct Daemon {
    child: Child,
    evidence: Option<JoinHandle<()>>,
}

/// Where the program is.
pub(crate) fn find(settings: &Settings) -> Option<PathBuf> {
    let named = Path::new(&settings.program);
    if named.components().count() > 1 {
        return named.is_file().then(|| named.to_owned());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(named))
        .find(|candidate| candidate.is_file())
}

/// The latest time at which this release can have been packed, as its files tell.
pub(crate) fn released(program: &Path) -> Option<Milliseconds> {
    let program = fs::canonicalize(program).ok()?;
    let libraries = program.parent()?.parent()?.join("lib");
    let mut files = vec![program];
    if let Ok(found) = fs::read_dir(libraries) {
        files.extend(found.flatten().map(|file| file.path()));
    }
    files
        .iter()
        .filter_map(|file| fs::metadata(file).ok()?.modified().ok())
        .max()
        .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok())
        .and_then(|since| i64::try_from(since.as_millis()).ok())
        .map(Milliseconds::new)
}

impl Endpoint {
    /// Connects.
    pub(crate) fn connect(&self) -> io::Result<UnixStream> {
        match self {
            Self::Shared(path) => UnixStream::connect(path),
            Self::Own(folder) => {
                let whole = folder.join(SOCKET);
                if whole.as_os_str().len() < 100 {
                    return UnixStream::connect(whole);
                }
                use std::os::fd::AsRawFd;
                let folder = fs::File::open(folder)?;
                let short = format!("/proc/self/fd/{}/{SOCKET}", folder.as_raw_fd());
                UnixStream::connect(short)
            }
        }
    }
}

impl Daemon {
    /// Starts signal-cli for all accounts of its data folder. It receives for an account only when
    /// it is asked to, so that what comes before the journal is ready waits at the server.
    pub(crate) fn start(
        settings: &Settings,
        program: &Path,
        folder: &Path,
        guard: &GuardCommand,
        heard: Sender<Heard>,
        waker: Waker,
    ) -> io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt;
        for name in [RUN, TEMPORARY] {
            let made = fs::DirBuilder::new().mode(0o700).create(folder.join(name));
            if let Err(error) = made
                && error.kind() != io::ErrorKind::AlreadyExists
            {
                return Err(error);
            }
        }
        // Of a signal-cli that was killed.
        let _ = fs::remove_file(folder.join(SOCKET));
        let left = fs::read_dir(folder.join(TEMPORARY));
        for left in left.into_iter().flatten().flatten() {
            let path = left.path();
            let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path));
        }
        let mut command = guard.guarding(program);
        command
            .arg("--config")
            .arg(&settings.data)
            .arg("daemon")
            .args(["--socket", SOCKET])
            .args(["--receive-mode", "manual", "--no-receive-stdout"]);
        if !settings.stories {
            command.arg("--ignore-stories");
        }
        command
            .current_dir(folder)
            .env_clear()
            .envs(
                ["PATH", "TZ"]
                    .into_iter()
                    .filter_map(|name| Some((name, std::env::var_os(name)?))),
            )
            .env("LANG", "C.UTF-8")
            .env("HOME", folder)
            .env("TMPDIR", folder.join(TEMPORARY))
            .env(
                "JAVA_OPTS",
                format!(
                    "{} -Djava.io.tmpdir={}",
                    settings.java_options,
                    folder.join(TEMPORARY).display()
                ),
            )
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        if let Some(java) = &settings.java_home {
            command.env("JAVA_HOME", java);
        }
        let mut child = command.spawn()?;
        let evidence = child
            .stderr
            .take()
            .map(|stderr| std::thread::spawn(move || listen(stderr, &heard, &waker)));
        Ok(Self { child, evidence })
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Whether a thread of it receives, as far as the system shows it.
    pub(crate) fn receives(&self) -> bool {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id()));
        tasks.into_iter().flatten().flatten().any(|task| {
            fs::read_to_string(task.path().join("comm"))
                .is_ok_and(|name| name.starts_with(RECEIVER))
        })
    }

    /// Asks it to end, and kills it when it does not.
    pub(crate) fn end(mut self) {
        if let Some(pid) = i32::try_from(self.child.id())
            .ok()
            .and_then(rustix::process::Pid::from_raw)
        {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        // Its standard error closes with it: the thread that hears it is what there is to wait for.
        let (sender, ended) = std::sync::mpsc::channel();
        if let Some(evidence) = self.evidence.take() {
            std::thread::spawn(move || {
                let _ = evidence.join();
                let _ = sender.send(());
            });
        }
        let _ = ended.recv_timeout(PATIENCE);
        drop(self);
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl std::fmt::Debug for Daemon {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Daemon({})", self.child.id())
    }
}

/// Passes lines on, each cut to the length that is kept.
fn listen(from: impl Read, heard: &Sender<Heard>, waker: &Waker) {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut limited = (&mut from).take(EVIDENCE_LINE_BYTES as u64);
        match limited.read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
        let cut = line.last() != Some(&b'\n');
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        if heard.send(Heard::Evidence(text)).is_err() {
            return;
        }
        waker.wake();
        if cut && skip_line(&mut from).is_err() {
            break;
        }
    }
    let _ = heard.send(Heard::EvidenceEnded);
    waker.wake();
}

fn skip_line(from: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = from.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        match buffer.iter().position(|byte| *byte == b'\n') {
            Some(at) => {
                from.consume(at + 1);
                return Ok(());
            }
            None => {
                let all = buffer.len();
                from.consume(all);
            }
        }
    }
}
