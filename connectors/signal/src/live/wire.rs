//! JSON-RPC with signal-cli: requests and their answers, and notifications, which go to the
//! journal before anything else happens.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use connector::kit::Waker;
use connector::normal::MAX_EVENT;
use record::Milliseconds;
use serde_json::{Value, json};

use super::Heard;
use crate::journal::{EntryKind, Journal};

/// Most notifications that are synced together.
const GROUP: usize = 256;
/// Between two attempts to write to a disk that takes nothing.
const DISK_PAUSE: Duration = Duration::from_secs(1);

/// The journal, shared by the thread that appends notifications and the connector's own.
pub(crate) type SharedJournal = Arc<Mutex<Journal>>;

/// A connection to signal-cli. Dropped, it is closed.
pub(crate) struct Line {
    to: UnixStream,
    next: u64,
    /// Dropped with the line: ends the reader's wait for a full disk.
    _open: Sender<()>,
}

/// What signal-cli answered.
pub(crate) type Answer = Result<Value, Refused>;

/// An error that signal-cli answered with.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) code: i64,
    pub(crate) message: String,
}

impl Line {
    /// Speaks over `stream`; a thread of its own reads it, which does nothing with a notification
    /// but append and sync it.
    pub(crate) fn open(
        stream: UnixStream,
        journal: SharedJournal,
        clock: fn() -> Milliseconds,
        heard: Sender<Heard>,
        waker: Waker,
    ) -> io::Result<Self> {
        let from = stream.try_clone()?;
        let (open, closed) = channel();
        std::thread::spawn(move || {
            let reader = Reader {
                journal,
                clock,
                heard,
                waker,
                closed,
            };
            reader.run(from);
        });
        Ok(Self {
            to: stream,
            next: 1,
            _open: open,
        })
    }

    /// Asks; gives the number that the answer will carry.
    pub(crate) fn ask(&mut self, method: &str, params: Value) -> io::Result<u64> {
        let number = self.next;
        self.next += 1;
        let mut line = json!({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
            .to_string()
            .into_bytes();
        line.push(b'\n');
        self.to.write_all(&line)?;
        Ok(number)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let _ = self.to.shutdown(std::net::Shutdown::Both);
    }
}

struct Reader {
    journal: SharedJournal,
    clock: fn() -> Milliseconds,
    heard: Sender<Heard>,
    waker: Waker,
    closed: Receiver<()>,
}

impl Reader {
    fn run(self, from: impl Read) {
        let mut from = BufReader::with_capacity(256 << 10, from);
        loop {
            let lines = match lines(&mut from) {
                Ok(lines) if lines.is_empty() => break,
                Ok(lines) => lines,
                Err(_) => break,
            };
            let (answers, notifications): (Vec<_>, Vec<_>) = lines
                .into_iter()
                .partition(|line| matches!(line, Said::Answer(..)));
            if !notifications.is_empty() && !self.keep(&notifications) {
                break;
            }
            for answer in answers {
                if let Said::Answer(number, answer) = answer {
                    self.tell(Heard::Answer(number, answer));
                }
            }
        }
        self.tell(Heard::Closed);
    }

    /// Appends and syncs. While the disk takes nothing, nothing more is read: signal-cli then
    /// waits with its own acknowledgement to the server.
    fn keep(&self, notifications: &[Said]) -> bool {
        let entries: Vec<(EntryKind, &[u8])> = notifications
            .iter()
            .filter_map(|said| match said {
                Said::Notification(bytes) => Some((EntryKind::Notification, bytes.as_slice())),
                Said::TooLong => Some((EntryKind::Loss, TOO_LONG.as_bytes())),
                Said::Answer(..) => None,
            })
            .collect();
        loop {
            let captured = (self.clock)();
            let appended = self
                .journal
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .append(captured, &entries);
            match appended {
                Ok(()) => {
                    self.tell(Heard::Appended);
                    return true;
                }
                Err(error) => self.tell(Heard::DiskRefused(error.to_string())),
            }
            match self.closed.recv_timeout(DISK_PAUSE) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
    }

    fn tell(&self, heard: Heard) {
        if self.heard.send(heard).is_ok() {
            self.waker.wake();
        }
    }
}

/// A loss's entry, as `loss::LossEntry` reads it.
const TOO_LONG: &str = r#"{"why":"too-large","detail":"a notification longer than 16 MiB"}"#;

enum Said {
    Notification(Vec<u8>),
    Answer(u64, Answer),
    TooLong,
}

/// Waits for a line and takes with it what has already arrived whole.
fn lines(from: &mut BufReader<impl Read>) -> io::Result<Vec<Said>> {
    let mut found = Vec::new();
    loop {
        let Some(said) = one(from)? else {
            return Ok(found);
        };
        found.extend(said);
        let more = from.buffer().contains(&b'\n');
        if (!more || found.len() >= GROUP) && !found.is_empty() {
            return Ok(found);
        }
    }
}

/// `None` at the end; an empty line gives nothing.
fn one(from: &mut impl BufRead) -> io::Result<Option<Option<Said>>> {
    let mut line = Vec::new();
    let most = MAX_EVENT as u64 + 1;
    if from.by_ref().take(most).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if line.last() != Some(&b'\n') {
        if line.len() as u64 == most {
            std::io::copy(&mut UntilLineEnd(from), &mut io::sink())?;
            return Ok(Some(Some(Said::TooLong)));
        }
        // Cut off by the end of the stream: signal-cli was killed while it wrote.
        return Ok(None);
    }
    line.pop();
    if line.iter().all(u8::is_ascii_whitespace) {
        return Ok(Some(None));
    }
    Ok(Some(Some(sort(line))))
}

/// What has a number and no method is an answer; everything else is kept, whatever it is.
fn sort(line: Vec<u8>) -> Said {
    let Ok(value) = serde_json::from_slice::<Value>(&line) else {
        return Said::Notification(line);
    };
    let number = value.get("id").and_then(Value::as_u64);
    match (number, value.get("method")) {
        (Some(number), None) => Said::Answer(number, answer(&value)),
        _ => Said::Notification(line),
    }
}

fn answer(value: &Value) -> Answer {
    match value.get("error") {
        Some(error) => Err(Refused {
            code: error
                .get("code")
                .and_then(Value::as_i64)
                .unwrap_or_default(),
            message: error
                .get("message")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
        }),
        None => Ok(value.get("result").cloned().unwrap_or_default()),
    }
}

/// Reads the rest of a line.
struct UntilLineEnd<'a, R>(&'a mut R);

impl<R: BufRead> Read for UntilLineEnd<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut byte = [0];
        if self.0.read(&mut byte)? == 0 || byte == [b'\n'] {
            return Ok(0);
        }
        if let Some(first) = into.first_mut() {
            *first = byte[0];
        }
        Ok(1)
    }
}

impl std::fmt::Debug for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Refused({})", self.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Vec<String> {
        let mut from = BufReader::new(bytes);
        let mut told = Vec::new();
        loop {
            let lines = lines(&mut from).unwrap();
            if lines.is_empty() {
                return told;
            }
            told.extend(lines.into_iter().map(|said| match said {
                Said::Notification(bytes) => String::from_utf8(bytes).unwrap(),
                Said::Answer(number, Ok(value)) => format!("{number}: {value}"),
                Said::Answer(number, Err(refused)) => {
                    format!("{number} refused {}: {}", refused.code, refused.message)
                }
                Said::TooLong => "too long".to_owned(),
            }));
        }
    }

    #[test]
    fn lines_are_told_apart() {
        let notification = r#"{"jsonrpc":"2.0","method":"receive","params":{}}"#;
        let said = format!(
            "{notification}\n\n{{\"id\":7,\"result\":[1]}}\nnot json\n\
             {{\"id\":8,\"error\":{{\"code\":-3,\"message\":\"no\"}}}}\n{{\"cut"
        );
        assert_eq!(
            all(said.as_bytes()),
            [notification, "7: [1]", "not json", "8 refused -3: no"]
        );
    }

    #[test]
    fn a_line_without_end_is_skipped_and_told() {
        let mut said = vec![b'x'; MAX_EVENT + 10];
        said.extend_from_slice(b"\n{\"id\":1,\"result\":true}\n");
        assert_eq!(all(&said), ["too long", "1: true"]);
    }
}
