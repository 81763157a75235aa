//! Mail over SMTP.

use std::time::Duration;

use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};

use super::Message;
use super::settings::{MailSettings, MailTls};
use crate::failure::Failure;
use crate::home;

/// A conversation that has not ended by then has failed.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) async fn send(settings: &MailSettings, message: &Message) -> Result<(), Failure> {
    let mail = compose(settings, message)?;
    tokio::time::timeout(PATIENCE, transport(settings)?.send(mail))
        .await
        .map_err(|late| failed(&late))?
        .map_err(|error| failed(&error))?;
    Ok(())
}

fn compose(settings: &MailSettings, message: &Message) -> Result<lettre::Message, Failure> {
    let mailbox = |text: &str| text.parse::<Mailbox>().map_err(|error| failed(&error));
    let mut mail = lettre::Message::builder()
        .from(mailbox(&settings.from)?)
        .subject(message.subject())
        .header(ContentType::TEXT_PLAIN);
    for to in &settings.to {
        mail = mail.to(mailbox(to)?);
    }
    mail.body(message.text()).map_err(|error| failed(&error))
}

fn transport(settings: &MailSettings) -> Result<AsyncSmtpTransport<Tokio1Executor>, Failure> {
    let (host, port) = settings
        .server
        .rsplit_once(':')
        .and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)))
        .ok_or_else(|| {
            Failure::new("settings-wrong")
                .with("path", "alarms.mail")
                .with("why", "server")
        })?;
    let tls = || {
        let mut parameters = TlsParameters::builder(host.to_owned());
        if let Some(path) = &settings.ca {
            let certificate =
                Certificate::from_pem(&home::read(path)?).map_err(|error| failed(&error))?;
            parameters = parameters
                .certificate_store(CertificateStore::None)
                .add_root_certificate(certificate);
        }
        parameters.build_rustls().map_err(|error| failed(&error))
    };
    let tls = match settings.tls {
        MailTls::Starttls => Tls::Required(tls()?),
        MailTls::Tls => Tls::Wrapper(tls()?),
        MailTls::None if is_here(host) => Tls::None,
        MailTls::None => {
            return Err(Failure::new("settings-wrong")
                .with("path", "alarms.mail")
                .with("why", "tls"));
        }
    };
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
        .port(port)
        .timeout(Some(PATIENCE))
        .tls(tls);
    if let (Some(user), Some(path)) = (&settings.user, &settings.password_file) {
        let password = String::from_utf8_lossy(&home::read(path)?)
            .trim()
            .to_owned();
        builder = builder.credentials(Credentials::new(user.clone(), password));
    }
    Ok(builder.build())
}

/// Whether that is this machine: only there may something go unencrypted.
pub(super) fn is_here(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn failed(error: &dyn std::error::Error) -> Failure {
    Failure::new("alarm-not-sent")
        .with("channel", "mail")
        .because(error)
}
