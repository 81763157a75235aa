//! How the benchmarks measure: a part and its ceiling in turns, in one run, and the ratio of each
//! turn. What is measured lies in `benches/`.
//!
//! In scope: clocks, turns, medians, tables. Out of scope: anything about what is measured.
//!
//! Two figures are given for each pair. *CPU* compares the processor time that both took, which
//! other programs on the machine hardly change; *wall* compares the time that passed. A ratio of
//! 0.8 says: four fifths of the ceiling's speed.

mod clock;
mod report;
mod turns;

pub use clock::{Clock, Cost, peak_memory, peak_memory_of, reset_peak_memory};
pub use report::{Bench, Goal, Row, run};
pub use turns::{Turns, median, quantile};
