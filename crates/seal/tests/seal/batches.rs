//! Batches: what was sealed opens again, and nothing else does.

use proptest::prelude::*;
use seal::{
    BatchBuilder, Form, ObjectError, OpenError, OpeningKey, PaddingError, PushError, SealError,
    SealedBatch, Stream, StreamPlace, StreamSealer, open_batch, seal_batch,
};
use wire::commitment::{PartLeaf, RecordLeaf};
use wire::verify::VerifiedEntry;
use wire::{Body, PartPosition, RecordCount, RecordPosition};

use crate::archive::{Archive, Seeded, Who};
use crate::samples::{attachment, message, with_attachments};

fn seal(
    archive: &mut Archive,
    records: &[record::Record],
    form: Form,
    seed: u64,
) -> (VerifiedEntry, Vec<u8>) {
    let mut randomness = Seeded::new(seed);
    let mut builder = BatchBuilder::new();
    for record in records {
        builder.push(record, &[]).unwrap();
    }
    let batch = builder.commit(&mut randomness).unwrap();
    let head = batch.head(archive.records().epoch(), form);
    let draft = archive.draft(Who::Agent, Body::Batch(head));
    let sealed = seal_batch(batch, archive.records(), draft, form, &mut randomness).unwrap();
    let entry = archive.log(Who::Agent, sealed.entry);
    (entry, sealed.object.into_bytes())
}

#[test]
fn batch_1_to_5_what_was_sealed_opens() {
    let mut archive = Archive::new();
    for form in [Form::Live, Form::Import] {
        for count in [1, 2, 100, 1024] {
            let records: Vec<_> = (0..count)
                .map(|number| message(number, "Shall we move the meeting?"))
                .collect();
            let (entry, object) = seal(&mut archive, &records, form, 7);
            let opened = open_batch(&archive.records_key, &entry, &object).unwrap();
            assert_eq!(opened.len(), count as usize);
            let back: Vec<_> = opened
                .records()
                .map(|record| record.unwrap().into_record())
                .collect();
            assert_eq!(back, records);
            let provenance = opened.provenance();
            assert_eq!(provenance.index, entry.index());
            assert_eq!(provenance.signer, entry.entry().signer());
            assert_eq!(provenance.import, form == Form::Import);
        }
    }
}

#[test]
fn batch_4_only_imports_are_compressed() {
    let mut archive = Archive::new();
    let records: Vec<_> = (0..200)
        .map(|number| message(number, "again and again"))
        .collect();
    let (_, live) = seal(&mut archive, &records, Form::Live, 7);
    let (_, import) = seal(&mut archive, &records, Form::Import, 7);
    assert!(
        import.len() * 3 < live.len(),
        "{} {}",
        import.len(),
        live.len()
    );
}

#[test]
fn batch_5_one_short_message_hides_its_length() {
    let mut archive = Archive::new();
    let (_, short) = seal(&mut archive, &[message(1, "yes")], Form::Live, 7);
    let (_, longer) = seal(
        &mut archive,
        &[message(1, "no, never in my life")],
        Form::Live,
        7,
    );
    assert_eq!(short.len(), longer.len());
    assert_eq!(short.len(), 2 + 1120 + 1024 + 16);
}

#[test]
fn batch_1_limits() {
    let mut builder = BatchBuilder::new();
    assert!(builder.is_empty());
    for number in 0..1024 {
        builder.push(&message(number, "x"), &[]).unwrap();
    }
    assert_eq!(builder.push(&message(1024, "x"), &[]), Err(PushError::Full));
    assert_eq!(builder.len(), 1024);

    let large = "x".repeat(1 << 20);
    let mut builder = BatchBuilder::new();
    builder.push(&message(0, &large), &[]).unwrap();
    assert_eq!(builder.len(), 1);
    let mut taken = 1;
    while builder
        .push(&message(taken, &large[..1 << 18]), &[])
        .is_ok()
    {
        taken += 1;
    }
    assert!(builder.content_length() <= 4 << 20);
    assert!(builder.content_length() > 3 << 20);

    let record = with_attachments(0, "x", vec![attachment("a", b"abc")]);
    assert_eq!(
        BatchBuilder::new().push(&record, &[]),
        Err(PushError::Streams {
            expected: 1,
            found: 0
        })
    );
    assert_eq!(
        BatchBuilder::new().push(&record, &[None]),
        Err(PushError::NoStream { index: 0 })
    );
    assert!(BatchBuilder::new().commit(&mut Seeded::new(1)).is_none());
}

#[test]
fn the_draft_must_describe_the_batch() {
    let archive = Archive::new();
    let batch = || {
        let mut builder = BatchBuilder::new();
        builder.push(&message(1, "x"), &[]).unwrap();
        builder.commit(&mut Seeded::new(1)).unwrap()
    };
    let head = batch().head(archive.records().epoch(), Form::Live);
    let mut count = head;
    count.count = RecordCount::new(2);
    let mut epoch = head;
    epoch.epoch = archive.later_key.epoch();
    let mut import = head;
    import.import = true;
    for wrong in [count, epoch, import] {
        let draft = archive.draft(Who::Agent, Body::Batch(wrong));
        let sealed = seal_batch(
            batch(),
            archive.records(),
            draft,
            Form::Live,
            &mut Seeded::new(1),
        );
        assert!(matches!(sealed, Err(SealError::Draft)));
    }
}

#[test]
fn attachments_travel_with_their_record() {
    let mut archive = Archive::new();
    let mut randomness = Seeded::new(5);
    let bytes: Vec<u8> = (0..150_000_u32).map(|at| (at % 251) as u8).collect();
    let record = with_attachments(
        1,
        "see attached",
        vec![attachment("plan.pdf", &bytes), attachment("empty.txt", b"")],
    );
    let place = StreamPlace {
        archive: archive.id,
        record: record.id(),
        index: 0,
    };
    let mut sealer = StreamSealer::new(&place, &mut randomness).unwrap();
    let mut object = Vec::new();
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        let step = sealer.push(rest).unwrap();
        object.extend_from_slice(step.ready);
        rest = &rest[step.taken..];
    }
    let (last, sealed) = sealer.finish().unwrap();
    object.extend_from_slice(&last);

    let mut builder = BatchBuilder::new();
    builder.push(&record, &[Some(sealed.stream), None]).unwrap();
    let batch = builder.commit(&mut randomness).unwrap();
    let head = batch.head(archive.records().epoch(), Form::Live);
    let draft = archive.draft(Who::Agent, Body::Batch(head));
    let sealed = seal_batch(batch, archive.records(), draft, Form::Live, &mut randomness).unwrap();
    assert_eq!(sealed.continued, []);
    let entry = archive.log(Who::Agent, sealed.entry);
    assert_eq!(entry.entry().objects().len(), 2);
    assert_eq!(
        entry.entry().objects()[1].hash.as_bytes(),
        &canonical::sha256(&object)
    );

    let opened = open_batch(&archive.records_key, &entry, sealed.object.bytes()).unwrap();
    let found = opened.record(RecordPosition::new(0)).unwrap().unwrap();
    assert_eq!(found.parts().len(), 6);
    assert!(found.open_attachment(1).is_none());
    assert!(found.open_attachment(2).is_none());
    let mut opener = found.open_attachment(0).unwrap().unwrap();
    let mut back = Vec::new();
    let mut rest = &object[..];
    while !rest.is_empty() {
        let step = opener.push(rest).unwrap();
        back.extend_from_slice(step.ready);
        rest = &rest[step.taken..];
    }
    back.extend_from_slice(&opener.finish().unwrap());
    assert_eq!(back, bytes);
}

/// ENTRY-5: what does not fit into the batch's entry is left for continuations.
#[test]
fn entry_5_many_streams_are_continued() {
    let archive = Archive::new();
    let mut randomness = Seeded::new(5);
    let mut builder = BatchBuilder::new();
    let place = StreamPlace {
        archive: archive.id,
        record: message(1, "x").id(),
        index: 0,
    };
    let mut streams: Vec<Stream> = Vec::new();
    for _ in 0..400 {
        let sealer = StreamSealer::new(&place, &mut randomness).unwrap();
        streams.push(sealer.finish().unwrap().1.stream);
    }
    let record = with_attachments(1, "x", vec![attachment("a", b""); 400]);
    let given: Vec<_> = streams.iter().cloned().map(Some).collect();
    builder.push(&record, &given).unwrap();
    let batch = builder.commit(&mut randomness).unwrap();
    let head = batch.head(archive.records().epoch(), Form::Live);
    let draft = archive.draft(Who::Agent, Body::Batch(head));
    let SealedBatch {
        continued,
        entry,
        object,
    } = seal_batch(batch, archive.records(), draft, Form::Live, &mut randomness).unwrap();
    assert_eq!(continued.len(), 400 - 319);
    assert_eq!(continued[0].hash, streams[319].object);
    assert!(entry.to_bytes().len() <= 16_384);
    assert!(!object.bytes().is_empty());
}

#[test]
fn batch_2_and_3_opens_only_with_its_key_and_entry() {
    let mut archive = Archive::new();
    let (entry, object) = seal(&mut archive, &[message(1, "one")], Form::Live, 7);
    let (other, other_object) = seal(&mut archive, &[message(2, "two")], Form::Live, 8);
    let open = |key: &OpeningKey, entry, object: &[u8]| open_batch(key, entry, object).unwrap_err();

    assert!(matches!(
        open(&archive.later_key, &entry, &object),
        OpenError::Epoch { .. }
    ));
    assert!(matches!(
        open(&archive.records_key, &other, &object),
        OpenError::OtherObject
    ));
    assert!(matches!(
        open(&archive.records_key, &entry, &other_object),
        OpenError::OtherObject
    ));
    for at in (0..object.len()).step_by(97) {
        let mut bad = object.clone();
        bad[at] ^= 1;
        assert!(matches!(
            open(&archive.records_key, &entry, &bad),
            OpenError::OtherObject
        ));
    }
    assert!(matches!(
        open(&archive.records_key, &entry, &object[..object.len() - 1]),
        OpenError::OtherObject
    ));
}

/// COMMIT-1..6: salts, leaves and path of each record lead to the entry's root.
#[test]
fn commit_1_to_6_every_record_can_be_proved_alone() {
    let mut archive = Archive::new();
    let records: Vec<_> = (0..13).map(|number| message(number, "x")).collect();
    let (entry, object) = seal(&mut archive, &records, Form::Live, 7);
    let Body::Batch(head) = *entry.entry().body() else {
        panic!("a batch");
    };
    let opened = open_batch(&archive.records_key, &entry, &object).unwrap();
    for record in opened.records() {
        let record = record.unwrap();
        let leaves: Vec<PartLeaf> = (0..)
            .map(PartPosition::new)
            .zip(record.parts())
            .map(|(part, bytes)| {
                PartLeaf::of(record.position(), part, &record.salt(part).unwrap(), bytes)
            })
            .collect();
        let leaf = RecordLeaf::of(record.position(), &leaves);
        let root = record
            .path()
            .unwrap()
            .root(leaf, record.position(), head.count);
        assert_eq!(root.unwrap(), head.root);
        assert!(record.salt(PartPosition::new(4)).is_none());
    }
    assert!(opened.record(RecordPosition::new(13)).is_none());
}

#[test]
fn debug_of_batches_tells_no_content() {
    let mut archive = Archive::new();
    let mut builder = BatchBuilder::new();
    builder.push(&message(1, "kingfisher"), &[]).unwrap();
    assert_eq!(format!("{builder:?}"), "BatchBuilder(1 records)");
    let batch = builder.commit(&mut Seeded::new(1)).unwrap();
    assert_eq!(format!("{batch:?}"), "CommittedBatch(1 records)");
    let (entry, object) = seal(&mut archive, &[message(1, "kingfisher")], Form::Live, 7);
    let opened = open_batch(&archive.records_key, &entry, &object).unwrap();
    let record = opened.record(RecordPosition::new(0)).unwrap().unwrap();
    let short = &entry.entry().id().to_string()[..8];
    assert_eq!(
        format!("{opened:?} {record:?}"),
        format!("OpenedBatch(1 records of EntryId({short}…)) OpenedRecord(0 of EntryId({short}…))")
    );
}

/// The errors of [`OpenError`] say what was refused.
#[test]
fn refusals_are_told_apart() {
    let texts = [
        OpenError::Object(ObjectError::Tag).to_string(),
        OpenError::Padding(PaddingError::NotZero).to_string(),
        OpenError::Root.to_string(),
    ];
    assert_eq!(
        texts,
        [
            "opening the object",
            "reading the plaintext",
            "the commitment of what was opened is not the entry's"
        ]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_records_come_back(
        texts in prop::collection::vec("\\PC{0,200}", 1..20),
        import in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let mut archive = Archive::new();
        let records: Vec<_> = (0..).zip(&texts).map(|(number, text)| message(number, text)).collect();
        let form = if import { Form::Import } else { Form::Live };
        let (entry, object) = seal(&mut archive, &records, form, seed);
        let opened = open_batch(&archive.records_key, &entry, &object).unwrap();
        let back: Vec<_> = opened.records().map(|record| record.unwrap().into_record()).collect();
        prop_assert_eq!(back, records);
    }
}
