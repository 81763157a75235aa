//! Replays every vector file under `vectors/{entry,authority,commitment,proof,relay}`, from the files
//! alone, and compares the files with what this code writes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]

#[allow(dead_code, reason = "the example and other tests use more of it")]
mod world;

use std::collections::{BTreeMap, HashMap};

use canonical::{Milliseconds, hex, hex_into};
use serde_json::Value;
use tlog::{Frontier, Hash, LogIndex};
use wire::api::{ControlPage, LoggedLeaf, PostAnswer, SignerAnswer, read_bundle};
use wire::authority::{Admitted, Authority, Outcome, Past};
use wire::commitment::{BatchPath, BatchSeed, PartLeaf, RecordLeaf, batch_root};
use wire::proof_file::ProofFile;
use wire::request::{Request, SignedHeader};
use wire::verify::verify_receipt;
use wire::*;

fn read(folder: &str) -> BTreeMap<String, Value> {
    let files: BTreeMap<String, Value> = std::fs::read_dir(world::files::folder().join(folder))
        .unwrap()
        .map(|file| {
            let path = file.unwrap().path();
            let value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            (
                path.file_stem().unwrap().to_str().unwrap().to_owned(),
                value,
            )
        })
        .collect();
    assert!(!files.is_empty(), "{folder}");
    files
}

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field]
        .as_str()
        .unwrap_or_else(|| panic!("no {field}"))
}

fn bytes_of(text: &str) -> Vec<u8> {
    let mut bytes = vec![0; text.len() / 2];
    hex_into(text, &mut bytes).unwrap();
    bytes
}

fn bytes(value: &Value, field: &str) -> Vec<u8> {
    bytes_of(text(value, field))
}

/// Formats are for ever: the files say what the code writes, and none is left over.
#[test]
fn files_are_stable() {
    let mut written = world::files::files();
    written.sort();
    for (path, content) in &written {
        let stored = std::fs::read_to_string(world::files::folder().join(path)).expect(path);
        assert!(
            stored == *content,
            "{path} differs from what the code writes"
        );
    }
    for folder in ["entry", "authority", "commitment", "proof", "relay"] {
        for name in read(folder).keys() {
            let path = format!("{folder}/{name}.json");
            assert!(
                written.iter().any(|(written, _)| *written == path),
                "nothing writes {path}"
            );
        }
    }
}

/// ENTRY-1 to ENTRY-7, LEAF-1.
#[test]
fn entries() {
    let mut kinds = std::collections::BTreeSet::new();
    for (name, file) in read("entry") {
        let encoded = bytes(&file, "entry");
        if let Some(refused) = file["refused"].as_str() {
            let refusal = Entry::parse(&encoded).expect_err(&name).refusal();
            assert_eq!(refusal.code().name(), refused, "{name}");
            continue;
        }
        let entry = Entry::parse(&encoded).unwrap();
        assert_eq!(entry.to_bytes(), encoded);
        assert_eq!(entry.id().to_string(), text(&file, "id"));
        assert_eq!(entry.archive().to_string(), text(&file, "archive"));
        assert_eq!(entry.signer().to_string(), text(&file, "signer"));
        assert_eq!(entry.previous().to_string(), text(&file, "previous"));
        assert_eq!(entry.number().get(), file["number"].as_u64().unwrap());
        assert_eq!(entry.kind() as u64, file["kind"].as_u64().unwrap());
        assert_eq!(entry.time().get(), file["time"].as_i64().unwrap());
        assert_eq!(hex(&entry.to_be_signed()), text(&file, "to_be_signed"));
        assert_eq!(hex(&entry.aad()), text(&file, "aad"));
        let objects: Vec<Value> = entry
            .objects()
            .iter()
            .map(|object| serde_json::json!({ "hash": object.hash.to_string(), "length": object.length.get() }))
            .collect();
        assert_eq!(Value::from(objects), file["objects"]);
        let keys: HashMap<SignerId, PublicKey> = file["keys"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(signer, key)| {
                (
                    signer.parse().unwrap(),
                    key.as_str().unwrap().parse().unwrap(),
                )
            })
            .collect();
        for (signer, key) in &keys {
            assert_eq!(key.signer_id(), *signer);
        }
        assert_eq!(keys.len(), entry.signatures().len());
        entry
            .clone()
            .verify_signatures(|id| keys.get(id).copied())
            .unwrap();
        let leaf_bytes = bytes(&file["leaf"], "bytes");
        let leaf = Leaf::parse(&leaf_bytes).unwrap();
        assert_eq!(leaf.entry(), &entry);
        assert_eq!(
            leaf.admitted_at().time().get(),
            file["leaf"]["admitted_at"].as_i64().unwrap()
        );
        assert_eq!(
            Hash::leaf(&leaf_bytes).to_string(),
            text(&file["leaf"], "hash")
        );
        kinds.insert(entry.kind());
    }
    assert_eq!(kinds.len(), 12, "every kind has a vector");
}

/// What a replay holds.
#[derive(Default)]
struct Replay {
    roots: Vec<Hash>,
    places: HashMap<(SignerId, SequenceNumber), Admitted>,
    objects: HashMap<ObjectHash, ()>,
    frontier: Frontier,
}

impl Past for Replay {
    type Error = std::convert::Infallible;

    fn admitted(
        &self,
        signer: &SignerId,
        number: SequenceNumber,
    ) -> Result<Option<Admitted>, Self::Error> {
        Ok(self.places.get(&(*signer, number)).copied())
    }

    fn agrees(&self, seen: &Seen) -> Result<bool, Self::Error> {
        Ok(self
            .roots
            .get(usize::try_from(seen.size.get()).unwrap() - 1)
            == Some(&seen.root))
    }
}

/// CONTROL-1 to CONTROL-6, CHAIN-1 to CHAIN-4, GENESIS-1, GENESIS-2, LEAF-2, and every refusal.
#[test]
fn authority() {
    let mut met = std::collections::BTreeSet::new();
    for (name, file) in read("authority") {
        let genesis = Genesis::parse(&bytes(&file, "genesis")).unwrap();
        assert_eq!(genesis.archive_id().to_string(), text(&file, "archive"));
        let mut authority = Authority::new(genesis);
        let mut replay = Replay::default();
        for (at, step) in file["steps"].as_array().unwrap().iter().enumerate() {
            let (outcome, index, next) = replay_step(&mut authority, &mut replay, step);
            assert_eq!(outcome, text(step, "outcome"), "{name}, step {at}");
            assert_eq!(
                index.map(LogIndex::get),
                step["index"].as_u64(),
                "{name}, step {at}"
            );
            assert_eq!(
                next.map(SequenceNumber::get),
                step["next"].as_u64(),
                "{name}, step {at}"
            );
            met.insert(outcome.to_owned());
        }
        let after = &file["after"];
        assert_eq!(authority.size().get(), after["size"].as_u64().unwrap());
        assert_eq!(replay.frontier.root().to_string(), text(after, "root"));
        assert_eq!(
            authority.head().number.get(),
            after["control_number"].as_u64().unwrap()
        );
        assert_eq!(authority.head().id.to_string(), text(after, "control_id"));
    }
    // `too-busy` is the one refusal that no state gives.
    for code in RefusalCode::ALL
        .into_iter()
        .filter(|code| *code != RefusalCode::TooBusy)
    {
        assert!(met.contains(code.name()), "no vector is refused as {code}");
    }
    assert!(met.contains("same"));
}

fn replay_step(
    authority: &mut Authority,
    replay: &mut Replay,
    step: &Value,
) -> (&'static str, Option<LogIndex>, Option<SequenceNumber>) {
    let refused = |refusal: Refusal| (refusal.code().name(), None, refusal.next());
    let entry = match Entry::parse(&bytes(step, "entry")) {
        Ok(entry) => entry,
        Err(error) => return refused(error.refusal()),
    };
    if entry.archive() != authority.archive() {
        return (RefusalCode::ForeignArchive.name(), None, None);
    }
    let signed = match entry.verify_signatures(|id| authority.key(id)) {
        Ok(signed) => signed,
        Err(refusal) => return refused(refusal),
    };
    let at = AdmittedAt::new(Milliseconds::new(step["admitted_at"].as_i64().unwrap())).unwrap();
    let Ok(outcome) = authority.check(&signed, at, replay);
    let admissible = match outcome {
        Outcome::Admissible(admissible) => admissible,
        Outcome::Same { index } => return ("same", Some(index), None),
        Outcome::Refused(refusal) => return refused(refusal),
    };
    let entry = signed.into_entry();
    let missing: Vec<&str> = step["missing"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    for object in entry.objects() {
        if missing.contains(&object.hash.to_string().as_str()) {
            return (RefusalCode::ObjectMissing.name(), None, None);
        }
        if replay.objects.contains_key(&object.hash) {
            return (RefusalCode::ObjectTaken.name(), None, None);
        }
    }
    let index = authority.apply(admissible).unwrap().index;
    replay
        .objects
        .extend(entry.objects().iter().map(|object| (object.hash, ())));
    replay.places.insert(
        (entry.signer(), entry.number()),
        Admitted {
            id: entry.id(),
            index,
        },
    );
    replay
        .frontier
        .append(Hash::leaf(&Leaf::new(at, entry).to_bytes()));
    replay.roots.push(replay.frontier.root());
    ("admitted", Some(index), None)
}

/// COMMIT-1 to COMMIT-4, COMMIT-6.
#[test]
fn commitments() {
    for (name, file) in read("commitment") {
        let seed = BatchSeed::from_bytes(bytes(&file, "seed").try_into().unwrap());
        let records = file["records"].as_array().unwrap();
        let count = RecordCount::new(u32::try_from(records.len()).unwrap());
        let mut leaves = Vec::new();
        for (at, record) in records.iter().enumerate() {
            let position = RecordPosition::new(u32::try_from(at).unwrap());
            let list = |field: &str| -> Vec<&str> {
                record[field]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|item| item.as_str().unwrap())
                    .collect()
            };
            let mut parts = Vec::new();
            for (part, content) in list("parts").iter().enumerate() {
                let place = PartPosition::new(u32::try_from(part).unwrap());
                let salt = seed.salt(position, place);
                assert_eq!(hex(salt.expose()), list("salts")[part], "{name}");
                let leaf = PartLeaf::of(position, place, &salt, &bytes_of(content));
                assert_eq!(leaf.to_string(), list("part_leaves")[part], "{name}");
                parts.push(leaf);
            }
            let leaf = RecordLeaf::of(position, &parts);
            assert_eq!(leaf.to_string(), text(record, "record_leaf"), "{name}");
            let path = list("path")
                .iter()
                .map(|hash| Hash::from_slice(&bytes_of(hash)).unwrap())
                .collect();
            let root = BatchPath::from_hashes(path)
                .unwrap()
                .root(leaf, position, count)
                .unwrap();
            assert_eq!(root.to_string(), text(&file, "root"), "{name}");
            leaves.push(leaf);
        }
        assert_eq!(
            batch_root(&leaves).to_string(),
            text(&file, "root"),
            "{name}"
        );
    }
}

/// PROOF-1, PROOF-2, PROOF-3.
#[test]
fn proofs() {
    let mut checks = std::collections::BTreeSet::new();
    for (name, file) in read("proof") {
        let encoded = bytes(&file, "file");
        let proof = ProofFile::parse(&encoded).expect(&name);
        assert_eq!(proof.to_bytes(), encoded);
        let fingerprint: ArchiveId = text(&file, "fingerprint").parse().unwrap();
        let outcome = proof.verify(Some(fingerprint));
        let told = text(&file, "outcome");
        checks.insert(told.to_owned());
        let proven = match outcome {
            Ok(proven) => proven,
            Err(fault) => {
                assert_eq!(fault.check(), told, "{name}: {fault}");
                continue;
            }
        };
        assert_eq!(told, "proven", "{name}");
        assert!(proven.archive_expected());
        assert_eq!(
            proven.entry().index().get(),
            file["index"].as_u64().unwrap()
        );
        assert_eq!(
            proven.entry().admitted_at().time().get(),
            file["admitted_at"].as_i64().unwrap()
        );
        assert_eq!(
            u64::from(proven.position().get()),
            file["position"].as_u64().unwrap()
        );
        assert_eq!(
            proven.entry().verdict().is_witnessed(),
            file["witnessed"].as_bool().unwrap(),
            "{name}"
        );
        assert_eq!(
            proven.entry().control().whole,
            file["control_whole"].as_bool().unwrap(),
            "{name}"
        );
        assert_eq!(
            proven.entry().compromised_later(),
            file["compromised_later"].as_bool().unwrap(),
            "{name}"
        );
        let parts: Vec<Value> = proven.parts().map(|part| part.map(hex).into()).collect();
        assert_eq!(Value::from(parts), file["parts"]);
    }
    for check in [
        "proven",
        "archive",
        "commitment",
        "path",
        "inclusion",
        "admitted-at",
        "kind",
        "authority",
        "control-order",
        "control-inclusion",
        "control-authority",
    ] {
        assert!(checks.contains(check), "no vector for {check}");
    }
}

/// READ-1, RELAY-1, RECEIPT-1.
#[test]
fn messages() {
    for (name, file) in read("relay") {
        match name.as_str() {
            "signed_get" | "signed_patch" => {
                let request = Request {
                    archive: text(&file, "archive").parse().unwrap(),
                    method: text(&file, "method"),
                    target: text(&file, "target"),
                    upload_offset: text(&file, "upload_offset"),
                    upload_length: text(&file, "upload_length"),
                };
                let header = SignedHeader::parse(text(&file, "value")).unwrap();
                let key = text(&file, "key").parse().unwrap();
                header
                    .verify(&request, Milliseconds::new(world::BEGIN), &key)
                    .unwrap();
            }
            "bundle" => {
                let bundle = bytes(&file, "bundle");
                let entries: Vec<String> = read_bundle(&bundle)
                    .unwrap()
                    .iter()
                    .map(|entry| hex(entry))
                    .collect();
                assert_eq!(Value::from(entries), file["entries"]);
            }
            "answers" => answers(&file),
            other => panic!("no reader for {other}"),
        }
    }
}

fn answers(file: &Value) {
    let post = PostAnswer::parse(&bytes(file, "post")).unwrap();
    assert_eq!(post.receipts(), [text(file, "receipt")]);
    let problem = Problem::parse(file["problem"].to_string().as_bytes()).unwrap();
    assert_eq!(problem.refusal().as_ref(), post.refusal());
    assert_eq!(problem.status(), 409);
    let logged = LoggedLeaf::parse(&bytes(file, "logged_leaf")).unwrap();
    assert_eq!(hex(&logged.leaf), text(file, "receipt_leaf"));
    let policy = world::genesis()
        .log_policy(world::genesis().witnesses())
        .unwrap();
    let entry = logged.read().unwrap().into_entry();
    let receipt = verify_receipt(&entry, text(file, "receipt").as_bytes(), &policy, None).unwrap();
    assert_eq!(
        receipt.index().get(),
        file["receipt_index"].as_u64().unwrap()
    );
    assert!(receipt.verdict().is_witnessed());
    let page = ControlPage::parse(&bytes(file, "control")).unwrap();
    assert_eq!(page.entries().len(), 1);
    let signer = SignerAnswer::parse(&bytes(file, "signer")).unwrap();
    assert_eq!(
        (signer.next, signer.last),
        (entry.number().next(), Some(entry.id()))
    );
}
