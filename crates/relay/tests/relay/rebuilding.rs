//! A lost relay is made again from what a vault has mirrored.

use std::path::{Path, PathBuf};

use relay::{Alarm, OpenError, RebuildError, Relay, RelayConfig, StartError};
use tlog::{Prover, SignedCheckpoint, Tile, TileReader, TreeSize};

use crate::house::*;

/// The tiles in a folder, whatever their width.
struct Files(PathBuf);

impl TileReader for Files {
    type Error = std::io::Error;

    fn tile(&self, tile: Tile) -> Result<Vec<u8>, std::io::Error> {
        let mut widths =
            (tile.width()..=256).filter_map(|w| Tile::new(tile.level(), tile.index(), w));
        let path =
            widths.find_map(|tile| Some(self.0.join(tile.path())).filter(|path| path.exists()));
        std::fs::read(path.ok_or(std::io::ErrorKind::NotFound)?)
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

/// What a vault has mirrored of the relay by now: the same files under the same names.
fn mirror(house: &House) -> tempfile::TempDir {
    let mirror = tempfile::tempdir().unwrap();
    let archive = archive_folder(house.folder.path(), house);
    copy(&archive.join("log"), mirror.path());
    copy(&archive.join("objects"), &mirror.path().join("objects"));
    std::fs::write(
        mirror.path().join("genesis"),
        house.owner.genesis.to_bytes(),
    )
    .unwrap();
    mirror
}

fn archive_folder(relay: &Path, house: &House) -> PathBuf {
    let id = house.owner.archive().to_string();
    relay.join("archives").join(id)
}

fn config_of(house: &House, folder: &Path) -> RelayConfig {
    let mut config = config(folder);
    config.archives.push(house.owner.config());
    config
}

fn head(note: &[u8]) -> (TreeSize, tlog::Hash) {
    let signed = SignedCheckpoint::parse(note).unwrap();
    (signed.claimed().size(), signed.claimed().root())
}

/// Batches enough for more than one bundle, each with an object.
async fn filled(house: &mut House, batches: u64) -> Vec<wire::Entry> {
    let client = house.agent.client(&house.relay);
    let mut entries = Vec::new();
    for number in 0..batches {
        let bytes = ciphertext(number, 1_000);
        let object = object(&bytes);
        client.upload_object(object.hash, bytes).await.unwrap();
        entries.push(house.agent.say(batch(house.owner.epoch), vec![object]));
    }
    for some in entries.chunks(64) {
        let answer = client.post_entries(some).await.unwrap();
        assert_eq!(answer.refusal(), None);
    }
    entries
}

/// REBUILD-1, REBUILD-2: the log goes on from the last mirrored checkpoint, under the same key.
#[tokio::test(flavor = "multi_thread")]
async fn rebuild_1_a_lost_log_goes_on_from_the_mirror() {
    let mut house = House::new().await;
    let entries = filled(&mut house, 300).await;
    let mirror = mirror(&house);
    let note = std::fs::read(mirror.path().join("checkpoint")).unwrap();
    let archive = house.owner.archive();
    assert_eq!(head(&note).0, TreeSize::new(304));
    // The relay admits one more, and is lost before the vault has it.
    let tail = house.agent.say(heartbeat(1), Vec::new());
    let client = house.agent.client(&house.relay);
    let before = client
        .post_entries(std::slice::from_ref(&tail))
        .await
        .unwrap();
    let before = house.owner.verify(&tail, &before.receipts()[0]);
    let House {
        relay,
        owner,
        agent,
        vault,
        folder,
    } = house;
    relay.shutdown().await;
    drop(folder);

    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path());
    config.archives.push(owner.config());
    assert!(Relay::has_no_log(&config, archive).await.unwrap());
    let rebuilt = Relay::rebuild(&config, archive, mirror.path())
        .await
        .unwrap();
    assert_eq!(rebuilt.size, TreeSize::new(304));
    assert_eq!((rebuilt.objects, rebuilt.objects_missing), (300, 0));
    assert!(!Relay::has_no_log(&config, archive).await.unwrap());
    assert!(matches!(
        Relay::rebuild(&config, archive, mirror.path()).await,
        Err(RebuildError::Standing(_))
    ));

    let relay = Relay::start(config).await.unwrap();
    let house = House {
        relay,
        owner,
        agent,
        vault,
        folder,
    };
    let client = house.agent.client(&house.relay);
    assert_eq!(
        client.checkpoint().await.unwrap(),
        note,
        "the very checkpoint of the mirror"
    );
    // What the vault had stands where it stood; what it had not comes again under the same number.
    let again = client.post_entries(&entries[..2]).await.unwrap();
    assert_eq!(
        house
            .owner
            .verify(&entries[1], &again.receipts()[1])
            .index()
            .get(),
        5
    );
    let answer = client
        .post_entries(std::slice::from_ref(&tail))
        .await
        .unwrap();
    let receipt = house.owner.verify(&tail, &answer.receipts()[0]);
    assert_eq!(receipt.index(), before.index());
    let vault = house.vault.client(&house.relay);
    let object = entries[7].objects()[0];
    assert!(vault.fetch_object(object.hash, None).await.is_ok());
    // The tree continues the mirrored one.
    let log = Files(archive_folder(house.folder.path(), &house).join("log"));
    let (now, root) = head(&client.checkpoint().await.unwrap());
    assert_eq!(now, TreeSize::new(305));
    let proof = Prover::new(&log, now)
        .consistency(TreeSize::new(304))
        .unwrap();
    proof
        .verify(TreeSize::new(304), head(&note).1, now, root)
        .unwrap();
    // And it starts again like any relay.
    let house = house.restart().await;
    let client = house.agent.client(&house.relay);
    assert_eq!(head(&client.checkpoint().await.unwrap()), (now, root));
    house.relay.shutdown().await;
}

/// REBUILD-1: nothing of the mirror is believed, and a relay half made again does not start.
#[tokio::test(flavor = "multi_thread")]
async fn rebuild_2_an_altered_mirror_is_refused_and_half_a_relay_does_not_start() {
    let mut house = House::new().await;
    filled(&mut house, 10).await;
    let mirror = mirror(&house);
    let bundle = mirror.path().join("tile/entries/000.p/14");
    let whole = std::fs::read(&bundle).unwrap();
    let mut altered = whole.clone();
    let middle = altered.len() / 2;
    altered[middle] ^= 1;
    std::fs::write(&bundle, altered).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let archive = house.owner.archive();
    let refused = Relay::rebuild(&config_of(&house, folder.path()), archive, mirror.path()).await;
    assert!(
        matches!(refused, Err(RebuildError::Follow(_))),
        "{refused:?}"
    );
    let half = Relay::start(config_of(&house, folder.path())).await;
    assert!(matches!(
        half,
        Err(StartError::Archive {
            source: OpenError::Alarm(Alarm::Smaller { .. }),
            ..
        })
    ));
    // From the sound mirror it is made whole; an object that is damaged there is told, not taken.
    std::fs::write(&bundle, whole).unwrap();
    let object = object(&ciphertext(3, 1_000)).hash.to_string();
    let path = mirror
        .path()
        .join("objects")
        .join(&object[..2])
        .join(&object);
    std::fs::write(path, [0; 1_000]).unwrap();
    let config = config_of(&house, folder.path());
    let rebuilt = Relay::rebuild(&config, archive, mirror.path())
        .await
        .unwrap();
    assert_eq!((rebuilt.objects, rebuilt.objects_missing), (9, 1));
    Relay::start(config).await.unwrap().shutdown().await;
    house.relay.shutdown().await;
}

/// REBUILD-1, REBUILD-3.
#[tokio::test(flavor = "multi_thread")]
async fn rebuild_3_a_foreign_key_and_an_older_mirror_are_refused() {
    let mut house = House::new().await;
    let old = mirror(&house);
    filled(&mut house, 2).await;
    let archive = house.owner.archive();
    let folder = tempfile::tempdir().unwrap();
    let mut foreign = config(folder.path());
    foreign.archives.push(relay::ArchiveConfig::new(
        archive,
        tlog::SigningSeed::from_bytes([9; 32]),
    ));
    let refused = Relay::rebuild(&foreign, archive, old.path()).await;
    assert!(matches!(refused, Err(RebuildError::LogKey)), "{refused:?}");
    // The database is lost, the published log is not: it has more than the mirror.
    let lost = tempfile::tempdir().unwrap();
    let log = archive_folder(house.folder.path(), &house).join("log");
    copy(&log, &archive_folder(lost.path(), &house).join("log"));
    let refused = Relay::rebuild(&config_of(&house, lost.path()), archive, old.path()).await;
    assert!(
        matches!(refused, Err(RebuildError::Behind { .. })),
        "{refused:?}"
    );
    house.relay.shutdown().await;
}
