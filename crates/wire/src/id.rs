//! Ids, hashes, numbers and sizes of the log, each a type of its own.

use canonical::{Label, Milliseconds, define_id};
use minicbor::{Decode, Encode};

define_id!(
    ArchiveId,
    32,
    "Names an archive: hash of its genesis (GENESIS-1)."
);
define_id!(
    SignerId,
    32,
    "Names a signer: hash of its Ed25519 public key (ENTRY-3)."
);
define_id!(
    EntryId,
    32,
    "Names an entry: hash of all but its signatures (ENTRY-2)."
);
define_id!(
    ControlId,
    32,
    "Names an act of the control chain (CONTROL-1)."
);
define_id!(
    EpochId,
    32,
    "Names a key epoch: hash of its public key (EPOCH-1)."
);
define_id!(ObjectHash, 32, "SHA-256 of a sealed object's bytes.");
define_id!(
    CommitmentRoot,
    32,
    "Root over the salted parts of a batch (COMMIT-4)."
);
define_id!(MailboxKeyHash, 32, "SHA-256 of an X-Wing mailbox key.");
define_id!(
    TlsIdentity,
    32,
    "SHA-256 of a certificate's SubjectPublicKeyInfo."
);
define_id!(
    AccountHandle,
    16,
    "Opaque handle of a captured account; tells no name."
);
define_id!(GenesisNonce, 16, "Random bytes that make a genesis unique.");

/// Defines an unsigned number with a meaning.
macro_rules! define_number {
    ($name:ident, $inner:ty, $doc:literal) => {
        #[doc = $doc]
        #[derive(
            Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode,
        )]
        #[cbor(transparent)]
        pub struct $name(#[n(0)] $inner);

        impl $name {
            /// From the bare number.
            #[must_use]
            pub const fn new(value: $inner) -> Self {
                Self(value)
            }

            /// The bare number.
            #[must_use]
            pub const fn get(self) -> $inner {
                self.0
            }

            /// The number after this one; stops at the end of the range.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

define_number!(
    SequenceNumber,
    u64,
    "Number of an entry in its signer's chain, from 0 (CHAIN-1)."
);
define_number!(
    ControlNumber,
    u64,
    "Number of an act in the control chain; 0 is the genesis (CONTROL-1)."
);
define_number!(ObjectLength, u64, "Length of a sealed object in bytes.");
define_number!(
    RecordPosition,
    u32,
    "Position of a record in its batch, from 0."
);
define_number!(
    PartPosition,
    u32,
    "Position of a part in its record, from 0 (commitment.md)."
);
define_number!(RecordCount, u32, "Number of records in a batch.");
define_number!(
    RetentionClass,
    u64,
    "Number of a retention class in the owner's schedule."
);
define_number!(Seconds, u64, "A duration in seconds.");

/// When the log's sequencer admitted an entry: milliseconds since 1970, never negative (LEAF-1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AdmittedAt(Milliseconds);

impl AdmittedAt {
    /// From a time; `None` if it lies before 1970.
    #[must_use]
    pub const fn new(time: Milliseconds) -> Option<Self> {
        if time.get() < 0 {
            None
        } else {
            Some(Self(time))
        }
    }

    /// From the eight bytes of a leaf; `None` if they are beyond the range of times.
    #[must_use]
    pub const fn from_be_bytes(bytes: [u8; 8]) -> Option<Self> {
        Self::new(Milliseconds::new(i64::from_be_bytes(bytes)))
    }

    /// The eight bytes of a leaf: unsigned, big-endian.
    #[must_use]
    pub const fn to_be_bytes(self) -> [u8; 8] {
        self.0.get().to_be_bytes()
    }

    /// The time.
    #[must_use]
    pub const fn time(self) -> Milliseconds {
        self.0
    }
}

/// `H(label, bytes)` (HASH-1).
pub(crate) fn labelled(label: Label, bytes: &[u8]) -> [u8; 32] {
    let mut hasher = label.hash();
    hasher.update(bytes);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaf_1_time_is_unsigned_and_big_endian() {
        let at = AdmittedAt::new(Milliseconds::new(0x0102)).unwrap();
        assert_eq!(at.to_be_bytes(), [0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(AdmittedAt::from_be_bytes(at.to_be_bytes()), Some(at));
        assert_eq!(AdmittedAt::from_be_bytes([0xff; 8]), None);
        assert_eq!(AdmittedAt::new(Milliseconds::new(-1)), None);
    }
}
