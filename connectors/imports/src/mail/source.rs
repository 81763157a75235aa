//! Where messages come from: a file, a mailbox of many, a folder, an archive. One message at a
//! time is in memory, byte for byte as it stands there.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use connector::kit::KitError;

use crate::media::{MAX_ENTRIES, most_inflated};
use crate::open::{Content, archive};

/// The longest message that is taken apart.
pub(crate) const MAX_MESSAGE: usize = 128 << 20;
/// How deep folders are gone through.
const MAX_FOLDERS: usize = 16;
/// Positions in a source are the file's number above so many bits, and the place in it below.
const PLACE_BITS: u32 = 40;

/// What was found at a place.
pub(crate) enum Item<'a> {
    /// A message, whole.
    Message(&'a [u8]),
    /// The beginning of one that is above the limit.
    TooLarge(&'a [u8]),
    /// A message or file that can not be read to its end, with what was read of it.
    Unreadable(&'a [u8], String),
    /// A file of another kind.
    Other,
}

/// A place in the source, and what was found there.
pub(crate) struct Found<'a> {
    pub(crate) item: Item<'a>,
    /// For people.
    pub(crate) place: &'a str,
    /// Position behind it.
    pub(crate) end: u64,
}

type Visit<'v> = &'v mut dyn FnMut(Found<'_>) -> Result<(), KitError>;

/// Gives every message of the source to `visit`, always in the same order. The outer error is
/// the connector's, the inner one that of listing the source.
pub(crate) fn each(content: &Content, visit: Visit<'_>) -> Result<Result<(), io::Error>, KitError> {
    match content {
        Content::Tree(root) if root.is_dir() => {
            let mut files = Vec::new();
            if let Err(error) = list(root, 0, &mut files) {
                return Ok(Err(error));
            }
            files.sort();
            for (number, path) in files.iter().enumerate() {
                let name = path.strip_prefix(root).unwrap_or(path).to_string_lossy();
                file(path, &name, number as u64, visit)?;
            }
        }
        Content::Tree(path) | Content::File { path, .. } => {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            file(path, &name, 0, visit)?;
        }
        Content::Entry { archive: path, .. } => return entries(path, visit),
        Content::Salvaged { salvaged, .. } => {
            let mut files: Vec<_> = salvaged.files.iter().collect();
            files.sort();
            for (number, (name, path)) in files.into_iter().enumerate() {
                file(path, name, number as u64, visit)?;
            }
        }
    }
    Ok(Ok(()))
}

/// What the numbers of [`Found::end`] go up to, where that is known.
pub(crate) fn total(content: &Content) -> Option<u64> {
    match content {
        Content::Tree(root) if root.is_dir() => None,
        Content::Tree(path) | Content::File { path, .. } => {
            fs::metadata(path).ok().map(|meta| meta.len())
        }
        Content::Entry { archive: path, .. } => {
            let entries = archive(path).ok()?.len() as u64;
            Some(entries << PLACE_BITS)
        }
        Content::Salvaged { salvaged, .. } => Some((salvaged.files.len() as u64) << PLACE_BITS),
    }
}

/// Whether a file of that name is read here.
pub(crate) fn is_mail(name: &str) -> bool {
    kind(name).is_some()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    One,
    Many,
}

fn kind(name: &str) -> Option<Kind> {
    let name = name.rsplit('/').next().unwrap_or(name).to_ascii_lowercase();
    match name.rsplit_once('.')?.1 {
        "eml" => Some(Kind::One),
        "mbox" | "mbx" => Some(Kind::Many),
        _ => None,
    }
}

fn list(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if depth > MAX_FOLDERS {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        // A link could lead out of the export.
        if kind.is_dir() {
            list(&entry.path(), depth + 1, files)?;
        } else if kind.is_file() {
            if files.len() >= MAX_ENTRIES {
                return Err(io::Error::other("more files than an export may have"));
            }
            files.push(entry.path());
        }
    }
    Ok(())
}

fn file(path: &Path, name: &str, number: u64, visit: Visit<'_>) -> Result<(), KitError> {
    let base = number << PLACE_BITS;
    match File::open(path) {
        Ok(file) => {
            let size = file.metadata().map_or(u64::MAX, |meta| meta.len());
            read(BufReader::new(file), size, name, base, visit)
        }
        Err(error) => visit(Found {
            item: Item::Unreadable(&[], error.to_string()),
            place: name,
            end: base + 1,
        }),
    }
}

fn entries(path: &Path, visit: Visit<'_>) -> Result<Result<(), io::Error>, KitError> {
    let mut archive = match archive(path) {
        Ok(archive) => archive,
        Err(error) => return Ok(Err(io::Error::other(error.to_string()))),
    };
    for index in 0..archive.len() {
        let base = (index as u64) << PLACE_BITS;
        let entry = match archive.by_index(index) {
            Ok(entry) => entry,
            Err(error) => {
                visit(Found {
                    item: Item::Unreadable(&[], error.to_string()),
                    place: &format!("file {index} of the archive"),
                    end: base + 1,
                })?;
                continue;
            }
        };
        if entry.is_dir() {
            continue;
        }
        let name: String = entry
            .name()
            .map_or_else(|_| String::new(), |name| name.into_owned());
        let most = most_inflated(entry.compressed_size());
        let size = entry.size();
        read(BufReader::new(entry.take(most)), size, &name, base, visit)?;
    }
    Ok(Ok(()))
}

/// One file, whatever it is.
fn read(
    mut input: impl BufRead,
    size: u64,
    name: &str,
    base: u64,
    visit: Visit<'_>,
) -> Result<(), KitError> {
    let kind = kind(name);
    let begins = input.fill_buf().map(|head| head.starts_with(b"From "));
    match (kind, begins) {
        (Some(Kind::Many), _) | (_, Ok(true)) => mailbox(input, name, base, visit),
        (None, _) if !looks_like_mail(input.fill_buf().unwrap_or_default()) => visit(Found {
            item: Item::Other,
            place: name,
            end: base + size.clamp(1, (1 << PLACE_BITS) - 1),
        }),
        _ => {
            let mut bytes = Vec::new();
            let outcome = input
                .by_ref()
                .take(MAX_MESSAGE as u64 + 1)
                .read_to_end(&mut bytes);
            let item = match outcome {
                Err(error) => Item::Unreadable(&bytes, error.to_string()),
                Ok(_) if bytes.len() > MAX_MESSAGE => Item::TooLarge(&bytes),
                Ok(_) if (bytes.len() as u64) < size && size != u64::MAX => {
                    Item::Unreadable(&bytes, "it is shorter than the archive says".to_owned())
                }
                Ok(_) => Item::Message(&bytes),
            };
            visit(Found {
                item,
                place: name,
                end: base + size.clamp(1, (1 << PLACE_BITS) - 1),
            })
        }
    }
}

/// Messages one behind the other, each after a line `From …` that follows an empty one.
fn mailbox(
    mut input: impl BufRead,
    name: &str,
    base: u64,
    visit: Visit<'_>,
) -> Result<(), KitError> {
    let mut message = Vec::new();
    let mut line = Vec::new();
    let (mut at, mut start, mut number) = (0_u64, 0_u64, 0_u64);
    let (mut empty, mut whole, mut over) = (true, true, false);
    loop {
        line.clear();
        let outcome = input.by_ref().take(1 << 20).read_until(b'\n', &mut line);
        let failed = outcome.as_ref().err().map(ToString::to_string);
        let ended = line.is_empty();
        let border = whole && empty && line.starts_with(b"From ");
        if (ended || border || failed.is_some()) && !message.is_empty() {
            number += 1;
            let place = format!("{name}, message {number}, byte {start}");
            let item = match &failed {
                Some(error) => Item::Unreadable(&message, error.clone()),
                None if over => Item::TooLarge(&message),
                None => Item::Message(&message),
            };
            visit(Found {
                item,
                place: &place,
                end: base + at.max(1),
            })?;
            message.clear();
            over = false;
            start = at;
        } else if let Some(error) = failed.clone() {
            visit(Found {
                item: Item::Unreadable(&[], error),
                place: name,
                end: base + at.max(1),
            })?;
        }
        if ended || failed.is_some() {
            return Ok(());
        }
        at += line.len() as u64;
        empty = whole && matches!(line.as_slice(), b"\n" | b"\r\n");
        whole = line.ends_with(b"\n");
        if message.len() + line.len() > MAX_MESSAGE {
            over = true;
        } else {
            message.extend_from_slice(&line);
        }
    }
}

/// Whether a text begins with the fields of a message.
pub(crate) fn looks_like_mail(head: &[u8]) -> bool {
    const KNOWN: [&str; 12] = [
        "from",
        "to",
        "date",
        "subject",
        "message-id",
        "mime-version",
        "received",
        "return-path",
        "content-type",
        "sender",
        "cc",
        "delivered-to",
    ];
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let mut lines = text.split(|byte| *byte == b'\n').take(200).peekable();
    if text.starts_with(b"From ") {
        lines.next();
    }
    let (mut found, mut number) = (0, 0);
    while let Some(line) = lines.next() {
        number += 1;
        // The last line of what was read may be cut.
        if lines.peek().is_none() {
            break;
        }
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            break;
        }
        if matches!(line.first(), Some(b' ' | b'\t')) && number > 1 {
            continue;
        }
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            return false;
        };
        let name = line.get(..colon).unwrap_or_default();
        if name.is_empty() || !name.iter().all(|byte| byte.is_ascii_graphic()) {
            return false;
        }
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        found += usize::from(KNOWN.contains(&name.as_str()));
    }
    found >= 2
}

/// A message of a mailbox: the line before it, and its text without the marks that mailboxes put
/// before lines that begin like theirs.
pub(crate) fn unmarked(piece: &[u8]) -> (Option<&[u8]>, Option<Vec<u8>>) {
    if !piece.starts_with(b"From ") {
        return (None, None);
    }
    let end = memchr::memchr(b'\n', piece).map_or(piece.len(), |at| at + 1);
    let (line, rest) = piece.split_at(end);
    let marked = |line: &[u8]| {
        let behind = line.iter().position(|byte| *byte != b'>').unwrap_or(0);
        behind > 0
            && line
                .get(behind..)
                .is_some_and(|rest| rest.starts_with(b"From "))
    };
    let mut text = Vec::with_capacity(rest.len());
    for line in rest.split_inclusive(|byte| *byte == b'\n') {
        let from = usize::from(marked(line));
        text.extend_from_slice(line.get(from..).unwrap_or_default());
    }
    (Some(line.trim_ascii_end()), Some(text))
}
