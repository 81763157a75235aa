//! Exports of other programs, from the command line to the search: each is recognized, found,
//! and adds nothing the second time.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

fn greffe(folder: &Path, arguments: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_greffe"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("GREFFE_HOME")
        .env("GREFFE_LANG", "en")
        .env("GREFFE_PASSPHRASE_FILE", folder.join("passphrase"))
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[track_caller]
fn json(folder: &Path, arguments: &[&str]) -> Value {
    let output = greffe(folder, &[arguments, &["--json"]].concat());
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn written(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

#[test]
fn exports_of_other_programs_are_imported_and_found() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path();
    written(folder, "passphrase", "correct horse battery\n");
    assert!(greffe(folder, &["init", "--name", "Test"]).status.success());
    written(
        folder,
        "old archive/1.eml",
        "Message-ID: <1@archive>\nX-GlobalRelay-MsgType: WhatsApp\nDate: Tue, 3 Nov 2026 08:01:58 GMT\n\
         From: Anna <anna@bank.example>\nTo: ben@bank.example\nSubject: Chat\n\nthe walnut price\n",
    );
    written(
        folder,
        "old archive/2.eml",
        "Message-ID: <2@archive>\nDate: Tue, 3 Nov 2026 08:02:58 GMT\nFrom: ben@bank.example\n\
         To: anna@bank.example\nReferences: <0@archive>\nSubject: Mail\n\na hazelnut offer\n",
    );
    let event = |n: u32, text: &str| {
        serde_json::json!({"type": "m.room.message", "event_id": format!("${n}"), "room_id": "!r:bank.example",
            "sender": "@anna:bank.example", "origin_server_ts": 1_793_692_918_000_u64 + u64::from(n),
            "content": {"msgtype": "m.text", "body": text}})
    };
    let room = serde_json::json!({"room_name": "Desk", "room_creator": "Anna", "exported_by": "Anna",
        "messages": [event(1, "an almond in the room")]});
    written(folder, "export.json", &room.to_string());
    written(
        folder,
        "sigtop/Ben (+41790000002).json",
        "[\n{\"id\":\"m\",\"conversationId\":\"c\",\"type\":\"incoming\",\"sent_at\":1793692918000,\
         \"sourceServiceId\":\"9d0652a3-dcc3-4d11-975f-74d61598733f\",\"body\":\"a pecan by Signal\"}\n]\n",
    );
    written(
        folder,
        "signal-export/Ben/data.json",
        "{\"date\": \"2026-11-03T09:01:58\", \"sender\": \"Ben\", \"body\": \"a cashew by name  \", \"quote\": \"\", \
         \"sticker\": null, \"reactions\": [], \"attachments\": [], \"deleted\": false, \"call\": false, \"missed\": false}\n",
    );
    written(
        folder,
        "texts.csv",
        "When,Who,What\n2026-11-03T08:01:58Z,+41790000002,a pistachio by text\n",
    );
    written(
        folder,
        "texts.toml",
        "network = \"sms\"\n[columns]\ntime = \"When\"\nsender = \"Who\"\ntext = \"What\"\n",
    );
    let imports: [(&[&str], u64); 5] = [
        (&["old archive", "--me", "anna@bank.example"], 2),
        (&["export.json", "--me", "@anna:bank.example"], 2),
        (&["sigtop"], 1),
        (&["signal-export"], 1),
        (&["texts.csv", "--mapping", "texts.toml"], 1),
    ];
    for (arguments, records) in imports {
        let all = [&["import"], arguments, &["--zone", "UTC"]].concat();
        let first = &json(folder, &all)["imported"];
        assert_eq!(
            (&first["new"], &first["losses"]),
            (&records.into(), &0.into()),
            "{arguments:?}"
        );
        let again = &json(folder, &all)["imported"];
        assert_eq!(
            (&again["new"], &again["known"]),
            (&0.into(), &records.into()),
            "{arguments:?}"
        );
    }
    for query in [
        "walnut network:whatsapp",
        "hazelnut network:email",
        "almond network:matrix",
        "pecan network:signal",
        "cashew network:signal",
        "pistachio network:sms",
    ] {
        assert_eq!(json(folder, &["search", query])["total"], 1, "{query}");
    }
    written(
        folder,
        "texts.toml",
        "[columns]\ntime = \"When\"\nsendr = \"Who\"\n",
    );
    let wrong = greffe(
        folder,
        &[
            "import",
            "texts.csv",
            "--mapping",
            "texts.toml",
            "--zone",
            "UTC",
        ],
    );
    let told = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(
        told.contains("line 3, column 1") && told.contains("sendr"),
        "{told}"
    );
    let help = greffe(folder, &["import", "--help"]);
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    assert!(
        help.contains("[columns]") && help.contains("--mapping"),
        "{help}"
    );
}
