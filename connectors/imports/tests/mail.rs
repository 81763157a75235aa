//! Messages as files: one, many, in folders and archives, in journal envelopes, damaged.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod agent;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use agent::{Import, import, import_from};
use record::{Assurance, Content, Direction, LossWhy, Mode, OriginalContent, Part, Record};

const PDF: &[u8] = b"%PDF-1.7 a contract";

/// A message as a mail program writes it.
fn letter(id: &str, before: &str, text: &str) -> String {
    let references = match before {
        "" => String::new(),
        before => {
            format!("References: <root@bank.example> <{before}>\r\nIn-Reply-To: <{before}>\r\n")
        }
    };
    format!(
        "Received: from a by b; Tue, 3 Nov 2026 09:02:00 +0100\r\nMessage-ID: <{id}>\r\n{references}\
         Date: Tue, 3 Nov 2026 09:01:58 +0100\r\nFrom: Anna Keller <Anna.Keller@bank.example>\r\n\
         To: \"Ben, the other\" <ben@bank.example>, =?utf-8?q?Z=C3=B6e?= <zoe@fund.example>\r\n\
         Cc: +41790000002@sms.archive.example\r\nSubject: Re: Fixing of =?iso-8859-1?q?caf=E9?=\r\n\
         X-Desk: rates\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"=_1\"\r\n\r\n\
         --=_1\r\nContent-Type: multipart/alternative; boundary=2\r\n\r\n--2\r\n\
         Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n{text}\r\n\
         --2\r\nContent-Type: text/html\r\n\r\n<p>{text}</p>\r\n--2--\r\n\
         --=_1\r\nContent-Type: application/pdf; name=\"../term sheet.pdf\"\r\n\
         Content-Disposition: attachment; filename=\"../term sheet.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\n\
         JVBERi0xLjcgYSBjb250cmFjdA==\r\n--=_1--\r\n"
    )
}

fn written(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, bytes).unwrap();
    path
}

fn zipped(folder: &Path, files: &[(&str, &[u8])]) -> PathBuf {
    let path = folder.join("export.zip");
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

fn inline(record: &Record) -> &[u8] {
    match &record.original().unwrap().content {
        OriginalContent::Inline(bytes) => bytes,
        OriginalContent::Attached(_) => panic!("small originals stand in their records"),
    }
}

fn field<'r>(record: &'r Record, name: &str) -> Option<&'r str> {
    let mut fields = record.body().fields.iter();
    Some(fields.find(|field| field.name == name)?.value.as_str())
}

fn text(record: &Record) -> &str {
    let Content::Message(message) = &record.body().content else {
        panic!("a message")
    };
    match &message.parts[0] {
        Part::Text(text) => &text.text,
        _ => panic!("a text"),
    }
}

fn ids(found: &Import) -> Vec<record::RecordId> {
    found.records.iter().map(Record::id).collect()
}

fn losses(found: &Import) -> Vec<(LossWhy, String, String)> {
    let records = found.records.iter();
    records
        .filter_map(|record| match &record.body().content {
            Content::Loss(loss) => Some((
                loss.why,
                loss.place.clone().unwrap(),
                loss.detail.clone().unwrap(),
            )),
            _ => None,
        })
        .collect()
}

#[test]
fn a_message_is_read_as_a_whole() {
    let folder = tempfile::tempdir().unwrap();
    let message = letter("2@bank.example", "1@bank.example", "4 =E2=82=AC a seat");
    let path = written(folder.path(), "one.eml", &message);
    let found = import(&path, &[("me", "anna.keller@bank.example")]);
    assert_eq!(found.losses(), 0);
    assert_eq!(found.hello.as_ref().unwrap().network, "mixed");
    let [record] = &found.records[..] else {
        panic!("one message")
    };
    let envelope = record.envelope();
    assert_eq!(envelope.network().as_str(), "email");
    assert_eq!(
        (envelope.assurance(), envelope.mode()),
        (Assurance::Export, Mode::Import)
    );
    assert_eq!(envelope.source_id().as_str(), "2@bank.example");
    assert_eq!(envelope.conversation().as_str(), "thread:root@bank.example");
    assert_eq!(envelope.direction(), Direction::Outgoing);
    let sent = envelope.times().sent.unwrap();
    assert_eq!(
        (sent.at.get(), sent.offset.unwrap().get()),
        (1_793_692_918_000, 60)
    );
    assert_eq!(
        envelope.times().received.unwrap().at.get(),
        1_793_692_920_000
    );
    let people = record.participants();
    assert_eq!(
        people.sender.as_ref().unwrap().id.as_str(),
        "email:anna.keller@bank.example"
    );
    let to: Vec<_> = people
        .recipients
        .iter()
        .map(|one| (one.id.as_str(), one.role.as_deref().unwrap()))
        .collect();
    assert_eq!(
        to,
        [
            ("email:ben@bank.example", "to"),
            ("email:zoe@fund.example", "to"),
            ("email:+41790000002@sms.archive.example", "cc")
        ]
    );
    assert_eq!(people.recipients[1].aliases[0].name, "Zöe");
    assert_eq!(people.recipients[2].aliases[0].name, "+41790000002");
    assert_eq!(people.conversation.title.as_deref(), Some("Fixing of café"));
    assert_eq!(field(record, "subject"), Some("Re: Fixing of café"));
    assert_eq!(field(record, "header.x-desk"), Some("rates"));
    assert_eq!(text(record), "4 € a seat");
    let Content::Message(said) = &record.body().content else {
        panic!("a message")
    };
    assert_eq!(
        said.in_reply_to.as_ref().unwrap().source_id.as_str(),
        "1@bank.example"
    );
    assert_eq!(
        said.parts.len(),
        2,
        "the same text as HTML is not said twice"
    );
    let attachment = &record.attachments()[0];
    assert_eq!(
        attachment.name.as_deref(),
        Some("term sheet.pdf"),
        "no path"
    );
    assert_eq!(attachment.sniffed_type.as_deref(), Some("application/pdf"));
    assert_eq!(found.files[0], [PDF.to_vec()]);
    assert_eq!(inline(record), message.as_bytes());
}

#[test]
fn the_same_messages_are_the_same_records_wherever_they_come_from() {
    let folder = tempfile::tempdir().unwrap();
    let one = letter("1@bank.example", "", "one");
    let two = letter("2@bank.example", "1@bank.example", "two");
    let none = "From: a@b.example\nTo: c@d.example\nSubject: no id\n\nthree\n";
    let files = [
        ("a/1.eml", one.as_bytes()),
        ("b/2.eml", two.as_bytes()),
        ("b/3.eml", none.as_bytes()),
    ];
    for (name, bytes) in files {
        written(&folder.path().join("tree"), name, bytes);
    }
    written(&folder.path().join("tree"), "manifest.mf", "Count:3\n");
    let tree = import(&folder.path().join("tree"), &[]);
    assert_eq!((tree.records.len(), tree.losses()), (3, 0));
    // The file of another kind is told of.
    assert_eq!(tree.trouble_keys(), ["import-files-left"]);
    let zip = import(&zipped(folder.path(), &files), &[]);
    assert_eq!(ids(&zip), ids(&tree));
    assert_eq!(zip.files, tree.files);
    let mut mbox = Vec::new();
    for (_, bytes) in files {
        mbox.extend_from_slice(b"From - Tue Nov  3 09:01:58 2026\n");
        mbox.extend_from_slice(bytes);
        mbox.extend_from_slice(b"\n");
    }
    let path = written(folder.path(), "all.mbox", &mbox);
    let found = import(&path, &[]);
    assert_eq!(found.losses(), 0);
    assert_eq!(ids(&found)[..2], ids(&tree)[..2]);
    let all: Vec<u8> = found
        .records
        .iter()
        .flat_map(|record| inline(record).to_vec())
        .collect();
    assert_eq!(all, mbox, "every byte of the mailbox is in some record");
    assert_eq!(ids(&import(&path, &[])), ids(&found));
}

#[test]
fn lines_that_mailboxes_mark_are_read_without_the_mark() {
    let folder = tempfile::tempdir().unwrap();
    let mbox = "From a Tue Nov  3 09:01:58 2026\nMessage-ID: <1@b>\nFrom: a@b.example\n\n>From the desk\n>>From it\nFrom within\n\nFrom b Tue Nov  3 09:02:58 2026\nMessage-ID: <2@b>\nFrom: c@d.example\n\ntwo\n";
    let found = import(&written(folder.path(), "x.mbox", mbox), &[]);
    assert_eq!(found.records.len(), 2);
    assert_eq!(
        text(&found.records[0]),
        "From the desk\n>From it\nFrom within"
    );
    assert_eq!(
        field(&found.records[1], "mbox.from"),
        Some("From b Tue Nov  3 09:02:58 2026")
    );
}

#[test]
fn journal_reports_say_whom_a_message_reached() {
    let folder = tempfile::tempdir().unwrap();
    let inner = letter("7@bank.example", "", "the rate");
    let report = format!(
        "From: <journal@bank.example>\r\nMessage-ID: <report-1@bank.example>\r\nX-MS-Journal-Report:\r\n\
         Content-Type: multipart/mixed; boundary=J\r\n\r\n--J\r\nContent-Type: text/plain\r\n\r\n\
         Sender: anna.keller@bank.example\r\nSubject: Fixing\r\nMessage-Id: <7@bank.example>\r\n\
         To: ben@bank.example\r\nRecipient: dan@bank.example, Expanded: desk@bank.example\r\n\
         Bcc: secret@rival.example\r\n\r\n--J\r\nContent-Type: message/rfc822\r\n\r\n{inner}\r\n--J--\r\n"
    );
    let found = import(&written(folder.path(), "report.eml", &report), &[]);
    assert_eq!(found.losses(), 0);
    let [record] = &found.records[..] else {
        panic!("one message")
    };
    // The id is the message's: the same one from a mailbox is no second.
    let plain = import(&written(folder.path(), "plain.eml", &inner), &[]);
    assert_eq!(record.id(), plain.records[0].id());
    assert_eq!(text(record), "the rate");
    assert_eq!(
        field(record, "journal.sender"),
        Some("anna.keller@bank.example")
    );
    assert_eq!(
        field(record, "journal.dan@bank.example"),
        Some("Expanded: desk@bank.example")
    );
    let blind: Vec<_> = record.participants().recipients[3..]
        .iter()
        .map(|one| (one.id.as_str(), one.role.as_deref().unwrap()))
        .collect();
    assert_eq!(
        blind,
        [
            ("email:dan@bank.example", "recipient"),
            ("email:secret@rival.example", "bcc")
        ]
    );
    assert_eq!(inline(record), report.as_bytes());
    assert_eq!(found.files[0], [PDF.to_vec()]);
}

#[test]
fn archives_say_from_which_network_a_message_was() {
    let folder = tempfile::tempdir().unwrap();
    let chat = |kind: &str| {
        format!(
            "Message-ID: <{}@archive>\nX-GlobalRelay-MsgType: {kind}\nX-Smarsh-Conversation-Id: c-9\n\
             From: +41790000001@archive.example\nTo: +41790000002@archive.example\n\
             Date: Tue, 3 Nov 2026 08:01:58 GMT\nSubject: Chat\n\nhello\n",
            kind.len()
        )
    };
    written(folder.path(), "1.eml", chat("WhatsApp Archiver"));
    written(folder.path(), "2.eml", chat("Mail"));
    let found = import(folder.path(), &[]);
    let networks: Vec<_> = found
        .records
        .iter()
        .map(|record| record.envelope().network().as_str())
        .collect();
    assert_eq!(networks, ["whatsapp", "email"]);
    assert_eq!(found.records[0].envelope().conversation().as_str(), "c-9");
    assert_eq!(
        field(&found.records[0], "header.x-globalrelay-msgtype"),
        Some("WhatsApp Archiver")
    );
}

#[test]
fn damage_is_said_and_the_rest_is_imported() {
    let folder = tempfile::tempdir().unwrap();
    let whole = letter("1@bank.example", "", "whole");
    written(folder.path(), "1.eml", &whole);
    // Cut within its attachment.
    written(
        folder.path(),
        "2.eml",
        letter("2@bank.example", "", "cut")
            .trim_end()
            .trim_end_matches('-')
            .trim_end_matches("=_1"),
    );
    written(
        folder.path(),
        "3.eml",
        b"From: a@b.example\nTo: c@d.example\nContent-Type: text/plain; charset=utf-8\n\ncaf\xe9\n",
    );
    written(folder.path(), "4.eml", b"");
    written(
        folder.path(),
        "5.eml",
        b"\0\x01\x02 nothing of a message \xff",
    );
    let found = import(folder.path(), &[]);
    assert_eq!(text(&found.records[0]), "whole");
    let losses = losses(&found);
    let at = |name: &str| losses.iter().any(|(_, place, _)| place == name);
    assert!(!at("1.eml"));
    assert!(at("2.eml") && at("3.eml") && at("4.eml"), "{losses:?}");
    assert!(
        losses
            .iter()
            .any(|(_, _, detail)| detail.contains("charset (utf-8)"))
    );
    let odd = found
        .records
        .iter()
        .find(|record| record.original().is_some() && inline(record).starts_with(b"\0\x01\x02"));
    assert!(odd.is_some(), "what is no message is kept");
}

#[test]
fn what_is_deep_or_many_ends_at_its_limits() {
    let folder = tempfile::tempdir().unwrap();
    let mut deep = String::new();
    for level in 0..2_000 {
        deep.push_str(&format!(
            "From: a@b.example\nTo: c@d.example\nContent-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n"
        ));
    }
    written(folder.path(), "1.eml", deep);
    let nested =
        "From: a@b.example\nTo: c@d.example\nContent-Type: message/rfc822\n\n".repeat(5_000);
    written(folder.path(), "2.eml", &nested);
    let parts = format!(
        "From: a@b.example\nTo: c@d.example\nContent-Type: multipart/mixed; boundary=x\n\n{}--x--\n",
        "--x\nContent-Type: image/png\n\n\u{89}PNG\n".repeat(4_000)
    );
    written(folder.path(), "3.eml", parts);
    let fields = format!(
        "From: a@b.example\nTo: c@d.example\n{}\n\nbody",
        "X-A: b\n".repeat(50_000)
    );
    written(folder.path(), "4.eml", fields);
    let found = import(folder.path(), &[]);
    let limits = losses(&found);
    for name in ["1.eml", "3.eml", "4.eml"] {
        assert!(
            limits
                .iter()
                .any(|(why, place, _)| *why == LossWhy::Limit && place == name),
            "{name}: {limits:?}"
        );
    }
    let files: usize = found.files.iter().map(Vec::len).sum();
    assert!(files <= 1_010);
}

#[test]
fn a_cut_archive_gives_what_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let one = letter("1@bank.example", "", "one");
    let two = letter("2@bank.example", "", "two");
    let path = zipped(
        folder.path(),
        &[("1.eml", one.as_bytes()), ("2.eml", two.as_bytes())],
    );
    let bytes = std::fs::read(&path).unwrap();
    let central = bytes
        .windows(4)
        .position(|window| window == b"PK\x01\x02")
        .unwrap();
    std::fs::write(&path, &bytes[..central]).unwrap();
    let found = import(&path, &[]);
    assert_eq!(found.records.len(), 3);
    assert_eq!(found.losses(), 1);
    assert_eq!(text(&found.records[1]), "two");
}

#[test]
fn conn_7_a_mailbox_continues_behind_its_position() {
    let folder = tempfile::tempdir().unwrap();
    let mut mbox = String::new();
    for number in 0..1_500 {
        mbox.push_str(&format!(
            "From a Tue Nov  3 09:01:58 2026\nMessage-ID: <{number}@b>\nFrom: a@b.example\nTo: c@d.example\n\nmessage {number}\n\n"
        ));
    }
    let path = written(folder.path(), "x.mbox", mbox);
    let whole = import(&path, &[]);
    assert_eq!((whole.records.len(), whole.losses()), (1_500, 0));
    let (count, position) = whole.positions[0].clone();
    assert!(count < whole.records.len());
    let rest = import_from(&path, &[], Some(position));
    assert_eq!(ids(&rest), ids(&whole)[count..]);
}
