//! Persons by business-scoped id, else by number; numbers of the business; groups.

use std::cell::Cell;

use connector::Fields;
use connector::normal::{participant_id, stable_id};
use record::{AliasKind, Conversation, ConversationKind, Participant, ParticipantId, TextId};

/// One change's people: the business's number and the contacts that the webhook names.
pub(crate) struct People<'a> {
    /// The business's number.
    pub(crate) own: Participant,
    numbers: Vec<String>,
    contacts: Vec<Contact<'a>>,
}

struct Contact<'a> {
    fields: Fields<'a>,
    met: Cell<bool>,
}

/// Where something was said.
pub(crate) struct Place {
    pub(crate) id: TextId,
    pub(crate) about: Conversation,
}

impl Place {
    pub(crate) fn direct(with: &Participant) -> Self {
        Self {
            id: with.id.to_text_id(),
            about: Conversation::new(ConversationKind::Direct),
        }
    }

    pub(crate) fn group(id: &str) -> Self {
        Self {
            id: stable_id(&format!("group:{id}")),
            about: Conversation::new(ConversationKind::Group),
        }
    }
}

impl<'a> People<'a> {
    pub(crate) fn of(value: &Fields<'a>, account: &str) -> Option<Self> {
        let id = value.any("metadata.phone_number_id").unwrap_or_default();
        let display = value
            .any("metadata.display_phone_number")
            .unwrap_or_default();
        let own = participant_id("wa-number", &id)
            .or_else(|| ParticipantId::parse(account).ok())
            .or_else(|| participant_id("account", account))?;
        let own = Participant::new(own).alias(AliasKind::Phone, plus(&display));
        let contacts = value
            .list("contacts")
            .into_iter()
            .map(|fields| Contact {
                fields,
                met: Cell::new(false),
            })
            .collect();
        Some(Self {
            own,
            numbers: [id, display]
                .into_iter()
                .filter(|n| !n.is_empty())
                .collect(),
            contacts,
        })
    }

    /// The person that `<name>`, `<name>_user_id` and `<name>_parent_user_id` name.
    pub(crate) fn person(&self, fields: &Fields<'_>, name: &str) -> Option<Participant> {
        let number = fields.any(name).unwrap_or_default();
        let user = fields.any(&format!("{name}_user_id")).unwrap_or_default();
        let parent = fields
            .any(&format!("{name}_parent_user_id"))
            .unwrap_or_default();
        self.known_as(&number, &user, &parent)
    }

    /// The person with that number or business-scoped id; either may be hidden.
    pub(crate) fn known_as(&self, number: &str, user: &str, parent: &str) -> Option<Participant> {
        if self.numbers.iter().any(|own| own == number) {
            return Some(self.own.clone());
        }
        let contact = self.contacts.iter().find(|contact| {
            let is = |path: &str, id: &str| {
                !id.is_empty()
                    && contact.fields.value().get(path).and_then(|v| v.as_str()) == Some(id)
            };
            is("user_id", user) || is("wa_id", number)
        });
        let Some(contact) = contact else {
            return person(number, user, parent, "", "");
        };
        contact.met.set(true);
        let given = |path: &str| contact.fields.any(path).unwrap_or_default();
        let listed = given("wa_id");
        let number = or(number, listed.clone());
        let user = or(user, given("user_id"));
        let parent = or(parent, given("parent_user_id"));
        contact.fields.known("input");
        let known = person(
            &number,
            &user,
            &parent,
            &given("profile.name"),
            &given("profile.username"),
        )?;
        // A person can have several numbers; the contact's may be another than the event's.
        let further = if listed == number {
            String::new()
        } else {
            plus(&listed)
        };
        Some(known.alias(AliasKind::Phone, further))
    }

    /// The contacts that no event of the change has named, with their place in the list.
    pub(crate) fn unmet(&self) -> impl Iterator<Item = (usize, &Fields<'a>)> {
        self.contacts
            .iter()
            .enumerate()
            .filter(|(_, contact)| !contact.met.get())
            .map(|(index, contact)| (index, &contact.fields))
    }

    /// Whether it is the business itself.
    pub(crate) fn is_own(&self, participant: &Participant) -> bool {
        participant.id == self.own.id
    }
}

fn or(given: &str, known: String) -> String {
    if given.is_empty() {
        known
    } else {
        given.to_owned()
    }
}

fn person(
    number: &str,
    user: &str,
    parent: &str,
    display: &str,
    username: &str,
) -> Option<Participant> {
    let id = participant_id("bsuid", user).or_else(|| participant_id("wa", number))?;
    Some(
        Participant::new(id)
            .alias(AliasKind::Phone, plus(number))
            .alias(AliasKind::Display, display)
            .alias(AliasKind::Username, username)
            .alias(AliasKind::Id, parent),
    )
}

/// WhatsApp writes numbers without their plus.
fn plus(number: &str) -> String {
    if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) {
        format!("+{number}")
    } else {
        number.to_owned()
    }
}
