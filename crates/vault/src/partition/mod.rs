//! Everything that is derived from one epoch's records: catalogue and index, under the epoch's keys.
//!
//! Format and crash argument: `docs/spec/partition.md`.
//!
//! In scope: sealed files, the catalogue, filing, what one partition knows of names.
//! Out of scope: the query language and searches over many partitions ([`crate::search`]), where keys
//! come from, which entries belong to which epoch.

mod catalogue;
mod chunk;
mod directory;
mod filing;
mod index;
mod names;
mod pages;
mod writing;

use std::collections::HashMap;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use record::{Milliseconds, RecordId};
use tantivy::columnar::ColumnValues;
use tantivy::index::SegmentId;
use tantivy::indexer::UserOperation;
use tantivy::{
    Index, IndexReader, IndexSettings, IndexWriter, ReloadPolicy, SegmentReader, TantivyDocument,
    TantivyError,
};
use tlog::LogIndex;
use zeroize::{Zeroize, ZeroizeOnDrop};

pub use catalogue::{CatalogueError, Row, State};
pub use directory::{DirectoryError, EncryptedDirectory, Generation};
pub use filing::{Filed, Filing, Link, Nobody, People, Somebody};
pub use pages::{FileSalt, PAGE, PageCache, PageError, SealedFile, SealedWriter};

use catalogue::Catalogue;
use writing::Writing;

pub(crate) use catalogue::Space;
pub(crate) use index::{Fact, fields};
pub(crate) use names::Names;

canonical::define_id!(PartitionId, 32, "Names a partition: the id of its epoch.");

/// A 32-byte key of a partition (batch.md PART-1).
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct PartitionKey([u8; 32]);

impl PartitionKey {
    /// From its bytes; wipe the source afterwards.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for PartitionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PartitionKey(‹redacted›)")
    }
}

/// The keys of one partition.
#[derive(Clone, Debug)]
pub struct PartitionKeys {
    /// Purpose 0: the catalogue.
    pub catalogue: PartitionKey,
    /// Purpose 1: the index.
    pub index: PartitionKey,
    /// Purpose 2: derived files.
    pub derived: PartitionKey,
}

/// Why a partition can not be made or opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder can not be made or read.
    #[error("the partition {folder} can not be opened")]
    Folder {
        /// The partition's folder.
        folder: PathBuf,
        /// What the file system said.
        source: io::Error,
    },
    /// Another process has it open.
    #[error("the partition {folder} is open in another process; use that one, or end it")]
    InUse {
        /// The partition's folder.
        folder: PathBuf,
    },
    /// To be made, but there is one already; or to be opened, but there is none.
    #[error("{}", if *.there { "there is a partition already" } else { "there is no partition" })]
    Existence {
        /// Whether there is one.
        there: bool,
    },
    /// The catalogue.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The index's directory.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The index.
    #[error(
        "the index of the partition can not be opened; make the partition again from the mirror"
    )]
    Index(#[from] tantivy::TantivyError),
}

/// Why records can not be filed. Nothing of them is kept; file them again from [`Partition::last_filed`].
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The catalogue.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The index.
    #[error("the index of the partition can not be written")]
    Index(#[from] tantivy::TantivyError),
    /// Clearing files that are no longer needed.
    #[error("clearing the index of the partition")]
    Clearing(#[from] io::Error),
}

/// What filing a batch came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records that are new.
    pub filed: u64,
    /// Records that were there already.
    pub known: u64,
}

/// Memory of the index's writer, in bytes.
const WRITER_MEMORY: usize = 96 << 20;
/// Pages of the catalogue that a reader and a writer keep.
const READER_PAGES: usize = 256;
const WRITER_PAGES: usize = 4096;

/// One open partition. Reading is possible from many threads while one files.
pub struct Partition {
    id: PartitionId,
    folder: PathBuf,
    keys: PartitionKeys,
    directory: EncryptedDirectory,
    index: Index,
    reader: IndexReader,
    catalogue: Mutex<Catalogue>,
    writing: Mutex<Option<Writer>>,
    state: RwLock<State>,
    names: Mutex<Option<Arc<Names>>>,
    columns: Mutex<HashMap<SegmentId, Arc<Columns>>>,
    _lock: File,
}

struct Writer {
    catalogue: Writing,
    index: IndexWriter,
    /// Documents that are handed to the index together: each time its thread has to be woken.
    documents: Vec<UserOperation>,
}

/// Documents that wait at most.
const TOGETHER: usize = 64;

impl Writer {
    fn add(&mut self, document: TantivyDocument) -> Result<(), TantivyError> {
        self.documents.push(UserOperation::Add(document));
        if self.documents.len() >= TOGETHER {
            self.hand_over()?;
        }
        Ok(())
    }

    fn hand_over(&mut self) -> Result<(), TantivyError> {
        if !self.documents.is_empty() {
            self.index.run(std::mem::take(&mut self.documents))?;
        }
        Ok(())
    }
}

/// The columns of one segment, opened once.
pub(crate) struct Columns {
    pub(crate) row: Arc<dyn ColumnValues<u64>>,
    pub(crate) at: Arc<dyn ColumnValues<i64>>,
    pub(crate) kind: Arc<dyn ColumnValues<u64>>,
    pub(crate) network: Arc<dyn ColumnValues<u64>>,
    pub(crate) conversation: Arc<dyn ColumnValues<u64>>,
    pub(crate) sender: Arc<dyn ColumnValues<u64>>,
}

impl std::fmt::Debug for Partition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Partition")
            .field("id", &self.id)
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

impl Partition {
    /// Makes an empty partition in `folder`, which must not hold one.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn create(
        folder: &Path,
        id: PartitionId,
        keys: PartitionKeys,
        cache: &Arc<PageCache>,
    ) -> Result<Self, OpenError> {
        if folder.join("catalogue.db").exists() {
            return Err(OpenError::Existence { there: true });
        }
        fs::create_dir_all(folder).map_err(|source| OpenError::Folder {
            folder: folder.to_owned(),
            source,
        })?;
        Self::start(folder, id, keys, cache)
    }

    /// Opens the partition in `folder`, undoing whatever a crash left half done (PARTITION-6).
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(
        folder: &Path,
        id: PartitionId,
        keys: PartitionKeys,
        cache: &Arc<PageCache>,
    ) -> Result<Self, OpenError> {
        if !folder.join("catalogue.db").exists() {
            return Err(OpenError::Existence { there: false });
        }
        Self::start(folder, id, keys, cache)
    }

    fn start(
        folder: &Path,
        id: PartitionId,
        keys: PartitionKeys,
        cache: &Arc<PageCache>,
    ) -> Result<Self, OpenError> {
        allow_many_files();
        let lock = lock(folder)?;
        let catalogue =
            Catalogue::open(&folder.join("catalogue.db"), &keys.catalogue, READER_PAGES)?;
        let state = catalogue.state()?;
        let directory = EncryptedDirectory::open(
            &folder.join("index"),
            keys.index.clone(),
            Arc::clone(cache),
            state.generation,
        )?;
        let index = match state.generation {
            Some(_) => Index::open(directory.clone())?,
            None => Index::create(
                directory.clone(),
                fields().schema.clone(),
                IndexSettings::default(),
            )?,
        };
        index::prepare(&index);
        let reader = index
            .reader_builder()
            .reload_policy(ReloadPolicy::Manual)
            .try_into()?;
        Ok(Self {
            id,
            folder: folder.to_owned(),
            keys,
            directory,
            index,
            reader,
            catalogue: Mutex::new(catalogue),
            writing: Mutex::new(None),
            state: RwLock::new(state),
            names: Mutex::new(None),
            columns: Mutex::default(),
            _lock: lock,
        })
    }

    /// Its id.
    pub fn id(&self) -> PartitionId {
        self.id
    }

    /// Everything of the epoch up to this entry is filed and durable; `None` before the first commit.
    pub fn last_filed(&self) -> Option<LogIndex> {
        self.state().last_filed
    }

    /// What the last commit established.
    pub fn state(&self) -> State {
        *self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moments of the earliest and latest record; `None` if there is none.
    pub fn range(&self) -> Option<(Milliseconds, Milliseconds)> {
        self.state().range
    }

    /// Files records; they are found and durable after [`Partition::commit`]. What is there already is
    /// counted and left alone (PARTITION-8).
    ///
    /// # Errors
    /// [`FileError`]; what was filed since the last commit is then undone.
    pub fn file<'a>(
        &self,
        batch: impl IntoIterator<Item = Filing<'a>>,
        people: &dyn People,
    ) -> Result<Counts, FileError> {
        let mut writing = self.writer()?;
        let Some(writer) = writing.as_mut() else {
            return Ok(Counts::default());
        };
        let mut counts = Counts::default();
        let work = || -> Result<(), FileError> {
            for filing in batch {
                let filed = Filed::of(filing.record, people);
                match writer.catalogue.insert(&filing, &filed)? {
                    Some(numbers) => {
                        writer.add(index::document(&filed, &numbers))?;
                        counts.filed += 1;
                    }
                    None => counts.known += 1,
                }
            }
            Ok(())
        };
        let outcome = work();
        if let Err(error) = outcome {
            // Dropping the writers undoes both; the next filing reads the catalogue's state again.
            *writing = None;
            return Err(error);
        }
        Ok(counts)
    }

    /// Makes what was filed durable and found, and notes that everything of this epoch up to and
    /// including `through` is filed. The order of writes is PARTITION-6.
    ///
    /// # Errors
    /// [`FileError`]; the partition then stands at the commit before.
    pub fn commit(&self, through: LogIndex) -> Result<State, FileError> {
        let mut writing = self.writer()?;
        let Some(writer) = writing.as_mut() else {
            return Ok(self.state());
        };
        let mut work = || -> Result<State, FileError> {
            writer.hand_over()?;
            writer.index.commit()?;
            // A crash here: the catalogue still names the former list, and its files are still there.
            let generation = self.directory.generation();
            let state = writer.catalogue.commit(through, generation)?;
            if let Some(generation) = generation {
                self.directory.settle(generation)?;
            }
            Ok(state)
        };
        match work() {
            Ok(state) => {
                self.established(state)?;
                Ok(state)
            }
            Err(error) => {
                *writing = None;
                Err(error)
            }
        }
    }

    /// Takes over members and title of a roster that stands in another partition and that records
    /// here name; durable and found after [`Partition::commit`] (PARTITION-13).
    ///
    /// # Errors
    /// [`FileError`]; what was filed since the last commit is then undone.
    pub fn learn_roster(&self, roster: &Filed) -> Result<(), FileError> {
        self.write(|writing| writing.learn(roster))
    }

    /// Notes that the records which the entry at this index carried are filed here; durable after
    /// [`Partition::commit`], together with them.
    ///
    /// # Errors
    /// [`FileError`]; what was filed since the last commit is then undone.
    pub fn note_carried(&self, entry: LogIndex) -> Result<(), FileError> {
        self.write(|writing| writing.carried(entry))
    }

    fn write(
        &self,
        work: impl FnOnce(&mut Writing) -> Result<(), CatalogueError>,
    ) -> Result<(), FileError> {
        let mut writing = self.writer()?;
        let Some(writer) = writing.as_mut() else {
            return Ok(());
        };
        let outcome = work(&mut writer.catalogue);
        if outcome.is_err() {
            *writing = None;
        }
        Ok(outcome?)
    }

    /// Undoes what was filed since the last commit.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn abort(&self) -> Result<(), FileError> {
        let mut writing = self.lock_writing();
        if let Some(writer) = writing.as_mut() {
            writer.documents.clear();
            writer.index.rollback()?;
            writer.catalogue.abort()?;
        }
        Ok(())
    }

    /// Waits for merges of segments, takes the last list over, and ends.
    ///
    /// # Errors
    /// [`FileError`]; nothing that was committed is lost by one.
    pub fn close(self) -> Result<(), FileError> {
        self.rest()
    }

    /// Merges all segments into one, which makes an epoch that is over quick to search.
    ///
    /// # Errors
    /// [`FileError`]; nothing that was committed is lost by one.
    pub fn compact(&self) -> Result<(), FileError> {
        let mut writing = self.writer()?;
        if let Some(writer) = writing.as_mut() {
            let segments = self.index.searchable_segment_ids()?;
            if segments.len() > 1 {
                writer.index.merge(&segments).wait()?;
            }
        }
        drop(writing);
        self.rest()
    }

    /// Ends filing for now: what was not committed is undone, merges are waited for, memory is freed.
    ///
    /// # Errors
    /// [`FileError`]; nothing that was committed is lost by one.
    pub fn rest(&self) -> Result<(), FileError> {
        let Some(Writer {
            mut catalogue,
            index,
            ..
        }) = self.lock_writing().take()
        else {
            return Ok(());
        };
        catalogue.abort()?;
        index.wait_merging_threads()?;
        if let Some(generation) = self.directory.generation()
            && self
                .state()
                .generation
                .is_some_and(|known| known != generation)
        {
            let state = catalogue.settle(generation)?;
            self.directory.settle(generation)?;
            self.established(state)?;
        }
        Ok(())
    }

    /// The row of a record, if it is filed here.
    ///
    /// # Errors
    /// [`CatalogueError`].
    pub fn find(&self, id: &RecordId) -> Result<Option<Row>, CatalogueError> {
        self.catalogue().find(id)
    }

    /// Ids of records filed here whose hexadecimal digits begin with `digits`, at most `limit`.
    /// None if `digits` are not 1 to 64 lower-case hexadecimal digits.
    ///
    /// # Errors
    /// [`CatalogueError`].
    pub fn beginning(&self, digits: &str, limit: usize) -> Result<Vec<RecordId>, CatalogueError> {
        let bound = |fill: &str| -> Option<RecordId> {
            let rest = 64_usize.checked_sub(digits.len())?;
            format!("{digits}{}", fill.repeat(rest)).parse().ok()
        };
        match (bound("0"), bound("f")) {
            (Some(first), Some(last)) if !digits.is_empty() => {
                self.catalogue().between(&first, &last, limit)
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Rosters that records here name and whose members are not known here, as of the last commit.
    ///
    /// # Errors
    /// [`CatalogueError`].
    pub fn unknown_rosters(&self) -> Result<Vec<RecordId>, CatalogueError> {
        self.catalogue().unknown_rosters()
    }

    /// Members of a roster, with all names known here; none if the roster is not known here.
    ///
    /// # Errors
    /// [`CatalogueError`].
    pub fn members(&self, roster: &RecordId) -> Result<Vec<Somebody>, CatalogueError> {
        self.catalogue().members(roster)
    }

    /// Whether the records which the entry at this index carried are filed here.
    ///
    /// # Errors
    /// [`CatalogueError`].
    pub fn has_carried(&self, entry: LogIndex) -> Result<bool, CatalogueError> {
        self.catalogue().has_carried(entry)
    }

    /// The committed parts of a record, as they were opened (PARTITION-10).
    ///
    /// # Errors
    /// [`CatalogueError`].
    pub fn parts(&self, row: &Row) -> Result<Vec<Vec<u8>>, CatalogueError> {
        self.catalogue().parts(row)
    }

    /// Rows of the losses recorded here, oldest first.
    ///
    /// # Errors
    /// [`CatalogueError`].
    pub fn losses(&self) -> Result<Vec<Row>, CatalogueError> {
        self.catalogue().losses()
    }

    /// Calls `each` with the row and the parts of every record, in order of filing.
    ///
    /// # Errors
    /// [`CatalogueError`].
    pub fn every(&self, each: &mut dyn FnMut(Row, Vec<Vec<u8>>)) -> Result<(), CatalogueError> {
        self.catalogue().every(each)
    }

    pub(crate) fn catalogue(&self) -> MutexGuard<'_, Catalogue> {
        self.catalogue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn searcher(&self) -> tantivy::Searcher {
        self.reader.searcher()
    }

    /// Names and numbers of this partition, read once after each commit.
    pub(crate) fn names(&self) -> Result<Arc<Names>, CatalogueError> {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(names) = names.as_ref() {
            return Ok(Arc::clone(names));
        }
        let catalogue = self.catalogue();
        let read = Arc::new(Names::new(catalogue.things()?, catalogue.rosters()?));
        *names = Some(Arc::clone(&read));
        Ok(read)
    }

    pub(crate) fn columns(&self, segment: &SegmentReader) -> tantivy::Result<Arc<Columns>> {
        let mut columns = self.columns.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(columns) = columns.get(&segment.segment_id()) {
            return Ok(Arc::clone(columns));
        }
        let fast = segment.fast_fields();
        let opened = Arc::new(Columns {
            row: fast.column_first_or_default("row")?,
            at: fast.column_first_or_default("at")?,
            kind: fast.column_first_or_default("kind")?,
            network: fast.column_first_or_default("network")?,
            conversation: fast.column_first_or_default("conversation")?,
            sender: fast.column_first_or_default("sender")?,
        });
        columns.insert(segment.segment_id(), Arc::clone(&opened));
        Ok(opened)
    }

    fn established(&self, state: State) -> Result<(), FileError> {
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = state;
        *self.names.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.reader.reload()?;
        let living: Vec<SegmentId> = self
            .reader
            .searcher()
            .segment_readers()
            .iter()
            .map(SegmentReader::segment_id)
            .collect();
        self.columns
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|segment, _| living.contains(segment));
        Ok(())
    }

    fn lock_writing(&self) -> MutexGuard<'_, Option<Writer>> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The writers, opened when something is filed for the first time.
    fn writer(&self) -> Result<MutexGuard<'_, Option<Writer>>, FileError> {
        let mut writing = self.lock_writing();
        if writing.is_none() {
            let path = self.folder.join("catalogue.db");
            let catalogue =
                Writing::new(Catalogue::open(&path, &self.keys.catalogue, WRITER_PAGES)?)?;
            let index = self.index.writer_with_num_threads(1, WRITER_MEMORY)?;
            *writing = Some(Writer {
                catalogue,
                index,
                documents: Vec::new(),
            });
        }
        Ok(writing)
    }
}

fn lock(folder: &Path) -> Result<File, OpenError> {
    let failed = |source| OpenError::Folder {
        folder: folder.to_owned(),
        source,
    };
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(folder.join("lock"))
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse {
            folder: folder.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// A partition keeps some twenty files open; over a hundred of them are usual, and the soft limit of
/// many systems is 1,024. The hard limit is the administrator's word and stays.
fn allow_many_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let mut limit = getrlimit(Resource::Nofile);
        if limit.current != limit.maximum {
            limit.current = limit.maximum;
            // If the system refuses, opening the file that is one too many says so.
            let _ = setrlimit(Resource::Nofile, limit);
        }
    });
}

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;
