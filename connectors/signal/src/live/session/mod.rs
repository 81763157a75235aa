//! One run of the connector: what is heard from signal-cli, from the agent and from the clock, and
//! what is done about it. Nothing in here waits for anything but all of them together.

mod account;
mod child;
mod saying;

use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

use connector::State as CaptureState;
use connector::kit::{Context, KitError, Request, Waker};
use record::Milliseconds;
use serde_json::json;

use self::child::Child;
use self::saying::Attempts;
use super::delivery::Delivery;
use super::entries::{LossEntry, SentEntry};
use super::settings::Settings;
use super::wire::Answer;
use super::{Heard, accounts};
use crate::guard::GuardCommand;
use crate::journal::EntryKind;
use crate::system::running;

/// What signal-cli has to end a subscription.
const STOP_PATIENCE: Duration = Duration::from_millis(1_500);

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
    /// What signal-cli's list of accounts was when none of them was ours.
    refused: Option<accounts::Mark>,
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
            refused: None,
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
            Purpose::Send { number, sent } => self.send_answered(ctx, number, sent, &answer),
        }
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
