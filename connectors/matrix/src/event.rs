//! The event's frame, and which of the kinds it is.

use connector::Fields;
use connector::normal::{Capture, Draft, Gathered, event_hash, leaves, participant_id, stable_id};
use record::{
    Activity, Call, CallMedia, CallState, Content, Conversation, ConversationKind, Delete,
    DeleteScope, Direction, Loss, LossWhy, Milliseconds, Participant, Poll, PollAct, PollOption,
    Reaction, Receipt, ReceiptState, Target, Unknown,
};

use crate::{Seen, message, state};

/// Reads the whole event.
pub(crate) fn read(
    capture: &Capture<'_>,
    seen: &Seen<'_>,
    bytes: &[u8],
    root: &Fields<'_>,
    gathered: &mut Gathered<'_>,
) {
    let named = root.any("room_id");
    let room = seen.room.map(str::to_owned).or(named).unwrap_or_default();
    let id = root
        .any("event_id")
        .filter(|id| !id.is_empty())
        .unwrap_or_else(|| event_hash(bytes));
    let sender = root.any("sender").as_deref().and_then(person);
    let own = capture.source.account.as_str();
    let outgoing = sender
        .as_ref()
        .is_some_and(|sender| sender.id.as_str() == own);
    let about = Conversation::new(match seen.direct {
        Some(true) => ConversationKind::Direct,
        Some(false) => ConversationKind::Group,
        None => ConversationKind::Unknown,
    })
    .title(seen.title.unwrap_or_default());
    let mut draft = Draft::new(capture, stable_id(&room), stable_id(&id), about)
        .direction(if outgoing {
            Direction::Outgoing
        } else {
            Direction::Incoming
        })
        .server(root.int("origin_server_ts"))
        .sender(sender);
    draft.field("decrypted", if seen.decrypted { "true" } else { "false" });
    for name in [
        "membership",
        "transaction_id",
        "replaces_state",
        "prev_sender",
    ] {
        let path = format!("unsigned.{name}");
        draft.fields.extend(leaves(root, &path, &path));
    }
    let kind = root.any("type").unwrap_or_default();
    let empty = serde_json::Value::Null;
    let nothing = Fields::new(&empty);
    let content = root.obj("content").unwrap_or(nothing);
    let content = if root.has("state_key") {
        state::read(root, &content, &kind, &mut draft)
    } else {
        of(root, &content, &kind, &mut draft)
    };
    gathered.add(draft, content);
}

/// Somebody by the whole id.
pub(crate) fn person(id: &str) -> Option<Participant> {
    participant_id("mxid", id).map(Participant::new)
}

fn of(root: &Fields<'_>, content: &Fields<'_>, kind: &str, draft: &mut Draft) -> Content {
    // A redacted event keeps its frame and nothing else.
    if kind != "m.room.redaction" && root.has("unsigned.redacted_because") {
        return gone(root, draft);
    }
    match kind {
        "m.room.message" => message::read(content, draft),
        "m.sticker" => message::sticker(content, draft),
        "m.reaction" => {
            content.known("m.relates_to.rel_type");
            Reaction {
                target: event(content.any("m.relates_to.event_id")),
                value: content.any("m.relates_to.key").unwrap_or_default(),
                removed: false,
            }
            .into()
        }
        "m.room.redaction" => redacted(root, content, draft),
        "m.room.encrypted" => undecryptable(content, draft),
        "m.receipt" => receipt(content).into(),
        "m.typing" => {
            let who = content.texts("user_ids").join(" ");
            Activity {
                what: "typing".to_owned(),
                state: Some(who).filter(|who| !who.is_empty()),
            }
            .into()
        }
        _ if kind.starts_with("m.key.verification.") => {
            draft.fields.extend(leaves(content, "", "content"));
            Activity {
                what: "verification".to_owned(),
                state: Some(kind.to_owned()),
            }
            .into()
        }
        _ if kind.starts_with("m.call.") => call(content, kind, draft).into(),
        _ => match poll(content, kind, draft) {
            Some(poll) => poll.into(),
            None => Unknown {
                type_name: kind.to_owned(),
                text: content.any("body"),
            }
            .into(),
        },
    }
}

fn event(id: Option<String>) -> Target {
    Target::new(stable_id(&id.unwrap_or_default()))
}

/// What was redacted before the device read it: that it was there is known, not what it said.
fn gone(root: &Fields<'_>, draft: &mut Draft) -> Content {
    draft
        .fields
        .extend(leaves(root, "unsigned.redacted_by", "unsigned.redacted_by"));
    draft.field("type", root.any("type").unwrap_or_default());
    let reason = root.any("unsigned.redacted_because.content.reason");
    let at = root.int("origin_server_ts").map(Milliseconds::new);
    Loss {
        from: at,
        to: at,
        count: Some(1),
        detail: Some(match reason {
            Some(reason) => format!("redacted before it was read: {reason}"),
            None => "redacted before it was read".to_owned(),
        }),
        ..Loss::new(LossWhy::Expired)
    }
    .into()
}

fn redacted(root: &Fields<'_>, content: &Fields<'_>, draft: &mut Draft) -> Content {
    // Older rooms name it beside the content, newer ones in it; servers give both.
    let beside = root.any("redacts");
    let within = content.any("redacts");
    draft.field("reason", content.any("reason").unwrap_or_default());
    Delete {
        targets: vec![event(within.or(beside))],
        scope: DeleteScope::All,
        by: draft.participants.sender.clone(),
        former: None,
    }
    .into()
}

fn undecryptable(content: &Fields<'_>, draft: &mut Draft) -> Content {
    for name in [
        "algorithm",
        "session_id",
        "sender_key",
        "device_id",
        "m.relates_to",
    ] {
        draft
            .fields
            .extend(leaves(content, name, &format!("content.{name}")));
    }
    Loss {
        count: Some(1),
        detail: Some("the device has no key for it".to_owned()),
        ..Loss::new(LossWhy::Undecryptable)
    }
    .into()
}

fn receipt(content: &Fields<'_>) -> Receipt {
    let mut at = None;
    let mut targets = Vec::new();
    for (id, readers) in content.entries("") {
        targets.push(event(Some(id.to_owned())));
        for (_, users) in readers.entries("") {
            for (_, read) in users.entries("") {
                at = read.int("ts").or(at);
            }
        }
    }
    Receipt {
        targets,
        state: ReceiptState::Read,
        at: at.map(Milliseconds::new),
        error: None,
    }
}

fn call(content: &Fields<'_>, kind: &str, draft: &mut Draft) -> Call {
    let state = match kind {
        "m.call.invite" => CallState::Offered,
        "m.call.answer" => CallState::Answered,
        "m.call.reject" => CallState::Declined,
        "m.call.hangup" => CallState::Ended,
        _ => CallState::Other,
    };
    let video = content
        .value()
        .pointer("/offer/sdp")
        .and_then(|sdp| sdp.as_str())
        .map(|sdp| sdp.contains("m=video"));
    let media = match video {
        Some(true) => CallMedia::Video,
        Some(false) => CallMedia::Audio,
        None => CallMedia::Unknown,
    };
    for name in [
        "version",
        "party_id",
        "lifetime",
        "selected_party_id",
        "invitee",
    ] {
        draft
            .fields
            .extend(leaves(content, name, &format!("content.{name}")));
    }
    Call {
        id: content.any("call_id"),
        reason: content.any("reason"),
        ..Call::new(media, state)
    }
}

fn poll(content: &Fields<'_>, kind: &str, draft: &mut Draft) -> Option<Poll> {
    let (prefix, step) = kind.rsplit_once('.')?;
    if !matches!(prefix, "m.poll" | "org.matrix.msc3381.poll") {
        return None;
    }
    let act = match step {
        "start" => PollAct::Created,
        "response" => PollAct::Voted,
        "end" => PollAct::Closed,
        _ => return None,
    };
    let mut poll = Poll::new(act);
    poll.target = content
        .any("m.relates_to.event_id")
        .map(|id| event(Some(id)));
    content.known("m.relates_to.rel_type");
    let words = |fields: &Fields<'_>, path: &str| {
        ["m.text", "org.matrix.msc1767.text"]
            .iter()
            .find_map(|name| {
                fields
                    .any(&format!("{path}{name}"))
                    .or_else(|| fields.any(&format!("{path}{name}[0].body")))
            })
    };
    if let Some(start) = ["m.poll", "m.poll.start", "org.matrix.msc3381.poll.start"]
        .iter()
        .find_map(|name| content.obj(name))
    {
        poll.question = words(&start, "question.").or_else(|| start.any("question.body"));
        for name in ["kind", "max_selections"] {
            draft
                .fields
                .extend(leaves(&start, name, &format!("poll.{name}")));
        }
        poll.several = start.uint("max_selections").map(|most| most > 1);
        poll.options = start
            .list("answers")
            .iter()
            .map(|answer| PollOption {
                text: words(answer, "").unwrap_or_default(),
                id: answer.any("m.id").or_else(|| answer.any("id")),
                ..PollOption::default()
            })
            .collect();
    }
    for list in ["m.selections", "org.matrix.msc3381.poll.response.answers"] {
        for choice in content.list(list) {
            poll.choices.extend(choice.any(""));
        }
    }
    // Clients without polls are shown the same as text.
    for name in ["m.text", "org.matrix.msc1767.text", "body", "msgtype"] {
        draft
            .fields
            .extend(leaves(content, name, &format!("content.{name}")));
    }
    Some(poll)
}
