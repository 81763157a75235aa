//! WhatsApp through the Business Cloud API: Meta posts events to our listener.
//!
//! In scope: the connector that listens, checks signatures, fetches media and loses nothing
//! ([`run`]); every webhook as records, a pure function of its body ([`normalize`]).
//! Out of scope: keeping deliveries until the agent has them (`business`); chat exports (`imports`).
//!
//! Identities: a person is `bsuid:<business-scoped id>` where the webhook gives one, else
//! `wa:<number>`; the business's own number is `wa-number:<phone_number_id>`; a conversation is
//! its other side or `group:<id>`; what concerns the account stands under `waba:<id>`.
//! Start reading at [`normalize`]. Source of the format: Meta's Cloud API webhooks.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod account;
mod body;
mod calls;
mod live;
mod messages;
mod people;
mod webhook;

pub use live::{fuzz_door, run};

use connector::normal::{self, Capture, Gathered, NormalizeError, Normalized};
use connector::{Coverage, Extent, Fields, LeftInOriginal};
use record::{Kind, NetworkName};

/// What stays in the original bytes alone.
pub const LEFT_IN_ORIGINAL: &[LeftInOriginal] = &[
    LeftInOriginal {
        path: "entry[].changes[].value.calls[].session.sdp",
        reason: "parameters of the call's transport, of no meaning outside it",
    },
    LeftInOriginal {
        path: "entry[].changes[].value.calls[].connection.**",
        reason: "parameters of the call's transport, of no meaning outside it",
    },
];

/// What the Business Cloud API shows of each kind.
pub const COVERAGE: &[(Kind, Extent, &str)] = &[
    (
        Kind::Message,
        Extent::Captured,
        "what the employee sends from the phone comes as echoes; history of 180 days comes late, in chunks; no view-once",
    ),
    (Kind::Edit, Extent::Captured, "without the former text"),
    (
        Kind::Delete,
        Extent::Captured,
        "revoked for all; without the former text",
    ),
    (Kind::Reaction, Extent::Captured, ""),
    (
        Kind::Receipt,
        Extent::Captured,
        "of messages that the business sent",
    ),
    (
        Kind::Call,
        Extent::Captured,
        "signalling; never sound or picture",
    ),
    (
        Kind::Membership,
        Extent::Impossible,
        "this way in sees no groups of the app",
    ),
    (
        Kind::Change,
        Extent::Captured,
        "a contact's number or identity changed",
    ),
    (
        Kind::Poll,
        Extent::Withheld,
        "comes as an unsupported message, recorded as a loss",
    ),
    (
        Kind::Consent,
        Extent::Captured,
        "marketing preferences, permission to call",
    ),
    (
        Kind::Loss,
        Extent::Captured,
        "messages whose type the interface does not give",
    ),
    (
        Kind::Roster,
        Extent::Impossible,
        "this way in sees no groups of the app",
    ),
    (Kind::Activity, Extent::Withheld, "typing is not delivered"),
    (
        Kind::Account,
        Extent::Captured,
        "restrictions, quality, templates, numbers, contacts of the phone",
    ),
    (
        Kind::Unknown,
        Extent::Captured,
        "what a newer webhook adds is kept and marked",
    ),
];

/// [`COVERAGE`] as `hello` carries it.
#[must_use]
pub fn coverage() -> Vec<Coverage> {
    normal::coverage(COVERAGE)
}

/// Makes records of one webhook's body, whose signature was checked before.
///
/// # Errors
///
/// When it is no JSON object within the limits; its connector records a loss.
pub fn normalize(capture: &Capture<'_>, webhook: &[u8]) -> Result<Normalized, NormalizeError> {
    normalize_number(capture, None, webhook)
}

/// The same, without what names another number of the business than the one with that id.
///
/// # Errors
///
/// As [`normalize`].
pub fn normalize_number(
    capture: &Capture<'_>,
    number: Option<&str>,
    webhook: &[u8],
) -> Result<Normalized, NormalizeError> {
    let value = normal::parse(webhook)?;
    let root = Fields::new(&value);
    let mut gathered = Gathered::new(webhook, &root);
    webhook::read(capture, number, webhook, &root, &mut gathered);
    gathered.finish(LEFT_IN_ORIGINAL)
}

/// Any bytes as a webhook's body.
pub fn fuzz(data: &[u8]) {
    let _ = normal::exercise(
        NetworkName::WHATSAPP,
        "wa-number:1122334455667",
        data,
        normalize,
    );
}
