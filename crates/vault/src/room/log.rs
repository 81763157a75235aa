//! The log as a room knows it: taken up where an earlier room stopped, verified from there on, and
//! read again entry by entry (ROOM-7, ROOM-9).

use std::collections::{BTreeMap, BTreeSet};

use seal::RecipientKey;
use tlog::{Hash, LogIndex, SignedCheckpoint, TreeSize};
use wire::verify::{Accepted, VerifiedEntry};
use wire::{Body, EpochId, Genesis, Seen, SignerId};

use crate::chain::{Chain, ChainError, ResumeError, Rows};
use crate::follow::{VaultFolder, report};
use crate::mirror::Mirror;
use crate::state::State;
use crate::system::now;

use super::kept::{Keeping, Kept, KeptLog, RowKey};
use super::keys::LiveKeys;
use super::outlines::{Outline, OutlineError, Outlines};

/// The verified log.
pub(crate) struct Log {
    genesis: Genesis,
    mirror: Mirror,
    chain: Chain,
    outlines: Outlines,
    /// Entries that this room has verified or taken up again; of those that it took up, acts and
    /// carries only.
    entries: BTreeMap<u64, VerifiedEntry>,
    /// The checkpoint over exactly the settled leaves.
    accepted: Option<Accepted>,
    note: Vec<u8>,
    witnessed: bool,
    resumed: u64,
    /// What a room of this archive has verified before, if that was not taken up.
    known: Option<Seen>,
    /// For the owner, not yet fetched.
    told: Vec<String>,
    /// A checkpoint under which the mirror does not verify from the first leaf on either.
    refused: Option<Vec<u8>>,
    kept: Option<KeptLog>,
    /// The epoch whose key the kept rows are under; `None` if all are to be written.
    kept_under: Option<EpochId>,
    kept_size: u64,
    changed: BTreeSet<SignerId>,
}

/// Why what an earlier room kept is not taken up. Everything is verified again then.
#[derive(Debug, thiserror::Error)]
enum NotTakenUp {
    #[error("what an earlier room kept can not be read")]
    Read(#[from] rusqlite::Error),
    #[error("the key is gone under which an earlier room kept what it had verified")]
    Key,
    #[error("what an earlier room kept is damaged")]
    Outlines(#[from] OutlineError),
    #[error("what an earlier room kept does not count")]
    Resume(#[from] ResumeError),
}

impl Log {
    /// Takes up what an earlier room has verified, if it was kept under a key of this archive's and
    /// the mirror agrees, and verifies the rest; else everything from the first leaf.
    pub(crate) fn open(
        folder: &VaultFolder,
        genesis: Genesis,
        keys: &LiveKeys,
        state: &State,
    ) -> Result<Self, ChainError> {
        let mut told = Vec::new();
        let kept = match KeptLog::open(&folder.room_log()) {
            Ok((kept, None)) => Some(kept),
            Ok((kept, Some(why))) => {
                told.push(again(&why));
                Some(kept)
            }
            Err(why) => {
                told.push(format!(
                    "what this room verifies can not be kept: {}",
                    report(&why)
                ));
                None
            }
        };
        let mut log = Self {
            chain: Chain::new(genesis.clone(), folder.mirror()),
            genesis,
            mirror: folder.mirror(),
            outlines: Outlines::default(),
            entries: BTreeMap::new(),
            accepted: None,
            note: Vec::new(),
            witnessed: false,
            resumed: 0,
            known: None,
            told,
            refused: None,
            kept,
            kept_under: None,
            kept_size: 0,
            changed: BTreeSet::new(),
        };
        if let Err(why) = log.take_up(keys) {
            log.told.push(again(&why));
        }
        if let Err(why) = log.advance(state) {
            if log.resumed == 0 {
                return Err(why);
            }
            log.begin_again(state, &why)?;
        }
        Ok(log)
    }

    /// ROOM-9.
    fn take_up(&mut self, keys: &LiveKeys) -> Result<(), NotTakenUp> {
        let kept = self.kept.as_ref().map(KeptLog::read).transpose()?;
        let Some(Kept {
            rows,
            epoch,
            mark,
            outlines,
        }) = kept.flatten()
        else {
            return Ok(());
        };
        let key = RowKey::of(keys, epoch).ok_or(NotTakenUp::Key)?;
        let outlines = Outlines::of_rows(&outlines)?;
        let note = self.read_note().map_err(|_| ResumeError::Older)?;
        let known = &mut self.known;
        let chain = Chain::resume(
            self.genesis.clone(),
            self.mirror.clone(),
            &rows,
            &note.unwrap_or_default(),
            |follower| {
                let settled = follower.settled();
                let own = outlines.len() == settled.size.get()
                    && key.has_marked(follower, outlines.digest(), &mark);
                *known = own.then_some(settled);
                own
            },
        )?;
        self.known = None;
        self.resumed = outlines.len();
        self.kept_size = outlines.len();
        self.kept_under = Some(epoch);
        self.outlines = outlines;
        self.chain = chain;
        Ok(())
    }

    /// Verifies everything again from the first leaf, because of `why`; nothing is forgotten if that
    /// fails. Not to be tried twice under one checkpoint.
    pub(crate) fn begin_again(
        &mut self,
        state: &State,
        why: &ChainError,
    ) -> Result<(), ChainError> {
        let whole = Chain::new(self.genesis.clone(), self.mirror.clone());
        self.known = Some(self.settled());
        let former = std::mem::replace(&mut self.chain, whole);
        let outlines = std::mem::take(&mut self.outlines);
        let note = std::mem::take(&mut self.note);
        match self.advance(state) {
            Ok(()) => {
                self.told.push(again(why));
                self.resumed = 0;
                self.kept_under = None;
                Ok(())
            }
            Err(error) => {
                (self.chain, self.outlines, self.note) = (former, outlines, note);
                self.known = None;
                self.refused = self.read_note().ok().flatten();
                Err(error)
            }
        }
    }

    /// Whether [`Log::begin_again`] could tell more.
    pub(crate) fn may_begin_again(&self) -> bool {
        self.resumed > 0 && self.refused.as_ref() != self.read_note().ok().flatten().as_ref()
    }

    /// Verifies the mirror's bundles up to its checkpoint.
    pub(crate) fn advance(&mut self, state: &State) -> Result<(), ChainError> {
        let note = self.read_note().map_err(|source| ChainError::Bundle {
            bundle: "checkpoint".to_owned(),
            source,
        })?;
        let Some(note) = note.filter(|note| *note != self.note) else {
            return Ok(());
        };
        let admitted = |signer: &SignerId, number| state.entry_of(signer, number).ok().flatten();
        let advanced = self.chain.advance(&note, &admitted)?;
        if let Some(known) = self.known.take() {
            let size = advanced.settled.follower.settled().size;
            self.compare(known, size, advanced.root_at(known.size), state);
        }
        self.witnessed = advanced.verdict.is_witnessed();
        let settled = self.chain.take(advanced);
        self.changed.extend(settled.signers);
        for entry in settled.entries {
            let outline = Outline::of(entry.entry());
            self.outlines.push(outline);
            if outline.is_some() {
                self.entries.insert(entry.index().get(), entry);
            }
        }
        self.accepted = Some(self.chain.accept_settled(&note)?);
        self.note = note;
        Ok(())
    }

    /// A log that was verified from its first leaf must still be the one that a room of this archive
    /// has known. If it is another one the alarm stays for good; the room opens all the same, for the
    /// owner must be able to look.
    fn compare(&mut self, known: Seen, size: TreeSize, root: Option<Hash>, state: &State) {
        if known.size == TreeSize::ZERO || root == Some(known.root) {
            return;
        }
        if size < known.size {
            self.told.push(format!(
                "the mirror has {size} entries, fewer than the {} that were verified before: \
                 it was put back from a copy",
                known.size
            ));
            return;
        }
        let what = format!(
            "the mirror's log is not the one of {} entries that a room has verified before",
            known.size
        );
        if let Err(error) = state.alarm(now(), &what) {
            self.told.push(report(&error));
        }
        self.told.push(what);
    }

    /// Keeps what is verified for the next room, under the key of the epoch `home` (ROOM-10). Nothing is
    /// lost if that fails: the next room verifies more.
    pub(crate) fn keep(&mut self, keys: &LiveKeys, home: EpochId) -> Result<(), String> {
        let all = self.kept_under != Some(home);
        let size = self.outlines.len();
        let Some(kept) = self.kept.as_mut().filter(|_| all || self.kept_size < size) else {
            return Ok(());
        };
        let key = RowKey::of(keys, home).ok_or("its key is not in this room")?;
        let follower = self.chain.follower();
        let rows = match all {
            true => Rows::of(follower),
            false => Rows::changed(follower, &self.changed),
        };
        let from = if all { 0 } else { self.kept_size };
        kept.write(&Keeping {
            rows: &rows,
            all,
            epoch: home,
            mark: key.mark(follower, self.outlines.digest()),
            outlines: &self.outlines.rows(from / u64::from(tlog::TILE_WIDTH)),
        })
        .map_err(|error| report(&error))?;
        self.kept_under = Some(home);
        self.kept_size = size;
        self.changed.clear();
        Ok(())
    }

    /// The verified entry at an index, of the kinds that have an outline. What this room has not
    /// verified itself is believed by its place in the settled tree.
    pub(crate) fn entry(&mut self, index: u64) -> Result<Option<VerifiedEntry>, ChainError> {
        if let Some(entry) = self.entries.get(&index) {
            return Ok(Some(entry.clone()));
        }
        let (Some(outline), Some(accepted)) = (self.outlines.at(index), &self.accepted) else {
            return Ok(None);
        };
        let entry = self.chain.again(accepted, LogIndex::new(index))?;
        if matches!(outline, Outline::Control | Outline::Carry) {
            self.entries.insert(index, entry.clone());
        }
        Ok(Some(entry))
    }

    /// What stands where.
    pub(crate) fn outlines(&self) -> &Outlines {
        &self.outlines
    }

    /// Size and root of what is verified.
    pub(crate) fn settled(&self) -> Seen {
        self.chain.follower().settled()
    }

    /// The authority in force at its end.
    pub(crate) fn authority(&self) -> &wire::authority::Authority {
        self.chain.follower().authority()
    }

    /// Leaves that this room has verified itself.
    pub(crate) fn verified_here(&self) -> u64 {
        self.chain.verified()
    }

    /// Size of the log that was taken up; 0 if everything was verified here.
    pub(crate) fn resumed(&self) -> u64 {
        self.resumed
    }

    /// What the owner is to be told, once.
    pub(crate) fn take_told(&mut self) -> Vec<String> {
        std::mem::take(&mut self.told)
    }

    /// Whether the newest checkpoint is witnessed.
    pub(crate) fn witnessed(&self) -> bool {
        self.witnessed
    }

    /// The checkpoint over exactly what is verified.
    pub(crate) fn checkpoint(&self) -> Option<SignedCheckpoint> {
        SignedCheckpoint::parse(&self.note).ok()
    }

    /// The public key of a published epoch.
    pub(crate) fn published(
        &mut self,
        epoch: EpochId,
        state: &State,
    ) -> Result<Option<RecipientKey<seal::ForGovernance>>, ChainError> {
        let acts: Vec<u64> = self.outlines.of(Outline::Control).collect();
        for index in acts {
            let entry = match self.entry(index) {
                Err(why) if self.may_begin_again() => {
                    self.begin_again(state, &why)?;
                    self.entry(index)?
                }
                other => other?,
            };
            let recipients = match entry.as_ref().map(|entry| entry.entry().body()) {
                Some(Body::Control(control)) => match &control.act {
                    wire::Act::Recipients(recipients) => recipients,
                    _ => continue,
                },
                _ => continue,
            };
            let mut epochs = recipients.epochs.iter();
            if let Some(published) = epochs.find(|published| published.id == epoch) {
                return Ok(RecipientKey::new(&published.key).ok());
            }
        }
        Ok(None)
    }

    fn read_note(&self) -> std::io::Result<Option<Vec<u8>>> {
        self.mirror
            .read(&self.mirror.checkpoint_path(), tlog::MAX_NOTE_LEN as u64)
    }
}

/// What the owner is told when nothing was taken up.
fn again(why: &dyn std::error::Error) -> String {
    format!("the whole log was verified again: {}", report(why))
}
