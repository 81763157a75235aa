//! A webhook: JSON by HTTPS POST, signed.
//!
//! `Greffe-Signature: t=UNIX-SECONDS,v1=HEX`, where HEX is HMAC-SHA256 under the secret of
//! `t.body`: whoever receives it can tell that it is ours, unaltered and new.

use std::time::Duration;

use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use super::Message;
use super::mail::is_here;
use super::settings::WebhookSettings;
use crate::failure::Failure;
use crate::home;

/// A server that says nothing for so long is away.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) async fn send(settings: &WebhookSettings, message: &Message) -> Result<(), Failure> {
    let body = serde_json::to_vec(message).map_err(|error| failed(&error))?;
    let secret = Zeroizing::new(home::read(&settings.secret_file)?);
    let seconds = message.sent_at.div_euclid(1_000);
    let answer = client(settings)?
        .post(&settings.url)
        .header("content-type", "application/json")
        .header("greffe-signature", signature(&secret, seconds, &body))
        .body(body)
        .send()
        .await
        .map_err(|error| failed(&error.without_url()))?;
    if answer.status().is_success() {
        return Ok(());
    }
    Err(Failure::new("alarm-not-sent")
        .with("channel", "webhook")
        .with("why", answer.status().as_u16()))
}

fn client(settings: &WebhookSettings) -> Result<reqwest::Client, Failure> {
    let url: reqwest::Url = settings.url.parse().map_err(|_| wrong("url"))?;
    let plain = url.scheme() == "http" && url.host_str().is_some_and(is_here);
    if url.scheme() != "https" && !plain {
        return Err(wrong("url"));
    }
    // The first one in a process stays; all of ours are the same.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(PATIENCE)
        .https_only(!plain);
    if let Some(path) = &settings.ca {
        let certificate =
            reqwest::Certificate::from_pem(&home::read(path)?).map_err(|error| failed(&error))?;
        builder = builder.tls_certs_only([certificate]);
    }
    builder.build().map_err(|error| failed(&error))
}

pub(super) fn signature(secret: &[u8], seconds: i64, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.trim_ascii());
    let mut context = hmac::Context::with_key(&key);
    context.update(format!("{seconds}.").as_bytes());
    context.update(body);
    let tag = data_encoding::HEXLOWER.encode(context.sign().as_ref());
    format!("t={seconds},v1={tag}")
}

fn wrong(why: &'static str) -> Failure {
    Failure::new("settings-wrong")
        .with("path", "alarms.webhook")
        .with("why", why)
}

fn failed(error: &dyn std::error::Error) -> Failure {
    Failure::new("alarm-not-sent")
        .with("channel", "webhook")
        .because(error)
}
