//! The index against vectors in seven languages, and against the scan that judges it.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use jiff::tz::TimeZone;
use proptest::prelude::*;
use record::{Content, Message, Record, RecordId, Roster};
use serde::Deserialize;

use super::conversation::{self, From};
use super::scan::Scan;
use super::{Ask, Cursor, Found, Order, Query, Searcher, Shelf};
use crate::partition::samples::{self, Sample, filed};
use crate::partition::{Filed, Nobody, Partition};

#[derive(Deserialize)]
struct Vectors {
    records: Vec<Vector>,
    queries: Vec<Expected>,
}

#[derive(Deserialize)]
struct Vector {
    id: String,
    network: String,
    conversation: String,
    title: Option<String>,
    from: Person,
    #[serde(default)]
    to: Vec<Person>,
    sent: String,
    text: String,
}

#[derive(Deserialize)]
struct Person {
    id: String,
    names: Vec<String>,
}

#[derive(Deserialize)]
struct Expected {
    query: String,
    /// Ids of the records that match, each with what is highlighted.
    hits: BTreeMap<String, Vec<String>>,
}

impl Vector {
    fn record(&self) -> Record {
        let person = |person: &Person| (person.id.clone(), person.names.clone());
        let at: jiff::Timestamp = self.sent.parse().unwrap();
        let mut sample = Sample::text(&self.id, at.as_millisecond(), &self.text);
        sample.network.clone_from(&self.network);
        sample.conversation.clone_from(&self.conversation);
        sample.title.clone_from(&self.title);
        sample.from = Some(person(&self.from));
        sample.to = self.to.iter().map(person).collect();
        sample.record()
    }
}

fn searcher(partitions: &[Arc<Partition>]) -> Searcher {
    Searcher::new(
        partitions
            .iter()
            .map(|partition| Shelf::open(Arc::clone(partition)))
            .collect(),
    )
}

fn search(searcher: &Searcher, query: &str, ask: &Ask) -> Found {
    let query =
        Query::parse(query, &TimeZone::UTC).unwrap_or_else(|error| panic!("{query}: {error}"));
    searcher.search(&query, ask, &Nobody).unwrap()
}

#[test]
fn every_vector_is_met_by_index_and_scan() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/search")).to_owned();
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let vectors: Vectors = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let records: Vec<Record> = vectors.records.iter().map(Vector::record).collect();
        let ids: HashMap<RecordId, &str> = records
            .iter()
            .zip(&vectors.records)
            .map(|(record, vector)| (record.id(), vector.id.as_str()))
            .collect();
        let scan = Scan::over(
            records
                .iter()
                .map(|record| Filed::of(record, &Nobody))
                .collect(),
        );
        let temp = tempfile::tempdir().unwrap();
        let partition = filed(temp.path(), 1, &records);
        assert_eq!(
            Scan::of(&partition, &Nobody)
                .unwrap()
                .search(&Query::parse("", &TimeZone::UTC).unwrap(), &Nobody)
                .len(),
            records.len()
        );
        let searcher = searcher(&[partition]);
        for expected in &vectors.queries {
            let place = format!("{} {}", path.file_stem().unwrap().display(), expected.query);
            let found = search(&searcher, &expected.query, &Ask::default());
            let mut hits: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for hit in &found.hits {
                let shown = hit
                    .excerpt
                    .highlights
                    .iter()
                    .map(|range| hit.excerpt.text[range.clone()].to_owned());
                hits.insert(ids[&hit.record].to_owned(), shown.collect());
            }
            assert_eq!(hits, expected.hits, "{place}");
            assert_eq!(found.total as usize, hits.len(), "{place}");
            let query = Query::parse(&expected.query, &TimeZone::UTC).unwrap();
            let mut judged: Vec<&str> = scan
                .search(&query, &Nobody)
                .iter()
                .map(|id| ids[id])
                .collect();
            judged.sort_unstable();
            assert_eq!(judged, hits.keys().collect::<Vec<_>>(), "{place}");
        }
        files += 1;
    }
    assert_eq!(files, 7);
}

const WORDS: [&str; 26] = [
    "budget",
    "Budgets",
    "review",
    "Müller",
    "Mueller",
    "muller",
    "Vertrag",
    "Mietvertragskündigung",
    "预算",
    "会议",
    "预算会议",
    "العقد",
    "اَلْعَقْدُ",
    "ёлка",
    "елка",
    "👍",
    "+44 20 7946 0958",
    "442079460958",
    "@anna_b",
    "#q3",
    "a.b@c.example",
    "12",
    "l’avion",
    "カタカナ",
    "한국어",
    "\u{2029}",
];

fn sample() -> impl Strategy<Value = (Vec<usize>, u8, u8, u8, i64)> {
    (
        prop::collection::vec(0..WORDS.len(), 0..8),
        0..3u8,
        0..3u8,
        0..4u8,
        0..40i64,
    )
}

fn build(
    n: usize,
    (words, conversation, person, shape, day): &(Vec<usize>, u8, u8, u8, i64),
) -> Record {
    let text: Vec<&str> = words.iter().map(|word| WORDS[*word]).collect();
    let names = [
        ("tel:+491700000001", "Ada Müller"),
        ("user:bo", "Bo Vertrag"),
        ("aci:77", "预算小组"),
    ];
    let somebody = |n: u8| {
        let (id, name) = names[usize::from(n) % 3];
        (id.to_owned(), vec![name.to_owned()])
    };
    let mut sample = Sample::text(
        &format!("m{n}"),
        1_700_000_000_000 + day * 86_400_000 / 4,
        &text.join(" "),
    );
    sample.conversation = format!("conv-{conversation}");
    sample.title = (*shape == 1).then(|| format!("Budget {conversation}"));
    sample.network = if *conversation == 2 {
        "matrix"
    } else {
        "signal"
    }
    .into();
    sample.from = (*shape != 2).then(|| somebody(*person));
    if *shape == 3 {
        sample.to = vec![somebody(person + 1)];
    }
    sample.record()
}

fn query_text() -> impl Strategy<Value = String> {
    let word = prop::sample::select(WORDS[..25].to_vec()).prop_map(str::to_owned);
    let filter = prop::sample::select(vec![
        "from:ada",
        "from:müller",
        "to:vertrag",
        "with:预算",
        "in:budget",
        "in:conv",
        "network:matrix",
        "kind:message",
        "kind:edit",
        "after:2023-11-15",
        "before:2023-11-18",
        "on:2023-11-16..2023-11-20",
        "has:link",
        "custodian:17",
        "account:491799999999",
    ]);
    let leaf = prop_oneof![
        4 => word.clone(),
        1 => word.clone().prop_map(|word| format!("\"{word}\"")),
        2 => (word.clone(), word.clone()).prop_map(|(a, b)| format!("\"{a} {b}\"")),
        1 => (word.clone(), word, 0..4u32).prop_map(|(a, b, n)| format!("\"{a} {b}\"~{n}")),
        1 => prop::sample::select(vec!["bud*", "mü*", "el*", "44*", "\"budget rev\"", "мо*"]).prop_map(str::to_owned),
        2 => filter.prop_map(str::to_owned),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a} {b}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} or {b})")),
            inner.prop_map(|a| format!("not ({a})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3, max_shrink_iters: 0, ..ProptestConfig::default() })]

    /// As below, with lists that are longer than the index's blocks.
    #[test]
    fn the_index_finds_what_the_scan_finds_among_thousands(
        samples in prop::collection::vec(sample(), 1500..2000),
        queries in prop::collection::vec(query_text(), 60),
    ) {
        let records: Vec<Record> =
            samples.iter().enumerate().map(|(n, sample)| build(n, sample)).collect();
        let folder = tempfile::tempdir().unwrap();
        let searcher = searcher(&[filed(folder.path(), 1, &records)]);
        let scan = Scan::over(records.iter().map(|record| Filed::of(record, &Nobody)).collect());
        for text in queries {
            let query = Query::parse(&text, &TimeZone::UTC).unwrap();
            let mut judged = scan.search(&query, &Nobody);
            judged.sort_unstable();
            let ask = Ask { limit: 5000, ..Ask::default() };
            let found = searcher.search(&query, &ask, &Nobody).unwrap();
            let mut hits: Vec<RecordId> = found.hits.iter().map(|hit| hit.record).collect();
            hits.sort_unstable();
            prop_assert_eq!(hits, judged, "{}", text);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// PARTITION-11: index and judge agree on any query over any records, however they are split.
    #[test]
    fn the_index_finds_what_the_scan_finds(
        samples in prop::collection::vec(sample(), 1..40),
        queries in prop::collection::vec(query_text(), 12),
    ) {
        let records: Vec<Record> = samples.iter().enumerate().map(|(n, sample)| build(n, sample)).collect();
        let (left, right) = records.split_at(records.len() / 2);
        let folder = tempfile::tempdir().unwrap();
        let partitions = [filed(&folder.path().join("l"), 1, left), filed(&folder.path().join("r"), 2, right)];
        let searcher = searcher(&partitions);
        let scans = [left, right].map(|half| Scan::over(half.iter().map(|record| Filed::of(record, &Nobody)).collect()));
        for text in queries {
            let query = Query::parse(&text, &TimeZone::UTC).unwrap();
            let mut judged: Vec<RecordId> = scans.iter().flat_map(|scan| scan.search(&query, &Nobody)).collect();
            judged.sort_unstable();
            for order in [Order::Newest, Order::Relevance] {
                let found = searcher.search(&query, &Ask { order, limit: 100, facets: true, days: true, ..Ask::default() }, &Nobody).unwrap();
                let mut hits: Vec<RecordId> = found.hits.iter().map(|hit| hit.record).collect();
                hits.sort_unstable();
                prop_assert_eq!(&hits, &judged, "{}", text);
                prop_assert_eq!(found.total as usize, judged.len());
                let facets = found.facets.unwrap();
                for list in [&facets.networks, &facets.conversations, &facets.kinds, &facets.months] {
                    prop_assert_eq!(list.iter().map(|facet| facet.count).sum::<u64>(), found.total, "{}", text);
                }
                prop_assert_eq!(found.days.iter().map(|(_, count)| count).sum::<u64>(), found.total);
            }
            let count = searcher.search(&query, &Ask { limit: 0, ..Ask::default() }, &Nobody).unwrap();
            prop_assert_eq!(count.total as usize, judged.len());
        }
    }
}

fn many(partitions: u8, each: u32) -> (tempfile::TempDir, Vec<Arc<Partition>>) {
    let folder = tempfile::tempdir().unwrap();
    let list = (0..partitions)
        .map(|p| {
            let records: Vec<Record> = (0..each)
                .map(|n| {
                    let at =
                        1_600_000_000_000 + i64::from(p) * 86_400_000 * 30 + i64::from(n) * 60_000;
                    Sample::text(&format!("p{p}n{n}"), at, &format!("budget word{}", n % 7))
                        .record()
                })
                .collect();
            filed(&folder.path().join(p.to_string()), p + 1, &records)
        })
        .collect();
    (folder, list)
}

#[test]
fn pages_follow_each_other_without_gap_or_repetition() {
    let (_folder, partitions) = many(3, 40);
    let searcher = searcher(&partitions);
    for order in [Order::Newest, Order::Oldest, Order::Relevance] {
        let mut seen: Vec<(i64, RecordId)> = Vec::new();
        let mut after: Option<Cursor> = None;
        loop {
            let found = search(
                &searcher,
                "budget",
                &Ask {
                    order,
                    limit: 17,
                    after,
                    ..Ask::default()
                },
            );
            assert_eq!(found.total, 120);
            seen.extend(found.hits.iter().map(|hit| (hit.at.get(), hit.record)));
            let Some(next) = found.next else { break };
            after = Some(Cursor::from_text(&next.to_text()).unwrap());
            assert_eq!(after, Some(next));
        }
        assert_eq!(seen.len(), 120, "{order:?}");
        let times: Vec<i64> = seen.iter().map(|(at, _)| *at).collect();
        match order {
            Order::Newest => assert!(times.is_sorted_by(|a, b| a >= b)),
            Order::Oldest => assert!(times.is_sorted()),
            Order::Relevance => {}
        }
        let mut ids: Vec<RecordId> = seen.into_iter().map(|(_, id)| id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 120);
    }
}

#[test]
fn a_partition_outside_the_dates_is_not_touched() {
    let (_folder, partitions) = many(2, 5);
    let ranges: Vec<_> = partitions
        .iter()
        .map(|partition| partition.range().unwrap())
        .collect();
    let open = Arc::clone(&partitions[1]);
    let searcher = Searcher::new(vec![
        Shelf::closed(samples::id(1), ranges[0].0, ranges[0].1, || {
            panic!("opened")
        }),
        Shelf::closed(samples::id(2), ranges[1].0, ranges[1].1, move || {
            Ok(Arc::clone(&open))
        }),
    ]);
    let found = search(&searcher, "budget after:2020-10-01", &Ask::default());
    assert_eq!((found.total, found.looked_into), (5, 1));
    assert!(!searcher.shelves()[0].is_open() && searcher.shelves()[1].is_open());
}

#[test]
fn rosters_say_who_received() {
    let members = |names: &[(&str, &str)]| Roster {
        members: names
            .iter()
            .map(|(id, name)| {
                record::Participant::new(record::ParticipantId::parse(*id).unwrap())
                    .alias(record::AliasKind::Display, *name)
            })
            .collect(),
        former: None,
    };
    let mut roster = Sample::text("r-1", 1_700_000_000_000, "");
    roster.content = members(&[("user:ada", "Ada"), ("user:bo", "Bo")]).into();
    roster.from = None;
    let roster = roster.record();
    let mut message = Sample::text("m-1", 1_700_000_001_000, "hello group");
    message.roster = Some(roster.id());
    message.from = Some(("user:ada".into(), vec!["Ada".into()]));
    let folder = tempfile::tempdir().unwrap();
    let partition = filed(folder.path(), 1, &[roster, message.record()]);
    let scan = Scan::of(&partition, &Nobody).unwrap();
    let searcher = searcher(&[partition]);
    for (query, total) in [
        ("to:bo kind:message", 1),
        ("to:ada kind:message", 0),
        ("with:ada kind:message", 1),
        ("to:bo", 2),
        ("from:bo", 0),
    ] {
        assert_eq!(
            search(&searcher, query, &Ask::default()).total,
            total,
            "{query}"
        );
        assert_eq!(
            scan.search(&Query::parse(query, &TimeZone::UTC).unwrap(), &Nobody)
                .len() as u64,
            total,
            "{query}"
        );
    }
}

#[test]
fn a_conversation_reads_across_partitions_with_what_refers_to_its_items() {
    let target = |id: &str| record::Target::new(record::TextId::new(id).unwrap());
    let text = |n: i64| {
        Sample::text(
            &format!("m{n}"),
            1_700_000_000_000 + n * 1000,
            &format!("line {n}"),
        )
    };
    let mut edit = Sample::text("e1", 1_700_000_030_000, "");
    edit.content = Content::Edit(Box::new(record::Edit {
        target: target("m3"),
        message: Message::plain("line three"),
        former: Some(Message::plain("line 3")),
    }));
    let mut reaction = Sample::text("x1", 1_700_000_031_000, "");
    reaction.content = record::Reaction {
        target: target("m3"),
        value: "👍".into(),
        removed: false,
    }
    .into();
    let mut elsewhere = text(4);
    elsewhere.conversation = "c-2".into();
    let first: Vec<Record> = (0..10)
        .map(|n| text(n).record())
        .chain([elsewhere.record()])
        .collect();
    let second: Vec<Record> = (10..20)
        .map(|n| text(n).record())
        .chain([edit.record(), reaction.record()])
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let partitions = [
        filed(&folder.path().join("a"), 1, &first),
        filed(&folder.path().join("b"), 2, &second),
    ];
    let searcher = searcher(&partitions);
    let key = search(&searcher, "\"line 3\" kind:message", &Ask::default()).hits[0]
        .conversation
        .clone();

    let lines = |page: &conversation::Page| {
        page.items
            .iter()
            .map(|item| item.text.clone())
            .collect::<Vec<_>>()
    };
    let newest = conversation::page(&searcher, &key, From::Newest, 15).unwrap();
    assert_eq!(
        lines(&newest),
        (5..20).map(|n| format!("line {n}")).collect::<Vec<_>>()
    );
    assert!(newest.older && !newest.newer);
    let older =
        conversation::page(&searcher, &key, From::Before(newest.items[0].place), 15).unwrap();
    assert_eq!(
        lines(&older),
        (0..5).map(|n| format!("line {n}")).collect::<Vec<_>>()
    );
    assert!(!older.older && older.newer);
    let third = &older.items[3];
    let kinds: Vec<&str> = third
        .referring
        .iter()
        .map(|item| item.kind.name())
        .collect();
    assert_eq!(kinds, ["edit", "reaction"]);
    let oldest = conversation::page(&searcher, &key, From::Oldest, 3).unwrap();
    assert_eq!(lines(&oldest), ["line 0", "line 1", "line 2"]);
    assert!(oldest.newer && !oldest.older);
    let around = conversation::around(&searcher, &third.record, 2, 2).unwrap();
    assert_eq!(
        lines(&around),
        ["line 1", "line 2", "line 3", "line 4", "line 5"]
    );
    assert!(around.older && around.newer);
    assert_eq!(around.items[2].referring.len(), 2);
}
