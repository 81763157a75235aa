//! The agent: it captures, seals and delivers. Nothing that it keeps can be read by whoever takes
//! its disk, not even by itself.
//!
//! ```text
//! connector ─events─▶ Intake ─records─▶ PreparedBatch ─▶ SealedEntry ─▶ Spool ─▶ Courier ─▶ relay
//!     ◀─durable───────────────────────────────────────────────┘         ◀─ receipts, stored ─┘
//! ```
//!
//! In scope: keys and trust ([`Identity`]), the spool ([`spool`]), conversations with connectors
//! and their processes ([`Agent::import`], [`Agent::capture`]), reading the control chain,
//! delivery ([`Courier`], whose decisions are made by [`Submission`] without I/O), heartbeats.
//! Out of scope: networks (connectors), formats (`record`, `seal`, `wire`), HTTP (`client`).
//!
//! Time, randomness and faults of the disk come in through the [`Environment`].
//!
//! ```no_run
//! # fn example(environment: capture::Environment) -> Result<(), Box<dyn std::error::Error>> {
//! use capture::{Agent, ConnectorCommand, Identity, ImportJob, Stop};
//!
//! let agent = Agent::open(Identity::open("agent".as_ref())?, environment)?;
//! let job = ImportJob {
//!     connector: ConnectorCommand::new("greffe-imports"),
//!     account: "tel:+4930123456".into(),
//!     custodian: "c-17".into(),
//!     settings: vec![("path".into(), "chat.zip".into())],
//!     class: wire::RetentionClass::new(0),
//! };
//! let summary = agent.import(&job, &Stop::default(), |_| {})?;
//! assert_eq!(summary.kept.losses, 0);
//! # Ok(())
//! # }
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod accounts;
mod agent;
mod child;
mod confine;
mod control;
mod converse;
mod courier;
mod credential;
mod delivery;
mod enrolled;
mod environment;
mod group;
mod heartbeat;
mod identity;
mod import;
mod intake;
mod known;
mod label;
mod live;
mod local_key;
mod notices;
mod ordered;
mod plan;
mod prepare;
mod pulse;
mod relay;
mod running;
mod said;
mod sealing;
pub mod spool;
mod standing;
mod status;
mod submission;

pub use accounts::{AccountLimits, AccountSettings, CaptureSettings, SettingsError};
pub use agent::{Agent, AgentError, KeepError};
pub use child::{ChildError, ConnectorChild, ConnectorCommand, Killer};
pub use confine::Confinement;
pub use control::{ControlChain, ControlError, NoEpoch};
pub use converse::{ConversationError, Happening, Kept, Line, LossNote};
pub use courier::{BeliefError, Courier, CourierError, Step};
pub use credential::{Credential, CredentialError};
pub use delivery::{Delivering, Delivery, Pace};
pub use environment::Environment;
pub use heartbeat::capture_state;
pub use identity::{Identity, IdentityError, Trust, is_wrapped};
pub use import::{ImportError, ImportFailure, ImportJob, ImportSummary};
pub use intake::{Intake, IntakeError, Taken};
pub use known::{Claim, ContentMark, Known, Mark, ShardId};
pub use live::{LiveError, LiveJob, Restarts};
pub use local_key::{LocalKey, PositionError};
pub use plan::{KeptPlanError, MailTaken, plan_beside};
pub use pulse::{Pulse, Stop};
pub use relay::{Relay, RelayFailure};
pub use running::{Board, Duty, RunningAgent};
pub use sealing::{PreparedBatch, Sealer, SealingError};
pub use standing::Standing;
pub use status::{AccountStatus, AgentStatus, LocalAlarm, StatusError};
pub use submission::{Answer, Halt, Next, Submission};
