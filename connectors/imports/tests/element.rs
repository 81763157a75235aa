//! Element's exports: with the ids of a live capture, with files, damaged.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod agent;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use agent::{Import, import, import_from};
use connector::normal::{Capture, Files};
use record::{
    Assurance, Content, Kind, LossWhy, Milliseconds, Mode, NetworkName, OriginalContent, Part,
    Record, Source, TextId, Time,
};
use serde_json::{Value, json};

const ROOM: &str = "!desk:bank.example";

fn message(id: &str, sent: i64, content: Value) -> Value {
    json!({"type": "m.room.message", "sender": "@anna:bank.example", "event_id": id,
        "room_id": ROOM, "origin_server_ts": sent, "content": content, "unsigned": {}})
}

fn picture(id: &str, sent: i64) -> Value {
    message(
        id,
        sent,
        json!({"msgtype": "m.image", "body": "chart.png", "info": {"mimetype": "image/png", "size": 12},
            "file": {"url": "mxc://bank.example/abc", "key": {"k": "secret"}, "iv": "x", "v": "v2"}}),
    )
}

/// 2026-11-03T08:01:58Z
const SENT: i64 = 1_793_692_918_000;

fn events() -> Vec<Value> {
    vec![
        json!({"type": "m.room.create", "sender": "@anna:bank.example", "event_id": "$0", "state_key": "",
            "room_id": ROOM, "origin_server_ts": SENT - 3, "content": {"room_version": "11"}}),
        json!({"type": "m.room.encryption", "sender": "@anna:bank.example", "event_id": "$1", "state_key": "",
            "room_id": ROOM, "origin_server_ts": SENT - 2, "content": {"algorithm": "m.megolm.v1.aes-sha2"}}),
        message(
            "$2",
            SENT - 1,
            json!({"msgtype": "m.text", "body": "the rate is 2.75"}),
        ),
        picture("$3", SENT),
        json!({"type": "m.reaction", "sender": "@ben:bank.example", "event_id": "$4", "room_id": ROOM,
            "origin_server_ts": SENT + 5, "content": {"m.relates_to":
                {"rel_type": "m.annotation", "event_id": "$2", "key": "👍"}}}),
        message(
            "$5",
            SENT + 9,
            json!({"msgtype": "m.bad.encrypted", "body": "** Unable to decrypt **"}),
        ),
    ]
}

fn document(events: &[Value]) -> String {
    let value = json!({"room_name": "Rates desk", "room_creator": "Anna", "topic": "fixings",
        "export_date": "24/11/2026", "exported_by": "Ben", "messages": events});
    serde_json::to_string_pretty(&value).unwrap()
}

fn written(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, bytes).unwrap();
    path
}

fn by_source<'i>(found: &'i Import, id: &str) -> &'i Record {
    let same = |record: &&Record| record.envelope().source_id().as_str() == id;
    found.records.iter().find(same).unwrap()
}

#[test]
fn events_have_the_ids_of_a_live_capture() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(
        folder.path(),
        "matrix - Rates desk.json",
        document(&events()),
    );
    let found = import(&path, &[]);
    assert_eq!(found.hello.as_ref().unwrap().network, "matrix");
    assert_eq!(found.losses(), 1);
    let source = Source {
        network: NetworkName::MATRIX,
        account: TextId::new("tel:+41790000001").unwrap(),
        custodian: TextId::new("c-1").unwrap(),
        connector: TextId::new("matrix/live").unwrap(),
        assurance: Assurance::Device,
        mode: Mode::Live,
    };
    let files = Files::default();
    let capture = Capture {
        source: &source,
        captured: Time::utc(Milliseconds::new(0)),
        files: &files,
    };
    for event in &events()[..5] {
        let seen = matrix::Seen {
            decrypted: true,
            ..matrix::Seen::default()
        };
        let live = matrix::normalize(&capture, &seen, event.to_string().as_bytes()).unwrap();
        let record = by_source(&found, event["event_id"].as_str().unwrap());
        assert_eq!(record.id(), live.records[0].id());
        assert_eq!(
            record.body().content.kind(),
            live.records[0].body().content.kind()
        );
        assert_eq!(record.envelope().mode(), Mode::Import);
        assert_eq!(record.envelope().assurance(), Assurance::Export);
    }
    let said = by_source(&found, "$2");
    assert_eq!(said.searchable_text(), ["the rate is 2.75", "true"]);
    let OriginalContent::Inline(original) = &said.original().unwrap().content else {
        panic!("inline")
    };
    assert!(document(&events()).contains(std::str::from_utf8(original).unwrap()));
    let head = &found.records[0];
    assert_eq!(head.kind(), Kind::Account);
    assert!(
        head.body()
            .fields
            .iter()
            .any(|f| f.name == "exported_by" && f.value == "Ben")
    );
    let lost = found.records.last().unwrap();
    assert!(
        matches!(&lost.body().content, Content::Loss(loss) if loss.why == LossWhy::Undecryptable)
    );
    // The same again is the same.
    let ids = |found: &Import| found.records.iter().map(Record::id).collect::<Vec<_>>();
    assert_eq!(ids(&import(&path, &[])), ids(&found));
}

fn zipped(folder: &Path, files: &[(&str, &[u8])]) -> PathBuf {
    let path = folder.join("room.zip");
    let mut writer = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
    for (name, bytes) in files {
        writer
            .start_file(*name, zip::write::SimpleFileOptions::default())
            .unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap();
    path
}

#[test]
fn files_are_taken_for_the_events_that_name_them() {
    let folder = tempfile::tempdir().unwrap();
    let png = b"\x89PNG\r\n\x1a\nrest";
    let text = document(&events());
    let name = "matrix - Rates desk/images/chart-3.11.2026 um 09-01-58.png";
    let path = zipped(
        folder.path(),
        &[
            ("matrix - Rates desk/export.json", text.as_bytes()),
            (name, png),
        ],
    );
    let found = import(&path, &[("zone", "Europe/Zurich")]);
    let at = found
        .records
        .iter()
        .position(|r| !r.attachments().is_empty())
        .unwrap();
    let record = &found.records[at];
    assert_eq!(record.envelope().source_id().as_str(), "$3");
    assert_eq!(found.files[at], [png.to_vec()]);
    assert_eq!(record.attachments()[0].name.as_deref(), Some("chart.png"));
    assert_eq!(
        record.attachments()[0].reference.as_deref(),
        Some("mxc://bank.example/abc")
    );
    // Unpacked it is the same.
    written(folder.path(), "room/export.json", &text);
    written(
        folder.path(),
        "room/images/chart-3.11.2026 um 09-01-58.png",
        png,
    );
    let tree = import(&folder.path().join("room"), &[]);
    assert_eq!(tree.files[at], [png.to_vec()]);
    assert_eq!(tree.records[at].id(), record.id());
}

#[test]
fn a_file_that_two_events_could_mean_is_taken_for_neither() {
    let folder = tempfile::tempdir().unwrap();
    let text = document(&[picture("$3", SENT), picture("$4", SENT)]);
    written(folder.path(), "export.json", text);
    written(
        folder.path(),
        "images/chart-3.11.2026 um 09-01-58.png",
        b"\x89PNG\r\n\x1a\n",
    );
    let found = import(folder.path(), &[]);
    assert_eq!(found.losses(), 2);
    assert!(found.files.iter().all(Vec::is_empty));
    let record = by_source(&found, "$3");
    let Content::Message(message) = &record.body().content else {
        panic!("a message")
    };
    assert!(matches!(&message.parts[..], [Part::Missing(_)]));
    let said =
        record.body().fields.iter().any(|field| {
            field.name == "media[0].missing" && field.value.contains("none was taken")
        });
    assert!(said);
}

#[test]
fn damage_is_stepped_over_and_a_cut_file_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let text = document(&events());
    let broken = text.replacen(
        "\"body\": \"the rate is 2.75\"",
        "\"body\": \"the rate is 2.75",
        1,
    );
    let path = written(folder.path(), "a.json", &broken);
    let found = import(&path, &[]);
    assert_eq!(by_source(&found, "$3").kind(), Kind::Message);
    assert_eq!(by_source(&found, "$4").kind(), Kind::Reaction);
    let losses: Vec<_> = found
        .records
        .iter()
        .filter_map(|record| match &record.body().content {
            Content::Loss(loss) => loss.place.clone(),
            _ => None,
        })
        .collect();
    assert!(losses[0].starts_with("line "), "{losses:?}");
    let path = written(folder.path(), "b.json", &text[..text.len() / 2]);
    assert!(import(&path, &[]).losses() >= 1);
}

#[test]
fn conn_7_an_export_continues_behind_its_position() {
    let folder = tempfile::tempdir().unwrap();
    let many: Vec<Value> = (0..1_600)
        .map(|n| {
            message(
                &format!("${n}"),
                SENT + n,
                json!({"msgtype": "m.text", "body": format!("m {n}")}),
            )
        })
        .collect();
    let path = written(folder.path(), "a.json", document(&many));
    let whole = import(&path, &[]);
    let (count, position) = whole.positions[0].clone();
    assert!(count < whole.records.len());
    let rest = import_from(&path, &[], Some(position));
    let ids = |records: &[Record]| records.iter().map(Record::id).collect::<Vec<_>>();
    assert_eq!(ids(&rest.records), ids(&whole.records[count..]));
}
