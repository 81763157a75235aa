//! The connector: settings, recognition, and the reader of the format that was found.

use std::io::{Read, Write};
use std::path::Path;

use connector::kit::{self, Context, KitError, failed};
use connector::{Coverage, Extent, Hello};
use jiff::tz::TimeZone;
use record::{Assurance, Kind, Milliseconds, Mode, NetworkName, Source, TextId};

use crate::open::{Export, Format, OpenError, open};
use crate::whatsapp::DateOrder;
use crate::{telegram, whatsapp};

/// Name and version in every record.
const CONNECTOR: &str = concat!("imports/", env!("CARGO_PKG_VERSION"));

/// What the agent asked for.
pub(crate) struct Settings {
    pub(crate) zone: Option<TimeZone>,
    pub(crate) dates: Option<DateOrder>,
    pub(crate) me: Option<String>,
    pub(crate) title: Option<String>,
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
    let export = open(Path::new(&path), ctx.folder()).map_err(|error| not_opened(&path, &error))?;
    let (network, way) = match export.format {
        Format::WhatsApp => (NetworkName::WHATSAPP, "whatsapp-export"),
        Format::Telegram => (NetworkName::TELEGRAM, "telegram-export"),
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
    }
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

/// What exports tell of each kind of event.
fn coverage(format: Format) -> Vec<Coverage> {
    let telegram = format == Format::Telegram;
    Kind::all()
        .iter()
        .map(|kind| {
            let (extent, remark) = match kind {
                Kind::Message => (Extent::Late, "as the export shows them"),
                Kind::Edit => (
                    Extent::Withheld,
                    "marked as edited; earlier texts are not exported",
                ),
                Kind::Delete if telegram => (Extent::Withheld, "deleted messages are not exported"),
                Kind::Delete => (
                    Extent::Withheld,
                    "marked as deleted; what was deleted is not exported",
                ),
                Kind::Reaction if telegram => (Extent::Late, "as sums within messages"),
                Kind::Reaction | Kind::Receipt | Kind::Activity => {
                    (Extent::Withheld, "not exported")
                }
                Kind::Call if !telegram => (Extent::Late, "missed calls only"),
                Kind::Roster if !telegram => (Extent::Withheld, "members are not listed"),
                Kind::Roster => (
                    Extent::Late,
                    "from the creation of a group on, where it is exported",
                ),
                _ => (Extent::Late, "as the export shows them"),
            };
            Coverage {
                kind: kind.code(),
                extent,
                remark: Some(remark.to_owned()),
            }
        })
        .collect()
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
