//! The reading room as a process: opens, files, answers, records looks, ends.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use seal::Share;
use vault::prove::verify_proof;
use vault::room::process::{RoomClient, RoomProcess, StartError};
use vault::room::protocol::{Answer, Ask, Found, Secret, Status, Unlock};
use wire::Kind;

use crate::archive::Archive;

pub(crate) fn unlock(archive: &Archive, shares: &[Share]) -> Unlock {
    Unlock {
        folder: archive.vault_folder().path().to_string_lossy().into_owned(),
        keyring: archive.keyring().to_string_lossy().into_owned(),
        stores: Vec::new(),
        secret: Secret::Shares(
            shares
                .iter()
                .map(|share| share.to_words().to_string())
                .collect(),
        ),
        who: "Anna".to_owned(),
        idle_seconds: 0,
    }
}

pub(crate) fn open(archive: &Archive) -> RoomProcess {
    let command = Command::new(env!("CARGO_BIN_EXE_vault-room"));
    RoomProcess::start(command, &unlock(archive, &archive.shares[..2])).unwrap()
}

pub(crate) fn client(archive: &Archive) -> RoomClient {
    RoomClient::connect(&archive.vault_folder().socket(), "Anna").unwrap()
}

fn status(answer: Answer) -> Status {
    match answer {
        Answer::Status(status) => status,
        _ => panic!("no status"),
    }
}

pub(crate) fn search(client: &mut RoomClient, query: &str) -> Found {
    let ask = Ask::Search {
        query: query.to_owned(),
        limit: 10,
        after: None,
        order: "newest".to_owned(),
        facets: false,
        zone: String::new(),
    };
    match client.ask(ask).unwrap() {
        Answer::Found(found) => found,
        Answer::Problem { why, .. } => panic!("{why}"),
        _ => panic!("no hits"),
    }
}

pub(crate) async fn followed(archive: &Archive) -> u64 {
    let mut locked = archive.locked();
    while locked.step().await.unwrap().more {}
    archive.relay.log().leaves.len() as u64
}

pub(crate) fn filed(client: &mut RoomClient, through: u64) -> Status {
    status(client.ask(Ask::Filed { through }).unwrap())
}

/// ROOM-6.
#[tokio::test]
async fn room_6_opens_files_finds_shows_and_ends() {
    let mut archive = Archive::new();
    let ids = archive.batch(&["the marker budget is agreed", "nothing of note"]);
    let through = followed(&archive).await;
    let mut room = open(&archive);
    assert!(room.hardening().not_dumpable && room.hardening().no_core);
    kernel_says_so(&room);
    let mut client = client(&archive);
    let status = filed(&mut client, through);
    assert_eq!(
        (status.filed, status.records, status.partitions),
        (through, 2, 1)
    );
    let found = search(&mut client, "budget");
    assert_eq!(found.total, 1);
    assert_eq!(found.hits[0].record, ids[0].to_string());
    let shown = match client
        .ask(Ask::Show {
            record: ids[0].to_string(),
            before: 5,
            after: 5,
        })
        .unwrap()
    {
        Answer::Shown(shown) => shown,
        _ => panic!("not shown"),
    };
    assert_eq!(shown.text, "the marker budget is agreed");
    assert_eq!(shown.around.items.len(), 2);
    assert!(!shown.provenance.witnessed);
    // What comes later is filed too.
    archive.batch(&["a later budget"]);
    let through = followed(&archive).await;
    filed(&mut client, through);
    assert_eq!(search(&mut client, "budget").total, 2);
    // ROOM-5: asked to lock, process and socket are gone.
    assert!(matches!(client.ask(Ask::Lock).unwrap(), Answer::Done));
    while !room.has_ended().unwrap() {
        std::thread::yield_now();
    }
    assert!(!archive.vault_folder().socket().exists());
    // Nothing readable stays on the vault's disk.
    assert_eq!(
        holding(archive.folder.path(), b"marker"),
        Vec::<String>::new()
    );
}

/// The kernel is asked whether the room is hardened as it says (ROOM-6).
fn kernel_says_so(room: &RoomProcess) {
    let process = PathBuf::from(format!("/proc/{}", room.id()));
    let limits = std::fs::read_to_string(process.join("limits")).unwrap();
    let core = limits.lines().find(|line| line.contains("core file size"));
    let zeros = core.unwrap().split_whitespace().filter(|word| *word == "0");
    assert_eq!(zeros.count(), 2, "{core:?}");
    // What is not dumpable belongs to root, whoever runs it.
    let owner = std::fs::metadata(process.join("environ")).unwrap().uid();
    assert_eq!(owner, 0);
    let smaps = match std::fs::read_to_string(process.join("smaps")) {
        Ok(smaps) => smaps,
        Err(error) => {
            assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied);
            return;
        }
    };
    let mut flags: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut of = "";
    for line in smaps.lines() {
        match line.strip_prefix("VmFlags:") {
            Some(these) => flags
                .entry(of)
                .or_default()
                .extend(these.split_whitespace()),
            None if line.contains("secretmem") => of = "keys",
            None if line
                .split(' ')
                .next()
                .is_some_and(|word| word.contains('-')) =>
            {
                of = ""
            }
            None => {}
        }
    }
    let has = |mapping, flag| flags.get(mapping).is_some_and(|all| all.contains(&flag));
    assert_eq!(flags.contains_key("keys"), room.hardening().secret_memory);
    // Locked, and in no dump.
    assert!(!flags.contains_key("keys") || has("keys", "lo") && has("keys", "dd"));
}

/// ROOM-2.
#[tokio::test]
async fn room_2_a_wrong_secret_and_too_few_shares_are_refused() {
    let archive = Archive::new();
    followed(&archive).await;
    let command = Command::new(env!("CARGO_BIN_EXE_vault-room"));
    let refused = RoomProcess::start(command, &unlock(&archive, &archive.shares[..1]));
    assert!(matches!(
        refused,
        Err(StartError::Refused {
            wrong_secret: true,
            ..
        })
    ));
    let command = Command::new(env!("CARGO_BIN_EXE_vault-room"));
    let wrong = Unlock {
        secret: Secret::Shares(vec!["abandon abandon".to_owned()]),
        ..unlock(&archive, &[])
    };
    assert!(matches!(
        RoomProcess::start(command, &wrong),
        Err(StartError::Refused {
            wrong_secret: true,
            ..
        })
    ));
    assert!(!archive.vault_folder().socket().exists());
}

/// ROOM-4.
#[tokio::test]
async fn room_4_looks_are_in_the_log_and_refused_when_they_can_not_be_recorded() {
    let mut archive = Archive::new();
    archive.batch(&["the budget"]);
    let through = followed(&archive).await;
    let room = open(&archive);
    let mut client = client(&archive);
    filed(&mut client, through);
    search(&mut client, "budget");
    let through = followed(&archive).await;
    let audits = |archive: &Archive| {
        archive
            .relay
            .kinds()
            .iter()
            .filter(|kind| **kind == Kind::Audit)
            .count()
    };
    assert_eq!(audits(&archive), 2, "unlock and search");
    filed(&mut client, through);
    let looks = match client.ask(Ask::Audit { limit: 10 }).unwrap() {
        Answer::Audit(looks) => looks,
        _ => panic!("no looks"),
    };
    let whats: Vec<_> = looks.iter().map(|look| look.what.as_str()).collect();
    assert_eq!(whats, ["search", "unlock"]);
    assert!(
        looks[0]
            .facts
            .contains(&("query".to_owned(), "budget".to_owned()))
    );
    // The spool fails: nothing is shown.
    rusqlite_break(&archive.vault_folder().outbox());
    let ask = Ask::Search {
        query: "budget".to_owned(),
        limit: 1,
        after: None,
        order: String::new(),
        facets: false,
        zone: String::new(),
    };
    assert!(matches!(client.ask(ask).unwrap(), Answer::Problem { code, .. } if code == "audit"));
    room.lock().unwrap();
}

/// ROOM-7.
#[tokio::test]
async fn room_7_a_killed_room_goes_on_and_a_damaged_partition_is_made_again() {
    let mut archive = Archive::new();
    for batch in 0..40 {
        archive.batch(&[&format!("budget {batch}"), &format!("other {batch}")]);
    }
    let through = followed(&archive).await;
    // Killed at several moments while it files.
    for pause in [0, 1, 3, 10] {
        let room = open(&archive);
        for _ in 0..pause {
            status(client(&archive).ask(Ask::Status).unwrap());
        }
        kill(room.id());
        drop(room);
    }
    let room = open(&archive);
    let mut asking = client(&archive);
    assert_eq!(filed(&mut asking, through).records, 80);
    assert_eq!(search(&mut asking, "budget").total, 40);
    room.lock().unwrap();
    // The index's list of segments is altered: noticed when the partition is opened.
    let index = archive
        .vault_folder()
        .partitions()
        .join(archive.epoch.to_string())
        .join("index");
    let flip = |of: &dyn Fn(&str) -> bool| {
        for file in std::fs::read_dir(&index).unwrap() {
            let path = file.unwrap().path();
            if of(&path.file_name().unwrap().to_string_lossy()) {
                let mut bytes = std::fs::read(&path).unwrap();
                for at in (0..bytes.len()).step_by(1000) {
                    bytes[at] ^= 1;
                }
                std::fs::write(&path, bytes).unwrap();
            }
        }
    };
    flip(&|name| name.starts_with("meta."));
    let room = open(&archive);
    let mut asking = client(&archive);
    let status = filed(&mut asking, through);
    assert_eq!(status.records, 80);
    assert!(
        status.notes.iter().any(|note| note.contains("made again")),
        "{:?}",
        status.notes
    );
    room.lock().unwrap();
    // Its segments are altered: noticed by a search at the latest.
    flip(&|name| !name.starts_with("meta."));
    let room = open(&archive);
    let mut asking = client(&archive);
    filed(&mut asking, through);
    let ask = Ask::Search {
        query: "budget".to_owned(),
        limit: 1,
        after: None,
        order: String::new(),
        facets: false,
        zone: String::new(),
    };
    let first = asking.ask(ask).unwrap();
    assert!(!matches!(&first, Answer::Found(found) if found.total != 40));
    assert_eq!(filed(&mut asking, through).records, 80);
    assert_eq!(search(&mut asking, "budget").total, 40);
    room.lock().unwrap();
    // Without any partition: all of it again.
    std::fs::remove_dir_all(archive.vault_folder().partitions()).unwrap();
    let room = open(&archive);
    assert_eq!(filed(&mut client(&archive), through).records, 80);
    room.lock().unwrap();
}

/// ROOM-7.
#[tokio::test]
async fn room_7_what_does_not_open_is_a_problem_and_filing_goes_on() {
    let mut archive = Archive::new();
    archive.garbage();
    archive.batch(&["second"]);
    let through = followed(&archive).await;
    let room = open(&archive);
    let mut client = client(&archive);
    let status = filed(&mut client, through);
    assert_eq!((status.records, status.filed), (1, through));
    match client.ask(Ask::Gaps).unwrap() {
        Answer::Gaps { problems, .. } => assert_eq!(problems[0].index, 4),
        _ => panic!("no gaps"),
    }
    room.lock().unwrap();
}

#[tokio::test]
async fn an_object_damaged_on_this_disk_is_fetched_again_and_filed() {
    let mut archive = Archive::new();
    archive.batch(&["first"]);
    archive.batch(&["second"]);
    let through = followed(&archive).await;
    let mirror = archive.vault_folder().mirror();
    let first = wire::Leaf::parse(&archive.relay.log().leaves[4])
        .unwrap()
        .entry()
        .objects()[0]
        .hash;
    let mut bytes = std::fs::read(mirror.object_path(first)).unwrap();
    bytes[1500] ^= 1;
    std::fs::write(mirror.object_path(first), bytes).unwrap();
    let room = open(&archive);
    let mut client = client(&archive);
    let status = filed(&mut client, through);
    assert_eq!((status.records, status.filed), (1, 4));
    assert!(status.notes.iter().any(|note| note.contains("damaged")));
    followed(&archive).await;
    while status_of(&mut client).records < 2 {
        std::thread::yield_now();
    }
    room.lock().unwrap();
}

pub(crate) fn status_of(client: &mut RoomClient) -> Status {
    status(client.ask(Ask::Status).unwrap())
}

/// PROOF-1.
#[tokio::test]
async fn proof_1_proves_what_is_shown_and_refuses_any_alteration() {
    let mut archive = Archive::new();
    let secret = archive.attached("the plan is attached", &vec![0x5a; 150_000]);
    let through = followed(&archive).await;
    let room = open(&archive);
    let mut client = client(&archive);
    filed(&mut client, through);
    let mut bytes = Vec::new();
    let ask = Ask::Attachment {
        record: secret.to_string(),
        index: 0,
    };
    assert!(matches!(
        client.ask_bytes(ask, &mut bytes).unwrap(),
        Answer::Bytes {
            length: 150_000,
            ..
        }
    ));
    assert_eq!(bytes, vec![0x5a; 150_000]);
    let mut prove = |show: &[&str], attachments: &[u32]| {
        let mut proof = Vec::new();
        let ask = Ask::Prove {
            record: secret.to_string(),
            show: show.iter().map(|part| (*part).to_owned()).collect(),
            attachments: attachments.to_vec(),
        };
        match client.ask_bytes(ask, &mut proof).unwrap() {
            Answer::Bytes { .. } => proof,
            Answer::Problem { why, .. } => panic!("{why}"),
            _ => panic!("no proof"),
        }
    };
    let fingerprint = archive.genesis.archive_id();
    let whole = prove(&["envelope", "participants", "body", "original"], &[0]);
    let report = verify_proof(&whole, Some(fingerprint)).unwrap();
    assert!(report.archive_expected && report.control_whole);
    assert_eq!(
        report.attachments[0].2.as_ref().unwrap().as_slice(),
        vec![0x5a; 150_000]
    );
    assert!(report.parts.iter().all(|(_, shown)| *shown));
    // PROOF-2, PROOF-3: what is withheld is not in the file.
    let redacted = prove(&["envelope"], &[]);
    let report = verify_proof(&redacted, None).unwrap();
    assert!(report.body.is_none() && report.envelope.is_some() && !report.archive_expected);
    assert!(!redacted.windows(8).any(|window| window == b"the plan"));
    let other = wire::ArchiveId::from_bytes([1; 32]);
    assert_eq!(
        verify_proof(&redacted, Some(other)).unwrap_err().check(),
        "archive"
    );
    // Every byte counts: a sample of them over the whole file.
    for at in (0..redacted.len()).step_by(7) {
        let mut altered = redacted.clone();
        altered[at] ^= 1;
        assert!(
            verify_proof(&altered, Some(fingerprint)).is_err(),
            "byte {at}"
        );
    }
    let at = whole
        .windows(8)
        .position(|window| window == b"the plan")
        .unwrap();
    let mut altered = whole;
    altered[at] = b'T';
    assert_eq!(
        verify_proof(&altered, Some(fingerprint))
            .unwrap_err()
            .check(),
        "commitment"
    );
    room.lock().unwrap();
}

#[tokio::test]
async fn people_are_found_by_name_and_their_names_stay_sealed() {
    let mut archive = Archive::new();
    let id = archive.batch(&["hello there"])[0];
    let through = followed(&archive).await;
    let room = open(&archive);
    let mut client = client(&archive);
    filed(&mut client, through);
    let csv = "id,name,network,account,from,to\ne1,Marker Quist,signal,tel:+49301,,\n".to_owned();
    assert!(
        matches!(client.ask(Ask::ImportPeople { csv }).unwrap(), Answer::Imported(done) if done.accounts == 1)
    );
    assert_eq!(search(&mut client, "from:quist").total, 1);
    match client
        .ask(Ask::Show {
            record: id.to_string(),
            before: 0,
            after: 0,
        })
        .unwrap()
    {
        Answer::Shown(shown) => assert_eq!(shown.authors[0].persons, ["e1"]),
        _ => panic!("not shown"),
    }
    room.lock().unwrap();
    assert_eq!(
        holding(archive.folder.path(), b"Marker"),
        Vec::<String>::new()
    );
}

fn kill(id: u32) {
    let id = rustix::process::Pid::from_raw(i32::try_from(id).unwrap()).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::KILL).unwrap();
}

fn rusqlite_break(path: &Path) {
    rusqlite::Connection::open(path)
        .unwrap()
        .execute_batch("ALTER TABLE pending RENAME TO elsewhere")
        .unwrap();
}

/// Files below a folder that hold these bytes.
pub(crate) fn holding(folder: &Path, needle: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holding(&path, needle));
        } else if std::fs::read(&path)
            .unwrap_or_default()
            .windows(needle.len())
            .any(|window| window == needle)
        {
            found.push(path.to_string_lossy().into_owned());
        }
    }
    found
}

/// ROOM-5.
#[tokio::test]
async fn room_5_ends_when_idle_or_when_its_parent_lets_go() {
    let archive = Archive::new();
    followed(&archive).await;
    let command = Command::new(env!("CARGO_BIN_EXE_vault-room"));
    let idle = Unlock {
        idle_seconds: 1,
        ..unlock(&archive, &archive.shares[1..])
    };
    let mut room = RoomProcess::start(command, &idle).unwrap();
    while !room.has_ended().unwrap() {
        std::thread::yield_now();
    }
    assert!(RoomClient::connect(&archive.vault_folder().socket(), "Anna").is_err());
    // Closing the pipe is what the kernel does when the parent dies.
    open(&archive).lock().unwrap();
    assert!(RoomClient::connect(&archive.vault_folder().socket(), "Anna").is_err());
    followed(&archive).await;
    let audits = archive
        .relay
        .kinds()
        .iter()
        .filter(|kind| **kind == Kind::Audit)
        .count();
    assert_eq!(audits, 4, "unlocked and locked twice");
}

/// ROOM-3.
#[tokio::test]
async fn room_3_the_socket_is_its_users_alone_and_there_is_one_room() {
    use std::os::unix::fs::PermissionsExt;
    let archive = Archive::new();
    followed(&archive).await;
    let room = open(&archive);
    let socket = archive.vault_folder().socket();
    assert_eq!(
        std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let command = Command::new(env!("CARGO_BIN_EXE_vault-room"));
    assert!(RoomProcess::start(command, &unlock(&archive, &archive.shares[..2])).is_err());
    assert!(matches!(
        client(&archive).ask(Ask::Status).unwrap(),
        Answer::Status(_)
    ));
    room.lock().unwrap();
}

#[tokio::test]
async fn a_destroyed_epoch_takes_its_partition_along() {
    let mut archive = Archive::new();
    archive.batch(&["the budget"]);
    let through = followed(&archive).await;
    let room = open(&archive);
    assert_eq!(filed(&mut client(&archive), through).records, 1);
    room.lock().unwrap();
    archive.destroy_epoch();
    let room = open(&archive);
    let mut asking = client(&archive);
    let status = filed(&mut asking, through);
    assert_eq!((status.records, status.partitions), (0, 0));
    match asking.ask(Ask::Gaps).unwrap() {
        Answer::Gaps { problems, .. } => assert!(problems.is_empty()),
        _ => panic!("no gaps"),
    }
    assert!(
        !archive
            .vault_folder()
            .partitions()
            .join(archive.epoch.to_string())
            .exists()
    );
    assert_eq!(search(&mut asking, "budget").total, 0);
    room.lock().unwrap();
    // RING-3: the keyring of before is not taken any more.
    archive.restore_keyring();
    let command = Command::new(env!("CARGO_BIN_EXE_vault-room"));
    let refused = RoomProcess::start(command, &unlock(&archive, &archive.shares[..2]));
    assert!(matches!(
        refused,
        Err(StartError::Refused {
            wrong_secret: false,
            ..
        })
    ));
}

/// ROOM-4: the network's own bytes, inline or as an attachment, each look recorded.
#[tokio::test]
async fn the_networks_original_bytes_are_given_and_the_look_is_recorded() {
    let mut archive = Archive::new();
    let id = archive.batch(&["the original wording"])[0];
    let without = archive.records(vec![crate::archive::in_roster("no original", id)])[0];
    let large = vec![0x4a; 300_000];
    let attached = archive.original_attached("much raw text", &large);
    let through = followed(&archive).await;
    let room = open(&archive);
    let mut client = client(&archive);
    filed(&mut client, through);
    let mut original = |record: String| {
        let mut bytes = Vec::new();
        let answer = client.ask_bytes(Ask::Original { record }, &mut bytes);
        (answer.unwrap(), bytes)
    };
    let (answer, bytes) = original(id.to_string()[..12].to_owned());
    let Answer::Bytes {
        name,
        media_type,
        length,
    } = answer
    else {
        panic!("no bytes");
    };
    assert_eq!((name, length), (None, bytes.len() as u64));
    assert_eq!(media_type.as_deref(), Some("text/plain"));
    assert_eq!(bytes, b"the original wording");
    let (answer, bytes) = original(attached.to_string());
    assert!(
        matches!(
            answer,
            Answer::Bytes {
                length: 300_000,
                ..
            }
        ) && bytes == large
    );
    let (answer, bytes) = original(without.to_string());
    assert!(matches!(answer, Answer::Problem { code, .. } if code == "not-found"));
    assert!(bytes.is_empty());
    followed(&archive).await;
    filed(&mut client, archive.relay.log().leaves.len() as u64);
    let looks = match client.ask(Ask::Audit { limit: 100 }).unwrap() {
        Answer::Audit(looks) => looks,
        _ => panic!("no audit"),
    };
    let originals: Vec<_> = looks
        .iter()
        .filter(|look| look.what == "original")
        .map(|look| look.records.clone())
        .collect();
    assert_eq!(originals.len(), 2, "what was shown, and nothing else");
    assert!(originals.contains(&vec![id.to_string()]));
    room.lock().unwrap();
}
