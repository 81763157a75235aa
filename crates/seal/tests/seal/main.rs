//! Sealing and opening over a real log: every entry is signed, logged, followed and verified.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod archive;
mod batches;
mod foreign;
mod hostile;
mod others;
mod ring;
mod samples;
mod vectors;
