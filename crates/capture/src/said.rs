//! What a record says, for telling an event that comes again from another one of the same id
//! (SPOOL-6).

use canonical::{hex, to_bytes};
use record::{
    Attachment, Body, Content, Envelope, Field, Message, MissingWhy, OriginalContent, Part,
    Participant, Record, RecordError, Source, TextId,
};

use crate::label;

/// Bytes of a source id that are kept before the mark of a record that is kept apart.
const KEPT: usize = 495;
/// Name of the field that has the whole source id.
const FIELD: &str = "greffe.source-id";

/// What a record says, as bytes: equal where the same event is met again.
pub(crate) fn said(record: &Record) -> Vec<u8> {
    let mut said = Vec::new();
    let sender = record.participants().sender.as_ref();
    put(
        &mut said,
        sender.map_or(&[][..], |sender| sender.id.as_str().as_bytes()),
    );
    let body = record.body();
    put(&mut said, &to_bytes(&bare(body.content.clone())));
    for Attachment { size, sha256, .. } in record.attachments() {
        said.extend(size.to_be_bytes());
        said.extend(sha256.as_bytes());
    }
    if says_little(&body.content) {
        for Field { name, value } in &body.fields {
            put(&mut said, name.as_bytes());
            put(&mut said, value.as_bytes());
        }
    }
    if let (Content::Unknown(_), [], Some(original)) =
        (&body.content, body.fields.as_slice(), record.original())
        && let OriginalContent::Inline(bytes) = &original.content
    {
        put(&mut said, bytes);
    }
    said
}

/// The same record under an id of its own, because another one has the id that it came with.
///
/// # Errors
///
/// When it is over a limit of the format with what is added.
pub(crate) fn apart(record: &Record) -> Result<Record, RecordError> {
    let envelope = record.envelope();
    let mut hash = label::APART.hash();
    hash.update(&said(record));
    let [a, b, c, d, e, f, g, h, ..] = hash.finish();
    let whole = envelope.source_id().as_str();
    let kept = whole.floor_char_boundary(KEPT);
    let name = format!(
        "{}~{}",
        whole.get(..kept).unwrap_or_default(),
        hex(&[a, b, c, d, e, f, g, h])
    );
    // Of an id that is cut and made longer by seventeen bytes of plain ASCII.
    let source_id = TextId::new(name).unwrap_or_else(|_| envelope.source_id().clone());
    let source = Source {
        network: envelope.network().clone(),
        account: envelope.account().clone(),
        custodian: envelope.custodian().clone(),
        connector: envelope.connector().clone(),
        assurance: envelope.assurance(),
        mode: envelope.mode(),
    };
    let times = envelope.times();
    let builder = Envelope::builder(
        &source,
        envelope.conversation().clone(),
        source_id,
        times.captured,
    )
    .direction(envelope.direction())
    .sent(times.sent)
    .server(times.server)
    .received(times.received)
    .roster(envelope.roster())
    .position(envelope.position());
    let mut body: Body = record.body().clone();
    body.fields.push(Field::new(FIELD, whole));
    Record::new(
        builder,
        record.participants().clone(),
        body,
        record.original().cloned(),
        record.attachments().to_vec(),
    )
}

/// Whether the fields beside such content say something that it does not.
fn says_little(content: &Content) -> bool {
    match content {
        Content::Unknown(_) | Content::Account(_) => true,
        Content::Message(message) => message.parts.is_empty(),
        _ => false,
    }
}

/// The content without what a second look at the same event may see otherwise.
fn bare(content: Content) -> Content {
    match content {
        Content::Message(mut message) => {
            bare_message(&mut message);
            message.into()
        }
        Content::Edit(mut edit) => {
            edit.former = None;
            bare_message(&mut edit.message);
            Content::Edit(edit)
        }
        Content::Delete(mut delete) => {
            delete.former = None;
            delete.by.iter_mut().for_each(bare_participant);
            Content::Delete(delete)
        }
        Content::Membership(mut membership) => {
            for change in &mut membership.changes {
                bare_participant(&mut change.member);
                change.by.iter_mut().for_each(bare_participant);
            }
            membership.into()
        }
        Content::Poll(mut poll) => {
            poll.voters = None;
            for option in &mut poll.options {
                option.votes = None;
                option.chosen = None;
            }
            Content::Poll(poll)
        }
        Content::Consent(mut consent) => {
            consent.participant.iter_mut().for_each(bare_participant);
            consent.into()
        }
        Content::Roster(mut roster) => {
            roster.former = None;
            for member in &mut roster.members {
                let role = member.role.take();
                bare_participant(member);
                member.role = role;
            }
            roster.into()
        }
        other => other,
    }
}

fn bare_message(message: &mut Message) {
    message.reactions.clear();
    message.marks.clear();
    if let Some(expiry) = &mut message.expiry {
        expiry.at = None;
    }
    if let Some(forward) = &mut message.forward {
        forward.author.iter_mut().for_each(bare_participant);
    }
    message.parts.iter_mut().for_each(bare_part);
}

/// Nested at most eight deep (RECORD-5).
fn bare_part(part: &mut Part) {
    match part {
        Part::Missing(missing) => {
            missing.reference = None;
            missing.why = MissingWhy::NotIncluded;
        }
        Part::Structured(structured) => structured.parts.iter_mut().for_each(bare_part),
        Part::Nested(nested) => {
            for message in &mut nested.messages {
                message.sender.iter_mut().for_each(bare_participant);
                message.parts.iter_mut().for_each(bare_part);
            }
        }
        _ => {}
    }
}

fn bare_participant(participant: &mut Participant) {
    participant.aliases.clear();
    participant.role = None;
    participant.device = None;
}

fn put(to: &mut Vec<u8>, bytes: &[u8]) {
    to.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    to.extend(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use canonical::Milliseconds;
    use record::{
        AliasKind, Assurance, Conversation, ConversationKind, FileHash, Kind, Mode, NetworkName,
        Original, ParticipantId, Participants, Tally, Time, Unknown,
    };

    fn record(
        source_id: &str,
        content: impl Into<Content>,
        change: impl FnOnce(&mut Participants, &mut Vec<Field>, &mut Vec<Attachment>),
    ) -> Record {
        let id = |text: &str| TextId::new(text).unwrap();
        let source = Source {
            network: NetworkName::new("test").unwrap(),
            account: id("tel:+1"),
            custodian: id("c-1"),
            connector: id("test/1"),
            assurance: Assurance::Device,
            mode: Mode::Live,
        };
        let sender = Participant::new(ParticipantId::new("tel", "+2").unwrap());
        let mut participants = Participants {
            sender: Some(sender),
            ..Participants::of(Conversation::new(ConversationKind::Direct))
        };
        let (mut fields, mut files) = (Vec::new(), Vec::new());
        change(&mut participants, &mut fields, &mut files);
        let body = Body {
            content: content.into(),
            fields,
        };
        Record::new(
            Envelope::builder(
                &source,
                id("chat"),
                id(source_id),
                Time::utc(Milliseconds::new(5)),
            ),
            participants,
            body,
            Some(Original::inline(
                "text/plain",
                source_id.as_bytes().to_vec(),
            )),
            files,
        )
        .unwrap()
    }

    fn plain(source_id: &str, text: &str) -> Record {
        record(source_id, Message::plain(text), |_, _, _| {})
    }

    #[test]
    fn spool_6_harmless_differences_say_the_same() {
        let said_of = |change: fn(&mut Message)| {
            let mut message = Message::plain("hello");
            change(&mut message);
            said(&record("1", message, |_, _, _| {}))
        };
        let same = said(&plain("1", "hello"));
        assert_eq!(same, said(&plain("2", "hello")), "ids and originals");
        assert_eq!(same, said_of(|message| message.marks.push("pinned".into())));
        let tally = |message: &mut Message| {
            message.reactions.push(Tally {
                value: "+1".into(),
                count: 3,
                by: vec![],
            });
        };
        assert_eq!(same, said_of(tally));
        let named = record("1", Message::plain("hello"), |participants, fields, _| {
            let sender = participants.sender.take().unwrap();
            participants.sender = Some(sender.alias(AliasKind::Display, "Ada"));
            fields.push(Field::new("delivered", "17"));
        });
        assert_eq!(same, said(&named));
    }

    #[test]
    fn spool_6_other_words_senders_files_and_unknowns_say_something_else() {
        let same = said(&plain("1", "hello"));
        assert_ne!(same, said(&plain("1", "hello!")));
        let other = record("1", Message::plain("hello"), |participants, _, _| {
            participants.sender = None;
        });
        assert_ne!(same, said(&other));
        let file = |byte: u8| {
            let message = Message::plain("hello");
            said(&record("1", message, |_, _, files| {
                files.push(Attachment::new(1, FileHash::from_bytes([byte; 32])));
            }))
        };
        assert_ne!(file(1), same);
        assert_ne!(file(1), file(2));
        let unknown = |id: &str, value: Option<&'static str>| {
            let content = Unknown {
                type_name: "new".into(),
                text: None,
            };
            said(&record(id, content, |_, fields, _| {
                fields.extend(value.map(|value| Field::new("a", value)));
            }))
        };
        assert_ne!(unknown("1", Some("x")), unknown("1", Some("y")));
        assert_eq!(unknown("1", Some("x")), unknown("2", Some("x")));
        assert_ne!(unknown("1", None), unknown("2", None), "the original");
    }

    #[test]
    fn spool_6_a_record_apart_names_the_id_that_it_came_with() {
        let record = plain("17", "hello");
        let other = apart(&record).unwrap();
        assert_ne!(other.id(), record.id());
        assert_eq!(other.kind(), Kind::Message);
        assert_eq!(said(&other), said(&record));
        assert_eq!(apart(&record).unwrap(), other);
        assert_ne!(apart(&plain("17", "bye")).unwrap().id(), other.id());
        let source_id = other.envelope().source_id().as_str();
        assert!(source_id.starts_with("17~") && source_id.len() == 19);
        assert_eq!(other.body().fields, [Field::new(FIELD, "17")]);
        // An id as long as ids can be, of characters of three bytes.
        let long = "\u{20ac}".repeat(170);
        let cut = apart(&plain(&long, "hello")).unwrap();
        assert!(cut.envelope().source_id().as_str().len() <= 512);
        assert_eq!(cut.body().fields, [Field::new(FIELD, long)]);
    }
}
