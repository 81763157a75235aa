//! Takes what waits in the spool to the relay, believes only what it can verify, and lets go of
//! nothing before the vault has it.

use std::sync::Arc;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tlog::{
    ConsistencyProof, ProofError, ProveError, TileMissing, TileSet, prove_consistency,
    tiles_for_consistency,
};
use wire::api::{LoggedLeaf, PostAnswer};
use wire::verify::{ControlReadError, ReceiptError, verify_receipt};
use wire::{
    Body, ChainPosition, Entry, EntryDraft, Refusal, RefusalCode, RetentionClass, Seen,
    SequenceNumber, Withdrawn,
};

use crate::agent::{Agent, KeepError};
use crate::control::ControlError;
use crate::plan::MailTaken;
use crate::relay::{Relay, RelayFailure, is_denial};
use crate::sealing::SealingError;
use crate::spool::{Spool, SpoolError, WaitingObject};
use crate::submission::{Answer, Halt, Next, Submission};

/// Delivers one agent's spool to one relay.
#[derive(Debug)]
pub struct Courier<R> {
    agent: Arc<Agent>,
    relay: R,
    submission: Submission,
}

/// What one step did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// Nothing waits.
    Idle,
    /// Something waits; there is nothing to do before that time.
    Paused(canonical::Milliseconds),
    /// Objects were uploaded.
    Uploaded(usize),
    /// Entries were admitted and their receipts verified.
    Receipted(usize),
    /// An entry was refused and is withdrawn.
    Withdrawn(RefusalCode),
    /// Losses of refused entries were recorded and wait now.
    Recorded(u64),
    /// The relay could not be used, or refused everything; it is tried again later.
    Failed,
    /// The control chain says that this agent is revoked: nothing is submitted (AGENT-9).
    Revoked,
}

/// Why a step could not be taken: this machine's fault, not the relay's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CourierError {
    /// The spool.
    #[error("the spool")]
    Spool(#[from] SpoolError),
    /// A `withdrawn` could not be signed.
    #[error("withdrawing a refused entry")]
    Withdraw(#[from] SealingError),
    /// A task was ended.
    #[error("a task of the agent was ended")]
    Task(#[from] tokio::task::JoinError),
}

/// Why something that a relay said is not believed, or could not be asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BeliefError {
    /// The relay.
    #[error("asking the relay")]
    Relay(#[from] RelayFailure),
    /// A receipt proves nothing.
    #[error("verifying a receipt")]
    Receipt(#[from] ReceiptError),
    /// An entry is not believed.
    #[error("verifying an entry of the log")]
    Entry(#[from] ControlReadError),
    /// An act could not be taken.
    #[error("reading the control chain")]
    Control(#[from] ControlError),
    /// The relay's tiles make no proof.
    #[error("proving that the log goes on")]
    Prove(#[from] ProveError<TileMissing>),
    /// The log does not go on from what was seen before.
    #[error("the log of {size} leaves does not go on from what was seen before", size = .seen.size)]
    Fork {
        /// What it shows now.
        seen: Seen,
        /// What the proof lacks.
        #[source]
        source: ProofError,
    },
    /// The relay shows a signed head, and not the acts up to it.
    #[error("the control chain is signed up to act {signed}, and shown up to act {shown} only")]
    Withheld {
        /// The newest act by the head.
        signed: wire::ControlNumber,
        /// The newest act that was shown.
        shown: wire::ControlNumber,
    },
    /// The relay answered with something else.
    #[error("the relay answered {0}")]
    Answer(&'static str),
    /// Mail could not be taken.
    #[error("taking mail")]
    Mail(#[from] KeepError),
    /// This machine.
    #[error("this agent")]
    Own(#[from] CourierError),
}

impl From<SpoolError> for BeliefError {
    fn from(error: SpoolError) -> Self {
        Self::Own(error.into())
    }
}

impl BeliefError {
    /// Whether the log is another one than was seen before.
    pub fn is_fork(&self) -> bool {
        matches!(
            self,
            Self::Fork { .. }
                | Self::Receipt(ReceiptError::Fork(_) | ReceiptError::Inconsistent { .. })
        )
    }
}

impl<R: Relay> Courier<R> {
    /// A courier between an agent and a relay.
    pub fn new(agent: Arc<Agent>, relay: R) -> Self {
        Self {
            agent,
            relay,
            submission: Submission::new(),
        }
    }

    /// The agent.
    pub fn agent(&self) -> &Arc<Agent> {
        &self.agent
    }

    /// The relay.
    pub fn relay(&self) -> &R {
        &self.relay
    }

    /// How submission stands.
    pub fn submission(&self) -> &Submission {
        &self.submission
    }

    /// Does the next thing that is to be done. The caller waits where it says so.
    ///
    /// # Errors
    ///
    /// When this machine fails; what the relay does wrong is waited out instead.
    pub async fn step(&mut self) -> Result<Step, CourierError> {
        let waiting = self
            .spool(|spool| spool.waiting(wire::limit::BUNDLE_ENTRIES))
            .await?;
        let next = match waiting.first() {
            Some(first) => first.entry.number(),
            None => self.spool(|spool| spool.tip()).await?.next.number,
        };
        if self.is_revoked(next) {
            return Ok(Step::Revoked);
        }
        match self
            .submission
            .next(&waiting, self.agent.environment().now())
        {
            Next::Idle => self.record_refusals().await,
            Next::Pause(until) => Ok(Step::Paused(until)),
            Next::Upload(objects) => self.upload(&objects).await,
            Next::Post(entries) => self.post(&entries).await,
        }
    }

    /// Takes steps until nothing waits, or until one that has to wait.
    ///
    /// # Errors
    ///
    /// As [`step`](Self::step).
    pub async fn deliver(&mut self) -> Result<Step, CourierError> {
        loop {
            match self.step().await? {
                Step::Uploaded(_) | Step::Receipted(_) | Step::Withdrawn(_) | Step::Recorded(_) => {
                }
                end => return Ok(end),
            }
        }
    }

    /// Reads the control chain on to its end. Gives how many acts were new.
    ///
    /// # Errors
    ///
    /// When the relay can not be asked or an act is not believed; those before are kept.
    pub async fn read_control(&mut self) -> Result<usize, BeliefError> {
        let mut read = 0;
        loop {
            let from = self.agent.control().authority().head().number.next();
            let page = self.relay.control(from).await?;
            for logged in page.entries() {
                self.take_act(logged).await?;
                read += 1;
            }
            if page.entries().len() < wire::limit::CONTROL_ENTRIES {
                return Ok(read);
            }
        }
    }

    /// Reads the newest signed head of the control chain, which was read on before (AGENT-10).
    ///
    /// # Errors
    ///
    /// When the relay can not be asked, when the head is not believed, or when acts that it covers
    /// are withheld.
    pub async fn read_head(&mut self) -> Result<(), BeliefError> {
        let Some(logged) = self.relay.head().await? else {
            return Ok(());
        };
        let (standing, signed) = {
            let control = self.agent.control();
            let standing = control
                .reader()
                .stands(logged.leaf.as_ref(), logged.proof.as_bytes())?;
            let Body::Head(head) = standing.entry().body() else {
                return Err(BeliefError::Answer("another entry than a head"));
            };
            let signed = *head;
            (standing, signed)
        };
        self.goes_on(standing.seen()).await?;
        // Acts may have come since the chain was read.
        if signed.number > self.agent.control().authority().head().number {
            self.read_control().await?;
        }
        let read = self.agent.control().authority().head();
        self.agent.control().reader().judge(&standing)?;
        if signed.number > read.number {
            return Err(BeliefError::Withheld {
                signed: signed.number,
                shown: read.number,
            });
        }
        if signed.number == read.number && signed.id != read.id {
            return Err(BeliefError::Answer("a head of other acts"));
        }
        let at = standing.admitted_at().time();
        self.spool(move |spool| spool.keep_head(at)).await?;
        Ok(())
    }

    /// Reads mail to this agent on to its end, by the control chain as it was read. Gives what each
    /// came to.
    ///
    /// # Errors
    ///
    /// When the relay can not be asked, mail does not stand in the log or its signers were not
    /// allowed to send it, or this machine fails. It is read again the next time.
    pub async fn read_mail(&mut self) -> Result<Vec<MailTaken>, BeliefError> {
        let mut taken = Vec::new();
        loop {
            let next = self.spool(|spool| spool.mail_next()).await?;
            let page = self.relay.mail(next).await?;
            for logged in page.entries() {
                let standing = {
                    let control = self.agent.control();
                    let reader = control.reader();
                    reader.stands(logged.leaf.as_ref(), logged.proof.as_bytes())?
                };
                // Mail is judged by the acts before it: who sent it may have been replaced since.
                let then = self.agent.control_before(standing.index())?;
                let entry = then.judged(standing)?;
                self.goes_on(entry.standing().seen()).await?;
                let Body::Mail(mail) = entry.entry().body() else {
                    return Err(BeliefError::Answer("another entry than mail"));
                };
                if mail.addressee != self.agent.identity().signer().id()
                    || entry.standing().index() < next
                {
                    return Err(BeliefError::Answer("mail to another agent, or read before"));
                }
                let Some(object) = entry.entry().objects().first() else {
                    return Err(BeliefError::Answer("mail without an object"));
                };
                let bytes = self.relay.mail_object(object.hash).await?;
                let agent = Arc::clone(&self.agent);
                let took = tokio::task::spawn_blocking(move || {
                    agent.take_mail(&entry, then.authority(), &bytes)
                })
                .await;
                taken.push(took.map_err(CourierError::from)??);
            }
            if page.entries().len() < wire::limit::MAIL_ENTRIES {
                return Ok(taken);
            }
        }
    }

    /// Lets go of what the vault has confirmed to hold. Gives how many entries.
    ///
    /// # Errors
    ///
    /// When the relay can not be asked, or what it shows is not believed; everything is kept then.
    pub async fn collect_stored(&mut self) -> Result<u64, BeliefError> {
        let Some(logged) = self.relay.stored().await? else {
            return Ok(0);
        };
        let (standing, quorum) = {
            let control = self.agent.control();
            let standing = control
                .reader()
                .stands(logged.leaf.as_ref(), logged.proof.as_bytes())?;
            control.reader().judge(&standing)?;
            (standing, control.authority().policy().witnesses.quorum)
        };
        let Body::Stored(stored) = standing.entry().body() else {
            return Err(BeliefError::Answer("another entry than `stored`"));
        };
        let through = stored.through;
        let Some(spoken_of) = standing.entry().seen().copied() else {
            return Err(BeliefError::Answer("a `stored` that names no checkpoint"));
        };
        // A vault's word about one log says nothing in another (LEAF-2): the checkpoint that it
        // speaks of, and the one that it stands under, must both be of the log that gave receipts.
        self.goes_on(standing.seen()).await?;
        self.goes_on(spoken_of).await?;
        if quorum > 0 && !standing.verdict().is_witnessed() {
            return Err(BeliefError::Answer(
                "a checkpoint without the witnesses that are asked for",
            ));
        }
        Ok(self.spool(move |spool| spool.drop_stored(through)).await?)
    }

    /// Takes the relay's log as a new one, because the owner has said that it was rebuilt, and
    /// delivers everything that the vault has not confirmed again, with the same numbers.
    ///
    /// # Errors
    ///
    /// When the relay can not be asked.
    pub async fn accept_new_log(&mut self) -> Result<(), BeliefError> {
        let signer = self.agent.identity().signer().id();
        let place = match self.relay.signer(signer).await {
            // The new log has not enrolled this agent yet.
            Err(failure) if failure.is_denial() => None,
            other => Some(other?),
        };
        let next = place.map(|place| place.next).unwrap_or_default();
        let last = place.and_then(|place| place.last);
        self.spool(move |spool| spool.deliver_again(next, last))
            .await?;
        self.submission.succeeded();
        Ok(())
    }

    /// When nothing waits: the losses of what was refused, which then wait.
    async fn record_refusals(&self) -> Result<Step, CourierError> {
        let agent = Arc::clone(&self.agent);
        let recorded =
            tokio::task::spawn_blocking(move || agent.record_refusals(RetentionClass::default()))
                .await?;
        match recorded {
            Ok(0) => Ok(Step::Idle),
            Ok(losses) => Ok(Step::Recorded(losses)),
            Err(KeepError::Spool(error)) => Err(error.into()),
            // They stay owed, and are recorded as soon as that is possible.
            Err(error) => {
                tracing::warn!(%error, "the losses of refused entries are not recorded yet");
                Ok(Step::Idle)
            }
        }
    }

    async fn upload(&mut self, objects: &[WaitingObject]) -> Result<Step, CourierError> {
        let mut uploads = FuturesUnordered::new();
        for object in objects {
            let (relay, agent, object) = (&self.relay, Arc::clone(&self.agent), *object);
            uploads.push(async move {
                let place = on_spool(agent, move |spool| spool.object(&object)).await?;
                Ok::<_, CourierError>((object, relay.upload(object.hash, place).await))
            });
        }
        let mut done = Vec::new();
        let mut failure = None;
        while let Some(uploaded) = uploads.next().await {
            match uploaded? {
                (object, Ok(())) => done.push(object),
                (_, Err(error)) => failure = Some(error),
            }
        }
        drop(uploads);
        let count = done.len();
        self.spool(move |spool| {
            done.iter()
                .try_for_each(|object| spool.mark_uploaded(object))
        })
        .await?;
        match failure {
            None => {
                self.submission.succeeded();
                Ok(Step::Uploaded(count))
            }
            Some(failure) => Ok(self.failed(&failure).await),
        }
    }

    async fn post(&mut self, entries: &[Entry]) -> Result<Step, CourierError> {
        let answer = match self.relay.post(entries).await {
            Ok(answer) => answer,
            Err(failure) => return Ok(self.failed(&failure).await),
        };
        let receipted = match self.believe(entries, &answer).await {
            Ok(receipted) => receipted,
            Err(BeliefError::Own(error)) => return Err(error),
            Err(error) => return Ok(self.disbelieved(&error).await),
        };
        if receipted > 0 {
            self.submission.succeeded();
        }
        match (answer.refusal(), entries.get(receipted)) {
            (Some(refusal), Some(refused)) => self.refused(refused, refusal).await,
            _ if receipted > 0 => Ok(Step::Receipted(receipted)),
            _ => {
                let error = BeliefError::Answer("neither receipt nor refusal");
                Ok(self.disbelieved(&error).await)
            }
        }
    }

    /// Verifies receipts, and that the log under them is the one seen before; notes them.
    async fn believe(
        &mut self,
        entries: &[Entry],
        answer: &PostAnswer,
    ) -> Result<usize, BeliefError> {
        let last = self.spool(|spool| spool.seen()).await?;
        let policy = self.agent.control().reader().policy().clone();
        let mut receipts = Vec::with_capacity(answer.receipts().len());
        let mut checkpoints: Vec<Seen> = Vec::new();
        for (entry, text) in entries.iter().zip(answer.receipts()) {
            let receipt = verify_receipt(entry, text.as_bytes(), &policy, last.as_ref())?;
            let seen = receipt.seen();
            if !checkpoints.contains(&seen) {
                checkpoints.push(seen);
            }
            receipts.push((entry.number(), receipt.index(), receipt.admitted_at()));
        }
        for seen in checkpoints {
            self.goes_on(seen).await?;
        }
        let count = receipts.len();
        self.spool(move |spool| spool.mark_receipted(&receipts))
            .await?;
        Ok(count)
    }

    async fn refused(&mut self, refused: &Entry, refusal: &Refusal) -> Result<Step, CourierError> {
        let (stale_below, tip) = self
            .spool(|spool| Ok((spool.stale_below()?, spool.tip()?)))
            .await?;
        let draw = self.draw();
        let now = self.agent.environment().now();
        tracing::warn!(
            number = refused.number().get(),
            code = refusal.code().number(),
            "the relay refused an entry"
        );
        let answer = self
            .submission
            .refused(refused, refusal, stale_below, now, draw);
        match answer {
            Answer::Wait => {
                if is_denial(refusal.code()) {
                    self.ask_the_chain().await;
                }
                Ok(Step::Failed)
            }
            Answer::UploadAgain => {
                self.spool(|spool| spool.mark_missing()).await?;
                Ok(Step::Failed)
            }
            Answer::Withdraw(code) => {
                let body = Body::Withdrawn(Withdrawn {
                    refused: refused.id(),
                    code,
                });
                // CHAIN-2: the refused number, behind the last admitted entry.
                let mut at = ChainPosition {
                    number: refused.number(),
                    previous: tip.admitted.previous,
                };
                let sealer = self.agent.sealer();
                let draft = EntryDraft::new(sealer.archive(), sealer.signer().id(), at, body, now);
                let withdrawn = sealer.bare(draft, &mut at)?.entry;
                self.spool(move |spool| spool.withdraw(&withdrawn, code))
                    .await?;
                self.agent.reread_marks();
                Ok(Step::Withdrawn(code))
            }
        }
    }

    /// Verifies that `seen` and the last checkpoint are of one log, and keeps the larger.
    async fn goes_on(&mut self, seen: Seen) -> Result<(), BeliefError> {
        let Some(last) = self.spool(|spool| spool.seen()).await? else {
            self.spool(move |spool| spool.set_seen(&seen)).await?;
            return Ok(());
        };
        if last == seen {
            return Ok(());
        }
        let (older, newer) = if last.size <= seen.size {
            (last, seen)
        } else {
            (seen, last)
        };
        let proof = self.consistency(&older, &newer).await?;
        proof
            .verify(older.size, older.root, newer.size, newer.root)
            .map_err(|source| BeliefError::Fork { seen, source })?;
        if newer != last {
            self.spool(move |spool| spool.set_seen(&newer)).await?;
        }
        Ok(())
    }

    async fn consistency(
        &self,
        older: &Seen,
        newer: &Seen,
    ) -> Result<ConsistencyProof, BeliefError> {
        let mut tiles = TileSet::new();
        for tile in tiles_for_consistency(older.size, newer.size) {
            tiles.insert(tile, self.relay.tile(tile).await?);
        }
        Ok(prove_consistency(&tiles, older.size, newer.size)?)
    }

    async fn take_act(&mut self, logged: &LoggedLeaf) -> Result<(), BeliefError> {
        let standing = self
            .agent
            .control()
            .reader()
            .stands(logged.leaf.as_ref(), logged.proof.as_bytes())?;
        self.goes_on(standing.seen()).await?;
        let (agent, leaf) = (Arc::clone(&self.agent), logged.leaf.to_vec());
        tokio::task::spawn_blocking(move || {
            let mut control = agent.control();
            control.take(&standing, &leaf, &mut agent.spool())
        })
        .await
        .map_err(CourierError::from)??;
        Ok(())
    }

    /// AGENT-9: the chain's word, and not the relay's. Says whether this agent is revoked.
    fn is_revoked(&mut self, next: SequenceNumber) -> bool {
        let denied = matches!(
            self.submission.halt(),
            Some(Halt::NotEnrolled | Halt::Revoked | Halt::Denied)
        );
        let halt = self.halts(next, denied);
        let before = self.submission.halt() == Some(&Halt::Revoked);
        match halt {
            Some(Halt::Revoked) => {
                self.submission.stopped(Halt::Revoked);
                true
            }
            // A later act gave it more time: it is tried at once.
            _ if before => {
                self.submission.succeeded();
                false
            }
            _ => false,
        }
    }

    fn halts(&self, next: SequenceNumber, denied: bool) -> Option<Halt> {
        let signer = self.agent.identity().signer().id();
        let now = self.agent.environment().now();
        self.agent.control().halts(&signer, next, denied, now)
    }

    /// The relay does not take this agent: why, the control chain says. Without it, it is tried
    /// again and again.
    async fn ask_the_chain(&mut self) {
        if let Err(error) = self.read_control().await {
            if error.is_fork() {
                let (now, draw) = (self.agent.environment().now(), self.draw());
                self.submission.forked(now, draw);
                return;
            }
            tracing::debug!(%error, "the control chain could not be read");
        }
        let halt = self.halts(SequenceNumber::default(), true);
        self.submission.stopped(halt.unwrap_or(Halt::Denied));
    }

    async fn failed(&mut self, failure: &RelayFailure) -> Step {
        let retry_after = match failure {
            RelayFailure::Unavailable { retry_after, .. } => *retry_after,
            RelayFailure::Refused(_) | RelayFailure::Denied(_) => None,
        };
        let draw = self.draw();
        self.submission
            .failed(self.agent.environment().now(), retry_after, draw);
        tracing::debug!(
            error = %failure,
            failures = self.submission.failures(),
            "the relay could not be used"
        );
        if failure.is_denial() {
            self.ask_the_chain().await;
        }
        Step::Failed
    }

    async fn disbelieved(&mut self, error: &BeliefError) -> Step {
        let (now, draw) = (self.agent.environment().now(), self.draw());
        tracing::error!(%error, "what the relay shows is not believed");
        match error {
            BeliefError::Relay(failure) => return self.failed(failure).await,
            error if error.is_fork() => self.submission.forked(now, draw),
            _ => self.submission.failed(now, None, draw),
        }
        Step::Failed
    }

    fn draw(&self) -> u64 {
        let mut bytes = [0; 8];
        self.agent.environment().randomness().fill(&mut bytes);
        u64::from_be_bytes(bytes)
    }

    /// Why nothing is admitted until somebody has acted.
    pub fn halt(&self) -> Option<&Halt> {
        self.submission.halt()
    }

    async fn spool<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Spool) -> Result<T, SpoolError> + Send + 'static,
    ) -> Result<T, CourierError> {
        on_spool(Arc::clone(&self.agent), work).await
    }
}

/// The spool is a database: its work is done where waiting harms nobody.
async fn on_spool<T: Send + 'static>(
    agent: Arc<Agent>,
    work: impl FnOnce(&mut Spool) -> Result<T, SpoolError> + Send + 'static,
) -> Result<T, CourierError> {
    Ok(tokio::task::spawn_blocking(move || work(&mut agent.spool())).await??)
}
