//! One run of the connector: what is heard from signal-cli, from the agent and from the clock, and
//! what is done about it. Nothing in here waits for anything but all of them together.

use std::collections::{BTreeMap, HashMap};
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

use connector::kit::{Context, KitError, Request, Waker, failed};
use connector::{Notice, Send, State as CaptureState};
use record::Milliseconds;
use serde_json::{Value, json};

use super::Heard;
use super::accounts;
use super::daemon::{self, Daemon, Endpoint};
use super::delivery::Delivery;
use super::entries::{GROUP, LossEntry, SentEntry};
use super::evidence::{Meaning, meaning, without_content};
use super::outgoing;
use super::settings::Settings;
use super::version::{Fitness, Version};
use super::wire::{Answer, Line};
use crate::guard::GuardCommand;
use crate::journal::EntryKind;
use crate::system::running;

/// Between two signs of life to the agent and on disk.
const SIGN: Duration = Duration::from_secs(5);
const TELL: Duration = Duration::from_secs(30);
/// Between two probes of signal-cli, and what it has for an answer.
const PROBE: Duration = Duration::from_secs(60);
const PROBE_PATIENCE: Duration = Duration::from_secs(60);
/// What signal-cli has to open its socket: the runtime starts slowly on a loaded machine.
const START_PATIENCE: Duration = Duration::from_secs(240);
/// After so long without an event nothing waits at the server or in signal-cli.
const LULL_MS: i64 = 60_000;
const LULL: Duration = Duration::from_millis(LULL_MS.unsigned_abs());
/// What signal-cli has to end a subscription.
const STOP_PATIENCE: Duration = Duration::from_millis(1_500);
/// After a notice could not be given for the first time, and the longest such pause.
const LATER: Duration = Duration::from_secs(15);
const LATEST: Duration = Duration::from_secs(3_600);
/// Codes that nobody scanned.
const LINKS: u32 = 30;
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What an answer is to.
enum Purpose {
    Version,
    Probe,
    Accounts,
    StartLink,
    FinishLink,
    Subscribe,
    Unsubscribe,
    Groups,
    Contacts,
    Notice(SentEntry),
    Send { number: u64, sent: SentEntry },
}

/// Where the run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// signal-cli is to be started at that time.
    Due(Duration),
    /// It starts, since then.
    Starting(Duration),
    /// It is asked which accounts it has, or to receive.
    Asking,
    /// A link waits to be used.
    Linking,
    /// It receives.
    Receiving,
    /// The account is not linked, or not served.
    Refused,
    /// The link that was asked for is made.
    Linked,
}

/// A time that may not have been captured, until it can be recorded.
struct Gap {
    from: Milliseconds,
    to: Milliseconds,
    detail: &'static str,
}

/// One run of the connector.
pub(crate) struct Session {
    settings: Settings,
    guard: GuardCommand,
    clock: fn() -> Milliseconds,
    delivery: Delivery,
    heard: Sender<Heard>,
    waker: Waker,
    child: Child,
    phase: Phase,
    gaps: Vec<Gap>,
    timers: Timers,
    said: (CaptureState, Option<String>),
    number: String,
    notices: Attempts,
    links: u32,
}

/// Notices as far as this run has tried to give them.
#[derive(Default)]
struct Attempts {
    /// One is under way: its answer is to come.
    under_way: bool,
    /// Words that the agent wants to be said, by conversation (CONN-10).
    asked: BTreeMap<String, String>,
    /// Conversations where it failed: how often, and when it is tried again.
    failed: HashMap<String, (u32, Duration)>,
}

/// signal-cli, as far as it runs.
#[derive(Default)]
struct Child {
    daemon: Option<Daemon>,
    line: Option<Line>,
    pending: HashMap<u64, Purpose>,
    subscription: Option<u64>,
    /// Whether its receiving thread was seen.
    received: bool,
    starts: u32,
    /// Whether its standard error was heard to the end.
    silent: bool,
    /// The last lines of standard error, to say why it ended.
    last: String,
}

/// When things were done last.
struct Timers {
    sign: Duration,
    told: Duration,
    probe: Duration,
    probing: Option<Duration>,
    event: Duration,
    subscribed: Duration,
}

impl Session {
    pub(crate) fn new(
        ctx: &Context<'_>,
        settings: Settings,
        guard: GuardCommand,
        clock: fn() -> Milliseconds,
        delivery: Delivery,
        heard: Sender<Heard>,
    ) -> Self {
        let now = running();
        let gaps = delivery
            .was_cut_off()
            .then(|| Gap {
                from: delivery.whole_until(),
                to: clock(),
                detail: "capture was cut off: what signal-cli handed over in that moment, or what came while no device was linked, can be missing",
            })
            .into_iter()
            .collect();
        Self {
            settings,
            guard,
            clock,
            delivery,
            heard,
            waker: ctx.waker(),
            child: Child::default(),
            phase: Phase::Due(now),
            gaps,
            timers: Timers {
                sign: now,
                told: now,
                probe: now,
                probing: None,
                event: now,
                subscribed: now,
            },
            said: (CaptureState::Silent, None),
            number: String::new(),
            notices: Attempts::default(),
            links: 0,
        }
    }

    /// Runs until the agent stops it or the link that was asked for is made.
    pub(crate) fn run(
        &mut self,
        ctx: &mut Context<'_>,
        heard: &Receiver<Heard>,
    ) -> Result<(), KitError> {
        self.delivery.begin(ctx)?;
        loop {
            while let Ok(heard) = heard.try_recv() {
                self.take(ctx, heard)?;
            }
            if self.phase == Phase::Linked {
                return Ok(());
            }
            self.deliver(ctx)?;
            self.keep_times(ctx)?;
            let patience = match self.phase {
                Phase::Starting(_) | Phase::Due(_) => Duration::from_millis(250),
                _ => Duration::from_secs(1),
            };
            match ctx.next_request(patience)? {
                Some(Request::Send(send)) => self.send(ctx, &send)?,
                Some(Request::Link(_)) if self.phase == Phase::Refused => self.link(ctx)?,
                Some(Request::Link(_)) | None => {}
                Some(Request::Notice(notice)) => self.asked(notice),
                Some(Request::Fetch(_)) => ctx.trouble("signal-no-fetch", &[])?,
            }
        }
    }

    /// Ends signal-cli so that as little as possible of what it has taken from the server stays
    /// unread. What it is decrypting when it is told to stop it hands over to nobody, and does not
    /// say so: the moment is recorded as a loss, for the next run to tell.
    pub(crate) fn close(mut self, heard: &Receiver<Heard>) {
        if let (Phase::Receiving, Some(subscription)) = (self.phase, self.child.subscription) {
            let account = self.number.clone();
            let params = json!({"account": account, "subscription": subscription});
            if self.call("unsubscribeReceive", params, Purpose::Unsubscribe) {
                self.await_unsubscribed(heard);
            }
            self.gap(
                "signal-cli was told to stop: what it was decrypting in that moment can be missing",
            );
        }
        self.child.line = None;
        if let Some(daemon) = self.child.daemon.take() {
            daemon.end();
        }
        // Of a device that is unlinked nobody knows what it misses until it is linked again.
        if self.record_gaps().is_ok() && self.phase != Phase::Refused {
            self.delivery.ended();
        }
    }

    fn await_unsubscribed(&self, heard: &Receiver<Heard>) {
        let until = running() + STOP_PATIENCE;
        while let Some(rest) = until.checked_sub(running()) {
            match heard.recv_timeout(rest) {
                Ok(Heard::Answer(number, _))
                    if matches!(self.child.pending.get(&number), Some(Purpose::Unsubscribe)) =>
                {
                    return;
                }
                Ok(Heard::Closed) | Err(_) => return,
                Ok(_) => {}
            }
        }
    }

    fn take(&mut self, ctx: &mut Context<'_>, heard: Heard) -> Result<(), KitError> {
        match heard {
            Heard::Appended => {
                self.timers.event = running();
                if self.phase == Phase::Receiving {
                    self.say(ctx, CaptureState::Connected, None)?;
                }
                Ok(())
            }
            Heard::DiskRefused(detail) => {
                self.say(ctx, CaptureState::Lagging, Some(&detail))?;
                ctx.trouble("signal-disk", &[("detail", &detail)])
            }
            Heard::Answer(number, answer) => match self.child.pending.remove(&number) {
                Some(purpose) => self.answered(ctx, purpose, answer),
                None => Ok(()),
            },
            Heard::Closed if self.child.line.is_some() => {
                self.fall(ctx, "signal-cli closed its socket")
            }
            Heard::EvidenceEnded => {
                self.child.silent = true;
                Ok(())
            }
            Heard::Closed => Ok(()),
            Heard::Evidence(line) => self.evidence(ctx, &line),
        }
    }

    fn evidence(&mut self, ctx: &mut Context<'_>, line: &str) -> Result<(), KitError> {
        let bare = without_content(line);
        if !bare.is_empty() && !bare.starts_with("INFO") {
            let _ = std::io::Write::write_all(
                &mut std::io::stderr(),
                format!("signal-cli: {bare}\n").as_bytes(),
            );
        }
        if self.child.last.len() > 4_000 {
            self.child.last.clear();
        }
        self.child.last.push_str(line);
        self.child.last.push('\n');
        // What follows an exception tells of the same event; that the program can not live stands
        // anywhere.
        let follows = line.starts_with(char::is_whitespace) || line.starts_with("Caused by");
        match meaning(line) {
            Meaning::NoJava => Err(failed("signal-java-missing", &[])),
            Meaning::OldJava => Err(failed("signal-java-old", &[])),
            _ if follows => Ok(()),
            Meaning::Nothing => {
                if matches!(self.phase, Phase::Starting(_)) {
                    self.connect(ctx)?;
                }
                Ok(())
            }
            Meaning::Dropped => self.lose("other", line),
            Meaning::ReceiverDied => {
                self.lose("other", line)?;
                self.fall(ctx, "the thread of signal-cli that receives has ended")
            }
            Meaning::Away => self.say(ctx, CaptureState::Lagging, Some("the server is away")),
            Meaning::Unlinked => {
                ctx.trouble("signal-unlinked", &[])?;
                self.phase = Phase::Refused;
                self.say(ctx, CaptureState::Unlinked, None)
            }
            Meaning::Expired => {
                ctx.trouble("signal-cli-expired", &[])?;
                self.say(ctx, CaptureState::Expired, None)
            }
            Meaning::InUse => ctx.trouble("signal-in-use", &[]),
        }
    }

    fn lose(&mut self, why: &str, detail: &str) -> Result<(), KitError> {
        let now = (self.clock)().get();
        let loss = LossEntry {
            why: why.to_owned(),
            from: Some(now - i64::try_from(SIGN.as_millis()).unwrap_or_default()),
            to: Some(now),
            detail: Some(format!("signal-cli: {detail}")),
        };
        self.delivery.append(EntryKind::Loss, &loss)
    }

    /// signal-cli does not serve any more: it is ended and started again later.
    fn fall(&mut self, ctx: &mut Context<'_>, detail: &'static str) -> Result<(), KitError> {
        if self.phase == Phase::Receiving {
            self.gap(detail);
        }
        self.child.line = None;
        self.child.pending.clear();
        self.notices.under_way = false;
        self.child.subscription = None;
        self.child.received = false;
        self.timers.probing = None;
        if let Some(daemon) = self.child.daemon.take() {
            daemon.end();
        }
        let pause = Duration::from_secs(1 << self.child.starts.min(6)).min(LONGEST_PAUSE);
        self.child.starts += 1;
        self.phase = Phase::Due(running() + pause);
        self.say(ctx, CaptureState::Lagging, Some(detail))
    }

    /// Up to now something may have been missed.
    fn gap(&mut self, detail: &'static str) {
        let from = self.delivery.whole_until();
        let to = (self.clock)();
        self.gaps.push(Gap { from, to, detail });
    }

    fn record_gaps(&mut self) -> Result<(), KitError> {
        for gap in std::mem::take(&mut self.gaps) {
            let loss = LossEntry {
                why: "offline".to_owned(),
                from: Some(gap.from.get()),
                to: Some(gap.to.get()),
                detail: Some(gap.detail.to_owned()),
            };
            self.delivery.append(EntryKind::Loss, &loss)?;
        }
        Ok(())
    }

    fn start(&mut self, ctx: &mut Context<'_>) -> Result<(), KitError> {
        let now = running();
        self.child.last.clear();
        self.child.silent = false;
        if self.settings.socket.is_none() {
            let Some(program) = daemon::find(&self.settings) else {
                let name = self.settings.program.clone();
                return Err(failed("signal-cli-missing", &[("program", &name)]));
            };
            let started = Daemon::start(
                &self.settings,
                &program,
                ctx.folder(),
                &self.guard,
                self.heard.clone(),
                self.waker.clone(),
            );
            match started {
                Ok(daemon) => self.child.daemon = Some(daemon),
                Err(error) => {
                    let program = program.display().to_string();
                    let detail = error.to_string();
                    let facts = [("program", program.as_str()), ("detail", &detail)];
                    return Err(failed("signal-cli-start", &facts));
                }
            }
        }
        self.phase = Phase::Starting(now);
        self.connect(ctx)
    }

    fn connect(&mut self, ctx: &mut Context<'_>) -> Result<(), KitError> {
        let endpoint = match &self.settings.socket {
            Some(path) => Endpoint::Shared(path.clone()),
            None => Endpoint::Own(ctx.folder().to_owned()),
        };
        let Ok(stream) = endpoint.connect() else {
            return Ok(());
        };
        let line = Line::open(
            stream,
            self.delivery.journal(),
            self.clock,
            self.heard.clone(),
            self.waker.clone(),
        );
        let Ok(line) = line else { return Ok(()) };
        self.child.line = Some(line);
        self.phase = Phase::Asking;
        self.call("version", json!({}), Purpose::Version);
        self.call("listAccounts", json!({}), Purpose::Accounts);
        Ok(())
    }

    /// Whether it could be asked; a line that is broken is heard of as closed.
    fn call(&mut self, method: &str, params: Value, purpose: Purpose) -> bool {
        let Some(line) = &mut self.child.line else {
            return false;
        };
        match line.ask(method, params) {
            Ok(number) => {
                self.child.pending.insert(number, purpose);
                true
            }
            Err(_) => false,
        }
    }

    fn answered(
        &mut self,
        ctx: &mut Context<'_>,
        purpose: Purpose,
        answer: Answer,
    ) -> Result<(), KitError> {
        match purpose {
            Purpose::Version => self.version(ctx, answer),
            Purpose::Probe => {
                self.timers.probing = None;
                Ok(())
            }
            Purpose::Accounts => self.accounts(ctx, &answer.unwrap_or_default()),
            Purpose::StartLink => self.link_started(ctx, answer),
            Purpose::FinishLink => self.link_finished(ctx, answer),
            Purpose::Subscribe => self.subscribed(ctx, answer),
            Purpose::Unsubscribe => Ok(()),
            Purpose::Groups => self.delivery.groups_shown(&answer.unwrap_or_default()),
            Purpose::Contacts => self.delivery.contacts_shown(&answer.unwrap_or_default()),
            Purpose::Notice(sent) => self.notice_answered(ctx, sent, answer),
            Purpose::Send { number, mut sent } => match timestamp(&answer) {
                Ok(timestamp) => {
                    sent.timestamp = Some(timestamp);
                    self.delivery.append(EntryKind::Sent, &sent)?;
                    ctx.sent(number, Some(timestamp.to_string()))
                }
                Err(detail) => {
                    ctx.trouble("signal-send-failed", &[("detail", &detail)])?;
                    ctx.sent(number, None)
                }
            },
        }
    }

    fn version(&mut self, ctx: &mut Context<'_>, answer: Answer) -> Result<(), KitError> {
        let answer = answer.unwrap_or_default();
        let text = answer
            .get("version")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let Some(version) = Version::parse(text) else {
            return ctx.trouble("signal-cli-version", &[("version", text)]);
        };
        let released = daemon::find(&self.settings).and_then(|path| daemon::released(&path));
        let seen = self.delivery.first_seen(text);
        match version.fitness(released, seen, (self.clock)()) {
            Fitness::Fit => Ok(()),
            Fitness::TooOld => ctx.trouble("signal-cli-old", &[("version", text)]),
            Fitness::Ages(days) => {
                let days = days.to_string();
                ctx.trouble("signal-cli-ages", &[("version", text), ("days", &days)])
            }
        }
    }

    fn accounts(&mut self, ctx: &mut Context<'_>, answer: &Value) -> Result<(), KitError> {
        let numbers: Vec<&str> = answer
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|account| account.get("number")?.as_str())
            .collect();
        let known = accounts::linked(&self.settings.data);
        if self.settings.link {
            // In a daemon that serves several accounts those are others.
            let made = numbers.first().filter(|_| self.settings.socket.is_none());
            return match made {
                Some(number) => self.linked(ctx, number),
                None => self.link(ctx),
            };
        }
        let wanted = ctx.start().account.clone();
        let ours = numbers.iter().find(|number| {
            wanted.strip_prefix("tel:") == Some(number)
                || known
                    .iter()
                    .any(|own| own.number == **number && own.id == wanted)
        });
        match ours {
            Some(number) => {
                (*number).clone_into(&mut self.number);
                self.delivery.set_number(&self.number);
                self.subscribe()
            }
            None => {
                self.phase = Phase::Refused;
                self.delivery.begins()?;
                ctx.trouble("signal-unlinked", &[])?;
                self.say(ctx, CaptureState::Unlinked, None)
            }
        }
    }

    fn subscribe(&mut self) -> Result<(), KitError> {
        self.delivery.begins()?;
        let account = self.number.clone();
        self.phase = Phase::Asking;
        self.call(
            "subscribeReceive",
            json!({"account": account}),
            Purpose::Subscribe,
        );
        Ok(())
    }

    fn subscribed(&mut self, ctx: &mut Context<'_>, answer: Answer) -> Result<(), KitError> {
        let answer = match answer {
            Ok(answer) => answer,
            Err(refused) => {
                let unlinked = meaning(&refused.message) == Meaning::Unlinked;
                if unlinked {
                    self.phase = Phase::Refused;
                    ctx.trouble("signal-unlinked", &[])?;
                    return self.say(ctx, CaptureState::Unlinked, None);
                }
                return self.fall(ctx, "signal-cli does not receive");
            }
        };
        self.child.subscription = answer.as_u64();
        self.phase = Phase::Receiving;
        self.child.starts = 0;
        self.timers.subscribed = running();
        self.record_gaps()?;
        self.delivery.sign(None);
        self.say(ctx, CaptureState::Connected, None)?;
        self.delivery.ask_groups();
        self.delivery.ask_contacts();
        Ok(())
    }

    fn link(&mut self, ctx: &mut Context<'_>) -> Result<(), KitError> {
        if self.links >= LINKS {
            return Err(failed("signal-link-unused", &[]));
        }
        self.links += 1;
        self.phase = Phase::Linking;
        self.call("startLink", json!({}), Purpose::StartLink);
        self.say(ctx, CaptureState::Unlinked, None)
    }

    fn link_started(&mut self, ctx: &mut Context<'_>, answer: Answer) -> Result<(), KitError> {
        let answer = answer
            .map_err(|refused| failed("signal-link-failed", &[("detail", &refused.message)]))?;
        let Some(uri) = answer.get("deviceLinkUri").and_then(Value::as_str) else {
            return Err(failed("signal-link-failed", &[("detail", "no address")]));
        };
        ctx.request_link("qr", uri)?;
        let params = json!({"deviceLinkUri": uri, "deviceName": self.settings.device_name});
        self.call("finishLink", params, Purpose::FinishLink);
        Ok(())
    }

    fn link_finished(&mut self, ctx: &mut Context<'_>, answer: Answer) -> Result<(), KitError> {
        match answer {
            Ok(answer) => {
                let number = answer
                    .get("number")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                if self.settings.link {
                    return self.linked(ctx, number);
                }
                self.call("listAccounts", json!({}), Purpose::Accounts);
                self.phase = Phase::Asking;
                Ok(())
            }
            // Nobody used it in time: the server keeps a link for a minute or so.
            Err(refused) if self.links < LINKS => {
                self.child.last = refused.message;
                self.link(ctx)
            }
            Err(refused) => Err(failed(
                "signal-link-failed",
                &[("detail", &refused.message)],
            )),
        }
    }

    /// CONN-9: says whose device was linked.
    fn linked(&mut self, ctx: &mut Context<'_>, number: &str) -> Result<(), KitError> {
        let id = accounts::linked(&self.settings.data)
            .into_iter()
            .find(|own| own.number == number)
            .map_or_else(|| format!("tel:{number}"), |own| own.id);
        ctx.request_link("linked", &id)?;
        self.phase = Phase::Linked;
        Ok(())
    }

    fn deliver(&mut self, ctx: &mut Context<'_>) -> Result<(), KitError> {
        self.delivery.deliver(ctx)?;
        if self.phase != Phase::Receiving {
            return Ok(());
        }
        if self.delivery.take_groups_wanted() {
            let params = json!({"account": self.number, "detailed": true});
            self.call("listGroups", params, Purpose::Groups);
        }
        if self.delivery.take_contacts_wanted() {
            self.call(
                "listContacts",
                json!({"account": self.number}),
                Purpose::Contacts,
            );
        }
        while self.give_notice(ctx)? {
            self.delivery.deliver(ctx)?;
        }
        Ok(())
    }

    /// CONN-10
    fn asked(&mut self, notice: Notice) {
        let texts = notice.texts.iter();
        let texts = texts.map(|text| (text.language.as_str(), text.text.as_str()));
        if let Some(words) = self.settings.words(texts) {
            self.notices.asked.insert(notice.conversation, words);
        }
    }

    /// Begins to give the next notice that is owed, or finds out that it was given. Returns whether
    /// that has told the journal something, after which there may be another.
    fn give_notice(&mut self, ctx: &mut Context<'_>) -> Result<bool, KitError> {
        if self.notices.under_way {
            return Ok(false);
        }
        let Attempts { asked, failed, .. } = &mut self.notices;
        let Some(notices) = self.delivery.notices() else {
            return Ok(false);
        };
        asked.retain(|id, _| !notices.is_given(id));
        let now = running();
        let may = |id: &str| failed.get(id).is_none_or(|(_, until)| *until <= now);
        let usual = self.settings.notice();
        let Some(due) = notices.due(asked, usual.as_deref(), may) else {
            return Ok(false);
        };
        let mut sent = SentEntry {
            conversation: due.conversation,
            text: due.text,
            again: due.unsure,
            ..SentEntry::default()
        };
        if due.unsure {
            if let Some(timestamp) = self.already_sent(&sent) {
                sent.timestamp = Some(timestamp);
                (sent.again, sent.found) = (false, true);
                self.delivery.append(EntryKind::NoticeGiven, &sent)?;
                return Ok(true);
            }
            ctx.trouble("signal-notice-again", &[])?;
        }
        // Whoever finds this entry and no other behind it does not know whether it was sent.
        self.delivery.append(EntryKind::NoticeSending, &sent)?;
        let params = message_params(&self.number, &sent);
        self.notices.under_way = self.call("send", params, Purpose::Notice(sent));
        Ok(self.notices.under_way)
    }

    /// What signal-cli's own record says of a notice whose answer was lost.
    fn already_sent(&self, sent: &SentEntry) -> Option<i64> {
        let linked = accounts::linked(&self.settings.data);
        let own = linked.iter().find(|own| own.number == self.number)?;
        // A record that can not be read tells as little as one in which nothing stands.
        outgoing::sent(&own.database, &sent.conversation, &sent.text)
            .ok()
            .flatten()
    }

    fn notice_answered(
        &mut self,
        ctx: &mut Context<'_>,
        mut sent: SentEntry,
        answer: Answer,
    ) -> Result<(), KitError> {
        self.notices.under_way = false;
        match timestamp(&answer) {
            Ok(timestamp) => {
                self.notices.failed.remove(&sent.conversation);
                sent.timestamp = Some(timestamp);
                self.delivery.append(EntryKind::NoticeGiven, &sent)
            }
            Err(detail) => {
                let tries = self.notices.failed.get(&sent.conversation);
                let tries = tries.map_or(0, |(tries, _)| *tries);
                let pause = LATER.saturating_mul(1 << tries.min(16)).min(LATEST);
                let again = (tries + 1, running() + pause);
                self.notices.failed.insert(sent.conversation.clone(), again);
                self.delivery.append(EntryKind::NoticeFailed, &sent)?;
                if tries > 0 {
                    return Ok(());
                }
                ctx.trouble("signal-notice-failed", &[("detail", &detail)])
            }
        }
    }

    fn send(&mut self, ctx: &mut Context<'_>, send: &Send) -> Result<(), KitError> {
        let number = send.number;
        let sent: Result<SentEntry, _> = serde_json::from_slice(&send.content);
        match sent {
            Ok(sent) if self.phase == Phase::Receiving => {
                let params = message_params(&self.number, &sent);
                self.call("send", params, Purpose::Send { number, sent });
                Ok(())
            }
            Ok(_) => {
                ctx.trouble("signal-send-failed", &[("detail", "not connected")])?;
                ctx.sent(number, None)
            }
            Err(_) => {
                ctx.trouble("signal-send-failed", &[("detail", "not understood")])?;
                ctx.sent(number, None)
            }
        }
    }

    fn keep_times(&mut self, ctx: &mut Context<'_>) -> Result<(), KitError> {
        let now = running();
        match self.phase {
            Phase::Due(at) if now >= at => self.start(ctx)?,
            Phase::Starting(since) => {
                self.connect(ctx)?;
                if matches!(self.phase, Phase::Starting(_)) {
                    self.still_starting(ctx, now.saturating_sub(since))?;
                }
            }
            _ => {}
        }
        // Its last lines may say why, and that it is of no use to start it again.
        let silent = self.child.silent;
        let ended = self.child.daemon.as_mut().and_then(Daemon::ended);
        if let Some(status) = ended.filter(|_| silent) {
            let detail = format!("{status}: {}", self.child.last.trim());
            ctx.trouble("signal-cli-ended", &[("detail", &detail)])?;
            self.fall(ctx, "signal-cli ended")?;
        }
        if self.phase == Phase::Receiving {
            self.probe(ctx, now)?;
            if now.saturating_sub(self.timers.sign) >= SIGN {
                self.timers.sign = now;
                let quiet = now.saturating_sub(self.timers.event.max(self.timers.subscribed));
                let lull = (quiet >= LULL).then(|| (self.clock)().plus(-LULL_MS));
                self.delivery.sign(lull);
            }
        }
        if now.saturating_sub(self.timers.told) >= TELL {
            self.tell(ctx)?;
        }
        Ok(())
    }

    fn still_starting(&mut self, ctx: &mut Context<'_>, since: Duration) -> Result<(), KitError> {
        if since < START_PATIENCE {
            return Ok(());
        }
        ctx.trouble("signal-cli-slow", &[])?;
        self.fall(ctx, "signal-cli did not open its socket")
    }

    fn probe(&mut self, ctx: &mut Context<'_>, now: Duration) -> Result<(), KitError> {
        if let Some(since) = self.timers.probing {
            if now.saturating_sub(since) >= PROBE_PATIENCE {
                return self.fall(ctx, "signal-cli does not answer");
            }
        } else if now.saturating_sub(self.timers.probe) >= PROBE {
            self.timers.probe = now;
            self.timers.probing = Some(now);
            self.call("version", json!({}), Purpose::Probe);
            // RPC goes on answering without it.
            let receives = self.child.daemon.as_ref().is_some_and(Daemon::receives);
            if self.child.received && !receives {
                return self.fall(ctx, "the thread of signal-cli that receives has ended");
            }
            self.child.received = receives;
        }
        let quiet = now.saturating_sub(self.timers.event);
        if quiet >= Duration::from_secs(self.settings.silent_hours.saturating_mul(3_600)) {
            self.say(ctx, CaptureState::Silent, Some("no event for long"))?;
        }
        Ok(())
    }

    fn say(
        &mut self,
        ctx: &mut Context<'_>,
        state: CaptureState,
        detail: Option<&str>,
    ) -> Result<(), KitError> {
        let said = (state, detail.map(str::to_owned));
        if said == self.said {
            return Ok(());
        }
        self.said = said;
        self.tell(ctx)
    }

    /// CONN-8
    fn tell(&mut self, ctx: &mut Context<'_>) -> Result<(), KitError> {
        self.timers.told = running();
        ctx.state(self.said.0, self.said.1.as_deref())
    }
}

fn message_params(account: &str, sent: &SentEntry) -> Value {
    let conversation = sent.conversation.as_str();
    if let Some(group) = conversation.strip_prefix(GROUP) {
        return json!({"account": account, "groupId": group, "message": sent.text});
    }
    let recipient = match conversation.split_once(':') {
        Some(("pni", id)) => format!("PNI:{id}"),
        Some((_, id)) => id.to_owned(),
        None => conversation.to_owned(),
    };
    json!({"account": account, "recipient": [recipient], "message": sent.text})
}

/// When it was sent, unless it reached nobody.
fn timestamp(answer: &Answer) -> Result<i64, String> {
    let answer = answer.as_ref().map_err(|refused| refused.message.clone())?;
    let results = answer.get("results").and_then(Value::as_array);
    let types: Vec<&str> = results
        .into_iter()
        .flatten()
        .filter_map(|result| result.get("type")?.as_str())
        .collect();
    if !types.is_empty() && !types.contains(&"SUCCESS") {
        return Err(types.join(", "));
    }
    answer
        .get("timestamp")
        .and_then(Value::as_i64)
        .ok_or_else(|| "no time".to_owned())
}
