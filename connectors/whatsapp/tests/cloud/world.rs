//! The connector's program with the agent's end of its streams, and Meta's end of its listener.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use aws_lc_rs::hmac;
use canonical::Milliseconds;
use connector::frame::{read_frame, write_frame};
use connector::{AgentSide, Down, Event, EventNumber, Field, Incoming, Start, State, Up};
use record::Record;

const PATIENCE: Duration = Duration::from_secs(60);
pub(crate) const APP_SECRET: &str = "app secret";

pub(crate) struct Connector {
    child: Child,
    to: ChildStdin,
    side: AgentSide,
    heard: Receiver<Up>,
    pub(crate) address: SocketAddr,
}

impl Connector {
    /// Started in `folder`, listening, with `settings` beside the usual ones.
    pub(crate) fn start(
        folder: &Path,
        account: &str,
        graph: &str,
        settings: &[(&str, &str)],
    ) -> Self {
        let (mut connector, mut stderr) = Self::spawn(folder, account, graph, settings);
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ");
        connector.address = address.unwrap_or_else(|| panic!("{line}")).parse().unwrap();
        connector
    }

    pub(crate) fn spawn(
        folder: &Path,
        account: &str,
        graph: &str,
        settings: &[(&str, &str)],
    ) -> (Self, BufReader<std::process::ChildStderr>) {
        let usual = [
            ("listen", "127.0.0.1:0"),
            ("graph", graph),
            ("app-secret", APP_SECRET),
            ("verify-token", "verify"),
            ("access-token", "access"),
        ];
        let start = Start {
            version: 1,
            account: account.into(),
            custodian: "c-1".into(),
            folder: folder.to_string_lossy().into_owned(),
            settings: usual
                .iter()
                .filter(|(name, _)| settings.iter().all(|(other, _)| other != name))
                .chain(settings)
                .map(|(name, value)| Field((*name).to_owned(), (*value).to_owned()))
                .collect(),
            position: None,
        };
        let mut child = Command::new(env!("CARGO_BIN_EXE_greffe-whatsapp"))
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
        let connector = Self {
            child,
            to,
            side,
            heard,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        (connector, stderr)
    }

    pub(crate) fn hear(&mut self) -> Up {
        let message = self.heard.recv_timeout(PATIENCE).expect("nothing was said");
        self.side.receive(message).unwrap()
    }

    /// The next event, whatever is said before it.
    pub(crate) fn event(&mut self) -> Event {
        loop {
            match self.hear() {
                Up::Event(event) => return event,
                Up::Trouble(trouble) if trouble.fatal => panic!("{:?}", trouble.facts),
                _ => {}
            }
        }
    }

    /// Records of the next events until there are `count`, durable at once.
    pub(crate) fn records(&mut self, count: usize) -> Vec<(Record, Incoming)> {
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

    pub(crate) fn durable(&mut self, through: EventNumber) {
        let message = self.side.durable(through).unwrap();
        self.say(&message);
    }

    pub(crate) fn say(&mut self, message: &Down) {
        write_frame(&mut self.to, &message.to_frame()).unwrap();
    }

    /// Waits for a state.
    pub(crate) fn state(&mut self, wanted: State) {
        loop {
            if let Up::State(report) = self.hear()
                && report.state == wanted
            {
                return;
            }
        }
    }

    /// Waits for a trouble; gives its first fact.
    pub(crate) fn trouble(&mut self, key: &str) -> String {
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

    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Posts what Meta would, signed; gives the status.
    pub(crate) fn post(&self, body: &[u8]) -> u16 {
        self.send(
            body,
            &[&format!("X-Hub-Signature-256: {}", signature(body))],
        )
    }

    pub(crate) fn send(&self, body: &[u8], head: &[&str]) -> u16 {
        let mut lines = vec![
            "POST /whatsapp HTTP/1.1".to_owned(),
            "Host: hook.example".to_owned(),
            "Content-Type: application/json".to_owned(),
            format!("Content-Length: {}", body.len()),
        ];
        lines.extend(head.iter().map(|line| (*line).to_owned()));
        self.ask(&lines, body).0
    }

    /// Asks anything; gives status and body.
    pub(crate) fn ask(&self, lines: &[String], body: &[u8]) -> (u16, String) {
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

impl Drop for Connector {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn signature(body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, APP_SECRET.as_bytes());
    format!("sha256={}", canonical::hex(hmac::sign(&key, body).as_ref()))
}

pub(crate) fn read(incoming: &Incoming) -> Record {
    let (first, files) = incoming.parts().split_first_chunk::<4>().unwrap();
    let files = files
        .iter()
        .map(|bytes| canonical::from_bytes(bytes).unwrap())
        .collect();
    Record::from_parts(first.each_ref().map(Vec::as_slice), files).unwrap()
}

/// One message as Meta posts it.
pub(crate) fn delivery(number: &str, message: &str) -> Vec<u8> {
    format!(
        r#"{{"object":"whatsapp_business_account","entry":[{{"id":"9","changes":[{{"field":"messages","value":{{"messaging_product":"whatsapp","metadata":{{"display_phone_number":"15550001","phone_number_id":"{number}"}},"contacts":[{{"profile":{{"name":"Bob"}},"wa_id":"15550100"}}],"messages":[{message}]}}}}]}}]}}"#
    )
    .into_bytes()
}

pub(crate) fn text(id: &str, said: &str) -> String {
    format!(
        r#"{{"from":"15550100","id":"{id}","timestamp":"1795520482","type":"text","text":{{"body":"{said}"}}}}"#
    )
}

pub(crate) fn image(id: &str, media: &str, sha256: &[u8]) -> String {
    let hash = data_encoding::BASE64.encode(&canonical::sha256(sha256));
    format!(
        r#"{{"from":"15550100","id":"{id}","timestamp":"1795520482","type":"image","image":{{"caption":"../../etc/passwd","mime_type":"image/png","sha256":"{hash}","id":"{media}"}}}}"#
    )
}
