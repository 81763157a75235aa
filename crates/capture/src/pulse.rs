//! Two small signals between threads: somebody is to stop, somebody was heard.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use canonical::Milliseconds;

/// Asks whoever runs to end. Cloning gives another handle.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<Asked>);

/// When something was heard last. Cloning gives another handle.
#[derive(Clone, Debug)]
pub struct Pulse(Arc<AtomicI64>);

#[derive(Debug, Default)]
struct Asked {
    asked: Mutex<bool>,
    told: Condvar,
}

/// Before any time: nothing was heard.
const NEVER: i64 = i64::MIN;

impl Stop {
    /// Asks for the end; that of a conversation comes within some five seconds.
    pub fn ask(&self) {
        *self.0.asked.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.told.notify_all();
    }

    /// Whether somebody asked.
    pub fn is_asked(&self) -> bool {
        *self.0.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits at most so long for somebody to ask. True when somebody did.
    pub fn wait(&self, most: Duration) -> bool {
        let asked = self.0.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let (asked, _) = self
            .0
            .told
            .wait_timeout_while(asked, most, |asked| !*asked)
            .unwrap_or_else(PoisonError::into_inner);
        *asked
    }
}

impl Pulse {
    /// Something was heard.
    pub fn beat(&self, now: Milliseconds) {
        self.0.store(now.get(), Ordering::Release);
    }

    /// When, if ever.
    pub fn last(&self) -> Option<Milliseconds> {
        match self.0.load(Ordering::Acquire) {
            NEVER => None,
            at => Some(Milliseconds::new(at)),
        }
    }
}

impl Default for Pulse {
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(NEVER)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_waits_is_woken_by_the_first_who_asks() {
        let stop = Stop::default();
        assert!(!stop.wait(Duration::ZERO));
        let waiting = std::thread::spawn({
            let stop = stop.clone();
            move || stop.wait(Duration::from_secs(600))
        });
        stop.ask();
        assert!(waiting.join().unwrap());
        assert!(stop.is_asked());
    }

    #[test]
    fn nothing_was_heard_before_the_first_beat() {
        let pulse = Pulse::default();
        assert_eq!(pulse.last(), None);
        pulse.clone().beat(Milliseconds::new(5));
        assert_eq!(pulse.last(), Some(Milliseconds::new(5)));
    }
}
