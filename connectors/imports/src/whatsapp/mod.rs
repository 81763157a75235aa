//! WhatsApp's chat exports: a text of lines, alone or with its media in an archive or folder.
//!
//! [`header`] reads the beginning of a message in any of the forms that phones write,
//! [`Blocks`] cuts a file into messages without copying, [`survey`] looks at the whole file first
//! and decides what one line can not: which form counts, and which number is the day.

mod blocks;
mod chat;
mod dates;
mod header;
mod meaning;
mod names;
mod notices;
mod words;

pub(crate) use dates::Zone;
pub(crate) use meaning::degrees_e7;
pub(crate) use names::SourceIds;

use connector::kit::{Context, KitError, failed};
use record::{ConversationKind, LossWhy, Milliseconds, Source, TextId, Time};

pub use blocks::{Block, Blocks, MAX_BLOCK, Survey, survey};
pub use dates::{DateEvidence, DateOrder, DecidedBy};
pub use header::{Form, Half, Stamp, header};

use crate::open::Export;
use crate::outbox::{Outbox, resume_at};
use crate::run::Settings;

/// Reads an export and emits its records.
pub(crate) fn import(
    ctx: &mut Context<'_>,
    source: Source,
    export: &Export,
    settings: Settings,
) -> Result<(), KitError> {
    let now = ctx.now();
    let unreadable = |error: &dyn std::fmt::Display| {
        failed("import-unreadable", &[("detail", &error.to_string())])
    };
    let (found, survey_error) = export
        .content
        .read(|input| survey(input, now))
        .and_then(|found| found.map(|found| (found, None)))
        .unwrap_or_else(|error| (None, Some(error)));
    let Some(found) = found else {
        return Err(survey_error.map_or_else(
            || failed("import-nothing-found", &[]),
            |error| unreadable(&error),
        ));
    };
    let order = date_order(ctx, &found, settings.dates)?;
    if settings.zone.is_none() {
        ctx.trouble("import-zone-missing", &[])?;
    }
    if found.others * 10 > found.messages {
        let others = found.others.to_string();
        ctx.trouble("import-other-forms", &[("lines", &others)])?;
    }
    let title = export.title(&settings);
    let conversation =
        conversation_id(&title).ok_or_else(|| failed("import-title-missing", &[]))?;
    let files = export.content.files();
    let account = source.account.as_str().to_owned();
    let mut chat = chat::Chat {
        source,
        conversation,
        title,
        kind: if found.several {
            ConversationKind::Group
        } else {
            ConversationKind::Unknown
        },
        order,
        form: found.form,
        zone: dates::Zone::new(settings.zone),
        names: names::Names::new(settings.me.as_deref(), &account),
        ids: names::SourceIds::new(),
        files,
        captured: Time::utc(now),
        number: 0,
    };
    let resume = resume_at(ctx.position());
    let mut outbox = Outbox::new(ctx, resume, Some(found.bytes));
    let read = export.content.read(|input| chat.import(input, &mut outbox));
    match read {
        Ok(outcome) => outcome?,
        Err(error) => {
            let detail = error.to_string();
            chat.lose(
                LossWhy::Damaged,
                "the chat".into(),
                &detail,
                None,
                &mut outbox,
            )?;
        }
    }
    for (place, detail) in export.content.damage() {
        chat.lose(LossWhy::Damaged, place.clone(), detail, None, &mut outbox)?;
    }
    outbox.flush(found.bytes)
}

fn date_order(
    ctx: &mut Context<'_>,
    found: &Survey,
    setting: Option<DateOrder>,
) -> Result<DateOrder, KitError> {
    if let Some(order) = setting {
        return Ok(order);
    }
    let Some((order, by)) = found.evidence.decide() else {
        return Err(failed("import-nothing-found", &[]));
    };
    if by == DecidedBy::Usage {
        ctx.trouble("import-dates-ambiguous", &[("taken", order.name())])?;
    }
    Ok(order)
}

/// `title:` and the title; of a title that is too long, its beginning and its hash.
fn conversation_id(title: &str) -> Option<TextId> {
    let plain: String = title.chars().filter(|c| !c.is_control()).collect();
    if plain.is_empty() {
        return None;
    }
    let whole = format!("title:{plain}");
    if whole.len() <= record::MAX_TEXT_ID {
        return TextId::new(whole).ok();
    }
    let mut end = 400;
    while !whole.is_char_boundary(end) {
        end -= 1;
    }
    let hash = canonical::sha256(plain.as_bytes());
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    TextId::new(format!("{}…{hash}", whole.get(..end)?)).ok()
}

/// The title within a file's name.
pub(crate) fn title_of(name: &str) -> String {
    words::chat_title(&names::clean(name.as_bytes())).to_owned()
}

/// Whether a file that begins like this is a chat: some line has a header.
pub(crate) fn looks_like_chat(head: &[u8]) -> bool {
    head.split(|byte| *byte == b'\n')
        .take(200)
        .any(|line| header(line).is_some())
}

/// Reads any bytes as a chat does, up to the meaning of each text.
pub(crate) fn fuzz(bytes: &[u8]) {
    let Ok(Some(found)) = survey(bytes, Milliseconds::new(1_800_000_000_000)) else {
        return;
    };
    let order = found
        .evidence
        .decide()
        .map_or(DateOrder::DayMonth, |(order, _)| order);
    let mut blocks = Blocks::new(bytes, Some(found.form));
    while let Ok(Some(block)) = blocks.next_block() {
        let (author, text) = block.author_and_text();
        let text = String::from_utf8_lossy(text);
        if let Some(stamp) = block.stamp {
            let _ = order.civil(&stamp);
        }
        let _ = author.map(names::named_lossy);
        let _ = notices::notice(&text);
        let _ = meaning::meaning(&text);
    }
}
