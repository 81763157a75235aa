//! What stands in the cells of a row: by which names, and which people and times they mean.

use std::collections::HashSet;

use connector::normal::participant_id;
use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use record::{AliasKind, Milliseconds, OffsetMinutes, Participant, Time};
use serde_json::Value;

use super::map::{Form, Mapping, Times};
use crate::emit::clipped;
use crate::whatsapp::Zone;

/// Fields of a row, people and files of one.
const MAX_COLUMNS: usize = 4_096;
const MAX_LIST: usize = 1_000;

/// The cells of a row by their names, in order.
pub(super) struct Cells(pub(super) Vec<(String, String)>);

impl Cells {
    /// The cell of that name, unless it is empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name)?;
        Some(found.1.trim()).filter(|value| !value.is_empty())
    }
}

/// The cells of one row.
pub(super) fn csv_cells(bytes: &[u8], delimiter: u8) -> Option<Vec<Vec<u8>>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .buffer_capacity(bytes.len().clamp(64, 64 << 10))
        .from_reader(bytes);
    let mut record = csv::ByteRecord::new();
    let found = reader.read_byte_record(&mut record).ok()?;
    (found && record.len() <= MAX_COLUMNS).then(|| record.iter().map(<[u8]>::to_vec).collect())
}

/// The members of an object, and what the mapping's pointers find deeper in it.
pub(super) fn json_cells(value: &Value, mapping: &Mapping) -> Result<Cells, String> {
    let Value::Object(object) = value else {
        return Err("column 1: no object".to_owned());
    };
    if object.len() > MAX_COLUMNS {
        return Err(format!("more than {MAX_COLUMNS} members"));
    }
    let mut cells: Vec<(String, String)> = Vec::with_capacity(object.len());
    let mut pointed = HashSet::new();
    for name in mapping.columns.all().filter(|name| name.starts_with('/')) {
        if let Some(found) = value.pointer(name) {
            let member = name.get(1..).and_then(|rest| rest.split('/').next());
            pointed.insert(member.unwrap_or_default().to_owned());
            cells.push((name.to_owned(), plain(found, mapping)));
        }
    }
    for (name, value) in object {
        // A member that was taken apart is told whole as well: what is not mapped stays.
        let whole = pointed.contains(name) && value.is_object();
        let text = if whole {
            value.to_string()
        } else {
            plain(value, mapping)
        };
        cells.push((name.clone(), text));
    }
    Ok(Cells(cells))
}

/// A value as a cell; a list of texts as people separate them.
pub(super) fn plain(value: &Value, mapping: &Mapping) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(list) if list.iter().all(Value::is_string) => {
            let texts: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
            texts.join(&mapping.people_separator)
        }
        other => other.to_string(),
    }
}

pub(super) fn list<'v>(value: &'v str, separator: &str) -> impl Iterator<Item = &'v str> {
    let separator = if separator.is_empty() { ";" } else { separator };
    value
        .split(separator.to_owned().as_str())
        .map(str::trim)
        .filter(|value| !value.is_empty())
        .take(MAX_LIST)
        .collect::<Vec<_>>()
        .into_iter()
}

/// The participant that a cell means. Without a scheme the value shows it: an address, a number,
/// a name; `Name <address>` is both.
pub(super) fn person(value: &str, scheme: Option<&str>) -> Option<Participant> {
    let value = value.trim();
    if value.is_empty() {
        return None;
    }
    let (name, id) = match value.rsplit_once('<') {
        Some((name, id)) if id.ends_with('>') && !name.trim().is_empty() => (
            Some(name.trim().trim_matches('"')),
            id.trim_end_matches('>'),
        ),
        _ => (None, value),
    };
    let digits: String = id
        .chars()
        .filter(|c| !matches!(c, ' ' | '-' | '(' | ')' | '.' | '/'))
        .collect();
    let is_number = digits.len() >= 6
        && digits
            .strip_prefix('+')
            .unwrap_or(&digits)
            .bytes()
            .all(|byte| byte.is_ascii_digit());
    let id = match scheme {
        Some("tel") => participant_id("tel", if is_number { &digits } else { id }),
        Some("email") => participant_id("email", &id.to_lowercase()),
        Some(scheme) => participant_id(scheme, id),
        None if id.contains('@') => participant_id("email", &id.to_lowercase()),
        None if is_number => participant_id("tel", &digits),
        None => participant_id("name", id),
    }?;
    Some(Participant::new(id).alias(AliasKind::Display, clipped(name.unwrap_or_default(), 500)))
}

/// The point in time that a cell means.
pub(super) fn time(value: &str, times: &Times, zone: &mut Zone) -> Option<Time> {
    let value = value.trim();
    match &times.form {
        Form::Unix(microseconds) => {
            let (whole, part) = value.split_once('.').unwrap_or((value, ""));
            let whole: i64 = whole.parse().ok()?;
            let mut micros = whole.checked_mul(*microseconds)?;
            if *microseconds == 1_000_000 && !part.is_empty() {
                let digits: String = part.chars().chain("000000".chars()).take(6).collect();
                let part: i64 = digits.parse().ok()?;
                micros += if whole < 0 { -part } else { part };
            }
            Some(Time::utc(Milliseconds::new(micros.div_euclid(1_000))))
        }
        Form::Iso => {
            // A time with an offset, else one in the zone; never a day alone.
            if let Ok(found) =
                strtime::parse("%Y-%m-%dT%H:%M:%S%.f%:z", value.replacen(' ', "T", 1))
            {
                return with_offset(&found);
            }
            if let Ok(at) = value.parse::<jiff::Timestamp>() {
                return Some(Time::utc(Milliseconds::new(at.as_millisecond())));
            }
            zone.time(value.parse::<DateTime>().ok()?)
        }
        Form::Pattern(pattern) => {
            let found = strtime::parse(pattern, value).ok()?;
            if found.offset().is_some() {
                return with_offset(&found);
            }
            if let Ok(at) = found.to_timestamp() {
                return Some(Time::utc(Milliseconds::new(at.as_millisecond())));
            }
            zone.time(found.to_datetime().ok()?)
        }
    }
}

pub(super) fn with_offset(found: &strtime::BrokenDownTime) -> Option<Time> {
    let at = Milliseconds::new(found.to_timestamp().ok()?.as_millisecond());
    let minutes = found.offset().map(|offset| offset.seconds() / 60);
    let offset = minutes
        .and_then(|minutes| i16::try_from(minutes).ok())
        .and_then(OffsetMinutes::new);
    Some(offset.map_or(Time::utc(at), |offset| Time::with_offset(at, offset)))
}

/// The time in UTC, for an id that is the same whatever the zone of the settings.
pub(super) fn civil(time: Time) -> Option<DateTime> {
    let at = jiff::Timestamp::from_millisecond(time.at.get()).ok()?;
    Some(TimeZone::UTC.to_datetime(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(value: &str, form: Form) -> Option<(i64, Option<i16>)> {
        let zone = TimeZone::get("Europe/Zurich").ok();
        let times = Times {
            form,
            zone: zone.clone(),
        };
        let time = time(value, &times, &mut Zone::new(zone))?;
        Some((time.at.get(), time.offset.map(OffsetMinutes::get)))
    }

    #[test]
    fn times_are_read_as_the_mapping_says() {
        const AT: i64 = 1_793_692_918_000;
        let iso = |value| at(value, Form::Iso);
        assert_eq!(iso("2026-11-03T08:01:58Z"), Some((AT, None)));
        assert_eq!(iso("2026-11-03 03:01:58-05:00"), Some((AT, Some(-300))));
        assert_eq!(iso("2026-11-03T09:01:58"), Some((AT, Some(60))));
        assert_eq!(iso("3.11.2026"), None);
        assert_eq!(
            at("1793692918.5", Form::Unix(1_000_000)),
            Some((AT + 500, None))
        );
        assert_eq!(at("1793692918000", Form::Unix(1_000)), Some((AT, None)));
        let pattern = |text: &str| Form::Pattern(text.to_owned());
        assert_eq!(
            at("3.11.2026 9:01:58", pattern("%d.%m.%Y %H:%M:%S")),
            Some((AT, Some(60)))
        );
        assert_eq!(
            at(
                "11/03/26 08:01:58 AM +0000",
                pattern("%m/%d/%y %I:%M:%S %p %z")
            ),
            Some((AT, Some(0)))
        );
        assert_eq!(at("31.31.2026 9:01:58", pattern("%d.%m.%Y %H:%M:%S")), None);
    }

    #[test]
    fn people_are_named_by_what_a_cell_shows() {
        let id = |value: &str, scheme| person(value, scheme).unwrap().id.as_str().to_owned();
        assert_eq!(id("+41 79 000-00-01", None), "tel:+41790000001");
        assert_eq!(id("Ben@Bank.example", None), "email:ben@bank.example");
        assert_eq!(id("Ben Okafor", None), "name:Ben Okafor");
        assert_eq!(id("u7", Some("user")), "user:u7");
        let both = person("Ben Okafor <+41790000001>", None).unwrap();
        assert_eq!(both.id.as_str(), "tel:+41790000001");
        assert_eq!(both.aliases[0].name, "Ben Okafor");
    }
}
