//! What the enrolment office writes down, sealed to the governance epoch, so that it keeps no name in
//! the clear: who an agent is (ENROL-9), and which plan it was sent (PLAN-11).

use canonical::{CanonicalError, Milliseconds};
use minicbor::{Decode, Encode};
use wire::{EntryId, SignerId};

use crate::plan::{Plan, PlanError};

const AGENT: &str = "agent";
const PLAN: &str = "plan";
const MAX_TEXT: usize = 1_024;

/// An act of the office.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum OfficeAct {
    /// ENROL-9: an agent was enrolled for somebody.
    Bound(Binding),
    /// PLAN-11: a plan was sent.
    Sent(PlanSent),
}

/// Who an agent is.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Binding {
    #[n(0)]
    version: u64,
    #[n(1)]
    what: String,
    /// The agent.
    #[n(2)]
    pub agent: SignerId,
    /// Opaque id of the person.
    #[n(3)]
    pub person: Option<String>,
    /// The custodian's name, as typed.
    #[n(4)]
    pub name: String,
    /// What the machine is called, as typed.
    #[n(5)]
    pub device: String,
    /// SHA-256 of the text that was agreed to.
    #[cbor(n(6), with = "minicbor::bytes")]
    pub consent: [u8; 32],
    /// When "yes" was said.
    #[n(7)]
    pub consented: Milliseconds,
}

/// A plan that was sent to an agent.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct PlanSent {
    #[n(0)]
    version: u64,
    #[n(1)]
    what: String,
    #[n(2)]
    agent: SignerId,
    #[cbor(n(3), with = "minicbor::bytes")]
    plan: Vec<u8>,
    #[n(4)]
    mail: Option<EntryId>,
}

/// The first fields of every act.
#[derive(Decode)]
#[cbor(map)]
struct Head {
    #[n(0)]
    version: u64,
    #[n(1)]
    what: String,
}

/// Why a part is no act of the office.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OfficeActError {
    /// Not canonical, or another structure.
    #[error("not an act of the office")]
    Encoding(#[source] CanonicalError),
    /// Another kind of act, a version that this program does not know, or a text over its limit.
    #[error("an act of another kind or version")]
    Kind,
    /// The plan in it is none.
    #[error("the plan that was sent")]
    Plan(#[from] PlanError),
}

impl Binding {
    /// Binds an agent to whom its request names.
    #[must_use]
    pub fn new(agent: SignerId, person: Option<String>, request: &crate::EnrolmentRequest) -> Self {
        Self {
            version: 1,
            what: AGENT.to_owned(),
            agent,
            person,
            name: request.name.clone(),
            device: request.device.clone(),
            consent: request.consent.text,
            consented: request.consent.at,
        }
    }
}

impl PlanSent {
    /// A plan, and the entry that carries it where that is known.
    #[must_use]
    pub fn new(plan: &Plan, mail: Option<EntryId>) -> Self {
        Self {
            version: 1,
            what: PLAN.to_owned(),
            agent: plan.agent(),
            plan: plan.to_bytes(),
            mail,
        }
    }

    /// The agent that it was sent to.
    #[must_use]
    pub fn agent(&self) -> SignerId {
        self.agent
    }

    /// The entry that carries it.
    #[must_use]
    pub fn mail(&self) -> Option<EntryId> {
        self.mail
    }

    /// The plan.
    ///
    /// # Errors
    ///
    /// When it is none, or another agent's.
    pub fn plan(&self) -> Result<Plan, PlanError> {
        let plan = Plan::from_bytes(&self.plan)?;
        if plan.agent() == self.agent {
            Ok(plan)
        } else {
            Err(PlanError::Agent)
        }
    }
}

impl OfficeAct {
    /// The act's only part.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Bound(binding) => canonical::to_bytes(binding),
            Self::Sent(sent) => canonical::to_bytes(sent),
        }
    }

    /// Reads the first part of an act.
    ///
    /// # Errors
    ///
    /// When it is none of the office's.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, OfficeActError> {
        // Which act it is stands in fields that all have; the whole is checked by its own type.
        let head: Head = minicbor::decode(bytes).map_err(|_| OfficeActError::Kind)?;
        match (head.version, head.what.as_str()) {
            (1, AGENT) => {
                let binding: Binding =
                    canonical::from_bytes(bytes).map_err(OfficeActError::Encoding)?;
                let person = binding.person.as_deref().unwrap_or_default();
                let texts = [person, &binding.name, &binding.device];
                if texts.iter().any(|text| text.len() > MAX_TEXT) {
                    return Err(OfficeActError::Kind);
                }
                Ok(Self::Bound(binding))
            }
            (1, PLAN) => {
                let sent: PlanSent =
                    canonical::from_bytes(bytes).map_err(OfficeActError::Encoding)?;
                sent.plan()?;
                Ok(Self::Sent(sent))
            }
            _ => Err(OfficeActError::Kind),
        }
    }
}

impl std::fmt::Debug for OfficeAct {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bound(binding) => binding.fmt(f),
            Self::Sent(sent) => sent.fmt(f),
        }
    }
}

impl std::fmt::Debug for Binding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Binding({:?})", self.agent)
    }
}

impl std::fmt::Debug for PlanSent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PlanSent({:?}, ‹{} bytes›)", self.agent, self.plan.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::RetentionClass;

    fn binding() -> Binding {
        Binding {
            version: 1,
            what: AGENT.to_owned(),
            agent: SignerId::from_bytes([4; 32]),
            person: Some("p-1".into()),
            name: "marker Ada".into(),
            device: "laptop".into(),
            consent: [5; 32],
            consented: Milliseconds::new(7),
        }
    }

    #[test]
    fn enrol_9_and_plan_11_acts_are_read_as_they_were_written() {
        let plan = Plan::new(
            SignerId::from_bytes([4; 32]),
            2,
            crate::Decision::Exclude,
            vec![],
            RetentionClass::new(0),
            vec![],
            None,
        )
        .unwrap();
        let sent = PlanSent::new(&plan, Some(EntryId::from_bytes([9; 32])));
        assert_eq!(sent.plan().unwrap(), plan);
        for act in [OfficeAct::Bound(binding()), OfficeAct::Sent(sent)] {
            assert_eq!(OfficeAct::from_bytes(&act.to_bytes()).unwrap(), act);
            assert!(!format!("{act:?}").contains("marker"));
        }
    }

    #[test]
    fn other_acts_are_refused() {
        let wrong = Binding {
            what: "something".into(),
            ..binding()
        };
        let later = Binding {
            version: 2,
            ..binding()
        };
        let long = Binding {
            name: "x".repeat(MAX_TEXT + 1),
            ..binding()
        };
        for act in [wrong, later, long] {
            assert!(OfficeAct::from_bytes(&canonical::to_bytes(&act)).is_err());
        }
        for bytes in [&[][..], &[0xa0], &[0x80], &[0xff; 40]] {
            assert!(OfficeAct::from_bytes(bytes).is_err());
        }
    }
}
