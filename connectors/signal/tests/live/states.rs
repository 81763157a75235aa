//! States, and what becomes of an account that its telephone has unlinked.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use connector::State;

use crate::agent::{Ended, FakeAgent, Run};
use crate::daemon::{ALICE, FakeDaemon};

/// A signal-cli that writes to its standard error what the test writes to a pipe, and serves by the
/// test's daemon.
struct Program {
    path: PathBuf,
    evidence: PathBuf,
}

impl Program {
    fn new(folder: &Path, daemon: &FakeDaemon) -> Self {
        let (path, evidence) = (folder.join("signal-cli.sh"), folder.join("evidence"));
        let script = format!(
            "#!/bin/sh\nmkfifo '{evidence}' 2>/dev/null\nln -sf '{socket}' run/signal\n\
             echo 'INFO  DaemonCommand - Starting daemon' >&2\n\
             while true; do read -r line < '{evidence}' && echo \"$line\" >&2; done\n",
            evidence = evidence.display(),
            socket = daemon.socket.display(),
        );
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        Self { path, evidence }
    }

    /// signal-cli says something on its standard error.
    fn says(&self, line: &str) {
        let mut pipe = std::fs::OpenOptions::new()
            .write(true)
            .open(&self.evidence)
            .unwrap();
        writeln!(pipe, "{line}").unwrap();
    }
}

fn stage(folder: &Path) -> (FakeDaemon, Program, FakeAgent) {
    let daemon = FakeDaemon::start(folder);
    let program = Program::new(folder, &daemon);
    let agent = FakeAgent::new(
        folder,
        &[
            ("signal-cli", program.path.to_str().unwrap()),
            ("data", daemon.data.to_str().unwrap()),
        ],
    );
    (daemon, program, agent)
}

fn is(agent: &FakeAgent, state: State) -> bool {
    agent.states.last().is_some_and(|(last, _)| *last == state)
}

/// Runs until it captures, has `line` said, and goes on until `until` holds.
fn says(
    agent: &mut FakeAgent,
    program: &Program,
    line: &str,
    until: impl Fn(&FakeAgent) -> bool,
) -> Ended {
    let mut said = false;
    agent.run(Run::Plain, |agent| {
        if !said && is(agent, State::Connected) {
            said = true;
            program.says(line);
        }
        said && until(agent)
    })
}

const UNLINKED: &str = "WARN  ReceiveHelper - Authorization failed! \
    (org.whispersystems.signalservice.api.push.exceptions.AuthorizationFailedException)";

#[test]
fn a_device_that_the_telephone_removes_is_unlinked_until_it_is_linked_again() {
    let folder = tempfile::tempdir().unwrap();
    let (daemon, program, mut agent) = stage(folder.path());
    let unlinked = |agent: &FakeAgent| is(agent, State::Unlinked);
    assert_eq!(
        says(&mut agent, &program, UNLINKED, unlinked),
        Ended::Stopped
    );
    assert!(agent.troubles.contains(&"signal-unlinked".to_owned()));
    // Started again without a link it says so again.
    daemon.world().linked = false;
    agent.states.clear();
    assert_eq!(agent.run(Run::Plain, unlinked), Ended::Stopped);
    // Linked again it goes on; the time between is a recorded loss.
    daemon.world().linked = true;
    daemon.message(1_795_547_010_469, "Good morning");
    let goes_on = |agent: &FakeAgent| {
        is(agent, State::Connected) && agent.texts().contains(&"Good morning") && agent.has_loss()
    };
    assert_eq!(agent.run(Run::Plain, goes_on), Ended::Stopped);
}

#[test]
fn an_account_that_is_linked_again_goes_on_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let (daemon, program, mut agent) = stage(folder.path());
    let (mut said, mut linked) = (false, false);
    let ended = agent.run(Run::Plain, |agent| {
        if !said && is(agent, State::Connected) {
            said = true;
            program.says(UNLINKED);
        }
        if !linked && is(agent, State::Unlinked) {
            // As `greffe agent link` does beside an agent that runs.
            linked = true;
            let list = daemon.data.join("data/accounts.json");
            let again = folder.path().join("again");
            std::fs::copy(&list, &again).unwrap();
            std::fs::rename(&again, &list).unwrap();
            daemon.message(1_795_547_010_469, "Good morning");
        }
        linked && agent.texts().contains(&"Good morning") && agent.has_loss()
    });
    assert_eq!(ended, Ended::Stopped);
    assert!(is(&agent, State::Connected));
}

#[test]
fn a_release_that_is_not_served_any_more_is_expired() {
    let folder = tempfile::tempdir().unwrap();
    let (_daemon, program, mut agent) = stage(folder.path());
    let line = "WARN  SignalWebSocket - StatusCode: 499 client version is deprecated";
    let expired = |agent: &FakeAgent| is(agent, State::Expired);
    assert_eq!(says(&mut agent, &program, line, expired), Ended::Stopped);
    assert!(agent.troubles.contains(&"signal-cli-expired".to_owned()));
}

#[test]
fn an_old_release_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let (daemon, _program, mut agent) = stage(folder.path());
    daemon.world().version = "0.13.19";
    let old = |agent: &FakeAgent| agent.troubles.contains(&"signal-cli-old".to_owned());
    assert_eq!(agent.run(Run::Plain, old), Ended::Stopped);
}

#[test]
fn a_release_is_told_of_before_the_service_refuses_it() {
    let folder = tempfile::tempdir().unwrap();
    let (_daemon, _program, mut agent) = stage(folder.path());
    // First seen here long ago.
    std::fs::write(agent.folder().join("seen"), "0.14.6 1500000000001").unwrap();
    let ages = |agent: &FakeAgent| agent.troubles.contains(&"signal-cli-ages".to_owned());
    assert_eq!(agent.run(Run::Plain, ages), Ended::Stopped);
}

#[test]
fn an_account_that_says_nothing_for_long_is_silent() {
    let folder = tempfile::tempdir().unwrap();
    let (_daemon, _program, mut agent) = stage(folder.path());
    agent
        .settings
        .push(("silent-after".to_owned(), "0".to_owned()));
    let silent = |agent: &FakeAgent| {
        agent
            .states
            .iter()
            .any(|(state, detail)| *state == State::Silent && detail.is_some())
    };
    assert_eq!(agent.run(Run::Plain, silent), Ended::Stopped);
}

#[test]
fn what_is_missing_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let (_daemon, program, mut agent) = stage(folder.path());
    for (line, key) in [
        (
            "ERROR: JAVA_HOME is not set and no 'java' command could be found in your PATH.",
            "signal-java-missing",
        ),
        (
            "Error: LinkageError occurred while loading main class org.asamk.signal.Main\n\
             \tjava.lang.UnsupportedClassVersionError: org/asamk/signal/Main",
            "signal-java-old",
        ),
    ] {
        std::fs::write(
            &program.path,
            format!("#!/bin/sh\nprintf '%s\\n' \"{line}\" >&2\nexit 1\n"),
        )
        .unwrap();
        assert_eq!(agent.run(Run::Plain, |_| false), Ended::Early);
        assert_eq!(agent.troubles.last().map(String::as_str), Some(key));
    }
    std::fs::remove_file(&program.path).unwrap();
    assert_eq!(agent.run(Run::Plain, |_| false), Ended::Early);
    assert_eq!(
        agent.troubles.last().map(String::as_str),
        Some("signal-cli-missing")
    );
}

/// CONN-9
#[test]
fn a_link_says_whose_device_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (_daemon, _program, mut agent) = stage(folder.path());
    agent.settings.push(("link".to_owned(), "yes".to_owned()));
    agent.run(Run::Plain, |_| false);
    assert_eq!(agent.linked, Some(format!("aci:{ALICE}")));
}
