//! Bodies of messages, also those that stand as JSON in a text inside another.

use connector::Fields;
use connector::normal::{Draft, MediaReference, e7, leaves, take_nothing};
use record::{
    Card, Field, Location, MAX_NESTING, Milliseconds, Nested, NestedMessage, Part, Preview,
    Structured, Text, Time,
};
use serde_json::Value;

use crate::event::milliseconds;

/// The parts of a message of that kind; `None` if there is no such body, or we do not know it.
pub(crate) fn of_message(root: &Fields<'_>, kind: &str, draft: &mut Draft) -> Option<Vec<Part>> {
    // Four kinds keep their body under another name.
    let name = match kind {
        "docmsg" => "doc",
        "markdown" | "news" => "info",
        "external_redpacket" => "redpacket",
        other => other,
    };
    let body = root.obj(name).or_else(|| root.obj(kind))?;
    if let Some(id) = root.any("voipid") {
        draft.field("voipid", id);
    }
    parts(&body, kind, kind, draft, 0)
}

/// The parts of a body. `at` names it in the record's fields.
fn parts(
    body: &Fields<'_>,
    kind: &str,
    at: &str,
    draft: &mut Draft,
    depth: usize,
) -> Option<Vec<Part>> {
    let part = match kind {
        "text" | "markdown" => Text::plain(body.any("content").unwrap_or_default()).into(),
        "image" => media(body, "image", at, draft),
        "voice" => media(body, "voice", at, draft),
        "video" => media(body, "video", at, draft),
        "file" | "voip_doc_share" | "qydiskfile" => media(body, "file", at, draft),
        "emotion" => media(body, "sticker", at, draft),
        "card" => card(body),
        "location" => location(body, at, draft),
        "link" => preview(body, "link_url", "image_url", at, draft),
        "news" => return Some(news(body, at, draft)),
        "mixed" => return Some(mixed(body, at, draft, depth)),
        "chatrecord" => return Some(vec![bundle(body, at, draft, depth)]),
        "redpacket" | "external_redpacket" => structured(body, kind, "wish"),
        "meeting" => structured(body, kind, "topic"),
        "collect" | "todo" | "docmsg" | "calendar" | "weapp" => structured(body, kind, "title"),
        "meeting_notification" => structured(body, kind, "content"),
        "sphfeed" => {
            let words = body.any("feed_desc").unwrap_or_default();
            let mut parts = vec![structured(body, kind, "sph_name")];
            parts.push(Text::plain(words).into());
            return Some(parts);
        }
        _ => return None,
    };
    Some(vec![part])
}

pub(crate) fn reference(body: &Fields<'_>, at: &str, draft: &mut Draft) -> MediaReference {
    for name in ["md5sum", "fileext", "type"] {
        draft
            .fields
            .extend(leaves(body, name, &format!("{at}.{name}")));
    }
    MediaReference {
        reference: body.any("sdkfileid"),
        name: body.any("filename"),
        media_type: None,
        size: ["filesize", "voice_size", "imagesize"]
            .iter()
            .find_map(|name| body.uint(name)),
        width: body.uint("width"),
        height: body.uint("height"),
        duration_ms: body
            .uint("play_length")
            .map(|seconds| seconds.saturating_mul(1000)),
    }
}

fn media(body: &Fields<'_>, form: &str, at: &str, draft: &mut Draft) -> Part {
    let known = reference(body, at, draft);
    draft.media(form, known)
}

fn card(body: &Fields<'_>) -> Part {
    Card {
        name: body.any("userid").unwrap_or_default(),
        fields: leaves(body, "", ""),
    }
    .into()
}

fn location(body: &Fields<'_>, at: &str, draft: &mut Draft) -> Part {
    let degrees = |name: &str| body.float(name).and_then(e7);
    draft
        .fields
        .extend(leaves(body, "zoom", &format!("{at}.zoom")));
    match (degrees("latitude"), degrees("longitude")) {
        (Some(latitude_e7), Some(longitude_e7)) => Location {
            latitude_e7,
            longitude_e7,
            name: body.any("title"),
            address: body.any("address"),
            live_seconds: None,
        }
        .into(),
        _ => structured(body, "location", "title"),
    }
}

fn preview(body: &Fields<'_>, address: &str, picture: &str, at: &str, draft: &mut Draft) -> Part {
    draft
        .fields
        .extend(leaves(body, picture, &format!("{at}.{picture}")));
    Preview {
        address: body.any(address).unwrap_or_default(),
        title: body.any("title"),
        description: body.any("description"),
        attachment: None,
    }
    .into()
}

fn news(body: &Fields<'_>, at: &str, draft: &mut Draft) -> Vec<Part> {
    body.list("item")
        .iter()
        .enumerate()
        .map(|(index, item)| preview(item, "url", "picurl", &format!("{at}.item[{index}]"), draft))
        .collect()
}

fn structured(body: &Fields<'_>, kind: &str, title: &str) -> Part {
    Structured {
        type_name: kind.to_owned(),
        title: body.any(title).filter(|title| !title.is_empty()),
        fields: leaves(body, "", ""),
        parts: Vec::new(),
    }
    .into()
}

/// Several bodies in one message.
fn mixed(body: &Fields<'_>, at: &str, draft: &mut Draft, depth: usize) -> Vec<Part> {
    let mut all = Vec::new();
    for (index, item) in body.list("item").iter().enumerate() {
        all.extend(inner(
            item,
            &format!("{at}.item[{index}]"),
            draft,
            depth + 1,
        ));
    }
    all
}

/// A forwarded bundle of messages.
fn bundle(body: &Fields<'_>, at: &str, draft: &mut Draft, depth: usize) -> Part {
    let mut messages = Vec::new();
    for (index, item) in body.list("item").iter().enumerate() {
        let at = format!("{at}.item[{index}]");
        draft.fields.extend(leaves(
            item,
            "from_chatroom",
            &format!("{at}.from_chatroom"),
        ));
        messages.push(NestedMessage {
            sender: None,
            sent: item
                .int("msgtime")
                .map(|time| Time::utc(Milliseconds::new(milliseconds(time)))),
            parts: inner(item, &at, draft, depth + 1),
        });
    }
    Nested {
        title: body.any("title"),
        messages,
    }
    .into()
}

/// An item whose body is JSON in a text. What is no JSON, of a kind that we do not know, or
/// nested deeper than a record can hold (RECORD-5) stands as its text.
fn inner(item: &Fields<'_>, at: &str, draft: &mut Draft, depth: usize) -> Vec<Part> {
    let named = item.any("type").unwrap_or_default();
    let content = item.any("content").unwrap_or_default();
    let kind = named
        .strip_prefix("ChatRecord")
        .unwrap_or(&named)
        .to_lowercase();
    let parsed: Option<Value> = serde_json::from_str(&content).ok().filter(Value::is_object);
    if depth < MAX_NESTING
        && let Some(value) = &parsed
    {
        let fields = Fields::new(value);
        if let Some(found) = parts(&fields, &kind, at, draft, depth) {
            take_nothing(&fields);
            for (path, value) in fields.take_leftover() {
                draft
                    .fields
                    .push(Field::new(format!("more.{at}.{path}"), value));
            }
            return found;
        }
    }
    let whole = Structured {
        type_name: named,
        title: None,
        fields: vec![Field::new("content", content)],
        parts: Vec::new(),
    };
    if depth < MAX_NESTING {
        vec![whole.into()]
    } else {
        whole
            .fields
            .into_iter()
            .map(|field| Text::plain(field.value).into())
            .collect()
    }
}
