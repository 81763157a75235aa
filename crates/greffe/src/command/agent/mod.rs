//! `greffe agent`: enrolment, running, linking, plans, on a custodian's machine.

mod enrol;
mod link;
mod plan;
pub(crate) mod run;
mod status;

use std::path::PathBuf;

use super::Context;
use crate::cli::agent::{Agent, AgentAction};
use crate::failure::Failure;

pub(crate) fn run(context: &Context, arguments: &Agent) -> Result<(), Failure> {
    let folder = folder(arguments)?;
    match &arguments.action {
        AgentAction::Enrol(enrol) => enrol::run(context, &folder, enrol),
        AgentAction::Plan => plan::run(context, &folder),
        AgentAction::Link(link) => link::run(context, &folder, link),
        AgentAction::Run(run) => run::run(context, &folder, run),
        AgentAction::Status(status) => status::run(context, &folder, status),
    }
}

/// The agent's folder: the one named, else `greffe-agent` in the user's data folder.
fn folder(arguments: &Agent) -> Result<PathBuf, Failure> {
    if let Some(folder) = &arguments.folder {
        // Connectors work in folders of their own: a relative name would mean another place there.
        return std::path::absolute(folder)
            .map_err(|error| Failure::new("agent-no-folder").because(&error));
    }
    let from = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    from("XDG_DATA_HOME")
        .map(PathBuf::from)
        .or_else(|| from("HOME").map(|home| PathBuf::from(home).join(".local/share")))
        .map(|data| data.join("greffe-agent"))
        .ok_or_else(|| Failure::new("agent-no-folder"))
}
