//! What a vault takes up at its next start: what it verified before, and nothing that it did not
//! write itself. Counted in leaves, not in time.

use std::path::PathBuf;

use vault::follow::{Locked, Start};
use vault::verify::verify_archive;

use crate::archive::{Archive, MemoryRelay};

async fn followed(archive: &Archive) -> Locked<MemoryRelay> {
    let mut locked = archive.locked();
    while locked.step().await.unwrap().more {}
    locked
}

fn size(archive: &Archive) -> u64 {
    archive.relay.log().leaves.len() as u64
}

fn is_sound(archive: &Archive) -> bool {
    let fingerprint = Some(archive.genesis.archive_id());
    let mirror = archive.vault_folder().mirror();
    verify_archive(&mirror, fingerprint, &mut |_, _| {})
        .unwrap()
        .is_sound()
}

#[tokio::test]
async fn a_restart_verifies_what_is_new_and_nothing_else() {
    let mut archive = Archive::new();
    for text in ["one", "two", "three"] {
        archive.batch(&[text]);
    }
    let locked = followed(&archive).await;
    assert!(matches!(locked.start(), Start::New));
    assert_eq!(locked.verified(), size(&archive));
    drop(locked);
    let known = size(&archive);
    let mut locked = archive.locked();
    assert!(matches!(locked.start(), Start::Resumed(from) if *from == known));
    assert_eq!(locked.verified(), 0);
    archive.batch(&["four"]);
    archive.batch(&["five"]);
    while locked.step().await.unwrap().more {}
    assert_eq!(locked.verified(), size(&archive) - known);
    // One more start, one more entry: what the second process kept is taken up too.
    drop(locked);
    let known = size(&archive);
    archive.batch(&["six"]);
    let locked = followed(&archive).await;
    assert_eq!(locked.verified(), size(&archive) - known);
    assert!(locked.state().alarms().unwrap().is_empty());
    assert!(is_sound(&archive));
}

#[tokio::test]
async fn rows_that_the_vault_did_not_write_are_not_taken_up() {
    let mut archive = Archive::new();
    archive.batch(&["one"]);
    drop(followed(&archive).await);
    let path = archive.vault_folder().state();
    let tampered = [
        "UPDATE follower SET standing = x'a0'",
        "UPDATE follower SET follower = zeroblob(length(follower))",
        "UPDATE follower SET mark = zeroblob(64)",
        "DELETE FROM follower_signers WHERE id = (SELECT min(id) FROM follower_signers)",
        // A row that reads well, in another's place.
        "UPDATE follower_signers SET row = (SELECT row FROM follower_signers ORDER BY id DESC LIMIT 1)
         WHERE id = (SELECT min(id) FROM follower_signers)",
        // Well-formed rows of another time: an older cursor.
        "UPDATE follower SET cursor = x'a20001011b000001a0c59e7000'",
    ];
    for how in tampered {
        let changed = {
            let database = rusqlite::Connection::open(&path).unwrap();
            database.execute(how, []).unwrap()
        };
        assert_eq!(changed, 1, "{how}");
        let locked = archive.locked();
        assert!(matches!(locked.start(), Start::Distrusted(_)), "{how}");
        assert_eq!(locked.verified(), size(&archive), "{how}");
        drop(locked);
        // What was verified again is kept again.
        assert_eq!(archive.locked().verified(), 0, "{how}");
    }
    // A vault of an earlier version has no rows.
    rusqlite::Connection::open(&path)
        .unwrap()
        .execute("DELETE FROM follower", [])
        .unwrap();
    let locked = archive.locked();
    assert!(matches!(locked.start(), Start::Whole));
    assert_eq!(locked.verified(), size(&archive));
}

/// The newest file below a level of the mirror's tiles.
fn partial_tile(archive: &Archive) -> PathBuf {
    let tree = tlog::TreeSize::new(size(archive));
    let tile = tlog::Tile::in_tree(0, 0, tree).unwrap();
    archive.vault_folder().mirror().tile_path(tile)
}

fn flip(path: &std::path::Path) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[40] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn a_mirror_with_another_tree_is_verified_whole_and_mended() {
    let mut archive = Archive::new();
    archive.batch(&["one"]);
    drop(followed(&archive).await);
    let tile = partial_tile(&archive);
    flip(&tile);
    assert!(!is_sound(&archive));
    let locked = archive.locked();
    assert!(matches!(locked.start(), Start::Distrusted(_)));
    assert_eq!(locked.verified(), size(&archive));
    assert!(locked.state().alarms().unwrap().is_empty());
    assert!(
        is_sound(&archive),
        "tiles are made again from the sound bundles"
    );
    std::fs::remove_file(&tile).unwrap();
    assert!(matches!(archive.locked().start(), Start::Distrusted(_)));
    assert!(is_sound(&archive));
    // A bundle that is not the log's stops the start; it is not taken for a fork of the relay.
    flip(&tile);
    let bundle = tlog::Bundle::in_tree(0, tlog::TreeSize::new(size(&archive))).unwrap();
    flip(&archive.vault_folder().mirror().bundle_path(bundle));
    assert!(!is_sound(&archive));
}

#[tokio::test]
async fn a_tile_damaged_while_the_vault_runs_is_no_fork() {
    let mut archive = Archive::new();
    archive.batch(&["one"]);
    let mut locked = archive.locked();
    // The vault's `stored` is in the log now and names the tree that was settled; the next step
    // compares that with the mirror's tiles.
    assert!(locked.step().await.unwrap().logged > 0);
    let settled = locked.state().head().unwrap().unwrap().seen.size;
    let tile = tlog::Tile::in_tree(0, 0, settled).unwrap();
    flip(&archive.vault_folder().mirror().tile_path(tile));
    while locked.step().await.unwrap().more {}
    assert!(locked.state().alarms().unwrap().is_empty());
    assert!(is_sound(&archive));
}

#[tokio::test]
async fn damage_of_old_bundles_is_found_by_verify_after_a_short_start() {
    let mut archive = Archive::new();
    for number in 0..300 {
        archive.batch(&[&format!("text {number}")]);
    }
    drop(followed(&archive).await);
    let mirror = archive.vault_folder().mirror();
    let path = mirror.bundle_path(tlog::Bundle::new(0, 256).unwrap());
    flip(&path);
    let locked = archive.locked();
    assert_eq!(locked.verified(), 0);
    let report = verify_archive(&mirror, None, &mut |_, _| {}).unwrap();
    assert_eq!(report.damage[0].file, "tile/entries/000");
    flip(&path);
    assert!(is_sound(&archive));
}
