//! Contacts in vCard files (RFC 6350, and the 2.1 and 3.0 that phones still write).

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use record::{Card, Field};

/// Bytes of a file that are read for contacts; the attachment has all of them.
const MAX_BYTES: u64 = 256 << 10;
/// Contacts taken from one file, and fields from one contact.
const MAX_CARDS: usize = 256;
const MAX_FIELDS: usize = 64;
const MAX_VALUE: usize = 1_024;

/// The contacts in a file that was copied.
pub(crate) fn cards_in(path: &Path) -> io::Result<Vec<Card>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(cards(&String::from_utf8_lossy(&bytes)))
}

/// The contacts in a text. Pictures are left out; they stay in the file.
pub(crate) fn cards(text: &str) -> Vec<Card> {
    let unfolded = text
        .replace("\r\n", "\n")
        .replace("\n ", "")
        .replace("\n\t", "");
    let mut cards = Vec::new();
    let mut card: Option<Card> = None;
    for line in unfolded.lines() {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        let property = name.split(';').next().unwrap_or_default();
        // Grouped properties: item1.TEL
        let property = property.rsplit('.').next().unwrap_or_default();
        let property = property.to_ascii_uppercase();
        match (property.as_str(), &mut card) {
            ("BEGIN", _) => card = Some(Card::default()),
            ("END", _) => {
                let done = card.take().filter(|card| *card != Card::default());
                cards.extend(done.filter(|_| cards.len() < MAX_CARDS));
            }
            ("VERSION" | "PRODID" | "PHOTO" | "LOGO" | "REV", _) | (_, None) => {}
            ("FN", Some(card)) => card.name = unescaped(value),
            ("N", Some(card)) => {
                if card.name.is_empty() {
                    card.name = unescaped(value).replace(';', " ").trim().to_owned();
                }
            }
            (_, Some(card)) => {
                let value = unescaped(value);
                if card.fields.len() < MAX_FIELDS && value.len() <= MAX_VALUE && !value.is_empty() {
                    card.fields
                        .push(Field::new(property.to_ascii_lowercase(), value));
                }
            }
        }
    }
    cards
}

fn unescaped(value: &str) -> String {
    value
        .trim()
        .replace("\\n", "\n")
        .replace("\\,", ",")
        .replace("\\;", ";")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_read() {
        let found = cards(
            "BEGIN:VCARD\r\nVERSION:3.0\r\nN:Öz;Mira;;;\r\nFN:Mira Öz\r\nitem1.TEL;waid=491700000001:+49 170\r\n  0000001\r\nPHOTO;BASE64:AAAA\r\nEND:VCARD\r\n",
        );
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].name, "Mira Öz");
        assert_eq!(found[0].fields.len(), 1);
        assert_eq!(found[0].fields[0].name, "tel");
        assert_eq!(found[0].fields[0].value, "+49 170 0000001");
        assert!(cards("BEGIN:VCARD\nFN").is_empty());
    }
}
