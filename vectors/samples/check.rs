//! What the samples of every network must pass; included by each connector's tests.

#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

use std::path::PathBuf;

use connector::normal::{Capture, NormalizeError, Normalized, exercise};
use proptest::prelude::*;
use record::{Content, NetworkName, OriginalContent, Record};
use serde_json::Value;

pub type Normalize = fn(&Capture<'_>, &[u8]) -> Result<Normalized, NormalizeError>;

/// One event of a sample file, and where it stands.
pub struct Sample {
    pub name: String,
    pub bytes: Vec<u8>,
}

pub fn folder(network: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../vectors/samples")
        .join(network)
}

/// Files of the network's folder with that ending, by name.
pub fn files(network: &str, ending: &str) -> Vec<(String, String)> {
    let mut found: Vec<_> = std::fs::read_dir(folder(network))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == ending))
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(&path).unwrap())
        })
        .collect();
    found.sort();
    assert!(!found.is_empty(), "no .{ending} of {network}");
    found
}

/// Records of one event: nothing unmodelled is left, each decodes to itself (`exercise` sees to
/// that), and each keeps the event's exact bytes.
pub fn records(
    network: NetworkName,
    account: &str,
    sample: &Sample,
    normalize: Normalize,
) -> Vec<Record> {
    let normalized = exercise(network, account, &sample.bytes, normalize).unwrap();
    assert!(!normalized.records.is_empty(), "{}: no record", sample.name);
    assert_eq!(
        normalized.unmodelled,
        Vec::<String>::new(),
        "{}",
        sample.name
    );
    for record in &normalized.records {
        let path = field(record, "original.path");
        match &record.original().unwrap().content {
            OriginalContent::Inline(bytes) if path.is_none() => {
                assert_eq!(bytes, &sample.bytes, "{}", sample.name);
            }
            OriginalContent::Inline(bytes) => assert!(
                normalized.records.len() > 1
                    && sample.bytes.windows(bytes.len()).any(|part| part == bytes),
                "{}",
                sample.name
            ),
            OriginalContent::Attached(_) => panic!("{}: attached", sample.name),
        }
        assert!(
            !record
                .body()
                .fields
                .iter()
                .any(|f| f.name.starts_with("more.")),
            "{}",
            sample.name
        );
    }
    normalized.records
}

/// Texts and numbers of the event that stand in no part of its records but the original, as
/// `path = value`. Taking a leaf is a claim; this looks at what became of it. Of numbers, those
/// below 1,000 are not looked for, and times may have become milliseconds.
pub fn unsaid(records: &[Record], sample: &Sample) -> Vec<String> {
    let mut said = Vec::new();
    for record in records {
        let parts = record.parts();
        for part in [parts.envelope(), parts.participants(), parts.body()] {
            said.extend_from_slice(part);
        }
        for attachment in record.attachments() {
            said.extend(canonical_of(attachment));
        }
    }
    said.make_ascii_lowercase();
    let value: Value = serde_json::from_slice(&sample.bytes).unwrap();
    let mut left = Vec::new();
    leaves(&value, String::new(), &mut |path, leaf| {
        let text = match leaf {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return,
        };
        let number: Option<u64> = text.parse().ok();
        let found = text.is_empty()
            || holds(&said, text.as_bytes())
            || number.is_some_and(|number| {
                number < 1000
                    || [number, number.saturating_mul(1000)]
                        .iter()
                        .any(|number| holds(&said, &integer(*number)))
            })
            // Degrees become whole numbers of their seventh place.
            || (leaf.is_f64() && path.ends_with("itude"));
        if !found {
            left.push(format!("{path} = {leaf}"));
        }
    });
    left
}

fn canonical_of(attachment: &record::Attachment) -> Vec<u8> {
    let texts = [
        &attachment.name,
        &attachment.declared_type,
        &attachment.reference,
    ];
    texts
        .into_iter()
        .flatten()
        .flat_map(|text| text.bytes())
        .collect()
}

fn holds(said: &[u8], what: &[u8]) -> bool {
    let what = what.to_ascii_lowercase();
    said.windows(what.len()).any(|part| part == what)
}

/// A number as CBOR writes it.
fn integer(number: u64) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let mut encoded = match number {
        0..=0xffff => vec![0x19],
        0x1_0000..=0xffff_ffff => vec![0x1a],
        _ => vec![0x1b],
    };
    let length = match encoded[0] {
        0x19 => 2,
        0x1a => 4,
        _ => 8,
    };
    encoded.extend_from_slice(&bytes[8 - length..]);
    encoded.make_ascii_lowercase();
    encoded
}

fn leaves(value: &Value, path: String, each: &mut impl FnMut(&str, &Value)) {
    match value {
        Value::Array(list) => {
            for (index, below) in list.iter().enumerate() {
                leaves(below, format!("{path}[{index}]"), each);
            }
        }
        Value::Object(object) => {
            for (key, below) in object {
                leaves(below, format!("{path}.{key}"), each);
            }
        }
        leaf => each(&path, leaf),
    }
}

/// Everything that any sample says stands in the normal form of its records, but for `rows`:
/// patterns of paths, and why not.
pub fn all_is_said(
    network: &NetworkName,
    account: &str,
    samples: &[Sample],
    normalize: Normalize,
    rows: &[(&str, &str)],
) {
    let mut left = Vec::new();
    for sample in samples {
        let records = records(network.clone(), account, sample, normalize);
        for path in unsaid(&records, sample) {
            let row = rows.iter().any(|(pattern, _)| {
                path.split(" = ")
                    .next()
                    .is_some_and(|path| path.ends_with(pattern))
            });
            if !row {
                left.push(format!("{}: {path}", sample.name));
            }
        }
    }
    assert!(left.is_empty(), "{}", left.join("\n"));
}

/// One made event, whatever is left over.
pub fn exercise_for(
    event: &[u8],
    account: &str,
    network: NetworkName,
    normalize: Normalize,
) -> Normalized {
    exercise(network, account, event, normalize).unwrap()
}

/// Any JSON in place of any element of any sample: no panic, sound records or a plain error.
pub fn survives_mutations(
    network: &NetworkName,
    account: &str,
    samples: &[Sample],
    normalize: Normalize,
) {
    let values: Vec<Value> = samples
        .iter()
        .map(|sample| serde_json::from_slice(&sample.bytes).unwrap())
        .collect();
    let case = (0..values.len(), any::<prop::sample::Index>(), any_json());
    proptest!(ProptestConfig::with_cases(512), |((which, place, new) in case)| {
        let mut value = values[which].clone();
        let all = count(&value);
        replace(&mut value, &mut place.index(all), new);
        let bytes = serde_json::to_vec(&value).unwrap();
        if let Ok(normalized) = exercise(network.clone(), account, &bytes, normalize) {
            prop_assert!(!value.is_object() || !normalized.records.is_empty());
        }
    });
    proptest!(ProptestConfig::with_cases(256), |(value in any_json(), cut in any::<prop::sample::Index>())| {
        let bytes = serde_json::to_vec(&value).unwrap();
        let _ = exercise(network.clone(), account, &bytes, normalize);
        let whole = &samples[cut.index(samples.len())].bytes;
        let _ = exercise(network.clone(), account, &whole[..cut.index(whole.len())], normalize);
    });
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        Just(Value::from("{\"a\":[1,{\"b\":\"{}\"}]}")),
        Just(Value::from("a\u{0}b\u{7f}")),
        Just(Value::from("x".repeat(600))),
    ];
    leaf.prop_recursive(6, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("[a-z]{1,6}", inner), 0..4)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(list) => list.iter().map(count).sum(),
        Value::Object(object) => object.values().map(count).sum(),
        _ => 0,
    }
}

fn replace(value: &mut Value, at: &mut usize, new: Value) -> bool {
    if *at == 0 {
        *value = new;
        return true;
    }
    *at -= 1;
    match value {
        Value::Array(list) => list.iter_mut().any(|v| replace(v, at, new.clone())),
        Value::Object(object) => object.values_mut().any(|v| replace(v, at, new.clone())),
        _ => false,
    }
}

pub fn field<'r>(record: &'r Record, name: &str) -> Option<&'r str> {
    let fields = &record.body().fields;
    fields
        .iter()
        .find(|f| f.name == name)
        .map(|f| f.value.as_str())
}

pub fn message(record: &Record) -> &record::Message {
    match &record.body().content {
        Content::Message(message) => message,
        _ => panic!("{} is no message", record.kind()),
    }
}

/// The first text of a message.
pub fn text(message: &record::Message) -> &str {
    message
        .parts
        .iter()
        .find_map(|part| match part {
            record::Part::Text(text) => Some(text.text.as_str()),
            _ => None,
        })
        .expect("a text")
}

pub fn sender(record: &Record) -> &str {
    record
        .participants()
        .sender
        .as_ref()
        .map_or("", |p| p.id.as_str())
}
