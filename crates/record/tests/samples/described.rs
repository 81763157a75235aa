//! Encoded parts described as JSON, so that any language can read them: maps have their integer
//! keys as decimal strings, byte strings are `{"h": hex}`.

use canonical::{hex, hex_into};
use minicbor::data::Type;
use minicbor::{Decoder, Encoder};
use serde_json::{Map, Value, json};

/// What `bytes` say.
pub(crate) fn describe(bytes: &[u8]) -> Value {
    let mut d = Decoder::new(bytes);
    let value = item(&mut d);
    assert_eq!(d.position(), bytes.len());
    value
}

fn item(d: &mut Decoder<'_>) -> Value {
    match d.datatype().unwrap() {
        Type::Bool => json!(d.bool().unwrap()),
        Type::Bytes => json!({ "h": hex(d.bytes().unwrap()) }),
        Type::String => json!(d.str().unwrap()),
        Type::Array => {
            let length = d.array().unwrap().unwrap();
            Value::Array((0..length).map(|_| item(d)).collect())
        }
        Type::Map => {
            let length = d.map().unwrap().unwrap();
            let entry = |d: &mut Decoder<'_>| (d.u64().unwrap().to_string(), item(d));
            Value::Object((0..length).map(|_| entry(d)).collect::<Map<_, _>>())
        }
        Type::U64 => json!(d.u64().unwrap()),
        _ => json!(d.i64().unwrap()),
    }
}

/// The encoding of what `value` says, keys in the order in which they stand; `null` is written
/// too, since cases of refusal want it.
pub(crate) fn encode(value: &Value) -> Vec<u8> {
    let mut e = Encoder::new(Vec::new());
    encode_into(value, &mut e);
    e.into_writer()
}

fn encode_into(value: &Value, e: &mut Encoder<Vec<u8>>) {
    match value {
        Value::Null => e.null().map(drop),
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
                e.u64(key.parse().unwrap()).unwrap();
                encode_into(value, e);
            }
            Ok(())
        }
    }
    .unwrap();
}

/// The bytes of a text of hexadecimal digits.
pub(crate) fn bytes(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    let mut bytes = vec![0; text.len() / 2];
    hex_into(text, &mut bytes).unwrap();
    bytes
}
