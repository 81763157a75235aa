//! What the agent's settings say, secrets among them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use business::{Endpoint, Limits, Secret};
use connector::Start;
use reqwest::Url;

const API: &str = "https://api.telegram.org";
const LISTEN: &str = "127.0.0.1:8481";
const PATH: &str = "/telegram";
const SILENT_HOURS: u64 = 72;
/// The Bot API names no limit for files; three days outlast a weekend.
const FILE_SECONDS: u64 = 3 * 86_400;
/// The Bot API hands out files of up to 20 MB.
const FILE_BYTES: u64 = 20 << 20;
/// Longest wait of one long poll.
const POLL_SECONDS: u64 = 25;

/// The settings, with defaults where nothing was said.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// `api`: the Bot API, or a proxy before it.
    pub(crate) api: Url,
    /// `ca`: certificates to trust instead of the system's.
    pub(crate) ca: Option<PathBuf>,
    /// `bot-token`, as BotFather gave it.
    pub(crate) token: Secret,
    /// `user-id`: whose chats these are, where a link is to accept nobody else.
    pub(crate) user: Option<i64>,
    /// `public-url`: where Telegram posts updates; asked for them otherwise.
    pub(crate) hook: Option<Hook>,
    /// `poll-seconds`: longest wait of one long poll.
    pub(crate) poll: Duration,
    /// `file-limit`: most bytes of a file.
    pub(crate) file_bytes: u64,
    /// `media-patience`: seconds for which a file is tried.
    pub(crate) file_ms: i64,
    /// `folder-key`: 64 hexadecimal digits, the key of the connector's own files.
    pub(crate) folder_key: Option<String>,
    /// `silent-after`: hours without an update after which the capture is called silent.
    pub(crate) silent_after: Duration,
    /// `link`: only wait until somebody connects the bot, and say who.
    pub(crate) link: bool,
}

/// Updates are posted.
#[derive(Clone, Debug)]
pub(crate) struct Hook {
    /// The address that Telegram is told.
    pub(crate) url: String,
    /// `webhook-secret`: what Telegram says at the door.
    pub(crate) secret: Secret,
    /// `listen`, `path`, `tls-cert`, `tls-key`.
    pub(crate) endpoint: Endpoint,
}

impl Settings {
    /// The settings, or the name of the first that is missing or does not fit.
    pub(crate) fn of(start: &Start) -> Result<Self, &'static str> {
        let text = |name: &str| start.setting(name).filter(|value| !value.is_empty());
        let number = |name: &'static str, usual: u64| match text(name) {
            Some(text) => text.parse().map_err(|_| name),
            None => Ok(usual),
        };
        let link = matches!(text("link"), Some("yes" | "true" | "1"));
        let token = text("bot-token").and_then(Secret::new).ok_or("bot-token")?;
        // It becomes a part of addresses.
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-:".contains(&b);
        if !token.reveal().bytes().all(plain) {
            return Err("bot-token");
        }
        let own = start.account.strip_prefix("user:");
        let user = if link { text("user-id") } else { own };
        let user = match user {
            Some(id) => Some(
                id.parse()
                    .map_err(|_| if link { "user-id" } else { "account" })?,
            ),
            None if link => None,
            None => return Err("account"),
        };
        let api: Url = text("api")
            .unwrap_or(API)
            .trim_end_matches('/')
            .parse()
            .map_err(|_| "api")?;
        // The token stands in the address: in the clear it may go to this machine only.
        let here = matches!(api.host_str(), Some("127.0.0.1" | "[::1]" | "localhost"));
        if api.scheme() != "https" && !(here && api.scheme() == "http") {
            return Err("api");
        }
        let patience = number("media-patience", FILE_SECONDS)?;
        let hours = number("silent-after", SILENT_HOURS)?;
        Ok(Self {
            api,
            ca: text("ca").map(PathBuf::from),
            token,
            user,
            hook: text("public-url").map(|url| hook(start, url)).transpose()?,
            poll: Duration::from_secs(number("poll-seconds", POLL_SECONDS)?.min(50)),
            file_bytes: number("file-limit", FILE_BYTES)?,
            file_ms: i64::try_from(patience.saturating_mul(1_000)).unwrap_or(i64::MAX),
            folder_key: text("folder-key").map(str::to_owned),
            silent_after: Duration::from_secs(hours.saturating_mul(3_600)),
            link,
        })
    }
}

fn hook(start: &Start, url: &str) -> Result<Hook, &'static str> {
    let text = |name: &str| start.setting(name).filter(|value| !value.is_empty());
    let tls = match (text("tls-cert"), text("tls-key")) {
        (Some(chain), Some(key)) => Some((chain.into(), key.into())),
        (None, None) => None,
        (Some(_), None) => return Err("tls-key"),
        (None, Some(_)) => return Err("tls-cert"),
    };
    let path = text("path").unwrap_or(PATH);
    if !path.starts_with('/') {
        return Err("path");
    }
    let secret = text("webhook-secret").and_then(Secret::new);
    let secret = secret.ok_or("webhook-secret")?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-".contains(&b);
    if secret.reveal().len() > 256 || !secret.reveal().bytes().all(plain) {
        return Err("webhook-secret");
    }
    let listen: SocketAddr = text("listen")
        .unwrap_or(LISTEN)
        .parse()
        .map_err(|_| "listen")?;
    Ok(Hook {
        url: url.to_owned(),
        secret,
        endpoint: Endpoint {
            listen,
            tls,
            path: path.to_owned(),
            limits: Limits::default(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use connector::Field;

    fn settings(account: &str, given: &[(&str, &str)]) -> Result<Settings, &'static str> {
        Settings::of(&Start {
            version: 1,
            account: account.into(),
            custodian: "c".into(),
            folder: "/f".into(),
            settings: given
                .iter()
                .map(|(name, value)| Field((*name).to_owned(), (*value).to_owned()))
                .collect(),
            position: None,
        })
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let token = ("bot-token", "1:s3cr3t");
        assert_eq!(settings("user:1", &[]).unwrap_err(), "bot-token");
        assert_eq!(
            settings("user:1", &[("bot-token", "1:a/../b")]).unwrap_err(),
            "bot-token"
        );
        assert_eq!(settings("aci:1", &[token]).unwrap_err(), "account");
        let one = |name, value| settings("user:1", &[token, (name, value)]).unwrap_err();
        assert_eq!(one("api", "http://api.example"), "api");
        assert_eq!(
            one("public-url", "https://hook.example/t"),
            "webhook-secret"
        );
        let good = settings("user:1", &[token]).unwrap();
        assert_eq!((good.user, good.hook.is_none()), (Some(1), true));
        assert!(!format!("{good:?}").contains("s3cr3t"));
        let linking = settings("linking", &[token, ("link", "yes")]).unwrap();
        assert_eq!(linking.user, None);
    }
}
