//! `[alarms]` in `greffe.toml`. Secrets stand in files of their own, named here.

use std::path::PathBuf;

use canonical::Milliseconds;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use vault::events::EventWhat;

use super::schedule::{self, Hours};
use super::{MAIL, SYSLOG, WEBHOOK, usual};
use crate::failure::Failure;

/// Who is told what, when and how.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct AlarmSettings {
    /// What is told; without it everything that somebody should see to, and its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<Vec<EventWhat>>,
    /// What is told in quiet hours too.
    urgent: Vec<EventWhat>,
    /// Zone of the times of day below, such as `Europe/Paris`; UTC where not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    zone: Option<String>,
    /// When people are left alone: mail and webhook wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    quiet: Option<QuietHours>,
    /// Time of day of a mail with everything of the last 24 hours, also if it is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mail: Option<MailSettings>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) webhook: Option<WebhookSettings>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) syslog: Option<SyslogSettings>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct QuietHours {
    from: String,
    until: String,
}

/// How mail is sent.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct MailSettings {
    /// `mail.example.org:587`
    pub(super) server: String,
    /// `starttls`, `tls`, or `none`, which is for this machine only.
    #[serde(default)]
    pub(super) tls: MailTls,
    /// Certificates that are trusted instead of the system's, PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ca: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) user: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) password_file: Option<PathBuf>,
    pub(super) from: String,
    pub(super) to: Vec<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum MailTls {
    #[default]
    Starttls,
    Tls,
    None,
}

/// Where events are posted.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct WebhookSettings {
    /// `https://…`; `http` on this machine only.
    pub(super) url: String,
    /// File with the secret that signs each post.
    pub(super) secret_file: PathBuf,
    /// Certificates that are trusted instead of the system's, PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ca: Option<PathBuf>,
}

/// Where syslog goes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SyslogSettings {
    /// `udp:HOST:PORT`, `tcp:HOST:PORT` or `unix:/dev/log`.
    pub(super) to: String,
}

impl AlarmSettings {
    /// What can not be done is said before anything runs.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let wrong = |what: &str| {
            Failure::new("settings-wrong")
                .with("path", "greffe.toml [alarms]")
                .with("why", what)
        };
        self.time_zone().ok_or_else(|| wrong("zone"))?;
        if self.quiet.is_some() && self.hours().is_none() {
            return Err(wrong("quiet"));
        }
        if self.digest.is_some() && self.digest_at().is_none() {
            return Err(wrong("digest"));
        }
        if let Some(mail) = &self.mail
            && (mail.to.is_empty() || mail.user.is_some() != mail.password_file.is_some())
        {
            return Err(wrong("mail"));
        }
        Ok(())
    }

    /// The channels that are set up.
    pub(super) fn channels(&self) -> Vec<(&'static str, ())> {
        [
            self.mail.as_ref().map(|_| (MAIL, ())),
            self.webhook.as_ref().map(|_| (WEBHOOK, ())),
            self.syslog.as_ref().map(|_| (SYSLOG, ())),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    pub(super) fn wants(&self, what: EventWhat) -> bool {
        match &self.events {
            Some(events) => events.contains(&what),
            None => usual(what),
        }
    }

    pub(super) fn is_urgent(&self, what: EventWhat) -> bool {
        self.urgent.contains(&what)
    }

    pub(super) fn is_quiet(&self, now: Milliseconds) -> bool {
        match (self.hours(), self.time_zone()) {
            (Some(hours), Some(zone)) => hours.contain(now, &zone),
            _ => false,
        }
    }

    pub(super) fn digest_due(&self, now: Milliseconds, last: Option<&str>) -> Option<String> {
        schedule::digest_due(self.digest_at()?, now, &self.time_zone()?, last)
    }

    fn time_zone(&self) -> Option<TimeZone> {
        match &self.zone {
            None => Some(TimeZone::UTC),
            Some(name) => TimeZone::get(name).ok(),
        }
    }

    fn hours(&self) -> Option<Hours> {
        let quiet = self.quiet.as_ref()?;
        Some(Hours {
            from: quiet.from.parse().ok()?,
            until: quiet.until.parse().ok()?,
        })
    }

    fn digest_at(&self) -> Option<Time> {
        self.digest.as_ref()?.parse().ok()
    }
}
