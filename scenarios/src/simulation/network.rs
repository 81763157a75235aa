//! The network of a simulated world: requests go from a party to the relay in the same process,
//! one after the other, and get lost, doubled, cut or late by seeded chance.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use canonical::Milliseconds;
use capture::RelayFailure;
use capture::spool::ObjectPlace;
use http::header::RETRY_AFTER;
use http::{Method, Request, Response, StatusCode};
use relay::OpenRelay;
use tlog::{Bundle, Tile};
use tokio::sync::Notify;
use vault::follow::RelayError;
use wire::api::{
    ControlPage, LoggedLeaf, PostAnswer, Route, SignerAnswer, UPLOAD_LENGTH, UPLOAD_OFFSET,
    write_bundle,
};
use wire::request::{Request as SignedRequest, RequestNonce, SIGNED_HEADER};
use wire::{
    ArchiveId, ControlNumber, Entry, ObjectHash, Problem, Refusal, SequenceNumber, SignerId,
    SignerKey,
};

use super::draw::Draw;

/// How often something happens to a request, of a thousand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weather {
    /// The request does not arrive.
    pub lost: u64,
    /// It arrives, and its answer does not.
    pub unanswered: u64,
    /// It arrives twice.
    pub twice: u64,
    /// It arrives some steps later, behind others.
    pub late: u64,
    /// Half of its body arrives, and no answer comes.
    pub cut: u64,
}

/// The network, and the relay at its end.
pub struct Network {
    inner: Mutex<Inner>,
    /// Requests go one by one, so that their order does not depend on threads.
    turn: tokio::sync::Mutex<()>,
    died: Notify,
}

struct Inner {
    relay: Option<Arc<OpenRelay>>,
    weather: Weather,
    draw: Draw,
    nonces: u64,
    late: Vec<Request<Bytes>>,
    /// After so many more requests of this step, whoever asks is killed.
    kill_in: Option<u64>,
    requests: u64,
}

/// The request or its answer did not arrive.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the network lost it")]
pub struct Lost;

enum Fate {
    Arrives,
    Lost,
    Unanswered,
    Twice,
    Late,
    Cut,
    Kill { after: bool },
}

impl Network {
    /// A network without a relay.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            inner: Mutex::new(Inner {
                relay: None,
                weather: Weather::default(),
                draw: Draw::of(0, 0, 0),
                nonces: 0,
                late: Vec::new(),
                kill_in: None,
                requests: 0,
            }),
            turn: tokio::sync::Mutex::new(()),
            died: Notify::new(),
        })
    }

    /// What happens in the next step follows from `draw`.
    pub fn begin_step(&self, draw: Draw, kill_in: Option<u64>) {
        let mut inner = self.inner();
        inner.draw = draw;
        inner.kill_in = kill_in;
    }

    /// Changes the weather.
    pub fn set_weather(&self, weather: Weather) {
        self.inner().weather = weather;
    }

    /// Puts a relay at the end, or takes it away.
    pub fn set_relay(&self, relay: Option<Arc<OpenRelay>>) -> Option<Arc<OpenRelay>> {
        std::mem::replace(&mut self.inner().relay, relay)
    }

    /// The relay at the end.
    #[must_use]
    pub fn relay(&self) -> Option<Arc<OpenRelay>> {
        self.inner().relay.clone()
    }

    /// Requests that arrived so far.
    pub fn requests(&self) -> u64 {
        self.inner().requests
    }

    /// Runs what a party does; `None` when the party was killed in the middle of it.
    pub async fn until_killed<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.died.notified() => None,
            done = work => Some(done),
        }
    }

    /// Hands over what is late, in an order that follows from `draw`. Gives how many.
    pub async fn deliver_late(&self, draw: &mut Draw) -> usize {
        let mut late = std::mem::take(&mut self.inner().late);
        let count = late.len();
        while !late.is_empty() {
            let at = usize::try_from(draw.below(late.len() as u64)).unwrap_or(0);
            let request = late.swap_remove(at);
            let _ = self.serve(request).await;
        }
        count
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    fn fate(&self) -> Fate {
        let mut inner = self.inner();
        if let Some(left) = inner.kill_in {
            inner.kill_in = Some(left.saturating_sub(1));
            if left == 0 {
                let after = inner.draw.chance(500);
                return Fate::Kill { after };
            }
        }
        let Weather {
            lost,
            unanswered,
            twice,
            late,
            cut,
        } = inner.weather;
        let drawn = inner.draw.below(1_000);
        let mut bound = 0;
        for (often, fate) in [
            (lost, Fate::Lost),
            (unanswered, Fate::Unanswered),
            (twice, Fate::Twice),
            (late, Fate::Late),
            (cut, Fate::Cut),
        ] {
            bound += often;
            if drawn < bound {
                return fate;
            }
        }
        Fate::Arrives
    }

    async fn carry(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Lost> {
        let _turn = self.turn.lock().await;
        match self.fate() {
            Fate::Arrives => self.serve(request).await,
            Fate::Lost => Err(Lost),
            Fate::Unanswered => {
                let _ = self.serve(request).await;
                Err(Lost)
            }
            Fate::Twice => {
                let again = copy(&request);
                let answer = self.serve(request).await;
                let _ = self.serve(again).await;
                answer
            }
            Fate::Late => {
                self.inner().late.push(request);
                Err(Lost)
            }
            Fate::Cut => {
                let half = request.body().len() / 2;
                let _ = self.serve(request.map(|body| body.slice(..half))).await;
                Err(Lost)
            }
            Fate::Kill { after } => {
                if after {
                    let _ = self.serve(request).await;
                }
                self.died.notify_one();
                std::future::pending().await
            }
        }
    }

    async fn serve(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Lost> {
        let relay = self.inner().relay.clone().ok_or(Lost)?;
        self.inner().requests += 1;
        let answer = relay.call(request).await;
        // A relay that has gone away in the middle answers nothing.
        if answer.status() == StatusCode::BAD_GATEWAY {
            return Err(Lost);
        }
        Ok(answer)
    }

    fn nonce(&self) -> RequestNonce {
        let mut inner = self.inner();
        inner.nonces += 1;
        let mut bytes = [0; RequestNonce::SIZE];
        for (byte, counted) in bytes.iter_mut().zip(inner.nonces.to_be_bytes()) {
            *byte = counted;
        }
        RequestNonce::from_bytes(bytes)
    }
}

fn copy(request: &Request<Bytes>) -> Request<Bytes> {
    let mut copy = Request::new(request.body().clone());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    copy
}

/// One party's way to the relay.
#[derive(Clone)]
pub struct Line {
    network: Arc<Network>,
    archive: ArchiveId,
    key: Arc<SignerKey>,
    clock: Arc<dyn Fn() -> Milliseconds + Send + Sync>,
    /// Nothing happens to what the watcher of the world asks.
    calm: bool,
}

/// Why a call gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum CallFailure {
    /// The network.
    #[error(transparent)]
    Lost(#[from] Lost),
    /// The relay refused for a reason of the closed list.
    #[error("the relay refused")]
    Refused(#[source] Refusal),
    /// The relay answered with another problem.
    #[error("the relay answered {status} {name}")]
    Answered {
        /// HTTP status.
        status: u16,
        /// Name of the problem.
        name: String,
        /// Milliseconds that it asks to wait.
        retry_after: Option<u32>,
    },
}

impl Line {
    /// A party's way: its requests are signed with `key` at the time of its clock.
    pub fn new(
        network: &Arc<Network>,
        archive: ArchiveId,
        key: impl Into<Arc<SignerKey>>,
        clock: impl Fn() -> Milliseconds + Send + Sync + 'static,
    ) -> Self {
        Self {
            network: Arc::clone(network),
            archive,
            key: key.into(),
            clock: Arc::new(clock),
            calm: false,
        }
    }

    /// The same, in no weather.
    #[must_use]
    pub fn calm(mut self) -> Self {
        self.calm = true;
        self
    }

    /// A signed `GET`.
    ///
    /// # Errors
    ///
    /// When the network loses it or the relay answers with a problem.
    pub async fn get(&self, route: Route) -> Result<Bytes, CallFailure> {
        let request = self.request(Method::GET, &route, None, Bytes::new());
        Ok(self.answered(request).await?.into_body())
    }

    /// Posts entries.
    ///
    /// # Errors
    ///
    /// When the network loses it or the relay answers with a problem that is no refusal.
    pub async fn post_entries(&self, entries: &[Entry]) -> Result<PostAnswer, CallFailure> {
        let mut request = Request::new(Bytes::from(write_bundle(entries).unwrap()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = Route::Entries.target(&self.archive).parse().unwrap();
        match self.answered(request).await {
            Ok(answer) => Ok(PostAnswer::parse(answer.body()).unwrap()),
            // RELAY-1: where the first entry is refused, the answer is a problem document.
            Err(CallFailure::Refused(refusal)) => Ok(PostAnswer::new(Vec::new(), Some(refusal))),
            Err(other) => Err(other),
        }
    }

    async fn put(&self, object: ObjectHash, bytes: &Bytes) -> Result<(), CallFailure> {
        let mut at = 0;
        for _ in 0..8 {
            let rest = bytes.slice(at.min(bytes.len())..);
            let upload = Some((at as u64, bytes.len() as u64));
            let request = self.request(Method::PATCH, &Route::Object(object), upload, rest);
            let answer = self.carry(request).await?;
            let conflict = answer.status() == StatusCode::CONFLICT;
            if !conflict && !answer.status().is_success() {
                return Err(problem(&answer));
            }
            let Some(now) = offset(&answer) else {
                return Err(problem(&answer));
            };
            if !conflict && now == bytes.len() {
                return Ok(());
            }
            at = now;
        }
        Err(Lost.into())
    }

    fn request(
        &self,
        method: Method,
        route: &Route,
        upload: Option<(u64, u64)>,
        body: Bytes,
    ) -> Request<Bytes> {
        let target = route.target(&self.archive);
        let upload = upload.map(|(offset, length)| (offset.to_string(), length.to_string()));
        let (offset, length) = upload.as_ref().map_or(("", ""), |(offset, length)| {
            (offset.as_str(), length.as_str())
        });
        let signed = SignedRequest {
            archive: self.archive,
            method: method.as_str(),
            target: &target,
            upload_offset: offset,
            upload_length: length,
        };
        let header = signed.sign(&self.key, (self.clock)(), self.network.nonce());
        let mut request = Request::builder()
            .method(method)
            .uri(target)
            .header(SIGNED_HEADER, header);
        if upload.is_some() {
            request = request
                .header(UPLOAD_OFFSET, offset)
                .header(UPLOAD_LENGTH, length);
        }
        request.body(body).unwrap()
    }

    async fn carry(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Lost> {
        if self.calm {
            return self.network.serve(request).await;
        }
        self.network.carry(request).await
    }

    async fn answered(&self, request: Request<Bytes>) -> Result<Response<Bytes>, CallFailure> {
        let answer = self.carry(request).await?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        Err(problem(&answer))
    }
}

fn problem(answer: &Response<Bytes>) -> CallFailure {
    let told = Problem::parse(answer.body()).ok();
    if let Some(refusal) = told.as_ref().and_then(Problem::refusal) {
        return CallFailure::Refused(refusal);
    }
    let retry_after = answer
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse::<u32>().ok());
    CallFailure::Answered {
        status: answer.status().as_u16(),
        name: told.map_or_else(String::new, |told| told.name().to_owned()),
        retry_after: retry_after.map(|seconds| seconds.saturating_mul(1_000)),
    }
}

fn offset(answer: &Response<Bytes>) -> Option<usize> {
    let value = answer.headers().get(UPLOAD_OFFSET)?;
    value.to_str().ok()?.parse().ok()
}

impl From<CallFailure> for RelayFailure {
    fn from(failure: CallFailure) -> Self {
        match failure {
            CallFailure::Refused(refusal) => Self::Refused(refusal),
            CallFailure::Answered { ref name, .. } if name == "unknown-signer" => {
                Self::Denied(failure.into())
            }
            CallFailure::Answered { retry_after, .. } => Self::Unavailable {
                retry_after,
                source: failure.into(),
            },
            CallFailure::Lost(lost) => Self::Unavailable {
                retry_after: None,
                source: lost.into(),
            },
        }
    }
}

impl From<CallFailure> for RelayError {
    fn from(failure: CallFailure) -> Self {
        match failure {
            CallFailure::Answered { status: 404, .. } => Self::NotFound,
            other => Self::Failed(Box::new(other)),
        }
    }
}

impl capture::Relay for Line {
    async fn upload(&self, object: ObjectHash, place: ObjectPlace) -> Result<(), RelayFailure> {
        let bytes = match place {
            ObjectPlace::Bytes(bytes) => bytes,
            ObjectPlace::File(path) => std::fs::read(path).unwrap(),
        };
        Ok(self.put(object, &bytes.into()).await?)
    }

    async fn post(&self, entries: &[Entry]) -> Result<PostAnswer, RelayFailure> {
        Ok(self.post_entries(entries).await?)
    }

    async fn control(&self, from: ControlNumber) -> Result<ControlPage, RelayFailure> {
        let answer = self.get(Route::Control(from)).await?;
        Ok(ControlPage::parse(&answer).unwrap())
    }

    async fn stored(&self) -> Result<Option<LoggedLeaf>, RelayFailure> {
        match self.get(Route::Stored).await {
            Ok(answer) => Ok(Some(LoggedLeaf::parse(&answer).unwrap())),
            Err(CallFailure::Answered { name, .. }) if name == "nothing-stored" => Ok(None),
            Err(failure) => Err(failure.into()),
        }
    }

    async fn head(&self) -> Result<Option<LoggedLeaf>, RelayFailure> {
        match self.get(Route::Head).await {
            Ok(answer) => Ok(Some(LoggedLeaf::parse(&answer).unwrap())),
            Err(CallFailure::Answered { name, .. }) if name == "no-head" => Ok(None),
            Err(failure) => Err(failure.into()),
        }
    }

    async fn tile(&self, tile: Tile) -> Result<Vec<u8>, RelayFailure> {
        Ok(self.get(Route::Tile(tile)).await?.to_vec())
    }

    async fn signer(&self, signer: SignerId) -> Result<SignerAnswer, RelayFailure> {
        let answer = self.get(Route::Signer(signer)).await?;
        Ok(SignerAnswer::parse(&answer).unwrap())
    }
}

impl vault::follow::Relay for Line {
    async fn checkpoint(&self) -> Result<Vec<u8>, RelayError> {
        Ok(self.get(Route::Checkpoint).await?.to_vec())
    }

    async fn bundle(&self, bundle: Bundle) -> Result<Vec<u8>, RelayError> {
        Ok(self.get(Route::Bundle(bundle)).await?.to_vec())
    }

    async fn object(
        &self,
        hash: ObjectHash,
        from: u64,
        sink: &mut (dyn FnMut(&[u8]) -> io::Result<()> + Send),
    ) -> Result<(), RelayError> {
        let bytes = self.get(Route::Object(hash)).await?;
        let rest = usize::try_from(from).map_or(bytes.len(), |from| from.min(bytes.len()));
        sink(&bytes[rest..]).map_err(RelayError::Sink)
    }

    async fn put_object(&self, hash: ObjectHash, bytes: &[u8]) -> Result<(), RelayError> {
        Ok(self.put(hash, &Bytes::copy_from_slice(bytes)).await?)
    }

    async fn post(&self, entries: &[Entry]) -> Result<PostAnswer, RelayError> {
        Ok(self.post_entries(entries).await?)
    }

    async fn next_number(&self, signer: SignerId) -> Result<SequenceNumber, RelayError> {
        let answer = self.get(Route::Signer(signer)).await?;
        Ok(SignerAnswer::parse(&answer).unwrap().next)
    }
}
