//! Imports into the spool, and from there into a log that the owner opens.

use std::collections::BTreeSet;
use std::sync::Arc;

use canonical::Milliseconds;
use capture::{Courier, Happening, Step, Stop};
use connector::Incoming;
use connector::kit::KitError;
use record::{
    Assurance, Content, Envelope, LossWhy, Message, Original, Record, Source, TextId, Time,
};
use wire::Role;

use crate::source::{ACCOUNT, connect, hello, job, message, messages, with_attachment};
use crate::world::{Home, LogRelay, Owner};

async fn enrolled(owner: &Owner, home: &Home) -> (Arc<crate::world::TestLog>, Courier<LogRelay>) {
    let log = owner.found();
    owner.enrol(&log, home.identity().signer(), Role::Agent);
    let mut courier = Courier::new(home.open(), LogRelay::new(&log));
    assert_eq!(courier.read_control().await.unwrap(), 3);
    (log, courier)
}

/// SPOOL-5: importing again adds nothing.
#[tokio::test(flavor = "multi_thread")]
async fn spool_5_an_export_reaches_the_log_whole_and_once() {
    let (owner, home) = {
        let owner = Owner::new();
        let home = Home::new(&owner);
        (owner, home)
    };
    let (log, mut courier) = enrolled(&owner, &home).await;
    let agent = Arc::clone(courier.agent());
    let mut progress = 0;
    let summary = agent
        .import_over(
            &job(),
            connect(messages(0, 5_000, 700)),
            &Stop::default(),
            |happening| {
                if let Happening::Durable(_) = happening {
                    progress += 1;
                }
            },
        )
        .unwrap();
    assert_eq!(
        (summary.read, summary.kept.new, summary.kept.known),
        (5_000, 5_000, 0)
    );
    assert!(progress > 0);
    assert_eq!(courier.deliver().await.unwrap(), Step::Idle);
    let expected: Vec<String> = (0..5_000).map(|n| n.to_string()).collect();
    assert_eq!(log.source_ids(&owner), expected);

    // Twice adds nothing, also to an agent that was started again.
    for _ in 0..2 {
        let summary = agent
            .import_over(
                &job(),
                connect(messages(0, 5_000, 1_000)),
                &Stop::default(),
                |_| {},
            )
            .unwrap();
        assert_eq!((summary.kept.new, summary.kept.known), (0, 5_000));
    }
    drop(agent);
    drop(courier);
    let agent = home.open();
    let summary = agent
        .import_over(
            &job(),
            connect(messages(0, 5_001, 1_000)),
            &Stop::default(),
            |_| {},
        )
        .unwrap();
    assert_eq!((summary.kept.new, summary.kept.known), (1, 5_000));
    assert_eq!(agent.spool().counts().unwrap().waiting, 1);
}

/// A message under any id, saying anything.
fn called(id: &str, text: &str, assurance: Assurance) -> Incoming {
    let text_id = |text: &str| TextId::new(text).unwrap();
    let template = message(1, ACCOUNT);
    let envelope = template.envelope();
    let source = Source {
        network: envelope.network().clone(),
        account: envelope.account().clone(),
        custodian: envelope.custodian().clone(),
        connector: envelope.connector().clone(),
        assurance,
        mode: envelope.mode(),
    };
    // Delivered anew each time: neither times nor original bytes are content.
    let captured = Time::utc(Milliseconds::new(text.len() as i64));
    let record = Record::new(
        Envelope::builder(&source, text_id("chat"), text_id(id), captured)
            .sent(envelope.times().sent)
            .received(captured),
        template.participants().clone(),
        Message::plain(text),
        Some(Original::inline(
            "text/plain",
            format!("{captured:?} {text}"),
        )),
        Vec::new(),
    )
    .unwrap();
    Incoming::of(&record)
}

/// SPOOL-6: what says something else under the id of another is archived beside it, once, also
/// after the agent was killed or stopped.
#[tokio::test(flavor = "multi_thread")]
async fn spool_6_another_message_under_a_known_id_is_archived_beside_it() {
    let owner = Owner::new();
    let home = Home::new(&owner);
    let (log, mut courier) = enrolled(&owner, &home).await;
    let emit = |agent: &capture::Agent, texts: Vec<(&'static str, Assurance)>| {
        let connector = move |ctx: &mut connector::kit::Context<'_>| {
            ctx.hello(hello())?;
            for (text, assurance) in texts {
                ctx.emit(vec![called("7", text, assurance)], None)?;
            }
            Ok(())
        };
        let summary = agent.import_over(&job(), connect(connector), &Stop::default(), |_| {});
        let kept = summary.unwrap().kept;
        (kept.new, kept.known, kept.apart)
    };
    let export = Assurance::Export;
    let agent = Arc::clone(courier.agent());
    let texts = vec![
        ("one", export),
        ("two", export),
        ("one", export),
        ("three", export),
    ];
    assert_eq!(emit(&agent, texts.clone()), (3, 1, 2));
    assert_eq!(emit(&agent, texts.clone()), (0, 4, 0), "twice adds nothing");
    assert_eq!(courier.deliver().await.unwrap(), Step::Idle);
    drop((agent, courier));
    let agent = home.open();
    let reversed = texts.iter().rev().copied().collect();
    assert_eq!(
        emit(&agent, reversed),
        (0, 4, 0),
        "after a restart, in another order"
    );
    // SPOOL-7: the device's word and an export's are not compared.
    assert_eq!(emit(&agent, vec![("four", Assurance::Device)]), (0, 1, 0));

    let records: Vec<Record> = log
        .open(&owner)
        .iter()
        .flat_map(|batch| batch.records().map(|record| record.unwrap().into_record()))
        .collect();
    let said: Vec<(bool, String)> = records
        .iter()
        .map(|record| {
            let Content::Message(message) = &record.body().content else {
                panic!("a message")
            };
            let record::Part::Text(text) = &message.parts[0] else {
                panic!("a text")
            };
            let id = record.envelope().source_id().as_str();
            assert!(id == "7" || id.starts_with("7~"), "{id}");
            let told = record
                .body()
                .fields
                .iter()
                .any(|field| field.name == "greffe.source-id" && field.value == "7");
            assert_eq!(told, id != "7");
            (id == "7", text.text.clone())
        })
        .collect();
    let expected = [(true, "one"), (false, "two"), (false, "three")];
    assert_eq!(said, expected.map(|(first, text)| (first, text.to_owned())));
    let ids: BTreeSet<_> = records.iter().map(Record::id).collect();
    assert_eq!(ids.len(), 3);
}

/// SPOOL-7: a folder of before content was marked goes on, and what it knows it goes on knowing.
#[tokio::test(flavor = "multi_thread")]
async fn spool_7_folders_of_before_are_taken_over() {
    let owner = Owner::new();
    let home = Home::new(&owner);
    let (_log, courier) = enrolled(&owner, &home).await;
    let import = |agent: &capture::Agent, incoming: Vec<Incoming>| {
        let connector = move |ctx: &mut connector::kit::Context<'_>| {
            ctx.hello(hello())?;
            ctx.emit(incoming, None)
        };
        let summary = agent.import_over(&job(), connect(connector), &Stop::default(), |_| {});
        let kept = summary.unwrap().kept;
        (kept.new, kept.known, kept.apart)
    };
    let export = Assurance::Export;
    let one = || called("7", "one", export);
    assert_eq!(import(courier.agent(), vec![one()]), (1, 0, 0));
    drop(courier);
    let database = rusqlite::Connection::open(home.path().join("spool/spool.db")).unwrap();
    database
        .execute_batch(
            "ALTER TABLE known DROP COLUMN contents;
             ALTER TABLE chain DROP COLUMN head_at;
             DROP TABLE notice;
             PRAGMA user_version = 2;",
        )
        .unwrap();
    drop(database);
    let agent = home.open();
    assert_eq!(import(&agent, vec![one()]), (0, 1, 0));
    assert_eq!(import(&agent, vec![called("7", "two", export)]), (0, 1, 0));
    let new = || vec![called("8", "one", export), called("8", "two", export)];
    assert_eq!(import(&agent, new()), (2, 0, 1));
    drop(agent);
    assert_eq!(import(&home.open(), new()), (0, 2, 0));
}

/// SPOOL-8: a flood of small events is not multiplied into entries, and stays in its order.
#[tokio::test(flavor = "multi_thread")]
async fn spool_8_events_that_wait_together_become_one_entry() {
    let owner = Owner::new();
    let home = Home::new(&owner);
    let (log, mut courier) = enrolled(&owner, &home).await;
    let flood = |ctx: &mut connector::kit::Context<'_>| {
        ctx.hello(hello())?;
        for n in 0..1_000 {
            ctx.emit(vec![Incoming::of(&message(n, ACCOUNT))], None)?;
        }
        Ok(())
    };
    let kept = courier
        .agent()
        .import_over(&job(), connect(flood), &Stop::default(), |_| {})
        .unwrap()
        .kept;
    assert_eq!(kept.new, 1_000);
    assert!(kept.entries <= 1_000 / 8, "{} entries", kept.entries);
    assert_eq!(courier.deliver().await.unwrap(), Step::Idle);
    let expected: Vec<String> = (0..1_000).map(|n| n.to_string()).collect();
    assert_eq!(log.source_ids(&owner), expected);
}

/// SPOOL-3: no plain text in the folder, no plain file left.
#[tokio::test(flavor = "multi_thread")]
async fn spool_3_attachments_are_sealed_and_their_plain_files_deleted() {
    let owner = Owner::new();
    let home = Home::new(&owner);
    let (log, mut courier) = enrolled(&owner, &home).await;
    let bytes: Vec<u8> = (0..200_000_u32).flat_map(u32::to_be_bytes).collect();
    let (plain, small) = (bytes.clone(), b"marker small".to_vec());
    let connector = move |ctx: &mut connector::kit::Context<'_>| {
        ctx.hello(hello())?;
        let folder = ctx.folder().to_owned();
        std::fs::write(folder.join("a"), &plain).unwrap();
        std::fs::write(folder.join("b"), &small).unwrap();
        std::fs::write(folder.join("c"), b"other bytes").unwrap();
        ctx.emit(
            vec![
                Incoming::of(&with_attachment(1, &plain)).with_file(0, "a"),
                Incoming::of(&with_attachment(2, &small)).with_file(0, "b"),
                Incoming::of(&with_attachment(3, b"described")).with_file(0, "c"),
                Incoming::of(&with_attachment(4, b"missing")),
            ],
            None,
        )?;
        ctx.wait_durable()?;
        let left = std::fs::read_dir(&folder).unwrap().count();
        assert_eq!(
            left, 0,
            "plain files are gone when their copies are durable"
        );
        Ok::<_, KitError>(())
    };
    let summary = courier
        .agent()
        .import_over(&job(), connect(connector), &Stop::default(), |_| {})
        .unwrap();
    // Those whose bytes are not there become losses.
    assert_eq!((summary.kept.new, summary.kept.losses), (4, 2));
    assert!(
        summary
            .kept
            .notes
            .iter()
            .all(|note| note.why == LossWhy::Damaged)
    );
    assert_eq!(courier.deliver().await.unwrap(), Step::Idle);

    let batches = log.open(&owner);
    let record = batches[0].records().next().unwrap().unwrap();
    let object = record.attachments()[0].stream.clone().unwrap().object;
    let sealed = log.inner().objects[&object].clone();
    let mut opener = record.open_attachment(0).unwrap().unwrap();
    let mut opened = Vec::new();
    let mut rest = &sealed[..];
    while !rest.is_empty() {
        let step = opener.push(rest).unwrap();
        opened.extend_from_slice(step.ready);
        rest = &rest[step.taken..];
    }
    opened.extend_from_slice(&opener.finish().unwrap());
    assert_eq!(opened, bytes);

    // Nothing of the plain text lies anywhere in the agent's folder.
    for file in files(home.path()) {
        let bytes = std::fs::read(&file).unwrap();
        assert!(
            !bytes.windows(6).any(|window| window == b"marker"),
            "{}",
            file.display()
        );
    }

    owner.store(&log);
    assert!(courier.collect_stored().await.unwrap() > 0);
    let counts = courier.agent().spool().counts().unwrap();
    assert_eq!((counts.waiting, counts.receipted, counts.bytes), (0, 0, 0));
    assert_eq!(
        std::fs::read_dir(home.path().join("spool/streams"))
            .unwrap()
            .count(),
        0
    );
}

/// CONN-4: a link is not followed; the record becomes a loss.
#[tokio::test(flavor = "multi_thread")]
async fn conn_4_links_are_not_followed() {
    let owner = Owner::new();
    let home = Home::new(&owner);
    let (_log, courier) = enrolled(&owner, &home).await;
    let secret = home.path().join("signer.seed");
    let bytes = std::fs::read(&secret).unwrap();
    let target = secret.clone();
    let connector = move |ctx: &mut connector::kit::Context<'_>| {
        ctx.hello(hello())?;
        std::os::unix::fs::symlink(&target, ctx.folder().join("a")).unwrap();
        ctx.emit(
            vec![Incoming::of(&with_attachment(1, &bytes)).with_file(0, "a")],
            None,
        )
    };
    let summary = courier
        .agent()
        .import_over(&job(), connect(connector), &Stop::default(), |_| {})
        .unwrap();
    assert_eq!((summary.kept.new, summary.kept.losses), (1, 1));
    assert!(
        secret.exists(),
        "the link was deleted, not what it points to"
    );
}

/// CONN-2: what breaks a check becomes a loss, once, and is never dropped in silence.
#[tokio::test(flavor = "multi_thread")]
async fn conn_2_broken_records_become_losses() {
    let owner = Owner::new();
    let home = Home::new(&owner);
    let (log, mut courier) = enrolled(&owner, &home).await;
    let broken = || {
        |ctx: &mut connector::kit::Context<'_>| {
            ctx.hello(hello())?;
            let garbage = Incoming::new(vec![vec![0xff]; 4]);
            let foreign = Incoming::of(&message(1, "tel:+1999"));
            ctx.emit(
                vec![garbage, Incoming::of(&message(2, ACCOUNT)), foreign],
                None,
            )
        }
    };
    for new in [3, 0] {
        let summary = courier
            .agent()
            .import_over(&job(), connect(broken()), &Stop::default(), |_| {})
            .unwrap();
        assert_eq!(summary.kept.new, new);
    }
    assert_eq!(courier.deliver().await.unwrap(), Step::Idle);
    let batches = log.open(&owner);
    let losses: Vec<_> = batches[0]
        .records()
        .map(|record| record.unwrap().into_record())
        .filter(|record| matches!(record.body().content, Content::Loss(_)))
        .collect();
    assert_eq!(losses.len(), 2);
    for loss in &losses {
        assert_eq!(loss.envelope().account().as_str(), ACCOUNT);
        assert!(loss.original().is_some(), "what was brought is kept");
    }
}

#[test]
fn without_an_epoch_nothing_is_told_durable() {
    let owner = Owner::new();
    let home = Home::new(&owner);
    let agent = home.open();
    let error = agent
        .import_over(
            &job(),
            connect(messages(0, 10, 10)),
            &Stop::default(),
            |_| {},
        )
        .unwrap_err();
    assert_eq!(error.kept.new, 0);
    assert_eq!(agent.spool().counts().unwrap().waiting, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_that_dies_costs_nothing_that_was_durable() {
    let owner = Owner::new();
    let home = Home::new(&owner);
    let (log, mut courier) = enrolled(&owner, &home).await;
    let dying = |ctx: &mut connector::kit::Context<'_>| {
        ctx.hello(hello())?;
        ctx.emit(
            (0..10)
                .map(|n| Incoming::of(&message(n, ACCOUNT)))
                .collect(),
            None,
        )?;
        ctx.wait_durable()?;
        Err(KitError::Stopped)
    };
    let agent = Arc::clone(courier.agent());
    let error = agent
        .import_over(&job(), connect(dying), &Stop::default(), |_| {})
        .unwrap_err();
    assert_eq!(error.kept.new, 10);
    agent
        .import_over(
            &job(),
            connect(messages(0, 20, 5)),
            &Stop::default(),
            |_| {},
        )
        .unwrap();
    courier.deliver().await.unwrap();
    let ids: BTreeSet<String> = log.source_ids(&owner).into_iter().collect();
    assert_eq!(ids.len(), 20);
    assert_eq!(log.source_ids(&owner).len(), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_with_many_attachments_takes_further_entries() {
    let owner = Owner::new();
    let home = Home::new(&owner);
    let (log, mut courier) = enrolled(&owner, &home).await;
    let connector = |ctx: &mut connector::kit::Context<'_>| {
        ctx.hello(hello())?;
        let folder = ctx.folder().to_owned();
        let one = with_attachment(1, b"x");
        let attachment = one.attachments()[0].clone();
        let mut parts = Incoming::of(&one).into_parts().0;
        parts.truncate(4);
        parts.extend(std::iter::repeat_n(canonical::to_bytes(&attachment), 700));
        let mut incoming = Incoming::new(parts);
        for index in 0..700_u32 {
            let name = format!("f{index}");
            std::fs::write(folder.join(&name), b"x").unwrap();
            incoming = incoming.with_file(index, name);
        }
        ctx.emit(vec![incoming], None)
    };
    let summary = courier
        .agent()
        .import_over(&job(), connect(connector), &Stop::default(), |_| {})
        .unwrap();
    // 319 beside the batch, 320, 61 (ENTRY-5).
    assert_eq!((summary.kept.new, summary.kept.entries), (1, 3));
    assert_eq!(courier.deliver().await.unwrap(), Step::Idle);
    let objects: Vec<usize> = log
        .follow(&owner.genesis)
        .iter()
        .map(|entry| entry.entry().objects().len())
        .filter(|objects| *objects > 0)
        .collect();
    assert_eq!(objects, [320, 320, 61]);
}

fn files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            all.push(path);
        }
    }
    all
}
