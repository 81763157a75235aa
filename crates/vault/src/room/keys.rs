//! Opening keys while the room is open.

use memfd_secret::MemfdSecret;
use seal::keyring::{KeyUnavailable, UnlockedKeyring};
use seal::{ForGovernance, ForRecords, OpeningKey};
use wire::{EpochId, EpochUse};
use zeroize::{Zeroize, Zeroizing};

/// Bytes of one opening key.
const KEY: usize = 32;

/// The opening keys that this room may use: 32 bytes each, in memory that the kernel has taken out
/// of its own map where it can (`memfd_secret`), else in a page of the heap that is wiped. What is
/// computed from them lives for one opening only.
pub(crate) struct LiveKeys {
    epochs: Vec<(EpochId, EpochUse)>,
    destroyed: Vec<EpochId>,
    store: Store,
}

enum Store {
    Secret(MemfdSecret),
    Heap(Zeroizing<Vec<u8>>),
}

impl LiveKeys {
    /// Takes all keys that the keyring still has, and ends the keyring: the vault key is wiped.
    pub(crate) fn take(ring: UnlockedKeyring) -> Result<Self, KeyUnavailable> {
        let epochs: Vec<_> = ring
            .keyring()
            .epochs()
            .iter()
            .filter(|epoch| epoch.destroyed().is_none())
            .map(|epoch| (epoch.id(), epoch.usage()))
            .collect();
        let destroyed = ring
            .keyring()
            .epochs()
            .iter()
            .filter(|epoch| epoch.destroyed().is_some())
            .map(|epoch| epoch.id())
            .collect();
        let length = (epochs.len() * KEY).max(KEY);
        let mut store = match MemfdSecret::new(length) {
            Ok(secret) => Store::Secret(secret),
            Err(_) => Store::Heap(Zeroizing::new(vec![0; length])),
        };
        for ((id, usage), place) in epochs.iter().zip(store.bytes_mut().chunks_exact_mut(KEY)) {
            let seed = match usage {
                EpochUse::Governance => ring.governance(*id)?.expose_seed(),
                EpochUse::Period | EpochUse::Reserve => ring.records(*id)?.expose_seed(),
            };
            place.copy_from_slice(seed.as_ref());
        }
        drop(ring.lock());
        Ok(Self {
            epochs,
            destroyed,
            store,
        })
    }

    /// Whether the kernel keeps the keys out of its own map.
    pub(crate) fn in_secret_memory(&self) -> bool {
        matches!(self.store, Store::Secret(_))
    }

    /// The key of an epoch of records; `None` if it is not in this room.
    pub(crate) fn records(&self, epoch: EpochId) -> Option<OpeningKey<ForRecords>> {
        self.key(epoch, false, OpeningKey::from_seed)
    }

    /// The key of a governance epoch.
    pub(crate) fn governance(&self, epoch: EpochId) -> Option<OpeningKey<ForGovernance>> {
        self.key(epoch, true, OpeningKey::from_seed)
    }

    /// All governance epochs of this room.
    pub(crate) fn governance_epochs(&self) -> impl Iterator<Item = EpochId> {
        self.epochs
            .iter()
            .filter(|(_, usage)| *usage == EpochUse::Governance)
            .map(|(id, _)| *id)
    }

    /// Whether the room has this epoch's key.
    pub(crate) fn has(&self, epoch: EpochId) -> bool {
        self.epochs.iter().any(|(id, _)| *id == epoch)
    }

    /// Whether the keyring says that this epoch's key was destroyed.
    pub(crate) fn destroyed(&self, epoch: EpochId) -> bool {
        self.destroyed.contains(&epoch)
    }

    fn key<K>(
        &self,
        epoch: EpochId,
        governance: bool,
        make: impl FnOnce(&[u8; KEY]) -> K,
    ) -> Option<K> {
        let at = self.epochs.iter().position(|(id, usage)| {
            *id == epoch && (*usage == EpochUse::Governance) == governance
        })?;
        let mut seed = Zeroizing::new([0; KEY]);
        seed.copy_from_slice(self.store.bytes().get(at * KEY..(at + 1) * KEY)?);
        Some(make(&seed))
    }
}

impl Store {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Secret(secret) => secret.as_slice(),
            Self::Heap(bytes) => bytes,
        }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Secret(secret) => secret.as_mut_slice(),
            Self::Heap(bytes) => bytes,
        }
    }
}

impl Drop for LiveKeys {
    fn drop(&mut self) {
        self.store.bytes_mut().zeroize();
    }
}

impl std::fmt::Debug for LiveKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LiveKeys({} secret)", self.epochs.len())
    }
}
