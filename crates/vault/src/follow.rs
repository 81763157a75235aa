//! The locked part: follows the relay, verifies everything, mirrors the log and every object, says
//! `stored`, and submits what waits in the vault's outbox. Needs no opening key.
//!
//! One step writes in this order, so that a crash anywhere is healed by the next step:
//!
//! 1. bundles of the new checkpoint (files; a repeated step finds them or fetches them again);
//! 2. all of it is verified in memory, then the hash tiles are written (made of the bundles, so a
//!    repeated step writes the same bytes), then the checkpoint;
//! 3. entries, head and the follower's rows in one transaction (before it: the step is repeated from
//!    the former head);
//! 4. objects: bytes, name, then "held" (see [`Mirror::finish_object`]);
//! 5. `stored` goes into the outbox only for what the transaction of 4 calls held; saying it twice
//!    is harmless;
//! 6. the outbox submits; a receipt that was not noted is given again (CHAIN-3).

use std::future::Future;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use canonical::Milliseconds;
use futures_util::StreamExt;
use tlog::{SignedCheckpoint, bundles_of_growth};
use wire::api::PostAnswer;
use wire::authority::Admitted;
use wire::{
    Body, ChainPosition, Entry, EntryDraft, Genesis, Object, ObjectHash, RefusalCode, Seen,
    SequenceNumber, SignerId, SignerKey, Stored, Withdrawn, limit,
};

use crate::chain::{Advanced, Chain, ChainError, ResumeError, Rows};
use crate::disk::{Disk, WritePoints};
use crate::mirror::Mirror;
use crate::outbox::{Outbox, OutboxError, Pending, Signed};
use crate::state::{Head, Holding, State, StateError};

/// Objects that are fetched at the same time.
const FETCHES: usize = 8;
/// Objects that are noted in one transaction.
const GROUP: usize = 64;
/// Attempts at an object before it waits for [`RETRY`].
const TRIES: u64 = 4;
/// How long an object that could not be had waits for the next attempts, in milliseconds.
const RETRY: i64 = 60_000;

/// What the locked part asks of a relay. Whatever it answers is verified; an answer may be wrong,
/// late or missing, and never harms more than its own freshness.
pub trait Relay: Send + Sync {
    /// The newest checkpoint note, with its cosignatures.
    fn checkpoint(&self) -> impl Future<Output = Result<Vec<u8>, RelayError>> + Send;

    /// An entry bundle.
    fn bundle(
        &self,
        bundle: tlog::Bundle,
    ) -> impl Future<Output = Result<Vec<u8>, RelayError>> + Send;

    /// The bytes of an object from offset `from` on, piece by piece into `sink`, which may refuse.
    fn object(
        &self,
        hash: ObjectHash,
        from: u64,
        sink: &mut (dyn FnMut(&[u8]) -> io::Result<()> + Send),
    ) -> impl Future<Output = Result<(), RelayError>> + Send;

    /// Uploads a whole object; nothing happens if it is there.
    fn put_object(
        &self,
        hash: ObjectHash,
        bytes: &[u8],
    ) -> impl Future<Output = Result<(), RelayError>> + Send;

    /// Posts entries of one signer in order.
    fn post(
        &self,
        entries: &[Entry],
    ) -> impl Future<Output = Result<PostAnswer, RelayError>> + Send;

    /// The number that the relay expects next of the signer.
    fn next_number(
        &self,
        signer: SignerId,
    ) -> impl Future<Output = Result<SequenceNumber, RelayError>> + Send;
}

/// What a relay did not do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RelayError {
    /// It does not have what was asked for.
    #[error("the relay does not have it")]
    NotFound,
    /// The sink refused: this side's disk.
    #[error("writing what the relay sends")]
    Sink(#[source] io::Error),
    /// It can not be reached, or answers with an error.
    #[error("asking the relay")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Where the vault's files lie.
#[derive(Clone, Debug)]
pub struct VaultFolder {
    path: PathBuf,
    disk: Disk,
}

/// The locked part of a vault.
#[derive(Debug)]
pub struct Locked<R> {
    relay: R,
    key: SignerKey,
    genesis: Genesis,
    mirror: Mirror,
    state: State,
    outbox: Outbox,
    chain: Chain,
    /// Whether the rows in the state are those of `chain`, as it stood when they were written.
    kept: bool,
    start: Start,
    /// A log that was found false from the first leaf on; not verified whole again for nothing.
    refused: Option<Vec<u8>>,
    checked_next: bool,
    retried_at: Milliseconds,
    clock: fn() -> Milliseconds,
}

/// Where the locked part began when it was opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Start {
    /// Nothing was mirrored yet.
    New,
    /// With what it had verified before, up to this size.
    Resumed(u64),
    /// From the first leaf: nothing was kept of what was verified before.
    Whole,
    /// From the first leaf: what was kept, or the mirror, is not as this vault wrote it.
    Distrusted(ResumeError),
}

/// What one step found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Size of the verified log.
    pub size: u64,
    /// Entries that are new.
    pub entries: u64,
    /// Objects that arrived.
    pub objects: u64,
    /// Entries of the vault's own that the log took.
    pub logged: u64,
    /// Everything below this size is held.
    pub stored: u64,
    /// Whether something is left to do at once.
    pub more: bool,
}

/// Why a step stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StepError {
    /// The relay did not do its part; the next step tries again.
    #[error("the relay did not answer as it should")]
    Relay(#[from] RelayError),
    /// The mirror can not be written or read: disk full, or damaged.
    #[error("the vault's mirror can not be written or read")]
    Mirror(#[from] io::Error),
    /// The state can not be written or read.
    #[error(transparent)]
    State(#[from] StateError),
    /// The outbox can not be written or read, or was restored from a copy.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// The log is not as it should be. Alarms are remembered in the state.
    #[error("the relay's log is not as it should be")]
    Chain(#[from] ChainError),
    /// The relay takes no entry of this vault.
    #[error("the relay takes no entry of this vault: {}", .0.name())]
    Refused(RefusalCode),
    /// The relay shows a checkpoint that is older than one it has shown.
    #[error("the relay shows a log of {shown} entries, after one of {known}")]
    WentBack {
        /// Entries shown now.
        shown: u64,
        /// Entries known.
        known: u64,
    },
}

impl VaultFolder {
    /// The vault in that folder.
    #[must_use]
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self {
            path: folder.into(),
            disk: Disk::default(),
        }
    }

    /// The same vault, whose locked part asks before each change of a file.
    #[must_use]
    pub fn asking(self, points: Arc<dyn WritePoints>) -> Self {
        Self {
            disk: Disk::asking(points),
            ..self
        }
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The mirror.
    #[must_use]
    pub fn mirror(&self) -> Mirror {
        Mirror::at(self.path.join("mirror")).on(self.disk.clone())
    }

    /// The locked part's state.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.path.join("vault.db")
    }

    /// The vault's own chain.
    #[must_use]
    pub fn outbox(&self) -> PathBuf {
        self.path.join("outbox.db")
    }

    /// The partitions, one folder an epoch.
    #[must_use]
    pub fn partitions(&self) -> PathBuf {
        self.path.join("partitions")
    }

    /// The people directories, one file a governance epoch.
    #[must_use]
    pub fn people(&self) -> PathBuf {
        self.path.join("people")
    }

    /// What reading rooms keep of the log that they have verified (room.md, ROOM-9).
    #[must_use]
    pub fn room_log(&self) -> PathBuf {
        self.path.join("room.db")
    }

    /// The reading room's socket, while one is open.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.path.join("room.sock")
    }

    /// The vault's signing key: 32 bytes, readable by its owner only.
    #[must_use]
    pub fn signer_key(&self) -> PathBuf {
        self.path.join("signer.key")
    }

    /// Writes the vault's signing key, durably and readable by its owner only.
    ///
    /// # Errors
    ///
    /// When writing fails.
    pub fn put_signer_key(&self, seed: &[u8; 32]) -> io::Result<()> {
        crate::durable::replace_private(&self.signer_key(), seed)
    }

    /// Reads the vault's signing key.
    ///
    /// # Errors
    ///
    /// When the file is missing, unreadable or has another length.
    pub fn read_signer_key(&self) -> io::Result<SignerKey> {
        let bytes = zeroize::Zeroizing::new(std::fs::read(self.signer_key())?);
        let wrong = || io::Error::new(io::ErrorKind::InvalidData, "not a signing key of 32 bytes");
        let seed = bytes.as_slice().try_into().map_err(|_| wrong())?;
        SignerKey::from_seed(seed).map_err(|_| wrong())
    }
}

impl<R: Relay> Locked<R> {
    /// Opens the locked part where it stopped, and verifies what the mirror holds beyond that. What
    /// it takes up is signed by the vault's own key and agrees with the mirror's tree; if either is
    /// not so, the whole mirror is verified again ([`Locked::start`]).
    ///
    /// # Errors
    ///
    /// When a file can not be opened, or the mirror does not verify.
    pub fn open(
        folder: &VaultFolder,
        genesis: Genesis,
        key: SignerKey,
        relay: R,
        clock: fn() -> Milliseconds,
    ) -> Result<Self, StepError> {
        std::fs::create_dir_all(folder.path())?;
        let mirror = folder.mirror();
        if mirror
            .read(&mirror.genesis_path(), limit::ENTRY_BYTES as u64)?
            .is_none()
        {
            mirror.put_genesis(&genesis.to_bytes())?;
        }
        let mut locked = Self {
            relay,
            key,
            chain: Chain::new(genesis.clone(), mirror.clone()),
            genesis,
            mirror,
            state: State::open(&folder.state())?.on(folder.disk.clone()),
            outbox: Outbox::open(&folder.outbox())?.on(folder.disk.clone()),
            kept: false,
            start: Start::New,
            refused: None,
            checked_next: false,
            retried_at: clock(),
            clock,
        };
        if let Some(note) = locked.read_checkpoint()? {
            locked.take_up(&note)?;
            locked.verify(&note)?;
        }
        Ok(locked)
    }

    /// Where this process began to verify, for the owner.
    #[must_use]
    pub fn start(&self) -> &Start {
        &self.start
    }

    /// Leaves that this process has verified.
    #[must_use]
    pub fn verified(&self) -> u64 {
        self.chain.verified()
    }

    /// Takes up the rows of an earlier process, if they are this vault's own and the mirror agrees.
    fn take_up(&mut self, note: &[u8]) -> Result<(), StepError> {
        self.start = Start::Whole;
        let Some((rows, mark)) = self.state.follower()? else {
            return Ok(());
        };
        let public = self.key.public();
        let chain = Chain::resume(
            self.genesis.clone(),
            self.mirror.clone(),
            &rows,
            note,
            |follower| follower.is_marked(&public, &mark),
        );
        match chain {
            Ok(chain) => {
                self.start = Start::Resumed(chain.follower().settled().size.get());
                self.chain = chain;
                self.kept = true;
            }
            Err(why) => self.start = Start::Distrusted(why),
        }
        Ok(())
    }

    /// What the locked part knows.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Follows until `stop` is ready: a step every `every`, at once when there is more to do. What
    /// a step met is given to `seen`.
    pub async fn run(
        &mut self,
        every: Duration,
        stop: impl Future<Output = ()> + Send,
        mut seen: impl FnMut(&Result<Step, StepError>) + Send,
    ) where
        R: Relay,
    {
        let mut stop = std::pin::pin!(stop);
        loop {
            let step = tokio::select! {
                step = self.step() => step,
                () = &mut stop => return,
            };
            seen(&step);
            if step.is_ok_and(|step| step.more) {
                continue;
            }
            tokio::select! {
                () = tokio::time::sleep(every) => {}
                () = &mut stop => return,
            }
        }
    }

    /// One step: checkpoint, bundles, verification, objects, `stored`, outbox.
    ///
    /// # Errors
    ///
    /// When something stops the step; all that was done before it is durable, and the next step
    /// goes on from there.
    pub async fn step(&mut self) -> Result<Step, StepError> {
        let mut step = Step {
            entries: self.follow().await?,
            ..Step::default()
        };
        step.objects = self.fetch().await?;
        self.check_chain().await?;
        self.say_stored()?;
        step.logged = self.submit().await?;
        step.size = self.head_size()?;
        step.stored = self.state.stored_through()?.get();
        step.more = step.entries > 0 || step.objects > 0 || step.logged > 0;
        Ok(step)
    }

    async fn follow(&mut self) -> Result<u64, StepError> {
        let note = self.relay.checkpoint().await?;
        let size = SignedCheckpoint::parse(&note)
            .map_err(ChainError::Checkpoint)?
            .claimed()
            .size();
        let known = self.chain.follower().settled().size;
        for bundle in bundles_of_growth(known, size) {
            let path = self.mirror.bundle_path(bundle);
            // A full bundle that an interrupted step left is read again, and verified like any.
            if bundle.is_full() && path.exists() {
                continue;
            }
            let bytes = self.relay.bundle(bundle).await?;
            self.mirror.put_bundle(bundle, &bytes)?;
        }
        let before = known.get();
        let verified = self.verify(&note);
        // What was fetched for this checkpoint may be what is wrong with it. Only then: if it is this
        // disk that failed, the mirror's checkpoint may stand on these bundles already.
        if matches!(verified, Err(StepError::Chain(_))) {
            for bundle in bundles_of_growth(known, size) {
                let _ = std::fs::remove_file(self.mirror.bundle_path(bundle));
            }
        }
        verified?;
        if let Some(own) = self.chain.follower().authority().signer(&self.key.id()) {
            self.outbox.mirrored(own.next())?;
        }
        Ok(self.head_size()?.saturating_sub(before))
    }

    /// Steps 2 and 3: verifies the mirror's bundles under `note` and moves the head.
    fn verify(&mut self, note: &[u8]) -> Result<(), StepError> {
        let now = (self.clock)();
        let known = self.chain.follower().latest();
        let claimed = SignedCheckpoint::parse(note)
            .map_err(ChainError::Checkpoint)?
            .claimed()
            .size();
        let admitted = |signer: &SignerId, number: SequenceNumber| self.admitted(signer, number);
        let advanced = match self.chain.advance(note, &admitted) {
            // Damaged tiles of this disk can look like a fork. Bundles alone decide: whatever is still
            // wrong from the first leaf on is the log's doing.
            Err(error) if error.is_alarm() && self.refused.as_deref() != Some(note) => {
                let whole = Chain::new(self.genesis.clone(), self.mirror.clone());
                let again = (claimed >= known.size).then(|| whole.advance(note, &admitted));
                match again {
                    Some(Ok(advanced)) if continues(&advanced, known) => {
                        (self.chain, self.kept) = (whole, false);
                        Ok(advanced)
                    }
                    _ => {
                        self.refused = Some(note.to_vec());
                        Err(error)
                    }
                }
            }
            other => other,
        };
        let advanced = match advanced {
            Ok(advanced) => advanced,
            Err(error) => {
                if claimed < known.size && error.is_alarm() {
                    let what = format!(
                        "the relay went back to a log of {claimed} entries, after one of {}",
                        known.size
                    );
                    self.state.alarm(now, &what)?;
                    return Err(StepError::WentBack {
                        shown: claimed.get(),
                        known: known.size.get(),
                    });
                }
                if error.is_alarm() {
                    let what = format!(
                        "the log of {claimed} entries is not this archive's: {}",
                        report(&error)
                    );
                    self.state.alarm(now, &what)?;
                    // Evidence: signed by the log, and not a continuation of what it had signed.
                    self.mirror.put_evidence(claimed.get(), note)?;
                }
                return Err(error.into());
            }
        };
        let witnessed = advanced.verdict.is_witnessed();
        let seen = advanced.settled.follower.settled();
        let former = self.state.head()?;
        self.chain.write_tiles(&advanced)?;
        let text = String::from_utf8_lossy(note);
        if seen != known || self.read_checkpoint()?.as_deref() != Some(note) {
            self.mirror.put_checkpoint(&text)?;
        }
        let head = Head {
            seen,
            at: now,
            witnessed,
        };
        let from = former.map_or(0, |head| head.seen.size.get());
        let (all, settled) = (!self.kept, &advanced.settled);
        let moved = all || seen != known || !settled.entries.is_empty();
        let rows = match all {
            true => Rows::of(&settled.follower),
            false => Rows::changed(&settled.follower, &settled.signers),
        };
        let mark = settled.follower.mark(&self.key);
        if seen.size.get() > from {
            let advance = self.state.advance()?;
            advance.keep_follower(&rows, all, &mark)?;
            for entry in &settled.entries {
                // Where the mirror was read again from its first leaf.
                if entry.index().get() >= from {
                    advance.take(entry.index(), entry.admitted_at(), entry.entry())?;
                }
            }
            advance.finish(head)?;
        } else {
            if moved {
                let advance = self.state.advance()?;
                advance.keep_follower(&rows, all, &mark)?;
                advance.finish_below()?;
            }
            self.state.seen_again(now, witnessed)?;
        }
        self.chain.take(advanced);
        self.kept = true;
        for bundle in bundles_of_growth(tlog::TreeSize::new(from), seen.size) {
            self.mirror.drop_narrower_bundles(bundle)?;
        }
        Ok(())
    }

    /// Step 4. A group is fetched side by side, then noted in one transaction.
    async fn fetch(&mut self) -> Result<u64, StepError> {
        let now = (self.clock)();
        // Also when the clock was set back: else nothing is tried again until it has caught up.
        if !(0..=RETRY).contains(&now.since(self.retried_at)) {
            self.state.try_again()?;
            self.retried_at = now;
        }
        let mut arrived = 0;
        loop {
            let open = self.state.open_objects(GROUP, TRIES)?;
            if open.is_empty() {
                return Ok(arrived);
            }
            let (relay, mirror) = (&self.relay, &self.mirror);
            let results: Vec<_> = futures_util::stream::iter(open)
                .map(|open| async move { (open, fetch_object(relay, mirror, open.object).await) })
                .buffer_unordered(FETCHES)
                .collect()
                .await;
            let mut holdings = Vec::with_capacity(results.len());
            let mut failure = None;
            for (open, result) in results {
                match result {
                    Ok(holding) => holdings.push((open.object.hash, holding)),
                    Err(error) => failure = Some((open, error)),
                }
            }
            arrived += holdings
                .iter()
                .filter(|(_, holding)| *holding == Holding::Held)
                .count() as u64;
            self.state.note_objects(&holdings)?;
            if let Some((_, error)) = failure {
                return Err(error);
            }
        }
    }

    /// CHAIN-3: compares the two ends of the vault's own chain, before anything is appended.
    async fn check_chain(&mut self) -> Result<(), StepError> {
        if !self.checked_next && self.is_enrolled() {
            let next = self.relay.next_number(self.key.id()).await?;
            self.outbox.check_next(next)?;
            self.checked_next = true;
        }
        Ok(())
    }

    /// Step 5.
    fn say_stored(&mut self) -> Result<(), StepError> {
        let through = self.state.stored_through()?;
        let said = self.state.raise("stored", 0)?;
        let head = self.state.head()?;
        let Some(head) = head else { return Ok(()) };
        let from = tlog::TreeSize::new(said);
        if through <= from || !self.is_enrolled() || !self.state.has_deliveries(from, through)? {
            return Ok(());
        }
        let (archive, key, now) = (self.genesis.archive_id(), &self.key, (self.clock)());
        self.outbox.append(|position| {
            let body = Body::Stored(Stored { through });
            sign(archive, key, position, body, Some(head.seen), now)
        })?;
        self.state.raise("stored", through.get())?;
        Ok(())
    }

    /// Step 6.
    async fn submit(&mut self) -> Result<u64, StepError> {
        let mut logged = 0;
        if !self.is_enrolled() {
            return Ok(logged);
        }
        loop {
            let pending = self.outbox.pending(limit::BUNDLE_ENTRIES)?;
            if pending.is_empty() {
                return Ok(logged);
            }
            let mut entries = Vec::with_capacity(pending.len());
            for one in &pending {
                if let Some((hash, object)) = &one.signed.object {
                    self.relay.put_object(*hash, object).await?;
                }
                entries.push(Entry::parse(&one.signed.entry).map_err(|_| {
                    OutboxError::Damaged {
                        number: one.number.get(),
                    }
                })?);
            }
            let answer = self.relay.post(&entries).await?;
            logged += self.note_receipts(&pending, &entries, &answer)?;
            match answer.refusal() {
                None if answer.receipts().len() == pending.len() => {}
                None => return Ok(logged),
                Some(refusal) => {
                    let Some(refused) = pending.get(answer.receipts().len()) else {
                        return Ok(logged);
                    };
                    match refusal.code() {
                        // Nothing is wrong with the entry itself: later, again.
                        RefusalCode::TooBusy | RefusalCode::ObjectMissing => return Ok(logged),
                        // The relay may have been rebuilt from this vault's mirror.
                        RefusalCode::OutOfSequence => {
                            self.checked_next = false;
                            return Ok(logged);
                        }
                        // CHAIN-3: the number was used by an entry that this outbox does not know.
                        RefusalCode::Clone => return Err(OutboxError::Clone.into()),
                        // No entry of this vault would be taken now, a `withdrawn` neither.
                        code @ (RefusalCode::Revoked
                        | RefusalCode::UnknownSigner
                        | RefusalCode::ForeignArchive) => return Err(StepError::Refused(code)),
                        code => {
                            let withdrawn = entries
                                .get(answer.receipts().len())
                                .is_some_and(|entry| entry.kind() == wire::Kind::Withdrawn);
                            if withdrawn {
                                return Err(StepError::Refused(code));
                            }
                            self.withdraw(refused.number, code)?;
                        }
                    }
                }
            }
        }
    }

    fn note_receipts(
        &mut self,
        pending: &[Pending],
        entries: &[Entry],
        answer: &PostAnswer,
    ) -> Result<u64, StepError> {
        let witnesses = &self.chain.follower().authority().policy().witnesses;
        let policy = self
            .genesis
            .log_policy(witnesses)
            .map_err(|error| RelayError::Failed(error.into()))?;
        let mut noted = 0;
        for ((one, entry), text) in pending.iter().zip(entries).zip(answer.receipts()) {
            let receipt = wire::verify::verify_receipt(entry, text.as_bytes(), &policy, None)
                .map_err(|error| RelayError::Failed(error.into()))?;
            self.outbox.logged(one.number, receipt.index())?;
            noted += 1;
        }
        Ok(noted)
    }

    fn withdraw(&mut self, number: SequenceNumber, code: RefusalCode) -> Result<(), StepError> {
        let (archive, key, now) = (self.genesis.archive_id(), &self.key, (self.clock)());
        let seen = self.state.head()?.map(|head| head.seen);
        self.outbox
            .withdraw(number, u64::from(code.number()), |position, refused| {
                let body = Body::Withdrawn(Withdrawn { refused, code });
                sign(archive, key, position, body, seen, now)
            })?;
        let what = format!(
            "the relay refused entry {number} of this vault: {}",
            code.name()
        );
        self.state.alarm(now, &what)?;
        Ok(())
    }

    fn is_enrolled(&self) -> bool {
        self.chain
            .follower()
            .authority()
            .signer(&self.key.id())
            .is_some()
    }

    fn admitted(&self, signer: &SignerId, number: SequenceNumber) -> Option<Admitted> {
        self.state.entry_of(signer, number).ok().flatten()
    }

    fn read_checkpoint(&self) -> io::Result<Option<Vec<u8>>> {
        self.mirror
            .read(&self.mirror.checkpoint_path(), tlog::MAX_NOTE_LEN as u64)
    }

    fn head_size(&self) -> Result<u64, StepError> {
        Ok(self.state.head()?.map_or(0, |head| head.seen.size.get()))
    }
}

/// Whether the tree of that size was the one that is known.
fn continues(advanced: &Advanced, known: Seen) -> bool {
    known.size == tlog::TreeSize::ZERO || advanced.root_at(known.size) == Some(known.root)
}

/// Fetches one object, going on where an earlier attempt stopped.
async fn fetch_object<R: Relay>(
    relay: &R,
    mirror: &Mirror,
    object: Object,
) -> Result<Holding, StepError> {
    let length = object.length.get();
    // One that was damaged on this disk is fetched again beside, and replaced.
    if let Some(file) = mirror.open_object(object.hash)?
        && hash_of(file, length)? == Some(object.hash)
    {
        return Ok(Holding::Held);
    }
    let mut file = mirror.open_partial(object.hash)?;
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    let mut have = 0_u64;
    let mut buffer = vec![0; 65_536];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        have += read as u64;
        context.update(buffer.get(..read).unwrap_or_default());
    }
    if have < length {
        let from = have;
        let mut sink = |piece: &[u8]| {
            have += piece.len() as u64;
            if have > length {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "more bytes than the entry names",
                ));
            }
            context.update(piece);
            io::Write::write_all(&mut file, piece)
        };
        match relay.object(object.hash, from, &mut sink).await {
            Ok(()) => {}
            Err(RelayError::NotFound) => return Ok(Holding::Missing),
            Err(RelayError::Sink(error)) if error.kind() == io::ErrorKind::InvalidData => {}
            Err(RelayError::Sink(error)) => return Err(error.into()),
            Err(error) => return Err(error.into()),
        }
    }
    if have < length {
        return Ok(Holding::Wanted);
    }
    if have > length || context.finish().as_ref() != object.hash.as_bytes() {
        mirror.discard_partial(object.hash)?;
        return Ok(Holding::Damaged);
    }
    mirror.finish_object(object.hash, &file)?;
    Ok(Holding::Held)
}

/// The hash of a file of exactly `length` bytes; `None` if it has another length.
pub(crate) fn hash_of(mut file: std::fs::File, length: u64) -> io::Result<Option<ObjectHash>> {
    if file.metadata()?.len() != length {
        return Ok(None);
    }
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    let mut buffer = vec![0; 65_536];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        context.update(buffer.get(..read).unwrap_or_default());
    }
    Ok(ObjectHash::try_from(context.finish().as_ref()).ok())
}

/// Signs an entry without objects.
fn sign(
    archive: wire::ArchiveId,
    key: &SignerKey,
    position: ChainPosition,
    body: Body,
    seen: Option<Seen>,
    now: Milliseconds,
) -> Result<Signed, wire::EntryError> {
    let entry = EntryDraft::new(archive, key.id(), position, body, now)
        .with_seen(seen)
        .with_objects(Vec::new())?
        .sign(&[key])?;
    Ok(Signed {
        id: entry.id(),
        entry: entry.to_bytes(),
        object: None,
    })
}

/// An error with what it comes from, in one line.
pub(crate) fn report(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}
