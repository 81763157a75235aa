//! Signal through signal-cli, a linked device that runs as an unmodified child.
//!
//! In scope: running signal-cli and losing nothing of what it says ([`run`]: link, journal, files,
//! groups, notices, losses), and every one of its notifications as records ([`normalize`], a pure
//! function).
//! Out of scope: Signal's own protocol (signal-cli's), sealing and keeping (the agent's).
//!
//! Identities: an account is `aci:<uuid>` (`tel:<number>` where no id is given), a message is
//! `<author>/<sent timestamp>`, a direct conversation is its other side, a group `group:<id>`.
//! Start reading at [`normalize`]. Source of the format: signal-cli's JSON output.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod data;
mod envelope;
mod guard;
mod journal;
mod live;
mod people;
mod system;

pub use guard::{GuardCommand, become_guarded};
pub use live::run;

use connector::normal::{self, Capture, Gathered, NormalizeError, Normalized};
use connector::{Coverage, Extent, Fields, LeftInOriginal};
use record::{Kind, NetworkName};

/// What stays in the original bytes alone.
pub const LEFT_IN_ORIGINAL: &[LeftInOriginal] = &[
    LeftInOriginal {
        path: "params.envelope.callMessage.*.opaque",
        reason: "parameters of the call's transport, of no meaning outside it",
    },
    LeftInOriginal {
        path: "params.envelope.callMessage.iceUpdateMessages[].opaque",
        reason: "parameters of the call's transport, of no meaning outside it",
    },
    LeftInOriginal {
        path: "params.result.envelope.callMessage.*.opaque",
        reason: "parameters of the call's transport, of no meaning outside it",
    },
    LeftInOriginal {
        path: "params.result.envelope.callMessage.iceUpdateMessages[].opaque",
        reason: "parameters of the call's transport, of no meaning outside it",
    },
];

/// What a linked device behind signal-cli sees of each kind.
pub const COVERAGE: &[(Kind, Extent, &str)] = &[
    (
        Kind::Message,
        Extent::Captured,
        "own messages of other devices included; view-once media do not reach linked devices",
    ),
    (Kind::Edit, Extent::Captured, ""),
    (
        Kind::Delete,
        Extent::Captured,
        "deletions for all; deletions for oneself do not reach the JSON",
    ),
    (Kind::Reaction, Extent::Captured, ""),
    (
        Kind::Receipt,
        Extent::Captured,
        "they name no group and stand under the other side; withheld where people switched them off",
    ),
    (
        Kind::Call,
        Extent::Captured,
        "signalling of calls between two; calls of groups do not reach the JSON; never sound or picture",
    ),
    (
        Kind::Membership,
        Extent::Late,
        "group updates carry a revision and no difference; two fast changes can merge",
    ),
    (
        Kind::Change,
        Extent::Captured,
        "timers and that a group changed; what changed comes late, from its new state",
    ),
    (Kind::Poll, Extent::Captured, "from signal-cli 0.13.23 on"),
    (
        Kind::Consent,
        Extent::Captured,
        "notices that the connector gives; Signal itself has none",
    ),
    (
        Kind::Loss,
        Extent::Captured,
        "what signal-cli could not decrypt; signal-cli has no acknowledgement: each end of it, in order or by force, can lose the event that it was handing over, and is recorded",
    ),
    (
        Kind::Roster,
        Extent::Late,
        "asked for after each group update",
    ),
    (Kind::Activity, Extent::Captured, "typing"),
    (
        Kind::Account,
        Extent::Captured,
        "contacts, blocked numbers and groups",
    ),
    (
        Kind::Unknown,
        Extent::Captured,
        "what a newer signal-cli adds is kept and marked",
    ),
];

/// [`COVERAGE`] as `hello` carries it.
#[must_use]
pub fn coverage() -> Vec<Coverage> {
    normal::coverage(COVERAGE)
}

/// Makes records of one notification, a line of signal-cli's socket.
///
/// # Errors
///
/// When it is no JSON object within the limits; its connector records a loss.
pub fn normalize(capture: &Capture<'_>, notification: &[u8]) -> Result<Normalized, NormalizeError> {
    let value = normal::parse(notification)?;
    let root = Fields::new(&value);
    let mut gathered = Gathered::new(notification, &root);
    envelope::read(capture, notification, &root, &mut gathered);
    gathered.finish(LEFT_IN_ORIGINAL)
}

/// Any bytes as a notification.
pub fn fuzz(data: &[u8]) {
    let _ = normal::exercise(
        NetworkName::SIGNAL,
        "aci:e4bb7140-b811-40e6-a197-0a1c203a6e01",
        data,
        normalize,
    );
}
