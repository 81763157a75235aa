//! A stand-in for Meta's Graph interface, as far as media need it: `GET /<id>` answers as Meta's
//! documentation shows, `GET /file/<id>` gives bytes. Failures are scripted.

use std::collections::{HashMap, VecDeque};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What is answered to one request.
#[derive(Clone)]
pub(crate) enum Answer {
    /// The address of the bytes, and their hash.
    Address,
    /// As `Address`, with the hash of something else.
    WrongHash,
    /// As `Address`, with so many bytes.
    Size(u64),
    /// The bytes.
    Bytes,
    /// Half of them, and the connection ends.
    Cut,
    /// A status, with an error's code and further head lines.
    Status(u16, i64, &'static str),
}

#[derive(Default)]
struct Told {
    script: HashMap<String, VecDeque<Answer>>,
    asked: Vec<String>,
    refuse: bool,
}

/// The double.
#[derive(Clone)]
pub(crate) struct Graph {
    pub(crate) url: String,
    told: Arc<Mutex<Told>>,
}

/// The bytes of a file.
pub(crate) fn file(id: &str) -> Vec<u8> {
    [b"\x89PNG\r\n\x1a\n", id.as_bytes()].concat().repeat(500)
}

impl Graph {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let graph = Self {
            url,
            told: Arc::default(),
        };
        let double = graph.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let double = double.clone();
                std::thread::spawn(move || double.serve(stream));
            }
        });
        graph
    }

    /// What is answered next to requests for that path; afterwards all is well.
    pub(crate) fn script(&self, path: &str, answers: &[Answer]) {
        let mut told = self.told.lock().unwrap();
        told.script
            .insert(path.to_owned(), answers.iter().cloned().collect());
    }

    /// From now on the token is refused, or accepted again.
    pub(crate) fn refuse(&self, refuse: bool) {
        self.told.lock().unwrap().refuse = refuse;
    }

    /// Paths that were asked for.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.told.lock().unwrap().asked.clone()
    }

    fn serve(&self, stream: TcpStream) -> Option<()> {
        let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
        let first = lines.next()?.ok()?;
        let target = first.split(' ').nth(1)?.to_owned();
        let path = target.split('?').next()?.to_owned();
        let mut token = false;
        for line in lines {
            let line = line.ok()?;
            if line.is_empty() {
                break;
            }
            token |= line.eq_ignore_ascii_case("authorization: Bearer access");
        }
        let mut told = self.told.lock().unwrap();
        told.asked.push(target);
        let usual = if path.starts_with("/file/") {
            Answer::Bytes
        } else {
            Answer::Address
        };
        let answer = told.script.get_mut(&path).and_then(VecDeque::pop_front);
        let answer = if token && !told.refuse {
            answer.unwrap_or(usual)
        } else {
            Answer::Status(401, 190, "")
        };
        drop(told);
        self.answer(stream, &path, answer);
        Some(())
    }

    fn answer(&self, mut stream: TcpStream, path: &str, answer: Answer) {
        let id = path.rsplit('/').next().unwrap();
        let bytes = file(id);
        let sha = |of: &[u8]| canonical::hex(&canonical::sha256(of));
        let address = |hash: String, size: u64| {
            format!(
                r#"{{"url":"{}/file/{id}","mime_type":"image/png","sha256":"{hash}","file_size":{size},"id":"{id}","messaging_product":"whatsapp"}}"#,
                self.url
            )
            .into_bytes()
        };
        let size = bytes.len() as u64;
        let (status, more, body) = match &answer {
            Answer::Address => (200, "", address(sha(&bytes), size)),
            Answer::WrongHash => (200, "", address(sha(b"other"), size)),
            Answer::Size(size) => (200, "", address(sha(&bytes), *size)),
            Answer::Bytes | Answer::Cut => (200, "", bytes),
            Answer::Status(status, code, more) => (
                *status,
                *more,
                format!(r#"{{"error":{{"message":"scripted","code":{code}}}}}"#).into_bytes(),
            ),
        };
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n{more}\r\n",
            body.len()
        );
        let end = match answer {
            Answer::Cut => body.len() / 2,
            _ => body.len(),
        };
        let _ = stream.write_all(head.as_bytes());
        let _ = stream.write_all(&body[..end]);
    }
}
