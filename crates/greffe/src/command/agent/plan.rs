//! `greffe agent plan`: what the custodian may see of the plan: all of it (PLAN-8).

use std::path::Path;
use std::sync::Arc;

use capture::{Agent, AgentError, Courier, Identity};
use client::{RelayAddress, RelayClient};
use seal::Plan;

use super::run::credential;
use crate::command::Context;
use crate::command::plan::{as_json, in_words};
use crate::engine::{environment, part_failed};
use crate::failure::Failure;
use crate::text::word;

/// While the agent runs, what it obeys is read beside it; else mail is looked for first.
pub(crate) fn run(context: &Context, folder: &Path) -> Result<(), Failure> {
    let failed = |error: &dyn std::error::Error| part_failed("agent", error);
    // AGENT-7
    let open = || -> Result<Identity, Failure> {
        Identity::open_with(folder, credential()?).map_err(|error| failed(&error))
    };
    let identity = open()?;
    let plan = match Agent::open(identity, environment()) {
        Ok(agent) => context.runtime.block_on(newest(context, agent)),
        Err(AgentError::Spool(capture::spool::SpoolError::InUse)) => {
            capture::plan_beside(&open()?).map_err(|error| failed(&error))?
        }
        Err(error) => return Err(failed(&error)),
    };
    context.output.result(&as_json(&plan), || in_words(&plan));
    Ok(())
}

/// The plan that was kept, if the relay can not be asked.
async fn newest(context: &Context, agent: Agent) -> Plan {
    let agent = Arc::new(agent);
    let identity = agent.identity();
    let address = RelayAddress {
        url: identity.trust().relay.clone(),
        pin: identity.trust().pin,
    };
    let signer = Arc::clone(identity.signer());
    if let Ok(client) = RelayClient::new(&address, agent.archive(), signer) {
        let mut courier = Courier::new(Arc::clone(&agent), client);
        let read = async {
            courier.read_control().await?;
            courier.read_mail().await
        };
        if let Err(error) = read.await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "mail could not be read"
            );
            context.output.note(&word("plan-not-asked"));
        } else if let Err(error) = courier.deliver().await {
            tracing::warn!(%error, "the plan is not acknowledged yet");
        }
    }
    agent.plan().as_ref().clone()
}
