//! What guessing a passphrase costs.

use argon2::{Algorithm, Argon2, Params, Version};
use zeroize::Zeroizing;

use super::wrap::Salt;

/// Argon2id's cost (RING-1): at least 64 MiB and 3 passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PassphraseCost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

/// A cost that is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CostError {
    /// Guessing would be too cheap.
    #[error("{memory_kib} KiB and {passes} passes are less than 65536 KiB and 3 passes")]
    TooCheap {
        /// Memory in KiB.
        memory_kib: u32,
        /// Passes.
        passes: u32,
    },
    /// More than this program is ready to spend on the word of a file.
    #[error("{memory_kib} KiB, {passes} passes, {lanes} lanes are too much")]
    TooDear {
        /// Memory in KiB.
        memory_kib: u32,
        /// Passes.
        passes: u32,
        /// Lanes.
        lanes: u32,
    },
    /// Memory for the derivation could not be had.
    #[error("no memory for {memory_kib} KiB")]
    Memory {
        /// Memory in KiB.
        memory_kib: u32,
    },
}

impl PassphraseCost {
    /// The least that is accepted: 64 MiB, 3 passes, one lane. About a fifth of a second.
    pub const LEAST: Self = Self {
        memory_kib: 64 << 10,
        passes: 3,
        lanes: 1,
    };

    /// For a computer on a desk or a server: 256 MiB, 4 passes, one lane. About a second.
    pub const USUAL: Self = Self {
        memory_kib: 256 << 10,
        passes: 4,
        lanes: 1,
    };

    const MOST: Self = Self {
        memory_kib: 4 << 20,
        passes: 64,
        lanes: 16,
    };

    /// So much memory in KiB, so many passes and lanes.
    ///
    /// # Errors
    ///
    /// Below 64 MiB or 3 passes (RING-1); above 4 GiB, 64 passes or 16 lanes.
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, CostError> {
        if memory_kib < Self::LEAST.memory_kib || passes < Self::LEAST.passes || lanes == 0 {
            return Err(CostError::TooCheap { memory_kib, passes });
        }
        if memory_kib > Self::MOST.memory_kib
            || passes > Self::MOST.passes
            || lanes > Self::MOST.lanes
        {
            return Err(CostError::TooDear {
                memory_kib,
                passes,
                lanes,
            });
        }
        Ok(Self {
            memory_kib,
            passes,
            lanes,
        })
    }

    /// Memory in KiB.
    #[must_use]
    pub fn memory_kib(self) -> u32 {
        self.memory_kib
    }

    /// Passes over the memory.
    #[must_use]
    pub fn passes(self) -> u32 {
        self.passes
    }

    /// Lanes.
    #[must_use]
    pub fn lanes(self) -> u32 {
        self.lanes
    }

    /// The same for secrets outside a keyring (FILE-1).
    pub(crate) fn derive_key(
        self,
        passphrase: &str,
        salt: [u8; 16],
    ) -> Result<Zeroizing<[u8; 32]>, CostError> {
        self.derive(passphrase, &Salt::from_bytes(salt))
    }

    pub(super) fn derive(
        self,
        passphrase: &str,
        salt: &Salt,
    ) -> Result<Zeroizing<[u8; 32]>, CostError> {
        let memory = CostError::Memory {
            memory_kib: self.memory_kib,
        };
        let params =
            Params::new(self.memory_kib, self.passes, self.lanes, Some(32)).map_err(|_| memory)?;
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase.as_bytes(), salt.as_bytes(), key.as_mut())
            .map_err(|_| memory)?;
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ring_1_least_cost() {
        assert!(PassphraseCost::new(65_536, 3, 1).is_ok());
        for (memory, passes, lanes) in [(65_535, 3, 1), (65_536, 2, 1), (65_536, 3, 0)] {
            assert!(matches!(
                PassphraseCost::new(memory, passes, lanes),
                Err(CostError::TooCheap { .. })
            ));
        }
        for (memory, passes, lanes) in [(5 << 20, 3, 1), (65_536, 65, 1), (65_536, 3, 17)] {
            assert!(matches!(
                PassphraseCost::new(memory, passes, lanes),
                Err(CostError::TooDear { .. })
            ));
        }
    }
}
