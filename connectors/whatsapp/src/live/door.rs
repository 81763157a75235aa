//! Meta at the door: the handshake when the address is entered, the signature of every delivery, and
//! whom of the business it concerns.

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::hmac;
use business::{Door, Secret, Whose, is_same};
use connector::normal;
use http::HeaderMap;
use reqwest::Url;
use serde_json::Value;

const SIGNATURE: &str = "x-hub-signature-256";
const SCHEME: &str = "sha256=";
/// Longest challenge that is repeated.
const CHALLENGE_BYTES: usize = 256;

/// Whoever has the app's secret is Meta.
pub(crate) struct MetaDoor {
    key: hmac::Key,
    verify_token: Secret,
    number: Option<String>,
    pass: BTreeMap<String, String>,
}

impl MetaDoor {
    /// `number` where only that one's events are ours; `pass` tells who takes those of others.
    pub(crate) fn new(
        app_secret: &Secret,
        verify_token: Secret,
        number: Option<&str>,
        pass: BTreeMap<String, String>,
    ) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, app_secret.reveal().as_bytes()),
            verify_token,
            number: number.map(str::to_owned),
            pass,
        }
    }
}

impl Door for MetaDoor {
    fn greeting(&self, query: &str) -> Option<String> {
        let mut url = Url::parse("http://door.invalid/").ok()?;
        url.set_query(Some(query));
        let given: BTreeMap<_, _> = url.query_pairs().collect();
        let token = given.get("hub.verify_token")?;
        if given.get("hub.mode")? != "subscribe"
            || !is_same(self.verify_token.reveal().as_bytes(), token.as_bytes())
        {
            return None;
        }
        let challenge = given.get("hub.challenge")?;
        // It is repeated to whoever asked: nothing that a browser could run.
        let plain = (1..=CHALLENGE_BYTES).contains(&challenge.len())
            && challenge
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        plain.then(|| challenge.to_string())
    }

    fn may_be_genuine(&self, headers: &HeaderMap) -> bool {
        signature(headers).is_some()
    }

    fn is_genuine(&self, headers: &HeaderMap, body: &[u8]) -> bool {
        // Over the raw bytes, compared in constant time.
        signature(headers).is_some_and(|given| hmac::verify(&self.key, body, &given).is_ok())
    }

    fn whose(&self, body: &[u8]) -> Whose {
        let Some(own) = &self.number else {
            return Whose {
                ours: true,
                ..Whose::default()
            };
        };
        let (numbers, of_all) = named(body);
        let (mut others, mut unknown) = (BTreeSet::new(), Vec::new());
        if of_all {
            others.extend(self.pass.values().cloned());
        }
        for number in numbers.iter().filter(|number| *number != own) {
            match self.pass.get(number) {
                Some(listener) => {
                    others.insert(listener.clone());
                }
                None => unknown.push(number.clone()),
            }
        }
        Whose {
            ours: of_all || numbers.contains(own),
            others: others.into_iter().collect(),
            unknown,
            later: false,
        }
    }
}

impl std::fmt::Debug for MetaDoor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MetaDoor")
    }
}

fn signature(headers: &HeaderMap) -> Option<[u8; 32]> {
    let mut given = headers.get_all(SIGNATURE).iter();
    let (first, None) = (given.next()?, given.next()) else {
        return None;
    };
    let mut tag = [0; 32];
    canonical::hex_into(first.to_str().ok()?.strip_prefix(SCHEME)?, &mut tag).ok()?;
    Some(tag)
}

/// Numbers that a body names, and whether something in it concerns the business as a whole. What can
/// not be read is of all: it is kept, and recorded as a loss.
fn named(body: &[u8]) -> (BTreeSet<String>, bool) {
    let Ok(value) = normal::parse(body) else {
        return (BTreeSet::new(), true);
    };
    let list = |value: &Value, name: &str| {
        let list = value.get(name).and_then(Value::as_array);
        list.cloned().unwrap_or_default()
    };
    let mut numbers = BTreeSet::new();
    let (mut of_all, mut changes) = (false, 0);
    for entry in list(&value, "entry") {
        for change in list(&entry, "changes") {
            changes += 1;
            match change.pointer("/value/metadata/phone_number_id") {
                Some(Value::String(number)) => {
                    numbers.insert(number.clone());
                }
                Some(Value::Number(number)) => {
                    numbers.insert(number.to_string());
                }
                _ => of_all = true,
            }
        }
    }
    (numbers, of_all || changes == 0)
}

/// Any bytes as a query, a signature and a body at the door.
pub fn fuzz_door(data: &[u8]) {
    let (Some(app), Some(verify)) = (Secret::new("app"), Secret::new("verify")) else {
        return;
    };
    let pass = BTreeMap::from([("2".to_owned(), "http://127.0.0.1:1/".to_owned())]);
    let door = MetaDoor::new(&app, verify, Some("1"), pass);
    if let Some(answer) = std::str::from_utf8(data)
        .ok()
        .and_then(|q| door.greeting(q))
    {
        assert!(answer.len() <= CHALLENGE_BYTES, "repeated too much");
    }
    let mut headers = HeaderMap::new();
    if let Ok(value) = http::HeaderValue::from_bytes(data) {
        headers.insert(SIGNATURE, value);
    }
    assert!(
        !door.is_genuine(&headers, data),
        "a body that holds its own signature"
    );
    let whose = door.whose(data);
    assert!(
        whose.ours || !whose.others.is_empty() || !whose.unknown.is_empty(),
        "a body of nobody"
    );
    let _ = super::graph::told(data, "1");
    let _ = super::graph::Medium::parse(data);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door(number: Option<&str>) -> MetaDoor {
        MetaDoor::new(
            &Secret::new("app-secret").unwrap(),
            Secret::new("verify token").unwrap(),
            number,
            BTreeMap::from([("2".to_owned(), "http://127.0.0.1:8481/whatsapp".to_owned())]),
        )
    }

    #[test]
    fn the_handshake_repeats_the_challenge_to_whoever_knows_the_token() {
        let door = door(None);
        let ask = |query: &str| door.greeting(query);
        let good = "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=verify%20token";
        assert_eq!(ask(good).as_deref(), Some("1158201444"));
        for bad in [
            "hub.mode=subscribe&hub.challenge=1&hub.verify_token=other",
            "hub.mode=unsubscribe&hub.challenge=1&hub.verify_token=verify%20token",
            "hub.mode=subscribe&hub.verify_token=verify%20token",
            "hub.mode=subscribe&hub.challenge=%3Cscript%3E&hub.verify_token=verify%20token",
            "",
            "%%%",
        ] {
            assert_eq!(ask(bad), None, "{bad}");
        }
    }

    #[test]
    fn only_the_raw_bytes_under_the_secret_are_genuine() {
        let door = door(None);
        // HMAC-SHA256("app-secret", "{}") by openssl.
        let tag = canonical::hex(
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"app-secret"), b"{}").as_ref(),
        );
        let headers = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(SIGNATURE, value.parse().unwrap());
            headers
        };
        let good = headers(&format!("sha256={tag}"));
        assert!(door.may_be_genuine(&good) && door.is_genuine(&good, b"{}"));
        assert!(!door.is_genuine(&good, b"{} "));
        for bad in [
            tag.clone(),
            format!("sha1={tag}"),
            format!("sha256={}", &tag[2..]),
        ] {
            assert!(!door.may_be_genuine(&headers(&bad)), "{bad}");
        }
        assert!(!door.may_be_genuine(&HeaderMap::new()));
        let mut twice = good.clone();
        twice.append(SIGNATURE, format!("sha256={tag}").parse().unwrap());
        assert!(!door.may_be_genuine(&twice));
    }

    #[test]
    fn numbers_are_kept_apart() {
        let change = |number: &str| {
            format!(
                r#"{{"field":"messages","value":{{"metadata":{{"phone_number_id":"{number}"}}}}}}"#
            )
        };
        let body = |changes: &[String]| {
            format!(
                r#"{{"entry":[{{"id":"9","changes":[{}]}}]}}"#,
                changes.join(",")
            )
        };
        let door = door(Some("1"));
        let of = |changes: &[String]| door.whose(body(changes).as_bytes());
        let other = "http://127.0.0.1:8481/whatsapp".to_owned();
        let own = of(&[change("1")]);
        assert!(own.ours && own.others.is_empty() && own.unknown.is_empty());
        let both = of(&[change("1"), change("2")]);
        assert!(both.ours && both.others == [other.clone()]);
        let strange = of(&[change("3")]);
        assert!(!strange.ours && strange.unknown == ["3"]);
        let of_all = of(&[r#"{"field":"account_update","value":{}}"#.to_owned()]);
        assert!(of_all.ours && of_all.others == [other]);
        assert!(door.whose(b"no json").ours);
    }
}
