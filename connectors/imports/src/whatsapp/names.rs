//! Who is meant by a name in an export, and stable ids for events that have none.

use std::collections::HashMap;

use jiff::civil::DateTime;
use record::{AliasKind, IdError, Participant, ParticipantId, TextId};

use super::header::{mark, space};

/// Names that are kept at hand.
const MAX_NAMES: usize = 10_000;
/// Equal events out of order that are counted exactly; beyond, the place in the file tells them
/// apart.
const MAX_LATE: usize = 1 << 20;

/// Turns names into participants, and remembers them.
pub(crate) struct Names {
    known: HashMap<Vec<u8>, Participant>,
    me: Option<String>,
    account: Option<ParticipantId>,
}

/// Stable ids from content and position among equals.
pub(crate) struct SourceIds {
    newest: Option<DateTime>,
    /// Of the newest time only.
    current: HashMap<[u8; 16], u64>,
    /// Of earlier times that come behind later ones.
    late: HashMap<[u8; 16], u64>,
    /// What is hashed, one event after the other.
    hashed: Vec<u8>,
}

impl Names {
    /// `me` is the owner's name in the export; without it, the account itself stands for "you".
    pub(crate) fn new(me: Option<&str>, account: &str) -> Self {
        Self {
            known: HashMap::new(),
            me: me.map(|me| clean(me.as_bytes())),
            account: ParticipantId::parse(account).ok(),
        }
    }

    /// The participant of that name, as written.
    pub(crate) fn participant(&mut self, name: &[u8]) -> Result<Participant, IdError> {
        if let Some(known) = self.known.get(name) {
            return Ok(known.clone());
        }
        let participant = participant(&clean(name))?;
        if self.known.len() >= MAX_NAMES {
            self.known.clear();
        }
        self.known.insert(name.to_vec(), participant.clone());
        Ok(participant)
    }

    /// Whether the name was met before.
    pub(crate) fn knows(&self, name: &[u8]) -> bool {
        self.known.contains_key(name)
    }

    /// Whether the name is the owner's; `None` where the owner's name is not known.
    pub(crate) fn is_me(&self, name: &[u8]) -> Option<bool> {
        let me = self.me.as_ref()?;
        Some(clean(name) == *me)
    }

    /// The account's owner.
    pub(crate) fn owner(&mut self) -> Result<Participant, IdError> {
        if let Some(me) = self.me.clone() {
            return self.participant(me.as_bytes());
        }
        match &self.account {
            Some(account) => Ok(Participant::new(account.clone())),
            None => ParticipantId::new("name", "you").map(Participant::new),
        }
    }
}

impl SourceIds {
    pub(crate) fn new() -> Self {
        Self {
            newest: None,
            current: HashMap::new(),
            late: HashMap::new(),
            hashed: Vec::new(),
        }
    }

    /// The id of an event: its time as written, a hash of author and text, and how many equal
    /// ones stand before it. The same export, a later one of the same chat, and one in another
    /// zone give the same ids.
    pub(crate) fn id(
        &mut self,
        time: Option<DateTime>,
        author: Option<&str>,
        text: &[u8],
        offset: u64,
    ) -> Result<TextId, IdError> {
        let author = author.unwrap_or_default();
        self.hashed.clear();
        self.hashed
            .extend_from_slice(&(author.len() as u64).to_be_bytes());
        self.hashed.extend_from_slice(author.as_bytes());
        self.hashed.extend_from_slice(text);
        let hash = canonical::sha256(&self.hashed);
        let mut key = [0; 16];
        for (key, byte) in key.iter_mut().zip(hash) {
            *key = byte;
        }
        let mut id = String::with_capacity(64);
        match time {
            Some(time) => {
                digits(&mut id, i64::from(time.year()), 4);
                digits(&mut id, i64::from(time.month()), 2);
                digits(&mut id, i64::from(time.day()), 2);
                id.push('T');
                digits(&mut id, i64::from(time.hour()), 2);
                digits(&mut id, i64::from(time.minute()), 2);
                digits(&mut id, i64::from(time.second()), 2);
                id.push('-');
            }
            None => id.push_str("undated-"),
        }
        for byte in key {
            id.push(hex_digit(byte >> 4));
            id.push(hex_digit(byte & 15));
        }
        let (mark, ordinal) = self.ordinal(time, key, offset);
        id.push_str(mark);
        id.push_str(&ordinal.to_string());
        TextId::new(id)
    }

    /// Exact in bounded memory: an export goes forward in time, so only the equals of the newest
    /// time have to be remembered; those that come late are few, and counted apart.
    fn ordinal(
        &mut self,
        time: Option<DateTime>,
        key: [u8; 16],
        offset: u64,
    ) -> (&'static str, u64) {
        let late = match (time, self.newest) {
            (Some(time), Some(newest)) if time < newest => true,
            (None, _) => true,
            (Some(time), newest) => {
                if newest != Some(time) {
                    self.current.clear();
                    self.newest = Some(time);
                }
                false
            }
        };
        if !late {
            let count = self.current.entry(key).or_default();
            *count += 1;
            return ("-", *count - 1);
        }
        let mut key = key;
        if let Some(time) = time {
            // The time is part of what makes equal.
            let minutes =
                i64::from(time.year()) * 372 + i64::from(time.month()) * 31 + i64::from(time.day());
            let seconds = i64::from(time.hour()) * 3_600
                + i64::from(time.minute()) * 60
                + i64::from(time.second());
            let stamp = (minutes * 86_400 + seconds).to_be_bytes();
            for (key, byte) in key.iter_mut().zip(stamp) {
                *key ^= byte;
            }
        }
        if self.late.len() >= MAX_LATE && !self.late.contains_key(&key) {
            return ("-at", offset);
        }
        let count = self.late.entry(key).or_default();
        *count += 1;
        ("-late", *count - 1)
    }
}

/// Appends a number with so many digits. Six of these stand in each id, and the general way of
/// writing numbers took longer than hashing.
fn digits(id: &mut String, number: i64, width: u32) {
    let mut most = 10_i64.pow(width);
    if !(0..most).contains(&number) {
        id.push_str(&number.to_string());
        return;
    }
    while most > 1 {
        most /= 10;
        let digit = u32::try_from(number / most % 10).unwrap_or_default();
        id.push(char::from_digit(digit, 10).unwrap_or('0'));
    }
}

fn hex_digit(nibble: u8) -> char {
    char::from_digit(u32::from(nibble), 16).unwrap_or('0')
}

/// A name without marks, its spaces plain, without the tilde of people who are not in the
/// owner's contacts.
pub(crate) fn clean(name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name);
    // Most names are plain as they are.
    if name.bytes().all(|byte| (b' '..0x7f).contains(&byte)) {
        return without_tilde(&name).to_owned();
    }
    let bytes = name.as_bytes();
    let mut clean = String::with_capacity(name.len());
    for (at, c) in name.char_indices() {
        if mark(bytes, at) > 0 {
            continue;
        }
        if space(bytes, at) > 0 || c.is_control() {
            clean.push(' ');
        } else {
            clean.push(c);
        }
    }
    without_tilde(&clean).to_owned()
}

fn without_tilde(name: &str) -> &str {
    let trimmed = name.trim();
    trimmed.strip_prefix('~').map_or(trimmed, str::trim_start)
}

/// A name as it comes, cleaned; for the fuzz target.
pub(crate) fn named_lossy(name: &[u8]) -> Option<Participant> {
    participant(&clean(name)).ok()
}

/// The participant of a name within a notice; not counted among those who write.
pub(crate) fn named(name: &str) -> Result<Participant, IdError> {
    participant(&clean(name.as_bytes()))
}

fn participant(name: &str) -> Result<Participant, IdError> {
    if let Some(number) = telephone(name) {
        let id = ParticipantId::new("tel", &number)?;
        return Ok(Participant::new(id).alias(AliasKind::Phone, name));
    }
    let shortened = shorten(name);
    let id = ParticipantId::new("name", shortened)?;
    Ok(Participant::new(id).alias(AliasKind::Display, name))
}

fn shorten(name: &str) -> &str {
    let mut end = name.len().min(500);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.get(..end).unwrap_or_default()
}

/// A number in international form, digits only behind the plus.
fn telephone(name: &str) -> Option<String> {
    let rest = name.strip_prefix('+')?;
    let mut number = String::from("+");
    for c in rest.chars() {
        match c {
            '0'..='9' => number.push(c),
            ' ' | '-' | '(' | ')' | '.' | '/' | '\u{2011}' => {}
            _ => return None,
        }
    }
    (7..=17).contains(&number.len()).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_become_ids_of_their_own() {
        let mut names = Names::new(Some("Anna"), "wa:49170");
        let id = |names: &mut Names, name: &str| {
            names
                .participant(name.as_bytes())
                .unwrap()
                .id
                .as_str()
                .to_owned()
        };
        assert_eq!(
            id(
                &mut names,
                "\u{202a}+49\u{a0}170\u{a0}000\u{2011}0001\u{202c}"
            ),
            "tel:+491700000001"
        );
        assert_eq!(id(&mut names, "~\u{202f}Mira Öz"), "name:Mira Öz");
        assert_eq!(id(&mut names, "+ 1 fan"), "name:+ 1 fan");
        assert_eq!(names.is_me("\u{200e}Anna".as_bytes()), Some(true));
        assert_eq!(names.owner().unwrap().id.as_str(), "name:Anna");
        assert_eq!(
            Names::new(None, "wa:49170").owner().unwrap().id.as_str(),
            "wa:49170"
        );
        assert!(names.participant(b"\xe2\x80\x8e").is_err());
    }

    #[test]
    fn equal_events_are_told_apart_and_others_do_not_move_them() {
        let time = |minute| jiff::civil::date(2026, 11, 3).at(8, minute, 0, 0);
        let mut ids = SourceIds::new();
        let mut id = |minute, text: &str, offset| {
            ids.id(Some(time(minute)), Some("Anna"), text.as_bytes(), offset)
                .unwrap()
                .as_str()
                .to_owned()
        };
        let first = id(1, "ok", 0);
        let other = id(1, "no", 1);
        let second = id(1, "ok", 2);
        let later = id(2, "ok", 3);
        let late = id(1, "ok", 4);
        let late_again = id(1, "ok", 5);
        let all = [&first, &other, &second, &later, &late, &late_again];
        for (at, one) in all.iter().enumerate() {
            assert!(all[at + 1..].iter().all(|two| one != two));
        }
        assert!(first.starts_with("20261103T080100-") && first.ends_with("-0"));
        // An export that begins later in the chat gives the same ids.
        let mut again = SourceIds::new();
        assert_eq!(
            again
                .id(Some(time(2)), Some("Anna"), b"ok", 9)
                .unwrap()
                .as_str(),
            later
        );
    }
}
