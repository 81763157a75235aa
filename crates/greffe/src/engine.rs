//! The archive's parts in this process: relay, witness, vault (locked part) and agent.
//!
//! Every command that needs them starts them here, on loopback, with the same protocols that they
//! speak between machines; `greffe up` does the same and stays.

mod backend;
pub(crate) mod office;
mod owner;
mod plans;
pub(crate) mod request;
mod serve;
mod start;

use std::sync::Arc;

use capture::{Agent, Courier, Happening, ImportError, ImportJob, ImportSummary, Stop};
use client::RelayClient;
use relay::RunningRelay;
use relay::witness::RunningWitness;
use tokio::sync::Mutex;
use vault::follow::Locked;
use wire::{ChainPosition, ControlHead, Entry, SignerId};

use crate::failure::Failure;
use crate::home::HomeLock;

pub(crate) use backend::Backend;
pub(crate) use owner::{Owner, Secret};
pub(crate) use start::{
    OWN_WITNESS, environment, part_failed, rebuild_from, rebuild_relay, start_relay, write_seed,
};

/// The running parts of one archive.
pub(crate) struct Engine {
    relay: RunningRelay,
    witness: RunningWitness,
    vault: Mutex<Locked<RelayClient>>,
    courier: Mutex<Courier<RelayClient>>,
    /// Speaks as the vault, which may ask about every signer.
    vault_client: RelayClient,
    agent: Arc<Agent>,
    _lock: HomeLock,
}

/// How far the parts are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Delivered {
    /// Entries in the log.
    pub(crate) log_size: u64,
    /// The vault holds everything below this size.
    pub(crate) stored: u64,
    /// Entries that still wait in the agent's spool.
    pub(crate) waiting: u64,
}

impl Engine {
    /// The relay of this folder.
    pub(crate) fn relay(&self) -> &RunningRelay {
        &self.relay
    }

    /// Delivers what waits in the spool, follows the log, says what is stored, and lets the agent
    /// drop what the vault holds. `seen` hears of each step.
    pub(crate) async fn deliver(
        &self,
        seen: &mut (dyn FnMut(Delivered) + Send),
    ) -> Result<Delivered, Failure> {
        self.read_mail().await;
        loop {
            let mut courier = self.courier.lock().await;
            courier
                .read_control()
                .await
                .map_err(|error| part_failed("agent", &error))?;
            courier
                .deliver()
                .await
                .map_err(|error| part_failed("agent", &error))?;
            drop(courier);
            let step = self.follow().await?;
            let mut courier = self.courier.lock().await;
            courier
                .collect_stored()
                .await
                .map_err(|error| part_failed("agent", &error))?;
            drop(courier);
            let delivered = Delivered {
                log_size: step.size,
                stored: step.stored,
                waiting: self.waiting()?,
            };
            seen(delivered);
            if !step.more {
                return Ok(delivered);
            }
        }
    }

    /// Takes what was sent to this folder's agent, plans above all. What can not be taken now, or is
    /// not believed, is asked for again the next time, and holds up nothing.
    async fn read_mail(&self) {
        let mut courier = self.courier.lock().await;
        let read = async {
            courier.read_control().await?;
            courier.read_mail().await
        };
        if let Err(error) = read.await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "mail to the agent of this folder could not be read"
            );
        }
    }

    /// The control chain as this machine's agent has read it.
    pub(crate) fn authority_view(&self) -> std::sync::MutexGuard<'_, capture::ControlChain> {
        self.agent.control()
    }

    /// The archive.
    pub(crate) fn archive(&self) -> wire::ArchiveId {
        self.agent.archive()
    }

    /// Reads the control chain on to its end.
    pub(crate) async fn read_control(&self) -> Result<(), Failure> {
        let mut courier = self.courier.lock().await;
        courier
            .read_control()
            .await
            .map_err(|error| part_failed("agent", &error))?;
        Ok(())
    }

    /// One step of the vault's locked part.
    pub(crate) async fn follow(&self) -> Result<vault::follow::Step, Failure> {
        let mut vault = self.vault.lock().await;
        vault
            .step()
            .await
            .map_err(|error| part_failed("vault", &error))
    }

    /// What the vault's locked part knows.
    pub(crate) async fn with_vault<T>(&self, look: impl FnOnce(&Locked<RelayClient>) -> T) -> T {
        look(&*self.vault.lock().await)
    }

    /// The agent of this folder.
    pub(crate) fn agent(&self) -> &Arc<Agent> {
        &self.agent
    }

    /// Notes what has begun or ended by time alone, as events of the vault.
    pub(crate) async fn observe(&self) -> Result<(), Failure> {
        self.with_vault(|vault| vault::events::observe(vault.state(), crate::system::now()))
            .await
            .map(|_| ())
            .map_err(|error| part_failed("vault", &error))
    }

    /// Entries that wait in the spool.
    pub(crate) fn waiting(&self) -> Result<u64, Failure> {
        self.agent
            .spool()
            .counts()
            .map(|counts| counts.waiting)
            .map_err(|error| part_failed("agent", &error))
    }

    /// Imports an export through its connector; blocks until it is sealed and durable.
    pub(crate) fn import(
        &self,
        job: &ImportJob,
        stop: &Stop,
        tell: impl FnMut(&Happening),
    ) -> Result<ImportSummary, ImportError> {
        self.agent.import(job, stop, tell)
    }

    /// Where a signer's chain and the control chain stand now.
    pub(crate) async fn control_position(
        &self,
        signer: SignerId,
    ) -> Result<(ChainPosition, ControlHead), Failure> {
        let head = self.agent.control().authority().head();
        let state = self
            .vault_client
            .signer_state(signer)
            .await
            .map_err(|error| part_failed("relay", &error))?;
        let at = match state.last {
            Some(previous) => ChainPosition {
                number: state.next,
                previous,
            },
            None => ChainPosition::FIRST,
        };
        Ok((at, head))
    }

    /// Logs entries that the root has signed, and keeps them in the owner's folder first: the
    /// owner can begin the log again with them.
    pub(crate) async fn post_as_owner(
        &self,
        owner: &Owner,
        entries: &[Entry],
    ) -> Result<(), Failure> {
        owner.add_entries(entries)?;
        start::post(&self.vault_client, entries).await
    }

    /// Takes the relay's log for this archive's although it is not the one seen before: the owner
    /// says that the old relay is lost. What was not stored is delivered again.
    pub(crate) async fn accept_new_log(&self) -> Result<(), Failure> {
        let mut courier = self.courier.lock().await;
        courier
            .accept_new_log()
            .await
            .map_err(|error| part_failed("agent", &error))
    }

    /// Ends the parts in order: no new work, then what is under way, then the files.
    pub(crate) async fn shutdown(self) {
        self.relay.shutdown().await;
        self.witness.shutdown().await;
    }
}
