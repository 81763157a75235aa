//! Rows of a file, byte for byte, one at a time: lines, or lines that quotation marks join.

use std::io::{self, Read};

use memchr::memchr;

/// The longest row.
pub(crate) const MAX_ROW: usize = 4 << 20;
const CHUNK: usize = 256 << 10;

/// Reads forward through a file.
pub(crate) struct Rows<R> {
    input: R,
    /// The sign between fields where quotation marks join lines.
    delimiter: Option<u8>,
    buffer: Vec<u8>,
    at: usize,
    base: u64,
    line: u64,
    ended: bool,
    error: Option<io::Error>,
    /// Up to here a quotation mark that does not close was seen: rows end with their lines.
    alone_until: u64,
}

/// A row and where it is.
pub(crate) struct Row<'r> {
    pub(crate) bytes: &'r [u8],
    /// From 1.
    pub(crate) line: u64,
    /// Offset behind it.
    pub(crate) end: u64,
    /// Offset of its first byte.
    pub(crate) start: u64,
    /// Why it can not be read.
    pub(crate) broken: Option<&'static str>,
}

impl<R: Read> Rows<R> {
    pub(crate) fn new(input: R, delimiter: Option<u8>) -> Self {
        Self {
            input,
            delimiter,
            buffer: Vec::new(),
            at: 0,
            base: 0,
            line: 1,
            ended: false,
            error: None,
            alone_until: 0,
        }
    }

    /// The error that ended the input, if one did.
    pub(crate) fn take_error(&mut self) -> Option<io::Error> {
        self.error.take()
    }

    /// The next row; none at the end.
    pub(crate) fn next(&mut self) -> Option<Row<'_>> {
        let (length, broken) = self.measure()?;
        let start = self.at;
        self.at += length;
        let bytes = self.buffer.get(start..self.at).unwrap_or_default();
        let line = self.line;
        self.line += memchr::memchr_iter(b'\n', bytes).count() as u64;
        Some(Row {
            bytes,
            line,
            start: self.base + start as u64,
            end: self.base + self.at as u64,
            broken,
        })
    }

    /// Bytes of the row at `at`, with its line feed, and whether it is broken.
    fn measure(&mut self) -> Option<(usize, Option<&'static str>)> {
        let mut seen = 0;
        let mut first_line = None;
        let mut field = Field::Start;
        loop {
            while self.at + seen >= self.buffer.len() {
                if seen >= MAX_ROW || !self.fill() {
                    return self.unfinished(seen, first_line, field);
                }
            }
            let unread = self.buffer.get(self.at + seen..).unwrap_or_default();
            let Some(delimiter) = self.delimiter else {
                match memchr(b'\n', unread) {
                    Some(found) if seen + found < MAX_ROW => return Some((seen + found + 1, None)),
                    Some(_) => return Some((MAX_ROW, Some("a line above 4 MiB"))),
                    None => {
                        seen += unread.len();
                        continue;
                    }
                }
            };
            for byte in unread {
                seen += 1;
                field = field.behind(*byte, delimiter);
                if *byte == b'\n' {
                    first_line = first_line.or(Some(seen));
                    let alone = self.base + (self.at as u64) < self.alone_until;
                    match field {
                        Field::Quoted if alone => {
                            return Some((seen, Some("a quotation mark does not close")));
                        }
                        Field::Quoted => {}
                        _ => return Some((seen, None)),
                    }
                }
                if seen >= MAX_ROW {
                    return self.unfinished(seen, first_line, field);
                }
            }
        }
    }

    /// A row that does not end before the limit or the file does.
    fn unfinished(
        &mut self,
        seen: usize,
        first_line: Option<usize>,
        field: Field,
    ) -> Option<(usize, Option<&'static str>)> {
        if seen == 0 {
            return None;
        }
        if self.delimiter.is_some() && field == Field::Quoted {
            // Its first line alone is lost; what stands behind it may be sound.
            self.alone_until = self.base + (self.at + seen) as u64;
            let length = first_line.unwrap_or(seen);
            return Some((length, Some("a quotation mark does not close")));
        }
        let over = seen >= MAX_ROW;
        Some((seen, over.then_some("a row above 4 MiB")))
    }

    fn fill(&mut self) -> bool {
        if self.ended {
            return false;
        }
        if self.at > CHUNK {
            self.buffer.drain(..self.at);
            self.base += self.at as u64;
            self.at = 0;
        }
        let old = self.buffer.len();
        self.buffer.resize(old + CHUNK, 0);
        let space = self.buffer.get_mut(old..).unwrap_or_default();
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
        self.buffer.truncate(old + read);
        self.ended = read == 0;
        read > 0
    }
}

/// Where in a field a byte stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    Start,
    Plain,
    Quoted,
    /// Behind a quotation mark within quotes: the end of them, or the first of two.
    Mark,
}

impl Field {
    fn behind(self, byte: u8, delimiter: u8) -> Self {
        match (self, byte) {
            (Self::Start | Self::Mark, b'"') => Self::Quoted,
            (Self::Quoted, b'"') => Self::Mark,
            (Self::Quoted, _) => Self::Quoted,
            (_, byte) if byte == delimiter => Self::Start,
            _ => Self::Plain,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &[u8]) -> Vec<(String, u64, bool)> {
        let mut rows = Rows::new(text, Some(b','));
        let mut found = Vec::new();
        while let Some(row) = rows.next() {
            let bytes = String::from_utf8_lossy(row.bytes).into_owned();
            found.push((bytes, row.line, row.broken.is_some()));
        }
        found
    }

    #[test]
    fn quotation_marks_join_lines() {
        let found = rows(b"a,b\n1,\"two\nlines, \"\"one\"\" row\"\n5\" pipe,x\nlast,");
        let texts: Vec<_> = found.iter().map(|(text, _, _)| text.as_str()).collect();
        assert_eq!(
            texts,
            [
                "a,b\n",
                "1,\"two\nlines, \"\"one\"\" row\"\n",
                "5\" pipe,x\n",
                "last,"
            ]
        );
        assert_eq!(found[2].1, 4);
        assert!(found.iter().all(|(_, _, broken)| !broken));
    }

    #[test]
    fn a_mark_that_does_not_close_costs_one_line() {
        let found = rows(b"1,\"open\n2,b\n3,\"x\ny\"\n");
        let all: String = found.iter().map(|(text, _, _)| text.as_str()).collect();
        assert_eq!(all, "1,\"open\n2,b\n3,\"x\ny\"\n");
        // The mark on line 3 closes the one on line 1: this is what the file says.
        let found = rows(b"1,\"open\n2,b\n3,c\n");
        assert_eq!(
            found,
            [
                ("1,\"open\n".to_owned(), 1, true),
                ("2,b\n".to_owned(), 2, false),
                ("3,c\n".to_owned(), 3, false)
            ]
        );
    }

    #[test]
    fn many_open_marks_cost_no_more_than_their_bytes() {
        let text = "x,\"\n".repeat(200_001);
        let mut rows = Rows::new(text.as_bytes(), Some(b','));
        let (mut bytes, mut count) = (0, 0);
        while let Some(row) = rows.next() {
            bytes += row.bytes.len();
            count += 1;
        }
        assert_eq!(bytes, text.len());
        assert!(count > 1);
    }
}
