//! The agent: one identity, one spool, and what its conversations with connectors share.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use canonical::Milliseconds;
use record::{Assurance, Loss, LossWhy, Mode, NetworkName, Record, Source, TextId};
use seal::{Form, Plan};
use wire::{AccountHandle, ArchiveId, RetentionClass};

use crate::control::{ControlChain, ControlError, NoEpoch, milliseconds};
use crate::environment::Environment;
use crate::identity::Identity;
use crate::intake::{IntakeError, Taken, loss_of};
use crate::known::{Claim, Known, Mark};
use crate::live::LiveJob;
use crate::local_key::PositionError;
use crate::plan::{KeptPlanError, kept_plan};
use crate::said::apart;
use crate::sealing::{Gathering, PreparedBatch, Sealer, SealingError};
use crate::spool::{Group, MarkReader, Spool, SpoolError};

/// An agent that is open: its folder's spool is held until it is dropped.
#[derive(Debug)]
pub struct Agent {
    identity: Identity,
    environment: Environment,
    sealer: Sealer,
    spool: Mutex<Spool>,
    control: Mutex<ControlChain>,
    known: Mutex<Known>,
    marks: Mutex<MarkReader>,
    pub(crate) plan: Mutex<Arc<Plan>>,
}

/// Why an agent can not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AgentError {
    /// The spool.
    #[error("opening the spool")]
    Spool(#[from] SpoolError),
    /// The control chain that was kept.
    #[error("taking up the control chain")]
    Control(#[from] ControlError),
    /// What a connector left.
    #[error("clearing connectors' folders")]
    Folder(#[source] std::io::Error),
    /// The plan that was kept: without it nothing may be captured (PLAN-2).
    #[error("taking up the plan")]
    Plan(#[from] KeptPlanError),
}

/// Why captured records did not become durable. Nothing of them is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeepError {
    /// There is nothing to seal to.
    #[error(transparent)]
    NoEpoch(#[from] NoEpoch),
    /// Sealing failed.
    #[error("sealing records")]
    Sealing(#[from] SealingError),
    /// The spool failed.
    #[error("keeping sealed records")]
    Spool(#[from] SpoolError),
    /// A record could not be made.
    #[error("recording what happened")]
    Intake(#[from] IntakeError),
    /// A plan could not be sealed for keeping.
    #[error("keeping the plan")]
    Plan(#[from] PositionError),
}

impl KeepError {
    /// Whether the disk is full, which passes.
    pub fn is_full(&self) -> bool {
        match self {
            Self::Sealing(error) => error.is_full(),
            Self::Spool(error) => error.is_full(),
            Self::NoEpoch(_) | Self::Intake(_) | Self::Plan(_) => false,
        }
    }
}

impl Agent {
    /// Opens an agent's spool and takes up its control chain. What imports left half done is
    /// cleared: their plain files are read from the export again.
    ///
    /// # Errors
    ///
    /// When another process has the spool open, or the disk fails.
    pub fn open(identity: Identity, environment: Environment) -> Result<Self, AgentError> {
        let archive = identity.archive();
        let spool = Spool::open(
            &identity.folder().join("spool"),
            archive,
            identity.signer().id(),
            environment.points(),
        )?;
        let control = ControlChain::open(identity.trust().genesis.clone(), &spool)?;
        clear(&import_folders(identity.folder())).map_err(AgentError::Folder)?;
        Ok(Self {
            sealer: Sealer::new(archive, std::sync::Arc::clone(identity.signer())),
            marks: Mutex::new(spool.marks()?),
            plan: Mutex::new(Arc::new(kept_plan(
                &spool,
                identity.local(),
                identity.signer().id(),
            )?)),
            spool: Mutex::new(spool),
            control: Mutex::new(control),
            known: Mutex::new(Known::default()),
            identity,
            environment,
        })
    }

    /// Its keys and trust.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The archive.
    pub fn archive(&self) -> ArchiveId {
        self.identity.archive()
    }

    /// Clock and randomness.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The spool, held until the guard is dropped. To be held for single steps only: capture and
    /// submission wait for each other here.
    pub fn spool(&self) -> MutexGuard<'_, Spool> {
        self.spool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The control chain, as far as it was read.
    pub fn control(&self) -> MutexGuard<'_, ControlChain> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Since when the control chain is stale: no signed head of it was shown for longer than the
    /// archive's policy says (AGENT-10).
    ///
    /// # Errors
    ///
    /// When the spool fails.
    pub fn stale_since(&self) -> Result<Option<Milliseconds>, SpoolError> {
        let shown = self.spool().head_at()?;
        Ok(self.control().stale_since(shown, self.environment.now()))
    }

    /// Since when the vault has not confirmed what the log holds, if that is longer than the
    /// archive's policy says (AGENT-10).
    ///
    /// # Errors
    ///
    /// When the spool fails.
    pub fn unconfirmed_since(&self) -> Result<Option<Milliseconds>, SpoolError> {
        let now = self.environment.now();
        let since = self.spool().unconfirmed_since(now)?;
        let most = milliseconds(self.control().authority().policy().head_stale);
        Ok(since.filter(|since| now.since(*since) > most))
    }

    /// The opaque handle of an account: the same each time, and telling no name to whoever does
    /// not hold the agent's local key.
    pub fn handle(&self, network: &str, account: &str) -> AccountHandle {
        AccountHandle::from_bytes(self.identity.local().handle(network, account))
    }

    /// A folder for one import; made new, and cleared when the agent is opened next.
    pub(crate) fn import_folder(&self, name: &str) -> PathBuf {
        import_folders(self.identity.folder()).join(name)
    }

    /// An account's connector's own folder.
    pub(crate) fn connector_folder(&self, account: &AccountHandle) -> PathBuf {
        let connectors = self.identity.folder().join("connectors");
        connectors.join(account.to_string())
    }

    pub(crate) fn sealer(&self) -> &Sealer {
        &self.sealer
    }

    /// Claims a record.
    pub(crate) fn claim(&self, mark: &Mark) -> Result<Claim, SpoolError> {
        let marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        self.known().claim(mark, |shard| marks.marks(shard))
    }

    pub(crate) fn take_back(&self, marks: &[Mark]) {
        self.known().take_back(marks);
    }

    /// Seals batches behind the chain's end and makes them durable, all or none. Gives how many
    /// entries they became.
    ///
    /// # Errors
    ///
    /// When nothing is durable.
    pub(crate) fn keep(
        &self,
        batches: Vec<PreparedBatch>,
        class: RetentionClass,
        form: Form,
        mut group: Group,
    ) -> Result<u64, KeepError> {
        let marks: Vec<Mark> = batches
            .iter()
            .flat_map(|batch| batch.marks().iter().copied())
            .collect();
        let kept = self.seal_and_append(batches, class, form, &mut group);
        match &kept {
            Ok(_) => self.known().durable(&marks),
            Err(_) => self.take_back(&marks),
        }
        kept
    }

    /// Records the losses of refused entries, whose sealed copies stay in the spool. Gives how
    /// many.
    ///
    /// # Errors
    ///
    /// When a loss could not be made durable; it is tried again the next time.
    pub fn record_refusals(&self, class: RetentionClass) -> Result<u64, KeepError> {
        let untold = self.spool().untold_refusals()?;
        let mut recorded = 0;
        for refused in untold {
            if refused.records > 0 {
                let loss = Loss {
                    count: Some(refused.records),
                    place: Some(format!("entry {} ({})", refused.number, refused.id)),
                    detail: Some(format!("the relay refused it: {}", refused.code)),
                    ..Loss::new(LossWhy::Refused)
                };
                let record = self.own_loss(&format!("refused:{}", refused.id), loss)?;
                self.keep_own_in(record, class, Group::default())?;
                recorded += 1;
            }
            // A crash before this records the loss again, under the same record id, and the mark
            // finds it.
            self.spool().mark_told(refused.id)?;
        }
        Ok(recorded)
    }

    /// Records that a live account was not captured from one time to another.
    pub(crate) fn record_loss_of(
        &self,
        job: &LiveJob,
        why: LossWhy,
        from: canonical::Milliseconds,
        to: canonical::Milliseconds,
    ) -> Result<(), KeepError> {
        let source = own_source(&job.network, &job.account, &job.custodian)?;
        let loss = Loss {
            from: Some(from),
            to: Some(to),
            ..Loss::new(why)
        };
        let id = format!("gap:{from}:{to}");
        let record = loss_of(&source, &id, loss, None, self.environment.now())?;
        let group = Group {
            // Heartbeats tell how many losses an account has: this is one of them.
            account: Some(self.handle(&job.network, &job.account)),
            ..Group::default()
        };
        self.keep_own_in(record, job.class, group)
    }

    /// A loss of the agent itself, of no network's account.
    pub(crate) fn own_loss(&self, source_id: &str, loss: Loss) -> Result<Record, IntakeError> {
        let agent = format!("agent:{}", self.sealer.signer().id());
        let source = own_source("greffe", &agent, &agent)?;
        loss_of(&source, source_id, loss, None, self.environment.now())
    }

    /// Keeps a record of the agent's own with what else `group` changes; a record that was kept
    /// before is not kept again, and then nothing changes.
    pub(crate) fn keep_own_in(
        &self,
        record: Record,
        class: RetentionClass,
        group: Group,
    ) -> Result<(), KeepError> {
        let mut mark = Mark::of(&record, self.identity.local());
        let record = match self.claim(&mark)? {
            Claim::New => record,
            Claim::Known => return Ok(()),
            Claim::Apart(claimed) => {
                mark = claimed;
                apart(&record).map_err(|error| {
                    self.take_back(&[mark]);
                    IntakeError::Loss(error)
                })?
            }
        };
        let mut randomness = self.environment.randomness();
        let mut gathering = Gathering::new();
        let taken = Taken::of(record);
        if let Err(error) = gathering.push(&taken, Some(mark), Vec::new(), &mut *randomness) {
            self.take_back(&[mark]);
            return Err(error.into());
        }
        let batches = gathering.finish(&mut *randomness);
        self.keep(batches, class, Form::Live, group)?;
        Ok(())
    }

    fn seal_and_append(
        &self,
        batches: Vec<PreparedBatch>,
        class: RetentionClass,
        form: Form,
        group: &mut Group,
    ) -> Result<u64, KeepError> {
        let now = self.environment.now();
        let recipient = self.control().seal_to(class, now)?;
        let mut randomness = self.environment.randomness();
        // From reading the chain's end to the commit nobody else may number an entry.
        let mut spool = self.spool();
        let mut at = spool.tip()?.next;
        for batch in batches {
            group.entries.extend(self.sealer.seal(
                batch,
                &recipient,
                form,
                &mut at,
                now,
                &mut *randomness,
            )?);
        }
        spool.append(group)?;
        Ok(group.entries.len() as u64)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Marks were deleted with a refused entry: memory must not know better.
    pub(crate) fn reread_marks(&self) {
        self.known().reread();
    }
}

/// What the agent itself says, in the name of no connector.
pub(crate) fn own_source(
    network: &str,
    account: &str,
    custodian: &str,
) -> Result<Source, IntakeError> {
    let id =
        |what, text: &str| TextId::new(text).map_err(|source| IntakeError::Id { what, source });
    Ok(Source {
        network: NetworkName::new(network).map_err(|source| IntakeError::Id {
            what: "network",
            source,
        })?,
        account: id("account", account)?,
        custodian: id("custodian", custodian)?,
        connector: id("connector", concat!("agent/", env!("CARGO_PKG_VERSION")))?,
        assurance: Assurance::Device,
        mode: Mode::Live,
    })
}

fn import_folders(agent: &Path) -> PathBuf {
    agent.join("imports")
}

fn clear(folder: &Path) -> Result<(), std::io::Error> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
