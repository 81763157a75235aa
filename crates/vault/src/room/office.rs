//! Who an agent is and which plan it was sent: what the enrolment office has written down, opened
//! (ENROL-9, PLAN-11).

use std::collections::BTreeMap;

use seal::{OfficeAct, open_acts};
use wire::{Body, Purpose};

use super::answers::Trouble;
use super::desk::Desk;
use super::filing::{MAX_BATCH, object_of};
use super::protocol::{AgentBound, AgentPlan, Answer, OfficeAgent};

impl Desk {
    /// Every agent that the office has written down, by its newest acts.
    pub(super) fn office(&self, who: &str) -> Result<Answer, Trouble> {
        let mut agents: BTreeMap<String, OfficeAgent> = BTreeMap::new();
        for entry in self.governance_entries() {
            let Body::Governance(head) = entry.entry().body() else {
                continue;
            };
            // Other acts of governance are none of the office's.
            if head.purpose != Purpose::Enrol {
                continue;
            }
            let object = object_of(self.mirror(), &entry, MAX_BATCH).ok().flatten();
            let (Some(key), Some(object)) = (self.keys().governance(head.epoch), object) else {
                continue;
            };
            let acts = open_acts(&key, &entry, &object).map_err(|error| Trouble::failed(&error))?;
            for parts in acts.acts() {
                let Some(Ok(act)) = parts.first().map(|part| OfficeAct::from_bytes(part)) else {
                    continue;
                };
                let index = entry.index().get();
                let (agent, bound, plan) = match act {
                    OfficeAct::Bound(binding) => {
                        let bound = AgentBound {
                            person: binding.person,
                            name: binding.name,
                            device: binding.device,
                            consent: canonical::hex(&binding.consent),
                            consented: binding.consented.get(),
                            index,
                        };
                        (binding.agent, Some(bound), None)
                    }
                    OfficeAct::Sent(sent) => {
                        let Ok(plan) = sent.plan() else { continue };
                        let plan = AgentPlan {
                            number: plan.number(),
                            bytes: canonical::hex(&plan.to_bytes()),
                            mail: sent.mail().map(|mail| mail.to_string()),
                            index,
                        };
                        (sent.agent(), None, Some(plan))
                    }
                    _ => continue,
                };
                let row = agents
                    .entry(agent.to_string())
                    .or_insert_with(|| OfficeAgent {
                        agent: agent.to_string(),
                        bound: None,
                        plan: None,
                    });
                if bound.is_some() {
                    row.bound = bound;
                }
                // Written down again after a crash, or late: the highest number is the newest.
                if let Some(plan) = plan
                    && row
                        .plan
                        .as_ref()
                        .is_none_or(|old| old.number <= plan.number)
                {
                    row.plan = Some(plan);
                }
            }
        }
        let facts = vec![("agents".to_owned(), agents.len().to_string())];
        self.look(who, "office", facts, Vec::new())?;
        Ok(Answer::Office(agents.into_values().collect()))
    }
}
