//! The query language: what a person types becomes a tree that every partition can answer.
//!
//! | written | finds |
//! |---|---|
//! | `budget review` | both words, anywhere in one record |
//! | `"budget review"` | the words in a row |
//! | `bud*` | words that begin so |
//! | `a or b`, `a and b`, `not a`, `-a`, `( )` | as they say; `and` binds closer than `or` |
//! | `"budget review"~3`, `budget NEAR/3 review` | with at most three other words between, in any order |
//! | `from:` `to:` `with:` | people by name, number or id |
//! | `in:` | the conversation by title or id |
//! | `network:` `account:` `custodian:` `kind:` `has:` | where it comes from, what it is, what it has |
//! | `before:` `after:` `on:` | 2024, 2024-05, 2024-05-17, or a range 2024-05..2024-07 |
//!
//! A parser never fails on bytes, only with a [`QueryError`] that says where and what to do.

mod dates;
mod lexer;
mod parser;

use std::ops::Range;

use jiff::tz::TimeZone;
use record::{Kind, Milliseconds};

use super::words::Sequence;
use lexer::Lexer;

/// Longest query, in bytes.
pub const MAX_QUERY: usize = 4096;
/// Most words, phrases and fields in one query.
pub const MAX_LEAVES: usize = 128;
/// Deepest nesting of brackets and `not`.
pub const MAX_DEPTH: usize = 32;

/// A query that was understood.
#[derive(Clone, PartialEq, Eq)]
pub struct Query {
    root: Node,
}

/// A node of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// Every record.
    All,
    /// All of these; never empty.
    And(Vec<Node>),
    /// Any of these; never empty.
    Or(Vec<Node>),
    /// Not this.
    Not(Box<Node>),
    /// Words of the text in a row.
    Text(Sequence),
    /// Words of the text near each other, in any order; at most `within` other words between.
    Near {
        /// The words or phrases.
        items: Vec<Sequence>,
        /// Other words allowed between them.
        within: u32,
    },
    /// A person in a role.
    Person(Role, Sequence),
    /// The conversation, by title or id.
    Conversation(Sequence),
    /// The network's name.
    Network(String),
    /// The captured account, by id.
    Account(Sequence),
    /// The custodian, by id or name.
    Custodian(Sequence),
    /// The kind of event.
    Kind(Kind),
    /// Something that the record has.
    Has(Feature),
    /// The moment (PARTITION-12) lies in this half-open span.
    When(Span),
}

/// What part somebody has in a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Wrote it, or it was written on their behalf.
    From,
    /// Received it, as recipient or member of the group.
    To,
    /// Either.
    With,
}

/// A half-open span of time; an open end is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// First moment inside.
    pub from: Option<Milliseconds>,
    /// First moment after.
    pub until: Option<Milliseconds>,
}

impl Span {
    /// Whether a moment lies inside.
    pub fn contains(&self, at: Milliseconds) -> bool {
        self.from.is_none_or(|from| from <= at) && self.until.is_none_or(|until| at < until)
    }

    /// Whether any moment of `earliest..=latest` lies inside.
    pub fn touches(&self, earliest: Milliseconds, latest: Milliseconds) -> bool {
        self.from.is_none_or(|from| from <= latest)
            && self.until.is_none_or(|until| earliest < until)
    }

    fn and(self, other: Self) -> Self {
        Self {
            from: self.from.max(other.from),
            until: match (self.until, other.until) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            },
        }
    }
}

macro_rules! features {
    ($($variant:ident $name:literal $code:literal,)+) => {
        /// What a record can have.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Feature {
            $(#[doc = concat!("`has:", $name, "`")] $variant,)+
        }

        impl Feature {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Its name in a query.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// Its bit in the catalogue's flags.
            pub const fn bit(self) -> u32 {
                match self { $(Self::$variant => 1 << $code,)+ }
            }
        }
    };
}

features! {
    Attachment "attachment" 0,
    Image "image" 1,
    Audio "audio" 2,
    Video "video" 3,
    File "file" 4,
    Link "link" 5,
    Location "location" 6,
    Contact "contact" 7,
    Edit "edit" 8,
    Deletion "deletion" 9,
    Reaction "reaction" 10,
}

/// Why a query was not understood, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct QueryError {
    /// Bytes of the query that are meant.
    pub span: Range<usize>,
    /// What is wrong.
    pub problem: Problem,
}

/// What can be wrong with a query; `Display` says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Longer than [`MAX_QUERY`].
    #[error("the query has {0} bytes; {MAX_QUERY} are allowed: search for less at a time")]
    Long(usize),
    /// More than [`MAX_LEAVES`].
    #[error("the query has more than {MAX_LEAVES} words and fields: search for less at a time")]
    Leaves,
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("brackets are nested deeper than {MAX_DEPTH}: write it flatter")]
    Depth,
    /// A quotation mark without its partner.
    #[error("this quotation mark is not closed: add one at the end of the phrase")]
    Quote,
    /// An opening bracket without its partner.
    #[error("this bracket is not closed: add a closing one")]
    Open,
    /// A closing bracket without its partner.
    #[error("this bracket was never opened: remove it, or put the text in quotation marks")]
    Close,
    /// An operator that has nothing on one side.
    #[error(
        "{0} wants something to search for on this side; to search for the word itself write it in quotation marks"
    )]
    Operand(&'static str),
    /// A word without letters, digits or pictographs.
    #[error("there is nothing to search for in this; use letters, digits or emoji")]
    Nothing,
    /// A star anywhere but at the end.
    #[error("a star stands only at the end of a word, as in budget*")]
    Star,
    /// A star after a single letter.
    #[error("give at least two letters before the star")]
    ShortPrefix,
    /// A field without a value.
    #[error("{0}: wants a value directly after the colon, as in {0}:{1}")]
    Value(&'static str, &'static str),
    /// A kind that does not exist.
    #[error(
        "no such kind; there are message, edit, delete, reaction, receipt, call, membership, change, poll, consent, loss, roster, activity, account, unknown"
    )]
    Kind,
    /// A feature that does not exist.
    #[error(
        "no such thing to have; there are attachment, image, audio, video, file, link, location, contact, edit, deletion, reaction"
    )]
    Feature,
    /// Not a date.
    #[error("not a date; write 2024, 2024-05, 2024-05-17 or a range 2024-05..2024-07")]
    Date,
    /// `NEAR` beside something that is not a word or phrase.
    #[error("NEAR stands between words or phrases only")]
    Near,
    /// `~` with something that is not a number up to 1000.
    #[error("after ~ or NEAR/ comes a number of words up to 1000, as in \"budget review\"~3")]
    Distance,
}

impl Query {
    /// Understands what was typed; days begin and end in `zone`. An empty query finds everything.
    ///
    /// # Errors
    /// [`QueryError`] with the bytes that are meant and what to do.
    pub fn parse(text: &str, zone: &TimeZone) -> Result<Self, QueryError> {
        if text.len() > MAX_QUERY {
            return Err(QueryError {
                span: 0..text.len(),
                problem: Problem::Long(text.len()),
            });
        }
        let pieces = Lexer::new(text, zone).pieces()?;
        let root = parser::tree(text, pieces)?;
        Ok(Self { root })
    }

    /// The tree.
    pub fn root(&self) -> &Node {
        &self.root
    }

    /// A query from a tree, for callers that narrow what was typed.
    pub fn of(root: Node) -> Self {
        Self { root }
    }

    /// The same query, and this too.
    pub fn and(self, node: Node) -> Self {
        match self.root {
            Node::All => Self { root: node },
            root => Self {
                root: Node::And(vec![root, node]),
            },
        }
    }

    /// The time that every hit lies in; partitions without any of it need not be opened.
    pub fn span(&self) -> Span {
        span(&self.root)
    }
}

impl std::fmt::Debug for Query {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Query(‹redacted›)")
    }
}

fn span(node: &Node) -> Span {
    match node {
        Node::When(span) => *span,
        Node::And(nodes) => nodes.iter().map(span).fold(Span::default(), Span::and),
        Node::Or(nodes) => {
            let spans: Vec<Span> = nodes.iter().map(span).collect();
            let from = spans.iter().map(|span| span.from).min().flatten();
            let open = spans.iter().any(|span| span.until.is_none());
            let until = if open {
                None
            } else {
                spans.iter().filter_map(|span| span.until).max()
            };
            Span { from, until }
        }
        _ => Span::default(),
    }
}

#[cfg(test)]
mod tests;
