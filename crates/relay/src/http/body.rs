//! Reading bodies: in pieces, within a size, and never waiting for ever.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use tokio::time::timeout;

use super::Failure;

/// The next piece of data; `None` at the end.
pub(crate) async fn piece(body: &mut Body, patience: Duration) -> Result<Option<Bytes>, Failure> {
    loop {
        match timeout(patience, body.frame()).await {
            Ok(Some(Ok(frame))) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
            Ok(None) => return Ok(None),
            Ok(Some(Err(_))) => return Err(Failure::other("body", 400, "the body was cut off")),
            Err(_) => {
                return Err(Failure::other(
                    "body",
                    408,
                    "the next piece of the body did not come in time",
                ));
            }
        }
    }
}

/// A whole body of at most `most` bytes.
pub(crate) async fn whole(
    mut body: Body,
    most: usize,
    patience: Duration,
) -> Result<Bytes, Failure> {
    let too_large = || {
        Failure::other(
            "too-large",
            413,
            format!("the body has more than {most} bytes"),
        )
    };
    let announced = axum::body::HttpBody::size_hint(&body).lower();
    if announced > most as u64 {
        return Err(too_large());
    }
    let mut bytes = BytesMut::new();
    while let Some(piece) = piece(&mut body, patience).await? {
        if bytes.len() + piece.len() > most {
            return Err(too_large());
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes.freeze())
}
