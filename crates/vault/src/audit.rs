//! Looks into the archive: durable before they are shown.
//!
//! The reading room seals each event to the newest governance epoch, signs it as an `audit` entry of
//! the vault's own chain, and commits both to the outbox, synced. Only then is anything shown. The
//! locked part submits what waits there within a minute; it can not read it. If the events can not
//! be made durable, or have waited for the log longer than the owner allows, the look is refused.

use canonical::Milliseconds;
use record::RecordId;
use seal::{
    AuditEvent, AuditEventError, ForGovernance, GovernanceBuilder, Randomness, RecipientKey,
    seal_acts,
};
use wire::{ArchiveId, Body, Entry, EntryDraft, Seen, SignerKey};

use crate::outbox::{Outbox, OutboxError, Signed};

/// Writes audit events.
pub struct AuditTrail {
    archive: ArchiveId,
    key: SignerKey,
    recipient: RecipientKey<ForGovernance>,
    outbox: Outbox,
    clock: fn() -> Milliseconds,
    randomness: Box<dyn Randomness + Send>,
    /// Milliseconds that the oldest event may wait for the log.
    allowance: i64,
}

/// What is looked at, by whom. Content: facts hold queries; no `Display`.
pub struct Look<'a> {
    /// Who asks: a person's name, or a process.
    pub who: &'a str,
    /// `unlock`, `search`, `show`, `prove`, `lock`, …
    pub what: &'static str,
    /// Facts, each a name and a value.
    pub facts: Vec<(String, String)>,
    /// Records looked at.
    pub records: Vec<RecordId>,
}

/// Why a look is not recorded. It must not be granted then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// A field is too long.
    #[error("the look can not be described")]
    Event(#[source] AuditEventError),
    /// The event could not be made durable.
    #[error("the look could not be recorded")]
    Outbox(#[from] OutboxError),
    /// Events have waited for the log longer than the owner allows.
    #[error(
        "earlier looks have waited for the log for {waited} s, {allowed} s are allowed: connect the vault to its relay"
    )]
    Behind {
        /// Seconds that the oldest has waited.
        waited: i64,
        /// Seconds that the policy allows.
        allowed: i64,
    },
}

#[derive(Debug, thiserror::Error)]
enum SealingFailed {
    #[error("the event does not fit into an audit object")]
    Act(#[source] seal::ActError),
    #[error("there is no event")]
    Empty,
    #[error("sealing the event")]
    Seal(#[source] seal::SealError),
    #[error("signing the event's entry")]
    Entry(#[source] wire::EntryError),
}

impl AuditTrail {
    /// A trail into that outbox. `allowance` is in milliseconds.
    #[must_use]
    pub fn new(
        archive: ArchiveId,
        key: SignerKey,
        recipient: RecipientKey<ForGovernance>,
        outbox: Outbox,
        clock: fn() -> Milliseconds,
        randomness: Box<dyn Randomness + Send>,
        allowance: i64,
    ) -> Self {
        Self {
            archive,
            key,
            recipient,
            outbox,
            clock,
            randomness,
            allowance,
        }
    }

    /// Records a look. Returns only once it is durable; nothing of it may be shown before, or after
    /// an error. `seen` is the newest checkpoint that was verified.
    ///
    /// # Errors
    ///
    /// When it can not be made durable, or earlier ones have waited too long.
    pub fn record(&mut self, look: Look<'_>, seen: Option<Seen>) -> Result<(), AuditError> {
        self.check_wait()?;
        let event = AuditEvent::new(
            (self.clock)(),
            look.who,
            look.what,
            look.facts,
            look.records,
        )
        .map_err(AuditError::Event)?;
        self.append(&[event], seen)
    }

    /// How long the oldest event has waited for the log, in milliseconds; 0 if none waits.
    ///
    /// # Errors
    ///
    /// When the outbox can not be read.
    pub fn waited(&self) -> Result<i64, AuditError> {
        let oldest = self.outbox.pending(1)?;
        let Some(oldest) = oldest.first() else {
            return Ok(0);
        };
        let entry = Entry::parse(&oldest.signed.entry).map_err(|_| OutboxError::Damaged {
            number: oldest.number.get(),
        })?;
        Ok((self.clock)().since(entry.time()).max(0))
    }

    fn check_wait(&self) -> Result<(), AuditError> {
        let waited = self.waited()?;
        if waited > self.allowance {
            return Err(AuditError::Behind {
                waited: waited / 1000,
                allowed: self.allowance / 1000,
            });
        }
        Ok(())
    }

    fn append(&mut self, events: &[AuditEvent], seen: Option<Seen>) -> Result<(), AuditError> {
        let Self {
            archive,
            key,
            recipient,
            outbox,
            clock,
            randomness,
            ..
        } = self;
        outbox.append(|position| {
            let mut builder = GovernanceBuilder::new();
            for event in events {
                builder.push_event(event).map_err(SealingFailed::Act)?;
            }
            let acts = builder
                .commit(randomness.as_mut())
                .ok_or(SealingFailed::Empty)?;
            let body = Body::Audit(acts.audit_head(recipient.epoch()));
            let draft =
                EntryDraft::new(*archive, key.id(), position, body, clock()).with_seen(seen);
            let (object, entry) = seal_acts(acts, recipient, draft, randomness.as_mut())
                .map_err(SealingFailed::Seal)?;
            let entry = entry.sign(&[key]).map_err(SealingFailed::Entry)?;
            Ok::<_, SealingFailed>(Signed {
                id: entry.id(),
                entry: entry.to_bytes(),
                object: Some((object.hash(), object.into_bytes())),
            })
        })?;
        Ok(())
    }
}

impl std::fmt::Debug for AuditTrail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AuditTrail({:?})", self.recipient.epoch())
    }
}

#[cfg(test)]
mod tests {
    use seal::OpeningKey;

    use super::*;
    use crate::system::SystemRandomness;

    fn trail(path: &std::path::Path, allowance: i64, clock: fn() -> Milliseconds) -> AuditTrail {
        let governance = OpeningKey::<ForGovernance>::from_seed(&[3; 32]);
        AuditTrail::new(
            ArchiveId::from_bytes([1; 32]),
            SignerKey::from_seed(&[2; 32]).unwrap(),
            governance.recipient().clone(),
            Outbox::open(path).unwrap(),
            clock,
            Box::new(SystemRandomness),
            allowance,
        )
    }

    fn look() -> Look<'static> {
        Look {
            who: "Anna",
            what: "search",
            facts: vec![("query".to_owned(), "marker-budget".to_owned())],
            records: Vec::new(),
        }
    }

    #[test]
    fn a_look_is_durable_and_sealed_when_record_returns() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("outbox.db");
        let now = || Milliseconds::new(1_700_000_000_000);
        trail(&path, 1000, now).record(look(), None).unwrap();
        let pending = Outbox::open(&path).unwrap().pending(9).unwrap();
        assert_eq!(pending.len(), 1);
        let entry = Entry::parse(&pending[0].signed.entry).unwrap();
        assert_eq!(entry.kind(), wire::Kind::Audit);
        let (hash, object) = pending[0].signed.object.clone().unwrap();
        assert_eq!(entry.objects()[0].hash, hash);
        assert_eq!(canonical::sha256(&object), *hash.as_bytes());
        for file in std::fs::read_dir(folder.path()).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            assert!(!bytes.windows(6).any(|window| window == b"marker"));
        }
    }

    #[test]
    fn a_look_is_refused_when_it_can_not_be_recorded_or_the_log_is_too_far() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("outbox.db");
        let early = || Milliseconds::new(1_700_000_000_000);
        let late = || Milliseconds::new(1_700_000_002_000);
        trail(&path, 1000, early).record(look(), None).unwrap();
        assert!(matches!(
            trail(&path, 1000, late).record(look(), None),
            Err(AuditError::Behind {
                waited: 2,
                allowed: 1
            })
        ));
        let mut broken = trail(&path, 5000, late);
        rusqlite::Connection::open(&path)
            .unwrap()
            .execute_batch("ALTER TABLE pending RENAME TO elsewhere")
            .unwrap();
        assert!(matches!(
            broken.record(look(), None),
            Err(AuditError::Outbox(_))
        ));
    }
}
