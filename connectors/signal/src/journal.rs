//! What signal-cli said and the agent does not hold yet: appended and synced before anything else
//! is done with it, because signal-cli forgets what it has written to its socket.
//!
//! Files `journal-<first number>` in the connector's folder. One entry:
//! `uint32 be length ‖ uint64 be number ‖ nonce (12) ‖ AES-256-GCM(key, aad = number, entry)`,
//! where the length counts what follows it. An entry is its kind (1 byte), the time at which it
//! was captured (int64 be, milliseconds) and its bytes. A file is removed as soon as all of it is
//! durable with the agent.
//!
//! A crash can cut the last entry short. It was not synced then, and nothing was done with it: it
//! is cut off when the journal is opened, and the interval is recorded as a loss by whoever opens.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use connector::normal::MAX_EVENT;
use record::Milliseconds;

use crate::system::fresh;

/// A file that has grown beyond this is followed by another.
const FILE_BYTES: u64 = 8 << 20;
const HEAD: usize = 4;
const NUMBER: usize = 8;
const TAG: usize = 16;
const PLAIN_HEAD: usize = 9;
/// Longest entry on disk, without its length.
const MAX_ENTRY: usize = NUMBER + NONCE_LEN + PLAIN_HEAD + MAX_EVENT + TAG;
const PREFIX: &str = "journal-";

/// The entry's place in the journal, from 1, without gap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct EntryNumber(u64);

/// What an entry holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EntryKind {
    /// A notification, as signal-cli wrote it.
    Notification,
    /// One group as `listGroups` shows it, and what asked for it.
    Group,
    /// Something that was or may have been missed.
    Loss,
    /// A notice is being given from now on: whether it was is not known until another entry says so.
    NoticeSending,
    /// A notice was given.
    NoticeGiven,
    /// Something that the agent asked to send and that was sent.
    Sent,
    /// The account's contacts as `listContacts` shows them.
    Contact,
    /// A notice was refused, and reached nobody.
    NoticeFailed,
}

/// One entry.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) number: EntryNumber,
    pub(crate) kind: EntryKind,
    pub(crate) captured: Milliseconds,
    pub(crate) bytes: Vec<u8>,
}

/// Why the journal can not be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JournalError {
    #[error("{}", .0.display())]
    Io(PathBuf, #[source] io::Error),
    #[error("the journal's seal")]
    Seal,
    #[error("an entry of {0} bytes")]
    TooLong(usize),
    #[error("entry {} can not be read back", .0.0)]
    Damaged(EntryNumber),
}

/// The key of a connector's own files.
#[derive(Clone)]
pub(crate) struct FolderKey(std::sync::Arc<LessSafeKey>);

/// The journal of one folder.
pub(crate) struct Journal {
    folder: PathBuf,
    key: FolderKey,
    files: Vec<Segment>,
    entries: Vec<Place>,
    next: EntryNumber,
    damaged: bool,
}

struct Segment {
    path: PathBuf,
    file: File,
    bytes: u64,
    first: EntryNumber,
}

#[derive(Clone, Copy)]
struct Place {
    number: EntryNumber,
    segment: EntryNumber,
    at: u64,
    bytes: u32,
}

impl EntryNumber {
    pub(crate) const fn new(number: u64) -> Self {
        Self(number)
    }

    pub(crate) const fn get(self) -> u64 {
        self.0
    }

    pub(crate) const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl EntryKind {
    const ALL: [Self; 8] = [
        Self::Notification,
        Self::Group,
        Self::Loss,
        Self::NoticeSending,
        Self::NoticeGiven,
        Self::Sent,
        Self::Contact,
        Self::NoticeFailed,
    ];

    fn code(self) -> u8 {
        match self {
            Self::Notification => 0,
            Self::Group => 1,
            Self::Loss => 2,
            Self::NoticeSending => 3,
            Self::NoticeGiven => 4,
            Self::Sent => 5,
            Self::Contact => 6,
            Self::NoticeFailed => 7,
        }
    }

    fn of(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

impl FolderKey {
    /// The key that the agent gave, in hexadecimal digits; else the folder's own, made when it is
    /// asked for first.
    pub(crate) fn of(folder: &Path, given: Option<&str>) -> Result<Self, JournalError> {
        let mut bytes = [0; 32];
        if let Some(text) = given {
            canonical::hex_into(text, &mut bytes).map_err(|_| JournalError::Seal)?;
            return Self::from_bytes(&bytes);
        }
        let path = folder.join("journal.key");
        let io = |error| JournalError::Io(path.clone(), error);
        match fs::read(&path) {
            Ok(found) => bytes = found.try_into().map_err(|_| JournalError::Seal)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                bytes = fresh().ok_or(JournalError::Seal)?;
                write_whole(&path, &bytes).map_err(io)?;
            }
            Err(error) => return Err(io(error)),
        }
        Self::from_bytes(&bytes)
    }

    fn from_bytes(bytes: &[u8; 32]) -> Result<Self, JournalError> {
        let key = UnboundKey::new(&AES_256_GCM, bytes).map_err(|_| JournalError::Seal)?;
        Ok(Self(std::sync::Arc::new(LessSafeKey::new(key))))
    }

    /// `nonce ‖ ciphertext` under a fresh nonce.
    pub(crate) fn seal(&self, about: &[u8], plain: &[u8]) -> Result<Vec<u8>, JournalError> {
        let nonce = fresh::<NONCE_LEN>().ok_or(JournalError::Seal)?;
        let mut sealed = plain.to_vec();
        let given = Nonce::assume_unique_for_key(nonce);
        self.0
            .seal_in_place_append_tag(given, Aad::from(about), &mut sealed)
            .map_err(|_| JournalError::Seal)?;
        Ok([&nonce[..], &sealed].concat())
    }

    /// What [`seal`](Self::seal) sealed; `None` for anything else.
    pub(crate) fn open(&self, about: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut bytes = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = self
            .0
            .open_in_place(nonce, Aad::from(about), &mut bytes)
            .ok()?
            .len();
        bytes.truncate(length);
        Some(bytes)
    }
}

impl Journal {
    /// Opens the folder's journal. Numbers go on behind the journal's last entry and behind
    /// `durable`, whichever is higher: a number is not given twice even if the folder was lost.
    pub(crate) fn open(
        folder: &Path,
        key: FolderKey,
        durable: EntryNumber,
    ) -> Result<Self, JournalError> {
        let at = |error| JournalError::Io(folder.to_owned(), error);
        let mut firsts = Vec::new();
        for file in fs::read_dir(folder).map_err(at)? {
            let name = file.map_err(at)?.file_name();
            let number = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
            firsts.extend(
                number
                    .and_then(|number| number.parse().ok())
                    .map(EntryNumber),
            );
        }
        firsts.sort_unstable();
        let mut journal = Self {
            folder: folder.to_owned(),
            key,
            files: Vec::new(),
            entries: Vec::new(),
            next: durable.next(),
            damaged: false,
        };
        let last = firsts.last().copied();
        for first in firsts {
            journal.read_segment(first, Some(first) == last)?;
        }
        Ok(journal)
    }

    /// Whether entries were found that can not be read, other than one that a crash cut short.
    pub(crate) fn is_damaged(&self) -> bool {
        self.damaged
    }

    /// The number of the newest entry; one before the first if there is none.
    pub(crate) fn newest(&self) -> EntryNumber {
        EntryNumber(self.next.0.saturating_sub(1))
    }

    /// Appends entries of one time and syncs them together. When this returns they survive a
    /// crash; when it fails, none of them counts.
    pub(crate) fn append(
        &mut self,
        captured: Milliseconds,
        entries: &[(EntryKind, &[u8])],
    ) -> Result<(), JournalError> {
        if self
            .files
            .last()
            .is_none_or(|file| file.bytes >= FILE_BYTES)
        {
            self.begin_segment()?;
        }
        let mut number = self.next;
        let mut written = Vec::new();
        let mut places = Vec::new();
        for (kind, bytes) in entries {
            let sealed = self.sealed(number, *kind, captured, bytes)?;
            places.push((number, written.len() as u64, sealed.len()));
            written.extend_from_slice(&sealed);
            number = number.next();
        }
        let Some(segment) = self.files.last_mut() else {
            return Err(JournalError::Seal);
        };
        let io = |error| JournalError::Io(segment.path.clone(), error);
        let begin = segment.bytes;
        let appended = segment
            .file
            .write_all_at(&written, begin)
            .and_then(|()| segment.file.sync_data());
        if let Err(error) = appended {
            // What was written in part must not be taken for an entry later.
            let _ = segment.file.set_len(begin);
            return Err(io(error));
        }
        segment.bytes += written.len() as u64;
        for (number, at, bytes) in places {
            self.entries.push(Place {
                number,
                segment: segment.first,
                at: begin + at,
                bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
            });
        }
        self.next = number;
        Ok(())
    }

    /// The oldest entry behind `number`.
    pub(crate) fn after(&self, number: EntryNumber) -> Result<Option<Entry>, JournalError> {
        let at = self.entries.partition_point(|place| place.number <= number);
        let Some(place) = self.entries.get(at) else {
            return Ok(None);
        };
        let Some(segment) = self.files.iter().find(|file| file.first == place.segment) else {
            return Err(JournalError::Damaged(place.number));
        };
        let mut bytes = vec![0; place.bytes as usize];
        segment
            .file
            .read_exact_at(&mut bytes, place.at)
            .map_err(|error| JournalError::Io(segment.path.clone(), error))?;
        opened(&self.key, bytes.get(HEAD..).unwrap_or_default())
            .map(Some)
            .ok_or(JournalError::Damaged(place.number))
    }

    /// Everything up to `through` is durable elsewhere: files that hold nothing else are removed.
    pub(crate) fn forget(&mut self, through: EntryNumber) -> Result<(), JournalError> {
        let newest = self.newest();
        while let Some(first) = self.files.first() {
            let last = match self.files.get(1) {
                Some(next) => EntryNumber(next.first.0.saturating_sub(1)),
                None => newest,
            };
            if last > through || first.first > last {
                break;
            }
            fs::remove_file(&first.path)
                .map_err(|error| JournalError::Io(first.path.clone(), error))?;
            self.files.remove(0);
            self.entries.retain(|place| place.number > last);
        }
        Ok(())
    }

    fn begin_segment(&mut self) -> Result<(), JournalError> {
        let path = self.folder.join(format!("{PREFIX}{:020}", self.next.0));
        let io = |error| JournalError::Io(path.clone(), error);
        let file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(io)?;
        // The name must survive a crash as the entries do.
        File::open(&self.folder)
            .and_then(|folder| folder.sync_all())
            .map_err(io)?;
        self.files.push(Segment {
            path,
            file,
            bytes: 0,
            first: self.next,
        });
        Ok(())
    }

    fn sealed(
        &self,
        number: EntryNumber,
        kind: EntryKind,
        captured: Milliseconds,
        bytes: &[u8],
    ) -> Result<Vec<u8>, JournalError> {
        if bytes.len() > MAX_EVENT {
            return Err(JournalError::TooLong(bytes.len()));
        }
        let nonce = fresh::<NONCE_LEN>().ok_or(JournalError::Seal)?;
        let number = number.0.to_be_bytes();
        let mut plain = Vec::with_capacity(PLAIN_HEAD + bytes.len() + TAG);
        plain.push(kind.code());
        plain.extend_from_slice(&captured.get().to_be_bytes());
        plain.extend_from_slice(bytes);
        let given = Nonce::assume_unique_for_key(nonce);
        self.key
            .0
            .seal_in_place_append_tag(given, Aad::from(number), &mut plain)
            .map_err(|_| JournalError::Seal)?;
        let length = u32::try_from(NUMBER + NONCE_LEN + plain.len())
            .map_err(|_| JournalError::TooLong(bytes.len()))?;
        Ok([&length.to_be_bytes()[..], &number, &nonce, &plain].concat())
    }

    /// Reads what a file holds, up to the first entry that is not whole. Only the newest file may
    /// end so without damage.
    fn read_segment(&mut self, first: EntryNumber, newest: bool) -> Result<(), JournalError> {
        let path = self.folder.join(format!("{PREFIX}{:020}", first.0));
        let io = |error| JournalError::Io(path.clone(), error);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&path)
            .map_err(io)?;
        let length = file.metadata().map_err(io)?.len();
        file.seek(SeekFrom::Start(0)).map_err(io)?;
        let mut at = 0;
        let mut from = io::BufReader::new(&file);
        let mut expected = first;
        let mut broken = false;
        while let Some(bytes) = next_entry(&mut from).map_err(io)? {
            let Some(entry) = opened(&self.key, &bytes).filter(|e| e.number == expected) else {
                broken = true;
                break;
            };
            self.entries.push(Place {
                number: entry.number,
                segment: first,
                at,
                bytes: u32::try_from(HEAD + bytes.len()).unwrap_or(u32::MAX),
            });
            at += (HEAD + bytes.len()) as u64;
            expected = expected.next();
        }
        if at < length {
            // A crash cuts the last entry short; what is all there and can not be opened is damage.
            self.damaged |= !newest || broken;
            if newest {
                file.set_len(at).map_err(io)?;
            }
        }
        self.next = self.next.max(expected);
        self.files.push(Segment {
            path,
            file,
            bytes: at,
            first,
        });
        Ok(())
    }
}

/// Writes a file as a whole: a crash leaves the old one or the new one.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let fresh = path.with_extension("new");
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// The next entry without its length; `None` where no whole one follows.
fn next_entry(from: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut head = [0; HEAD];
    match from.read_exact(&mut head) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let length = u32::from_be_bytes(head) as usize;
    if length > MAX_ENTRY {
        return Ok(None);
    }
    let mut bytes = vec![0; length];
    match from.read_exact(&mut bytes) {
        Ok(()) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

fn opened(key: &FolderKey, bytes: &[u8]) -> Option<Entry> {
    let (number, sealed) = bytes.split_first_chunk::<NUMBER>()?;
    let plain = key.open(number, sealed)?;
    let (kind, rest) = plain.split_first()?;
    let (captured, bytes) = rest.split_first_chunk::<8>()?;
    Some(Entry {
        number: EntryNumber(u64::from_be_bytes(*number)),
        kind: EntryKind::of(*kind)?,
        captured: Milliseconds::new(i64::from_be_bytes(*captured)),
        bytes: bytes.to_vec(),
    })
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Entry({}, {:?}, {} bytes)",
            self.number.0,
            self.kind,
            self.bytes.len()
        )
    }
}

impl std::fmt::Debug for FolderKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FolderKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Milliseconds = Milliseconds::new(1_795_520_482_635);

    fn open(folder: &Path, durable: u64) -> Journal {
        let key = FolderKey::of(folder, None).unwrap();
        Journal::open(folder, key, EntryNumber(durable)).unwrap()
    }

    fn file(folder: &Path) -> PathBuf {
        let mut found: Vec<PathBuf> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| {
                path.file_name()
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .starts_with(PREFIX)
            })
            .collect();
        assert_eq!(found.len(), 1);
        found.remove(0)
    }

    fn all(journal: &Journal, mut after: EntryNumber) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        while let Some(entry) = journal.after(after).unwrap() {
            assert_eq!(entry.number, after.next());
            assert_eq!(entry.captured, AT);
            after = entry.number;
            found.push(entry.bytes);
        }
        found
    }

    #[test]
    fn what_was_appended_is_there_after_a_crash_and_not_in_the_clear() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = open(folder.path(), 0);
        let lines = [b"{\"secret\":1}".as_slice(), b"", b"{\"secret\":2}"];
        journal
            .append(AT, &lines.map(|line| (EntryKind::Notification, line)))
            .unwrap();
        drop(journal);
        assert!(
            !fs::read(file(folder.path()))
                .unwrap()
                .windows(6)
                .any(|w| w == b"secret")
        );
        let mut journal = open(folder.path(), 0);
        assert_eq!(all(&journal, EntryNumber(0)), lines);
        journal.append(AT, &[(EntryKind::Loss, b"x")]).unwrap();
        assert_eq!(all(&journal, EntryNumber(3)), [b"x"]);
        assert!(!journal.is_damaged());
    }

    #[test]
    fn an_entry_cut_short_at_any_byte_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = open(folder.path(), 0);
        journal
            .append(AT, &[(EntryKind::Notification, b"one")])
            .unwrap();
        let whole = fs::metadata(file(folder.path())).unwrap().len();
        journal
            .append(AT, &[(EntryKind::Notification, b"two")])
            .unwrap();
        drop(journal);
        let path = file(folder.path());
        let bytes = fs::read(&path).unwrap();
        for length in whole..bytes.len() as u64 {
            fs::write(&path, &bytes[..length as usize]).unwrap();
            let mut journal = open(folder.path(), 0);
            assert_eq!(all(&journal, EntryNumber(0)), [b"one"]);
            assert!(!journal.is_damaged());
            journal
                .append(AT, &[(EntryKind::Notification, b"three")])
                .unwrap();
            assert_eq!(all(&journal, EntryNumber(1)), [b"three"]);
        }
    }

    #[test]
    fn no_altered_entry_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = open(folder.path(), 0);
        journal
            .append(AT, &[(EntryKind::Notification, b"one")])
            .unwrap();
        drop(journal);
        let path = file(folder.path());
        let bytes = fs::read(&path).unwrap();
        for at in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[at] ^= 1;
            fs::write(&path, &altered).unwrap();
            assert!(
                all(&open(folder.path(), 0), EntryNumber(0)).is_empty(),
                "byte {at}"
            );
        }
    }

    #[test]
    fn files_go_when_all_of_them_is_durable_and_numbers_go_on() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = open(folder.path(), 0);
        for _ in 0..3 {
            journal
                .append(AT, &[(EntryKind::Notification, b"x")])
                .unwrap();
        }
        journal.forget(EntryNumber(2)).unwrap();
        assert_eq!(all(&journal, EntryNumber(2)).len(), 1);
        journal.forget(EntryNumber(3)).unwrap();
        assert_eq!(journal.after(EntryNumber(0)).unwrap(), None);
        assert!(
            fs::read_dir(folder.path())
                .unwrap()
                .all(|entry| { entry.unwrap().file_name() == "journal.key" })
        );
        journal
            .append(AT, &[(EntryKind::Notification, b"y")])
            .unwrap();
        assert_eq!(journal.newest(), EntryNumber(4));
        journal.forget(EntryNumber(4)).unwrap();
        drop(journal);
        // Nothing is left to tell the number but the position that the agent holds.
        assert_eq!(open(folder.path(), 4).newest(), EntryNumber(4));
    }
}
