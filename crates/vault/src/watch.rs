//! What is missing, seen while the vault is locked: silent agents, stale heads, revoked signers,
//! withdrawn entries, missing and damaged objects, a log without witnesses.
//!
//! An entry whose number is missing can not be verified at all (CHAIN-1), so a hole in a chain
//! never shows as a gap here: the follower stops at it. What shows is silence, and what the entries
//! themselves say. Losses inside records are shown by the reading room, when it is open.

use canonical::Milliseconds;
use rusqlite::{Connection, OptionalExtension, params};
use tlog::LogIndex;
use wire::{AccountHandle, Act, Body, CaptureState, Entry, Heartbeat, Revocation, Role, SignerId};

use crate::database::{self, int};
use crate::events::{self, EventWhat};
use crate::state::{Holding, State, StateError};

/// Heartbeat when the policy says nothing: an hour, in milliseconds.
const HEARTBEAT: i64 = 3_600_000;
/// Age of a head that alarms when the policy says nothing: two days, in milliseconds.
pub(crate) const HEAD_STALE: i64 = 2 * 86_400_000;

pub(crate) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS signers (
    signer BLOB PRIMARY KEY,
    role INTEGER NOT NULL,
    enrolled_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    ended_at INTEGER,
    flagged_from INTEGER
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS accounts (
    signer BLOB NOT NULL,
    account BLOB NOT NULL,
    state INTEGER NOT NULL,
    since INTEGER NOT NULL,
    losses INTEGER NOT NULL,
    heard_at INTEGER NOT NULL,
    PRIMARY KEY (signer, account)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS gaps (
    id INTEGER PRIMARY KEY,
    signer BLOB,
    account BLOB,
    from_ms INTEGER NOT NULL,
    to_ms INTEGER NOT NULL,
    why INTEGER NOT NULL,
    count INTEGER NOT NULL,
    log_index INTEGER
);
CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    what INTEGER NOT NULL,
    signer BLOB,
    account BLOB,
    count INTEGER NOT NULL,
    log_index INTEGER
);
CREATE INDEX IF NOT EXISTS events_at ON events (at);
CREATE TABLE IF NOT EXISTS lasting (
    what INTEGER NOT NULL,
    signer BLOB NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (what, signer)
) WITHOUT ROWID;
";

/// An interval in which something may be missing.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Gap {
    /// Whose, in hex; `None` where it concerns the whole archive.
    pub signer: Option<String>,
    /// Which account's opaque handle, in hex, where the gap is one account's.
    pub account: Option<String>,
    /// Beginning, milliseconds since 1970, by the log's time.
    pub from: i64,
    /// End; `None` while it lasts.
    pub to: Option<i64>,
    /// Why.
    pub why: GapWhy,
    /// How many entries, objects or losses.
    pub count: u64,
    /// Log index of the entry that tells it.
    pub index: Option<u64>,
}

/// Why something may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GapWhy {
    /// No entry of an agent for more than twice the heartbeat.
    Silent,
    /// The agent hears nothing from an account for longer than usual.
    AccountSilent,
    /// The device of an account was unlinked.
    Unlinked,
    /// The session or consent of an account ended.
    Expired,
    /// Capture of an account was stopped.
    Stopped,
    /// The agent counts events that it could not capture.
    Losses,
    /// The relay refused an entry, and its place was given up.
    Withdrawn,
    /// The signer was revoked.
    Revoked,
    /// The signer was compromised before these entries; they are flagged.
    Flagged,
    /// Nobody has signed the control chain's head for too long.
    StaleHead,
    /// The relay has no bytes for an object that an entry names.
    ObjectMissing,
    /// An object's bytes do not have the hash that the entry names.
    ObjectDamaged,
    /// An object has not arrived yet.
    ObjectAwaited,
    /// The newest checkpoint lacks the cosignatures that the policy asks for.
    Unwitnessed,
    /// The relay has shown two logs, or went back behind what it had shown.
    Fork,
    /// The vault's newest checkpoint is old: the relay can not be reached, or hides newer ones.
    RelaySilent,
}

/// Everything that may be missing at time `now`, oldest first.
///
/// # Errors
///
/// When the database fails.
pub fn gaps(state: &State, now: Milliseconds) -> Result<Vec<Gap>, StateError> {
    let connection = state.connection();
    let mut gaps = closed(connection)?;
    gaps.extend(silent_now(connection, now)?);
    gaps.extend(accounts_now(connection)?);
    gaps.extend(ended(connection)?);
    for open in state.open_objects(10_000, u64::MAX)? {
        gaps.push(Gap {
            signer: None,
            account: None,
            from: open.since.get(),
            to: None,
            why: match open.holding {
                Holding::Missing => GapWhy::ObjectMissing,
                Holding::Damaged => GapWhy::ObjectDamaged,
                Holding::Wanted | Holding::Held => GapWhy::ObjectAwaited,
            },
            count: 1,
            index: Some(open.index.get()),
        });
    }
    let whole = |from: i64, why| Gap {
        signer: None,
        account: None,
        from,
        to: None,
        why,
        count: 1,
        index: None,
    };
    for (at, _) in state.alarms()? {
        gaps.push(whole(at.get(), GapWhy::Fork));
    }
    if let Some(head) = state.head()? {
        let asked = fact(connection, "witness quorum")?.unwrap_or(0) > 0;
        if asked && !head.witnessed {
            gaps.push(whole(head.at.get(), GapWhy::Unwitnessed));
        }
        if now.since(head.at) > 2 * heartbeat(connection)? {
            gaps.push(whole(head.at.get(), GapWhy::RelaySilent));
        }
    }
    // A head is only expected where somebody has been delegated to sign it.
    if let Some(last) = fact(connection, "head at")? {
        let stale = fact(connection, "head stale")?.unwrap_or(HEAD_STALE);
        if now.get().saturating_sub(last) > stale {
            gaps.push(whole(last, GapWhy::StaleHead));
        }
    }
    gaps.sort_by_key(|gap| (gap.from, gap.index));
    Ok(gaps)
}

/// Takes one verified entry into account.
pub(crate) fn take(
    connection: &Connection,
    index: LogIndex,
    at: Milliseconds,
    entry: &Entry,
) -> rusqlite::Result<()> {
    heard(connection, index, at, entry.signer())?;
    match entry.body() {
        Body::Genesis(genesis) => set_fact(
            connection,
            "witness quorum",
            i64::try_from(genesis.witnesses().quorum).unwrap_or(i64::MAX),
        ),
        Body::Control(control) => act(connection, index, at, &control.act),
        Body::Heartbeat(beat) => accounts(connection, index, at, entry.signer(), beat),
        Body::Withdrawn(_) => note(
            connection,
            Some(entry.signer()),
            None,
            (at, at),
            GapWhy::Withdrawn,
            1,
            index,
        ),
        Body::Head(_) => set_fact(connection, "head at", at.get()),
        _ => Ok(()),
    }
}

fn heard(
    connection: &Connection,
    index: LogIndex,
    at: Milliseconds,
    signer: SignerId,
) -> rusqlite::Result<()> {
    let row = connection
        .query_row(
            "SELECT role, last_at FROM signers WHERE signer = ?1",
            [signer.as_bytes().as_slice()],
            |row| Ok((row.get::<_, i64>(0)?, Milliseconds::new(row.get(1)?))),
        )
        .optional()?;
    let Some((role, last)) = row else {
        return Ok(());
    };
    if role == role_number(Role::Agent) && at.since(last) > 2 * heartbeat(connection)? {
        events::heard_again(
            connection,
            signer,
            last.plus(2 * heartbeat(connection)?),
            at,
            index,
        )?;
        note(
            connection,
            Some(signer),
            None,
            (last, at),
            GapWhy::Silent,
            1,
            index,
        )?;
    }
    connection.execute(
        "UPDATE signers SET last_at = ?2 WHERE signer = ?1",
        params![signer.as_bytes().as_slice(), at.get()],
    )?;
    Ok(())
}

fn act(
    connection: &Connection,
    index: LogIndex,
    at: Milliseconds,
    act: &Act,
) -> rusqlite::Result<()> {
    match act {
        Act::Enrol(enrol) => {
            let signer = enrol.key.signer_id();
            let new = connection.execute(
                "INSERT OR IGNORE INTO signers VALUES (?1, ?2, ?3, ?3, NULL, NULL)",
                params![
                    signer.as_bytes().as_slice(),
                    role_number(enrol.role),
                    at.get()
                ],
            )?;
            if new > 0 {
                let place = (Some(signer), None, Some(index));
                events::add(connection, at, EventWhat::Enrolled, place, 1)?;
            }
        }
        Act::Revoke(revoke) => {
            let (ended, from) = match revoke.how {
                Revocation::Retired(until) => (until.get().max(at.get()), None),
                Revocation::Compromised(number) => (at.get(), Some(number)),
            };
            let place = (Some(revoke.signer), None, Some(index));
            let what = match revoke.how {
                Revocation::Retired(_) => EventWhat::Retired,
                Revocation::Compromised(_) => EventWhat::Compromised,
            };
            events::add(connection, at, what, place, 1)?;
            let signer = revoke.signer.as_bytes().as_slice();
            connection.execute(
                "UPDATE signers SET ended_at = ?2,
                 flagged_from = min(coalesce(flagged_from, ?3), coalesce(?3, flagged_from))
                 WHERE signer = ?1",
                params![signer, ended, from.map(|number| int(number.get()))],
            )?;
            if let Some(number) = from {
                connection.execute(
                    "INSERT INTO gaps (signer, from_ms, to_ms, why, count, log_index)
                     SELECT ?1, min(admitted_at), max(admitted_at), ?3, count(*), ?4
                     FROM entries WHERE signer = ?1 AND number >= ?2 HAVING count(*) > 0",
                    params![
                        signer,
                        int(number.get()),
                        GapWhy::Flagged.number(),
                        int(index.get())
                    ],
                )?;
            }
        }
        Act::Delegate(delegate) if delegate.purpose == wire::Purpose::Head => {
            set_fact(connection, "head at", at.get())?;
        }
        Act::Policy(policy) => {
            if let Some(witnesses) = &policy.witnesses {
                let quorum = i64::try_from(witnesses.quorum).unwrap_or(i64::MAX);
                set_fact(connection, "witness quorum", quorum)?;
            }
            let milliseconds = |seconds: wire::Seconds| {
                i64::try_from(seconds.get())
                    .unwrap_or(i64::MAX)
                    .saturating_mul(1000)
            };
            if let Some(every) = policy.heartbeat {
                set_fact(connection, "heartbeat", milliseconds(every))?;
            }
            if let Some(stale) = policy.head_stale {
                set_fact(connection, "head stale", milliseconds(stale))?;
            }
        }
        Act::Delegate(_) | Act::Undelegate(_) | Act::Recipients(_) => {}
    }
    Ok(())
}

fn accounts(
    connection: &Connection,
    index: LogIndex,
    at: Milliseconds,
    signer: SignerId,
    beat: &Heartbeat,
) -> rusqlite::Result<()> {
    for account in &beat.accounts {
        let key = (
            signer.as_bytes().as_slice(),
            account.account.as_bytes().as_slice(),
        );
        let former = connection
            .query_row(
                "SELECT state, since, losses, heard_at FROM accounts
                 WHERE signer = ?1 AND account = ?2",
                key,
                |row| {
                    Ok((
                        row.get::<_, i64>(0)?,
                        Milliseconds::new(row.get(1)?),
                        database::number(row, 2)?,
                        Milliseconds::new(row.get(3)?),
                    ))
                },
            )
            .optional()?;
        let state = state_number(account.state);
        let place = (Some(signer), Some(account.account), Some(index));
        let changed = former.is_none_or(|(former, ..)| former != state);
        if changed {
            events::add(connection, at, EventWhat::of_state(account.state), place, 1)?;
        }
        let (mut since, losses, heard_at) = (at, account.losses, at);
        if let Some((former_state, former_since, former_losses, former_heard)) = former {
            if former_state == state {
                since = former_since;
            } else if let Some(why) = GapWhy::of_state(former_state) {
                let span = (former_since, at);
                note(
                    connection,
                    Some(signer),
                    Some(account.account),
                    span,
                    why,
                    1,
                    index,
                )?;
            }
            if losses > former_losses {
                let count = losses - former_losses;
                let span = (former_heard, at);
                note(
                    connection,
                    Some(signer),
                    Some(account.account),
                    span,
                    GapWhy::Losses,
                    count,
                    index,
                )?;
            }
        } else if losses > 0 {
            note(
                connection,
                Some(signer),
                Some(account.account),
                (at, at),
                GapWhy::Losses,
                losses,
                index,
            )?;
        }
        connection.execute(
            "INSERT OR REPLACE INTO accounts VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                key.0,
                key.1,
                state,
                since.get(),
                int(losses),
                heard_at.get()
            ],
        )?;
    }
    Ok(())
}

fn note(
    connection: &Connection,
    signer: Option<SignerId>,
    account: Option<AccountHandle>,
    span: (Milliseconds, Milliseconds),
    why: GapWhy,
    count: u64,
    index: LogIndex,
) -> rusqlite::Result<()> {
    // Those that no state and no silence tells.
    let what = match why {
        GapWhy::Losses => Some(EventWhat::Losses),
        GapWhy::Withdrawn => Some(EventWhat::Withdrawn),
        _ => None,
    };
    if let Some(what) = what {
        events::add(
            connection,
            span.1,
            what,
            (signer, account, Some(index)),
            count,
        )?;
    }
    connection.execute(
        "INSERT INTO gaps (signer, account, from_ms, to_ms, why, count, log_index)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            signer.as_ref().map(|id| id.as_bytes().as_slice()),
            account.as_ref().map(|id| id.as_bytes().as_slice()),
            span.0.get(),
            span.1.get(),
            why.number(),
            int(count),
            int(index.get())
        ],
    )?;
    Ok(())
}

fn closed(connection: &Connection) -> rusqlite::Result<Vec<Gap>> {
    let mut statement = connection.prepare_cached(
        "SELECT signer, account, from_ms, to_ms, why, count, log_index FROM gaps",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(Gap {
            signer: hex_column(row, 0)?,
            account: hex_column(row, 1)?,
            from: row.get(2)?,
            to: row.get(3)?,
            why: GapWhy::from_number(row.get(4)?),
            count: database::number(row, 5)?,
            index: Some(database::number(row, 6)?),
        })
    })?;
    rows.collect()
}

pub(crate) fn silent_now(connection: &Connection, now: Milliseconds) -> rusqlite::Result<Vec<Gap>> {
    let patience = 2 * heartbeat(connection)?;
    let mut statement = connection.prepare_cached(
        "SELECT signer, last_at FROM signers
         WHERE role = ?1 AND (ended_at IS NULL OR ended_at > ?2) AND ?2 - last_at > ?3",
    )?;
    let rows = statement.query_map(
        params![role_number(Role::Agent), now.get(), patience],
        |row| {
            Ok(Gap {
                signer: hex_column(row, 0)?,
                account: None,
                from: row.get(1)?,
                to: None,
                why: GapWhy::Silent,
                count: 1,
                index: None,
            })
        },
    )?;
    rows.collect()
}

fn accounts_now(connection: &Connection) -> rusqlite::Result<Vec<Gap>> {
    let mut statement = connection
        .prepare_cached("SELECT signer, account, since, state FROM accounts WHERE state > 1")?;
    let rows = statement.query_map([], |row| {
        let Some(why) = GapWhy::of_state(row.get(3)?) else {
            return Ok(None);
        };
        Ok(Some(Gap {
            signer: hex_column(row, 0)?,
            account: hex_column(row, 1)?,
            from: row.get(2)?,
            to: None,
            why,
            count: 1,
            index: None,
        }))
    })?;
    rows.filter_map(Result::transpose).collect()
}

fn ended(connection: &Connection) -> rusqlite::Result<Vec<Gap>> {
    let mut statement = connection
        .prepare_cached("SELECT signer, ended_at FROM signers WHERE ended_at IS NOT NULL")?;
    let rows = statement.query_map([], |row| {
        Ok(Gap {
            signer: hex_column(row, 0)?,
            account: None,
            from: row.get(1)?,
            to: None,
            why: GapWhy::Revoked,
            count: 1,
            index: None,
        })
    })?;
    rows.collect()
}

pub(crate) fn hex_column(
    row: &rusqlite::Row<'_>,
    column: usize,
) -> rusqlite::Result<Option<String>> {
    let bytes: Option<Vec<u8>> = row.get(column)?;
    Ok(bytes.as_deref().map(canonical::hex))
}

pub(crate) fn heartbeat(connection: &Connection) -> rusqlite::Result<i64> {
    Ok(fact(connection, "heartbeat")?.unwrap_or(HEARTBEAT))
}

pub(crate) fn fact(connection: &Connection, name: &str) -> rusqlite::Result<Option<i64>> {
    connection
        .query_row("SELECT value FROM facts WHERE name = ?1", [name], |row| {
            row.get(0)
        })
        .optional()
}

fn set_fact(connection: &Connection, name: &str, value: i64) -> rusqlite::Result<()> {
    connection.execute(
        "INSERT OR REPLACE INTO facts VALUES (?1, ?2)",
        params![name, value],
    )?;
    Ok(())
}

pub(crate) fn role_number(role: Role) -> i64 {
    match role {
        Role::Agent => 0,
        Role::Vault => 1,
        Role::Auditor => 2,
        Role::Witness => 3,
        Role::Person => 4,
    }
}

fn state_number(state: CaptureState) -> i64 {
    match state {
        CaptureState::Connected => 0,
        CaptureState::Lagging => 1,
        CaptureState::Silent => 2,
        CaptureState::Unlinked => 3,
        CaptureState::Expired => 4,
        CaptureState::Stopped => 5,
        CaptureState::Importing => 6,
    }
}

impl GapWhy {
    fn of_state(state: i64) -> Option<Self> {
        match state {
            2 => Some(Self::AccountSilent),
            3 => Some(Self::Unlinked),
            4 => Some(Self::Expired),
            5 => Some(Self::Stopped),
            _ => None,
        }
    }

    fn number(self) -> i64 {
        match self {
            Self::Silent => 0,
            Self::AccountSilent => 1,
            Self::Unlinked => 2,
            Self::Expired => 3,
            Self::Stopped => 4,
            Self::Losses => 5,
            Self::Withdrawn => 6,
            Self::Flagged => 7,
            _ => 8,
        }
    }

    fn from_number(number: i64) -> Self {
        match number {
            0 => Self::Silent,
            1 => Self::AccountSilent,
            2 => Self::Unlinked,
            3 => Self::Expired,
            4 => Self::Stopped,
            5 => Self::Losses,
            6 => Self::Withdrawn,
            _ => Self::Flagged,
        }
    }
}
