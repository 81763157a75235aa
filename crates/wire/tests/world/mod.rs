//! A small archive with fixed keys and a log in memory, for tests and for writing vectors.

pub mod cases;
pub mod files;

use std::collections::HashMap;

use canonical::{Milliseconds, hex};
use serde_json::{Value, json};
use tlog::{
    AddCheckpoint, Checkpoint, ConsistencyProof, CosignedAt, CosignerKey, Decision, Hash, KeyName,
    LogIndex, LogSigner, Origin, Prover, SeenHead, SignedCheckpoint, SigningSeed, TileEdge,
    TileSet, TreeSize, Witness,
};
use wire::authority::{Admitted, Authority, Outcome, Past};
use wire::*;

/// 2027-01-15T08:00:00Z, when the archive begins.
pub const BEGIN: i64 = 1_800_000_000_000;
pub const DAY: i64 = 86_400_000;

/// Seeds of the keys: one byte, 32 times.
pub const ROOT: u8 = 1;
pub const LOG: u8 = 2;
pub const WITNESS: u8 = 3;
pub const AGENT: u8 = 10;
pub const VAULT: u8 = 11;
pub const AUDITOR: u8 = 12;
pub const ANNA: u8 = 20;
pub const BEA: u8 = 21;
pub const CARL: u8 = 22;
pub const STRANGER: u8 = 99;

pub fn key(seed: u8) -> SignerKey {
    SignerKey::from_seed(&[seed; 32]).unwrap()
}

pub fn ms(time: i64) -> Milliseconds {
    Milliseconds::new(time)
}

/// An object with a hash made of a number.
pub fn object(number: u8) -> Object {
    Object {
        hash: ObjectHash::from_bytes([number; 32]),
        length: ObjectLength::new(1_000 + u64::from(number)),
    }
}

/// Stands for an X-Wing public key: nothing is sealed to it.
pub fn x_wing(number: u8) -> XWingKey {
    let bytes: Vec<u8> = (0..XWingKey::SIZE)
        .map(|at| (at as u8).wrapping_mul(31) ^ number)
        .collect();
    XWingKey::from_bytes(&bytes).unwrap()
}

pub fn root_of(number: u8) -> CommitmentRoot {
    CommitmentRoot::from_bytes([number; 32])
}

pub fn genesis() -> Genesis {
    let witness = WitnessKey {
        name: "witness.example/w1".to_owned(),
        key: key(WITNESS).public(),
        independent: true,
    };
    let policy = WitnessPolicy {
        quorum: 1,
        witnesses: vec![witness],
    };
    Genesis::new(
        key(ROOT).public(),
        vec![key(LOG).public()],
        policy,
        ms(BEGIN),
        GenesisNonce::from_bytes([7; 16]),
    )
    .unwrap()
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Admitted(LogIndex),
    Same(LogIndex),
    Refused(Refusal),
}

impl Answer {
    pub fn code(&self) -> Option<RefusalCode> {
        match self {
            Self::Refused(refusal) => Some(refusal.code()),
            _ => None,
        }
    }

    pub fn name(&self) -> &'static str {
        match self {
            Self::Admitted(_) => "admitted",
            Self::Same(_) => "same",
            Self::Refused(refusal) => refusal.code().name(),
        }
    }
}

/// What the log holds, in memory.
#[derive(Default, Clone)]
pub struct Log {
    pub leaves: Vec<Vec<u8>>,
    pub roots: Vec<Hash>,
    places: HashMap<(SignerId, SequenceNumber), Admitted>,
    owners: HashMap<ObjectHash, EntryId>,
    frontier: tlog::Frontier,
}

impl Past for Log {
    type Error = std::convert::Infallible;

    fn admitted(
        &self,
        signer: &SignerId,
        number: SequenceNumber,
    ) -> Result<Option<Admitted>, Self::Error> {
        Ok(self.places.get(&(*signer, number)).copied())
    }

    fn agrees(&self, seen: &Seen) -> Result<bool, Self::Error> {
        let at = usize::try_from(seen.size.get()).unwrap() - 1;
        Ok(self.roots.get(at) == Some(&seen.root))
    }
}

impl Log {
    pub fn seen(&self) -> Seen {
        Seen {
            size: self.frontier.size(),
            root: self.frontier.root(),
        }
    }
}

/// The archive: what a relay would hold.
#[derive(Clone)]
pub struct World {
    pub genesis: Genesis,
    pub authority: Authority,
    pub log: Log,
    /// Milliseconds since 1970.
    pub now: i64,
    /// Every submission with its answer, as vectors tell them.
    pub steps: Vec<Value>,
    /// Objects that nobody uploaded.
    pub missing: Vec<ObjectHash>,
}

impl World {
    pub fn new() -> Self {
        let genesis = genesis();
        Self {
            authority: Authority::new(genesis.clone()),
            genesis,
            log: Log::default(),
            now: BEGIN,
            steps: Vec::new(),
            missing: Vec::new(),
        }
    }

    /// With genesis, an agent, a vault, an auditor, and epochs 1 (period), 2 (reserve), 3 (governance).
    pub fn furnished() -> Self {
        let mut world = Self::new();
        world.admit_genesis();
        world.act(Act::Enrol(enrol(AGENT, Role::Agent)));
        world.act(Act::Enrol(enrol(VAULT, Role::Vault)));
        world.act(Act::Enrol(enrol(AUDITOR, Role::Auditor)));
        world.act(Act::Recipients(Recipients {
            epochs: vec![
                epoch(1, EpochUse::Period),
                epoch(2, EpochUse::Reserve),
                epoch(3, EpochUse::Governance),
            ],
        }));
        world
    }

    pub fn admit_genesis(&mut self) {
        let entry = self.entry(ROOT, Body::Genesis(self.genesis.clone()), Vec::new());
        self.admit(&entry);
    }

    /// Where the next entry of that signer stands.
    pub fn position(&self, seed: u8) -> ChainPosition {
        let state = self.authority.signer(&key(seed).id());
        match state.and_then(|state| state.last().map(|last| (state.next(), last))) {
            Some((number, previous)) => ChainPosition { number, previous },
            None => ChainPosition::FIRST,
        }
    }

    pub fn draft(&self, seed: u8, body: Body) -> EntryDraft {
        EntryDraft::new(
            self.genesis.archive_id(),
            key(seed).id(),
            self.position(seed),
            body,
            ms(self.now - 5),
        )
    }

    pub fn entry(&self, seed: u8, body: Body, objects: Vec<Object>) -> Entry {
        self.entry_signed(seed, body, objects, &[seed])
    }

    pub fn entry_signed(
        &self,
        seed: u8,
        body: Body,
        objects: Vec<Object>,
        signers: &[u8],
    ) -> Entry {
        sign(self.draft(seed, body), objects, signers)
    }

    pub fn batch(&self, objects: &[u8]) -> Entry {
        self.entry(
            AGENT,
            batch(1),
            objects.iter().map(|number| object(*number)).collect(),
        )
    }

    /// An act of the root.
    pub fn control(&self, act: Act) -> Body {
        let head = self.authority.head();
        Body::Control(Control {
            number: head.number.next(),
            previous: head.id,
            act,
        })
    }

    pub fn act(&mut self, act: Act) {
        let entry = self.entry(ROOT, self.control(act), Vec::new());
        self.admit(&entry);
    }

    pub fn admit(&mut self, entry: &Entry) -> LogIndex {
        match self.submit(entry) {
            Answer::Admitted(index) => index,
            other => panic!("not admitted: {other:?} {:?}", entry.body()),
        }
    }

    pub fn submit(&mut self, entry: &Entry) -> Answer {
        self.submit_bytes(entry.as_bytes())
    }

    /// What a relay does with an entry, and a note of it for the vectors.
    pub fn submit_bytes(&mut self, bytes: &[u8]) -> Answer {
        let answer = self.judge(bytes);
        let mut step = json!({
            "entry": hex(bytes),
            "admitted_at": self.now,
            "outcome": answer.name(),
        });
        match &answer {
            Answer::Admitted(index) | Answer::Same(index) => step["index"] = json!(index.get()),
            Answer::Refused(refusal) => {
                if let Some(next) = refusal.next() {
                    step["next"] = json!(next.get());
                }
                if refusal.code() == RefusalCode::ObjectMissing {
                    step["missing"] = self.missing.iter().map(|hash| hash.to_string()).collect();
                }
            }
        }
        self.steps.push(step);
        answer
    }

    fn judge(&mut self, bytes: &[u8]) -> Answer {
        let entry = match Entry::parse(bytes) {
            Ok(entry) => entry,
            Err(error) => return Answer::Refused(error.refusal()),
        };
        if entry.archive() != self.genesis.archive_id() {
            return Answer::Refused(Refusal::new(RefusalCode::ForeignArchive, "another archive"));
        }
        let signed = match entry.verify_signatures(|id| self.authority.key(id)) {
            Ok(signed) => signed,
            Err(refusal) => return Answer::Refused(refusal),
        };
        let at = AdmittedAt::new(ms(self.now)).unwrap();
        let Ok(outcome) = self.authority.check(&signed, at, &self.log);
        let admissible = match outcome {
            Outcome::Admissible(admissible) => admissible,
            Outcome::Same { index } => return Answer::Same(index),
            Outcome::Refused(refusal) => return Answer::Refused(refusal),
        };
        let entry = signed.into_entry();
        for object in entry.objects() {
            if self.missing.contains(&object.hash) {
                return Answer::Refused(Refusal::new(RefusalCode::ObjectMissing, "not uploaded"));
            }
            if self.log.owners.contains_key(&object.hash) {
                return Answer::Refused(Refusal::new(
                    RefusalCode::ObjectTaken,
                    "belongs to another entry",
                ));
            }
        }
        let index = self.authority.apply(admissible).unwrap().index;
        let log = &mut self.log;
        log.owners.extend(
            entry
                .objects()
                .iter()
                .map(|object| (object.hash, entry.id())),
        );
        log.places.insert(
            (entry.signer(), entry.number()),
            Admitted {
                id: entry.id(),
                index,
            },
        );
        let leaf = Leaf::new(at, entry).to_bytes();
        log.frontier.append(Hash::leaf(&leaf));
        log.roots.push(log.frontier.root());
        log.leaves.push(leaf);
        Answer::Admitted(index)
    }

    pub fn prover(&self) -> Prover<TileSet> {
        let hashes: Vec<Hash> = self
            .log
            .leaves
            .iter()
            .map(|leaf| Hash::leaf(leaf))
            .collect();
        let (mut edge, mut tiles) = (TileEdge::empty(), TileSet::new());
        for tile in edge.grow(&hashes) {
            tiles.insert_data(tile);
        }
        Prover::new(tiles, edge.size())
    }

    /// The checkpoint over the first `size` leaves, cosigned by the witness if asked.
    pub fn checkpoint(&self, size: usize, cosigned: bool) -> SignedCheckpoint {
        let origin = Origin::new(&self.genesis.origin()).unwrap();
        let root = size
            .checked_sub(1)
            .map_or(Hash::empty_root(), |at| self.log.roots[at]);
        let checkpoint = Checkpoint::new(origin.clone(), TreeSize::new(size as u64), root);
        let log_key = LogSigner::new(
            origin.key_name().clone(),
            &SigningSeed::from_bytes([LOG; 32]),
        )
        .unwrap();
        let mut signed = log_key.sign(checkpoint).unwrap();
        if cosigned {
            let name = KeyName::new("witness.example/w1").unwrap();
            let mut witness = Witness::new(
                CosignerKey::new(name, &SigningSeed::from_bytes([WITNESS; 32])).unwrap(),
            );
            witness.follow(origin, vec![log_key.verifier().clone()]);
            let request =
                AddCheckpoint::new(TreeSize::ZERO, ConsistencyProof::default(), signed.clone());
            let at = CosignedAt::from_unix_seconds((BEGIN / 1_000) as u64 + 60).unwrap();
            let Decision::Cosign { line, .. } = witness.decide(SeenHead::nothing(), &request, at)
            else {
                panic!("the witness refused");
            };
            signed.add_signature(line).unwrap();
        }
        signed
    }

    /// The receipt of the entry at `index` under the newest checkpoint.
    pub fn receipt(&self, index: u64, cosigned: bool) -> String {
        let leaf = Leaf::parse(&self.log.leaves[index as usize]).unwrap();
        let inclusion = self.prover().inclusion(LogIndex::new(index)).unwrap();
        let checkpoint = self.checkpoint(self.log.leaves.len(), cosigned);
        let index = LogIndex::new(index);
        verify::receipt(leaf.admitted_at(), index, inclusion, checkpoint)
            .unwrap()
            .to_string()
    }
}

pub fn sign(draft: EntryDraft, objects: Vec<Object>, signers: &[u8]) -> Entry {
    let keys: Vec<SignerKey> = signers.iter().map(|seed| key(*seed)).collect();
    let keys: Vec<&SignerKey> = keys.iter().collect();
    draft.with_objects(objects).unwrap().sign(&keys).unwrap()
}

pub fn enrol(seed: u8, role: Role) -> Enrol {
    Enrol {
        key: key(seed).public(),
        role,
        mailbox: (role == Role::Agent).then(|| x_wing(seed)),
        follows: None,
        follows_until: None,
        tls: None,
    }
}

/// Epochs run from ten days before the beginning to ten days after.
pub fn epoch(number: u8, usage: EpochUse) -> PublishedEpoch {
    let key = x_wing(number);
    PublishedEpoch {
        id: key.epoch_id(),
        key,
        class: RetentionClass::new(4),
        usage,
        from: ms(BEGIN - 10 * DAY),
        until: ms(BEGIN + 10 * DAY),
        keep_until: ms(BEGIN + 2_000 * DAY),
    }
}

pub fn epoch_id(number: u8) -> EpochId {
    x_wing(number).epoch_id()
}

pub fn batch(epoch: u8) -> Body {
    Body::Batch(BatchHead {
        epoch: epoch_id(epoch),
        count: RecordCount::new(3),
        root: root_of(5),
        import: false,
    })
}

pub fn delegate(purpose: Purpose, seeds: &[u8], threshold: u8) -> Act {
    Act::Delegate(Delegate {
        purpose,
        keys: seeds.iter().map(|seed| key(*seed).public()).collect(),
        threshold,
        until: ms(BEGIN + 365 * DAY),
    })
}

pub fn governance(purpose: Purpose) -> Body {
    Body::Governance(GovernanceHead {
        epoch: epoch_id(3),
        count: RecordCount::new(1),
        root: root_of(6),
        purpose,
    })
}

pub fn heartbeat() -> Heartbeat {
    Heartbeat {
        accounts: vec![AccountState {
            account: AccountHandle::from_bytes([4; 16]),
            state: CaptureState::Connected,
            captured: 120,
            losses: 1,
        }],
        waiting: 2,
        details: None,
    }
}
