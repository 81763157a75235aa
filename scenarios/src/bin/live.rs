//! An office for rigs: the agent captures live with any connector, and what the archive holds is
//! told record by record, so that a judge can compare it with what was said.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "all of this is test code; what it prints is what rigs wait for"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use capture::{
    Agent, AgentStatus, CaptureSettings, ConnectorCommand, Courier, Delivery, Identity, Pace,
    RunningAgent,
};
use client::{RelayAddress, RelayClient};
use record::{Content, Record};
use scenarios::office::{Office, environment};
use scenarios::process::{address_of, run};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["found", office, seed] => {
            let folder = Path::new(office);
            std::fs::create_dir_all(folder).unwrap();
            Office::found(folder, seed.parse().unwrap());
        }
        ["begin", office, url, pin] => {
            let address = address_of(url, pin);
            run(Office::open(Path::new(office)).begin_log(&address));
        }
        ["folder", office, network, account] => {
            let identity = Identity::open(&Office::open(Path::new(office)).agent()).unwrap();
            let agent = Agent::open(identity, environment()).unwrap();
            println!("{}", agent.handle(network, account));
        }
        ["agent", office, url, pin] => {
            run(agent(Office::open(Path::new(office)), address_of(url, pin)));
        }
        ["archived", office] => archived(&Office::open(Path::new(office))),
        _ => panic!("live found|begin|folder|agent|archived …"),
    }
}

/// Captures what the agent's `agent.toml` names, until it is killed.
async fn agent(office: Office, relay: RelayAddress) {
    let pace = Pace {
        change: Duration::from_secs(2),
        control: Duration::from_secs(5),
        stored: Duration::from_secs(1),
        idle: Duration::from_secs(1),
        ..Pace::default()
    };
    let folder = office.agent();
    let mut identity = Identity::open(&folder).unwrap();
    identity.move_relay(relay.url.clone(), relay.pin).unwrap();
    let client =
        RelayClient::new(&relay, identity.archive(), Arc::clone(identity.signer())).unwrap();
    let agent = Arc::new(Agent::open(identity, environment()).unwrap());
    let settings = CaptureSettings::read(&folder).unwrap();
    let duties = settings.duties(|name| ConnectorCommand::new(name)).unwrap();
    let _ = AgentStatus::read(&folder);
    let running = RunningAgent::start(Arc::clone(&agent), duties, &BTreeMap::new());
    let board = Arc::clone(running.board());
    let courier = Courier::new(Arc::clone(&agent), client);
    let mut delivery = Delivery::new(courier, Arc::clone(&board), pace);
    println!("open");
    let told = async {
        loop {
            for (_, job, standing) in board.all() {
                println!("account {} {standing:?}", job.account);
            }
            board.news().await;
        }
    };
    tokio::select! {
        () = delivery.run(std::future::pending(), |_| ()) => {}
        () = told => {}
    }
}

/// One line of JSON for each record, in the order of the log.
fn archived(office: &Office) {
    for batch in office.opened(&office.vault()) {
        for opened in batch.records() {
            println!("{}", line(opened.unwrap().record()));
        }
    }
}

fn line(record: &Record) -> String {
    let envelope = record.envelope();
    let participants = record.participants();
    let mut names: Vec<&str> = participants
        .sender
        .iter()
        .chain(&participants.recipients)
        .map(|person| person.id.as_str())
        .collect();
    let mut loss = serde_json::Value::Null;
    match &record.body().content {
        Content::Loss(lost) => {
            loss = serde_json::json!({
                "why": lost.why.name(),
                "from": lost.from.map(canonical::Milliseconds::get),
                "to": lost.to.map(canonical::Milliseconds::get),
                "detail": lost.detail,
            });
        }
        Content::Roster(roster) => names.extend(roster.members.iter().map(|m| m.id.as_str())),
        Content::Membership(changes) => {
            names.extend(changes.changes.iter().map(|c| c.member.id.as_str()));
        }
        _ => {}
    }
    let files: Vec<String> = record
        .attachments()
        .iter()
        .map(|file| canonical::hex(file.sha256.as_bytes()))
        .collect();
    serde_json::json!({
        "id": canonical::hex(record.id().as_bytes()),
        "kind": record.kind().name(),
        "network": envelope.network().as_str(),
        "conversation": envelope.conversation().as_str(),
        "source": envelope.source_id().as_str(),
        "title": participants.conversation.title,
        "captured": envelope.times().captured.at.get(),
        "names": names,
        "texts": record.searchable_text(),
        "files": files,
        "loss": loss,
    })
    .to_string()
}
