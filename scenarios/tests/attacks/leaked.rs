//! ONLY-OWNER: markers stand in every field of every message. Nothing between the custodian and the
//! owner holds one of them, in any form: not the relay's memory under load, its disk, log and
//! metrics; not the agent's disk; not the vault's disk; not the memory of the vault's locked part
//! after somebody has unlocked, searched and locked. All of them are found where they belong.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, channel};

use scenarios::markers::{Family, Field, Search};
use scenarios::memory::{self, Memory};
use scenarios::office::PASSPHRASE;
use scenarios::process::{Part, Said, relay_at};
use scenarios::source::{FILES_EVERY, Messages};
use testkit::Seeded;
use vault::prove::verify_proof;
use vault::room::process::{RoomClient, RoomProcess};
use vault::room::protocol::{Answer, Ask, Secret, Unlock};

use crate::Scene;

const RELAY: usize = 0;
const AGENT: usize = 1;
const VAULT: usize = 2;

#[test]
fn markers_of_eight_hundred_messages_are_nowhere_but_with_the_owner() {
    markers(800, |process, _| Memory::of_process(process));
}

#[test]
#[ignore = "long: cargo xtask assurance"]
fn markers_of_twenty_thousand_messages_are_in_no_dump() {
    markers(20_000, |process, scene| {
        Memory::dumped(process, scene.folder.path())
    });
}

/// Everything here is looked for with `remember`, which reads the memory of a process.
fn markers(count: u64, remember: fn(u32, &Scene) -> Memory) {
    let scene = Scene::new(count);
    let randomness = &mut Seeded::new(count ^ 0x6d61_726b);
    let messages = Messages {
        family: Family::draw(randomness),
        count,
        file_bytes: 40_000,
    };
    let canary = Family::draw(randomness);
    let search = messages.family.search();
    let (to, from) = channel();

    // A relay that holds a canary in each kind of mapping, and writes all that it can to its log.
    let log = scene.folder.path().join("relay.log");
    let mut command = scene
        .parts
        .relay(&scene.relay_folder(), 0, Some(canary.word()));
    command.stderr(File::create(&log).unwrap());
    let relay = Part::start(command, RELAY, &to);
    let mut canaries: Vec<(String, u64)> = Vec::new();
    let (address, operations) = loop {
        let line = next(&from, RELAY);
        if let Some((kind, place)) = line
            .strip_prefix("canary ")
            .and_then(|rest| rest.split_once(' '))
        {
            canaries.push((kind.to_owned(), u64::from_str_radix(place, 16).unwrap()));
        }
        if let Some(at) = relay_at(&line) {
            break at;
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(scene.office.begin_log(&address));
    let vault = Part::start(scene.parts.vault(&address), VAULT, &to);
    let agent = Part::start(scene.parts.agent(&address, &messages), AGENT, &to);

    // In the middle of the import: some is admitted, some is on its way.
    wait(&from, |said| {
        said.part == VAULT && held(said).is_some_and(|held| held > 5)
    });
    let busy = remember(relay.id(), &scene);
    none(&busy, &search, "the relay's memory under load");
    finds(&busy, &canary, &canaries);
    wait(&from, |said| {
        said.part == AGENT && said.line.as_deref() == Some("done")
    });

    let quiet = remember(relay.id(), &scene);
    none(&quiet, &search, "the relay's memory at the end");
    finds(&quiet, &canary, &canaries);
    nothing_is_left_out_of_dumps(relay.id());
    let metrics = http_get(&operations, "/metrics");
    assert!(metrics.contains("200 OK"), "{metrics}");
    assert_eq!(search.within(metrics.as_bytes()), []);
    assert_eq!(search.within(&std::fs::read(&log).unwrap()), []);
    assert!(
        std::fs::metadata(&log).unwrap().len() > 0,
        "the relay has written a log"
    );
    assert_eq!(
        search.within_folder(&scene.relay_folder()),
        Vec::<String>::new()
    );

    // The agent's memory has them, as it must: this is what the search is good for.
    drop(agent);
    assert_eq!(
        search.within_folder(&scene.office.agent()),
        Vec::<String>::new()
    );
    none(
        &remember(vault.id(), &scene),
        &search,
        "the locked vault's memory",
    );

    let room = the_owner_finds_everything(&scene, &messages);
    assert_eq!(
        search.within_folder(scene.office.vault().path()),
        Vec::<String>::new(),
        "while it is open"
    );
    let process = room.id();
    room.lock().unwrap();
    assert!(
        !std::path::Path::new(&format!("/proc/{process}")).exists(),
        "the room's process has ended"
    );
    assert!(
        !scene.office.vault().socket().exists(),
        "and its socket is gone"
    );
    assert!(RoomClient::connect(&scene.office.vault().socket(), "test").is_err());
    assert_eq!(
        search.within_folder(scene.office.vault().path()),
        Vec::<String>::new(),
        "after it was locked"
    );
    none(
        &remember(vault.id(), &scene),
        &search,
        "the locked vault's memory after a search",
    );
    none(
        &remember(relay.id(), &scene),
        &search,
        "the relay's memory after a search",
    );
}

/// Unlocks, and finds each marker where it belongs.
fn the_owner_finds_everything(scene: &Scene, messages: &Messages) -> RoomProcess {
    let vault = scene.office.vault();
    let unlock = Unlock {
        stores: Vec::new(),
        folder: vault.path().to_str().unwrap().to_owned(),
        keyring: scene.office.keyring().to_str().unwrap().to_owned(),
        secret: Secret::Passphrase(PASSPHRASE.to_owned()),
        who: "test".to_owned(),
        idle_seconds: 0,
    };
    let room = RoomProcess::start(scene.parts.room(), &unlock).unwrap();
    let hardening = room.hardening();
    assert!(hardening.not_dumpable && hardening.no_core);
    if hardening.secret_memory {
        // The kernel shows the mapping of the keys to root alone, since the room is not dumpable.
        match std::fs::read_to_string(format!("/proc/{}/maps", room.id())) {
            Ok(maps) => assert!(maps.contains("secretmem"), "keys lie in secret memory"),
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied),
        }
    }

    let mut client = RoomClient::connect(&vault.socket(), "test").unwrap();
    let Answer::Status(status) = client.ask(Ask::Filed { through: 1 }).unwrap() else {
        panic!("a status")
    };
    let size = status.verified;
    let Answer::Status(status) = client.ask(Ask::Filed { through: size }).unwrap() else {
        panic!("a status")
    };
    assert_eq!(status.records, messages.count);

    let word = messages.family.word();
    let files = (0..messages.count)
        .filter(|number| Messages::has_file(*number))
        .count() as u64;
    let total = |client: &mut RoomClient, query: String| found(client, query).0;
    let of = |field, number| messages.family.marker(field, number);
    let all = |field| {
        let one = of(field, 0);
        format!("{}*", &one[..=word.len()])
    };
    assert_eq!(total(&mut client, all(Field::Text)), messages.count);
    for number in (0..messages.count).step_by(usize::try_from(messages.count / 16).unwrap() + 3) {
        assert_eq!(
            total(&mut client, of(Field::Text, number)),
            1,
            "text of {number}"
        );
        assert_eq!(
            total(&mut client, format!("from:{}", of(Field::Name, number))),
            1,
            "name of {number}"
        );
        assert_eq!(
            total(&mut client, format!("from:{}", of(Field::Number, number))),
            1,
            "number of {number}"
        );
        assert!(
            total(&mut client, format!("in:{}", of(Field::Title, number))) >= 1,
            "title of {number}"
        );
    }
    for number in (3..messages.count)
        .step_by(usize::try_from(FILES_EVERY).unwrap())
        .take(3)
    {
        let (total, records) = found(&mut client, of(Field::Text, number));
        assert_eq!(total, 1);
        let record = records[0].clone();
        let Answer::Shown(shown) = client
            .ask(Ask::Show {
                record: record.clone(),
                before: 0,
                after: 0,
            })
            .unwrap()
        else {
            panic!("a record")
        };
        assert!(
            shown.attachments[0]
                .name
                .as_ref()
                .unwrap()
                .starts_with(&of(Field::FileName, number))
        );
        assert_eq!(shown.title, Some(of(Field::Title, number)));
        assert_eq!(shown.conversation.1, of(Field::Account, 0));
        let mut bytes = Vec::new();
        client
            .ask_bytes(
                Ask::Attachment {
                    record: record.clone(),
                    index: 0,
                },
                &mut bytes,
            )
            .unwrap();
        assert_eq!(bytes, messages.file(number));
        let mut proof = Vec::new();
        let show = vec!["original".to_owned()];
        client
            .ask_bytes(
                Ask::Prove {
                    record,
                    show,
                    attachments: Vec::new(),
                },
                &mut proof,
            )
            .unwrap();
        let proven = verify_proof(&proof, Some(scene.office.genesis().archive_id())).unwrap();
        let expected = messages.message(number);
        assert!(
            proven.original.as_ref() == expected.original(),
            "original of {number}"
        );
    }
    assert!(files > 0);
    room
}

/// How many records a query finds, and the ids of the first.
/// How many records a query finds, and the first of them.
pub(crate) fn found(client: &mut RoomClient, query: String) -> (u64, Vec<String>) {
    let ask = Ask::Search {
        query,
        limit: 5,
        after: None,
        order: "newest".to_owned(),
        facets: false,
        zone: String::new(),
    };
    match client.ask(ask).unwrap() {
        Answer::Found(found) => (
            found.total,
            found.hits.into_iter().map(|hit| hit.record).collect(),
        ),
        Answer::Problem { why, .. } => panic!("{why}"),
        _ => panic!("hits"),
    }
}

/// The search works: it finds the canary at each place where the process has put it.
fn finds(memory: &Memory, canary: &Family, places: &[(String, u64)]) {
    assert_eq!(places.len(), 10, "{places:?}");
    for (kind, place) in places {
        assert!(
            memory.has(*place, canary.word().as_bytes()),
            "the canary in {kind}"
        );
    }
    assert!(memory.search(&canary.search()).len() >= 5);
}

/// All of the process's memory is in its dumps, but for the mapping that the canary asked to be
/// left out: no part of the relay has asked so.
fn nothing_is_left_out_of_dumps(process: u32) {
    let left_out = memory::mappings(process)
        .into_iter()
        .filter(|mapping| mapping.is_left_out_of_dumps() && !mapping.is_of_kernel())
        .collect::<Vec<_>>();
    assert_eq!(left_out.len(), 1, "{left_out:?}");
}

fn none(memory: &Memory, search: &Search, place: &str) {
    assert!(memory.len() > 1 << 20, "{place} could be read");
    let found = memory.search(search);
    assert!(found.is_empty(), "{place}: {found:x?}");
}

fn next(from: &Receiver<Said>, part: usize) -> String {
    wait(from, |said| said.part == part).line.unwrap()
}

fn wait(from: &Receiver<Said>, what: impl Fn(&Said) -> bool) -> Said {
    loop {
        let said = from.recv().unwrap();
        let found = what(&said);
        assert!(
            said.line.is_some() || said.part == AGENT,
            "part {} ended",
            said.part
        );
        if found {
            return said;
        }
    }
}

fn held(said: &Said) -> Option<u64> {
    said.line.as_deref()?.strip_prefix("held ")?.parse().ok()
}

fn http_get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
