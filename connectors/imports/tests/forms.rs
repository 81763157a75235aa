//! Exports that the generator writes, in every form, are read back as what really happened.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod agent;

use std::path::{Path, PathBuf};

use agent::{Import, import};
use record::{Content, MemberAct, Message, Part, Record};
use testkit::chats::{
    FORMS, Form, TrueChat, TrueEvent, TrueWhat, telegram_export, whatsapp_export,
};

fn export(folder: &Path, form: &'static Form, seed: u64, events: u64) -> PathBuf {
    let path = folder.join("WhatsApp Chat with Budget 2026.txt");
    let mut bytes = Vec::new();
    whatsapp_export(TrueChat::new(form, seed, events), &mut bytes).unwrap();
    std::fs::write(&path, bytes).unwrap();
    path
}

fn clean(name: &str) -> &str {
    name.trim_start_matches(['~', '\u{202f}'])
}

fn message(record: &Record) -> &Message {
    match &record.body().content {
        Content::Message(message) => message,
        _ => panic!("a message: {record:?}"),
    }
}

fn text(message: &Message) -> &str {
    match &message.parts[..] {
        [Part::Text(text)] => &text.text,
        _ => panic!("a text"),
    }
}

fn compare(form: &Form, event: &TrueEvent, record: &Record) {
    let at = format!("{} {event:?} {:?}", form.name, record.body().content);
    let (date, (hour, minute, second)) = (event.when.date, event.when.time);
    let second = if form.seconds { second } else { 0 };
    let civil = jiff::civil::date(date.0 as i16, date.1 as i8, date.2 as i8).at(
        hour as i8,
        minute as i8,
        second as i8,
        0,
    );
    let sent = record.envelope().times().sent.unwrap();
    let expected = jiff::tz::TimeZone::UTC.to_timestamp(civil).unwrap();
    assert_eq!(sent.at.get(), expected.as_millisecond(), "{at}");
    let sender = record.participants().sender.as_ref();
    let name = |participant: &record::Participant| participant.aliases[0].name.clone();
    if event.what != TrueWhat::Encryption {
        assert_eq!(name(sender.unwrap()), clean(&event.author), "{at}");
    }
    match &event.what {
        TrueWhat::Encryption => {
            assert!(
                matches!(&record.body().content, Content::Change(c) if c.changes[0].what == "encryption"),
                "{at}"
            );
        }
        TrueWhat::Created(title) => {
            assert!(
                matches!(&record.body().content, Content::Change(c)
                if c.changes[0].what == "created" && c.changes[0].after.as_ref() == Some(title)),
                "{at}"
            );
        }
        TrueWhat::Added(member) => {
            assert!(
                matches!(&record.body().content, Content::Membership(m)
                if m.changes[0].act == MemberAct::Added && name(&m.changes[0].member) == clean(member)),
                "{at}"
            );
        }
        TrueWhat::Left => {
            assert!(
                matches!(&record.body().content, Content::Membership(m)
                if m.changes[0].act == MemberAct::Left && name(&m.changes[0].member) == clean(&event.author)),
                "{at}"
            );
        }
        TrueWhat::Text(expected) => {
            assert_eq!(text(message(record)), expected, "{at}");
            assert!(message(record).marks.is_empty(), "{at}");
        }
        TrueWhat::Edited(expected) => {
            assert_eq!(text(message(record)), expected, "{at}");
            assert_eq!(message(record).marks, ["edited"], "{at}");
        }
        TrueWhat::Deleted => assert_eq!(message(record).marks, ["deleted"], "{at}"),
        TrueWhat::Omitted => {
            assert!(
                matches!(&message(record).parts[..], [Part::Missing(m)] if m.name.is_none()),
                "{at}"
            );
        }
        TrueWhat::File(file) => {
            assert!(
                matches!(&message(record).parts[..], [Part::Missing(m)] if m.name.as_ref() == Some(file)),
                "{at}"
            );
        }
        TrueWhat::Place(_, _) => {
            assert!(
                matches!(&message(record).parts[..], [Part::Location(l)]
                if (l.latitude_e7, l.longitude_e7) == (473_717_000, -85_423_000)),
                "{at}"
            );
        }
    }
}

fn read(form: &'static Form, path: &Path) -> Import {
    let found = import(path, &[("zone", "UTC"), ("dates", form.dates)]);
    assert_eq!(found.losses(), 0, "{}", form.name);
    found
}

#[test]
fn every_form_is_read_as_what_happened() {
    assert!(FORMS.len() >= 16);
    for (seed, form) in FORMS.iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let path = export(folder.path(), form, seed as u64, 3_000);
        let found = read(form, &path);
        let truth = TrueChat::new(form, seed as u64, 3_000);
        assert_eq!(found.records.len(), 3_000, "{}", form.name);
        for (event, record) in truth.zip(&found.records) {
            compare(form, &event, record);
        }
        // Without the setting, three thousand events decide the order of the date themselves.
        let undecided = import(&path, &[("zone", "UTC")]);
        assert!(undecided.troubles.is_empty(), "{}", form.name);
        let times = |found: &Import| -> Vec<_> {
            found
                .records
                .iter()
                .map(|r| r.envelope().times().sent)
                .collect()
        };
        assert_eq!(times(&undecided), times(&found), "{}", form.name);
    }
}

#[test]
fn record_1_twice_and_later_exports_give_the_same_ids() {
    let folder = tempfile::tempdir().unwrap();
    let ids = |found: &Import| -> Vec<_> { found.records.iter().map(Record::id).collect() };
    for form in &FORMS[..4] {
        let short = ids(&read(form, &export(folder.path(), form, 9, 300)));
        let long = ids(&read(form, &export(folder.path(), form, 9, 500)));
        assert_eq!(short[..], long[..300], "{}", form.name);
    }
}

#[test]
fn telegram_exports_are_read_as_what_happened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("result.json");
    let mut bytes = Vec::new();
    telegram_export(TrueChat::new(&FORMS[12], 3, 500), &mut bytes).unwrap();
    std::fs::write(&path, bytes).unwrap();
    let found = import(&path, &[("zone", "UTC")]);
    assert_eq!(found.losses(), 0);
    let mut met = 0;
    for (number, event) in TrueChat::new(&FORMS[12], 3, 500).enumerate() {
        let id = (number + 1).to_string();
        let record = found
            .records
            .iter()
            .find(|r| r.envelope().source_id().as_str() == id);
        let exported = !matches!(event.what, TrueWhat::Encryption | TrueWhat::Deleted);
        assert_eq!(record.is_some(), exported);
        let Some(record) = record else { continue };
        met += 1;
        match &event.what {
            TrueWhat::Text(expected) => assert_eq!(text(message(record)), expected),
            TrueWhat::Edited(expected) => {
                assert_eq!(text(message(record)), expected);
                let edit = format!("{id}@");
                assert!(
                    found.records.iter().any(|r| r
                        .envelope()
                        .source_id()
                        .as_str()
                        .starts_with(&edit))
                );
            }
            _ => {}
        }
    }
    assert!(met > 400);
}
