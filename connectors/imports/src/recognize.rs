//! Exports that their first bytes or the names in a folder show.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::mail;
use crate::open::{Content, Export, Format, OpenError, archive, head, stem};

/// Names of a folder that are looked at, and how deep.
const MAX_NAMES: usize = 20_000;
const MAX_DEPTH: usize = 8;

/// What lies at `path`, where it is no chat of one text.
pub(crate) fn open(path: &Path) -> Result<Export, OpenError> {
    let found = |format, content| {
        Ok(Export {
            format,
            content,
            name: stem(path),
        })
    };
    if path.is_dir() {
        let mut names = Vec::new();
        list(path, 0, &mut names);
        names.sort();
        let format = names.iter().find_map(|path| by_name(path));
        return match format {
            Some(format) => found(format, Content::Tree(path.to_path_buf())),
            None => Err(OpenError::NothingFound),
        };
    }
    let first = head(File::open(path)?)?;
    if first.starts_with(b"PK\x03\x04") {
        let names = archive(path)?;
        let index = names
            .file_names()
            .position(|name| name.is_ok_and(|name| mail::is_mail(&name)));
        return match index {
            Some(index) => found(
                Format::Mail,
                Content::Entry {
                    archive: path.to_path_buf(),
                    index,
                },
            ),
            None => Err(OpenError::NothingFound),
        };
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if mail::is_mail(&name) || mail::looks_like_mail(&first) {
        return found(Format::Mail, Content::Tree(path.to_path_buf()));
    }
    Err(OpenError::NothingFound)
}

/// The format of a file in a folder, where its name and beginning show one.
fn by_name(path: &Path) -> Option<Format> {
    let name = path.file_name()?.to_str()?;
    if mail::is_mail(name) {
        return Some(Format::Mail);
    }
    if !name.to_ascii_lowercase().ends_with(".json") {
        return None;
    }
    let text = head(File::open(path).ok()?).ok()?;
    if is_signal_desktop(&text) {
        return Some(Format::SignalDesktop);
    }
    (name == "data.json" && is_signal_export(&text)).then_some(Format::SignalExport)
}

fn list(folder: &Path, depth: usize, names: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        if names.len() >= MAX_NAMES {
            return;
        }
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth < MAX_DEPTH => {
                list(&entry.path(), depth + 1, names);
            }
            Ok(kind) if kind.is_file() => names.push(entry.path()),
            _ => {}
        }
    }
}

/// The format of a text that begins with an object.
pub(crate) fn object(text: &[u8]) -> Option<Format> {
    let has = |name: &str| memchr::memmem::find(text, format!("\"{name}\"").as_bytes()).is_some();
    if has("room_name") && (has("room_creator") || has("exported_by") || has("export_date")) {
        return Some(Format::Element);
    }
    is_signal_export(text).then_some(Format::SignalExport)
}

/// Whether a text is a list of Signal Desktop's messages.
pub(crate) fn is_signal_desktop(text: &[u8]) -> bool {
    let has = |name: &str| memchr::memmem::find(text, format!("\"{name}\"").as_bytes()).is_some();
    let first = text.iter().position(|byte| !byte.is_ascii_whitespace());
    first.is_some_and(|at| text.get(at) == Some(&b'['))
        && has("conversationId")
        && (has("sent_at") || has("received_at"))
}

/// Whether a text has one object a line, with what signal-export writes into each.
fn is_signal_export(text: &[u8]) -> bool {
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let has = |name: &str| memchr::memmem::find(line, format!("\"{name}\":").as_bytes()).is_some();
    has("date") && has("sender") && has("body") && has("quote") && has("reactions")
}
