//! A share as bytes, as words, and as the text of a QR code (SHARE-2, SHARE-3).

use bip39::Language;
use data_encoding::BASE32_NOPAD;
use zeroize::Zeroizing;

use super::{MAX_HOLDERS, Share, ShareSetId, ShareValue};
use crate::label;

/// Bytes of a share (SHARE-2).
pub const SHARE_BYTES: usize = 59;
/// Words of a share (SHARE-3).
pub const SHARE_WORDS: usize = 43;
const VERSION: u8 = 1;
const CHECKSUM: usize = 4;
const BITS_PER_WORD: usize = 11;
const QR_PREFIX: &str = "greffe-share:";

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

impl Share {
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
    use crate::share::{NewSet, Threshold, new_set};

    fn set(needed: u8, holders: u8) -> NewSet {
        new_set(
            Threshold::new(needed, holders).unwrap(),
            7,
            &mut Seeded::new(u64::from(needed) * 100 + u64::from(holders)),
        )
        .unwrap()
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
}
