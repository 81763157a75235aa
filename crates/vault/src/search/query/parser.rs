//! From the pieces of a query to its tree.

use std::ops::Range;

use super::super::words::{Sequence, chinese_words};
use super::lexer::Piece;
use super::{MAX_DEPTH, MAX_LEAVES, Node, Problem, QueryError};

/// Words that may stand between, if `NEAR` does not say.
const NEAR: u32 = 10;

/// The tree of all pieces.
pub(super) fn tree(text: &str, pieces: Vec<(Piece, Range<usize>)>) -> Result<Node, QueryError> {
    if pieces.is_empty() {
        return Ok(Node::All);
    }
    let mut parser = Parser {
        text,
        pieces,
        at: 0,
        leaves: 0,
    };
    let root = parser.or(0)?;
    match parser.pieces.get(parser.at) {
        Some((_, span)) => Err(QueryError {
            span: span.clone(),
            problem: Problem::Close,
        }),
        None => Ok(root),
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
