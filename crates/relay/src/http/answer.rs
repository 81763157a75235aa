//! Answers: problem documents (RFC 9457; PROBLEM-1) and CBOR.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use wire::api::CBOR_TYPE;
use wire::{PROBLEM_TYPE, Problem, Refusal, RefusalCode};

use crate::archive::SubmitError;
use crate::store::StoreError;
use crate::tiles::TilesError;

/// An answer that tells what went wrong.
#[derive(Debug)]
pub(crate) struct Failure {
    problem: Box<Problem>,
    retry_after: Option<u64>,
    upload_offset: Option<u64>,
}

impl Failure {
    pub(crate) fn other(name: &str, status: u16, detail: impl Into<String>) -> Self {
        Self {
            problem: Box::new(Problem::other(name, status, detail)),
            retry_after: None,
            upload_offset: None,
        }
    }

    /// A limit on a rate or a queue; worth to be tried again after so many seconds.
    pub(crate) fn too_busy(seconds: u64) -> Self {
        let refusal = Refusal::new(
            RefusalCode::TooBusy,
            "a limit of the relay is reached; try again later",
        );
        Self {
            retry_after: Some(seconds.max(1)),
            ..Self::from(refusal)
        }
    }

    /// The refusal of the entry at this place of its bundle.
    pub(crate) fn at(refusal: &Refusal, position: usize) -> Self {
        let problem = Problem::of_refusal(refusal, u64::try_from(position).ok());
        Self {
            problem: Box::new(problem),
            retry_after: None,
            upload_offset: None,
        }
    }

    pub(crate) fn unavailable() -> Self {
        let mut failure = Self::other(
            "unavailable",
            503,
            "a store of the relay fails; nothing is lost, try again",
        );
        failure.retry_after = Some(1);
        failure
    }

    pub(crate) fn with_offset(mut self, offset: u64) -> Self {
        self.upload_offset = Some(offset);
        self
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let problem = Problem::of_refusal(&refusal, None);
        Self {
            problem: Box::new(problem),
            retry_after: None,
            upload_offset: None,
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        tracing::warn!(%error, "a store failed");
        Self::unavailable()
    }
}

impl From<TilesError> for Failure {
    fn from(error: TilesError) -> Self {
        tracing::warn!(%error, "the log could not be read");
        Self::unavailable()
    }
}

impl From<crate::state::StateError> for Failure {
    fn from(error: crate::state::StateError) -> Self {
        tracing::warn!(%error, "the database could not be read");
        Self::unavailable()
    }
}

impl From<SubmitError> for Failure {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Busy => Self::too_busy(1),
            SubmitError::Unavailable => Self::unavailable(),
            SubmitError::Stopped => Self::other(
                "stopped",
                503,
                "the archive has stopped with an alarm; its operator must look",
            ),
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.problem.status())
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, self.problem.to_bytes()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_TYPE));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if let Some(offset) = self.upload_offset {
            headers.insert(HeaderName::from_static("upload-offset"), offset.into());
        }
        response
    }
}

/// A CBOR answer.
pub(super) fn cbor(bytes: Vec<u8>) -> Response {
    (
        [(header::CONTENT_TYPE, HeaderValue::from_static(CBOR_TYPE))],
        bytes,
    )
        .into_response()
}
