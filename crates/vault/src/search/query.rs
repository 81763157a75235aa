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

use std::ops::Range;

use jiff::tz::TimeZone;
use record::{Kind, Milliseconds};

use super::words::{Sequence, chinese_words};
use lexer::{Lexer, Piece};

/// Longest query, in bytes.
pub const MAX_QUERY: usize = 4096;
/// Most words, phrases and fields in one query.
pub const MAX_LEAVES: usize = 128;
/// Deepest nesting of brackets and `not`.
pub const MAX_DEPTH: usize = 32;
/// Words that may stand between, if `NEAR` does not say.
const NEAR: u32 = 10;

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
        let mut parser = Parser {
            text,
            pieces,
            at: 0,
            leaves: 0,
        };
        if parser.pieces.is_empty() {
            return Ok(Self { root: Node::All });
        }
        let root = parser.or(0)?;
        match parser.pieces.get(parser.at) {
            Some((_, span)) => Err(QueryError {
                span: span.clone(),
                problem: Problem::Close,
            }),
            None => Ok(Self { root }),
        }
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

struct Parser<'q> {
    text: &'q str,
    pieces: Vec<(Piece, Range<usize>)>,
    at: usize,
    leaves: usize,
}

impl Parser<'_> {
    fn or(&mut self, depth: usize) -> Result<Node, QueryError> {
        let mut nodes = vec![self.and(depth)?];
        while self.take(&Piece::Or).is_some() {
            nodes.push(self.and(depth)?);
        }
        Ok(one_or(nodes, Node::Or))
    }

    fn and(&mut self, depth: usize) -> Result<Node, QueryError> {
        let mut nodes = vec![self.near(depth)?];
        loop {
            if self.take(&Piece::And).is_some() {
                nodes.push(self.near(depth)?);
                continue;
            }
            match self.pieces.get(self.at) {
                None | Some((Piece::Or | Piece::Close, _)) => break,
                Some(_) => nodes.push(self.near(depth)?),
            }
        }
        Ok(one_or(nodes, Node::And))
    }

    fn near(&mut self, depth: usize) -> Result<Node, QueryError> {
        let mut left = self.unary(depth)?;
        while let Some((Piece::Near(within), span)) = self.pieces.get(self.at).cloned() {
            self.at += 1;
            let right = self.unary(depth)?;
            let within = within.unwrap_or(NEAR);
            left = match (left, right) {
                (Node::Text(a), Node::Text(b)) => Node::Near {
                    items: vec![a, b],
                    within,
                },
                (
                    Node::Near {
                        mut items,
                        within: before,
                    },
                    Node::Text(b),
                ) => {
                    items.push(b);
                    Node::Near {
                        items,
                        within: within.max(before),
                    }
                }
                _ => {
                    return Err(QueryError {
                        span,
                        problem: Problem::Near,
                    });
                }
            };
        }
        Ok(left)
    }

    fn unary(&mut self, depth: usize) -> Result<Node, QueryError> {
        if depth > MAX_DEPTH {
            return Err(QueryError {
                span: self.here(),
                problem: Problem::Depth,
            });
        }
        let Some((piece, span)) = self.pieces.get(self.at).cloned() else {
            return Err(QueryError {
                span: self.here(),
                problem: Problem::Operand(self.operator_before()),
            });
        };
        self.at += 1;
        match piece {
            Piece::Not => Ok(Node::Not(Box::new(self.unary(depth + 1)?))),
            Piece::Open => {
                if self.take(&Piece::Close).is_some() {
                    return Err(QueryError {
                        span,
                        problem: Problem::Nothing,
                    });
                }
                let inner = self.or(depth + 1)?;
                match self.take(&Piece::Close) {
                    Some(_) => Ok(inner),
                    None => Err(QueryError {
                        span,
                        problem: Problem::Open,
                    }),
                }
            }
            Piece::Close => {
                self.at -= 1;
                let before = self.operator_before();
                let problem = if before.is_empty() {
                    Problem::Close
                } else {
                    Problem::Operand(before)
                };
                Err(QueryError { span, problem })
            }
            Piece::And => Err(QueryError {
                span,
                problem: Problem::Operand("and"),
            }),
            Piece::Or => Err(QueryError {
                span,
                problem: Problem::Operand("or"),
            }),
            Piece::Near(_) => Err(QueryError {
                span,
                problem: Problem::Operand("NEAR"),
            }),
            leaf => {
                self.leaves += 1;
                if self.leaves > MAX_LEAVES {
                    return Err(QueryError {
                        span,
                        problem: Problem::Leaves,
                    });
                }
                self.leaf(leaf, span)
            }
        }
    }

    fn leaf(&self, piece: Piece, span: Range<usize>) -> Result<Node, QueryError> {
        let nothing = || QueryError {
            span: span.clone(),
            problem: Problem::Nothing,
        };
        match piece {
            Piece::Word { text, prefix } => {
                if !prefix && let Some(words) = chinese_words(&text) {
                    let nodes = words
                        .iter()
                        .filter_map(|word| Sequence::of(word, false))
                        .map(Node::Text)
                        .collect();
                    return Ok(one_or(nodes, Node::And));
                }
                Sequence::of(&text, prefix)
                    .map(Node::Text)
                    .ok_or_else(nothing)
            }
            Piece::Phrase { text, within } => {
                let Some(within) = within else {
                    return Sequence::of(&text, false)
                        .map(Node::Text)
                        .ok_or_else(nothing);
                };
                let items: Vec<Sequence> = text
                    .split_whitespace()
                    .filter_map(|word| Sequence::of(word, false))
                    .collect();
                match items.len() {
                    0 => Err(nothing()),
                    1 => Ok(items.into_iter().next().map_or(Node::All, Node::Text)),
                    _ => Ok(Node::Near { items, within }),
                }
            }
            Piece::Node(node) => Ok(node),
            Piece::All => Ok(Node::All),
            _ => Err(nothing()),
        }
    }

    fn take(&mut self, piece: &Piece) -> Option<Range<usize>> {
        let (found, span) = self.pieces.get(self.at)?;
        if found == piece {
            self.at += 1;
            return Some(span.clone());
        }
        None
    }

    /// The place where something is missing: the last piece read, or the end.
    fn here(&self) -> Range<usize> {
        let before = self.at.checked_sub(1).and_then(|at| self.pieces.get(at));
        before.map_or(self.text.len()..self.text.len(), |(_, span)| span.clone())
    }

    fn operator_before(&self) -> &'static str {
        match self.at.checked_sub(1).and_then(|at| self.pieces.get(at)) {
            Some((Piece::And, _)) => "and",
            Some((Piece::Or, _)) => "or",
            Some((Piece::Not, _)) => "not",
            Some((Piece::Near(_), _)) => "NEAR",
            Some((Piece::Open, _)) => "a bracket",
            _ => "",
        }
    }
}

fn one_or(mut nodes: Vec<Node>, many: fn(Vec<Node>) -> Node) -> Node {
    match (nodes.pop(), nodes.is_empty()) {
        (Some(only), true) => only,
        (Some(last), false) => {
            nodes.push(last);
            many(nodes)
        }
        (None, _) => Node::All,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Query, QueryError> {
        Query::parse(text, &TimeZone::UTC)
    }

    fn root(text: &str) -> Node {
        parse(text).unwrap().root
    }

    fn word(text: &str) -> Node {
        Node::Text(Sequence::of(text, false).unwrap())
    }

    fn problem(text: &str) -> (Problem, Range<usize>) {
        let error = parse(text).unwrap_err();
        (error.problem, error.span)
    }

    #[test]
    fn operators_bind_as_written() {
        assert_eq!(root(""), Node::All);
        assert_eq!(root("a b"), Node::And(vec![word("a"), word("b")]));
        assert_eq!(root("a AND b"), root("a b"));
        assert_eq!(
            root("a b or c"),
            Node::Or(vec![Node::And(vec![word("a"), word("b")]), word("c")])
        );
        assert_eq!(
            root("a (b OR c)"),
            Node::And(vec![word("a"), Node::Or(vec![word("b"), word("c")])])
        );
        assert_eq!(
            root("-a not b"),
            Node::And(vec![
                Node::Not(word("a").into()),
                Node::Not(word("b").into())
            ])
        );
        assert_eq!(root("\"or\""), word("or"));
        assert_eq!(root("„gut gemacht“"), word("gut gemacht"));
        assert_eq!(root("e-mail"), word("e mail"));
    }

    #[test]
    fn near_has_a_distance() {
        let near = |within| Node::Near {
            items: vec![
                Sequence::of("a", false).unwrap(),
                Sequence::of("b", false).unwrap(),
            ],
            within,
        };
        assert_eq!(root("\"a b\"~3"), near(3));
        assert_eq!(root("a NEAR/4 b"), near(4));
        assert_eq!(root("a NEAR b"), near(10));
        assert_eq!(problem("a NEAR kind:edit").0, Problem::Near);
        assert_eq!(problem("\"a b\"~x").0, Problem::Distance);
    }

    #[test]
    fn fields_take_the_rest_of_the_word_or_a_phrase() {
        assert_eq!(
            root("from:anna"),
            Node::Person(Role::From, Sequence::of("anna", false).unwrap())
        );
        assert_eq!(
            root("to:\"Anna Smith\""),
            Node::Person(Role::To, Sequence::of("anna smith", false).unwrap())
        );
        assert_eq!(
            root("with:+44 20 7946 0958"),
            Node::Person(Role::With, Sequence::of("+442079460958", false).unwrap())
        );
        assert_eq!(root("Network:Signal"), Node::Network("signal".into()));
        assert_eq!(root("kind:edit"), Node::Kind(Kind::Edit));
        assert_eq!(root("has:image"), Node::Has(Feature::Image));
        assert_eq!(root("https://example.com"), word("https example com"));
        assert_eq!(root("10:30"), word("10 30"));
    }

    #[test]
    fn dates_are_whole_days_of_the_zone() {
        let at = |text: &str| {
            Milliseconds::new(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
        };
        let span = |from: Option<&str>, until: Option<&str>| {
            Node::When(Span {
                from: from.map(at),
                until: until.map(at),
            })
        };
        assert_eq!(
            root("before:2024-05"),
            span(None, Some("2024-05-01T00:00:00Z"))
        );
        assert_eq!(
            root("after:2024-05"),
            span(Some("2024-06-01T00:00:00Z"), None)
        );
        assert_eq!(
            root("on:2024"),
            span(Some("2024-01-01T00:00:00Z"), Some("2025-01-01T00:00:00Z"))
        );
        assert_eq!(
            root("on:2024-05-17"),
            span(Some("2024-05-17T00:00:00Z"), Some("2024-05-18T00:00:00Z"))
        );
        assert_eq!(
            root("on:2024-05..2024-06-02"),
            span(Some("2024-05-01T00:00:00Z"), Some("2024-06-03T00:00:00Z"))
        );
        let berlin = TimeZone::get("Europe/Berlin");
        if let Ok(berlin) = berlin {
            let query = Query::parse("on:2024-07-01", &berlin).unwrap();
            assert_eq!(query.span().from, Some(at("2024-06-30T22:00:00Z")));
        }
        for bad in [
            "on:2024-13",
            "on:yesterday",
            "before:",
            "after:99999",
            "on:2024-02-30",
            "on:2024-06..2024-05",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_span_is_what_every_hit_lies_in() {
        assert_eq!(parse("a").unwrap().span(), Span::default());
        let query = parse("a after:2023 before:2025").unwrap();
        assert!(query.span().from.is_some() && query.span().until.is_some());
        assert_eq!(parse("a or before:2025").unwrap().span(), Span::default());
        assert_eq!(parse("-before:2025").unwrap().span(), Span::default());
    }

    #[test]
    fn errors_say_where() {
        assert_eq!(problem("a \"b"), (Problem::Quote, 2..3));
        assert_eq!(problem("a (b"), (Problem::Open, 2..3));
        assert_eq!(problem("a) b"), (Problem::Close, 1..2));
        assert_eq!(problem("a or"), (Problem::Operand("or"), 2..4));
        assert_eq!(problem("or a"), (Problem::Operand("or"), 0..2));
        assert_eq!(problem("a !!!"), (Problem::Nothing, 2..5));
        assert_eq!(problem("b*d"), (Problem::Star, 1..2));
        assert_eq!(problem("b*"), (Problem::ShortPrefix, 0..2));
        assert_eq!(problem("kind:banana"), (Problem::Kind, 5..11));
        assert_eq!(problem("has:banana"), (Problem::Feature, 4..10));
        assert_eq!(problem("from:").0, Problem::Value("from", "anna"));
        assert_eq!(problem(&"(".repeat(200)).0, Problem::Depth);
        assert_eq!(problem(&"a ".repeat(200)).0, Problem::Leaves);
        assert!(matches!(problem(&"a".repeat(5000)).0, Problem::Long(5000)));
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_the_parser(text in "\\PC{0,60}") {
            if let Err(error) = parse(&text) {
                proptest::prop_assert!(text.get(error.span.clone()).is_some(), "{:?}", error);
            }
        }

        #[test]
        fn no_mixture_of_its_own_pieces_breaks_it(
            pieces in proptest::collection::vec(
                proptest::sample::select(vec!["(", ")", "\"", " or ", " and ", "not ", "-", "a", "b*", "~3", "from:", "on:2024",
                    " NEAR ", "预算会议", "+49 ", "*", "“", "#x", " "]), 0..40)
        ) {
            let text: String = pieces.concat();
            if let Err(error) = parse(&text) {
                proptest::prop_assert!(text.get(error.span.clone()).is_some(), "{:?}", error);
            }
        }
    }
}
