//! NOTHING-LOST, GAPS-SHOW: a host with many custodians' agents captures without end while its
//! network is cut again and again and connectors die; then what was made is compared with what the
//! owner opens from the vault, message by message.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use client::RelayAddress;
use scenarios::office::Office;
use scenarios::process::{Part, Parts, Said, relay_at};
use scenarios::source::live_id;

use crate::Scene;

const RELAY: usize = 0;
const VAULT: usize = 1;
const HOST: usize = 2;

/// What the host has to do.
#[derive(Clone, Copy)]
struct Work {
    accounts: usize,
    /// Messages of each account.
    count: u64,
    /// Milliseconds between two.
    every: u64,
    /// Every so many accounts a connector dies once.
    dying: u64,
    cuts: u64,
    /// Lines of the host (two a second) that a cut lasts.
    dark: u32,
}

#[test]
fn twelve_hosted_accounts_are_complete_after_three_cuts_of_the_network() {
    hosted(Work {
        accounts: 12,
        count: 24,
        every: 250,
        dying: 5,
        cuts: 3,
        dark: 3,
    });
}

#[test]
#[ignore = "long: cargo xtask assurance"]
fn two_hundred_hosted_accounts_are_complete_after_ten_minutes_and_three_cuts() {
    hosted(Work {
        accounts: 200,
        count: 60,
        every: 10_000,
        dying: 10,
        cuts: 3,
        dark: 60,
    });
}

fn hosted(work: Work) {
    let folder = tempfile::tempdir().unwrap();
    let office = Office::found_host(folder.path(), 7, work.accounts);
    let scene = Scene {
        parts: Parts {
            program: env!("CARGO_BIN_EXE_part").into(),
            office: folder.path().to_owned(),
        },
        office,
        folder,
    };
    let (to, from) = channel();
    let mut command = scene.parts.relay(&scene.relay_folder(), 0, None);
    command.stderr(std::process::Stdio::null());
    let _relay = Part::start(command, RELAY, &to);
    let address = loop {
        let said = from.recv().unwrap();
        if let Some((address, _)) = said.line.as_deref().and_then(relay_at) {
            break address;
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(scene.office.begin_log(&address));
    let _vault = Part::start(scene.parts.vault(&address), VAULT, &to);
    let wire = Wire::to(&address);
    let synthetic = Path::new(env!("CARGO_BIN_EXE_synthetic"));
    let numbers = (work.count, work.every, work.dying);
    let command = scene
        .parts
        .host(&wire.address(&address), synthetic, numbers);
    let host = Part::start(command, HOST, &to);

    let made = work.accounts as u64 * work.count;
    let deaths = work.accounts as u64 / work.dying;
    let mut dark = 0;
    let (mut cuts, mut most_waiting, mut memory) = (0, 0, 0);
    loop {
        let Some([captured, losses, waiting, receipted, resident]) = host_says(&from) else {
            continue;
        };
        (most_waiting, memory) = (most_waiting.max(waiting), memory.max(resident));
        if dark > 0 {
            dark -= 1;
            if dark == 0 {
                wire.mend();
            }
        } else if cuts < work.cuts && captured >= made * (cuts + 1) / (work.cuts + 2) {
            wire.cut();
            (cuts, dark) = (cuts + 1, work.dark);
        }
        // Records captured: messages and the losses of the dead connectors.
        let all = captured >= made + losses && losses >= deaths;
        if all && dark == 0 && cuts == work.cuts && waiting == 0 && receipted == 0 {
            break;
        }
    }
    assert!(most_waiting > 0, "the cuts were felt");
    let connectors = children_kb(host.id());
    eprintln!(
        "{} accounts, {made} messages, {cuts} cuts, {deaths} deaths: at most {most_waiting} entries \
         waited; host {memory} KiB, {} KiB an account; connectors {} KiB each",
        work.accounts,
        memory / work.accounts as u64,
        connectors / work.accounts as u64,
    );
    host.kill();
    complete(&scene, work, deaths);
}

/// Every message is archived once, and every death of a connector is a loss interval.
fn complete(scene: &Scene, work: Work, deaths: u64) {
    let mut archived: BTreeMap<String, u32> = BTreeMap::new();
    let mut gaps = 0;
    for id in scene.office.source_ids() {
        if id.starts_with("gap:") {
            gaps += 1;
        } else {
            *archived.entry(id).or_default() += 1;
        }
    }
    let made: BTreeMap<String, u32> = (0..work.accounts)
        .flat_map(|account| {
            (0..work.count).map(move |number| (live_id(&format!("c-{account:04}"), number), 1))
        })
        .collect();
    let missing = made.keys().filter(|id| !archived.contains_key(*id)).count();
    assert_eq!(missing, 0);
    assert_eq!(archived, made);
    assert_eq!(gaps, deaths, "each death is one interval");
}

/// What the host says next; `None` for what others say.
fn host_says(from: &Receiver<Said>) -> Option<[u64; 5]> {
    let said = from.recv().unwrap();
    let Some(line) = said.line else {
        panic!("part {} ended by itself", said.part)
    };
    let numbers = line.strip_prefix("all ").filter(|_| said.part == HOST)?;
    let numbers: Vec<u64> = numbers.split(' ').map(|n| n.parse().unwrap()).collect();
    Some(numbers.try_into().unwrap())
}

/// Resident memory of a process's children, in KiB.
fn children_kb(parent: u32) -> u64 {
    let of = |status: &str, name: &str| {
        let line = status.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok()
    };
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| {
            let status = std::fs::read_to_string(entry.unwrap().path().join("status")).ok()?;
            (of(&status, "PPid") == Some(u64::from(parent))).then(|| of(&status, "VmRSS"))?
        })
        .sum()
}

/// The network between the host and the relay: it can be cut.
struct Wire {
    port: u16,
    state: Arc<Mutex<WireState>>,
    _thread: JoinHandle<()>,
}

#[derive(Default)]
struct WireState {
    cut: bool,
    open: Vec<TcpStream>,
}

impl Wire {
    fn to(relay: &RelayAddress) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let target = relay.url.strip_prefix("https://").unwrap().to_owned();
        let state = Arc::new(Mutex::new(WireState::default()));
        let shared = Arc::clone(&state);
        let thread = std::thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let mut state = shared.lock().unwrap();
                // Dropped: whoever came sees the connection closed.
                if state.cut {
                    continue;
                }
                let Ok(far) = TcpStream::connect(&target) else {
                    continue;
                };
                for stream in [&near, &far] {
                    stream.set_nodelay(true).unwrap();
                    state.open.push(stream.try_clone().unwrap());
                }
                let (near_too, far_too) = (near.try_clone().unwrap(), far.try_clone().unwrap());
                std::thread::spawn(move || carry(near, far));
                std::thread::spawn(move || carry(far_too, near_too));
            }
        });
        Self {
            port,
            state,
            _thread: thread,
        }
    }

    fn address(&self, relay: &RelayAddress) -> RelayAddress {
        let host = relay.url.rsplit_once(':').unwrap().0;
        RelayAddress {
            url: format!("{host}:{}", self.port),
            pin: relay.pin,
        }
    }

    /// Every connection breaks and no new one is made.
    fn cut(&self) {
        let mut state = self.state.lock().unwrap();
        state.cut = true;
        for stream in state.open.drain(..) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    }

    fn mend(&self) {
        self.state.lock().unwrap().cut = false;
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream) {
    let mut bytes = [0; 16 << 10];
    loop {
        match from.read(&mut bytes) {
            Ok(read) if read > 0 && to.write_all(&bytes[..read]).is_ok() => {}
            _ => break,
        }
    }
    for stream in [from, to] {
        let _ = stream.shutdown(std::net::Shutdown::Both);
    }
}
