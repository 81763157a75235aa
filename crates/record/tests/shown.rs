//! What a record shows: all texts to search, none to a log.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[allow(dead_code, reason = "other users of the module use more of it")]
mod samples;

use record::*;
use samples::all;
use samples::described::describe;
use serde_json::Value;

/// The `Debug` of everything that carries content, word for word.
#[test]
fn debug_shows_sizes_only() {
    let sample = |name: &str| {
        all()
            .into_iter()
            .find(|sample| sample.name == name)
            .unwrap()
            .record
    };
    let record = sample("message-attachments");
    let Content::Message(message) = &record.body().content else {
        panic!("a message")
    };
    let lines = [
        format!("{record:?}"),
        format!("{:?}", record.envelope()),
        format!("{:?}", record.envelope().account()),
        format!("{:?}", record.envelope().network()),
        format!("{:?}", record.participants()),
        format!("{:?}", record.participants().sender),
        format!("{:?}", record.participants().sender.as_ref().unwrap().id),
        format!("{:?}", record.body()),
        format!("{:?}", record.body().content),
        format!("{:?}", message.parts),
        format!("{:?}", record.original().unwrap()),
        format!("{:?}", record.original().unwrap().content),
        format!("{:?}", record.attachments()[0]),
        format!("{:?}", record.parts()),
        format!("{:?}", sample("unknown").original().unwrap().content),
    ];
    assert_eq!(lines.join("\n"), include_str!("shown.txt").trim_end());
}

/// Every text of these samples is either found by search or stands in this list with its reason.
#[test]
fn every_text_that_people_read_is_searchable() {
    let not_read = [
        // What a thing is, in the words of the format or the network.
        "image",
        "voice",
        "bold",
        "mention",
        "link",
        "mixed",
        "sphfeed",
        "title",
        "pin",
        "typing",
        "unlinked",
        "pinned",
        "frequently-forwarded",
        "image/jpeg",
        "image/png",
        "audio/ogg",
        "text/plain",
        "level",
        "msgtype",
        "sub_type",
        "TEL;type=WORK",
        // Ids, references and places in a source.
        "9acc9e8aba563d26a4994e69263e3b25",
        "4",
        "0",
        "wamid.HBgN",
        "media/7421",
        "wamid.A",
        "wamid.B",
        "81",
        "82",
        "90",
        "$eventid:example.org",
        "$pinned:example.org",
        "3EB0C431C26A1916E07A",
        "120363000000000001@g.us",
        "7512981",
        "line 4711",
        "wa:4915700000002",
        "wa:4915700000003",
        "wa:4915700000004",
        "wa:4915700000009",
        "name:Ines",
        "name:~ Hidden 1",
        "user:481516",
        "admin",
        "wecom:wmErxtDgAA9AW32YyyuYRimKr7D1KWlw",
        "aci:8c78cd2a-16ff-427d-83dc-1a5e36ce713d",
        "tel:+491700000001",
    ];
    for sample in all() {
        let found = sample.record.searchable_text();
        let mut there = texts(sample.record.parts().body());
        for attachment in sample.record.attachments() {
            there.extend(texts(&canonical::to_bytes(attachment)));
        }
        for text in &there {
            assert!(
                found.contains(&text.as_str()) || not_read.contains(&text.as_str()),
                "{}: {text} is not found",
                sample.name
            );
        }
        for text in found {
            assert!(
                there.iter().any(|there| there == text),
                "{}: {text}",
                sample.name
            );
        }
    }
}

#[test]
fn former_texts_are_told_from_present_ones() {
    let edit = all()
        .into_iter()
        .find(|sample| sample.name == "edit")
        .unwrap()
        .record;
    let mut found = Vec::new();
    edit.visit_texts(&mut |place, text| found.push((place, text)));
    assert_eq!(
        found,
        [
            (TextPlace::Text, "Kurs 101,25"),
            (TextPlace::Former, "Kurs 102,25")
        ]
    );
}

/// Every text string of an encoded part.
fn texts(bytes: &[u8]) -> Vec<String> {
    fn walk(value: &Value, texts: &mut Vec<String>) {
        match value {
            Value::String(text) => texts.push(text.clone()),
            Value::Array(items) => items.iter().for_each(|item| walk(item, texts)),
            Value::Object(entries) if !entries.contains_key("h") => {
                entries.values().for_each(|value| walk(value, texts));
            }
            _ => {}
        }
    }
    let mut texts = Vec::new();
    walk(&describe(bytes), &mut texts);
    texts
}
