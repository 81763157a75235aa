//! The connector: settings, recognition, and the reader of the format that was found.

use std::io::{Read, Write};
use std::path::Path;

use connector::Hello;
use connector::kit::{self, Context, KitError, failed};
use jiff::tz::TimeZone;
use record::{Assurance, Milliseconds, Mode, NetworkName, Source, TextId};

use crate::coverage::coverage;
use crate::open::{Content, Export, Format, OpenError, open};
use crate::whatsapp::DateOrder;
use crate::{desktop, element, mail, signal_export, table, telegram, whatsapp};

/// Name and version in every record.
const CONNECTOR: &str = concat!("imports/", env!("CARGO_PKG_VERSION"));

/// What the agent asked for.
pub(crate) struct Settings {
    pub(crate) zone: Option<TimeZone>,
    pub(crate) dates: Option<DateOrder>,
    pub(crate) me: Option<String>,
    pub(crate) title: Option<String>,
    /// The conversation's id on its network, where the export does not say it.
    pub(crate) conversation: Option<String>,
}

/// Imports the export that the settings name, speaking the connector protocol.
///
/// # Errors
///
/// When the export can not be read at all, or the agent's stream is broken; the agent was told
/// why. Damage within an export is no error: it becomes loss records.
pub fn run<'o, I>(
    input: I,
    output: &'o mut dyn Write,
    clock: impl Fn() -> Milliseconds + 'o,
) -> Result<(), KitError>
where
    I: Read + Send + 'static,
{
    kit::run(input, output, clock, import)
}

fn import(ctx: &mut Context<'_>) -> Result<(), KitError> {
    let path = ctx
        .setting("path")
        .ok_or_else(|| failed("import-path-missing", &[]))?
        .to_owned();
    let settings = settings(ctx)?;
    let mapping = ctx.setting("mapping").map(str::to_owned);
    let export = match &mapping {
        Some(_) => table_at(Path::new(&path)),
        None => open(Path::new(&path), ctx.folder()),
    }
    .map_err(|error| not_opened(&path, &error))?;
    let (network, way) = match export.format {
        Format::WhatsApp => (NetworkName::WHATSAPP, "whatsapp-export"),
        Format::Telegram => (NetworkName::TELEGRAM, "telegram-export"),
        Format::Element => (NetworkName::MATRIX, "matrix-export"),
        Format::Mail => (mixed()?, "mail-archive"),
        Format::Table => (mixed()?, "table"),
        Format::SignalDesktop => (NetworkName::SIGNAL, "signal-desktop-export"),
        Format::SignalExport => (NetworkName::SIGNAL, "signal-export"),
    };
    ctx.hello(Hello {
        version: connector::VERSION,
        connector: CONNECTOR.to_owned(),
        way: way.to_owned(),
        network: network.as_str().to_owned(),
        coverage: coverage(export.format),
        notices: false,
    })?;
    let id = |text: &str, what: &str| {
        TextId::new(text).map_err(|_| failed("import-setting", &[("name", what)]))
    };
    let source = Source {
        network,
        account: id(&ctx.start().account, "account")?,
        custodian: id(&ctx.start().custodian, "custodian")?,
        connector: id(&format!("{CONNECTOR} {way}"), "connector")?,
        assurance: Assurance::Export,
        mode: Mode::Import,
    };
    match export.format {
        Format::WhatsApp => whatsapp::import(ctx, source, &export, settings),
        Format::Telegram => telegram::import(ctx, source, &export, settings),
        Format::Element => element::import(ctx, source, &export, &settings),
        Format::Mail => mail::import(ctx, source, &export, &settings, name("email")?),
        Format::Table => {
            let mapping = mapping.unwrap_or_default();
            table::import(ctx, source, &export, &settings, &mapping)
        }
        Format::SignalDesktop => desktop::import(ctx, source, &export, &settings),
        Format::SignalExport => signal_export::import(ctx, source, &export, &settings),
    }
}

/// A table; only a mapping says that a file is one.
fn table_at(path: &Path) -> Result<Export, OpenError> {
    std::fs::File::open(path)?;
    let name = path.file_stem().unwrap_or_default();
    Ok(Export {
        format: Format::Table,
        content: Content::File {
            path: path.to_owned(),
            folder: path.parent().unwrap_or(Path::new(".")).to_owned(),
        },
        name: name.to_string_lossy().into_owned(),
    })
}

/// What `hello` says where each record names its own network (CONN-2).
fn mixed() -> Result<NetworkName, KitError> {
    name("mixed")
}

fn name(network: &str) -> Result<NetworkName, KitError> {
    NetworkName::new(network).map_err(|_| failed("import-setting", &[("name", "network")]))
}

fn settings(ctx: &Context<'_>) -> Result<Settings, KitError> {
    let text = |name: &str| {
        ctx.setting(name)
            .filter(|value| !value.is_empty())
            .map(str::to_owned)
    };
    let wrong =
        |name: &str, value: &str| failed("import-setting", &[("name", name), ("value", value)]);
    let zone = text("zone")
        .map(|name| TimeZone::get(&name).map_err(|_| wrong("zone", &name)))
        .transpose()?;
    let dates = text("dates")
        .map(|order| DateOrder::from_setting(&order).ok_or_else(|| wrong("dates", &order)))
        .transpose()?;
    Ok(Settings {
        zone,
        dates,
        me: text("me"),
        title: text("title"),
        conversation: text("conversation"),
    })
}

fn not_opened(path: &str, error: &OpenError) -> KitError {
    let key = match error {
        OpenError::Io(_) => "import-unreadable",
        OpenError::Archive(_) => "import-archive-damaged",
        OpenError::TooManyEntries { .. } => "import-archive-too-large",
        OpenError::NothingFound => "import-nothing-found",
    };
    let detail = match error {
        OpenError::Io(error) => error.to_string(),
        OpenError::Archive(error) => error.to_string(),
        other => other.to_string(),
    };
    failed(key, &[("path", path), ("detail", &detail)])
}

impl Export {
    /// The title that a name of a file gives, without what the network puts before it.
    pub(crate) fn title(&self, settings: &Settings) -> String {
        settings
            .title
            .clone()
            .unwrap_or_else(|| whatsapp::title_of(&self.name))
    }
}
