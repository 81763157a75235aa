//! Every vector of the sealed formats, globbed: sound ones open to what they say, each defect is
//! refused by the check that it breaks.

use std::path::PathBuf;

use record::RecordId;
use seal::keyring::{Keyring, KeyringError, TokenKey, TokenName, UnlockError};
use seal::{
    AuditEvent, ContentError, ForRecords, MailError, OpenCarryError, OpenError, OpenedRecord,
    OpeningKey, PartitionUse, SealedShare, Share, ShareError, ShareRequest, Stream, StreamError,
    StreamKey, StreamOpener, StreamPlace, UnlockId, WaitingUnlock, combine, open_acts, open_batch,
    open_carry, open_mail,
};
use serde_json::Value;
use wire::commitment::{PartLeaf, RecordLeaf};
use wire::verify::VerifiedEntry;
use wire::{
    ArchiveId, Body, EpochId, EpochUse, Genesis, ObjectHash, ObjectLength, PartPosition,
    RecordPosition,
};

use crate::archive::Log;

#[test]
fn batch() {
    let mut sound = 0;
    for (name, vector) in folder("batch") {
        if name == "archive" {
            continue;
        }
        let entry = follow(&[bytes(&vector, "leaf")]).pop().unwrap();
        assert_eq!(entry.entry().aad(), bytes(&vector, "aad"), "{name}");
        let key = opening_key::<ForRecords>(&vector);
        assert_eq!(
            key.recipient().key().as_bytes()[..],
            bytes(&vector, "public_key")
        );
        let opened = open_batch(&key, &entry, &bytes(&vector, "object"));
        if let Some(check) = refused(&vector) {
            assert_eq!(check_of(&opened.unwrap_err()), check, "{name}");
            continue;
        }
        sound += 1;
        let opened = opened.unwrap_or_else(|error| panic!("{name}: {error}"));
        let stated = vector["records"].as_array().unwrap();
        assert_eq!(opened.len(), stated.len(), "{name}");
        let Body::Batch(head) = *entry.entry().body() else {
            panic!("{name}: a batch");
        };
        for (record, stated) in opened.records().zip(stated) {
            let record = record.unwrap();
            assert_eq!(
                record.record().id().as_bytes()[..],
                bytes(stated, "record_id")
            );
            assert_eq!(record.parts(), list(stated, "parts"), "{name}");
            let salts: Vec<_> = (0..u32::try_from(record.parts().len()).unwrap())
                .map(|part| {
                    record
                        .salt(PartPosition::new(part))
                        .unwrap()
                        .expose()
                        .to_vec()
                })
                .collect();
            assert_eq!(salts, list(stated, "salts"), "{name}");
            let path = record.path().unwrap();
            let hashes: Vec<_> = path
                .hashes()
                .iter()
                .map(|hash| hash.as_bytes().to_vec())
                .collect();
            assert_eq!(hashes, list(stated, "path"), "{name}");
            let root = path.root(leaf_of(&record), record.position(), head.count);
            assert_eq!(root.unwrap(), head.root, "{name}");
        }
        for attachment in vector["attachments"].as_array().into_iter().flatten() {
            let position = RecordPosition::new(number(attachment, "record"));
            let record = opened.record(position).unwrap().unwrap();
            let opener = record.open_attachment(number(attachment, "index"));
            let plain = run(opener.unwrap().unwrap(), &bytes(attachment, "object"));
            assert_eq!(plain.unwrap(), bytes(attachment, "plain"), "{name}");
        }
    }
    assert_eq!(sound, 4);
}

#[test]
fn stream() {
    for (name, vector) in folder("stream") {
        let place = StreamPlace {
            archive: ArchiveId::from_bytes(array(&vector, "archive")),
            record: RecordId::from_bytes(array(&vector, "record")),
            index: number(&vector, "index"),
        };
        let size = vector["size"].as_u64().unwrap();
        let plain: Vec<u8> = (0..size).map(|at| (at * 31 + at / 251) as u8).collect();
        let sound = sealed_by_hand(&vector, &plain);
        assert_eq!(
            canonical::sha256(&sound)[..],
            bytes(&vector, "object_sha256"),
            "{name}"
        );
        let object = match vector["pieces"].as_array() {
            None => sound,
            Some(pieces) => pieces.iter().flat_map(|piece| cut(piece, &sound)).collect(),
        };
        // The record names the very object that is opened, so that the chunks have to tell.
        let stream = Stream {
            object: ObjectHash::from_bytes(canonical::sha256(&object)),
            length: ObjectLength::new(object.len() as u64),
            key: StreamKey::from_bytes(&array(&vector, "key")),
        };
        let opened = run(StreamOpener::new(&place, &stream, None).unwrap(), &object);
        match refused(&vector) {
            None => assert!(opened.unwrap() == plain, "{name}"),
            Some(_) => assert!(
                matches!(
                    opened,
                    Err(StreamError::Head | StreamError::Chunk { .. } | StreamError::EmptyChunk)
                ),
                "{name}: {opened:?}"
            ),
        }
    }
}

/// The sound stream of a vector, by STREAM-1 alone.
fn sealed_by_hand(vector: &Value, plain: &[u8]) -> Vec<u8> {
    use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
    let key = UnboundKey::new(&AES_256_GCM, &bytes(vector, "key")).unwrap();
    let key = LessSafeKey::new(key);
    // Two vectors are sealed elsewhere than where they are opened.
    let mut aad = b"\x10greffe/stream/v1".to_vec();
    aad.extend_from_slice(&[0xa0; 32]);
    aad.extend_from_slice(&[0x0a; 32]);
    aad.extend_from_slice(&3_u32.to_be_bytes());
    let mut object = vec![2, 1];
    let chunks = plain.len().div_ceil(65_536).max(1);
    for chunk in 0..chunks {
        let mut nonce = [0; 12];
        nonce[3..11].copy_from_slice(&(chunk as u64).to_be_bytes());
        nonce[11] = u8::from(chunk + 1 == chunks);
        let end = plain.len().min((chunk + 1) * 65_536);
        let mut sealed = plain[chunk * 65_536..end].to_vec();
        key.seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(&aad),
            &mut sealed,
        )
        .unwrap();
        object.extend(sealed);
    }
    object
}

fn cut(piece: &Value, sound: &[u8]) -> Vec<u8> {
    match piece {
        Value::String(text) => unhex(text),
        piece => {
            let at = |index: usize| usize::try_from(piece[index].as_u64().unwrap()).unwrap();
            sound[at(0)..at(1)].to_vec()
        }
    }
}

fn run(mut opener: StreamOpener, object: &[u8]) -> Result<Vec<u8>, StreamError> {
    let mut plain = Vec::new();
    let mut rest = object;
    while !rest.is_empty() {
        let step = opener.push(rest)?;
        plain.extend_from_slice(step.ready);
        rest = &rest[step.taken..];
    }
    plain.extend_from_slice(&opener.finish()?);
    Ok(plain)
}

#[test]
fn audit() {
    for (name, vector) in folder("audit") {
        let entry = follow(&[bytes(&vector, "leaf")]).pop().unwrap();
        let opened = open_acts(&opening_key(&vector), &entry, &bytes(&vector, "object"));
        let opened = opened.unwrap_or_else(|error| panic!("{name}: {error}"));
        for (found, stated) in opened
            .acts()
            .zip(vector["acts"].as_array().into_iter().flatten())
        {
            let stated: Vec<_> = stated.as_array().unwrap().iter().map(text_bytes).collect();
            assert_eq!(found, stated, "{name}");
        }
        let Some(events) = vector["events"].as_array() else {
            continue;
        };
        assert_eq!(opened.acts().count(), events.len());
        for (found, stated) in opened.events().zip(events) {
            let found = found.unwrap();
            assert_eq!(
                found,
                AuditEvent::from_bytes(&bytes(stated, "hex")).unwrap()
            );
            assert_eq!(found.at().get(), stated["at"].as_i64().unwrap());
            assert_eq!(found.who(), stated["who"]);
            assert_eq!(found.what(), stated["what"]);
            assert_eq!(
                serde_json::to_value(found.facts()).unwrap(),
                stated["facts"]
            );
            let records: Vec<_> = found
                .records()
                .iter()
                .map(|id| id.as_bytes().to_vec())
                .collect();
            assert_eq!(records, list(stated, "records"));
        }
    }
}

#[test]
fn mail() {
    for (name, vector) in folder("mail") {
        let entry = follow(&[bytes(&vector, "leaf")]).pop().unwrap();
        let opened = open_mail(&opening_key(&vector), &entry, &bytes(&vector, "object"));
        if let Some(check) = refused(&vector) {
            let Err(MailError::Open(error)) = opened else {
                panic!("{name}: {opened:?}");
            };
            assert_eq!(check_of(&error), check, "{name}");
            continue;
        }
        let opened = opened.unwrap();
        assert_eq!(opened.subject(), vector["subject"]);
        assert_eq!(opened.content(), bytes(&vector, "content"));
    }
}

#[test]
fn carry() {
    for (name, vector) in folder("carry") {
        let mut entries = follow(&[bytes(&vector, "original_leaf"), bytes(&vector, "leaf")]);
        let (entry, original) = (entries.pop().unwrap(), entries.pop().unwrap());
        let opened = open_carry(
            &opening_key(&vector),
            &entry,
            &original,
            &bytes(&vector, "object"),
        );
        if let Some(check) = refused(&vector) {
            let found = match opened.unwrap_err() {
                OpenCarryError::Root { .. } => "CARRY-2",
                OpenCarryError::Structure => "CARRY-1",
                error => panic!("{name}: {error}"),
            };
            assert_eq!(found, check, "{name}");
            continue;
        }
        let opened = opened.unwrap();
        let stated = vector["records"].as_array().unwrap();
        assert_eq!(opened.records().count(), stated.len());
        for (record, stated) in opened.records().zip(stated) {
            let record = record.unwrap();
            assert_eq!(record.position().get(), number(stated, "position"));
            assert_eq!(record.parts(), list(stated, "parts"));
        }
    }
}

#[test]
fn keyring() {
    for (name, vector) in folder("keyring") {
        let read = Keyring::from_bytes(&bytes(&vector, "keyring"), None);
        if let Some(check) = refused(&vector) {
            let found = match read.unwrap_err() {
                KeyringError::Version { .. } => "CBOR-4",
                KeyringError::Encoding(_) => "CBOR-3",
                KeyringError::Cost(_) => "RING-1",
                KeyringError::Epoch { .. } => "EPOCH-1",
                KeyringError::Bounds { what: "generation" } => "RING-3",
                KeyringError::Bounds { what: "threshold" } => "SHARE-1",
                KeyringError::Bounds {
                    what: "authentication",
                } => "CBOR-4",
                error => panic!("{name}: {error}"),
            };
            assert_eq!(found, check, "{name}");
            continue;
        }
        let locked = read.unwrap();
        assert_eq!(locked.to_bytes(), bytes(&vector, "keyring"));
        let shares: Vec<Share> = list(&vector, "shares")
            .iter()
            .map(|share| Share::from_bytes(share).unwrap())
            .collect();
        if let Some(check) = vector["unlocking"].as_str() {
            let unlocked = locked.unlock_with_shares(&shares[..2]);
            assert!(
                check == "RING-6" && matches!(unlocked, Err(UnlockError::Altered)),
                "{name}"
            );
            continue;
        }
        let token = &vector["token"];
        let token_name =
            TokenName::new(token["label"].as_str().unwrap(), bytes(token, "key_id")).unwrap();
        let token_key = TokenKey::from_bytes(&array(token, "key"));
        assert_eq!(u64::from(locked.generation().get()), vector["generation"]);
        let passphrase = vector["passphrase"].as_str().unwrap();
        for ring in [
            locked.clone().unlock_with_passphrase(passphrase),
            locked.clone().unlock_with_shares(&shares[1..]),
            locked.clone().unlock_with_token(&token_name, &token_key),
        ] {
            let ring = ring.unwrap();
            for (epoch, found) in vector["epochs"]
                .as_array()
                .unwrap()
                .iter()
                .zip(locked.epochs())
            {
                let id = EpochId::from_bytes(array(epoch, "epoch"));
                assert_eq!(found.id(), id);
                let seed = match found.usage() {
                    EpochUse::Governance => ring.governance(id).map(|key| key.expose_seed()),
                    _ => ring.records(id).map(|key| key.expose_seed()),
                };
                if epoch["opening_key"].is_null() {
                    assert!(seed.is_err() && found.destroyed().is_some());
                    continue;
                }
                let seed = seed.unwrap();
                assert_eq!(*seed, array(epoch, "opening_key"));
                let key = OpeningKey::<ForRecords>::from_seed(&seed);
                let uses = [
                    PartitionUse::Catalogue,
                    PartitionUse::Index,
                    PartitionUse::Files,
                ];
                let keys = uses.map(|usage| key.partition_key(usage).expose().to_vec());
                assert_eq!(keys[..], list(epoch, "partition_keys"));
            }
        }
    }
}

#[test]
fn share() {
    for (name, vector) in folder("share") {
        match name.as_str() {
            "three_of_five" => three_of_five(&vector),
            "travelling" | "refused_other_unlock" => travelling(&vector),
            _ if !vector["request"].is_null() => share_texts(&name, &vector),
            _ => {
                let read = match &vector {
                    Value::Object(fields) if fields.contains_key("words") => {
                        Share::from_words(vector["words"].as_str().unwrap())
                    }
                    Value::Object(fields) if fields.contains_key("qr") => {
                        Share::from_qr(vector["qr"].as_str().unwrap())
                    }
                    _ => Share::from_bytes(&bytes(&vector, "hex")),
                };
                let found = match (name.as_str(), read.unwrap_err()) {
                    ("refused_filling_bit", ShareError::Checksum)
                    | (_, ShareError::Words { .. } | ShareError::Word { .. } | ShareError::Qr) => {
                        "SHARE-3"
                    }
                    _ => "SHARE-2",
                };
                assert_eq!(Some(found), refused(&vector), "{name}");
            }
        }
    }
}

fn three_of_five(vector: &Value) {
    let stated = vector["shares"].as_array().unwrap();
    let mut shares = Vec::new();
    for share in stated {
        let read = Share::from_bytes(&bytes(share, "hex")).unwrap();
        assert_eq!(*read.to_words(), share["words"].as_str().unwrap());
        assert_eq!(*read.to_qr(), share["qr"].as_str().unwrap());
        assert_eq!(u64::from(read.index()), share["index"]);
        assert_eq!(u64::from(read.needed()), vector["needed"]);
        assert_eq!(u64::from(read.generation()), vector["generation"]);
        assert_eq!(read.set().as_bytes()[..], bytes(vector, "set"));
        let words = Share::from_words(share["words"].as_str().unwrap()).unwrap();
        assert_eq!(words.to_bytes(), read.to_bytes());
        let qr = Share::from_qr(share["qr"].as_str().unwrap()).unwrap();
        assert_eq!(qr.to_bytes(), read.to_bytes());
        shares.push(read);
    }
    for chosen in [&shares[..3], &shares[2..], &shares[1..4]] {
        assert_eq!(
            combine(chosen).unwrap().expose()[..],
            bytes(vector, "secret")
        );
    }
}

fn travelling(vector: &Value) {
    let key = opening_key(vector);
    assert_eq!(key.recipient().fingerprint(), vector["fingerprint"]);
    let opened = Share::open(
        &key,
        &ArchiveId::from_bytes(array(vector, "archive")),
        &UnlockId::from_bytes(bytes(vector, "unlock").try_into().unwrap()),
        &bytes(vector, "object"),
    );
    match refused(vector) {
        Some(check) => assert!(check == "SHARE-4" && opened.is_err()),
        None => assert_eq!(opened.unwrap().to_bytes()[..], bytes(vector, "share")),
    }
}

fn share_texts(name: &str, vector: &Value) {
    let request = ShareRequest::from_text(vector["request"].as_str().unwrap());
    let answer = SealedShare::from_text(vector["answer"].as_str().unwrap());
    if let Some(check) = refused(vector) {
        assert_eq!(check, "SHARE-5");
        assert!(request.is_err() != answer.is_err(), "{name}");
        return;
    }
    let (request, answer) = (request.unwrap(), answer.unwrap());
    assert_eq!(request.fingerprint(), vector["fingerprint"]);
    assert_eq!(request.archive().as_bytes()[..], bytes(vector, "archive"));
    assert_eq!(request.to_text(), vector["request"]);
    assert_eq!(answer.to_text(), vector["answer"]);
    let waiting = WaitingUnlock::again(request, &array(vector, "opening_key")).unwrap();
    let share = waiting.open(&answer).unwrap();
    assert_eq!(share.to_bytes()[..], bytes(vector, "share"));
}

/// The check that an error keeps.
fn check_of(error: &OpenError) -> &'static str {
    match error {
        OpenError::Padding(error) => match error {
            seal::PaddingError::Form { .. } | seal::PaddingError::Content { .. } => "BATCH-4",
            _ => "BATCH-5",
        },
        OpenError::Compressed
        | OpenError::Inflate { .. }
        | OpenError::Content(ContentError::TooLarge { .. }) => "BATCH-4",
        OpenError::Object(seal::ObjectError::Tag) => "BATCH-2",
        OpenError::Object(_) => "BATCH-2",
        OpenError::Root | OpenError::Count { .. } => "COMMIT-5",
        OpenError::Content(ContentError::Encoding(canonical::CanonicalError::Trailing {
            ..
        })) => "CBOR-3",
        OpenError::Content(ContentError::Encoding(_)) => "CBOR-1",
        OpenError::Content(ContentError::Structure) => "CBOR-4",
        OpenError::Content(ContentError::Count { .. }) => "BATCH-1",
        error => panic!("{error}"),
    }
}

fn leaf_of(record: &OpenedRecord<'_>) -> RecordLeaf {
    let leaves: Vec<PartLeaf> = (0..)
        .map(PartPosition::new)
        .zip(record.parts())
        .map(|(part, bytes)| {
            PartLeaf::of(record.position(), part, &record.salt(part).unwrap(), bytes)
        })
        .collect();
    RecordLeaf::of(record.position(), &leaves)
}

/// Follows the log of the vectors, then these leaves, and gives the entries of these.
fn follow(leaves: &[Vec<u8>]) -> Vec<VerifiedEntry> {
    let archive = &folder("batch")
        .into_iter()
        .find(|(name, _)| name == "archive")
        .unwrap()
        .1;
    let control = list(archive, "leaves");
    let first = wire::Leaf::parse(&control[0]).unwrap().into_entry();
    let Body::Genesis(genesis) = first.body() else {
        panic!("the genesis");
    };
    let mut log = Log::new(Genesis::parse(&genesis.to_bytes()).unwrap());
    for leaf in &control {
        log.append(leaf);
    }
    leaves.iter().map(|leaf| log.append(leaf)).collect()
}

fn folder(name: &str) -> Vec<(String, Value)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../vectors")
        .join(name);
    let mut vectors: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| {
            let path = file.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let value: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
            // A vector is refused exactly if its name says so.
            assert_eq!(
                name.starts_with("refused_"),
                value["refused"].is_string(),
                "{name}"
            );
            (name, value)
        })
        .collect();
    assert!(!vectors.is_empty());
    vectors.sort_by(|one, other| one.0.cmp(&other.0));
    vectors
}

fn refused(vector: &Value) -> Option<&str> {
    // Both stand for "the tag does not verify", which is all that can be seen.
    vector["refused"]
        .as_str()
        .map(|check| if check == "BATCH-3" { "BATCH-2" } else { check })
}

fn opening_key<P: seal::Purpose>(vector: &Value) -> OpeningKey<P> {
    OpeningKey::from_seed(&array(vector, "opening_key"))
}

fn bytes(value: &Value, field: &str) -> Vec<u8> {
    text_bytes(&value[field])
}

fn text_bytes(value: &Value) -> Vec<u8> {
    unhex(value.as_str().unwrap())
}

fn unhex(text: &str) -> Vec<u8> {
    let mut bytes = vec![0; text.len() / 2];
    canonical::hex_into(text, &mut bytes).unwrap();
    bytes
}

fn array(value: &Value, field: &str) -> [u8; 32] {
    bytes(value, field).try_into().unwrap()
}

fn list(value: &Value, field: &str) -> Vec<Vec<u8>> {
    value[field]
        .as_array()
        .unwrap()
        .iter()
        .map(text_bytes)
        .collect()
}

fn number(value: &Value, field: &str) -> u32 {
    u32::try_from(value[field].as_u64().unwrap()).unwrap()
}
