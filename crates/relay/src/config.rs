//! Everything that a relay is told, as data.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tlog::{SigningSeed, VerifierKey};
use wire::{ArchiveId, TlsIdentity};

use crate::clock::Clock;
use crate::cosign::WitnessLine;
use crate::limits::Limits;
use crate::store::S3Config;
use crate::tls::TlsSource;

/// A whole relay.
#[derive(Debug)]
pub struct RelayConfig {
    /// Where agents and vaults come in; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Where `/healthz` and `/metrics` are answered: a loopback address, or nowhere.
    pub operations: Option<SocketAddr>,
    /// Local folder of the relay: one folder for each archive, with its database, its staged
    /// uploads and, unless they lie in a bucket, its log and objects.
    pub folder: PathBuf,
    /// Where logs and objects lie.
    pub storage: Storage,
    /// Certificate and key of the listener.
    pub tls: TlsSource,
    /// The archives that are served; every other is `foreign-archive`.
    pub archives: Vec<ArchiveConfig>,
    /// Bounds on sizes and rates.
    pub limits: Limits,
    /// How groups form.
    pub sequencing: Sequencing,
    /// The time.
    pub clock: Clock,
}

impl RelayConfig {
    /// A relay that keeps everything in one folder and listens on any free port of this machine,
    /// with a certificate of its own; no archives yet.
    #[must_use]
    pub fn in_folder(folder: PathBuf) -> Self {
        Self {
            listen: (std::net::Ipv4Addr::LOCALHOST, 0).into(),
            operations: None,
            tls: TlsSource::SelfSigned(folder.join("tls")),
            folder,
            storage: Storage::Folder,
            archives: Vec::new(),
            limits: Limits::default(),
            sequencing: Sequencing::default(),
            clock: Clock::system(),
        }
    }
}

impl ArchiveConfig {
    /// An archive without witnesses, whose genesis is still to come.
    #[must_use]
    pub fn new(archive: ArchiveId, log_seed: SigningSeed) -> Self {
        Self {
            archive,
            log_seed,
            genesis: None,
            witnesses: Vec::new(),
            lines: Vec::new(),
        }
    }
}

/// One archive that a relay serves.
#[derive(Debug)]
pub struct ArchiveConfig {
    /// The archive's id: the hash of its genesis.
    pub archive: ArchiveId,
    /// Seed of the log key that signs this archive's checkpoints. Its public half must stand in
    /// the genesis.
    pub log_seed: SigningSeed,
    /// The genesis entry's bytes, where the owner has handed them over; else the first
    /// `POST` that brings an entry with the archive's genesis begins the log.
    pub genesis: Option<Vec<u8>>,
    /// Witnesses that are asked to cosign.
    pub witnesses: Vec<WitnessTarget>,
    /// Witnesses that are asked in another way than over HTTP, each with its cosignature key.
    pub lines: Vec<(VerifierKey, Arc<dyn WitnessLine>)>,
}

/// Where logs and objects lie.
#[derive(Debug, Clone, Default)]
pub enum Storage {
    /// In the relay's own folder.
    #[default]
    Folder,
    /// In a bucket that speaks S3.
    S3(S3Config),
}

/// How groups form.
#[derive(Debug, Clone)]
pub struct Sequencing {
    /// Under load a group waits at most this long since the group before it began. An idle
    /// sequencer begins at once.
    pub interval: Duration,
    /// A group that waits closes when nothing came for this long.
    pub quiet: Duration,
    /// Most entries in a group.
    pub group_entries: usize,
    /// Most bytes of entries in a group; one submission more may come on top.
    pub group_bytes: usize,
    /// How long all witnesses together are waited for before a checkpoint is published without
    /// those that are late.
    pub witness_wait: Duration,
    /// Witnesses that have not cosigned the newest checkpoint are asked again so often.
    pub cosign_again: Duration,
    /// After a failure without new submissions, healing is tried again so often.
    pub heal_again: Duration,
}

impl Default for Sequencing {
    fn default() -> Self {
        Self {
            interval: Duration::from_millis(200),
            quiet: Duration::from_millis(2),
            group_entries: 4_096,
            group_bytes: 16 << 20,
            witness_wait: Duration::from_millis(500),
            cosign_again: Duration::from_secs(15),
            heal_again: Duration::from_secs(1),
        }
    }
}

/// A witness that is asked to cosign.
#[derive(Debug, Clone)]
pub struct WitnessTarget {
    /// Its cosignature key; an answer that it did not sign is no answer.
    pub key: VerifierKey,
    /// Its address: `https://host:port` or, on this machine only, `http://127.0.0.1:port`;
    /// `/add-checkpoint` is appended.
    pub url: String,
    /// The key of its certificate; `None` asks the system's certificate authorities instead.
    pub pin: Option<TlsIdentity>,
}
