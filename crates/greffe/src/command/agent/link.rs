//! `greffe agent link`: adds an account of a network to the agent. The connector links a device of
//! its own in a folder of its own, or looks whether the network's business interface opens; when that
//! is done, the folder becomes the account's, and its secrets are kept apart from its settings.

use std::collections::BTreeMap;
use std::io::{BufReader, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use capture::{AccountSettings, AgentStatus, CaptureSettings, Identity};
use connector::frame::{read_frame, write_frame};
use connector::{AgentSide, Field, LinkRequest, Start, Trouble, Up};
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use seal::Randomness;
use serde_json::json;

use super::run::{credential, lock, own_connector};
use crate::cli::agent::AgentLink;
use crate::command::Context;
use crate::engine::part_failed;
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::system::{OsRandomness, now};
use crate::text::{Fact, printable, say, say_with, word};

/// Networks whose connectors come with this program and can link an account.
const NETWORKS: &[&str] = &["signal", "whatsapp", "telegram"];
/// Longest secret.
const SECRET_BYTES: u64 = 4_096;

/// What a network's connector must know and nobody else: what its owner has to give, and what is
/// made here where it is not given.
fn secrets_of(network: &str, account: &AccountSettings) -> (Vec<&'static str>, Vec<&'static str>) {
    match network {
        "whatsapp" => (vec!["app-secret", "access-token"], vec!["verify-token"]),
        "telegram" if account.settings.contains_key("public-url") => {
            (vec!["bot-token"], vec!["webhook-secret"])
        }
        "telegram" => (vec!["bot-token"], Vec::new()),
        _ => (Vec::new(), Vec::new()),
    }
}

pub(crate) fn run(context: &Context, folder: &Path, arguments: &AgentLink) -> Result<(), Failure> {
    let network = arguments.network.as_str();
    if !NETWORKS.contains(&network) {
        return Err(Failure::new("agent-link-network")
            .with("network", printable(network))
            .with("known", NETWORKS.join(", ")));
    }
    if !folder.join("signer.seed").is_file() {
        return Err(Failure::new("agent-not-enrolled")
            .with("folder", folder)
            .exit(Exit::NotFound));
    }
    let mut account = AccountSettings::new(network, "", arguments.custodian.clone(), network);
    for setting in &arguments.set {
        let (name, value) = setting.split_once('=').ok_or_else(|| {
            Failure::new("agent-link-setting").with("setting", printable(setting))
        })?;
        account.settings.insert(name.to_owned(), value.to_owned());
    }
    account.limits.read = readable(&account, &arguments.read);
    context
        .output
        .note(&word(&format!("agent-link-{network}-before")));
    let secrets = secrets(network, &account, &arguments.secret)?;
    let linking = Linking::begin(folder, network)?;
    account.account = linking.link(context.output, &account, &secrets)?;
    // A running agent has the account's folder open: it must not be taken from under it.
    let replaced = linking.take_place(folder, network, &account.account)?;
    if !secrets.is_empty() {
        Identity::open_with(folder, credential()?)
            .and_then(|identity| identity.keep_secrets(network, &account.account, &secrets))
            .map_err(|error| part_failed("agent", &error))?;
    }
    let mut settings = CaptureSettings::read(folder).map_err(|e| part_failed("agent", &e))?;
    settings.put(account.clone());
    settings
        .write(folder)
        .map_err(|error| part_failed("agent", &error))?;
    let running = lock(folder).is_err();
    if running {
        tell_to_read(folder);
    }
    let value = json!({
        "network": network, "account": account.account, "custodian": account.custodian,
        "replaced": replaced, "agent_running": running,
        "callback": callback(network, &account),
        "verify_token": secrets.get("verify-token"),
    });
    context.output.result(&value, || {
        let linked = say!("agent-link-done", account = printable(&account.account));
        let next = word(if running {
            "agent-link-captured"
        } else {
            "agent-link-start"
        });
        let enter = callback(network, &account).map(|url| {
            let token = secrets.get("verify-token").map_or("", String::as_str);
            let token = printable(token);
            say!(
                "agent-link-whatsapp-enter",
                url = printable(&url),
                token = token
            )
        });
        let given = account.settings.contains_key("public-url");
        let address = enter
            .as_ref()
            .filter(|_| !given)
            .map(|_| word("agent-link-whatsapp-address"));
        let all = [Some(linked), Some(next), enter, address];
        all.into_iter().flatten().collect::<Vec<_>>().join("\n")
    });
    Ok(())
}

/// What is to be entered at Meta as the address.
fn callback(network: &str, account: &AccountSettings) -> Option<String> {
    if network != "whatsapp" {
        return None;
    }
    let path = account
        .settings
        .get("path")
        .map_or("/whatsapp", String::as_str);
    let given = account.settings.get("public-url").cloned();
    Some(given.unwrap_or_else(|| format!("https://…{path}")))
}

/// The secrets that the network's connector needs: from the files that were named, from the
/// terminal, or made here.
fn secrets(
    network: &str,
    account: &AccountSettings,
    named: &[String],
) -> Result<BTreeMap<String, String>, Failure> {
    let (wanted, made) = secrets_of(network, account);
    let mut secrets = BTreeMap::new();
    for secret in named {
        let split = secret.split_once('=');
        let known = split.filter(|(name, _)| wanted.contains(name) || made.contains(name));
        let (name, file) = known.ok_or_else(|| {
            let known = [wanted.as_slice(), made.as_slice()].concat().join(", ");
            Failure::new("agent-link-secret-unknown")
                .with("secret", printable(split.map_or("", |(name, _)| name)))
                .with("known", known)
        })?;
        secrets.insert(name.to_owned(), secret_in(Path::new(file))?);
    }
    for name in wanted {
        if secrets.contains_key(name) {
            continue;
        }
        if !std::io::stdin().is_terminal() {
            return Err(Failure::new("agent-link-secret").with("secret", name));
        }
        let asked = rpassword::prompt_password(word(&format!("agent-link-ask-{name}")));
        let asked = asked.map_err(|_| Failure::new("agent-link-secret").with("secret", name))?;
        secrets.insert(name.to_owned(), asked.trim().to_owned());
    }
    for name in made {
        let made = || {
            let mut bytes = [0; 24];
            OsRandomness::new().fill(&mut bytes);
            canonical::hex(&bytes)
        };
        secrets.entry(name.to_owned()).or_insert_with(made);
    }
    Ok(secrets)
}

fn secret_in(path: &Path) -> Result<String, Failure> {
    let failed = |error: std::io::Error| {
        Failure::new("can-not-read")
            .with("path", path)
            .because(&error)
    };
    let mut text = String::new();
    if path == Path::new("-") {
        std::io::stdin()
            .take(SECRET_BYTES)
            .read_to_string(&mut text)
            .map_err(failed)?;
    } else {
        let file = std::fs::File::open(path).map_err(failed)?;
        file.take(SECRET_BYTES)
            .read_to_string(&mut text)
            .map_err(failed)?;
    }
    Ok(text.trim().to_owned())
}

/// What the connector's process must be able to read: the folders of the programs that were named.
fn readable(account: &AccountSettings, named: &[PathBuf]) -> Vec<PathBuf> {
    let mut read = named.to_vec();
    if account.network != "signal" {
        // A renewal puts another file in the place of a certificate: its folder is named.
        for name in ["tls-cert", "tls-key", "ca"] {
            let path = account.settings.get(name).map(PathBuf::from);
            let path = path.and_then(|path| std::fs::canonicalize(path).ok());
            read.extend(path.and_then(|path| Some(path.parent()?.to_owned())));
        }
        read.sort();
        read.dedup();
        return read;
    }
    let program = account.settings.get("signal-cli");
    let found = program
        .map(PathBuf::from)
        .or_else(|| on_path("signal-cli"))
        .and_then(|path| std::fs::canonicalize(path).ok());
    // The launcher lies in `bin` beside `lib`.
    read.extend(found.and_then(|path| Some(path.parent()?.parent()?.to_owned())));
    let java = account.settings.get("java-home").map(PathBuf::from);
    let java = java.or_else(|| on_path("java"));
    let java = java.and_then(|path| std::fs::canonicalize(path).ok());
    read.extend(java.and_then(|path| {
        if path.is_dir() {
            return Some(path);
        }
        Some(path.parent()?.parent()?.to_owned())
    }));
    // Whole systems are no program's folder.
    read.retain(|path| path.components().count() > 2);
    read.sort();
    read.dedup();
    read
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file())
}

/// A folder in which a device is being linked. Dropped before it has taken its place, it is removed:
/// the keys of a device that nobody uses lie in it.
struct Linking {
    folder: PathBuf,
}

impl Linking {
    fn begin(agent: &Path, network: &str) -> Result<Self, Failure> {
        let folder = agent
            .join("linking")
            .join(format!("{network}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).map_err(|error| {
            Failure::new("can-not-write")
                .with("path", folder.as_path())
                .because(&error)
        })?;
        Ok(Self { folder })
    }

    /// Runs the connector until its device is linked; gives the account.
    fn link(
        &self,
        output: Output,
        account: &AccountSettings,
        secrets: &BTreeMap<String, String>,
    ) -> Result<String, Failure> {
        let failed = |error: &dyn std::error::Error| part_failed("connector", error);
        let mut settings: Vec<Field> = account
            .settings
            .iter()
            .chain(secrets)
            .map(|(name, value)| Field(name.clone(), value.clone()))
            .collect();
        settings.push(Field("link".to_owned(), "yes".to_owned()));
        let start = Start {
            version: connector::VERSION,
            account: "linking".to_owned(),
            custodian: account.custodian.clone(),
            folder: self.folder.to_string_lossy().into_owned(),
            settings,
            position: None,
        };
        let command = own_connector(&account.network).confined_to(account.limits.read.clone());
        let (child, from, mut to) = command
            .start(&self.folder)
            .map_err(|error| failed(&error))?;
        let (mut side, first) = AgentSide::new(start, now()).map_err(|error| failed(&error))?;
        write_frame(&mut to, &first.to_frame()).map_err(|error| failed(&error))?;
        let linked = converse(output, &mut side, from);
        drop(to);
        child.end();
        linked
    }

    /// Becomes the account's folder. What a former device of the account left there and is not
    /// durable yet stays: only the network's own files are replaced.
    fn take_place(self, agent: &Path, network: &str, account: &str) -> Result<bool, Failure> {
        let failed = |error: &dyn std::error::Error| part_failed("agent", error);
        let identity = Identity::open_with(agent, credential()?).map_err(|error| failed(&error))?;
        let place = identity.connector_folder(network, account);
        let moved = |error: std::io::Error| {
            Failure::new("can-not-write")
                .with("path", place.as_path())
                .because(&error)
        };
        let replaced = place.exists();
        if replaced && network != "signal" {
            // What the account's connector keeps is its own; a business interface leaves nothing
            // beside it.
            return Ok(replaced);
        }
        if replaced {
            let data = place.join("signal-cli");
            if data.exists() {
                std::fs::remove_dir_all(&data).map_err(moved)?;
            }
            std::fs::rename(self.folder.join("signal-cli"), data).map_err(moved)?;
        } else {
            if let Some(parent) = place.parent() {
                std::fs::create_dir_all(parent).map_err(moved)?;
            }
            std::fs::rename(&self.folder, &place).map_err(moved)?;
        }
        Ok(replaced)
    }
}

impl Drop for Linking {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn converse(output: Output, side: &mut AgentSide, from: impl Read) -> Result<String, Failure> {
    let failed = |error: &dyn std::error::Error| part_failed("connector", error);
    let mut from = BufReader::new(from);
    let mut content = Vec::new();
    let mut account = None;
    while read_frame(&mut from, &mut content).map_err(|error| failed(&error))? {
        let message = Up::from_frame(&content).map_err(|error| failed(&error))?;
        match side.receive(message).map_err(|error| failed(&error))? {
            Up::RequestLink(request) if request.form == "linked" => account = Some(request.content),
            Up::RequestLink(request) => show(output, &request),
            Up::Trouble(trouble) if trouble.fatal => {
                output.note(&told(&trouble));
                return Err(Failure::new("agent-link-failed"));
            }
            Up::Trouble(trouble) => output.note(&told(&trouble)),
            Up::Done(_) => break,
            _ => {}
        }
    }
    account.ok_or_else(|| Failure::new("agent-link-failed"))
}

fn told(trouble: &Trouble) -> String {
    let facts: Vec<(&str, Fact)> = trouble
        .facts
        .iter()
        .map(|Field(name, value)| (name.as_str(), printable(value).into()))
        .collect();
    say_with(&trouble.key, &facts)
}

/// The code goes to standard error: it is for eyes, and `--json` has standard output.
fn show(output: Output, request: &LinkRequest) {
    if request.form == "bot" {
        output.note(&say!(
            "agent-link-telegram-connect",
            bot = printable(&request.content)
        ));
        return;
    }
    let picture = QrCode::new(request.content.as_bytes())
        .map(|code| {
            code.render::<Dense1x2>()
                .dark_color(Dense1x2::Dark)
                .light_color(Dense1x2::Light)
                .build()
        })
        .unwrap_or_default();
    let mut err = std::io::stderr().lock();
    let _ = writeln!(err, "\n{picture}");
    drop(err);
    output.note(&say!(
        "agent-link-scan",
        address = printable(&request.content)
    ));
}

/// Asks the agent that runs to read `agent.toml` again.
fn tell_to_read(folder: &Path) {
    let Ok(Some(status)) = AgentStatus::read(folder) else {
        return;
    };
    if let Some(pid) = i32::try_from(status.pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw)
    {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::HUP);
    }
}
