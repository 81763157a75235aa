//! The structure of a message: its header fields, and the parts that are not made of parts.
//!
//! Fields, encodings and charsets are read by `mail-parser`; going through the parts is done
//! here, without recursion, so that depth, parts and fields have limits whatever a message says.

use std::borrow::Cow;

use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::charsets::map::charset_decoder;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;
use mail_parser::{Message, MessageParser, MimeHeaders};
use memchr::{memchr, memmem};

/// Bytes of a header section that are read.
pub(crate) const MAX_HEAD: usize = 256 << 10;
/// Fields of a header section that are read.
pub(crate) const MAX_FIELDS: usize = 1_000;
/// Parts of a message, and how deep they may stand in each other.
pub(crate) const MAX_PARTS: usize = 1_000;
pub(crate) const MAX_DEPTH: usize = 16;

/// A message taken apart.
pub(crate) struct Structure<'m> {
    /// The fields of the message itself.
    pub(crate) head: Head<'m>,
    /// The parts that hold something, in their order.
    pub(crate) leaves: Vec<Leaf<'m>>,
    /// What is damaged, or beyond a limit.
    pub(crate) notes: Vec<Note>,
}

/// Header fields; none where nothing looks like one.
pub(crate) struct Head<'m>(pub(crate) Option<Message<'m>>);

/// A part that is not made of parts.
pub(crate) struct Leaf<'m> {
    pub(crate) head: Head<'m>,
    /// Its bytes, as they are encoded.
    pub(crate) raw: &'m [u8],
    /// The nearest alternatives that it is one of, by number.
    pub(crate) alternative: Option<usize>,
    /// Its media type, in small letters.
    pub(crate) media_type: String,
    /// Where it stands: `1`, `2.1`.
    pub(crate) path: String,
}

/// Something that is not as it should be.
pub(crate) struct Note {
    pub(crate) limit: bool,
    pub(crate) text: String,
}

struct Task<'m> {
    bytes: &'m [u8],
    depth: usize,
    alternative: Option<usize>,
    /// What a part without a type is.
    assumed: &'static str,
    path: String,
}

/// Takes a message apart.
pub(crate) fn structure(message: &[u8]) -> Structure<'_> {
    let mut found = Structure {
        head: head_of(message),
        leaves: Vec::new(),
        notes: Vec::new(),
    };
    let mut waiting = vec![Task {
        bytes: message,
        depth: 0,
        alternative: None,
        assumed: "text/plain",
        path: String::new(),
    }];
    let (mut alternatives, mut parts) = (0, 0);
    while let Some(task) = waiting.pop() {
        parts += 1;
        if parts > MAX_PARTS {
            let text = format!("more than {MAX_PARTS} parts");
            found.notes.push(Note::limit(text));
            break;
        }
        let (head, body) = split(task.bytes, &mut found.notes);
        let media_type = head.media_type().unwrap_or_else(|| task.assumed.to_owned());
        let Some(pieces) = below(&head, body, &media_type, task.depth, &mut found.notes) else {
            found.leaves.push(Leaf {
                head,
                raw: body,
                alternative: task.alternative,
                media_type: match media_type.starts_with("multipart/") {
                    true => "text/plain".to_owned(),
                    false => media_type,
                },
                path: match task.path.is_empty() {
                    true => "1".to_owned(),
                    false => task.path,
                },
            });
            continue;
        };
        let alternative = if media_type == "multipart/alternative" {
            alternatives += 1;
            Some(alternatives)
        } else {
            task.alternative
        };
        let assumed = match media_type == "multipart/digest" {
            true => "message/rfc822",
            false => "text/plain",
        };
        for (index, bytes) in pieces.into_iter().enumerate().rev() {
            let dot = if task.path.is_empty() { "" } else { "." };
            waiting.push(Task {
                bytes,
                depth: task.depth + 1,
                alternative,
                assumed,
                path: format!("{}{dot}{}", task.path, index + 1),
            });
        }
    }
    found
}

/// The parts of a part; none where it holds something itself, or can not be taken apart.
fn below<'m>(
    head: &Head<'_>,
    body: &'m [u8],
    media_type: &str,
    depth: usize,
    notes: &mut Vec<Note>,
) -> Option<Vec<&'m [u8]>> {
    if !media_type.starts_with("multipart/") {
        return None;
    }
    if depth >= MAX_DEPTH {
        let text = format!("parts stand more than {MAX_DEPTH} deep");
        notes.push(Note::limit(text));
        return None;
    }
    match head.boundary() {
        Some(boundary) => pieces(body, &boundary, notes),
        None => {
            let text = "a part of parts names no boundary";
            notes.push(Note::damage(text.to_owned()));
            None
        }
    }
}

/// Only the fields of a message.
pub(crate) fn head_of(message: &[u8]) -> Head<'_> {
    split(message, &mut Vec::new()).0
}

impl Note {
    fn limit(text: String) -> Self {
        Self { limit: true, text }
    }

    fn damage(text: String) -> Self {
        Self { limit: false, text }
    }
}

impl Head<'_> {
    /// A field by its name, its encoded words read.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let message = self.0.as_ref()?;
        let form = mail_parser::HeaderForm::Text;
        let found = message.header_as(name.to_owned(), form);
        found
            .iter()
            .find_map(|value| value.as_text().map(|text| text.trim().to_owned()))
    }

    /// Whether there is such a field, be it empty.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.as_ref().is_some_and(|message| {
            message
                .headers()
                .iter()
                .any(|h| h.name().eq_ignore_ascii_case(name))
        })
    }

    /// Names of all fields, in their order.
    pub(crate) fn names(&self) -> Vec<String> {
        let headers = self.0.as_ref().map(Message::headers).unwrap_or_default();
        headers
            .iter()
            .map(|header| header.name().to_owned())
            .collect()
    }

    fn media_type(&self) -> Option<String> {
        let found = self.0.as_ref()?.content_type()?;
        let kind = found.ctype().trim().to_ascii_lowercase();
        let sub = found.subtype().unwrap_or("plain").trim();
        Some(format!("{kind}/{}", sub.to_ascii_lowercase()))
    }

    fn boundary(&self) -> Option<String> {
        let found = self.0.as_ref()?.content_type()?;
        let boundary = found.attribute("boundary")?;
        Some(boundary.to_owned()).filter(|text| !text.is_empty())
    }
}

impl Leaf<'_> {
    /// The bytes that the part holds, and what is wrong with their encoding.
    pub(crate) fn decoded(&self) -> (Cow<'_, [u8]>, Option<String>) {
        let encoding = self
            .head
            .0
            .as_ref()
            .and_then(|head| head.content_transfer_encoding())
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        let decoded = match encoding.as_str() {
            "base64" => base64_decode(self.raw),
            "quoted-printable" => quoted_printable_decode(self.raw),
            _ => return (Cow::Borrowed(self.raw), None),
        };
        match decoded {
            Some(bytes) => {
                let short = encoding == "base64" && bytes.len() < whole_groups(self.raw);
                let note = short.then(|| format!("part {} ends within its encoding", self.path));
                (Cow::Owned(bytes), note)
            }
            None => {
                let note = format!(
                    "part {} is not what its encoding ({encoding}) says",
                    self.path
                );
                (Cow::Borrowed(self.raw), Some(note))
            }
        }
    }

    /// The text that the part holds, and what is wrong with its encoding or charset.
    pub(crate) fn text(&self) -> (String, Option<String>) {
        let (bytes, note) = self.decoded();
        let named = self
            .head
            .0
            .as_ref()
            .and_then(|head| head.content_type())
            .and_then(|found| found.attribute("charset"))
            .map(|charset| charset.trim().to_ascii_lowercase());
        let plain = matches!(
            named.as_deref(),
            None | Some("utf-8" | "utf8" | "us-ascii" | "ascii")
        );
        if plain {
            return match std::str::from_utf8(&bytes) {
                Ok(text) => (text.to_owned(), note),
                Err(_) => {
                    let charset = named.as_deref().unwrap_or("us-ascii");
                    let wrong = format!("part {} is not in its charset ({charset})", self.path);
                    (
                        String::from_utf8_lossy(&bytes).into_owned(),
                        note.or(Some(wrong)),
                    )
                }
            };
        }
        let named = named.unwrap_or_default();
        match charset_decoder(named.as_bytes()) {
            Some(decoder) => {
                let text = decoder(&bytes);
                let wrong = text
                    .contains('\u{fffd}')
                    .then(|| format!("part {} is not in its charset ({named})", self.path));
                (text, note.or(wrong))
            }
            None => {
                let named: String = named.chars().take(60).collect();
                let wrong = format!(
                    "part {} is in a charset that is not known ({named})",
                    self.path
                );
                (
                    String::from_utf8_lossy(&bytes).into_owned(),
                    note.or(Some(wrong)),
                )
            }
        }
    }

    /// The name that the part gives for a file.
    pub(crate) fn name(&self) -> Option<&str> {
        let head = self.head.0.as_ref()?;
        head.attachment_name().filter(|name| !name.is_empty())
    }

    /// Whether the part says that it is a file.
    pub(crate) fn is_file(&self) -> bool {
        let head = self.head.0.as_ref();
        head.and_then(|head| head.content_disposition())
            .is_some_and(|found| found.ctype().eq_ignore_ascii_case("attachment"))
    }
}

/// Bytes that the whole groups of a base64 text hold.
fn whole_groups(raw: &[u8]) -> usize {
    let letters = raw
        .iter()
        .filter(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
        .count();
    letters * 6 / 8
}

/// Header section and body. What is beyond the limits of the section is left out and said.
fn split<'m>(bytes: &'m [u8], notes: &mut Vec<Note>) -> (Head<'m>, &'m [u8]) {
    let mut at = 0;
    let mut fields = 0;
    let mut read = None;
    let end = loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let line = match memchr(b'\n', rest) {
            Some(found) => rest.get(..=found).unwrap_or_default(),
            None => rest,
        };
        match line {
            [] => break at,
            b"\n" | b"\r\n" => break at,
            [b' ' | b'\t', ..] => {}
            _ => fields += 1,
        }
        let over = at + line.len() > MAX_HEAD || fields > MAX_FIELDS;
        if over && read.is_none() {
            read = Some(at);
        }
        at += line.len();
    };
    let body = match bytes.get(end..).unwrap_or_default() {
        [b'\r', b'\n', body @ ..] | [b'\n', body @ ..] => body,
        rest => rest,
    };
    if read.is_some() {
        notes.push(Note::limit(format!(
            "header fields beyond {MAX_FIELDS} or {MAX_HEAD} bytes were not read"
        )));
    }
    let head = bytes.get(..read.unwrap_or(end)).unwrap_or_default();
    let parsed = (!head.is_empty())
        .then(|| MessageParser::default().parse_headers(head))
        .flatten();
    (Head(parsed), body)
}

/// The pieces between boundaries; none where the boundary does not occur.
fn pieces<'m>(body: &'m [u8], boundary: &str, notes: &mut Vec<Note>) -> Option<Vec<&'m [u8]>> {
    let mark = format!("--{boundary}");
    let mut pieces = Vec::new();
    let mut open: Option<usize> = None;
    let mut closed = false;
    for found in memmem::find_iter(body, mark.as_bytes()) {
        let first = found == 0 || body.get(found - 1) == Some(&b'\n');
        let behind = body.get(found + mark.len()..).unwrap_or_default();
        let (last, rest) = match behind {
            [b'-', b'-', rest @ ..] => (true, rest),
            rest => (false, rest),
        };
        let white = rest
            .iter()
            .position(|byte| !matches!(byte, b' ' | b'\t'))
            .map_or(&[][..], |at| rest.get(at..).unwrap_or_default());
        if !first || !matches!(white, [] | [b'\n' | b'\r', ..]) {
            continue;
        }
        if let Some(start) = open.take() {
            let piece = body.get(start..found).unwrap_or_default();
            let piece = piece.strip_suffix(b"\n").unwrap_or(piece);
            pieces.push(piece.strip_suffix(b"\r").unwrap_or(piece));
        }
        if last {
            closed = true;
            break;
        }
        let line = memchr(b'\n', behind).map_or(behind.len(), |at| at + 1);
        open = Some(found + mark.len() + line);
        if pieces.len() > MAX_PARTS {
            break;
        }
    }
    if let Some(start) = open {
        pieces.push(body.get(start..).unwrap_or_default());
    }
    if pieces.is_empty() {
        notes.push(Note::damage(
            "the boundary of its parts does not occur".to_owned(),
        ));
        return None;
    }
    if !closed {
        notes.push(Note::damage("it ends within its parts".to_owned()));
    }
    Some(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn types(message: &[u8]) -> Vec<String> {
        let found = structure(message);
        found
            .leaves
            .into_iter()
            .map(|leaf| leaf.media_type)
            .collect()
    }

    #[test]
    fn parts_are_found_in_their_order() {
        let message = b"From: a@b\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\npreamble\r\n--x\r\nContent-Type: multipart/alternative; boundary=xy\r\n\r\n--xy\r\n\r\nplain\r\n--xy\r\nContent-Type: text/html\r\n\r\n<p>h</p>\r\n--xy--\r\n--x\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERi0=\r\n--x--\r\n";
        let found = structure(message);
        assert!(found.notes.is_empty());
        let paths: Vec<_> = found.leaves.iter().map(|leaf| leaf.path.as_str()).collect();
        assert_eq!(paths, ["1.1", "1.2", "2"]);
        assert_eq!(
            types(message),
            ["text/plain", "text/html", "application/pdf"]
        );
        assert_eq!(found.leaves[0].text(), ("plain".to_owned(), None));
        assert_eq!(found.leaves[0].alternative, found.leaves[1].alternative);
        assert_eq!(&*found.leaves[2].decoded().0, b"%PDF-");
        assert_eq!(found.head.text("From").as_deref(), Some("a@b"));
    }

    #[test]
    fn damage_and_limits_are_said() {
        let cut = b"Content-Type: multipart/mixed; boundary=x\n\n--x\n\none\n--x\nContent-Transfer-Encoding: base64\n\nJVBERi0xLjQ";
        let found = structure(cut);
        assert_eq!(found.leaves.len(), 2);
        assert_eq!(found.notes.len(), 1);
        assert!(
            structure(b"Content-Type: multipart/mixed; boundary=x\n\nnothing")
                .notes
                .len()
                == 1
        );
        // Each part stands in the one before.
        let mut deep = Vec::new();
        for n in 0..40 {
            deep.extend_from_slice(
                format!("Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n").as_bytes(),
            );
        }
        assert!(structure(&deep).notes.iter().any(|note| note.limit));
        let many = format!(
            "Content-Type: multipart/mixed; boundary=x\n\n{}--x--\n",
            "--x\n\na\n".repeat(3_000)
        );
        let found = structure(many.as_bytes());
        assert!(found.leaves.len() <= MAX_PARTS && found.notes.iter().any(|note| note.limit));
        let fields = format!("{}\nbody", "X-A: b\n".repeat(5_000));
        let found = structure(fields.as_bytes());
        assert!(found.notes[0].limit && found.head.names().len() <= MAX_FIELDS);
    }

    #[test]
    fn charsets_are_read_and_their_damage_is_said() {
        let with = |charset: &str, body: &[u8]| {
            let mut message =
                format!("Content-Type: text/plain; charset={charset}\n\n").into_bytes();
            message.extend_from_slice(body);
            let found = structure(&message);
            found.leaves[0].text()
        };
        assert_eq!(with("iso-8859-1", b"caf\xe9"), ("caf\u{e9}".into(), None));
        assert_eq!(
            with("gb2312", b"\xc4\xe3\xba\xc3"),
            ("\u{4f60}\u{597d}".into(), None)
        );
        let (text, note) = with("utf-8", b"caf\xe9");
        assert_eq!(text, "caf\u{fffd}");
        assert!(note.unwrap().contains("charset (utf-8)"));
        assert!(with("x-nobody", b"a").1.unwrap().contains("not known"));
    }
}
