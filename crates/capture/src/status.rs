//! How a running agent stands, written down for whoever looks: `status.json` in its folder
//! (AGENT-6), and the alarms that follow from it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use canonical::Milliseconds;
use serde::{Deserialize, Serialize};
use wire::{AccountHandle, CaptureState};

use crate::accounts::replace;
use crate::agent::Agent;
use crate::delivery::Delivering;
use crate::running::Board;
use crate::standing::Standing;
use crate::submission::Halt;

/// Name of the file in the agent's folder.
const FILE: &str = "status.json";
/// The relay may be away so long without an alarm, in milliseconds.
const AWAY_MS: i64 = 10 * 60_000;
/// A connector that ended so often without capturing in between alarms.
const MANY_ENDS: u32 = 5;

/// How an agent stands. Times are milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentStatus {
    /// Version of this form: 1.
    pub version: u32,
    /// Process that runs the agent.
    pub pid: u32,
    /// When this was written.
    pub written_at: i64,
    /// When the process began.
    pub started_at: i64,
    /// The archive's fingerprint.
    pub archive: String,
    /// The agent's signer id.
    pub agent: String,
    /// The relay's address.
    pub relay: String,
    /// When the relay answered last.
    pub relay_heard_at: Option<i64>,
    /// Entries that the log does not have yet.
    pub waiting: u64,
    /// Entries that the log has and the vault has not confirmed.
    pub receipted: u64,
    /// Entries let go since the start.
    pub stored: u64,
    /// The accounts.
    pub accounts: Vec<AccountStatus>,
    /// What somebody should see to.
    pub alarms: Vec<LocalAlarm>,
}

/// How one account stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountStatus {
    /// Its opaque handle, in hex: what relay and vault call it.
    pub handle: String,
    /// Its network.
    pub network: String,
    /// Its stable id.
    pub account: String,
    /// Whose it is.
    pub custodian: String,
    /// `connected`, `lagging`, `silent`, `unlinked`, `expired`, `stopped`.
    pub state: String,
    /// Since when.
    pub since: i64,
    /// When the connector was heard last.
    pub heard_at: Option<i64>,
    /// Since when something may be missing, while that lasts.
    pub missing_since: Option<i64>,
    /// Records captured.
    pub captured: u64,
    /// Losses recorded.
    pub losses: u64,
    /// Ends of the connector that nobody asked for, since the start.
    pub ends: u32,
    /// The connector and its version.
    pub connector: Option<String>,
    /// What the connector says to the state.
    pub detail: Option<String>,
    /// The newest trouble, by its key in the catalogue.
    pub trouble: Option<String>,
}

/// What somebody should see to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LocalAlarm {
    /// Its key in the catalogue, without `agent-alarm-` before it.
    pub key: String,
    /// The account's opaque handle, where it is one account's.
    pub account: Option<String>,
    /// Since when.
    pub since: i64,
}

/// Why `status.json` can not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StatusError {
    /// The file.
    #[error("{}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is no status.
    #[error("{} is not understood", path.display())]
    Form {
        /// Which.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
}

impl AgentStatus {
    /// How an agent stands now.
    pub fn of(
        agent: &Agent,
        board: &Board,
        delivering: &Delivering,
        started: Milliseconds,
    ) -> Self {
        let now = agent.environment().now();
        let all = board.all();
        let mut alarms: Vec<LocalAlarm> = agent_alarms(agent, delivering, now);
        for (handle, _, standing) in &all {
            alarms.extend(account_alarm(handle, standing));
        }
        let accounts = all
            .into_iter()
            .map(|(handle, job, standing)| {
                let counts = agent.spool().account_counts(&handle).unwrap_or_default();
                AccountStatus {
                    handle: handle.to_string(),
                    network: job.network,
                    account: job.account,
                    custodian: job.custodian,
                    state: state_name(standing.state()).to_owned(),
                    since: standing.since().get(),
                    heard_at: standing.heard_at().map(Milliseconds::get),
                    missing_since: standing.missing_since().map(Milliseconds::get),
                    captured: counts.captured,
                    losses: counts.losses,
                    ends: standing.ends(),
                    connector: standing.connector().map(str::to_owned),
                    detail: standing.detail().map(str::to_owned),
                    trouble: standing.trouble().map(str::to_owned),
                }
            })
            .collect();
        let identity = agent.identity();
        Self {
            version: 1,
            pid: std::process::id(),
            written_at: now.get(),
            started_at: started.get(),
            archive: agent.archive().to_string(),
            agent: identity.signer().id().to_string(),
            relay: identity.trust().relay.clone(),
            relay_heard_at: delivering.heard_at.map(Milliseconds::get),
            waiting: delivering.waiting,
            receipted: delivering.receipted,
            stored: delivering.stored,
            accounts,
            alarms,
        }
    }

    /// Reads that of the agent in `folder`, if it ever ran.
    ///
    /// # Errors
    ///
    /// When the file can not be read or is no status.
    pub fn read(folder: &Path) -> Result<Option<Self>, StatusError> {
        let path = folder.join(FILE);
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(StatusError::Io { path, source }),
            Ok(bytes) => bytes,
        };
        Self::parse(&path, &bytes).map(Some)
    }

    /// Reads the bytes of a file; `path` is told where it is wrong.
    ///
    /// # Errors
    ///
    /// When they are no status.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self, StatusError> {
        serde_json::from_slice(bytes).map_err(|source| StatusError::Form {
            path: path.to_owned(),
            source,
        })
    }

    /// Writes it into the agent's folder: the old file or the new one, whole.
    ///
    /// # Errors
    ///
    /// When the disk fails; what stood there stands.
    pub fn write(&self, folder: &Path) -> Result<(), StatusError> {
        let path = folder.join(FILE);
        let bytes = serde_json::to_vec_pretty(self).map_err(|source| StatusError::Form {
            path: path.clone(),
            source,
        })?;
        replace(&path, &bytes).map_err(|source| StatusError::Io { path, source })
    }

    /// Since when something may be missing of the accounts of that run, for the next one
    /// (AGENT-2): of those that were not stopped in order, since they were seen last.
    pub fn left(&self) -> BTreeMap<AccountHandle, Milliseconds> {
        let since = |account: &AccountStatus| {
            let running = account.state != state_name(CaptureState::Stopped);
            let seen = account.heard_at.filter(|_| running);
            account.missing_since.or(seen).map(Milliseconds::new)
        };
        self.accounts
            .iter()
            .filter_map(|account| Some((account.handle.parse().ok()?, since(account)?)))
            .collect()
    }
}

fn agent_alarms(agent: &Agent, delivering: &Delivering, now: Milliseconds) -> Vec<LocalAlarm> {
    let alarm = |key: &str, since: Milliseconds| LocalAlarm {
        key: key.to_owned(),
        account: None,
        since: since.get(),
    };
    let mut alarms = Vec::new();
    if let Some(halt) = &delivering.halt {
        let key = match halt {
            Halt::ForeignArchive => "foreign-archive",
            Halt::NotEnrolled => "not-enrolled",
            Halt::Revoked => "revoked",
            Halt::Denied => "denied",
            Halt::NotAllowed => "not-allowed",
            Halt::Clone => "clone",
            Halt::Fork => "fork",
            Halt::Behind { .. } => "behind",
        };
        let since = delivering.forked_since.or(delivering.halted_since);
        alarms.push(alarm(key, since.unwrap_or(now)));
    } else if let Some(since) = delivering.forked_since {
        alarms.push(alarm("fork", since));
    }
    if let Some(since) = delivering.away_since
        && now.since(since) > AWAY_MS
    {
        alarms.push(alarm("relay-away", since));
    }
    // AGENT-10.
    if let Some(since) = delivering.withheld_since {
        alarms.push(alarm("control-withheld", since));
    }
    if let Ok(Some(since)) = agent.stale_since() {
        alarms.push(alarm("stale-head", since));
    }
    if let Ok(Some(since)) = agent.unconfirmed_since() {
        alarms.push(alarm("unconfirmed", since));
    }
    if let Some(since) = delivering.full_since {
        alarms.push(alarm("disk-full", since));
    }
    if agent
        .control()
        .seal_to(wire::RetentionClass::default(), now)
        .is_err()
    {
        alarms.push(alarm("no-epoch", now));
    }
    alarms
}

fn account_alarm(handle: &AccountHandle, standing: &Standing) -> Option<LocalAlarm> {
    let key = match standing.state() {
        _ if standing.is_full() => "disk-full",
        CaptureState::Unlinked => "unlinked",
        CaptureState::Expired => "expired",
        CaptureState::Silent if standing.ends() >= MANY_ENDS => "connector-ends",
        CaptureState::Silent if standing.ends() > 0 || standing.missing_since().is_some() => {
            "silent"
        }
        _ => return None,
    };
    Some(LocalAlarm {
        key: key.to_owned(),
        account: Some(handle.to_string()),
        since: standing.missing_since().unwrap_or(standing.since()).get(),
    })
}

fn state_name(state: CaptureState) -> &'static str {
    match state {
        CaptureState::Connected => "connected",
        CaptureState::Lagging => "lagging",
        CaptureState::Silent => "silent",
        CaptureState::Unlinked => "unlinked",
        CaptureState::Expired => "expired",
        CaptureState::Stopped => "stopped",
        CaptureState::Importing => "importing",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(state: &str, heard: Option<i64>, missing: Option<i64>) -> AccountStatus {
        AccountStatus {
            handle: canonical::hex(&[u8::try_from(heard.unwrap_or(0)).unwrap(); 16]),
            network: "n".into(),
            account: "a".into(),
            custodian: "c".into(),
            state: state.into(),
            since: 0,
            heard_at: heard,
            missing_since: missing,
            captured: 0,
            losses: 0,
            ends: 0,
            connector: None,
            detail: None,
            trouble: None,
        }
    }

    /// AGENT-2, AGENT-4: a run that was killed leaves intervals open, one that was stopped does not.
    #[test]
    fn agent_2_what_a_killed_run_leaves_open() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(AgentStatus::read(folder.path()).unwrap(), None);
        let status = AgentStatus {
            version: 1,
            pid: 1,
            written_at: 100,
            started_at: 0,
            archive: "a".into(),
            agent: "b".into(),
            relay: "c".into(),
            relay_heard_at: None,
            waiting: 0,
            receipted: 0,
            stored: 0,
            accounts: vec![
                account("connected", Some(90), None),
                account("stopped", Some(80), None),
                account("silent", Some(70), Some(20)),
                account("stopped", Some(60), Some(10)),
                account("silent", None, None),
            ],
            alarms: vec![],
        };
        status.write(folder.path()).unwrap();
        let read = AgentStatus::read(folder.path()).unwrap().unwrap();
        assert_eq!(read, status);
        // AGENT-6: nothing but these; whoever adds a field says here that it is no content.
        let file = std::fs::read(folder.path().join("status.json")).unwrap();
        let written: serde_json::Value = serde_json::from_slice(&file).unwrap();
        let names = |value: &serde_json::Value| -> Vec<String> {
            value.as_object().unwrap().keys().cloned().collect()
        };
        assert_eq!(
            names(&written).join(" "),
            "version pid written_at started_at archive agent relay relay_heard_at waiting \
             receipted stored accounts alarms"
        );
        assert_eq!(
            names(&written["accounts"][0]).join(" "),
            "handle network account custodian state since heard_at missing_since captured losses \
             ends connector detail trouble"
        );
        let left: Vec<i64> = read.left().into_values().map(Milliseconds::get).collect();
        assert_eq!(left, [10, 20, 90]);
    }
}
