//! What concerns the business account, its templates and numbers, and people's preferences.

use connector::normal::{Gathered, leaves, stable_id};
use record::{Account, Consent, ConsentAct, Direction, Milliseconds, Unknown};

use crate::people::Place;
use crate::webhook::{Change, milliseconds};

/// Preferences and the phone's contacts.
pub(crate) fn read(change: &Change<'_, '_>, gathered: &mut Gathered<'_>) {
    for (index, preference) in change.value.list("user_preferences").iter().enumerate() {
        let path = change.at(&format!("user_preferences[{index}]"));
        let who = change.people.known_as(
            &preference.any("wa_id").unwrap_or_default(),
            &preference.any("user_id").unwrap_or_default(),
            &preference.any("parent_user_id").unwrap_or_default(),
        );
        let at = preference.int("timestamp").map(milliseconds);
        let place = Place::direct(who.as_ref().unwrap_or(&change.people.own));
        let category = preference.any("category").unwrap_or_default();
        let value = preference.any("value").unwrap_or_default();
        let id = stable_id(&format!("{category}:{value}:{}", at.unwrap_or_default()));
        let mut draft = change
            .draft(place, id)
            .server(at)
            .direction(Direction::Incoming)
            .sender(who.clone())
            .recipient(Some(change.people.own.clone()));
        draft.field("user_preferences.category", category);
        draft.field("user_preferences.value", value.as_str());
        let signup = preference.any("signup_id").unwrap_or_default();
        draft.field("user_preferences.signup_id", signup);
        let content = Consent {
            act: match value.as_str() {
                "stop" => ConsentAct::Withdrawn,
                _ => ConsentAct::Agreed,
            },
            participant: who,
            text: preference.any("detail"),
            at: at.map(Milliseconds::new),
        };
        gathered.add_of(draft, content, &path);
    }
    for (index, state) in change.value.list("state_sync").iter().enumerate() {
        let path = change.at(&format!("state_sync[{index}]"));
        let at = state.int("metadata.timestamp");
        let mut draft = change.account_draft(&path).server(at.map(milliseconds));
        draft = draft.recipient(Some(change.people.own.clone()));
        draft.fields.extend(leaves(state, "", "state_sync"));
        let content = Account {
            what: state.any("type").unwrap_or_default(),
            value: state.any("action"),
        };
        gathered.add_of(draft, content, &path);
    }
}

/// A change that is one event as a whole.
pub(crate) fn whole(change: &Change<'_, '_>, gathered: &mut Gathered<'_>) {
    let value = &change.value;
    let event = value.any("event");
    let what = match change.field {
        "account_update" => match event.as_deref() {
            Some("DISABLED_UPDATE") => "banned",
            Some("ACCOUNT_DELETED" | "ACCOUNT_OFFBOARDED" | "PARTNER_REMOVED") => "unlinked",
            Some("ACCOUNT_RECONNECTED" | "PARTNER_ADDED") => "linked",
            Some("ACCOUNT_RESTRICTION" | "ACCOUNT_VIOLATION") => "restricted",
            _ => "account",
        },
        "message_template_quality_update" | "phone_number_quality_update" => "quality",
        "message_template_status_update"
        | "message_template_components_update"
        | "template_category_update" => "template",
        "phone_number_name_update" => "number",
        "account_alerts"
        | "account_review_update"
        | "account_settings_update"
        | "business_capability_update"
        | "business_status_update"
        | "security" => "settings",
        _ => {
            let content = Unknown {
                type_name: change.field.to_owned(),
                text: None,
            };
            gathered.add_of(change.account_draft(&change.path), content, &change.path);
            return;
        }
    };
    let value_of = event
        .or_else(|| value.any("new_quality_score"))
        .or_else(|| value.any("new_category"))
        .or_else(|| value.any("decision"));
    let mut draft = change.account_draft(&change.path);
    draft.field("change.field", change.field);
    draft.fields.extend(leaves(value, "", ""));
    let content = Account {
        what: what.to_owned(),
        value: value_of,
    };
    gathered.add_of(draft, content, &change.path);
}
