//! A listener for webhooks: few paths, few bytes, few at a time; what is genuine is answered with 200
//! when it is in the inbox, and with 503 while that is impossible, so that the network sends it again.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Method, Request, Response, StatusCode, header};
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::inbox::{InboxError, SharedInbox};
use crate::standing::{Saying, Teller};
use crate::system::{now, running};

/// What a sender has for its head, and for its body.
const HEAD_PATIENCE: Duration = Duration::from_secs(10);
const BODY_PATIENCE: Duration = Duration::from_secs(20);
/// What a listener to which a delivery is passed on has.
const PASS_PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks at the files of the certificate.
const RENEWAL: Duration = Duration::from_secs(600);
/// Longest query of a greeting.
const QUERY_BYTES: usize = 2_048;

/// What one network does at its door.
pub trait Door: Send + Sync + 'static {
    /// The answer to a GET with this query; none to refuse it.
    fn greeting(&self, query: &str) -> Option<String>;

    /// Whether the head alone may come from the network: no body is read otherwise.
    fn may_be_genuine(&self, headers: &HeaderMap) -> bool;

    /// Whether the network made the body.
    fn is_genuine(&self, headers: &HeaderMap, body: &[u8]) -> bool;

    /// Whom a genuine body concerns.
    fn whose(&self, body: &[u8]) -> Whose;
}

/// Whom a delivery concerns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Whose {
    /// The connector's own account.
    pub ours: bool,
    /// Listeners of other accounts that share the address, to which it is passed on as it came.
    pub others: Vec<String>,
    /// Accounts that nobody here captures.
    pub unknown: Vec<String>,
    /// It can not be told now: the network is to send it again.
    pub later: bool,
}

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The address. Without a certificate it must be of the loopback: a proxy stands before it.
    pub listen: SocketAddr,
    /// Files of the certificate's chain and its key, in PEM; read again when they change.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// The one path that is served.
    pub path: String,
    /// How much is taken.
    pub limits: Limits,
}

/// How much a listener takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a body.
    pub body: usize,
    /// Requests at a time.
    pub at_once: usize,
    /// Requests in a second.
    pub a_second: u32,
}

/// Why it does not listen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// Events would cross a network in the clear.
    #[error("{0} is not of the loopback, and no certificate is given")]
    Plain(SocketAddr),
    /// The address.
    #[error("{0}")]
    Address(SocketAddr, #[source] io::Error),
    /// The certificate or its key.
    #[error("the certificate {}", .0.display())]
    Certificate(PathBuf, #[source] io::Error),
}

/// A listener. Dropped, it ends.
pub struct Listener {
    address: SocketAddr,
    handle: Handle<SocketAddr>,
    renewal: Option<tokio::task::JoinHandle<()>>,
}

struct Served<D> {
    door: D,
    path: String,
    limits: Limits,
    inbox: SharedInbox,
    teller: Teller,
    places: Semaphore,
    second: Mutex<(u64, u32)>,
    pass: reqwest::Client,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 8 << 20,
            at_once: 32,
            a_second: 200,
        }
    }
}

impl Listener {
    /// Listens when this returns.
    ///
    /// # Errors
    ///
    /// When the address or the certificate can not be used.
    pub async fn start(
        endpoint: Endpoint,
        door: impl Door,
        inbox: SharedInbox,
        teller: Teller,
        pass: reqwest::Client,
    ) -> Result<Self, ListenError> {
        let Endpoint {
            listen,
            tls,
            path,
            limits,
        } = endpoint;
        if tls.is_none() && !listen.ip().is_loopback() {
            return Err(ListenError::Plain(listen));
        }
        let tls = match tls {
            None => None,
            Some((chain, key)) => {
                let config = RustlsConfig::from_pem_file(&chain, &key)
                    .await
                    .map_err(|error| ListenError::Certificate(chain.clone(), error))?;
                Some((config, chain, key))
            }
        };
        let failed = |error| ListenError::Address(listen, error);
        let socket = TcpListener::bind(listen).map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        let served = Arc::new(Served {
            door,
            path,
            limits,
            inbox,
            teller,
            places: Semaphore::new(limits.at_once),
            second: Mutex::default(),
            pass,
        });
        let router = Router::new().fallback(answer).with_state(served);
        let service = router.into_make_service();
        let handle = Handle::new();
        let mut renewal = None;
        match tls {
            Some((config, chain, key)) => {
                renewal = Some(tokio::spawn(renewed(config.clone(), chain, key)));
                let mut server = axum_server::from_tcp_rustls(socket, config)
                    .map_err(failed)?
                    .handle(handle.clone())
                    .first_request_timeout(HEAD_PATIENCE);
                patient(&mut server);
                tokio::spawn(server.serve(service));
            }
            None => {
                let mut server = axum_server::from_tcp(socket)
                    .map_err(failed)?
                    .handle(handle.clone())
                    .first_request_timeout(HEAD_PATIENCE);
                patient(&mut server);
                tokio::spawn(server.serve(service));
            }
        }
        Ok(Self {
            address,
            handle,
            renewal,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.handle.shutdown();
        if let Some(renewal) = self.renewal.take() {
            renewal.abort();
        }
    }
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Listener({})", self.address)
    }
}

async fn answer<D: Door>(
    State(served): State<Arc<Served<D>>>,
    request: Request<Body>,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    if head.uri.path() != served.path {
        return said(StatusCode::NOT_FOUND);
    }
    if !served.may_now() {
        return later();
    }
    let Ok(_place) = served.places.try_acquire() else {
        return later();
    };
    match head.method {
        Method::GET => {
            let query = head.uri.query().unwrap_or_default();
            let greeting = (query.len() <= QUERY_BYTES)
                .then(|| served.door.greeting(query))
                .flatten();
            match greeting {
                Some(text) => {
                    let mut response = Response::new(Body::from(text));
                    response.headers_mut().insert(
                        header::CONTENT_TYPE,
                        header::HeaderValue::from_static("text/plain; charset=utf-8"),
                    );
                    response
                }
                None => said(StatusCode::FORBIDDEN),
            }
        }
        Method::POST => served.take(&head.headers, body).await,
        _ => said(StatusCode::METHOD_NOT_ALLOWED),
    }
}

impl<D: Door> Served<D> {
    async fn take(&self, headers: &HeaderMap, body: Body) -> Response<Body> {
        if !self.door.may_be_genuine(headers) {
            return said(StatusCode::UNAUTHORIZED);
        }
        let read = axum::body::to_bytes(body, self.limits.body);
        let body = match timeout(BODY_PATIENCE, read).await {
            Ok(Ok(body)) => body,
            Ok(Err(_)) => return said(StatusCode::PAYLOAD_TOO_LARGE),
            Err(_) => return said(StatusCode::REQUEST_TIMEOUT),
        };
        if !self.door.is_genuine(headers, &body) {
            return said(StatusCode::UNAUTHORIZED);
        }
        let whose = self.door.whose(&body);
        if whose.later {
            return later();
        }
        for account in whose.unknown {
            self.teller.tell(Saying::Stranger(account));
        }
        // Ours last: what another listener refuses comes again, and ours is known then.
        for listener in &whose.others {
            if !self.passed(listener, headers, &body).await {
                self.teller.tell(Saying::NotPassed(listener.clone()));
                return later();
            }
        }
        if whose.ours {
            return self.keep(body).await;
        }
        said(StatusCode::OK)
    }

    async fn keep(&self, body: Bytes) -> Response<Body> {
        let inbox = Arc::clone(&self.inbox);
        let kept = tokio::task::spawn_blocking(move || {
            inbox
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .keep(now(), &body)
        });
        match kept.await {
            // Only now the network may forget it.
            Ok(Ok(_)) => {
                self.teller.tell(Saying::Kept);
                said(StatusCode::OK)
            }
            Ok(Err(error)) => {
                self.teller.tell(Saying::Refused(reason(&error)));
                later()
            }
            Err(_) => later(),
        }
    }

    /// Whether the other listener has taken it. It checks the signature again by itself.
    async fn passed(&self, listener: &str, headers: &HeaderMap, body: &Bytes) -> bool {
        let mut request = self
            .pass
            .post(listener)
            .timeout(PASS_PATIENCE)
            .body(body.clone());
        for (name, value) in headers {
            if name.as_str().starts_with("x-") || name == header::CONTENT_TYPE {
                request = request.header(name, value);
            }
        }
        matches!(request.send().await, Ok(answer) if answer.status() == StatusCode::OK)
    }

    fn may_now(&self) -> bool {
        let second = running().as_secs();
        let mut counted = self.second.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.0 != second {
            *counted = (second, 0);
        }
        counted.1 = counted.1.saturating_add(1);
        counted.1 <= self.limits.a_second
    }
}

fn reason(error: &InboxError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

fn said(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

fn later() -> Response<Body> {
    let mut response = said(StatusCode::SERVICE_UNAVAILABLE);
    response
        .headers_mut()
        .insert(header::RETRY_AFTER, header::HeaderValue::from_static("5"));
    response
}

fn patient<A>(server: &mut axum_server::Server<SocketAddr, A>) {
    let builder = server.http_builder();
    builder.http1().header_read_timeout(HEAD_PATIENCE);
    builder
        .http2()
        .max_concurrent_streams(32)
        .max_header_list_size(16 << 10);
}

/// Reads the certificate again when its files have changed, as a renewal leaves them.
fn renewed(
    config: RustlsConfig,
    chain: PathBuf,
    key: PathBuf,
) -> impl Future<Output = ()> + Send + 'static {
    let changed = |path: &Path| {
        std::fs::metadata(path)
            .and_then(|file| file.modified())
            .unwrap_or(SystemTime::UNIX_EPOCH)
    };
    async move {
        let mut seen = (changed(&chain), changed(&key));
        loop {
            tokio::time::sleep(RENEWAL).await;
            let found = (changed(&chain), changed(&key));
            // Half a renewal does not fit together: it is tried again.
            if found != seen && config.reload_from_pem_file(&chain, &key).await.is_ok() {
                seen = found;
            }
        }
    }
}
