//! Which number of a date is the day, decided from the whole file; and what time a stamp means.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};
use record::{Milliseconds, OffsetMinutes, Time};

use super::header::{Half, Stamp};

/// The order of a date's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateOrder {
    /// Day, month, year.
    DayMonth,
    /// Month, day, year.
    MonthDay,
    /// Year, month, day.
    YearMonth,
}

/// How an order was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecidedBy {
    /// The setting.
    Setting,
    /// The file: other orders give impossible, future or backward dates.
    File,
    /// What is usual where the form is used; the file allows another order too.
    Usage,
}

/// Collects what the dates of a whole file say about their order.
#[derive(Clone, Debug)]
pub struct DateEvidence {
    last: Option<Stamp>,
    latest: Date,
    candidates: [Candidate; 3],
}

#[derive(Clone, Copy, Debug, Default)]
struct Candidate {
    impossible: u64,
    future: u64,
    backward: u64,
    last: Option<Date>,
}

const ORDERS: [DateOrder; 3] = [
    DateOrder::DayMonth,
    DateOrder::MonthDay,
    DateOrder::YearMonth,
];

impl DateOrder {
    /// From the setting `dates`: `dmy`, `mdy`, `ymd`, or `day-first`, `month-first`, `year-first`.
    #[must_use]
    pub fn from_setting(value: &str) -> Option<Self> {
        match value.to_ascii_lowercase().as_str() {
            "dmy" | "day-first" => Some(Self::DayMonth),
            "mdy" | "month-first" => Some(Self::MonthDay),
            "ymd" | "year-first" => Some(Self::YearMonth),
            _ => None,
        }
    }

    /// The setting's value.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::DayMonth => "dmy",
            Self::MonthDay => "mdy",
            Self::YearMonth => "ymd",
        }
    }

    /// The date that a stamp means; `None` if there is no such day.
    #[must_use]
    pub fn date(self, stamp: &Stamp) -> Option<Date> {
        let [first, second, third] = stamp.date;
        let [first_digits, third_digits] = stamp.digits;
        let (year, digits, month, day) = match self {
            Self::DayMonth => (third, third_digits, second, first),
            Self::MonthDay => (third, third_digits, first, second),
            Self::YearMonth => (first, first_digits, second, third),
        };
        let year = match (digits, year) {
            (1 | 2, year) => 2000 + year,
            (_, year) => year,
        };
        if (1300..1500).contains(&year) {
            return persian(year, month, day);
        }
        // The Buddhist calendar of Thai phones counts 543 years more.
        let year = if year > 2400 { year - 543 } else { year };
        Date::new(
            i16::try_from(year).ok()?,
            i8::try_from(month).ok()?,
            i8::try_from(day).ok()?,
        )
        .ok()
    }

    /// Date and time that a stamp means; `None` if there is no such time.
    #[must_use]
    pub fn civil(self, stamp: &Stamp) -> Option<DateTime> {
        let date = self.date(stamp)?;
        let hour = i8::try_from(stamp.hour_of_day()?).ok()?;
        let minute = i8::try_from(stamp.minute).ok()?;
        let second = i8::try_from(stamp.second.unwrap_or(0)).ok()?;
        let time = jiff::civil::Time::new(hour, minute, second, 0).ok()?;
        Some(date.to_datetime(time))
    }
}

impl DateEvidence {
    /// Nothing seen yet; no message is later than `now`.
    #[must_use]
    pub fn new(now: Milliseconds) -> Self {
        let latest = Timestamp::from_millisecond(now.get())
            .map_or(Date::MAX, |now| TimeZone::UTC.to_datetime(now).date());
        // A phone may be a day ahead of UTC, or its clock wrong by some hours.
        let latest = latest
            .checked_add(jiff::Span::new().days(2))
            .unwrap_or(Date::MAX);
        Self {
            last: None,
            latest,
            candidates: [Candidate::default(); 3],
        }
    }

    /// Takes one more header into account.
    pub fn add(&mut self, stamp: &Stamp) {
        if self.last.is_some_and(|last| last.date == stamp.date) {
            return;
        }
        self.last = Some(*stamp);
        for (order, candidate) in ORDERS.iter().zip(&mut self.candidates) {
            let Some(date) = order.date(stamp) else {
                candidate.impossible += 1;
                continue;
            };
            candidate.future += u64::from(date > self.latest);
            candidate.backward += u64::from(candidate.last.is_some_and(|last| date < last));
            candidate.last = Some(date);
        }
    }

    /// The order, and what decided it; `None` if no header was seen.
    #[must_use]
    pub fn decide(&self) -> Option<(DateOrder, DecidedBy)> {
        let stamp = self.last?;
        let faults =
            |candidate: &Candidate| (candidate.impossible, candidate.future, candidate.backward);
        let least = self.candidates.iter().map(faults).min()?;
        let best: Vec<DateOrder> = ORDERS
            .iter()
            .zip(&self.candidates)
            .filter(|(_, candidate)| faults(candidate) == least)
            .map(|(order, _)| *order)
            .collect();
        let usual = usual_order(&stamp);
        // A year of two digits in front is rare: it must be the only order that is left.
        let likely: Vec<DateOrder> = best
            .iter()
            .copied()
            .filter(|order| *order != DateOrder::YearMonth || *order == usual)
            .collect();
        match (likely.as_slice(), best.as_slice()) {
            ([only], _) | ([], [only]) => Some((*only, DecidedBy::File)),
            (likely, _) if likely.contains(&usual) => Some((usual, DecidedBy::Usage)),
            (likely, best) => {
                let first = likely.first().or(best.first())?;
                Some((*first, DecidedBy::Usage))
            }
        }
    }
}

fn usual_order(stamp: &Stamp) -> DateOrder {
    match (stamp.digits, stamp.separator, stamp.half) {
        ([3 | 4, _], _, _) => DateOrder::YearMonth,
        (_, b'/', Half::Morning | Half::Afternoon) => DateOrder::MonthDay,
        _ => DateOrder::DayMonth,
    }
}

/// A day of the Persian solar calendar. Leap years after the 33-year cycle, which agrees with
/// the sun from 1178 to 1633.
fn persian(year: u16, month: u16, day: u16) -> Option<Date> {
    let leap = |year: u16| matches!(year % 33, 1 | 5 | 9 | 13 | 17 | 22 | 26 | 30);
    let days = match month {
        1..=6 => 31,
        7..=11 => 30,
        12 => 29 + u16::from(leap(year)),
        _ => return None,
    };
    if !(1..=days).contains(&day) {
        return None;
    }
    let length = |year: u16| 365 + i64::from(leap(year));
    let to_year: i64 = if year >= 1400 {
        (1400..year).map(length).sum()
    } else {
        -(year..1400).map(length).sum::<i64>()
    };
    let in_year =
        i64::from(month - 1) * 31 - i64::from(month.saturating_sub(7)) + i64::from(day) - 1;
    let first = Date::new(2021, 3, 21).ok()?;
    first
        .checked_add(jiff::Span::new().try_days(to_year + in_year).ok()?)
        .ok()
}

/// Turns the times of a file, which have no zone, into points in time.
pub(crate) struct Zone {
    zone: Option<TimeZone>,
    last: i64,
}

impl Zone {
    /// Of an IANA zone; without one, times are taken as UTC and have no offset.
    pub(crate) fn new(zone: Option<TimeZone>) -> Self {
        Self {
            zone,
            last: i64::MIN,
        }
    }

    /// The point in time. An hour that the clocks went through twice is told apart by the order
    /// of the messages; in one that they skipped, the offset before it counts.
    pub(crate) fn time(&mut self, civil: DateTime) -> Option<Time> {
        let Some(zone) = &self.zone else {
            let at = TimeZone::UTC.to_timestamp(civil).ok()?.as_millisecond();
            return Some(Time::utc(Milliseconds::new(at)));
        };
        let at = |offset: jiff::tz::Offset| {
            let at = offset.to_timestamp(civil).ok()?.as_millisecond();
            Some((at, offset))
        };
        let (at, offset) = match zone.to_ambiguous_timestamp(civil).offset() {
            AmbiguousOffset::Unambiguous { offset } => at(offset)?,
            AmbiguousOffset::Gap { before, .. } => at(before)?,
            AmbiguousOffset::Fold { before, after } => match at(before)? {
                (first, _) if first < self.last => at(after)?,
                first => first,
            },
        };
        self.last = at;
        let time = Time::utc(Milliseconds::new(at));
        let minutes = i16::try_from(offset.seconds() / 60).ok()?;
        Some(OffsetMinutes::new(minutes).map_or(time, |offset| {
            Time::with_offset(Milliseconds::new(at), offset)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::whatsapp::header::header;

    const NOW: Milliseconds = Milliseconds::new(1_795_600_000_000); // late in November 2026

    fn decide(lines: &[&str]) -> (DateOrder, DecidedBy) {
        let mut evidence = DateEvidence::new(NOW);
        for line in lines {
            evidence.add(&header(line.as_bytes()).unwrap());
        }
        evidence.decide().unwrap()
    }

    #[test]
    fn the_whole_file_decides_the_order() {
        use DateOrder::{DayMonth, MonthDay, YearMonth};
        let file = DecidedBy::File;
        // A number above twelve, late in the file.
        assert_eq!(
            decide(&["1/2/20, 1:00 - x", "1/13/20, 1:00 - x"]),
            (MonthDay, file)
        );
        assert_eq!(
            decide(&["1/2/20, 1:00 - x", "13/2/20, 1:00 - x"]),
            (DayMonth, file)
        );
        // None above twelve: only one order never goes back.
        assert_eq!(
            decide(&[
                "10/1/20, 1:00 - x",
                "11/1/20, 1:00 - x",
                "1/2/20, 1:00 - x",
                "2/2/20, 1:00 - x"
            ]),
            (DayMonth, file)
        );
        assert_eq!(
            decide(&["1/10/20, 1:00 - x", "1/11/20, 1:00 - x", "2/1/20, 1:00 - x"]),
            (MonthDay, file)
        );
        // Nothing lies in the future.
        assert_eq!(decide(&["11/12/26, 1:00 - x"]), (MonthDay, file));
        assert_eq!(decide(&["[2026-01-02 01:00:00] x"]), (YearMonth, file));
        assert_eq!(
            decide(&["[15-01-20 02:22:56] A: x", "[15-01-31 02:22:56] A: x"]),
            (YearMonth, file)
        );
        assert_eq!(
            decide(&["[15-01-20 02:22:56] A: x", "[31-01-20 02:22:56] A: x"]),
            (DayMonth, file)
        );
    }

    #[test]
    fn what_the_file_leaves_open_is_said() {
        assert_eq!(
            decide(&["1/2/20, 1:00 - x"]),
            (DateOrder::DayMonth, DecidedBy::Usage)
        );
        assert_eq!(
            decide(&["1/2/20, 1:00 PM - x"]),
            (DateOrder::MonthDay, DecidedBy::Usage)
        );
    }

    #[test]
    fn other_calendars_are_read() {
        let date = |line: &str, order: DateOrder| order.date(&header(line.as_bytes()).unwrap());
        let day = |y, m, d| Some(Date::new(y, m, d).unwrap());
        let year_first = DateOrder::YearMonth;
        assert_eq!(
            date("[۱۴۰۵/۸/۱۶، ۱۴:۱۵:۰۹] A: x", year_first),
            day(2026, 11, 7)
        );
        assert_eq!(date("1400/1/1, 1:00 - x", year_first), day(2021, 3, 21));
        assert_eq!(date("1399/12/30, 1:00 - x", year_first), day(2021, 3, 20));
        assert_eq!(date("1398/12/30, 1:00 - x", year_first), None);
        assert_eq!(
            date("7/11/2569, 1:00 - x", DateOrder::DayMonth),
            day(2026, 11, 7)
        );
        assert_eq!(date("30/2/2026, 1:00 - x", DateOrder::DayMonth), None);
    }

    #[test]
    fn an_hour_lived_twice_is_told_apart_by_order() {
        let mut zone = Zone::new(Some(TimeZone::get("Europe/Berlin").unwrap()));
        let mut at = |hour, minute| {
            let time = zone
                .time(Date::new(2026, 10, 25).unwrap().at(hour, minute, 0, 0))
                .unwrap();
            (time.at.get() / 60_000, time.offset.unwrap().get())
        };
        let first = at(2, 30);
        let second = at(2, 10);
        let third = at(2, 50);
        let fourth = at(3, 0);
        assert_eq!((first.1, second.1, third.1, fourth.1), (120, 60, 60, 60));
        assert_eq!(second.0 - first.0, 40);
        assert_eq!(fourth.0 - third.0, 10);
        let gap = Zone::new(Some(TimeZone::get("Europe/Berlin").unwrap()))
            .time(Date::new(2026, 3, 29).unwrap().at(2, 30, 0, 0))
            .unwrap();
        assert_eq!(gap.offset.unwrap().get(), 60);
    }
}
