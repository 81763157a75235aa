//! The protocol between the agent and its connectors (`docs/spec/connector.md`), and the kit to
//! write a connector with.
//!
//! In scope: messages and frames with their limits, both sides' state machines, the kit, the
//! reader that shows that a normalizer took everything, and what normalizers have in common.
//! Out of scope: starting and supervising connectors (the agent's), what records say (`record`).
//!
//! Start reading at [`kit::run`], whose example is a whole connector.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod check;
pub mod fields;
pub mod frame;
mod incoming;
pub mod kit;
pub mod limit;
mod message;
pub mod normal;
mod shown;
mod side;

pub use check::MessageError;
pub use fields::{Fields, LeftInOriginal};
pub use incoming::{AttachedFile, Incoming};
pub use message::{
    Coverage, Done, Down, Durable, Event, EventNumber, Extent, Fetch, Field, Hello, Link,
    LinkRequest, Notice, NoticeText, Position, Progress, Send, Sent, Start, State, StateReport,
    Stop, Trouble, Up, VERSION,
};
pub use side::{AgentSide, ConnectorSide, Violation};
