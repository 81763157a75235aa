//! Service messages: what happened in a chat beside what was said.
//!
//! An action that is not listed here becomes an unknown event of its name, with all its fields.

use connector::Fields;
use record::{
    Activity, Call, CallMedia, CallState, Change, Changed, Content, MemberAct, MemberChange,
    Membership, Message, Participant, Target, TextId, Unknown,
};

use super::message::{Form, Wanted, excuse, place};
use super::{people, text};

/// What a service message says about the members of a group, who are named by their names only.
pub(crate) enum Members {
    Unchanged,
    /// These are all.
    All(Vec<Participant>),
    Added(Vec<Participant>),
    Removed(Vec<Participant>),
}

/// Reads a service message.
pub(crate) fn read(
    fields: &Fields<'_>,
    actor: Option<&Participant>,
    files: &mut Vec<Wanted>,
) -> (Content, Members) {
    let action = fields.text("action").unwrap_or_default();
    // Service messages have an empty text.
    if text::is_empty(fields, "text") {
        fields.known("text");
    }
    if text::is_empty(fields, "text_entities") {
        fields.known("text_entities");
    }
    let owned = |path: &str| fields.text(path).map(str::to_owned);
    let content = match action {
        "phone_call" => call(fields, false),
        "group_call" => call(fields, true),
        "create_group" | "create_channel" => {
            let content = change("created", None, owned("title"));
            let members = named(fields);
            let members = match (action, members.is_empty()) {
                ("create_group", false) => Members::All(members),
                _ => Members::Unchanged,
            };
            return (content, members);
        }
        "invite_members" | "remove_members" | "join_group_by_link" | "join_group_by_request" => {
            return membership(fields, action, actor);
        }
        "migrate_to_supergroup" => change("migrated", None, Some("supergroup".into())),
        "migrate_from_group" => change("migrated", owned("title"), Some("from-group".into())),
        "edit_group_title" => change("title", None, owned("title")),
        "edit_group_photo" => {
            photo(fields, files);
            change("avatar", None, None)
        }
        "delete_group_photo" => change("avatar", None, Some("removed".into())),
        "suggest_profile_photo" => {
            photo(fields, files);
            change("avatar", None, Some("suggested".into()))
        }
        "pin_message" => {
            let target = fields
                .any("message_id")
                .and_then(|id| TextId::new(id).ok())
                .map(Target::new);
            Change {
                changes: vec![Changed {
                    what: "pin".into(),
                    target,
                    ..Changed::default()
                }],
            }
            .into()
        }
        "set_messages_ttl" => {
            let period = fields
                .any("period")
                .or_else(|| fields.any("period_seconds"));
            change("timer", None, period)
        }
        "edit_chat_theme" => change("theme", None, owned("emoticon")),
        "set_chat_wallpaper" | "set_same_chat_wallpaper" => change("wallpaper", None, None),
        "topic_created" => change("topic", None, owned("title")),
        "topic_edit" => change("topic", None, owned("new_title").or_else(|| owned("title"))),
        "clear_history" => change("history-cleared", None, None),
        "boost_apply" => change("boost", None, fields.any("boosts")),
        "take_screenshot" => activity("screenshot"),
        "joined_telegram" => activity("joined-network"),
        "" => Unknown {
            type_name: "service".into(),
            text: text::text(fields, "text", "text_entities").map(|text| text.text),
        }
        .into(),
        other => Unknown {
            type_name: other.to_owned(),
            text: text::text(fields, "text", "text_entities")
                .map(|text| text.text)
                .or_else(|| fields.text("title").map(str::to_owned)),
        }
        .into(),
    };
    (content, Members::Unchanged)
}

fn change(what: &str, before: Option<String>, after: Option<String>) -> Content {
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

fn activity(what: &str) -> Content {
    Activity {
        what: what.to_owned(),
        state: None,
    }
    .into()
}

fn call(fields: &Fields<'_>, group: bool) -> Content {
    let seconds = fields
        .uint("duration_seconds")
        .or_else(|| fields.uint("duration"));
    let reason = fields.text("discard_reason");
    let state = match (reason, seconds) {
        (Some("missed"), _) => CallState::Missed,
        (Some("busy"), _) => CallState::Declined,
        (Some("disconnect"), _) => CallState::Failed,
        (Some("hangup"), _) | (None, Some(_)) => CallState::Ended,
        _ => CallState::Other,
    };
    Call {
        duration_seconds: seconds,
        reason: reason.map(str::to_owned),
        group,
        ..Call::new(CallMedia::Unknown, state)
    }
    .into()
}

/// The members that a service message lists, by name; `null` stands for deleted accounts.
fn named(fields: &Fields<'_>) -> Vec<Participant> {
    fields
        .texts("members")
        .into_iter()
        .filter_map(people::named)
        .collect()
}

fn membership(
    fields: &Fields<'_>,
    action: &str,
    actor: Option<&Participant>,
) -> (Content, Members) {
    let listed = named(fields);
    let display = actor.and_then(|actor| actor.aliases.first());
    let actor_named = display.and_then(|alias| people::named(&alias.name));
    let own = actor_named.is_some() && listed.first() == actor_named.as_ref() && listed.len() == 1;
    let (act, detail) = match action {
        "invite_members" if own => (MemberAct::Joined, None),
        "invite_members" => (MemberAct::Added, None),
        "remove_members" if own => (MemberAct::Left, None),
        "remove_members" => (MemberAct::Removed, None),
        "join_group_by_link" => (MemberAct::Joined, Some("link".to_owned())),
        _ => (MemberAct::Joined, Some("request".to_owned())),
    };
    let by_own_act = matches!(act, MemberAct::Joined | MemberAct::Left);
    let inviter = fields.text("inviter").and_then(people::named);
    let by = match (by_own_act, inviter) {
        (true, inviter) => inviter,
        (false, _) => actor.cloned(),
    };
    // Who acts on himself has an id beside the name.
    let members = match (by_own_act, actor) {
        (true, Some(actor)) => vec![actor.clone()],
        _ => listed.clone(),
    };
    if members.is_empty() {
        let unknown = Unknown {
            type_name: action.to_owned(),
            text: None,
        };
        return (unknown.into(), Members::Unchanged);
    }
    let changes = members
        .into_iter()
        .map(|member| MemberChange {
            member,
            act,
            by: by.clone(),
            detail: detail.clone(),
        })
        .collect();
    let names = if by_own_act {
        actor_named.into_iter().collect()
    } else {
        listed
    };
    let members = match act {
        MemberAct::Left | MemberAct::Removed => Members::Removed(names),
        _ => Members::Added(names),
    };
    (Membership { changes }.into(), members)
}

/// The picture that a service message sets. It is an attachment; its change says what it is for.
fn photo(fields: &Fields<'_>, files: &mut Vec<Wanted>) {
    let here = fields.value().get("photo").and_then(|path| path.as_str());
    // What is not included stays among the fields, in the export's words.
    if here.is_none_or(|path| excuse(path).is_some()) {
        return;
    }
    let Some(path) = fields.text("photo") else {
        return;
    };
    let dimension = |name: &str| fields.uint(name).and_then(|n| u32::try_from(n).ok());
    let wanted = Wanted {
        path: path.to_owned(),
        form: Form::Media("avatar"),
        name: None,
        declared_type: None,
        size: fields.uint("photo_file_size"),
        width: dimension("width"),
        height: dimension("height"),
        duration_ms: None,
    };
    place(wanted, &mut Message::default(), files);
}
