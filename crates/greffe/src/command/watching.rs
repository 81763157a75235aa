//! `greffe events` and `greffe alarms`: what the vault has noticed, and who is told.

use canonical::Milliseconds;
use serde_json::json;

use super::Context;
use super::standing::ask;
use crate::alarms::{self, Alarms};
use crate::cli::{AlarmsAction, Events};
use crate::engine::request::{Event, Request};
use crate::failure::{Exit, Failure};
use crate::home::Home;
use crate::system::now;
use crate::text::{say, word};

/// What has happened, as lines, or as lines of JSON for a SIEM.
pub(crate) fn events(context: &Context, arguments: &Events) -> Result<(), Failure> {
    let home = Home::find(context.global.home.as_deref())?;
    let since = match &arguments.since {
        None => None,
        Some(text) => Some(moment(text)?),
    };
    let request = Request::Events {
        since: since.map(Milliseconds::get),
        after: arguments.after,
        most: arguments.limit,
    };
    let Some(Event::Events(events)) = ask(context, &home, request)? else {
        return Err(Failure::new("up-gone").with("why", ""));
    };
    if context.output.json() {
        for event in &events {
            context.output.line(event);
        }
        return Ok(());
    }
    context.output.result(&json!(null), || {
        if events.is_empty() {
            return word("events-none");
        }
        let lines: Vec<String> = events.iter().map(alarms::line).collect();
        lines.join("\n")
    });
    Ok(())
}

/// Tries every channel.
pub(crate) fn alarms(context: &Context, action: &AlarmsAction) -> Result<(), Failure> {
    let AlarmsAction::Test = action;
    let home = Home::find(context.global.home.as_deref())?;
    let alarms =
        Alarms::open(&home, 0)?.ok_or_else(|| Failure::new("alarms-none").exit(Exit::NotFound))?;
    let went = context.runtime.block_on(alarms.test(now()));
    let value = json!({
        "channels": went.iter().map(|(name, went)| json!({
            "channel": name, "sent": went.is_ok(),
            "why": went.as_ref().err().map(ToString::to_string),
        })).collect::<Vec<_>>(),
    });
    context.output.result(&value, || {
        let lines: Vec<String> = went
            .iter()
            .map(|(name, went)| match went {
                Ok(()) => say!("alarms-sent", channel = *name),
                Err(failure) => format!("{name}: {failure}"),
            })
            .collect();
        lines.join("\n")
    });
    match went.into_iter().find_map(|(_, went)| went.err()) {
        Some(failure) => Err(failure),
        None => Ok(()),
    }
}

/// A moment, a day, or a span back from now, such as `2h`.
fn moment(text: &str) -> Result<Milliseconds, Failure> {
    let wrong = || Failure::new("since-wrong").with("text", text);
    if let Ok(moment) = text.parse::<jiff::Timestamp>() {
        return Ok(Milliseconds::new(moment.as_millisecond()));
    }
    if let Ok(day) = text.parse::<jiff::civil::Date>() {
        let midnight = jiff::tz::TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0));
        let midnight = midnight.map_err(|_| wrong())?;
        return Ok(Milliseconds::new(midnight.as_millisecond()));
    }
    let unit = |unit: char| text.strip_suffix(unit).and_then(|n| n.parse::<u32>().ok());
    let seconds = unit('d')
        .map(|days| i64::from(days) * 86_400)
        .or_else(|| unit('h').map(|hours| i64::from(hours) * 3_600))
        .or_else(|| unit('m').map(|minutes| i64::from(minutes) * 60))
        .ok_or_else(wrong)?;
    Ok(now().plus(-seconds * 1_000))
}
