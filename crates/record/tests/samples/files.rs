//! The files of `vectors/record/`, made in memory.

use std::collections::BTreeMap;
use std::path::PathBuf;

use canonical::{hex, to_bytes};
use record::Record;
use serde_json::{Value, json};

use super::described::{describe, encode};
use super::{Sample, all};

pub(crate) fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../vectors/record")
}

/// Name and text of every file.
pub(crate) fn files() -> BTreeMap<String, String> {
    let text = |value: &Value| serde_json::to_string_pretty(value).unwrap() + "\n";
    let mut files: BTreeMap<_, _> = all()
        .iter()
        .map(|sample| (format!("{}.json", sample.name), text(&accepted(sample))))
        .collect();
    files.insert("refused.json".into(), text(&refused()));
    files
}

fn accepted(sample: &Sample) -> Value {
    let envelope = sample.record.envelope();
    json!({
        "page": "record.md",
        "about": sample.about,
        "notation": "hex is the encoding of value, in which maps have their integer keys as \
            decimal strings and byte strings are {\"h\": hex}; a record without original has an \
            empty hex there",
        "record_id": hex(envelope.id().as_bytes()),
        "record_id_from": {
            "network": envelope.network().as_str(),
            "account": envelope.account().as_str(),
            "conversation": envelope.conversation().as_str(),
            "source_id": envelope.source_id().as_str(),
            "kind": envelope.kind().code(),
        },
        "parts": parts(&sample.record),
    })
}

fn parts(record: &Record) -> Value {
    let parts = record.parts();
    let attachments: Vec<_> = record
        .attachments()
        .iter()
        .map(|attachment| part(&to_bytes(attachment)))
        .collect();
    json!({
        "envelope": part(parts.envelope()),
        "participants": part(parts.participants()),
        "body": part(parts.body()),
        "original": part(parts.original()),
        "attachments": attachments,
    })
}

fn part(bytes: &[u8]) -> Value {
    match bytes {
        [] => json!({ "hex": "" }),
        bytes => json!({ "value": describe(bytes), "hex": hex(bytes) }),
    }
}

/// Sound records, each with one defect.
fn refused() -> Value {
    let record = |name: &str| {
        let sample = all()
            .into_iter()
            .find(|sample| sample.name == name)
            .unwrap();
        parts(&sample.record)
    };
    let deeper = {
        // One bundle around the deepest that is accepted.
        let mut parts = record("message-structured");
        let inner = parts["body"]["value"]["0"][1]["0"].take();
        parts["body"]["value"]["0"][1]["0"] = json!([[7, { "1": [{ "2": inner }] }]]);
        parts
    };
    let defects: Vec<Defect> = vec![
        Defect::new("unknown_version", "CBOR-4", "envelope", "/0", json!(2)),
        Defect::new("unknown_kind", "CBOR-4", "envelope", "/6", json!(15)),
        Defect::new("unknown_direction", "CBOR-4", "envelope", "/7", json!(3)),
        Defect::new(
            "unknown_envelope_key",
            "CBOR-4",
            "envelope",
            "/15",
            json!(0),
        ),
        Defect::new(
            "unknown_participants_key",
            "CBOR-4",
            "participants",
            "/4",
            json!(0),
        ),
        Defect::new("unknown_body_key", "CBOR-4", "body", "/2", json!(0)),
        Defect::new("unknown_original_key", "CBOR-4", "original", "/3", json!(0)),
        Defect::new("unknown_content", "CBOR-4", "body", "/0/0", json!(15)),
        Defect::new("unknown_part", "CBOR-4", "body", "/0/1/0/0/0", json!(9)),
        Defect::new("choice_of_three", "CBOR-4", "body", "/0/2", json!(0)),
        Defect::new(
            "null_instead_of_nothing",
            "CBOR-2",
            "envelope",
            "/14",
            Value::Null,
        ),
        Defect::new(
            "empty_recipients",
            "CBOR-2",
            "participants",
            "/1",
            json!([]),
        ),
        Defect::new("empty_fields", "CBOR-2", "body", "/1", json!([])),
        Defect::new("view_once_false", "CBOR-4", "body", "/0/1/3", json!(false)),
        Defect::new("no_account", "RECORD-2", "envelope", "/3", json!("")),
        Defect::new(
            "other_account",
            "RECORD-1",
            "envelope",
            "/3",
            json!("aci:other"),
        ),
        Defect::new(
            "other_id",
            "RECORD-1",
            "envelope",
            "/1",
            json!({ "h": "00".repeat(32) }),
        ),
        Defect::new(
            "short_id",
            "RECORD-1",
            "envelope",
            "/1",
            json!({ "h": "00".repeat(31) }),
        ),
        Defect::new("other_kind", "RECORD-3", "envelope", "/6", json!(1)),
        Defect::new(
            "control_character",
            "RECORD-2",
            "envelope",
            "/10",
            json!("c-\u{7}"),
        ),
        Defect::new(
            "custodian_of_513_bytes",
            "RECORD-2",
            "envelope",
            "/10",
            long(513),
        ),
        Defect::new(
            "network_in_capitals",
            "RECORD-2",
            "envelope",
            "/2",
            json!("Signal"),
        ),
        Defect::new(
            "no_scheme",
            "RECORD-4",
            "participants",
            "/0/0",
            json!("+491700000001"),
        ),
        Defect::new(
            "nothing_behind_scheme",
            "RECORD-4",
            "participants",
            "/0/0",
            json!("tel:"),
        ),
        Defect::new(
            "scheme_in_capitals",
            "RECORD-4",
            "participants",
            "/0/0",
            json!("TEL:1"),
        ),
        Defect::new(
            "offset_of_nineteen_hours",
            "TIME-1",
            "envelope",
            "/8/0/1",
            json!(1140),
        ),
        Defect::new(
            "original_index",
            "RECORD-6",
            "original",
            "",
            json!({ "0": "a", "2": 0 }),
        ),
        Defect::new(
            "original_twice",
            "CBOR-4",
            "original",
            "",
            json!({ "0": "a", "1": { "h": "" }, "2": 0 }),
        ),
        Defect::new(
            "media_index",
            "RECORD-6",
            "body",
            "/0/1/0/0",
            json!([1, { "0": 0, "1": "image" }]),
        ),
        Defect::new(
            "membership_of_nobody",
            "RECORD-9",
            "body",
            "/0/1/0",
            json!([]),
        )
        .of("membership"),
        Defect::new("delete_of_nothing", "RECORD-9", "body", "/0/1/0", json!([])).of("delete"),
        Defect::new(
            "receipt_of_nothing",
            "RECORD-9",
            "body",
            "/0/1/0",
            json!([]),
        )
        .of("receipt"),
        Defect::new("change_of_nothing", "RECORD-9", "body", "/0/1/0", json!([])).of("change"),
        Defect::new(
            "attachment_short_hash",
            "CBOR-4",
            "attachments",
            "/4",
            json!({ "h": "00" }),
        )
        .of("message-attachments"),
        Defect::new(
            "attachment_name_of_1025_bytes",
            "RECORD-7",
            "attachments",
            "/0",
            long(1025),
        )
        .of("message-attachments"),
    ];
    let mut cases: Vec<Value> = defects
        .into_iter()
        .map(|defect| defect.case(record(defect.sample)))
        .collect();
    cases.push(case("nested_nine_deep", "RECORD-5", "body", deeper));
    json!({
        "page": "record.md",
        "about": "Each case is a sound record with one defect in the part named; check is the rule \
            that it breaks. All parts are given, encoded; attachments are a list",
        "cases": cases,
    })
}

fn long(bytes: usize) -> Value {
    json!("x".repeat(bytes))
}

#[derive(Clone)]
struct Defect {
    name: &'static str,
    check: &'static str,
    part: &'static str,
    place: &'static str,
    value: Value,
    sample: &'static str,
}

impl Defect {
    fn new(
        name: &'static str,
        check: &'static str,
        part: &'static str,
        place: &'static str,
        value: Value,
    ) -> Self {
        Self {
            name,
            check,
            part,
            place,
            value,
            sample: "message-plain",
        }
    }

    fn of(mut self, sample: &'static str) -> Self {
        self.sample = sample;
        self
    }

    fn case(&self, mut parts: Value) -> Value {
        let part = match self.part {
            "attachments" => &mut parts["attachments"][0],
            part => &mut parts[part],
        };
        set(&mut part["value"], self.place, self.value.clone());
        case(self.name, self.check, self.part, parts)
    }
}

fn case(name: &str, check: &str, part: &str, parts: Value) -> Value {
    let hex_of = |part: &Value| match part.get("value") {
        Some(value) => json!(hex(&encode(value))),
        None => json!(""),
    };
    let attachments: Vec<_> = parts["attachments"]
        .as_array()
        .unwrap()
        .iter()
        .map(hex_of)
        .collect();
    json!({
        "name": name,
        "check": check,
        "part": part,
        "envelope": hex_of(&parts["envelope"]),
        "participants": hex_of(&parts["participants"]),
        "body": hex_of(&parts["body"]),
        "original": hex_of(&parts["original"]),
        "attachments": attachments,
    })
}

/// Puts `value` at a JSON pointer; map keys stay in order, so that nothing else is wrong.
fn set(root: &mut Value, place: &str, value: Value) {
    let Some((parent, key)) = place.rsplit_once('/') else {
        *root = value;
        return;
    };
    match root.pointer_mut(parent).unwrap() {
        Value::Object(entries) => {
            entries.insert(key.into(), value);
            let mut sorted: Vec<_> = std::mem::take(entries).into_iter().collect();
            sorted.sort_by_key(|(key, _)| key.parse::<u64>().unwrap());
            entries.extend(sorted);
        }
        Value::Array(items) => match key.parse::<usize>().unwrap() {
            index if index < items.len() => items[index] = value,
            _ => items.push(value),
        },
        _ => panic!("{place} leads nowhere"),
    }
}
