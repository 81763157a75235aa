//! What a cosignature signs (C2SP tlog-cosignature): `cosignature/v1` and `subtree/v1`.

use crate::checkpoint::Checkpoint;
use crate::key::{FalseSignature, KeyName};

/// When a cosignature was made: seconds since 1970 by the cosigner's clock, at most 2⁶³−1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CosignedAt(u64);

impl CosignedAt {
    /// Seconds since 1970; nothing above 2⁶³−1. (TLOG-17)
    pub const fn from_unix_seconds(seconds: u64) -> Option<Self> {
        if seconds > i64::MAX as u64 {
            None
        } else {
            Some(Self(seconds))
        }
    }

    /// Seconds since 1970.
    pub const fn unix_seconds(self) -> u64 {
        self.0
    }
}

/// The text that a `cosignature/v1` signs. (TLOG-17)
pub(crate) fn message(at: CosignedAt, checkpoint: &Checkpoint) -> String {
    format!("cosignature/v1\ntime {}\n{}", at.0, checkpoint.text())
}

/// The bytes that an ML-DSA-44 `subtree/v1` signs for a whole tree. (TLOG-18)
pub(crate) fn ml_dsa_message(
    at: CosignedAt,
    cosigner: &KeyName,
    checkpoint: &Checkpoint,
) -> Option<Vec<u8>> {
    let mut message = b"subtree/v1\n\0".to_vec();
    push_short(&mut message, cosigner.as_str())?;
    message.extend_from_slice(&at.0.to_be_bytes());
    push_short(&mut message, checkpoint.origin().as_str())?;
    message.extend_from_slice(&0u64.to_be_bytes());
    message.extend_from_slice(&checkpoint.size().get().to_be_bytes());
    message.extend_from_slice(checkpoint.root().as_bytes());
    Some(message)
}

/// The time and the bare signature of a timestamped one.
pub(crate) fn split(signature: &[u8]) -> Result<(CosignedAt, &[u8]), FalseSignature> {
    let (time, bare) = signature.split_first_chunk::<8>().ok_or(FalseSignature)?;
    let at = CosignedAt::from_unix_seconds(u64::from_be_bytes(*time)).ok_or(FalseSignature)?;
    Ok((at, bare))
}

/// The timestamped signature of a time and a bare one.
pub(crate) fn join(at: CosignedAt, bare: &[u8]) -> Vec<u8> {
    [&at.0.to_be_bytes(), bare].concat()
}

/// A string of 1 to 255 bytes behind its length.
fn push_short(message: &mut Vec<u8>, text: &str) -> Option<()> {
    message.push(u8::try_from(text.len()).ok().filter(|len| *len > 0)?);
    message.extend_from_slice(text.as_bytes());
    Some(())
}
