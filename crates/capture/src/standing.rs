//! How one account stands, from what its connector says and does: a state machine without I/O,
//! clock or randomness of its own (AGENT-1, AGENT-2).

use canonical::Milliseconds;
use record::LossWhy;
use wire::CaptureState;

use crate::converse::Happening;
use crate::heartbeat::capture_state;
use crate::live::Restarts;

/// What a connector may have received and not yet handed on when it was heard last: the loss
/// interval begins so much earlier, in milliseconds.
const IN_HAND_MS: i64 = 10_000;

/// How one account stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    state: CaptureState,
    since: Milliseconds,
    heard_at: Option<Milliseconds>,
    missing: Option<Missing>,
    began: Option<Milliseconds>,
    restarts: Restarts,
    ends: u32,
    connector: Option<String>,
    detail: Option<String>,
    trouble: Option<String>,
    full: bool,
    untold: bool,
}

/// Since when something may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    pub(crate) from: Milliseconds,
    pub(crate) why: LossWhy,
}

impl Standing {
    /// Not captured yet. `left`: since when something may be missing already, from the run before.
    pub fn new(left: Option<Milliseconds>, now: Milliseconds) -> Self {
        Self {
            state: CaptureState::Silent,
            since: now,
            heard_at: None,
            missing: left.map(|from| Missing {
                from,
                why: LossWhy::Offline,
            }),
            began: None,
            restarts: Restarts::new(),
            ends: 0,
            connector: None,
            detail: None,
            trouble: None,
            full: false,
            untold: false,
        }
    }

    /// The account's state, as heartbeats tell it.
    pub fn state(&self) -> CaptureState {
        self.state
    }

    /// Since when it is so.
    pub fn since(&self) -> Milliseconds {
        self.since
    }

    /// When the connector was heard last.
    pub fn heard_at(&self) -> Option<Milliseconds> {
        self.heard_at
    }

    /// Since when something may be missing, if so.
    pub fn missing_since(&self) -> Option<Milliseconds> {
        self.missing.map(|missing| missing.from)
    }

    /// How often the connector ended without being asked, since the agent's start.
    pub fn ends(&self) -> u32 {
        self.ends
    }

    /// The connector and its version, once it has said so.
    pub fn connector(&self) -> Option<&str> {
        self.connector.as_deref()
    }

    /// What the connector says to its state, for the custodian.
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// The catalogue's key of the newest trouble, while it lasts.
    pub fn trouble(&self) -> Option<&str> {
        // PLAN-9: lasts as long as this connector runs, whatever else it says.
        let untold = self.untold.then_some("notices-not-given");
        self.trouble.as_deref().or(untold)
    }

    /// Whether the disk was full when records were to become durable.
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// The connector is being started.
    pub(crate) fn begin(&mut self, now: Milliseconds) {
        self.began = Some(now);
    }

    /// Something was heard.
    pub(crate) fn hear(&mut self, happening: &Happening, now: Milliseconds) {
        let before = self.heard_at.unwrap_or(now);
        self.heard_at = Some(now);
        match happening {
            Happening::Hello(hello) => {
                self.connector = Some(hello.connector.clone());
                if hello.notices {
                    self.untold = false;
                }
            }
            Happening::State(report) => {
                let state = capture_state(report.state);
                self.detail.clone_from(&report.detail);
                match missed(state) {
                    Some(why) => self.miss(before, why),
                    None => self.trouble = None,
                }
                self.enter(state, now);
            }
            Happening::Trouble(trouble) => self.trouble = Some(trouble.key.clone()),
            Happening::Durable(_) => self.full = false,
            Happening::NoticesNotGiven => self.untold = true,
            _ => {}
        }
    }

    /// What may be missing and is over: a loss to be recorded, from, to and why.
    pub(crate) fn over(&self) -> Option<(Milliseconds, Milliseconds, LossWhy)> {
        let missing = self.missing?;
        let captured = matches!(self.state, CaptureState::Connected | CaptureState::Lagging);
        // A clock that was put back makes no interval that ends before it begins.
        captured.then(|| {
            (
                missing.from.min(self.since),
                self.since.max(missing.from),
                missing.why,
            )
        })
    }

    /// The loss is recorded.
    pub(crate) fn recorded(&mut self) {
        self.missing = None;
    }

    /// The connector ended by itself. `heard`: its last frame. Gives the milliseconds to wait;
    /// `draw` is random over all its values.
    pub(crate) fn ended(
        &mut self,
        heard: Option<Milliseconds>,
        trouble: Option<String>,
        full: bool,
        now: Milliseconds,
        draw: u64,
    ) -> u64 {
        self.ends = self.ends.saturating_add(1);
        self.full = full;
        if trouble.is_some() {
            self.trouble = trouble;
        }
        self.miss(heard.unwrap_or(now), LossWhy::Offline);
        // An account that was unlinked stays so until the connector says otherwise.
        if missed(self.state).is_none() {
            self.enter(CaptureState::Silent, now);
        }
        let ran = self.began.map_or(0, |began| now.since(began));
        self.restarts.ended(ran, draw)
    }

    /// It was asked to stop, or is not to be captured now.
    pub(crate) fn stopped(&mut self, now: Milliseconds) {
        self.enter(CaptureState::Stopped, now);
    }

    fn miss(&mut self, last: Milliseconds, why: LossWhy) {
        let from = last.plus(-IN_HAND_MS);
        let missing = self.missing.get_or_insert(Missing { from, why });
        // That it was unlinked says more than that it was silent meanwhile.
        if missing.why == LossWhy::Offline {
            missing.why = why;
        }
    }

    fn enter(&mut self, state: CaptureState, now: Milliseconds) {
        if self.state != state {
            self.state = state;
            self.since = now;
        }
    }
}

/// Why events are missing while an account is in that state, if they are.
fn missed(state: CaptureState) -> Option<LossWhy> {
    match state {
        CaptureState::Silent => Some(LossWhy::Offline),
        CaptureState::Unlinked => Some(LossWhy::Unlinked),
        CaptureState::Expired => Some(LossWhy::Expired),
        CaptureState::Connected
        | CaptureState::Lagging
        | CaptureState::Stopped
        | CaptureState::Importing => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use connector::{State, StateReport};

    fn at(second: i64) -> Milliseconds {
        Milliseconds::new(1_000_000 + second * 1_000)
    }

    fn says(state: State) -> Happening {
        Happening::State(StateReport {
            state,
            detail: None,
        })
    }

    /// AGENT-2: one interval, from before the last frame to the first `connected`.
    #[test]
    fn agent_2_an_interruption_is_one_interval_however_often_it_is_tried() {
        let mut standing = Standing::new(None, at(0));
        standing.begin(at(0));
        standing.hear(&says(State::Connected), at(1));
        assert_eq!(standing.over(), None);
        standing.ended(Some(at(60)), None, false, at(70), 0);
        assert_eq!(standing.state(), CaptureState::Silent);
        standing.begin(at(80));
        standing.ended(Some(at(81)), None, false, at(90), 0);
        standing.begin(at(100));
        standing.hear(&says(State::Connected), at(101));
        assert_eq!(standing.over(), Some((at(50), at(101), LossWhy::Offline)));
        standing.recorded();
        assert_eq!((standing.over(), standing.ends()), (None, 2));
    }

    #[test]
    fn agent_2_an_unlinked_account_says_so_and_stays_so_over_restarts() {
        let mut standing = Standing::new(None, at(0));
        standing.hear(&says(State::Connected), at(1));
        standing.hear(&says(State::Unlinked), at(100));
        standing.ended(Some(at(100)), None, false, at(101), 0);
        assert_eq!(standing.state(), CaptureState::Unlinked);
        assert_eq!(standing.over(), None, "it lasts");
        standing.hear(&says(State::Connected), at(200));
        assert_eq!(standing.over(), Some((at(-9), at(200), LossWhy::Unlinked)));
    }

    #[test]
    fn agent_2_what_the_run_before_left_open_is_recorded() {
        let mut standing = Standing::new(Some(at(-500)), at(0));
        standing.hear(&says(State::Lagging), at(9));
        assert_eq!(standing.over(), Some((at(-500), at(9), LossWhy::Offline)));
    }

    /// AGENT-4: what was asked for is no loss.
    #[test]
    fn agent_4_a_stop_is_not_missing_and_not_an_end() {
        let mut standing = Standing::new(None, at(0));
        standing.hear(&says(State::Connected), at(1));
        standing.stopped(at(50));
        assert_eq!(standing.state(), CaptureState::Stopped);
        assert_eq!(standing.missing_since(), None);
        assert_eq!(standing.ends(), 0);
    }

    #[test]
    fn a_clock_that_is_put_back_makes_no_interval_backwards() {
        let mut standing = Standing::new(None, at(0));
        standing.hear(&says(State::Connected), at(1));
        standing.ended(Some(at(60)), None, false, at(61), 0);
        standing.hear(&says(State::Connected), at(-5_000));
        let (from, to, _) = standing.over().unwrap();
        assert!(from <= to);
    }
}
