//! Rosters of one epoch, named by records of another (PARTITION-13).

use vault::room::process::RoomClient;
use vault::room::protocol::{Answer, Ask, Shown};

use crate::archive::{Archive, in_roster, roster};
use crate::reading::{client, filed, followed, holding, open, search};

const MEMBERS: [(&str, &str); 2] = [
    ("tel:+49301", "Anna Keller"),
    ("tel:+49302", "Bo Lindqvist"),
];

fn show(client: &mut RoomClient, record: &str) -> Shown {
    let ask = Ask::Show {
        record: record.to_owned(),
        before: 0,
        after: 0,
    };
    match client.ask(ask).unwrap() {
        Answer::Shown(shown) => *shown,
        Answer::Problem { why, .. } => panic!("{why}"),
        _ => panic!("not shown"),
    }
}

/// Title and members are shown, and the message is found by both.
fn known(client: &mut RoomClient, record: &str) {
    let shown = show(client, record);
    assert_eq!(shown.title.as_deref(), Some("Rates desk"));
    let members: Vec<_> = shown.members.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(members, ["tel:+49301", "tel:+49302"]);
    assert!(shown.members[1].names.contains(&"Bo Lindqvist".to_owned()));
    for query in [
        "budget to:lindqvist",
        "budget with:keller",
        "budget in:rates",
    ] {
        let found = search(client, query);
        assert_eq!(found.total, 1, "{query}");
        assert_eq!(found.hits[0].title, "Rates desk");
    }
    assert_eq!(search(client, "budget to:nobody").total, 0);
}

#[tokio::test]
async fn partition_13_a_roster_of_an_earlier_epoch_is_known_in_a_later_one() {
    let mut archive = Archive::new();
    let first = archive.epoch;
    let roster = archive.records(vec![roster("r1", "Rates desk", &MEMBERS)])[0];
    let later = archive.another_epoch();
    archive.seal_to(later);
    let message = archive.records(vec![in_roster("the budget of the later month", roster)])[0];
    let through = followed(&archive).await;
    let room = open(&archive);
    let mut asking = client(&archive);
    assert_eq!(filed(&mut asking, through).partitions, 2);
    known(&mut asking, &message.to_string());
    room.lock().unwrap();

    // What was copied is the later partition's own: it stays when the earlier epoch has ended.
    archive.destroy(first);
    let room = open(&archive);
    let mut asking = client(&archive);
    assert_eq!(filed(&mut asking, through).partitions, 1);
    known(&mut asking, &message.to_string());
    room.lock().unwrap();
    assert_eq!(
        holding(archive.folder.path(), b"Lindqvist"),
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn partition_13_a_roster_that_comes_late_is_learnt_and_one_that_a_crash_took() {
    let mut archive = Archive::new();
    let first = archive.epoch;
    let late = roster("r2", "Rates desk", &MEMBERS);
    let later = archive.another_epoch();
    archive.seal_to(later);
    let message = archive.records(vec![in_roster("the budget before its roster", late.id())])[0];
    let through = followed(&archive).await;
    let room = open(&archive);
    let mut asking = client(&archive);
    filed(&mut asking, through);
    assert_eq!(search(&mut asking, "budget to:lindqvist").total, 0);
    assert!(show(&mut asking, &message.to_string()).members.is_empty());
    // Its batch comes now, in the earlier epoch.
    archive.seal_to(first);
    archive.records(vec![late]);
    let through = followed(&archive).await;
    filed(&mut asking, through);
    known(&mut asking, &message.to_string());
    room.lock().unwrap();

    // The later partition is made again: it asks the earlier one anew.
    let folder = archive.vault_folder().partitions().join(later.to_string());
    std::fs::remove_dir_all(folder).unwrap();
    let room = open(&archive);
    let mut asking = client(&archive);
    filed(&mut asking, through);
    known(&mut asking, &message.to_string());
    room.lock().unwrap();
    // The earlier one is made again while the later one is whole.
    let folder = archive.vault_folder().partitions().join(first.to_string());
    std::fs::remove_dir_all(folder).unwrap();
    let room = open(&archive);
    let mut asking = client(&archive);
    filed(&mut asking, through);
    known(&mut asking, &message.to_string());
    room.lock().unwrap();
}
