//! A relay that lies, with the archive's own log key in its hand: who finds it, and within what
//! time. The table in `docs/assurance.md` has a row for each test here, which the last one compares.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod made_log;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use capture::{BeliefError, Courier, Halt, Step};
use made_log::{Lie, Lying, MadeLog};
use relay::WitnessLine as _;
use scenarios::simulation::{
    AgentHost, Line, LogView, Network, Owner, RelayHost, Time, VaultHost, WitnessSeat, vault_time,
};
use tlog::{AddCheckpoint, SigningSeed, TreeSize};
use vault::follow::{Locked, StepError};
use vault::watch::{Gap, GapWhy, gaps};
use wire::{
    Act, CaptureState, Delegate, Leaf, Purpose, Revocation, Role, SequenceNumber, SignerKey,
};

const START: i64 = 1_790_000_000_000;
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
/// How often the vault looks here.
const LOOK: i64 = 10 * MINUTE;
/// Silence shows after two heartbeats.
const SILENT: i64 = 2 * HOUR;

/// A true relay, an owner, a vault and two agents, each with a line of its own that may lie.
struct Scene {
    _folder: tempfile::TempDir,
    time: Time,
    relay_clock: relay::Clock,
    owner: Owner,
    root: Line,
    agents: Vec<(AgentHost, Courier<Lying>)>,
    vault: VaultHost,
    locked: Locked<Lying>,
    vault_line: Lying,
    watcher: Line,
}

impl Scene {
    async fn new(seed: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let time = Time::starting(START);
        let mut owner = Owner::found(seed, 0, 0, time.now());
        let host = RelayHost::new(folder.path().join("relay"), seed, START, Vec::new());
        let network = Network::new();
        network.set_relay(Some(Arc::new(host.open(&owner).await.unwrap())));
        let vault = VaultHost::new(folder.path().join("vault"), seed, time.clone());
        owner.enrol(&vault.key(), Role::Vault, None, time.now());
        owner.publish_epoch(None, time.now());
        let genesis = owner.genesis().clone();
        let archive = genesis.archive_id();
        let line = |key: SignerKey| {
            let clock = time.clone();
            Line::new(&network, archive, key, move || clock.now()).calm()
        };
        let mut hosts = Vec::new();
        for number in 0..2 {
            let home = folder.path().join(format!("agent-{number}"));
            let mut agent = AgentHost::new(
                home,
                &format!("a{number}"),
                &genesis,
                time.clone(),
                number + 1,
            );
            owner.enrol(&agent.key(), Role::Agent, None, time.now());
            agent.start(&network).unwrap();
            hosts.push(agent);
        }
        let root = line(vault.key());
        post(&mut owner, &root).await;
        let mut agents = Vec::new();
        for host in hosts {
            let lying = Lying::new(line(host.key()));
            let mut courier = Courier::new(Arc::clone(host.agent().unwrap()), lying);
            courier.read_control().await.unwrap();
            agents.push((host, courier));
        }
        vault.set_clock();
        let vault_line = Lying::new(line(vault.key()));
        let locked = Locked::open(
            vault.folder(),
            genesis,
            vault.key(),
            vault_line.clone(),
            vault_time,
        )
        .unwrap();
        Self {
            watcher: line(vault.key()),
            _folder: folder,
            relay_clock: host.clock.clone(),
            time,
            owner,
            root,
            agents,
            vault,
            locked,
            vault_line,
        }
    }

    fn pass(&self, milliseconds: i64) {
        self.time.pass(milliseconds);
        self.relay_clock.step(milliseconds);
        self.vault.set_clock();
    }

    /// The true log's leaves.
    async fn leaves(&self) -> Vec<Leaf> {
        let mut log = LogView::default();
        log.look(&self.watcher).await.unwrap().unwrap();
        log.leaves().to_vec()
    }

    /// One event of the first agent's source, sealed and spooled.
    fn capture(&mut self) {
        let (host, _) = &mut self.agents[0];
        host.told.happened += 1;
        assert!(host.capture().unwrap().is_some());
    }

    fn heartbeat(&self, agent: usize) {
        let (host, _) = &self.agents[agent];
        let account = host.account().unwrap();
        host.agent()
            .unwrap()
            .heartbeat(&[(account, CaptureState::Connected)])
            .unwrap();
    }

    async fn vault_steps(&mut self) -> Result<(), StepError> {
        self.vault.set_clock();
        while self.locked.step().await?.more {}
        Ok(())
    }

    fn gaps(&self) -> Vec<Gap> {
        gaps(self.locked.state(), self.time.now()).unwrap()
    }

    fn alarms(&self) -> usize {
        self.locked.state().alarms().unwrap().len()
    }

    /// The agents that the vault shows as silent now.
    fn silent(&self) -> Vec<usize> {
        let gaps = self.gaps();
        (0..self.agents.len())
            .filter(|at| {
                let signer = canonical::hex(self.agents[*at].0.signer().as_bytes());
                gaps.iter().any(|gap| {
                    gap.why == GapWhy::Silent
                        && gap.to.is_none()
                        && gap.signer.as_deref() == Some(signer.as_str())
                })
            })
            .collect()
    }

    /// The vault follows a made log: it must say at once, by an alarm, that it is wrong.
    async fn vault_alarms_about(&mut self, made: Arc<MadeLog>) -> StepError {
        self.vault_line.tell(Lie::Log(made));
        assert_eq!(self.alarms(), 0);
        let error = self.vault_steps().await.unwrap_err();
        assert_eq!(self.alarms(), 1, "{error:?}");
        assert!(self.gaps().iter().any(|gap| gap.why == GapWhy::Fork));
        error
    }
}

async fn post(owner: &mut Owner, line: &Line) {
    let waiting = owner.waiting();
    let answer = line.post_entries(&waiting).await.unwrap();
    assert_eq!(answer.refusal(), None);
    owner.logged(answer.receipts().len());
}

/// The first lies about one log to the vault, and about another to an agent.
#[tokio::test]
async fn a_split_view_is_found_by_the_agent_with_the_next_stored() {
    let mut scene = Scene::new(1).await;
    let founding = scene.leaves().await;
    // The agent's record goes into one log; the vault is shown another, and says in it what it holds.
    scene.capture();
    assert_eq!(scene.agents[0].1.deliver().await.unwrap(), Step::Idle);
    let other = MadeLog::of(&scene.owner, &founding);
    scene.vault_line.tell(Lie::Log(Arc::clone(&other)));
    scene.vault_steps().await.unwrap();
    assert_eq!(scene.alarms(), 0, "the vault alone can not know");
    assert!(other.size().get() > founding.len() as u64);

    let (_, courier) = &mut scene.agents[0];
    courier.relay().tell(Lie::Log(other));
    let error = courier.collect_stored().await.unwrap_err();
    assert!(error.is_fork(), "{error}");
    let counts = courier.agent().spool().counts().unwrap();
    assert_eq!(counts.receipted, 1, "it lets go of nothing");
}

/// The checkpoint that an agent has seen stands in its entries: whoever reads them finds the fork.
#[tokio::test]
async fn a_split_view_is_found_by_the_vault_with_the_next_entry_of_an_agent() {
    let mut scene = Scene::new(2).await;
    let founding = scene.leaves().await;
    // The agent lives in a log without an act that the vault has been shown.
    let agents_log = MadeLog::of(&scene.owner, &founding);
    scene.agents[0].1.relay().tell(Lie::Log(agents_log));
    scene.capture();
    let (_, courier) = &mut scene.agents[0];
    assert_eq!(courier.deliver().await.unwrap(), Step::Idle);
    scene.heartbeat(0);
    let beat = {
        let spooled = scene.agents[0].0.agent().unwrap().spool();
        spooled.waiting(8).unwrap().remove(0).entry
    };
    assert!(beat.seen().is_some(), "it says what it has seen");

    let now = scene.time.now();
    scene.owner.publish_epoch(None, now);
    let (owner, root) = (&mut scene.owner, &scene.root);
    post(owner, root).await;
    let mut shown = scene.leaves().await;
    let at = shown.last().unwrap().admitted_at();
    // The heartbeat alone: its number says that one is before it, so that one is shown too.
    let first = first_entry(&scene);
    shown.push(Leaf::new(at, first));
    shown.push(Leaf::new(at, beat));
    let made = MadeLog::of(&scene.owner, &shown);
    let error = scene.vault_alarms_about(made).await;
    assert!(text(&error).contains("fork"), "{error:?}");
}

/// The first agent's entry number 0, as its made log holds it.
fn first_entry(scene: &Scene) -> wire::Entry {
    let (host, courier) = &scene.agents[0];
    let made = courier.relay().made().unwrap();
    made.entry_of(&host.signer(), SequenceNumber::new(0))
        .unwrap()
}

#[tokio::test]
async fn a_rollback_is_found_by_the_vault_at_its_next_look() {
    let mut scene = Scene::new(3).await;
    scene.capture();
    scene.agents[0].1.deliver().await.unwrap();
    scene.vault_steps().await.unwrap();
    let mut rolled_back = scene.leaves().await;
    rolled_back.truncate(rolled_back.len() - 2);
    let made = MadeLog::of(&scene.owner, &rolled_back);
    let error = scene.vault_alarms_about(made).await;
    assert!(matches!(error, StepError::WentBack { .. }), "{error:?}");
}

#[tokio::test]
async fn a_log_that_grows_anew_is_refused_by_every_witness() {
    let folder = tempfile::tempdir().unwrap();
    let time = Time::starting(START);
    let mut owner = Owner::found(4, 1, 1, time.now());
    let witness = WitnessSeat::new(4, 0, folder.path(), START);
    witness.start(&owner);
    let leaf = |entry: &wire::Entry| {
        let at = wire::AdmittedAt::new(canonical::Milliseconds::new(START)).unwrap();
        Leaf::new(at, entry.clone())
    };
    owner.publish_epoch(None, time.now());
    owner.publish_epoch(None, time.now());
    let all: Vec<Leaf> = owner.waiting().iter().map(leaf).collect();
    let told = MadeLog::of(&owner, &all[..2]);
    let none = TreeSize::ZERO;
    let ask = AddCheckpoint::new(none, told.consistency(none), told.checkpoint()).to_string();
    let answer = witness.add_checkpoint(ask).await.unwrap();
    assert_eq!(answer.status(), 200);

    // Rolled back behind what was cosigned, and grown anew without that entry.
    let anew = MadeLog::of(&owner, &[all[0].clone(), all[2].clone(), all[1].clone()]);
    let old = told.size();
    let ask = AddCheckpoint::new(old, anew.consistency(old), anew.checkpoint()).to_string();
    let answer = witness.add_checkpoint(ask).await.unwrap();
    assert!(!answer.status().is_success(), "{}", answer.status());
}

#[tokio::test]
async fn withholding_is_found_by_the_vault_within_two_heartbeats() {
    let mut scene = Scene::new(5).await;
    scene.heartbeat(0);
    scene.heartbeat(1);
    for at in 0..2 {
        scene.agents[at].1.deliver().await.unwrap();
    }
    scene.vault_steps().await.unwrap();
    // From now on the vault is shown the same log again and again, signed anew each time.
    let frozen = MadeLog::of(&scene.owner, &scene.leaves().await);
    scene.vault_line.tell(Lie::Log(frozen));
    let mut waited = 0;
    while scene.silent().is_empty() {
        assert!(waited <= SILENT, "not found in {waited} ms");
        scene.pass(LOOK);
        waited += LOOK;
        scene.heartbeat(0);
        scene.agents[0].1.deliver().await.unwrap();
        scene.vault_steps().await.unwrap();
    }
    assert_eq!(scene.silent(), [0, 1]);
    assert!(waited <= SILENT + LOOK, "{waited}");
}

#[tokio::test]
async fn old_checkpoints_make_no_agent_let_go() {
    let mut scene = Scene::new(6).await;
    scene.capture();
    scene.agents[0].1.deliver().await.unwrap();
    scene.vault_steps().await.unwrap();
    let old = MadeLog::of(&scene.owner, &scene.leaves().await);
    assert_eq!(scene.agents[0].1.collect_stored().await.unwrap(), 1);
    scene.capture();
    scene.agents[0].1.deliver().await.unwrap();
    scene.vault_steps().await.unwrap();
    // The relay answers with the log of before, whose `stored` is true and old.
    let (_, courier) = &mut scene.agents[0];
    courier.relay().tell(Lie::Log(old));
    assert_eq!(courier.collect_stored().await.unwrap(), 0);
    assert_eq!(courier.agent().spool().counts().unwrap().receipted, 1);
    courier.relay().tell(Lie::None);
    assert_eq!(courier.collect_stored().await.unwrap(), 1);
}

#[tokio::test]
async fn reordering_is_found_by_the_vault_at_its_next_look() {
    let mut scene = Scene::new(7).await;
    scene.heartbeat(0);
    scene.heartbeat(0);
    scene.agents[0].1.deliver().await.unwrap();
    let mut leaves = scene.leaves().await;
    let last = leaves.len() - 1;
    leaves.swap(last - 1, last);
    let made = MadeLog::of(&scene.owner, &leaves);
    let error = scene.vault_alarms_about(made).await;
    assert!(
        text(&error).contains("should have been refused"),
        "{error:?}"
    );
}

#[tokio::test]
async fn forged_receipts_are_found_by_the_agent_at_once() {
    let mut scene = Scene::new(8).await;
    let founding = scene.leaves().await;
    scene.heartbeat(0);
    scene.heartbeat(1);
    let waiting = |scene: &Scene, at: usize| {
        let spool = scene.agents[at].0.agent().unwrap().spool();
        spool.waiting(1).unwrap().remove(0).entry
    };
    let (own, others) = (waiting(&scene, 0), waiting(&scene, 1));
    let stranger = SigningSeed::from_bytes([9; 32]);
    let forged = [
        // A key that is not the log's; a receipt of another's entry; one that was altered.
        MadeLog::signed_by(&scene.owner, &stranger, &founding).admit(std::slice::from_ref(&own)),
        MadeLog::of(&scene.owner, &founding).admit(&[others]),
        altered(&MadeLog::of(&scene.owner, &founding).admit(&[own])),
    ];
    for answer in forged {
        let (_, courier) = &mut scene.agents[0];
        courier.relay().tell(Lie::Receipts(answer));
        assert_eq!(courier.step().await.unwrap(), Step::Failed);
        let counts = courier.agent().spool().counts().unwrap();
        assert_eq!((counts.waiting, counts.receipted), (1, 0));
        scene.pass(LOOK);
    }
    let (_, courier) = &mut scene.agents[0];
    courier.relay().tell(Lie::None);
    assert_eq!(courier.step().await.unwrap(), Step::Receipted(1));
}

/// The same answer with another letter in the middle of each receipt.
fn altered(answer: &wire::api::PostAnswer) -> wire::api::PostAnswer {
    let receipts = answer.receipts().iter().map(|receipt| {
        let mut bytes = receipt.clone().into_bytes();
        let middle = bytes.len() / 2;
        bytes[middle] = if bytes[middle] == b'A' { b'B' } else { b'A' };
        String::from_utf8(bytes).unwrap()
    });
    wire::api::PostAnswer::new(receipts.collect(), None)
}

#[tokio::test]
async fn receipts_without_objects_are_found_by_the_vault_at_its_next_look() {
    let mut scene = Scene::new(9).await;
    scene.capture();
    assert_eq!(scene.agents[0].1.deliver().await.unwrap(), Step::Idle);
    scene.vault_line.tell(Lie::NoObjects);
    scene.vault_steps().await.unwrap();
    let missing: Vec<Gap> = scene
        .gaps()
        .into_iter()
        .filter(|gap| gap.why == GapWhy::ObjectMissing)
        .collect();
    assert_eq!(missing.len(), 1, "{missing:?}");
    let stored = scene.locked.state().stored_through().unwrap().get();
    assert_eq!(
        Some(stored),
        missing[0].index,
        "it says nothing about what it lacks"
    );
    let (_, courier) = &mut scene.agents[0];
    courier.collect_stored().await.unwrap();
    assert_eq!(courier.agent().spool().counts().unwrap().receipted, 1);
}

#[tokio::test]
async fn a_hidden_revocation_is_found_by_the_vault_with_the_next_entry() {
    let mut scene = Scene::new(10).await;
    scene.heartbeat(0);
    scene.agents[0].1.deliver().await.unwrap();
    let signer = scene.agents[0].0.signer();
    let now = scene.time.now();
    let how = Revocation::Compromised(SequenceNumber::new(1));
    scene.owner.revoke(signer, how, now);
    let (owner, root) = (&mut scene.owner, &scene.root);
    post(owner, root).await;
    // The relay lets whoever holds the agent's key go on.
    scene.heartbeat(0);
    let more = {
        let spool = scene.agents[0].0.agent().unwrap().spool();
        spool.waiting(1).unwrap().remove(0).entry
    };
    let mut leaves = scene.leaves().await;
    let at = leaves.last().unwrap().admitted_at();
    leaves.push(Leaf::new(at, more));
    let made = MadeLog::of(&scene.owner, &leaves);
    let error = scene.vault_alarms_about(made).await;
    assert!(text(&error).contains("revoked"), "{error:?}");
}

#[tokio::test]
async fn a_withheld_control_chain_is_found_by_the_owner_within_two_days() {
    let mut scene = Scene::new(11).await;
    let now = scene.time.now();
    let delegate = Delegate {
        purpose: Purpose::Head,
        keys: vec![SignerKey::from_seed(&[77; 32]).unwrap().public()],
        threshold: 1,
        until: now.plus(365 * 24 * HOUR),
    };
    scene.owner.act(Act::Delegate(delegate), now);
    let (owner, root) = (&mut scene.owner, &scene.root);
    post(owner, root).await;
    scene.vault_steps().await.unwrap();
    let frozen = MadeLog::of(&scene.owner, &scene.leaves().await);
    scene.vault_line.tell(Lie::Log(frozen));
    let stale = |scene: &Scene| scene.gaps().iter().any(|gap| gap.why == GapWhy::StaleHead);
    let mut waited = 0;
    while !stale(&scene) {
        scene.pass(HOUR);
        waited += HOUR;
        scene.vault_steps().await.unwrap();
        assert!(waited <= 49 * HOUR, "not found in {waited} ms");
    }
    assert!(waited > 47 * HOUR, "{waited}");
}

/// A scene in which somebody is to sign the control chain's head, as the first agent has read.
async fn with_heads(seed: u64) -> Scene {
    let mut scene = Scene::new(seed).await;
    let now = scene.time.now();
    let delegate = Delegate {
        purpose: Purpose::Head,
        keys: vec![SignerKey::from_seed(&[77; 32]).unwrap().public()],
        threshold: 1,
        until: now.plus(365 * 24 * HOUR),
    };
    scene.owner.act(Act::Delegate(delegate), now);
    scene.owner.sign_head(now);
    let (owner, root) = (&mut scene.owner, &scene.root);
    post(owner, root).await;
    let (_, courier) = &mut scene.agents[0];
    courier.read_control().await.unwrap();
    courier.read_head().await.unwrap();
    scene
}

/// The owner signs every day, and the agent is shown the log of the first day.
#[tokio::test]
async fn a_withheld_control_chain_is_found_by_the_agent_within_two_days() {
    let mut scene = with_heads(13).await;
    let frozen = MadeLog::of(&scene.owner, &scene.leaves().await);
    scene.agents[0].1.relay().tell(Lie::Log(frozen));
    let signer = scene.agents[1].0.signer();
    let mut waited = 0;
    while scene.agents[0].1.agent().stale_since().unwrap().is_none() {
        assert!(waited <= 48 * HOUR, "not found in {waited} ms");
        scene.pass(HOUR);
        waited += HOUR;
        if waited % (24 * HOUR) == 0 {
            let now = scene.time.now();
            scene.owner.revoke(signer, Revocation::Retired(now), now);
            scene.owner.sign_head(now);
            let (owner, root) = (&mut scene.owner, &scene.root);
            post(owner, root).await;
        }
        let (_, courier) = &mut scene.agents[0];
        assert_eq!(courier.read_control().await.unwrap(), 0);
        courier.read_head().await.unwrap();
    }
    assert!(waited > 48 * HOUR, "{waited}");
    let (_, courier) = &mut scene.agents[0];
    courier.relay().tell(Lie::None);
    courier.read_control().await.unwrap();
    courier.read_head().await.unwrap();
    assert_eq!(courier.agent().stale_since().unwrap(), None);
}

/// The relay shows the signed heads, which must be, and not the act that it hides.
#[tokio::test]
async fn a_hidden_act_is_found_by_the_agent_with_the_next_head() {
    let mut scene = with_heads(14).await;
    let read = scene.agents[0].1.agent().control().authority().head();
    let hidden = Lie::ActsBelow(read.number.next());
    scene.agents[0].1.relay().tell(hidden);
    let (signer, now) = (scene.agents[1].0.signer(), scene.time.now());
    scene.owner.revoke(signer, Revocation::Retired(now), now);
    scene.owner.sign_head(now);
    let (owner, root) = (&mut scene.owner, &scene.root);
    post(owner, root).await;
    let (_, courier) = &mut scene.agents[0];
    assert_eq!(courier.read_control().await.unwrap(), 0);
    let error = courier.read_head().await.unwrap_err();
    assert!(matches!(error, BeliefError::Withheld { .. }), "{error}");
}

/// Receipts come as ever; that the vault holds what they are of is kept from the agent.
#[tokio::test]
async fn a_withheld_stored_is_found_by_the_agent_within_two_days() {
    let mut scene = Scene::new(15).await;
    scene.agents[0].1.relay().tell(Lie::NoStored);
    let mut waited = 0;
    loop {
        scene.capture();
        scene.vault_steps().await.unwrap();
        let (_, courier) = &mut scene.agents[0];
        assert_eq!(courier.deliver().await.unwrap(), Step::Idle);
        assert_eq!(courier.collect_stored().await.unwrap(), 0);
        if courier.agent().unconfirmed_since().unwrap().is_some() {
            break;
        }
        assert!(waited <= 48 * HOUR, "not found in {waited} ms");
        scene.pass(4 * HOUR);
        waited += 4 * HOUR;
    }
    assert!(waited > 48 * HOUR, "{waited}");
    scene.vault_steps().await.unwrap();
    let (_, courier) = &mut scene.agents[0];
    courier.relay().tell(Lie::None);
    assert!(courier.collect_stored().await.unwrap() > 10);
    assert_eq!(courier.agent().unconfirmed_since().unwrap(), None);
}

/// The relay says that the agent is unknown or revoked, and no act says so.
#[tokio::test]
async fn a_false_revocation_is_found_by_the_agent_at_once() {
    let mut scene = Scene::new(16).await;
    scene.capture();
    scene.agents[0].1.relay().tell(Lie::Unknown);
    for _ in 0..20 {
        let (_, courier) = &mut scene.agents[0];
        let calls = courier.submission().failures();
        assert_eq!(courier.deliver().await.unwrap(), Step::Failed);
        assert_eq!(courier.halt(), Some(&Halt::Denied));
        assert_eq!(courier.submission().failures(), calls + 1, "it tries on");
        scene.pass(LOOK);
    }
    let (_, courier) = &mut scene.agents[0];
    courier.relay().tell(Lie::None);
    assert_eq!(courier.deliver().await.unwrap(), Step::Idle);
    assert_eq!(courier.halt(), None);
}

/// The true relay and a true revocation: the agent learns it from the chain, which a revoked signer
/// may read, and stops for good.
#[tokio::test]
async fn a_true_revocation_is_believed_by_the_agent_at_once() {
    let mut scene = Scene::new(17).await;
    scene.capture();
    let (signer, now) = (scene.agents[0].0.signer(), scene.time.now());
    let how = Revocation::Compromised(SequenceNumber::new(0));
    scene.owner.revoke(signer, how, now);
    let (owner, root) = (&mut scene.owner, &scene.root);
    post(owner, root).await;
    let (_, courier) = &mut scene.agents[0];
    assert_eq!(courier.deliver().await.unwrap(), Step::Failed);
    assert_eq!(courier.halt(), Some(&Halt::Revoked));
    assert_eq!(courier.deliver().await.unwrap(), Step::Revoked);
    let counts = courier.agent().spool().counts().unwrap();
    assert_eq!(counts.waiting, 1, "its sealed copies stay");
}

#[tokio::test]
async fn one_agent_stalled_is_found_by_the_vault_within_two_heartbeats() {
    let mut scene = Scene::new(12).await;
    scene.heartbeat(0);
    scene.agents[0].1.deliver().await.unwrap();
    scene.vault_steps().await.unwrap();
    scene.agents[0].1.relay().tell(Lie::Stalled);
    let mut waited = 0;
    while !scene.silent().contains(&0) {
        assert!(waited <= SILENT, "not found in {waited} ms");
        scene.pass(LOOK);
        waited += LOOK;
        scene.heartbeat(0);
        scene.heartbeat(1);
        for at in 0..2 {
            scene.agents[at].1.deliver().await.unwrap();
        }
        scene.vault_steps().await.unwrap();
    }
    assert_eq!(scene.silent(), [0], "the other one lives");
    let (_, courier) = &scene.agents[0];
    assert!(courier.submission().failures() > 3, "the agent knows too");
    assert!(courier.agent().spool().counts().unwrap().waiting > 3);
}

/// An error with all that it comes from.
fn text(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}

/// The table can not go stale: each of its tests is here, and each test here is in it.
#[test]
fn the_table_of_lies_names_every_test() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let page = std::fs::read_to_string(root.join("docs/assurance.md")).unwrap();
    let section = page.split("## A relay that lies").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let named: BTreeSet<&str> = section
        .split('`')
        .filter_map(|piece| piece.strip_prefix("lies::"))
        .collect();
    let here: BTreeSet<&str> = include_str!("main.rs")
        .split("#[tokio::test]\nasync fn ")
        .skip(1)
        .filter_map(|rest| rest.split('(').next())
        .collect();
    assert_eq!(named, here);
}
