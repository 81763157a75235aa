//! The relay's time. A clock is handed in, so that tests can step it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use canonical::Milliseconds;

/// Tells the time in milliseconds since 1970.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System,
    Stepped(Arc<AtomicI64>),
}

impl Clock {
    /// The clock of the machine.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still until it is stepped.
    #[must_use]
    pub fn stepped(start: Milliseconds) -> Self {
        Self(Source::Stepped(Arc::new(AtomicI64::new(start.get()))))
    }

    /// Moves a stepped clock by so many milliseconds (back, if negative); does nothing to the
    /// clock of the machine.
    pub fn step(&self, milliseconds: i64) {
        if let Source::Stepped(now) = &self.0 {
            now.fetch_add(milliseconds, Ordering::SeqCst);
        }
    }

    /// The time now. A machine whose clock stands before 1970 is told 0.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the relay reads the clock"
    )]
    pub fn now(&self) -> Milliseconds {
        match &self.0 {
            Source::System => {
                let since = SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .unwrap_or_default();
                Milliseconds::new(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
            }
            Source::Stepped(now) => Milliseconds::new(now.load(Ordering::SeqCst)),
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Source::System => f.write_str("Clock(system)"),
            Source::Stepped(_) => f.write_str("Clock(stepped)"),
        }
    }
}
