//! Which file of an export belongs to which event. The export names a file by the name that the
//! event gives, and the event's time as people of its language write it; nothing else binds the
//! two. A file is taken for an event only where no other event could mean it, and the event no
//! other file.

use std::collections::{BTreeSet, HashMap};
use std::fs;

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use serde_json::Value;

use crate::media::MAX_ENTRIES;
use crate::open::{Content, archive};

/// Folders of an export, by what is in them.
const FOLDERS: [&str; 5] = ["images", "videos", "audio", "stickers", "files"];

/// An event that has a file.
pub(crate) struct Wanted {
    /// The event's place in the export.
    pub(crate) offset: u64,
    folder: &'static str,
    /// What the file's name begins and ends with.
    stem: String,
    ending: String,
    /// Milliseconds since 1970.
    sent: i64,
}

/// What was found for an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Its file's name in the export.
    File(String),
    /// So many files could be meant, or other events mean the same one.
    Ambiguous(usize),
}

/// Names of the files of an export, below its folder.
pub(crate) fn names(content: &Content) -> BTreeSet<String> {
    let ours = |name: &str| {
        FOLDERS.iter().any(|folder| {
            name.strip_prefix(folder)
                .is_some_and(|rest| rest.starts_with('/'))
        })
    };
    match content {
        Content::File { folder, .. } => {
            let mut found = BTreeSet::new();
            for kind in FOLDERS {
                let Ok(entries) = fs::read_dir(folder.join(kind)) else {
                    continue;
                };
                for entry in entries.flatten().take(MAX_ENTRIES) {
                    if let Some(name) = entry.file_name().to_str() {
                        found.insert(format!("{kind}/{name}"));
                    }
                }
            }
            found
        }
        Content::Entry {
            archive: path,
            index,
        } => {
            let Ok(archive) = archive(path) else {
                return BTreeSet::new();
            };
            let own = archive.name_for_index(*index).and_then(Result::ok);
            let own = own.as_deref().and_then(|name| name.rsplit_once('/'));
            let prefix = own
                .map(|(folder, _)| format!("{folder}/"))
                .unwrap_or_default();
            archive
                .file_names()
                .filter_map(Result::ok)
                .filter_map(|name| name.strip_prefix(&prefix).map(str::to_owned))
                .filter(|name| ours(name))
                .collect()
        }
        Content::Salvaged { salvaged, .. } => salvaged
            .files
            .keys()
            .filter_map(|name| {
                name.match_indices('/')
                    .map(|(at, _)| at + 1)
                    .chain([0])
                    .find_map(|at| {
                        let name = name.get(at..)?;
                        ours(name).then(|| name.to_owned())
                    })
            })
            .collect(),
        Content::Tree(_) => BTreeSet::new(),
    }
}

/// What file an event has, if it has one.
pub(crate) fn wanted(event: &Value, offset: u64) -> Option<Wanted> {
    let content = event.get("content")?;
    if content.get("url").is_none() && content.get("file").is_none() {
        return None;
    }
    let sticker = event.get("type").and_then(Value::as_str) == Some("m.sticker");
    let voice = content.get("org.matrix.msc3245.voice").is_some()
        || content.get("org.matrix.msc2516.voice").is_some();
    let folder = match content.get("msgtype").and_then(Value::as_str) {
        Some("m.image") => "images",
        Some("m.video") => "videos",
        Some("m.audio") => "audio",
        _ if sticker => "stickers",
        _ => "files",
    };
    let name = content
        .get("body")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let (stem, ending) = match name.rfind('.') {
        Some(dot) => name.split_at(dot),
        None => (name, ""),
    };
    let ending = match (sticker, voice) {
        (true, _) => ".png",
        (_, true) => ".ogg",
        _ => ending,
    };
    Some(Wanted {
        offset,
        folder,
        stem: stem.to_owned(),
        ending: ending.to_owned(),
        sent: event.get("origin_server_ts").and_then(Value::as_i64)?,
    })
}

/// Binds files to events; events without any file that could be theirs are left out.
pub(crate) fn bind(
    wanted: &[Wanted],
    names: &BTreeSet<String>,
    zone: Option<&TimeZone>,
) -> HashMap<u64, Found> {
    // For each event, the files that its name allows, and how well the time fits.
    let mut edges: Vec<(usize, &str, Fit)> = Vec::new();
    for (number, event) in wanted.iter().enumerate() {
        let begin = format!("{}/{}-", event.folder, event.stem);
        for name in names.range(begin.clone()..) {
            let Some(rest) = name.strip_prefix(&begin) else {
                break;
            };
            if let Some(date) = rest.strip_suffix(&event.ending) {
                edges.push((number, name, fit(date, event.sent, zone)));
            }
        }
    }
    let mut found: HashMap<u64, Found> = HashMap::new();
    for least in [Fit::Zone, Fit::Offset, Fit::Name] {
        let open: Vec<_> = edges.iter().filter(|(_, _, fit)| *fit >= least).collect();
        let (mut files, mut events) = (HashMap::new(), HashMap::new());
        for (number, name, _) in &open {
            *events.entry(*number).or_insert(0_usize) += 1;
            *files.entry(*name).or_insert(0_usize) += 1;
        }
        let mut taken = (BTreeSet::new(), BTreeSet::new());
        for (number, name, _) in open {
            if events.get(number) == Some(&1)
                && files.get(name) == Some(&1)
                && let Some(event) = wanted.get(*number)
            {
                found.insert(event.offset, Found::File((*name).to_owned()));
                taken.0.insert(*number);
                taken.1.insert((*name).to_owned());
            }
        }
        edges.retain(|(number, name, _)| !taken.0.contains(number) && !taken.1.contains(*name));
    }
    for (number, _, _) in &edges {
        if let Some(event) = wanted.get(*number) {
            let at = found.entry(event.offset).or_insert(Found::Ambiguous(0));
            if let Found::Ambiguous(files) = at {
                *files += 1;
            }
        }
    }
    found
}

/// How well a written date fits a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// It does not, or can not be read.
    Name,
    /// At some offset from UTC.
    Offset,
    /// In the zone that was given.
    Zone,
}

/// Reads the date's numbers alone: their order among day, month and year, the words and signs
/// between them differ by language.
fn fit(date: &str, sent: i64, zone: Option<&TimeZone>) -> Fit {
    let numbers = numbers(date);
    let [a, b, c, hour, minute, second] = numbers[..] else {
        return Fit::Name;
    };
    let mut day = [a, b, c];
    day.sort_unstable();
    let Ok(sent) = Timestamp::from_millisecond(sent) else {
        return Fit::Name;
    };
    let is = |offset: Offset| {
        let local = offset.to_datetime(sent);
        let year = i64::from(local.year());
        let hours = i64::from(local.hour());
        let same_day = [year, year % 100].iter().any(|year| {
            let mut own = [i64::from(local.day()), i64::from(local.month()), *year];
            own.sort_unstable();
            own == day
        });
        let twelve = if hours % 12 == 0 { 12 } else { hours % 12 };
        same_day
            && (hour == hours || hour == twelve || hour == hours % 12)
            && minute == i64::from(local.minute())
            && second == i64::from(local.second())
    };
    if zone.is_some_and(|zone| is(zone.to_offset(sent))) {
        return Fit::Zone;
    }
    let quarters = -14 * 4..=14 * 4;
    let any = quarters
        .filter_map(|quarter| Offset::from_seconds(quarter * 15 * 60).ok())
        .any(is);
    if any { Fit::Offset } else { Fit::Name }
}

/// The numbers in a text, in whatever digits; none above eight digits.
fn numbers(text: &str) -> Vec<i64> {
    let mut found: Vec<i64> = Vec::new();
    let mut open = false;
    for character in text.chars() {
        match digit(character) {
            Some(digit) if open => {
                if let Some(last) = found.last_mut() {
                    *last = (*last * 10 + digit).min(99_999_999);
                }
            }
            Some(digit) => found.push(digit),
            None => {}
        }
        open = digit(character).is_some();
    }
    found
}

fn digit(character: char) -> Option<i64> {
    let zero = match character {
        '0'..='9' => '0',
        '\u{660}'..='\u{669}' => '\u{660}',
        '\u{6f0}'..='\u{6f9}' => '\u{6f0}',
        '\u{966}'..='\u{96f}' => '\u{966}',
        '\u{9e6}'..='\u{9ef}' => '\u{9e6}',
        _ => return None,
    };
    Some(i64::from(u32::from(character)) - i64::from(u32::from(zero)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    // 2026-11-03T08:01:58Z
    const SENT: i64 = 1_793_692_918_000;

    fn event(offset: u64, name: &str, sent: i64) -> Wanted {
        let event = json!({"type": "m.room.message", "origin_server_ts": sent,
            "content": {"msgtype": "m.image", "url": "mxc://a/b", "body": name}});
        wanted(&event, offset).unwrap()
    }

    fn bound(events: &[Wanted], files: &[&str]) -> HashMap<u64, Found> {
        let names = files.iter().map(|name| format!("images/{name}")).collect();
        bind(events, &names, None)
    }

    #[test]
    fn dates_of_many_languages_are_read() {
        for date in [
            "11-3-2026 at 8-01-58 AM",
            "3.11.2026 um 9-01-58",
            "03-11-2026 \u{e0} 09-01-58",
            "2026-11-3 \u{4e0b}\u{5348}1-31-58",
            "\u{663}-\u{661}\u{661}-\u{662}\u{660}\u{662}\u{666} \u{669}-\u{660}\u{661}-\u{665}\u{668}",
        ] {
            assert_eq!(fit(date, SENT, None), Fit::Offset, "{date}");
        }
        assert_eq!(fit("11-3-2026 at 8-01-59 AM", SENT, None), Fit::Name);
        assert_eq!(fit("12-3-2026 at 8-01-58 AM", SENT, None), Fit::Name);
        let zurich = TimeZone::get("Europe/Zurich").unwrap();
        assert_eq!(fit("3.11.2026 um 09-01-58", SENT, Some(&zurich)), Fit::Zone);
    }

    #[test]
    fn a_file_is_bound_by_name_and_time() {
        let events = [
            event(1, "image.png", SENT),
            event(2, "image.png", SENT + 61_000),
        ];
        let found = bound(
            &events,
            &[
                "image-3.11.2026 um 9-01-58.png",
                "image-3.11.2026 um 9-02-59.png",
            ],
        );
        let file = |name: &str| Found::File(format!("images/{name}"));
        assert_eq!(found[&1], file("image-3.11.2026 um 9-01-58.png"));
        assert_eq!(found[&2], file("image-3.11.2026 um 9-02-59.png"));
        // A calendar that is not read: the name alone binds, where nothing else has it.
        let found = bound(
            &[event(1, "plan.png", SENT)],
            &["plan-12-8-1405 9-01-58.png"],
        );
        assert_eq!(found[&1], file("plan-12-8-1405 9-01-58.png"));
    }

    #[test]
    fn what_could_be_two_is_neither() {
        let events = [event(1, "image.png", SENT), event(2, "image.png", SENT)];
        let found = bound(&events, &["image-3.11.2026 um 9-01-58.png"]);
        assert_eq!(found[&1], Found::Ambiguous(1));
        assert_eq!(found[&2], Found::Ambiguous(1));
        let found = bound(&[event(1, "a.png", SENT)], &["a-1.png", "a-2.png"]);
        assert_eq!(found[&1], Found::Ambiguous(2));
        assert!(bound(&[event(1, "a.png", SENT)], &["b-1.png"]).is_empty());
    }
}
