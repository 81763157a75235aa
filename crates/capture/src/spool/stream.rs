//! Files of sealed streams: written under a temporary name, synced, then named by their hash.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use wire::{ObjectHash, ObjectLength};

use super::points::{WritePoint, WritePoints};

/// The folder of sealed streams. Cloning gives another handle.
#[derive(Clone)]
pub struct StreamFolder {
    path: Arc<PathBuf>,
    points: Arc<dyn WritePoints>,
    next: Arc<AtomicU64>,
}

/// A sealed stream whose file is durable under its own name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpooledStream {
    hash: ObjectHash,
    length: ObjectLength,
}

/// Writing a stream's file failed; nothing of it is durable.
#[derive(Debug, thiserror::Error)]
#[error("writing a sealed stream")]
pub struct StreamFileError(#[from] io::Error);

impl StreamFileError {
    /// Whether the disk is full.
    pub fn is_full(&self) -> bool {
        self.0.kind() == io::ErrorKind::StorageFull
    }
}

/// A stream's file that is being written. Dropped unfinished, it is removed.
pub struct StreamFile {
    folder: StreamFolder,
    path: PathBuf,
    file: Option<File>,
}

impl StreamFolder {
    pub(super) fn open(path: &Path, points: Arc<dyn WritePoints>) -> Result<Self, io::Error> {
        fs::create_dir_all(path)?;
        Ok(Self {
            path: Arc::new(path.to_owned()),
            points,
            next: Arc::default(),
        })
    }

    /// Begins a stream.
    ///
    /// # Errors
    ///
    /// When no file can be made.
    pub fn begin(&self) -> Result<StreamFile, StreamFileError> {
        self.points.reach(WritePoint::StreamBegins)?;
        let name = format!("{}.new", self.next.fetch_add(1, Ordering::Relaxed));
        let path = self.path.join(name);
        let file = File::create(&path)?;
        Ok(StreamFile {
            folder: self.clone(),
            path,
            file: Some(file),
        })
    }

    /// Where the file of a stream of the spool is.
    pub fn file(&self, hash: &ObjectHash) -> PathBuf {
        self.path.join(hash.to_string())
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes streams that the vault holds. One that is gone already is no error: a crash may
    /// have come between the files and their rows.
    pub(super) fn remove(&self, hashes: &[ObjectHash]) -> Result<(), io::Error> {
        for hash in hashes {
            match fs::remove_file(self.path.join(hash.to_string())) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Removes files that were left half made, and those that no row refers to.
    pub(super) fn sweep<E: From<io::Error>>(
        &self,
        mut held: impl FnMut(&ObjectHash) -> Result<bool, E>,
    ) -> Result<(), E> {
        for file in fs::read_dir(&*self.path)? {
            let file = file?;
            let hash = file.file_name().to_str().and_then(|name| name.parse().ok());
            let keep = match hash {
                Some(hash) => held(&hash)?,
                None => false,
            };
            if !keep {
                fs::remove_file(file.path())?;
            }
        }
        Ok(())
    }
}

impl SpooledStream {
    /// SHA-256 of the sealed bytes.
    pub fn hash(&self) -> ObjectHash {
        self.hash
    }

    /// Their length.
    pub fn length(&self) -> ObjectLength {
        self.length
    }
}

impl StreamFile {
    /// Writes further sealed bytes.
    ///
    /// # Errors
    ///
    /// When the disk fails or is full.
    pub fn write(&mut self, sealed: &[u8]) -> Result<(), StreamFileError> {
        match &mut self.file {
            Some(file) => Ok(file.write_all(sealed)?),
            None => Err(io::Error::from(io::ErrorKind::BrokenPipe).into()),
        }
    }

    /// Makes the stream durable under its hash: returns only once file and name are synced.
    ///
    /// # Errors
    ///
    /// When the disk fails or is full.
    pub fn finish(
        mut self,
        hash: ObjectHash,
        length: ObjectLength,
    ) -> Result<SpooledStream, StreamFileError> {
        let points = Arc::clone(&self.folder.points);
        points.reach(WritePoint::StreamWritten)?;
        if let Some(file) = &self.file {
            file.sync_all()?;
        }
        points.reach(WritePoint::StreamSynced)?;
        fs::rename(&self.path, self.folder.path.join(hash.to_string()))?;
        self.file = None;
        points.reach(WritePoint::StreamNamed)?;
        File::open(&*self.folder.path)?.sync_all()?;
        Ok(SpooledStream { hash, length })
    }
}

impl Drop for StreamFile {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // What remains is removed when the spool is opened next.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl std::fmt::Debug for StreamFolder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StreamFolder({})", self.path.display())
    }
}

impl std::fmt::Debug for StreamFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StreamFile({})", self.path.display())
    }
}
