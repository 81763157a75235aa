//! Shares of a set's secret: k of n holders together unwrap the vault key (SHARE-1).

mod request;
mod text;
mod travel;

use canonical::define_id;
use vsss_rs::{Gf256, IdentifierGf256};
use zeroize::Zeroizing;

use crate::key::{define_secret, wipe};
use crate::randomness::{Randomness, Source, draw, fresh};

pub use request::{AnswerError, SealedShare, ShareRequest, ShareTextError, WaitingUnlock};
pub use text::{SHARE_BYTES, SHARE_WORDS, ShareError};
pub use travel::{TravelError, UnlockId};

define_id!(ShareSetId, 16, "Names a set of shares.");
define_secret!(
    pub SetSecret,
    "What a set of shares gives together: the key that wraps the vault key for the set."
);

/// Most holders of one set (SHARE-1).
pub const MAX_HOLDERS: u8 = 16;

/// How many holders a set has and how many of them suffice: 2 ≤ k ≤ n ≤ 16 (SHARE-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threshold {
    needed: u8,
    holders: u8,
}

/// Not 2 ≤ k ≤ n ≤ 16.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{needed} of {holders} holders: at least 2 must be needed, at most 16 can hold")]
pub struct ThresholdError {
    needed: u8,
    holders: u8,
}

impl Threshold {
    pub(crate) const GREATEST: Self = Self {
        needed: MAX_HOLDERS,
        holders: MAX_HOLDERS,
    };

    /// `needed` of `holders`.
    ///
    /// # Errors
    ///
    /// When they are not 2 ≤ needed ≤ holders ≤ 16.
    pub fn new(needed: u8, holders: u8) -> Result<Self, ThresholdError> {
        if needed < 2 || needed > holders || holders > MAX_HOLDERS {
            return Err(ThresholdError { needed, holders });
        }
        Ok(Self { needed, holders })
    }

    /// Shares that are needed.
    #[must_use]
    pub fn needed(self) -> u8 {
        self.needed
    }

    /// Shares that exist.
    #[must_use]
    pub fn holders(self) -> u8 {
        self.holders
    }
}

/// One holder's share. Alone, and with any number below the threshold, it tells nothing.
#[derive(Clone)]
pub struct Share {
    set: ShareSetId,
    generation: u32,
    needed: u8,
    index: u8,
    value: ShareValue,
}

define_secret!(ShareValue, "The secret part of a share.");

/// Why shares do not give a secret. Whether the secret is the right one, its use tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CombineError {
    /// Fewer shares than the set needs.
    #[error("{found} shares, {needed} are needed")]
    TooFew {
        /// Different shares given.
        found: usize,
        /// Shares needed.
        needed: u8,
    },
    /// Shares of different sets.
    #[error("the shares belong to different sets")]
    OtherSet,
    /// Two different shares with one index.
    #[error("two different shares carry index {index}")]
    Index {
        /// The index.
        index: u8,
    },
    /// The implementation of the scheme refused the shares.
    #[error("the shares can not be combined")]
    Scheme,
}

/// Splitting failed: not by any fault of the arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the secret could not be split")]
pub struct SplitError;

/// A new set: its id, its secret and its shares, index 1 to n in order.
#[derive(Debug)]
pub struct NewSet {
    /// The set's id.
    pub id: ShareSetId,
    /// The set's secret.
    pub secret: SetSecret,
    /// A share for each holder.
    pub shares: Vec<Share>,
}

/// Makes a new set: a random secret, split (SHARE-1).
///
/// `generation` is the keyring's generation in which the set begins to count.
///
/// # Errors
///
/// Only if the implementation of the scheme refuses.
pub fn new_set(
    threshold: Threshold,
    generation: u32,
    randomness: &mut dyn Randomness,
) -> Result<NewSet, SplitError> {
    let id = ShareSetId::from_bytes(draw(randomness));
    let secret = SetSecret::from_bytes(&fresh(randomness));
    let indexes = (1..=threshold.holders).map(|index| IdentifierGf256(Gf256(index)));
    let values = Gf256::split_bytes_with_participant_ids_iter(
        usize::from(threshold.needed),
        usize::from(threshold.holders),
        secret.expose(),
        Source(randomness),
        indexes,
    )
    .map_err(|_| SplitError)?;
    let mut shares = Vec::with_capacity(values.len());
    for mut bytes in values {
        if let [index, value @ ..] = &bytes[..] {
            let value: &[u8; 32] = value.try_into().map_err(|_| SplitError)?;
            shares.push(Share {
                set: id,
                generation,
                needed: threshold.needed,
                index: *index,
                value: ShareValue::from_bytes(value),
            });
        }
        wipe(&mut bytes);
    }
    Ok(NewSet { id, secret, shares })
}

/// Puts shares of one set together. The same share given twice counts once.
///
/// # Errors
///
/// When they are too few or do not belong together. A wrong value is not noticed here: the wrap
/// under the secret does not open then.
pub fn combine(shares: &[Share]) -> Result<SetSecret, CombineError> {
    let Some(first) = shares.first() else {
        return Err(CombineError::TooFew {
            found: 0,
            needed: 2,
        });
    };
    let mut distinct: Vec<&Share> = Vec::with_capacity(shares.len());
    for share in shares {
        if (share.set, share.generation, share.needed)
            != (first.set, first.generation, first.needed)
        {
            return Err(CombineError::OtherSet);
        }
        match distinct.iter().find(|other| other.index == share.index) {
            Some(other) if other.value.expose() == share.value.expose() => {}
            Some(_) => return Err(CombineError::Index { index: share.index }),
            None => distinct.push(share),
        }
    }
    if distinct.len() < usize::from(first.needed) {
        return Err(CombineError::TooFew {
            found: distinct.len(),
            needed: first.needed,
        });
    }
    distinct.truncate(usize::from(first.needed));
    let mut points: Vec<Vec<u8>> = distinct
        .iter()
        .map(|share| [&[share.index][..], share.value.expose()].concat())
        .collect();
    let combined = Gf256::combine_bytes(&points);
    for point in &mut points {
        wipe(point);
    }
    let combined = Zeroizing::new(combined.map_err(|_| CombineError::Scheme)?);
    let secret: &[u8; 32] = combined
        .as_slice()
        .try_into()
        .map_err(|_| CombineError::Scheme)?;
    Ok(SetSecret::from_bytes(secret))
}

impl Share {
    /// The set that it belongs to.
    #[must_use]
    pub fn set(&self) -> ShareSetId {
        self.set
    }

    /// The keyring's generation in which the set was made.
    #[must_use]
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// How many shares are needed.
    #[must_use]
    pub fn needed(&self) -> u8 {
        self.needed
    }

    /// Its number in the set, from 1.
    #[must_use]
    pub fn index(&self) -> u8 {
        self.index
    }
}

impl std::fmt::Debug for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Share({} of {:?}, {} needed, secret)",
            self.index, self.set, self.needed
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::randomness::seeded::Seeded;

    fn set(needed: u8, holders: u8) -> NewSet {
        new_set(
            Threshold::new(needed, holders).unwrap(),
            7,
            &mut Seeded::new(u64::from(needed) * 100 + u64::from(holders)),
        )
        .unwrap()
    }

    #[test]
    fn share_1_bounds_of_the_threshold() {
        for (needed, holders) in [(1, 3), (0, 0), (4, 3), (2, 17), (17, 17)] {
            assert!(Threshold::new(needed, holders).is_err());
        }
        for (needed, holders) in [(2, 2), (2, 16), (16, 16)] {
            assert!(Threshold::new(needed, holders).is_ok());
        }
    }

    #[test]
    fn share_1_any_k_of_n_combine_and_fewer_do_not() {
        let NewSet { secret, shares, .. } = set(3, 5);
        for a in 0..5 {
            for b in a + 1..5 {
                assert_eq!(
                    combine(&[shares[a].clone(), shares[b].clone()]).err(),
                    Some(CombineError::TooFew {
                        found: 2,
                        needed: 3
                    })
                );
                for c in b + 1..5 {
                    let chosen = [shares[c].clone(), shares[a].clone(), shares[b].clone()];
                    assert_eq!(combine(&chosen).unwrap().expose(), secret.expose());
                }
            }
        }
        let twice = [shares[0].clone(), shares[0].clone(), shares[1].clone()];
        assert!(matches!(combine(&twice), Err(CombineError::TooFew { .. })));
        assert_eq!(combine(&shares).unwrap().expose(), secret.expose());
        assert!(matches!(combine(&[]), Err(CombineError::TooFew { .. })));
    }

    #[test]
    fn share_1_sets_do_not_mix() {
        let mut one = set(2, 3).shares;
        one[1] = set(2, 4).shares[1].clone();
        assert_eq!(combine(&one[..2]).err(), Some(CombineError::OtherSet));
        let shares = set(2, 3).shares;
        let mut forged = shares[0].clone();
        forged.value = ShareValue::from_bytes(&[9; 32]);
        assert_eq!(
            combine(&[shares[0].clone(), forged]).err(),
            Some(CombineError::Index { index: 1 })
        );
    }

    /// The scheme computed anew, by the definition: Lagrange's formula at 0 over GF(2^8) with
    /// polynomial 0x11b.
    #[test]
    fn share_1_field_is_that_of_polynomial_11b() {
        fn times(a: u8, b: u8) -> u8 {
            let mut product = 0_u16;
            for at in 0..8 {
                if b >> at & 1 == 1 {
                    product ^= u16::from(a) << at;
                }
            }
            for at in (8..16).rev() {
                if product >> at & 1 == 1 {
                    product ^= 0x11b << (at - 8);
                }
            }
            product as u8
        }
        fn inverse(a: u8) -> u8 {
            (1..=255).find(|b| times(a, *b) == 1).unwrap()
        }
        assert_eq!(times(0x57, 0x83), 0xc1, "FIPS 197 §4.2");

        let NewSet { secret, shares, .. } = set(3, 5);
        let chosen = [&shares[4], &shares[1], &shares[2]];
        for at in 0..32 {
            let mut byte = 0;
            for share in chosen {
                let mut term = share.value.expose()[at];
                for other in chosen {
                    if other.index != share.index {
                        term = times(term, times(other.index, inverse(other.index ^ share.index)));
                    }
                }
                byte ^= term;
            }
            assert_eq!(byte, secret.expose()[at]);
        }
    }

    #[test]
    fn debug_of_shares_tells_no_secret() {
        let new = set(2, 3);
        let id = &new.id.to_string()[..8];
        assert_eq!(
            format!("{:?}", new.shares[0]),
            format!("Share(1 of ShareSetId({id}…), 2 needed, secret)")
        );
        assert_eq!(format!("{:?}", new.secret), "SetSecret(secret)");
    }
}
