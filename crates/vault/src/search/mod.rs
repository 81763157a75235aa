//! Finding records again: one tokenizer, one query language, many partitions side by side.
//!
//! In scope: words, queries, searches with exact counts, highlights, reading a conversation, and a
//! scan by brute force that judges them.
//! Out of scope: who may look, and the audit of looks ([`crate::room`]).

pub mod conversation;
mod excerpt;
mod facets;
pub(crate) mod matching;
mod plan;
mod positional;
pub mod query;
pub mod scan;
mod searcher;
mod sets;
mod shelf;
mod tally;
pub mod words;

pub use excerpt::Excerpt;
pub use facets::{Facet, Facets};
pub use matching::highlights;
pub use query::{Query, QueryError};
pub use searcher::{Ask, Cursor, Found, Hit, Order, SearchError, Searcher};
pub use shelf::Shelf;

#[cfg(test)]
mod corpus;
