//! `greffe agent enrol`: a custodian enrols by an act of their own.
//!
//! The order is such that a crash at any place is gone on from by the same command: the invitation
//! is checked, consent asked, keys made, the state written, the request left at the relay; then the
//! control chain is read until it holds the agent's enrolment (ENROL-5).

use std::fs;
use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use canonical::{Milliseconds, sha256};
use capture::{Agent, Courier, Identity, Trust};
use client::{CallError, RelayAddress, RelayClient};
use seal::{Consent, EnrolmentRequest, Follows, Invitation, check_words};
use serde::{Deserialize, Serialize};
use serde_json::json;
use wire::waiting::{RequestState, sign_follows};
use wire::{Genesis, Role, SequenceNumber, SignerId, SignerKey};

use super::run::credential;
use crate::cli::agent::AgentEnrol;
use crate::command::{Context, consent};
use crate::engine::{environment, part_failed};
use crate::failure::{Exit, Failure};
use crate::home;
use crate::system::{OsRandomness, now};
use crate::text::{self, say, word};

/// Where an enrolment stands, in the agent's folder; gone when it is done.
const STATE: &str = "enrolment.toml";
/// How often the relay is asked while somebody waits.
const POLL: Duration = Duration::from_secs(2);

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    invitation: String,
    name: String,
    consent: String,
    language: String,
    consented: i64,
    device: String,
    /// The old chain and its folder.
    follows: Option<OldChain>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OldChain {
    signer: String,
    until: u64,
    folder: PathBuf,
}

/// How it came out.
enum Standing {
    Waiting,
    Refused,
    Enrolled,
}

pub(crate) fn run(context: &Context, folder: &Path, arguments: &AgentEnrol) -> Result<(), Failure> {
    let invitation = read_invitation(&arguments.invitation)?;
    // INVITE-3.
    if invitation.until <= now() {
        return Err(Failure::new("invitation-ended"));
    }
    let state_path = folder.join(STATE);
    let made = folder.join("signer.seed").exists();
    let state = if state_path.exists() && made {
        read_state(&state_path)?
    } else if made && !arguments.follows {
        return Err(Failure::new("agent-enrolled-already").with("folder", folder));
    } else {
        let state = begin(context, folder, arguments, &invitation)?;
        write_state(folder, &state)?;
        state
    };
    let invitation = read_invitation(&state.invitation)?;
    let identity = opened(folder)?;
    let agent = identity.signer().id();
    let standing = context.runtime.block_on(async {
        leave_request(&invitation, &identity, &state).await?;
        let deadline =
            tokio::time::Instant::now() + Duration::from_secs(arguments.wait.unwrap_or_default());
        if arguments.wait.is_some() {
            context
                .output
                .note(&say!("enrol-waiting", check = check_words(&agent)));
        }
        loop {
            let standing = look(&invitation, folder, &state).await?;
            let over = tokio::time::Instant::now() + POLL > deadline;
            if !matches!(standing, Standing::Waiting) || over {
                return Ok(standing);
            }
            tokio::time::sleep(POLL).await;
        }
    })?;
    let name = match standing {
        Standing::Waiting => "waiting",
        Standing::Refused => return Err(Failure::new("enrol-refused")),
        Standing::Enrolled => "enrolled",
    };
    let value = json!({
        "state": name, "agent": agent.to_string(), "check": check_words(&agent),
        "folder": folder, "archive": invitation.archive.to_string(),
    });
    context.output.result(&value, || match standing {
        Standing::Enrolled => say!("enrol-done", check = check_words(&agent)),
        _ => say!("enrol-left", check = check_words(&agent)),
    });
    Ok(())
}

/// The line itself, or a file that holds it.
fn read_invitation(given: &str) -> Result<Invitation, Failure> {
    let text = if given
        .get(..seal::INVITATION_PREFIX.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(seal::INVITATION_PREFIX))
    {
        given.to_owned()
    } else if let Ok(file) = fs::read_to_string(given) {
        file.lines()
            .map(str::trim)
            .find(|line| line.to_lowercase().starts_with(seal::INVITATION_PREFIX))
            .unwrap_or_default()
            .to_owned()
    } else {
        given.to_owned()
    };
    Invitation::from_text(&text).map_err(|error| Failure::new("invitation-wrong").because(&error))
}

/// Asks for consent and makes the agent's keys.
fn begin(
    context: &Context,
    folder: &Path,
    arguments: &AgentEnrol,
    invitation: &Invitation,
) -> Result<State, Failure> {
    let genesis = context.runtime.block_on(genesis(invitation))?;
    let text = format!(
        "{}\n\n{}",
        consent::intro(invitation),
        consent::text(invitation)
    );
    let name = agreed(context, &text, arguments.consent.as_deref())?;
    let consented = now();
    let follows = if arguments.follows {
        Some(context.runtime.block_on(set_aside(folder, invitation))?)
    } else {
        None
    };
    let trust = Trust {
        genesis,
        relay: invitation.relay.clone(),
        pin: invitation.pin,
    };
    home::private_folder(folder)?;
    Identity::create(folder, &trust, &mut OsRandomness::new())
        .map_err(|error| part_failed("agent", &error))?;
    let device = arguments.device.clone().unwrap_or_else(host_name);
    Ok(State {
        invitation: invitation.to_text().to_string(),
        name,
        consent: text,
        language: text::language().to_owned(),
        consented: consented.get(),
        device,
        follows,
    })
}

/// ENROL-7: the genesis that the fingerprint of the invitation names.
async fn genesis(invitation: &Invitation) -> Result<Genesis, Failure> {
    let client = holder(invitation)?;
    let answer = client
        .invitation(invitation.code.key().public())
        .await
        .map_err(|error| not_standing(&error))?;
    let genesis = Genesis::parse(&answer.genesis).map_err(|error| part_failed("relay", &error))?;
    if genesis.archive_id() != invitation.archive {
        return Err(Failure::new("enrol-other-archive").exit(Exit::NotVerified));
    }
    Ok(genesis)
}

/// Shows what it is about and hears "yes": a name.
fn agreed(context: &Context, text: &str, given: Option<&str>) -> Result<String, Failure> {
    context.output.note(text);
    let name = match given {
        Some(name) => name.trim().to_owned(),
        None => {
            if !std::io::stdin().is_terminal() {
                return Err(Failure::new("consent-no-terminal"));
            }
            context.output.note(&word("consent-ask"));
            let mut line = String::new();
            let _ = std::io::stderr().flush();
            std::io::stdin()
                .lock()
                .read_line(&mut line)
                .map_err(|error| part_failed("agent", &error))?;
            line.trim().to_owned()
        }
    };
    if name.is_empty() || name.len() > 200 {
        return Err(Failure::new("consent-not-given"));
    }
    Ok(name)
}

/// CLONE-2, CLONE-3: the copy's folder is kept beside the new one; what the relay knows of its
/// chain is what counts.
async fn set_aside(folder: &Path, invitation: &Invitation) -> Result<OldChain, Failure> {
    let old = opened(folder)?;
    if old.archive() != invitation.archive {
        return Err(Failure::new("enrol-other-archive"));
    }
    let signer = old.signer().id();
    let address = RelayAddress {
        url: invitation.relay.clone(),
        pin: invitation.pin,
    };
    let client = RelayClient::new(&address, invitation.archive, Arc::clone(old.signer()))
        .map_err(|error| part_failed("relay", &error))?;
    let known = client
        .signer_state(signer)
        .await
        .map_err(|error| part_failed("relay", &error))?;
    let Some(until) = known.next.get().checked_sub(1) else {
        return Err(Failure::new("enrol-nothing-to-follow"));
    };
    let short: String = signer.to_string().chars().take(16).collect();
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push(format!(".old-{short}"));
    let aside = folder.with_file_name(name);
    fs::rename(folder, &aside).map_err(|error| {
        Failure::new("can-not-write")
            .with("path", aside.as_path())
            .because(&error)
    })?;
    Ok(OldChain {
        signer: signer.to_string(),
        until,
        folder: aside,
    })
}

/// Leaves the request; left again it is another request of the same key, and one is approved.
async fn leave_request(
    invitation: &Invitation,
    identity: &Identity,
    state: &State,
) -> Result<(), Failure> {
    let wrong = |error: &dyn std::error::Error| part_failed("agent", error);
    let client = holder(invitation)?;
    let key = invitation.code.key().public();
    let marker = identity.folder().join("enrolment.request");
    let sealed = match fs::read(&marker) {
        Ok(sealed) => sealed,
        Err(_) => {
            let consent = Consent {
                text: sha256(state.consent.as_bytes()),
                language: state.language.clone(),
                at: Milliseconds::new(state.consented),
            };
            let mut request = EnrolmentRequest::new(
                identity.signer().public(),
                identity.mailbox().recipient().key().clone(),
                state.name.clone(),
                state.device.clone(),
                consent,
                now(),
            )
            .map_err(|error| wrong(&error))?;
            if let Some(old) = &state.follows {
                request = request.following(follows(invitation, identity, old)?);
            }
            let signer = identity.signer();
            let sealed = request
                .seal(
                    &invitation.archive,
                    &invitation.code,
                    signer,
                    &mut OsRandomness::new(),
                )
                .map_err(|error| wrong(&error))?;
            home::write_durably(&marker, &sealed)?;
            sealed
        }
    };
    match client.ask_enrolment(key, sealed).await {
        Ok(_) => Ok(()),
        Err(error) => Err(not_standing(&error)),
    }
}

fn follows(
    invitation: &Invitation,
    identity: &Identity,
    old: &OldChain,
) -> Result<Follows, Failure> {
    let key = opened(&old.folder)?;
    let until = SequenceNumber::new(old.until);
    Ok(Follows {
        signer: key.signer().id(),
        until,
        signature: sign_follows(
            key.signer(),
            &invitation.archive,
            &identity.signer().public(),
            until,
        ),
    })
}

/// Whether the control chain holds the enrolment; if so, says what there is to say first.
async fn look(invitation: &Invitation, folder: &Path, state: &State) -> Result<Standing, Failure> {
    let identity = opened(folder)?;
    let signer = identity.signer().id();
    let address = RelayAddress {
        url: invitation.relay.clone(),
        pin: invitation.pin,
    };
    let client = RelayClient::new(&address, invitation.archive, Arc::clone(identity.signer()))
        .map_err(|error| part_failed("relay", &error))?;
    match client.signer_state(signer).await {
        Ok(_) => {}
        // The relay's word only: it makes us wait, or stop waiting (ENROL-5).
        Err(error) if error.status() == Some(403) => return answered(invitation, folder).await,
        Err(error) if error.is_transient() => return Ok(Standing::Waiting),
        Err(error) => return Err(part_failed("relay", &error)),
    }
    let agent = Agent::open(identity, environment())
        .map(Arc::new)
        .map_err(|error| part_failed("agent", &error))?;
    let mut courier = Courier::new(Arc::clone(&agent), client);
    courier
        .read_control()
        .await
        .map_err(|error| part_failed("agent", &error))?;
    let role = agent
        .control()
        .authority()
        .signer(&signer)
        .and_then(wire::authority::SignerState::role);
    if role != Some(Role::Agent) {
        return Ok(Standing::Waiting);
    }
    say_first(&agent, state)?;
    courier
        .deliver()
        .await
        .map_err(|error| part_failed("agent", &error))?;
    // ENROL-1: the code is of no use any more.
    for name in [STATE, "enrolment.request"] {
        let _ = fs::remove_file(folder.join(name));
    }
    Ok(Standing::Enrolled)
}

/// ENROL-6, CLONE-3. Said again after a crash they are the same records.
fn say_first(agent: &Agent, state: &State) -> Result<(), Failure> {
    let failed = |error: &dyn std::error::Error| part_failed("agent", error);
    agent
        .record_consent(
            &state.name,
            &state.consent,
            Milliseconds::new(state.consented),
        )
        .map_err(|error| failed(&error))?;
    if let Some(old) = &state.follows {
        let signer: SignerId = old.signer.parse().map_err(|error| failed(&error))?;
        agent
            .record_lost_spool(signer, &old.folder)
            .map_err(|error| failed(&error))?;
    }
    Ok(())
}

async fn answered(invitation: &Invitation, folder: &Path) -> Result<Standing, Failure> {
    let own = fs::read(folder.join("enrolment.request")).unwrap_or_default();
    let own = wire::waiting::RequestId::of(&own);
    let answer = holder(invitation)?
        .invitation(invitation.code.key().public())
        .await
        .map_err(|error| not_standing(&error))?;
    let refused = answer
        .requests
        .iter()
        .any(|request| request.id == own && request.state == RequestState::Refused);
    Ok(if refused {
        Standing::Refused
    } else {
        Standing::Waiting
    })
}

/// The agent's keys, which may lie under the system's credential (AGENT-7); new ones are put under it
/// here, before anything is captured.
fn opened(folder: &Path) -> Result<Identity, Failure> {
    Identity::open_with(folder, credential()?).map_err(|error| part_failed("agent", &error))
}

/// A client that speaks as the invitation's holder.
fn holder(invitation: &Invitation) -> Result<RelayClient, Failure> {
    let address = RelayAddress {
        url: invitation.relay.clone(),
        pin: invitation.pin,
    };
    let key: SignerKey = invitation.code.key();
    RelayClient::new(&address, invitation.archive, key)
        .map_err(|error| part_failed("relay", &error))
}

fn not_standing(error: &CallError) -> Failure {
    if error.status() == Some(404) {
        return Failure::new("invitation-not-standing");
    }
    part_failed("relay", error)
}

fn host_name() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname")
        .map(|name| name.trim().to_owned())
        .ok()
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "greffe".to_owned())
}

fn read_state(path: &Path) -> Result<State, Failure> {
    let wrong = |error: &dyn std::error::Error| {
        Failure::new("settings-wrong")
            .with("path", path)
            .because(error)
    };
    let text = String::from_utf8(home::read(path)?).map_err(|error| wrong(&error))?;
    toml::from_str(&text).map_err(|error| wrong(&error))
}

fn write_state(folder: &Path, state: &State) -> Result<(), Failure> {
    let text = toml::to_string(state).map_err(|error| part_failed("agent", &error))?;
    home::write_durably(&folder.join(STATE), text.as_bytes())
}
