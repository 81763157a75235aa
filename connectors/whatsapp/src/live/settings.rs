//! What the agent's settings say, secrets among them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use business::{Endpoint, Limits, Secret};
use connector::Start;
use reqwest::Url;

/// The version of Meta's interface that this was written for.
const GRAPH: &str = "https://graph.facebook.com/v23.0";
const LISTEN: &str = "127.0.0.1:8480";
const PATH: &str = "/whatsapp";
/// Meta's largest files are documents of 100 MB.
const MEDIA_BYTES: u64 = 128 << 20;
const SILENT_HOURS: u64 = 72;
/// Meta's ids of media end after at most 14 days, those of history included.
const MEDIA_SECONDS: u64 = 14 * 86_400;

/// The settings, with defaults where nothing was said.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// `listen`, `path`, `tls-cert`, `tls-key`, `body-limit`.
    pub(crate) endpoint: Endpoint,
    /// `graph`: Meta's interface, or a proxy before it.
    pub(crate) graph: Url,
    /// `ca`: certificates to trust instead of the system's.
    pub(crate) ca: Option<PathBuf>,
    /// `app-secret`: signs the deliveries.
    pub(crate) app_secret: Secret,
    /// `verify-token`: what Meta repeats when the address is entered there.
    pub(crate) verify_token: Secret,
    /// `access-token`: for media.
    pub(crate) access_token: Secret,
    /// `pass.<phone number id>`: listeners of other numbers that share the address.
    pub(crate) pass: BTreeMap<String, String>,
    /// `media-limit`: most bytes of a file.
    pub(crate) media_bytes: u64,
    /// `media-patience`: seconds for which a file is tried.
    pub(crate) media_ms: i64,
    /// `folder-key`: 64 hexadecimal digits, the key of the connector's own files.
    pub(crate) folder_key: Option<String>,
    /// `silent-after`: hours without a delivery after which the capture is called silent.
    pub(crate) silent_after: Duration,
    /// `link`: only look whether the account is there, and say its id.
    pub(crate) link: bool,
    /// What is captured.
    pub(crate) scope: Scope,
}

/// What of a business is captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// `phone-number-id`: one number.
    Number(String),
    /// `business-account-id`: all numbers of a business account.
    Business(String),
}

impl Scope {
    /// The account that records name.
    pub(crate) fn account(&self) -> String {
        match self {
            Self::Number(id) => format!("wa-number:{id}"),
            Self::Business(id) => format!("waba:{id}"),
        }
    }

    /// What Meta calls it.
    pub(crate) fn id(&self) -> &str {
        match self {
            Self::Number(id) | Self::Business(id) => id,
        }
    }

    /// The number, where there is one only.
    pub(crate) fn number(&self) -> Option<&str> {
        match self {
            Self::Number(id) => Some(id),
            Self::Business(_) => None,
        }
    }

    fn of(start: &Start, link: bool) -> Option<Self> {
        let digits = |text: &str| {
            let plain = (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
            plain.then(|| text.to_owned())
        };
        if !link {
            let account = start.account.as_str();
            let number = account.strip_prefix("wa-number:").and_then(digits);
            let business = account.strip_prefix("waba:").and_then(digits);
            return number
                .map(Self::Number)
                .or_else(|| business.map(Self::Business));
        }
        let number = start.setting("phone-number-id").and_then(digits);
        let business = start.setting("business-account-id").and_then(digits);
        number
            .map(Self::Number)
            .or_else(|| business.map(Self::Business))
    }
}

impl Settings {
    /// The settings, or the name of the first that is missing or does not fit.
    pub(crate) fn of(start: &Start) -> Result<Self, &'static str> {
        let text = |name: &str| start.setting(name).filter(|value| !value.is_empty());
        let secret = |name: &'static str| text(name).and_then(Secret::new).ok_or(name);
        let number = |name: &'static str, usual: u64| match text(name) {
            Some(text) => text.parse().map_err(|_| name),
            None => Ok(usual),
        };
        let link = matches!(text("link"), Some("yes" | "true" | "1"));
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
        let limits = Limits::default();
        let body = number("body-limit", limits.body as u64)?;
        let listen: SocketAddr = text("listen")
            .unwrap_or(LISTEN)
            .parse()
            .map_err(|_| "listen")?;
        // Asking in the clear gives the token away, but to this machine.
        let graph: Url = text("graph")
            .unwrap_or(GRAPH)
            .trim_end_matches('/')
            .parse()
            .map_err(|_| "graph")?;
        let here = matches!(graph.host_str(), Some("127.0.0.1" | "[::1]" | "localhost"));
        if graph.scheme() != "https" && !(here && graph.scheme() == "http") {
            return Err("graph");
        }
        let patience = number("media-patience", MEDIA_SECONDS)?;
        let hours = number("silent-after", SILENT_HOURS)?;
        Ok(Self {
            endpoint: Endpoint {
                listen,
                tls,
                path: path.to_owned(),
                limits: Limits {
                    body: usize::try_from(body).map_err(|_| "body-limit")?,
                    ..limits
                },
            },
            graph,
            ca: text("ca").map(PathBuf::from),
            app_secret: secret("app-secret")?,
            verify_token: secret("verify-token")?,
            access_token: secret("access-token")?,
            pass: start
                .settings
                .iter()
                .filter_map(|field| {
                    let number = field.0.strip_prefix("pass.")?;
                    Some((number.to_owned(), field.1.clone()))
                })
                .collect(),
            media_bytes: number("media-limit", MEDIA_BYTES)?,
            media_ms: i64::try_from(patience.saturating_mul(1_000)).unwrap_or(i64::MAX),
            folder_key: text("folder-key").map(str::to_owned),
            silent_after: Duration::from_secs(hours.saturating_mul(3_600)),
            link,
            scope: Scope::of(start, link).ok_or(if link {
                "phone-number-id"
            } else {
                "account"
            })?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use connector::Field;

    fn settings(account: &str, given: &[(&str, &str)]) -> Result<Settings, &'static str> {
        let secrets = [
            ("app-secret", "s3cr3t-app"),
            ("verify-token", "s3cr3t-verify"),
            ("access-token", "s3cr3t-access"),
        ];
        Settings::of(&Start {
            version: 1,
            account: account.into(),
            custodian: "c".into(),
            folder: "/f".into(),
            settings: secrets
                .iter()
                .chain(given)
                .map(|(name, value)| Field((*name).to_owned(), (*value).to_owned()))
                .collect(),
            position: None,
        })
    }

    #[test]
    fn secrets_are_not_shown() {
        let shown = format!("{:?}", settings("wa-number:1", &[]).unwrap());
        assert!(!shown.contains("s3cr3t"), "{shown}");
    }

    #[test]
    fn what_does_not_fit_is_named() {
        assert_eq!(settings("aci:1", &[]).unwrap_err(), "account");
        let one = |name, value| settings("wa-number:1", &[(name, value)]).unwrap_err();
        assert_eq!(one("listen", "here"), "listen");
        assert_eq!(one("tls-cert", "/c.pem"), "tls-key");
        assert_eq!(one("path", "hook"), "path");
        assert_eq!(one("graph", "http://graph.example/"), "graph");
        assert_eq!(one("body-limit", "much"), "body-limit");
        assert_eq!(one("link", "yes"), "phone-number-id");
        assert!(settings("wa-number:1", &[("graph", "http://127.0.0.1:9/v1/")]).is_ok());
    }

    #[test]
    fn an_account_is_a_number_or_all_of_a_business() {
        let number = settings("wa-number:15", &[]).unwrap().scope;
        assert_eq!(number.number(), Some("15"));
        let all = settings("waba:7", &[]).unwrap().scope;
        assert_eq!((all.number(), all.id()), (None, "7"));
        let linked = settings("linking", &[("link", "yes"), ("phone-number-id", "15")]);
        assert_eq!(linked.unwrap().scope.account(), "wa-number:15");
    }
}
