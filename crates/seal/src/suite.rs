//! The sealing suite: HPKE base mode with X-Wing, HKDF-SHA256 and AES-256-GCM (BATCH-2).

use canonical::Label;
use hpke::aead::{AeadTag, AesGcm256};
use hpke::inout::InOutBuf;
use hpke::kdf::HkdfSha256;
use hpke::kem::{Kem, XWing};
use hpke::{Deserializable, OpModeR, OpModeS, Serializable};
use wire::ArchiveId;

use crate::key::{OpeningKey, Purpose, RecipientKey};
use crate::randomness::{Randomness, Source};
use crate::wiped::Wiped;

/// The suite's number: X-Wing 0x647a, HKDF-SHA256 0x0001, AES-256-GCM 0x0002.
pub(crate) const SUITE: u8 = 1;
/// First byte of a sealed object.
const OBJECT: u8 = 1;
/// Bytes of an encapsulated key.
pub(crate) const ENCAPSULATION: usize = 1_120;
/// Bytes of an authentication tag.
pub(crate) const TAG: usize = 16;
/// Where the ciphertext begins in a sealed object: type, suite, encapsulated key.
pub(crate) const BODY: usize = 2 + ENCAPSULATION;
/// Bytes that sealing adds.
pub(crate) const OVERHEAD: usize = BODY + TAG;

pub(crate) type PublicKey = <XWing as Kem>::PublicKey;
pub(crate) type PrivateKey = <XWing as Kem>::PrivateKey;
type Encapsulated = <XWing as Kem>::EncappedKey;

/// Sealing failed: not by any fault of the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the HPKE implementation could not seal")]
pub struct SuiteError;

/// Why a sealed object does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ObjectError {
    /// Too short to be a sealed object.
    #[error("{length} bytes are too few for a sealed object")]
    Short {
        /// Bytes found.
        length: usize,
    },
    /// Not a sealed object, or of a suite that this version does not know.
    #[error("begins with type {kind} and suite {suite}, where type 1 and suite 1 are expected")]
    Suite {
        /// First byte.
        kind: u8,
        /// Second byte.
        suite: u8,
    },
    /// The key, the entry or the bytes are not those that were sealed; which of them can not be told.
    #[error("the tag does not verify: another key, another entry, or altered bytes")]
    Tag,
}

/// Seals in place.
///
/// `object` has [`BODY`] bytes of any content, then the plaintext. Afterwards it is the sealed
/// object; the plaintext is overwritten. Give it [`TAG`] bytes of spare capacity, or the plaintext
/// is copied once more and its first place is not wiped.
pub(crate) fn seal<P: Purpose>(
    recipient: &RecipientKey<P>,
    archive: &ArchiveId,
    aad: &[u8],
    object: &mut Vec<u8>,
    randomness: &mut dyn Randomness,
) -> Result<(), SuiteError> {
    let plaintext = object.get_mut(BODY..).ok_or(SuiteError)?;
    let (encapsulated, tag) =
        hpke::single_shot_seal_inout_detached_with_rng::<AesGcm256, HkdfSha256, XWing>(
            &OpModeS::Base,
            recipient.public(),
            &info(P::LABEL, archive, recipient.hash()),
            InOutBuf::from(plaintext),
            aad,
            &mut Source(randomness),
        )
        .map_err(|_| SuiteError)?;
    let head = object.get_mut(..BODY).ok_or(SuiteError)?;
    if let [kind, suite, rest @ ..] = head {
        *kind = OBJECT;
        *suite = SUITE;
        encapsulated.write_exact(rest);
    }
    object.extend_from_slice(&tag.to_bytes());
    Ok(())
}

/// Opens a sealed object; gives the plaintext, with its padding.
pub(crate) fn open<P: Purpose>(
    key: &OpeningKey<P>,
    archive: &ArchiveId,
    aad: &[u8],
    object: &[u8],
) -> Result<Wiped, ObjectError> {
    let short = ObjectError::Short {
        length: object.len(),
    };
    let ([kind, suite, encapsulated @ ..], sealed) =
        object.split_first_chunk::<BODY>().ok_or(short)?;
    if [*kind, *suite] != [OBJECT, SUITE] {
        return Err(ObjectError::Suite {
            kind: *kind,
            suite: *suite,
        });
    }
    let (ciphertext, tag) = sealed.split_last_chunk::<TAG>().ok_or(short)?;
    let encapsulated = Encapsulated::from_bytes(encapsulated).map_err(|_| ObjectError::Tag)?;
    let tag = AeadTag::<AesGcm256>::from_bytes(tag).map_err(|_| ObjectError::Tag)?;
    let mut plaintext = Wiped::zeroed(ciphertext.len());
    let both = InOutBuf::new(ciphertext, &mut plaintext).map_err(|_| ObjectError::Tag)?;
    hpke::single_shot_open_inout_detached::<AesGcm256, HkdfSha256, XWing>(
        &OpModeR::Base,
        key.private(),
        &encapsulated,
        &info(P::LABEL, archive, key.recipient().hash()),
        both,
        aad,
        &tag,
    )
    .map_err(|_| ObjectError::Tag)?;
    Ok(plaintext)
}

/// BATCH-2: what the key schedule is bound to.
fn info(label: Label, archive: &ArchiveId, recipient: &[u8; 32]) -> Vec<u8> {
    let mut info = label.framed();
    info.push(1);
    info.extend_from_slice(archive.as_bytes());
    info.extend_from_slice(recipient);
    info
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{ForGovernance, ForRecords};
    use crate::randomness::seeded::Seeded;

    const ARCHIVE: ArchiveId = ArchiveId::from_bytes([1; 32]);

    fn sealed(key: &OpeningKey<ForRecords>, plaintext: &[u8]) -> Vec<u8> {
        let mut object = vec![0; BODY];
        object.extend_from_slice(plaintext);
        let mut randomness = Seeded::new(2);
        seal(
            key.recipient(),
            &ARCHIVE,
            b"aad",
            &mut object,
            &mut randomness,
        )
        .unwrap();
        object
    }

    /// BATCH-2: any flipped bit, anywhere in the object, is refused.
    #[test]
    fn batch_2_refuses_any_flipped_bit() {
        let key = OpeningKey::generate(&mut Seeded::new(1));
        let object = sealed(&key, b"a plaintext of some length");
        assert_eq!(object.len(), OVERHEAD + 26);
        let opened = open(&key, &ARCHIVE, b"aad", &object).unwrap();
        assert_eq!(*opened, b"a plaintext of some length"[..]);
        for at in (0..object.len()).step_by(3) {
            let mut bad = object.clone();
            bad[at] ^= 1 << (at % 8);
            let error = open(&key, &ARCHIVE, b"aad", &bad).unwrap_err();
            if at < 2 {
                assert!(matches!(error, ObjectError::Suite { .. }));
            } else {
                assert_eq!(error, ObjectError::Tag, "{at}");
            }
        }
        for length in [0, 1, 2, BODY, OVERHEAD - 1] {
            assert_eq!(
                open(&key, &ARCHIVE, b"aad", &object[..length]).unwrap_err(),
                ObjectError::Short { length }
            );
        }
        assert_eq!(
            open(&key, &ARCHIVE, b"aad", &object[..OVERHEAD]).unwrap_err(),
            ObjectError::Tag
        );
    }

    /// BATCH-2, BATCH-3: archive, purpose, key and entry are bound.
    #[test]
    fn batch_2_and_3_bind_all_around() {
        let key = OpeningKey::generate(&mut Seeded::new(1));
        let object = sealed(&key, b"x");
        let other = ArchiveId::from_bytes([2; 32]);
        assert!(open(&key, &other, b"aad", &object).is_err());
        assert!(open(&key, &ARCHIVE, b"other", &object).is_err());
        let governance = OpeningKey::<ForGovernance>::from_seed(&key.expose_seed());
        assert!(open(&governance, &ARCHIVE, b"aad", &object).is_err());
        let stranger = OpeningKey::<ForRecords>::generate(&mut Seeded::new(3));
        assert!(open(&stranger, &ARCHIVE, b"aad", &object).is_err());
    }

    /// BATCH-2: each object has an encapsulation of its own.
    #[test]
    fn batch_2_one_encapsulation_an_object() {
        let key = OpeningKey::<ForRecords>::generate(&mut Seeded::new(1));
        let mut randomness = Seeded::new(2);
        let mut one = vec![0; BODY + 8];
        let mut two = one.clone();
        seal(key.recipient(), &ARCHIVE, b"", &mut one, &mut randomness).unwrap();
        seal(key.recipient(), &ARCHIVE, b"", &mut two, &mut randomness).unwrap();
        assert_ne!(one[2..BODY], two[2..BODY]);
    }
}
