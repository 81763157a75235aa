//! Holders who are elsewhere: an unlock that asks for shares, and `greffe share give`, with which a
//! holder answers on a machine of their own (keyring.md SHARE-4, SHARE-5).
//!
//! Neither text is a secret: the request carries a one-time public key, the answer a share that only
//! this one unlock can open. What must not be taken from the text is who asks: the holder compares
//! the fingerprint with what the person says who unlocks.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::Path;

use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use seal::keyring::Holder;
use seal::{SealedShare, Share, ShareRequest, WaitingUnlock};
use serde_json::json;

use super::Context;
use crate::cli::{GiveShare, Share as ShareCommand, ShareAction};
use crate::engine::Owner;
use crate::failure::{Exit, Failure};
use crate::home::{self, Home};
use crate::shares;
use crate::system::OsRandomness;
use crate::text::{say, word};

/// Most bytes of a line or file that may hold a request or an answer.
const MAX_TEXT: u64 = 1 << 16;

/// Asks the holders and waits on standard input until enough of them have answered.
pub(crate) fn ask(context: &Context) -> Result<Vec<Share>, Failure> {
    let home = Home::find(context.global.home.as_deref())?;
    let owner = Owner::open(&home)?;
    let needed = owner
        .keyring()?
        .holders()
        .into_iter()
        .find_map(|holder| match holder {
            Holder::Shares { threshold, .. } => Some(threshold.needed()),
            _ => None,
        })
        .ok_or_else(|| Failure::new("holders-none").exit(Exit::Locked))?;
    let archive = owner.genesis().archive_id();
    let waiting = WaitingUnlock::new(archive, &mut OsRandomness::new());
    let request = waiting.request();
    let text = request.to_text();
    let value = json!({
        "asks_holders": { "needed": needed, "fingerprint": request.fingerprint(), "request": text },
    });
    context.output.aside(&value, || {
        let heading = say!(
            "holders-ask",
            needed = needed,
            fingerprint = request.fingerprint()
        );
        let picture = match io::stderr().is_terminal() {
            true => picture(&text),
            false => String::new(),
        };
        format!(
            "{heading}\n\n{text}\n\n{picture}\n{}",
            word("holders-paste")
        )
    });
    let mut shares: Vec<Share> = Vec::new();
    for line in io::stdin().lock().lines() {
        let line = line.map_err(|error| {
            Failure::new("can-not-read")
                .with("path", "-")
                .because(&error)
        })?;
        if line.trim().is_empty() {
            continue;
        }
        match answer(&waiting, line.trim()) {
            Ok(share) if shares.iter().any(|known| known.index() == share.index()) => {
                context
                    .output
                    .aside(&json!({ "twice": share.index() }), || {
                        say!("holders-twice", index = share.index())
                    });
            }
            Ok(share) => {
                shares.push(share);
                let have = shares.len();
                context
                    .output
                    .aside(&json!({ "have": have, "needed": needed }), || {
                        say!("holders-have", have = have, needed = needed)
                    });
            }
            // A slip of one holder does not end what the others have done.
            Err(failure) => context.output.failure(&failure),
        }
        if shares
            .first()
            .is_some_and(|share| shares.len() >= usize::from(share.needed()))
        {
            return Ok(shares);
        }
    }
    Err(Failure::new("holders-too-few")
        .with("have", shares.len())
        .with("needed", needed)
        .exit(Exit::Locked))
}

/// A line is an answer, or the path of a file that holds one.
fn answer(waiting: &WaitingUnlock, line: &str) -> Result<Share, Failure> {
    let wrong = |error: &dyn std::error::Error| {
        Failure::new("answer-wrong")
            .because(error)
            .exit(Exit::Locked)
    };
    let sealed = match SealedShare::from_text(line) {
        Ok(sealed) => sealed,
        Err(seal::ShareTextError::Prefix { .. }) if Path::new(line).is_file() => {
            SealedShare::from_text(&small_text(Path::new(line))?).map_err(|error| wrong(&error))?
        }
        Err(error) => return Err(wrong(&error)),
    };
    waiting.open(&sealed).map_err(|error| wrong(&error))
}

/// What a holder does.
pub(crate) fn share(context: &Context, arguments: &ShareCommand) -> Result<(), Failure> {
    match &arguments.action {
        ShareAction::Give(arguments) => give(context, arguments),
        ShareAction::Paper => paper(context),
    }
}

/// A sealed share as words and QR code, to be printed or written down.
fn paper(context: &Context) -> Result<(), Failure> {
    let share = own(context)?;
    let text = shares::on_paper(&share, None);
    let value = json!({ "words": share.to_words().as_str(), "index": share.index() });
    context.output.result(&value, || text.to_string());
    Ok(())
}

/// The one share that a holder names.
fn own(context: &Context) -> Result<Share, Failure> {
    if context.global.share.len() != 1 {
        return Err(Failure::new("share-one").exit(Exit::Usage));
    }
    let mut shares = context.shares()?;
    shares
        .pop()
        .ok_or_else(|| Failure::new("share-one").exit(Exit::Usage))
}

fn give(context: &Context, arguments: &GiveShare) -> Result<(), Failure> {
    let text = small_text(&arguments.request)?;
    let request = ShareRequest::from_text(&text).map_err(|error| {
        Failure::new("request-wrong")
            .with("path", arguments.request.as_path())
            .because(&error)
    })?;
    if context.global.share.len() != 1 {
        return Err(Failure::new("share-one").exit(Exit::Usage));
    }
    compared(arguments, &request)?;
    let share = own(context)?;
    let sealed = request
        .answer(&share, &mut OsRandomness::new())
        .map_err(|error| Failure::new("request-wrong").because(&error))?
        .to_text();
    if let Some(path) = &arguments.out {
        home::write_durably(path, sealed.as_bytes())?;
    }
    let value = json!({
        "archive": request.archive().to_string(), "fingerprint": request.fingerprint(),
        "answer": sealed, "file": arguments.out,
    });
    context.output.result(&value, || match &arguments.out {
        Some(path) => say!("share-given-file", path = path.as_path()),
        None if io::stdout().is_terminal() => {
            format!(
                "{}\n\n{sealed}\n\n{}",
                word("share-given"),
                picture(&sealed)
            )
        }
        // Into a pipe or file: the text alone.
        None => sealed.clone(),
    });
    Ok(())
}

/// The holder says the digits that they were told; they never come from the text itself.
fn compared(arguments: &GiveShare, request: &ShareRequest) -> Result<(), Failure> {
    let told = match &arguments.fingerprint {
        Some(told) => told.clone(),
        None if io::stdin().is_terminal() => {
            let mut line = String::new();
            let asked = say!("fingerprint-ask", archive = request.archive().to_string());
            let failed = |error: io::Error| {
                Failure::new("can-not-read")
                    .with("path", "-")
                    .because(&error)
            };
            let mut out = io::stderr().lock();
            write!(out, "{asked} ")
                .and_then(|()| out.flush())
                .map_err(failed)?;
            io::stdin().lock().read_line(&mut line).map_err(failed)?;
            line
        }
        None => return Err(Failure::new("fingerprint-needed").exit(Exit::Usage)),
    };
    let digits = |text: &str| {
        let plain = text.chars().filter(|c| !c.is_whitespace());
        plain.collect::<String>().to_ascii_lowercase()
    };
    if digits(&told) == digits(&request.fingerprint()) {
        return Ok(());
    }
    Err(Failure::new("fingerprint-differs").exit(Exit::NotVerified))
}

/// The text of a small file, or of standard input for `-`.
fn small_text(path: &Path) -> Result<String, Failure> {
    let failed = |error: io::Error| {
        let exit = match error.kind() {
            io::ErrorKind::NotFound => Exit::NotFound,
            _ => Exit::Failed,
        };
        Failure::new("can-not-read")
            .with("path", path)
            .because(&error)
            .exit(exit)
    };
    let mut text = String::new();
    let mut read: Box<dyn io::Read> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(std::fs::File::open(path).map_err(failed)?)
    };
    io::Read::read_to_string(&mut io::Read::take(&mut read, MAX_TEXT), &mut text)
        .map_err(failed)?;
    Ok(text)
}

fn picture(text: &str) -> String {
    QrCode::with_error_correction_level(text.as_bytes(), qrcode::EcLevel::L)
        .map(|code| {
            code.render::<Dense1x2>()
                .dark_color(Dense1x2::Dark)
                .light_color(Dense1x2::Light)
                .build()
        })
        .unwrap_or_default()
}
