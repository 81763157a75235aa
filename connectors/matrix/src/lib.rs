//! Matrix in normal form: events of rooms, as a second device sees them, become records.
//!
//! In scope: decrypted and plain timeline and state events, as a pure function.
//! Out of scope: sync, keys, decrypting, fetching files (the live connector).
//!
//! Identities: `mxid:@name:server`; a conversation is its room's id, an event its event id.
//! Start reading at [`normalize`]. Source of the format: Matrix client-server specification 1.x.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod event;
mod message;
mod state;

use connector::normal::{self, Capture, Gathered, NormalizeError, Normalized};
use connector::{Coverage, Extent, Fields, LeftInOriginal};
use record::{Kind, NetworkName};

/// What the device knows of an event beside its bytes.
#[derive(Clone, Copy, Default)]
pub struct Seen<'a> {
    /// The room that the event came in; events of a sync do not name it themselves.
    pub room: Option<&'a str>,
    /// The room's title, where the device knows it.
    pub title: Option<&'a str>,
    /// Whether the account marks the room as a conversation of two.
    pub direct: Option<bool>,
    /// Whether the event came encrypted and was decrypted by the device.
    pub decrypted: bool,
}

impl std::fmt::Debug for Seen<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Seen(decrypted: {})", self.decrypted)
    }
}

/// What stays in the original bytes alone.
pub const LEFT_IN_ORIGINAL: &[LeftInOriginal] = &[
    LeftInOriginal {
        path: "unsigned.age",
        reason: "how old the event was when it was delivered; other at each delivery",
    },
    LeftInOriginal {
        path: "unsigned.redacted_because.**",
        reason: "a copy of the redaction, which comes as an event of its own",
    },
    LeftInOriginal {
        path: "unsigned.m.relations.**",
        reason: "what the server has counted so far of events that come themselves",
    },
    LeftInOriginal {
        path: "content.ciphertext",
        reason: "could not be decrypted",
    },
    LeftInOriginal {
        path: "content.ciphertext.**",
        reason: "could not be decrypted",
    },
    LeftInOriginal {
        path: "content.offer.**",
        reason: "parameters of the call's transport, of no meaning outside it",
    },
    LeftInOriginal {
        path: "content.answer.**",
        reason: "parameters of the call's transport, of no meaning outside it",
    },
    LeftInOriginal {
        path: "content.candidates[].**",
        reason: "parameters of the call's transport, of no meaning outside it",
    },
];

/// What a second device of an account sees of each kind.
pub const COVERAGE: &[(Kind, Extent, &str)] = &[
    (
        Kind::Message,
        Extent::Captured,
        "clients may withhold keys from devices that the account has not verified; what was redacted before the first sync is empty",
    ),
    (Kind::Edit, Extent::Captured, ""),
    (
        Kind::Delete,
        Extent::Captured,
        "redactions, with their reason",
    ),
    (Kind::Reaction, Extent::Captured, ""),
    (Kind::Receipt, Extent::Captured, "public read receipts"),
    (
        Kind::Call,
        Extent::Captured,
        "signalling of calls between two; never sound or picture",
    ),
    (Kind::Membership, Extent::Captured, ""),
    (Kind::Change, Extent::Captured, "every state event"),
    (Kind::Poll, Extent::Captured, ""),
    (Kind::Consent, Extent::Impossible, "Matrix has none"),
    (
        Kind::Loss,
        Extent::Captured,
        "what could not be decrypted, or was redacted before it was read",
    ),
    (Kind::Roster, Extent::Captured, "from the room's members"),
    (Kind::Activity, Extent::Captured, "typing, verification"),
    (
        Kind::Account,
        Extent::Late,
        "the device was unlinked: from the connector's state",
    ),
    (
        Kind::Unknown,
        Extent::Captured,
        "other types of event are kept and marked",
    ),
];

/// [`COVERAGE`] as `hello` carries it.
#[must_use]
pub fn coverage() -> Vec<Coverage> {
    normal::coverage(COVERAGE)
}

/// Makes records of one event.
///
/// # Errors
///
/// When it is no JSON object within the limits; its connector records a loss.
pub fn normalize(
    capture: &Capture<'_>,
    seen: &Seen<'_>,
    event: &[u8],
) -> Result<Normalized, NormalizeError> {
    let value = normal::parse(event)?;
    let root = Fields::new(&value);
    let mut gathered = Gathered::new(event, &root);
    event::read(capture, seen, event, &root, &mut gathered);
    gathered.finish(LEFT_IN_ORIGINAL)
}

/// Any bytes as an event.
pub fn fuzz(data: &[u8]) {
    let _ = normal::exercise(
        NetworkName::MATRIX,
        "mxid:@bob:localhost",
        data,
        |capture, event| normalize(capture, &Seen::default(), event),
    );
}
