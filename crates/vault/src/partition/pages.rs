//! Sealed files: AES-256-GCM page by page, a key per file (PARTITION-1 to PARTITION-5).

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::{self, Read, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use aws_lc_rs::rand;
use zeroize::Zeroizing;

use super::PartitionKey;

/// Plain bytes of a full page.
pub const PAGE: usize = 4096;
const TAG: usize = 16;
const SEALED_PAGE: usize = PAGE + TAG;
const VERSION: u8 = 1;
const SUITE: u8 = 1;
const SALT: usize = 32;
const HEADER: usize = 2 + SALT;
const LABEL: &[u8] = b"greffe/partition/file/v1";

/// The random salt of one sealed file; it tells two files of one name apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileSalt(pub(crate) [u8; SALT]);

/// Why a sealed file can not be read. Carried inside [`io::Error`], since the index asks for that.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// The file is shorter than a header and an empty last page, or ends inside a page's tag.
    #[error("{file} in the index was cut short; make the partition again from the mirror")]
    Short {
        /// Name of the file in the index directory.
        file: String,
    },
    /// The first two bytes name a version or suite that is not known.
    #[error(
        "{file} in the index has version {version} suite {suite}, which this program does not know"
    )]
    Version {
        /// Name of the file in the index directory.
        file: String,
        /// First byte.
        version: u8,
        /// Second byte.
        suite: u8,
    },
    /// The tag of a page does not fit: it was altered, moved, or belongs to another file or key.
    #[error(
        "page {page} of {file} in the index was altered; make the partition again from the mirror"
    )]
    Altered {
        /// Name of the file in the index directory.
        file: String,
        /// Number of the page, counted from 0.
        page: u64,
    },
    /// More was asked for than the file holds.
    #[error("bytes {from}..{to} of {file} in the index lie beyond its end")]
    Beyond {
        /// Name of the file in the index directory.
        file: String,
        /// First byte asked for.
        from: usize,
        /// End of what was asked for.
        to: usize,
    },
}

impl From<PageError> for io::Error {
    fn from(error: PageError) -> Self {
        io::Error::new(io::ErrorKind::InvalidData, error)
    }
}

/// Writes one sealed file from its first byte to its last.
pub struct SealedWriter {
    file: File,
    key: LessSafeKey,
    salt: FileSalt,
    page: u64,
    length: u64,
    plain: Zeroizing<Vec<u8>>,
    sealed: Vec<u8>,
}

/// Sealed pages are handed to the file in runs of this many bytes.
const RUN: usize = 32 * SEALED_PAGE;

impl SealedWriter {
    /// Begins the file `path`, which must not exist.
    ///
    /// # Errors
    /// Those of creating the file, and of the system's randomness.
    pub fn create(path: &Path, index_key: &PartitionKey) -> io::Result<Self> {
        let salt = random_salt()?;
        let key = file_key(index_key, &salt, &file_name(path))?;
        let file = File::options().write(true).create_new(true).open(path)?;
        let mut sealed = Vec::with_capacity(RUN + SEALED_PAGE);
        sealed.extend_from_slice(&[VERSION, SUITE]);
        sealed.extend_from_slice(&salt);
        let plain = Zeroizing::new(Vec::with_capacity(PAGE));
        Ok(Self {
            file,
            key,
            salt: FileSalt(salt),
            page: 0,
            length: 0,
            plain,
            sealed,
        })
    }

    /// Seals the last page and returns once file content is durable. PARTITION-5
    ///
    /// # Errors
    /// Those of writing and syncing.
    pub fn finish(&mut self) -> io::Result<FileSalt> {
        self.seal_page(true)?;
        self.file.write_all(&self.sealed)?;
        self.sealed.clear();
        self.file.sync_all()?;
        Ok(self.salt)
    }

    fn seal_page(&mut self, last: bool) -> io::Result<()> {
        let from = self.sealed.len();
        self.sealed.extend_from_slice(&self.plain);
        let length = if last { self.length } else { 0 };
        let tag = self
            .key
            .seal_in_place_separate_tag(
                nonce(self.page, last),
                aad(length),
                &mut self.sealed[from..],
            )
            .map_err(|_| io::Error::other("sealing a page failed"))?;
        self.sealed.extend_from_slice(tag.as_ref());
        self.page += 1;
        self.plain.clear();
        if self.sealed.len() >= RUN {
            self.file.write_all(&self.sealed)?;
            self.sealed.clear();
        }
        Ok(())
    }
}

impl Write for SealedWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let take = rest.len().min(PAGE - self.plain.len());
            let (now, later) = rest.split_at(take);
            self.plain.extend_from_slice(now);
            self.length += take as u64;
            rest = later;
            if self.plain.len() == PAGE {
                self.seal_page(false)?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads any range of one sealed file whose last page has been checked.
pub struct SealedFile {
    file: File,
    name: String,
    key: LessSafeKey,
    salt: FileSalt,
    length: usize,
    cache: Arc<PageCache>,
    id: u64,
}

impl std::fmt::Debug for SealedFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SealedFile")
            .field("name", &self.name)
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

impl SealedFile {
    /// Opens `path` and checks its header and last page, hence its length. PARTITION-2
    ///
    /// # Errors
    /// Those of opening and reading; [`PageError`] inside an [`io::Error`] for what was altered.
    pub fn open(path: &Path, index_key: &PartitionKey, cache: &Arc<PageCache>) -> io::Result<Self> {
        let name = file_name(path);
        let mut file = File::open(path)?;
        let sealed_length = file.metadata()?.len() as usize;
        let mut header = [0u8; HEADER];
        if sealed_length < HEADER + TAG {
            return Err(PageError::Short { file: name }.into());
        }
        file.read_exact(&mut header)?;
        let [version, suite, salt @ ..] = header;
        if (version, suite) != (VERSION, SUITE) {
            return Err(PageError::Version {
                file: name,
                version,
                suite,
            }
            .into());
        }
        let body = sealed_length - HEADER;
        let rest = body % SEALED_PAGE;
        if rest < TAG {
            return Err(PageError::Short { file: name }.into());
        }
        let length = body / SEALED_PAGE * PAGE + (rest - TAG);
        let key = file_key(index_key, &salt, &name)?;
        let id = cache.next_id();
        let opened = Self {
            file,
            name,
            key,
            salt: FileSalt(salt),
            length,
            cache: Arc::clone(cache),
            id,
        };
        opened.last_page()?;
        Ok(opened)
    }

    /// Plain length in bytes.
    pub fn length(&self) -> usize {
        self.length
    }

    /// The salt that tells this file from others of its name.
    pub fn salt(&self) -> FileSalt {
        self.salt
    }

    /// The plain bytes of `range`, each page of which was checked. PARTITION-3
    ///
    /// # Errors
    /// Those of reading; [`PageError`] inside an [`io::Error`] for an altered page.
    pub fn read(&self, range: Range<usize>) -> io::Result<Vec<u8>> {
        if range.start > range.end || range.end > self.length {
            return Err(PageError::Beyond {
                file: self.name.clone(),
                from: range.start,
                to: range.end,
            }
            .into());
        }
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let first = range.start / PAGE;
        let pages = range.end.div_ceil(PAGE) - first;
        let skip = range.start - first * PAGE;
        if pages <= CACHED_READ {
            let mut plain = Vec::with_capacity(range.len());
            for n in first..first + pages {
                let page = self.cached_page(n as u64)?;
                let from = if n == first { skip } else { 0 };
                let to = page.len().min(range.end - n * PAGE);
                plain.extend_from_slice(page.get(from..to).unwrap_or_default());
            }
            return Ok(plain);
        }
        let mut bytes = self.pages(first as u64, pages)?;
        bytes.truncate(skip + range.len());
        bytes.drain(..skip);
        Ok(bytes)
    }

    fn cached_page(&self, n: u64) -> io::Result<Arc<Zeroizing<Vec<u8>>>> {
        if let Some(page) = self.cache.get(self.id, n) {
            return Ok(page);
        }
        let page = Arc::new(Zeroizing::new(self.pages(n, 1)?));
        self.cache.put(self.id, n, Arc::clone(&page));
        Ok(page)
    }

    /// Decrypts `count` pages from page `first` on into one run of plain bytes.
    fn pages(&self, first: u64, count: usize) -> io::Result<Vec<u8>> {
        let start = HEADER + first as usize * SEALED_PAGE;
        let full = self.length / PAGE;
        let body_end = HEADER + full * SEALED_PAGE + self.length % PAGE + TAG;
        let end = (start + count * SEALED_PAGE).min(body_end);
        let mut bytes = vec![0u8; end - start];
        self.file
            .read_exact_at(&mut bytes, start as u64)
            .map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => PageError::Short {
                    file: self.name.clone(),
                }
                .into(),
                _ => error,
            })?;
        let (mut from, mut to, mut n) = (0, 0, first);
        while from < bytes.len() {
            let size = SEALED_PAGE.min(bytes.len() - from);
            let last = n == full as u64;
            let length = if last { self.length as u64 } else { 0 };
            let plain = self
                .key
                .open_in_place(nonce(n, last), aad(length), &mut bytes[from..from + size])
                .map_err(|_| PageError::Altered {
                    file: self.name.clone(),
                    page: n,
                })?
                .len();
            bytes.copy_within(from..from + plain, to);
            from += size;
            to += plain;
            n += 1;
        }
        bytes.truncate(to);
        Ok(bytes)
    }

    fn last_page(&self) -> io::Result<()> {
        self.pages((self.length / PAGE) as u64, 1).map(drop)
    }
}

impl Drop for SealedFile {
    fn drop(&mut self) {
        self.cache.forget(self.id);
    }
}

/// Reads up to this many pages go through the cache; longer ones are decrypted at once.
const CACHED_READ: usize = 8;

/// Decrypted pages of many files, bounded in number, the oldest given up first. PARTITION-4
pub struct PageCache {
    most: usize,
    inner: Mutex<Cached>,
}

#[derive(Default)]
struct Cached {
    files: u64,
    pages: HashMap<(u64, u64), Arc<Zeroizing<Vec<u8>>>>,
    /// Pages kept of each file.
    kept: HashMap<u64, usize>,
    order: VecDeque<(u64, u64)>,
}

impl std::fmt::Debug for PageCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PageCache")
            .field("most", &self.most)
            .finish_non_exhaustive()
    }
}

impl PageCache {
    /// A cache of at most `most` pages of 4 KiB.
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            inner: Mutex::default(),
        })
    }

    fn next_id(&self) -> u64 {
        let mut inner = self.lock();
        inner.files += 1;
        inner.files
    }

    fn get(&self, file: u64, page: u64) -> Option<Arc<Zeroizing<Vec<u8>>>> {
        self.lock().pages.get(&(file, page)).cloned()
    }

    fn put(&self, file: u64, page: u64, bytes: Arc<Zeroizing<Vec<u8>>>) {
        let mut inner = self.lock();
        if inner.pages.insert((file, page), bytes).is_none() {
            inner.order.push_back((file, page));
            *inner.kept.entry(file).or_default() += 1;
        }
        while inner.order.len() > self.most {
            let Some(oldest) = inner.order.pop_front() else {
                break;
            };
            inner.pages.remove(&oldest);
            if let Some(kept) = inner.kept.get_mut(&oldest.0) {
                *kept -= 1;
            }
        }
    }

    /// A closed file's pages leave at once. Most files that close have none.
    fn forget(&self, file: u64) {
        let mut inner = self.lock();
        if inner.kept.remove(&file).is_some_and(|kept| kept > 0) {
            inner.pages.retain(|(of, _), _| *of != file);
            inner.order.retain(|(of, _)| *of != file);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Cached> {
        self.inner
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

struct KeyLength;

impl KeyType for KeyLength {
    fn len(&self) -> usize {
        32
    }
}

fn file_key(index_key: &PartitionKey, salt: &[u8], name: &str) -> io::Result<LessSafeKey> {
    let failed = |_| io::Error::other("deriving the key of a file failed");
    let info: [&[u8]; 2] = [LABEL, name.as_bytes()];
    let prk = Salt::new(HKDF_SHA256, salt).extract(index_key.bytes());
    let mut key = Zeroizing::new([0u8; 32]);
    prk.expand(&info, KeyLength)
        .and_then(|okm| okm.fill(key.as_mut()))
        .map_err(failed)?;
    UnboundKey::new(&AES_256_GCM, key.as_ref())
        .map(LessSafeKey::new)
        .map_err(failed)
}

fn nonce(page: u64, last: bool) -> Nonce {
    let mut bytes = [0u8; 12];
    bytes[3..11].copy_from_slice(&page.to_be_bytes());
    bytes[11] = u8::from(last);
    Nonce::assume_unique_for_key(bytes)
}

fn aad(length: u64) -> Aad<[u8; 10]> {
    let mut bytes = [VERSION, SUITE, 0, 0, 0, 0, 0, 0, 0, 0];
    bytes[2..].copy_from_slice(&length.to_be_bytes());
    Aad::from(bytes)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that draws salts; no file's content depends on them"
)]
fn random_salt() -> io::Result<[u8; SALT]> {
    let mut salt = [0u8; SALT];
    rand::fill(&mut salt).map_err(|_| io::Error::other("the system gave no randomness"))?;
    Ok(salt)
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> PartitionKey {
        PartitionKey::from_bytes([7; 32])
    }

    fn write(path: &Path, bytes: &[u8]) {
        let mut writer = SealedWriter::create(path, &key()).unwrap();
        for chunk in bytes.chunks(1000) {
            writer.write_all(chunk).unwrap();
        }
        writer.finish().unwrap();
    }

    fn sample(length: usize) -> Vec<u8> {
        (0..length).map(|i| (i * 31 % 251) as u8).collect()
    }

    #[test]
    fn every_length_and_range_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        for length in [0, 1, 4095, 4096, 4097, 8192, 70_000] {
            let path = folder.path().join(format!("f{length}"));
            let bytes = sample(length);
            write(&path, &bytes);
            let file = SealedFile::open(&path, &key(), &PageCache::new(4)).unwrap();
            assert_eq!(file.length(), length);
            for range in [
                0..length,
                0..length.min(1),
                length / 3..length / 2,
                length / 2..length,
            ] {
                assert_eq!(file.read(range.clone()).unwrap(), &bytes[range]);
            }
            assert!(file.read(0..length + 1).is_err());
        }
    }

    /// Breaks PARTITION-1, PARTITION-2 and PARTITION-3: every byte flipped, every length cut, each is found.
    #[test]
    fn any_flip_or_cut_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("segment.idx");
        let bytes = sample(9000);
        write(&path, &bytes);
        let sealed = std::fs::read(&path).unwrap();
        let read = |altered: &[u8]| {
            std::fs::write(&path, altered).unwrap();
            SealedFile::open(&path, &key(), &PageCache::new(4))
                .and_then(|file| file.read(0..file.length()))
        };
        for at in (0..sealed.len()).step_by(7).chain(0..HEADER) {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            let error = read(&altered).unwrap_err().to_string();
            assert!(error.contains("segment.idx"), "{error}");
            if at >= HEADER {
                assert!(
                    error.contains(&format!("page {}", (at - HEADER) / SEALED_PAGE)),
                    "{at}: {error}"
                );
            }
        }
        for length in (0..sealed.len())
            .step_by(13)
            .chain([HEADER + SEALED_PAGE, HEADER + 2 * SEALED_PAGE])
        {
            assert!(read(&sealed[..length]).is_err(), "cut to {length}");
        }
        let mut grown = sealed.clone();
        grown.extend_from_slice(&sealed[HEADER..]);
        assert!(read(&grown).is_err());
        assert_eq!(read(&sealed).unwrap(), bytes);
    }

    /// Breaks PARTITION-1: another name, another key.
    #[test]
    fn a_file_opens_only_under_its_name_and_key() {
        let folder = tempfile::tempdir().unwrap();
        let (here, there) = (folder.path().join("a.idx"), folder.path().join("b.idx"));
        write(&here, b"clause");
        std::fs::copy(&here, &there).unwrap();
        let cache = PageCache::new(4);
        assert!(SealedFile::open(&there, &key(), &cache).is_err());
        assert!(SealedFile::open(&here, &PartitionKey::from_bytes([8; 32]), &cache).is_err());
        assert!(SealedFile::open(&here, &key(), &cache).is_ok());
    }

    /// Breaks PARTITION-5: no name is used twice, and what is not finished does not open.
    #[test]
    fn a_sealed_file_is_written_once_and_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.idx");
        write(&path, b"clause");
        let again = SealedWriter::create(&path, &key());
        assert_eq!(again.err().unwrap().kind(), io::ErrorKind::AlreadyExists);
        let torn = folder.path().join("torn.idx");
        let mut writer = SealedWriter::create(&torn, &key()).unwrap();
        writer.write_all(&sample(40 * PAGE)).unwrap();
        drop(writer);
        assert!(SealedFile::open(&torn, &key(), &PageCache::new(4)).is_err());
    }

    /// Breaks PARTITION-4 if the bound is not kept.
    #[test]
    fn the_cache_stays_within_its_bound() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.idx");
        write(&path, &sample(40 * PAGE));
        let cache = PageCache::new(6);
        let file = SealedFile::open(&path, &key(), &cache).unwrap();
        for n in 0..40 {
            file.read(n * PAGE..n * PAGE + 10).unwrap();
            assert!(cache.lock().pages.len() <= 6);
        }
        drop(file);
        assert!(cache.lock().pages.is_empty());
    }
}
