//! Golden vectors under `vectors/connector/`: one file a message or a defect, the defect in the
//! file's name.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use connector::frame::{FrameError, framed, read_frame};
use connector::{
    Coverage, Done, Down, Durable, Event, EventNumber, Extent, Fetch, Field, Hello, Incoming, Link,
    LinkRequest, MessageError, Notice, NoticeText, Position, Progress, Send, Sent, Start, State,
    StateReport, Stop, Trouble, Up,
};
use serde_json::{Value, json};

#[test]
fn every_vector_is_read_as_it_says() {
    let mut seen = BTreeSet::new();
    for file in fs::read_dir(folder()).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let vector: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let bytes = unhex(vector["frame"].as_str().unwrap());
        let found = outcome(vector["direction"].as_str().unwrap(), &bytes);
        assert_eq!(found, vector["outcome"].as_str().unwrap(), "{name}");
        seen.insert(name);
    }
    for (name, _, _, _) in vectors() {
        assert!(seen.contains(name), "{name} has no file");
    }
}

/// The bytes of every message are as they were when the format was fixed.
#[test]
fn encodings_are_stable() {
    for (name, direction, bytes, outcome) in vectors() {
        let vector = json!({ "direction": direction, "frame": hex(&bytes), "outcome": outcome });
        let path = folder().join(format!("{name}.json"));
        if std::env::var_os("GREFFE_WRITE_VECTORS").is_some() {
            let text = serde_json::to_string_pretty(&vector).unwrap() + "\n";
            fs::create_dir_all(folder()).unwrap();
            fs::write(&path, text).unwrap();
        }
        let kept: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert_eq!(kept, vector, "{name}");
    }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../vectors/connector")
}

type Vector = (&'static str, &'static str, Vec<u8>, &'static str);

fn vectors() -> Vec<Vector> {
    let mut all = Vec::new();
    for (name, message) in ups() {
        let bytes = framed(&message.to_frame()).unwrap();
        let outcome = outcome("up", &bytes);
        all.push((name, "up", bytes, outcome));
    }
    for (name, message) in downs() {
        let bytes = framed(&message.to_frame()).unwrap();
        let outcome = outcome("down", &bytes);
        all.push((name, "down", bytes, outcome));
    }
    let raw: [(&str, &str, &[u8]); 10] = [
        ("conn_6_unknown_choice", "up", &[0x82, 0x08, 0xa0]),
        ("conn_6_unknown_choice_down", "down", &[0x82, 0x07, 0xa0]),
        (
            "conn_6_unknown_key",
            "down",
            &[0x82, 0x05, 0xa1, 0x09, 0x00],
        ),
        (
            "conn_6_longer_integer",
            "down",
            &[0x82, 0x01, 0xa1, 0x00, 0x18, 0x05],
        ),
        (
            "conn_6_null_detail",
            "up",
            &[0x82, 0x02, 0xa2, 0x00, 0x00, 0x01, 0xf6],
        ),
        (
            "conn_6_unknown_state",
            "up",
            &[0x82, 0x02, 0xa1, 0x00, 0x07],
        ),
        ("conn_6_trailing_byte", "down", &[0x82, 0x05, 0xa0, 0x00]),
        ("conn_6_indefinite", "down", &[0x9f, 0x05, 0xa0, 0xff]),
        ("conn_6_empty_content", "up", &[]),
        // `5: false` where the key is to be absent.
        (
            "conn_10_notices_false",
            "up",
            &[
                0x82, 0x00, 0xa6, 0x00, 0x01, 0x01, 0x60, 0x02, 0x60, 0x03, 0x61, 0x61, 0x04, 0x80,
                0x05, 0xf4,
            ],
        ),
    ];
    for (name, direction, content) in raw {
        let bytes = framed(content).unwrap();
        let outcome = outcome(direction, &bytes);
        all.push((name, direction, bytes, outcome));
    }
    let too_long = [&8_388_609_u32.to_be_bytes()[..], &[0x82]].concat();
    all.push(("conn_6_above_the_limit", "up", too_long, "too-long"));
    all.push(("conn_6_torn", "down", vec![0, 0, 0, 3, 0x82, 0x05], "torn"));
    all.push(("conn_6_torn_length", "down", vec![0, 0], "torn"));
    all
}

fn ups() -> Vec<(&'static str, Up)> {
    let event = |records| {
        Up::Event(Event {
            number: EventNumber::new(1),
            records,
            position: None,
        })
    };
    let record = || Incoming::new(vec![vec![0xa0], vec![0xa1, 0, 0], vec![0x80], vec![]]);
    let attached = |name: &str| {
        let mut parts = record().parts().to_vec();
        parts.push(vec![0xa0]);
        Incoming::new(parts).with_file(0, name)
    };
    vec![
        (
            "hello",
            Up::Hello(Hello {
                version: 1,
                connector: "imports/0.1.0".into(),
                way: "whatsapp-export".into(),
                network: "whatsapp".into(),
                coverage: vec![
                    Coverage {
                        kind: 0,
                        extent: Extent::Captured,
                        remark: None,
                    },
                    Coverage {
                        kind: 1,
                        extent: Extent::Impossible,
                        remark: Some("exports show the last text only".into()),
                    },
                ],
                notices: false,
            }),
        ),
        (
            "event",
            Up::Event(Event {
                number: EventNumber::new(700),
                records: vec![record(), attached("photo.jpg")],
                position: Some(Position::new(*b"\x01\x02")),
            }),
        ),
        (
            "state",
            Up::State(StateReport {
                state: State::Importing,
                detail: Some("12 %".into()),
            }),
        ),
        (
            "progress",
            Up::Progress(Progress {
                read: 65_536,
                of: Some(1 << 33),
                records: Some(0),
            }),
        ),
        (
            "request_link",
            Up::RequestLink(LinkRequest {
                form: "qr".into(),
                content: "sgnl://linkdevice".into(),
            }),
        ),
        (
            "sent",
            Up::Sent(Sent {
                number: 3,
                id: None,
            }),
        ),
        (
            "done",
            Up::Done(Done {
                records: 1_000_000,
                losses: 2,
                summary: None,
            }),
        ),
        (
            "trouble",
            Up::Trouble(Trouble {
                key: "import-unknown-form".into(),
                facts: vec![Field("line".into(), "7".into())],
                fatal: true,
            }),
        ),
        (
            "conn_1_other_version",
            Up::Hello(Hello {
                version: 2,
                connector: "x".into(),
                way: "x".into(),
                network: "x".into(),
                coverage: vec![],
                notices: false,
            }),
        ),
        (
            "hello_bad_network",
            Up::Hello(Hello {
                version: 1,
                connector: "x".into(),
                way: "x".into(),
                network: "Signal".into(),
                coverage: vec![],
                notices: false,
            }),
        ),
        (
            "hello_unknown_kind",
            Up::Hello(Hello {
                version: 1,
                connector: "x".into(),
                way: "x".into(),
                network: "x".into(),
                coverage: vec![Coverage {
                    kind: 15,
                    extent: Extent::Late,
                    remark: None,
                }],
                notices: false,
            }),
        ),
        (
            "hello_gives_notices",
            Up::Hello(Hello {
                version: 1,
                connector: "signal/0.1.0".into(),
                way: "signal-cli".into(),
                network: "signal".into(),
                coverage: vec![],
                notices: true,
            }),
        ),
        ("event_without_records", event(vec![])),
        ("event_of_1025_records", event(vec![record(); 1_025])),
        (
            "event_of_three_parts",
            event(vec![Incoming::new(vec![vec![]; 3])]),
        ),
        (
            "event_file_of_no_attachment",
            event(vec![record().with_file(0, "a")]),
        ),
        ("conn_4_separator", event(vec![attached("a/b")])),
        ("conn_4_backslash", event(vec![attached("a\\b")])),
        ("conn_4_parent", event(vec![attached("..")])),
        ("conn_4_empty_name", event(vec![attached("")])),
        (
            "event_long_position",
            Up::Event(Event {
                number: EventNumber::new(1),
                records: vec![record()],
                position: Some(Position::new(vec![0; 4_097])),
            }),
        ),
    ]
}

fn downs() -> Vec<(&'static str, Down)> {
    let start = |version| {
        Down::Start(Start {
            version,
            account: "tel:+4930123456".into(),
            custodian: "c-17".into(),
            folder: "/var/lib/greffe/connectors/1".into(),
            settings: vec![Field("path".into(), "/home/me/chat.zip".into())],
            position: Some(Position::new(*b"line 9")),
        })
    };
    let said = |language: &str, text: &str| NoticeText {
        language: language.into(),
        text: text.into(),
    };
    let notice = |texts| {
        Down::Notice(Notice {
            conversation: "group:7".into(),
            texts,
        })
    };
    vec![
        ("start", start(1)),
        ("conn_1_other_version_down", start(2)),
        (
            "durable",
            Down::Durable(Durable {
                through: EventNumber::new(64),
            }),
        ),
        (
            "link",
            Down::Link(Link {
                fields: vec![Field("password".into(), "x".into())],
            }),
        ),
        (
            "send",
            Down::Send(Send {
                number: 1,
                content: vec![1, 2, 3].into(),
            }),
        ),
        (
            "fetch",
            Down::Fetch(Fetch {
                conversation: "chat:1".into(),
                reference: "m1".into(),
            }),
        ),
        ("stop", Down::Stop(Stop {})),
        (
            "notice",
            notice(vec![
                said("en", "This conversation is archived."),
                said("de", "Dieses Gespräch wird archiviert."),
            ]),
        ),
        ("conn_10_notice_without_texts", notice(vec![])),
        ("conn_10_notice_empty_text", notice(vec![said("en", "")])),
        (
            "conn_10_notice_long_text",
            notice(vec![said("en", &"x".repeat(2_001))]),
        ),
    ]
}

fn outcome(direction: &str, mut bytes: &[u8]) -> &'static str {
    let mut content = Vec::new();
    match read_frame(&mut bytes, &mut content) {
        Ok(true) => {}
        Ok(false) => return "end",
        Err(FrameError::TooLong { .. }) => return "too-long",
        Err(FrameError::Torn) => return "torn",
        Err(error) => panic!("{error}"),
    }
    assert!(bytes.is_empty(), "one frame a vector");
    let result = match direction {
        "up" => Up::from_frame(&content).map(|message| message.to_frame()),
        "down" => Down::from_frame(&content).map(|message| message.to_frame()),
        other => panic!("{other}"),
    };
    match result {
        Ok(again) => {
            assert_eq!(again, content);
            "message"
        }
        Err(MessageError::Encoding(_)) => "encoding",
        Err(MessageError::Version { .. }) => "version",
        Err(MessageError::Limit { .. }) => "limit",
        Err(MessageError::FileName) => "file-name",
        Err(MessageError::Network) => "network",
        Err(MessageError::Kind { .. }) => "kind",
        Err(error) => panic!("{error}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    canonical::hex(bytes)
}

fn unhex(text: &str) -> Vec<u8> {
    let mut bytes = vec![0; text.len() / 2];
    canonical::hex_into(text, &mut bytes).unwrap();
    bytes
}
