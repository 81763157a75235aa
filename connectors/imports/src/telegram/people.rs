//! Who is meant: Telegram Desktop writes `user123`, `chat123`, `channel123` and a name beside it.

use connector::Fields;
use record::{AliasKind, Participant, ParticipantId, TextId};

/// The participant whose id and name stand at these paths.
pub(crate) fn at(fields: &Fields<'_>, id: &str, name: &str) -> Option<Participant> {
    let name = fields.text(name);
    // A deleted account has an id and the name null.
    if name.is_none() {
        fields.any(id_name(id));
    }
    of(fields.any(id).as_deref(), name)
}

fn id_name(id: &str) -> &str {
    id.strip_suffix("_id").unwrap_or(id)
}

/// The participant with that id, that name, or both.
pub(crate) fn of(id: Option<&str>, name: Option<&str>) -> Option<Participant> {
    let id = match id.and_then(peer) {
        Some(id) => id,
        None => ParticipantId::new("name", short(name?)).ok()?,
    };
    Some(Participant::new(id).alias(AliasKind::Display, name.unwrap_or_default()))
}

/// Somebody of whom an export gives the name only.
pub(crate) fn named(name: &str) -> Option<Participant> {
    of(None, Some(name))
}

/// `user123` as `user:123`.
pub(crate) fn peer(id: &str) -> Option<ParticipantId> {
    let digits = id.find(|c: char| c.is_ascii_digit())?;
    let (scheme, number) = id.split_at(digits);
    let plain = number.bytes().all(|byte| byte.is_ascii_digit());
    match scheme {
        "user" | "chat" | "channel" if plain => ParticipantId::new(scheme, number).ok(),
        // Old exports have bare numbers of users.
        "" if plain => ParticipantId::new("user", number).ok(),
        _ => None,
    }
}

/// The same as a conversation's id.
pub(crate) fn conversation(id: &str) -> Option<TextId> {
    peer(id).map(|id| id.to_text_id())
}

fn short(name: &str) -> &str {
    let mut end = name.len().min(500);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.get(..end).unwrap_or_default()
}
