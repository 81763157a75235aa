//! Exports as a connector: WhatsApp's `.txt` and `.zip`, Telegram Desktop's `result.json`,
//! Element's `export.json`, Signal Desktop's messages as sigtop and signal-export write them,
//! messages as files (what other archives give), and tables with a mapping.
//!
//! In scope: recognizing and reading exports of any size in little memory, stable ids for what
//! has none, the files that come with an export, saying where an export is damaged.
//! Out of scope: sealing and keeping (the agent's, behind the connector protocol), exports of
//! other programs: with a mapping, a table of any is read.
//!
//! Settings: `path` (a file or an unpacked export's folder), `zone` (IANA name, for WhatsApp,
//! whose exports name none), `dates` (`dmy`, `mdy`, `ymd`; otherwise decided from the whole
//! file), `me` (the owner's name in the export), `title` (of the conversation; otherwise from
//! the file's name), `mapping` (a table's columns, TOML), `conversation` (its id, where the export
//! does not say it). Each format is described in `docs/imports.md`.
//!
//! A WhatsApp conversation's id is `title:` and its title; the title is part of a record's id,
//! so the same chat under another file name is another conversation, unless `title` says so.
//!
//! Start reading at [`run`]; then `whatsapp::header`, `whatsapp::blocks`, `whatsapp::chat`.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod coverage;
mod desktop;
mod element;
mod emit;
mod folders;
mod list;
mod mail;
mod media;
mod open;
mod outbox;
mod recognize;
mod run;
mod salvage;
mod signal_export;
mod sniff;
mod table;
mod telegram;
mod vcard;
pub mod whatsapp;

pub use run::run;

/// Entry of the fuzz target for WhatsApp chats: reads any bytes without panic.
pub fn fuzz_whatsapp(bytes: &[u8]) {
    whatsapp::fuzz(bytes);
}

/// Entry of the fuzz target for messages as files: reads any bytes without panic.
pub fn fuzz_mail(bytes: &[u8]) {
    mail::fuzz(bytes);
}

/// Entry of the fuzz target for Element's exports: reads any bytes without panic.
pub fn fuzz_element(bytes: &[u8]) {
    element::fuzz(bytes);
}

/// Entry of the fuzz target for tables and their mappings: reads any bytes without panic.
pub fn fuzz_table(bytes: &[u8]) {
    table::fuzz(bytes);
}

/// Entry of the fuzz target for Signal Desktop's messages: reads any bytes without panic.
pub fn fuzz_signal_desktop(bytes: &[u8]) {
    desktop::fuzz(bytes);
}

/// Entry of the fuzz target for signal-export's lines: reads any bytes without panic.
pub fn fuzz_signal_export(bytes: &[u8]) {
    signal_export::fuzz(bytes);
}

/// Entry of the fuzz target for Telegram exports: reads any bytes without panic.
pub fn fuzz_telegram(bytes: &[u8]) {
    telegram::fuzz(bytes);
}
