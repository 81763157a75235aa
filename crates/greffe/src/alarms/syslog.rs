//! Syslog (RFC 5424), one message an event, for a SIEM: over UDP, TCP (octets counted, RFC 6587)
//! or a local socket.

use std::fmt::Write as _;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpStream, UdpSocket, UnixDatagram};
use vault::events::Event;

use super::settings::SyslogSettings;
use super::{Message, MessageKind};
use crate::failure::Failure;

/// Facility local0.
const FACILITY: u8 = 16;
const WARNING: u8 = 4;
const NOTICE: u8 = 5;
/// The number that RFC 5612 keeps for documents: we have none of our own.
const ELEMENT: &str = "greffe@32473";
/// A server that does not take it for so long is away.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) async fn send(settings: &SyslogSettings, message: &Message) -> Result<(), Failure> {
    let lines = lines(message);
    let (way, place) = settings.to.split_once(':').ok_or_else(wrong)?;
    let sent = async {
        match way {
            "udp" => {
                let from = if place.starts_with('[') {
                    "[::]:0"
                } else {
                    "0.0.0.0:0"
                };
                let socket = UdpSocket::bind(from).await?;
                socket.connect(place).await?;
                for line in &lines {
                    socket.send(line.as_bytes()).await?;
                }
            }
            "tcp" => {
                let mut stream = TcpStream::connect(place).await?;
                for line in &lines {
                    let framed = format!("{} {line}", line.len());
                    stream.write_all(framed.as_bytes()).await?;
                }
                stream.shutdown().await?;
            }
            _ => {
                let socket = UnixDatagram::unbound()?;
                socket.connect(place)?;
                for line in &lines {
                    socket.send(line.as_bytes()).await?;
                }
            }
        }
        Ok::<_, std::io::Error>(())
    };
    if !matches!(way, "udp" | "tcp" | "unix") {
        return Err(wrong());
    }
    match tokio::time::timeout(PATIENCE, sent).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(failed(&error)),
        Err(error) => Err(failed(&error)),
    }
}

fn lines(message: &Message) -> Vec<String> {
    if message.kind == MessageKind::Test {
        return vec![line(NOTICE, message.sent_at, "test", "")];
    }
    message.events.iter().map(event_line).collect()
}

fn event_line(event: &Event) -> String {
    let severity = if event.what.is_alarm() {
        WARNING
    } else {
        NOTICE
    };
    let mut facts = format!(" id=\"{}\" count=\"{}\"", event.id, event.count);
    // Ids are hex and need no escape.
    if let Some(signer) = &event.signer {
        let _ = write!(facts, " agent=\"{signer}\"");
    }
    if let Some(account) = &event.account {
        let _ = write!(facts, " account=\"{account}\"");
    }
    if let Some(index) = event.index {
        let _ = write!(facts, " index=\"{index}\"");
    }
    line(severity, event.at, event.what.name(), &facts)
}

fn line(severity: u8, at: i64, what: &str, facts: &str) -> String {
    let priority = FACILITY * 8 + severity;
    let time = jiff::Timestamp::from_millisecond(at)
        .map(|time| time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
        .unwrap_or_else(|_| "-".to_owned());
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host: String = host
        .chars()
        .filter(char::is_ascii_graphic)
        .take(255)
        .collect();
    let host = if host.is_empty() { "-" } else { host.as_str() };
    let process = std::process::id();
    format!("<{priority}>1 {time} {host} greffe {process} {what} [{ELEMENT}{facts}]")
}

fn wrong() -> Failure {
    Failure::new("settings-wrong")
        .with("path", "alarms.syslog")
        .with("why", "to")
}

fn failed(error: &dyn std::error::Error) -> Failure {
    Failure::new("alarm-not-sent")
        .with("channel", "syslog")
        .because(error)
}
