//! What happened to agents and accounts, as events with times: a history that stays, seen while the
//! vault is locked. States come from heartbeats, in the log's time; silence is judged by
//! [`observe`], in the vault's own.

use canonical::Milliseconds;
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use tlog::LogIndex;
use wire::{AccountHandle, CaptureState, Role, SignerId};

use crate::database::{self, int};
use crate::state::{Holding, State, StateError};
use crate::watch;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Its number: events are numbered in the order in which the vault learned of them.
    pub id: u64,
    /// When, milliseconds since 1970.
    pub at: i64,
    /// What.
    pub what: EventWhat,
    /// Whose, in hex; `None` where it concerns the whole archive.
    pub signer: Option<String>,
    /// Which account's opaque handle, in hex, where it is one account's.
    pub account: Option<String>,
    /// How many, where that says something.
    pub count: u64,
    /// Log index of the entry that tells it.
    pub index: Option<u64>,
}

macro_rules! whats {
    ($($(#[doc = $doc:literal])* $name:ident = $number:literal $text:literal),* $(,)?) => {
        /// What can happen. Numbers stand in databases and are never given again.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum EventWhat {
            $($(#[doc = $doc])* $name,)*
        }

        impl EventWhat {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Its name, as in JSON.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            fn number(self) -> i64 {
                match self { $(Self::$name => $number,)* }
            }

            fn from_number(number: i64) -> Option<Self> {
                match number { $($number => Some(Self::$name),)* _ => None }
            }
        }
    };
}

whats! {
    /// A key was enrolled.
    Enrolled = 0 "enrolled",
    /// A signer was retired.
    Retired = 1 "retired",
    /// A signer was compromised from some number on.
    Compromised = 2 "compromised",
    /// An account is captured.
    Connected = 3 "connected",
    /// An account is captured with delay.
    Lagging = 4 "lagging",
    /// The agent hears nothing from an account.
    Silent = 5 "silent",
    /// The device of an account was unlinked.
    Unlinked = 6 "unlinked",
    /// The session or consent of an account ended.
    Expired = 7 "expired",
    /// Capture of an account was stopped.
    Stopped = 8 "stopped",
    /// An export of an account is being imported.
    Importing = 9 "importing",
    /// Events were counted as lost.
    Losses = 10 "losses",
    /// The relay refused an entry and its place was given up.
    Withdrawn = 11 "withdrawn",
    /// An agent gave no sign of life for too long.
    AgentSilent = 12 "agent-silent",
    /// It was heard again.
    AgentHeard = 13 "agent-heard",
    /// The relay shows nothing new for too long.
    RelaySilent = 14 "relay-silent",
    /// It does again.
    RelayHeard = 15 "relay-heard",
    /// Nobody has signed the control chain's head for too long.
    HeadStale = 16 "head-stale",
    /// Somebody has.
    HeadFresh = 17 "head-fresh",
    /// The newest checkpoint lacks cosignatures.
    Unwitnessed = 18 "unwitnessed",
    /// It has them.
    Witnessed = 19 "witnessed",
    /// The relay has shown two logs, or went back.
    Fork = 20 "fork",
    /// Objects are missing or damaged.
    ObjectsMissing = 21 "objects-missing",
    /// All objects are held again.
    ObjectsFound = 22 "objects-found",
}

/// Where an event belongs: signer, account, the entry that tells it.
pub(crate) type Place = (Option<SignerId>, Option<AccountHandle>, Option<LogIndex>);

/// How one signer stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignerStanding {
    /// Its id, in hex.
    pub signer: String,
    /// When it was enrolled.
    pub enrolled_at: i64,
    /// When its newest entry was admitted.
    pub last_at: i64,
    /// Until when it was or is valid, if it was revoked.
    pub ended_at: Option<i64>,
    /// Its first entry number that is not trusted, if it was compromised.
    pub distrusted_from: Option<u64>,
    /// Since when it is silent, if it is for too long.
    pub silent_since: Option<i64>,
    /// Its accounts.
    pub accounts: Vec<AccountStanding>,
}

/// How one account stands, as its agent said last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountStanding {
    /// Its opaque handle, in hex.
    pub account: String,
    /// Its state.
    pub state: EventWhat,
    /// Since when.
    pub since: i64,
    /// When the agent spoke of it last.
    pub heard_at: i64,
    /// Losses that the agent counts.
    pub losses: u64,
}

impl EventWhat {
    pub(crate) fn of_state(state: CaptureState) -> Self {
        match state {
            CaptureState::Connected => Self::Connected,
            CaptureState::Lagging => Self::Lagging,
            CaptureState::Silent => Self::Silent,
            CaptureState::Unlinked => Self::Unlinked,
            CaptureState::Expired => Self::Expired,
            CaptureState::Stopped => Self::Stopped,
            CaptureState::Importing => Self::Importing,
        }
    }

    /// Whether somebody should see to it.
    pub fn is_alarm(self) -> bool {
        matches!(
            self,
            Self::Compromised
                | Self::Silent
                | Self::Unlinked
                | Self::Expired
                | Self::Losses
                | Self::Withdrawn
                | Self::AgentSilent
                | Self::RelaySilent
                | Self::HeadStale
                | Self::Unwitnessed
                | Self::Fork
                | Self::ObjectsMissing
        )
    }

    /// What ends it.
    fn end(self) -> Option<Self> {
        match self {
            Self::AgentSilent => Some(Self::AgentHeard),
            Self::RelaySilent => Some(Self::RelayHeard),
            Self::HeadStale => Some(Self::HeadFresh),
            Self::Unwitnessed => Some(Self::Witnessed),
            Self::ObjectsMissing => Some(Self::ObjectsFound),
            _ => None,
        }
    }
}

/// Notes what has begun or ended by time alone: silence, staleness, missing objects. To be called
/// every few seconds while the vault runs. Gives how many events that made.
///
/// # Errors
///
/// When the database fails.
pub fn observe(state: &State, now: Milliseconds) -> Result<u64, StateError> {
    let lasting = lasting_now(state, now)?;
    let transaction = state.connection().unchecked_transaction()?;
    let mut made = 0;
    for (what, signer, since, count) in &lasting {
        let key = signer
            .as_ref()
            .map_or(&[][..], |id| id.as_bytes().as_slice());
        let new = transaction.execute(
            "INSERT OR IGNORE INTO lasting VALUES (?1, ?2, ?3)",
            params![what.number(), key, since.get()],
        )?;
        if new > 0 {
            add(&transaction, *since, *what, (*signer, None, None), *count)?;
            made += 1;
        }
    }
    let open: Vec<(i64, Vec<u8>)> = transaction
        .prepare_cached("SELECT what, signer FROM lasting")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    for (number, key) in open {
        let lasts = lasting.iter().any(|(what, signer, ..)| {
            what.number() == number
                && signer
                    .as_ref()
                    .map_or(&[][..], |id| id.as_bytes().as_slice())
                    == key
        });
        let Some(end) = EventWhat::from_number(number).and_then(EventWhat::end) else {
            continue;
        };
        if !lasts {
            transaction.execute(
                "DELETE FROM lasting WHERE what = ?1 AND signer = ?2",
                params![number, key],
            )?;
            let signer = <[u8; 32]>::try_from(key.as_slice())
                .ok()
                .map(SignerId::from_bytes);
            add(&transaction, now, end, (signer, None, None), 1)?;
            made += 1;
        }
    }
    transaction.commit()?;
    Ok(made)
}

/// Events behind number `after`, oldest first, at most `most`.
///
/// # Errors
///
/// When the database fails.
pub fn events(state: &State, after: u64, most: usize) -> Result<Vec<Event>, StateError> {
    select(state, "id > ?1", int(after), most)
}

/// Events of and after a time, at most `most`.
///
/// # Errors
///
/// When the database fails.
pub fn events_since(
    state: &State,
    since: Milliseconds,
    most: usize,
) -> Result<Vec<Event>, StateError> {
    select(state, "at >= ?1", since.get(), most)
}

/// The number of the newest event; 0 where there is none.
///
/// # Errors
///
/// When the database fails.
pub fn newest(state: &State) -> Result<u64, StateError> {
    let newest =
        state
            .connection()
            .query_row("SELECT coalesce(max(id), 0) FROM events", [], |row| {
                database::number(row, 0)
            })?;
    Ok(newest)
}

/// How every agent and its accounts stand, by the time of enrolment.
///
/// # Errors
///
/// When the database fails.
pub fn standing(state: &State) -> Result<Vec<SignerStanding>, StateError> {
    let connection = state.connection();
    let mut signers: Vec<SignerStanding> = connection
        .prepare_cached(
            "SELECT signers.signer, enrolled_at, last_at, ended_at, since, flagged_from FROM signers
             LEFT JOIN lasting ON lasting.what = ?2 AND lasting.signer = signers.signer
             WHERE role = ?1 ORDER BY enrolled_at, signers.signer",
        )?
        .query_map(
            params![
                watch::role_number(Role::Agent),
                EventWhat::AgentSilent.number()
            ],
            |row| {
                Ok(SignerStanding {
                    signer: watch::hex_column(row, 0)?.unwrap_or_default(),
                    enrolled_at: row.get(1)?,
                    last_at: row.get(2)?,
                    ended_at: row.get(3)?,
                    silent_since: row.get(4)?,
                    distrusted_from: row
                        .get::<_, Option<i64>>(5)?
                        .and_then(|from| u64::try_from(from).ok()),
                    accounts: Vec::new(),
                })
            },
        )?
        .collect::<Result<_, _>>()?;
    let accounts: Vec<(String, AccountStanding)> = connection
        .prepare_cached("SELECT signer, account, state, since, heard_at, losses FROM accounts")?
        .query_map([], |row| {
            Ok((
                watch::hex_column(row, 0)?.unwrap_or_default(),
                AccountStanding {
                    account: watch::hex_column(row, 1)?.unwrap_or_default(),
                    // States have the numbers of entry.md; events follow them, three further on.
                    state: EventWhat::from_number(row.get::<_, i64>(2)? + STATES)
                        .unwrap_or(EventWhat::Silent),
                    since: row.get(3)?,
                    heard_at: row.get(4)?,
                    losses: database::number(row, 5)?,
                },
            ))
        })?
        .collect::<Result<_, _>>()?;
    for (signer, account) in accounts {
        if let Some(standing) = signers.iter_mut().find(|other| other.signer == signer) {
            standing.accounts.push(account);
        }
    }
    Ok(signers)
}

/// The number of the event of state 0.
const STATES: i64 = 3;

/// Notes an event.
pub(crate) fn add(
    connection: &Connection,
    at: Milliseconds,
    what: EventWhat,
    (signer, account, index): Place,
    count: u64,
) -> rusqlite::Result<()> {
    connection.execute(
        "INSERT INTO events (at, what, signer, account, count, log_index)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            at.get(),
            what.number(),
            signer.as_ref().map(|id| id.as_bytes().as_slice()),
            account.as_ref().map(|id| id.as_bytes().as_slice()),
            int(count),
            index.map(|index| int(index.get()))
        ],
    )?;
    Ok(())
}

/// An agent that was silent for too long has spoken at `at`.
pub(crate) fn heard_again(
    connection: &Connection,
    signer: SignerId,
    silent_from: Milliseconds,
    at: Milliseconds,
    index: LogIndex,
) -> rusqlite::Result<()> {
    let known = connection.execute(
        "DELETE FROM lasting WHERE what = ?1 AND signer = ?2",
        params![
            EventWhat::AgentSilent.number(),
            signer.as_bytes().as_slice()
        ],
    )?;
    let place = (Some(signer), None, Some(index));
    if known == 0 {
        add(connection, silent_from, EventWhat::AgentSilent, place, 1)?;
    }
    add(connection, at, EventWhat::AgentHeard, place, 1)
}

type Lasting = (EventWhat, Option<SignerId>, Milliseconds, u64);

fn lasting_now(state: &State, now: Milliseconds) -> Result<Vec<Lasting>, StateError> {
    let connection = state.connection();
    let patience = 2 * watch::heartbeat(connection)?;
    let mut lasting: Vec<Lasting> = Vec::new();
    for gap in watch::silent_now(connection, now)? {
        let signer = gap.signer.and_then(|id| id.parse().ok());
        let since = Milliseconds::new(gap.from).plus(patience);
        lasting.push((EventWhat::AgentSilent, signer, since, 1));
    }
    if let Some(head) = state.head()? {
        if watch::fact(connection, "witness quorum")?.unwrap_or(0) > 0 && !head.witnessed {
            lasting.push((EventWhat::Unwitnessed, None, head.at, 1));
        }
        if now.since(head.at) > patience {
            lasting.push((EventWhat::RelaySilent, None, head.at.plus(patience), 1));
        }
    }
    if let Some(last) = watch::fact(connection, "head at")? {
        let stale = watch::fact(connection, "head stale")?.unwrap_or(watch::HEAD_STALE);
        let until = Milliseconds::new(last).plus(stale);
        if now > until {
            lasting.push((EventWhat::HeadStale, None, until, 1));
        }
    }
    if let Some((at, _)) = state.alarms()?.first() {
        lasting.push((EventWhat::Fork, None, *at, 1));
    }
    let missing: Vec<Milliseconds> = state
        .open_objects(10_000, u64::MAX)?
        .into_iter()
        .filter(|open| matches!(open.holding, Holding::Missing | Holding::Damaged))
        .map(|open| open.since)
        .collect();
    if let Some(first) = missing.iter().min() {
        lasting.push((
            EventWhat::ObjectsMissing,
            None,
            *first,
            missing.len() as u64,
        ));
    }
    Ok(lasting)
}

fn select(state: &State, which: &str, from: i64, most: usize) -> Result<Vec<Event>, StateError> {
    let sql = format!(
        "SELECT id, at, what, signer, account, count, log_index FROM events
         WHERE {which} ORDER BY id LIMIT ?2"
    );
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let mut statement = state.connection().prepare_cached(&sql)?;
    let rows = statement.query_map(params![from, most], |row| {
        let Some(what) = EventWhat::from_number(row.get(2)?) else {
            // Written by a later version: its number says nothing here.
            return Ok(None);
        };
        Ok(Some(Event {
            id: database::number(row, 0)?,
            at: row.get(1)?,
            what,
            signer: watch::hex_column(row, 3)?,
            account: watch::hex_column(row, 4)?,
            count: database::number(row, 5)?,
            index: row
                .get::<_, Option<i64>>(6)?
                .and_then(|index| index.try_into().ok()),
        }))
    })?;
    let events: Vec<Option<Event>> = rows.collect::<Result<_, _>>()?;
    Ok(events.into_iter().flatten().collect())
}
