//! The agent.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod child;
mod identity;
mod intake;
mod known;
mod local_key;
mod ordered;
mod sealing;
pub mod spool;

pub use child::{ChildError, ConnectorChild, ConnectorCommand, Killer};
pub use identity::{Identity, IdentityError, Trust};
pub use intake::{Intake, IntakeError, Taken};
pub use known::{Known, Mark, ShardId};
pub use local_key::{LocalKey, PositionError};
pub use sealing::{PreparedBatch, SealTo, Sealer, SealingError};
