//! The vault's copy of the log and of every sealed object, as files.
//!
//! ```text
//! mirror/genesis                        canonical genesis
//! mirror/checkpoint                     newest checkpoint, with its cosignatures
//! mirror/tile/<level>/<N>[.p/<width>]   hash tiles, as C2SP tlog-tiles names them
//! mirror/tile/entries/<N>[.p/<width>]   entry bundles, the same way
//! mirror/objects/<xx>/<hash>            sealed objects, by the first byte of their hash
//! mirror/partial/<hash>                 objects that have not arrived whole
//! ```
//!
//! Everything here is ciphertext or public, and may be copied anywhere. Files appear by renaming,
//! whole and synced; a name whose content is fixed by the log is never written with other content.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek};
use std::path::{Path, PathBuf};

use tlog::{Bundle, Tile};
use wire::ObjectHash;

use crate::disk::Disk;
use crate::durable;

/// The folder of the mirror. Cheap to clone; holds no open files.
#[derive(Clone, Debug)]
pub struct Mirror {
    root: PathBuf,
    disk: Disk,
}

impl Mirror {
    /// The mirror in that folder, which is made when the first file is written.
    #[must_use]
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            disk: Disk::default(),
        }
    }

    /// The same on that disk.
    pub(crate) fn on(self, disk: Disk) -> Self {
        Self { disk, ..self }
    }

    /// Keeps a checkpoint that the log signed and should not have, durably.
    pub(crate) fn put_evidence(&self, size: u64, note: &[u8]) -> io::Result<()> {
        self.replace(&self.root.join("fork").join(size.to_string()), note)
    }

    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.disk.write()?;
        durable::replace(path, bytes)
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where the canonical genesis stands.
    #[must_use]
    pub fn genesis_path(&self) -> PathBuf {
        self.root.join("genesis")
    }

    /// Where the newest checkpoint stands.
    #[must_use]
    pub fn checkpoint_path(&self) -> PathBuf {
        self.root.join("checkpoint")
    }

    /// Where a hash tile stands.
    #[must_use]
    pub fn tile_path(&self, tile: Tile) -> PathBuf {
        self.root.join(tile.path())
    }

    /// Where an entry bundle stands.
    #[must_use]
    pub fn bundle_path(&self, bundle: Bundle) -> PathBuf {
        self.root.join(bundle.path())
    }

    /// Where a whole object stands.
    #[must_use]
    pub fn object_path(&self, hash: ObjectHash) -> PathBuf {
        let hex = hash.to_string();
        let shelf = hex.get(..2).unwrap_or_default().to_owned();
        self.root.join("objects").join(shelf).join(hex)
    }

    /// Where an object stands that has not arrived whole.
    #[must_use]
    pub fn partial_path(&self, hash: ObjectHash) -> PathBuf {
        self.root.join("partial").join(hash.to_string())
    }

    /// The file's bytes, `None` if there is none.
    ///
    /// # Errors
    ///
    /// When it can not be read, or is longer than `limit` bytes (as `InvalidData`).
    pub fn read(&self, path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
        let length = match fs::metadata(path) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        if length > limit {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{length} bytes where {limit} are allowed"),
            ));
        }
        match fs::read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes the genesis, durably.
    ///
    /// # Errors
    ///
    /// When writing fails.
    pub fn put_genesis(&self, genesis: &[u8]) -> io::Result<()> {
        self.replace(&self.genesis_path(), genesis)
    }

    /// Writes the checkpoint, durably. Everything below its size must be durable before.
    ///
    /// # Errors
    ///
    /// When writing fails.
    pub fn put_checkpoint(&self, checkpoint: &str) -> io::Result<()> {
        self.replace(&self.checkpoint_path(), checkpoint.as_bytes())
    }

    /// Writes a hash tile, durably, and removes narrower ones of the same place.
    ///
    /// # Errors
    ///
    /// When writing or removing fails.
    pub fn put_tile(&self, tile: Tile, bytes: &[u8]) -> io::Result<()> {
        self.replace(&self.tile_path(tile), bytes)?;
        self.drop_other_widths(&self.tile_path(tile.full()), tile.width(), tile.is_full())
    }

    /// Writes an entry bundle, durably. Narrower ones of the same place stay until
    /// [`Mirror::drop_narrower_bundles`], since the log that is verified may still end in them.
    ///
    /// # Errors
    ///
    /// When writing fails.
    pub fn put_bundle(&self, bundle: Bundle, bytes: &[u8]) -> io::Result<()> {
        self.replace(&self.bundle_path(bundle), bytes)
    }

    /// Removes bundles of the same place that are narrower than `bundle`.
    ///
    /// # Errors
    ///
    /// When removing fails. Missing files are no error.
    pub fn drop_narrower_bundles(&self, bundle: Bundle) -> io::Result<()> {
        let full = self.bundle_path(bundle.full());
        self.drop_other_widths(&full, bundle.width(), bundle.is_full())
    }

    fn drop_other_widths(&self, full: &Path, width: u16, is_full: bool) -> io::Result<()> {
        let mut folder = full.as_os_str().to_owned();
        folder.push(".p");
        let listing = match fs::read_dir(&folder) {
            Ok(listing) => listing,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        for entry in listing {
            let entry = entry?;
            let other = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok());
            if is_full || other.is_none_or(|other: u16| other < width) {
                self.disk.write()?;
                fs::remove_file(entry.path())?;
            }
        }
        if is_full {
            fs::remove_dir(&folder)?;
        }
        Ok(())
    }

    /// The whole object, `None` if it is not held.
    ///
    /// # Errors
    ///
    /// When it can not be opened.
    pub fn open_object(&self, hash: ObjectHash) -> io::Result<Option<File>> {
        match File::open(self.object_path(hash)) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Opens what has arrived of an object, to read it and append to it; positioned at its start.
    ///
    /// # Errors
    ///
    /// When the file can not be made or opened.
    pub fn open_partial(&self, hash: ObjectHash) -> io::Result<File> {
        self.disk.write()?;
        let path = self.partial_path(hash);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(path)?;
        file.rewind()?;
        Ok(file)
    }

    /// Gives an object that has arrived whole, and whose hash was checked, its name. Returns only
    /// once bytes and name are durable.
    ///
    /// Crash before the rename: the partial file is checked again and renamed at the next start.
    /// Crash after it, before the state says "held": the object is found under its name then.
    ///
    /// # Errors
    ///
    /// When syncing or renaming fails.
    pub fn finish_object(&self, hash: ObjectHash, file: &File) -> io::Result<()> {
        file.sync_all()?;
        let path = self.object_path(hash);
        if let Some(shelf) = path.parent() {
            if !shelf.is_dir() {
                fs::create_dir_all(shelf)?;
                if let Some(shelves) = shelf.parent() {
                    durable::sync_folder(shelves)?;
                    durable::sync_folder(&self.root)?;
                }
            }
            fs::rename(self.partial_path(hash), &path)?;
            durable::sync_folder(shelf)?;
        }
        Ok(())
    }

    /// Throws away what has arrived of an object, because its hash was wrong.
    ///
    /// # Errors
    ///
    /// When removing fails. A missing file is no error.
    pub fn discard_partial(&self, hash: ObjectHash) -> io::Result<()> {
        self.disk.write()?;
        match fs::remove_file(self.partial_path(hash)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    #[test]
    fn narrower_files_go_when_a_tile_has_grown() {
        let folder = tempfile::tempdir().unwrap();
        let mirror = Mirror::at(folder.path());
        let at = |width| Bundle::new(0, width).unwrap();
        for width in [3, 9, 12] {
            mirror.put_bundle(at(width), b"x").unwrap();
        }
        mirror.drop_narrower_bundles(at(9)).unwrap();
        let there = |width| mirror.bundle_path(at(width)).exists();
        assert_eq!((there(3), there(9), there(12)), (false, true, true));
        mirror.put_bundle(at(256), b"x").unwrap();
        mirror.drop_narrower_bundles(at(256)).unwrap();
        assert_eq!((there(9), there(12), there(256)), (false, false, true));
        let tile = |width| Tile::new(1, 1000, width).unwrap();
        mirror.put_tile(tile(4), b"x").unwrap();
        mirror.put_tile(tile(5), b"x").unwrap();
        assert!(!mirror.tile_path(tile(4)).exists());
        assert!(mirror.tile_path(tile(5)).exists());
    }

    #[test]
    fn an_object_goes_on_where_it_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let mirror = Mirror::at(folder.path());
        let hash = ObjectHash::from_bytes([7; 32]);
        mirror
            .open_partial(hash)
            .unwrap()
            .write_all(b"one")
            .unwrap();
        let mut file = mirror.open_partial(hash).unwrap();
        let mut former = Vec::new();
        file.read_to_end(&mut former).unwrap();
        assert_eq!(former, b"one");
        file.write_all(b"two").unwrap();
        mirror.finish_object(hash, &file).unwrap();
        assert_eq!(
            mirror
                .read(&mirror.object_path(hash), 100)
                .unwrap()
                .unwrap(),
            b"onetwo"
        );
        assert!(!mirror.partial_path(hash).exists());
        assert!(mirror.read(&mirror.object_path(hash), 3).is_err());
    }
}
