//! One of Signal Desktop's messages as records, in the form that a live capture gives them.

mod notices;

use connector::normal::{
    self, Capture, Draft, Gathered, MediaReference, NormalizeError, Normalized, event_hash, leaves,
    position_in_scalars, stable_id,
};
use connector::{Fields, LeftInOriginal};
use record::{
    AliasKind, Card, Conversation, ConversationKind, Delete, DeleteScope, Direction, Edit, Expiry,
    ExpiryStart, Field, Loss, LossWhy, Message, Milliseconds, Missing, MissingWhy, Part,
    Participant, ParticipantId, Preview, Reaction, Span, Sticker, Target, Text, TextId,
};
use serde_json::Value;

use super::people::{Chat, Known, service_id};

/// What stays in the original bytes alone.
const LEFT_IN_ORIGINAL: &[LeftInOriginal] = &[
    left("id", "Signal Desktop's own number of the message"),
    left(
        "conversationId",
        "Signal Desktop's own number of the conversation",
    ),
    left("received_at", "Signal Desktop's own order"),
    left("schemaVersion", "form of Signal Desktop's storage"),
    left("has*", "counted from what stands beside"),
    left("readStatus", "state of the program"),
    left("seenStatus", "state of the program"),
    left(
        "attachments[].**",
        "how and where the program keeps the file",
    ),
    left(
        "bodyAttachment.**",
        "how and where the program keeps the text",
    ),
    left(
        "preview[].image.**",
        "how and where the program keeps the picture",
    ),
    left(
        "sticker.data.**",
        "how and where the program keeps the picture",
    ),
    left(
        "contact[].avatar.**",
        "how and where the program keeps the picture",
    ),
    left(
        "quote.attachments[].**",
        "how and where the program keeps the picture",
    ),
    left(
        "quote.messageId",
        "Signal Desktop's own number of the message",
    ),
    left("quote.referencedMessageNotFound", "state of the program"),
    left("editHistory[].**", "what is the same in the message itself"),
];

const fn left(path: &'static str, reason: &'static str) -> LeftInOriginal {
    LeftInOriginal { path, reason }
}

/// The reference by which the file of an attachment is fetched.
pub(crate) fn reference(index: usize) -> String {
    format!("attachment-{index}")
}

/// A message before its content is known.
struct Event<'a> {
    capture: &'a Capture<'a>,
    chat: &'a Chat,
    known: &'a Known,
    own: Participant,
    author: Participant,
    sent: i64,
}

/// Makes records of one message.
///
/// # Errors
///
/// When it is no JSON object within the limits.
pub(crate) fn normalize(
    capture: &Capture<'_>,
    chat: &Chat,
    known: &Known,
    bytes: &[u8],
) -> Result<Normalized, NormalizeError> {
    let value = normal::parse(bytes)?;
    let root = Fields::new(&value);
    let mut gathered = Gathered::new(bytes, &root);
    read(capture, chat, known, bytes, &root, &mut gathered);
    gathered.finish(LEFT_IN_ORIGINAL)
}

fn read(
    capture: &Capture<'_>,
    chat: &Chat,
    known: &Known,
    bytes: &[u8],
    root: &Fields<'_>,
    gathered: &mut Gathered<'_>,
) {
    let account = capture.source.account.as_str();
    let own = ParticipantId::parse(account)
        .ok()
        .or_else(|| normal::participant_id("account", account));
    let Some(own) = own.map(Participant::new) else {
        return;
    };
    let kind = root.any("type").unwrap_or_default();
    let number = root.any("source");
    let id = root
        .any("sourceServiceId")
        .or_else(|| root.any("sourceUuid"));
    let named = service_id(id.as_deref(), number.as_deref());
    let outgoing = kind == "outgoing" || named.as_ref() == Some(&own.id);
    let author = match (outgoing, named) {
        (true, _) => own.clone(),
        (false, Some(id)) => {
            let phone = number.filter(|_| id.scheme() != "tel").unwrap_or_default();
            Participant::new(id).alias(AliasKind::Phone, phone)
        }
        (false, None) if kind == "incoming" => match &chat.other {
            Some(other) => other.clone(),
            None => own.clone(),
        },
        (false, None) => own.clone(),
    };
    let sent = root.int("sent_at");
    let timestamp = root.int("timestamp");
    // A table of another version has its columns beside the JSON.
    let Some(sent) = sent.or(timestamp) else {
        return without_time(capture, chat, bytes, root, &kind, gathered);
    };
    let event = Event {
        capture,
        chat,
        known,
        own,
        author,
        sent,
    };
    match kind.as_str() {
        "incoming" | "outgoing" | "story" => event.said(root, &kind, gathered),
        other => event.told(root, other, gathered),
    }
}

/// A message that does not say when it was sent can not be named as a live capture names it.
fn without_time(
    capture: &Capture<'_>,
    chat: &Chat,
    bytes: &[u8],
    root: &Fields<'_>,
    kind: &str,
    gathered: &mut Gathered<'_>,
) {
    let id = root.any("id").unwrap_or_else(|| event_hash(bytes));
    let about = Conversation::new(chat.kind).title(chat.title.as_str());
    let draft = Draft::new(
        capture,
        chat.id.clone(),
        stable_id(&format!("desktop/{id}")),
        about,
    );
    let loss = Loss {
        count: Some(1),
        detail: Some(format!(
            "a message of type {kind:?} without its time: the version of Signal Desktop keeps it elsewhere"
        )),
        ..Loss::new(LossWhy::Unsupported)
    };
    gathered.add(draft, loss);
}

impl Event<'_> {
    fn draft(&self, root: &Fields<'_>, id: TextId) -> Draft {
        let outgoing = self.author.id == self.own.id;
        let about = Conversation::new(self.chat.kind).title(self.chat.title.as_str());
        let draft = Draft::new(self.capture, self.chat.id.clone(), id, about)
            .direction(if outgoing {
                Direction::Outgoing
            } else {
                Direction::Incoming
            })
            .sent(Some(self.sent))
            .server(root.int("serverTimestamp").filter(|time| *time > 0))
            .received(root.int("received_at_ms").filter(|time| *time > 0))
            .sender(Some(self.author.clone()));
        match (outgoing, self.chat.kind) {
            (true, ConversationKind::Direct) => draft.recipient(self.chat.other.clone()),
            (true, _) => draft,
            (false, _) => draft.recipient(Some(self.own.clone())),
        }
    }

    fn target(&self) -> Target {
        target(&self.author.id, self.sent)
    }

    /// Something that was written, and what became of it.
    fn said(&self, root: &Fields<'_>, kind: &str, gathered: &mut Gathered<'_>) {
        let deleted = root.flag("deletedForEveryone") == Some(true);
        if deleted {
            self.deleted(root, gathered);
            return;
        }
        let mut draft = self.draft(root, message_id(&self.author.id, self.sent));
        for name in [
            "sendStateByConversationId",
            "unidentifiedDeliveries",
            "errors",
        ] {
            draft.fields.extend(leaves(root, name, name));
        }
        let history = root.list("editHistory");
        let mut versions: Vec<&Fields<'_>> = history.iter().collect();
        versions.sort_by_key(|version| version.int("timestamp").unwrap_or_default());
        root.known("editMessageTimestamp");
        root.known("editMessageReceivedAt");
        root.known("editMessageReceivedAtMs");
        // The message itself has its newest text; what was said first is the oldest version.
        let mut message = self.body(root, &mut draft, true);
        if let Some(first) = versions.first() {
            let newest = std::mem::take(&mut message);
            let oldest = self.body(first, &mut draft, false);
            message = Message {
                parts: with_files(oldest.parts, &newest.parts),
                in_reply_to: oldest.in_reply_to.or(newest.in_reply_to.clone()),
                ..newest
            };
        }
        if kind == "story" {
            message.marks.push("story".to_owned());
        }
        gathered.add(draft, message);
        for version in versions.iter().skip(1) {
            let Some(at) = version.int("timestamp") else {
                continue;
            };
            let mut draft = self
                .draft(root, message_id(&self.author.id, at))
                .sent(Some(at));
            let content = Edit {
                target: self.target(),
                message: self.body(version, &mut draft, false),
                former: None,
            };
            gathered.add(draft, content);
        }
        self.reactions(root, gathered);
    }

    fn deleted(&self, root: &Fields<'_>, gathered: &mut Gathered<'_>) {
        let at = root.int("deletedForEveryoneTimestamp");
        let id = match at {
            Some(at) => message_id(&self.author.id, at),
            None => stable_id(&format!(
                "{}/deleted",
                message_id(&self.author.id, self.sent).as_str()
            )),
        };
        root.known("deletedForEveryoneSendStatus");
        let draft = self.draft(root, id).sent(at.or(Some(self.sent)));
        let content = Delete {
            targets: vec![self.target()],
            scope: DeleteScope::All,
            by: Some(self.author.clone()),
            former: None,
        };
        gathered.add(draft, content);
    }

    fn reactions(&self, root: &Fields<'_>, gathered: &mut Gathered<'_>) {
        for reaction in root.list("reactions") {
            let from = reaction.any("fromId").unwrap_or_default();
            let Some(at) = reaction.int("timestamp") else {
                continue;
            };
            for known in [
                "targetTimestamp",
                "targetAuthorAci",
                "targetAuthorUuid",
                "receivedAtDate",
                "isSentByConversationId",
            ] {
                reaction.known(known);
            }
            let Some(value) = reaction.any("emoji") else {
                continue;
            };
            let Some(by) = self.known.person(&from) else {
                continue;
            };
            let own = by == self.own.id;
            let draft = self
                .draft(root, message_id(&by, at))
                .direction(if own {
                    Direction::Outgoing
                } else {
                    Direction::Incoming
                })
                .sent(Some(at))
                .server(None)
                .received(None)
                .sender(Some(Participant::new(by)));
            let content = Reaction {
                target: self.target(),
                value,
                removed: false,
            };
            gathered.add(draft, content);
        }
    }

    /// What stands in a message, or in one of its versions.
    fn body(&self, at: &Fields<'_>, draft: &mut Draft, whole: bool) -> Message {
        let mut message = Message {
            view_once: at.flag("isViewOnce").unwrap_or(false),
            expiry: at
                .uint("expireTimer")
                .filter(|seconds| *seconds > 0)
                .map(|seconds| Expiry {
                    seconds,
                    from: ExpiryStart::Read,
                    at: at
                        .int("expirationStartTimestamp")
                        .and_then(|start| {
                            start.checked_add(i64::try_from(seconds.checked_mul(1_000)?).ok()?)
                        })
                        .map(Milliseconds::new),
                }),
            ..Message::default()
        };
        if let Some(words) = at.any("body").filter(|words| !words.is_empty()) {
            message.parts.push(styled(&words, at, draft).into());
        }
        if let Some(quote) = at.obj("quote") {
            message.in_reply_to = quoted(&quote, &self.author.id);
            draft
                .fields
                .extend(leaves(&quote, "bodyRanges", "quote.bodyRanges"));
        }
        let files = at.list("attachments");
        for (index, file) in files.iter().enumerate() {
            message.parts.extend(attachment(file, index, draft, whole));
        }
        let claimed = [
            "hasAttachments",
            "hasFileAttachments",
            "hasVisualMediaAttachments",
        ]
        .iter()
        .any(|name| at.flag(name) == Some(true) || at.uint(name) == Some(1));
        if whole && files.is_empty() && claimed {
            message
                .parts
                .push(Missing::new("file", MissingWhy::NotIncluded).into());
        }
        if let Some(sticker) = at.obj("sticker") {
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
        for contact in at.list("contact") {
            message.parts.push(card(&contact).into());
        }
        for page in at.list("preview") {
            message.parts.push(
                Preview {
                    address: page.any("url").unwrap_or_default(),
                    title: page.any("title"),
                    description: page.any("description"),
                    attachment: None,
                }
                .into(),
            );
            for rest in ["domain", "date", "isStickerPack", "isCallLink"] {
                page.known(rest);
            }
        }
        if message.view_once && message.parts.is_empty() {
            message
                .parts
                .push(Missing::new("view-once", MissingWhy::Withheld).into());
        }
        message
    }
}

fn message_id(author: &ParticipantId, timestamp: i64) -> TextId {
    stable_id(&format!("{}/{timestamp}", author.as_str()))
}

fn target(author: &ParticipantId, timestamp: i64) -> Target {
    Target {
        author: Some(author.clone()),
        sent: Some(Milliseconds::new(timestamp)),
        ..Target::new(message_id(author, timestamp))
    }
}

/// The oldest text, with the files of the newest: versions repeat them.
fn with_files(mut oldest: Vec<Part>, newest: &[Part]) -> Vec<Part> {
    oldest.retain(|part| !matches!(part, Part::Media(_) | Part::Missing(_)));
    let files = newest
        .iter()
        .filter(|part| matches!(part, Part::Media(_) | Part::Missing(_)));
    oldest.extend(files.cloned());
    oldest
}

/// A text with its mentions and styles, whose offsets are UTF-16 units. Mentions come first, as
/// a live capture has them.
fn styled(words: &str, at: &Fields<'_>, draft: &mut Draft) -> Text {
    let mut text = Text::plain(words);
    let ranges = at.list("bodyRanges");
    for mentions in [true, false] {
        for (index, range) in ranges.iter().enumerate() {
            let who = range.any("mentionAci").or_else(|| range.any("mentionUuid"));
            if who.is_some() != mentions {
                continue;
            }
            let (start, length) = (range.uint("start"), range.uint("length"));
            let (start, length) =
                position_in_scalars(words, start.unwrap_or_default(), length.unwrap_or_default());
            let style = match range.value().get("style") {
                _ if mentions => "mention".to_owned(),
                Some(style) => style_name(style),
                None => "unknown".to_owned(),
            };
            range.known("style");
            let target = who.and_then(|who| service_id(Some(&who), None));
            text.spans.push(Span {
                start,
                length,
                style,
                target: target.map(|target| target.as_str().to_owned()),
            });
            for name in ["replacementText", "conversationID"] {
                let field = format!("bodyRanges[{index}].{name}");
                draft.fields.extend(leaves(range, name, &field));
            }
        }
    }
    text
}

fn style_name(style: &Value) -> String {
    match (style.as_u64(), style.as_str()) {
        (Some(1), _) => "bold".to_owned(),
        (Some(2), _) => "italic".to_owned(),
        (Some(3), _) => "spoiler".to_owned(),
        (Some(4), _) => "strikethrough".to_owned(),
        (Some(5), _) => "monospace".to_owned(),
        (_, Some(name)) => name.to_lowercase(),
        _ => style.to_string(),
    }
}

fn quoted(quote: &Fields<'_>, otherwise: &ParticipantId) -> Option<Target> {
    let id = quote.any("authorAci").or_else(|| quote.any("authorUuid"));
    let author = service_id(id.as_deref(), quote.any("author").as_deref());
    let excerpt = quote.any("text");
    for rest in ["isViewOnce", "isGiftBadge", "isPoll"] {
        quote.known(rest);
    }
    Some(Target {
        excerpt,
        ..target(author.as_ref().unwrap_or(otherwise), quote.int("id")?)
    })
}

/// A file and its caption.
fn attachment(file: &Fields<'_>, index: usize, draft: &mut Draft, whole: bool) -> Vec<Part> {
    let known = MediaReference {
        reference: whole.then(|| reference(index)),
        name: file.any("fileName").filter(|name| !name.is_empty()),
        media_type: file.any("contentType"),
        size: file.uint("size"),
        width: file.uint("width"),
        height: file.uint("height"),
        duration_ms: None,
    };
    let voice = file.uint("flags").is_some_and(|flags| flags & 1 == 1);
    let kind = known.media_type.as_deref().unwrap_or_default();
    let form = match kind.split('/').next() {
        Some("image") => "image",
        Some("video") => "video",
        Some("audio") if voice => "voice",
        Some("audio") => "audio",
        // What is too long for a message; the program has put it into the text.
        _ if kind == "text/x-signal-plain" => return Vec::new(),
        _ => "file",
    };
    let mut parts = vec![draft.media(form, known)];
    if let Some(caption) = file.any("caption").filter(|caption| !caption.is_empty()) {
        parts.push(Text::plain(caption).into());
    }
    parts
}

fn card(contact: &Fields<'_>) -> Card {
    let mut fields: Vec<Field> = leaves(contact, "name", "name");
    let of = |name: &str| {
        let field = fields.iter().find(|field| field.name == name);
        field.map(|field| field.value.clone())
    };
    let parts = [
        "name.prefix",
        "name.givenName",
        "name.middleName",
        "name.familyName",
        "name.suffix",
    ];
    let joined = parts
        .iter()
        .filter_map(|part| of(part))
        .collect::<Vec<_>>()
        .join(" ");
    let name = of("name.displayName").unwrap_or(joined);
    for part in ["number", "email", "address", "organization"] {
        fields.extend(leaves(contact, part, part));
    }
    Card { name, fields }
}
