//! The owner of a simulated archive: root, epochs, and the acts that are still to be logged.

use std::collections::{HashMap, VecDeque};

use canonical::Milliseconds;
use seal::{ForRecords, OpeningKey};
use tlog::{KeyKind, KeyName, Origin, SigningSeed, VerifierKey};
use wire::{
    Act, Body, ChainPosition, Control, ControlHead, ControlId, ControlNumber, Enrol, Entry,
    EntryDraft, EpochId, EpochUse, Genesis, GenesisNonce, PublishedEpoch, Recipients,
    RetentionClass, Revocation, Revoke, Role, SequenceNumber, SignerId, SignerKey, WitnessKey,
    WitnessPolicy,
};

/// Root key, opening keys, and what was signed and is not known to be logged.
pub struct Owner {
    genesis: Genesis,
    root: SignerKey,
    log_seed: [u8; 32],
    at: ChainPosition,
    control: (ControlNumber, ControlId),
    openings: HashMap<EpochId, OpeningKey<ForRecords>>,
    waiting: VecDeque<Entry>,
    seed: u64,
    keys: u64,
}

/// A seed for a key; different for every purpose of every world.
#[must_use]
pub(super) fn seed_of(seed: u64, purpose: &str, number: u64) -> [u8; 32] {
    let text = format!("simulation {seed} {purpose} {number}");
    canonical::sha256(text.as_bytes())
}

impl Owner {
    /// Founds an archive with so many witnesses, of which `quorum` must cosign.
    #[must_use]
    pub fn found(seed: u64, witnesses: u64, quorum: u64, now: Milliseconds) -> Self {
        let root = SignerKey::from_seed(&seed_of(seed, "root", 0)).unwrap();
        let log_seed = seed_of(seed, "log", 0);
        let log = SignerKey::from_seed(&log_seed).unwrap();
        let policy = WitnessPolicy {
            quorum,
            witnesses: (0..witnesses)
                .map(|number| WitnessKey {
                    name: witness_name(number),
                    key: SignerKey::from_seed(&seed_of(seed, "witness", number))
                        .unwrap()
                        .public(),
                    independent: true,
                })
                .collect(),
        };
        let nonce = GenesisNonce::from_bytes(*seed_of(seed, "nonce", 0).first_chunk().unwrap());
        let genesis = Genesis::new(root.public(), vec![log.public()], policy, now, nonce).unwrap();
        let control = (ControlNumber::new(0), genesis.control_id());
        let mut owner = Self {
            genesis,
            root,
            log_seed,
            at: ChainPosition::FIRST,
            control,
            openings: HashMap::new(),
            waiting: VecDeque::new(),
            seed,
            keys: 0,
        };
        owner.sign(Body::Genesis(owner.genesis.clone()), now);
        owner
    }

    /// The archive's genesis.
    #[must_use]
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// The log's origin.
    #[must_use]
    pub fn origin(&self) -> Origin {
        Origin::new(&self.genesis.origin()).unwrap()
    }

    /// Seed of the log's key.
    #[must_use]
    pub fn log_seed(&self) -> SigningSeed {
        SigningSeed::from_bytes(self.log_seed)
    }

    /// The log's key, as witnesses know it.
    #[must_use]
    pub fn log_key(&self) -> VerifierKey {
        let public = SignerKey::from_seed(&self.log_seed).unwrap().public();
        let name = self.origin().key_name().clone();
        VerifierKey::new(name, KeyKind::Note, public.as_bytes()).unwrap()
    }

    /// The key that opens what was sealed to an epoch.
    #[must_use]
    pub fn opening(&self, epoch: &EpochId) -> Option<&OpeningKey<ForRecords>> {
        self.openings.get(epoch)
    }

    /// Signs an act, which then waits.
    pub fn act(&mut self, act: Act, now: Milliseconds) {
        let control = Control {
            number: self.control.0.next(),
            previous: self.control.1,
            act,
        };
        self.control = (control.number, control.id());
        self.sign(Body::Control(control), now);
    }

    /// Enrols a signer; `follows` is the chain that it goes on from.
    pub fn enrol(
        &mut self,
        key: &SignerKey,
        role: Role,
        follows: Option<(SignerId, SequenceNumber)>,
        now: Milliseconds,
    ) {
        let act = Act::Enrol(Enrol {
            key: key.public(),
            role,
            mailbox: None,
            follows: follows.map(|(signer, _)| signer),
            follows_until: follows.map(|(_, number)| number),
            tls: None,
        });
        self.act(act, now);
    }

    /// Signs the head of the control chain.
    pub fn sign_head(&mut self, now: Milliseconds) {
        let (number, id) = self.control;
        self.sign(Body::Head(ControlHead { number, id }), now);
    }

    /// Revokes a signer.
    pub fn revoke(&mut self, signer: SignerId, how: Revocation, now: Milliseconds) {
        self.act(Act::Revoke(Revoke { signer, how }), now);
    }

    /// Publishes a new epoch: the class's reserve, or one for a period.
    pub fn publish_epoch(
        &mut self,
        period: Option<(Milliseconds, Milliseconds)>,
        now: Milliseconds,
    ) {
        let opening = OpeningKey::<ForRecords>::from_seed(&seed_of(self.seed, "epoch", self.keys));
        self.keys += 1;
        let (from, until) =
            period.unwrap_or((Milliseconds::new(0), Milliseconds::new(i64::MAX / 2)));
        let epoch = PublishedEpoch {
            id: opening.epoch(),
            key: opening.recipient().key().clone(),
            class: RetentionClass::new(0),
            usage: if period.is_some() {
                EpochUse::Period
            } else {
                EpochUse::Reserve
            },
            from,
            until,
            keep_until: Milliseconds::new(i64::MAX / 2),
        };
        self.openings.insert(opening.epoch(), opening);
        let epochs = vec![epoch];
        self.act(Act::Recipients(Recipients { epochs }), now);
    }

    /// What waits, oldest first, at most one bundle.
    #[must_use]
    pub fn waiting(&self) -> Vec<Entry> {
        let most = wire::limit::BUNDLE_ENTRIES;
        self.waiting.iter().take(most).cloned().collect()
    }

    /// The oldest so many are in the log.
    pub fn logged(&mut self, entries: usize) {
        self.waiting.drain(..entries.min(self.waiting.len()));
    }

    fn sign(&mut self, body: Body, now: Milliseconds) {
        let entry = EntryDraft::new(
            self.genesis.archive_id(),
            self.root.id(),
            self.at,
            body,
            now,
        )
        .with_objects(Vec::new())
        .unwrap()
        .sign(&[&self.root])
        .unwrap();
        self.at = ChainPosition {
            number: entry.number().next(),
            previous: entry.id(),
        };
        self.waiting.push_back(entry);
    }
}

/// The key name of a world's witness.
#[must_use]
pub(super) fn witness_name(number: u64) -> String {
    format!("witness-{number}.example")
}

/// A witness's key name and verifying key.
#[must_use]
pub(super) fn witness_key(seed: u64, number: u64) -> VerifierKey {
    let public = SignerKey::from_seed(&seed_of(seed, "witness", number))
        .unwrap()
        .public();
    let name = KeyName::new(&witness_name(number)).unwrap();
    VerifierKey::new(name, KeyKind::Cosignature, public.as_bytes()).unwrap()
}
