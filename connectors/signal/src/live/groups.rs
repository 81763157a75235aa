//! Groups: what `listGroups` shows now beside what it showed before. Signal tells only that a
//! group changed and which revision it has; who came and went is found by comparing.

use std::collections::BTreeMap;

use connector::Fields;
use connector::normal::{Capture, Draft, Gathered, stable_id};
use record::{
    Change, Changed, Conversation, ConversationKind, MemberAct, MemberChange, Membership,
    Participant, ParticipantId, RecordId, Roster,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::people::{id_of, named};

/// A group as last seen.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Known {
    /// Members and others, by stable id.
    people: BTreeMap<String, Standing>,
    /// Title, description, timer, permissions and the like, by name.
    properties: BTreeMap<String, String>,
    /// The highest revision that an event has named.
    revision: Option<u64>,
    /// The roster's record id in hexadecimal digits.
    roster: Option<String>,
}

/// How somebody stands to a group.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Standing {
    /// `member`, `pending`, `requesting`, `banned`.
    state: String,
    admin: bool,
    number: Option<String>,
}

/// The event that told of a change.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Trigger {
    pub(crate) revision: Option<u64>,
    /// Stable id of its author.
    pub(crate) author: Option<String>,
    /// When it was sent, in milliseconds.
    pub(crate) sent: Option<i64>,
}

impl Trigger {
    /// Another event has told of the group before it was asked for.
    pub(crate) fn renew(&mut self, other: &Self) {
        if other.revision >= self.revision {
            *self = other.clone();
        }
    }
}

const PROPERTIES: &[(&str, &str)] = &[
    ("name", "title"),
    ("description", "description"),
    ("messageExpirationTime", "timer"),
    ("permissionAddMember", "permission.add-member"),
    ("permissionEditDetails", "permission.edit-details"),
    ("permissionSendMessage", "permission.send-message"),
    ("groupInviteLink", "invite-link"),
    ("isMember", "own-membership"),
];

const LISTS: &[(&str, &str)] = &[
    ("members", "member"),
    ("pendingMembers", "pending"),
    ("requestingMembers", "requesting"),
    ("banned", "banned"),
];

impl Known {
    /// Of an element of `listGroups`' answer.
    pub(crate) fn of(group: &Value) -> Option<(String, Self)> {
        let id = group.get("id")?.as_str()?.to_owned();
        let mut known = Self::default();
        for (list, state) in LISTS {
            for (id, number) in people(group, list) {
                let standing = known.people.entry(id).or_default();
                (*state).clone_into(&mut standing.state);
                standing.number = number;
            }
        }
        for (id, _) in people(group, "admins") {
            if let Some(standing) = known.people.get_mut(&id) {
                standing.admin = true;
            }
        }
        for (key, name) in PROPERTIES {
            let value = match group.get(*key) {
                Some(Value::String(text)) if !text.is_empty() => text.clone(),
                Some(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
                _ => continue,
            };
            known.properties.insert((*name).to_owned(), value);
        }
        Some((id, known))
    }

    /// Whether people and properties are the same, whatever the revision.
    pub(crate) fn looks_like(&self, other: &Self) -> bool {
        self.people == other.people && self.properties == other.properties
    }

    /// Whether nothing can have changed since it was seen.
    pub(crate) fn is_at(&self, revision: Option<u64>) -> bool {
        revision.is_some() && self.revision >= revision
    }

    pub(crate) fn revision(&self) -> Option<u64> {
        self.revision
    }

    pub(crate) fn set_revision(&mut self, revision: Option<u64>) {
        self.revision = revision;
    }

    fn title(&self) -> String {
        self.properties.get("title").cloned().unwrap_or_default()
    }

    /// Tells this state apart from every other of the same group.
    fn fingerprint(&self) -> String {
        let bytes = serde_json::to_vec(&(&self.people, &self.properties)).unwrap_or_default();
        let mut hash = canonical::hex(&canonical::sha256(&bytes));
        hash.truncate(16);
        hash
    }
}

/// The records of one group's change, added to `gathered`, and what is known now but the roster's
/// id. `bytes` of `gathered` are the group as it is shown now.
pub(crate) fn compare(
    capture: &Capture<'_>,
    id: &str,
    before: Option<&Known>,
    mut now: Known,
    trigger: &Trigger,
    gathered: &mut Gathered<'_>,
) -> Known {
    let known_revision = before.and_then(|known| known.revision);
    now.revision = trigger.revision.max(known_revision);
    now.roster = before.and_then(|known| known.roster.clone());
    if before.is_some_and(|before| before.looks_like(&now)) {
        return now;
    }
    let draft = |of: &str| draft(capture, id, &now, trigger, known_revision, of);
    // Only one step from the state before: whoever took it did all of it.
    let single = match (known_revision, trigger.revision) {
        (Some(known), Some(new)) => new == known.saturating_add(1),
        _ => false,
    };
    let actor = trigger.author.clone().filter(|_| single);
    if let Some(before) = before {
        let changes = changes(before, &now, actor.as_deref());
        if !changes.is_empty() {
            gathered.add(draft("membership"), Membership { changes });
        }
        let changes = properties(before, &now);
        if !changes.is_empty() {
            gathered.add(draft("change"), Change { changes });
        }
    }
    if before.is_none_or(|before| before.people != now.people) {
        let roster = Roster {
            members: roster(&now),
            former: now.roster.as_deref().and_then(record_id),
        };
        gathered.add(draft("roster"), roster);
    }
    now
}

/// Remembers the roster that was recorded.
pub(crate) fn set_roster(known: &mut Known, id: &RecordId) {
    known.roster = Some(canonical::hex(id.as_bytes()));
}

fn draft(
    capture: &Capture<'_>,
    id: &str,
    now: &Known,
    trigger: &Trigger,
    known_revision: Option<u64>,
    of: &str,
) -> Draft {
    let revision = now
        .revision
        .map_or_else(|| "-".to_owned(), |r| r.to_string());
    let name = format!("group:{id}/{of}/{revision}/{}", now.fingerprint());
    let about = Conversation::new(ConversationKind::Group).title(now.title());
    let author = trigger
        .author
        .as_deref()
        .and_then(|id| ParticipantId::parse(id).ok());
    let mut draft = Draft::new(
        capture,
        stable_id(&format!("group:{id}")),
        stable_id(&name),
        about,
    )
    .sent(trigger.sent)
    .sender(author.map(Participant::new));
    draft.field("revision", revision);
    if let (Some(from), Some(to)) = (known_revision, trigger.revision)
        && to > from.saturating_add(1)
    {
        // Several changes may have merged: what happened in between is not known.
        draft.field("revision.merged-from", from.to_string());
    }
    draft
}

fn people(group: &Value, list: &str) -> Vec<(String, Option<String>)> {
    let fields = Fields::new(group);
    fields
        .list(list)
        .iter()
        .filter_map(|person| {
            let number = person.any("number").filter(|number| !number.is_empty());
            let id = id_of(person.any("uuid").as_deref(), number.as_deref())?;
            Some((id.as_str().to_owned(), number))
        })
        .collect()
}

fn participant(id: &str, standing: &Standing) -> Option<Participant> {
    let id = ParticipantId::parse(id).ok()?;
    let mut participant = named(id, standing.number.clone(), None);
    participant.role = Some(if standing.admin && standing.state == "member" {
        "admin".to_owned()
    } else {
        standing.state.clone()
    });
    Some(participant)
}

fn roster(known: &Known) -> Vec<Participant> {
    known
        .people
        .iter()
        .filter_map(|(id, standing)| participant(id, standing))
        .collect()
}

fn changes(before: &Known, now: &Known, actor: Option<&str>) -> Vec<MemberChange> {
    let nobody = Standing::default();
    let mut ids: Vec<&String> = before.people.keys().chain(now.people.keys()).collect();
    ids.sort_unstable();
    ids.dedup();
    let by = actor
        .and_then(|id| ParticipantId::parse(id).ok())
        .map(Participant::new);
    let mut found = Vec::new();
    for id in ids {
        let was = before.people.get(id).unwrap_or(&nobody);
        let is = now.people.get(id).unwrap_or(&nobody);
        let Some(act) = act(was, is, actor.map(|actor| actor == id)) else {
            continue;
        };
        let shown = if is.state.is_empty() { was } else { is };
        if let Some(member) = participant(id, shown) {
            found.push(MemberChange {
                member,
                act,
                by: by.clone(),
                detail: (!was.state.is_empty()).then(|| format!("was {}", was.state)),
            });
        }
    }
    found
}

/// What happened to somebody; `own` tells whether it was their own act, where that is known.
fn act(was: &Standing, is: &Standing, own: Option<bool>) -> Option<MemberAct> {
    Some(match (was.state.as_str(), is.state.as_str()) {
        (before, now) if before == now => match (was.admin, is.admin) {
            (false, true) => MemberAct::Promoted,
            (true, false) => MemberAct::Demoted,
            _ => return None,
        },
        ("pending", "member") => MemberAct::Joined,
        (_, "member") if own == Some(true) => MemberAct::Joined,
        (_, "member") => MemberAct::Added,
        (_, "pending") => MemberAct::Invited,
        (_, "requesting") => MemberAct::Requested,
        (_, "banned") => MemberAct::Banned,
        ("member", "") if own == Some(true) => MemberAct::Left,
        ("member", "") => MemberAct::Removed,
        ("pending" | "requesting", "") => MemberAct::Declined,
        _ => MemberAct::Other,
    })
}

fn properties(before: &Known, now: &Known) -> Vec<Changed> {
    let mut names: Vec<&String> = before
        .properties
        .keys()
        .chain(now.properties.keys())
        .collect();
    names.sort_unstable();
    names.dedup();
    names
        .into_iter()
        .filter_map(|name| {
            let (was, is) = (before.properties.get(name), now.properties.get(name));
            (was != is).then(|| Changed {
                what: name.clone(),
                before: was.cloned(),
                after: is.cloned(),
                target: None,
            })
        })
        .collect()
}

fn record_id(hex: &str) -> Option<RecordId> {
    let mut bytes = [0; 32];
    canonical::hex_into(hex, &mut bytes).ok()?;
    Some(RecordId::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn standing(state: &str, admin: bool) -> Standing {
        Standing {
            state: state.to_owned(),
            admin,
            number: None,
        }
    }

    #[test]
    fn what_happened_to_a_member_is_told_as_far_as_it_is_known() {
        let none = Standing::default();
        let (member, admin) = (standing("member", false), standing("member", true));
        let (pending, banned) = (standing("pending", false), standing("banned", false));
        for (was, is, own, expected) in [
            (&none, &member, None, Some(MemberAct::Added)),
            (&none, &member, Some(true), Some(MemberAct::Joined)),
            (&pending, &member, None, Some(MemberAct::Joined)),
            (&none, &pending, Some(false), Some(MemberAct::Invited)),
            (&member, &none, Some(true), Some(MemberAct::Left)),
            (&member, &none, Some(false), Some(MemberAct::Removed)),
            (&pending, &none, None, Some(MemberAct::Declined)),
            (&member, &admin, None, Some(MemberAct::Promoted)),
            (&admin, &member, None, Some(MemberAct::Demoted)),
            (&member, &banned, None, Some(MemberAct::Banned)),
            (&member, &member, None, None),
        ] {
            assert_eq!(act(was, is, own), expected);
        }
    }

    #[test]
    fn the_order_of_lists_does_not_matter() {
        let group = |first: &str, second: &str| {
            json!({"id": "g", "name": "Team", "members": [{"uuid": first}, {"uuid": second}],
                   "admins": [{"uuid": "a"}]})
        };
        let (_, one) = Known::of(&group("a", "b")).unwrap();
        let (_, other) = Known::of(&group("b", "a")).unwrap();
        assert!(one.looks_like(&other));
        assert_eq!(one.fingerprint(), other.fingerprint());
        let (_, smaller) =
            Known::of(&json!({"id": "g", "name": "Team", "members": [{"uuid": "a"}]})).unwrap();
        assert!(!one.looks_like(&smaller));
    }
}
