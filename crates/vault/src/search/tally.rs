//! Counting hits of one partition by what they belong to.

use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use record::Milliseconds;
use tantivy::columnar::ColumnValues;

use crate::partition::Columns;

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

/// Records are counted in runs of at most this many.
pub(crate) const RUN: usize = 64;

/// The counts of one partition that a search asks for.
pub(crate) struct Tally {
    days: Option<(Calendar, Counts)>,
    months: Option<(Calendar, Counts)>,
    by: Option<By>,
}

/// What was counted: days and months in order, and the rest.
pub(crate) struct Counted {
    pub(crate) days: Vec<(Date, u64)>,
    pub(crate) months: Vec<(Date, u64)>,
    pub(crate) by: Option<By>,
}

/// Counts by the numbers of the partition's dictionary, and by kind.
#[derive(Default)]
pub(crate) struct By {
    pub(crate) networks: Counts,
    pub(crate) conversations: Counts,
    pub(crate) senders: Counts,
    pub(crate) kinds: Counts,
}

impl Tally {
    pub(crate) fn new(
        range: (Milliseconds, Milliseconds),
        zone: &TimeZone,
        facets: bool,
        days: bool,
    ) -> Self {
        let with = |calendar: Calendar| {
            let counts = Counts::with(calendar.len());
            (calendar, counts)
        };
        Self {
            days: days.then(|| with(Calendar::days(range, zone))),
            months: facets.then(|| with(Calendar::months(range, zone))),
            by: facets.then(By::default),
        }
    }

    /// Whether anything but the sum is counted.
    pub(crate) fn is_wanted(&self) -> bool {
        self.days.is_some() || self.by.is_some()
    }

    /// Counts records, given with their moments; at most [`RUN`] at a time.
    pub(crate) fn count(&mut self, docs: &[u32], moments: &[i64], columns: &Columns) {
        for (calendar, counts) in self.days.iter_mut().chain(&mut self.months) {
            for at in moments {
                if let Some(place) = calendar.place(*at) {
                    counts.add(place as u64);
                }
            }
        }
        if let Some(by) = &mut self.by {
            let mut values = [0u64; RUN];
            let mut add = |column: &Arc<dyn ColumnValues<u64>>, counts: &mut Counts| {
                for value in read(column, docs, &mut values) {
                    counts.add(*value);
                }
            };
            add(&columns.network, &mut by.networks);
            add(&columns.conversation, &mut by.conversations);
            add(&columns.sender, &mut by.senders);
            add(&columns.kind, &mut by.kinds);
        }
    }

    /// Days, months and the rest, as counted.
    pub(crate) fn finish(self) -> Counted {
        let dated = |counted: Option<(Calendar, Counts)>| {
            let Some((calendar, counts)) = counted else {
                return Vec::new();
            };
            let date = |(place, count): (u64, u64)| {
                Some((calendar.date(usize::try_from(place).ok()?)?, count))
            };
            counts.counted().filter_map(date).collect()
        };
        Counted {
            days: dated(self.days),
            months: dated(self.months),
            by: self.by,
        }
    }
}

/// The values of a column for a run of records.
pub(crate) fn read<'b, T: PartialOrd + Copy + std::fmt::Debug + Send + Sync + 'static>(
    column: &Arc<dyn ColumnValues<T>>,
    docs: &[u32],
    buffer: &'b mut [T; RUN],
) -> &'b [T] {
    let length = docs.len().min(RUN);
    if let (Some(docs), Some(values)) = (docs.get(..length), buffer.get_mut(..length)) {
        column.get_vals(docs, values);
    }
    buffer.get(..length).unwrap_or_default()
}
