//! A relay is destroyed after the vault has mirrored a part of its log. It is made again from the
//! mirror; what the vault had not mirrored is delivered again; the log is one log, and every message
//! is in it once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use capture::{Agent, Courier, Identity, Step, Stop};
use client::RelayClient;
use connector::Incoming;
use record::{
    Assurance, Conversation, ConversationKind, Envelope, Message, Mode, NetworkName, Original,
    Participants, Record, Source, TextId, Time,
};
use relay::{Relay, RunningRelay};
use scenarios::office::{Office, address, environment};
use scenarios::source::{connect, hello};
use vault::follow::{Locked, Start};
use vault::system::now;
use vault::verify::verify_archive;
use wire::RetentionClass;

fn message(number: usize) -> Record {
    let id = |text: &str| TextId::new(text).unwrap();
    let source = Source {
        network: NetworkName::new("test").unwrap(),
        account: id("+33612345678"),
        custodian: id("c-17"),
        connector: id("test/1"),
        assurance: Assurance::Device,
        mode: Mode::Import,
    };
    let envelope = Envelope::builder(
        &source,
        id("chat-1"),
        id(&number.to_string()),
        Time::utc(now()),
    );
    let participants = Participants::of(Conversation::new(ConversationKind::Group));
    let original = Original::inline("text/plain", format!("original {number}"));
    let body = Message::plain(format!("message {number}"));
    Record::new(envelope, participants, body, Some(original), Vec::new()).unwrap()
}

fn import(agent: &Agent, numbers: std::ops::Range<usize>) {
    let incoming: Vec<Incoming> = numbers.map(|n| Incoming::of(&message(n))).collect();
    let connector = connect(move |context| {
        context
            .hello(hello())
            .and_then(|()| context.emit(incoming, None))
    });
    let job = capture::ImportJob {
        connector: capture::ConnectorCommand::new("/is/not/run"),
        account: "+33612345678".to_owned(),
        custodian: "c-17".to_owned(),
        settings: Vec::new(),
        class: RetentionClass::new(0),
    };
    agent
        .import_over(&job, connector, &Stop::default(), |_| {})
        .unwrap();
}

fn courier(office: &Office, relay: &RunningRelay, agent: &Arc<Agent>) -> Courier<RelayClient> {
    let archive = office.genesis().archive_id();
    let signer = Arc::clone(agent.identity().signer());
    let line = RelayClient::new(&address(relay), archive, signer).unwrap();
    Courier::new(Arc::clone(agent), line)
}

fn vault(office: &Office, relay: &RunningRelay) -> Locked<RelayClient> {
    let archive = office.genesis().archive_id();
    let line = RelayClient::new(&address(relay), archive, office.vault_key()).unwrap();
    Locked::open(
        &office.vault(),
        office.genesis().clone(),
        office.vault_key(),
        line,
        now,
    )
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destroyed_relay_is_made_again_from_the_vaults_mirror() {
    let folder = tempfile::tempdir().unwrap();
    let office = Office::found(folder.path(), 7);
    let archive = office.genesis().archive_id();
    let relay = Relay::start(office.relay_config(&folder.path().join("relay")))
        .await
        .unwrap();
    office.begin_log(&address(&relay)).await;
    let identity = Identity::open(&office.agent()).unwrap();
    let agent = Arc::new(Agent::open(identity, environment()).unwrap());
    let mut sending = courier(&office, &relay, &agent);
    sending.read_control().await.unwrap();
    import(&agent, 0..3);
    assert_eq!(sending.deliver().await.unwrap(), Step::Idle);

    // The vault mirrors so far, and its own `stored` is in the relay's log behind what it mirrored.
    let mut locked = vault(&office, &relay);
    assert!(locked.step().await.unwrap().logged > 0);
    let mirrored = locked.state().head().unwrap().unwrap().seen;
    drop(locked);
    // More is receipted that the vault never sees.
    import(&agent, 3..6);
    assert_eq!(sending.deliver().await.unwrap(), Step::Idle);
    assert_eq!(agent.spool().counts().unwrap().waiting, 0);
    drop(sending);
    relay.shutdown().await;
    std::fs::remove_dir_all(folder.path().join("relay")).unwrap();

    // Made again under the same log key, which lies with the relay's configuration.
    let config = office.relay_config(&folder.path().join("relay-2"));
    let mirror = office.vault().mirror();
    assert!(Relay::has_no_log(&config, archive).await.unwrap());
    let rebuilt = Relay::rebuild(&config, archive, mirror.root())
        .await
        .unwrap();
    assert_eq!(rebuilt.size, mirrored.size);
    let relay = Relay::start(config).await.unwrap();

    // The agent holds a later checkpoint than the log has now, and does not believe by itself.
    let mut sending = courier(&office, &relay, &agent);
    assert!(
        sending.collect_stored().await.is_err() || agent.spool().counts().unwrap().receipted > 0
    );
    sending.accept_new_log().await.unwrap();
    assert_eq!(sending.deliver().await.unwrap(), Step::Idle);

    // The vault goes on where it was: no fork, no alarm; its own lost `stored` is said again.
    let mut locked = vault(&office, &relay);
    assert!(matches!(locked.start(), Start::Resumed(from) if *from == mirrored.size.get()));
    while locked.step().await.unwrap().more {}
    assert!(locked.state().alarms().unwrap().is_empty());
    sending.collect_stored().await.unwrap();
    let counts = agent.spool().counts().unwrap();
    assert_eq!((counts.waiting, counts.receipted, counts.bytes), (0, 0, 0));

    let report = verify_archive(&mirror, Some(archive), &mut |_, _| {}).unwrap();
    assert!(report.is_sound(), "{:?}", report.damage);
    let expected: Vec<String> = (0..6).map(|n| n.to_string()).collect();
    assert_eq!(office.source_ids(), expected, "each message once, in order");
    relay.shutdown().await;
}
