//! `greffe doctor`: what is missing or wrong here, and the command that mends it.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::json;

use super::Context;
use crate::engine::Owner;
use crate::failure::{Exit, Failure};
use crate::home::Home;
use crate::system::now;
use crate::text::{Fact, say_with};

/// Free space below which new messages may soon find no room, in bytes.
const LITTLE_ROOM: u64 = 1 << 30;
/// Keys should reach at least so far ahead: 31 days, in milliseconds.
const AHEAD: i64 = 31 * 24 * 3600 * 1000;

/// One thing looked at.
struct Finding {
    key: &'static str,
    facts: Vec<(&'static str, Fact)>,
    good: bool,
}

pub(crate) fn run(context: &Context) -> Result<(), Failure> {
    let findings = match Home::find(context.global.home.as_deref()) {
        Ok(home) => look(&home),
        Err(_) => vec![bad("doctor-no-archive", vec![])],
    };
    let wrong = findings.iter().filter(|finding| !finding.good).count();
    let value = json!({
        "wrong": wrong,
        "findings": findings.iter().map(|finding| json!({
            "key": finding.key, "good": finding.good, "text": say_with(finding.key, &finding.facts),
        })).collect::<Vec<_>>(),
    });
    context.output.result(&value, || {
        let lines: Vec<String> = findings
            .iter()
            .map(|finding| {
                let mark = if finding.good { "✓" } else { "✗" };
                format!("{mark} {}", say_with(finding.key, &finding.facts))
            })
            .collect();
        lines.join("\n")
    });
    if wrong > 0 {
        return Err(Failure::new("doctor-wrong")
            .with("count", wrong)
            .exit(Exit::Failed));
    }
    Ok(())
}

fn look(home: &Home) -> Vec<Finding> {
    let mut findings = vec![
        settings(home),
        owner(home),
        keys(home),
        stores(home),
        room_on_disk(home),
    ];
    findings.extend(
        [
            "relay/key.seed",
            "witness/key.seed",
            "vault/signer.key",
            "agent/signer.seed",
        ]
        .iter()
        .map(|name| secret(&home.folder().join(name))),
    );
    findings.push(running(home));
    findings.push(confinement());
    findings.push(wrapped(home));
    findings
}

fn settings(home: &Home) -> Finding {
    match home.settings() {
        Ok(settings) => good(
            "doctor-archive",
            vec![("name", settings.archive.name.into())],
        ),
        Err(failure) => bad("doctor-settings", vec![("why", failure.to_string().into())]),
    }
}

fn owner(home: &Home) -> Finding {
    let whole = Owner::open(home).and_then(|owner| {
        owner.keyring()?;
        owner.root()?;
        owner.entries()
    });
    match whole {
        Ok(entries) => good("doctor-owner", vec![("entries", entries.len().into())]),
        Err(failure) => bad(
            "doctor-owner-wrong",
            vec![("why", failure.to_string().into())],
        ),
    }
}

fn keys(home: &Home) -> Finding {
    let Ok(ring) = Owner::open(home).and_then(|owner| owner.keyring()) else {
        return bad("doctor-keys-unread", vec![]);
    };
    let until = ring
        .epochs()
        .iter()
        .filter(|epoch| epoch.usage() == wire::EpochUse::Period && epoch.destroyed().is_none())
        .map(|epoch| epoch.until().get())
        .max()
        .unwrap_or_default();
    let facts = vec![("until", super::standing::time(until).into())];
    if until < now().get() + AHEAD {
        bad("doctor-keys-short", facts)
    } else {
        good("doctor-keys", facts)
    }
}

/// Each store confirms the present keyring, and with it every destruction.
fn stores(home: &Home) -> Finding {
    let (ring, standing) = match Owner::open(home).and_then(|owner| owner.check_stores(home)) {
        Ok(found) => found,
        Err(failure) => {
            return bad(
                "doctor-stores-unread",
                vec![("why", failure.to_string().into())],
            );
        }
    };
    if standing.is_empty() {
        return good("doctor-stores-none", vec![]);
    }
    let pending = super::stores::pending_names(&standing);
    if pending.is_empty() {
        return good("doctor-stores", vec![("count", standing.len().into())]);
    }
    let destroyed = vault::stores::pending_destructions(&ring, &standing).len();
    bad(
        "doctor-stores-pending",
        vec![
            ("names", pending.join(", ").into()),
            ("destroyed", destroyed.into()),
        ],
    )
}

fn room_on_disk(home: &Home) -> Finding {
    let Ok(space) = rustix::fs::statvfs(home.folder()) else {
        return bad("doctor-disk-unread", vec![]);
    };
    let free = space.f_bavail.saturating_mul(space.f_frsize);
    let facts = vec![("free", (free >> 20).into())];
    if free < LITTLE_ROOM {
        bad("doctor-disk-full", facts)
    } else {
        good("doctor-disk", facts)
    }
}

/// A part's secret is there and nobody else can read it.
fn secret(path: &Path) -> Finding {
    let facts = vec![("path", Fact::from(path))];
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.permissions().mode() & 0o077 == 0 => good("doctor-secret", facts),
        Ok(_) => bad("doctor-secret-open", facts),
        Err(_) => bad("doctor-secret-missing", facts),
    }
}

fn running(home: &Home) -> Finding {
    if std::os::unix::net::UnixStream::connect(home.up_socket()).is_ok() {
        return good("doctor-up", vec![]);
    }
    match home.lock() {
        Ok(_) => good("doctor-not-up", vec![]),
        Err(_) => bad("doctor-held", vec![]),
    }
}

/// Whether connectors can be kept from keys and spool (AGENT-5).
fn confinement() -> Finding {
    match capture::Confinement::here() {
        capture::Confinement::Full => good("doctor-confined", vec![]),
        capture::Confinement::Files => good("doctor-confined-files", vec![]),
        capture::Confinement::None => bad("doctor-not-confined", vec![]),
    }
}

/// Whether the agent's secrets lie open on the disk (AGENT-7). Nothing is wrong if they do.
fn wrapped(home: &Home) -> Finding {
    match capture::is_wrapped(&home.folder().join("agent")) {
        Ok(true) => good("doctor-wrapped", vec![]),
        _ => good("doctor-readable", vec![]),
    }
}

fn good(key: &'static str, facts: Vec<(&'static str, Fact)>) -> Finding {
    Finding {
        key,
        facts,
        good: true,
    }
}

fn bad(key: &'static str, facts: Vec<(&'static str, Fact)>) -> Finding {
    Finding {
        key,
        facts,
        good: false,
    }
}
