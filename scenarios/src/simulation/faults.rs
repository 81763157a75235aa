//! Disks that fail: the relay's stores and the write points of agent and vault, at a moment that is
//! set beforehand, or as long as they are full.

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use capture::spool::{WritePoint, WritePoints};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use relay::Stores;
use relay::state::{AuthorityRows, Change, CheckpointStore, Head, Place, StateError};
use relay::store::{LogFile, LogStore, ObjectBytes, ObjectStore, StoreError};
use tlog::LogIndex;
use wire::{ControlNumber, ObjectHash, SequenceNumber, SignerId};

/// What a failing disk of an agent or a vault says.
const FAILED: &str = "the simulated disk failed here";
/// What a full one says.
const FULL: &str = "the simulated disk is full";

/// What happens to the write that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It does not happen.
    Failed,
    /// It happens, and nobody is told.
    Persisted,
    /// Half of it happens, where a file can be torn.
    Torn,
}

/// A disk that fails when it is told to.
#[derive(Clone, Debug, Default)]
pub struct Disk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// After so many more writes, one fails.
    fails_in: Option<(u64, Fault)>,
    /// After the failing write nothing works any more: the program was killed there.
    deadly: bool,
    dead: bool,
    full: bool,
    /// Objects are not found, though they are there.
    hidden: bool,
}

impl Disk {
    /// After `writes` more writes, one fails; if `deadly`, all after it too.
    pub fn fail_in(&self, writes: u64, fault: Fault, deadly: bool) {
        let mut state = self.state();
        state.fails_in = Some((writes, fault));
        state.deadly = deadly;
    }

    /// Whether the program was killed at a write.
    pub fn is_dead(&self) -> bool {
        self.state().dead
    }

    /// From now on nothing is written or read.
    pub fn kill(&self) {
        self.state().dead = true;
    }

    /// Full or not.
    pub fn set_full(&self, full: bool) {
        self.state().full = full;
    }

    /// Whether it is full.
    pub fn is_full(&self) -> bool {
        self.state().full
    }

    /// Hides objects, or shows them again.
    pub fn hide(&self, hidden: bool) {
        self.state().hidden = hidden;
    }

    /// As after a start: what was set to fail does not, and what was dead lives. A full disk stays full.
    pub fn revive(&self) {
        let mut state = self.state();
        state.fails_in = None;
        state.dead = false;
    }

    /// Puts this disk under stores.
    pub fn under(&self, stores: Stores) -> Stores {
        Stores {
            log: Arc::new(OnDisk(stores.log, self.clone())),
            objects: Arc::new(OnDisk(stores.objects, self.clone())),
            state: Arc::new(OnDisk(stores.state, self.clone())),
            uploads: stores.uploads,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// What happens to this write; `None` lets it through.
    fn write(&self) -> Option<Fault> {
        let mut state = self.state();
        if state.dead || state.full {
            return Some(Fault::Failed);
        }
        match state.fails_in.take() {
            None => None,
            Some((0, fault)) => {
                state.dead = state.deadly;
                Some(fault)
            }
            Some((left, fault)) => {
                state.fails_in = Some((left - 1, fault));
                None
            }
        }
    }
}

impl WritePoints for Disk {
    fn reach(&self, point: WritePoint) -> io::Result<()> {
        // What is committed is committed, however full the disk is.
        let committed = matches!(
            point,
            WritePoint::GroupCommitted | WritePoint::MarksCommitted | WritePoint::StoredCommitted
        );
        if self.is_full() {
            return if committed {
                Ok(())
            } else {
                Err(io::ErrorKind::StorageFull.into())
            };
        }
        match self.write() {
            None => Ok(()),
            Some(_) => Err(io::Error::other(FAILED)),
        }
    }
}

impl vault::WritePoints for Disk {
    fn reach(&self) -> io::Result<()> {
        if self.is_full() {
            return Err(io::Error::new(io::ErrorKind::StorageFull, FULL));
        }
        match self.write() {
            None => Ok(()),
            Some(_) => Err(io::Error::other(FAILED)),
        }
    }
}

/// Whether an error is a simulated disk's, and nothing else.
pub(super) fn is_of_the_disk(error: &dyn std::error::Error) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if text.contains(FAILED) || text.contains(FULL) {
            return true;
        }
        next = error.source();
    }
    false
}

#[derive(Debug)]
struct OnDisk<S: ?Sized>(Arc<S>, Disk);

impl LogStore for OnDisk<dyn LogStore> {
    fn put<'a>(&'a self, file: &'a LogFile, bytes: Bytes) -> BoxFuture<'a, Result<(), StoreError>> {
        async move {
            match self.1.write() {
                None => return self.0.put(file, bytes).await,
                Some(Fault::Failed) => {}
                Some(Fault::Persisted) => self.0.put(file, bytes).await?,
                Some(Fault::Torn) => self.0.put(file, bytes.slice(..bytes.len() / 2)).await?,
            }
            Err(StoreError::Planted)
        }
        .boxed()
    }

    fn get<'a>(&'a self, file: &'a LogFile) -> BoxFuture<'a, Result<Option<Bytes>, StoreError>> {
        if self.1.is_dead() {
            return async { Err(StoreError::Planted) }.boxed();
        }
        self.0.get(file)
    }

    fn staged(&self) -> BoxFuture<'_, Result<Vec<LogFile>, StoreError>> {
        self.0.staged()
    }

    fn remove<'a>(&'a self, file: &'a LogFile) -> BoxFuture<'a, Result<(), StoreError>> {
        async move {
            match self.1.write() {
                None => return self.0.remove(file).await,
                Some(Fault::Persisted) => self.0.remove(file).await?,
                Some(_) => {}
            }
            Err(StoreError::Planted)
        }
        .boxed()
    }
}

impl ObjectStore for OnDisk<dyn ObjectStore> {
    fn length(&self, object: ObjectHash) -> BoxFuture<'_, Result<Option<u64>, StoreError>> {
        self.0.length(object)
    }

    fn keep<'a>(
        &'a self,
        object: ObjectHash,
        file: &'a Path,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        async move {
            match self.1.write() {
                None => return self.0.keep(object, file).await,
                Some(Fault::Persisted) => self.0.keep(object, file).await?,
                Some(_) => {}
            }
            Err(StoreError::Planted)
        }
        .boxed()
    }

    fn read(
        &self,
        object: ObjectHash,
        range: Range<u64>,
    ) -> BoxFuture<'_, Result<Option<ObjectBytes>, StoreError>> {
        if self.1.state().hidden {
            return async { Ok(None) }.boxed();
        }
        self.0.read(object, range)
    }
}

impl CheckpointStore for OnDisk<dyn CheckpointStore> {
    fn head(&self) -> BoxFuture<'_, Result<Option<Head>, StateError>> {
        if self.1.is_dead() {
            return async { Err(StateError::Planted) }.boxed();
        }
        self.0.head()
    }

    fn advance<'a>(
        &'a self,
        from: Option<Head>,
        to: Head,
        change: &'a Change,
    ) -> BoxFuture<'a, Result<(), StateError>> {
        async move {
            match self.1.write() {
                None => return self.0.advance(from, to, change).await,
                // A transaction is never torn: it fails.
                Some(Fault::Persisted) => self.0.advance(from, to, change).await?,
                Some(_) => {}
            }
            Err(StateError::Planted)
        }
        .boxed()
    }

    fn authority(&self) -> BoxFuture<'_, Result<Option<AuthorityRows>, StateError>> {
        self.0.authority()
    }

    fn places<'a>(
        &'a self,
        of: &'a [(SignerId, SequenceNumber)],
    ) -> BoxFuture<'a, Result<Vec<Option<Place>>, StateError>> {
        self.0.places(of)
    }

    fn owners<'a>(
        &'a self,
        of: &'a [ObjectHash],
    ) -> BoxFuture<'a, Result<Vec<Option<LogIndex>>, StateError>> {
        self.0.owners(of)
    }

    fn control(
        &self,
        first: ControlNumber,
        most: usize,
    ) -> BoxFuture<'_, Result<Vec<LogIndex>, StateError>> {
        self.0.control(first, most)
    }

    fn mail(
        &self,
        to: SignerId,
        first: LogIndex,
        most: usize,
    ) -> BoxFuture<'_, Result<Vec<LogIndex>, StateError>> {
        self.0.mail(to, first, most)
    }

    fn is_mail_to(
        &self,
        to: SignerId,
        object: ObjectHash,
    ) -> BoxFuture<'_, Result<bool, StateError>> {
        self.0.is_mail_to(to, object)
    }

    fn stored(&self) -> BoxFuture<'_, Result<Option<LogIndex>, StateError>> {
        self.0.stored()
    }

    fn signed_head(&self) -> BoxFuture<'_, Result<Option<LogIndex>, StateError>> {
        self.0.signed_head()
    }
}
