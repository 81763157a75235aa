//! The two things that the pure crates get as arguments: the clock and the randomness of this machine.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use canonical::Milliseconds;
use seal::Randomness;

/// Milliseconds since 1970-01-01T00:00:00Z, by this machine's clock.
#[expect(
    clippy::disallowed_methods,
    reason = "the program's one place that reads the clock"
)]
pub(crate) fn now() -> Milliseconds {
    Milliseconds::new(jiff::Timestamp::now().as_millisecond())
}

/// Randomness of the operating system.
#[derive(Debug)]
pub(crate) struct OsRandomness(SystemRandom);

impl OsRandomness {
    #[expect(
        clippy::disallowed_methods,
        reason = "the program's one source of randomness"
    )]
    pub(crate) fn new() -> Self {
        Self(SystemRandom::new())
    }
}

impl Randomness for OsRandomness {
    fn fill(&mut self, bytes: &mut [u8]) {
        if self.0.fill(bytes).is_err() {
            // Without randomness nothing can be sealed; going on would seal to guessable keys.
            std::process::abort();
        }
    }
}
