//! The beginning of an archive, and which witnesses it asks for (authority.md).

use canonical::{CanonicalError, Milliseconds};
use minicbor::{Decode, Encode};

use crate::body::BodyError;
use crate::id::{ArchiveId, ControlId, GenesisNonce, labelled};
use crate::key::PublicKey;
use crate::{label, limit};

/// Begins the archive: root key, log keys, witness policy. Its hash is the archive's id.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Genesis {
    #[n(0)]
    version: u8,
    #[n(1)]
    root: PublicKey,
    #[n(2)]
    log_keys: Vec<PublicKey>,
    #[n(3)]
    witnesses: WitnessPolicy,
    #[n(4)]
    made_at: Milliseconds,
    #[n(5)]
    nonce: GenesisNonce,
}

/// Which witnesses cosign, and how many independent ones make a checkpoint witnessed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct WitnessPolicy {
    /// Independent cosignatures that make a checkpoint "witnessed"; 0 asks for none.
    #[n(0)]
    pub quorum: u64,
    /// The witnesses known.
    #[n(1)]
    pub witnesses: Vec<WitnessKey>,
}

/// One witness of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct WitnessKey {
    /// Its signed-note key name.
    #[n(0)]
    pub name: String,
    /// Its Ed25519 public key.
    #[n(1)]
    pub key: PublicKey,
    /// Independent of the owner and of the relay.
    #[n(2)]
    pub independent: bool,
}

/// Why bytes or values are no genesis.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GenesisError {
    /// Not canonical, or not this structure.
    #[error("genesis is not canonical")]
    Encoding(#[source] CanonicalError),
    /// An impossible value.
    #[error("genesis has an impossible value")]
    Value(#[source] BodyError),
    /// Larger than an entry.
    #[error("genesis has {0} bytes, more than an entry takes")]
    TooLarge(usize),
}

impl Genesis {
    /// A new genesis. `nonce` is random; `log_keys` are 1 to 8 Ed25519 keys that sign checkpoints.
    ///
    /// # Errors
    /// When there is no log key or too many, or the witness policy is impossible.
    pub fn new(
        root: PublicKey,
        log_keys: Vec<PublicKey>,
        witnesses: WitnessPolicy,
        made_at: Milliseconds,
        nonce: GenesisNonce,
    ) -> Result<Self, GenesisError> {
        let genesis = Self {
            version: 1,
            root,
            log_keys,
            witnesses,
            made_at,
            nonce,
        };
        genesis.validate().map_err(GenesisError::Value)?;
        Ok(genesis)
    }

    /// Reads a canonical genesis of at most 16 KiB.
    ///
    /// # Errors
    /// When the bytes are too many, not canonical, or have impossible values.
    pub fn parse(bytes: &[u8]) -> Result<Self, GenesisError> {
        if bytes.len() > limit::ENTRY_BYTES {
            return Err(GenesisError::TooLarge(bytes.len()));
        }
        let genesis: Self = canonical::from_bytes(bytes).map_err(GenesisError::Encoding)?;
        genesis.validate().map_err(GenesisError::Value)?;
        Ok(genesis)
    }

    /// The canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        canonical::to_bytes(self)
    }

    /// GENESIS-1: the archive's id. Its hexadecimal digits are the archive's fingerprint.
    #[must_use]
    pub fn archive_id(&self) -> ArchiveId {
        ArchiveId::from_bytes(labelled(label::ARCHIVE, &self.to_bytes()))
    }

    /// CONTROL-1: the id that the first act of the control chain names as the act before.
    #[must_use]
    pub fn control_id(&self) -> ControlId {
        ControlId::from_bytes(labelled(label::CONTROL, &self.to_bytes()))
    }

    /// GENESIS-1: the log's origin, and the name of its signed-note keys.
    #[must_use]
    pub fn origin(&self) -> String {
        self.archive_id().origin()
    }

    /// The root's public key.
    #[must_use]
    pub fn root(&self) -> &PublicKey {
        &self.root
    }

    /// The keys that sign checkpoints.
    #[must_use]
    pub fn log_keys(&self) -> &[PublicKey] {
        &self.log_keys
    }

    /// The witness policy that stands until a policy act changes it.
    #[must_use]
    pub fn witnesses(&self) -> &WitnessPolicy {
        &self.witnesses
    }

    /// When the genesis was made, by the owner's clock.
    #[must_use]
    pub fn made_at(&self) -> Milliseconds {
        self.made_at
    }

    pub(crate) fn validate(&self) -> Result<(), BodyError> {
        if self.version != 1 {
            return Err(BodyError::Value("version"));
        }
        if self.log_keys.is_empty()
            || self.log_keys.len() > limit::LOG_KEYS
            || has_twin(&self.log_keys)
        {
            return Err(BodyError::List("log key"));
        }
        self.witnesses.validate()
    }
}

impl ArchiveId {
    /// GENESIS-1: the log's origin, `greffe-archive/<fingerprint>`.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("greffe-archive/{self}")
    }
}

impl WitnessPolicy {
    pub(crate) fn validate(&self) -> Result<(), BodyError> {
        let names_fit = self.witnesses.iter().all(|witness| {
            (1..=limit::WITNESS_NAME_BYTES).contains(&witness.name.len())
                && !witness
                    .name
                    .contains(|c: char| c == '+' || c.is_whitespace() || c.is_control())
        });
        let keys: Vec<PublicKey> = self.witnesses.iter().map(|witness| witness.key).collect();
        if keys.len() > limit::WITNESSES || !names_fit || has_twin(&keys) {
            return Err(BodyError::List("witness"));
        }
        let independent = self
            .witnesses
            .iter()
            .filter(|witness| witness.independent)
            .count();
        if u64::try_from(independent).is_ok_and(|independent| self.quorum > independent) {
            return Err(BodyError::Value("quorum"));
        }
        Ok(())
    }
}

/// Whether a key stands twice in a short list.
pub(crate) fn has_twin(keys: &[PublicKey]) -> bool {
    keys.iter()
        .enumerate()
        .any(|(at, key)| keys.iter().skip(at + 1).any(|other| other == key))
}
