//! Records that the connector makes by itself: what was missed, what could not be read.

use connector::Fields;
use connector::normal::{Capture, Draft, Gathered, NormalizeError, event_hash, stable_id};
use record::{Content, Conversation, Loss, LossWhy, Milliseconds, Part, Record};
use serde_json::Value;

use crate::inbox::LossNote;

/// A time in which something was or may have been missed.
pub(crate) fn missed(
    capture: &Capture<'_>,
    note: &LossNote,
) -> Result<Vec<Record>, NormalizeError> {
    let loss = Loss {
        from: note.from.map(Milliseconds::new),
        to: note.to.map(Milliseconds::new),
        detail: Some(note.detail.clone()),
        ..Loss::new(LossWhy::from_name(&note.why).unwrap_or(LossWhy::Other))
    };
    let told = serde_json::to_vec(note).unwrap_or_default();
    record(capture, &told, "loss", loss)
}

/// A delivery that is there and can not be read: it stands as a loss with its bytes (RECORD-8).
pub(crate) fn unread(
    capture: &Capture<'_>,
    bytes: &[u8],
    why: &str,
) -> Result<Vec<Record>, NormalizeError> {
    let loss = Loss {
        count: Some(1),
        detail: Some(why.to_owned()),
        ..Loss::new(LossWhy::Damaged)
    };
    record(capture, bytes, "unread", loss)
}

fn record(
    capture: &Capture<'_>,
    bytes: &[u8],
    of: &str,
    content: impl Into<Content>,
) -> Result<Vec<Record>, NormalizeError> {
    let id = stable_id(&format!("{of}/{}", event_hash(bytes)));
    let account = stable_id(capture.source.account.as_str());
    let draft = Draft::new(capture, account, id, Conversation::default());
    let nothing = Value::Null;
    let mut gathered = Gathered::new(bytes, &Fields::new(&nothing));
    gathered.add(draft, content);
    Ok(gathered.finish(&[])?.records)
}

/// References of the files that a record names and does not have.
pub(crate) fn missing(record: &Record) -> Vec<&str> {
    let mut found = Vec::new();
    match &record.body().content {
        Content::Message(message) => of_parts(&message.parts, &mut found),
        Content::Edit(edit) => of_parts(&edit.message.parts, &mut found),
        _ => {}
    }
    found
}

fn of_parts<'r>(parts: &'r [Part], found: &mut Vec<&'r str>) {
    for part in parts {
        match part {
            Part::Missing(missing) => found.extend(missing.reference.as_deref()),
            Part::Structured(structured) => of_parts(&structured.parts, found),
            Part::Nested(nested) => {
                for message in &nested.messages {
                    of_parts(&message.parts, found);
                }
            }
            _ => {}
        }
    }
}
