//! Folding of one cluster of characters, and the classes that decide what a word is.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::{decompose_canonical, is_combining_mark};
use unicode_segmentation::UnicodeSegmentation;

/// What becomes of one cluster.
pub(super) struct Folded {
    /// Folded characters; empty for what is ignored.
    pub(super) term: String,
    /// The same in the other spelling, where it differs.
    pub(super) spelling: Option<String>,
}

/// Length in bytes of the first grapheme cluster. The common scripts need no look into tables.
pub(super) fn cluster(text: &str) -> usize {
    let mut chars = text.chars();
    let Some(first) = chars.next() else { return 0 };
    if stands_alone(first) && chars.next().is_none_or(stands_alone) {
        return first.len_utf8();
    }
    text.graphemes(true)
        .next()
        .map_or(first.len_utf8(), str::len)
}

fn stands_alone(c: char) -> bool {
    matches!(u32::from(c), 0..=0x2FF | 0x400..=0x482 | 0x48A..=0x52F | 0x4E00..=0x9FFF
        | 0x3001..=0x3029 | 0x3041..=0x3096 | 0x30A1..=0x30FA | 0xAC00..=0xD7A3 | 0xFF01..=0xFF5E)
}

/// Compatibility form, lower case, without accents and points.
pub(super) fn fold(cluster: &str) -> Folded {
    let mut term = String::with_capacity(cluster.len());
    let mut spelling = String::new();
    let mut respelled = false;
    for c in cluster.nfkc().flat_map(char::to_lowercase) {
        let from = term.len();
        let other = fold_char(c, &mut term);
        match other {
            Some(other) => {
                respelled = true;
                spelling.push_str(other);
            }
            None => spelling.push_str(term.get(from..).unwrap_or_default()),
        }
    }
    Folded {
        term,
        spelling: respelled.then_some(spelling),
    }
}

/// Appends the folded form of a lower-case character; returns its other spelling if it has one.
fn fold_char(c: char, out: &mut String) -> Option<&'static str> {
    if is_ignored(c) || is_stripped(c) {
        return None;
    }
    let (folded, other) = match c {
        'ä' => ("a", Some("ae")),
        'ö' | 'ø' => ("o", Some("oe")),
        'ü' => ("u", Some("ue")),
        'å' => ("a", Some("aa")),
        'ß' => ("ss", None),
        'æ' => ("ae", None),
        'œ' => ("oe", None),
        'đ' | 'ð' => ("d", None),
        'ł' => ("l", None),
        'þ' => ("th", None),
        'ħ' => ("h", None),
        'ŧ' => ("t", None),
        'ı' => ("i", None),
        'ς' => ("σ", None),
        'й' => ("й", None),
        'ٱ' => ("ا", None),
        'ى' | 'ی' => ("ي", None),
        'ة' => ("ه", None),
        'ک' => ("ك", None),
        _ => ("", None),
    };
    if !folded.is_empty() {
        out.push_str(folded);
    } else if let Some(digit) = digit(c) {
        out.push(digit);
    } else if matches!(u32::from(c), 0x80..=0x6FF | 0x1E00..=0x1FFF) {
        decompose_canonical(c, |d| {
            if !is_stripped(d) {
                out.push(d);
            }
        });
    } else {
        out.push(c);
    }
    other
}

/// Signs without a shape of their own: they neither part words nor belong to them.
fn is_ignored(c: char) -> bool {
    matches!(u32::from(c), 0xAD | 0x034F | 0x061C | 0x0640 | 0x180E | 0x200B..=0x200F | 0x202A..=0x202E
        | 0x2060..=0x2064 | 0x2066..=0x206F | 0xFE00..=0xFE0F | 0xFEFF | 0xE0000..=0xE01EF)
}

/// Accents, vowel points and reading marks of Latin, Greek, Cyrillic, Hebrew and Arabic.
fn is_stripped(c: char) -> bool {
    matches!(u32::from(c), 0x300..=0x36F | 0x483..=0x489 | 0x591..=0x5BD | 0x5BF | 0x5C1 | 0x5C2 | 0x5C4 | 0x5C5
        | 0x5C7 | 0x610..=0x61A | 0x64B..=0x65F | 0x670 | 0x6D6..=0x6DC | 0x6DF..=0x6E4 | 0x6E7 | 0x6E8
        | 0x6EA..=0x6ED | 0x8D3..=0x8FF | 0x1AB0..=0x1AFF | 0x1DC0..=0x1DFF | 0x20D0..=0x20FF | 0xFE20..=0xFE2F)
}

/// The digit that a decimal digit of another script stands for.
fn digit(c: char) -> Option<char> {
    const ZEROS: [u32; 16] = [
        0x660, 0x6F0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xE50, 0xED0,
        0xF20, 0x1040, 0x17E0,
    ];
    let code = u32::from(c);
    let zero = ZEROS
        .into_iter()
        .find(|zero| (*zero..*zero + 10).contains(&code))?;
    char::from_digit(code - zero, 10)
}

/// Scripts written without spaces, and Korean, whose words take endings: searched by pairs.
pub(super) fn is_pair_script(c: char) -> bool {
    matches!(u32::from(c), 0x3005 | 0x3007 | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0x20000..=0x323AF
        | 0x3041..=0x3096 | 0x309D..=0x309F | 0x30A1..=0x30FA | 0x30FC..=0x30FF | 0x31F0..=0x31FF
        | 0xAC00..=0xD7A3 | 0x1100..=0x11FF | 0x3130..=0x318F
        | 0xE01..=0xE3A | 0xE40..=0xE4E | 0xE81..=0xECF | 0xEDC..=0xEDF | 0x1000..=0x103F | 0x1050..=0x109F | 0x1780..=0x17D3)
}

/// Han characters alone, which are cut into words in a query.
pub(super) fn is_han(c: char) -> bool {
    matches!(u32::from(c), 0x3005 | 0x3007 | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0x20000..=0x323AF)
}

/// Letters, digits, and the marks that belong to letters.
pub(super) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || is_combining_mark(c)
}

/// Whether a cluster is a pictograph.
pub(super) fn is_emoji(cluster: &str) -> bool {
    let Some(first) = cluster.chars().next() else {
        return false;
    };
    let pictograph = matches!(u32::from(first), 0x1F000..=0x1F0FF | 0x1F18E | 0x1F1E6..=0x1F1FF | 0x1F300..=0x1FAFF
        | 0x2600..=0x27BF | 0x2B05..=0x2B07 | 0x2B1B | 0x2B1C | 0x2B50 | 0x2B55 | 0x231A | 0x231B | 0x2328 | 0x23CF
        | 0x23E9..=0x23F3 | 0x23F8..=0x23FA);
    pictograph || (cluster.contains('\u{FE0F}') && !is_word(first) && !first.is_ascii())
}

/// A pictograph without presentation marks and skin colours.
pub(super) fn emoji(cluster: &str) -> String {
    let kept: String = cluster
        .chars()
        .filter(|c| !matches!(u32::from(*c), 0xFE0E | 0xFE0F | 0x1F3FB..=0x1F3FF))
        .collect();
    // A colour that stands alone is a pictograph itself.
    if kept.is_empty() {
        cluster.to_owned()
    } else {
        kept
    }
}

/// A telephone number in groups at the start of `text`: its joined digits and its length in bytes.
///
/// Taken for one: 7 to 15 digits that begin with `+`, `00`, `0` or a bracket, or come in groups of
/// three, three and four.
pub(crate) fn telephone(text: &str) -> Option<(String, usize)> {
    let mut digits = String::new();
    let mut groups: Vec<usize> = Vec::new();
    let (mut end, mut gap, mut in_group) = (0, 0, false);
    let mut opened = false;
    let plus = text.starts_with('+');
    for (at, c) in text.char_indices().take(40) {
        if let Some(digit) = c.to_digit(10) {
            if !in_group {
                groups.push(0);
            }
            in_group = true;
            gap = 0;
            digits.extend(char::from_digit(digit, 10));
            if let Some(group) = groups.last_mut() {
                *group += 1;
            }
            end = at + 1;
            if digits.len() > 15 {
                return None;
            }
            continue;
        }
        let separates = matches!(
            c,
            ' ' | '-' | '.' | '/' | '(' | ')' | '\u{A0}' | '\u{2011}'..='\u{2013}' | '\u{202F}'
        );
        if at == 0 && (c == '+' || c == '(') {
            opened = c == '(';
            continue;
        }
        gap += 1;
        in_group = false;
        if !separates || gap > 2 {
            break;
        }
    }
    // A letter right after the last digit makes it something else.
    if text
        .get(end..)
        .and_then(|rest| rest.chars().next())
        .is_some_and(char::is_alphabetic)
    {
        return None;
    }
    let likely = plus || opened || digits.starts_with('0') || groups == [3, 3, 4];
    if !(7..=15).contains(&digits.len()) || !likely || (groups.len() < 2 && !plus) {
        return None;
    }
    let international = digits.strip_prefix("00").map(str::to_owned);
    Some((international.unwrap_or(digits), end))
}
