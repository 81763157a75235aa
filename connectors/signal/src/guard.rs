//! Runs signal-cli so that it never outlives its connector.
//!
//! A connector can be killed at any moment. A signal-cli that went on alone would take messages
//! from the server and write them to nobody. So the connector starts its own program again as a
//! guard, which asks the kernel to be killed together with its parent and becomes signal-cli: what
//! was asked for survives `exec`.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// How to start the guard: a program and the arguments that make it one.
#[derive(Clone, Debug)]
pub struct GuardCommand {
    /// The program, in practice this one.
    pub program: std::path::PathBuf,
    /// Its first arguments; what is to be run follows them.
    pub arguments: Vec<OsString>,
}

impl GuardCommand {
    /// A command that runs `program`, which is killed when this process ends.
    pub(crate) fn guarding(&self, program: &std::path::Path) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .arg(std::process::id().to_string())
            .arg(program);
        command
    }
}

/// Becomes the program that `arguments` name: the parent's process id, the program, its arguments.
/// Returns only if that is impossible, with the reason.
pub fn become_guarded(mut arguments: impl Iterator<Item = OsString>) -> io::Error {
    let invalid = || io::Error::from(io::ErrorKind::InvalidInput);
    let parent = arguments
        .next()
        .and_then(|text| text.to_str()?.parse::<i32>().ok());
    let (Some(parent), Some(program)) = (parent, arguments.next()) else {
        return invalid();
    };
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Signal, getppid, set_parent_process_death_signal};
        if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
            return error.into();
        }
        // It may have died before the kernel was asked.
        if getppid().map(|pid| pid.as_raw_pid()) != Some(parent) {
            return io::ErrorKind::BrokenPipe.into();
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = parent;
    Command::new(program).args(arguments).exec()
}
