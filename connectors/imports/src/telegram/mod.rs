//! Telegram Desktop's machine-readable export: one chat, or all of an account.
//!
//! [`scan`] finds the messages in a file of any size, [`message`] and [`service`] say what each
//! is. Of the other sections of an account's export, contacts, sessions and personal information
//! become account records, stories become messages; the sentences `about` are Telegram's own
//! explanations and are left out.
//!
//! A conversation's id is the network's (`user:1`, `chat:1`, `channel:1`), a message's source id
//! its number. A message that was edited gives an edit record as well, so that a later export
//! adds the new text to an archive that has the former. Members of groups are named in exports
//! without ids; rosters name them by their names, from a group's creation on.

mod message;
mod people;
pub(crate) mod scan;
mod service;
mod text;
mod walk;

use std::io::Read;

use connector::kit::{Context, KitError};
use record::{LossWhy, Source, Time};

use crate::open::Export;
use crate::outbox::{Outbox, resume_at};
use crate::run::Settings;
use crate::whatsapp::{SourceIds, Zone};

/// Reads an export and emits its records.
pub(crate) fn import(
    ctx: &mut Context<'_>,
    source: Source,
    export: &Export,
    settings: Settings,
) -> Result<(), KitError> {
    let captured = Time::utc(ctx.now());
    let total = export.content.size();
    let resume = resume_at(ctx.position());
    let mut outbox = Outbox::new(ctx, resume, total);
    let mut import = walk::Walk::new(walk::Setting {
        me: settings.me.clone(),
        title: export.title(&settings),
        zone: Zone::new(settings.zone),
        files: export.content.files(),
        ids: SourceIds::new(),
        source,
        captured,
    });
    let read = export
        .content
        .read(|input| import.document(scan::Scanner::new(input), &mut outbox));
    match read {
        Ok(outcome) => outcome?,
        Err(error) => {
            let (place, detail) = ("the export".to_owned(), error.to_string());
            import.lose(LossWhy::Damaged, place, &detail, None, &mut outbox)?;
        }
    }
    for (place, detail) in export.content.damage() {
        import.lose(LossWhy::Damaged, place.clone(), detail, None, &mut outbox)?;
    }
    outbox.flush(total.unwrap_or(u64::MAX))
}

/// Reads any bytes as an export's list of messages.
pub(crate) fn fuzz(bytes: &[u8]) {
    let mut scanner = scan::Scanner::new(bytes);
    let mut budget = bytes.len() + 1;
    while budget > 0 && scanner.peek().is_some() {
        budget -= 1;
        if let Ok(slice) = scanner.value() {
            if let Ok(value) = serde_json::from_slice(slice.bytes) {
                let fields = connector::Fields::new(&value);
                let _ = message::read(&fields, &mut |_| None);
            }
        } else {
            scanner.skip_broken(&mut |_| {});
        }
    }
}

/// A reader of any kind, as the walk takes it.
type Input<'i> = scan::Scanner<&'i mut dyn Read>;
