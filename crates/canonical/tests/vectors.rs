//! Every file of `vectors/canonical/`, replayed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::Path;

use canonical::{CanonicalError, Label, check, hex, hex_into};
use minicbor::Encoder;
use serde_json::Value;

#[test]
fn cbor_1_deterministic_encodings_are_accepted() {
    for case in cases("accepted") {
        let bytes = bytes(&case["hex"]);
        check(&bytes).unwrap_or_else(|error| panic!("{}: {error}", case["name"]));
        if let Some(value) = case.get("value") {
            assert_eq!(hex(&encode(value)), case["hex"].as_str().unwrap());
        }
    }
}

#[test]
fn cbor_1_cbor_2_cbor_3_all_else_is_refused() {
    for case in cases("refused") {
        let error =
            check(&bytes(&case["hex"])).expect_err(&format!("{} was accepted", case["name"]));
        let checks: &[&str] = match error {
            CanonicalError::TooDeep { .. } | CanonicalError::Trailing { .. } => &["CBOR-3"],
            CanonicalError::Forbidden { .. } => &["CBOR-1", "CBOR-2"],
            _ => &["CBOR-1"],
        };
        let stated = case["check"].as_str().unwrap();
        assert!(checks.contains(&stated), "{}: {error}", case["name"]);
    }
}

#[test]
fn hash_1_hash_2_hashes_are_those_of_the_file() {
    for case in cases("hash") {
        let label = Label::new(case["label"].as_str().unwrap().to_owned().leak());
        let mut hasher = label.hash();
        for part in case["parts"].as_array().unwrap() {
            match part.get("sized") {
                Some(sized) => hasher.update_sized(&bytes(sized)),
                None => hasher.update(&bytes(&part["bytes"])),
            }
        }
        assert_eq!(hex(&hasher.finish()), case["hash"].as_str().unwrap());
    }
}

/// No file lies in the folder that no test reads.
#[test]
fn every_file_is_known() {
    let mut names: Vec<_> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["accepted.json", "hash.json", "refused.json"]);
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors/canonical")
}

fn cases(file: &str) -> Vec<Value> {
    let text = fs::read_to_string(folder().join(file).with_extension("json")).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    let cases = file["cases"].as_array().unwrap().clone();
    assert!(!cases.is_empty());
    cases
}

fn bytes(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    let mut bytes = vec![0; text.len() / 2];
    hex_into(text, &mut bytes).unwrap();
    bytes
}

/// Writes what a "value" says, keys in the order of the file.
fn encode(value: &Value) -> Vec<u8> {
    let mut e = Encoder::new(Vec::new());
    encode_into(value, &mut e);
    e.into_writer()
}

fn encode_into(value: &Value, e: &mut Encoder<Vec<u8>>) {
    match value {
        Value::Bool(value) => e.bool(*value).map(drop),
        Value::String(text) => e.str(text).map(drop),
        Value::Number(number) => match number.as_u64() {
            Some(number) => e.u64(number).map(drop),
            None => e.i64(number.as_i64().unwrap()).map(drop),
        },
        Value::Array(items) => {
            e.array(items.len() as u64).unwrap();
            items.iter().for_each(|item| encode_into(item, e));
            Ok(())
        }
        Value::Object(entries) if entries.contains_key("h") => {
            e.bytes(&bytes(&entries["h"])).map(drop)
        }
        Value::Object(entries) => {
            e.map(entries.len() as u64).unwrap();
            for (key, value) in entries {
                e.i64(key.parse().unwrap()).unwrap();
                encode_into(value, e);
            }
            Ok(())
        }
        Value::Null => panic!("no value is null"),
    }
    .unwrap();
}
