//! The stores in a folder of the local file system.

use std::collections::{BTreeSet, HashSet};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};
use futures_util::stream::{self, StreamExt as _};
use wire::ObjectHash;

use super::{LogFile, LogStore, ObjectBytes, ObjectStore, StoreError};

/// How much of an object is read at once, in bytes.
const PIECE: usize = 64 << 10;

/// The files of a log in a folder.
#[derive(Debug, Clone)]
pub struct FolderLog {
    folder: Arc<Folder>,
}

/// Sealed objects in a folder, 256 folders below it by the first byte of the hash.
#[derive(Debug, Clone)]
pub struct FolderObjects {
    folder: Arc<Folder>,
}

impl FolderLog {
    /// Opens the folder, making it if it is missing.
    ///
    /// # Errors
    ///
    /// When the folder can not be made or synced.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, StoreError> {
        Ok(Self {
            folder: Arc::new(Folder::open(folder.into())?),
        })
    }
}

impl FolderObjects {
    /// Opens the folder, making it if it is missing.
    ///
    /// # Errors
    ///
    /// When the folder can not be made or synced.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, StoreError> {
        Ok(Self {
            folder: Arc::new(Folder::open(folder.into())?),
        })
    }

    fn path(&self, object: ObjectHash) -> PathBuf {
        let name = object.to_string();
        self.folder
            .root
            .join(name.get(..2).unwrap_or_default())
            .join(name)
    }
}

impl LogStore for FolderLog {
    fn put<'a>(&'a self, file: &'a LogFile, bytes: Bytes) -> BoxFuture<'a, Result<(), StoreError>> {
        self.put_all(vec![(file.clone(), bytes)])
    }

    fn put_all(&self, files: Vec<(LogFile, Bytes)>) -> BoxFuture<'_, Result<(), StoreError>> {
        let folder = self.folder.clone();
        let place = |(file, bytes): (LogFile, Bytes)| (folder.root.join(file.as_str()), bytes);
        let files: Vec<_> = files.into_iter().map(place).collect();
        blocking(move || {
            folder
                .write(&files)
                .map_err(StoreError::io("write a file of the log"))
        })
        .boxed()
    }

    fn get<'a>(&'a self, file: &'a LogFile) -> BoxFuture<'a, Result<Option<Bytes>, StoreError>> {
        let path = self.folder.root.join(file.as_str());
        blocking(move || match fs::read(path) {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(StoreError::Io {
                doing: "read a file of the log",
                source,
            }),
        })
        .boxed()
    }

    fn staged(&self) -> BoxFuture<'_, Result<Vec<LogFile>, StoreError>> {
        let folder = self.folder.root.join("staged");
        blocking(move || {
            let doing = "list the staged groups";
            let files = match fs::read_dir(folder) {
                Ok(files) => files,
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
                Err(source) => return Err(StoreError::Io { doing, source }),
            };
            let mut staged = Vec::new();
            for file in files {
                let name = file.map_err(StoreError::io(doing))?.file_name();
                staged.extend(name.to_str().and_then(LogFile::staged_named));
            }
            Ok(staged)
        })
        .boxed()
    }

    fn remove<'a>(&'a self, file: &'a LogFile) -> BoxFuture<'a, Result<(), StoreError>> {
        self.remove_all(vec![file.clone()])
    }

    fn remove_all(&self, files: Vec<LogFile>) -> BoxFuture<'_, Result<(), StoreError>> {
        let folder = self.folder.clone();
        blocking(move || {
            for file in files {
                match fs::remove_file(folder.root.join(file.as_str())) {
                    Err(error) if error.kind() != ErrorKind::NotFound => {
                        return Err(StoreError::Io {
                            doing: "remove a file of the log",
                            source: error,
                        });
                    }
                    _ => {}
                }
            }
            Ok(())
        })
        .boxed()
    }
}

impl ObjectStore for FolderObjects {
    fn length(&self, object: ObjectHash) -> BoxFuture<'_, Result<Option<u64>, StoreError>> {
        // Asked for every entry: a local file system answers in less time than another thread takes
        // to begin.
        let length = match fs::metadata(self.path(object)) {
            Ok(facts) => Ok(Some(facts.len())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(StoreError::Io {
                doing: "look for an object",
                source,
            }),
        };
        ready(length).boxed()
    }

    fn keep<'a>(
        &'a self,
        object: ObjectHash,
        file: &'a Path,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let (folder, from, to) = (self.folder.clone(), file.to_owned(), self.path(object));
        blocking(move || {
            folder
                .take(&from, &to)
                .map_err(StoreError::io("keep an object"))
        })
        .boxed()
    }

    fn read(
        &self,
        object: ObjectHash,
        range: Range<u64>,
    ) -> BoxFuture<'_, Result<Option<ObjectBytes>, StoreError>> {
        let path = self.path(object);
        blocking(move || {
            let doing = "read an object";
            let mut file = match File::open(path) {
                Ok(file) => file,
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                Err(source) => return Err(StoreError::Io { doing, source }),
            };
            file.seek(SeekFrom::Start(range.start))
                .map_err(StoreError::io(doing))?;
            let left = range.end.saturating_sub(range.start);
            Ok(Some(stream::try_unfold((file, left), next_piece).boxed()))
        })
        .boxed()
    }
}

/// A root folder and the folders below it that are known to stand durably.
#[derive(Debug)]
struct Folder {
    root: PathBuf,
    standing: Mutex<HashSet<PathBuf>>,
    temporary: AtomicU64,
}

impl Folder {
    fn open(root: PathBuf) -> Result<Self, StoreError> {
        make_durably(&root).map_err(StoreError::io("make a folder"))?;
        // What a crash left half-written under a temporary name was never part of anything.
        let temporary = root.join("tmp");
        if temporary.exists() {
            fs::remove_dir_all(&temporary).map_err(StoreError::io("clear a folder"))?;
        }
        make_durably(&temporary).map_err(StoreError::io("make a folder"))?;
        Ok(Self {
            root,
            standing: Mutex::default(),
            temporary: AtomicU64::new(0),
        })
    }

    /// Writes files, each whole in place of what stood under its name.
    ///
    /// Crash argument: the bytes are synced under a temporary name before the rename makes them
    /// visible, and the folder is synced after it. A crash before the rename leaves the former
    /// file; after it, the whole new one. Files of one call know no order among each other: all
    /// are written before the first is waited for, and a folder is synced once for all its names.
    fn write(&self, files: &[(PathBuf, Bytes)]) -> io::Result<()> {
        let mut written = Vec::with_capacity(files.len());
        for (path, bytes) in files {
            let number = self.temporary.fetch_add(1, Ordering::Relaxed);
            let temporary = self.root.join("tmp").join(number.to_string());
            let mut file = File::create(&temporary)?;
            file.write_all(bytes)?;
            written.push((file, temporary, path));
        }
        sync_all(written.iter().map(|(file, _, _)| file))?;
        let mut parents = BTreeSet::new();
        for (_, temporary, path) in &written {
            parents.insert(self.rename(temporary, path)?);
        }
        let parents = parents.into_iter().map(File::open);
        sync_all(parents.collect::<io::Result<Vec<_>>>()?.iter())
    }

    /// Moves a synced file under its name and syncs the folder.
    fn take(&self, from: &Path, to: &Path) -> io::Result<()> {
        sync(&File::open(self.rename(from, to)?)?)
    }

    /// Moves a synced file under its name; returns the folder that is still to be synced.
    fn rename<'p>(&self, from: &Path, to: &'p Path) -> io::Result<&'p Path> {
        let Some(parent) = to.parent() else {
            return Err(ErrorKind::InvalidInput.into());
        };
        if !self.stands(parent) {
            make_durably(parent)?;
            self.standing
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(parent.to_owned());
        }
        match fs::rename(from, to) {
            // A repeated call after an error whose rename had worked.
            Err(error) if error.kind() == ErrorKind::NotFound && to.exists() => {}
            other => other?,
        }
        Ok(parent)
    }

    fn stands(&self, folder: &Path) -> bool {
        self.standing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(folder)
    }
}

/// Makes a folder and those above it, and syncs every parent that got a new name.
pub(crate) fn make_durably(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        make_durably(parent)?;
        match fs::create_dir(folder) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        return sync(&File::open(parent)?);
    }
    fs::create_dir(folder)
}

/// Every sync of these stores, so that a test can see that none is left out.
fn sync(file: &File) -> io::Result<()> {
    #[cfg(test)]
    tests::SYNCS.with(|syncs| syncs.set(syncs.get() + 1));
    file.sync_all()
}

/// Syncs that are under way at once.
const TOGETHER: usize = 8;

/// Syncs several files at once: a file system with a journal writes it once for all that wait,
/// where one after the other each waits for a write of its own. Returns once all have ended.
fn sync_all<'f>(files: impl Iterator<Item = &'f File>) -> io::Result<()> {
    let files: Vec<&File> = files.collect();
    let each = files.len().div_ceil(TOGETHER).max(1);
    let mut some = files.chunks(each);
    let Some(own) = some.next() else {
        return Ok(());
    };
    let in_turn = |files: &[&File]| files.iter().try_for_each(|file| file.sync_all());
    #[cfg(test)]
    tests::SYNCS.with(|syncs| syncs.set(syncs.get() + files.len()));
    std::thread::scope(|scope| {
        let mut beside = Vec::new();
        let mut left = Vec::new();
        for files in some {
            match std::thread::Builder::new().spawn_scoped(scope, || in_turn(files)) {
                Ok(thread) => beside.push(thread),
                // No thread to be had: in turn, then.
                Err(_) => left.push(files),
            }
        }
        let mut synced = in_turn(own);
        for files in left {
            synced = synced.and(in_turn(files));
        }
        for thread in beside {
            let ended = thread.join();
            synced =
                synced.and(ended.unwrap_or_else(|_| Err(io::Error::other("a sync ended early"))));
        }
        synced
    })
}

async fn next_piece(
    (mut file, left): (File, u64),
) -> Result<Option<(Bytes, (File, u64))>, StoreError> {
    if left == 0 {
        return Ok(None);
    }
    blocking(move || {
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE);
        let mut piece = BytesMut::zeroed(wanted);
        file.read_exact(&mut piece)
            .map_err(StoreError::io("read an object"))?;
        Ok(Some((
            piece.freeze(),
            (file, left.saturating_sub(wanted as u64)),
        )))
    })
    .await
}

/// Runs file work away from the threads that serve requests.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(stopped) => Err(StoreError::Io {
            doing: "run to the end",
            source: io::Error::other(stopped),
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local! {
        pub(super) static SYNCS: Cell<usize> = const { Cell::new(0) };
    }

    fn syncs(work: impl FnOnce() -> io::Result<()>) -> usize {
        SYNCS.set(0);
        work().unwrap();
        SYNCS.get()
    }

    /// SEQ-1 leans on it: bytes are synced before they get their name, and the name after.
    #[test]
    fn nothing_is_durable_without_its_syncs() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::open(root.path().join("log")).unwrap();
        let path = folder.root.join("tile/0/000");
        // Two new folders in their parents, the bytes, the name.
        let write = |path: &Path, bytes| folder.write(&[(path.to_owned(), Bytes::from(bytes))]);
        assert_eq!(syncs(|| write(&path, "one")), 4);
        assert_eq!(syncs(|| write(&path, "two")), 2);
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.root.join("tmp")).unwrap().count(), 0);
        // The bytes of each file, and every folder once for all its names.
        let files = ["tile/0/001", "tile/0/002", "checkpoint"]
            .map(|name| (folder.root.join(name), Bytes::from_static(b"four")));
        assert_eq!(syncs(|| folder.write(&files)), 5);
        assert!(
            files
                .iter()
                .all(|(path, _)| fs::read(path).unwrap() == b"four")
        );
        let object = root.path().join("object");
        fs::write(&object, b"three").unwrap();
        let kept = folder.root.join("aa/object");
        assert_eq!(syncs(|| folder.take(&object, &kept)), 2);
        // Repeated after an error that was none.
        assert_eq!(syncs(|| folder.take(&object, &kept)), 1);
        assert!(
            folder
                .take(
                    &root.path().join("nothing"),
                    &folder.root.join("aa/nothing")
                )
                .is_err()
        );
    }
}
