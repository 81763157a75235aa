//! Any bytes: no panic, and every byte of a chat stands in some record's original.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod agent;

use std::io::Write as _;
use std::path::Path;

use agent::{Import, import};
use proptest::prelude::*;
use record::{Content, LossWhy, OriginalContent};
use testkit::chats::{FORMS, TrueChat, telegram_export, whatsapp_export};

fn originals(found: &Import) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (record, files) in found.records.iter().zip(&found.files) {
        match record.original().map(|original| &original.content) {
            Some(OriginalContent::Inline(inline)) => bytes.extend_from_slice(inline),
            Some(OriginalContent::Attached(index)) => {
                bytes.extend_from_slice(&files[index.get() as usize])
            }
            None => {}
        }
    }
    bytes
}

fn chat() -> Vec<u8> {
    let mut bytes = Vec::new();
    whatsapp_export(TrueChat::new(&FORMS[0], 1, 40), &mut bytes).unwrap();
    bytes
}

fn written(folder: &Path, name: &str, bytes: &[u8]) -> std::path::PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..2_000), cut in 0_usize..2_000) {
        imports::fuzz_whatsapp(&bytes);
        imports::fuzz_telegram(&bytes);
        let mut mixed = chat();
        let at = cut.min(mixed.len());
        mixed.splice(at..at, bytes.iter().copied());
        imports::fuzz_whatsapp(&mixed);
        let mut json = Vec::new();
        telegram_export(TrueChat::new(&FORMS[0], 1, 20), &mut json).unwrap();
        let at = cut.min(json.len());
        json.splice(at..at, bytes.iter().copied());
        imports::fuzz_telegram(&json);
    }

    #[test]
    fn every_byte_of_a_chat_is_kept(noise in prop::collection::vec(any::<u8>(), 0..200), at in 0_usize..3_000) {
        let folder = tempfile::tempdir().unwrap();
        let mut bytes = chat();
        let at = at.min(bytes.len());
        bytes.splice(at..at, noise);
        let found = import(&written(folder.path(), "chat.txt", &bytes), &[("zone", "UTC"), ("dates", "dmy")]);
        if found.done.is_some() {
            prop_assert_eq!(originals(&found), bytes);
        }
    }
}

#[test]
fn record_8_a_message_beyond_all_limits_is_kept_as_files() {
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = b"[03/11/2026, 08:01:58] Anna: ".to_vec();
    bytes.resize(20 << 20, b'x');
    bytes.extend_from_slice(b"\n[03/11/2026, 08:01:59] Ben: still here\n");
    let path = written(folder.path(), "chat.txt", &bytes);
    let found = import(&path, &[("zone", "UTC")]);
    assert!(found.losses() >= 2);
    assert_eq!(originals(&found), bytes);
    let last = found.records.last().unwrap();
    assert_eq!(last.searchable_text(), ["still here"]);
    assert!(
        found
            .records
            .iter()
            .any(|record| matches!(&record.body().content,
        Content::Loss(loss) if loss.why == LossWhy::TooLarge))
    );
}

#[test]
fn damaged_lines_are_told_with_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = b"[03/11/2026, 08:01:58] Anna: one\n[03/11/2026, 08:01:59] Ben: two\n".to_vec();
    let at = bytes.len();
    bytes.extend_from_slice(b"\x00\xff\xfegarbage\x00\n[99/99/2026, 08:01:59] Ben: three\n[03/11/2026, 08:02:00] Ben: four\n");
    let found = import(
        &written(folder.path(), "chat.txt", &bytes),
        &[("zone", "UTC")],
    );
    assert_eq!(found.losses(), 2);
    assert_eq!(originals(&found), bytes);
    let losses: Vec<String> = found
        .records
        .iter()
        .filter_map(|record| match &record.body().content {
            Content::Loss(loss) => Some(format!(
                "{} {}",
                loss.place.clone().unwrap(),
                loss.detail.clone().unwrap()
            )),
            _ => None,
        })
        .collect();
    assert_eq!(
        losses[0],
        format!("line 2, byte 33 no text: line 3, byte {at}")
    );
    assert!(losses[1].starts_with("line 4, byte "));
    let texts: Vec<_> = found
        .records
        .iter()
        .flat_map(|record| record.searchable_text())
        .collect();
    for text in ["one", "two", "three", "four"] {
        assert!(texts.contains(&text), "{text}");
    }
}

fn archive(folder: &Path, files: &[(&str, &[u8])]) -> std::path::PathBuf {
    let path = folder.join("WhatsApp Chat - Team.zip");
    let mut writer = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
    for (name, bytes) in files {
        writer
            .start_file(*name, zip::write::SimpleFileOptions::default())
            .unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap();
    path
}

#[test]
fn archives_give_their_files_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let outside = written(folder.path(), "secret.txt.png", b"outside");
    let chat = "[03/11/2026, 08:01:58] Anna: \u{200e}<attached: 00000001-PHOTO.png>\n\
        [03/11/2026, 08:01:59] Anna: \u{200e}<attached: 00000002-Mira.vcf>\n\
        [03/11/2026, 08:02:00] Anna: \u{200e}<attached: ../secret.txt.png>\n\
        [03/11/2026, 08:02:01] Anna: \u{200e}<attached: 00000003-STICKER-1.webp>\n\
        [03/11/2026, 08:02:02] Anna: \u{200e}<attached: 00000004-PHOTO.png>\n";
    let card = b"BEGIN:VCARD\nFN:Mira\nTEL:+49\nEND:VCARD\n";
    // 64 MiB of nothing in a few kilobytes.
    let bomb = vec![0_u8; 64 << 20];
    let path = archive(
        folder.path(),
        &[
            ("_chat.txt", chat.as_bytes()),
            ("00000001-PHOTO.png", b"\x89PNG\r\n\x1a\nrest"),
            ("00000002-Mira.vcf", card),
            ("00000003-STICKER-1.webp", b"RIFF\0\0\0\0WEBPVP8 "),
            ("00000004-PHOTO.png", &bomb),
            ("../secret.txt.png", b"inside"),
        ],
    );
    let found = import(&path, &[("zone", "UTC"), ("dates", "dmy")]);
    assert_eq!(
        found.records[0].envelope().conversation().as_str(),
        "title:Team"
    );
    assert_eq!(found.files[0], [b"\x89PNG\r\n\x1a\nrest".to_vec()]);
    let sniffed = |at: usize| found.records[at].attachments()[0].sniffed_type.clone();
    assert_eq!(sniffed(0).as_deref(), Some("image/png"));
    assert_eq!(sniffed(1).as_deref(), Some("text/vcard"));
    assert!(
        found.records[1]
            .searchable_text()
            .iter()
            .any(|text| text.contains("Mira"))
    );
    assert!(found.files[2].is_empty(), "no path is followed");
    assert_eq!(sniffed(3).as_deref(), Some("image/webp"));
    assert!(found.files[4].is_empty());
    assert_eq!(found.losses(), 1);
    assert_eq!(std::fs::read(outside).unwrap(), b"outside");
}

#[test]
fn an_archive_that_is_cut_off_gives_what_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let noise: Vec<u8> = (0..40_000_u64)
        .flat_map(|n| (n * n * 0x9e37_79b9).to_le_bytes())
        .collect();
    let chat = "[03/11/2026, 08:01:58] Anna: \u{200e}<attached: 00000001-PHOTO.png>\n\
        [03/11/2026, 08:02:02] Anna: \u{200e}<attached: 00000004-PHOTO.png>\n";
    let path = archive(
        folder.path(),
        &[
            ("_chat.txt", chat.as_bytes()),
            ("00000001-PHOTO.png", b"\x89PNG\r\n\x1a\nrest"),
            ("00000004-PHOTO.png", &noise),
        ],
    );
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let found = import(&path, &[("zone", "UTC"), ("dates", "dmy")]);
    assert_eq!(
        found.records[0].envelope().conversation().as_str(),
        "title:Team"
    );
    assert_eq!(found.files[0], [b"\x89PNG\r\n\x1a\nrest".to_vec()]);
    assert!(found.files[1].is_empty());
    assert_eq!(found.losses(), 2);
    let places: Vec<String> = found
        .records
        .iter()
        .filter_map(|record| match &record.body().content {
            Content::Loss(loss) => loss.place.clone(),
            _ => None,
        })
        .collect();
    assert!(
        places
            .iter()
            .all(|place| place.starts_with("archive, byte ")),
        "{places:?}"
    );
    // Cut within the chat itself.
    let mut long = String::from("[03/11/2026, 08:01:58] Anna: one\n");
    for (number, noise) in noise.chunks(16).enumerate().take(2_000) {
        long.push_str(&format!("[03/11/2026, 08:02:58] Ben: {number} {noise:?}\n"));
    }
    let path = archive(folder.path(), &[("_chat.txt", long.as_bytes())]);
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let found = import(&path, &[("zone", "UTC"), ("dates", "dmy")]);
    assert!(found.losses() >= 1);
    assert!(found.records.len() > 500);
    assert!(long.as_bytes().starts_with(&originals(&found)));
}

#[test]
fn conn_7_a_chat_continues_behind_its_position() {
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = Vec::new();
    whatsapp_export(TrueChat::new(&FORMS[1], 5, 3_000), &mut bytes).unwrap();
    let path = written(folder.path(), "chat.txt", &bytes);
    let settings = [("zone", "Europe/Zurich"), ("dates", "dmy")];
    let whole = import(&path, &settings);
    let (count, position) = whole.positions[0].clone();
    assert!(count < whole.records.len());
    let rest = agent::import_from(&path, &settings, Some(position));
    let ids =
        |records: &[record::Record]| -> Vec<_> { records.iter().map(record::Record::id).collect() };
    assert_eq!(ids(&rest.records), ids(&whole.records[count..]));
}

#[test]
fn a_streamed_archive_that_is_cut_off_gives_what_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("WhatsApp Chat - Team.zip");
    let file = std::fs::File::create(&path).unwrap();
    // Sizes stand behind the entries, as phones write them.
    let mut writer = zip::ZipWriter::new_stream(file);
    let chat = "[03/11/2026, 08:01:58] Anna: \u{200e}<attached: 00000001-PHOTO.png>\n";
    for (name, bytes) in [
        ("00000001-PHOTO.png", &b"\x89PNG\r\n\x1a\nrest"[..]),
        ("_chat.txt", chat.as_bytes()),
    ] {
        writer
            .start_file(name, zip::write::SimpleFileOptions::default())
            .unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap();
    let whole = std::fs::read(&path).unwrap();
    assert!(whole.windows(4).any(|window| window == b"PK\x07\x08"));
    let central = whole
        .windows(4)
        .position(|window| window == b"PK\x01\x02")
        .unwrap();
    std::fs::write(&path, &whole[..central]).unwrap();
    let found = import(&path, &[("zone", "UTC"), ("dates", "dmy")]);
    assert_eq!(found.losses(), 1);
    assert_eq!(originals(&found), chat.as_bytes());
    assert_eq!(found.files[0], [b"\x89PNG\r\n\x1a\nrest".to_vec()]);
}
