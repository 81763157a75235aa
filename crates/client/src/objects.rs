//! Uploading and fetching sealed objects, in pieces.

use std::io::SeekFrom;
use std::ops::Range;
use std::path::Path;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{BoxStream, StreamExt as _};
use reqwest::header::RANGE;
use reqwest::{Body, Method, Response, StatusCode};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use wire::ObjectHash;
use wire::api::{Route, UPLOAD_COMPLETE, UPLOAD_OFFSET};

use crate::call::{RelayClient, failure, sent};
use crate::error::CallError;

/// How much of a file is read at once, in bytes.
const PIECE: usize = 64 << 10;
/// An object of at most so many bytes is sent without asking first what is there.
const SMALL: u64 = 1 << 20;
/// How often an upload may be found at another byte than expected before it is given up.
const MOVES: usize = 8;

/// How far an object's upload has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UploadProgress {
    /// Nothing is there.
    Missing,
    /// So many bytes are there.
    Partial(u64),
    /// The relay keeps it.
    Complete,
}

/// An object's bytes as they come. They are the right ones only if the whole has the object's hash.
pub type ObjectBytes = BoxStream<'static, Result<Bytes, CallError>>;

impl RelayClient {
    /// How far the upload of an object has come.
    ///
    /// # Errors
    ///
    /// When the call fails.
    pub async fn upload_progress(&self, object: ObjectHash) -> Result<UploadProgress, CallError> {
        let request = self.request(Method::HEAD, &Route::Object(object), None)?;
        let response = request.send().await.map_err(CallError::Unreachable)?;
        match response.status() {
            StatusCode::NOT_FOUND => return Ok(UploadProgress::Missing),
            status if status.is_success() => {}
            _ => return Err(failure(response).await),
        }
        let complete = response
            .headers()
            .get(UPLOAD_COMPLETE)
            .is_some_and(|value| value.as_bytes() == b"?1");
        Ok(if complete {
            UploadProgress::Complete
        } else {
            UploadProgress::Partial(offset(&response)?)
        })
    }

    /// Uploads an object from memory, from wherever an earlier attempt stopped. Returns when the
    /// relay keeps it durably.
    ///
    /// # Errors
    ///
    /// When the call fails; calling again goes on where it stopped. 422 `object-hash` says that
    /// the bytes do not have that hash.
    pub async fn upload_object(&self, object: ObjectHash, bytes: Bytes) -> Result<(), CallError> {
        let length = bytes.len() as u64;
        self.upload(object, length, |at| {
            let at = usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
            let rest = bytes.slice(at..);
            async move { Ok(Body::from(rest)) }
        })
        .await
    }

    /// Uploads an object from a file, as [`upload_object`](Self::upload_object), without holding
    /// more than a few pieces in memory.
    ///
    /// # Errors
    ///
    /// As there, and when the file can not be read.
    pub async fn upload_file(&self, object: ObjectHash, path: &Path) -> Result<(), CallError> {
        let length = tokio::fs::metadata(path)
            .await
            .map_err(CallError::Read)?
            .len();
        self.upload(object, length, |at| async move {
            let mut file = File::open(path).await.map_err(CallError::Read)?;
            file.seek(SeekFrom::Start(at))
                .await
                .map_err(CallError::Read)?;
            let pieces = futures_util::stream::try_unfold(file, |mut file| async move {
                let mut piece = BytesMut::with_capacity(PIECE);
                let read = file.read_buf(&mut piece).await?;
                Ok::<_, std::io::Error>((read > 0).then(|| (piece.freeze(), file)))
            });
            Ok(Body::wrap_stream(pieces))
        })
        .await
    }

    /// Fetches an object, or one range of it.
    ///
    /// # Errors
    ///
    /// When the call fails, also in the middle of the stream.
    pub async fn fetch_object(
        &self,
        object: ObjectHash,
        range: Option<Range<u64>>,
    ) -> Result<ObjectBytes, CallError> {
        let mut request = self.request(Method::GET, &Route::Object(object), None)?;
        if let Some(range) = &range {
            // An empty range has no form in HTTP.
            let Some(last) = range.end.checked_sub(1).filter(|last| *last >= range.start) else {
                return Ok(futures_util::stream::empty().boxed());
            };
            request = request.header(RANGE, format!("bytes={}-{last}", range.start));
        }
        let response = sent(request).await?;
        if range.is_some() && response.status() != StatusCode::PARTIAL_CONTENT {
            return Err(CallError::Incomplete("the range"));
        }
        Ok(response
            .bytes_stream()
            .map(|piece| piece.map_err(CallError::Unreachable))
            .boxed())
    }

    async fn upload<F, B>(
        &self,
        object: ObjectHash,
        length: u64,
        body_from: F,
    ) -> Result<(), CallError>
    where
        F: Fn(u64) -> B,
        B: Future<Output = Result<Body, CallError>>,
    {
        // Whoever sends little just begins: a relay that has some of it says where to go on.
        let known = if length <= SMALL {
            UploadProgress::Missing
        } else {
            self.upload_progress(object).await?
        };
        let mut at = match known {
            UploadProgress::Complete => return Ok(()),
            UploadProgress::Partial(at) => at,
            UploadProgress::Missing => 0,
        };
        for _ in 0..MOVES {
            let body = body_from(at).await?;
            let request = self
                .request(Method::PATCH, &Route::Object(object), Some((at, length)))?
                .body(body);
            let response = request.send().await.map_err(CallError::Unreachable)?;
            // Also with 409: another request has moved the upload on.
            if response.status() == StatusCode::CONFLICT || response.status().is_success() {
                let conflict = response.status() == StatusCode::CONFLICT;
                let now = match offset(&response) {
                    Ok(now) => now,
                    Err(_) if conflict => return Err(failure(response).await),
                    Err(error) => return Err(error),
                };
                if !conflict && now == length {
                    return Ok(());
                }
                at = now;
                continue;
            }
            return Err(failure(response).await);
        }
        Err(CallError::Stuck(at))
    }
}

fn offset(response: &Response) -> Result<u64, CallError> {
    let value = response
        .headers()
        .get(UPLOAD_OFFSET)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    value.ok_or(CallError::Incomplete("Upload-Offset"))
}
