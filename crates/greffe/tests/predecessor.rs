//! What a stranger did to the predecessor in twenty minutes, tried against a running `greffe up`.
//! Each test is one record of the CVE list and says what was tried there.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use client::pinned_tls;
use reqwest::{Client, Method, StatusCode};
use scenarios::markers::{Search, files};
use scenarios::memory::Memory;
use serde_json::Value;
use wire::api::Route;
use wire::request::{Request, RequestNonce, SIGNED_HEADER};
use wire::{ArchiveId, ObjectHash, SignerKey, TlsIdentity};

/// The words that somebody wrote, whom they wrote it to, and what opens the archive.
const WORD: &str = "zqxjkvbwpyfgmcldrh";
const NAME: &str = "Wilhelmine";
const PASSPHRASE: &str = "vexing-quartz-ombudsman-jackdaw";

/// CVE-2025-47729: the server held readable copies of every message, advertised as end-to-end
/// encrypted. Tried: read every file that `greffe up` keeps, and everything that its relay gives to
/// a stranger and to the agent.
#[test]
fn cve_2025_47729_no_readable_copy_lies_at_the_server() {
    let up = Up::with_messages();
    for word in [WORD, NAME] {
        let search = Search::of(word);
        assert_eq!(
            search.within_folder(&up.home()),
            Vec::<String>::new(),
            "{word}"
        );
        // The same search finds it where it belongs.
        assert_eq!(search.within_folder(&up.path("export")).len(), 1);
    }
    let (mut answers, search) = (0, Search::of(WORD));
    let signer = up.agent_key();
    for target in up.everything_served() {
        for key in [None, Some(&signer)] {
            let (status, body) = up.get(&target, key);
            answers += u32::from(status == StatusCode::OK);
            assert_eq!(search.within(&body), [], "{target}");
        }
    }
    assert!(answers > 3, "the log was read: {answers}");
}

/// CVE-2025-48930: messages stood in the server's memory as plain text. Tried: read the whole memory
/// of `greffe up` after an import, a search and a lock.
#[test]
fn cve_2025_48930_no_message_stays_in_the_servers_memory() {
    let up = Up::with_messages();
    up.good(&["search", WORD]);
    up.good(&["lock"]);
    let memory = Memory::of_process(up.child.id());
    // The search works: what the process must know is found.
    assert!(
        !memory
            .search(&Search::of(&up.archive().to_string()))
            .is_empty()
    );
    assert_eq!(memory.search(&Search::of(WORD)), []);
}

/// CVE-2025-48928: a dump of the server's memory held passwords that had passed through it. Tried:
/// look for the passphrase that opened the archive while `greffe up` ran; make the kernel write a core.
#[test]
fn cve_2025_48928_no_dump_holds_a_password() {
    let up = Up::with_messages();
    up.good(&["unlock"]);
    up.good(&["search", WORD]);
    let memory = Memory::of_process(up.child.id());
    assert_eq!(memory.search(&Search::of(PASSPHRASE)), []);
    assert_eq!(
        Search::of(PASSPHRASE).within_folder(&up.home()),
        Vec::<String>::new()
    );
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", up.child.id())).unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .unwrap();
    let limits: Vec<&str> = core.split_whitespace().skip(4).take(2).collect();
    assert_eq!(limits, ["0", "0"], "no core file is written");
}

/// CVE-2025-48927: `/heapdump` answered whoever asked. Tried: that and the other diagnostic places of
/// well-known servers, with every method, at every port on which the process listens.
#[test]
fn cve_2025_48927_no_diagnostic_place_answers() {
    let up = Up::with_messages();
    let relay: u16 = up.told["relay"]
        .as_str()
        .unwrap()
        .rsplit(':')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let listening = up.listening();
    assert!(
        listening.iter().any(|(_, port)| *port == relay),
        "{listening:?}"
    );
    // Only the relay may be asked from elsewhere, and here it was told not to be.
    assert!(
        listening.iter().all(|(address, _)| address == "0100007F"),
        "{listening:?}"
    );
    let others: Vec<u16> = listening
        .iter()
        .map(|(_, port)| *port)
        .filter(|port| *port != relay)
        .collect();
    let places = [
        "/heapdump",
        "/actuator",
        "/actuator/heapdump",
        "/actuator/env",
        "/actuator/threaddump",
        "/actuator/logfile",
        "/actuator/mappings",
        "/actuator/shutdown",
        "/manage/heapdump",
        "/management/heapdump",
        "/threaddump",
        "/trace",
        "/env",
        "/dump",
        "/jolokia",
        "/jmx-console",
        "/debug",
        "/debug/pprof",
        "/debug/pprof/heap",
        "/debug/vars",
        "/server-status",
        "/server-info",
        "/phpinfo.php",
        "/.env",
        "/.git/config",
        "/console",
        "/h2-console",
        "/swagger-ui.html",
        "/v3/api-docs",
        "/openapi.json",
        "/graphql",
        "/core",
        "/proc/self/mem",
        "/logs",
        "/log",
        "/config",
        "/backup.zip",
        "/state.db",
        "/key.seed",
        "/../key.seed",
        "/%2e%2e/key.seed",
        "/v1/../../relay/key.seed",
        "/v1/%2e%2e%2f%2e%2e%2frelay%2fkey.seed",
    ];
    for place in places {
        let methods = [
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::DELETE,
            Method::OPTIONS,
            Method::HEAD,
            Method::TRACE,
        ];
        for method in methods {
            let (status, body) = up.ask(&method, place, &[], Vec::new());
            assert!(status.is_client_error(), "{method} {place}: {status}");
            assert!(body.len() < 1_024, "{method} {place}: {} bytes", body.len());
        }
        for port in &others {
            if let Some((status, body)) = ask_plainly(*port, place) {
                assert!((400..500).contains(&status), "{port} {place}: {status}");
                assert!(body.len() < 1_024, "{port} {place}: {} bytes", body.len());
            }
        }
    }
}

/// CVE-2025-48926: the admin panel gave out names, addresses, passwords and numbers. Tried: the panels,
/// log-ins and user lists of well-known servers; anything that is a page, a session or a password.
#[test]
fn cve_2025_48926_there_is_no_panel_to_ask() {
    let up = Up::with_messages();
    let places = [
        "/",
        "/index.html",
        "/admin",
        "/admin/",
        "/admin/login",
        "/administrator",
        "/login",
        "/signin",
        "/users",
        "/users.json",
        "/api/users",
        "/api/v1/users",
        "/api/accounts",
        "/accounts",
        "/customers",
        "/manage",
        "/panel",
        "/dashboard",
        "/wp-admin/",
        "/session",
        "/oauth/token",
        "/.well-known/openid-configuration",
        "/v1/users",
        "/v1/admin",
    ];
    for place in places {
        for method in [Method::GET, Method::POST] {
            let response = up.response(&method, place, &[("Accept", "text/html")], Vec::new());
            assert!(
                response.0.is_client_error(),
                "{method} {place}: {}",
                response.0
            );
            assert_eq!(response.1["content-type"], wire::PROBLEM_TYPE, "{place}");
            for header in ["set-cookie", "www-authenticate", "location", "server"] {
                assert!(!response.1.contains_key(header), "{place}: {header}");
            }
            for word in [NAME, WORD, PASSPHRASE] {
                assert_eq!(Search::of(word).within(&response.2), [], "{place}");
            }
        }
    }
}

/// CVE-2025-47730: a credential was compiled into every app, one key for all enrolments. Tried: find
/// what two archives of one program have in common, or the program with either; ask with keys that
/// anybody could guess.
#[test]
fn cve_2025_47730_no_secret_is_shared_or_compiled_in() {
    let (one, two) = (Up::with_messages(), Up::with_messages());
    let program = std::fs::read(env!("CARGO_BIN_EXE_greffe")).unwrap();
    let (first, second) = (secrets(&one.home()), secrets(&two.home()));
    assert!(first.len() >= 5, "{}", first.len());
    assert_eq!(first.intersection(&second).count(), 0);
    for secret in first.iter().chain(&second) {
        assert!(
            find(&program, secret).is_none(),
            "a secret stands in the program"
        );
    }
    let object = one.objects()[0];
    let mut guessed: Vec<[u8; 32]> = [0, 1, 2, 0x2a, 0x42, 0x55, 0xaa, 0xff]
        .map(|byte| [byte; 32])
        .to_vec();
    for word in [
        "", "greffe", "admin", "password", "test", "default", "enclave", "logfile",
    ] {
        guessed.push(canonical::sha256(word.as_bytes()));
    }
    guessed.push(*one.archive().as_bytes());
    for seed in guessed {
        let Ok(key) = SignerKey::from_seed(&seed) else {
            continue;
        };
        let (status, _) = one.get(&Route::Object(object).target(&one.archive()), Some(&key));
        assert_eq!(status, StatusCode::FORBIDDEN);
    }
    // Nor does an enrolled key of one archive open another.
    let vault_of_two = two.vault_key();
    let (status, _) = one.get(
        &Route::Object(object).target(&one.archive()),
        Some(&vault_of_two),
    );
    assert_eq!(status, StatusCode::FORBIDDEN);
    let (status, _) = one.get(
        &Route::Object(object).target(&one.archive()),
        Some(&one.vault_key()),
    );
    assert_eq!(status, StatusCode::OK, "the vault's own key does");
}

/// CVE-2025-48925: the client made an MD5 of the password, and the server took the MD5 as the
/// credential. Tried: digests of the passphrase, of seeds and of the signer's id in every place of a
/// request where a server might take a credential.
#[test]
fn cve_2025_48925_no_digest_is_a_credential() {
    let up = Up::with_messages();
    let target = Route::Object(up.objects()[0]).target(&up.archive());
    let seed = std::fs::read(up.home().join("vault/signer.key")).unwrap();
    let id = up.vault_key().id().to_string();
    for secret in [PASSPHRASE.as_bytes(), &seed, id.as_bytes()] {
        for tool in ["md5sum", "sha1sum", "sha256sum"] {
            let digest = digest(tool, secret);
            let basic = format!(
                "Basic {}",
                data_encoding::BASE64.encode(format!("vault:{digest}").as_bytes())
            );
            let bearer = format!("Bearer {digest}");
            let signed = format!("{id} {} {} {digest}", now(), "00".repeat(16));
            let tries: [&[(&str, &str)]; 6] = [
                &[("Authorization", &basic)],
                &[("Authorization", &bearer)],
                &[("X-Auth-Token", &digest), ("X-Api-Key", &digest)],
                &[("Cookie", &format!("session={digest}; token={digest}"))],
                &[(SIGNED_HEADER, &digest)],
                &[(SIGNED_HEADER, &signed)],
            ];
            for headers in tries {
                let (status, _) = up.ask(&Method::GET, &target, headers, Vec::new());
                assert_eq!(status, StatusCode::UNAUTHORIZED, "{headers:?}");
            }
            let (status, _) = up.ask(
                &Method::GET,
                &format!("{target}?password={digest}"),
                &[],
                Vec::new(),
            );
            assert!(status.is_client_error());
        }
    }
}

/// CVE-2025-48929: a static password that was good for ever. Tried: take a request that was good once
/// and send it again, to another place, with another method, and after its time.
#[test]
fn cve_2025_48929_nothing_that_was_good_once_is_good_for_ever() {
    let up = Up::with_messages();
    let one = Route::Object(up.objects()[0]).target(&up.archive());
    let two = Route::Signer(up.agent_key().id()).target(&up.archive());
    let key = up.vault_key();
    let header = up.sign(&key, "GET", &one, now(), 1);
    let ask = |method: &Method, target: &str, header: &str| {
        up.ask(method, target, &[(SIGNED_HEADER, header)], Vec::new())
            .0
    };
    assert_eq!(
        ask(&Method::GET, &one, &header),
        StatusCode::OK,
        "good once"
    );
    assert!(
        ask(&Method::GET, &one, &header).is_client_error(),
        "not twice"
    );
    let fresh = |nonce| up.sign(&key, "GET", &one, now(), nonce);
    assert_eq!(
        ask(&Method::GET, &two, &fresh(2)),
        StatusCode::UNAUTHORIZED,
        "not elsewhere"
    );
    assert_eq!(
        ask(&Method::HEAD, &one, &fresh(3)),
        StatusCode::UNAUTHORIZED,
        "not otherwise"
    );
    for (nonce, minutes) in [(4, -6), (5, 6), (6, -60 * 24 * 365), (7, 60 * 24 * 365)] {
        let stale = up.sign(&key, "GET", &one, now() + minutes * 60_000, nonce);
        assert_eq!(
            ask(&Method::GET, &one, &stale),
            StatusCode::UNAUTHORIZED,
            "{minutes} minutes"
        );
    }
    // A time that was changed behind the signature is worth nothing either.
    let fields: Vec<String> = up
        .sign(&key, "GET", &one, now() - 60 * 60_000, 8)
        .split(' ')
        .map(str::to_owned)
        .collect();
    let renewed = format!("{} {} {} {}", fields[0], now(), fields[2], fields[3]);
    assert_eq!(ask(&Method::GET, &one, &renewed), StatusCode::UNAUTHORIZED);
}

/// CVE-2025-48931: passwords were stored as MD5. Tried: find any quick digest of the passphrase in any
/// file; guess as fast as a keyring allows.
#[test]
fn cve_2025_48931_no_password_is_stored_and_guessing_is_dear() {
    let up = Up::with_messages();
    let all: Vec<(PathBuf, Vec<u8>)> = files(&up.home())
        .into_iter()
        .filter_map(|path| Some((path.clone(), std::fs::read(&path).ok()?)))
        .collect();
    for tool in [
        "md5sum",
        "sha1sum",
        "sha224sum",
        "sha256sum",
        "sha384sum",
        "sha512sum",
    ] {
        for text in [PASSPHRASE.to_owned(), format!("{PASSPHRASE}\n")] {
            let hex = digest(tool, text.as_bytes());
            let raw = data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap();
            for (path, bytes) in &all {
                for form in [
                    &raw,
                    hex.as_bytes(),
                    data_encoding::BASE64.encode(&raw).as_bytes(),
                ] {
                    assert!(find(bytes, form).is_none(), "{tool} in {}", path.display());
                }
            }
        }
    }
    // What a guess costs at least is a limit of the keyring's format; a wrong one tells nothing.
    std::fs::write(up.path("passphrase"), "a wrong guess of the passphrase").unwrap();
    up.good(&["lock"]);
    let guess = up.command(&["search", WORD]).output().unwrap();
    assert_eq!(guess.status.code(), Some(4), "{guess:?}");
    let told = String::from_utf8_lossy(&guess.stderr).into_owned();
    assert!(
        !told.contains("a wrong guess") && !told.contains(PASSPHRASE),
        "{told}"
    );
}

/// A running `greffe up` with an archive of its own, in which somebody has written something.
struct Up {
    folder: tempfile::TempDir,
    child: Child,
    told: Value,
}

impl Up {
    fn with_messages() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("passphrase"), PASSPHRASE).unwrap();
        let founded = command(folder.path(), &["init", "--name", "Test"])
            .output()
            .unwrap();
        assert!(founded.status.success(), "{founded:?}");
        let mut child = command(folder.path(), &["up", "--listen", "127.0.0.1:0", "--json"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        let up = Self {
            told: serde_json::from_str(&line).unwrap(),
            folder,
            child,
        };
        std::fs::create_dir(up.path("export")).unwrap();
        let mut chat = String::new();
        for minute in 0..20 {
            chat += &format!("[14/11/2026, 09:{minute:02}:40] {NAME}: {WORD} number {minute}\r\n");
        }
        std::fs::write(up.path("export/WhatsApp Chat - Desk.txt"), chat).unwrap();
        up.good(&[
            "import",
            "export/WhatsApp Chat - Desk.txt",
            "--me",
            NAME,
            "--zone",
            "UTC",
        ]);
        up
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn home(&self) -> PathBuf {
        self.path("greffe")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        command(self.folder.path(), arguments)
    }

    #[track_caller]
    fn good(&self, arguments: &[&str]) {
        let output = self.command(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    }

    fn archive(&self) -> ArchiveId {
        let output = self.command(&["status", "--json"]).output().unwrap();
        let status: Value = serde_json::from_slice(&output.stdout).unwrap();
        status["fingerprint"].as_str().unwrap().parse().unwrap()
    }

    fn agent_key(&self) -> SignerKey {
        key(&self.home().join("agent/signer.seed"))
    }

    fn vault_key(&self) -> SignerKey {
        key(&self.home().join("vault/signer.key"))
    }

    /// Objects in the log.
    fn objects(&self) -> Vec<ObjectHash> {
        files(&self.home().join("vault/mirror/objects"))
            .iter()
            .map(|path| path.file_name().unwrap().to_str().unwrap().parse().unwrap())
            .collect()
    }

    /// Every path that the relay could answer.
    fn everything_served(&self) -> Vec<String> {
        let archive = self.archive();
        let mut targets = vec![
            Route::Checkpoint.target(&archive),
            Route::Stored.target(&archive),
            Route::Control(wire::ControlNumber::new(0)).target(&archive),
        ];
        let mirror = self.home().join("vault/mirror");
        for file in files(&mirror.join("tile")) {
            let name = file.strip_prefix(&mirror).unwrap().to_str().unwrap();
            targets.push(format!("/v1/{archive}/{name}"));
        }
        targets.extend(
            self.objects()
                .into_iter()
                .map(|hash| Route::Object(hash).target(&archive)),
        );
        targets
    }

    fn sign(&self, key: &SignerKey, method: &str, target: &str, at: i64, nonce: u8) -> String {
        let request = Request {
            archive: self.archive(),
            method,
            target,
            upload_offset: "",
            upload_length: "",
        };
        let nonce = RequestNonce::from_bytes([nonce; 16]);
        request.sign(key, canonical::Milliseconds::new(at), nonce)
    }

    fn get(&self, target: &str, key: Option<&SignerKey>) -> (StatusCode, Vec<u8>) {
        let mut headers = Vec::new();
        let signed;
        if let Some(key) = key {
            let request = Request {
                archive: self.archive(),
                method: "GET",
                target,
                upload_offset: "",
                upload_length: "",
            };
            let mut drawn = [0; 16];
            std::fs::File::open("/dev/urandom")
                .unwrap()
                .read_exact(&mut drawn)
                .unwrap();
            signed = request.sign(
                key,
                canonical::Milliseconds::new(now()),
                RequestNonce::from_bytes(drawn),
            );
            headers.push((SIGNED_HEADER, signed.as_str()));
        }
        self.ask(&Method::GET, target, &headers, Vec::new())
    }

    fn ask(
        &self,
        method: &Method,
        target: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> (StatusCode, Vec<u8>) {
        let (status, _, body) = self.response(method, target, headers, body);
        (status, body)
    }

    fn response(
        &self,
        method: &Method,
        target: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> (StatusCode, reqwest::header::HeaderMap, Vec<u8>) {
        let pin: TlsIdentity = self.told["pin"].as_str().unwrap().parse().unwrap();
        runtime().block_on(async {
            let client = Client::builder()
                .tls_backend_preconfigured(pinned_tls(pin).unwrap())
                .no_proxy()
                .build()
                .unwrap();
            let url = format!("{}{target}", self.told["relay"].as_str().unwrap());
            let mut request = client.request(method.clone(), url).body(body);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let response = request.send().await.unwrap();
            let (status, headers) = (response.status(), response.headers().clone());
            (status, headers, response.bytes().await.unwrap().to_vec())
        })
    }

    /// Address, in the kernel's hex, and port of every TCP socket on which the process listens.
    fn listening(&self) -> Vec<(String, u16)> {
        let process = format!("/proc/{}", self.child.id());
        let sockets: BTreeSet<String> = std::fs::read_dir(format!("{process}/fd"))
            .unwrap()
            .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
            .filter_map(|link| {
                let link = link.to_str()?;
                Some(link.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())
            })
            .collect();
        let mut found = Vec::new();
        for table in ["tcp", "tcp6"] {
            let text =
                std::fs::read_to_string(format!("{process}/net/{table}")).unwrap_or_default();
            for line in text.lines().skip(1) {
                let fields: Vec<&str> = line.split_whitespace().collect();
                let (address, port) = fields[1].split_once(':').unwrap();
                if fields[3] == "0A" && sockets.contains(fields[9]) {
                    found.push((address.to_owned(), u16::from_str_radix(port, 16).unwrap()));
                }
            }
        }
        found
    }
}

/// What a port answers to plain HTTP, if it speaks that.
fn ask_plainly(port: u16, target: &str) -> Option<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(
        stream,
        "GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    .ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let end = find(&answer, b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    Some((
        head.split(' ').nth(1)?.parse().ok()?,
        answer[end + 4..].to_vec(),
    ))
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.command(&["lock"]).output();
        let pid = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.child.wait();
    }
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_greffe"));
    command
        .args(arguments)
        .current_dir(folder)
        .env_remove("GREFFE_HOME")
        .env("GREFFE_LANG", "en")
        .env("GREFFE_PASSPHRASE_FILE", folder.join("passphrase"))
        .stdin(Stdio::null());
    command
}

fn runtime() -> &'static tokio::runtime::Runtime {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| tokio::runtime::Runtime::new().unwrap())
}

fn key(path: &Path) -> SignerKey {
    let seed: [u8; 32] = std::fs::read(path).unwrap().try_into().unwrap();
    SignerKey::from_seed(&seed).unwrap()
}

fn now() -> i64 {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

/// Every seed and key file of an archive, in pieces of sixteen bytes.
fn secrets(home: &Path) -> BTreeSet<Vec<u8>> {
    let secret = |path: &&PathBuf| {
        let name = path.to_string_lossy();
        name.ends_with(".seed") || (name.ends_with(".key") && !name.contains("tls"))
    };
    files(home)
        .iter()
        .filter(secret)
        .map(|path| std::fs::read(path).unwrap()[..16].to_vec())
        .collect()
}

fn digest(tool: &str, of: &[u8]) -> String {
    let mut child = Command::new(tool)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(of).unwrap();
    let output = child.wait_with_output().unwrap();
    String::from_utf8(output.stdout)
        .unwrap()
        .split(' ')
        .next()
        .unwrap()
        .to_owned()
}

fn find(within: &[u8], what: &[u8]) -> Option<usize> {
    let first = *what.first()?;
    let starts = within
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == first);
    starts
        .map(|(at, _)| at)
        .find(|at| within[*at..].starts_with(what))
}
