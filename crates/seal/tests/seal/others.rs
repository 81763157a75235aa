//! Governance, audit, mail, carry, continued.

use canonical::Milliseconds;
use seal::{
    AuditEvent, AuditEventError, BatchBuilder, CarryError, Form, GovernanceBuilder, Mail,
    MailError, ObjectError, OpenCarryError, OpenError, OpenedActs, SealError, carry, open_acts,
    open_batch, open_carry, open_mail, seal_acts, seal_batch, seal_carry, seal_mail,
};
use wire::commitment::{PartLeaf, RecordLeaf};
use wire::verify::VerifiedEntry;
use wire::{Body, PartPosition, Purpose, RecordPosition};

use crate::archive::{Archive, NOW, Seeded, Who};
use crate::samples::message;

fn event(what: &str) -> AuditEvent {
    let record = message(1, "x").id();
    let facts = vec![("words".to_owned(), "kingfisher".to_owned())];
    AuditEvent::new(NOW, "person 3", what, facts, vec![record]).unwrap()
}

/// GOV-1: form, commitment and padding of batches.
#[test]
fn gov_1_audit_events_open_again() {
    let mut archive = Archive::new();
    let mut randomness = Seeded::new(3);
    let mut builder = GovernanceBuilder::new();
    let events = [event("search"), event("show")];
    for event in &events {
        builder.push_event(event).unwrap();
    }
    let acts = builder.commit(&mut randomness).unwrap();
    let recipient = archive.acts_key.recipient().clone();
    let head = acts.audit_head(recipient.epoch());
    let draft = archive.draft(Who::Vault, Body::Audit(head));
    let (object, entry) = seal_acts(acts, &recipient, draft, &mut randomness).unwrap();
    let entry = archive.log(Who::Vault, entry);
    let opened: OpenedActs = open_acts(&archive.acts_key, &entry, object.bytes()).unwrap();
    let back: Vec<_> = opened.events().map(Result::unwrap).collect();
    assert_eq!(back, events);
    assert_eq!(opened.provenance().index, entry.index());

    // Each event can be proved alone.
    let part = PartPosition::new(0);
    for (position, parts) in (0..).map(RecordPosition::new).zip(opened.acts()) {
        let salt = opened.salt(position, part).unwrap();
        let leaf = RecordLeaf::of(position, &[PartLeaf::of(position, part, &salt, parts[0])]);
        let root = opened
            .path(position)
            .unwrap()
            .root(leaf, position, head.count);
        assert_eq!(root.unwrap(), head.root);
    }
    assert!(opened.salt(RecordPosition::new(2), part).is_none());

    // Not a batch of records.
    assert!(matches!(
        open_batch(&archive.records_key, &entry, object.bytes()),
        Err(OpenError::Kind)
    ));
}

#[test]
fn gov_1_acts_of_governance_open_again() {
    let mut archive = Archive::new();
    let mut randomness = Seeded::new(3);
    let mut builder = GovernanceBuilder::new();
    builder.push(&[b"dispose", b"these", b""]).unwrap();
    assert!(builder.push(&[]).is_err());
    let acts = builder.commit(&mut randomness).unwrap();
    let recipient = archive.acts_key.recipient().clone();
    let head = acts.governance_head(recipient.epoch(), Purpose::Dispose);
    let draft = archive.draft(Who::Vault, Body::Governance(head));
    let (object, entry) = seal_acts(acts, &recipient, draft, &mut randomness).unwrap();
    let entry = archive.log(Who::Vault, entry);
    let opened = open_acts(&archive.acts_key, &entry, object.bytes()).unwrap();
    let back: Vec<_> = opened.acts().collect();
    assert_eq!(back, [[&b"dispose"[..], b"these", b""]]);
}

#[test]
fn the_draft_must_describe_the_acts() {
    let archive = Archive::new();
    let mut builder = GovernanceBuilder::new();
    builder.push_event(&event("show")).unwrap();
    let acts = builder.commit(&mut Seeded::new(1)).unwrap();
    let recipient = archive.acts_key.recipient();
    let mut head = acts.audit_head(recipient.epoch());
    head.root = wire::CommitmentRoot::from_bytes([0; 32]);
    let draft = archive.draft(Who::Vault, Body::Audit(head));
    assert!(matches!(
        seal_acts(acts, recipient, draft, &mut Seeded::new(1)),
        Err(SealError::Draft)
    ));
}

#[test]
fn audit_events_have_limits_and_tell_nothing_in_debug() {
    let text = format!("{:?}", event("show"));
    assert_eq!(text, "AuditEvent(at 1790000000000, ‹1 facts, 1 records›)");
    let long = "x".repeat(4097);
    assert!(matches!(
        AuditEvent::new(NOW, long, "show", Vec::new(), Vec::new()),
        Err(AuditEventError::TooLong)
    ));
    let bytes = event("show").to_bytes();
    assert_eq!(AuditEvent::from_bytes(&bytes).unwrap(), event("show"));
    let bare = AuditEvent::new(Milliseconds::new(1), "a", "lock", Vec::new(), Vec::new()).unwrap();
    // CBOR-2: empty lists are left out.
    assert_eq!(bare.to_bytes(), b"\xa4\x00\x01\x01\x01\x02aa\x03dlock");
}

#[test]
fn batch_2_mail_opens_for_its_addressee_only() {
    let mut archive = Archive::new();
    let mut randomness = Seeded::new(4);
    let mail = Mail::new("plan", b"capture everything".to_vec()).unwrap();
    let recipient = archive.mailbox.recipient().clone();
    let addressee = wire::SignerKey::from_seed(&[0x22; 32]).unwrap().id();
    let head = wire::Mail {
        addressee,
        mailbox: recipient.key().mailbox_hash(),
    };
    let draft = archive.draft(Who::Person, Body::Mail(head));
    let (object, entry) = seal_mail(&mail, &recipient, draft, &mut randomness).unwrap();
    let entry = archive.log(Who::Person, entry);
    let opened = open_mail(&archive.mailbox, &entry, object.bytes()).unwrap();
    assert_eq!(opened, mail);
    assert_eq!(format!("{opened:?}"), "Mail(‹18 bytes›)");
    let other = seal::OpeningKey::generate(&mut randomness);
    assert!(matches!(
        open_mail(&other, &entry, object.bytes()),
        Err(MailError::Addressee)
    ));
    // The same seed for another purpose: other type, other label (BATCH-2).
    let wrong = wire::Mail {
        mailbox: archive.records().key().mailbox_hash(),
        ..head
    };
    let draft = archive.draft(Who::Person, Body::Mail(wrong));
    assert!(matches!(
        seal_mail(&mail, &recipient, draft, &mut randomness),
        Err(SealError::Draft)
    ));
}

fn sealed_batch(archive: &mut Archive, count: u32) -> (VerifiedEntry, Vec<u8>) {
    let mut randomness = Seeded::new(u64::from(count));
    let mut builder = BatchBuilder::new();
    for number in 0..count {
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
    (entry, sealed.object.into_bytes())
}

fn positions(numbers: &[u32]) -> Vec<RecordPosition> {
    numbers.iter().copied().map(RecordPosition::new).collect()
}

#[test]
fn carry_1_and_2_carried_records_are_the_original_ones() {
    let mut archive = Archive::new();
    let (original, object) = sealed_batch(&mut archive, 11);
    let batch = open_batch(&archive.records_key, &original, &object).unwrap();
    let recipient = archive.later_key.recipient().clone();
    let carried = carry(&batch, &positions(&[0, 4, 10])).unwrap();
    let draft = archive.draft(Who::Vault, Body::Carry(carried.head(&recipient, None)));
    let mut randomness = Seeded::new(9);
    let (object, entry) = seal_carry(&carried, &recipient, draft, &mut randomness).unwrap();
    let entry = archive.log(Who::Vault, entry);

    let opened = open_carry(&archive.later_key, &entry, &original, object.bytes()).unwrap();
    assert_eq!(opened.provenance().index, entry.index());
    let Body::Batch(head) = *original.entry().body() else {
        panic!("a batch");
    };
    let mut seen = Vec::new();
    for record in opened.records() {
        let record = record.unwrap();
        seen.push(record.position().get());
        assert_eq!(
            *record.record(),
            message(record.position().get(), "to be kept")
        );
        assert_eq!(record.provenance().index, original.index());
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
    }
    assert_eq!(seen, [0, 4, 10]);

    // CARRY-2: against another original nothing opens.
    let (other, _) = sealed_batch(&mut archive, 11);
    assert!(matches!(
        open_carry(&archive.later_key, &entry, &other, object.bytes()),
        Err(OpenCarryError::Original)
    ));
    assert!(matches!(
        open_carry(&archive.later_key, &entry, &entry, object.bytes()),
        Err(OpenCarryError::Original)
    ));
    let mut bad = object.bytes().to_vec();
    bad[2000] ^= 1;
    assert!(matches!(
        open_carry(&archive.later_key, &entry, &original, &bad),
        Err(OpenCarryError::Open(OpenError::OtherObject))
    ));
}

#[test]
fn carry_1_positions_ascend_and_exist() {
    let mut archive = Archive::new();
    let (original, object) = sealed_batch(&mut archive, 3);
    let batch = open_batch(&archive.records_key, &original, &object).unwrap();
    for wrong in [&[][..], &[1, 1], &[2, 1]] {
        assert_eq!(
            carry(&batch, &positions(wrong)).err(),
            Some(CarryError::Positions)
        );
    }
    assert_eq!(
        carry(&batch, &positions(&[1, 3])).err(),
        Some(CarryError::Beyond {
            position: RecordPosition::new(3)
        })
    );
}

/// What was sealed as a batch does not open as governance, even under one seed (BATCH-2).
#[test]
fn batch_2_purposes_are_kept_apart() {
    let mut archive = Archive::new();
    let (entry, object) = sealed_batch(&mut archive, 1);
    // The key of governance for the same seed as that of records.
    let seed = archive.records_key.expose_seed();
    let same = seal::OpeningKey::<seal::ForGovernance>::from_seed(&seed);
    assert_eq!(same.epoch(), archive.records_key.epoch());
    assert!(matches!(
        open_acts(&same, &entry, &object),
        Err(OpenError::Kind)
    ));
    let mut builder = GovernanceBuilder::new();
    builder.push_event(&event("show")).unwrap();
    let acts = builder.commit(&mut Seeded::new(1)).unwrap();
    let recipient = archive.acts_key.recipient().clone();
    let draft = archive.draft(Who::Vault, Body::Audit(acts.audit_head(recipient.epoch())));
    let (object, entry) = seal_acts(acts, &recipient, draft, &mut Seeded::new(1)).unwrap();
    let entry = archive.log(Who::Vault, entry);
    assert!(open_acts(&archive.acts_key, &entry, object.bytes()).is_ok());
    let other = seal::OpeningKey::generate(&mut Seeded::new(77));
    assert!(matches!(
        open_acts(&other, &entry, object.bytes()),
        Err(OpenError::Epoch { .. })
    ));
    assert_eq!(
        ObjectError::Tag.to_string().split(':').next(),
        Some("the tag does not verify")
    );
}
