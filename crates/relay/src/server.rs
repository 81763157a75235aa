//! Starts a relay and stops it.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum_server::Handle;
use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use bytes::Bytes;
use rustix::process::{Resource, Rlimit};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tower::ServiceExt as _;
use wire::{ArchiveId, TlsIdentity, limit};

use crate::archive::{Archive, OpenError, Shared, Stores};
use crate::clock::Clock;
use crate::config::{RelayConfig, Storage};
use crate::connections::Bounded;
use crate::http as calls;
use crate::limits::Gate;
use crate::metrics::Metrics;
use crate::operations::{self, OperationsError};
use crate::rebuild::{self, RebuildError, Rebuilt};
use crate::state::{SqliteState, StateError};
use crate::store::{FolderLog, FolderObjects, S3Log, S3Objects, StoreError};
use crate::tls::{ServerTls, TlsError};

/// How long open requests may take when the relay shuts down.
const GRACE: Duration = Duration::from_secs(10);
/// Uploads without progress are looked for so often.
const SWEEP: Duration = Duration::from_secs(600);

/// Makes the stores of an archive; given by tests that put faults in front of them.
pub type StoreFactory = dyn Fn(ArchiveId) -> Result<Stores, StartError> + Send + Sync;

/// Starts relays.
#[derive(Debug)]
pub struct Relay;

/// A relay that listens nowhere and answers what is handed to it in its own process. It does not
/// look for idle uploads by itself.
#[derive(Debug)]
pub struct OpenRelay {
    router: Router,
    metrics: Arc<Metrics>,
    archives: Arc<[Arc<Archive>]>,
    sequencers: Vec<JoinHandle<()>>,
    /// Held as long as the relay is open.
    lock: Option<File>,
}

/// A relay that listens. Dropping it stops it at once; [`shutdown`](Self::shutdown) ends requests first.
#[derive(Debug)]
pub struct RunningRelay {
    address: SocketAddr,
    operations: Option<SocketAddr>,
    pin: TlsIdentity,
    archives: Arc<[Arc<Archive>]>,
    handle: Handle<SocketAddr>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    sequencers: Vec<JoinHandle<()>>,
    /// Held as long as the relay runs.
    _lock: Option<File>,
}

/// Why a relay did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The folder can not be used.
    #[error("the folder {folder} can not be used")]
    Folder {
        /// Which.
        folder: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Another relay runs on the same folder.
    #[error("another relay has the folder {0}")]
    Taken(PathBuf),
    /// An archive is configured twice.
    #[error("the archive {0} is configured twice")]
    Twice(ArchiveId),
    /// A store can not be opened.
    #[error("a store can not be opened")]
    Store(#[from] StoreError),
    /// A database can not be opened.
    #[error("a database can not be opened")]
    State(#[from] StateError),
    /// An archive can not be opened.
    #[error("the archive {archive} can not be opened")]
    Archive {
        /// Which.
        archive: ArchiveId,
        /// Why.
        source: OpenError,
    },
    /// The listener has no TLS.
    #[error("the listener has no TLS")]
    Tls(#[from] TlsError),
    /// The address can not be listened on.
    #[error("can not listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's answer.
        source: io::Error,
    },
    /// The listener for operations.
    #[error("the listener for operations did not come up")]
    Operations(#[from] OperationsError),
}

impl Relay {
    /// Starts a relay on its configured storage. It listens when this returns.
    ///
    /// # Errors
    ///
    /// When a folder, store, certificate or address can not be used, or an archive must not be
    /// served (SEQ-2).
    pub async fn start(config: RelayConfig) -> Result<RunningRelay, StartError> {
        let (folder, storage) = (config.folder.clone(), config.storage.clone());
        let factory = move |archive: ArchiveId| stores_of(&folder, &storage, archive);
        Self::start_with(config, &factory).await
    }

    /// Makes the log of `archive` again from the mirror of a vault that has followed it, in a relay
    /// that has lost it (REBUILD-1 to REBUILD-3). The log goes on from the mirror's checkpoint with
    /// the next start. Repeating it after a crash is safe.
    ///
    /// # Errors
    ///
    /// When the relay has a log, or has published more than the mirror has; when the mirror does not
    /// verify; when the configured log key is none of the archive's.
    pub async fn rebuild(
        config: &RelayConfig,
        archive: ArchiveId,
        mirror: &std::path::Path,
    ) -> Result<Rebuilt, RebuildError> {
        let opened = |error: StartError| RebuildError::Open(Box::new(error));
        let _lock = lock(config).map_err(opened)?;
        let stores = stores_of(&config.folder, &config.storage, archive).map_err(opened)?;
        rebuild::rebuild(config, stores, archive, mirror).await
    }

    /// Whether the relay has no log of `archive`: it is new, or has lost it.
    ///
    /// # Errors
    ///
    /// When its folder or database can not be opened.
    pub async fn has_no_log(
        config: &RelayConfig,
        archive: ArchiveId,
    ) -> Result<bool, RebuildError> {
        let opened = |error: StartError| RebuildError::Open(Box::new(error));
        let _lock = lock(config).map_err(opened)?;
        let stores = stores_of(&config.folder, &config.storage, archive).map_err(opened)?;
        rebuild::is_empty(&stores).await
    }

    /// Opens a relay whose archives lie where `stores` says, without a listener, certificate or
    /// operations.
    ///
    /// # Errors
    ///
    /// When the folder or a store can not be used, or an archive must not be served (SEQ-2).
    pub async fn open_with(
        config: RelayConfig,
        stores: &StoreFactory,
    ) -> Result<OpenRelay, StartError> {
        let lock = lock(&config)?;
        open(config, stores, lock).await
    }

    /// Starts a relay whose archives lie where `stores` says.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub async fn start_with(
        config: RelayConfig,
        stores: &StoreFactory,
    ) -> Result<RunningRelay, StartError> {
        no_core_files();
        // The object store's own connections take the process's provider; a second install is refused, which is fine.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let lock = lock(&config)?;
        let tls = ServerTls::load(&config.tls)?;
        let (listen, operations, clock) = (config.listen, config.operations, config.clock.clone());
        let idle = Duration::from_secs(config.limits.idle_seconds);
        let connections = config.limits.connections;
        let OpenRelay {
            router,
            metrics,
            archives,
            sequencers,
            lock,
        } = open(config, stores, lock).await?;

        let (stop, stopping) = watch::channel(false);
        let mut tasks = Vec::new();
        let operations = match operations {
            Some(address) => {
                let (address, task) =
                    operations::serve(address, metrics.clone(), archives.clone(), stopping.clone())
                        .await?;
                tasks.push(task);
                Some(address)
            }
            None => None,
        };
        tasks.push(tokio::spawn(sweep(archives.clone(), clock, stopping)));

        let failed = |source| StartError::Listen {
            address: listen,
            source,
        };
        let listener = TcpListener::bind(listen).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let handle = Handle::new();
        let acceptor = RustlsAcceptor::new(RustlsConfig::from_config(tls.config))
            .acceptor(NoDelayAcceptor::new());
        let mut server = axum_server::from_tcp(listener)
            .map_err(failed)?
            .acceptor(Bounded::new(acceptor, connections))
            .handle(handle.clone())
            .first_request_timeout(idle);
        server.http_builder().http1().header_read_timeout(idle);
        server
            .http_builder()
            .http2()
            .max_concurrent_streams(128)
            .max_header_list_size(16 << 10)
            .keep_alive_interval(Some(idle))
            .keep_alive_timeout(idle);
        tasks.push(tokio::spawn(async move {
            let service = router.into_make_service_with_connect_info::<SocketAddr>();
            if let Err(error) = server.serve(service).await {
                tracing::error!(%error, "the listener ended");
            }
        }));
        tracing::info!(archives = archives.len(), "the relay listens");
        Ok(RunningRelay {
            address,
            operations,
            pin: tls.pin,
            archives,
            handle,
            stop,
            tasks,
            sequencers,
            _lock: lock,
        })
    }
}

impl OpenRelay {
    /// Answers one request, whole.
    pub async fn call(&self, request: http::Request<Bytes>) -> http::Response<Bytes> {
        whole(&self.router, request).await
    }

    /// A served archive.
    #[must_use]
    pub fn archive(&self, id: ArchiveId) -> Option<Arc<Archive>> {
        self.archives
            .iter()
            .find(|archive| archive.id() == id)
            .cloned()
    }

    /// Returns when nothing runs any more: the folder can then be opened again.
    pub async fn shutdown(mut self) {
        for archive in self.archives.iter() {
            archive.close();
        }
        for sequencer in self.sequencers.drain(..) {
            let _ = sequencer.await;
        }
    }
}

/// Hands one request to a router as if it came from this machine.
pub(crate) async fn whole(router: &Router, request: http::Request<Bytes>) -> http::Response<Bytes> {
    let mut request = request.map(Body::from);
    let nobody = SocketAddr::from((std::net::Ipv4Addr::LOCALHOST, 0));
    request.extensions_mut().insert(ConnectInfo(nobody));
    let Ok(response) = router.clone().oneshot(request).await;
    let (parts, body) = response.into_parts();
    match axum::body::to_bytes(body, usize::MAX).await {
        Ok(bytes) => http::Response::from_parts(parts, bytes),
        // A body that broke off is no answer.
        Err(_) => {
            let mut broken = http::Response::new(Bytes::new());
            *broken.status_mut() = http::StatusCode::BAD_GATEWAY;
            broken
        }
    }
}

impl RunningRelay {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its address for clients, `https://host:port`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Where health and metrics are answered.
    #[must_use]
    pub fn operations(&self) -> Option<SocketAddr> {
        self.operations
    }

    /// The key that clients pin.
    #[must_use]
    pub fn pin(&self) -> TlsIdentity {
        self.pin
    }

    /// A served archive, for whoever runs the relay in its own process.
    #[must_use]
    pub fn archive(&self, id: ArchiveId) -> Option<Arc<Archive>> {
        self.archives
            .iter()
            .find(|archive| archive.id() == id)
            .cloned()
    }

    /// Stops listening, lets open requests end, and returns when nothing runs any more: the
    /// folder can then be opened again.
    pub async fn shutdown(mut self) {
        self.handle.graceful_shutdown(Some(GRACE));
        let _ = self.stop.send(true);
        for task in self.tasks.drain(..) {
            let _ = task.await;
        }
        for archive in self.archives.iter() {
            archive.close();
        }
        for sequencer in self.sequencers.drain(..) {
            let _ = sequencer.await;
        }
    }
}

impl Drop for RunningRelay {
    fn drop(&mut self) {
        self.handle.shutdown();
        let _ = self.stop.send(true);
        for archive in self.archives.iter() {
            archive.close();
        }
    }
}

async fn open(
    config: RelayConfig,
    stores: &StoreFactory,
    lock: Option<File>,
) -> Result<OpenRelay, StartError> {
    let metrics = Arc::new(Metrics::default());
    let shared = Shared {
        metrics: metrics.clone(),
        clock: config.clock.clone(),
        sequencing: config.sequencing.clone(),
        limits: config.limits.clone(),
    };

    let mut archives = Vec::new();
    let mut sequencers = Vec::new();
    let mut by_id = HashMap::new();
    for archive in config.archives {
        let id = archive.archive;
        if by_id.contains_key(&id) {
            return Err(StartError::Twice(id));
        }
        let opened = Archive::open(archive, stores(id)?, shared.clone()).await;
        let (opened, sequencer) = opened.map_err(|source| StartError::Archive {
            archive: id,
            source,
        })?;
        by_id.insert(id, opened.clone());
        archives.push(opened);
        sequencers.push(sequencer);
    }
    let archives: Arc<[Arc<Archive>]> = archives.into();

    let gate = Gate::new(&config.limits);
    let router = calls::router(calls::Served::new(
        by_id,
        metrics.clone(),
        gate,
        config.limits,
        config.clock,
    ));
    Ok(OpenRelay {
        router,
        metrics,
        archives,
        sequencers,
        lock,
    })
}

fn stores_of(
    folder: &std::path::Path,
    storage: &Storage,
    archive: ArchiveId,
) -> Result<Stores, StartError> {
    let folder = folder.join("archives").join(archive.to_string());
    std::fs::create_dir_all(&folder).map_err(|source| StartError::Folder {
        folder: folder.clone(),
        source,
    })?;
    let state = Arc::new(SqliteState::open(&folder.join("state.db"))?);
    let uploads = folder.join("uploads");
    Ok(match storage {
        Storage::Folder => Stores {
            log: Arc::new(FolderLog::open(folder.join("log"))?),
            objects: Arc::new(FolderObjects::open(folder.join("objects"))?),
            state,
            uploads,
        },
        Storage::S3(config) => Stores {
            log: Arc::new(S3Log::new(config, &format!("{archive}/log"))?),
            objects: Arc::new(S3Objects::new(config, &format!("{archive}/objects"))?),
            state,
            uploads,
        },
    })
}

/// One relay at a time: two sequencers over one folder would take turns at healing each other.
fn lock(config: &RelayConfig) -> Result<Option<File>, StartError> {
    let folder = &config.folder;
    let failed = |source| StartError::Folder {
        folder: folder.clone(),
        source,
    };
    std::fs::create_dir_all(folder).map_err(failed)?;
    let file = File::create(folder.join("lock")).map_err(failed)?;
    match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(StartError::Taken(folder.clone())),
        Err(error) => Err(failed(error.into())),
    }
}

/// What a crash leaves on disk would hold the log's signing key.
fn no_core_files() {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    if let Err(error) = rustix::process::setrlimit(Resource::Core, none) {
        tracing::warn!(%error, "core files could not be turned off");
    }
}

/// LIMIT-1: uploads without progress are discarded.
async fn sweep(archives: Arc<[Arc<Archive>]>, clock: Clock, mut stopping: watch::Receiver<bool>) {
    let idle = Duration::from_millis(u64::try_from(limit::UPLOAD_IDLE_MS).unwrap_or(u64::MAX));
    let mut timer = tokio::time::interval(SWEEP);
    loop {
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            _ = timer.tick() => {}
        }
        for archive in archives.iter() {
            match archive.uploads().discard_idle(clock.now(), idle).await {
                Ok(0) => {}
                Ok(count) => tracing::info!(count, "idle uploads were discarded"),
                Err(error) => tracing::warn!(%error, "idle uploads could not be discarded"),
            }
        }
    }
}
