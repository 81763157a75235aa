//! Telegram Desktop's form of the same chats.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::{TrueChat, TrueEvent, TrueWhat};

/// Writes a chat as `result.json`: message `n` is the event `n` from 1. Events that Telegram does
/// not export (deleted ones) are left out.
///
/// # Errors
///
/// When writing fails.
pub fn telegram_export(chat: TrueChat, output: &mut impl Write) -> io::Result<()> {
    output.write_all(b"{\n \"name\": \"Budget 2026\",\n \"type\": \"private_supergroup\",\n \"id\": 1900000007,\n \"messages\": [")?;
    let mut first = true;
    for (event, id) in chat.zip(1_u64..) {
        let Some(message) = message(&event, id) else {
            continue;
        };
        output.write_all(if first { b"\n  " } else { b",\n  " })?;
        first = false;
        serde_json::to_writer_pretty(&mut *output, &message)?;
    }
    output.write_all(b"\n ]\n}")
}

fn message(event: &TrueEvent, id: u64) -> Option<Value> {
    let ((year, month, day), (hour, minute, second)) = (event.when.date, event.when.time);
    let date = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    let mut message = json!({ "id": id, "type": "message", "date": date });
    let author = event.author.as_str();
    let user: u64 = author
        .bytes()
        .fold(5_000, |id, byte| (id * 31 + u64::from(byte)) % 1_000_000);
    let said = json!({ "from": author, "from_id": format!("user{user}") });
    let did = json!({ "type": "service", "actor": author, "actor_id": format!("user{user}") });
    let more = match &event.what {
        TrueWhat::Encryption | TrueWhat::Deleted => return None,
        TrueWhat::Created(title) => vec![
            did,
            json!({ "action": "create_channel", "title": title, "text": "" }),
        ],
        TrueWhat::Added(member) => vec![
            did,
            json!({ "action": "invite_members", "members": [member], "text": "" }),
        ],
        TrueWhat::Left => vec![
            did,
            json!({ "action": "remove_members", "members": [author], "text": "" }),
        ],
        TrueWhat::Text(text) => vec![
            said,
            json!({ "text": text, "text_entities": [{ "type": "plain", "text": text }] }),
        ],
        TrueWhat::Edited(text) => vec![said, json!({ "edited": date, "text": text })],
        TrueWhat::Omitted => vec![
            said,
            json!({
                "photo": "(File not included. Change data exporting settings to download.)", "text": ""
            }),
        ],
        TrueWhat::File(name) => vec![
            said,
            json!({ "photo": format!("photos/{name}"), "text": "" }),
        ],
        TrueWhat::Place(latitude, longitude) => {
            let degrees = |text: &str| text.parse::<f64>().unwrap_or_default();
            vec![
                said,
                json!({ "location_information": {
                "latitude": degrees(latitude), "longitude": degrees(longitude)
            }, "text": "" }),
            ]
        }
    };
    let object = message.as_object_mut()?;
    for part in more {
        for (name, value) in part.as_object()? {
            object.insert(name.clone(), value.clone());
        }
    }
    Some(message)
}
