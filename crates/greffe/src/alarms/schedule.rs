//! When people want to be left alone, and when they want their digest.

use canonical::Milliseconds;
use jiff::civil::Time;
use jiff::tz::TimeZone;

/// From one time of day to another, which may be on the next day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hours {
    pub(super) from: Time,
    pub(super) until: Time,
}

impl Hours {
    /// Whether that moment is within, in that zone.
    pub(super) fn contain(&self, now: Milliseconds, zone: &TimeZone) -> bool {
        let Some(time) = local(now, zone).map(|local| local.time()) else {
            return false;
        };
        if self.from <= self.until {
            self.from <= time && time < self.until
        } else {
            time >= self.from || time < self.until
        }
    }
}

/// The day whose digest is due, if it was not sent: `last` is the day of the last one.
pub(super) fn digest_due(
    at: Time,
    now: Milliseconds,
    zone: &TimeZone,
    last: Option<&str>,
) -> Option<String> {
    let local = local(now, zone)?;
    let today = local.date().to_string();
    (local.time() >= at && last != Some(today.as_str())).then_some(today)
}

fn local(now: Milliseconds, zone: &TimeZone) -> Option<jiff::civil::DateTime> {
    let now = jiff::Timestamp::from_millisecond(now.get()).ok()?;
    Some(zone.to_datetime(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Milliseconds {
        Milliseconds::new(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
    }

    #[test]
    fn quiet_hours_are_those_of_the_zone_and_go_over_midnight() {
        let paris = TimeZone::get("Europe/Paris").unwrap();
        let hours = Hours {
            from: "22:00".parse().unwrap(),
            until: "07:00".parse().unwrap(),
        };
        // Summer: two hours ahead of UTC; winter: one.
        assert!(!hours.contain(at("2026-07-01T19:59:59Z"), &paris));
        assert!(hours.contain(at("2026-07-01T20:00:00Z"), &paris));
        assert!(!hours.contain(at("2026-12-01T20:30:00Z"), &paris));
        assert!(hours.contain(at("2026-12-01T05:59:59Z"), &paris));
        assert!(!hours.contain(at("2026-12-01T06:00:00Z"), &paris));
        let noon = Hours {
            from: "12:00".parse().unwrap(),
            until: "13:00".parse().unwrap(),
        };
        assert!(noon.contain(at("2026-12-01T11:30:00Z"), &paris));
        assert!(!noon.contain(at("2026-12-01T12:00:00Z"), &paris));
    }

    #[test]
    fn one_digest_a_day_also_after_a_night_off() {
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        let eight = "08:00".parse().unwrap();
        assert_eq!(
            digest_due(eight, at("2026-11-23T23:59:00Z"), &zone, None),
            None
        );
        let due = digest_due(eight, at("2026-11-24T00:00:00Z"), &zone, None).unwrap();
        assert_eq!(due, "2026-11-24");
        assert_eq!(
            digest_due(eight, at("2026-11-24T10:00:00Z"), &zone, Some(&due)),
            None
        );
        let next = digest_due(eight, at("2026-11-25T03:00:00Z"), &zone, Some(&due));
        assert_eq!(next.as_deref(), Some("2026-11-25"));
    }
}
