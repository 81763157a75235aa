//! Cuts a chat's bytes into messages without copying them: a block is a line with a header and
//! the lines behind it that have none.

use std::io::{self, Read};

use memchr::memchr;

use super::dates::DateEvidence;
use super::header::{Form, MAX_HEADER, Stamp, header, skip_marks};
use record::Milliseconds;

/// The longest block; what is longer is cut and told as a loss.
pub const MAX_BLOCK: usize = 8 << 20;
/// Bytes read at once.
const CHUNK: usize = 256 << 10;
/// The longest name of an author in bytes.
const MAX_AUTHOR: usize = 160;
/// Forms that are told apart in one file.
const MAX_FORMS: usize = 8;

/// Reads blocks. Memory does not grow beyond the longest block and one chunk.
pub struct Blocks<R> {
    input: R,
    buffer: Vec<u8>,
    /// The bytes of the buffer that are in use.
    start: usize,
    end: usize,
    ended: bool,
    /// The file's offset of the buffer's first byte.
    base: u64,
    line: u64,
    form: Option<Form>,
    /// The header at `start`.
    stamp: Option<Stamp>,
    begun: bool,
}

/// A message with its further lines, or bytes that belong to none.
#[derive(Clone, Copy)]
pub struct Block<'b> {
    /// The header; none if bytes stand before the first message or beyond [`MAX_BLOCK`].
    pub stamp: Option<Stamp>,
    /// All bytes, line ends included. All blocks of a file together are the file.
    pub bytes: &'b [u8],
    /// Where it begins in the file.
    pub offset: u64,
    /// Its first line, from 1.
    pub line: u64,
}

/// What one look at the whole file tells.
#[derive(Clone, Debug)]
pub struct Survey {
    /// The form of most headers.
    pub form: Form,
    /// Headers of that form.
    pub messages: u64,
    /// Lines that would be headers in another form.
    pub others: u64,
    /// What the dates say about their order.
    pub evidence: DateEvidence,
    /// Whether more than two people write.
    pub several: bool,
    /// Bytes in all.
    pub bytes: u64,
}

impl<R: Read> Blocks<R> {
    /// Blocks of that form; without one, every line with a header of any form begins a block.
    pub fn new(input: R, form: Option<Form>) -> Self {
        Self {
            input,
            buffer: Vec::new(),
            start: 0,
            end: 0,
            ended: false,
            base: 0,
            line: 1,
            form,
            stamp: None,
            begun: false,
        }
    }

    /// The next block; `None` at the end.
    ///
    /// # Errors
    ///
    /// When reading fails. What was read before stands in blocks already returned, except for the
    /// last: [`rest`](Self::rest) gives it.
    pub fn next_block(&mut self) -> io::Result<Option<Block<'_>>> {
        if !self.begun {
            self.begun = true;
            self.fill_header(0)?;
            self.stamp = self.header_at(0);
        }
        let mut scan = self.start;
        let mut lines = 0;
        let (end, next) = loop {
            let unread = self.buffer.get(scan..self.end).unwrap_or_default();
            let Some(found) = memchr(b'\n', unread) else {
                scan = self.end;
                if self.end - self.start >= MAX_BLOCK {
                    break (self.end, None);
                }
                let moved = self.start;
                if !self.fill()? {
                    break (self.end, None);
                }
                scan -= moved - self.start;
                continue;
            };
            let at = scan + found + 1;
            let behind = at - self.start;
            lines += 1;
            self.fill_header(behind)?;
            let at = self.start + behind;
            if let Some(stamp) = self.header_at(at) {
                break (at, Some(stamp));
            }
            if behind >= MAX_BLOCK {
                break (at, None);
            }
            scan = at;
        };
        if end == self.start {
            return Ok(None);
        }
        let (start, stamp) = (self.start, self.stamp);
        let line = self.line;
        self.start = end;
        self.stamp = next;
        self.line += lines;
        Ok(Some(Block {
            stamp,
            bytes: self.buffer.get(start..end).unwrap_or_default(),
            offset: self.base + start as u64,
            line,
        }))
    }

    /// What was read and stands in no block yet, after an error.
    pub fn rest(&mut self) -> Option<Block<'_>> {
        if self.start == self.end {
            return None;
        }
        let (start, stamp) = (self.start, self.stamp.take());
        self.start = self.end;
        Some(Block {
            stamp,
            bytes: self.buffer.get(start..self.end)?,
            offset: self.base + start as u64,
            line: self.line,
        })
    }

    fn header_at(&self, at: usize) -> Option<Stamp> {
        let line = self.buffer.get(at..self.end)?;
        // Most further lines begin with a letter.
        if line.first().is_some_and(u8::is_ascii_alphabetic) {
            return None;
        }
        let line = line.get(..line.len().min(MAX_HEADER))?;
        let line = memchr(b'\n', line).map_or(Some(line), |end| line.get(..end))?;
        header(line).filter(|stamp| self.form.is_none_or(|form| form == stamp.form))
    }

    /// Makes sure that a header `behind` the block's beginning is in the buffer as a whole.
    fn fill_header(&mut self, behind: usize) -> io::Result<()> {
        while self.end - self.start < behind + MAX_HEADER && self.fill()? {}
        Ok(())
    }

    /// Reads more; `false` at the end of the file. Moves what is in use to the front first.
    fn fill(&mut self) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        if self.buffer.len() - self.end < CHUNK / 2 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.base += self.start as u64;
            self.end -= self.start;
            self.start = 0;
            if self.buffer.len() - self.end < CHUNK / 2 {
                let wanted = (self.buffer.len() * 2).clamp(CHUNK, MAX_BLOCK + 2 * CHUNK);
                self.buffer.resize(wanted.max(self.end + CHUNK), 0);
            }
        }
        let space = self.buffer.get_mut(self.end..).unwrap_or_default();
        let read = loop {
            match self.input.read(space) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.ended = read == 0;
        self.end += read;
        Ok(read > 0)
    }
}

impl<'b> Block<'b> {
    /// The author as written, where the line has one, and the text with all further lines.
    #[must_use]
    pub fn author_and_text(&self) -> (Option<&'b [u8]>, &'b [u8]) {
        let Some(stamp) = self.stamp else {
            return (None, self.bytes);
        };
        let rest = self.bytes.get(stamp.rest..).unwrap_or_default();
        let mut at = 0;
        let limit = rest.len().min(MAX_AUTHOR);
        while let Some(found) = rest.get(at..limit).and_then(|rest| memchr(b':', rest)) {
            let colon = at + found;
            let author = rest.get(..colon).unwrap_or_default();
            if author.contains(&b'\n') {
                break;
            }
            // A mark may stand between colon and space.
            let behind = skip_marks(rest, colon + 1);
            match rest.get(behind) {
                Some(b' ') if !author.is_empty() => {
                    return (Some(author), rest.get(behind + 1..).unwrap_or_default());
                }
                None | Some(b'\n' | b'\r') if !author.is_empty() => {
                    return (Some(author), rest.get(behind..).unwrap_or_default());
                }
                _ => at = colon + 1,
            }
        }
        (None, rest)
    }

    /// The bytes without the line end that closes them.
    #[must_use]
    pub fn place(&self) -> String {
        format!("line {}, byte {}", self.line, self.offset)
    }
}

/// Looks at a whole chat: which form its headers have, what its dates say. `None` if no line has
/// a header.
///
/// # Errors
///
/// When reading fails at the beginning; a later failure ends the look.
pub fn survey(input: impl Read, now: Milliseconds) -> io::Result<Option<Survey>> {
    let mut blocks = Blocks::new(input, None);
    let mut forms: Vec<(Survey, [u64; 2])> = Vec::new();
    let (mut bytes, mut unlisted) = (0, 0);
    loop {
        let block = match blocks.next_block() {
            Ok(Some(block)) => block,
            Ok(None) => break,
            Err(error) if bytes == 0 => return Err(error),
            Err(_) => break,
        };
        bytes += block.bytes.len() as u64;
        let Some(stamp) = block.stamp else { continue };
        let place = match forms.iter().position(|(seen, _)| seen.form == stamp.form) {
            Some(place) => place,
            None if forms.len() == MAX_FORMS => {
                unlisted += 1;
                continue;
            }
            None => {
                let survey = Survey {
                    form: stamp.form,
                    messages: 0,
                    others: 0,
                    evidence: DateEvidence::new(now),
                    several: false,
                    bytes: 0,
                };
                forms.push((survey, [0; 2]));
                forms.len() - 1
            }
        };
        let Some((survey, authors)) = forms.get_mut(place) else {
            continue;
        };
        survey.messages += 1;
        survey.evidence.add(&stamp);
        if !survey.several
            && let (Some(author), _) = block.author_and_text()
        {
            let author = short_hash(author);
            match authors {
                [first, _] if *first == author => {}
                [_, second] if *second == author => {}
                [first, _] if *first == 0 => *first = author,
                [_, second] if *second == 0 => *second = author,
                _ => survey.several = true,
            }
        }
    }
    let all: u64 = forms.iter().map(|(survey, _)| survey.messages).sum();
    // The earliest form wins where two are equally frequent.
    let most = forms.iter().map(|(survey, _)| survey.messages).max();
    let chosen = forms
        .into_iter()
        .find(|(survey, _)| Some(survey.messages) == most);
    Ok(chosen.map(|(survey, _)| Survey {
        others: all + unlisted - survey.messages,
        bytes,
        ..survey
    }))
}

/// Never 0. Only tells authors of one file apart, to see whether there are more than two.
fn short_hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    }) | 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAT: &str = "\u{feff}[03/11/2026, 08:01:58] Anna: one\ntwo\n\n[03/11/2026, 08:01:59] Ben:\r\n[03/11/2026, 08:02:59] \u{200e}x left\n1/2/26, 1:05 - pasted: y";

    fn blocks(chat: &[u8], form: Option<Form>) -> Vec<(u64, u64, String)> {
        let mut blocks = Blocks::new(chat, form);
        let mut found = Vec::new();
        while let Some(block) = blocks.next_block().unwrap() {
            let text = String::from_utf8_lossy(block.bytes).into_owned();
            found.push((block.line, block.offset, text));
        }
        found
    }

    #[test]
    fn blocks_together_are_the_file() {
        let survey = survey(CHAT.as_bytes(), Milliseconds::new(1_795_600_000_000))
            .unwrap()
            .unwrap();
        assert_eq!((survey.messages, survey.others), (3, 1));
        assert!(!survey.several);
        let found = blocks(CHAT.as_bytes(), Some(survey.form));
        let lines: Vec<u64> = found.iter().map(|(line, _, _)| *line).collect();
        assert_eq!(lines, [1, 4, 5]);
        let all: String = found.iter().map(|(_, _, text)| text.as_str()).collect();
        assert_eq!(all, CHAT);
        let block = Block {
            stamp: header(CHAT.as_bytes()),
            bytes: found[0].2.as_bytes(),
            offset: 0,
            line: 1,
        };
        let (author, text) = block.author_and_text();
        assert_eq!((author, text), (Some(&b"Anna"[..]), &b"one\ntwo\n\n"[..]));
    }

    #[test]
    fn a_block_without_end_is_cut() {
        let mut chat = b"[03/11/2026, 08:01:58] Anna: ".to_vec();
        chat.resize(3 * MAX_BLOCK, b'x');
        chat.extend_from_slice(b"\n[03/11/2026, 08:01:59] Ben: y");
        let mut blocks = Blocks::new(&chat[..], None);
        let mut sizes = Vec::new();
        let mut last = Vec::new();
        while let Some(block) = blocks.next_block().unwrap() {
            sizes.push((block.stamp.is_some(), block.bytes.len()));
            last = block.bytes.to_vec();
        }
        assert_eq!(
            sizes.iter().map(|(_, size)| size).sum::<usize>(),
            chat.len()
        );
        assert!(sizes.iter().all(|(_, size)| *size <= MAX_BLOCK + CHUNK));
        assert!(sizes[0].0 && !sizes[1].0);
        assert_eq!(last, b"[03/11/2026, 08:01:59] Ben: y");
        assert!(blocks.buffer.len() <= MAX_BLOCK + 2 * CHUNK);
    }
}
