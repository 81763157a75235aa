//! Keyring stores: every generation of the keyring goes to all of them, and counts as being there
//! only once it was read back (RING-8 to RING-10).
//!
//! Crash argument: the owner's own file is replaced first, whole or not at all; then each store's,
//! the same way. A crash between leaves stores with an older generation, never with a newer one than
//! the owner's; the next unlock, or `finish`, writes them again. What was confirmed is noted last
//! and only tells what is pending while a store can not be reached.
//!
//! In scope: folders as stores, confirmation, what is pending where. Out of scope: when a key may be
//! destroyed, other kinds of stores, who unlocks.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use canonical::Milliseconds;
use seal::keyring::{Generation, Keyring, KeyringError, MAX_KEYRING_BYTES, UnlockedKeyring};
use serde::{Deserialize, Serialize};
use wire::{ArchiveId, EpochId};

/// Longest name of a store, in bytes.
const MAX_NAME: usize = 64;
/// What is added to the name of a file while it is written.
const DRAFT: &str = "new";

/// A named folder for keyrings. It may hold those of several archives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StorePlace {
    /// 1 to 64 of `a-z`, `0-9`, `-`.
    pub name: String,
    /// The folder; absolute.
    pub folder: PathBuf,
}

/// A name that no store can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a store's name has 1 to {MAX_NAME} of a-z, 0-9 and -, and is not \"owner\"")]
pub struct StoreNameError;

/// The owner's own keyring file and the stores beside it.
pub struct Stores {
    archive: ArchiveId,
    own: PathBuf,
    places: Vec<StorePlace>,
    points: Arc<dyn StorePoints>,
}

/// How one store stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its name.
    pub name: String,
    /// Its folder.
    pub folder: PathBuf,
    /// The generation that it confirmed last, as far as is known.
    pub confirmed: Option<Generation>,
    /// Why it does not confirm the present generation; `None` if it does.
    pub pending: Option<Pending>,
}

/// Why a store does not confirm.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Pending {
    /// It can not be reached, read or written.
    #[error("it can not be reached: {why}")]
    Unreachable {
        /// What the system said.
        why: String,
    },
    /// It holds an older generation.
    #[error("it holds generation {found}")]
    Behind {
        /// The generation found.
        found: Generation,
    },
    /// It holds no keyring of this archive.
    #[error("it holds no keyring of this archive")]
    Empty,
    /// What it holds is another file than the owner's of the same generation, or no keyring.
    #[error("its keyring is damaged or another one")]
    Other,
    /// It holds further files of this archive, which may be older keyrings.
    #[error("it also holds {file}: remove that file")]
    Stray {
        /// Name of one of them.
        file: String,
    },
}

/// Why a keyring was written nowhere, or not everywhere.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoresError {
    /// The owner's own file can not be read.
    #[error("reading the owner's keyring {path}")]
    Read {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The owner's own file is no keyring.
    #[error("the owner's keyring {path} is damaged")]
    Damaged {
        /// Its path.
        path: PathBuf,
        /// What is wrong.
        source: KeyringError,
    },
    /// The owner's own file can not be written; the stores were left alone.
    #[error("writing the owner's keyring {path}")]
    Write {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A newer keyring than the one to be written exists: that one was put back from a copy, or
    /// somebody else changes it at this moment (RING-9). Nothing was written.
    #[error(
        "{place} holds generation {found} of the keyring, newer than the one that was to be replaced"
    )]
    Newer {
        /// The store, or the owner's own file.
        place: String,
        /// Its generation.
        found: Generation,
        /// The generation to be written.
        given: Generation,
    },
}

/// A place in the writing of one keyring file, named for what has been done when it is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StorePoint {
    /// Nothing is written.
    Begins,
    /// The draft is written, not synced.
    Written,
    /// The draft is synced.
    Synced,
    /// The draft has the file's name, the folder is not synced.
    Named,
    /// The file is durable, not read back.
    Durable,
    /// It was read back; nobody has noted so.
    Confirmed,
}

impl StorePoint {
    /// All of them, for the crash matrix.
    pub const ALL: [Self; 6] = [
        Self::Begins,
        Self::Written,
        Self::Synced,
        Self::Named,
        Self::Durable,
        Self::Confirmed,
    ];
}

/// Stands at every write point. Programs use [`Unhindered`]; tests end the world here.
pub trait StorePoints: Send + Sync {
    /// Called when `point` is reached in writing the file at `path`. An error is handled as a
    /// failing disk: the step is not continued.
    ///
    /// # Errors
    ///
    /// Whatever the disk is to answer.
    fn reach(&self, point: StorePoint, path: &Path) -> io::Result<()>;
}

/// Lets everything pass.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unhindered;

impl StorePoints for Unhindered {
    fn reach(&self, _: StorePoint, _: &Path) -> io::Result<()> {
        Ok(())
    }
}

impl StorePlace {
    /// A store's name and folder.
    ///
    /// # Errors
    ///
    /// When the name is none.
    pub fn new(name: &str, folder: PathBuf) -> Result<Self, StoreNameError> {
        let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if name.is_empty() || name.len() > MAX_NAME || name == "owner" || !name.bytes().all(good) {
            return Err(StoreNameError);
        }
        Ok(Self {
            name: name.to_owned(),
            folder,
        })
    }

    /// Removes every file of an archive from it (RING-11); others stay. Durable when it returns.
    ///
    /// # Errors
    ///
    /// When the folder can not be read or a file not removed; some may be gone then.
    pub fn clear(&self, archive: ArchiveId) -> io::Result<()> {
        let id = archive.to_string();
        for file in fs::read_dir(&self.folder)? {
            let file = file?;
            if file.file_name().to_string_lossy().starts_with(&id) {
                fs::remove_file(file.path())?;
            }
        }
        fs::File::open(&self.folder)?.sync_all()
    }

    /// The file of an archive's keyring in it.
    #[must_use]
    pub fn file(&self, archive: ArchiveId) -> PathBuf {
        self.folder.join(format!("{archive}.keyring"))
    }
}

impl Stores {
    /// The owner's own keyring file of an archive, and its stores.
    #[must_use]
    pub fn new(archive: ArchiveId, own: PathBuf, places: Vec<StorePlace>) -> Self {
        Self {
            archive,
            own,
            places,
            points: Arc::new(Unhindered),
        }
    }

    /// The same, with something standing at the write points.
    #[must_use]
    pub fn with_points(mut self, points: Arc<dyn StorePoints>) -> Self {
        self.points = points;
        self
    }

    /// Writes an unlocked, and so authenticated, keyring to the owner's file and every store that
    /// does not have it, and reads each back (RING-8 to RING-10). Gives how each store stands;
    /// writing again finishes what is pending.
    ///
    /// # Errors
    ///
    /// When something newer exists, or the owner's own file can not be written; a store that fails
    /// is no error but pending.
    pub fn write(
        &self,
        ring: &UnlockedKeyring,
        now: Milliseconds,
    ) -> Result<Vec<Standing>, StoresError> {
        let _alone = self.alone().map_err(|source| self.unwritten(source))?;
        let ring = ring.keyring();
        let bytes = ring.to_bytes();
        self.refuse_newer(ring.generation())?;
        if read(&self.own).ok().flatten().as_deref() != Some(&bytes) {
            self.put(&self.own, &bytes)
                .map_err(|source| self.unwritten(source))?;
        }
        let mut confirmed = self.noted();
        let standing = self
            .places
            .iter()
            .map(|place| {
                let known = confirmed.get(&place.name).copied().map(Generation::new);
                let mut pending = self.examine(place, &bytes, ring.generation());
                if pending.is_some() {
                    pending = match self.put(&place.file(self.archive), &bytes) {
                        Ok(()) => self.examine(place, &bytes, ring.generation()),
                        Err(error) => Some(unreachable(&error)),
                    };
                }
                if pending.is_none() {
                    confirmed.insert(place.name.clone(), ring.generation().get());
                }
                Standing {
                    name: place.name.clone(),
                    folder: place.folder.clone(),
                    confirmed: match pending {
                        None => Some(ring.generation()),
                        Some(_) => known,
                    },
                    pending,
                }
            })
            .collect();
        confirmed.retain(|name, _| self.places.iter().any(|place| place.name == *name));
        // Lost by a crash, or not writable: the stores themselves tell again.
        let _ = self.note(&confirmed, now);
        Ok(standing)
    }

    /// Reads every store and says how it stands, without unlocking anything.
    ///
    /// # Errors
    ///
    /// When the owner's own keyring can not be read.
    pub fn check(&self) -> Result<(Keyring, Vec<Standing>), StoresError> {
        let bytes = read(&self.own)
            .and_then(|bytes| bytes.ok_or_else(|| io::ErrorKind::NotFound.into()))
            .map_err(|source| StoresError::Read {
                path: self.own.clone(),
                source,
            })?;
        let ring = Keyring::from_bytes(&bytes, None).map_err(|source| StoresError::Damaged {
            path: self.own.clone(),
            source,
        })?;
        let noted = self.noted();
        let standing = self
            .places
            .iter()
            .map(|place| {
                let pending = self.examine(place, &bytes, ring.generation());
                let known = noted.get(&place.name).copied().map(Generation::new);
                Standing {
                    name: place.name.clone(),
                    folder: place.folder.clone(),
                    confirmed: match pending {
                        None => Some(ring.generation()),
                        Some(_) => known,
                    },
                    pending,
                }
            })
            .collect();
        Ok((ring, standing))
    }

    /// What a store lacks of confirming these bytes; `None` if it confirms them.
    fn examine(&self, place: &StorePlace, bytes: &[u8], generation: Generation) -> Option<Pending> {
        let file = place.file(self.archive);
        let found = match read(&file) {
            Ok(found) => found,
            Err(error) => return Some(unreachable(&error)),
        };
        let Some(found) = found else {
            // A folder that is not there is another matter than one without our file.
            return Some(match fs::metadata(&place.folder) {
                Ok(_) => Pending::Empty,
                Err(error) => unreachable(&error),
            });
        };
        if found != bytes {
            return Some(match Keyring::from_bytes(&found, None) {
                Ok(ring) if ring.generation() < generation => Pending::Behind {
                    found: ring.generation(),
                },
                _ => Pending::Other,
            });
        }
        match self.stray(place, &file) {
            Ok(None) => None,
            Ok(Some(file)) => Some(Pending::Stray { file }),
            Err(error) => Some(unreachable(&error)),
        }
    }

    /// RING-8: another file that begins with the archive's id.
    fn stray(&self, place: &StorePlace, file: &Path) -> io::Result<Option<String>> {
        let id = self.archive.to_string();
        for entry in fs::read_dir(&place.folder)? {
            let name = entry?.file_name();
            let text = name.to_string_lossy();
            if text.starts_with(&id) && Some(name.as_os_str()) != file.file_name() {
                return Ok(Some(text.into_owned()));
            }
        }
        Ok(None)
    }

    /// RING-9: nothing is written while a store is ahead of the owner's own file, or that file of
    /// what is to be written.
    fn refuse_newer(&self, given: Generation) -> Result<(), StoresError> {
        // What can not be reached or read is pending, or written anew.
        let generation = |path: &Path| {
            let bytes = read(path).ok().flatten()?;
            let ring = Keyring::from_bytes(&bytes, None).ok()?;
            Some(ring.generation())
        };
        let newer = |place: &str, found| StoresError::Newer {
            place: place.to_owned(),
            found,
            given,
        };
        let own = generation(&self.own);
        if let Some(found) = own.filter(|own| *own > given) {
            return Err(newer("owner", found));
        }
        let most = own.unwrap_or(given);
        for place in &self.places {
            let found = generation(&place.file(self.archive));
            if let Some(found) = found.filter(|found| *found > most) {
                return Err(newer(&place.name, found));
            }
        }
        Ok(())
    }

    /// Replaces a file whole, durably, and reads it back.
    fn put(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let reach = |point| self.points.reach(point, path);
        let folder = path
            .parent()
            .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        reach(StorePoint::Begins)?;
        let draft = draft_of(path);
        // Left by a crash, perhaps with other rights.
        match fs::remove_file(&draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft)?;
        file.write_all(bytes)?;
        reach(StorePoint::Written)?;
        file.sync_all()?;
        reach(StorePoint::Synced)?;
        fs::rename(&draft, path)?;
        reach(StorePoint::Named)?;
        File::open(folder)?.sync_all()?;
        reach(StorePoint::Durable)?;
        if read(path)?.as_deref() != Some(bytes) {
            return Err(io::Error::other("what was written does not read back"));
        }
        reach(StorePoint::Confirmed)
    }

    /// Held while keyrings are written: an unlock and a command may come at the same time.
    fn alone(&self) -> io::Result<File> {
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(self.own.with_extension("lock"))?;
        file.lock()?;
        Ok(file)
    }

    fn unwritten(&self, source: io::Error) -> StoresError {
        StoresError::Write {
            path: self.own.clone(),
            source,
        }
    }

    fn note_path(&self) -> PathBuf {
        self.own.with_extension("confirmed")
    }

    fn noted(&self) -> BTreeMap<String, u32> {
        let note = fs::read(self.note_path()).unwrap_or_default();
        serde_json::from_slice::<Note>(&note)
            .map(|note| note.confirmed)
            .unwrap_or_default()
    }

    fn note(&self, confirmed: &BTreeMap<String, u32>, now: Milliseconds) -> io::Result<()> {
        let note = Note {
            at: now.get(),
            confirmed: confirmed.clone(),
        };
        let text = serde_json::to_vec(&note).map_err(io::Error::other)?;
        crate::durable::replace_private(&self.note_path(), &text)
    }
}

impl std::fmt::Debug for Stores {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stores")
            .field("own", &self.own)
            .field("places", &self.places)
            .finish_non_exhaustive()
    }
}

/// Destructions that a store has not confirmed: each epoch with the name of the store (RING-8).
#[must_use]
pub fn pending_destructions(ring: &Keyring, standing: &[Standing]) -> Vec<(EpochId, String)> {
    let mut pending = Vec::new();
    for store in standing.iter().filter(|store| store.pending.is_some()) {
        for epoch in ring.epochs() {
            let Some(gone_in) = epoch.destroyed_in() else {
                continue;
            };
            // What a store confirmed last is not known: then all of them may still be there.
            if store.confirmed.is_none_or(|confirmed| confirmed < gone_in) {
                pending.push((epoch.id(), store.name.clone()));
            }
        }
    }
    pending
}

#[derive(Serialize, Deserialize)]
struct Note {
    at: i64,
    confirmed: BTreeMap<String, u32>,
}

fn draft_of(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(DRAFT);
    path.with_file_name(name)
}

/// The file's bytes; `None` if it is not there.
fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.len() > MAX_KEYRING_BYTES as u64 => {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "larger than any keyring",
            ));
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    }
    fs::read(path).map(Some)
}

fn unreachable(error: &io::Error) -> Pending {
    Pending::Unreachable {
        why: error.to_string(),
    }
}
