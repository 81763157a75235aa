//! Every parser of foreign bytes, as a function that takes any bytes.
//!
//! In scope: reading without panic and within limits; that what was read is written again byte
//! for byte. Out of scope: whether what was read may stand (the crates' own tests).
//!
//! [`TARGETS`] is the table. `tests/replay.rs` runs each target over its corpus under `corpus/`
//! and over seeded mutations of it, on stable; `fuzz_targets/` holds the libFuzzer wrappers,
//! which are no part of the workspace:
//!
//! ```text
//! cargo +nightly fuzz run --fuzz-dir fuzz/fuzz_targets entry fuzz/corpus/entry
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod agents;
mod edges;
mod logs;
mod records;
mod sealed;
mod wires;

pub use agents::{
    agent_toml, enrolment_request, office_act, plan, plan_proposal, sealed_file, status_json,
};
pub use edges::{
    connector_down, connector_json, connector_up, element_export, mail_file, matrix_event, query,
    room, signal_desktop_export, signal_event, signal_export_lines, table, telegram_answer,
    telegram_event, telegram_export, wechat_event, whatsapp_door, whatsapp_event, whatsapp_export,
};
pub use logs::{
    add_checkpoint, add_checkpoint_answer, bundle, bundle_path, checkpoint, cosignature, decimal,
    log_proof, note, tile_path, vkey,
};
pub use records::{canonical_bytes, record_ids, record_parts};
pub use sealed::{
    audit_event, invitation, keyring, mail, sealed_acts, sealed_attachment, sealed_batch,
    sealed_mail, share, share_answer, share_qr, share_request, share_words, signing_key, stream,
};
pub use wires::{
    control_page, entry, genesis, invitation_answer, leaf, logged_leaf, mail_page, post_answer,
    post_body, problem, proof_file, receipt, request_header, route, signer_answer,
    waiting_requests,
};

/// One target: name of its corpus, function, and how many mutations of each corpus file the
/// replay tries (fewer where one run costs much).
#[derive(Clone, Copy)]
pub struct Target {
    /// Name of the function and of its folder under `corpus/`.
    pub name: &'static str,
    /// Reads the bytes; returns, whatever they are.
    pub run: fn(&[u8]),
    /// Mutations of each corpus file in a replay.
    pub mutations: u32,
}

macro_rules! targets {
    ($($name:ident $mutations:literal,)*) => {
        /// All targets.
        pub const TARGETS: &[Target] = &[$(Target {
            name: stringify!($name),
            run: $name,
            mutations: $mutations,
        },)*];
    };
}

targets! {
    canonical_bytes 40,
    record_parts 40,
    record_ids 40,
    tile_path 40,
    bundle_path 40,
    bundle 40,
    decimal 20,
    vkey 20,
    note 40,
    checkpoint 40,
    cosignature 20,
    log_proof 40,
    add_checkpoint 40,
    add_checkpoint_answer 40,
    entry 40,
    leaf 40,
    genesis 40,
    post_body 40,
    post_answer 40,
    logged_leaf 40,
    control_page 40,
    mail_page 40,
    invitation_answer 40,
    waiting_requests 40,
    signer_answer 40,
    problem 40,
    request_header 40,
    route 40,
    receipt 40,
    proof_file 20,
    sealed_batch 4,
    sealed_acts 4,
    sealed_mail 4,
    sealed_attachment 40,
    audit_event 40,
    mail 40,
    stream 20,
    keyring 20,
    signing_key 40,
    share 40,
    share_words 40,
    invitation 40,
    share_request 40,
    share_answer 40,
    share_qr 40,
    enrolment_request 10,
    plan 40,
    plan_proposal 10,
    office_act 40,
    sealed_file 2,
    agent_toml 40,
    status_json 40,
    connector_up 40,
    connector_down 40,
    connector_json 40,
    room 40,
    query 40,
    whatsapp_export 20,
    telegram_export 20,
    mail_file 20,
    element_export 20,
    signal_desktop_export 20,
    signal_export_lines 20,
    table 20,
    signal_event 20,
    whatsapp_event 20,
    telegram_event 20,
    whatsapp_door 20,
    telegram_answer 20,
    wechat_event 20,
    matrix_event 20,
}

/// What was read, written again, is what was read.
#[track_caller]
pub(crate) fn same(written: &[u8], read: &[u8]) {
    assert!(
        written == read,
        "read    {}\nwritten {}",
        read.escape_ascii(),
        written.escape_ascii()
    );
}
