//! CSV and JSON lines with a mapping: what it explains, what is damaged, what is wrong with it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod agent;

use std::path::{Path, PathBuf};

use agent::{Import, import, import_from};
use record::{Assurance, Content, Direction, OriginalContent, Part, Record};

const MAPPING: &str = r#"
network = "sms"

[columns]
time = "Sent"
sender = "From"
sender-name = "Name"
recipients = "To"
conversation = "Thread"
text = "Body"
id = "Id"
network = "Channel"
kind = "Type"
direction = "Dir"
attachments = "Files"

[time]
format = "%d.%m.%Y %H:%M:%S"
zone = "Europe/Zurich"

[direction]
outgoing = ["out"]
incoming = ["in"]

[csv]
delimiter = ";"
"#;

const HEADER: &str = "Id;Sent;From;Name;To;Thread;Body;Channel;Type;Dir;Files;Cost\n";

fn written(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, bytes).unwrap();
    path
}

fn fatal(found: &Import) -> String {
    let trouble = found.troubles.last().unwrap();
    assert!(trouble.fatal && found.done.is_none());
    let facts: Vec<&str> = trouble.facts.iter().map(|fact| fact.1.as_str()).collect();
    format!("{} {}", trouble.key, facts.join(" "))
}

fn losses(found: &Import) -> Vec<String> {
    let records = found.records.iter();
    records
        .filter_map(|record| match &record.body().content {
            Content::Loss(loss) => Some(format!(
                "{}: {}",
                loss.place.clone().unwrap(),
                loss.detail.clone().unwrap()
            )),
            _ => None,
        })
        .collect()
}

fn field<'r>(record: &'r Record, name: &str) -> Option<&'r str> {
    let mut fields = record.body().fields.iter();
    Some(fields.find(|field| field.name == name)?.value.as_str())
}

#[test]
fn rows_are_messages_as_the_mapping_says() {
    let folder = tempfile::tempdir().unwrap();
    let rows = "m1;3.11.2026 9:01:58;+41 79 000 00 01;Anna;+41790000002;t-1;\"Hi; \"\"you\"\"\nthere\";WhatsApp;text;out;files\\plan.pdf;0.05\n\
        m2;3.11.2026 9:02:58;+41790000002;Ben;+41790000001;t-1;ok;;text;in;gone.png;\n";
    let path = written(
        folder.path(),
        "texts.csv",
        format!("\u{feff}{HEADER}{rows}"),
    );
    written(folder.path(), "files/plan.pdf", b"%PDF-1.7");
    let found = import(&path, &[("mapping", MAPPING)]);
    assert_eq!((found.records.len(), found.losses()), (2, 0));
    let [one, two] = &found.records[..] else {
        panic!("two rows")
    };
    let envelope = one.envelope();
    assert_eq!(envelope.network().as_str(), "whatsapp");
    assert_eq!(two.envelope().network().as_str(), "sms");
    assert_eq!(envelope.assurance(), Assurance::Export);
    assert_eq!(envelope.source_id().as_str(), "m1");
    assert_eq!(envelope.conversation().as_str(), "t-1");
    assert_eq!(envelope.direction(), Direction::Outgoing);
    let sent = envelope.times().sent.unwrap();
    assert_eq!(
        (sent.at.get(), sent.offset.unwrap().get()),
        (1_793_692_918_000, 60)
    );
    let sender = one.participants().sender.as_ref().unwrap();
    assert_eq!(sender.id.as_str(), "tel:+41790000001");
    assert_eq!(sender.aliases[0].name, "Anna");
    assert_eq!(
        one.participants().recipients[0].id.as_str(),
        "tel:+41790000002"
    );
    let Content::Message(message) = &one.body().content else {
        panic!("a message")
    };
    assert!(
        matches!(&message.parts[..], [Part::Text(text), Part::Media(_)] if text.text == "Hi; \"you\"\nthere")
    );
    assert_eq!(found.files[0], [b"%PDF-1.7".to_vec()]);
    assert_eq!(
        (field(one, "kind"), field(one, "column.Cost")),
        (Some("text"), Some("0.05"))
    );
    let Content::Message(message) = &two.body().content else {
        panic!("a message")
    };
    assert!(
        matches!(&message.parts[1], Part::Missing(missing) if missing.name.as_deref() == Some("gone.png"))
    );
    let originals: String = found
        .records
        .iter()
        .map(|record| match &record.original().unwrap().content {
            OriginalContent::Inline(bytes) => String::from_utf8(bytes.clone()).unwrap(),
            OriginalContent::Attached(_) => panic!("inline"),
        })
        .collect();
    assert_eq!(originals, rows);
}

#[test]
fn rows_that_are_damaged_are_named_by_line_and_column() {
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = HEADER.as_bytes().to_vec();
    bytes.extend_from_slice(b"m1;yesterday;a;A;b;t;one;;;;;\n");
    bytes.extend_from_slice(b"m2;3.11.2026 9:02:58;a;A;b;t;caf\xe9;;;;;\n");
    bytes.extend_from_slice(b"m3;3.11.2026 9:03:58;a;A;b;t;three;;;;;;too;many\n");
    bytes.extend_from_slice(b"m4;3.11.2026 9:04:58;a;A;b;t;\"open;;;;;\n");
    bytes.extend_from_slice(b"m5;3.11.2026 9:05:58;a;A;b;t;five;;;;;\n");
    let found = import(
        &written(folder.path(), "x.csv", bytes),
        &[("mapping", MAPPING)],
    );
    let losses = losses(&found);
    assert_eq!(losses.len(), 4, "{losses:?}");
    assert!(
        losses[0].starts_with("line 2: column Sent: \"yesterday\""),
        "{losses:?}"
    );
    assert!(losses[1].starts_with("line 3: column 7: "), "{losses:?}");
    assert!(losses[2].starts_with("line 4: 14 cells"), "{losses:?}");
    assert!(
        losses[3].starts_with("line 5: a quotation mark"),
        "{losses:?}"
    );
    let texts: Vec<&str> = found
        .records
        .iter()
        .flat_map(Record::searchable_text)
        .collect();
    for text in ["one", "three", "five", "yesterday"] {
        assert!(texts.contains(&text), "{text}");
    }
}

#[test]
fn what_is_wrong_with_a_mapping_is_said_before_anything_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(
        folder.path(),
        "x.csv",
        "When,Who,What\n2026-11-03T08:01:58Z,a,b\n",
    );
    let wrong = fatal(&import(
        &path,
        &[("mapping", "[columns]\ntime = \"When\"\nsendr = \"Who\"\n")],
    ));
    assert!(
        wrong.starts_with("import-mapping line 3, column 1: unknown field `sendr`"),
        "{wrong}"
    );
    let wrong = fatal(&import(
        &path,
        &[("mapping", "[columns]\ntime = \"When\"\nsender = \"Whom\"\n")],
    ));
    assert_eq!(wrong, "import-mapping-column Whom 1 When, Who, What");
}

#[test]
fn json_lines_are_read_by_names_and_pointers() {
    let folder = tempfile::tempdir().unwrap();
    let mapping = "network = \"teams\"\n[columns]\ntime = \"at\"\nsender = \"/from/mail\"\nsender-name = \"/from/name\"\nrecipients = \"to\"\ntext = \"body\"\n";
    let lines = "{\"at\": \"2026-11-03T08:01:58Z\", \"from\": {\"mail\": \"Ann@x.example\", \"name\": \"Ann\"}, \"to\": [\"b@x.example\", \"c@x.example\"], \"body\": \"one\", \"n\": 7}\n\
        {\"at\": \"2026-11-03T08:01:58Z\", \"from\": {\"mail\": \"Ann@x.example\"}, \"body\": \"same\"}\n\
        {\"at\": \"2026-11-03T08:01:58Z\", \"from\": {\"mail\": \"Ann@x.example\"}, \"body\": \"same\"}\n\
        {\"at\": broken}\n\
        {\"at\": \"2026-11-03T08:02:58Z\", \"body\": \"last\"}";
    let path = written(folder.path(), "team.jsonl", lines);
    let found = import(&path, &[("mapping", mapping)]);
    assert_eq!(found.losses(), 1);
    assert!(
        losses(&found)[0].starts_with("line 4: column "),
        "{:?}",
        losses(&found)
    );
    assert_eq!(found.records.len(), 5);
    let one = &found.records[0];
    assert_eq!(one.envelope().network().as_str(), "teams");
    assert_eq!(one.envelope().conversation().as_str(), "title:team");
    let sender = one.participants().sender.as_ref().unwrap();
    assert_eq!(
        (sender.id.as_str(), sender.aliases[0].name.as_str()),
        ("email:ann@x.example", "Ann")
    );
    assert_eq!(one.participants().recipients.len(), 2);
    assert_eq!(field(one, "column.n"), Some("7"));
    let again = import(&path, &[("mapping", mapping), ("zone", "Asia/Tokyo")]);
    let ids = |found: &Import| found.records.iter().map(Record::id).collect::<Vec<_>>();
    assert_eq!(ids(&again), ids(&found));
}

#[test]
fn conn_7_a_table_continues_behind_its_position() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = "When,Who,What\n".to_owned();
    for number in 0..3_000 {
        text.push_str(&format!(
            "2026-11-03T08:{:02}:00Z,a,row {}\n",
            number / 60,
            number % 50
        ));
    }
    let path = written(folder.path(), "x.csv", text);
    let mapping = "[columns]\ntime = \"When\"\nsender = \"Who\"\ntext = \"What\"\n";
    let whole = import(&path, &[("mapping", mapping)]);
    assert_eq!((whole.records.len(), whole.losses()), (3_000, 0));
    let (count, position) = whole.positions[0].clone();
    let rest = import_from(&path, &[("mapping", mapping)], Some(position));
    let ids = |records: &[Record]| records.iter().map(Record::id).collect::<Vec<_>>();
    assert_eq!(ids(&rest.records), ids(&whole.records[count..]));
}
