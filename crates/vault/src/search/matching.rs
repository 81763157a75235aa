//! What "in a row" and "near" mean, on positions alone: the same code judges a text, an index and a
//! highlight.

use std::ops::Range;

use super::query::Node;
use super::words::{Sequence, Slot, Words};

/// Positions at which all places of a sequence are taken; `slots` gives the offset of each place and
/// the ascending positions of its terms.
pub(crate) fn starts(slots: &[(u32, &[u32])]) -> Vec<u32> {
    let Some(((first, positions), rest)) = slots.split_first() else {
        return Vec::new();
    };
    let begins = positions
        .iter()
        .filter_map(|position| position.checked_sub(*first));
    let fits = |start: &u32| {
        rest.iter().all(|(offset, positions)| {
            start
                .checked_add(*offset)
                .is_some_and(|position| positions.binary_search(&position).is_ok())
        })
    };
    begins.filter(fits).collect()
}

/// Of the places where each item begins, those that take part in a window in which all items stand
/// with at most `within` other words between. Items are given by length and ascending starts.
pub(crate) fn near(items: &[(u32, &[u32])], within: u32) -> Vec<Vec<u32>> {
    let mut taken: Vec<Vec<u32>> = vec![Vec::new(); items.len()];
    let mut at = vec![0usize; items.len()];
    let words: u32 = items.iter().map(|(length, _)| *length).sum();
    loop {
        let mut now = Vec::with_capacity(items.len());
        for ((length, starts), at) in items.iter().zip(&at) {
            let Some(start) = starts.get(*at) else {
                return taken;
            };
            now.push((*start, start.saturating_add(*length)));
        }
        let begin = now.iter().map(|(start, _)| *start).min().unwrap_or(0);
        let end = now.iter().map(|(_, end)| *end).max().unwrap_or(0);
        if (end - begin).saturating_sub(words) <= within {
            for (taken, (start, _)) in taken.iter_mut().zip(&now) {
                if taken.last() != Some(start) {
                    taken.push(*start);
                }
            }
        }
        // Only moving the earliest on can make the window smaller.
        let Some(earliest) = now
            .iter()
            .enumerate()
            .min_by_key(|(_, (start, _))| *start)
            .map(|(n, _)| n)
        else {
            return taken;
        };
        if let Some(at) = at.get_mut(earliest) {
            *at += 1;
        }
    }
}

/// Whether a term fits a place.
pub(crate) fn fits(slot: &Slot, term: &str) -> bool {
    slot.any.iter().any(|any| {
        if slot.prefix {
            term.starts_with(any.as_str())
        } else {
            term == any
        }
    })
}

/// Where a sequence begins in a text.
pub(crate) fn sequence_starts(words: &Words, sequence: &Sequence) -> Vec<u32> {
    let positions: Vec<(u32, Vec<u32>)> = sequence
        .slots
        .iter()
        .map(|slot| {
            let mut found: Vec<u32> = words
                .iter()
                .filter(|token| fits(slot, token.term))
                .map(|token| token.position)
                .collect();
            found.dedup();
            (slot.offset, found)
        })
        .collect();
    let slots: Vec<(u32, &[u32])> = positions
        .iter()
        .map(|(offset, found)| (*offset, found.as_slice()))
        .collect();
    starts(&slots)
}

/// Where the items of a `near` stand in a text.
pub(crate) fn near_starts(words: &Words, items: &[Sequence], within: u32) -> Vec<Vec<u32>> {
    let found: Vec<(u32, Vec<u32>)> = items
        .iter()
        .map(|item| (item.length, sequence_starts(words, item)))
        .collect();
    let items: Vec<(u32, &[u32])> = found
        .iter()
        .map(|(length, starts)| (*length, starts.as_slice()))
        .collect();
    near(&items, within)
}

/// Bytes of the text that a query's words match, ascending; ranges that touch are one.
/// What a `not` names is never among them.
pub fn highlights(text: &str, query: &Node) -> Vec<Range<usize>> {
    let words = Words::of(text);
    let mut ranges = Vec::new();
    mark(&words, query, &mut ranges);
    ranges.sort_by_key(|range| (range.start, range.end));
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

fn mark(words: &Words, node: &Node, ranges: &mut Vec<Range<usize>>) {
    match node {
        Node::And(nodes) | Node::Or(nodes) => {
            nodes.iter().for_each(|node| mark(words, node, ranges))
        }
        Node::Text(sequence) => {
            mark_sequence(words, sequence, &sequence_starts(words, sequence), ranges)
        }
        Node::Near { items, within } => {
            for (item, starts) in items.iter().zip(near_starts(words, items, *within)) {
                mark_sequence(words, item, &starts, ranges);
            }
        }
        _ => {}
    }
}

fn mark_sequence(
    words: &Words,
    sequence: &Sequence,
    starts: &[u32],
    ranges: &mut Vec<Range<usize>>,
) {
    for token in words.iter() {
        let meant = sequence.slots.iter().any(|slot| {
            let start = token.position.checked_sub(slot.offset);
            start.is_some_and(|start| starts.binary_search(&start).is_ok())
                && fits(slot, token.term)
        });
        if meant {
            ranges.push(token.span);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::query::Query;

    fn shown(text: &str, query: &str) -> String {
        let query = Query::parse(query, &jiff::tz::TimeZone::UTC).unwrap();
        let mut out = String::new();
        let mut at = 0;
        for range in highlights(text, query.root()) {
            out += &text[at..range.start];
            out += &format!("[{}]", &text[range.clone()]);
            at = range.end;
        }
        out + &text[at..]
    }

    #[test]
    fn highlights_lie_on_the_original_letters() {
        assert_eq!(
            shown("Das BÜDGET für Müller", "budget mueller"),
            "Das [BÜDGET] für [Müller]"
        );
        assert_eq!(
            shown("Die Mietvertragskündigung", "Vertrag"),
            "Die Miet[vertrag]skündigung"
        );
        assert_eq!(shown("明天开预算会议吗", "预算会议"), "明天开[预算会议]吗");
        assert_eq!(
            shown("red car, red flag", "\"red flag\""),
            "red car, [red] [flag]"
        );
        assert_eq!(
            shown("budgets and budding", "bud*"),
            "[budgets] and [budding]"
        );
        assert_eq!(
            shown("a b c a x x x b", "\"a b\"~1"),
            "[a] [b] c [a] x x x b"
        );
        assert_eq!(shown("keep this out", "keep -out"), "[keep] this out");
    }

    #[test]
    fn near_counts_the_words_between() {
        let hits = |within| {
            near(&[(1, &[0, 10]), (1, &[4])], within)
                .iter()
                .map(Vec::len)
                .sum::<usize>()
        };
        assert_eq!(hits(2), 0);
        assert_eq!(hits(3), 2);
        assert_eq!(hits(5), 3);
    }
}
