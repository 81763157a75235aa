//! `greffe agent …`: what is done on a custodian's machine.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// The agent's commands. Its folder is not the archive's: a custodian's machine has no archive.
#[derive(Debug, Args)]
pub(crate) struct Agent {
    /// The agent's folder.
    #[arg(long, global = true, env = "GREFFE_AGENT", value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) action: AgentAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AgentAction {
    Enrol(AgentEnrol),
    Plan,
    Link(AgentLink),
    Run(AgentRun),
    Status(AgentStatusArguments),
}

#[derive(Debug, Args)]
pub(crate) struct AgentEnrol {
    /// The line of the invitation, or a file that holds it.
    #[arg(value_name = "INVITATION")]
    pub(crate) invitation: String,
    /// The custodian's name, which stands for "yes" to the consent.
    #[arg(long, value_name = "NAME")]
    pub(crate) consent: Option<String>,
    /// What the owner shall call this machine.
    #[arg(long, value_name = "NAME")]
    pub(crate) device: Option<String>,
    /// Wait until somebody has approved, this long at most.
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "86400")]
    pub(crate) wait: Option<u64>,
    /// This agent was restored from a copy: new keys that name the old chain.
    #[arg(long)]
    pub(crate) follows: bool,
}

#[derive(Debug, Args)]
pub(crate) struct AgentRun {
    /// Every agent in the sub-folders of this one.
    #[arg(long, value_name = "DIR")]
    pub(crate) host: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct AgentStatusArguments {
    /// Every agent in the sub-folders of this one.
    #[arg(long, value_name = "DIR")]
    pub(crate) host: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct AgentLink {
    /// The network.
    #[arg(value_name = "NETWORK")]
    pub(crate) network: String,
    /// Opaque id of the person whose account it is.
    #[arg(long, value_name = "ID", default_value = "me")]
    pub(crate) custodian: String,
    /// A setting of the connector.
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) set: Vec<String>,
    /// A secret of the connector, in a file; asked for otherwise.
    #[arg(long, value_name = "NAME=FILE")]
    pub(crate) secret: Vec<String>,
    /// What the connector may read beside its own folder and the system's programs.
    #[arg(long, value_name = "PATH")]
    pub(crate) read: Vec<PathBuf>,
}
