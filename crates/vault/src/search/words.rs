//! One tokenizer for everything that is searched: what is filed, what is asked, what is highlighted.
//!
//! A text becomes tokens at positions. A position holds one *word* (a run of letters and digits, one
//! character of a script without spaces, or one emoji) and any number of further forms of it: the
//! German spelling of an umlaut, the parts of a compound, a telephone number written in groups, the
//! `@name` that the word begins. All forms are terms of the same kind, so whatever a query finds can
//! be pointed at in the text.
//!
//! In scope: case, accents, compatibility forms, Arabic and Hebrew points, digits of all scripts,
//! Chinese, Japanese, Korean, Thai by character pairs, compounds, numbers, addresses.
//! Out of scope: stemming, synonyms, translation.

mod compounds;
mod fold;
mod query_words;

use std::ops::Range;

pub(crate) use fold::telephone;
pub use query_words::{Sequence, Slot, chinese_words};

use fold::Folded;

/// A paragraph separator in a filed text keeps phrases from reaching across it.
pub const BREAK: char = '\u{2029}';
/// Positions that a [`BREAK`] skips.
const BREAK_GAP: u32 = 64;
/// Longer runs of letters are chopped, the same way in texts and in queries. Characters.
const LONGEST: usize = 128;

/// What a token is to its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The word itself, folded.
    Word,
    /// The word in its other spelling: `mueller` for Müller.
    Spelling,
    /// One character of a script that is searched by pairs.
    Single,
    /// Two adjacent characters of such a script.
    Pair,
    /// A pictograph.
    Emoji,
    /// Anything else that stands at the position: a compound's part, a joined number.
    Part,
    /// A `@name` or `#tag` as a whole.
    Handle,
    /// A telephone number as a whole, its digits joined.
    Number,
}

/// One term at one place of a text.
#[derive(Clone, PartialEq, Eq)]
pub struct Token<'t> {
    /// The folded term, as it stands in the index.
    pub term: &'t str,
    /// Position, counted in words from 0.
    pub position: u32,
    /// Bytes of the original text that it stands for.
    pub span: Range<usize>,
    /// What it is to its position.
    pub form: Form,
}

/// The tokens of one text, ordered by position.
#[derive(Clone, Default)]
pub struct Words {
    arena: String,
    list: Vec<Raw>,
    /// The memory of the word that is being read, kept from one text to the next.
    atom: Atom,
}

#[derive(Clone)]
struct Raw {
    term: Range<usize>,
    position: u32,
    span: Range<usize>,
    form: Form,
}

impl std::fmt::Debug for Token<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Token({:?} at {})", self.form, self.position)
    }
}

impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Words(‹{} tokens›)", self.list.len())
    }
}

impl Words {
    /// Cuts a text. Never fails, whatever the text.
    pub fn of(text: &str) -> Self {
        let mut words = Self::default();
        words.cut(text);
        words
    }

    /// Cuts another text into the same memory.
    pub fn cut(&mut self, text: &str) {
        self.arena.clear();
        self.list.clear();
        Cutter::new(text, self).run();
        if !self.list.is_sorted_by_key(|raw| raw.position) {
            self.list.sort_by_key(|raw| raw.position);
        }
    }

    /// The tokens in order of position.
    pub fn iter(&self) -> impl Iterator<Item = Token<'_>> {
        (0..self.list.len()).filter_map(|n| self.get(n))
    }

    /// The token number `n`.
    pub fn get(&self, n: usize) -> Option<Token<'_>> {
        let raw = self.list.get(n)?;
        let term = self.arena.get(raw.term.clone())?;
        Some(Token {
            term,
            position: raw.position,
            span: raw.span.clone(),
            form: raw.form,
        })
    }

    /// Adds a token, unless its position has the term already; gives the token's number.
    fn push(&mut self, term: &str, position: u32, span: Range<usize>, form: Form) -> usize {
        let mut known = self
            .list
            .iter()
            .enumerate()
            .rev()
            .take_while(|(_, raw)| raw.position == position);
        if let Some((number, _)) =
            known.find(|(_, raw)| self.arena.get(raw.term.clone()) == Some(term))
        {
            return number;
        }
        let from = self.arena.len();
        self.arena.push_str(term);
        self.list.push(Raw {
            term: from..self.arena.len(),
            position,
            span,
            form,
        });
        self.list.len() - 1
    }

    fn term(&self, number: usize) -> &str {
        let raw = self.list.get(number);
        raw.and_then(|raw| self.arena.get(raw.term.clone()))
            .unwrap_or_default()
    }
}

/// The term of one word as it would stand in the index, for keys and comparisons of whole names.
pub fn folded(text: &str) -> String {
    let words = Words::of(text);
    let mut out = String::new();
    for token in words
        .iter()
        .filter(|token| matches!(token.form, Form::Word | Form::Single | Form::Emoji))
    {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(token.term);
    }
    out
}

struct Cutter<'t, 'w> {
    text: &'t str,
    words: &'w mut Words,
    position: u32,
    atom: Atom,
    /// The character of a pair script just before, with its start and position.
    single: Option<(char, Range<usize>, u32)>,
    /// The word before an apostrophe that directly follows it.
    joining: Option<Ended>,
    number_until: usize,
}

/// A word that has ended.
#[derive(Clone, Copy)]
struct Ended {
    /// Number of its token.
    token: usize,
    /// Where it begins in the text.
    start: usize,
    position: u32,
}

#[derive(Clone, Default)]
struct Atom {
    term: String,
    spelling: String,
    respelled: bool,
    /// Source bytes of each character of `term`.
    map: Vec<(usize, usize)>,
}

impl<'t, 'w> Cutter<'t, 'w> {
    fn new(text: &'t str, words: &'w mut Words) -> Self {
        Self {
            text,
            position: 0,
            atom: std::mem::take(&mut words.atom),
            words,
            single: None,
            joining: None,
            number_until: 0,
        }
    }

    fn run(&mut self) {
        let mut at = 0;
        let bytes = self.text.as_bytes();
        while let Some(&byte) = bytes.get(at) {
            // Two ASCII characters in a row are clusters of their own.
            if byte.is_ascii() && bytes.get(at + 1).is_none_or(u8::is_ascii) {
                self.ascii(byte, at);
                at += 1;
                continue;
            }
            let rest = self.text.get(at..).unwrap_or_default();
            let length = fold::cluster(rest);
            let cluster = rest.get(..length).unwrap_or(rest);
            self.cluster(cluster, at);
            at += length.max(1);
        }
        self.end_atom();
        self.words.atom = std::mem::take(&mut self.atom);
    }

    fn ascii(&mut self, byte: u8, at: usize) {
        if byte.is_ascii_alphanumeric() {
            if self.atom.term.is_empty() && byte.is_ascii_digit() {
                self.number(at);
            }
            self.letter(char::from(byte.to_ascii_lowercase()), &(at..at + 1));
        } else {
            self.separator(char::from(byte), at);
        }
    }

    fn cluster(&mut self, cluster: &str, at: usize) {
        let span = at..at + cluster.len();
        let bytes = cluster.as_bytes();
        if let [byte] = bytes {
            return self.ascii(*byte, at);
        }
        if fold::is_emoji(cluster) {
            self.emoji(cluster, span);
            return;
        }
        let Folded { term, spelling } = fold::fold(cluster);
        if let Some(spelling) = spelling {
            self.atom.respell(&spelling);
            for c in term.chars() {
                self.plain_letter(c, &span);
            }
            return;
        }
        for c in term.chars() {
            if fold::is_pair_script(c) {
                self.end_atom();
                self.joining = None;
                self.one(c, span.clone());
            } else if fold::is_word(c) {
                self.letter(c, &span);
            } else {
                self.separator(c, at);
            }
        }
    }

    fn letter(&mut self, c: char, span: &Range<usize>) {
        if self.atom.respelled {
            self.atom.spelling.push(c);
        }
        self.plain_letter(c, span);
    }

    fn plain_letter(&mut self, c: char, span: &Range<usize>) {
        self.single = None;
        self.atom.term.push(c);
        self.atom.map.push((span.start, span.end));
        if self.atom.map.len() >= LONGEST {
            self.end_atom();
        }
    }

    fn separator(&mut self, c: char, at: usize) {
        let word_before = !self.atom.term.is_empty();
        let ended = self.end_atom();
        self.single = None;
        self.joining = ended.filter(|_| matches!(c, '\'' | '\u{2019}' | '\u{02BC}'));
        match c {
            BREAK => self.position += BREAK_GAP,
            '@' | '#' if !word_before => self.handle(c, at),
            '+' | '(' if !word_before => self.number(at),
            _ => {}
        }
    }

    /// Ends the word being read, if there was one.
    fn end_atom(&mut self) -> Option<Ended> {
        let (Some(&(start, _)), Some(&(_, end))) = (self.atom.map.first(), self.atom.map.last())
        else {
            return None;
        };
        let position = self.position;
        let mut atom = std::mem::take(&mut self.atom);
        if let Some(before) = self.joining.take() {
            let letters = |s: &str| s.chars().all(char::is_alphabetic);
            let term = self.words.term(before.token);
            if letters(term) && letters(&atom.term) {
                let joined = [term, &atom.term].concat();
                self.words
                    .push(&joined, before.position, before.start..end, Form::Part);
            }
        }
        let token = self
            .words
            .push(&atom.term, position, start..end, Form::Word);
        if atom.respelled {
            self.words
                .push(&atom.spelling, position, start..end, Form::Spelling);
        }
        if atom.term.len() >= compounds::SHORTEST
            && atom.term.bytes().all(|b| b.is_ascii_lowercase())
        {
            for part in compounds::parts(&atom.term) {
                let (Some(&(from, _)), Some(&(_, to))) =
                    (atom.map.get(part.start), atom.map.get(part.end - 1))
                else {
                    continue;
                };
                self.words.push(
                    atom.term.get(part.clone()).unwrap_or_default(),
                    position,
                    from..to,
                    Form::Part,
                );
                if let Some(other) = atom.term.get(part).and_then(compounds::spelling) {
                    self.words.push(other, position, from..to, Form::Part);
                }
            }
        }
        if atom.term.bytes().all(|b| b.is_ascii_digit()) {
            self.tails(&atom.term, position, start..end);
        }
        self.position += 1;
        atom.clear();
        self.atom = atom;
        Some(Ended {
            token,
            start,
            position,
        })
    }

    /// The last digits of a long number, so that it is found without its country's prefix.
    fn tails(&mut self, digits: &str, position: u32, span: Range<usize>) {
        if digits.len() < 9 || digits.len() > 15 {
            return;
        }
        for length in 7..digits.len().min(11) {
            if let Some(tail) = digits.get(digits.len() - length..) {
                let whole = span.len() == digits.len();
                let from = if whole { span.end - length } else { span.start };
                self.words.push(tail, position, from..span.end, Form::Part);
            }
        }
    }

    /// A telephone number in groups, from a digit, a plus or a bracket on: whole, beside its groups.
    fn number(&mut self, at: usize) {
        if at < self.number_until {
            return;
        }
        if let Some((digits, end)) = self.text.get(at..).and_then(fold::telephone) {
            self.number_until = at + end;
            self.words
                .push(&digits, self.position, at..at + end, Form::Number);
            self.tails(&digits, self.position, at..at + end);
        }
    }

    /// `@name` or `#tag`: the sign and the letters, digits and underscores after it.
    fn handle(&mut self, sign: char, at: usize) {
        let rest = self.text.get(at..).unwrap_or_default();
        let mut end = rest.chars().next().map_or(0, char::len_utf8);
        let mut term = String::from(sign);
        while let Some(tail) = rest.get(end..).filter(|tail| !tail.is_empty()) {
            let length = fold::cluster(tail);
            let cluster = tail.get(..length).unwrap_or_default();
            let folded = fold::fold(cluster).term;
            let fits = |c: char| c == '_' || fold::is_word(c) || fold::is_pair_script(c);
            if folded.is_empty() || !folded.chars().all(fits) || term.len() > 4 * LONGEST {
                break;
            }
            term.push_str(&folded);
            end += length;
        }
        if term.len() > 1 {
            self.words
                .push(&term, self.position, at..at + end, Form::Handle);
        }
    }

    fn one(&mut self, c: char, span: Range<usize>) {
        let mut buffer = [0u8; 4];
        if let Some((before, from, position)) = self.single.take() {
            let mut pair = String::with_capacity(8);
            pair.push(before);
            pair.push(c);
            self.words
                .push(&pair, position, from.start..span.end, Form::Pair);
        }
        self.words.push(
            c.encode_utf8(&mut buffer),
            self.position,
            span.clone(),
            Form::Single,
        );
        self.single = Some((c, span, self.position));
        self.position += 1;
    }

    fn emoji(&mut self, cluster: &str, span: Range<usize>) {
        self.end_atom();
        self.single = None;
        self.joining = None;
        let whole = fold::emoji(cluster);
        let position = self.position;
        self.words.push(&whole, position, span.clone(), Form::Emoji);
        if whole.contains('\u{200D}') {
            for piece in whole.split('\u{200D}').filter(|piece| !piece.is_empty()) {
                self.words.push(piece, position, span.clone(), Form::Part);
            }
        }
        self.position += 1;
    }
}

impl Atom {
    fn clear(&mut self) {
        self.term.clear();
        self.spelling.clear();
        self.respelled = false;
        self.map.clear();
    }

    fn respell(&mut self, spelling: &str) {
        if !self.respelled {
            self.respelled = true;
            self.spelling.clone_from(&self.term);
        }
        self.spelling.push_str(spelling);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(text: &str) -> Vec<(String, u32)> {
        Words::of(text)
            .iter()
            .map(|token| (token.term.to_owned(), token.position))
            .collect()
    }

    fn has(text: &str, term: &str) -> bool {
        Words::of(text).iter().any(|token| token.term == term)
    }

    #[test]
    fn words_are_folded_and_counted() {
        assert_eq!(
            terms("Das BUDGET, à côté"),
            [
                ("das".into(), 0),
                ("budget".into(), 1),
                ("a".into(), 2),
                ("cote".into(), 3)
            ]
        );
        assert_eq!(
            terms("Müller"),
            [("muller".into(), 0), ("mueller".into(), 0)]
        );
        assert_eq!(
            terms("STRASSE Straße"),
            [("strasse".into(), 0), ("strasse".into(), 1)]
        );
        assert_eq!(terms("Mu\u{308}ller"), terms("Müller"));
        assert_eq!(
            terms("ﬁnance ＡＢＣ"),
            [("finance".into(), 0), ("abc".into(), 1)]
        );
        assert_eq!(terms("Ёлка ёлка")[0].0, "елка");
        assert_eq!(
            terms("bud\u{AD}get bud\u{200B}get"),
            [("budget".into(), 0), ("budget".into(), 1)]
        );
    }

    #[test]
    fn arabic_and_hebrew_lose_their_points() {
        assert_eq!(terms("مُحَمَّد")[0].0, terms("محمد")[0].0);
        assert_eq!(terms("أحمد")[0].0, terms("احمد")[0].0);
        assert_eq!(terms("الميزانيـــة")[0].0, terms("الميزانيه")[0].0);
        assert_eq!(terms("مستشفى")[0].0, terms("مستشفي")[0].0);
        assert_eq!(terms("שָׁלוֹם")[0].0, terms("שלום")[0].0);
        assert_eq!(terms("٢٠٢٤")[0].0, "2024");
    }

    #[test]
    fn pair_scripts_have_singles_and_pairs() {
        assert_eq!(
            terms("预算会"),
            [
                ("预".into(), 0),
                ("预算".into(), 0),
                ("算".into(), 1),
                ("算会".into(), 1),
                ("会".into(), 2)
            ]
        );
        assert!(has("ｶﾞｽ料金", "ガス"));
        assert!(has("예산 회의", "예산"));
        assert!(!has("예산 회의", "산회"));
    }

    #[test]
    fn numbers_names_and_addresses_are_found_whole_and_by_parts() {
        let phone = "call +44 20 7946 0958 now";
        assert!(has(phone, "442079460958") && has(phone, "2079460958") && has(phone, "0958"));
        assert!(has("+442079460958", "2079460958"));
        assert!(has("ask @Anna_Smith", "@anna_smith") && has("ask @Anna_Smith", "smith"));
        assert!(has("#预算2024 ok", "#预算2024"));
        assert!(!has("a@b.example", "@b"));
        assert!(has("anna.smith@bank.example", "bank"));
        assert!(has("https://www.example.com/a?x=1", "example"));
        assert!(has("O’Brien", "obrien") && has("O’Brien", "brien"));
    }

    #[test]
    fn compounds_have_parts_with_their_own_spans() {
        let text = "Die Mietvertragskündigung kam";
        let words = Words::of(text);
        let part = words.iter().find(|token| token.term == "vertrag").unwrap();
        assert_eq!(&text[part.span], "vertrag");
        let part = words
            .iter()
            .find(|token| token.term == "kuendigung")
            .unwrap();
        assert_eq!(&text[part.span], "kündigung");
        assert!(has(text, "mietvertrag"));
        assert!(!has("understanding arrangement", "stand"));
    }

    #[test]
    fn emoji_are_tokens() {
        assert!(has("ok👍🏽", "👍"));
        assert!(has("👩‍⚕️ ja", "👩"));
        assert!(has("🇩🇪", "🇩🇪"));
        assert!(has("❤️", "❤"));
    }

    proptest::proptest! {
        #[test]
        fn spans_lie_on_characters_and_positions_ascend(text in ".{0,80}") {
            let words = Words::of(&text);
            let mut last = 0;
            for token in words.iter() {
                proptest::prop_assert!(text.get(token.span.clone()).is_some_and(|s| !s.is_empty()));
                proptest::prop_assert!(token.position >= last && !token.term.is_empty());
                last = token.position;
            }
        }

        #[test]
        fn folding_a_folded_text_changes_nothing(text in "[a-zA-ZäöüßéñА-Яа-яё ]{0,40}") {
            let once = folded(&text);
            proptest::prop_assert_eq!(folded(&once), once);
        }
    }
}
