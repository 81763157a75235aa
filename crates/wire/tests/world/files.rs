//! The vector files, made from fixed keys.

use std::path::PathBuf;

use wire::api::{ControlPage, LoggedLeaf, PostAnswer, Route, SignerAnswer, write_bundle};
use wire::commitment::{BatchSeed, PartLeaf, RecordLeaf, Salt, batch_path, batch_root};
use wire::proof_file::{ControlProof, ProofFile, Shown, ShownRecord};
use wire::request::{Request, RequestNonce, SIGNED_HEADER};

use super::cases::STORIES;
use super::*;

/// `vectors/` of the workspace.
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../vectors")
}

/// Every file, as path below `vectors/` and content.
pub fn files() -> Vec<(String, String)> {
    let all = [entries(), stories(), commitments(), proofs(), messages()];
    let text = |value: Value| serde_json::to_string_pretty(&value).unwrap() + "\n";
    all.into_iter()
        .flatten()
        .map(|(path, value)| (path, text(value)))
        .collect()
}

fn stories() -> Vec<(String, Value)> {
    STORIES
        .iter()
        .map(|story| {
            let mut world = World::new();
            (story.tell)(&mut world);
            let head = world.authority.head();
            let file = json!({
                "page": "authority.md",
                "about": story.about,
                "genesis": hex(&world.genesis.to_bytes()),
                "archive": world.genesis.archive_id().to_string(),
                "steps": world.steps,
                "after": {
                    "size": world.log.leaves.len(),
                    "root": world.log.seen().root.to_string(),
                    "control_number": head.number.get(),
                    "control_id": head.id.to_string(),
                },
            });
            (format!("authority/{}.json", story.name), file)
        })
        .collect()
}

/// Every admitted entry of the story that has all kinds, taken apart; and entries that are refused.
fn entries() -> Vec<(String, Value)> {
    let mut world = World::new();
    (STORIES[0].tell)(&mut world);
    let mut files = Vec::new();
    let mut seen_kinds = HashMap::<String, usize>::new();
    for (index, bytes) in world.log.leaves.iter().enumerate() {
        let leaf = Leaf::parse(bytes).unwrap();
        let entry = leaf.entry();
        let name = match entry.body() {
            Body::Control(control) => format!("control_{}", name_of(&format!("{:?}", control.act))),
            _ => name_of(&format!("{:?}", entry.kind())),
        };
        let count = seen_kinds.entry(name.clone()).or_default();
        *count += 1;
        let path = if *count == 1 {
            format!("entry/{name}.json")
        } else {
            format!("entry/{name}_{count}.json")
        };
        let keys: serde_json::Map<String, Value> = entry
            .signatures()
            .iter()
            .map(|signature| {
                (
                    signature.signer.to_string(),
                    json!(world.authority.key(&signature.signer).unwrap().to_string()),
                )
            })
            .collect();
        let file = json!({
            "page": "entry.md",
            "about": format!("kind {name}"),
            "entry": hex(entry.as_bytes()),
            "id": entry.id().to_string(),
            "archive": entry.archive().to_string(),
            "signer": entry.signer().to_string(),
            "number": entry.number().get(),
            "previous": entry.previous().to_string(),
            "kind": kind_number(entry.kind()),
            "objects": entry.objects().iter().map(|object| json!({
                "hash": object.hash.to_string(), "length": object.length.get()
            })).collect::<Vec<_>>(),
            "time": entry.time().get(),
            "to_be_signed": hex(&entry.to_be_signed()),
            "aad": hex(&entry.aad()),
            "keys": keys,
            "leaf": { "admitted_at": leaf.admitted_at().time().get(), "bytes": hex(bytes), "index": index,
                      "hash": Hash::leaf(bytes).to_string() },
        });
        files.push((path, file));
    }
    files.extend(refused_entries());
    files
}

/// Entries that no reader accepts, named after the defect.
fn refused_entries() -> Vec<(String, Value)> {
    let world = World::furnished();
    let good = world.batch(&[1]).to_bytes();
    let tail = good.len() - 105;
    let replaced = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    let second = world
        .entry_signed(AGENT, batch(1), vec![object(1)], &[AGENT, VAULT])
        .to_bytes();
    let mut swapped = second[..second.len() - 206].to_vec();
    swapped.extend_from_slice(&second[second.len() - 103..]);
    swapped.extend_from_slice(&second[second.len() - 206..second.len() - 103]);
    let mut twice = good[..tail].to_vec();
    twice.extend_from_slice(&[0x0a, 0x82]);
    twice.extend_from_slice(&good[tail + 2..]);
    twice.extend_from_slice(&good[tail + 2..]);
    let mut longer_integer = good[..2].to_vec();
    longer_integer.extend_from_slice(&[0x18, 0x01]);
    longer_integer.extend_from_slice(&good[3..]);
    let mut unsigned = good[..tail].to_vec();
    unsigned[0] -= 1;
    let mut no_signature = good[..tail].to_vec();
    no_signature.extend_from_slice(&[0x0a, 0x80]);
    let mut foreign = good.clone();
    let own = key(VAULT).id();
    let at = foreign.len() - 103 + 4;
    foreign[at..at + 32].copy_from_slice(own.as_bytes());
    let mut unknown_key = good.clone();
    unknown_key[0] += 1;
    unknown_key.extend_from_slice(&[0x0b, 0x00]);
    let cases = [
        (
            "trailing_byte",
            "CBOR-3",
            [&good[..], &[0]].concat(),
            RefusalCode::Malformed,
        ),
        (
            "truncated",
            "CBOR-1",
            good[..good.len() - 1].to_vec(),
            RefusalCode::Malformed,
        ),
        (
            "longer_integer",
            "CBOR-1: version 1 in two bytes",
            longer_integer,
            RefusalCode::Malformed,
        ),
        (
            "unknown_key",
            "CBOR-4: a key 11",
            unknown_key,
            RefusalCode::Malformed,
        ),
        (
            "other_version",
            "version 2",
            replaced(2, 2),
            RefusalCode::Malformed,
        ),
        (
            "other_suite",
            "suite 2",
            replaced(4, 2),
            RefusalCode::Malformed,
        ),
        (
            "unsigned",
            "ENTRY-4: no key 10",
            unsigned,
            RefusalCode::Malformed,
        ),
        (
            "no_signature",
            "ENTRY-4: an empty list",
            no_signature,
            RefusalCode::Malformed,
        ),
        (
            "own_signature_missing",
            "ENTRY-4: signed by somebody else only",
            foreign,
            RefusalCode::BadSignature,
        ),
        (
            "signatures_out_of_order",
            "sorted by signer id",
            swapped,
            RefusalCode::Malformed,
        ),
        (
            "signer_twice",
            "no signer twice",
            twice,
            RefusalCode::Malformed,
        ),
        (
            "too_large",
            "ENTRY-6: 16,385 bytes",
            too_large(&good),
            RefusalCode::Malformed,
        ),
    ];
    let mut files: Vec<(String, Value)> = cases
        .into_iter()
        .map(|(name, about, bytes, code)| refused(name, about, &bytes, code))
        .collect();
    files.extend(refused_bodies());
    files
}

/// Entries whose bodies are impossible; made by altering bytes of sound ones.
fn refused_bodies() -> Vec<(String, Value)> {
    let world = World::furnished();
    let malformed = RefusalCode::Malformed;
    let alter = |entry: &Entry, from: &[u8], to: &[u8]| {
        let bytes = entry.to_bytes();
        let at = bytes
            .windows(from.len())
            .position(|window| window == from)
            .unwrap();
        [&bytes[..at], to, &bytes[at + from.len()..]].concat()
    };
    let batch = world.batch(&[1, 2]);
    let count = [&[0x58, 0x20][..], epoch_id(1).as_bytes(), &[0x01, 0x03]].concat();
    let none = [&[0x58, 0x20][..], epoch_id(1).as_bytes(), &[0x01, 0x00]].concat();
    let many = [
        &[0x58, 0x20][..],
        epoch_id(1).as_bytes(),
        &[0x01, 0x19, 0x04, 0x01],
    ]
    .concat();
    let first = object(1).hash;
    let second = object(2).hash;
    let length = [first.as_bytes().as_slice(), &[0x01, 0x19, 0x03, 0xe9]].concat();
    let empty = [first.as_bytes().as_slice(), &[0x01, 0x00]].concat();
    let carry = Body::Carry(Carry {
        original: LogIndex::new(1),
        epoch: epoch_id(1),
        positions: vec![RecordPosition::new(1), RecordPosition::new(2)],
        disposition: None,
    });
    let carry = world.entry(VAULT, carry, vec![object(1)]);
    let withdrawn = Body::Withdrawn(Withdrawn {
        refused: EntryId::from_bytes([0xee; 32]),
        code: RefusalCode::Fork,
    });
    let withdrawn = world.entry(AGENT, withdrawn, Vec::new());
    let code = [&[0xee; 32][..], &[0x01, 0x0c]].concat();
    let busy = [&[0xee; 32][..], &[0x01, 0x0e]].concat();
    let seen = world.log.seen();
    let stored = world
        .draft(VAULT, Body::Stored(Stored { through: seen.size }))
        .with_seen(Some(seen));
    let stored = sign(stored, Vec::new(), &[VAULT]);
    let delegation = world.entry(
        ROOT,
        world.control(delegate(Purpose::Hold, &[ANNA, BEA], 2)),
        Vec::new(),
    );
    let threshold = [key(BEA).public().as_bytes().as_slice(), &[0x02, 0x02]].concat();
    let three = [key(BEA).public().as_bytes().as_slice(), &[0x02, 0x03]].concat();
    let zero = [key(BEA).public().as_bytes().as_slice(), &[0x02, 0x00]].concat();
    let cases = [
        (
            "batch_of_none",
            "1 to 1,024 records",
            alter(&batch, &count, &none),
        ),
        (
            "batch_of_1025",
            "1 to 1,024 records",
            alter(&batch, &count, &many),
        ),
        (
            "object_twice",
            "ENTRY-5",
            alter(&batch, second.as_bytes(), first.as_bytes()),
        ),
        (
            "object_empty",
            "an object of no bytes",
            alter(&batch, &length, &empty),
        ),
        (
            "carry_out_of_order",
            "positions ascend",
            alter(&carry, &[0x82, 0x01, 0x02], &[0x82, 0x02, 0x01]),
        ),
        (
            "withdrawn_too_busy",
            "too-busy is never withdrawn",
            alter(&withdrawn, &code, &busy),
        ),
        (
            "stored_ahead",
            "LEAF-2: through is above seen",
            alter(
                &stored,
                &[0x06, 0xa1, 0x00, 0x05],
                &[0x06, 0xa1, 0x00, 0x06],
            ),
        ),
        (
            "threshold_above_keys",
            "1 to the number of keys",
            alter(&delegation, &threshold, &three),
        ),
        (
            "threshold_of_none",
            "1 to the number of keys",
            alter(&delegation, &threshold, &zero),
        ),
        (
            "delegate_twice",
            "no key twice",
            alter(
                &delegation,
                key(BEA).public().as_bytes(),
                key(ANNA).public().as_bytes(),
            ),
        ),
        ("first_with_previous", "number 0 has no previous entry", {
            let zeros = [&[0x05, 0x58, 0x20][..], &[0; 32]].concat();
            let other = [&[0x05, 0x58, 0x20][..], &[1; 32]].concat();
            alter(&batch, &zeros, &other)
        }),
    ];
    cases
        .into_iter()
        .map(|(name, about, bytes)| refused(name, about, &bytes, malformed))
        .collect()
}

fn refused(name: &str, about: &str, bytes: &[u8], code: RefusalCode) -> (String, Value) {
    let file =
        json!({ "page": "entry.md", "about": about, "entry": hex(bytes), "refused": code.name() });
    (format!("entry/refused_{name}.json"), file)
}

/// A heartbeat that would be sound if it were shorter.
fn too_large(good: &[u8]) -> Vec<u8> {
    let mut bytes = good.to_vec();
    bytes.resize(limit::ENTRY_BYTES + 1, 0);
    bytes
}

fn commitments() -> Vec<(String, Value)> {
    let shapes: [(&str, Vec<Vec<Vec<u8>>>); 3] = [
        ("one_record", vec![parts(0, 4)]),
        ("three_records", vec![parts(0, 4), parts(1, 6), parts(2, 4)]),
        (
            "seven_records",
            (0..7).map(|number| parts(number, 4)).collect(),
        ),
    ];
    shapes
        .into_iter()
        .map(|(name, records)| {
            let seed = BatchSeed::from_bytes([0x5e; 32]);
            let leaves: Vec<RecordLeaf> = records
                .iter()
                .enumerate()
                .map(|(at, parts)| record_leaf(&seed, at as u32, parts).0)
                .collect();
            let told: Vec<Value> = records
                .iter()
                .enumerate()
                .map(|(at, parts)| {
                    let (leaf, part_leaves, salts) = record_leaf(&seed, at as u32, parts);
                    let path = batch_path(&leaves, RecordPosition::new(at as u32)).unwrap();
                    json!({
                        "parts": parts.iter().map(|part| hex(part)).collect::<Vec<_>>(),
                        "salts": salts.iter().map(|salt| hex(salt.expose())).collect::<Vec<_>>(),
                        "part_leaves": part_leaves.iter().map(ToString::to_string).collect::<Vec<_>>(),
                        "record_leaf": leaf.to_string(),
                        "path": path.hashes().iter().map(ToString::to_string).collect::<Vec<_>>(),
                    })
                })
                .collect();
            let file = json!({
                "page": "commitment.md",
                "about": name.replace('_', " "),
                "seed": hex(seed.expose()),
                "records": told,
                "root": batch_root(&leaves).to_string(),
            });
            (format!("commitment/{name}.json"), file)
        })
        .collect()
}

/// Parts of a record as bytes; what they say is no matter here. The last of four is empty.
fn parts(number: u8, count: u8) -> Vec<Vec<u8>> {
    (0..count)
        .map(|at| {
            if at == 3 {
                Vec::new()
            } else {
                vec![number; usize::from(at) * 7 + 1]
            }
        })
        .collect()
}

fn record_leaf(
    seed: &BatchSeed,
    at: u32,
    parts: &[Vec<u8>],
) -> (RecordLeaf, Vec<PartLeaf>, Vec<Salt>) {
    let position = RecordPosition::new(at);
    let salts: Vec<Salt> = (0..parts.len() as u32)
        .map(|part| seed.salt(position, PartPosition::new(part)))
        .collect();
    let leaves: Vec<PartLeaf> = (0..)
        .map(PartPosition::new)
        .zip(parts.iter().zip(&salts))
        .map(|(part, (bytes, salt))| PartLeaf::of(position, part, salt, bytes))
        .collect();
    (RecordLeaf::of(position, &leaves), leaves, salts)
}

/// What a proof file is made of, so that each piece can be altered.
pub struct ProofPieces {
    pub world: World,
    pub leaf: Vec<u8>,
    pub proof: String,
    pub record: ShownRecord,
    pub control: Vec<ControlProof>,
    pub attachments: Vec<Vec<u8>>,
}

impl ProofPieces {
    /// Record 1 of a batch of three; participants withheld. Later, the agent is found compromised if asked.
    pub fn new(cosigned: bool, compromised: bool) -> Self {
        let seed = BatchSeed::from_bytes([0x5e; 32]);
        let records = [parts(0, 4), parts(1, 5), parts(2, 4)];
        let leaves: Vec<RecordLeaf> = records
            .iter()
            .enumerate()
            .map(|(at, parts)| record_leaf(&seed, at as u32, parts).0)
            .collect();
        let mut world = World::furnished();
        let body = Body::Batch(BatchHead {
            epoch: epoch_id(1),
            count: RecordCount::new(3),
            root: batch_root(&leaves),
            import: false,
        });
        world.now += 2_000;
        let index = world
            .admit(&world.entry(AGENT, body, vec![object(1), object(2)]))
            .get();
        if compromised {
            world.act(Act::Revoke(Revoke {
                signer: key(AGENT).id(),
                how: Revocation::Compromised(SequenceNumber::new(0)),
            }));
        }
        world.admit(&world.entry(
            VAULT,
            Body::Audit(AuditHead {
                epoch: epoch_id(3),
                count: RecordCount::new(1),
                root: root_of(1),
            }),
            vec![object(3)],
        ));
        let position = RecordPosition::new(1);
        let (_, part_leaves, salts) = record_leaf(&seed, 1, &records[1]);
        let shown = (0..5)
            .map(|part| match part {
                1 => Shown::Withheld(part_leaves[1]),
                _ => Shown::Part(salts[part].clone(), records[1][part].clone()),
            })
            .collect();
        let record = ShownRecord::new(position, shown, &batch_path(&leaves, position).unwrap());
        let control = (0..world.log.leaves.len())
            .filter(|at| {
                let leaf = Leaf::parse(&world.log.leaves[*at]).unwrap();
                leaf.entry().kind() == Kind::Control
            })
            .map(|at| ControlProof {
                leaf: world.log.leaves[at].clone(),
                proof: world.receipt(at as u64, cosigned),
            })
            .collect();
        Self {
            leaf: world.log.leaves[index as usize].clone(),
            proof: world.receipt(index, cosigned),
            record,
            control,
            attachments: vec![vec![0xa7; 40]],
            world,
        }
    }

    pub fn file(&self) -> ProofFile {
        ProofFile::new(
            &self.world.genesis,
            self.leaf.clone(),
            self.proof.clone(),
            self.record.clone(),
            self.control.clone(),
            self.attachments.clone(),
        )
        .unwrap()
    }
}

fn proofs() -> Vec<(String, Value)> {
    let mut files = Vec::new();
    let good = |name: &str,
                about: &str,
                pieces: &ProofPieces,
                whole: bool,
                later: bool,
                witnessed: bool| {
        let file = pieces.file();
        let proven = file.clone().verify(None).unwrap();
        let told = json!({
            "page": "proof.md",
            "about": about,
            "file": hex(&file.to_bytes()),
            "fingerprint": pieces.world.genesis.archive_id().to_string(),
            "outcome": "proven",
            "index": proven.entry().index().get(),
            "admitted_at": proven.entry().admitted_at().time().get(),
            "position": 1,
            "parts": proven.parts().map(|part| part.map(hex)).collect::<Vec<_>>(),
            "witnessed": witnessed,
            "control_whole": whole,
            "compromised_later": later,
        });
        (format!("proof/{name}.json"), told)
    };
    let plain = ProofPieces::new(true, false);
    files.push(good(
        "witnessed",
        "one record of three, participants withheld",
        &plain,
        true,
        false,
        true,
    ));
    let lonely = ProofPieces::new(false, false);
    files.push(good(
        "unwitnessed",
        "no cosignature",
        &lonely,
        true,
        false,
        false,
    ));
    let flagged = ProofPieces::new(true, true);
    files.push(good(
        "compromised_later",
        "the signer was found compromised after the entry",
        &flagged,
        true,
        true,
        true,
    ));
    let mut partial = ProofPieces::new(true, false);
    partial.control.remove(1);
    files.push(good(
        "control_partial",
        "an act that gives others authority is not shown",
        &partial,
        false,
        false,
        true,
    ));

    let fault =
        |name: &str, about: &str, pieces: &ProofPieces, fingerprint: ArchiveId, check: &str| {
            let told = json!({
                "page": "proof.md",
                "about": about,
                "file": hex(&pieces.file().to_bytes()),
                "fingerprint": fingerprint.to_string(),
                "outcome": check,
            });
            (format!("proof/fault_{name}.json"), told)
        };
    let archive = plain.world.genesis.archive_id();
    let alter = |change: fn(&mut ProofPieces)| {
        let mut pieces = ProofPieces::new(true, false);
        change(&mut pieces);
        pieces
    };
    files.push(fault(
        "archive",
        "another fingerprint was asked for",
        &plain,
        ArchiveId::from_bytes([1; 32]),
        "archive",
    ));
    files.push(fault(
        "part",
        "a byte of a shown part",
        &alter(|pieces| {
            let Shown::Part(_, bytes) = &mut pieces.record.parts[2] else {
                panic!("shown")
            };
            bytes[0] ^= 1;
        }),
        archive,
        "commitment",
    ));
    files.push(fault(
        "salt",
        "another salt",
        &alter(|pieces| {
            let Shown::Part(salt, _) = &mut pieces.record.parts[0] else {
                panic!("shown")
            };
            *salt = Salt::from_bytes([1; 32]);
        }),
        archive,
        "commitment",
    ));
    files.push(fault(
        "withheld",
        "another leaf of a withheld part",
        &alter(|pieces| {
            pieces.record.parts[1] = Shown::Withheld(PartLeaf::from_bytes([1; 32]));
        }),
        archive,
        "commitment",
    ));
    files.push(fault(
        "position",
        "another position",
        &alter(|pieces| {
            pieces.record.position = RecordPosition::new(0);
        }),
        archive,
        "commitment",
    ));
    files.push(fault(
        "position_beyond",
        "a position beyond the batch",
        &alter(|pieces| {
            pieces.record.position = RecordPosition::new(3);
        }),
        archive,
        "path",
    ));
    files.push(fault(
        "part_missing",
        "the attachment is left out",
        &alter(|pieces| {
            pieces.record.parts.pop();
        }),
        archive,
        "commitment",
    ));
    files.push(fault(
        "leaf",
        "a byte of the entry's signature",
        &alter(|pieces| {
            *pieces.leaf.last_mut().unwrap() ^= 1;
        }),
        archive,
        "inclusion",
    ));
    files.push(fault(
        "time",
        "another time of admission in the leaf",
        &alter(|pieces| {
            pieces.leaf[7] ^= 1;
        }),
        archive,
        "admitted-at",
    ));
    files.push(fault(
        "other_leaf",
        "a leaf that stands elsewhere",
        &alter(|pieces| {
            pieces.leaf = pieces.world.log.leaves[6].clone();
        }),
        archive,
        "inclusion",
    ));
    files.push(fault(
        "kind",
        "an entry without records",
        &alter(|pieces| {
            pieces.leaf = pieces.world.log.leaves[6].clone();
            pieces.proof = pieces.world.receipt(6, true);
        }),
        archive,
        "kind",
    ));
    files.push(fault(
        "not_enrolled",
        "the agent's enrolment is not shown",
        &alter(|pieces| {
            pieces.control.remove(0);
        }),
        archive,
        "authority",
    ));
    files.push(fault(
        "control_order",
        "control entries out of order",
        &alter(|pieces| {
            pieces.control.swap(1, 2);
        }),
        archive,
        "control-order",
    ));
    files.push(fault(
        "control_admitted_at",
        "another time of admission beside a control entry",
        &alter(|pieces| {
            let proof = &mut pieces.control[0].proof;
            let from = proof.find("extra ").unwrap() + 6;
            let to = from + proof[from..].find('\n').unwrap();
            proof.replace_range(from..to, "AAAAAAAAAAA=");
        }),
        archive,
        "control-form",
    ));
    files.push(fault(
        "control_altered",
        "a byte of a control entry",
        &alter(|pieces| {
            *pieces.control[1].leaf.last_mut().unwrap() ^= 1;
        }),
        archive,
        "control-inclusion",
    ));
    files.push(fault(
        "control_other_checkpoint",
        "a control entry under an older checkpoint",
        &alter(|pieces| {
            let mut older = pieces.world.clone();
            older.log.leaves.pop();
            pieces.control[0].proof = older.receipt(1, true);
        }),
        archive,
        "control-order",
    ));
    files.push(fault(
        "control_kind",
        "an entry that is no act among them",
        &alter(|pieces| {
            let leaf = pieces.world.log.leaves[6].clone();
            pieces.control.push(ControlProof {
                leaf,
                proof: pieces.world.receipt(6, true),
            });
        }),
        archive,
        "control-authority",
    ));
    files.push(fault(
        "revoked",
        "the entry stands behind the revocation of its signer",
        &revoked(),
        archive,
        "authority",
    ));
    files
}

/// A log that admitted what it should not have: the agent's batch behind its revocation.
fn revoked() -> ProofPieces {
    let mut pieces = ProofPieces::new(true, true);
    let mut world = pieces.world.clone();
    // The relay skips the check; everything else is in order.
    let entry = world.entry(AGENT, batch(1), vec![object(9)]);
    let leaf = Leaf::new(AdmittedAt::new(ms(world.now)).unwrap(), entry).to_bytes();
    let mut frontier = tlog::Frontier::empty();
    world.log.leaves.push(leaf.clone());
    world.log.roots = world
        .log
        .leaves
        .iter()
        .map(|leaf| {
            frontier.append(Hash::leaf(leaf));
            frontier.root()
        })
        .collect();
    let index = world.log.leaves.len() as u64 - 1;
    pieces.leaf = leaf;
    pieces.proof = world.receipt(index, true);
    for control in &mut pieces.control {
        let at = world
            .log
            .leaves
            .iter()
            .position(|leaf| *leaf == control.leaf)
            .unwrap();
        control.proof = world.receipt(at as u64, true);
    }
    pieces
}

fn messages() -> Vec<(String, Value)> {
    let mut world = World::furnished();
    world.admit(&world.batch(&[1]));
    let archive = world.genesis.archive_id();
    let mut files = Vec::new();
    let target = Route::Object(object(1).hash).target(&archive);
    for (name, method, offset, length) in [
        ("signed_get", "GET", "", ""),
        ("signed_patch", "PATCH", "65536", "1048576"),
    ] {
        let request = Request {
            archive,
            method,
            target: &target,
            upload_offset: offset,
            upload_length: length,
        };
        let header = request.sign(&key(AGENT), ms(BEGIN), RequestNonce::from_bytes([0x17; 16]));
        files.push((
            format!("relay/{name}.json"),
            json!({
                "page": "relay.md", "about": "READ-1", "archive": archive.to_string(), "method": method,
                "target": target, "upload_offset": offset, "upload_length": length,
                "key": key(AGENT).public().to_string(), "header": SIGNED_HEADER, "value": header,
            }),
        ));
    }
    let entry = world.batch(&[2]);
    let bundle = write_bundle(&[
        Leaf::parse(&world.log.leaves[5]).unwrap().into_entry(),
        entry,
    ])
    .unwrap();
    files.push((
        "relay/bundle.json".to_owned(),
        json!({ "page": "relay.md", "about": "two entries of one signer, framed", "bundle": hex(&bundle),
                "entries": tlog::decode_bundle(&bundle).unwrap().iter().map(|entry| hex(entry)).collect::<Vec<_>>() }),
    ));
    let receipt = world.receipt(5, true);
    let refusal = Refusal::new(RefusalCode::OutOfSequence, "the next number is 1")
        .with_next(SequenceNumber::new(1));
    let answer = PostAnswer::new(vec![receipt.clone()], Some(refusal.clone()));
    let leaf = LoggedLeaf {
        index: LogIndex::new(5),
        leaf: world.log.leaves[5].clone(),
        proof: receipt.clone(),
    };
    let first = LoggedLeaf {
        index: LogIndex::new(1),
        leaf: world.log.leaves[1].clone(),
        proof: world.receipt(1, true),
    };
    let signer = SignerAnswer {
        next: SequenceNumber::new(1),
        last: world.authority.signer(&key(AGENT).id()).unwrap().last(),
    };
    let problem = Problem::of_refusal(&refusal, Some(1));
    files.push((
        "relay/answers.json".to_owned(),
        json!({
            "page": "relay.md", "about": "RELAY-1, RECEIPT-1: answers of the relay",
            "post": hex(&answer.to_bytes()), "receipt": receipt,
            "receipt_leaf": hex(&leaf.leaf), "receipt_index": 5,
            "problem": serde_json::from_slice::<Value>(&problem.to_bytes()).unwrap(),
            "control": hex(&ControlPage::new(vec![first]).to_bytes()),
            "logged_leaf": hex(&leaf.to_bytes()),
            "signer": hex(&signer.to_bytes()),
        }),
    ));
    files
}

fn kind_number(kind: Kind) -> u8 {
    kind as u8
}

/// `Enrol(Enrol { … })` → `enrol`.
fn name_of(debug: &str) -> String {
    debug
        .chars()
        .take_while(|c| c.is_alphanumeric())
        .collect::<String>()
        .to_lowercase()
}
