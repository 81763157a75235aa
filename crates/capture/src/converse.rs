//! One conversation with a connector, from `start` to its end: every record that it brings is
//! checked, sealed and made durable, and only then is the connector told so (CONN-3).
//!
//! Threads: one reads the connector, some prepare events, one seals and commits groups of them,
//! and the caller's watches the time and tells what happens.

use std::collections::BTreeSet;
use std::io::{BufReader, Read, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use canonical::Milliseconds;
use connector::frame::{FrameError, read_frame, write_frame};
use connector::{
    AgentSide, Down, Hello, Incoming, LinkRequest, MessageError, Start, StateReport, Trouble, Up,
    Violation,
};
use record::{Loss, LossWhy, Mode};
use wire::{AccountHandle, RetentionClass};

use crate::agent::{Agent, KeepError};
use crate::child::Killer;
use crate::group::keep;
use crate::intake::{Intake, IntakeError};
use crate::local_key::PositionError;
use crate::ordered::{Room, in_order};
use crate::prepare::{Piece, prepare};
use crate::pulse::{Pulse, Stop};
use crate::sealing::SealingError;
use crate::spool::{ConversationMark, SpoolError};

/// Threads that prepare an import's events; what happens live is prepared by one.
const WORKERS: usize = 2;
/// Bytes of events that are on their way to the spool at once; a larger one goes alone.
const ON_THE_WAY: usize = 4 << 20;
/// How often the caller's thread looks at the time.
const WATCH: Duration = Duration::from_millis(100);
/// The same for a live conversation, of which a host holds very many.
const LIVE_WATCH: Duration = Duration::from_millis(500);

/// What one conversation is about.
pub(crate) struct Terms {
    pub(crate) start: Start,
    pub(crate) mode: Mode,
    pub(crate) class: RetentionClass,
    /// Positions are kept under it; none for imports, which begin at the beginning.
    pub(crate) resume: Option<AccountHandle>,
    /// When the connector was heard last.
    pub(crate) pulse: Pulse,
    /// Milliseconds without a frame after which it is ended; none where it may be silent.
    pub(crate) patience: Option<i64>,
}

/// A connector's two streams, and how to end it by force.
pub struct Line {
    from: Box<dyn Read + Send>,
    to: Box<dyn Write + Send>,
    killer: Option<Killer>,
}

impl Line {
    /// What the connector writes, and what it reads. Closing the latter must end it.
    pub fn new(from: impl Read + Send + 'static, to: impl Write + Send + 'static) -> Self {
        Self {
            from: Box::new(from),
            to: Box::new(to),
            killer: None,
        }
    }

    /// The same with a process to kill where closing is not enough.
    #[must_use]
    pub fn with_killer(mut self, killer: Killer) -> Self {
        self.killer = Some(killer);
        self
    }
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Line({:?})", self.killer)
    }
}

/// What happens in a conversation, in order.
#[derive(Debug)]
#[non_exhaustive]
pub enum Happening {
    /// The connector said who it is.
    Hello(Hello),
    /// How far it is.
    Progress(connector::Progress),
    /// How the capture stands.
    State(StateReport),
    /// Something is wrong.
    Trouble(Trouble),
    /// The custodian is to link a device.
    LinkRequest(LinkRequest),
    /// Records became durable.
    Durable(Kept),
    /// The plan wants notices, and this connector gives none (PLAN-9).
    NoticesNotGiven,
}

/// What became durable, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Records taken, losses included.
    pub new: u64,
    /// Records that were known already.
    pub known: u64,
    /// New ones that carry the id of another and are kept apart from it (SPOOL-6).
    pub apart: u64,
    /// Losses among the new ones.
    pub losses: u64,
    /// The losses, at most a thousand of them.
    pub notes: Vec<LossNote>,
    /// Entries that they became.
    pub entries: u64,
}

/// A loss, as it is told to whoever runs the import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LossNote {
    /// Why.
    pub why: LossWhy,
    /// The place in the source, such as a line.
    pub place: Option<String>,
    /// How many events, where that is known.
    pub count: Option<u64>,
    /// What is known of it.
    pub detail: Option<String>,
}

/// How a conversation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The source is at its end and everything of it is durable.
    Done(connector::Done),
    /// It was asked to stop.
    Stopped,
}

/// Why a conversation ended early. What was durable is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConversationError {
    /// A frame could not be read or written.
    #[error("speaking with the connector")]
    Frame(#[from] FrameError),
    /// The connector broke the protocol (CONN-6).
    #[error("the connector broke the protocol")]
    Violation(#[from] Violation),
    /// `start` is impossible.
    #[error("the connector can not be started like this")]
    Start(#[source] MessageError),
    /// The connector said that it can not go on.
    #[error("the connector can not go on: {}", .0.key)]
    Trouble(Trouble),
    /// The connector ended without `done`.
    #[error("the connector ended before its source did")]
    Died,
    /// The connector gave no sign of life for longer than its limit (CONN-8).
    #[error("the connector gave no sign of life for {0} seconds")]
    Silent(i64),
    /// What it names is impossible.
    #[error("taking records")]
    Intake(#[from] IntakeError),
    /// Records did not become durable.
    #[error("keeping records")]
    Keep(#[from] KeepError),
    /// A position could not be sealed or opened.
    #[error("keeping the source's position")]
    Position(#[from] PositionError),
}

impl ConversationError {
    /// Whether the disk is full, which passes.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Keep(error) if error.is_full())
    }
}

impl From<SpoolError> for ConversationError {
    fn from(error: SpoolError) -> Self {
        Self::Keep(error.into())
    }
}

impl From<SealingError> for ConversationError {
    fn from(error: SealingError) -> Self {
        Self::Keep(error.into())
    }
}

impl Kept {
    /// Adds what another group kept.
    pub fn add(&mut self, other: &Self) {
        const NOTES: usize = 1_000;
        self.new += other.new;
        self.known += other.known;
        self.apart += other.apart;
        self.losses += other.losses;
        self.entries += other.entries;
        let room = NOTES.saturating_sub(self.notes.len());
        self.notes.extend(other.notes.iter().take(room).cloned());
    }
}

/// Holds a conversation to its end.
///
/// # Errors
///
/// When it ended early. What was durable is.
pub(crate) fn converse(
    agent: &Agent,
    terms: Terms,
    line: Line,
    stop: &Stop,
    tell: &mut dyn FnMut(Happening),
) -> Result<Ending, ConversationError> {
    let (side, first) = AgentSide::new(terms.start.clone(), agent.environment().now())
        .map_err(ConversationError::Start)?;
    let shared = Shared {
        agent,
        folder: PathBuf::from(&terms.start.folder),
        terms,
        side: Mutex::new(side),
        to: Mutex::new(Some(line.to)),
        killer: line.killer,
        intake: OnceLock::new(),
        room: Room::new(ON_THE_WAY),
        failure: Mutex::new(None),
        gives: AtomicBool::new(false),
        asked: Mutex::new(BTreeSet::new()),
        ending: Mutex::new(None),
    };
    // A connector that is gone already is found by the reader.
    let _ = shared.say(&first);
    let (happens, happenings) = channel();
    std::thread::scope(|scope| {
        let shared = &shared;
        let (pieces, work) = sync_channel(0);
        let from = line.from;
        let reader_happens = happens.clone();
        scope.spawn(move || {
            let heard = read(shared, from, &pieces, &reader_happens);
            shared.note(heard);
        });
        let workers = match shared.terms.mode {
            Mode::Import => WORKERS,
            _ => 1,
        };
        let waiting = usize::try_from(connector::limit::IN_FLIGHT).unwrap_or(workers);
        let prepared = in_order(scope, workers, waiting, work, |piece| {
            prepare(shared, piece)
        });
        scope.spawn(move || {
            let kept = keep(shared, &prepared, &happens);
            // The reader may wait for a connector that waits for `durable`.
            if kept.is_err() {
                shared.hang_up();
            }
            shared.note(kept);
        });
        watch(shared, &happenings, stop, tell);
    });
    let failure = shared
        .failure
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    let ending = shared
        .ending
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    match (failure, ending) {
        (Some(error), _) => Err(error),
        (None, Some(ending)) => Ok(ending),
        (None, None) => Err(ConversationError::Died),
    }
}

/// What the threads of a conversation share.
pub(crate) struct Shared<'a> {
    pub(crate) agent: &'a Agent,
    pub(crate) folder: PathBuf,
    pub(crate) terms: Terms,
    side: Mutex<AgentSide>,
    to: Mutex<Option<Box<dyn Write + Send>>>,
    killer: Option<Killer>,
    pub(crate) intake: OnceLock<Intake>,
    room: Room,
    failure: Mutex<Option<ConversationError>>,
    gives: AtomicBool,
    /// Conversations that the connector was asked to give a notice in.
    pub(crate) asked: Mutex<BTreeSet<ConversationMark>>,
    ending: Mutex<Option<Ending>>,
}

impl Shared<'_> {
    pub(crate) fn side(&self) -> MutexGuard<'_, AgentSide> {
        self.side.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Network and account of all its records.
    pub(crate) fn place(&self) -> (&str, &str) {
        let intake = self.intake.get();
        let network = intake.map_or("", |intake| intake.source().network.as_str());
        (network, &self.terms.start.account)
    }

    /// Whether the connector has said that it gives notices.
    pub(crate) fn gives_notices(&self) -> bool {
        self.gives.load(Ordering::Acquire)
    }

    pub(crate) fn say(&self, message: &Down) -> Result<(), FrameError> {
        let mut to = self.to.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *to {
            Some(to) => write_frame(to, &message.to_frame()),
            None => Ok(()),
        }
    }

    /// Ends the connector by force: closes its input, and kills it if it is a process.
    pub(crate) fn hang_up(&self) {
        if let Some(killer) = &self.killer {
            killer.kill();
        }
        *self.to.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Keeps the first failure.
    fn note(&self, result: Result<(), ConversationError>) {
        if let Err(error) = result {
            let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
            failure.get_or_insert(error);
        }
    }

    fn end(&self, ending: Ending) {
        let mut end = self.ending.lock().unwrap_or_else(PoisonError::into_inner);
        end.get_or_insert(ending);
    }
}

fn read(
    shared: &Shared<'_>,
    from: Box<dyn Read + Send>,
    pieces: &SyncSender<Piece>,
    happens: &Sender<Happening>,
) -> Result<(), ConversationError> {
    let heard = read_to_the_end(shared, from, pieces, happens);
    if heard.is_err() {
        shared.hang_up();
    }
    heard
}

fn read_to_the_end(
    shared: &Shared<'_>,
    from: Box<dyn Read + Send>,
    pieces: &SyncSender<Piece>,
    happens: &Sender<Happening>,
) -> Result<(), ConversationError> {
    let mut from = BufReader::with_capacity(64 << 10, from);
    let mut content = Vec::new();
    while read_frame(&mut from, &mut content)? {
        shared.heard();
        let message = Up::from_frame(&content).map_err(Violation::from)?;
        let message = shared.side().receive(message)?;
        let happening = match message {
            Up::Event(event) => {
                let parts = event.records.iter().flat_map(Incoming::parts);
                let bytes = parts.map(Vec::len).sum();
                let piece = Piece {
                    bytes,
                    held: shared.room.take(bytes),
                    number: event.number,
                    records: event.records,
                    position: event.position,
                };
                // Nobody takes it any more: another thread has failed and says why.
                if pieces.send(piece).is_err() {
                    return Ok(());
                }
                continue;
            }
            Up::Hello(hello) => {
                let intake = Intake::new(&shared.terms.start, &hello, shared.terms.mode)?;
                // Said once: a second hello is a violation.
                let _ = shared.intake.set(intake);
                shared.gives.store(hello.notices, Ordering::Release);
                if let Some(happening) = shared.ask_notices()? {
                    let _ = happens.send(happening);
                }
                Happening::Hello(hello)
            }
            Up::Progress(progress) => Happening::Progress(progress),
            Up::State(state) => Happening::State(state),
            Up::RequestLink(request) => Happening::LinkRequest(request),
            Up::Sent(_) => continue,
            Up::Trouble(trouble) if trouble.fatal => {
                return Err(ConversationError::Trouble(trouble));
            }
            Up::Trouble(trouble) => Happening::Trouble(trouble),
            Up::Done(done) => {
                shared.end(Ending::Done(done));
                // It has nothing more to say and is owed nothing.
                shared.hang_up_gently();
                return Ok(());
            }
        };
        let _ = happens.send(happening);
    }
    Ok(())
}

impl Shared<'_> {
    /// Closes the connector's input: it ends by itself.
    fn hang_up_gently(&self) {
        *self.to.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl LossNote {
    pub(crate) fn of(loss: &Loss) -> Self {
        Self {
            why: loss.why,
            place: loss.place.clone(),
            count: loss.count,
            detail: loss.detail.clone(),
        }
    }
}

/// Tells what happens and keeps the times of CONN-5 and CONN-6, until all threads have ended.
fn watch(
    shared: &Shared<'_>,
    happenings: &Receiver<Happening>,
    stop: &Stop,
    tell: &mut dyn FnMut(Happening),
) {
    let mut stopping = false;
    let often = match shared.terms.mode {
        Mode::Import => WATCH,
        _ => LIVE_WATCH,
    };
    shared.heard();
    loop {
        match happenings.recv_timeout(often) {
            Ok(happening) => tell(happening),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        let now = shared.agent.environment().now();
        if stop.is_asked() && !stopping {
            stopping = true;
            shared.end(Ending::Stopped);
            let message = shared.side().stop(now);
            let _ = shared.say(&message);
        }
        shared.keep_times(now);
    }
}

impl Shared<'_> {
    /// The connector lives, or this agent has just done something for it.
    pub(crate) fn heard(&self) {
        self.terms.pulse.beat(self.agent.environment().now());
    }

    fn keep_times(&self, now: Milliseconds) {
        if let Some(patience) = self.terms.patience
            && self.terms.pulse.last().is_some_and(|at| now.since(at) > patience)
            // A connector that waits for this agent may be silent.
            && self.side().in_flight() == 0
        {
            self.note(Err(ConversationError::Silent(patience / 1_000)));
            self.hang_up();
        }
        let overdue = self.side().overdue(now);
        match overdue {
            Ok(false) => {}
            Ok(true) => self.hang_up(),
            Err(violation) => {
                self.note(Err(violation.into()));
                self.hang_up();
            }
        }
    }
}
