//! The Bot API, as far as a business bot needs it.

use std::path::Path;
use std::time::Duration;

use business::{FetchError, Fetched, Secret, Wanted, download};
use connector::normal;
use record::MissingWhy;
use reqwest::{Client, Url};
use serde_json::{Value, json};

/// What an answer may have: a hundred updates of the longest texts are far below it.
const ANSWER_BYTES: usize = 16 << 20;
const PATIENCE: Duration = Duration::from_secs(30);
/// Most updates of one answer.
const TOGETHER: u64 = 100;
/// What a business bot is told of. Nothing else is asked for: what people write to the bot itself is
/// not the custodian's.
const UPDATES: &[&str] = &[
    "business_connection",
    "business_message",
    "edited_business_message",
    "deleted_business_messages",
];
/// Words of the Bot API for a file above its limit.
const TOO_BIG: &str = "file is too big";
/// What to wait where the Bot API asks for patience and does not say how long.
const SLOWLY: Duration = Duration::from_secs(5);

/// The interface under one bot's token.
#[derive(Clone)]
pub(crate) struct Api {
    client: Client,
    base: Url,
    token: Secret,
    most: u64,
}

/// Why a call gave no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CallError {
    /// The token is not accepted.
    Token(String),
    /// Something else asks for updates, or has them posted.
    Conflict(String),
    /// Too many calls.
    Slow(Duration),
    /// The Bot API refuses.
    Refused(String),
    /// It does not answer, or not what is understood.
    Away(String),
}

/// One update, as it came.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Update {
    /// Its number.
    pub(crate) id: i64,
    /// Its exact bytes.
    pub(crate) bytes: Vec<u8>,
}

impl Api {
    pub(crate) fn new(client: Client, base: Url, token: Secret, most: u64) -> Self {
        Self {
            client,
            base,
            token,
            most,
        }
    }

    /// Updates behind `offset`, which confirms all before it; waits for so long until there is one.
    pub(crate) async fn updates(
        &self,
        offset: Option<i64>,
        wait: Duration,
    ) -> Result<Vec<Update>, CallError> {
        let asked = json!({
            "offset": offset.unwrap_or_default(),
            "limit": TOGETHER,
            "timeout": wait.as_secs(),
            "allowed_updates": UPDATES,
        });
        let answer = self.call("getUpdates", &asked, wait + PATIENCE).await?;
        updates(&answer).ok_or_else(|| CallError::Away("no updates in the answer".to_owned()))
    }

    /// The bot's name, if it may be connected to a business account.
    pub(crate) async fn me(&self) -> Result<(String, bool), CallError> {
        let answer = self.result("getMe", &json!({})).await?;
        let name = answer.get("username").and_then(Value::as_str);
        let connects = answer
            .get("can_connect_to_business")
            .and_then(Value::as_bool);
        Ok((
            name.unwrap_or_default().to_owned(),
            connects.unwrap_or_default(),
        ))
    }

    /// Whose connection that is.
    pub(crate) async fn owner(&self, connection: &str) -> Result<Option<i64>, CallError> {
        let asked = json!({"business_connection_id": connection});
        match self.result("getBusinessConnection", &asked).await {
            Ok(answer) => Ok(answer.pointer("/user/id").and_then(Value::as_i64)),
            // A connection that is gone, or was never given to this bot, holds nothing up.
            Err(CallError::Refused(_)) => Ok(None),
            Err(CallError::Token(why)) if !why.starts_with("401") => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// From now on updates are posted to `url`.
    pub(crate) async fn set_hook(&self, url: &str, secret: &Secret) -> Result<(), CallError> {
        let asked = json!({
            "url": url,
            "secret_token": secret.reveal(),
            "allowed_updates": UPDATES,
            "max_connections": 8,
        });
        self.result("setWebhook", &asked).await.map(|_| ())
    }

    /// From now on updates are asked for; those that wait stay.
    pub(crate) async fn delete_hook(&self) -> Result<(), CallError> {
        let asked = json!({"drop_pending_updates": false});
        self.result("deleteWebhook", &asked).await.map(|_| ())
    }

    /// Fetches a file from its id.
    pub(crate) async fn fetch(&self, wanted: &Wanted) -> Result<Fetched, FetchError> {
        let later = |why: String, after| FetchError::Later { why, after };
        let too_large = |said: String| FetchError::Never(MissingWhy::TooLarge, said);
        if let Some(size) = wanted.size.filter(|size| *size > self.most) {
            return Err(too_large(format!(
                "{size} bytes, the Bot API gives {}",
                self.most
            )));
        }
        let asked = json!({"file_id": wanted.reference});
        let answer = match self.result("getFile", &asked).await {
            Ok(answer) => answer,
            Err(CallError::Token(why)) => return Err(FetchError::Token(why)),
            Err(CallError::Slow(after)) => {
                return Err(later("429 too many calls".to_owned(), Some(after)));
            }
            Err(CallError::Refused(why)) if why.contains(TOO_BIG) => return Err(too_large(why)),
            Err(CallError::Refused(why) | CallError::Away(why) | CallError::Conflict(why)) => {
                return Err(later(why, None));
            }
        };
        let path = answer.get("file_path").and_then(Value::as_str);
        let url = path
            .and_then(|path| self.file(path))
            .ok_or_else(|| later("the answer names no file".to_owned(), None))?;
        let response = self
            .client
            .get(url)
            .send()
            .await
            .map_err(|error| later(self.said(error), None))?;
        download(response, wanted, None, self.most).await
    }

    /// Where the file at that path lies; a path comes from outside and must not lead elsewhere.
    fn file(&self, path: &str) -> Option<Url> {
        let plain = |part: &str| {
            !part.is_empty()
                && part != "."
                && part != ".."
                && part
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        };
        if path.len() > 512 || !path.split('/').all(plain) {
            return None;
        }
        let mut url = self.base.clone();
        url.path_segments_mut()
            .ok()?
            .pop_if_empty()
            .push("file")
            .push(&format!("bot{}", self.token.reveal()))
            .extend(path.split('/'));
        Some(url)
    }

    async fn result(&self, method: &str, asked: &Value) -> Result<Value, CallError> {
        let answer = self.call(method, asked, PATIENCE).await?;
        let mut value: Value = serde_json::from_slice(&answer)
            .map_err(|_| CallError::Away("an answer that is no JSON".to_owned()))?;
        Ok(value.get_mut("result").map(Value::take).unwrap_or_default())
    }

    /// Calls a method; gives the whole answer where it says that it is one.
    async fn call(
        &self,
        method: &str,
        asked: &Value,
        patience: Duration,
    ) -> Result<Vec<u8>, CallError> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments
                .pop_if_empty()
                .push(&format!("bot{}", self.token.reveal()))
                .push(method);
        }
        let away = |error| CallError::Away(self.said(error));
        let request = self.client.post(url).timeout(patience).json(asked);
        let mut response = request.send().await.map_err(away)?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(away)? {
            if body.len() + piece.len() > ANSWER_BYTES {
                return Err(CallError::Away("an answer that is too long".to_owned()));
            }
            body.extend_from_slice(&piece);
        }
        match meaning(status, &body) {
            None => Ok(body),
            Some(error) => Err(error),
        }
    }

    /// An error without the address, in which the token stands.
    fn said(&self, error: reqwest::Error) -> String {
        let error = error.without_url();
        let why = match std::error::Error::source(&error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        };
        self.token.struck_from(&why)
    }
}

/// What an answer means that is no result.
fn meaning(status: u16, body: &[u8]) -> Option<CallError> {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    if status == 200 && value.get("ok").and_then(Value::as_bool) == Some(true) {
        return None;
    }
    let code = value.get("error_code").and_then(Value::as_u64);
    let code = code.unwrap_or_else(|| status.into());
    let words = value.get("description").and_then(Value::as_str);
    let words: String = words.unwrap_or_default().chars().take(300).collect();
    let said = format!("{code} {words}");
    Some(match code {
        // A token that never was gives 404.
        401 | 403 | 404 => CallError::Token(said),
        409 => CallError::Conflict(said),
        429 => {
            let after = value.pointer("/parameters/retry_after");
            let after = after
                .and_then(Value::as_u64)
                .map(|s| Duration::from_secs(s.min(3_600)));
            CallError::Slow(after.unwrap_or(SLOWLY))
        }
        400..=499 => CallError::Refused(said),
        _ => CallError::Away(said),
    })
}

/// The updates of an answer, each with its exact bytes.
pub(crate) fn updates(answer: &[u8]) -> Option<Vec<Update>> {
    let value = normal::parse(answer).ok()?;
    let list = value.get("result")?.as_array()?;
    list.iter()
        .enumerate()
        .map(|(index, update)| {
            let id = update.get("update_id")?.as_i64()?;
            let bytes = normal::exact_bytes(answer, &format!("result[{index}]"))?;
            // A key that stands twice could lead to other bytes than the number.
            let same = normal::parse(bytes).ok()?.get("update_id")?.as_i64()? == id;
            same.then(|| Update {
                id,
                bytes: bytes.to_vec(),
            })
        })
        .collect()
}

/// What an update tells of the file with that id: its size.
pub(crate) fn told(update: &[u8], id: &str) -> Option<u64> {
    fn find(value: &Value, id: &str) -> Option<u64> {
        match value {
            Value::Object(object) => {
                let named = object.get("file_id").and_then(Value::as_str) == Some(id);
                let own = object.get("file_size").and_then(Value::as_u64);
                own.filter(|_| named)
                    .or_else(|| object.values().find_map(|below| find(below, id)))
            }
            Value::Array(list) => list.iter().find_map(|below| find(below, id)),
            _ => None,
        }
    }
    find(&normal::parse(update).ok()?, id)
}

/// Where a former run has left `name`, as text.
pub(crate) fn noted(folder: &Path, name: &str) -> Option<String> {
    std::fs::read_to_string(folder.join(name)).ok()
}

/// Any bytes as an answer of the Bot API.
pub fn fuzz_answer(data: &[u8]) {
    for update in updates(data).unwrap_or_default() {
        assert!(
            normal::parse(&update.bytes).is_ok(),
            "an update is an object"
        );
        let _ = super::owners::connection(&update.bytes);
    }
    let _ = meaning(200, data);
    let _ = meaning(429, data);
    let _ = told(data, "1");
    let _ = super::owners::connection(data);
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Api")
    }
}

impl std::fmt::Debug for Update {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Update({})", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_understood() {
        assert_eq!(meaning(200, br#"{"ok":true,"result":[]}"#), None);
        let of = |code: u16, more: &str| {
            let body = format!(r#"{{"ok":false,"error_code":{code},"description":"d"{more}}}"#);
            meaning(code, body.as_bytes()).unwrap()
        };
        assert_eq!(of(401, ""), CallError::Token("401 d".into()));
        assert_eq!(of(409, ""), CallError::Conflict("409 d".into()));
        let slow = of(429, r#","parameters":{"retry_after":7}"#);
        assert_eq!(slow, CallError::Slow(Duration::from_secs(7)));
        assert_eq!(of(400, ""), CallError::Refused("400 d".into()));
        assert_eq!(of(502, ""), CallError::Away("502 d".into()));
        assert!(matches!(meaning(200, b"<html>"), Some(CallError::Away(_))));
    }

    #[test]
    fn updates_keep_their_exact_bytes() {
        let answer = br#"{"ok":true,"result":[{"update_id":5, "a" : 1},{"update_id":6}]}"#;
        let found = updates(answer).unwrap();
        assert_eq!((found[0].id, found[1].id), (5, 6));
        assert_eq!(found[0].bytes, br#"{"update_id":5, "a" : 1}"#);
        assert!(updates(br#"{"ok":true,"result":[{"a":1}]}"#).is_none());
        let twice = br#"{"result":[1],"ok":true,"result":[{"update_id":6}]}"#;
        assert!(updates(twice).is_none_or(|found| found[0].bytes == br#"{"update_id":6}"#));
    }

    #[test]
    fn a_path_leads_nowhere_else() {
        let base = Url::parse("https://api.telegram.org").unwrap();
        let client = business::client(None).unwrap();
        let api = Api::new(client, base, Secret::new("1:a").unwrap(), 9);
        let url = |path: &str| api.file(path).map(String::from);
        let good = "https://api.telegram.org/file/bot1:a/documents/file_5.pdf";
        assert_eq!(url("documents/file_5.pdf").as_deref(), Some(good));
        for bad in [
            "",
            "/etc/passwd",
            "../x",
            "a//b",
            "a/../b",
            "a?b",
            "https://x/y",
            "a\\b",
        ] {
            assert_eq!(url(bad), None, "{bad}");
        }
    }
}
