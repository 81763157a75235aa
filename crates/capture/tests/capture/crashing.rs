//! The crash matrix: the world ends at each write point of the spool, before and after what was
//! to be written there is; then everything is started again.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use capture::spool::{Spool, SpoolError, Unhindered, WritePoint, WritePoints};
use capture::{Agent, Courier, Step, Stop};
use connector::Incoming;
use connector::kit::{Context, KitError};
use wire::Role;

use crate::source::{ACCOUNT, connect, hello, job, message, messages, with_attachment};
use crate::world::{Fault, Home, LogRelay, Owner, Seeded, TestLog};

/// Lets so many points of a kind pass, then fails for good: nothing is written after a crash.
struct Crash {
    point: Option<WritePoint>,
    left: AtomicI64,
    met: AtomicU64,
    error: io::ErrorKind,
}

impl Crash {
    fn at(point: WritePoint, after: i64) -> Arc<Self> {
        Self::of(Some(point), after, io::ErrorKind::Other)
    }

    fn of(point: Option<WritePoint>, after: i64, error: io::ErrorKind) -> Arc<Self> {
        Arc::new(Self {
            point,
            left: AtomicI64::new(after),
            met: AtomicU64::new(0),
            error,
        })
    }

    fn over(&self) -> bool {
        self.met.load(Ordering::SeqCst) > 0
    }
}

impl WritePoints for Crash {
    fn reach(&self, point: WritePoint) -> io::Result<()> {
        let counts = self.point.is_none_or(|wanted| wanted == point);
        if self.over() || (counts && self.left.fetch_sub(1, Ordering::SeqCst) <= 0) {
            self.met.fetch_add(1, Ordering::SeqCst);
            return Err(self.error.into());
        }
        Ok(())
    }
}

fn world() -> (Owner, Home, Arc<TestLog>) {
    let owner = Owner::new();
    let home = Home::new(&owner);
    let log = owner.found();
    owner.enrol(&log, home.identity().signer(), Role::Agent);
    (owner, home, log)
}

/// Fifty messages in events of five, every tenth with an attachment.
fn source(ctx: &mut Context<'_>) -> Result<(), KitError> {
    ctx.hello(hello())?;
    let folder = ctx.folder().to_owned();
    for event in 0..10 {
        let mut records = Vec::new();
        for n in event * 5..event * 5 + 5 {
            if n % 10 != 0 {
                records.push(Incoming::of(&message(n, ACCOUNT)));
                continue;
            }
            let bytes = format!("attachment {n}").into_bytes();
            let name = format!("file-{n}");
            // The folder is gone when the import has ended.
            std::fs::write(folder.join(&name), &bytes).map_err(|_| KitError::Stopped)?;
            records.push(Incoming::of(&with_attachment(n, &bytes)).with_file(0, name));
        }
        ctx.emit(records, None)?;
    }
    Ok(())
}

async fn deliver_all(home: &Home, agent: &Arc<Agent>, log: &Arc<TestLog>) -> bool {
    let mut courier = Courier::new(Arc::clone(agent), LogRelay::new(log));
    if courier.read_control().await.is_err() {
        return false;
    }
    loop {
        match courier.deliver().await {
            Ok(Step::Idle) => break,
            Ok(Step::Paused(until)) => home.clock.step(until.since(home.clock.now())),
            Ok(Step::Failed) => {}
            Ok(other) => panic!("{other:?}"),
            Err(_) => return false,
        }
    }
    courier.collect_stored().await.is_ok()
}

/// Numbers without gap (SPOOL-2), every message once, everything opens.
fn whole(owner: &Owner, home: &Home, log: &TestLog, expected: u64) {
    let signer = home.identity().signer().id();
    let numbers: Vec<u64> = log
        .follow(&owner.genesis)
        .iter()
        .filter(|entry| entry.entry().signer() == signer)
        .map(|entry| entry.entry().number().get())
        .collect();
    assert_eq!(numbers, (0..numbers.len() as u64).collect::<Vec<_>>());
    let mut counts = BTreeMap::new();
    for id in log.source_ids(owner) {
        *counts.entry(id.parse::<u64>().unwrap()).or_insert(0) += 1;
    }
    let once: BTreeMap<u64, i32> = (0..expected).map(|n| (n, 1)).collect();
    assert_eq!(counts, once);
}

/// SPOOL-1, SPOOL-2: the whole matrix of write points.
#[tokio::test(flavor = "multi_thread")]
async fn spool_1_spool_2_nothing_is_lost_or_doubled_by_a_crash_at_any_write_point() {
    for point in WritePoint::ALL {
        let mut crashes = 0;
        for after in 0..4 {
            let (owner, home, log) = world();
            // What happens before the crash: an import, its delivery, `stored`.
            let crash = Crash::at(point, after);
            {
                let agent = home.open_with(Arc::clone(&crash) as Arc<dyn WritePoints>);
                let mut courier = Courier::new(Arc::clone(&agent), LogRelay::new(&log));
                courier.read_control().await.unwrap();
                let imported = agent.import_over(&job(), connect(source), &Stop::default(), |_| {});
                if imported.is_ok() && deliver_all(&home, &agent, &log).await {
                    owner.store(&log);
                    deliver_all(&home, &agent, &log).await;
                }
            }
            crashes += u32::from(crash.over());
            // Started again: the same import, delivered.
            let agent = home.open();
            let summary = agent
                .import_over(&job(), connect(source), &Stop::default(), |_| {})
                .unwrap();
            assert_eq!(summary.kept.new + summary.kept.known, 50);
            assert!(deliver_all(&home, &agent, &log).await);
            whole(&owner, &home, &log, 50);
            owner.store(&log);
            assert!(deliver_all(&home, &agent, &log).await);
            drop(agent);
            // Nothing is left behind, not even files without rows.
            let agent = home.open();
            assert_eq!(
                agent.spool().counts().unwrap().bytes,
                0,
                "{point:?} {after}"
            );
            let streams = std::fs::read_dir(home.path().join("spool/streams")).unwrap();
            assert_eq!(streams.count(), 0, "{point:?} {after}");
        }
        assert!(crashes > 0, "{point:?} was never reached");
    }
}

/// CONN-3: what was told durable is in the spool when it is opened again, wherever the crash.
#[tokio::test(flavor = "multi_thread")]
async fn conn_3_what_was_told_durable_is_durable() {
    for point in [
        WritePoint::GroupBegins,
        WritePoint::GroupWritten,
        WritePoint::GroupCommitted,
    ] {
        let (_owner, home, log) = world();
        let agent = home.open_with(Crash::at(point, 2));
        let mut courier = Courier::new(Arc::clone(&agent), LogRelay::new(&log));
        courier.read_control().await.unwrap();
        let told = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&told);
        // One event at a time, so that each is a group of its own.
        let connector = move |ctx: &mut Context<'_>| {
            ctx.hello(hello())?;
            for n in 0..10 {
                ctx.emit(vec![Incoming::of(&message(n, ACCOUNT))], None)?;
                ctx.wait_durable()?;
                counted.fetch_add(1, Ordering::SeqCst);
            }
            Ok(())
        };
        let error = agent
            .import_over(&job(), connect(connector), &Stop::default(), |_| {})
            .unwrap_err();
        assert_eq!(error.kept.new, 2);
        drop((courier, agent));
        let held = home.open().spool().counts().unwrap().waiting;
        assert!(
            held >= 2 && told.load(Ordering::SeqCst) <= held,
            "{point:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_stops_the_import_and_passes() {
    for point in [
        WritePoint::StreamBegins,
        WritePoint::StreamWritten,
        WritePoint::GroupWritten,
    ] {
        let (owner, home, log) = world();
        // One group may be all that a fast machine writes: then its first writing fails.
        let passes = i64::from(point != WritePoint::GroupWritten);
        let full = Crash::of(Some(point), passes, io::ErrorKind::StorageFull);
        let agent = home.open_with(Arc::clone(&full) as Arc<dyn WritePoints>);
        let mut courier = Courier::new(Arc::clone(&agent), LogRelay::new(&log));
        courier.read_control().await.unwrap();
        let error = agent
            .import_over(&job(), connect(source), &Stop::default(), |_| {})
            .unwrap_err();
        let capture::ImportFailure::Conversation(why) = &*error.why else {
            panic!("{error:?}")
        };
        assert!(why.is_full(), "{why:?}");
        // Somebody makes room; the same agent goes on.
        full.left.store(i64::MAX, Ordering::SeqCst);
        full.met.store(0, Ordering::SeqCst);
        let summary = agent
            .import_over(&job(), connect(source), &Stop::default(), |_| {})
            .unwrap();
        assert_eq!(error.kept.new + summary.kept.new, 50);
        assert!(deliver_all(&home, &agent, &log).await);
        whole(&owner, &home, &log, 50);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_database_loses_nothing() {
    let (owner, home, log) = world();
    {
        let agent = home.open();
        let mut courier = Courier::new(Arc::clone(&agent), LogRelay::new(&log));
        courier.read_control().await.unwrap();
    }
    // SQLite itself answers that the disk is full.
    let agent = home.open();
    agent.spool().limit_pages(40).unwrap();
    let error = agent
        .import_over(
            &job(),
            connect(messages(0, 20_000, 1_000)),
            &Stop::default(),
            |_| {},
        )
        .unwrap_err();
    let capture::ImportFailure::Conversation(why) = &*error.why else {
        panic!("{error:?}")
    };
    assert!(why.is_full(), "{why:?}");
    agent.spool().limit_pages(1 << 30).unwrap();
    agent
        .import_over(
            &job(),
            connect(messages(0, 20_000, 1_000)),
            &Stop::default(),
            |_| {},
        )
        .unwrap();
    assert!(deliver_all(&home, &agent, &log).await);
    whole(&owner, &home, &log, 20_000);
}

/// Kills at random places of import and delivery, over a network that loses calls, until all of
/// it has arrived. A failing seed is repeated by its number.
#[tokio::test(flavor = "multi_thread")]
async fn random_crashes_lose_and_double_nothing() {
    for seed in 0..12 {
        let mut draws = Seeded::new(seed);
        let (owner, home, log) = world();
        let mut lives = 0;
        loop {
            lives += 1;
            assert!(lives < 500, "seed {seed} does not end");
            let after = 3 + draws.below(120) as i64;
            let crash = Crash::of(None, after, io::ErrorKind::Other);
            let agent = home.open_with(crash);
            let faults = Mutex::new(Seeded::new(seed * 1_000 + lives));
            let relay =
                LogRelay::with_faults(&log, move || match faults.lock().unwrap().below(5) {
                    0 => Fault::Before,
                    1 => Fault::After,
                    _ => Fault::None,
                });
            let mut courier = Courier::new(Arc::clone(&agent), relay);
            if courier.read_control().await.is_err() {
                continue;
            }
            let imported = agent.import_over(&job(), connect(source), &Stop::default(), |_| {});
            let mut steps = 0;
            let delivered = loop {
                steps += 1;
                if steps > 200 {
                    break false;
                }
                match courier.deliver().await {
                    Ok(Step::Idle) => break true,
                    Ok(Step::Paused(until)) => home.clock.step(until.since(home.clock.now())),
                    Ok(_) => {}
                    Err(_) => break false,
                }
            };
            if imported.is_ok() && delivered {
                break;
            }
        }
        whole(&owner, &home, &log, 50);
    }
}

#[test]
fn a_spool_belongs_to_one_agent_and_one_process() {
    let owner = Owner::new();
    let home = Home::new(&owner);
    let folder = home.path().join("spool");
    let identity = home.identity();
    let open = |signer| Spool::open(&folder, identity.archive(), signer, Arc::new(Unhindered));
    let spool = open(identity.signer().id()).unwrap();
    assert!(matches!(
        open(identity.signer().id()),
        Err(SpoolError::InUse)
    ));
    drop(spool);
    let other = wire::SignerId::from_bytes([9; 32]);
    assert!(matches!(open(other), Err(SpoolError::Foreign)));
}
