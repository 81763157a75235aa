//! The crash matrix: each write point × {failed, failed but persisted, torn} × {go on, start anew},
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
    let relay = start(&owner, folder.path(), &Faults::default()).await.unwrap();
    let mut before = vec![owner.genesis_entry(), owner.enrol(&agent, Role::Agent)];
    let archive = relay.archive(owner.archive()).unwrap();
    assert_eq!(archive.submit(&bundle(&before)).await.unwrap().receipts.len(), 2);
    for round in 0..4 {
        let entries: Vec<_> = (0..62).map(|n| agent.say(heartbeat(round * 62 + n), Vec::new())).collect();
        assert_eq!(archive.submit(&bundle(&entries)).await.unwrap().receipts.len(), 62);
        before.extend(entries);
    }
    drop(archive);
    relay.shutdown().await;
    let mut some = |count: u64| (0..count).map(|n| agent.say(heartbeat(n), Vec::new())).collect();
    let next = [some(3), some(5), some(2)];
    Prepared { folder, owner, before, next }
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

/// Submits the three bundles, each until it is answered, and says how often it was not.
async fn submit_all(prepared: &Prepared, folder: &Path, faults: &Faults, anew: bool) -> usize {
    let mut relay = start(&prepared.owner, folder, &Faults::default()).await.unwrap();
    relay.shutdown().await;
    relay = start(&prepared.owner, folder, faults).await.unwrap();
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
            assert!(failures < 5, "it heals");
            if anew {
                drop(archive);
                relay.shutdown().await;
                faults.arm(None, false);
                relay = start(&prepared.owner, folder, faults).await.unwrap();
            }
        };
        assert_eq!(receipts.len(), entries.len());
        for (entry, receipt) in entries.iter().zip(&receipts) {
            prepared.owner.verify(entry, receipt);
        }
    }
    relay.shutdown().await;
    failures
}

async fn matrix(fault: Fault, anew: bool) {
    let prepared = prepared().await;
    let mut points = usize::MAX;
    let mut at = 0;
    let mut failures = 0;
    while at <= points {
        let folder = tempfile::tempdir().unwrap();
        copy(prepared.folder.path(), folder.path());
        let faults = Faults::default();
        // The last round goes through without a fault and tells how many points there are.
        faults.arm((at < points).then_some((at, fault)), anew);
        failures += submit_all(&prepared, folder.path(), &faults, anew).await;
        let entries = whole::verify(&prepared.owner, folder.path()).await;
        let expected: Vec<_> = prepared.before.iter().chain(prepared.next.iter().flatten()).map(Entry::id).collect();
        assert_eq!(entries.iter().map(Entry::id).collect::<Vec<_>>(), expected, "{fault:?} at point {at}");
        if points == usize::MAX {
            let clean = tempfile::tempdir().unwrap();
            copy(prepared.folder.path(), clean.path());
            let faults = Faults::default();
            faults.arm(None, false);
            assert_eq!(submit_all(&prepared, clean.path(), &faults, false).await, 0);
            points = faults.passed().len();
            assert!(points > 25, "{:?}", faults.passed());
        }
        at += 1;
    }
    assert!(failures >= points, "every fault is noticed");
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
            let first = relay.archive(owner.archive()).unwrap().submit(&bundle(std::slice::from_ref(&genesis))).await;
            relay.shutdown().await;
            faults.arm(None, false);
            let relay = start(&owner, folder.path(), &faults).await.unwrap();
            let archive = relay.archive(owner.archive()).unwrap();
            let again = archive.submit(&bundle(std::slice::from_ref(&genesis))).await.unwrap();
            assert_eq!(owner.verify(&genesis, &again.receipts[0]).index().get(), 0);
            if let Ok(first) = first {
                assert_eq!(first.receipts.len(), 1);
            }
            drop(archive);
            relay.shutdown().await;
            assert_eq!(whole::verify(&owner, folder.path()).await.len(), 1, "{fault:?} at {at}");
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
        relay.archive(owner.archive()).unwrap().submit(&bundle(&entries)).await.unwrap();
        let bytes = crate::house::ciphertext(5, 200_000);
        let named = crate::house::object(&bytes).hash;
        let client = agent.client(&relay);
        faults.arm(Some((0, fault)), false);
        let failed = client.upload_object(named, bytes.clone()).await.unwrap_err();
        assert_eq!((failed.status(), failed.is_transient()), (Some(503), true));
        client.upload_object(named, bytes).await.unwrap();
        assert_eq!(client.upload_progress(named).await.unwrap(), client::UploadProgress::Complete);
    }
}
