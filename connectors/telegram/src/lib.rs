//! Telegram through a business bot (Bot API): its owner opens private chats to it.
//!
//! In scope: the connector that asks for updates or has them posted, fetches files and loses nothing
//! ([`run`]); the four business updates as records, a pure function of one update ([`normalize`]).
//! Out of scope: keeping updates until the agent has them (`business`), sessions of a user (later),
//! the export of Telegram Desktop (`imports`).
//!
//! Identities: `user:<id>`, `chat:<id>` for small groups, `channel:<id>` for supergroups and
//! channels (without the `-100` that the Bot API puts before them); a message is its number, an
//! edit `<number>:<edit date>`. Start reading at [`normalize`]. Source of the format: Bot API.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod live;
mod message;
mod parts;
mod people;
mod update;

pub use live::{fuzz_answer, run};

use connector::normal::{self, Capture, Gathered, NormalizeError, Normalized};
use connector::{Coverage, Extent, Fields, LeftInOriginal};
use record::{Kind, NetworkName};

/// What stays in the original bytes alone.
pub const LEFT_IN_ORIGINAL: &[LeftInOriginal] = &[
    LeftInOriginal {
        path: "*.reply_to_message.**",
        reason: "a copy of an earlier message; its number, author, time and text are taken",
    },
    LeftInOriginal {
        path: "*.pinned_message.**",
        reason: "a copy of an earlier message; its number is taken",
    },
    LeftInOriginal {
        path: "*.photo[].**",
        reason: "smaller renditions of the picture that is taken",
    },
    LeftInOriginal {
        path: "*.*.thumbnail.**",
        reason: "a smaller rendition of the file that is taken",
    },
    LeftInOriginal {
        path: "*.*.thumb.**",
        reason: "a smaller rendition of the file that is taken",
    },
];

/// What a business bot sees of each kind.
pub const COVERAGE: &[(Kind, Extent, &str)] = &[
    (
        Kind::Message,
        Extent::Captured,
        "private chats that the owner opened to the bot; no history, no secret chats, no groups; updates are kept for 24 hours",
    ),
    (Kind::Edit, Extent::Captured, "without the former text"),
    (
        Kind::Delete,
        Extent::Captured,
        "numbers only; the interface does not say by whom, or for whom",
    ),
    (
        Kind::Reaction,
        Extent::Withheld,
        "not delivered for business chats",
    ),
    (Kind::Receipt, Extent::Withheld, "not delivered to bots"),
    (Kind::Call, Extent::Withheld, "not delivered to bots"),
    (Kind::Membership, Extent::Impossible, "private chats only"),
    (
        Kind::Change,
        Extent::Captured,
        "pins and timers, where they come as messages",
    ),
    (
        Kind::Poll,
        Extent::Captured,
        "polls sent; votes are withheld",
    ),
    (Kind::Consent, Extent::Impossible, "Telegram has none"),
    (
        Kind::Loss,
        Extent::Captured,
        "updates not fetched for more than 24 hours",
    ),
    (Kind::Roster, Extent::Impossible, "private chats only"),
    (
        Kind::Activity,
        Extent::Withheld,
        "typing is not delivered to bots",
    ),
    (
        Kind::Account,
        Extent::Captured,
        "the connection given, changed, taken back",
    ),
    (
        Kind::Unknown,
        Extent::Captured,
        "what a newer Bot API adds is kept and marked",
    ),
];

/// [`COVERAGE`] as `hello` carries it.
#[must_use]
pub fn coverage() -> Vec<Coverage> {
    normal::coverage(COVERAGE)
}

/// Makes records of one update, an element of the answer to `getUpdates`.
///
/// # Errors
///
/// When it is no JSON object within the limits; its connector records a loss.
pub fn normalize(capture: &Capture<'_>, update: &[u8]) -> Result<Normalized, NormalizeError> {
    let value = normal::parse(update)?;
    let root = Fields::new(&value);
    let mut gathered = Gathered::new(update, &root);
    update::read(capture, update, &root, &mut gathered);
    gathered.finish(LEFT_IN_ORIGINAL)
}

/// Any bytes as an update.
pub fn fuzz(data: &[u8]) {
    let _ = normal::exercise(NetworkName::TELEGRAM, "user:100", data, normalize);
}
