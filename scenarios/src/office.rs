//! An archive in one folder: the owner's keyring, an enrolled vault, an enrolled agent, and what a
//! relay needs to serve it.

use std::path::{Path, PathBuf};

use capture::{Environment, Identity, Trust};
use client::{RelayAddress, RelayClient};
use relay::{ArchiveConfig, RelayConfig, RunningRelay};
use seal::keyring::{Keyring, PassphraseCost, UnlockedKeyring};
use seal::{
    ForRecords, NewEpoch, OpenedBatch, OpeningKey, Period, Randomness, make_epoch, open_batch,
};
use testkit::Seeded;
use tlog::SigningSeed;
use vault::follow::VaultFolder;
use vault::system::{SystemRandomness, now};
use wire::{
    Act, Body, ChainPosition, Control, Enrol, Entry, EntryDraft, EpochUse, Genesis, GenesisNonce,
    Kind, Recipients, RetentionClass, Role, SignerKey, TlsIdentity, WitnessPolicy,
};

/// What unlocks the keyring of every office.
pub const PASSPHRASE: &str = "correct horse battery staple";

/// Largest object that a test reads, in bytes.
const OBJECT: u64 = 64 << 20;

/// An archive and where its parts keep their things.
#[derive(Debug)]
pub struct Office {
    folder: PathBuf,
    genesis: Genesis,
    log_seed: [u8; 32],
}

impl Office {
    /// Founds an archive: root, log key, keyring, one epoch for records and one for governance; the
    /// vault and the agent are enrolled. Different seeds make different archives. All that the
    /// owner has signed is kept, so that any relay can begin the log with it.
    pub fn found(folder: &Path, seed: u64) -> Self {
        Self::found_host(folder, seed, 0)
    }

    /// The same with a host on which so many custodians have agents, enrolled like the first.
    pub fn found_host(folder: &Path, seed: u64, hosted: usize) -> Self {
        let mut randomness = Seeded::new(seed);
        let mut draw = || {
            let mut bytes = [0; 32];
            randomness.fill(&mut bytes);
            bytes
        };
        let (root_seed, log_seed, vault_seed, nonce) = (draw(), draw(), draw(), draw());
        let root = SignerKey::from_seed(&root_seed).unwrap();
        let log = SignerKey::from_seed(&log_seed).unwrap();
        let genesis = Genesis::new(
            root.public(),
            vec![log.public()],
            WitnessPolicy::default(),
            now(),
            GenesisNonce::from_bytes(*nonce.first_chunk().unwrap()),
        )
        .unwrap();
        let office = Self {
            folder: folder.to_owned(),
            genesis,
            log_seed,
        };

        let trust = Trust {
            genesis: office.genesis.clone(),
            relay: "https://localhost:1".to_owned(),
            pin: TlsIdentity::from_bytes([0; 32]),
        };
        let agent =
            Identity::create(&office.agent(), &trust, &mut Seeded::new(seed ^ 0xa6e17)).unwrap();
        std::fs::create_dir_all(office.vault().path()).unwrap();
        office.vault().put_signer_key(&vault_seed).unwrap();

        let epochs =
            [EpochUse::Reserve, EpochUse::Governance].map(|usage| epoch(usage, &mut randomness));
        let archive = office.genesis.archive_id();
        let mut ring = UnlockedKeyring::with_passphrase(
            archive,
            PASSPHRASE,
            PassphraseCost::LEAST,
            &mut randomness,
        )
        .unwrap();
        ring.add_epochs(&epochs, &mut randomness).unwrap();
        std::fs::write(office.keyring(), ring.lock().to_bytes()).unwrap();

        let vault = SignerKey::from_seed(&vault_seed).unwrap();
        let mut acts = vec![
            enrol(&vault, Role::Vault),
            enrol(agent.signer(), Role::Agent),
        ];
        for number in 0..hosted {
            let folder = office.host().join(format!("c-{number:04}"));
            let mut keys = Seeded::new(seed ^ 0x4057 ^ ((number as u64 + 1) << 20));
            let hosted = Identity::create(&folder, &trust, &mut keys).unwrap();
            acts.push(enrol(hosted.signer(), Role::Agent));
        }
        acts.extend([Act::Recipients(Recipients {
            epochs: epochs
                .iter()
                .map(|epoch| epoch.published().clone())
                .collect(),
        })]);
        std::fs::write(office.founding(), founding(&office.genesis, &root, acts)).unwrap();
        std::fs::write(office.log_key(), log_seed).unwrap();
        std::fs::write(folder.join("genesis.cbor"), office.genesis.to_bytes()).unwrap();
        office
    }

    /// Opens an office that was founded in `folder`.
    pub fn open(folder: &Path) -> Self {
        let genesis = Genesis::parse(&std::fs::read(folder.join("genesis.cbor")).unwrap()).unwrap();
        let mut office = Self {
            folder: folder.to_owned(),
            genesis,
            log_seed: [0; 32],
        };
        office.log_seed = std::fs::read(office.log_key()).unwrap().try_into().unwrap();
        office
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The archive's genesis.
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// The agent's folder.
    pub fn agent(&self) -> PathBuf {
        self.folder.join("agent")
    }

    /// The folder of the host's agents.
    pub fn host(&self) -> PathBuf {
        self.folder.join("host")
    }

    /// The vault's folder.
    pub fn vault(&self) -> VaultFolder {
        VaultFolder::at(self.folder.join("vault"))
    }

    /// The keyring's file.
    pub fn keyring(&self) -> PathBuf {
        self.folder.join("keyring.cbor")
    }

    /// What a relay in `folder` needs to serve this archive: the archive's id and the log's key.
    pub fn relay_config(&self, folder: &Path) -> RelayConfig {
        let mut config = RelayConfig::in_folder(folder.to_owned());
        let seed = SigningSeed::from_bytes(self.log_seed);
        config
            .archives
            .push(ArchiveConfig::new(self.genesis.archive_id(), seed));
        config
    }

    /// Begins the log of a relay with what the owner has signed; a log that has begun stays as it is.
    pub async fn begin_log(&self, address: &RelayAddress) {
        let founding = std::fs::read(self.founding()).unwrap();
        let mut entries: Vec<Entry> = Vec::new();
        let mut rest = founding.as_slice();
        while let Some((length, more)) = rest.split_first_chunk::<2>() {
            let (entry, behind) = more.split_at(usize::from(u16::from_be_bytes(*length)));
            entries.push(Entry::parse(entry).unwrap());
            rest = behind;
        }
        let client =
            RelayClient::new(address, self.genesis.archive_id(), self.vault_key()).unwrap();
        for some in entries.chunks(wire::limit::BUNDLE_ENTRIES) {
            let answer = client.post_entries(some).await.unwrap();
            assert_eq!(answer.refusal(), None);
        }
    }

    /// The vault's signing key.
    pub fn vault_key(&self) -> SignerKey {
        self.vault().read_signer_key().unwrap()
    }

    /// The key that opens the records, unlocked by the owner's passphrase.
    pub fn opening_key(&self) -> OpeningKey<ForRecords> {
        let ring = Keyring::from_bytes(&std::fs::read(self.keyring()).unwrap(), None).unwrap();
        let epoch = ring
            .epochs()
            .iter()
            .find(|epoch| epoch.usage() == EpochUse::Reserve)
            .unwrap()
            .id();
        ring.unlock_with_passphrase(PASSPHRASE)
            .unwrap()
            .records(epoch)
            .unwrap()
    }

    /// Every batch that a vault's mirror holds, verified and opened by the owner.
    pub fn opened(&self, vault: &VaultFolder) -> Vec<OpenedBatch> {
        let (mirror, key) = (vault.mirror(), self.opening_key());
        let entries = vault::verify::verified_entries(&mirror).unwrap();
        let batches = entries
            .iter()
            .filter(|entry| entry.entry().kind() == Kind::Batch);
        batches
            .map(|entry| {
                let object = mirror.object_path(entry.entry().objects()[0].hash);
                let bytes = mirror.read(&object, OBJECT).unwrap().unwrap();
                open_batch(&key, entry, &bytes).unwrap()
            })
            .collect()
    }

    /// The network's ids of all records in the vault's mirror, in the order of the log.
    pub fn source_ids(&self) -> Vec<String> {
        self.source_ids_of(&self.vault())
    }

    /// The same of another vault of this archive.
    pub fn source_ids_of(&self, vault: &VaultFolder) -> Vec<String> {
        let mut ids = Vec::new();
        for batch in self.opened(vault) {
            for record in batch.records() {
                ids.push(
                    record
                        .unwrap()
                        .record()
                        .envelope()
                        .source_id()
                        .as_str()
                        .to_owned(),
                );
            }
        }
        ids
    }

    fn founding(&self) -> PathBuf {
        self.folder.join("founding.entries")
    }

    fn log_key(&self) -> PathBuf {
        self.folder.join("log.seed")
    }
}

/// Where a relay of this process is.
pub fn address(relay: &RunningRelay) -> RelayAddress {
    RelayAddress {
        url: relay.url(),
        pin: relay.pin(),
    }
}

/// The system's clock and randomness, as the program gives them to an agent.
pub fn environment() -> Environment {
    Environment::new(now, || Box::new(SystemRandomness))
}

fn epoch(usage: EpochUse, randomness: &mut dyn Randomness) -> NewEpoch {
    let period = Period {
        from: now(),
        until: now().plus(10 * 365 * 86_400_000),
    };
    make_epoch(
        RetentionClass::new(0),
        usage,
        period,
        period.until,
        randomness,
    )
}

fn enrol(key: &SignerKey, role: Role) -> Act {
    let key = key.public();
    Act::Enrol(Enrol {
        key,
        role,
        mailbox: None,
        follows: None,
        follows_until: None,
        tls: None,
    })
}

/// The genesis and these acts, signed by the root: as many bundles as it takes, one behind the other.
fn founding(genesis: &Genesis, root: &SignerKey, acts: Vec<Act>) -> Vec<u8> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut sign = |body| {
        let at = entries
            .last()
            .map_or(ChainPosition::FIRST, |last| ChainPosition {
                number: last.number().next(),
                previous: last.id(),
            });
        let draft = EntryDraft::new(genesis.archive_id(), root.id(), at, body, now());
        entries.push(
            draft
                .with_objects(Vec::new())
                .unwrap()
                .sign(&[root])
                .unwrap(),
        );
    };
    sign(Body::Genesis(genesis.clone()));
    let (mut number, mut previous) = (wire::ControlNumber::new(0), genesis.control_id());
    for act in acts {
        let control = Control {
            number: number.next(),
            previous,
            act,
        };
        (number, previous) = (control.number, control.id());
        sign(Body::Control(control));
    }
    entries
        .chunks(wire::limit::BUNDLE_ENTRIES)
        .flat_map(|some| wire::api::write_bundle(some).unwrap())
        .collect()
}
