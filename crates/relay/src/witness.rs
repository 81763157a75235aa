//! The witness: cosigns checkpoints of the logs that it follows, never one that does not continue
//! what it has seen (C2SP tlog-witness, `add-checkpoint`).
//!
//! It holds its own key and one row a log, and shares nothing with a relay but this crate.

mod memory;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum_server::Handle;
use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use tlog::{
    AddCheckpoint, CONFLICT_CONTENT_TYPE, CosignedAt, CosignerKey, Decision, KeyName,
    MAX_ADD_CHECKPOINT_LEN, Origin, SigningSeed, VerifierKey, Witness, encode_conflict,
    encode_cosignatures,
};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use wire::TlsIdentity;

use crate::clock::Clock;
use crate::connections::Bounded;
use crate::cosign::WitnessLine;
use crate::http::body;
use crate::limits::{Buckets, Rate, asker};
use crate::server::whole;
use crate::tls::{ServerTls, TlsError, TlsSource};
use memory::Memory;
pub use memory::MemoryError;

/// How long a peer may take for the next piece of a request.
const PATIENCE: Duration = Duration::from_secs(10);
/// Connections that are open at once.
const CONNECTIONS: usize = 1_024;
/// Requests that are worked on at once.
const IN_FLIGHT: usize = 64;
/// Addresses whose rates are remembered.
const REMEMBERED: usize = 16_384;

/// A whole witness.
#[derive(Debug)]
pub struct WitnessConfig {
    /// Where logs come in; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Its certificate. `None` speaks plain HTTP, on a loopback address only.
    pub tls: Option<TlsSource>,
    /// File in which it remembers the largest tree of each log.
    pub memory: PathBuf,
    /// The name of its key.
    pub name: KeyName,
    /// Seed of its key, which cosigns and does nothing else.
    pub seed: SigningSeed,
    /// The logs that it follows, each with the keys that sign it.
    pub logs: Vec<(Origin, Vec<VerifierKey>)>,
    /// Requests a second of one address.
    pub address_requests: Rate,
    /// The time.
    pub clock: Clock,
}

/// A witness that listens. Dropping it stops it.
#[derive(Debug)]
pub struct RunningWitness {
    address: SocketAddr,
    pin: Option<TlsIdentity>,
    verifier: VerifierKey,
    handle: Handle<SocketAddr>,
    task: JoinHandle<()>,
}

/// Why a witness did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WitnessStartError {
    /// Its key can not be made.
    #[error("the witness's key can not be made")]
    Key(#[source] tlog::SignError),
    /// Its memory can not be opened: without it, it could cosign a fork.
    #[error("the witness's memory can not be opened")]
    Memory(#[from] MemoryError),
    /// It has no TLS.
    #[error("the witness has no TLS")]
    Tls(#[from] TlsError),
    /// Plain HTTP would leave the machine.
    #[error("a witness without TLS listens on a loopback address only, and {0} is none")]
    Plain(SocketAddr),
    /// The address can not be listened on.
    #[error("can not listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's answer.
        source: io::Error,
    },
}

/// A witness that listens nowhere and answers what is handed to it in its own process.
#[derive(Debug, Clone)]
pub struct OpenWitness {
    router: Router,
    verifier: VerifierKey,
}

/// Opens a witness without a listener.
///
/// # Errors
///
/// When key or memory can not be used.
pub fn open(config: WitnessConfig) -> Result<OpenWitness, WitnessStartError> {
    let key = CosignerKey::new(config.name, &config.seed).map_err(WitnessStartError::Key)?;
    let verifier = key.verifier().clone();
    let mut witness = Witness::new(key);
    for (origin, keys) in config.logs {
        witness.follow(origin, keys);
    }
    let asked = Asked {
        witness: Arc::new(witness),
        memory: Memory::open(&config.memory)?,
        clock: config.clock,
        addresses: Arc::new(Buckets::new(config.address_requests, REMEMBERED)),
        in_flight: Arc::new(Semaphore::new(IN_FLIGHT)),
    };
    let router = Router::new().fallback(call).with_state(asked);
    Ok(OpenWitness { router, verifier })
}

impl OpenWitness {
    /// The key by which its cosignatures are verified.
    #[must_use]
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// Answers one request, whole.
    pub async fn call(&self, request: http::Request<Bytes>) -> http::Response<Bytes> {
        whole(&self.router, request).await
    }
}

impl WitnessLine for OpenWitness {
    fn add_checkpoint(&self, body: String) -> BoxFuture<'_, Option<http::Response<Bytes>>> {
        Box::pin(async move {
            let mut request = http::Request::new(Bytes::from(body));
            *request.method_mut() = Method::POST;
            *request.uri_mut() = http::Uri::from_static("/add-checkpoint");
            Some(self.call(request).await)
        })
    }
}

/// Starts a witness. It listens when this returns.
///
/// # Errors
///
/// When key, memory, certificate or address can not be used.
pub async fn start(config: WitnessConfig) -> Result<RunningWitness, WitnessStartError> {
    let tls = config.tls.as_ref().map(ServerTls::load).transpose()?;
    let pin = tls.as_ref().map(|tls| tls.pin);
    let (listen, plain) = (config.listen, tls.is_none());
    if plain && !listen.ip().is_loopback() {
        return Err(WitnessStartError::Plain(listen));
    }
    let OpenWitness { router, verifier } = open(config)?;
    let failed = |source| WitnessStartError::Listen {
        address: listen,
        source,
    };
    let listener = TcpListener::bind(listen).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let handle = Handle::new();
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let server = axum_server::from_tcp(listener)
        .map_err(failed)?
        .handle(handle.clone())
        .first_request_timeout(PATIENCE);
    let task = match tls {
        Some(tls) => {
            let acceptor = RustlsAcceptor::new(RustlsConfig::from_config(tls.config))
                .acceptor(NoDelayAcceptor::new());
            let mut server = server.acceptor(Bounded::new(acceptor, CONNECTIONS));
            server.http_builder().http1().header_read_timeout(PATIENCE);
            tokio::spawn(async move { ended(server.serve(service).await) })
        }
        None => {
            let mut server = server.acceptor(Bounded::new(NoDelayAcceptor::new(), CONNECTIONS));
            server.http_builder().http1().header_read_timeout(PATIENCE);
            tokio::spawn(async move { ended(server.serve(service).await) })
        }
    };
    Ok(RunningWitness {
        address,
        pin,
        verifier,
        handle,
        task,
    })
}

impl RunningWitness {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its address for logs.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.pin.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// The key of its certificate.
    #[must_use]
    pub fn pin(&self) -> Option<TlsIdentity> {
        self.pin
    }

    /// The key by which its cosignatures are verified.
    #[must_use]
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// Stops listening and returns when nothing runs any more.
    pub async fn shutdown(mut self) {
        self.handle.graceful_shutdown(Some(PATIENCE));
        let _ = (&mut self.task).await;
    }
}

impl Drop for RunningWitness {
    fn drop(&mut self) {
        self.handle.shutdown();
    }
}

#[derive(Clone)]
struct Asked {
    witness: Arc<Witness>,
    memory: Memory,
    clock: Clock,
    addresses: Arc<Buckets<std::net::IpAddr>>,
    in_flight: Arc<Semaphore>,
}

async fn call(
    State(asked): State<Asked>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    if asked
        .addresses
        .take(asker(peer.ip()), 1, asked.clock.now())
        .is_err()
    {
        return busy();
    }
    let Ok(_place) = asked.in_flight.clone().try_acquire_owned() else {
        return busy();
    };
    let (parts, body) = request.into_parts();
    match (parts.method, parts.uri.path()) {
        (Method::POST, "/add-checkpoint") => add_checkpoint(asked, body).await,
        (_, "/add-checkpoint") => said(StatusCode::METHOD_NOT_ALLOWED, "checkpoints are posted"),
        _ => said(
            StatusCode::NOT_FOUND,
            "a witness has the call add-checkpoint",
        ),
    }
}

async fn add_checkpoint(asked: Asked, body: Body) -> Response {
    let body = match body::whole(body, MAX_ADD_CHECKPOINT_LEN, PATIENCE).await {
        Ok(body) => body,
        Err(failure) => return failure.into_response(),
    };
    let request = match AddCheckpoint::parse(&body) {
        Ok(request) => request,
        Err(error) => return said(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    let seconds = u64::try_from(asked.clock.now().get() / 1_000).unwrap_or_default();
    let Some(now) = CosignedAt::from_unix_seconds(seconds) else {
        return said(StatusCode::INTERNAL_SERVER_ERROR, "the clock is wrong");
    };
    let witness = asked.witness;
    // An origin that is not followed is refused without a look into memory or a row in it.
    let decided = asked
        .memory
        .decide(request, seconds, move |seen, request| {
            witness.decide(seen, request, now)
        })
        .await;
    match decided {
        Ok(Decision::Cosign { line, .. }) => {
            tracing::debug!("a checkpoint was cosigned");
            (
                [(header::CONTENT_TYPE, "text/plain; charset=utf-8")],
                encode_cosignatures(&[line]),
            )
                .into_response()
        }
        Ok(Decision::Conflict { size }) => {
            let kind = HeaderValue::from_static(CONFLICT_CONTENT_TYPE);
            (
                StatusCode::CONFLICT,
                [(header::CONTENT_TYPE, kind)],
                encode_conflict(size),
            )
                .into_response()
        }
        Ok(Decision::Refuse(refusal)) => {
            if matches!(refusal, tlog::Refusal::Fork | tlog::Refusal::NotConsistent) {
                tracing::error!(%refusal, "a log shows another tree than before");
            }
            let status =
                StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            said(status, &refusal.to_string())
        }
        Err(error @ memory::MemoryError::Clock) => {
            tracing::error!(%error, "no cosignature");
            said(
                StatusCode::SERVICE_UNAVAILABLE,
                "the witness's clock is wrong, so it does not cosign",
            )
        }
        Err(error) => {
            tracing::error!(%error, "the memory failed");
            said(
                StatusCode::SERVICE_UNAVAILABLE,
                "the witness can not remember now, so it does not cosign",
            )
        }
    }
}

fn busy() -> Response {
    let mut response = said(StatusCode::TOO_MANY_REQUESTS, "try again later");
    response
        .headers_mut()
        .insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

fn said(status: StatusCode, text: &str) -> Response {
    (status, format!("{text}\n")).into_response()
}

fn ended(result: io::Result<()>) {
    if let Err(error) = result {
        tracing::error!(%error, "the witness's listener ended");
    }
}
