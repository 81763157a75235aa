//! Meta's Graph interface, as far as media need it: an id gives an address, the address gives bytes,
//! both under the token.

use std::time::Duration;

use business::{
    FetchError, Fetched, Fetching, Saying, Secret, Wanted, download, is_trusted_address, refusal,
};
use connector::normal;
use record::MissingWhy;
use reqwest::{Client, Response, StatusCode, Url};
use serde_json::Value;

/// Meta's hosts that hand out files.
const HOSTS: &[&str] = &["fbsbx.com", "facebook.com", "whatsapp.net", "fbcdn.net"];
/// What an answer other than a file may have.
const ANSWER_BYTES: usize = 64 << 10;
const PATIENCE: Duration = Duration::from_secs(30);
/// Meta's code for a token that has expired or was taken back.
const BAD_TOKEN: i64 = 190;
/// Codes for too many calls.
const TOO_MANY: &[i64] = &[4, 17, 613, 80_007, 130_429];
/// Meta's code for an id that is not there (any more), and how often it is asked for again.
const NO_OBJECT: i64 = 100;
const TRIES_FOR_NOTHING: u32 = 12;
/// What to wait after too many calls.
const SLOWLY: Duration = Duration::from_secs(60);

/// The interface under one token.
#[derive(Clone)]
pub(crate) struct Graph {
    client: Client,
    base: Url,
    token: Secret,
    number: Option<String>,
    most: u64,
}

/// What Meta says of a file.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Medium {
    url: Url,
    sha256: Option<[u8; 32]>,
    size: Option<u64>,
}

impl Graph {
    pub(crate) fn new(
        client: Client,
        base: Url,
        token: Secret,
        number: Option<&str>,
        most: u64,
    ) -> Self {
        Self {
            client,
            base,
            token,
            number: number.map(str::to_owned),
            most,
        }
    }

    /// Looks whether `id` answers under the token.
    pub(crate) async fn look(&self, id: &str) -> Saying {
        let Some(url) = self.url(id, Some(("fields", "id"))) else {
            return Saying::Away("no address".to_owned());
        };
        match self.ask(url).await {
            Ok(_) => Saying::Answered,
            Err(FetchError::Token(why)) => Saying::TokenRefused(why),
            Err(FetchError::Later { why, .. } | FetchError::Never(_, why)) => Saying::Away(why),
        }
    }

    /// Fetches a file, from its id.
    pub(crate) fn fetch(&self, wanted: Wanted) -> Fetching<Result<Fetched, FetchError>> {
        let graph = self.clone();
        Box::pin(async move { graph.fetched(&wanted).await })
    }

    async fn fetched(&self, wanted: &Wanted) -> Result<Fetched, FetchError> {
        let never = |why, detail: &str| FetchError::Never(why, detail.to_owned());
        // The number is named: Meta then gives a file to the number's own business only.
        let of = self.number.as_deref().map(|id| ("phone_number_id", id));
        let Some(url) = self.url(&wanted.reference, of) else {
            return Err(never(MissingWhy::Failed, "its id is none of Meta's"));
        };
        let answer = match self.ask(url).await {
            Err(FetchError::Never(_, detail)) if wanted.tries < TRIES_FOR_NOTHING => {
                // What was posted a moment ago may not be everywhere yet.
                return Err(FetchError::Later {
                    why: detail,
                    after: None,
                });
            }
            other => other?,
        };
        let medium = Medium::parse(&answer).ok_or(FetchError::Later {
            why: "Meta's answer names no file".to_owned(),
            after: None,
        })?;
        if !is_trusted_address(&medium.url, &self.base, HOSTS) {
            return Err(FetchError::Later {
                why: "Meta's answer names an address that is not Meta's".to_owned(),
                after: None,
            });
        }
        if let Some(size) = medium.size.filter(|size| *size > self.most) {
            let detail = format!("{size} bytes, the most is {}", self.most);
            return Err(never(MissingWhy::TooLarge, &detail));
        }
        let response = self
            .client
            .get(medium.url)
            .bearer_auth(self.token.reveal())
            .send()
            .await
            .map_err(|error| self.broken(error))?;
        download(response, wanted, medium.sha256, self.most).await
    }

    fn url(&self, id: &str, query: Option<(&str, &str)>) -> Option<Url> {
        // An id comes from outside: it must not lead elsewhere.
        let plain = (1..=256).contains(&id.len())
            && id
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
        if !plain {
            return None;
        }
        let mut url = self.base.clone();
        url.path_segments_mut().ok()?.pop_if_empty().push(id);
        if let Some((name, value)) = query {
            url.query_pairs_mut().append_pair(name, value);
        }
        Some(url)
    }

    async fn ask(&self, url: Url) -> Result<Vec<u8>, FetchError> {
        let response = self
            .client
            .get(url)
            .timeout(PATIENCE)
            .bearer_auth(self.token.reveal())
            .send()
            .await
            .map_err(|error| self.broken(error))?;
        let status = response.status();
        let after = response
            .headers()
            .get("retry-after")
            .and_then(|text| text.to_str().ok()?.trim().parse().ok())
            .map(|seconds: u64| Duration::from_secs(seconds.min(3_600)));
        let body = self.short(response).await?;
        if status.is_success() {
            return Ok(body);
        }
        Err(meaning(status, after, &body))
    }

    async fn short(&self, mut response: Response) -> Result<Vec<u8>, FetchError> {
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|error| self.broken(error))? {
            if body.len() + piece.len() > ANSWER_BYTES {
                return Err(FetchError::Later {
                    why: "Meta's answer is too long".to_owned(),
                    after: None,
                });
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }

    fn broken(&self, error: reqwest::Error) -> FetchError {
        let error = error.without_url();
        let why = match std::error::Error::source(&error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        };
        FetchError::Later {
            why: self.token.struck_from(&why),
            after: None,
        }
    }
}

/// What Meta means by an answer that is no success.
fn meaning(status: StatusCode, after: Option<Duration>, body: &[u8]) -> FetchError {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let code = value.pointer("/error/code").and_then(Value::as_i64);
    let words = value.pointer("/error/message").and_then(Value::as_str);
    let said = match (code, words) {
        (Some(code), Some(words)) => format!("({code}) {words}"),
        (Some(code), None) => format!("({code})"),
        _ => String::new(),
    };
    if code == Some(BAD_TOKEN) {
        return refusal(StatusCode::UNAUTHORIZED, None, &said);
    }
    if status == StatusCode::NOT_FOUND || code == Some(NO_OBJECT) {
        return match refusal(StatusCode::NOT_FOUND, None, &said) {
            FetchError::Later { why, .. } => FetchError::Never(MissingWhy::Expired, why),
            other => other,
        };
    }
    if status == StatusCode::TOO_MANY_REQUESTS || code.is_some_and(|c| TOO_MANY.contains(&c)) {
        let after = after.unwrap_or(SLOWLY);
        return refusal(StatusCode::TOO_MANY_REQUESTS, Some(after), &said);
    }
    if status == StatusCode::FORBIDDEN {
        // Of one object; the token itself is refused with 401 or its own code.
        let why = format!("403 {said}");
        return FetchError::Later { why, after };
    }
    refusal(status, after, &said)
}

impl Medium {
    /// The answer to an id.
    pub(crate) fn parse(answer: &[u8]) -> Option<Self> {
        let value = normal::parse(answer).ok()?;
        let size = value.get("file_size");
        Some(Self {
            url: value.get("url")?.as_str()?.parse().ok()?,
            sha256: value.get("sha256").and_then(Value::as_str).and_then(hash),
            size: size.and_then(|size| size.as_u64().or_else(|| size.as_str()?.parse().ok())),
        })
    }
}

/// What a delivery tells of the file with that id, wherever it names it.
pub(crate) fn told(delivery: &[u8], id: &str) -> (Option<[u8; 32]>, Option<u64>) {
    let Ok(value) = normal::parse(delivery) else {
        return (None, None);
    };
    let sha256 = find(&value, id).and_then(hash);
    (sha256, None)
}

fn find<'v>(value: &'v Value, id: &str) -> Option<&'v str> {
    match value {
        Value::Object(object) => {
            let named = object.get("id").and_then(Value::as_str) == Some(id);
            let own = object.get("sha256").and_then(Value::as_str);
            own.filter(|_| named)
                .or_else(|| object.values().find_map(|below| find(below, id)))
        }
        Value::Array(list) => list.iter().find_map(|below| find(below, id)),
        _ => None,
    }
}

/// A hash as Meta writes it: base64 in webhooks, hexadecimal digits in answers.
fn hash(text: &str) -> Option<[u8; 32]> {
    let mut found = [0; 32];
    if canonical::hex_into(&text.to_ascii_lowercase(), &mut found).is_ok() {
        return Some(found);
    }
    let bytes = data_encoding::BASE64.decode(text.as_bytes()).ok()?;
    bytes.try_into().ok()
}

impl std::fmt::Debug for Graph {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Graph")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_understood() {
        let of = |status: u16, code: i64| {
            let body = format!(r#"{{"error":{{"message":"m","code":{code}}}}}"#);
            meaning(StatusCode::from_u16(status).unwrap(), None, body.as_bytes())
        };
        assert!(matches!(of(400, 190), FetchError::Token(_)));
        assert!(matches!(of(401, 0), FetchError::Token(_)));
        assert!(matches!(
            of(400, 100),
            FetchError::Never(MissingWhy::Expired, _)
        ));
        assert!(matches!(
            of(404, 0),
            FetchError::Never(MissingWhy::Expired, _)
        ));
        assert!(matches!(
            of(400, 80_007),
            FetchError::Later {
                after: Some(SLOWLY),
                ..
            }
        ));
        assert!(matches!(of(500, 1), FetchError::Later { after: None, .. }));
        assert!(matches!(of(403, 10), FetchError::Later { .. }));
    }

    #[test]
    fn hashes_are_read_in_both_forms() {
        let bytes = [7; 32];
        let base64 = data_encoding::BASE64.encode(&bytes);
        let delivery = format!(r#"{{"a":[{{"image":{{"id":"5","sha256":"{base64}"}}}}]}}"#);
        assert_eq!(told(delivery.as_bytes(), "5"), (Some(bytes), None));
        assert_eq!(told(delivery.as_bytes(), "6"), (None, None));
        let hex = canonical::hex(&bytes);
        let answer = format!(
            r#"{{"url":"https://lookaside.fbsbx.com/x","sha256":"{hex}","file_size":"12","id":"5"}}"#
        );
        let medium = Medium::parse(answer.as_bytes()).unwrap();
        assert_eq!((medium.sha256, medium.size), (Some(bytes), Some(12)));
        assert!(Medium::parse(b"{}").is_none());
    }

    #[test]
    fn an_id_leads_nowhere_else() {
        let base = Url::parse("https://graph.facebook.com/v23.0").unwrap();
        let client = business::client(None).unwrap();
        let graph = Graph::new(client, base, Secret::new("t").unwrap(), None, 9);
        let url = |id: &str| graph.url(id, None).map(String::from);
        let good = "https://graph.facebook.com/v23.0/65463453".to_owned();
        assert_eq!(url("65463453"), Some(good));
        for bad in ["", "..", "a/b", "a?b", "a#b", "%2e%2e"] {
            assert_eq!(url(bad), None, "{bad}");
        }
    }
}
