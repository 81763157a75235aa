//! What the text of a message is: words, a file, a place, a poll, or a note of the app.

use record::{
    Call, CallMedia, CallState, Content, Location, Message, Missing, MissingWhy, Poll, PollAct,
    PollOption, Text,
};

use super::header::{mark, skip_marks, space};
use super::words::{Fixed, fixed, is_attached, is_edited};

/// A text's meaning, with the file that it names still to be found.
pub(crate) struct Meaning {
    pub(crate) content: Content,
    pub(crate) file: Option<NamedFile>,
}

/// A file that a message names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamedFile {
    pub(crate) name: String,
}

/// Longest text that can be one of the app's own.
const MAX_FIXED: usize = 240;

/// Reads the text of a message. `known` says whether the export has a file of that name.
pub(crate) fn meaning(text: &str) -> Meaning {
    let (text, edited) = without_edited(text);
    let mut meaning = read(text);
    if edited && let Content::Message(message) = &mut meaning.content {
        message.marks.push("edited".into());
    }
    meaning
}

/// Whether what the app wrote stands for content of its author, and is no notice.
pub(crate) fn is_content(text: &str) -> bool {
    let bare = trim_marks(text);
    bare.ends_with('>')
        || bare.contains("://")
        || (bare.len() <= MAX_FIXED && fixed(bare_note(bare)).is_some())
}

fn read(text: &str) -> Meaning {
    let bare = trim_marks(text);
    if bare.len() <= MAX_FIXED
        && let Some(found) = fixed(bare_note(bare))
    {
        return plain(fixed_content(found));
    }
    if let Some((name, caption)) = attached(text) {
        let mut message = Message::default();
        if !trim_marks(caption).is_empty() {
            message.parts.push(Text::plain(trim_marks(caption)).into());
        }
        return Meaning {
            content: message.into(),
            file: Some(NamedFile {
                name: name.to_owned(),
            }),
        };
    }
    if let Some(location) = location(bare) {
        return plain(Message::of(location).into());
    }
    if let Some(poll) = poll(text) {
        return plain(poll.into());
    }
    let mut message = Message::default();
    if !text.is_empty() {
        message.parts.push(Text::plain(text).into());
    }
    plain(message.into())
}

fn plain(content: Content) -> Meaning {
    Meaning {
        content,
        file: None,
    }
}

fn fixed_content(found: Fixed) -> Content {
    let marked = |mark: &str| {
        Content::Message(Message {
            marks: vec![mark.into()],
            ..Message::default()
        })
    };
    let call = |media| Content::Call(Call::new(media, CallState::Missed));
    match found {
        Fixed::Deleted => marked("deleted"),
        Fixed::Waiting => Message::of(Missing::new("message", MissingWhy::NotIncluded)).into(),
        Fixed::Omitted(what) => Message::of(Missing::new(what, MissingWhy::NotIncluded)).into(),
        Fixed::ViewOnce => Content::Message(Message {
            view_once: true,
            ..Message::of(Missing::new("media", MissingWhy::Withheld))
        }),
        Fixed::MissedVoice => call(CallMedia::Audio),
        Fixed::MissedVideo => call(CallMedia::Video),
        Fixed::LiveLocation => {
            Message::of(Missing::new("live-location", MissingWhy::NotIncluded)).into()
        }
    }
}

/// The text without the note in angle brackets that says that it was edited.
fn without_edited(text: &str) -> (&str, bool) {
    let trimmed = trim_end_marks(text);
    if !trimmed.ends_with('>') {
        return (text, false);
    }
    let Some(open) = trimmed.rfind('<') else {
        return (text, false);
    };
    let (before, note) = trimmed.split_at(open);
    if is_edited(bare_note(note)) {
        (trim_end_marks(before), true)
    } else {
        (text, false)
    }
}

/// A note of the app without marks, brackets and closing stop.
fn bare_note(note: &str) -> &str {
    let note = trim_marks(note);
    let note = note
        .strip_prefix('<')
        .and_then(|note| note.strip_suffix('>'))
        .unwrap_or(note);
    trim_marks(note).trim_end_matches(['.', '。'])
}

/// Name of the file and caption, of a message that names one.
fn attached(text: &str) -> Option<(&str, &str)> {
    bracketed_attachment(text).or_else(|| parenthesized_attachment(text))
}

/// `caption ‎<attached: NAME>`, the word in any language.
fn bracketed_attachment(text: &str) -> Option<(&str, &str)> {
    let trimmed = trim_end_marks(text);
    let inner = trimmed.strip_suffix('>')?;
    let open = inner.rfind('<')?;
    let (before, inner) = (inner.get(..open)?, inner.get(open + 1..)?);
    let (word, name) = inner
        .split_once(": ")
        .or_else(|| inner.split_once('：'))
        .or_else(|| inner.split_once(':'))?;
    let name = trim_marks(name);
    let by_app = before.ends_with('\u{200e}') || before.ends_with('\u{200f}');
    let sure = is_attached(trim_marks(word)) || (by_app && word.chars().count() <= 24);
    (sure && is_file_name(name)).then_some((name, trim_end_marks(before)))
}

/// `NAME (file attached)` and the caption in the lines behind it, the words in any language.
fn parenthesized_attachment(text: &str) -> Option<(&str, &str)> {
    let (first, caption) = text.split_once('\n').unwrap_or((text, ""));
    let first = trim_end_marks(first);
    let inner = first
        .strip_suffix(')')
        .or_else(|| first.strip_suffix('）'))?;
    let (name, word) = inner
        .rsplit_once(" (")
        .or_else(|| inner.rsplit_once('（'))?;
    let by_app = name.starts_with('\u{200e}');
    let name = trim_marks(name);
    let sure = is_attached(trim_marks(word))
        || ((by_app || is_camera_name(name)) && word.chars().count() <= 32);
    (sure && is_file_name(name)).then_some((name, caption))
}

fn is_file_name(name: &str) -> bool {
    let extension = name.rsplit('.').next().unwrap_or_default();
    name.len() <= 255
        && name.len() > extension.len() + 1
        && (1..=8).contains(&extension.len())
        && extension.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && !name.contains(['/', '\\', '\0', '\n'])
}

/// `IMG-20261103-WA0001.jpg` and the like, as Android names what was received.
fn is_camera_name(name: &str) -> bool {
    let mut pieces = name.split('-');
    let kind = pieces.next().unwrap_or_default();
    let date = pieces.next().unwrap_or_default();
    let number = pieces.next().unwrap_or_default();
    kind.len() == 3
        && kind.bytes().all(|byte| byte.is_ascii_uppercase())
        && date.len() == 8
        && date.bytes().all(|byte| byte.is_ascii_digit())
        && number.starts_with("WA")
}

/// A place: the app's link to a map, alone or behind a word or the place's name.
fn location(text: &str) -> Option<Location> {
    const LINKS: [&str; 2] = [
        "https://maps.google.com/?q=",
        "http://maps.google.com/maps?q=",
    ];
    let (at, link) = LINKS
        .iter()
        .find_map(|link| Some((text.find(link)?, link)))?;
    let (before, coordinates) = (text.get(..at)?, text.get(at + link.len()..)?);
    let (latitude, longitude) = trim_marks(coordinates).split_once(',')?;
    let before = trim_marks(before).trim_end();
    let before = before.strip_suffix([':', '：']).unwrap_or(before);
    let word = before.trim();
    Some(Location {
        latitude_e7: degrees_e7(latitude, 90)?,
        longitude_e7: degrees_e7(longitude, 180)?,
        name: Some(word)
            .filter(|word| word.contains([' ', '\n', ',']))
            .map(str::to_owned),
        ..Location::default()
    })
}

/// Degrees in decimal digits as whole 1e-7 degrees, without a detour over binary fractions.
pub(crate) fn degrees_e7(text: &str, most: i64) -> Option<i32> {
    let text = text.trim();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 3 || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let mut value: i64 = whole.parse().ok()?;
    for place in 0..7 {
        let digit = fraction.as_bytes().get(place).map_or(0, |byte| byte - b'0');
        value = value * 10 + i64::from(digit);
    }
    if value > most * 10_000_000 {
        return None;
    }
    i32::try_from(if negative { -value } else { value }).ok()
}

/// A poll by its shape: a word with a colon, the question, and lines of one word, a text, and a
/// count of votes in parentheses.
fn poll(text: &str) -> Option<Poll> {
    let mut lines = text.lines();
    let head = trim_marks(lines.next()?);
    let word = head.strip_suffix([':', '：'])?;
    if word.is_empty() || word.chars().count() > 16 || word.contains(' ') {
        return None;
    }
    let question = trim_marks(lines.next()?).to_owned();
    let mut options = Vec::new();
    let mut option_word = None;
    for line in lines {
        let line = trim_marks(line);
        if line.is_empty() {
            continue;
        }
        let (word, rest) = line.split_once([':', '：'])?;
        if *option_word.get_or_insert(word) != word {
            return None;
        }
        let inner = trim_marks(rest).strip_suffix([')', '）'])?;
        let (text, votes) = inner.rsplit_once(['(', '（'])?;
        let votes: String = votes.chars().filter(char::is_ascii_digit).collect();
        options.push(PollOption {
            text: trim_marks(text).trim().to_owned(),
            votes: Some(votes.parse().ok()?),
            ..PollOption::default()
        });
    }
    (!options.is_empty()).then(|| Poll {
        question: Some(question),
        options,
        ..Poll::new(PollAct::Created)
    })
}

/// Without marks and spaces at both ends.
pub(crate) fn trim_marks(text: &str) -> &str {
    let mut at = skip_marks(text.as_bytes(), 0);
    loop {
        let spaces = space(text.as_bytes(), at);
        let next = skip_marks(text.as_bytes(), at + spaces);
        if next == at {
            break;
        }
        at = next;
    }
    trim_end_marks(text.get(at..).unwrap_or_default())
}

fn trim_end_marks(text: &str) -> &str {
    text.trim_end_matches(|c: char| {
        let mut bytes = [0; 4];
        let length = c.encode_utf8(&mut bytes).len();
        c.is_whitespace() || (length == 3 && mark(&bytes, 0) == 3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::Part;

    fn message(text: &str) -> Message {
        match meaning(text).content {
            Content::Message(message) => message,
            _ => panic!("no message: {text}"),
        }
    }

    #[test]
    fn files_are_named_in_every_language() {
        for (text, name, caption) in [
            (
                "\u{200e}<attached: 00000008-PHOTO-2026-11-03-08-05-20.png>",
                "00000008-PHOTO-2026-11-03-08-05-20.png",
                "",
            ),
            (
                "see this \u{200e}<attached: 00000009-VIDEO.mp4>",
                "00000009-VIDEO.mp4",
                "see this",
            ),
            (
                "\u{200e}<附件：00000004-PHOTO-2026.png>",
                "00000004-PHOTO-2026.png",
                "",
            ),
            ("\u{200e}<nie gesehen: a.b.pdf>", "a.b.pdf", ""),
            (
                "IMG-20261105-WA0001.png (Datei angehängt)",
                "IMG-20261105-WA0001.png",
                "",
            ),
            (
                "IMG-20261104-WA0003.png (fichier joint)\nTableau\nsuite",
                "IMG-20261104-WA0003.png",
                "Tableau\nsuite",
            ),
            (
                "IMG-20261104-WA0003.png (in no table)",
                "IMG-20261104-WA0003.png",
                "",
            ),
            (
                "\u{200e}Vertrag (2).pdf (file attached)",
                "Vertrag (2).pdf",
                "",
            ),
        ] {
            let found = meaning(text);
            assert_eq!(found.file.unwrap().name, name, "{text}");
            let Content::Message(message) = found.content else {
                panic!("no message")
            };
            let found = match message.parts.first() {
                Some(Part::Text(text)) => text.text.as_str(),
                _ => "",
            };
            assert_eq!(found, caption);
        }
        for text in [
            "a <b: c>",
            "see x.pdf (maybe)",
            "1 < 2 and 3 > 2: no.",
            "(file attached)",
        ] {
            assert!(meaning(text).file.is_none(), "{text}");
        }
    }

    #[test]
    fn notes_of_the_app_are_known() {
        assert_eq!(
            message("\u{200e}This message was deleted.").marks,
            ["deleted"]
        );
        assert_eq!(message("تم حذف هذه الرسالة").marks, ["deleted"]);
        let edited = message("Das ist es. <Diese Nachricht wurde bearbeitet.>");
        assert_eq!(edited.marks, ["edited"]);
        assert!(matches!(&edited.parts[..], [Part::Text(text)] if text.text == "Das ist es."));
        let omitted = message("<Médias omis>");
        assert!(matches!(&omitted.parts[..], [Part::Missing(missing)] if missing.what == "media"));
        assert!(matches!(
            meaning("\u{200e}Missed video call").content,
            Content::Call(call) if call.media == CallMedia::Video
        ));
        assert!(
            message("I wrote: This message was deleted")
                .marks
                .is_empty()
        );
    }

    #[test]
    fn places_and_polls_are_read() {
        let place = message("Location: https://maps.google.com/?q=47.3717,-8.5423");
        let [Part::Location(place)] = &place.parts[..] else {
            panic!("no place")
        };
        assert_eq!(
            (place.latitude_e7, place.longitude_e7),
            (473_717_000, -85_423_000)
        );
        assert_eq!(place.name, None);
        assert!(location("https://maps.google.com/?q=97,5").is_none());
        let poll = meaning(
            "\u{200e}POLL:\nLunch?\n\u{200e}OPTION: Yes: now (\u{200e}3 votes)\n\u{200e}OPTION: No (\u{200e}0 votes)\n",
        );
        let Content::Poll(poll) = poll.content else {
            panic!("no poll")
        };
        assert_eq!(poll.question.as_deref(), Some("Lunch?"));
        assert_eq!(poll.options[0].text, "Yes: now");
        assert_eq!(poll.options[0].votes, Some(3));
    }
}
