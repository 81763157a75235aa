//! What exports tell of each kind of event.

use connector::{Coverage, Extent};
use record::Kind;

use crate::open::Format;

/// A row for each kind.
pub(crate) fn coverage(format: Format) -> Vec<Coverage> {
    let row = match format {
        Format::WhatsApp => chat,
        Format::Telegram => telegram,
        Format::Element => element,
        Format::Mail => mail,
        Format::Table => table,
        Format::SignalDesktop => signal_desktop,
        Format::SignalExport => signal_export,
    };
    Kind::all()
        .iter()
        .map(|kind| {
            let (extent, remark) = row(*kind);
            Coverage {
                kind: kind.code(),
                extent,
                remark: Some(remark.to_owned()),
            }
        })
        .collect()
}

const SHOWN: (Extent, &str) = (Extent::Late, "as the export shows them");
const NOT: (Extent, &str) = (Extent::Withheld, "not exported");

fn chat(kind: Kind) -> (Extent, &'static str) {
    match kind {
        Kind::Edit => (
            Extent::Withheld,
            "marked as edited; earlier texts are not exported",
        ),
        Kind::Delete => (
            Extent::Withheld,
            "marked as deleted; what was deleted is not exported",
        ),
        Kind::Reaction | Kind::Receipt | Kind::Activity => NOT,
        Kind::Call => (Extent::Late, "missed calls only"),
        Kind::Roster => (Extent::Withheld, "members are not listed"),
        _ => SHOWN,
    }
}

fn telegram(kind: Kind) -> (Extent, &'static str) {
    match kind {
        Kind::Edit => (
            Extent::Withheld,
            "marked as edited; earlier texts are not exported",
        ),
        Kind::Delete => (Extent::Withheld, "deleted messages are not exported"),
        Kind::Reaction => (Extent::Late, "as sums within messages"),
        Kind::Receipt | Kind::Activity => NOT,
        Kind::Roster => (
            Extent::Late,
            "from the creation of a group on, where it is exported",
        ),
        _ => SHOWN,
    }
}

fn element(kind: Kind) -> (Extent, &'static str) {
    match kind {
        Kind::Message => (
            Extent::Late,
            "up to the number or size that was chosen; files where the export includes them",
        ),
        Kind::Delete => (
            Extent::Late,
            "that a message was redacted; what it said is gone",
        ),
        Kind::Receipt | Kind::Activity | Kind::Account | Kind::Consent => NOT,
        Kind::Roster => (
            Extent::Withheld,
            "members are told by their coming and going",
        ),
        _ => SHOWN,
    }
}

fn mail(kind: Kind) -> (Extent, &'static str) {
    match kind {
        Kind::Message => (Extent::Late, "as the archive wrote it, attachments whole"),
        Kind::Loss => (Extent::Late, "what is damaged or beyond a limit"),
        _ => (
            Extent::Withheld,
            "archives write every kind of event as a message",
        ),
    }
}

fn table(kind: Kind) -> (Extent, &'static str) {
    match kind {
        Kind::Message => (Extent::Late, "as the mapping says"),
        Kind::Loss => (Extent::Late, "rows that can not be read"),
        _ => (
            Extent::Withheld,
            "rows are messages; what they were is a field",
        ),
    }
}

fn signal_desktop(kind: Kind) -> (Extent, &'static str) {
    match kind {
        Kind::Edit => (Extent::Late, "with the former texts"),
        Kind::Delete => (Extent::Late, "that it was deleted; what it said is gone"),
        Kind::Receipt => (Extent::Late, "of own messages, as they stood at the export"),
        Kind::Call => (
            Extent::Late,
            "that there was one; newer exports say no more",
        ),
        Kind::Membership => (Extent::Late, "changes of groups, by ids"),
        Kind::Roster | Kind::Activity | Kind::Consent => NOT,
        _ => SHOWN,
    }
}

fn signal_export(kind: Kind) -> (Extent, &'static str) {
    match kind {
        Kind::Message => (Extent::Late, "people by the names they show, without ids"),
        Kind::Reaction => (Extent::Late, "within messages"),
        Kind::Delete => (Extent::Late, "marked as deleted; what it said is gone"),
        Kind::Call => (Extent::Late, "as a line of text"),
        Kind::Loss => SHOWN,
        _ => NOT,
    }
}
