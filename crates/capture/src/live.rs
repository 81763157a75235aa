//! Capturing as it happens: a connector that is kept running, behind its last durable position.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use connector::{Field, Position, Start};
use record::{LossWhy, Mode};
use wire::{AccountHandle, RetentionClass};

use crate::agent::{Agent, KeepError};
use crate::child::{ChildError, ConnectorCommand};
use crate::converse::{ConversationError, Ending, Happening, Line, Terms, converse};
use crate::identity::IdentityError;
use crate::local_key::PositionError;
use crate::pulse::{Pulse, Stop};
use crate::spool::SpoolError;

/// First pause before a connector that ended is started again, in milliseconds.
const FIRST_PAUSE_MS: u64 = 1_000;
/// Longest pause.
const LONGEST_PAUSE_MS: u64 = 300_000;
/// A connector that ran for so long was well: the next pause is the first again.
const WELL_MS: i64 = 60_000;

/// An account that is to be captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveJob {
    /// The connector.
    pub connector: ConnectorCommand,
    /// Its network's name, for the account's handle.
    pub network: String,
    /// Stable id of the account.
    pub account: String,
    /// Opaque id of the custodian.
    pub custodian: String,
    /// The connector's settings by name.
    pub settings: Vec<(String, String)>,
    /// Retention class that the records are sealed to.
    pub class: RetentionClass,
}

/// When a connector that ends is started again: a state machine without clock or randomness.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restarts {
    ends: u32,
}

/// Why capturing an account ended. Whoever runs it starts it again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LiveError {
    /// The connector's process.
    #[error("running the connector")]
    Child(#[from] ChildError),
    /// The connector's folder.
    #[error("{}", .0.display())]
    Folder(PathBuf, #[source] io::Error),
    /// The conversation.
    #[error("capturing")]
    Conversation(#[from] ConversationError),
    /// The spool.
    #[error("reading where the source stands")]
    Spool(#[from] SpoolError),
    /// The position was sealed under another local key.
    #[error("reading where the source stands")]
    Position(#[from] PositionError),
    /// A loss could not be recorded.
    #[error("recording a loss")]
    Loss(#[from] KeepError),
    /// The account's secrets.
    #[error("reading the account's secrets")]
    Secrets(#[from] IdentityError),
}

impl Restarts {
    /// No connector has ended.
    pub fn new() -> Self {
        Self::default()
    }

    /// A connector ended after so many milliseconds. Gives the milliseconds to wait; `draw` is
    /// random over all its values.
    pub fn ended(&mut self, ran_ms: i64, draw: u64) -> u64 {
        if ran_ms >= WELL_MS {
            self.ends = 0;
        }
        let longest = FIRST_PAUSE_MS
            .saturating_mul(1 << self.ends.min(16))
            .min(LONGEST_PAUSE_MS);
        self.ends = self.ends.saturating_add(1);
        longest / 2 + draw % (longest / 2 + 1)
    }
}

impl Agent {
    /// Captures an account with the job's connector, in a process of its own, until the connector
    /// ends or `stop` is asked. [`Restarts`] says when to call this again.
    ///
    /// # Errors
    ///
    /// When the connector ended by itself or broke the protocol. What was durable is.
    pub fn capture(
        &self,
        job: &LiveJob,
        stop: &Stop,
        tell: impl FnMut(&Happening),
    ) -> Result<(), LiveError> {
        self.capture_watched(job, stop, &Pulse::default(), None, tell)
    }

    /// As [`capture`](Self::capture), for whoever wants to know when the connector was heard last,
    /// and to end one that gave no sign of life for `patience` milliseconds (CONN-8).
    pub(crate) fn capture_watched(
        &self,
        job: &LiveJob,
        stop: &Stop,
        pulse: &Pulse,
        patience: Option<i64>,
        tell: impl FnMut(&Happening),
    ) -> Result<(), LiveError> {
        let mut running = None;
        let captured = self.converse_live(
            job,
            |folder| {
                let (child, from, to) = job.connector.start(folder)?;
                let line = Line::new(from, to).with_killer(child.killer());
                running = Some(child);
                Ok(line)
            },
            stop,
            (pulse, patience),
            tell,
        );
        if let Some(child) = running {
            child.end();
        }
        captured
    }

    /// Captures with a connector that `connect` starts for its folder, in whatever way, and that
    /// may be without a sign of life for `patience` milliseconds.
    ///
    /// # Errors
    ///
    /// As [`capture`](Self::capture).
    pub fn capture_over(
        &self,
        job: &LiveJob,
        connect: impl FnOnce(&Path) -> Result<Line, LiveError>,
        stop: &Stop,
        patience: Option<i64>,
        tell: impl FnMut(&Happening),
    ) -> Result<(), LiveError> {
        self.converse_live(job, connect, stop, (&Pulse::default(), patience), tell)
    }

    fn converse_live(
        &self,
        job: &LiveJob,
        connect: impl FnOnce(&Path) -> Result<Line, LiveError>,
        stop: &Stop,
        (pulse, patience): (&Pulse, Option<i64>),
        mut tell: impl FnMut(&Happening),
    ) -> Result<(), LiveError> {
        let handle = self.handle(&job.network, &job.account);
        let folder = self.connector_folder(&handle);
        fs::create_dir_all(&folder).map_err(|error| LiveError::Folder(folder.clone(), error))?;
        self.delete_consumed(&folder)?;
        let position = match self.spool().position(&handle)? {
            Some(sealed) => Some(Position::new(
                self.identity().local().open_position(&sealed)?,
            )),
            None => None,
        };
        let mut terms = Terms {
            pulse: pulse.clone(),
            patience,
            ..job.terms(&folder, position, handle)
        };
        // AGENT-8: they stand in no file that people read, and in no log.
        let secrets = self.identity().secrets(&job.network, &job.account)?;
        let secrets = secrets.into_iter().map(|(name, value)| Field(name, value));
        terms.start.settings.extend(secrets);
        let line = connect(&folder)?;
        match converse(self, terms, line, stop, &mut |happening| tell(&happening)) {
            Ok(Ending::Done(_) | Ending::Stopped) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Records that an account was not captured for a time, as an entry of its own.
    ///
    /// # Errors
    ///
    /// When the loss did not become durable.
    pub fn record_gap(
        &self,
        job: &LiveJob,
        why: LossWhy,
        from: canonical::Milliseconds,
        to: canonical::Milliseconds,
    ) -> Result<(), LiveError> {
        self.record_loss_of(job, why, from, to)?;
        Ok(())
    }

    /// Plain files whose sealed copies were durable when a crash came, and that it left behind.
    fn delete_consumed(&self, folder: &Path) -> Result<(), LiveError> {
        let consumed = self.spool().consumed()?;
        if consumed.is_empty() {
            return Ok(());
        }
        let at = |error| LiveError::Folder(folder.to_owned(), error);
        let mut deleted = Vec::new();
        for file in fs::read_dir(folder).map_err(at)? {
            let file = file.map_err(at)?;
            let name = file.file_name();
            let keyed = name
                .to_str()
                .map(|name| self.identity().local().file_name(name));
            if let Some(keyed) = keyed.filter(|keyed| consumed.contains(keyed)) {
                fs::remove_file(file.path()).map_err(at)?;
                deleted.push(keyed);
            }
        }
        self.spool().forget_consumed(&deleted)?;
        Ok(())
    }
}

impl LiveJob {
    fn terms(&self, folder: &Path, position: Option<Position>, handle: AccountHandle) -> Terms {
        let settings = self
            .settings
            .iter()
            .map(|(name, value)| Field(name.clone(), value.clone()))
            .collect();
        Terms {
            start: Start {
                version: connector::VERSION,
                account: self.account.clone(),
                custodian: self.custodian.clone(),
                folder: folder.to_string_lossy().into_owned(),
                settings,
                position,
            },
            mode: Mode::Live,
            class: self.class,
            resume: Some(handle),
            pulse: Pulse::default(),
            patience: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// AGENT-1
    #[test]
    fn pauses_grow_and_begin_anew_after_a_long_run() {
        let mut restarts = Restarts::new();
        let pauses: Vec<u64> = (0..12).map(|_| restarts.ended(10, u64::MAX)).collect();
        assert!(pauses.is_sorted());
        assert!((500..=1_000).contains(&pauses[0]));
        assert!((150_000..=300_000).contains(&pauses[11]));
        assert!(restarts.ended(WELL_MS, 0) <= 1_000);
    }
}
