//! NOTHING-LOST: relay, agent and vault are killed (`kill -9`) again and again while messages are
//! imported, at moments that a seed chooses; then what was sent is compared with what the owner
//! opens from the vault, message by message.

use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};

use client::RelayAddress;
use scenarios::markers::Family;
use scenarios::process::{Part, Said, relay_at};
use scenarios::source::Messages;
use seal::Randomness;
use testkit::Seeded;

use crate::Scene;

const RELAY: usize = 0;
const AGENT: usize = 1;
const VAULT: usize = 2;

fn messages(count: u64) -> Messages {
    let family = Family::draw(&mut Seeded::new(count));
    Messages {
        family,
        count,
        file_bytes: 3_000,
    }
}

#[test]
fn three_thousand_messages_survive_twelve_kills() {
    kills(messages(3_000), 12, 1);
}

#[test]
#[ignore = "long: cargo xtask assurance"]
fn a_hundred_thousand_messages_survive_two_hundred_kills() {
    kills(messages(100_000), 200, 2);
}

/// The relay and its disk are gone after it gave receipts and before the vault had anything: the
/// agent still has it all, and delivers it to a new relay.
#[test]
fn a_relay_that_is_destroyed_before_the_vault_has_anything_takes_nothing_along() {
    let mut run = Run::new(messages(600), 3);
    run.start_relay();
    run.start_agent(false);
    run.wait(|said| said.part == AGENT && said.line.as_deref() == Some("delivered"));
    run.kill(AGENT);
    run.kill(RELAY);
    std::fs::remove_dir_all(run.scene.relay_folder()).unwrap();

    run.address = None;
    run.start_relay();
    run.start_agent(true);
    run.start_vault();
    while !run.done {
        run.hear();
    }
    run.nothing_lost_nothing_doubled();
}

/// Kills parts at moments that the seed chooses, starts them again, and waits for the end.
fn kills(messages: Messages, kills: u32, seed: u64) {
    let mut run = Run::new(messages, seed);
    run.start_relay();
    run.start_agent(false);
    run.start_vault();
    let (mut left, mut killed) = (kills, [0; 3]);
    let mut until = run.draw(8);
    loop {
        if run.done {
            // An import that was faster than the kills is taken again: it must add nothing.
            if left == 0 {
                break;
            }
            run.kill(AGENT);
            run.start_agent(false);
        }
        run.hear();
        if until > 0 || left == 0 {
            until = until.saturating_sub(1);
            continue;
        }
        // The agent most often: it has the most to lose.
        let victim = [RELAY, AGENT, AGENT, VAULT][usize::try_from(run.draw(4)).unwrap()];
        run.kill(victim);
        match victim {
            RELAY => run.start_relay(),
            AGENT => run.start_agent(false),
            _ => run.start_vault(),
        }
        killed[victim] += 1;
        left -= 1;
        until = run.draw(8);
    }
    assert!(
        killed.iter().all(|kills| *kills > 0),
        "each part was killed: {killed:?}"
    );
    run.nothing_lost_nothing_doubled();
}

struct Run {
    scene: Scene,
    messages: Messages,
    address: Option<RelayAddress>,
    parts: [Option<Part>; 3],
    /// Parts started so far, and which of them are meant to run: the end of another is no surprise.
    started: usize,
    current: [usize; 3],
    /// The agent has said that everything is with the vault.
    done: bool,
    to: Sender<Said>,
    from: Receiver<Said>,
    randomness: Seeded,
}

impl Run {
    fn new(messages: Messages, seed: u64) -> Self {
        let (to, from) = channel();
        Self {
            scene: Scene::new(seed),
            messages,
            address: None,
            parts: [None, None, None],
            started: 0,
            current: [0; 3],
            done: false,
            to,
            from,
            randomness: Seeded::new(seed),
        }
    }

    fn draw(&mut self, below: u64) -> u64 {
        let mut bytes = [0; 8];
        self.randomness.fill(&mut bytes);
        u64::from_be_bytes(bytes) % below
    }

    /// Starts the relay, where it was before if it was; returns when it listens and its log has begun.
    fn start_relay(&mut self) {
        let port = self.address.as_ref().map_or(0, |address| {
            address.url.rsplit(':').next().unwrap().parse().unwrap()
        });
        let mut command = self
            .scene
            .parts
            .relay(&self.scene.relay_folder(), port, None);
        command.stderr(std::process::Stdio::null());
        self.start(RELAY, command);
        let said = self.wait(|said| {
            said.part == RELAY
                && said
                    .line
                    .as_ref()
                    .is_some_and(|line| line.starts_with("at "))
        });
        let (address, _) = relay_at(&said.line.unwrap()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(self.scene.office.begin_log(&address));
        self.address = Some(address);
    }

    fn start_agent(&mut self, new_log: bool) {
        let address = self.address.as_ref().unwrap();
        let command = if new_log {
            self.scene.parts.agent_of_new_log(address, &self.messages)
        } else {
            self.scene.parts.agent(address, &self.messages)
        };
        self.done = false;
        self.start(AGENT, command);
    }

    fn start_vault(&mut self) {
        let command = self.scene.parts.vault(self.address.as_ref().unwrap());
        self.start(VAULT, command);
    }

    fn start(&mut self, part: usize, command: Command) {
        self.started += 1;
        self.current[part] = self.started;
        self.parts[part] = Some(Part::start(command, self.started, &self.to));
    }

    fn kill(&mut self, part: usize) {
        self.current[part] = 0;
        self.parts[part].take().unwrap().kill();
    }

    /// The next line of a part that was not killed. A part that ends by itself has failed, unless
    /// it is an agent that is done.
    fn hear(&mut self) -> Said {
        loop {
            let said = self.from.recv().unwrap();
            let Some(part) = self
                .current
                .iter()
                .position(|current| *current == said.part)
            else {
                continue;
            };
            self.done |= part == AGENT && said.line.as_deref() == Some("done");
            assert!(
                said.line.is_some() || (part == AGENT && self.done),
                "part {part} ended by itself"
            );
            return Said {
                part,
                line: said.line,
            };
        }
    }

    fn wait(&mut self, what: impl Fn(&Said) -> bool) -> Said {
        loop {
            let said = self.hear();
            if what(&said) {
                return said;
            }
        }
    }

    fn nothing_lost_nothing_doubled(&self) {
        let mut archived = self.scene.office.source_ids();
        archived.sort();
        assert_eq!(archived, self.messages.ids());
    }
}
