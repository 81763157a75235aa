//! What a process has in its memory: read from the living process, or from a core file.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use memchr::memmem;

use crate::markers::Search;

/// The readable memory of a process at one moment, piece by piece with its addresses.
pub struct Memory {
    pieces: Vec<(u64, Vec<u8>)>,
}

/// One mapping of a process, from `/proc/PID/smaps`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// First address.
    pub from: u64,
    /// Address behind it.
    pub to: u64,
    /// What is mapped: a path, a name in brackets, or nothing.
    pub name: String,
    /// Whether it may be read.
    pub readable: bool,
    /// The kernel's flags, two letters each.
    pub flags: Vec<String>,
}

impl Mapping {
    /// Whether it is the kernel's own, which no program can exclude from a dump or include.
    pub fn is_of_kernel(&self) -> bool {
        ["[vvar", "[vdso", "[vsyscall"]
            .iter()
            .any(|name| self.name.starts_with(name))
    }

    /// Whether the program has asked that it be left out of dumps (`MADV_DONTDUMP`).
    pub fn is_left_out_of_dumps(&self) -> bool {
        self.flags.iter().any(|flag| flag == "dd")
    }
}

/// The mappings of a process.
pub fn mappings(process: u32) -> Vec<Mapping> {
    let text = std::fs::read_to_string(format!("/proc/{process}/smaps")).unwrap();
    let mut found: Vec<Mapping> = Vec::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let first = words.next().unwrap_or_default();
        if let Some((from, to)) = range(first) {
            let readable = words.next().is_some_and(|rights| rights.starts_with('r'));
            let name = words.skip(3).collect::<Vec<_>>().join(" ");
            found.push(Mapping {
                from,
                to,
                name,
                readable,
                flags: Vec::new(),
            });
        } else if first == "VmFlags:" {
            found.last_mut().unwrap().flags = words.map(str::to_owned).collect();
        }
    }
    found
}

fn range(word: &str) -> Option<(u64, u64)> {
    let (from, to) = word.split_once('-')?;
    Some((
        u64::from_str_radix(from, 16).ok()?,
        u64::from_str_radix(to, 16).ok()?,
    ))
}

impl Memory {
    /// Of a living process, whatever its mappings are.
    pub fn of_process(process: u32) -> Self {
        let memory = File::open(format!("/proc/{process}/mem")).unwrap();
        let mut pieces = Vec::new();
        for mapping in mappings(process)
            .into_iter()
            .filter(|mapping| mapping.readable && !mapping.is_of_kernel())
        {
            let mut bytes = vec![0; usize::try_from(mapping.to - mapping.from).unwrap()];
            // A mapping may be gone since it was listed; a file's pages behind its end can not be read.
            let mut at = 0;
            while at < bytes.len() {
                match memory.read_at(&mut bytes[at..], mapping.from + at as u64) {
                    Ok(read) if read > 0 => at += read,
                    _ => at = (at / 4096 + 1) * 4096,
                }
            }
            pieces.push((mapping.from, bytes));
        }
        Self { pieces }
    }

    /// Dumps a process with `gcore -a`, which leaves nothing out, and reads the core file.
    pub fn dumped(process: u32, folder: &Path) -> Self {
        let prefix = folder.join("core");
        let status = Command::new("gcore")
            .args(["-a", "-o"])
            .arg(&prefix)
            .arg(process.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("gcore comes with gdb; `cargo xtask setup` says how to install it");
        assert!(status.success(), "gcore: {status}");
        let path = PathBuf::from(format!("{}.{process}", prefix.display()));
        let memory = Self::of_core(&path);
        std::fs::remove_file(path).unwrap();
        memory
    }

    /// From an ELF core file of 64 bits: its loadable segments.
    fn of_core(path: &Path) -> Self {
        let mut file = File::open(path).unwrap();
        let mut header = [0; 64];
        file.read_exact(&mut header).unwrap();
        assert_eq!(header[..5], *b"\x7fELF\x02", "a core file of 64 bits");
        let word =
            |bytes: &[u8], at: usize| u64::from_le_bytes(*bytes[at..].first_chunk().unwrap());
        let half =
            |bytes: &[u8], at: usize| u16::from_le_bytes(*bytes[at..].first_chunk().unwrap());
        let (first, size, count) = (word(&header, 32), half(&header, 54), half(&header, 56));
        let mut pieces = Vec::new();
        for number in 0..u64::from(count) {
            let mut segment = vec![0; usize::from(size)];
            file.read_exact_at(&mut segment, first + number * u64::from(size))
                .unwrap();
            const LOADABLE: u8 = 1;
            if segment[0] != LOADABLE {
                continue;
            }
            let mut bytes = vec![0; usize::try_from(word(&segment, 32)).unwrap()];
            file.seek(SeekFrom::Start(word(&segment, 8))).unwrap();
            file.read_exact(&mut bytes).unwrap();
            pieces.push((word(&segment, 16), bytes));
        }
        Self { pieces }
    }

    /// Bytes in all.
    pub fn len(&self) -> usize {
        self.pieces.iter().map(|(_, bytes)| bytes.len()).sum()
    }

    /// Whether nothing could be read.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where a word stands, in any form: form and address, the first of each piece.
    pub fn search(&self, search: &Search) -> Vec<(&'static str, u64)> {
        let found = |(from, bytes): &(u64, Vec<u8>)| {
            let from = *from;
            search
                .within(bytes)
                .into_iter()
                .map(move |(form, at)| (form, from + at as u64))
        };
        self.pieces.iter().flat_map(found).collect()
    }

    /// Whether exactly these bytes stand at an address.
    pub fn has(&self, address: u64, bytes: &[u8]) -> bool {
        self.pieces.iter().any(|(from, piece)| {
            memmem::find_iter(piece, bytes).any(|at| from + at as u64 == address)
        })
    }
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Memory({} bytes in {} pieces)",
            self.len(),
            self.pieces.len()
        )
    }
}
