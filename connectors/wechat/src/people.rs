//! People by their ids in WeCom, and conversations by who takes part.

use connector::normal::{participant_id, stable_id};
use record::{Conversation, ConversationKind, Participant, TextId};

/// Ids of contacts outside and of robots are long and begin with two letters of their own.
const LONG: usize = 16;

/// Somebody by the id that the archive gives.
pub(crate) fn person(id: &str) -> Option<Participant> {
    let foreign = id.len() >= LONG;
    let scheme = match id.get(..2) {
        Some("wm" | "wo") if foreign => "wmext",
        Some("wb") if foreign => "wmbot",
        _ => "wecom",
    };
    participant_id(scheme, id).map(Participant::new)
}

/// Where something was said: a room, else the other sides as the captured account sees them.
pub(crate) fn place(
    room: &str,
    account: &str,
    from: Option<&Participant>,
    to: &[Participant],
) -> (TextId, Conversation) {
    if !room.is_empty() {
        let id = stable_id(&format!("room:{room}"));
        return (id, Conversation::new(ConversationKind::Group));
    }
    let mut all: Vec<&str> = from
        .into_iter()
        .chain(to)
        .map(|who| who.id.as_str())
        .collect();
    all.sort_unstable();
    all.dedup();
    let kind = match all.len() {
        0 | 1 => ConversationKind::Unknown,
        2 => ConversationKind::Direct,
        _ => ConversationKind::Broadcast,
    };
    if all.len() > 1 {
        all.retain(|id| *id != account);
    }
    (stable_id(&all.join("+")), Conversation::new(kind))
}
