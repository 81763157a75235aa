//! The parties of a simulated world: each with a folder, a clock and a disk of its own, up or down.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::pipe;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use canonical::Milliseconds;
use capture::{
    Agent, ConnectorCommand, Courier, Environment, Happening, Identity, Kept, LiveError, LiveJob,
    Stop, Trust,
};
use connector::kit;
use connector::{Incoming, Position};
use futures_util::future::BoxFuture;
use record::{
    Assurance, Attachment, Conversation, ConversationKind, Envelope, FileHash, Message, Mode,
    NetworkName, Original, Participant, ParticipantId, Participants, Record, Source, TextId,
    Time as RecordTime,
};
use relay::state::SqliteState;
use relay::store::{FolderLog, FolderObjects};
use relay::witness::{OpenWitness, WitnessConfig};
use relay::{ArchiveConfig, Clock, OpenRelay, Rate, Relay, RelayConfig, Stores, WitnessLine};
use seal::Randomness;
use testkit::Seeded;
use tlog::{KeyName, SigningSeed};
use vault::follow::{Locked, StepError, VaultFolder};
use wire::{Genesis, RetentionClass, SignerId, SignerKey, TlsIdentity};

use super::draw::Draw;
use super::faults::Disk;
use super::network::{Line, Network};
use super::owner::{Owner, seed_of, witness_key, witness_name};
use crate::source::hello;

const NETWORK: &str = "test";
const CUSTODIAN: &str = "c-17";
/// One event in so many has an attachment.
const FILES_EVERY: u64 = 6;

/// The world's time, and how far one party's clock is off.
#[derive(Clone, Debug)]
pub struct Time {
    world: Arc<AtomicI64>,
    off: Arc<AtomicI64>,
}

impl Time {
    /// Begins at `start`, with a clock that is right.
    #[must_use]
    pub fn starting(start: i64) -> Self {
        Self {
            world: Arc::new(AtomicI64::new(start)),
            off: Arc::default(),
        }
    }

    /// Another party's clock in the same world, right for now.
    #[must_use]
    pub fn another(&self) -> Self {
        Self {
            world: Arc::clone(&self.world),
            off: Arc::default(),
        }
    }

    /// What this clock shows.
    #[must_use]
    pub fn now(&self) -> Milliseconds {
        Milliseconds::new(self.world.load(Ordering::SeqCst) + self.off.load(Ordering::SeqCst))
    }

    /// Time goes by for everybody.
    pub fn pass(&self, milliseconds: i64) {
        self.world.fetch_add(milliseconds, Ordering::SeqCst);
    }

    /// Puts this clock so far off.
    pub fn put_off(&self, milliseconds: i64) {
        self.off.store(milliseconds, Ordering::SeqCst);
    }

    /// How far it is off.
    #[must_use]
    pub fn off(&self) -> i64 {
        self.off.load(Ordering::SeqCst)
    }
}

thread_local! {
    static VAULT_TIME: Cell<i64> = const { Cell::new(0) };
}

/// The clock of the vault whose turn it is in this thread.
#[must_use]
pub fn vault_time() -> Milliseconds {
    Milliseconds::new(VAULT_TIME.get())
}

/// Removes an agent's or vault's folder and puts a copy in its place.
pub(super) fn copy_folder(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    std::fs::create_dir_all(to).unwrap();
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        let target = to.join(file.file_name());
        if file.file_type().unwrap().is_dir() {
            copy_folder(&file.path(), &target);
        } else {
            std::fs::copy(file.path(), target).unwrap();
        }
    }
}

/// What an agent was told by its source and has told to be durable.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// Events that have happened, numbered from 1.
    pub happened: u64,
    /// Events that the connector was told to be durable.
    pub durable: u64,
    /// The entries that an event became, where that is known.
    pub entries: BTreeMap<u64, Range<u64>>,
    /// The number of the next entry, when it was seen last.
    pub next: u64,
}

/// An agent on a machine of its own.
pub struct AgentHost {
    /// Name of its source, in the ids of its records.
    pub name: String,
    /// Its disk.
    pub disk: Disk,
    /// Its clock.
    pub time: Time,
    /// What it has promised.
    pub told: Told,
    /// Another machine holds a copy of its folder, or this one is it.
    pub copied: bool,
    /// Numbers below it were let go, and looked at.
    pub let_go: u64,
    folder: PathBuf,
    signer: SignerId,
    draws: Arc<AtomicU64>,
    courier: Option<Courier<Line>>,
}

impl AgentHost {
    /// Makes an agent's keys in `folder`.
    #[must_use]
    pub fn new(folder: PathBuf, name: &str, genesis: &Genesis, time: Time, seed: u64) -> Self {
        let trust = Trust {
            genesis: genesis.clone(),
            relay: "https://localhost:1".to_owned(),
            pin: TlsIdentity::from_bytes([0; 32]),
        };
        let identity = Identity::create(&folder, &trust, &mut Seeded::new(seed)).unwrap();
        Self {
            name: name.to_owned(),
            disk: Disk::default(),
            time,
            told: Told::default(),
            copied: false,
            let_go: 0,
            signer: identity.signer().id(),
            folder,
            draws: Arc::new(AtomicU64::new(seed << 20)),
            courier: None,
        }
    }

    /// The agent on a second machine, from a copy of its folder. The first must be down.
    #[must_use]
    pub fn copy(&mut self, folder: PathBuf, name: &str, seed: u64) -> Self {
        copy_folder(&self.folder, &folder);
        self.copied = true;
        Self {
            name: name.to_owned(),
            disk: Disk::default(),
            time: self.time.another(),
            told: Told::default(),
            copied: true,
            let_go: 0,
            signer: self.signer,
            folder,
            draws: Arc::new(AtomicU64::new(seed << 20)),
            courier: None,
        }
    }

    /// Its signer id.
    #[must_use]
    pub fn signer(&self) -> SignerId {
        self.signer
    }

    /// Its signing key.
    #[must_use]
    pub fn key(&self) -> SignerKey {
        Identity::open(&self.folder).unwrap().signer_key().unwrap()
    }

    /// The agent, if it is up.
    #[must_use]
    pub fn agent(&self) -> Option<&Arc<Agent>> {
        self.courier.as_ref().map(Courier::agent)
    }

    /// The courier, if the agent is up.
    #[must_use]
    pub fn courier(&self) -> Option<&Courier<Line>> {
        self.courier.as_ref()
    }

    /// Takes the courier out; whoever does puts it back, or the agent is down.
    pub fn take_courier(&mut self) -> Option<Courier<Line>> {
        self.courier.take()
    }

    /// Puts the courier back.
    pub fn put_courier(&mut self, courier: Courier<Line>) {
        self.courier = Some(courier);
    }

    /// Starts the agent; says whether it is up.
    pub fn start(&mut self, network: &Arc<Network>) -> Result<(), capture::AgentError> {
        if self.courier.is_some() {
            return Ok(());
        }
        self.disk.revive();
        let identity = Identity::open(&self.folder).unwrap();
        let (archive, key) = (identity.archive(), Arc::clone(identity.signer()));
        let (clock, draws) = (self.time.clone(), Arc::clone(&self.draws));
        let environment = Environment::new(
            move || clock.now(),
            move || {
                Box::new(Seeded::new(draws.fetch_add(1, Ordering::SeqCst)))
                    as Box<dyn Randomness + Send>
            },
        )
        .with_points(Arc::new(self.disk.clone()));
        let agent = Agent::open(identity, environment)?;
        let clock = self.time.clone();
        let line = Line::new(network, archive, key, move || clock.now());
        self.courier = Some(Courier::new(Arc::new(agent), line));
        Ok(())
    }

    /// One event of the source, behind the agent's position, is captured. Gives what was kept;
    /// nothing when there is no new event.
    pub fn capture(&mut self) -> Result<Option<(u64, Kept)>, LiveError> {
        let Some(agent) = self.agent().cloned() else {
            return Ok(None);
        };
        let (name, happened, time) = (self.name.clone(), self.told.happened, self.time.clone());
        let emitted = Arc::new(AtomicU64::new(0));
        let (clock, number) = (time.clone(), Arc::clone(&emitted));
        let connect = move |_: &Path| {
            let (input, to) = pipe().unwrap();
            let (from, mut output) = pipe().unwrap();
            std::thread::spawn(move || {
                let work = |context: &mut kit::Context<'_>| {
                    context.hello(hello())?;
                    let last = context
                        .position()
                        .and_then(|position| {
                            Some(u64::from_be_bytes(position.as_bytes().try_into().ok()?))
                        })
                        .unwrap_or(0);
                    let event = last + 1;
                    if event > happened {
                        return Ok(());
                    }
                    let mut records = Vec::new();
                    for part in 0..parts(event) {
                        let record = record(&name, event, part, clock.now());
                        let mut incoming = Incoming::of(&record);
                        if has_file(event, part) {
                            let file = format!("file-{event}");
                            let path = context.folder().join(&file);
                            std::fs::write(path, file_bytes(&name, event)).unwrap();
                            incoming = incoming.with_file(0, file);
                        }
                        records.push(incoming);
                    }
                    number.store(event, Ordering::SeqCst);
                    context.emit(records, Some(Position::new(event.to_be_bytes())))
                };
                kit::run(input, &mut output, || time.now(), work)
            });
            Ok(capture::Line::new(from, to))
        };
        let mut durable = None;
        let captured =
            agent.capture_over(&self.job(), connect, &Stop::default(), None, |happening| {
                if let Happening::Durable(kept) = happening {
                    durable = Some(kept.clone());
                }
            });
        let event = emitted.load(Ordering::SeqCst);
        if let Some(kept) = durable {
            self.told.durable = self.told.durable.max(event);
            return captured.map(|()| Some((event, kept)));
        }
        captured.map(|()| None)
    }

    fn job(&self) -> LiveJob {
        LiveJob {
            connector: ConnectorCommand::new("/is/not/run"),
            network: NETWORK.to_owned(),
            account: format!("tel:{}", self.name),
            custodian: CUSTODIAN.to_owned(),
            settings: Vec::new(),
            class: RetentionClass::new(0),
        }
    }

    /// The opaque handle of its account.
    #[must_use]
    pub fn account(&self) -> Option<wire::AccountHandle> {
        let agent = self.agent()?;
        Some(agent.handle(NETWORK, &format!("tel:{}", self.name)))
    }
}

/// How many records an event brings.
#[must_use]
pub(super) fn parts(event: u64) -> u64 {
    1 + event % 2
}

fn has_file(event: u64, part: u64) -> bool {
    event % FILES_EVERY == 2 && part == 0
}

fn file_bytes(name: &str, event: u64) -> Vec<u8> {
    let line = format!("attachment of {name} {event}\n");
    line.into_bytes().into_iter().cycle().take(700).collect()
}

/// The id that a record has in its network.
#[must_use]
pub(super) fn record_id(name: &str, event: u64, part: u64) -> String {
    format!("{name}/{event}/{part}")
}

/// A record of an event.
#[must_use]
pub(super) fn record(name: &str, event: u64, part: u64, captured: Milliseconds) -> Record {
    let id = |text: &str| TextId::new(text).unwrap();
    let source = Source {
        network: NetworkName::new(NETWORK).unwrap(),
        account: id(&format!("tel:{name}")),
        custodian: id(CUSTODIAN),
        connector: id("scenarios/1 generated"),
        assurance: Assurance::Device,
        mode: Mode::Live,
    };
    let envelope = Envelope::builder(
        &source,
        id(&format!("chat-{}", event % 3)),
        id(&record_id(name, event, part)),
        RecordTime::utc(captured),
    );
    let sender = Participant::new(ParticipantId::new("name", "Claire").unwrap());
    let participants = Participants {
        sender: Some(sender),
        ..Participants::of(Conversation::new(ConversationKind::Group))
    };
    let attachments = if has_file(event, part) {
        let bytes = file_bytes(name, event);
        let hash = FileHash::from_bytes(canonical::sha256(&bytes));
        vec![Attachment::new(bytes.len() as u64, hash)]
    } else {
        Vec::new()
    };
    let original = Original::inline("text/plain", format!("original of {name} {event} {part}"));
    let body = Message::plain(format!("what {name} wrote: {event} {part}"));
    Record::new(envelope, participants, body, Some(original), attachments).unwrap()
}

/// A witness on a machine of its own, and the relay's way to it.
#[derive(Debug)]
pub struct WitnessSeat {
    seed: u64,
    number: u64,
    folder: PathBuf,
    /// Its clock.
    pub clock: Clock,
    open: Mutex<Option<OpenWitness>>,
    chance: Mutex<(Draw, u64)>,
}

impl WitnessSeat {
    /// A witness that is down.
    #[must_use]
    pub fn new(seed: u64, number: u64, folder: &Path, start: i64) -> Arc<Self> {
        Arc::new(Self {
            seed,
            number,
            folder: folder.join(format!("witness-{number}.db")),
            clock: Clock::stepped(Milliseconds::new(start)),
            open: Mutex::default(),
            chance: Mutex::new((Draw::of(0, 0, 0), 0)),
        })
    }

    /// Starts it, over what it remembers.
    pub fn start(&self, owner: &Owner) {
        let witness = relay::witness::open(WitnessConfig {
            listen: "127.0.0.1:0".parse().unwrap(),
            tls: None,
            memory: self.folder.clone(),
            name: KeyName::new(&witness_name(self.number)).unwrap(),
            seed: SigningSeed::from_bytes(seed_of(self.seed, "witness", self.number)),
            logs: vec![(owner.origin(), vec![owner.log_key()])],
            address_requests: Rate {
                per_second: 1_000_000,
                burst: 1_000_000,
            },
            clock: self.clock.clone(),
        })
        .unwrap();
        *self.open.lock().unwrap() = Some(witness);
    }

    /// Its disk is full, or has room again: what it would remember is refused by its own database.
    pub fn set_full(&self, full: bool) {
        let database = rusqlite::Connection::open(&self.folder).unwrap();
        let change = if full {
            "CREATE TRIGGER IF NOT EXISTS full BEFORE INSERT ON last
             BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
        } else {
            "DROP TRIGGER IF EXISTS full"
        };
        database.execute_batch(change).unwrap();
    }

    /// Whether its disk is full.
    #[must_use]
    pub fn is_full(&self) -> bool {
        let database = rusqlite::Connection::open(&self.folder).unwrap();
        database
            .query_row(
                "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger'",
                [],
                |row| row.get::<_, i64>(0),
            )
            .unwrap()
            > 0
    }

    /// Kills it.
    pub fn stop(&self) {
        *self.open.lock().unwrap() = None;
    }

    /// Whether it is up.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.open.lock().unwrap().is_some()
    }

    /// In the next step so many of a thousand calls get lost.
    pub fn begin_step(&self, draw: Draw, lost: u64) {
        *self.chance.lock().unwrap() = (draw, lost);
    }

    async fn ask(&self, body: String) -> Option<http::Response<Bytes>> {
        let (before, after) = {
            let mut chance = self.chance.lock().unwrap();
            let lost = chance.1;
            (chance.0.chance(lost), chance.0.chance(lost))
        };
        if before {
            return None;
        }
        let witness = self.open.lock().unwrap().clone()?;
        let answer = witness.add_checkpoint(body).await;
        answer.filter(|_| !after)
    }
}

impl WitnessLine for WitnessSeat {
    fn add_checkpoint(&self, body: String) -> BoxFuture<'_, Option<http::Response<Bytes>>> {
        Box::pin(self.ask(body))
    }
}

/// The relay's machine.
pub struct RelayHost {
    /// Its disk.
    pub disk: Disk,
    /// Its clock, and how far it is off.
    pub clock: Clock,
    /// How far its clock is off, in milliseconds.
    pub off: i64,
    folder: PathBuf,
    seed: u64,
    witnesses: Vec<Arc<WitnessSeat>>,
}

impl RelayHost {
    /// A relay that is down.
    #[must_use]
    pub fn new(folder: PathBuf, seed: u64, start: i64, witnesses: Vec<Arc<WitnessSeat>>) -> Self {
        Self {
            disk: Disk::default(),
            clock: Clock::stepped(Milliseconds::new(start)),
            off: 0,
            folder,
            seed,
            witnesses,
        }
    }

    /// Where its files lie.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Opens the relay over its folder.
    ///
    /// # Errors
    ///
    /// When a store fails or the log must not be served (SEQ-2).
    pub async fn open(&self, owner: &Owner) -> Result<OpenRelay, relay::StartError> {
        self.disk.revive();
        let mut archive = ArchiveConfig::new(owner.genesis().archive_id(), owner.log_seed());
        for (number, seat) in self.witnesses.iter().enumerate() {
            let seat: Arc<dyn WitnessLine> = Arc::clone(seat) as _;
            archive
                .lines
                .push((witness_key(self.seed, number as u64), seat));
        }
        let mut config = RelayConfig::in_folder(self.folder.clone());
        config.archives.push(archive);
        config.clock = self.clock.clone();
        // No timer of the relay ever fires: whatever it does follows from what it is asked.
        let never = Duration::from_secs(86_400);
        config.sequencing.interval = Duration::ZERO;
        config.sequencing.quiet = Duration::ZERO;
        config.sequencing.witness_wait = never;
        config.sequencing.cosign_again = never;
        config.sequencing.heal_again = never;
        let (folder, disk) = (self.folder.clone(), self.disk.clone());
        let stores = move |_| {
            let stores = Stores {
                log: Arc::new(FolderLog::open(folder.join("log"))?),
                objects: Arc::new(FolderObjects::open(folder.join("objects"))?),
                state: Arc::new(SqliteState::open(&folder.join("state.db"))?),
                uploads: folder.join("uploads"),
            };
            Ok(disk.under(stores))
        };
        Relay::open_with(config, &stores).await
    }
}

/// The vault's machine.
pub struct VaultHost {
    /// Its disk.
    pub disk: Disk,
    /// Its clock.
    pub time: Time,
    folder: VaultFolder,
    key: [u8; 32],
    locked: Option<Locked<Line>>,
}

impl VaultHost {
    /// A vault that is down.
    #[must_use]
    pub fn new(folder: PathBuf, seed: u64, time: Time) -> Self {
        let disk = Disk::default();
        Self {
            time,
            folder: VaultFolder::at(folder).asking(Arc::new(disk.clone())),
            disk,
            key: seed_of(seed, "vault", 0),
            locked: None,
        }
    }

    /// Its signing key.
    #[must_use]
    pub fn key(&self) -> SignerKey {
        SignerKey::from_seed(&self.key).unwrap()
    }

    /// Where its files lie.
    #[must_use]
    pub fn folder(&self) -> &VaultFolder {
        &self.folder
    }

    /// The locked part, if it is up.
    #[must_use]
    pub fn locked(&self) -> Option<&Locked<Line>> {
        self.locked.as_ref()
    }

    /// Takes the locked part out; whoever does puts it back, or the vault is down.
    pub fn take(&mut self) -> Option<Locked<Line>> {
        self.set_clock();
        self.locked.take()
    }

    /// Puts the locked part back.
    pub fn put(&mut self, locked: Locked<Line>) {
        self.locked = Some(locked);
    }

    /// Starts the vault.
    ///
    /// # Errors
    ///
    /// When its files can not be opened or do not verify.
    pub fn start(&mut self, network: &Arc<Network>, genesis: &Genesis) -> Result<(), StepError> {
        if self.locked.is_some() {
            return Ok(());
        }
        self.disk.revive();
        self.set_clock();
        let clock = self.time.clone();
        let line = Line::new(network, genesis.archive_id(), self.key(), move || {
            clock.now()
        });
        self.locked = Some(Locked::open(
            &self.folder,
            genesis.clone(),
            self.key(),
            line,
            vault_time,
        )?);
        Ok(())
    }

    /// This thread's vault has this vault's clock.
    pub fn set_clock(&self) {
        VAULT_TIME.set(self.time.now().get());
    }
}
