//! Accounts, messages and groups by their stable ids.

use connector::Fields;
use connector::normal::{participant_id, stable_id};
use record::{AliasKind, Milliseconds, Participant, ParticipantId, Target, TextId};

/// The account that `<name>`, `<name>Number`, `<name>Uuid` (and `<name>Name`) name. The bare one
/// repeats one of the two.
pub(crate) fn account(fields: &Fields<'_>, name: &str) -> Option<Participant> {
    let bare = fields.any(name).filter(|text| !text.is_empty());
    let number = fields.any(&format!("{name}Number"));
    let uuid = fields.any(&format!("{name}Uuid"));
    let display = fields.any(&format!("{name}Name"));
    let id =
        id_of(uuid.as_deref(), number.as_deref()).or_else(|| bare.as_deref().and_then(bare_id))?;
    Some(named(id, number, display))
}

/// The id of an account: its ACI, else its number. A hidden number is no id.
pub(crate) fn id_of(uuid: Option<&str>, number: Option<&str>) -> Option<ParticipantId> {
    uuid.filter(|uuid| !uuid.is_empty())
        .and_then(bare_id)
        .or_else(|| number.and_then(|number| participant_id("tel", number)))
}

pub(crate) fn named(
    id: ParticipantId,
    number: Option<String>,
    display: Option<String>,
) -> Participant {
    let known = id.scheme() == "tel";
    Participant::new(id)
        .alias(
            AliasKind::Phone,
            number.filter(|_| !known).unwrap_or_default(),
        )
        .alias(AliasKind::Display, display.unwrap_or_default())
}

/// The message of `author` that was sent at `timestamp`.
pub(crate) fn message_id(author: &ParticipantId, timestamp: i64) -> TextId {
    stable_id(&format!("{}/{timestamp}", author.as_str()))
}

pub(crate) fn target(author: &ParticipantId, timestamp: i64) -> Target {
    Target {
        author: Some(author.clone()),
        sent: Some(Milliseconds::new(timestamp)),
        ..Target::new(message_id(author, timestamp))
    }
}

/// The message that `targetAuthor…` and `targetSentTimestamp` name; without an author, one of
/// `otherwise`.
pub(crate) fn target_of(fields: &Fields<'_>, otherwise: &ParticipantId) -> Option<Target> {
    let timestamp = fields.int("targetSentTimestamp")?;
    let author = account(fields, "targetAuthor").map(|author| author.id);
    Some(target(author.as_ref().unwrap_or(otherwise), timestamp))
}

fn bare_id(text: &str) -> Option<ParticipantId> {
    match text.strip_prefix("PNI:") {
        Some(pni) => participant_id("pni", pni),
        None if text.starts_with('+') => participant_id("tel", text),
        None => participant_id("aci", text),
    }
}
