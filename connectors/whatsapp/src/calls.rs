//! Calls: their signalling, as the business interface tells it.

use connector::Fields;
use connector::normal::{Gathered, leaves, stable_id};
use record::{Call, CallMedia, CallState, Direction};

use crate::messages::said;
use crate::people::Place;
use crate::webhook::{Change, milliseconds};

/// Every call and every status of a call in the change.
pub(crate) fn read(change: &Change<'_, '_>, gathered: &mut Gathered<'_>) {
    for (index, call) in change.value.list("calls").iter().enumerate() {
        let path = change.at(&format!("calls[{index}]"));
        one(change, call, &path, gathered);
    }
    for (index, status) in change.value.list("statuses").iter().enumerate() {
        if status.text("type") == Some("call") {
            let path = change.at(&format!("statuses[{index}]"));
            rang(change, status, &path, gathered);
        }
    }
}

fn one(change: &Change<'_, '_>, call: &Fields<'_>, path: &str, gathered: &mut Gathered<'_>) {
    let people = &change.people;
    let outgoing = call.text("direction") == Some("BUSINESS_INITIATED");
    let (from, to) = (people.person(call, "from"), people.person(call, "to"));
    let peer = if outgoing { &to } else { &from };
    let place = Place::direct(peer.as_ref().unwrap_or(&people.own));
    let id = call.any("id").unwrap_or_default();
    let event = call.any("event").unwrap_or_default();
    let mut draft = change
        .draft(place, stable_id(&format!("{id}:{event}")))
        .server(call.int("timestamp").map(milliseconds))
        .direction(if outgoing {
            Direction::Outgoing
        } else {
            Direction::Incoming
        })
        .sender(from)
        .recipient(to);
    // The frame's number may be none of the two that the call names.
    let own = people
        .own
        .aliases
        .first()
        .map_or("", |alias| alias.name.as_str());
    draft.field("metadata.phone_number_id", people.own.id.value());
    draft.field("metadata.display_phone_number", own);
    let status = call.any("status");
    let state = match (
        event.as_str(),
        call.text("session.sdp_type"),
        status.as_deref(),
    ) {
        ("connect", Some("answer"), _) => CallState::Answered,
        ("connect", _, _) => CallState::Offered,
        ("terminate", _, Some("FAILED")) => CallState::Failed,
        ("terminate", _, _) => CallState::Ended,
        _ => CallState::Other,
    };
    for name in [
        "start_time",
        "end_time",
        "biz_opaque_callback_data",
        "errors",
    ] {
        draft.fields.extend(leaves(call, name, name));
    }
    let content = Call {
        id: Some(id),
        duration_seconds: call.uint("duration"),
        reason: status,
        ..Call::new(CallMedia::Unknown, state)
    };
    gathered.add_of(draft, content, path);
}

fn rang(change: &Change<'_, '_>, status: &Fields<'_>, path: &str, gathered: &mut Gathered<'_>) {
    let people = &change.people;
    let peer = people.known_as(
        &status.any("recipient_id").unwrap_or_default(),
        &status.any("recipient_user_id").unwrap_or_default(),
        "",
    );
    let place = Place::direct(peer.as_ref().unwrap_or(&people.own));
    let id = status.any("id").unwrap_or_default();
    let state = status.any("status").unwrap_or_default();
    let mut draft = change
        .draft(place, stable_id(&format!("{id}:{state}")))
        .server(status.int("timestamp").map(milliseconds))
        .direction(Direction::Outgoing)
        .sender(Some(people.own.clone()))
        .recipient(peer);
    draft.fields.extend(leaves(
        status,
        "biz_opaque_callback_data",
        "biz_opaque_callback_data",
    ));
    let errors = leaves(status, "errors", "errors");
    let content = Call {
        id: Some(id),
        reason: Some(said(&errors)).filter(|words| !words.is_empty()),
        ..Call::new(
            CallMedia::Unknown,
            match state.as_str() {
                "RINGING" => CallState::Ringing,
                "ACCEPTED" => CallState::Answered,
                "REJECTED" => CallState::Declined,
                _ => CallState::Other,
            },
        )
    };
    draft.fields.extend(errors);
    gathered.add_of(draft, content, path);
}
