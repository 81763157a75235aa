//! The HTTP interface of `docs/spec/relay.md`.

mod answer;
pub(crate) mod body;
mod entries;
mod log;
mod objects;
mod signed;
mod waiting;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use http::Method;
use tokio::sync::Semaphore;
use wire::api::Route;
use wire::{ArchiveId, Refusal, RefusalCode};

use crate::archive::Archive;
use crate::clock::Clock;
use crate::limits::{Gate, Limits, TryAgain, asker};
use crate::metrics::Metrics;
pub(crate) use answer::Failure;
use signed::{Nonces, signed, signed_by_known};

/// What all requests share.
#[derive(Debug, Clone)]
pub(crate) struct Served {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    archives: HashMap<ArchiveId, (Arc<Archive>, Nonces)>,
    metrics: Arc<Metrics>,
    gate: Gate,
    in_flight: Semaphore,
    limits: Limits,
    clock: Clock,
}

impl Served {
    pub(crate) fn new(
        archives: HashMap<ArchiveId, Arc<Archive>>,
        metrics: Arc<Metrics>,
        gate: Gate,
        limits: Limits,
        clock: Clock,
    ) -> Self {
        let started = clock.now();
        let with_nonces = |(id, archive)| (id, (archive, Nonces::new(limits.nonces, started)));
        let inner = Inner {
            archives: archives.into_iter().map(with_nonces).collect(),
            metrics,
            gate,
            in_flight: Semaphore::new(limits.requests_in_flight.clamp(1, Semaphore::MAX_PERMITS)),
            limits,
            clock,
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// The archive that the path begins with.
    fn archive(&self, target: &str) -> Result<(&Arc<Archive>, &Nonces), Failure> {
        let fingerprint = target
            .strip_prefix("/v1/")
            .and_then(|rest| rest.split('/').next())
            .ok_or_else(no_call)?;
        let served = fingerprint
            .parse()
            .ok()
            .and_then(|id: ArchiveId| self.inner.archives.get(&id));
        let (archive, nonces) = served.ok_or_else(|| {
            Failure::from(Refusal::new(
                RefusalCode::ForeignArchive,
                "this relay does not serve the archive",
            ))
        })?;
        Ok((archive, nonces))
    }

    fn metrics(&self) -> &Metrics {
        &self.inner.metrics
    }

    fn gate(&self) -> &Gate {
        &self.inner.gate
    }

    fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    /// How long a peer may take for the next piece of a body.
    fn patience(&self) -> Duration {
        Duration::from_secs(self.inner.limits.idle_seconds)
    }

    /// Turns a bucket's answer into a refusal.
    fn within(&self, taken: Result<(), TryAgain>) -> Result<(), Failure> {
        taken.map_err(|TryAgain(seconds)| {
            Metrics::count(&self.metrics().throttled, 1);
            Failure::too_busy(seconds)
        })
    }
}

/// All calls.
pub(crate) fn router(served: Served) -> Router {
    Router::new()
        .fallback(call)
        .layer(middleware::from_fn_with_state(served.clone(), admit))
        .with_state(served)
}

/// A path has one spelling ([`Route`]), so that what is signed and what is served are the same.
async fn call(State(served): State<Served>, request: Request) -> Result<Response, Failure> {
    let (parts, body) = request.into_parts();
    let target = parts
        .uri
        .path_and_query()
        .map_or("", |target| target.as_str())
        .to_owned();
    let (archive, nonces) = served.archive(&target)?;
    let (_, route) = Route::parse(&target).ok_or_else(no_call)?;
    let caller = || signed(&served, archive, nonces, &parts, &target);
    // READ-2.
    let learner = || signed_by_known(&served, archive, nonces, &parts, &target);
    match (&parts.method, route) {
        (&Method::POST, Route::Entries) => entries::post(&served, archive, body).await,
        (&Method::GET, Route::Object(object)) => {
            objects::fetch(&served, archive, &caller()?, object, &parts.headers).await
        }
        (&Method::HEAD, Route::Object(object)) => {
            objects::progress(archive, &caller()?, object).await
        }
        (&Method::PATCH, Route::Object(object)) => {
            objects::append(&served, archive, &caller()?, object, &parts.headers, body).await
        }
        (&Method::GET, Route::Checkpoint) => learner().and_then(|_| log::checkpoint(archive)),
        (&Method::GET, Route::Tile(tile)) => {
            learner()?;
            log::tile(archive, tile).await
        }
        (&Method::GET, Route::Bundle(bundle)) => {
            caller()?;
            log::bundle(archive, bundle).await
        }
        (&Method::GET, Route::Control(from)) => {
            learner()?;
            log::control(archive, from).await
        }
        (&Method::GET, Route::Signer(signer)) => log::signer(archive, &learner()?, signer),
        (&Method::GET, Route::Mail(from)) => log::mail(archive, &caller()?, from).await,
        (&Method::GET, Route::Requests) => waiting::list(&served, archive, &caller()?).await,
        (&Method::PUT, Route::OpenInvitation(key, terms)) => {
            waiting::open(&served, archive, &caller()?, key, terms).await
        }
        (&Method::DELETE, Route::Invitation(key)) => {
            waiting::close(&served, archive, &caller()?, key).await
        }
        (&Method::DELETE, Route::AnswerRequest(key, request, state)) => {
            waiting::answer(&served, archive, &caller()?, key, request, state).await
        }
        (&Method::GET, Route::Invitation(key)) => {
            let holder = waiting::Holder::of(&served, archive, nonces, &parts, &target, key);
            waiting::standing(archive, holder.await?).await
        }
        (&Method::PUT, Route::Request(key, request)) => {
            let holder = waiting::Holder::of(&served, archive, nonces, &parts, &target, key);
            waiting::ask(&served, archive, holder.await?, request, body).await
        }
        (&Method::GET, Route::Stored) => {
            caller()?;
            log::stored(archive).await
        }
        (&Method::GET, Route::Head) => {
            learner()?;
            log::head(archive).await
        }
        _ => Err(Failure::other(
            "no-such-method",
            405,
            "the call has no such method",
        )),
    }
}

/// LIMIT-1: requests in flight, and requests a second of one address.
async fn admit(
    State(served): State<Served>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let metrics = served.metrics();
    Metrics::count(&metrics.requests, 1);
    let address: IpAddr = asker(peer.ip());
    if let Err(failure) = served.within(served.gate().addresses.take(
        address,
        1,
        served.clock().now(),
    )) {
        return failure.into_response();
    }
    let Ok(_place) = served.inner.in_flight.try_acquire() else {
        Metrics::count(&metrics.throttled, 1);
        return Failure::too_busy(1).into_response();
    };
    metrics.in_flight.fetch_add(1, Ordering::Relaxed);
    let response = next.run(request).await;
    metrics.in_flight.fetch_sub(1, Ordering::Relaxed);
    response
}

fn no_call() -> Failure {
    Failure::other("no-such-call", 404, "the relay has no such call")
}
