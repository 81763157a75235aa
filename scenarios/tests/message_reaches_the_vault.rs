//! One message through every step, from the network that it was written in to a proof in the hands
//! of somebody who has nothing but a file. Each line takes what the line before it gave.

use std::sync::Arc;

use capture::{Agent, Courier, Identity, Step, Stop};
use client::RelayClient;
use connector::Incoming;
use record::{
    Assurance, Conversation, ConversationKind, Envelope, Message, Mode, NetworkName, Original,
    Participant, ParticipantId, Participants, Record, Source, TextId, Time,
};
use relay::Relay;
use scenarios::office::{Office, address, environment};
use scenarios::source::{connect, hello};
use seal::PartitionUse;
use tlog::SignedCheckpoint;
use vault::follow::Locked;
use vault::partition::{
    Filing, Nobody, PageCache, Partition, PartitionId, PartitionKey, PartitionKeys,
};
use vault::prove::{Choice, prove, verify_proof};
use vault::search::{Ask, Query, Searcher, Shelf};
use vault::system::now;
use wire::{Kind, RetentionClass};

#[tokio::test(flavor = "multi_thread")]
async fn message_reaches_the_vault() {
    // An owner has founded an archive and enrolled an agent and a vault; a stranger runs the relay.
    let folder = tempfile::tempdir().unwrap();
    let office = Office::found(folder.path(), 1);
    let relay = Relay::start(office.relay_config(&folder.path().join("relay")))
        .await
        .unwrap();
    office.begin_log(&address(&relay)).await;
    let archive = office.genesis().archive_id();

    // Captured and normalized: the connector makes the network's event a record.
    let id = |text| TextId::new(text).unwrap();
    let source = Source {
        network: NetworkName::new("test").unwrap(),
        account: id("+33612345678"),
        custodian: id("c-17"),
        connector: id("test/1"),
        assurance: Assurance::Device,
        mode: Mode::Import,
    };
    let envelope = Envelope::builder(&source, id("chat-1"), id("message-1"), Time::utc(now()));
    let sender = Participant::new(ParticipantId::new("name", "Claire").unwrap());
    let conversation = Conversation::new(ConversationKind::Group).title("Committee");
    let participants = Participants {
        sender: Some(sender),
        ..Participants::of(conversation)
    };
    let body = Message::plain("The budget is approved.");
    let original = Original::inline("text/plain", "Claire: The budget is approved.");
    let record = Record::new(envelope, participants, body, Some(original), Vec::new()).unwrap();

    // Sealed and spooled: when the import has ended, the agent holds ciphertext, durably.
    let identity = Identity::open(&office.agent()).unwrap();
    let line = RelayClient::new(&address(&relay), archive, Arc::clone(identity.signer())).unwrap();
    let agent = Arc::new(Agent::open(identity, environment()).unwrap());
    let mut courier = Courier::new(Arc::clone(&agent), line);
    courier.read_control().await.unwrap();
    let incoming = vec![Incoming::of(&record)];
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
    let imported = agent
        .import_over(&job, connector, &Stop::default(), |_| {})
        .unwrap();
    assert_eq!(
        (imported.kept.new, agent.spool().counts().unwrap().waiting),
        (1, 1)
    );

    // Submitted, admitted, sequenced, published; the receipt is verified before the agent notes it.
    assert_eq!(courier.step().await.unwrap(), Step::Uploaded(1));
    assert_eq!(courier.step().await.unwrap(), Step::Receipted(1));
    assert_eq!(
        courier.collect_stored().await.unwrap(),
        0,
        "the agent keeps its copy: no vault has it"
    );

    // Followed, verified, mirrored, and said so in the log, by a vault that is locked.
    let vault_line = RelayClient::new(&address(&relay), archive, office.vault_key()).unwrap();
    let genesis = office.genesis().clone();
    let mut locked = Locked::open(
        &office.vault(),
        genesis.clone(),
        office.vault_key(),
        vault_line,
        now,
    )
    .unwrap();
    while locked.step().await.unwrap().more {}
    assert_eq!(
        courier.collect_stored().await.unwrap(),
        1,
        "now the agent lets go"
    );
    assert_eq!(agent.spool().counts().unwrap().bytes, 0);

    // Opened: only what stands in the verified log can be, and only with the owner's key.
    let mirror = office.vault().mirror();
    let entries = vault::verify::verified_entries(&mirror).unwrap();
    let entry = entries
        .iter()
        .find(|entry| entry.entry().kind() == Kind::Batch)
        .unwrap();
    let object = mirror.object_path(entry.entry().objects()[0].hash);
    let key = office.opening_key();
    let batch = seal::open_batch(
        &key,
        entry,
        &mirror.read(&object, 1 << 20).unwrap().unwrap(),
    )
    .unwrap();
    let opened = batch.records().next().unwrap().unwrap();
    assert_eq!(opened.record(), &record);

    // Filed, in a partition that is encrypted under the same epoch's key.
    let purpose = |usage| PartitionKey::from_bytes(*key.partition_key(usage).expose());
    let keys = PartitionKeys {
        catalogue: purpose(PartitionUse::Catalogue),
        index: purpose(PartitionUse::Index),
        derived: purpose(PartitionUse::Files),
    };
    let name = PartitionId::from_bytes(*key.epoch().as_bytes());
    let partition = Partition::create(
        &folder.path().join("partition"),
        name,
        keys,
        &PageCache::new(256),
    )
    .unwrap();
    let filing = Filing {
        index: entry.index(),
        position: opened.position().get(),
        admitted_at: entry.admitted_at().time(),
        record: opened.record(),
        parts: opened.parts(),
        objects: &[],
        members: &[],
    };
    partition.file([filing], &Nobody).unwrap();
    partition.commit(entry.index()).unwrap();

    // Found.
    let searcher = Searcher::new(vec![Shelf::open(Arc::new(partition))]);
    let query = Query::parse("budget from:claire", &Ask::default().zone).unwrap();
    let found = searcher.search(&query, &Ask::default(), &Nobody).unwrap();
    assert_eq!((found.total, found.hits[0].record), (1, record.id()));

    // Proved: body and envelope are shown, who else was there is withheld. A stranger verifies it
    // from the file alone.
    let checkpoint = mirror
        .read(&mirror.checkpoint_path(), 1 << 16)
        .unwrap()
        .unwrap();
    let checkpoint = SignedCheckpoint::parse(&checkpoint).unwrap();
    let control: Vec<_> = entries
        .iter()
        .filter(|entry| entry.entry().kind() == Kind::Control)
        .collect();
    let shown = Choice::parse(&["envelope".to_owned(), "body".to_owned()], &[]).unwrap();
    let file = prove(
        &genesis,
        &mirror,
        &checkpoint,
        entry,
        &opened,
        &control,
        &shown,
    )
    .unwrap();
    let proven = verify_proof(&file, Some(archive)).unwrap();
    assert_eq!(proven.body.as_ref(), Some(record.body()));
    assert_eq!(
        (proven.index, proven.participants.is_none()),
        (entry.index(), true)
    );
    relay.shutdown().await;
}
