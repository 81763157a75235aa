//! The other side: starts a room's process, and asks it.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::frame::{Frame, FrameError, MAX_ANSWER, read_frame, read_message, write_message};
use super::hardening::Hardening;
use super::protocol::{Answer, Ask, Opened, Request, Unlock};

/// A room's process. Dropped, it ends.
#[derive(Debug)]
pub struct RoomProcess {
    child: Child,
    hardening: Hardening,
}

/// Why a room did not open.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The process could not be started.
    #[error("starting the reading room")]
    Spawn(#[source] std::io::Error),
    /// The process did not answer.
    #[error("the reading room ended before it opened")]
    Silent(#[source] FrameError),
    /// The room refused.
    #[error("{why}")]
    Refused {
        /// Why, for people.
        why: String,
        /// Whether the passphrase or the shares were wrong.
        wrong_secret: bool,
    },
}

/// Why a question was not answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// No room is open.
    #[error("no reading room is open: unlock the vault")]
    Locked(#[source] std::io::Error),
    /// The room has ended, or the conversation broke off.
    #[error("the reading room ended the conversation")]
    Broken(#[from] FrameError),
    /// The bytes could not be written where they should go.
    #[error("writing the bytes")]
    Write(#[source] std::io::Error),
}

/// A conversation with an open room.
#[derive(Debug)]
pub struct RoomClient {
    stream: UnixStream,
    who: String,
}

impl RoomProcess {
    /// Starts `command` (the program with its hidden subcommand, which calls
    /// [`serve`](super::serve::serve)) and unlocks it. The secret goes through the pipe only: never
    /// through arguments or the environment. Blocks while the passphrase's key is derived.
    ///
    /// # Errors
    ///
    /// When the process does not start, or the room refuses.
    pub fn start(mut command: Command, unlock: &Unlock) -> Result<Self, StartError> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(StartError::Spawn)?;
        let opened = (|| {
            let input = child.stdin.as_mut().ok_or(FrameError::Ended)?;
            write_message(input, unlock)?;
            let output = child.stdout.as_mut().ok_or(FrameError::Ended)?;
            read_message::<Opened>(output, MAX_ANSWER)
        })();
        match opened {
            Ok(Opened::Open { hardening, .. }) => Ok(Self { child, hardening }),
            Ok(Opened::Refused { why, wrong_secret }) => {
                let _ = child.wait();
                Err(StartError::Refused { why, wrong_secret })
            }
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(StartError::Silent(error))
            }
        }
    }

    /// What the kernel granted the room.
    #[must_use]
    pub fn hardening(&self) -> Hardening {
        self.hardening
    }

    /// The process's id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether the room has ended.
    ///
    /// # Errors
    ///
    /// When the system does not say.
    pub fn has_ended(&mut self) -> std::io::Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Waits until the room ends by itself: locked by a client, or idle.
    ///
    /// # Errors
    ///
    /// When the system does not say.
    pub fn wait(&mut self) -> std::io::Result<()> {
        // `Child::wait` would close the pipe, and with it the room.
        let pipe = self.child.stdin.take();
        let ended = self.child.wait().map(drop);
        drop(pipe);
        ended
    }

    /// Locks: closes the pipe, and waits for the process to end.
    ///
    /// # Errors
    ///
    /// When the system does not say.
    pub fn lock(mut self) -> std::io::Result<()> {
        drop(self.child.stdin.take());
        self.child.wait().map(drop)
    }
}

impl Drop for RoomProcess {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

impl RoomClient {
    /// Connects to the room of a vault; `who` asks, for the audit trail.
    ///
    /// # Errors
    ///
    /// When no room is open.
    pub fn connect(socket: &Path, who: impl Into<String>) -> Result<Self, AskError> {
        Ok(Self {
            stream: UnixStream::connect(socket).map_err(AskError::Locked)?,
            who: who.into(),
        })
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    ///
    /// When the room has ended.
    pub fn ask(&mut self, ask: Ask) -> Result<Answer, AskError> {
        let request = Request {
            who: self.who.clone(),
            ask,
        };
        write_message(&mut self.stream, &request)?;
        Ok(read_message(&mut self.stream, MAX_ANSWER)?)
    }

    /// Asks for bytes, which are written to `to` as they come. Gives the message that came before
    /// them, or the problem that ended them.
    ///
    /// # Errors
    ///
    /// When the room has ended, or `to` refuses.
    pub fn ask_bytes(&mut self, ask: Ask, to: &mut impl Write) -> Result<Answer, AskError> {
        let first = self.ask(ask)?;
        if !matches!(first, Answer::Bytes { .. }) {
            return Ok(first);
        }
        loop {
            match read_frame(&mut self.stream, MAX_ANSWER)? {
                Frame::Piece(piece) if piece.is_empty() => return Ok(first),
                Frame::Piece(piece) => to.write_all(&piece).map_err(AskError::Write)?,
                Frame::Message(message) => {
                    return serde_json::from_slice(&message)
                        .map_err(|_| FrameError::Structure.into());
                }
            }
        }
    }
}
