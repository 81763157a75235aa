//! An archive for the benchmarks: its owner, agents, epochs, and records that look like chats.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each benchmark uses its part of the house"
)]

pub mod size;

use std::convert::Infallible;

use canonical::Milliseconds;
use rand_core::{TryCryptoRng, TryRng};
use record::{
    AliasKind, Assurance, Conversation, ConversationKind, Direction, Envelope, Message, Mode,
    NetworkName, Original, Participant, ParticipantId, Participants, Record, Source, TextId, Time,
};
use seal::{
    BatchBuilder, ForRecords, Form, NewEpoch, OpeningKey, Period, Randomness, SealedBatch,
    make_epoch, seal_batch,
};
use testkit::Seeded;
use tlog::{Checkpoint, ConsistencyProof, Frontier, Hash, KeyName, LogSigner, Origin, SigningSeed};
use wire::authority::{Admitted, Past};
use wire::verify::{Follower, ReadLeaf, VerifiedEntry};
use wire::{
    Act, AdmittedAt, ArchiveId, Body, ChainPosition, Control, ControlId, ControlNumber, Enrol,
    Entry, EntryDraft, EpochUse, Genesis, GenesisNonce, Leaf, Object, Recipients, RetentionClass,
    Role, Seen, SequenceNumber, SignerId, SignerKey, WitnessPolicy,
};

/// When everything happens.
pub const NOW: Milliseconds = Milliseconds::new(1_795_000_000_000);
pub const LOG_SEED: [u8; 32] = [0x70; 32];

/// Somebody who signs a chain of entries.
pub struct Chain {
    pub key: SignerKey,
    pub seed: [u8; 32],
    pub archive: ArchiveId,
    pub at: ChainPosition,
}

impl Chain {
    pub fn new(seed: [u8; 32], archive: ArchiveId) -> Self {
        Self {
            key: SignerKey::from_seed(&seed).unwrap(),
            seed,
            archive,
            at: ChainPosition::FIRST,
        }
    }

    /// The `number`th agent.
    pub fn agent(number: u32, archive: ArchiveId) -> Self {
        let mut seed = [2; 32];
        seed[..4].copy_from_slice(&number.to_be_bytes());
        Self::new(seed, archive)
    }

    pub fn draft(&self, body: Body) -> EntryDraft {
        EntryDraft::new(self.archive, self.key.id(), self.at, body, NOW)
    }

    /// Signs a draft as the chain's next entry.
    pub fn sign(&mut self, unsigned: wire::UnsignedEntry) -> Entry {
        let entry = unsigned.sign(&[&self.key]).unwrap();
        self.at = ChainPosition {
            number: entry.number().next(),
            previous: entry.id(),
        };
        entry
    }

    pub fn say(&mut self, body: Body, objects: Vec<Object>) -> Entry {
        let unsigned = self.draft(body).with_objects(objects).unwrap();
        self.sign(unsigned)
    }

    /// Seals records as the chain's next entry.
    pub fn seal(
        &mut self,
        records: &[Record],
        key: &OpeningKey<ForRecords>,
        form: Form,
        randomness: &mut dyn Randomness,
    ) -> (Entry, SealedBatch) {
        let mut builder = BatchBuilder::new();
        for record in records {
            builder.push(record, &[]).unwrap();
        }
        let batch = builder.commit(randomness).unwrap();
        let body = Body::Batch(batch.head(key.epoch(), form));
        let sealed =
            seal_batch(batch, key.recipient(), self.draft(body), form, randomness).unwrap();
        let entry = self.sign(sealed.entry.clone());
        (entry, sealed)
    }
}

/// An archive's owner.
pub struct Owner {
    pub root: Chain,
    pub genesis: Genesis,
    pub epoch: NewEpoch,
    pub acts: NewEpoch,
    pub key: OpeningKey<ForRecords>,
    control: (ControlNumber, ControlId),
}

impl Owner {
    pub fn new() -> Self {
        let root = [0x11; 32];
        let genesis = Genesis::new(
            SignerKey::from_seed(&root).unwrap().public(),
            vec![SignerKey::from_seed(&LOG_SEED).unwrap().public()],
            WitnessPolicy::default(),
            NOW,
            GenesisNonce::from_bytes([7; 16]),
        )
        .unwrap();
        // The epoch draws its seed first; the same draw gives its key.
        let mut seed = [0; 32];
        Seeded::new(1).fill(&mut seed);
        let mut randomness = Seeded::new(1);
        let mut epoch = |class, usage| {
            let period = Period {
                from: NOW.plus(-1_000_000_000),
                until: NOW.plus(1_000_000_000_000),
            };
            let keep = NOW.plus(1_000_000_000_000);
            make_epoch(
                RetentionClass::new(class),
                usage,
                period,
                keep,
                &mut randomness,
            )
        };
        Self {
            root: Chain::new(root, genesis.archive_id()),
            epoch: epoch(1, EpochUse::Reserve),
            acts: epoch(0, EpochUse::Governance),
            key: OpeningKey::from_seed(&seed),
            control: (ControlNumber::new(0), genesis.control_id()),
            genesis,
        }
    }

    pub fn archive(&self) -> ArchiveId {
        self.genesis.archive_id()
    }

    pub fn origin(&self) -> Origin {
        Origin::new(&self.archive().origin()).unwrap()
    }

    fn act(&mut self, act: Act) -> Entry {
        let control = Control {
            number: self.control.0.next(),
            previous: self.control.1,
            act,
        };
        self.control = (control.number, control.id());
        self.root.say(Body::Control(control), Vec::new())
    }

    pub fn enrol(&mut self, chain: &Chain, role: Role) -> Entry {
        self.act(Act::Enrol(Enrol {
            key: chain.key.public(),
            role,
            mailbox: None,
            follows: None,
            follows_until: None,
            tls: None,
        }))
    }

    /// The entries with which the log begins: genesis, epochs, agents.
    pub fn begin(&mut self, agents: &[Chain]) -> Vec<Entry> {
        let genesis = Body::Genesis(self.genesis.clone());
        let mut entries = vec![self.root.say(genesis, Vec::new())];
        let epochs = vec![
            self.epoch.published().clone(),
            self.acts.published().clone(),
        ];
        entries.push(self.act(Act::Recipients(Recipients { epochs })));
        for agent in agents {
            entries.push(self.enrol(agent, Role::Agent));
        }
        entries
    }
}

/// A log whose leaves are verified as a vault does it.
pub struct Log {
    pub follower: Follower,
    frontier: Frontier,
    signer: LogSigner,
    origin: Origin,
}

/// The follower remembers all that these logs ask for.
pub struct NoPast;

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
    pub fn new(owner: &Owner) -> Self {
        let seed = SigningSeed::from_bytes(LOG_SEED);
        Self {
            follower: Follower::new(owner.genesis.clone()),
            frontier: Frontier::empty(),
            signer: LogSigner::new(KeyName::new(&owner.archive().origin()).unwrap(), &seed)
                .unwrap(),
            origin: owner.origin(),
        }
    }

    /// Leaves of entries as the relay writes them.
    pub fn leaves(entries: Vec<Entry>) -> Vec<Vec<u8>> {
        let at = AdmittedAt::new(NOW).unwrap();
        let leaf = |entry| Leaf::new(at, entry).to_bytes();
        entries.into_iter().map(leaf).collect()
    }

    /// The checkpoint over what was appended and these leaves; only from an empty log, or the
    /// consistency would have to be shown.
    pub fn note(&mut self, leaves: &[Vec<u8>]) -> String {
        for leaf in leaves {
            self.frontier.append(Hash::leaf(leaf));
        }
        let (size, root) = (self.frontier.size(), self.frontier.root());
        let checkpoint = Checkpoint::new(self.origin.clone(), size, root);
        self.signer.sign(checkpoint).unwrap().note().to_string()
    }

    /// Verifies leaves that begin the log, under one checkpoint.
    pub fn verify(owner: &Owner, note: &str, leaves: &[Vec<u8>]) -> Vec<VerifiedEntry> {
        let follower = Follower::new(owner.genesis.clone());
        let none = || ConsistencyProof::from_hashes(Vec::new()).unwrap();
        let accepted = follower.accept(note.as_bytes(), &none()).unwrap();
        let mut run = follower.follow(accepted);
        for leaf in leaves {
            run = run.leaf(ReadLeaf::parse(leaf).unwrap(), &NoPast).unwrap();
        }
        run.settle(&none()).unwrap().entries
    }
}

const WORDS: [&str; 24] = [
    "the", "limit", "stays", "where", "it", "was", "settle", "on", "Thursday", "call", "me",
    "before", "ten", "budget", "review", "Vertrag", "Müller", "prix", "contract", "预算", "会议",
    "margin", "desk", "please",
];

/// Records of chat messages of some 300 bytes with their originals, from this number on.
pub fn records(first: u32, count: u32) -> Vec<Record> {
    let id = |text: &str| TextId::new(text).unwrap();
    let source = Source {
        network: NetworkName::SIGNAL,
        account: id("aci:8c78cd2a-16ff-427d-83dc-1a5e36ce713d"),
        custodian: id("c-17"),
        connector: id("signal/0.1.0 signal-cli"),
        assurance: Assurance::Device,
        mode: Mode::Live,
    };
    (first..first + count)
        .map(|number| {
            let mut state = u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
            let mut chance = |below: usize| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state >> 11) as usize % below
            };
            let sent = NOW.plus(i64::from(number) * 1_000);
            let text: Vec<&str> = (0..6 + chance(14)).map(|_| WORDS[chance(24)]).collect();
            let text = text.join(" ");
            let group = id(&format!("group:{}", chance(40)));
            let envelope = Envelope::builder(
                &source,
                group,
                id(&number.to_string()),
                Time::utc(sent.plus(3)),
            )
            .direction(Direction::Incoming)
            .sent(Time::utc(sent));
            let conversation =
                Conversation::new(ConversationKind::Group).title("Desk 4".to_owned());
            let mut participants = Participants::of(conversation);
            let who = chance(60);
            let sender = format!("0a1b2c3d-0000-4000-8000-0000000000{who:02}");
            participants.sender = ParticipantId::new("aci", &sender)
                .ok()
                .map(|id| Participant::new(id).alias(AliasKind::Display, format!("Person {who}")));
            let original =
                Original::inline("application/json", format!("{{\"message\":{text:?}}}"));
            Record::new(
                envelope,
                participants,
                Message::plain(text),
                Some(original),
                Vec::new(),
            )
            .unwrap()
        })
        .collect()
}

/// Our repeatable randomness, as the HPKE crate asks for it.
pub struct Source32(pub Seeded);

impl TryRng for Source32 {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(bytes);
        Ok(())
    }
}

impl TryCryptoRng for Source32 {}
