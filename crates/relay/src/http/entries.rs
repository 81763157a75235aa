//! `POST /entries` (RELAY-1).

use axum::body::Body;
use axum::response::Response;
use wire::api::PostAnswer;
use wire::limit;

use super::answer::cbor;
use super::body::whole;
use super::{Failure, Served};
use crate::archive::Archive;
use crate::prepare::Prepared;

/// The entries' own signatures admit: no caller is asked for.
pub(super) async fn post(
    served: &Served,
    archive: &Archive,
    body: Body,
) -> Result<Response, Failure> {
    let bundle = whole(body, limit::BUNDLE_BYTES, served.patience()).await?;
    let prepared = Prepared::parse(&bundle, archive.id());
    if let Some(signer) = prepared.signer {
        // Only signers that are known have a bucket: strangers could fill any number of them, and
        // are held by their address.
        if archive.directory().signer(&signer).is_some() {
            let now = served.clock().now();
            served.within(served.gate().entries.take(
                signer,
                prepared.entries.len() as u64,
                now,
            ))?;
            served.within(served.gate().bytes.take(signer, bundle.len() as u64, now))?;
        }
    }
    let submitted = archive.submit_prepared(prepared).await?;
    match &submitted.refused {
        Some(refusal) if submitted.receipts.is_empty() => Err(Failure::at(refusal, 0)),
        _ => Ok(cbor(
            PostAnswer::new(submitted.receipts, submitted.refused).to_bytes(),
        )),
    }
}
