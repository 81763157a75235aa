//! Signal Desktop's own messages, as sigtop writes them: a list for each conversation, named by
//! it; attachments, where they were exported too, in folders of the same names.
//!
//! A message's id is its author and the time it was sent, as for a live capture. A conversation
//! of two is its other side; of a group the export has only Signal Desktop's own id
//! (`desktop:<id>`), unless the setting `conversation` says which group it is. Reactions name
//! people by such ids too: conversations of two in the same export tell whose they are.

mod files;
mod message;
mod people;

use std::fs::File;
use std::path::Path;

use connector::Incoming;
use connector::kit::{Context, KitError};
use connector::normal::{self, Capture};
use record::{
    Conversation, ConversationKind, LossWhy, MissingWhy, NetworkName, OriginalContent, Record,
    Source, TextId, Time,
};
use serde_json::Value;

use self::files::Beside;
use self::people::{Chat, Known};
use crate::emit::{Emitter, Where};
use crate::folders::{ChatFile, chat_files};
use crate::list::{Piece, alone};
use crate::media::{Copied, Files, NotCopied};
use crate::open::Export;
use crate::outbox::{Outbox, folder, resume_at};
use crate::run::Settings;
use crate::telegram::scan::{Scanner, Slice};

/// Media type of originals: the message's object, byte for byte.
const ORIGINAL: &str = "application/json";
/// Bytes of files after which records are sent on.
const FILE_BYTES: u64 = 64 << 20;

/// The walk through one conversation.
struct Walk<'k> {
    emitter: &'k Emitter,
    known: &'k Known,
    chat: Chat,
    beside: Beside,
    files: Files,
    file: &'k ChatFile,
    file_bytes: u64,
}

/// Reads an export and emits its records.
pub(crate) fn import(
    ctx: &mut Context<'_>,
    source: Source,
    export: &Export,
    settings: &Settings,
) -> Result<(), KitError> {
    let emitter = Emitter {
        captured: Time::utc(ctx.now()),
        source,
        original: ORIGINAL,
    };
    let files = chat_files(&export.content, |name| {
        name.to_ascii_lowercase().ends_with(".json")
    });
    let mut known = Known::default();
    for file in &files {
        known.learn(&file.path);
    }
    let resume = resume_at(ctx.position());
    let total = export.content.size().filter(|_| files.len() == 1);
    let mut outbox = Outbox::new(ctx, resume, total);
    let mut last = 0;
    for file in &files {
        let stem = file.path.file_stem().unwrap_or_default().to_string_lossy();
        let conversation = settings
            .conversation
            .as_deref()
            .filter(|_| files.len() == 1);
        let root = file.path.parent().unwrap_or(Path::new("."));
        let mut walk = Walk {
            chat: known.chat(&file.path, &stem, conversation),
            beside: Beside::new(root, &stem),
            files: Files::Folder(root.to_path_buf()),
            emitter: &emitter,
            known: &known,
            file,
            file_bytes: 0,
        };
        last = walk.file(&mut outbox)?;
    }
    outbox.flush(last)
}

/// Any bytes as a conversation.
pub(crate) fn fuzz(bytes: &[u8]) {
    let _ = alone(&mut Scanner::new(bytes), message_start, &mut |piece| {
        if let Piece::Element(slice) = piece {
            let _ = normal::exercise(
                NetworkName::SIGNAL,
                "aci:e4bb7140-b811-40e6-a197-0a1c203a6e01",
                slice.bytes,
                |capture, bytes| {
                    let known = Known::default();
                    let chat = known.chat(Path::new("x"), "Ben (+41790000001)", None);
                    message::normalize(capture, &chat, &known, bytes)
                },
            );
        }
        Ok(())
    });
}

/// Where a message begins: each on a line of its own.
fn message_start(bytes: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, b"\n{").map(|at| at + 1)
}

impl Walk<'_> {
    /// Reads the file to its end; gives the position behind it.
    fn file(&mut self, outbox: &mut Outbox<'_, '_>) -> Result<u64, KitError> {
        let size = std::fs::metadata(&self.file.path).map_or(1, |meta| meta.len().max(1));
        let end = self.file.base + size;
        let input = match File::open(&self.file.path) {
            Ok(input) => input,
            Err(error) => {
                self.lose(
                    LossWhy::Damaged,
                    "its beginning",
                    &error.to_string(),
                    None,
                    outbox,
                )?;
                return Ok(end);
            }
        };
        let mut input = Scanner::new(input);
        alone(&mut input, message_start, &mut |piece| {
            self.take(piece, outbox)
        })?;
        let place = input.place().to_string();
        if let Some(error) = input.take_error() {
            self.lose(LossWhy::Damaged, &place, &error.to_string(), None, outbox)?;
        }
        outbox.settle(end)?;
        Ok(end)
    }

    fn take(&mut self, piece: Piece<'_>, outbox: &mut Outbox<'_, '_>) -> Result<(), KitError> {
        match piece {
            Piece::Member(..) => Ok(()),
            Piece::Broken(slice) => {
                let end = self.file.base + slice.place.offset + slice.bytes.len() as u64;
                if outbox.is_durable(end) {
                    return Ok(());
                }
                let place = slice.place.to_string();
                self.lose(
                    LossWhy::Damaged,
                    &place,
                    "no JSON",
                    Some(slice.bytes),
                    outbox,
                )
            }
            Piece::EndsEarly(place) => {
                let detail = "the file ends before its end";
                self.lose(LossWhy::Damaged, &place.to_string(), detail, None, outbox)
            }
            Piece::Element(slice) => {
                let end = self.file.base + slice.place.offset + slice.bytes.len() as u64;
                self.message(&slice, outbox.is_durable(end), outbox)?;
                if self.file_bytes >= FILE_BYTES {
                    self.file_bytes = 0;
                    return outbox.flush(end);
                }
                outbox.settle(end)
            }
        }
    }

    fn message(
        &mut self,
        slice: &Slice<'_>,
        durable: bool,
        outbox: &mut Outbox<'_, '_>,
    ) -> Result<(), KitError> {
        let place = slice.place.to_string();
        let Ok(value) = serde_json::from_slice::<Value>(slice.bytes) else {
            return self.lose(
                LossWhy::Damaged,
                &place,
                "no JSON",
                Some(slice.bytes),
                outbox,
            );
        };
        // The names of files follow from all messages before.
        let named = self.beside.names(&value);
        if durable {
            return Ok(());
        }
        let mut fetched = normal::Files::default();
        let mut copies = Vec::new();
        let mut troubles = Vec::new();
        for (index, name) in named.into_iter().enumerate() {
            let reference = message::reference(index);
            match name {
                files::Named::Absent => {}
                files::Named::Other(detail) => {
                    fetched.never(&reference, MissingWhy::Failed, detail.as_str());
                    troubles.push((LossWhy::Other, detail));
                }
                files::Named::File(name) => {
                    let target = outbox.file_name();
                    match self.files.copy(&name, outbox.ctx.folder(), &target) {
                        Ok(mut copied) => {
                            copied.attachment.name = None;
                            fetched.insert(&reference, copied.attachment.clone());
                            copies.push(copied);
                        }
                        Err(NotCopied::Folder(error)) => return Err(folder(&error)),
                        Err(NotCopied::TooLarge) => {
                            fetched.never(&reference, MissingWhy::TooLarge, "");
                            troubles.push((LossWhy::TooLarge, format!("file {name}")));
                        }
                        Err(NotCopied::Damaged(error)) => {
                            fetched.never(&reference, MissingWhy::Failed, error.to_string());
                            troubles.push((LossWhy::Damaged, format!("file {name}: {error}")));
                        }
                        Err(NotCopied::Absent) => {}
                    }
                }
            }
        }
        let capture = Capture {
            source: &self.emitter.source,
            captured: self.emitter.captured,
            files: &fetched,
        };
        match message::normalize(&capture, &self.chat, self.known, slice.bytes) {
            Ok(normalized) => {
                for record in &normalized.records {
                    self.push(record, &mut copies, slice.bytes, outbox)?;
                }
            }
            Err(error) => {
                let detail = error.to_string();
                self.lose(LossWhy::Damaged, &place, &detail, Some(slice.bytes), outbox)?;
            }
        }
        for left in copies {
            let _ = std::fs::remove_file(outbox.ctx.folder().join(left.file));
        }
        for (why, detail) in troubles {
            self.lose(why, &place, &detail, None, outbox)?;
        }
        Ok(())
    }

    fn push(
        &mut self,
        record: &Record,
        copies: &mut Vec<Copied>,
        bytes: &[u8],
        outbox: &mut Outbox<'_, '_>,
    ) -> Result<(), KitError> {
        let mut incoming = Incoming::of(record);
        let original = match record.original().map(|original| &original.content) {
            Some(OriginalContent::Attached(index)) => Some(index.get()),
            _ => None,
        };
        for (index, attachment) in record.attachments().iter().enumerate() {
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            if original == Some(index) {
                let name = outbox.file_name();
                let path = outbox.ctx.folder().join(&name);
                std::fs::write(path, bytes).map_err(|error| folder(&error))?;
                incoming = incoming.with_file(index, name);
                continue;
            }
            let same = |copied: &Copied| copied.attachment.sha256 == attachment.sha256;
            if let Some(at) = copies.iter().position(same) {
                let copied = copies.remove(at);
                self.file_bytes += copied.attachment.size;
                incoming = incoming.with_file(index, copied.file);
            }
        }
        outbox.push(incoming);
        Ok(())
    }

    fn lose(
        &self,
        why: LossWhy,
        place: &str,
        detail: &str,
        bytes: Option<&[u8]>,
        outbox: &mut Outbox<'_, '_>,
    ) -> Result<(), KitError> {
        let at = Where {
            network: NetworkName::SIGNAL,
            conversation: TextId::new(self.chat.id.as_str())
                .unwrap_or_else(|_| self.emitter.source.account.clone()),
            about: Conversation::new(ConversationKind::Unknown).title(self.chat.title.as_str()),
        };
        let place = format!("{}, {place}", self.file.shown);
        self.emitter.lose(why, &place, detail, bytes, &at, outbox)
    }
}
