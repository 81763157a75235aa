//! The connector's program between an agent and a signal-cli, both played by the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod agent;
mod daemon;
mod notices;
mod states;
