//! An archive in memory: its keys, a log that admits by the real authority, objects. Faults are
//! switched on by the tests.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use canonical::Milliseconds;
use record::{
    Assurance, Attachment, Body as RecordBody, Conversation, ConversationKind, Direction, Envelope,
    Message, Mode, NetworkName, Original, Participant, ParticipantId, Participants, Record,
    RecordId, Source, TextId, Time,
};
use seal::keyring::UnlockedKeyring;
use seal::{
    BatchBuilder, Form, NewEpoch, Period, RecipientKey, Share, Stream, StreamPlace, StreamSealer,
    Threshold, make_epoch, seal_batch,
};
use testkit::Seeded;
use tlog::{
    Bundle, Checkpoint, Frontier, Hash, KeyName, LogIndex, LogSigner, Origin, SigningSeed,
    TileEdge, TileSet, TreeSize, encode_bundle, prove_inclusion,
};
use vault::follow::{Locked, Relay, RelayError, VaultFolder};
use wire::api::PostAnswer;
use wire::authority::{Admitted, Authority, Outcome, Past};
use wire::*;

pub(crate) const NOW: i64 = 1_790_000_000_000;

pub(crate) fn clock() -> Milliseconds {
    Milliseconds::new(NOW)
}

pub(crate) struct Archive {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) genesis: Genesis,
    pub(crate) relay: MemoryRelay,
    pub(crate) shares: Vec<Share>,
    pub(crate) epoch: EpochId,
    root: Signer,
    pub(crate) agent: Signer,
    recipient: RecipientKey,
    recipients: Vec<(EpochId, RecipientKey)>,
    carrier: Option<Signer>,
    randomness: Seeded,
    control: (u64, ControlId),
}

/// A signer with its chain.
pub(crate) struct Signer {
    pub(crate) key: SignerKey,
    at: ChainPosition,
}

#[derive(Clone)]
pub(crate) struct MemoryRelay(Arc<Mutex<Log>>);

pub(crate) struct Log {
    authority: Authority,
    signer: LogSigner,
    origin: Origin,
    pub(crate) leaves: Vec<Vec<u8>>,
    admitted: HashMap<(SignerId, u64), Admitted>,
    pub(crate) objects: HashMap<ObjectHash, Vec<u8>>,
    /// Objects that the relay says it does not have.
    pub(crate) hidden: Vec<ObjectHash>,
    /// Bytes after which an object's delivery breaks off, once.
    pub(crate) cut_after: Option<usize>,
    /// A note to show instead of the true one.
    pub(crate) shown: Option<Vec<u8>>,
    /// Take the next posted entries, and lose the answer.
    pub(crate) lose_answer: bool,
    /// Refuse the next posted entry with this code.
    pub(crate) refuse: Option<RefusalCode>,
    pub(crate) now: i64,
}

struct Leaves<'a>(&'a HashMap<(SignerId, u64), Admitted>, &'a [Vec<u8>]);

impl Past for Leaves<'_> {
    type Error = std::convert::Infallible;

    fn admitted(
        &self,
        signer: &SignerId,
        number: SequenceNumber,
    ) -> Result<Option<Admitted>, Self::Error> {
        Ok(self.0.get(&(*signer, number.get())).copied())
    }

    fn agrees(&self, seen: &Seen) -> Result<bool, Self::Error> {
        let mut frontier = Frontier::empty();
        for leaf in &self.1[..usize::try_from(seen.size.get()).unwrap()] {
            frontier.append(Hash::leaf(leaf));
        }
        Ok(frontier.root() == seen.root)
    }
}

impl Log {
    pub(crate) fn note(&self) -> Vec<u8> {
        let mut frontier = Frontier::empty();
        for leaf in &self.leaves {
            frontier.append(Hash::leaf(leaf));
        }
        self.sign(frontier.size(), frontier.root())
    }

    pub(crate) fn sign(&self, size: TreeSize, root: Hash) -> Vec<u8> {
        let checkpoint = Checkpoint::new(self.origin.clone(), size, root);
        let signed = self.signer.sign(checkpoint).unwrap();
        signed.note().to_string().into_bytes()
    }

    fn admit(&mut self, entry: Entry) -> Result<LogIndex, Refusal> {
        self.now += 1000;
        let at = AdmittedAt::new(Milliseconds::new(self.now)).unwrap();
        let signed = entry
            .clone()
            .verify_signatures(|id| self.authority.key(id))?;
        let past = Leaves(&self.admitted, &self.leaves);
        match self.authority.check(&signed, at, &past).unwrap() {
            Outcome::Refused(refusal) => Err(refusal),
            Outcome::Same { index } => Ok(index),
            Outcome::Admissible(admissible) => {
                self.authority.apply(admissible).unwrap();
                let index = LogIndex::new(self.leaves.len() as u64);
                self.admitted.insert(
                    (entry.signer(), entry.number().get()),
                    Admitted {
                        id: entry.id(),
                        index,
                    },
                );
                self.leaves.push(Leaf::new(at, entry).to_bytes());
                Ok(index)
            }
        }
    }

    fn receipt(&self, index: LogIndex) -> String {
        let mut edge = TileEdge::empty();
        let mut tiles = TileSet::new();
        let hashes: Vec<Hash> = self.leaves.iter().map(|leaf| Hash::leaf(leaf)).collect();
        for tile in edge.grow(&hashes) {
            tiles.insert_data(tile);
        }
        let proof = prove_inclusion(&tiles, index, edge.size()).unwrap();
        let leaf = Leaf::parse(&self.leaves[usize::try_from(index.get()).unwrap()]).unwrap();
        let note = tlog::SignedCheckpoint::parse(&self.note()).unwrap();
        verify::receipt(leaf.admitted_at(), index, proof, note)
            .unwrap()
            .to_string()
    }
}

impl MemoryRelay {
    pub(crate) fn log(&self) -> MutexGuard<'_, Log> {
        self.0.lock().unwrap()
    }

    pub(crate) fn admit(&self, entry: Entry) -> LogIndex {
        self.log().admit(entry).unwrap()
    }

    /// Every entry of the log, in order.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.log()
            .leaves
            .iter()
            .map(|leaf| Leaf::parse(leaf).unwrap().into_entry())
            .collect()
    }

    pub(crate) fn kinds(&self) -> Vec<Kind> {
        self.log()
            .leaves
            .iter()
            .map(|leaf| Leaf::parse(leaf).unwrap().entry().kind())
            .collect()
    }
}

impl Relay for MemoryRelay {
    async fn checkpoint(&self) -> Result<Vec<u8>, RelayError> {
        let log = self.log();
        Ok(log.shown.clone().unwrap_or_else(|| log.note()))
    }

    async fn bundle(&self, bundle: Bundle) -> Result<Vec<u8>, RelayError> {
        let log = self.log();
        let from = usize::try_from(bundle.index() * 256).unwrap();
        let to = from + usize::from(bundle.width());
        let leaves = log.leaves.get(from..to).ok_or(RelayError::NotFound)?;
        Ok(encode_bundle(leaves).unwrap())
    }

    async fn object(
        &self,
        hash: ObjectHash,
        from: u64,
        sink: &mut (dyn FnMut(&[u8]) -> io::Result<()> + Send),
    ) -> Result<(), RelayError> {
        let (bytes, cut) = {
            let mut log = self.log();
            if log.hidden.contains(&hash) {
                return Err(RelayError::NotFound);
            }
            let bytes = log
                .objects
                .get(&hash)
                .cloned()
                .ok_or(RelayError::NotFound)?;
            (bytes, log.cut_after.take())
        };
        let rest = &bytes[usize::try_from(from).unwrap()..];
        for piece in rest[..cut.unwrap_or(rest.len()).min(rest.len())].chunks(1000) {
            sink(piece).map_err(RelayError::Sink)?;
        }
        match cut {
            Some(_) => Err(RelayError::Failed("cut".into())),
            None => Ok(()),
        }
    }

    async fn put_object(&self, hash: ObjectHash, bytes: &[u8]) -> Result<(), RelayError> {
        assert_eq!(&canonical::sha256(bytes), hash.as_bytes());
        self.log().objects.insert(hash, bytes.to_vec());
        Ok(())
    }

    async fn post(&self, entries: &[Entry]) -> Result<PostAnswer, RelayError> {
        let mut log = self.log();
        let mut receipts = Vec::new();
        for entry in entries {
            let admitted = match log.refuse.take() {
                Some(code) => Err(Refusal::new(code, "as the test wants")),
                None => log.admit(entry.clone()),
            };
            match admitted {
                Ok(index) => receipts.push(log.receipt(index)),
                Err(refusal) => return Ok(PostAnswer::new(receipts, Some(refusal))),
            }
        }
        if std::mem::take(&mut log.lose_answer) {
            return Err(RelayError::Failed("the connection broke".into()));
        }
        Ok(PostAnswer::new(receipts, None))
    }

    async fn next_number(&self, signer: SignerId) -> Result<SequenceNumber, RelayError> {
        let log = self.log();
        log.authority
            .signer(&signer)
            .map(|state| state.next())
            .ok_or(RelayError::NotFound)
    }
}

impl Signer {
    fn new(seed: u8) -> Self {
        Self {
            key: SignerKey::from_seed(&[seed; 32]).unwrap(),
            at: ChainPosition::FIRST,
        }
    }

    fn draft(&self, genesis: &Genesis, body: Body) -> EntryDraft {
        EntryDraft::new(genesis.archive_id(), self.key.id(), self.at, body, clock())
    }

    fn signed(&mut self, entry: UnsignedEntry) -> Entry {
        let entry = entry.sign(&[&self.key]).unwrap();
        self.at = ChainPosition {
            number: self.at.number.next(),
            previous: entry.id(),
        };
        entry
    }
}

impl Archive {
    /// An archive with an agent, a vault, an epoch of records and one of governance, in the log.
    pub(crate) fn new() -> Self {
        Self::founded(3)
    }

    /// The same with another nonce: an archive of its own, whose keys happen to be the same.
    pub(crate) fn founded(nonce: u8) -> Self {
        let mut randomness = Seeded::new(7);
        let mut root = Signer::new(1);
        let log_key = SignerKey::from_seed(&[2; 32]).unwrap();
        let nonce = GenesisNonce::from_bytes([nonce; 16]);
        let made_at = Milliseconds::new(NOW - 1_000_000);
        let genesis = Genesis::new(
            root.key.public(),
            vec![log_key.public()],
            WitnessPolicy::default(),
            made_at,
            nonce,
        )
        .unwrap();
        let name = KeyName::new(&genesis.origin()).unwrap();
        let log = Log {
            authority: Authority::new(genesis.clone()),
            signer: LogSigner::new(name, &SigningSeed::from_bytes([2; 32])).unwrap(),
            origin: Origin::new(&genesis.origin()).unwrap(),
            leaves: Vec::new(),
            admitted: HashMap::new(),
            objects: HashMap::new(),
            hidden: Vec::new(),
            cut_after: None,
            shown: None,
            refuse: None,
            lose_answer: false,
            now: NOW - 900_000,
        };
        let relay = MemoryRelay(Arc::new(Mutex::new(log)));
        let first = root
            .draft(&genesis, Body::Genesis(genesis.clone()))
            .with_objects(Vec::new())
            .unwrap();
        relay.admit(root.signed(first));
        let period = Period {
            from: Milliseconds::new(0),
            until: Milliseconds::new(NOW * 2),
        };
        let mut epoch = |usage| {
            make_epoch(
                RetentionClass::new(0),
                usage,
                period,
                Milliseconds::new(NOW),
                &mut randomness,
            )
        };
        let epochs: [NewEpoch; 2] = [epoch(EpochUse::Period), epoch(EpochUse::Governance)];
        let threshold = Threshold::new(2, 3).unwrap();
        let (mut ring, shares) =
            UnlockedKeyring::with_shares(genesis.archive_id(), threshold, &mut randomness).unwrap();
        ring.add_epochs(&epochs, &mut randomness).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("keyring"), ring.keyring().to_bytes()).unwrap();
        let published: Vec<PublishedEpoch> = epochs
            .iter()
            .map(|epoch| epoch.published().clone())
            .collect();
        let mut archive = Self {
            relay,
            shares,
            epoch: published[0].id,
            recipient: RecipientKey::new(&published[0].key).unwrap(),
            recipients: vec![(
                published[0].id,
                RecipientKey::new(&published[0].key).unwrap(),
            )],
            carrier: None,
            root,
            agent: Signer::new(4),
            randomness,
            control: (0, genesis.control_id()),
            genesis,
            folder,
        };
        let vault = SignerKey::from_seed(&[5; 32]).unwrap();
        archive.vault_folder().put_signer_key(&[5; 32]).unwrap();
        let agent = archive.agent.key.public();
        archive.act(Act::Enrol(enrol(agent, Role::Agent)));
        archive.act(Act::Enrol(enrol(vault.public(), Role::Vault)));
        archive.act(Act::Recipients(Recipients { epochs: published }));
        archive
    }

    pub(crate) fn vault_folder(&self) -> VaultFolder {
        VaultFolder::at(self.folder.path().join("vault"))
    }

    pub(crate) fn keyring(&self) -> PathBuf {
        self.folder.path().join("keyring")
    }

    /// Changes the keyring.
    fn with_ring(&self, change: impl FnOnce(&mut UnlockedKeyring)) {
        let bytes = std::fs::read(self.keyring()).unwrap();
        let ring = seal::keyring::Keyring::from_bytes(&bytes, None).unwrap();
        let mut ring = ring.unlock_with_shares(&self.shares).unwrap();
        change(&mut ring);
        std::fs::write(self.keyring(), ring.lock().to_bytes()).unwrap();
    }

    /// Publishes another epoch of records; gives it without using it.
    pub(crate) fn another_epoch(&mut self) -> EpochId {
        self.epoch_from(EpochUse::Period, 0)
    }

    /// Publishes another governance epoch, newer than those before.
    pub(crate) fn another_governance(&mut self) -> EpochId {
        self.epoch_from(EpochUse::Governance, self.newest().get().cast_signed())
    }

    fn epoch_from(&mut self, usage: EpochUse, from: i64) -> EpochId {
        let period = Period {
            from: Milliseconds::new(from),
            until: Milliseconds::new(NOW * 2),
        };
        let new = make_epoch(
            RetentionClass::new(0),
            usage,
            period,
            Milliseconds::new(NOW),
            &mut self.randomness,
        );
        self.with_ring(|ring| {
            ring.add_epochs(std::slice::from_ref(&new), &mut Seeded::new(71))
                .unwrap();
        });
        let published = new.published().clone();
        let id = published.id;
        self.recipients
            .push((id, RecipientKey::new(&published.key).unwrap()));
        self.act(Act::Recipients(Recipients {
            epochs: vec![published],
        }));
        id
    }

    /// Seals to this epoch from now on.
    pub(crate) fn seal_to(&mut self, epoch: EpochId) {
        let known = self.recipients.iter().find(|(id, _)| *id == epoch);
        self.recipient = known.unwrap().1.clone();
        self.epoch = epoch;
    }

    /// Carries records of the entry at `original` to another epoch, as a vault does before it
    /// destroys theirs. The mirror must have the entry.
    pub(crate) fn carry(&mut self, original: LogIndex, positions: &[u32], to: EpochId) -> LogIndex {
        self.carry_as(original, positions, to, original)
    }

    /// The same, said to be of another entry.
    pub(crate) fn carry_as(
        &mut self,
        original: LogIndex,
        positions: &[u32],
        to: EpochId,
        said: LogIndex,
    ) -> LogIndex {
        if self.carrier.is_none() {
            let carrier = Signer::new(6);
            self.act(Act::Enrol(enrol(carrier.key.public(), Role::Vault)));
            self.carrier = Some(carrier);
        }
        let mirror = self.vault_folder().mirror();
        let entries = vault::verify::verified_entries(&mirror).unwrap();
        let entry = entries
            .iter()
            .find(|entry| entry.index() == original)
            .unwrap();
        let Body::Batch(head) = entry.entry().body() else {
            panic!("no batch");
        };
        let object = self.relay.log().objects[&entry.entry().objects()[0].hash].clone();
        let bytes = std::fs::read(self.keyring()).unwrap();
        let ring = seal::keyring::Keyring::from_bytes(&bytes, None).unwrap();
        let ring = ring.unlock_with_shares(&self.shares).unwrap();
        let opened = seal::open_batch(&ring.records(head.epoch).unwrap(), entry, &object).unwrap();
        let positions: Vec<RecordPosition> =
            positions.iter().copied().map(RecordPosition::new).collect();
        let carried = seal::carry(&opened, &positions).unwrap();
        let recipient = &self.recipients.iter().find(|(id, _)| *id == to).unwrap().1;
        let carrier = self.carrier.as_mut().unwrap();
        let draft = carrier.draft(&self.genesis, Body::Carry(carried.head(recipient, None)));
        let (object, unsigned) =
            seal::seal_carry(&carried, recipient, draft, &mut self.randomness).unwrap();
        let unsigned = if said == original {
            unsigned
        } else {
            let head = Carry {
                original: said,
                ..carried.head(recipient, None)
            };
            carrier
                .draft(&self.genesis, Body::Carry(head))
                .with_objects(vec![object.object()])
                .unwrap()
        };
        let entry = carrier.signed(unsigned);
        self.relay
            .log()
            .objects
            .insert(object.hash(), object.into_bytes());
        self.relay.admit(entry)
    }

    /// Seals records as they are, in one batch.
    pub(crate) fn records(&mut self, records: Vec<Record>) -> Vec<RecordId> {
        let records = records.into_iter().map(|record| (record, Vec::new()));
        self.seal(records.collect())
    }

    /// Log index of the newest entry.
    pub(crate) fn newest(&self) -> LogIndex {
        LogIndex::new(self.relay.log().leaves.len() as u64 - 1)
    }

    /// Destroys the key of an epoch of records.
    pub(crate) fn destroy(&self, epoch: EpochId) {
        self.with_ring(|ring| ring.destroy(epoch, clock()).unwrap());
    }

    /// Destroys the key of the epoch of records.
    pub(crate) fn destroy_epoch(&self) {
        std::fs::copy(self.keyring(), self.folder.path().join("keyring.old")).unwrap();
        self.destroy(self.epoch);
    }

    pub(crate) fn restore_keyring(&self) {
        std::fs::copy(self.folder.path().join("keyring.old"), self.keyring()).unwrap();
    }

    pub(crate) fn locked(&self) -> Locked<MemoryRelay> {
        let folder = self.vault_folder();
        std::fs::create_dir_all(folder.path()).unwrap();
        let key = folder.read_signer_key().unwrap();
        Locked::open(
            &folder,
            self.genesis.clone(),
            key,
            self.relay.clone(),
            clock,
        )
        .unwrap()
    }

    pub(crate) fn act(&mut self, act: Act) {
        let control = Control {
            number: ControlNumber::new(self.control.0 + 1),
            previous: self.control.1,
            act,
        };
        self.control = (self.control.0 + 1, control.id());
        let entry = self
            .root
            .draft(&self.genesis, Body::Control(control))
            .with_objects(Vec::new())
            .unwrap();
        let entry = self.root.signed(entry);
        self.relay.admit(entry);
    }

    pub(crate) fn heartbeat(&mut self, beat: Heartbeat) {
        let entry = self
            .agent
            .draft(&self.genesis, Body::Heartbeat(beat))
            .with_objects(Vec::new())
            .unwrap();
        let entry = self.agent.signed(entry);
        self.relay.admit(entry);
    }

    /// Seals messages with these texts as one batch into the log, and their objects into the relay.
    pub(crate) fn batch(&mut self, texts: &[&str]) -> Vec<RecordId> {
        let records: Vec<(Record, Vec<Option<Stream>>)> = texts
            .iter()
            .map(|text| (message(text, Vec::new()), Vec::new()))
            .collect();
        self.seal(records)
    }

    /// A batch whose object is no sealed batch, though it has the hash that the entry names.
    pub(crate) fn garbage(&mut self) {
        let bytes = vec![1; 3000];
        let hash = ObjectHash::from_bytes(canonical::sha256(&bytes));
        let body = Body::Batch(BatchHead {
            epoch: self.epoch,
            count: RecordCount::new(1),
            root: CommitmentRoot::from_bytes([9; 32]),
            import: false,
        });
        let object = Object {
            hash,
            length: ObjectLength::new(3000),
        };
        let draft = self.agent.draft(&self.genesis, body);
        let entry = self.agent.signed(draft.with_objects(vec![object]).unwrap());
        self.relay.log().objects.insert(hash, bytes);
        self.relay.admit(entry);
    }

    /// A message with one attachment of these bytes.
    pub(crate) fn attached(&mut self, text: &str, bytes: &[u8]) -> RecordId {
        let (attachment, stream) = self.stream(message(text, Vec::new()).id(), bytes);
        let record = message(text, vec![attachment]);
        self.seal(vec![(record, vec![Some(stream)])])[0]
    }

    /// A message whose original bytes are an attachment.
    pub(crate) fn original_attached(&mut self, text: &str, bytes: &[u8]) -> RecordId {
        let (attachment, stream) = self.stream(message(text, Vec::new()).id(), bytes);
        let original = Original {
            media_type: "application/json".to_owned(),
            content: record::OriginalContent::Attached(record::AttachmentIndex::new(0)),
        };
        let body = Message::plain(text).into();
        let record = record_of(text, body, None, None, Some(original), vec![attachment]);
        self.seal(vec![(record, vec![Some(stream)])])[0]
    }

    fn stream(&mut self, record: RecordId, bytes: &[u8]) -> (Attachment, Stream) {
        let place = StreamPlace {
            archive: self.genesis.archive_id(),
            record,
            index: 0,
        };
        let mut sealer = StreamSealer::new(&place, &mut self.randomness).unwrap();
        let mut sealed = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let step = sealer.push(rest).unwrap();
            sealed.extend_from_slice(step.ready);
            rest = &rest[step.taken..];
        }
        let (last, stream) = sealer.finish().unwrap();
        sealed.extend_from_slice(&last);
        self.relay
            .log()
            .objects
            .insert(stream.stream.object, sealed);
        let attachment = Attachment {
            name: Some("plan.pdf".to_owned()),
            ..Attachment::new(stream.size, stream.hash)
        };
        (attachment, stream.stream)
    }

    fn seal(&mut self, records: Vec<(Record, Vec<Option<Stream>>)>) -> Vec<RecordId> {
        let mut builder = BatchBuilder::new();
        for (record, streams) in &records {
            builder.push(record, streams).unwrap();
        }
        let batch = builder.commit(&mut self.randomness).unwrap();
        let body = Body::Batch(batch.head(self.epoch, Form::Live));
        let draft = self.agent.draft(&self.genesis, body);
        let sealed = seal_batch(
            batch,
            &self.recipient,
            draft,
            Form::Live,
            &mut self.randomness,
        )
        .unwrap();
        let entry = self.agent.signed(sealed.entry);
        self.relay
            .log()
            .objects
            .insert(sealed.object.hash(), sealed.object.into_bytes());
        self.relay.admit(entry);
        records.iter().map(|(record, _)| record.id()).collect()
    }
}

fn enrol(key: PublicKey, role: Role) -> Enrol {
    Enrol {
        key,
        role,
        mailbox: None,
        follows: None,
        follows_until: None,
        tls: None,
    }
}

/// A message whose id follows from its text.
pub(crate) fn message(text: &str, attachments: Vec<Attachment>) -> Record {
    let original = Original::inline("text/plain", text.as_bytes());
    record_of(
        text,
        Message::plain(text).into(),
        Some("Trading desk"),
        None,
        Some(original),
        attachments,
    )
}

/// A message that names a roster, and not its conversation's title.
pub(crate) fn in_roster(text: &str, roster: RecordId) -> Record {
    let body = Message::plain(text).into();
    record_of(text, body, None, Some(roster), None, Vec::new())
}

/// A roster of the conversation, with its title.
pub(crate) fn roster(name: &str, title: &str, members: &[(&str, &str)]) -> Record {
    let members = members.iter().map(|(id, name)| {
        Participant::new(ParticipantId::parse(*id).unwrap())
            .alias(record::AliasKind::Display, *name)
    });
    let body = record::Roster {
        members: members.collect(),
        former: None,
    };
    record_of(name, body.into(), Some(title), None, None, Vec::new())
}

fn record_of(
    text: &str,
    body: RecordBody,
    title: Option<&str>,
    roster: Option<RecordId>,
    original: Option<Original>,
    attachments: Vec<Attachment>,
) -> Record {
    let source = Source {
        network: NetworkName::SIGNAL,
        account: TextId::new("aci:me").unwrap(),
        custodian: TextId::new("c-17").unwrap(),
        connector: TextId::new("signal/0.1.0").unwrap(),
        assurance: Assurance::Device,
        mode: Mode::Live,
    };
    let digits = canonical::hex(&canonical::sha256(text.as_bytes()));
    let at = Time::utc(Milliseconds::new(
        NOW - 1_000_000 + i64::from_str_radix(&digits[..5], 16).unwrap(),
    ));
    let envelope = Envelope::builder(
        &source,
        TextId::new("group:desk").unwrap(),
        TextId::new(digits).unwrap(),
        at,
    )
    .direction(Direction::Incoming)
    .sent(at)
    .roster(roster);
    let mut conversation = Conversation::new(ConversationKind::Group);
    if let Some(title) = title {
        conversation = conversation.title(title);
    }
    let mut participants = Participants::of(conversation);
    participants.sender = Some(Participant::new(
        ParticipantId::new("tel", "+49301").unwrap(),
    ));
    Record::new(envelope, participants, body, original, attachments).unwrap()
}
