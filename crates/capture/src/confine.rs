//! What a connector's process may touch, where the kernel has Landlock (AGENT-5): its own folder,
//! the system's programs, and what the account's settings name. Not the spool, not the keys, not
//! other connectors; and it can neither signal nor trace a process outside.

use std::io;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, CompatLevel, Compatible, LandlockStatus, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, path_beneath_rules,
};

/// The newest rights that are asked for; an older kernel gives what it has.
const RIGHTS: ABI = ABI::V6;
/// Programs, libraries, certificates, names and zones of the system; what processes see of
/// themselves. Whoever may trace nobody outside reads nobody's memory in `/proc` either. (As root
/// it reads the environments of others there, in which the agent keeps nothing.)
const SYSTEM: &[&str] = &[
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/etc",
    "/proc",
    "/sys",
    "/run/systemd/resolve",
    "/nix/store",
];
/// Devices that hold nothing.
const DEVICES: &[&str] = &[
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
];

/// How far a process is kept from what it must not touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confinement {
    /// The kernel has no Landlock, or it is switched off.
    None,
    /// Files are kept apart; the kernel is too old for signals.
    Files,
    /// Files, signals, tracing.
    Full,
}

impl Confinement {
    /// What this machine's kernel can do, found by trying it on a thread that ends.
    pub fn here() -> Self {
        let nowhere: [&Path; 0] = [];
        std::thread::scope(|scope| {
            let tried = scope.spawn(|| restrict_thread(Path::new("/"), &nowhere));
            tried.join().ok().and_then(Result::ok)
        })
        .unwrap_or(Self::None)
    }
}

/// Runs `work` on a thread that is confined to a connector's rights, and so is every process that
/// it starts. A thread confines itself without anything unsafe; after a fork that is not so.
pub(crate) fn confined<T: Send>(
    folder: &Path,
    read: &[PathBuf],
    work: impl FnOnce() -> io::Result<T> + Send,
) -> io::Result<T> {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let read: Vec<&Path> = read.iter().map(PathBuf::as_path).collect();
            restrict_thread(folder, &read).map_err(io::Error::other)?;
            work()
        });
        thread
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the starting thread ended")))
    })
}

fn restrict_thread(folder: &Path, read: &[&Path]) -> Result<Confinement, RulesetError> {
    let (all, reading) = (AccessFs::from_all(RIGHTS), AccessFs::from_read(RIGHTS));
    let using = reading | AccessFs::WriteFile;
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(all)?
        .scope(Scope::from_all(RIGHTS))?
        .create()?
        .add_rules(path_beneath_rules(SYSTEM, reading))?
        .add_rules(path_beneath_rules(DEVICES, using))?
        .add_rules(path_beneath_rules(read, reading))?
        .add_rules(path_beneath_rules([folder], all))?
        .restrict_self()?;
    Ok(match (status.ruleset, &status.landlock) {
        (RulesetStatus::NotEnforced, _) | (_, LandlockStatus::NotEnabled) => Confinement::None,
        (RulesetStatus::FullyEnforced, _) => Confinement::Full,
        _ => Confinement::Files,
    })
}
