//! A connector that runs in a thread of the test, over pipes.

use std::io::pipe;
use std::path::Path;

use canonical::Milliseconds;
use capture::{ConnectorCommand, ImportFailure, ImportJob, Line};
use connector::kit::{self, Context, KitError};
use connector::{Hello, Incoming};
use record::{
    Assurance, Attachment, Consent, ConsentAct, Conversation, ConversationKind, Envelope, FileHash,
    Message, Mode, NetworkName, Original, Participant, ParticipantId, Participants, Record, Source,
    TextId, Time,
};
use wire::RetentionClass;

use crate::world::NOW;

pub const ACCOUNT: &str = "tel:+4930123456";

pub fn job() -> ImportJob {
    ImportJob {
        connector: ConnectorCommand::new("/not/run"),
        account: ACCOUNT.into(),
        custodian: "c-17".into(),
        settings: vec![("path".into(), "chat.txt".into())],
        class: RetentionClass::new(0),
    }
}

/// Runs `connector` in a thread when it is called with the connector's folder.
pub fn connect(
    connector: impl FnOnce(&mut Context<'_>) -> Result<(), KitError> + Send + 'static,
) -> impl FnOnce(&Path) -> Result<Line, ImportFailure> {
    move |_| {
        let (input, to) = pipe().unwrap();
        let (from, mut output) = pipe().unwrap();
        std::thread::spawn(move || {
            kit::run(
                input,
                &mut output,
                || Milliseconds::new(NOW),
                |ctx| connector(ctx),
            )
        });
        Ok(Line::new(from, to))
    }
}

pub fn hello() -> Hello {
    Hello {
        version: 1,
        connector: "test/1".into(),
        way: "test-export".into(),
        network: "test".into(),
        coverage: vec![],
        notices: false,
    }
}

/// A connector that emits messages `from..to` in events of `each`, each after the one before is
/// durable, so that each becomes an entry.
pub fn messages(
    from: u64,
    to: u64,
    each: u64,
) -> impl FnOnce(&mut Context<'_>) -> Result<(), KitError> + Send + 'static {
    move |ctx| {
        ctx.hello(hello())?;
        let mut at = from;
        while at < to {
            let end = to.min(at + each);
            ctx.emit(
                (at..end)
                    .map(|n| Incoming::of(&message(n, ACCOUNT)))
                    .collect(),
                None,
            )?;
            ctx.wait_durable()?;
            at = end;
        }
        Ok(())
    }
}

pub fn message(number: u64, account: &str) -> Record {
    record(
        number,
        account,
        format!("marker-{number} says hello"),
        vec![],
    )
}

pub fn with_attachment(number: u64, bytes: &[u8]) -> Record {
    let mut attachment = Attachment::new(
        bytes.len() as u64,
        FileHash::from_bytes(canonical::sha256(bytes)),
    );
    attachment.name = Some(format!("marker-{number}.bin"));
    record(number, ACCOUNT, "see attached".into(), vec![attachment])
}

/// A notice was given in a conversation.
pub fn given(conversation: &str) -> Record {
    let like = message(0, ACCOUNT);
    let id = |text: &str| TextId::new(text).unwrap();
    let source = Source {
        network: NetworkName::new("test").unwrap(),
        account: id(ACCOUNT),
        custodian: id("c-17"),
        connector: id("test/1 test-export"),
        assurance: Assurance::Device,
        mode: Mode::Live,
    };
    let envelope = Envelope::builder(
        &source,
        id(conversation),
        id(&format!("notice-{conversation}")),
        Time::utc(Milliseconds::new(NOW)),
    );
    let consent = Consent {
        act: ConsentAct::Notice,
        participant: None,
        text: Some("This is archived.".into()),
        at: Some(Milliseconds::new(NOW)),
    };
    let participants = like.participants().clone();
    Record::new(envelope, participants, consent, None, vec![]).unwrap()
}

fn record(number: u64, account: &str, text: String, attachments: Vec<Attachment>) -> Record {
    let id = |text: &str| TextId::new(text).unwrap();
    let source = Source {
        network: NetworkName::new("test").unwrap(),
        account: id(account),
        custodian: id("c-17"),
        connector: id("test/1 test-export"),
        assurance: Assurance::Export,
        mode: Mode::Import,
    };
    let captured = Time::utc(Milliseconds::new(NOW));
    // A minute between messages; conversations in turn.
    let sent = Time::utc(Milliseconds::new(
        NOW - 1_000_000_000 + number as i64 * 60_000,
    ));
    let conversation = format!("chat-{}", number % 3);
    let envelope = Envelope::builder(
        &source,
        id(&conversation),
        id(&number.to_string()),
        captured,
    )
    .sent(sent);
    let participants = Participants {
        sender: Some(Participant::new(
            ParticipantId::new("name", "marker Ada").unwrap(),
        )),
        ..Participants::of(Conversation::new(ConversationKind::Group).title("marker title"))
    };
    let original = Original::inline("text/plain", text.clone().into_bytes());
    Record::new(
        envelope,
        participants,
        Message::plain(text),
        Some(original),
        attachments,
    )
    .unwrap()
}
