use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::sync::mpsc;

use super::*;

fn event(id: u64, what: EventWhat) -> Event {
    Event {
        id,
        at: 1_795_500_000_000,
        what,
        signer: Some("ab".repeat(32)),
        account: Some("cd".repeat(16)),
        count: 1,
        index: Some(7),
    }
}

fn alarms(folder: &std::path::Path, table: &str) -> Alarms {
    let settings: AlarmSettings = toml::from_str(table).unwrap();
    settings.check().unwrap();
    Alarms {
        settings,
        archive: "ef".repeat(32),
        path: folder.join("alarms.json"),
        memory: Memory::default(),
        pauses: BTreeMap::new(),
    }
}

/// Answers one post after the other with these statuses; tells head and body of each.
fn server(statuses: &'static [&'static str]) -> (String, mpsc::Receiver<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        for status in statuses {
            let (mut stream, _) = listener.accept().unwrap();
            let mut bytes = Vec::new();
            let mut some = [0; 4096];
            let (head, length) = loop {
                let read = stream.read(&mut some).unwrap();
                bytes.extend_from_slice(&some[..read]);
                let text = String::from_utf8_lossy(&bytes).into_owned();
                if let Some(end) = text.find("\r\n\r\n") {
                    let length = text.to_lowercase();
                    let length = length.split("content-length: ").nth(1).unwrap();
                    let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
                    break (text[..end].to_owned(), (end + 4, length));
                }
            };
            while bytes.len() < length.0 + length.1 {
                let read = stream.read(&mut some).unwrap();
                bytes.extend_from_slice(&some[..read]);
            }
            let answer =
                format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).unwrap();
            tell.send((head, bytes[length.0..].to_vec())).unwrap();
        }
    });
    (url, told)
}

#[tokio::test]
async fn a_webhook_is_signed_and_tried_again_until_it_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "open sesame\n").unwrap();
    let (url, told) = server(&["503 Away", "200 OK"]);
    let table = format!(
        "[webhook]\nurl = '{url}'\nsecret-file = '{}'\n",
        secret.display()
    );
    let mut alarms = alarms(folder.path(), &table);
    let now = Milliseconds::new(1_795_500_000_500);
    let events = [
        event(3, EventWhat::Unlinked),
        event(4, EventWhat::Connected),
    ];
    alarms.tell(&events, &[], now).await;
    assert_eq!(alarms.after(), 0, "it was not taken");
    // It waits before it tries again.
    alarms.tell(&events, &[], now).await;
    assert_eq!(told.try_iter().count(), 1);
    alarms.pauses.clear();
    alarms.tell(&events, &[], now).await;
    assert_eq!(alarms.after(), 4);
    let (head, body) = told.recv().unwrap();
    let signature = webhook::signature(b"open sesame", 1_795_500_000, &body);
    assert!(
        head.to_lowercase()
            .contains(&format!("greffe-signature: {signature}"))
    );
    let value: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let events = value["events"].as_array().unwrap();
    assert_eq!(events.len(), 1, "a connection is no alarm");
    assert_eq!(events[0]["what"], "unlinked");
    assert_eq!(events[0]["account"], "cd".repeat(16));
    // What was told is remembered.
    let kept: Memory = serde_json::from_slice(&std::fs::read(&alarms.path).unwrap()).unwrap();
    assert_eq!(kept, alarms.memory);
}

#[tokio::test]
async fn in_quiet_hours_only_the_urgent_is_told_and_the_rest_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "s").unwrap();
    let (url, told) = server(&["200 OK", "200 OK"]);
    let table = format!(
        "urgent = ['fork']\nzone = 'Europe/Paris'\nquiet = {{ from = '22:00', until = '07:00' }}\n\
         [webhook]\nurl = '{url}'\nsecret-file = '{}'\n",
        secret.display()
    );
    let mut alarms = alarms(folder.path(), &table);
    let at =
        |text: &str| Milliseconds::new(text.parse::<jiff::Timestamp>().unwrap().as_millisecond());
    let mut events = vec![event(1, EventWhat::Unlinked)];
    alarms.tell(&events, &[], at("2026-11-24T22:00:00Z")).await;
    assert_eq!(alarms.after(), 0);
    events.push(event(2, EventWhat::Fork));
    alarms.tell(&events, &[], at("2026-11-24T23:00:00Z")).await;
    assert_eq!(alarms.after(), 2);
    events.push(event(3, EventWhat::Expired));
    alarms.tell(&events, &[], at("2026-11-25T05:59:00Z")).await;
    assert_eq!(alarms.after(), 2);
    alarms.tell(&events, &[], at("2026-11-25T06:00:00Z")).await;
    assert_eq!(alarms.after(), 3);
    assert_eq!(told.try_iter().count(), 2);
}

#[tokio::test]
async fn syslog_gets_every_event_in_the_form_of_rfc_5424() {
    let folder = tempfile::tempdir().unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let table = format!("[syslog]\nto = 'udp:{}'\n", socket.local_addr().unwrap());
    let mut alarms = alarms(folder.path(), &table);
    let events = [
        event(1, EventWhat::Connected),
        event(2, EventWhat::Unlinked),
    ];
    alarms.tell(&events, &[], Milliseconds::new(0)).await;
    let hear = || {
        let mut bytes = [0; 2048];
        let read = socket.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..read].to_vec()).unwrap()
    };
    let first = hear();
    let words: Vec<&str> = first.split(' ').collect();
    assert_eq!(words[0], "<133>1");
    words[1].parse::<jiff::Timestamp>().unwrap();
    assert_eq!(words[3], "greffe");
    assert_eq!(words[5], "connected");
    assert_eq!(words[6], "[greffe@32473");
    assert!(first.ends_with(&format!("account=\"{}\" index=\"7\"]", "cd".repeat(16))));
    assert!(hear().starts_with("<132>1 "));
    assert_eq!(alarms.after(), 2);
}

#[test]
fn what_can_not_be_done_is_refused() {
    for wrong in [
        "zone = 'Europe/Nowhere'",
        "quiet = { from = '25:00', until = '07:00' }",
        "digest = 'morning'",
        "[mail]\nserver = 'a:25'\nfrom = 'a@b'\nto = []\n",
        "[mail]\nserver = 'a:25'\nuser = 'x'\nfrom = 'a@b'\nto = ['c@d']\n",
    ] {
        let settings: AlarmSettings = toml::from_str(wrong).unwrap();
        assert!(settings.check().is_err(), "{wrong}");
    }
    for wrong in ["unknown = 1", "events = ['nothing']"] {
        assert!(toml::from_str::<AlarmSettings>(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn every_event_has_words_in_every_language() {
    for language in crate::text::LANGUAGES {
        crate::text::with_language(language, || {
            for what in EventWhat::ALL {
                let key = format!("event-{}", what.name());
                assert_ne!(word(&key), key);
            }
        });
    }
}
