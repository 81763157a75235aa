//! What the operator of the machine may ask: health and counters, on a loopback address only.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::archive::Archive;
use crate::metrics::Metrics;

/// Why the listener for operations did not come up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OperationsError {
    /// The address can be reached from other machines.
    #[error("health and metrics are only answered on a loopback address, and {0} is none")]
    NotLoopback(SocketAddr),
    /// The address can not be listened on.
    #[error("can not listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's answer.
        source: std::io::Error,
    },
}

#[derive(Clone)]
struct Watched {
    metrics: Arc<Metrics>,
    archives: Arc<[Arc<Archive>]>,
}

/// Answers until `shutdown` turns true; returns the address and the task.
pub(crate) async fn serve(
    address: SocketAddr,
    metrics: Arc<Metrics>,
    archives: Arc<[Arc<Archive>]>,
    mut shutdown: watch::Receiver<bool>,
) -> Result<(SocketAddr, tokio::task::JoinHandle<()>), OperationsError> {
    if !address.ip().is_loopback() {
        return Err(OperationsError::NotLoopback(address));
    }
    let failed = |source| OperationsError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let router = Router::new()
        .route("/healthz", get(health))
        .route("/metrics", get(counters))
        .with_state(Watched { metrics, archives });
    let task = tokio::spawn(async move {
        let stopped = async move {
            let _ = shutdown.wait_for(|stop| *stop).await;
        };
        if let Err(error) = axum::serve(listener, router)
            .with_graceful_shutdown(stopped)
            .await
        {
            tracing::error!(%error, "the listener for operations ended");
        }
    });
    Ok((bound, task))
}

/// 200 when every archive can sequence, 503 when one has stopped with an alarm.
async fn health(State(watched): State<Watched>) -> Response {
    let stopped = watched
        .archives
        .iter()
        .filter(|archive| archive.stopped().is_some())
        .count();
    let status = if stopped == 0 {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let body = serde_json::json!({ "archives": watched.archives.len(), "stopped": stopped });
    (status, axum::Json(body)).into_response()
}

async fn counters(State(watched): State<Watched>) -> impl IntoResponse {
    let archives: Vec<_> = watched
        .archives
        .iter()
        .map(|archive| (archive.published_size().get(), archive.stopped().is_none()))
        .collect();
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
        watched.metrics.text(&archives),
    )
}
