//! The kit against an agent's side over pipes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{PipeReader, PipeWriter, pipe};
use std::thread::JoinHandle;
use std::time::Duration;

use canonical::Milliseconds;
use connector::frame::{read_frame, write_frame};
use connector::kit::{self, Context, KitError, Request};
use connector::{
    AgentSide, Down, EventNumber, Field, Hello, Incoming, Link, Notice, NoticeText, Position,
    Start, Up,
};

struct Agent {
    side: AgentSide,
    from: PipeReader,
    to: PipeWriter,
    child: JoinHandle<Result<(), KitError>>,
}

impl Agent {
    fn start(
        position: Option<Position>,
        connector: impl FnOnce(&mut Context<'_>) -> Result<(), KitError> + Send + 'static,
    ) -> Self {
        let start = Start {
            version: 1,
            account: "tel:+1".into(),
            custodian: "c".into(),
            folder: "/nowhere".into(),
            settings: vec![Field("path".into(), "chat.txt".into())],
            position,
        };
        let (input, to) = pipe().unwrap();
        let (from, mut output) = pipe().unwrap();
        let (side, first) = AgentSide::new(start, Milliseconds::new(0)).unwrap();
        let child = std::thread::spawn(move || {
            kit::run(
                input,
                &mut output,
                || Milliseconds::new(42),
                |ctx| connector(ctx),
            )
        });
        let mut agent = Self {
            side,
            from,
            to,
            child,
        };
        agent.say(&first);
        agent
    }

    fn say(&mut self, message: &Down) {
        write_frame(&mut self.to, &message.to_frame()).unwrap();
    }

    fn hear(&mut self) -> Option<Up> {
        let mut content = Vec::new();
        if !read_frame(&mut self.from, &mut content).unwrap() {
            return None;
        }
        let message = Up::from_frame(&content).unwrap();
        Some(self.side.receive(message).unwrap())
    }

    fn durable(&mut self, through: u64) {
        let message = self.side.durable(EventNumber::new(through)).unwrap();
        self.say(&message);
    }

    fn end(self) -> Result<(), KitError> {
        drop(self.to);
        self.child.join().unwrap()
    }
}

fn hello() -> Hello {
    Hello {
        version: 1,
        connector: "test/1".into(),
        way: "test".into(),
        network: "test".into(),
        coverage: vec![],
        notices: false,
    }
}

fn records(count: usize) -> Vec<Incoming> {
    (0..count)
        .map(|n| Incoming::new(vec![n.to_be_bytes().to_vec(), vec![], vec![], vec![]]))
        .collect()
}

#[test]
fn a_connector_runs_to_done_only_when_all_is_durable() {
    let mut agent = Agent::start(Some(Position::new(*b"7")), |ctx| {
        assert_eq!(ctx.position().unwrap().as_bytes(), b"7");
        assert_eq!(ctx.setting("path"), Some("chat.txt"));
        assert_eq!(ctx.now(), Milliseconds::new(42));
        ctx.hello(hello())?;
        ctx.emit(records(1_500), Some(Position::new(*b"8")))?;
        ctx.progress(10, Some(20))?;
        ctx.count_losses(3);
        Ok(())
    });
    assert!(matches!(agent.hear(), Some(Up::Hello(_))));
    let Some(Up::Event(first)) = agent.hear() else {
        panic!("an event is due")
    };
    assert_eq!((first.records.len(), first.position), (1_024, None));
    let Some(Up::Event(second)) = agent.hear() else {
        panic!("an event is due")
    };
    assert_eq!(second.records.len(), 476);
    assert_eq!(second.position, Some(Position::new(*b"8")));
    assert!(matches!(agent.hear(), Some(Up::Progress(_))));
    agent.durable(1);
    agent.durable(2);
    let Some(Up::Done(done)) = agent.hear() else {
        panic!("done is due")
    };
    assert_eq!((done.records, done.losses), (1_500, 3));
    assert!(agent.hear().is_none());
    agent.end().unwrap();
}

#[test]
fn conn_3_the_65th_event_waits() {
    let mut agent = Agent::start(None, |ctx| {
        ctx.hello(hello())?;
        for _ in 0..65 {
            ctx.emit(records(1), None)?;
        }
        Ok(())
    });
    agent.hear();
    for _ in 0..64 {
        assert!(matches!(agent.hear(), Some(Up::Event(_))));
    }
    // The connector now waits for this; a 65th event before it would break AgentSide's rule.
    assert_eq!(agent.side.in_flight(), 64);
    agent.durable(64);
    assert!(matches!(agent.hear(), Some(Up::Event(_))));
    agent.durable(65);
    assert!(matches!(agent.hear(), Some(Up::Done(_))));
    agent.end().unwrap();
}

#[test]
fn conn_5_stop_ends_a_connector_that_waits() {
    let mut agent = Agent::start(None, |ctx| {
        ctx.hello(hello())?;
        ctx.emit(records(1), None)?;
        ctx.wait_durable()?;
        panic!("it was never durable");
    });
    agent.hear();
    agent.hear();
    let stop = agent.side.stop(Milliseconds::new(0));
    agent.say(&stop);
    assert!(agent.hear().is_none(), "no done after stop");
    agent.end().unwrap();
}

#[test]
fn an_agent_that_goes_away_ends_its_connector() {
    let mut agent = Agent::start(None, |ctx| {
        ctx.hello(hello())?;
        while ctx.next_request(Duration::from_secs(60))?.is_none() {}
        Ok(())
    });
    agent.hear();
    agent.end().unwrap();
}

#[test]
fn requests_reach_the_connector() {
    let mut agent = Agent::start(None, |ctx| {
        ctx.hello(hello())?;
        ctx.request_link("code", "123-456")?;
        match ctx.next_request(Duration::from_secs(60))? {
            Some(Request::Link(link)) => assert_eq!(link.fields[0].1, "secret"),
            other => panic!("{other:?}"),
        }
        // CONN-10
        match ctx.next_request(Duration::from_secs(60))? {
            Some(Request::Notice(notice)) => {
                assert_eq!(notice.conversation, "group:7");
                assert_eq!(format!("{notice:?}"), "Notice(1 texts)", "no content");
            }
            other => panic!("{other:?}"),
        }
        Ok(())
    });
    agent.hear();
    assert!(matches!(agent.hear(), Some(Up::RequestLink(_))));
    agent.say(&Down::Link(Link {
        fields: vec![Field("password".into(), "secret".into())],
    }));
    agent.say(&Down::Notice(Notice {
        conversation: "group:7".into(),
        texts: vec![NoticeText {
            language: "en".into(),
            text: "This conversation is archived.".into(),
        }],
    }));
    assert!(matches!(agent.hear(), Some(Up::Done(_))));
    agent.end().unwrap();
}

#[test]
fn trouble_is_told_before_the_end() {
    let mut agent = Agent::start(None, |ctx| {
        ctx.hello(hello())?;
        Err(kit::failed("import-unknown-form", &[("line", "7")]))
    });
    agent.hear();
    let Some(Up::Trouble(trouble)) = agent.hear() else {
        panic!("trouble is due")
    };
    assert!(trouble.fatal);
    assert_eq!(trouble.facts, [Field("line".into(), "7".into())]);
    assert!(agent.hear().is_none());
    assert!(matches!(agent.end(), Err(KitError::Failed(_))));
}

#[test]
fn another_thread_ends_a_wait() {
    let mut agent = Agent::start(None, |ctx| {
        ctx.hello(hello())?;
        let waker = ctx.waker();
        let (sender, things) = std::sync::mpsc::channel();
        let worker = std::thread::spawn(move || {
            sender.send("thing").unwrap();
            waker.wake();
        });
        while things.try_recv().is_err() {
            assert!(ctx.next_request(Duration::from_secs(600))?.is_none());
        }
        worker.join().unwrap();
        Ok(())
    });
    assert!(matches!(agent.hear(), Some(Up::Hello(_))));
    assert!(matches!(agent.hear(), Some(Up::Done(_))));
    agent.end().unwrap();
}
