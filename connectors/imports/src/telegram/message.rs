//! One message of a Telegram export in the model.
//!
//! What the model has no place for goes into the body's fields under the name that it has in the
//! export: `author`, `via_bot`, `saved_from`, `inline_bot_buttons[0][0].text`, …

use connector::Fields;
use record::{
    AttachmentIndex, Body, Card, Content, Field, Forward, Location, Media, Message, Milliseconds,
    Missing, MissingWhy, OffsetMinutes, Part, Participant, Poll, PollAct, PollOption, Sticker,
    Structured, Tally, TallyVoter, Target, TextId, Time,
};

use super::{people, service, text};

/// A file that a message names, to be found in the export.
pub(crate) struct Wanted {
    /// Its path within the export.
    pub(crate) path: String,
    /// The form that its media part has.
    pub(crate) form: Form,
    pub(crate) name: Option<String>,
    pub(crate) declared_type: Option<String>,
    pub(crate) size: Option<u64>,
    pub(crate) width: Option<u32>,
    pub(crate) height: Option<u32>,
    pub(crate) duration_ms: Option<u64>,
}

/// The part that a file becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Media(&'static str),
    Sticker { emoji: Option<String> },
}

/// A message, its files still to be found.
pub(crate) struct Said {
    pub(crate) body: Body,
    pub(crate) sender: Option<Participant>,
    pub(crate) on_behalf_of: Option<Participant>,
    pub(crate) files: Vec<Wanted>,
    pub(crate) sent: Option<Time>,
    pub(crate) edited: Option<Time>,
    /// What it answers, if anything.
    pub(crate) reply: Option<TextId>,
    /// What a service message says about the group's members.
    pub(crate) members: service::Members,
}

/// Most fields beyond the model that one record keeps; the original has all.
const MAX_FIELDS: usize = 1_024;

/// Reads a message or service message.
pub(crate) fn read(fields: &Fields<'_>, zone: &mut dyn FnMut(&str) -> Option<Time>) -> Said {
    let sent = time(fields, "date", "date_unixtime", zone);
    let edited = time(fields, "edited", "edited_unixtime", zone);
    let mut files = Vec::new();
    let service = fields.text("type") == Some("service");
    let reply = reply(fields);
    let (content, sender, on_behalf_of, members) = if service {
        let actor = people::at(fields, "actor_id", "actor");
        let (content, members) = service::read(fields, actor.as_ref(), &mut files);
        (content, actor, None, members)
    } else {
        let sender = people::at(fields, "from_id", "from");
        let on_behalf_of = fields
            .text("author")
            .filter(|author| !author.is_empty())
            .and_then(people::named);
        let content = said(fields, reply.clone(), edited.is_some(), &mut files);
        (content, sender, on_behalf_of, service::Members::Unchanged)
    };
    let left: Vec<Field> = fields
        .take_leftover()
        .into_iter()
        .take(MAX_FIELDS)
        .map(|(name, value)| Field::new(name, value))
        .collect();
    Said {
        body: Body {
            content,
            fields: left,
        },
        sender,
        on_behalf_of,
        files,
        sent,
        edited,
        reply: reply.map(|reply| reply.source_id),
        members,
    }
}

fn said(
    fields: &Fields<'_>,
    reply: Option<Target>,
    edited: bool,
    files: &mut Vec<Wanted>,
) -> Content {
    let text = text::text(fields, "text", "text_entities");
    if text.is_none()
        && let Some(poll) = fields.obj("poll")
    {
        return poll_of(&poll, reply).into();
    }
    let mut message = Message {
        in_reply_to: reply,
        forward: forward(fields),
        reactions: reactions(fields),
        ..Message::default()
    };
    if edited {
        message.marks.push("edited".into());
    }
    media(fields, &mut message, files);
    structures(fields, &mut message);
    if let Some(text) = text {
        message.parts.push(text.into());
    }
    message.into()
}

fn reply(fields: &Fields<'_>) -> Option<Target> {
    let id = fields.any("reply_to_message_id")?;
    let mut target = Target::new(TextId::new(id).ok()?);
    target.conversation = fields
        .any("reply_to_peer_id")
        .and_then(|peer| people::conversation(&peer));
    Some(target)
}

fn forward(fields: &Fields<'_>) -> Option<Forward> {
    if !fields.has("forwarded_from") && !fields.has("forwarded_from_id") {
        return None;
    }
    Some(Forward {
        author: people::at(fields, "forwarded_from_id", "forwarded_from"),
        ..Forward::default()
    })
}

fn reactions(fields: &Fields<'_>) -> Vec<Tally> {
    let mut tallies = Vec::new();
    for reaction in fields.list("reactions") {
        let value = match reaction.text("type") {
            Some("emoji") => reaction.any("emoji"),
            Some("custom_emoji") => reaction.any("document_id"),
            Some(other) => Some(other.to_owned()),
            None => None,
        };
        let (Some(value), Some(count)) = (value, reaction.uint("count")) else {
            continue;
        };
        let by = reaction
            .list("recent")
            .iter()
            .filter_map(|recent| {
                let participant = people::at(recent, "from_id", "from")?;
                let at = unix(recent, "date_unixtime");
                // The date beside it is the same in the exporting computer's zone; without a
                // point in time it stays among the fields.
                if at.is_some() {
                    recent.known("date");
                }
                Some(TallyVoter { participant, at })
            })
            .collect();
        tallies.push(Tally { value, count, by });
    }
    tallies
}

/// Photos, files and what is like them, with their thumbnails.
fn media(fields: &Fields<'_>, message: &mut Message, files: &mut Vec<Wanted>) {
    let dimension = |name: &str| fields.uint(name).and_then(|n| u32::try_from(n).ok());
    let expires = fields.uint("self_destruct_period_seconds");
    if let Some(seconds) = expires {
        message.expiry = Some(record::Expiry {
            seconds,
            from: record::ExpiryStart::Read,
            at: None,
        });
    }
    if let Some(path) = fields.text("photo") {
        let wanted = Wanted {
            path: path.to_owned(),
            form: Form::Media("image"),
            name: None,
            declared_type: None,
            size: fields.uint("photo_file_size"),
            width: dimension("width"),
            height: dimension("height"),
            duration_ms: None,
        };
        place(wanted, message, files);
    }
    if let Some(path) = fields.text("file") {
        let form = match fields.text("media_type") {
            Some("voice_message") => Form::Media("voice"),
            Some("video_message") => Form::Media("video-note"),
            Some("video_file") => Form::Media("video"),
            Some("animation") => Form::Media("animation"),
            Some("audio_file") => Form::Media("audio"),
            Some("sticker") => Form::Sticker {
                emoji: fields
                    .text("sticker_emoji")
                    .filter(|emoji| !emoji.is_empty())
                    .map(str::to_owned),
            },
            _ => Form::Media("file"),
        };
        let wanted = Wanted {
            path: path.to_owned(),
            form,
            name: fields
                .text("file_name")
                .filter(|name| name.len() <= record::MAX_NAME)
                .map(str::to_owned),
            declared_type: fields.text("mime_type").map(str::to_owned),
            size: fields.uint("file_size"),
            width: dimension("width"),
            height: dimension("height"),
            duration_ms: fields
                .uint("duration_seconds")
                .map(|seconds| seconds.saturating_mul(1_000)),
        };
        place(wanted, message, files);
    }
    if let Some(path) = fields.text("thumbnail") {
        let wanted = Wanted {
            path: path.to_owned(),
            form: Form::Media("thumbnail"),
            name: None,
            declared_type: None,
            size: fields.uint("thumbnail_file_size"),
            width: None,
            height: None,
            duration_ms: None,
        };
        place(wanted, message, files);
    }
    if let Some(path) = fields.text("contact_vcard") {
        let wanted = Wanted {
            path: path.to_owned(),
            form: Form::Media("file"),
            name: None,
            declared_type: Some("text/vcard".into()),
            size: fields.uint("contact_vcard_file_size"),
            width: None,
            height: None,
            duration_ms: None,
        };
        place(wanted, message, files);
    }
}

/// A file that the export does not include is missing at once; others are to be found.
pub(crate) fn place(wanted: Wanted, message: &mut Message, files: &mut Vec<Wanted>) {
    match excuse(&wanted.path) {
        Some(why) => message.parts.push(missing(&wanted, why).into()),
        None => {
            let index = u32::try_from(files.len()).unwrap_or(u32::MAX);
            message
                .parts
                .push(found(&wanted, AttachmentIndex::new(index)));
            files.push(wanted);
        }
    }
}

/// The part of a file that is there.
fn found(wanted: &Wanted, attachment: AttachmentIndex) -> Part {
    match &wanted.form {
        Form::Media(form) => Media {
            attachment,
            form: (*form).to_owned(),
        }
        .into(),
        Form::Sticker { emoji } => Sticker {
            emoji: emoji.clone(),
            attachment: Some(attachment),
            ..Sticker::default()
        }
        .into(),
    }
}

/// The part of a file that is not there.
pub(crate) fn missing(wanted: &Wanted, why: MissingWhy) -> Missing {
    let (what, reference) = match &wanted.form {
        Form::Media(form) => (*form, None),
        Form::Sticker { emoji } => ("sticker", emoji.clone()),
    };
    Missing {
        name: wanted.name.clone().or_else(|| {
            let last = wanted.path.rsplit('/').next()?;
            (excuse(&wanted.path).is_none()).then(|| last.to_owned())
        }),
        media_type: wanted.declared_type.clone(),
        size: wanted.size,
        reference,
        ..Missing::new(what, why)
    }
}

/// Why a file is not there, where a sentence in parentheses stands in place of its path.
pub(crate) fn excuse(path: &str) -> Option<MissingWhy> {
    let sentence = path.strip_prefix('(')?.strip_suffix(')')?;
    Some(if sentence.contains("exceeds maximum size") {
        MissingWhy::TooLarge
    } else if sentence.contains("unavailable") {
        MissingWhy::Failed
    } else {
        MissingWhy::NotIncluded
    })
}

/// Places, contacts, games, invoices, giveaways, lists to do.
fn structures(fields: &Fields<'_>, message: &mut Message) {
    if let Some(place) = fields.obj("location_information") {
        let latitude = place.any("latitude").and_then(|text| degrees(&text, 90));
        let longitude = place.any("longitude").and_then(|text| degrees(&text, 180));
        if let (Some(latitude_e7), Some(longitude_e7)) = (latitude, longitude) {
            message.parts.push(
                Location {
                    latitude_e7,
                    longitude_e7,
                    name: fields.text("place_name").map(str::to_owned),
                    address: fields.text("address").map(str::to_owned),
                    live_seconds: fields.uint("live_location_period_seconds"),
                }
                .into(),
            );
        }
    }
    if let Some(contact) = fields.obj("contact_information") {
        let part = |name: &str| contact.text(name).unwrap_or_default();
        let name = format!("{} {}", part("first_name"), part("last_name"));
        let number = contact.text("phone_number").filter(|n| !n.is_empty());
        message.parts.push(
            Card {
                name: name.trim().to_owned(),
                fields: number
                    .map(|number| Field::new("tel", number))
                    .into_iter()
                    .collect(),
            }
            .into(),
        );
    }
    if let Some(poll) = fields.obj("poll") {
        let poll = poll_of(&poll, None);
        let options = poll
            .options
            .into_iter()
            .map(|option| Field::new(option.text, option.votes.unwrap_or(0).to_string()));
        message.parts.push(
            Structured {
                type_name: "poll".into(),
                title: poll.question,
                fields: options.collect(),
                parts: Vec::new(),
            }
            .into(),
        );
    }
    if fields.has("game_title") {
        message.parts.push(
            Structured {
                type_name: "game".into(),
                title: fields.text("game_title").map(str::to_owned),
                fields: ["game_description", "game_link"]
                    .iter()
                    .filter_map(|name| Some(Field::new(*name, fields.text(name)?)))
                    .collect(),
                parts: Vec::new(),
            }
            .into(),
        );
    }
    for name in [
        "invoice_information",
        "giveaway_information",
        "giveaway_results",
        "todo_list",
        "paid_media",
    ] {
        if let Some(value) = fields.whole(name) {
            let inner = Fields::new(value);
            let title = inner.text("title").map(str::to_owned);
            message.parts.push(
                Structured {
                    type_name: name.to_owned(),
                    title,
                    fields: inner
                        .take_leftover()
                        .into_iter()
                        .take(MAX_FIELDS)
                        .map(|(name, value)| Field::new(name, value))
                        .collect(),
                    parts: Vec::new(),
                }
                .into(),
            );
        }
    }
}

fn poll_of(poll: &Fields<'_>, target: Option<Target>) -> Poll {
    let act = match poll.flag("closed") {
        Some(true) => PollAct::Closed,
        _ => PollAct::Created,
    };
    // The export calls the question a string, newer ones a styled text.
    let question = text::text(poll, "question", "question_entities").map(|text| text.text);
    let options = poll
        .list("answers")
        .iter()
        .map(|answer| PollOption {
            text: text::text(answer, "text", "text_entities")
                .map(|text| text.text)
                .unwrap_or_default(),
            id: None,
            votes: answer.uint("voters"),
            chosen: answer.flag("chosen"),
        })
        .collect();
    Poll {
        question,
        options,
        voters: poll.uint("total_voters"),
        // What a poll answers has no place of its own.
        target,
        ..Poll::new(act)
    }
}

/// The point in time from the Unix time, with the offset that the date beside it shows; from the
/// date alone in old exports, by the zone of the settings.
fn time(
    fields: &Fields<'_>,
    date: &str,
    unixtime: &str,
    zone: &mut dyn FnMut(&str) -> Option<Time>,
) -> Option<Time> {
    let local = fields.text(date);
    let Some(at) = unix(fields, unixtime) else {
        return zone(local?);
    };
    let offset = local.and_then(|local| {
        let civil: jiff::civil::DateTime = local.parse().ok()?;
        let as_utc = jiff::tz::TimeZone::UTC.to_timestamp(civil).ok()?;
        let minutes = (as_utc.as_millisecond() - at.get()).div_euclid(60_000);
        OffsetMinutes::new(i16::try_from(minutes).ok()?)
    });
    Some(match offset {
        Some(offset) => Time::with_offset(at, offset),
        None => Time::utc(at),
    })
}

fn unix(fields: &Fields<'_>, path: &str) -> Option<Milliseconds> {
    let seconds = fields.int(path)?;
    // Year 1970 to 9999.
    (0..253_402_300_800)
        .contains(&seconds)
        .then(|| Milliseconds::from_seconds(seconds))
}

/// Degrees as JSON writes them, also with an exponent.
fn degrees(text: &str, most: i64) -> Option<i32> {
    if let Some(exact) = crate::whatsapp::degrees_e7(text, most) {
        return Some(exact);
    }
    let value: f64 = text.parse().ok()?;
    crate::whatsapp::degrees_e7(&format!("{value:.7}"), most)
}
