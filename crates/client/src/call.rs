//! One relay, one archive, one signer: making calls and reading answers.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand;
use canonical::Milliseconds;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Method, RequestBuilder, Response};
use wire::api::{BYTES_TYPE, PostAnswer, Route, UPLOAD_LENGTH, UPLOAD_OFFSET, write_bundle};
use wire::request::{Request, RequestNonce, SIGNED_HEADER};
use wire::{ArchiveId, Entry, PROBLEM_TYPE, Problem, SignerId, SignerKey, TlsIdentity, limit};

use crate::error::CallError;
use crate::pinned::pinned_tls;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(10);
/// How long the relay may be silent in the middle of an answer.
const SILENCE: Duration = Duration::from_secs(60);

/// Where a relay is and how it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayAddress {
    /// `https://host:port`, with or without a slash at its end.
    pub url: String,
    /// SHA-256 of the SubjectPublicKeyInfo of its certificate.
    pub pin: TlsIdentity,
}

/// Speaks to one relay about one archive as one signer. Clones share connections.
#[derive(Debug, Clone)]
pub struct RelayClient {
    http: Client,
    base: String,
    archive: ArchiveId,
    key: Arc<SignerKey>,
}

impl RelayClient {
    /// A client; connects with the first call.
    ///
    /// # Errors
    ///
    /// When TLS or the HTTP client can not be set up.
    pub fn new(
        address: &RelayAddress,
        archive: ArchiveId,
        key: impl Into<Arc<SignerKey>>,
    ) -> Result<Self, CallError> {
        let tls = pinned_tls(address.pin).map_err(CallError::Tls)?;
        let http = Client::builder()
            .tls_backend_preconfigured(tls)
            .https_only(true)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            .build()
            .map_err(CallError::Address)?;
        let base = address.url.trim_end_matches('/').to_owned();
        Ok(Self {
            http,
            base,
            archive,
            key: key.into(),
        })
    }

    /// The archive.
    #[must_use]
    pub fn archive(&self) -> ArchiveId {
        self.archive
    }

    /// The signer that asks.
    #[must_use]
    pub fn signer(&self) -> SignerId {
        self.key.id()
    }

    /// Posts 1 to 64 entries of one signer in ascending order. Answers when all that are admitted
    /// stand in a published checkpoint; posting again gives the same places. The receipts are to
    /// be verified with [`wire::verify::verify_receipt`].
    ///
    /// # Errors
    ///
    /// When the relay can not be reached, or refuses the first entry ([`CallError::refusal`]). A
    /// refusal of a later one stands in the answer.
    pub async fn post_entries(&self, entries: &[Entry]) -> Result<PostAnswer, CallError> {
        let bundle = write_bundle(entries).map_err(CallError::Bundle)?;
        let url = self.url(&Route::Entries);
        let request = self
            .http
            .post(url)
            .header(CONTENT_TYPE, BYTES_TYPE)
            .body(bundle);
        let answer = self.body(sent(request).await?, limit::ANSWER_BYTES).await?;
        PostAnswer::parse(&answer).map_err(CallError::Answer)
    }

    /// A signed request (READ-1).
    pub(crate) fn request(
        &self,
        method: Method,
        route: &Route,
        upload: Option<(u64, u64)>,
    ) -> Result<RequestBuilder, CallError> {
        let target = route.target(&self.archive);
        let upload = upload.map(|(offset, length)| (offset.to_string(), length.to_string()));
        let (upload_offset, upload_length) =
            upload.as_ref().map_or(("", ""), |(offset, length)| {
                (offset.as_str(), length.as_str())
            });
        let signed = Request {
            archive: self.archive,
            method: method.as_str(),
            target: &target,
            upload_offset,
            upload_length,
        };
        let header = signed.sign(&self.key, now(), nonce()?);
        let mut request = self
            .http
            .request(method, self.url(route))
            .header(SIGNED_HEADER, header);
        if upload.is_some() {
            request = request
                .header(UPLOAD_OFFSET, upload_offset)
                .header(UPLOAD_LENGTH, upload_length);
        }
        Ok(request)
    }

    /// A signed `GET` with an answer of at most `most` bytes.
    pub(crate) async fn get(&self, route: &Route, most: usize) -> Result<Vec<u8>, CallError> {
        let response = sent(self.request(Method::GET, route, None)?).await?;
        self.body(response, most).await
    }

    async fn body(&self, mut response: Response, most: usize) -> Result<Vec<u8>, CallError> {
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(CallError::Unreachable)? {
            if body.len() + piece.len() > most {
                return Err(CallError::TooLong(most));
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }

    fn url(&self, route: &Route) -> String {
        format!("{}{}", self.base, route.target(&self.archive))
    }
}

/// Sends a request; an answer that is no success becomes an error with its problem document.
pub(crate) async fn sent(request: RequestBuilder) -> Result<Response, CallError> {
    let response = request.send().await.map_err(CallError::Unreachable)?;
    if response.status().is_success() {
        return Ok(response);
    }
    Err(failure(response).await)
}

pub(crate) async fn failure(mut response: Response) -> CallError {
    let status = response.status().as_u16();
    let retry_after = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    let told = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes() == PROBLEM_TYPE.as_bytes());
    let mut body = Vec::new();
    while told && body.len() <= limit::PROBLEM_BYTES {
        match response.chunk().await {
            Ok(Some(piece)) => body.extend_from_slice(&piece),
            Ok(None) => break,
            Err(error) => return CallError::Unreachable(error),
        }
    }
    match Problem::parse(&body) {
        Ok(problem) if told => CallError::Problem {
            problem: Box::new(problem),
            retry_after: retry_after.map(Duration::from_secs),
        },
        _ => CallError::Status(status),
    }
}

/// A request is believed for minutes around this time, so the machine's clock is what counts.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the client reads the clock"
)]
fn now() -> Milliseconds {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Milliseconds::new(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the client draws randomness"
)]
fn nonce() -> Result<RequestNonce, CallError> {
    let mut bytes = [0; RequestNonce::SIZE];
    rand::fill(&mut bytes).map_err(|_| CallError::Random)?;
    Ok(RequestNonce::from_bytes(bytes))
}
