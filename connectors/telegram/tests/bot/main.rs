//! The live connector: its program over its streams and over HTTP, as agent and Telegram see it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod api;

#[path = "../../../../crates/business/tests/program/mod.rs"]
mod program;

use std::path::Path;

use api::{Api, TOKEN, error, file};
use connector::{State, Up};
use program::Program;
use record::{Content, LossWhy, MissingWhy, Part, Record};

const ACCOUNT: &str = "user:100";
const CONNECTED: &str = r##"{"update_id":#,"business_connection":{"id":"bc-1","user":{"id":100,"is_bot":false,"first_name":"Alice"},"user_chat_id":100,"date":1778597000,"is_enabled":true}}"##;

fn start(folder: &Path, api: &Api, settings: &[(&str, &str)]) -> Program {
    let usual = [
        ("api", api.url.as_str()),
        ("bot-token", TOKEN),
        ("poll-seconds", "5"),
    ];
    let all = [&usual, settings].concat();
    Program::start(env!("CARGO_BIN_EXE_greffe-telegram"), folder, ACCOUNT, &all)
}

fn message(connection: &str, id: u32, more: &str) -> String {
    format!(
        r##"{{"update_id":#,"business_message":{{"business_connection_id":"{connection}","message_id":{id},"from":{{"id":200,"is_bot":false,"first_name":"Client"}},"chat":{{"id":200,"type":"private","first_name":"Client"}},"date":1778597900,{more}}}}}"##
    )
}

fn text(id: u32, said: &str) -> String {
    message("bc-1", id, &format!(r#""text":"{said}""#))
}

fn id(record: &Record) -> &str {
    record.envelope().source_id().as_str()
}

#[test]
fn updates_are_confirmed_when_they_are_kept_and_survive_a_kill() {
    let (folder, api) = (tempfile::tempdir().unwrap(), Api::start());
    let samples = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../vectors/samples/telegram/bot_api_business_updates.ndjson"
    );
    let mut sent = Vec::new();
    for line in std::fs::read_to_string(samples).unwrap().lines() {
        let number = line.split([':', ',']).nth(1).unwrap();
        sent.push(api.update(&line.replacen(number, "#", 1)));
    }
    assert_eq!(sent.len(), 4);
    let mut connector = start(folder.path(), &api, &[]);
    connector.event();
    api.confirmed();
    // Telegram has forgotten them; nothing is durable with the agent.
    connector.kill();
    let mut connector = start(folder.path(), &api, &[]);
    let taken = connector.records(4);
    // Records go up as they are ready; each is that of its update, by its exact bytes.
    let kinds: Vec<&str> = sent
        .iter()
        .map(|update| {
            let of_it = |record: &Record| match &record.original().unwrap().content {
                record::OriginalContent::Inline(bytes) => bytes.as_slice() == update.as_bytes(),
                record::OriginalContent::Attached(_) => false,
            };
            let (record, _) = taken.iter().find(|(record, _)| of_it(record)).unwrap();
            record.kind().name()
        })
        .collect();
    assert_eq!(kinds, ["account", "message", "edit", "delete"]);
    let asked = api.asked("getUpdates");
    let kinds = &asked[0]["allowed_updates"];
    assert_eq!(
        kinds.as_array().unwrap().len(),
        4,
        "nothing else is asked for"
    );
}

/// NOTHING-LOST: a disk that takes nothing leaves the updates with Telegram.
#[test]
fn what_the_disk_does_not_take_is_not_confirmed() {
    let (folder, api) = (tempfile::tempdir().unwrap(), Api::start());
    let mut connector = start(folder.path(), &api, &[]);
    connector.state(State::Connected);
    let (inbox, away) = (folder.path().join("inbox"), folder.path().join("away"));
    std::fs::rename(&inbox, &away).unwrap();
    api.update(CONNECTED);
    connector.trouble("telegram-disk");
    connector.state(State::Lagging);
    assert_eq!(api.waiting(), 1);
    std::fs::rename(&away, &inbox).unwrap();
    connector.records(1);
    api.confirmed();
}

#[test]
fn a_strangers_chats_are_not_kept() {
    let (folder, api) = (tempfile::tempdir().unwrap(), Api::start());
    let mut connector = start(folder.path(), &api, &[]);
    api.owner("bc-1", 100);
    api.owner("bc-9", 900);
    api.update(&message("bc-9", 1, r#""text":"private of somebody else""#));
    assert_eq!(connector.trouble("telegram-stranger"), "user:900");
    api.update(&text(2, "ours"));
    assert_eq!(id(&connector.records(1)[0].0), "2");
    api.confirmed();
    let inbox = std::fs::read_dir(folder.path().join("inbox")).unwrap();
    assert!(
        inbox.count() <= 2,
        "what is kept, and names of what is done"
    );
    // A connection is asked for once.
    api.update(&text(3, "ours again"));
    connector.records(1);
    assert_eq!(api.asked("getBusinessConnection").len(), 2);
}

#[test]
fn files_come_with_their_messages_or_the_reason_why_not() {
    let (folder, api) = (tempfile::tempdir().unwrap(), Api::start());
    let hurry = [("media-patience", "1")];
    let mut connector = start(folder.path(), &api, &hurry);
    let document = |id: u32, file: &str, size: u64| {
        let more = format!(
            r#""document":{{"file_name":"../x.pdf","mime_type":"application/pdf","file_id":"{file}","file_unique_id":"u-{file}","file_size":{size}}}"#
        );
        message("bc-1", id, &more)
    };
    api.owner("bc-1", 100);
    api.script(
        "getFile",
        &[
            error(429, "Too Many Requests"),
            error(400, "Bad Request: temporarily unavailable"),
        ],
    );
    api.update(&document(1, "f-1", 10));
    let event = connector.event();
    let record = program::read(&event.records[0]);
    assert_eq!(
        record.attachments()[0].sha256.as_bytes(),
        &canonical::sha256(&file("f-1"))
    );
    assert_eq!(
        record.attachments()[0].sniffed_type.as_deref(),
        Some("application/pdf")
    );
    let name = &event.records[0].files()[0].name;
    assert_eq!(
        std::fs::read(folder.path().join(name)).unwrap(),
        file("f-1")
    );
    connector.durable(event.number);
    let mut missing = |update: &str| {
        api.update(update);
        let (record, _) = connector.records(1).remove(0);
        let Content::Message(message) = &record.body().content else {
            panic!("no message");
        };
        let Part::Missing(missing) = &message.parts[0] else {
            panic!("not missing");
        };
        missing.why
    };
    assert_eq!(missing(&document(2, "f-2", 21 << 20)), MissingWhy::TooLarge);
    api.script("getFile", &[error(400, "Bad Request: file is too big")]);
    assert_eq!(missing(&document(3, "f-3", 10)), MissingWhy::TooLarge);
    let gone = vec![error(400, "Bad Request: wrong file_id"); 20];
    api.script("getFile", &gone);
    assert_eq!(missing(&document(4, "f-4", 10)), MissingWhy::Expired);
}

#[test]
fn states_follow_what_telegram_says() {
    let (folder, api) = (tempfile::tempdir().unwrap(), Api::start());
    api.script(
        "getUpdates",
        &[
            error(
                409,
                "Conflict: can't use getUpdates method while webhook is active",
            ),
            error(409, "Conflict: terminated by other getUpdates request"),
            error(429, "Too Many Requests"),
            error(502, "Bad Gateway"),
        ],
    );
    let mut connector = start(folder.path(), &api, &[]);
    assert!(
        connector
            .trouble("telegram-rival")
            .contains("other getUpdates")
    );
    assert!(connector.trouble("telegram-away").contains("502"));
    connector.state(State::Connected);
    assert_eq!(api.asked("deleteWebhook")[0]["drop_pending_updates"], false);
    api.update(CONNECTED);
    api.update(&CONNECTED.replace("true}}", "false}}"));
    connector.records(2);
    connector.state(State::Unlinked);
    api.update(&CONNECTED.replace("1778597000", "1778597001"));
    connector.records(1);
    connector.state(State::Connected);
    let wrong = [("bot-token", "1:other")];
    let folder = tempfile::tempdir().unwrap();
    let mut connector = start(folder.path(), &api, &wrong);
    let told = connector.trouble("telegram-token");
    assert!(told.contains("401") && !told.contains("other"), "{told}");
    connector.state(State::Expired);
}

/// GAPS-SHOW: Telegram keeps updates for a day.
#[test]
fn a_day_without_questions_is_a_loss() {
    let (folder, api) = (tempfile::tempdir().unwrap(), Api::start());
    let from = business::now().get() - 3 * 86_400_000;
    std::fs::write(folder.path().join("polled"), from.to_string()).unwrap();
    let mut connector = start(folder.path(), &api, &[]);
    api.update(CONNECTED);
    let taken = connector.records(2);
    let losses: Vec<_> = taken
        .iter()
        .filter_map(|(record, _)| match &record.body().content {
            Content::Loss(loss) => Some(loss.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(losses.len(), 1);
    assert_eq!(losses[0].why, LossWhy::Offline);
    assert_eq!(losses[0].from.unwrap().get(), from);
    let days = (losses[0].to.unwrap().get() - from) / 86_400_000;
    assert_eq!(days, 2, "the last day was still there");
    connector.kill();
    let mut connector = start(folder.path(), &api, &[]);
    api.update(&text(9, "next"));
    // The kill may have met the connector before it heard that the former ones are durable.
    loop {
        let (record, _) = connector.records(1).remove(0);
        if id(&record) == "9" {
            break;
        }
        let known = taken.iter().any(|(former, _)| former.id() == record.id());
        assert!(known, "it is told once");
    }
}

#[test]
fn updates_can_be_posted() {
    let (folder, api) = (tempfile::tempdir().unwrap(), Api::start());
    api.owner("bc-1", 100);
    let hook = [
        ("public-url", "https://hook.example/telegram"),
        ("webhook-secret", "s3cret"),
        ("listen", "127.0.0.1:0"),
    ];
    let mut connector = start(folder.path(), &api, &hook).listening();
    connector.state(State::Connected);
    let post = |connector: &Program, body: &str, secret: &str| {
        let lines = [
            "POST /telegram HTTP/1.1".to_owned(),
            "Host: hook.example".to_owned(),
            format!("X-Telegram-Bot-Api-Secret-Token: {secret}"),
            format!("Content-Length: {}", body.len()),
        ];
        connector.ask(&lines, body.as_bytes()).0
    };
    let update = text(7, "posted").replacen('#', "7", 1);
    assert_eq!(post(&connector, &update, "other"), 401);
    api.script("getBusinessConnection", &[error(502, "Bad Gateway")]);
    assert_eq!(
        post(&connector, &update, "s3cret"),
        503,
        "whose it is can not be told"
    );
    assert_eq!(post(&connector, &update, "s3cret"), 200);
    assert_eq!(id(&connector.records(1)[0].0), "7");
    assert_eq!(post(&connector, &update, "s3cret"), 200, "the same again");
    let next = text(8, "next").replacen('#', "8", 1);
    assert_eq!(post(&connector, &next, "s3cret"), 200);
    assert_eq!(id(&connector.records(1)[0].0), "8");
    let told = &api.asked("setWebhook")[0];
    assert_eq!(told["url"], "https://hook.example/telegram");
    assert_eq!(told["secret_token"], "s3cret");
    assert!(api.asked("getUpdates").is_empty());
}

#[test]
fn linking_waits_until_somebody_connects_the_bot_and_confirms_nothing() {
    let (folder, api) = (tempfile::tempdir().unwrap(), Api::start());
    let mut connector = start(folder.path(), &api, &[("link", "yes"), ("user-id", "100")]);
    assert!(matches!(connector.hear(), Up::Hello(_)));
    let Up::RequestLink(asked) = connector.hear() else {
        panic!("no bot");
    };
    assert_eq!(
        (asked.form.as_str(), asked.content.as_str()),
        ("bot", "@archive_bot")
    );
    api.update(&CONNECTED.replace("\"id\":100", "\"id\":900"));
    api.update(CONNECTED);
    let Up::RequestLink(linked) = connector.hear() else {
        panic!("not linked");
    };
    assert_eq!(
        (linked.form.as_str(), linked.content.as_str()),
        ("linked", ACCOUNT)
    );
    assert!(matches!(connector.hear(), Up::Done(_)));
    assert_eq!(api.waiting(), 2);
    let no = serde_json::json!({"ok": true, "result": {"username": "b", "can_connect_to_business": false}});
    api.script("getMe", &[(200, no)]);
    let mut connector = start(folder.path(), &api, &[("link", "yes")]);
    assert_eq!(connector.trouble("telegram-no-business"), "b");
}
