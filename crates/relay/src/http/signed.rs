//! Who asks: signed requests, each once (READ-1).

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, PoisonError};

use axum::http::request::Parts;
use canonical::Milliseconds;
use wire::api::{UPLOAD_LENGTH, UPLOAD_OFFSET};
use wire::request::{
    AuthenticRequest, Request, RequestError, RequestNonce, SIGNED_HEADER, SignedHeader,
};
use wire::{PublicKey, Role, SignerId, limit};

use super::{Failure, Served};
use crate::archive::Archive;

/// An enrolled signer that has proved itself with this request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caller {
    pub(super) signer: SignerId,
    pub(super) role: Role,
}

impl Caller {
    pub(super) fn needs(&self, roles: &[Role]) -> Result<(), Failure> {
        if roles.contains(&self.role) {
            Ok(())
        } else {
            Err(Failure::other(
                "not-allowed",
                403,
                "the signer's role does not cover this call",
            ))
        }
    }
}

/// Checks the header of a request. Strangers cost no signature verification.
pub(super) fn signed(
    served: &Served,
    archive: &Archive,
    nonces: &Nonces,
    parts: &Parts,
    target: &str,
) -> Result<Caller, Failure> {
    let now = served.clock().now();
    let known = |signer: &SignerId| archive.directory().reader(signer, now);
    let (signer, role) = authentic(served, archive, nonces, parts, target, known)?;
    Ok(Caller { signer, role })
}

/// Checks the header of a request that also a revoked signer may make (READ-2): it has no role then.
pub(super) fn signed_by_known(
    served: &Served,
    archive: &Archive,
    nonces: &Nonces,
    parts: &Parts,
    target: &str,
) -> Result<Caller, Failure> {
    let now = served.clock().now();
    let known = |signer: &SignerId| archive.directory().learner(signer, now);
    let (signer, role) = authentic(served, archive, nonces, parts, target, known)?;
    Ok(Caller { signer, role })
}

/// Checks the header of a request whose signer `known` knows: its key and what else is to be known.
pub(super) fn authentic<T>(
    served: &Served,
    archive: &Archive,
    nonces: &Nonces,
    parts: &Parts,
    target: &str,
    known: impl FnOnce(&SignerId) -> Option<(PublicKey, T)>,
) -> Result<(SignerId, T), Failure> {
    let text = |name: &str| {
        parts
            .headers
            .get(name)
            .map_or(Some(""), |value| value.to_str().ok())
    };
    let header = text(SIGNED_HEADER).filter(|header| !header.is_empty());
    let header = header.ok_or_else(|| {
        Failure::other("not-signed", 401, "the call carries a Greffe-Signed header")
    })?;
    let (Some(upload_offset), Some(upload_length)) = (text(UPLOAD_OFFSET), text(UPLOAD_LENGTH))
    else {
        return Err(Failure::other(
            "upload-headers",
            400,
            "the upload headers are decimals",
        ));
    };
    let header = SignedHeader::parse(header).map_err(refused)?;
    let now = served.clock().now();
    let (key, facts) = known(&header.signer()).ok_or_else(|| {
        Failure::other(
            "unknown-signer",
            403,
            "the signer is not enrolled, or revoked",
        )
    })?;
    served.within(served.gate().requests.take(header.signer(), 1, now))?;
    let request = Request {
        archive: archive.id(),
        method: parts.method.as_str(),
        target,
        upload_offset,
        upload_length,
    };
    let authentic = header.verify(&request, now, &key).map_err(refused)?;
    nonces.take(&authentic, now)?;
    Ok((authentic.signer(), facts))
}

fn refused(error: RequestError) -> Failure {
    match error {
        RequestError::Time(_) => Failure::other("request-time", 401, error.to_string()),
        _ => Failure::other("not-signed", 401, error.to_string()),
    }
}

/// The nonces of the last minutes. They are not stored: what was signed before the relay started may
/// have been taken by the one before it, and is refused.
#[derive(Debug)]
pub(super) struct Nonces {
    most: usize,
    started: Milliseconds,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: HashSet<(SignerId, RequestNonce)>,
    /// By the time after which their request would be too old anyway.
    until: BTreeMap<i64, Vec<(SignerId, RequestNonce)>>,
}

impl Nonces {
    pub(super) fn new(most: usize, started: Milliseconds) -> Self {
        Self {
            most,
            started,
            taken: Mutex::default(),
        }
    }

    fn take(&self, request: &AuthenticRequest, now: Milliseconds) -> Result<(), Failure> {
        // READ-1.
        if request.time() < self.started {
            return Err(Failure::other(
                "request-time",
                401,
                "the request was signed before this relay started: sign it again",
            ));
        }
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.forget_before(now);
        let nonce = (request.signer(), request.nonce());
        if taken.all.contains(&nonce) {
            return Err(Failure::other(
                "replayed",
                401,
                "the request was made before",
            ));
        }
        // Forgetting one early would let it be replayed.
        if taken.all.len() >= self.most {
            return Err(Failure::too_busy(60));
        }
        taken.all.insert(nonce);
        let until = request.time().plus(limit::REQUEST_WINDOW_MS).get();
        taken.until.entry(until).or_default().push(nonce);
        Ok(())
    }
}

impl Taken {
    fn forget_before(&mut self, now: Milliseconds) {
        let kept = self.until.split_off(&now.get());
        for nonce in std::mem::replace(&mut self.until, kept)
            .into_values()
            .flatten()
        {
            self.all.remove(&nonce);
        }
    }
}
