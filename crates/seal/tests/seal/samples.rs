//! Records to seal.

use record::{
    Assurance, Attachment, Body, Conversation, ConversationKind, Direction, Envelope, FileHash,
    Message, Milliseconds, Mode, NetworkName, Original, Participant, ParticipantId, Participants,
    Record, Source, TextId, Time,
};

/// A message with that text; `number` makes its id.
pub(crate) fn message(number: u32, text: &str) -> Record {
    with_attachments(number, text, Vec::new())
}

pub(crate) fn with_attachments(number: u32, text: &str, attachments: Vec<Attachment>) -> Record {
    let source = Source {
        network: NetworkName::SIGNAL,
        account: TextId::new("aci:8c78cd2a-16ff-427d-83dc-1a5e36ce713d").unwrap(),
        custodian: TextId::new("c-17").unwrap(),
        connector: TextId::new("signal/0.1.0 signal-cli").unwrap(),
        assurance: Assurance::Device,
        mode: Mode::Live,
    };
    let at = Time::utc(Milliseconds::new(1_790_000_000_000 + i64::from(number)));
    let envelope = Envelope::builder(
        &source,
        TextId::new("group:7Zk=").unwrap(),
        TextId::new(format!("{number}")).unwrap(),
        at,
    )
    .direction(Direction::Incoming)
    .sent(at);
    let mut participants = Participants::of(Conversation::new(ConversationKind::Group));
    participants.sender = Some(Participant::new(
        ParticipantId::new("aci", "0a1b2c3d-0000-4000-8000-000000000001").unwrap(),
    ));
    let body = Body::from(Message::plain(text));
    let original = (text.len() < 100_000)
        .then(|| Original::inline("application/json", format!("{{\"body\":{text:?}}}")));
    Record::new(envelope, participants, body, original, attachments).unwrap()
}

/// An attachment of these bytes.
pub(crate) fn attachment(name: &str, bytes: &[u8]) -> Attachment {
    Attachment {
        name: Some(name.to_owned()),
        ..Attachment::new(
            bytes.len() as u64,
            FileHash::from_bytes(canonical::sha256(bytes)),
        )
    }
}
