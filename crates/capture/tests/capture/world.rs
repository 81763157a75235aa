//! An archive with its owner, a log in memory, and an agent.

use std::collections::HashMap;
use std::convert::Infallible;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use canonical::Milliseconds;
use capture::spool::{ObjectPlace, WritePoints};
use capture::{Agent, Environment, Identity, Relay, RelayFailure, Trust};
use seal::{ForRecords, OpenedBatch, OpeningKey, Randomness};
use tlog::{
    Checkpoint, ConsistencyProof, Hash, KeyName, LogIndex, LogSigner, Origin, Prover,
    SignedCheckpoint, SigningSeed, Tile, TileEdge, TileReader, TileSet,
};
use wire::api::{ControlPage, LoggedLeaf, MailPage, PostAnswer, SignerAnswer};
use wire::authority::{Admitted, Authority, Outcome, Past};
use wire::verify::{Follower, ReadLeaf, VerifiedEntry, receipt};
use wire::{
    Act, AdmittedAt, Body, ChainPosition, Control, ControlNumber, Enrol, Entry, EntryDraft,
    EntryId, EpochUse, Genesis, GenesisNonce, Kind, Leaf, ObjectHash, PublishedEpoch, Recipients,
    Refusal, RefusalCode, RetentionClass, Revocation, Revoke, Role, Seen, SequenceNumber, SignerId,
    SignerKey, Stored, TlsIdentity, WitnessPolicy, XWingKey,
};

pub const NOW: i64 = 1_790_000_000_000;

/// SHA-256 of a seed and a counter.
pub struct Seeded(u64, u64);

impl Seeded {
    pub fn new(seed: u64) -> Self {
        Self(seed, 0)
    }

    pub fn below(&mut self, most: u64) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_be_bytes(bytes) % most
    }
}

impl Randomness for Seeded {
    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            self.1 += 1;
            let block = [self.0.to_be_bytes(), self.1.to_be_bytes()].concat();
            chunk.copy_from_slice(&canonical::sha256(&block)[..chunk.len()]);
        }
    }
}

/// A clock that is stepped by hand.
#[derive(Clone)]
pub struct Clock(Arc<AtomicI64>);

impl Clock {
    pub fn new() -> Self {
        Self(Arc::new(AtomicI64::new(NOW)))
    }

    pub fn step(&self, milliseconds: i64) {
        self.0.fetch_add(milliseconds, Ordering::SeqCst);
    }

    pub fn now(&self) -> Milliseconds {
        Milliseconds::new(self.0.load(Ordering::SeqCst))
    }
}

/// The owner: root key, opening key, the vault's key.
pub struct Owner {
    pub genesis: Genesis,
    root: SignerKey,
    vault: SignerKey,
    log_seed: [u8; 32],
    pub opening: OpeningKey<ForRecords>,
    chain: Mutex<ChainPosition>,
    vault_chain: Mutex<ChainPosition>,
    acts: Mutex<Vec<Entry>>,
}

impl Owner {
    pub fn new() -> Self {
        let root = SignerKey::from_seed(&[1; 32]).unwrap();
        let log = SignerKey::from_seed(&[2; 32]).unwrap();
        let genesis = Genesis::new(
            root.public(),
            vec![log.public()],
            WitnessPolicy {
                quorum: 0,
                witnesses: vec![],
            },
            Milliseconds::new(NOW - 1_000),
            GenesisNonce::from_bytes([3; 16]),
        )
        .unwrap();
        Self {
            genesis,
            root,
            vault: SignerKey::from_seed(&[4; 32]).unwrap(),
            log_seed: [2; 32],
            opening: OpeningKey::from_seed(&[5; 32]),
            chain: Mutex::new(ChainPosition::FIRST),
            vault_chain: Mutex::new(ChainPosition::FIRST),
            acts: Mutex::default(),
        }
    }

    /// A log with the genesis, the vault and one reserve epoch.
    pub fn found(&self) -> Arc<TestLog> {
        let log = Arc::new(TestLog::new(self.genesis.clone(), &self.log_seed, NOW));
        let first = self.sign(Body::Genesis(self.genesis.clone()));
        self.act(&log, first);
        self.enrol(&log, &self.vault, Role::Vault);
        let epoch = PublishedEpoch {
            id: self.opening.epoch(),
            key: self.opening.recipient().key().clone(),
            class: RetentionClass::new(0),
            usage: EpochUse::Reserve,
            from: Milliseconds::new(0),
            until: Milliseconds::new(i64::MAX / 2),
            keep_until: Milliseconds::new(i64::MAX / 2),
        };
        let epochs = vec![epoch];
        self.control(&log, Act::Recipients(Recipients { epochs }));
        log
    }

    /// The same acts in a new log, as after the loss of a relay.
    pub fn rebuild(&self) -> Arc<TestLog> {
        self.rebuild_up_to(usize::MAX)
    }

    /// The first so many of them.
    pub fn rebuild_up_to(&self, acts: usize) -> Arc<TestLog> {
        // Sequenced later, so that it is another log.
        let log = Arc::new(TestLog::new(self.genesis.clone(), &self.log_seed, NOW + 1));
        for entry in self.acts.lock().unwrap().iter().take(acts) {
            log.admit(entry).unwrap();
        }
        log
    }

    pub fn enrol(&self, log: &TestLog, key: &SignerKey, role: Role) {
        self.enrol_with(log, key, role, None);
    }

    /// Enrols an agent with its mailbox key, so that it can get mail.
    pub fn enrol_agent(&self, log: &TestLog, identity: &Identity) {
        let mailbox = identity.mailbox().recipient().key().clone();
        self.enrol_with(log, identity.signer(), Role::Agent, Some(mailbox));
    }

    fn enrol_with(&self, log: &TestLog, key: &SignerKey, role: Role, mailbox: Option<XWingKey>) {
        self.control(
            log,
            Act::Enrol(Enrol {
                key: key.public(),
                role,
                mailbox,
                follows: None,
                follows_until: None,
                tls: None,
            }),
        );
    }

    /// These keys may act for a purpose, so many of them together.
    pub fn delegate(&self, log: &TestLog, purpose: wire::Purpose, keys: &[&SignerKey], n: u8) {
        let delegate = wire::Delegate {
            purpose,
            keys: keys.iter().map(|key| key.public()).collect(),
            threshold: n,
            until: Milliseconds::new(NOW + 86_400_000_000),
        };
        self.control(log, Act::Delegate(delegate));
    }

    /// Ends the oldest delegation for a purpose.
    pub fn undelegate_first(&self, log: &TestLog, purpose: wire::Purpose) {
        let first = log
            .inner()
            .authority
            .delegations()
            .iter()
            .find(|delegation| delegation.purpose() == purpose)
            .map(wire::authority::Delegation::number);
        let delegation = first.unwrap();
        self.control(
            log,
            Act::Undelegate(wire::Undelegate {
                purpose,
                delegation,
            }),
        );
    }

    /// Mail to an agent, signed by these keys, the first of which carries it at `at`.
    pub fn mail(
        &self,
        log: &TestLog,
        mail: &seal::Mail,
        to: &Identity,
        keys: &[&SignerKey],
        at: &mut ChainPosition,
    ) {
        let recipient = to.mailbox().recipient();
        let body = Body::Mail(wire::Mail {
            addressee: to.signer().id(),
            mailbox: recipient.key().mailbox_hash(),
        });
        let archive = self.genesis.archive_id();
        let draft = EntryDraft::new(archive, keys[0].id(), *at, body, Milliseconds::new(NOW));
        let seed = at.number.get() + 77;
        let (object, entry) =
            seal::seal_mail(mail, recipient, draft, &mut Seeded::new(seed)).unwrap();
        log.inner()
            .objects
            .insert(object.hash(), object.bytes().to_vec());
        let entry = entry.sign(keys).unwrap();
        log.admit(&entry).unwrap();
        *at = ChainPosition {
            number: entry.number().next(),
            previous: entry.id(),
        };
    }

    /// Revokes a signer.
    pub fn revoke(&self, log: &TestLog, signer: SignerId, how: Revocation) {
        self.control(log, Act::Revoke(Revoke { signer, how }));
    }

    /// The root signs the control chain's head.
    pub fn sign_head(&self, log: &TestLog) {
        let head = log.inner().authority.head();
        log.admit(&self.sign(Body::Head(head))).unwrap();
    }

    /// The vault says that it holds everything up to now.
    pub fn store(&self, log: &TestLog) {
        let seen = log.seen();
        let mut at = self.vault_chain.lock().unwrap();
        let body = Body::Stored(Stored { through: seen.size });
        let entry = EntryDraft::new(
            self.genesis.archive_id(),
            self.vault.id(),
            *at,
            body,
            Milliseconds::new(NOW),
        )
        .with_seen(Some(seen))
        .with_objects(vec![])
        .unwrap()
        .sign(&[&self.vault])
        .unwrap();
        log.admit(&entry).unwrap();
        *at = ChainPosition {
            number: entry.number().next(),
            previous: entry.id(),
        };
    }

    fn control(&self, log: &TestLog, act: Act) {
        let head = log.inner().authority.head();
        let entry = self.sign(Body::Control(Control {
            number: head.number.next(),
            previous: head.id,
            act,
        }));
        self.act(log, entry);
    }

    fn act(&self, log: &TestLog, entry: Entry) {
        log.admit(&entry).unwrap();
        self.acts.lock().unwrap().push(entry);
    }

    fn sign(&self, body: Body) -> Entry {
        let mut at = self.chain.lock().unwrap();
        let entry = EntryDraft::new(
            self.genesis.archive_id(),
            self.root.id(),
            *at,
            body,
            Milliseconds::new(NOW),
        )
        .with_objects(vec![])
        .unwrap()
        .sign(&[&self.root])
        .unwrap();
        *at = ChainPosition {
            number: entry.number().next(),
            previous: entry.id(),
        };
        entry
    }
}

/// A log in memory that admits, sequences and proves as a relay does.
pub struct TestLog {
    inner: Mutex<Inner>,
    signer: LogSigner,
    origin: Origin,
    at: AdmittedAt,
    /// Milliseconds that have passed since.
    pub passed: AtomicI64,
}

pub struct Inner {
    pub authority: Authority,
    edge: TileEdge,
    tiles: TileSet,
    pub leaves: Vec<Leaf>,
    roots: Vec<Hash>,
    pub objects: HashMap<ObjectHash, Vec<u8>>,
    taken: HashMap<ObjectHash, EntryId>,
    admitted: HashMap<(SignerId, SequenceNumber), Admitted>,
    /// Entries with this number are refused once for this reason.
    pub refuse: Option<(SequenceNumber, RefusalCode)>,
}

struct LogPast<'a>(&'a Inner);

impl Past for LogPast<'_> {
    type Error = Infallible;

    fn admitted(
        &self,
        signer: &SignerId,
        number: SequenceNumber,
    ) -> Result<Option<Admitted>, Infallible> {
        Ok(self.0.admitted.get(&(*signer, number)).copied())
    }

    fn agrees(&self, seen: &Seen) -> Result<bool, Infallible> {
        let at = seen.size.get().checked_sub(1).unwrap() as usize;
        Ok(self.0.roots.get(at) == Some(&seen.root))
    }
}

impl TestLog {
    fn new(genesis: Genesis, seed: &[u8; 32], at: i64) -> Self {
        let origin = genesis.origin();
        Self {
            signer: LogSigner::new(
                KeyName::new(&origin).unwrap(),
                &SigningSeed::from_bytes(*seed),
            )
            .unwrap(),
            origin: Origin::new(&origin).unwrap(),
            at: AdmittedAt::new(Milliseconds::new(at)).unwrap(),
            passed: AtomicI64::new(0),
            inner: Mutex::new(Inner {
                authority: Authority::new(genesis),
                edge: TileEdge::empty(),
                tiles: TileSet::new(),
                leaves: vec![],
                roots: vec![],
                objects: HashMap::new(),
                taken: HashMap::new(),
                admitted: HashMap::new(),
                refuse: None,
            }),
        }
    }

    pub fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    pub fn seen(&self) -> Seen {
        let inner = self.inner();
        Seen {
            size: inner.edge.size(),
            root: inner.edge.root(),
        }
    }

    fn admit(&self, entry: &Entry) -> Result<LogIndex, Refusal> {
        let mut inner = self.inner();
        if let Some((_, code)) = inner
            .refuse
            .take_if(|(number, _)| *number == entry.number())
        {
            return Err(Refusal::new(code, "the test says so"));
        }
        let signed = entry
            .clone()
            .verify_signatures(|id| inner.authority.key(id))?;
        let passed = self.passed.load(Ordering::SeqCst);
        let at = AdmittedAt::new(self.at.time().plus(passed)).unwrap();
        let outcome = inner
            .authority
            .check(&signed, at, &LogPast(&inner))
            .unwrap();
        let admissible = match outcome {
            Outcome::Admissible(admissible) => admissible,
            Outcome::Same { index } => return Ok(index),
            Outcome::Refused(refusal) => return Err(refusal),
        };
        for object in entry.objects() {
            let there = inner.objects.get(&object.hash);
            if there.map(|bytes| bytes.len() as u64) != Some(object.length.get()) {
                return Err(Refusal::new(RefusalCode::ObjectMissing, "an object"));
            }
            if inner.taken.contains_key(&object.hash) {
                return Err(Refusal::new(RefusalCode::ObjectTaken, "an object"));
            }
        }
        for object in entry.objects() {
            inner.taken.insert(object.hash, entry.id());
        }
        let index = inner.authority.apply(admissible).unwrap().index;
        let admitted = Admitted {
            id: entry.id(),
            index,
        };
        inner
            .admitted
            .insert((entry.signer(), entry.number()), admitted);
        let leaf = Leaf::new(at, entry.clone());
        let grown = inner.edge.grow(&[Hash::leaf(&leaf.to_bytes())]);
        for tile in grown {
            inner.tiles.insert_data(tile);
        }
        let root = inner.edge.root();
        inner.roots.push(root);
        inner.leaves.push(leaf);
        Ok(index)
    }

    fn checkpoint(&self, inner: &Inner) -> SignedCheckpoint {
        let checkpoint = Checkpoint::new(self.origin.clone(), inner.edge.size(), inner.edge.root());
        self.signer.sign(checkpoint).unwrap()
    }

    fn proof(&self, inner: &Inner, index: LogIndex) -> String {
        let inclusion = Prover::new(&inner.tiles, inner.edge.size())
            .inclusion(index)
            .unwrap();
        let leaf = &inner.leaves[index.get() as usize];
        receipt(leaf.admitted_at(), index, inclusion, self.checkpoint(inner))
            .unwrap()
            .to_string()
    }

    fn logged(&self, inner: &Inner, index: usize) -> LoggedLeaf {
        LoggedLeaf {
            index: LogIndex::new(index as u64),
            leaf: inner.leaves[index].to_bytes(),
            proof: self.proof(inner, LogIndex::new(index as u64)),
        }
    }

    /// Follows the whole log as a vault does.
    pub fn follow(&self, genesis: &Genesis) -> Vec<VerifiedEntry> {
        let inner = self.inner();
        let follower = Follower::new(genesis.clone());
        let empty = ConsistencyProof::from_hashes(vec![]).unwrap();
        let note = self.checkpoint(&inner).note().to_string();
        let accepted = follower.accept(note.as_bytes(), &empty).unwrap();
        let mut run = follower.follow(accepted);
        for leaf in &inner.leaves {
            let leaf = ReadLeaf::parse(&leaf.to_bytes()).unwrap();
            run = run.leaf(leaf, &LogPast(&inner)).unwrap();
        }
        run.settle(&empty).unwrap().entries
    }

    /// All batches of the log, opened by the owner.
    pub fn open(&self, owner: &Owner) -> Vec<OpenedBatch> {
        self.follow(&owner.genesis)
            .iter()
            .filter(|entry| entry.entry().kind() == Kind::Batch)
            .map(|entry| {
                let object = entry.entry().objects()[0].hash;
                let bytes = self.inner().objects[&object].clone();
                seal::open_batch(&owner.opening, entry, &bytes).unwrap()
            })
            .collect()
    }

    /// Source ids of all records of the log, in order.
    pub fn source_ids(&self, owner: &Owner) -> Vec<String> {
        self.open(owner)
            .iter()
            .flat_map(|batch| {
                batch
                    .records()
                    .map(|record| {
                        let record = record.unwrap();
                        record.record().envelope().source_id().as_str().to_owned()
                    })
                    .collect::<Vec<_>>()
            })
            .collect()
    }
}

/// What happens to one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    /// The call does not arrive.
    Before,
    /// The call does what it should, and its answer is lost.
    After,
}

/// The log as an agent reaches it, over a network that loses calls by a plan.
pub struct LogRelay {
    pub log: Arc<TestLog>,
    /// It says that it does not know the agent, or that it is revoked; that is so for uploads, mail
    /// and `stored`.
    pub denies: AtomicBool,
    /// Control entries from this number on are not shown.
    pub hides: Mutex<Option<ControlNumber>>,
    pub faults: Box<dyn Fn() -> Fault + Send + Sync>,
    pub calls: AtomicU64,
}

impl LogRelay {
    pub fn new(log: &Arc<TestLog>) -> Self {
        Self::with_faults(log, || Fault::None)
    }

    pub fn with_faults(
        log: &Arc<TestLog>,
        faults: impl Fn() -> Fault + Send + Sync + 'static,
    ) -> Self {
        Self {
            log: Arc::clone(log),
            denies: AtomicBool::new(false),
            hides: Mutex::default(),
            faults: Box::new(faults),
            calls: AtomicU64::new(0),
        }
    }

    fn call<T>(&self, work: impl FnOnce(&TestLog) -> T) -> Result<T, RelayFailure> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let lost = || RelayFailure::Unavailable {
            retry_after: None,
            source: "the network".into(),
        };
        match (self.faults)() {
            Fault::None => Ok(work(&self.log)),
            Fault::Before => Err(lost()),
            Fault::After => {
                work(&self.log);
                Err(lost())
            }
        }
    }
}

impl LogRelay {
    /// As a call that only those in good standing may make.
    fn standing_call<T>(&self, work: impl FnOnce(&TestLog) -> T) -> Result<T, RelayFailure> {
        if self.denies.load(Ordering::SeqCst) {
            self.calls.fetch_add(1, Ordering::SeqCst);
            return Err(RelayFailure::Denied("not you".into()));
        }
        self.call(work)
    }
}

impl Relay for LogRelay {
    async fn upload(&self, object: ObjectHash, place: ObjectPlace) -> Result<(), RelayFailure> {
        self.standing_call(|log| {
            let bytes = match place {
                ObjectPlace::Bytes(bytes) => bytes,
                ObjectPlace::File(path) => std::fs::read(path).unwrap(),
            };
            assert_eq!(canonical::sha256(&bytes), *object.as_bytes());
            log.inner().objects.insert(object, bytes);
        })
    }

    async fn post(&self, entries: &[Entry]) -> Result<PostAnswer, RelayFailure> {
        self.call(|log| {
            let mut places = Vec::new();
            let mut refusal = None;
            for entry in entries {
                match log.admit(entry) {
                    Ok(index) => places.push(index),
                    Err(refused) => {
                        refusal = Some(refused);
                        break;
                    }
                }
            }
            let inner = log.inner();
            let receipts = places
                .into_iter()
                .map(|index| log.proof(&inner, index))
                .collect();
            PostAnswer::new(receipts, refusal)
        })
    }

    async fn control(&self, from: ControlNumber) -> Result<ControlPage, RelayFailure> {
        let hidden = *self.hides.lock().unwrap();
        self.call(|log| {
            let inner = log.inner();
            let acts = inner
                .leaves
                .iter()
                .enumerate()
                .filter(|(_, leaf)| match leaf.entry().body() {
                    Body::Control(control) => {
                        let shown = hidden.is_none_or(|hidden| control.number < hidden);
                        control.number >= from && shown
                    }
                    _ => false,
                })
                .map(|(index, _)| log.logged(&inner, index))
                .collect();
            ControlPage::new(acts)
        })
    }

    async fn mail(&self, from: LogIndex) -> Result<MailPage, RelayFailure> {
        self.call(|log| {
            let inner = log.inner();
            let mail = (0..inner.leaves.len())
                .filter(|index| *index as u64 >= from.get())
                .filter(|index| inner.leaves[*index].entry().kind() == Kind::Mail)
                .map(|index| log.logged(&inner, index))
                .collect();
            MailPage::new(mail)
        })
    }

    async fn mail_object(&self, object: ObjectHash) -> Result<Vec<u8>, RelayFailure> {
        self.call(|log| log.inner().objects[&object].clone())
    }

    async fn head(&self) -> Result<Option<LoggedLeaf>, RelayFailure> {
        self.call(|log| {
            let inner = log.inner();
            let mut leaves = inner.leaves.iter();
            let index = leaves.rposition(|leaf| leaf.entry().kind() == Kind::Head)?;
            Some(log.logged(&inner, index))
        })
    }

    async fn stored(&self) -> Result<Option<LoggedLeaf>, RelayFailure> {
        self.standing_call(|log| {
            let inner = log.inner();
            let index = inner
                .leaves
                .iter()
                .rposition(|leaf| leaf.entry().kind() == Kind::Stored)?;
            Some(log.logged(&inner, index))
        })
    }

    async fn tile(&self, tile: Tile) -> Result<Vec<u8>, RelayFailure> {
        self.call(|log| log.inner().tiles.tile(tile).unwrap())
            .map(|mut bytes| {
                bytes.truncate(tile.byte_len());
                bytes
            })
    }

    async fn signer(&self, signer: SignerId) -> Result<SignerAnswer, RelayFailure> {
        self.call(|log| match log.inner().authority.signer(&signer) {
            Some(state) => Ok(SignerAnswer {
                next: state.next(),
                last: state.last(),
            }),
            None => Err(RelayFailure::Denied("who?".into())),
        })?
    }
}

/// An agent's folder that can be opened again and again.
pub struct Home {
    pub folder: tempfile::TempDir,
    pub clock: Clock,
    seed: Arc<AtomicU64>,
}

impl Home {
    pub fn new(owner: &Owner) -> Self {
        Self::seeded(owner, 77)
    }

    /// Different seeds make different agents.
    pub fn seeded(owner: &Owner, seed: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let trust = Trust {
            genesis: owner.genesis.clone(),
            relay: "https://localhost:1".into(),
            pin: TlsIdentity::from_bytes([0; 32]),
        };
        Identity::create(folder.path(), &trust, &mut Seeded::new(seed)).unwrap();
        Self {
            folder,
            clock: Clock::new(),
            seed: Arc::new(AtomicU64::new(1_000)),
        }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn identity(&self) -> Identity {
        Identity::open(self.path()).unwrap()
    }

    pub fn environment(&self) -> Environment {
        let (clock, seed) = (self.clock.clone(), Arc::clone(&self.seed));
        Environment::new(
            move || clock.now(),
            move || Box::new(Seeded::new(seed.fetch_add(1, Ordering::SeqCst))),
        )
    }

    pub fn open(&self) -> Arc<Agent> {
        Arc::new(Agent::open(self.identity(), self.environment()).unwrap())
    }

    pub fn open_with(&self, points: Arc<dyn WritePoints>) -> Arc<Agent> {
        let environment = self.environment().with_points(points);
        Arc::new(Agent::open(self.identity(), environment).unwrap())
    }
}
