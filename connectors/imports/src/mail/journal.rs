//! Journal reports: the message that was sent, with an envelope around it that says whom it
//! reached. What the envelope names and the message does not are blind copies and the members of
//! lists.

use super::mime::{Leaf, Structure};

/// Addresses of one report.
const MAX_ADDRESSES: usize = 10_000;

/// The envelope of a report.
#[derive(Default)]
pub(crate) struct Journal<'m> {
    /// The message itself.
    pub(crate) message: &'m [u8],
    pub(crate) sender: Option<String>,
    pub(crate) on_behalf_of: Option<String>,
    /// Address, and as what the envelope names it: `to`, `cc`, `bcc`, `recipient`.
    pub(crate) recipients: Vec<(String, &'static str)>,
    /// Lines that say more: through which list an address was reached, and others.
    pub(crate) further: Vec<(String, String)>,
    /// Whether there were more addresses than are read.
    pub(crate) over: bool,
    names_message: bool,
    only_lines: bool,
}

/// The envelope, where the message is a report: its field says so, or it holds one message and
/// nothing but the lines of an envelope, which name that message. Anything less could be written
/// by somebody who wants his own mail to be taken for another's.
pub(crate) fn journal<'m>(found: &Structure<'m>) -> Option<Journal<'m>> {
    let inner = only_message(&found.leaves)?;
    let text = found
        .leaves
        .iter()
        .find(|leaf| leaf.media_type == "text/plain" && !leaf.is_file())?;
    let (text, _) = text.text();
    let named = found.head.has("X-MS-Journal-Report");
    let mut journal = read(&text);
    let whole = journal.sender.is_some() && !journal.recipients.is_empty();
    let sure = whole && journal.names_message && journal.further.is_empty() && journal.only_lines;
    if !(named || sure) {
        return None;
    }
    journal.message = inner.raw;
    Some(journal)
}

fn only_message<'l, 'm>(leaves: &'l [Leaf<'m>]) -> Option<&'l Leaf<'m>> {
    let mut messages = leaves
        .iter()
        .filter(|leaf| leaf.media_type == "message/rfc822");
    let first = messages.next()?;
    // An encoded one would have to be decoded first; mail systems do not encode them.
    let plain = first.decoded().0.as_ptr() == first.raw.as_ptr();
    (messages.next().is_none() && plain).then_some(first)
}

fn read(text: &str) -> Journal<'static> {
    let mut journal = Journal {
        only_lines: true,
        ..Journal::default()
    };
    for line in text.lines() {
        let Some((name, value)) = line.split_once(':') else {
            journal.only_lines &= line.trim().is_empty();
            continue;
        };
        let value = value.trim();
        let role = match name.trim().to_ascii_lowercase().as_str() {
            "sender" => {
                journal.sender = Some(value.to_owned()).filter(|value| !value.is_empty());
                continue;
            }
            "on-behalf-of" => {
                journal.on_behalf_of = Some(value.to_owned()).filter(|value| !value.is_empty());
                continue;
            }
            "to" => "to",
            "cc" => "cc",
            "bcc" => "bcc",
            "recipient" => "recipient",
            // They stand in the message too.
            "subject" => continue,
            "message-id" => {
                journal.names_message = true;
                continue;
            }
            _ if journal.further.len() < 64 && !value.is_empty() => {
                let name: String = name.trim().chars().take(60).collect();
                journal.further.push((name, value.to_owned()));
                continue;
            }
            _ => continue,
        };
        let (address, through) = match value.split_once(',') {
            Some((address, through)) => (address.trim(), through.trim()),
            None => (value, ""),
        };
        if address.is_empty() {
            continue;
        }
        if journal.recipients.len() >= MAX_ADDRESSES {
            journal.over = true;
            continue;
        }
        journal.recipients.push((address.to_owned(), role));
        if !through.is_empty() && journal.further.len() < 64 {
            journal
                .further
                .push((address.to_owned(), through.to_owned()));
        }
    }
    journal
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::mime::structure;

    const REPORT: &[u8] = b"X-MS-Journal-Report: \r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nSender: anna@bank.example\r\nSubject: Rates\r\nMessage-Id: <1@bank.example>\r\nTo: ben@bank.example\r\nRecipient: cleo@bank.example, Expanded: desk@bank.example\r\nBcc: dan@bank.example\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nFrom: anna@bank.example\r\nSubject: Rates\r\n\r\nhi\r\n--b--\r\n";

    #[test]
    fn the_envelope_names_whom_a_message_reached() {
        let found = structure(REPORT);
        let journal = journal(&found).unwrap();
        assert_eq!(journal.sender.as_deref(), Some("anna@bank.example"));
        let roles: Vec<_> = journal.recipients.iter().map(|(_, role)| *role).collect();
        assert_eq!(roles, ["to", "recipient", "bcc"]);
        assert_eq!(journal.further[0].1, "Expanded: desk@bank.example");
        assert!(journal.message.starts_with(b"From: anna"));
    }

    #[test]
    fn a_forwarded_message_is_no_report() {
        let forwarded = b"From: a@b.example\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nSender: see below\n--b\nContent-Type: message/rfc822\n\nFrom: x@y.example\n\nhi\n--b--\n";
        assert!(journal(&structure(forwarded)).is_none());
    }
}
