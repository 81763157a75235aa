//! Every file under `vectors/tlog/`: a new one without a reader here fails.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::num::NonZeroU8;
use std::path::PathBuf;

use data_encoding::HEXLOWER;
use serde_json::Value;
use tlog::*;

#[test]
fn every_vector_file() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../vectors/tlog");
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let file: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let check: fn(&Value) = match name.as_str() {
            "tree.json" => tree,
            "growth.json" => growth,
            "paths.json" => paths,
            "bundle.json" => bundle,
            "vkey.json" => vkey,
            "note.json" => note,
            "checkpoint.json" => checkpoint,
            "cosignature.json" => cosignature,
            "add-checkpoint.json" => add_checkpoint,
            "proof.json" => proof,
            other => panic!("no reader for {other}"),
        };
        let cases = file["cases"].as_array().unwrap();
        assert!(!cases.is_empty(), "{name}");
        cases.iter().for_each(check);
        files += 1;
    }
    assert_eq!(files, 10);
}

/// TLOG-1, TLOG-2, TLOG-4.
fn tree(case: &Value) {
    let size = |field: &str| TreeSize::new(case[field].as_u64().unwrap());
    let hashes = || -> Vec<Hash> {
        list(&case["proof"])
            .map(|text| hash(&text.into()))
            .collect()
    };
    match text(&case["kind"]) {
        "root" => {
            let leaves: Vec<Hash> = list(&case["leaves"])
                .map(|leaf| Hash::leaf(&unhex(leaf)))
                .collect();
            let mut frontier = Frontier::empty();
            frontier.extend(&leaves);
            let mut edge = TileEdge::empty();
            edge.grow(&leaves);
            assert_eq!(frontier.root(), hash(&case["root"]));
            assert_eq!(edge.root(), hash(&case["root"]));
        }
        "inclusion" => {
            let index = LogIndex::new(case["index"].as_u64().unwrap());
            let proof = InclusionProof::from_hashes(hashes()).unwrap();
            let verified = proof.verify(
                hash(&case["leaf"]),
                index,
                size("size"),
                hash(&case["root"]),
            );
            assert_eq!(
                verified.is_ok(),
                flag(&case["accepted"]),
                "{case}: {verified:?}"
            );
        }
        "consistency" => {
            let proof = ConsistencyProof::from_hashes(hashes()).unwrap();
            let (old, new) = (hash(&case["old_root"]), hash(&case["new_root"]));
            let verified = proof.verify(size("from"), old, size("to"), new);
            assert_eq!(
                verified.is_ok(),
                flag(&case["accepted"]),
                "{case}: {verified:?}"
            );
        }
        other => panic!("{other}"),
    }
}

/// TLOG-8, TLOG-9: the tiles and bundles of a growing log, by name and content.
fn growth(case: &Value) {
    let (from, to) = (case["from"].as_u64().unwrap(), case["to"].as_u64().unwrap());
    let leaves: Vec<[u8; 8]> = (0..to).map(u64::to_be_bytes).collect();
    let hashes: Vec<Hash> = leaves.iter().map(|leaf| Hash::leaf(leaf)).collect();
    let mut edge = TileEdge::empty();
    edge.grow(&hashes[..from as usize]);
    let written = edge.grow(&hashes[from as usize..]);
    assert_eq!(edge.root(), hash(&case["root"]));
    let wanted = case["tiles"].as_object().unwrap();
    assert_eq!(written.len(), wanted.len(), "{case}");
    for tile in &written {
        assert_eq!(
            text(&wanted[&tile.tile().path()]),
            sha256(tile.bytes()),
            "{}",
            tile.tile()
        );
    }
    let wanted = case["bundles"].as_object().unwrap();
    let bundles = bundles_of_growth(TreeSize::new(from), TreeSize::new(to));
    assert_eq!(bundles.len(), wanted.len(), "{case}");
    for bundle in bundles {
        let first = bundle.index() as usize * 256;
        let bytes = encode_bundle(&leaves[first..first + usize::from(bundle.width())]).unwrap();
        assert_eq!(text(&wanted[&bundle.path()]), sha256(&bytes), "{bundle}");
    }
}

/// TLOG-7.
fn paths(case: &Value) {
    let path = text(&case["path"]);
    if !flag(&case["accepted"]) {
        assert_eq!(
            (Tile::parse_path(path), Bundle::parse_path(path)),
            (None, None),
            "{path}"
        );
        return;
    }
    let (index, width) = (
        case["index"].as_u64().unwrap(),
        case["width"].as_u64().unwrap() as u16,
    );
    match case["level"].as_u64() {
        Some(level) => {
            let tile = Tile::new(level as u8, index, width).unwrap();
            assert_eq!(
                (tile.path().as_str(), Tile::parse_path(path)),
                (path, Some(tile))
            );
        }
        None => {
            let bundle = Bundle::new(index, width).unwrap();
            assert_eq!(
                (bundle.path().as_str(), Bundle::parse_path(path)),
                (path, Some(bundle))
            );
        }
    }
}

/// TLOG-9.
fn bundle(case: &Value) {
    let bytes = unhex(text(&case["hex"]));
    if !flag(&case["accepted"]) {
        assert!(decode_bundle(&bytes).is_err(), "{case}");
        return;
    }
    let entries: Vec<Vec<u8>> = list(&case["entries"]).map(unhex).collect();
    assert_eq!(decode_bundle(&bytes).unwrap(), entries);
    assert_eq!(encode_bundle(&entries).unwrap(), bytes);
}

/// TLOG-14.
fn vkey(case: &Value) {
    let read = VerifierKey::parse(text(&case["vkey"]));
    if !flag(&case["accepted"]) {
        assert!(read.is_err(), "{case}");
        return;
    }
    let key = read.unwrap();
    assert_eq!(key.to_string(), text(&case["vkey"]));
    assert_eq!(key.name().as_str(), text(&case["name"]));
    assert_eq!(key.id().to_string(), text(&case["id"]));
    assert_eq!(u64::from(key.kind().byte()), case["type"].as_u64().unwrap());
    assert_eq!(HEXLOWER.encode(key.public()), text(&case["public"]));
}

/// TLOG-10, TLOG-11, TLOG-12.
fn note(case: &Value) {
    let bytes = text(&case["note"]).as_bytes();
    let keys: Vec<VerifierKey> = list(&case["keys"])
        .map(|key| VerifierKey::parse(key).unwrap())
        .collect();
    let read = SignedNote::parse(bytes);
    if !flag(&case["accepted"]) {
        assert!(!read.is_ok_and(|note| note.verify(&keys).is_ok()), "{case}");
        return;
    }
    let note = read.unwrap();
    assert_eq!(note.to_string().as_bytes(), bytes);
    assert_eq!(note.text(), text(&case["text"]));
    let by: Vec<&str> = note
        .verify(&keys)
        .unwrap()
        .iter()
        .map(|key| key.name().as_str())
        .collect();
    assert_eq!(by, list(&case["by"]).collect::<Vec<_>>());
    if let Some(seed) = case.get("seed") {
        let signer = LogSigner::new(keys[0].name().clone(), &seed_of(seed)).unwrap();
        assert_eq!(signer.sign_note(note.text()).unwrap(), note);
    }
}

/// TLOG-15, TLOG-16.
fn checkpoint(case: &Value) {
    let bytes = text(&case["note"]).as_bytes();
    let read = SignedCheckpoint::parse(bytes);
    if !flag(&case["readable"]) {
        assert!(read.is_err(), "{case}");
        return;
    }
    let signed = read.unwrap();
    assert_eq!(signed.to_string().as_bytes(), bytes);
    let claimed = signed.claimed();
    assert_eq!(claimed.origin().as_str(), text(&case["origin"]));
    assert_eq!(claimed.size().get(), case["size"].as_u64().unwrap());
    assert_eq!(claimed.root(), hash(&case["root"]));
    assert!(
        claimed
            .extensions()
            .iter()
            .map(String::as_str)
            .eq(list(&case["extensions"]))
    );
    assert_eq!(
        signed.note().signatures().len() as u64,
        case["signatures"].as_u64().unwrap()
    );
    if let Some(seed) = case.get("seed") {
        let signer = LogSigner::new(claimed.origin().key_name().clone(), &seed_of(seed)).unwrap();
        assert_eq!(signer.sign(claimed.clone()).unwrap(), signed);
    }
    if let Some(log) = case.get("log") {
        let key = VerifierKey::parse(text(log)).unwrap();
        let origin = claimed.origin().clone();
        assert_eq!(
            signed.verify(&origin, &[key]).is_ok(),
            flag(&case["accepted"]),
            "{case}"
        );
    }
}

/// TLOG-12, TLOG-17, TLOG-18.
fn cosignature(case: &Value) {
    let log = VerifierKey::parse(text(&case["log"])).unwrap();
    let witness = VerifierKey::parse(text(&case["witness"])).unwrap();
    let signed = SignedCheckpoint::parse(text(&case["note"]).as_bytes()).unwrap();
    let origin = signed.claimed().origin().clone();
    let verified = signed
        .clone()
        .verify(&origin, std::slice::from_ref(&log))
        .unwrap();
    let at = verified.cosigned_by(&witness).map(CosignedAt::unix_seconds);
    assert_eq!(at, case["at"].as_u64(), "{case}");
    if let Some(seed) = case.get("seed") {
        let mut again =
            Witness::new(CosignerKey::new(witness.name().clone(), &seed_of(seed)).unwrap());
        again.follow(origin, vec![log]);
        let request =
            AddCheckpoint::new(TreeSize::ZERO, ConsistencyProof::default(), signed.clone());
        let now = CosignedAt::from_unix_seconds(at.unwrap()).unwrap();
        let Decision::Cosign { line, .. } = again.decide(SeenHead::nothing(), &request, now) else {
            panic!()
        };
        assert!(signed.note().signatures().contains(&line));
    }
}

/// TLOG-19, TLOG-20.
fn add_checkpoint(case: &Value) {
    let name = KeyName::new(text(&case["witness_name"])).unwrap();
    let mut witness =
        Witness::new(CosignerKey::new(name, &seed_of(&case["witness_seed"])).unwrap());
    let log = VerifierKey::parse(text(&case["log"])).unwrap();
    witness.follow(Origin::new(log.name().as_str()).unwrap(), vec![log]);
    let seen = match &case["seen"] {
        Value::Null => SeenHead::nothing(),
        seen => SeenHead::new(
            TreeSize::new(seen["size"].as_u64().unwrap()),
            hash(&seen["root"]),
        ),
    };
    let now = CosignedAt::from_unix_seconds(case["now"].as_u64().unwrap()).unwrap();
    let body = text(&case["body"]);
    let (status, answer) = match AddCheckpoint::parse(body.as_bytes()) {
        Err(_) => (400, None),
        Ok(request) => {
            assert_eq!(request.to_string(), body);
            if let Some(old) = case.get("old") {
                assert_eq!(request.old().get(), old.as_u64().unwrap());
                assert_eq!(
                    request.proof().hashes().len() as u64,
                    case["hashes"].as_u64().unwrap()
                );
            }
            match witness.decide(seen, &request, now) {
                Decision::Cosign { line, head, .. } => {
                    assert_eq!(head.size(), request.checkpoint().claimed().size());
                    (200, Some(encode_cosignatures(&[line])))
                }
                Decision::Conflict { size } => (409, Some(encode_conflict(size))),
                Decision::Refuse(reason) => (reason.status(), None),
            }
        }
    };
    assert_eq!(
        u64::from(status),
        case["status"].as_u64().unwrap(),
        "{case}"
    );
    assert_eq!(answer.as_deref(), case.get("answer").map(text), "{case}");
}

/// TLOG-21, TLOG-22.
fn proof(case: &Value) {
    let log = VerifierKey::parse(text(&case["log"])).unwrap();
    let witnesses = case["witnesses"].as_array().unwrap().iter().map(|witness| {
        let key = VerifierKey::parse(text(&witness["vkey"])).unwrap();
        PolicyWitness::new(key, flag(&witness["independent"])).unwrap()
    });
    let threshold = NonZeroU8::new(case["threshold"].as_u64().unwrap() as u8).unwrap();
    let origin = Origin::new(log.name().as_str()).unwrap();
    let policy = Policy::new(origin, vec![log], witnesses.collect(), threshold).unwrap();
    let file = text(&case["proof"]);
    let leaf = Hash::leaf(&unhex(text(&case["leaf"])));
    let read = LogProof::parse(file.as_bytes());
    if !flag(&case["accepted"]) {
        assert!(
            !read.is_ok_and(|proof| proof.verify(leaf, &policy).is_ok()),
            "{case}"
        );
        return;
    }
    let proof = read.unwrap();
    assert_eq!(proof.to_string(), file);
    assert_eq!(
        proof.extra().map(|extra| HEXLOWER.encode(extra)).as_deref(),
        case.get("extra").map(text)
    );
    let proven = proof.verify(leaf, &policy).unwrap();
    assert_eq!(proven.index().get(), case["index"].as_u64().unwrap());
    assert_eq!(
        proven.checkpoint().size().get(),
        case["size"].as_u64().unwrap()
    );
    assert_eq!(
        proven.verdict().is_witnessed(),
        flag(&case["witnessed"]),
        "{case}"
    );
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn flag(value: &Value) -> bool {
    value.as_bool().unwrap()
}

fn list(value: &Value) -> impl Iterator<Item = &str> {
    value.as_array().unwrap().iter().map(text)
}

fn unhex(text: &str) -> Vec<u8> {
    HEXLOWER.decode(text.as_bytes()).unwrap()
}

fn hash(value: &Value) -> Hash {
    Hash::from_slice(&unhex(text(value))).unwrap()
}

fn seed_of(value: &Value) -> SigningSeed {
    SigningSeed::from_bytes(unhex(text(value)).try_into().unwrap())
}

fn sha256(bytes: &[u8]) -> String {
    HEXLOWER.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref())
}
