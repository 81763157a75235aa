//! The two texts between an unlock and a holder elsewhere (SHARE-5).

use data_encoding::BASE32_NOPAD;
use wire::{ArchiveId, XWingKey};

use super::travel::{TravelError, UnlockId};
use super::{SHARE_BYTES, Share};
use crate::key::{ForShareTravel, OpeningKey, RecipientKey};
use crate::label;
use crate::randomness::{Randomness, draw};
use crate::suite::{BODY, SuiteError, TAG};

const REQUEST_PREFIX: &str = "greffe-unlock:";
const SHARE_PREFIX: &str = "greffe-sealed-share:";
const VERSION: u8 = 1;
const CHECKSUM: usize = 4;
const UNLOCK: usize = 16;
const ARCHIVE: usize = 32;
/// Longest text that is decoded, white space aside; both are some 2,000 characters.
const MAX_TEXT: usize = 4_096;

/// What an unlock asks holders for: archive, unlock, one-time key. Carries no secret.
#[derive(Clone)]
pub struct ShareRequest {
    archive: ArchiveId,
    unlock: UnlockId,
    key: RecipientKey<ForShareTravel>,
}

/// An unlock that waits for shares: the request and the one-time key that opens the answers.
pub struct WaitingUnlock {
    request: ShareRequest,
    key: OpeningKey<ForShareTravel>,
}

/// A holder's answer: a share that only the unlock opens.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedShare {
    unlock: UnlockId,
    object: Vec<u8>,
}

/// Why a text is no request, or no sealed share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShareTextError {
    /// It begins otherwise.
    #[error("it does not begin with {expected}")]
    Prefix {
        /// How it should begin.
        expected: &'static str,
    },
    /// Not upper-case base32, or too long.
    #[error("it has characters that do not belong, or is too long")]
    Base32,
    /// Another number of bytes.
    #[error("{found} bytes are not the right number: the text is not whole")]
    Length {
        /// Bytes found.
        found: usize,
    },
    /// A version that this program does not know.
    #[error("version {version} is not known")]
    Version {
        /// The version found.
        version: u8,
    },
    /// The checksum differs.
    #[error("the checksum does not fit: something was copied wrongly")]
    Checksum,
    /// The one-time key is none.
    #[error("its one-time key is damaged")]
    Key,
}

/// Why an answer gives no share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// It answers another unlock.
    #[error("the share was sealed for another unlock")]
    OtherUnlock,
    /// It does not open.
    #[error("opening the sealed share")]
    Travel(#[source] TravelError),
}

impl WaitingUnlock {
    /// A new unlock with a one-time key.
    #[must_use]
    pub fn new(archive: ArchiveId, randomness: &mut dyn Randomness) -> Self {
        let unlock = UnlockId::from_bytes(draw(randomness));
        let key = OpeningKey::generate(randomness);
        let request = ShareRequest {
            archive,
            unlock,
            key: key.recipient().clone(),
        };
        Self { request, key }
    }

    /// The unlock of a request whose one-time key's seed is known. `None` if it is another key's.
    #[must_use]
    pub fn again(request: ShareRequest, seed: &[u8; 32]) -> Option<Self> {
        let key = OpeningKey::from_seed(seed);
        (key.epoch() == request.key.epoch()).then_some(Self { request, key })
    }

    /// What to show to the holders.
    #[must_use]
    pub fn request(&self) -> &ShareRequest {
        &self.request
    }

    /// The one-time key's seed, for vectors and tests.
    #[must_use]
    pub fn expose_seed(&self) -> zeroize::Zeroizing<[u8; 32]> {
        self.key.expose_seed()
    }

    /// Opens a holder's answer (SHARE-4).
    ///
    /// # Errors
    ///
    /// When it answers another unlock, was altered, or holds no share.
    pub fn open(&self, answer: &SealedShare) -> Result<Share, AnswerError> {
        if answer.unlock != self.request.unlock {
            return Err(AnswerError::OtherUnlock);
        }
        let (archive, unlock) = (&self.request.archive, &self.request.unlock);
        Share::open(&self.key, archive, unlock, &answer.object).map_err(AnswerError::Travel)
    }
}

impl ShareRequest {
    /// The archive whose keyring is to be unlocked, as the text says.
    #[must_use]
    pub fn archive(&self) -> ArchiveId {
        self.archive
    }

    /// What the holder compares with what the person who unlocks says (SHARE-4).
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.key.fingerprint()
    }

    /// Seals a share to this unlock. The holder has compared the fingerprint.
    ///
    /// # Errors
    ///
    /// Only if the HPKE implementation fails.
    pub fn answer(
        &self,
        share: &Share,
        randomness: &mut dyn Randomness,
    ) -> Result<SealedShare, SuiteError> {
        Ok(SealedShare {
            unlock: self.unlock,
            object: share.seal(&self.archive, &self.unlock, &self.key, randomness)?,
        })
    }

    /// The text (SHARE-5).
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(self.archive.as_bytes());
        bytes.extend_from_slice(self.unlock.as_bytes());
        bytes.extend_from_slice(self.key.key().as_bytes());
        write(REQUEST_PREFIX, bytes, &label::SHARE_REQUEST)
    }

    /// From the text, with any white space inside.
    ///
    /// # Errors
    ///
    /// When it is not one, or was copied wrongly.
    pub fn from_text(text: &str) -> Result<Self, ShareTextError> {
        let bytes = read(text, REQUEST_PREFIX, &label::SHARE_REQUEST)?;
        let length = ShareTextError::Length {
            found: bytes.len() + CHECKSUM,
        };
        let body = bytes.get(1..).ok_or(length)?;
        let (archive, rest) = body.split_first_chunk::<ARCHIVE>().ok_or(length)?;
        let (unlock, key) = rest.split_first_chunk::<UNLOCK>().ok_or(length)?;
        let key = XWingKey::from_bytes(key).ok_or(length)?;
        let key = RecipientKey::new(&key).map_err(|_| ShareTextError::Key)?;
        Ok(Self {
            archive: ArchiveId::from_bytes(*archive),
            unlock: UnlockId::from_bytes(*unlock),
            key,
        })
    }
}

impl SealedShare {
    /// The text (SHARE-5).
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(self.unlock.as_bytes());
        bytes.extend_from_slice(&self.object);
        write(SHARE_PREFIX, bytes, &label::SEALED_SHARE)
    }

    /// From the text, with any white space inside.
    ///
    /// # Errors
    ///
    /// When it is not one, or was copied wrongly.
    pub fn from_text(text: &str) -> Result<Self, ShareTextError> {
        let bytes = read(text, SHARE_PREFIX, &label::SEALED_SHARE)?;
        let length = ShareTextError::Length {
            found: bytes.len() + CHECKSUM,
        };
        let body = bytes.get(1..).ok_or(length)?;
        let (unlock, object) = body.split_first_chunk::<UNLOCK>().ok_or(length)?;
        if object.len() != BODY + SHARE_BYTES + TAG {
            return Err(length);
        }
        Ok(Self {
            unlock: UnlockId::from_bytes(*unlock),
            object: object.to_vec(),
        })
    }
}

fn write(prefix: &str, mut bytes: Vec<u8>, label: &canonical::Label) -> String {
    let sum = checksum(&bytes, label);
    bytes.extend_from_slice(&sum);
    [prefix, &BASE32_NOPAD.encode(&bytes)].concat()
}

/// Version and content, without the checksum.
fn read(
    text: &str,
    expected: &'static str,
    label: &canonical::Label,
) -> Result<Vec<u8>, ShareTextError> {
    let spelt: String = text.split_whitespace().take(MAX_TEXT).collect();
    let encoded = spelt
        .strip_prefix(expected)
        .ok_or(ShareTextError::Prefix { expected })?;
    if encoded.len() > MAX_TEXT {
        return Err(ShareTextError::Base32);
    }
    let mut bytes = BASE32_NOPAD
        .decode(encoded.as_bytes())
        .map_err(|_| ShareTextError::Base32)?;
    let found = bytes.len();
    let Some((before, sum)) = bytes.split_last_chunk::<CHECKSUM>() else {
        return Err(ShareTextError::Length { found });
    };
    match before.first() {
        None => return Err(ShareTextError::Length { found }),
        Some(&version) if version != VERSION => return Err(ShareTextError::Version { version }),
        Some(_) => {}
    }
    if checksum(before, label) != *sum {
        return Err(ShareTextError::Checksum);
    }
    bytes.truncate(found - CHECKSUM);
    Ok(bytes)
}

fn checksum(bytes: &[u8], label: &canonical::Label) -> [u8; CHECKSUM] {
    let mut hasher = label.hash();
    hasher.update(bytes);
    let [a, b, c, d, ..] = hasher.finish();
    [a, b, c, d]
}

impl std::fmt::Debug for ShareRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ShareRequest({})", self.fingerprint())
    }
}

impl std::fmt::Debug for WaitingUnlock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WaitingUnlock({}, secret)", self.request.fingerprint())
    }
}

impl std::fmt::Debug for SealedShare {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SealedShare(to {:?})", self.unlock)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::randomness::seeded::Seeded;
    use crate::share::{Threshold, new_set};

    /// SHARE-5: the texts survive line breaks; every other slip, and another unlock, is noticed.
    #[test]
    fn share_5_a_share_travels_as_text_to_its_unlock_alone() {
        let mut randomness = Seeded::new(50);
        let archive = ArchiveId::from_bytes([1; 32]);
        let threshold = Threshold::new(2, 3).unwrap();
        let share = &new_set(threshold, 7, &mut randomness).unwrap().shares[1];
        let waiting = WaitingUnlock::new(archive, &mut randomness);
        let text = waiting.request().to_text();
        let broken: String = text
            .as_bytes()
            .chunks(60)
            .map(|line| format!("  {}\r\n", std::str::from_utf8(line).unwrap()))
            .collect();
        let request = ShareRequest::from_text(&broken).unwrap();
        assert_eq!(request.archive(), archive);
        assert_eq!(request.fingerprint(), waiting.request().fingerprint());

        let sealed = request.answer(share, &mut randomness).unwrap();
        let read = SealedShare::from_text(&sealed.to_text()).unwrap();
        assert!(read == sealed);
        assert_eq!(waiting.open(&read).unwrap().to_bytes(), share.to_bytes());
        let other = WaitingUnlock::new(archive, &mut randomness);
        assert_eq!(other.open(&read).err(), Some(AnswerError::OtherUnlock));

        for (whole, is_request) in [(text, true), (sealed.to_text(), false)] {
            for at in (0..whole.len()).step_by(7) {
                let mut altered = whole.clone().into_bytes();
                altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
                let altered = String::from_utf8(altered).unwrap();
                let refused = if is_request {
                    ShareRequest::from_text(&altered).err()
                } else {
                    SealedShare::from_text(&altered).err()
                };
                assert!(refused.is_some(), "character {at}");
            }
            for cut in [0, 5, 14, 20, 30, 60, whole.len() - 1] {
                assert!(ShareRequest::from_text(&whole[..cut]).is_err());
                assert!(SealedShare::from_text(&whole[..cut]).is_err());
            }
        }
        assert!(ShareRequest::from_text(&"A".repeat(1 << 20)).is_err());
    }
}
