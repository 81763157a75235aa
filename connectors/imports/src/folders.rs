//! Exports of many files: one a conversation, each with what stands beside it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::media::MAX_ENTRIES;
use crate::open::Content;

/// Positions are the file's number above so many bits, and the place in it below.
const PLACE_BITS: u32 = 40;
const MAX_DEPTH: usize = 8;

/// The file of one conversation.
pub(crate) struct ChatFile {
    pub(crate) path: PathBuf,
    /// Its path below the export, for people.
    pub(crate) shown: String,
    /// What positions in it are counted from.
    pub(crate) base: u64,
}

/// The files that `wanted` takes by name, always in the same order.
pub(crate) fn chat_files(content: &Content, wanted: impl Fn(&str) -> bool) -> Vec<ChatFile> {
    let (root, mut paths) = match content {
        Content::Tree(root) if root.is_dir() => {
            let mut paths = Vec::new();
            list(root, 0, &wanted, &mut paths);
            (root.clone(), paths)
        }
        Content::Tree(path) | Content::File { path, .. } | Content::Salvaged { chat: path, .. } => {
            let root = path.parent().unwrap_or(Path::new(".")).to_path_buf();
            (root, vec![path.clone()])
        }
        // Archives of these exports are unpacked first.
        Content::Entry { .. } => (PathBuf::new(), Vec::new()),
    };
    paths.sort();
    let files = paths.into_iter().enumerate();
    files
        .map(|(number, path)| ChatFile {
            shown: path
                .strip_prefix(&root)
                .unwrap_or(&path)
                .to_string_lossy()
                .into_owned(),
            base: (number as u64) << PLACE_BITS,
            path,
        })
        .collect()
}

fn list(folder: &Path, depth: usize, wanted: &impl Fn(&str) -> bool, paths: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        match entry.file_type() {
            // No links: they could lead out of the export.
            Ok(kind) if kind.is_dir() && depth < MAX_DEPTH => list(&path, depth + 1, wanted, paths),
            Ok(kind) if kind.is_file() && paths.len() < MAX_ENTRIES && named(&path, wanted) => {
                paths.push(path);
            }
            _ => {}
        }
    }
}

fn named(path: &Path, wanted: &impl Fn(&str) -> bool) -> bool {
    path.file_name()
        .and_then(|name| name.to_str())
        .is_some_and(wanted)
}
