//! `greffe agent status`: how an agent stands, also while it runs, from what it writes down.

use std::path::Path;

use capture::{AgentStatus, Confinement};
use serde_json::json;

use super::run::{host_folders, lock};
use crate::cli::agent::AgentStatusArguments;
use crate::command::{Context, time_of};
use crate::engine::part_failed;
use crate::failure::{Exit, Failure};
use crate::text::{printable, say, word};

pub(crate) fn run(
    context: &Context,
    folder: &Path,
    arguments: &AgentStatusArguments,
) -> Result<(), Failure> {
    let folders = match &arguments.host {
        Some(host) => host_folders(host)?,
        None => vec![folder.to_owned()],
    };
    let mut seen = Vec::new();
    for folder in &folders {
        if !folder.join("signer.seed").is_file() {
            return Err(Failure::new("agent-not-enrolled")
                .with("folder", folder.as_path())
                .exit(Exit::NotFound));
        }
        let status = AgentStatus::read(folder).map_err(|error| part_failed("agent", &error))?;
        seen.push((folder, lock(folder).is_err(), status));
    }
    let confinement = Confinement::here();
    let value = json!({
        "confinement": confinement,
        "agents": seen.iter().map(|(folder, running, status)| json!({
            "folder": folder, "running": running, "status": status,
        })).collect::<Vec<_>>(),
    });
    context.output.result(&value, || {
        let texts: Vec<String> = seen
            .iter()
            .map(|(folder, running, status)| text(folder, *running, status.as_ref()))
            .collect();
        texts.join("\n\n")
    });
    Ok(())
}

fn text(folder: &Path, running: bool, status: Option<&AgentStatus>) -> String {
    let mut lines = vec![say!("agent-status-folder", folder = folder)];
    let Some(status) = status else {
        lines.push(word("agent-status-never"));
        return lines.join("\n");
    };
    lines.push(if running {
        say!("agent-status-runs", since = time_of(status.started_at))
    } else {
        say!("agent-status-not", at = time_of(status.written_at))
    });
    lines.push(say!(
        "agent-status-relay",
        relay = status.relay.as_str(),
        heard = status
            .relay_heard_at
            .map_or_else(|| "–".to_owned(), time_of),
        waiting = status.waiting,
        receipted = status.receipted,
    ));
    for account in &status.accounts {
        lines.push(say!(
            "agent-status-account",
            network = printable(&account.network),
            account = printable(&account.account),
            state = word(&format!("event-{}", account.state)),
            since = time_of(account.since),
            captured = account.captured,
            losses = account.losses,
        ));
        if let Some(detail) = &account.detail {
            lines.push(format!("    {}", printable(detail)));
        }
        if let Some(from) = account.missing_since {
            lines.push(say!("agent-status-missing", from = time_of(from)));
        }
        // PLAN-9
        if account.trouble.as_deref() == Some("notices-not-given") {
            lines.push(format!("    {}", word("notices-not-given")));
        }
    }
    if status.accounts.is_empty() {
        lines.push(word("agent-status-no-account"));
    }
    for alarm in &status.alarms {
        lines.push(say!(
            "agent-status-alarm",
            what = word(&format!("agent-alarm-{}", alarm.key)),
            since = time_of(alarm.since),
            account = alarm
                .account
                .as_deref()
                .map_or_else(|| "–".to_owned(), |id| id[..id.len().min(8)].to_owned()),
        ));
    }
    lines.join("\n")
}
