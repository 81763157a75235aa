//! A bound on the connections that are open at once (LIMIT-1).

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum_server::accept::Accept;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::Service;

/// An acceptor that lets a connection in when there is room for it.
#[derive(Debug, Clone)]
pub(crate) struct Bounded<A> {
    inner: A,
    room: Arc<Semaphore>,
}

/// A connection's service; the room is given back when the connection ends.
#[derive(Debug, Clone)]
pub(crate) struct Held<S> {
    service: S,
    _room: Arc<OwnedSemaphorePermit>,
}

impl<A> Bounded<A> {
    pub(crate) fn new(inner: A, connections: usize) -> Self {
        Self {
            inner,
            room: Arc::new(Semaphore::new(connections.clamp(1, Semaphore::MAX_PERMITS))),
        }
    }
}

impl<A, I, S> Accept<I, S> for Bounded<A>
where
    A: Accept<I, S> + Clone + Send + 'static,
    A::Future: Send,
    I: Send + 'static,
    S: Send + 'static,
{
    type Stream = A::Stream;
    type Service = Held<A::Service>;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Self::Stream, Self::Service)>> + Send>>;

    fn accept(&self, stream: I, service: S) -> Self::Future {
        let (inner, room) = (self.inner.clone(), self.room.clone());
        Box::pin(async move {
            // No waiting in line: whoever is turned away tries again, and a line of sockets would
            // be the same number of sockets.
            let room = room.try_acquire_owned().map_err(io::Error::other)?;
            let (stream, service) = inner.accept(stream, service).await?;
            Ok((
                stream,
                Held {
                    service,
                    _room: Arc::new(room),
                },
            ))
        })
    }
}

impl<S: Service<R>, R> Service<R> for Held<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        self.service.call(request)
    }
}
