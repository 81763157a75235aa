//! Enrolment requests that wait at the relay, and mail to the caller.

use bytes::Bytes;
use reqwest::Method;
use tlog::LogIndex;
use wire::api::{MailPage, Route};
use wire::waiting::{
    InvitationAnswer, InvitationTerms, RequestId, RequestState, WaitingRequest, WaitingRequests,
};
use wire::{ObjectHash, PublicKey, limit};

use futures_util::StreamExt as _;

use crate::call::{RelayClient, sent};
use crate::error::CallError;

/// Largest object of mail that is read, in bytes: its content is below 4 MiB.
const MAIL_OBJECT: usize = 8 << 20;

impl RelayClient {
    /// Opens an invitation under its public key (WAIT-2). For a vault.
    ///
    /// # Errors
    ///
    /// When the call fails, or the invitation stands with other terms.
    pub async fn open_invitation(
        &self,
        key: PublicKey,
        terms: InvitationTerms,
    ) -> Result<(), CallError> {
        self.change(Method::PUT, &Route::OpenInvitation(key, terms), None)
            .await
    }

    /// Forgets an invitation and all that waits under it. For a vault.
    ///
    /// # Errors
    ///
    /// When the call fails, or it does not stand.
    pub async fn close_invitation(&self, key: PublicKey) -> Result<(), CallError> {
        self.change(Method::DELETE, &Route::Invitation(key), None)
            .await
    }

    /// What the holder of an invitation may know; this client's key is the invitation's.
    ///
    /// # Errors
    ///
    /// When the call fails; 404 `no-such-invitation` if it does not stand.
    pub async fn invitation(&self, key: PublicKey) -> Result<InvitationAnswer, CallError> {
        let answer = self
            .get(&Route::Invitation(key), limit::ANSWER_BYTES)
            .await?;
        InvitationAnswer::parse(&answer).map_err(CallError::Answer)
    }

    /// Leaves a sealed request under an invitation; returns once it is durable. Again is the same.
    ///
    /// # Errors
    ///
    /// When the call fails, or too much waits already.
    pub async fn ask_enrolment(
        &self,
        key: PublicKey,
        sealed: Vec<u8>,
    ) -> Result<RequestId, CallError> {
        let request = RequestId::of(&sealed);
        self.change(
            Method::PUT,
            &Route::Request(key, request),
            Some(Bytes::from(sealed)),
        )
        .await?;
        Ok(request)
    }

    /// What waits, oldest first, at most 256. For a vault.
    ///
    /// # Errors
    ///
    /// When the call fails or the answer is not understood.
    pub async fn waiting_requests(&self) -> Result<Vec<WaitingRequest>, CallError> {
        let answer = self.get(&Route::Requests, limit::ANSWER_BYTES).await?;
        WaitingRequests::parse(&answer)
            .map(WaitingRequests::into_requests)
            .map_err(CallError::Answer)
    }

    /// Answers a request that waits (WAIT-5). For a vault.
    ///
    /// # Errors
    ///
    /// When the call fails; 404 `no-such-request` if it does not wait.
    pub async fn answer_request(
        &self,
        key: PublicKey,
        request: RequestId,
        state: RequestState,
    ) -> Result<(), CallError> {
        self.change(
            Method::DELETE,
            &Route::AnswerRequest(key, request, state),
            None,
        )
        .await
    }

    /// Mail entries to this signer from a log index on, at most 64, each with its proof (MAIL-1).
    ///
    /// # Errors
    ///
    /// When the call fails or the answer is not understood.
    pub async fn mail(&self, from: LogIndex) -> Result<MailPage, CallError> {
        let answer = self.get(&Route::Mail(from), limit::ANSWER_BYTES).await?;
        MailPage::parse(&answer).map_err(CallError::Answer)
    }

    /// The sealed object of mail to this signer, whole. It is the right one only if it has the hash.
    ///
    /// # Errors
    ///
    /// When the call fails or the object is larger than mail can be.
    pub async fn mail_object(&self, object: ObjectHash) -> Result<Vec<u8>, CallError> {
        let mut pieces = self.fetch_object(object, None).await?;
        let mut bytes = Vec::new();
        while let Some(piece) = pieces.next().await {
            let piece = piece?;
            if bytes.len() + piece.len() > MAIL_OBJECT {
                return Err(CallError::TooLong(MAIL_OBJECT));
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }

    async fn change(
        &self,
        method: Method,
        route: &Route,
        body: Option<Bytes>,
    ) -> Result<(), CallError> {
        let mut request = self.request(method, route, None)?;
        if let Some(body) = body {
            request = request.body(body);
        }
        sent(request).await.map(|_| ())
    }
}
