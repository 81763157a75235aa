//! Which records were captured already, so that what comes twice is taken once (CONN-7, SPOOL-5).
//!
//! A record is remembered by eight bytes of a keyed hash of its id and four of what it says, in a
//! shard of its conversation and of some twenty-five days of event time. What comes under a known
//! id and says something else is another event (SPOOL-6). Exports and networks give events in
//! the order of time, so few shards are in use at once and memory is bounded whatever the number
//! of records; a shard that was not used for a while is read again when it is needed.
//!
//! What this protects: whoever has the spool's database alone can not test whether a guessed
//! message was captured. Whoever has the agent's local key too (it lies beside the spool, readable
//! by the agent's user only) can, for guessed messages; no content can be computed from marks.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use record::{Assurance, Content, Record};

use crate::local_key::LocalKey;
use crate::said::said;

/// Most marks in memory before shards that are not in use are let go; some 24 bytes each.
const MOST_MARKS: usize = 3 << 18;
/// Milliseconds of event time in one shard.
const SHARD_MS: i64 = 1 << 31;
/// An event whose time is read a little differently the next time (another zone, another clock)
/// is also looked for in the neighbouring shard.
const EDGE_MS: i64 = 36 * 60 * 60 * 1_000;

/// A conversation and a stretch of time, by keyed hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId([u8; 8]);

/// What is remembered of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark {
    /// Where it is remembered.
    pub shard: ShardId,
    /// Keyed hash of the record's id.
    pub print: u64,
    /// Keyed hash of what it says.
    pub content: ContentMark,
    neighbour: Option<ShardId>,
    /// What it says now is told by another record.
    edited: bool,
}

/// What is remembered of what a record says (SPOOL-7): its assurance and 30 bits of a keyed hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentMark([u8; 4]);

/// What a claim came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The record is new; it is known from now on.
    New,
    /// It was claimed before.
    Known,
    /// Another record has its id; it is known from now on by this mark, apart from that one.
    Apart(Mark),
}

/// The marks in use.
#[derive(Default)]
pub struct Known {
    shards: HashMap<ShardId, Shard>,
    marks: usize,
    clock: u64,
}

struct Shard {
    /// Unaligned, so that a mark takes twelve bytes and not sixteen.
    prints: HashMap<[u8; 8], ContentMark>,
    /// Claimed and not yet durable: this shard can not be read again from the spool.
    pending: usize,
    used: u64,
}

impl ShardId {
    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

impl Mark {
    /// The mark of a record.
    pub fn of(record: &Record, key: &LocalKey) -> Self {
        let envelope = record.envelope();
        let times = envelope.times();
        let conversation: [&[u8]; 3] = [
            envelope.network().as_str().as_bytes(),
            envelope.account().as_str().as_bytes(),
            envelope.conversation().as_str().as_bytes(),
        ];
        // The time of capture differs each time; an event that has no other lies in one shard.
        let at = times.sent.or(times.server).or(times.received);
        let (stretch, neighbour) = match at.map(|time| time.at.get()) {
            None => (0, None),
            Some(at) => {
                let stretch = at.div_euclid(SHARD_MS);
                let within = at.rem_euclid(SHARD_MS);
                let neighbour = if within < EDGE_MS {
                    Some(stretch - 1)
                } else if within >= SHARD_MS - EDGE_MS {
                    Some(stretch + 1)
                } else {
                    None
                };
                (stretch, neighbour)
            }
        };
        let edited = match &record.body().content {
            Content::Message(message) => {
                envelope.assurance() == Assurance::Export
                    && message.marks.iter().any(|mark| mark == "edited")
            }
            _ => false,
        };
        Self {
            shard: ShardId(key.shard(conversation, stretch)),
            print: u64::from_be_bytes(key.print(record.id().as_bytes())),
            content: ContentMark::new(envelope.assurance(), key.content(&said(record))),
            neighbour: neighbour.map(|stretch| ShardId(key.shard(conversation, stretch))),
            edited,
        }
    }

    /// The mark of the same record where another one has its id.
    fn apart(self) -> Self {
        let bits = u64::from(self.content.bits());
        Self {
            print: self.print ^ bits.wrapping_mul(0x9e37_79b9_7f4a_7c15),
            ..self
        }
    }

    /// Whether it is the event that left `content` under its id.
    fn is(&self, content: ContentMark) -> bool {
        let comparable = self.content.assurance() == content.assurance()
            && content != ContentMark::UNMARKED
            && !self.edited;
        !comparable || self.content == content
    }
}

impl ContentMark {
    /// Of a record from before content was marked.
    pub const UNMARKED: Self = Self([0xff; 4]);

    fn new(assurance: Assurance, [first, rest @ ..]: [u8; 4]) -> Self {
        let way: u8 = match assurance {
            Assurance::Device => 0,
            Assurance::Business => 1,
            Assurance::Export => 2,
        };
        let [a, b, c] = rest;
        Self([way << 6 | first & 0x3f, a, b, c])
    }

    /// From the bytes that were kept.
    pub fn from_bytes(bytes: [u8; 4]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 4] {
        &self.0
    }

    fn assurance(self) -> u8 {
        self.0[0] >> 6
    }

    fn bits(self) -> u32 {
        u32::from_be_bytes(self.0) & 0x3fff_ffff
    }
}

impl Known {
    /// Claims a record. `load` reads all durable marks of a shard.
    ///
    /// An event that comes in twice under two contents, in either order, before or after a crash, is
    /// found again under the mark that each of them left.
    ///
    /// # Errors
    ///
    /// Those of `load`; nothing is claimed then.
    pub fn claim<E>(
        &mut self,
        mark: &Mark,
        mut load: impl FnMut(ShardId) -> Result<Vec<(u64, ContentMark)>, E>,
    ) -> Result<Claim, E> {
        self.clock += 1;
        let apart = mark.apart();
        let mut taken = false;
        if let Some(neighbour) = mark.neighbour {
            match self.shard(neighbour, &mut load)?.holds(mark, &apart) {
                Holds::It => return Ok(Claim::Known),
                Holds::Another => taken = true,
                Holds::Nothing => {}
            }
        }
        let shard = self.shard(mark.shard, &mut load)?;
        match shard.holds(mark, &apart) {
            Holds::It => return Ok(Claim::Known),
            Holds::Another => taken = true,
            Holds::Nothing => {}
        }
        let claimed = if taken { &apart } else { mark };
        shard
            .prints
            .insert(claimed.print.to_be_bytes(), claimed.content);
        shard.pending += 1;
        self.marks += 1;
        Ok(if taken {
            Claim::Apart(apart)
        } else {
            Claim::New
        })
    }

    /// Notes that claimed records are durable.
    pub fn durable(&mut self, marks: &[Mark]) {
        for mark in marks {
            if let Some(shard) = self.shards.get_mut(&mark.shard) {
                shard.pending = shard.pending.saturating_sub(1);
            }
        }
        if self.marks > MOST_MARKS {
            self.let_go();
        }
    }

    /// Takes back claims whose records did not become durable.
    pub fn take_back(&mut self, marks: &[Mark]) {
        for mark in marks {
            if let Some(shard) = self.shards.get_mut(&mark.shard)
                && shard.prints.remove(&mark.print.to_be_bytes()).is_some()
            {
                shard.pending = shard.pending.saturating_sub(1);
                self.marks -= 1;
            }
        }
    }

    /// Forgets everything that is durable, to be read again: marks were deleted from the spool.
    pub fn reread(&mut self) {
        self.shards.retain(|_, shard| shard.pending > 0);
        self.marks = self.shards.values().map(|shard| shard.prints.len()).sum();
    }

    fn shard<E>(
        &mut self,
        id: ShardId,
        load: &mut impl FnMut(ShardId) -> Result<Vec<(u64, ContentMark)>, E>,
    ) -> Result<&mut Shard, E> {
        let used = self.clock;
        let shard = match self.shards.entry(id) {
            Entry::Occupied(shard) => shard.into_mut(),
            Entry::Vacant(place) => {
                let prints: HashMap<[u8; 8], ContentMark> = load(id)?
                    .into_iter()
                    .map(|(print, content)| (print.to_be_bytes(), content))
                    .collect();
                self.marks += prints.len();
                place.insert(Shard {
                    prints,
                    pending: 0,
                    used,
                })
            }
        };
        shard.used = used;
        Ok(shard)
    }

    /// Lets go of the shards that were not used for longest, down to half.
    fn let_go(&mut self) {
        let mut idle: Vec<(u64, ShardId)> = self
            .shards
            .iter()
            .filter(|(_, shard)| shard.pending == 0)
            .map(|(id, shard)| (shard.used, *id))
            .collect();
        idle.sort_unstable();
        for (_, id) in idle {
            if self.marks <= MOST_MARKS / 2 {
                break;
            }
            if let Some(shard) = self.shards.remove(&id) {
                self.marks -= shard.prints.len();
            }
        }
    }
}

enum Holds {
    /// The record itself, whether apart or not.
    It,
    /// Another record of its id.
    Another,
    Nothing,
}

impl Shard {
    fn holds(&self, mark: &Mark, apart: &Mark) -> Holds {
        let another = match self.prints.get(&mark.print.to_be_bytes()) {
            Some(content) if mark.is(*content) => return Holds::It,
            Some(_) => true,
            None => false,
        };
        if self.prints.get(&apart.print.to_be_bytes()) == Some(&apart.content) {
            return Holds::It;
        }
        if another {
            Holds::Another
        } else {
            Holds::Nothing
        }
    }
}

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Known({} marks, {} shards)",
            self.marks,
            self.shards.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(shard: u8, print: u64) -> Mark {
        says(shard, print, 1)
    }

    fn says(shard: u8, print: u64, content: u8) -> Mark {
        Mark {
            shard: ShardId([shard; 8]),
            print,
            content: ContentMark::new(Assurance::Device, [content; 4]),
            neighbour: None,
            edited: false,
        }
    }

    fn nothing(_: ShardId) -> Result<Vec<(u64, ContentMark)>, std::convert::Infallible> {
        Ok(Vec::new())
    }

    fn apart(mark: Mark) -> Result<Claim, std::convert::Infallible> {
        Ok(Claim::Apart(mark.apart()))
    }

    #[test]
    fn spool_5_what_comes_twice_is_claimed_once() {
        let mut known = Known::default();
        assert_eq!(known.claim(&mark(1, 7), nothing), Ok(Claim::New));
        assert_eq!(known.claim(&mark(1, 7), nothing), Ok(Claim::Known));
        let elsewhere = known.claim(&mark(2, 7), nothing);
        assert_eq!(elsewhere, Ok(Claim::New), "another shard");
        known.take_back(&[mark(1, 7)]);
        assert_eq!(known.claim(&mark(1, 7), nothing), Ok(Claim::New));
    }

    /// SPOOL-6: each content under one id is claimed once, however often and in whatever order.
    #[test]
    fn spool_6_other_content_under_a_known_id_is_claimed_apart_and_once() {
        let mut known = Known::default();
        assert_eq!(known.claim(&says(1, 7, 1), nothing), Ok(Claim::New));
        assert_eq!(known.claim(&says(1, 7, 2), nothing), apart(says(1, 7, 2)));
        assert_eq!(known.claim(&says(1, 7, 3), nothing), apart(says(1, 7, 3)));
        for content in [3, 1, 2] {
            let again = known.claim(&says(1, 7, content), nothing);
            assert_eq!(again, Ok(Claim::Known), "{content}");
        }
        // After a restart only what was durable is known: here, the second content alone.
        let second = says(1, 7, 2).apart();
        let kept = |_: ShardId| Ok(vec![(second.print, second.content)]);
        let mut known = Known::default();
        assert_eq!(known.claim(&says(1, 7, 2), kept), Ok(Claim::Known));
        assert_eq!(known.claim(&says(1, 7, 1), kept), Ok(Claim::New));
        assert_eq!(known.claim(&says(1, 7, 2), kept), Ok(Claim::Known));
        assert_eq!(known.claim(&says(1, 7, 3), kept), apart(says(1, 7, 3)));
        known.take_back(&[says(1, 7, 3).apart()]);
        assert_eq!(known.claim(&says(1, 7, 3), kept), apart(says(1, 7, 3)));
    }

    /// SPOOL-7: what can not be compared is one event.
    #[test]
    fn spool_7_exports_edits_and_old_marks_are_not_compared() {
        let mut known = Known::default();
        known.claim(&says(1, 7, 1), nothing).unwrap();
        let export = Mark {
            content: ContentMark::new(Assurance::Export, [2; 4]),
            ..says(1, 7, 2)
        };
        assert_eq!(known.claim(&export, nothing), Ok(Claim::Known));
        let old = |_: ShardId| Ok::<_, &str>(vec![(8, ContentMark::UNMARKED)]);
        assert_eq!(known.claim(&says(2, 8, 1), old), Ok(Claim::Known));
        known.claim(&Mark { print: 9, ..export }, nothing).unwrap();
        let edited = Mark {
            content: ContentMark::new(Assurance::Export, [3; 4]),
            edited: true,
            ..says(1, 9, 3)
        };
        assert_eq!(known.claim(&edited, nothing), Ok(Claim::Known));
        let other = Mark {
            edited: false,
            ..edited
        };
        assert_eq!(known.claim(&other, nothing), apart(other));
    }

    #[test]
    fn a_neighbour_across_the_edge_is_known() {
        let mut known = Known::default();
        let across = |content| Mark {
            neighbour: Some(ShardId([1; 8])),
            ..says(2, 7, content)
        };
        assert_eq!(known.claim(&mark(1, 7), nothing), Ok(Claim::New));
        assert_eq!(known.claim(&across(1), nothing), Ok(Claim::Known));
        assert_eq!(known.claim(&across(2), nothing), apart(across(2)));
        assert_eq!(known.claim(&across(2), nothing), Ok(Claim::Known));
    }

    #[test]
    fn memory_is_bounded_and_pending_marks_stay() {
        let mut known = Known::default();
        known.claim(&mark(255, 1), nothing).unwrap();
        for shard in 0..30_u8 {
            let marks: Vec<Mark> = (0..50_000).map(|print| mark(shard, print)).collect();
            for mark in &marks {
                known.claim(mark, nothing).unwrap();
            }
            known.durable(&marks);
        }
        assert!(known.marks <= MOST_MARKS);
        assert!(known.shards.contains_key(&ShardId([255; 8])));
        let content = mark(0, 0).content;
        let read = |_: ShardId| {
            let all = (0..50_000).map(|print| (print, content)).collect();
            Ok::<_, std::convert::Infallible>(all)
        };
        assert_eq!(known.claim(&mark(0, 49_999), read), Ok(Claim::Known));
    }

    #[test]
    fn an_error_claims_nothing() {
        let mut known = Known::default();
        assert_eq!(known.claim(&mark(1, 7), |_| Err("disk")), Err("disk"));
        assert_eq!(known.claim(&mark(1, 7), nothing), Ok(Claim::New));
    }
}
