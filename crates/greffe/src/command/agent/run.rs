//! `greffe agent run`: captures and delivers until it is stopped, for one custodian, or for all
//! whose agents lie in the folder of a host.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use canonical::Milliseconds;
use capture::{
    Agent, AgentStatus, CaptureSettings, ConnectorCommand, Courier, Credential, Delivering,
    Delivery, Duty, Identity, LocalAlarm, Pace, RunningAgent,
};
use client::{RelayAddress, RelayClient};
use sd_notify::NotifyState;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::{JoinSet, block_in_place, spawn_blocking};

use crate::cli::agent::AgentRun;
use crate::command::Context;
use crate::command::up::stop_asked;
use crate::engine::{environment, part_failed};
use crate::failure::{Exit, Failure};
use crate::home;
use crate::system::now;
use crate::text::say;

/// How often a host looks for agents that are new, or could not be opened.
const LOOK: Duration = Duration::from_secs(60);
/// How often how it stands is written down, if nothing changes.
const WRITE_MS: i64 = 10_000;
/// The same if something does.
const WRITE_CHANGED_MS: i64 = 1_000;
/// For the last heartbeat.
const LAST: Duration = Duration::from_secs(3);

/// What all agents of this process are to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Run,
    /// Read `agent.toml` again; the number grows.
    Read(u64),
    Stop,
}

pub(crate) fn run(context: &Context, folder: &Path, arguments: &AgentRun) -> Result<(), Failure> {
    let credential = credential()?;
    context.runtime.block_on(async {
        let (give, orders) = watch::channel(Order::Run);
        let mut agents = JoinSet::new();
        let mut running = BTreeMap::new();
        match &arguments.host {
            None => {
                let seat = Seat::open(folder, credential.clone())?;
                running.insert(folder.to_owned(), ());
                agents.spawn(seat.run(orders.clone()));
            }
            Some(host) => take_seats(host, credential.as_ref(), &mut running, &mut agents, &orders)?,
        }
        let value = json!({ "running": true, "agents": running.len() });
        context.output.result(&value, || say!("agent-running", count = running.len()));
        let _ = sd_notify::notify(&[NotifyState::Ready]);

        let mut stopped = std::pin::pin!(stop_asked());
        let mut reread = hang_up()?;
        let mut look = tokio::time::interval(LOOK);
        let mut reads = 0;
        loop {
            tokio::select! {
                () = &mut stopped => break,
                _ = reread.recv() => {
                    reads += 1;
                    give.send_replace(Order::Read(reads));
                }
                _ = look.tick() => {
                    if let Some(host) = &arguments.host
                        && let Err(failure) =
                            take_seats(host, credential.as_ref(), &mut running, &mut agents, &orders)
                    {
                        tracing::error!(%failure, "the host's folder can not be read");
                    }
                }
            }
        }
        let _ = sd_notify::notify(&[NotifyState::Stopping]);
        give.send_replace(Order::Stop);
        while agents.join_next().await.is_some() {}
        Ok(())
    })
}

/// The commands of connectors that come with this program.
pub(crate) fn own_connector(name: &str) -> ConnectorCommand {
    // A program that can not find itself is told so when it starts the connector.
    let program = std::env::current_exe().unwrap_or_else(|_| "greffe".into());
    ConnectorCommand {
        arguments: vec!["connector".into(), name.into()],
        ..ConnectorCommand::new(program)
    }
}

/// Takes the agent in `folder` for this process; held until the file is dropped.
pub(crate) fn lock(folder: &Path) -> Result<File, Failure> {
    home::locked(&folder.join("run.lock"))?.ok_or_else(|| {
        Failure::new("agent-runs-already")
            .with("folder", folder)
            .exit(Exit::Busy)
    })
}

/// The agents of a host: each sub-folder that holds one.
pub(crate) fn host_folders(host: &Path) -> Result<Vec<PathBuf>, Failure> {
    let can_not = |error: std::io::Error| {
        Failure::new("can-not-read")
            .with("path", host)
            .because(&error)
    };
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(host).map_err(can_not)? {
        let folder = entry.map_err(can_not)?.path();
        if folder.join("signer.seed").is_file() {
            folders.push(folder);
        }
    }
    folders.sort();
    Ok(folders)
}

/// Keeps the accounts of one agent and writes down how it stands; for `greffe up` too.
#[derive(Debug)]
pub(crate) struct Notes {
    folder: PathBuf,
    started: Milliseconds,
    written: Option<(Milliseconds, u64)>,
    alarms: Vec<LocalAlarm>,
}

impl Notes {
    pub(crate) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            started: now(),
            written: None,
            alarms: Vec::new(),
        }
    }

    /// Writes how it stands, if it is time; alarms that are new or over are said at once.
    pub(crate) fn note(&mut self, running: &RunningAgent, delivering: &Delivering) {
        let (now, version) = (now(), running.board().version());
        let wait = match self.written {
            Some((_, told)) if told != version => WRITE_CHANGED_MS,
            _ => WRITE_MS,
        };
        // Also if the clock was put back.
        let due = self
            .written
            .is_none_or(|(at, _)| now.since(at) >= wait || now < at);
        if due {
            self.write(running, delivering);
        }
    }

    pub(crate) fn write(&mut self, running: &RunningAgent, delivering: &Delivering) {
        let status = AgentStatus::of(running.agent(), running.board(), delivering, self.started);
        self.written = Some((now(), running.board().version()));
        for alarm in &status.alarms {
            if !self.alarms.iter().any(|known| same(known, alarm)) {
                tracing::warn!(
                    alarm = alarm.key.as_str(),
                    agent = status.agent.as_str(),
                    account = alarm.account.as_deref(),
                    "alarm"
                );
            }
        }
        for known in &self.alarms {
            if !status.alarms.iter().any(|alarm| same(known, alarm)) {
                tracing::info!(
                    alarm = known.key.as_str(),
                    agent = status.agent.as_str(),
                    account = known.account.as_deref(),
                    "alarm over"
                );
            }
        }
        self.alarms.clone_from(&status.alarms);
        if let Err(error) = status.write(&self.folder) {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "status is not written"
            );
        }
    }
}

/// One agent that runs.
struct Seat {
    folder: PathBuf,
    running: RunningAgent,
    delivery: Delivery<RelayClient>,
    notes: Notes,
    _lock: File,
}

impl Seat {
    fn open(folder: &Path, credential: Option<Arc<Credential>>) -> Result<Self, Failure> {
        let failed = |error: &dyn std::error::Error| part_failed("agent", error);
        if !folder.join("signer.seed").is_file() {
            return Err(Failure::new("agent-not-enrolled")
                .with("folder", folder)
                .exit(Exit::NotFound));
        }
        let lock = lock(folder)?;
        let settings = CaptureSettings::read(folder).map_err(|error| failed(&error))?;
        let duties = duties(&settings)?;
        let identity = Identity::open_with(folder, credential).map_err(|error| failed(&error))?;
        let trust = identity.trust();
        let address = RelayAddress {
            url: trust.relay.clone(),
            pin: trust.pin,
        };
        let client = RelayClient::new(&address, identity.archive(), Arc::clone(identity.signer()))
            .map_err(|error| failed(&error))?;
        let agent = Agent::open(identity, environment())
            .map(Arc::new)
            .map_err(|error| failed(&error))?;
        let left = AgentStatus::read(folder)
            .ok()
            .flatten()
            .map(|status| status.left())
            .unwrap_or_default();
        let running = RunningAgent::start(Arc::clone(&agent), duties, &left);
        let delivery = Delivery::new(
            Courier::new(agent, client),
            Arc::clone(running.board()),
            pace(&settings),
        );
        Ok(Self {
            notes: Notes::new(folder),
            folder: folder.to_owned(),
            running,
            delivery,
            _lock: lock,
        })
    }

    async fn run(mut self, mut orders: watch::Receiver<Order>) {
        orders.mark_unchanged();
        tracing::info!(agent = %self.running.agent().identity().signer().id(), "an agent runs");
        loop {
            let (running, notes) = (&self.running, &mut self.notes);
            let ordered = async {
                // Whoever gives orders is gone: as if it had said stop.
                let _ = orders.changed().await;
            };
            self.delivery
                .run(ordered, |delivering| {
                    block_in_place(|| notes.note(running, delivering));
                })
                .await;
            let order = *orders.borrow_and_update();
            match order {
                Order::Read(_) => self.read_again(),
                Order::Run if orders.has_changed().is_ok() => {}
                Order::Run | Order::Stop => break,
            }
        }
        let mut running = self.running;
        let stopped = spawn_blocking(move || {
            running.stop();
            running
        });
        let Ok(running) = stopped.await else { return };
        self.delivery.end(LAST).await;
        block_in_place(|| self.notes.write(&running, self.delivery.standing()));
        tracing::info!(agent = %running.agent().identity().signer().id(), "an agent has stopped");
    }

    fn read_again(&mut self) {
        let read = CaptureSettings::read(&self.folder)
            .map_err(|error| part_failed("agent", &error))
            .and_then(|settings| duties(&settings));
        match read {
            Ok(duties) => block_in_place(|| self.running.change(duties)),
            Err(failure) => {
                tracing::error!(%failure, "agent.toml is not taken; what ran before runs on");
            }
        }
    }
}

/// Takes the host's agents that do not run yet.
fn take_seats(
    host: &Path,
    credential: Option<&Arc<Credential>>,
    running: &mut BTreeMap<PathBuf, ()>,
    agents: &mut JoinSet<()>,
    orders: &watch::Receiver<Order>,
) -> Result<(), Failure> {
    for folder in host_folders(host)? {
        if running.contains_key(&folder) {
            continue;
        }
        match block_in_place(|| Seat::open(&folder, credential.cloned())) {
            Ok(seat) => {
                running.insert(folder, ());
                agents.spawn(seat.run(orders.clone()));
            }
            Err(failure) => {
                tracing::error!(folder = %folder.display(), %failure, "an agent can not be opened; it is tried again");
            }
        }
    }
    Ok(())
}

pub(crate) fn duties(settings: &CaptureSettings) -> Result<Vec<Duty>, Failure> {
    settings
        .duties(own_connector)
        .map_err(|error| part_failed("agent", &error))
}

pub(crate) fn pace(settings: &CaptureSettings) -> Pace {
    let usual = Pace::default();
    Pace {
        heartbeat: settings.heartbeat.map_or(usual.heartbeat, |seconds| {
            Duration::from_secs(u64::from(seconds.max(1)))
        }),
        ..usual
    }
}

/// What the system has given to this process alone.
pub(crate) fn credential() -> Result<Option<Arc<Credential>>, Failure> {
    let Some(folder) = std::env::var_os("CREDENTIALS_DIRECTORY") else {
        return Ok(None);
    };
    Credential::read(Path::new(&folder))
        .map(|credential| credential.map(Arc::new))
        .map_err(|error| part_failed("agent", &error))
}

fn hang_up() -> Result<tokio::signal::unix::Signal, Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    signal(SignalKind::hangup()).map_err(|error| part_failed("agent", &error))
}

fn same(a: &LocalAlarm, b: &LocalAlarm) -> bool {
    (&a.key, &a.account) == (&b.key, &b.account)
}
