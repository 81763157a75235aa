//! `greffe agent enrol`: a custodian enrols by an act of their own.

use std::path::Path;

use crate::cli::agent::AgentEnrol;
use crate::command::Context;
use crate::failure::Failure;

pub(crate) fn run(_: &Context, _: &Path, arguments: &AgentEnrol) -> Result<(), Failure> {
    Err(Failure::new("invitation-wrong").with("why", arguments.invitation.as_str()))
}
