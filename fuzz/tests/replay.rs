//! Runs every target over its corpus, and over seeded mutations of it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use fuzz::{TARGETS, Target};

/// Most bytes of a corpus file, and of a mutation.
const LARGEST: usize = 64 << 10;
const MOST_FILES: usize = 40;

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(name);
    let files = fs::read_dir(&folder);
    let mut files: Vec<PathBuf> = files
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

/// SplitMix64: numbers that are the same on every machine.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit.max(1) as u64).unwrap()
    }
}

/// Bytes that mean something in one of the formats.
const BYTES: [u8; 14] = [
    0, 1, 0x17, 0x18, 0x1b, 0x3b, 0x5b, 0x7f, 0x80, 0x9f, 0xbf, 0xf6, 0xff, b'\n',
];

/// One to four changes of a corpus file: bits, bytes, cuts, doublings, pieces of another file.
fn mutated(files: &[Vec<u8>], file: usize, numbers: &mut Numbers) -> Vec<u8> {
    let mut data = files[file].clone();
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(data.len() + 1);
        match numbers.below(7) {
            0 => {
                if let Some(byte) = data.get_mut(at) {
                    *byte ^= 1 << numbers.below(8);
                }
            }
            1 => {
                if let Some(byte) = data.get_mut(at) {
                    *byte = BYTES[numbers.below(BYTES.len())];
                }
            }
            2 => data.insert(at, BYTES[numbers.below(BYTES.len())]),
            3 => data.truncate(at),
            4 => {
                let end = (at + 1 + numbers.below(16)).min(data.len());
                data.drain(at..end);
            }
            5 => {
                let end = (at + 1 + numbers.below(64)).min(data.len());
                let piece = data[at..end].to_vec();
                data.splice(at..at, piece);
            }
            _ => {
                let other = &files[numbers.below(files.len())];
                let from = numbers.below(other.len() + 1);
                let end = (from + numbers.below(64)).min(other.len());
                data.splice(at..at, other[from..end].iter().copied());
            }
        }
    }
    data.truncate(LARGEST);
    data
}

fn replay(target: &Target) {
    let files = corpus(target.name);
    for file in &files {
        (target.run)(file);
    }
    (target.run)(&[]);
    let seed = target.name.bytes().fold(0_u64, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(u64::from(byte))
    });
    let mut numbers = Numbers(seed);
    for file in 0..files.len() {
        for _ in 0..target.mutations {
            (target.run)(&mutated(&files, file, &mut numbers));
        }
    }
}

#[test]
fn every_target_has_a_corpus_and_every_corpus_a_target() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let folders: BTreeSet<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let targets: BTreeSet<String> = TARGETS.iter().map(|target| target.name.into()).collect();
    assert_eq!(folders, targets);
    for target in TARGETS {
        let files = corpus(target.name);
        assert!(
            (1..=MOST_FILES).contains(&files.len()),
            "{}: {}",
            target.name,
            files.len()
        );
        assert!(
            files.iter().all(|file| file.len() <= LARGEST),
            "{}",
            target.name
        );
    }
}

#[test]
fn every_target_has_a_wrapper_for_libfuzzer() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz_targets");
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    for target in TARGETS {
        let name = target.name;
        assert!(
            manifest.contains(&format!("name = \"{name}\"")),
            "{name} in Cargo.toml"
        );
        let wrapper = fs::read_to_string(folder.join(format!("{name}.rs"))).unwrap();
        assert!(
            wrapper.contains(&format!("fuzz::{name}(data)")),
            "{name}.rs"
        );
    }
}

/// Targets in groups, so that a test runner shares them among processors.
macro_rules! replays {
    ($($test:ident $group:literal,)*) => {
        const GROUPS: usize = [$($group),*].len();
        $(#[test]
        fn $test() {
            TARGETS.iter().skip($group).step_by(GROUPS).for_each(replay);
        })*
    };
}

replays! {
    replays_first_group 0,
    replays_second_group 1,
    replays_third_group 2,
    replays_fourth_group 3,
}
