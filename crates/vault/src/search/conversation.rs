//! Reading a conversation over all partitions that it reaches into.

use record::{Kind, Milliseconds, RecordId};
use tlog::LogIndex;

use super::query::Span;
use super::searcher::{SearchError, Searcher};
use super::shelf::Shelf;
use crate::partition::{Names, Partition, PartitionId, Row, Space};

/// A conversation as one account sees it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConversationKey {
    /// Network.
    pub network: String,
    /// Captured account.
    pub account: String,
    /// Conversation id on its network.
    pub conversation: String,
}

impl std::fmt::Debug for ConversationKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ConversationKey({}, ‹redacted›)", self.network)
    }
}

impl ConversationKey {
    pub(crate) fn of(names: &Names, number: u64) -> Self {
        let mut parts = names
            .value(number)
            .unwrap_or_default()
            .splitn(3, '\0')
            .map(str::to_owned);
        let mut next = || parts.next().unwrap_or_default();
        Self {
            network: next(),
            account: next(),
            conversation: next(),
        }
    }

    fn value(&self) -> String {
        format!("{}\0{}\0{}", self.network, self.account, self.conversation)
    }
}

/// The place of an item in its conversation, by moment, then by partition and row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Moment.
    pub at: Milliseconds,
    /// Partition.
    pub partition: PartitionId,
    /// Row in the partition.
    pub row: u64,
}

/// From where, and which way, a page is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// The newest items.
    Newest,
    /// The oldest items.
    Oldest,
    /// Items before a place.
    Before(Place),
    /// Items after a place.
    After(Place),
}

/// One event of a conversation.
#[derive(Clone, PartialEq, Eq)]
pub struct Item {
    /// Its place.
    pub place: Place,
    /// The record.
    pub record: RecordId,
    /// The entry that carries it.
    pub index: LogIndex,
    /// Its position in the batch.
    pub position: u32,
    /// Kind of event.
    pub kind: Kind,
    /// The network's id of the event.
    pub source_id: String,
    /// Participant id of the sender.
    pub sender: Option<String>,
    /// Name of the sender, or their id.
    pub sender_name: Option<String>,
    /// Its texts, parted by line feeds.
    pub text: String,
    /// Edits, deletions, reactions, receipts and votes that refer to it, oldest first.
    pub referring: Vec<Item>,
}

impl std::fmt::Debug for Item {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Item({}, {}, ‹{} referring›)",
            self.kind,
            self.record,
            self.referring.len()
        )
    }
}

/// A page of a conversation, oldest item first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The items.
    pub items: Vec<Item>,
    /// Whether there are older items before the page.
    pub older: bool,
    /// Whether there are newer items after the page.
    pub newer: bool,
}

/// Most items of one page.
const MOST: usize = 1000;

/// Up to `limit` items of a conversation, with what refers to each.
///
/// # Errors
/// [`SearchError`].
pub fn page(
    searcher: &Searcher,
    key: &ConversationKey,
    from: From,
    limit: usize,
) -> Result<Page, SearchError> {
    let limit = limit.clamp(1, MOST);
    let newer = matches!(from, From::Oldest | From::After(_));
    let mut found = walk(searcher, key, from, limit + 1)?;
    let beyond = found.len() > limit;
    found.truncate(limit);
    let mut page = Page::default();
    // Whether anything lies behind the begin of the walk is asked, not guessed.
    let behind = match (from, found.first()) {
        (From::Newest | From::Oldest, _) | (_, None) => false,
        (From::Before(_), Some(item)) => {
            !walk(searcher, key, From::After(item.place), 1)?.is_empty()
        }
        (From::After(_), Some(item)) => {
            !walk(searcher, key, From::Before(item.place), 1)?.is_empty()
        }
    };
    (page.older, page.newer) = if newer {
        (behind, beyond)
    } else {
        (beyond, behind)
    };
    if !newer {
        found.reverse();
    }
    refer(searcher, key, &mut found)?;
    page.items = found;
    Ok(page)
}

/// A record with up to `before` items before it and `after` behind it; empty if it is in no partition
/// of the searcher. A record that is not an item of its own stands among those around its moment.
///
/// # Errors
/// [`SearchError`].
pub fn around(
    searcher: &Searcher,
    record: &RecordId,
    before: usize,
    after: usize,
) -> Result<Page, SearchError> {
    for shelf in searcher.shelves() {
        let partition = open(shelf)?;
        let failed = |source| SearchError::Catalogue {
            partition: partition.id(),
            source,
        };
        let Some(row) = partition.find(record).map_err(failed)? else {
            continue;
        };
        let names = partition.names().map_err(failed)?;
        let key = ConversationKey::of(&names, row.conversation);
        let place = Place {
            at: row.at,
            partition: partition.id(),
            row: row.row,
        };
        let mut page = page(searcher, &key, From::Before(place), before.max(1))?;
        if before == 0 {
            page.older |= !page.items.is_empty();
            page.items.clear();
        }
        let mut item = [item(&partition, &names, row)];
        refer(searcher, &key, &mut item)?;
        page.items.extend(item);
        let behind = self::page(searcher, &key, From::After(place), after.max(1))?;
        page.newer = behind.newer || (after == 0 && !behind.items.is_empty());
        if after > 0 {
            page.items.extend(behind.items);
        }
        return Ok(page);
    }
    Ok(Page::default())
}

/// Items from a place on, in the direction of the walk. Partitions are taken in the order of their
/// dates, and those that can not hold the next item any more are not looked into.
fn walk(
    searcher: &Searcher,
    key: &ConversationKey,
    from: From,
    limit: usize,
) -> Result<Vec<Item>, SearchError> {
    let newer = matches!(from, From::Oldest | From::After(_));
    let start = match from {
        From::Before(place) | From::After(place) => Some(place),
        _ => None,
    };
    let span = match (from, start) {
        (From::Before(_), Some(place)) => Span {
            from: None,
            until: Some(place.at.plus(1)),
        },
        (From::After(_), Some(place)) => Span {
            from: Some(place.at),
            until: None,
        },
        _ => Span::default(),
    };
    let mut shelves: Vec<(&Shelf, (Milliseconds, Milliseconds))> = searcher
        .shelves()
        .iter()
        .filter(|shelf| shelf.touches(span))
        .filter_map(|shelf| Some((shelf, shelf.range()?)))
        .collect();
    if newer {
        shelves.sort_by_key(|(_, (earliest, _))| *earliest);
    } else {
        shelves.sort_by_key(|(_, (_, latest))| std::cmp::Reverse(*latest));
    }
    let mut found: Vec<Item> = Vec::new();
    for (shelf, (earliest, latest)) in shelves {
        if let Some(last) = found.get(limit - 1)
            && (if newer {
                earliest > last.place.at
            } else {
                latest < last.place.at
            })
        {
            break;
        }
        let partition = open(shelf)?;
        let failed = |source| SearchError::Catalogue {
            partition: partition.id(),
            source,
        };
        let number = partition
            .catalogue()
            .number(Space::Conversation, &key.value())
            .map_err(failed)?;
        let Some(number) = number else { continue };
        let rows = partition.catalogue().reading(
            number,
            beyond(start, partition.id(), newer),
            newer,
            limit,
        );
        let rows = rows.map_err(failed)?;
        if rows.is_empty() {
            continue;
        }
        let names = partition.names().map_err(failed)?;
        for row in rows {
            found.push(item(&partition, &names, row));
        }
        found.sort_by_key(|item| item.place);
        if !newer {
            found.reverse();
        }
        found.truncate(limit);
    }
    Ok(found)
}

/// The moment and row beyond which a partition's items lie on the far side of `start`.
fn beyond(start: Option<Place>, partition: PartitionId, newer: bool) -> (Milliseconds, u64) {
    let (least, most) = (0, i64::MAX as u64);
    match start {
        None if newer => (Milliseconds::new(i64::MIN), least),
        None => (Milliseconds::new(i64::MAX), most),
        Some(place) => {
            let row = match partition.cmp(&place.partition) {
                std::cmp::Ordering::Equal => place.row,
                // Of items at the same moment, those of a lesser partition come before.
                std::cmp::Ordering::Less => most,
                std::cmp::Ordering::Greater => least,
            };
            (place.at, row)
        }
    }
}

/// Adds to each item what refers to it, from every partition that can hold such a thing: those with a
/// record at or after the first item's moment, and of them only where the conversation goes on.
fn refer(
    searcher: &Searcher,
    key: &ConversationKey,
    items: &mut [Item],
) -> Result<(), SearchError> {
    let Some(first) = items.iter().map(|item| item.place.at).min() else {
        return Ok(());
    };
    let span = Span {
        from: Some(first),
        until: None,
    };
    for shelf in searcher
        .shelves()
        .iter()
        .filter(|shelf| shelf.touches(span))
    {
        let partition = open(shelf)?;
        let failed = |source| SearchError::Catalogue {
            partition: partition.id(),
            source,
        };
        let number = partition
            .catalogue()
            .number(Space::Conversation, &key.value())
            .map_err(failed)?;
        let Some(number) = number else { continue };
        let targets: Vec<&str> = items.iter().map(|item| item.source_id.as_str()).collect();
        let found = partition.catalogue().referring(number, &targets);
        let found = found.map_err(failed)?;
        if found.is_empty() {
            continue;
        }
        let names = partition.names().map_err(failed)?;
        for (n, row) in found {
            if let Some(target) = items.get_mut(n)
                && target.record != row.id
            {
                target.referring.push(item(&partition, &names, row));
            }
        }
    }
    for target in items {
        target.referring.sort_by_key(|item| item.place);
    }
    Ok(())
}

fn open(shelf: &Shelf) -> Result<std::sync::Arc<Partition>, SearchError> {
    shelf.partition().map_err(|source| SearchError::Open {
        partition: shelf.id(),
        source,
    })
}

fn item(partition: &Partition, names: &Names, row: Row) -> Item {
    let sender = Some(row.sender).filter(|sender| *sender != 0);
    Item {
        place: Place {
            at: row.at,
            partition: partition.id(),
            row: row.row,
        },
        record: row.id,
        index: row.index,
        position: row.position,
        kind: row.kind,
        source_id: row.source_id,
        sender: sender
            .and_then(|sender| names.value(sender))
            .map(str::to_owned),
        sender_name: sender
            .and_then(|sender| names.shown(sender))
            .map(str::to_owned),
        text: row.text.replace(crate::search::words::BREAK, "\n"),
        referring: Vec::new(),
    }
}
