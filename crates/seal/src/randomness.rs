//! Randomness comes in as an argument, so that vectors and simulations can be repeated.

use std::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};
use zeroize::Zeroizing;

/// A source of bytes that nobody else can guess.
///
/// Programs implement it over the operating system's generator, tests over a seed. Every key,
/// seed and encapsulation of this crate is taken from it: a source that repeats itself or can be
/// guessed opens the archive to everybody.
pub trait Randomness {
    /// Fills all of `bytes`, which no caller may hold or be able to learn otherwise.
    ///
    /// There is no way to report a failure: without randomness nothing can be sealed, so an
    /// implementation ends the process rather than return.
    fn fill(&mut self, bytes: &mut [u8]);
}

impl<R: Randomness + ?Sized> Randomness for &mut R {
    fn fill(&mut self, bytes: &mut [u8]) {
        (**self).fill(bytes);
    }
}

/// Draws an array.
pub(crate) fn draw<const N: usize>(randomness: &mut dyn Randomness) -> [u8; N] {
    let mut bytes = [0; N];
    randomness.fill(&mut bytes);
    bytes
}

/// Draws a secret, wiped when dropped.
pub(crate) fn fresh(randomness: &mut dyn Randomness) -> Zeroizing<[u8; 32]> {
    let mut secret = Zeroizing::new([0; 32]);
    randomness.fill(secret.as_mut());
    secret
}

/// What the cryptographic crates ask for, over ours.
pub(crate) struct Source<'a>(pub(crate) &'a mut dyn Randomness);

impl TryRng for Source<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes(draw(self.0)))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes(draw(self.0)))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(bytes);
        Ok(())
    }
}

impl TryCryptoRng for Source<'_> {}

#[cfg(test)]
pub(crate) mod seeded {
    use super::Randomness;

    /// SHA-256 of a seed and a counter: for tests only.
    pub(crate) struct Seeded {
        seed: u64,
        counter: u64,
    }

    impl Seeded {
        pub(crate) fn new(seed: u64) -> Self {
            Self { seed, counter: 0 }
        }
    }

    impl Randomness for Seeded {
        fn fill(&mut self, bytes: &mut [u8]) {
            for chunk in bytes.chunks_mut(32) {
                let mut block = [0; 16];
                block[..8].copy_from_slice(&self.seed.to_be_bytes());
                block[8..].copy_from_slice(&self.counter.to_be_bytes());
                self.counter += 1;
                chunk.copy_from_slice(&canonical::sha256(&block)[..chunk.len()]);
            }
        }
    }
}
