//! `greffe people`: the directory of who is who.

use serde_json::json;
use vault::people::{Account, Person};
use vault::room::protocol::{Answer, Ask, OfficeAgent};

use super::Context;
use super::look::looking;
use super::standing::time;
use crate::cli::{People, PeopleAction};
use crate::failure::Failure;
use crate::home;
use crate::room::unexpected;
use crate::text::{printable, say, word};

/// A day, in milliseconds.
const DAY: i64 = 24 * 3600 * 1000;

pub(crate) fn run(context: &Context, arguments: &People) -> Result<(), Failure> {
    let ask = match &arguments.action {
        None | Some(PeopleAction::List) => Ask::People,
        Some(PeopleAction::Add(person)) => Ask::PutPerson {
            id: person.id.clone(),
            name: person.name.clone(),
        },
        Some(PeopleAction::Bind(bind)) => Ask::BindAccount {
            id: bind.id.clone(),
            account: Account {
                network: bind.network.clone(),
                account: bind.account.clone(),
                from: bind.from.as_deref().map(day).transpose()?,
                to: bind
                    .to
                    .as_deref()
                    .map(|text| day(text).map(|from| from + DAY))
                    .transpose()?,
            },
        },
        Some(PeopleAction::Agents) => Ask::Office,
        Some(PeopleAction::Import(import)) => Ask::ImportPeople {
            csv: String::from_utf8(home::read(&import.file)?).map_err(|error| {
                Failure::new("people-not-text")
                    .with("path", import.file.as_path())
                    .because(&error)
            })?,
        },
    };
    match looking(context, |room| room.ask(ask))? {
        Answer::People(people) => {
            context
                .output
                .result(&json!({ "people": people }), || list(&people));
        }
        Answer::Imported(imported) => {
            context.output.result(&json!({ "imported": imported }), || {
                say!(
                    "people-imported",
                    people = imported.persons,
                    accounts = imported.accounts
                )
            });
        }
        Answer::Office(agents) => {
            context
                .output
                .result(&json!({ "agents": agents }), || agents_list(&agents));
        }
        Answer::Done => context
            .output
            .result(&json!({ "done": true }), || word("people-done")),
        _ => return Err(unexpected()),
    }
    Ok(())
}

fn list(people: &[Person]) -> String {
    if people.is_empty() {
        return word("people-none");
    }
    let mut lines = Vec::new();
    for person in people {
        lines.push(format!(
            "{}  {}",
            printable(&person.id),
            printable(&person.name)
        ));
        for account in &person.accounts {
            lines.push(format!(
                "    {} {}  {} – {}",
                printable(&account.network),
                printable(&account.account),
                account.from.map(time).unwrap_or_default(),
                account.to.map(time).unwrap_or_default(),
            ));
        }
    }
    lines.join("\n")
}

/// ENROL-9: whose agents they are.
fn agents_list(agents: &[OfficeAgent]) -> String {
    if agents.is_empty() {
        return word("people-no-agents");
    }
    let lines = agents.iter().map(|agent| {
        let id = agent.agent.get(..16).unwrap_or(&agent.agent);
        let plan = agent.plan.as_ref().map_or(0, |plan| plan.number);
        match &agent.bound {
            Some(bound) => say!(
                "people-agent",
                agent = id,
                name = printable(&bound.name),
                device = printable(&bound.device),
                person = printable(bound.person.as_deref().unwrap_or("–")),
                consented = time(bound.consented),
                plan = plan,
            ),
            None => say!("people-agent-unbound", agent = id, plan = plan),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The first millisecond of a day, in UTC.
fn day(text: &str) -> Result<i64, Failure> {
    text.parse::<jiff::civil::Date>()
        .and_then(|date| jiff::tz::Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)))
        .map(|start| start.as_millisecond())
        .map_err(|_| Failure::new("date-wrong").with("date", text))
}
