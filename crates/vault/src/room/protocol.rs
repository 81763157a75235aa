//! Messages of the reading room (docs/spec/room.md). All of it is content: no type here has a
//! `Display` or shows itself in `Debug`.

use serde::{Deserialize, Serialize};

use crate::people::{Account, Imported, Person};
use crate::state::{Counts, Problem};
use crate::stores::StorePlace;
use crate::watch::Gap;

use super::hardening::Hardening;

/// First message on the standard input of a room: what it needs to open (ROOM-2).
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unlock {
    /// The vault's folder.
    pub folder: String,
    /// The keyring file.
    pub keyring: String,
    /// Keyring stores that the unlocking brings up to it (RING-10).
    #[serde(default)]
    pub stores: Vec<StorePlace>,
    /// What unlocks it.
    pub secret: Secret,
    /// Who unlocks, for the audit trail.
    pub who: String,
    /// Seconds without a request after which the room locks itself; 0: never.
    pub idle_seconds: u64,
}

/// What unlocks a keyring.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Secret {
    /// A passphrase.
    Passphrase(String),
    /// Shares of one set, each in words or as `greffe-share:…`, at least k of them.
    Shares(Vec<String>),
}

/// The one message on the standard output of a room (ROOM-2).
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Opened {
    /// The room is open, and listens on this socket.
    Open {
        /// Path of the socket.
        socket: String,
        /// What the kernel granted.
        hardening: Hardening,
    },
    /// The room did not open, and the process ends.
    Refused {
        /// Why, in words for people.
        why: String,
        /// Whether the secret was wrong, so that asking again is of use.
        wrong_secret: bool,
    },
}

/// A request: who asks, and what.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Who asks, for the audit trail.
    pub who: String,
    /// What is asked.
    pub ask: Ask,
}

/// What is asked of a room.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ask {
    /// Search; answered by `Found`.
    Search {
        /// In the query language.
        query: String,
        /// Hits wanted, at most 1,000.
        limit: u32,
        /// Go on after this cursor.
        after: Option<String>,
        /// `newest`, `oldest` or `relevance`.
        order: String,
        /// Count by network, conversation, sender, kind, month.
        facets: bool,
        /// Time zone of dates in the query, as in `Europe/Paris`; UTC if empty.
        zone: String,
    },
    /// One record with what stands around it; answered by `Shown`.
    Show {
        /// The record's id, or the beginning of it: at least 8 hex digits.
        record: String,
        /// Items of the conversation before it, at most 200.
        before: u32,
        /// Items after it, at most 200.
        after: u32,
    },
    /// A page of a conversation, newest items first to be had; answered by `Page`.
    Conversation {
        /// Network.
        network: String,
        /// Captured account.
        account: String,
        /// Conversation id.
        conversation: String,
        /// Record id before which the page ends; the newest page without it.
        before: Option<String>,
        /// Items wanted, at most 200.
        limit: u32,
    },
    /// Everybody in the directory; answered by `People`.
    People,
    /// Imports a list in CSV; answered by `Imported`.
    ImportPeople {
        /// The list.
        csv: String,
    },
    /// Adds or renames a person; answered by `Done`.
    PutPerson {
        /// Id.
        id: String,
        /// Name.
        name: String,
    },
    /// Binds an account to a person; answered by `Done`.
    BindAccount {
        /// The person's id.
        id: String,
        /// The account.
        account: Account,
    },
    /// Gaps of the log and losses inside records; answered by `Gaps`.
    Gaps,
    /// A proof file of one record; answered by `Bytes` and pieces.
    Prove {
        /// The record's id.
        record: String,
        /// Parts that are shown: `envelope`, `participants`, `body`, `original`, `attachment:0`, …
        show: Vec<String>,
        /// Attachments whose bytes go along; their parts are shown too.
        attachments: Vec<u32>,
    },
    /// The network's original bytes of a record; answered by `Bytes` and pieces.
    Original {
        /// The record's id.
        record: String,
    },
    /// The bytes of an attachment; answered by `Bytes` and pieces.
    Attachment {
        /// The record's id.
        record: String,
        /// Which one, from 0.
        index: u32,
    },
    /// The newest looks in the audit trail; answered by `Audit`.
    Audit {
        /// How many entries of the log to read, at most 1,000.
        limit: u32,
    },
    /// What the enrolment office has written down: who agents are, and the plans that they were sent;
    /// answered by `Office`.
    Office,
    /// Waits until the log up to this size is filed as far as it is held; answered by `Status`.
    Filed {
        /// Size of the log.
        through: u64,
    },
    /// How the room stands; answered by `Status`.
    Status,
    /// Makes all partitions again from the mirror; answered by `Status`.
    Rebuild,
    /// Ends the room; answered by `Done`.
    Lock,
}

/// What a room answers.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Hits.
    Found(Found),
    /// One record with what stands around it.
    Shown(Box<Shown>),
    /// A page of a conversation.
    Page(Page),
    /// Everybody.
    People(Vec<Person>),
    /// What an import of people did.
    Imported(Imported),
    /// It is done.
    Done,
    /// Gaps and losses.
    Gaps {
        /// Of the log.
        gaps: Vec<Gap>,
        /// Inside records.
        losses: Vec<Item>,
        /// Entries with something wrong.
        problems: Vec<Problem>,
    },
    /// Pieces follow, ended by an empty one, or by a `Problem` if the rest can not be given.
    Bytes {
        /// File name as given; never a path.
        name: Option<String>,
        /// Media type.
        media_type: Option<String>,
        /// Length in bytes.
        length: u64,
    },
    /// Looks.
    Audit(Vec<Looked>),
    /// Agents, by id.
    Office(Vec<OfficeAgent>),
    /// How the room stands.
    Status(Status),
    /// It could not be done.
    Problem {
        /// What is wrong, and what to do next.
        why: String,
        /// For programs: `query`, `not-found`, `audit`, `damaged`, `request`, `failed`.
        code: String,
        /// Bytes of the query that are meant, where the query is wrong.
        span: Option<(usize, usize)>,
    },
}

/// Hits of a search.
#[derive(Serialize, Deserialize)]
pub struct Found {
    /// How many there are, exactly.
    pub total: u64,
    /// The first of them.
    pub hits: Vec<Hit>,
    /// Where to go on.
    pub next: Option<String>,
    /// Counts: name of the facet, then value, name, count.
    #[expect(
        clippy::type_complexity,
        reason = "rows of the protocol's answer, as they travel"
    )]
    pub facets: Vec<(String, Vec<(String, String, u64)>)>,
}

/// One hit.
#[derive(Serialize, Deserialize)]
pub struct Hit {
    /// Record id.
    pub record: String,
    /// Its moment, milliseconds since 1970.
    pub at: i64,
    /// Kind of event.
    pub kind: String,
    /// Network, account, conversation id.
    pub conversation: (String, String, String),
    /// Name of the conversation.
    pub title: String,
    /// Participant id of the sender.
    pub sender: Option<String>,
    /// Name of the sender.
    pub sender_name: Option<String>,
    /// The piece of its text that matches.
    pub text: String,
    /// Bytes of `text` that match.
    pub highlights: Vec<(usize, usize)>,
    /// Log index of its entry, and position in the batch.
    pub place: (u64, u32),
}

/// One record.
#[derive(Serialize, Deserialize)]
pub struct Shown {
    /// Record id.
    pub record: String,
    /// Network, account, conversation id.
    pub conversation: (String, String, String),
    /// Title of the conversation, as the event gives it, else as it is known.
    pub title: Option<String>,
    /// Kind of event.
    pub kind: String,
    /// `incoming`, `outgoing` or `none`.
    pub direction: String,
    /// How sure the source is.
    pub assurance: String,
    /// `live`, `backfill` or `import`.
    pub mode: String,
    /// Which connector took it.
    pub source: String,
    /// Times by name (`sent`, `server`, `received`, `captured`): milliseconds, minutes east of UTC.
    pub times: Vec<(String, i64, Option<i16>)>,
    /// Sender, and on whose behalf.
    pub authors: Vec<Somebody>,
    /// Recipients that the event names.
    pub recipients: Vec<Somebody>,
    /// Members of the conversation at that time: of the roster in force.
    pub members: Vec<Somebody>,
    /// All texts that people read.
    pub text: String,
    /// Fields the network gives beyond the model.
    pub fields: Vec<(String, String)>,
    /// Attachments.
    pub attachments: Vec<File>,
    /// Media type and length of the network's original bytes.
    pub original: Option<(String, u64)>,
    /// Where it stands in the log.
    pub provenance: Provenance,
    /// The conversation around it.
    pub around: Page,
}

/// Where a record stands in the log.
#[derive(Clone, Serialize, Deserialize)]
pub struct Provenance {
    /// Log index of the entry.
    pub index: u64,
    /// Position in the batch.
    pub position: u32,
    /// When the log admitted it, milliseconds since 1970.
    pub admitted_at: i64,
    /// Entry id.
    pub entry: String,
    /// Who sealed and signed it.
    pub signer: String,
    /// Epoch.
    pub epoch: String,
    /// Whether independent witnesses have cosigned the checkpoint.
    pub witnessed: bool,
    /// The newest entry that carried the record to a later epoch.
    pub carried: Option<CarriedBy>,
}

/// How a record came to a later epoch.
#[derive(Clone, Serialize, Deserialize)]
pub struct CarriedBy {
    /// Log index of the `carry` entry.
    pub index: u64,
    /// When the log admitted it, milliseconds since 1970.
    pub admitted_at: i64,
    /// Its entry id.
    pub entry: String,
    /// The epoch that the record was carried to.
    pub epoch: String,
    /// Whether the record was opened from there: its first epoch has no key any more.
    pub opened_from: bool,
}

/// Somebody in a record.
#[derive(Serialize, Deserialize)]
pub struct Somebody {
    /// Participant id.
    pub id: String,
    /// Aliases, and names from the directory at that time.
    pub names: Vec<String>,
    /// Ids of persons in the directory.
    pub persons: Vec<String>,
}

/// An attachment.
#[derive(Serialize, Deserialize)]
pub struct File {
    /// Name as given; never a path.
    pub name: Option<String>,
    /// Media type as declared or sniffed.
    pub media_type: Option<String>,
    /// Length in bytes.
    pub size: u64,
    /// SHA-256 of the plain bytes, in hex.
    pub sha256: String,
    /// Whether its bytes are in the archive.
    pub has_bytes: bool,
}

/// A page of a conversation.
#[derive(Serialize, Deserialize)]
pub struct Page {
    /// Items, oldest first.
    pub items: Vec<Item>,
    /// Whether there are older ones.
    pub older: bool,
    /// Whether there are newer ones.
    pub newer: bool,
}

/// One item of a conversation.
#[derive(Serialize, Deserialize)]
pub struct Item {
    /// Record id.
    pub record: String,
    /// Its moment, milliseconds since 1970.
    pub at: i64,
    /// Kind of event.
    pub kind: String,
    /// Participant id of the sender.
    pub sender: Option<String>,
    /// Name of the sender.
    pub sender_name: Option<String>,
    /// Its texts.
    pub text: String,
    /// Edits, deletions, reactions and receipts that refer to it.
    pub referring: Vec<Item>,
}

/// One look in the audit trail.
#[derive(Serialize, Deserialize)]
pub struct Looked {
    /// When, milliseconds since 1970.
    pub at: i64,
    /// Who.
    pub who: String,
    /// What.
    pub what: String,
    /// Facts.
    pub facts: Vec<(String, String)>,
    /// Records looked at.
    pub records: Vec<String>,
    /// Log index; `None` while it waits in the vault's outbox.
    pub index: Option<u64>,
}

/// What the office has written down of one agent.
#[derive(Serialize, Deserialize)]
pub struct OfficeAgent {
    /// Its signer id, in hex.
    pub agent: String,
    /// Who it is; absent for the agent that was founded with the archive.
    pub bound: Option<AgentBound>,
    /// The newest plan that it was sent.
    pub plan: Option<AgentPlan>,
}

/// Who an agent is (ENROL-9).
#[derive(Serialize, Deserialize)]
pub struct AgentBound {
    /// Opaque id of the person.
    pub person: Option<String>,
    /// The custodian's name, as typed.
    pub name: String,
    /// What the machine is called, as typed.
    pub device: String,
    /// SHA-256 of the text that was agreed to, in hex.
    pub consent: String,
    /// When "yes" was said, milliseconds since 1970.
    pub consented: i64,
    /// Log index of the entry that says so.
    pub index: u64,
}

/// A plan that was sent (PLAN-11).
#[derive(Serialize, Deserialize)]
pub struct AgentPlan {
    /// Its number.
    pub number: u64,
    /// The plan's canonical bytes, in hex.
    pub bytes: String,
    /// Id of the mail entry that carries it.
    pub mail: Option<String>,
    /// Log index of the entry that says so.
    pub index: u64,
}

/// How a room stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {
    /// Fingerprint of the archive.
    pub archive: String,
    /// Size of the log that rooms have verified, this one or those before it (ROOM-9).
    pub verified: u64,
    /// Leaves of it that this room has verified itself.
    pub verified_here: u64,
    /// Everything below this size is filed, as far as it is held and opens.
    pub filed: u64,
    /// Records filed.
    pub records: u64,
    /// Open partitions.
    pub partitions: u64,
    /// What the locked part has.
    pub counts: Counts,
    /// Whether the newest checkpoint is witnessed.
    pub witnessed: bool,
    /// Looks that wait for the log.
    pub audit_waiting: u64,
    /// Seconds that the oldest of them has waited.
    pub audit_waited: i64,
    /// What the kernel granted.
    pub hardening: Hardening,
    /// Notes for the owner: partitions made again, removed.
    pub notes: Vec<String>,
}

macro_rules! redacted {
    ($($name:ident),+) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    )+};
}
redacted!(
    Unlock, Secret, Request, Ask, Answer, Found, Hit, Shown, Provenance, CarriedBy, Somebody, File,
    Page, Item, Looked
);
