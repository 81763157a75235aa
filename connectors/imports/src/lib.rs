//! Chat exports as a connector: WhatsApp's `.txt` and `.zip`, Telegram Desktop's `result.json`.
//!
//! In scope: recognizing and reading exports of any size in little memory, stable ids for what
//! has none, the files that come with an export, saying where an export is damaged.
//! Out of scope: sealing and keeping (the agent's, behind the connector protocol), exports of
//! other programs.
//!
//! Settings: `path` (a file or an unpacked export's folder), `zone` (IANA name, for WhatsApp,
//! whose exports name none), `dates` (`dmy`, `mdy`, `ymd`; otherwise decided from the whole
//! file), `me` (the owner's name in the export), `title` (of the conversation; otherwise from
//! the file's name).
//!
//! A WhatsApp conversation's id is `title:` and its title; the title is part of a record's id,
//! so the same chat under another file name is another conversation, unless `title` says so.
//!
//! Start reading at [`run`]; then `whatsapp::header`, `whatsapp::blocks`, `whatsapp::chat`.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod coverage;
mod element;
mod emit;
mod mail;
mod media;
mod open;
mod outbox;
mod recognize;
mod run;
mod salvage;
mod sniff;
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

/// Entry of the fuzz target for Telegram exports: reads any bytes without panic.
pub fn fuzz_telegram(bytes: &[u8]) {
    telegram::fuzz(bytes);
}
