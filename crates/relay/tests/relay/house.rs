//! An owner, its agents and its vault, for tests that speak to a relay as they would.

use std::path::Path;

use bytes::Bytes;
use canonical::Milliseconds;
use client::{RelayAddress, RelayClient};
use relay::{ArchiveConfig, Relay, RelayConfig, RunningRelay};
use tlog::{KeyKind, Origin, Policy, SigningSeed, VerifierKey};
use wire::verify::{Receipt, verify_receipt};
use wire::{
    Act, ArchiveId, BatchHead, Body, ChainPosition, CommitmentRoot, Control, ControlId,
    ControlNumber, Enrol, Entry, EntryDraft, EpochId, EpochUse, Genesis, GenesisNonce, Object,
    ObjectHash, ObjectLength, PublishedEpoch, Recipients, RecordCount, RetentionClass, Role, Seen,
    SignerId, SignerKey, WitnessPolicy, XWingKey,
};

/// A signer and where its chain stands.
pub struct Chain {
    pub seed: [u8; 32],
    pub key: SignerKey,
    pub archive: ArchiveId,
    pub at: ChainPosition,
    pub seen: Option<Seen>,
}

impl Chain {
    pub fn new(seed: u8, archive: ArchiveId) -> Self {
        let seed = [seed; 32];
        let key = SignerKey::from_seed(&seed).unwrap();
        Self {
            seed,
            key,
            archive,
            at: ChainPosition::FIRST,
            seen: None,
        }
    }

    pub fn id(&self) -> SignerId {
        self.key.id()
    }

    /// The next entry of the chain; the chain moves on.
    pub fn say(&mut self, body: Body, objects: Vec<Object>) -> Entry {
        let entry = self.draft(body, objects);
        self.at = ChainPosition {
            number: entry.number().next(),
            previous: entry.id(),
        };
        entry
    }

    /// The next entry of the chain, which stays where it is.
    pub fn draft(&self, body: Body, objects: Vec<Object>) -> Entry {
        EntryDraft::new(
            self.archive,
            self.id(),
            self.at,
            body,
            Milliseconds::new(1_700_000_000_000),
        )
        .with_seen(self.seen)
        .with_objects(objects)
        .unwrap()
        .sign(&[&self.key])
        .unwrap()
    }

    pub fn client(&self, relay: &RunningRelay) -> RelayClient {
        let address = RelayAddress {
            url: relay.url(),
            pin: relay.pin(),
        };
        RelayClient::new(
            &address,
            self.archive,
            SignerKey::from_seed(&self.seed).unwrap(),
        )
        .unwrap()
    }
}

/// An archive's owner.
pub struct Owner {
    pub root: Chain,
    pub genesis: Genesis,
    pub log_seed: [u8; 32],
    pub control: (ControlNumber, ControlId),
    pub epoch: EpochId,
    pub governance: EpochId,
}

impl Owner {
    /// Different numbers make different archives.
    pub fn new(number: u8) -> Self {
        let log_seed = [number.wrapping_add(100); 32];
        let root = SignerKey::from_seed(&[number; 32]).unwrap();
        let log = SignerKey::from_seed(&log_seed).unwrap();
        let genesis = Genesis::new(
            root.public(),
            vec![log.public()],
            WitnessPolicy::default(),
            Milliseconds::new(1_700_000_000_000),
            GenesisNonce::from_bytes([number; 16]),
        )
        .unwrap();
        let epoch = XWingKey::from_bytes(&[number; XWingKey::SIZE])
            .unwrap()
            .epoch_id();
        let governance = XWingKey::from_bytes(&[number.wrapping_add(1); XWingKey::SIZE])
            .unwrap()
            .epoch_id();
        Self {
            root: Chain::new(number, genesis.archive_id()),
            control: (ControlNumber::new(0), genesis.control_id()),
            genesis,
            log_seed,
            epoch,
            governance,
        }
    }

    pub fn archive(&self) -> ArchiveId {
        self.genesis.archive_id()
    }

    pub fn config(&self) -> ArchiveConfig {
        ArchiveConfig::new(self.archive(), SigningSeed::from_bytes(self.log_seed))
    }

    pub fn genesis_entry(&mut self) -> Entry {
        self.root
            .say(Body::Genesis(self.genesis.clone()), Vec::new())
    }

    pub fn act(&mut self, act: Act) -> Entry {
        let control = Control {
            number: self.control.0.next(),
            previous: self.control.1,
            act,
        };
        self.control = (control.number, control.id());
        self.root.say(Body::Control(control), Vec::new())
    }

    pub fn enrol(&mut self, signer: &Chain, role: Role) -> Entry {
        let key = signer.key.public();
        self.act(Act::Enrol(Enrol {
            key,
            role,
            mailbox: None,
            follows: None,
            follows_until: None,
            tls: None,
        }))
    }

    pub fn publish_epochs(&mut self) -> Entry {
        let number = self.root.seed[0];
        let epoch = |key: u8, usage| {
            let key = XWingKey::from_bytes(&[key; XWingKey::SIZE]).unwrap();
            PublishedEpoch {
                id: key.epoch_id(),
                key,
                class: RetentionClass::new(1),
                usage,
                from: Milliseconds::new(0),
                until: Milliseconds::new(4_000_000_000_000),
                keep_until: Milliseconds::new(4_000_000_000_000),
            }
        };
        let epochs = vec![
            epoch(number, EpochUse::Reserve),
            epoch(number.wrapping_add(1), EpochUse::Governance),
        ];
        self.act(Act::Recipients(Recipients { epochs }))
    }

    pub fn origin(&self) -> Origin {
        Origin::new(&self.genesis.origin()).unwrap()
    }

    pub fn log_key(&self) -> VerifierKey {
        let public = SignerKey::from_seed(&self.log_seed).unwrap().public();
        VerifierKey::new(
            self.origin().key_name().clone(),
            KeyKind::Note,
            public.as_bytes(),
        )
        .unwrap()
    }

    pub fn policy(&self) -> Policy {
        self.genesis.log_policy(self.genesis.witnesses()).unwrap()
    }

    /// Reads a receipt as an agent does.
    pub fn verify(&self, entry: &Entry, receipt: &str) -> Receipt {
        verify_receipt(entry, receipt.as_bytes(), &self.policy(), None).unwrap()
    }
}

/// Small heartbeats say something without an object.
pub fn heartbeat(waiting: u64) -> Body {
    Body::Heartbeat(wire::Heartbeat {
        accounts: Vec::new(),
        waiting,
        details: None,
    })
}

pub fn batch(epoch: EpochId) -> Body {
    Body::Batch(BatchHead {
        epoch,
        count: RecordCount::new(1),
        root: CommitmentRoot::from_bytes([9; 32]),
        import: false,
    })
}

pub fn object(bytes: &[u8]) -> Object {
    Object {
        hash: ObjectHash::from_bytes(canonical::sha256(bytes)),
        length: ObjectLength::new(bytes.len() as u64),
    }
}

/// Bytes that look like ciphertext and differ for every seed.
pub fn ciphertext(seed: u64, length: usize) -> Bytes {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let byte = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    std::iter::repeat_with(byte).take(length).collect()
}

pub fn bundle(entries: &[Entry]) -> Vec<u8> {
    wire::api::write_bundle(entries).unwrap()
}

/// A relay with an owner whose agent and vault are enrolled and whose epochs are published.
pub struct House {
    pub relay: RunningRelay,
    pub owner: Owner,
    pub agent: Chain,
    pub vault: Chain,
    pub folder: tempfile::TempDir,
}

pub fn config(folder: &Path) -> RelayConfig {
    RelayConfig::in_folder(folder.to_owned())
}

impl House {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut RelayConfig)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut owner = Owner::new(1);
        let mut config = config(folder.path());
        config.archives.push(owner.config());
        change(&mut config);
        let relay = Relay::start(config).await.unwrap();
        let agent = Chain::new(2, owner.archive());
        let vault = Chain::new(3, owner.archive());
        let start = [
            owner.genesis_entry(),
            owner.enrol(&agent, Role::Agent),
            owner.enrol(&vault, Role::Vault),
            owner.publish_epochs(),
        ];
        let answer = owner
            .root
            .client(&relay)
            .post_entries(&start)
            .await
            .unwrap();
        assert_eq!((answer.receipts().len(), answer.refusal()), (4, None));
        Self {
            relay,
            owner,
            agent,
            vault,
            folder,
        }
    }

    /// Stops the relay and starts another one on its folder.
    pub async fn restart(self) -> Self {
        let Self {
            relay,
            owner,
            agent,
            vault,
            folder,
        } = self;
        relay.shutdown().await;
        let mut config = config(folder.path());
        config.archives.push(owner.config());
        let relay = Relay::start(config).await.unwrap();
        Self {
            relay,
            owner,
            agent,
            vault,
            folder,
        }
    }
}
