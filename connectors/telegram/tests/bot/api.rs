//! A stand-in for the Bot API, as far as a business bot needs it: updates wait until they are
//! confirmed by a higher offset, files have a path, failures are scripted.

use std::collections::{HashMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

#[derive(Default)]
struct Told {
    updates: VecDeque<(i64, String)>,
    next: i64,
    script: HashMap<String, VecDeque<(u16, Value)>>,
    asked: Vec<(String, Value)>,
    owners: HashMap<String, i64>,
}

/// The double.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) url: String,
    told: Arc<(Mutex<Told>, Condvar)>,
}

pub(crate) const TOKEN: &str = "123:secret-token";

/// The bytes of a file.
pub(crate) fn file(id: &str) -> Vec<u8> {
    [b"%PDF-1.7 ", id.as_bytes()].concat().repeat(400)
}

/// An answer that is an error.
pub(crate) fn error(code: u16, description: &str) -> (u16, Value) {
    let mut answer = json!({"ok": false, "error_code": code, "description": description});
    if code == 429 {
        answer["parameters"] = json!({"retry_after": 0});
    }
    (code, answer)
}

impl Api {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let api = Self {
            url,
            told: Arc::default(),
        };
        let double = api.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let double = double.clone();
                std::thread::spawn(move || double.serve(stream));
            }
        });
        api
    }

    /// One more update, whose number is put in the place of `#`; gives it as it is sent.
    pub(crate) fn update(&self, text: &str) -> String {
        let (told, news) = &*self.told;
        let mut told = told.lock().unwrap();
        told.next += 1;
        let update = text.replacen('#', &told.next.to_string(), 1);
        let number = told.next;
        told.updates.push_back((number, update.clone()));
        news.notify_all();
        update
    }

    /// Updates that are not confirmed.
    pub(crate) fn waiting(&self) -> usize {
        self.told.0.lock().unwrap().updates.len()
    }

    /// Waits until no update is left unconfirmed.
    pub(crate) fn confirmed(&self) {
        let (told, news) = &*self.told;
        let patience = Duration::from_secs(60);
        let told = told.lock().unwrap();
        let waited = news.wait_timeout_while(told, patience, |told| !told.updates.is_empty());
        assert!(!waited.unwrap().1.timed_out(), "not confirmed");
    }

    /// What is answered next to that method; afterwards all is well.
    pub(crate) fn script(&self, method: &str, answers: &[(u16, Value)]) {
        let mut told = self.told.0.lock().unwrap();
        told.script
            .insert(method.to_owned(), answers.iter().cloned().collect());
    }

    pub(crate) fn owner(&self, connection: &str, user: i64) {
        let mut told = self.told.0.lock().unwrap();
        told.owners.insert(connection.to_owned(), user);
    }

    /// What was asked of that method.
    pub(crate) fn asked(&self, method: &str) -> Vec<Value> {
        let told = self.told.0.lock().unwrap();
        let asked = told.asked.iter().filter(|(name, _)| name == method);
        asked.map(|(_, body)| body.clone()).collect()
    }

    fn serve(&self, stream: TcpStream) -> Option<()> {
        let mut from = BufReader::new(stream.try_clone().ok()?);
        let mut first = String::new();
        from.read_line(&mut first).ok()?;
        let path = first.split(' ').nth(1)?.to_owned();
        let mut length = 0;
        loop {
            let mut line = String::new();
            from.read_line(&mut line).ok()?;
            let line = line.trim().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(told) = line.strip_prefix("content-length: ") {
                length = told.parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        from.read_exact(&mut body).ok()?;
        let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
        if let Some(id) = path.strip_prefix(&format!("/file/bot{TOKEN}/documents/")) {
            return reply(stream, 200, &file(id));
        }
        let Some(method) = path.strip_prefix(&format!("/bot{TOKEN}/")) else {
            let (status, answer) = error(401, "Unauthorized");
            return reply(stream, status, answer.to_string().as_bytes());
        };
        let (status, answer) = self.answer(method, &asked);
        reply(stream, status, answer.as_bytes())
    }

    fn answer(&self, method: &str, asked: &Value) -> (u16, String) {
        let (told, news) = &*self.told;
        let mut told = told.lock().unwrap();
        told.asked.push((method.to_owned(), asked.clone()));
        if let Some((status, answer)) = told.script.get_mut(method).and_then(VecDeque::pop_front) {
            return (status, answer.to_string());
        }
        let result = match method {
            "getUpdates" => {
                let offset = asked["offset"].as_i64().unwrap_or_default();
                told.updates.retain(|(number, _)| *number >= offset);
                news.notify_all();
                let wait = Duration::from_secs(asked["timeout"].as_u64().unwrap_or_default());
                let waited = news.wait_timeout_while(told, wait, |told| told.updates.is_empty());
                let told = waited.unwrap().0;
                let updates: Vec<&str> = told.updates.iter().map(|(_, u)| u.as_str()).collect();
                format!("[{}]", updates.join(","))
            }
            "getMe" => {
                json!({"id": 123, "is_bot": true, "username": "archive_bot", "can_connect_to_business": true})
                    .to_string()
            }
            "getBusinessConnection" => {
                let id = asked["business_connection_id"].as_str().unwrap_or_default();
                match told.owners.get(id) {
                    Some(user) => {
                        json!({"id": id, "user": {"id": user}, "is_enabled": true}).to_string()
                    }
                    None => return (400, error(400, "Bad Request: no connection").1.to_string()),
                }
            }
            "getFile" => {
                let id = asked["file_id"].as_str().unwrap_or_default();
                json!({"file_id": id, "file_path": format!("documents/{id}")}).to_string()
            }
            _ => "true".to_owned(),
        };
        (200, format!(r#"{{"ok":true,"result":{result}}}"#))
    }
}

fn reply(mut stream: TcpStream, status: u16, body: &[u8]) -> Option<()> {
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body).ok()
}
