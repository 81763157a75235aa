//! The archive's folder: where each part keeps its things, and who uses it now.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::failure::{Exit, Failure};

/// Name of the settings file; the folder that holds it is the archive's.
const SETTINGS: &str = "greffe.toml";
/// Name of the folder that `greffe init` makes.
const FOLDER: &str = "greffe";

/// The folder of one archive on this machine.
#[derive(Debug, Clone)]
pub(crate) struct Home(PathBuf);

/// `greffe.toml`: what a person may read and change. No secrets.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// The archive.
    pub(crate) archive: ArchiveSettings,
    /// The relay of this folder.
    pub(crate) relay: RelaySettings,
    /// Who is captured by this folder's agent where a command does not say.
    pub(crate) agent: AgentSettings,
    /// Who is told what the vault notices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) alarms: Option<crate::alarms::AlarmSettings>,
    /// Named folders on other disks or machines that hold the keyring too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) keyring_stores: Vec<vault::stores::StorePlace>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ArchiveSettings {
    /// What people call it.
    pub(crate) name: String,
    /// 64 hex digits: the hash of the genesis.
    pub(crate) fingerprint: String,
    /// How long sealing periods are.
    pub(crate) epochs: String,
    /// Years before an epoch's key may be destroyed.
    pub(crate) years: u16,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RelaySettings {
    /// Where `greffe up` listens.
    pub(crate) listen: std::net::SocketAddr,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AgentSettings {
    /// Opaque id of the person whose messages an import holds, where not said.
    pub(crate) custodian: String,
}

impl Home {
    /// The archive that a command is about: `--home`, or the nearest one at or above this folder.
    pub(crate) fn find(given: Option<&Path>) -> Result<Self, Failure> {
        if let Some(folder) = given {
            return Self::at(folder).ok_or_else(|| {
                Failure::new("no-archive-there")
                    .with("folder", folder)
                    .exit(Exit::NotFound)
            });
        }
        let here = std::env::current_dir()
            .map_err(|error| Failure::new("no-current-folder").because(&error))?;
        here.ancestors().find_map(Self::at).ok_or_else(|| {
            Failure::new("no-archive")
                .with("folder", here.as_path())
                .exit(Exit::NotFound)
        })
    }

    fn at(folder: &Path) -> Option<Self> {
        [folder.to_path_buf(), folder.join(FOLDER)]
            .into_iter()
            .find(|folder| folder.join(SETTINGS).is_file())
            .map(Self)
    }

    /// Where a new archive would be made; fails if one is there already.
    pub(crate) fn for_new(given: Option<&Path>) -> Result<Self, Failure> {
        let folder = given.map_or_else(|| PathBuf::from(FOLDER), Path::to_path_buf);
        if let Some(existing) = Self::at(&folder) {
            return Err(Failure::new("archive-exists").with("folder", existing.0.as_path()));
        }
        let occupied = fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some());
        if occupied {
            return Err(Failure::new("folder-not-empty").with("folder", folder.as_path()));
        }
        private_folder(&folder)?;
        let folder = fs::canonicalize(&folder).map_err(|error| {
            Failure::new("can-not-read")
                .with("path", folder.as_path())
                .because(&error)
        })?;
        Ok(Self(folder))
    }

    /// The folder itself.
    pub(crate) fn folder(&self) -> &Path {
        &self.0
    }

    /// A part's own folder, made if it is not there, readable by this user only.
    pub(crate) fn part(&self, name: &str) -> Result<PathBuf, Failure> {
        let folder = self.0.join(name);
        private_folder(&folder)?;
        Ok(folder)
    }

    /// Where a running `greffe up` listens for commands.
    pub(crate) fn up_socket(&self) -> PathBuf {
        self.0.join("run").join("up.sock")
    }

    /// Reads `greffe.toml`.
    pub(crate) fn settings(&self) -> Result<Settings, Failure> {
        let path = self.0.join(SETTINGS);
        let text = fs::read_to_string(&path).map_err(|error| {
            Failure::new("can-not-read")
                .with("path", path.as_path())
                .because(&error)
        })?;
        toml::from_str(&text).map_err(|error| {
            Failure::new("settings-wrong")
                .with("path", path.as_path())
                .because(&error)
        })
    }

    /// Writes `greffe.toml`.
    pub(crate) fn write_settings(&self, settings: &Settings) -> Result<(), Failure> {
        let text = toml::to_string_pretty(settings).map_err(|error| {
            Failure::new("settings-wrong")
                .with("path", SETTINGS)
                .because(&error)
        })?;
        write_durably(&self.0.join(SETTINGS), text.as_bytes())
    }

    /// Takes the archive's parts for this process; another that has them is told apart by `greffe up`.
    pub(crate) fn lock(&self) -> Result<HomeLock, Failure> {
        let path = self.part("run")?.join("lock");
        let file = locked(&path)?.ok_or_else(|| {
            Failure::new("archive-in-use")
                .with("folder", self.0.as_path())
                .exit(Exit::Busy)
        })?;
        Ok(HomeLock { _file: file })
    }
}

/// Held while this process runs the archive's parts; the system gives it back when the process ends.
#[derive(Debug)]
pub(crate) struct HomeLock {
    _file: File,
}

/// Opens a file that one process at a time has, and takes it; `None`: another process has it.
pub(crate) fn locked(path: &Path) -> Result<Option<File>, Failure> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| {
            Failure::new("can-not-write")
                .with("path", path)
                .because(&error)
        })?;
    Ok(file.try_lock().is_ok().then_some(file))
}

/// A folder that only this user can enter.
pub(crate) fn private_folder(folder: &Path) -> Result<(), Failure> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| {
            Failure::new("can-not-write")
                .with("path", folder)
                .because(&error)
        })
}

/// Writes a file whole: a new name, synced, renamed over the old, folder synced. Only this user can read it.
pub(crate) fn write_durably(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    write_whole(path, bytes).map_err(|error| {
        Failure::new("can-not-write")
            .with("path", path)
            .because(&error)
    })
}

fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // The parent of a bare name is the empty path, which can not be opened.
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or_else(|| Path::new("."));
    // One name for the drafts of a file: what a crash leaves goes with the next writing, and no
    // former content of a keyring stays behind for good.
    let mut name = std::ffi::OsString::from(".draft-");
    name.push(path.file_name().unwrap_or_default());
    name.push(".new");
    let draft = folder.join(name);
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)?;
    io::Write::write_all(&mut file, bytes)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    File::open(folder)?.sync_all()
}

/// Reads a file that a command needs.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| {
        let exit = if error.kind() == io::ErrorKind::NotFound {
            Exit::NotFound
        } else {
            Exit::Failed
        };
        Failure::new("can-not-read")
            .with("path", path)
            .because(&error)
            .exit(exit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_found_from_below_and_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::for_new(Some(&folder.path().join("greffe"))).unwrap();
        let settings = Settings {
            archive: ArchiveSettings {
                name: "a".into(),
                fingerprint: "00".into(),
                epochs: "month".into(),
                years: 5,
            },
            relay: RelaySettings {
                listen: "127.0.0.1:7443".parse().unwrap(),
            },
            agent: AgentSettings {
                custodian: "me".into(),
            },
            alarms: None,
            keyring_stores: Vec::new(),
        };
        home.write_settings(&settings).unwrap();
        assert_eq!(
            Home::find(Some(folder.path())).unwrap().folder(),
            home.folder()
        );
        assert_eq!(home.settings().unwrap().archive.name, "a");
        assert_eq!(
            Home::for_new(Some(&folder.path().join("greffe")))
                .unwrap_err()
                .key(),
            "archive-exists"
        );
    }

    #[test]
    fn two_processes_can_not_run_the_parts_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::for_new(Some(&folder.path().join("x"))).unwrap();
        let held = home.lock().unwrap();
        assert_eq!(home.lock().unwrap_err().code(), Exit::Busy as u8);
        drop(held);
        home.lock().unwrap();
    }
}
