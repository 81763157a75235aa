//! Counting hits of one partition by what they belong to.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use record::Milliseconds;

/// Ascending moments at which days or months begin, over the dates of one partition.
pub(crate) struct Calendar {
    begins: Vec<i64>,
    dates: Vec<Date>,
}

impl Calendar {
    pub(crate) fn days(range: (Milliseconds, Milliseconds), zone: &TimeZone) -> Self {
        Self::new(
            range,
            zone,
            |date| date,
            |date| date.checked_add(1.day()).ok(),
        )
    }

    pub(crate) fn months(range: (Milliseconds, Milliseconds), zone: &TimeZone) -> Self {
        Self::new(
            range,
            zone,
            |date| date.first_of_month(),
            |date| date.checked_add(1.month()).ok(),
        )
    }

    fn new(
        (earliest, latest): (Milliseconds, Milliseconds),
        zone: &TimeZone,
        first: impl Fn(Date) -> Date,
        next: impl Fn(Date) -> Option<Date>,
    ) -> Self {
        let mut calendar = Self {
            begins: Vec::new(),
            dates: Vec::new(),
        };
        let start = Timestamp::from_millisecond(earliest.get()).unwrap_or(Timestamp::UNIX_EPOCH);
        let mut date = Some(first(zone.to_datetime(start).date()));
        // Dates that a clock without sense gives, thousands of years apart, end the list early.
        while let Some(now) = date.filter(|_| calendar.begins.len() < MOST) {
            let Ok(begin) = now.to_zoned_datetime(zone.clone()) else {
                break;
            };
            let begin = begin.timestamp().as_millisecond();
            if begin > latest.get() {
                break;
            }
            calendar.begins.push(begin);
            calendar.dates.push(now);
            date = next(now);
        }
        calendar
    }

    /// The number of the day or month that a moment lies in.
    pub(crate) fn place(&self, at: i64) -> Option<usize> {
        self.begins
            .partition_point(|begin| *begin <= at)
            .checked_sub(1)
    }

    pub(crate) fn len(&self) -> usize {
        self.dates.len()
    }

    pub(crate) fn date(&self, place: usize) -> Option<Date> {
        self.dates.get(place).copied()
    }
}

/// Days that a calendar has at most: some 270 years.
const MOST: usize = 100_000;

/// Counts by small numbers.
#[derive(Default)]
pub(crate) struct Counts(Vec<u64>);

impl Counts {
    pub(crate) fn with(places: usize) -> Self {
        Self(vec![0; places])
    }

    pub(crate) fn add(&mut self, number: u64) {
        let at = usize::try_from(number).unwrap_or(usize::MAX);
        if let Some(count) = self.0.get_mut(at) {
            *count += 1;
        } else if at < LARGEST {
            self.0.resize(at + 1, 0);
            if let Some(count) = self.0.get_mut(at) {
                *count += 1;
            }
        }
    }

    /// What was counted, with its number.
    pub(crate) fn counted(&self) -> impl Iterator<Item = (u64, u64)> {
        self.0
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 0)
            .map(|(number, count)| (number as u64, *count))
    }
}

/// Numbers of a partition's dictionary stay far below this.
const LARGEST: usize = 1 << 26;
