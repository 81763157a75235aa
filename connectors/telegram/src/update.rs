//! The update and which of the kinds it is.

use connector::Fields;
use connector::normal::{Capture, Draft, Gathered, event_hash, leaves, stable_id};
use record::{Account, Conversation, ConversationKind, Delete, DeleteScope, Target, Unknown};

use crate::message;
use crate::people::{place, user};

/// Reads the whole update.
pub(crate) fn read(
    capture: &Capture<'_>,
    bytes: &[u8],
    root: &Fields<'_>,
    gathered: &mut Gathered<'_>,
) {
    if let Some(connection) = root.obj("business_connection") {
        connected(capture, &connection, gathered);
    }
    if let Some(sent) = root.obj("business_message") {
        message::sent(capture, &sent, gathered);
    }
    if let Some(edited) = root.obj("edited_business_message") {
        message::edited(capture, &edited, gathered);
    }
    if let Some(deleted) = root.obj("deleted_business_messages") {
        self::deleted(capture, &deleted, gathered);
    }
    let number = root.any("update_id").unwrap_or_default();
    if gathered.is_empty() {
        let type_name = root
            .entries("")
            .iter()
            .find(|(key, _)| *key != "update_id")
            .map_or("update", |(key, _)| key)
            .to_owned();
        let account = capture.source.account.clone();
        let id = stable_id(&format!("update:{}", event_hash(bytes)));
        let draft = Draft::new(capture, account, id, Conversation::default());
        let content = Unknown {
            type_name,
            text: None,
        };
        gathered.add(draft, content);
    }
    if let Some(draft) = gathered.draft(0) {
        draft.field("update_id", number);
    }
}

fn connected(capture: &Capture<'_>, connection: &Fields<'_>, gathered: &mut Gathered<'_>) {
    let said = event_hash(connection.value().to_string().as_bytes());
    let own = connection.obj("user").map(|own| user(&own, "user"));
    let (own, mut fields) = own.unwrap_or_default();
    let place = own
        .as_ref()
        .map_or_else(|| capture.source.account.clone(), |own| own.id.to_text_id());
    let about = Conversation::new(ConversationKind::SelfNotes);
    let id = stable_id(&format!("business_connection:{said}"));
    let mut draft = Draft::new(capture, place, id, about)
        .server(seconds(connection, "date"))
        .sender(own);
    for name in ["rights", "user_chat_id", "can_reply"] {
        fields.extend(leaves(connection, name, name));
    }
    draft.fields.append(&mut fields);
    let enabled = connection.flag("is_enabled") == Some(true);
    let content = Account {
        what: if enabled { "linked" } else { "unlinked" }.to_owned(),
        value: connection.any("id"),
    };
    gathered.add(draft, content);
}

fn deleted(capture: &Capture<'_>, deleted: &Fields<'_>, gathered: &mut Gathered<'_>) {
    let said = event_hash(deleted.value().to_string().as_bytes());
    let chat = deleted.obj("chat").unwrap_or_else(|| deleted.clone());
    let (place, about, other) = place(&chat);
    let id = stable_id(&format!("deleted:{said}"));
    let mut draft = Draft::new(capture, place, id, about).recipient(other);
    draft.field(
        "business_connection_id",
        deleted.any("business_connection_id").unwrap_or_default(),
    );
    let content = Delete {
        targets: deleted
            .list("message_ids")
            .iter()
            .filter_map(|id| id.any(""))
            .map(|id| Target::new(stable_id(&id)))
            .collect(),
        scope: DeleteScope::Unknown,
        by: None,
        former: None,
    };
    gathered.add(draft, content);
}

/// A time that the Bot API gives in seconds, in milliseconds.
pub(crate) fn seconds(fields: &Fields<'_>, name: &str) -> Option<i64> {
    fields.int(name).map(|seconds| seconds.saturating_mul(1000))
}
