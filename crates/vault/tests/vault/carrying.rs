//! Records that were carried to a later epoch, in the room (CARRY-2, ROOM-8).

use vault::prove::verify_proof;
use vault::room::process::RoomClient;
use vault::room::protocol::{Answer, Ask, Shown, Status};

use crate::archive::Archive;
use crate::reading::{client, filed, followed, open, search};

fn show(client: &mut RoomClient, record: &str) -> Shown {
    let ask = Ask::Show {
        record: record.to_owned(),
        before: 5,
        after: 5,
    };
    match client.ask(ask).unwrap() {
        Answer::Shown(shown) => *shown,
        Answer::Problem { why, .. } => panic!("{why}"),
        _ => panic!("not shown"),
    }
}

fn status(client: &mut RoomClient) -> Status {
    match client.ask(Ask::Status).unwrap() {
        Answer::Status(status) => status,
        _ => panic!("no status"),
    }
}

fn problems(client: &mut RoomClient) -> Vec<String> {
    match client.ask(Ask::Gaps).unwrap() {
        Answer::Gaps { problems, .. } => problems.into_iter().map(|one| one.what).collect(),
        _ => panic!("no gaps"),
    }
}

/// PARTITION-14: under the original index, and known to be filed whatever the partition's mark says.
#[tokio::test]
async fn room_8_a_carried_record_is_found_once_before_and_after_its_epoch_ends() {
    let mut archive = Archive::new();
    let first = archive.epoch;
    let ids = archive.batch(&["a budget that is held", "a budget that is due"]);
    let original = archive.newest();
    let attached = archive.attached("a held budget with a plan", &vec![0x33; 150_000]);
    let original_attached = archive.newest();
    let later = archive.another_epoch();
    archive.seal_to(later);
    followed(&archive).await;
    let carry = archive.carry(original, &[0], later);
    archive.carry(original_attached, &[0], later);
    archive.batch(&["a budget of the later month"]);
    let through = followed(&archive).await;

    // Both exist: no doubles, and the carry is told.
    let room = open(&archive);
    let mut asking = client(&archive);
    let standing = filed(&mut asking, through);
    assert_eq!((standing.filed, standing.records), (through, 4));
    assert_eq!(search(&mut asking, "budget").total, 4);
    let shown = show(&mut asking, &ids[0].to_string());
    let carried = shown.provenance.carried.unwrap();
    assert_eq!((carried.index, carried.opened_from), (carry.get(), false));
    assert_eq!(shown.provenance.epoch, first.to_string());
    let shown = show(&mut asking, &ids[1].to_string());
    assert!(shown.provenance.carried.is_none());
    assert_eq!(problems(&mut asking), Vec::<String>::new());
    room.lock().unwrap();

    // The epoch ends: what was carried stays, what was not is gone.
    archive.destroy(first);
    for _ in 0..2 {
        let room = open(&archive);
        let mut asking = client(&archive);
        let standing = filed(&mut asking, through);
        assert_eq!((standing.filed, standing.records), (through, 3));
        assert_eq!(search(&mut asking, "budget").total, 3);
        assert_eq!(search(&mut asking, "due").total, 0);
        let found = search(&mut asking, "held -plan");
        assert_eq!(found.total, 1);
        assert_eq!(found.hits[0].place, (original.get(), 0));
        let shown = show(&mut asking, &ids[0].to_string());
        assert_eq!(shown.text, "a budget that is held");
        assert_eq!(shown.provenance.index, original.get());
        let carried = shown.provenance.carried.unwrap();
        assert_eq!((carried.index, carried.opened_from), (carry.get(), true));
        assert_eq!(carried.epoch, later.to_string());
        // Its attachment, sealed once and for all under its own key, is there too.
        let mut bytes = Vec::new();
        let ask = Ask::Attachment {
            record: attached.to_string(),
            index: 0,
        };
        asking.ask_bytes(ask, &mut bytes).unwrap();
        assert_eq!(bytes, vec![0x33; 150_000]);
        // And it is proved against its original entry.
        let mut proof = Vec::new();
        let ask = Ask::Prove {
            record: ids[0].to_string(),
            show: vec!["envelope".to_owned(), "body".to_owned()],
            attachments: Vec::new(),
        };
        asking.ask_bytes(ask, &mut proof).unwrap();
        let report = verify_proof(&proof, Some(archive.genesis.archive_id())).unwrap();
        assert!(report.body.is_some());
        room.lock().unwrap();
    }

    // The partition is made again, from the carry.
    let folder = archive.vault_folder().partitions().join(later.to_string());
    std::fs::remove_dir_all(folder).unwrap();
    let room = open(&archive);
    let mut asking = client(&archive);
    filed(&mut asking, through);
    assert_eq!(search(&mut asking, "budget").total, 3);
    assert_eq!(status(&mut asking).records, 3);
    room.lock().unwrap();
}

#[tokio::test]
async fn carry_2_what_is_not_the_original_record_is_a_problem_before_the_key_is_destroyed() {
    let mut archive = Archive::new();
    archive.batch(&["one budget"]);
    let one = archive.newest();
    archive.batch(&["another budget"]);
    let another = archive.newest();
    let later = archive.another_epoch();
    followed(&archive).await;
    // Sealed from one entry, and said to be of the other.
    let index = archive.carry_as(one, &[0], later, another);
    archive.carry(another, &[0], later);
    let through = followed(&archive).await;
    let room = open(&archive);
    let mut asking = client(&archive);
    filed(&mut asking, through);
    let told = problems(&mut asking);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("does not open"), "{told:?}");
    room.lock().unwrap();
    archive.destroy(archive.epoch);
    let room = open(&archive);
    let mut asking = client(&archive);
    filed(&mut asking, through);
    assert_eq!(
        search(&mut asking, "budget").total,
        1,
        "entry {index} gives nothing"
    );
    room.lock().unwrap();
}
