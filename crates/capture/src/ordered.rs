//! Work on several threads whose results come out in the order in which the work went in.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::Scope;

/// Results in order; each is waited for when it is its turn.
pub(crate) struct InOrder<O>(Receiver<Receiver<O>>);

/// Runs `work` on `workers` threads of `scope` until `input` is at its end or the results are no
/// longer wanted. At most `2 * workers` pieces are held at once.
pub(crate) fn in_order<'scope, I, O, F>(
    scope: &'scope Scope<'scope, '_>,
    workers: usize,
    input: Receiver<I>,
    work: F,
) -> InOrder<O>
where
    I: Send + 'scope,
    O: Send + 'scope,
    F: FnMut(I) -> O + Clone + Send + 'scope,
{
    let (give, take) = sync_channel::<(I, SyncSender<O>)>(0);
    let (line_up, line) = sync_channel(workers);
    let take = std::sync::Arc::new(Mutex::new(take));
    for _ in 0..workers {
        let take = std::sync::Arc::clone(&take);
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
    InOrder(line)
}

impl<O> InOrder<O> {
    /// The next result; `None` after the last, or when a worker ended early.
    pub(crate) fn next(&self) -> Option<O> {
        self.0.recv().ok()?.recv().ok()
    }

    /// The next result, if there is work in the line already.
    pub(crate) fn next_begun(&self) -> Option<O> {
        self.0.try_recv().ok()?.recv().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_whoever_is_faster() {
        let (send, input) = sync_channel(0);
        let results: Vec<u64> = std::thread::scope(|scope| {
            let line = in_order(scope, 3, input, |n: u64| {
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
            let line = in_order(scope, 2, input, |n: u64| n);
            scope.spawn(move || while send.send(1).is_ok() {});
            assert_eq!(line.next(), Some(1));
            drop(line);
        });
    }
}
