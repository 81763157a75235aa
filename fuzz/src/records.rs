//! Canonical encoding and records.

use canonical::private::minicbor::bytes::ByteVec;
use record::{Attachment, NetworkName, ParticipantId, Record, TextId};

use crate::same;

/// CBOR-1 to CBOR-3, and decoding to a structure of lists.
pub fn canonical_bytes(data: &[u8]) {
    let checked = canonical::check(data);
    if let Ok(strings) = canonical::from_bytes::<Vec<ByteVec>>(data) {
        assert!(checked.is_ok(), "decoded, but not canonical");
        same(&canonical::to_bytes(&strings), data);
    }
}

/// A record in parts: a list of byte strings, first the four parts, then attachments.
pub fn record_parts(data: &[u8]) {
    let Ok(parts) = canonical::from_bytes::<Vec<ByteVec>>(data) else {
        return;
    };
    let [envelope, participants, body, original, attachments @ ..] = parts.as_slice() else {
        return;
    };
    let attachments: Option<Vec<Attachment>> = attachments
        .iter()
        .map(|part| canonical::from_bytes(part).ok())
        .collect();
    let Some(attachments) = attachments else {
        return;
    };
    let Ok(record) = Record::from_parts([envelope, participants, body, original], attachments)
    else {
        return;
    };
    for (written, read) in record.parts().into_vecs().iter().zip(&parts) {
        same(written, read);
    }
}

/// Ids as texts.
pub fn record_ids(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let network = NetworkName::new(text);
    assert!(network.is_err() || data.len() <= 32, "too long a network");
    if ParticipantId::parse(text).is_ok() {
        assert!(text.contains(':'), "a participant without scheme");
    }
    if TextId::new(text).is_ok() {
        assert!((1..=512).contains(&data.len()), "an id of another length");
    }
}
