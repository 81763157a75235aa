//! Messages: text, files, places, and their relations to others.

use connector::Fields;
use connector::normal::{Draft, MediaReference, e7, leaves, stable_id};
use record::{
    Activity, Content, Edit, Location, Message, Part, Sticker, Structured, Target, Text, Topic,
};

/// A message, or the edit of one.
pub(crate) fn read(content: &Fields<'_>, draft: &mut Draft) -> Content {
    let kind = content.any("msgtype").unwrap_or_default();
    if kind == "m.key.verification.request" {
        draft.fields.extend(leaves(content, "", "content"));
        return Activity {
            what: "verification".to_owned(),
            state: Some(kind),
        }
        .into();
    }
    let replaces = content.text("m.relates_to.rel_type") == Some("m.replace");
    let new = content.obj("m.new_content").filter(|_| replaces);
    let Some(new) = new else {
        return message(content, &kind, draft).into();
    };
    // Beside the new content stands a rendering of it for clients without edits.
    for fallback in ["body", "format", "formatted_body"] {
        content.known(fallback);
    }
    for name in ["m.mentions", "file", "url", "info", "filename"] {
        if !new.has(name) {
            draft
                .fields
                .extend(leaves(content, name, &format!("content.{name}")));
        } else {
            content.known(name);
        }
    }
    let target = content.any("m.relates_to.event_id").unwrap_or_default();
    let author = draft
        .participants
        .sender
        .as_ref()
        .map(|sender| sender.id.clone());
    let kind = new.any("msgtype").unwrap_or(kind);
    Edit {
        target: Target {
            author,
            ..Target::new(stable_id(&target))
        },
        message: message(&new, &kind, draft),
        former: None,
    }
    .into()
}

/// A sticker.
pub(crate) fn sticker(content: &Fields<'_>, draft: &mut Draft) -> Content {
    let known = reference(content, draft);
    let attachment = draft.attach(&known);
    let mut message = related(content, draft);
    message.parts.push(
        Sticker {
            pack: None,
            id: known.reference.clone(),
            emoji: content.any("body"),
            attachment,
        }
        .into(),
    );
    if attachment.is_none() {
        message.parts.push(draft.media("sticker", known));
    }
    message.into()
}

fn message(content: &Fields<'_>, kind: &str, draft: &mut Draft) -> Message {
    let mut message = related(content, draft);
    let form = match kind {
        "m.image" => Some("image"),
        "m.video" => Some("video"),
        "m.audio" if content.has("org.matrix.msc3245.voice") => Some("voice"),
        "m.audio" => Some("audio"),
        "m.file" => Some("file"),
        _ => None,
    };
    if let Some(form) = form {
        message.parts.extend(file(content, form, draft));
        return message;
    }
    let body = content.any("body").unwrap_or_default();
    for name in ["format", "formatted_body"] {
        draft
            .fields
            .extend(leaves(content, name, &format!("content.{name}")));
    }
    match kind {
        "m.location" => {
            message.parts.push(place(content, body, draft));
            return message;
        }
        "m.text" => {}
        "m.notice" | "m.emote" => message.marks.push(kind.replace("m.", "")),
        // A type of another client: its text is shown as any client would show it.
        _ => message.parts.push(
            Structured {
                type_name: kind.to_owned(),
                ..Structured::default()
            }
            .into(),
        ),
    }
    message.parts.push(Text::plain(body).into());
    message
}

fn related(content: &Fields<'_>, draft: &mut Draft) -> Message {
    let mut message = Message::default();
    if let Some(id) = content.any("m.relates_to.m.in_reply_to.event_id") {
        message.in_reply_to = Some(Target::new(stable_id(&id)));
    }
    match content.any("m.relates_to.rel_type").as_deref() {
        Some("m.thread") => {
            let root = content.any("m.relates_to.event_id").unwrap_or_default();
            draft.participants.conversation.topic = Some(Topic {
                id: stable_id(&root),
                title: None,
            });
            content.known("m.relates_to.is_falling_back");
        }
        Some(other) => {
            draft.field("content.m.relates_to.rel_type", other);
            draft.field(
                "content.m.relates_to.event_id",
                content.any("m.relates_to.event_id").unwrap_or_default(),
            );
        }
        None => {}
    }
    draft
        .fields
        .extend(leaves(content, "m.mentions", "content.m.mentions"));
    message
}

fn reference(content: &Fields<'_>, draft: &mut Draft) -> MediaReference {
    // With the address come the key and hashes by which an encrypted file is opened.
    let encrypted = content.any("file.url");
    draft.fields.extend(
        leaves(content, "file", "content.file")
            .into_iter()
            .filter(|field| field.name != "content.file.url"),
    );
    for (key, _) in content.entries("info") {
        if !["mimetype", "size", "w", "h", "duration"].contains(&key) {
            let path = format!("info.{key}");
            draft
                .fields
                .extend(leaves(content, &path, &format!("content.{path}")));
        }
    }
    MediaReference {
        reference: encrypted.or_else(|| content.any("url")),
        name: content.any("filename"),
        media_type: content.any("info.mimetype"),
        size: content.uint("info.size"),
        width: content.uint("info.w"),
        height: content.uint("info.h"),
        duration_ms: content.uint("info.duration"),
    }
}

/// A file; where it has a name of its own, the body is its caption.
fn file(content: &Fields<'_>, form: &str, draft: &mut Draft) -> Vec<Part> {
    let mut known = reference(content, draft);
    let body = content.any("body");
    let caption = body
        .clone()
        .filter(|body| known.name.as_ref().is_some_and(|name| name != body));
    if known.name.is_none() {
        known.name = body;
    }
    for name in [
        "format",
        "formatted_body",
        "org.matrix.msc3245.voice",
        "org.matrix.msc1767.audio",
        "org.matrix.msc1767.file",
        "org.matrix.msc1767.text",
    ] {
        draft
            .fields
            .extend(leaves(content, name, &format!("content.{name}")));
    }
    let mut parts = vec![draft.media(form, known)];
    if let Some(caption) = caption {
        parts.push(Text::plain(caption).into());
    }
    parts
}

fn place(content: &Fields<'_>, body: String, draft: &mut Draft) -> Part {
    let address = content.any("geo_uri").unwrap_or_default();
    for name in [
        "info",
        "m.asset",
        "org.matrix.msc3488.asset",
        "org.matrix.msc3488.location",
        "org.matrix.msc3488.ts",
        "org.matrix.msc1767.text",
    ] {
        draft
            .fields
            .extend(leaves(content, name, &format!("content.{name}")));
    }
    let mut numbers = address
        .strip_prefix("geo:")
        .and_then(|place| place.split(';').next())
        .unwrap_or_default()
        .split(',')
        .map(|number| number.parse::<f64>().ok().and_then(e7));
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(latitude_e7), Some(longitude_e7)) => {
            draft.field("content.geo_uri", address);
            Location {
                latitude_e7,
                longitude_e7,
                name: Some(body).filter(|body| !body.is_empty()),
                ..Location::default()
            }
            .into()
        }
        _ => Text::plain(format!("{body} {address}")).into(),
    }
}
