//! Sealed objects: resumable uploads, and ranges of what is kept.

use std::ops::Range;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt as _;
use wire::{ObjectHash, Role, limit};

use super::body::piece;
use super::signed::Caller;
use super::{Failure, Served};
use crate::archive::Archive;
use crate::metrics::Metrics;
use crate::store::{AppendError, Appended, Progress};

const OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const LENGTH: HeaderName = HeaderName::from_static("upload-length");
const COMPLETE: HeaderName = HeaderName::from_static("upload-complete");

/// `HEAD /objects/<hash>`
pub(super) async fn progress(
    archive: &Archive,
    caller: &Caller,
    object: ObjectHash,
) -> Result<Response, Failure> {
    caller.needs(&[Role::Agent, Role::Vault, Role::Person])?;
    let (at, length, complete) = match archive.uploads().progress(caller.signer, object).await? {
        Progress::Complete(length) => (length, Some(length), "?1"),
        Progress::Partial(at) => (at, None, "?0"),
        Progress::Missing => return Err(no_object()),
    };
    let mut response = StatusCode::OK.into_response();
    let headers = response.headers_mut();
    headers.insert(OFFSET, at.into());
    headers.insert(COMPLETE, HeaderValue::from_static(complete));
    if let Some(length) = length {
        headers.insert(LENGTH, length.into());
    }
    Ok(response)
}

/// `PATCH /objects/<hash>`
pub(super) async fn append(
    served: &Served,
    archive: &Archive,
    caller: &Caller,
    object: ObjectHash,
    headers: &HeaderMap,
    mut body: Body,
) -> Result<Response, Failure> {
    caller.needs(&[Role::Agent, Role::Vault, Role::Person])?;
    let (Some(mut offset), Some(length)) = (number(headers, &OFFSET), number(headers, &LENGTH))
    else {
        return Err(Failure::other(
            "upload-headers",
            400,
            "Upload-Offset and Upload-Length are needed, as decimals",
        ));
    };
    // LIMIT-1.
    if length == 0 || length > limit::OBJECT_BYTES {
        return Err(Failure::other(
            "too-large",
            413,
            "an object has 1 byte to 8 GiB",
        ));
    }
    let uploads = archive.uploads();
    if let Progress::Complete(kept) = uploads.progress(caller.signer, object).await? {
        return if kept == length {
            Ok(appended(kept))
        } else {
            Err(wrong_hash())
        };
    }
    let _turn = uploads.begin(caller.signer, object, offset, length).await?;
    while let Some(piece) = piece(&mut body, served.patience()).await? {
        let size = piece.len() as u64;
        let taken = served
            .gate()
            .bytes
            .take(caller.signer, size, served.clock().now());
        if taken.is_err() {
            // What came before stays; the client goes on from there.
            uploads.finish(caller.signer, object, length).await?;
            served.within(taken)?;
        }
        offset = uploads
            .append(caller.signer, object, offset, length, piece)
            .await?;
        Metrics::count(&served.metrics().object_bytes_in, size);
    }
    match uploads.finish(caller.signer, object, length).await? {
        Appended::Partial(at) => Ok(appended(at)),
        Appended::Complete => {
            Metrics::count(&served.metrics().objects, 1);
            Ok(appended(length))
        }
    }
}

/// `GET /objects/<hash>`
pub(super) async fn fetch(
    served: &Served,
    archive: &Archive,
    caller: &Caller,
    object: ObjectHash,
    headers: &HeaderMap,
) -> Result<Response, Failure> {
    caller.needs(&[Role::Vault, Role::Agent])?;
    // MAIL-1: of all objects, an agent may have those of mail to itself.
    if caller.role == Role::Agent && !archive.state().is_mail_to(caller.signer, object).await? {
        return Err(Failure::other(
            "not-allowed",
            403,
            "the object is not of mail to this agent",
        ));
    }
    let length = archive
        .objects()
        .length(object)
        .await?
        .ok_or_else(no_object)?;
    let asked = headers.get(header::RANGE).map(|range| {
        range
            .to_str()
            .ok()
            .and_then(|range| parse_range(range, length))
    });
    let (status, range) = match asked {
        None => (StatusCode::OK, 0..length),
        Some(Some(range)) => (StatusCode::PARTIAL_CONTENT, range),
        Some(None) => {
            return Err(Failure::other(
                "range",
                416,
                format!("the object has {length} bytes; one range of them is given"),
            ));
        }
    };
    let bytes = archive
        .objects()
        .read(object, range.clone())
        .await?
        .ok_or_else(no_object)?;
    let counted = served.clone();
    let bytes = bytes.inspect(move |piece| {
        if let Ok(piece) = piece {
            Metrics::count(&counted.metrics().object_bytes_out, piece.len() as u64);
        }
    });
    let mut response = (status, Body::from_stream(bytes)).into_response();
    let answer = response.headers_mut();
    answer.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/octet-stream"),
    );
    answer.insert(header::CONTENT_LENGTH, (range.end - range.start).into());
    answer.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if status == StatusCode::PARTIAL_CONTENT {
        let text = format!("bytes {}-{}/{length}", range.start, range.end - 1);
        if let Ok(text) = HeaderValue::from_str(&text) {
            answer.insert(header::CONTENT_RANGE, text);
        }
    }
    Ok(response)
}

/// One range of bytes (RFC 9110 §14.1.2), cut to the length; `None` when it can not be satisfied
/// or has another form.
fn parse_range(text: &str, length: u64) -> Option<Range<u64>> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let range = match (first, last) {
        ("", suffix) => length.saturating_sub(decimal(suffix)?)..length,
        (first, "") => decimal(first)?..length,
        (first, last) => decimal(first)?..decimal(last)?.checked_add(1)?.min(length),
    };
    (range.start < range.end).then_some(range)
}

fn number(headers: &HeaderMap, name: &HeaderName) -> Option<u64> {
    decimal(headers.get(name)?.to_str().ok()?)
}

/// Digits only: `parse` alone would take a sign.
fn decimal(text: &str) -> Option<u64> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}

fn appended(at: u64) -> Response {
    (StatusCode::NO_CONTENT, [(OFFSET, HeaderValue::from(at))]).into_response()
}

fn no_object() -> Failure {
    Failure::other("no-such-object", 404, "nothing of this object is here")
}

fn wrong_hash() -> Failure {
    Failure::other(
        "object-hash",
        422,
        "the bytes do not have the hash that names the object; they are discarded",
    )
}

impl From<AppendError> for Failure {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Offset { at } => Self::other(
                "upload-offset",
                409,
                format!("the upload stands at byte {at}"),
            )
            .with_offset(at),
            AppendError::TooLong => Self::other(
                "upload-length",
                400,
                "the bytes go beyond the announced length",
            ),
            AppendError::Hash => wrong_hash(),
            AppendError::Full => Self::too_busy(60),
            AppendError::Store(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_to_the_object() {
        assert_eq!(parse_range("bytes=0-9", 100), Some(0..10));
        assert_eq!(parse_range("bytes=90-", 100), Some(90..100));
        assert_eq!(parse_range("bytes=90-500", 100), Some(90..100));
        assert_eq!(parse_range("bytes=-10", 100), Some(90..100));
        assert_eq!(parse_range("bytes=-500", 100), Some(0..100));
        for wrong in [
            "bytes=100-",
            "bytes=5-4",
            "bytes=-0",
            "bytes=-",
            "bytes=a-b",
            "bytes=+1-2",
            "lines=1-2",
            "bytes=0-1,3-4",
            "",
        ] {
            assert_eq!(parse_range(wrong, 100), None, "{wrong}");
        }
    }
}
