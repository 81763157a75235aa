//! The enrolment office: the owner's seat for invitations, enrolments, revocations and plans. Its
//! key is a delegate's; the root has let it act for `enrol` and `plan`, and ends that at will.
//!
//! The office keeps opaque ids, keys and open invitations. Names that custodians typed are shown
//! while they wait, and go into the log sealed to the governance epoch (ENROL-9); they are not kept
//! here in the clear.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use bytes::Bytes;
use canonical::Milliseconds;
use seal::{
    Binding, EnrolmentRequest, GovernanceBuilder, InvitationCode, OfficeAct, check_words, seal_acts,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use wire::authority::Authority;
use wire::waiting::{InvitationTerms, RequestId, RequestState};
use wire::{
    Act, Body, Control, Enrol, Entry, EntryDraft, Purpose, Revocation, Revoke, Role,
    SequenceNumber, SignerId, SignerKey,
};
use zeroize::Zeroizing;

use super::{Engine, part_failed, start};
use crate::failure::{Exit, Failure};
use crate::home::{self, Home};
use crate::system::{OsRandomness, now};

/// What is asked of the office. Secrets travel over a socket that only this user can open.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum OfficeRequest {
    /// Whether the office may act.
    Standing,
    /// Opens an invitation.
    Invite(Invited),
    /// Waiting requests and enrolled agents.
    List,
    /// Answers the request whose id begins so.
    Answer { request: String, approve: bool },
    /// Ends an agent's authority.
    Revoke {
        agent: String,
        retired_until: Option<i64>,
        compromised_from: Option<u64>,
    },
    /// Sends a plan; canonical bytes in hex. `seconds` are paths of further persons' keys.
    SendPlan { plan: String, seconds: Vec<PathBuf> },
    /// Makes a proposal of a plan, which others sign elsewhere (PLAN-12).
    ProposePlan { plan: String },
    /// Sends what was proposed, with the signatures that it has; canonical bytes in hex.
    SubmitPlan { proposal: String },
}

/// An invitation, as the office keeps it: a file named by its public key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Invited {
    /// 32 hex digits. Deleted with the file when the invitation is used up.
    pub(crate) code: String,
    /// Milliseconds.
    pub(crate) until: i64,
    pub(crate) agents: u8,
    pub(crate) automatic: bool,
    /// Opaque id of the person that it is for.
    pub(crate) person: Option<String>,
    /// Agents that it has enrolled.
    #[serde(default)]
    pub(crate) used: u8,
}

/// An enrolled agent, as the office keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeptAgent {
    pub(super) person: Option<String>,
    /// X-Wing public key in hex.
    pub(super) mailbox: String,
    pub(super) enrolled: i64,
    #[serde(default)]
    pub(super) plan: u64,
    /// How often the newest plan says `private`.
    #[serde(default)]
    pub(super) private: u64,
}

/// The office's folder.
pub(crate) struct Office {
    folder: PathBuf,
    key: SignerKey,
}

impl Office {
    /// Opens the office, making its key if there is none.
    pub(crate) fn open(home: &Home) -> Result<Self, Failure> {
        let folder = home.part("office")?;
        home::private_folder(&folder.join("invitations"))?;
        home::private_folder(&folder.join("agents"))?;
        let path = folder.join("key.seed");
        if !path.exists() {
            let mut seed = Zeroizing::new([0; 32]);
            seal::Randomness::fill(&mut OsRandomness::new(), seed.as_mut());
            home::write_durably(&path, seed.as_ref())?;
        }
        Ok(Self {
            folder,
            key: read_key(&path)?,
        })
    }

    /// The office's key.
    pub(crate) fn key(&self) -> &SignerKey {
        &self.key
    }

    /// Which of the purposes the office may not act for now.
    pub(super) fn lacks(&self, authority: &Authority) -> Vec<&'static str> {
        [(Purpose::Enrol, "enrol"), (Purpose::Plan, "plan")]
            .into_iter()
            .filter(|(purpose, _)| {
                !authority.delegations().iter().any(|delegation| {
                    delegation.purpose() == *purpose
                        && delegation.until() > now()
                        && delegation.keys().contains(&self.key.id())
                })
            })
            .map(|(_, name)| name)
            .collect()
    }

    fn invitations(&self) -> Result<Vec<(InvitationCode, Invited)>, Failure> {
        let kept: BTreeMap<String, Invited> = self.read_all("invitations")?;
        kept.into_values()
            .map(|invited| {
                let mut code = [0; 16];
                canonical::hex_into(&invited.code, &mut code)
                    .map_err(|error| part_failed("office", &error))?;
                Ok((InvitationCode::from_bytes(code), invited))
            })
            .collect()
    }

    fn keep_invitation(&self, code: &InvitationCode, invited: &Invited) -> Result<(), Failure> {
        self.write("invitations", &code.key().public().to_string(), invited)
    }

    fn forget_invitation(&self, code: &InvitationCode) {
        let _ = fs::remove_file(self.path("invitations", &code.key().public().to_string()));
    }

    pub(super) fn agents(&self) -> Result<BTreeMap<String, KeptAgent>, Failure> {
        self.read_all("agents")
    }

    pub(super) fn agents_folder(&self) -> PathBuf {
        self.folder.join("agents")
    }

    pub(super) fn keep_agent(&self, agent: &str, kept: &KeptAgent) -> Result<(), Failure> {
        self.write("agents", agent, kept)
    }

    fn read_all<T: for<'a> Deserialize<'a>>(
        &self,
        kind: &str,
    ) -> Result<BTreeMap<String, T>, Failure> {
        let folder = self.folder.join(kind);
        let mut all = BTreeMap::new();
        let unreadable = |error: &std::io::Error| {
            Failure::new("can-not-read")
                .with("path", folder.as_path())
                .because(error)
        };
        for file in fs::read_dir(&folder).map_err(|error| unreadable(&error))? {
            let path = file.map_err(|error| unreadable(&error))?.path();
            if path.extension().is_none_or(|end| end != "toml") {
                continue;
            }
            let Some(name) = path.file_stem().and_then(|name| name.to_str()) else {
                continue;
            };
            let wrong = |error: &dyn std::error::Error| {
                Failure::new("settings-wrong")
                    .with("path", path.as_path())
                    .because(error)
            };
            let text = String::from_utf8(home::read(&path)?).map_err(|error| wrong(&error))?;
            let value = toml::from_str(&text).map_err(|error| wrong(&error))?;
            all.insert(name.to_owned(), value);
        }
        Ok(all)
    }

    fn write(&self, kind: &str, name: &str, value: &impl Serialize) -> Result<(), Failure> {
        let text = toml::to_string(value).map_err(|error| part_failed("office", &error))?;
        home::write_durably(&self.path(kind, name), text.as_bytes())
    }

    fn path(&self, kind: &str, name: &str) -> PathBuf {
        self.folder.join(kind).join(format!("{name}.toml"))
    }
}

impl Engine {
    /// Does what is asked of the office; gives what to show.
    pub(crate) async fn serve_office(
        &self,
        home: &Home,
        request: OfficeRequest,
    ) -> Result<Value, Failure> {
        let office = Office::open(home)?;
        self.deliver(&mut |_| ()).await?;
        self.seal_left_plans(&office).await?;
        match request {
            OfficeRequest::Standing => {
                let view = self.authority_view();
                let lacks = office.lacks(view.authority());
                let plans: Vec<u64> = view
                    .authority()
                    .delegations()
                    .iter()
                    .filter(|delegation| delegation.purpose() == Purpose::Plan)
                    .map(|delegation| delegation.number().get())
                    .collect();
                Ok(json!({
                    "office": office.key().public().to_string(), "lacks": lacks,
                    "plan_delegations": plans,
                }))
            }
            OfficeRequest::Invite(invited) => self.invite(&office, &invited).await,
            OfficeRequest::List => self.list(&office).await,
            OfficeRequest::Answer { request, approve } => {
                self.answer(&office, &request, approve).await
            }
            OfficeRequest::Revoke {
                agent,
                retired_until,
                compromised_from,
            } => {
                let signer = self.agent_named(&agent)?;
                let how = match (retired_until, compromised_from) {
                    (Some(until), _) => Revocation::Retired(Milliseconds::new(until)),
                    (None, from) => {
                        Revocation::Compromised(SequenceNumber::new(from.unwrap_or_default()))
                    }
                };
                self.act_as_office(&office, Act::Revoke(Revoke { signer, how }))
                    .await?;
                self.deliver(&mut |_| ()).await?;
                Ok(json!({ "agent": signer.to_string() }))
            }
            OfficeRequest::SendPlan { plan, seconds } => {
                self.send_plan(home, &office, &plan, &seconds).await
            }
            OfficeRequest::ProposePlan { plan } => {
                let proposal = self.propose(home, &office, &plan).await?;
                Ok(json!({ "proposal": canonical::hex(&proposal.to_bytes()) }))
            }
            OfficeRequest::SubmitPlan { proposal } => {
                self.submit_text(home, &office, &proposal).await
            }
        }
    }

    /// Approves what waits under invitations that need no person. Gives how many.
    pub(crate) async fn approve_automatic(&self, home: &Home) -> Result<u64, Failure> {
        if !home.folder().join("office").join("key.seed").exists() {
            return Ok(0);
        }
        let office = Office::open(home)?;
        let invitations = office.invitations()?;
        for (code, invited) in &invitations {
            // INVITE-3: what has ended opens nothing, and its code is not kept.
            if invited.until <= now().get() {
                office.forget_invitation(code);
            }
        }
        if !invitations
            .iter()
            .any(|(_, invited)| invited.automatic && invited.until > now().get())
        {
            return Ok(0);
        }
        let mut approved = 0;
        for waiting in self.requests_waiting(&office).await? {
            if waiting.invited.automatic && waiting.request.follows.is_none() {
                self.approve(&office, waiting).await?;
                approved += 1;
            }
        }
        Ok(approved)
    }

    async fn invite(&self, office: &Office, invited: &Invited) -> Result<Value, Failure> {
        let mut code = [0; 16];
        canonical::hex_into(&invited.code, &mut code)
            .map_err(|error| part_failed("office", &error))?;
        let code = InvitationCode::from_bytes(code);
        // Kept before the relay knows it: an invitation that nobody could answer would be worse.
        office.keep_invitation(&code, invited)?;
        let terms = InvitationTerms {
            until: Milliseconds::new(invited.until),
            agents: invited.agents,
        };
        self.vault_client
            .open_invitation(code.key().public(), terms)
            .await
            .map_err(|error| part_failed("relay", &error))?;
        Ok(json!({ "pin": self.relay().pin().to_string() }))
    }

    async fn list(&self, office: &Office) -> Result<Value, Failure> {
        let waiting: Vec<Value> = self
            .requests_waiting(office)
            .await?
            .iter()
            .map(|one| {
                json!({
                    "request": one.id.to_string(), "received": one.received.get(),
                    "name": one.request.name, "device": one.request.device,
                    "check": check_words(&one.request.key.signer_id()),
                    "consented": one.request.consent.at.get(),
                    "language": one.request.consent.language,
                    "person": one.invited.person, "automatic": one.invited.automatic,
                    "follows": one.request.follows.map(|follows| follows.signer.to_string()),
                })
            })
            .collect();
        let kept = office.agents()?;
        let view = self.authority_view();
        let mut agents: Vec<Value> = view
            .authority()
            .signers()
            .filter(|(_, state)| state.role() == Some(Role::Agent))
            .map(|(id, state)| {
                let known = kept.get(&id.to_string());
                json!({
                    "agent": id.to_string(), "check": check_words(&id),
                    "person": known.and_then(|known| known.person.clone()),
                    "enrolled": known.map(|known| known.enrolled),
                    "plan": known.map(|known| known.plan),
                    "private": known.map(|known| known.private),
                    "retired": state.retired().map(Milliseconds::get),
                    "compromised": state.compromised().map(SequenceNumber::get),
                    "follows": state.follows().map(|(old, _)| old.to_string()),
                })
            })
            .collect();
        agents.sort_by_key(|agent| agent["agent"].to_string());
        let open = office
            .invitations()?
            .iter()
            .filter(|(_, invited)| invited.until > now().get())
            .count();
        Ok(json!({ "waiting": waiting, "agents": agents, "invitations": open }))
    }

    async fn answer(
        &self,
        office: &Office,
        request: &str,
        approve: bool,
    ) -> Result<Value, Failure> {
        let mut named: Vec<Waiting> = self
            .requests_waiting(office)
            .await?
            .into_iter()
            .filter(|one| one.id.to_string().starts_with(request))
            .collect();
        let (Some(one), true) = (named.pop(), named.is_empty() && !request.is_empty()) else {
            return Err(Failure::new("enrolment-unknown")
                .with("request", request)
                .exit(Exit::NotFound));
        };
        if approve {
            let agent = one.request.key.signer_id();
            self.approve(office, one).await?;
            return Ok(json!({ "approved": agent.to_string(), "check": check_words(&agent) }));
        }
        self.vault_client
            .answer_request(one.code.key().public(), one.id, RequestState::Refused)
            .await
            .map_err(|error| part_failed("relay", &error))?;
        Ok(json!({ "refused": one.id.to_string() }))
    }

    /// Signs the `enrol` act, seals who it is, and answers the request. Done again after a crash it
    /// goes on where it stopped: an agent that is enrolled already is not enrolled twice.
    async fn approve(&self, office: &Office, one: Waiting) -> Result<(), Failure> {
        let refused = |why: &dyn std::error::Error| Failure::new("enrolment-refused").because(why);
        let agent = one.request.key.signer_id();
        let (follows, enrolled) = {
            let view = self.authority_view();
            let authority = view.authority();
            let follows = one
                .request
                .follows_of(&authority.archive(), |id| authority.key(id))
                .map_err(|error| refused(&error))?;
            (follows, authority.signer(&agent).is_some())
        };
        // ENROL-8, INVITE-3.
        if !enrolled && (one.invited.used >= one.invited.agents || one.invited.until <= now().get())
        {
            return Err(Failure::new("invitation-used"));
        }
        if !enrolled {
            // ENROL-5: exactly what was asked for.
            let act = Act::Enrol(Enrol {
                key: one.request.key,
                role: Role::Agent,
                mailbox: Some(one.request.mailbox.clone()),
                follows: follows.map(|follows| follows.signer),
                follows_until: follows.map(|follows| follows.until),
                tls: None,
            });
            self.act_as_office(office, act).await?;
        }
        if let Some(follows) = follows {
            // CLONE-2.
            let how = Revocation::Compromised(follows.until.next());
            let signer = follows.signer;
            self.act_as_office(office, Act::Revoke(Revoke { signer, how }))
                .await?;
        }
        self.bind(office, &one).await?;
        let kept = KeptAgent {
            person: one.invited.person.clone(),
            mailbox: canonical::hex(one.request.mailbox.as_bytes()),
            enrolled: now().get(),
            plan: 0,
            private: 0,
        };
        office.write("agents", &agent.to_string(), &kept)?;
        self.vault_client
            .answer_request(one.code.key().public(), one.id, RequestState::Approved)
            .await
            .map_err(|error| part_failed("relay", &error))?;
        let mut invited = one.invited;
        invited.used = invited.used.saturating_add(1);
        if invited.used >= invited.agents {
            // ENROL-1: the code opens what waited; nobody needs it any more.
            office.forget_invitation(&one.code);
        } else {
            office.keep_invitation(&one.code, &invited)?;
        }
        self.deliver(&mut |_| ()).await?;
        Ok(())
    }

    /// ENROL-9: person, name, device and consent of an agent, as a governance entry.
    async fn bind(&self, office: &Office, one: &Waiting) -> Result<(), Failure> {
        let agent = one.request.key.signer_id();
        let binding = Binding::new(agent, one.invited.person.clone(), &one.request);
        self.write_down(office, &OfficeAct::Bound(binding)).await
    }

    /// Logs an act of the office, sealed to the governance epoch.
    pub(super) async fn write_down(&self, office: &Office, act: &OfficeAct) -> Result<(), Failure> {
        let failed = |error: &dyn std::error::Error| part_failed("office", error);
        let mut builder = GovernanceBuilder::new();
        builder
            .push(&[&act.to_bytes()])
            .map_err(|error| failed(&error))?;
        let mut randomness = OsRandomness::new();
        let recipient = self
            .authority_view()
            .governance(now())
            .map_err(|error| failed(&error))?;
        let Some(acts) = builder.commit(&mut randomness) else {
            return Ok(());
        };
        let (at, _) = self.control_position(office.key.id()).await?;
        let body = Body::Governance(acts.governance_head(recipient.epoch(), Purpose::Enrol));
        let draft = EntryDraft::new(self.archive(), office.key.id(), at, body, now());
        let (object, entry) =
            seal_acts(acts, &recipient, draft, &mut randomness).map_err(|error| failed(&error))?;
        let entry = entry.sign(&[&office.key]).map_err(|error| failed(&error))?;
        self.post_with(object, &entry).await
    }

    async fn requests_waiting(&self, office: &Office) -> Result<Vec<Waiting>, Failure> {
        let invitations = office.invitations()?;
        let archive = self.archive();
        let all = self
            .vault_client
            .waiting_requests()
            .await
            .map_err(|error| part_failed("relay", &error))?;
        let mut found = Vec::new();
        for waiting in all {
            let known = invitations
                .iter()
                .find(|(code, _)| code.key().public() == waiting.invitation);
            let Some((code, invited)) = known else {
                continue;
            };
            match EnrolmentRequest::open(&waiting.sealed, &archive, code) {
                Ok((id, request)) => found.push(Waiting {
                    id,
                    received: waiting.received,
                    code: code.clone(),
                    invited: invited.clone(),
                    request,
                }),
                // Whoever has the code can leave rubbish; it ends with the invitation.
                Err(error) => tracing::warn!(%error, "an enrolment request is not understood"),
            }
        }
        Ok(found)
    }

    /// Signs an act behind the newest one, and posts it.
    pub(super) async fn act_as_office(&self, office: &Office, act: Act) -> Result<(), Failure> {
        let (at, head) = self.control_position(office.key.id()).await?;
        let control = Control {
            number: head.number.next(),
            previous: head.id,
            act,
        };
        let body = Body::Control(control);
        let entry = EntryDraft::new(self.archive(), office.key.id(), at, body, now())
            .with_objects(Vec::new())
            .and_then(|entry| entry.sign(&[&office.key]))
            .map_err(|error| part_failed("office", &error))?;
        start::post(&self.vault_client, &[entry]).await?;
        self.read_control().await
    }

    pub(super) async fn post_with(
        &self,
        object: seal::SealedObject,
        entry: &Entry,
    ) -> Result<(), Failure> {
        self.vault_client
            .upload_object(object.hash(), Bytes::from(object.into_bytes()))
            .await
            .map_err(|error| part_failed("relay", &error))?;
        start::post(&self.vault_client, std::slice::from_ref(entry)).await
    }

    fn agent_named(&self, name: &str) -> Result<SignerId, Failure> {
        let wanted = name.replace(' ', "");
        let view = self.authority_view();
        let mut found = view
            .authority()
            .signers()
            .filter(|(id, state)| {
                state.role() == Some(Role::Agent) && id.to_string().starts_with(&wanted)
            })
            .map(|(id, _)| id);
        match (found.next(), found.next()) {
            (Some(id), None) if !wanted.is_empty() => Ok(id),
            _ => Err(Failure::new("agent-unknown")
                .with("agent", name)
                .exit(Exit::NotFound)),
        }
    }
}

/// A request that waits, opened.
struct Waiting {
    id: RequestId,
    received: Milliseconds,
    code: InvitationCode,
    invited: Invited,
    request: EnrolmentRequest,
}

/// A signing key in a file of 32 bytes.
pub(crate) fn read_key(path: &std::path::Path) -> Result<SignerKey, Failure> {
    let bytes = Zeroizing::new(home::read(path)?);
    <&[u8; 32]>::try_from(bytes.as_slice())
        .ok()
        .and_then(|seed| SignerKey::from_seed(seed).ok())
        .ok_or_else(|| Failure::new("seed-wrong").with("path", path))
}
