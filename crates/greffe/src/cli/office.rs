//! What the owner's enrolment office does: invitations, enrolments, revocations, plans.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(crate) struct Invite {
    /// Who invites, as people call it.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Opaque id of the person.
    #[arg(long, value_name = "ID")]
    pub(crate) person: Option<String>,
    #[arg(long)]
    pub(crate) auto_approve: bool,
    /// `7d`, `12h`.
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = validity)]
    pub(crate) valid: i64,
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=16))]
    pub(crate) agents: u8,
    /// Where agents reach the relay.
    #[arg(long, value_name = "URL")]
    pub(crate) relay: Option<String>,
    #[arg(long, value_name = "FILE")]
    pub(crate) letter: Option<PathBuf>,
    #[arg(long)]
    pub(crate) qr: bool,
}

/// Days or hours, in milliseconds; at most 31 days.
fn validity(text: &str) -> Result<i64, String> {
    let wrong = || crate::text::word("validity-form");
    let (digits, unit) = text
        .split_at_checked(text.len().saturating_sub(1))
        .ok_or_else(wrong)?;
    let number: i64 = digits.parse().map_err(|_| wrong())?;
    let hours = match unit {
        "d" => number.checked_mul(24),
        "h" => Some(number),
        _ => None,
    };
    hours
        .filter(|hours| (1..=31 * 24).contains(hours))
        .map(|hours| hours * 3_600_000)
        .ok_or_else(wrong)
}

#[derive(Debug, Args)]
pub(crate) struct Enrolments {
    #[command(subcommand)]
    pub(crate) action: Option<EnrolmentsAction>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum EnrolmentsAction {
    List,
    Approve(EnrolmentNamed),
    Refuse(EnrolmentNamed),
}

#[derive(Debug, Args)]
pub(crate) struct EnrolmentNamed {
    #[arg(value_name = "REQUEST")]
    pub(crate) request: String,
}

#[derive(Debug, Args)]
pub(crate) struct RevokeAgent {
    #[arg(value_name = "AGENT")]
    pub(crate) agent: String,
    #[arg(
        long,
        value_name = "DATE",
        conflicts_with = "compromised_from",
        required_unless_present = "compromised_from"
    )]
    pub(crate) retired_until: Option<String>,
    #[arg(long, value_name = "N")]
    pub(crate) compromised_from: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct PlanCommand {
    #[command(subcommand)]
    pub(crate) action: PlanAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PlanAction {
    Set(PlanSet),
    Propose(PlanPropose),
    Sign(PlanSign),
    Submit(PlanSubmit),
    Show(PlanShow),
    Key(PlanKey),
    Approver(PlanApprover),
}

#[derive(Debug, Args)]
pub(crate) struct PlanSet {
    #[arg(long, value_name = "AGENT")]
    pub(crate) agent: String,
    #[arg(long, value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Further persons' keys: private conversations need one.
    #[arg(long, value_name = "KEY")]
    pub(crate) second: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct PlanPropose {
    #[arg(long, value_name = "AGENT")]
    pub(crate) agent: String,
    #[arg(long, value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[arg(long, value_name = "PROPOSAL")]
    pub(crate) out: PathBuf,
    #[arg(long, value_name = "FILE")]
    pub(crate) proposal_passphrase_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct PlanSign {
    #[arg(value_name = "PROPOSAL")]
    pub(crate) proposal: PathBuf,
    #[arg(long, value_name = "KEY")]
    pub(crate) key: PathBuf,
    /// The plan was read and is agreed to.
    #[arg(long)]
    pub(crate) agree: bool,
    #[arg(long, value_name = "FILE")]
    pub(crate) proposal_passphrase_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct PlanSubmit {
    #[arg(value_name = "PROPOSAL")]
    pub(crate) proposal: PathBuf,
    #[arg(long, value_name = "FILE")]
    pub(crate) proposal_passphrase_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct PlanKey {
    #[arg(value_name = "KEY")]
    pub(crate) key: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct PlanShow {
    #[arg(long, value_name = "AGENT")]
    pub(crate) agent: String,
}

#[derive(Debug, Args)]
pub(crate) struct PlanApprover {
    /// Files of keys, or public keys in hex.
    #[arg(value_name = "KEY", required = true)]
    pub(crate) keys: Vec<String>,
    /// Signatures that a plan needs, the office's among them.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=32))]
    pub(crate) threshold: u8,
}
