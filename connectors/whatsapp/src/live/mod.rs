//! The connector as a process: Meta's deliveries come in at a listener, and go to the agent.

mod door;
mod graph;
mod settings;

use std::io::{Read, Write};
use std::sync::mpsc::channel;

use business::{
    FetchError, Fetched, Fetching, FolderKey, Inbox, Line, LineSettings, Listener, Network, Saying,
    Teller, Wanted, client,
};
use connector::Hello;
use connector::kit::{self, Context, KitError, failed};
use connector::normal::{Capture, NormalizeError, Normalized};
use record::{Assurance, Milliseconds, Mode, NetworkName, Source, TextId};
use tokio::runtime::Runtime;

pub use door::fuzz_door;

use door::MetaDoor;
use graph::Graph;
use settings::{Scope, Settings};

/// Name and version in every record.
const CONNECTOR: &str = concat!("whatsapp/", env!("CARGO_PKG_VERSION"));
const WAY: &str = "cloud-api";

/// Meta's interface for one number, or for all of a business.
struct Cloud {
    graph: Graph,
    scope: Scope,
    media_ms: i64,
}

/// Captures the account that the agent names, or looks whether it is there (setting `link`), speaking
/// the connector protocol.
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
        network: NetworkName::WHATSAPP.as_str().to_owned(),
        coverage: crate::coverage(),
        notices: false,
    })?;
    let settings = Settings::of(ctx.start()).map_err(unfit)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| told("whatsapp-start", &error))?;
    let outcome = with_runtime(ctx, clock, settings, &runtime);
    // A request in the middle gets no answer, and Meta sends it again.
    runtime.shutdown_background();
    outcome
}

fn with_runtime(
    ctx: &mut Context<'_>,
    clock: fn() -> Milliseconds,
    settings: Settings,
    runtime: &Runtime,
) -> Result<(), KitError> {
    let client = client(settings.ca.as_deref()).map_err(|e| told("whatsapp-start", &e))?;
    let cloud = Cloud {
        graph: Graph::new(
            client.clone(),
            settings.graph,
            settings.access_token,
            settings.scope.number(),
            settings.media_bytes,
        ),
        scope: settings.scope,
        media_ms: settings.media_ms,
    };
    if settings.link {
        return link(ctx, &cloud, runtime);
    }
    let id = |text: &str, what: &'static str| TextId::new(text).map_err(|_| unfit(what));
    let source = Source {
        network: NetworkName::WHATSAPP,
        account: id(&ctx.start().account, "account")?,
        custodian: id(&ctx.start().custodian, "custodian")?,
        connector: id(&format!("{CONNECTOR} {WAY}"), "connector")?,
        assurance: Assurance::Business,
        mode: Mode::Live,
    };
    let folder = ctx.folder().to_owned();
    let key = FolderKey::of(&folder, settings.folder_key.as_deref())
        .map_err(|error| told("whatsapp-inbox", &error))?;
    let inbox = Inbox::open(&folder, key.clone())
        .map_err(|error| told("whatsapp-inbox", &error))?
        .shared();
    let (sender, heard) = channel();
    let teller = Teller::new(sender, ctx.waker());
    let door = MetaDoor::new(
        &settings.app_secret,
        settings.verify_token,
        cloud.scope.number(),
        settings.pass,
    );
    let listener = Listener::start(
        settings.endpoint,
        door,
        inbox.clone(),
        teller.clone(),
        client,
    );
    let listener = runtime
        .block_on(listener)
        .map_err(|error| told("whatsapp-listen", &error))?;
    let mut line = Line::new(
        cloud,
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
    // For whoever looks at the connector's evidence.
    let _ = writeln!(std::io::stderr(), "listening on {}", listener.address());
    let ended = line.run(ctx, &heard);
    drop(listener);
    ended
}

/// CONN-9: says which account it is, once the token opens it.
fn link(ctx: &mut Context<'_>, cloud: &Cloud, runtime: &Runtime) -> Result<(), KitError> {
    match runtime.block_on(cloud.graph.look(cloud.scope.id())) {
        Saying::Answered => ctx.request_link("linked", &cloud.scope.account()),
        Saying::TokenRefused(why) => Err(failed("whatsapp-token", &[("detail", &why)])),
        Saying::Away(why) => Err(failed("whatsapp-away", &[("detail", &why)])),
        other => Err(failed(
            "whatsapp-away",
            &[("detail", &format!("{other:?}"))],
        )),
    }
}

impl Network for Cloud {
    const NAME: &'static str = "whatsapp";

    fn normalize(
        &self,
        capture: &Capture<'_>,
        delivery: &[u8],
    ) -> Result<Normalized, NormalizeError> {
        crate::normalize_number(capture, self.scope.number(), delivery)
    }

    fn told(&self, delivery: &[u8], reference: &str) -> (Option<[u8; 32]>, Option<u64>) {
        graph::told(delivery, reference)
    }

    fn fetch(&self, wanted: Wanted) -> Fetching<Result<Fetched, FetchError>> {
        self.graph.fetch(wanted)
    }

    fn probe(&self) -> Fetching<Saying> {
        let (graph, id) = (self.graph.clone(), self.scope.id().to_owned());
        Box::pin(async move { graph.look(&id).await })
    }

    fn has_files_for(&self) -> i64 {
        self.media_ms
    }
}

fn unfit(name: &'static str) -> KitError {
    failed("whatsapp-setting", &[("name", name)])
}

fn told(key: &str, error: &dyn std::error::Error) -> KitError {
    let detail = match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    failed(key, &[("detail", &detail)])
}
