//! `greffe relay` and `greffe witness`: one part on a machine of its own, told by a file.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use relay::store::S3Config;
use relay::witness::{self, WitnessConfig};
use relay::{ArchiveConfig, Clock, Rate, RelayConfig, Storage, TlsSource, WitnessTarget};
use serde::Deserialize;
use serde_json::json;
use tlog::{KeyKind, KeyName, Origin, SigningSeed, VerifierKey};
use vault::follow::VaultFolder;
use wire::ArchiveId;
use zeroize::Zeroizing;

use super::Context;
use super::up::stop_asked;
use crate::cli;
use crate::engine::{part_failed, rebuild_from};
use crate::failure::Failure;
use crate::home;
use crate::text::say;

/// A relay's file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RelayFile {
    listen: SocketAddr,
    operations: Option<SocketAddr>,
    folder: PathBuf,
    tls: Option<TlsFile>,
    s3: Option<S3File>,
    #[serde(rename = "archive")]
    archives: Vec<ArchiveFile>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TlsFile {
    chain: PathBuf,
    key: PathBuf,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct S3File {
    endpoint: String,
    region: String,
    bucket: String,
    #[serde(default)]
    prefix: String,
    access_key_id: String,
    /// A file that holds the secret key: secrets do not stand in settings.
    secret_access_key_file: PathBuf,
    #[serde(default)]
    allow_http: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ArchiveFile {
    fingerprint: String,
    log_seed_file: PathBuf,
    #[serde(default, rename = "witness")]
    witnesses: Vec<WitnessRow>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WitnessRow {
    /// The witness's verifier key, as `greffe witness` prints it.
    key: String,
    url: String,
    pin: Option<String>,
}

/// A witness's file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WitnessFile {
    listen: SocketAddr,
    name: String,
    seed_file: PathBuf,
    memory: PathBuf,
    tls: Option<TlsFile>,
    #[serde(rename = "log")]
    logs: Vec<LogRow>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LogRow {
    fingerprint: String,
    /// The log's Ed25519 public keys, in hex.
    keys: Vec<String>,
}

/// Runs a relay until it is asked to stop.
pub(crate) fn relay(context: &Context, arguments: &cli::Relay) -> Result<(), Failure> {
    let path = arguments.config.as_path();
    let file: RelayFile = parse(path)?;
    let mut config = RelayConfig::in_folder(file.folder);
    config.listen = file.listen;
    config.operations = file.operations;
    if let Some(tls) = file.tls {
        config.tls = TlsSource::Files {
            chain: tls.chain,
            key: tls.key,
        };
    }
    if let Some(s3) = file.s3 {
        config.storage = Storage::S3(bucket(s3)?);
    }
    for archive in file.archives {
        config.archives.push(archive_config(path, archive)?);
    }
    context.runtime.block_on(async {
        if let Some(vault) = &arguments.rebuild_from {
            let rebuilt = rebuild_from(&config, &VaultFolder::at(vault)).await?;
            let value = json!({
                "rebuilt": rebuilt.size.get(), "objects": rebuilt.objects,
                "objects_missing": rebuilt.objects_missing,
            });
            context.output.result(&value, || {
                say!(
                    "relay-rebuilt",
                    size = rebuilt.size.get(),
                    objects = rebuilt.objects,
                    missing = rebuilt.objects_missing
                )
            });
        }
        let relay = relay::Relay::start(config)
            .await
            .map_err(|error| part_failed("relay", &error))?;
        let value = json!({
            "relay": relay.url(), "pin": relay.pin().to_string(), "operations": relay.operations(),
        });
        context.output.result(&value, || {
            say!(
                "relay-running",
                relay = relay.url(),
                pin = relay.pin().to_string()
            )
        });
        stop_asked().await;
        relay.shutdown().await;
        Ok(())
    })
}

/// Runs a witness until it is asked to stop.
pub(crate) fn witness(context: &Context, arguments: &cli::Witness) -> Result<(), Failure> {
    let path = arguments.config.as_path();
    let file: WitnessFile = parse(path)?;
    let logs = file
        .logs
        .iter()
        .map(|log| {
            let archive: ArchiveId = log
                .fingerprint
                .parse()
                .map_err(|_| wrong(path, "fingerprint"))?;
            let origin =
                Origin::new(&archive.origin()).map_err(|error| part_failed("witness", &error))?;
            let keys = log
                .keys
                .iter()
                .map(|text| {
                    let key: wire::PublicKey = text.parse().map_err(|_| wrong(path, "keys"))?;
                    VerifierKey::new(origin.key_name().clone(), KeyKind::Note, key.as_bytes())
                        .map_err(|error| part_failed("witness", &error))
                })
                .collect::<Result<Vec<_>, Failure>>()?;
            Ok((origin, keys))
        })
        .collect::<Result<Vec<_>, Failure>>()?;
    let config = WitnessConfig {
        listen: file.listen,
        tls: file.tls.map(|tls| TlsSource::Files {
            chain: tls.chain,
            key: tls.key,
        }),
        memory: file.memory,
        name: KeyName::new(&file.name).map_err(|error| part_failed("witness", &error))?,
        seed: seed(&file.seed_file)?,
        logs,
        address_requests: Rate {
            per_second: 100,
            burst: 200,
        },
        clock: Clock::system(),
    };
    context.runtime.block_on(async {
        let witness = witness::start(config)
            .await
            .map_err(|error| part_failed("witness", &error))?;
        let key = witness.verifier().to_string();
        let value = json!({
            "witness": witness.url(), "key": key, "pin": witness.pin().map(|pin| pin.to_string()),
        });
        context.output.result(&value, || {
            say!("witness-running", url = witness.url(), key = key)
        });
        stop_asked().await;
        witness.shutdown().await;
        Ok(())
    })
}

fn archive_config(path: &Path, file: ArchiveFile) -> Result<ArchiveConfig, Failure> {
    let archive: ArchiveId = file
        .fingerprint
        .parse()
        .map_err(|_| wrong(path, "fingerprint"))?;
    let mut config = ArchiveConfig::new(archive, seed(&file.log_seed_file)?);
    for row in file.witnesses {
        config.witnesses.push(WitnessTarget {
            key: VerifierKey::parse(&row.key).map_err(|_| wrong(path, "witness.key"))?,
            url: row.url,
            pin: row
                .pin
                .map(|text| text.parse().map_err(|_| wrong(path, "witness.pin")))
                .transpose()?,
        });
    }
    Ok(config)
}

fn bucket(file: S3File) -> Result<S3Config, Failure> {
    let secret = home::read(&file.secret_access_key_file)?;
    Ok(S3Config {
        endpoint: file.endpoint,
        region: file.region,
        bucket: file.bucket,
        prefix: file.prefix,
        access_key_id: file.access_key_id,
        secret_access_key: String::from_utf8_lossy(&secret).trim().to_owned(),
        allow_http: file.allow_http,
    })
}

/// A seed of 32 bytes, bare or in hex; made if the file is not there yet.
fn seed(path: &Path) -> Result<SigningSeed, Failure> {
    use seal::Randomness;
    if !path.exists() {
        let mut made = Zeroizing::new([0; 32]);
        crate::system::OsRandomness::new().fill(made.as_mut());
        home::write_durably(path, made.as_slice())?;
    }
    let bytes = Zeroizing::new(home::read(path)?);
    let bare = <[u8; 32]>::try_from(bytes.as_slice()).ok();
    bare.map(SigningSeed::from_bytes)
        .ok_or_else(|| Failure::new("seed-wrong").with("path", path))
}

fn parse<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, Failure> {
    let bytes = home::read(path)?;
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        Failure::new("settings-wrong")
            .with("path", path)
            .because(&error)
    })?;
    toml::from_str(text).map_err(|error| {
        Failure::new("settings-wrong")
            .with("path", path)
            .because(&error)
    })
}

fn wrong(path: &Path, field: &str) -> Failure {
    Failure::new("settings-wrong")
        .with("path", path)
        .with("why", field)
}
