//! What fuzzing checks of every normalizer.

use record::{
    Assurance, Milliseconds, Mode, NetworkName, ParticipantId, Record, RecordId, Source, Time,
};
use std::collections::HashSet;

use super::{Capture, Files, NormalizeError, Normalized};

/// Normalizes `event` with a fixed account and clock.
///
/// # Errors
///
/// Those of `normalize`.
///
/// # Panics
///
/// When a record does not decode to itself, when two records of the event have one id, or when
/// the event met later gives other ids (RECORD-1).
pub fn exercise(
    network: NetworkName,
    account: &str,
    event: &[u8],
    normalize: fn(&Capture<'_>, &[u8]) -> Result<Normalized, NormalizeError>,
) -> Result<Normalized, NormalizeError> {
    let id = |text: &str| super::stable_id(text);
    let source = Source {
        network,
        account: ParticipantId::parse(account)
            .map_or_else(|_| id(account), |account| account.to_text_id()),
        custodian: id("c-1"),
        connector: id("exercise/0"),
        assurance: Assurance::Device,
        mode: Mode::Live,
    };
    let files = Files::default();
    let capture = Capture {
        source: &source,
        captured: Time::utc(Milliseconds::new(1_800_000_000_000)),
        files: &files,
    };
    let normalized = normalize(&capture, event)?;
    let later = Capture {
        captured: Time::utc(Milliseconds::new(1_900_000_000_000)),
        ..capture
    };
    let again = normalize(&later, event)?;
    assert!(
        normalized
            .records
            .iter()
            .map(Record::id)
            .eq(again.records.iter().map(Record::id)),
        "the same event, other ids"
    );
    let mut seen: HashSet<RecordId> = HashSet::new();
    for record in &normalized.records {
        assert!(seen.insert(record.id()), "two records of one event, one id");
        let parts = record.parts();
        let again = Record::from_parts(parts.slices(), record.attachments().to_vec());
        assert!(
            again.is_ok_and(|again| again == *record && again.parts() == parts),
            "a record decodes to itself"
        );
    }
    Ok(normalized)
}
