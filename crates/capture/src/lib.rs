//! The agent.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod agent;
mod child;
mod control;
mod converse;
mod courier;
mod environment;
mod heartbeat;
mod identity;
mod import;
mod intake;
mod known;
mod live;
mod local_key;
mod ordered;
mod relay;
mod sealing;
pub mod spool;
mod submission;

pub use agent::{Agent, AgentError, KeepError};
pub use child::{ChildError, ConnectorChild, ConnectorCommand, Killer};
pub use control::{ControlChain, ControlError, NoEpoch};
pub use converse::{ConversationError, Happening, Kept, Line, LossNote, Stop};
pub use courier::{BeliefError, Courier, CourierError, Step};
pub use environment::Environment;
pub use heartbeat::capture_state;
pub use identity::{Identity, IdentityError, Trust};
pub use import::{ImportError, ImportFailure, ImportJob, ImportSummary};
pub use intake::{Intake, IntakeError, Taken};
pub use known::{Known, Mark, ShardId};
pub use live::{LiveError, LiveJob, Restarts};
pub use local_key::{LocalKey, PositionError};
pub use relay::{Relay, RelayFailure};
pub use sealing::{PreparedBatch, Sealer, SealingError};
pub use submission::{Answer, Halt, Next, Submission};
