//! From the spool to a log: faults of the network, refusals, a lost relay, a false one.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use canonical::Milliseconds;
use capture::{BeliefError, ConnectorCommand, Courier, Halt, LiveJob, Step, Stop};
use record::LossWhy;
use wire::{Body, CaptureState, Kind, RefusalCode, RetentionClass, Role, SequenceNumber};

use crate::source::{ACCOUNT, connect, job, messages};
use crate::world::{Fault, Home, LogRelay, Owner, Seeded, TestLog};

struct Scene {
    owner: Owner,
    home: Home,
    log: Arc<TestLog>,
}

impl Scene {
    async fn new() -> (Self, Courier<LogRelay>) {
        let owner = Owner::new();
        let home = Home::new(&owner);
        let log = owner.found();
        owner.enrol(&log, home.identity().signer(), Role::Agent);
        let mut courier = Courier::new(home.open(), LogRelay::new(&log));
        courier.read_control().await.unwrap();
        (Self { owner, home, log }, courier)
    }

    fn numbers(&self) -> Vec<u64> {
        let signer = self.home.identity().signer().id();
        self.log
            .follow(&self.owner.genesis)
            .iter()
            .filter(|entry| entry.entry().signer() == signer)
            .map(|entry| entry.entry().number().get())
            .collect()
    }
}

fn import(courier: &Courier<LogRelay>, from: u64, to: u64, each: u64) {
    courier
        .agent()
        .import_over(
            &job(),
            connect(messages(from, to, each)),
            &Stop::default(),
            |_| {},
        )
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_loses_calls_and_answers_neither_loses_nor_doubles() {
    let (scene, courier) = Scene::new().await;
    import(&courier, 0, 400, 5);
    let agent = Arc::clone(courier.agent());
    drop(courier);
    let draws = Mutex::new(Seeded::new(9));
    let relay = LogRelay::with_faults(&scene.log, move || match draws.lock().unwrap().below(4) {
        0 => Fault::Before,
        1 => Fault::After,
        _ => Fault::None,
    });
    let mut courier = Courier::new(agent, relay);
    let mut paused = 0;
    loop {
        match courier.deliver().await.unwrap() {
            Step::Idle => break,
            Step::Paused(until) => {
                paused += 1;
                scene.home.clock.step(until.since(scene.home.clock.now()));
            }
            Step::Failed => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(paused > 3, "faults met: {paused}");
    let expected: Vec<String> = (0..400).map(|n| n.to_string()).collect();
    assert_eq!(scene.log.source_ids(&scene.owner), expected);
    assert_eq!(scene.numbers(), (0..80).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn pauses_grow_and_nothing_is_called_meanwhile() {
    let (scene, courier) = Scene::new().await;
    import(&courier, 0, 5, 5);
    let agent = Arc::clone(courier.agent());
    drop(courier);
    let mut courier = Courier::new(agent, LogRelay::with_faults(&scene.log, || Fault::Before));
    let mut last = 0;
    for failure in 1..=12_u32 {
        assert_eq!(courier.step().await.unwrap(), Step::Failed);
        assert_eq!(courier.submission().failures(), failure);
        let until = courier.submission().pause_until().unwrap();
        let pause = until.since(scene.home.clock.now());
        let longest = (1_000 << (failure - 1).min(16)).min(300_000);
        assert!(
            (longest / 2..=longest).contains(&pause),
            "{failure}: {pause}"
        );
        last = pause;
        let calls = courier.relay().calls.load(Ordering::SeqCst);
        assert_eq!(courier.step().await.unwrap(), Step::Paused(until));
        assert_eq!(courier.relay().calls.load(Ordering::SeqCst), calls);
        scene.home.clock.step(pause);
    }
    assert!(last >= 150_000);
}

/// CHAIN-2: a refused entry does not block those behind it, which were sealed upon it.
#[tokio::test(flavor = "multi_thread")]
async fn chain_2_a_refused_entry_is_withdrawn_and_the_chain_goes_on() {
    let (scene, mut courier) = Scene::new().await;
    import(&courier, 0, 50, 5);
    scene.log.inner().refuse = Some((SequenceNumber::new(3), RefusalCode::UnknownEpoch));
    assert_eq!(courier.deliver().await.unwrap(), Step::Idle);

    let entries = scene.log.follow(&scene.owner.genesis);
    // Ten entries, and one that records the loss.
    assert_eq!(scene.numbers(), (0..11).collect::<Vec<_>>());
    let withdrawn: Vec<_> = entries
        .iter()
        .filter(|entry| entry.entry().kind() == Kind::Withdrawn)
        .collect();
    assert_eq!(withdrawn.len(), 1);
    let Body::Withdrawn(body) = withdrawn[0].entry().body() else {
        panic!("a withdrawn")
    };
    assert_eq!(body.code, RefusalCode::UnknownEpoch);
    // Nine batches arrived; the refused one is kept, told as a loss, and its records are taken
    // when they come again.
    assert_eq!(scene.log.source_ids(&scene.owner).len(), 45 + 1);
    let agent = Arc::clone(courier.agent());
    let refused = agent.spool().refused().unwrap();
    assert_eq!((refused.len(), refused[0].records), (1, 5));
    assert_eq!(refused[0].id, body.refused);
    assert_eq!(agent.record_refusals(job().class).unwrap(), 0);
    import(&courier, 0, 50, 5);
    assert_eq!(courier.deliver().await.unwrap(), Step::Idle);
    let mut ids = scene.log.source_ids(&scene.owner);
    assert!(ids.contains(&format!("refused:{}", body.refused)));
    ids.retain(|id| !id.starts_with("refused"));
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 50);
}

/// Two refusals in a row, the second of the newest entry: later ones follow the withdrawn.
#[tokio::test(flavor = "multi_thread")]
async fn chain_2_refusals_in_a_row_and_of_the_newest() {
    let (scene, mut courier) = Scene::new().await;
    import(&courier, 0, 20, 5);
    for number in [2, 3] {
        scene.log.inner().refuse = Some((SequenceNumber::new(number), RefusalCode::Malformed));
        while courier.step().await.unwrap() != Step::Withdrawn(RefusalCode::Malformed) {}
    }
    import(&courier, 20, 30, 5);
    assert_eq!(courier.deliver().await.unwrap(), Step::Idle);
    // Six, and two that record losses.
    assert_eq!(scene.numbers(), (0..8).collect::<Vec<_>>());
    assert_eq!(scene.log.source_ids(&scene.owner).len(), 20 + 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_objects_are_uploaded_again() {
    let (scene, mut courier) = Scene::new().await;
    import(&courier, 0, 10, 5);
    assert!(matches!(courier.step().await.unwrap(), Step::Uploaded(2)));
    scene.log.inner().objects.clear();
    assert_eq!(courier.step().await.unwrap(), Step::Failed);
    scene.home.clock.step(10_000);
    assert_eq!(courier.deliver().await.unwrap(), Step::Idle);
    assert_eq!(scene.log.source_ids(&scene.owner).len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_is_not_enrolled_waits_and_loses_nothing() {
    let owner = Owner::new();
    let home = Home::new(&owner);
    let log = owner.found();
    let mut courier = Courier::new(home.open(), LogRelay::new(&log));
    courier.read_control().await.unwrap();
    import(&courier, 0, 10, 5);
    assert_eq!(courier.deliver().await.unwrap(), Step::Failed);
    assert_eq!(courier.halt(), Some(&Halt::NotEnrolled));
    owner.enrol(&log, home.identity().signer(), Role::Agent);
    home.clock.step(10_000);
    assert_eq!(courier.deliver().await.unwrap(), Step::Idle);
    assert_eq!(courier.halt(), None);
    assert_eq!(log.source_ids(&owner).len(), 10);
}

/// SPOOL-4: only a verified `stored` lets go.
#[tokio::test(flavor = "multi_thread")]
async fn spool_4_nothing_is_let_go_before_the_vault_has_it() {
    let (scene, mut courier) = Scene::new().await;
    import(&courier, 0, 10, 5);
    courier.deliver().await.unwrap();
    assert_eq!(
        courier.collect_stored().await.unwrap(),
        0,
        "nothing is stored"
    );
    scene.owner.store(&scene.log);
    import(&courier, 10, 20, 5);
    courier.deliver().await.unwrap();
    assert_eq!(courier.collect_stored().await.unwrap(), 2);
    let counts = courier.agent().spool().counts().unwrap();
    assert_eq!((counts.waiting, counts.receipted), (0, 2));
    assert_eq!(courier.collect_stored().await.unwrap(), 0);
}

/// The relay is destroyed after receipts and before `stored`: everything is delivered to a new
/// one, with the same numbers, once the owner has said that the log was rebuilt.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_relay_gets_everything_again() {
    let (mut scene, mut courier) = Scene::new().await;
    import(&courier, 0, 20, 5);
    courier.deliver().await.unwrap();
    courier
        .agent()
        .heartbeat(&[(courier.agent().handle("test", "a"), CaptureState::Connected)])
        .unwrap();
    import(&courier, 20, 40, 5);
    courier.deliver().await.unwrap();
    let before = scene.numbers();
    assert_eq!(before, (0..9).collect::<Vec<_>>());

    scene.log = scene.owner.rebuild();
    let agent = Arc::clone(courier.agent());
    let mut courier = Courier::new(agent, LogRelay::new(&scene.log));
    import(&courier, 40, 45, 5);
    // It does not follow a log that it does not know.
    assert_eq!(courier.deliver().await.unwrap(), Step::Failed);
    assert!(matches!(courier.halt(), Some(Halt::Behind { .. })));
    scene.home.clock.step(1_000_000);

    courier.accept_new_log().await.unwrap();
    assert_eq!(courier.deliver().await.unwrap(), Step::Idle);
    assert_eq!(scene.numbers(), (0..10).collect::<Vec<_>>());
    let expected: Vec<String> = (0..45).map(|n| n.to_string()).collect();
    assert_eq!(scene.log.source_ids(&scene.owner), expected);
    // The heartbeat named a checkpoint of the lost log; its place is taken by a withdrawn.
    let kinds: Vec<Kind> = scene
        .log
        .follow(&scene.owner.genesis)
        .iter()
        .map(|entry| entry.entry().kind())
        .collect();
    assert_eq!(
        kinds
            .iter()
            .filter(|kind| **kind == Kind::Withdrawn)
            .count(),
        1
    );
    scene.owner.store(&scene.log);
    assert_eq!(courier.collect_stored().await.unwrap(), 10);
}

/// A log under the same keys with other leaves: receipts of it are not believed, and a `stored`
/// in it lets nothing go.
#[tokio::test(flavor = "multi_thread")]
async fn a_fork_is_not_believed() {
    let (scene, mut courier) = Scene::new().await;
    import(&courier, 0, 10, 5);
    courier.deliver().await.unwrap();
    let agent = Arc::clone(courier.agent());
    drop(courier);

    let fork = scene.owner.rebuild();
    let mut courier = Courier::new(agent, LogRelay::new(&fork));
    // The fork admits the agent's old entries, and one more signer's, so that it grows.
    let replayed: Vec<_> = scene
        .log
        .inner()
        .leaves
        .iter()
        .map(|leaf| leaf.entry().clone())
        .filter(|entry| entry.kind() == Kind::Batch)
        .collect();
    let objects = scene.log.inner().objects.clone();
    fork.inner().objects = objects;
    scene.owner.store(&fork);
    for entry in &replayed {
        capture::Relay::post(courier.relay(), std::slice::from_ref(entry))
            .await
            .unwrap();
    }
    assert!(matches!(
        courier.collect_stored().await,
        Err(BeliefError::Fork { .. } | BeliefError::Entry(_) | BeliefError::Prove(_))
    ));
    import(&courier, 10, 15, 5);
    assert_eq!(courier.deliver().await.unwrap(), Step::Failed);
    assert_eq!(courier.halt(), Some(&Halt::Fork));
    let counts = courier.agent().spool().counts().unwrap();
    assert_eq!(
        (counts.waiting, counts.receipted),
        (1, 2),
        "nothing is let go or marked"
    );
}

/// CHAIN-3: two agents of one seed. The second finds the log ahead of itself and stops.
#[tokio::test(flavor = "multi_thread")]
async fn chain_3_a_restored_copy_stops() {
    let (scene, mut courier) = Scene::new().await;
    let copy = Home::new(&scene.owner);
    import(&courier, 0, 10, 5);
    courier.deliver().await.unwrap();
    let mut other = Courier::new(copy.open(), LogRelay::new(&scene.log));
    other.read_control().await.unwrap();
    import(&other, 100, 110, 5);
    assert_eq!(other.deliver().await.unwrap(), Step::Failed);
    assert_eq!(other.halt(), Some(&Halt::Clone));
    assert_eq!(other.agent().spool().counts().unwrap().waiting, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn heartbeats_tell_counts_and_the_last_checkpoint() {
    let (scene, mut courier) = Scene::new().await;
    let agent = Arc::clone(courier.agent());
    let account = agent.handle("test", "tel:+1");
    assert_eq!(account, agent.handle("test", "tel:+1"));
    assert_ne!(account, agent.handle("test", "tel:+2"));
    import(&courier, 0, 10, 5);
    agent
        .heartbeat(&[(account, CaptureState::Importing)])
        .unwrap();
    courier.deliver().await.unwrap();
    agent.heartbeat(&[]).unwrap();
    courier.deliver().await.unwrap();
    let entries = scene.log.follow(&scene.owner.genesis);
    let beats: Vec<_> = entries
        .iter()
        .filter_map(|entry| match entry.entry().body() {
            Body::Heartbeat(beat) => Some((beat.clone(), entry.entry().seen().copied())),
            _ => None,
        })
        .collect();
    assert_eq!(beats.len(), 2);
    assert_eq!(beats[0].0.accounts[0].account, account);
    assert_eq!(beats[0].0.waiting, 2);
    assert!(beats[0].1.unwrap().size < beats[1].1.unwrap().size);
    assert!(beats[1].0.accounts.is_empty());
}

/// AGENT-2: an interval is a loss of its account, once, and heartbeats count it.
#[tokio::test(flavor = "multi_thread")]
async fn agent_2_heartbeats_count_a_gap_for_its_account() {
    let (scene, mut courier) = Scene::new().await;
    let agent = Arc::clone(courier.agent());
    let account = agent.handle("test", ACCOUNT);
    import(&courier, 0, 2, 1);
    let before = agent.spool().account_counts(&account).unwrap();
    let live = LiveJob {
        connector: ConnectorCommand::new("/not/run"),
        network: "test".into(),
        account: ACCOUNT.into(),
        custodian: "c-17".into(),
        settings: vec![],
        class: RetentionClass::new(0),
    };
    let (from, to) = (Milliseconds::new(1_000), Milliseconds::new(9_000));
    for _ in 0..2 {
        agent.record_gap(&live, LossWhy::Offline, from, to).unwrap();
    }
    agent
        .heartbeat(&[(account, CaptureState::Connected)])
        .unwrap();
    courier.deliver().await.unwrap();
    let entries = scene.log.follow(&scene.owner.genesis);
    let beat = entries
        .iter()
        .find_map(|entry| match entry.entry().body() {
            Body::Heartbeat(beat) => Some(beat.clone()),
            _ => None,
        })
        .unwrap();
    let told = &beat.accounts[0];
    assert_eq!(told.account, account);
    assert_eq!(
        (told.captured, told.losses),
        (before.captured + 1, before.losses + 1)
    );
}
