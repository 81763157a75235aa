//! What to do next with what waits in the spool: a state machine without I/O, clock or randomness
//! of its own.
//!
//! It never gives up. A failure or a refusal that concerns the whole agent is waited out, with a
//! pause that grows and is drawn at random; a refusal that concerns one entry is answered with
//! `withdrawn`, and the chain goes on (CHAIN-2).

use canonical::Milliseconds;
use wire::{Entry, Refusal, RefusalCode, SequenceNumber, limit};

use crate::spool::{WaitingEntry, WaitingObject};

/// First pause after a failure, in milliseconds.
const FIRST_PAUSE_MS: u64 = 1_000;
/// Longest pause.
const LONGEST_PAUSE_MS: u64 = 300_000;
/// Most objects that are uploaded side by side.
const UPLOADS: usize = 16;
/// Most bytes of them, unless it is one alone.
const UPLOAD_BYTES: u64 = 8 << 20;

/// How submission stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Submission {
    failures: u32,
    pause_until: Option<Milliseconds>,
    halt: Option<Halt>,
}

/// Why nothing can be submitted until somebody has acted. It is tried again all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Halt {
    /// The relay does not serve this archive.
    ForeignArchive,
    /// The agent is not enrolled (yet).
    NotEnrolled,
    /// The agent is revoked.
    Revoked,
    /// The agent's role does not cover what it submits.
    NotAllowed,
    /// The log holds another entry under this agent's number: it was restored from a copy, or
    /// copied. It must be enrolled anew, naming its old chain.
    Clone,
    /// The log is not the one that was seen before.
    Fork,
    /// The log lacks entries that it held before, from this number on: the relay was rebuilt.
    Behind {
        /// The number that it expects.
        next: SequenceNumber,
    },
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing waits.
    Idle,
    /// Something waits, and so does submission, until that time.
    Pause(Milliseconds),
    /// Upload these objects, in any order.
    Upload(Vec<WaitingObject>),
    /// Post these entries, whose objects are uploaded.
    Post(Vec<Entry>),
}

/// How a refusal is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Put a `withdrawn` in its place.
    Withdraw(RefusalCode),
    /// Ask for all waiting objects again: the relay misses one.
    UploadAgain,
    /// Wait.
    Wait,
}

impl Submission {
    /// Nothing has failed.
    pub fn new() -> Self {
        Self::default()
    }

    /// What to do with the oldest waiting entries, in the order of their numbers.
    ///
    /// Objects come first, oldest entry first; then as many entries as one bundle takes whose
    /// objects are all uploaded. Never an entry before an older one.
    pub fn next(&self, waiting: &[WaitingEntry], now: Milliseconds) -> Next {
        if waiting.is_empty() {
            return Next::Idle;
        }
        if let Some(until) = self.pause_until.filter(|until| now < *until) {
            return Next::Pause(until);
        }
        let ready: Vec<Entry> = waiting
            .iter()
            .take(limit::BUNDLE_ENTRIES)
            .take_while(|waiting| waiting.objects.is_empty())
            .map(|waiting| waiting.entry.clone())
            .collect();
        let whole_bundle = ready.len() == waiting.len().min(limit::BUNDLE_ENTRIES);
        if whole_bundle {
            return Next::Post(ready);
        }
        let objects: Vec<WaitingObject> = waiting
            .iter()
            .take(limit::BUNDLE_ENTRIES)
            .flat_map(|waiting| waiting.objects.iter().copied())
            .collect();
        Next::Upload(side_by_side(objects))
    }

    /// Something was done: nothing stands in the way.
    pub fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// The relay could not be used. `draw` is random over all its values; `retry_after` is what
    /// the relay asked for, in milliseconds.
    pub fn failed(&mut self, now: Milliseconds, retry_after: Option<u32>, draw: u64) {
        let longest = FIRST_PAUSE_MS
            .saturating_mul(1 << self.failures.min(16))
            .min(LONGEST_PAUSE_MS);
        self.failures = self.failures.saturating_add(1);
        // Between half and the whole: agents that failed together do not come back together.
        let pause = longest / 2 + draw % (longest / 2 + 1);
        let pause = pause.max(u64::from(retry_after.unwrap_or(0)));
        self.pause_until = Some(now.plus(i64::try_from(pause).unwrap_or(i64::MAX)));
    }

    /// `refused` was refused. `stale_below`: entries below it may name checkpoints of a log that
    /// the owner has given up.
    pub fn refused(
        &mut self,
        refused: &Entry,
        refusal: &Refusal,
        stale_below: SequenceNumber,
        now: Milliseconds,
        draw: u64,
    ) -> Answer {
        let halt = match refusal.code() {
            // Something of this one entry.
            code @ (RefusalCode::Malformed
            | RefusalCode::BadSignature
            | RefusalCode::UnknownEpoch
            | RefusalCode::ObjectTaken
            | RefusalCode::ControlChain) => {
                self.succeeded();
                return Answer::Withdraw(code);
            }
            RefusalCode::Fork if refused.seen().is_some() && refused.number() < stale_below => {
                self.succeeded();
                return Answer::Withdraw(RefusalCode::Fork);
            }
            RefusalCode::ObjectMissing => {
                self.failed(now, None, draw);
                return Answer::UploadAgain;
            }
            RefusalCode::TooBusy => None,
            RefusalCode::ForeignArchive => Some(Halt::ForeignArchive),
            RefusalCode::UnknownSigner => Some(Halt::NotEnrolled),
            RefusalCode::Revoked => Some(Halt::Revoked),
            RefusalCode::NotAllowed => Some(Halt::NotAllowed),
            RefusalCode::Clone => Some(Halt::Clone),
            RefusalCode::Fork => Some(Halt::Fork),
            RefusalCode::OutOfSequence => Some(Halt::Behind {
                next: refusal.next().unwrap_or_default(),
            }),
        };
        self.halt = halt;
        self.failed(now, None, draw);
        Answer::Wait
    }

    /// The log is not the one that was seen before.
    pub fn forked(&mut self, now: Milliseconds, draw: u64) {
        self.halt = Some(Halt::Fork);
        self.failed(now, None, draw);
    }

    /// Why nothing can be submitted until somebody has acted.
    pub fn halt(&self) -> Option<&Halt> {
        self.halt.as_ref()
    }

    /// Failures since something was done.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Nothing is tried before then.
    pub fn pause_until(&self) -> Option<Milliseconds> {
        self.pause_until
    }
}

/// As many as are uploaded at once: a stream is read from its file in pieces, a batch is held in
/// memory whole.
fn side_by_side(objects: Vec<WaitingObject>) -> Vec<WaitingObject> {
    let mut held = 0;
    let mut some: Vec<WaitingObject> = Vec::new();
    for object in objects.into_iter().take(UPLOADS) {
        held += object.length.get();
        if !some.is_empty() && held > UPLOAD_BYTES {
            break;
        }
        some.push(object);
    }
    some
}

impl std::fmt::Display for Halt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::ForeignArchive => f.write_str("the relay does not serve this archive"),
            Self::NotEnrolled => f.write_str("this agent is not enrolled"),
            Self::Revoked => f.write_str("this agent is revoked"),
            Self::NotAllowed => f.write_str("this agent's role does not cover what it submits"),
            Self::Clone => f.write_str(
                "the log holds other entries of this agent: it was restored from a copy and must be enrolled anew",
            ),
            Self::Fork => f.write_str("the log is not the one that was seen before"),
            Self::Behind { next } => {
                write!(f, "the log lacks this agent's entries from number {next} on")
            }
        }
    }
}
