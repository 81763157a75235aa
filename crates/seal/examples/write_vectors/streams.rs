//! Streams: sound ones, and one for each defect.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use record::RecordId;
use seal::{StreamPlace, StreamSealer};
use serde_json::{Value, json};
use wire::ArchiveId;

use crate::archive::Seeded;
use crate::{hex, vector};

const CHUNK: u64 = 65_536;
const SEALED: u64 = CHUNK + 16;

pub(crate) fn write() {
    for (name, size, about) in [
        ("empty", 0, "an attachment of no bytes: one empty chunk"),
        ("one_byte", 1, "one byte"),
        ("one_chunk", CHUNK, "exactly one chunk"),
        ("one_chunk_and_one_byte", CHUNK + 1, "two chunks"),
        ("three_chunks", 2 * CHUNK + 5, "three chunks"),
    ] {
        vector("stream", name, &sound(size, about));
    }
    let whole = 2 + 2 * SEALED + 21;
    let refused = |name: &str, about: &str, pieces: Value| {
        let mut value = sound(2 * CHUNK + 5, about);
        value["pieces"] = pieces;
        value["refused"] = json!("STREAM-2");
        vector("stream", &format!("refused_{name}"), &value);
    };
    refused(
        "swapped_chunks",
        "the first two chunks are exchanged",
        json!([
            [0, 2],
            [2 + SEALED, 2 + 2 * SEALED],
            [2, 2 + SEALED],
            [2 + 2 * SEALED, whole]
        ]),
    );
    refused(
        "missing_last_chunk",
        "the stream ends after a full chunk",
        json!([[0, 2 + 2 * SEALED]]),
    );
    refused(
        "missing_first_chunk",
        "the stream begins with the second chunk",
        json!([[0, 2], [2 + SEALED, whole]]),
    );
    refused(
        "truncated",
        "the last byte is missing",
        json!([[0, whole - 1]]),
    );
    refused("longer", "a byte follows", json!([[0, whole], "00"]));
    refused(
        "doubled_last_chunk",
        "the last chunk stands twice",
        json!([[0, whole], [2 + 2 * SEALED, whole]]),
    );
    refused("suite_unknown", "suite 2", json!(["0202", [2, whole]]));
    refused("type_of_an_object", "type 1", json!(["0101", [2, whole]]));
    refused("nothing", "no bytes", json!([]));
    refused("head_only", "type and suite, no chunk", json!([[0, 2]]));

    // The first chunk of a stream of two, then an empty last one: two ways to write one attachment.
    let mut value = sound(CHUNK + 1, "an empty last chunk after a full one");
    let key = hex_bytes(&value["key"]);
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).unwrap());
    let mut nonce = [0; 12];
    nonce[10] = 1;
    nonce[11] = 1;
    let mut aad = b"\x10greffe/stream/v1".to_vec();
    aad.extend_from_slice(&[0xa0; 32]);
    aad.extend_from_slice(&[0x0a; 32]);
    aad.extend_from_slice(&[0, 0, 0, 3]);
    let nonce = Nonce::assume_unique_for_key(nonce);
    let tag = key
        .seal_in_place_separate_tag(nonce, Aad::from(&aad), &mut [])
        .unwrap();
    value["pieces"] = json!([[0, 2 + SEALED], canonical::hex(tag.as_ref())]);
    value["refused"] = json!("STREAM-1");
    vector("stream", "refused_empty_last_chunk", &value);

    let mut value = sound(1, "sealed as attachment 3, opened as attachment 4");
    value["index"] = json!(4);
    value["refused"] = json!("STREAM-1");
    value["pieces"] = json!([[0, 19]]);
    vector("stream", "refused_other_index", &value);
    let mut value = sound(1, "sealed for another record");
    value["record"] = hex(&[0x0b; 32]);
    value["refused"] = json!("STREAM-1");
    value["pieces"] = json!([[0, 19]]);
    vector("stream", "refused_other_record", &value);
}

fn hex_bytes(value: &Value) -> [u8; 32] {
    let mut bytes = [0; 32];
    canonical::hex_into(value.as_str().unwrap(), &mut bytes).unwrap();
    bytes
}

/// Bytes that a reader can make itself.
fn pattern(size: u64) -> Vec<u8> {
    (0..size).map(|at| (at * 31 + at / 251) as u8).collect()
}

fn sound(size: u64, about: &str) -> Value {
    let place = StreamPlace {
        archive: ArchiveId::from_bytes([0xa0; 32]),
        record: RecordId::from_bytes([0x0a; 32]),
        index: 3,
    };
    let mut sealer = StreamSealer::new(&place, &mut Seeded::new(size + 1)).unwrap();
    let plain = pattern(size);
    let mut object = Vec::new();
    let mut rest = &plain[..];
    while !rest.is_empty() {
        let step = sealer.push(rest).unwrap();
        object.extend_from_slice(step.ready);
        rest = &rest[step.taken..];
    }
    let (last, sealed) = sealer.finish().unwrap();
    object.extend_from_slice(&last);
    let mut value = json!({
        "page": "batch.md",
        "about": about,
        "notation": "byte i of the attachment is (31 i + floor(i / 251)) mod 256; `pieces`, where given, make the refused object out of the sound one: [from, to] or bytes in hex",
        "archive": hex(place.archive.as_bytes()),
        "record": hex(place.record.as_bytes()),
        "index": place.index,
        "key": hex(sealed.stream.key.expose()),
        "size": size,
        "plain_sha256": hex(sealed.hash.as_bytes()),
        "object_length": object.len(),
        "object_sha256": hex(sealed.stream.object.as_bytes()),
    });
    if size < 100 {
        value["object"] = hex(&object);
    }
    value
}
