//! Messages, echoes, history, and what becomes of messages.

use connector::Fields;
use connector::normal::{Draft, Gathered, event_hash, leaves, stable_id};
use record::{
    Change as Changes, Changed, Consent, ConsentAct, Content, Delete, DeleteScope, Direction, Edit,
    Loss, LossWhy, Milliseconds, Participant, Reaction, Receipt, ReceiptState, Target, Unknown,
};

use crate::body;
use crate::people::Place;
use crate::webhook::{Change, milliseconds};

/// Everything of the change that is a message or a status of one.
pub(crate) fn read(change: &Change<'_, '_>, gathered: &mut Gathered<'_>) {
    for list in ["messages", "message_echoes"] {
        for (index, message) in change.value.list(list).iter().enumerate() {
            let path = change.at(&format!("{list}[{index}]"));
            one(change, message, None, &path, gathered);
        }
    }
    for (index, status) in change.value.list("statuses").iter().enumerate() {
        if status.text("type") != Some("call") {
            let path = change.at(&format!("statuses[{index}]"));
            became(change, status, &path, gathered);
        }
    }
    for (index, chunk) in change.value.list("history").iter().enumerate() {
        history(change, &chunk.clone(), index, gathered);
    }
}

fn history(
    change: &Change<'_, '_>,
    chunk: &Fields<'_>,
    number: usize,
    gathered: &mut Gathered<'_>,
) {
    let first = gathered.len();
    for (index, thread) in chunk.list("threads").iter().enumerate() {
        let number_of = thread.any("id").unwrap_or_default();
        let user = thread.any("context.user_id").unwrap_or_default();
        let number_given = thread
            .any("context.wa_id")
            .unwrap_or_else(|| number_of.clone());
        let peer = change.people.known_as(&number_given, &user, "");
        for (at, message) in thread.list("messages").iter().enumerate() {
            let path = change.at(&format!(
                "history[{number}].threads[{index}].messages[{at}]"
            ));
            one(change, message, Some(peer.clone()), &path, gathered);
        }
    }
    if chunk.has("errors") {
        // Whoever uses the phone declined to share its history.
        let path = change.at(&format!("history[{number}]"));
        let mut draft = change.account_draft(&path);
        draft.fields = leaves(chunk, "errors", "history.errors");
        let loss = Loss {
            detail: draft
                .fields
                .iter()
                .find(|f| f.name.ends_with("message"))
                .map(|f| f.value.clone()),
            ..Loss::new(LossWhy::Refused)
        };
        gathered.add_of(draft, loss, &path);
    }
    let progress = leaves(chunk, "metadata", "history.metadata");
    if let Some(draft) = gathered.draft(first) {
        draft.fields.extend(progress);
    }
}

/// One message. `peer` is the other side where a thread of the history names it.
fn one(
    change: &Change<'_, '_>,
    message: &Fields<'_>,
    peer: Option<Option<Participant>>,
    path: &str,
    gathered: &mut Gathered<'_>,
) {
    let people = &change.people;
    let echo = change.field == "smb_message_echoes" || path.contains("message_echoes[");
    // The number that an echo comes from is the business's own, whatever it is.
    let from = if echo {
        Some(people.own.clone())
    } else {
        people.person(message, "from")
    };
    let to = people.person(message, "to");
    let outgoing = echo || from.as_ref().is_some_and(|from| people.is_own(from));
    let history = peer.is_some();
    let other = peer
        .flatten()
        .or_else(|| if outgoing { to.clone() } else { from.clone() })
        .unwrap_or_else(|| people.own.clone());
    let place = match message.any("group_id") {
        Some(group) => Place::group(&group),
        None => Place::direct(&other),
    };
    let id = message.any("id").map_or_else(
        || stable_id(&event_hash(message.value().to_string().as_bytes())),
        |id| stable_id(&id),
    );
    let mut draft = change
        .draft(place, id)
        .direction(if outgoing {
            Direction::Outgoing
        } else {
            Direction::Incoming
        })
        .sent(message.int("timestamp").map(milliseconds))
        .sender(from.clone());
    draft = if outgoing {
        draft.recipient(to.or(Some(other)))
    } else {
        draft.recipient(Some(people.own.clone()))
    };
    if history {
        draft = draft.backfilled();
    }
    let part = |name: &str| leaves(message, name, name);
    if echo {
        // The number that the phone shows; the frame names it by its id.
        draft.field(
            "message_echoes.from",
            message.any("from").unwrap_or_default(),
        );
    }
    draft.fields.extend(part("identity"));
    draft.fields.extend(part("history_context"));
    let content = content(change, message, from.as_ref(), &mut draft);
    gathered.add_of(draft, content, path);
}

fn content(
    change: &Change<'_, '_>,
    message: &Fields<'_>,
    from: Option<&Participant>,
    draft: &mut Draft,
) -> Content {
    let kind = message.text("type").unwrap_or_default();
    let about = |id: Option<String>| Target {
        author: from.map(|from| from.id.clone()),
        ..Target::new(stable_id(&id.unwrap_or_default()))
    };
    match kind {
        "reaction" => {
            let value = message.any("reaction.emoji").unwrap_or_default();
            let id = message.any("reaction.message_id").unwrap_or_default();
            draft.fields.extend(leaves(message, "context", "context"));
            Reaction {
                target: Target::new(stable_id(&id)),
                removed: value.is_empty(),
                value,
            }
            .into()
        }
        "revoke" => Delete {
            targets: vec![about(message.any("revoke.original_message_id"))],
            scope: DeleteScope::All,
            by: from.cloned(),
            former: None,
        }
        .into(),
        "edit" => {
            let target = about(message.any("edit.original_message_id"));
            let now = message
                .obj("edit.message")
                .unwrap_or_else(|| message.clone());
            let kind = now.text("type").unwrap_or_default();
            Edit {
                target,
                message: body::message(change, &now, kind, draft).unwrap_or_default(),
                former: None,
            }
            .into()
        }
        "system" => system(message, draft),
        "unsupported" => {
            let named = message.any("unsupported.type");
            let mut fields = leaves(message, "errors", "errors");
            let words = said(&fields);
            draft.fields.append(&mut fields);
            let detail = match named {
                Some(named) => format!("{named}: {words}"),
                None => words,
            };
            Loss {
                count: Some(1),
                detail: Some(detail),
                ..Loss::new(LossWhy::Unsupported)
            }
            .into()
        }
        "interactive" if message.has("interactive.call_permission_reply") => {
            permission(message, from, draft)
        }
        kind => match body::message(change, message, kind, draft) {
            Some(said) => said.into(),
            None if message.has(kind) => Unknown {
                type_name: kind.to_owned(),
                text: None,
            }
            .into(),
            None => {
                // The body is not there; why stands beside the message.
                let fields = leaves(&change.value, "errors", "errors");
                draft.fields.extend(fields.iter().cloned());
                draft
                    .fields
                    .extend(leaves(message, "errors", "message.errors"));
                draft.fields.extend(leaves(message, "context", "context"));
                Loss {
                    count: Some(1),
                    detail: Some(format!("{kind}: {}", said(&fields))),
                    ..Loss::new(LossWhy::Unsupported)
                }
                .into()
            }
        },
    }
}

/// What errors say, from their fields.
pub(crate) fn said(errors: &[record::Field]) -> String {
    let words: Vec<&str> = ["code", "title", "details"]
        .iter()
        .filter_map(|name| errors.iter().find(|field| field.name.ends_with(name)))
        .map(|field| field.value.as_str())
        .collect();
    words.join(" ")
}

fn system(message: &Fields<'_>, draft: &mut Draft) -> Content {
    let kind = message.any("system.type").unwrap_or_default();
    let number = message
        .any("system.wa_id")
        .or_else(|| message.any("system.new_wa_id"));
    let what = match kind.as_str() {
        "user_changed_number" | "customer_changed_number" => "number",
        "customer_identity_changed" => "identity",
        other => other,
    };
    let hash = draft
        .fields
        .iter()
        .find(|f| f.name == "identity.hash")
        .map(|f| f.value.clone());
    let before = draft
        .participants
        .sender
        .as_ref()
        .filter(|_| what == "number")
        .map(|sender| sender.id.value().to_owned());
    draft.fields.extend(leaves(message, "system", "system"));
    Changes {
        changes: vec![Changed {
            what: what.to_owned(),
            before,
            after: number.or(hash),
            target: None,
        }],
    }
    .into()
}

fn permission(message: &Fields<'_>, from: Option<&Participant>, draft: &mut Draft) -> Content {
    let act = match message.text("interactive.call_permission_reply.response") {
        Some("accept") => ConsentAct::Agreed,
        _ => ConsentAct::Declined,
    };
    message.known("interactive.type");
    draft.fields.extend(leaves(
        message,
        "interactive.call_permission_reply",
        "call_permission_reply",
    ));
    draft.fields.extend(leaves(message, "context", "context"));
    Consent {
        act,
        participant: from.cloned(),
        text: Some("call_permission_reply".to_owned()),
        at: message
            .int("timestamp")
            .map(milliseconds)
            .map(Milliseconds::new),
    }
    .into()
}

/// What became of a message that the business sent.
fn became(change: &Change<'_, '_>, status: &Fields<'_>, path: &str, gathered: &mut Gathered<'_>) {
    let people = &change.people;
    let recipient = status.any("recipient_id").unwrap_or_default();
    let group = status.text("recipient_type") == Some("group");
    let user = status.any("recipient_user_id").unwrap_or_default();
    let parent = status.any("recipient_parent_user_id").unwrap_or_default();
    let who = if group {
        people.known_as(
            &status.any("recipient_participant_id").unwrap_or_default(),
            &status
                .any("recipient_participant_user_id")
                .unwrap_or_default(),
            &status
                .any("recipient_participant_parent_user_id")
                .unwrap_or_default(),
        )
    } else {
        people.known_as(&recipient, &user, &parent)
    };
    let place = match &who {
        _ if group => Place::group(&recipient),
        Some(who) => Place::direct(who),
        None => Place::direct(&people.own),
    };
    let id = status.any("id").unwrap_or_default();
    let state = status.any("status").unwrap_or_default();
    let by = who
        .as_ref()
        .filter(|_| group)
        .map_or("", |who| who.id.as_str());
    let source_id = stable_id(&format!("{id}:{state}:{by}"));
    let at = status.int("timestamp").map(milliseconds);
    let mut draft = change.draft(place, source_id).server(at);
    for name in [
        "conversation",
        "pricing",
        "errors",
        "biz_opaque_callback_data",
    ] {
        draft.fields.extend(leaves(status, name, name));
    }
    let error = Some(said(&draft.fields)).filter(|_| status.has("errors"));
    let became = match state.as_str() {
        "sent" => ReceiptState::Sent,
        "delivered" => ReceiptState::Delivered,
        "read" => ReceiptState::Read,
        "played" => ReceiptState::Played,
        "failed" => ReceiptState::Failed,
        other => {
            let content = Unknown {
                type_name: format!("status {other}"),
                text: None,
            };
            draft.field("status.id", id);
            gathered.add_of(draft, content, path);
            return;
        }
    };
    draft = match became {
        ReceiptState::Sent | ReceiptState::Failed => {
            draft.sender(Some(people.own.clone())).recipient(who)
        }
        _ => draft
            .sender(who)
            .recipient(Some(people.own.clone()))
            .direction(Direction::Incoming),
    };
    let content = Receipt {
        targets: vec![Target {
            author: Some(people.own.id.clone()),
            ..Target::new(stable_id(&id))
        }],
        state: became,
        at: at.map(Milliseconds::new),
        error,
    };
    gathered.add_of(draft, content, path);
}
