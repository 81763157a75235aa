//! A connector's program with the agent's end of its streams, and the network's end of its listener.
#![allow(dead_code, unreachable_pub, reason = "each test uses some of it")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use connector::frame::{read_frame, write_frame};
use connector::{AgentSide, Down, Event, EventNumber, Field, Incoming, Start, State, Up};
use record::{Milliseconds, Record};

const PATIENCE: Duration = Duration::from_secs(60);

/// A running connector. Dropped, it is killed.
pub struct Program {
    child: Child,
    to: ChildStdin,
    stderr: BufReader<ChildStderr>,
    side: AgentSide,
    heard: Receiver<Up>,
    /// Where it listens, once it is known.
    pub address: SocketAddr,
}

impl Program {
    /// Started in `folder`; of settings with the same name the last counts.
    pub fn start(program: &str, folder: &Path, account: &str, settings: &[(&str, &str)]) -> Self {
        let last =
            |at: usize, name: &str| settings[at + 1..].iter().all(|(other, _)| *other != name);
        let start = Start {
            version: 1,
            account: account.into(),
            custodian: "c-1".into(),
            folder: folder.to_string_lossy().into_owned(),
            settings: settings
                .iter()
                .enumerate()
                .filter(|(at, (name, _))| last(*at, name))
                .map(|(_, (name, value))| Field((*name).to_owned(), (*value).to_owned()))
                .collect(),
            position: None,
        };
        let mut child = Command::new(program)
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut to = child.stdin.take().unwrap();
        let mut from = BufReader::new(child.stdout.take().unwrap());
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (side, first) = AgentSide::new(start, Milliseconds::new(0)).unwrap();
        write_frame(&mut to, &first.to_frame()).unwrap();
        let (sender, heard) = channel();
        std::thread::spawn(move || {
            let mut content = Vec::new();
            while let Ok(true) = read_frame(&mut from, &mut content) {
                let _ = sender.send(Up::from_frame(&content).unwrap());
            }
        });
        Self {
            child,
            to,
            stderr,
            side,
            heard,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
        }
    }

    /// Waits until it listens.
    pub fn listening(mut self) -> Self {
        let mut line = String::new();
        self.stderr.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ");
        self.address = address.unwrap_or_else(|| panic!("{line}")).parse().unwrap();
        self
    }

    pub fn hear(&mut self) -> Up {
        let message = self.heard.recv_timeout(PATIENCE).expect("nothing was said");
        self.side.receive(message).unwrap()
    }

    /// The next event, whatever is said before it.
    pub fn event(&mut self) -> Event {
        loop {
            match self.hear() {
                Up::Event(event) => return event,
                Up::Trouble(trouble) if trouble.fatal => panic!("{:?}", trouble.facts),
                _ => {}
            }
        }
    }

    /// Records of the next events until there are `count`, durable at once.
    pub fn records(&mut self, count: usize) -> Vec<(Record, Incoming)> {
        let mut found = Vec::new();
        while found.len() < count {
            let event = self.event();
            found.extend(
                event
                    .records
                    .into_iter()
                    .map(|incoming| (read(&incoming), incoming)),
            );
            self.durable(event.number);
        }
        assert_eq!(found.len(), count);
        found
    }

    pub fn durable(&mut self, through: EventNumber) {
        let message = self.side.durable(through).unwrap();
        self.say(&message);
    }

    pub fn say(&mut self, message: &Down) {
        write_frame(&mut self.to, &message.to_frame()).unwrap();
    }

    /// Waits for a state.
    pub fn state(&mut self, wanted: State) {
        loop {
            if let Up::State(report) = self.hear()
                && report.state == wanted
            {
                return;
            }
        }
    }

    /// Waits for a trouble; gives its first fact.
    pub fn trouble(&mut self, key: &str) -> String {
        loop {
            if let Up::Trouble(trouble) = self.hear()
                && trouble.key == key
            {
                return trouble
                    .facts
                    .first()
                    .map(|fact| fact.1.clone())
                    .unwrap_or_default();
            }
        }
    }

    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks anything; gives status and body.
    pub fn ask(&self, lines: &[String], body: &[u8]) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let head = format!("{}\r\nConnection: close\r\n\r\n", lines.join("\r\n"));
        stream.write_all(head.as_bytes()).unwrap();
        // A body that is not wanted may meet a closed door.
        let _ = stream.write_all(body);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let status = answer
            .split(' ')
            .nth(1)
            .unwrap_or_else(|| panic!("{answer}"));
        let said = answer.split_once("\r\n\r\n").map_or("", |(_, said)| said);
        (status.parse().unwrap(), said.to_owned())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The record that an agent would read.
pub fn read(incoming: &Incoming) -> Record {
    let (first, files) = incoming.parts().split_first_chunk::<4>().unwrap();
    let files = files
        .iter()
        .map(|bytes| canonical::from_bytes(bytes).unwrap())
        .collect();
    Record::from_parts(first.each_ref().map(Vec::as_slice), files).unwrap()
}
