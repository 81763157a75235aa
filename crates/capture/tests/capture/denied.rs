//! A relay that does not take the agent, rightly or not, and one that shows less than there is: the
//! agent goes by what the archive has signed (AGENT-9, AGENT-10).

use std::sync::Arc;
use std::sync::atomic::Ordering;

use canonical::Milliseconds;
use capture::{AgentStatus, BeliefError, Board, Courier, Delivering, Halt, Step, Stop};
use wire::{ControlNumber, Purpose, Revocation, Role, SequenceNumber, SignerKey};

use crate::source::{connect, job, messages};
use crate::world::{Home, LogRelay, NOW, Owner, TestLog};

const HOUR: i64 = 3_600_000;

struct Scene {
    owner: Owner,
    home: Home,
    log: Arc<TestLog>,
    courier: Courier<LogRelay>,
}

impl Scene {
    async fn new() -> Self {
        let owner = Owner::new();
        let home = Home::new(&owner);
        let log = owner.found();
        owner.enrol(&log, home.identity().signer(), Role::Agent);
        let mut courier = Courier::new(home.open(), LogRelay::new(&log));
        courier.read_control().await.unwrap();
        Self {
            owner,
            home,
            log,
            courier,
        }
    }

    fn import(&self, from: u64, to: u64) {
        let agent = self.courier.agent();
        let connector = connect(messages(from, to, 5));
        agent
            .import_over(&job(), connector, &Stop::default(), |_| {})
            .unwrap();
    }

    fn revoke(&self, how: Revocation) {
        let signer = self.home.identity().signer().id();
        self.owner.revoke(&self.log, signer, how);
    }

    fn denies(&self, denies: bool) {
        self.courier.relay().denies.store(denies, Ordering::SeqCst);
    }

    fn calls(&self) -> u64 {
        self.courier.relay().calls.load(Ordering::SeqCst)
    }

    fn waiting(&self) -> u64 {
        self.courier.agent().spool().counts().unwrap().waiting
    }

    /// Time passes here and in the log.
    fn pass(&self, milliseconds: i64) {
        self.home.clock.step(milliseconds);
        self.log.passed.fetch_add(milliseconds, Ordering::SeqCst);
    }

    /// The keys of the alarms that stand in `status.json`.
    fn alarms(&self) -> Vec<String> {
        let delivering = Delivering {
            halt: self.courier.halt().cloned(),
            ..Delivering::default()
        };
        let now = self.home.clock.now();
        let agent = self.courier.agent();
        let status = AgentStatus::of(agent, &Board::default(), &delivering, now);
        status.alarms.into_iter().map(|alarm| alarm.key).collect()
    }
}

/// AGENT-9: uploads are refused before any entry is: the reason stands in the control chain.
#[tokio::test(flavor = "multi_thread")]
async fn agent_9_a_revoked_agent_with_objects_halts_and_keeps_its_copies() {
    let mut scene = Scene::new().await;
    scene.import(0, 20);
    scene.revoke(Revocation::Compromised(SequenceNumber::new(0)));
    scene.denies(true);
    assert_eq!(scene.courier.deliver().await.unwrap(), Step::Failed);
    assert_eq!(scene.courier.halt(), Some(&Halt::Revoked));
    assert_eq!(scene.alarms(), ["revoked"]);
    // Nothing is tried any more, however long it waits, and nothing is let go.
    let calls = scene.calls();
    for _ in 0..3 {
        scene.pass(HOUR);
        assert_eq!(scene.courier.deliver().await.unwrap(), Step::Revoked);
    }
    assert_eq!((scene.calls(), scene.waiting()), (calls, 4));
    assert!(scene.courier.agent().spool().counts().unwrap().bytes > 0);
    // A restart finds it in the chain that was kept, without asking anybody.
    let agent = Arc::clone(scene.courier.agent());
    scene.courier = Courier::new(agent, LogRelay::new(&scene.log));
    assert_eq!(scene.courier.deliver().await.unwrap(), Step::Revoked);
    assert_eq!(
        (scene.calls(), scene.courier.halt()),
        (0, Some(&Halt::Revoked))
    );
}

/// AGENT-9: a relay's bare word stops nobody for good.
#[tokio::test(flavor = "multi_thread")]
async fn agent_9_a_relay_that_only_says_so_is_tried_again_and_told() {
    let mut scene = Scene::new().await;
    scene.import(0, 20);
    scene.denies(true);
    for _ in 0..6 {
        let calls = scene.calls();
        assert_eq!(scene.courier.deliver().await.unwrap(), Step::Failed);
        assert_eq!(scene.courier.halt(), Some(&Halt::Denied));
        assert!(scene.calls() > calls, "it tries");
        scene.pass(300_000);
    }
    assert_eq!(scene.alarms(), ["denied"]);
    assert_eq!(scene.waiting(), 4);
    scene.denies(false);
    assert_eq!(scene.courier.deliver().await.unwrap(), Step::Idle);
    assert_eq!(scene.courier.halt(), None);
    let expected: Vec<String> = (0..20).map(|n| n.to_string()).collect();
    assert_eq!(scene.log.source_ids(&scene.owner), expected);
}

/// AGENT-9, CHAIN-4: retired is only who has passed the date, and a later date gives more time.
#[tokio::test(flavor = "multi_thread")]
async fn agent_9_a_retired_agent_delivers_until_its_date() {
    let mut scene = Scene::new().await;
    scene.revoke(Revocation::Retired(Milliseconds::new(NOW + HOUR)));
    scene.courier.read_control().await.unwrap();
    scene.import(0, 5);
    assert_eq!(scene.courier.deliver().await.unwrap(), Step::Idle);
    scene.import(5, 10);
    scene.denies(true);
    assert_eq!(scene.courier.deliver().await.unwrap(), Step::Failed);
    assert_eq!(scene.courier.halt(), Some(&Halt::Denied), "it is too early");
    scene.pass(2 * HOUR);
    assert_eq!(scene.courier.deliver().await.unwrap(), Step::Revoked);
    assert_eq!(scene.courier.halt(), Some(&Halt::Revoked));
    scene.revoke(Revocation::Retired(Milliseconds::new(NOW + 9 * HOUR)));
    scene.denies(false);
    scene.courier.read_control().await.unwrap();
    assert_eq!(scene.courier.deliver().await.unwrap(), Step::Idle);
    assert_eq!((scene.courier.halt(), scene.waiting()), (None, 0));
}

/// A log that was rebuilt has not enrolled the agent yet, and says so as a relay does.
#[tokio::test(flavor = "multi_thread")]
async fn agent_9_a_new_log_that_does_not_know_the_agent_yet_is_accepted() {
    let mut scene = Scene::new().await;
    scene.import(0, 10);
    scene.courier.deliver().await.unwrap();
    // Genesis, vault, epoch.
    let fresh = scene.owner.rebuild_up_to(3);
    let agent = Arc::clone(scene.courier.agent());
    let mut courier = Courier::new(agent, LogRelay::new(&fresh));
    courier.accept_new_log().await.unwrap();
    let counts = courier.agent().spool().counts().unwrap();
    assert_eq!((counts.waiting, counts.receipted), (2, 0));
}

/// AGENT-10: from the delegation of heads on one is expected, as often as the policy says.
#[tokio::test(flavor = "multi_thread")]
async fn agent_10_a_stale_head_is_found_by_the_agent() {
    let mut scene = Scene::new().await;
    scene.pass(100 * HOUR);
    assert_eq!(
        scene.courier.agent().stale_since().unwrap(),
        None,
        "none is expected"
    );
    let delegate = SignerKey::from_seed(&[77; 32]).unwrap();
    scene
        .owner
        .delegate(&scene.log, Purpose::Head, &[&delegate], 1);
    scene.courier.read_control().await.unwrap();
    scene.courier.read_head().await.unwrap();
    scene.pass(48 * HOUR);
    assert_eq!(scene.courier.agent().stale_since().unwrap(), None);
    scene.pass(1);
    let since = Milliseconds::new(NOW + 100 * HOUR);
    assert_eq!(scene.courier.agent().stale_since().unwrap(), Some(since));
    assert_eq!(scene.alarms(), ["stale-head"]);
    scene.owner.sign_head(&scene.log);
    scene.courier.read_head().await.unwrap();
    assert_eq!(scene.courier.agent().stale_since().unwrap(), None);
    // The same head again and again does not make it younger.
    scene.pass(49 * HOUR);
    scene.courier.read_head().await.unwrap();
    assert!(scene.courier.agent().stale_since().unwrap().is_some());
}

/// AGENT-10: a signed head tells of acts that the relay does not show.
#[tokio::test(flavor = "multi_thread")]
async fn agent_10_hidden_acts_are_found_by_the_next_head() {
    let mut scene = Scene::new().await;
    let shown = scene.courier.agent().control().authority().head().number;
    *scene.courier.relay().hides.lock().unwrap() = Some(shown.next());
    scene.revoke(Revocation::Retired(Milliseconds::new(NOW + HOUR)));
    assert_eq!(scene.courier.read_control().await.unwrap(), 0);
    scene.courier.read_head().await.unwrap();
    scene.owner.sign_head(&scene.log);
    let error = scene.courier.read_head().await.unwrap_err();
    let BeliefError::Withheld { signed, shown: by } = error else {
        panic!("{error}")
    };
    assert_eq!((signed, by), (shown.next(), shown));
    *scene.courier.relay().hides.lock().unwrap() = None::<ControlNumber>;
    // What it covers is read with it.
    scene.courier.read_head().await.unwrap();
    let head = scene.courier.agent().control().authority().head().number;
    assert_eq!(head, signed);
}

/// AGENT-10: receipts come, and the vault's word does not.
#[tokio::test(flavor = "multi_thread")]
async fn agent_10_a_vault_that_confirms_nothing_is_found_by_the_agent() {
    let mut scene = Scene::new().await;
    scene.import(0, 5);
    scene.courier.deliver().await.unwrap();
    scene.pass(47 * HOUR);
    scene.import(5, 10);
    scene.courier.deliver().await.unwrap();
    assert_eq!(scene.courier.collect_stored().await.unwrap(), 0);
    assert_eq!(scene.courier.agent().unconfirmed_since().unwrap(), None);
    scene.pass(2 * HOUR);
    let since = scene.courier.agent().unconfirmed_since().unwrap();
    assert_eq!(since, Some(Milliseconds::new(NOW)));
    assert_eq!(scene.alarms(), ["unconfirmed"]);
    scene.owner.store(&scene.log);
    assert_eq!(scene.courier.collect_stored().await.unwrap(), 2);
    assert_eq!(scene.courier.agent().unconfirmed_since().unwrap(), None);
    assert!(scene.alarms().is_empty());
}
