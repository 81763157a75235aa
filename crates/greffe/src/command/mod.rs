//! The commands, one file each. A command does its work through the engine or the reading room and
//! gives its result as a JSON value and as sentences.

mod agent;
mod bytes;
mod ceremony;
pub(crate) mod consent;
mod custody;
mod demo;
mod doctor;
mod holders;
mod import;
mod init;
mod keys;
mod look;
mod manual;
mod office;
mod people;
mod plan;
mod proof;
mod serve;
mod standing;
mod stores;
mod up;
mod watching;

use clap::error::{ContextKind, ErrorKind};

use crate::cli::{Command, Global};
use crate::engine::Secret;
use crate::failure::Failure;
use crate::output::Output;
use crate::secret::Passphrase;
use crate::shares;
use crate::text::say;

/// A time in UTC, to the minute.
pub(crate) use standing::time as time_of;

/// What every command gets.
pub(crate) struct Context {
    pub(crate) global: Global,
    pub(crate) output: Output,
    pub(crate) runtime: tokio::runtime::Runtime,
}

impl Context {
    pub(crate) fn new(global: Global, output: Output) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| {
                Failure::new("part-failed")
                    .with("part", "tokio")
                    .because(&error)
            })?;
        Ok(Self {
            global,
            output,
            runtime,
        })
    }
}

impl Context {
    /// How this user opens the keyring: holders' shares if any were named, else the passphrase.
    pub(crate) fn secret(&self) -> Result<Secret, Failure> {
        if self.global.ask_holders {
            return ceremony::ask(self).map(Secret::Shares);
        }
        if self.global.share.is_empty() {
            return Passphrase::ask(self.global.passphrase_file.as_deref()).map(Secret::Passphrase);
        }
        self.shares().map(Secret::Shares)
    }

    /// The shares that were named. Passphrase files are for those that are sealed, in their order;
    /// for the others the terminal is asked.
    pub(crate) fn shares(&self) -> Result<Vec<seal::Share>, Failure> {
        let mut passphrases = self.global.share_passphrase_file.iter();
        let paths = self.global.share.iter();
        let shares = paths.map(|path| {
            shares::read(path, || match passphrases.next() {
                Some(file) => Passphrase::ask(Some(file)),
                None => {
                    self.output
                        .note(&say!("share-passphrase-of", path = path.as_path()));
                    Passphrase::ask_for(None, "share-passphrase-ask")
                }
            })
        });
        shares.collect()
    }
}

/// Does what the user asked for.
pub(crate) fn run(context: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::Init(arguments) => init::run(context, &arguments),
        Command::Up(arguments) => up::run(context, &arguments),
        Command::Agent(arguments) => agent::run(context, &arguments),
        Command::Invite(arguments) => office::invite(context, &arguments),
        Command::Enrolments(arguments) => office::enrolments(context, &arguments),
        Command::Revoke(arguments) => office::revoke(context, &arguments),
        Command::Plan(arguments) => plan::run(context, &arguments),
        Command::Import(arguments) => import::run(context, &arguments),
        Command::Search(arguments) => look::search(context, &arguments),
        Command::Show(arguments) => look::show(context, &arguments),
        Command::People(arguments) => people::run(context, &arguments),
        Command::Gaps => standing::gaps(context),
        Command::Events(arguments) => watching::events(context, &arguments),
        Command::Alarms(arguments) => watching::alarms(context, &arguments.action),
        Command::Verify(arguments) => proof::verify(context, &arguments),
        Command::Prove(arguments) => proof::prove(context, &arguments),
        Command::Keys(arguments) => keys::run(context, &arguments),
        Command::Share(arguments) => ceremony::share(context, &arguments),
        Command::Unlock(arguments) => custody::unlock(context, &arguments),
        Command::Lock => custody::lock(context),
        Command::Status => standing::status(context),
        Command::Doctor => doctor::run(context),
        Command::Demo(arguments) => demo::run(context, &arguments),
        Command::Relay(arguments) => serve::relay(context, &arguments),
        Command::Witness(arguments) => serve::witness(context, &arguments),
        Command::ReadingRoom(arguments) => custody::reading_room(&arguments),
        Command::Connector(arguments) => custody::connector(&arguments),
        Command::Completions(arguments) => manual::completions(&arguments),
        Command::Man(arguments) => manual::man(context, &arguments),
    }
}

/// What is wrong with a command line, in the user's language.
pub(crate) fn usage_text(error: &clap::Error) -> String {
    let context = |kind| error.get(kind).map(ToString::to_string).unwrap_or_default();
    let argument = || context(ContextKind::InvalidArg);
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            say!(
                "usage-no-command",
                command = context(ContextKind::InvalidSubcommand)
            )
        }
        ErrorKind::UnknownArgument => say!("usage-no-argument", argument = argument()),
        ErrorKind::MissingRequiredArgument => say!("usage-missing", argument = argument()),
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            say!("usage-missing-command")
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => say!(
            "usage-value",
            argument = argument(),
            value = context(ContextKind::InvalidValue),
            valid = context(ContextKind::ValidValue),
        ),
        ErrorKind::ArgumentConflict => say!(
            "usage-conflict",
            argument = argument(),
            other = context(ContextKind::PriorArg),
        ),
        _ => error
            .to_string()
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned(),
    }
}
