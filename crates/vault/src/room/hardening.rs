//! What the reading room's process does before it reads the first secret.

use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit,
};

/// What the kernel granted; said in the room's `status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Hardening {
    /// No other process of the same user may read this one's memory or trace it.
    pub not_dumpable: bool,
    /// A crash leaves no core file.
    pub no_core: bool,
    /// No page of this process is written to swap.
    pub memory_locked: bool,
    /// Live opening keys lie in memory that even the kernel has unmapped (`memfd_secret`).
    pub secret_memory: bool,
}

/// ROOM-6: hardens the calling process as far as the kernel and the limits allow.
///
/// The parent's death is noticed by the end of standard input, not by a signal from the kernel: that
/// one comes when the *thread* ends that started the process, and threads of a pool end early.
///
/// Never fails: an old kernel or a narrow limit makes the room no less useful, and the state is
/// told to whoever asks. `secret_memory` is filled in later, by whoever holds the keys.
#[must_use]
pub fn harden() -> Hardening {
    let no_core = setrlimit(
        Resource::Core,
        Rlimit {
            current: Some(0),
            maximum: Some(0),
        },
    )
    .is_ok();
    // Future pages count against the limit too: with a narrow one, locking would make a later
    // allocation fail, so it is only done without a limit.
    let unlimited = getrlimit(Resource::Memlock).current.is_none();
    let memory_locked = unlimited
        && mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT)
            .is_ok();
    Hardening {
        not_dumpable: set_dumpable_behavior(DumpableBehavior::NotDumpable).is_ok(),
        no_core,
        memory_locked,
        secret_memory: false,
    }
}
