//! `greffe prove` writes the proof file of one message; `greffe verify` checks proof files, or the
//! whole archive, without trusting anybody.

use std::path::{Path, PathBuf};

use record::{Content, Part};
use serde_json::{Value, json};
use vault::follow::VaultFolder;
use vault::prove::{ProofRefused, ProofReport, verify_proof};
use vault::room::protocol::{Answer, Ask};
use vault::verify::verify_archive;
use wire::ArchiveId;

use super::Context;
use super::look::{looking, short};
use super::standing::time;
use crate::cli::{PartName, Prove, Verify};
use crate::failure::{Exit, Failure};
use crate::home::{self, Home};
use crate::room::unexpected;
use crate::text::{printable, say, word};

/// Writes the proof file of one message.
pub(crate) fn prove(context: &Context, arguments: &Prove) -> Result<(), Failure> {
    let withheld = |part: PartName| arguments.withhold.contains(&part);
    let (record, bytes) = looking(context, |room| {
        let ask = Ask::Show {
            record: arguments.message.clone(),
            before: 0,
            after: 0,
        };
        let Answer::Shown(shown) = room.ask(ask)? else {
            return Err(unexpected());
        };
        let mut show = vec!["envelope".to_owned()];
        show.extend((!withheld(PartName::Participants)).then(|| "participants".to_owned()));
        show.extend((!withheld(PartName::Body)).then(|| "body".to_owned()));
        show.extend((!withheld(PartName::Original)).then(|| "original".to_owned()));
        let mut attachments = Vec::new();
        if !withheld(PartName::Attachments) {
            show.extend((0..shown.attachments.len()).map(|index| format!("attachment:{index}")));
            if arguments.attachments {
                attachments = (0..)
                    .zip(&shown.attachments)
                    .filter(|(_, file)| file.has_bytes)
                    .map(|(index, _)| index)
                    .collect();
            }
        }
        let mut bytes = Vec::new();
        let record = shown.record.clone();
        room.fetch(
            Ask::Prove {
                record: record.clone(),
                show,
                attachments,
            },
            &mut bytes,
        )?;
        Ok((record, bytes))
    })?;
    let path = arguments
        .output
        .clone()
        .unwrap_or_else(|| PathBuf::from(format!("{}.greffe-proof", short(&record))));
    home::write_durably(&path, &bytes)?;
    let value = json!({ "record": record, "file": path, "bytes": bytes.len() });
    context.output.result(&value, || {
        say!(
            "prove-done",
            record = short(&record),
            path = path.as_path(),
            bytes = bytes.len()
        )
    });
    Ok(())
}

/// Verifies proof files, or the archive of this folder.
pub(crate) fn verify(context: &Context, arguments: &Verify) -> Result<(), Failure> {
    let expected = arguments
        .archive
        .as_deref()
        .map(|text| {
            text.parse::<ArchiveId>()
                .map_err(|_| Failure::new("fingerprint-wrong").with("text", text))
        })
        .transpose()?;
    if arguments.proofs.is_empty() {
        return archive(context, expected);
    }
    for path in &arguments.proofs {
        one(context, path, expected)?;
    }
    Ok(())
}

fn one(context: &Context, path: &Path, expected: Option<ArchiveId>) -> Result<(), Failure> {
    let bytes = home::read(path)?;
    match verify_proof(&bytes, expected) {
        Ok(report) => {
            context
                .output
                .result(&as_value(path, &report), || as_text(path, &report));
            Ok(())
        }
        Err(refused) => Err(not_verified(path, &refused)),
    }
}

fn not_verified(path: &Path, refused: &ProofRefused) -> Failure {
    Failure::new("verify-refused")
        .with("path", path)
        .with("check", refused.check())
        .because(refused)
        .exit(Exit::NotVerified)
}

fn as_value(path: &Path, report: &ProofReport) -> Value {
    json!({
        "file": path, "verified": true,
        "archive": report.archive.to_string(), "archive_given": report.archive_expected,
        "index": report.index.get(), "admitted_at": report.admitted_at.get(),
        "witnessed": report.verdict.is_witnessed(),
        "control_whole": report.control_whole, "compromised_later": report.compromised_later,
        "parts": report.parts.iter().map(|(name, shown)| json!({ "part": name, "shown": shown })).collect::<Vec<_>>(),
        "record": report.envelope.as_ref().map(|envelope| envelope.id().to_string()),
        "sender": report.participants.as_ref().and_then(|p| p.sender.as_ref()).map(|s| s.id.as_str().to_owned()),
        "text": report.body.as_ref().map(|body| text_of(&body.content)),
        "attachments": report.attachments.iter().map(|(index, file, bytes)| json!({
            "index": index, "name": file.name, "size": file.size, "bytes": bytes.is_some(),
        })).collect::<Vec<_>>(),
    })
}

fn as_text(path: &Path, report: &ProofReport) -> String {
    let mut lines = vec![
        say!("verify-good", path = path),
        say!(
            if report.archive_expected {
                "verify-archive-given"
            } else {
                "verify-archive-not-given"
            },
            archive = report.archive.to_string(),
        ),
        say!(
            "verify-logged",
            index = report.index.get(),
            at = time(report.admitted_at.get())
        ),
        word(if report.verdict.is_witnessed() {
            "status-witnessed"
        } else {
            "status-unwitnessed"
        }),
    ];
    if report.compromised_later {
        lines.push(word("verify-compromised"));
    }
    if !report.control_whole {
        lines.push(word("verify-control-gap"));
    }
    for (name, shown) in &report.parts {
        let key = if *shown {
            "verify-part-shown"
        } else {
            "verify-part-withheld"
        };
        lines.push(say!(key, part = name.as_str()));
    }
    if let Some(sender) = report
        .participants
        .as_ref()
        .and_then(|people| people.sender.as_ref())
    {
        lines.push(say!("show-from", who = printable(sender.id.as_str())));
    }
    if let Some(sent) = report
        .envelope
        .as_ref()
        .and_then(|envelope| envelope.times().sent)
    {
        lines.push(say!(
            "show-time",
            name = word("time-sent"),
            at = time(sent.at.get())
        ));
    }
    if let Some(body) = &report.body {
        lines.push(say!(
            "verify-text",
            text = printable(&text_of(&body.content))
        ));
    }
    lines.join("\n")
}

fn text_of(content: &Content) -> String {
    let message = match content {
        Content::Message(message) => message,
        Content::Edit(edit) => &edit.message,
        _ => return word(&format!("kind-{}", content.kind().name())),
    };
    let texts: Vec<&str> = message
        .parts
        .iter()
        .filter_map(|part| match part {
            Part::Text(text) => Some(text.text.as_str()),
            _ => None,
        })
        .collect();
    texts.join(" ")
}

/// Damaged places that are named on the terminal; `--json` names all.
const NAMED: usize = 10;

/// Verifies the whole archive from the vault's mirror.
fn archive(context: &Context, expected: Option<ArchiveId>) -> Result<(), Failure> {
    let home = Home::find(context.global.home.as_deref())?;
    let mirror = VaultFolder::at(home.part("vault")?).mirror();
    // Without a fingerprint from outside, the folder's own settings say which archive it should be.
    let own = home
        .settings()?
        .archive
        .fingerprint
        .parse::<ArchiveId>()
        .ok();
    let bar = context.output.progress(0, &word("verify-working"));
    let report = verify_archive(&mirror, expected.or(own), &mut |done, of| {
        bar.set_length(of);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let report = report.map_err(|error| {
        Failure::new("can-not-read")
            .with("path", mirror.root())
            .because(&error)
    })?;
    let witnessed = report
        .verdict
        .as_ref()
        .is_some_and(tlog::Verdict::is_witnessed);
    let archive = report
        .archive
        .map(|archive| archive.to_string())
        .unwrap_or_default();
    let foreign = expected.is_some() && !report.archive_expected;
    let value = json!({
        "verified": report.is_sound() && !foreign, "archive": archive, "archive_given": report.archive_expected,
        "entries": report.entries, "objects": report.objects, "objects_sound": report.objects_sound,
        "objects_missing": report.objects_missing.len(), "witnessed": witnessed, "damage": report.damage,
    });
    if report.is_sound() && !foreign {
        context.output.result(&value, || {
            let given = if expected.is_some() {
                "verify-archive-given"
            } else {
                "verify-archive-not-given"
            };
            [
                say!(
                    "verify-archive-good",
                    entries = report.entries,
                    objects = report.objects_sound
                ),
                say!(given, archive = archive.as_str()),
                word(if witnessed {
                    "status-witnessed"
                } else {
                    "status-unwitnessed"
                }),
            ]
            .join("\n")
        });
        return Ok(());
    }
    if context.output.json() {
        context.output.result(&value, String::new);
    }
    if foreign {
        return Err(Failure::new("verify-foreign")
            .with("archive", archive)
            .exit(Exit::NotVerified));
    }
    let places: Vec<String> = report
        .damage
        .iter()
        .take(NAMED)
        .map(|damage| {
            let place = match (damage.offset, damage.index) {
                (Some(offset), Some(entry)) => {
                    say!("verify-damage-byte-entry", byte = offset, entry = entry)
                }
                (Some(offset), None) => say!("verify-damage-byte", byte = offset),
                (None, Some(entry)) => say!("verify-damage-entry", entry = entry),
                (None, None) => String::new(),
            };
            say!(
                "verify-damage",
                file = damage.file.as_str(),
                place = place.as_str(),
                check = damage.check.as_str(),
                what = damage.what.as_str(),
            )
        })
        .collect();
    Err(Failure::new("verify-archive-faults")
        .with("count", report.damage.len())
        .with("missing", report.objects_missing.len())
        .with("places", places.join("\n  "))
        .exit(Exit::NotVerified))
}
