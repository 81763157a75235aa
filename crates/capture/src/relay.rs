//! What submission needs of a relay.

use bytes::Bytes;
use client::{CallError, RelayClient};
use tlog::{LogIndex, Tile};
use wire::api::{ControlPage, LoggedLeaf, MailPage, PostAnswer, SignerAnswer};
use wire::{ControlNumber, Entry, ObjectHash, Refusal, RefusalCode, SignerId};

use crate::spool::ObjectPlace;

/// A relay, as an agent uses it. What comes back is not verified.
pub trait Relay: Send + Sync {
    /// Uploads an object from where an earlier attempt stopped; returns only when the relay keeps
    /// it durably.
    fn upload(
        &self,
        object: ObjectHash,
        place: ObjectPlace,
    ) -> impl Future<Output = Result<(), RelayFailure>> + Send;

    /// Posts 1 to 64 entries in ascending order; returns only when the admitted ones stand in a
    /// published checkpoint. A refusal, also of the first, stands in the answer.
    fn post(
        &self,
        entries: &[Entry],
    ) -> impl Future<Output = Result<PostAnswer, RelayFailure>> + Send;

    /// Control entries from that number on, at most 256.
    fn control(
        &self,
        from: ControlNumber,
    ) -> impl Future<Output = Result<ControlPage, RelayFailure>> + Send;

    /// The newest `stored` entry.
    fn stored(&self) -> impl Future<Output = Result<Option<LoggedLeaf>, RelayFailure>> + Send;

    /// The newest `head` entry. A relay that has none has none.
    fn head(&self) -> impl Future<Output = Result<Option<LoggedLeaf>, RelayFailure>> + Send {
        async { Ok(None) }
    }

    /// A tile of the log.
    fn tile(&self, tile: Tile) -> impl Future<Output = Result<Vec<u8>, RelayFailure>> + Send;

    /// Mail to this agent from that log index on, at most 64. A relay that carries none has none.
    fn mail(&self, _from: LogIndex) -> impl Future<Output = Result<MailPage, RelayFailure>> + Send {
        async { Ok(MailPage::new(Vec::new())) }
    }

    /// The whole object of mail to this agent.
    fn mail_object(
        &self,
        _object: ObjectHash,
    ) -> impl Future<Output = Result<Vec<u8>, RelayFailure>> + Send {
        async {
            Err(RelayFailure::Refused(Refusal::new(
                RefusalCode::ObjectMissing,
                "no mail",
            )))
        }
    }

    /// Where a signer's chain stands.
    fn signer(
        &self,
        signer: SignerId,
    ) -> impl Future<Output = Result<SignerAnswer, RelayFailure>> + Send;
}

/// Why a relay did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RelayFailure {
    /// It refused for a reason of the closed list.
    #[error("the relay refused")]
    Refused(#[source] Refusal),
    /// It says that it does not know this agent, or knows it as revoked.
    #[error("the relay does not take this agent")]
    Denied(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It was not reached, or can not do it now.
    #[error("the relay can not be used now")]
    Unavailable {
        /// Milliseconds that it asks to wait.
        retry_after: Option<u32>,
        /// What happened.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl From<CallError> for RelayFailure {
    fn from(error: CallError) -> Self {
        if let Some(refusal) = error.refusal() {
            return Self::Refused(refusal);
        }
        if matches!(&error, CallError::Problem { problem, .. } if problem.name() == "unknown-signer")
        {
            return Self::Denied(Box::new(error));
        }
        Self::Unavailable {
            retry_after: error
                .retry_after()
                .map(|wait| u32::try_from(wait.as_millis()).unwrap_or(u32::MAX)),
            source: Box::new(error),
        }
    }
}

impl RelayFailure {
    /// Whether the relay says that this agent may not deliver at all: not enrolled, or revoked.
    pub fn is_denial(&self) -> bool {
        match self {
            Self::Denied(_) => true,
            Self::Refused(refusal) => is_denial(refusal.code()),
            Self::Unavailable { .. } => false,
        }
    }
}

/// Refusals that concern whoever submits, by what the control chain says of them.
pub(crate) fn is_denial(code: RefusalCode) -> bool {
    matches!(code, RefusalCode::UnknownSigner | RefusalCode::Revoked)
}

impl Relay for RelayClient {
    async fn upload(&self, object: ObjectHash, place: ObjectPlace) -> Result<(), RelayFailure> {
        match place {
            ObjectPlace::Bytes(bytes) => self.upload_object(object, Bytes::from(bytes)).await?,
            ObjectPlace::File(path) => self.upload_file(object, &path).await?,
        }
        Ok(())
    }

    async fn post(&self, entries: &[Entry]) -> Result<PostAnswer, RelayFailure> {
        match self.post_entries(entries).await.map_err(RelayFailure::from) {
            Err(RelayFailure::Refused(refusal)) => Ok(PostAnswer::new(Vec::new(), Some(refusal))),
            other => other,
        }
    }

    async fn control(&self, from: ControlNumber) -> Result<ControlPage, RelayFailure> {
        Ok(Self::control(self, from).await?)
    }

    async fn stored(&self) -> Result<Option<LoggedLeaf>, RelayFailure> {
        Ok(Self::stored(self).await?)
    }

    async fn head(&self) -> Result<Option<LoggedLeaf>, RelayFailure> {
        Ok(Self::head(self).await?)
    }

    async fn tile(&self, tile: Tile) -> Result<Vec<u8>, RelayFailure> {
        Ok(Self::tile(self, tile).await?)
    }

    async fn mail(&self, from: LogIndex) -> Result<MailPage, RelayFailure> {
        Ok(Self::mail(self, from).await?)
    }

    async fn mail_object(&self, object: ObjectHash) -> Result<Vec<u8>, RelayFailure> {
        Ok(Self::mail_object(self, object).await?)
    }

    async fn signer(&self, signer: SignerId) -> Result<SignerAnswer, RelayFailure> {
        Ok(self.signer_state(signer).await?)
    }
}
