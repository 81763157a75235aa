//! Capturing as it happens: positions, files that a crash left, losses.

use std::sync::{Arc, Mutex};

use canonical::Milliseconds;
use capture::{Agent, ConnectorCommand, Courier, Happening, Line, LiveError, LiveJob, Step, Stop};
use connector::kit::{Context, KitError, Request};
use connector::{Incoming, Position, State};
use record::{Content, LossWhy};
use wire::{RetentionClass, Role};

use crate::source::{ACCOUNT, connect, hello, message, with_attachment};
use crate::world::{Home, LogRelay, Owner};

/// Far above the steps that the tests' clock takes by itself.
const PATIENCE_MS: i64 = 300_000;

fn job() -> LiveJob {
    LiveJob {
        connector: ConnectorCommand::new("/not/run"),
        network: "test".into(),
        account: ACCOUNT.into(),
        custodian: "c-17".into(),
        settings: vec![],
        class: RetentionClass::new(0),
    }
}

fn live(
    agent: &Agent,
    stop: &Stop,
    connector: impl FnOnce(&mut Context<'_>) -> Result<(), KitError> + Send + 'static,
    tell: impl FnMut(&Happening),
) -> Result<(), LiveError> {
    let over = |folder: &std::path::Path| {
        let line: Line = connect(connector)(folder)
            .map_err(|_| LiveError::Folder(folder.to_owned(), std::io::ErrorKind::Other.into()))?;
        Ok(line)
    };
    agent.capture_over(&job(), over, stop, Some(PATIENCE_MS), tell)
}

async fn scene() -> (Owner, Home, Arc<crate::world::TestLog>, Courier<LogRelay>) {
    let owner = Owner::new();
    let home = Home::new(&owner);
    let log = owner.found();
    owner.enrol(&log, home.identity().signer(), Role::Agent);
    let mut courier = Courier::new(home.open(), LogRelay::new(&log));
    courier.read_control().await.unwrap();
    (owner, home, log, courier)
}

/// CONN-7: a connector continues behind the last durable position, and repeats cost nothing.
#[tokio::test(flavor = "multi_thread")]
async fn conn_7_a_connector_continues_behind_its_position() {
    let (owner, home, log, courier) = scene().await;
    let begin = |from: u64, expected: Option<&'static [u8]>| {
        move |ctx: &mut Context<'_>| {
            assert_eq!(ctx.position().map(Position::as_bytes), expected);
            ctx.hello(hello())?;
            ctx.state(State::Connected, None)?;
            for n in from..from + 3 {
                let at = Position::new(format!("marker position {n}").into_bytes());
                ctx.emit(vec![Incoming::of(&message(n, ACCOUNT))], Some(at))?;
            }
            ctx.wait_durable()?;
            Err(KitError::Stopped)
        }
    };
    let agent = Arc::clone(courier.agent());
    let states = Mutex::new(0);
    let end = live(&agent, &Stop::default(), begin(0, None), |happening| {
        if let Happening::State(_) = happening {
            *states.lock().unwrap() += 1;
        }
    });
    assert!(
        matches!(end, Err(LiveError::Conversation(_))),
        "it ended by itself"
    );
    assert_eq!(*states.lock().unwrap(), 1);
    drop((agent, courier));
    // Neither content nor positions lie in the clear.
    let spool = std::fs::read(home.path().join("spool/spool.db")).unwrap();
    assert!(!spool.windows(6).any(|bytes| bytes == b"marker"));
    let agent = home.open();
    // It begins two before the end: they are known.
    let _ = live(
        &agent,
        &Stop::default(),
        begin(1, Some(b"marker position 2")),
        |_| {},
    );
    let counts = agent
        .spool()
        .account_counts(&agent.handle("test", ACCOUNT))
        .unwrap();
    assert_eq!((counts.captured, counts.losses), (4, 0));
    let mut courier = Courier::new(agent, LogRelay::new(&log));
    assert_eq!(courier.deliver().await.unwrap(), Step::Idle);
    assert_eq!(log.source_ids(&owner), ["0", "1", "2", "3"]);
}

/// CONN-5: asked to stop, a connector ends, and that is no failure.
#[tokio::test(flavor = "multi_thread")]
async fn conn_5_a_connector_that_is_asked_to_stop_ends() {
    let (_owner, _home, _log, courier) = scene().await;
    let stop = Stop::default();
    let connector = |ctx: &mut Context<'_>| {
        ctx.hello(hello())?;
        ctx.emit(vec![Incoming::of(&message(1, ACCOUNT))], None)?;
        loop {
            match ctx.next_request(std::time::Duration::from_secs(60))? {
                Some(Request::Link(_) | Request::Notice(_)) | None => {}
                Some(other) => panic!("{other:?}"),
            }
        }
    };
    let asked = stop.clone();
    live(courier.agent(), &stop, connector, |happening| {
        if let Happening::Durable(_) = happening {
            asked.ask();
        }
    })
    .unwrap();
    assert_eq!(courier.agent().spool().counts().unwrap().waiting, 1);
}

/// CONN-6: a connector that never says hello is ended after a minute of the agent's clock.
#[tokio::test(flavor = "multi_thread")]
async fn conn_6_a_silent_connector_is_ended() {
    let (_owner, home, _log, courier) = scene().await;
    let clock = home.clock.clone();
    let connector = move |ctx: &mut Context<'_>| {
        clock.step(60_000);
        ctx.next_request(std::time::Duration::from_secs(600))
            .map(|_| ())
    };
    let end = live(courier.agent(), &Stop::default(), connector, |_| {});
    assert!(matches!(
        end,
        Err(LiveError::Conversation(
            capture::ConversationError::Violation(connector::Violation::Silence)
        ))
    ));
}

/// CONN-8: a connector that was well and says nothing any more is ended.
#[tokio::test(flavor = "multi_thread")]
async fn conn_8_a_connector_that_falls_silent_is_ended() {
    let (_owner, home, _log, courier) = scene().await;
    let clock = home.clock.clone();
    let connector = move |ctx: &mut Context<'_>| {
        ctx.hello(hello())?;
        ctx.emit(vec![Incoming::of(&message(1, ACCOUNT))], None)?;
        ctx.wait_durable()?;
        clock.step(PATIENCE_MS + 1);
        ctx.next_request(std::time::Duration::from_secs(600))
            .map(|_| ())
    };
    let end = live(courier.agent(), &Stop::default(), connector, |_| {});
    assert!(
        matches!(
            end,
            Err(LiveError::Conversation(capture::ConversationError::Silent(
                300
            )))
        ),
        "{end:?}"
    );
    assert_eq!(courier.agent().spool().counts().unwrap().waiting, 1);
}

/// Plain files of attachments that were durable when a crash came are deleted at the next start.
#[tokio::test(flavor = "multi_thread")]
async fn files_that_a_crash_left_are_deleted() {
    let (_owner, home, _log, courier) = scene().await;
    let agent = Arc::clone(courier.agent());
    let left = Arc::new(Mutex::new(std::path::PathBuf::new()));
    let folder = Arc::clone(&left);
    let connector = move |ctx: &mut Context<'_>| {
        ctx.hello(hello())?;
        let file = ctx.folder().join("marker-1.bin");
        std::fs::write(&file, b"bytes").unwrap();
        *folder.lock().unwrap() = file;
        let record = Incoming::of(&with_attachment(1, b"bytes")).with_file(0, "marker-1.bin");
        ctx.emit(vec![record], None)?;
        ctx.wait_durable()
    };
    live(&agent, &Stop::default(), connector, |_| {}).unwrap();
    let file = left.lock().unwrap().clone();
    assert!(!file.exists());
    // As if the crash had come between the commit and the deletion.
    std::fs::write(&file, b"bytes").unwrap();
    let other = file.with_file_name("session.db");
    std::fs::write(&other, b"the connector's own").unwrap();
    let name = home.identity().local().clone();
    agent
        .spool()
        .append(&capture::spool::Group {
            consumed: vec![name.file_name("marker-1.bin")],
            ..Default::default()
        })
        .unwrap();
    let idle = |ctx: &mut Context<'_>| ctx.hello(hello());
    live(&agent, &Stop::default(), idle, |_| {}).unwrap();
    assert!(!file.exists());
    assert!(other.exists());
    assert!(agent.spool().consumed().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_is_recorded_once() {
    let (owner, _home, log, mut courier) = scene().await;
    let (from, to) = (Milliseconds::new(1_000), Milliseconds::new(9_000));
    for _ in 0..2 {
        courier
            .agent()
            .record_gap(&job(), LossWhy::Offline, from, to)
            .unwrap();
    }
    courier.deliver().await.unwrap();
    let batches = log.open(&owner);
    assert_eq!(batches.len(), 1);
    let record = batches[0].records().next().unwrap().unwrap().into_record();
    let Content::Loss(loss) = &record.body().content else {
        panic!("a loss")
    };
    assert_eq!(
        (loss.why, loss.from, loss.to),
        (LossWhy::Offline, Some(from), Some(to))
    );
    assert_eq!(record.envelope().account().as_str(), ACCOUNT);
}
