//! The locked part: follows, mirrors, says stored, alarms.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use canonical::Milliseconds;
use vault::follow::{Locked, StepError};
use vault::state::Holding;
use vault::watch::{GapWhy, gaps};
use wire::{AccountHandle, AccountState, CaptureState, Heartbeat, Kind, RefusalCode};

use crate::archive::{Archive, NOW, clock};

#[tokio::test]
async fn follows_mirrors_and_says_stored_once() {
    let mut archive = Archive::new();
    archive.batch(&["one", "two"]);
    let mut locked = archive.locked();
    let step = locked.step().await.unwrap();
    assert_eq!((step.entries, step.objects, step.logged), (5, 1, 1));
    assert_eq!(archive.relay.kinds().last(), Some(&Kind::Stored));
    // Its own `stored` calls forth no other.
    for _ in 0..3 {
        locked.step().await.unwrap();
    }
    let stored = |kinds: Vec<Kind>| kinds.iter().filter(|kind| **kind == Kind::Stored).count();
    assert_eq!(stored(archive.relay.kinds()), 1);
    archive.batch(&["three"]);
    locked.step().await.unwrap();
    assert_eq!(stored(archive.relay.kinds()), 2);
    assert_eq!(locked.state().counts().unwrap().held, 2);
}

#[tokio::test]
async fn goes_on_after_a_restart_and_does_nothing_twice() {
    let mut archive = Archive::new();
    for text in ["a", "b", "c"] {
        archive.batch(&[text]);
        // Each step by a new process.
        archive.locked().step().await.unwrap();
    }
    let mut locked = archive.locked();
    locked.step().await.unwrap();
    let counts = locked.state().counts().unwrap();
    assert_eq!(counts.entries, archive.relay.log().leaves.len() as u64);
    assert_eq!((counts.objects, counts.held), (3, 3));
}

#[tokio::test]
async fn an_object_goes_on_where_its_delivery_broke_off() {
    let mut archive = Archive::new();
    archive.attached("see the plan", &vec![7; 200_000]);
    archive.relay.log().cut_after = Some(70_000);
    let mut locked = archive.locked();
    assert!(matches!(locked.step().await, Err(StepError::Relay(_))));
    // Not stored before all of it is here.
    assert!(!archive.relay.kinds().contains(&Kind::Stored));
    locked.step().await.unwrap();
    assert_eq!(locked.state().counts().unwrap().held, 2);
    assert!(archive.relay.kinds().contains(&Kind::Stored));
}

#[tokio::test]
async fn missing_and_wrong_objects_hold_stored_back_and_show_as_gaps() {
    let mut archive = Archive::new();
    archive.batch(&["one"]);
    archive.batch(&["two"]);
    let (first, second) = {
        let log = archive.relay.log();
        let object = |leaf: &Vec<u8>| wire::Leaf::parse(leaf).unwrap().entry().objects()[0].hash;
        (object(&log.leaves[4]), object(&log.leaves[5]))
    };
    archive.relay.log().hidden.push(first);
    archive.relay.log().objects.get_mut(&second).unwrap()[100] ^= 1;
    let mut locked = archive.locked();
    let step = locked.step().await.unwrap();
    assert_eq!((step.objects, step.stored), (0, 4));
    // What the log is told is what lets agents drop their copies.
    assert_eq!(said_stored(&archive), [4]);
    let open = locked.state().open_objects(9, u64::MAX).unwrap();
    assert_eq!(
        open.iter().map(|open| open.holding).collect::<Vec<_>>(),
        [Holding::Missing, Holding::Damaged]
    );
    let whys: Vec<_> = gaps(locked.state(), Milliseconds::new(NOW))
        .unwrap()
        .iter()
        .map(|gap| gap.why)
        .collect();
    assert!(whys.contains(&GapWhy::ObjectMissing) && whys.contains(&GapWhy::ObjectDamaged));
    // Repaired at the relay, it arrives in the end.
    archive.relay.log().hidden.clear();
    archive.relay.log().objects.get_mut(&second).unwrap()[100] ^= 1;
    locked.state().try_again().unwrap();
    assert_eq!(locked.step().await.unwrap().objects, 2);
    assert!(matches!(said_stored(&archive)[..], [4, through] if through >= 6));
}

/// Up to where the vault has said in the log that it holds everything.
fn said_stored(archive: &Archive) -> Vec<u64> {
    let through = |entry: wire::Entry| match entry.body() {
        wire::Body::Stored(stored) => Some(stored.through.get()),
        _ => None,
    };
    archive
        .relay
        .entries()
        .into_iter()
        .filter_map(through)
        .collect()
}

/// LEAF-2.
#[tokio::test]
async fn leaf_2_a_fork_and_a_log_that_went_back_alarm() {
    let mut archive = Archive::new();
    let mut locked = archive.locked();
    locked.step().await.unwrap();
    let old = archive.relay.log().note();
    archive.batch(&["one"]);
    locked.step().await.unwrap();
    // The log's own key signs another tree of the next size.
    let forked = {
        let log = archive.relay.log();
        log.sign(
            tlog::TreeSize::new(log.leaves.len() as u64),
            tlog::Hash::leaf(b"another"),
        )
    };
    archive.relay.log().shown = Some(forked);
    assert!(matches!(locked.step().await, Err(StepError::Chain(error)) if error.is_alarm()));
    archive.relay.log().shown = Some(old);
    assert!(matches!(
        locked.step().await,
        Err(StepError::WentBack { .. })
    ));
    assert_eq!(locked.state().alarms().unwrap().len(), 2);
    let now = Milliseconds::new(NOW);
    assert!(
        gaps(locked.state(), now)
            .unwrap()
            .iter()
            .any(|gap| gap.why == GapWhy::Fork)
    );
    // A new process remembers what the old one saw.
    archive.relay.log().shown = None;
    let mut locked = archive.locked();
    locked.step().await.unwrap();
    assert_eq!(locked.state().alarms().unwrap().len(), 2);
}

#[tokio::test]
async fn altered_leaves_are_not_believed() {
    let mut archive = Archive::new();
    archive.batch(&["one"]);
    let note = archive.relay.log().note();
    archive.relay.log().shown = Some(note);
    archive.relay.log().leaves[4][7] ^= 1;
    let mut locked = archive.locked();
    assert!(locked.step().await.is_err());
    assert!(locked.state().head().unwrap().is_none());
    archive.relay.log().leaves[4][7] ^= 1;
    locked.step().await.unwrap();
    assert_eq!(locked.state().head().unwrap().unwrap().seen.size.get(), 5);
}

/// CHAIN-2.
#[tokio::test]
async fn chain_2_a_refused_entry_is_withdrawn_and_the_chain_goes_on() {
    let mut archive = Archive::new();
    archive.batch(&["one"]);
    archive.relay.log().refuse = Some(RefusalCode::UnknownEpoch);
    let mut locked = archive.locked();
    locked.step().await.unwrap();
    assert!(archive.relay.kinds().contains(&Kind::Withdrawn));
    archive.batch(&["two"]);
    locked.step().await.unwrap();
    locked.step().await.unwrap();
    assert!(archive.relay.kinds().contains(&Kind::Stored));
    let now = Milliseconds::new(NOW);
    assert!(
        gaps(locked.state(), now)
            .unwrap()
            .iter()
            .any(|gap| gap.why == GapWhy::Withdrawn)
    );
}

#[tokio::test]
async fn silence_and_losses_show_while_locked() {
    let mut archive = Archive::new();
    let beat = |state, losses| Heartbeat {
        accounts: vec![AccountState {
            account: AccountHandle::from_bytes([9; 16]),
            state,
            captured: 10,
            losses,
        }],
        waiting: 0,
        details: None,
    };
    archive.heartbeat(beat(CaptureState::Connected, 0));
    archive.heartbeat(beat(CaptureState::Unlinked, 2));
    archive.relay.log().now += 3 * 3_600_000;
    archive.heartbeat(beat(CaptureState::Connected, 2));
    let last = archive.relay.log().now;
    let mut locked = archive.locked();
    locked.step().await.unwrap();
    let found = gaps(locked.state(), Milliseconds::new(last)).unwrap();
    let of = |why| found.iter().find(|gap| gap.why == why).unwrap();
    assert_eq!(of(GapWhy::Losses).count, 2);
    let silent = of(GapWhy::Silent);
    assert_eq!(silent.to.unwrap() - silent.from, 3 * 3_600_000 + 1000);
    assert_eq!(of(GapWhy::Unlinked).to, Some(last));
    let later = gaps(locked.state(), Milliseconds::new(last + 2 * 3_600_000 + 1)).unwrap();
    assert!(
        later
            .iter()
            .any(|gap| gap.why == GapWhy::Silent && gap.to.is_none() && gap.from == last)
    );
}

#[tokio::test]
async fn states_and_silence_are_events_with_times() {
    use vault::events::{EventWhat, events, observe, standing};
    let mut archive = Archive::new();
    let beat = |state| Heartbeat {
        accounts: vec![AccountState {
            account: AccountHandle::from_bytes([9; 16]),
            state,
            captured: 10,
            losses: 0,
        }],
        waiting: 0,
        details: None,
    };
    archive.heartbeat(beat(CaptureState::Connected));
    archive.heartbeat(beat(CaptureState::Connected));
    archive.heartbeat(beat(CaptureState::Unlinked));
    let last = archive.relay.log().now;
    let mut locked = archive.locked();
    locked.step().await.unwrap();
    let of_account = |locked: &vault::follow::Locked<_>| {
        let all = events(locked.state(), 0, 1_000).unwrap();
        let mut told: Vec<(EventWhat, i64)> = Vec::new();
        for event in all {
            if event.account.is_some() || event.what.name().starts_with("agent-") {
                told.push((event.what, event.at));
            }
        }
        told
    };
    // A state is told once, when it begins.
    let told = of_account(&locked);
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(
        (told[0].0, told[1]),
        (EventWhat::Connected, (EventWhat::Unlinked, last))
    );
    assert_eq!(observe(locked.state(), Milliseconds::new(last)).unwrap(), 0);
    // Silence begins two heartbeats after the last entry, and is told once.
    let patience = 2 * 3_600_000;
    let late = Milliseconds::new(last + patience + 60_000);
    assert!(observe(locked.state(), late).unwrap() >= 1);
    assert_eq!(observe(locked.state(), late).unwrap(), 0);
    assert_eq!(
        of_account(&locked).last(),
        Some(&(EventWhat::AgentSilent, last + patience))
    );
    let agent = &standing(locked.state()).unwrap()[0];
    assert_eq!(agent.silent_since, Some(last + patience));
    assert_eq!(agent.accounts[0].state, EventWhat::Unlinked);
    archive.relay.log().now = late.get();
    archive.heartbeat(beat(CaptureState::Connected));
    let heard = archive.relay.log().now;
    locked.step().await.unwrap();
    let told = of_account(&locked);
    assert_eq!(
        told[told.len() - 2..],
        [
            (EventWhat::AgentHeard, heard),
            (EventWhat::Connected, heard)
        ]
    );
    assert_eq!(standing(locked.state()).unwrap()[0].silent_since, None);
}

/// Each write point of a step, as a crash leaves it: what was written later is taken back to what it
/// was before, and a new process goes on.
#[tokio::test]
async fn a_crash_at_any_write_point_is_healed_by_the_next_step() {
    let later = [
        "vault.db",
        "mirror/checkpoint",
        "mirror/tile/0",
        "mirror/tile/entries",
        "mirror/objects",
    ];
    for kept in 0..=later.len() {
        let mut archive = Archive::new();
        archive.batch(&["first"]);
        let mut locked = archive.locked();
        while locked.step().await.unwrap().more {}
        drop(locked);
        let folder = archive.vault_folder().path().to_owned();
        let before = tempfile::tempdir().unwrap();
        copy(&folder, before.path());
        archive.batch(&["second", "third"]);
        let mut locked = archive.locked();
        while locked.step().await.unwrap().more {}
        drop(locked);
        // Written in the order of `later` from its end: objects stay longest.
        for name in &later[..kept] {
            for name in [
                (*name).to_owned(),
                format!("{name}-wal"),
                format!("{name}-shm"),
            ] {
                let path = folder.join(&name);
                if path.is_dir() {
                    std::fs::remove_dir_all(&path).unwrap();
                } else if path.exists() {
                    std::fs::remove_file(&path).unwrap();
                }
                let old = before.path().join(&name);
                if old.is_dir() {
                    copy(&old, &path);
                } else if old.exists() {
                    std::fs::copy(&old, &path).unwrap();
                }
            }
        }
        let mut locked = archive.locked();
        while locked.step().await.unwrap().more {}
        let counts = locked.state().counts().unwrap();
        assert_eq!(
            counts.entries,
            archive.relay.log().leaves.len() as u64,
            "kept {kept}"
        );
        assert_eq!((counts.objects, counts.held), (2, 2), "kept {kept}");
        assert!(locked.state().alarms().unwrap().is_empty());
        let fingerprint = Some(archive.genesis.archive_id());
        let mirror = archive.vault_folder().mirror();
        let report = vault::verify::verify_archive(&mirror, fingerprint, &mut |_, _| {}).unwrap();
        assert!(report.is_sound(), "kept {kept}: {:?}", report.damage);
    }
}

/// Lets so many writes through; then the disk is full, until there is room again.
#[derive(Debug)]
struct FullAfter {
    writes: AtomicI64,
    was_full: AtomicBool,
}

impl vault::WritePoints for FullAfter {
    fn reach(&self) -> std::io::Result<()> {
        if self.writes.fetch_sub(1, Ordering::SeqCst) > 0 {
            return Ok(());
        }
        self.was_full.store(true, Ordering::SeqCst);
        Err(std::io::ErrorKind::StorageFull.into())
    }
}

#[tokio::test]
async fn a_disk_that_is_full_from_any_write_on_is_healed_by_a_step_or_a_start() {
    let (mut met, mut writes) = (0, 0);
    loop {
        let mut was_full = false;
        for killed in [true, false] {
            let mut archive = Archive::new();
            archive.batch(&["first"]);
            let mut locked = archive.locked();
            while locked.step().await.unwrap().more {}
            drop(locked);
            archive.batch(&["second"]);
            archive.batch(&["third"]);
            let disk = Arc::new(FullAfter {
                writes: AtomicI64::new(writes),
                was_full: AtomicBool::new(false),
            });
            let folder = archive.vault_folder().asking(disk.clone());
            let opened = Locked::open(
                &folder,
                archive.genesis.clone(),
                folder.read_signer_key().unwrap(),
                archive.relay.clone(),
                clock,
            );
            let mut locked = match opened {
                Ok(mut locked) => {
                    while locked.step().await.is_ok_and(|step| step.more) {}
                    Some(locked)
                }
                Err(_) => None,
            };
            was_full |= disk.was_full.load(Ordering::SeqCst);
            disk.writes.store(i64::MAX, Ordering::SeqCst);
            if killed {
                locked = None;
            }
            let mut locked = locked.unwrap_or_else(|| archive.locked());
            while locked.step().await.unwrap().more {}
            let counts = locked.state().counts().unwrap();
            let size = archive.relay.log().leaves.len() as u64;
            assert_eq!(counts.entries, size, "write {writes}");
            assert_eq!((counts.objects, counts.held), (3, 3), "write {writes}");
            assert!(locked.state().alarms().unwrap().is_empty());
            let fingerprint = Some(archive.genesis.archive_id());
            let mirror = archive.vault_folder().mirror();
            let report =
                vault::verify::verify_archive(&mirror, fingerprint, &mut |_, _| {}).unwrap();
            assert!(report.is_sound(), "write {writes}: {:?}", report.damage);
        }
        if !was_full {
            break;
        }
        (met, writes) = (met + 1, writes + 1);
    }
    assert!(met > 10, "{met} writes");
}

/// CHAIN-3.
#[tokio::test]
async fn chain_3_a_lost_answer_logs_nothing_twice() {
    let mut archive = Archive::new();
    archive.batch(&["one"]);
    archive.relay.log().lose_answer = true;
    assert!(archive.locked().step().await.is_err());
    // A new process submits the same bytes and gets the old receipt.
    let mut locked = archive.locked();
    assert_eq!(locked.step().await.unwrap().logged, 1);
    let stored = archive
        .relay
        .kinds()
        .into_iter()
        .filter(|kind| *kind == Kind::Stored)
        .count();
    assert_eq!(stored, 1);
}

/// CHAIN-3.
#[tokio::test]
async fn chain_3_a_vault_restored_from_a_copy_is_noticed() {
    let mut archive = Archive::new();
    archive.batch(&["one"]);
    let mut locked = archive.locked();
    while locked.step().await.unwrap().more {}
    drop(locked);
    for name in ["outbox.db", "outbox.db-wal", "outbox.db-shm"] {
        let _ = std::fs::remove_file(archive.vault_folder().path().join(name));
    }
    archive.batch(&["two"]);
    let mut locked = archive.locked();
    assert!(matches!(locked.step().await, Err(StepError::Outbox(_))));
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
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
