//! Who this agent is and which archive it trusts: a folder with three secrets and one plain file.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use seal::{ForMail, OpeningKey, Randomness};
use serde::{Deserialize, Serialize};
use wire::{AccountHandle, ArchiveId, Genesis, SignerKey, TlsIdentity};
use zeroize::Zeroizing;

use crate::credential::Credential;
use crate::local_key::LocalKey;

const SIGNER: &str = "signer.seed";
const MAILBOX: &str = "mailbox.seed";
const LOCAL: &str = "local.key";
const TRUST: &str = "trust.toml";
const GENESIS: &str = "genesis.cbor";
/// Secrets of accounts, one file each.
const SECRETS: &str = "secrets";

/// Which archive an agent captures for, and where its relay is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    /// The archive's genesis; its fingerprint is what people compare.
    pub genesis: Genesis,
    /// Address of the relay, `https://host:port`.
    pub relay: String,
    /// SHA-256 of the relay certificate's SubjectPublicKeyInfo.
    pub pin: TlsIdentity,
}

/// An agent's keys and trust.
#[derive(Debug)]
pub struct Identity {
    folder: PathBuf,
    signer: Arc<SignerKey>,
    mailbox: OpeningKey<ForMail>,
    local: Arc<LocalKey>,
    trust: Trust,
    credential: Option<Arc<Credential>>,
}

/// Why an agent's folder can not be made or opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// There is an agent already: making another would give its number twice.
    #[error("{} holds an agent already", .0.display())]
    Exists(PathBuf),
    /// A file can not be read or written.
    #[error("{}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A secret's file has another size, or others may read it.
    #[error("{} {why}", path.display())]
    Secret {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The trust file is not understood.
    #[error("{} is not understood", path.display())]
    Trust {
        /// Which file.
        path: PathBuf,
        /// Where and why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TrustFile {
    archive: String,
    relay: String,
    pin: String,
}

impl Identity {
    /// Makes a new agent in `folder`, with new keys. It still has to be enrolled.
    ///
    /// # Errors
    ///
    /// When there is one already, or the disk fails.
    pub fn create(
        folder: &Path,
        trust: &Trust,
        randomness: &mut dyn Randomness,
    ) -> Result<Self, IdentityError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| IdentityError::Io { path, source }
        };
        fs::create_dir_all(folder).map_err(at(folder))?;
        if folder.join(SIGNER).exists() {
            return Err(IdentityError::Exists(folder.to_owned()));
        }
        write_trust(folder, trust)?;
        // The signer last: a folder without it is no agent yet, and is made anew.
        for name in [MAILBOX, LOCAL, SIGNER] {
            let path = folder.join(name);
            let mut secret = Zeroizing::new([0; 32]);
            randomness.fill(secret.as_mut());
            write_secret(&path, &secret).map_err(at(&path))?;
        }
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(at(folder))?;
        Self::open(folder)
    }

    /// Opens the agent in `folder`.
    ///
    /// # Errors
    ///
    /// When a file is missing, unreadable, or a secret is open to others.
    pub fn open(folder: &Path) -> Result<Self, IdentityError> {
        Self::open_with(folder, None)
    }

    /// Opens the agent in `folder`, whose secrets may be wrapped under a credential of the system.
    /// Plain ones are wrapped now, if there is one (AGENT-7).
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), and when the secrets are wrapped under another credential.
    pub fn open_with(
        folder: &Path,
        credential: Option<Arc<Credential>>,
    ) -> Result<Self, IdentityError> {
        let trust = read_trust(folder)?;
        let given = credential.as_deref();
        if let Some(credential) = given {
            for name in [MAILBOX, LOCAL, SIGNER] {
                wrap(&folder.join(name), credential)?;
            }
        }
        let signer = read_signer(folder, given)?;
        let local_path = folder.join(LOCAL);
        let local = LocalKey::new(&*read_secret(&local_path, given)?).map_err(|_| {
            IdentityError::Secret {
                path: local_path,
                why: "holds no key",
            }
        })?;
        Ok(Self {
            folder: folder.to_owned(),
            signer: Arc::new(signer),
            mailbox: OpeningKey::from_seed(&*read_secret(&folder.join(MAILBOX), given)?),
            local: Arc::new(local),
            trust,
            credential,
        })
    }

    /// Writes down another relay address or pin for the same archive.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub fn move_relay(&mut self, relay: String, pin: TlsIdentity) -> Result<(), IdentityError> {
        let trust = Trust {
            genesis: self.trust.genesis.clone(),
            relay,
            pin,
        };
        write_trust(&self.folder, &trust)?;
        self.trust = trust;
        Ok(())
    }

    /// The agent's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The signing key.
    pub fn signer(&self) -> &Arc<SignerKey> {
        &self.signer
    }

    /// The signing key once more, for a client that wants one of its own.
    ///
    /// # Errors
    ///
    /// When its file can not be read any more.
    pub fn signer_key(&self) -> Result<SignerKey, IdentityError> {
        read_signer(&self.folder, self.credential.as_deref())
    }

    /// The mailbox key; its public half goes into the enrolment.
    pub fn mailbox(&self) -> &OpeningKey<ForMail> {
        &self.mailbox
    }

    /// The key of marks and positions.
    pub fn local(&self) -> &Arc<LocalKey> {
        &self.local
    }

    /// The folder of an account's connector, whether the agent runs or not.
    pub fn connector_folder(&self, network: &str, account: &str) -> PathBuf {
        let handle = AccountHandle::from_bytes(self.local.handle(network, account));
        self.folder.join("connectors").join(handle.to_string())
    }

    /// Keeps what an account's connector must know and `agent.toml` must not hold: tokens of its
    /// network, keys of signatures. Wrapped under the system's credential where there is one
    /// (AGENT-8).
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub fn keep_secrets(
        &self,
        network: &str,
        account: &str,
        secrets: &BTreeMap<String, String>,
    ) -> Result<(), IdentityError> {
        let path = self.secrets_of(network, account);
        let io = |source| IdentityError::Io {
            path: path.clone(),
            source,
        };
        let plain = serde_json::to_vec(secrets).map(Zeroizing::new);
        let plain = plain.map_err(|error| io(error.into()))?;
        fs::create_dir_all(self.folder.join(SECRETS)).map_err(io)?;
        let bytes = match &self.credential {
            None => plain,
            Some(credential) => credential
                .wrap_bytes(name_of(&path), &plain)
                .map(Zeroizing::new)
                .map_err(|_| io(io::ErrorKind::Unsupported.into()))?,
        };
        crate::accounts::replace(&path, &bytes).map_err(io)
    }

    /// What [`keep_secrets`](Self::keep_secrets) kept; nothing where nothing was.
    ///
    /// # Errors
    ///
    /// When they can not be read, others may read them, or they are wrapped under a credential that
    /// is not given.
    pub fn secrets(
        &self,
        network: &str,
        account: &str,
    ) -> Result<BTreeMap<String, String>, IdentityError> {
        let path = self.secrets_of(network, account);
        let wrong = |why| IdentityError::Secret {
            path: path.clone(),
            why,
        };
        let bytes = match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
            Ok(file) if file.mode() & 0o077 != 0 => {
                return Err(wrong("may be read by others; run chmod 600 on it"));
            }
            _ => fs::read(&path),
        };
        let bytes = bytes
            .map(Zeroizing::new)
            .map_err(|source| IdentityError::Io {
                path: path.clone(),
                source,
            })?;
        let plain = match (bytes.first(), &self.credential) {
            (Some(b'{'), _) => bytes,
            (_, None) => {
                return Err(wrong(
                    "is wrapped under a credential of the system, which is not given",
                ));
            }
            (_, Some(credential)) => credential
                .unwrap_bytes(name_of(&path), &bytes)
                .map_err(|_| wrong("is wrapped under another credential than the one given"))?,
        };
        serde_json::from_slice(&plain).map_err(|_| wrong("is not what was kept"))
    }

    fn secrets_of(&self, network: &str, account: &str) -> PathBuf {
        let handle = AccountHandle::from_bytes(self.local.handle(network, account));
        self.folder.join(SECRETS).join(handle.to_string())
    }

    /// The archive.
    pub fn archive(&self) -> ArchiveId {
        self.trust.genesis.archive_id()
    }

    /// What this agent trusts.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }
}

/// Whether the secrets of the agent in `folder` lie wrapped under a credential of the system.
///
/// # Errors
///
/// When there is no agent.
pub fn is_wrapped(folder: &Path) -> Result<bool, io::Error> {
    let secrets = [MAILBOX, LOCAL, SIGNER];
    let wrapped = secrets.iter().map(|name| {
        let file = fs::metadata(folder.join(name))?;
        Ok::<_, io::Error>(file.len() == Credential::WRAPPED as u64)
    });
    wrapped.reduce(|a, b| Ok(a? && b?)).unwrap_or(Ok(false))
}

/// Puts a plain secret under the credential; a crash leaves it as it was or wrapped.
fn wrap(path: &Path, credential: &Credential) -> Result<(), IdentityError> {
    let at = |source| IdentityError::Io {
        path: path.to_owned(),
        source,
    };
    if fs::metadata(path).map_err(at)?.len() == Credential::WRAPPED as u64 {
        return Ok(());
    }
    let secret = read_secret(path, None)?;
    let wrapped = credential
        .wrap(name_of(path), &secret)
        .map_err(|_| at(io::ErrorKind::Unsupported.into()))?;
    crate::accounts::replace(path, &wrapped).map_err(at)
}

fn name_of(path: &Path) -> &[u8] {
    path.file_name().map_or(&[], |name| name.as_encoded_bytes())
}

fn read_signer(folder: &Path, credential: Option<&Credential>) -> Result<SignerKey, IdentityError> {
    let path = folder.join(SIGNER);
    SignerKey::from_seed(&*read_secret(&path, credential)?).map_err(|_| IdentityError::Secret {
        path,
        why: "holds no seed",
    })
}

fn read_trust(folder: &Path) -> Result<Trust, IdentityError> {
    let path = folder.join(TRUST);
    let text = fs::read_to_string(&path).map_err(|source| IdentityError::Io {
        path: path.clone(),
        source,
    })?;
    let not_understood = |source: Box<dyn std::error::Error + Send + Sync>| IdentityError::Trust {
        path: path.clone(),
        source,
    };
    let file: TrustFile = toml::from_str(&text).map_err(|error| not_understood(error.into()))?;
    let archive: ArchiveId = file
        .archive
        .parse()
        .map_err(|error: canonical::HexError| not_understood(error.into()))?;
    let genesis_path = folder.join(GENESIS);
    let bytes = fs::read(&genesis_path).map_err(|source| IdentityError::Io {
        path: genesis_path.clone(),
        source,
    })?;
    let genesis = Genesis::parse(&bytes).map_err(|error| IdentityError::Trust {
        path: genesis_path.clone(),
        source: error.into(),
    })?;
    // GENESIS-1: the fingerprint is what was compared by people; the genesis is what it names.
    if genesis.archive_id() != archive {
        return Err(IdentityError::Trust {
            path: genesis_path,
            source: "it is another archive's than trust.toml names".into(),
        });
    }
    Ok(Trust {
        genesis,
        relay: file.relay,
        pin: file
            .pin
            .parse()
            .map_err(|error: canonical::HexError| not_understood(error.into()))?,
    })
}

fn write_trust(folder: &Path, trust: &Trust) -> Result<(), IdentityError> {
    let path = folder.join(TRUST);
    let file = TrustFile {
        archive: trust.genesis.archive_id().to_string(),
        relay: trust.relay.clone(),
        pin: trust.pin.to_string(),
    };
    let text = toml::to_string(&file).map_err(|error| IdentityError::Trust {
        path: path.clone(),
        source: error.into(),
    })?;
    replace(&folder.join(GENESIS), &trust.genesis.to_bytes())?;
    replace(&path, text.as_bytes())
}

/// Writes a file so that a crash leaves the old or the new one, whole.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), IdentityError> {
    let new = path.with_extension("new");
    fs::write(&new, bytes)
        .and_then(|()| File::open(&new)?.sync_all())
        .and_then(|()| fs::rename(&new, path))
        .map_err(|source| IdentityError::Io {
            path: path.to_owned(),
            source,
        })
}

/// Readable by the agent's user only, and durable.
fn write_secret(path: &Path, secret: &[u8; 32]) -> Result<(), io::Error> {
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(secret)?;
    file.sync_all()
}

fn read_secret(
    path: &Path,
    credential: Option<&Credential>,
) -> Result<Zeroizing<[u8; 32]>, IdentityError> {
    let io = |source| IdentityError::Io {
        path: path.to_owned(),
        source,
    };
    let wrong = |why| IdentityError::Secret {
        path: path.to_owned(),
        why,
    };
    let metadata = fs::metadata(path).map_err(io)?;
    if metadata.mode() & 0o077 != 0 {
        return Err(wrong("may be read by others; run chmod 600 on it"));
    }
    let bytes = Zeroizing::new(fs::read(path).map_err(io)?);
    let mut secret = Zeroizing::new([0; 32]);
    if bytes.len() == Credential::WRAPPED {
        let credential = credential.ok_or_else(|| {
            wrong("is wrapped under a credential of the system, which is not given")
        })?;
        return credential
            .unwrap(name_of(path), &bytes)
            .map_err(|_| wrong("is wrapped under another credential than the one given"));
    }
    if bytes.len() != secret.len() {
        return Err(wrong("has another size than 32 bytes"));
    }
    secret.copy_from_slice(&bytes);
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    struct Counting(u8);

    impl Randomness for Counting {
        fn fill(&mut self, bytes: &mut [u8]) {
            self.0 += 1;
            bytes.fill(self.0);
        }
    }

    fn trust() -> Trust {
        let key = |seed| SignerKey::from_seed(&[seed; 32]).unwrap().public();
        let genesis = Genesis::new(
            key(1),
            vec![key(2)],
            wire::WitnessPolicy {
                quorum: 0,
                witnesses: vec![],
            },
            canonical::Milliseconds::new(0),
            wire::GenesisNonce::from_bytes([3; 16]),
        )
        .unwrap();
        Trust {
            genesis,
            relay: "https://localhost:7443".into(),
            pin: TlsIdentity::from_bytes([2; 32]),
        }
    }

    #[test]
    fn is_made_once_and_opens_again() {
        let folder = tempfile::tempdir().unwrap();
        let made = Identity::create(folder.path(), &trust(), &mut Counting(0)).unwrap();
        let opened = Identity::open(folder.path()).unwrap();
        assert_eq!(opened.signer().id(), made.signer().id());
        assert_eq!(opened.mailbox().recipient(), made.mailbox().recipient());
        assert_eq!(opened.trust(), &trust());
        assert!(matches!(
            Identity::create(folder.path(), &trust(), &mut Counting(9)),
            Err(IdentityError::Exists(_))
        ));
    }

    #[test]
    fn secrets_that_others_may_read_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        Identity::create(folder.path(), &trust(), &mut Counting(0)).unwrap();
        let seed = folder.path().join(SIGNER);
        assert_eq!(fs::metadata(&seed).unwrap().mode() & 0o777, 0o600);
        fs::set_permissions(&seed, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(
            Identity::open(folder.path()),
            Err(IdentityError::Secret { .. })
        ));
    }

    /// AGENT-7
    #[test]
    fn agent_8_secrets_of_accounts_are_kept_apart_and_wrapped() {
        let folder = tempfile::tempdir().unwrap();
        drop(Identity::create(folder.path(), &trust(), &mut Counting(0)).unwrap());
        let credential = |byte| Some(Arc::new(Credential::new(&[byte; 32]).unwrap()));
        let secrets = BTreeMap::from([("access-token".to_owned(), "EAAG-secret".to_owned())]);
        let plain = Identity::open(folder.path()).unwrap();
        assert!(plain.secrets("whatsapp", "wa-number:1").unwrap().is_empty());
        plain
            .keep_secrets("whatsapp", "wa-number:1", &secrets)
            .unwrap();
        assert_eq!(plain.secrets("whatsapp", "wa-number:1").unwrap(), secrets);
        assert!(plain.secrets("whatsapp", "wa-number:2").unwrap().is_empty());
        let wrapped = Identity::open_with(folder.path(), credential(1)).unwrap();
        assert_eq!(wrapped.secrets("whatsapp", "wa-number:1").unwrap(), secrets);
        wrapped
            .keep_secrets("whatsapp", "wa-number:1", &secrets)
            .unwrap();
        let file = wrapped.secrets_of("whatsapp", "wa-number:1");
        let bytes = fs::read(&file).unwrap();
        assert!(!bytes.windows(6).any(|window| window == b"secret"));
        assert_eq!(wrapped.secrets("whatsapp", "wa-number:1").unwrap(), secrets);
        // The same bytes as another account's open for nobody.
        fs::copy(&file, wrapped.secrets_of("whatsapp", "wa-number:2")).unwrap();
        assert!(wrapped.secrets("whatsapp", "wa-number:2").is_err());
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(wrapped.secrets("whatsapp", "wa-number:1").is_err());
    }

    #[test]
    fn agent_7_secrets_are_wrapped_under_a_credential_and_open_under_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let made = Identity::create(folder.path(), &trust(), &mut Counting(0)).unwrap();
        assert!(!is_wrapped(folder.path()).unwrap());
        let plain = fs::read(folder.path().join(SIGNER)).unwrap();
        let credential = |byte| Some(Arc::new(Credential::new(&[byte; 32]).unwrap()));
        for _ in 0..2 {
            let opened = Identity::open_with(folder.path(), credential(1)).unwrap();
            assert_eq!(opened.signer().id(), made.signer().id());
            assert_eq!(opened.signer_key().unwrap().id(), made.signer().id());
            assert_eq!(opened.mailbox().recipient(), made.mailbox().recipient());
        }
        assert!(is_wrapped(folder.path()).unwrap());
        for name in [SIGNER, MAILBOX, LOCAL] {
            let bytes = fs::read(folder.path().join(name)).unwrap();
            assert!(!bytes.windows(8).any(|some| some == &plain[..8]));
            let mode = fs::metadata(folder.path().join(name)).unwrap().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        for other in [None, credential(2)] {
            assert!(matches!(
                Identity::open_with(folder.path(), other),
                Err(IdentityError::Secret { .. })
            ));
        }
        // A file under another's name does not open.
        fs::copy(folder.path().join(MAILBOX), folder.path().join(SIGNER)).unwrap();
        assert!(Identity::open_with(folder.path(), credential(1)).is_err());
    }

    #[test]
    fn the_debug_form_tells_no_secret() {
        let folder = tempfile::tempdir().unwrap();
        let made = Identity::create(folder.path(), &trust(), &mut Counting(0xaa)).unwrap();
        let text = format!("{made:?}");
        for secret in ["abab", "acac", "adad"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}
