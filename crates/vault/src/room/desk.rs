//! What an open room knows and holds: its own verified log, keys, partitions, people, audit trail.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use canonical::Milliseconds;
use record::RecordId;
use seal::keyring::{Generation, Keyring, MAX_KEYRING_BYTES, UnlockError, UnlockedKeyring};
use seal::{PartitionUse, Share};
use tlog::SignedCheckpoint;
use wire::verify::VerifiedEntry;
use wire::{Body, EpochId, EpochUse, Genesis, limit};
use zeroize::Zeroizing;

use crate::audit::{AuditError, AuditTrail, Look};
use crate::follow::{VaultFolder, report};
use crate::mirror::Mirror;
use crate::outbox::Outbox;
use crate::partition::{PageCache, Partition, PartitionId, PartitionKey, PartitionKeys};
use crate::people::{People, PeopleError};
use crate::search::{Searcher, Shelf};
use crate::state::State;
use crate::stores::Stores;
use crate::system::{SystemRandomness, now};

use super::carried::Carries;
use super::directory::Directory;
use super::filing::{Tried, Waiting};
use super::hardening::Hardening;
use super::keys::LiveKeys;
use super::log::Log;
use super::outlines::Outline;
use super::protocol::{Secret, Status, Unlock};
use super::rosters::Rosters;

/// Pages of 4 KiB that all partitions keep in memory together.
const CACHE_PAGES: usize = 16_384;
/// Name under which the state remembers the keyring's highest generation (RING-3).
const GENERATION: &str = "keyring generation";

/// The open room. Shared by its threads; each field has its own lock, taken one at a time.
pub(crate) struct Desk {
    folder: VaultFolder,
    genesis: Genesis,
    mirror: Mirror,
    keys: LiveKeys,
    /// The governance epoch under whose key this room keeps the directory and what it has verified.
    home: EpochId,
    log: Mutex<Log>,
    waiting: Mutex<Waiting>,
    tried: Mutex<Tried>,
    carries: Mutex<Carries>,
    rosters: Mutex<Rosters>,
    partitions: Mutex<BTreeMap<EpochId, Arc<Partition>>>,
    searcher: RwLock<Searcher>,
    cache: Arc<PageCache>,
    people: Mutex<People>,
    directory: RwLock<Arc<Directory>>,
    audit: Mutex<AuditTrail>,
    state: Mutex<State>,
    notes: Mutex<Vec<String>>,
    pass: (Mutex<u64>, Condvar),
    hardening: Hardening,
    active_at: AtomicI64,
}

/// Why a room does not open.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenRoomError {
    /// A file is missing or can not be read.
    #[error("reading {what}")]
    File {
        /// Which.
        what: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Something is not as it should be.
    #[error("{what}")]
    Broken {
        /// What, for people.
        what: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The passphrase or the shares are wrong or too few.
    #[error("the keyring does not unlock")]
    Secret(#[source] UnlockError),
    /// Words that are no share.
    #[error("share {place} is not readable")]
    Share {
        /// Which one, from 1.
        place: usize,
        /// Why.
        #[source]
        source: seal::ShareError,
    },
    /// No governance epoch to seal the audit trail to: nothing may be looked at.
    #[error(
        "the log publishes no governance epoch, so looks can not be recorded: publish one with `greffe keys`"
    )]
    NoGovernance,
    /// The unlocking could not be recorded.
    #[error("the unlocking could not be recorded")]
    Audit(#[from] AuditError),
}

impl Desk {
    /// Opens the room: keyring, keys, log, people, audit trail. Records the unlocking before
    /// anything else is opened with a key.
    pub(crate) fn open(unlock: &Unlock, mut hardening: Hardening) -> Result<Self, OpenRoomError> {
        let folder = VaultFolder::at(&unlock.folder);
        let mirror = folder.mirror();
        let file = |what: &str| {
            let what = what.to_owned();
            move |source| OpenRoomError::File { what, source }
        };
        let genesis = mirror
            .read(&mirror.genesis_path(), limit::ENTRY_BYTES as u64)
            .map_err(file("the mirror's genesis"))?
            .ok_or_else(|| std::io::ErrorKind::NotFound.into())
            .map_err(file("the mirror's genesis"))?;
        let genesis =
            Genesis::parse(&genesis).map_err(broken("the mirror's genesis is damaged"))?;
        let state =
            State::open(&folder.state()).map_err(broken("the vault's state does not open"))?;
        let ring = unlocked(unlock, &genesis, &state)?;
        let told = bring_stores_up(unlock, &ring);
        let keys = LiveKeys::take(ring).map_err(broken("a key of the keyring is damaged"))?;
        hardening.secret_memory = keys.in_secret_memory();

        let mut log = Log::open(&folder, genesis.clone(), &keys, &state).map_err(broken(
            "the mirror's log does not verify: run `greffe verify`",
        ))?;
        let allowance = i64::try_from(log.authority().policy().audit_offline.get())
            .unwrap_or(i64::MAX)
            .saturating_mul(1000);
        let governance = log
            .authority()
            .epochs()
            .filter(|(_, epoch)| epoch.usage == EpochUse::Governance)
            .max_by_key(|(_, epoch)| (epoch.from <= now(), epoch.from))
            .map(|(id, _)| id)
            .ok_or(OpenRoomError::NoGovernance)?;
        let recipient = log
            .published(governance, &state)
            .map_err(broken(
                "the mirror's log can not be read: run `greffe verify`",
            ))?
            .ok_or(OpenRoomError::NoGovernance)?;
        let signer = folder
            .read_signer_key()
            .map_err(file("the vault's signing key"))?;
        let outbox =
            Outbox::open(&folder.outbox()).map_err(broken("the vault's outbox does not open"))?;
        let mut audit = AuditTrail::new(
            genesis.archive_id(),
            signer,
            recipient,
            outbox,
            now,
            Box::new(SystemRandomness),
            allowance,
        );
        let look = Look {
            who: &unlock.who,
            what: "unlock",
            facts: Vec::new(),
            records: Vec::new(),
        };
        audit.record(look, Some(log.settled()))?;
        let home = home_of(&keys, governance)
            .ok_or(PeopleError::NoKey)
            .map_err(broken("the directory of people does not open"))?;
        let people = open_people(&folder, &keys, home)
            .map_err(broken("the directory of people does not open"))?;
        let directory = Directory::new(
            people
                .list()
                .map_err(broken("the directory of people does not open"))?,
        );
        let desk = Self {
            folder,
            genesis,
            mirror,
            keys,
            home,
            log: Mutex::new(log),
            waiting: Mutex::default(),
            tried: Mutex::default(),
            carries: Mutex::default(),
            rosters: Mutex::default(),
            partitions: Mutex::default(),
            searcher: RwLock::new(Searcher::new(Vec::new())),
            cache: PageCache::new(CACHE_PAGES),
            people: Mutex::new(people),
            directory: RwLock::new(Arc::new(directory)),
            audit: Mutex::new(audit),
            state: Mutex::new(state),
            notes: Mutex::default(),
            pass: (Mutex::new(0), Condvar::new()),
            hardening,
            active_at: AtomicI64::new(now().get()),
        };
        for note in told {
            desk.note(note);
        }
        desk.keep_log();
        desk.open_partitions();
        Ok(desk)
    }

    /// Opens the partitions that are there, removes those whose epoch's key is gone, and lines up
    /// what is not filed.
    fn open_partitions(&self) {
        let mut there = BTreeSet::new();
        for entry in std::fs::read_dir(self.folder.partitions())
            .into_iter()
            .flatten()
            .flatten()
        {
            let name = entry.file_name();
            let Some(epoch) = name.to_str().and_then(|name| name.parse::<EpochId>().ok()) else {
                continue;
            };
            if self.keys.has(epoch) {
                there.insert(epoch);
            } else if self.keys.destroyed(epoch) {
                match std::fs::remove_dir_all(entry.path()) {
                    Ok(()) => self.note(format!(
                        "partition {epoch} was removed: its epoch's key is destroyed"
                    )),
                    Err(error) => {
                        self.note(format!("partition {epoch} could not be removed: {error}"));
                    }
                }
            }
        }
        for epoch in there {
            if let Err(error) = self.partition_of(epoch) {
                self.note(format!("partition {epoch} is damaged: {error}"));
                self.make_again(epoch);
            }
        }
        let marks: BTreeMap<EpochId, Option<tlog::LogIndex>> = self
            .open_partitions_list()
            .into_iter()
            .map(|(epoch, partition)| (epoch, partition.last_filed()))
            .collect();
        self.compare_with_filed(marks.values().flatten().max().copied());
        for (index, epoch) in self.batches(0) {
            let filed = marks.get(&epoch).copied().flatten();
            self.waiting().add(tlog::LogIndex::new(index), epoch, filed);
        }
        // The mark of a partition says nothing of what was carried: it may have become due later.
        for (index, epoch) in self.due_carries(0) {
            let index = tlog::LogIndex::new(index);
            let filed = self
                .partition(epoch)
                .is_some_and(|partition| partition.has_carried(index).unwrap_or(false));
            self.waiting().add(index, epoch, filed.then_some(index));
        }
        self.know_missing_rosters(&self.directory());
    }

    /// ROOM-9: rooms keep what they have verified before they file it. Partitions that are ahead of
    /// what was taken up say that those rows were put back; everything behind them is verified by
    /// now, so nothing but this is to be said.
    fn compare_with_filed(&self, filed: Option<tlog::LogIndex>) {
        let resumed = self.log().resumed();
        if let Some(filed) = filed.filter(|filed| resumed > 0 && filed.get() >= resumed) {
            self.note(format!(
                "an earlier room filed entry {filed}, but what it kept of the log ends before entry \
                 {resumed}: it was put back from a copy, or could not be written; the entries \
                 behind were verified again"
            ));
        }
    }

    /// Keeps what is verified for the next room. It hinders nothing if that fails.
    fn keep_log(&self) {
        let (kept, told) = {
            let mut log = self.log();
            (log.keep(&self.keys, self.home), log.take_told())
        };
        if let Err(why) = kept {
            self.note(format!("what this room has verified is not kept: {why}"));
        }
        for note in told {
            self.note(note);
        }
    }

    /// One pass: verifies what the mirror has more, files what can be filed. Returns whether
    /// anything moved.
    pub(crate) fn pass(&self) -> bool {
        let before = self.log().settled().size.get();
        let advanced = {
            let state = self.state();
            self.log().advance(&state)
        };
        if let Err(why) = advanced {
            self.note(format!(
                "the mirror's log does not verify: {}",
                report(&why)
            ));
        }
        self.keep_log();
        for (index, epoch) in self.to_file(before) {
            self.waiting().add(tlog::LogIndex::new(index), epoch, None);
        }
        let filed = self.file_waiting();
        let after = self.log().settled().size.get();
        // Whatever still waits was looked for in this pass and is not held.
        let (lock, condition) = &self.pass;
        *lock.lock().unwrap_or_else(PoisonError::into_inner) = after;
        condition.notify_all();
        filed || after > before
    }

    /// Waits until the log up to `through` is filed as far as it is held; at most a minute.
    pub(crate) fn wait_filed(&self, through: u64) {
        let (lock, condition) = &self.pass;
        let mut filed = lock.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..240 {
            if *filed >= through {
                return;
            }
            filed = condition
                .wait_timeout(filed, Duration::from_millis(250))
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Batches of the verified log from an index on.
    fn batches(&self, from: u64) -> Vec<(u64, EpochId)> {
        let log = self.log();
        let outlines = log.outlines().from(from);
        outlines
            .filter_map(|(index, outline)| match outline {
                Outline::Batch(epoch) => Some((index, epoch)),
                _ => None,
            })
            .collect()
    }

    /// What was carried, from an index on, to which epoch, and can not be opened where it stood
    /// first. The rest is checked.
    fn due_carries(&self, from: u64) -> Vec<(u64, EpochId)> {
        let carries: Vec<u64> = {
            let log = self.log();
            let outlines = log.outlines().from(from);
            let carries = outlines.filter(|(_, outline)| *outline == Outline::Carry);
            carries.map(|(index, _)| index).collect()
        };
        let mut due = Vec::new();
        for entry in carries.into_iter().filter_map(|index| self.entry(index)) {
            let Body::Carry(head) = entry.entry().body() else {
                continue;
            };
            self.carries().add(entry.index().get(), head);
            if self.carry_is_due(head) {
                due.push((entry.index().get(), head.epoch));
            } else if self.keys.has(head.epoch) {
                self.check_carry(&entry);
            }
        }
        due
    }

    /// Where the newest entries of a kind stand, newest first.
    fn indexes(&self, outline: Outline, limit: usize) -> Vec<u64> {
        let log = self.log();
        log.outlines().of(outline).rev().take(limit).collect()
    }

    /// Everything from an index on that is to be filed.
    fn to_file(&self, from: u64) -> Vec<(u64, EpochId)> {
        let mut all = self.batches(from);
        all.extend(self.due_carries(from));
        all
    }

    /// The open partitions.
    pub(crate) fn open_partitions_list(&self) -> Vec<(EpochId, Arc<Partition>)> {
        let partitions = lock(&self.partitions);
        let each = partitions.iter();
        each.map(|(epoch, partition)| (*epoch, Arc::clone(partition)))
            .collect()
    }

    /// The open partition of an epoch.
    pub(crate) fn partition(&self, epoch: EpochId) -> Option<Arc<Partition>> {
        lock(&self.partitions).get(&epoch).cloned()
    }

    /// The partition of an epoch, opened or made.
    pub(crate) fn partition_of(&self, epoch: EpochId) -> Result<Arc<Partition>, String> {
        if let Some(partition) = self.partition(epoch) {
            return Ok(partition);
        }
        let key = self
            .keys
            .records(epoch)
            .ok_or("no key of this epoch in this room")?;
        let derived = |usage| PartitionKey::from_bytes(*key.partition_key(usage).expose());
        let keys = PartitionKeys {
            catalogue: derived(PartitionUse::Catalogue),
            index: derived(PartitionUse::Index),
            derived: derived(PartitionUse::Files),
        };
        let folder = self.partition_folder(epoch);
        let id = PartitionId::from_bytes(*epoch.as_bytes());
        let opened = if folder.join("catalogue.db").exists() {
            Partition::open(&folder, id, keys, &self.cache)
        } else {
            Partition::create(&folder, id, keys, &self.cache)
        };
        let partition = Arc::new(opened.map_err(|error| report(&error))?);
        lock(&self.partitions).insert(epoch, Arc::clone(&partition));
        self.searcher
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .put(Shelf::open(Arc::clone(&partition)));
        Ok(partition)
    }

    /// Throws a partition away and lines up all of its epoch's batches: everything in it can be made
    /// again from the mirror.
    pub(crate) fn make_again(&self, epoch: EpochId) {
        lock(&self.partitions).remove(&epoch);
        self.rosters().forget(epoch);
        self.searcher
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take(PartitionId::from_bytes(*epoch.as_bytes()));
        let folder = self.partition_folder(epoch);
        match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                self.note(format!("partition {epoch} could not be removed: {error}"));
            }
            _ => self.note(format!("partition {epoch} is made again from the mirror")),
        }
        let again = self.to_file(0).into_iter().filter(|(_, of)| *of == epoch);
        self.waiting().again(again);
        *lock(&self.pass.0) = 0;
    }

    /// Throws all partitions away.
    pub(crate) fn rebuild(&self) {
        let epochs: Vec<EpochId> = lock(&self.partitions).keys().copied().collect();
        for epoch in epochs {
            self.make_again(epoch);
        }
    }

    fn partition_folder(&self, epoch: EpochId) -> PathBuf {
        self.folder.partitions().join(epoch.to_string())
    }

    /// Records a look, durably, before its answer leaves.
    pub(crate) fn look(
        &self,
        who: &str,
        what: &'static str,
        facts: Vec<(String, String)>,
        records: Vec<RecordId>,
    ) -> Result<(), AuditError> {
        let seen = self.log().settled();
        let look = Look {
            who,
            what,
            facts,
            records,
        };
        lock(&self.audit).record(look, Some(seen))
    }

    /// The verified entry at an index, of the kinds that a room looks for. If the mirror does not give
    /// again what an earlier room has verified, everything is verified from the first leaf.
    pub(crate) fn entry(&self, index: u64) -> Option<VerifiedEntry> {
        let why = match self.log().entry(index) {
            Ok(entry) => return entry,
            Err(why) => why,
        };
        let entry = {
            let state = self.state();
            let mut log = self.log();
            match log.may_begin_again() {
                true => log
                    .begin_again(&state, &why)
                    .and_then(|()| log.entry(index)),
                false => Err(why),
            }
        };
        self.keep_log();
        entry.unwrap_or_else(|why| {
            self.note(format!(
                "entry {index} can not be read from the mirror: {}",
                report(&why)
            ));
            None
        })
    }

    /// The newest verified entries of the audit trail, newest first.
    pub(crate) fn newest_looks(&self, limit: usize) -> Vec<VerifiedEntry> {
        let newest = self.indexes(Outline::Audit, limit);
        newest.into_iter().filter_map(|at| self.entry(at)).collect()
    }

    /// Every verified entry of governance, in order.
    pub(crate) fn governance_entries(&self) -> Vec<VerifiedEntry> {
        let acts = self.indexes(Outline::Governance, usize::MAX);
        let in_order = acts.into_iter().rev();
        in_order.filter_map(|at| self.entry(at)).collect()
    }

    /// Every act of the control chain, in order.
    pub(crate) fn control(&self) -> Vec<VerifiedEntry> {
        let acts = self.indexes(Outline::Control, usize::MAX);
        let in_order = acts.into_iter().rev();
        in_order.filter_map(|at| self.entry(at)).collect()
    }

    /// The checkpoint under which this room has verified the log.
    pub(crate) fn checkpoint(&self) -> Option<SignedCheckpoint> {
        self.log().checkpoint()
    }

    /// Entries that wait in the vault's outbox.
    pub(crate) fn outbox(&self) -> Option<Outbox> {
        Outbox::open(&self.folder.outbox()).ok()
    }

    pub(crate) fn status(&self) -> Status {
        let (verified, verified_here, witnessed) = {
            let log = self.log();
            (
                log.settled().size.get(),
                log.verified_here(),
                log.witnessed(),
            )
        };
        let partitions: Vec<_> = lock(&self.partitions).values().cloned().collect();
        Status {
            archive: self.genesis.archive_id().to_string(),
            verified,
            verified_here,
            filed: self.waiting().filed(verified),
            records: partitions
                .iter()
                .map(|partition| partition.state().records)
                .sum(),
            partitions: partitions.len() as u64,
            counts: self.state().counts().unwrap_or_default(),
            witnessed,
            audit_waiting: self
                .outbox()
                .and_then(|outbox| outbox.waiting().ok())
                .unwrap_or(0),
            audit_waited: lock(&self.audit).waited().unwrap_or(0) / 1000,
            hardening: self.hardening,
            notes: lock(&self.notes).clone(),
        }
    }

    /// Remembers something for the owner. Never content; at most a hundred.
    pub(crate) fn note(&self, what: String) {
        let mut notes = lock(&self.notes);
        if !notes.contains(&what) && notes.len() < 100 {
            notes.push(what);
        }
    }

    /// Remembers what is wrong with an entry.
    pub(crate) fn note_problem(&self, index: u64, what: &str) {
        if let Err(error) = self
            .state()
            .problem(tlog::LogIndex::new(index), what, now())
        {
            self.note(format!("a problem could not be noted: {}", report(&error)));
        }
    }

    /// Takes the directory up again after it was changed.
    pub(crate) fn people_changed(&self) -> Result<(), PeopleError> {
        let persons = self.people().list()?;
        *self
            .directory
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(Directory::new(persons));
        Ok(())
    }

    pub(crate) fn touch(&self) {
        self.active_at.store(now().get(), Ordering::Relaxed);
    }

    /// Milliseconds without a request.
    pub(crate) fn idle(&self) -> i64 {
        now().since(Milliseconds::new(self.active_at.load(Ordering::Relaxed)))
    }

    pub(crate) fn directory(&self) -> Arc<Directory> {
        Arc::clone(
            &self
                .directory
                .read()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    pub(crate) fn searcher(&self) -> RwLockReadGuard<'_, Searcher> {
        self.searcher.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn people(&self) -> MutexGuard<'_, People> {
        lock(&self.people)
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    pub(crate) fn waiting(&self) -> MutexGuard<'_, Waiting> {
        lock(&self.waiting)
    }

    pub(crate) fn tried(&self) -> MutexGuard<'_, Tried> {
        lock(&self.tried)
    }

    pub(crate) fn carries(&self) -> MutexGuard<'_, Carries> {
        lock(&self.carries)
    }

    pub(crate) fn rosters(&self) -> MutexGuard<'_, Rosters> {
        lock(&self.rosters)
    }

    pub(crate) fn keys(&self) -> &LiveKeys {
        &self.keys
    }

    pub(crate) fn mirror(&self) -> &Mirror {
        &self.mirror
    }

    pub(crate) fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    pub(crate) fn folder(&self) -> &VaultFolder {
        &self.folder
    }

    pub(crate) fn log(&self) -> MutexGuard<'_, Log> {
        lock(&self.log)
    }
}

fn unlocked(
    unlock: &Unlock,
    genesis: &Genesis,
    state: &State,
) -> Result<UnlockedKeyring, OpenRoomError> {
    let file = |source| OpenRoomError::File {
        what: "the keyring".to_owned(),
        source,
    };
    if std::fs::metadata(&unlock.keyring).map_err(file)?.len() > MAX_KEYRING_BYTES as u64 {
        return Err(file(std::io::Error::new(
            std::io::ErrorKind::InvalidData,
            "too large",
        )));
    }
    let bytes = std::fs::read(&unlock.keyring).map_err(file)?;
    let highest = state
        .raise(GENERATION, 0)
        .map_err(broken("the vault's state does not open"))?;
    let seen = u32::try_from(highest)
        .ok()
        .filter(|highest| *highest > 0)
        .map(Generation::new);
    let ring = Keyring::from_bytes(&bytes, seen).map_err(broken(
        "the keyring is damaged, or older than one that was used",
    ))?;
    if ring.archive() != genesis.archive_id() {
        return Err(OpenRoomError::Broken {
            what: "the keyring is another archive's",
            source: format!("it is of {}", ring.archive()).into(),
        });
    }
    let generation = u64::from(ring.generation().get());
    let ring = match &unlock.secret {
        Secret::Passphrase(passphrase) => ring.unlock_with_passphrase(passphrase),
        Secret::Shares(texts) => {
            let mut shares = Vec::with_capacity(texts.len());
            for (at, text) in texts.iter().enumerate() {
                let text = text.trim();
                let share = if text.starts_with("greffe-share:") {
                    Share::from_qr(text)
                } else {
                    Share::from_words(text)
                };
                shares.push(share.map_err(|source| OpenRoomError::Share {
                    place: at + 1,
                    source,
                })?);
            }
            ring.unlock_with_shares(&shares)
        }
    }
    .map_err(OpenRoomError::Secret)?;
    // RING-3: only a keyring that somebody could unlock counts as seen.
    state
        .raise(GENERATION, generation)
        .map_err(broken("the vault's state can not be written"))?;
    Ok(ring)
}

/// RING-10: stores that were out of reach at the last change get the keyring now. What stays pending
/// hinders nothing and is told.
fn bring_stores_up(unlock: &Unlock, ring: &UnlockedKeyring) -> Vec<String> {
    if unlock.stores.is_empty() {
        return Vec::new();
    }
    let stores = Stores::new(
        ring.keyring().archive(),
        PathBuf::from(&unlock.keyring),
        unlock.stores.clone(),
    );
    match stores.write(ring, now()) {
        Ok(standing) => standing
            .iter()
            .filter_map(|store| {
                let why = store.pending.as_ref()?;
                Some(format!("the keyring is pending at {}: {why}", store.name))
            })
            .collect(),
        Err(error) => vec![report(&error)],
    }
}

/// The governance epoch whose key this room uses for what it keeps: the newest, if it has that.
fn home_of(keys: &LiveKeys, newest: EpochId) -> Option<EpochId> {
    if keys.has(newest) {
        return Some(newest);
    }
    keys.governance_epochs().last()
}

/// Opens the directory of people under the governance epoch's key; one that lies under an earlier
/// epoch's key is carried over.
fn open_people(
    folder: &VaultFolder,
    keys: &LiveKeys,
    home: EpochId,
) -> Result<People, PeopleError> {
    std::fs::create_dir_all(folder.people()).map_err(PeopleError::Folder)?;
    let path = |epoch: EpochId| folder.people().join(format!("{epoch}.db"));
    let key_of = |epoch: EpochId| {
        keys.governance(epoch)
            .map(|key| Zeroizing::new(*key.partition_key(PartitionUse::People).expose()))
    };
    let key = key_of(home).ok_or(PeopleError::NoKey)?;
    if !path(home).exists() {
        let former = keys
            .governance_epochs()
            .find(|epoch| *epoch != home && path(*epoch).exists());
        if let Some(former) = former {
            let former_key = key_of(former).ok_or(PeopleError::NoKey)?;
            People::carry(&path(former), &former_key, &path(home), &key)?;
        }
    }
    People::open(&path(home), &key)
}

fn broken<E>(what: &'static str) -> impl Fn(E) -> OpenRoomError
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    move |source| OpenRoomError::Broken {
        what,
        source: source.into(),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
