//! Words for people: English and French, all from the catalogues in `i18n/`.

use std::cell::Cell;
use std::sync::OnceLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use unic_langid::LanguageIdentifier;

/// Languages with a complete catalogue; the first is the fallback.
pub(crate) const LANGUAGES: [&str; 2] = ["en", "fr"];

const SOURCES: [&str; 2] = [
    include_str!("../i18n/en.ftl"),
    include_str!("../i18n/fr.ftl"),
];

static CHOSEN: OnceLock<usize> = OnceLock::new();

thread_local! {
    /// A letter speaks several languages in one process.
    static OVERRIDE: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Chooses the language for this process, by the first of: the argument, `LC_ALL`, `LC_MESSAGES`, `LANG`.
pub(crate) fn choose(argument: Option<&str>) {
    let from_system = || {
        ["LC_ALL", "LC_MESSAGES", "LANG"]
            .iter()
            .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    };
    let wanted = argument
        .map(str::to_owned)
        .or_else(from_system)
        .unwrap_or_default();
    let index = LANGUAGES
        .iter()
        .position(|language| wanted.to_lowercase().starts_with(language))
        .unwrap_or(0);
    let _ = CHOSEN.set(index);
}

/// The language chosen, for a child of this process.
pub(crate) fn language() -> &'static str {
    CHOSEN
        .get()
        .and_then(|index| LANGUAGES.get(*index))
        .copied()
        .unwrap_or("en")
}

/// The text of a key without facts.
pub(crate) fn word(key: &str) -> String {
    say_with(key, &[])
}

/// The text of a key with its facts put in.
pub(crate) fn say_with(key: &str, facts: &[(&str, Fact)]) -> String {
    find_with(key, facts).unwrap_or_else(|| key.to_owned())
}

/// The text of a key, if the catalogue has it.
pub(crate) fn find(key: &str) -> Option<String> {
    find_with(key, &[])
}

/// A number or a piece of text to put into a sentence.
#[derive(Debug, Clone)]
pub(crate) enum Fact {
    /// A count; the catalogue chooses singular or plural by it.
    Number(f64),
    /// Text, shown as it is.
    Text(String),
}

impl std::fmt::Display for Fact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

macro_rules! fact_from_numbers {
    ($($number:ty),*) => {$(
        impl From<$number> for Fact {
            #[expect(clippy::allow_attributes, reason = "the cast is lossless for the smaller of these types")]
            fn from(number: $number) -> Self {
                #[allow(clippy::cast_precision_loss, clippy::cast_lossless)]
                Self::Number(number as f64)
            }
        }
    )*};
}
fact_from_numbers!(u8, u16, u32, u64, usize, i64);

impl From<&str> for Fact {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Fact {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&std::path::Path> for Fact {
    fn from(path: &std::path::Path) -> Self {
        Self::Text(path.display().to_string())
    }
}

/// `say!("key", name = value, …)`: a sentence of the catalogue with its facts.
macro_rules! say {
    ($key:expr $(, $name:ident = $value:expr)* $(,)?) => {
        $crate::text::say_with($key, &[$((stringify!($name), $crate::text::Fact::from($value))),*])
    };
}
pub(crate) use say;

/// Runs `work` with another language in this thread: a letter speaks all of them.
pub(crate) fn in_language<T>(language: &str, work: impl FnOnce() -> T) -> T {
    let before = OVERRIDE.replace(LANGUAGES.iter().position(|known| *known == language));
    let result = work();
    OVERRIDE.set(before);
    result
}

/// The same, as tests call it.
#[cfg(test)]
pub(crate) use in_language as with_language;

fn find_with(key: &str, facts: &[(&str, Fact)]) -> Option<String> {
    let bundle = bundle(
        OVERRIDE
            .get()
            .or_else(|| CHOSEN.get().copied())
            .unwrap_or(0),
    )?;
    let pattern = bundle.get_message(key)?.value()?;
    let mut args = FluentArgs::new();
    for (name, fact) in facts {
        match fact {
            Fact::Number(number) => args.set(*name, FluentValue::from(*number)),
            Fact::Text(text) => args.set(*name, FluentValue::from(text.as_str())),
        }
    }
    let mut errors = Vec::new();
    let text = bundle.format_pattern(pattern, Some(&args), &mut errors);
    Some(text.into_owned())
}

fn bundle(index: usize) -> Option<&'static FluentBundle<FluentResource>> {
    static BUNDLES: OnceLock<Vec<FluentBundle<FluentResource>>> = OnceLock::new();
    BUNDLES
        .get_or_init(|| {
            LANGUAGES
                .iter()
                .zip(SOURCES)
                .map(|(language, source)| {
                    let identifier: LanguageIdentifier = language.parse().unwrap_or_default();
                    let mut bundle = FluentBundle::new_concurrent(vec![identifier]);
                    bundle.set_use_isolating(false);
                    let resource = match FluentResource::try_new(source.to_owned()) {
                        Ok(resource) | Err((resource, _)) => resource,
                    };
                    bundle.add_resource_overriding(resource);
                    bundle
                })
                .collect()
        })
        .get(index)
}

/// Untrusted text made safe for a terminal: no control characters, none that turn, break or hide what
/// follows, right-to-left text held in isolation.
pub(crate) fn printable(text: &str) -> String {
    let clean: String = text
        .chars()
        .map(|c| match c {
            '\n' | '\t' => ' ',
            c if c.is_control() || changes_the_line(c) => '\u{FFFD}',
            c => c,
        })
        .collect();
    let right_to_left = clean.chars().any(|c| {
        matches!(c, '\u{0590}'..='\u{08FF}' | '\u{FB1D}'..='\u{FEFC}'
            | '\u{10800}'..='\u{10FFF}' | '\u{1E800}'..='\u{1EFFF}')
    });
    if right_to_left {
        return format!("\u{2068}{clean}\u{2069}");
    }
    clean
}

/// Marks, embeddings and isolates of direction, line and paragraph separators, and what is invisible
/// and not needed to write a language (joiners are).
fn changes_the_line(c: char) -> bool {
    matches!(c, '\u{061C}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{E0000}'..='\u{E007F}')
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn keys(source: &str) -> BTreeSet<&str> {
        source
            .lines()
            .filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()))
            .filter_map(|line| line.split_once('='))
            .map(|(key, _)| key.trim())
            .collect()
    }

    #[test]
    fn both_languages_have_the_same_keys() {
        let (english, french) = (keys(SOURCES[0]), keys(SOURCES[1]));
        assert!(english.len() > 50);
        assert_eq!(english, french);
    }

    #[test]
    fn catalogues_parse_without_error() {
        for source in SOURCES {
            let errors = FluentResource::try_new(source.to_owned())
                .err()
                .map(|(_, e)| e);
            assert_eq!(errors, None);
        }
    }

    /// A key that the program names and no catalogue has would be shown bare to a user.
    #[test]
    fn every_key_in_the_code_is_in_the_catalogue() {
        let known = keys(SOURCES[0]);
        let mut unknown = Vec::new();
        let mut waiting = vec![std::path::PathBuf::from(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/src"
        ))];
        while let Some(path) = waiting.pop() {
            if path.is_dir() {
                waiting.extend(std::fs::read_dir(path).unwrap().map(|e| e.unwrap().path()));
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for opening in ["say!(\"", "word(\"", "Failure::new(\"", "key: \""] {
                for (at, _) in text.match_indices(opening) {
                    let key = text[at + opening.len()..].split('"').next().unwrap();
                    if !known.contains(key) && !key.is_empty() && key != "key" {
                        unknown.push(format!("{}: {key}", path.display()));
                    }
                }
            }
        }
        assert_eq!(unknown, Vec::<String>::new());
    }

    #[test]
    fn hostile_text_can_not_move_the_terminal() {
        let shown = printable("a\u{1b}[2Jb\u{202E}c\r\n");
        assert_eq!(shown, "a\u{FFFD}[2Jb\u{FFFD}c\u{FFFD} ");
    }
}
