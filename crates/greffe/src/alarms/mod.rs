//! Alarms: what the vault has noticed is told to people and machines, by mail, webhook and syslog.
//! They hold opaque handles, times and counts; no names and no content.
//!
//! Each channel has its own place in the history of events, kept on disk: what could not be sent is
//! sent later, and after a crash an alarm may come twice and is never missing.

mod mail;
mod schedule;
mod settings;
mod syslog;
mod webhook;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use canonical::Milliseconds;
use seal::Randomness;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use vault::events::{Event, EventWhat};

use crate::failure::Failure;
use crate::home::{self, Home};
use crate::system::OsRandomness;
use crate::text::{say, word};

pub(crate) use settings::AlarmSettings;

/// Most events in one message.
const MOST: usize = 500;
/// First pause after a failure, and the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);

/// Where alarms go, and how far each channel is.
#[derive(Debug)]
pub(crate) struct Alarms {
    settings: AlarmSettings,
    archive: String,
    path: PathBuf,
    memory: Memory,
    pauses: BTreeMap<&'static str, (u32, Instant)>,
}

/// What is kept on disk.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Memory {
    /// Number of the newest event that a channel has told, by the channel's name.
    told: BTreeMap<String, u64>,
    /// The day of the last digest.
    digest: Option<String>,
}

/// What is sent.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Message {
    /// Version of this form: 1.
    version: u32,
    /// What it is.
    pub(super) kind: MessageKind,
    /// The archive's fingerprint.
    archive: String,
    /// When it was made, milliseconds since 1970.
    sent_at: i64,
    /// The events, oldest first.
    pub(super) events: Vec<Event>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum MessageKind {
    Alarm,
    Digest,
    Test,
}

const MAIL: &str = "mail";
const WEBHOOK: &str = "webhook";
const SYSLOG: &str = "syslog";

impl Alarms {
    /// Takes up what the settings ask for. A channel that is new begins with what happens from
    /// now on: `newest` is the number of the newest event.
    pub(crate) fn open(home: &Home, newest: u64) -> Result<Option<Self>, Failure> {
        let all = home.settings()?;
        let Some(settings) = all.alarms else {
            return Ok(None);
        };
        settings.check()?;
        let path = home.part("run")?.join("alarms.json");
        let mut memory: Memory = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_default(),
            Err(_) => Memory::default(),
        };
        for (name, _) in settings.channels() {
            memory.told.entry(name.to_owned()).or_insert(newest);
        }
        Ok(Some(Self {
            settings,
            archive: all.archive.fingerprint,
            path,
            memory,
            pauses: BTreeMap::new(),
        }))
    }

    /// The number of the event behind which something is to be told.
    pub(crate) fn after(&self) -> u64 {
        let channels = self.settings.channels();
        let told = channels.iter().map(|(name, _)| self.told(name));
        told.min().unwrap_or(u64::MAX)
    }

    /// Tells what is due. `events`: those behind [`after`](Self::after), oldest first; `day`:
    /// those of the last 24 hours, for the digest.
    pub(crate) async fn tell(&mut self, events: &[Event], day: &[Event], now: Milliseconds) {
        let quiet = self.settings.is_quiet(now);
        for (name, _) in self.settings.channels() {
            if self
                .pauses
                .get(name)
                .is_some_and(|(_, until)| Instant::now() < *until)
            {
                continue;
            }
            let told = self.told(name);
            let new: Vec<&Event> = events
                .iter()
                .filter(|event| event.id > told)
                .take(MOST)
                .collect();
            let Some(last) = new.last().map(|event| event.id) else {
                continue;
            };
            let due: Vec<Event> = new
                .into_iter()
                .filter(|event| name == SYSLOG || self.settings.wants(event.what))
                .cloned()
                .collect();
            let urgent = due.iter().any(|event| self.settings.is_urgent(event.what));
            // A machine does not sleep.
            if quiet && name != SYSLOG && !urgent && !due.is_empty() {
                continue;
            }
            if !due.is_empty() {
                let message = self.message(MessageKind::Alarm, due, now);
                if let Err(failure) = self.send(name, &message).await {
                    self.pause(name, &failure);
                    continue;
                }
            }
            self.pauses.remove(name);
            self.memory.told.insert(name.to_owned(), last);
            self.keep();
        }
        self.digest(day, now).await;
    }

    /// Sends a message of trial on every channel and says how each went.
    pub(crate) async fn test(&self, now: Milliseconds) -> Vec<(&'static str, Result<(), Failure>)> {
        let message = self.message(MessageKind::Test, Vec::new(), now);
        let mut went = Vec::new();
        for (name, _) in self.settings.channels() {
            went.push((name, self.send(name, &message).await));
        }
        went
    }

    async fn digest(&mut self, day: &[Event], now: Milliseconds) {
        if self.settings.mail.is_none() {
            return;
        }
        let Some(today) = self.settings.digest_due(now, self.memory.digest.as_deref()) else {
            return;
        };
        if self
            .pauses
            .get("digest")
            .is_some_and(|(_, until)| Instant::now() < *until)
        {
            return;
        }
        let message = self.message(MessageKind::Digest, day.to_vec(), now);
        match self.send(MAIL, &message).await {
            Ok(()) => {
                self.pauses.remove("digest");
                self.memory.digest = Some(today);
                self.keep();
            }
            Err(failure) => self.pause("digest", &failure),
        }
    }

    async fn send(&self, name: &str, message: &Message) -> Result<(), Failure> {
        match name {
            MAIL => match &self.settings.mail {
                Some(mail) => mail::send(mail, message).await,
                None => Ok(()),
            },
            WEBHOOK => match &self.settings.webhook {
                Some(webhook) => webhook::send(webhook, message).await,
                None => Ok(()),
            },
            _ => match &self.settings.syslog {
                Some(syslog) => syslog::send(syslog, message).await,
                None => Ok(()),
            },
        }
    }

    fn message(&self, kind: MessageKind, events: Vec<Event>, now: Milliseconds) -> Message {
        Message {
            version: 1,
            kind,
            archive: self.archive.clone(),
            sent_at: now.get(),
            events,
        }
    }

    fn told(&self, name: &str) -> u64 {
        self.memory.told.get(name).copied().unwrap_or_default()
    }

    fn pause(&mut self, name: &'static str, failure: &Failure) {
        let (failures, _) = self
            .pauses
            .get(name)
            .copied()
            .unwrap_or((0, Instant::now()));
        let longest = FIRST_PAUSE
            .saturating_mul(1 << failures.min(16))
            .min(LONGEST_PAUSE);
        let mut draw = [0; 1];
        OsRandomness::new().fill(&mut draw);
        let pause = longest.mul_f64(0.5 + f64::from(draw[0]) / 512.0);
        self.pauses
            .insert(name, (failures.saturating_add(1), Instant::now() + pause));
        tracing::warn!(channel = name, %failure, pause = pause.as_secs(), "an alarm was not sent; it is tried again");
    }

    /// A memory that can not be kept makes an alarm come twice.
    fn keep(&self) {
        let kept = serde_json::to_vec(&self.memory)
            .map_err(|error| Failure::new("can-not-write").because(&error))
            .and_then(|bytes| home::write_durably(&self.path, &bytes));
        if let Err(failure) = kept {
            tracing::warn!(%failure, "what alarms were told is not kept");
        }
    }
}

impl Message {
    /// One line for people.
    pub(super) fn subject(&self) -> String {
        let archive = &self.archive[..self.archive.len().min(8)];
        match self.kind {
            MessageKind::Test => say!("alarm-subject-test", archive = archive),
            MessageKind::Digest => say!(
                "alarm-subject-digest",
                archive = archive,
                count = self.events.len()
            ),
            MessageKind::Alarm => match self.events.as_slice() {
                [one] => say!(
                    "alarm-subject-one",
                    archive = archive,
                    what = word(&format!("event-{}", one.what.name()))
                ),
                many => say!("alarm-subject-many", archive = archive, count = many.len()),
            },
        }
    }

    /// All of it for people.
    pub(super) fn text(&self) -> String {
        let mut text = match self.kind {
            MessageKind::Test => word("alarm-text-test"),
            MessageKind::Digest => say!("alarm-text-digest", count = self.events.len()),
            MessageKind::Alarm => word("alarm-text"),
        };
        text.push_str("\n\n");
        for event in &self.events {
            text.push_str(&line(event));
            text.push('\n');
        }
        text.push('\n');
        text.push_str(&say!("alarm-text-end", archive = self.archive.as_str()));
        text.push('\n');
        text
    }
}

/// One event in one line, for people.
pub(crate) fn line(event: &Event) -> String {
    let short = |id: &Option<String>| {
        id.as_deref()
            .map_or_else(|| "–".to_owned(), |id| id[..id.len().min(8)].to_owned())
    };
    say!(
        "event-line",
        at = crate::command::time_of(event.at),
        what = word(&format!("event-{}", event.what.name())),
        signer = short(&event.signer),
        account = short(&event.account),
        count = event.count,
    )
}

/// What is told where the settings do not say.
fn usual(what: EventWhat) -> bool {
    what.is_alarm()
        || matches!(
            what,
            EventWhat::AgentHeard | EventWhat::RelayHeard | EventWhat::ObjectsFound
        )
}

#[cfg(test)]
mod tests;
