//! `agent.toml`: what an agent captures. For people to read and change; no secrets stand in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wire::RetentionClass;

use crate::child::ConnectorCommand;
use crate::live::LiveJob;
use crate::running::Duty;

/// Name of the file in the agent's folder.
const FILE: &str = "agent.toml";
/// Most bytes of it that are read.
const LARGEST: u64 = 1 << 20;

/// The whole file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CaptureSettings {
    /// Seconds between signs of life; none where the archive's policy alone counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat: Option<u32>,
    /// The accounts.
    #[serde(default, rename = "account", skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<AccountSettings>,
}

/// One account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AccountSettings {
    /// The network's name, as its connector says it.
    pub network: String,
    /// Stable id of the account, as records name it.
    pub account: String,
    /// Opaque id of the person whose account it is.
    pub custodian: String,
    /// A connector that comes with the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connector: Option<String>,
    /// Or any program that speaks the protocol, with its arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    /// Retention class.
    #[serde(default)]
    pub class: u64,
    /// Linked, and not captured now.
    #[serde(default)]
    pub paused: bool,
    /// The connector's settings by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
    /// What the connector's process may use.
    #[serde(default)]
    pub limits: AccountLimits,
}

/// What a connector's process may use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct AccountLimits {
    /// Most address space, in MiB.
    pub memory_mib: u64,
    /// Most open files.
    pub files: u64,
    /// Seconds without a frame after which it is started again; 0: never.
    pub silence: u32,
    /// What it may read beside the system's programs and its own folder.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub read: Vec<PathBuf>,
}

/// Why `agent.toml` can not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The file.
    #[error("{}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is no such file.
    #[error("{} is not understood", path.display())]
    Form {
        /// Which.
        path: PathBuf,
        /// Where and why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An account says something that can not be done.
    #[error("the account {network} {account} {why}")]
    Account {
        /// Its network.
        network: String,
        /// Its id.
        account: String,
        /// What is wrong.
        why: &'static str,
    },
}

impl Default for AccountLimits {
    fn default() -> Self {
        Self {
            memory_mib: 4_096,
            files: 256,
            silence: 300,
            read: Vec::new(),
        }
    }
}

impl AccountSettings {
    /// An account with the usual limits, of a connector that comes with the program.
    pub fn new(
        network: impl Into<String>,
        account: impl Into<String>,
        custodian: impl Into<String>,
        connector: impl Into<String>,
    ) -> Self {
        Self {
            network: network.into(),
            account: account.into(),
            custodian: custodian.into(),
            connector: Some(connector.into()),
            command: None,
            class: 0,
            paused: false,
            settings: BTreeMap::new(),
            limits: AccountLimits::default(),
        }
    }

    /// What an agent is to do for it. `own` gives the command of a connector that comes with the
    /// program, by its name.
    ///
    /// # Errors
    ///
    /// When it names no connector, or two.
    pub fn duty(&self, own: impl Fn(&str) -> ConnectorCommand) -> Result<Duty, SettingsError> {
        let wrong = |why| SettingsError::Account {
            network: self.network.clone(),
            account: self.account.clone(),
            why,
        };
        let mut connector = match (&self.connector, self.command.as_deref()) {
            (Some(name), None) => own(name),
            (None, Some([program, arguments @ ..])) => ConnectorCommand {
                arguments: arguments.iter().map(Into::into).collect(),
                ..ConnectorCommand::new(program)
            },
            (None, Some([])) => return Err(wrong("has an empty command")),
            (Some(_), Some(_)) => return Err(wrong("names both a connector and a command")),
            (None, None) => return Err(wrong("names neither a connector nor a command")),
        };
        connector.memory = Some(self.limits.memory_mib << 20);
        connector.files = Some(self.limits.files);
        connector = connector.confined_to(self.limits.read.clone());
        let settings = self.settings.clone().into_iter().collect();
        Ok(Duty {
            job: LiveJob {
                connector,
                network: self.network.clone(),
                account: self.account.clone(),
                custodian: self.custodian.clone(),
                settings,
                class: RetentionClass::new(self.class),
            },
            silence: (self.limits.silence > 0)
                .then(|| Duration::from_secs(self.limits.silence.into())),
            paused: self.paused,
        })
    }
}

impl CaptureSettings {
    /// Reads those of the agent in `folder`; without a file there are no accounts.
    ///
    /// # Errors
    ///
    /// When the file can not be read, has an unknown name, or names an account twice.
    pub fn read(folder: &Path) -> Result<Self, SettingsError> {
        let path = folder.join(FILE);
        let io = |source| SettingsError::Io {
            path: path.clone(),
            source,
        };
        let text = match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(io(error)),
            Ok(file) if file.len() > LARGEST => return Err(io(io::ErrorKind::FileTooLarge.into())),
            Ok(_) => fs::read_to_string(&path).map_err(io)?,
        };
        Self::parse(&path, &text)
    }

    /// Reads the text of a file; `path` is told where it is wrong.
    ///
    /// # Errors
    ///
    /// When it has an unknown name, or names an account twice.
    pub fn parse(path: &Path, text: &str) -> Result<Self, SettingsError> {
        let settings: Self = toml::from_str(text).map_err(|error| SettingsError::Form {
            path: path.to_owned(),
            source: error.into(),
        })?;
        let mut seen = BTreeSet::new();
        for account in &settings.accounts {
            if !seen.insert((&account.network, &account.account)) {
                return Err(SettingsError::Account {
                    network: account.network.clone(),
                    account: account.account.clone(),
                    why: "stands there twice",
                });
            }
        }
        Ok(settings)
    }

    /// Writes them for the agent in `folder`: the old file or the new one, whole.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub fn write(&self, folder: &Path) -> Result<(), SettingsError> {
        let path = folder.join(FILE);
        let text = toml::to_string_pretty(self).map_err(|error| SettingsError::Form {
            path: path.clone(),
            source: error.into(),
        })?;
        replace(&path, text.as_bytes()).map_err(|source| SettingsError::Io { path, source })
    }

    /// Adds an account, in the place of the one with the same network and id.
    pub fn put(&mut self, account: AccountSettings) {
        let same = |other: &&mut AccountSettings| {
            other.network == account.network && other.account == account.account
        };
        match self.accounts.iter_mut().find(same) {
            Some(former) => *former = account,
            None => self.accounts.push(account),
        }
    }

    /// What an agent is to do, account by account.
    ///
    /// # Errors
    ///
    /// When an account can not be captured as it says.
    pub fn duties(
        &self,
        own: impl Fn(&str) -> ConnectorCommand,
    ) -> Result<Vec<Duty>, SettingsError> {
        self.accounts
            .iter()
            .map(|account| account.duty(&own))
            .collect()
    }
}

/// A crash leaves the old or the new file, whole; readable by this user only.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    let mut file = File::options()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(name: &str) -> ConnectorCommand {
        ConnectorCommand {
            arguments: vec!["connector".into(), name.into()],
            ..ConnectorCommand::new("/usr/bin/greffe")
        }
    }

    fn read(text: &str) -> Result<CaptureSettings, SettingsError> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), text).unwrap();
        CaptureSettings::read(folder.path())
    }

    #[test]
    fn the_example_of_the_spec_page_is_read() {
        let page = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../docs/spec/agent-folder.md"
        );
        let page = fs::read_to_string(page).unwrap();
        let example = page.split("```toml").nth(1).unwrap();
        let settings = read(example.split("```").next().unwrap()).unwrap();
        let duty = &settings.duties(own).unwrap()[0];
        assert_eq!(duty.job.connector.arguments, ["connector", "signal"]);
        assert_eq!(duty.job.connector.memory, Some(4 << 30));
        assert_eq!(duty.silence, Some(Duration::from_secs(300)));
        assert_eq!(duty.job.settings[0].0, "signal-cli");
        assert_eq!(settings.heartbeat, Some(3_600));
    }

    #[test]
    fn what_is_written_is_read_and_an_account_is_put_once() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(CaptureSettings::read(folder.path()).unwrap().accounts, []);
        let mut settings = CaptureSettings::default();
        settings.put(AccountSettings::new("signal", "aci:1", "c-1", "signal"));
        settings.put(AccountSettings::new("signal", "aci:2", "c-1", "signal"));
        let mut changed = AccountSettings::new("signal", "aci:1", "c-1", "signal");
        changed.paused = true;
        changed.settings.insert("a".into(), "b\"\n".into());
        settings.put(changed.clone());
        settings.write(folder.path()).unwrap();
        let read = CaptureSettings::read(folder.path()).unwrap();
        assert_eq!(read, settings);
        assert_eq!(read.accounts.len(), 2);
        assert_eq!(read.accounts[0], changed);
    }

    #[test]
    fn what_can_not_be_done_is_refused() {
        let account = "[[account]]\nnetwork = 'n'\naccount = 'a'\ncustodian = 'c'\n";
        assert!(matches!(
            read(&format!("{account}{account}")),
            Err(SettingsError::Account { .. })
        ));
        assert!(matches!(
            read("unknown = 1"),
            Err(SettingsError::Form { .. })
        ));
        for wrong in ["", "connector = 'x'\ncommand = ['y']\n", "command = []\n"] {
            let settings = read(&format!("{account}{wrong}")).unwrap();
            assert!(settings.duties(own).is_err(), "{wrong}");
        }
    }
}
