//! Every file of `vectors/record/`, replayed, and compared with what this code writes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[allow(dead_code, reason = "other users of the module use more of it")]
mod samples;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use canonical::hex;
use record::{Attachment, Kind, NetworkName, PartsError, Record, RecordError, RecordId};
use samples::described::{bytes, encode};
use samples::files::{files, folder};
use serde_json::Value;

/// Bytes once written stay: a case may be added, none may change.
#[test]
fn the_format_is_stable() {
    let made = files();
    let found: BTreeMap<_, _> = read();
    assert_eq!(
        made.keys().collect::<Vec<_>>(),
        found.keys().collect::<Vec<_>>(),
        "write_vectors was not run"
    );
    for (name, text) in made {
        assert!(
            found[&name] == text,
            "{name} differs from what is written now"
        );
    }
}

#[test]
fn every_record_is_read_and_written_alike() {
    let mut kinds = BTreeSet::new();
    for (name, text) in read()
        .into_iter()
        .filter(|(name, _)| name != "refused.json")
    {
        let file: Value = serde_json::from_str(&text).unwrap();
        let part = |part: &Value| {
            let bytes = bytes(&part["hex"]);
            if let Some(value) = part.get("value") {
                assert_eq!(hex(&encode(value)), hex(&bytes), "{name}");
            }
            bytes
        };
        let parts = &file["parts"];
        let encoded =
            ["envelope", "participants", "body", "original"].map(|name| part(&parts[name]));
        let attachments = parts["attachments"].as_array().unwrap().iter().map(part);
        let attachments: Vec<Attachment> = attachments
            .map(|part| canonical::from_bytes(&part).expect(&name))
            .collect();
        let record =
            Record::from_parts(encoded.each_ref().map(Vec::as_slice), attachments).expect(&name);

        assert_eq!(record.parts().into_vecs(), encoded, "{name}");
        assert_eq!(
            record.id().to_string(),
            file["record_id"].as_str().unwrap(),
            "{name}"
        );
        kinds.insert(record.kind());
    }
    assert_eq!(kinds, Kind::all().iter().copied().collect());
}

#[test]
fn record_1_ids_are_those_of_the_files() {
    for (name, text) in read()
        .into_iter()
        .filter(|(name, _)| name != "refused.json")
    {
        let file: Value = serde_json::from_str(&text).unwrap();
        let from = &file["record_id_from"];
        let text = |field: &str| samples::setting::text(from[field].as_str().unwrap());
        let kind = usize::try_from(from["kind"].as_u64().unwrap()).unwrap();
        let id = RecordId::of(
            &NetworkName::new(from["network"].as_str().unwrap()).unwrap(),
            &text("account"),
            &text("conversation"),
            &text("source_id"),
            Kind::all()[kind],
        );
        assert_eq!(
            id.to_string(),
            file["record_id"].as_str().unwrap(),
            "{name}"
        );
    }
}

/// RECORD-1 to RECORD-9, CBOR-2, CBOR-4 and TIME-1, each broken in one place.
#[test]
fn every_defect_is_refused_for_its_reason() {
    let file: Value = serde_json::from_str(&read()["refused.json"]).unwrap();
    let cases = file["cases"].as_array().unwrap();
    assert!(cases.len() > 30);
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let attachments: Result<Vec<Attachment>, _> = case["attachments"]
            .as_array()
            .unwrap()
            .iter()
            .map(|part| canonical::from_bytes(&bytes(part)))
            .collect();
        let Ok(attachments) = attachments else {
            assert_eq!(
                (case["part"].as_str(), case["check"].as_str()),
                (Some("attachments"), Some("CBOR-4"))
            );
            continue;
        };
        let parts = ["envelope", "participants", "body", "original"].map(|part| bytes(&case[part]));
        let error = Record::from_parts(parts.each_ref().map(Vec::as_slice), attachments)
            .expect_err(&format!("{name} was accepted"));
        let check = case["check"].as_str().unwrap();
        let fits = match &error {
            PartsError::Encoding { part, .. } => {
                assert_eq!(part.to_string(), case["part"].as_str().unwrap(), "{name}");
                !matches!(
                    check,
                    "RECORD-3" | "RECORD-5" | "RECORD-6" | "RECORD-7" | "RECORD-9"
                )
            }
            PartsError::Kind { .. } => check == "RECORD-3",
            PartsError::Id { .. } => check == "RECORD-1",
            PartsError::Record(RecordError::NestedTooDeep) => check == "RECORD-5",
            PartsError::Record(RecordError::NoSuchAttachment { .. }) => check == "RECORD-6",
            PartsError::Record(RecordError::NameTooLong { .. }) => check == "RECORD-7",
            PartsError::Record(RecordError::AboutNothing) => check == "RECORD-9",
            _ => false,
        };
        assert!(fits, "{name} breaks {check} and is refused with: {error}");
    }
}

fn read() -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect()
}
