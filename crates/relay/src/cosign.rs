//! Asks witnesses to cosign checkpoints (C2SP tlog-witness), all at once and for a limited time.
//!
//! A witness that is slow or down never holds the log up (SEQ-3): what comes late is added to the
//! checkpoint while it is still the newest, and a witness that failed is not waited for until it
//! has answered again.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tlog::{
    AddCheckpoint, CONFLICT_CONTENT_TYPE, SignatureLine, SignedCheckpoint, TreeSize, VerifierKey,
};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

use crate::config::WitnessTarget;
use crate::metrics::Metrics;
use crate::pinned::pinned_client;
use crate::tiles::Tiles;

/// How long one witness may take for one request, waited for or not.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest answer of a witness that is read, in bytes.
const ANSWER: usize = 64 << 10;

/// Why a witness can not be asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WitnessTargetError {
    /// Plain HTTP leaves the machine.
    #[error("{0} is neither https nor on this machine")]
    Plain(String),
    /// No TLS for the pin.
    #[error("no TLS for the witness")]
    Tls(#[from] rustls::Error),
    /// No HTTP client.
    #[error("no HTTP client for the witness")]
    Client(#[from] reqwest::Error),
}

/// The way to one witness: over HTTP, or to one that was opened in the same process
/// ([`OpenWitness`](crate::witness::OpenWitness)).
pub trait WitnessLine: Send + Sync + fmt::Debug + 'static {
    /// Hands over the body of a call of `add-checkpoint` and returns what the witness answers;
    /// `None` when it was not reached, or its answer was no answer.
    fn add_checkpoint(&self, body: String) -> BoxFuture<'_, Option<http::Response<Bytes>>>;
}

/// What a witness said.
#[derive(Debug)]
pub(crate) enum Heard {
    /// It has cosigned the checkpoint of this size.
    Line { size: TreeSize, line: SignatureLine },
    /// It has cosigned a larger checkpoint of this log than there is here (SEQ-2).
    Ahead { size: TreeSize },
}

/// The witnesses of one log.
#[derive(Debug)]
pub(crate) struct Cosigners {
    targets: Vec<Arc<Target>>,
    wait: Duration,
    metrics: Arc<Metrics>,
    late: mpsc::UnboundedSender<Heard>,
}

#[derive(Debug)]
struct Target {
    key: VerifierKey,
    line: Arc<dyn WitnessLine>,
    /// The size that it has cosigned, as far as is known.
    cosigned: AtomicU64,
    failing: AtomicBool,
    /// Held by the one task that asks it.
    working: Arc<tokio::sync::Mutex<()>>,
}

impl Cosigners {
    pub(crate) fn new(
        targets: Vec<WitnessTarget>,
        lines: Vec<(VerifierKey, Arc<dyn WitnessLine>)>,
        wait: Duration,
        metrics: Arc<Metrics>,
    ) -> Result<(Self, mpsc::UnboundedReceiver<Heard>), WitnessTargetError> {
        let (late, heard) = mpsc::unbounded_channel();
        let mut all = lines;
        for target in targets {
            let key = target.key.clone();
            all.push((key, Arc::new(HttpLine::new(target)?)));
        }
        let targets = all
            .into_iter()
            .map(|(key, line)| Arc::new(Target::new(key, line)))
            .collect();
        Ok((
            Self {
                targets,
                wait,
                metrics,
                late,
            },
            heard,
        ))
    }

    /// Whether a witness has yet to cosign this checkpoint.
    pub(crate) fn lacking(&self, checkpoint: &SignedCheckpoint) -> bool {
        self.targets
            .iter()
            .any(|target| !target.has_signed(checkpoint))
    }

    /// Asks those that have not cosigned it yet, and returns what they say within the time. What
    /// comes after that goes to the receiver that [`new`](Self::new) gave.
    pub(crate) async fn ask(&self, tiles: &Tiles, checkpoint: &SignedCheckpoint) -> Vec<Heard> {
        let (now, mut answers) = mpsc::unbounded_channel();
        let mut awaited = Vec::new();
        for target in self
            .targets
            .iter()
            .filter(|target| !target.has_signed(checkpoint))
        {
            // A witness that still works on an older checkpoint is asked for the next one.
            let Ok(working) = target.working.clone().try_lock_owned() else {
                continue;
            };
            if !target.failing.load(Ordering::Relaxed) {
                awaited.push(target.clone());
            }
            let (target, tiles, metrics) = (target.clone(), tiles.clone(), self.metrics.clone());
            let (now, late, checkpoint) = (now.clone(), self.late.clone(), checkpoint.clone());
            tokio::spawn(async move {
                let heard = target.work(&tiles, &checkpoint, &metrics).await;
                target.failing.store(heard.is_none(), Ordering::Relaxed);
                drop(working);
                // `None` tells whoever waits that nothing will come.
                if let Err(missed) = now.send((target, heard))
                    && let (_, Some(heard)) = missed.0
                {
                    let _ = late.send(heard);
                }
            });
        }
        drop(now);
        let deadline = Instant::now() + self.wait;
        let mut all = Vec::new();
        while !awaited.is_empty() {
            match timeout_at(deadline, answers.recv()).await {
                Ok(Some((target, heard))) => {
                    awaited.retain(|other| !Arc::ptr_eq(other, &target));
                    all.extend(heard);
                }
                Ok(None) | Err(_) => break,
            }
        }
        for target in awaited {
            target.failing.store(true, Ordering::Relaxed);
        }
        answers.close();
        while let Ok((_, heard)) = answers.try_recv() {
            all.extend(heard);
        }
        all
    }
}

/// A witness behind `https://…/add-checkpoint`.
#[derive(Debug)]
struct HttpLine {
    url: String,
    client: reqwest::Client,
}

impl HttpLine {
    fn new(target: WitnessTarget) -> Result<Self, WitnessTargetError> {
        let mut client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy();
        if let Some(pin) = target.pin {
            client = client
                .tls_backend_preconfigured(pinned_client(pin)?)
                .https_only(true);
        } else if !target.url.starts_with("https://") && !on_this_machine(&target.url) {
            return Err(WitnessTargetError::Plain(target.url));
        }
        Ok(Self {
            url: format!("{}/add-checkpoint", target.url.trim_end_matches('/')),
            client: client.build()?,
        })
    }

    async fn post(&self, body: String) -> Option<http::Response<Bytes>> {
        let response = self.client.post(&self.url).body(body).send().await.ok()?;
        let mut answer = http::Response::new(Bytes::new());
        *answer.status_mut() = response.status();
        *answer.headers_mut() = response.headers().clone();
        *answer.body_mut() = read_bounded(response).await?.into();
        Some(answer)
    }
}

impl WitnessLine for HttpLine {
    fn add_checkpoint(&self, body: String) -> BoxFuture<'_, Option<http::Response<Bytes>>> {
        Box::pin(self.post(body))
    }
}

impl Target {
    fn new(key: VerifierKey, line: Arc<dyn WitnessLine>) -> Self {
        Self {
            key,
            line,
            cosigned: AtomicU64::new(0),
            failing: AtomicBool::new(false),
            working: Arc::default(),
        }
    }

    fn has_signed(&self, checkpoint: &SignedCheckpoint) -> bool {
        checkpoint
            .note()
            .signatures()
            .iter()
            .any(|line| line.claims(&self.key))
    }

    /// Brings the witness to this checkpoint; `None` when that failed.
    async fn work(
        &self,
        tiles: &Tiles,
        checkpoint: &SignedCheckpoint,
        metrics: &Metrics,
    ) -> Option<Heard> {
        match timeout(PATIENCE, self.push(tiles, checkpoint)).await {
            Ok(Some(heard)) => {
                Metrics::count(&metrics.cosignatures, 1);
                Some(heard)
            }
            _ => {
                Metrics::count(&metrics.witness_failures, 1);
                None
            }
        }
    }

    async fn push(&self, tiles: &Tiles, checkpoint: &SignedCheckpoint) -> Option<Heard> {
        let size = checkpoint.claimed().size();
        // The second time from where the witness says that it stands; then it must do.
        for _ in 0..3 {
            let old = TreeSize::new(self.cosigned.load(Ordering::Relaxed).min(size.get()));
            let proof = tiles.consistency(old, size).await.ok()?;
            let body = AddCheckpoint::new(old, proof, checkpoint.clone()).to_string();
            let response = self.line.add_checkpoint(body).await?;
            let status = response.status();
            let named_size = response
                .headers()
                .get(http::header::CONTENT_TYPE)
                .is_some_and(|kind| kind.as_bytes() == CONFLICT_CONTENT_TYPE.as_bytes());
            let answer = response.into_body();
            if status == http::StatusCode::OK {
                let line = self.verified(checkpoint, &answer)?;
                self.cosigned.fetch_max(size.get(), Ordering::Relaxed);
                return Some(Heard::Line { size, line });
            }
            if status != http::StatusCode::CONFLICT || !named_size {
                return None;
            }
            let stands = tlog::parse_conflict(&answer)?;
            if stands > size {
                return Some(Heard::Ahead { size: stands });
            }
            self.cosigned.store(stands.get(), Ordering::Relaxed);
        }
        None
    }

    /// The witness's line in its answer, if it verifies under its key.
    fn verified(&self, checkpoint: &SignedCheckpoint, answer: &[u8]) -> Option<SignatureLine> {
        let lines = tlog::parse_cosignatures(answer).ok()?;
        let line = lines.into_iter().find(|line| line.claims(&self.key))?;
        self.key
            .verify(checkpoint.note().text(), line.signature())
            .ok()?;
        Some(line)
    }
}

async fn read_bounded(mut response: reqwest::Response) -> Option<Vec<u8>> {
    let mut answer = Vec::new();
    while let Some(piece) = response.chunk().await.ok()? {
        if answer.len() + piece.len() > ANSWER {
            return None;
        }
        answer.extend_from_slice(&piece);
    }
    Some(answer)
}

fn on_this_machine(url: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(url) else {
        return false;
    };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host.parse::<std::net::IpAddr>()
        .is_ok_and(|address| address.is_loopback())
}
