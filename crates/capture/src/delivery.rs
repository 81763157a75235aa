//! What an agent does beside capturing, for as long as it runs: it reads the control chain, delivers
//! the spool, lets go of what the vault holds, and says that it lives. It never gives up.
//!
//! All times here are those of a clock that nobody can set (AGENT-3); what is written into entries
//! is the wall clock's, and authority is never judged by it.

use std::sync::Arc;
use std::time::Duration;

use canonical::Milliseconds;
use tokio::time::Instant;

use crate::agent::Agent;
use crate::courier::{BeliefError, Courier, CourierError, Step};
use crate::relay::Relay;
use crate::running::Board;
use crate::spool::SpoolError;
use crate::submission::Halt;

/// How often things are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Between heartbeats, unless the archive's policy wants them oftener.
    pub heartbeat: Duration,
    /// From the change of an account's state to the heartbeat that tells it.
    pub change: Duration,
    /// Between looks at the control chain.
    pub control: Duration,
    /// Between looks at what the vault holds, while something waits for it.
    pub stored: Duration,
    /// Longest wait between two looks at the spool.
    pub idle: Duration,
}

/// How delivery stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivering {
    /// When the relay answered last.
    pub heard_at: Option<Milliseconds>,
    /// Since when it can not be used.
    pub away_since: Option<Milliseconds>,
    /// Why nothing is admitted until somebody has acted.
    pub halt: Option<Halt>,
    /// Since when that is so.
    pub halted_since: Option<Milliseconds>,
    /// Since when the log is not believed.
    pub forked_since: Option<Milliseconds>,
    /// Since when acts of the control chain are withheld that a signed head covers (AGENT-10).
    pub withheld_since: Option<Milliseconds>,
    /// Since when the disk has no room for this agent's own entries.
    pub full_since: Option<Milliseconds>,
    /// Entries that the log does not have yet.
    pub waiting: u64,
    /// Entries that it has, and the vault has not confirmed.
    pub receipted: u64,
    /// Entries let go since the start, because the vault holds them.
    pub stored: u64,
}

/// Delivers for one agent until it is asked to stop.
#[derive(Debug)]
pub struct Delivery<R> {
    courier: Courier<R>,
    board: Arc<Board>,
    pace: Pace,
    standing: Delivering,
    /// Failures in a row of the looks that are not submission's own.
    failures: u32,
    told_version: Option<u64>,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(3_600),
            change: Duration::from_secs(5),
            control: Duration::from_secs(60),
            stored: Duration::from_secs(5),
            idle: Duration::from_secs(5),
        }
    }
}

impl<R: Relay> Delivery<R> {
    /// Delivery by a courier, which tells how the accounts on `board` stand.
    pub fn new(courier: Courier<R>, board: Arc<Board>, pace: Pace) -> Self {
        Self {
            courier,
            board,
            pace,
            standing: Delivering::default(),
            failures: 0,
            told_version: None,
        }
    }

    /// How it stands.
    pub fn standing(&self) -> &Delivering {
        &self.standing
    }

    /// Delivers until `stop` is ready; `look` sees how it stands after each round.
    ///
    /// A round that is under way when `stop` is ready is not ended before the relay answers or
    /// time runs out: the caller may drop this future, and loses nothing that was durable.
    pub async fn run(&mut self, stop: impl Future<Output = ()>, mut look: impl FnMut(&Delivering)) {
        let mut stop = std::pin::pin!(stop);
        let begin = Instant::now();
        let (mut control, mut stored) = (begin, begin);
        let mut beat = begin + self.pace.change;
        loop {
            let round = self.round(&mut control, &mut stored, &mut beat);
            tokio::select! {
                () = &mut stop => return,
                wait = round => {
                    look(&self.standing);
                    tokio::select! {
                        () = &mut stop => return,
                        () = tokio::time::sleep_until(wait) => {}
                        () = self.board.news() => {}
                    }
                }
            }
        }
    }

    /// Says a last time how the accounts stand, and tries to deliver it within `most` (AGENT-4).
    pub async fn end(&mut self, most: Duration) {
        self.heartbeat();
        let _ = tokio::time::timeout(most, self.courier.deliver()).await;
        self.count();
    }

    /// Everything that is due. Gives when the next thing is.
    async fn round(
        &mut self,
        control: &mut Instant,
        stored: &mut Instant,
        beat: &mut Instant,
    ) -> Instant {
        let now = Instant::now();
        if now >= *control {
            let read = self.read().await;
            let well = self.believed(read);
            *control = Instant::now() + self.after(well, self.pace.control);
        }
        if now >= *beat || (self.changed() && now + self.pace.change < *beat) {
            if now >= *beat {
                self.heartbeat();
                *beat = Instant::now() + self.every();
            } else {
                // A change is told soon; more changes until then are told with it.
                *beat = now + self.pace.change;
            }
        }
        let mut wait = self.pace.idle;
        match self.courier.deliver().await {
            Ok(Step::Idle | Step::Revoked) => {}
            Ok(Step::Paused(until)) => {
                let left = until.since(self.now()).clamp(0, 300_000);
                wait = wait.min(Duration::from_millis(left.unsigned_abs().max(50)));
            }
            // The next step says how long it wants to wait.
            Ok(_) => wait = Duration::ZERO,
            Err(error) => self.failed_here(&error),
        }
        self.count();
        if self.standing.receipted > 0 && now >= *stored {
            let collected = self.courier.collect_stored().await;
            let well = self.believed(collected.map(|_| ()));
            *stored = Instant::now() + self.after(well, self.pace.stored);
            self.count();
        }
        let due = if self.standing.receipted > 0 {
            (*beat).min(*control).min(*stored)
        } else {
            (*beat).min(*control)
        };
        due.min(Instant::now() + wait)
    }

    /// Reads the control chain, its newest signed head, and mail.
    async fn read(&mut self) -> Result<(), BeliefError> {
        self.courier.read_control().await?;
        match self.courier.read_head().await {
            Ok(()) => self.standing.withheld_since = None,
            Err(error @ BeliefError::Withheld { .. }) => {
                tracing::error!(%error, "the relay hides acts of the control chain");
                let now = self.now();
                self.standing.withheld_since.get_or_insert(now);
            }
            Err(error) => return Err(error),
        }
        match self.courier.read_mail().await {
            // A revoked agent gets no mail; that it is revoked, it learns from the chain.
            Err(BeliefError::Relay(failure)) if failure.is_denial() => Ok(()),
            other => other.map(|_| ()),
        }
    }

    /// The shortest of the intervals of the archive, the plan and the agent's own settings.
    fn every(&self) -> Duration {
        let policy = self.agent().control().authority().policy().heartbeat;
        let plan = self.agent().plan().heartbeat().unwrap_or(u64::MAX);
        Duration::from_secs(policy.get().min(plan).max(1)).min(self.pace.heartbeat)
    }

    fn changed(&self) -> bool {
        self.told_version != Some(self.board.version())
    }

    fn heartbeat(&mut self) {
        // AGENT-9: nobody hears them, and they would fill the disk.
        if self.standing.halt == Some(Halt::Revoked) {
            return;
        }
        let version = self.board.version();
        match self.agent().heartbeat(&self.board.states()) {
            Ok(_) => {
                self.told_version = Some(version);
                self.standing.full_since = None;
            }
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a heartbeat is not kept; it is tried again"
                );
                self.full(error.is_full());
            }
        }
    }

    /// Notes how a look at the relay went; true if well.
    fn believed(&mut self, looked: Result<(), BeliefError>) -> bool {
        let now = self.now();
        match looked {
            Ok(()) => {
                self.failures = 0;
                self.standing.heard_at = Some(now);
                self.standing.away_since = None;
                self.standing.forked_since = None;
                true
            }
            Err(error) => {
                self.failures = self.failures.saturating_add(1);
                if error.is_fork() {
                    self.standing.forked_since.get_or_insert(now);
                } else if let BeliefError::Own(error) = &error {
                    self.failed_here(error);
                } else if matches!(&error, BeliefError::Relay(failure) if failure.is_denial()) {
                    // It answers; why it does not take this agent is told by submission.
                    self.standing.heard_at = Some(now);
                    self.standing.away_since = None;
                } else {
                    self.standing.away_since.get_or_insert(now);
                }
                tracing::debug!(
                    error = &error as &dyn std::error::Error,
                    "the relay could not be asked"
                );
                false
            }
        }
    }

    fn failed_here(&mut self, error: &CourierError) {
        tracing::error!(
            error = error as &dyn std::error::Error,
            "this machine could not take the next step; it is tried again"
        );
        self.full(matches!(error, CourierError::Spool(error) if error.is_full()));
    }

    fn full(&mut self, full: bool) {
        if full {
            let now = self.now();
            self.standing.full_since.get_or_insert(now);
        }
    }

    /// The interval, drawn a little shorter or longer; growing to five minutes after failures.
    fn after(&self, well: bool, every: Duration) -> Duration {
        let grown = if well {
            every
        } else {
            let doubled = every.saturating_mul(1 << self.failures.min(10));
            doubled.min(Duration::from_secs(300)).max(every)
        };
        let mut draw = [0; 1];
        self.agent().environment().randomness().fill(&mut draw);
        // Three to five quarters: agents that began together do not stay together.
        grown.mul_f64(0.75 + f64::from(draw[0]) / 512.0)
    }

    fn count(&mut self) {
        let counts: Result<_, SpoolError> = self.agent().spool().counts();
        if let Ok(counts) = counts {
            let held = counts.waiting + counts.receipted;
            let before = self.standing.waiting + self.standing.receipted;
            self.standing.stored += before.saturating_sub(held);
            self.standing.waiting = counts.waiting;
            self.standing.receipted = counts.receipted;
        }
        let submission = self.courier.submission();
        let (halt, failures) = (submission.halt().cloned(), submission.failures());
        let now = self.now();
        if failures > 0 && halt.is_none() {
            self.standing.away_since.get_or_insert(now);
        }
        if halt.as_ref() == Some(&Halt::Fork) {
            self.standing.forked_since.get_or_insert(now);
        }
        if self.standing.halt != halt {
            self.standing.halted_since = halt.as_ref().map(|_| now);
        }
        self.standing.halt = halt;
    }

    fn agent(&self) -> &Agent {
        self.courier.agent()
    }

    fn now(&self) -> Milliseconds {
        self.agent().environment().now()
    }
}
