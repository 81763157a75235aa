//! The files of an export: beside the chat in a folder, or inside its archive. Names that come
//! from an export are single names that are looked for; they are never used as paths.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};
use record::{Attachment, FileHash};
use zip::ZipArchive;

use crate::sniff;

/// Most entries of an archive.
pub(crate) const MAX_ENTRIES: usize = 200_000;
/// The largest file in bytes: what WhatsApp and Telegram allow, and some.
pub(crate) const MAX_FILE: u64 = 8 << 30;
/// What an entry may inflate to, against its size in the archive, where it is not small.
const MAX_RATIO: u64 = 200;
const SMALL: u64 = 16 << 20;

/// Where an export's files are.
pub(crate) enum Files {
    /// In a folder, with everything below it.
    Folder(PathBuf),
    /// In an archive.
    Archive(Box<Archive>),
    /// Salvaged from an archive: by their last names.
    Salvaged(HashMap<String, PathBuf>),
    /// Nowhere.
    None,
}

/// An archive and where its files are, by their last names.
pub(crate) struct Archive {
    archive: ZipArchive<BufReader<File>>,
    /// The folder within the archive that the chat stands in, with its slash.
    folder: String,
    last_names: HashMap<String, usize>,
}

/// A file of the export, copied to the connector's folder.
pub(crate) struct Copied {
    /// What is known of it.
    pub(crate) attachment: Attachment,
    /// Its name in the connector's folder.
    pub(crate) file: String,
}

/// Why a file of the export was not copied.
#[derive(Debug)]
pub(crate) enum NotCopied {
    /// It is not there.
    Absent,
    /// It is there and can not be read as a whole.
    Damaged(io::Error),
    /// It is larger than a limit, or inflates to more than it may.
    TooLarge,
    /// The connector's own folder can not be written.
    Folder(io::Error),
}

impl Files {
    /// Copies the file of that name into `folder` as `target`, in pieces.
    pub(crate) fn copy(
        &mut self,
        name: &str,
        folder: &Path,
        target: &str,
    ) -> Result<Copied, NotCopied> {
        match self {
            Self::None => Err(NotCopied::Absent),
            Self::Folder(root) => {
                let path = inside(root, name).ok_or(NotCopied::Absent)?;
                let plain = fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_file());
                if !plain {
                    return Err(NotCopied::Absent);
                }
                let file = File::open(&path).map_err(NotCopied::Damaged)?;
                copy(file, MAX_FILE, folder, target)
            }
            Self::Salvaged(files) => {
                let last = name.rsplit('/').next().unwrap_or(name);
                let path = files.get(last).ok_or(NotCopied::Absent)?;
                let file = File::open(path).map_err(NotCopied::Damaged)?;
                copy(file, MAX_FILE, folder, target)
            }
            Self::Archive(archive) => {
                let index = archive.entry(name).ok_or(NotCopied::Absent)?;
                let file = archive
                    .archive
                    .by_index(index)
                    .map_err(|error| NotCopied::Damaged(error.into()))?;
                let most = most_inflated(file.compressed_size());
                copy(file, most, folder, target)
            }
        }
        .map(|mut copied| {
            let last = name.rsplit('/').next().unwrap_or(name);
            if last.len() <= record::MAX_NAME {
                copied.attachment.name = Some(last.to_owned());
            }
            copied
        })
    }
}

/// What an entry of an archive may inflate to.
pub(crate) fn most_inflated(compressed: u64) -> u64 {
    compressed.saturating_mul(MAX_RATIO).clamp(SMALL, MAX_FILE)
}

/// A file below `root` by a name with forward slashes; none with other parts than plain names.
fn inside(root: &Path, name: &str) -> Option<PathBuf> {
    let mut path = root.to_path_buf();
    for part in name.split('/') {
        let plain = !part.is_empty()
            && part.len() <= 255
            && part != "."
            && part != ".."
            && !part.contains(['\\', '\0', ':']);
        if !plain {
            return None;
        }
        path.push(part);
        // Not even a folder may be a link out of the export.
        if fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_symlink()) {
            return None;
        }
    }
    Some(path)
}

impl Archive {
    /// Indexes an archive's list of contents; the chat is the entry of that index.
    pub(crate) fn new(archive: ZipArchive<BufReader<File>>, chat: usize) -> Self {
        let folder = archive.name_for_index(chat).and_then(Result::ok);
        let folder = folder.as_deref().and_then(|name| name.rsplit_once('/'));
        let folder = folder
            .map(|(folder, _)| format!("{folder}/"))
            .unwrap_or_default();
        let mut last_names = HashMap::new();
        for (index, name) in archive.file_names().enumerate() {
            let Ok(name) = name else { continue };
            let last = name.rsplit('/').next().unwrap_or(&name);
            last_names.entry(last.to_owned()).or_insert(index);
        }
        Self {
            archive,
            folder,
            last_names,
        }
    }

    fn entry(&self, name: &str) -> Option<usize> {
        let exact = self
            .archive
            .index_for_name(&format!("{}{name}", self.folder));
        exact.or_else(|| self.last_names.get(name).copied())
    }
}

/// Copies, hashes and looks at a file in one pass. Nothing is left behind where it fails.
pub(crate) fn copy(
    mut source: impl Read,
    most: u64,
    folder: &Path,
    target: &str,
) -> Result<Copied, NotCopied> {
    let path = folder.join(target);
    let outcome = copy_to(&mut source, most, &path);
    match outcome {
        Ok(attachment) => Ok(Copied {
            attachment,
            file: target.to_owned(),
        }),
        Err(error) => {
            // Absent already, or the agent clears the folder later.
            let _ = fs::remove_file(&path);
            Err(error)
        }
    }
}

fn copy_to(source: &mut impl Read, most: u64, path: &Path) -> Result<Attachment, NotCopied> {
    let mut target = File::create(path).map_err(NotCopied::Folder)?;
    let mut hash = Context::new(&SHA256);
    let mut head = Vec::new();
    let mut piece = vec![0; 64 << 10];
    let mut size = 0_u64;
    loop {
        let read = match source.read(&mut piece) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other.map_err(NotCopied::Damaged)?,
        };
        let bytes = piece.get(..read).unwrap_or_default();
        if bytes.is_empty() {
            break;
        }
        if head.len() < sniff::SNIFFED {
            let wanted = sniff::SNIFFED - head.len();
            head.extend_from_slice(bytes.get(..wanted.min(read)).unwrap_or_default());
        }
        size += read as u64;
        if size > most {
            return Err(NotCopied::TooLarge);
        }
        hash.update(bytes);
        target.write_all(bytes).map_err(NotCopied::Folder)?;
    }
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(hash.finish().as_ref());
    let mut attachment = Attachment::new(size, FileHash::from_bytes(sha256));
    attachment.sniffed_type = sniff::media_type(&head).map(str::to_owned);
    Ok(attachment)
}
