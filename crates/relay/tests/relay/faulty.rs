//! Stores that fail at one write point, in one of three ways, and then stay dead or go on.

use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use relay::Stores;
use relay::state::{AuthorityRows, Change, CheckpointStore, Head, Place, StateError};
use relay::store::{LogFile, LogStore, ObjectBytes, ObjectStore, StoreError};
use tlog::LogIndex;
use wire::{ControlNumber, ObjectHash, SequenceNumber, SignerId};

/// What happens to the write that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It did not happen.
    Failed,
    /// It happened, and nobody was told.
    Persisted,
    /// Half of it happened.
    Torn,
}

/// Counts the write points of some stores and fails at one of them.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    passed: Vec<String>,
    at: Option<(usize, Fault)>,
    /// After the fault nothing works any more, as after a crash.
    deadly: bool,
    dead: bool,
}

impl Faults {
    /// Counts from now on, and fails at write point `at`.
    pub fn arm(&self, at: Option<(usize, Fault)>, deadly: bool) {
        *self.inner.lock().unwrap() = Inner {
            passed: Vec::new(),
            at,
            deadly,
            dead: false,
        };
    }

    /// The write points passed since it was armed.
    pub fn passed(&self) -> Vec<String> {
        self.inner.lock().unwrap().passed.clone()
    }

    pub fn wrap(&self, stores: Stores) -> Stores {
        Stores {
            log: Arc::new(FaultyLog {
                inner: stores.log,
                faults: self.clone(),
            }),
            objects: Arc::new(FaultyObjects {
                inner: stores.objects,
                faults: self.clone(),
            }),
            state: Arc::new(FaultyState {
                inner: stores.state,
                faults: self.clone(),
            }),
            uploads: stores.uploads,
        }
    }

    fn dead(&self) -> bool {
        self.inner.lock().unwrap().dead
    }

    /// What happens to this write; `None` lets it through.
    fn write(&self, point: String) -> Option<Fault> {
        let mut inner = self.inner.lock().unwrap();
        if inner.dead {
            return Some(Fault::Failed);
        }
        let number = inner.passed.len();
        inner.passed.push(point);
        let fault = inner
            .at
            .filter(|(at, _)| *at == number)
            .map(|(_, fault)| fault);
        inner.dead = fault.is_some() && inner.deadly;
        fault
    }
}

#[derive(Debug)]
struct FaultyLog {
    inner: Arc<dyn LogStore>,
    faults: Faults,
}

impl LogStore for FaultyLog {
    fn put<'a>(&'a self, file: &'a LogFile, bytes: Bytes) -> BoxFuture<'a, Result<(), StoreError>> {
        async move {
            match self.faults.write(format!("put {file:?}")) {
                None => self.inner.put(file, bytes).await,
                Some(fault) => {
                    match fault {
                        Fault::Failed => {}
                        Fault::Persisted => self.inner.put(file, bytes).await?,
                        Fault::Torn => self.inner.put(file, bytes.slice(..bytes.len() / 2)).await?,
                    }
                    Err(StoreError::Planted)
                }
            }
        }
        .boxed()
    }

    fn get<'a>(&'a self, file: &'a LogFile) -> BoxFuture<'a, Result<Option<Bytes>, StoreError>> {
        if self.faults.dead() {
            return async { Err(StoreError::Planted) }.boxed();
        }
        self.inner.get(file)
    }

    fn staged(&self) -> BoxFuture<'_, Result<Vec<LogFile>, StoreError>> {
        if self.faults.dead() {
            return async { Err(StoreError::Planted) }.boxed();
        }
        self.inner.staged()
    }

    fn remove<'a>(&'a self, file: &'a LogFile) -> BoxFuture<'a, Result<(), StoreError>> {
        async move {
            match self.faults.write(format!("remove {file:?}")) {
                None => self.inner.remove(file).await,
                Some(fault) => {
                    if fault == Fault::Persisted {
                        self.inner.remove(file).await?;
                    }
                    Err(StoreError::Planted)
                }
            }
        }
        .boxed()
    }
}

#[derive(Debug)]
struct FaultyObjects {
    inner: Arc<dyn ObjectStore>,
    faults: Faults,
}

impl ObjectStore for FaultyObjects {
    fn length(&self, object: ObjectHash) -> BoxFuture<'_, Result<Option<u64>, StoreError>> {
        self.inner.length(object)
    }

    fn keep<'a>(
        &'a self,
        object: ObjectHash,
        file: &'a Path,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        async move {
            match self.faults.write("keep an object".to_owned()) {
                None => self.inner.keep(object, file).await,
                Some(fault) => {
                    if fault == Fault::Persisted {
                        self.inner.keep(object, file).await?;
                    }
                    Err(StoreError::Planted)
                }
            }
        }
        .boxed()
    }

    fn read(
        &self,
        object: ObjectHash,
        range: Range<u64>,
    ) -> BoxFuture<'_, Result<Option<ObjectBytes>, StoreError>> {
        self.inner.read(object, range)
    }
}

#[derive(Debug)]
struct FaultyState {
    inner: Arc<dyn CheckpointStore>,
    faults: Faults,
}

impl CheckpointStore for FaultyState {
    fn head(&self) -> BoxFuture<'_, Result<Option<Head>, StateError>> {
        if self.faults.dead() {
            return async { Err(StateError::Planted) }.boxed();
        }
        self.inner.head()
    }

    fn advance<'a>(
        &'a self,
        from: Option<Head>,
        to: Head,
        change: &'a Change,
    ) -> BoxFuture<'a, Result<(), StateError>> {
        async move {
            match self.faults.write("advance".to_owned()) {
                None => self.inner.advance(from, to, change).await,
                Some(fault) => {
                    // A transaction is never torn: it fails.
                    if fault == Fault::Persisted {
                        self.inner.advance(from, to, change).await?;
                    }
                    Err(StateError::Planted)
                }
            }
        }
        .boxed()
    }

    fn authority(&self) -> BoxFuture<'_, Result<Option<AuthorityRows>, StateError>> {
        self.inner.authority()
    }

    fn places<'a>(
        &'a self,
        of: &'a [(SignerId, SequenceNumber)],
    ) -> BoxFuture<'a, Result<Vec<Option<Place>>, StateError>> {
        self.inner.places(of)
    }

    fn owners<'a>(
        &'a self,
        of: &'a [ObjectHash],
    ) -> BoxFuture<'a, Result<Vec<Option<LogIndex>>, StateError>> {
        self.inner.owners(of)
    }

    fn control(
        &self,
        first: ControlNumber,
        most: usize,
    ) -> BoxFuture<'_, Result<Vec<LogIndex>, StateError>> {
        self.inner.control(first, most)
    }

    fn mail(
        &self,
        to: SignerId,
        first: LogIndex,
        most: usize,
    ) -> BoxFuture<'_, Result<Vec<LogIndex>, StateError>> {
        self.inner.mail(to, first, most)
    }

    fn is_mail_to(
        &self,
        to: SignerId,
        object: ObjectHash,
    ) -> BoxFuture<'_, Result<bool, StateError>> {
        self.inner.is_mail_to(to, object)
    }

    fn stored(&self) -> BoxFuture<'_, Result<Option<LogIndex>, StateError>> {
        self.inner.stored()
    }

    fn signed_head(&self) -> BoxFuture<'_, Result<Option<LogIndex>, StateError>> {
        self.inner.signed_head()
    }
}
