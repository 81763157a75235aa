//! Bounds on everything that comes from outside (LIMIT-1): token buckets by signer and by address,
//! and the nonces of signed requests.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use canonical::Milliseconds;
use wire::SignerId;

/// Bounds of one relay. Sizes that the formats fix stand in `wire::limit`.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Requests that are worked on at once; more wait for nothing and are told 429.
    pub requests_in_flight: usize,
    /// Connections that are open at once; more are closed.
    pub connections: usize,
    /// Entries that wait for a group, in all submissions of one archive.
    pub queued_entries: usize,
    /// Requests a second of one address, and how many it may save up.
    pub address_requests: Rate,
    /// Entries a second of one signer.
    pub signer_entries: Rate,
    /// Signed requests a second of one signer.
    pub signer_requests: Rate,
    /// Bytes a second of one signer, entries and uploads together.
    pub signer_bytes: Rate,
    /// Signers and addresses whose rates are remembered; beyond it the fullest are forgotten.
    pub remembered: usize,
    /// Nonces of signed requests that one archive remembers (READ-1).
    pub nonces: usize,
    /// Uploads that one signer may have under way.
    pub uploads_per_signer: usize,
    /// Bytes of all unfinished uploads of one archive.
    pub upload_bytes: u64,
    /// Invitations that one archive may have open (WAIT-2).
    pub invitations: usize,
    /// Seconds that a peer may take for the next piece of a body or of a header.
    pub idle_seconds: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests_in_flight: 1_024,
            connections: 4_096,
            queued_entries: 8_192,
            address_requests: Rate {
                per_second: 20_000,
                burst: 40_000,
            },
            signer_entries: Rate {
                per_second: 20_000,
                burst: 40_000,
            },
            signer_requests: Rate {
                per_second: 1_000,
                burst: 2_000,
            },
            signer_bytes: Rate {
                per_second: 256 << 20,
                burst: 512 << 20,
            },
            remembered: 16_384,
            nonces: 262_144,
            uploads_per_signer: 64,
            upload_bytes: 64 << 30,
            invitations: 1_024,
            idle_seconds: 30,
        }
    }
}

/// A rate and how much of it may be saved up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Units a second; at least 1.
    pub per_second: u64,
    /// Units at once.
    pub burst: u64,
}

/// Seconds after which it is worth to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TryAgain(pub(crate) u64);

/// Token buckets by key.
#[derive(Debug)]
pub(crate) struct Buckets<K> {
    rate: Rate,
    remembered: usize,
    levels: Mutex<HashMap<K, Level>>,
}

#[derive(Debug, Clone, Copy)]
struct Level {
    /// Thousandths of a unit.
    thousandths: u64,
    at: Milliseconds,
}

impl<K: Hash + Eq + Copy> Buckets<K> {
    pub(crate) fn new(rate: Rate, remembered: usize) -> Self {
        Self {
            rate,
            remembered,
            levels: Mutex::default(),
        }
    }

    /// Takes so many units. A demand above the burst is served from a full bucket, so that one
    /// large request is slow and not impossible.
    pub(crate) fn take(&self, key: K, units: u64, now: Milliseconds) -> Result<(), TryAgain> {
        let full = self.rate.burst.saturating_mul(1_000);
        let per_second = self.rate.per_second.max(1);
        let mut levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        if levels.len() >= self.remembered && !levels.contains_key(&key) {
            // A bucket that has filled up again is the same as a forgotten one.
            levels.retain(|_, level| level.refilled(per_second, full, now) < full);
            if levels.len() >= self.remembered {
                return Err(TryAgain(1));
            }
        }
        let level = levels.entry(key).or_insert(Level {
            thousandths: full,
            at: now,
        });
        level.thousandths = level.refilled(per_second, full, now);
        level.at = level.at.max(now);
        let wanted = units.saturating_mul(1_000).min(full);
        match level.thousandths.checked_sub(wanted) {
            Some(left) => {
                level.thousandths = left;
                Ok(())
            }
            None => {
                let missing = wanted - level.thousandths;
                Err(TryAgain(
                    missing.div_ceil(per_second.saturating_mul(1_000)).max(1),
                ))
            }
        }
    }
}

impl Level {
    fn refilled(self, per_second: u64, full: u64, now: Milliseconds) -> u64 {
        let passed = u64::try_from(now.since(self.at)).unwrap_or(0);
        self.thousandths
            .saturating_add(passed.saturating_mul(per_second))
            .min(full)
    }
}

/// All buckets of a relay.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) addresses: Buckets<IpAddr>,
    pub(crate) entries: Buckets<SignerId>,
    pub(crate) requests: Buckets<SignerId>,
    pub(crate) bytes: Buckets<SignerId>,
}

impl Gate {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            addresses: Buckets::new(limits.address_requests, limits.remembered),
            entries: Buckets::new(limits.signer_entries, limits.remembered),
            requests: Buckets::new(limits.signer_requests, limits.remembered),
            bytes: Buckets::new(limits.signer_bytes, limits.remembered),
        }
    }
}

/// Who asks: an IPv6 customer has a /64 to choose from, so that is one address.
pub(crate) fn asker(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) >> 64 << 64).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Milliseconds {
        Milliseconds::new(ms)
    }

    #[test]
    fn limit_1_a_bucket_empties_and_fills() {
        let buckets = Buckets::new(
            Rate {
                per_second: 2,
                burst: 3,
            },
            8,
        );
        for _ in 0..3 {
            assert_eq!(buckets.take(1, 1, at(0)), Ok(()));
        }
        assert_eq!(buckets.take(1, 1, at(0)), Err(TryAgain(1)));
        assert_eq!(buckets.take(2, 1, at(0)), Ok(()), "others are not touched");
        assert_eq!(buckets.take(1, 1, at(500)), Ok(()));
        assert_eq!(buckets.take(1, 3, at(500)), Err(TryAgain(2)));
        assert_eq!(
            buckets.take(1, 1, at(0)),
            Err(TryAgain(1)),
            "a clock that goes back gives nothing"
        );
    }

    #[test]
    fn limit_1_memory_is_bounded() {
        let buckets = Buckets::new(
            Rate {
                per_second: 1,
                burst: 2,
            },
            2,
        );
        assert_eq!(buckets.take(1, 1, at(0)), Ok(()));
        assert_eq!(buckets.take(2, 1, at(0)), Ok(()));
        assert_eq!(buckets.take(3, 1, at(0)), Err(TryAgain(1)));
        assert_eq!(
            buckets.take(3, 1, at(1_000)),
            Ok(()),
            "refilled buckets make room"
        );
    }

    #[test]
    fn a_v6_network_is_one_asker() {
        let of = |text: &str| asker(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff"));
        assert_ne!(of("2001:db8:0:1::1"), of("2001:db8::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
    }
}
