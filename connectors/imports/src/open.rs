//! Which export lies at a path.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use zip::ZipArchive;

use crate::media::{Archive, Files, MAX_ENTRIES};
use crate::recognize;
use crate::salvage::{Salvaged, salvage};
use crate::whatsapp::looks_like_chat;

/// Bytes that are looked at to recognize a format.
const HEAD: u64 = 64 << 10;

/// An export, recognized.
pub(crate) struct Export {
    pub(crate) format: Format,
    pub(crate) content: Content,
    /// File or folder name without ending, from which a title may be taken.
    pub(crate) name: String,
}

/// Formats that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    WhatsApp,
    Telegram,
    Element,
    Mail,
    Table,
    SignalDesktop,
    SignalExport,
}

/// Where the text of an export is.
pub(crate) enum Content {
    /// A file, with its media beside it in that folder.
    File { path: PathBuf, folder: PathBuf },
    /// An entry of an archive, with its media beside it.
    Entry { archive: PathBuf, index: usize },
    /// A file, or a folder with everything in it.
    Tree(PathBuf),
    /// What could be read of a damaged archive.
    Salvaged { chat: PathBuf, salvaged: Salvaged },
}

/// Why there is no export.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("reading the export")]
    Io(#[from] io::Error),
    #[error("the archive's list of contents is damaged")]
    Archive(#[source] zip::result::ZipError),
    #[error("an archive of {entries} entries")]
    TooManyEntries { entries: usize },
    #[error("no chat was found")]
    NothingFound,
}

impl Content {
    /// Opens the text from its beginning and gives it to `with`.
    pub(crate) fn read<T>(&self, with: impl FnOnce(&mut dyn Read) -> T) -> io::Result<T> {
        match self {
            Self::File { path, .. } | Self::Salvaged { chat: path, .. } | Self::Tree(path) => {
                Ok(with(&mut File::open(path)?))
            }
            Self::Entry {
                archive: path,
                index,
            } => {
                let mut archive = archive(path).map_err(io::Error::other)?;
                let mut entry = archive.by_index(*index)?;
                Ok(with(&mut entry))
            }
        }
    }

    /// The files that stand beside the text.
    pub(crate) fn files(&self) -> Files {
        match self {
            Self::File { folder, .. } | Self::Tree(folder) => Files::Folder(folder.clone()),
            Self::Salvaged { salvaged, .. } => {
                let last = |name: &String| name.rsplit('/').next().unwrap_or(name).to_owned();
                let files = salvaged.files.iter();
                Files::Salvaged(
                    files
                        .map(|(name, path)| (last(name), path.clone()))
                        .collect(),
                )
            }
            Self::Entry {
                archive: path,
                index,
            } => archive(path).map_or(Files::None, |archive| {
                Files::Archive(Box::new(Archive::new(archive, *index)))
            }),
        }
    }

    /// Places where the archive itself is damaged, and how.
    pub(crate) fn damage(&self) -> &[(String, String)] {
        match self {
            Self::Salvaged { salvaged, .. } => &salvaged.damage,
            _ => &[],
        }
    }

    /// Bytes of the text.
    pub(crate) fn size(&self) -> Option<u64> {
        match self {
            Self::File { path, .. } | Self::Salvaged { chat: path, .. } | Self::Tree(path) => {
                std::fs::metadata(path).ok().map(|meta| meta.len())
            }
            Self::Entry {
                archive: path,
                index,
            } => {
                let mut archive = archive(path).ok()?;
                archive.by_index(*index).ok().map(|entry| entry.size())
            }
        }
    }
}

/// Looks at what lies at `path`. What can be saved of a damaged archive is put into `own`, the
/// connector's folder.
pub(crate) fn open(path: &Path, own: &Path) -> Result<Export, OpenError> {
    match open_chat(path, own) {
        Err(OpenError::NothingFound) => recognize::open(path),
        other => other,
    }
}

/// Exports whose heart is one text with a name that says so.
fn open_chat(path: &Path, own: &Path) -> Result<Export, OpenError> {
    if path.is_dir() {
        return open_folder(path);
    }
    let head = head(File::open(path)?)?;
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        return match archive(path) {
            Ok(archive) => open_archive(path, archive),
            Err(OpenError::Archive(error)) => open_salvaged(path, own, error),
            Err(error) => Err(error),
        };
    }
    let format = recognize(&head).ok_or(OpenError::NothingFound)?;
    let folder = path.parent().unwrap_or(Path::new(".")).to_path_buf();
    let stem = stem(path);
    // A chat that was unpacked keeps its name in that of the folder.
    let name = if stem == "_chat" {
        self::stem(&folder)
    } else {
        stem
    };
    Ok(Export {
        format,
        content: Content::File {
            path: path.to_path_buf(),
            folder,
        },
        name,
    })
}

fn open_folder(folder: &Path) -> Result<Export, OpenError> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)?.take(MAX_ENTRIES) {
        let path = entry?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or("");
        let rank = match name {
            "result.json" | "export.json" => 0,
            "_chat.txt" => 1,
            name if name.to_ascii_lowercase().ends_with(".txt") => 2,
            _ => continue,
        };
        found.push((rank, path));
    }
    found.sort();
    for (_, path) in found {
        if let Some(format) = recognize(&head(File::open(&path)?)?) {
            let stem = stem(&path);
            let plain = is_plain(&stem);
            return Ok(Export {
                format,
                name: if plain { self::stem(folder) } else { stem },
                content: Content::File {
                    path,
                    folder: folder.to_path_buf(),
                },
            });
        }
    }
    Err(OpenError::NothingFound)
}

fn open_archive(
    path: &Path,
    mut archive: ZipArchive<BufReader<File>>,
) -> Result<Export, OpenError> {
    let names = archive.file_names().filter_map(Result::ok);
    let found = candidates(names.map(Cow::into_owned));
    for entry in found {
        let Some(index) = archive.index_for_name(&entry) else {
            continue;
        };
        let Ok(file) = archive.by_index(index) else {
            continue;
        };
        // A chat whose beginning can not be read is still the chat.
        let Some(format) = recognize(&partial_head(file)) else {
            continue;
        };
        let last = Path::new(entry.rsplit('/').next().unwrap_or(&entry));
        let inner = stem(last);
        let plain = is_plain(&inner);
        return Ok(Export {
            format,
            name: if plain { stem(path) } else { inner },
            content: Content::Entry {
                archive: path.to_path_buf(),
                index,
            },
        });
    }
    Err(OpenError::NothingFound)
}

fn open_salvaged(
    path: &Path,
    own: &Path,
    error: zip::result::ZipError,
) -> Result<Export, OpenError> {
    let salvaged = salvage(path, own)?;
    for entry in candidates(salvaged.files.keys().cloned()) {
        let Some(chat) = salvaged.files.get(&entry) else {
            continue;
        };
        let Some(format) = recognize(&head(File::open(chat)?)?) else {
            continue;
        };
        let inner = stem(Path::new(entry.rsplit('/').next().unwrap_or(&entry)));
        let plain = is_plain(&inner);
        return Ok(Export {
            format,
            name: if plain { stem(path) } else { inner },
            content: Content::Salvaged {
                chat: chat.clone(),
                salvaged,
            },
        });
    }
    let mut mails: Vec<_> = salvaged
        .files
        .iter()
        .filter(|(name, _)| crate::mail::is_mail(name))
        .collect();
    mails.sort();
    if let Some((_, first)) = mails.first() {
        return Ok(Export {
            format: Format::Mail,
            name: stem(path),
            content: Content::Salvaged {
                chat: (*first).clone(),
                salvaged,
            },
        });
    }
    Err(OpenError::Archive(error))
}

/// Names of entries that may be the chat, the likeliest first.
fn candidates(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut found: Vec<(u8, usize, String)> = names
        .filter_map(|name| {
            let last = name.rsplit('/').next().unwrap_or(&name);
            let rank = match last {
                "result.json" | "export.json" => 0,
                "_chat.txt" => 1,
                last if last.to_ascii_lowercase().ends_with(".txt") => 2,
                _ => return None,
            };
            // A text that was sent in the chat lies no higher than the chat.
            Some((rank, name.matches('/').count(), name))
        })
        .collect();
    found.sort();
    found.into_iter().map(|(_, _, name)| name).collect()
}

/// An archive's list of contents.
pub(crate) fn archive(path: &Path) -> Result<ZipArchive<BufReader<File>>, OpenError> {
    let archive = ZipArchive::new(BufReader::new(File::open(path)?)).map_err(OpenError::Archive)?;
    let entries = archive.len();
    if entries > MAX_ENTRIES {
        return Err(OpenError::TooManyEntries { entries });
    }
    Ok(archive)
}

/// Whether a name says nothing of the chat: the folder's or archive's does.
fn is_plain(stem: &str) -> bool {
    matches!(stem, "_chat" | "result" | "export")
}

fn recognize(head: &[u8]) -> Option<Format> {
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let first = text.iter().find(|byte| !byte.is_ascii_whitespace());
    match first {
        Some(b'{') => return recognize::object(text).or(Some(Format::Telegram)),
        Some(b'[') if recognize::is_signal_desktop(text) => return Some(Format::SignalDesktop),
        _ => {}
    }
    looks_like_chat(head).then_some(Format::WhatsApp)
}

pub(crate) fn head(file: impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    file.take(HEAD).read_to_end(&mut head)?;
    Ok(head)
}

fn partial_head(file: impl Read) -> Vec<u8> {
    let mut head = Vec::new();
    // What was read before an error stays.
    let _ = file.take(HEAD).read_to_end(&mut head);
    head
}

pub(crate) fn stem(path: &Path) -> String {
    let absolute = std::path::absolute(path);
    let path = absolute.as_deref().unwrap_or(path);
    path.file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default()
}
