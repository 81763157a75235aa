//! Importing an export: a connector that reads it to its end, once.

use std::fs;
use std::path::{Path, PathBuf};

use canonical::Milliseconds;
use connector::{Field, Start};
use record::Mode;
use wire::RetentionClass;

use crate::agent::Agent;
use crate::child::{ChildError, ConnectorCommand};
use crate::converse::{ConversationError, Ending, Happening, Kept, Line, Terms, converse};
use crate::pulse::{Pulse, Stop};

/// What is to be imported, and how.
#[derive(Clone, Debug)]
pub struct ImportJob {
    /// The connector.
    pub connector: ConnectorCommand,
    /// Stable id of the account that the export is of.
    pub account: String,
    /// Opaque id of the custodian.
    pub custodian: String,
    /// The connector's settings by name, among them where the export is. Paths are absolute: a
    /// connector runs in a folder of its own.
    pub settings: Vec<(String, String)>,
    /// Retention class that the records are sealed to.
    pub class: RetentionClass,
}

/// What an import came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportSummary {
    /// What became durable.
    pub kept: Kept,
    /// Records that the connector counted.
    pub read: u64,
    /// It was stopped before its end.
    pub stopped: bool,
    /// When it began.
    pub began: Milliseconds,
    /// When it ended.
    pub ended: Milliseconds,
}

/// Why an import ended early. What was durable is; running it again takes the rest.
#[derive(Debug, thiserror::Error)]
#[error("the import ended early; {} records are kept, run it again for the rest", kept.new)]
pub struct ImportError {
    /// What became durable before.
    pub kept: Kept,
    /// Why it ended.
    #[source]
    pub why: Box<ImportFailure>,
}

/// Why an import ended early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportFailure {
    /// The connector's process.
    #[error("running the connector")]
    Child(#[from] ChildError),
    /// The connector's folder.
    #[error("making the connector's folder {}", .0.display())]
    Folder(PathBuf, #[source] std::io::Error),
    /// The conversation.
    #[error("importing")]
    Conversation(#[from] ConversationError),
}

impl Agent {
    /// Imports an export with the job's connector, in a process of its own, to its end, or until `stop` is
    /// asked. `tell` hears what happens, in the caller's thread.
    ///
    /// # Errors
    ///
    /// When it ended early; what was durable is.
    pub fn import(
        &self,
        job: &ImportJob,
        stop: &Stop,
        tell: impl FnMut(&Happening),
    ) -> Result<ImportSummary, ImportError> {
        let mut running = None;
        let imported = self.import_over(
            job,
            |folder| {
                let (child, from, to) = job.connector.start(folder)?;
                let line = Line::new(from, to).with_killer(child.killer());
                running = Some(child);
                Ok(line)
            },
            stop,
            tell,
        );
        if let Some(child) = running {
            child.end();
        }
        imported
    }

    /// Imports with a connector that `connect` starts for its folder, in whatever way; the job's
    /// own command is not run.
    ///
    /// # Errors
    ///
    /// When it ended early; what was durable is.
    pub fn import_over(
        &self,
        job: &ImportJob,
        connect: impl FnOnce(&Path) -> Result<Line, ImportFailure>,
        stop: &Stop,
        mut tell: impl FnMut(&Happening),
    ) -> Result<ImportSummary, ImportError> {
        let mut kept = Kept::default();
        let imported = self.run_import(job, connect, stop, &mut |happening| {
            if let Happening::Durable(more) = &happening {
                kept.add(more);
            }
            tell(&happening);
        });
        match imported {
            Ok(summary) => Ok(ImportSummary { kept, ..summary }),
            Err(why) => Err(ImportError {
                kept,
                why: Box::new(why),
            }),
        }
    }

    fn run_import(
        &self,
        job: &ImportJob,
        connect: impl FnOnce(&Path) -> Result<Line, ImportFailure>,
        stop: &Stop,
        tell: &mut dyn FnMut(Happening),
    ) -> Result<ImportSummary, ImportFailure> {
        let mut name = [0; 8];
        self.environment().randomness().fill(&mut name);
        let folder = self.import_folder(&canonical::hex(&name));
        fs::create_dir_all(&folder)
            .map_err(|error| ImportFailure::Folder(folder.clone(), error))?;
        let began = self.environment().now();
        let ending = connect(&folder)
            .and_then(|line| Ok(converse(self, job.terms(&folder), line, stop, tell)?));
        // Plain files that are not durable are read from the export again.
        let _ = fs::remove_dir_all(&folder);
        let (read, stopped) = match ending? {
            Ending::Done(done) => (done.records, false),
            Ending::Stopped => (0, true),
        };
        Ok(ImportSummary {
            kept: Kept::default(),
            read,
            stopped,
            began,
            ended: self.environment().now(),
        })
    }
}

impl ImportJob {
    fn terms(&self, folder: &Path) -> Terms {
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
                position: None,
            },
            mode: Mode::Import,
            class: self.class,
            resume: None,
            pulse: Pulse::default(),
            patience: None,
        }
    }
}
