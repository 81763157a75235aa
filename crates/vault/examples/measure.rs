//! For measurements from outside: files generated records into partitions, then times searches.
//!
//! `measure RECORDS PARTITIONS FOLDER`. Partitions that lie in the folder already are opened as they
//! are, so that a long run can be resumed. Nine runs of each query; the median and the worst are
//! printed, and the exact count.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "it measures, on the terminal"
)]

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use record::{
    AliasKind, Assurance, Conversation, ConversationKind, Direction, Envelope, Message,
    Milliseconds, Mode, NetworkName, Participant, ParticipantId, Participants, Record, Source,
    TextId, Time,
};
use tlog::LogIndex;
use vault::partition::{
    Filing, Nobody, PageCache, Partition, PartitionId, PartitionKey, PartitionKeys,
};
use vault::search::{Ask, Query, Searcher, Shelf, conversation};

const QUERIES: [&str; 10] = [
    "budget",
    "budget review",
    "\"budget review\"",
    "bud*",
    "预算会议",
    "from:kelimo",
    "network:whatsapp budget",
    "budget after:2017-07 before:2017-10",
    "budget -review",
    "kind:message",
];
const RUNS: usize = 9;
const MONTH: i64 = 30 * 86_400_000;
const BEGIN: i64 = 1_480_000_000_000;
const GROUP: usize = 4_096;
const COMMIT: usize = 65_536;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [records, partitions, folder] = arguments.as_slice() else {
        return Err("RECORDS PARTITIONS FOLDER".into());
    };
    let (records, partitions): (usize, u8) = (records.parse()?, partitions.parse()?);
    let cache = PageCache::new(16_384);
    let mut chance = Chance(88_172_645_463_325_252);
    let words: Vec<String> = (0..60_000).map(|_| chance.word()).collect();
    let mut shelves = Vec::new();
    let (mut filed, mut seconds) = (0, 0.0);
    for number in 0..partitions {
        let folder = Path::new(folder).join(number.to_string());
        let id = PartitionId::from_bytes([number; 32]);
        if folder.exists() {
            shelves.push(Shelf::open(Arc::new(Partition::open(
                &folder,
                id,
                keys(),
                &cache,
            )?)));
            continue;
        }
        let partition = Partition::create(&folder, id, keys(), &cache)?;
        let each = records / usize::from(partitions);
        let mut done = 0;
        while done < each {
            let some = made(
                &mut chance,
                &words,
                i64::from(number),
                done,
                GROUP.min(each - done),
                each,
            )?;
            let parts: Vec<Vec<Vec<u8>>> = some
                .iter()
                .map(|record| record.parts().into_vecs().to_vec())
                .collect();
            let began = Instant::now();
            let filings = some
                .iter()
                .zip(&parts)
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
            partition.file(filings, &Nobody)?;
            done += some.len();
            if done % COMMIT < GROUP || done == each {
                partition.commit(LogIndex::new(done as u64))?;
            }
            seconds += began.elapsed().as_secs_f64();
        }
        partition.compact()?;
        filed += each;
        shelves.push(Shelf::open(Arc::new(partition)));
    }
    if filed > 0 {
        println!(
            "filed {filed} records in {seconds:.1} s: {:.0} a second",
            filed as f64 / seconds
        );
    }
    searches(&Searcher::new(shelves))
}

fn searches(searcher: &Searcher) -> Result<(), Box<dyn Error>> {
    let zone = jiff::tz::TimeZone::UTC;
    for text in QUERIES {
        let query = Query::parse(text, &zone)?;
        let mut total = 0;
        let times = timed(|| {
            total = searcher.search(&query, &Ask::default(), &Nobody)?.total;
            Ok(())
        })?;
        println!(
            "{text:40} {total:>9} hits  median {:7.2} ms  worst {:7.2} ms",
            times[RUNS / 2],
            times[RUNS - 1]
        );
    }
    let found = searcher.search(&Query::parse("budget", &zone)?, &Ask::default(), &Nobody)?;
    let key = found
        .hits
        .first()
        .ok_or("nothing found")?
        .conversation
        .clone();
    let times = timed(|| {
        conversation::page(searcher, &key, conversation::From::Newest, 50)?;
        Ok(())
    })?;
    println!(
        "newest page of a conversation: median {:.2} ms, worst {:.2} ms",
        times[RUNS / 2],
        times[RUNS - 1]
    );
    Ok(())
}

/// Milliseconds of each run, sorted.
fn timed(
    mut run: impl FnMut() -> Result<(), Box<dyn Error>>,
) -> Result<[f64; RUNS], Box<dyn Error>> {
    let mut times = [0.0; RUNS];
    for time in &mut times {
        let began = Instant::now();
        run()?;
        *time = began.elapsed().as_secs_f64() * 1e3;
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}

fn made(
    chance: &mut Chance,
    words: &[String],
    month: i64,
    done: usize,
    count: usize,
    each: usize,
) -> Result<Vec<Record>, Box<dyn Error>> {
    let hot = [
        "budget", "review", "contract", "the", "and", "meeting", "Vertrag", "Müller", "预算",
        "会议",
    ];
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
                    hot[chance.below(hot.len())]
                } else {
                    chance.of(words)
                };
                text.push(word);
            }
            let number = done + at;
            let sent = BEGIN + month * MONTH + number as i64 * MONTH / each as i64;
            let group = format!("group:{}", chance.below(500));
            let who = chance.below(2_000);
            let envelope = Envelope::builder(
                &source,
                TextId::new(group.as_str())?,
                TextId::new(format!("{month}-{number}"))?,
                Time::utc(Milliseconds::new(sent + 3)),
            )
            .sent(Time::utc(Milliseconds::new(sent)))
            .direction(Direction::Incoming);
            let name = if who == 7 {
                "Kelimo Anders".to_owned()
            } else {
                format!("{} {}", words[who], words[who + 9_000])
            };
            let sender = Participant::new(ParticipantId::new("tel", &format!("+49170{who:07}"))?)
                .alias(AliasKind::Display, name);
            let mut participants = Participants::of(
                Conversation::new(ConversationKind::Group).title(format!("Desk {group}")),
            );
            participants.sender = Some(sender);
            Ok(Record::new(
                envelope,
                participants,
                Message::plain(text.join(" ")),
                None,
                Vec::new(),
            )?)
        })
        .collect()
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
