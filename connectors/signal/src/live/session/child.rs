//! signal-cli as the session's child: started, spoken with, listened to, probed, ended.

use std::collections::HashMap;
use std::time::Duration;

use connector::State as CaptureState;
use connector::kit::{Context, KitError, failed};
use serde_json::{Value, json};

use super::{Phase, Purpose, Session};
use crate::journal::EntryKind;
use crate::live::daemon::{self, Daemon, Endpoint};
use crate::live::entries::LossEntry;
use crate::live::evidence::{Meaning, meaning, without_content};
use crate::live::wire::Line;
use crate::system::running;

/// Between two signs of life to the agent and on disk.
const SIGN: Duration = Duration::from_secs(5);
const TELL: Duration = Duration::from_secs(30);
/// Between two probes of signal-cli, and what it has for an answer.
const PROBE: Duration = Duration::from_secs(60);
const PROBE_PATIENCE: Duration = Duration::from_secs(60);
/// What signal-cli has to open its socket: the runtime starts slowly on a loaded machine.
const START_PATIENCE: Duration = Duration::from_secs(240);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// After so long without an event nothing waits at the server or in signal-cli.
const LULL_MS: i64 = 60_000;
const LULL: Duration = Duration::from_millis(LULL_MS.unsigned_abs());

/// signal-cli, as far as it runs.
#[derive(Default)]
pub(super) struct Child {
    pub(super) daemon: Option<Daemon>,
    pub(super) line: Option<Line>,
    pub(super) pending: HashMap<u64, Purpose>,
    pub(super) subscription: Option<u64>,
    /// Whether its receiving thread was seen.
    pub(super) received: bool,
    pub(super) starts: u32,
    /// Whether its standard error was heard to the end.
    pub(super) silent: bool,
    /// The last lines of standard error, to say why it ended.
    pub(super) last: String,
}

impl Session {
    pub(super) fn evidence(&mut self, ctx: &mut Context<'_>, line: &str) -> Result<(), KitError> {
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
            Meaning::Unlinked => self.refuse(ctx),
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
    pub(super) fn fall(
        &mut self,
        ctx: &mut Context<'_>,
        detail: &'static str,
    ) -> Result<(), KitError> {
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
    pub(super) fn call(&mut self, method: &str, params: Value, purpose: Purpose) -> bool {
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

    pub(super) fn keep_times(&mut self, ctx: &mut Context<'_>) -> Result<(), KitError> {
        let now = running();
        match self.phase {
            Phase::Due(at) if now >= at => self.start(ctx)?,
            Phase::Starting(since) => {
                self.connect(ctx)?;
                if matches!(self.phase, Phase::Starting(_)) {
                    self.still_starting(ctx, now.saturating_sub(since))?;
                }
            }
            Phase::Refused => self.look_for_link(ctx)?,
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
}
