//! Users and chats by their stable ids.

use connector::Fields;
use connector::normal::{leaves, participant_id, stable_id};
use record::{AliasKind, Conversation, ConversationKind, Field, Participant, TextId};

/// Supergroups and channels stand below this number in the Bot API.
const CHANNELS: i64 = -1_000_000_000_000;

/// A user, and what is told of it beyond its names.
pub(crate) fn user(fields: &Fields<'_>, prefix: &str) -> (Option<Participant>, Vec<Field>) {
    let id = fields.any("id").unwrap_or_default();
    let name = names(fields);
    let username = fields.any("username").unwrap_or_default();
    let bot = fields.flag("is_bot");
    let mut further = Vec::new();
    for (key, _) in fields.entries("") {
        if !["id", "first_name", "last_name", "username", "is_bot"].contains(&key) {
            further.extend(leaves(fields, key, &format!("{prefix}.{key}")));
        }
    }
    let user = participant_id("user", &id).map(|id| {
        let mut user = Participant::new(id)
            .alias(AliasKind::Display, name)
            .alias(AliasKind::Username, username);
        user.role = bot.filter(|bot| *bot).map(|_| "bot".to_owned());
        user
    });
    (user, further)
}

/// A chat as a participant: the other side of a private one, or a channel that speaks.
pub(crate) fn chat(fields: &Fields<'_>) -> Option<Participant> {
    let id = fields.int("id")?;
    let (scheme, number) = match fields.text("type") {
        Some("private") => ("user", id.unsigned_abs()),
        _ if id <= CHANNELS => ("channel", id.abs_diff(CHANNELS)),
        _ if id < 0 => ("chat", id.unsigned_abs()),
        _ => ("user", id.unsigned_abs()),
    };
    let title = fields.any("title").unwrap_or_else(|| names(fields));
    let username = fields.any("username").unwrap_or_default();
    Some(
        Participant::new(participant_id(scheme, &number.to_string())?)
            .alias(AliasKind::Display, title)
            .alias(AliasKind::Username, username),
    )
}

/// Where something was said, from its `chat`.
pub(crate) fn place(fields: &Fields<'_>) -> (TextId, Conversation, Option<Participant>) {
    let kind = match fields.text("type") {
        Some("private") => ConversationKind::Direct,
        Some("group" | "supergroup") => ConversationKind::Group,
        Some("channel") => ConversationKind::Channel,
        _ => ConversationKind::Unknown,
    };
    let who = chat(fields);
    let id = who
        .as_ref()
        .map_or_else(|| stable_id("chat"), |who| who.id.to_text_id());
    let title = fields.any("title").unwrap_or_default();
    (id, Conversation::new(kind).title(title), who)
}

fn names(fields: &Fields<'_>) -> String {
    let names: Vec<String> = ["first_name", "last_name"]
        .iter()
        .filter_map(|name| fields.any(name))
        .filter(|name| !name.is_empty())
        .collect();
    names.join(" ")
}
