//! How the capture stands, from what listener, fetching and the network's own events say.

use std::sync::mpsc::Sender;

use connector::State;
use connector::kit::Waker;

use crate::fetch::Ended;

/// What the threads of a connector tell the one that speaks with the agent.
#[derive(Debug)]
pub enum Saying {
    /// A delivery was kept.
    Kept,
    /// The inbox takes nothing, and why.
    Refused(String),
    /// The network answers us, and accepts the token.
    Answered,
    /// The network can be reached and accepts the token; whether it gives us events is not said.
    Reached,
    /// The network does not accept the token any more, and why.
    TokenRefused(String),
    /// The network does not answer, and why.
    Away(String),
    /// Something else asks for this account's events, and only one may.
    Rival(String),
    /// A delivery for an account that nobody here captures.
    Stranger(String),
    /// Another account's listener did not take what is its own.
    NotPassed(String),
    /// A delivery was refused because of its form.
    Unreadable(String),
    /// Fetching a file ended, one way or another.
    #[doc(hidden)]
    Fetched(Ended),
}

/// Tells, and wakes who is told.
#[derive(Clone)]
pub struct Teller {
    sender: Sender<Saying>,
    waker: Waker,
}

/// What is known of the capture, apart from how much waits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The network took the account away, and how.
    pub unlinked: Option<String>,
    /// The token is not accepted.
    pub expired: Option<String>,
    /// The network does not answer.
    pub away: Option<String>,
    /// The disk takes nothing.
    pub full: Option<String>,
    /// Something else takes the events.
    pub rival: Option<String>,
}

impl Teller {
    /// To whoever holds the other end of `sender`, who waits where `waker` wakes.
    #[must_use]
    pub fn new(sender: Sender<Saying>, waker: Waker) -> Self {
        Self { sender, waker }
    }

    /// Tells; nobody to tell is no error: the connector ends.
    pub fn tell(&self, saying: Saying) {
        if self.sender.send(saying).is_ok() {
            self.waker.wake();
        }
    }
}

impl std::fmt::Debug for Teller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Teller")
    }
}

impl Standing {
    /// The worst of it.
    pub(crate) fn state(&self) -> Option<(State, &str)> {
        let told = |state, said: &'static str, detail: &Option<String>| {
            detail.as_ref().map(|_| (state, said))
        };
        if let Some(how) = &self.unlinked {
            return Some((State::Unlinked, how));
        }
        told(State::Expired, "the token is refused", &self.expired)
            .or_else(|| {
                told(
                    State::Lagging,
                    "something else takes the events",
                    &self.rival,
                )
            })
            .or_else(|| told(State::Lagging, "the disk takes nothing", &self.full))
            .or_else(|| told(State::Lagging, "the network does not answer", &self.away))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_is_told() {
        let mut standing = Standing::default();
        assert_eq!(standing.state(), None);
        standing.away = Some("timeout".into());
        assert_eq!(standing.state().unwrap().0, State::Lagging);
        standing.expired = Some("190".into());
        assert_eq!(standing.state().unwrap().0, State::Expired);
        standing.unlinked = Some("PARTNER_REMOVED".into());
        let told = standing.state().unwrap();
        assert_eq!(told, (State::Unlinked, "PARTNER_REMOVED"));
    }
}
