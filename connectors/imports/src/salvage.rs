//! Archives whose list of contents is gone, as of an interrupted download: the entries stand one
//! behind the other, each with a header of its own, and those that are whole can be read.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use memchr::memmem;
use zip::read::read_zipfile_from_stream_with_compressed_size;

use crate::media::{MAX_ENTRIES, most_inflated};

/// What could be read of an archive, as files in the connector's folder that end with this.
pub(crate) struct Salvaged {
    /// Files by their names in the archive.
    pub(crate) files: HashMap<String, PathBuf>,
    /// Places that are damaged, and how.
    pub(crate) damage: Vec<(String, String)>,
}

/// Names and places of an entry, from its own header.
struct Entry {
    name: String,
    /// The header as it stands.
    header: Vec<u8>,
    data: u64,
    /// Compressed bytes, where the header says them.
    size: Option<u64>,
}

/// Copies every entry that can be read into `folder`.
pub(crate) fn salvage(path: &Path, folder: &Path) -> io::Result<Salvaged> {
    let mut input = BufReader::new(File::open(path)?);
    let end = input.seek(SeekFrom::End(0))?;
    let mut salvaged = Salvaged {
        files: HashMap::new(),
        damage: Vec::new(),
    };
    let mut at = 0;
    for number in 0..MAX_ENTRIES {
        let entry = match entry(&mut input, at)? {
            Some(entry) => entry,
            None => {
                let detail = "the archive ends before its list of contents";
                salvaged.tell(at, detail.to_owned());
                break;
            }
        };
        let mut header = entry.header;
        let (size, descriptor) = match entry.size {
            Some(size) => (size.min(end.saturating_sub(entry.data)), 0),
            None => descriptor(&mut input, entry.data, end, &mut header)?,
        };
        let target = folder.join(format!("salvaged-{number}"));
        input.seek(SeekFrom::Start(entry.data))?;
        if let Err(error) = copy(&header, &mut input, size, &target)? {
            salvaged.tell(at, format!("file {}: {error}", entry.name));
            // A chat is worth reading up to where it breaks; half a picture is not.
            if !is_chat(&entry.name) {
                std::fs::remove_file(&target)?;
                at = entry.data + size + descriptor;
                continue;
            }
        }
        if let Some(former) = salvaged.files.insert(entry.name, target) {
            std::fs::remove_file(former)?;
        }
        at = entry.data + size + descriptor;
    }
    Ok(salvaged)
}

impl Salvaged {
    fn tell(&mut self, at: u64, detail: String) {
        self.damage.push((format!("archive, byte {at}"), detail));
    }
}

impl Drop for Salvaged {
    fn drop(&mut self) {
        for path in self.files.values() {
            // What stays is in the connector's own folder, which the agent clears.
            let _ = std::fs::remove_file(path);
        }
    }
}

fn is_chat(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.ends_with(".txt") || name.ends_with(".json")
}

/// The header at `at`; none where no entry begins.
fn entry(input: &mut BufReader<File>, at: u64) -> io::Result<Option<Entry>> {
    input.seek(SeekFrom::Start(at))?;
    let mut fixed = [0; 30];
    if input.read_exact(&mut fixed).is_err() || !fixed.starts_with(b"PK\x03\x04") {
        return Ok(None);
    }
    let short = |place: usize| match fixed.get(place..place + 2) {
        Some([low, high]) => u64::from(u16::from_le_bytes([*low, *high])),
        _ => 0,
    };
    let (flags, name, extra) = (short(6), short(26), short(28));
    let size = short(18) | short(20) << 16;
    let mut header = fixed.to_vec();
    input.take(name + extra).read_to_end(&mut header)?;
    let name_end = fixed.len() + name as usize;
    let bytes = header.get(fixed.len()..name_end).unwrap_or_default();
    Ok(Some(Entry {
        name: String::from_utf8_lossy(bytes).into_owned(),
        header,
        data: at + 30 + name + extra,
        size: (flags & 8 == 0 && size != u64::from(u32::MAX)).then_some(size),
    }))
}

/// Size of an entry's data, and of the descriptor behind it: where a descriptor stands that
/// names just this size. Its checksum and sizes are put into the header, where they are missing.
/// Without a descriptor, all that is left is the entry's.
fn descriptor(
    input: &mut BufReader<File>,
    data: u64,
    end: u64,
    header: &mut [u8],
) -> io::Result<(u64, u64)> {
    const SIGN: &[u8] = b"PK\x07\x08";
    const LENGTH: usize = 16;
    input.seek(SeekFrom::Start(data))?;
    let mut window = Vec::new();
    let mut base = data;
    loop {
        let read = input.by_ref().take(1 << 20).read_to_end(&mut window)?;
        for found in memmem::find_iter(&window, SIGN) {
            let Some(facts @ [_, _, _, _, a, b, c, d, ..]) = window.get(found + 4..found + LENGTH)
            else {
                continue;
            };
            let size = base + found as u64 - data;
            if u64::from(u32::from_le_bytes([*a, *b, *c, *d])) == size {
                if let Some([flags, _, _, _, _, _, _, _, rest @ ..]) = header.get_mut(6..26)
                    && let Some(place) = rest.get_mut(..facts.len())
                {
                    *flags &= !8;
                    place.copy_from_slice(facts);
                }
                return Ok((size, LENGTH as u64));
            }
        }
        if read == 0 {
            return Ok((end.saturating_sub(data), 0));
        }
        let gone = window.len().saturating_sub(LENGTH);
        window.drain(..gone);
        base += gone as u64;
    }
}

/// Inflates the entry that begins here. The outer error is the folder's, the inner one the
/// entry's; what was read before it is there.
fn copy(
    header: &[u8],
    input: &mut BufReader<File>,
    size: u64,
    target: &Path,
) -> io::Result<Result<(), io::Error>> {
    let mut output = File::create(target)?;
    let mut input = header.chain(input);
    let mut entry = match read_zipfile_from_stream_with_compressed_size(&mut input, size) {
        Ok(Some(entry)) => entry,
        Ok(None) => return Ok(Err(io::ErrorKind::UnexpectedEof.into())),
        Err(error) => return Ok(Err(error.into())),
    };
    let most = most_inflated(size);
    let mut written = 0;
    let mut piece = vec![0; 64 << 10];
    loop {
        let read = match entry.read(&mut piece) {
            Ok(0) => return Ok(Ok(())),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Ok(Err(error)),
        };
        written += read as u64;
        if written > most {
            return Ok(Err(io::Error::other("larger than it may be")));
        }
        output.write_all(piece.get(..read).unwrap_or_default())?;
    }
}
