//! `greffe search` and `greffe show`: looks into the archive, each in the audit trail before it is
//! answered.

use std::path::Path;

use serde_json::json;
use vault::room::protocol::{Answer, Ask, Found, Hit, Item, Shown};

use super::Context;
use super::standing::time;
use crate::cli::{Order, Search, Show};
use crate::engine::Backend;
use crate::engine::request::{Event, Request};
use crate::failure::{Exit, Failure};
use crate::home::{self, Home};
use crate::output::Output;
use crate::room::{Room, unexpected};
use crate::text::{printable, say, word};

/// Digits of a record's id that are shown.
const SHORT: usize = 12;

/// Finds messages.
pub(crate) fn search(context: &Context, arguments: &Search) -> Result<(), Failure> {
    let query = arguments.query.join(" ");
    let zone = jiff::tz::TimeZone::system()
        .iana_name()
        .unwrap_or_default()
        .to_owned();
    let order = match arguments.order {
        Order::Newest => "newest",
        Order::Oldest => "oldest",
        Order::Best => "relevance",
    };
    let ask = Ask::Search {
        query: query.clone(),
        limit: arguments.limit,
        after: arguments.after.clone(),
        order: order.to_owned(),
        facets: arguments.facets,
        zone,
    };
    let found = looking(context, |room| match room.ask(ask)? {
        Answer::Found(found) => Ok(found),
        _ => Err(unexpected()),
    })?;
    let value = serde_json::to_value(&found).unwrap_or_default();
    context
        .output
        .result(&value, || hits(context.output, &found));
    if found.total == 0 {
        return Err(Failure::new("search-nothing")
            .with("query", printable(&query))
            .exit(Exit::NotFound));
    }
    Ok(())
}

/// Shows one message with what was said around it.
pub(crate) fn show(context: &Context, arguments: &Show) -> Result<(), Failure> {
    if arguments.original || arguments.attachment.is_some() {
        return super::bytes::give(context, arguments);
    }
    if arguments.out.is_some() {
        return Err(Failure::new("out-of-what").exit(Exit::Usage));
    }
    let ask = Ask::Show {
        record: arguments.message.clone(),
        before: arguments.context,
        after: arguments.context,
    };
    let (shown, saved) = looking(context, |room| {
        let Answer::Shown(shown) = room.ask(ask)? else {
            return Err(unexpected());
        };
        let saved = match &arguments.save_attachments {
            Some(folder) => save(room, &shown, folder)?,
            None => Vec::new(),
        };
        Ok((shown, saved))
    })?;
    let value = json!({ "shown": shown, "saved": saved });
    context
        .output
        .result(&value, || whole(context.output, &shown, &saved));
    Ok(())
}

/// Runs a look: what the relay has is followed first and filed; afterwards the look is logged.
pub(crate) fn looking<T>(
    context: &Context,
    look: impl FnOnce(&mut Room) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let home = Home::find(context.global.home.as_deref())?;
    let mut size = 0;
    let mut backend = context.runtime.block_on(async {
        let mut backend = Backend::open(&home).await?;
        let tell = &mut |event| {
            if let Event::Delivered(delivered) = event {
                size = delivered.log_size;
            }
        };
        backend.ask(&home, Request::Deliver, tell).await?;
        Ok::<_, Failure>(backend)
    })?;
    let looked = Room::open(context, &home).and_then(|mut room| {
        room.ask(Ask::Filed { through: size })?;
        look(&mut room)
    });
    context.runtime.block_on(async {
        let logged = backend.ask(&home, Request::Log, &mut |_| ()).await;
        backend.close().await;
        logged
    })?;
    looked
}

fn hits(output: Output, found: &Found) -> String {
    let mut text = say!("search-found", count = found.total);
    for hit in &found.hits {
        text.push_str("\n\n");
        text.push_str(&one(output, hit));
    }
    for (facet, values) in &found.facets {
        text.push_str(&format!("\n\n{}", word(&format!("facet-{facet}"))));
        for (value, name, count) in values {
            let name = match facet.as_str() {
                "kind" => word(&format!("kind-{value}")),
                _ => printable(name),
            };
            text.push_str(&format!("\n  {count:>8}  {name}"));
        }
    }
    if let Some(next) = &found.next {
        text.push_str("\n\n");
        text.push_str(&say!("search-more", cursor = next.as_str()));
    }
    text
}

fn one(output: Output, hit: &Hit) -> String {
    format!(
        "{}  {}  {} · {}\n  {}\n  {}",
        short(&hit.record),
        time(hit.at),
        printable(&hit.conversation.0),
        printable(&hit.title),
        output.bold(&printable(
            hit.sender_name
                .as_deref()
                .or(hit.sender.as_deref())
                .unwrap_or_default()
        )),
        marked(output, &hit.text, &hit.highlights),
    )
}

/// The text with what matches set off.
fn marked(output: Output, text: &str, highlights: &[(usize, usize)]) -> String {
    let mut marked = String::new();
    let mut at = 0;
    for &(from, to) in highlights {
        let (Some(before), Some(hit)) = (text.get(at..from), text.get(from..to)) else {
            continue;
        };
        marked.push_str(&printable(before));
        marked.push_str(&output.bold(&printable(hit)));
        at = to;
    }
    marked.push_str(&printable(text.get(at..).unwrap_or_default()));
    marked
}

fn whole(output: Output, shown: &Shown, saved: &[String]) -> String {
    let mut lines = vec![say!(
        "show-heading",
        network = printable(&shown.conversation.0),
        title = printable(shown.title.as_deref().unwrap_or(&shown.conversation.2)),
        kind = word(&format!("kind-{}", shown.kind)),
    )];
    let around = &shown.around.items;
    for item in around {
        lines.push(line(output, item, item.record == shown.record));
        lines.extend(
            item.referring
                .iter()
                .map(|item| format!("    ↳ {}", line(output, item, false).trim_start())),
        );
    }
    lines.push(String::new());
    for author in &shown.authors {
        lines.push(say!("show-from", who = somebody(&author.id, &author.names)));
    }
    for recipient in &shown.recipients {
        lines.push(say!(
            "show-to",
            who = somebody(&recipient.id, &recipient.names)
        ));
    }
    for (name, at, _) in &shown.times {
        lines.push(say!(
            "show-time",
            name = word(&format!("time-{name}")),
            at = time(*at)
        ));
    }
    lines.push(say!(
        "show-source",
        source = printable(&shown.source),
        assurance = word(&format!("assurance-{}", shown.assurance)),
    ));
    let members: Vec<String> = shown
        .members
        .iter()
        .map(|member| somebody(&member.id, &member.names))
        .collect();
    if !members.is_empty() {
        lines.push(say!("show-members", who = members.join(", ")));
    }
    for (number, file) in (1_usize..).zip(&shown.attachments) {
        lines.push(say!(
            "show-attachment",
            number = number,
            name = printable(file.name.as_deref().unwrap_or("–")),
            kind = printable(file.media_type.as_deref().unwrap_or("–")),
            size = file.size,
        ));
    }
    lines.push(say!(
        "show-proof",
        index = shown.provenance.index,
        position = shown.provenance.position,
        record = short(&shown.record),
        witnessed = word(if shown.provenance.witnessed {
            "status-witnessed"
        } else {
            "status-unwitnessed"
        }),
    ));
    if let Some((kind, size)) = &shown.original {
        lines.push(say!(
            "show-original",
            kind = printable(kind),
            size = *size,
            record = short(&shown.record)
        ));
    }
    if let Some(carried) = &shown.provenance.carried {
        let key = match carried.opened_from {
            true => "show-carried-from",
            false => "show-carried",
        };
        lines.push(say!(
            key,
            index = carried.index,
            epoch = short(&carried.epoch)
        ));
    }
    lines.extend(
        saved
            .iter()
            .map(|path| say!("show-saved", path = path.as_str())),
    );
    lines.join("\n")
}

fn line(output: Output, item: &Item, this: bool) -> String {
    let who = printable(
        item.sender_name
            .as_deref()
            .or(item.sender.as_deref())
            .unwrap_or_default(),
    );
    let kind = match item.kind.as_str() {
        "message" => String::new(),
        kind => format!("[{}] ", word(&format!("kind-{kind}"))),
    };
    let text = format!("{}  {who}: {kind}{}", time(item.at), printable(&item.text));
    if this {
        format!("▶ {}", output.bold(&text))
    } else {
        format!("  {text}")
    }
}

fn somebody(id: &str, names: &[String]) -> String {
    match names.first() {
        Some(name) => format!("{} ({})", printable(name), printable(id)),
        None => printable(id),
    }
}

/// Opens the attachments into a folder. The names in the record are shown, never used as paths.
fn save(room: &mut Room, shown: &Shown, folder: &Path) -> Result<Vec<String>, Failure> {
    home::private_folder(folder)?;
    let mut saved = Vec::new();
    for (index, file) in shown
        .attachments
        .iter()
        .enumerate()
        .filter(|(_, file)| file.has_bytes)
    {
        let path = folder.join(format!(
            "{}-{index}{}",
            short(&shown.record),
            ending(file.media_type.as_deref())
        ));
        let failed = |error: std::io::Error| {
            Failure::new("can-not-write")
                .with("path", path.as_path())
                .because(&error)
        };
        let mut to = std::fs::File::create_new(&path).map_err(failed)?;
        let index = u32::try_from(index).map_err(|_| unexpected())?;
        room.fetch(
            Ask::Attachment {
                record: shown.record.clone(),
                index,
            },
            &mut to,
        )?;
        saved.push(path.display().to_string());
    }
    Ok(saved)
}

/// An ending for a few harmless types; anything else is `.bin`.
fn ending(media_type: Option<&str>) -> &'static str {
    match media_type.unwrap_or_default() {
        "image/jpeg" => ".jpg",
        "image/png" => ".png",
        "image/webp" => ".webp",
        "image/gif" => ".gif",
        "application/pdf" => ".pdf",
        "audio/ogg" => ".ogg",
        "video/mp4" => ".mp4",
        "text/plain" => ".txt",
        _ => ".bin",
    }
}

/// The digits of an id that are enough to name it.
pub(crate) fn short(id: &str) -> &str {
    id.get(..SHORT).unwrap_or(id)
}
