//! A query of the index for words in a row or near each other, where a place may have several terms
//! or a beginning of terms. Single words use the index's own queries. Its own phrases are left aside:
//! in a `not` they ask a list that has ended to go on (a debug assertion of tantivy 0.27 says so), and
//! what "in a row" means is better said in one place.

use std::sync::Arc;

use tantivy::postings::{Postings, SegmentPostings};
use tantivy::query::{EmptyScorer, EnableScoring, Explanation, Query, Scorer, Weight};
use tantivy::schema::IndexRecordOption;
use tantivy::{
    DocId, DocSet, InvertedIndexReader, Score, SegmentReader, TERMINATED, TantivyError, Term,
};

use super::matching::{near, starts};
use super::words::{Sequence, Slot};
use crate::partition::fields;

/// Records whose text has all items, in a row each, and near each other if `within` says so.
#[derive(Clone, Debug)]
pub(crate) struct Positional {
    items: Arc<[Sequence]>,
    within: Option<u32>,
}

impl Positional {
    pub(crate) fn row(sequence: &Sequence) -> Self {
        Self {
            items: Arc::new([sequence.clone()]),
            within: None,
        }
    }

    pub(crate) fn near(items: &[Sequence], within: u32) -> Self {
        Self {
            items: items.into(),
            within: Some(within),
        }
    }
}

impl Query for Positional {
    fn weight(&self, _: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        Ok(Box::new(self.clone()))
    }
}

impl Weight for Positional {
    fn scorer(&self, reader: &SegmentReader, boost: Score) -> tantivy::Result<Box<dyn Scorer>> {
        let index = reader.inverted_index(fields().text)?;
        // One place and no window: positions are not looked at.
        let alone = self.within.is_none() && self.items.iter().all(|item| item.slots.len() == 1);
        let option = if alone {
            IndexRecordOption::WithFreqs
        } else {
            IndexRecordOption::WithFreqsAndPositions
        };
        let mut places = Vec::new();
        for (item, sequence) in self.items.iter().enumerate() {
            for slot in &sequence.slots {
                let postings = union(&index, slot, option)?;
                if postings.is_empty() {
                    return Ok(Box::new(EmptyScorer));
                }
                places.push(Place {
                    item,
                    offset: slot.offset,
                    postings,
                    positions: Vec::new(),
                });
            }
        }
        let lengths = self.items.iter().map(|item| item.length).collect();
        let mut matches = Matches {
            places,
            lengths,
            within: self.within,
            alone,
            doc: 0,
            count: 0,
            boost,
        };
        matches.doc = matches.find(0);
        Ok(Box::new(matches))
    }

    fn explain(&self, _: &SegmentReader, _: DocId) -> tantivy::Result<Explanation> {
        Err(TantivyError::InvalidArgument(
            "scores of rows of words are not explained".into(),
        ))
    }
}

/// The postings of every term that fits a place.
fn union(
    index: &InvertedIndexReader,
    slot: &Slot,
    option: IndexRecordOption,
) -> tantivy::Result<Vec<SegmentPostings>> {
    let mut postings = Vec::new();
    for term in &slot.any {
        if slot.prefix {
            let mut stream = index.terms().range().ge(term.as_bytes()).into_stream()?;
            while stream.advance() {
                if !stream.key().starts_with(term.as_bytes()) {
                    break;
                }
                postings.push(index.read_postings_from_terminfo(stream.value(), option)?);
            }
        } else {
            postings
                .extend(index.read_postings(&Term::from_field_text(fields().text, term), option)?);
        }
    }
    Ok(postings)
}

struct Place {
    item: usize,
    offset: u32,
    postings: Vec<SegmentPostings>,
    positions: Vec<u32>,
}

impl Place {
    /// The first record at or after `target` that has any of the terms.
    fn seek(&mut self, target: DocId) -> DocId {
        let mut least = TERMINATED;
        for postings in &mut self.postings {
            let doc = if postings.doc() < target {
                postings.seek(target)
            } else {
                postings.doc()
            };
            least = least.min(doc);
        }
        least
    }

    fn read(&mut self, doc: DocId) {
        self.positions.clear();
        for postings in self
            .postings
            .iter_mut()
            .filter(|postings| postings.doc() == doc)
        {
            postings.append_positions_with_offset(0, &mut self.positions);
        }
        if self.postings.len() > 1 {
            self.positions.sort_unstable();
            self.positions.dedup();
        }
    }
}

struct Matches {
    places: Vec<Place>,
    lengths: Vec<u32>,
    within: Option<u32>,
    alone: bool,
    doc: DocId,
    count: usize,
    boost: Score,
}

impl Matches {
    fn find(&mut self, mut target: DocId) -> DocId {
        loop {
            let mut agreed = target;
            for place in &mut self.places {
                agreed = place.seek(agreed);
                if agreed == TERMINATED {
                    return TERMINATED;
                }
            }
            if agreed != target {
                target = agreed;
                continue;
            }
            self.count = self.count_in(agreed);
            if self.count > 0 {
                return agreed;
            }
            target = agreed + 1;
        }
    }

    /// How often the record has what is asked for; 0 if not at all.
    fn count_in(&mut self, doc: DocId) -> usize {
        if self.alone {
            return 1;
        }
        for place in &mut self.places {
            place.read(doc);
        }
        let Some(within) = self.within else {
            return rows(&self.places);
        };
        let mut found: Vec<Vec<u32>> = Vec::with_capacity(self.lengths.len());
        for item in 0..self.lengths.len() {
            let slots: Vec<(u32, &[u32])> = self
                .places
                .iter()
                .filter(|place| place.item == item)
                .map(|place| (place.offset, place.positions.as_slice()))
                .collect();
            found.push(starts(&slots));
        }
        let items: Vec<(u32, &[u32])> = self
            .lengths
            .iter()
            .copied()
            .zip(found.iter().map(Vec::as_slice))
            .collect();
        near(&items, within).first().map_or(0, Vec::len)
    }
}

/// How often all places are taken in a row: as [`starts`], begun at the rarest place and without memory
/// of its own, since common phrases come here for every record that has all their words.
fn rows(places: &[Place]) -> usize {
    let Some(rarest) = places.iter().min_by_key(|place| place.positions.len()) else {
        return 0;
    };
    let begins = rarest
        .positions
        .iter()
        .filter_map(|position| position.checked_sub(rarest.offset));
    let fits = |begin: &u32| {
        places.iter().all(|place| match place.positions.as_slice() {
            few if few.len() <= 8 => few.contains(&(begin + place.offset)),
            many => many.binary_search(&(begin + place.offset)).is_ok(),
        })
    };
    begins.filter(fits).count()
}

impl DocSet for Matches {
    fn advance(&mut self) -> DocId {
        if self.doc != TERMINATED {
            self.doc = self.find(self.doc + 1);
        }
        self.doc
    }

    fn seek(&mut self, target: DocId) -> DocId {
        if target >= TERMINATED {
            self.doc = TERMINATED;
        } else if self.doc < target {
            self.doc = self.find(target);
        }
        self.doc
    }

    fn doc(&self) -> DocId {
        self.doc
    }

    fn size_hint(&self) -> u32 {
        let most = |place: &Place| {
            place
                .postings
                .iter()
                .map(SegmentPostings::doc_freq)
                .fold(0u32, u32::saturating_add)
        };
        self.places.iter().map(most).min().unwrap_or(0)
    }
}

impl Scorer for Matches {
    fn score(&mut self) -> Score {
        // More often is better, less and less so.
        let count = self.count as Score;
        self.boost * (1.0 + count / (count + 1.2)) * self.places.len() as Score
    }
}
