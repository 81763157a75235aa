//! Both sides of the conversation as state machines without I/O or clock.

use canonical::Milliseconds;

use crate::check::MessageError;
use crate::incoming::Incoming;
use crate::limit;
use crate::message::{
    Done, Down, Durable, Event, EventNumber, Hello, Position, Start, Stop, Up, VERSION,
};

/// How the other side broke the protocol. It ends the conversation (CONN-6).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// A frame with other content than a message.
    #[error("a frame that can not be read")]
    Message(#[from] MessageError),
    /// Something came before `start` or `hello` (CONN-1).
    #[error("{found} came before {owed}")]
    TooEarly {
        /// What came.
        found: &'static str,
        /// What is owed first.
        owed: &'static str,
    },
    /// `start` or `hello` came twice, or something after `done`.
    #[error("{found} came when nothing of the kind was due")]
    TooLate {
        /// What came.
        found: &'static str,
    },
    /// An event with another number than the next (CONN-2).
    #[error("event {found} came where {expected} was due")]
    EventNumber {
        /// The number that came.
        found: u64,
        /// The next number.
        expected: u64,
    },
    /// More events in flight than allowed (CONN-3).
    #[error("more than {} events wait to become durable", limit::IN_FLIGHT)]
    TooManyInFlight,
    /// `durable` names an event that was not sent, or goes back (CONN-3).
    #[error("event {found} can not become durable: {durable} is, {sent} were sent")]
    Durable {
        /// The event named.
        found: u64,
        /// The newest durable one.
        durable: u64,
        /// The newest sent one.
        sent: u64,
    },
    /// No `hello` in time (CONN-6).
    #[error("no hello within {} seconds", limit::HELLO_MS / 1_000)]
    Silence,
}

/// The agent's side.
#[derive(Debug)]
pub struct AgentSide {
    phase: Phase,
    hello_until: Milliseconds,
    stop_until: Option<Milliseconds>,
    received: EventNumber,
    durable: EventNumber,
}

/// The connector's side.
#[derive(Debug, Default)]
pub struct ConnectorSide {
    phase: Phase,
    sent: EventNumber,
    durable: EventNumber,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// `start` has not been said.
    #[default]
    Unstarted,
    /// `hello` is owed.
    Started,
    Open,
    /// `done` or a fatal trouble was said.
    Ended,
}

impl AgentSide {
    /// Opens the conversation with `start`, to be sent first (CONN-1). `hello` is owed within 60
    /// seconds of `now`.
    ///
    /// # Errors
    ///
    /// When a field of `start` is over its limit.
    pub fn new(start: Start, now: Milliseconds) -> Result<(Self, Down), MessageError> {
        let first = Down::Start(start);
        first.check()?;
        let side = Self {
            phase: Phase::Started,
            hello_until: now.plus(limit::HELLO_MS),
            stop_until: None,
            received: EventNumber::NONE,
            durable: EventNumber::NONE,
        };
        Ok((side, first))
    }

    /// Takes what the connector said and gives it back where it was due.
    ///
    /// # Errors
    ///
    /// When it was not; the conversation is over then.
    pub fn receive(&mut self, message: Up) -> Result<Up, Violation> {
        let found = up_name(&message);
        match (self.phase, &message) {
            (Phase::Unstarted | Phase::Ended, _) | (Phase::Open, Up::Hello(_)) => {
                return Err(Violation::TooLate { found });
            }
            (Phase::Started, Up::Hello(_)) => self.phase = Phase::Open,
            // A connector that can not even begin may say why.
            (Phase::Started, Up::Trouble(trouble)) if trouble.fatal => self.phase = Phase::Ended,
            (Phase::Started, _) => {
                return Err(Violation::TooEarly {
                    found,
                    owed: "hello",
                });
            }
            (Phase::Open, Up::Event(event)) => self.event(event)?,
            (Phase::Open, Up::Done(_)) => self.phase = Phase::Ended,
            (Phase::Open, Up::Trouble(trouble)) if trouble.fatal => self.phase = Phase::Ended,
            (Phase::Open, _) => {}
        }
        Ok(message)
    }

    /// Says that everything up to `through` is durable (CONN-3). To be called only after the
    /// sealed copies are synced.
    ///
    /// # Errors
    ///
    /// When that event has not come, or an older one than before is named.
    pub fn durable(&mut self, through: EventNumber) -> Result<Down, Violation> {
        if through > self.received || through < self.durable {
            return Err(Violation::Durable {
                found: through.get(),
                durable: self.durable.get(),
                sent: self.received.get(),
            });
        }
        self.durable = through;
        Ok(Down::Durable(Durable { through }))
    }

    /// Says that the connector is to end; it has five seconds from the first time (CONN-5).
    pub fn stop(&mut self, now: Milliseconds) -> Down {
        self.stop_until
            .get_or_insert_with(|| now.plus(limit::STOP_MS));
        Down::Stop(Stop {})
    }

    /// When the connector's patience ends: the next time at which [`overdue`](Self::overdue) may
    /// change its answer.
    pub fn deadline(&self) -> Option<Milliseconds> {
        let hello = (self.phase == Phase::Started).then_some(self.hello_until);
        hello.into_iter().chain(self.stop_until).min()
    }

    /// Whether the connector owes something since too long and is to be killed.
    ///
    /// # Errors
    ///
    /// [`Violation::Silence`] where `hello` is owed (CONN-6).
    pub fn overdue(&self, now: Milliseconds) -> Result<bool, Violation> {
        if self.phase == Phase::Started && now >= self.hello_until {
            return Err(Violation::Silence);
        }
        Ok(self.stop_until.is_some_and(|until| now >= until))
    }

    /// Whether `done` or a fatal trouble has come.
    pub fn ended(&self) -> bool {
        self.phase == Phase::Ended
    }

    /// Events that have come and are not durable.
    pub fn in_flight(&self) -> u64 {
        self.received.get() - self.durable.get()
    }

    fn event(&mut self, event: &Event) -> Result<(), Violation> {
        let expected = self.received.next();
        if event.number != expected {
            return Err(Violation::EventNumber {
                found: event.number.get(),
                expected: expected.get(),
            });
        }
        if self.in_flight() >= limit::IN_FLIGHT {
            return Err(Violation::TooManyInFlight);
        }
        self.received = expected;
        Ok(())
    }
}

impl ConnectorSide {
    /// Before `start`.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what the agent said and gives it back where it was due.
    ///
    /// # Errors
    ///
    /// When it was not; the conversation is over then.
    pub fn receive(&mut self, message: Down) -> Result<Down, Violation> {
        let found = down_name(&message);
        match (self.phase, &message) {
            (Phase::Unstarted, Down::Start(_)) => self.phase = Phase::Started,
            (Phase::Unstarted, _) => {
                return Err(Violation::TooEarly {
                    found,
                    owed: "start",
                });
            }
            (_, Down::Start(_)) => return Err(Violation::TooLate { found }),
            (_, Down::Durable(durable)) => {
                let through = durable.through;
                if through > self.sent || through < self.durable {
                    return Err(Violation::Durable {
                        found: through.get(),
                        durable: self.durable.get(),
                        sent: self.sent.get(),
                    });
                }
                self.durable = through;
            }
            _ => {}
        }
        Ok(message)
    }

    /// The answer to `start` (CONN-1).
    ///
    /// # Errors
    ///
    /// Before `start`, a second time, or over a limit.
    pub fn hello(&mut self, hello: Hello) -> Result<Up, Violation> {
        match self.phase {
            Phase::Unstarted => Err(Violation::TooEarly {
                found: "hello",
                owed: "start",
            }),
            Phase::Open | Phase::Ended => Err(Violation::TooLate { found: "hello" }),
            Phase::Started => {
                let message = Up::Hello(Hello {
                    version: VERSION,
                    ..hello
                });
                message.check()?;
                self.phase = Phase::Open;
                Ok(message)
            }
        }
    }

    /// The next event.
    ///
    /// # Errors
    ///
    /// Before `hello`, after `done`, over a limit, or with 64 events in flight (CONN-3).
    pub fn event(
        &mut self,
        records: Vec<Incoming>,
        position: Option<Position>,
    ) -> Result<Up, Violation> {
        self.open("event")?;
        if self.in_flight() >= limit::IN_FLIGHT {
            return Err(Violation::TooManyInFlight);
        }
        let number = self.sent.next();
        let message = Up::Event(Event {
            number,
            records,
            position,
        });
        message.check()?;
        self.sent = number;
        Ok(message)
    }

    /// The end of the source; nothing may follow.
    ///
    /// # Errors
    ///
    /// Before `hello`, a second time, or over a limit.
    pub fn done(&mut self, done: Done) -> Result<Up, Violation> {
        self.open("done")?;
        let message = Up::Done(done);
        message.check()?;
        self.phase = Phase::Ended;
        Ok(message)
    }

    /// Any other message.
    ///
    /// # Errors
    ///
    /// Before `hello` (a fatal trouble is allowed from `start` on), after `done`, over a limit,
    /// or one of those that have a function of their own.
    pub fn say(&mut self, message: Up) -> Result<Up, Violation> {
        let found = up_name(&message);
        message.check()?;
        match &message {
            Up::Hello(_) | Up::Event(_) | Up::Done(_) => Err(Violation::TooLate { found }),
            Up::Trouble(trouble) if trouble.fatal && self.phase == Phase::Started => {
                self.phase = Phase::Ended;
                Ok(message)
            }
            Up::Trouble(trouble) if trouble.fatal => {
                self.open(found)?;
                self.phase = Phase::Ended;
                Ok(message)
            }
            _ => self.open(found).map(|()| message),
        }
    }

    /// The newest event that was sent.
    pub fn sent(&self) -> EventNumber {
        self.sent
    }

    /// The newest durable event.
    pub fn durable(&self) -> EventNumber {
        self.durable
    }

    /// Events sent that are not durable.
    pub fn in_flight(&self) -> u64 {
        self.sent.get() - self.durable.get()
    }

    fn open(&self, found: &'static str) -> Result<(), Violation> {
        match self.phase {
            Phase::Open => Ok(()),
            Phase::Ended => Err(Violation::TooLate { found }),
            Phase::Unstarted | Phase::Started => Err(Violation::TooEarly {
                found,
                owed: "hello",
            }),
        }
    }
}

fn up_name(message: &Up) -> &'static str {
    match message {
        Up::Hello(_) => "hello",
        Up::Event(_) => "event",
        Up::State(_) => "state",
        Up::Progress(_) => "progress",
        Up::RequestLink(_) => "request-link",
        Up::Sent(_) => "sent",
        Up::Done(_) => "done",
        Up::Trouble(_) => "trouble",
    }
}

fn down_name(message: &Down) -> &'static str {
    match message {
        Down::Start(_) => "start",
        Down::Durable(_) => "durable",
        Down::Link(_) => "link",
        Down::Send(_) => "send",
        Down::Fetch(_) => "fetch",
        Down::Stop(_) => "stop",
        Down::Notice(_) => "notice",
    }
}
