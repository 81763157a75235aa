//! Uploads that may be cut and resumed: pieces are staged on the local disk until the object is
//! whole and its hash is right, then the object store keeps it (UPLOAD-1).
//!
//! Every signer has a folder of its own, so that nobody can spoil the half-finished upload of
//! another. The length of the staged file is the offset; nothing else needs to be remembered.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use canonical::Milliseconds;
use wire::{ObjectHash, SignerId};

use super::folder::{blocking, make_durably};
use super::{ObjectStore, StoreError};

/// How far an object has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The store keeps the object; its length in bytes.
    Complete(u64),
    /// So many bytes of this signer's upload are staged.
    Partial(u64),
    /// Nothing is there.
    Missing,
}

/// What an appended piece led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// So many bytes are staged now.
    Partial(u64),
    /// The object is whole, its hash is right, and the store keeps it.
    Complete,
}

/// Why a piece could not be appended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// The upload stands elsewhere.
    #[error("the upload stands at byte {at}")]
    Offset {
        /// Bytes that are staged.
        at: u64,
    },
    /// The piece goes beyond the length that was announced.
    #[error("the piece goes beyond the announced length")]
    TooLong,
    /// The object is whole and its hash is another; the bytes are discarded.
    #[error("the bytes do not have the hash that names the object")]
    Hash,
    /// The signer has too many uploads under way, or they hold too many bytes.
    #[error("too much is being uploaded")]
    Full,
    /// A store could not do its part.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Staged uploads of one archive.
#[derive(Debug, Clone)]
pub struct Uploads {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    objects: Arc<dyn ObjectStore>,
    per_signer: usize,
    bytes: u64,
    under_way: Mutex<HashMap<(SignerId, ObjectHash), Slot>>,
    held: Mutex<Held>,
}

/// Bytes that are staged, by upload; what the folder says, kept so that nobody has to list it.
#[derive(Debug, Default)]
struct Held {
    uploads: BTreeMap<(SignerId, ObjectHash), u64>,
    bytes: u64,
}

/// An open upload. When it is dropped, at the end of its request or in the middle, its file is
/// closed, unless another request uses it.
#[derive(Debug)]
pub struct UploadTurn {
    inner: Arc<Inner>,
    upload: (SignerId, ObjectHash),
}

/// One upload; whoever appends to it holds the lock.
type Slot = Arc<Mutex<Option<Staged>>>;

/// An open staged file and the hash of what is in it.
struct Staged {
    file: File,
    length: u64,
    hash: Context,
}

impl std::fmt::Debug for Staged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Staged")
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

impl Uploads {
    /// Opens the folder of staged uploads. A signer may have `per_signer` uploads under way, and
    /// all together may hold `bytes` bytes.
    ///
    /// # Errors
    ///
    /// When the folder can not be made.
    pub fn open(
        folder: impl Into<PathBuf>,
        objects: Arc<dyn ObjectStore>,
        per_signer: usize,
        bytes: u64,
    ) -> Result<Self, StoreError> {
        let folder = folder.into();
        make_durably(&folder).map_err(StoreError::io("make the folder of uploads"))?;
        let inner = Inner {
            folder,
            objects,
            per_signer,
            bytes,
            under_way: Mutex::default(),
            held: Mutex::default(),
        };
        inner.count().map_err(StoreError::io("count the uploads"))?;
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// How far the object has come, for this signer.
    ///
    /// # Errors
    ///
    /// When a store can not tell.
    pub async fn progress(
        &self,
        signer: SignerId,
        object: ObjectHash,
    ) -> Result<Progress, StoreError> {
        if let Some(length) = self.inner.objects.length(object).await? {
            return Ok(Progress::Complete(length));
        }
        let path = self.inner.path(signer, object);
        blocking(move || match fs::metadata(path) {
            Ok(facts) => Ok(Progress::Partial(facts.len())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Progress::Missing),
            Err(source) => Err(StoreError::Io {
                doing: "look for an upload",
                source,
            }),
        })
        .await
    }

    /// Checks that an upload of `length` bytes may stand at `offset`, before its bytes are read.
    ///
    /// # Errors
    ///
    /// When it stands elsewhere, or limits are reached.
    pub async fn begin(
        &self,
        signer: SignerId,
        object: ObjectHash,
        offset: u64,
        length: u64,
    ) -> Result<UploadTurn, AppendError> {
        let turn = UploadTurn {
            inner: self.inner.clone(),
            upload: (signer, object),
        };
        if offset > length {
            return Err(AppendError::TooLong);
        }
        let inner = self.inner.clone();
        off_thread(move || {
            let (others, held) = inner.room(signer, object);
            if others >= inner.per_signer || held.saturating_add(length - offset) > inner.bytes {
                return Err(AppendError::Full);
            }
            let slot = inner.slot(signer, object);
            let mut staged = slot.lock().unwrap_or_else(PoisonError::into_inner);
            let at = inner.opened(&mut staged, signer, object)?.length;
            drop(staged);
            if at == offset {
                Ok(turn)
            } else {
                Err(AppendError::Offset { at })
            }
        })
        .await
    }

    /// Appends a piece at `offset`. Not synced piece by piece: after a crash the staged file is
    /// hashed anew, and an object is only ever kept whole, synced and with the right hash.
    ///
    /// # Errors
    ///
    /// As [`AppendError`] says. A piece of another request that came first moves the offset: the
    /// later of two requests for the same upload ends with [`AppendError::Offset`].
    pub async fn append(
        &self,
        signer: SignerId,
        object: ObjectHash,
        offset: u64,
        length: u64,
        piece: Bytes,
    ) -> Result<u64, AppendError> {
        let inner = self.inner.clone();
        off_thread(move || {
            let doing = "stage a piece of an upload";
            let slot = inner.slot(signer, object);
            let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
            let staged = inner.opened(&mut slot, signer, object)?;
            if staged.length != offset {
                return Err(AppendError::Offset { at: staged.length });
            }
            let after = offset.saturating_add(piece.len() as u64);
            if after > length {
                return Err(AppendError::TooLong);
            }
            if let Err(error) = staged.file.write_all(&piece) {
                // The file may have grown by a part of the piece; forget what we knew of it.
                *slot = None;
                return Err(StoreError::io(doing)(error).into());
            }
            staged.hash.update(&piece);
            staged.length = after;
            inner.hold(signer, object, Some(after));
            Ok(after)
        })
        .await
    }

    /// At the full length: checks the hash and has the object kept; before it, syncs what is
    /// there, so that the client need not send it again after a crash.
    ///
    /// # Errors
    ///
    /// [`AppendError::Hash`] when the bytes are others: they are gone then.
    pub async fn finish(
        &self,
        signer: SignerId,
        object: ObjectHash,
        length: u64,
    ) -> Result<Appended, AppendError> {
        let inner = self.inner.clone();
        let step = off_thread(move || {
            let doing = "sync an upload";
            let slot = inner.slot(signer, object);
            let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
            let staged = inner.opened(&mut slot, signer, object)?;
            if staged.length < length {
                staged.file.sync_data().map_err(StoreError::io(doing))?;
                return Ok(Some(staged.length));
            }
            let path = inner.path(signer, object);
            let digest = staged.hash.clone().finish();
            if staged.length != length || digest.as_ref() != object.as_bytes() {
                *slot = None;
                inner.forget(signer, object);
                fs::remove_file(path).map_err(StoreError::io("discard an upload"))?;
                return Err(AppendError::Hash);
            }
            staged.file.sync_all().map_err(StoreError::io(doing))?;
            Ok(None)
        });
        if let Some(at) = step.await? {
            return Ok(Appended::Partial(at));
        }
        // Crash argument: the staged file stays until the store keeps the object durably. A crash
        // or an error here leaves a full staged file, and the next request finishes it.
        let path = self.inner.path(signer, object);
        self.inner.objects.keep(object, &path).await?;
        self.inner.forget(signer, object);
        blocking(move || {
            remove_if_there(&path).map_err(StoreError::io("remove a finished upload"))
        })
        .await?;
        Ok(Appended::Complete)
    }

    /// Discards uploads without progress since `idle` before `now` (LIMIT-1); returns how many.
    ///
    /// # Errors
    ///
    /// When the folder can not be read.
    pub async fn discard_idle(
        &self,
        now: Milliseconds,
        idle: Duration,
    ) -> Result<usize, StoreError> {
        let inner = self.inner.clone();
        let since = Duration::from_millis(u64::try_from(now.get()).unwrap_or_default());
        let now = UNIX_EPOCH + since;
        blocking(move || {
            inner
                .discard_idle(now, idle)
                .map_err(StoreError::io("discard idle uploads"))
        })
        .await
    }
}

impl Inner {
    fn path(&self, signer: SignerId, object: ObjectHash) -> PathBuf {
        self.folder
            .join(signer.to_string())
            .join(object.to_string())
    }

    fn slot(&self, signer: SignerId, object: ObjectHash) -> Slot {
        let mut under_way = self
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        under_way.entry((signer, object)).or_default().clone()
    }

    /// The upload is over: kept, or discarded.
    fn forget(&self, signer: SignerId, object: ObjectHash) {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&(signer, object));
        self.hold(signer, object, None);
    }

    /// Closes the file of an upload that no request works on just now. A request that comes between
    /// two of its pieces opens it again and finds its true length.
    fn release(&self, upload: &(SignerId, ObjectHash)) {
        let mut under_way = self
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if under_way
            .get(upload)
            .is_some_and(|slot| Arc::strong_count(slot) == 1)
        {
            under_way.remove(upload);
        }
    }

    fn hold(&self, signer: SignerId, object: ObjectHash, length: Option<u64>) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let before = match length {
            Some(length) => held.uploads.insert((signer, object), length),
            None => held.uploads.remove(&(signer, object)),
        };
        held.bytes = held
            .bytes
            .saturating_sub(before.unwrap_or(0))
            .saturating_add(length.unwrap_or(0));
    }

    /// Other uploads of this signer, and bytes that all signers hold.
    fn room(&self, signer: SignerId, object: ObjectHash) -> (usize, u64) {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let (first, last) = (
            ObjectHash::from_bytes([0; 32]),
            ObjectHash::from_bytes([0xff; 32]),
        );
        let own = held.uploads.range((signer, first)..=(signer, last));
        (
            own.filter(|((_, other), _)| *other != object).count(),
            held.bytes,
        )
    }

    /// Reads from the folder what is staged.
    fn count(&self) -> io::Result<()> {
        for folder in fs::read_dir(&self.folder)? {
            let folder = folder?;
            let Some(signer) = named(&folder) else {
                continue;
            };
            for upload in fs::read_dir(folder.path())? {
                let upload = upload?;
                if let Some(object) = named(&upload) {
                    self.hold(signer, object, Some(upload.metadata()?.len()));
                }
            }
        }
        Ok(())
    }

    /// Opens the staged file if it is not open, hashing what stands in it.
    fn opened<'a>(
        &self,
        slot: &'a mut Option<Staged>,
        signer: SignerId,
        object: ObjectHash,
    ) -> Result<&'a mut Staged, StoreError> {
        let staged = match slot.take() {
            Some(staged) => staged,
            None => {
                let path = self.path(signer, object);
                let staged = open_staged(&path).map_err(StoreError::io("open an upload"))?;
                self.hold(signer, object, Some(staged.length));
                staged
            }
        };
        Ok(slot.insert(staged))
    }

    fn discard_idle(&self, now: SystemTime, idle: Duration) -> io::Result<usize> {
        let mut discarded = 0;
        for folder in fs::read_dir(&self.folder)? {
            let folder = folder?;
            let Some(signer) = named(&folder) else {
                continue;
            };
            for upload in fs::read_dir(folder.path())? {
                let upload = upload?;
                let Some(object) = named(&upload) else {
                    continue;
                };
                // An upload that was finished meanwhile has no facts any more.
                let Ok(changed) = upload.metadata().and_then(|facts| facts.modified()) else {
                    continue;
                };
                if now.duration_since(changed).unwrap_or_default() < idle {
                    continue;
                }
                // Taken out of the map first, so that a request that comes now opens the file anew.
                self.forget(signer, object);
                remove_if_there(&upload.path())?;
                discarded += 1;
            }
        }
        Ok(discarded)
    }
}

impl Drop for UploadTurn {
    fn drop(&mut self) {
        self.inner.release(&self.upload);
    }
}

/// A folder is named after its signer, a file in it after its object.
fn named<T: std::str::FromStr>(item: &fs::DirEntry) -> Option<T> {
    item.file_name().to_str()?.parse().ok()
}

fn open_staged(path: &Path) -> io::Result<Staged> {
    if let Some(parent) = path.parent() {
        make_durably(parent)?;
    }
    let mut file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .open(path)?;
    let mut hash = Context::new(&SHA256);
    let mut length = 0;
    let mut piece = vec![0; 64 << 10];
    file.seek(SeekFrom::Start(0))?;
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            return Ok(Staged { file, length, hash });
        }
        hash.update(piece.get(..read).unwrap_or_default());
        length += read as u64;
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, AppendError> + Send + 'static,
) -> Result<T, AppendError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(stopped) => Err(StoreError::Io {
            doing: "run to the end",
            source: io::Error::other(stopped),
        }
        .into()),
    }
}
