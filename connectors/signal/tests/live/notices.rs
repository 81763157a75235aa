//! VISIBLE: a notice that is owed is given, whatever is killed in between.

use crate::agent::{Ended, FakeAgent, Run};
use crate::daemon::{BOB, FakeDaemon};

const NOTICE: &str = "This conversation is archived.";
const AT: i64 = 1_795_547_010_469;

fn stage(folder: &std::path::Path) -> (FakeDaemon, FakeAgent) {
    let daemon = FakeDaemon::start(folder);
    let agent = FakeAgent::new(
        folder,
        &[
            ("socket", daemon.socket.to_str().unwrap()),
            ("data", daemon.data.to_str().unwrap()),
            ("notice.en", NOTICE),
        ],
    );
    (daemon, agent)
}

fn told(agent: &FakeAgent) -> bool {
    !agent.notices().is_empty()
}

/// A run that is killed at one call, then another to its end. Gives whether the kill came.
fn killed_at(number: u32, remembers: bool) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let (daemon, mut agent) = stage(folder.path());
    daemon.world().remembers = remembers;
    daemon.message(AT, "Good morning");
    // When it is given a further message comes, so that what follows is cut off too.
    let mut further = false;
    let ended = agent.run(Run::KilledAt(number), |agent| {
        if told(agent) && !further {
            further = true;
            daemon.message(AT + 1, "Noon");
        }
        agent.texts().contains(&"Noon")
    });
    let killed = ended == Ended::Early;
    // What was handed over and not synced is gone with signal-cli's memory: that is a recorded loss,
    // and nobody is owed anything for it until somebody speaks again.
    let spoken = |agent: &FakeAgent| agent.texts().contains(&"Good morning");
    if !daemon.world().sent.is_empty() {
        assert!(
            spoken(&agent),
            "{number}: said before the cause was durable"
        );
    }
    agent.run(Run::Plain, |agent| {
        told(agent) || (!spoken(agent) && agent.has_loss())
    });
    if !spoken(&agent) {
        assert!(agent.has_loss(), "{number}: neither captured nor lost");
        return killed;
    }
    if !told(&agent) {
        assert_eq!(agent.run(Run::Plain, told), Ended::Stopped);
    }
    let sent = daemon.world().sent.clone();
    let notices = agent.notices();
    assert_eq!(notices.len(), 1, "{number}");
    assert_eq!(notices[0].0, NOTICE);
    assert!(
        sent.iter()
            .all(|sent| *sent == (BOB.to_owned(), NOTICE.to_owned())),
        "{number}: {sent:?}"
    );
    let again = notices[0].1.contains(&"again");
    match sent.len() {
        1 => {}
        2 => assert!(again && !remembers, "{number}: doubled and not said so"),
        other => panic!("{number}: given {other} times"),
    }
    // Further runs give none.
    daemon.message(AT + 2, "Good evening");
    let evening = |agent: &FakeAgent| agent.texts().contains(&"Good evening");
    assert_eq!(agent.run(Run::Plain, evening), Ended::Stopped);
    assert_eq!(
        (daemon.world().sent.len(), agent.notices().len()),
        (sent.len(), 1)
    );
    killed
}

/// Kills the connector before each call that writes or syncs, until none is left to be killed at.
fn every_point(remembers: bool) {
    let mut points = 0;
    for number in 1.. {
        if !killed_at(number, remembers) {
            break;
        }
        points = number;
    }
    assert!(points > 12, "only {points} points");
}

#[test]
fn a_notice_is_given_once_whichever_write_is_cut_off() {
    every_point(true);
}

#[test]
fn where_signal_cli_keeps_no_record_it_is_given_twice_rather_than_never() {
    every_point(false);
}

#[test]
fn a_notice_that_was_refused_stays_owed_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (daemon, mut agent) = stage(folder.path());
    daemon.world().refuses = 1;
    daemon.message(AT, "Good morning");
    let refused = |agent: &FakeAgent| agent.troubles.contains(&"signal-notice-failed".to_owned());
    assert_eq!(agent.run(Run::Plain, refused), Ended::Stopped);
    assert!(daemon.world().sent.is_empty());
    assert_eq!(agent.run(Run::Plain, told), Ended::Stopped);
    assert_eq!(daemon.world().sent.len(), 1);
    assert_eq!(agent.notices(), [(NOTICE.to_owned(), vec![])]);
}

/// CONN-10
#[test]
fn what_the_agent_asks_for_is_said_once_however_often_it_asks() {
    let folder = tempfile::tempdir().unwrap();
    let (daemon, mut agent) = stage(folder.path());
    agent
        .settings
        .retain(|(name, _)| !name.starts_with("notice"));
    agent.notice = Some((format!("aci:{BOB}"), "Asked for.".to_owned()));
    assert_eq!(agent.run(Run::Plain, told), Ended::Stopped);
    daemon.message(AT, "Good morning");
    let spoken = |agent: &FakeAgent| agent.texts().contains(&"Good morning");
    assert_eq!(agent.run(Run::Plain, spoken), Ended::Stopped);
    let sent = daemon.world().sent.clone();
    assert_eq!(sent, [(BOB.to_owned(), "Asked for.".to_owned())]);
    assert_eq!(agent.notices(), [("Asked for.".to_owned(), vec![])]);
}
