//! The kit: what every connector needs beside knowing its network.
//!
//! A connector is a function over a [`Context`]; [`run`] speaks the protocol for it.

use std::collections::VecDeque;
use std::io::{BufReader, Read, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::time::Duration;

use canonical::Milliseconds;

use crate::frame::{FrameError, read_frame, write_frame};
use crate::incoming::Incoming;
use crate::limit;
use crate::message::{
    Done, Down, EventNumber, Fetch, Field, Hello, Link, LinkRequest, Notice, Position, Progress,
    Send, Sent, Start, State, StateReport, Trouble, Up,
};
use crate::side::{ConnectorSide, Violation};

/// Why a connector ended before its source did.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KitError {
    /// The agent said `stop`, or went away: end now, nothing durable is lost (CONN-5).
    #[error("stopped by the agent")]
    Stopped,
    /// A frame could not be read or written.
    #[error("the stream to the agent")]
    Frame(#[from] FrameError),
    /// One of the sides broke the protocol.
    #[error("the connector protocol was broken")]
    Violation(#[from] Violation),
    /// One record alone does not fit a frame.
    #[error("a record of {bytes} bytes does not fit a frame")]
    RecordTooLong {
        /// Its size.
        bytes: usize,
    },
    /// The connector can not go on, and says why.
    #[error("the connector ended in trouble: {}", .0.key)]
    Failed(Trouble),
}

/// What the agent asks of a running connector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// What the custodian gave to a link request.
    Link(Link),
    /// Something to send; answered with [`Context::sent`].
    Send(Send),
    /// Something to fetch again.
    Fetch(Fetch),
    /// Something to say in a conversation, once (CONN-10). Asked of connectors whose `hello` says that
    /// they give notices.
    Notice(Notice),
}

/// A connector's way to the agent.
pub struct Context<'o> {
    start: Start,
    side: ConnectorSide,
    inbox: Receiver<Heard>,
    bell: SyncSender<Heard>,
    output: &'o mut dyn Write,
    clock: Box<dyn Fn() -> Milliseconds + 'o>,
    requests: VecDeque<Request>,
    records: u64,
    losses: u64,
    stopped: bool,
}

/// Ends a wait in [`Context::next_request`] from another thread, which has something for the
/// connector's own.
#[derive(Clone)]
pub struct Waker(SyncSender<Heard>);

/// What reaches the connector's thread.
enum Heard {
    Message(Down),
    Broken(KitError),
    /// The agent closed its end, or is gone.
    End,
    Woken,
}

/// Runs a connector over a pair of streams, in practice standard input and output, until its
/// function returns and everything it emitted is durable, or the agent stops it.
///
/// `clock` gives the time at which records are captured. A thread of its own reads `input`.
///
/// ```no_run
/// use connector::{Hello, Incoming, Position, kit};
///
/// fn main() -> Result<(), kit::KitError> {
///     let clock = || canonical::Milliseconds::new(0); // a program has a real one
///     kit::run(std::io::stdin(), &mut std::io::stdout(), clock, |ctx| {
///         ctx.hello(Hello {
///             version: 1,
///             connector: "example/0.1.0".into(),
///             way: "example-export".into(),
///             network: "example".into(),
///             coverage: Vec::new(),
///             notices: false,
///         })?;
///         let records: Vec<Incoming> = Vec::new(); // from ctx.setting("path"), behind ctx.position()
///         ctx.emit(records, Some(Position::new(*b"line 100")))?;
///         Ok(())
///     })
/// }
/// ```
///
/// # Errors
///
/// What the function returned, after saying it to the agent; a broken stream or protocol. A stop
/// is no error.
pub fn run<'o, I, F>(
    input: I,
    output: &'o mut dyn Write,
    clock: impl Fn() -> Milliseconds + 'o,
    connector: F,
) -> Result<(), KitError>
where
    I: Read + std::marker::Send + 'static,
    F: FnOnce(&mut Context<'o>) -> Result<(), KitError>,
{
    let (sender, inbox) = sync_channel(limit::IN_FLIGHT as usize);
    let bell = sender.clone();
    std::thread::spawn(move || {
        let mut input = BufReader::new(input);
        let mut content = Vec::new();
        loop {
            let heard = match read_frame(&mut input, &mut content) {
                Ok(true) => match Down::from_frame(&content) {
                    Ok(message) => Heard::Message(message),
                    Err(error) => Heard::Broken(KitError::Violation(Violation::Message(error))),
                },
                Ok(false) => Heard::End,
                Err(error) => Heard::Broken(KitError::Frame(error)),
            };
            let last = !matches!(heard, Heard::Message(_));
            if sender.send(heard).is_err() || last {
                break;
            }
        }
    });
    let mut side = ConnectorSide::new();
    let first = match inbox.recv() {
        Ok(Heard::Message(message)) => message,
        Ok(Heard::Broken(error)) => return Err(error),
        Ok(Heard::End | Heard::Woken) | Err(_) => return Err(KitError::Stopped),
    };
    let Down::Start(start) = side.receive(first)? else {
        return Err(KitError::Violation(Violation::TooEarly {
            found: "another message",
            owed: "start",
        }));
    };
    let mut context = Context {
        start,
        side,
        inbox,
        bell,
        output,
        clock: Box::new(clock),
        requests: VecDeque::new(),
        records: 0,
        losses: 0,
        stopped: false,
    };
    let outcome = connector(&mut context).and_then(|()| context.finish());
    match outcome {
        Ok(()) | Err(KitError::Stopped) => Ok(()),
        Err(KitError::Failed(trouble)) => {
            let trouble = Trouble {
                fatal: true,
                ..trouble
            };
            context.say(Up::Trouble(trouble.clone()))?;
            Err(KitError::Failed(trouble))
        }
        Err(error) => Err(error),
    }
}

/// A connector's end for a reason in words of the catalogue, for `return Err(…)`.
pub fn failed(key: &str, facts: &[(&str, &str)]) -> KitError {
    KitError::Failed(Trouble {
        key: key.to_owned(),
        facts: as_fields(facts),
        fatal: true,
    })
}

impl Context<'_> {
    /// What the agent started this connector with.
    pub fn start(&self) -> &Start {
        &self.start
    }

    /// The setting with that name.
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.start.setting(name)
    }

    /// The connector's own folder; files for [`Incoming::with_file`] lie directly in it.
    pub fn folder(&self) -> &Path {
        Path::new(&self.start.folder)
    }

    /// Where to continue (CONN-7).
    pub fn position(&self) -> Option<&Position> {
        self.start.position.as_ref()
    }

    /// The time at which what is captured now is captured.
    pub fn now(&self) -> Milliseconds {
        (self.clock)()
    }

    /// Says who this is; once, before anything else (CONN-1).
    ///
    /// # Errors
    ///
    /// A second time, or over a limit.
    pub fn hello(&mut self, hello: Hello) -> Result<(), KitError> {
        let message = self.side.hello(hello)?;
        self.write(&message)
    }

    /// Emits records in order; `position` is where the source stands behind the last of them.
    /// Waits while 64 events are in flight (CONN-3). Returning does not mean durable: see
    /// [`wait_durable`](Self::wait_durable).
    ///
    /// # Errors
    ///
    /// [`KitError::Stopped`] when the agent wants the connector to end.
    pub fn emit(
        &mut self,
        records: Vec<Incoming>,
        position: Option<Position>,
    ) -> Result<(), KitError> {
        let mut records = records.into_iter().peekable();
        while records.peek().is_some() {
            let mut bytes = FRAME_OVERHEAD;
            let mut event = Vec::new();
            while let Some(record) = records.next_if(|record| {
                event.len() < limit::EVENT_RECORDS && bytes + record.weight() <= limit::FRAME_BYTES
            }) {
                bytes += record.weight();
                event.push(record);
            }
            if event.is_empty() {
                let bytes = records.peek().map_or(0, Incoming::weight);
                return Err(KitError::RecordTooLong { bytes });
            }
            let last = records.peek().is_none();
            self.emit_event(event, position.clone().filter(|_| last))?;
        }
        Ok(())
    }

    /// Counts losses among what was emitted, for `done`.
    pub fn count_losses(&mut self, losses: u64) {
        self.losses = self.losses.saturating_add(losses);
    }

    /// Waits until everything emitted is durable; only now may a source be acknowledged (CONN-3).
    ///
    /// # Errors
    ///
    /// [`KitError::Stopped`] when the agent wants the connector to end, or is gone.
    pub fn wait_durable(&mut self) -> Result<(), KitError> {
        self.hear_waiting()?;
        while self.side.in_flight() > 0 {
            self.hear_next()?;
        }
        Ok(())
    }

    /// Events that are not durable yet. Hears what has arrived before it counts.
    ///
    /// # Errors
    ///
    /// [`KitError::Stopped`] when the agent wants the connector to end, or is gone.
    pub fn in_flight(&mut self) -> Result<u64, KitError> {
        self.hear_waiting()?;
        Ok(self.side.in_flight())
    }

    /// The newest event that was emitted.
    pub fn emitted(&self) -> EventNumber {
        self.side.sent()
    }

    /// The newest durable event. Hears what has arrived before it tells.
    ///
    /// # Errors
    ///
    /// [`KitError::Stopped`] when the agent wants the connector to end, or is gone.
    pub fn durable(&mut self) -> Result<EventNumber, KitError> {
        self.hear_waiting()?;
        Ok(self.side.durable())
    }

    /// For threads that work for this connector.
    pub fn waker(&self) -> Waker {
        Waker(self.bell.clone())
    }

    /// Tells how far a long piece of work is.
    ///
    /// # Errors
    ///
    /// When the stream to the agent is broken.
    pub fn progress(&mut self, read: u64, of: Option<u64>) -> Result<(), KitError> {
        let records = Some(self.records);
        self.say(Up::Progress(Progress { read, of, records }))
    }

    /// Tells how the capture stands.
    ///
    /// # Errors
    ///
    /// When the stream to the agent is broken.
    pub fn state(&mut self, state: State, detail: Option<&str>) -> Result<(), KitError> {
        let detail = detail.map(str::to_owned);
        self.say(Up::State(StateReport { state, detail }))
    }

    /// Tells that something is wrong and that the connector goes on. To end, return
    /// [`failed`].
    ///
    /// # Errors
    ///
    /// When the stream to the agent is broken.
    pub fn trouble(&mut self, key: &str, facts: &[(&str, &str)]) -> Result<(), KitError> {
        self.say(Up::Trouble(Trouble {
            key: key.to_owned(),
            facts: as_fields(facts),
            fatal: false,
        }))
    }

    /// Asks the custodian to link the device; the answer comes as [`Request::Link`].
    ///
    /// # Errors
    ///
    /// When the stream to the agent is broken.
    pub fn request_link(&mut self, form: &str, content: &str) -> Result<(), KitError> {
        self.say(Up::RequestLink(LinkRequest {
            form: form.to_owned(),
            content: content.to_owned(),
        }))
    }

    /// Answers a [`Request::Send`].
    ///
    /// # Errors
    ///
    /// When the stream to the agent is broken.
    pub fn sent(&mut self, number: u64, id: Option<String>) -> Result<(), KitError> {
        self.say(Up::Sent(Sent { number, id }))
    }

    /// What the agent asks next, if it asks anything within `patience`. Returns early when
    /// something became durable, or a [`Waker`] was used.
    ///
    /// # Errors
    ///
    /// [`KitError::Stopped`] when the agent wants the connector to end, or is gone.
    pub fn next_request(&mut self, patience: Duration) -> Result<Option<Request>, KitError> {
        // What is heard here may be what the caller waits for.
        let heard = self.hear_waiting()?;
        if self.requests.is_empty() && !heard {
            match self.inbox.recv_timeout(patience) {
                Ok(message) => self.hear(message)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(KitError::Stopped),
            }
        }
        Ok(self.requests.pop_front())
    }

    fn emit_event(
        &mut self,
        records: Vec<Incoming>,
        position: Option<Position>,
    ) -> Result<(), KitError> {
        self.hear_waiting()?;
        while self.side.in_flight() >= limit::IN_FLIGHT {
            self.hear_next()?;
        }
        let count = records.len() as u64;
        let message = self.side.event(records, position)?;
        self.write(&message)?;
        self.records = self.records.saturating_add(count);
        Ok(())
    }

    /// The end of the source is said only when all of it is durable, so that an agent that sees
    /// `done` owes nothing.
    fn finish(&mut self) -> Result<(), KitError> {
        self.wait_durable()?;
        let message = self.side.done(Done {
            records: self.records,
            losses: self.losses,
            summary: None,
        })?;
        self.write(&message)
    }

    fn say(&mut self, message: Up) -> Result<(), KitError> {
        let message = self.side.say(message)?;
        self.write(&message)
    }

    fn write(&mut self, message: &Up) -> Result<(), KitError> {
        match write_frame(&mut self.output, &message.to_frame()) {
            // The agent went away. What was durable is; the rest is read again from the source.
            Err(FrameError::Io(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {
                self.stopped = true;
                Err(KitError::Stopped)
            }
            other => Ok(other?),
        }
    }

    /// Whether anything had arrived.
    fn hear_waiting(&mut self) -> Result<bool, KitError> {
        let mut any = false;
        loop {
            match self.inbox.try_recv() {
                Ok(heard) => {
                    any = true;
                    self.hear(heard)?;
                }
                Err(TryRecvError::Empty) if self.stopped => return Err(KitError::Stopped),
                Err(TryRecvError::Empty) => return Ok(any),
                Err(TryRecvError::Disconnected) => return Err(KitError::Stopped),
            }
        }
    }

    fn hear_next(&mut self) -> Result<(), KitError> {
        let message = self.inbox.recv().map_err(|_| KitError::Stopped)?;
        self.hear(message)
    }

    fn hear(&mut self, heard: Heard) -> Result<(), KitError> {
        let message = match heard {
            Heard::Message(message) => message,
            Heard::Broken(error) => return Err(error),
            Heard::Woken => return Ok(()),
            Heard::End => {
                self.stopped = true;
                return Err(KitError::Stopped);
            }
        };
        match self.side.receive(message)? {
            Down::Stop(_) => {
                self.stopped = true;
                Err(KitError::Stopped)
            }
            Down::Link(link) => self.take(Request::Link(link)),
            Down::Send(send) => self.take(Request::Send(send)),
            Down::Fetch(fetch) => self.take(Request::Fetch(fetch)),
            Down::Notice(notice) => self.take(Request::Notice(notice)),
            Down::Start(_) | Down::Durable(_) => Ok(()),
        }
    }

    fn take(&mut self, request: Request) -> Result<(), KitError> {
        self.requests.push_back(request);
        Ok(())
    }
}

impl Waker {
    /// Ends the wait that is going on, or the next one.
    pub fn wake(&self) {
        // A full inbox ends the wait by itself.
        let _ = self.0.try_send(Heard::Woken);
    }
}

impl std::fmt::Debug for Waker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Waker")
    }
}

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context")
            .field("start", &self.start)
            .field("side", &self.side)
            .finish_non_exhaustive()
    }
}

/// Choice, map, number, list head and a position of the largest size.
const FRAME_OVERHEAD: usize = 64 + limit::POSITION_BYTES;

fn as_fields(facts: &[(&str, &str)]) -> Vec<Field> {
    facts
        .iter()
        .map(|(name, value)| Field((*name).to_owned(), (*value).to_owned()))
        .collect()
}
