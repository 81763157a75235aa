//! The index's directory: every file sealed, the list of segments bound to the catalogue.
//!
//! Crash argument (PARTITION-6): a list of segments is never replaced. Each change writes a new file
//! `meta.<n>`; only the catalogue says which n counts, so a commit of the index that the catalogue did
//! not follow is as if it had not been. Files are removed only once the catalogue's list no longer
//! names them; until then `delete` only remembers the wish.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tantivy::HasLen;
use tantivy::directory::error::{DeleteError, LockError, OpenReadError, OpenWriteError};
use tantivy::directory::{
    AntiCallToken, Directory, DirectoryLock, FileHandle, Lock, OwnedBytes, TerminatingWrite,
    WatchCallback, WatchCallbackList, WatchHandle, WritePtr,
};

use super::PartitionKey;
use super::pages::{FileSalt, PageCache, SealedFile, SealedWriter};

const META: &str = "meta.json";
const MANAGED: &str = ".managed.json";

/// Which list of segments counts: its number and the salt of its file. PARTITION-7
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generation {
    /// n of `meta.<n>`, counted from 1.
    pub number: u64,
    /// Salt of that file.
    pub salt: FileSalt,
}

/// Why the index's directory can not be opened.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// The file system refused.
    #[error("the index in {folder} can not be opened")]
    Io {
        /// The index directory.
        folder: PathBuf,
        /// What the file system said.
        source: io::Error,
    },
    /// The list of segments is not the one that the catalogue names.
    #[error(
        "the index in {folder} was rolled back or exchanged: meta.{number} is not the one that the catalogue names; make the partition again from the mirror"
    )]
    RolledBack {
        /// The index directory.
        folder: PathBuf,
        /// The number that the catalogue names.
        number: u64,
    },
}

/// A directory for the index whose files are encrypted and authenticated page by page.
#[derive(Clone)]
pub struct EncryptedDirectory {
    shared: Arc<Shared>,
}

struct Shared {
    folder: PathBuf,
    key: PartitionKey,
    cache: Arc<PageCache>,
    state: Mutex<State>,
    released: Condvar,
}

#[derive(Default)]
struct State {
    current: Option<(Generation, Vec<u8>)>,
    last_number: u64,
    managed: Option<Vec<u8>>,
    /// Files that the index gave up, each with the number of the list then current.
    given_up: Vec<(u64, PathBuf)>,
    locks: HashSet<PathBuf>,
    watchers: WatchCallbackList,
}

impl std::fmt::Debug for EncryptedDirectory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EncryptedDirectory")
            .field("folder", &self.shared.folder)
            .finish_non_exhaustive()
    }
}

impl EncryptedDirectory {
    /// Opens `folder` at the list of segments that the catalogue names; with `None`, as an empty index.
    /// Files that no commit of the catalogue knows are removed.
    ///
    /// # Errors
    /// [`DirectoryError::RolledBack`] where the named list is missing or another stands in its place.
    pub fn open(
        folder: &Path,
        key: PartitionKey,
        cache: Arc<PageCache>,
        generation: Option<Generation>,
    ) -> Result<Self, DirectoryError> {
        let io = |source| DirectoryError::Io {
            folder: folder.to_owned(),
            source,
        };
        fs::create_dir_all(folder).map_err(io)?;
        let mut state = State::default();
        if let Some(named) = generation {
            let rolled_back = || DirectoryError::RolledBack {
                folder: folder.to_owned(),
                number: named.number,
            };
            let path = folder.join(meta_name(named.number));
            let file = match SealedFile::open(&path, &key, &cache) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(rolled_back()),
                other => other.map_err(io)?,
            };
            if file.salt() != named.salt {
                return Err(rolled_back());
            }
            let list = file.read(0..file.length()).map_err(io)?;
            state.current = Some((named, list));
            state.last_number = named.number;
        }
        let living = state
            .current
            .as_ref()
            .map(|(_, list)| segments(list))
            .unwrap_or_default();
        let mut files = Vec::new();
        for entry in fs::read_dir(folder).map_err(io)? {
            let name = entry
                .map_err(io)?
                .file_name()
                .to_string_lossy()
                .into_owned();
            match name
                .strip_prefix("meta.")
                .and_then(|n| n.parse::<u64>().ok())
            {
                Some(number) if Some(number) == generation.map(|named| named.number) => {}
                None if living.iter().any(|segment| name.starts_with(segment)) => files.push(name),
                // Lists after the named one were never taken over by the catalogue, earlier ones are
                // spent, and a file of no named segment is named by nothing. PARTITION-6
                _ => fs::remove_file(folder.join(&name)).map_err(io)?,
            }
        }
        state.managed = serde_json::to_vec(&files).ok();
        Ok(Self {
            shared: Arc::new(Shared {
                folder: folder.to_owned(),
                key,
                cache,
                state: Mutex::new(state),
                released: Condvar::new(),
            }),
        })
    }

    /// The newest durable list of segments, to be written into the catalogue.
    pub fn generation(&self) -> Option<Generation> {
        self.state()
            .current
            .as_ref()
            .map(|(generation, _)| *generation)
    }

    /// To be called once the catalogue durably names `generation`: removes what it no longer needs.
    ///
    /// A crash inside leaves files that the next opening finds and clears.
    ///
    /// # Errors
    /// Those of removing files.
    pub fn settle(&self, generation: Generation) -> io::Result<()> {
        let due: Vec<PathBuf> = {
            let mut state = self.state();
            let (due, later) = state
                .given_up
                .drain(..)
                .partition(|(number, _)| *number <= generation.number);
            state.given_up = later;
            let due: Vec<(u64, PathBuf)> = due;
            due.into_iter().map(|(_, path)| path).collect()
        };
        for path in due {
            remove_if_there(&self.shared.folder.join(path))?;
        }
        for entry in fs::read_dir(&self.shared.folder)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            let number = name
                .strip_prefix("meta.")
                .and_then(|n| n.parse::<u64>().ok());
            if number.is_some_and(|number| number < generation.number) {
                remove_if_there(&self.shared.folder.join(name))?;
            }
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn full(&self, path: &Path) -> PathBuf {
        self.shared.folder.join(path)
    }

    fn read_whole(&self, path: &Path) -> io::Result<Vec<u8>> {
        let file = SealedFile::open(&self.full(path), &self.shared.key, &self.shared.cache)?;
        file.read(0..file.length())
    }
}

/// Ids of the segments in a list, as the names of their files begin.
fn segments(list: &[u8]) -> Vec<String> {
    let list: serde_json::Value = serde_json::from_slice(list).unwrap_or_default();
    let segments = list.get("segments").and_then(serde_json::Value::as_array);
    let id =
        |segment: &serde_json::Value| Some(segment.get("segment_id")?.as_str()?.replace('-', ""));
    segments.into_iter().flatten().filter_map(id).collect()
}

fn meta_name(number: u64) -> String {
    format!("meta.{number}")
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn open_read_error(path: &Path, error: io::Error) -> OpenReadError {
    match error.kind() {
        io::ErrorKind::NotFound => OpenReadError::FileDoesNotExist(path.to_owned()),
        _ => OpenReadError::wrap_io_error(error, path.to_owned()),
    }
}

impl Directory for EncryptedDirectory {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        let file = SealedFile::open(&self.full(path), &self.shared.key, &self.shared.cache)
            .map_err(|error| open_read_error(path, error))?;
        Ok(Arc::new(Handle(file)))
    }

    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        let mut state = self.state();
        let number = state.last_number;
        if !state.given_up.iter().any(|(_, known)| known == path) {
            state.given_up.push((number, path.to_owned()));
        }
        Ok(())
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        if path == Path::new(META) {
            return Ok(self.state().current.is_some());
        }
        self.full(path)
            .try_exists()
            .map_err(|error| open_read_error(path, error))
    }

    fn open_write(&self, path: &Path) -> Result<WritePtr, OpenWriteError> {
        let writer =
            SealedWriter::create(&self.full(path), &self.shared.key).map_err(
                |error| match error.kind() {
                    io::ErrorKind::AlreadyExists => {
                        OpenWriteError::FileAlreadyExists(path.to_owned())
                    }
                    _ => OpenWriteError::wrap_io_error(error, path.to_owned()),
                },
            )?;
        Ok(BufWriter::with_capacity(
            8192,
            Box::new(Terminating(writer)),
        ))
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        let kept = match path.to_str() {
            Some(META) => self.state().current.as_ref().map(|(_, list)| list.clone()),
            Some(MANAGED) => self.state().managed.clone(),
            _ => {
                return self
                    .read_whole(path)
                    .map_err(|error| open_read_error(path, error));
            }
        };
        kept.ok_or_else(|| OpenReadError::FileDoesNotExist(path.to_owned()))
    }

    fn atomic_write(&self, path: &Path, data: &[u8]) -> io::Result<()> {
        match path.to_str() {
            Some(META) => {
                let mut state = self.state();
                let number = state.last_number + 1;
                let mut writer = SealedWriter::create(
                    &self.full(Path::new(&meta_name(number))),
                    &self.shared.key,
                )?;
                writer.write_all(data)?;
                let salt = writer.finish()?;
                self.sync_directory()?;
                state.last_number = number;
                state.current = Some((Generation { number, salt }, data.to_vec()));
                drop(state.watchers.broadcast());
                Ok(())
            }
            // Which files there are is read from the folder when it is opened.
            Some(MANAGED) => {
                self.state().managed = Some(data.to_vec());
                Ok(())
            }
            _ => Err(io::Error::other(format!(
                "{} can not be replaced in a sealed index",
                path.display()
            ))),
        }
    }

    fn sync_directory(&self) -> io::Result<()> {
        File::open(&self.shared.folder)?.sync_all()
    }

    fn acquire_lock(&self, lock: &Lock) -> Result<DirectoryLock, LockError> {
        // One process has the partition open (its lock file says so), so locks are only between threads.
        let free = |state: &mut State| !state.locks.contains(&lock.filepath);
        let mut state = self.state();
        if lock.is_blocking {
            let busy = |state: &mut State| !free(state);
            let waited = self.shared.released.wait_timeout_while(state, WAIT, busy);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        if !free(&mut state) {
            return Err(LockError::LockBusy);
        }
        state.locks.insert(lock.filepath.clone());
        Ok(DirectoryLock::from(Box::new(Held {
            shared: Arc::clone(&self.shared),
            name: lock.filepath.clone(),
        })))
    }

    fn watch(&self, callback: WatchCallback) -> tantivy::Result<WatchHandle> {
        Ok(self.state().watchers.subscribe(callback))
    }
}

/// How long a thread waits for a lock that another holds.
const WAIT: Duration = Duration::from_secs(10);

struct Held {
    shared: Arc<Shared>,
    name: PathBuf,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .locks
            .remove(&self.name);
        self.shared.released.notify_all();
    }
}

struct Terminating(SealedWriter);

impl Write for Terminating {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl TerminatingWrite for Terminating {
    fn terminate_ref(&mut self, _: AntiCallToken) -> io::Result<()> {
        self.0.finish().map(drop)
    }
}

#[derive(Debug)]
struct Handle(SealedFile);

impl HasLen for Handle {
    fn len(&self) -> usize {
        self.0.length()
    }
}

impl FileHandle for Handle {
    fn read_bytes(&self, range: Range<usize>) -> io::Result<OwnedBytes> {
        self.0.read(range).map(OwnedBytes::new)
    }
}
