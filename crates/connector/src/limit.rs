//! Upper bounds of the protocol. Bytes unless said otherwise.

/// Largest frame, without its length (CONN-6).
pub const FRAME_BYTES: usize = 8 << 20;
/// Most records in one event.
pub const EVENT_RECORDS: usize = 1_024;
/// Largest position.
pub const POSITION_BYTES: usize = 4_096;
/// Fewest parts of a record: envelope, participants, body, original.
pub const MIN_PARTS: usize = 4;
/// Most parts of a record: the four, and one for each of 4,096 attachments (RECORD-7).
pub const MAX_PARTS: usize = MIN_PARTS + 4_096;
/// Longest file name in the connector's folder.
pub const FILE_NAME_BYTES: usize = 255;
/// Longest other text: a setting, a detail, a fact.
pub const TEXT_BYTES: usize = 64 << 10;
/// Most fields in one list.
pub const FIELDS: usize = 256;
/// Most texts of one notice.
pub const NOTICE_TEXTS: usize = 32;
/// Longest text of a notice.
pub const NOTICE_BYTES: usize = 2_000;
/// Longest name of a language.
pub const LANGUAGE_BYTES: usize = 35;
/// Most rows of a coverage.
pub const COVERAGE_ROWS: usize = 256;
/// Most events that wait for `durable` (CONN-3).
pub const IN_FLIGHT: u64 = 64;
/// Milliseconds within which `hello` is owed (CONN-6).
pub const HELLO_MS: i64 = 60_000;
/// Milliseconds that a connector has after `stop` (CONN-5).
pub const STOP_MS: i64 = 5_000;
/// Longest line of standard error that is kept.
pub const EVIDENCE_LINE_BYTES: usize = 4_096;
