//! Where an archive's files lie: two small traits, their guarantees written at each method.
//!
//! [`LogStore`] keeps the small files of the log, [`ObjectStore`] the sealed objects. Each has a
//! folder and an S3 bucket behind it; a test may put a faulty store in front of either.

mod folder;
mod s3;
mod upload;

use std::fmt;
use std::ops::Range;
use std::path::Path;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all};
use futures_util::stream::BoxStream;
use wire::ObjectHash;

pub use folder::{FolderLog, FolderObjects};
pub use s3::{S3Config, S3Log, S3Objects};
pub use upload::{AppendError, Appended, Progress, UploadTurn, Uploads};

/// The name of a file of the log: a relative path of lower-case letters, digits, dots and slashes.
///
/// Made by this crate only, so a name never comes from a request unread.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LogFile(String);

impl LogFile {
    /// The published checkpoint with its cosignatures.
    #[must_use]
    pub fn checkpoint() -> Self {
        Self("checkpoint".to_owned())
    }

    /// The group that leads to this tree head.
    #[must_use]
    pub fn staged(root: &tlog::Hash) -> Self {
        Self(format!("staged/{}", canonical::hex(root.as_bytes())))
    }

    /// A staged group by the last part of its path; `None` for other names.
    fn staged_named(name: &str) -> Option<Self> {
        let mut root = [0; tlog::Hash::LEN];
        canonical::hex_into(name, &mut root).ok()?;
        Some(Self::staged(&tlog::Hash::from_bytes(root)))
    }

    /// A tile or entry bundle, by its path in C2SP tlog-tiles.
    #[must_use]
    pub(crate) fn tile(path: String) -> Self {
        Self(path)
    }

    /// The path, with `/` between its parts.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for LogFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file system refused.
    #[error("could not {doing}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The object store refused.
    #[error("the object store could not {doing}")]
    Remote {
        /// What was being done.
        doing: &'static str,
        /// The store's answer.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A fault that a test planted.
    #[error("a fault was planted here")]
    Planted,
}

impl StoreError {
    pub(crate) fn io(doing: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { doing, source }
    }
}

/// Keeps the small files of one archive's log: tiles, entry bundles, staged groups, the checkpoint.
pub trait LogStore: Send + Sync + fmt::Debug + 'static {
    /// Writes the whole file in place of whatever stood under its name.
    ///
    /// Returns `Ok` only once file and name are durable. Whoever reads during the call finds the
    /// former file or the new one. After an error either of them may stand, or, where the store
    /// can not do better, a torn one: the caller writes again before anybody is told of the file.
    fn put<'a>(&'a self, file: &'a LogFile, bytes: Bytes) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Writes several files, in no order. Returns `Ok` only once all of them and their names are
    /// durable; an error says of none of them what stands, and none is still being written.
    fn put_all(&self, files: Vec<(LogFile, Bytes)>) -> BoxFuture<'_, Result<(), StoreError>> {
        let put = |(file, bytes)| async move { self.put(&file, bytes).await };
        // All are waited for, also when one fails.
        let written = join_all(files.into_iter().map(put));
        written.map(|written| written.into_iter().collect()).boxed()
    }

    /// The file's bytes, or `None` if nothing was ever written under the name. An error never
    /// stands for absence.
    fn get<'a>(&'a self, file: &'a LogFile) -> BoxFuture<'a, Result<Option<Bytes>, StoreError>>;

    /// The staged groups that stand, in no order. Those of groups that were never sequenced are
    /// found so, and removed.
    fn staged(&self) -> BoxFuture<'_, Result<Vec<LogFile>, StoreError>>;

    /// Removes a file that nothing refers to any more; a missing one is no error. Need not be
    /// durable: a file that comes back is harmless.
    fn remove<'a>(&'a self, file: &'a LogFile) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Removes several, in this order; after an error those behind it may still stand.
    fn remove_all(&self, files: Vec<LogFile>) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            for file in &files {
                self.remove(file).await?;
            }
            Ok(())
        }
        .boxed()
    }
}

/// Bytes of an object as they are read, in pieces of at most 64 KiB or what the network gives.
pub type ObjectBytes = BoxStream<'static, Result<Bytes, StoreError>>;

/// Keeps the sealed objects of one archive, each under its SHA-256, for ever the same bytes.
pub trait ObjectStore: Send + Sync + fmt::Debug + 'static {
    /// Length in bytes of a kept object; `None` if it is not kept. An error never stands for
    /// absence.
    fn length(&self, object: ObjectHash) -> BoxFuture<'_, Result<Option<u64>, StoreError>>;

    /// Takes over a complete file whose hash was checked and whose bytes are synced.
    ///
    /// Returns `Ok` only once the object is durable under its hash; the file is then gone or may
    /// be removed. After an error the file still stands or the object is kept: the call can be
    /// repeated.
    fn keep<'a>(
        &'a self,
        object: ObjectHash,
        file: &'a Path,
    ) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Bytes `range` of a kept object (the caller has checked the range against its length);
    /// `None` if it is not kept.
    fn read(
        &self,
        object: ObjectHash,
        range: Range<u64>,
    ) -> BoxFuture<'_, Result<Option<ObjectBytes>, StoreError>>;
}
