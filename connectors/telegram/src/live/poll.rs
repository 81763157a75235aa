//! Asking for updates. An answer's updates are confirmed by the next question, which is asked only
//! when they are in the inbox.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use business::{InboxError, LossNote, Saying, SharedInbox, Teller, now};

use super::api::{Api, CallError, Update, noted};
use super::owners::{Owner, Owners};

/// When updates were last asked for with success.
const POLLED: &str = "polled";
/// Telegram keeps updates for 24 hours; ten minutes are for clocks that differ.
const KEPT_MS: i64 = 86_400_000 - 600_000;
/// Between two notes of the time.
const NOTED_MS: i64 = 30_000;
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// One bot's questions.
pub(crate) struct Poll {
    pub(crate) api: Api,
    pub(crate) owners: Owners,
    pub(crate) inbox: SharedInbox,
    pub(crate) teller: Teller,
    pub(crate) folder: PathBuf,
    pub(crate) wait: Duration,
}

impl Poll {
    /// Asks until the connector ends.
    pub(crate) async fn run(self) {
        let mut offset = None;
        let mut failures = 0_u32;
        let mut last = noted(&self.folder, POLLED).and_then(|text| text.trim().parse().ok());
        loop {
            let pause = match self.api.updates(offset, self.wait).await {
                Ok(updates) => {
                    self.teller.tell(Saying::Answered);
                    match self.keep(&mut last, updates).await {
                        Ok(next) => {
                            offset = next.or(offset);
                            failures = 0;
                            continue;
                        }
                        Err(pause) => pause,
                    }
                }
                Err(error) => self.failed(error).await,
            };
            // Doubled with every failure in a row, and as long as Telegram asks for.
            let grown = FIRST_PAUSE.saturating_mul(1 << failures.min(16));
            failures = failures.saturating_add(1);
            tokio::time::sleep(grown.min(LONGEST_PAUSE).max(pause)).await;
        }
    }

    /// Keeps what is the custodian's; gives the number that confirms all of it.
    async fn keep(
        &self,
        last: &mut Option<i64>,
        updates: Vec<Update>,
    ) -> Result<Option<i64>, Duration> {
        let mut next = None;
        for update in updates {
            match self.owners.of(&self.api, &update.bytes).await {
                Ok(Owner::Own) => self.put(update.bytes).await?,
                Ok(Owner::Stranger(who)) => self.teller.tell(Saying::Stranger(who)),
                Err(error) => return Err(self.failed(error).await),
            }
            next = Some(update.id.saturating_add(1));
        }
        let at = now().get();
        if let Some(from) = last.filter(|from| at.saturating_sub(*from) > KEPT_MS) {
            self.lost(from, at).await?;
        }
        if last.is_none_or(|from| at.saturating_sub(from) > NOTED_MS) {
            *last = Some(at);
            let path = self.folder.join(POLLED);
            let fresh = path.with_extension("new");
            let written = std::fs::write(&fresh, at.to_string());
            let _ = written.and_then(|()| std::fs::rename(&fresh, path));
        }
        Ok(next)
    }

    async fn put(&self, bytes: Vec<u8>) -> Result<(), Duration> {
        let inbox = Arc::clone(&self.inbox);
        self.kept(move || {
            let mut inbox = inbox.lock().unwrap_or_else(PoisonError::into_inner);
            inbox.keep(now(), &bytes).map(|_| ())
        })
        .await
    }

    /// Telegram has dropped what is older than a day.
    async fn lost(&self, from: i64, to: i64) -> Result<(), Duration> {
        let note = LossNote {
            why: "offline".to_owned(),
            from: Some(from),
            to: Some(to.saturating_sub(KEPT_MS)),
            detail: "no update was fetched for longer than Telegram keeps them".to_owned(),
        };
        let inbox = Arc::clone(&self.inbox);
        self.kept(move || {
            let mut inbox = inbox.lock().unwrap_or_else(PoisonError::into_inner);
            inbox.keep_loss(now(), &note).map(|_| ())
        })
        .await
    }

    async fn kept(
        &self,
        put: impl FnOnce() -> Result<(), InboxError> + Send + 'static,
    ) -> Result<(), Duration> {
        match tokio::task::spawn_blocking(put).await {
            Ok(Ok(())) => {
                self.teller.tell(Saying::Kept);
                Ok(())
            }
            Ok(Err(error)) => {
                self.teller.tell(Saying::Refused(error.to_string()));
                Err(Duration::ZERO)
            }
            Err(_) => Err(Duration::ZERO),
        }
    }

    /// Tells; gives the least pause.
    async fn failed(&self, error: CallError) -> Duration {
        match error {
            CallError::Token(why) => self.teller.tell(Saying::TokenRefused(why)),
            CallError::Conflict(why) if why.contains("webhook") => {
                // A webhook from before: we ask now.
                if let Err(error) = self.api.delete_hook().await {
                    self.teller.tell(Saying::Rival(format!("{why}; {error:?}")));
                }
            }
            CallError::Conflict(why) => self.teller.tell(Saying::Rival(why)),
            CallError::Slow(after) => return after,
            CallError::Refused(why) | CallError::Away(why) => self.teller.tell(Saying::Away(why)),
        }
        Duration::ZERO
    }
}
