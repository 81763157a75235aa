//! A small archive with a real log: entries are signed, logged, followed and verified.

use std::convert::Infallible;

use canonical::Milliseconds;
use seal::{
    ForGovernance, ForMail, ForRecords, NewEpoch, OpeningKey, Period, Randomness, RecipientKey,
    make_epoch,
};
use tlog::{Checkpoint, ConsistencyProof, Frontier, Hash, KeyName, LogSigner, Origin, SigningSeed};
use wire::authority::{Admitted, Past};
use wire::verify::{Follower, ReadLeaf, VerifiedEntry};
use wire::{
    Act, AdmittedAt, ArchiveId, Body, ChainPosition, Control, ControlId, ControlNumber, Delegate,
    Enrol, EntryDraft, EntryId, EpochUse, Genesis, GenesisNonce, Leaf, Purpose, Recipients,
    RetentionClass, Role, Seen, SequenceNumber, SignerId, SignerKey, UnsignedEntry, WitnessPolicy,
};

/// When everything happens, in the tests' archive.
pub(crate) const NOW: Milliseconds = Milliseconds::new(1_790_000_000_000);
/// Seed of the key with which the tests' log signs its checkpoints.
pub(crate) const LOG_SEED: [u8; 32] = [0x70; 32];

/// SHA-256 of a seed and a counter: randomness that can be repeated.
pub(crate) struct Seeded {
    seed: u64,
    counter: u64,
}

impl Seeded {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, counter: 0 }
    }
}

impl Randomness for Seeded {
    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            let block = [self.seed.to_be_bytes(), self.counter.to_be_bytes()].concat();
            self.counter += 1;
            chunk.copy_from_slice(&canonical::sha256(&block)[..chunk.len()]);
        }
    }
}

/// A log that is followed leaf by leaf.
pub(crate) struct Log {
    follower: Option<Follower>,
    frontier: Frontier,
    signer: LogSigner,
    origin: Origin,
}

/// The tests' archives have no past beyond what the follower remembers.
struct NoPast;

impl Past for NoPast {
    type Error = Infallible;

    fn admitted(&self, _: &SignerId, _: SequenceNumber) -> Result<Option<Admitted>, Infallible> {
        Ok(None)
    }

    fn agrees(&self, _: &Seen) -> Result<bool, Infallible> {
        Ok(false)
    }
}

impl Log {
    pub(crate) fn new(genesis: Genesis) -> Self {
        let origin = genesis.archive_id().origin();
        Self {
            follower: Some(Follower::new(genesis)),
            frontier: Frontier::empty(),
            signer: LogSigner::new(
                KeyName::new(&origin).unwrap(),
                &SigningSeed::from_bytes(LOG_SEED),
            )
            .unwrap(),
            origin: Origin::new(&origin).unwrap(),
        }
    }

    /// Appends a leaf, signs a checkpoint over it, and verifies all of it.
    pub(crate) fn append(&mut self, leaf: &[u8]) -> VerifiedEntry {
        let before = self.frontier.clone();
        let hash = Hash::leaf(leaf);
        self.frontier.append(hash);
        let checkpoint = Checkpoint::new(
            self.origin.clone(),
            self.frontier.size(),
            self.frontier.root(),
        );
        let note = self.signer.sign(checkpoint).unwrap().note().to_string();
        let follower = self.follower.take().unwrap();
        let accepted = follower
            .accept(note.as_bytes(), &growth(&before, hash))
            .unwrap();
        let settled = follower
            .follow(accepted)
            .leaf(ReadLeaf::parse(leaf).unwrap(), &NoPast)
            .unwrap()
            .settle(&ConsistencyProof::from_hashes(Vec::new()).unwrap())
            .unwrap();
        self.follower = Some(settled.follower);
        settled.entries.into_iter().next().unwrap()
    }
}

/// The consistency proof of one more leaf: the tree's edge gives it.
fn growth(before: &Frontier, leaf: Hash) -> ConsistencyProof {
    let edge = before.edge();
    // From a whole tree of a power of two: the new right half. Otherwise: the smallest subtree of
    // the edge, the leaf beside it, then the larger subtrees.
    let hashes = match edge {
        [] => Vec::new(),
        [_] => vec![leaf],
        edge => {
            let (smallest, larger) = edge.split_last().unwrap();
            let mut hashes = vec![*smallest, leaf];
            hashes.extend(larger.iter().rev());
            hashes
        }
    };
    ConsistencyProof::from_hashes(hashes).unwrap()
}

/// Somebody who signs a chain of entries.
pub(crate) struct Signer {
    pub(crate) key: SignerKey,
    next: ChainPosition,
}

impl Signer {
    fn new(seed: u8) -> Self {
        Self {
            key: SignerKey::from_seed(&[seed; 32]).unwrap(),
            next: ChainPosition::FIRST,
        }
    }
}

/// Who signs an entry.
#[derive(Clone, Copy)]
pub(crate) enum Who {
    Root,
    Agent,
    Vault,
    Person,
}

/// An archive with one agent, a vault, a person with delegations, two epochs for records, one for
/// governance.
pub(crate) struct Archive {
    pub(crate) id: ArchiveId,
    pub(crate) genesis: Genesis,
    pub(crate) leaves: Vec<Vec<u8>>,
    pub(crate) epoch: NewEpoch,
    pub(crate) later: NewEpoch,
    pub(crate) acts: NewEpoch,
    pub(crate) mailbox: OpeningKey<ForMail>,
    pub(crate) records_key: OpeningKey<ForRecords>,
    pub(crate) later_key: OpeningKey<ForRecords>,
    pub(crate) acts_key: OpeningKey<ForGovernance>,
    log: Log,
    signers: [Signer; 4],
    control: (ControlNumber, ControlId),
}

impl Archive {
    pub(crate) fn new() -> Self {
        let mut randomness = Seeded::new(1);
        let signers = [0x11, 0x22, 0x33, 0x44].map(Signer::new);
        let log_key = SignerKey::from_seed(&LOG_SEED).unwrap().public();
        let genesis = Genesis::new(
            signers[0].key.public(),
            vec![log_key],
            WitnessPolicy::default(),
            NOW,
            GenesisNonce::from_bytes([7; 16]),
        )
        .unwrap();
        // Epochs draw their seeds one after the other; the same draws give the keys for tests.
        let mut same = Seeded::new(1);
        let mut seed = || {
            let mut seed = [0; 32];
            same.fill(&mut seed);
            seed
        };
        let (records, later, acts, mailbox) = (seed(), seed(), seed(), seed());
        let mut epoch = |class, usage| {
            make_epoch(
                RetentionClass::new(class),
                usage,
                Period {
                    from: NOW.plus(-1_000_000),
                    until: NOW.plus(1_000_000),
                },
                NOW.plus(10_000_000),
                &mut randomness,
            )
        };
        let mut archive = Self {
            id: genesis.archive_id(),
            epoch: epoch(1, EpochUse::Period),
            later: epoch(1, EpochUse::Reserve),
            acts: epoch(0, EpochUse::Governance),
            mailbox: OpeningKey::from_seed(&mailbox),
            records_key: OpeningKey::from_seed(&records),
            later_key: OpeningKey::from_seed(&later),
            acts_key: OpeningKey::from_seed(&acts),
            log: Log::new(genesis.clone()),
            leaves: Vec::new(),
            control: (ControlNumber::new(0), genesis.control_id()),
            genesis,
            signers,
        };
        archive.begin();
        archive
    }

    fn begin(&mut self) {
        let genesis = Body::Genesis(self.genesis.clone());
        self.log_body(Who::Root, genesis);
        for (who, role) in [(Who::Agent, Role::Agent), (Who::Vault, Role::Vault)] {
            self.act(Act::Enrol(Enrol {
                key: self.signer(who).key.public(),
                role,
                mailbox: matches!(role, Role::Agent)
                    .then(|| self.mailbox.recipient().key().clone()),
                follows: None,
                follows_until: None,
                tls: None,
            }));
        }
        for purpose in [Purpose::Plan, Purpose::Dispose] {
            self.act(Act::Delegate(Delegate {
                purpose,
                keys: vec![self.signer(Who::Person).key.public()],
                threshold: 1,
                until: NOW.plus(100_000_000),
            }));
        }
        let epochs = [&self.epoch, &self.later, &self.acts]
            .map(|epoch| epoch.published().clone())
            .to_vec();
        self.act(Act::Recipients(Recipients { epochs }));
    }

    fn act(&mut self, act: Act) {
        let control = Control {
            number: self.control.0.next(),
            previous: self.control.1,
            act,
        };
        self.control = (control.number, control.id());
        self.log_body(Who::Root, Body::Control(control));
    }

    fn log_body(&mut self, who: Who, body: Body) {
        let entry = self.draft(who, body).with_objects(Vec::new()).unwrap();
        self.log(who, entry);
    }

    fn signer(&self, who: Who) -> &Signer {
        &self.signers[who as usize]
    }

    pub(crate) fn records(&self) -> &RecipientKey<ForRecords> {
        self.records_key.recipient()
    }

    /// A draft of the next entry of that signer.
    pub(crate) fn draft(&self, who: Who, body: Body) -> EntryDraft {
        let signer = self.signer(who);
        EntryDraft::new(self.id, signer.key.id(), signer.next, body, NOW)
    }

    /// Signs, logs, follows and verifies.
    pub(crate) fn log(&mut self, who: Who, entry: UnsignedEntry) -> VerifiedEntry {
        let signer = &mut self.signers[who as usize];
        let id: EntryId = entry.id();
        signer.next = ChainPosition {
            number: signer.next.number.next(),
            previous: id,
        };
        let mut keys = vec![&self.signers[who as usize].key];
        if matches!(who, Who::Vault) && matches!(entry.body(), Body::Governance(_)) {
            keys.push(&self.signers[Who::Person as usize].key);
        }
        let entry = entry.sign(&keys).unwrap();
        let at = AdmittedAt::new(NOW).unwrap();
        let leaf = Leaf::new(at, entry).to_bytes();
        let verified = self.log.append(&leaf);
        self.leaves.push(leaf);
        verified
    }
}
