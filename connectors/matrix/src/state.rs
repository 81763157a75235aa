//! State events: who belongs to a room, and what the room is.

use connector::Fields;
use connector::normal::{Draft, leaves};
use record::{AliasKind, Change, Changed, Content, MemberAct, MemberChange, Membership};

use crate::event::person;

/// A state event of that type.
pub(crate) fn read(
    root: &Fields<'_>,
    content: &Fields<'_>,
    kind: &str,
    draft: &mut Draft,
) -> Content {
    let key = root.any("state_key").unwrap_or_default();
    if kind == "m.room.member" {
        return member(root, content, &key, draft);
    }
    // The whole former and new state stand in the fields; what people would call the change
    // stands in the body.
    let former = root.obj("unsigned.prev_content");
    let (what, value) = match kind {
        "m.room.create" => ("created", "room_version"),
        "m.room.name" => ("title", "name"),
        "m.room.topic" => ("description", "topic"),
        "m.room.avatar" => ("avatar", "url"),
        "m.room.join_rules" => ("join_rules", "join_rule"),
        "m.room.history_visibility" => ("history_visibility", "history_visibility"),
        "m.room.guest_access" => ("guest_access", "guest_access"),
        "m.room.encryption" => ("encryption", "algorithm"),
        "m.room.canonical_alias" => ("alias", "alias"),
        "m.room.tombstone" => ("replaced", "replacement_room"),
        "m.room.pinned_events" => ("pin", "pinned"),
        "m.room.power_levels" => ("power_levels", ""),
        other => (other, ""),
    };
    let after = told(content, value);
    let before = former.as_ref().and_then(|former| told(former, value));
    draft.fields.extend(leaves(root, "content", "content"));
    draft.fields.extend(leaves(
        root,
        "unsigned.prev_content",
        "unsigned.prev_content",
    ));
    draft.field("state_key", key);
    Change {
        changes: vec![Changed {
            what: what.to_owned(),
            before,
            after,
            target: None,
        }],
    }
    .into()
}

fn told(content: &Fields<'_>, value: &str) -> Option<String> {
    if value.is_empty() {
        return Some(content.value().to_string());
    }
    let found = content.value().get(value)?;
    match found.as_str() {
        Some(text) => Some(text.to_owned()),
        None => Some(found.to_string()),
    }
}

fn member(root: &Fields<'_>, content: &Fields<'_>, key: &str, draft: &mut Draft) -> Content {
    let by = draft.participants.sender.clone();
    let own_act = by.as_ref().is_some_and(|by| by.id.value() == key);
    let before = root.any("unsigned.prev_content.membership");
    let now = content.any("membership").unwrap_or_default();
    let act = match (now.as_str(), before.as_deref()) {
        ("join", Some("join")) => MemberAct::Other,
        ("join", _) => MemberAct::Joined,
        ("invite", _) => MemberAct::Invited,
        ("leave", Some("invite")) if own_act => MemberAct::Declined,
        ("leave", Some("ban")) => MemberAct::Other,
        ("leave", _) if own_act => MemberAct::Left,
        ("leave", _) => MemberAct::Removed,
        ("ban", _) => MemberAct::Banned,
        ("knock", _) => MemberAct::Requested,
        _ => MemberAct::Other,
    };
    let reason = content.any("reason");
    let detail = match act {
        MemberAct::Other if now == "join" => Some("profile".to_owned()),
        MemberAct::Other if now == "leave" => Some("unbanned".to_owned()),
        MemberAct::Other => Some(now.clone()),
        _ => reason.clone(),
    };
    draft.field("content.membership", now);
    draft.field("content.reason", reason.unwrap_or_default());
    draft.fields.extend(leaves(
        root,
        "unsigned.prev_content",
        "unsigned.prev_content",
    ));
    let name = content.any("displayname").unwrap_or_default();
    for (further, _) in content.entries("") {
        if !["membership", "displayname", "reason"].contains(&further) {
            draft
                .fields
                .extend(leaves(content, further, &format!("content.{further}")));
        }
    }
    let changes = person(key)
        .map(|member| MemberChange {
            member: member.alias(AliasKind::Display, name),
            act,
            by,
            detail,
        })
        .into_iter()
        .collect();
    Membership { changes }.into()
}
