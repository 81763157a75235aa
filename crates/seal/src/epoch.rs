//! Epochs are made ahead: a key for each retention class and period of sealing.

use canonical::Milliseconds;
use jiff::civil::Date;
use jiff::tz::Offset;
use jiff::{Timestamp, ToSpan};
use wire::{EpochUse, PublishedEpoch, RetentionClass};
use zeroize::Zeroizing;

use crate::key::{ForRecords, OpeningKey};
use crate::randomness::{Randomness, fresh};

/// A new epoch: what is published of it, and its opening key, which goes into the keyring and
/// nowhere else.
pub struct NewEpoch {
    published: PublishedEpoch,
    seed: Zeroizing<[u8; 32]>,
}

impl NewEpoch {
    /// What a `recipients` entry says of it.
    #[must_use]
    pub fn published(&self) -> &PublishedEpoch {
        &self.published
    }

    pub(crate) fn seed(&self) -> &[u8; 32] {
        &self.seed
    }
}

impl std::fmt::Debug for NewEpoch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NewEpoch({:?}, secret)", self.published.id)
    }
}

/// Makes an epoch with its own, independently random key (EPOCH-1).
///
/// Sealing to it goes from `from` until `until`; its key is kept at least until `keep_until`.
#[must_use]
pub fn make_epoch(
    class: RetentionClass,
    usage: EpochUse,
    period: Period,
    keep_until: Milliseconds,
    randomness: &mut dyn Randomness,
) -> NewEpoch {
    let seed = fresh(randomness);
    // The id depends on the public key alone, whatever the purpose.
    let key = OpeningKey::<ForRecords>::from_seed(&seed);
    NewEpoch {
        published: PublishedEpoch {
            id: key.epoch(),
            key: key.recipient().key().clone(),
            class,
            usage,
            from: period.from,
            until: period.until,
            keep_until,
        },
        seed,
    }
}

/// A period of sealing: from its first millisecond to the first after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// Its first millisecond.
    pub from: Milliseconds,
    /// The first millisecond after it.
    pub until: Milliseconds,
}

/// How long a period is. Periods are those of the calendar in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeriodLength {
    /// A month.
    Month,
    /// Three months, from January, April, July, October.
    Quarter,
    /// A year.
    Year,
}

impl PeriodLength {
    fn months(self) -> i8 {
        match self {
            Self::Month => 1,
            Self::Quarter => 3,
            Self::Year => 12,
        }
    }
}

/// A time beyond what the calendar covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the calendar does not cover {at} ms")]
pub struct CalendarError {
    at: Milliseconds,
}

/// The calendar's periods from the one that contains `at` on, so many of them.
///
/// # Errors
///
/// When one of them lies beyond the years −9999 to 9999.
pub fn periods_from(
    at: Milliseconds,
    length: PeriodLength,
    count: u16,
) -> Result<Vec<Period>, CalendarError> {
    let beyond = CalendarError { at };
    let mut start = first_day(at, length).ok_or(beyond)?;
    let mut periods = Vec::with_capacity(usize::from(count));
    for _ in 0..count {
        let next = start
            .checked_add(i64::from(length.months()).months())
            .map_err(|_| beyond)?;
        periods.push(Period {
            from: midnight(start).ok_or(beyond)?,
            until: midnight(next).ok_or(beyond)?,
        });
        start = next;
    }
    Ok(periods)
}

fn first_day(at: Milliseconds, length: PeriodLength) -> Option<Date> {
    let date = Offset::UTC
        .to_datetime(Timestamp::from_millisecond(at.get()).ok()?)
        .date();
    let months = length.months();
    let month = (date.month() - 1) / months * months + 1;
    Date::new(date.year(), month, 1).ok()
}

fn midnight(date: Date) -> Option<Milliseconds> {
    let midnight = Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok()?;
    Some(Milliseconds::new(midnight.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::randomness::seeded::Seeded;

    fn ms(text: &str) -> Milliseconds {
        Milliseconds::new(text.parse::<Timestamp>().unwrap().as_millisecond())
    }

    #[test]
    fn periods_are_those_of_the_calendar() {
        let at = ms("2027-11-24T13:00:00Z");
        let months = periods_from(at, PeriodLength::Month, 3).unwrap();
        assert_eq!(months[0].from, ms("2027-11-01T00:00:00Z"));
        assert_eq!(months[0].until, months[1].from);
        assert_eq!(months[2].from, ms("2028-01-01T00:00:00Z"));
        assert_eq!(months[2].until, ms("2028-02-01T00:00:00Z"));
        let quarters = periods_from(at, PeriodLength::Quarter, 2).unwrap();
        assert_eq!(quarters[0].from, ms("2027-10-01T00:00:00Z"));
        assert_eq!(quarters[1].until, ms("2028-04-01T00:00:00Z"));
        let years = periods_from(at, PeriodLength::Year, 1).unwrap();
        assert_eq!(years[0].from, ms("2027-01-01T00:00:00Z"));
        assert_eq!(years[0].until, ms("2028-01-01T00:00:00Z"));

        let first = periods_from(months[1].from, PeriodLength::Month, 1).unwrap();
        assert_eq!(first[0], months[1]);
        let last = periods_from(months[1].from.plus(-1), PeriodLength::Month, 1).unwrap();
        assert_eq!(last[0], months[0]);
        assert!(periods_from(Milliseconds::new(i64::MAX), PeriodLength::Year, 1).is_err());
        assert!(periods_from(ms("9999-12-01T00:00:00Z"), PeriodLength::Month, 2).is_err());
    }

    #[test]
    fn epoch_1_each_has_its_own_key() {
        let mut randomness = Seeded::new(1);
        let period = Period {
            from: Milliseconds::new(0),
            until: Milliseconds::new(10),
        };
        let mut make = || {
            make_epoch(
                RetentionClass::new(1),
                EpochUse::Period,
                period,
                Milliseconds::new(20),
                &mut randomness,
            )
        };
        let (one, two) = (make(), make());
        assert_ne!(one.published().id, two.published().id);
        assert_eq!(one.published().key.epoch_id(), one.published().id);
        assert_eq!(
            format!("{one:?}"),
            format!("NewEpoch({:?}, secret)", one.published().id)
        );
    }
}
