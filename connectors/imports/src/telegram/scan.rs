//! Finds values in a JSON text of any size without building it: the bytes of one value at a time
//! are in memory, exactly as they stand in the file.

use std::io::{self, Read};

use memchr::{memchr2, memmem};

/// The longest value that is taken as a whole.
pub(crate) const MAX_VALUE: usize = 16 << 20;
/// The deepest nesting that is followed.
const MAX_DEPTH: usize = 64;
const CHUNK: usize = 256 << 10;

/// Reads forward through a JSON text.
pub(crate) struct Scanner<R> {
    input: R,
    buffer: Vec<u8>,
    at: usize,
    end: usize,
    ended: bool,
    /// The file's offset of the buffer's first byte, and line feeds before it.
    base: u64,
    lines: u64,
    /// Up to where in the buffer line feeds are counted; never behind `at`.
    counted: usize,
    /// Why the input ended early.
    error: Option<io::Error>,
}

/// A value's bytes and where they are.
pub(crate) struct Slice<'s> {
    pub(crate) bytes: &'s [u8],
    pub(crate) place: Place,
}

/// A place in the file: offset in bytes, line from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) offset: u64,
    pub(crate) line: u64,
}

/// A place where the text is not JSON, or is beyond a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Broken;

impl<R: Read> Scanner<R> {
    pub(crate) fn new(input: R) -> Self {
        Self {
            input,
            buffer: Vec::new(),
            at: 0,
            end: 0,
            ended: false,
            base: 0,
            lines: 1,
            counted: 0,
            error: None,
        }
    }

    /// Where the next byte is.
    pub(crate) fn place(&mut self) -> Place {
        let passed = self.buffer.get(self.counted..self.at).unwrap_or_default();
        self.lines += memchr::memchr_iter(b'\n', passed).count() as u64;
        self.counted = self.at;
        Place {
            offset: self.base + self.at as u64,
            line: self.lines,
        }
    }

    /// The error that ended the input, if one did.
    pub(crate) fn take_error(&mut self) -> Option<io::Error> {
        self.error.take()
    }

    /// The next byte that is no white space, without taking it; none at the end.
    pub(crate) fn peek(&mut self) -> Option<u8> {
        loop {
            match self.buffer.get(self.at).filter(|_| self.at < self.end) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                Some(byte) => return Some(*byte),
                None => {
                    if !self.fill() {
                        return None;
                    }
                }
            }
        }
    }

    /// Takes that byte, if it is the next.
    pub(crate) fn take(&mut self, wanted: u8) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    /// A string with its colon behind it, as the key of an object's member.
    pub(crate) fn key(&mut self) -> Result<String, Broken> {
        if self.peek() != Some(b'"') {
            return Err(Broken);
        }
        let slice = self.value()?;
        let key = serde_json::from_slice(slice.bytes).map_err(|_| Broken)?;
        if self.take(b':') {
            Ok(key)
        } else {
            Err(Broken)
        }
    }

    /// The bytes of the next value. After an error nothing is taken.
    pub(crate) fn value(&mut self) -> Result<Slice<'_>, Broken> {
        self.peek().ok_or(Broken)?;
        let length = self.length()?;
        let place = self.place();
        let start = self.at;
        self.at += length;
        let bytes = self.buffer.get(start..start + length).ok_or(Broken)?;
        Ok(Slice { bytes, place })
    }

    /// Goes back by the bytes of the value that was just taken, which are still in the buffer.
    pub(crate) fn back(&mut self, bytes: usize) {
        self.at = self.at.saturating_sub(bytes).max(self.counted);
    }

    /// Length of the value at `at`, which it makes sure is in the buffer.
    fn length(&mut self) -> Result<usize, Broken> {
        let mut depth = 0_usize;
        let mut length = 0;
        loop {
            let Some(byte) = self.byte(length)? else {
                return Err(Broken);
            };
            length += 1;
            match byte {
                b'"' => length = self.string_end(length)?,
                b'{' | b'[' => {
                    depth += 1;
                    if depth > MAX_DEPTH {
                        return Err(Broken);
                    }
                    continue;
                }
                b'}' | b']' => depth = depth.checked_sub(1).ok_or(Broken)?,
                b',' | b':' | b' ' | b'\n' | b'\r' | b'\t' if depth > 0 => continue,
                b',' | b':' => return Err(Broken),
                _ if depth == 0 => {
                    // A number, true, false or null.
                    while let Some(byte) = self.byte(length)? {
                        if !(byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')) {
                            break;
                        }
                        length += 1;
                    }
                }
                _ => continue,
            }
            if depth == 0 {
                return Ok(length);
            }
        }
    }

    /// The place behind the closing quotation mark of a string.
    fn string_end(&mut self, mut length: usize) -> Result<usize, Broken> {
        loop {
            let start = self.at + length;
            let unread = self.buffer.get(start..self.end).unwrap_or_default();
            match memchr2(b'"', b'\\', unread) {
                Some(found) => {
                    length += found + 1;
                    if self.buffer.get(start + found) == Some(&b'"') {
                        return Ok(length);
                    }
                    // What is escaped may not be read yet.
                    self.byte(length)?.ok_or(Broken)?;
                    length += 1;
                }
                None => {
                    length = self.end - self.at;
                    if self.byte(length)?.is_none() {
                        return Err(Broken);
                    }
                }
            }
        }
    }

    /// The byte so far behind `at`; none at the end of the file.
    fn byte(&mut self, ahead: usize) -> Result<Option<u8>, Broken> {
        if ahead >= MAX_VALUE {
            return Err(Broken);
        }
        while self.at + ahead >= self.end {
            if !self.fill() {
                return Ok(None);
            }
        }
        Ok(self.buffer.get(self.at + ahead).copied())
    }

    /// Steps over what is broken: up to the next place behind the present one that looks like
    /// the beginning of a message, or to the end. Gives the bytes in pieces.
    pub(crate) fn skip_broken(&mut self, piece: &mut dyn FnMut(Slice<'_>)) {
        self.skip_to(message_start, piece);
    }

    /// The same, up to the next place that `start` finds; what it looks at is at most
    /// [`START_BYTES`] long.
    pub(crate) fn skip_to(
        &mut self,
        start: fn(&[u8]) -> Option<usize>,
        piece: &mut dyn FnMut(Slice<'_>),
    ) {
        let mut first = true;
        loop {
            while self.end - self.at < MAX_VALUE / 2 && self.fill() {}
            let from = self.at + usize::from(first);
            first = false;
            let unread = self.buffer.get(from..self.end).unwrap_or_default();
            let found = start(unread);
            let stop = match found {
                Some(found) => from + found,
                None if self.ended => self.end,
                // The beginning of a message may lie across the border.
                None => self.end.saturating_sub(START_BYTES).max(from),
            };
            let place = self.place();
            let bytes = self.buffer.get(self.at..stop).unwrap_or_default();
            if !bytes.is_empty() {
                piece(Slice { bytes, place });
            }
            self.at = stop;
            if found.is_some() || self.ended {
                return;
            }
        }
    }

    /// Reads more; keeps everything from `at` on. `false` at the end.
    fn fill(&mut self) -> bool {
        if self.ended {
            return false;
        }
        if self.buffer.len() - self.end < CHUNK / 2 {
            self.place();
            self.buffer.copy_within(self.at..self.end, 0);
            self.base += self.at as u64;
            self.end -= self.at;
            (self.at, self.counted) = (0, 0);
            if self.buffer.len() - self.end < CHUNK / 2 {
                let wanted = (self.buffer.len() * 2).clamp(CHUNK, MAX_VALUE + 2 * CHUNK);
                self.buffer.resize(wanted.max(self.end + CHUNK), 0);
            }
        }
        let space = self.buffer.get_mut(self.end..).unwrap_or_default();
        let read = loop {
            match self.input.read(space) {
                Ok(read) => break read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.error = Some(error);
                    break 0;
                }
            }
        };
        self.ended = read == 0;
        self.end += read;
        read > 0
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}, byte {}", self.line, self.offset)
    }
}

/// Bytes that the beginning of a message may take, white space included.
const START_BYTES: usize = 96;

/// Where a message begins: `{ "id": number, "type": "message"` or `"service"`.
fn message_start(bytes: &[u8]) -> Option<usize> {
    memmem::find_iter(bytes, b"\"id\"").find_map(|at| {
        let before = bytes.get(..at)?;
        let open = before
            .iter()
            .rposition(|byte| !byte.is_ascii_whitespace())?;
        let behind = bytes.get(at..(at + START_BYTES).min(bytes.len()))?;
        let plain: Vec<u8> = behind
            .iter()
            .copied()
            .filter(|byte| !byte.is_ascii_whitespace() && !byte.is_ascii_digit())
            .collect();
        let message = plain.starts_with(b"\"id\":,\"type\":\"message\"")
            || plain.starts_with(b"\"id\":,\"type\":\"service\"");
        (message && before.get(open) == Some(&b'{')).then_some(open)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time, so that every border is met.
    struct Slowly<'b>(&'b [u8]);

    impl Read for Slowly<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else {
                return Ok(0);
            };
            buffer[0] = *first;
            self.0 = rest;
            Ok(1)
        }
    }

    #[test]
    fn values_are_given_byte_for_byte() {
        let text = br#" { "a\"b" : [1, {"x": "}\\"} ], "n": -1.5e3,"t":true }"#;
        let mut scanner = Scanner::new(Slowly(text));
        assert!(scanner.take(b'{'));
        assert_eq!(scanner.key().unwrap(), "a\"b");
        assert_eq!(scanner.value().unwrap().bytes, br#"[1, {"x": "}\\"} ]"#);
        assert!(scanner.take(b','));
        assert_eq!(scanner.key().unwrap(), "n");
        assert_eq!(scanner.value().unwrap().bytes, b"-1.5e3");
        assert!(scanner.take(b','));
        assert_eq!(scanner.key().unwrap(), "t");
        assert_eq!(scanner.value().unwrap().bytes, b"true");
        assert!(scanner.take(b'}'));
        assert_eq!(scanner.peek(), None);
    }

    #[test]
    fn what_is_broken_is_stepped_over_to_the_next_message() {
        let text = b"{\"id\": 1, \"type\": \"message\", \"text\": \"x}, \n {\n\"id\": 2,\n\"type\":\"service\"}";
        let mut scanner = Scanner::new(&text[..]);
        assert!(scanner.value().is_err());
        let mut skipped = Vec::new();
        scanner.skip_broken(&mut |slice| skipped.extend_from_slice(slice.bytes));
        assert!(skipped.starts_with(b"{\"id\": 1") && skipped.ends_with(b"\n "));
        assert_eq!(scanner.place().line, 2);
        assert!(scanner.value().unwrap().bytes.starts_with(b"{\n\"id\": 2"));
        let deep = [b'['; 100];
        assert!(Scanner::new(&deep[..]).value().is_err());
    }
}
