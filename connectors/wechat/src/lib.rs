//! WeChat in normal form: decrypted messages of WeCom's conversation archive become records.
//!
//! In scope: every message body, as a pure function.
//! Out of scope: pulling, decrypting, fetching media with the C SDK (the live connector). Personal
//! WeChat has no lawful interface; what passes through WeCom is all that can be seen.
//!
//! Identities: `wecom:<userid>` for people of the company, `wmext:<id>` for contacts outside
//! (ids that begin with `wm` or `wo`), `wmbot:<id>` for robots (`wb`); a group is `room:<id>`, a
//! conversation of two its other side, or both where the captured account is neither.
//! Start reading at [`normalize`]. Source of the format: Tencent's documentation 91774.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod body;
mod event;
mod people;

use connector::normal::{self, Capture, Gathered, NormalizeError, Normalized};
use connector::{Coverage, Extent, Fields, LeftInOriginal};
use record::{Kind, NetworkName};

/// What stays in the original bytes alone: nothing.
pub const LEFT_IN_ORIGINAL: &[LeftInOriginal] = &[];

/// What the conversation archive shows of each kind.
pub const COVERAGE: &[(Kind, Extent, &str)] = &[
    (
        Kind::Message,
        Extent::Captured,
        "of people whom the company has put under the archive and, outside it, who agreed; kept by Tencent for five days; quotes are inlined in the text",
    ),
    (Kind::Edit, Extent::Impossible, "WeCom has no edits"),
    (Kind::Delete, Extent::Captured, "recalls"),
    (Kind::Reaction, Extent::Withheld, "not in the archive"),
    (Kind::Receipt, Extent::Withheld, "not in the archive"),
    (
        Kind::Call,
        Extent::Captured,
        "recordings of meetings and calls, where the company has bought them",
    ),
    (
        Kind::Membership,
        Extent::Late,
        "asked for beside the archive",
    ),
    (Kind::Change, Extent::Late, "asked for beside the archive"),
    (Kind::Poll, Extent::Captured, "votes"),
    (
        Kind::Consent,
        Extent::Captured,
        "agreement and refusal of contacts outside",
    ),
    (
        Kind::Loss,
        Extent::Captured,
        "what can not be decrypted, or is older than five days",
    ),
    (Kind::Roster, Extent::Late, "asked for beside the archive"),
    (Kind::Activity, Extent::Withheld, "not in the archive"),
    (
        Kind::Account,
        Extent::Captured,
        "a person changed the company that he is logged in to",
    ),
    (
        Kind::Unknown,
        Extent::Captured,
        "kinds that Tencent adds are kept and marked",
    ),
];

/// [`COVERAGE`] as `hello` carries it.
#[must_use]
pub fn coverage() -> Vec<Coverage> {
    normal::coverage(COVERAGE)
}

/// Makes records of one decrypted message.
///
/// # Errors
///
/// When it is no JSON object within the limits; its connector records a loss.
pub fn normalize(capture: &Capture<'_>, message: &[u8]) -> Result<Normalized, NormalizeError> {
    let value = normal::parse(message)?;
    let root = Fields::new(&value);
    let mut gathered = Gathered::new(message, &root);
    event::read(capture, message, &root, &mut gathered);
    gathered.finish(LEFT_IN_ORIGINAL)
}

/// Any bytes as a message.
pub fn fuzz(data: &[u8]) {
    let _ = normal::exercise(NetworkName::WECHAT, "wecom:kenshin", data, normalize);
}
