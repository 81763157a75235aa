//! Data messages: what people write, and what they do to what was written.

use connector::Fields;
use connector::normal::{Draft, Gathered, MediaReference, leaves, position_in_scalars, stable_id};
use record::{
    AttachmentIndex, Card, Change, Changed, Content, Conversation, ConversationKind, Delete,
    DeleteScope, Edit, Expiry, ExpiryStart, Field, Message, Missing, MissingWhy, Part, Participant,
    Poll, PollAct, PollOption, Preview, Reaction, Span, Sticker, Target, Text,
};

use crate::envelope::{Event, Place};
use crate::people::{account, id_of, message_id, target, target_of};

/// Whom an own message went to; `None` where the envelope's author wrote it.
pub(crate) type Destination = Option<Option<Participant>>;

/// One data message, or what was sent from another own device.
pub(crate) fn message(
    event: &Event<'_>,
    data: &Fields<'_>,
    to: Destination,
    gathered: &mut Gathered<'_>,
) {
    let (mut draft, timestamp) = begin(event, data, to);
    let content =
        act(event, data, &mut draft, timestamp).unwrap_or_else(|| written(event, data, &mut draft));
    gathered.add(draft, content);
}

/// An edit; its new content is a data message.
pub(crate) fn edit(
    event: &Event<'_>,
    edit: &Fields<'_>,
    to: Destination,
    gathered: &mut Gathered<'_>,
) {
    let Some(data) = edit.obj("dataMessage") else {
        return;
    };
    let (mut draft, timestamp) = begin(event, &data, to);
    let content = Edit {
        target: target(
            &event.author.id,
            edit.int("targetSentTimestamp").unwrap_or(timestamp),
        ),
        message: body(event, &data, &mut draft),
        former: None,
    };
    gathered.add(draft, content);
}

/// A story: a file or a text shown to many.
pub(crate) fn story(
    event: &Event<'_>,
    story: &Fields<'_>,
    to: Option<Participant>,
    gathered: &mut Gathered<'_>,
) {
    let place = match story.any("groupId") {
        Some(group) => Place::group(&group, ""),
        None => Place {
            id: stable_id(&format!("story:{}", event.author.id.as_str())),
            about: Conversation::new(ConversationKind::Broadcast),
        },
    };
    let mut draft = event
        .draft(place, message_id(&event.author.id, event.timestamp))
        .recipient(to);
    if let Some(replies) = story.any("allowsReplies") {
        draft.field("storyMessage.allowsReplies", replies);
    }
    let mut message = Message {
        marks: vec!["story".to_owned()],
        ..Message::default()
    };
    if let Some(file) = story.obj("fileAttachment") {
        message
            .parts
            .extend(attachment(&file, &mut draft, Some("story")));
    }
    if let Some(text) = story.obj("textAttachment") {
        if let Some(words) = text.any("text") {
            message.parts.push(Text::plain(words).into());
        }
        if let Some(page) = text.obj("preview") {
            message.parts.push(preview(&page, &mut draft));
        }
        for style in [
            "style",
            "textForegroundColor",
            "textBackgroundColor",
            "backgroundColor",
            "backgroundGradient",
        ] {
            let name = format!("storyMessage.textAttachment.{style}");
            draft.fields.extend(leaves(&text, style, &name));
        }
    }
    gathered.add(draft, message);
}

fn begin(event: &Event<'_>, data: &Fields<'_>, to: Destination) -> (Draft, i64) {
    let timestamp = data.int("timestamp").unwrap_or(event.timestamp);
    let group = data.obj("groupInfo");
    let place = match (&group, &to) {
        (Some(group), _) => Place::group(
            &group.any("groupId").unwrap_or_default(),
            &group.any("groupName").unwrap_or_default(),
        ),
        (None, Some(Some(to))) if to.id == event.own.id => Place {
            id: to.id.to_text_id(),
            about: Conversation::new(ConversationKind::SelfNotes),
        },
        (None, Some(Some(to))) => Place::direct(to),
        (None, Some(None)) => Place {
            id: event.own.id.to_text_id(),
            about: Conversation::default(),
        },
        (None, None) => Place::direct(&event.author),
    };
    let mut draft = event
        .draft(place, message_id(&event.author.id, timestamp))
        .sent(data.int("timestamp").or(event.sent))
        .recipient(to.flatten());
    if let Some(group) = &group {
        for name in ["revision", "type"] {
            if let Some(value) = group.any(name) {
                draft.field(&format!("groupInfo.{name}"), value);
            }
        }
    }
    if timestamp != event.timestamp {
        draft.field("envelope.timestamp", event.timestamp.to_string());
    }
    (draft, timestamp)
}

/// What is done to something said before.
fn act(event: &Event<'_>, data: &Fields<'_>, draft: &mut Draft, timestamp: i64) -> Option<Content> {
    let author = &event.author.id;
    if let Some(reaction) = data.obj("reaction") {
        let content = Reaction {
            target: target_of(&reaction, author)?,
            value: reaction.any("emoji").unwrap_or_default(),
            removed: reaction.flag("isRemove").unwrap_or(false),
        };
        return Some(silent(data, draft, content));
    }
    if let Some(deleted) = data.obj("remoteDelete") {
        let content = Delete {
            targets: vec![target(
                author,
                deleted.int("timestamp").unwrap_or(timestamp),
            )],
            scope: DeleteScope::All,
            by: Some(event.author.clone()),
            former: None,
        };
        return Some(silent(data, draft, content));
    }
    if let Some(deleted) = data.obj("adminDelete") {
        let content = Delete {
            targets: vec![target_of(&deleted, author)?],
            scope: DeleteScope::Moderator,
            by: Some(event.author.clone()),
            former: None,
        };
        return Some(silent(data, draft, content));
    }
    for (name, what) in [("pinMessage", "pin"), ("unpinMessage", "unpin")] {
        if let Some(pin) = data.obj(name) {
            let content = changed(
                what,
                pin.any("pinDurationSeconds"),
                Some(target_of(&pin, author)?),
            );
            return Some(silent(data, draft, content));
        }
    }
    let poll = polled(event, data, draft)?;
    Some(silent(data, draft, poll))
}

fn polled(event: &Event<'_>, data: &Fields<'_>, draft: &mut Draft) -> Option<Poll> {
    let author = &event.author.id;
    if let Some(poll) = data.obj("pollCreate") {
        return Some(Poll {
            question: poll.any("question"),
            several: poll.flag("allowMultiple"),
            options: poll
                .list("options")
                .iter()
                .enumerate()
                .map(|(index, option)| PollOption {
                    text: option
                        .any("")
                        .or_else(|| option.any("text"))
                        .unwrap_or_default(),
                    id: Some(index.to_string()),
                    ..PollOption::default()
                })
                .collect(),
            ..Poll::new(PollAct::Created)
        });
    }
    if let Some(vote) = data.obj("pollVote") {
        draft.field(
            "pollVote.voteCount",
            vote.any("voteCount").unwrap_or_default(),
        );
        let asked = account(&vote, "author").map_or_else(|| author.clone(), |asked| asked.id);
        return Some(Poll {
            target: Some(target(&asked, vote.int("targetSentTimestamp")?)),
            choices: vote
                .list("optionIndexes")
                .iter()
                .filter_map(|index| index.any(""))
                .collect(),
            ..Poll::new(PollAct::Voted)
        });
    }
    let end = data.obj("pollTerminate")?;
    Some(Poll {
        target: Some(target(author, end.int("targetSentTimestamp")?)),
        ..Poll::new(PollAct::Closed)
    })
}

/// An act carries the rest of a data message; where that says something, it is kept.
fn silent(data: &Fields<'_>, draft: &mut Draft, content: impl Into<Content>) -> Content {
    for rest in [
        "viewOnce",
        "expiresInSeconds",
        "isExpirationUpdate",
        "message",
    ] {
        let said = leaves(data, rest, rest);
        draft.fields.extend(
            said.into_iter()
                .filter(|f| f.value != "false" && f.value != "0"),
        );
    }
    content.into()
}

fn written(event: &Event<'_>, data: &Fields<'_>, draft: &mut Draft) -> Content {
    let message = body(event, data, draft);
    let timer = data.flag("isExpirationUpdate") == Some(true);
    let bare = message.parts.is_empty() && message.in_reply_to.is_none();
    if !bare || message.view_once {
        return message.into();
    }
    let updated = data.text("groupInfo.type") == Some("UPDATE");
    if updated {
        // It tells that the group changed and which revision it now has, not what changed.
        return changed("group", data.any("groupInfo.revision"), None);
    }
    match message.expiry {
        Some(expiry) => changed("timer", Some(expiry.seconds.to_string()), None),
        None if timer => changed("timer", Some("0".to_owned()), None),
        None => message.into(),
    }
}

fn changed(what: &str, after: Option<String>, about: Option<Target>) -> Content {
    Change {
        changes: vec![Changed {
            what: what.to_owned(),
            before: None,
            after,
            target: about,
        }],
    }
    .into()
}

fn body(event: &Event<'_>, data: &Fields<'_>, draft: &mut Draft) -> Message {
    let mut message = Message {
        view_once: data.flag("viewOnce").unwrap_or(false),
        expiry: data
            .uint("expiresInSeconds")
            .filter(|seconds| *seconds > 0)
            .map(|seconds| Expiry {
                seconds,
                from: ExpiryStart::Read,
                at: None,
            }),
        ..Message::default()
    };
    if let Some(words) = data.any("message") {
        message.parts.push(styled(&words, data, "", draft).into());
    }
    if let Some(quote) = data.obj("quote") {
        message.in_reply_to = quoted(event, &quote, draft);
    }
    for file in data.list("attachments") {
        message.parts.extend(attachment(&file, draft, None));
    }
    if let Some(sticker) = data.obj("sticker") {
        message.parts.push(
            Sticker {
                pack: sticker.any("packId"),
                id: sticker.any("stickerId"),
                emoji: sticker.any("emoji"),
                attachment: None,
            }
            .into(),
        );
        draft
            .fields
            .extend(leaves(&sticker, "packKey", "sticker.packKey"));
    }
    for contact in data.list("contacts") {
        message.parts.push(card(&contact, draft).into());
    }
    for page in data.list("previews") {
        message.parts.push(preview(&page, draft));
    }
    for (name, prefix) in [("payment", "payment"), ("storyContext", "storyContext")] {
        draft.fields.extend(leaves(data, name, prefix));
    }
    if message.view_once && message.parts.is_empty() {
        let missing = Missing::new("view-once", MissingWhy::Withheld);
        message.parts.push(missing.into());
    }
    message
}

/// A text with its mentions and styles, whose offsets are UTF-16 units.
fn styled(words: &str, data: &Fields<'_>, prefix: &str, draft: &mut Draft) -> Text {
    let mut text = Text::plain(words);
    let mut span = |each: &Fields<'_>, style: String, target: Option<String>| {
        let (start, length) = (each.uint("start"), each.uint("length"));
        let (start, length) =
            position_in_scalars(words, start.unwrap_or_default(), length.unwrap_or_default());
        text.spans.push(Span {
            start,
            length,
            style,
            target,
        });
    };
    for (index, mention) in data.list("mentions").iter().enumerate() {
        let number = mention.any("number");
        let id = id_of(mention.any("uuid").as_deref(), number.as_deref());
        span(
            mention,
            "mention".to_owned(),
            id.map(|id| id.as_str().to_owned()),
        );
        let name = mention.any("name").unwrap_or_default();
        draft.field(&format!("{prefix}mentions[{index}].name"), name);
        draft.field(
            &format!("{prefix}mentions[{index}].number"),
            number.unwrap_or_default(),
        );
    }
    for style in data.list("textStyles") {
        let name = style.any("style").unwrap_or_default().to_lowercase();
        span(&style, name, None);
    }
    text
}

fn quoted(event: &Event<'_>, quote: &Fields<'_>, draft: &mut Draft) -> Option<Target> {
    let author = account(quote, "author").map_or_else(|| event.author.id.clone(), |a| a.id);
    for name in ["attachments", "mentions", "textStyles"] {
        let prefix = format!("quote.{name}");
        draft.fields.extend(leaves(quote, name, &prefix));
    }
    let excerpt = quote.any("text");
    Some(Target {
        excerpt,
        ..target(&author, quote.int("id")?)
    })
}

fn reference(file: &Fields<'_>) -> MediaReference {
    MediaReference {
        reference: file.any("id"),
        name: file.any("filename"),
        media_type: file.any("contentType"),
        size: file.uint("size"),
        width: file.uint("width"),
        height: file.uint("height"),
        duration_ms: None,
    }
}

/// A file and its caption.
fn attachment(file: &Fields<'_>, draft: &mut Draft, form: Option<&str>) -> Vec<Part> {
    let known = reference(file);
    let kind = known.media_type.as_deref().unwrap_or_default();
    let form = form.unwrap_or(match kind.split('/').next() {
        Some("image") => "image",
        Some("video") => "video",
        Some("audio") if file.flag("isVoiceNote") == Some(true) => "voice",
        Some("audio") => "audio",
        _ => "file",
    });
    for (name, prefix) in [
        ("uploadTimestamp", "attachment.uploadTimestamp"),
        ("isVoiceNote", "attachment.isVoiceNote"),
        ("isBorderless", "attachment.isBorderless"),
        ("isGif", "attachment.isGif"),
    ] {
        draft.fields.extend(leaves(file, name, prefix));
    }
    let mut parts = vec![draft.media(form, known)];
    if let Some(caption) = file.any("caption").filter(|caption| !caption.is_empty()) {
        parts.push(Text::plain(caption).into());
    }
    parts
}

/// A picture beside something else: its attachment where it was fetched, fields where not.
fn picture(file: &Fields<'_>, draft: &mut Draft, prefix: &str) -> Option<AttachmentIndex> {
    let known = reference(file);
    let index = draft.attach(&known);
    if index.is_none() {
        draft.field(&format!("{prefix}.id"), known.reference.unwrap_or_default());
        draft.field(
            &format!("{prefix}.contentType"),
            known.media_type.unwrap_or_default(),
        );
    }
    draft.fields.extend(leaves(
        file,
        "uploadTimestamp",
        &format!("{prefix}.uploadTimestamp"),
    ));
    draft
        .fields
        .extend(leaves(file, "caption", &format!("{prefix}.caption")));
    index
}

fn preview(page: &Fields<'_>, draft: &mut Draft) -> Part {
    let attachment = page
        .obj("image")
        .and_then(|image| picture(&image, draft, "preview.image"));
    Preview {
        address: page.any("url").unwrap_or_default(),
        title: page.any("title"),
        description: page.any("description"),
        attachment,
    }
    .into()
}

fn card(contact: &Fields<'_>, draft: &mut Draft) -> Card {
    let mut fields: Vec<Field> = leaves(contact, "name", "name");
    let parts: Vec<&str> = [
        "name.prefix",
        "name.given",
        "name.middle",
        "name.family",
        "name.suffix",
    ]
    .iter()
    .filter_map(|part| fields.iter().find(|f| f.name == *part))
    .map(|f| f.value.as_str())
    .collect();
    let mut name = parts.join(" ");
    if name.is_empty() {
        name = fields.first().map_or_else(String::new, |f| f.value.clone());
    }
    if let Some(image) = contact.obj("avatar.attachment") {
        picture(&image, draft, "contact.avatar");
    }
    draft.fields.extend(leaves(
        contact,
        "avatar.isProfile",
        "contact.avatar.isProfile",
    ));
    for part in ["phone", "email", "address", "organization"] {
        fields.extend(leaves(contact, part, part));
    }
    Card { name, fields }
}
