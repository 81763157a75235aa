//! Batches: sound ones, and one for each defect.

use canonical::Label;
use seal::{BatchBuilder, Form, OpenedBatch, StreamPlace, StreamSealer, open_batch, seal_batch};
use serde_json::{Value, json};
use wire::commitment::{BatchSeed, PartLeaf, RecordLeaf, batch_root};
use wire::{
    BatchHead, Body, CommitmentRoot, Object, ObjectHash, ObjectLength, PartPosition, RecordCount,
    RecordPosition,
};

use crate::archive::{Archive, LOG_SEED, Seeded, Who};
use crate::samples::{attachment, message, with_attachments};
use crate::{hex, raw, vector};

pub(crate) fn write() {
    let archive = Archive::new();
    vector(
        "batch",
        "archive",
        &json!({
            "page": "batch.md",
            "about": "the log that the entries of all other vectors continue: leaves in order; its checkpoints are signed with the Ed25519 key of this seed",
            "archive": hex(archive.id.as_bytes()),
            "log_seed": hex(&LOG_SEED),
            "leaves": archive.leaves.iter().map(|leaf| hex(leaf)).collect::<Vec<_>>(),
        }),
    );
    sound(
        "one_live_message",
        "one short message, padded to 1,024 bytes",
        &[message(1, "Hello.")],
        Form::Live,
    );
    let several: Vec<_> = [
        "The offer stands until Friday.",
        "今天下午三点开会，请带上合同。",
        "سأرسل لك النسخة الموقعة غداً",
        "Der Donaudampfschifffahrtskapitän meldet sich später.",
        "👍",
    ]
    .into_iter()
    .zip(1..)
    .map(|(text, number)| message(number, text))
    .collect();
    sound(
        "five_live_messages",
        "several languages",
        &several,
        Form::Live,
    );
    sound(
        "five_imported_messages",
        "the same, compressed",
        &several,
        Form::Import,
    );
    with_attachment();
    defects();
}

fn sound(name: &str, about: &str, records: &[record::Record], form: Form) {
    let mut archive = Archive::new();
    let mut randomness = Seeded::new(2);
    let mut builder = BatchBuilder::new();
    for record in records {
        builder.push(record, &[]).unwrap();
    }
    let batch = builder.commit(&mut randomness).unwrap();
    let head = batch.head(archive.records().epoch(), form);
    let draft = archive.draft(Who::Agent, Body::Batch(head));
    let sealed = seal_batch(batch, archive.records(), draft, form, &mut randomness).unwrap();
    let object = sealed.object.into_bytes();
    let entry = archive.log(Who::Agent, sealed.entry);
    let opened = open_batch(&archive.records_key, &entry, &object).unwrap();
    let mut value = common(&archive, about, &object);
    value["records"] = opened_records(&opened);
    vector("batch", name, &value);
}

/// What every vector of a sealed batch says.
fn common(archive: &Archive, about: &str, object: &[u8]) -> Value {
    let leaf = archive.leaves.last().unwrap();
    let entry = wire::Leaf::parse(leaf).unwrap().into_entry();
    json!({
        "page": "batch.md",
        "about": about,
        "archive": hex(archive.id.as_bytes()),
        "opening_key": hex(archive.records_key.expose_seed().as_ref()),
        "public_key": hex(archive.records().key().as_bytes()),
        "leaf": hex(leaf),
        "aad": hex(&entry.aad()),
        "object": hex(object),
    })
}

fn opened_records(opened: &OpenedBatch) -> Value {
    opened
        .records()
        .map(|record| {
            let record = record.unwrap();
            let salts = (0..record.parts().len()).map(|part| {
                let part = PartPosition::new(u32::try_from(part).unwrap());
                hex(record.salt(part).unwrap().expose())
            });
            json!({
                "record_id": hex(record.record().id().as_bytes()),
                "parts": record.parts().iter().map(|part| hex(part)).collect::<Vec<_>>(),
                "salts": salts.collect::<Vec<_>>(),
                "path": record.path().unwrap().hashes().iter().map(|hash| hex(hash.as_bytes())).collect::<Vec<_>>(),
            })
        })
        .collect()
}

fn with_attachment() {
    let mut archive = Archive::new();
    let mut randomness = Seeded::new(3);
    let bytes = b"%PDF-1.7 a plan of one page";
    let files = vec![attachment("plan.pdf", bytes), attachment("empty.txt", b"")];
    let record = with_attachments(1, "see attached", files);
    let place = StreamPlace {
        archive: archive.id,
        record: record.id(),
        index: 0,
    };
    let mut sealer = StreamSealer::new(&place, &mut randomness).unwrap();
    assert_eq!(sealer.push(bytes).unwrap().taken, bytes.len());
    let (stream_object, stream) = sealer.finish().unwrap();
    let mut builder = BatchBuilder::new();
    builder.push(&record, &[Some(stream.stream), None]).unwrap();
    builder.push(&message(2, "got it"), &[]).unwrap();
    let batch = builder.commit(&mut randomness).unwrap();
    let head = batch.head(archive.records().epoch(), Form::Live);
    let draft = archive.draft(Who::Agent, Body::Batch(head));
    let sealed = seal_batch(batch, archive.records(), draft, Form::Live, &mut randomness).unwrap();
    let object = sealed.object.into_bytes();
    let entry = archive.log(Who::Agent, sealed.entry);
    let opened = open_batch(&archive.records_key, &entry, &object).unwrap();
    let mut value = common(
        &archive,
        "an attachment with bytes, one without, and a second record",
        &object,
    );
    value["records"] = opened_records(&opened);
    value["attachments"] = json!([{
        "record": 0, "index": 0, "object": hex(&stream_object), "plain": hex(bytes),
    }]);
    vector("batch", "attachments", &value);
}

/// A batch of one record, whose encoding and seed are at hand.
struct Bare {
    content: Vec<u8>,
    root: CommitmentRoot,
}

fn bare(parts: &[&[u8]]) -> Bare {
    let seed = BatchSeed::from_bytes([0x5e; 32]);
    let position = RecordPosition::new(0);
    let leaves: Vec<PartLeaf> = (0..)
        .map(PartPosition::new)
        .zip(parts)
        .map(|(part, bytes)| PartLeaf::of(position, part, &seed.salt(position, part), bytes))
        .collect();
    let mut content = vec![0xa3, 0, 1, 1, 0x58, 32];
    content.extend_from_slice(seed.expose());
    content.extend_from_slice(&[2, 0x81]);
    let mut encoder = minicbor::Encoder::new(&mut content);
    encoder.array(parts.len() as u64).unwrap();
    for part in parts {
        encoder.bytes(part).unwrap();
    }
    Bare {
        content,
        root: batch_root(&[RecordLeaf::of(position, &leaves)]),
    }
}

/// How one defective vector differs from a sound one.
struct Defect<'a> {
    name: &'a str,
    check: &'a str,
    about: &'a str,
    plaintext: Vec<u8>,
    root: CommitmentRoot,
    count: u32,
    import: bool,
    label: Label,
    /// Seals with the additional data of another entry.
    other_aad: bool,
    /// What happens to the sealed object before it is logged.
    after: fn(&mut Vec<u8>),
}

fn defects() {
    let record = message(1, "Hello.");
    let parts = record.parts();
    let sound = bare(&parts.slices());
    let content = &sound.content;
    let padded = raw::padme((content.len() + 5).max(1024));
    let base = |name, check, about| Defect {
        name,
        check,
        about,
        plaintext: raw::plaintext(0, content, padded),
        root: sound.root,
        count: 1,
        import: false,
        label: raw::BATCH,
        other_aad: false,
        after: |_| {},
    };
    let compressed = |stated: usize, frames: &[&[u8]]| {
        let mut bytes = u32::try_from(stated).unwrap().to_be_bytes().to_vec();
        for frame in frames {
            bytes.extend(zstd::bulk::compress(frame, 3).unwrap());
        }
        let padded = raw::padme(bytes.len() + 5);
        raw::plaintext(1, &bytes, padded)
    };
    let import = |name, about, plaintext| Defect {
        plaintext,
        import: true,
        ..base(name, "BATCH-4", about)
    };
    let other_content = |name, check, about, other: Bare| Defect {
        plaintext: raw::plaintext(
            0,
            &other.content,
            raw::padme((other.content.len() + 5).max(1024)),
        ),
        root: other.root,
        ..base(name, check, about)
    };

    let mut not_zero = raw::plaintext(0, content, padded);
    *not_zero.last_mut().unwrap() = 1;
    let mut beyond = raw::plaintext(0, content, padded);
    beyond[1] = 1;
    let mut longer_integer = content.clone();
    longer_integer.splice(2..3, [0x18, 1]);
    let mut version_2 = content.clone();
    version_2[2] = 2;
    let mut no_records = content[..38].to_vec();
    no_records.extend_from_slice(&[2, 0x80]);
    let mut trailing = content.clone();
    trailing.push(0);
    let half = content.len() / 2;
    let mut noted = sound.root.as_bytes().to_owned();
    noted[0] ^= 1;

    let defects = [
        Defect {
            plaintext: not_zero,
            ..base(
                "padding_not_zero",
                "BATCH-5",
                "the last byte of the padding is 1",
            )
        },
        Defect {
            plaintext: raw::plaintext(0, content, padded + 64),
            ..base("padding_too_long", "BATCH-5", "64 zeros too many")
        },
        Defect {
            plaintext: raw::plaintext(0, content, 0),
            ..base("padding_missing", "BATCH-5", "no padding at all")
        },
        Defect {
            plaintext: raw::plaintext(2, content, padded),
            ..base("form_unknown", "BATCH-4", "form 2")
        },
        Defect {
            plaintext: beyond,
            ..base(
                "length_beyond",
                "BATCH-4",
                "the content claims more bytes than there are",
            )
        },
        Defect {
            plaintext: compressed(content.len(), &[content]),
            ..base(
                "live_but_compressed",
                "BATCH-4",
                "form 1 in an entry that is no import",
            )
        },
        import(
            "inflated_length_too_large",
            "states one byte more than the frame inflates to",
            compressed(content.len() + 1, &[content]),
        ),
        import(
            "inflated_length_too_small",
            "states one byte less",
            compressed(content.len() - 1, &[content]),
        ),
        import(
            "inflated_length_above_the_limit",
            "states 64 MiB",
            compressed(64 << 20, &[content]),
        ),
        import(
            "two_frames",
            "two zstd frames that make the content together",
            compressed(content.len(), &[&content[..half], &content[half..]]),
        ),
        import("not_a_frame", "the frame is cut off", {
            let mut bytes = compressed(content.len(), &[content]);
            bytes.truncate(60);
            raw::plaintext(1, &bytes[5..], raw::padme(60))
        }),
        Defect {
            label: raw::GOVERNANCE,
            ..base(
                "sealed_as_governance",
                "BATCH-2",
                "sealed under another label",
            )
        },
        Defect {
            other_aad: true,
            ..base("wrong_aad", "BATCH-3", "sealed with another entry's number")
        },
        Defect {
            after: |object| object[1] = 2,
            ..base("suite_unknown", "BATCH-2", "suite 2")
        },
        Defect {
            after: |object| object[0] = 2,
            ..base("type_of_a_stream", "BATCH-2", "type 2")
        },
        Defect {
            after: |object| *object.last_mut().unwrap() ^= 1,
            ..base("tag_altered", "BATCH-2", "the tag's last bit")
        },
        Defect {
            after: |object| object[100] ^= 1,
            ..base(
                "encapsulation_altered",
                "BATCH-2",
                "one bit of the encapsulated key",
            )
        },
        Defect {
            after: |object| object.truncate(1200),
            ..base("truncated", "BATCH-2", "cut off")
        },
        Defect {
            after: |object| object.truncate(1000),
            ..base("too_short", "BATCH-2", "shorter than an encapsulated key")
        },
        Defect {
            root: CommitmentRoot::from_bytes(noted),
            ..base("wrong_root", "COMMIT-5", "the entry states another root")
        },
        Defect {
            count: 2,
            ..base("wrong_count", "COMMIT-5", "the entry states two records")
        },
        Defect {
            plaintext: raw::plaintext(0, &longer_integer, padded),
            ..base("longer_integer", "CBOR-1", "the version in two bytes")
        },
        Defect {
            plaintext: raw::plaintext(0, &trailing, padded),
            ..base("trailing_byte", "CBOR-3", "a byte follows the batch")
        },
        Defect {
            plaintext: raw::plaintext(0, &version_2, padded),
            ..base("version_unknown", "CBOR-4", "version 2")
        },
        Defect {
            plaintext: raw::plaintext(0, &no_records, 1024),
            ..base("no_records", "BATCH-1", "an empty list of records")
        },
        other_content(
            "three_parts",
            "BATCH-1",
            "a record without its original",
            bare(&parts.slices()[..3]),
        ),
    ];
    for defect in defects {
        write_defect(&defect);
    }
}

fn write_defect(defect: &Defect<'_>) {
    let mut archive = Archive::new();
    let head = BatchHead {
        epoch: archive.records().epoch(),
        count: RecordCount::new(defect.count),
        root: defect.root,
        import: defect.import,
    };
    let draft = archive.draft(Who::Agent, Body::Batch(head));
    let aad = if defect.other_aad {
        archive.draft(Who::Vault, Body::Batch(head)).aad()
    } else {
        draft.aad()
    };
    let key = archive.records().key().clone();
    let mut object = raw::seal(defect.label, &archive.id, &key, &aad, &defect.plaintext);
    (defect.after)(&mut object);
    let listed = Object {
        hash: ObjectHash::from_bytes(canonical::sha256(&object)),
        length: ObjectLength::new(object.len() as u64),
    };
    let entry = archive.log(Who::Agent, draft.with_objects(vec![listed]).unwrap());
    assert!(
        open_batch(&archive.records_key, &entry, &object).is_err(),
        "{}",
        defect.name
    );
    let mut value = common(&archive, defect.about, &object);
    value["refused"] = json!(defect.check);
    vector("batch", &format!("refused_{}", defect.name), &value);
}
