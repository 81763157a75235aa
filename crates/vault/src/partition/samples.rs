//! Records and partitions for tests.

use std::path::Path;
use std::sync::Arc;

use record::{
    AliasKind, Assurance, Content, Conversation, ConversationKind, Direction, Envelope, Message,
    Milliseconds, Mode, NetworkName, Participant, ParticipantId, Participants, Record, RecordId,
    Source, TextId, Time,
};
use tlog::LogIndex;

use super::{Filing, Nobody, PageCache, Partition, PartitionId, PartitionKey, PartitionKeys};

pub(crate) fn keys() -> PartitionKeys {
    PartitionKeys {
        catalogue: PartitionKey::from_bytes([1; 32]),
        index: PartitionKey::from_bytes([2; 32]),
        derived: PartitionKey::from_bytes([3; 32]),
    }
}

pub(crate) fn id(n: u8) -> PartitionId {
    PartitionId::from_bytes([n; 32])
}

pub(crate) fn create(folder: &Path, n: u8) -> Partition {
    Partition::create(folder, id(n), keys(), &PageCache::new(256)).unwrap()
}

pub(crate) fn open(folder: &Path, n: u8) -> Result<Partition, super::OpenError> {
    Partition::open(folder, id(n), keys(), &PageCache::new(256))
}

/// What a record says, before it is one.
#[derive(Clone)]
pub(crate) struct Sample {
    pub(crate) source_id: String,
    pub(crate) network: String,
    pub(crate) conversation: String,
    pub(crate) title: Option<String>,
    pub(crate) from: Option<(String, Vec<String>)>,
    pub(crate) to: Vec<(String, Vec<String>)>,
    pub(crate) at: i64,
    pub(crate) roster: Option<RecordId>,
    pub(crate) content: Content,
}

impl Sample {
    pub(crate) fn text(source_id: &str, at: i64, text: &str) -> Self {
        Self {
            source_id: source_id.into(),
            network: "signal".into(),
            conversation: "c-1".into(),
            title: None,
            from: Some(("tel:+491700000001".into(), vec!["Ada".into()])),
            to: Vec::new(),
            at,
            roster: None,
            content: Message::plain(text).into(),
        }
    }

    pub(crate) fn record(&self) -> Record {
        let text = |text: &str| TextId::new(text).unwrap();
        let source = Source {
            network: NetworkName::new(&self.network).unwrap(),
            account: text("tel:+491799999999"),
            custodian: text("c-17"),
            connector: text("test/1"),
            assurance: Assurance::Device,
            mode: Mode::Live,
        };
        let captured = Time::utc(Milliseconds::new(self.at + 5));
        let envelope = Envelope::builder(
            &source,
            text(&self.conversation),
            text(&self.source_id),
            captured,
        )
        .direction(Direction::Incoming)
        .sent(Time::utc(Milliseconds::new(self.at)))
        .roster(self.roster);
        let person = |(id, names): &(String, Vec<String>)| {
            let participant = Participant::new(ParticipantId::parse(id.as_str()).unwrap());
            names.iter().fold(participant, |participant, name| {
                participant.alias(AliasKind::Display, name.as_str())
            })
        };
        let mut conversation = Conversation::new(ConversationKind::Group);
        if let Some(title) = &self.title {
            conversation = conversation.title(title.as_str());
        }
        let participants = Participants {
            sender: self.from.as_ref().map(person),
            recipients: self.to.iter().map(person).collect(),
            ..Participants::of(conversation)
        };
        Record::new(
            envelope,
            participants,
            self.content.clone(),
            None,
            Vec::new(),
        )
        .unwrap()
    }
}

/// Files records as entries from `first` on, one each, without committing.
pub(crate) fn file(partition: &Partition, first: u64, records: &[Record]) -> super::Counts {
    let parts: Vec<record::Parts> = records.iter().map(Record::parts).collect();
    let slices: Vec<[&[u8]; 4]> = parts.iter().map(record::Parts::slices).collect();
    let filings = records
        .iter()
        .zip(&slices)
        .enumerate()
        .map(|(n, (record, parts))| Filing {
            index: LogIndex::new(first + n as u64),
            position: 0,
            admitted_at: Milliseconds::new(1),
            record,
            parts,
            objects: &[],
            members: &[],
        });
    partition.file(filings, &Nobody).unwrap()
}

/// A committed partition of these records.
pub(crate) fn filed(folder: &Path, n: u8, records: &[Record]) -> Arc<Partition> {
    let partition = create(folder, n);
    file(&partition, 0, records);
    partition
        .commit(LogIndex::new(records.len() as u64))
        .unwrap();
    Arc::new(partition)
}
