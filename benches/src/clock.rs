//! Clocks of this thread and process, and the most memory that a process has had.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Whose processor time counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// The thread that asks: for work on one thread.
    Thread,
    /// All threads of this process.
    Process,
}

/// What some work took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Time that passed.
    pub wall: Duration,
    /// Processor time.
    pub cpu: Duration,
}

impl Clock {
    /// Processor time so far.
    #[must_use]
    pub fn cpu(self) -> Duration {
        read(match self {
            Self::Thread => ClockId::ThreadCPUTime,
            Self::Process => ClockId::ProcessCPUTime,
        })
    }

    /// Does the work and says what it took.
    pub fn cost(self, work: impl FnOnce()) -> Cost {
        let (wall, cpu) = (read(ClockId::Monotonic), self.cpu());
        work();
        Cost {
            wall: read(ClockId::Monotonic).saturating_sub(wall),
            cpu: self.cpu().saturating_sub(cpu),
        }
    }
}

/// The most memory that this process has had since it began or
/// [`reset_peak_memory`] was called, in bytes; `None` where the system does not tell.
#[must_use]
pub fn peak_memory() -> Option<u64> {
    peak_in(&std::fs::read_to_string("/proc/self/status").ok()?)
}

/// The same of another process.
#[must_use]
pub fn peak_memory_of(process: u32) -> Option<u64> {
    peak_in(&std::fs::read_to_string(format!("/proc/{process}/status")).ok()?)
}

/// Begins to count the peak anew; says whether the system can.
pub fn reset_peak_memory() -> bool {
    std::fs::write("/proc/self/clear_refs", "5").is_ok()
}

fn peak_in(status: &str) -> Option<u64> {
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes * 1024)
}

fn read(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanoseconds = u32::try_from(time.tv_nsec).unwrap_or_default();
    Duration::new(seconds, nanoseconds)
}
