//! Words that stand nowhere by chance, and the search for them in bytes.

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
use memchr::memmem::Finder;

/// A word that all markers of one run begin with: 18 letters drawn at random, so that none of them
/// is in any program, file or memory unless a marker is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family(String);

impl Family {
    /// Letters in a family's word.
    pub const LETTERS: usize = 18;

    /// Draws a family.
    pub fn draw(randomness: &mut dyn seal::Randomness) -> Self {
        let mut bytes = [0; Self::LETTERS];
        randomness.fill(&mut bytes);
        Self(bytes.iter().map(|byte| letter(byte % 16)).collect())
    }

    /// The family of that word.
    pub fn of(word: &str) -> Self {
        Self(word.to_owned())
    }

    /// The word.
    pub fn word(&self) -> &str {
        &self.0
    }

    /// The marker of a field of a message: letters only, so that it is one word to every reader.
    pub fn marker(&self, field: Field, message: u64) -> String {
        let number: String = (0..6)
            .rev()
            .map(|digit| letter((message >> (4 * digit) & 15) as u8))
            .collect();
        format!("{}{}{number}", self.0, field.letter())
    }

    /// Looks for it, however its bytes may be written.
    pub fn search(&self) -> Search {
        Search::of(&self.0)
    }
}

/// Where in a message a marker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// What was written.
    Text,
    /// Name of the sender.
    Name,
    /// The sender's id on the network.
    Number,
    /// Title of the conversation.
    Title,
    /// Name of the attached file.
    FileName,
    /// In the attached file, thousands of times.
    FileBytes,
    /// The network's original bytes.
    Original,
    /// The captured account.
    Account,
}

impl Field {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Text,
        Self::Name,
        Self::Number,
        Self::Title,
        Self::FileName,
        Self::FileBytes,
        Self::Original,
        Self::Account,
    ];

    fn letter(self) -> char {
        letter(self as u8)
    }
}

/// The forms in which a word may be written, each with a searcher.
#[derive(Debug)]
pub struct Search {
    forms: Vec<(&'static str, Finder<'static>)>,
}

impl Search {
    /// Looks for a word: plain, UTF-16 of both byte orders, hex of both cases, and base64 of both
    /// alphabets at each of its three alignments.
    pub fn of(word: &str) -> Self {
        let plain = word.as_bytes();
        let units =
            |order: fn(u16) -> [u8; 2]| word.encode_utf16().flat_map(order).collect::<Vec<u8>>();
        let mut forms = vec![
            ("plain", plain.to_vec()),
            ("UTF-16LE", units(u16::to_le_bytes)),
            ("UTF-16BE", units(u16::to_be_bytes)),
            ("hex", HEXLOWER.encode(plain).into_bytes()),
            ("HEX", HEXUPPER.encode(plain).into_bytes()),
        ];
        for (encoding, name) in [(BASE64_NOPAD, "base64"), (BASE64URL_NOPAD, "base64url")] {
            for before in 0..3 {
                forms.push((name, base64_inside(&encoding, plain, before)));
            }
        }
        let forms = forms
            .into_iter()
            .map(|(name, bytes)| (name, Finder::new(&bytes).into_owned()));
        Self {
            forms: forms.collect(),
        }
    }

    /// The first place of each form that stands in `bytes`.
    pub fn within(&self, bytes: &[u8]) -> Vec<(&'static str, usize)> {
        let found =
            |(name, finder): &(&'static str, Finder<'static>)| Some((*name, finder.find(bytes)?));
        self.forms.iter().filter_map(found).collect()
    }

    /// Every file below a folder in whose bytes or path a form stands.
    pub fn within_folder(&self, folder: &std::path::Path) -> Vec<String> {
        let mut found = Vec::new();
        for path in files(folder) {
            let Ok(bytes) = std::fs::read(&path) else {
                continue;
            };
            let name = path.to_string_lossy();
            for (form, at) in self
                .within(&bytes)
                .into_iter()
                .chain(self.within(name.as_bytes()))
            {
                found.push(format!("{name}: {form} at {at}"));
            }
        }
        found
    }
}

/// Every file below a folder.
pub fn files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let (mut found, mut waiting) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(next) = waiting.pop() {
        let Ok(entries) = std::fs::read_dir(next) else {
            continue;
        };
        for entry in entries.flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => waiting.push(entry.path()),
                Ok(kind) if kind.is_file() => found.push(entry.path()),
                _ => {}
            }
        }
    }
    found.sort();
    found
}

/// The letters of base64 that the word alone decides when so many bytes stand before it.
fn base64_inside(encoding: &data_encoding::Encoding, word: &[u8], before: usize) -> Vec<u8> {
    let padded = [&vec![0; before], word].concat();
    let text = encoding.encode(&padded).into_bytes();
    let (first, end) = ((before * 8).div_ceil(6), padded.len() * 8 / 6);
    text[first..end].to_vec()
}

/// Letters that no encoding of numbers uses and that are in no language's common words together.
fn letter(value: u8) -> char {
    char::from(b"bdfghjkmpqtvwxyz"[usize::from(value % 16)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::Seeded;

    #[test]
    fn every_form_is_found_wherever_it_stands() {
        let family = Family::draw(&mut Seeded::new(1));
        let search = family.search();
        for before in 0..7 {
            let text = format!("{}{}", "x".repeat(before), family.marker(Field::Text, 77));
            let utf16 = |order: fn(u16) -> [u8; 2]| {
                text.encode_utf16().flat_map(order).collect::<Vec<u8>>()
            };
            for (form, bytes) in [
                ("plain", text.clone().into_bytes()),
                ("UTF-16LE", utf16(u16::to_le_bytes)),
                ("UTF-16BE", utf16(u16::to_be_bytes)),
                ("hex", HEXLOWER.encode(text.as_bytes()).into_bytes()),
                ("HEX", HEXUPPER.encode(text.as_bytes()).into_bytes()),
                ("base64", BASE64_NOPAD.encode(text.as_bytes()).into_bytes()),
                (
                    "base64url",
                    BASE64URL_NOPAD.encode(text.as_bytes()).into_bytes(),
                ),
            ] {
                let found = search.within(&bytes);
                assert!(
                    found.iter().any(|(name, _)| *name == form),
                    "{form} after {before}"
                );
            }
        }
        assert!(search.within(&[b'b'; 4096]).is_empty());
    }

    #[test]
    fn markers_of_a_family_differ() {
        let family = Family::draw(&mut Seeded::new(2));
        let mut all: Vec<String> = Vec::new();
        for message in [0, 1, 16, 4095, 99_999] {
            all.extend(Field::ALL.map(|field| family.marker(field, message)));
        }
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count);
        assert!(all.iter().all(|marker| marker.starts_with(family.word())));
    }
}
