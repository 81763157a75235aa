//! What a word of a query stands for: terms at positions, the same that the tokenizer files.

use std::sync::LazyLock;

use jieba_rs::Jieba;

use super::{Form, Token, Words, fold};

/// One place of a [`Sequence`]: any of these terms matches there.
#[derive(Clone, PartialEq, Eq)]
pub struct Slot {
    /// Words after the sequence's first.
    pub offset: u32,
    /// Terms, any of which fits; never empty.
    pub any: Vec<String>,
    /// Whether a term that merely begins so fits too.
    pub prefix: bool,
}

/// Words in a row: how one word or phrase of a query is looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sequence {
    /// Its places, by ascending offset; never empty.
    pub slots: Vec<Slot>,
    /// Words that it spans.
    pub length: u32,
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let star = if self.prefix { "*" } else { "" };
        write!(f, "Slot({}, ‹{} terms›{star})", self.offset, self.any.len())
    }
}

impl Sequence {
    /// The terms of a word or phrase as a person typed it; `None` if nothing in it can be searched.
    pub fn of(text: &str, prefix: bool) -> Option<Self> {
        let words = Words::of(text);
        whole(text, &words)
            .filter(|_| !prefix)
            .or_else(|| in_a_row(&words, prefix))
    }
}

/// A text that is one `@name`, `#tag` or number is looked up as that.
fn whole(text: &str, words: &Words) -> Option<Sequence> {
    let trimmed = text.trim();
    let start = text.len() - text.trim_start().len();
    let covers =
        |token: &Token<'_>| token.span.start == start && token.span.end == start + trimmed.len();
    let one = |any| {
        Some(Sequence {
            slots: vec![Slot {
                offset: 0,
                any,
                prefix: false,
            }],
            length: 1,
        })
    };
    if let Some(handle) = words
        .iter()
        .find(|token| token.form == Form::Handle && covers(token))
    {
        return one(vec![handle.term.to_owned()]);
    }
    if let Some(number) = words
        .iter()
        .find(|token| token.form == Form::Number && covers(token))
    {
        return one(numbers(number.term));
    }
    let mut all = words.iter().filter(|token| token.form == Form::Word);
    match (all.next(), all.next()) {
        (Some(only), None)
            if only.term.len() >= 7 && only.term.bytes().all(|b| b.is_ascii_digit()) =>
        {
            one(numbers(only.term))
        }
        _ => None,
    }
}

/// A number as asked for, and without the zeros that stand for "abroad" or "in this country".
fn numbers(digits: &str) -> Vec<String> {
    let mut any = vec![digits.to_owned()];
    let bare = digits.trim_start_matches('0');
    if bare.len() >= 7 && bare.len() < digits.len() {
        any.push(bare.to_owned());
    }
    any
}

fn in_a_row(words: &Words, prefix: bool) -> Option<Sequence> {
    let tokens: Vec<Token<'_>> = words.iter().collect();
    let first = tokens.first()?.position;
    let last = tokens.last()?.position;
    let mut slots: Vec<Slot> = Vec::new();
    let mut covered = first;
    for token in &tokens {
        let offset = token.position - first;
        match token.form {
            Form::Word | Form::Emoji => slots.push(Slot {
                offset,
                any: vec![token.term.to_owned()],
                prefix: false,
            }),
            Form::Spelling => {
                if let Some(slot) = slots.last_mut().filter(|slot| slot.offset == offset) {
                    slot.any.push(token.term.to_owned());
                }
            }
            // A pair stands for both its characters, so every second pair is enough.
            Form::Pair if token.position >= covered || pair_is_last(&tokens, token.position) => {
                slots.push(Slot {
                    offset,
                    any: vec![token.term.to_owned()],
                    prefix: false,
                });
                covered = token.position + 2;
            }
            Form::Single if token.position >= covered && !starts_pair(&tokens, token.position) => {
                slots.push(Slot {
                    offset,
                    any: vec![token.term.to_owned()],
                    prefix: false,
                });
            }
            _ => {}
        }
    }
    if prefix
        && let Some(slot) = slots.last_mut()
        && tokens
            .iter()
            .any(|token| token.position == last && token.form == Form::Word)
    {
        slot.prefix = true;
    }
    (!slots.is_empty()).then_some(Sequence {
        slots,
        length: last - first + 1,
    })
}

fn starts_pair(tokens: &[Token<'_>], position: u32) -> bool {
    tokens
        .iter()
        .any(|token| token.position == position && token.form == Form::Pair)
}

/// Whether the run of pairs ends with the pair at `position`.
fn pair_is_last(tokens: &[Token<'_>], position: u32) -> bool {
    starts_pair(tokens, position) && !starts_pair(tokens, position + 1)
}

/// Cuts a run of Chinese without spaces into the words it consists of, so that each is looked up by
/// itself; `None` if the text is not such a run. Every text that has the run whole has all its words.
pub fn chinese_words(text: &str) -> Option<Vec<String>> {
    static JIEBA: LazyLock<Jieba> = LazyLock::new(Jieba::new);
    if text.chars().count() < 3 || !text.chars().all(fold::is_han) {
        return None;
    }
    let mut words: Vec<String> = Vec::new();
    for token in JIEBA.cut(text, true) {
        if !words.iter().any(|known| known == token.word) {
            words.push(token.word.to_owned());
        }
    }
    (words.len() > 1).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(text: &str) -> Vec<(u32, Vec<String>)> {
        Sequence::of(text, false)
            .unwrap()
            .slots
            .into_iter()
            .map(|slot| (slot.offset, slot.any))
            .collect()
    }

    #[test]
    fn pairs_cover_a_run() {
        assert_eq!(slots("预"), [(0, vec!["预".into()])]);
        assert_eq!(slots("预算"), [(0, vec!["预算".into()])]);
        assert_eq!(
            slots("预算会"),
            [(0, vec!["预算".into()]), (1, vec!["算会".into()])]
        );
        assert_eq!(
            slots("预算会议"),
            [(0, vec!["预算".into()]), (2, vec!["会议".into()])]
        );
        assert_eq!(
            slots("A股"),
            [(0, vec!["a".into()]), (1, vec!["股".into()])]
        );
        assert_eq!(
            slots("预算 会"),
            [(0, vec!["预算".into()]), (2, vec!["会".into()])]
        );
    }

    #[test]
    fn umlauts_have_two_spellings_and_prefixes_reach_the_last_word() {
        assert_eq!(
            slots("Müller"),
            [(0, vec!["muller".into(), "mueller".into()])]
        );
        let prefix = Sequence::of("an bud", true).unwrap();
        assert_eq!(
            prefix
                .slots
                .iter()
                .map(|slot| slot.prefix)
                .collect::<Vec<_>>(),
            [false, true]
        );
        assert!(Sequence::of(" ,.!", false).is_none());
    }

    #[test]
    fn numbers_and_names_are_one_place() {
        assert_eq!(slots("@Anna_Smith"), [(0, vec!["@anna_smith".into()])]);
        assert_eq!(
            slots("+44 20 7946 0958"),
            [(0, vec!["442079460958".into()])]
        );
        assert_eq!(
            slots("020 7946 0958"),
            [(0, vec!["02079460958".into(), "2079460958".into()])]
        );
    }

    #[test]
    fn chinese_runs_are_cut() {
        assert_eq!(
            chinese_words("预算会议"),
            Some(vec!["预算".into(), "会议".into()])
        );
        assert_eq!(chinese_words("预算"), None);
        assert_eq!(chinese_words("budget"), None);
    }
}
