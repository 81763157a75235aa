//! Searches over many records in many partitions (DESIGN §8): many different queries of each kind,
//! each once, with its exact count; pages of conversations; what partitions outside the dates cost.
//!
//! `GREFFE_BENCH_RECORDS` and `GREFFE_BENCH_PARTITIONS` change the size (10⁶ in 24). Partitions that
//! were filed whole by an earlier run are used again, so that a long run can be resumed.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a benchmark"
)]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use benches::{Bench, Clock, Goal, Row, quantile};
use record::{
    AliasKind, Assurance, Conversation, ConversationKind, Direction, Envelope, Message,
    Milliseconds, Mode, NetworkName, Participant, ParticipantId, Participants, Record, Source,
    TextId, Time,
};
use tlog::LogIndex;
use vault::partition::{
    Filing, Nobody, PageCache, Partition, PartitionId, PartitionKey, PartitionKeys,
};
use vault::search::conversation::{self, ConversationKey};
use vault::search::{Ask, Query, Searcher, Shelf};

const MONTH: i64 = 30 * 86_400_000;
/// 24 November 2016.
const BEGIN: i64 = 1_480_000_000_000;
const GROUP: usize = 4_096;
const COMMIT: usize = 65_536;
const VOCABULARY: usize = 60_000;
const PEOPLE: usize = 2_000;
const GROUPS: usize = 500;
const HOT: [&str; 10] = [
    "budget", "review", "contract", "the", "we", "meeting", "Vertrag", "Müller", "预算", "会议",
];
/// Makes a query.
type Make<'m> = &'m dyn Fn(&mut Chance) -> String;

/// Milliseconds within which 99 of 100 searches end.
const GOAL: f64 = 50.0;
const PAGE_GOAL: f64 = 20.0;

fn main() -> ExitCode {
    benches::run("search", |bench| {
        let records = setting("GREFFE_BENCH_RECORDS").unwrap_or(bench.either(1_000_000, 100_000));
        let partitions = setting("GREFFE_BENCH_PARTITIONS").unwrap_or(24).min(255);
        let folder = cache(records, partitions)?;
        let cache = PageCache::new(16_384);
        let words = Chance::vocabulary();
        let parts = file(bench, &folder, &words, records, partitions, &cache)?;
        let open = parts
            .iter()
            .map(|part| Shelf::open(Arc::clone(part)))
            .collect();
        let searcher = Searcher::new(open);
        searches(bench, &searcher, &words, partitions)?;
        pages(bench, &searcher)?;
        drop(searcher);
        closed(bench, &folder, parts, &words)
    })
}

fn setting(name: &str) -> Option<usize> {
    std::env::var(name).ok()?.parse().ok()
}

fn cache(records: usize, partitions: usize) -> std::io::Result<PathBuf> {
    let folder = match std::env::var_os("GREFFE_BENCH_CACHE") {
        Some(folder) => PathBuf::from(folder),
        None => std::env::temp_dir().join("greffe-bench"),
    };
    let folder = folder.join(format!("search-{records}-{partitions}"));
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Files what is missing.
fn file(
    bench: &mut Bench,
    folder: &Path,
    words: &[String],
    records: usize,
    partitions: usize,
    cache: &Arc<PageCache>,
) -> Result<Vec<Arc<Partition>>, Box<dyn Error>> {
    let (mut filed, mut cost) = (0, benches::Cost::default());
    let mut all = Vec::new();
    for number in 0..partitions {
        let (folder, whole) = (
            folder.join(number.to_string()),
            folder.join(format!("{number}.whole")),
        );
        let id = id(number);
        if whole.exists() {
            all.push(Arc::new(Partition::open(&folder, id, keys(), cache)?));
            continue;
        }
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        bench.progress(&format!("filing partition {} of {partitions}", number + 1));
        let partition = Partition::create(&folder, id, keys(), cache)?;
        let each = records / partitions;
        let mut chance = Chance::new(number as u64);
        let mut done = 0;
        while done < each {
            let count = GROUP.min(each - done);
            let some = made(&mut chance, words, number as i64, done, count, each)?;
            let parts: Vec<record::Parts> = some.iter().map(record::Record::parts).collect();
            let slices: Vec<[&[u8]; 4]> = parts.iter().map(record::Parts::slices).collect();
            let mut outcome = Ok(());
            let spent = Clock::Process.cost(|| {
                let filings = some
                    .iter()
                    .zip(&slices)
                    .enumerate()
                    .map(|(at, (record, parts))| Filing {
                        index: LogIndex::new((done + at) as u64),
                        position: 0,
                        admitted_at: Milliseconds::new(BEGIN),
                        record,
                        parts,
                        objects: &[],
                        members: &[],
                    });
                outcome = partition.file(filings, &Nobody).map(|_| ());
                let through = LogIndex::new((done + count) as u64);
                if (done + count) % COMMIT < GROUP || done + count == each {
                    let committed = partition.commit(through).map(|_| ());
                    outcome = std::mem::replace(&mut outcome, Ok(())).and(committed);
                }
            });
            outcome?;
            cost.wall += spent.wall;
            cost.cpu += spent.cpu;
            done += count;
        }
        partition.compact()?;
        std::fs::write(&whole, "")?;
        filed += each;
        all.push(Arc::new(partition));
    }
    if filed > 0 {
        bench.row(Row::figure(
            format!("filed, {filed} records in {partitions} partitions"),
            format!(
                "{:.0} a second, {:.1} µs of CPU each",
                filed as f64 / cost.wall.as_secs_f64(),
                cost.cpu.as_secs_f64() * 1e6 / filed as f64
            ),
        ));
    }
    Ok(all)
}

fn searches(
    bench: &mut Bench,
    searcher: &Searcher,
    words: &[String],
    partitions: usize,
) -> Result<(), Box<dyn Error>> {
    let count = bench.either(400, 100);
    let mut chance = Chance::new(7_777);
    let month = |number: usize| {
        format!(
            "{}-{:02}",
            2016 + (10 + number) / 12,
            (10 + number) % 12 + 1
        )
    };
    let word = |chance: &mut Chance| -> String {
        if chance.below(4) == 0 {
            HOT[chance.below(HOT.len())].to_owned()
        } else {
            chance.of(words).to_owned()
        }
    };
    let kinds: [(&str, Make<'_>); 6] = [
        ("one word", &|chance| word(chance)),
        ("two words", &|chance| {
            format!("{} {}", word(chance), word(chance))
        }),
        ("a phrase", &|chance| {
            format!("\"{} {}\"", word(chance), word(chance))
        }),
        ("a person", &|chance| {
            format!("from:{}", words[chance.below(PEOPLE)])
        }),
        ("a person and a word", &|chance| {
            format!("from:{} {}", words[chance.below(PEOPLE)], word(chance))
        }),
        ("a word between dates", &|chance| {
            let from = chance.below(partitions.saturating_sub(2).max(1));
            let to = from + 1 + chance.below(3);
            format!(
                "{} after:{} before:{}",
                word(chance),
                month(from),
                month(to)
            )
        }),
    ];
    let zone = jiff::tz::TimeZone::UTC;
    for (kind, make) in kinds {
        let queries: Vec<String> = (0..count + 20).map(|_| make(&mut chance)).collect();
        let (mut times, mut cpu, mut hits) = (Vec::new(), Vec::new(), 0);
        for (at, text) in queries.iter().enumerate() {
            let query = Query::parse(text, &zone)?;
            let mut found = None;
            let cost = Clock::Process.cost(|| {
                found = Some(searcher.search(&query, &Ask::default(), &Nobody));
            });
            let total = found.ok_or("no answer")??.total;
            // The first ones open files and fill caches.
            if at >= 20 {
                times.push(cost.wall.as_secs_f64() * 1e3);
                cpu.push(cost.cpu.as_secs_f64() * 1e3);
                hits += total;
            }
        }
        times_row(
            bench,
            kind,
            &times,
            &cpu,
            GOAL,
            &format!("{} hits on average", hits / count as u64),
        );
    }
    Ok(())
}

fn times_row(bench: &mut Bench, what: &str, times: &[f64], cpu: &[f64], goal: f64, note: &str) {
    let (half, most) = (
        quantile(times.to_vec(), 0.5),
        quantile(times.to_vec(), 0.99),
    );
    let cpu = quantile(cpu.to_vec(), 0.99);
    bench.row(
        Row::figure(
            format!("{what}, p99 of {}", times.len()),
            format!("{most:.1} ms (median {half:.1}, CPU p99 {cpu:.1}), {note}"),
        )
        .goal(Goal::AtMost(goal, most)),
    );
}

fn pages(bench: &mut Bench, searcher: &Searcher) -> Result<(), Box<dyn Error>> {
    let (mut times, mut cpu, mut items) = (Vec::new(), Vec::new(), 0);
    for group in 0..bench.either(GROUPS, 100) {
        let key = ConversationKey {
            network: NetworkName::WHATSAPP.as_str().to_owned(),
            account: "tel:+491799999999".to_owned(),
            conversation: format!("group:{group}"),
        };
        let mut page = None;
        let cost = Clock::Process.cost(|| {
            page = Some(conversation::page(
                searcher,
                &key,
                conversation::From::Newest,
                50,
            ));
        });
        items += page.ok_or("no page")??.items.len();
        times.push(cost.wall.as_secs_f64() * 1e3);
        cpu.push(cost.cpu.as_secs_f64() * 1e3);
    }
    let note = format!(
        "{} items on average, each conversation for the first time",
        items / times.len()
    );
    times_row(
        bench,
        "first page of a conversation",
        &times,
        &cpu,
        PAGE_GOAL,
        &note,
    );
    Ok(())
}

/// The same search where the partitions outside its dates are closed, and where they are not there.
fn closed(
    bench: &mut Bench,
    folder: &Path,
    parts: Vec<Arc<Partition>>,
    words: &[String],
) -> Result<(), Box<dyn Error>> {
    let ranges: Vec<_> = parts
        .iter()
        .map(|part| part.range().ok_or("empty"))
        .collect::<Result<_, _>>()?;
    drop(parts);
    let shelf = |number: usize| {
        let folder = folder.join(number.to_string());
        let (earliest, latest) = ranges[number];
        Shelf::closed(id(number), earliest, latest, move || {
            let cache = PageCache::new(4_096);
            Partition::open(&folder, id(number), keys(), &cache).map(Arc::new)
        })
    };
    let zone = jiff::tz::TimeZone::UTC;
    // In the middle of the first partition.
    let dates = "after:2016-12-01 before:2016-12-10";
    let touched: Vec<usize> = (0..ranges.len())
        .filter(|&number| {
            let span = Query::parse(dates, &zone).map(|query| query.span());
            span.is_ok_and(|span| span.touches(ranges[number].0, ranges[number].1))
        })
        .collect();
    let queries: Vec<Query> = words
        .iter()
        .take(200)
        .map(|word| Query::parse(&format!("{word} {dates}"), &zone))
        .collect::<Result<_, _>>()?;
    let mut medians = Vec::new();
    for all in [true, false] {
        let some: Vec<usize> = match all {
            true => (0..ranges.len()).collect(),
            false => touched.clone(),
        };
        let searcher = Searcher::new(some.into_iter().map(shelf).collect());
        let mut times = Vec::new();
        for query in &queries {
            let mut found = None;
            let cost = Clock::Process.cost(|| {
                found = Some(searcher.search(query, &Ask::default(), &Nobody));
            });
            found.ok_or("no answer")??;
            times.push(cost.cpu.as_secs_f64() * 1e6);
        }
        let opened = searcher
            .shelves()
            .iter()
            .filter(|shelf| shelf.is_open())
            .count();
        assert_eq!(
            opened,
            touched.len(),
            "partitions outside the dates stay closed"
        );
        medians.push(quantile(times, 0.5));
    }
    bench.row(Row::figure(
        format!(
            "closed partitions outside the dates: {} of {}",
            ranges.len() - touched.len(),
            ranges.len()
        ),
        format!(
            "none opened by {} searches; CPU median {:.0} µs with them, {:.0} µs without",
            queries.len(),
            medians[0],
            medians[1]
        ),
    ));
    Ok(())
}

fn made(
    chance: &mut Chance,
    words: &[String],
    month: i64,
    done: usize,
    count: usize,
    each: usize,
) -> Result<Vec<Record>, Box<dyn Error>> {
    let source = Source {
        network: NetworkName::WHATSAPP,
        account: TextId::new("tel:+491799999999")?,
        custodian: TextId::new("c-17")?,
        connector: TextId::new("measure/1")?,
        assurance: Assurance::Device,
        mode: Mode::Live,
    };
    (0..count)
        .map(|at| {
            let mut text = Vec::new();
            for _ in 0..3 + chance.below(14) {
                let word = if chance.below(12) == 0 {
                    HOT[chance.below(HOT.len())]
                } else {
                    chance.of(words)
                };
                text.push(word);
            }
            let number = done + at;
            let sent = BEGIN + month * MONTH + number as i64 * MONTH / each as i64;
            let group = format!("group:{}", chance.below(GROUPS));
            let who = chance.below(PEOPLE);
            let envelope = Envelope::builder(
                &source,
                TextId::new(group.as_str())?,
                TextId::new(format!("{month}-{number}"))?,
                Time::utc(Milliseconds::new(sent + 3)),
            )
            .sent(Time::utc(Milliseconds::new(sent)))
            .direction(Direction::Incoming);
            let name = format!("{} {}", words[who], words[who + 9_000]);
            let sender = Participant::new(ParticipantId::new("tel", &format!("+49170{who:07}"))?)
                .alias(AliasKind::Display, name);
            let mut participants = Participants::of(
                Conversation::new(ConversationKind::Group).title(format!("Desk {group}")),
            );
            participants.sender = Some(sender);
            let message = Message::plain(text.join(" "));
            Ok(Record::new(
                envelope,
                participants,
                message,
                None,
                Vec::new(),
            )?)
        })
        .collect()
}

fn id(number: usize) -> PartitionId {
    PartitionId::from_bytes([u8::try_from(number).unwrap_or(u8::MAX); 32])
}

fn keys() -> PartitionKeys {
    PartitionKeys {
        catalogue: PartitionKey::from_bytes([1; 32]),
        index: PartitionKey::from_bytes([2; 32]),
        derived: PartitionKey::from_bytes([3; 32]),
    }
}

/// A small generator that gives the same records in each run.
struct Chance(u64);

impl Chance {
    fn new(seed: u64) -> Self {
        let mut chance = Self((seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        for _ in 0..8 {
            chance.below(2);
        }
        chance
    }

    /// The words of all texts and names.
    fn vocabulary() -> Vec<String> {
        let mut chance = Self(88_172_645_463_325_252);
        (0..VOCABULARY).map(|_| chance.word()).collect()
    }

    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }

    fn word(&mut self) -> String {
        let length = 3 + self.below(8);
        (0..length)
            .map(|_| char::from(b'a' + self.below(26) as u8))
            .collect()
    }

    /// Common words often, rare ones seldom.
    fn of<'w>(&mut self, words: &'w [String]) -> &'w str {
        let share = self.below(1_000_000) as f64 / 1e6;
        &words[(words.len() as f64).powf(share) as usize - 1]
    }
}
