//! Who and where: what the files of an export tell together of the ids that each uses.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use connector::normal::{participant_id, stable_id};
use record::{AliasKind, ConversationKind, Participant, ParticipantId, TextId};
use serde::Deserialize;

use super::message_start;
use crate::list::{Piece, alone};
use crate::telegram::scan::Scanner;

/// Conversations and people that are remembered.
const MAX_KNOWN: usize = 1 << 20;

/// What the files told.
#[derive(Default)]
pub(crate) struct Known {
    chats: HashMap<PathBuf, Told>,
    /// People by Signal Desktop's ids of the conversations with them.
    people: HashMap<String, ParticipantId>,
}

/// What one file told.
#[derive(Default)]
struct Told {
    conversation: Option<String>,
    others: Vec<ParticipantId>,
    group: bool,
}

/// A conversation.
pub(crate) struct Chat {
    pub(crate) id: TextId,
    pub(crate) kind: ConversationKind,
    pub(crate) title: String,
    /// The other side of a conversation of two.
    pub(crate) other: Option<Participant>,
}

/// What is looked at of each message.
#[derive(Deserialize)]
struct Looked {
    #[serde(rename = "conversationId")]
    conversation: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(rename = "sourceServiceId", alias = "sourceUuid")]
    service_id: Option<String>,
    source: Option<String>,
}

impl Known {
    /// Goes through a file. What can not be read is said when it is imported.
    pub(crate) fn learn(&mut self, path: &Path) {
        let Ok(file) = File::open(path) else { return };
        let mut told = Told::default();
        let _ = alone(&mut Scanner::new(file), message_start, &mut |piece| {
            let Piece::Element(slice) = piece else {
                return Ok(());
            };
            let Ok(looked) = serde_json::from_slice::<Looked>(slice.bytes) else {
                return Ok(());
            };
            told.conversation = told.conversation.take().or(looked.conversation);
            match looked.kind.as_deref() {
                Some("group-v2-change" | "group" | "group-v1-migration") => told.group = true,
                Some("incoming") => {
                    let source = looked.source.as_deref();
                    if let Some(other) = service_id(looked.service_id.as_deref(), source)
                        && told.others.len() < 2
                        && !told.others.contains(&other)
                    {
                        told.others.push(other);
                    }
                }
                _ => {}
            }
            Ok(())
        });
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        told.group |= told.others.len() > 1 || split(&stem).1 == Some("group");
        if !told.group
            && self.people.len() < MAX_KNOWN
            && let (Some(id), [other]) = (&told.conversation, told.others.as_slice())
        {
            self.people.insert(id.clone(), other.clone());
        }
        if self.chats.len() < MAX_KNOWN {
            self.chats.insert(path.to_path_buf(), told);
        }
    }

    /// The conversation of a file, by what it told and by its name.
    pub(crate) fn chat(&self, path: &Path, stem: &str, named: Option<&str>) -> Chat {
        let (title, detail) = split(stem);
        let told = self.chats.get(path);
        let group = told.is_some_and(|told| told.group) || detail == Some("group");
        let met = told.and_then(|told| told.others.first()).filter(|_| !group);
        let other = met
            .cloned()
            .or_else(|| by_detail(detail?))
            .filter(|_| !group);
        let own = told.and_then(|told| told.conversation.as_deref());
        let id = match (named, &other, own) {
            (Some(named), _, _) => stable_id(named),
            (None, Some(other), _) => other.to_text_id(),
            (None, None, Some(own)) => stable_id(&format!("desktop:{own}")),
            (None, None, None) => stable_id(&format!("title:{title}")),
        };
        let number = detail
            .filter(|detail| detail.starts_with('+'))
            .unwrap_or_default();
        Chat {
            id,
            kind: match (group, &other) {
                (true, _) => ConversationKind::Group,
                (false, Some(_)) => ConversationKind::Direct,
                (false, None) => ConversationKind::Unknown,
            },
            title: if group {
                title.to_owned()
            } else {
                String::new()
            },
            other: other.map(|id| {
                let phone = if id.scheme() == "tel" { "" } else { number };
                Participant::new(id)
                    .alias(AliasKind::Display, title)
                    .alias(AliasKind::Phone, phone)
            }),
        }
    }

    /// The person that one of Signal Desktop's ids means.
    pub(crate) fn person(&self, id: &str) -> Option<ParticipantId> {
        self.people
            .get(id)
            .cloned()
            .or_else(|| participant_id("desktop", id))
    }
}

/// An account by its service id, else its number.
pub(crate) fn service_id(id: Option<&str>, number: Option<&str>) -> Option<ParticipantId> {
    match id.filter(|id| !id.is_empty()) {
        Some(id) => match id.strip_prefix("PNI:") {
            Some(pni) => participant_id("pni", &pni.to_lowercase()),
            None => participant_id("aci", &id.to_lowercase()),
        },
        None => participant_id("tel", number.filter(|number| number.starts_with('+'))?),
    }
}

/// Name and detail of `Name (detail)`.
fn split(stem: &str) -> (&str, Option<&str>) {
    let inner = stem
        .strip_suffix(')')
        .and_then(|stem| stem.rsplit_once(" ("));
    match inner {
        Some((name, detail)) => (name, Some(detail)),
        None => (stem, None),
    }
}

fn by_detail(detail: &str) -> Option<ParticipantId> {
    let plain = detail
        .bytes()
        .all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    match detail {
        number if number.starts_with('+') => participant_id("tel", number),
        id if id.len() == 36 && plain => participant_id("aci", &id.to_lowercase()),
        _ => None,
    }
}
