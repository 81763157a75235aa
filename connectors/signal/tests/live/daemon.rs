//! signal-cli's side of its socket, and what it keeps on disk.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use rusqlite::{Connection, params};
use serde_json::{Value, json};

pub(crate) const ALICE: &str = "44689fea-3ba1-40e6-ab6e-045d82eef9c2";
pub(crate) const BOB: &str = "92b3d80b-e2bd-44e1-a9a2-85c0486a0589";
pub(crate) const NUMBER: &str = "+14154950361";

/// A signal-cli that serves one account. It forgets what it has written to its socket.
pub(crate) struct FakeDaemon {
    pub(crate) socket: PathBuf,
    /// signal-cli's own folder.
    pub(crate) data: PathBuf,
    world: Arc<Mutex<World>>,
}

/// What the daemon knows and does.
pub(crate) struct World {
    /// Lines that wait at the server until somebody receives.
    pub(crate) waiting: Vec<String>,
    /// What it was asked to send, in order: to whom, and what.
    pub(crate) sent: Vec<(String, String)>,
    /// Whether it keeps what it has sent.
    pub(crate) remembers: bool,
    /// So many sends are refused.
    pub(crate) refuses: u32,
    /// Whether the device is linked.
    pub(crate) linked: bool,
    pub(crate) version: &'static str,
    database: PathBuf,
    receiving: Vec<UnixStream>,
}

impl FakeDaemon {
    pub(crate) fn start(folder: &Path) -> Self {
        let data = folder.join("signal-cli");
        std::fs::create_dir_all(data.join("data/100.d")).unwrap();
        let accounts = json!({"accounts": [{"path": "100", "number": NUMBER, "uuid": ALICE}]});
        std::fs::write(data.join("data/accounts.json"), accounts.to_string()).unwrap();
        let database = data.join("data/100.d/account.db");
        Connection::open(&database)
            .unwrap()
            .execute_batch(
                "CREATE TABLE message_send_log (_id INTEGER PRIMARY KEY, content_id INTEGER,
                   address TEXT, device_id INTEGER);
                 CREATE TABLE message_send_log_content (_id INTEGER PRIMARY KEY, group_id BLOB,
                   timestamp INTEGER, content BLOB, content_hint INTEGER, urgent INTEGER);",
            )
            .unwrap();
        let socket = folder.join("socket");
        let listener = UnixListener::bind(&socket).unwrap();
        let world = Arc::new(Mutex::new(World {
            waiting: Vec::new(),
            sent: Vec::new(),
            remembers: true,
            refuses: 0,
            linked: true,
            version: "0.14.6",
            database,
            receiving: Vec::new(),
        }));
        let shared = Arc::clone(&world);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let world = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream.unwrap(), &world));
            }
        });
        Self {
            socket,
            data,
            world,
        }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// Bob writes; it waits at the server where nobody receives.
    pub(crate) fn message(&self, timestamp: i64, text: &str) {
        let line = json!({"jsonrpc": "2.0", "method": "receive", "params": {
            "envelope": {
                "source": BOB, "sourceUuid": BOB, "sourceName": "Bob", "sourceDevice": 1,
                "timestamp": timestamp,
                "dataMessage": {"timestamp": timestamp, "message": text,
                                "expiresInSeconds": 0, "viewOnce": false},
            },
            "account": NUMBER,
        }});
        let mut world = self.world();
        world.waiting.push(line.to_string());
        world.hand_over();
    }
}

impl World {
    /// What waits goes to whoever receives.
    fn hand_over(&mut self) {
        while let (Some(mut to), Some(line)) = (self.receiving.last(), self.waiting.first()) {
            // Whoever is gone took nothing.
            match writeln!(to, "{line}") {
                Ok(()) => drop(self.waiting.remove(0)),
                Err(_) => drop(self.receiving.pop()),
            }
        }
    }

    fn answer(&mut self, method: &str, params: &Value) -> Result<Value, &'static str> {
        Ok(match method {
            "version" => json!({"version": self.version}),
            "listAccounts" if self.linked => json!([{"number": NUMBER}]),
            "subscribeReceive" if !self.linked => {
                return Err("[403] Authorization failed!");
            }
            "subscribeReceive" => json!(0),
            "send" => self.send(params)?,
            _ => json!([]),
        })
    }

    fn send(&mut self, params: &Value) -> Result<Value, &'static str> {
        let text = params["message"].as_str().unwrap().to_owned();
        let to = params["recipient"][0].as_str().unwrap().to_owned();
        if self.refuses > 0 {
            self.refuses -= 1;
            return Err("Failed to send message");
        }
        self.sent.push((to.clone(), text.clone()));
        let number = i64::try_from(self.sent.len()).unwrap();
        let timestamp = 1_795_600_000_000 + number;
        if self.remembers {
            let database = Connection::open(&self.database).unwrap();
            database
                .execute(
                    "INSERT INTO message_send_log_content VALUES (?1, NULL, ?2, ?3, 1, 1)",
                    params![number, timestamp, text.as_bytes()],
                )
                .unwrap();
            database
                .execute(
                    "INSERT INTO message_send_log VALUES (NULL, ?1, ?2, 1)",
                    params![number, to],
                )
                .unwrap();
        }
        Ok(json!({"timestamp": timestamp, "results": [{"type": "SUCCESS"}]}))
    }
}

fn serve(stream: UnixStream, world: &Mutex<World>) {
    for line in BufReader::new(stream.try_clone().unwrap()).lines() {
        let Ok(line) = line else { break };
        let asked: Value = serde_json::from_str(&line).unwrap();
        let method = asked["method"].as_str().unwrap();
        let mut world = world.lock().unwrap();
        let answered = world.answer(method, &asked["params"]);
        let received = answered.is_ok() && method == "subscribeReceive";
        let answer = match answered {
            Ok(result) => json!({"jsonrpc": "2.0", "id": asked["id"], "result": result}),
            Err(message) => {
                json!({"jsonrpc": "2.0", "id": asked["id"], "error": {"code": -1, "message": message}})
            }
        };
        let _ = writeln!(&stream, "{answer}");
        if received {
            world.receiving.push(stream.try_clone().unwrap());
            world.hand_over();
        }
    }
}
