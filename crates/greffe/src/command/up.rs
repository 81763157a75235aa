//! `greffe up`: all parts here, until it is stopped.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;

use super::Context;
use super::agent::run::{Notes, duties as agent_duties, pace};
use crate::alarms::Alarms;
use crate::cli::Up;
use crate::engine::request::{Event, Request};
use crate::engine::{Engine, part_failed, rebuild_relay};
use crate::failure::Failure;
use crate::home::Home;
use crate::text::say;

/// The longest request that a command may send, in bytes.
const LONGEST: u64 = 16 << 20;
/// How often the vault looks for silence and alarms are told; a change of state waits as long.
const LOOK: Duration = Duration::from_secs(5);
/// How often the parts look for something to do.
const BEAT: Duration = Duration::from_secs(1);

pub(crate) fn run(context: &Context, arguments: &Up) -> Result<(), Failure> {
    let home = Home::find(context.global.home.as_deref())?;
    let listen = arguments.listen.unwrap_or(home.settings()?.relay.listen);
    context.runtime.block_on(async {
        if arguments.rebuild_relay {
            rebuild_relay(&home).await?;
        }
        let engine = Arc::new(Engine::start(&home, Some(listen)).await?);
        if arguments.accept_new_log || arguments.rebuild_relay {
            engine.accept_new_log().await?;
        }
        let path = home.up_socket();
        // Only the holder of the archive's lock comes here: a socket that lies there is a dead one's.
        let _ = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path)
            .and_then(|listener| {
                std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
                Ok(listener)
            })
            .map_err(|error| {
                Failure::new("can-not-write")
                    .with("path", path.as_path())
                    .because(&error)
            })?;
        let value = serde_json::json!({
            "up": true, "relay": engine.relay().url(), "pin": engine.relay().pin().to_string(),
            "operations": engine.relay().operations(),
        });
        context.output.result(&value, || {
            say!(
                "up-running",
                relay = engine.relay().url(),
                folder = home.folder()
            )
        });
        let mut duties = Duties::begin(&home, &engine).await?;
        let mut stopped = std::pin::pin!(stop_asked());
        let mut beat = tokio::time::interval(BEAT);
        loop {
            tokio::select! {
                () = &mut stopped => break,
                _ = beat.tick() => {
                    // What fails now is tried again with the next beat; the vault remembers alarms.
                    if let Err(failure) = engine.deliver(&mut |_| ()).await {
                        tracing::warn!(%failure, "the parts could not take the next step");
                    }
                    if let Err(failure) = engine.approve_automatic(&home).await {
                        tracing::warn!(%failure, "an enrolment was not approved yet");
                    }
                    duties.tick(&engine).await;
                }
                accepted = listener.accept() => {
                    if let Ok((socket, _)) = accepted {
                        let (engine, home) = (Arc::clone(&engine), home.clone());
                        tokio::spawn(async move { converse(&engine, &home, socket).await });
                    }
                }
            }
        }
        let _ = std::fs::remove_file(&path);
        context.output.note(&say!("up-stopping"));
        duties.end(&engine).await;
        if let Some(engine) = Arc::into_inner(engine) {
            engine.shutdown().await;
        }
        Ok(())
    })
}

/// What runs beside delivery: the accounts of this folder's own agent, its signs of life, what the
/// vault notices by time, and alarms.
struct Duties {
    running: Option<capture::RunningAgent>,
    notes: Notes,
    heartbeat: Duration,
    beat_at: tokio::time::Instant,
    told: u64,
    alarms: Option<Alarms>,
    observed_at: tokio::time::Instant,
}

impl Duties {
    async fn begin(home: &Home, engine: &Engine) -> Result<Self, Failure> {
        let folder = home.part("agent")?;
        let settings = capture::CaptureSettings::read(&folder)
            .map_err(|error| part_failed("agent", &error))?;
        let left = capture::AgentStatus::read(&folder)
            .ok()
            .flatten()
            .map(|status| status.left())
            .unwrap_or_default();
        let running = capture::RunningAgent::start(
            Arc::clone(engine.agent()),
            agent_duties(&settings)?,
            &left,
        );
        let newest = engine
            .with_vault(|vault| vault::events::newest(vault.state()))
            .await
            .map_err(|error| part_failed("vault", &error))?;
        let now = tokio::time::Instant::now();
        Ok(Self {
            told: running.board().version(),
            running: Some(running),
            notes: Notes::new(&folder),
            heartbeat: pace(&settings).heartbeat,
            beat_at: now + LOOK,
            alarms: Alarms::open(home, newest)?,
            observed_at: now,
        })
    }

    /// What is due. Failures are tried again: the vault and the spool forget nothing.
    async fn tick(&mut self, engine: &Engine) {
        let now = tokio::time::Instant::now();
        if let Some(running) = &self.running {
            let board = running.board();
            if board.version() != self.told {
                self.told = board.version();
                self.beat_at = self.beat_at.min(now + LOOK);
            }
            if now >= self.beat_at {
                let policy = engine.agent().control().authority().policy().heartbeat;
                let policy = Duration::from_secs(policy.get().max(1));
                self.beat_at = now + self.heartbeat.min(policy);
                if let Err(error) = engine.agent().heartbeat(&board.states()) {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "a heartbeat is not kept"
                    );
                    self.beat_at = now + LOOK;
                }
            }
            let delivering = capture::Delivering {
                heard_at: Some(crate::system::now()),
                waiting: engine.waiting().unwrap_or_default(),
                ..capture::Delivering::default()
            };
            tokio::task::block_in_place(|| self.notes.note(running, &delivering));
        }
        if now >= self.observed_at {
            self.observed_at = now + LOOK;
            if let Err(failure) = engine.observe().await {
                tracing::warn!(%failure, "the vault could not look for silence");
            }
            if let Err(failure) = self.alarm(engine).await {
                tracing::warn!(%failure, "alarms could not be read");
            }
        }
    }

    async fn alarm(&mut self, engine: &Engine) -> Result<(), Failure> {
        let Some(alarms) = &mut self.alarms else {
            return Ok(());
        };
        let (after, now) = (alarms.after(), crate::system::now());
        let (new, day) = engine
            .with_vault(|vault| {
                let day = now.plus(-86_400_000);
                Ok::<_, vault::state::StateError>((
                    vault::events::events(vault.state(), after, 1_000)?,
                    vault::events::events_since(vault.state(), day, 1_000)?,
                ))
            })
            .await
            .map_err(|error| part_failed("vault", &error))?;
        alarms.tell(&new, &day, now).await;
        Ok(())
    }

    async fn end(&mut self, engine: &Engine) {
        let Some(mut running) = self.running.take() else {
            return;
        };
        let stopped = tokio::task::spawn_blocking(move || {
            running.stop();
            running
        });
        let Ok(running) = stopped.await else { return };
        let _ = engine.agent().heartbeat(&running.board().states());
        let _ = engine.deliver(&mut |_| ()).await;
        self.notes.write(&running, &capture::Delivering::default());
    }
}

/// Answers the requests of one command.
async fn converse(engine: &Engine, home: &Home, socket: UnixStream) {
    let (reader, mut writer) = socket.into_split();
    let mut reader = BufReader::new(reader.take(LONGEST));
    let mut line = String::new();
    while reader.read_line(&mut line).await.is_ok_and(|read| read > 0) {
        let (events, mut heard) = mpsc::unbounded_channel();
        let work = async {
            let outcome = match serde_json::from_str::<Request>(&line) {
                Ok(request) => {
                    let tell = events.clone();
                    engine
                        .serve(home, request, true, &mut move |event| {
                            let _ = tell.send(event);
                        })
                        .await
                }
                Err(error) => Err(Failure::new("up-gone").because(&error)),
            };
            if let Err(failure) = outcome {
                let _ = events.send(Event::Failed {
                    key: failure.key().to_owned(),
                    facts: failure.facts(),
                    exit: failure.code(),
                });
            }
            drop(events);
        };
        let answer = async {
            while let Some(event) = heard.recv().await {
                let Ok(text) = serde_json::to_string(&event) else {
                    continue;
                };
                // A command that has gone away does not stop what it began.
                let _ = writer.write_all(format!("{text}\n").as_bytes()).await;
            }
        };
        tokio::join!(work, answer);
        if writer.write_all(b"\n").await.is_err() {
            return;
        }
        line.clear();
        reader.get_mut().set_limit(LONGEST);
    }
}

/// Ready when the terminal or the system asks to stop.
pub(crate) async fn stop_asked() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
