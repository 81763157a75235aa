//! Plans that several people sign, each on a machine of their own (PLAN-12): a sealed file goes from
//! one to the other, and back to the office.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::Path;

use seal::keyring::PassphraseCost;
use seal::{PlanProposal, SealedFile, SealedFileKind, check_words};
use serde_json::json;

use super::{in_words, sent, written};
use crate::cli::office::{PlanPropose, PlanSign, PlanSubmit};
use crate::command::Context;
use crate::command::office::ask;
use crate::engine::office::{OfficeRequest, read_key};
use crate::failure::{Exit, Failure};
use crate::home::{self, Home};
use crate::secret::Passphrase;
use crate::system::OsRandomness;
use crate::text::{say, word};

/// The office proposes.
pub(super) fn propose(
    context: &Context,
    home: &Home,
    arguments: &PlanPropose,
) -> Result<(), Failure> {
    let plan = written(context, home, &arguments.file, &arguments.agent)?;
    let passphrase = Passphrase::choose_for(
        arguments.proposal_passphrase_file.as_deref(),
        "proposal-passphrase-choose",
    )?;
    let value = ask(
        context,
        home,
        OfficeRequest::ProposePlan {
            plan: canonical::hex(&plan.to_bytes()),
        },
    )?;
    let text = value["proposal"].as_str().unwrap_or_default();
    let mut bytes = zeroize::Zeroizing::new(vec![0; text.len() / 2]);
    canonical::hex_into(text, &mut bytes).map_err(|error| wrong(&error))?;
    let proposal = PlanProposal::from_bytes(&bytes).map_err(|error| wrong(&error))?;
    write(&arguments.out, &proposal, &passphrase)?;
    let value = json!({
        "proposal": arguments.out, "plan": plan.number(), "agent": plan.agent().to_string(),
    });
    context.output.result(&value, || {
        say!(
            "plan-proposed",
            number = plan.number(),
            path = arguments.out.as_path()
        )
    });
    Ok(())
}

/// Somebody reads what is proposed and signs it. Needs no archive on this machine.
pub(super) fn sign(context: &Context, arguments: &PlanSign) -> Result<(), Failure> {
    let (mut proposal, passphrase) = read(
        &arguments.proposal,
        arguments.proposal_passphrase_file.as_deref(),
    )?;
    let plan = proposal.plan().map_err(|error| wrong(&error))?;
    let key = read_key(&arguments.key)?;
    context.output.note(&say!(
        "plan-to-sign",
        agent = check_words(&plan.agent()),
        archive = proposal.archive().to_string(),
        plan = in_words(&plan),
    ));
    if !arguments.agree && !agreed()? {
        return Err(Failure::new("plan-not-signed"));
    }
    proposal.sign(&key).map_err(|error| wrong(&error))?;
    write(&arguments.proposal, &proposal, &passphrase)?;
    let signatures = proposal.signers().count();
    let value = json!({
        "proposal": arguments.proposal, "signatures": signatures, "plan": plan.number(),
    });
    context
        .output
        .result(&value, || say!("plan-signed", count = signatures));
    Ok(())
}

/// The office sends what has come back with its signatures.
pub(super) fn submit(
    context: &Context,
    home: &Home,
    arguments: &PlanSubmit,
) -> Result<(), Failure> {
    let (proposal, _) = read(
        &arguments.proposal,
        arguments.proposal_passphrase_file.as_deref(),
    )?;
    let plan = proposal.plan().map_err(|error| wrong(&error))?;
    let request = OfficeRequest::SubmitPlan {
        proposal: canonical::hex(&proposal.to_bytes()),
    };
    let value = ask(context, home, request)?;
    context.output.result(&value, || sent(&plan));
    Ok(())
}

fn read(path: &Path, passphrase: Option<&Path>) -> Result<(PlanProposal, Passphrase), Failure> {
    let file = SealedFile::from_bytes(&home::read(path)?).map_err(|error| wrong(&error))?;
    let passphrase = Passphrase::ask_for(passphrase, "proposal-passphrase-ask")?;
    let bytes = file
        .open(SealedFileKind::Proposal, passphrase.as_str())
        .map_err(|error| wrong(&error).exit(Exit::Locked))?;
    let proposal = PlanProposal::from_bytes(&bytes).map_err(|error| wrong(&error))?;
    Ok((proposal, passphrase))
}

fn write(path: &Path, proposal: &PlanProposal, passphrase: &Passphrase) -> Result<(), Failure> {
    let file = SealedFile::seal(
        SealedFileKind::Proposal,
        &proposal.to_bytes(),
        passphrase.as_str(),
        PassphraseCost::LEAST,
        &mut OsRandomness::new(),
    )
    .map_err(|error| wrong(&error))?;
    home::write_durably(path, &file.to_bytes())
}

/// Hears a word on the terminal.
fn agreed() -> Result<bool, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::new("plan-sign-no-terminal"));
    }
    let failed = |error: io::Error| {
        Failure::new("can-not-read")
            .with("path", "-")
            .because(&error)
    };
    let mut out = io::stderr().lock();
    write!(out, "{} ", word("plan-sign-ask"))
        .and_then(|()| out.flush())
        .map_err(failed)?;
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).map_err(failed)?;
    Ok(line.trim().to_lowercase() == word("plan-sign-word").to_lowercase())
}

fn wrong(error: &dyn std::error::Error) -> Failure {
    Failure::new("proposal-wrong").because(error)
}
