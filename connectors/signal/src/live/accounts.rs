//! The accounts in signal-cli's own folder.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// One that is linked there.
pub(crate) struct Linked {
    /// Its telephone number.
    pub(crate) number: String,
    /// Its stable id, as records name it.
    pub(crate) id: String,
    /// signal-cli's database of it.
    pub(crate) database: PathBuf,
}

/// Those that signal-cli's list names; none where there is no list.
pub(crate) fn linked(data: &Path) -> Vec<Linked> {
    let folder = data.join("data");
    let Ok(bytes) = std::fs::read(folder.join("accounts.json")) else {
        return Vec::new();
    };
    let value: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let accounts = value.get("accounts").and_then(Value::as_array);
    accounts
        .into_iter()
        .flatten()
        .filter_map(|account| {
            let text = |name: &str| account.get(name)?.as_str();
            let path = text("path").unwrap_or_default();
            Some(Linked {
                number: text("number")?.to_owned(),
                id: format!("aci:{}", text("uuid")?),
                database: folder.join(format!("{path}.d/account.db")),
            })
        })
        .collect()
}

/// Tells whether the list is still the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    file: u64,
    changed: (i64, i64),
}

/// The list's; nothing where there is none.
pub(crate) fn mark(data: &Path) -> Option<Mark> {
    use std::os::unix::fs::MetadataExt;
    let list = std::fs::metadata(data.join("data/accounts.json")).ok()?;
    Some(Mark {
        file: list.ino(),
        changed: (list.mtime(), list.mtime_nsec()),
    })
}
