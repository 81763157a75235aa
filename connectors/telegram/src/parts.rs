//! What a message consists of: text, files, places and the rest.

use connector::Fields;
use connector::normal::{Draft, MediaReference, e7, leaves, participant_id, position_in_scalars};
use record::{Card, Location, Part, Poll, PollAct, PollOption, Span, Sticker, Structured, Text};

/// Bodies that have no part of their own: they keep their fields.
const STRUCTURED: &[&str] = &[
    "dice",
    "game",
    "invoice",
    "checklist",
    "checklist_tasks_done",
    "checklist_tasks_added",
    "story",
    "paid_media",
    "gift",
    "unique_gift",
    "users_shared",
    "chat_shared",
    "successful_payment",
    "refunded_payment",
    "web_app_data",
    "passport_data",
    "proximity_alert_triggered",
    "chat_background_set",
    "giveaway",
    "giveaway_winners",
    "giveaway_completed",
    "connected_website",
    "write_access_allowed",
];

/// The parts of a message, in their usual order.
pub(crate) fn of(fields: &Fields<'_>, draft: &mut Draft) -> Vec<Part> {
    let mut parts = Vec::new();
    if let Some(words) = fields.any("text") {
        parts.push(styled(&words, fields, "entities", draft).into());
    }
    // A picture comes in several sizes; the last is the largest.
    if let Some(largest) = fields.list("photo").last() {
        parts.push(file(largest, "image", "photo", draft));
    }
    for (name, form) in [
        ("animation", "animation"),
        ("audio", "audio"),
        ("document", "file"),
        ("video", "video"),
        ("video_note", "video-note"),
        ("voice", "voice"),
    ] {
        // An animation stands a second time as a document, for older bots.
        if name == "document" && fields.has("animation") {
            fields.known("document");
            continue;
        }
        if let Some(body) = fields.obj(name) {
            parts.push(file(&body, form, name, draft));
        }
    }
    if let Some(body) = fields.obj("sticker") {
        parts.extend(sticker(&body, draft));
    }
    if let Some(words) = fields.any("caption") {
        parts.push(styled(&words, fields, "caption_entities", draft).into());
    }
    parts.extend(place(fields, draft));
    if let Some(contact) = fields.obj("contact") {
        parts.push(card(&contact));
    }
    for name in STRUCTURED {
        if fields.has(name) {
            parts.push(
                Structured {
                    type_name: (*name).to_owned(),
                    title: fields.any(&format!("{name}.title")),
                    fields: leaves(fields, name, ""),
                    parts: Vec::new(),
                }
                .into(),
            );
        }
    }
    parts
}

/// A poll, as it was sent.
pub(crate) fn poll(fields: &Fields<'_>, draft: &mut Draft) -> Option<Poll> {
    let poll = fields.obj("poll")?;
    let content = Poll {
        question: poll.any("question"),
        options: poll
            .list("options")
            .iter()
            .map(|option| PollOption {
                text: option.any("text").unwrap_or_default(),
                id: option.any("persistent_id"),
                votes: option.uint("voter_count"),
                chosen: None,
            })
            .collect(),
        several: poll.flag("allows_multiple_answers"),
        anonymous: poll.flag("is_anonymous"),
        voters: poll.uint("total_voter_count"),
        ..Poll::new(PollAct::Created)
    };
    for name in [
        "id",
        "type",
        "is_closed",
        "question_entities",
        "correct_option_id",
        "explanation",
        "explanation_entities",
        "open_period",
        "close_date",
    ] {
        draft
            .fields
            .extend(leaves(&poll, name, &format!("poll.{name}")));
    }
    Some(content)
}

fn styled(words: &str, fields: &Fields<'_>, list: &str, draft: &mut Draft) -> Text {
    let mut text = Text::plain(words);
    for (index, entity) in fields.list(list).iter().enumerate() {
        let kind = entity.any("type").unwrap_or_default();
        let (start, length) = position_in_scalars(
            words,
            entity.uint("offset").unwrap_or_default(),
            entity.uint("length").unwrap_or_default(),
        );
        let target = entity
            .any("url")
            .or_else(|| entity.any("language"))
            .or_else(|| entity.any("custom_emoji_id"))
            .or_else(|| {
                let id = entity.any("user.id")?;
                Some(participant_id("user", &id)?.as_str().to_owned())
            });
        draft
            .fields
            .extend(leaves(entity, "user", &format!("{list}[{index}].user")));
        let style = match kind.as_str() {
            "text_link" | "url" => "link",
            "text_mention" => "mention",
            "pre" => "code",
            "code" => "monospace",
            other => other,
        };
        text.spans.push(Span {
            start,
            length,
            style: style.to_owned(),
            target,
        });
    }
    text
}

fn reference(body: &Fields<'_>) -> MediaReference {
    let square = body.uint("length");
    MediaReference {
        reference: body.any("file_id"),
        name: body.any("file_name"),
        media_type: body.any("mime_type"),
        size: body.uint("file_size"),
        width: body.uint("width").or(square),
        height: body.uint("height").or(square),
        duration_ms: body
            .uint("duration")
            .map(|seconds| seconds.saturating_mul(1000)),
    }
}

/// What the model of files has no place for, but for smaller renditions.
fn further(body: &Fields<'_>, name: &str, draft: &mut Draft) {
    const TAKEN: &[&str] = &[
        "file_id",
        "file_name",
        "mime_type",
        "file_size",
        "width",
        "height",
        "length",
        "duration",
        "thumbnail",
        "thumb",
        "emoji",
        "set_name",
    ];
    for (key, _) in body.entries("") {
        if !TAKEN.contains(&key) {
            draft
                .fields
                .extend(leaves(body, key, &format!("{name}.{key}")));
        }
    }
}

fn file(body: &Fields<'_>, form: &str, name: &str, draft: &mut Draft) -> Part {
    further(body, name, draft);
    draft.media(form, reference(body))
}

fn sticker(body: &Fields<'_>, draft: &mut Draft) -> Vec<Part> {
    further(body, "sticker", draft);
    let known = reference(body);
    let attachment = draft.attach(&known);
    let sticker = Sticker {
        pack: body.any("set_name"),
        id: body.any("file_unique_id"),
        emoji: body.any("emoji"),
        attachment,
    };
    let mut parts = vec![Part::Sticker(sticker)];
    if attachment.is_none() {
        parts.push(draft.media("sticker", known));
    }
    parts
}

fn place(fields: &Fields<'_>, draft: &mut Draft) -> Option<Part> {
    let venue = fields.obj("venue");
    let point = venue
        .as_ref()
        .and_then(|venue| venue.obj("location"))
        .or_else(|| fields.obj("location"))?;
    // A venue's place stands a second time beside it.
    if venue.is_some() {
        fields.known("location");
    }
    let degrees = |name: &str| point.float(name).and_then(e7);
    let location = Location {
        latitude_e7: degrees("latitude")?,
        longitude_e7: degrees("longitude")?,
        name: venue.as_ref().and_then(|venue| venue.any("title")),
        address: venue.as_ref().and_then(|venue| venue.any("address")),
        live_seconds: point.uint("live_period"),
    };
    for name in ["horizontal_accuracy", "heading", "proximity_alert_radius"] {
        draft
            .fields
            .extend(leaves(&point, name, &format!("location.{name}")));
    }
    if let Some(venue) = &venue {
        for (key, _) in venue.entries("") {
            if !["location", "title", "address"].contains(&key) {
                draft
                    .fields
                    .extend(leaves(venue, key, &format!("venue.{key}")));
            }
        }
    }
    Some(location.into())
}

fn card(contact: &Fields<'_>) -> Part {
    let names: Vec<String> = ["first_name", "last_name"]
        .iter()
        .filter_map(|name| contact.any(name))
        .collect();
    Card {
        name: names.join(" "),
        fields: leaves(contact, "", ""),
    }
    .into()
}
