//! The connector as a process: updates are asked for, or come in at a listener, and go to the agent.

mod api;
mod door;
mod owners;
mod poll;
mod settings;

use std::io::{Read, Write};
use std::sync::mpsc::channel;
use std::time::Duration;

use business::{
    FetchError, Fetched, Fetching, FolderKey, Inbox, Line, LineSettings, Listener, Network, Saying,
    SharedInbox, Teller, Wanted, client,
};
use connector::Hello;
use connector::kit::{self, Context, KitError, failed};
use connector::normal::{Capture, NormalizeError, Normalized};
use record::{Assurance, Milliseconds, Mode, NetworkName, Source, TextId};
use tokio::runtime::Runtime;

pub use api::fuzz_answer;

use api::{Api, CallError};
use door::BotDoor;
use owners::{Connection, Owners};
use poll::Poll;
use settings::{Hook, Settings};

/// Name and version in every record.
const CONNECTOR: &str = concat!("telegram/", env!("CARGO_PKG_VERSION"));
const WAY: &str = "business-bot";
/// How often a link looks whether the bot was connected: with the wait of each, about ten minutes.
const LOOKS: u32 = 600;

/// One business bot.
struct Bot {
    api: Api,
    file_ms: i64,
}

/// Captures the account that the agent names, or waits until somebody connects the bot (setting
/// `link`), speaking the connector protocol.
///
/// # Errors
///
/// When a setting does not fit, the address can not be listened on, or the agent's stream is broken;
/// the agent was told why.
pub fn run<I>(input: I, output: &mut dyn Write, clock: fn() -> Milliseconds) -> Result<(), KitError>
where
    I: Read + Send + 'static,
{
    kit::run(input, output, clock, |ctx| capture(ctx, clock))
}

fn capture(ctx: &mut Context<'_>, clock: fn() -> Milliseconds) -> Result<(), KitError> {
    ctx.hello(Hello {
        version: connector::VERSION,
        connector: CONNECTOR.to_owned(),
        way: WAY.to_owned(),
        network: NetworkName::TELEGRAM.as_str().to_owned(),
        coverage: crate::coverage(),
        notices: false,
    })?;
    let settings = Settings::of(ctx.start()).map_err(unfit)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| told("telegram-start", &error))?;
    let outcome = with_runtime(ctx, clock, settings, &runtime);
    // What was not confirmed comes again.
    runtime.shutdown_background();
    outcome
}

fn with_runtime(
    ctx: &mut Context<'_>,
    clock: fn() -> Milliseconds,
    settings: Settings,
    runtime: &Runtime,
) -> Result<(), KitError> {
    let client = client(settings.ca.as_deref()).map_err(|e| told("telegram-start", &e))?;
    let api = Api::new(
        client.clone(),
        settings.api.clone(),
        settings.token.clone(),
        settings.file_bytes,
    );
    if settings.link {
        return link(ctx, &api, &settings, runtime);
    }
    let id = |text: &str, what: &'static str| TextId::new(text).map_err(|_| unfit(what));
    let source = Source {
        network: NetworkName::TELEGRAM,
        account: id(&ctx.start().account, "account")?,
        custodian: id(&ctx.start().custodian, "custodian")?,
        connector: id(&format!("{CONNECTOR} {WAY}"), "connector")?,
        assurance: Assurance::Business,
        mode: Mode::Live,
    };
    let folder = ctx.folder().to_owned();
    let key = FolderKey::of(&folder, settings.folder_key.as_deref())
        .map_err(|error| told("telegram-inbox", &error))?;
    let inbox = Inbox::open(&folder, key.clone())
        .map_err(|error| told("telegram-inbox", &error))?
        .shared();
    let (sender, heard) = channel();
    let teller = Teller::new(sender, ctx.waker());
    let owners = Owners::open(settings.user.unwrap_or_default(), &folder);
    let mut listener = None;
    match settings.hook {
        Some(hook) => {
            let door = BotDoor::new(hook.secret.clone(), owners, api.clone(), teller.clone());
            listener = Some(listen(&hook, door, &inbox, &teller, client, runtime)?);
            runtime.spawn(announced(api.clone(), hook, teller.clone()));
        }
        None => {
            let poll = Poll {
                api: api.clone(),
                owners,
                inbox: inbox.clone(),
                teller: teller.clone(),
                folder: folder.clone(),
                wait: settings.poll,
            };
            runtime.spawn(poll.run());
        }
    }
    let bot = Bot {
        api,
        file_ms: settings.file_ms,
    };
    let mut line = Line::new(
        bot,
        LineSettings {
            source,
            folder,
            clock,
            silent_after: settings.silent_after,
        },
        key,
        inbox,
        runtime.handle().clone(),
        teller,
    );
    let ended = line.run(ctx, &heard);
    drop(listener);
    ended
}

fn listen(
    hook: &Hook,
    door: BotDoor,
    inbox: &SharedInbox,
    teller: &Teller,
    client: reqwest::Client,
    runtime: &Runtime,
) -> Result<Listener, KitError> {
    let endpoint = hook.endpoint.clone();
    let listener = Listener::start(endpoint, door, inbox.clone(), teller.clone(), client);
    let listener = runtime
        .block_on(listener)
        .map_err(|error| told("telegram-listen", &error))?;
    // For whoever looks at the connector's evidence.
    let _ = writeln!(std::io::stderr(), "listening on {}", listener.address());
    Ok(listener)
}

/// Tells Telegram where to post, until it has heard.
async fn announced(api: Api, hook: Hook, teller: Teller) {
    let mut pause = Duration::from_millis(250);
    loop {
        let least = match api.set_hook(&hook.url, &hook.secret).await {
            Ok(()) => return teller.tell(Saying::Answered),
            Err(CallError::Slow(after)) => after,
            Err(CallError::Token(why)) => {
                teller.tell(Saying::TokenRefused(why));
                Duration::ZERO
            }
            Err(CallError::Conflict(why) | CallError::Refused(why) | CallError::Away(why)) => {
                teller.tell(Saying::Away(why));
                Duration::ZERO
            }
        };
        tokio::time::sleep(pause.max(least)).await;
        pause = pause.saturating_mul(2).min(Duration::from_secs(60));
    }
}

/// CONN-9: says who has connected the bot. Nothing is confirmed: what is there already is captured
/// when the account is.
fn link(
    ctx: &mut Context<'_>,
    api: &Api,
    settings: &Settings,
    runtime: &Runtime,
) -> Result<(), KitError> {
    let refused = |error: CallError| match error {
        CallError::Token(why) => failed("telegram-token", &[("detail", &why)]),
        CallError::Conflict(why) => failed("telegram-rival", &[("detail", &why)]),
        CallError::Slow(_) => failed("telegram-away", &[("detail", "429")]),
        CallError::Refused(why) | CallError::Away(why) => {
            failed("telegram-away", &[("detail", &why)])
        }
    };
    let (name, connects) = runtime.block_on(api.me()).map_err(refused)?;
    if !connects {
        return Err(failed("telegram-no-business", &[("bot", &name)]));
    }
    runtime.block_on(api.delete_hook()).map_err(refused)?;
    ctx.request_link("bot", &format!("@{name}"))?;
    let owners = Owners::open(0, ctx.folder());
    for _ in 0..LOOKS {
        let wait = Duration::from_secs(1);
        let updates = runtime.block_on(api.updates(None, wait)).map_err(refused)?;
        for update in updates {
            let user = match owners::connection(&update.bytes) {
                Connection::Told(_, user) => Some(user),
                Connection::Over(connection) => {
                    runtime.block_on(api.owner(&connection)).map_err(refused)?
                }
                Connection::None => None,
            };
            if let Some(user) = user
                && settings.user.is_none_or(|wanted| wanted == user)
            {
                return ctx.request_link("linked", &format!("user:{user}"));
            }
        }
        // A stop ends it.
        ctx.next_request(Duration::from_millis(1))?;
    }
    drop(owners);
    Err(failed("telegram-link-unused", &[("bot", &name)]))
}

impl Network for Bot {
    const NAME: &'static str = "telegram";

    fn normalize(
        &self,
        capture: &Capture<'_>,
        delivery: &[u8],
    ) -> Result<Normalized, NormalizeError> {
        crate::normalize(capture, delivery)
    }

    fn told(&self, delivery: &[u8], reference: &str) -> (Option<[u8; 32]>, Option<u64>) {
        (None, api::told(delivery, reference))
    }

    fn fetch(&self, wanted: Wanted) -> Fetching<Result<Fetched, FetchError>> {
        let api = self.api.clone();
        Box::pin(async move { api.fetch(&wanted).await })
    }

    fn probe(&self) -> Fetching<Saying> {
        let api = self.api.clone();
        Box::pin(async move {
            match api.me().await {
                Ok(_) => Saying::Reached,
                Err(CallError::Token(why)) => Saying::TokenRefused(why),
                Err(CallError::Slow(_)) => Saying::Reached,
                Err(CallError::Conflict(why) | CallError::Refused(why) | CallError::Away(why)) => {
                    Saying::Away(why)
                }
            }
        })
    }

    fn has_files_for(&self) -> i64 {
        self.file_ms
    }
}

fn unfit(name: &'static str) -> KitError {
    failed("telegram-setting", &[("name", name)])
}

fn told(key: &str, error: &dyn std::error::Error) -> KitError {
    let detail = match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    failed(key, &[("detail", &detail)])
}
