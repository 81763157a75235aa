//! Foreign ids and offsets in the forms that records have.

use record::{ParticipantId, TextId};

/// `text` as an id. What can not be one (empty, above 512 bytes, control characters: RECORD-2)
/// is named by its hash, so that two stay two.
#[must_use]
pub fn stable_id(text: &str) -> TextId {
    TextId::new(text).unwrap_or_else(|_| hashed(text))
}

/// `scheme:value`; `None` where there is no value. A value that can not stand in an id is named
/// by its hash (RECORD-4).
#[must_use]
pub fn participant_id(scheme: &str, value: &str) -> Option<ParticipantId> {
    if value.is_empty() {
        return None;
    }
    ParticipantId::new(scheme, value)
        .or_else(|_| ParticipantId::new(scheme, hashed(value).as_str()))
        .ok()
}

/// SHA-256 of an event, in hex: its id where its network gives none, so that the same event met
/// twice is the same record.
#[must_use]
pub fn event_hash(event: &[u8]) -> String {
    canonical::hex(&canonical::sha256(event))
}

/// Start and length of a stretch given in UTF-16 units, in Unicode scalar values. A stretch that
/// leaves the text ends with it.
#[must_use]
pub fn position_in_scalars(text: &str, start: u64, length: u64) -> (u32, u32) {
    let end = start.saturating_add(length);
    let (mut units, mut before, mut within) = (0_u64, 0_u32, 0_u32);
    for character in text.chars() {
        if units < start {
            before = before.saturating_add(1);
        } else if units < end {
            within = within.saturating_add(1);
        } else {
            break;
        }
        units += if character.len_utf16() == 2 { 2 } else { 1 };
    }
    (before, within)
}

/// Degrees in units of 1e-7, as records hold them; `None` outside ±180.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    reason = "within ±1.8e9, which an i32 holds"
)]
pub fn e7(degrees: f64) -> Option<i32> {
    (degrees.abs() <= 180.0).then(|| (degrees * 1e7).round() as i32)
}

#[expect(
    clippy::expect_used,
    reason = "seven and sixty-four plain characters are an id"
)]
fn hashed(text: &str) -> TextId {
    TextId::new(format!("sha256-{}", event_hash(text.as_bytes()))).expect("plain characters")
}

#[cfg(test)]
mod tests {
    use super::*;

    // RECORD-2, RECORD-4
    #[test]
    fn ids_that_can_not_stand_are_named_by_their_hash() {
        assert_eq!(stable_id("m-1").as_str(), "m-1");
        let (long, longer) = ("x".repeat(513), "x".repeat(514));
        assert_ne!(stable_id(&long), stable_id(&longer));
        assert!(stable_id("").as_str().starts_with("sha256-"));
        assert!(participant_id("tel", "").is_none());
        let odd = participant_id("name", "a\nb").unwrap();
        assert!(odd.as_str().starts_with("name:sha256-"));
    }

    #[test]
    fn offsets_count_characters_not_units() {
        assert_eq!(position_in_scalars("👍👍 bold", 5, 4), (3, 4));
        assert_eq!(position_in_scalars("ab", 1, 100), (1, 1));
        assert_eq!(position_in_scalars("", 7, u64::MAX), (0, 0));
    }

    #[test]
    fn degrees_have_seven_places() {
        assert_eq!(e7(-122.216_438_5), Some(-1_222_164_385));
        assert_eq!(e7(200.0), None);
        assert_eq!(e7(f64::NAN), None);
    }
}
