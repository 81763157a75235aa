//! `greffe invite`, `greffe enrolments`, `greffe revoke`: the owner's enrolment office.

use canonical::Milliseconds;
use seal::{Invitation, InvitationCode};
use serde_json::{Value, json};
use wire::Purpose;

use super::Context;
use super::standing::time;
use crate::cli::office::{Enrolments, EnrolmentsAction, Invite, RevokeAgent};
use crate::engine::office::{Invited, Office, OfficeRequest};
use crate::engine::request::{Event, Request};
use crate::engine::{Backend, Owner};
use crate::failure::{Exit, Failure};
use crate::founding::{self, ControlWriter};
use crate::home::{self, Home};
use crate::letter;
use crate::system::{OsRandomness, now};
use crate::text::{printable, say, word};

/// The office may act for so long, in milliseconds: two years of 365 days.
const DELEGATED: i64 = 2 * 365 * 24 * 3_600_000;

/// `greffe invite`
pub(crate) fn invite(context: &Context, arguments: &Invite) -> Result<(), Failure> {
    let home = Home::find(context.global.home.as_deref())?;
    let settings = home.settings()?;
    ready(context, &home)?;
    let code = InvitationCode::generate(&mut OsRandomness::new());
    let until = now().plus(arguments.valid);
    let opened = ask(
        context,
        &home,
        OfficeRequest::Invite(Invited {
            code: canonical::hex(code.expose()),
            until: until.get(),
            agents: arguments.agents,
            automatic: arguments.auto_approve,
            person: arguments.person.clone(),
            used: 0,
        }),
    )?;
    let wrong = |why: &str| Failure::new("invitation-wrong").with("why", why);
    let pin = opened["pin"].as_str().unwrap_or_default();
    let inviter = arguments.name.clone().unwrap_or(settings.archive.name);
    let invitation = Invitation {
        archive: Owner::open(&home)?.genesis().archive_id(),
        relay: arguments
            .relay
            .clone()
            .unwrap_or_else(|| format!("https://{}", settings.relay.listen)),
        pin: pin.parse().map_err(|_| wrong("pin"))?,
        code,
        until,
        automatic: arguments.auto_approve,
        inviter: Some(inviter),
    };
    let text = invitation.to_text();
    if Invitation::from_text(&text).is_err() {
        return Err(wrong("too long"));
    }
    if let Some(path) = &arguments.letter {
        home::write_durably(path, &letter::pdf(&invitation)?)?;
    }
    let value = json!({
        "invitation": text.as_str(), "until": until.get(), "agents": arguments.agents,
        "auto_approve": arguments.auto_approve, "person": arguments.person,
        "letter": arguments.letter,
    });
    context.output.result(&value, || {
        let mut shown = say!("invite-made", until = time(until.get()));
        shown.push_str(&format!("\n\n{}\n", text.as_str()));
        if arguments.qr {
            shown.push_str(&format!("\n{}\n", letter::qr_text(&text)));
        }
        if let Some(path) = &arguments.letter {
            shown.push_str(&format!(
                "\n{}",
                say!("invite-letter", path = path.as_path())
            ));
        }
        shown
    });
    Ok(())
}

/// `greffe enrolments`
pub(crate) fn enrolments(context: &Context, arguments: &Enrolments) -> Result<(), Failure> {
    let home = Home::find(context.global.home.as_deref())?;
    let (request, approve) = match &arguments.action {
        None | Some(EnrolmentsAction::List) => {
            let value = ask(context, &home, OfficeRequest::List)?;
            context.output.result(&value, || listed(&value));
            return Ok(());
        }
        Some(EnrolmentsAction::Approve(named)) => (named.request.clone(), true),
        Some(EnrolmentsAction::Refuse(named)) => (named.request.clone(), false),
    };
    let value = ask(context, &home, OfficeRequest::Answer { request, approve })?;
    context.output.result(&value, || {
        if approve {
            say!("enrolment-approved", agent = short(&value["approved"]))
        } else {
            word("enrolment-refused-done")
        }
    });
    Ok(())
}

/// `greffe revoke`
pub(crate) fn revoke(context: &Context, arguments: &RevokeAgent) -> Result<(), Failure> {
    let home = Home::find(context.global.home.as_deref())?;
    ready(context, &home)?;
    let retired_until = arguments.retired_until.as_deref().map(day).transpose()?;
    let value = ask(
        context,
        &home,
        OfficeRequest::Revoke {
            agent: arguments.agent.clone(),
            retired_until,
            compromised_from: arguments.compromised_from,
        },
    )?;
    context.output.result(&value, || match retired_until {
        Some(until) => say!(
            "revoked-retired",
            agent = short(&value["agent"]),
            until = time(until)
        ),
        None => say!(
            "revoked-compromised",
            agent = short(&value["agent"]),
            number = arguments.compromised_from.unwrap_or_default()
        ),
    });
    Ok(())
}

/// Asks the office, wherever the parts run.
pub(crate) fn ask(
    context: &Context,
    home: &Home,
    request: OfficeRequest,
) -> Result<Value, Failure> {
    context.runtime.block_on(async {
        let mut backend = Backend::open(home).await?;
        let mut heard = None;
        let asked = backend
            .ask(home, Request::Office(request), &mut |event| {
                heard = Some(event);
            })
            .await;
        backend.close().await;
        asked?;
        match heard {
            Some(Event::Office(value)) => Ok(value),
            _ => Err(Failure::new("up-gone").with("why", "")),
        }
    })
}

/// Who makes plans besides the office, and how many of them together.
pub(crate) struct PlanMakers {
    pub(crate) approvers: Vec<wire::PublicKey>,
    pub(crate) threshold: u8,
}

/// Lets the office act where the root has not yet: the keyring is unlocked for it.
pub(crate) fn ready(context: &Context, home: &Home) -> Result<(), Failure> {
    delegated(context, home, None)
}

/// The same; with `plans`, the root lets these make plans from now on, and nobody else.
pub(crate) fn delegated(
    context: &Context,
    home: &Home,
    plans: Option<&PlanMakers>,
) -> Result<(), Failure> {
    let standing = ask(context, home, OfficeRequest::Standing)?;
    let lacks = |purpose: &str| {
        standing["lacks"]
            .as_array()
            .is_some_and(|lacks| lacks.iter().any(|name| name == purpose))
    };
    let alone = PlanMakers {
        approvers: Vec::new(),
        threshold: 1,
    };
    let makers = plans.or(lacks("plan").then_some(&alone));
    if makers.is_none() && !lacks("enrol") {
        return Ok(());
    }
    context.output.note(&word("office-delegating"));
    let owner = Owner::open(home)?;
    let ring = owner.unlock(&context.secret()?)?;
    let seed = ring.unwrap_signing_key(&owner.root()?).map_err(|error| {
        Failure::new("unlock-failed")
            .because(&error)
            .exit(Exit::Locked)
    })?;
    let root = founding::signer(&seed)?;
    let office = Office::open(home)?.key().public();
    context.runtime.block_on(async {
        let mut backend = Backend::open(home).await?;
        let (at, head) = super::keys::position(&mut backend, home, root.id()).await?;
        let archive = owner.genesis().archive_id();
        let mut writer = ControlWriter::new(archive, &root, at, head, now());
        let until = now().plus(DELEGATED);
        if lacks("enrol") {
            writer.delegate(Purpose::Enrol, vec![office], 1, until)?;
        }
        if let Some(makers) = makers {
            let mut keys = vec![office];
            keys.extend(makers.approvers.iter().filter(|key| **key != office));
            writer.delegate(Purpose::Plan, keys, makers.threshold, until)?;
        }
        // The new one stands before the former ones end: the office is never without.
        if plans.is_some() {
            let former = standing["plan_delegations"].as_array();
            for number in former.into_iter().flatten().filter_map(Value::as_u64) {
                writer.undelegate(Purpose::Plan, wire::ControlNumber::new(number))?;
            }
        }
        let entries = writer
            .into_entries()
            .iter()
            .map(|entry| canonical::hex(entry.as_bytes()))
            .collect();
        let posted = backend
            .ask(home, Request::PostOwner(entries), &mut |_| ())
            .await;
        backend.close().await;
        posted
    })
}

fn listed(value: &Value) -> String {
    let empty = Vec::new();
    let rows = |name: &str| value[name].as_array().unwrap_or(&empty).clone();
    let text = |row: &Value, name: &str| printable(row[name].as_str().unwrap_or("–"));
    let waiting = rows("waiting");
    let mut lines = vec![say!("enrolments-waiting", count = waiting.len())];
    for row in &waiting {
        lines.push(say!(
            "enrolments-line",
            request = short(&row["request"]),
            name = text(row, "name"),
            device = text(row, "device"),
            received = time(row["received"].as_i64().unwrap_or_default()),
            consented = time(row["consented"].as_i64().unwrap_or_default()),
            check = text(row, "check"),
        ));
        if !row["follows"].is_null() {
            lines.push(say!("enrolments-follows", old = short(&row["follows"])));
        }
    }
    let agents = rows("agents");
    lines.push(say!("enrolments-agents", count = agents.len()));
    for row in &agents {
        let standing = match (row["retired"].as_i64(), row["compromised"].as_u64()) {
            (_, Some(number)) => say!("agent-compromised", number = number),
            (Some(until), None) => say!("agent-retired", until = time(until)),
            (None, None) => word("agent-good"),
        };
        lines.push(say!(
            "enrolments-agent",
            agent = short(&row["agent"]),
            person = text(row, "person"),
            plan = row["plan"].as_u64().unwrap_or_default(),
            standing = standing,
        ));
        if let Some(count) = row["private"].as_u64().filter(|count| *count > 0) {
            lines.push(say!("enrolments-private", count = count));
        }
    }
    lines.join("\n")
}

/// Enough of an id to name it.
fn short(value: &Value) -> String {
    value
        .as_str()
        .and_then(|text| text.get(..16))
        .unwrap_or_default()
        .to_owned()
}

/// The first millisecond of a day, in UTC.
pub(crate) fn day(text: &str) -> Result<i64, Failure> {
    text.parse::<jiff::civil::Date>()
        .and_then(|date| jiff::tz::Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)))
        .map(|start| Milliseconds::new(start.as_millisecond()).get())
        .map_err(|_| Failure::new("date-wrong").with("date", text))
}
