//! The demo's exports are imported without losses, and say what they show.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod agent;

use std::path::PathBuf;

use agent::import;
use record::{Content, Direction, Kind, OriginalContent, Part, Record};

fn demo(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../crates/greffe/demo")
        .join(name)
}

fn kinds(records: &[Record]) -> Vec<Kind> {
    records.iter().map(Record::kind).collect()
}

fn originals(records: &[Record]) -> Vec<u8> {
    records
        .iter()
        .flat_map(|record| match &record.original().unwrap().content {
            OriginalContent::Inline(bytes) => bytes.clone(),
            OriginalContent::Attached(_) => panic!("small originals stand in their records"),
        })
        .collect()
}

#[test]
fn the_trading_desk_is_imported() {
    let settings = [("zone", "Europe/Zurich"), ("me", "Anna Keller")];
    let found = import(&demo("trading-desk.txt"), &settings);
    assert_eq!(found.losses(), 0);
    // All of it is one day, the third of a month or the third month: the import says so.
    assert_eq!(found.trouble_keys(), ["import-dates-ambiguous"]);
    assert_eq!(found.hello.as_ref().unwrap().network, "whatsapp");
    let expected = std::fs::read(demo("trading-desk.txt")).unwrap();
    assert_eq!(originals(&found.records), expected);
    let kinds = kinds(&found.records);
    assert_eq!(
        kinds[..5],
        [
            Kind::Change,
            Kind::Change,
            Kind::Membership,
            Kind::Membership,
            Kind::Message
        ]
    );
    assert_eq!(kinds.iter().filter(|kind| **kind == Kind::Call).count(), 1);
    let first = &found.records[4];
    let time = first.envelope().times().sent.unwrap();
    assert_eq!(time.at.get(), 1_793_689_360_000);
    assert_eq!(time.offset.unwrap().get(), 60);
    assert_eq!(first.envelope().direction(), Direction::Outgoing);
    assert_eq!(
        first.participants().sender.as_ref().unwrap().id.as_str(),
        "name:Anna Keller"
    );
    assert_eq!(found.records[5].envelope().direction(), Direction::Incoming);
    assert_eq!(
        first.envelope().conversation().as_str(),
        "title:trading-desk"
    );
    let Content::Membership(added) = &found.records[2].body().content else {
        panic!("a membership")
    };
    assert_eq!(added.changes[0].member.id.as_str(), "name:Tom Okafor");
    let deleted = found.records.iter().filter(
        |record| matches!(&record.body().content, Content::Message(m) if m.marks == ["deleted"]),
    );
    assert_eq!(deleted.count(), 1);
    let edited = found.records.iter().find(
        |record| matches!(&record.body().content, Content::Message(m) if m.marks == ["edited"]),
    );
    assert!(edited.unwrap().searchable_text()[0].ends_with("before you call back."));
    let place = found.records.iter().any(|record| {
        matches!(&record.body().content, Content::Message(m) if matches!(m.parts[..], [Part::Location(_)]))
    });
    assert!(place);
}

#[test]
fn files_beside_the_chat_come_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let chat = folder
        .path()
        .join("WhatsApp Chat - Rates desk")
        .join("_chat.txt");
    std::fs::create_dir(chat.parent().unwrap()).unwrap();
    std::fs::copy(demo("trading-desk.txt"), &chat).unwrap();
    let picture = chat.with_file_name("00000008-PHOTO-2026-11-03-08-05-20.png");
    std::fs::copy(demo("chart.png"), &picture).unwrap();
    let found = import(chat.parent().unwrap(), &[("zone", "Europe/Zurich")]);
    assert_eq!(found.losses(), 0);
    let at = found
        .records
        .iter()
        .position(|record| !record.attachments().is_empty())
        .unwrap();
    let record = &found.records[at];
    assert_eq!(
        record.attachments()[0].sniffed_type.as_deref(),
        Some("image/png")
    );
    assert_eq!(
        found.files[at][0],
        std::fs::read(demo("chart.png")).unwrap()
    );
    assert_eq!(
        record.envelope().conversation().as_str(),
        "title:Rates desk"
    );
    let missing = found.records.iter().any(|record| {
        matches!(&record.body().content, Content::Message(m)
            if matches!(&m.parts[..], [Part::Missing(p)] if p.name.as_deref() == Some("00000015-blotter 3 November.pdf")))
    });
    assert!(missing);
}

#[test]
fn other_languages_are_imported() {
    for (name, zone, records, special) in [
        (
            "klinik.txt",
            "Europe/Berlin",
            15,
            [Kind::Change, Kind::Change, Kind::Message],
        ),
        (
            "ministere.txt",
            "Europe/Paris",
            18,
            [Kind::Change, Kind::Change, Kind::Membership],
        ),
        (
            "wizara.txt",
            "Asia/Riyadh",
            7,
            [Kind::Change, Kind::Message, Kind::Message],
        ),
        (
            "xiangmu.txt",
            "Asia/Shanghai",
            8,
            [Kind::Change, Kind::Message, Kind::Message],
        ),
    ] {
        let found = import(&demo(name), &[("zone", zone)]);
        assert_eq!(found.losses(), 0, "{name}");
        assert_eq!(found.records.len(), records, "{name}");
        assert_eq!(kinds(&found.records)[..3], special, "{name}");
        assert!(!kinds(&found.records).contains(&Kind::Unknown), "{name}");
        assert_eq!(
            originals(&found.records),
            std::fs::read(demo(name)).unwrap(),
            "{name}"
        );
        let deleted = found.records.iter().filter(|record| {
            matches!(&record.body().content, Content::Message(m) if m.marks == ["deleted"])
        });
        assert_eq!(deleted.count(), 1, "{name}");
    }
}
