//! Connectors and networks that mean harm: what they say is told by a real connector to a real agent,
//! goes through relay and vault, and is opened by the owner. Nothing falls over, nothing is taken
//! for what it is not, and the honest message behind it arrives.

use std::io::Write;
use std::sync::Arc;

use capture::{
    Agent, ConversationError, Courier, Identity, ImportError, ImportFailure, ImportSummary, Line,
    Step, Stop,
};
use client::RelayClient;
use connector::kit::{Context, KitError};
use connector::{Incoming, Up};
use record::{
    Content, Envelope, EnvelopeBuilder, LossWhy, Milliseconds, OriginalContent, Record, Source,
    TextId, Time,
};
use relay::{Relay, RunningRelay};
use scenarios::markers::Family;
use scenarios::office::{address, environment};
use scenarios::source::{Messages, connect, hello};
use testkit::Seeded;
use vault::follow::Locked;
use vault::room::process::{RoomClient, RoomProcess};
use vault::room::protocol::{Answer, Ask, Secret, Unlock};
use vault::system::now;

use crate::Scene;

/// Times at both ends of what can be written, and beyond what any calendar knows.
#[tokio::test(flavor = "multi_thread")]
async fn forged_times_are_kept_and_believed_by_nobody() {
    let office = Running::start(61).await;
    let times = [
        i64::MIN,
        i64::MIN + 1,
        -62_135_596_800_001,
        -1,
        0,
        253_402_300_800_000,
        i64::MAX - 1,
        i64::MAX,
    ];
    let messages = office.messages.clone();
    let begun = now();
    let summary = office
        .import(move |ctx| {
            ctx.hello(hello())?;
            let mut records = Vec::new();
            for (number, time) in (0..).zip(times) {
                let forged = Time::utc(Milliseconds::new(time));
                records.push(Incoming::of(&altered(
                    &messages.message(number),
                    |envelope| envelope.sent(forged).server(forged).received(forged),
                )));
            }
            ctx.emit(records, None)?;
            // When it was captured is the connector's word too.
            let captured = Time::utc(Milliseconds::new(i64::MIN));
            let forged = captured_at(&messages.message(20), captured);
            ctx.emit(vec![Incoming::of(&forged)], None)?;
            ctx.emit(vec![Incoming::of(&messages.message(21))], None)?;
            Ok(())
        })
        .unwrap();
    assert_eq!(summary.kept.new, times.len() as u64 + 2);
    let records = office.archived().await;
    assert_eq!(records.len(), times.len() + 2);
    for (record, time) in records.iter().zip(times) {
        if let Some(sent) = record.envelope().times().sent {
            assert_eq!(sent.at.get(), time);
        }
    }
    // Beside what they say stands when the agent signed and the relay admitted, and that is true.
    let entries = vault::verify::verified_entries(&office.scene.office.vault().mirror()).unwrap();
    for entry in entries
        .iter()
        .filter(|entry| entry.entry().kind() == wire::Kind::Batch)
    {
        let admitted = entry.admitted_at().time();
        assert!(admitted.since(begun) >= 0 && now().since(admitted) >= 0);
        assert!(entry.entry().time().since(begun) >= 0);
    }
    // The reading room files them, finds them, and can count by date.
    let mut room = office.room();
    let marker = |number| {
        office
            .messages
            .family
            .marker(scenarios::markers::Field::Text, number)
    };
    for number in [0, 3, 7, 20, 21] {
        assert_eq!(room.found(&marker(number)), 1, "message {number}");
    }
    room.found("before:2020-01-01");
    room.found("after:2020-01-01");
    office.stop().await;
}

/// Parts that are too large, nested a hundred thousand deep, of impossible lengths, or no parts at all.
#[tokio::test(flavor = "multi_thread")]
async fn huge_and_deep_fields_become_losses_and_the_next_message_arrives() {
    let office = Running::start(62).await;
    let messages = office.messages.clone();
    let good: Vec<Vec<u8>> = messages.message(0).parts().into_vecs().into();
    let deep = |byte: u8| vec![byte; 100_000];
    let bad: Vec<Vec<u8>> = vec![
        deep(0x81),
        deep(0x9f),
        deep(0xa1),
        deep(0xd8),
        vec![0x9b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        vec![0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        vec![0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        vec![0x7a, 0xff, 0xff, 0xff, 0xff],
        [vec![0x7a, 0x00, 0x60, 0x00, 0x00], vec![b'x'; 6 << 20]].concat(),
        Vec::new(),
        vec![0xff],
    ];
    let cases = u64::try_from(bad.len() * 3).unwrap();
    let summary = office
        .import(move |ctx| {
            ctx.hello(hello())?;
            for part in 0..3 {
                for bytes in &bad {
                    let mut parts = good.clone();
                    parts[part].clone_from(bytes);
                    ctx.emit(vec![Incoming::new(parts)], None)?;
                }
            }
            ctx.emit(vec![Incoming::of(&messages.message(1))], None)?;
            Ok(())
        })
        .unwrap();
    assert_eq!((summary.kept.losses, summary.kept.new), (cases, cases + 1));
    let records = office.archived().await;
    let losses = records.iter().filter(|record| {
        matches!(&record.body().content, Content::Loss(loss) if loss.why == LossWhy::Damaged)
    });
    assert_eq!(losses.count() as u64, cases);
    // What is not too large is kept beside its loss, as it came.
    assert!(
        records
            .iter()
            .filter(|record| record.original().is_some())
            .count()
            > 10
    );
    assert_eq!(
        records.last().unwrap().envelope().source_id().as_str(),
        Messages::id(1)
    );
    office.stop().await;
}

/// Frames of lengths that are not there, of no protocol, and out of turn: the conversation ends, and
/// what was durable before is.
#[tokio::test(flavor = "multi_thread")]
async fn frames_of_no_protocol_end_the_conversation_and_nothing_else() {
    let office = Running::start(63).await;
    let first = connector::Event {
        number: connector::EventNumber::new(1),
        records: vec![Incoming::of(&office.messages.message(0))],
        position: None,
    };
    let frames = |last: Vec<u8>| {
        let mut all = Vec::new();
        for up in [Up::Hello(hello()), Up::Event(first.clone())] {
            connector::frame::write_frame(&mut all, &up.to_frame()).unwrap();
        }
        all.extend(last);
        all
    };
    let garbage: Vec<Vec<u8>> = vec![
        vec![0xff; 4],
        vec![0x7f, 0xff, 0xff, 0xff, 0x00],
        [vec![0, 0, 0x10, 0], vec![0x81; 0x1000]].concat(),
        [
            vec![0, 0, 0, 9],
            vec![0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        ]
        .concat(),
        vec![0, 0, 0, 0],
        b"HTTP/1.1 200 OK\r\n\r\n".to_vec(),
    ];
    for last in garbage {
        let bytes = frames(last.clone());
        let error = office.import_line(bytes).unwrap_err();
        assert!(
            matches!(
                &*error.why,
                ImportFailure::Conversation(
                    ConversationError::Frame(_)
                        | ConversationError::Violation(_)
                        | ConversationError::Died
                )
            ),
            "{last:?}: {error:?}"
        );
    }
    let records = office.archived().await;
    assert_eq!(records.len(), 1, "the message before the garbage, once");
    office.stop().await;
}

/// A connector says that it speaks for somebody else's account, custodian or network.
#[tokio::test(flavor = "multi_thread")]
async fn a_connector_can_not_speak_for_another_account() {
    let office = Running::start(64).await;
    let messages = office.messages.clone();
    let other = Messages {
        family: Family::draw(&mut Seeded::new(1)),
        ..messages.clone()
    };
    let stranger = other.message(5);
    let claimed = stranger.envelope().account().as_str().to_owned();
    let own = messages.message(6).envelope().account().as_str().to_owned();
    let summary = office
        .import(move |ctx| {
            ctx.hello(hello())?;
            ctx.emit(vec![Incoming::of(&stranger)], None)?;
            ctx.emit(vec![Incoming::of(&messages.message(6))], None)?;
            Ok(())
        })
        .unwrap();
    assert_eq!((summary.kept.new, summary.kept.losses), (2, 1));
    assert_eq!(summary.kept.notes[0].why, LossWhy::Damaged);
    let records = office.archived().await;
    for record in &records {
        assert_eq!(record.envelope().account().as_str(), own);
        assert_eq!(record.envelope().custodian().as_str(), own);
    }
    // What it said is evidence, not a record of that account.
    let evidence = records[0].original().unwrap();
    let OriginalContent::Inline(bytes) = &evidence.content else {
        panic!("{evidence:?}")
    };
    assert!(
        bytes
            .windows(claimed.len())
            .any(|window| window == claimed.as_bytes())
    );
    let mut room = office.room();
    assert_eq!(room.found(&format!("account:{claimed}")), 0);
    office.stop().await;
}

/// One id of the network for messages in other conversations and of other kinds: they stay apart. The
/// very same one again is the same.
#[tokio::test(flavor = "multi_thread")]
async fn colliding_ids_stay_apart_where_they_can_be_told_apart() {
    let office = Running::start(65).await;
    let messages = office.messages.clone();
    let summary = office
        .import(move |ctx| {
            ctx.hello(hello())?;
            for conversation in 0..50 {
                let message = messages.message(conversation);
                let same = renamed(&message, &format!("chat-{conversation}"), "1731575260000");
                ctx.emit(vec![Incoming::of(&same), Incoming::of(&same)], None)?;
            }
            Ok(())
        })
        .unwrap();
    assert_eq!((summary.kept.new, summary.kept.known), (50, 50));
    let records = office.archived().await;
    let mut ids: Vec<_> = records.iter().map(Record::id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!((records.len(), ids.len()), (50, 50));
    let mut room = office.room();
    for number in [0, 17, 49] {
        let marker = office
            .messages
            .family
            .marker(scenarios::markers::Field::Text, number);
        assert_eq!(room.found(&marker), 1);
    }
    office.stop().await;
}

/// NOTHING-LOST, SPOOL-6: a message that carries the very id of another and says something else is
/// archived beside it, and found; both come again without being doubled.
#[tokio::test(flavor = "multi_thread")]
async fn another_message_under_a_known_id_is_archived_and_found() {
    let office = Running::start(67).await;
    let same_id = |number| renamed(&office.messages.message(number), "chat", "1731575260000");
    let pair = [same_id(1), same_id(2)];
    assert_eq!(pair[0].id(), pair[1].id());
    for expected in [(2, 1, 1), (0, 3, 0)] {
        let [first, second] = pair.clone();
        let summary = office
            .import(move |ctx| {
                ctx.hello(hello())?;
                for message in [&first, &second, &first] {
                    ctx.emit(vec![Incoming::of(message)], None)?;
                }
                Ok(())
            })
            .unwrap();
        let kept = summary.kept;
        assert_eq!((kept.new, kept.known, kept.apart), expected);
    }
    let records = office.archived().await;
    let mut ids: Vec<_> = records.iter().map(Record::id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!((records.len(), ids.len()), (2, 2));
    let told = records.iter().filter(|record| {
        let mut fields = record.body().fields.iter();
        fields.any(|field| field.name == "greffe.source-id" && field.value == "1731575260000")
    });
    assert_eq!(told.count(), 1, "the second says which id it came with");
    let mut room = office.room();
    for number in [1, 2] {
        let field = scenarios::markers::Field::Text;
        assert_eq!(room.found(&office.messages.family.marker(field, number)), 1);
    }
    office.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_thousand_tiny_events_are_taken_in_bounded_memory() {
    flood(3_000, 100).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "long: cargo xtask assurance"]
async fn half_a_million_tiny_events_are_taken_in_bounded_memory() {
    flood(500_000, 300).await;
}

/// So many events of one record each, as fast as the agent takes them; the whole process, which is
/// connector, agent and relay in one, stays below so many MiB more than it had.
async fn flood(events: u64, mebibytes: u64) {
    let office = Running::start(66).await;
    let messages = office.messages.clone();
    let before = peak();
    let summary = office
        .import(move |ctx| {
            ctx.hello(hello())?;
            for number in 0..events {
                ctx.emit(vec![Incoming::of(&messages.message(number * 8))], None)?;
                // The kit waits where too much is under way; nothing here counts.
                assert!(ctx.in_flight()? <= connector::limit::IN_FLIGHT);
            }
            Ok(())
        })
        .unwrap();
    assert_eq!(summary.kept.new, events);
    // SPOOL-8: what waits together is one entry.
    let entries = summary.kept.entries;
    assert!(entries <= events / 8, "{entries} entries");
    let grown = peak() - before;
    assert!(grown < mebibytes << 10, "{grown} KiB");
    eprintln!("{events} events: {entries} entries, {grown} KiB more");
    office.stop().await;
}

/// The same message with another envelope.
fn rebuilt(
    message: &Record,
    captured: Time,
    place: (&str, &str),
    change: impl FnOnce(EnvelopeBuilder) -> EnvelopeBuilder,
) -> Record {
    let envelope = message.envelope();
    let source = Source {
        network: envelope.network().clone(),
        account: envelope.account().clone(),
        custodian: envelope.custodian().clone(),
        connector: envelope.connector().clone(),
        assurance: envelope.assurance(),
        mode: envelope.mode(),
    };
    let id = |text: &str| TextId::new(text).unwrap();
    let builder =
        Envelope::builder(&source, id(place.0), id(place.1), captured).sent(envelope.times().sent);
    Record::new(
        change(builder),
        message.participants().clone(),
        message.body().clone(),
        message.original().cloned(),
        Vec::new(),
    )
    .unwrap()
}

fn altered(message: &Record, change: impl FnOnce(EnvelopeBuilder) -> EnvelopeBuilder) -> Record {
    let envelope = message.envelope();
    let place = (
        envelope.conversation().as_str(),
        envelope.source_id().as_str(),
    );
    rebuilt(message, envelope.times().captured, place, change)
}

fn captured_at(message: &Record, captured: Time) -> Record {
    let envelope = message.envelope();
    let place = (
        envelope.conversation().as_str(),
        envelope.source_id().as_str(),
    );
    rebuilt(message, captured, place, |builder| builder)
}

fn renamed(message: &Record, conversation: &str, source_id: &str) -> Record {
    let captured = message.envelope().times().captured;
    rebuilt(message, captured, (conversation, source_id), |builder| {
        builder
    })
}

/// Highest resident size of this process so far, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// An office with its relay and agent running.
struct Running {
    scene: Scene,
    relay: RunningRelay,
    agent: Arc<Agent>,
    messages: Messages,
}

impl Running {
    async fn start(seed: u64) -> Self {
        let scene = Scene::new(seed);
        let relay = Relay::start(scene.office.relay_config(&scene.relay_folder()))
            .await
            .unwrap();
        scene.office.begin_log(&address(&relay)).await;
        let identity = Identity::open(&scene.office.agent()).unwrap();
        let agent = Arc::new(Agent::open(identity, environment()).unwrap());
        let running = Self {
            scene,
            relay,
            agent,
            messages: Messages {
                family: Family::draw(&mut Seeded::new(seed)),
                count: 0,
                file_bytes: 0,
            },
        };
        running.courier().read_control().await.unwrap();
        running
    }

    fn courier(&self) -> Courier<RelayClient> {
        let identity = self.agent.identity();
        let client = RelayClient::new(
            &address(&self.relay),
            identity.archive(),
            Arc::clone(identity.signer()),
        );
        Courier::new(Arc::clone(&self.agent), client.unwrap())
    }

    fn import(
        &self,
        connector: impl FnOnce(&mut Context<'_>) -> Result<(), KitError> + Send + 'static,
    ) -> Result<ImportSummary, ImportError> {
        let job = self.messages.job();
        self.agent
            .import_over(&job, connect(connector), &Stop::default(), |_| {})
    }

    /// A connector that says just these bytes.
    fn import_line(&self, bytes: Vec<u8>) -> Result<ImportSummary, ImportError> {
        let job = self.messages.job();
        let line = move |_: &std::path::Path| {
            let (from, mut says) = std::io::pipe().unwrap();
            let (heard, to) = std::io::pipe().unwrap();
            std::thread::spawn(move || {
                let _ = says.write_all(&bytes);
                // It hears what it is told, and then it is gone.
                drop((says, heard));
            });
            Ok(Line::new(from, to))
        };
        self.agent.import_over(&job, line, &Stop::default(), |_| {})
    }

    async fn deliver(&self) {
        assert_eq!(self.courier().deliver().await.unwrap(), Step::Idle);
    }

    /// Delivers, follows, and opens everything with the owner's key, in the order of the log.
    async fn archived(&self) -> Vec<Record> {
        self.deliver().await;
        let (office, folder) = (&self.scene.office, self.scene.office.vault());
        let archive = office.genesis().archive_id();
        let line = RelayClient::new(&address(&self.relay), archive, office.vault_key()).unwrap();
        let mut locked = Locked::open(
            &folder,
            office.genesis().clone(),
            office.vault_key(),
            line,
            now,
        )
        .unwrap();
        while locked.step().await.unwrap().more {}
        let report =
            vault::verify::verify_archive(&folder.mirror(), Some(archive), &mut |_, _| {}).unwrap();
        assert!(report.is_sound(), "{:?}", report.damage);
        let mut records = Vec::new();
        for batch in office.opened(&folder) {
            for record in batch.records() {
                records.push(record.unwrap().record().clone());
            }
        }
        records
    }

    /// An open reading room that has filed everything.
    fn room(&self) -> Room {
        let vault = self.scene.office.vault();
        let unlock = Unlock {
            stores: Vec::new(),
            folder: vault.path().to_str().unwrap().to_owned(),
            keyring: self.scene.office.keyring().to_str().unwrap().to_owned(),
            secret: Secret::Passphrase(scenarios::office::PASSPHRASE.to_owned()),
            who: "test".to_owned(),
            idle_seconds: 0,
        };
        let process = RoomProcess::start(self.scene.parts.room(), &unlock).unwrap();
        let mut client = RoomClient::connect(&vault.socket(), "test").unwrap();
        let Answer::Status(status) = client.ask(Ask::Filed { through: 1 }).unwrap() else {
            panic!("a status")
        };
        let through = status.verified;
        client.ask(Ask::Filed { through }).unwrap();
        Room {
            _process: process,
            client,
        }
    }

    async fn stop(self) {
        self.relay.shutdown().await;
    }
}

struct Room {
    _process: RoomProcess,
    client: RoomClient,
}

impl Room {
    fn found(&mut self, query: &str) -> u64 {
        crate::leaked::found(&mut self.client, query.to_owned()).0
    }
}
