//! An agent at work: one thread for each account, which keeps its connector running (AGENT-1), and
//! a board on which all of them write how they stand.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use canonical::Milliseconds;
use wire::{AccountHandle, CaptureState};

use crate::agent::Agent;
use crate::converse::{ConversationError, Happening};
use crate::live::{LiveError, LiveJob};
use crate::pulse::{Pulse, Stop};
use crate::standing::Standing;

/// Stack of an account's thread: a host has very many.
const STACK: usize = 512 << 10;
/// How often an account looks whether there is something to seal to.
const NO_EPOCH_WAIT: Duration = Duration::from_secs(1);

/// An account to be captured, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duty {
    /// What is captured.
    pub job: LiveJob,
    /// Time without a frame after which the connector is started again; none: never.
    pub silence: Option<Duration>,
    /// Not captured now.
    pub paused: bool,
}

/// How all accounts stand. Cloning an `Arc` of it gives another reader.
#[derive(Debug, Default)]
pub struct Board {
    accounts: Mutex<BTreeMap<AccountHandle, (LiveJob, Standing)>>,
    version: AtomicU64,
    news: tokio::sync::Notify,
}

/// An agent whose accounts are being captured. Dropped, it stops them.
#[derive(Debug)]
pub struct RunningAgent {
    agent: Arc<Agent>,
    board: Arc<Board>,
    accounts: BTreeMap<AccountHandle, Account>,
}

#[derive(Debug)]
struct Account {
    duty: Duty,
    stop: Stop,
    thread: Option<JoinHandle<()>>,
}

impl RunningAgent {
    /// Captures these accounts from now on. `left` names, for accounts of an earlier run that did
    /// not end in order, since when something may be missing.
    pub fn start(
        agent: Arc<Agent>,
        duties: Vec<Duty>,
        left: &BTreeMap<AccountHandle, Milliseconds>,
    ) -> Self {
        let mut running = Self {
            agent,
            board: Arc::new(Board::default()),
            accounts: BTreeMap::new(),
        };
        running.take(duties, left);
        running
    }

    /// How the accounts stand.
    pub fn board(&self) -> &Arc<Board> {
        &self.board
    }

    /// The agent.
    pub fn agent(&self) -> &Arc<Agent> {
        &self.agent
    }

    /// Captures other accounts from now on. Those whose duty has not changed run on undisturbed;
    /// waits for the end of the others.
    pub fn change(&mut self, duties: Vec<Duty>) {
        let wanted: BTreeMap<AccountHandle, &Duty> = duties
            .iter()
            .map(|duty| (self.handle(duty), duty))
            .collect();
        let over: Vec<AccountHandle> = self
            .accounts
            .iter()
            .filter(|(handle, account)| wanted.get(handle) != Some(&&account.duty))
            .map(|(handle, _)| *handle)
            .collect();
        let mut ending: Vec<Account> = Vec::new();
        for handle in &over {
            ending.extend(self.accounts.remove(handle));
        }
        stop_all(ending.iter_mut());
        // What one of them owed as a loss goes on to its successor.
        let mut left = BTreeMap::new();
        for handle in over {
            let former = self.board.accounts().get(&handle).cloned();
            if let Some(from) = former.and_then(|(_, standing)| standing.missing_since()) {
                left.insert(handle, from);
            }
            if !wanted.contains_key(&handle) {
                self.board.accounts().remove(&handle);
            }
        }
        self.take(duties, &left);
        self.board.tell();
    }

    /// Asks every connector to stop and waits until all have ended, some five seconds at most
    /// (AGENT-4).
    pub fn stop(&mut self) {
        stop_all(self.accounts.values_mut());
        self.board.tell();
    }

    fn take(&mut self, duties: Vec<Duty>, left: &BTreeMap<AccountHandle, Milliseconds>) {
        let now = self.agent.environment().now();
        for duty in duties {
            let handle = self.handle(&duty);
            if self.accounts.contains_key(&handle) {
                continue;
            }
            let mut standing = Standing::new(left.get(&handle).copied(), now);
            if duty.paused {
                standing.stopped(now);
            }
            self.board
                .accounts()
                .insert(handle, (duty.job.clone(), standing));
            let stop = Stop::default();
            let thread = (!duty.paused).then(|| self.spawn(handle, duty.clone(), stop.clone()));
            if thread.as_ref().is_some_and(Option::is_none) {
                // No thread could be had: the account is silent, and heartbeats say so.
                tracing::error!(account = %handle, "no thread for an account");
            }
            let account = Account {
                duty,
                stop,
                thread: thread.flatten(),
            };
            self.accounts.insert(handle, account);
        }
    }

    fn spawn(&self, handle: AccountHandle, duty: Duty, stop: Stop) -> Option<JoinHandle<()>> {
        let keeper = Keeper {
            agent: Arc::clone(&self.agent),
            board: Arc::clone(&self.board),
            handle,
            duty,
            stop,
        };
        std::thread::Builder::new()
            .name("account".to_owned())
            .stack_size(STACK)
            .spawn(move || keeper.run())
            .ok()
    }

    fn handle(&self, duty: &Duty) -> AccountHandle {
        self.agent.handle(&duty.job.network, &duty.job.account)
    }
}

impl Drop for RunningAgent {
    fn drop(&mut self) {
        self.stop();
    }
}

fn stop_all<'a>(accounts: impl Iterator<Item = &'a mut Account>) {
    let asked: Vec<&mut Account> = accounts.inspect(|account| account.stop.ask()).collect();
    for account in asked {
        if let Some(thread) = account.thread.take() {
            // A thread that panicked has ended too; its account is started with the agent.
            let _ = thread.join();
        }
    }
}

impl Board {
    /// How every account stands.
    pub fn all(&self) -> Vec<(AccountHandle, LiveJob, Standing)> {
        self.accounts()
            .iter()
            .map(|(handle, (job, standing))| (*handle, job.clone(), standing.clone()))
            .collect()
    }

    /// What a heartbeat tells.
    pub fn states(&self) -> Vec<(AccountHandle, CaptureState)> {
        self.accounts()
            .iter()
            .map(|(handle, (_, standing))| (*handle, standing.state()))
            .collect()
    }

    /// Grows whenever an account's state changes.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Ready when something has become durable or an account's state has changed.
    pub async fn news(&self) {
        self.news.notified().await;
    }

    /// Something has become durable, or an account's state has changed: delivery looks at once.
    pub fn tell(&self) {
        self.news.notify_one();
    }

    fn accounts(&self) -> MutexGuard<'_, BTreeMap<AccountHandle, (LiveJob, Standing)>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T: Default>(
        &self,
        account: &AccountHandle,
        work: impl FnOnce(&mut Standing) -> T,
    ) -> T {
        let mut accounts = self.accounts();
        let Some((_, standing)) = accounts.get_mut(account) else {
            return T::default();
        };
        let before = standing.state();
        let done = work(standing);
        let changed = standing.state() != before;
        drop(accounts);
        if changed {
            self.version.fetch_add(1, Ordering::AcqRel);
        }
        done
    }
}

/// Keeps one account's connector running.
struct Keeper {
    agent: Arc<Agent>,
    board: Arc<Board>,
    handle: AccountHandle,
    duty: Duty,
    stop: Stop,
}

impl Keeper {
    fn run(self) {
        while !self.stop.is_asked() {
            if !self.can_seal() {
                self.stop.wait(NO_EPOCH_WAIT);
                continue;
            }
            let pulse = Pulse::default();
            self.board
                .with(&self.handle, |standing| standing.begin(self.now()));
            let patience = self
                .duty
                .silence
                .map(|silence| i64::try_from(silence.as_millis()).unwrap_or(i64::MAX));
            let captured = self.agent.capture_watched(
                &self.duty.job,
                &self.stop,
                &pulse,
                patience,
                |happening| self.hear(happening),
            );
            if self.stop.is_asked() {
                break;
            }
            let pause = self.ended(&pulse, captured.err());
            self.board.tell();
            self.stop.wait(Duration::from_millis(pause));
        }
        self.board
            .with(&self.handle, |standing| standing.stopped(self.now()));
        self.board.tell();
    }

    /// Before the control chain was read there is nothing to seal to, and nothing can be taken.
    fn can_seal(&self) -> bool {
        let class = self.duty.job.class;
        self.agent.control().seal_to(class, self.now()).is_ok()
    }

    fn hear(&self, happening: &Happening) {
        let over = self.board.with(&self.handle, |standing| {
            standing.hear(happening, self.now());
            standing.over()
        });
        if let Some((from, to, why)) = over {
            // What fails now is tried with the next thing that is heard.
            match self.agent.record_gap(&self.duty.job, why, from, to) {
                Ok(()) => self
                    .board
                    .with(&self.handle, |standing| standing.recorded()),
                Err(error) => {
                    tracing::warn!(account = %self.handle, %error, "a loss is not recorded yet");
                }
            }
        }
        self.board.tell();
    }

    fn ended(&self, pulse: &Pulse, error: Option<LiveError>) -> u64 {
        let (trouble, full) = match &error {
            Some(LiveError::Conversation(ConversationError::Trouble(trouble))) => {
                (Some(trouble.key.clone()), false)
            }
            Some(LiveError::Conversation(error)) => (None, error.is_full()),
            Some(LiveError::Loss(error)) => (None, error.is_full()),
            _ => (None, false),
        };
        match &error {
            Some(error) => tracing::warn!(
                account = %self.handle,
                error = error as &dyn std::error::Error,
                "a connector ended",
            ),
            None => tracing::warn!(account = %self.handle, "a connector ended by itself"),
        }
        let mut draw = [0; 8];
        self.agent.environment().randomness().fill(&mut draw);
        let now = self.now();
        self.board.with(&self.handle, |standing| {
            standing.ended(pulse.last(), trouble, full, now, u64::from_be_bytes(draw))
        })
    }

    fn now(&self) -> Milliseconds {
        self.agent.environment().now()
    }
}
