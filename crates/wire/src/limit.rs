//! Upper bounds of everything that crosses to the relay (LIMIT-1, ENTRY-5, ENTRY-6). Bytes unless said otherwise.

/// Largest encoded entry (ENTRY-6).
pub const ENTRY_BYTES: usize = 16_384;
/// Largest leaf: the time of admission and an entry (LEAF-1).
pub const LEAF_BYTES: usize = ENTRY_BYTES + 8;
/// Most objects that one entry lists (ENTRY-5).
pub const ENTRY_OBJECTS: usize = 320;
/// Most entries in one posted bundle (LIMIT-1).
pub const BUNDLE_ENTRIES: usize = 64;
/// Largest posted bundle: each entry is preceded by two bytes of length.
pub const BUNDLE_BYTES: usize = BUNDLE_ENTRIES * (ENTRY_BYTES + 2);
/// Largest sealed object (LIMIT-1).
pub const OBJECT_BYTES: u64 = 8 << 30;
/// Most records in one batch, audit or governance object (BATCH-1).
pub const BATCH_RECORDS: u32 = 1_024;
/// Most accounts in one heartbeat; what does not fit goes into a further heartbeat.
pub const HEARTBEAT_ACCOUNTS: usize = 256;
/// Most signatures on one entry: the signer and a threshold of 32 further keys.
pub const SIGNATURES: usize = 33;
/// Most keys of one delegation.
pub const DELEGATES: usize = 32;
/// Most log keys of one genesis.
pub const LOG_KEYS: usize = 8;
/// Most witnesses of one policy.
pub const WITNESSES: usize = 32;
/// Longest key name of a witness.
pub const WITNESS_NAME_BYTES: usize = 255;
/// Most control entries in one answer of the relay.
pub const CONTROL_ENTRIES: usize = 256;
/// Largest C2SP tlog-proof with a cosigned checkpoint.
pub const PROOF_TEXT_BYTES: usize = 65_536;
/// Largest answer that lists receipts or control entries.
pub const ANSWER_BYTES: usize = CONTROL_ENTRIES * (LEAF_BYTES + PROOF_TEXT_BYTES);
/// Longest explanation in a refusal.
pub const DETAIL_BYTES: usize = 1_024;
/// Largest problem document (RFC 9457).
pub const PROBLEM_BYTES: usize = 16_384;
/// A signed request is accepted this many milliseconds before and after its time (READ-1).
pub const REQUEST_WINDOW_MS: i64 = 5 * 60 * 1_000;
/// An upload without progress is discarded after so many milliseconds (LIMIT-1).
pub const UPLOAD_IDLE_MS: i64 = 24 * 60 * 60 * 1_000;
/// A batch may name an epoch this many milliseconds before its period begins (CONTROL-6).
pub const EPOCH_GRACE_MS: i64 = 31 * 24 * 60 * 60 * 1_000;
/// Newest admitted entries, of all signers together, whose place is kept in memory; older ones are
/// asked of the caller (CHAIN-3). About 10 MB.
pub const RECENT_ENTRIES: usize = 65_536;
/// Largest part shown in a proof file: a record's parts are at most 3 MiB together (RECORD-8).
pub const SHOWN_PART_BYTES: usize = 4 << 20;
/// Most parts of one record: four, and one for each of 4,096 attachments (RECORD-7).
pub const RECORD_PARTS: usize = 4 + 4_096;
/// Most control entries in one proof file.
pub const PROOF_CONTROL_ENTRIES: usize = 65_536;
/// Largest proof file, attachments included.
pub const PROOF_FILE_BYTES: usize = 1 << 30;
/// Largest sealed enrolment request (WAIT-2).
pub const REQUEST_BYTES: usize = 5_120;
/// Most requests in one answer of the relay (WAIT-2).
pub const REQUESTS_IN_ANSWER: usize = 256;
/// Most agents of one invitation (ENROL-8).
pub const INVITATION_AGENTS: u8 = 16;
/// Most requests under one invitation, for each agent that it may enrol (WAIT-2).
pub const REQUESTS_OF_AGENT: usize = 4;
/// An invitation ends at most so many milliseconds after it was opened (WAIT-2).
pub const INVITATION_MS: i64 = 31 * 24 * 60 * 60 * 1_000;
/// Most mail entries in one answer of the relay (MAIL-1).
pub const MAIL_ENTRIES: usize = 64;
