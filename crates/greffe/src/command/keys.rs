//! `greffe keys`: list sealing periods, make keys ahead, destroy the key of a period.

use canonical::Milliseconds;
use seal::keyring::{Keyring, RingEpoch};
use seal::{PeriodLength, periods_from};
use serde_json::json;
use vault::follow::VaultFolder;
use wire::{
    ChainPosition, ControlHead, ControlNumber, EpochId, EpochUse, SequenceNumber, SignerId,
};

use super::{Context, holders, stores};
use crate::cli::{DestroyKey, Keys, KeysAction, MakeAhead};
use crate::engine::request::{Event, Request};
use crate::engine::{Backend, Owner};
use crate::failure::{Exit, Failure};
use crate::founding::{self, ControlWriter};
use crate::home::Home;
use crate::room::Room;
use crate::system::{OsRandomness, now};
use crate::text::{say, word};

pub(crate) fn run(context: &Context, arguments: &Keys) -> Result<(), Failure> {
    let home = Home::find(context.global.home.as_deref())?;
    match &arguments.action {
        KeysAction::List => list(context, &home),
        KeysAction::MakeAhead(arguments) => make_ahead(context, &home, arguments),
        KeysAction::Destroy(arguments) => destroy(context, &home, arguments),
        KeysAction::Stores(arguments) => stores::run(context, &home, &arguments.action),
        KeysAction::Holders(arguments) => holders::run(context, &home, &arguments.action),
    }
}

/// Reading the list needs no passphrase: the keys are wrapped, everything else lies open.
fn list(context: &Context, home: &Home) -> Result<(), Failure> {
    let ring = Owner::open(home)?.keyring()?;
    let rows: Vec<_> = ring
        .epochs()
        .iter()
        .map(|epoch| {
            json!({
                "epoch": epoch.id().to_string(), "use": use_name(epoch.usage()),
                "from": date(epoch.from()), "until": date(epoch.until()),
                "keep_until": date(epoch.keep_until()),
                "destroyed": epoch.destroyed().map(date),
            })
        })
        .collect();
    let value = json!({ "generation": ring.generation().get(), "epochs": rows });
    context.output.result(&value, || {
        let mut text = say!(
            "keys-heading",
            count = rows.len(),
            generation = ring.generation().get()
        );
        for epoch in ring.epochs() {
            text.push('\n');
            text.push_str(&line(epoch));
        }
        text
    });
    Ok(())
}

fn line(epoch: &RingEpoch) -> String {
    let key = match epoch.destroyed() {
        Some(_) => "keys-line-destroyed",
        None => "keys-line",
    };
    crate::text::say_with(
        key,
        &[
            ("epoch", epoch.id().to_string().into()),
            (
                "use",
                word(&format!("epoch-use-{}", use_name(epoch.usage()))).into(),
            ),
            ("from", date(epoch.from()).into()),
            ("until", date(epoch.until()).into()),
            ("keep", date(epoch.keep_until()).into()),
            (
                "destroyed",
                epoch.destroyed().map(date).unwrap_or_default().into(),
            ),
        ],
    )
}

fn use_name(usage: EpochUse) -> &'static str {
    match usage {
        EpochUse::Period => "period",
        EpochUse::Reserve => "reserve",
        EpochUse::Governance => "governance",
    }
}

/// The day, in UTC.
pub(crate) fn date(at: Milliseconds) -> String {
    jiff::Timestamp::from_millisecond(at.get())
        .map(|time| time.strftime("%Y-%m-%d").to_string())
        .unwrap_or_default()
}

/// Keys for the periods that have none yet. The keyring is durable before anything is published:
/// an epoch whose opening key were lost would swallow what is sealed to it.
fn make_ahead(context: &Context, home: &Home, arguments: &MakeAhead) -> Result<(), Failure> {
    let owner = Owner::open(home)?;
    let settings = home.settings()?;
    let mut ring = owner.unlock(&context.secret()?)?;
    let length = match settings.archive.epochs.as_str() {
        "month" => PeriodLength::Month,
        "quarter" => PeriodLength::Quarter,
        _ => PeriodLength::Year,
    };
    let covered = |from: Milliseconds| {
        ring.keyring()
            .epochs()
            .iter()
            .any(|epoch| epoch.usage() == EpochUse::Period && epoch.from() == from)
    };
    let periods: Vec<_> = periods_from(now(), length, arguments.periods)
        .map_err(|error| Failure::new("founding-failed").because(&error))?
        .into_iter()
        .filter(|period| !covered(period.from))
        .collect();
    let mut randomness = OsRandomness::new();
    let epochs = founding::period_epochs(&periods, settings.archive.years, &mut randomness);
    if !epochs.is_empty() {
        ring.add_epochs(&epochs, &mut randomness)
            .map_err(|error| Failure::new("founding-failed").because(&error))?;
    }
    let made = context.runtime.block_on(async {
        let mut backend = Backend::open(home).await?;
        let root = owner.root()?;
        let (at, head) = position(&mut backend, home, owner.genesis().root().signer_id()).await?;
        let missing = unpublished(&owner, ring.keyring(), at.number)?;
        if missing.is_empty() {
            backend.close().await;
            return Ok(0);
        }
        let seed = ring.unwrap_signing_key(&root).map_err(|error| {
            Failure::new("unlock-failed")
                .because(&error)
                .exit(Exit::Locked)
        })?;
        let root = founding::signer(&seed)?;
        let archive = owner.genesis().archive_id();
        let mut writer = ControlWriter::new(archive, &root, at, head, now());
        writer.publish_all(&missing)?;
        if !epochs.is_empty() {
            let standing = owner.write_keyring(home, &ring)?;
            if !stores::pending_names(&standing).is_empty() {
                let lines = stores::lines(ring.keyring(), &standing);
                context.output.note(&lines);
            }
        }
        let entries = writer
            .into_entries()
            .iter()
            .map(|entry| canonical::hex(entry.as_bytes()))
            .collect();
        backend
            .ask(home, Request::PostOwner(entries), &mut |_| ())
            .await?;
        backend.close().await;
        Ok::<_, Failure>(missing.len())
    })?;
    let until = periods.last().map(|period| date(period.until));
    context
        .output
        .result(&json!({ "made": made, "until": until }), || {
            say!("keys-made", count = made, until = until.unwrap_or_default())
        });
    Ok(())
}

/// Keys of the ring that the log does not name. A crash behind the writing of the keyring leaves
/// some: they are published by the next call, never made twice.
///
/// What the root has signed below its next number is in the log; a file at or above that number was
/// written and never admitted, and is written anew.
fn unpublished(
    owner: &Owner,
    ring: &Keyring,
    next: SequenceNumber,
) -> Result<Vec<wire::PublishedEpoch>, Failure> {
    let mut published = std::collections::BTreeSet::new();
    for entry in owner.entries()? {
        if entry.number() < next
            && let wire::Body::Control(control) = entry.body()
            && let wire::Act::Recipients(recipients) = &control.act
        {
            published.extend(recipients.epochs.iter().map(|epoch| epoch.id));
        }
    }
    Ok(ring
        .epochs()
        .iter()
        .filter(|epoch| epoch.destroyed().is_none() && !published.contains(&epoch.id()))
        .map(|epoch| wire::PublishedEpoch {
            id: epoch.id(),
            key: epoch.key().clone(),
            class: epoch.class(),
            usage: epoch.usage(),
            from: epoch.from(),
            until: epoch.until(),
            keep_until: epoch.keep_until(),
        })
        .collect())
}

/// Where the root's chain and the control chain stand.
pub(crate) async fn position(
    backend: &mut Backend,
    home: &Home,
    root: SignerId,
) -> Result<(ChainPosition, ControlHead), Failure> {
    backend.ask(home, Request::Deliver, &mut |_| ()).await?;
    let mut heard = None;
    let asked = Request::ControlPosition(root.to_string());
    backend
        .ask(home, asked, &mut |event| heard = Some(event))
        .await?;
    let unclear = || Failure::new("up-gone").with("why", "");
    let Some(Event::ControlPosition {
        next,
        previous,
        number,
        head,
    }) = heard
    else {
        return Err(unclear());
    };
    let at = match previous {
        Some(id) => ChainPosition {
            number: SequenceNumber::new(next),
            previous: id.parse().map_err(|_| unclear())?,
        },
        None => ChainPosition::FIRST,
    };
    let head = ControlHead {
        number: ControlNumber::new(number),
        id: head.parse().map_err(|_| unclear())?,
    };
    Ok((at, head))
}

/// Ends a key for good. Refused before its date and without the id given twice.
fn destroy(context: &Context, home: &Home, arguments: &DestroyKey) -> Result<(), Failure> {
    let owner = Owner::open(home)?;
    let Some(named) = arguments.epoch.as_deref() else {
        return finish(context, home, &owner);
    };
    let unknown = || {
        Failure::new("epoch-unknown")
            .with("epoch", named)
            .exit(Exit::NotFound)
    };
    let epoch: EpochId = named.parse().map_err(|_| unknown())?;
    let ring = owner.keyring()?;
    let found = ring
        .epochs()
        .iter()
        .find(|ring| ring.id() == epoch)
        .ok_or_else(unknown)?;
    if found.destroyed().is_none() && found.keep_until() > now() {
        return Err(Failure::new("epoch-kept").with("date", date(found.keep_until())));
    }
    if arguments.confirm.as_deref() != Some(named) {
        return Err(Failure::new("epoch-confirm").with("epoch", named));
    }
    let mut unlocked = owner.unlock(&context.secret()?)?;
    unlocked
        .destroy(epoch, now())
        .map_err(|error| Failure::new("epoch-not-destroyed").because(&error))?;
    let standing = owner.write_keyring(home, &unlocked)?;
    // The room still holds the key; its end and the partition's removal finish what the keyring began.
    if let Some(room) = Room::join(home)? {
        room.lock()?;
    }
    let partition = VaultFolder::at(home.part("vault")?)
        .partitions()
        .join(epoch.to_string());
    match std::fs::remove_dir_all(&partition) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(Failure::new("epoch-not-destroyed").because(&error));
        }
        _ => {}
    }
    let pending = stores::pending_names(&standing);
    let value = json!({
        "destroyed": epoch.to_string(), "complete": pending.is_empty(),
        "stores": stores::told(unlocked.keyring(), &standing),
    });
    context.output.result(&value, || {
        let mut text = say!("epoch-destroyed", epoch = epoch.to_string());
        if !standing.is_empty() {
            text.push('\n');
            text.push_str(&stores::lines(unlocked.keyring(), &standing));
        }
        if !pending.is_empty() {
            text.push('\n');
            text.push_str(&word("destruction-finish"));
        }
        text
    });
    Ok(())
}

/// Writes the keyring to the stores that were out of reach when a key was destroyed.
fn finish(context: &Context, home: &Home, owner: &Owner) -> Result<(), Failure> {
    let ring = owner.unlock(&context.secret()?)?;
    let standing = owner.write_keyring(home, &ring)?;
    let pending = stores::pending_names(&standing);
    let mut value = stores::told(ring.keyring(), &standing);
    if let Some(value) = value.as_object_mut() {
        value.insert("complete".to_owned(), pending.is_empty().into());
    }
    context
        .output
        .result(&value, || stores::lines(ring.keyring(), &standing));
    if pending.is_empty() {
        return Ok(());
    }
    Err(Failure::new("stores-pending").with("names", pending.join(", ")))
}
