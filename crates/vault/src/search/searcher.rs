//! One search over many partitions: exact counts, the first hits, where to go on.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use record::{Kind, Milliseconds, RecordId};
use tantivy::query::{EnableScoring, Query as IndexQuery};
use tlog::LogIndex;

use super::conversation::ConversationKey;
use super::excerpt::Excerpt;
use super::facets::{Facets, Partial, facets};
use super::plan::plan;
use super::query::Query;
use super::shelf::Shelf;
use super::tally::{Counted, RUN, Tally, read};
use crate::partition::{CatalogueError, Columns, OpenError, Partition, PartitionId, People};

/// In which order hits come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Newest first.
    #[default]
    Newest,
    /// Oldest first.
    Oldest,
    /// Most relevant first, newest among equals of one partition.
    Relevance,
}

/// What is wanted of a search.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Order of hits.
    pub order: Order,
    /// Number of hits, at most 10,000; 0 for counts alone.
    pub limit: usize,
    /// Go on after this hit.
    pub after: Option<Cursor>,
    /// Whether to count by network, conversation, sender, kind and month.
    pub facets: bool,
    /// Whether to count by day.
    pub days: bool,
    /// Zone in which days and months begin.
    pub zone: TimeZone,
}

impl Default for Ask {
    fn default() -> Self {
        Self {
            order: Order::Newest,
            limit: 20,
            after: None,
            facets: false,
            days: false,
            zone: TimeZone::UTC,
        }
    }
}

/// The place of a hit in the order of its search; hand it back to go on from there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    key: u64,
    partition: PartitionId,
    row: u64,
}

impl Cursor {
    /// As text for a page's address: 96 hexadecimal digits.
    pub fn to_text(&self) -> String {
        format!("{:016x}{}{:016x}", self.key, self.partition, self.row)
    }

    /// From [`Cursor::to_text`]; `None` if it is not one.
    pub fn from_text(text: &str) -> Option<Self> {
        if text.len() != 96 || !text.is_ascii() {
            return None;
        }
        let key = u64::from_str_radix(text.get(..16)?, 16).ok()?;
        let partition = text.get(16..80)?.parse().ok()?;
        let row = u64::from_str_radix(text.get(80..)?, 16).ok()?;
        Some(Self {
            key,
            partition,
            row,
        })
    }
}

/// One record that was found.
#[derive(Clone)]
pub struct Hit {
    /// The record.
    pub record: RecordId,
    /// The partition that holds it.
    pub partition: PartitionId,
    /// Its row there.
    pub row: u64,
    /// The entry that carries it.
    pub index: LogIndex,
    /// Its position in the batch.
    pub position: u32,
    /// Its moment (PARTITION-12).
    pub at: Milliseconds,
    /// Kind of event.
    pub kind: Kind,
    /// Network, account and conversation id.
    pub conversation: ConversationKey,
    /// Name of the conversation, or its id.
    pub title: String,
    /// Participant id of the sender.
    pub sender: Option<String>,
    /// Name of the sender, or their id.
    pub sender_name: Option<String>,
    /// The piece of its text that matches.
    pub excerpt: Excerpt,
    /// Its place in this search.
    pub cursor: Cursor,
}

impl std::fmt::Debug for Hit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hit({}, {}, {:?})", self.kind, self.record, self.excerpt)
    }
}

/// What a search found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Number of hits in all, exact.
    pub total: u64,
    /// The first of them in the order asked for.
    pub hits: Vec<Hit>,
    /// Where to go on; `None` at the end.
    pub next: Option<Cursor>,
    /// Counts, if asked for.
    pub facets: Option<Facets>,
    /// Days with hits in order, if asked for.
    pub days: Vec<(Date, u64)>,
    /// Partitions that were looked into.
    pub looked_into: usize,
}

/// Why a search failed.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// A partition could not be opened.
    #[error("searching the partition {partition}")]
    Open {
        /// The partition.
        partition: PartitionId,
        /// Why.
        source: OpenError,
    },
    /// A catalogue could not be read.
    #[error("searching the partition {partition}")]
    Catalogue {
        /// The partition.
        partition: PartitionId,
        /// Why.
        source: CatalogueError,
    },
    /// An index could not be read: a page that was altered says so in the source.
    #[error("searching the partition {partition}")]
    Index {
        /// The partition.
        partition: PartitionId,
        /// Why.
        source: tantivy::TantivyError,
    },
}

/// Most hits of one page.
const MOST: usize = 10_000;

/// Searches over many partitions.
#[derive(Debug, Default)]
pub struct Searcher {
    shelves: Vec<Shelf>,
    threads: usize,
}

impl Searcher {
    /// A searcher over `shelves` with as many threads as the machine has cores, at most eight.
    pub fn new(shelves: Vec<Shelf>) -> Self {
        let threads = std::thread::available_parallelism()
            .map_or(1, std::num::NonZero::get)
            .min(8);
        Self { shelves, threads }
    }

    /// Adds a partition, in place of one with the same id.
    pub fn put(&mut self, shelf: Shelf) {
        self.shelves.retain(|known| known.id() != shelf.id());
        self.shelves.push(shelf);
    }

    /// Takes a partition away.
    pub fn take(&mut self, id: PartitionId) {
        self.shelves.retain(|known| known.id() != id);
    }

    /// The partitions.
    pub fn shelves(&self) -> &[Shelf] {
        &self.shelves
    }

    /// Finds what `query` asks for.
    ///
    /// # Errors
    /// [`SearchError`]; a search that can not look everywhere finds nothing rather than too little.
    pub fn search(
        &self,
        query: &Query,
        ask: &Ask,
        people: &dyn People,
    ) -> Result<Found, SearchError> {
        let span = query.span();
        let mut due: Vec<&Shelf> = self
            .shelves
            .iter()
            .filter(|shelf| shelf.touches(span))
            .collect();
        // Where the first hits are likely comes first, so that the rest need only be counted.
        match ask.order {
            Order::Oldest => due.sort_by_key(|shelf| shelf.range().map(|(earliest, _)| earliest)),
            _ => due.sort_by_key(|shelf| Reverse(shelf.range().map(|(_, latest)| latest))),
        }
        let bar = AtomicU64::new(0);
        let outcomes = self.each(&due, |shelf| {
            let partition = shelf.partition().map_err(|source| SearchError::Open {
                partition: shelf.id(),
                source,
            })?;
            one(&partition, query, ask, people, &bar)
        })?;
        gather(outcomes, query, ask, due.len())
    }

    /// Runs `work` on each shelf, side by side; the first error ends it.
    pub(crate) fn each<T: Send>(
        &self,
        due: &[&Shelf],
        work: impl Fn(&Shelf) -> Result<T, SearchError> + Sync,
    ) -> Result<Vec<T>, SearchError> {
        let threads = self.threads.min(due.len());
        if threads <= 1 {
            return due.iter().map(|shelf| work(shelf)).collect();
        }
        let next = AtomicUsize::new(0);
        let done: Mutex<Vec<(usize, T)>> = Mutex::new(Vec::with_capacity(due.len()));
        let failed: Mutex<Option<SearchError>> = Mutex::new(None);
        let run = || {
            while let Some((at, shelf)) = {
                let at = next.fetch_add(1, Ordering::Relaxed);
                due.get(at).map(|shelf| (at, shelf))
            } {
                match work(shelf) {
                    Ok(outcome) => done
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push((at, outcome)),
                    Err(error) => {
                        failed
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .get_or_insert(error);
                        next.store(due.len(), Ordering::Relaxed);
                    }
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(run);
            }
            run();
        });
        if let Some(error) = failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(error);
        }
        let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.sort_by_key(|(at, _)| *at);
        Ok(done.into_iter().map(|(_, outcome)| outcome).collect())
    }
}

/// What one partition gives.
struct Outcome {
    partition: Arc<Partition>,
    total: u64,
    /// Hits that earlier pages have shown.
    passed: u64,
    best: Vec<Cursor>,
    facets: Option<Partial>,
    days: Vec<(Date, u64)>,
}

/// Searches one partition. `bar` is the key of a hit that as many as are asked for are known to reach.
fn one(
    partition: &Arc<Partition>,
    query: &Query,
    ask: &Ask,
    people: &dyn People,
    bar: &AtomicU64,
) -> Result<Outcome, SearchError> {
    let id = partition.id();
    let catalogue = |source| SearchError::Catalogue {
        partition: id,
        source,
    };
    let index = |source| SearchError::Index {
        partition: id,
        source,
    };
    let planned = plan(query.root(), partition, people).map_err(catalogue)?;
    let mut outcome = Outcome {
        partition: Arc::clone(partition),
        total: 0,
        passed: 0,
        best: Vec::new(),
        facets: None,
        days: Vec::new(),
    };
    let Some(range) = partition.range() else {
        return Ok(outcome);
    };
    let searcher = partition.searcher();
    let scored = ask.order == Order::Relevance && ask.limit > 0;
    let scoring = if scored {
        EnableScoring::enabled_from_searcher(&searcher)
    } else {
        EnableScoring::disabled_from_searcher(&searcher)
    };
    let weight = planned.weight(scoring).map_err(index)?;
    let mut tally = Tally::new(range, &ask.zone, ask.facets, ask.days);
    let too_late = !scored && ask.order.best_key(range) < bar.load(Ordering::Relaxed);
    let only_count = (ask.limit == 0 || too_late) && !tally.is_wanted();
    let mut best = Best {
        order: ask.order,
        limit: ask.limit.min(MOST),
        after: ask.after,
        partition: id,
        passed: 0,
        heap: BinaryHeap::new(),
    };
    for segment in searcher.segment_readers() {
        if only_count {
            outcome.total += u64::from(weight.count(segment).map_err(index)?);
            continue;
        }
        let columns = partition.columns(segment).map_err(index)?;
        let mut moments = [0i64; RUN];
        if scored {
            let each = &mut |doc: u32, score: f32| {
                outcome.total += 1;
                if tally.is_wanted() {
                    tally.count(&[doc], read(&columns.at, &[doc], &mut moments), &columns);
                }
                best.offer(u64::from(score.max(0.0).to_bits()), doc, &columns);
            };
            weight.for_each(segment, each).map_err(index)?;
        } else {
            let each = &mut |docs: &[u32]| {
                outcome.total += docs.len() as u64;
                for docs in docs.chunks(RUN) {
                    let moments = read(&columns.at, docs, &mut moments);
                    tally.count(docs, moments, &columns);
                    for (doc, at) in docs.iter().zip(moments) {
                        best.offer(ask.order.key(*at), *doc, &columns);
                    }
                }
            };
            weight.for_each_no_score(segment, each).map_err(index)?;
        }
    }
    if let Some(least) = best.least_of_enough() {
        bar.fetch_max(least, Ordering::Relaxed);
    }
    let Counted { days, months, by } = tally.finish();
    outcome.days = days;
    if let Some(by) = by {
        let names = partition.names().map_err(catalogue)?;
        outcome.facets = Some(Partial { names, by, months });
    }
    outcome.passed = best.passed;
    outcome.best = best
        .heap
        .into_iter()
        .map(|Reverse(cursor)| cursor)
        .collect();
    Ok(outcome)
}

impl Order {
    /// The larger, the earlier in the list.
    fn key(self, at: i64) -> u64 {
        let ascending = at.cast_unsigned() ^ (1 << 63);
        match self {
            Self::Oldest => !ascending,
            _ => ascending,
        }
    }

    /// The largest key that a record between two moments can have.
    fn best_key(self, (earliest, latest): (Milliseconds, Milliseconds)) -> u64 {
        match self {
            Self::Oldest => self.key(earliest.get()),
            _ => self.key(latest.get()),
        }
    }

    fn row_key(self, row: u64) -> u64 {
        match self {
            Self::Oldest => !row,
            _ => row,
        }
    }
}

/// The best hits so far, the least of them on top.
struct Best {
    order: Order,
    limit: usize,
    after: Option<Cursor>,
    partition: PartitionId,
    passed: u64,
    heap: BinaryHeap<Reverse<Cursor>>,
}

impl Best {
    /// The key of the least hit, if there are as many as asked for.
    fn least_of_enough(&self) -> Option<u64> {
        let Reverse(least) = self.heap.peek()?;
        (self.heap.len() >= self.limit).then_some(least.key)
    }

    fn offer(&mut self, key: u64, doc: u32, columns: &Columns) {
        let cursor = |order: Order, partition| Cursor {
            key,
            partition,
            row: order.row_key(columns.row.get_val(doc)),
        };
        // Only hits at or before the cursor's key can have been shown.
        if let Some(after) = self.after.filter(|after| key >= after.key)
            && cursor(self.order, self.partition) >= after
        {
            self.passed += 1;
            return;
        }
        let least = self.heap.peek().filter(|_| self.heap.len() >= self.limit);
        if self.limit == 0 || least.is_some_and(|Reverse(least)| key < least.key) {
            return;
        }
        let cursor = cursor(self.order, self.partition);
        if least.is_some_and(|Reverse(least)| cursor <= *least) {
            return;
        }
        if self.heap.len() >= self.limit {
            self.heap.pop();
        }
        self.heap.push(Reverse(cursor));
    }
}

fn gather(
    outcomes: Vec<Outcome>,
    query: &Query,
    ask: &Ask,
    looked_into: usize,
) -> Result<Found, SearchError> {
    let mut found = Found {
        looked_into,
        ..Found::default()
    };
    let mut best: Vec<(Cursor, usize)> = Vec::new();
    let mut days: BTreeMap<Date, u64> = BTreeMap::new();
    for (n, outcome) in outcomes.iter().enumerate() {
        found.total += outcome.total;
        best.extend(outcome.best.iter().map(|cursor| (*cursor, n)));
        for (day, count) in &outcome.days {
            *days.entry(*day).or_default() += count;
        }
    }
    found.days = days.into_iter().collect();
    best.sort_unstable_by(|a, b| b.cmp(a));
    best.truncate(ask.limit.min(MOST));
    for (cursor, n) in &best {
        if let Some(outcome) = outcomes.get(*n) {
            found
                .hits
                .extend(hit(&outcome.partition, *cursor, query, ask.order)?);
        }
    }
    let passed: u64 = outcomes.iter().map(|outcome| outcome.passed).sum();
    let more = found.total - passed > best.len() as u64;
    found.next = best.last().map(|(cursor, _)| *cursor).filter(|_| more);
    found.facets = ask.facets.then(|| {
        facets(
            outcomes
                .iter()
                .filter_map(|outcome| outcome.facets.as_ref()),
        )
    });
    Ok(found)
}

fn hit(
    partition: &Partition,
    cursor: Cursor,
    query: &Query,
    order: Order,
) -> Result<Option<Hit>, SearchError> {
    let failed = |source| SearchError::Catalogue {
        partition: partition.id(),
        source,
    };
    let names = partition.names().map_err(failed)?;
    let rows = partition
        .catalogue()
        .rows(&[order.row_key(cursor.row)])
        .map_err(failed)?;
    Ok(rows.into_iter().next().map(|row| {
        let sender = Some(row.sender).filter(|sender| *sender != 0);
        Hit {
            record: row.id,
            partition: partition.id(),
            row: row.row,
            index: row.index,
            position: row.position,
            at: row.at,
            kind: row.kind,
            conversation: ConversationKey::of(&names, row.conversation),
            title: names.shown(row.conversation).unwrap_or_default().to_owned(),
            sender: sender
                .and_then(|sender| names.value(sender))
                .map(str::to_owned),
            sender_name: sender
                .and_then(|sender| names.shown(sender))
                .map(str::to_owned),
            excerpt: Excerpt::of(&row.text, query.root()),
            cursor,
        }
    }))
}
