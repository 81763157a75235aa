//! Frames and conversations by somebody who means harm, or has a bug.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::Read;

use canonical::Milliseconds;
use connector::frame::{FrameError, framed, read_frame, write_frame};
use connector::{
    AgentSide, ConnectorSide, Done, Down, Durable, Event, EventNumber, Hello, Incoming, Start, Up,
    Violation, limit,
};
use proptest::prelude::*;

fn start() -> Start {
    Start {
        version: 1,
        account: "tel:+1".into(),
        custodian: "c".into(),
        folder: "/tmp".into(),
        settings: vec![],
        position: None,
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

fn event(number: u64) -> Up {
    Up::Event(Event {
        number: EventNumber::new(number),
        records: vec![Incoming::new(vec![vec![0xa0]; 4])],
        position: None,
    })
}

fn open() -> AgentSide {
    let (mut agent, _) = AgentSide::new(start(), Milliseconds::new(0)).unwrap();
    agent.receive(Up::Hello(hello())).unwrap();
    agent
}

#[test]
fn conn_1_nothing_comes_before_hello() {
    let (mut agent, first) = AgentSide::new(start(), Milliseconds::new(0)).unwrap();
    assert!(matches!(first, Down::Start(_)));
    assert!(matches!(
        agent.receive(event(1)),
        Err(Violation::TooEarly { owed: "hello", .. })
    ));
    let mut connector = ConnectorSide::new();
    assert!(matches!(
        connector.receive(Down::Stop(connector::Stop {})),
        Err(Violation::TooEarly { owed: "start", .. })
    ));
    assert!(matches!(
        open().receive(Up::Hello(hello())),
        Err(Violation::TooLate { .. })
    ));
}

#[test]
fn conn_2_event_numbers_have_no_gap() {
    let mut agent = open();
    agent.receive(event(1)).unwrap();
    for wrong in [1, 3, 0, u64::MAX] {
        assert!(matches!(
            agent.receive(event(wrong)),
            Err(Violation::EventNumber { expected: 2, .. })
        ));
    }
    agent.receive(event(2)).unwrap();
}

#[test]
fn conn_3_at_most_64_events_are_in_flight() {
    let mut agent = open();
    for number in 1..=64 {
        agent.receive(event(number)).unwrap();
    }
    assert!(matches!(
        agent.receive(event(65)),
        Err(Violation::TooManyInFlight)
    ));
    agent.durable(EventNumber::new(1)).unwrap();
    agent.receive(event(65)).unwrap();
    assert_eq!(agent.in_flight(), 64);
}

#[test]
fn conn_3_durable_names_only_what_was_sent_and_never_goes_back() {
    let mut agent = open();
    agent.receive(event(1)).unwrap();
    agent.receive(event(2)).unwrap();
    assert!(agent.durable(EventNumber::new(3)).is_err());
    agent.durable(EventNumber::new(2)).unwrap();
    assert!(agent.durable(EventNumber::new(1)).is_err());

    let mut connector = ConnectorSide::new();
    connector.receive(Down::Start(start())).unwrap();
    connector.hello(hello()).unwrap();
    let through = EventNumber::new(1);
    assert!(matches!(
        connector.receive(Down::Durable(Durable { through })),
        Err(Violation::Durable {
            found: 1,
            durable: 0,
            sent: 0
        })
    ));
}

#[test]
fn conn_5_a_connector_has_five_seconds_after_stop() {
    let mut agent = open();
    assert_eq!(agent.deadline(), None);
    agent.stop(Milliseconds::new(1_000));
    agent.stop(Milliseconds::new(4_000));
    assert!(!agent.overdue(Milliseconds::new(5_999)).unwrap());
    assert!(agent.overdue(Milliseconds::new(6_000)).unwrap());
}

#[test]
fn conn_6_a_missing_hello_ends_it_after_a_minute() {
    let (agent, _) = AgentSide::new(start(), Milliseconds::new(0)).unwrap();
    assert_eq!(agent.deadline(), Some(Milliseconds::new(60_000)));
    assert!(!agent.overdue(Milliseconds::new(59_999)).unwrap());
    assert!(matches!(
        agent.overdue(Milliseconds::new(60_000)),
        Err(Violation::Silence)
    ));
}

#[test]
fn nothing_follows_done() {
    let mut agent = open();
    agent.receive(Up::Done(Done::default())).unwrap();
    assert!(agent.ended());
    assert!(matches!(
        agent.receive(event(1)),
        Err(Violation::TooLate { .. })
    ));
}

/// Gives out so many zeros and counts what was taken.
struct Endless(u64);

impl Read for Endless {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        bytes.fill(0);
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }
}

#[test]
fn conn_6_a_frame_above_the_limit_is_refused_before_it_is_read() {
    let head = ((limit::FRAME_BYTES + 1) as u32).to_be_bytes();
    let mut stream = head.chain(Endless(0));
    let mut content = Vec::new();
    assert!(matches!(
        read_frame(&mut stream, &mut content),
        Err(FrameError::TooLong { .. })
    ));
    assert_eq!(stream.into_inner().1.0, 0);
    assert_eq!(content.capacity(), 0);
    assert!(write_frame(&mut Vec::new(), &vec![0; limit::FRAME_BYTES + 1]).is_err());
}

#[test]
fn conn_6_announced_bytes_that_do_not_come_cost_no_memory() {
    let mut bytes = ((limit::FRAME_BYTES) as u32).to_be_bytes().to_vec();
    bytes.extend_from_slice(&[0; 10]);
    let mut content = Vec::new();
    assert!(matches!(
        read_frame(&mut &bytes[..], &mut content),
        Err(FrameError::Torn)
    ));
    assert!(content.capacity() < 64 << 10);
}

proptest! {
    #[test]
    fn conn_6_any_bytes_are_a_message_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for content in [&bytes[..], &[&[0x82, 0x01][..], &bytes].concat()] {
            if let Ok(message) = Up::from_frame(content) {
                prop_assert_eq!(message.to_frame(), content);
            }
            if let Ok(message) = Down::from_frame(content) {
                prop_assert_eq!(message.to_frame(), content);
            }
        }
    }

    #[test]
    fn conn_6_a_flipped_byte_is_refused_or_says_something_else(at in 0_usize..60, flip in 1_u8..) {
        let mut frame = framed(&event(1).to_frame()).unwrap();
        let at = at % frame.len();
        frame[at] ^= flip;
        let mut content = Vec::new();
        if let Ok(true) = read_frame(&mut &frame[..], &mut content)
            && let Ok(message) = Up::from_frame(&content)
        {
            prop_assert_ne!(message, event(1));
        }
    }
}
