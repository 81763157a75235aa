//! The whole system in one seeded world: agents, relay, witnesses and vault in one thread, without
//! wall clock or sockets, under everything that goes wrong: a network that loses, doubles, cuts,
//! delays and reorders; kills in the middle of anything; disks that fail or are full; clocks that
//! jump; revocations, epochs that turn, folders that were copied.
//!
//! What runs is the real thing: the agent's intake, spool and courier, the relay's HTTP interface,
//! sequencer and stores, the witness, the vault's locked part. Only the network, the clocks and the
//! faults of the disks are the world's. After every step each of [`invariants::ALL`] must hold.
//! The same seed gives the same run, which its trace's hash shows.
//!
//! In scope: an honest relay. Lies are told by `tests/lies`. Out of scope: the reading room.

mod draw;
mod faults;
pub mod invariants;
mod log;
mod network;
mod owner;
mod parties;
mod run;
mod world;

pub use draw::Draw;
pub use faults::{Disk, Fault};
pub use log::LogView;
pub use network::{CallFailure, Line, Network, Weather};
pub use owner::Owner;
pub use parties::{AgentHost, RelayHost, Time, VaultHost, WitnessSeat, vault_time};
pub use run::{Failure, Plan, Summary, replay, run, traced};
pub use world::{Violation, World};
