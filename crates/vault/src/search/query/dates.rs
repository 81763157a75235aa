//! Dates of a query: a year, a month, a day, or a range of them.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span as Length, ToSpan};
use record::Milliseconds;

use super::Span;

/// The half-open span of a date or range; `None` if it is none.
pub(super) fn span(text: &str, zone: &TimeZone) -> Option<Span> {
    let (first, last) = text.split_once("..").unwrap_or((text, text));
    let (from, _) = days(first)?;
    let (_, until) = days(last)?;
    let (from, until) = (midnight(from, zone)?, midnight(until, zone)?);
    (from < until).then_some(Span {
        from: Some(from),
        until: Some(until),
    })
}

/// First day of a date, and the first after it.
fn days(text: &str) -> Option<(Date, Date)> {
    let parts: Vec<&str> = match text.split('.').collect::<Vec<_>>().as_slice() {
        [day, month, year] => vec![*year, *month, *day],
        _ => text.split('-').collect(),
    };
    let number = |text: &str, digits: std::ops::RangeInclusive<usize>| -> Option<i16> {
        (digits.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()))
            .then(|| text.parse().ok())?
    };
    let small = |text: &str| number(text, 1..=2).and_then(|n| i8::try_from(n).ok());
    let (first, length): (Date, Length) = match parts.as_slice() {
        [year] => (Date::new(number(year, 4..=4)?, 1, 1).ok()?, 1.year()),
        [year, month] => (
            Date::new(number(year, 4..=4)?, small(month)?, 1).ok()?,
            1.month(),
        ),
        [year, month, day] => (
            Date::new(number(year, 4..=4)?, small(month)?, small(day)?).ok()?,
            1.day(),
        ),
        _ => return None,
    };
    Some((first, first.checked_add(length).ok()?))
}

fn midnight(date: Date, zone: &TimeZone) -> Option<Milliseconds> {
    let moment = date.to_zoned_datetime(zone.clone()).ok()?;
    Some(Milliseconds::new(moment.timestamp().as_millisecond()))
}
