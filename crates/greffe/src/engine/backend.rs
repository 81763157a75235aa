//! Where a command's requests go: to the parts of `greffe up` if it runs, else to parts that the
//! command starts in its own process.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

use super::Engine;
use super::request::{Event, Request};
use crate::failure::{Exit, Failure};
use crate::home::Home;

/// The parts, wherever they run.
pub(crate) enum Backend {
    /// `greffe up` answers.
    Up(UnixStream),
    /// In this process.
    Own(Box<Engine>),
}

impl Backend {
    /// Finds `greffe up`, or starts the parts here.
    pub(crate) async fn open(home: &Home) -> Result<Self, Failure> {
        if let Ok(socket) = UnixStream::connect(home.up_socket()) {
            return Ok(Self::Up(socket));
        }
        Engine::start(home, None)
            .await
            .map(|engine| Self::Own(Box::new(engine)))
    }

    /// Asks, and hears until the end.
    pub(crate) async fn ask(
        &mut self,
        home: &Home,
        request: Request,
        tell: &mut (dyn FnMut(Event) + Send),
    ) -> Result<(), Failure> {
        match self {
            Self::Own(engine) => engine.serve(home, request, false, tell).await,
            Self::Up(socket) => tokio::task::block_in_place(|| over_socket(socket, &request, tell)),
        }
    }

    /// Ends the parts that were started here.
    pub(crate) async fn close(self) {
        if let Self::Own(engine) = self {
            engine.shutdown().await;
        }
    }
}

/// One request, answered by lines of JSON; an empty line ends the answer.
fn over_socket(
    socket: &mut UnixStream,
    request: &Request,
    tell: &mut (dyn FnMut(Event) + Send),
) -> Result<(), Failure> {
    let gone = |error: &dyn std::error::Error| Failure::new("up-gone").because(error);
    let line = serde_json::to_string(request).map_err(|error| gone(&error))?;
    socket
        .write_all(format!("{line}\n").as_bytes())
        .map_err(|error| gone(&error))?;
    let mut reader = BufReader::new(socket);
    let mut line = String::new();
    loop {
        line.clear();
        let read = reader.read_line(&mut line).map_err(|error| gone(&error))?;
        if read == 0 {
            return Err(Failure::new("up-gone").with("why", ""));
        }
        if line.trim().is_empty() {
            return Ok(());
        }
        match serde_json::from_str(&line).map_err(|error| gone(&error))? {
            Event::Failed { key, facts, exit } => return Err(told(&key, &facts, exit)),
            event => tell(event),
        }
    }
}

/// A failure that `greffe up` told, in this user's language. Its key is one of the catalogue's.
fn told(key: &str, facts: &[(String, String)], exit: u8) -> Failure {
    let exit = match exit {
        3 => Exit::NotFound,
        4 => Exit::Locked,
        5 => Exit::NotVerified,
        6 => Exit::Busy,
        _ => Exit::Failed,
    };
    let text = crate::text::say_with(
        key,
        &facts
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str().into()))
            .collect::<Vec<_>>(),
    );
    Failure::new("up-says").with("text", text).exit(exit)
}
