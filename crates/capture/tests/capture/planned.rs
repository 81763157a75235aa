//! Plans: taken from mail that may be believed, kept, obeyed, counted (plan.md).

use std::sync::Arc;

use capture::{
    Agent, ConnectorCommand, Courier, Halt, Happening, LiveError, LiveJob, MailTaken, Stop,
};
use connector::kit::{Context, KitError, Request};
use connector::{Hello, Incoming, Position};
use record::Content;
use seal::{Decision, Notice, Plan, Rule};
use wire::{ChainPosition, Purpose, RetentionClass, Role, SignerKey};

use crate::source::{ACCOUNT, connect, given, hello, message};
use crate::world::{Home, LogRelay, Owner, TestLog};

const DAY: i64 = 86_400_000;

struct Scene {
    owner: Owner,
    home: Home,
    log: Arc<TestLog>,
    office: SignerKey,
    second: SignerKey,
    at: ChainPosition,
}

impl Scene {
    fn new() -> Self {
        let owner = Owner::new();
        let home = Home::new(&owner);
        let log = owner.found();
        owner.enrol_agent(&log, &home.identity());
        let key = |seed| SignerKey::from_seed(&[seed; 32]).unwrap();
        let (office, second) = (key(41), key(42));
        owner.delegate(&log, Purpose::Plan, &[&office, &second], 1);
        owner.delegate(&log, Purpose::Enrol, &[&key(43)], 1);
        Self {
            owner,
            home,
            log,
            office,
            second,
            at: ChainPosition::FIRST,
        }
    }

    fn plan(&self, number: u64, rules: Vec<Rule>) -> Plan {
        let agent = self.home.identity().signer().id();
        let class = RetentionClass::new(0);
        Plan::new(
            agent,
            number,
            Decision::Capture,
            rules,
            class,
            vec![],
            Some(900),
        )
        .unwrap()
    }

    fn send(&mut self, plan: &Plan, both: bool) {
        let mail = plan.to_mail().unwrap();
        let mut keys = vec![&self.office];
        if both {
            keys.push(&self.second);
        }
        let identity = self.home.identity();
        self.owner
            .mail(&self.log, &mail, &identity, &keys, &mut self.at);
    }

    /// Conversations in which a notice was given, as records say.
    fn notices(&self) -> Vec<String> {
        let mut said = Vec::new();
        for batch in self.log.open(&self.owner) {
            for record in batch.records() {
                let record = record.unwrap();
                if let Content::Consent(_) = &record.record().body().content {
                    let envelope = record.record().envelope();
                    said.push(envelope.conversation().as_str().to_owned());
                }
            }
        }
        said.sort();
        said
    }

    fn accounts(&self) -> Vec<(String, String)> {
        let mut said = Vec::new();
        for batch in self.log.open(&self.owner) {
            for record in batch.records() {
                if let Content::Account(account) = &record.unwrap().record().body().content {
                    said.push((account.what.clone(), account.value.clone().unwrap()));
                }
            }
        }
        said
    }
}

fn rule(decision: Decision, conversation: &str) -> Rule {
    Rule {
        conversation: Some(conversation.into()),
        ..Rule::new(decision)
    }
}

async fn courier(scene: &Scene) -> Courier<LogRelay> {
    let mut courier = Courier::new(scene.home.open(), LogRelay::new(&scene.log));
    courier.read_control().await.unwrap();
    courier
}

fn live() -> LiveJob {
    LiveJob {
        connector: ConnectorCommand::new("/not/run"),
        network: "test".into(),
        account: ACCOUNT.into(),
        custodian: "c-17".into(),
        settings: vec![],
        class: RetentionClass::new(0),
    }
}

/// Messages `from..to`, one in each event; conversations are `chat-0` to `chat-2` in turn.
fn capture(agent: &Agent, from: u64, to: u64) {
    let job = live();
    let run = move |ctx: &mut Context<'_>| {
        ctx.hello(hello())?;
        for n in from..to {
            let at = Position::new(n.to_be_bytes().to_vec());
            ctx.emit(vec![Incoming::of(&message(n, ACCOUNT))], Some(at))?;
        }
        ctx.wait_durable()?;
        Err(KitError::Stopped)
    };
    let over = |folder: &std::path::Path| {
        connect(run)(folder)
            .map_err(|_| LiveError::Folder(folder.to_owned(), std::io::ErrorKind::Other.into()))
    };
    let ended = agent.capture_over(&job, over, &Stop::default(), None, |_| {});
    assert!(ended.is_err(), "the connector ends by itself");
}

/// PLAN-2, PLAN-4, PLAN-5, PLAN-6, PLAN-7.
#[tokio::test(flavor = "multi_thread")]
async fn plan_5_what_is_left_out_is_counted_and_not_sealed() {
    let mut scene = Scene::new();
    let mut first = courier(&scene).await;
    assert_eq!(first.agent().plan().number(), 0);
    capture(first.agent(), 0, 3);
    scene.send(
        &scene.plan(1, vec![rule(Decision::Exclude, "chat-1")]),
        false,
    );
    assert_eq!(first.read_mail().await.unwrap(), [MailTaken::Plan(1)]);
    assert_eq!(first.read_mail().await.unwrap(), [], "read once");
    capture(first.agent(), 3, 9);
    let left = first.agent().spool().left_out_in_all().unwrap();
    assert_eq!(left, (2, 0));
    drop(first);

    // After a restart the plan is obeyed before anything is asked, and an older one changes nothing.
    let mut second = courier(&scene).await;
    assert_eq!(second.agent().plan().number(), 1);
    scene.send(&scene.plan(1, vec![]), false);
    assert_eq!(second.read_mail().await.unwrap(), [MailTaken::Older(1)]);
    scene.home.clock.step(DAY);
    capture(second.agent(), 9, 12);
    second.deliver().await.unwrap();
    let ids: Vec<String> = scene
        .log
        .source_ids(&scene.owner)
        .into_iter()
        .filter(|id| id.parse::<u64>().is_ok())
        .collect();
    assert_eq!(ids, ["0", "1", "2", "3", "5", "6", "8", "9", "11"]);
    let said = scene.accounts();
    assert!(said[0].1.starts_with("1 ") && said[0].1.ends_with(" private=0"));
    let told: Vec<&String> = said
        .iter()
        .filter(|(what, _)| what == "left-out")
        .map(|(_, value)| value)
        .collect();
    assert_eq!(told.len(), 1, "today's count is not told yet");
    assert!(
        told[0].ends_with(" excluded=2 private=0 plan=1"),
        "{}",
        told[0]
    );
    let left = second.agent().spool().left_out_in_all().unwrap();
    assert_eq!(left, (1, 0));
}

/// PLAN-3: one signature does not make a conversation private, and the refusal is said.
#[tokio::test(flavor = "multi_thread")]
async fn plan_3_private_needs_a_second_person() {
    let mut scene = Scene::new();
    let mut courier = courier(&scene).await;
    let private = scene.plan(1, vec![rule(Decision::Private, "chat-2")]);
    scene.send(&private, false);
    assert_eq!(courier.read_mail().await.unwrap(), [MailTaken::Refused]);
    assert_eq!(courier.agent().plan().number(), 0);
    scene.send(&private, true);
    assert_eq!(courier.read_mail().await.unwrap(), [MailTaken::Plan(1)]);
    capture(courier.agent(), 0, 3);
    assert_eq!(courier.agent().spool().left_out_in_all().unwrap(), (0, 1));
    courier.deliver().await.unwrap();
    let said = scene.accounts();
    let whats: Vec<&str> = said.iter().map(|(what, _)| what.as_str()).collect();
    assert_eq!(whats, ["plan-refused", "plan"]);
    assert!(said[1].1.ends_with(" private=1"));
}

/// PLAN-1: neither a delegate for enrolments nor a plan for somebody else is believed.
#[tokio::test(flavor = "multi_thread")]
async fn plan_1_only_delegates_for_plans_are_believed() {
    let mut scene = Scene::new();
    let mut courier = courier(&scene).await;
    let enroller = SignerKey::from_seed(&[43; 32]).unwrap();
    let plan = scene.plan(7, vec![]);
    let mut at = ChainPosition::FIRST;
    let identity = scene.home.identity();
    let mail = plan.to_mail().unwrap();
    scene
        .owner
        .mail(&scene.log, &mail, &identity, &[&enroller], &mut at);
    let other = Plan::new(
        enroller.id(),
        8,
        Decision::Exclude,
        vec![],
        RetentionClass::new(0),
        vec![],
        None,
    );
    scene.send(&other.unwrap(), false);
    let taken = courier.read_mail().await.unwrap();
    assert_eq!(taken, [MailTaken::Refused, MailTaken::Refused]);
    assert_eq!(courier.agent().plan().number(), 0);
}

/// CONTROL-3: mail counts by the delegation that was in force at its place, whatever came later.
#[tokio::test(flavor = "multi_thread")]
async fn plan_1_a_plan_sent_before_its_makers_were_replaced_is_taken() {
    let mut scene = Scene::new();
    scene.send(&scene.plan(1, vec![]), false);
    let other = SignerKey::from_seed(&[44; 32]).unwrap();
    scene
        .owner
        .delegate(&scene.log, Purpose::Plan, &[&scene.office, &other], 2);
    scene.owner.undelegate_first(&scene.log, Purpose::Plan);
    let mut courier = courier(&scene).await;
    assert_eq!(courier.read_mail().await.unwrap(), [MailTaken::Plan(1)]);
}

/// PLAN-10: an agent that could not seal to the plan's class keeps the plan in force, and says so.
#[tokio::test(flavor = "multi_thread")]
async fn plan_10_a_class_without_an_epoch_is_refused() {
    let mut scene = Scene::new();
    let agent = scene.home.identity().signer().id();
    let class = RetentionClass::new(9);
    let plan = Plan::new(agent, 1, Decision::Exclude, vec![], class, vec![], None).unwrap();
    scene.send(&plan, false);
    let mut courier = courier(&scene).await;
    assert_eq!(courier.read_mail().await.unwrap(), [MailTaken::Refused]);
    assert_eq!(courier.agent().plan().number(), 0);
    courier.deliver().await.unwrap();
    let said = scene.accounts();
    assert_eq!(said[0].0, "plan-refused");
    assert!(said[0].1.contains("class 9"), "{}", said[0].1);
}

/// A connector that notes which notices it was asked for, and gives one: messages `from..to`, then
/// `serve` until nothing is asked any more.
fn noticing(
    agent: &Agent,
    (from, to): (u64, u64),
    gives: bool,
    records_them: bool,
) -> (Vec<(String, Vec<String>)>, Vec<Happening>) {
    let (tell, asked) = std::sync::mpsc::channel();
    let run = move |ctx: &mut Context<'_>| {
        ctx.hello(Hello {
            notices: gives,
            ..hello()
        })?;
        for n in from..to {
            let at = Position::new(n.to_be_bytes().to_vec());
            ctx.emit(vec![Incoming::of(&message(n, ACCOUNT))], Some(at))?;
        }
        ctx.wait_durable()?;
        while let Some(request) = ctx.next_request(std::time::Duration::from_millis(500))? {
            let Request::Notice(notice) = request else {
                continue;
            };
            if records_them {
                ctx.emit(vec![Incoming::of(&given(&notice.conversation))], None)?;
            }
            let texts = notice.texts.iter().map(|said| said.text.clone()).collect();
            let _ = tell.send((notice.conversation.clone(), texts));
        }
        ctx.wait_durable()?;
        Err(KitError::Stopped)
    };
    let mut happened = Vec::new();
    let over = |folder: &std::path::Path| {
        connect(run)(folder)
            .map_err(|_| LiveError::Folder(folder.to_owned(), std::io::ErrorKind::Other.into()))
    };
    let stop = Stop::default();
    let ended = agent.capture_over(&live(), over, &stop, None, |happening| {
        if let Happening::NoticesNotGiven = happening {
            happened.push(Happening::NoticesNotGiven);
        }
    });
    assert!(ended.is_err(), "the connector ends by itself");
    (asked.iter().collect(), happened)
}

fn notice(text: &str, conversation: Option<&str>) -> Notice {
    Notice {
        language: "en".into(),
        text: text.into(),
        network: conversation.map(|_| "test".into()),
        conversation: conversation.map(str::to_owned),
    }
}

/// PLAN-9, CONN-10: asked once for each conversation that is captured, in its own words, until the
/// record that it was given is durable; nothing is said in one that is left out.
#[tokio::test(flavor = "multi_thread")]
async fn plan_9_notices_are_asked_for_until_they_are_recorded() {
    let mut scene = Scene::new();
    let mut courier = courier(&scene).await;
    let agent = scene.home.identity().signer().id();
    let notices = vec![
        notice("This is archived.", None),
        notice("Friends: this is archived.", Some("chat-2")),
    ];
    let plan = Plan::new(
        agent,
        1,
        Decision::Capture,
        vec![rule(Decision::Exclude, "chat-1")],
        RetentionClass::new(0),
        notices,
        None,
    );
    scene.send(&plan.unwrap(), false);
    courier.read_mail().await.unwrap();
    let wanted = [
        ("chat-0".to_owned(), vec!["This is archived.".to_owned()]),
        (
            "chat-2".to_owned(),
            vec!["Friends: this is archived.".to_owned()],
        ),
    ];
    let sorted = |mut asked: Vec<(String, Vec<String>)>| {
        asked.sort();
        asked
    };
    // A connector that gives none: the agent says so, and they stay due.
    let (asked, happened) = noticing(courier.agent(), (0, 3), false, false);
    assert!(asked.is_empty());
    assert!(!happened.is_empty());
    // One that is ended before it has recorded anything: asked, though nobody says anything new.
    let (asked, happened) = noticing(courier.agent(), (3, 3), true, false);
    assert_eq!(sorted(asked), wanted);
    assert!(happened.is_empty());
    // Also after a restart of the agent. Recorded, they are not asked for again.
    drop(courier);
    let mut again = self::courier(&scene).await;
    let (asked, _) = noticing(again.agent(), (3, 6), true, true);
    assert_eq!(sorted(asked), wanted);
    let (asked, _) = noticing(again.agent(), (6, 9), true, true);
    assert_eq!(asked, []);
    again.deliver().await.unwrap();
    let notices = scene.notices();
    assert_eq!(notices, ["chat-0", "chat-2"], "they are records");
}

/// PLAN-7: without a plan nobody is told anything.
#[tokio::test(flavor = "multi_thread")]
async fn plan_7_without_a_plan_there_are_no_notices() {
    let scene = Scene::new();
    let courier = courier(&scene).await;
    let (asked, happened) = noticing(courier.agent(), (0, 6), true, true);
    assert!(asked.is_empty() && happened.is_empty());
}

/// CLONE-1: a copy that goes on beside its original stops, keeps what it holds, and says why.
#[tokio::test(flavor = "multi_thread")]
async fn clone_1_a_copy_stops_and_keeps_what_it_holds() {
    let scene = Scene::new();
    // The same keys and an empty spool: what a backup of the first day restores.
    let copy = Home::new(&scene.owner);
    let mut original = courier(&scene).await;
    capture(original.agent(), 0, 2);
    original.deliver().await.unwrap();

    let mut restored = Courier::new(copy.open(), LogRelay::new(&scene.log));
    restored.read_control().await.unwrap();
    copy.clock.step(60_000);
    capture(restored.agent(), 5, 6);
    restored.deliver().await.unwrap();
    assert_eq!(restored.halt(), Some(&Halt::Clone));
    assert_eq!(restored.agent().spool().counts().unwrap().waiting, 1);
    assert_eq!(scene.log.source_ids(&scene.owner), ["0", "1"]);
}

/// CLONE-3: what an old spool never delivered is a loss of the new chain, counted.
#[tokio::test(flavor = "multi_thread")]
async fn clone_3_what_the_copy_never_delivered_is_a_loss() {
    let scene = Scene::new();
    let old = courier(&scene).await;
    capture(old.agent(), 0, 4);
    let old_id = old.agent().identity().signer().id();
    drop(old);

    let new = Home::seeded(&scene.owner, 78);
    scene
        .owner
        .enrol(&scene.log, new.identity().signer(), Role::Agent);
    let mut courier = Courier::new(new.open(), LogRelay::new(&scene.log));
    courier.read_control().await.unwrap();
    for _ in 0..2 {
        let lost = courier
            .agent()
            .record_lost_spool(old_id, scene.home.path())
            .unwrap();
        assert_eq!(lost.records, 4);
        assert!(lost.first.is_some() && lost.first <= lost.last);
    }
    courier.deliver().await.unwrap();
    let batches = scene.log.open(&scene.owner);
    let losses: Vec<u64> = batches
        .iter()
        .flat_map(seal::OpenedBatch::records)
        .filter_map(|record| match &record.unwrap().record().body().content {
            Content::Loss(loss) => loss.count,
            _ => None,
        })
        .collect();
    assert_eq!(losses, [4], "said twice, recorded once");
}
