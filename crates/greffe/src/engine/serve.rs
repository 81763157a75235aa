//! Doing what commands ask, over parts in this process.

use capture::{
    ConnectorCommand, ConversationError, Happening, ImportError, ImportFailure, ImportJob, Stop,
};
use wire::{Entry, RetentionClass, SignerId};

use super::request::{Event, Import, Imported, LossPlace, Request, Status};
use super::{Engine, Owner, part_failed};
use crate::failure::Failure;
use crate::home::Home;
use crate::system::now;

impl Engine {
    /// Does what is asked; `tell` hears everything on the way and the result. A failure is told
    /// by the caller.
    pub(crate) async fn serve(
        &self,
        home: &Home,
        request: Request,
        up: bool,
        tell: &mut (dyn FnMut(Event) + Send),
    ) -> Result<(), Failure> {
        match request {
            Request::Import(import) => self.serve_import(import, tell).await?,
            Request::Office(asked) => {
                tell(Event::Office(self.serve_office(home, asked).await?));
            }
            Request::Deliver => {
                let delivered = self.deliver(&mut |_| ()).await?;
                tell(Event::Delivered(delivered));
            }
            Request::Log => while self.follow().await?.more {},
            Request::Status => tell(Event::Status(self.status(up).await?)),
            Request::Gaps => {
                let gaps = self
                    .with_vault(|vault| vault::watch::gaps(vault.state(), now()))
                    .await
                    .map_err(|error| part_failed("vault", &error))?;
                tell(Event::Gaps(gaps));
            }
            Request::Standing => {
                self.deliver(&mut |_| ()).await?;
                self.observe().await?;
                let standing = self
                    .with_vault(|vault| vault::events::standing(vault.state()))
                    .await
                    .map_err(|error| part_failed("vault", &error))?;
                tell(Event::Standing(standing));
            }
            Request::Events { since, after, most } => {
                self.deliver(&mut |_| ()).await?;
                self.observe().await?;
                let most = usize::try_from(most).unwrap_or(usize::MAX);
                let events = self
                    .with_vault(|vault| match since {
                        Some(since) => {
                            let since = canonical::Milliseconds::new(since);
                            vault::events::events_since(vault.state(), since, most)
                        }
                        None => vault::events::events(vault.state(), after.unwrap_or(0), most),
                    })
                    .await
                    .map_err(|error| part_failed("vault", &error))?;
                tell(Event::Events(events));
            }
            Request::ControlPosition(signer) => {
                let signer: SignerId = signer.parse().map_err(|_| {
                    Failure::new("part-failed")
                        .with("part", "agent")
                        .with("why", "id")
                })?;
                let (at, head) = self.control_position(signer).await?;
                tell(Event::ControlPosition {
                    next: at.number.get(),
                    previous: (at.number.get() > 0).then(|| at.previous.to_string()),
                    number: head.number.get(),
                    head: head.id.to_string(),
                });
            }
            Request::PostOwner(entries) => {
                let entries = entries
                    .iter()
                    .map(|text| {
                        data_encoding::HEXLOWER
                            .decode(text.as_bytes())
                            .ok()
                            .and_then(|bytes| Entry::parse(&bytes).ok())
                            .ok_or_else(|| {
                                Failure::new("owner-entry-wrong")
                                    .with("path", "-")
                                    .with("why", "")
                            })
                    })
                    .collect::<Result<Vec<_>, _>>()?;
                self.post_as_owner(&Owner::open(home)?, &entries).await?;
                let delivered = self.deliver(&mut |_| ()).await?;
                tell(Event::Delivered(delivered));
            }
        }
        Ok(())
    }

    async fn serve_import(
        &self,
        import: Import,
        tell: &mut (dyn FnMut(Event) + Send),
    ) -> Result<(), Failure> {
        // The agent seals to epochs that it has read of; an import may be the first thing it does.
        self.deliver(&mut |_| ()).await?;
        let mut settings = import.settings;
        settings.push((
            "path".to_owned(),
            import.path.to_string_lossy().into_owned(),
        ));
        let job = ImportJob {
            connector: connector("imports")?,
            account: import.account,
            custodian: import.custodian,
            settings,
            class: RetentionClass::new(0),
        };
        let summary = tokio::task::block_in_place(|| {
            self.import(&job, &Stop::default(), |happening| match happening {
                Happening::Progress(progress) => tell(Event::Progress {
                    read: progress.read,
                    of: progress.of,
                    records: progress.records,
                }),
                Happening::Trouble(trouble) => tell(told(trouble)),
                _ => {}
            })
        });
        let summary = match summary {
            Ok(summary) => summary,
            Err(error) => {
                return Err(match fatal_trouble(&error) {
                    // The connector says why, in the catalogue's words.
                    Some(trouble) => {
                        tell(trouble);
                        Failure::new("import-not-read").with("path", import.path.as_path())
                    }
                    None => Failure::new("import-failed")
                        .with("path", import.path.as_path())
                        .with("kept", error.kept.new)
                        .because(&*error.why),
                });
            }
        };
        let places = summary
            .kept
            .notes
            .iter()
            .map(|note| LossPlace {
                why: note.why.name().to_owned(),
                place: note.place.clone(),
                detail: note.detail.clone(),
            })
            .collect();
        let imported = Imported {
            new: summary.kept.new,
            known: summary.kept.known,
            losses: summary.kept.losses,
            places,
            took: summary.ended.since(summary.began),
        };
        let delivered = self
            .deliver(&mut |delivered| tell(Event::Delivering(delivered)))
            .await?;
        tell(Event::Delivered(delivered));
        tell(Event::Imported(imported));
        Ok(())
    }

    async fn status(&self, up: bool) -> Result<Status, Failure> {
        let delivered = self.deliver(&mut |_| ()).await?;
        let relay = self.relay().url();
        self.with_vault(|vault| {
            let state = vault.state();
            let head = state.head()?;
            Ok(Status {
                up,
                relay,
                delivered,
                checked_at: head.map(|head| head.at.get()),
                witnessed: head.is_some_and(|head| head.witnessed),
                objects: state.counts()?.held,
                alarms: state.alarms()?.into_iter().map(|(_, what)| what).collect(),
                gaps: vault::watch::gaps(state, now())?.len() as u64,
            })
        })
        .await
        .map_err(|error: vault::state::StateError| part_failed("vault", &error))
    }
}

/// Why the connector could not go on, if it said so.
fn fatal_trouble(error: &ImportError) -> Option<Event> {
    match &*error.why {
        ImportFailure::Conversation(ConversationError::Trouble(trouble)) => Some(told(trouble)),
        _ => None,
    }
}

fn told(trouble: &connector::Trouble) -> Event {
    Event::Trouble {
        key: trouble.key.clone(),
        facts: trouble
            .facts
            .iter()
            .map(|fact| (fact.0.clone(), fact.1.clone()))
            .collect(),
        fatal: trouble.fatal,
    }
}

/// This program, playing a connector.
fn connector(name: &str) -> Result<ConnectorCommand, Failure> {
    let program = std::env::current_exe().map_err(|error| part_failed("connector", &error))?;
    let mut command = ConnectorCommand::new(program);
    command.arguments = vec!["connector".into(), name.into()];
    Ok(command)
}
