//! `greffe import`: chat exports into the archive.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::Context;
use crate::cli::{DateOrder, Import};
use crate::engine::Backend;
use crate::engine::request::{self, Event, Imported, Request};
use crate::failure::{Exit, Failure};
use crate::home::{Home, Settings};
use crate::output::Output;
use crate::text::{Fact, printable, say, say_with, word};

/// Losses that are named on the terminal; `--json` names all.
const NAMED: usize = 10;
/// Longest mapping, within what a setting may have (CONN-6).
const MAPPING_BYTES: usize = 60 << 10;

pub(crate) fn run(context: &Context, arguments: &Import) -> Result<(), Failure> {
    let home = Home::find(context.global.home.as_deref())?;
    let settings = home.settings()?;
    let mapping = arguments.mapping.as_deref().map(mapping).transpose()?;
    let zone = zone(context, arguments)?;
    // Every file is looked for before the first is imported.
    let paths = arguments
        .files
        .iter()
        .map(|file| {
            std::fs::canonicalize(file).map_err(|error| {
                Failure::new("can-not-read")
                    .with("path", file.as_path())
                    .because(&error)
                    .exit(Exit::NotFound)
            })
        })
        .collect::<Result<Vec<PathBuf>, _>>()?;
    let mut losses = 0;
    context.runtime.block_on(async {
        let mut backend = Backend::open(&home).await?;
        for path in &paths {
            let mut asked = request_for(arguments, &settings, path, &zone);
            let named = [
                ("mapping", &mapping),
                ("conversation", &arguments.conversation),
            ];
            for (name, value) in named {
                let setting = value.clone().map(|value| (name.to_owned(), value));
                asked.settings.extend(setting);
            }
            let imported = one(context.output, &mut backend, &home, path, asked).await?;
            losses += imported.losses;
        }
        backend.close().await;
        Ok::<_, Failure>(())
    })?;
    if losses > 0 {
        return Err(Failure::new("import-losses")
            .with("count", losses)
            .exit(Exit::WithLosses));
    }
    Ok(())
}

async fn one(
    output: Output,
    backend: &mut Backend,
    home: &Home,
    path: &Path,
    asked: request::Import,
) -> Result<Imported, Failure> {
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let bar = output.progress(0, &printable(&name));
    let mut imported = Imported::default();
    let mut delivered = None;
    let result = backend
        .ask(home, Request::Import(asked), &mut |event| match event {
            Event::Progress { read, of, .. } => {
                if let Some(of) = of {
                    bar.set_length(of);
                }
                bar.set_position(read);
            }
            Event::Trouble { key, facts, .. } => {
                let facts: Vec<(&str, Fact)> = facts
                    .iter()
                    .map(|(name, value)| (name.as_str(), printable(value).into()))
                    .collect();
                bar.suspend(|| output.note(&say_with(&key, &facts)));
            }
            Event::Delivering(_) => bar.set_message(word("import-delivering")),
            Event::Delivered(now) => delivered = Some(now),
            Event::Imported(summary) => imported = summary,
            _ => {}
        })
        .await;
    bar.finish_and_clear();
    result?;
    let value = json!({ "file": path, "imported": imported, "delivered": delivered });
    output.result(&value, || sentence(&name, &imported));
    Ok(imported)
}

fn sentence(name: &str, imported: &Imported) -> String {
    let mut text = say!(
        "import-done",
        name = printable(name),
        new = imported.new.saturating_sub(imported.losses),
        known = imported.known,
    );
    for loss in imported.places.iter().take(NAMED) {
        text.push_str("\n  ");
        text.push_str(&say!(
            "import-loss",
            why = word(&format!("loss-{}", loss.why)),
            place = printable(loss.place.as_deref().unwrap_or_default()),
            detail = printable(loss.detail.as_deref().unwrap_or_default()),
        ));
    }
    text
}

/// A mapping's text, which goes to the connector as a setting.
fn mapping(path: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::new("can-not-read")
            .with("path", path)
            .because(&error)
            .exit(Exit::NotFound)
    })?;
    if text.len() > MAPPING_BYTES {
        return Err(Failure::new("import-mapping-too-long").with("path", path));
    }
    Ok(text)
}

/// The account of somebody whom an export calls so: an address of Matrix or of mail is one, any
/// other name is a name.
fn account_of(me: &str) -> String {
    let plain = !me.contains(char::is_whitespace);
    match me.split_once('@') {
        Some(("", rest)) if plain && rest.contains(':') => format!("mxid:{me}"),
        Some((before, after)) if plain && !before.is_empty() && !after.is_empty() => {
            format!("email:{}", me.to_lowercase())
        }
        _ => format!("name:{me}"),
    }
}

fn request_for(
    arguments: &Import,
    settings: &Settings,
    path: &Path,
    zone: &str,
) -> request::Import {
    let custodian = arguments
        .custodian
        .clone()
        .unwrap_or_else(|| settings.agent.custodian.clone());
    let account = arguments
        .account
        .clone()
        .or_else(|| arguments.me.as_deref().map(account_of))
        .unwrap_or_else(|| custodian.clone());
    let mut named = vec![("zone".to_owned(), zone.to_owned())];
    let dates = arguments.dates.map(|order| match order {
        DateOrder::Day => "day-first",
        DateOrder::Month => "month-first",
        DateOrder::Year => "year-first",
    });
    named.extend(dates.map(|order| ("dates".to_owned(), order.to_owned())));
    named.extend(
        arguments
            .me
            .as_ref()
            .map(|me| ("me".to_owned(), me.clone())),
    );
    named.extend(
        arguments
            .title
            .as_ref()
            .map(|title| ("title".to_owned(), title.clone())),
    );
    request::Import {
        path: path.to_owned(),
        account,
        custodian,
        settings: named,
    }
}

/// The zone that was named, or asked for on a terminal, or this system's; said when it was assumed.
fn zone(context: &Context, arguments: &Import) -> Result<String, Failure> {
    use std::io::{BufRead, IsTerminal, Write};
    let system = jiff::tz::TimeZone::system();
    let assumed = system.iana_name().unwrap_or("UTC").to_owned();
    let chosen = match &arguments.zone {
        Some(zone) => zone.clone(),
        None if std::io::stdin().is_terminal()
            && std::io::stderr().is_terminal()
            && !context.output.json() =>
        {
            let mut err = std::io::stderr().lock();
            let _ = write!(err, "{}", say!("import-zone-ask", zone = assumed.as_str()));
            let _ = err.flush();
            let mut line = String::new();
            std::io::stdin()
                .lock()
                .read_line(&mut line)
                .map_err(|error| {
                    Failure::new("can-not-read")
                        .with("path", "tty")
                        .because(&error)
                })?;
            Some(line.trim().to_owned())
                .filter(|line| !line.is_empty())
                .unwrap_or(assumed)
        }
        None => {
            context
                .output
                .note(&say!("import-zone-assumed", zone = assumed.as_str()));
            assumed
        }
    };
    jiff::tz::TimeZone::get(&chosen)
        .map_err(|_| Failure::new("import-zone-unknown").with("zone", chosen.as_str()))?;
    Ok(chosen)
}
