//! What commands ask of the parts, and what they hear. The same messages serve parts in this
//! process and, as JSON lines over a socket that only this user can open, those of `greffe up`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Delivered;

/// Something to be done by the parts.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Request {
    /// Import one export, then deliver it.
    Import(Import),
    /// Deliver what waits, follow, and log what the vault has to say.
    Deliver,
    /// Log what the vault has to say, and follow: the end of a look.
    Log,
    /// How the parts stand.
    Status,
    /// Where the vault sees silence.
    Gaps,
    /// How agents and accounts stand.
    Standing,
    /// What the vault has noticed: since a time in milliseconds, or behind a number.
    Events {
        since: Option<i64>,
        after: Option<u64>,
        most: u32,
    },
    /// Where the chain of a signer and the control chain stand; the signer's id in hex.
    ControlPosition(String),
    /// Log entries that the root has signed; in hex.
    PostOwner(Vec<String>),
    /// Something for the enrolment office.
    Office(super::office::OfficeRequest),
}

/// An export to import.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Import {
    /// Its path, absolute.
    pub(crate) path: PathBuf,
    /// The account it was taken from.
    pub(crate) account: String,
    /// The custodian.
    pub(crate) custodian: String,
    /// Settings of the connector, by name.
    pub(crate) settings: Vec<(String, String)>,
}

/// What is heard on the way and at the end.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Event {
    /// Bytes read, of how many, records so far.
    Progress {
        read: u64,
        of: Option<u64>,
        records: Option<u64>,
    },
    /// The connector says something, by key and facts of the catalogue.
    Trouble {
        key: String,
        facts: Vec<(String, String)>,
        fatal: bool,
    },
    /// Sealed and durable; now it is delivered.
    Delivering(Delivered),
    /// An import's end.
    Imported(Imported),
    /// The parts are up to date.
    Delivered(Delivered),
    /// How the parts stand.
    Status(Status),
    /// Where the vault sees silence.
    Gaps(Vec<vault::watch::Gap>),
    /// How agents and accounts stand.
    Standing(Vec<vault::events::SignerStanding>),
    /// What the vault has noticed.
    Events(Vec<vault::events::Event>),
    /// Number and id, in hex, of the signer's next and last entry, then of the control chain's head.
    ControlPosition {
        next: u64,
        previous: Option<String>,
        number: u64,
        head: String,
    },
    /// What the office says.
    Office(serde_json::Value),
    /// It did not work; what to show.
    Failed {
        key: String,
        facts: Vec<(String, String)>,
        exit: u8,
    },
}

/// What an import came to.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Imported {
    /// Records that are new.
    pub(crate) new: u64,
    /// Records that the archive had already.
    pub(crate) known: u64,
    /// Losses among the new ones.
    pub(crate) losses: u64,
    /// Where, and why.
    pub(crate) places: Vec<LossPlace>,
    /// Milliseconds until everything was sealed and durable.
    pub(crate) took: i64,
}

/// A loss.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct LossPlace {
    /// Name of the reason.
    pub(crate) why: String,
    /// Where in the source.
    pub(crate) place: Option<String>,
    /// What is known of it.
    pub(crate) detail: Option<String>,
}

/// How the parts stand.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Status {
    /// Whether `greffe up` answers.
    pub(crate) up: bool,
    /// The relay's address, while it listens.
    pub(crate) relay: String,
    /// Log, store and spool.
    pub(crate) delivered: Delivered,
    /// When the newest verified checkpoint came, in milliseconds.
    pub(crate) checked_at: Option<i64>,
    /// Whether enough independent witnesses have cosigned it.
    pub(crate) witnessed: bool,
    /// Objects that the vault holds.
    pub(crate) objects: u64,
    /// Alarms that the vault remembers.
    pub(crate) alarms: Vec<String>,
    /// Gaps that are open.
    pub(crate) gaps: u64,
}
