//! Which signal-cli this is, and how long it will be served.

use record::Milliseconds;

const DAY_MS: i64 = 86_400_000;
/// Signal's servers refuse clients some ninety days after their release. The alarm comes before.
const OLD_DAYS: i64 = 75;
/// Older ones can not receive all sealed-sender messages from the live service.
const LEAST: Version = Version([0, 14, 5]);
/// Files of packages carry times of the eighties where a packer wanted them all alike.
const NO_TIME_BEFORE: Milliseconds = Milliseconds::new(1_500_000_000_000);

/// A release of signal-cli.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version([u32; 3]);

/// What is to be said of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fitness {
    Fit,
    /// The live service needs a later one.
    TooOld,
    /// So many days old: the service will refuse it soon, or does.
    Ages(i64),
}

impl Version {
    /// Of `0.14.5`, and of what stands before a sign behind it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut numbers = [0; 3];
        let mut parts = text.trim().split('.');
        for number in &mut numbers {
            let digits: String = parts
                .next()
                .unwrap_or("0")
                .chars()
                .take_while(char::is_ascii_digit)
                .collect();
            *number = digits.parse().ok()?;
        }
        Some(Self(numbers))
    }

    /// `released` is the latest time at which it can have been made, as its files tell; `seen` the
    /// first time at which it was used here.
    pub(crate) fn fitness(
        self,
        released: Option<Milliseconds>,
        seen: Milliseconds,
        now: Milliseconds,
    ) -> Fitness {
        if self < LEAST {
            return Fitness::TooOld;
        }
        let since = released
            .filter(|at| *at > NO_TIME_BEFORE)
            .map_or(seen, |at| at.min(seen));
        let days = (now.get() - since.get()) / DAY_MS;
        if days >= OLD_DAYS {
            Fitness::Ages(days)
        } else {
            Fitness::Fit
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_ages() {
        let day = |days: i64| Milliseconds::new(1_795_000_000_000 + days * DAY_MS);
        let version = Version::parse("0.14.6").unwrap();
        assert_eq!(version.fitness(None, day(0), day(74)), Fitness::Fit);
        assert_eq!(version.fitness(None, day(0), day(75)), Fitness::Ages(75));
        let made = Some(day(-20));
        assert_eq!(version.fitness(made, day(0), day(60)), Fitness::Ages(80));
        let packed_in_1985 = Some(Milliseconds::new(499_162_500_000));
        assert_eq!(
            version.fitness(packed_in_1985, day(0), day(1)),
            Fitness::Fit
        );
        let old = Version::parse("0.13.19").unwrap();
        assert_eq!(old.fitness(None, day(0), day(0)), Fitness::TooOld);
        assert_eq!(Version::parse("0.14.5-SNAPSHOT"), Some(LEAST));
        assert_eq!(Version::parse("unknown"), None);
    }
}
