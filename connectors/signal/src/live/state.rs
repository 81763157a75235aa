//! What the connector must remember of conversations, as of a place in the journal.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::groups::Known;
use super::notices::Notices;
use crate::journal::{EntryNumber, FolderKey, JournalError, write_whole};

const FILE: &str = "state";
const ABOUT: &[u8] = b"greffe/signal-state/v1";

/// What is known when everything up to [`through`](Self::through) is taken into account.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct State {
    /// The last entry that is taken into account.
    through: u64,
    /// Groups by id, as last seen.
    pub(crate) groups: BTreeMap<String, Known>,
    /// Hash of each contact as last seen, by its id.
    pub(crate) contacts: BTreeMap<String, String>,
    /// Who is owed a notice, and who was given one.
    #[serde(default)]
    pub(crate) notices: Notices,
}

impl State {
    /// The folder's, or an empty one. A state that can not be read is as if there were none: rosters
    /// are recorded anew, and notices given again.
    pub(crate) fn open(folder: &Path, key: &FolderKey) -> Self {
        std::fs::read(folder.join(FILE))
            .ok()
            .and_then(|sealed| key.open(ABOUT, &sealed))
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default()
    }

    /// Writes it durably.
    pub(crate) fn keep(&self, folder: &Path, key: &FolderKey) -> Result<(), JournalError> {
        let bytes = serde_json::to_vec(self).map_err(|_| JournalError::Seal)?;
        let path = folder.join(FILE);
        write_whole(&path, &key.seal(ABOUT, &bytes)?).map_err(|error| JournalError::Io(path, error))
    }

    pub(crate) fn through(&self) -> EntryNumber {
        EntryNumber::new(self.through)
    }

    pub(crate) fn set_through(&mut self, number: EntryNumber) {
        self.through = number.get();
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "State({}, {} groups, {} contacts)",
            self.through,
            self.groups.len(),
            self.contacts.len()
        )
    }
}
