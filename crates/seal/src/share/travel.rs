//! A share on its way to one unlock (SHARE-4).

use canonical::define_id;
use wire::ArchiveId;

use super::{SHARE_BYTES, Share, ShareError};
use crate::key::{ForShareTravel, OpeningKey, RecipientKey};
use crate::randomness::Randomness;
use crate::suite::{self, BODY, OVERHEAD, ObjectError, SuiteError, TAG};

define_id!(
    UnlockId,
    16,
    "Names one unlock, to which holders send their shares."
);

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

impl Share {
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
}
