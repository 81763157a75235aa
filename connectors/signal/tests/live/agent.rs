//! The agent's side: what it holds survives the connector's runs.

use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

use connector::frame::{read_frame, write_frame};
use connector::{AgentSide, Down, Field, Notice, NoticeText, Position, Start, State, Up};
use record::{Content, Milliseconds, Record};

use crate::daemon::ALICE;

/// What the agent holds of one account.
pub(crate) struct FakeAgent {
    folder: PathBuf,
    pub(crate) settings: Vec<(String, String)>,
    position: Option<Position>,
    /// What was captured, each once (CONN-7).
    pub(crate) records: Vec<Record>,
    pub(crate) states: Vec<(State, Option<String>)>,
    pub(crate) troubles: Vec<String>,
    pub(crate) linked: Option<String>,
    /// Asked of the connector at each start (CONN-10).
    pub(crate) notice: Option<(String, String)>,
}

/// How a run of the connector is started.
#[derive(Clone, Copy)]
pub(crate) enum Run {
    Plain,
    /// Killed before the call with that number that writes or syncs something.
    KilledAt(u32),
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// What was waited for has happened; it was stopped then.
    Stopped,
    /// It ended before that.
    Early,
}

impl FakeAgent {
    pub(crate) fn new(folder: &Path, settings: &[(&str, &str)]) -> Self {
        let folder = folder.join("connector");
        std::fs::create_dir_all(&folder).unwrap();
        Self {
            folder,
            settings: settings
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            position: None,
            records: Vec::new(),
            states: Vec::new(),
            troubles: Vec::new(),
            linked: None,
            notice: None,
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Texts of the notices that were captured, and the marks on them.
    pub(crate) fn notices(&self) -> Vec<(String, Vec<&str>)> {
        let notices = self.records.iter().filter_map(|record| {
            let Content::Consent(consent) = &record.body().content else {
                return None;
            };
            let marks = record.body().fields.iter();
            let marks = marks.map(|field| field.name.as_str()).collect();
            Some((consent.text.clone().unwrap_or_default(), marks))
        });
        notices.collect()
    }

    pub(crate) fn texts(&self) -> Vec<&str> {
        self.records
            .iter()
            .filter(|record| matches!(record.body().content, Content::Message(_)))
            .flat_map(Record::searchable_text)
            .collect()
    }

    pub(crate) fn has_loss(&self) -> bool {
        let mut records = self.records.iter();
        records.any(|record| matches!(record.body().content, Content::Loss(_)))
    }

    /// Runs the connector until `until` holds.
    pub(crate) fn run(&mut self, run: Run, mut until: impl FnMut(&Self) -> bool) -> Ended {
        let mut child = self.command(run).spawn().unwrap();
        let mut to = child.stdin.take().unwrap();
        let mut from = BufReader::new(child.stdout.take().unwrap());
        let ended = self.converse(&mut to, &mut from, &mut until);
        drop(to);
        // It says what it still has to say; then its end closes.
        let mut rest = Vec::new();
        while read_frame(&mut from, &mut rest).unwrap_or(false) {}
        child.wait().unwrap();
        ended
    }

    fn command(&self, run: Run) -> Command {
        let program = env!("CARGO_BIN_EXE_greffe-signal");
        let mut command = match run {
            Run::Plain => Command::new(program),
            Run::KilledAt(number) => {
                let calls = "write,writev,pwrite64,sendto,fdatasync,fsync,rename,unlink";
                let mut traced = Command::new("strace");
                traced
                    .args(["-f", "-qq", "-o", "/dev/null", "-e"])
                    .arg(format!("trace={calls}"))
                    .arg("-e")
                    .arg(format!("inject={calls}:signal=KILL:when={number}"))
                    .arg(program);
                traced
            }
        };
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        command
    }

    fn converse(
        &mut self,
        to: &mut ChildStdin,
        from: &mut BufReader<ChildStdout>,
        until: &mut impl FnMut(&Self) -> bool,
    ) -> Ended {
        let start = Start {
            version: 1,
            account: format!("aci:{ALICE}"),
            custodian: "c-1".into(),
            folder: self.folder.to_str().unwrap().to_owned(),
            settings: self
                .settings
                .iter()
                .map(|(name, value)| Field(name.clone(), value.clone()))
                .collect(),
            position: self.position.clone(),
        };
        let (mut side, first) = AgentSide::new(start, Milliseconds::new(0)).unwrap();
        let mut say = |message: &Down| write_frame(to, &message.to_frame()).is_ok();
        say(&first);
        let mut content = Vec::new();
        while read_frame(from, &mut content).unwrap_or(false) {
            let message = side.receive(Up::from_frame(&content).unwrap()).unwrap();
            match message {
                Up::Hello(hello) => {
                    assert!(hello.notices, "CONN-10");
                    if let Some((conversation, text)) = &self.notice {
                        say(&Down::Notice(Notice {
                            conversation: conversation.clone(),
                            texts: vec![NoticeText {
                                language: "en".into(),
                                text: text.clone(),
                            }],
                        }));
                    }
                }
                Up::Event(event) => {
                    for incoming in &event.records {
                        self.capture(incoming.parts());
                    }
                    self.position = event.position.or(self.position.take());
                    say(&side.durable(event.number).unwrap());
                }
                Up::State(report) => self.states.push((report.state, report.detail)),
                Up::Trouble(trouble) => self.troubles.push(trouble.key),
                Up::RequestLink(request) if request.form == "linked" => {
                    self.linked = Some(request.content);
                }
                _ => {}
            }
            if until(self) {
                say(&side.stop(Milliseconds::new(0)));
                return Ended::Stopped;
            }
        }
        Ended::Early
    }

    fn capture(&mut self, parts: &[Vec<u8>]) {
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        let parts = parts.try_into().expect("no attachments in these tests");
        let record = Record::from_parts(parts, Vec::new()).unwrap();
        let known = self.records.iter().any(|known| known.id() == record.id());
        if !known {
            self.records.push(record);
        }
    }
}
