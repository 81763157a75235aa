//! Audit, governance, mail, carry.

use canonical::Milliseconds;
use record::RecordId;
use seal::{
    AuditEvent, BatchBuilder, Form, GovernanceBuilder, Mail, carry, open_batch, seal_acts,
    seal_batch, seal_carry, seal_mail,
};
use serde_json::{Value, json};
use wire::commitment::BatchPath;
use wire::{Body, Carry, Object, ObjectHash, ObjectLength, Purpose, RecordPosition, SignerKey};

use crate::archive::{Archive, NOW, Seeded, Who};
use crate::samples::message;
use crate::{hex, raw, vector};

pub(crate) fn write() {
    audit();
    governance();
    mail();
    carried();
    refused_carries();
}

fn common(page: &str, about: &str, archive: &Archive, key: &[u8; 32], object: &[u8]) -> Value {
    let leaf = archive.leaves.last().unwrap();
    json!({
        "page": page,
        "about": about,
        "archive": hex(archive.id.as_bytes()),
        "opening_key": hex(key),
        "leaf": hex(leaf),
        "aad": hex(&wire::Leaf::parse(leaf).unwrap().into_entry().aad()),
        "object": hex(object),
    })
}

fn audit() {
    let mut archive = Archive::new();
    let mut randomness = Seeded::new(4);
    let events = [
        AuditEvent::new(
            NOW,
            "person 3",
            "search",
            vec![("words".to_owned(), "budget".to_owned())],
            Vec::new(),
        ),
        AuditEvent::new(
            NOW.plus(250),
            "person 3",
            "show",
            Vec::new(),
            vec![message(1, "Hello.").id(), RecordId::from_bytes([9; 32])],
        ),
        AuditEvent::new(
            Milliseconds::new(-1),
            "reading room",
            "lock",
            Vec::new(),
            Vec::new(),
        ),
    ]
    .map(Result::unwrap);
    let mut builder = GovernanceBuilder::new();
    for event in &events {
        builder.push_event(event).unwrap();
    }
    let acts = builder.commit(&mut randomness).unwrap();
    let recipient = archive.acts_key.recipient().clone();
    let draft = archive.draft(Who::Vault, Body::Audit(acts.audit_head(recipient.epoch())));
    let (object, entry) = seal_acts(acts, &recipient, draft, &mut randomness).unwrap();
    archive.log(Who::Vault, entry);
    let key = archive.acts_key.expose_seed();
    let mut value = common(
        "batch.md",
        "three events of the audit trail",
        &archive,
        &key,
        object.bytes(),
    );
    value["events"] = events
        .iter()
        .map(|event| {
            json!({
                "at": event.at().get(), "who": event.who(), "what": event.what(),
                "facts": event.facts(),
                "records": event.records().iter().map(|id| hex(id.as_bytes())).collect::<Vec<_>>(),
                "hex": hex(&event.to_bytes()),
            })
        })
        .collect();
    vector("audit", "three_events", &value);
}

fn governance() {
    let mut archive = Archive::new();
    let mut randomness = Seeded::new(5);
    let mut builder = GovernanceBuilder::new();
    let parts: [&[u8]; 3] = [b"\xa1\x00\x01", b"the reasons", b""];
    builder.push(&parts).unwrap();
    let acts = builder.commit(&mut randomness).unwrap();
    let recipient = archive.acts_key.recipient().clone();
    let head = acts.governance_head(recipient.epoch(), Purpose::Dispose);
    let draft = archive.draft(Who::Vault, Body::Governance(head));
    let (object, entry) = seal_acts(acts, &recipient, draft, &mut randomness).unwrap();
    archive.log(Who::Vault, entry);
    let key = archive.acts_key.expose_seed();
    let mut value = common(
        "batch.md",
        "one act of three parts, signed by the vault and a person",
        &archive,
        &key,
        object.bytes(),
    );
    value["acts"] = json!([parts.map(hex)]);
    vector("audit", "governance_act", &value);
}

fn mail() {
    let mut archive = Archive::new();
    let mail = Mail::new("plan", b"\xa1\x00\x01".to_vec()).unwrap();
    let recipient = archive.mailbox.recipient().clone();
    let head = wire::Mail {
        addressee: SignerKey::from_seed(&[0x22; 32]).unwrap().id(),
        mailbox: recipient.key().mailbox_hash(),
    };
    let draft = archive.draft(Who::Person, Body::Mail(head));
    let (object, entry) = seal_mail(&mail, &recipient, draft, &mut Seeded::new(6)).unwrap();
    archive.log(Who::Person, entry);
    let key = archive.mailbox.expose_seed();
    let mut value = common(
        "batch.md",
        "a plan for one agent",
        &archive,
        &key,
        object.bytes(),
    );
    value["subject"] = json!(mail.subject());
    value["content"] = hex(mail.content());
    vector("mail", "plan", &value);

    // The mailbox key's owner gets something that was sealed under the label of batches.
    let mut archive = Archive::new();
    let draft = archive.draft(Who::Person, Body::Mail(head));
    let content = [&b"\xa3\x00\x01\x01\x64plan\x02\x43"[..], b"\xa1\x00\x01"].concat();
    let plain = raw::plaintext(0, &content, 1024);
    let object = raw::seal(
        raw::BATCH,
        &archive.id,
        recipient.key(),
        &draft.aad(),
        &plain,
    );
    archive.log(
        Who::Person,
        draft.with_objects(vec![listed(&object)]).unwrap(),
    );
    let mut value = common(
        "batch.md",
        "sealed under the label of batches",
        &archive,
        &key,
        &object,
    );
    value["refused"] = json!("BATCH-2");
    vector("mail", "refused_sealed_as_batch", &value);
}

fn listed(object: &[u8]) -> Object {
    Object {
        hash: ObjectHash::from_bytes(canonical::sha256(object)),
        length: ObjectLength::new(object.len() as u64),
    }
}

/// An archive with one batch of seven records, and the batch.
fn original() -> (Archive, wire::verify::VerifiedEntry, Vec<u8>) {
    let mut archive = Archive::new();
    let mut randomness = Seeded::new(7);
    let mut builder = BatchBuilder::new();
    for number in 0..7 {
        builder.push(&message(number, "to be kept"), &[]).unwrap();
    }
    let batch = builder.commit(&mut randomness).unwrap();
    let head = batch.head(archive.records().epoch(), Form::Import);
    let draft = archive.draft(Who::Agent, Body::Batch(head));
    let sealed = seal_batch(
        batch,
        archive.records(),
        draft,
        Form::Import,
        &mut randomness,
    )
    .unwrap();
    let entry = archive.log(Who::Agent, sealed.entry);
    (archive, entry, sealed.object.into_bytes())
}

fn carried() {
    let (mut archive, entry, object) = original();
    let original_leaf = archive.leaves.last().unwrap().clone();
    let batch = open_batch(&archive.records_key, &entry, &object).unwrap();
    let positions = [1, 5, 6].map(RecordPosition::new);
    let carried = carry(&batch, &positions).unwrap();
    let recipient = archive.later_key.recipient().clone();
    let draft = archive.draft(Who::Vault, Body::Carry(carried.head(&recipient, None)));
    let (sealed, entry) = seal_carry(&carried, &recipient, draft, &mut Seeded::new(8)).unwrap();
    archive.log(Who::Vault, entry);
    let key = archive.later_key.expose_seed();
    let mut value = common(
        "batch.md",
        "three of seven records, carried to another epoch",
        &archive,
        &key,
        sealed.bytes(),
    );
    value["original_leaf"] = hex(&original_leaf);
    value["records"] = positions
        .iter()
        .map(|position| {
            json!({
                "position": position.get(),
                "parts": batch.parts(*position).unwrap().into_iter().map(hex).collect::<Vec<_>>(),
            })
        })
        .collect();
    vector("carry", "three_of_seven", &value);
}

/// What a carry says of one record, written out by hand.
struct Carried<'a> {
    position: u32,
    parts: usize,
    shown: Vec<(u32, [u8; 32], &'a [u8])>,
    path: BatchPath,
}

fn encode(records: &[Carried<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut e = minicbor::Encoder::new(&mut bytes);
    e.map(2)
        .unwrap()
        .u8(0)
        .unwrap()
        .u8(1)
        .unwrap()
        .u8(1)
        .unwrap();
    e.array(records.len() as u64).unwrap();
    for record in records {
        e.map(4)
            .unwrap()
            .u8(0)
            .unwrap()
            .u32(record.position)
            .unwrap();
        e.u8(1).unwrap().u64(record.parts as u64).unwrap();
        e.u8(2).unwrap().array(record.shown.len() as u64).unwrap();
        for (part, salt, part_bytes) in &record.shown {
            e.array(3).unwrap().u32(*part).unwrap().bytes(salt).unwrap();
            e.bytes(part_bytes).unwrap();
        }
        e.u8(3)
            .unwrap()
            .array(record.path.hashes().len() as u64)
            .unwrap();
        for hash in record.path.hashes() {
            e.bytes(hash.as_bytes()).unwrap();
        }
    }
    bytes
}

fn refused_carries() {
    type Change = fn(&mut Vec<Carried<'_>>);
    let cases: [(&str, &str, &str, Change); 6] = [
        (
            "altered_part",
            "CARRY-2",
            "a part is not the original one",
            |records| {
                records[0].shown[2].2 = b"\xa1\x00\x82\x00\xa0";
            },
        ),
        (
            "altered_salt",
            "CARRY-2",
            "a salt is not the original one",
            |records| {
                records[0].shown[2].1[0] ^= 1;
            },
        ),
        (
            "other_path",
            "CARRY-2",
            "two records have exchanged their paths",
            |records| {
                let (one, other) = records.split_at_mut(1);
                std::mem::swap(&mut one[0].path, &mut other[0].path);
            },
        ),
        (
            "missing_part",
            "CARRY-1",
            "the last part is missing",
            |records| {
                records[0].shown.pop();
            },
        ),
        (
            "fewer_parts",
            "CARRY-1",
            "the last part is missing and not counted",
            |records| {
                records[0].shown.pop();
                records[0].parts -= 1;
            },
        ),
        (
            "other_positions",
            "CARRY-1",
            "one record fewer than the entry says",
            |records| {
                records.pop();
            },
        ),
    ];
    for (name, check, about, change) in cases {
        let (mut archive, entry, object) = original();
        let original_leaf = archive.leaves.last().unwrap().clone();
        let batch = open_batch(&archive.records_key, &entry, &object).unwrap();
        let opened: Vec<_> = [1, 5]
            .map(|at| batch.record(RecordPosition::new(at)).unwrap().unwrap())
            .into();
        let mut records: Vec<Carried<'_>> = opened
            .iter()
            .map(|record| Carried {
                position: record.position().get(),
                parts: record.parts().len(),
                shown: (0..)
                    .zip(record.parts())
                    .map(|(part, bytes)| {
                        let salt = record.salt(wire::PartPosition::new(part)).unwrap();
                        (part, *salt.expose(), *bytes)
                    })
                    .collect(),
                path: record.path().unwrap(),
            })
            .collect();
        change(&mut records);
        let content = encode(&records);
        let head = Carry {
            original: entry.index(),
            epoch: archive.later_key.epoch(),
            positions: [1, 5].map(RecordPosition::new).to_vec(),
            disposition: None,
        };
        let draft = archive.draft(Who::Vault, Body::Carry(head));
        let padded = raw::padme((content.len() + 5).max(1024));
        let plain = raw::plaintext(0, &content, padded);
        let recipient = archive.later_key.recipient().key().clone();
        let object = raw::seal(raw::BATCH, &archive.id, &recipient, &draft.aad(), &plain);
        archive.log(
            Who::Vault,
            draft.with_objects(vec![listed(&object)]).unwrap(),
        );
        let key = archive.later_key.expose_seed();
        let mut value = common("batch.md", about, &archive, &key, &object);
        value["original_leaf"] = hex(&original_leaf);
        value["refused"] = json!(check);
        vector("carry", &format!("refused_{name}"), &value);
    }
}
