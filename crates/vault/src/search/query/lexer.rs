//! Pieces of a query: words, phrases, fields, operators.

use std::ops::Range;

use jiff::tz::TimeZone;
use record::Kind;

use super::super::words::{Sequence, telephone};
use super::{Feature, Node, Problem, QueryError, Role, Span, dates};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Word { text: String, prefix: bool },
    Phrase { text: String, within: Option<u32> },
    Node(Node),
    All,
    And,
    Or,
    Not,
    Near(Option<u32>),
    Open,
    Close,
}

pub(super) struct Lexer<'q> {
    text: &'q str,
    zone: &'q TimeZone,
    at: usize,
    pieces: Vec<(Piece, Range<usize>)>,
}

const FIELDS: [(&str, &str); 12] = [
    ("from", "anna"),
    ("to", "anna"),
    ("with", "anna"),
    ("in", "\"trading desk\""),
    ("network", "signal"),
    ("kind", "message"),
    ("has", "attachment"),
    ("before", "2024-05"),
    ("after", "2024-05"),
    ("on", "2024-05-17"),
    ("account", "+442079460958"),
    ("custodian", "c-17"),
];

impl<'q> Lexer<'q> {
    pub(super) fn new(text: &'q str, zone: &'q TimeZone) -> Self {
        Self {
            text,
            zone,
            at: 0,
            pieces: Vec::new(),
        }
    }

    pub(super) fn pieces(mut self) -> Result<Vec<(Piece, Range<usize>)>, QueryError> {
        while let Some(c) = self.rest().chars().next() {
            let start = self.at;
            if c.is_whitespace() {
                self.at += c.len_utf8();
            } else if c == '(' && telephone(self.rest()).is_none() {
                self.one(Piece::Open, c);
            } else if c == ')' {
                self.one(Piece::Close, c);
            } else if closing(c).is_some() {
                let (text, _) = self.quoted()?;
                let within = self.distance()?;
                self.pieces
                    .push((Piece::Phrase { text, within }, start..self.at));
            } else if c == '-'
                && self
                    .rest()
                    .chars()
                    .nth(1)
                    .is_some_and(|next| !next.is_whitespace() && next != '-')
            {
                self.one(Piece::Not, c);
            } else {
                self.word(start)?;
            }
        }
        Ok(self.pieces)
    }

    fn rest(&self) -> &'q str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn one(&mut self, piece: Piece, c: char) {
        let start = self.at;
        self.at += c.len_utf8();
        self.pieces.push((piece, start..self.at));
    }

    /// A phrase from its opening mark on, and where its inside lies.
    fn quoted(&mut self) -> Result<(String, Range<usize>), QueryError> {
        let start = self.at;
        let opening = self.rest().chars().next().unwrap_or('"');
        let close = closing(opening).unwrap_or(&['"']);
        let inside = start + opening.len_utf8();
        let rest = self.text.get(inside..).unwrap_or_default();
        let unclosed = || QueryError {
            span: start..inside,
            problem: Problem::Quote,
        };
        let (length, mark) = rest
            .char_indices()
            .find(|(_, c)| close.contains(c))
            .ok_or_else(unclosed)?;
        self.at = inside + length + mark.len_utf8();
        Ok((
            rest.get(..length).unwrap_or_default().to_owned(),
            inside..inside + length,
        ))
    }

    /// `~3` directly after a phrase.
    fn distance(&mut self) -> Result<Option<u32>, QueryError> {
        let Some(digits) = self.rest().strip_prefix('~') else {
            return Ok(None);
        };
        let length = digits
            .find(|c: char| c.is_whitespace() || c == ')')
            .unwrap_or(digits.len());
        let span = self.at..self.at + 1 + length;
        let within = distance(digits.get(..length).unwrap_or_default());
        self.at = span.end;
        within.map(Some).ok_or(QueryError {
            span,
            problem: Problem::Distance,
        })
    }

    fn word(&mut self, start: usize) -> Result<(), QueryError> {
        if self.rest().starts_with(['+', '('])
            && let Some((_, length)) = telephone(self.rest())
        {
            let text = self.rest().get(..length).unwrap_or_default().to_owned();
            self.at += length;
            self.pieces.push((
                Piece::Word {
                    text,
                    prefix: false,
                },
                start..self.at,
            ));
            return Ok(());
        }
        let word = self.rest();
        let length = word
            .find(ends_word)
            .unwrap_or(word.len())
            .max(word.chars().next().map_or(0, char::len_utf8));
        let word = word.get(..length).unwrap_or_default();
        if let Some((name, _)) = word.split_once(':') {
            let lower = name.to_lowercase();
            if let Some((name, example)) = FIELDS.iter().find(|(known, _)| *known == lower) {
                return self.field(name, example, start);
            }
        }
        self.at = start + length;
        let span = start..self.at;
        let piece = match word {
            "and" | "AND" | "And" | "&&" => Piece::And,
            "or" | "OR" | "Or" | "|" | "||" => Piece::Or,
            "not" | "NOT" | "Not" | "!" => Piece::Not,
            "NEAR" => Piece::Near(None),
            "*" => Piece::All,
            _ => match word.strip_prefix("NEAR/") {
                Some(digits) => match distance(digits) {
                    Some(within) => Piece::Near(Some(within)),
                    None => {
                        return Err(QueryError {
                            span,
                            problem: Problem::Distance,
                        });
                    }
                },
                None => {
                    let (text, prefix) = star(word, start)?;
                    Piece::Word {
                        text: text.to_owned(),
                        prefix,
                    }
                }
            },
        };
        self.pieces.push((piece, span));
        Ok(())
    }

    fn field(
        &mut self,
        name: &'static str,
        example: &'static str,
        start: usize,
    ) -> Result<(), QueryError> {
        self.at = start + name.len() + 1;
        let missing = QueryError {
            span: start..self.at,
            problem: Problem::Value(name, example),
        };
        let (value, prefix, span) = match self.rest().chars().next() {
            Some(c) if closing(c).is_some() => {
                let (text, span) = self.quoted()?;
                (text, false, span)
            }
            Some(_) => {
                let from = self.at;
                let rest = self.rest();
                let number = telephone(rest)
                    .filter(|_| rest.starts_with(['+', '(']))
                    .map(|(_, length)| length);
                let length = number.unwrap_or_else(|| rest.find(ends_word).unwrap_or(rest.len()));
                self.at += length;
                let word = rest.get(..length).unwrap_or_default();
                let (text, prefix) = star(word, from)?;
                (text.to_owned(), prefix, from..from + text.len())
            }
            None => return Err(missing),
        };
        if value.is_empty() {
            return Err(missing);
        }
        let wrong = |problem| QueryError {
            span: span.clone(),
            problem,
        };
        let sequence = || Sequence::of(&value, prefix).ok_or_else(|| wrong(Problem::Nothing));
        let lower = value.to_lowercase();
        let dates = || dates::span(&lower, self.zone).ok_or_else(|| wrong(Problem::Date));
        let node = match name {
            "from" => Node::Person(Role::From, sequence()?),
            "to" => Node::Person(Role::To, sequence()?),
            "with" => Node::Person(Role::With, sequence()?),
            "in" => Node::Conversation(sequence()?),
            "network" => Node::Network(lower),
            "account" => Node::Account(sequence()?),
            "custodian" => Node::Custodian(sequence()?),
            "kind" => Node::Kind(Kind::from_name(&lower).ok_or_else(|| wrong(Problem::Kind))?),
            "has" => {
                let singular = lower.strip_suffix('s').unwrap_or(&lower);
                let feature = Feature::ALL
                    .iter()
                    .find(|feature| [lower.as_str(), singular].contains(&feature.name()));
                Node::Has(*feature.ok_or_else(|| wrong(Problem::Feature))?)
            }
            "before" => Node::When(Span {
                from: None,
                until: dates()?.from,
            }),
            "after" => Node::When(Span {
                from: dates()?.until,
                until: None,
            }),
            _ => Node::When(dates()?),
        };
        self.pieces.push((Piece::Node(node), start..self.at));
        Ok(())
    }
}

/// A word without its star, and whether it had one.
fn star(word: &str, start: usize) -> Result<(&str, bool), QueryError> {
    let Some(at) = word.find('*') else {
        return Ok((word, false));
    };
    if at + 1 != word.len() {
        return Err(QueryError {
            span: start + at..start + at + 1,
            problem: Problem::Star,
        });
    }
    let stem = word.get(..at).unwrap_or_default();
    if stem.chars().filter(|c| c.is_alphanumeric()).count() < 2 {
        return Err(QueryError {
            span: start..start + word.len(),
            problem: Problem::ShortPrefix,
        });
    }
    Ok((stem, true))
}

fn distance(digits: &str) -> Option<u32> {
    let plain =
        !digits.is_empty() && digits.len() <= 4 && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|n| plain && *n <= 1000)
}

fn ends_word(c: char) -> bool {
    c.is_whitespace()
        || c == '('
        || c == ')'
        || matches!(c, '"' | '“' | '”' | '„' | '«' | '»' | '「' | '」')
}

/// The marks that close a phrase opened by `c`.
fn closing(c: char) -> Option<&'static [char]> {
    match c {
        '"' => Some(&['"']),
        '“' | '”' | '„' => Some(&['”', '“', '"']),
        '«' => Some(&['»']),
        '»' => Some(&['«']),
        '「' => Some(&['」']),
        _ => None,
    }
}
