//! What a network has delivered and the agent does not hold yet: sealed and synced before the network
//! gets its answer, because it forgets what was answered.
//!
//! Files `inbox/<time>-<name>` in the connector's folder, one for each delivery: milliseconds of
//! capture (16 digits), and 32 hexadecimal digits of a keyed hash of the bytes. The same bytes
//! delivered again while they wait, or soon after, are the same delivery. A file is
//! `nonce (12) ‖ AES-256-GCM(key, aad = file name, kind (1 byte) ‖ bytes)`, and is removed when all of
//! its records are durable with the agent. `inbox/done` remembers names of the last ones.
//!
//! Files instead of one journal, because deliveries end out of order: one whose files the network
//! hands out slowly must not hold up the others.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use connector::normal::MAX_EVENT;
use record::Milliseconds;
use serde::{Deserialize, Serialize};

use crate::key::{FolderKey, KeyError, write_whole};

/// Most bytes that wait. Beyond them nothing more is taken: the network keeps it.
const MOST_BYTES: u64 = 2 << 30;
/// Most deliveries that wait.
const MOST: usize = 200_000;
/// Names of finished deliveries that are remembered, at least.
const REMEMBERED: usize = 65_536;
const NAME: usize = 16;
const DONE: &str = "done";
const SEAL_OVERHEAD: u64 = 12 + 16 + 1;

/// An inbox and whoever else uses it.
pub type SharedInbox = Arc<Mutex<Inbox>>;

/// The inbox of one folder.
pub struct Inbox {
    folder: PathBuf,
    key: FolderKey,
    waiting: BTreeMap<Place, u64>,
    names: HashSet<[u8; NAME]>,
    bytes: u64,
    done: Done,
}

/// A delivery's place in the order of capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    captured: i64,
    name: [u8; NAME],
}

/// What became of bytes that were to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// They are on disk now.
    New,
    /// They were there already, or are with the agent.
    Known,
}

/// What a delivery holds.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Held {
    /// The network's bytes.
    Event(Vec<u8>),
    /// Something that was missed.
    Loss(LossNote),
}

/// A time in which something was or may have been missed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LossNote {
    /// Name of the reason, as record.md has it.
    pub why: String,
    /// Begin, in milliseconds.
    pub from: Option<i64>,
    /// End, in milliseconds.
    pub to: Option<i64>,
    /// What happened, in words.
    pub detail: String,
}

/// Why the inbox can not be used, or takes nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InboxError {
    /// The disk.
    #[error("{}", .0.display())]
    Io(PathBuf, #[source] io::Error),
    /// The seal.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Too much waits.
    #[error("{waiting} deliveries of {bytes} bytes wait for the agent")]
    Full {
        /// How many.
        waiting: usize,
        /// Their bytes.
        bytes: u64,
    },
    /// A delivery is too long.
    #[error("a delivery of {0} bytes")]
    TooLong(usize),
    /// A file of the inbox is not what was written.
    #[error("a delivery can not be read back")]
    Damaged,
}

impl Inbox {
    /// Opens the inbox of a connector's folder; a file that a crash left half-written was never
    /// answered for and is removed.
    ///
    /// # Errors
    ///
    /// When the folder can not be made or read.
    pub fn open(folder: &Path, key: FolderKey) -> Result<Self, InboxError> {
        let folder = folder.join("inbox");
        let io = |error| InboxError::Io(folder.clone(), error);
        fs::create_dir_all(&folder).map_err(io)?;
        let mut inbox = Self {
            done: Done::open(folder.join(DONE))?,
            folder: folder.clone(),
            key,
            waiting: BTreeMap::new(),
            names: HashSet::new(),
            bytes: 0,
        };
        for file in fs::read_dir(&folder).map_err(io)? {
            let file = file.map_err(io)?;
            let name = file.file_name();
            let name = name.to_string_lossy();
            if name.ends_with(".new") {
                fs::remove_file(file.path()).map_err(io)?;
            } else if let Some(place) = Place::parse(&name) {
                let bytes = file.metadata().map_err(io)?.len();
                inbox.names.insert(place.name);
                inbox.bytes += bytes;
                inbox.waiting.insert(place, bytes);
            }
        }
        Ok(inbox)
    }

    /// Shared between whoever fills and whoever empties it.
    #[must_use]
    pub fn shared(self) -> SharedInbox {
        Arc::new(Mutex::new(self))
    }

    /// Keeps what the network delivered. When this returns it survives a crash; when it fails,
    /// nothing was kept and the network must not be told otherwise.
    ///
    /// # Errors
    ///
    /// When the disk takes nothing, or too much waits.
    pub fn keep(&mut self, captured: Milliseconds, bytes: &[u8]) -> Result<Kept, InboxError> {
        self.put(captured, 0, bytes)
    }

    /// Keeps that something was missed.
    ///
    /// # Errors
    ///
    /// As [`keep`](Self::keep).
    pub fn keep_loss(
        &mut self,
        captured: Milliseconds,
        loss: &LossNote,
    ) -> Result<Kept, InboxError> {
        let bytes = serde_json::to_vec(loss).map_err(|_| InboxError::Damaged)?;
        self.put(captured, 1, &bytes)
    }

    fn put(&mut self, captured: Milliseconds, kind: u8, bytes: &[u8]) -> Result<Kept, InboxError> {
        if bytes.len() > MAX_EVENT {
            return Err(InboxError::TooLong(bytes.len()));
        }
        let name = self.key.name(&[&[kind], bytes]);
        if self.names.contains(&name) || self.done.holds(&name) {
            return Ok(Kept::Known);
        }
        let length = bytes.len() as u64 + SEAL_OVERHEAD;
        if self.waiting.len() >= MOST || self.bytes + length > MOST_BYTES {
            return Err(InboxError::Full {
                waiting: self.waiting.len(),
                bytes: self.bytes,
            });
        }
        let place = Place {
            captured: captured.get().max(0),
            name,
        };
        let plain = [&[kind], bytes].concat();
        let sealed = self.key.seal(place.file().as_bytes(), &plain)?;
        let path = self.folder.join(place.file());
        write_whole(&path, &sealed).map_err(|error| InboxError::Io(path, error))?;
        self.waiting.insert(place, length);
        self.names.insert(name);
        self.bytes += length;
        Ok(Kept::New)
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The oldest that `taken` does not hold.
    pub(crate) fn next(&self, taken: impl Fn(&Place) -> bool) -> Option<Place> {
        self.waiting.keys().find(|place| !taken(place)).copied()
    }

    /// What one holds.
    pub(crate) fn read(&self, place: Place) -> Result<Held, InboxError> {
        let path = self.folder.join(place.file());
        let sealed = fs::read(&path).map_err(|error| InboxError::Io(path, error))?;
        let plain = self
            .key
            .open(place.file().as_bytes(), &sealed)
            .ok_or(InboxError::Damaged)?;
        match plain.split_first() {
            Some((0, bytes)) => Ok(Held::Event(bytes.to_vec())),
            Some((1, bytes)) => serde_json::from_slice(bytes)
                .map(Held::Loss)
                .map_err(|_| InboxError::Damaged),
            _ => Err(InboxError::Damaged),
        }
    }

    /// All of it is durable with the agent.
    pub(crate) fn forget(&mut self, place: Place) -> Result<(), InboxError> {
        let Some(bytes) = self.waiting.remove(&place) else {
            return Ok(());
        };
        self.bytes = self.bytes.saturating_sub(bytes);
        // Remembered first: a crash in between delivers to the agent again, which knows it.
        self.done.add(place.name)?;
        self.names.remove(&place.name);
        let path = self.folder.join(place.file());
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(InboxError::Io(path, error))
            }
            _ => Ok(()),
        }
    }

    /// It can not be read and never will be: it is kept aside for people.
    pub(crate) fn set_aside(&mut self, place: Place) {
        let path = self.folder.join(place.file());
        let _ = fs::rename(&path, path.with_extension("damaged"));
        self.waiting.remove(&place);
        self.names.remove(&place.name);
    }
}

impl Place {
    pub(crate) fn captured(self) -> Milliseconds {
        Milliseconds::new(self.captured)
    }

    pub(crate) fn name(&self) -> &[u8] {
        &self.name
    }

    fn file(self) -> String {
        format!("{:016}-{}", self.captured, canonical::hex(&self.name))
    }

    fn parse(file: &str) -> Option<Self> {
        let (captured, hex) = file.split_once('-')?;
        let mut name = [0; NAME];
        canonical::hex_into(hex, &mut name).ok()?;
        let place = Self {
            captured: captured.parse().ok()?,
            name,
        };
        (place.file() == file).then_some(place)
    }
}

/// Names of finished deliveries, so that one that the network repeats, because our answer did not
/// reach it, is not made again when its files can not be had any more. Not synced: the agent knows
/// repeated records by itself.
struct Done {
    path: PathBuf,
    file: File,
    names: HashSet<[u8; NAME]>,
    /// The same in order, oldest first.
    order: Vec<[u8; NAME]>,
}

impl Done {
    fn open(path: PathBuf) -> Result<Self, InboxError> {
        let io = |error| InboxError::Io(path.clone(), error);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(io(error)),
        };
        let (names, rest) = bytes.as_chunks::<NAME>();
        let order: Vec<[u8; NAME]> = names
            .get(names.len().saturating_sub(REMEMBERED)..)
            .unwrap_or_default()
            .to_vec();
        if order.len() < names.len() || !rest.is_empty() {
            write_whole(&path, order.as_flattened()).map_err(io)?;
        }
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&path)
            .map_err(io)?;
        Ok(Self {
            names: order.iter().copied().collect(),
            path,
            file,
            order,
        })
    }

    fn holds(&self, name: &[u8; NAME]) -> bool {
        self.names.contains(name)
    }

    fn add(&mut self, name: [u8; NAME]) -> Result<(), InboxError> {
        if !self.names.insert(name) {
            return Ok(());
        }
        self.order.push(name);
        self.file
            .write_all(&name)
            .map_err(|error| InboxError::Io(self.path.clone(), error))?;
        if self.order.len() >= 2 * REMEMBERED {
            *self = Self::open(self.path.clone())?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Inbox({}, {} bytes)", self.waiting.len(), self.bytes)
    }
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Event(bytes) => write!(f, "Event({} bytes)", bytes.len()),
            Self::Loss(loss) => write!(f, "Loss({})", loss.why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Milliseconds = Milliseconds::new(1_795_520_482_635);

    fn open(folder: &Path) -> Inbox {
        let key = FolderKey::of(folder, None).unwrap();
        Inbox::open(folder, key).unwrap()
    }

    fn files(folder: &Path) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = fs::read_dir(folder.join("inbox"))
            .unwrap()
            .map(|file| file.unwrap().path())
            .filter(|path| !path.ends_with(DONE))
            .collect();
        files.sort();
        files
    }

    #[test]
    fn what_was_kept_is_there_after_a_crash_in_order_and_not_in_the_clear() {
        let folder = tempfile::tempdir().unwrap();
        let mut inbox = open(folder.path());
        let later = Milliseconds::new(AT.get() + 1);
        assert_eq!(inbox.keep(later, b"{\"secret\":2}").unwrap(), Kept::New);
        assert_eq!(inbox.keep(AT, b"{\"secret\":1}").unwrap(), Kept::New);
        assert_eq!(inbox.keep(later, b"{\"secret\":1}").unwrap(), Kept::Known);
        drop(inbox);
        for file in files(folder.path()) {
            let bytes = fs::read(file).unwrap();
            assert!(!bytes.windows(6).any(|window| window == b"secret"));
        }
        fs::write(folder.path().join("inbox/half.new"), b"x").unwrap();
        let inbox = open(folder.path());
        assert_eq!(inbox.len(), 2);
        let first = inbox.next(|_| false).unwrap();
        assert_eq!(first.captured(), AT);
        let held = inbox.read(first).unwrap();
        assert_eq!(held, Held::Event(b"{\"secret\":1}".to_vec()));
        let second = inbox.next(|place| *place == first).unwrap();
        assert_eq!(second.captured(), later);
        assert_eq!(
            files(folder.path()).len(),
            2,
            "the half-written one is gone"
        );
    }

    #[test]
    fn what_is_durable_is_forgotten_and_known_when_it_comes_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut inbox = open(folder.path());
        inbox.keep(AT, b"one").unwrap();
        let place = inbox.next(|_| false).unwrap();
        inbox.forget(place).unwrap();
        assert!(files(folder.path()).is_empty());
        assert_eq!(inbox.keep(AT, b"one").unwrap(), Kept::Known);
        drop(inbox);
        let mut inbox = open(folder.path());
        assert!(inbox.is_empty());
        assert_eq!(inbox.keep(AT, b"one").unwrap(), Kept::Known);
        assert_eq!(inbox.keep(AT, b"two").unwrap(), Kept::New);
    }

    #[test]
    fn no_altered_or_renamed_delivery_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let mut inbox = open(folder.path());
        inbox.keep(AT, b"one").unwrap();
        let path = files(folder.path()).remove(0);
        let bytes = fs::read(&path).unwrap();
        let place = inbox.next(|_| false).unwrap();
        for at in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[at] ^= 1;
            fs::write(&path, &altered).unwrap();
            assert!(matches!(inbox.read(place), Err(InboxError::Damaged)));
        }
        let other = path.with_file_name(format!("{:016}-{}", 5, canonical::hex(place.name())));
        fs::write(&other, &bytes).unwrap();
        let inbox = open(folder.path());
        let renamed = inbox.next(|_| false).unwrap();
        assert_eq!(renamed.captured().get(), 5);
        assert!(matches!(inbox.read(renamed), Err(InboxError::Damaged)));
    }

    #[test]
    fn a_loss_is_kept_as_such() {
        let folder = tempfile::tempdir().unwrap();
        let mut inbox = open(folder.path());
        let loss = LossNote {
            why: "offline".into(),
            from: Some(1),
            to: Some(2),
            detail: "away".into(),
        };
        inbox.keep_loss(AT, &loss).unwrap();
        let place = inbox.next(|_| false).unwrap();
        assert_eq!(inbox.read(place).unwrap(), Held::Loss(loss));
    }
}
