//! The connector as a process: signal-cli as its child, the journal between them, and the protocol
//! with the agent.

mod accounts;
mod daemon;
mod delivery;
mod entries;
mod evidence;
mod groups;
mod notices;
mod outgoing;
mod session;
mod settings;
mod state;
mod version;
mod wire;

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use connector::Hello;
use connector::kit::{self, Context, KitError, failed};
use record::{Assurance, Milliseconds, Mode, NetworkName, Source, TextId};

use crate::guard::GuardCommand;
use crate::journal::{EntryNumber, FolderKey, Journal};
use delivery::Delivery;
use entries::Translator;
use session::Session;
use settings::Settings;
use state::State;

/// Name and version in every record.
const CONNECTOR: &str = concat!("signal/", env!("CARGO_PKG_VERSION"));
const WAY: &str = "signal-cli";

/// What other threads tell the connector's own.
pub(crate) enum Heard {
    /// The journal has grown.
    Appended,
    /// The journal takes nothing; the reader waits.
    DiskRefused(String),
    /// signal-cli answered.
    Answer(u64, wire::Answer),
    /// signal-cli closed its socket, or is gone.
    Closed,
    /// A line of signal-cli's standard error.
    Evidence(String),
    /// signal-cli closed its standard error.
    EvidenceEnded,
}

/// Captures the account that the agent names, or links a device, speaking the connector protocol.
/// `guard` starts this program so that it becomes a signal-cli that ends with it.
///
/// # Errors
///
/// When signal-cli can not be used at all, or the agent's stream is broken; the agent was told why.
pub fn run<I>(
    input: I,
    output: &mut dyn Write,
    clock: fn() -> Milliseconds,
    guard: GuardCommand,
) -> Result<(), KitError>
where
    I: Read + Send + 'static,
{
    kit::run(input, output, clock, |ctx| capture(ctx, clock, guard))
}

fn capture(
    ctx: &mut Context<'_>,
    clock: fn() -> Milliseconds,
    guard: GuardCommand,
) -> Result<(), KitError> {
    let settings = Settings::of(ctx.start());
    ctx.hello(Hello {
        version: connector::VERSION,
        connector: CONNECTOR.to_owned(),
        way: WAY.to_owned(),
        network: NetworkName::SIGNAL.as_str().to_owned(),
        coverage: crate::coverage(),
        notices: true,
    })?;
    let id = |text: &str, what: &str| {
        TextId::new(text).map_err(|_| failed("signal-setting", &[("name", what)]))
    };
    // A link says whose device it is; until then there is nobody.
    let account = if settings.link {
        "linking"
    } else {
        &ctx.start().account
    };
    let source = Source {
        network: NetworkName::SIGNAL,
        account: id(account, "account")?,
        custodian: id(&ctx.start().custodian, "custodian")?,
        connector: id(&format!("{CONNECTOR} {WAY}"), "connector")?,
        assurance: Assurance::Device,
        mode: Mode::Live,
    };
    let folder = ctx.folder().to_owned();
    let _lock = lock(ctx)?;
    let key = FolderKey::of(&folder, settings.folder_key.as_deref()).map_err(no_journal)?;
    let position = ctx
        .position()
        .and_then(|position| position.as_bytes().try_into().ok())
        .map_or(EntryNumber::default(), |bytes| {
            EntryNumber::new(u64::from_be_bytes(bytes))
        });
    let state = State::open(&folder, &key);
    let durable = position.max(state.through());
    let journal = Journal::open(&folder, key.clone(), durable).map_err(no_journal)?;
    let translator = Translator {
        source,
        attachments: settings.data.join("attachments"),
        folder,
        number: None,
        notices: settings.notice().is_some(),
    };
    let (sender, heard) = channel();
    let journal = Arc::new(Mutex::new(journal));
    let delivery = Delivery::new(translator, key, journal, state, position, clock);
    let mut session = Session::new(ctx, settings, guard, clock, delivery, sender);
    let ended = session.run(ctx, &heard);
    session.close(&heard);
    ended
}

fn no_journal(error: impl std::error::Error) -> KitError {
    let detail = match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    failed("signal-journal", &[("detail", &detail)])
}

/// One connector at a time works in a folder: the one before may still be ending.
fn lock(ctx: &mut Context<'_>) -> Result<File, KitError> {
    const TRIES: u32 = 60;
    let path = ctx.folder().join("lock");
    let failure = |error: std::io::Error| {
        failed(
            "signal-journal",
            &[("detail", &format!("{}: {error}", path.display()))],
        )
    };
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path)
        .map_err(failure)?;
    for _ in 0..TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(std::fs::TryLockError::WouldBlock) => {
                ctx.next_request(Duration::from_millis(500))?;
            }
            Err(std::fs::TryLockError::Error(error)) => return Err(failure(error)),
        }
    }
    Err(failed("signal-in-use", &[]))
}
