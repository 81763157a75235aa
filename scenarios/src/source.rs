//! A source of messages with a marker in every field, read by a connector in a thread of the agent.

use std::io::pipe;
use std::path::Path;

use capture::{ConnectorCommand, ImportFailure, ImportJob, Line};
use connector::kit::{self, Context, KitError};
use connector::{Hello, Incoming};
use record::{
    AliasKind, Assurance, Attachment, Conversation, ConversationKind, Envelope, FileHash, Message,
    Milliseconds, Mode, NetworkName, Original, Participant, ParticipantId, Participants, Record,
    Source, TextId, Time,
};
use vault::system::now;
use wire::RetentionClass;

use crate::markers::{Family, Field};

/// Name of the network that the messages are of.
pub const NETWORK: &str = "test";
/// One message in so many has a file.
pub const FILES_EVERY: u64 = 8;
/// Conversations that the messages are in by turns.
const CONVERSATIONS: u64 = 40;
/// Records in one event of the connector.
const EVENT: u64 = 50;

/// So many messages of one family.
#[derive(Clone, Debug)]
pub struct Messages {
    /// What their markers begin with.
    pub family: Family,
    /// How many.
    pub count: u64,
    /// Bytes of each attached file.
    pub file_bytes: usize,
}

impl Messages {
    /// The network's id of a message.
    pub fn id(number: u64) -> String {
        format!("m{number:06}")
    }

    /// All ids, sorted.
    pub fn ids(&self) -> Vec<String> {
        (0..self.count).map(Self::id).collect()
    }

    /// Whether a message has a file.
    pub fn has_file(number: u64) -> bool {
        number % FILES_EVERY == 3
    }

    /// The bytes of a message's file: its marker again and again.
    pub fn file(&self, number: u64) -> Vec<u8> {
        let marker = self.family.marker(Field::FileBytes, number) + " ";
        marker
            .into_bytes()
            .into_iter()
            .cycle()
            .take(self.file_bytes)
            .collect()
    }

    /// A message.
    pub fn message(&self, number: u64) -> Record {
        let mark = |field| self.family.marker(field, number);
        let id = |text: &str| TextId::new(text).unwrap();
        let source = Source {
            network: NetworkName::new(NETWORK).unwrap(),
            account: id(&self.account()),
            custodian: id(&self.account()),
            connector: id("scenarios/1 generated"),
            assurance: Assurance::Export,
            mode: Mode::Import,
        };
        let conversation = id(&format!("chat-{}", number % CONVERSATIONS));
        // One a minute, from ten years ago on.
        let sent = Milliseconds::new(1_480_000_000_000 + i64::try_from(number).unwrap() * 60_000);
        let envelope = Envelope::builder(
            &source,
            conversation,
            id(&Self::id(number)),
            Time::utc(now()),
        )
        .sent(Time::utc(sent));
        let sender = ParticipantId::new("name", &mark(Field::Number)).unwrap();
        let participants = Participants {
            sender: Some(Participant::new(sender).alias(AliasKind::Display, mark(Field::Name))),
            ..Participants::of(Conversation::new(ConversationKind::Group).title(mark(Field::Title)))
        };
        let attachments = if Self::has_file(number) {
            let bytes = self.file(number);
            let mut file = Attachment::new(
                bytes.len() as u64,
                FileHash::from_bytes(canonical::sha256(&bytes)),
            );
            file.name = Some(mark(Field::FileName) + ".txt");
            file.declared_type = Some("text/plain".to_owned());
            vec![file]
        } else {
            Vec::new()
        };
        let text = format!("{} says hello", mark(Field::Text));
        let original = Original::inline("text/plain", mark(Field::Original));
        Record::new(
            envelope,
            participants,
            Message::plain(text),
            Some(original),
            attachments,
        )
        .unwrap()
    }

    /// What the agent is asked to import.
    pub fn job(&self) -> ImportJob {
        ImportJob {
            connector: ConnectorCommand::new("/is/not/run"),
            account: self.account(),
            custodian: self.account(),
            settings: Vec::new(),
            class: RetentionClass::new(0),
        }
    }

    /// The connector: gives all messages, from the first on.
    pub fn connector(self) -> impl FnOnce(&Path) -> Result<Line, ImportFailure> {
        connect(move |context| {
            context.hello(hello())?;
            let folder = context.folder().to_owned();
            let mut at = 0;
            while at < self.count {
                let end = (at + EVENT).min(self.count);
                let mut event = Vec::new();
                for number in at..end {
                    let mut incoming = Incoming::of(&self.message(number));
                    if Self::has_file(number) {
                        let name = format!("file-{number}");
                        // The folder is gone when the agent has ended the import.
                        std::fs::write(folder.join(&name), self.file(number))
                            .map_err(|_| KitError::Stopped)?;
                        incoming = incoming.with_file(0, name);
                    }
                    event.push(incoming);
                }
                context.emit(event, None)?;
                at = end;
            }
            Ok(())
        })
    }

    fn account(&self) -> String {
        self.family.marker(Field::Account, 0)
    }
}

/// The network's id of an account's live message.
pub fn live_id(account: &str, number: u64) -> String {
    format!("{account}-m{number:06}")
}

/// A message that was captured just now, of the network of these tests.
pub fn live_message(account: &str, custodian: &str, number: u64) -> Record {
    let id = |text: &str| TextId::new(text).unwrap();
    let source = Source {
        network: NetworkName::new(NETWORK).unwrap(),
        account: id(account),
        custodian: id(custodian),
        connector: id("scenarios/1 generated"),
        assurance: Assurance::Device,
        mode: Mode::Live,
    };
    let envelope = Envelope::builder(
        &source,
        id(&format!("chat-{}", number % 3)),
        id(&live_id(account, number)),
        Time::utc(now()),
    )
    .sent(Time::utc(now()));
    let sender = ParticipantId::new("name", "somebody").unwrap();
    let participants = Participants {
        sender: Some(Participant::new(sender)),
        ..Participants::of(Conversation::new(ConversationKind::Direct))
    };
    let text = format!("message {number} of {account}, of the usual length of such messages");
    let original = Original::inline("text/plain", text.clone());
    Record::new(
        envelope,
        participants,
        Message::plain(text),
        Some(original),
        Vec::new(),
    )
    .unwrap()
}

/// Runs a connector in a thread, over pipes instead of a process's standard streams.
pub fn connect(
    connector: impl FnOnce(&mut Context<'_>) -> Result<(), KitError> + Send + 'static,
) -> impl FnOnce(&Path) -> Result<Line, ImportFailure> {
    move |_| {
        let (input, to) = pipe().unwrap();
        let (from, mut output) = pipe().unwrap();
        std::thread::spawn(move || kit::run(input, &mut output, now, |context| connector(context)));
        Ok(Line::new(from, to))
    }
}

/// How the connector of these tests introduces itself.
pub fn hello() -> Hello {
    Hello {
        version: 1,
        connector: "scenarios/1".to_owned(),
        way: "generated".to_owned(),
        network: NETWORK.to_owned(),
        coverage: Vec::new(),
        notices: false,
    }
}
