//! The relay and the witness over real sockets, and over stores that fail.
#![allow(unreachable_pub, reason = "modules of one test program")]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod admission;
mod apart;
mod crash;
mod faulty;
mod house;
mod limits;
mod reads;
mod rebuilding;
mod refusals;
mod uploads;
mod waiting;
mod whole;
mod witnesses;
