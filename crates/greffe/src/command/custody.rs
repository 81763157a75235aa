//! `greffe unlock` and `greffe lock`.

use serde_json::json;

use super::Context;
use crate::cli::{ReadingRoom, Unlock};
use crate::failure::Failure;
use crate::home::Home;
use crate::room::{self, Room};
use crate::text::{say, word};

/// Opens the reading room until it is idle or locked.
pub(crate) fn unlock(context: &Context, arguments: &Unlock) -> Result<(), Failure> {
    let home = Home::find(context.global.home.as_deref())?;
    let opened = Room::keep_open(context, &home, u64::from(arguments.idle) * 60)?;
    context.output.result(
        &json!({ "unlocked": true, "opened": opened, "idle_minutes": arguments.idle }),
        || {
            if opened {
                say!("unlocked", minutes = arguments.idle)
            } else {
                word("unlocked-already")
            }
        },
    );
    Ok(())
}

/// Ends the reading room, with every key in it.
pub(crate) fn lock(context: &Context) -> Result<(), Failure> {
    let home = Home::find(context.global.home.as_deref())?;
    let was_open = match Room::join(&home)? {
        Some(room) => room.lock().map(|()| true)?,
        None => false,
    };
    context
        .output
        .result(&json!({ "locked": true, "was_open": was_open }), || {
            word(if was_open { "locked" } else { "locked-already" })
        });
    Ok(())
}

/// Plays the reading room, or its keeper: told over standard input, hidden from users.
pub(crate) fn reading_room(arguments: &ReadingRoom) -> Result<(), Failure> {
    if arguments.keep {
        return room::keep();
    }
    vault::room::serve::serve(std::io::stdin(), &mut std::io::stdout())
        .map_err(|error| Failure::new("room-failed").because(&error))
}

/// Plays a connector: told over standard input, hidden from users.
pub(crate) fn connector(arguments: &crate::cli::Connector) -> Result<(), Failure> {
    match arguments.name.as_str() {
        "imports" => imports::run(std::io::stdin(), &mut std::io::stdout(), crate::system::now)
            .map_err(|error| Failure::new("connector-failed").because(&error)),
        "signal" => signal::run(
            std::io::stdin(),
            &mut std::io::stdout(),
            crate::system::now,
            signal_guard()?,
        )
        .map_err(|error| Failure::new("connector-failed").because(&error)),
        "whatsapp" => whatsapp::run(std::io::stdin(), &mut std::io::stdout(), crate::system::now)
            .map_err(|error| Failure::new("connector-failed").because(&error)),
        "telegram" => telegram::run(std::io::stdin(), &mut std::io::stdout(), crate::system::now)
            .map_err(|error| Failure::new("connector-failed").because(&error)),
        SIGNAL_GUARD => {
            let error = signal::become_guarded(arguments.rest.iter().cloned());
            Err(Failure::new("connector-failed").because(&error))
        }
        other => Err(Failure::new("connector-unknown").with("name", other)),
    }
}

/// How this program is started so that it becomes a signal-cli that ends with its connector.
const SIGNAL_GUARD: &str = "signal-guard";

fn signal_guard() -> Result<signal::GuardCommand, Failure> {
    let program = std::env::current_exe()
        .map_err(|error| Failure::new("connector-failed").because(&error))?;
    Ok(signal::GuardCommand {
        program,
        arguments: vec!["connector".into(), SIGNAL_GUARD.into()],
    })
}
