//! The parts as processes that tell what they do, line by line, and can be killed at any moment.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Sender;

use client::RelayAddress;
use wire::TlsIdentity;

use crate::source::Messages;

/// A running part. Dropped, it is killed.
#[derive(Debug)]
pub struct Part {
    child: Child,
}

/// What a part says, and which one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The number that the part was started under.
    pub part: usize,
    /// A line; `None`: it has ended.
    pub line: Option<String>,
}

/// Is a part, on all cores, until it ends.
pub fn run(part: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(part);
}

/// A relay, as a part is told of it.
#[must_use]
pub fn address_of(url: &str, pin: &str) -> RelayAddress {
    RelayAddress {
        url: url.to_owned(),
        pin: pin.parse().unwrap(),
    }
}

impl Part {
    /// Starts a part; every line that it prints goes to `to` under `number`.
    pub fn start(mut command: Command, number: usize, to: &Sender<Said>) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = child.stdout.take().unwrap();
        let to = to.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let _ = to.send(Said {
                    part: number,
                    line: Some(line),
                });
            }
            let _ = to.send(Said {
                part: number,
                line: None,
            });
        });
        Self { child }
    }

    /// The process's id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// kill -9, and waits until it is gone.
    pub fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.end();
    }
}

/// Makes the commands that start the parts: `program` is `env!("CARGO_BIN_EXE_part")`.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The program.
    pub program: PathBuf,
    /// The office's folder.
    pub office: PathBuf,
}

impl Parts {
    /// A relay in `folder`, on `port` (0: any). Says `at URL PIN OPERATIONS` when it listens.
    pub fn relay(&self, folder: &Path, port: u16, canary: Option<&str>) -> Command {
        let mut command = self.command("relay");
        command
            .arg(folder)
            .arg(port.to_string())
            .arg(canary.unwrap_or(""));
        command
    }

    /// An agent that imports and delivers. Says `kept N`, `waiting N`, and at its end, when the
    /// vault holds everything, `done`.
    pub fn agent(&self, relay: &RelayAddress, messages: &Messages) -> Command {
        let mut command = self.command("agent");
        command.arg(&relay.url).arg(relay.pin.to_string());
        command
            .arg(messages.family.word())
            .arg(messages.count.to_string())
            .arg(messages.file_bytes.to_string());
        command
    }

    /// The same for an agent of a relay that was built anew.
    pub fn agent_of_new_log(&self, relay: &RelayAddress, messages: &Messages) -> Command {
        let mut command = self.agent(relay, messages);
        command.arg("new-log");
        command
    }

    /// Every agent of the host in one process, each with one account of the connector `synthetic`:
    /// `count` messages, one every `every` milliseconds; each `dying`th one's connector dies once.
    /// Says `all CAPTURED LOSSES WAITING RECEIPTED RSS-KB`, again and again.
    pub fn host(&self, relay: &RelayAddress, synthetic: &Path, work: (u64, u64, u64)) -> Command {
        let mut command = self.command("host");
        command
            .arg(&relay.url)
            .arg(relay.pin.to_string())
            .arg(synthetic);
        let (count, every, dying) = work;
        command.args([count, every, dying].map(|number| number.to_string()));
        command
    }

    /// The locked part of the vault. Says `held N` for what it has stored.
    pub fn vault(&self, relay: &RelayAddress) -> Command {
        let mut command = self.command("vault");
        command.arg(&relay.url).arg(relay.pin.to_string());
        command
    }

    /// The reading room, to be started by [`vault::room::process::RoomProcess`].
    pub fn room(&self) -> Command {
        Command::new(&self.program).tap("room")
    }

    fn command(&self, part: &str) -> Command {
        let mut command = Command::new(&self.program).tap(part);
        command.arg(&self.office);
        command
    }
}

/// Reads what a relay says when it listens: its address, and where its metrics are.
pub fn relay_at(line: &str) -> Option<(RelayAddress, String)> {
    let mut words = line.strip_prefix("at ")?.split(' ');
    let url = words.next()?.to_owned();
    let pin: TlsIdentity = words.next()?.parse().ok()?;
    Some((RelayAddress { url, pin }, words.next()?.to_owned()))
}

trait Tap {
    fn tap(self, argument: &str) -> Self;
}

impl Tap for Command {
    fn tap(mut self, argument: &str) -> Self {
        self.arg(argument);
        self
    }
}
