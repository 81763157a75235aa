//! Messages: who wrote where, what it answers, where it was forwarded from.

use connector::Fields;
use connector::normal::{Capture, Draft, Gathered, leaves, participant_id, stable_id};
use record::{
    Change, Changed, Content, Direction, Edit, Forward, MemberAct, MemberChange, Membership,
    Message, Milliseconds, Participant, Target, Topic,
};

use crate::parts;
use crate::people::{chat, place, user};
use crate::update::seconds;

/// A new message.
pub(crate) fn sent(capture: &Capture<'_>, fields: &Fields<'_>, gathered: &mut Gathered<'_>) {
    let id = fields.any("message_id").unwrap_or_default();
    let mut draft = begin(capture, fields, &id);
    let message = body(fields, &mut draft);
    let content = match parts::poll(fields, &mut draft) {
        Some(poll) => poll.into(),
        None => service(fields, &mut draft).unwrap_or_else(|| message.into()),
    };
    gathered.add(draft, content);
}

/// A message that was changed: its new state whole.
pub(crate) fn edited(capture: &Capture<'_>, fields: &Fields<'_>, gathered: &mut Gathered<'_>) {
    let id = fields.any("message_id").unwrap_or_default();
    let at = fields.any("edit_date").unwrap_or_default();
    let mut draft = begin(capture, fields, &format!("{id}:{at}"));
    let author = draft
        .participants
        .sender
        .as_ref()
        .map(|sender| sender.id.clone());
    let content = Edit {
        target: Target {
            author,
            sent: seconds(fields, "date").map(Milliseconds::new),
            ..Target::new(stable_id(&id))
        },
        message: body(fields, &mut draft),
        former: None,
    };
    draft = draft.server(seconds(fields, "edit_date"));
    gathered.add(draft, content);
}

fn begin(capture: &Capture<'_>, fields: &Fields<'_>, source_id: &str) -> Draft {
    let chat_of = fields.obj("chat").unwrap_or_else(|| fields.clone());
    let (place, mut about, other) = place(&chat_of);
    if let Some(thread) = fields.any("message_thread_id") {
        about.topic = Some(Topic {
            id: stable_id(&thread),
            title: None,
        });
    }
    let mut further = leaves(&chat_of, "is_forum", "chat.is_forum");
    let sender = fields.obj("from").map(|from| user(&from, "from"));
    let (sender, more) = sender.unwrap_or_default();
    further.extend(more);
    let speaks_for = fields.obj("sender_chat").and_then(|speaks| chat(&speaks));
    let own = capture.source.account.as_str();
    let outgoing = match (&sender, &other) {
        (Some(sender), Some(other)) => sender.id.as_str() == own || sender.id != other.id,
        _ => false,
    };
    let mut draft = Draft::new(capture, place, stable_id(source_id), about)
        .direction(if outgoing {
            Direction::Outgoing
        } else {
            Direction::Incoming
        })
        .sent(seconds(fields, "date"))
        .position(fields.uint("message_id"))
        .sender(sender);
    draft = if outgoing {
        draft.recipient(other)
    } else {
        let (scheme, value) = own.split_once(':').unwrap_or(("account", own));
        draft.recipient(participant_id(scheme, value).map(Participant::new))
    };
    draft.participants.on_behalf_of = speaks_for;
    draft.fields.append(&mut further);
    for name in [
        "business_connection_id",
        "sender_business_bot",
        "sender_boost_count",
        "sender_tag",
        "author_signature",
        "media_group_id",
        "effect_id",
        "via_bot",
        "is_from_offline",
        "is_topic_message",
        "is_automatic_forward",
        "is_paid_post",
        "paid_star_count",
        "link_preview_options",
        "show_caption_above_media",
        "reply_to_story",
        "reply_to_checklist_task_id",
        "suggested_post_info",
        "reply_markup",
    ] {
        draft.fields.extend(leaves(fields, name, name));
    }
    draft
}

fn body(fields: &Fields<'_>, draft: &mut Draft) -> Message {
    let mut message = Message {
        parts: parts::of(fields, draft),
        in_reply_to: answered(fields, draft),
        forward: fields
            .obj("forward_origin")
            .map(|origin| forwarded(&origin, draft)),
        ..Message::default()
    };
    for (name, mark) in [
        ("has_protected_content", "protected"),
        ("has_media_spoiler", "spoiler"),
    ] {
        if fields.flag(name) == Some(true) {
            message.marks.push(mark.to_owned());
        }
    }
    message
}

fn answered(fields: &Fields<'_>, draft: &mut Draft) -> Option<Target> {
    let quote = fields.any("quote.text");
    draft
        .fields
        .extend(leaves(fields, "quote.position", "quote.position"));
    draft
        .fields
        .extend(leaves(fields, "quote.is_manual", "quote.is_manual"));
    draft
        .fields
        .extend(leaves(fields, "quote.entities", "quote.entities"));
    if let Some(earlier) = fields.obj("reply_to_message") {
        let author = earlier.any("from.id").unwrap_or_default();
        return Some(Target {
            author: participant_id("user", &author),
            sent: seconds(&earlier, "date").map(Milliseconds::new),
            excerpt: quote
                .or_else(|| earlier.any("text"))
                .or_else(|| earlier.any("caption")),
            ..Target::new(stable_id(&earlier.any("message_id").unwrap_or_default()))
        });
    }
    let other = fields.obj("external_reply")?;
    let place = other.obj("chat").and_then(|place| chat(&place));
    let id = other.any("message_id").unwrap_or_default();
    draft
        .fields
        .extend(leaves(fields, "external_reply", "external_reply"));
    Some(Target {
        excerpt: quote,
        conversation: place.map(|place| place.id.to_text_id()),
        ..Target::new(stable_id(&id))
    })
}

fn forwarded(origin: &Fields<'_>, draft: &mut Draft) -> Forward {
    let mut further = Vec::new();
    let mut author = origin.obj("sender_user").and_then(|from| {
        let (author, more) = user(&from, "forward_origin.sender_user");
        further.extend(more);
        author
    });
    let from = ["chat", "sender_chat"]
        .iter()
        .find_map(|name| origin.obj(name))
        .and_then(|from| chat(&from));
    let hidden = origin.any("sender_user_name");
    if let Some(name) = &hidden {
        author = participant_id("name", name).map(Participant::new);
    }
    for name in ["type", "message_id", "author_signature"] {
        further.extend(leaves(origin, name, &format!("forward_origin.{name}")));
    }
    draft.fields.append(&mut further);
    Forward {
        conversation: from
            .as_ref()
            .and_then(|from| from.aliases.first())
            .map(|alias| alias.name.clone()),
        author: author.or(from),
        sent: seconds(origin, "date").map(Milliseconds::new),
    }
}

/// What is no message but stands among them.
fn service(fields: &Fields<'_>, draft: &mut Draft) -> Option<Content> {
    let by = draft.participants.sender.clone();
    let mut members = Vec::new();
    for (list, act) in [("new_chat_members", MemberAct::Added)] {
        for (index, member) in fields.list(list).iter().enumerate() {
            members.push((user(member, &format!("{list}[{index}]")), act));
        }
    }
    if let Some(member) = fields.obj("left_chat_member") {
        members.push((user(&member, "left_chat_member"), MemberAct::Left));
    }
    if !members.is_empty() {
        let mut changes = Vec::new();
        for ((member, further), act) in members {
            draft.fields.extend(further);
            let Some(member) = member else { continue };
            let self_made = by.as_ref().is_some_and(|by| by.id == member.id);
            let act = match act {
                MemberAct::Added if self_made => MemberAct::Joined,
                MemberAct::Left if !self_made => MemberAct::Removed,
                act => act,
            };
            changes.push(MemberChange {
                member,
                act,
                by: by.clone(),
                detail: None,
            });
        }
        return Some(Membership { changes }.into());
    }
    let (what, after, target) = if let Some(title) = fields.any("new_chat_title") {
        ("title", Some(title), None)
    } else if let Some(pinned) = fields.obj("pinned_message") {
        let id = pinned.any("message_id").unwrap_or_default();
        ("pin", None, Some(Target::new(stable_id(&id))))
    } else {
        let timer = fields.any("message_auto_delete_timer_changed.message_auto_delete_time")?;
        ("timer", Some(timer), None)
    };
    Some(
        Change {
            changes: vec![Changed {
                what: what.to_owned(),
                before: None,
                after,
                target,
            }],
        }
        .into(),
    )
}
