//! The crash matrix of SEQ-1: each write point × {failed, failed but persisted, torn} × {go on, start anew},
//! and then the whole log is verified.

use std::path::Path;
use std::sync::Arc;

use relay::state::SqliteState;
use relay::store::{FolderLog, FolderObjects};
use relay::{Relay, RunningRelay, StartError, Stores, SubmitError};
use wire::{Entry, Role};

use crate::faulty::{Fault, Faults};
use crate::house::{Chain, Owner, bundle, config, heartbeat};
use crate::whole;

/// A log of 250 leaves in a folder, so that what comes next fills a tile, and three bundles that
/// come next.
struct Prepared {
    folder: tempfile::TempDir,
    owner: Owner,
    before: Vec<Entry>,
    next: [Vec<Entry>; 3],
}

async fn prepared() -> Prepared {
    let folder = tempfile::tempdir().unwrap();
    let mut owner = Owner::new(1);
    let mut agent = Chain::new(2, owner.archive());
    let relay = start(&owner, folder.path(), &Faults::default())
        .await
        .unwrap();
    let mut before = vec![owner.genesis_entry(), owner.enrol(&agent, Role::Agent)];
    let archive = relay.archive(owner.archive()).unwrap();
    assert_eq!(
        archive
            .submit(&bundle(&before))
            .await
            .unwrap()
            .receipts
            .len(),
        2
    );
    for round in 0..4 {
        let entries: Vec<_> = (0..62)
            .map(|n| agent.say(heartbeat(round * 62 + n), Vec::new()))
            .collect();
        assert_eq!(
            archive
                .submit(&bundle(&entries))
                .await
                .unwrap()
                .receipts
                .len(),
            62
        );
        before.extend(entries);
    }
    drop(archive);
    relay.shutdown().await;
    let mut some = |count: u64| {
        (0..count)
            .map(|n| agent.say(heartbeat(n), Vec::new()))
            .collect()
    };
    let next = [some(3), some(5), some(2)];
    Prepared {
        folder,
        owner,
        before,
        next,
    }
}

fn stores(owner: &Owner, folder: &Path) -> Result<Stores, StartError> {
    let folder = folder.join("archives").join(owner.archive().to_string());
    std::fs::create_dir_all(&folder).unwrap();
    Ok(Stores {
        log: Arc::new(FolderLog::open(folder.join("log"))?),
        objects: Arc::new(FolderObjects::open(folder.join("objects"))?),
        state: Arc::new(SqliteState::open(&folder.join("state.db"))?),
        uploads: folder.join("uploads"),
    })
}

async fn start(owner: &Owner, folder: &Path, faults: &Faults) -> Result<RunningRelay, StartError> {
    let mut config = config(folder);
    config.archives.push(owner.config());
    let stores = stores(owner, folder)?;
    let wrapped = faults.wrap(stores);
    Relay::start_with(config, &move |_| Ok(wrapped.clone())).await
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for item in std::fs::read_dir(from).unwrap() {
        let item = item.unwrap();
        if item.path().is_dir() {
            copy(&item.path(), &to.join(item.file_name()));
        } else {
            std::fs::copy(item.path(), to.join(item.file_name())).unwrap();
        }
    }
}

/// Submits the three bundles, each until it is answered, through one fault. `anew` starts the relay
/// again after each failure, and everything is dead between the fault and that start.
async fn submit_all(
    prepared: &Prepared,
    folder: &Path,
    fault: Option<(usize, Fault)>,
    anew: bool,
) -> Vec<String> {
    let faults = Faults::default();
    let mut relay = start(&prepared.owner, folder, &faults).await.unwrap();
    faults.arm(fault, anew);
    let mut passed = Vec::new();
    let mut failures = 0;
    for entries in &prepared.next {
        let receipts = loop {
            let archive = relay.archive(prepared.owner.archive()).unwrap();
            match archive.submit(&bundle(entries)).await {
                Ok(submitted) => {
                    assert_eq!(submitted.refused, None);
                    break submitted.receipts;
                }
                Err(error) => assert_eq!(error, SubmitError::Unavailable),
            }
            failures += 1;
            assert!(failures < 3, "it heals");
            if anew {
                drop(archive);
                relay.shutdown().await;
                passed.extend(faults.passed());
                faults.arm(None, false);
                relay = start(&prepared.owner, folder, &faults).await.unwrap();
            }
        };
        assert_eq!(receipts.len(), entries.len());
        for (entry, receipt) in entries.iter().zip(&receipts) {
            prepared.owner.verify(entry, receipt);
        }
    }
    relay.shutdown().await;
    passed.extend(faults.passed());
    // What a last removal has left is removed by the next start.
    start(&prepared.owner, folder, &Faults::default())
        .await
        .unwrap()
        .shutdown()
        .await;
    passed
}

async fn assert_whole(prepared: &Prepared, folder: &Path, case: &str) {
    let entries = whole::verify(&prepared.owner, folder).await;
    let expected: Vec<_> = prepared
        .before
        .iter()
        .chain(prepared.next.iter().flatten())
        .map(Entry::id)
        .collect();
    assert_eq!(
        entries.iter().map(Entry::id).collect::<Vec<_>>(),
        expected,
        "{case}"
    );
}

async fn matrix(fault: Fault, anew: bool) {
    let prepared = prepared().await;
    let clean = tempfile::tempdir().unwrap();
    copy(prepared.folder.path(), clean.path());
    let points = submit_all(&prepared, clean.path(), None, false).await;
    assert_whole(&prepared, clean.path(), "without a fault").await;
    for kind in [
        "put staged",
        "advance",
        "put tile/0",
        "put tile/1",
        "put tile/entries",
        "put checkpoint",
        "remove",
    ] {
        assert!(
            points.iter().any(|point| point.starts_with(kind)),
            "{kind} is no write point of {points:?}"
        );
    }
    for (at, point) in points.iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        copy(prepared.folder.path(), folder.path());
        let passed = submit_all(&prepared, folder.path(), Some((at, fault)), anew).await;
        assert!(passed.len() > at, "the fault came");
        assert_whole(
            &prepared,
            folder.path(),
            &format!("{fault:?} at {at}, {point}"),
        )
        .await;
    }
}

/// A crash, and another one while its start heals.
#[tokio::test(flavor = "multi_thread")]
async fn seq_1_healing_is_healed() {
    let prepared = prepared().await;
    let entries = &prepared.next[1];
    for fault in [Fault::Persisted, Fault::Torn] {
        for first in [1, 2, 4, 6, 7] {
            for second in 0..6 {
                let folder = tempfile::tempdir().unwrap();
                copy(prepared.folder.path(), folder.path());
                let faults = Faults::default();
                let relay = start(&prepared.owner, folder.path(), &faults)
                    .await
                    .unwrap();
                // The whole of the bundles before: the faults meet a group that fills a tile.
                let archive = relay.archive(prepared.owner.archive()).unwrap();
                archive.submit(&bundle(&prepared.next[0])).await.unwrap();
                // Its turn comes once the group before has cleared away behind its receipts.
                archive.submit(&bundle(&prepared.next[0])).await.unwrap();
                faults.arm(Some((first, fault)), true);
                let _ = archive.submit(&bundle(entries)).await;
                drop(archive);
                relay.shutdown().await;
                faults.arm(Some((second, fault)), true);
                if let Ok(relay) = start(&prepared.owner, folder.path(), &faults).await {
                    relay.shutdown().await;
                }
                faults.arm(None, false);
                let relay = start(&prepared.owner, folder.path(), &faults)
                    .await
                    .unwrap();
                let archive = relay.archive(prepared.owner.archive()).unwrap();
                for entries in &prepared.next[1..] {
                    let submitted = archive.submit(&bundle(entries)).await.unwrap();
                    assert_eq!(submitted.receipts.len(), entries.len());
                }
                drop(archive);
                relay.shutdown().await;
                assert_whole(
                    &prepared,
                    folder.path(),
                    &format!("{fault:?} at {first}, then at {second}"),
                )
                .await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn seq_1_a_failed_write_is_healed_in_place() {
    matrix(Fault::Failed, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn seq_1_a_failed_write_is_healed_at_start() {
    matrix(Fault::Failed, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn seq_1_a_write_that_happened_untold_is_healed_in_place() {
    matrix(Fault::Persisted, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn seq_1_a_write_that_happened_untold_is_healed_at_start() {
    matrix(Fault::Persisted, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn seq_1_a_torn_write_is_healed_in_place() {
    matrix(Fault::Torn, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn seq_1_a_torn_write_is_healed_at_start() {
    matrix(Fault::Torn, true).await;
}

/// A crash in the middle of the very first group leaves a log that begins as if nothing was.
#[tokio::test(flavor = "multi_thread")]
async fn seq_1_the_first_group_is_healed_too() {
    for fault in [Fault::Failed, Fault::Persisted, Fault::Torn] {
        for at in 0..6 {
            let folder = tempfile::tempdir().unwrap();
            let mut owner = Owner::new(1);
            let genesis = owner.genesis_entry();
            let faults = Faults::default();
            let relay = start(&owner, folder.path(), &faults).await.unwrap();
            faults.arm(Some((at, fault)), true);
            let first = relay
                .archive(owner.archive())
                .unwrap()
                .submit(&bundle(std::slice::from_ref(&genesis)))
                .await;
            relay.shutdown().await;
            faults.arm(None, false);
            let relay = start(&owner, folder.path(), &faults).await.unwrap();
            let archive = relay.archive(owner.archive()).unwrap();
            let again = archive
                .submit(&bundle(std::slice::from_ref(&genesis)))
                .await
                .unwrap();
            assert_eq!(owner.verify(&genesis, &again.receipts[0]).index().get(), 0);
            if let Ok(first) = first {
                assert_eq!(first.receipts.len(), 1);
            }
            drop(archive);
            relay.shutdown().await;
            assert_eq!(
                whole::verify(&owner, folder.path()).await.len(),
                1,
                "{fault:?} at {at}"
            );
        }
    }
}

/// An object that the store failed to keep is kept by the next attempt, without sending it again.
#[tokio::test(flavor = "multi_thread")]
async fn an_object_whose_keeping_failed_is_kept_later() {
    for fault in [Fault::Failed, Fault::Persisted] {
        let folder = tempfile::tempdir().unwrap();
        let mut owner = Owner::new(1);
        let agent = Chain::new(2, owner.archive());
        let faults = Faults::default();
        let relay = start(&owner, folder.path(), &faults).await.unwrap();
        let entries = [owner.genesis_entry(), owner.enrol(&agent, Role::Agent)];
        relay
            .archive(owner.archive())
            .unwrap()
            .submit(&bundle(&entries))
            .await
            .unwrap();
        let bytes = crate::house::ciphertext(5, 200_000);
        let named = crate::house::object(&bytes).hash;
        let client = agent.client(&relay);
        faults.arm(Some((0, fault)), false);
        let failed = client
            .upload_object(named, bytes.clone())
            .await
            .unwrap_err();
        assert_eq!((failed.status(), failed.is_transient()), (Some(503), true));
        client.upload_object(named, bytes).await.unwrap();
        assert_eq!(
            client.upload_progress(named).await.unwrap(),
            client::UploadProgress::Complete
        );
    }
}
