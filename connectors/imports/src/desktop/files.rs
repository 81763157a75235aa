//! Which files beside a conversation are which attachments: sigtop names them by the names that
//! the messages give, and numbers those that come again. A file is taken only if it has the size
//! that the message says.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::media::MAX_ENTRIES;

/// Files of a conversation, and the names that were given so far.
pub(crate) struct Beside {
    /// Names relative to the export, and sizes.
    files: HashMap<String, u64>,
    folder: String,
    given: HashSet<String>,
}

/// What is known of an attachment's file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Named {
    /// It was not exported.
    Absent,
    /// Its name below the folder of the export.
    File(String),
    /// There is a file that should be it, and is not.
    Other(String),
}

impl Beside {
    /// The files of the conversation `stem` in `root`, or in a folder of attachments below it.
    pub(crate) fn new(root: &Path, stem: &str) -> Self {
        let below = ["", "attachments/", "Attachments/"];
        let found = below.iter().find_map(|below| {
            let name = format!("{below}{stem}");
            let path: PathBuf = root.join(&name);
            path.is_dir().then_some((name, path))
        });
        let mut files = HashMap::new();
        let mut folder = String::new();
        if let Some((name, path)) = found
            && let Ok(entries) = fs::read_dir(path)
        {
            for entry in entries.flatten().take(MAX_ENTRIES) {
                let size = entry.metadata().ok().filter(fs::Metadata::is_file);
                if let (Some(size), Some(name)) = (size, entry.file_name().to_str()) {
                    files.insert(name.to_owned(), size.len());
                }
            }
            folder = name;
        }
        Self {
            files,
            folder,
            given: HashSet::new(),
        }
    }

    /// What is known of each of a message's attachments.
    pub(crate) fn names(&mut self, message: &Value) -> Vec<Named> {
        let attachments = message.get("attachments").and_then(Value::as_array);
        attachments
            .into_iter()
            .flatten()
            .map(|attachment| self.name(attachment))
            .collect()
    }

    fn name(&mut self, attachment: &Value) -> Named {
        let text = |key: &str| attachment.get(key).and_then(Value::as_str);
        // What has no path was never fetched; sigtop passes over it.
        if self.files.is_empty() || text("path").is_none_or(str::is_empty) {
            return Named::Absent;
        }
        let Some(name) = text("fileName").filter(|name| !name.is_empty()) else {
            // Named by the time in the zone of whoever exported it.
            return Named::Absent;
        };
        // Which signs were replaced depends on the system that it was exported on.
        let plain = [sanitized(name, "/"), sanitized(name, "/\\<>:\"|?*")]
            .into_iter()
            .find(|name| self.files.contains_key(name));
        let Some(plain) = plain else {
            return Named::Absent;
        };
        let name = self.unique(&plain);
        let size = attachment.get("size").and_then(Value::as_u64);
        match (self.files.get(&name), size) {
            (None, _) => Named::Absent,
            (Some(found), Some(size)) if *found != size => Named::Other(format!(
                "file {name} has {found} bytes, the message says {size}"
            )),
            _ => Named::File(format!("{}/{name}", self.folder)),
        }
    }

    /// The name that the next file of that name gets.
    fn unique(&mut self, name: &str) -> String {
        if self.given.insert(name.to_owned()) {
            return name.to_owned();
        }
        let (stem, ending) = match name.rfind('.') {
            Some(dot) => name.split_at(dot),
            None => (name, ""),
        };
        let mut number = 2;
        loop {
            let next = format!("{stem}-{number}{ending}");
            if self.given.insert(next.clone()) {
                return next;
            }
            number += 1;
        }
    }
}

/// A file's name without the signs that a file system refuses.
fn sanitized(name: &str, refused: &str) -> String {
    name.chars()
        .map(|c| match c {
            c if refused.contains(c) || c.is_control() => '_',
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn files_are_named_in_order_and_checked_by_size() {
        let folder = tempfile::tempdir().unwrap();
        let chat = folder.path().join("Ben (+417)");
        fs::create_dir(&chat).unwrap();
        for (name, bytes) in [("a.png", "one"), ("a-2.png", "second"), ("b_c.txt", "x")] {
            fs::write(chat.join(name), bytes).unwrap();
        }
        let mut beside = Beside::new(folder.path(), "Ben (+417)");
        let file =
            |name: &str, size: usize| json!({"fileName": name, "size": size, "path": "ab/cd"});
        let message = json!({"attachments": [file("a.png", 3), file("a.png", 6), file("a.png", 9), file("b:c.txt", 2)]});
        let found = beside.names(&message);
        assert_eq!(found[0], Named::File("Ben (+417)/a.png".into()));
        assert_eq!(found[1], Named::File("Ben (+417)/a-2.png".into()));
        assert_eq!(found[2], Named::Absent);
        assert!(
            matches!(&found[3], Named::Other(detail) if detail.contains("b_c.txt has 1 bytes"))
        );
        assert_eq!(
            Beside::new(folder.path(), "Cleo").names(&message)[0],
            Named::Absent
        );
    }
}
