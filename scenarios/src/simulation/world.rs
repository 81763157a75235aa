//! One seeded world, step by step.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use canonical::Milliseconds;
use capture::{Agent, BeliefError, CourierError, KeepError, LiveError, Step as CourierStep};
use relay::OpenRelay;
use vault::follow::StepError;
use wire::{CaptureState, RefusalCode, Revocation, Role, SequenceNumber};

use super::draw::Draw;
use super::faults::{Fault, is_of_the_disk};
use super::invariants;
use super::log::LogView;
use super::network::{Line, Network, Weather};
use super::owner::{Owner, seed_of};
use super::parties::{AgentHost, RelayHost, Time, Told, VaultHost, WitnessSeat};

/// When every world begins: an autumn day of 2026.
const START: i64 = 1_790_000_000_000;
const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
/// How far a clock jumps at most, in minutes.
const JUMP: u64 = 3 * 24 * 60;
/// Most agents, copies included.
const AGENTS: usize = 6;
/// Rounds in which everything must be delivered once nothing goes wrong any more.
const ROUNDS: usize = 60;

/// What does not hold, and how it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Name of the invariant.
    pub invariant: String,
    /// What was found.
    pub detail: String,
}

/// Everything in it.
pub struct World {
    pub(super) folder: PathBuf,
    pub(super) time: Time,
    pub(super) network: Arc<Network>,
    pub(super) owner: Owner,
    pub(super) relay: RelayHost,
    pub(super) agents: Vec<AgentHost>,
    pub(super) vault: VaultHost,
    pub(super) witnesses: Vec<Arc<WitnessSeat>>,
    /// How far the witnesses' clocks are off, in milliseconds.
    witnesses_off: Vec<i64>,
    pub(super) log: LogView,
    /// Everything below it was found in the vault.
    pub(super) held: usize,
    /// Agents that did something since everybody was looked at.
    pub(super) touched: BTreeSet<usize>,
    /// What a party met that an honest world has not.
    pub(super) surprise: Option<Violation>,
    watcher: Line,
    seed: u64,
    weather: Weather,
    witness_loss: u64,
    trace: Vec<String>,
}

type Action = (&'static str, u64);

/// What a step may do, and how often, of the sum of all.
const ACTIONS: &[Action] = &[
    ("time", 90),
    ("capture", 230),
    ("deliver", 230),
    ("control", 50),
    ("collect", 70),
    ("heartbeat", 40),
    ("vault", 170),
    ("owner", 50),
    ("late", 20),
    ("weather", 20),
    ("kill agent", 12),
    ("kill vault", 8),
    ("kill relay", 10),
    ("kill witness", 10),
    ("start", 40),
    ("agent's disk", 15),
    ("relay's disk", 20),
    ("full agent", 8),
    ("vault's disk", 15),
    ("full relay", 5),
    ("full vault", 6),
    ("full witness", 5),
    ("hide objects", 5),
    ("clock", 12),
    ("copy", 3),
    ("enrol", 5),
    ("revoke", 3),
    ("epoch", 12),
];

impl World {
    /// Makes a world in an empty folder; nobody is up yet but the relay and the witnesses.
    pub async fn new(folder: &Path, seed: u64) -> Self {
        let mut draw = Draw::of(seed, u64::MAX, 0);
        let witnesses = draw.below(4);
        let quorum = match witnesses {
            0 => 0,
            count => draw.below(count) + u64::from(draw.chance(500)),
        };
        let now = Milliseconds::new(START);
        let time = Time::starting(START);
        let mut owner = Owner::found(seed, witnesses, quorum, now);
        let seats: Vec<_> = (0..witnesses)
            .map(|number| WitnessSeat::new(seed, number, folder, START))
            .collect();
        for seat in &seats {
            seat.start(&owner);
        }
        let relay = RelayHost::new(folder.join("relay"), seed, START, seats.clone());
        let vault = VaultHost::new(folder.join("vault"), seed, time.another());
        let network = Network::new();
        owner.enrol(&vault.key(), Role::Vault, None, now);
        let watcher = wire::SignerKey::from_seed(&seed_of(seed, "watcher", 0)).unwrap();
        owner.enrol(&watcher, Role::Auditor, None, now);
        owner.publish_epoch(None, now);
        // The watcher's clock is the relay's: what it asks is always heard.
        let clock = relay.clock.clone();
        let archive = owner.genesis().archive_id();
        let watcher = Line::new(&network, archive, watcher, move || clock.now()).calm();
        let mut world = Self {
            folder: folder.to_owned(),
            time,
            network,
            owner,
            relay,
            agents: Vec::new(),
            vault,
            witnesses_off: vec![0; seats.len()],
            witnesses: seats,
            log: LogView::default(),
            held: 0,
            touched: BTreeSet::new(),
            surprise: None,
            watcher,
            seed,
            weather: Weather::default(),
            witness_loss: 0,
            trace: Vec::new(),
        };
        for _ in 0..1 + draw.below(3) {
            world.new_agent(None);
        }
        world.start_relay().await;
        world.owner_posts().await;
        world
    }

    /// What was done so far, a line a step.
    #[must_use]
    pub fn trace(&self) -> &[String] {
        &self.trace
    }

    /// Requests that have reached the relay.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.network.requests()
    }

    /// Leaves that were published.
    #[must_use]
    pub fn log_size(&self) -> usize {
        self.log.size()
    }

    /// Takes one step and checks every invariant.
    ///
    /// # Errors
    ///
    /// The invariant that does not hold.
    pub async fn step(&mut self, number: u64) -> Result<(), Violation> {
        let mut draw = Draw::of(self.seed, number, 0);
        let kill_in = draw.chance(30).then(|| draw.below(6));
        self.begin(number, kill_in);
        let mut chosen = draw.below(ACTIONS.iter().map(|(_, often)| often).sum());
        let mut action = "time";
        for (name, often) in ACTIONS {
            if chosen < *often {
                action = name;
                break;
            }
            chosen -= often;
        }
        let outcome = self.act(action, &mut draw).await;
        let restarted = self.after_kill(&mut draw).await;
        let line = format!("{number} {action}: {outcome}{restarted}");
        self.check(line).await
    }

    /// Ends all that goes wrong, and says what is not delivered then.
    ///
    /// # Errors
    ///
    /// The invariant that does not hold.
    pub async fn settle(&mut self) -> Result<(), Violation> {
        self.weather = Weather::default();
        self.witness_loss = 0;
        self.network.set_weather(self.weather);
        self.begin(u64::MAX - 1, None);
        self.network
            .deliver_late(&mut Draw::of(self.seed, 1, 9))
            .await;
        self.set_relay_clock(0);
        self.vault.time.put_off(0);
        self.relay.disk.set_full(false);
        self.relay.disk.hide(false);
        for agent in &self.agents {
            agent.time.put_off(0);
            agent.disk.set_full(false);
            agent.disk.revive();
        }
        self.vault.disk.set_full(false);
        if self.vault.disk.is_dead() {
            drop(self.vault.take());
        }
        self.vault.disk.revive();
        for at in 0..self.witnesses.len() {
            self.witnesses[at].set_full(false);
            self.witnesses[at].start(&self.owner);
            self.set_witness_clock(at, 0);
        }
        if !self.witnesses.is_empty() {
            // A witness that cosigned while its clock was ahead waits until that time has come
            // (TLOG-20).
            self.time_passes(i64::try_from(JUMP).unwrap_or(0) * MINUTE);
            // What a witness has missed it is asked for again by a timer of the relay, and none fires
            // in this world: it is asked for the checkpoint of one more act instead.
            let now = self.time.now();
            self.owner.publish_epoch(Some((now, now.plus(HOUR))), now);
        }
        self.stop_relay().await;
        let mut outcome = self.start_relay().await;
        for round in 0..ROUNDS {
            self.time_passes(10 * MINUTE);
            outcome += &self.owner_posts().await;
            for at in 0..self.agents.len() {
                outcome += &self.start_agent(at);
                outcome += &self.agent_control(at).await;
                // All that has happened meanwhile, as far as it can be captured.
                let mut before = None;
                while before != Some(self.agents[at].told.durable) {
                    before = Some(self.agents[at].told.durable);
                    outcome += &self.capture(at);
                }
                outcome += &self.agent_delivers(at).await;
                outcome += &self.agent_collects(at).await;
            }
            outcome += &self.start_vault();
            outcome += &self.vault_steps().await;
            self.check(format!("settling {round}: {outcome}")).await?;
            outcome.clear();
            if invariants::is_settled(self) {
                return invariants::at_the_end(self);
            }
        }
        Err(Violation {
            invariant: "SETTLES".to_owned(),
            detail: invariants::unsettled(self),
        })
    }

    fn begin(&mut self, number: u64, kill_in: Option<u64>) {
        self.network
            .begin_step(Draw::of(self.seed, number, 1), kill_in);
        for (seat, purpose) in self.witnesses.iter().zip(2..) {
            seat.begin_step(Draw::of(self.seed, number, purpose), self.witness_loss);
        }
    }

    /// Looks at what was published, then at everybody.
    async fn check(&mut self, line: String) -> Result<(), Violation> {
        let archive = self.owner.genesis().archive_id();
        let relay = self.network.relay();
        let published = relay
            .as_ref()
            .and_then(|relay| relay.archive(archive))
            .map_or(0, |archive| archive.published_size().get());
        let alarm = relay
            .and_then(|relay| relay.archive(archive))
            .and_then(|archive| archive.stopped().map(ToString::to_string));
        if let Some(alarm) = alarm {
            self.surprised("QUIET", format!("the relay stopped: {alarm}"));
        }
        let mut current = published > 0;
        if current && published != self.log.size() as u64 {
            match self.log.look(&self.watcher).await {
                Ok(Ok(())) => {}
                Ok(Err(wrong)) => self.surprised("NOTHING-ALTERED", wrong),
                Err(_) => current = false,
            }
        }
        let root = self.log.root();
        let mut state = format!(
            "{line} | log {} {}",
            self.log.size(),
            canonical::hex(&root.as_bytes()[..6])
        );
        for at in self.touched.clone() {
            state += &self.agents[at].summary();
        }
        self.trace.push(state);
        if let Some(surprise) = self.surprise.take() {
            return Err(surprise);
        }
        // What parties know is compared with the log when that can be seen again.
        if !current {
            return Ok(());
        }
        for (name, holds) in invariants::ALL {
            if let Err(detail) = holds(self) {
                return Err(Violation {
                    invariant: (*name).to_owned(),
                    detail,
                });
            }
        }
        self.touched.clear();
        Ok(())
    }

    pub(super) fn surprised(&mut self, invariant: &str, detail: String) {
        self.surprise.get_or_insert(Violation {
            invariant: invariant.to_owned(),
            detail,
        });
    }

    async fn act(&mut self, action: &str, draw: &mut Draw) -> String {
        match action {
            "time" => self.time(draw),
            "capture" => {
                let at = self.some_agent(draw);
                self.agents[at].told.happened += draw.below(3);
                self.start_agent(at) + &self.capture(at)
            }
            "deliver" => {
                let at = self.some_agent(draw);
                self.start_agent(at) + &self.agent_delivers(at).await
            }
            "control" => {
                let at = self.some_agent(draw);
                self.start_agent(at) + &self.agent_control(at).await
            }
            "collect" => {
                let at = self.some_agent(draw);
                self.start_agent(at) + &self.agent_collects(at).await
            }
            "heartbeat" => {
                let at = self.some_agent(draw);
                self.start_agent(at) + &self.heartbeat(at)
            }
            "vault" => self.start_vault() + &self.vault_steps().await,
            "owner" => self.owner_posts().await,
            "late" => format!("{} requests", self.network.deliver_late(draw).await),
            "weather" => self.change_weather(draw),
            "kill agent" => {
                let at = self.some_agent(draw);
                self.kill_agent(at).await
            }
            "kill vault" => {
                drop(self.vault.take());
                "down".to_owned()
            }
            "kill relay" => {
                self.relay.disk.kill();
                self.stop_relay().await;
                "down".to_owned()
            }
            "kill witness" => match draw.one_of(&self.witnesses) {
                Some(seat) => {
                    seat.stop();
                    "down".to_owned()
                }
                None => "there is none".to_owned(),
            },
            "start" => self.start_everybody().await,
            "agent's disk" => {
                let at = self.some_agent(draw);
                let disk = &self.agents[at].disk;
                disk.fail_in(draw.below(8), Fault::Failed, draw.chance(600));
                format!("of {at} will fail")
            }
            "relay's disk" => {
                let fault = [Fault::Failed, Fault::Persisted, Fault::Torn]
                    [usize::try_from(draw.below(3)).unwrap_or(0)];
                let deadly = draw.chance(600);
                self.relay.disk.fail_in(draw.below(12), fault, deadly);
                format!("{fault:?}, deadly: {deadly}")
            }
            "full agent" => {
                let at = self.some_agent(draw);
                let full = !self.agents[at].disk.is_full();
                self.agents[at].disk.set_full(full);
                format!("{at}: {full}")
            }
            "full relay" => {
                let full = !self.relay.disk.is_full();
                self.relay.disk.set_full(full);
                format!("{full}")
            }
            "vault's disk" => {
                let deadly = draw.chance(600);
                let disk = &self.vault.disk;
                disk.fail_in(draw.below(24), Fault::Failed, deadly);
                format!("deadly: {deadly}")
            }
            "full vault" => {
                let full = !self.vault.disk.is_full();
                self.vault.disk.set_full(full);
                format!("{full}")
            }
            "full witness" => match draw.one_of(&self.witnesses) {
                Some(seat) => {
                    let full = !seat.is_full();
                    seat.set_full(full);
                    format!("{full}")
                }
                None => "there is none".to_owned(),
            },
            "hide objects" => {
                let hidden = draw.chance(500);
                self.relay.disk.hide(hidden);
                format!("{hidden}")
            }
            "clock" => self.clock(draw),
            "copy" => self.copy(draw).await,
            "enrol" => self.enrol(draw),
            "revoke" => self.revoke(draw),
            _ => self.epoch(draw),
        }
    }

    fn some_agent(&self, draw: &mut Draw) -> usize {
        usize::try_from(draw.below(self.agents.len() as u64)).unwrap_or(0)
    }

    fn time(&mut self, draw: &mut Draw) -> String {
        let passed = match draw.below(100) {
            0..70 => i64::try_from(draw.below(10 * 60)).unwrap_or(0) * SECOND,
            70..97 => i64::try_from(draw.below(150)).unwrap_or(0) * MINUTE,
            _ => i64::try_from(draw.below(36)).unwrap_or(0) * HOUR,
        };
        self.time_passes(passed);
        format!("{} s pass", passed / SECOND)
    }

    fn time_passes(&mut self, milliseconds: i64) {
        self.time.pass(milliseconds);
        self.relay.clock.step(milliseconds);
        for seat in &self.witnesses {
            seat.clock.step(milliseconds);
        }
        self.vault.set_clock();
    }

    fn clock(&mut self, draw: &mut Draw) -> String {
        // A clock that was off is right again before it jumps anew.
        let jump = |draw: &mut Draw, was: i64| {
            if was != 0 {
                return 0;
            }
            let far = i64::try_from(draw.below(JUMP)).unwrap_or(0) * MINUTE;
            if draw.chance(500) { far } else { -far }
        };
        match draw.below(4) {
            0 => {
                let off = jump(draw, self.relay.off);
                self.set_relay_clock(off);
                format!("the relay's is {} s off", off / SECOND)
            }
            1 => {
                let off = jump(draw, self.vault.time.off());
                self.vault.time.put_off(off);
                self.vault.set_clock();
                format!("the vault's is {} s off", off / SECOND)
            }
            2 if self.witnesses.is_empty() => "there is none".to_owned(),
            2 => {
                let at = usize::try_from(draw.below(self.witnesses.len() as u64)).unwrap_or(0);
                let off = jump(draw, self.witnesses_off[at]);
                self.set_witness_clock(at, off);
                format!("that of witness {at} is {} s off", off / SECOND)
            }
            _ => {
                let at = self.some_agent(draw);
                let off = jump(draw, self.agents[at].time.off());
                self.agents[at].time.put_off(off);
                format!("that of {at} is {} s off", off / SECOND)
            }
        }
    }

    fn set_relay_clock(&mut self, off: i64) {
        self.relay.clock.step(off - self.relay.off);
        self.relay.off = off;
    }

    fn set_witness_clock(&mut self, at: usize, off: i64) {
        self.witnesses[at].clock.step(off - self.witnesses_off[at]);
        self.witnesses_off[at] = off;
    }

    fn change_weather(&mut self, draw: &mut Draw) -> String {
        self.weather = if draw.chance(400) {
            Weather::default()
        } else {
            Weather {
                lost: draw.below(150),
                unanswered: draw.below(150),
                twice: draw.below(60),
                late: draw.below(60),
                cut: draw.below(100),
            }
        };
        self.witness_loss = draw.below(300);
        self.network.set_weather(self.weather);
        format!("{:?}", self.weather)
    }

    fn new_agent(&mut self, follows: Option<usize>) {
        let number = self.agents.len() as u64;
        let name = format!("a{number}");
        let seed = self.seed.wrapping_mul(1_000).wrapping_add(number);
        let folder = self.folder.join(format!("agent-{number}"));
        let genesis = self.owner.genesis().clone();
        let agent = AgentHost::new(folder, &name, &genesis, self.time.another(), seed);
        let now = self.time.now();
        let follows = follows.map(|at| {
            let signer = self.agents[at].signer();
            (signer, SequenceNumber::new(self.log.next(&signer)))
        });
        self.owner.enrol(&agent.key(), Role::Agent, follows, now);
        self.agents.push(agent);
    }

    fn enrol(&mut self, draw: &mut Draw) -> String {
        if self.agents.len() >= AGENTS {
            return "there are enough".to_owned();
        }
        let cloned: Vec<usize> = (0..self.agents.len())
            .filter(|at| self.agents[*at].copied)
            .collect();
        let follows = draw.one_of(&cloned).copied();
        self.new_agent(follows);
        format!("a new agent, following {follows:?}")
    }

    fn revoke(&mut self, draw: &mut Draw) -> String {
        if self.agents.len() < 2 {
            return "the only agent stays".to_owned();
        }
        let at = self.some_agent(draw);
        let signer = self.agents[at].signer();
        let now = self.time.now();
        let how = if draw.chance(500) {
            let until = i64::try_from(draw.below(12)).unwrap_or(0) * HOUR;
            Revocation::Retired(now.plus(until))
        } else {
            let next = self.log.next(&signer);
            Revocation::Compromised(SequenceNumber::new(next.saturating_sub(draw.below(4))))
        };
        self.owner.revoke(signer, how, now);
        format!("{at}: {how:?}")
    }

    fn epoch(&mut self, draw: &mut Draw) -> String {
        let now = self.time.now();
        let length = i64::try_from(1 + draw.below(72)).unwrap_or(1) * HOUR;
        self.owner.publish_epoch(Some((now, now.plus(length))), now);
        format!("for {} h", length / HOUR)
    }

    async fn copy(&mut self, draw: &mut Draw) -> String {
        if self.agents.len() >= AGENTS {
            return "there are enough".to_owned();
        }
        let at = self.some_agent(draw);
        self.kill_agent(at).await;
        let number = self.agents.len() as u64;
        let folder = self.folder.join(format!("agent-{number}"));
        let name = self.agents[at].name.clone();
        let seed = self.seed.wrapping_mul(1_000).wrapping_add(number);
        let mut copy = self.agents[at].copy(folder, &name, seed);
        // It has promised what the first had promised when it was copied.
        copy.told = Told {
            happened: self.agents[at].told.happened,
            ..self.agents[at].told.clone()
        };
        copy.let_go = self.agents[at].let_go;
        self.agents.push(copy);
        format!("{at} is copied to {number}")
    }

    async fn owner_posts(&mut self) -> String {
        let waiting = self.owner.waiting();
        if waiting.is_empty() {
            return "nothing waits".to_owned();
        }
        let archive = self.owner.genesis().archive_id();
        let clock = self.time.clone();
        let key = wire::SignerKey::from_seed(&seed_of(self.seed, "root", 0)).unwrap();
        let line = Line::new(&self.network, archive, key, move || clock.now());
        let posted = self.network.until_killed(line.post_entries(&waiting)).await;
        match posted {
            None => "the owner is killed".to_owned(),
            Some(Err(failure)) => format!("{failure}"),
            Some(Ok(answer)) => {
                self.owner.logged(answer.receipts().len());
                if let Some(refusal) = answer.refusal()
                    && refusal.code() != RefusalCode::TooBusy
                {
                    self.surprised("QUIET", format!("the owner's act was refused: {refusal}"));
                }
                format!("{} logged", answer.receipts().len())
            }
        }
    }

    async fn start_relay(&mut self) -> String {
        if self.network.relay().is_some() {
            return String::new();
        }
        match self.relay.open(&self.owner).await {
            Ok(relay) => {
                self.network.set_relay(Some(Arc::new(relay)));
                " the relay is up".to_owned()
            }
            Err(error) if self.relay.disk.is_full() => format!(" the relay is not up: {error}"),
            Err(error) => {
                let source = std::error::Error::source(&error).map(ToString::to_string);
                self.surprised("STARTS-AGAIN", format!("the relay: {error}: {source:?}"));
                String::new()
            }
        }
    }

    async fn stop_relay(&mut self) {
        let Some(relay) = self.network.set_relay(None) else {
            return;
        };
        if let Some(relay) = Arc::<OpenRelay>::into_inner(relay) {
            relay.shutdown().await;
        }
    }

    async fn start_everybody(&mut self) -> String {
        for seat in &self.witnesses {
            if !seat.is_up() {
                seat.start(&self.owner);
            }
        }
        let mut outcome = self.start_relay().await;
        for at in 0..self.agents.len() {
            outcome += &self.start_agent(at);
        }
        outcome + &self.start_vault()
    }

    /// A relay that was killed at a write is started again, at once or by a later step.
    async fn after_kill(&mut self, draw: &mut Draw) -> String {
        if !self.relay.disk.is_dead() || self.network.relay().is_none() {
            return String::new();
        }
        self.stop_relay().await;
        if draw.chance(500) {
            return " (the relay is killed)".to_owned();
        }
        " (the relay is killed)".to_owned() + &self.start_relay().await
    }

    async fn kill_agent(&mut self, at: usize) -> String {
        self.touched.insert(at);
        if let Some(courier) = self.agents[at].take_courier() {
            let agent = Arc::clone(courier.agent());
            drop(courier);
            gone(agent).await;
        }
        format!("{at} is down")
    }

    fn start_agent(&mut self, at: usize) -> String {
        self.touched.insert(at);
        let full = self.agents[at].disk.is_full();
        match self.agents[at].start(&self.network) {
            Ok(()) => format!("{at}: "),
            Err(error) if full => format!("{at} does not start: {error}: "),
            Err(error) => {
                let source = std::error::Error::source(&error).map(ToString::to_string);
                self.surprised("STARTS-AGAIN", format!("agent {at}: {error}: {source:?}"));
                String::new()
            }
        }
    }

    fn capture(&mut self, at: usize) -> String {
        let Some(agent) = self.agents[at].agent().cloned() else {
            return "down".to_owned();
        };
        let before = agent.spool().tip().unwrap().next.number.get();
        let captured = self.agents[at].capture();
        match captured {
            Ok(None) => "nothing new".to_owned(),
            Ok(Some((event, kept))) => {
                let after = agent.spool().tip().unwrap().next.number.get();
                if kept.new > 0 {
                    self.agents[at].told.entries.insert(event, before..after);
                }
                format!("event {event}, {} new", kept.new)
            }
            Err(error) if is_full(&error) || is_without_epoch(&error) => format!("{error}"),
            Err(error) => {
                // After a failure of the disk the agent starts again and sees what is there.
                drop(agent);
                drop(self.agents[at].take_courier());
                format!("{error}, and is started again")
            }
        }
    }

    fn heartbeat(&mut self, at: usize) -> String {
        let Some(agent) = self.agents[at].agent().cloned() else {
            return "down".to_owned();
        };
        let account = self.agents[at].account();
        let states: Vec<_> = account
            .into_iter()
            .map(|account| (account, CaptureState::Connected))
            .collect();
        match agent.heartbeat(&states) {
            Ok(entries) => format!("{entries} heartbeat"),
            Err(error) if error.is_full() => format!("{error}"),
            Err(error) => {
                drop(agent);
                drop(self.agents[at].take_courier());
                format!("{error}, and is started again")
            }
        }
    }

    async fn agent_delivers(&mut self, at: usize) -> String {
        let Some(mut courier) = self.agents[at].take_courier() else {
            return "down".to_owned();
        };
        let agent = Arc::clone(courier.agent());
        let mut steps = 0;
        let work = async {
            loop {
                match courier.step().await {
                    Ok(
                        CourierStep::Idle
                        | CourierStep::Paused(_)
                        | CourierStep::Failed
                        | CourierStep::Revoked,
                    ) => {
                        return Ok(courier);
                    }
                    Ok(_) => steps += 1,
                    Err(error) => return Err((error, courier)),
                }
            }
        };
        let done = self.network.until_killed(work).await;
        match done {
            None => {
                gone(agent).await;
                "killed".to_owned()
            }
            Some(Ok(courier)) => {
                let halt = courier.halt().cloned();
                self.agents[at].put_courier(courier);
                format!("{steps} steps, {halt:?}")
            }
            Some(Err((error, courier))) => self.courier_failed(at, &error, courier),
        }
    }

    fn courier_failed(
        &mut self,
        at: usize,
        error: &CourierError,
        courier: capture::Courier<Line>,
    ) -> String {
        if matches!(error, CourierError::Spool(error) if error.is_full()) {
            self.agents[at].put_courier(courier);
            return format!("{error}");
        }
        drop(courier);
        format!("{error}, and is started again")
    }

    async fn agent_control(&mut self, at: usize) -> String {
        let Some(mut courier) = self.agents[at].take_courier() else {
            return "down".to_owned();
        };
        let agent = Arc::clone(courier.agent());
        let work = async {
            let read = courier.read_control().await;
            (read, courier)
        };
        match self.network.until_killed(work).await {
            None => {
                gone(agent).await;
                "killed".to_owned()
            }
            Some((Ok(read), courier)) => {
                self.agents[at].put_courier(courier);
                format!("{read} acts")
            }
            Some((Err(error), courier)) => self.disbelieved(at, &error, courier),
        }
    }

    async fn agent_collects(&mut self, at: usize) -> String {
        let Some(mut courier) = self.agents[at].take_courier() else {
            return "down".to_owned();
        };
        let agent = Arc::clone(courier.agent());
        let work = async {
            let collected = courier.collect_stored().await;
            (collected, courier)
        };
        match self.network.until_killed(work).await {
            None => {
                gone(agent).await;
                "killed".to_owned()
            }
            Some((Ok(dropped), courier)) => {
                self.agents[at].put_courier(courier);
                format!("{dropped} let go")
            }
            Some((Err(error), courier)) => self.disbelieved(at, &error, courier),
        }
    }

    fn disbelieved(
        &mut self,
        at: usize,
        error: &BeliefError,
        courier: capture::Courier<Line>,
    ) -> String {
        match error {
            BeliefError::Own(own) => return self.courier_failed(at, own, courier),
            BeliefError::Control(capture::ControlError::Spool(own)) if !own.is_full() => {
                drop(courier);
                return format!("{own}, and is started again");
            }
            BeliefError::Relay(_)
            | BeliefError::Answer(_)
            | BeliefError::Control(capture::ControlError::Spool(_)) => {}
            // The vault is not known to an agent that has not read so far.
            BeliefError::Entry(wire::verify::ControlReadError::Refused(_)) => {}
            other => {
                let mut text = other.to_string();
                let mut source = std::error::Error::source(other);
                while let Some(inner) = source {
                    text = format!("{text}: {inner}");
                    source = inner.source();
                }
                self.surprised("QUIET", format!("agent {at} does not believe: {text}"));
            }
        }
        self.agents[at].put_courier(courier);
        format!("{error}")
    }

    fn start_vault(&mut self) -> String {
        let genesis = self.owner.genesis().clone();
        match self.vault.start(&self.network, &genesis) {
            Ok(()) => String::new(),
            Err(error) if is_of_the_disk(&error) => format!(" the vault is not up: {error}"),
            Err(error) => {
                let source = std::error::Error::source(&error).map(ToString::to_string);
                self.surprised("STARTS-AGAIN", format!("the vault: {error}: {source:?}"));
                String::new()
            }
        }
    }

    async fn vault_steps(&mut self) -> String {
        let Some(mut locked) = self.vault.take() else {
            return "down".to_owned();
        };
        let mut steps = 0;
        let work = async {
            loop {
                match locked.step().await {
                    Ok(step) if step.more && steps < 8 => steps += 1,
                    done => return (done, locked),
                }
            }
        };
        match self.network.until_killed(work).await {
            None => "killed".to_owned(),
            // Killed at a write.
            Some((done, locked)) if self.vault.disk.is_dead() => {
                drop(locked);
                match done {
                    Ok(_) | Err(StepError::Relay(_)) => {}
                    Err(error) if is_of_the_disk(&error) => {}
                    Err(error) => self.surprised("QUIET", format!("the vault: {error:?}")),
                }
                "killed at a write".to_owned()
            }
            Some((done, locked)) => {
                self.vault.put(locked);
                match done {
                    Ok(step) => format!("{} entries, stored {}", step.size, step.stored),
                    Err(StepError::Relay(error)) => format!("{error}"),
                    // The next step goes on from there.
                    Err(error) if is_of_the_disk(&error) => format!("{error}"),
                    Err(error) => {
                        self.surprised("QUIET", format!("the vault: {error:?}"));
                        String::new()
                    }
                }
            }
        }
    }
}

impl AgentHost {
    fn summary(&self) -> String {
        let Some(agent) = self.agent() else {
            return format!(" | {} down", self.name);
        };
        let spool = agent.spool();
        match (spool.tip(), spool.counts()) {
            (Ok(tip), Ok(counts)) => format!(
                " | {} {}/{}/{}",
                self.name, counts.waiting, counts.receipted, tip.next.number
            ),
            _ => format!(" | {} ?", self.name),
        }
    }
}

/// Returns when nothing holds the agent any more: its folder can be opened again.
async fn gone(agent: Arc<Agent>) {
    while Arc::strong_count(&agent) > 1 {
        let _ = tokio::task::spawn_blocking(|| ()).await;
    }
}

fn is_full(error: &LiveError) -> bool {
    match error {
        LiveError::Conversation(error) => error.is_full(),
        LiveError::Spool(error) => error.is_full(),
        _ => false,
    }
}

fn is_without_epoch(error: &LiveError) -> bool {
    use capture::ConversationError;
    matches!(
        error,
        LiveError::Conversation(ConversationError::Keep(KeepError::NoEpoch(_)))
    )
}
