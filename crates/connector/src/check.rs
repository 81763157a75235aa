//! What a message must keep beyond its structure: versions, limits, plain names.

use canonical::CanonicalError;

use crate::incoming::Incoming;
use crate::limit;
use crate::message::{Down, Event, Field, Hello, Notice, Position, Up, VERSION};

/// Why a frame's content is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// Not canonical, or an unknown choice or key (CONN-6).
    #[error("not a message of the connector protocol")]
    Encoding(#[from] CanonicalError),
    /// Another version (CONN-1).
    #[error("protocol version {found} is not spoken here")]
    Version {
        /// The version named.
        found: u8,
    },
    /// Something is over its limit or under it.
    #[error("{what} has {found} where {least} to {most} are allowed")]
    Limit {
        /// What was counted or measured.
        what: &'static str,
        /// Its count or length.
        found: usize,
        /// Least allowed.
        least: usize,
        /// Most allowed.
        most: usize,
    },
    /// A file name that is not a single plain name (CONN-4).
    #[error("a file name that is not a single name inside the connector's folder")]
    FileName,
    /// A network name outside `[a-z0-9-]{1,32}`.
    #[error("a network's name has other characters than a-z, 0-9 and -")]
    Network,
    /// A kind beyond those of record.md.
    #[error("kind {found} is not known")]
    Kind {
        /// The number given.
        found: u8,
    },
}

impl Up {
    /// Checks all limits.
    ///
    /// # Errors
    ///
    /// The first limit that is broken.
    pub fn check(&self) -> Result<(), MessageError> {
        match self {
            Self::Hello(hello) => hello.check(),
            Self::Event(event) => event.check(),
            Self::State(report) => optional_text("detail", report.detail.as_deref()),
            Self::Progress(_) => Ok(()),
            Self::RequestLink(request) => {
                text("form", &request.form)?;
                text("content", &request.content)
            }
            Self::Sent(sent) => optional_text("id", sent.id.as_deref()),
            Self::Done(done) => optional_text("summary", done.summary.as_deref()),
            Self::Trouble(trouble) => {
                text("key", &trouble.key)?;
                fields("facts", &trouble.facts)
            }
        }
    }
}

impl Down {
    /// Checks all limits.
    ///
    /// # Errors
    ///
    /// The first limit that is broken.
    pub fn check(&self) -> Result<(), MessageError> {
        match self {
            Self::Start(start) => {
                version(start.version)?;
                text("account", &start.account)?;
                text("custodian", &start.custodian)?;
                text("folder", &start.folder)?;
                fields("settings", &start.settings)?;
                start.position.as_ref().map_or(Ok(()), Position::check)
            }
            Self::Link(link) => fields("link", &link.fields),
            Self::Fetch(fetch) => {
                text("conversation", &fetch.conversation)?;
                text("reference", &fetch.reference)
            }
            Self::Notice(notice) => notice.check(),
            // A send is bounded by its frame.
            Self::Durable(_) | Self::Send(_) | Self::Stop(_) => Ok(()),
        }
    }
}

impl Position {
    fn check(&self) -> Result<(), MessageError> {
        within("position", self.as_bytes().len(), 0, limit::POSITION_BYTES)
    }
}

impl Notice {
    /// CONN-10.
    fn check(&self) -> Result<(), MessageError> {
        text("conversation", &self.conversation)?;
        within("texts", self.texts.len(), 1, limit::NOTICE_TEXTS)?;
        for said in &self.texts {
            within("language", said.language.len(), 1, limit::LANGUAGE_BYTES)?;
            within("notice", said.text.len(), 1, limit::NOTICE_BYTES)?;
        }
        Ok(())
    }
}

impl Hello {
    fn check(&self) -> Result<(), MessageError> {
        version(self.version)?;
        text("connector", &self.connector)?;
        text("way in", &self.way)?;
        let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        if !(1..=32).contains(&self.network.len()) || !self.network.bytes().all(plain) {
            return Err(MessageError::Network);
        }
        within("coverage", self.coverage.len(), 0, limit::COVERAGE_ROWS)?;
        for row in &self.coverage {
            if row.kind > 14 {
                return Err(MessageError::Kind { found: row.kind });
            }
            optional_text("remark", row.remark.as_deref())?;
        }
        Ok(())
    }
}

impl Event {
    fn check(&self) -> Result<(), MessageError> {
        within("event", self.records.len(), 1, limit::EVENT_RECORDS)?;
        for record in &self.records {
            record.check()?;
        }
        self.position.as_ref().map_or(Ok(()), Position::check)
    }
}

impl Incoming {
    fn check(&self) -> Result<(), MessageError> {
        within(
            "parts",
            self.parts().len(),
            limit::MIN_PARTS,
            limit::MAX_PARTS,
        )?;
        let attachments = self.parts().len() - limit::MIN_PARTS;
        within("files", self.files().len(), 0, attachments)?;
        for file in self.files() {
            within(
                "attachment index",
                file.attachment as usize,
                0,
                attachments.saturating_sub(1),
            )?;
            if !is_single_name(&file.name) {
                return Err(MessageError::FileName);
            }
        }
        Ok(())
    }
}

/// CONN-4: a name that can only mean an entry of the folder itself.
fn is_single_name(name: &str) -> bool {
    (1..=limit::FILE_NAME_BYTES).contains(&name.len())
        && name != "."
        && name != ".."
        && !name.contains(['/', '\\', '\0', ':'])
}

fn version(found: u8) -> Result<(), MessageError> {
    if found == VERSION {
        Ok(())
    } else {
        Err(MessageError::Version { found })
    }
}

fn within(what: &'static str, found: usize, least: usize, most: usize) -> Result<(), MessageError> {
    if (least..=most).contains(&found) {
        return Ok(());
    }
    Err(MessageError::Limit {
        what,
        found,
        least,
        most,
    })
}

fn text(what: &'static str, text: &str) -> Result<(), MessageError> {
    within(what, text.len(), 0, limit::TEXT_BYTES)
}

fn optional_text(what: &'static str, value: Option<&str>) -> Result<(), MessageError> {
    value.map_or(Ok(()), |value| text(what, value))
}

fn fields(what: &'static str, fields: &[Field]) -> Result<(), MessageError> {
    within(what, fields.len(), 0, limit::FIELDS)?;
    for Field(name, value) in fields {
        text(what, name)?;
        text(what, value)?;
    }
    Ok(())
}
