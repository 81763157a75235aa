//! The webhook's frame: entries and their changes.

use connector::Fields;
use connector::normal::{Capture, Draft, Gathered, event_hash, leaves, stable_id};
use record::{Account, Conversation, TextId, Unknown};

use crate::people::{People, Place};
use crate::{account, calls, messages};

/// One change of one entry.
pub(crate) struct Change<'c, 'a> {
    pub(crate) capture: &'c Capture<'c>,
    pub(crate) value: Fields<'a>,
    pub(crate) field: &'a str,
    /// Where the change stands in the body.
    pub(crate) path: String,
    pub(crate) people: People<'a>,
    /// The business account's id.
    business: String,
    /// When the entry was made, in seconds.
    time: Option<i64>,
}

impl Change<'_, '_> {
    /// A record in a conversation.
    pub(crate) fn draft(&self, place: Place, source_id: TextId) -> Draft {
        let mut draft = Draft::new(self.capture, place.id, source_id, place.about);
        draft.field("entry.id", self.business.as_str());
        draft
    }

    /// A record of the account itself, of the element at `path`.
    pub(crate) fn account_draft(&self, path: &str) -> Draft {
        let place = Place {
            id: stable_id(&format!("waba:{}", self.business)),
            about: Conversation::default(),
        };
        let said = event_hash(self.value.value().to_string().as_bytes());
        let time = self.time.unwrap_or_default();
        let place_in = path.strip_prefix(&self.path).unwrap_or(path);
        let id = stable_id(&format!("{}:{time}:{said}{place_in}", self.field));
        self.draft(place, id).server(self.time.map(milliseconds))
    }

    /// The path of an element of the value.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}.value.{path}", self.path)
    }
}

pub(crate) fn milliseconds(seconds: i64) -> i64 {
    seconds.saturating_mul(1000)
}

/// Reads the whole body, or what of it concerns the number `number_of`.
pub(crate) fn read(
    capture: &Capture<'_>,
    number_of: Option<&str>,
    bytes: &[u8],
    root: &Fields<'_>,
    gathered: &mut Gathered<'_>,
) {
    root.known("object");
    for (number, entry) in root.list("entry").iter().enumerate() {
        let business = entry.any("id").unwrap_or_default();
        let time = entry.int("time");
        for (index, each) in entry.list("changes").iter().enumerate() {
            let value = each.obj("value").unwrap_or_else(|| each.clone());
            let named = value.any("metadata.phone_number_id");
            if let (Some(own), Some(named)) = (number_of, named)
                && own != named
            {
                // Another account's: nothing of it belongs into this one's records.
                each.whole("");
                gathered.keep_apart();
                continue;
            }
            let Some(people) = People::of(&value, capture.source.account.as_str()) else {
                continue;
            };
            let change = Change {
                capture,
                people,
                value,
                field: each.text("field").unwrap_or_default(),
                path: format!("entry[{number}].changes[{index}]"),
                business: business.clone(),
                time,
            };
            changed(&change, gathered);
        }
    }
    if gathered.is_empty() {
        let place = capture.source.account.clone();
        let id = stable_id(&format!("webhook:{}", event_hash(bytes)));
        let draft = Draft::new(capture, place, id, Conversation::default());
        let content = Unknown {
            type_name: "webhook".to_owned(),
            text: None,
        };
        gathered.add(draft, content);
    }
}

fn changed(change: &Change<'_, '_>, gathered: &mut Gathered<'_>) {
    let first = gathered.len();
    let value = &change.value;
    value.known("messaging_product");
    messages::read(change, gathered);
    calls::read(change, gathered);
    account::read(change, gathered);
    if gathered.len() == first {
        account::whole(change, gathered);
    }
    let mut fields = Vec::new();
    for (index, contact) in change.people.unmet() {
        fields.extend(leaves(contact, "", &format!("contacts[{index}]")));
    }
    fields.extend(leaves(value, "errors", "errors"));
    if let Some(draft) = gathered.draft(first) {
        draft.fields.append(&mut fields);
    } else {
        let content = Account {
            what: change.field.to_owned(),
            value: None,
        };
        gathered.add_of(change.account_draft(&change.path), content, &change.path);
    }
}
