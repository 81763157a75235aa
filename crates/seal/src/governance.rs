//! Audit trail and acts of governance: sealed like batches, to governance epochs (GOV-1).

use canonical::{CanonicalError, Milliseconds};
use minicbor::{Decode, Encode};
use record::RecordId;
use wire::commitment::{BatchPath, BatchSeed, Salt, batch_path};
use wire::verify::VerifiedEntry;
use wire::{
    AuditHead, Body, CommitmentRoot, EntryDraft, EpochId, GovernanceHead, PartPosition,
    RecordCount, RecordPosition, UnsignedEntry, limit,
};

use crate::batch::{SealError, SealedObject, seal_plain};
use crate::content::{Building, Committed, Content, MAX_CONTENT};
use crate::key::{ForGovernance, OpeningKey, RecipientKey};
use crate::open::{OpenError, Provenance, check_head, open_object, provenance};
use crate::randomness::{Randomness, draw};

/// Most bytes of each text of an audit event.
const MAX_TEXT: usize = 4_096;
/// Most facts or records of one audit event.
const MAX_LIST: usize = 16_384;

/// One event of the audit trail. It is durable before what it tells of happens.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct AuditEvent {
    #[n(0)]
    version: u64,
    /// When.
    #[n(1)]
    at: Milliseconds,
    /// Which person or process.
    #[n(2)]
    who: String,
    /// What: `unlock`, `search`, `show`, `prove`, `lock`, …
    #[n(3)]
    what: String,
    /// Facts, each a name and a value.
    #[cbor(n(4), default, skip_if = "Vec::is_empty")]
    facts: Vec<(String, String)>,
    /// The records looked at.
    #[cbor(n(5), default, skip_if = "Vec::is_empty")]
    records: Vec<RecordId>,
}

/// Why bytes or values are no audit event.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditEventError {
    /// Not canonical, or not this structure.
    #[error("not an audit event")]
    Encoding(#[source] CanonicalError),
    /// A version that this program does not know.
    #[error("audit event version {version} is not known")]
    Version {
        /// The version found.
        version: u64,
    },
    /// A text above 4 KiB, or more than 16,384 facts or records.
    #[error("a text or list of the audit event is too long")]
    TooLong,
}

impl AuditEvent {
    /// At a time, somebody does something.
    ///
    /// # Errors
    ///
    /// When a text or list is too long.
    pub fn new(
        at: Milliseconds,
        who: impl Into<String>,
        what: impl Into<String>,
        facts: Vec<(String, String)>,
        records: Vec<RecordId>,
    ) -> Result<Self, AuditEventError> {
        let event = Self {
            version: 1,
            at,
            who: who.into(),
            what: what.into(),
            facts,
            records,
        };
        event.validate()?;
        Ok(event)
    }

    /// The canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        canonical::to_bytes(self)
    }

    /// From the canonical bytes.
    ///
    /// # Errors
    ///
    /// When they are no audit event.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, AuditEventError> {
        let event: Self = canonical::from_bytes(bytes).map_err(AuditEventError::Encoding)?;
        event.validate()?;
        Ok(event)
    }

    /// When.
    #[must_use]
    pub fn at(&self) -> Milliseconds {
        self.at
    }

    /// Which person or process.
    #[must_use]
    pub fn who(&self) -> &str {
        &self.who
    }

    /// What it did.
    #[must_use]
    pub fn what(&self) -> &str {
        &self.what
    }

    /// Facts, each a name and a value.
    #[must_use]
    pub fn facts(&self) -> &[(String, String)] {
        &self.facts
    }

    /// The records looked at.
    #[must_use]
    pub fn records(&self) -> &[RecordId] {
        &self.records
    }

    fn validate(&self) -> Result<(), AuditEventError> {
        if self.version != 1 {
            return Err(AuditEventError::Version {
                version: self.version,
            });
        }
        let facts = self.facts.iter().flat_map(|(name, value)| [name, value]);
        let longest = [&self.who, &self.what].into_iter().chain(facts);
        if longest.map(String::len).any(|length| length > MAX_TEXT)
            || self.facts.len() > MAX_LIST
            || self.records.len() > MAX_LIST
        {
            return Err(AuditEventError::TooLong);
        }
        Ok(())
    }
}

impl std::fmt::Debug for AuditEvent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "AuditEvent(at {}, ‹{} facts, {} records›)",
            self.at,
            self.facts.len(),
            self.records.len()
        )
    }
}

/// Gathers the acts of one audit or governance object. Each act is a list of parts.
pub struct GovernanceBuilder {
    building: Building,
}

/// An act was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ActError {
    /// No parts, or too many.
    #[error("an act has 1 to {} parts, not {parts}", limit::RECORD_PARTS)]
    Parts {
        /// Parts given.
        parts: usize,
    },
    /// 1,024 acts or 4 MiB are reached.
    #[error("the object is full")]
    Full,
}

impl GovernanceBuilder {
    /// Without acts.
    #[must_use]
    pub fn new() -> Self {
        Self {
            building: Building::new(),
        }
    }

    /// Takes an act: its parts, first the act itself.
    ///
    /// # Errors
    ///
    /// When the object is full, or the act has no parts or too many.
    pub fn push(&mut self, parts: &[&[u8]]) -> Result<(), ActError> {
        if parts.is_empty() || parts.len() > limit::RECORD_PARTS {
            return Err(ActError::Parts { parts: parts.len() });
        }
        let length = self.building.content_length() + Building::record_length(parts);
        if self.building.records() >= limit::BATCH_RECORDS as usize || length > MAX_CONTENT {
            return Err(ActError::Full);
        }
        self.building.push(parts);
        Ok(())
    }

    /// Takes an event of the audit trail.
    ///
    /// # Errors
    ///
    /// When the object is full.
    pub fn push_event(&mut self, event: &AuditEvent) -> Result<(), ActError> {
        self.push(&[&event.to_bytes()])
    }

    /// Acts so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.building.records()
    }

    /// Whether nothing was pushed yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Commits to the acts under a new seed. `None` if there are none.
    #[must_use]
    pub fn commit(self, randomness: &mut dyn Randomness) -> Option<CommittedActs> {
        if self.is_empty() {
            return None;
        }
        let seed = BatchSeed::from_bytes(draw(randomness));
        Some(CommittedActs {
            committed: self.building.commit(seed),
        })
    }
}

impl Default for GovernanceBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for GovernanceBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "GovernanceBuilder({} acts)", self.len())
    }
}

/// Acts and the commitment to them.
pub struct CommittedActs {
    committed: Committed,
}

impl CommittedActs {
    /// The root over the salted parts.
    #[must_use]
    pub fn root(&self) -> CommitmentRoot {
        self.committed.root()
    }

    /// Acts in it.
    #[must_use]
    pub fn count(&self) -> RecordCount {
        RecordCount::new(self.committed.count())
    }

    /// What an `audit` entry says of it.
    #[must_use]
    pub fn audit_head(&self, epoch: EpochId) -> AuditHead {
        AuditHead {
            epoch,
            count: self.count(),
            root: self.root(),
        }
    }

    /// What a `governance` entry says of it.
    #[must_use]
    pub fn governance_head(&self, epoch: EpochId, purpose: wire::Purpose) -> GovernanceHead {
        GovernanceHead {
            epoch,
            count: self.count(),
            root: self.root(),
            purpose,
        }
    }
}

impl std::fmt::Debug for CommittedActs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CommittedActs({})", self.count())
    }
}

/// Seals acts to a governance epoch. The draft's body is [`CommittedActs::audit_head`] or
/// [`CommittedActs::governance_head`] of these acts and this recipient's epoch.
///
/// # Errors
///
/// When the draft says something else, or an implementation fails.
pub fn seal_acts(
    acts: CommittedActs,
    recipient: &RecipientKey<ForGovernance>,
    draft: EntryDraft,
    randomness: &mut dyn Randomness,
) -> Result<(SealedObject, UnsignedEntry), SealError> {
    let epoch = recipient.epoch();
    let fits = match draft.body() {
        Body::Audit(head) => *head == acts.audit_head(epoch),
        Body::Governance(head) => *head == acts.governance_head(epoch, head.purpose),
        _ => false,
    };
    if !fits {
        return Err(SealError::Draft);
    }
    let length = acts.committed.length();
    let object = seal_plain(recipient, &draft, length, randomness, |object| {
        acts.committed.write(object);
    })?;
    let entry = draft
        .with_objects(vec![object.object()])
        .map_err(SealError::Entry)?;
    Ok((object, entry))
}

/// Opened acts whose commitment is the entry's. Wiped when dropped.
pub struct OpenedActs {
    content: Content,
    provenance: Provenance,
}

impl OpenedActs {
    /// Where they come from.
    #[must_use]
    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// The parts of each act, first the act itself.
    pub fn acts(&self) -> impl Iterator<Item = Vec<&[u8]>> {
        (0..).map_while(|position| self.content.parts(position))
    }

    /// The events of an audit object.
    pub fn events(&self) -> impl Iterator<Item = Result<AuditEvent, AuditEventError>> {
        self.acts()
            .map(|parts| AuditEvent::from_bytes(parts.first().copied().unwrap_or_default()))
    }

    /// The salt of one part, to prove it. `None` beyond the end.
    #[must_use]
    pub fn salt(&self, position: RecordPosition, part: PartPosition) -> Option<Salt> {
        let parts = self
            .content
            .layout
            .record(usize::try_from(position.get()).ok()?)?;
        (usize::try_from(part.get()).ok()? < parts.len())
            .then(|| self.content.seed.salt(position, part))
    }

    /// The inclusion path of one act. `None` beyond the end.
    #[must_use]
    pub fn path(&self, position: RecordPosition) -> Option<BatchPath> {
        batch_path(&self.content.leaves, position)
    }
}

impl std::fmt::Debug for OpenedActs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "OpenedActs({} of {:?})",
            self.content.layout.len(),
            self.provenance.entry
        )
    }
}

/// Opens the object of a verified `audit` or `governance` entry (GOV-1, COMMIT-5).
///
/// # Errors
///
/// When key, entry and bytes do not belong together, or the content is not as it should be.
pub fn open_acts(
    key: &OpeningKey<ForGovernance>,
    entry: &VerifiedEntry,
    object: &[u8],
) -> Result<OpenedActs, OpenError> {
    let (epoch, count, root) = match entry.entry().body() {
        Body::Audit(head) => (head.epoch, head.count, head.root),
        Body::Governance(head) => (head.epoch, head.count, head.root),
        _ => return Err(OpenError::Kind),
    };
    let (_, opened) = open_object(key, epoch, entry.entry(), object, false)?;
    let (bytes, start) = opened.into_parts();
    let content = Content::read(bytes, start, 1).map_err(OpenError::Content)?;
    check_head(&content, count.get(), root)?;
    Ok(OpenedActs {
        content,
        provenance: provenance(entry, epoch, false),
    })
}
