//! `greffe keys holders`: who can unlock, and new shares after somebody left or lost theirs.

use seal::Threshold;
use seal::keyring::{Holder, Keyring, UnlockedKeyring};
use serde_json::json;

use super::{Context, stores};
use crate::cli::{HoldersAction, ReplaceHolders};
use crate::engine::Owner;
use crate::failure::{Exit, Failure};
use crate::home::Home;
use crate::room::Room;
use crate::secret::Passphrase;
use crate::shares::{self, Written};
use crate::system::OsRandomness;
use crate::text::{say, word};

pub(crate) fn run(context: &Context, home: &Home, action: &HoldersAction) -> Result<(), Failure> {
    match action {
        HoldersAction::List => list(context, home),
        HoldersAction::Replace(arguments) => replace(context, home, arguments),
    }
}

fn list(context: &Context, home: &Home) -> Result<(), Failure> {
    let ring = Owner::open(home)?.keyring()?;
    let holders = ring.holders();
    let rows = holders.iter().map(|holder| match holder {
        Holder::Shares { set, threshold } => json!({
            "kind": "shares", "needed": threshold.needed(), "holders": threshold.holders(),
            "set": set.to_string(),
        }),
        Holder::Token(_) => json!({ "kind": "token" }),
        _ => json!({ "kind": "passphrase" }),
    });
    let value = json!({
        "generation": ring.generation().get(), "holders": rows.collect::<Vec<_>>(),
    });
    context.output.result(&value, || {
        let lines = holders.iter().map(|holder| match holder {
            Holder::Shares { threshold, .. } => say!(
                "holders-line-shares",
                needed = threshold.needed(),
                holders = threshold.holders()
            ),
            Holder::Token(_) => word("holders-line-token"),
            _ => word("holders-line-passphrase"),
        });
        lines.collect::<Vec<_>>().join("\n")
    });
    Ok(())
}

/// A new vault key and new shares (RING-7). The order makes a crash harmless: the new shares are
/// durable, and known to unlock, before the keyring that only they unlock is; the root's key under
/// the new vault key lies beside the old one until then.
fn replace(context: &Context, home: &Home, arguments: &ReplaceHolders) -> Result<(), Failure> {
    let owner = Owner::open(home)?;
    let failed =
        |error: &dyn std::error::Error| Failure::new("holders-not-replaced").because(error);
    let threshold = Threshold::new(arguments.holders.threshold, arguments.holders.holders)
        .map_err(|error| failed(&error))?;
    if std::fs::read_dir(&arguments.shares).is_ok_and(|mut files| files.next().is_some()) {
        return Err(Failure::new("folder-not-empty").with("folder", arguments.shares.as_path()));
    }
    let former = owner.unlock(&context.secret()?)?;
    let mut randomness = OsRandomness::new();
    let seed = former
        .unwrap_signing_key(&owner.root()?)
        .map_err(|error| failed(&error))?;
    let (turned, shares) = former
        .turn_over_to_shares(threshold, &mut randomness)
        .map_err(|error| failed(&error))?;
    let root = turned
        .wrap_signing_key(&seed, &mut randomness)
        .map_err(|error| failed(&error))?;
    let written = shares::write(
        &arguments.shares,
        &shares,
        threshold.holders(),
        arguments.paper,
    )?;
    tried(&turned, &written, threshold)?;
    owner.put_next_root(&root)?;
    let standing = owner.write_keyring(home, &turned)?;
    owner.settle_root(&turned)?;
    // An open room was unlocked by former holders.
    if let Some(room) = Room::join(home)? {
        room.lock()?;
    }
    let value = json!({
        "needed": threshold.needed(), "holders": threshold.holders(),
        "shares": shares::paths(&written), "passphrases": shares::passphrases(&written),
        "stores": stores::told(turned.keyring(), &standing),
    });
    context.output.result(&value, || {
        let mut text = say!(
            "holders-replaced",
            needed = threshold.needed(),
            holders = threshold.holders(),
            folder = arguments.shares.as_path()
        );
        text.push_str(&shares::told(&written));
        if !standing.is_empty() {
            text.push('\n');
            text.push_str(&stores::lines(turned.keyring(), &standing));
        }
        text
    });
    Ok(())
}

/// The shares as they lie on the disk unlock the keyring as it is going to be written.
fn tried(
    turned: &UnlockedKeyring,
    written: &[Written],
    threshold: Threshold,
) -> Result<(), Failure> {
    let failed = |error: &dyn std::error::Error| {
        Failure::new("holders-not-replaced")
            .because(error)
            .exit(Exit::Failed)
    };
    let shares = written
        .iter()
        .rev()
        .take(usize::from(threshold.needed()))
        .map(|one| {
            let passphrase = one.passphrase.as_ref();
            shares::read(&one.path, || {
                Passphrase::given(passphrase.map_or("", |text| text))
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    let bytes = turned.keyring().to_bytes();
    Keyring::from_bytes(&bytes, None)
        .map_err(|error| failed(&error))?
        .unlock_with_shares(&shares)
        .map(drop)
        .map_err(|error| failed(&error))
}
