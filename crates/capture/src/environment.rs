//! What the agent takes from outside: time, randomness, and the places at which a disk can fail.

use std::sync::Arc;

use canonical::Milliseconds;
use seal::Randomness;

use crate::spool::{Unhindered, WritePoints};

/// Time, randomness and disk faults, as arguments. Cloning gives another handle.
#[derive(Clone)]
pub struct Environment {
    clock: Arc<dyn Fn() -> Milliseconds + Send + Sync>,
    randomness: Arc<dyn Fn() -> Box<dyn Randomness + Send> + Send + Sync>,
    points: Arc<dyn WritePoints>,
}

impl Environment {
    /// A clock, and a maker of randomness for each thread that seals.
    pub fn new(
        clock: impl Fn() -> Milliseconds + Send + Sync + 'static,
        randomness: impl Fn() -> Box<dyn Randomness + Send> + Send + Sync + 'static,
    ) -> Self {
        Self {
            clock: Arc::new(clock),
            randomness: Arc::new(randomness),
            points: Arc::new(Unhindered),
        }
    }

    /// The same, with something standing at the spool's write points.
    #[must_use]
    pub fn with_points(mut self, points: Arc<dyn WritePoints>) -> Self {
        self.points = points;
        self
    }

    /// The time now.
    pub fn now(&self) -> Milliseconds {
        (self.clock)()
    }

    /// Randomness for one thread.
    pub fn randomness(&self) -> Box<dyn Randomness + Send> {
        (self.randomness)()
    }

    pub(crate) fn points(&self) -> Arc<dyn WritePoints> {
        Arc::clone(&self.points)
    }
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Environment")
    }
}
