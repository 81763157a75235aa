//! `greffe agent plan`: what the custodian may see of the plan: all of it (PLAN-8).

use std::path::Path;

use capture::{Agent, Identity};

use crate::command::Context;
use crate::command::plan::{as_json, in_words};
use crate::engine::environment;
use crate::engine::part_failed;
use crate::failure::Failure;

pub(crate) fn run(context: &Context, folder: &Path) -> Result<(), Failure> {
    let identity = Identity::open(folder).map_err(|error| part_failed("agent", &error))?;
    let plan = match Agent::open(identity, environment()) {
        Ok(agent) => agent.plan().as_ref().clone(),
        Err(capture::AgentError::Spool(capture::spool::SpoolError::InUse)) => {
            // The agent runs: what it obeys is read beside it, and nothing is changed.
            let identity = Identity::open(folder).map_err(|error| part_failed("agent", &error))?;
            capture::plan_beside(&identity).map_err(|error| part_failed("agent", &error))?
        }
        Err(error) => return Err(part_failed("agent", &error)),
    };
    context.output.result(&as_json(&plan), || in_words(&plan));
    Ok(())
}
