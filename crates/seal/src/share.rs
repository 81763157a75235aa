//! Shares of a set's secret: k of n holders together unwrap the vault key (SHARE-1 to SHARE-4).

use bip39::Language;
use canonical::define_id;
use data_encoding::BASE32_NOPAD;
use vsss_rs::{Gf256, IdentifierGf256};
use wire::ArchiveId;
use zeroize::Zeroizing;

use crate::key::{ForShareTravel, OpeningKey, RecipientKey, define_secret, wipe};
use crate::label;
use crate::randomness::{Randomness, Source, draw, fresh};
use crate::suite::{self, BODY, OVERHEAD, ObjectError, SuiteError, TAG};

define_id!(ShareSetId, 16, "Names a set of shares.");
define_id!(
    UnlockId,
    16,
    "Names one unlock, to which holders send their shares."
);

define_secret!(
    pub SetSecret,
    "What a set of shares gives together: the key that wraps the vault key for the set."
);

/// Bytes of a share (SHARE-2).
pub const SHARE_BYTES: usize = 59;
/// Words of a share (SHARE-3).
pub const SHARE_WORDS: usize = 43;
/// Most holders of one set (SHARE-1).
pub const MAX_HOLDERS: u8 = 16;

const VERSION: u8 = 1;
const CHECKSUM: usize = 4;
const BITS_PER_WORD: usize = 11;
const QR_PREFIX: &str = "greffe-share:";

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

/// Why bytes, words or a QR text are not a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShareError {
    /// Another number of bytes than 59.
    #[error("a share has {SHARE_BYTES} bytes, not {found}")]
    Length {
        /// Bytes found.
        found: usize,
    },
    /// A version that this program does not know.
    #[error("share version {version} is not known")]
    Version {
        /// The version found.
        version: u8,
    },
    /// The checksum differs: something was copied wrongly.
    #[error("the checksum does not fit: a word or character was copied wrongly")]
    Checksum,
    /// Threshold or index outside their bounds.
    #[error("the share's numbers are out of bounds")]
    Bounds,
    /// Another number of words than 43.
    #[error("a share has {SHARE_WORDS} words, not {found}")]
    Words {
        /// Words found.
        found: usize,
    },
    /// A word that is not in the list.
    #[error("word {place} is not in the list")]
    Word {
        /// Its place, from 1.
        place: usize,
    },
    /// Not the text of a share's QR code.
    #[error("not the text of a share's QR code")]
    Qr,
}

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

/// Why a travelling share is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TravelError {
    /// It does not open with this unlock's key.
    #[error("the share was not sealed to this unlock")]
    Object(#[source] ObjectError),
    /// What it holds is not a share.
    #[error("what was sealed is not a share")]
    Share(#[source] ShareError),
}

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

    /// The 59 bytes (SHARE-2); wiped when dropped.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<[u8; SHARE_BYTES]> {
        let mut bytes = Zeroizing::new([0; SHARE_BYTES]);
        bytes[0] = VERSION;
        bytes[1..17].copy_from_slice(self.set.as_bytes());
        bytes[17..21].copy_from_slice(&self.generation.to_be_bytes());
        bytes[21] = self.needed;
        bytes[22] = self.index;
        bytes[23..55].copy_from_slice(self.value.expose());
        let checksum = checksum(&bytes[..SHARE_BYTES - CHECKSUM]);
        bytes[55..].copy_from_slice(&checksum);
        bytes
    }

    /// From the 59 bytes.
    ///
    /// # Errors
    ///
    /// When they are not a share of this version with a fitting checksum.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ShareError> {
        let bytes: &[u8; SHARE_BYTES] = bytes
            .try_into()
            .map_err(|_| ShareError::Length { found: bytes.len() })?;
        let (before, found) = bytes.split_at(SHARE_BYTES - CHECKSUM);
        if bytes[0] != VERSION {
            return Err(ShareError::Version { version: bytes[0] });
        }
        if checksum(before) != found {
            return Err(ShareError::Checksum);
        }
        let mut set = [0; 16];
        set.copy_from_slice(&bytes[1..17]);
        let mut generation = [0; 4];
        generation.copy_from_slice(&bytes[17..21]);
        let (needed, index) = (bytes[21], bytes[22]);
        if !(2..=MAX_HOLDERS).contains(&needed) || !(1..=MAX_HOLDERS).contains(&index) {
            return Err(ShareError::Bounds);
        }
        let mut value = Zeroizing::new([0; 32]);
        value.copy_from_slice(&bytes[23..55]);
        Ok(Self {
            set: ShareSetId::from_bytes(set),
            generation: u32::from_be_bytes(generation),
            needed,
            index,
            value: ShareValue::from_bytes(&value),
        })
    }

    /// As 43 words of the BIP-39 English list, with single spaces (SHARE-3); wiped when dropped.
    #[must_use]
    pub fn to_words(&self) -> Zeroizing<String> {
        let bytes = self.to_bytes();
        let list = Language::English.word_list();
        let mut words = Zeroizing::new(String::with_capacity(SHARE_WORDS * 9));
        for place in 0..SHARE_WORDS {
            let number = (place * BITS_PER_WORD..(place + 1) * BITS_PER_WORD)
                .fold(0, |number, at| number << 1 | bit(bytes.as_ref(), at));
            if place > 0 {
                words.push(' ');
            }
            words.push_str(list.get(number).copied().unwrap_or_default());
        }
        words
    }

    /// From its words, in any case, with any white space between.
    ///
    /// # Errors
    ///
    /// Says which word is wrong, but never repeats it.
    pub fn from_words(text: &str) -> Result<Self, ShareError> {
        let mut bytes = Zeroizing::new([0_u8; SHARE_BYTES + 1]);
        let mut found = 0;
        for word in text.split_whitespace() {
            found += 1;
            if found > SHARE_WORDS {
                continue;
            }
            let lower = Zeroizing::new(word.to_ascii_lowercase());
            let number = Language::English
                .find_word(&lower)
                .ok_or(ShareError::Word { place: found })?;
            let first = (found - 1) * BITS_PER_WORD;
            for offset in 0..BITS_PER_WORD {
                let at = first + offset;
                let set = number >> (BITS_PER_WORD - 1 - offset) & 1 == 1;
                if let (true, Some(byte)) = (set, bytes.get_mut(at / 8)) {
                    *byte |= 0x80 >> (at % 8);
                }
            }
        }
        if found != SHARE_WORDS {
            return Err(ShareError::Words { found });
        }
        // The bit that fills up the last word is zero.
        if bytes[SHARE_BYTES] != 0 {
            return Err(ShareError::Checksum);
        }
        Self::from_bytes(&bytes[..SHARE_BYTES])
    }

    /// As the text of a QR code (SHARE-3); wiped when dropped.
    #[must_use]
    pub fn to_qr(&self) -> Zeroizing<String> {
        let encoded = Zeroizing::new(BASE32_NOPAD.encode(self.to_bytes().as_ref()));
        Zeroizing::new([QR_PREFIX, &encoded].concat())
    }

    /// From the text of its QR code.
    ///
    /// # Errors
    ///
    /// When the text is another, or its bytes are not a share.
    pub fn from_qr(text: &str) -> Result<Self, ShareError> {
        let encoded = text.trim().strip_prefix(QR_PREFIX).ok_or(ShareError::Qr)?;
        // Far longer texts are not decoded at all.
        if encoded.len() > 2 * SHARE_BYTES {
            return Err(ShareError::Qr);
        }
        let bytes = Zeroizing::new(
            BASE32_NOPAD
                .decode(encoded.as_bytes())
                .map_err(|_| ShareError::Qr)?,
        );
        Self::from_bytes(&bytes)
    }

    /// Seals it to an unlock, whose fingerprint the holder has compared (SHARE-4).
    ///
    /// # Errors
    ///
    /// Only if the HPKE implementation fails.
    pub fn seal(
        &self,
        archive: &ArchiveId,
        unlock: &UnlockId,
        recipient: &RecipientKey<ForShareTravel>,
        randomness: &mut dyn Randomness,
    ) -> Result<Vec<u8>, SuiteError> {
        let mut object = Vec::with_capacity(OVERHEAD + SHARE_BYTES + TAG);
        object.resize(BODY, 0);
        object.extend_from_slice(self.to_bytes().as_ref());
        suite::seal(
            recipient,
            archive,
            unlock.as_bytes(),
            &mut object,
            randomness,
        )?;
        Ok(object)
    }

    /// Opens a share that travelled to this unlock (SHARE-4).
    ///
    /// # Errors
    ///
    /// When it was sealed to another unlock, or is no share.
    pub fn open(
        key: &OpeningKey<ForShareTravel>,
        archive: &ArchiveId,
        unlock: &UnlockId,
        object: &[u8],
    ) -> Result<Self, TravelError> {
        let bytes =
            suite::open(key, archive, unlock.as_bytes(), object).map_err(TravelError::Object)?;
        Self::from_bytes(&bytes).map_err(TravelError::Share)
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

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    let mut hasher = label::SHARE.hash();
    hasher.update(bytes);
    let [a, b, c, d, ..] = hasher.finish();
    [a, b, c, d]
}

/// The bit at a place, from the highest of the first byte; zero beyond the end.
fn bit(bytes: &[u8], at: usize) -> usize {
    bytes
        .get(at / 8)
        .map_or(0, |byte| usize::from(byte >> (7 - at % 8) & 1))
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
    fn share_2_bytes() {
        let share = &set(2, 3).shares[2];
        let bytes = share.to_bytes();
        assert_eq!(bytes[0], 1);
        assert_eq!(&bytes[1..17], share.set.as_bytes());
        assert_eq!(&bytes[17..23], [0, 0, 0, 7, 2, 3]);
        let back = Share::from_bytes(bytes.as_ref()).unwrap();
        assert_eq!(back.to_bytes(), bytes);
        for at in 0..SHARE_BYTES {
            let mut bad = *bytes;
            bad[at] ^= 1;
            let error = Share::from_bytes(&bad).unwrap_err();
            let expected = if at == 0 {
                ShareError::Version { version: 0 }
            } else {
                ShareError::Checksum
            };
            assert_eq!(error, expected, "{at}");
        }
        assert_eq!(
            Share::from_bytes(&bytes[..58]).err(),
            Some(ShareError::Length { found: 58 })
        );
    }

    #[test]
    fn share_3_words_and_qr() {
        let share = &set(2, 3).shares[0];
        let words = share.to_words();
        assert_eq!(words.split(' ').count(), 43);
        let shouted = words.to_uppercase().replace(' ', "\n  ");
        assert_eq!(
            Share::from_words(&shouted).unwrap().to_bytes(),
            share.to_bytes()
        );
        let qr = share.to_qr();
        assert!(qr.starts_with("greffe-share:"));
        assert_eq!(Share::from_qr(&qr).unwrap().to_bytes(), share.to_bytes());

        let short = words.rsplit_once(' ').unwrap().0;
        assert_eq!(
            Share::from_words(short).err(),
            Some(ShareError::Words { found: 42 })
        );
        let long = format!("{} abandon", *words);
        assert_eq!(
            Share::from_words(&long).err(),
            Some(ShareError::Words { found: 44 })
        );
        let unknown = format!("greffe {}", words.split_once(' ').unwrap().1);
        assert_eq!(
            Share::from_words(&unknown).err(),
            Some(ShareError::Word { place: 1 })
        );
        let mut swapped: Vec<&str> = words.split(' ').collect();
        swapped.swap(10, 11);
        assert_eq!(
            Share::from_words(&swapped.join(" ")).err(),
            Some(ShareError::Checksum)
        );
        assert_eq!(Share::from_qr("greffe:AAAA").err(), Some(ShareError::Qr));
        assert_eq!(
            Share::from_qr(&qr.to_lowercase()).err(),
            Some(ShareError::Qr)
        );
    }

    #[test]
    fn share_4_travels_to_one_unlock_only() {
        let share = &set(2, 3).shares[1];
        let archive = ArchiveId::from_bytes([1; 32]);
        let unlock = UnlockId::from_bytes([2; 16]);
        let mut randomness = Seeded::new(3);
        let key = OpeningKey::generate(&mut randomness);
        let object = share
            .seal(&archive, &unlock, key.recipient(), &mut randomness)
            .unwrap();
        let back = Share::open(&key, &archive, &unlock, &object).unwrap();
        assert_eq!(back.to_bytes(), share.to_bytes());

        let refused = Some(TravelError::Object(ObjectError::Tag));
        let other = UnlockId::from_bytes([3; 16]);
        assert_eq!(Share::open(&key, &archive, &other, &object).err(), refused);
        let other = OpeningKey::generate(&mut randomness);
        assert_eq!(
            Share::open(&other, &archive, &unlock, &object).err(),
            refused
        );
        let other = ArchiveId::from_bytes([3; 32]);
        assert_eq!(Share::open(&key, &other, &unlock, &object).err(), refused);
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
