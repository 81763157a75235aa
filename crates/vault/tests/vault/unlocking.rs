//! What a room takes up of the rooms before it, and nothing that none of them wrote. Counted in
//! leaves, not in time (ROOM-9, ROOM-10).

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use vault::prove::verify_proof;
use vault::room::process::RoomClient;
use vault::room::protocol::{Answer, Ask, Status};
use vault::state::State;

use crate::archive::Archive;
use crate::reading::{client, filed, followed, open, search};

/// What a room says that has taken nothing up.
const AGAIN: &str = "the whole log was verified again";

/// Opens a room, lets it file everything, and locks it behind `ask`.
fn room<T>(archive: &Archive, ask: impl FnOnce(&mut RoomClient) -> T) -> (Status, T) {
    let size = archive.newest().get() + 1;
    let room = open(archive);
    let mut client = client(archive);
    let _ = filed(&mut client, size);
    let answer = ask(&mut client);
    let status = filed(&mut client, size);
    room.lock().unwrap();
    (status, answer)
}

fn status(archive: &Archive) -> Status {
    room(archive, |_| ()).0
}

fn says(status: &Status, what: &str) -> bool {
    status.notes.iter().any(|note| note.contains(what))
}

fn show(client: &mut RoomClient, record: record::RecordId) -> Result<String, String> {
    let ask = Ask::Show {
        record: record.to_string(),
        before: 0,
        after: 0,
    };
    match client.ask(ask).unwrap() {
        Answer::Shown(shown) => Ok(shown.text),
        Answer::Problem { why, .. } => Err(why),
        _ => panic!("not shown"),
    }
}

/// The rows, in one file.
fn rows(archive: &Archive) -> PathBuf {
    let path = archive.vault_folder().room_log();
    let database = Connection::open(&path).unwrap();
    database
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .unwrap();
    path
}

fn put_back(archive: &Archive, from: &Path) {
    let path = rows(archive);
    let _ = std::fs::remove_file(path.with_extension("db-wal"));
    let _ = std::fs::remove_file(path.with_extension("db-shm"));
    std::fs::copy(from, path).unwrap();
}

/// ROOM-9.
#[tokio::test]
async fn room_9_an_unlock_verifies_what_is_new_and_nothing_else() {
    let mut archive = Archive::new();
    let old = archive.batch(&["the first budget", "another word"])[0];
    archive.batch(&["the second budget"]);
    let first = followed(&archive).await;
    let (before, ()) = room(&archive, |_| ());
    assert_eq!((before.verified, before.verified_here), (first, first));
    assert!(before.notes.is_empty(), "{:?}", before.notes);

    archive.batch(&["the third budget"]);
    let second = followed(&archive).await;
    assert!(second > first + 1, "looks are in the log too");
    let (after, proof) = room(&archive, |client| {
        assert_eq!(search(client, "budget").total, 3);
        assert_eq!(show(client, old).unwrap(), "the first budget");
        // The looks of the room before stand in entries that this one did not verify.
        match client.ask(Ask::Audit { limit: 100 }).unwrap() {
            Answer::Audit(looks) => {
                let logged = looks.iter().filter(|look| look.index.is_some());
                assert!(logged.filter(|look| look.what == "unlock").count() >= 1);
            }
            _ => panic!("no looks"),
        }
        let mut proof = Vec::new();
        let ask = Ask::Prove {
            record: old.to_string(),
            show: vec!["body".to_owned()],
            attachments: Vec::new(),
        };
        assert!(matches!(
            client.ask_bytes(ask, &mut proof).unwrap(),
            Answer::Bytes { .. }
        ));
        proof
    });
    assert_eq!(after.verified, second);
    assert_eq!(after.verified_here, second - first);
    assert!(after.notes.is_empty(), "{:?}", after.notes);
    // What a filed record's proof needs is all there, down to the control chain.
    let report = verify_proof(&proof, Some(archive.genesis.archive_id())).unwrap();
    assert!(report.control_whole && report.body.is_some());

    // Nothing new: nothing is verified, and everything can be filed again.
    let (third, total) = room(&archive, |client| {
        client.ask(Ask::Rebuild).unwrap();
        filed(client, second);
        search(client, "budget").total
    });
    assert_eq!((third.verified_here, total), (0, 3));
    assert_eq!(third.records, before.records + 1);
}

/// ROOM-9.
#[tokio::test]
async fn room_9_rows_that_no_room_wrote_are_not_taken_up() {
    let mut archive = Archive::new();
    archive.batch(&["the budget"]);
    let size = followed(&archive).await;
    assert_eq!(status(&archive).verified_here, size);
    assert_eq!(status(&archive).verified_here, 0);
    let tampered = [
        "UPDATE log SET follower = zeroblob(length(follower))",
        // Well-formed rows of another time: an older cursor.
        "UPDATE log SET cursor = x'a20001011b000001a0c59e7000'",
        "UPDATE log SET standing = x'a0'",
        "UPDATE log SET epoch = zeroblob(32)",
        "UPDATE log SET mark = zeroblob(32)",
        "UPDATE log SET mark = x''",
        "DELETE FROM signers WHERE id = (SELECT min(id) FROM signers)",
        // A row that reads well, in another's place.
        "UPDATE signers SET row = (SELECT row FROM signers ORDER BY id DESC LIMIT 1)
         WHERE id = (SELECT min(id) FROM signers)",
        // A batch that nobody would look for.
        "UPDATE outlines SET codes = zeroblob(length(codes))",
        "UPDATE outlines SET codes = substr(codes, 1, length(codes) - 2)",
        "UPDATE outlines SET epochs = zeroblob(length(epochs))",
        "UPDATE outlines SET bundle = 1",
        "DELETE FROM outlines",
    ];
    for how in tampered {
        let changed = Connection::open(rows(&archive))
            .unwrap()
            .execute(how, [])
            .unwrap();
        assert_eq!(changed, 1, "{how}");
        let (distrusting, total) = room(&archive, |client| search(client, "budget").total);
        assert_eq!((distrusting.verified_here, total), (size, 1), "{how}");
        assert!(says(&distrusting, AGAIN), "{how}: {:?}", distrusting.notes);
        // What was verified again is kept again.
        let next = status(&archive);
        assert_eq!(next.verified_here, 0, "{how}");
        assert!(next.notes.is_empty(), "{how}: {:?}", next.notes);
    }
    // Rows of an archive whose keys happen to be the same.
    let mut other = Archive::founded(9);
    other.batch(&["the budget"]);
    assert_eq!(followed(&other).await, size);
    assert_eq!(status(&other).verified_here, size);
    put_back(&archive, &rows(&other));
    let distrusting = status(&archive);
    assert_eq!(distrusting.verified_here, size);
    assert!(says(&distrusting, AGAIN), "{:?}", distrusting.notes);
    // No database at all, and no rows.
    std::fs::write(rows(&archive), b"no database").unwrap();
    let distrusting = status(&archive);
    assert_eq!(distrusting.verified_here, size);
    assert!(says(&distrusting, AGAIN), "{:?}", distrusting.notes);
    std::fs::remove_file(rows(&archive)).unwrap();
    let new = status(&archive);
    assert_eq!((new.verified_here, new.notes.len()), (size, 0));
}

/// ROOM-9: rows of a smaller log, put back, are verified beyond, and are told.
#[tokio::test]
async fn room_9_older_rows_lose_nothing_and_are_told() {
    let mut archive = Archive::new();
    archive.batch(&["the first budget"]);
    let first = followed(&archive).await;
    status(&archive);
    let copies = tempfile::tempdir().unwrap();
    let copy = copies.path().join("older");
    std::fs::copy(rows(&archive), &copy).unwrap();
    archive.batch(&["the second budget"]);
    let second = followed(&archive).await;
    assert_eq!(status(&archive).verified_here, second - first);
    put_back(&archive, &copy);
    archive.batch(&["the third budget"]);
    let third = followed(&archive).await;
    let (after, total) = room(&archive, |client| search(client, "budget").total);
    assert_eq!((after.verified_here, total), (third - first, 3));
    assert!(says(&after, "put back from a copy"), "{:?}", after.notes);
    let next = status(&archive);
    assert_eq!((next.verified_here, next.notes.len()), (0, 0));
}

/// ROOM-9: a mirror with another log than the one that was verified is an alarm, also where that
/// other log is signed and whole.
#[tokio::test]
async fn room_9_another_log_than_the_one_before_is_an_alarm() {
    let mut archive = Archive::new();
    archive.batch(&["the first budget"]);
    let size = followed(&archive).await;
    status(&archive);
    // The same archive, told otherwise from its agent's first batch on.
    let mut fork = Archive::new();
    fork.batch(&["the first trip"]);
    fork.batch(&["the second trip"]);
    assert_eq!(followed(&fork).await, size + 1);
    let mirror = |archive: &Archive| archive.vault_folder().mirror().root().to_owned();
    std::fs::remove_dir_all(mirror(&archive)).unwrap();
    std::fs::rename(mirror(&fork), mirror(&archive)).unwrap();
    let room = open(&archive);
    let forked = filed(&mut client(&archive), size + 1);
    room.lock().unwrap();
    assert_eq!(forked.verified_here, size + 1);
    assert!(says(&forked, AGAIN), "{:?}", forked.notes);
    let what = "is not the one";
    assert!(says(&forked, what), "{:?}", forked.notes);
    let alarms = State::open(&archive.vault_folder().state())
        .unwrap()
        .alarms()
        .unwrap();
    assert!(alarms.iter().any(|(_, alarm)| alarm.contains(what)));
}

/// ROOM-10.
#[tokio::test]
async fn room_10_rows_go_over_to_the_next_governance_epoch_and_end_with_its_key() {
    let under = |archive: &Archive| -> Vec<u8> {
        Connection::open(rows(archive))
            .unwrap()
            .query_row("SELECT epoch FROM log", [], |row| row.get(0))
            .unwrap()
    };
    let mut archive = Archive::new();
    archive.batch(&["the budget"]);
    let first = followed(&archive).await;
    status(&archive);
    let former = under(&archive);
    let second_epoch = archive.another_governance();
    let second = followed(&archive).await;
    assert_eq!(status(&archive).verified_here, second - first);
    assert_eq!(under(&archive), second_epoch.as_bytes());
    // The former key is not needed any more.
    let former: [u8; 32] = former.try_into().unwrap();
    archive.destroy(wire::EpochId::from_bytes(former));
    let size = followed(&archive).await;
    let next = status(&archive);
    assert_eq!(next.verified_here, size - second);
    assert!(!says(&next, AGAIN), "{:?}", next.notes);
    // A key that ends before a room has carried the rows over takes them along.
    archive.another_governance();
    archive.destroy(second_epoch);
    let size = followed(&archive).await;
    let (without, total) = room(&archive, |client| search(client, "budget").total);
    assert_eq!((without.verified_here, total), (size, 1));
    assert!(says(&without, AGAIN), "{:?}", without.notes);
    assert!(says(&without, "the key is gone"), "{:?}", without.notes);
    let size = followed(&archive).await;
    let looks = size - without.verified;
    assert_eq!(status(&archive).verified_here, looks);
}

/// ROOM-9: batches of an epoch that has ended are neither opened nor missed.
#[tokio::test]
async fn room_9_a_destroyed_epoch_is_passed_over() {
    let mut archive = Archive::new();
    archive.batch(&["the first budget"]);
    let kept = archive.another_epoch();
    followed(&archive).await;
    status(&archive);
    archive.destroy_epoch();
    archive.seal_to(kept);
    archive.batch(&["the second budget"]);
    let size = followed(&archive).await;
    let (after, total) = room(&archive, |client| search(client, "budget").total);
    assert_eq!((after.filed, after.partitions, total), (size, 1, 1));
    assert!(!says(&after, AGAIN), "{:?}", after.notes);
}

/// ROOM-9: a mirror that does not give again what was verified.
#[tokio::test]
async fn room_9_a_mirror_damaged_behind_its_edge_is_verified_whole_when_it_is_read() {
    let mut archive = Archive::new();
    let old = archive.batch(&["the old budget"])[0];
    for number in 0..300 {
        archive.batch(&[&format!("text {number}")]);
    }
    followed(&archive).await;
    status(&archive);
    let size = followed(&archive).await;
    let mirror = archive.vault_folder().mirror();
    let flip = |path: &Path, at: usize| {
        let mut bytes = std::fs::read(path).unwrap();
        bytes[at] ^= 1;
        std::fs::write(path, bytes).unwrap();
    };
    // A tile: the bundles still make the tree.
    let tile = mirror.tile_path(tlog::Tile::new(0, 0, 256).unwrap());
    flip(&tile, 40);
    let (mended, shown) = room(&archive, |client| show(client, old));
    assert_eq!(shown.unwrap(), "the old budget");
    assert_eq!(mended.verified_here, size);
    assert!(says(&mended, AGAIN), "{:?}", mended.notes);
    flip(&tile, 40);
    // A bundle: what stands there is lost, and said to be.
    let bundle = mirror.bundle_path(tlog::Bundle::new(0, 256).unwrap());
    let bytes = std::fs::read(&bundle).unwrap();
    let leaves = tlog::decode_bundle(&bytes).unwrap();
    // The batch behind genesis, two enrolments and the epochs.
    let before: usize = leaves[..4].iter().map(|leaf| leaf.len() + 2).sum();
    let at = before + 2 + leaves[4].len() / 2;
    flip(&bundle, at);
    let (damaged, shown) = room(&archive, |client| show(client, old));
    assert!(shown.is_err());
    assert!(damaged.verified_here < size);
    assert!(
        says(&damaged, "can not be read from the mirror"),
        "{:?}",
        damaged.notes
    );
    flip(&bundle, at);
    let (whole, shown) = room(&archive, |client| show(client, old));
    assert_eq!(shown.unwrap(), "the old budget");
    assert!(whole.notes.is_empty(), "{:?}", whole.notes);
}
