//! Work on several threads whose results come out in the order in which the work went in.

use std::cell::RefCell;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::Scope;
use std::time::Duration;

use tokio::time::Instant;

/// Results in order; each is waited for when it is its turn.
pub(crate) struct InOrder<O> {
    line: Receiver<Receiver<O>>,
    /// The first of the line, where it was not ready.
    first: RefCell<Option<Receiver<O>>>,
}

/// Runs `work` on `workers` threads of `scope` until `input` is at its end or the results are no
/// longer wanted. At most `waiting` results wait beside the pieces that are worked on.
pub(crate) fn in_order<'scope, I, O, F>(
    scope: &'scope Scope<'scope, '_>,
    workers: usize,
    waiting: usize,
    input: Receiver<I>,
    work: F,
) -> InOrder<O>
where
    I: Send + 'scope,
    O: Send + 'scope,
    F: FnMut(I) -> O + Clone + Send + 'scope,
{
    let (give, take) = sync_channel::<(I, SyncSender<O>)>(0);
    let (line_up, line) = sync_channel(waiting);
    let take = Arc::new(Mutex::new(take));
    for _ in 0..workers {
        let take = Arc::clone(&take);
        let mut work = work.clone();
        scope.spawn(move || {
            loop {
                // The lock is held while waiting: the others wait for it instead of for work.
                let next = take.lock().unwrap_or_else(PoisonError::into_inner).recv();
                let Ok((piece, result)) = next else { break };
                if result.send(work(piece)).is_err() {
                    break;
                }
            }
        });
    }
    scope.spawn(move || {
        for piece in input {
            let (result, place) = sync_channel(1);
            if line_up.send(place).is_err() || give.send((piece, result)).is_err() {
                break;
            }
        }
    });
    InOrder {
        line,
        first: RefCell::new(None),
    }
}

impl<O> InOrder<O> {
    /// The next result; `None` after the last, or when a worker ended early.
    pub(crate) fn next(&self) -> Option<O> {
        let first = self.first.take();
        first.or_else(|| self.line.recv().ok())?.recv().ok()
    }

    /// The next result, if it is ready before `until`.
    pub(crate) fn next_until(&self, until: Instant) -> Option<O> {
        let left = || until.saturating_duration_since(Instant::now());
        let place = match self.first.take() {
            Some(place) => place,
            None => self.line.recv_timeout(left()).ok()?,
        };
        match place.recv_timeout(left()) {
            Ok(result) => Some(result),
            // Whoever asks next waits for it, or finds that it will not come.
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                self.first.replace(Some(place));
                None
            }
        }
    }
}

/// Bounds how many bytes are on their way at once. Cloning gives another handle.
#[derive(Clone)]
pub(crate) struct Room(Arc<RoomState>);

struct RoomState {
    most: usize,
    held: Mutex<usize>,
    freed: Condvar,
}

/// Some of the room; dropped, it is free again.
pub(crate) struct Held {
    room: Room,
    bytes: usize,
}

impl Room {
    pub(crate) fn new(most: usize) -> Self {
        Self(Arc::new(RoomState {
            most,
            held: Mutex::new(0),
            freed: Condvar::new(),
        }))
    }

    /// Waits until there is room for so many bytes; what is larger than the room has it alone.
    pub(crate) fn take(&self, bytes: usize) -> Held {
        let held = self.0.held.lock().unwrap_or_else(PoisonError::into_inner);
        let full = |held: &mut usize| *held > 0 && *held + bytes > self.0.most;
        let mut held = self
            .0
            .freed
            .wait_while(held, full)
            .unwrap_or_else(PoisonError::into_inner);
        *held += bytes;
        Held {
            room: self.clone(),
            bytes,
        }
    }
}

impl Held {
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let state = &self.room.0;
        let mut held = state.held.lock().unwrap_or_else(PoisonError::into_inner);
        *held -= self.bytes;
        state.freed.notify_all();
    }
}

/// A time so long from now.
pub(crate) fn from_now(wait: Duration) -> Instant {
    Instant::now() + wait
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_whoever_is_faster() {
        let (send, input) = sync_channel(0);
        let results: Vec<u64> = std::thread::scope(|scope| {
            let line = in_order(scope, 3, 3, input, |n: u64| {
                // The first pieces are the slowest.
                (0..(50 - n) * 10_000).fold(n, |a, b| a.wrapping_add(b ^ b))
            });
            scope.spawn(move || (0..50).for_each(|n| send.send(n).unwrap()));
            std::iter::from_fn(|| line.next()).collect()
        });
        assert_eq!(results, (0..50).collect::<Vec<_>>());
    }

    #[test]
    fn everything_ends_when_nobody_wants_results() {
        let (send, input) = sync_channel(0);
        std::thread::scope(|scope| {
            let line = in_order(scope, 2, 2, input, |n: u64| n);
            scope.spawn(move || while send.send(1).is_ok() {});
            assert_eq!(line.next(), Some(1));
            drop(line);
        });
    }

    #[test]
    fn what_is_not_ready_is_left_in_its_place() {
        let (send, input) = sync_channel(2);
        let (ready, go) = sync_channel::<()>(0);
        let go = Arc::new(Mutex::new(go));
        std::thread::scope(|scope| {
            let line = in_order(scope, 1, 2, input, move |n: u64| {
                if n == 2 {
                    let _ = go.lock().unwrap().recv();
                }
                n
            });
            (1..=3).for_each(|n| send.send(n).unwrap());
            drop(send);
            assert_eq!(line.next(), Some(1));
            assert_eq!(line.next_until(Instant::now()), None);
            ready.send(()).unwrap();
            assert_eq!((line.next(), line.next()), (Some(2), Some(3)));
            assert_eq!(line.next(), None);
        });
    }

    #[test]
    fn room_is_bounded_and_one_large_piece_has_it_alone() {
        let room = Room::new(10);
        let large = room.take(100);
        std::thread::scope(|scope| {
            let small = scope.spawn(|| room.take(1));
            drop(large);
            let small = small.join().unwrap();
            let second = room.take(9);
            drop((small, second));
        });
        assert_eq!(*room.0.held.lock().unwrap(), 0);
    }
}
