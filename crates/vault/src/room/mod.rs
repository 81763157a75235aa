//! The reading room: a process that exists only while the vault is unlocked.
//!
//! Its parent starts the program with a hidden subcommand, which calls [`serve::serve`]; what
//! unlocks goes through the pipe. The room verifies the mirror's log itself, behind where a room of
//! this archive stopped before, opens what only
//! verified entries name, files it into encrypted partitions, and answers on a socket that only its
//! own user may use (`docs/spec/room.md`). Each look is durable in the audit trail before its answer
//! leaves. Locking ends the process, and with it every key, cache and freed page.
//!
//! In scope: opening, filing, answering, hardening, the client's side. Out of scope: who may ask for
//! what (governance, later), pages and command line, how partitions are made.

mod answers;
mod carried;
mod desk;
mod directory;
mod filing;
pub mod frame;
pub mod hardening;
mod kept;
mod keys;
mod log;
mod office;
mod outlines;
pub mod process;
pub mod protocol;
mod rosters;
pub mod serve;

pub use desk::OpenRoomError;
