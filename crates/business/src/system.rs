//! The system's clocks and its randomness, read in one place.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use record::Milliseconds;

/// The wall clock.
#[expect(
    clippy::disallowed_methods,
    reason = "a program reads the clock in one place"
)]
pub fn now() -> Milliseconds {
    Milliseconds::new(jiff::Timestamp::now().as_millisecond())
}

/// Fresh random bytes; `None` if the system has none.
#[expect(
    clippy::disallowed_methods,
    reason = "a program draws its randomness in one place"
)]
pub(crate) fn fresh<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).ok()?;
    Some(bytes)
}

/// Time since this was first asked, whatever happens to the wall clock.
#[expect(
    clippy::disallowed_methods,
    reason = "a program reads its clock in one place"
)]
pub(crate) fn running() -> Duration {
    static BEGIN: OnceLock<Instant> = OnceLock::new();
    BEGIN.get_or_init(Instant::now).elapsed()
}
