//! Randomness that can be repeated.

use seal::Randomness;

/// SHA-256 of a seed and a counter. Two of the same seed give the same bytes for the same calls;
/// nothing that is sealed with it is secret.
#[derive(Clone, Debug)]
pub struct Seeded {
    seed: u64,
    counter: u64,
}

impl Seeded {
    /// Begins at the seed's first block.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed, counter: 0 }
    }
}

impl Randomness for Seeded {
    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            let block = [self.seed.to_be_bytes(), self.counter.to_be_bytes()].concat();
            let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &block);
            self.counter += 1;
            for (byte, drawn) in chunk.iter_mut().zip(hash.as_ref()) {
                *byte = *drawn;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_itself() {
        let draw = |seed| {
            let mut bytes = [0; 70];
            Seeded::new(seed).fill(&mut bytes);
            bytes
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        assert_ne!(draw(1)[..32], draw(1)[32..64]);
    }
}
