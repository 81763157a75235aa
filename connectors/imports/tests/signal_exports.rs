//! Signal Desktop's messages as sigtop and signal-export write them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod agent;

use std::path::{Path, PathBuf};

use agent::{Import, NOW, import, import_from};
use connector::normal::{Capture, Files};
use record::{
    Assurance, Content, ConversationKind, Direction, Kind, LossWhy, Mode, NetworkName,
    OriginalContent, Part, Record, RecordId, Source, TextId, Time,
};
use serde_json::{Value, json};

const BEN: &str = "9d0652a3-dcc3-4d11-975f-74d61598733f";
const SENT: i64 = 1_793_692_918_000;

fn written(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, bytes).unwrap();
    path
}

/// As sigtop writes it: a message a line.
fn listed(messages: &[Value]) -> String {
    let lines: Vec<String> = messages.iter().map(Value::to_string).collect();
    format!("[\n{}\n]\n", lines.join(",\n"))
}

fn message(kind: &str, sent: i64, more: Value) -> Value {
    let mut value = json!({"id": format!("m-{sent}"), "conversationId": "c-1", "type": kind, "sent_at": sent,
        "timestamp": sent, "received_at": 7, "received_at_ms": sent + 40, "schemaVersion": 14});
    let object = value.as_object_mut().unwrap();
    if kind == "incoming" {
        object.insert("sourceServiceId".into(), json!(BEN));
        object.insert("source".into(), json!("+41790000002"));
        object.insert("serverTimestamp".into(), json!(sent + 20));
    }
    for (key, more) in more.as_object().unwrap() {
        object.insert(key.clone(), more.clone());
    }
    value
}

fn messages() -> Vec<Value> {
    vec![
        message(
            "incoming",
            SENT,
            json!({"body": "the \u{fffc} is 2.75", "hasAttachments": 0, "readStatus": 1,
            "bodyRanges": [{"start": 0, "length": 3, "style": 1}, {"start": 4, "length": 1, "mentionAci": BEN, "replacementText": "Ben"}],
            "reactions": [{"emoji": "👍", "fromId": "c-1", "targetTimestamp": SENT, "timestamp": SENT + 500}]}),
        ),
        message(
            "outgoing",
            SENT + 1_000,
            json!({"body": "agreed", "expireTimer": 3_600,
            "quote": {"id": SENT, "authorAci": BEN, "text": "the rate", "attachments": [], "messageId": "m-x", "isViewOnce": false},
            "sendStateByConversationId": {"c-1": {"status": "Read", "updatedAt": SENT + 1_500}},
            "attachments": [{"contentType": "application/pdf", "fileName": "plan.pdf", "size": 8, "path": "ab/cd", "localKey": "secret", "version": 2}]}),
        ),
        message(
            "incoming",
            SENT + 2_000,
            json!({"body": "3.00", "editMessageTimestamp": SENT + 9_000,
            "editHistory": [{"timestamp": SENT + 9_000, "body": "3.00", "received_at": 9},
                {"timestamp": SENT + 2_000, "body": "2.00", "received_at": 8}]}),
        ),
        message(
            "incoming",
            SENT + 3_000,
            json!({"deletedForEveryone": true, "deletedForEveryoneTimestamp": SENT + 3_500}),
        ),
        message("call-history", SENT + 4_000, json!({"callId": "77"})),
        message(
            "timer-notification",
            SENT + 5_000,
            json!({"expirationTimerUpdate": {"expireTimer": 60, "sourceServiceId": BEN}, "flags": 2}),
        ),
        message("incoming", SENT + 6_000, json!({"isViewOnce": true})),
        message("delivery-issue", SENT + 7_000, json!({})),
    ]
}

fn by_id<'i>(found: &'i Import, id: &str, kind: Kind) -> &'i Record {
    let same =
        |record: &&Record| record.envelope().source_id().as_str() == id && record.kind() == kind;
    found.records.iter().find(same).unwrap()
}

fn text(record: &Record) -> &str {
    let message = match &record.body().content {
        Content::Message(message) => message,
        Content::Edit(edit) => &edit.message,
        _ => panic!("no text"),
    };
    match &message.parts[0] {
        Part::Text(text) => &text.text,
        _ => panic!("no text"),
    }
}

fn ids(found: &Import) -> Vec<RecordId> {
    found.records.iter().map(Record::id).collect()
}

#[test]
fn sigtop_messages_have_the_ids_and_content_of_a_live_capture() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(
        folder.path(),
        "Ben Okafor (+41790000002).json",
        listed(&messages()),
    );
    written(
        folder.path(),
        "Ben Okafor (+41790000002)/plan.pdf",
        b"%PDF-1.7",
    );
    let found = import(&path, &[]);
    assert_eq!(found.hello.as_ref().unwrap().network, "signal");
    assert_eq!(found.losses(), 0);
    let ben = |at: i64| format!("aci:{BEN}/{at}");
    let first = by_id(&found, &ben(SENT), Kind::Message);
    assert_eq!(
        first.envelope().conversation().as_str(),
        format!("aci:{BEN}")
    );
    assert_eq!(first.envelope().direction(), Direction::Incoming);
    assert_eq!(first.envelope().assurance(), Assurance::Export);
    assert_eq!(
        first.participants().conversation.kind,
        ConversationKind::Direct
    );
    // The same message as signal-cli gives it to the live connector.
    let live = json!({"jsonrpc": "2.0", "method": "receive", "params": {"account": "+41790000001", "envelope": {
        "source": BEN, "sourceNumber": "+41790000002", "sourceUuid": BEN, "sourceName": "Ben", "sourceDevice": 1,
        "timestamp": SENT, "serverReceivedTimestamp": SENT + 20, "serverDeliveredTimestamp": SENT + 30,
        "dataMessage": {"timestamp": SENT, "message": "the \u{fffc} is 2.75", "expiresInSeconds": 0, "viewOnce": false,
            "mentions": [{"name": "Ben", "number": "+41790000002", "uuid": BEN, "start": 4, "length": 1}],
            "textStyles": [{"style": "BOLD", "start": 0, "length": 3}]}}}});
    let source = Source {
        network: NetworkName::SIGNAL,
        account: TextId::new("tel:+41790000001").unwrap(),
        custodian: TextId::new("c-1").unwrap(),
        connector: TextId::new("signal/live").unwrap(),
        assurance: Assurance::Device,
        mode: Mode::Live,
    };
    let files = Files::default();
    let capture = Capture {
        source: &source,
        captured: Time::utc(NOW),
        files: &files,
    };
    let live = signal::normalize(&capture, live.to_string().as_bytes()).unwrap();
    assert_eq!(live.records[0].id(), first.id());
    assert!(live.records[0].body().content == first.body().content);
    let reaction = by_id(&found, &ben(SENT + 500), Kind::Reaction);
    assert!(
        matches!(&reaction.body().content, Content::Reaction(r) if r.target.source_id.as_str() == ben(SENT))
    );
    let own = by_id(
        &found,
        &format!("tel:+41790000001/{}", SENT + 1_000),
        Kind::Message,
    );
    assert_eq!(own.envelope().direction(), Direction::Outgoing);
    let Content::Message(said) = &own.body().content else {
        panic!("a message")
    };
    assert_eq!(
        said.in_reply_to.as_ref().unwrap().source_id.as_str(),
        ben(SENT)
    );
    assert_eq!(said.expiry.as_ref().unwrap().seconds, 3_600);
    assert!(matches!(&said.parts[1], Part::Media(_)));
    let at = found
        .records
        .iter()
        .position(|record| record.id() == own.id())
        .unwrap();
    assert_eq!(found.files[at], [b"%PDF-1.7".to_vec()]);
    let edited = by_id(&found, &ben(SENT + 2_000), Kind::Message);
    assert_eq!(text(edited), "2.00", "what was said first");
    assert_eq!(text(by_id(&found, &ben(SENT + 9_000), Kind::Edit)), "3.00");
    let deleted = by_id(&found, &ben(SENT + 3_500), Kind::Delete);
    assert!(
        matches!(&deleted.body().content, Content::Delete(d) if d.targets[0].source_id.as_str() == ben(SENT + 3_000))
    );
    assert!(
        matches!(&by_id(&found, &ben(SENT + 5_000), Kind::Change).body().content,
        Content::Change(change) if change.changes[0].after.as_deref() == Some("60"))
    );
    assert!(
        matches!(&by_id(&found, &ben(SENT + 6_000), Kind::Message).body().content,
        Content::Message(message) if matches!(&message.parts[..], [Part::Missing(_)]))
    );
    assert!(
        found
            .records
            .iter()
            .any(|record| matches!(&record.body().content,
        Content::Loss(loss) if loss.why == LossWhy::Undecryptable))
    );
    let more: Vec<&str> = found
        .records
        .iter()
        .flat_map(|record| record.body().fields.iter().map(|field| field.name.as_str()))
        .filter(|name| name.starts_with("more."))
        .collect();
    assert_eq!(more, ["more.flags"], "nothing else is unknown");
    assert_eq!(ids(&import(&path, &[])), ids(&found));
}

#[test]
fn groups_are_named_by_the_setting_or_by_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let cleo = "0b1f7e3e-0d5c-4a6c-9a59-0a8c0f8ad001";
    let change = message(
        "group-v2-change",
        SENT,
        json!({"conversationId": "g-1", "groupV2Change": {"from": BEN,
        "details": [{"type": "member-add", "aci": cleo}, {"type": "title", "newTitle": "Rates desk"}]}}),
    );
    let said = message(
        "incoming",
        SENT + 1,
        json!({"conversationId": "g-1", "body": "hello",
        "reactions": [{"emoji": "👀", "fromId": "c-1", "targetTimestamp": SENT + 1, "timestamp": SENT + 9}]}),
    );
    let path = written(
        folder.path(),
        "Rates desk (group).json",
        listed(&[change, said]),
    );
    // The conversation of two tells who c-1 is.
    written(
        folder.path(),
        "Ben (+41790000002).json",
        listed(&messages()[..1]),
    );
    let found = import(folder.path(), &[]);
    assert_eq!(found.losses(), 0);
    let of = |found: &Import, kind: Kind| {
        let group = |record: &&Record| {
            record.kind() == kind
                && record.participants().conversation.kind == ConversationKind::Group
        };
        found.records.iter().find(group).unwrap().clone()
    };
    let hello = of(&found, Kind::Message);
    assert_eq!(hello.envelope().conversation().as_str(), "desktop:g-1");
    assert_eq!(
        hello.participants().conversation.title.as_deref(),
        Some("Rates desk")
    );
    let seen = of(&found, Kind::Reaction);
    assert_eq!(
        seen.participants().sender.as_ref().unwrap().id.as_str(),
        format!("aci:{BEN}")
    );
    assert!(matches!(&of(&found, Kind::Membership).body().content,
        Content::Membership(m) if m.changes[0].member.id.as_str() == format!("aci:{cleo}")));
    assert!(matches!(&of(&found, Kind::Change).body().content,
        Content::Change(c) if c.changes[0].after.as_deref() == Some("Rates desk")));
    let named = import(&path, &[("conversation", "group:abc=")]);
    assert_eq!(
        of(&named, Kind::Message).envelope().conversation().as_str(),
        "group:abc="
    );
}

#[test]
fn damage_in_a_conversation_is_stepped_over() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = listed(&messages());
    text = text.replacen("\"body\":\"agreed\"", "\"body\":\"agreed", 1);
    written(folder.path(), "a (+41790000002).json", &text);
    written(
        folder.path(),
        "b (+41790000003).json",
        text[..text.len() / 2].replace(BEN, "0b1f7e3e-0d5c-4a6c-9a59-0a8c0f8ad001"),
    );
    let bare = json!([{"id": "x", "conversationId": "c-9", "type": "incoming", "received_at": 1}]);
    written(folder.path(), "c (+41790000004).json", bare.to_string());
    let found = import(folder.path(), &[]);
    let places: Vec<String> = found
        .records
        .iter()
        .filter_map(|record| match &record.body().content {
            Content::Loss(loss) => loss.place.clone(),
            _ => None,
        })
        .collect();
    assert!(
        places
            .iter()
            .any(|place| place.starts_with("a (+41790000002).json, line ")),
        "{places:?}"
    );
    assert!(
        places
            .iter()
            .any(|place| place.starts_with("b (+41790000003).json, line ")),
        "{places:?}"
    );
    assert!(
        found
            .records
            .iter()
            .any(|record| matches!(&record.body().content,
        Content::Loss(loss) if loss.why == LossWhy::Unsupported))
    );
    assert_eq!(text_of_edits(&found), ["3.00"], "behind what is damaged");
}

fn text_of_edits(found: &Import) -> Vec<&str> {
    let edits = found
        .records
        .iter()
        .filter(|record| record.kind() == Kind::Edit);
    edits.map(text).collect()
}

/// As signal-export's own model writes a line.
fn line(date: &str, sender: &str, body: &str, more: Value) -> String {
    let mut value = json!({"date": date, "sender": sender, "body": body, "quote": "", "sticker": null,
        "reactions": [], "attachments": [], "deleted": false, "call": false, "missed": false});
    for (key, more) in more.as_object().unwrap() {
        value
            .as_object_mut()
            .unwrap()
            .insert(key.clone(), more.clone());
    }
    format!("{value}\n")
}

#[test]
fn signal_export_lines_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let text = [
        line("2026-11-03T09:01:58.250000", "Ben Okafor", "hello  ", json!({"reactions": [["Me", "👍"], ["Cleo", "👍"]]})),
        line("2026-11-03T09:02:58", "Me", "yes  ", json!({"quote": "\n> hello\n\n",
            "attachments": [{"name": "term sheet.pdf", "path": "media/term%20sheet.pdf", "missing_kind": null},
                {"name": "b.png", "path": "media/b.png", "missing_kind": "image"}]})),
        line("2026-11-03T09:03:58", "Ben Okafor", "", json!({"deleted": true})),
        line("2026-11-03T09:04:58", "Ben Okafor", "Missed voice call  ", json!({"call": true, "missed": true})),
        line("2026-11-03T09:05:58", "No-Sender", "", json!({"sticker": {"id": "3", "packId": "p", "packKey": "k", "emoji": "🐻", "extension": null}})),
        "{broken\n".to_owned(),
        line("2026-11-03T09:06:58", "Ben Okafor", "last", json!({})),
    ]
    .concat();
    written(folder.path(), "Ben/data.json", &text);
    written(folder.path(), "Ben/media/term sheet.pdf", b"%PDF-1.7");
    let settings = [("zone", "Europe/Zurich"), ("me", "Anna")];
    let found = import(folder.path(), &settings);
    assert_eq!(found.hello.as_ref().unwrap().way, "signal-export");
    assert_eq!(found.losses(), 1);
    let kinds: Vec<Kind> = found.records.iter().map(Record::kind).collect();
    assert_eq!(
        kinds,
        [
            Kind::Message,
            Kind::Message,
            Kind::Message,
            Kind::Call,
            Kind::Message,
            Kind::Loss,
            Kind::Message
        ]
    );
    let first = &found.records[0];
    assert_eq!(first.envelope().conversation().as_str(), "title:Ben");
    assert_eq!(first.envelope().times().sent.unwrap().at.get(), SENT + 250);
    assert_eq!(text_of(first), "hello");
    let Content::Message(said) = &first.body().content else {
        panic!("a message")
    };
    assert_eq!(
        (said.reactions[0].count, said.reactions[0].by.len()),
        (2, 2)
    );
    assert_eq!(found.records[1].envelope().direction(), Direction::Outgoing);
    assert_eq!(found.files[1], [b"%PDF-1.7".to_vec()]);
    let Content::Message(own) = &found.records[1].body().content else {
        panic!("a message")
    };
    assert!(
        matches!(&own.parts[..], [Part::Structured(quote), Part::Text(_), Part::Media(_), Part::Missing(_)]
        if quote.type_name == "quote")
    );
    assert!(
        matches!(&found.records[2].body().content, Content::Message(m) if m.marks == ["deleted"])
    );
    assert!(found.records[4].participants().sender.is_none());
    assert!(
        matches!(&found.records[5].body().content, Content::Loss(loss)
        if loss.place.as_deref() == Some("Ben/data.json, line 6"))
    );
    let OriginalContent::Inline(original) = &first.original().unwrap().content else {
        panic!("inline")
    };
    assert!(text.as_bytes().starts_with(original));
    // A reaction that comes later does not make it another message.
    let later = text.replacen("[\"Cleo\",\"👍\"]", "[\"Cleo\",\"👍\"],[\"Dan\",\"👍\"]", 1);
    assert_ne!(later, text);
    let path = written(folder.path(), "Ben/data.json", later);
    let again = import(&path, &settings);
    assert_eq!(ids(&again)[..5], ids(&found)[..5]);
}

fn text_of(record: &Record) -> &str {
    text(record)
}

#[test]
fn conn_7_conversations_continue_behind_their_position() {
    let folder = tempfile::tempdir().unwrap();
    for (name, from) in [
        ("a (+41790000002).json", 0),
        ("b (+41790000003).json", 10_000),
    ] {
        let many: Vec<Value> = (0..900)
            .map(|n| {
                message(
                    "incoming",
                    SENT + from + n,
                    json!({"body": format!("m {n}")}),
                )
            })
            .collect();
        written(folder.path(), name, listed(&many));
    }
    let whole = import(folder.path(), &[]);
    assert_eq!((whole.records.len(), whole.losses()), (1_800, 0));
    let (count, position) = whole.positions[0].clone();
    assert!(count < 1_800);
    let rest = import_from(folder.path(), &[], Some(position));
    assert_eq!(ids(&rest), ids(&whole)[count..]);
}
