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
    /// The agent is not enrolled (yet), as the control chain has it.
    NotEnrolled,
    /// The agent is revoked, as the control chain has it: nothing is submitted (AGENT-9).
    Revoked,
    /// The relay does not take the agent, which the control chain enrols and does not revoke.
    Denied,
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
        // A pause that is longer than the longest was set by a clock that has been put back since.
        let longest = i64::try_from(LONGEST_PAUSE_MS).unwrap_or(i64::MAX);
        if let Some(until) = self
            .pause_until
            .filter(|until| now < *until && until.since(now) <= longest)
        {
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
    /// the relay asked for, in milliseconds: at most five minutes of it are granted (AGENT-3).
    pub fn failed(&mut self, now: Milliseconds, retry_after: Option<u32>, draw: u64) {
        let longest = FIRST_PAUSE_MS
            .saturating_mul(1 << self.failures.min(16))
            .min(LONGEST_PAUSE_MS);
        self.failures = self.failures.saturating_add(1);
        // Between half and the whole: agents that failed together do not come back together.
        let pause = longest / 2 + draw % (longest / 2 + 1);
        let pause = pause
            .max(u64::from(retry_after.unwrap_or(0)))
            .min(LONGEST_PAUSE_MS);
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
            // What the control chain says of it, whoever asks finds out (AGENT-9).
            RefusalCode::UnknownSigner | RefusalCode::Revoked => Some(Halt::Denied),
            RefusalCode::NotAllowed => Some(Halt::NotAllowed),
            // CLONE-1: nothing more is submitted; the custodian enrols anew (CLONE-2).
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

    /// The relay does not take this agent, and this is why, as far as is known.
    pub(crate) fn stopped(&mut self, halt: Halt) {
        self.halt = Some(halt);
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
            Self::Denied => f.write_str(
                "the relay does not take this agent, and the control chain gives no reason",
            ),
            Self::NotAllowed => f.write_str("this agent's role does not cover what it submits"),
            Self::Clone => f.write_str(
                "the log holds other entries of this agent: it was restored from a copy and must enrol anew, naming its old chain: greffe agent enrol --follows",
            ),
            Self::Fork => f.write_str("the log is not the one that was seen before"),
            Self::Behind { next } => {
                write!(f, "the log lacks this agent's entries from number {next} on")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::{
        ArchiveId, Body, ChainPosition, EntryDraft, EntryId, Heartbeat, ObjectHash, ObjectLength,
        Seen, SignerKey,
    };

    fn entry(number: u64, seen: Option<Seen>) -> Entry {
        let key = SignerKey::from_seed(&[1; 32]).unwrap();
        let at = ChainPosition {
            number: SequenceNumber::new(number),
            previous: EntryId::from_bytes([u8::from(number > 0); 32]),
        };
        let body = Body::Heartbeat(Heartbeat {
            accounts: vec![],
            waiting: 0,
            details: None,
        });
        let archive = ArchiveId::from_bytes([0; 32]);
        EntryDraft::new(archive, key.id(), at, body, Milliseconds::new(0))
            .with_seen(seen)
            .with_objects(vec![])
            .unwrap()
            .sign(&[&key])
            .unwrap()
    }

    fn waiting(number: u64, objects: &[u64]) -> WaitingEntry {
        let entry = entry(number, None);
        let objects = objects
            .iter()
            .zip(0..)
            .map(|(length, place)| WaitingObject {
                entry: entry.id(),
                place,
                hash: ObjectHash::from_bytes([number as u8; 32]),
                length: ObjectLength::new(*length),
            })
            .collect();
        WaitingEntry { entry, objects }
    }

    const NOW: Milliseconds = Milliseconds::new(1_000_000);

    #[test]
    fn objects_come_before_entries_and_older_before_newer() {
        let submission = Submission::new();
        assert_eq!(submission.next(&[], NOW), Next::Idle);
        let queue = [waiting(0, &[]), waiting(1, &[10, 20]), waiting(2, &[30])];
        let Next::Upload(objects) = submission.next(&queue, NOW) else {
            panic!("objects are due")
        };
        let lengths: Vec<u64> = objects.iter().map(|object| object.length.get()).collect();
        assert_eq!(lengths, [10, 20, 30]);
        let queue: Vec<WaitingEntry> = (0..100).map(|number| waiting(number, &[])).collect();
        let Next::Post(entries) = submission.next(&queue, NOW) else {
            panic!("entries are due")
        };
        let numbers: Vec<u64> = entries.iter().map(|entry| entry.number().get()).collect();
        assert_eq!(numbers, (0..64).collect::<Vec<_>>());
    }

    #[test]
    fn large_objects_are_not_held_side_by_side() {
        let submission = Submission::new();
        let queue = [waiting(0, &[9 << 20]), waiting(1, &[10])];
        let Next::Upload(objects) = submission.next(&queue, NOW) else {
            panic!("objects are due")
        };
        assert_eq!(objects.len(), 1);
    }

    #[test]
    fn refusals_are_answered_by_their_kind() {
        let stale = SequenceNumber::new(5);
        let seen = Seen {
            size: tlog::TreeSize::new(3),
            root: tlog::Hash::leaf(b"x"),
        };
        let answer = |code, number, seen| {
            let mut submission = Submission::new();
            let refusal = Refusal::new(code, "facts");
            let answer = submission.refused(&entry(number, seen), &refusal, stale, NOW, 0);
            (
                answer,
                submission.halt().cloned(),
                submission.pause_until().is_some(),
            )
        };
        for code in RefusalCode::ALL {
            let expected = match code {
                RefusalCode::Malformed
                | RefusalCode::BadSignature
                | RefusalCode::UnknownEpoch
                | RefusalCode::ObjectTaken
                | RefusalCode::ControlChain => (Answer::Withdraw(code), None, false),
                RefusalCode::ObjectMissing => (Answer::UploadAgain, None, true),
                // Never withdrawn.
                RefusalCode::TooBusy => (Answer::Wait, None, true),
                RefusalCode::ForeignArchive => (Answer::Wait, Some(Halt::ForeignArchive), true),
                RefusalCode::UnknownSigner | RefusalCode::Revoked => {
                    (Answer::Wait, Some(Halt::Denied), true)
                }
                RefusalCode::NotAllowed => (Answer::Wait, Some(Halt::NotAllowed), true),
                RefusalCode::Clone => (Answer::Wait, Some(Halt::Clone), true),
                RefusalCode::Fork => (Answer::Wait, Some(Halt::Fork), true),
                RefusalCode::OutOfSequence => {
                    let next = SequenceNumber::new(0);
                    (Answer::Wait, Some(Halt::Behind { next }), true)
                }
            };
            assert_eq!(answer(code, 9, Some(seen)), expected, "{code}");
        }
        // An entry that speaks of a log that was given up, and only such a one.
        let withdrawn = (Answer::Withdraw(RefusalCode::Fork), None, false);
        assert_eq!(answer(RefusalCode::Fork, 4, Some(seen)), withdrawn);
        assert_ne!(answer(RefusalCode::Fork, 4, None), withdrawn);
    }

    #[test]
    fn a_relay_that_asks_to_wait_is_heard() {
        let mut submission = Submission::new();
        submission.failed(NOW, Some(60_000), 0);
        assert_eq!(submission.pause_until(), Some(NOW.plus(60_000)));
        let queue = [waiting(0, &[])];
        assert_eq!(submission.next(&queue, NOW), Next::Pause(NOW.plus(60_000)));
        assert!(matches!(
            submission.next(&queue, NOW.plus(60_000)),
            Next::Post(_)
        ));
        submission.succeeded();
        assert_eq!(submission, Submission::new());
    }

    /// AGENT-3: neither a relay nor a clock that is put back stops submission for long.
    #[test]
    fn agent_3_no_pause_is_longer_than_five_minutes() {
        let queue = [waiting(0, &[])];
        let mut submission = Submission::new();
        submission.failed(NOW, Some(u32::MAX), 0);
        assert_eq!(submission.pause_until(), Some(NOW.plus(300_000)));
        assert!(matches!(submission.next(&queue, NOW), Next::Pause(_)));
        let put_back = NOW.plus(-86_400_000);
        assert!(matches!(submission.next(&queue, put_back), Next::Post(_)));
    }
}
