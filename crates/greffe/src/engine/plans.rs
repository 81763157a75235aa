//! The office's plans: proposed, signed by as many as it takes, sent, and written down (plan.md).

use std::fs;
use std::path::PathBuf;

use seal::{OfficeAct, Plan, PlanProposal, PlanSent};
use serde_json::{Value, json};
use wire::{Act, Enrol, Purpose, Role, SignerId, XWingKey};
use zeroize::Zeroizing;

use super::Engine;
use super::office::{KeptAgent, Office, read_key};
use crate::failure::Failure;
use crate::home::{self, Home};
use crate::system::{OsRandomness, now};

impl Engine {
    /// Sends what was proposed elsewhere; canonical bytes in hex.
    pub(super) async fn submit_text(
        &self,
        home: &Home,
        office: &Office,
        proposal: &str,
    ) -> Result<Value, Failure> {
        let proposal =
            PlanProposal::from_bytes(&unhex(proposal)?).map_err(|error| wrong(&error))?;
        self.submit(home, office, &proposal).await
    }

    /// PLAN-11: plans that an earlier version of this program left in the clear go into the log, and
    /// then from the folder. A crash between writes one down twice.
    pub(super) async fn seal_left_plans(&self, office: &Office) -> Result<(), Failure> {
        let left = office.left_plans()?;
        // Without authority they wait for the next time.
        if left.is_empty()
            || office
                .lacks(self.authority_view().authority())
                .contains(&"enrol")
        {
            return Ok(());
        }
        for path in left {
            match Plan::from_bytes(&home::read(&path)?) {
                Ok(plan) => {
                    let sent = OfficeAct::Sent(PlanSent::new(&plan, None));
                    self.write_down(office, &sent).await?;
                }
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "no plan, and removed");
                }
            }
            fs::remove_file(&path).map_err(|error| {
                Failure::new("can-not-write")
                    .with("path", path.as_path())
                    .because(&error)
            })?;
        }
        Ok(())
    }

    /// What the office keeps of an agent, and the mailbox key that the control chain knows. The agent
    /// of this folder, which an earlier version of this program enrolled without one, is given its own
    /// now (CONTROL-5).
    async fn mailbox_of(
        &self,
        home: &Home,
        office: &Office,
        agent: SignerId,
    ) -> Result<(KeptAgent, XWingKey), Failure> {
        let none = || Failure::new("plan-no-mailbox").with("agent", agent.to_string());
        let kept = office.agents()?.remove(&agent.to_string());
        let known = |engine: &Self| {
            let view = engine.authority_view();
            let signer = view.authority().signer(&agent);
            signer.and_then(wire::authority::SignerState::mailbox)
        };
        let own = self.agent().identity();
        let (kept, mailbox) = if agent == own.signer().id() {
            let mailbox = own.mailbox().recipient().key().clone();
            if known(self).is_none() {
                let act = Act::Enrol(Enrol {
                    key: own.signer().public(),
                    role: Role::Agent,
                    mailbox: Some(mailbox.clone()),
                    follows: None,
                    follows_until: None,
                    tls: None,
                });
                self.act_as_office(office, act).await?;
            }
            let founding = || {
                Ok::<_, Failure>(KeptAgent {
                    person: Some(home.settings()?.agent.custodian),
                    mailbox: canonical::hex(mailbox.as_bytes()),
                    enrolled: now().get(),
                    plan: 0,
                    private: 0,
                })
            };
            (kept.map_or_else(founding, Ok)?, mailbox)
        } else {
            let kept = kept.ok_or_else(none)?;
            let mailbox = unhex(&kept.mailbox)?;
            (kept, XWingKey::from_bytes(&mailbox).ok_or_else(none)?)
        };
        // CONTROL-7: the relay would refuse it.
        if known(self) == Some(mailbox.mailbox_hash()) {
            Ok((kept, mailbox))
        } else {
            Err(none())
        }
    }

    /// A proposal that the office has signed.
    pub(super) async fn propose(
        &self,
        home: &Home,
        office: &Office,
        plan: &str,
    ) -> Result<PlanProposal, Failure> {
        let plan = Plan::from_bytes(&unhex(plan)?).map_err(|error| wrong(&error))?;
        // PLAN-10: the agent would refuse it.
        plan.check_class(self.authority_view().authority())
            .map_err(|_| Failure::new("plan-class").with("class", plan.class().get()))?;
        let (_, mailbox) = self.mailbox_of(home, office, plan.agent()).await?;
        let (at, _) = self.control_position(office.key().id()).await?;
        let mut proposal = PlanProposal::new(
            self.archive(),
            office.key().id(),
            at,
            &plan,
            &mailbox,
            now(),
            &mut OsRandomness::new(),
        );
        proposal.sign(office.key()).map_err(|error| wrong(&error))?;
        Ok(proposal)
    }

    pub(super) async fn send_plan(
        &self,
        home: &Home,
        office: &Office,
        plan: &str,
        seconds: &[PathBuf],
    ) -> Result<Value, Failure> {
        let mut proposal = self.propose(home, office, plan).await?;
        for path in seconds {
            proposal
                .sign(&read_key(path)?)
                .map_err(|error| wrong(&error))?;
        }
        self.submit(home, office, &proposal).await
    }

    /// Posts what was proposed. The number is taken before the mail goes out: it is never given twice.
    async fn submit(
        &self,
        home: &Home,
        office: &Office,
        proposal: &PlanProposal,
    ) -> Result<Value, Failure> {
        let plan = proposal.plan().map_err(|error| wrong(&error))?;
        let (mut kept, mailbox) = self.mailbox_of(home, office, plan.agent()).await?;
        let (at, _) = self.control_position(office.key().id()).await?;
        let stale = proposal.place() != (office.key().id(), at)
            || proposal.archive() != self.archive()
            || proposal.mailbox() != mailbox.mailbox_hash()
            || plan.number() <= kept.plan;
        if stale {
            return Err(Failure::new("plan-proposal-stale"));
        }
        self.enough(proposal, &plan)?;
        let (object, entry) = proposal.finish().map_err(|error| wrong(&error))?;
        let name = plan.agent().to_string();
        kept.plan = plan.number();
        kept.private = plan.private_rules() as u64;
        office.keep_agent(&name, &kept)?;
        let mail = entry.id();
        self.post_with(object, &entry).await?;
        let sent = OfficeAct::Sent(PlanSent::new(&plan, Some(mail)));
        self.write_down(office, &sent).await?;
        self.deliver(&mut |_| ()).await?;
        Ok(json!({
            "agent": name, "plan": plan.number(), "private": plan.private_rules(),
            "signatures": entry.signatures().len(),
        }))
    }

    /// PLAN-1, PLAN-3: whether one delegation counts these signatures, and enough of them.
    fn enough(&self, proposal: &PlanProposal, plan: &Plan) -> Result<(), Failure> {
        let signers: Vec<SignerId> = proposal.signers().collect();
        let view = self.authority_view();
        let needed = view
            .authority()
            .delegations()
            .iter()
            .filter(|delegation| {
                delegation.purpose() == Purpose::Plan
                    && delegation.until() > now()
                    && signers.iter().all(|id| delegation.keys().contains(id))
            })
            .map(|delegation| usize::from(delegation.threshold()))
            .min()
            .ok_or_else(|| Failure::new("plan-not-approver"))?;
        let private = plan.private_rules() > 0;
        if private && signers.len() < 2 {
            return Err(Failure::new("plan-second-person"));
        }
        if signers.len() < needed {
            return Err(Failure::new("plan-signatures")
                .with("have", signers.len())
                .with("needed", needed));
        }
        Ok(())
    }
}

impl Office {
    /// Plans in the clear, as an earlier version of this program kept them.
    fn left_plans(&self) -> Result<Vec<PathBuf>, Failure> {
        let folder = self.agents_folder();
        let mut left: Vec<PathBuf> = fs::read_dir(&folder)
            .and_then(|files| files.map(|file| Ok(file?.path())).collect())
            .map_err(|error| {
                Failure::new("can-not-read")
                    .with("path", folder.as_path())
                    .because(&error)
            })?;
        left.retain(|path| path.extension().is_some_and(|end| end == "plan"));
        left.sort();
        Ok(left)
    }
}

fn unhex(text: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    data_encoding::HEXLOWER
        .decode(text.as_bytes())
        .map(Zeroizing::new)
        .map_err(|error| wrong(&error))
}

fn wrong(error: &dyn std::error::Error) -> Failure {
    Failure::new("plan-wrong").because(error)
}
