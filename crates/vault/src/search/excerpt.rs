//! The piece of a text that a list of hits shows.

use std::ops::Range;

use super::matching::highlights;
use super::query::Node;
use super::words::BREAK;

/// Bytes of text that an excerpt has at most, about.
const LENGTH: usize = 240;
/// Bytes before the first highlight.
const LEAD: usize = 60;

/// A piece of a record's text, with what the query matched in it.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Excerpt {
    /// The piece; texts of one record are parted by line feeds.
    pub text: String,
    /// Bytes of the piece that match, ascending.
    pub highlights: Vec<Range<usize>>,
    /// Whether text before it is left out.
    pub cut_before: bool,
    /// Whether text after it is left out.
    pub cut_after: bool,
}

impl std::fmt::Debug for Excerpt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Excerpt(‹{} bytes, {} highlights›)",
            self.text.len(),
            self.highlights.len()
        )
    }
}

impl Excerpt {
    /// The piece of `text` around the first match; the beginning where nothing in the text matches.
    pub fn of(text: &str, query: &Node) -> Self {
        let all = highlights(text, query);
        let first = all.first().map_or(0, |range| range.start);
        let from = if text.len() <= LENGTH || first <= LEAD {
            0
        } else {
            boundary(text, first - LEAD)
        };
        let to = all
            .iter()
            .map(|range| range.end)
            .rfind(|end| *end <= from + LENGTH);
        let to = text.floor_char_boundary(
            (from + LENGTH)
                .max(to.unwrap_or(0))
                .max(all.first().map_or(0, |range| range.end)),
        );
        let piece = text.get(from..to).unwrap_or_default();
        // A break has three bytes and a line feed one; ranges move by what was dropped before them.
        let mut shown = String::with_capacity(piece.len());
        let mut dropped: Vec<(usize, usize)> = Vec::new();
        let mut lost = 0;
        for (at, c) in piece.char_indices() {
            if c == BREAK {
                shown.push('\n');
                lost += c.len_utf8() - 1;
                dropped.push((from + at + c.len_utf8(), lost));
            } else {
                shown.push(c);
            }
        }
        let place = |at: usize| {
            let lost = dropped
                .iter()
                .rfind(|(after, _)| *after <= at)
                .map_or(0, |(_, lost)| *lost);
            at - from - lost
        };
        let highlights = all
            .iter()
            .filter(|range| range.start >= from && range.end <= to)
            .map(|range| place(range.start)..place(range.end))
            .collect();
        Self {
            text: shown,
            highlights,
            cut_before: from > 0,
            cut_after: to < text.len(),
        }
    }
}

/// The begin of a word at or after `at`, if one is near; else any character's begin.
fn boundary(text: &str, at: usize) -> usize {
    let at = text.floor_char_boundary(at);
    let rest = text.get(at..).unwrap_or_default();
    let space = rest
        .char_indices()
        .take_while(|(n, _)| *n < 20)
        .find(|(_, c)| c.is_whitespace());
    space.map_or(at, |(n, c)| at + n + c.len_utf8())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::query::Query;

    fn excerpt(text: &str, query: &str) -> Excerpt {
        Excerpt::of(
            text,
            Query::parse(query, &jiff::tz::TimeZone::UTC)
                .unwrap()
                .root(),
        )
    }

    fn shown(excerpt: &Excerpt) -> Vec<&str> {
        excerpt
            .highlights
            .iter()
            .map(|range| &excerpt.text[range.clone()])
            .collect()
    }

    #[test]
    fn a_short_text_is_whole() {
        let found = excerpt("one\u{2029}zwei Büdget", "budget");
        assert_eq!(found.text, "one\nzwei Büdget");
        assert_eq!(shown(&found), ["Büdget"]);
        assert!(!found.cut_before && !found.cut_after);
    }

    #[test]
    fn a_long_text_is_cut_around_the_first_match() {
        let text = format!("{}The budget{}", "前 ".repeat(300), " word".repeat(300));
        let found = excerpt(&text, "budget");
        assert_eq!(shown(&found), ["budget"]);
        assert!(found.cut_before && found.cut_after && found.text.len() < 400);
    }

    proptest::proptest! {
        #[test]
        fn highlights_always_lie_inside(text in "[abcäöß预算\u{2029} ]{0,600}", query in "[abc预算]{1,2}") {
            let found = excerpt(&text, &query);
            for range in &found.highlights {
                proptest::prop_assert!(found.text.get(range.clone()).is_some());
            }
        }
    }
}
