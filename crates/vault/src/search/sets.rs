//! Queries of the index that are whole sets of documents: everything but, and between two moments.
//!
//! tantivy 0.27 excludes and filters by jumping ahead in lists ("seek_danger"), and asks some of them
//! for places that they have left behind; its own assertions say so. A set of bits has no such past.

use std::sync::Arc;

use record::Milliseconds;
use tantivy::columnar::ColumnValues;
use tantivy::query::{
    BitSetDocSet, ConstScorer, EnableScoring, Explanation, Query, Scorer, Weight,
};
use tantivy::{BitSet, DocId, Score, SegmentReader, TantivyError};

use super::query::Span;

/// Every document that a query does not match.
#[derive(Debug)]
pub(crate) struct Without(Box<dyn Query>);

impl Without {
    pub(crate) fn new(query: Box<dyn Query>) -> Self {
        Self(query)
    }
}

impl Clone for Without {
    fn clone(&self) -> Self {
        Self(self.0.box_clone())
    }
}

impl Query for Without {
    fn weight(&self, scoring: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        let unscored = match scoring.searcher() {
            Some(searcher) => EnableScoring::disabled_from_searcher(searcher),
            None => EnableScoring::disabled_from_schema(scoring.schema()),
        };
        Ok(Box::new(WithoutWeight(self.0.weight(unscored)?)))
    }
}

struct WithoutWeight(Box<dyn Weight>);

impl Weight for WithoutWeight {
    fn scorer(&self, reader: &SegmentReader, _: Score) -> tantivy::Result<Box<dyn Scorer>> {
        let mut docs = BitSet::with_max_value_and_full(reader.max_doc());
        let each = &mut |matching: &[DocId]| matching.iter().for_each(|doc| docs.remove(*doc));
        self.0.for_each_no_score(reader, each)?;
        Ok(scorer(docs))
    }

    fn explain(&self, _: &SegmentReader, _: DocId) -> tantivy::Result<Explanation> {
        Err(unexplained())
    }
}

/// Documents whose moment lies in a span.
#[derive(Clone, Debug)]
pub(crate) struct Within(pub(crate) Span);

impl Query for Within {
    fn weight(&self, _: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        Ok(Box::new(self.clone()))
    }
}

impl Weight for Within {
    fn scorer(&self, reader: &SegmentReader, _: Score) -> tantivy::Result<Box<dyn Scorer>> {
        let column: Arc<dyn ColumnValues<i64>> =
            reader.fast_fields().column_first_or_default("at")?;
        let mut docs = BitSet::with_max_value(reader.max_doc());
        for doc in 0..reader.max_doc() {
            if self.0.contains(Milliseconds::new(column.get_val(doc))) {
                docs.insert(doc);
            }
        }
        Ok(scorer(docs))
    }

    fn explain(&self, _: &SegmentReader, _: DocId) -> tantivy::Result<Explanation> {
        Err(unexplained())
    }
}

/// Filters take no part in relevance.
fn scorer(docs: BitSet) -> Box<dyn Scorer> {
    Box::new(ConstScorer::new(BitSetDocSet::from(docs), 0.0))
}

fn unexplained() -> TantivyError {
    TantivyError::InvalidArgument("filters have no score to explain".into())
}
