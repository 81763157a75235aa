//! Why a call to a relay did not do what it should.

use std::time::Duration;

use wire::api::{AnswerError, PostError};
use wire::{Problem, Refusal};

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The relay was not reached, is not the pinned one, or the connection broke.
    #[error("the relay could not be reached")]
    Unreachable(#[source] reqwest::Error),
    /// The relay answered with a problem.
    #[error("the relay answered {status}: {name}: {detail}", status = .problem.status(), name = .problem.name(), detail = .problem.detail())]
    Problem {
        /// The problem document.
        problem: Box<Problem>,
        /// How long the relay asks to wait before the next attempt.
        retry_after: Option<Duration>,
    },
    /// The relay answered with a status and no document that says why.
    #[error("the relay answered {0} without saying why")]
    Status(u16),
    /// The answer is not what the call gives.
    #[error("the relay's answer is not understood")]
    Answer(#[source] AnswerError),
    /// The answer is longer than any that is right.
    #[error("the relay's answer is longer than the {0} bytes that are read")]
    TooLong(usize),
    /// The answer lacks a header or has another length than asked for.
    #[error("the relay's answer lacks {0}")]
    Incomplete(&'static str),
    /// The entries make no bundle.
    #[error("the entries make no bundle")]
    Bundle(#[source] PostError),
    /// The file to upload can not be read.
    #[error("the object can not be read")]
    Read(#[source] std::io::Error),
    /// Another request moves the same upload on, again and again.
    #[error("the upload does not get on: it stands at byte {0}")]
    Stuck(u64),
    /// The machine gave no randomness.
    #[error("no random bytes for the request")]
    Random,
    /// The relay's address can not be used.
    #[error("the relay's address can not be used")]
    Address(#[source] reqwest::Error),
    /// No TLS with that pin.
    #[error("no TLS for the relay")]
    Tls(#[source] rustls::Error),
}

impl CallError {
    /// The refusal of the closed list that the relay answered with.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Problem { problem, .. } => problem.refusal(),
            _ => None,
        }
    }

    /// The HTTP status of the answer, if there was one.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Problem { problem, .. } => Some(problem.status()),
            Self::Status(status) => Some(*status),
            _ => None,
        }
    }

    /// Whether the same call may work later as it is: the network, a limit, a store of the relay.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable(_)
            | Self::Stuck(_)
            | Self::Random
            | Self::TooLong(_)
            | Self::Incomplete(_) => true,
            _ => matches!(self.status(), Some(408 | 429 | 500..=599)),
        }
    }

    /// How long the relay asks to wait.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Problem { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}
