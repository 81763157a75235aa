//! `greffe init`: a new archive.

use capture::{Identity, Trust};
use seal::keyring::PassphraseCost;
use seal::{PeriodLength, Threshold, periods_from};
use serde_json::json;
use tlog::{CosignerKey, KeyName, SigningSeed};
use vault::follow::VaultFolder;
use wire::{PublicKey, SignerKey, WitnessKey, WitnessPolicy};
use zeroize::Zeroizing;

use super::Context;
use crate::cli::{EpochLength, Init};
use crate::engine::{self, Engine, Owner};
use crate::failure::Failure;
use crate::founding::{Custody, Founding, Plan};
use crate::home::{AgentSettings, ArchiveSettings, Home, RelaySettings, Settings};
use crate::secret::Passphrase;
use crate::shares;
use crate::system::{OsRandomness, now};
use crate::text::say;
use seal::Randomness;

/// Argon2id: 64 MiB, 3 passes, 1 lane; a third of a second on a slow machine.
const COST: (u32, u32, u32) = (64 * 1024, 3, 1);

/// Makes the archive and says plainly what losing the keys means.
pub(crate) fn run(context: &Context, arguments: &Init) -> Result<(), Failure> {
    let home = Home::for_new(context.global.home.as_deref())?;
    let made = make(context, arguments, &home);
    if made.is_err() {
        // An archive half made has no use and no content: the next init begins afresh.
        let _ = std::fs::remove_dir_all(home.folder());
    }
    made
}

fn make(context: &Context, arguments: &Init, home: &Home) -> Result<(), Failure> {
    let name = archive_name(arguments, home);
    let passphrase = match arguments.holders {
        None => Some(Passphrase::choose(
            context.global.passphrase_file.as_deref(),
        )?),
        Some(_) => None,
    };
    let custody = custody(arguments, passphrase.as_ref())?;
    let mut randomness = OsRandomness::new();
    let witness_seed = seed(&mut randomness);
    engine::write_seed(&home.part("witness")?, &witness_seed)?;
    let plan = Plan {
        periods: periods_from(now(), length(arguments.epochs), arguments.ahead)
            .map_err(|error| Failure::new("founding-failed").because(&error))?,
        years: arguments.years,
        witnesses: own_witness(&witness_seed)?,
    };
    let founding = Founding::begin(&plan, &custody, now(), &mut randomness)?;
    let genesis = founding.genesis().clone();
    engine::write_seed(&home.part("relay")?, founding.log_seed())?;
    let vault_key = make_vault(home, &mut randomness)?;
    let fingerprint = genesis.archive_id().to_string();
    home.write_settings(&Settings {
        archive: ArchiveSettings {
            name: name.clone(),
            fingerprint: fingerprint.clone(),
            epochs: format!("{:?}", arguments.epochs).to_lowercase(),
            years: arguments.years,
        },
        relay: RelaySettings {
            listen: arguments.listen,
        },
        agent: AgentSettings {
            custodian: "custodian-1".to_owned(),
        },
        alarms: None,
        keyring_stores: Vec::new(),
    })?;

    let delivered = context.runtime.block_on(async {
        let relay = engine::start_relay(home, &genesis, None, None).await?;
        let trust = Trust {
            genesis: genesis.clone(),
            relay: relay.url(),
            pin: relay.pin(),
        };
        relay.shutdown().await;
        let agent = Identity::create(&home.part("agent")?, &trust, &mut randomness)
            .map_err(|error| engine::part_failed("agent", &error))?;
        let mailbox = agent.mailbox().recipient().key().clone();
        let founded = founding.finish(
            vault_key,
            (agent.signer().public(), mailbox),
            &mut randomness,
        )?;
        Owner::create(home, &genesis, &founded)?;
        let written = match (arguments.holders, &arguments.shares) {
            (Some(holders), folder) => {
                let folder = folder
                    .clone()
                    .unwrap_or_else(|| home.folder().join("shares"));
                shares::write(&folder, &founded.shares, holders.holders, arguments.paper)?
            }
            (None, _) => Vec::new(),
        };
        let engine = Engine::start(home, None).await?;
        let delivered = engine.deliver(&mut |_| ()).await?;
        engine.shutdown().await;
        Ok::<_, Failure>((delivered, written))
    })?;

    let (delivered, written) = delivered;
    let value = json!({
        "archive": name, "fingerprint": fingerprint, "folder": home.folder(),
        "entries": delivered.log_size, "periods": arguments.ahead,
        "shares": shares::paths(&written), "passphrases": shares::passphrases(&written),
    });
    context.output.result(&value, || {
        let mut text = say!(
            "init-done",
            name = name,
            folder = home.folder(),
            fingerprint = fingerprint,
            periods = arguments.ahead,
        );
        text.push_str("\n\n");
        text.push_str(&match arguments.holders {
            None => say!("init-keys-passphrase"),
            Some(holders) => say!(
                "init-keys-shares",
                needed = holders.threshold,
                holders = holders.holders,
                forgives = holders.holders - holders.threshold,
                folder = written
                    .first()
                    .and_then(|one| one.path.parent())
                    .unwrap_or(home.folder()),
            ),
        });
        text.push_str(&shares::told(&written));
        text.push_str("\n\n");
        text.push_str(&say!("init-next"));
        text
    });
    Ok(())
}

fn archive_name(arguments: &Init, home: &Home) -> String {
    let of_folder = || {
        home.folder()
            .parent()
            .and_then(|folder| folder.file_name())
            .map(|name| name.to_string_lossy().into_owned())
    };
    arguments
        .name
        .clone()
        .or_else(of_folder)
        .unwrap_or_else(|| "archive".to_owned())
}

fn custody<'a>(
    arguments: &Init,
    passphrase: Option<&'a Passphrase>,
) -> Result<Custody<'a>, Failure> {
    match (arguments.holders, passphrase) {
        (Some(holders), _) => threshold(holders).map(Custody::Shares),
        (None, Some(passphrase)) => {
            let (memory, passes, lanes) = COST;
            let cost = PassphraseCost::new(memory, passes, lanes)
                .map_err(|error| Failure::new("founding-failed").because(&error))?;
            Ok(Custody::Passphrase(passphrase.as_str(), cost))
        }
        (None, None) => Err(Failure::new("passphrase-no-terminal")),
    }
}

fn threshold(holders: crate::cli::Holders) -> Result<Threshold, Failure> {
    Threshold::new(holders.threshold, holders.holders)
        .map_err(|error| Failure::new("founding-failed").because(&error))
}

fn make_vault(home: &Home, randomness: &mut OsRandomness) -> Result<PublicKey, Failure> {
    let folder = VaultFolder::at(home.part("vault")?);
    let seed = seed(randomness);
    folder
        .put_signer_key(&seed)
        .map_err(|error| engine::part_failed("vault", &error))?;
    SignerKey::from_seed(&seed)
        .map(|key| key.public())
        .map_err(|error| engine::part_failed("vault", &error))
}

/// The folder's own witness cosigns too, so that a relay rolled back alone is found; it is not
/// independent, and `verify` says so.
fn own_witness(seed: &[u8; 32]) -> Result<WitnessPolicy, Failure> {
    let failed = |error: &dyn std::error::Error| engine::part_failed("witness", error);
    let name = KeyName::new(engine::OWN_WITNESS).map_err(|error| failed(&error))?;
    let key =
        CosignerKey::new(name, &SigningSeed::from_bytes(*seed)).map_err(|error| failed(&error))?;
    let public = PublicKey::try_from(key.verifier().public()).map_err(|error| failed(&error))?;
    Ok(WitnessPolicy {
        quorum: 0,
        witnesses: vec![WitnessKey {
            name: engine::OWN_WITNESS.to_owned(),
            key: public,
            independent: false,
        }],
    })
}

fn seed(randomness: &mut OsRandomness) -> Zeroizing<[u8; 32]> {
    let mut seed = Zeroizing::new([0; 32]);
    randomness.fill(seed.as_mut());
    seed
}

fn length(epochs: EpochLength) -> PeriodLength {
    match epochs {
        EpochLength::Month => PeriodLength::Month,
        EpochLength::Quarter => PeriodLength::Quarter,
        EpochLength::Year => PeriodLength::Year,
    }
}
