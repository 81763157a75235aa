//! Fetching files as long as their network has them: streamed to the disk, hashed on the way,
//! within a limit, and never by a name that came from outside.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use record::{Milliseconds, MissingWhy};
use reqwest::{Client, Response, StatusCode, Url};
use tokio::io::AsyncWriteExt;

use crate::inbox::Place;
use crate::sniff::media_type;

/// What a server has to begin, and what it has between two pieces.
const CONNECT_PATIENCE: Duration = Duration::from_secs(20);
const READ_PATIENCE: Duration = Duration::from_secs(60);
/// Bytes from which a type is told.
const SNIFFED: usize = 64;
/// Most of a server's answer that is told to people.
const TOLD: usize = 300;

/// A file that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The network's reference of it.
    pub reference: String,
    /// SHA-256 that the event tells, where it tells one.
    pub sha256: Option<[u8; 32]>,
    /// Size in bytes that the event tells.
    pub size: Option<u64>,
    /// Where its bytes go, a file in the connector's folder.
    pub to: PathBuf,
    /// When the event was captured.
    pub captured: Milliseconds,
    /// How often it was tried before.
    pub tries: u32,
}

/// A file that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Its bytes.
    pub size: u64,
    /// Their hash.
    pub sha256: [u8; 32],
    /// Media type, as its first bytes tell.
    pub media_type: Option<&'static str>,
}

/// Why a file is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchError {
    /// It may be had later, at the earliest after so long.
    Later {
        /// What happened.
        why: String,
        /// What the network asks for.
        after: Option<Duration>,
    },
    /// The network does not accept the token; later, when it does.
    Token(String),
    /// It will never be had.
    Never(MissingWhy, String),
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The certificates of the setting `ca`.
    #[error("certificates {}", .0.display())]
    Certificates(PathBuf, #[source] io::Error),
    /// Something else.
    #[error("the client for the network")]
    Build(#[from] reqwest::Error),
}

/// What became of one try.
#[derive(Debug)]
pub struct Ended {
    pub(crate) place: Place,
    pub(crate) reference: String,
    pub(crate) tries: u32,
    pub(crate) outcome: Result<Fetched, FetchError>,
}

/// A client for the network: verified TLS, no redirects; `ca` names certificates to trust instead of
/// the system's.
///
/// # Errors
///
/// When the certificates can not be read, or the system has none.
pub fn client(ca: Option<&Path>) -> Result<Client, ClientError> {
    // The first one in a process stays; all of ours are the same.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut builder = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_PATIENCE)
        .read_timeout(READ_PATIENCE);
    if let Some(path) = ca {
        let pem = std::fs::read(path)
            .map_err(|error| ClientError::Certificates(path.to_owned(), error))?;
        builder = builder.tls_certs_only(reqwest::Certificate::from_pem_bundle(&pem)?);
    }
    Ok(builder.build()?)
}

/// Whether a token may be sent there: over TLS to the interface's own host or one of `hosts` (or
/// below it); in the clear only to the loopback, where the interface itself is asked in the clear.
#[must_use]
pub fn is_trusted_address(address: &Url, interface: &Url, hosts: &[&str]) -> bool {
    let same = |url: &Url| {
        (
            url.scheme().to_owned(),
            url.host_str().map(str::to_owned),
            url.port_or_known_default(),
        )
    };
    if same(address) == same(interface) {
        return true;
    }
    let Some(host) = address.host_str() else {
        return false;
    };
    address.scheme() == "https"
        && hosts.iter().any(|trusted| {
            host == *trusted
                || host
                    .strip_suffix(trusted)
                    .is_some_and(|before| before.ends_with('.'))
        })
}

/// What an answer that is no success means for a file.
#[must_use]
pub fn refusal(status: StatusCode, retry_after: Option<Duration>, said: &str) -> FetchError {
    let mut said: String = said.chars().take(TOLD).collect();
    if said.is_empty() {
        status
            .canonical_reason()
            .unwrap_or_default()
            .clone_into(&mut said);
    }
    let why = format!("{} {said}", status.as_u16());
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => FetchError::Token(why),
        _ => FetchError::Later {
            why,
            after: retry_after,
        },
    }
}

/// How long the server asks us to wait.
#[must_use]
pub(crate) fn retry_after(response: &Response) -> Option<Duration> {
    let text = response.headers().get("retry-after")?.to_str().ok()?;
    let seconds: u64 = text.trim().parse().ok()?;
    Some(Duration::from_secs(seconds.min(3_600)))
}

/// Streams the answer's body to `wanted.to`: the whole file is there or none of it. `sha256` is what
/// the network says of it.
///
/// # Errors
///
/// When it breaks off, has another hash, is above `most` bytes, or the disk takes it not.
pub async fn download(
    mut response: Response,
    wanted: &Wanted,
    sha256: Option<[u8; 32]>,
    most: u64,
) -> Result<Fetched, FetchError> {
    let later = |why: String| FetchError::Later { why, after: None };
    if !response.status().is_success() {
        let (status, after) = (response.status(), retry_after(&response));
        // The address of a file has a life of its own: it is asked for anew.
        return match refusal(status, after, "the file's address") {
            FetchError::Token(why) => Err(later(why)),
            refused => Err(refused),
        };
    }
    let too_large = |size: u64| {
        let detail = format!("{size} bytes, the most is {most}");
        FetchError::Never(MissingWhy::TooLarge, detail)
    };
    let declared = response.content_length();
    if let Some(size) = declared.filter(|size| *size > most) {
        return Err(too_large(size));
    }
    let part = wanted.to.with_extension("part");
    let disk = |error: io::Error| later(format!("the disk: {error}"));
    let mut file = tokio::fs::File::options()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&part)
        .await
        .map_err(disk)?;
    let (mut context, mut size, mut first) = (Context::new(&SHA256), 0_u64, Vec::new());
    loop {
        let piece = match response.chunk().await {
            Ok(Some(piece)) => piece,
            Ok(None) => break,
            Err(error) => return Err(later(format!("broken off: {}", error.without_url()))),
        };
        size += piece.len() as u64;
        if size > most {
            return Err(too_large(size));
        }
        if first.len() < SNIFFED {
            let more = piece.get(..SNIFFED.min(piece.len())).unwrap_or_default();
            first.extend_from_slice(more);
        }
        context.update(&piece);
        file.write_all(&piece).await.map_err(disk)?;
    }
    if let Some(declared) = declared.filter(|declared| *declared != size) {
        return Err(later(format!("{size} of {declared} bytes")));
    }
    let mut found = [0; 32];
    found.copy_from_slice(context.finish().as_ref());
    for told in [sha256, wanted.sha256].into_iter().flatten() {
        if told != found {
            return Err(later(
                "the bytes have another hash than the network says".to_owned(),
            ));
        }
    }
    file.sync_all().await.map_err(disk)?;
    drop(file);
    tokio::fs::rename(&part, &wanted.to).await.map_err(disk)?;
    Ok(Fetched {
        size,
        sha256: found,
        media_type: media_type(&first),
    })
}

/// What is on disk already from before a restart.
pub(crate) fn on_disk(path: &Path) -> Option<Fetched> {
    use std::io::Read;
    let mut file = std::fs::File::open(path).ok()?;
    let (mut context, mut size, mut first) = (Context::new(&SHA256), 0_u64, Vec::new());
    let mut buffer = vec![0; 256 << 10];
    loop {
        let read = file.read(&mut buffer).ok()?;
        let bytes = buffer.get(..read).filter(|bytes| !bytes.is_empty());
        let Some(bytes) = bytes else { break };
        if first.len() < SNIFFED {
            first.extend_from_slice(bytes.get(..SNIFFED.min(read)).unwrap_or_default());
        }
        context.update(bytes);
        size += read as u64;
    }
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(context.finish().as_ref());
    Some(Fetched {
        size,
        sha256,
        media_type: media_type(&first),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_to_the_network_only() {
        let interface = Url::parse("https://graph.facebook.com/v23.0/").unwrap();
        let hosts = ["fbsbx.com", "facebook.com"];
        let trusted =
            |text: &str| is_trusted_address(&Url::parse(text).unwrap(), &interface, &hosts);
        assert!(trusted(
            "https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=1"
        ));
        assert!(trusted("https://graph.facebook.com/x"));
        assert!(!trusted("http://lookaside.fbsbx.com/"));
        assert!(!trusted("https://fbsbx.com.evil.example/"));
        assert!(!trusted("https://evilfbsbx.com/"));
        assert!(!trusted("http://127.0.0.1:9/x"));
        let loopback = Url::parse("http://127.0.0.1:9/v1/").unwrap();
        let here = Url::parse("http://127.0.0.1:9/file").unwrap();
        assert!(is_trusted_address(&here, &loopback, &[]));
        let other = Url::parse("http://127.0.0.1:10/file").unwrap();
        assert!(!is_trusted_address(&other, &loopback, &[]));
    }

    #[test]
    fn what_answers_mean() {
        let of = |status| refusal(StatusCode::from_u16(status).unwrap(), None, "");
        assert!(matches!(of(401), FetchError::Token(_)));
        assert!(matches!(of(404), FetchError::Later { .. }));
        let busy = refusal(
            StatusCode::TOO_MANY_REQUESTS,
            Some(Duration::from_secs(7)),
            "slow",
        );
        let FetchError::Later { why, after } = busy else {
            panic!()
        };
        assert_eq!(
            (why.as_str(), after),
            ("429 slow", Some(Duration::from_secs(7)))
        );
    }
}
