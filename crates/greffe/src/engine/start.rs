//! Starting and ending the parts.

use std::net::SocketAddr;
use std::sync::Arc;

use capture::{Agent, Courier, Environment, Identity};
use client::{RelayAddress, RelayClient};
use relay::witness::{self, RunningWitness, WitnessConfig};
use relay::{ArchiveConfig, Clock, Rate, Relay, RelayConfig, RunningRelay, WitnessTarget};
use tlog::{KeyKind, KeyName, Origin, SigningSeed, VerifierKey};
use tokio::sync::Mutex;
use vault::follow::{Locked, Start, VaultFolder};
use wire::{Entry, Genesis, SignerKey};
use zeroize::Zeroizing;

use super::{Engine, Owner};
use crate::failure::{Exit, Failure};
use crate::home::{self, Home};
use crate::system::{OsRandomness, now};

/// Name of the file with the seed of a part's key.
const SEED: &str = "key.seed";
/// Name of the key of the witness that every folder brings along. It is the owner's own, and so
/// makes no checkpoint "witnessed".
pub(crate) const OWN_WITNESS: &str = "greffe-own-witness";

impl Engine {
    /// Starts the parts of the archive in `home`. The relay listens where `listen` says, or on any
    /// free port of this machine.
    pub(crate) async fn start(home: &Home, listen: Option<SocketAddr>) -> Result<Self, Failure> {
        let lock = home.lock()?;
        let owner = Owner::open(home)?;
        let genesis = owner.genesis().clone();
        refuse_if_lost(home, &genesis).await?;
        let witness = start_witness(home, &genesis).await?;
        let relay = start_relay(home, &genesis, Some(&witness), listen).await?;
        let address = RelayAddress {
            url: relay.url(),
            pin: relay.pin(),
        };

        let folder = VaultFolder::at(home.part("vault")?);
        let vault_client =
            RelayClient::new(&address, genesis.archive_id(), read_vault_key(&folder)?)
                .map_err(|error| part_failed("relay", &error))?;
        found_again(&owner, &vault_client).await?;
        let asking = vault_client.clone();
        let vault = Locked::open(
            &folder,
            genesis.clone(),
            read_vault_key(&folder)?,
            vault_client,
            now,
        )
        .map_err(|error| part_failed("vault", &error))?;
        if let Start::Distrusted(why) = vault.start() {
            tracing::warn!(%why, "what the vault had verified before was not as it wrote it: its whole mirror was verified again");
        }

        let mut identity =
            Identity::open(&home.part("agent")?).map_err(|error| part_failed("agent", &error))?;
        identity
            .move_relay(address.url.clone(), address.pin)
            .map_err(|error| part_failed("agent", &error))?;
        let agent_client = RelayClient::new(
            &address,
            genesis.archive_id(),
            Arc::clone(identity.signer()),
        )
        .map_err(|error| part_failed("relay", &error))?;
        let agent = Agent::open(identity, environment())
            .map(Arc::new)
            .map_err(|error| part_failed("agent", &error))?;
        Ok(Self {
            relay,
            witness,
            vault: Mutex::new(vault),
            courier: Mutex::new(Courier::new(Arc::clone(&agent), agent_client)),
            agent,
            vault_client: asking,
            _lock: lock,
        })
    }
}

/// Clock and randomness of this machine, for the agent.
pub(crate) fn environment() -> Environment {
    Environment::new(now, || Box::new(OsRandomness::new()))
}

/// A relay for one archive, in the archive's folder.
pub(crate) async fn start_relay(
    home: &Home,
    genesis: &Genesis,
    witness: Option<&RunningWitness>,
    listen: Option<SocketAddr>,
) -> Result<RunningRelay, Failure> {
    let mut config = relay_config(home, genesis)?;
    config.listen = listen.unwrap_or(config.listen);
    let witnesses = config.archives.iter_mut().map(|one| &mut one.witnesses);
    for witnesses in witnesses {
        witnesses.extend(witness.map(|witness| WitnessTarget {
            key: witness.verifier().clone(),
            url: witness.url(),
            pin: witness.pin(),
        }));
    }
    let address = config.listen;
    Relay::start(config).await.map_err(|error| match &error {
        relay::StartError::Listen { source, .. }
            if source.kind() == std::io::ErrorKind::AddrInUse =>
        {
            Failure::new("port-busy")
                .with("address", address.to_string())
                .exit(Exit::Busy)
        }
        _ => part_failed("relay", &error),
    })
}

fn relay_config(home: &Home, genesis: &Genesis) -> Result<RelayConfig, Failure> {
    let folder = home.part("relay")?;
    let seed = read_seed(&folder)?;
    let mut config = RelayConfig::in_folder(folder);
    config.archives.push(ArchiveConfig::new(
        genesis.archive_id(),
        SigningSeed::from_bytes(*seed),
    ));
    Ok(config)
}

/// A relay without a log beside a vault that has mirrored one has lost it. A new log would be a fork:
/// the vault would say so at every step.
async fn refuse_if_lost(home: &Home, genesis: &Genesis) -> Result<(), Failure> {
    let mirror = VaultFolder::at(home.part("vault")?).mirror();
    if !mirror.checkpoint_path().exists() {
        return Ok(());
    }
    let config = relay_config(home, genesis)?;
    let lost = Relay::has_no_log(&config, genesis.archive_id())
        .await
        .map_err(|error| part_failed("relay", &error))?;
    match lost {
        true => Err(Failure::new("relay-log-lost").with("folder", config.folder.as_path())),
        false => Ok(()),
    }
}

/// Makes the relay of this folder again from the mirror of this folder's vault.
pub(crate) async fn rebuild_relay(home: &Home) -> Result<relay::Rebuilt, Failure> {
    let _lock = home.lock()?;
    let owner = Owner::open(home)?;
    let config = relay_config(home, owner.genesis())?;
    rebuild_from(&config, &VaultFolder::at(home.part("vault")?)).await
}

/// Makes a relay again from the mirror of a vault.
pub(crate) async fn rebuild_from(
    config: &RelayConfig,
    vault: &VaultFolder,
) -> Result<relay::Rebuilt, Failure> {
    let mirror = vault.mirror();
    let genesis = Genesis::parse(&home::read(&mirror.genesis_path())?)
        .map_err(|error| part_failed("relay", &error))?;
    Relay::rebuild(config, genesis.archive_id(), mirror.root())
        .await
        .map_err(|error| Failure::new("relay-not-rebuilt").because(&error))
}

async fn start_witness(home: &Home, genesis: &Genesis) -> Result<RunningWitness, Failure> {
    let failed = |error: &dyn std::error::Error| part_failed("witness", error);
    let folder = home.part("witness")?;
    let seed = read_seed(&folder)?;
    let origin = Origin::new(&genesis.origin()).map_err(|error| failed(&error))?;
    let keys = genesis
        .log_keys()
        .iter()
        .map(|key| VerifierKey::new(origin.key_name().clone(), KeyKind::Note, key.as_bytes()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| failed(&error))?;
    witness::start(WitnessConfig {
        listen: (std::net::Ipv4Addr::LOCALHOST, 0).into(),
        tls: None,
        memory: folder.join("memory.db"),
        name: KeyName::new(OWN_WITNESS).map_err(|error| failed(&error))?,
        seed: SigningSeed::from_bytes(*seed),
        logs: vec![(origin, keys)],
        address_requests: Rate {
            per_second: 100,
            burst: 200,
        },
        clock: Clock::system(),
    })
    .await
    .map_err(|error| failed(&error))
}

/// Begins the log with the owner's entries where the relay does not have them: it is new.
async fn found_again(owner: &Owner, client: &RelayClient) -> Result<(), Failure> {
    if client.checkpoint().await.is_ok() {
        return Ok(());
    }
    post(client, &owner.entries()?).await
}

/// Posts entries of the root; all of them must be admitted.
pub(super) async fn post(client: &RelayClient, entries: &[Entry]) -> Result<(), Failure> {
    for some in entries.chunks(wire::limit::BUNDLE_ENTRIES) {
        let answer = client
            .post_entries(some)
            .await
            .map_err(|error| part_failed("relay", &error))?;
        if let Some(refusal) = answer.refusal() {
            return Err(Failure::new("founding-refused").because(refusal));
        }
    }
    Ok(())
}

/// Writes a part's seed, once.
pub(crate) fn write_seed(folder: &std::path::Path, seed: &[u8; 32]) -> Result<(), Failure> {
    home::write_durably(&folder.join(SEED), seed)
}

fn read_seed(folder: &std::path::Path) -> Result<Zeroizing<[u8; 32]>, Failure> {
    let path = folder.join(SEED);
    let bytes = Zeroizing::new(home::read(&path)?);
    <[u8; 32]>::try_from(bytes.as_slice())
        .map(Zeroizing::new)
        .map_err(|_| Failure::new("seed-wrong").with("path", path.as_path()))
}

fn read_vault_key(folder: &VaultFolder) -> Result<SignerKey, Failure> {
    folder
        .read_signer_key()
        .map_err(|error| part_failed("vault", &error))
}

/// One of the parts can not do its work.
pub(crate) fn part_failed(part: &'static str, error: &dyn std::error::Error) -> Failure {
    Failure::new("part-failed")
        .with("part", part)
        .because(error)
}
