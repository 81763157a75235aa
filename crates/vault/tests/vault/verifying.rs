//! `verify`: any flipped byte of the mirror is found, in its place.

use std::fs;
use std::path::{Path, PathBuf};

use vault::verify::{ArchiveReport, verify_archive};

use crate::archive::Archive;

async fn mirrored(batches: usize) -> Archive {
    let mut archive = Archive::new();
    for batch in 0..batches {
        archive.batch(&[&format!("text {batch}")]);
    }
    let mut locked = archive.locked();
    while locked.step().await.unwrap().more {}
    archive
}

fn verified(archive: &Archive) -> ArchiveReport {
    let fingerprint = archive.genesis.archive_id();
    verify_archive(
        &archive.vault_folder().mirror(),
        Some(fingerprint),
        &mut |_, _| {},
    )
    .unwrap()
}

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, into)
        } else {
            into.push(path)
        }
    }
}

#[tokio::test]
async fn a_whole_mirror_is_sound_and_unwitnessed() {
    let archive = mirrored(3).await;
    let report = verified(&archive);
    assert!(report.is_sound(), "{:?}", report.damage);
    assert_eq!(report.entries, report.size);
    assert_eq!((report.objects, report.objects_sound), (3, 3));
    assert!(!report.verdict.unwrap().is_witnessed());
    let other = wire::ArchiveId::from_bytes([9; 32]);
    let foreign = verify_archive(
        &archive.vault_folder().mirror(),
        Some(other),
        &mut |_, _| {},
    )
    .unwrap();
    assert_eq!(foreign.damage[0].check, "genesis");
}

#[tokio::test]
async fn a_flipped_byte_in_every_file_is_found_in_its_place() {
    let archive = mirrored(270).await;
    let mirror = archive.vault_folder().mirror();
    let sound = verified(&archive);
    assert!(sound.is_sound(), "{:?}", sound.damage);
    assert!(sound.size > 256, "a full tile, and a level above it");
    let mut all = Vec::new();
    files(mirror.root(), &mut all);
    // Objects are all alike: the first few stand for them.
    let (objects, rest): (Vec<_>, Vec<_>) = all
        .into_iter()
        .partition(|path| path.starts_with(mirror.root().join("objects")));
    for path in rest.into_iter().chain(objects.into_iter().take(3)) {
        let name = path
            .strip_prefix(mirror.root())
            .unwrap()
            .to_string_lossy()
            .into_owned();
        let whole = fs::read(&path).unwrap();
        for at in [0, whole.len() / 2, whole.len() - 1] {
            let mut altered = whole.clone();
            altered[at] ^= 0x41;
            fs::write(&path, &altered).unwrap();
            let report = verified(&archive);
            let found = report.damage.iter().find(|damage| damage.file == name);
            let found = found.unwrap_or_else(|| panic!("{name} at {at}: {:?}", report.damage));
            if name.starts_with("tile/") {
                let offset = found.offset.unwrap();
                assert!(offset <= at as u64, "{name} at {at}: said {offset}");
                if !name.starts_with("tile/entries") {
                    assert_eq!(offset, at as u64 / 32 * 32);
                }
                // Nothing else is called damaged: the tile does not blame its entries, nor they it.
                assert!(
                    report.damage.iter().all(|damage| damage.file == name),
                    "{:?}",
                    report.damage
                );
            }
        }
        fs::write(&path, &whole).unwrap();
    }
    assert!(verified(&archive).is_sound());
}

#[tokio::test]
async fn the_damaged_entry_is_named() {
    let archive = mirrored(5).await;
    let mirror = archive.vault_folder().mirror();
    let size = tlog::TreeSize::new(verified(&archive).size);
    let path = mirror.bundle_path(tlog::Bundle::in_tree(0, size).unwrap());
    let whole = fs::read(&path).unwrap();
    // The third entry, in its middle.
    let starts: Vec<usize> = {
        let mut at = 0;
        tlog::decode_bundle(&whole)
            .unwrap()
            .iter()
            .map(|entry| {
                let start = at;
                at += 2 + entry.len();
                start
            })
            .collect()
    };
    let mut altered = whole;
    altered[starts[2] + 100] ^= 1;
    fs::write(&path, &altered).unwrap();
    let report = verified(&archive);
    assert_eq!(report.damage.len(), 1);
    assert_eq!(
        (report.damage[0].index, report.damage[0].offset),
        (Some(2), Some(starts[2] as u64))
    );
    assert_eq!(report.damage[0].check, "entry");
}
