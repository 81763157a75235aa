//! The room's process: from the secret on its standard input to its end.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::Duration;

use super::answers::{Bytes, BytesError, Reply};
use super::desk::{Desk, OpenRoomError};
use super::frame::{FrameError, MAX_REQUEST, read_message, write_message, write_piece};
use super::hardening::harden;
use super::protocol::{Answer, Opened, Request, Unlock};
use crate::follow::report;

/// Clients at the same time.
const CLIENTS: usize = 16;
/// Bytes of the unlock message: a passphrase, or shares in words.
const MAX_UNLOCK: usize = 1 << 16;
/// How often the mirror is looked at.
const EVERY: Duration = Duration::from_millis(250);

/// Why a room's process ends with an error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// No unlock message came.
    #[error("reading what unlocks the room")]
    Unlock(#[source] FrameError),
    /// The room did not open; the parent was told.
    #[error("the room did not open")]
    Open(#[source] OpenRoomError),
    /// The socket could not be made.
    #[error("making the room's socket")]
    Socket(#[source] std::io::Error),
    /// The parent does not listen.
    #[error("telling the parent that the room is open")]
    Parent(#[source] FrameError),
}

/// Why the room ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Asked,
    ParentGone,
}

/// Is the reading room: hardens the process, opens with what the parent writes to `input`, tells it
/// so on `output`, and answers on the vault's socket until it is locked, idle for too long, or the
/// parent closes `input` or dies. The caller must end the process at once when this returns: threads
/// may still hold keys, and only the end of the process takes every key, cache and freed page with
/// it (ROOM-5).
///
/// # Errors
///
/// When the room did not open. The parent was told why.
pub fn serve(input: impl Read + Send + 'static, output: &mut impl Write) -> Result<(), ServeError> {
    let hardening = harden();
    let mut input = input;
    let unlock: Unlock = read_message(&mut input, MAX_UNLOCK).map_err(ServeError::Unlock)?;
    let (who, idle) = (unlock.who.clone(), unlock.idle_seconds);
    let desk = match Desk::open(&unlock, hardening) {
        Ok(desk) => Arc::new(desk),
        Err(error) => {
            let refused = Opened::Refused {
                why: report(&error),
                wrong_secret: matches!(
                    error,
                    OpenRoomError::Secret(_) | OpenRoomError::Share { .. }
                ),
            };
            write_message(output, &refused).map_err(ServeError::Parent)?;
            return Err(ServeError::Open(error));
        }
    };
    drop(unlock);
    let socket = desk.folder().socket();
    let listener = listen(&socket).map_err(ServeError::Socket)?;
    let (end, ended) = mpsc::channel();
    // The parent holds the other end of `input` open and never writes again: its end is our end.
    let parent = end.clone();
    std::thread::spawn(move || {
        let mut byte = [0; 1];
        while matches!(input.read(&mut byte), Ok(read) if read > 0) {}
        let _ = parent.send(End::ParentGone);
    });
    let filing = Arc::clone(&desk);
    std::thread::spawn(move || {
        let (_keep, tick) = mpsc::channel::<()>();
        loop {
            if !filing.pass() {
                let _ = tick.recv_timeout(EVERY);
            }
        }
    });
    let accepting = Arc::clone(&desk);
    std::thread::spawn(move || accept(&listener, &accepting, &end));
    let opened = Opened::Open {
        socket: socket.to_string_lossy().into_owned(),
        hardening: desk.status().hardening,
    };
    write_message(output, &opened).map_err(ServeError::Parent)?;
    let why = wait_for_end(&desk, &ended, idle);
    let _ = std::fs::remove_file(&socket);
    // Best effort: an end must not be held up by a full disk.
    let _ = desk.look(
        &who,
        "lock",
        vec![("why".to_owned(), why.to_owned())],
        Vec::new(),
    );
    Ok(())
}

fn wait_for_end(desk: &Desk, ended: &mpsc::Receiver<End>, idle: u64) -> &'static str {
    let most = i64::try_from(idle).unwrap_or(i64::MAX).saturating_mul(1000);
    loop {
        match ended.recv_timeout(EVERY) {
            Ok(End::Asked) => return "asked",
            Ok(End::ParentGone) | Err(RecvTimeoutError::Disconnected) => return "parent gone",
            Err(RecvTimeoutError::Timeout) if idle > 0 && desk.idle() > most => return "idle",
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

/// A stray socket of a room that was killed is replaced; a living one is not.
fn listen(path: &Path) -> std::io::Result<UnixListener> {
    if UnixStream::connect(path).is_ok() {
        return Err(std::io::Error::new(
            std::io::ErrorKind::AddrInUse,
            "a reading room is open already: use it, or lock it",
        ));
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

fn accept(listener: &UnixListener, desk: &Arc<Desk>, end: &Sender<End>) {
    let clients = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming() {
        let Ok(stream) = stream else { continue };
        // ROOM-3: only the user who runs the room may ask.
        let peer = rustix::net::sockopt::socket_peercred(&stream);
        if peer.map_or(true, |peer| peer.uid != rustix::process::geteuid()) {
            continue;
        }
        if clients.fetch_add(1, Ordering::SeqCst) >= CLIENTS {
            clients.fetch_sub(1, Ordering::SeqCst);
            continue;
        }
        let (desk, end, clients) = (Arc::clone(desk), end.clone(), Arc::clone(&clients));
        std::thread::spawn(move || {
            let _ = converse(stream, &desk, &end);
            clients.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

/// Answers one client until it goes.
fn converse(mut stream: UnixStream, desk: &Desk, end: &Sender<End>) -> Result<(), FrameError> {
    loop {
        let request: Request = match read_message(&mut stream, MAX_REQUEST) {
            Ok(request) => request,
            Err(FrameError::Structure) => {
                write_message(
                    &mut stream,
                    &Answer::Problem {
                        why: "this is no request of the room's protocol".to_owned(),
                        code: "request".to_owned(),
                        span: None,
                    },
                )?;
                continue;
            }
            Err(error) => return Err(error),
        };
        match desk.answer(request) {
            Reply::Answer(answer) => write_message(&mut stream, &answer)?,
            Reply::Bytes(answer, bytes) => {
                write_message(&mut stream, &answer)?;
                send_bytes(&mut stream, bytes)?;
            }
            Reply::End(answer) => {
                write_message(&mut stream, &answer)?;
                let _ = end.send(End::Asked);
                return Ok(());
            }
        }
    }
}

fn send_bytes(stream: &mut UnixStream, bytes: Bytes) -> Result<(), FrameError> {
    match bytes.each(&mut |piece| write_piece(stream, piece)) {
        Ok(()) => write_piece(stream, &[]),
        Err(BytesError::Frame(error)) => Err(error),
        Err(error) => write_message(
            stream,
            &Answer::Problem {
                why: report(&error),
                code: "damaged".to_owned(),
                span: None,
            },
        ),
    }
}
