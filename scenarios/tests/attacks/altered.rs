//! NOTHING-ALTERED, on disk: a byte is flipped in the files of the vault's mirror, and `verify`
//! names the file; a byte is flipped in the files of the relay, and no vault takes what is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use capture::{Agent, Courier, Identity, Step, Stop};
use client::RelayClient;
use relay::{Relay, RunningRelay};
use scenarios::markers::{Family, files};
use scenarios::office::{Office, address, environment};
use scenarios::source::Messages;
use seal::Randomness;
use testkit::Seeded;
use vault::follow::{Locked, VaultFolder};
use vault::system::now;
use vault::verify::verify_archive;

use crate::Scene;

/// The vault's mirror: one byte of every file, and every file is named.
#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_byte_in_any_file_of_the_mirror_is_named() {
    flip_the_mirror(filled(1, 300).await, usize::MAX, 1).await;
}

/// The same with a log of more than one bundle and two levels of tiles: four bytes of six files of
/// each class.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "long: cargo xtask assurance"]
async fn flipped_bytes_in_any_file_of_a_large_mirror_are_named() {
    flip_the_mirror(filled(300, 4).await, 6, 4).await;
}

async fn flip_the_mirror(scene: Scene, files_each: usize, bytes_each: usize) {
    let (mirror, archive) = (
        scene.office.vault().mirror(),
        scene.office.genesis().archive_id(),
    );
    let verify = || verify_archive(&mirror, Some(archive), &mut |_, _| {}).unwrap();
    let sound = verify();
    assert!(
        sound.is_sound() && sound.archive_expected,
        "{:?}",
        sound.damage
    );
    assert!(sound.objects > 5, "{}", sound.objects);

    let mut randomness = Seeded::new(8);
    let mut classes: BTreeMap<String, usize> = BTreeMap::new();
    for path in files(mirror.root()) {
        let name = path
            .strip_prefix(mirror.root())
            .unwrap()
            .to_string_lossy()
            .into_owned();
        let met = classes.entry(class(&name)).or_default();
        *met += 1;
        if *met > files_each {
            continue;
        }
        let whole = std::fs::read(&path).unwrap();
        for _ in 0..bytes_each {
            let at = flip(&path, &whole, &mut randomness);
            let damage = verify().damage;
            let named = damage.iter().any(|damage| damage.file == name);
            assert!(named, "byte {at} of {name}: {damage:?}");
            std::fs::write(&path, &whole).unwrap();
        }
    }
    let expected = ["bundle", "checkpoint", "genesis", "object", "tile"];
    assert!(classes.keys().eq(expected), "{classes:?}");
    assert!(verify().is_sound());
}

/// The relay's disk: whatever is flipped, a vault either gets the archive whole (the relay had it
/// twice, or does not need it), or says that something is wrong. It never takes something else.
#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_byte_on_the_relays_disk_never_reaches_a_vault_unseen() {
    let scene = filled(1, 300).await;
    let whole = scene.office.source_ids();
    assert_eq!(whole.len(), 300);
    let mut randomness = Seeded::new(5);
    let (mut noticed, mut harmless) = (Vec::new(), Vec::new());
    let folder = scene.relay_folder();
    let mut seen = BTreeSet::new();
    for path in files(&folder) {
        let name = path
            .strip_prefix(&folder)
            .unwrap()
            .to_string_lossy()
            .into_owned();
        // Two files of each class: they differ in content, not in use.
        let class = class(
            name.splitn(3, '/')
                .nth(2)
                .unwrap_or(&name)
                .trim_start_matches("log/"),
        );
        if !seen.insert((class.clone(), 0)) && !seen.insert((class, 1)) {
            continue;
        }
        let copy = scene.folder.path().join("copy");
        let target = copy.join(&name);
        copy_folder(&folder, &copy);
        let bytes = std::fs::read(&target).unwrap();
        if bytes.is_empty() {
            continue;
        }
        let at = flip(&target, &bytes, &mut randomness);
        match followed(&scene.office, &copy, &scene.folder.path().join("other")).await {
            Ok(ids) => {
                assert_eq!(ids, whole, "byte {at} of {name} changed what the vault has");
                harmless.push(name);
            }
            Err(why) => noticed.push(format!("{name}: {why}")),
        }
        std::fs::remove_dir_all(&copy).unwrap();
    }
    for class in ["/objects/", "/tile/0/", "/tile/entries/"] {
        assert!(
            noticed.iter().any(|file| file.contains(class)),
            "{class}: {noticed:?} {harmless:?}"
        );
    }
}

/// What a new vault gets from a relay on this folder: ids of all records, or what it says is wrong.
async fn followed(office: &Office, relay: &Path, vault: &Path) -> Result<Vec<String>, String> {
    let relay = Relay::start(office.relay_config(relay))
        .await
        .map_err(|error| format!("the relay: {error}"))?;
    let _ = std::fs::remove_dir_all(vault);
    let folder = VaultFolder::at(vault);
    let followed = follow(office, &relay, &folder).await;
    relay.shutdown().await;
    followed?;
    let report = verify_archive(
        &folder.mirror(),
        Some(office.genesis().archive_id()),
        &mut |_, _| {},
    )
    .unwrap();
    if !report.is_sound() {
        return Err(format!(
            "verify: {:?} {:?}",
            report.damage, report.objects_missing
        ));
    }
    Ok(office.source_ids_of(&folder))
}

async fn follow(office: &Office, relay: &RunningRelay, folder: &VaultFolder) -> Result<(), String> {
    let line = RelayClient::new(
        &address(relay),
        office.genesis().archive_id(),
        office.vault_key(),
    )
    .unwrap();
    let mut locked = Locked::open(
        folder,
        office.genesis().clone(),
        office.vault_key(),
        line,
        now,
    )
    .unwrap();
    loop {
        // The vault's own chain stands further in the log than a new vault knows: it does not
        // submit, and that is not what is looked at here.
        match locked.step().await {
            Ok(step) if step.more => {}
            Ok(_) | Err(vault::follow::StepError::Outbox(_)) => return Ok(()),
            Err(error) => return Err(format!("the vault: {error}")),
        }
    }
}

/// An office whose vault has what so many imports of so many messages each gave.
async fn filled(imports: u64, count: u64) -> Scene {
    let scene = Scene::new(imports + count);
    let relay = Relay::start(scene.office.relay_config(&scene.relay_folder()))
        .await
        .unwrap();
    scene.office.begin_log(&address(&relay)).await;
    let identity = Identity::open(&scene.office.agent()).unwrap();
    let line = RelayClient::new(
        &address(&relay),
        identity.archive(),
        Arc::clone(identity.signer()),
    )
    .unwrap();
    let agent = Arc::new(Agent::open(identity, environment()).unwrap());
    let mut courier = Courier::new(Arc::clone(&agent), line);
    courier.read_control().await.unwrap();
    for import in 0..imports {
        // Each of another account, so that none of it is known already.
        let messages = Messages {
            family: Family::draw(&mut Seeded::new(import)),
            count,
            file_bytes: 500,
        };
        let job = messages.job();
        agent
            .import_over(&job, messages.connector(), &Stop::default(), |_| {})
            .unwrap();
    }
    assert_eq!(courier.deliver().await.unwrap(), Step::Idle);
    follow(&scene.office, &relay, &scene.office.vault())
        .await
        .unwrap();
    relay.shutdown().await;
    scene
}

/// Flips one bit of one byte; says which byte.
fn flip(path: &Path, whole: &[u8], randomness: &mut Seeded) -> usize {
    let mut drawn = [0; 9];
    randomness.fill(&mut drawn);
    let at =
        usize::try_from(u64::from_be_bytes(*drawn.first_chunk().unwrap()) % whole.len() as u64)
            .unwrap();
    let mut altered = whole.to_vec();
    altered[at] ^= 1 << (drawn[8] % 8);
    std::fs::write(path, altered).unwrap();
    at
}

/// What kind of file a name is of.
fn class(name: &str) -> String {
    let mut words = name.split('/');
    match (words.next(), words.next()) {
        (Some("tile"), Some("entries")) => "bundle".to_owned(),
        (Some("objects"), _) => "object".to_owned(),
        (Some(first), _) => first.to_owned(),
        (None, _) => String::new(),
    }
}

fn copy_folder(from: &Path, to: &Path) {
    for path in files(from) {
        let target: PathBuf = to.join(path.strip_prefix(from).unwrap());
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(path, target).unwrap();
    }
}
