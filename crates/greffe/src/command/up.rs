//! `greffe up`: all parts here, until it is stopped.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;

use super::Context;
use crate::cli::Up;
use crate::engine::Engine;
use crate::engine::request::{Event, Request};
use crate::failure::Failure;
use crate::home::Home;
use crate::text::say;

/// The longest request that a command may send, in bytes.
const LONGEST: u64 = 16 << 20;
/// How often the parts look for something to do.
const BEAT: Duration = Duration::from_secs(1);

pub(crate) fn run(context: &Context, arguments: &Up) -> Result<(), Failure> {
    let home = Home::find(context.global.home.as_deref())?;
    let listen = arguments.listen.unwrap_or(home.settings()?.relay.listen);
    context.runtime.block_on(async {
        let engine = Arc::new(Engine::start(&home, Some(listen)).await?);
        if arguments.accept_new_log {
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
        let mut stopped = std::pin::pin!(stop_asked());
        let mut beat = tokio::time::interval(BEAT);
        loop {
            tokio::select! {
                () = &mut stopped => break,
                _ = beat.tick() => {
                    // What fails now is tried again with the next beat; the vault remembers alarms.
                    if let Err(failure) = engine.deliver(&mut |_| ()).await {
                        context.output.note(&failure.to_string());
                    }
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
        if let Some(engine) = Arc::into_inner(engine) {
            engine.shutdown().await;
        }
        Ok(())
    })
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
