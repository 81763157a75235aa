//! `greffe keys stores`: further places that hold the keyring (keyring.md RING-8 to RING-10).

use std::path::Path;

use seal::keyring::Keyring;
use serde_json::{Value, json};
use vault::stores::{Standing, StorePlace, pending_destructions};

use super::Context;
use crate::cli::{StoreAdd, StoreRemove, StoresAction};
use crate::engine::Owner;
use crate::failure::{Exit, Failure};
use crate::home::Home;
use crate::text::{say, word};

pub(crate) fn run(context: &Context, home: &Home, action: &StoresAction) -> Result<(), Failure> {
    match action {
        StoresAction::Add(arguments) => add(context, home, arguments),
        StoresAction::Remove(arguments) => remove(context, home, arguments),
        StoresAction::List => list(context, home),
        StoresAction::Check => check(context, home),
    }
}

/// The store is named before it is written: no copy ever lies where nobody looks for it.
fn add(context: &Context, home: &Home, arguments: &StoreAdd) -> Result<(), Failure> {
    let owner = Owner::open(home)?;
    let unusable = |why: String| {
        Failure::new("store-unusable")
            .with("folder", arguments.folder.as_path())
            .with("why", why)
    };
    let folder =
        std::fs::canonicalize(&arguments.folder).map_err(|error| unusable(error.to_string()))?;
    if !folder.is_dir() {
        return Err(unusable(word("store-no-folder")));
    }
    let place = StorePlace::new(&arguments.name, folder)
        .map_err(|error| Failure::new("store-name").because(&error).exit(Exit::Usage))?;
    let before = home.settings()?;
    let same = |other: &StorePlace| other.name == place.name || other.folder == place.folder;
    if before.keyring_stores.iter().any(same) || place.folder.starts_with(home.folder()) {
        return Err(Failure::new("store-twice").with("name", place.name.as_str()));
    }
    let ring = owner.unlock(&context.secret()?)?;
    let mut settings = before.clone();
    settings.keyring_stores.push(place.clone());
    home.write_settings(&settings)?;
    let standing = owner.write_keyring(home, &ring)?;
    let pending = standing
        .iter()
        .find(|store| store.name == place.name)
        .and_then(|store| store.pending.clone());
    if let Some(why) = pending {
        home.write_settings(&before)?;
        return Err(unusable(why.to_string()));
    }
    let same_disk = device(&place.folder) == device(home.folder());
    let value = json!({
        "added": place.name, "folder": place.folder, "same_disk": same_disk,
        "generation": ring.keyring().generation().get(),
    });
    context.output.result(&value, || {
        let mut text = say!(
            "store-added",
            name = place.name.as_str(),
            folder = place.folder.as_path()
        );
        if same_disk {
            text.push('\n');
            text.push_str(&word("store-same-disk"));
        }
        text
    });
    Ok(())
}

/// RING-11: the keyring goes from the folder before its name does, so that no copy lies where nobody
/// looks for it. A folder that is lost is given up by the owner's word.
fn remove(context: &Context, home: &Home, arguments: &StoreRemove) -> Result<(), Failure> {
    let archive = Owner::open(home)?.genesis().archive_id();
    let mut settings = home.settings()?;
    let found = settings
        .keyring_stores
        .iter()
        .position(|place| place.name == arguments.name);
    let Some(found) = found else {
        return Err(Failure::new("store-unknown")
            .with("name", arguments.name.as_str())
            .exit(Exit::NotFound));
    };
    let place = settings.keyring_stores.remove(found);
    if !arguments.gone {
        place.clear(archive).map_err(|error| {
            Failure::new("store-not-removed")
                .with("folder", place.folder.as_path())
                .because(&error)
        })?;
    }
    home.write_settings(&settings)?;
    let value = json!({
        "removed": place.name, "folder": place.folder, "gone": arguments.gone,
    });
    context.output.result(&value, || {
        let (name, folder) = (place.name.as_str(), place.folder.as_path());
        if arguments.gone {
            say!("store-given-up", name = name, folder = folder)
        } else {
            say!("store-removed", name = name, folder = folder)
        }
    });
    Ok(())
}

/// What is configured, and what was confirmed last; reads no store.
fn list(context: &Context, home: &Home) -> Result<(), Failure> {
    let stores = home.settings()?.keyring_stores;
    let value = json!({ "stores": stores });
    context.output.result(&value, || {
        if stores.is_empty() {
            return word("stores-none");
        }
        let lines = stores.iter().map(|place| {
            say!(
                "store-line",
                name = place.name.as_str(),
                folder = place.folder.as_path()
            )
        });
        lines.collect::<Vec<_>>().join("\n")
    });
    Ok(())
}

/// Reads every store.
fn check(context: &Context, home: &Home) -> Result<(), Failure> {
    let (ring, standing) = Owner::open(home)?.check_stores(home)?;
    context
        .output
        .result(&told(&ring, &standing), || lines(&ring, &standing));
    match pending_names(&standing).as_slice() {
        [] => Ok(()),
        names => Err(Failure::new("stores-pending").with("names", names.join(", "))),
    }
}

/// How the stores stand, for programs.
pub(crate) fn told(ring: &Keyring, standing: &[Standing]) -> Value {
    let pending = pending_destructions(ring, standing);
    json!({
        "generation": ring.generation().get(),
        "stores": standing.iter().map(|store| json!({
            "name": store.name, "folder": store.folder,
            "confirmed": store.confirmed.map(|generation| generation.get()),
            "pending": store.pending.as_ref().map(ToString::to_string),
        })).collect::<Vec<_>>(),
        "pending_destructions": pending.iter().map(|(epoch, name)| json!({
            "epoch": epoch.to_string(), "store": name,
        })).collect::<Vec<_>>(),
    })
}

/// How the stores stand, for people.
pub(crate) fn lines(ring: &Keyring, standing: &[Standing]) -> String {
    let mut lines: Vec<String> = standing
        .iter()
        .map(|store| match &store.pending {
            None => say!(
                "store-confirmed",
                name = store.name.as_str(),
                generation = ring.generation().get()
            ),
            Some(why) => say!(
                "store-pending",
                name = store.name.as_str(),
                why = why.to_string()
            ),
        })
        .collect();
    lines.extend(
        pending_destructions(ring, standing)
            .into_iter()
            .map(|(epoch, name)| {
                say!(
                    "destruction-pending",
                    epoch = epoch.to_string(),
                    name = name
                )
            }),
    );
    if lines.is_empty() {
        return word("stores-none");
    }
    lines.join("\n")
}

/// Names of stores that do not confirm the present keyring.
pub(crate) fn pending_names(standing: &[Standing]) -> Vec<&str> {
    let pending = standing.iter().filter(|store| store.pending.is_some());
    pending.map(|store| store.name.as_str()).collect()
}

fn device(path: &Path) -> Option<u64> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).ok().map(|metadata| metadata.dev())
}
