//! The one place where the vault's processes read the clock and draw randomness.

use canonical::Milliseconds;
use seal::Randomness;

/// Now, by the system's clock.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where this program reads the clock"
)]
pub fn now() -> Milliseconds {
    Milliseconds::new(jiff::Timestamp::now().as_millisecond())
}

/// The system's randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandomness;

impl Randomness for SystemRandomness {
    /// Ends the process if the system has no randomness: nothing can be sealed then.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where this program draws randomness"
    )]
    fn fill(&mut self, bytes: &mut [u8]) {
        if aws_lc_rs::rand::fill(bytes).is_err() {
            std::process::abort();
        }
    }
}
