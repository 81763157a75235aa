//! Which records were captured already, so that what comes twice is taken once (CONN-7, SPOOL-5).
//!
//! A record is remembered by eight bytes of a keyed hash of its id, in a shard of its
//! conversation and of some twenty-five days of event time. Exports and networks give events in
//! the order of time, so few shards are in use at once and memory is bounded whatever the number
//! of records; a shard that was not used for a while is read again when it is needed.
//!
//! What this protects: whoever has the spool's database alone can not test whether a guessed
//! message was captured. Whoever has the agent's local key too (it lies beside the spool, readable
//! by the agent's user only) can, for guessed messages; no content can be computed from marks.

use std::collections::{HashMap, HashSet};

use record::Record;

use crate::local_key::LocalKey;

/// Most marks in memory before shards that are not in use are let go; some 16 bytes each.
const MOST_MARKS: usize = 1 << 20;
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
    neighbour: Option<ShardId>,
}

/// The marks in use.
#[derive(Default)]
pub struct Known {
    shards: HashMap<ShardId, Shard>,
    marks: usize,
    clock: u64,
}

struct Shard {
    prints: HashSet<u64>,
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
        Self {
            shard: ShardId(key.shard(conversation, stretch)),
            print: u64::from_be_bytes(key.print(record.id().as_bytes())),
            neighbour: neighbour.map(|stretch| ShardId(key.shard(conversation, stretch))),
        }
    }
}

impl Known {
    /// Claims a record: true if it is new, and from now on it is known. `load` reads all durable
    /// marks of a shard.
    ///
    /// # Errors
    ///
    /// Those of `load`; nothing is claimed then.
    pub fn claim<E>(
        &mut self,
        mark: &Mark,
        mut load: impl FnMut(ShardId) -> Result<Vec<u64>, E>,
    ) -> Result<bool, E> {
        self.clock += 1;
        if let Some(neighbour) = mark.neighbour
            && self
                .shard(neighbour, &mut load)?
                .prints
                .contains(&mark.print)
        {
            return Ok(false);
        }
        let shard = self.shard(mark.shard, &mut load)?;
        let new = shard.prints.insert(mark.print);
        if new {
            shard.pending += 1;
            self.marks += 1;
        }
        Ok(new)
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
                && shard.prints.remove(&mark.print)
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
        load: &mut impl FnMut(ShardId) -> Result<Vec<u64>, E>,
    ) -> Result<&mut Shard, E> {
        if !self.shards.contains_key(&id) {
            let prints: HashSet<u64> = load(id)?.into_iter().collect();
            self.marks += prints.len();
            self.shards.insert(
                id,
                Shard {
                    prints,
                    pending: 0,
                    used: 0,
                },
            );
        }
        let used = self.clock;
        let shard = self.shards.entry(id).or_insert_with(|| Shard {
            prints: HashSet::new(),
            pending: 0,
            used,
        });
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
        Mark {
            shard: ShardId([shard; 8]),
            print,
            neighbour: None,
        }
    }

    fn nothing(_: ShardId) -> Result<Vec<u64>, std::convert::Infallible> {
        Ok(Vec::new())
    }

    #[test]
    fn what_comes_twice_is_claimed_once() {
        let mut known = Known::default();
        assert_eq!(known.claim(&mark(1, 7), nothing), Ok(true));
        assert_eq!(known.claim(&mark(1, 7), nothing), Ok(false));
        assert_eq!(known.claim(&mark(2, 7), nothing), Ok(true), "another shard");
        known.take_back(&[mark(1, 7)]);
        assert_eq!(known.claim(&mark(1, 7), nothing), Ok(true));
    }

    #[test]
    fn a_neighbour_across_the_edge_is_known() {
        let mut known = Known::default();
        let other = Mark {
            neighbour: Some(ShardId([1; 8])),
            ..mark(2, 7)
        };
        assert_eq!(known.claim(&mark(1, 7), nothing), Ok(true));
        assert_eq!(known.claim(&other, nothing), Ok(false));
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
        let read = |_: ShardId| Ok::<_, std::convert::Infallible>((0..50_000).collect());
        assert_eq!(known.claim(&mark(0, 49_999), read), Ok(false));
    }

    #[test]
    fn an_error_claims_nothing() {
        let mut known = Known::default();
        assert_eq!(known.claim(&mark(1, 7), |_| Err("disk")), Err("disk"));
        assert_eq!(known.claim(&mark(1, 7), nothing), Ok(true));
    }
}
