//! `greffe status` and `greffe gaps`.

use serde_json::json;

use super::Context;
use crate::engine::Backend;
use crate::engine::request::{Event, Request};
use crate::failure::Failure;
use crate::home::Home;
use crate::text::{say, word};

/// How the parts stand, and every agent and account.
pub(crate) fn status(context: &Context) -> Result<(), Failure> {
    let home = Home::find(context.global.home.as_deref())?;
    let settings = home.settings()?;
    let Some(Event::Standing(agents)) = ask(context, &home, Request::Standing)? else {
        return Err(Failure::new("up-gone").with("why", ""));
    };
    let Some(Event::Status(status)) = ask(context, &home, Request::Status)? else {
        return Err(Failure::new("up-gone").with("why", ""));
    };
    let open = vault::follow::VaultFolder::at(home.folder().join("vault")).socket();
    let unlocked = std::os::unix::net::UnixStream::connect(open).is_ok();
    let value = json!({
        "archive": settings.archive.name, "fingerprint": settings.archive.fingerprint,
        "status": status, "unlocked": unlocked, "agents": agents,
    });
    context.output.result(&value, || {
        let mut text = say!(
            "status-archive",
            name = settings.archive.name.as_str(),
            fingerprint = settings.archive.fingerprint.as_str(),
        );
        let mut line = |sentence: String| {
            text.push('\n');
            text.push_str(&sentence);
        };
        line(word(if status.up {
            "status-up"
        } else {
            "status-not-up"
        }));
        line(say!(
            "status-log",
            size = status.delivered.log_size,
            stored = status.delivered.stored,
            objects = status.objects,
            waiting = status.delivered.waiting,
        ));
        line(word(if status.witnessed {
            "status-witnessed"
        } else {
            "status-unwitnessed"
        }));
        line(word(if unlocked {
            "status-unlocked"
        } else {
            "status-locked"
        }));
        line(say!("status-gaps", count = status.gaps));
        for alarm in &status.alarms {
            line(say!("status-alarm", what = alarm.as_str()));
        }
        for agent in &agents {
            line(agent_line(agent));
            for account in &agent.accounts {
                line(account_line(account));
            }
        }
        text
    });
    Ok(())
}

fn agent_line(agent: &vault::events::SignerStanding) -> String {
    let state = match (agent.distrusted_from, agent.ended_at, agent.silent_since) {
        (Some(number), _, _) => say!("agent-compromised", number = number),
        (None, Some(until), _) => say!("agent-retired", until = time(until)),
        (None, None, Some(_)) => word("event-agent-silent"),
        (None, None, None) => word("event-agent-heard"),
    };
    say!(
        "status-agent",
        signer = short(&agent.signer),
        state = state,
        heard = time(agent.last_at),
    )
}

fn account_line(account: &vault::events::AccountStanding) -> String {
    say!(
        "status-account",
        account = short(&account.account),
        state = word(&format!("event-{}", account.state.name())),
        since = time(account.since),
        heard = time(account.heard_at),
        losses = account.losses,
    )
}

fn short(id: &str) -> &str {
    &id[..id.len().min(8)]
}

/// Where something may be missing.
pub(crate) fn gaps(context: &Context) -> Result<(), Failure> {
    let home = Home::find(context.global.home.as_deref())?;
    let Some(Event::Gaps(gaps)) = ask(context, &home, Request::Gaps)? else {
        return Err(Failure::new("up-gone").with("why", ""));
    };
    context.output.result(&json!({ "gaps": gaps }), || {
        if gaps.is_empty() {
            return word("gaps-none");
        }
        let mut text = say!("gaps-heading", count = gaps.len());
        for gap in &gaps {
            let why = serde_json::to_value(gap.why).ok();
            let why = why
                .as_ref()
                .and_then(|why| why.as_str())
                .unwrap_or_default();
            text.push('\n');
            text.push_str(&say!(
                "gaps-line",
                from = time(gap.from),
                to = gap.to.map(time).unwrap_or_else(|| word("gaps-still")),
                why = word(&format!("gap-{why}")),
                count = gap.count,
                signer = gap
                    .signer
                    .as_deref()
                    .map(|id| &id[..id.len().min(8)])
                    .unwrap_or("–"),
            ));
        }
        text
    });
    Ok(())
}

pub(super) fn ask(
    context: &Context,
    home: &Home,
    request: Request,
) -> Result<Option<Event>, Failure> {
    context.runtime.block_on(async {
        let mut backend = Backend::open(home).await?;
        let mut heard = None;
        backend
            .ask(home, request, &mut |event| heard = Some(event))
            .await?;
        backend.close().await;
        Ok(heard)
    })
}

/// A time in UTC, to the minute.
pub(crate) fn time(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms)
        .map(|time| time.strftime("%Y-%m-%d %H:%M").to_string())
        .unwrap_or_default()
}
