//! The command line: its shape here, its words in the catalogues (`i18n/`).
//!
//! Every command's and argument's help is looked up by a key made from its place:
//! `help-search` for the command, `help-search-limit` for its argument.

pub(crate) mod agent;
pub(crate) mod office;

use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use crate::text::{self, word};

/// What the user asked for.
#[derive(Debug, Parser)]
#[command(name = "greffe", version, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Arguments that every command takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    #[arg(long, global = true, env = "GREFFE_HOME", value_name = "DIR")]
    pub(crate) home: Option<PathBuf>,
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    #[arg(long, global = true, env = "GREFFE_LANG", value_name = "LANG")]
    pub(crate) lang: Option<String>,
    #[arg(
        long,
        global = true,
        env = "GREFFE_PASSPHRASE_FILE",
        value_name = "FILE"
    )]
    pub(crate) passphrase_file: Option<PathBuf>,
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) share: Vec<PathBuf>,
    /// Passphrases of sealed share files, in their order
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) share_passphrase_file: Vec<PathBuf>,
    #[arg(
        long,
        global = true,
        value_enum,
        env = "GREFFE_LOG",
        value_name = "LEVEL"
    )]
    pub(crate) log: Option<crate::logging::Level>,
    /// The holders give their shares on their own machines
    #[arg(long, global = true, conflicts_with = "share")]
    pub(crate) ask_holders: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Init(Init),
    Up(Up),
    Agent(agent::Agent),
    Invite(office::Invite),
    Enrolments(office::Enrolments),
    Revoke(office::RevokeAgent),
    Plan(office::PlanCommand),
    Import(Import),
    Search(Search),
    Show(Show),
    People(People),
    Gaps,
    Events(Events),
    Alarms(Alarms),
    Verify(Verify),
    Prove(Prove),
    Keys(Keys),
    Share(Share),
    Unlock(Unlock),
    Lock,
    Status,
    Doctor,
    Demo(Demo),
    Relay(Relay),
    Witness(Witness),
    Completions(Completions),
    Man(Man),
    #[command(hide = true)]
    ReadingRoom(ReadingRoom),
    #[command(hide = true)]
    Connector(Connector),
}

impl Command {
    /// Whether it runs on and has operators.
    pub(crate) fn is_part(&self) -> bool {
        matches!(
            self,
            Self::Up(_)
                | Self::Relay(_)
                | Self::Witness(_)
                | Self::Agent(agent::Agent {
                    action: agent::AgentAction::Run(_),
                    ..
                })
        )
    }
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// k of n holders instead of one passphrase
    #[arg(long, value_name = "K/N")]
    pub(crate) holders: Option<Holders>,
    #[arg(long, value_name = "DIR", requires = "holders")]
    pub(crate) shares: Option<PathBuf>,
    /// Shares as words and QR codes, to be printed
    #[arg(long, requires = "holders")]
    pub(crate) paper: bool,
    #[arg(long, value_enum, default_value = "month")]
    pub(crate) epochs: EpochLength,
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u16).range(1..=120))]
    pub(crate) ahead: u16,
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub(crate) years: u16,
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7443")]
    pub(crate) listen: std::net::SocketAddr,
}

/// `2/3`: two of three holders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Holders {
    pub(crate) threshold: u8,
    pub(crate) holders: u8,
}

impl std::str::FromStr for Holders {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.split_once('/')
            .and_then(|(k, n)| Some((k.trim().parse().ok()?, n.trim().parse().ok()?)))
            .filter(|&(k, n): &(u8, u8)| 2 <= k && k <= n && n <= 16)
            .map(|(threshold, holders)| Self { threshold, holders })
            .ok_or_else(|| word("holders-form"))
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum EpochLength {
    Month,
    Quarter,
    Year,
}

#[derive(Debug, Args)]
pub(crate) struct Up {
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<std::net::SocketAddr>,
    #[arg(long)]
    pub(crate) accept_new_log: bool,
    #[arg(long)]
    pub(crate) rebuild_relay: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Import {
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    #[arg(long, value_name = "ID")]
    pub(crate) account: Option<String>,
    #[arg(long, value_name = "NAME")]
    pub(crate) me: Option<String>,
    #[arg(long, value_name = "ID")]
    pub(crate) custodian: Option<String>,
    #[arg(long, value_name = "ZONE")]
    pub(crate) zone: Option<String>,
    #[arg(long, value_enum)]
    pub(crate) dates: Option<DateOrder>,
    #[arg(long, value_name = "TITLE")]
    pub(crate) title: Option<String>,
    #[arg(long, value_name = "TOML")]
    pub(crate) mapping: Option<PathBuf>,
    #[arg(long, value_name = "ID")]
    pub(crate) conversation: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum DateOrder {
    #[value(name = "day-first")]
    Day,
    #[value(name = "month-first")]
    Month,
    #[value(name = "year-first")]
    Year,
}

#[derive(Debug, Args)]
pub(crate) struct Search {
    #[arg(required = true, value_name = "QUERY")]
    pub(crate) query: Vec<String>,
    #[arg(long, short = 'n', default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub(crate) limit: u32,
    #[arg(long, value_name = "CURSOR")]
    pub(crate) after: Option<String>,
    #[arg(long, value_enum, default_value = "newest")]
    pub(crate) order: Order,
    #[arg(long)]
    pub(crate) facets: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Order {
    Newest,
    Oldest,
    Best,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    #[arg(value_name = "MESSAGE")]
    pub(crate) message: String,
    #[arg(long, short = 'C', default_value_t = 3, value_parser = clap::value_parser!(u32).range(0..=200))]
    pub(crate) context: u32,
    #[arg(long, value_name = "DIR")]
    pub(crate) save_attachments: Option<PathBuf>,
    #[arg(long, conflicts_with_all = ["attachment", "save_attachments"])]
    pub(crate) original: bool,
    #[arg(long, value_name = "N", conflicts_with = "save_attachments", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(crate) attachment: Option<u32>,
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct People {
    #[command(subcommand)]
    pub(crate) action: Option<PeopleAction>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PeopleAction {
    List,
    Add(PersonAdd),
    Bind(PersonBind),
    Import(PeopleImport),
    Agents,
}

#[derive(Debug, Args)]
pub(crate) struct PersonAdd {
    pub(crate) id: String,
    pub(crate) name: String,
}

#[derive(Debug, Args)]
pub(crate) struct PersonBind {
    pub(crate) id: String,
    pub(crate) network: String,
    pub(crate) account: String,
    #[arg(long, value_name = "DATE")]
    pub(crate) from: Option<String>,
    #[arg(long, value_name = "DATE")]
    pub(crate) to: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct PeopleImport {
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    #[arg(value_name = "PROOF")]
    pub(crate) proofs: Vec<PathBuf>,
    #[arg(long, value_name = "FINGERPRINT")]
    pub(crate) archive: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Prove {
    #[arg(value_name = "MESSAGE")]
    pub(crate) message: String,
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(crate) withhold: Vec<PartName>,
    #[arg(long)]
    pub(crate) attachments: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PartName {
    Participants,
    Body,
    Original,
    Attachments,
}

#[derive(Debug, Args)]
pub(crate) struct Keys {
    #[command(subcommand)]
    pub(crate) action: KeysAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysAction {
    List,
    MakeAhead(MakeAhead),
    Destroy(DestroyKey),
    Stores(KeyStores),
    Holders(KeyHolders),
}

#[derive(Debug, Args)]
pub(crate) struct KeyStores {
    #[command(subcommand)]
    pub(crate) action: StoresAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StoresAction {
    Add(StoreAdd),
    Remove(StoreRemove),
    List,
    Check,
}

#[derive(Debug, Args)]
pub(crate) struct StoreRemove {
    pub(crate) name: String,
    /// The folder is lost or destroyed: what it held can not be removed any more
    #[arg(long)]
    pub(crate) gone: bool,
}

#[derive(Debug, Args)]
pub(crate) struct StoreAdd {
    pub(crate) name: String,
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct KeyHolders {
    #[command(subcommand)]
    pub(crate) action: HoldersAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum HoldersAction {
    List,
    Replace(ReplaceHolders),
}

#[derive(Debug, Args)]
pub(crate) struct ReplaceHolders {
    #[arg(value_name = "K/N")]
    pub(crate) holders: Holders,
    #[arg(long, value_name = "DIR")]
    pub(crate) shares: PathBuf,
    /// Shares as words and QR codes, to be printed
    #[arg(long)]
    pub(crate) paper: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Share {
    #[command(subcommand)]
    pub(crate) action: ShareAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ShareAction {
    Give(GiveShare),
    Paper,
}

#[derive(Debug, Args)]
pub(crate) struct GiveShare {
    #[arg(value_name = "REQUEST")]
    pub(crate) request: PathBuf,
    #[arg(long, value_name = "DIGITS")]
    pub(crate) fingerprint: Option<String>,
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct MakeAhead {
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u16).range(1..=120))]
    pub(crate) periods: u16,
}

#[derive(Debug, Args)]
pub(crate) struct DestroyKey {
    #[arg(value_name = "EPOCH", required_unless_present = "finish")]
    pub(crate) epoch: Option<String>,
    #[arg(long, value_name = "EPOCH")]
    pub(crate) confirm: Option<String>,
    /// Finish what is pending at some store
    #[arg(long, conflicts_with_all = ["epoch", "confirm"])]
    pub(crate) finish: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Unlock {
    #[arg(long, value_name = "MINUTES", default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=480))]
    pub(crate) idle: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Events {
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    #[arg(long, value_name = "NUMBER", conflicts_with = "since")]
    pub(crate) after: Option<u64>,
    #[arg(long, short = 'n', value_name = "NUMBER", default_value_t = 1000)]
    pub(crate) limit: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Alarms {
    #[command(subcommand)]
    pub(crate) action: AlarmsAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AlarmsAction {
    Test,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    #[arg(long)]
    pub(crate) keep: bool,
    #[arg(long, conflicts_with = "keep")]
    pub(crate) clean: bool,
    #[arg(long, value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Relay {
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    #[arg(long, value_name = "VAULT")]
    pub(crate) rebuild_from: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Witness {
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Completions {
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub(crate) struct Man {
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ReadingRoom {
    #[arg(long)]
    pub(crate) keep: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Connector {
    pub(crate) name: String,
    /// What the connector of that name wants to know.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) rest: Vec<std::ffi::OsString>,
}

/// The command line with its words in the language chosen.
pub(crate) fn localized() -> clap::Command {
    localize(Cli::command(), "help").after_help(word("help-after"))
}

fn localize(command: clap::Command, key: &str) -> clap::Command {
    let mut command = command;
    if let Some(about) = text::find(key) {
        command = command.about(about);
    }
    if let Some(long) = text::find(&format!("{key}-long")) {
        command = command.long_about(long);
    }
    if let Some(examples) = text::find(&format!("{key}-examples")) {
        command = command.after_help(examples);
    }
    let root = key == "help";
    let mut command = command.mut_args(|argument| {
        let place = if argument.is_global_set() || root {
            "help"
        } else {
            key
        };
        let name = argument.get_id().as_str().replace('_', "-");
        let argument = match text::find(&format!("{place}-arg-{name}")) {
            Some(help) => argument.help(help),
            None => argument,
        };
        // Apart from a command's own, which are what its help is read for.
        match root {
            true => argument.help_heading(word("help-everywhere")),
            false => argument,
        }
    });
    let names: Vec<String> = command
        .get_subcommands()
        .map(|sub| sub.get_name().to_owned())
        .collect();
    for name in names {
        command = command.mut_subcommand(&name, |sub| localize(sub, &format!("{key}-{name}")));
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every visible command and argument explains itself in every language.
    #[test]
    fn help_is_complete() {
        let mut missing = Vec::new();
        for language in text::LANGUAGES {
            text::with_language(language, || {
                collect_missing(&localize(Cli::command(), "help"), language, &mut missing);
            });
        }
        assert_eq!(missing, Vec::<String>::new());
    }

    fn collect_missing(command: &clap::Command, language: &str, missing: &mut Vec<String>) {
        if command.is_hide_set() {
            return;
        }
        if command.get_about().is_none() {
            missing.push(format!("{language}: {}", command.get_name()));
        }
        for argument in command.get_arguments() {
            let built_in = matches!(argument.get_id().as_str(), "help" | "version");
            if argument.get_help().is_none() && !built_in {
                missing.push(format!(
                    "{language}: {} {}",
                    command.get_name(),
                    argument.get_id()
                ));
            }
        }
        for sub in command.get_subcommands() {
            collect_missing(sub, language, missing);
        }
    }

    #[test]
    fn the_shape_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn holders_are_k_of_n() {
        assert_eq!(
            "2/3".parse(),
            Ok(Holders {
                threshold: 2,
                holders: 3
            })
        );
        for wrong in ["1/3", "4/3", "2", "2/17", "x/y"] {
            assert!(wrong.parse::<Holders>().is_err(), "{wrong}");
        }
    }
}
