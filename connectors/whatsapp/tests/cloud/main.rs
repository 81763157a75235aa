//! The live connector: its program over its streams and over HTTP, as agent and Meta see it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod graph;
mod world;

#[path = "../../../../vectors/samples/check.rs"]
mod check;

use std::collections::BTreeSet;

use connector::normal::{Capture, Files, exact_bytes};
use connector::{State, Up};
use graph::{Answer, Graph, file};
use record::{
    Assurance, Content, Milliseconds, MissingWhy, Mode, NetworkName, Part, Record, Source, TextId,
    Time,
};
use serde_json::Value;
use world::{Connector, delivery, image, signature, text};

const NUMBER: &str = "wa-number:11";

fn message(record: &Record) -> &record::Message {
    match &record.body().content {
        Content::Message(message) => message,
        other => panic!("{:?}", other.kind()),
    }
}

fn id(record: &Record) -> &str {
    record.envelope().source_id().as_str()
}

/// Every payload in every file of the samples.
fn payloads() -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for (name, text) in check::files("whatsapp", "json") {
        let names: Value = serde_json::from_str(&text).unwrap();
        for (payload, _) in names.as_object().unwrap() {
            let bytes = exact_bytes(text.as_bytes(), payload).unwrap().to_vec();
            found.push((format!("{name}:{payload}"), bytes));
        }
    }
    found
}

/// How many whole hashes a payload tells.
fn hashes(payload: &[u8]) -> usize {
    let text = std::str::from_utf8(payload).unwrap();
    let told = text.split("\"sha256\": \"").skip(1);
    told.filter_map(|rest| rest.split('"').next())
        .filter_map(|hash| data_encoding::BASE64.decode(hash.as_bytes()).ok())
        .filter(|bytes| bytes.len() == 32)
        .count()
}

#[test]
fn every_payload_is_taken_with_its_signature_and_with_no_other() {
    let (folder, graph) = (tempfile::tempdir().unwrap(), Graph::start());
    let account = "waba:102290129340398";
    let hurry = [("media-patience", "1")];
    let mut connector = Connector::start(folder.path(), account, &graph.url, &hurry);
    let source = Source {
        network: NetworkName::WHATSAPP,
        account: TextId::new(account).unwrap(),
        custodian: TextId::new("c-1").unwrap(),
        connector: TextId::new("x").unwrap(),
        assurance: Assurance::Business,
        mode: Mode::Live,
    };
    let payloads = payloads();
    assert!(payloads.len() >= 74, "{}", payloads.len());
    let mut seen = BTreeSet::new();
    for (name, body) in &payloads {
        // Two files hold the same one.
        if !seen.insert(body) {
            continue;
        }
        assert_eq!(connector.send(body, &[]), 401, "{name}: without");
        let other = signature(&[body.as_slice(), b" "].concat());
        let head = format!("X-Hub-Signature-256: {other}");
        assert_eq!(
            connector.send(body, &[&head]),
            401,
            "{name}: of another body"
        );
        assert_eq!(connector.post(body), 200, "{name}");
        let capture = Capture {
            source: &source,
            captured: Time::utc(Milliseconds::new(0)),
            files: &Files::default(),
        };
        let made = whatsapp::normalize(&capture, body).unwrap();
        let taken = connector.records(made.records.len());
        let files: usize = taken
            .iter()
            .map(|(_, incoming)| incoming.files().len())
            .sum();
        // The samples' media are not what their hashes say: those that tell one are refused.
        let kept = made.wanted.len() - hashes(body);
        assert_eq!(files, kept, "{name}: media are there");
        let ids = |records: Vec<&Record>| -> BTreeSet<_> {
            records.iter().map(|record| record.id()).collect()
        };
        assert_eq!(
            ids(taken.iter().map(|(record, _)| record).collect()),
            ids(made.records.iter().collect()),
            "{name}"
        );
        for (record, _) in &taken {
            let same = made
                .records
                .iter()
                .find(|made| made.id() == record.id())
                .unwrap();
            assert_eq!(record.original(), same.original(), "{name}: exact bytes");
        }
        // Meta did not hear our answer: the same again is known.
        assert_eq!(connector.post(body), 200, "{name}: again");
    }
    assert_eq!(
        connector.post(&delivery("11", &text("wamid.end", "end"))),
        200
    );
    assert_eq!(
        id(&connector.records(1)[0].0),
        "wamid.end",
        "nothing came twice"
    );
}

#[test]
fn the_handshake_and_what_else_is_at_the_door() {
    let folder = tempfile::tempdir().unwrap();
    let graph = Graph::start();
    let limit = [("body-limit", "1000")];
    let connector = Connector::start(folder.path(), NUMBER, &graph.url, &limit);
    let get = |target: &str| {
        let lines = [format!("GET {target} HTTP/1.1"), "Host: x".to_owned()];
        connector.ask(&lines, b"")
    };
    let good = "/whatsapp?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=verify";
    assert_eq!(get(good), (200, "1158201444".to_owned()));
    assert_eq!(
        get("/whatsapp?hub.mode=subscribe&hub.challenge=1&hub.verify_token=no").0,
        403
    );
    assert_eq!(get("/whatsapp").0, 403);
    assert_eq!(get("/").0, 404);
    let put = ["PUT /whatsapp HTTP/1.1".to_owned(), "Host: x".to_owned()];
    assert_eq!(connector.ask(&put, b"").0, 405);
    let long = delivery("11", &text("wamid.1", &"x".repeat(1_000)));
    assert_eq!(connector.post(&long), 413);
}

#[test]
fn too_many_requests_come_again_later() {
    let folder = tempfile::tempdir().unwrap();
    let graph = Graph::start();
    let connector = Connector::start(folder.path(), NUMBER, &graph.url, &[]);
    let lines = ["GET /whatsapp HTTP/1.1".to_owned(), "Host: x".to_owned()];
    let answers: Vec<u16> = (0..1_000).map(|_| connector.ask(&lines, b"").0).collect();
    assert!(answers.contains(&403));
    assert!(answers.contains(&503), "no limit was met");
}

/// NOTHING-LOST: Meta was answered, the agent was not told; redelivered or not, it stands once.
#[test]
fn what_was_answered_survives_a_kill_and_is_archived_once() {
    let folder = tempfile::tempdir().unwrap();
    let graph = Graph::start();
    let start = || Connector::start(folder.path(), NUMBER, &graph.url, &[]);
    let first = delivery("11", &text("wamid.1", "one"));
    let mut connector = start();
    assert_eq!(connector.post(&first), 200);
    assert_eq!(connector.event().number.get(), 1);
    connector.kill();
    let mut connector = start();
    let event = connector.event();
    assert_eq!(id(&world::read(&event.records[0])), "wamid.1");
    // Still not durable, and Meta repeats it: it is the same.
    assert_eq!(connector.post(&first), 200);
    connector.durable(event.number);
    assert_eq!(
        connector.post(&delivery("11", &text("wamid.2", "two"))),
        200
    );
    assert_eq!(id(&connector.records(1)[0].0), "wamid.2");
    connector.kill();
    let mut connector = start();
    assert_eq!(connector.post(&first), 200);
    assert_eq!(
        connector.post(&delivery("11", &text("wamid.3", "three"))),
        200
    );
    // The kill may have met the connector before it heard that the second is durable.
    let mut found = id(&connector.records(1)[0].0).to_owned();
    if found == "wamid.2" {
        found = id(&connector.records(1)[0].0).to_owned();
    }
    assert_eq!(found, "wamid.3");
}

#[test]
fn what_the_disk_does_not_take_is_not_answered_for() {
    let folder = tempfile::tempdir().unwrap();
    let graph = Graph::start();
    let mut connector = Connector::start(folder.path(), NUMBER, &graph.url, &[]);
    let (inbox, away) = (folder.path().join("inbox"), folder.path().join("away"));
    std::fs::rename(&inbox, &away).unwrap();
    let body = delivery("11", &text("wamid.1", "one"));
    assert_eq!(connector.post(&body), 503);
    connector.trouble("whatsapp-disk");
    connector.state(State::Lagging);
    std::fs::rename(&away, &inbox).unwrap();
    assert_eq!(connector.post(&body), 200);
    assert_eq!(id(&connector.records(1)[0].0), "wamid.1");
}

#[test]
fn media_are_fetched_through_everything_that_can_fail() {
    let folder = tempfile::tempdir().unwrap();
    let graph = Graph::start();
    let mut connector = Connector::start(folder.path(), NUMBER, &graph.url, &[]);
    graph.script(
        "/77",
        &[
            Answer::Status(404, 100, ""),
            Answer::Status(429, 80_007, "retry-after: 0\r\n"),
            Answer::Address,
            Answer::Address,
            Answer::WrongHash,
        ],
    );
    // An address that has expired, then half of the bytes.
    graph.script("/file/77", &[Answer::Status(404, 0, ""), Answer::Cut]);
    let messages = [
        image("wamid.1", "77", &file("77")),
        text("wamid.2", "beside it"),
    ]
    .join(",");
    assert_eq!(connector.post(&delivery("11", &messages)), 200);
    // What does not wait for a file does not wait.
    assert_eq!(id(&connector.records(1)[0].0), "wamid.2");
    let event = connector.event();
    let record = world::read(&event.records[0]);
    assert_eq!(id(&record), "wamid.1");
    let attachment = &record.attachments()[0];
    assert_eq!(
        attachment.sha256.as_bytes(),
        &canonical::sha256(&file("77"))
    );
    assert_eq!(attachment.sniffed_type.as_deref(), Some("image/png"));
    let given = &event.records[0].files()[0];
    assert!(given.name.starts_with("up-"), "{}", given.name);
    assert_eq!(
        std::fs::read(folder.path().join(&given.name)).unwrap(),
        file("77")
    );
    let asked = graph.asked();
    let times = |path: &str| asked.iter().filter(|asked| asked.starts_with(path)).count();
    assert_eq!((times("/77?phone_number_id=11"), times("/file/77")), (6, 4));
    // It is durable: nothing of it stays in the folder.
    connector.durable(event.number);
    assert_eq!(
        connector.post(&delivery("11", &text("wamid.3", "next"))),
        200
    );
    assert_eq!(id(&connector.records(1)[0].0), "wamid.3");
    assert_eq!(
        connector.post(&delivery("11", &text("wamid.4", "last"))),
        200
    );
    connector.event();
    let left: Vec<String> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("up-") || name.starts_with("media-"))
        .collect();
    assert_eq!(left, Vec::<String>::new());
}

#[test]
fn media_that_never_come_are_missing_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let graph = Graph::start();
    let settings = [("media-limit", "100000"), ("media-patience", "1")];
    let mut connector = Connector::start(folder.path(), NUMBER, &graph.url, &settings);
    let mut missing = |media: &str, script: &[Answer]| {
        graph.script(&format!("/{media}"), script);
        let name = format!("wamid.{media}");
        let body = delivery("11", &image(&name, media, &file(media)));
        assert_eq!(connector.post(&body), 200);
        let (record, incoming) = connector.records(1).remove(0);
        assert_eq!(id(&record), name);
        assert!(incoming.files().is_empty() && record.attachments().is_empty());
        let Part::Missing(missing) = message(&record).parts[0].clone() else {
            panic!("not missing");
        };
        let fields = &record.body().fields;
        let why = fields.iter().find(|field| field.name == "media[0].missing");
        (missing.why, why.unwrap().value.clone())
    };
    let gone = vec![Answer::Status(404, 100, ""); 20];
    let expired = missing("1", &gone);
    assert_eq!(
        expired,
        (MissingWhy::Expired, "404 (100) scripted".to_owned())
    );
    let (why, detail) = missing("2", &[Answer::Size(100_001)]);
    assert_eq!(why, MissingWhy::TooLarge);
    assert!(detail.contains("100001"), "{detail}");
    let wrong = vec![Answer::WrongHash; 20];
    let (why, detail) = missing("3", &wrong);
    assert_eq!(why, MissingWhy::Expired);
    assert!(detail.contains("another hash"), "{detail}");
    assert_eq!(missing("..", &[]).0, MissingWhy::Failed);
    assert!(graph.asked().iter().all(|asked| !asked.contains("..")));
}

#[test]
fn a_file_that_is_there_is_not_fetched_again_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let graph = Graph::start();
    let start = || Connector::start(folder.path(), NUMBER, &graph.url, &[]);
    let mut connector = start();
    let body = delivery("11", &image("wamid.1", "77", &file("77")));
    assert_eq!(connector.post(&body), 200);
    connector.event();
    connector.kill();
    graph.script("/77", &vec![Answer::Status(404, 100, ""); 20]);
    let mut connector = start();
    let (record, incoming) = connector.records(1).remove(0);
    assert_eq!((id(&record), incoming.files().len()), ("wamid.1", 1));
    assert_eq!(
        graph
            .asked()
            .iter()
            .filter(|a| a.starts_with("/77"))
            .count(),
        1
    );
}

#[test]
fn numbers_of_one_business_share_an_address_and_nothing_else() {
    let (one, two, graph) = (
        tempfile::tempdir().unwrap(),
        tempfile::tempdir().unwrap(),
        Graph::start(),
    );
    let mut second = Connector::start(two.path(), "wa-number:22", &graph.url, &[]);
    let pass = format!("http://{}/whatsapp", second.address);
    let settings = [("pass.22", pass.as_str())];
    let mut first = Connector::start(one.path(), NUMBER, &graph.url, &settings);
    let (ours, theirs) = (
        delivery("11", &text("wamid.1", "to eleven")),
        delivery("22", &text("wamid.2", "to twenty-two")),
    );
    assert_eq!(first.post(&theirs), 200);
    assert_eq!(id(&second.records(1)[0].0), "wamid.2");
    // Both in one delivery: each gets its own, and no byte of the other's.
    let entry = |body: &[u8]| {
        let value: Value = serde_json::from_slice(body).unwrap();
        value["entry"][0].to_string()
    };
    let both = format!(
        r#"{{"object":"whatsapp_business_account","entry":[{},{}]}}"#,
        entry(&delivery("11", &text("wamid.3", "secret of eleven"))),
        entry(&delivery("22", &text("wamid.4", "secret of twenty-two")))
    );
    assert_eq!(first.post(both.as_bytes()), 200);
    for (connector, own, other) in [
        (&mut first, "wamid.3", "secret of twenty-two"),
        (&mut second, "wamid.4", "secret of eleven"),
    ] {
        let (record, incoming) = connector.records(1).remove(0);
        assert_eq!(id(&record), own);
        let bytes = incoming.parts().concat();
        assert!(!bytes.windows(other.len()).any(|w| w == other.as_bytes()));
    }
    // A number that nobody captures is said, and not kept.
    assert_eq!(first.post(&delivery("33", &text("wamid.5", "x"))), 200);
    assert_eq!(first.trouble("whatsapp-stranger"), "33");
    assert_eq!(first.post(&ours), 200);
    assert_eq!(id(&first.records(1)[0].0), "wamid.1");
    // The other listener is away: Meta is to send it again.
    second.kill();
    assert_eq!(first.post(&delivery("22", &text("wamid.6", "x"))), 503);
}

#[test]
fn states_follow_the_account_and_the_token() {
    let folder = tempfile::tempdir().unwrap();
    let graph = Graph::start();
    let mut connector = Connector::start(folder.path(), NUMBER, &graph.url, &[]);
    connector.state(State::Connected);
    let update = |event: &str| {
        format!(
            r#"{{"object":"whatsapp_business_account","entry":[{{"id":"9","time":1795520482,"changes":[{{"field":"account_update","value":{{"event":"{event}"}}}}]}}]}}"#
        )
    };
    assert_eq!(connector.post(update("PARTNER_REMOVED").as_bytes()), 200);
    connector.state(State::Unlinked);
    assert_eq!(connector.trouble("whatsapp-unlinked"), "PARTNER_REMOVED");
    connector.kill();
    let mut connector = Connector::start(folder.path(), NUMBER, &graph.url, &[]);
    connector.records(1);
    connector.state(State::Unlinked);
    assert_eq!(connector.post(update("PARTNER_ADDED").as_bytes()), 200);
    connector.records(1);
    connector.state(State::Connected);
    graph.refuse(true);
    let body = delivery("11", &image("wamid.1", "77", &file("77")));
    assert_eq!(connector.post(&body), 200);
    connector.state(State::Expired);
}

#[test]
fn linking_says_the_account_or_why_not() {
    let folder = tempfile::tempdir().unwrap();
    let graph = Graph::start();
    let settings = [("link", "yes"), ("phone-number-id", "11")];
    let start = || Connector::spawn(folder.path(), "linking", &graph.url, &settings);
    let mut connector = start();
    assert!(matches!(connector.hear(), Up::Hello(_)));
    match connector.hear() {
        Up::RequestLink(request) => {
            assert_eq!(
                (request.form.as_str(), request.content.as_str()),
                ("linked", NUMBER)
            );
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(connector.hear(), Up::Done(_)));
    graph.refuse(true);
    let mut connector = start();
    assert!(connector.trouble("whatsapp-token").contains("401"));
}

#[test]
fn settings_that_do_not_fit_end_it_with_their_name() {
    let folder = tempfile::tempdir().unwrap();
    for (settings, key, fact) in [
        (("app-secret", ""), "whatsapp-setting", "app-secret"),
        (
            ("listen", "0.0.0.0:0"),
            "whatsapp-listen",
            "0.0.0.0:0 is not of the loopback",
        ),
    ] {
        let mut connector =
            Connector::spawn(folder.path(), NUMBER, "http://127.0.0.1:9", &[settings]);
        let told = connector.trouble(key);
        assert!(told.contains(fact), "{told}");
    }
}

#[test]
fn with_a_certificate_it_listens_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let graph = Graph::start();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (chain, key) = (
        folder.path().join("chain.pem"),
        folder.path().join("key.pem"),
    );
    std::fs::write(&chain, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let settings = [
        ("tls-cert", chain.to_str().unwrap()),
        ("tls-key", key.to_str().unwrap()),
    ];
    let mut connector = Connector::start(folder.path(), NUMBER, &graph.url, &settings);
    let body = delivery("11", &text("wamid.1", "over TLS"));
    let url = format!("https://localhost:{}/whatsapp", connector.address.port());
    let status = tokio::runtime::Runtime::new().unwrap().block_on(async {
        let client = business::client(Some(&chain)).unwrap();
        let request = client
            .post(url)
            .header("x-hub-signature-256", signature(&body))
            .body(body);
        request.send().await.unwrap().status().as_u16()
    });
    assert_eq!(status, 200);
    assert_eq!(id(&connector.records(1)[0].0), "wamid.1");
}
