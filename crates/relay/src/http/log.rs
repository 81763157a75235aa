//! Reading the log.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use tlog::{Bundle, Tile};
use wire::api::{BYTES_TYPE, ControlPage, LoggedLeaf, MailPage, SignerAnswer, TEXT_TYPE};
use wire::{ControlNumber, Role, SignerId, limit};

use super::Failure;
use super::answer::cbor;
use super::signed::Caller;
use crate::archive::Archive;

pub(super) fn checkpoint(archive: &Archive) -> Result<Response, Failure> {
    let checkpoint = archive.checkpoint().ok_or_else(no_log)?;
    Ok(([(header::CONTENT_TYPE, TEXT_TYPE)], checkpoint).into_response())
}

pub(super) async fn tile(archive: &Archive, tile: Tile) -> Result<Response, Failure> {
    let size = archive.published_size();
    if Tile::in_tree(tile.level(), tile.index(), size)
        .is_none_or(|newest| newest.width() < tile.width())
    {
        return Err(not_there());
    }
    Ok(bytes(archive.tiles().tile(tile, size).await?))
}

pub(super) async fn bundle(archive: &Archive, bundle: Bundle) -> Result<Response, Failure> {
    let size = archive.published_size();
    if Bundle::in_tree(bundle.index(), size).is_none_or(|newest| newest.width() < bundle.width()) {
        return Err(not_there());
    }
    Ok(bytes(archive.tiles().bundle(bundle, size).await?))
}

pub(super) async fn control(archive: &Archive, from: ControlNumber) -> Result<Response, Failure> {
    let places = archive
        .state()
        .control(from, limit::CONTROL_ENTRIES)
        .await?;
    let entries = archive
        .proved(places)
        .await?
        .into_iter()
        .map(logged)
        .collect();
    Ok(cbor(ControlPage::new(entries).to_bytes()))
}

/// Only the signer itself and the vault: the numbers tell how much somebody writes.
pub(super) fn signer(
    archive: &Archive,
    caller: &Caller,
    signer: SignerId,
) -> Result<Response, Failure> {
    if caller.signer != signer {
        caller.needs(&[Role::Vault])?;
    }
    let unknown = || Failure::other("unknown-signer", 404, "the signer is not known");
    let state = archive.directory().signer(&signer).ok_or_else(unknown)?;
    Ok(cbor(
        SignerAnswer {
            next: state.next(),
            last: state.last(),
        }
        .to_bytes(),
    ))
}

/// MAIL-1: what is addressed to the caller.
pub(super) async fn mail(
    archive: &Archive,
    caller: &Caller,
    from: tlog::LogIndex,
) -> Result<Response, Failure> {
    caller.needs(&[Role::Agent])?;
    let places = archive
        .state()
        .mail(caller.signer, from, limit::MAIL_ENTRIES)
        .await?;
    let entries = archive.proved(places).await?;
    let entries = entries.into_iter().map(logged).collect();
    Ok(cbor(MailPage::new(entries).to_bytes()))
}

pub(super) async fn stored(archive: &Archive) -> Result<Response, Failure> {
    let nothing = || {
        Failure::other(
            "nothing-stored",
            404,
            "the vault has not said yet what it holds",
        )
    };
    let place = archive.state().stored().await?.ok_or_else(nothing)?;
    one(archive, place, nothing).await
}

/// The newest signed head of the control chain.
pub(super) async fn head(archive: &Archive) -> Result<Response, Failure> {
    let nobody = || Failure::other("no-head", 404, "nobody has signed the control chain's head");
    let place = archive.state().signed_head().await?.ok_or_else(nobody)?;
    one(archive, place, nobody).await
}

async fn one(
    archive: &Archive,
    place: tlog::LogIndex,
    none: impl FnOnce() -> Failure,
) -> Result<Response, Failure> {
    archive.published_past(place).await;
    let proved = archive.proved(vec![place]).await?.pop();
    let entry = proved.ok_or_else(none)?;
    Ok(cbor(logged(entry).to_bytes()))
}

fn logged((index, leaf, proof): (tlog::LogIndex, bytes::Bytes, String)) -> LoggedLeaf {
    LoggedLeaf {
        index,
        leaf: leaf.to_vec(),
        proof,
    }
}

fn bytes(bytes: bytes::Bytes) -> Response {
    ([(header::CONTENT_TYPE, BYTES_TYPE)], bytes).into_response()
}

fn no_log() -> Failure {
    Failure::other("no-log", 404, "the archive has no genesis yet")
}

fn not_there() -> Failure {
    Failure::other("no-such-tile", 404, "the log does not reach so far")
}
