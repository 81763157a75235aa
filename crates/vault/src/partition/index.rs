//! The index of a partition: its fields, and the document of one record.

use std::fmt::Write as _;
use std::sync::OnceLock;

use tantivy::schema::{
    FAST, Field, IndexRecordOption, NumericOptions, Schema, TextFieldIndexing, TextOptions,
};
use tantivy::tokenizer::{Token, TokenStream, Tokenizer};
use tantivy::{Index, TantivyDocument, Term};

use super::filing::Filed;
use crate::search::query::Feature;
use crate::search::words::Words;

const TOKENIZER: &str = "words";
/// Facts stand in one value with spaces between, which costs less than a value for each.
const FACTS: &str = "raw";

/// The fields of every partition's index.
pub(crate) struct Fields {
    /// Words of the text, with positions.
    pub(crate) text: Field,
    /// One term for each thing a record is filtered by; see [`Fact`].
    pub(crate) facts: Field,
    /// Row in the catalogue.
    pub(crate) row: Field,
    /// Moment in milliseconds.
    pub(crate) at: Field,
    pub(crate) kind: Field,
    pub(crate) network: Field,
    pub(crate) conversation: Field,
    pub(crate) sender: Field,
    pub(crate) schema: Schema,
}

pub(crate) fn fields() -> &'static Fields {
    static FIELDS: OnceLock<Fields> = OnceLock::new();
    FIELDS.get_or_init(|| {
        let mut builder = Schema::builder();
        let words = TextFieldIndexing::default()
            .set_tokenizer(TOKENIZER)
            .set_index_option(IndexRecordOption::WithFreqsAndPositions);
        let raw = TextFieldIndexing::default()
            .set_tokenizer(FACTS)
            .set_index_option(IndexRecordOption::Basic)
            .set_fieldnorms(false);
        let number = NumericOptions::default() | FAST;
        Fields {
            text: builder
                .add_text_field("text", TextOptions::default().set_indexing_options(words)),
            facts: builder
                .add_text_field("facts", TextOptions::default().set_indexing_options(raw)),
            row: builder.add_u64_field("row", number.clone()),
            at: builder.add_i64_field("at", number.clone()),
            kind: builder.add_u64_field("kind", number.clone()),
            network: builder.add_u64_field("network", number.clone()),
            conversation: builder.add_u64_field("conversation", number.clone()),
            sender: builder.add_u64_field("sender", number),
            schema: builder.build(),
        }
    })
}

pub(crate) fn prepare(index: &Index) {
    index
        .tokenizers()
        .register(TOKENIZER, WordTokenizer::default());
    // The same terms as the library's own `raw` gives for a value of one fact.
    index.tokenizers().register(FACTS, FactTokenizer);
}

/// Something a record is filtered by; numbers are those of the catalogue's dictionary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fact {
    Network(u64),
    Account(u64),
    Custodian(u64),
    Conversation(u64),
    Author(u64),
    Recipient(u64),
    Roster(u64),
    Kind(u8),
    Feature(u32),
}

impl Fact {
    fn write(self, to: &mut String) {
        let (sign, number) = match self {
            Self::Network(n) => ('n', n),
            Self::Account(n) => ('a', n),
            Self::Custodian(n) => ('u', n),
            Self::Conversation(n) => ('c', n),
            Self::Author(n) => ('f', n),
            Self::Recipient(n) => ('t', n),
            Self::Roster(n) => ('r', n),
            Self::Kind(n) => ('k', u64::from(n)),
            Self::Feature(bit) => ('h', u64::from(bit)),
        };
        to.push(sign);
        // Writing to a string does not fail.
        let _ = write!(to, "{number}");
    }

    pub(crate) fn term(self) -> Term {
        let mut text = String::new();
        self.write(&mut text);
        Term::from_field_text(fields().facts, &text)
    }
}

/// The numbers that a record's things have in the catalogue.
pub(crate) struct Numbers {
    pub(crate) row: u64,
    pub(crate) network: u64,
    pub(crate) account: u64,
    pub(crate) custodian: u64,
    pub(crate) conversation: u64,
    pub(crate) authors: Vec<u64>,
    pub(crate) recipients: Vec<u64>,
    pub(crate) roster: Option<u64>,
}

pub(crate) fn document(filed: &Filed, numbers: &Numbers) -> TantivyDocument {
    let fields = fields();
    let mut document = TantivyDocument::with_capacity(filed.text.len() + 256);
    document.add_text(fields.text, &filed.text);
    let mut facts = String::with_capacity(64);
    let mut fact = |fact: Fact| {
        if !facts.is_empty() {
            facts.push(' ');
        }
        fact.write(&mut facts);
    };
    fact(Fact::Network(numbers.network));
    fact(Fact::Account(numbers.account));
    fact(Fact::Custodian(numbers.custodian));
    fact(Fact::Conversation(numbers.conversation));
    fact(Fact::Kind(filed.kind.code()));
    numbers.authors.iter().for_each(|n| fact(Fact::Author(*n)));
    numbers
        .recipients
        .iter()
        .for_each(|n| fact(Fact::Recipient(*n)));
    numbers.roster.iter().for_each(|n| fact(Fact::Roster(*n)));
    for feature in Feature::ALL
        .iter()
        .filter(|feature| filed.features & feature.bit() != 0)
    {
        fact(Fact::Feature(feature.bit()));
    }
    document.add_text(fields.facts, &facts);
    document.add_u64(fields.row, numbers.row);
    document.add_i64(fields.at, filed.at.get());
    document.add_u64(fields.kind, u64::from(filed.kind.code()));
    document.add_u64(fields.network, numbers.network);
    document.add_u64(fields.conversation, numbers.conversation);
    document.add_u64(fields.sender, numbers.authors.first().copied().unwrap_or(0));
    document
}

#[derive(Clone)]
struct FactTokenizer;

impl Tokenizer for FactTokenizer {
    type TokenStream<'a> = FactStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> FactStream<'a> {
        let token = Token {
            // The library begins before the first; facts have no positions.
            position: 0,
            ..Token::default()
        };
        FactStream { rest: text, token }
    }
}

struct FactStream<'a> {
    rest: &'a str,
    token: Token,
}

impl TokenStream for FactStream<'_> {
    fn advance(&mut self) -> bool {
        if self.rest.is_empty() {
            return false;
        }
        let (fact, rest) = self.rest.split_once(' ').unwrap_or((self.rest, ""));
        self.token.text.clear();
        self.token.text.push_str(fact);
        self.rest = rest;
        true
    }

    fn token(&self) -> &Token {
        &self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}

#[derive(Clone, Default)]
struct WordTokenizer {
    words: Words,
}

impl Tokenizer for WordTokenizer {
    type TokenStream<'a> = WordStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> WordStream<'a> {
        self.words.cut(text);
        WordStream {
            words: &self.words,
            next: 0,
            token: Token::default(),
        }
    }
}

struct WordStream<'a> {
    words: &'a Words,
    next: usize,
    token: Token,
}

impl TokenStream for WordStream<'_> {
    fn advance(&mut self) -> bool {
        let Some(found) = self.words.get(self.next) else {
            return false;
        };
        self.next += 1;
        self.token.text.clear();
        self.token.text.push_str(found.term);
        self.token.position = found.position as usize;
        self.token.offset_from = found.span.start;
        self.token.offset_to = found.span.end;
        true
    }

    fn token(&self) -> &Token {
        &self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}
