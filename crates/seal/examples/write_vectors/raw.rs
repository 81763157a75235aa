//! Objects as a faulty or hostile program might seal them: HPKE called by hand.

use canonical::Label;
use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::{Kem, XWing};
use hpke::rand_core::{TryCryptoRng, TryRng};
use hpke::{Deserializable, OpModeS, Serializable};
use seal::Randomness;
use wire::{ArchiveId, XWingKey};

use crate::archive::Seeded;

pub(crate) const BATCH: Label = Label::new("greffe/batch/v1");
pub(crate) const GOVERNANCE: Label = Label::new("greffe/governance/v1");

struct Rng(Seeded);

impl TryRng for Rng {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        self.0.fill(bytes);
        Ok(())
    }
}

impl TryCryptoRng for Rng {}

pub(crate) fn seal(
    label: Label,
    archive: &ArchiveId,
    key: &XWingKey,
    aad: &[u8],
    plaintext: &[u8],
) -> Vec<u8> {
    let mut info = label.framed();
    info.push(1);
    info.extend_from_slice(archive.as_bytes());
    info.extend_from_slice(&canonical::sha256(key.as_bytes()));
    let public = <XWing as Kem>::PublicKey::from_bytes(key.as_bytes()).unwrap();
    let (encapsulated, ciphertext) =
        hpke::single_shot_seal_with_rng::<AesGcm256, HkdfSha256, XWing>(
            &OpModeS::Base,
            &public,
            &info,
            plaintext,
            aad,
            &mut Rng(Seeded::new(99)),
        )
        .unwrap();
    [&[1, 1][..], &encapsulated.to_bytes(), &ciphertext].concat()
}

/// `form ‖ uint32 length ‖ content`, then zeros to a length.
pub(crate) fn plaintext(form: u8, content: &[u8], padded: usize) -> Vec<u8> {
    let mut bytes = vec![form];
    bytes.extend_from_slice(&u32::try_from(content.len()).unwrap().to_be_bytes());
    bytes.extend_from_slice(content);
    bytes.resize(padded.max(bytes.len()), 0);
    bytes
}

/// The padding rule, written out again.
pub(crate) fn padme(length: usize) -> usize {
    let exponent = length.ilog2();
    let unit = 1 << (exponent - (exponent.ilog2() + 1));
    length.div_ceil(unit) * unit
}
