//! Invitations and the requests under them (WAIT-1 to WAIT-5).

use axum::body::Body;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use tlog::LogIndex;
use wire::waiting::{InvitationAnswer, InvitationTerms, RequestId, RequestState, WaitingRequests};
use wire::{Body as EntryBody, Leaf, PublicKey, Role, limit};

use super::answer::cbor;
use super::body::whole;
use super::signed::{Caller, Nonces, authentic};
use super::{Failure, Served};
use crate::archive::Archive;
use crate::metrics::Metrics;
use crate::waiting::{Invited, WaitingError};

/// Who has shown to hold an invitation's code.
#[derive(Debug, Clone, Copy)]
pub(super) struct Holder {
    key: PublicKey,
    invited: Invited,
}

impl Holder {
    /// WAIT-1: the invitation stands, and the request is signed by its key.
    pub(super) async fn of(
        served: &Served,
        archive: &Archive,
        nonces: &Nonces,
        parts: &Parts,
        target: &str,
        key: PublicKey,
    ) -> Result<Self, Failure> {
        let now = served.clock().now();
        let invited = archive
            .waiting()
            .invitation(key, now)
            .await?
            .ok_or_else(no_invitation)?;
        let known = |signer: &wire::SignerId| (*signer == key.signer_id()).then_some((key, ()));
        authentic(served, archive, nonces, parts, target, known)?;
        Ok(Self { key, invited })
    }
}

/// `PUT /invitations/<key>?until=…&agents=…`
pub(super) async fn open(
    served: &Served,
    archive: &Archive,
    caller: &Caller,
    key: PublicKey,
    terms: InvitationTerms,
) -> Result<Response, Failure> {
    caller.needs(&[Role::Vault])?;
    let now = served.clock().now();
    // WAIT-2.
    let ends = terms.until.since(now);
    if !(1..=limit::INVITATION_MS).contains(&ends)
        || !(1..=limit::INVITATION_AGENTS).contains(&terms.agents)
    {
        return Err(Failure::other(
            "invitation-terms",
            400,
            "an invitation is for 1 to 16 agents and ends within 31 days",
        ));
    }
    archive.waiting().open_invitation(key, terms, now).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `DELETE /invitations/<key>`
pub(super) async fn close(
    served: &Served,
    archive: &Archive,
    caller: &Caller,
    key: PublicKey,
) -> Result<Response, Failure> {
    caller.needs(&[Role::Vault])?;
    let now = served.clock().now();
    if archive.waiting().close_invitation(key, now).await? {
        Ok(StatusCode::NO_CONTENT.into_response())
    } else {
        Err(no_invitation())
    }
}

/// `GET /invitations/<key>`
pub(super) async fn standing(archive: &Archive, holder: Holder) -> Result<Response, Failure> {
    let no_log = || Failure::other("no-log", 404, "the archive has no genesis yet");
    let mut first = archive.proved(vec![LogIndex::new(0)]).await?;
    let (_, leaf, _) = first.pop().ok_or_else(no_log)?;
    let leaf = Leaf::parse(&leaf).map_err(|_| no_log())?;
    let EntryBody::Genesis(genesis) = leaf.entry().body() else {
        return Err(no_log());
    };
    let answer = InvitationAnswer {
        genesis: genesis.to_bytes(),
        until: holder.invited.terms.until,
        requests: archive.waiting().standings(holder.key).await?,
    };
    Ok(cbor(answer.to_bytes()))
}

/// `PUT /invitations/<key>/<request id>`
pub(super) async fn ask(
    served: &Served,
    archive: &Archive,
    holder: Holder,
    request: RequestId,
    body: Body,
) -> Result<Response, Failure> {
    let sealed = whole(body, limit::REQUEST_BYTES, served.patience()).await?;
    if sealed.is_empty() || RequestId::of(&sealed) != request {
        return Err(Failure::other(
            "request-hash",
            422,
            "the bytes do not have the hash that names the request",
        ));
    }
    let now = served.clock().now();
    if archive
        .waiting()
        .ask(holder.key, holder.invited, sealed.to_vec(), now)
        .await?
    {
        Metrics::count(&served.metrics().enrolments_asked, 1);
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `GET /requests`
pub(super) async fn list(
    served: &Served,
    archive: &Archive,
    caller: &Caller,
) -> Result<Response, Failure> {
    caller.needs(&[Role::Vault])?;
    let waiting = archive.waiting().waiting(served.clock().now()).await?;
    Ok(cbor(WaitingRequests::new(waiting).to_bytes()))
}

/// `DELETE /invitations/<key>/<request id>?answer=…`
pub(super) async fn answer(
    served: &Served,
    archive: &Archive,
    caller: &Caller,
    key: PublicKey,
    request: RequestId,
    state: RequestState,
) -> Result<Response, Failure> {
    caller.needs(&[Role::Vault])?;
    let now = served.clock().now();
    if archive.waiting().answer(key, request, state, now).await? {
        Metrics::count(&served.metrics().enrolments_answered, 1);
        Ok(StatusCode::NO_CONTENT.into_response())
    } else {
        Err(Failure::other(
            "no-such-request",
            404,
            "no such request waits",
        ))
    }
}

fn no_invitation() -> Failure {
    Failure::other(
        "no-such-invitation",
        404,
        "no such invitation stands; it may have ended",
    )
}

impl From<WaitingError> for Failure {
    fn from(error: WaitingError) -> Self {
        match error {
            WaitingError::Stands => Self::other(
                "invitation-stands",
                409,
                "the invitation stands with other terms",
            ),
            WaitingError::Full => Self::too_busy(600),
            WaitingError::State(error) => error.into(),
        }
    }
}
