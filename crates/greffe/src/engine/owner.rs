//! The owner's folder: genesis, keyring, wrapped root key, and the entries that the root has signed.

use std::fs;
use std::path::PathBuf;

use seal::Share;
use seal::keyring::{Keyring, UnlockedKeyring, WrappedSigningKey};
use vault::stores::{Standing, Stores, StoresError};
use wire::{Entry, Genesis};

use crate::failure::{Exit, Failure};
use crate::founding::Founded;
use crate::home::{self, Home};
use crate::secret::Passphrase;
use crate::system::now;

/// What the owner holds, read from the owner's folder.
#[derive(Debug)]
pub(crate) struct Owner {
    folder: PathBuf,
    genesis: Genesis,
}

/// How somebody opens the keyring.
pub(crate) enum Secret {
    /// The passphrase.
    Passphrase(Passphrase),
    /// Holders' shares.
    Shares(Vec<Share>),
}

impl Owner {
    /// Writes a new archive's keys and first entries. The genesis comes last: without it the
    /// folder is no archive yet.
    pub(crate) fn create(
        home: &Home,
        genesis: &Genesis,
        founded: &Founded,
    ) -> Result<Self, Failure> {
        let folder = home.part("owner")?;
        let owner = Self {
            folder,
            genesis: genesis.clone(),
        };
        owner.add_entries(&founded.entries)?;
        home::write_durably(&owner.root_path(), &founded.root.to_bytes())?;
        home::write_durably(&owner.keyring_path(), &founded.keyring.to_bytes())?;
        home::write_durably(&owner.folder.join("genesis.cbor"), &genesis.to_bytes())?;
        Ok(owner)
    }

    /// Opens the owner's folder.
    pub(crate) fn open(home: &Home) -> Result<Self, Failure> {
        let folder = home.part("owner")?;
        let path = folder.join("genesis.cbor");
        let genesis = Genesis::parse(&home::read(&path)?).map_err(|error| {
            Failure::new("genesis-wrong")
                .with("path", path.as_path())
                .because(&error)
        })?;
        Ok(Self { folder, genesis })
    }

    /// The genesis.
    pub(crate) fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// The keyring's file.
    pub(crate) fn keyring_path(&self) -> PathBuf {
        self.folder.join("keyring.cbor")
    }

    /// Reads the keyring, locked.
    pub(crate) fn keyring(&self) -> Result<Keyring, Failure> {
        let path = self.keyring_path();
        let ring = Keyring::from_bytes(&home::read(&path)?, None).map_err(|error| {
            Failure::new("keyring-wrong")
                .with("path", path.as_path())
                .because(&error)
        })?;
        if ring.archive() != self.genesis.archive_id() {
            return Err(Failure::new("keyring-foreign").with("path", path.as_path()));
        }
        Ok(ring)
    }

    /// Unlocks the keyring.
    pub(crate) fn unlock(&self, secret: &Secret) -> Result<UnlockedKeyring, Failure> {
        let ring = self.keyring()?;
        let unlocked = match secret {
            Secret::Passphrase(passphrase) => ring.unlock_with_passphrase(passphrase.as_str()),
            Secret::Shares(shares) => ring.unlock_with_shares(shares),
        };
        let unlocked = unlocked.map_err(|error| {
            Failure::new("unlock-failed")
                .because(&error)
                .exit(Exit::Locked)
        })?;
        self.settle_root(&unlocked)?;
        Ok(unlocked)
    }

    /// Writes the keyring here and into every store, each read back (RING-8, RING-9). What is pending
    /// somewhere is no failure.
    pub(crate) fn write_keyring(
        &self,
        home: &Home,
        ring: &UnlockedKeyring,
    ) -> Result<Vec<Standing>, Failure> {
        self.stores(home)?
            .write(ring, now())
            .map_err(|error| stores_failed(&error))
    }

    /// Reads the keyring here and in every store, without unlocking.
    pub(crate) fn check_stores(&self, home: &Home) -> Result<(Keyring, Vec<Standing>), Failure> {
        self.stores(home)?
            .check()
            .map_err(|error| stores_failed(&error))
    }

    fn stores(&self, home: &Home) -> Result<Stores, Failure> {
        let places = home.settings()?.keyring_stores;
        let archive = self.genesis.archive_id();
        Ok(Stores::new(archive, self.keyring_path(), places))
    }

    /// Lays the root's key under a coming vault key beside the present one (RING-7).
    pub(crate) fn put_next_root(&self, root: &WrappedSigningKey) -> Result<(), Failure> {
        home::write_durably(&self.next_root_path(), &root.to_bytes())
    }

    /// Lets the root's key under the present vault key take its place, if a turnover left it aside.
    pub(crate) fn settle_root(&self, ring: &UnlockedKeyring) -> Result<(), Failure> {
        let path = self.next_root_path();
        if !path.exists() {
            return Ok(());
        }
        let next = WrappedSigningKey::from_bytes(&home::read(&path)?);
        // One that does not open belongs to a turnover whose keyring was never written.
        if next.is_ok_and(|next| ring.unwrap_signing_key(&next).is_ok()) {
            fs::rename(&path, self.root_path()).map_err(|error| {
                Failure::new("can-not-write")
                    .with("path", path.as_path())
                    .because(&error)
            })?;
        }
        Ok(())
    }

    /// The wrapped root key.
    pub(crate) fn root(&self) -> Result<WrappedSigningKey, Failure> {
        let path = self.root_path();
        WrappedSigningKey::from_bytes(&home::read(&path)?).map_err(|error| {
            Failure::new("root-key-wrong")
                .with("path", path.as_path())
                .because(&error)
        })
    }

    /// Entries of the root, in order, to begin a log with.
    pub(crate) fn entries(&self) -> Result<Vec<Entry>, Failure> {
        let folder = self.entries_folder()?;
        let mut paths: Vec<PathBuf> = fs::read_dir(&folder)
            .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
            .map_err(|error| {
                Failure::new("can-not-read")
                    .with("path", folder.as_path())
                    .because(&error)
            })?;
        paths.retain(|path| path.extension().is_some_and(|end| end == "entry"));
        paths.sort();
        paths
            .iter()
            .map(|path| {
                Entry::parse(&home::read(path)?).map_err(|error| {
                    Failure::new("owner-entry-wrong")
                        .with("path", path.as_path())
                        .because(&error)
                })
            })
            .collect()
    }

    /// Keeps further entries that the root has signed.
    pub(crate) fn add_entries(&self, entries: &[Entry]) -> Result<(), Failure> {
        let folder = self.entries_folder()?;
        entries.iter().try_for_each(|entry| {
            let name = format!("{:08}.entry", entry.number().get());
            home::write_durably(&folder.join(name), entry.as_bytes())
        })
    }

    fn entries_folder(&self) -> Result<PathBuf, Failure> {
        let folder = self.folder.join("entries");
        home::private_folder(&folder)?;
        Ok(folder)
    }

    fn next_root_path(&self) -> PathBuf {
        self.folder.join("root.next")
    }

    fn root_path(&self) -> PathBuf {
        self.folder.join("root.key")
    }
}

fn stores_failed(error: &StoresError) -> Failure {
    let key = match error {
        StoresError::Newer { .. } => "keyring-newer",
        _ => "keyring-not-written",
    };
    Failure::new(key).because(error)
}
