//! Speaking with the reading room: one that is open, or one that is opened for a single command.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use vault::follow::VaultFolder;
use vault::room::frame::{MAX_ANSWER, read_message, write_message};
use vault::room::process::{RoomClient, RoomProcess, StartError};
use vault::room::protocol::{Answer, Ask, Opened, Secret, Unlock};

use crate::command::Context;
use crate::engine::{self, Owner};
use crate::failure::{Exit, Failure};
use crate::home::Home;

/// Seconds without a request after which a room that one command opened ends by itself.
const ONE_COMMAND: u64 = 120;

/// A conversation with an open reading room.
pub(crate) struct Room {
    client: RoomClient,
    /// The room's process, if this command opened it for itself; it ends with the command.
    _own: Option<RoomProcess>,
}

/// What bytes are, as the archive says.
pub(crate) struct Given {
    /// File name as given; never a path.
    pub(crate) name: Option<String>,
    /// Media type.
    pub(crate) media_type: Option<String>,
    /// How many.
    pub(crate) length: u64,
}

impl Room {
    /// Joins the room that is open, or opens one for this command alone.
    pub(crate) fn open(context: &Context, home: &Home) -> Result<Self, Failure> {
        if let Some(room) = Self::join(home)? {
            return Ok(room);
        }
        let own = start(&unlock(context, home, ONE_COMMAND)?)?;
        let room = Self::join(home)?.ok_or_else(unexpected)?;
        Ok(Self {
            _own: Some(own),
            ..room
        })
    }

    /// Opens a room that stays, until it is idle for `idle_seconds` or locked. Gives whether it was
    /// opened now.
    pub(crate) fn keep_open(
        context: &Context,
        home: &Home,
        idle_seconds: u64,
    ) -> Result<bool, Failure> {
        if Self::join(home)?.is_some() {
            return Ok(false);
        }
        let unlock = unlock(context, home, idle_seconds)?;
        let mut keeper = own_program(&["reading-room", "--keep"])?
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| gone(&error))?;
        let (Some(mut to), Some(mut from)) = (keeper.stdin.take(), keeper.stdout.take()) else {
            return Err(unexpected());
        };
        write_message(&mut to, &unlock).map_err(|error| gone(&error))?;
        match read_message(&mut from, MAX_ANSWER).map_err(|error| gone(&error))? {
            Opened::Open { .. } => Ok(true),
            Opened::Refused { why, wrong_secret } => Err(refused(&why, wrong_secret)),
        }
    }

    /// The room that is open, if one is.
    pub(crate) fn join(home: &Home) -> Result<Option<Self>, Failure> {
        let path = VaultFolder::at(home.part("vault")?).socket();
        Ok(RoomClient::connect(&path, who())
            .ok()
            .map(|client| Self { client, _own: None }))
    }

    /// Asks something and gives the answer; a problem becomes a failure.
    pub(crate) fn ask(&mut self, ask: Ask) -> Result<Answer, Failure> {
        understood(self.client.ask(ask).map_err(|error| gone(&error))?)
    }

    /// Asks for bytes and writes them as they come; tells what they are.
    pub(crate) fn fetch(&mut self, ask: Ask, to: &mut impl Write) -> Result<Given, Failure> {
        match understood(
            self.client
                .ask_bytes(ask, to)
                .map_err(|error| gone(&error))?,
        )? {
            Answer::Bytes {
                name,
                media_type,
                length,
            } => Ok(Given {
                name,
                media_type,
                length,
            }),
            _ => Err(unexpected()),
        }
    }

    /// Ends the room and everything it holds.
    pub(crate) fn lock(mut self) -> Result<(), Failure> {
        self.ask(Ask::Lock).map(|_| ())
    }
}

/// Plays the keeper of a room that stays: its parent, which outlives the command that unlocked.
pub(crate) fn keep() -> Result<(), Failure> {
    let unlock: Unlock =
        read_message(&mut std::io::stdin(), MAX_ANSWER).map_err(|error| gone(&error))?;
    let answer = |opened: &Opened| {
        write_message(&mut std::io::stdout(), opened).map_err(|error| gone(&error))
    };
    let mut room = match RoomProcess::start(own_program(&["reading-room"])?, &unlock) {
        Ok(room) => room,
        Err(StartError::Refused { why, wrong_secret }) => {
            return answer(&Opened::Refused { why, wrong_secret });
        }
        Err(error) => return Err(gone(&error)),
    };
    drop(unlock);
    // The terminal that unlocked may close; the room goes on until it is idle or locked.
    let _ = rustix::process::setsid();
    answer(&Opened::Open {
        socket: String::new(),
        hardening: room.hardening(),
    })?;
    room.wait().map_err(|error| gone(&error))
}

fn start(unlock: &Unlock) -> Result<RoomProcess, Failure> {
    RoomProcess::start(own_program(&["reading-room"])?, unlock).map_err(|error| match error {
        StartError::Refused { why, wrong_secret } => refused(&why, wrong_secret),
        other => gone(&other),
    })
}

fn refused(why: &str, wrong_secret: bool) -> Failure {
    let key = if wrong_secret {
        "unlock-failed"
    } else {
        "room-refused"
    };
    Failure::new(key).with("why", why).exit(Exit::Locked)
}

/// This program, playing another part; what it says on standard error is nobody's.
fn own_program(arguments: &[&str]) -> Result<Command, Failure> {
    let mut command = Command::new(std::env::current_exe().map_err(|error| gone(&error))?);
    command.args(arguments).stderr(Stdio::null());
    Ok(command)
}

/// What unlocks the room; it goes over the room's standard input.
fn unlock(context: &Context, home: &Home, idle_seconds: u64) -> Result<Unlock, Failure> {
    let secret = match context.secret()? {
        engine::Secret::Passphrase(passphrase) => {
            Secret::Passphrase(passphrase.as_str().to_owned())
        }
        engine::Secret::Shares(shares) => Secret::Shares(
            shares
                .iter()
                .map(|share| share.to_qr().to_string())
                .collect(),
        ),
    };
    Ok(Unlock {
        folder: text(home.part("vault")?),
        keyring: text(Owner::open(home)?.keyring_path()),
        stores: home.settings()?.keyring_stores,
        secret,
        who: who(),
        idle_seconds,
    })
}

fn understood(answer: Answer) -> Result<Answer, Failure> {
    match answer {
        Answer::Problem { why, code, span } => Err(problem(&why, &code, span)),
        answer => Ok(answer),
    }
}

/// Who asks, for the audit trail: the account of the operating system.
fn who() -> String {
    let name = std::env::var("USER").or_else(|_| std::env::var("LOGNAME"));
    let id = rustix::process::getuid().as_raw();
    format!("{} (uid {id})", name.unwrap_or_else(|_| "user".to_owned()))
}

fn problem(why: &str, code: &str, span: Option<(usize, usize)>) -> Failure {
    let exit = if code == "not-found" {
        Exit::NotFound
    } else {
        Exit::Failed
    };
    let key = match code {
        "query" => "room-query",
        "not-found" => "room-not-found",
        "audit" => "room-audit",
        "damaged" => "room-damaged",
        _ => "room-failed",
    };
    let at = span.map_or_else(String::new, |(from, _)| (from + 1).to_string());
    Failure::new(key).with("why", why).with("at", at).exit(exit)
}

fn text(path: PathBuf) -> String {
    path.to_string_lossy().into_owned()
}

fn gone(error: &dyn std::error::Error) -> Failure {
    Failure::new("room-gone").because(error)
}

/// An answer of another kind than the request asks for.
pub(crate) fn unexpected() -> Failure {
    Failure::new("room-gone").with("why", "")
}
