//! Telegram Desktop exports: the demo's, the samples, whole accounts, and damaged ones.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod agent;

use std::path::{Path, PathBuf};

use agent::{Import, import, import_from};
use record::{
    Content, ConversationKind, Direction, Kind, MissingWhy, OriginalContent, Part, Record,
};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn written(folder: &Path, text: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join("result.json");
    std::fs::write(&path, text).unwrap();
    path
}

fn inline(record: &Record) -> &[u8] {
    match &record.original().unwrap().content {
        OriginalContent::Inline(bytes) => bytes,
        OriginalContent::Attached(_) => panic!("small originals stand in their records"),
    }
}

fn by_source<'i>(found: &'i Import, id: &str) -> &'i Record {
    let same = |record: &&Record| record.envelope().source_id().as_str() == id;
    found.records.iter().find(same).unwrap()
}

#[test]
fn the_trading_room_is_imported() {
    let path = root().join("crates/greffe/demo/mesa.json");
    let found = import(&path, &[("me", "user5002")]);
    assert_eq!(found.losses(), 0);
    assert!(found.troubles.is_empty());
    assert_eq!(found.hello.as_ref().unwrap().network, "telegram");
    let kinds: Vec<Kind> = found.records.iter().map(Record::kind).collect();
    assert_eq!(
        kinds,
        [
            Kind::Change,
            Kind::Roster,
            Kind::Message,
            Kind::Message,
            Kind::Message,
            Kind::Edit,
            Kind::Message,
            Kind::Message,
            Kind::Poll,
            Kind::Message,
            Kind::Change,
            Kind::Message
        ]
    );
    let reply = by_source(&found, "3");
    assert_eq!(reply.envelope().direction(), Direction::Outgoing);
    assert_eq!(
        reply.envelope().conversation().as_str(),
        "channel:1900000001"
    );
    assert_eq!(
        reply.participants().conversation.kind,
        ConversationKind::Group
    );
    assert_eq!(
        reply.envelope().roster(),
        Some(by_source(&found, "roster-1").id())
    );
    let Content::Message(message) = &reply.body().content else {
        panic!("a message")
    };
    assert_eq!(
        message.in_reply_to.as_ref().unwrap().source_id.as_str(),
        "2"
    );
    let [Part::Text(text)] = &message.parts[..] else {
        panic!("a text")
    };
    assert_eq!(
        text.text,
        "¿Quién firma el contrato marco? Lo necesito antes de las once."
    );
    let span = &text.spans[0];
    assert_eq!(
        (span.start, span.length, span.style.as_str()),
        (16, 14, "bold")
    );
    let sent = reply.envelope().times().sent.unwrap();
    assert_eq!(sent.at.get(), 1_794_207_900_000);
    assert_eq!(
        sent.offset.unwrap().get(),
        60,
        "local time beside Unix time"
    );
    let Content::Message(file) = &by_source(&found, "6").body().content else {
        panic!("a message")
    };
    assert!(matches!(&file.parts[..], [Part::Missing(m)]
        if m.why == MissingWhy::NotIncluded && m.name.as_deref() == Some("anexo.xlsx") && m.size == Some(48_211)));
    // The day of a reaction has no point in time beside it: it stays as it is written.
    let fields: Vec<&str> = found
        .records
        .iter()
        .flat_map(|record| record.body().fields.iter().map(|field| field.name.as_str()))
        .collect();
    assert_eq!(fields, ["reactions[0].recent[0].date"]);
}

#[test]
fn the_department_is_imported() {
    let path = root().join("crates/greffe/demo/otdel.json");
    let found = import(&path, &[]);
    assert_eq!(found.losses(), 0);
    let call = by_source(&found, "4");
    assert!(
        matches!(&call.body().content, Content::Call(call) if call.duration_seconds == Some(184))
    );
    assert_eq!(call.envelope().conversation().as_str(), "user:6100000002");
    assert_eq!(
        call.participants().conversation.kind,
        ConversationKind::Direct
    );
}

#[test]
fn nothing_of_the_samples_is_left_over() {
    for name in ["personal_chat.json", "supergroup_with_topics.json"] {
        let path = root().join("vectors/samples/telegram").join(name);
        let found = import(&path, &[]);
        assert_eq!(found.losses(), 0, "{name}");
        let text = std::fs::read_to_string(&path).unwrap();
        let all: serde_json::Value = serde_json::from_str(&text).unwrap();
        for message in all["messages"].as_array().unwrap() {
            let record = by_source(&found, &message["id"].to_string());
            let original: serde_json::Value = serde_json::from_slice(inline(record)).unwrap();
            assert_eq!(&original, message);
            assert!(text.contains(std::str::from_utf8(inline(record)).unwrap()));
            assert_eq!(record.body().fields, [], "{name}");
        }
    }
    let topics = import(
        &root().join("vectors/samples/telegram/supergroup_with_topics.json"),
        &[],
    );
    let topic = |id| {
        let topic = by_source(&topics, id)
            .participants()
            .conversation
            .topic
            .clone();
        topic.map(|topic| (topic.id.as_str().to_owned(), topic.title.unwrap()))
    };
    assert_eq!(topic("5"), Some(("4".into(), "Finances".into())));
    assert_eq!(topic("7"), None);
}

#[test]
fn what_the_model_does_not_have_stays_in_fields() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(
        folder.path(),
        r#"{"name":"N","type":"private_group","id":7,"messages":[
          {"id":1,"type":"message","date":"2026-11-09T08:00:00","date_unixtime":"1794207600","from":null,"from_id":"user5",
           "via_bot":"@b","inline_bot_buttons":[[{"type":"url","text":"Go","data":"https://x"}]],"text":"hi","text_entities":[{"type":"plain","text":"hi"}]},
          {"id":2,"type":"service","date":"2026-11-09T08:00:00","date_unixtime":"1794207600","actor":"A","actor_id":"user5","action":"send_star_gift","gift_id":"9","stars":5,"text":"","text_entities":[]}]}"#,
    );
    let found = import(&path, &[]);
    assert_eq!(found.losses(), 0);
    let fields: Vec<(&str, &str)> = found.records[0]
        .body()
        .fields
        .iter()
        .map(|field| (field.name.as_str(), field.value.as_str()))
        .collect();
    assert_eq!(
        fields,
        [
            ("via_bot", "@b"),
            ("inline_bot_buttons[0][0].type", "url"),
            ("inline_bot_buttons[0][0].text", "Go"),
            ("inline_bot_buttons[0][0].data", "https://x"),
        ]
    );
    let gift = &found.records[1].body();
    assert!(matches!(&gift.content, Content::Unknown(u) if u.type_name == "send_star_gift"));
    assert_eq!(gift.fields.len(), 2);
}

#[test]
fn a_whole_account_is_imported() {
    let folder = tempfile::tempdir().unwrap();
    let message = r#"{"id":1,"type":"message","date":"2026-11-09T08:00:00","date_unixtime":"1794207600","from":"A","from_id":"user5","text":"hi"}"#;
    let path = written(
        folder.path(),
        format!(
            r#"{{"about":"x","personal_information":{{"user_id":5,"first_name":"A"}},
        "contacts":{{"about":"x","list":[{{"user_id":6,"first_name":"B","last_name":"C","phone_number":"+1"}}]}},
        "chats":{{"about":"x","list":[{{"name":"B","type":"personal_chat","id":6,"messages":[{message}]}},
          {{"type":"saved_messages","id":5,"messages":[{message}]}}]}},
        "left_chats":{{"about":"x","list":[{{"name":"G","type":"private_group","id":6,"messages":[{message}]}}]}}}}"#
        ),
    );
    let found = import(&path, &[]);
    assert_eq!(found.losses(), 0);
    let conversations: Vec<&str> = found
        .records
        .iter()
        .map(|record| record.envelope().conversation().as_str())
        .collect();
    assert_eq!(
        conversations,
        ["account", "account", "user:6", "user:5", "chat:6"]
    );
    assert_eq!(found.records[2].envelope().direction(), Direction::Outgoing);
    assert_eq!(found.records[1].body().fields.len(), 4);
}

#[test]
fn damage_is_told_with_its_place_and_the_rest_is_imported() {
    let folder = tempfile::tempdir().unwrap();
    let message = |id: u32| {
        format!(
            "  {{\n   \"id\": {id},\n   \"type\": \"message\",\n   \"from\": \"A\",\n   \"text\": \"m{id}\"\n  }}"
        )
    };
    let head =
        "{\n \"name\": \"N\",\n \"type\": \"private_group\",\n \"id\": 7,\n \"messages\": [\n";
    let broken = message(2).replace("\"text\": \"m2\"", "\"text\": \"m2");
    let whole = format!(
        "{head}{},\n{broken},\n{},\n{}\n ]\n}}",
        message(1),
        message(3),
        message(4)
    );
    let found = import(&written(folder.path(), &whole), &[]);
    assert_eq!(found.losses(), 1);
    let ids: Vec<&str> = found
        .records
        .iter()
        .map(|record| record.envelope().source_id().as_str())
        .collect();
    assert_eq!((ids[0], ids[2], ids[3]), ("1", "3", "4"));
    let Content::Loss(loss) = &found.records[1].body().content else {
        panic!("a loss")
    };
    let at = whole.find("  {\n   \"id\": 2").unwrap() + 2;
    assert_eq!(
        loss.place.as_deref(),
        Some(format!("line 12, byte {at}").as_str())
    );
    // Cut off in the middle of a message.
    let cut = &whole[..whole.len() - 20];
    let found = import(&written(folder.path(), cut), &[]);
    assert!(found.losses() >= 2);
    assert!(
        found
            .records
            .iter()
            .any(|record| record.envelope().source_id().as_str() == "3")
    );
    // Bytes that are no text.
    let mut bytes = whole
        .replace("m3", "m#")
        .replace("\"text\": \"m2\n", "\"text\": \"m2\"\n")
        .into_bytes();
    let at = bytes.iter().position(|byte| *byte == b'#').unwrap();
    bytes[at] = 0xff;
    let found = import(&written(folder.path(), &bytes), &[]);
    assert_eq!(found.losses(), 1);
    assert_eq!(by_source(&found, "3").searchable_text(), ["m\u{fffd}"]);
    assert!(inline(by_source(&found, "3")).contains(&0xff));
}

#[test]
fn conn_7_a_restart_continues_and_gives_the_same_ids() {
    let path = root().join("crates/greffe/demo/mesa.json");
    let whole = import(&path, &[]);
    let (count, position) = whole.positions[0].clone();
    assert_eq!(count, whole.records.len());
    assert!(import_from(&path, &[], Some(position)).records.is_empty());
    let half = &whole.records[4];
    let text = std::fs::read(&path).unwrap();
    let end = text
        .windows(inline(half).len())
        .position(|w| w == inline(half))
        .unwrap()
        + inline(half).len();
    let position = connector::Position::new((end as u64).to_be_bytes());
    let rest = import_from(&path, &[], Some(position));
    let ids = |records: &[Record]| records.iter().map(Record::id).collect::<Vec<_>>();
    assert_eq!(ids(&rest.records), ids(&whole.records[6..]));
}
