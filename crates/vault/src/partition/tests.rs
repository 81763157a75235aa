use std::fs;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use tlog::LogIndex;

use super::samples::{Sample, create, file, filed, keys, open};
use super::*;
use crate::search::{Ask, Query, Searcher, Shelf};

fn find(partition: &Arc<Partition>, query: &str) -> Result<u64, crate::search::SearchError> {
    let searcher = Searcher::new(vec![Shelf::open(Arc::clone(partition))]);
    let query = Query::parse(query, &TimeZone::UTC).unwrap();
    searcher
        .search(&query, &Ask::default(), &Nobody)
        .map(|found| found.total)
}

fn records(from: u32, to: u32) -> Vec<record::Record> {
    (from..to)
        .map(|n| {
            Sample::text(
                &format!("s-{n}"),
                1_700_000_000_000 + i64::from(n) * 1000,
                &format!("budget clause n{n}"),
            )
            .record()
        })
        .collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    found.sort();
    found
}

#[test]
fn what_was_committed_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let records = records(0, 300);
    let partition = filed(folder.path(), 1, &records);
    assert_eq!(find(&partition, "budget").unwrap(), 300);
    let partition = Arc::into_inner(partition).unwrap();
    assert_eq!(partition.last_filed(), Some(LogIndex::new(300)));
    partition.close().unwrap();

    let partition = open(folder.path(), 1).unwrap();
    assert_eq!(partition.last_filed(), Some(LogIndex::new(300)));
    let row = partition.find(&records[217].id()).unwrap().unwrap();
    assert_eq!(row.index, LogIndex::new(217));
    // PARTITION-10: the parts come back as they were.
    assert_eq!(
        partition.parts(&row).unwrap(),
        records[217].parts().into_vecs()
    );
    assert!(matches!(
        open(folder.path(), 1),
        Err(OpenError::InUse { .. })
    ));
    assert_eq!(find(&Arc::new(partition), "n217").unwrap(), 1);
}

/// Breaks PARTITION-8 if a record were filed or indexed twice.
#[test]
fn a_record_filed_twice_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let partition = create(folder.path(), 1);
    assert_eq!(
        file(&partition, 0, &records(0, 10)),
        Counts {
            filed: 10,
            known: 0
        }
    );
    assert_eq!(
        file(&partition, 10, &records(5, 15)),
        Counts { filed: 5, known: 5 }
    );
    partition.commit(LogIndex::new(20)).unwrap();
    assert_eq!(
        file(&partition, 20, &records(0, 15)),
        Counts {
            filed: 0,
            known: 15
        }
    );
    partition.commit(LogIndex::new(40)).unwrap();
    let partition = Arc::new(partition);
    assert_eq!(find(&partition, "budget").unwrap(), 15);
    assert_eq!(partition.state().records, 15);
}

#[test]
fn nothing_uncommitted_remains() {
    let folder = tempfile::tempdir().unwrap();
    let partition = create(folder.path(), 1);
    file(&partition, 0, &records(0, 10));
    partition.commit(LogIndex::new(9)).unwrap();
    file(&partition, 10, &records(10, 20));
    drop(partition);
    let partition = open(folder.path(), 1).unwrap();
    assert_eq!(partition.last_filed(), Some(LogIndex::new(9)));
    file(&partition, 10, &records(10, 15));
    partition.abort().unwrap();
    file(&partition, 10, &records(15, 20));
    partition.commit(LogIndex::new(19)).unwrap();
    let partition = Arc::new(partition);
    assert_eq!(find(&partition, "budget").unwrap(), 15);
    assert_eq!(find(&partition, "n12").unwrap(), 0);
}

/// Breaks PARTITION-6: the index has committed and the catalogue has not, as after a crash between.
#[test]
fn a_commit_that_only_the_index_made_is_undone_and_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let (before, torn) = (folder.path().join("before"), folder.path().join("torn"));
    let partition = create(&before, 1);
    file(&partition, 0, &records(0, 50));
    partition.commit(LogIndex::new(49)).unwrap();
    partition.rest().unwrap();
    drop(partition);
    copy(&before, &torn);
    let after = folder.path().join("after");
    copy(&before, &after);
    let partition = open(&after, 1).unwrap();
    file(&partition, 50, &records(50, 80));
    partition.commit(LogIndex::new(79)).unwrap();
    drop(partition);
    // The index as it is after the commit, with what the former list names still there; the catalogue
    // as it was before.
    for path in files(&after.join("index")) {
        fs::copy(&path, torn.join("index").join(path.file_name().unwrap())).unwrap();
    }
    let partition = Arc::new(open(&torn, 1).unwrap());
    assert_eq!(partition.last_filed(), Some(LogIndex::new(49)));
    assert_eq!(find(&partition, "budget").unwrap(), 50);
    assert_eq!(
        file(&partition, 50, &records(50, 80)),
        Counts {
            filed: 30,
            known: 0
        }
    );
    partition.commit(LogIndex::new(79)).unwrap();
    assert_eq!(find(&partition, "budget").unwrap(), 80);
    assert_eq!(find(&partition, "n65").unwrap(), 1);
}

/// Breaks PARTITION-7: an older list with all its files, put back under a newer catalogue.
#[test]
fn an_index_rolled_back_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (live, old) = (folder.path().join("live"), folder.path().join("old"));
    let partition = create(&live, 1);
    file(&partition, 0, &records(0, 50));
    partition.commit(LogIndex::new(49)).unwrap();
    partition.rest().unwrap();
    drop(partition);
    copy(&live, &old);
    let partition = open(&live, 1).unwrap();
    file(&partition, 50, &records(50, 80));
    partition.commit(LogIndex::new(79)).unwrap();
    partition.rest().unwrap();
    let number = partition.state().generation.unwrap().number;
    drop(partition);
    fs::remove_dir_all(live.join("index")).unwrap();
    copy(&old.join("index"), &live.join("index"));
    let error = open(&live, 1).unwrap_err();
    assert!(
        matches!(
            error,
            OpenError::Directory(DirectoryError::RolledBack { .. })
        ),
        "{error}"
    );
    // Under the number that the catalogue names it does not open either.
    let former = files(&live.join("index"))
        .into_iter()
        .find(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("meta."))
        })
        .unwrap();
    fs::rename(former, live.join("index").join(format!("meta.{number}"))).unwrap();
    assert!(open(&live, 1).is_err());
}

/// Breaks PARTITION-3: a byte of any file of the index or catalogue altered is an error that names the
/// file, at opening or when it is needed; never a wrong answer.
#[test]
fn an_altered_byte_anywhere_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let sound = folder.path().join("sound");
    let partition = filed(&sound, 1, &records(0, 400));
    partition.rest().unwrap();
    drop(partition);
    let altered = folder.path().join("altered");
    let look = || -> Result<u64, String> {
        let partition = Arc::new(open(&altered, 1).map_err(|error| chain(&error))?);
        let total =
            find(&partition, "\"budget clause\" from:ada").map_err(|error| chain(&error))?;
        partition
            .every(&mut |_, _| {})
            .map_err(|error| chain(&error))?;
        Ok(total)
    };
    let mut named = 0;
    let sources: Vec<PathBuf> = files(&sound.join("index"))
        .into_iter()
        .chain([sound.join("catalogue.db")])
        .collect();
    for source in sources {
        let name = source.file_name().unwrap().to_string_lossy().into_owned();
        let length = fs::metadata(&source).unwrap().len() as usize;
        for at in [0, 2, 20, length / 2, length - 1] {
            let _ = fs::remove_dir_all(&altered);
            copy(&sound, &altered);
            let target = altered.join(source.strip_prefix(&sound).unwrap());
            let mut bytes = fs::read(&target).unwrap();
            bytes[at.min(length - 1)] ^= 0x20;
            fs::write(&target, bytes).unwrap();
            match look() {
                Err(error) => named += u32::from(error.contains(&name)),
                // Pages of the catalogue that nothing asked for stay unread.
                Ok(total) => assert!(total == 400 && name == "catalogue.db", "{name} at {at}"),
            }
        }
    }
    assert!(named > 20, "{named}");
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text += &format!(": {inner}: {inner:?}");
        source = inner.source();
    }
    text
}

/// Breaks PARTITION-4: nothing of a record can be read from the disk, while the partition is open and
/// being written to, or after.
#[test]
fn no_marker_is_on_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let markers = [
        "zqxmarkerword",
        "Zqxmarkername",
        "zqxmarkertitle",
        "zqxmarkersource",
    ];
    let records: Vec<record::Record> = (0..500)
        .map(|n| {
            let mut sample = Sample::text(
                &format!("{}-{n}", markers[3]),
                1_700_000_000_000 + n,
                &format!("budget {} {n}", markers[0]),
            );
            sample.title = Some(markers[2].into());
            sample.from = Some(("tel:+4915550001".into(), vec![markers[1].into()]));
            sample.record()
        })
        .collect();
    let partition = create(folder.path(), 1);
    file(&partition, 0, &records[..300]);
    partition.commit(LogIndex::new(300)).unwrap();
    file(&partition, 300, &records[300..]);
    let mut seen = 0;
    let mut search = |when: &str| {
        let mut stack = vec![folder.path().to_owned()];
        while let Some(path) = stack.pop() {
            if path.is_dir() {
                stack.extend(files(&path));
                continue;
            }
            let bytes = fs::read(&path).unwrap();
            seen += bytes.len();
            for marker in markers {
                for form in [marker.to_owned(), marker.to_lowercase()] {
                    let wide: Vec<u8> = form.encode_utf16().flat_map(u16::to_le_bytes).collect();
                    for needle in [form.as_bytes(), &wide] {
                        let hit = bytes.windows(needle.len()).any(|window| window == needle);
                        assert!(!hit, "{form} in {} {when}", path.display());
                    }
                }
            }
        }
    };
    search("while filing");
    partition.commit(LogIndex::new(500)).unwrap();
    partition.compact().unwrap();
    search("after merging");
    assert!(seen > 50_000);
    // The same words are found where they belong.
    let partition = Arc::new(partition);
    assert_eq!(find(&partition, markers[0]).unwrap(), 500);
    assert_eq!(
        find(
            &partition,
            &format!("from:{} in:{}", markers[1], markers[2])
        )
        .unwrap(),
        500
    );
}

/// Breaks PARTITION-9.
#[test]
fn a_wrong_key_opens_nothing() {
    let folder = tempfile::tempdir().unwrap();
    drop(filed(folder.path(), 1, &records(0, 5)));
    let wrong = PartitionKey::from_bytes([9; 32]);
    let mut others = [keys(), keys()];
    others[0].catalogue = wrong.clone();
    others[1].index = wrong;
    for keys in others {
        let outcome = Partition::open(folder.path(), samples::id(1), keys, &PageCache::new(16));
        assert!(outcome.is_err());
    }
    assert!(open(folder.path(), 1).is_ok());
}

/// PARTITION-6: nothing is left behind by merging and committing many times.
#[test]
fn files_that_nothing_names_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let partition = create(folder.path(), 1);
    for n in 0..20u32 {
        file(&partition, u64::from(n), &records(n * 10, n * 10 + 10));
        partition.commit(LogIndex::new(u64::from(n))).unwrap();
    }
    partition.compact().unwrap();
    let partition = Arc::new(partition);
    assert_eq!(find(&partition, "budget").unwrap(), 200);
    drop(partition);
    fs::write(folder.path().join("index").join("left-behind.idx"), b"x").unwrap();
    let partition = Arc::new(open(folder.path(), 1).unwrap());
    assert_eq!(find(&partition, "budget").unwrap(), 200);
    let names: Vec<String> = files(&folder.path().join("index"))
        .iter()
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    let segments: std::collections::HashSet<&str> = names
        .iter()
        .filter_map(|name| name.split('.').next())
        .collect();
    assert_eq!(segments.len(), 2, "one segment and one list: {names:?}");
}

/// Breaks PARTITION-12.
#[test]
fn a_record_is_found_by_the_best_time_it_has() {
    let record = Sample::text("s-1", 1_700_000_000_000, "hello").record();
    let filed = Filed::of(&record, &Nobody);
    assert_eq!(filed.at.get(), 1_700_000_000_000);
    assert_eq!(filed.captured.get(), 1_700_000_000_005);
    let source = record::Source {
        network: record::NetworkName::SIGNAL,
        account: record::TextId::new("a").unwrap(),
        custodian: record::TextId::new("c").unwrap(),
        connector: record::TextId::new("test/1").unwrap(),
        assurance: record::Assurance::Device,
        mode: record::Mode::Live,
    };
    let at = |n| record::Time::utc(Milliseconds::new(n));
    let id = |text| record::TextId::new(text).unwrap();
    let envelope = || record::Envelope::builder(&source, id("c"), id("s"), at(9));
    let people =
        record::Participants::of(record::Conversation::new(record::ConversationKind::Group));
    for (envelope, moment) in [
        (envelope().sent(at(1)).server(at(2)).received(at(3)), 1),
        (envelope().server(at(2)).received(at(3)), 2),
        (envelope().received(at(3)), 3),
        (envelope(), 9),
    ] {
        let message = record::Message::plain("x");
        let record =
            record::Record::new(envelope, people.clone(), message, None, Vec::new()).unwrap();
        assert_eq!(Filed::of(&record, &Nobody).at.get(), moment);
    }
}

#[test]
fn keys_do_not_show_themselves() {
    assert_eq!(format!("{:?}", keys().index), "PartitionKey(‹redacted›)");
}
