//! The way from the inbox to the agent: deliveries become records, files are fetched, records go up,
//! and what is durable is forgotten.
//!
//! A record goes up when the files that it names are there or will never be; the others of the same
//! delivery do not wait for it. After a crash everything that is still in the inbox goes this way
//! again: the same bytes give the same records, and the agent knows those that it has.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::mpsc::Receiver;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use connector::kit::{Context, KitError, Request, failed};
use connector::normal::{Capture, Files, NormalizeError, Normalized};
use connector::{EventNumber, Incoming, State};
use record::{
    Attachment, Content, FileHash, Kind, Milliseconds, MissingWhy, OriginalContent, Record, Source,
    Time,
};

use crate::fetch::{Ended, FetchError, Fetched, Wanted, on_disk};
use crate::inbox::{Held, Inbox, InboxError, Place, SharedInbox};
use crate::key::FolderKey;
use crate::own;
use crate::standing::{Saying, Standing, Teller};
use crate::system::running;

/// Events in flight above which nothing more goes up, so that the connector never blocks.
const FLIGHTS: u64 = 48;
/// Files that are fetched at a time.
const FETCHES: usize = 4;
/// First and longest pause between two tries of a file.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(900);
/// Between two probes of the network while it is well, and while it is not.
const PROBE: Duration = Duration::from_secs(600);
const PROBE_SOON: Duration = Duration::from_secs(30);
/// Between two signs of life to the agent (CONN-8).
const TELL: Duration = Duration::from_secs(30);
/// What waits longer makes the capture lag.
const LAG_MS: i64 = 600_000;
/// Paths that are told of in one run.
const TOLD_PATHS: usize = 20;
/// Says that the network took the account away.
const UNLINKED: &str = "unlinked";

/// A file on its way, or a probe.
pub type Fetching<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// One network's business interface.
pub trait Network {
    /// What stands before the keys of its troubles.
    const NAME: &'static str;

    /// Makes records of one delivery; pure.
    ///
    /// # Errors
    ///
    /// When it can not be read; it becomes a loss with its bytes.
    fn normalize(
        &self,
        capture: &Capture<'_>,
        delivery: &[u8],
    ) -> Result<Normalized, NormalizeError>;

    /// What the delivery tells of the file: SHA-256, size.
    fn told(&self, delivery: &[u8], reference: &str) -> (Option<[u8; 32]>, Option<u64>);

    /// Fetches a file: when it succeeds, its bytes are in `wanted.to`.
    fn fetch(&self, wanted: Wanted) -> Fetching<Result<Fetched, FetchError>>;

    /// Looks whether the network answers and accepts the token.
    fn probe(&self) -> Fetching<Saying>;

    /// For so many milliseconds after its delivery the network has a file.
    fn has_files_for(&self) -> i64;
}

/// What a line needs to know.
#[derive(Clone, Debug)]
pub struct LineSettings {
    /// What the records name.
    pub source: Source,
    /// The connector's folder.
    pub folder: PathBuf,
    /// The wall clock.
    pub clock: fn() -> Milliseconds,
    /// After so long without a delivery the capture is called silent.
    pub silent_after: Duration,
}

/// The inbox's other end.
pub struct Line<N> {
    network: N,
    settings: LineSettings,
    key: FolderKey,
    inbox: SharedInbox,
    runtime: tokio::runtime::Handle,
    teller: Teller,
    open: BTreeMap<Place, Open>,
    ready: BTreeSet<Place>,
    jobs: Vec<Job>,
    fetching: usize,
    flights: VecDeque<Flight>,
    standing: Standing,
    said: Option<(State, Option<String>)>,
    timers: Timers,
    told: BTreeSet<String>,
}

/// A delivery on its way.
struct Open {
    files: BTreeMap<String, Option<Outcome>>,
    /// Records that did not go up, by their place in the delivery.
    left: BTreeSet<usize>,
}

type Outcome = Result<Fetched, (MissingWhy, String)>;

/// A file to be fetched.
struct Job {
    place: Place,
    reference: String,
    due: Duration,
    tries: u32,
}

/// Records that went up and are not durable.
struct Flight {
    event: EventNumber,
    /// A delivery that is done with them.
    done: Option<Place>,
    laid: Vec<PathBuf>,
}

struct Timers {
    heard: Duration,
    told: Duration,
    probe: Duration,
}

impl<N: Network> Line<N> {
    /// A line that has not begun.
    #[must_use]
    pub fn new(
        network: N,
        settings: LineSettings,
        key: FolderKey,
        inbox: SharedInbox,
        runtime: tokio::runtime::Handle,
        teller: Teller,
    ) -> Self {
        let standing = Standing {
            unlinked: fs::read_to_string(settings.folder.join(UNLINKED)).ok(),
            ..Standing::default()
        };
        let now = running();
        Self {
            network,
            settings,
            key,
            inbox,
            runtime,
            teller,
            open: BTreeMap::new(),
            ready: BTreeSet::new(),
            jobs: Vec::new(),
            fetching: 0,
            flights: VecDeque::new(),
            standing,
            said: None,
            timers: Timers {
                heard: now,
                told: now,
                probe: now,
            },
            told: BTreeSet::new(),
        }
    }

    /// Runs until the agent stops it.
    ///
    /// # Errors
    ///
    /// [`KitError::Stopped`] then; otherwise when the inbox or the stream to the agent is broken.
    pub fn run(&mut self, ctx: &mut Context<'_>, heard: &Receiver<Saying>) -> Result<(), KitError> {
        self.clear_away();
        loop {
            while let Ok(saying) = heard.try_recv() {
                self.take(ctx, saying)?;
            }
            self.settle(ctx)?;
            self.go_on(ctx)?;
            self.start_fetching();
            self.keep_times(ctx)?;
            match ctx.next_request(self.patience())? {
                Some(Request::Send(send)) => {
                    self.trouble(ctx, "no-sending", &[])?;
                    ctx.sent(send.number, None)?;
                }
                Some(Request::Fetch(_)) => self.trouble(ctx, "no-fetch", &[])?,
                Some(Request::Link(_) | Request::Notice(_)) | None => {}
            }
        }
    }

    /// What a run before this one laid out for the agent is laid out again.
    fn clear_away(&self) {
        let begins: &[&str] = if self.lock().is_empty() {
            &["up-", "media-"]
        } else {
            &["up-"]
        };
        for file in fs::read_dir(&self.settings.folder)
            .into_iter()
            .flatten()
            .flatten()
        {
            let name = file.file_name();
            let name = name.to_string_lossy();
            if begins.iter().any(|begin| name.starts_with(begin)) || name.ends_with(".part") {
                let _ = fs::remove_file(file.path());
            }
        }
    }

    fn take(&mut self, ctx: &mut Context<'_>, saying: Saying) -> Result<(), KitError> {
        let standing = &mut self.standing;
        match saying {
            Saying::Kept => {
                standing.full = None;
                self.timers.heard = running();
                Ok(())
            }
            Saying::Refused(detail) => {
                let new = standing.full.replace(detail.clone()).is_none();
                self.trouble_if(new, ctx, "disk", &detail)
            }
            Saying::Answered => {
                (standing.expired, standing.away, standing.rival) = (None, None, None);
                Ok(())
            }
            Saying::Reached => {
                (standing.expired, standing.away) = (None, None);
                Ok(())
            }
            Saying::TokenRefused(detail) => {
                let new = standing.expired.replace(detail.clone()).is_none();
                self.trouble_if(new, ctx, "token", &detail)
            }
            Saying::Away(detail) => {
                let new = standing.away.replace(detail.clone()).is_none();
                self.trouble_if(new, ctx, "away", &detail)
            }
            Saying::Rival(detail) => {
                let new = standing.rival.replace(detail.clone()).is_none();
                self.trouble_if(new, ctx, "rival", &detail)
            }
            Saying::Stranger(account) => {
                let new = self.is_news("stranger", &account);
                self.trouble_if(new, ctx, "stranger", &account)
            }
            Saying::NotPassed(listener) => {
                let new = self.is_news("not-passed", &listener);
                self.trouble_if(new, ctx, "not-passed", &listener)
            }
            Saying::Unreadable(detail) => self.trouble_if(true, ctx, "unreadable", &detail),
            Saying::Fetched(ended) => self.fetched(ctx, ended),
        }
    }

    /// Takes up what is new, and what got its files.
    fn go_on(&mut self, ctx: &mut Context<'_>) -> Result<(), KitError> {
        while ctx.in_flight()? < FLIGHTS {
            if let Some(place) = self.ready.pop_first() {
                self.advance(ctx, place)?;
                continue;
            }
            let open = &self.open;
            let next = self.lock().next(|place| open.contains_key(place));
            let Some(place) = next else { break };
            self.begin(ctx, place)?;
        }
        Ok(())
    }

    fn begin(&mut self, ctx: &mut Context<'_>, place: Place) -> Result<(), KitError> {
        let mut open = Open {
            files: BTreeMap::new(),
            left: BTreeSet::new(),
        };
        let held = self.lock().read(place);
        let made = match held {
            Ok(held) => self
                .made(place, &held, &Files::default())
                .map(|m| (m, held)),
            Err(InboxError::Damaged) => return self.damaged(ctx, place),
            Err(error) => return Err(broken::<N>(&error)),
        };
        let Ok((made, held)) = made else {
            return self.damaged(ctx, place);
        };
        for path in &made.unmodelled {
            if self.told.len() < TOLD_PATHS && self.is_news("unmodelled", path) {
                self.trouble(ctx, "unmodelled", &[("detail", path)])?;
            }
        }
        for reference in made.wanted {
            let there = on_disk(&self.media(place, &reference));
            if there.is_none() {
                self.jobs.push(Job {
                    place,
                    reference: reference.clone(),
                    due: running(),
                    tries: 0,
                });
            }
            open.files.insert(reference, there.map(Ok));
        }
        drop(held);
        open.left.extend(0..made.records.len());
        self.open.insert(place, open);
        self.advance(ctx, place)
    }

    /// Sends up the records of a delivery whose files are settled.
    fn advance(&mut self, ctx: &mut Context<'_>, place: Place) -> Result<(), KitError> {
        let Some(open) = self.open.get(&place) else {
            return Ok(());
        };
        let mut files = Files::default();
        for (reference, outcome) in &open.files {
            match outcome {
                Some(Ok(file)) => files.insert(reference.clone(), described(file)),
                Some(Err((why, detail))) => files.never(reference.clone(), *why, detail.clone()),
                None => {}
            }
        }
        let held = match self.lock().read(place) {
            Ok(held) => held,
            Err(error) => return Err(broken::<N>(&error)),
        };
        let Ok(made) = self.made(place, &held, &files) else {
            return self.damaged(ctx, place);
        };
        let (mut records, mut laid, mut losses) = (Vec::new(), Vec::new(), 0);
        for (index, record) in made.records.iter().enumerate() {
            let Some(open) = self.open.get_mut(&place) else {
                break;
            };
            let waits = own::missing(record)
                .into_iter()
                .any(|reference| matches!(open.files.get(reference), Some(None)));
            if waits || !open.left.remove(&index) {
                continue;
            }
            self.heed(record);
            losses += u64::from(record.kind() == Kind::Loss);
            records.push(self.with_files(place, &held, record, &mut laid));
        }
        let done = self
            .open
            .get(&place)
            .is_some_and(|open| open.left.is_empty());
        if records.is_empty() && !done {
            return Ok(());
        }
        ctx.count_losses(losses);
        ctx.emit(records, None)?;
        self.flights.push_back(Flight {
            event: ctx.emitted(),
            done: done.then_some(place),
            laid,
        });
        Ok(())
    }

    fn made(&self, place: Place, held: &Held, files: &Files) -> Result<Normalized, NormalizeError> {
        let capture = Capture {
            source: &self.settings.source,
            captured: Time::utc(place.captured()),
            files,
        };
        let own = |records| Normalized {
            records,
            unmodelled: Vec::new(),
            wanted: Vec::new(),
        };
        match held {
            Held::Event(bytes) => self.network.normalize(&capture, bytes).or_else(|error| {
                // RECORD-8: nothing is dropped in silence.
                own::unread(&capture, bytes, &error.to_string()).map(own)
            }),
            Held::Loss(note) => own::missed(&capture, note).map(own),
        }
    }

    /// A delivery that was kept can not be read back: that is a loss, and its file is for people.
    fn damaged(&mut self, ctx: &mut Context<'_>, place: Place) -> Result<(), KitError> {
        self.trouble(ctx, "inbox-damaged", &[])?;
        let at = place.captured().get();
        let note = crate::inbox::LossNote {
            why: "damaged".to_owned(),
            from: Some(at),
            to: Some(at),
            detail: format!("delivery {}", canonical::hex(place.name())),
        };
        let now = (self.settings.clock)();
        let mut inbox = self.lock();
        inbox
            .keep_loss(now, &note)
            .map_err(|error| broken::<N>(&error))?;
        inbox.set_aside(place);
        drop(inbox);
        self.open.remove(&place);
        Ok(())
    }

    /// What a record says of the account itself.
    fn heed(&mut self, record: &Record) {
        let path = self.settings.folder.join(UNLINKED);
        match &record.body().content {
            Content::Account(account) if matches!(account.what.as_str(), "unlinked" | "banned") => {
                let how = account
                    .value
                    .clone()
                    .unwrap_or_else(|| account.what.clone());
                // Lost with a crash it is told anew by the network, or by its silence.
                let _ = crate::key::write_whole(&path, how.as_bytes());
                self.standing.unlinked = Some(how);
            }
            Content::Account(account) if account.what != "linked" => {}
            Content::Account(_) | Content::Message(_) if self.standing.unlinked.is_some() => {
                let _ = fs::remove_file(&path);
                self.standing.unlinked = None;
            }
            _ => {}
        }
    }

    /// Lays the record's files beside it in the connector's folder, where the agent takes them.
    fn with_files(
        &self,
        place: Place,
        held: &Held,
        record: &Record,
        laid: &mut Vec<PathBuf>,
    ) -> Incoming {
        let mut incoming = Incoming::of(record);
        let original = record
            .original()
            .and_then(|original| match &original.content {
                OriginalContent::Attached(index) => Some(index.get()),
                OriginalContent::Inline(_) => None,
            });
        let id = canonical::hex(record.id().as_bytes());
        let id = id.get(..16).unwrap_or_default();
        for (index, attachment) in (0_u32..).zip(record.attachments()) {
            let name = format!("up-{}-{id}-{index}", short(place));
            let path = self.settings.folder.join(&name);
            let done = match (original == Some(index), held) {
                (true, Held::Event(bytes)) => crate::key::write_whole(&path, bytes),
                _ => {
                    let reference = attachment.reference.as_deref().unwrap_or_default();
                    lay(&self.media(place, reference), &path)
                }
            };
            if done.is_ok() {
                laid.push(path);
                incoming = incoming.with_file(index, name);
            }
        }
        incoming
    }

    /// The file of a reference: a name of ours, never one that came from outside.
    fn media(&self, place: Place, reference: &str) -> PathBuf {
        let name = self
            .key
            .name(&[b"media", place.name(), reference.as_bytes()]);
        let name = format!("media-{}", canonical::hex(&name));
        self.settings.folder.join(name)
    }

    fn start_fetching(&mut self) {
        let now = running();
        while self.fetching < FETCHES {
            let Some(at) = self.jobs.iter().position(|job| job.due <= now) else {
                break;
            };
            let job = self.jobs.swap_remove(at);
            let (sha256, size) = match self.lock().read(job.place) {
                Ok(Held::Event(bytes)) => self.network.told(&bytes, &job.reference),
                _ => (None, None),
            };
            let fetch = self.network.fetch(Wanted {
                reference: job.reference.clone(),
                sha256,
                size,
                to: self.media(job.place, &job.reference),
                captured: job.place.captured(),
                tries: job.tries,
            });
            let teller = self.teller.clone();
            self.fetching += 1;
            self.runtime.spawn(async move {
                let outcome = fetch.await;
                teller.tell(Saying::Fetched(Ended {
                    place: job.place,
                    reference: job.reference,
                    tries: job.tries,
                    outcome,
                }));
            });
        }
    }

    fn fetched(&mut self, ctx: &mut Context<'_>, ended: Ended) -> Result<(), KitError> {
        self.fetching = self.fetching.saturating_sub(1);
        let Ended {
            place,
            reference,
            tries,
            outcome,
        } = ended;
        let (why, after) = match outcome {
            Ok(file) => {
                self.standing.expired = None;
                self.settled(place, reference, Ok(file));
                return Ok(());
            }
            Err(FetchError::Never(why, detail)) => {
                self.trouble(ctx, "file-missing", &[("detail", &detail)])?;
                self.settled(place, reference, Err((why, detail)));
                return Ok(());
            }
            Err(FetchError::Later { why, after }) => (why, after),
            Err(FetchError::Token(why)) => {
                self.take(ctx, Saying::TokenRefused(why.clone()))?;
                (why, Some(PROBE_SOON))
            }
        };
        let age = (self.settings.clock)().get() - place.captured().get();
        if age >= self.network.has_files_for() {
            self.trouble(ctx, "file-missing", &[("detail", &why)])?;
            self.settled(place, reference, Err((MissingWhy::Expired, why)));
            return Ok(());
        }
        let pause = FIRST_PAUSE
            .saturating_mul(1 << tries.min(16))
            .min(LONGEST_PAUSE)
            .max(after.unwrap_or_default());
        self.jobs.push(Job {
            place,
            reference,
            due: running() + pause,
            tries: tries.saturating_add(1),
        });
        Ok(())
    }

    fn settled(&mut self, place: Place, reference: String, outcome: Outcome) {
        if let Some(open) = self.open.get_mut(&place) {
            open.files.insert(reference, Some(outcome));
            self.ready.insert(place);
        }
    }

    fn settle(&mut self, ctx: &mut Context<'_>) -> Result<(), KitError> {
        let durable = ctx.durable()?;
        while let Some(flight) = self.flights.pop_front_if(|flight| flight.event <= durable) {
            remove(&flight.laid);
            let Some(place) = flight.done else { continue };
            self.lock()
                .forget(place)
                .map_err(|error| broken::<N>(&error))?;
            if let Some(open) = self.open.remove(&place) {
                let media: Vec<PathBuf> = open
                    .files
                    .keys()
                    .map(|reference| self.media(place, reference))
                    .collect();
                remove(&media);
            }
        }
        Ok(())
    }

    fn keep_times(&mut self, ctx: &mut Context<'_>) -> Result<(), KitError> {
        let now = running();
        if now >= self.timers.probe {
            let well = self.standing.state().is_none();
            self.timers.probe = now + if well { PROBE } else { PROBE_SOON };
            let (probe, teller) = (self.network.probe(), self.teller.clone());
            self.runtime.spawn(async move { teller.tell(probe.await) });
        }
        let (state, detail) = self.state(now);
        let detail = detail.map(|text| text.chars().take(500).collect::<String>());
        let news = self
            .said
            .as_ref()
            .is_none_or(|said| *said != (state, detail.clone()));
        if news || now.saturating_sub(self.timers.told) >= TELL {
            self.timers.told = now;
            ctx.state(state, detail.as_deref())?;
            if news && matches!(state, State::Unlinked) {
                let how = detail.clone().unwrap_or_default();
                self.trouble(ctx, "unlinked", &[("detail", &how)])?;
            }
            self.said = Some((state, detail));
        }
        Ok(())
    }

    fn state(&self, now: Duration) -> (State, Option<String>) {
        if let Some((state, detail)) = self.standing.state() {
            return (state, Some(detail.to_owned()));
        }
        let oldest = self.lock().next(|_| false).map(Place::captured);
        let waits = |at: Milliseconds| (self.settings.clock)().get() - at.get() >= LAG_MS;
        if oldest.is_some_and(waits) {
            return (State::Lagging, Some("deliveries wait".to_owned()));
        }
        if now.saturating_sub(self.timers.heard) >= self.settings.silent_after {
            return (State::Silent, Some("no event for long".to_owned()));
        }
        (State::Connected, None)
    }

    fn patience(&self) -> Duration {
        let now = running();
        let longest = Duration::from_secs(1);
        if self.fetching >= FETCHES {
            return longest;
        }
        self.jobs
            .iter()
            .map(|job| job.due.saturating_sub(now))
            .min()
            .map_or(longest, |due| due.min(longest))
    }

    /// Whether that was not told in this run.
    fn is_news(&mut self, what: &str, detail: &str) -> bool {
        self.told.insert(format!("{what} {detail}"))
    }

    fn trouble_if(
        &self,
        new: bool,
        ctx: &mut Context<'_>,
        key: &str,
        detail: &str,
    ) -> Result<(), KitError> {
        if new {
            self.trouble(ctx, key, &[("detail", detail)])?;
        }
        Ok(())
    }

    fn trouble(
        &self,
        ctx: &mut Context<'_>,
        key: &str,
        facts: &[(&str, &str)],
    ) -> Result<(), KitError> {
        ctx.trouble(&format!("{}-{key}", N::NAME), facts)
    }

    fn lock(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<N> std::fmt::Debug for Line<N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Line({} open, {} files wanted)",
            self.open.len(),
            self.jobs.len() + self.fetching
        )
    }
}

fn described(file: &Fetched) -> Attachment {
    Attachment {
        sniffed_type: file.media_type.map(str::to_owned),
        ..Attachment::new(file.size, FileHash::from_bytes(file.sha256))
    }
}

fn short(place: Place) -> String {
    let name = canonical::hex(place.name());
    name.get(..8).unwrap_or_default().to_owned()
}

fn broken<N: Network>(error: &InboxError) -> KitError {
    let detail = match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    failed(&format!("{}-inbox", N::NAME), &[("detail", &detail)])
}

/// The same bytes under another name: the agent deletes that one when it holds them.
fn lay(from: &Path, to: &Path) -> std::io::Result<()> {
    match fs::hard_link(from, to) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(_) => fs::copy(from, to).map(|_| ()),
        Ok(()) => Ok(()),
    }
}

fn remove(files: &[PathBuf]) {
    for file in files {
        // What is gone already was removed by the agent, or before a crash.
        let _ = fs::remove_file(file);
    }
}
