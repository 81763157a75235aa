//! What a message says, by its type.

use connector::Fields;
use connector::normal::{Draft, MediaReference, e7, leaves, stable_id};
use record::{
    Card, Field, Forward, Location, Message, Missing, MissingWhy, Part, Sticker, Structured,
    Target, Text,
};
use serde_json::Value;

use crate::webhook::Change;

/// The message of that type; `None` if there is no body of it, or we do not know it.
pub(crate) fn message(
    change: &Change<'_, '_>,
    fields: &Fields<'_>,
    kind: &str,
    draft: &mut Draft,
) -> Option<Message> {
    let body = fields.obj(kind);
    let parts = match kind {
        "text" => vec![Text::plain(body?.any("body").unwrap_or_default()).into()],
        "image" | "video" | "audio" | "document" => media(&body?, kind, draft),
        "sticker" => sticker(&body?, draft),
        "location" => vec![location(&body?, draft)],
        "contacts" => fields.list("contacts").iter().map(card).collect(),
        "order" => {
            let title = body?.any("text").filter(|text| !text.is_empty());
            vec![structured("order", title, leaves(fields, "order", ""))]
        }
        "button" => {
            let title = body?.any("text");
            vec![structured("button", title, leaves(fields, "button", ""))]
        }
        "interactive" => vec![interactive(&body?)],
        "request_welcome" => vec![structured("request_welcome", None, Vec::new())],
        "media_placeholder" => {
            // History names media first and delivers them later, under the same id.
            fields.known("media_placeholder");
            vec![Missing::new("media", MissingWhy::NotIncluded).into()]
        }
        _ => return None,
    };
    let mut message = Message {
        parts,
        ..Message::default()
    };
    if fields.has("referral") {
        let title = fields.any("referral.headline");
        let part = structured("referral", title, leaves(fields, "referral", ""));
        message.parts.push(part);
    }
    if let Some(context) = fields.obj("context") {
        answered(change, &context, &mut message, draft);
    }
    Some(message)
}

fn answered(
    change: &Change<'_, '_>,
    context: &Fields<'_>,
    message: &mut Message,
    draft: &mut Draft,
) {
    let author = change
        .people
        .person(context, "from")
        .map(|author| author.id);
    if let Some(id) = context.any("id") {
        message.in_reply_to = Some(Target {
            author,
            ..Target::new(stable_id(&id))
        });
    }
    let often = context.flag("frequently_forwarded") == Some(true);
    if context.flag("forwarded") == Some(true) || often {
        message.forward = Some(Forward::default());
    }
    if often {
        message.marks.push("frequently-forwarded".to_owned());
    }
    draft.fields.extend(leaves(
        context,
        "referred_product",
        "context.referred_product",
    ));
}

fn reference(body: &Fields<'_>, kind: &str, draft: &mut Draft) -> MediaReference {
    for name in ["sha256", "url", "animated"] {
        draft
            .fields
            .extend(leaves(body, name, &format!("{kind}.{name}")));
    }
    MediaReference {
        reference: body.any("id"),
        name: body.any("filename"),
        media_type: body.any("mime_type"),
        ..MediaReference::default()
    }
}

fn media(body: &Fields<'_>, kind: &str, draft: &mut Draft) -> Vec<Part> {
    let form = match kind {
        "document" => "file",
        "audio" if body.flag("voice") == Some(true) => "voice",
        other => other,
    };
    let known = reference(body, kind, draft);
    let mut parts = vec![draft.media(form, known)];
    if let Some(caption) = body.any("caption").filter(|caption| !caption.is_empty()) {
        parts.push(Text::plain(caption).into());
    }
    parts
}

fn sticker(body: &Fields<'_>, draft: &mut Draft) -> Vec<Part> {
    let known = reference(body, "sticker", draft);
    match draft.attach(&known) {
        Some(attachment) => vec![
            Sticker {
                id: known.reference,
                attachment: Some(attachment),
                ..Sticker::default()
            }
            .into(),
        ],
        None => vec![draft.media("sticker", known)],
    }
}

fn location(body: &Fields<'_>, draft: &mut Draft) -> Part {
    let place = |name: &str| body.float(name).and_then(e7);
    draft.fields.extend(leaves(body, "url", "location.url"));
    match (place("latitude"), place("longitude")) {
        (Some(latitude_e7), Some(longitude_e7)) => Location {
            latitude_e7,
            longitude_e7,
            name: body.any("name"),
            address: body.any("address"),
            live_seconds: None,
        }
        .into(),
        _ => structured("location", body.any("name"), leaves(body, "", "")),
    }
}

fn card(contact: &Fields<'_>) -> Part {
    let name = contact.any("name.formatted_name").unwrap_or_default();
    Card {
        name,
        fields: leaves(contact, "", ""),
    }
    .into()
}

fn interactive(body: &Fields<'_>) -> Part {
    let kind = body.any("type").unwrap_or_default();
    let reply = body.obj(&kind).unwrap_or_else(|| body.clone());
    let title = reply
        .any("title")
        .or_else(|| reply.any("body"))
        .or_else(|| reply.any("name"));
    let mut fields = Vec::new();
    // The answers of a form come as JSON in a text.
    let answers = reply
        .any("response_json")
        .and_then(|text| serde_json::from_str::<Value>(&text).ok())
        .filter(Value::is_object);
    if let Some(answers) = &answers {
        fields = leaves(&Fields::new(answers), "", "response_json");
    }
    fields.extend(
        leaves(&reply, "", "")
            .into_iter()
            .filter(|field| answers.is_none() || field.name != "response_json"),
    );
    structured(&kind, title, fields)
}

fn structured(kind: &str, title: Option<String>, fields: Vec<Field>) -> Part {
    Structured {
        type_name: kind.to_owned(),
        title,
        fields,
        parts: Vec::new(),
    }
    .into()
}
